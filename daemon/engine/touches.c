#include "engine/touches.h"

#include <stdlib.h>

#include "base/avro.h"
#include "base/contract.h"
#include "base/fault.h"
#include "base/str.h"

jd_time jd_touch_time(const struct jd_event *event)
{
    return event->start != JD_TIME_NONE ? event->start : event->time;
}

jd_time jd_touch_recorded(const struct jd_event *event)
{
    return event->recorded_at != JD_TIME_NONE ? event->recorded_at : event->time;
}

bool jd_touch_stands(const struct jd_engagement *engagement)
{
    bool cancelled = engagement->event.phase == JD_PHASE_CANCELLED && !jd_fault_bug("cancel_ignored");
    return !cancelled && engagement->lapsed != JD_TRUE;
}

/* A JSON string, escaped only where RFC 8259 demands it. */
static void json_string(struct jd_buf *buf, struct jd_str s)
{
    jd_buf_byte(buf, '"');
    for (uint32_t i = 0; i < s.size; i++) {
        unsigned char byte = (unsigned char)s.ptr[i];
        if (byte == '"' || byte == '\\') {
            jd_buf_byte(buf, '\\');
            jd_buf_byte(buf, byte);
        } else if (byte < 0x20) {
            jd_buf_printf(buf, "\\u%04x", byte);
        } else {
            jd_buf_byte(buf, byte);
        }
    }
    jd_buf_byte(buf, '"');
}

struct jd_str jd_event_name(const struct jd_event *event, struct jd_arena *arena)
{
    struct jd_buf buf;
    jd_buf_init(&buf, arena);
    jd_buf_byte(&buf, '[');
    json_string(&buf, event->source);
    jd_buf_byte(&buf, ',');
    json_string(&buf, event->id);
    jd_buf_byte(&buf, ']');
    return jd_buf_done(&buf);
}

struct jd_str jd_engagement_key(const struct jd_event *event, struct jd_arena *arena)
{
    return event->engagement_id.ptr != NULL ? event->engagement_id : jd_event_name(event, arena);
}

int jd_version_cmp(const struct jd_event *a, const struct jd_event *b)
{
    jd_time x = jd_touch_recorded(a), y = jd_touch_recorded(b);
    if (x != y)
        return x < y ? -1 : 1;
    if (a->phase != b->phase)
        return a->phase < b->phase ? -1 : 1;
    int order = jd_fault_bug("tie_order") ? jd_str_cmp(b->id, a->id) : jd_str_cmp(a->id, b->id);
    return order != 0 ? order : jd_str_cmp(a->source, b->source);
}

/* ---- reading what was stored ---- */

/* The bytes are copied first: what is read outlives the entry. */
static void *read_body(const struct jd_entry *entry, struct jd_arena *arena)
{
    const struct jd_record *record = jd_entry_records[entry->kind - 1];
    struct jd_error err;
    void *value = jd_arena_alloc(arena, record->size);
    if (!jd_avro_read(record, jd_arena_str(arena, jd_entry_body(entry)), arena, value, &err))
        abort(); /* it was read when it was stored */
    return value;
}

const struct jd_engagement *jd_entry_read_engagement(const struct jd_entry *entry, struct jd_arena *arena)
{
    return read_body(entry, arena);
}

const struct jd_alert *jd_entry_read_alert(const struct jd_entry *entry, struct jd_arena *arena)
{
    return &((const struct jd_alert_entry *)read_body(entry, arena))->alert;
}

const struct jd_deadline_entry *jd_entry_read_deadline(const struct jd_entry *entry, struct jd_arena *arena)
{
    return read_body(entry, arena);
}

const struct jd_period_entry *jd_entry_read_period(const struct jd_entry *entry, struct jd_arena *arena)
{
    return read_body(entry, arena);
}

const struct jd_hcp_profile *jd_state_profile(const struct jd_state *state, struct jd_arena *arena)
{
    const struct jd_entry *entry = jd_state_entry(state, JD_ENTRY_HCP, JD_STR("-"));
    if (entry == NULL)
        return NULL;
    const struct jd_hcp_entry *hcp = read_body(entry, arena);
    return hcp->profile.hcp_id.ptr == NULL ? NULL : &hcp->profile;
}

/* ---- the view of rules ---- */

static const struct jd_zone *zone_of_name(const struct jd_program *program, struct jd_str name)
{
    for (uint32_t i = 0; name.ptr != NULL && i < program->zone_count; i++)
        if (jd_str_eq(program->zones[i].name, name))
            return &program->zones[i];
    return NULL;
}

static const struct jd_zone *zone_of_market(const struct jd_program *program, struct jd_str country)
{
    for (uint32_t i = 0; country.ptr != NULL && i < program->market_count; i++)
        if (jd_str_eq(program->markets[i].country, country))
            return program->markets[i].zone;
    return NULL;
}

struct jd_touches jd_touches_view(const struct jd_fold *fold, const struct jd_state *state,
                                  struct jd_arena *arena)
{
    return (struct jd_touches){.fold = fold, .state = state, .arena = arena, .now = fold->now};
}

static const struct jd_zone *zone_of(struct jd_touches *view, const struct jd_event *event)
{
    const struct jd_program *program = view->fold->program;
    if (!view->zone_known) {
        const struct jd_hcp_profile *profile = jd_state_profile(view->state, view->arena);
        view->zone_known = true;
        view->zone = profile == NULL ? NULL : zone_of_name(program, profile->zone);
        if (profile != NULL && view->zone == NULL)
            view->zone = zone_of_market(program, profile->country);
    }
    const struct jd_zone *market = view->zone == NULL ? zone_of_market(program, event->country) : view->zone;
    return market == NULL ? program->default_zone : market;
}

struct jd_touch *jd_touches_open(struct jd_touches *view, const struct jd_entry *entry)
{
    for (struct jd_touch *at = view->opened; at != NULL; at = at->next)
        if (at->entry == entry)
            return at;
    struct jd_touch *touch = jd_arena_alloc(view->arena, sizeof *touch);
    *touch = (struct jd_touch){.entry = entry,
                               .time = entry->time,
                               .class = entry->class,
                               .phase = entry->phase,
                               .key = jd_entry_engagement(entry),
                               .bits = jd_entry_bits(view->fold, entry),
                               .next = view->opened};
    view->opened = touch;
    return touch;
}

static void load(struct jd_touches *view, struct jd_touch *touch, const struct jd_event *event)
{
    struct jd_event *copy = jd_arena_alloc(view->arena, sizeof *copy);
    *copy = *event;
    copy->engagement_id = touch->key;
    touch->event = copy;
    touch->zone = zone_of(view, event);
}

void jd_touch_load(struct jd_touches *view, struct jd_touch *touch)
{
    if (touch->event != NULL)
        return;
    const struct jd_engagement *engagement = jd_entry_read_engagement(touch->entry, view->arena);
    touch->key = engagement->key;
    load(view, touch, &engagement->event);
}

static struct jd_touch *absent_touch(struct jd_touches *view, uint8_t class, const struct jd_event *event,
                                     struct jd_str key)
{
    struct jd_touch *touch = jd_arena_alloc(view->arena, sizeof *touch);
    uint64_t *bits = jd_arena_array(view->arena, view->fold->selectors.words, sizeof *bits);
    *touch = (struct jd_touch){
        .time = jd_touch_time(event), .class = class, .phase = event->phase, .key = key, .bits = bits};
    jd_selectors_match(&view->fold->selectors, class, event, bits);
    load(view, touch, event);
    return touch;
}

struct jd_touch *jd_touches_suppose(struct jd_touches *view, const struct jd_event *event, struct jd_str key)
{
    return absent_touch(view, JD_CLASS_TOUCH, event, key);
}

struct jd_touch *jd_touches_gone(struct jd_touches *view, const struct jd_engagement *engagement)
{
    struct jd_touch *touch = absent_touch(view, engagement->class, &engagement->event, engagement->key);
    touch->gone = true;
    return touch;
}

bool jd_touches_hide(const struct jd_touches *view, const struct jd_entry *entry)
{
    return view->hidden.ptr != NULL && entry->class == JD_CLASS_TOUCH &&
           jd_str_eq(jd_entry_engagement(entry), view->hidden);
}

struct jd_str jd_touch_name(const struct jd_touch *touch, struct jd_arena *arena)
{
    return touch->class == JD_CLASS_TOUCH ? touch->key : jd_event_name(touch->event, arena);
}

uint32_t jd_touches_from(const struct jd_touches *view, jd_time from)
{
    uint32_t low = 0, high = view->state == NULL ? 0 : view->state->touch_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (view->state->touches[middle].time < from)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

#include "engine/notes.h"

#include "base/avro.h"
#include "base/contract.h"
#include "base/fault.h"
#include "base/str.h"

static enum jd_fact fact_of(const struct jd_event *event)
{
    const struct jd_event_type *type = jd_event_type_of(event->type);
    return type == NULL ? JD_FACT_NONE : (enum jd_fact)type->fact;
}

bool jd_is_note(const struct jd_event *event)
{
    const enum jd_fact fact = fact_of(event);
    return fact == JD_FACT_ACKNOWLEDGEMENT || fact == JD_FACT_OVERRIDE;
}

struct jd_str jd_note_key(const struct jd_event *event, struct jd_arena *arena)
{
    const struct jd_pair *pairs = event->attributes.items;
    for (uint32_t i = 0; i < event->attributes.count; i++)
        if (jd_str_eq(pairs[i].key, JD_STR("alert_key")))
            return pairs[i].value;
    const struct jd_str parts[] = {JD_STR("hcp:"), event->hcp_id};
    return jd_arena_join(arena, parts, JD_COUNT(parts));
}

jd_time jd_note_due(const struct jd_event *event, jd_time now)
{
    const jd_time from = jd_touch_time(event);
    return from > now ? from : event->end > now ? event->end : JD_NEVER;
}

static bool is_valid(const struct jd_event *event, jd_time now)
{
    return jd_touch_time(event) <= now && (now < event->end || jd_fault_bug("note_never_ends"));
}

static bool stands_before(const struct jd_note *a, const struct jd_note *b)
{
    if (a->from != b->from)
        return a->from > b->from;
    const int order = jd_str_cmp(a->source, b->source);
    return order != 0 ? order > 0 : jd_str_cmp(a->id, b->id) > 0;
}

void jd_notes_put(const struct jd_step *step, struct jd_alert *alert)
{
    uint32_t from, to;
    jd_record_clear(&jd_note_record, &alert->acknowledged);
    jd_record_clear(&jd_note_record, &alert->overridden);
    if (step->state == NULL || step->state->notes == 0)
        return;
    jd_state_range(step->state, JD_ENTRY_ENGAGEMENT, &from, &to);
    for (; from < to; from++) {
        const struct jd_slot *slot = &step->state->slots[from];
        if ((slot->flags & JD_SLOT_NOTE) == 0)
            continue;
        const struct jd_event *event = &jd_slot_engagement(step->key, slot, step->arena)->event;
        if (!jd_str_eq(event->responds_to, alert->alert_id) || !is_valid(event, step->now) ||
            !jd_str_eq(jd_note_key(event, step->arena), step->key))
            continue;
        const struct jd_note note = {.actor_id = event->actor.id,
                                     .reason = event->outcome.reason,
                                     .from = jd_touch_time(event),
                                     .until = event->end,
                                     .source = event->source,
                                     .id = event->id};
        struct jd_note *held = fact_of(event) == JD_FACT_OVERRIDE ? &alert->overridden : &alert->acknowledged;
        if (held->actor_id.ptr == NULL || stands_before(&note, held))
            *held = note;
    }
}

static bool same(const struct jd_note *a, const struct jd_note *b, struct jd_arena *arena)
{
    return (a->actor_id.ptr == NULL && b->actor_id.ptr == NULL) ||
           jd_str_eq(jd_avro_bytes(&jd_note_record, a, arena), jd_avro_bytes(&jd_note_record, b, arena));
}

bool jd_notes_same(const struct jd_alert *a, const struct jd_alert *b, struct jd_arena *arena)
{
    return same(&a->acknowledged, &b->acknowledged, arena) && same(&a->overridden, &b->overridden, arena);
}

bool jd_note_is_late(const struct jd_step *step, const struct jd_event *event)
{
    return jd_str_eq(jd_note_key(event, step->arena), step->key) &&
           jd_state_slot(step->state, JD_ENTRY_ALERT, 0, event->responds_to, step->arena) == NULL &&
           jd_state_slot(step->state, JD_ENTRY_FINAL, 0, event->responds_to, step->arena) != NULL;
}

#include "engine/touches.h"

#include "base/contract.h"
#include "base/fault.h"

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

/* ---- the view of rules ---- */

enum { OPENED_MIN = 16 };

static const struct jd_zone *zone_of_name(const struct jd_program *program, struct jd_str name)
{
    for (uint32_t i = 0; name.ptr != NULL && i < program->zone_count; i++)
        if (jd_str_eq(program->zones[i].name, name))
            return &program->zones[i];
    return NULL;
}

static const struct jd_market *market_of(const struct jd_program *program, struct jd_str country)
{
    for (uint32_t i = 0; country.ptr != NULL && i < program->market_count; i++)
        if (jd_str_eq(program->markets[i].country, country))
            return &program->markets[i];
    return NULL;
}

struct jd_touches jd_touches_view(const struct jd_fold *fold, const struct jd_state *state,
                                  struct jd_arena *arena)
{
    return (struct jd_touches){.fold = fold,
                               .state = state,
                               .arena = arena,
                               .now = fold->now,
                               .hidden_class = JD_CLASS_TOUCH,
                               .shared = state != NULL && !jd_key_is_hcp(jd_state_key(state))};
}

struct jd_touches *jd_touches_on(struct jd_touches *view, bool logged)
{
    if (view->logged == logged)
        return view;
    if (view->other == NULL) {
        view->other = jd_arena_alloc(view->arena, sizeof *view->other);
        *view->other = jd_touches_view(view->fold, view->state, view->arena);
        view->other->logged = logged;
        view->other->other = view;
        view->other->now = view->now;
        view->other->asker = view->asker;
    }
    return view->other;
}

/* What an account's profile says, as a physician's would; other keys have none. */
static const struct jd_hcp_profile *account_profile(const struct jd_touches *view)
{
    const struct jd_account_profile *account = jd_state_account(view->state, view->arena);
    if (account == NULL || jd_fault_bug("scope_profile_ignored"))
        return NULL;
    struct jd_hcp_profile *profile = jd_arena_alloc(view->arena, sizeof *profile);
    jd_record_clear(&jd_hcp_profile_record, profile);
    profile->country = account->country;
    profile->zone = account->zone;
    profile->access = account->access;
    profile->attributes = account->attributes;
    return profile;
}

const struct jd_hcp_profile *jd_touches_profile(struct jd_touches *view)
{
    if (!view->profile_known)
        view->profile = view->shared ? account_profile(view) : jd_state_profile(view->state, view->arena);
    view->profile_known = true;
    return view->profile;
}

const struct jd_facts *jd_touches_facts(struct jd_touches *view)
{
    if (view->facts != NULL)
        return view->facts;
    struct jd_facts *facts = jd_arena_alloc(view->arena, sizeof *facts);
    *facts = (struct jd_facts){.arena = view->arena};
    uint32_t from = 0, to = 0;
    jd_facts_add_profile(facts, jd_touches_profile(view));
    if (view->state != NULL)
        jd_state_range(view->state, JD_ENTRY_ENGAGEMENT, &from, &to);
    for (; from < to; from++) {
        const struct jd_slot *slot = &view->state->slots[from];
        if ((slot->flags & JD_SLOT_STANDS) && slot->class == JD_CLASS_FACT)
            jd_facts_add_event(facts, jd_slot_engagement(jd_state_key(view->state), slot, view->arena));
    }
    return view->facts = facts;
}

/* The key's own zone and market, NULL: each touch is reckoned in its own. */
static void find_zone(struct jd_touches *view)
{
    const struct jd_program *program = view->fold->program;
    const struct jd_hcp_profile *profile = jd_touches_profile(view);
    view->market = profile == NULL ? NULL : market_of(program, profile->country);
    view->zone = profile == NULL ? NULL : zone_of_name(program, profile->zone);
    if (view->zone == NULL && view->market != NULL)
        view->zone = view->market->zone;
}

struct jd_str jd_touches_jurisdiction(struct jd_touches *view, const struct jd_event *event)
{
    if (event->jurisdiction.ptr != NULL || event->country.ptr != NULL)
        return event->jurisdiction.ptr != NULL ? event->jurisdiction : event->country;
    const struct jd_hcp_profile *profile = jd_touches_profile(view);
    return profile != NULL ? profile->country : (struct jd_str){0};
}

const struct jd_market *jd_touches_market(struct jd_touches *view, const struct jd_program *program,
                                          const struct jd_event *event)
{
    const struct jd_hcp_profile *profile = jd_touches_profile(view);
    const struct jd_market *market = profile == NULL ? NULL : market_of(program, profile->country);
    return market != NULL ? market : market_of(program, event->country);
}

/* A zone with a market's business days. Few differ within a view: the last one is kept. */
static const struct jd_zone *with_workdays(struct jd_touches *view, const struct jd_zone *zone,
                                           const struct jd_workdays *workdays)
{
    const struct jd_zone *last = view->worked;
    if (last != NULL && last->workdays == workdays && last->at == zone->at && last->offsets == zone->offsets)
        return last;
    struct jd_zone *copy = jd_arena_alloc(view->arena, sizeof *copy);
    *copy = *zone;
    copy->workdays = workdays;
    view->worked = copy;
    return copy;
}

const struct jd_zone *jd_touches_own_zone(struct jd_touches *view)
{
    const struct jd_program *program = view->fold->program;
    if (!view->zone_known) {
        view->zone_known = true;
        find_zone(view);
    }
    return view->zone == NULL && program->market_count == 0 ? program->default_zone : view->zone;
}

const struct jd_zone *jd_touches_zone(struct jd_touches *view, const struct jd_event *event)
{
    const struct jd_program *program = view->fold->program;
    (void)jd_touches_own_zone(view);
    const struct jd_market *market = view->market;
    if (market == NULL && event != NULL)
        market = market_of(program, event->country);
    const struct jd_zone *zone = view->zone != NULL ? view->zone
                                 : market != NULL   ? market->zone
                                                    : program->default_zone;
    return market == NULL || !program->workdays ? zone : with_workdays(view, zone, &market->workdays);
}

/* Where a touch is, or would be put. */
static uint32_t opened_place(const struct jd_touches *view, const struct jd_entry *entry)
{
    uint32_t mask = view->opened_places - 1;
    uint32_t at = (uint32_t)(((uintptr_t)entry >> 4) * UINT64_C(0x9e3779b97f4a7c15) >> 40) & mask;
    while (view->opened[at] != NULL && view->opened[at]->slot.entry != entry)
        at = (at + 1) & mask;
    return at;
}

static void grow_opened(struct jd_touches *view)
{
    struct jd_touch **old = view->opened;
    uint32_t places = view->opened_places;
    view->opened_places = places == 0 ? OPENED_MIN : places * 4;
    view->opened = jd_arena_array(view->arena, view->opened_places, sizeof(struct jd_touch *));
    for (uint32_t i = 0; i < places; i++)
        if (old[i] != NULL)
            view->opened[opened_place(view, old[i]->slot.entry)] = old[i];
}

struct jd_touch *jd_touches_open(struct jd_touches *view, const struct jd_slot *slot)
{
    if (view->opened_count * 2 >= view->opened_places)
        grow_opened(view);
    uint32_t place = opened_place(view, slot->entry);
    if (view->opened[place] != NULL)
        return view->opened[place];
    struct jd_touch *touch = jd_arena_alloc(view->arena, sizeof *touch);
    *touch = (struct jd_touch){.slot = *slot,
                               .time = slot->time,
                               .class = slot->class,
                               .phase = slot->phase,
                               .bits = jd_slot_bits(view->fold, slot)};
    touch->key = jd_slot_engagement_key(slot, &touch->hcp, view->arena);
    view->opened[place] = touch;
    view->opened_count++;
    if (view->logged) {
        jd_touch_load(view, touch);
        touch->time = jd_touch_recorded(touch->event);
    }
    return touch;
}

struct jd_touch *jd_touches_place(struct jd_touches *view, struct jd_touch *touch)
{
    if (touch->slot.entry != NULL)
        return jd_touches_open(view, &touch->slot);
    struct jd_touch *copy = jd_arena_alloc(view->arena, sizeof *copy);
    *copy = *touch;
    copy->attendees = NULL;
    copy->time = view->logged ? jd_touch_recorded(touch->event) : touch->slot.time;
    return copy;
}

static void load(struct jd_touches *view, struct jd_touch *touch, const struct jd_event *event)
{
    struct jd_event *copy = jd_arena_alloc(view->arena, sizeof *copy);
    *copy = *event;
    copy->engagement_id = touch->key;
    touch->event = copy;
    touch->zone = jd_touches_zone(view, event);
}

void jd_touch_load(struct jd_touches *view, struct jd_touch *touch)
{
    if (touch->event != NULL)
        return;
    const struct jd_event *event =
        &jd_slot_engagement(jd_state_key(view->state), &touch->slot, view->arena)->event;
    load(view, touch, event);
}

static struct jd_touch *absent_touch(struct jd_touches *view, const struct jd_engagement *engagement,
                                     struct jd_str key)
{
    const struct jd_event *event = &engagement->event;
    struct jd_touch *touch = jd_arena_alloc(view->arena, sizeof *touch);
    uint64_t *bits = jd_arena_array(view->arena, view->fold->selectors.words, sizeof *bits);
    *touch = (struct jd_touch){.slot.time = jd_touch_time(event),
                               .time = view->logged ? jd_touch_recorded(event) : jd_touch_time(event),
                               .class = engagement->class,
                               .phase = event->phase,
                               .key = key,
                               .bits = bits};
    if (view->shared)
        touch->hcp = event->hcp_id;
    jd_selectors_match(&view->fold->selectors, engagement->class, event, engagement->recorded_late == JD_TRUE,
                       bits);
    load(view, touch, event);
    return touch;
}

struct jd_touch *jd_touches_suppose(struct jd_touches *view, const struct jd_event *event, struct jd_str key)
{
    const struct jd_engagement engagement = {.event = *event, .class = JD_CLASS_TOUCH};
    return absent_touch(view, &engagement, key);
}

struct jd_touch *jd_touches_restore(struct jd_touches *view, const struct jd_engagement *engagement)
{
    view->hidden = jd_engagement_key(&engagement->event, view->arena);
    view->hidden_class = engagement->class;
    view->supposed = absent_touch(view, engagement, view->hidden);
    return view->supposed;
}

struct jd_touch *jd_touches_gone(struct jd_touches *view, const struct jd_engagement *engagement)
{
    struct jd_touch *touch =
        absent_touch(view, engagement, jd_engagement_key(&engagement->event, view->arena));
    touch->gone = true;
    return touch;
}

/* ---- attendees ---- */

static void index_engagements(struct jd_touches *view)
{
    uint32_t from, to;
    jd_state_range(view->state, JD_ENTRY_ENGAGEMENT, &from, &to);
    for (view->places = OPENED_MIN; view->places < to; view->places *= 2)
        ;
    view->first = jd_arena_array(view->arena, view->places, sizeof *view->first);
    view->next = jd_arena_array(view->arena, to + 1, sizeof *view->next);
    for (uint32_t i = to; i > from; i--) /* so that chains are by time */
        if (view->state->slots[i - 1].flags & JD_SLOT_STANDS) {
            uint32_t place = view->state->slots[i - 1].hash & (view->places - 1);
            view->next[i] = view->first[place];
            view->first[place] = i;
        }
}

static bool same_engagement(const struct jd_touch *x, const struct jd_touch *y)
{
    return x->class == y->class && jd_str_eq(x->key, y->key);
}

/* By time, then physician: nearly sorted. */
static void sort_attendees(struct jd_touch **items, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++)
        for (uint32_t k = i; k > 0 && (items[k - 1]->time > items[k]->time ||
                                       (items[k - 1]->time == items[k]->time &&
                                        jd_str_cmp(items[k - 1]->hcp, items[k]->hcp) > 0));
             k--) {
            struct jd_touch *swap = items[k];
            items[k] = items[k - 1];
            items[k - 1] = swap;
        }
}

const struct jd_attendees *jd_touch_attendees(struct jd_touches *view, struct jd_touch *touch)
{
    if (touch->attendees != NULL)
        return touch->attendees;
    struct jd_attendees *found = jd_arena_alloc(view->arena, sizeof *found);
    touch->attendees = found;
    if (view->places == 0)
        index_engagements(view);
    uint32_t hash = jd_hash32(touch->key), capacity = 0;
    for (uint32_t i = view->first[hash & (view->places - 1)]; i != 0; i = view->next[i]) {
        const struct jd_slot *slot = &view->state->slots[i - 1];
        struct jd_touch *other = slot->hash == hash ? jd_touches_open(view, slot) : NULL;
        if (other == NULL || !same_engagement(other, touch))
            continue;
        if (found->count == capacity)
            found->items =
                jd_arena_grow(view->arena, found->items, found->count, &capacity, sizeof(struct jd_touch *));
        found->items[found->count++] = other;
        other->attendees = found;
    }
    sort_attendees(found->items, found->count);
    return found;
}

bool jd_touches_hide(const struct jd_touches *view, const struct jd_slot *slot)
{
    return view->hidden.ptr != NULL && slot->class == view->hidden_class &&
           slot->hash == jd_hash32(view->hidden) && jd_str_eq(jd_slot_name(slot, view->arena), view->hidden);
}

struct jd_str jd_touch_name(const struct jd_touch *touch, struct jd_arena *arena)
{
    return touch->class == JD_CLASS_TOUCH || touch->class == JD_CLASS_ALERT
               ? touch->key
               : jd_event_name(touch->event, arena);
}

#include "engine/conflicts/over.h"

#include "base/fault.h"
#include "base/str.h"
#include "engine/conflicts/alerts.h"
#include "engine/conflicts/kinds.h"
#include "engine/scopes.h"

/* What became of an alert, for the rules that count one of its sides. */
struct jd_counted {
    struct jd_str engagement;     /* <alert_id>/a */
    const struct jd_event *event; /* NULL: it is retracted, or has no such member */
    enum jd_cause cause;
    struct jd_counted *next;
};

static const struct {
    uint8_t bit;
    char name;
} sides[] = {{JD_COUNTED_A, 'a'}, {JD_COUNTED_B, 'b'}};

struct jd_str jd_over_type(struct jd_str rule, char side, struct jd_arena *arena)
{
    return jd_arena_printf(arena, "alert:" JD_STR_FMT "/%c", JD_STR_ARG(rule), side);
}

static void note(struct jd_step *step, const struct jd_alert *alert, char side, const struct jd_event *event)
{
    struct jd_counted *one = jd_arena_alloc(step->arena, sizeof *one);
    *one = (struct jd_counted){
        .engagement = jd_arena_printf(step->arena, JD_STR_FMT "/%c", JD_STR_ARG(alert->alert_id), side),
        .event = event,
        .cause = alert->cause != JD_CAUSE_NONE ? (enum jd_cause)alert->cause : JD_CAUSE_CORRECTED,
        .next = step->counted};
    step->counted = one;
}

/* When the touch is that bears the instance: of a pair the later. */
static jd_time time_of(const struct jd_rule *rule, const struct jd_instance *instance)
{
    const struct jd_touch *a = instance->a, *b = instance->b;
    if (a == NULL || (b != NULL && !rule->kind->deadlines && b->time > a->time))
        return b->time;
    return a->time;
}

static bool has_plan(const struct jd_instance *instance)
{
    for (uint32_t i = 0; i < instance->member_count; i++)
        if (instance->members[i]->phase == JD_PHASE_PLANNED)
            return true;
    return false;
}

static const struct jd_event *event_of(struct jd_step *step, const struct jd_rule *rule, char side,
                                       const struct jd_instance *instance)
{
    const struct jd_touch *member = side == 'a' ? instance->a : instance->b;
    if (member == NULL || member->event == NULL)
        return NULL;
    struct jd_event *event = jd_arena_alloc(step->arena, sizeof *event);
    *event = *member->event;
    event->type = jd_over_type(rule->id, side, step->arena);
    event->start = jd_fault_bug("over_member_time") ? jd_touch_time(member->event) : time_of(rule, instance);
    event->end = JD_TIME_NONE;
    event->phase = has_plan(instance) ? JD_PHASE_PLANNED : JD_PHASE_COMPLETED;
    return event;
}

void jd_over_note(struct jd_step *step, const struct jd_rule *rule, const struct jd_alert *alert,
                  const struct jd_instance *instance)
{
    for (size_t i = 0; i < JD_COUNT(sides); i++)
        if ((rule->counted & sides[i].bit) != 0)
            note(step, alert, sides[i].name, event_of(step, rule, sides[i].name, instance));
}

void jd_over_note_gone(struct jd_step *step, const struct jd_rule *rule, const struct jd_alert *alert)
{
    for (size_t i = 0; i < JD_COUNT(sides) && rule != NULL; i++)
        if ((rule->counted & sides[i].bit) != 0 && !jd_fault_bug("over_never_gone"))
            note(step, alert, sides[i].name, NULL);
}

/* ---- engagements ---- */

/* An engagement that is stored, and not yet looked at. */
struct change {
    const struct jd_engagement *before; /* NULL: none, or the same: its hour may have come */
    struct jd_engagement after;
    enum jd_cause cause;
    bool same;
};
struct changes {
    struct change *items;
    uint32_t count;
};

static void store(struct jd_step *step, struct changes *list, const struct jd_slot *slot,
                  struct change change)
{
    jd_step_engagement(step, slot, &change.after);
    list->items[list->count++] = change;
}

/* All are stored before the first is looked at: no alert comes and goes between them. */
static void look(struct jd_step *step, const struct changes *list)
{
    for (uint32_t i = 0; i < list->count; i++) {
        const struct change *one = &list->items[i];
        jd_alerts_refresh(step, &one->after, one->before, one->cause);
        if (!one->same)
            jd_scopes_tell(step, one->before, &one->after, one->cause);
    }
}

static void withdraw(struct jd_step *step, const struct jd_slot *slot, enum jd_cause cause,
                     struct changes *list)
{
    const struct jd_engagement *held = jd_slot_engagement(step->key, slot, step->arena);
    struct change change = {.before = held, .after = *held, .cause = cause};
    change.after.lapsed = JD_TRUE;
    if (jd_touch_stands(held))
        store(step, list, slot, change);
}

static bool same_version(const struct jd_step *step, const struct jd_event *x, const struct jd_event *y)
{
    int64_t digest; /* says nothing of ids */
    return jd_str_eq(jd_version_bytes(x, step->hcp, step->arena, &digest),
                     jd_version_bytes(y, step->hcp, step->arena, &digest));
}

static void follow(struct jd_step *step, const struct jd_counted *one, struct changes *list)
{
    const struct jd_slot *slot =
        jd_state_slot(step->state, JD_ENTRY_ENGAGEMENT, JD_CLASS_ALERT, one->engagement, step->arena);
    if (one->event == NULL) {
        if (slot != NULL)
            withdraw(step, slot, one->cause, list);
        return;
    }
    const struct jd_engagement *held = slot == NULL ? NULL : jd_slot_engagement(step->key, slot, step->arena);
    struct change change = {
        .before = held,
        .after = {.class = JD_CLASS_ALERT, .applies_from = JD_TIME_NONE, .keep_until = JD_TIME_NONE}};
    if (held != NULL)
        change.after = *held;
    change.after.event = *one->event;
    change.after.event.engagement_id = one->engagement;
    change.after.lapsed = JD_TRUTH_NONE;
    change.cause = jd_step_cause(held, &change.after);
    const bool same =
        held != NULL && jd_touch_stands(held) && same_version(step, &held->event, &change.after.event);
    if (!same)
        store(step, list, slot, change);
    else if (one->event->phase == JD_PHASE_PLANNED)
        list->items[list->count++] =
            (struct change){.after = *held, .cause = JD_CAUSE_CORRECTED, .same = true};
}

static bool is_superseded(const struct jd_counted *all, const struct jd_counted *one)
{
    for (; all != one; all = all->next)
        if (jd_str_eq(all->engagement, one->engagement))
            return true;
    return false;
}

void jd_over_follow(struct jd_step *step)
{
    const struct jd_counted *all = step->counted;
    uint32_t count = 0;
    step->counted = NULL; /* rules that count are not counted themselves */
    for (const struct jd_counted *one = all; one != NULL; one = one->next)
        count++;
    const struct jd_counted **forward = jd_arena_array(step->arena, count, sizeof *forward);
    struct changes list = {.items = jd_arena_array(step->arena, count, sizeof *list.items)};
    uint32_t at = count;
    for (const struct jd_counted *one = all; one != NULL; one = one->next)
        forward[--at] = one;
    for (; at < count; at++)
        if (!is_superseded(all, forward[at]))
            follow(step, forward[at], &list);
    look(step, &list);
}

static bool is_counted(const struct jd_step *step, struct jd_str type)
{
    for (uint32_t i = 0; i < step->program->rule_count; i++)
        for (size_t s = 0; s < JD_COUNT(sides); s++)
            if ((step->program->rules[i].counted & sides[s].bit) != 0 &&
                jd_str_eq(type, jd_over_type(step->program->rules[i].id, sides[s].name, step->arena)))
                return true;
    return false;
}

void jd_over_review(struct jd_step *step)
{
    uint32_t from, to, count = 0;
    jd_state_range(step->state, JD_ENTRY_ENGAGEMENT, &from, &to);
    struct jd_slot *gone = jd_arena_array(step->arena, to - from, sizeof *gone);
    for (; from < to; from++) {
        const struct jd_slot *slot = &step->state->slots[from];
        if (slot->class == JD_CLASS_ALERT && (slot->flags & JD_SLOT_STANDS) &&
            !is_counted(step, jd_slot_engagement(step->key, slot, step->arena)->event.type))
            gone[count++] = *slot;
    }
    struct changes list = {.items = jd_arena_array(step->arena, count, sizeof *list.items)};
    for (uint32_t i = 0; i < count; i++)
        withdraw(step,
                 jd_state_slot(step->state, JD_ENTRY_ENGAGEMENT, JD_CLASS_ALERT,
                               jd_slot_name(&gone[i], step->arena), step->arena),
                 JD_CAUSE_POLICY, &list);
    look(step, &list);
}

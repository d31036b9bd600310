#include "engine/conflicts/why.h"

#include "base/str.h"
#include "engine/conflicts/kinds.h"
#include "engine/limits.h"
#include "engine/time.h"

void jd_why_tell(const struct jd_touches *view, const struct jd_why *why)
{
    view->asker->tell(view->asker->context, why);
}

/* What instances x is a part of, or what kept it from being one. */
static void look(struct jd_touches *view, const struct jd_rule *rule, struct jd_touch *x)
{
    struct jd_instances found = {.arena = view->arena};
    if (rule->kind->pairs && !jd_rule_valid(rule, x->time))
        jd_why_pair(view, JD_WHY_VALIDITY, x, NULL);
    if (!jd_rule_asks(view, rule, x))
        return;
    jd_rule_find(view, rule, x, &found);
    for (uint32_t i = 0; i < found.count; i++)
        if (found.items[i].status != JD_STATUS_NONE)
            jd_why_tell(view, &(struct jd_why){.code = JD_WHY_FOUND, .x = x, .instance = &found.items[i]});
}

/* A pair that is farther apart than the kind looks. */
static void look_far(struct jd_touches *view, const struct jd_rule *rule, struct jd_touch *x,
                     struct jd_touch *y)
{
    if (rule->within.unit == 0 || jd_touch_same_engagement(x, y))
        return;
    struct jd_touch *early = jd_touch_order(x, y) < 0 ? x : y, *late = early == x ? y : x;
    const struct jd_rule *version = jd_rule_version(view, rule, late);
    const struct jd_span *within = jd_limits_within(view, version, late);
    if (within == NULL)
        return;
    struct jd_distance distance = jd_span_distance(within, early->time, early->zone, late->time, late->zone);
    if (!distance.inside)
        jd_why_number(view, JD_WHY_APART, x, y, (struct jd_decimal){distance.observed, 0},
                      (struct jd_decimal){distance.limit, 0}, distance.unit);
}

static void look_at_pairs(struct jd_touches *view, const struct jd_rule *rule, struct jd_members *held)
{
    for (uint32_t i = 0; i < held->count; i++)
        for (uint32_t j = 0; j < held->count; j++)
            if (jd_touch_is(view, rule, held->items[i], JD_SELECTOR_A) &&
                jd_touch_is(view, rule, held->items[j], JD_SELECTOR_B))
                look_far(view, rule, held->items[i], held->items[j]);
}

void jd_why_not(const struct jd_fold *fold, struct jd_str key, const struct jd_rule *rule,
                struct jd_arena *arena, const struct jd_asker *asker)
{
    const struct jd_state *state = jd_states_find(fold, key);
    struct jd_touches view = jd_touches_view(fold, state, arena);
    struct jd_members held = {0};
    uint32_t from, to;
    view.asker = asker;
    if (state == NULL)
        return;
    jd_state_range(state, JD_ENTRY_ENGAGEMENT, &from, &to);
    held.items = jd_arena_array(arena, to - from, sizeof *held.items);
    for (; from < to; from++) {
        const struct jd_slot *slot = &state->slots[from];
        struct jd_touch *touch = jd_touches_open(&view, slot);
        bool stands = (slot->flags & JD_SLOT_STANDS) != 0;
        jd_touch_load(&view, touch);
        jd_why_tell(&view, &(struct jd_why){.code = JD_WHY_TOUCH,
                                            .x = touch,
                                            .lapsed = !stands && touch->phase != JD_PHASE_CANCELLED});
        if (stands)
            held.items[held.count++] = touch;
    }
    for (uint32_t i = 0; i < held.count; i++)
        look(&view, rule, held.items[i]);
    look_at_pairs(&view, rule, &held);
}

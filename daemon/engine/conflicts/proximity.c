/* proximity: two touches a, b of different engagements, a matching A, b matching B, no farther apart
 * than `within`. A touch may be both; a pair is one instance whichever way round it holds.
 *
 * Cheapest question first: the window by time, the selectors by their bits, then the bodies. */
#include "base/fault.h"
#include "base/str.h"
#include "engine/conflicts/kinds.h"
#include "engine/fields.h"
#include "engine/time.h"

/* The ways round in which a pair can be (a, b) of the rule. */
enum way { WAY_XY = 1, WAY_YX = 2 };

static unsigned ways_of(const struct jd_touches *view, const struct jd_rule *rule, const uint64_t *x,
                        const uint64_t *y)
{
    uint32_t a = (uint32_t)(rule - view->fold->program->rules) * 2, b = a + 1;
    return (jd_bit(x, a) && jd_bit(y, b) ? WAY_XY : 0u) | (jd_bit(y, a) && jd_bit(x, b) ? WAY_YX : 0u);
}

/* `same:` and `different:`; a touch that lacks a named field takes no part. */
static bool compared(const struct jd_rule *rule, const struct jd_event *x, const struct jd_event *y)
{
    for (uint32_t i = 0; i < rule->same_count && !jd_fault_bug("same_ignored"); i++)
        if (jd_field_shared(x, y, &rule->same[i]) != JD_SHARE_YES)
            return false;
    uint32_t differ = 0;
    for (uint32_t i = 0; i < rule->different_count; i++) {
        enum jd_sharing sharing = jd_field_shared(x, y, &rule->different[i]);
        if (sharing == JD_SHARE_ABSENT)
            return false;
        differ += sharing == JD_SHARE_NO;
    }
    return rule->different_count == 0 || (rule->different_any ? differ > 0 : differ == rule->different_count);
}

static bool names(const struct jd_event *x, const struct jd_event *y)
{
    const struct jd_party *parties = x->joint_with.items;
    for (uint32_t i = 0; y->actor.id.ptr != NULL && i < x->joint_with.count; i++)
        if (jd_str_eq(parties[i].id, y->actor.id))
            return true;
    return false;
}

static bool joint(const struct jd_touches *view, const struct jd_touch *x, const struct jd_touch *y)
{
    int64_t apart = x->time < y->time ? y->time - x->time : x->time - y->time;
    return !jd_fault_bug("joint_ignored") && apart <= view->fold->program->joint_within_ms &&
           (names(x->event, y->event) || names(y->event, x->event));
}

/* The first case that holds, for some way round in which the rule does. */
static enum jd_severity severity_of(const struct jd_rule *rule, const struct jd_touch *x,
                                    const struct jd_touch *y, unsigned ways, enum jd_alert_phase phase)
{
    for (uint32_t i = 0; i < rule->severity_count; i++) {
        const struct jd_severity_case *c = &rule->severities[i];
        if (jd_fault_bug("severity_first_case"))
            return c->severity;
        if (c->phase != JD_ALERT_PHASE_NONE && c->phase != phase)
            continue;
        if (c->within != NULL && !jd_span_distance(c->within, x->time, x->zone, y->time, y->zone).inside)
            continue;
        for (unsigned way = WAY_XY; way <= WAY_YX; way++) {
            const struct jd_touch *a = way == WAY_XY ? x : y, *b = way == WAY_XY ? y : x;
            if ((ways & way) && (c->a == NULL || jd_selector_matches(c->a, a->class, a->event)) &&
                (c->b == NULL || jd_selector_matches(c->b, b->class, b->event)))
                return c->severity;
        }
    }
    return JD_SEVERITY_MEDIUM;
}

static void look(struct jd_touches *view, const struct jd_rule *rule, struct jd_touch *x,
                 const struct jd_entry *entry, struct jd_instances *out)
{
    unsigned ways = ways_of(view, rule, x->bits, entry->bits);
    if (ways == 0 || jd_str_eq(jd_entry_engagement(entry), x->key))
        return;
    struct jd_touch *y = jd_touches_open(view, entry);
    jd_touch_load(view, x);
    jd_touch_load(view, y);
    struct jd_distance distance = jd_span_distance(&rule->within, x->time, x->zone, y->time, y->zone);
    if (!distance.inside || !compared(rule, x->event, y->event) || (rule->unless_joint && joint(view, x, y)))
        return;
    struct jd_instance *found = jd_instances_add(out);
    bool x_first = x->time < y->time || (x->time == y->time && jd_str_cmp(x->key, y->key) < 0);
    found->members[0] = x_first ? x : y;
    found->members[1] = x_first ? y : x;
    found->member_count = 2;
    struct jd_str p = jd_touch_name(x, view->arena), q = jd_touch_name(y, view->arena);
    bool p_first = jd_str_cmp(p, q) < 0;
    found->parts[0] = p_first ? p : q;
    found->parts[1] = p_first ? q : p;
    found->part_count = 2;
    found->phase = jd_members_phase(found->members, 2, view->now);
    found->severity = severity_of(rule, x, y, ways, found->phase);
    found->observed = (struct jd_decimal){distance.observed, 0};
    found->limit = (struct jd_decimal){distance.limit, 0};
    found->unit = distance.unit;
}

void jd_proximity_find(struct jd_touches *view, const struct jd_rule *rule, struct jd_touch *x,
                       struct jd_instances *out)
{
    if (view->state == NULL)
        return;
    const struct jd_state *state = view->state;
    int64_t reach = jd_span_reach(&rule->within);
    for (uint32_t i = jd_touches_from(view, x->time - reach);
         i < state->touch_count && state->touches[i].time <= x->time + reach; i++)
        look(view, rule, x, state->touches[i].entry, out);
    /* Requests, responses and facts are not kept by time: few rules name them. */
    uint32_t classes = (rule->a.classes | rule->b.classes) & ~(1u << JD_CLASS_TOUCH), from = 0, to = 0;
    if (classes != 0)
        jd_state_range(state, JD_ENTRY_ENGAGEMENT, &from, &to);
    for (; from < to; from++)
        if ((state->slots[from].flags & JD_SLOT_STANDS) && ((classes >> state->slots[from].entry->class) & 1))
            look(view, rule, x, state->slots[from].entry, out);
}

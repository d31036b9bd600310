/* requires: b without an a of another engagement in the window before it, b's own instant included. */
#include "base/fault.h"
#include "engine/conflicts/kinds.h"
#include "engine/conflicts/why.h"
#include "engine/limits.h"
#include "engine/time.h"

static bool satisfied(struct jd_touches *view, const struct jd_rule *rule, const struct jd_span *within,
                      struct jd_touch *b)
{
    struct jd_members before = jd_members_find(view, rule, JD_SELECTOR_A, b->time - jd_span_reach(within),
                                               b->time - jd_fault_bug("kind_requires"));
    for (uint32_t i = before.count; i > 0; i--) {
        struct jd_touch *a = before.items[i - 1];
        if (jd_touch_same_engagement(a, b))
            continue;
        jd_touch_load(view, a);
        jd_touch_load(view, b);
        if (jd_span_distance(within, a->time, a->zone, b->time, b->zone).inside &&
            jd_touches_belong(view, rule, a, b) &&
            jd_touch_represents(view, rule, JD_SELECTOR_A, b, a, jd_touch_belongs_before)) {
            jd_why_pair(view, JD_WHY_ANSWERED, b, a);
            return true;
        }
    }
    return false;
}

static void judge(struct jd_touches *view, const struct jd_rule *central, struct jd_touch *b,
                  struct jd_instance *instance, const void *context)
{
    (void)context;
    if (!jd_bearer_valid(view, central, b) || !jd_touch_takes_part(view, central, b))
        return;
    const struct jd_rule *rule = instance->version = jd_rule_version(view, central, b);
    const struct jd_span *within = jd_limits_within(view, rule, b);
    if (within == NULL || satisfied(view, rule, within, b))
        return;
    jd_touch_load(view, b);
    const struct jd_touch *members[] = {b};
    const struct jd_reading reading = {NULL, b};
    jd_instance_hold(view, instance, members, 1);
    instance->horizon = b->time;
    instance->observed = (struct jd_decimal){0, 0};
    instance->limit = (struct jd_decimal){1, 0};
    instance->unit = JD_UNIT_TOUCHES;
    instance->within = within;
    jd_instance_weigh(rule, instance, &reading, 1);
}

void jd_requires_find(struct jd_touches *view, const struct jd_rule *rule, struct jd_touch *x,
                      struct jd_instances *out)
{
    static const struct jd_bearing bearing = {JD_SELECTOR_B, false, jd_touch_is_complete, judge, NULL};
    if (jd_touch_is(view, rule, x, JD_SELECTOR_B))
        jd_judge_bearer(view, rule, &bearing, x, out);
    if (!jd_touch_is(view, rule, x, JD_SELECTOR_A))
        return;
    struct jd_members after =
        jd_members_find(view, rule, JD_SELECTOR_B, x->time, x->time + jd_rule_within_reach(rule));
    for (uint32_t i = 0; i < after.count; i++)
        if (!jd_touch_same_engagement(after.items[i], x))
            jd_judge_bearer(view, rule, &bearing, after.items[i], out);
}

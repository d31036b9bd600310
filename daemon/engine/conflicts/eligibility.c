/* eligibility: a touch for which what the rule requires is not so, as of the touch's time. Facts that come or
 * go later have it looked at again (jd_alerts_refresh_facts). */
#include "engine/conflicts/kinds.h"
#include "engine/conflicts/why.h"
#include "engine/predicate.h"

void jd_eligibility_find(struct jd_touches *view, const struct jd_rule *rule, struct jd_touch *x,
                         struct jd_instances *out)
{
    if (!jd_touch_is(view, rule, x, JD_SELECTOR_A))
        return;
    struct jd_instance *instance = jd_instances_bearer(view, out, x);
    if (x->gone || !jd_bearer_valid(view, rule, x))
        return;
    jd_touch_load(view, x);
    struct jd_reads reads = {.arena = view->arena};
    if (jd_predicate_holds(view, rule->require, x, &reads)) {
        jd_why_pair(view, JD_WHY_REQUIRED, x, NULL);
        return;
    }
    const struct jd_touch *members[] = {x};
    const struct jd_reading reading = {x, NULL};
    jd_instance_hold(view, instance, members, 1);
    instance->facts = (struct jd_list){reads.items, reads.count};
    instance->horizon = x->time;
    instance->observed.scale = instance->limit.scale = JD_DECIMAL_NONE;
    instance->version = jd_rule_version(view, rule, x);
    jd_instance_weigh(instance->version, instance, &reading, 1);
}

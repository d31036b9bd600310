/* absence: a without a b that answers it in time, once that time is over; the earliest later b resolves it.
 *
 *   a ──── within ────► deadline ──── resolve_within (from a) ────► nothing can change it
 *            b: no instance │           b: resolved
 *                           └ not yet past: looked at again then */
#include "base/fault.h"
#include "engine/conflicts/kinds.h"
#include "engine/conflicts/why.h"
#include "engine/limits.h"
#include "engine/time.h"

/* The first b with from <= t(b) <= to that belongs to a. */
static struct jd_touch *answer(struct jd_touches *view, const struct jd_rule *rule, struct jd_touch *a,
                               jd_time from, jd_time to)
{
    struct jd_members found = jd_members_find(view, rule, JD_SELECTOR_B, from, to);
    for (uint32_t i = 0; i < found.count; i++)
        if (!jd_touch_same_engagement(found.items[i], a) &&
            jd_touches_belong(view, rule, a, found.items[i]) &&
            jd_touch_represents(view, rule, JD_SELECTOR_B, a, found.items[i], jd_touches_belong))
            return found.items[i];
    return NULL;
}

/* After a, whatever the zone, nothing later than this answers it or resolves it. */
static int64_t longest(const struct jd_rule *rule)
{
    int64_t within = jd_span_reach(&rule->within), resolve = jd_span_reach(&rule->resolve_within);
    int64_t reach = within > resolve ? within : resolve;
    for (uint32_t i = 0; i < rule->version_count; i++) {
        int64_t other = longest(&rule->versions[i]); /* a version has none of its own */
        reach = other > reach ? other : reach;
    }
    return reach;
}

static void judge(struct jd_touches *view, const struct jd_rule *central, struct jd_touch *a,
                  struct jd_instance *instance, const void *context)
{
    (void)context;
    if (!jd_bearer_valid(view, central, a) || !jd_touch_takes_part(view, central, a))
        return;
    const struct jd_rule *rule = instance->version = jd_rule_version(view, central, a);
    jd_touch_load(view, a);
    const struct jd_span *within = jd_limits_within(view, rule, a);
    if (within == NULL)
        return;
    jd_time deadline = jd_span_deadline(within, a->time, a->zone);
    jd_time last = jd_span_deadline(&rule->resolve_within, a->time, a->zone);
    jd_time first = a->time + (rule->inclusive ? 0 : 1);
    struct jd_touch *in_time = answer(view, rule, a, first, deadline - jd_fault_bug("kind_absence"));
    if (in_time != NULL) {
        jd_why_pair(view, JD_WHY_ANSWERED, a, in_time);
        return;
    }
    if (view->now <= deadline) {
        instance->deadline = deadline + 1;
        if (jd_why_asked(view))
            jd_why_tell(view, &(struct jd_why){.code = JD_WHY_NOT_DUE, .x = a, .at = deadline + 1});
        return;
    }
    struct jd_touch *b = answer(view, rule, a, deadline + 1, last);
    const struct jd_touch *members[] = {a, b};
    const struct jd_reading reading = {a, b};
    if (b != NULL)
        jd_touch_load(view, b);
    jd_instance_hold(view, instance, members, b != NULL ? 2 : 1);
    instance->status = b != NULL ? JD_STATUS_RESOLVED : JD_STATUS_OPEN;
    instance->horizon = b != NULL ? b->time : a->time + longest(rule);
    instance->observed = (struct jd_decimal){b != NULL ? b->time - a->time : 0, 0};
    instance->limit = (struct jd_decimal){b != NULL ? deadline - a->time : 1, 0};
    instance->within = within;
    instance->unit = b != NULL ? JD_UNIT_MS : JD_UNIT_TOUCHES;
    jd_instance_weigh(rule, instance, &reading, 1);
}

void jd_absence_find(struct jd_touches *view, const struct jd_rule *rule, struct jd_touch *x,
                     struct jd_instances *out)
{
    static const struct jd_bearing bearing = {JD_SELECTOR_A, false, jd_touch_is_complete, judge, NULL};
    if (jd_touch_is(view, rule, x, JD_SELECTOR_A))
        jd_judge_bearer(view, rule, &bearing, x, out);
    if (!jd_touch_is(view, rule, x, JD_SELECTOR_B))
        return;
    struct jd_members before = jd_members_find(view, rule, JD_SELECTOR_A, x->time - longest(rule), x->time);
    for (uint32_t i = 0; i < before.count; i++)
        if (!jd_touch_same_engagement(before.items[i], x))
            jd_judge_bearer(view, rule, &bearing, before.items[i], out);
}

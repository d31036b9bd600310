/* eligibility: a touch for which what the rule requires is not so, as of the touch's time. Facts that come or
 * go later have it looked at again (jd_alerts_refresh_facts). Of an engagement as a whole (scope: engagement_id), one
 * for which no attendee is as required. */
#include "engine/conflicts/kinds.h"
#include "engine/conflicts/why.h"
#include "engine/predicate.h"
#include "engine/scopes.h"

/* The attendees that the rule is about. */
static struct jd_members attendees_of(struct jd_touches *view, const struct jd_rule *rule, struct jd_touch *x)
{
    struct jd_members found = {0};
    if (rule->key == NULL || !jd_scope_is_engagement(rule->key)) {
        jd_members_add(view, &found, x);
        return found;
    }
    const struct jd_attendees *attendees = jd_touch_attendees(view, x);
    for (uint32_t i = 0; i < attendees->count; i++) {
        if (!jd_touch_is(view, rule, attendees->items[i], JD_SELECTOR_A))
            continue;
        jd_touch_load(view, attendees->items[i]);
        jd_members_add(view, &found, attendees->items[i]);
    }
    return found;
}

static void judge(struct jd_touches *view, const struct jd_rule *rule, struct jd_touch *x,
                  struct jd_instance *instance, const void *context)
{
    (void)context;
    if (!jd_bearer_valid(view, rule, x))
        return;
    jd_touch_load(view, x);
    const struct jd_members members = attendees_of(view, rule, x);
    struct jd_reads reads = {.arena = view->arena};
    if (jd_predicate_holds(view, rule->require, members.items, members.count, &reads)) {
        jd_why_pair(view, JD_WHY_REQUIRED, x, NULL);
        return;
    }
    const struct jd_reading reading = {x, NULL};
    jd_instance_hold(view, instance, (const struct jd_touch *const *)members.items, members.count);
    instance->facts = (struct jd_list){reads.items, reads.count};
    instance->horizon = x->time;
    instance->observed.scale = instance->limit.scale = JD_DECIMAL_NONE;
    instance->version = jd_rule_version(view, rule, x);
    jd_instance_weigh(instance->version, instance, &reading, 1);
}

void jd_eligibility_find(struct jd_touches *view, const struct jd_rule *rule, struct jd_touch *x,
                         struct jd_instances *out)
{
    const struct jd_bearing bearing = {JD_SELECTOR_A, false, jd_touch_is_complete, judge, NULL};
    if (jd_touch_is(view, rule, x, JD_SELECTOR_A))
        jd_judge_bearer(view, rule, &bearing, x, out);
}

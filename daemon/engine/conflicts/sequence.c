/* sequence: b with an a in the window before it, the latest such a; with `without:`, no c between the two. */
#include "base/fault.h"
#include "base/str.h"
#include "engine/conflicts/kinds.h"
#include "engine/conflicts/why.h"
#include "engine/limits.h"
#include "engine/time.h"

static bool belongs(struct jd_touches *view, const struct jd_rule *rule, struct jd_touch *b,
                    struct jd_touch *a)
{
    jd_touch_load(view, a);
    jd_touch_load(view, b);
    return jd_touches_belong(view, rule, a, b) && !jd_touches_joint(view, rule, a, b);
}

/* The latest a before b that belongs to it. */
static struct jd_touch *latest(struct jd_touches *view, const struct jd_rule *rule,
                               const struct jd_span *within, struct jd_touch *b)
{
    struct jd_members before =
        jd_members_find(view, rule, JD_SELECTOR_A, b->time - jd_span_reach(within), b->time - 1);
    if (jd_fault_bug("kind_sequence")) { /* the earliest */
        for (uint32_t i = 0; i < before.count / 2; i++) {
            struct jd_touch *swap = before.items[i];
            before.items[i] = before.items[before.count - 1 - i];
            before.items[before.count - 1 - i] = swap;
        }
    }
    for (uint32_t i = before.count; i > 0; i--) {
        struct jd_touch *a = before.items[i - 1];
        jd_touch_load(view, a);
        jd_touch_load(view, b);
        if (jd_span_distance(within, a->time, a->zone, b->time, b->zone).inside &&
            belongs(view, rule, b, a) && jd_touch_represents(view, rule, JD_SELECTOR_A, b, a, belongs))
            return a;
    }
    return NULL;
}

static bool between(struct jd_touches *view, const struct jd_rule *rule, struct jd_touch *a,
                    const struct jd_touch *b)
{
    if (rule->c.classes == 0)
        return false;
    struct jd_members found = jd_members_find(view, rule, JD_SELECTOR_C, a->time + 1, b->time - 1);
    for (uint32_t i = 0; i < found.count; i++) {
        if (!jd_touches_same(view, rule, a, found.items[i]) ||
            !jd_touch_represents(view, rule, JD_SELECTOR_C, a, found.items[i], jd_touches_same))
            continue;
        jd_why_pair(view, JD_WHY_BETWEEN, b, found.items[i]);
        return true;
    }
    return false;
}

static void judge(struct jd_touches *view, const struct jd_rule *central, struct jd_touch *b,
                  struct jd_instance *instance, const void *context)
{
    (void)context;
    if (!jd_bearer_valid(view, central, b))
        return;
    const struct jd_rule *rule = instance->version = jd_rule_version(view, central, b);
    const struct jd_span *within = jd_limits_within(view, rule, b);
    struct jd_touch *a = within == NULL ? NULL : latest(view, rule, within, b);
    if (a == NULL || between(view, rule, a, b))
        return;
    struct jd_distance distance = jd_span_distance(within, a->time, a->zone, b->time, b->zone);
    const struct jd_touch *members[] = {a, b};
    const struct jd_reading reading = {a, b};
    jd_instance_hold(view, instance, members, 2);
    instance->horizon = b->time;
    instance->observed = (struct jd_decimal){distance.observed, 0};
    instance->limit = (struct jd_decimal){distance.limit, 0};
    instance->unit = distance.unit;
    instance->within = within;
    jd_instance_weigh(rule, instance, &reading, 1);
}

void jd_sequence_find(struct jd_touches *view, const struct jd_rule *rule, struct jd_touch *x,
                      struct jd_instances *out)
{
    static const struct jd_bearing bearing = {JD_SELECTOR_B, false, jd_touch_is_complete, judge, NULL};
    if (jd_touch_is(view, rule, x, JD_SELECTOR_B))
        jd_judge_bearer(view, rule, &bearing, x, out);
    if (!jd_touch_is(view, rule, x, JD_SELECTOR_A) && !jd_touch_is(view, rule, x, JD_SELECTOR_C))
        return;
    struct jd_members after =
        jd_members_find(view, rule, JD_SELECTOR_B, x->time + 1, x->time + jd_rule_within_reach(rule));
    for (uint32_t i = 0; i < after.count; i++)
        jd_judge_bearer(view, rule, &bearing, after.items[i], out);
}

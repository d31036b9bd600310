/* until: b after a while a is open: no c has closed it, or less than `plus` ago; `max_open` ends it anyway.
 * The latest such a is the evidence. */
#include "base/fault.h"
#include "base/str.h"
#include "engine/conflicts/kinds.h"
#include "engine/conflicts/why.h"
#include "engine/time.h"

/* The earliest c after a that closes it, up to b; NULL: none. */
static struct jd_touch *closing(struct jd_touches *view, const struct jd_rule *rule, struct jd_touch *a,
                                const struct jd_touch *b)
{
    struct jd_members found = jd_members_find(view, rule, JD_SELECTOR_C, a->time + 1, b->time);
    for (uint32_t i = 0; i < found.count; i++)
        if (jd_touches_same(view, rule, a, found.items[i]) &&
            jd_touch_represents(view, rule, JD_SELECTOR_C, a, found.items[i], jd_touches_same))
            return found.items[i];
    return NULL;
}

static bool is_open(struct jd_touches *view, const struct jd_rule *rule, struct jd_touch *a,
                    struct jd_touch *b)
{
    struct jd_touch *c = closing(view, rule, a, b);
    if (c == NULL)
        return true;
    jd_touch_load(view, c);
    bool open =
        !jd_fault_bug("kind_until") && jd_span_covers(&rule->plus, c->time, c->zone, b->time, b->zone);
    if (!open)
        jd_why_pair(view, JD_WHY_CLOSED, a, c);
    return open;
}

static void judge(struct jd_touches *view, const struct jd_rule *central, struct jd_touch *b,
                  struct jd_instance *instance, const void *context)
{
    (void)context;
    if (!jd_bearer_valid(view, central, b))
        return;
    const struct jd_rule *rule = instance->version = jd_rule_version(view, central, b);
    struct jd_members before =
        jd_members_find(view, rule, JD_SELECTOR_A, b->time - jd_span_reach(&rule->within), b->time - 1);
    for (uint32_t i = before.count; i > 0; i--) {
        struct jd_touch *a = before.items[i - 1];
        jd_touch_load(view, a);
        jd_touch_load(view, b);
        jd_time last = jd_span_deadline(&rule->within, a->time, a->zone);
        if (b->time > last || !jd_touches_belong(view, rule, a, b) ||
            !jd_touch_represents(view, rule, JD_SELECTOR_A, b, a, jd_touch_belongs_before) ||
            !is_open(view, rule, a, b))
            continue;
        const struct jd_touch *members[] = {a, b};
        const struct jd_reading reading = {a, b};
        jd_instance_hold(view, instance, members, 2);
        instance->horizon = b->time;
        instance->observed = (struct jd_decimal){b->time - a->time, 0};
        instance->limit = (struct jd_decimal){last - a->time, 0};
        instance->unit = JD_UNIT_MS;
        jd_instance_weigh(rule, instance, &reading, 1);
        return;
    }
}

void jd_until_find(struct jd_touches *view, const struct jd_rule *rule, struct jd_touch *x,
                   struct jd_instances *out)
{
    static const struct jd_bearing bearing = {JD_SELECTOR_B, false, jd_touch_is_complete, judge, NULL};
    if (jd_touch_is(view, rule, x, JD_SELECTOR_B))
        jd_judge_bearer(view, rule, &bearing, x, out);
    if (!jd_touch_is(view, rule, x, JD_SELECTOR_A) && !jd_touch_is(view, rule, x, JD_SELECTOR_C))
        return;
    struct jd_members after =
        jd_members_find(view, rule, JD_SELECTOR_B, x->time, x->time + jd_rule_within_reach(rule));
    for (uint32_t i = 0; i < after.count; i++)
        if (after.items[i] != x)
            jd_judge_bearer(view, rule, &bearing, after.items[i], out);
}

/* overlap: the intervals [start, end) of two touches a, b of different engagements intersect. A touch
 * without an end lasts as long as the rule says of its channel. */
#include "base/fault.h"
#include "engine/conflicts/kinds.h"
#include "engine/conflicts/why.h"

static jd_time end_of(const struct jd_rule *rule, const struct jd_touch *touch)
{
    return touch->event->end != JD_TIME_NONE ? touch->event->end
                                             : touch->time + rule->durations[touch->event->channel];
}

static void look(struct jd_touches *view, const struct jd_rule *rule, struct jd_touch *x, struct jd_touch *y,
                 bool x_first, bool y_first, struct jd_instances *out)
{
    if (jd_touch_same_engagement(x, y))
        return;
    jd_touch_load(view, x);
    jd_touch_load(view, y);
    const struct jd_rule *version = jd_rule_version(view, rule, jd_touch_order(x, y) < 0 ? y : x);
    jd_time start = x->time > y->time ? x->time : y->time;
    jd_time x_end = end_of(version, x), y_end = end_of(version, y), end = x_end < y_end ? x_end : y_end;
    if (start >= end + jd_fault_bug("kind_overlap")) {
        jd_why_number(view, JD_WHY_NO_OVERLAP, x, y, (struct jd_decimal){start - end, 0},
                      (struct jd_decimal){0, 0}, JD_UNIT_MS);
        return;
    }
    if (!jd_touches_compared(view, rule, x, y) || jd_touches_joint(view, rule, x, y))
        return;
    struct jd_instance *found = jd_instances_pair(view, out, x, y);
    found->version = version;
    found->observed = (struct jd_decimal){end - start, 0};
    found->limit = (struct jd_decimal){0, 0};
    found->unit = JD_UNIT_MS;
    const struct jd_reading readings[] = {{x, y}, {y, x}};
    found->severity =
        jd_severity_of(version, found, x_first ? readings : readings + 1, x_first && y_first ? 2 : 1);
}

void jd_overlap_find(struct jd_touches *view, const struct jd_rule *rule, struct jd_touch *x,
                     struct jd_instances *out)
{
    bool is_a = jd_touch_is(view, rule, x, JD_SELECTOR_A), is_b = jd_touch_is(view, rule, x, JD_SELECTOR_B);
    jd_touch_load(view, x);
    jd_time from = x->time - JD_INTERVAL_MAX, to = end_of(rule, x);
    for (uint32_t i = 0; i < rule->version_count; i++)
        to = end_of(&rule->versions[i], x) > to ? end_of(&rule->versions[i], x) : to;
    struct jd_members found = {0};
    if (is_a)
        found = jd_members_find(view, rule, JD_SELECTOR_B, from, to);
    for (uint32_t i = 0; i < found.count; i++)
        look(view, rule, x, found.items[i], true,
             is_b && jd_touch_is(view, rule, found.items[i], JD_SELECTOR_A), out);
    found.count = 0;
    if (is_b)
        found = jd_members_find(view, rule, JD_SELECTOR_A, from, to);
    for (uint32_t i = 0; i < found.count; i++)
        if (!is_a || !jd_touch_is(view, rule, found.items[i], JD_SELECTOR_B))
            look(view, rule, x, found.items[i], false, true, out);
}

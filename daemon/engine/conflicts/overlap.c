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

/* For how long both last at once, ms. */
static int64_t shared_time(struct jd_touches *view, const struct jd_rule *central,
                           const struct jd_reading *way)
{
    const struct jd_rule *rule = jd_way_version(view, central, way);
    const struct jd_touch *x = way->a, *y = way->b;
    jd_time start = x->time > y->time ? x->time : y->time;
    jd_time x_end = end_of(rule, x), y_end = end_of(rule, y), end = x_end < y_end ? x_end : y_end;
    return end - start;
}

static void look(struct jd_touches *view, const struct jd_rule *rule, struct jd_touch *x, struct jd_touch *y,
                 struct jd_instances *out)
{
    struct jd_reading ways[2];
    if (jd_touch_same_engagement(x, y))
        return;
    jd_touch_load(view, x);
    jd_touch_load(view, y);
    int64_t time = shared_time(view, rule, &(struct jd_reading){x, y});
    if (!view->shared && time + jd_fault_bug("kind_overlap") <= 0) {
        jd_why_number(view, JD_WHY_NO_OVERLAP, x, y, (struct jd_decimal){-time, 0}, (struct jd_decimal){0, 0},
                      JD_UNIT_MS);
        return;
    }
    uint32_t count = 0, all = jd_pair_ways(view, rule, x, y, ways);
    for (uint32_t i = 0; i < all; i++)
        if (shared_time(view, rule, &ways[i]) + jd_fault_bug("kind_overlap") > 0)
            ways[count++] = ways[i];
    if (count == 0)
        return;
    struct jd_instance *found = jd_instances_pair(view, out, ways[0].a, ways[0].b);
    found->observed = (struct jd_decimal){shared_time(view, rule, &ways[0]), 0};
    found->limit = (struct jd_decimal){0, 0};
    found->unit = JD_UNIT_MS;
    found->version = jd_way_version(view, rule, &ways[0]);
    jd_instance_weigh(found->version, found, ways, count);
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
        look(view, rule, x, found.items[i], out);
    found.count = 0;
    if (is_b)
        found = jd_members_find(view, rule, JD_SELECTOR_A, from, to);
    for (uint32_t i = 0; i < found.count; i++)
        if (!is_a || !jd_touch_is(view, rule, found.items[i], JD_SELECTOR_B))
            look(view, rule, x, found.items[i], out);
}

/* proximity: two touches a, b of different engagements, a matching A, b matching B, no farther apart
 * than `within`. A touch may be both; a pair is one instance whichever way round it holds.
 *
 * Cheapest question first: the window by time, the selectors by their bits, then the bodies. */
#include "engine/conflicts/kinds.h"
#include "engine/conflicts/why.h"
#include "engine/limits.h"
#include "engine/time.h"

static const struct jd_span *within_of(struct jd_touches *view, const struct jd_rule *rule,
                                       const struct jd_reading *way)
{
    return jd_limits_within(view, jd_way_version(view, rule, way),
                            jd_touch_order(way->a, way->b) < 0 ? way->b : way->a);
}

/* Not inside where no line of a table says how far. */
static struct jd_distance distance_of(struct jd_touches *view, const struct jd_rule *rule,
                                      const struct jd_reading *way)
{
    const struct jd_span *within = within_of(view, rule, way);
    const struct jd_touch *early = jd_touch_order(way->a, way->b) < 0 ? way->a : way->b;
    const struct jd_touch *late = early == way->a ? way->b : way->a;
    if (within == NULL)
        return (struct jd_distance){0};
    return jd_span_distance(within, early->time, early->zone, late->time, late->zone);
}

static void look(struct jd_touches *view, const struct jd_rule *rule, struct jd_touch *x,
                 const struct jd_slot *slot, struct jd_instances *out)
{
    uint32_t a = (uint32_t)(rule - view->fold->program->rules) * JD_SELECTOR_STRIDE, b = a + 1;
    const uint64_t *bits = jd_slot_bits(view->fold, slot);
    bool x_first = jd_bit(x->bits, a) && jd_bit(bits, b), y_first = jd_bit(bits, a) && jd_bit(x->bits, b);
    if (!x_first && !y_first)
        return;
    struct jd_touch *y = jd_touches_open(view, slot);
    if (jd_touch_same_engagement(x, y))
        return;
    jd_touch_load(view, x);
    jd_touch_load(view, y);
    if (!view->shared && !(x_first && jd_touches_linked(rule, x, y)) &&
        !(y_first && jd_touches_linked(rule, y, x))) {
        jd_why_pair(view, JD_WHY_LINK, x, y);
        return;
    }
    struct jd_distance apart = distance_of(view, rule, &(struct jd_reading){x, y});
    if (!view->shared && !apart.inside) {
        if (within_of(view, rule, &(struct jd_reading){x, y}) == NULL)
            return;
        jd_why_number(view, JD_WHY_APART, x, y, (struct jd_decimal){apart.observed, 0},
                      (struct jd_decimal){apart.limit, 0}, apart.unit);
        return;
    }
    struct jd_reading ways[2];
    uint32_t count = 0, all = jd_pair_ways(view, rule, x, y, ways);
    for (uint32_t i = 0; i < all; i++)
        if (distance_of(view, rule, &ways[i]).inside)
            ways[count++] = ways[i];
    if (count == 0)
        return;
    struct jd_distance distance = distance_of(view, rule, &ways[0]);
    struct jd_instance *found = jd_instances_pair(view, out, ways[0].a, ways[0].b);
    found->observed = (struct jd_decimal){distance.observed, 0};
    found->limit = (struct jd_decimal){distance.limit, 0};
    found->unit = distance.unit;
    found->version = jd_way_version(view, rule, &ways[0]);
    jd_instance_weigh(found->version, found, ways, count);
    found->within = within_of(view, rule, &ways[0]);
}

void jd_proximity_find(struct jd_touches *view, const struct jd_rule *rule, struct jd_touch *x,
                       struct jd_instances *out)
{
    int64_t reach = jd_rule_within_reach(rule);
    struct jd_since since = jd_state_since(view->state, x->time - reach, x->time + reach);
    for (const struct jd_slot *slot; (slot = jd_since_next(&since)) != NULL;)
        look(view, rule, x, slot, out);
}

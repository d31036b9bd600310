/* proximity: two touches a, b of different engagements, a matching A, b matching B, no farther apart
 * than `within`. A touch may be both; a pair is one instance whichever way round it holds.
 *
 * Cheapest question first: the window by time, the selectors by their bits, then the bodies. */
#include "engine/conflicts/kinds.h"
#include "engine/conflicts/why.h"
#include "engine/limits.h"
#include "engine/time.h"

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
    x_first = x_first && jd_touches_linked(rule, x, y);
    y_first = y_first && jd_touches_linked(rule, y, x);
    if (!x_first && !y_first) {
        jd_why_pair(view, JD_WHY_LINK, x, y);
        return;
    }
    struct jd_touch *early = jd_touch_order(x, y) < 0 ? x : y, *late = early == x ? y : x;
    const struct jd_rule *version = jd_rule_version(view, rule, late);
    const struct jd_span *within = jd_limits_within(view, version, late);
    if (within == NULL)
        return;
    struct jd_distance distance = jd_span_distance(within, early->time, early->zone, late->time, late->zone);
    if (!distance.inside) {
        jd_why_number(view, JD_WHY_APART, x, y, (struct jd_decimal){distance.observed, 0},
                      (struct jd_decimal){distance.limit, 0}, distance.unit);
        return;
    }
    if (!jd_touches_compared(view, rule, x, y) || jd_touches_joint(view, rule, x, y))
        return;
    struct jd_instance *found = jd_instances_pair(view, out, x, y);
    found->version = version;
    found->observed = (struct jd_decimal){distance.observed, 0};
    found->limit = (struct jd_decimal){distance.limit, 0};
    found->unit = distance.unit;
    found->within = within;
    const struct jd_reading readings[] = {{x, y}, {y, x}};
    found->severity =
        jd_severity_of(version, found, x_first ? readings : readings + 1, x_first && y_first ? 2 : 1);
}

void jd_proximity_find(struct jd_touches *view, const struct jd_rule *rule, struct jd_touch *x,
                       struct jd_instances *out)
{
    int64_t reach = jd_rule_within_reach(rule);
    struct jd_since since = jd_state_since(view->state, x->time - reach, x->time + reach);
    for (const struct jd_slot *slot; (slot = jd_since_next(&since)) != NULL;)
        look(view, rule, x, slot, out);
}

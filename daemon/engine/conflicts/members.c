/* What kinds ask of the touches of a physician: which match, which belong together, what they come to. */
#include <string.h>

#include "base/avro.h"
#include "base/fault.h"
#include "base/str.h"
#include "engine/conflicts/kinds.h"
#include "engine/conflicts/why.h"
#include "engine/fields.h"
#include "engine/time.h"

/* ---- finding ---- */

int jd_touch_order(const struct jd_touch *x, const struct jd_touch *y)
{
    if (x->time != y->time)
        return x->time < y->time ? -1 : 1;
    return jd_str_cmp(x->key, y->key);
}

static uint32_t selector_of(const struct jd_touches *view, const struct jd_rule *rule,
                            enum jd_selector_place place)
{
    const struct jd_rule *central = rule->central != NULL ? rule->central : rule;
    return (uint32_t)(central - view->fold->program->rules) * JD_SELECTOR_STRIDE + place;
}

bool jd_touch_is(const struct jd_touches *view, const struct jd_rule *rule, const struct jd_touch *touch,
                 enum jd_selector_place place)
{
    return jd_bit(touch->bits, selector_of(view, rule, place));
}

bool jd_rule_asks(const struct jd_touches *view, const struct jd_rule *rule, const struct jd_touch *touch)
{
    return jd_touch_is(view, rule, touch, JD_SELECTOR_A) || jd_touch_is(view, rule, touch, JD_SELECTOR_B) ||
           jd_touch_is(view, rule, touch, JD_SELECTOR_C);
}

bool jd_bearer_valid(const struct jd_touches *view, const struct jd_rule *rule, const struct jd_touch *bearer)
{
    bool valid = jd_rule_valid(rule, bearer->time);
    if (!valid)
        jd_why_pair(view, JD_WHY_VALIDITY, bearer, NULL);
    return valid;
}

static void add(struct jd_touches *view, struct jd_members *list, struct jd_touch *touch)
{
    if (list->count == list->capacity)
        list->items =
            jd_arena_grow(view->arena, list->items, list->count, &list->capacity, sizeof(struct jd_touch *));
    list->items[list->count++] = touch;
}

/* They come by time. */
static void insert(struct jd_touches *view, struct jd_members *list, struct jd_touch *touch)
{
    add(view, list, touch);
    uint32_t at = list->count - 1;
    for (; at > 0 && jd_touch_order(list->items[at - 1], touch) > 0; at--)
        list->items[at] = list->items[at - 1];
    list->items[at] = touch;
}

struct jd_members jd_members_find(struct jd_touches *view, const struct jd_rule *rule,
                                  enum jd_selector_place place, jd_time from, jd_time to)
{
    struct jd_members found = {0};
    const uint32_t selector = selector_of(view, rule, place);
    struct jd_since since = jd_state_since(view->state, from, to);
    for (const struct jd_slot *slot; (slot = jd_since_next(&since)) != NULL;)
        if (jd_bit(jd_slot_bits(view->fold, slot), selector) && !jd_touches_hide(view, slot))
            insert(view, &found, jd_touches_open(view, slot));
    struct jd_touch *supposed = view->supposed;
    if (supposed != NULL && supposed->time >= from && supposed->time <= to &&
        jd_bit(supposed->bits, selector))
        insert(view, &found, supposed);
    return found;
}

/* ---- belonging together ---- */

bool jd_touches_same(struct jd_touches *view, const struct jd_rule *rule, struct jd_touch *x,
                     struct jd_touch *y)
{
    if (rule->same_count == 0 || jd_fault_bug("same_ignored"))
        return true;
    jd_touch_load(view, x);
    jd_touch_load(view, y);
    for (uint32_t i = 0; i < rule->same_count; i++) {
        enum jd_sharing sharing = jd_field_shared(x->event, y->event, &rule->same[i]);
        if (sharing == JD_SHARE_YES)
            continue;
        jd_why_field(view, JD_WHY_SAME, x, y, &rule->same[i], sharing);
        return false;
    }
    return true;
}

bool jd_touches_compared(struct jd_touches *view, const struct jd_rule *rule, struct jd_touch *x,
                         struct jd_touch *y)
{
    if (!jd_touches_same(view, rule, x, y))
        return false;
    uint32_t differ = 0;
    for (uint32_t i = 0; i < rule->different_count; i++) {
        jd_touch_load(view, x);
        jd_touch_load(view, y);
        enum jd_sharing sharing = jd_field_shared(x->event, y->event, &rule->different[i]);
        if (sharing != JD_SHARE_NO)
            jd_why_field(view, JD_WHY_DIFFERENT, x, y, &rule->different[i], sharing);
        if (sharing == JD_SHARE_ABSENT)
            return false;
        differ += sharing == JD_SHARE_NO;
    }
    return rule->different_count == 0 || (rule->different_any ? differ > 0 : differ == rule->different_count);
}

bool jd_touches_linked(const struct jd_rule *rule, const struct jd_touch *a, const struct jd_touch *b)
{
    struct jd_str answered = rule->linked ? b->event->responds_to : (struct jd_str){0};
    return !rule->linked || jd_fault_bug("link_ignored") ||
           (answered.ptr != NULL && (jd_str_eq(answered, a->key) || jd_str_eq(answered, a->event->id)));
}

bool jd_touches_belong(struct jd_touches *view, const struct jd_rule *rule, struct jd_touch *a,
                       struct jd_touch *b)
{
    if (rule->linked) {
        jd_touch_load(view, a);
        jd_touch_load(view, b);
    }
    if (!jd_touches_linked(rule, a, b)) {
        jd_why_pair(view, JD_WHY_LINK, b, a);
        return false;
    }
    return jd_touches_compared(view, rule, a, b);
}

bool jd_touch_takes_part(struct jd_touches *view, const struct jd_rule *rule, struct jd_touch *touch)
{
    struct jd_value value;
    if (rule->same_count + rule->different_count > 0)
        jd_touch_load(view, touch);
    for (uint32_t i = 0; i < rule->same_count + rule->different_count; i++) {
        const struct jd_field_ref *ref =
            i < rule->same_count ? &rule->same[i] : &rule->different[i - rule->same_count];
        if (jd_field_get(touch->event, ref, 0, &value))
            continue;
        jd_why_field(view, JD_WHY_LACKS, touch, NULL, ref, JD_SHARE_ABSENT);
        return false;
    }
    return true;
}

static bool names(const struct jd_event *x, const struct jd_event *y)
{
    const struct jd_party *parties = x->joint_with.items;
    for (uint32_t i = 0; y->actor.id.ptr != NULL && i < x->joint_with.count; i++)
        if (jd_str_eq(parties[i].id, y->actor.id))
            return true;
    return false;
}

bool jd_touches_joint(const struct jd_touches *view, const struct jd_rule *rule, const struct jd_touch *x,
                      const struct jd_touch *y)
{
    int64_t apart = x->time < y->time ? y->time - x->time : x->time - y->time;
    bool joint = rule->unless_joint && !jd_fault_bug("joint_ignored") &&
                 apart <= view->fold->program->joint_within_ms &&
                 (names(x->event, y->event) || names(y->event, x->event));
    if (joint)
        jd_why_pair(view, JD_WHY_JOINT, x, y);
    return joint;
}

/* ---- markets ---- */

static bool has_market(const struct jd_rule *version, struct jd_str market)
{
    for (uint32_t i = 0; i < version->market_count; i++)
        if (jd_str_eq(version->markets[i], market))
            return true;
    return false;
}

const struct jd_rule *jd_rule_version(struct jd_touches *view, const struct jd_rule *rule,
                                      struct jd_touch *bearer)
{
    static const struct jd_field_ref market = {.field = JD_FIELD_MARKET};
    struct jd_value value;
    if (rule->version_count == 0 || jd_fault_bug("market_ignored"))
        return rule;
    jd_touch_load(view, bearer);
    if (!jd_field_get(bearer->event, &market, 0, &value))
        return rule;
    for (uint32_t i = 0; i < rule->version_count; i++)
        if (has_market(&rule->versions[i], value.text))
            return &rule->versions[i];
    return rule;
}

int64_t jd_rule_within_reach(const struct jd_rule *rule)
{
    int64_t reach = jd_span_reach(&rule->within);
    for (uint32_t i = 0; i < rule->version_count; i++) {
        int64_t other = jd_span_reach(&rule->versions[i].within);
        reach = other > reach ? other : reach;
    }
    return reach;
}

/* ---- what an instance comes to ---- */

enum jd_alert_phase jd_members_phase(const struct jd_touch *const *members, uint32_t count, jd_time now)
{
    for (uint32_t i = 0; i < count; i++)
        if (members[i]->phase == JD_PHASE_PLANNED && members[i]->time > now)
            return JD_ALERT_PHASE_PREVENTABLE;
    return JD_ALERT_PHASE_INCIDENT;
}

static bool bounded(const struct jd_bound *bounds, uint32_t count, struct jd_decimal number)
{
    for (uint32_t i = 0; i < count; i++) {
        int order = jd_decimal_cmp(number, bounds[i].number);
        enum jd_compare op = bounds[i].op;
        if (!(op == JD_LT ? order < 0 : op == JD_LE ? order <= 0 : op == JD_GT ? order > 0 : order >= 0))
            return false;
    }
    return true;
}

static bool fits(const struct jd_selector *selector, const struct jd_touch *touch)
{
    return selector == NULL || (touch != NULL && jd_selector_matches(selector, touch->class, touch->event));
}

static bool spans(const struct jd_span *within, const struct jd_reading *reading)
{
    const struct jd_touch *a = reading->a, *b = reading->b;
    return within == NULL ||
           (a != NULL && b != NULL && jd_span_distance(within, a->time, a->zone, b->time, b->zone).inside);
}

enum jd_severity jd_severity_of(const struct jd_rule *rule, const struct jd_instance *instance,
                                const struct jd_reading *readings, uint32_t count)
{
    for (uint32_t i = 0; i < rule->severity_count; i++) {
        const struct jd_severity_case *c = &rule->severities[i];
        if (jd_fault_bug("severity_first_case"))
            return c->severity;
        if ((c->phase != JD_ALERT_PHASE_NONE && c->phase != instance->phase) ||
            !bounded(c->observed, c->observed_count, instance->observed))
            continue;
        for (uint32_t r = 0; r < count; r++)
            if (spans(c->within, &readings[r]) && fits(c->a, readings[r].a) && fits(c->b, readings[r].b))
                return c->severity;
    }
    return JD_SEVERITY_MEDIUM;
}

/* ---- instances ---- */

struct jd_instance *jd_instances_add(struct jd_instances *list, const struct jd_str *parts, uint32_t count)
{
    if (list->count == list->capacity)
        list->items =
            jd_arena_grow(list->arena, list->items, list->count, &list->capacity, sizeof *list->items);
    struct jd_instance *instance = &list->items[list->count++];
    *instance = (struct jd_instance){.parts = parts, .part_count = count, .deadline = JD_NEVER};
    return instance;
}

struct jd_instance *jd_instances_bearer(struct jd_touches *view, struct jd_instances *list,
                                        struct jd_touch *bearer)
{
    if (bearer->class != JD_CLASS_TOUCH) /* its name is in its body */
        jd_touch_load(view, bearer);
    struct jd_str *name = jd_arena_alloc(list->arena, sizeof *name);
    *name = jd_touch_name(bearer, view->arena);
    struct jd_instance *instance = jd_instances_add(list, name, 1);
    instance->bearer = bearer;
    return instance;
}

void jd_instance_hold(struct jd_touches *view, struct jd_instance *instance,
                      const struct jd_touch *const *members, uint32_t count)
{
    const struct jd_touch **copy = jd_arena_array(view->arena, count, sizeof *copy);
    if (count > 0)
        memcpy(copy, members, count * sizeof *copy);
    instance->members = copy;
    instance->member_count = count;
    instance->status = JD_STATUS_OPEN;
    instance->phase = jd_members_phase(copy, count, view->now);
}

struct jd_instance *jd_instances_pair(struct jd_touches *view, struct jd_instances *list, struct jd_touch *x,
                                      struct jd_touch *y)
{
    struct jd_str p = jd_touch_name(x, view->arena), q = jd_touch_name(y, view->arena);
    struct jd_str *parts = jd_arena_array(list->arena, 2, sizeof *parts);
    bool p_first = jd_str_cmp(p, q) < 0, x_first = jd_touch_order(x, y) < 0;
    parts[0] = p_first ? p : q;
    parts[1] = p_first ? q : p;
    struct jd_instance *instance = jd_instances_add(list, parts, 2);
    const struct jd_touch *members[] = {x_first ? x : y, x_first ? y : x};
    jd_instance_hold(view, instance, members, 2);
    instance->horizon = members[1]->time;
    return instance;
}

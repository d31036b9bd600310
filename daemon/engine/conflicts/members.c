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
    int order = jd_str_cmp(x->key, y->key);
    return order != 0 ? order : jd_str_cmp(x->hcp, y->hcp);
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

void jd_members_add(struct jd_touches *view, struct jd_members *list, struct jd_touch *touch)
{
    if (list->count == list->capacity)
        list->items =
            jd_arena_grow(view->arena, list->items, list->count, &list->capacity, sizeof(struct jd_touch *));
    list->items[list->count++] = touch;
}

/* They come by time. */
static void insert(struct jd_touches *view, struct jd_members *list, struct jd_touch *touch)
{
    jd_members_add(view, list, touch);
    uint32_t at = list->count - 1;
    for (; at > 0 && jd_touch_order(list->items[at - 1], touch) > 0; at--)
        list->items[at] = list->items[at - 1];
    list->items[at] = touch;
}

void jd_members_sort(struct jd_members *list)
{
    for (uint32_t i = 1; i < list->count;
         i++) { /* nearly sorted: attendees of one engagement come together */
        struct jd_touch *touch = list->items[i];
        uint32_t at = i;
        for (; at > 0 && jd_touch_order(list->items[at - 1], touch) > 0; at--)
            list->items[at] = list->items[at - 1];
        list->items[at] = touch;
    }
}

struct jd_members jd_members_find(struct jd_touches *view, const struct jd_rule *rule,
                                  enum jd_selector_place place, jd_time from, jd_time to)
{
    struct jd_members found = {0};
    const uint32_t selector = selector_of(view, rule, place);
    /* When it was recorded says nothing of when it was. */
    struct jd_since since =
        jd_state_since(view->state, view->logged ? JD_TIME_MIN : from, view->logged ? JD_TIME_MAX : to);
    for (const struct jd_slot *slot; (slot = jd_since_next(&since)) != NULL;) {
        if (!jd_bit(jd_slot_bits(view->fold, slot), selector) || jd_touches_hide(view, slot))
            continue;
        struct jd_touch *touch = jd_touches_open(view, slot);
        if (touch->time >= from && touch->time <= to)
            insert(view, &found, touch);
    }
    struct jd_touch *supposed = view->supposed;
    if (supposed != NULL && supposed->time >= from && supposed->time <= to &&
        jd_bit(supposed->bits, selector))
        insert(view, &found, supposed);
    return found;
}

struct jd_members jd_members_find_days(struct jd_touches *view, const struct jd_rule *rule,
                                       enum jd_selector_place place, int64_t first, int64_t end)
{
    const struct jd_zone *zone = jd_touches_own_zone(view);
    if (zone == NULL)
        return jd_members_find(view, rule, place, first * JD_DAY - JD_ZONE_FROM_UTC,
                               end * JD_DAY + JD_ZONE_FROM_UTC);
    return jd_members_find(view, rule, place, jd_local_instant(zone, first * JD_DAY) - JD_CLOCKS_BACK,
                           jd_local_instant(zone, end * JD_DAY) + JD_CLOCKS_BACK);
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

/* ---- several attendees ---- */

bool jd_touch_represents(struct jd_touches *view, const struct jd_rule *rule, enum jd_selector_place place,
                         struct jd_touch *x, struct jd_touch *u, jd_belongs *belongs)
{
    if (!view->shared || jd_fault_bug("scope_attendees_all"))
        return true;
    const struct jd_attendees *attendees = jd_touch_attendees(view, u);
    for (uint32_t i = 0; i < attendees->count && attendees->items[i] != u; i++)
        if (jd_touch_is(view, rule, attendees->items[i], place) &&
            belongs(view, rule, x, attendees->items[i]))
            return false;
    return true;
}

/* The first touches of x's and y's engagements of which the one is a and the other b, and that belong together. */
static bool way_of(struct jd_touches *view, const struct jd_rule *rule, struct jd_touch *x,
                   struct jd_touch *y, struct jd_reading *way)
{
    const struct jd_attendees *as = jd_touch_attendees(view, x), *bs = jd_touch_attendees(view, y);
    for (uint32_t i = 0; i < as->count; i++)
        for (uint32_t k = 0; k < bs->count && jd_touch_is(view, rule, as->items[i], JD_SELECTOR_A); k++) {
            struct jd_touch *a = as->items[i], *b = bs->items[k];
            if (!jd_touch_is(view, rule, b, JD_SELECTOR_B))
                continue;
            jd_touch_load(view, a);
            jd_touch_load(view, b);
            *way = (struct jd_reading){a, b};
            if (jd_touches_belong(view, rule, a, b) && !jd_touches_joint(view, rule, a, b))
                return true;
        }
    return false;
}

/* The one with the earlier a comes first. */
static void order_ways(struct jd_reading ways[2], uint32_t count)
{
    if (count < 2 || jd_touch_order(ways[1].a, ways[0].a) >= 0)
        return;
    struct jd_reading swap = ways[0];
    ways[0] = ways[1];
    ways[1] = swap;
}

uint32_t jd_pair_ways(struct jd_touches *view, const struct jd_rule *rule, struct jd_touch *x,
                      struct jd_touch *y, struct jd_reading ways[2])
{
    if (!view->shared) {
        jd_touch_load(view, x);
        jd_touch_load(view, y);
        if (!jd_touches_compared(view, rule, x, y) || jd_touches_joint(view, rule, x, y))
            return 0;
        uint32_t found = 0;
        if (jd_touch_is(view, rule, x, JD_SELECTOR_A) && jd_touch_is(view, rule, y, JD_SELECTOR_B) &&
            jd_touches_linked(rule, x, y))
            ways[found++] = (struct jd_reading){x, y};
        if (jd_touch_is(view, rule, y, JD_SELECTOR_A) && jd_touch_is(view, rule, x, JD_SELECTOR_B) &&
            jd_touches_linked(rule, y, x))
            ways[found++] = (struct jd_reading){y, x};
        order_ways(ways, found);
        return found;
    }
    uint32_t count = way_of(view, rule, x, y, &ways[0]);
    count += way_of(view, rule, y, x, &ways[count]);
    order_ways(ways, count);
    return count;
}

const struct jd_rule *jd_way_version(struct jd_touches *view, const struct jd_rule *rule,
                                     const struct jd_reading *way)
{
    return jd_rule_version(view, rule, jd_touch_order(way->a, way->b) < 0 ? way->b : way->a);
}

bool jd_touch_is_complete(struct jd_touches *view, const struct jd_rule *rule, struct jd_touch *x,
                          struct jd_touch *y)
{
    (void)x;
    return jd_touch_takes_part(view, rule, y);
}

bool jd_touch_belongs_before(struct jd_touches *view, const struct jd_rule *rule, struct jd_touch *x,
                             struct jd_touch *y)
{
    return jd_touches_belong(view, rule, y, x);
}

/* Does what one comes to go before what was found so far? */
static bool goes_before(const struct jd_instance *one, const struct jd_instance *so_far)
{
    return one->status != JD_STATUS_NONE && (so_far->status == JD_STATUS_NONE ||
                                             jd_touch_order(one->members[one->member_count - 1],
                                                            so_far->members[so_far->member_count - 1]) < 0);
}

static bool belongs_alike(struct jd_touches *view, const struct jd_rule *rule,
                          const struct jd_bearing *bearing, struct jd_touch *x, struct jd_touch *y)
{
    return jd_touch_is(view, rule, y, bearing->place) && bearing->belongs(view, rule, y, y) &&
           jd_touches_same(view, rule, x, y);
}

void jd_judge_bearer(struct jd_touches *view, const struct jd_rule *rule, const struct jd_bearing *bearing,
                     struct jd_touch *x, struct jd_instances *out)
{
    struct jd_instance *instance = jd_instances_bearer(view, out, x);
    if (!view->shared) {
        if (!x->gone)
            bearing->judge(view, rule, x, instance, bearing->context);
        return;
    }
    const struct jd_attendees *attendees = jd_touch_attendees(view, x);
    for (uint32_t i = 0; i < attendees->count; i++) {
        struct jd_touch *touch = attendees->items[i];
        bool stands = belongs_alike(view, rule, bearing, touch, touch);
        for (uint32_t k = 0; stands && !bearing->each && k < i; k++)
            stands = !belongs_alike(view, rule, bearing, touch, attendees->items[k]);
        if (!stands)
            continue;
        struct jd_instance one = *instance;
        one.status = JD_STATUS_NONE;
        one.deadline = JD_NEVER;
        bearing->judge(view, rule, touch, &one, bearing->context);
        jd_time deadline = one.deadline < instance->deadline ? one.deadline : instance->deadline;
        if (goes_before(&one, instance))
            *instance = one;
        instance->deadline = deadline;
    }
}

/* ---- what an instance comes to ---- */

enum jd_alert_phase jd_members_phase(const struct jd_touch *const *members, uint32_t count, jd_time now)
{
    for (uint32_t i = 0; i < count; i++)
        if (members[i]->phase == JD_PHASE_PLANNED && members[i]->slot.time > now)
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

static enum jd_severity severity_of(const struct jd_rule *rule, const struct jd_instance *instance,
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

void jd_instance_weigh(const struct jd_rule *rule, struct jd_instance *instance,
                       const struct jd_reading *readings, uint32_t count)
{
    instance->severity = severity_of(rule, instance, readings, count);
    instance->a = readings[0].a;
    instance->b = readings[0].b;
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
    if (bearer->class != JD_CLASS_TOUCH && bearer->class != JD_CLASS_ALERT) /* its name is in its body */
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

struct jd_instance *jd_instances_pair(struct jd_touches *view, struct jd_instances *list,
                                      const struct jd_touch *x, const struct jd_touch *y)
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

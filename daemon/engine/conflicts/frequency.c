/* frequency and budget: what the touches before t (rolling), of a calendar period, or one touch alone come
 * to, held against a limit. frequency counts touches, or distinct values, or adds weights; budget adds
 * amounts of one currency, or quantities.
 *
 * All touches would be counted without opening a body where that alone keeps below the limit. */
#include "base/avro.h"
#include "base/fault.h"
#include "base/str.h"
#include "engine/conflicts/amount.h"
#include "engine/conflicts/kinds.h"
#include "engine/conflicts/why.h"
#include "engine/fields.h"
#include "engine/limits.h"
#include "engine/period.h"
#include "engine/time.h"

/* What some touches come to. */
struct tally {
    struct jd_members members; /* those that count */
    struct jd_touch *last;     /* of those that stand for their engagements */
    int64_t sum;               /* of weights, amounts, quantities; in JD_AMOUNT_SCALE */
    int64_t distinct, other_currency;
};

/* ---- one touch ---- */

enum part { PART_NONE, PART_COUNTS, PART_OTHER_CURRENCY };

static enum part part_of(const struct jd_rule *rule, const struct jd_event *event, int64_t *number)
{
    struct jd_value value;
    *number = 0;
    switch (rule->measure) {
    case JD_MEASURE_COUNT:
        return PART_COUNTS;
    case JD_MEASURE_DISTINCT:
        return jd_field_get(event, &rule->measured, 0, &value) ? PART_COUNTS : PART_NONE;
    case JD_MEASURE_WEIGHTS:
        *number = jd_weight_of(&rule->weights, event, &rule->measured);
        return PART_COUNTS;
    case JD_MEASURE_AMOUNT:
        if (!jd_amount_units(event->amount, number))
            return PART_NONE;
        return event->currency.ptr == NULL || jd_str_eq(event->currency, rule->currency)
                   ? PART_COUNTS
                   : PART_OTHER_CURRENCY;
    case JD_MEASURE_QUANTITY:
        return event->quantity != JD_INT_NONE &&
                       jd_amount_units((struct jd_decimal){event->quantity, 0}, number)
                   ? PART_COUNTS
                   : PART_NONE;
    }
    return PART_NONE;
}

static bool is_new_value(const struct jd_rule *rule, const struct tally *tally, const struct jd_touch *touch)
{
    for (uint32_t i = 0; i < tally->members.count; i++)
        if (jd_field_shared(tally->members.items[i]->event, touch->event, &rule->measured) == JD_SHARE_YES)
            return false;
    return true;
}

/* Where each engagement is one touch, the array of those that were found has room for those that count. */
static struct tally tally_in(const struct jd_touches *view, const struct jd_members *found)
{
    return view->shared ? (struct tally){0}
                        : (struct tally){.members = {.items = found->items, .capacity = found->capacity}};
}

/* belongs: y counts, and with x. */
static bool counts_with(struct jd_touches *view, const struct jd_rule *rule, struct jd_touch *x,
                        struct jd_touch *y)
{
    int64_t number;
    jd_touch_load(view, y);
    return part_of(rule, y->event, &number) == PART_COUNTS && jd_touches_same(view, rule, x, y);
}

static bool counts(struct jd_touches *view, const struct jd_rule *rule, struct jd_touch *x,
                   struct jd_touch *y)
{
    (void)x;
    return counts_with(view, rule, y, y);
}

/* distinct: hcp counts every attendee. */
static bool counts_attendees(const struct jd_rule *rule)
{
    return rule->measure == JD_MEASURE_DISTINCT && rule->measured.field == JD_FIELD_HCP_ID;
}

/* Does u stand for its engagement among those that count with it? */
static bool represents(struct jd_touches *view, const struct jd_rule *rule, struct jd_touch *u)
{
    return counts_attendees(rule) || jd_touch_represents(view, rule, JD_SELECTOR_A, u, u, counts_with);
}

static void add(struct jd_touches *view, const struct jd_rule *rule, struct tally *tally,
                struct jd_touch *touch)
{
    int64_t number;
    (void)part_of(rule, touch->event, &number);
    tally->sum += number;
    if (rule->measure == JD_MEASURE_DISTINCT)
        tally->distinct += is_new_value(rule, tally, touch);
    jd_members_add(view, &tally->members, touch);
}

/* Counts a touch that shares the values of the others; sums take every attendee of its engagement. */
static void count(struct jd_touches *view, const struct jd_rule *rule, struct tally *tally,
                  struct jd_touch *touch)
{
    int64_t number;
    enum part part = part_of(rule, touch->event, &number);
    tally->other_currency += part == PART_OTHER_CURRENCY;
    if (part != PART_COUNTS || !represents(view, rule, touch))
        return;
    tally->last = touch;
    add(view, rule, tally, touch);
    if (!view->shared || (rule->measure != JD_MEASURE_AMOUNT && rule->measure != JD_MEASURE_QUANTITY))
        return;
    const struct jd_attendees *attendees = jd_touch_attendees(view, touch);
    for (uint32_t i = 0; i < attendees->count && !jd_fault_bug("scope_attendees_sum"); i++)
        if (attendees->items[i] != touch && jd_touch_is(view, rule, attendees->items[i], JD_SELECTOR_A) &&
            counts_with(view, rule, touch, attendees->items[i]))
            add(view, rule, tally, attendees->items[i]);
}

static struct jd_decimal total(const struct jd_rule *rule, const struct tally *tally)
{
    if (rule->measure == JD_MEASURE_COUNT)
        return (struct jd_decimal){tally->members.count, 0};
    if (rule->measure == JD_MEASURE_DISTINCT)
        return (struct jd_decimal){tally->distinct, 0};
    return jd_amount_decimal(tally->sum);
}

static bool over(const struct jd_rule *rule, const struct jd_bounds *bounds, struct jd_decimal number)
{
    int order = jd_decimal_cmp(number, bounds->limit);
    return order > 0 || (order == 0 && (rule->at_least || jd_fault_bug("kind_frequency_limit")));
}

/* Can so many touches be over the limit? */
static bool can_be_over(const struct jd_rule *rule, const struct jd_bounds *bounds, uint32_t found)
{
    return (rule->measure != JD_MEASURE_COUNT && rule->measure != JD_MEASURE_DISTINCT) ||
           over(rule, bounds, (struct jd_decimal){found, 0});
}

static enum jd_unit unit_of(const struct jd_rule *rule)
{
    return rule->measure == JD_MEASURE_AMOUNT     ? JD_UNIT_AMOUNT
           : rule->measure == JD_MEASURE_QUANTITY ? JD_UNIT_QUANTITY
                                                  : JD_UNIT_TOUCHES;
}

static void tell_total(const struct jd_touches *view, const struct jd_rule *rule, const struct jd_touch *x,
                       const struct jd_bounds *bounds, struct jd_decimal observed)
{
    jd_why_number(view, JD_WHY_TOTAL, x, NULL, observed, bounds->limit, unit_of(rule));
}

static void hold(struct jd_touches *view, const struct jd_rule *rule, const struct jd_bounds *bounds,
                 struct jd_instance *instance, struct tally *tally, jd_time horizon,
                 const struct jd_reading *reading)
{
    if (view->shared)
        jd_members_sort(&tally->members);
    jd_instance_hold(view, instance, (const struct jd_touch *const *)tally->members.items,
                     tally->members.count);
    instance->observed = total(rule, tally);
    instance->limit = bounds->limit;
    instance->within = bounds->within;
    instance->unit = unit_of(rule);
    instance->other_currency = tally->other_currency;
    instance->horizon = horizon + rule->over_ms;
    jd_instance_weigh(rule, instance, reading, 1);
    instance->version = rule;
}

/* ---- rolling, and one touch ---- */

static void judge_touch(struct jd_touches *view, const struct jd_rule *central, struct jd_touch *t,
                        struct jd_instance *instance, const void *context)
{
    int64_t number;
    struct jd_bounds bounds;
    (void)context;
    if (!jd_bearer_valid(view, central, t))
        return;
    const struct jd_rule *rule = jd_rule_version(view, central, t);
    if (!jd_limits_at(view, rule, t, t->time, &bounds))
        return;
    struct jd_members found = {&t, 1, 1};
    if (rule->period == JD_PERIOD_NONE)
        found = jd_members_find(view, rule, JD_SELECTOR_A, t->time - jd_span_reach(bounds.within), t->time);
    if (!can_be_over(rule, &bounds, found.count) && !jd_why_asked(view))
        return;
    jd_touch_load(view, t);
    if (part_of(rule, t->event, &number) != PART_COUNTS) {
        jd_why_pair(view, JD_WHY_NO_PART, t, NULL);
        return;
    }
    struct tally tally = tally_in(view, &found);
    for (uint32_t i = 0; i < found.count; i++) {
        struct jd_touch *u = found.items[i];
        jd_touch_load(view, u);
        if ((rule->period == JD_PERIOD_TOUCH ||
             jd_span_covers(bounds.within, u->time, u->zone, t->time, t->zone)) &&
            jd_touches_same(view, rule, t, u))
            count(view, rule, &tally, u);
    }
    const struct jd_reading reading = {t, NULL};
    if (over(rule, &bounds, total(rule, &tally)))
        hold(view, rule, &bounds, instance, &tally, t->time, &reading);
    else
        tell_total(view, rule, t, &bounds, total(rule, &tally));
}

static void find_touches(struct jd_touches *view, const struct jd_rule *rule, struct jd_touch *x,
                         struct jd_instances *out)
{
    const struct jd_bearing bearing = {JD_SELECTOR_A, counts_attendees(rule), counts, judge_touch, NULL};
    struct jd_members after = {&x, 1, 1};
    if (rule->period == JD_PERIOD_NONE) {
        if (x->gone)
            jd_judge_bearer(view, rule, &bearing, x, out);
        after = jd_members_find(view, rule, JD_SELECTOR_A, x->time, x->time + jd_rule_within_reach(rule));
    }
    for (uint32_t i = 0; i < after.count; i++)
        jd_judge_bearer(view, rule, &bearing, after.items[i], out);
}

/* ---- calendar ---- */

static const struct jd_str *name_period(const struct jd_touches *view, const struct jd_rule *rule,
                                        const struct jd_touch *x, struct jd_str label)
{
    struct jd_str *parts = jd_arena_array(view->arena, rule->same_count + 1, sizeof *parts);
    for (uint32_t i = 0; i < rule->same_count; i++)
        parts[i] = jd_field_text(x->event, &rule->same[i], view->arena);
    parts[rule->same_count] = label;
    return parts;
}

/* The touches of the period that belong to x; where only their number matters, nothing when they cannot be
 * over the limit. */
static struct tally tally_period(struct jd_touches *view, const struct jd_rule *rule, struct jd_touch *x,
                                 const struct jd_calendar *period)
{
    const struct jd_bounds own = {rule->limit, &rule->within};
    struct jd_members found = jd_members_find_days(view, rule, JD_SELECTOR_A, period->first, period->end);
    struct tally tally = tally_in(view, &found);
    if (!rule->each && rule->version_count == 0 && rule->limits == NULL &&
        !can_be_over(rule, &own, found.count) && !jd_why_asked(view))
        return tally;
    for (uint32_t i = 0; i < found.count; i++) {
        struct jd_touch *u = found.items[i];
        jd_touch_load(view, u);
        int64_t day = jd_local_day(u->zone, u->time);
        if (day >= period->first && day < period->end - jd_fault_bug("kind_calendar") &&
            jd_touches_same(view, rule, x, u))
            count(view, rule, &tally, u);
    }
    return tally;
}

/* The rule as the market of a period has it: that of its first touch. */
static const struct jd_rule *version_of(struct jd_touches *view, const struct jd_rule *rule,
                                        const struct tally *tally)
{
    return tally->members.count > 0 ? jd_rule_version(view, rule, tally->members.items[0]) : rule;
}

/* Over the limit at the last instant of the period? */
static bool period_holds(struct jd_touches *view, const struct jd_rule *rule, const struct tally *tally,
                         const struct jd_calendar *period, struct jd_bounds *bounds)
{
    if (tally->members.count == 0)
        return false;
    struct jd_touch *last = tally->last;
    jd_time end = jd_local_instant(last->zone, period->end * JD_DAY) - 1;
    return jd_rule_valid(rule, end) && jd_limits_at(view, rule, last, end, bounds) &&
           over(rule, bounds, total(rule, tally));
}

/* A touch's period as a whole. */
struct whole {
    struct jd_touch *of;
    struct jd_calendar period;
    struct tally tally;
    const struct jd_rule *version; /* of the rule, as the period's market has it */
    struct jd_bounds bounds;
    bool holds;
};

static struct whole whole_of(struct jd_touches *view, const struct jd_rule *rule, struct jd_touch *x)
{
    jd_touch_load(view, x);
    struct whole whole = {.of = x, .bounds = {rule->limit, &rule->within}};
    whole.period = jd_calendar_of(rule->period, jd_local_day(x->zone, x->time), view->arena);
    whole.tally = tally_period(view, rule, x, &whole.period);
    whole.version = version_of(view, rule, &whole.tally);
    whole.holds = period_holds(view, whole.version, &whole.tally, &whole.period, &whole.bounds);
    return whole;
}

static void hold_whole(struct jd_touches *view, struct whole *whole, struct jd_instance *instance)
{
    const struct jd_reading none = {NULL, NULL};
    if (whole->holds)
        hold(view, whole->version, &whole->bounds, instance, &whole->tally,
             whole->period.end * JD_DAY + JD_ZONES_APART, &none);
}

/* report: each. `context`: the period that is looked at, which is u's, too, unless an attendee of its engagement
 * stands for it elsewhere. */
static void judge_each(struct jd_touches *view, const struct jd_rule *rule, struct jd_touch *u,
                       struct jd_instance *instance, const void *context)
{
    struct whole whole = *(const struct whole *)context;
    int64_t day = jd_local_day(u->zone, u->time);
    if (day < whole.period.first || day >= whole.period.end || !jd_touches_same(view, rule, whole.of, u))
        whole = whole_of(view, rule, u);
    for (uint32_t i = 0; i < whole.tally.members.count; i++)
        if (whole.tally.members.items[i] == u)
            hold_whole(view, &whole, instance);
}

static void find_period(struct jd_touches *view, const struct jd_rule *rule, struct jd_touch *x,
                        struct jd_instances *out)
{
    if (!jd_touch_takes_part(view, rule, x))
        return;
    struct whole whole = whole_of(view, rule, x);
    if (!whole.holds)
        tell_total(view, whole.version, x, &whole.bounds, total(rule, &whole.tally));
    if (!rule->each) {
        struct jd_instance *instance =
            jd_instances_add(out, name_period(view, rule, x, whole.period.label), rule->same_count + 1);
        hold_whole(view, &whole, instance);
        return;
    }
    const struct jd_bearing bearing = {JD_SELECTOR_A, counts_attendees(rule), counts, judge_each, &whole};
    jd_judge_bearer(view, rule, &bearing, x, out); /* it may have left the period, or no longer count */
    for (uint32_t i = 0; i < whole.tally.members.count; i++)
        jd_judge_bearer(view, rule, &bearing, whole.tally.members.items[i], out);
}

/* ---- from the first ---- */

/* The touches that share x's values and belong to no period that is over. */
static struct jd_members chain_of(struct jd_touches *view, const struct jd_rule *rule, struct jd_touch *x)
{
    const struct jd_str *values = name_period(view, rule, x, (struct jd_str){0});
    jd_time since = JD_TIME_MIN;
    uint32_t from, to;
    jd_state_range(view->state, JD_ENTRY_PERIOD, &from, &to);
    for (; from < to; from++) {
        const struct jd_period_entry *over =
            jd_slot_period(jd_state_key(view->state), &view->state->slots[from], view->arena);
        const struct jd_str *own = over->values.items;
        bool same = jd_str_eq(over->rule, rule->id) && over->values.count == rule->same_count;
        for (uint32_t i = 0; same && i < rule->same_count; i++)
            same = jd_str_eq(own[i], values[i]);
        since = same ? over->until : since;
    }
    struct jd_members found = jd_members_find(view, rule, JD_SELECTOR_A, since, JD_TIME_MAX);
    uint32_t count = 0;
    int64_t number;
    for (uint32_t i = 0; i < found.count; i++) {
        struct jd_touch *u = found.items[i];
        jd_touch_load(view, u);
        if (jd_touches_same(view, rule, x, u) &&
            (part_of(rule, u->event, &number) != PART_COUNTS || represents(view, rule, u)))
            found.items[count++] = u;
    }
    found.count = count;
    return found;
}

/* Takes the next period off the chain: it begins with the first touch that counts. False: none does. */
static bool next_period(struct jd_touches *view, const struct jd_rule *rule, const struct jd_members *chain,
                        uint32_t *at, struct tally *tally, jd_time *end)
{
    int64_t number;
    while (*at < chain->count && part_of(rule, chain->items[*at]->event, &number) != PART_COUNTS)
        ++*at;
    if (*at == chain->count)
        return false;
    struct jd_touch *first = chain->items[*at];
    *end = jd_span_end(&rule->within, first->time, first->zone);
    *tally = (struct tally){0};
    uint32_t i = *at; /* those in another currency at the same instant lie before the first */
    while (i > 0 && chain->items[i - 1]->time == first->time)
        i--;
    for (; i < chain->count && chain->items[i]->time < *end + jd_fault_bug("kind_first"); i++)
        if (i >= *at || part_of(rule, chain->items[i]->event, &number) == PART_OTHER_CURRENCY)
            count(view, rule, tally, chain->items[i]);
    *at = i;
    return true;
}

/* A period, and the chain that it is of. */
struct link {
    struct tally tally;
    jd_time horizon;
    const struct jd_rule *version; /* of the rule, as the period's market has it */
    struct jd_bounds bounds;
    bool holds;
    struct link *next;
};
struct links {
    struct jd_touch *of; /* who shares the values of those in the chain */
    struct jd_members chain;
    struct link *first;
};

static struct links links_of(struct jd_touches *view, const struct jd_rule *rule, struct jd_touch *x)
{
    jd_touch_load(view, x);
    struct links links = {.of = x, .chain = chain_of(view, rule, x)};
    struct link **last = &links.first;
    struct tally tally;
    jd_time end;
    for (uint32_t at = 0; next_period(view, rule, &links.chain, &at, &tally, &end); last = &(*last)->next) {
        *last = jd_arena_alloc(view->arena, sizeof **last);
        /* Whatever the zone becomes, the period is over by then: what is final stays so. */
        const struct jd_rule *version = version_of(view, rule, &tally);
        **last = (struct link){.tally = tally,
                               .horizon = tally.members.items[0]->time + jd_span_reach(&rule->within),
                               .version = version,
                               .bounds = {rule->limit, &rule->within}};
        struct link *link = *last;
        if (!jd_rule_valid(rule, end - 1) || !jd_limits_at(view, version, tally.last, end - 1, &link->bounds))
            continue;
        link->holds = over(version, &link->bounds, total(rule, &tally));
        if (!link->holds)
            tell_total(view, version, tally.members.items[0], &link->bounds, total(rule, &tally));
    }
    return links;
}

/* Does a period have its instance, or one of them, from this touch? */
static bool is_named_by(const struct jd_rule *rule, const struct link *link, const struct jd_touch *touch)
{
    const struct jd_members *members = &link->tally.members;
    for (uint32_t i = 0; i < (rule->each ? members->count : 1); i++)
        if (members->items[i] == touch)
            return true;
    return false;
}

/* `context`: the chain that is looked at, which is r's, too, unless an attendee of its engagement stands for it in
 * another. */
static void judge_first(struct jd_touches *view, const struct jd_rule *rule, struct jd_touch *r,
                        struct jd_instance *instance, const void *context)
{
    const struct jd_reading none = {NULL, NULL};
    struct links links = *(const struct links *)context;
    if (!jd_touches_same(view, rule, links.of, r))
        links = links_of(view, rule, r);
    for (struct link *link = links.first; link != NULL; link = link->next)
        if (link->holds && is_named_by(rule, link, r))
            hold(view, link->version, &link->bounds, instance, &link->tally, link->horizon, &none);
}

static void find_from_first(struct jd_touches *view, const struct jd_rule *rule, struct jd_touch *x,
                            struct jd_instances *out)
{
    if (!jd_touch_takes_part(view, rule, x))
        return;
    struct links links = links_of(view, rule, x);
    const struct jd_bearing bearing = {JD_SELECTOR_A, counts_attendees(rule), counts, judge_first, &links};
    /* Every touch may have begun a period before, or bear an instance of its own. */
    jd_judge_bearer(view, rule, &bearing, x, out);
    for (uint32_t i = 0; i < links.chain.count; i++)
        jd_judge_bearer(view, rule, &bearing, links.chain.items[i], out);
}

bool jd_frequency_remember(struct jd_touches *view, const struct jd_rule *rule, struct jd_touch *x,
                           struct jd_period_entry *out)
{
    if (!jd_touch_is(view, rule, x, JD_SELECTOR_A) || !jd_touch_takes_part(view, rule, x))
        return false;
    jd_touch_load(view, x);
    struct jd_members chain = chain_of(view, rule, x);
    struct tally tally;
    jd_time end, oldest = view->now - view->fold->program->allowed_lateness_ms;
    *out =
        (struct jd_period_entry){.rule = rule->id,
                                 .values = {name_period(view, rule, x, (struct jd_str){0}), rule->same_count},
                                 .until = JD_TIME_NONE};
    for (uint32_t at = 0; next_period(view, rule, &chain, &at, &tally, &end) && end <= oldest;) {
        bool planned = false;
        for (uint32_t i = 0; i < tally.members.count; i++)
            planned = planned || tally.members.items[i]->phase == JD_PHASE_PLANNED;
        if (planned)
            break;
        out->until = end;
    }
    return out->until != JD_TIME_NONE;
}

void jd_frequency_find(struct jd_touches *view, const struct jd_rule *rule, struct jd_touch *x,
                       struct jd_instances *out)
{
    if (!jd_touch_is(view, rule, x, JD_SELECTOR_A))
        return;
    if (rule->period == JD_PERIOD_FROM_FIRST)
        find_from_first(view, rule, x, out);
    else if (rule->period == JD_PERIOD_NONE || rule->period == JD_PERIOD_TOUCH)
        find_touches(view, rule, x, out);
    else
        find_period(view, rule, x, out);
}

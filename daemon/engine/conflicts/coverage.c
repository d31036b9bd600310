/* coverage: for a physician (or an account) that `who:` means, fewer touches than expected in a calendar period, judged when it is
 * over; with `on_track:` from its second day on, at each local midnight, against a straight path to the goal.
 *
 *   period  first ├───────────┼───────────┼───────────┤ end
 *   goal             on_track · at_least · days past / days of it      at_least
 *
 * A period is the physician's: it begins and ends at midnight in the zone of the profile. A touch lies in it by
 * its own date. Several attendees of one engagement are one touch. */
#include "base/avro.h"
#include "base/fault.h"
#include "base/str.h"
#include "engine/conflicts/kinds.h"
#include "engine/fields.h"
#include "engine/limits.h"
#include "engine/period.h"
#include "engine/time.h"

static bool wanted(struct jd_touches *view, const struct jd_rule *rule)
{
    return jd_selector_matches_profile(&rule->coverage->who, jd_touches_profile(view));
}

/* ---- one period --------------------------------------------------------------------------------- */

/* The touches of these values and dates. */
static struct jd_members members_of(struct jd_touches *view, const struct jd_rule *rule,
                                    const struct jd_str *values, const struct jd_calendar *period)
{
    struct jd_members found = jd_members_find_days(view, rule, JD_SELECTOR_A, period->first, period->end);
    uint32_t count = 0;
    for (uint32_t i = 0; i < found.count; i++) {
        struct jd_touch *touch = found.items[i];
        jd_touch_load(view, touch);
        int64_t day = jd_local_day(touch->zone, touch->time);
        bool counts = day >= period->first && day < period->end;
        for (uint32_t s = 0; counts && s < rule->same_count; s++)
            counts = jd_str_eq(jd_field_text(touch->event, &rule->same[s], view->arena), values[s]);
        if (counts && jd_touch_represents(view, rule, JD_SELECTOR_A, touch, touch, jd_touches_same))
            found.items[count++] = touch;
    }
    found.count = count;
    return found;
}

/* Is `count` short of the share of a path to the goal? Exact: goals are at most JD_GOAL_MAX. */
static bool off_track(const struct jd_rule *rule, int64_t goal, int64_t count, int64_t past, int64_t days)
{
    const struct jd_decimal share = rule->coverage->on_track;
    int64_t scale = 1;
    for (uint8_t i = 0; i < share.scale; i++)
        scale *= 10;
    return count * days * scale < share.units * goal * past;
}

/* Is the period judged now, and found short? */
static bool is_short(const struct jd_touches *view, const struct jd_rule *rule, const struct jd_zone *zone,
                     const struct jd_calendar *period, int64_t goal, int64_t count)
{
    if (view->now >= jd_local_instant(zone, period->end * JD_DAY) + jd_fault_bug("kind_coverage"))
        return count < goal;
    int64_t past = jd_local_day(zone, view->now) - period->first;
    return rule->coverage->on_track.scale != JD_DECIMAL_NONE && past > 0 && view->now >= rule->valid_from &&
           off_track(rule, goal, count, past, period->end - period->first);
}

/* `touch` is one of the period, or NULL. */
static void judge(struct jd_touches *view, const struct jd_rule *rule, const struct jd_str *values,
                  const struct jd_calendar *period, struct jd_instances *out)
{
    struct jd_str *parts = jd_arena_array(view->arena, rule->same_count + 1, sizeof *parts);
    for (uint32_t i = 0; i < rule->same_count; i++)
        parts[i] = values[i];
    parts[rule->same_count] = period->label;
    struct jd_instance *instance = jd_instances_add(out, parts, rule->same_count + 1);
    const struct jd_zone *zone = jd_touches_zone(view, NULL);
    jd_time last = jd_local_instant(zone, period->end * JD_DAY) - 1;
    struct jd_bounds bounds;
    if (!wanted(view, rule) || !jd_rule_valid(rule, last) || !jd_limits_at(view, rule, NULL, last, &bounds))
        return;
    struct jd_members members = members_of(view, rule, values, period);
    if (!is_short(view, rule, zone, period, bounds.limit.units, members.count))
        return;
    const struct jd_reading none = {NULL, NULL};
    jd_instance_hold(view, instance, (const struct jd_touch *const *)members.items, members.count);
    instance->observed = (struct jd_decimal){members.count, 0};
    instance->limit = bounds.limit;
    instance->unit = JD_UNIT_TOUCHES;
    instance->horizon = period->end * JD_DAY + JD_ZONES_APART;
    jd_instance_weigh(rule, instance, &none, 1);
}

void jd_coverage_find(struct jd_touches *view, const struct jd_rule *rule, struct jd_touch *x,
                      struct jd_instances *out)
{
    if (!jd_touch_is(view, rule, x, JD_SELECTOR_A))
        return;
    jd_touch_load(view, x);
    struct jd_str *values = jd_arena_array(view->arena, rule->same_count, sizeof *values);
    for (uint32_t i = 0; i < rule->same_count; i++)
        values[i] = jd_field_text(x->event, &rule->same[i], view->arena);
    struct jd_calendar period = jd_calendar_of(rule->period, jd_local_day(x->zone, x->time), view->arena);
    judge(view, rule, values, &period, out);
}

/* ---- without a touch ---------------------------------------------------------------------------- */

/* Every combination of expected values, the last field changing fastest. */
static void judge_all(struct jd_touches *view, const struct jd_rule *rule, const struct jd_calendar *period,
                      struct jd_instances *out)
{
    const struct jd_texts *expected = rule->coverage->expected;
    uint32_t total = 1;
    for (uint32_t i = 0; i < rule->same_count; i++)
        total *= expected[i].count;
    for (uint32_t n = 0; n < total; n++) {
        struct jd_str *values = jd_arena_array(view->arena, rule->same_count, sizeof *values);
        uint32_t rest = n;
        for (uint32_t i = rule->same_count; i > 0; i--) {
            values[i - 1] = expected[i - 1].items[rest % expected[i - 1].count];
            rest /= expected[i - 1].count;
        }
        judge(view, rule, values, period, out);
    }
}

/* Back from the period of today, as far as one can still change or was not judged before. */
void jd_coverage_due(struct jd_touches *view, const struct jd_rule *rule, jd_time since,
                     struct jd_instances *out)
{
    const struct jd_program *program = view->fold->program;
    const struct jd_zone *zone = jd_touches_zone(view, NULL);
    jd_time oldest =
        view->now - program->allowed_lateness_ms - program->planned_grace_ms - 2 * JD_ZONES_APART;
    if (oldest < since)
        oldest = since;
    if (rule->valid_from != JD_TIME_NONE && oldest < rule->valid_from)
        oldest = rule->valid_from;
    for (int64_t day = jd_local_day(zone, view->now); wanted(view, rule);) {
        struct jd_calendar period = jd_calendar_of(rule->period, day, view->arena);
        if (jd_local_instant(zone, period.end * JD_DAY) <= oldest)
            break;
        judge_all(view, rule, &period, out);
        day = period.first - 1;
    }
}

/* The end of the period of today, or of the first that is judged at all; on the way, the next midnight. */
jd_time jd_coverage_next(struct jd_touches *view, const struct jd_rule *rule)
{
    const struct jd_zone *zone = jd_touches_zone(view, NULL);
    if (!wanted(view, rule))
        return JD_NEVER;
    jd_time from = view->now > rule->valid_from ? view->now : rule->valid_from;
    int64_t today = jd_local_day(zone, from);
    struct jd_calendar period = jd_calendar_of(rule->period, today, view->arena);
    bool daily = rule->coverage->on_track.scale != JD_DECIMAL_NONE;
    jd_time due = jd_local_instant(zone, (daily ? today + 1 : period.end) * JD_DAY);
    if (daily && view->now < rule->valid_from)
        due = rule->valid_from;
    return jd_rule_valid(rule, jd_local_instant(zone, period.end * JD_DAY) - 1) ? due : JD_NEVER;
}

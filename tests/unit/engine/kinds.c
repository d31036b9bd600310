/* Kinds of conflict other than proximity. Expected lines follow from the definitions of the policy language. */
#include <criterion/criterion.h>
#include <string.h>

#include "base/str.h"
#include "engine/conflicts/conflicts.h"
#include "engine/fields.h"
#include "engine/period.h"
#include "world.h"

WORLD_SUITE(kinds)

#define REP(...) feed(w, &(struct spec){.role = JD_ROLE_SALES_REP, __VA_ARGS__})
#define MSL(...) feed(w, &(struct spec){.role = JD_ROLE_MSL, __VA_ARGS__})
#define SPEAKER(...) feed(w, &(struct spec){.role = JD_ROLE_SPEAKER, __VA_ARGS__})
#define DAYS_OF(n) ((n)*24.0)

static struct jd_rule *rule_of(const char *kind, int64_t hours)
{
    struct jd_rule *rule = world_rule(w, "r", span_ms(hours));
    rule->kind = jd_conflict_kind_of(jd_str_of(kind));
    rule->plus = span_ms(0);
    rule->resolve_within = span_ms(24 * 365);
    cr_assert_not_null(rule->kind);
    return rule;
}

static struct jd_rule *counting(const char *kind, int64_t hours, int64_t limit)
{
    struct jd_rule *rule = rule_of(kind, hours);
    rule->b = (struct jd_selector){0};
    rule->limit = (struct jd_decimal){limit, 0};
    return rule;
}

static const struct jd_field_ref *field(const char *name)
{
    struct jd_field_ref *ref = jd_arena_alloc(&w->arena, sizeof *ref);
    cr_assert(jd_field_ref_of(jd_str_of(name), ref));
    return ref;
}

static void same(struct jd_rule *rule, const char *name)
{
    rule->same = field(name);
    rule->same_count = 1;
}

/* ---- frequency ---- */

Test(kinds, a_window_is_open_at_its_far_end)
{
    counting("frequency", 24, 1);
    world_start(w);
    REP(.id = "1", .engagement = "A", .at = 100);
    REP(.id = "2", .engagement = "B", .at = 124);
    EXPECT(w, ""); /* A is exactly 24 h before B */
    REP(.id = "3", .engagement = "C", .at = 123.999);
    EXPECT(w, "r B r1 open incident medium 2touches; r C r1 open incident medium 2touches");
    REP(.id = "4", .engagement = "A", .at = 100.5, .recorded = 130);
    EXPECT(w, "r B r2 open incident medium 3touches; r C r2 open incident medium 2touches");
    REP(.id = "5", .engagement = "A", .at = 100.5, .recorded = 131, .phase = JD_PHASE_CANCELLED);
    EXPECT(w, "r B r3 open incident medium 2touches; r C r3 retracted cancelled incident medium 2touches");
}

Test(kinds, ties_are_counted_for_each_other)
{
    counting("frequency", 24, 1);
    world_start(w);
    REP(.id = "1", .engagement = "B", .at = 100);
    REP(.id = "2", .engagement = "A", .at = 100);
    EXPECT(w, "r A r1 open incident medium 2touches; r B r1 open incident medium 2touches");
}

Test(kinds, at_least_raises_at_the_limit_and_distinct_counts_values)
{
    struct jd_rule *rule = counting("frequency", 24, 2);
    rule->at_least = true;
    rule->measure = JD_MEASURE_DISTINCT;
    rule->measured = *field("team");
    world_start(w);
    REP(.id = "1", .engagement = "A", .at = 100, .team = "x");
    REP(.id = "2", .engagement = "B", .at = 101, .team = "x");
    REP(.id = "3", .engagement = "C", .at = 102); /* without a team: takes no part */
    EXPECT(w, "");
    REP(.id = "4", .engagement = "D", .at = 103, .team = "y");
    cr_assert_eq(last_alert(w)->evidence.count, 3);
    EXPECT(w, "r D r1 open incident medium 2touches");
}

Test(kinds, weights_are_added_exactly)
{
    struct jd_rule *rule = counting("frequency", 24, 1);
    static const struct jd_str values[] = {{"in_person", 9}};
    static const struct jd_decimal weights[] = {{8, 1}};
    rule->measure = JD_MEASURE_WEIGHTS;
    rule->measured = *field("channel");
    rule->weights = (struct jd_weights){values, weights, 1, {1, 1}};
    world_start(w);
    REP(.id = "1", .engagement = "A", .at = 100, .channel = JD_CHANNEL_IN_PERSON);
    REP(.id = "2", .engagement = "B", .at = 101, .channel = JD_CHANNEL_PHONE);
    REP(.id = "3", .engagement = "C", .at = 102, .channel = JD_CHANNEL_PHONE);
    EXPECT(w, ""); /* 1 is not more than 1 */
    REP(.id = "4", .engagement = "D", .at = 103);
    EXPECT(w, "r D r1 open incident medium 1.1touches");
}

Test(kinds, a_calendar_period_is_one_alert_in_the_physicians_zone)
{
    struct jd_rule *rule = counting("frequency", 0, 1);
    rule->within = (struct jd_span){0};
    rule->period = JD_PERIOD_DAY;
    same(rule, "team");
    world_start(w);
    struct jd_hcp_profile profile = profile_of("h", 1, "Asia/Tokyo");
    feed_profile(w, &profile);
    REP(.id = "1", .engagement = "A", .at = 14, .team = "x"); /* 23:00 in Tokyo */
    REP(.id = "2", .engagement = "B", .at = 15, .team = "x"); /* 00:00 of the next day */
    EXPECT(w, "");
    REP(.id = "3", .engagement = "C", .at = 30, .team = "x");
    EXPECT(w, "r x+2026-03-03 r1 open incident medium 2touches");
    REP(.id = "4", .engagement = "C", .at = 30, .recorded = 31, .team = "y");
    EXPECT(w, "r x+2026-03-03 r2 retracted corrected incident medium 2touches");
    profile = profile_of("h", 40, "UTC");
    feed_profile(w, &profile);
    EXPECT(w, "r x+2026-03-02 r1 open incident medium 2touches");
}

Test(kinds, labels_of_periods)
{
    static const struct {
        enum jd_period period;
        int64_t day; /* since 1970-01-01 */
        const char *label;
        int64_t days; /* in it */
    } rows[] = {
        /* 2020-12-31 is day 18627, a Thursday of ISO week 53; 2021-01-03, its Sunday, is day 18630. */
        {JD_PERIOD_WEEK, 18627, "2020-W53", 7},    {JD_PERIOD_WEEK, 18630, "2020-W53", 7},
        {JD_PERIOD_WEEK, 18631, "2021-W01", 7},    {JD_PERIOD_DAY, 18627, "2020-12-31", 1},
        {JD_PERIOD_MONTH, 18627, "2020-12", 31},   {JD_PERIOD_QUARTER, 18627, "2020-Q4", 92},
        {JD_PERIOD_QUARTER, 18320, "2020-Q1", 91}, {JD_PERIOD_YEAR, 18627, "2020", 366},
        {JD_PERIOD_WEEK, -1, "1970-W01", 7},       {JD_PERIOD_MONTH, 18320, "2020-02", 29},
    };
    for (size_t i = 0; i < JD_COUNT(rows); i++) {
        struct jd_calendar found = jd_calendar_of(rows[i].period, rows[i].day, &w->arena);
        cr_expect(jd_str_eq(found.label, jd_str_of(rows[i].label)), "row %zu: " JD_STR_FMT, i,
                  JD_STR_ARG(found.label));
        cr_expect_eq(found.end - found.first, rows[i].days, "row %zu", i);
        cr_expect(found.first <= rows[i].day && rows[i].day < found.end, "row %zu", i);
    }
}

static struct jd_rule *from_first(void)
{
    struct jd_rule *rule = counting("frequency", 24, 1);
    rule->period = JD_PERIOD_FROM_FIRST;
    w->program.window_ms = 24 * JD_HOUR;
    return rule;
}

Test(kinds, a_period_begins_with_the_first_touch_after_the_one_before)
{
    from_first();
    world_start(w);
    REP(.id = "1", .engagement = "A", .at = 100);
    REP(.id = "2", .engagement = "B", .at = 124);
    EXPECT(w, ""); /* the period of A has ended, that of B begins */
    REP(.id = "3", .engagement = "C", .at = 147);
    EXPECT(w, "r B r1 open incident medium 2touches");
    REP(.id = "4", .engagement = "D", .at = 110, .recorded = 148);
    EXPECT(w, "r A r1 open incident medium 2touches");
    REP(.id = "5", .engagement = "A", .at = 100, .recorded = 149, .phase = JD_PHASE_CANCELLED);
    /* Now D begins: [110, 134) holds B; C stands alone. */
    EXPECT(w, "r A r2 retracted cancelled incident medium 2touches; "
              "r B r2 retracted corrected incident medium 2touches; r D r1 open incident medium 2touches");
}

Test(kinds, a_period_that_is_over_is_remembered_when_its_first_touch_leaves)
{
    from_first();
    world_start(w);
    REP(.id = "1", .engagement = "A", .at = 1);
    REP(.id = "2", .engagement = "B", .at = 13, .recorded = 100); /* kept for longer than A */
    EXPECT(w, "r A r1 open incident medium 2touches");
    advance(w, 1 + 24 + DAYS_OF(30) + 0.001);
    EXPECT(w, "r A r2 open incident medium 2touches final");
    REP(.id = "3", .engagement = "C", .at = 26, .recorded = 26 + DAYS_OF(30));
    EXPECT(w, ""); /* not in a period that begins with B */
    REP(.id = "4", .engagement = "D", .at = 49, .recorded = 26.1 + DAYS_OF(30));
    EXPECT(w, "r C r1 open incident medium 2touches");
    advance(w, DAYS_OF(400));
    (void)effects(w);
    cr_assert_eq(jd_fold_key_count(w->fold), 0);
}

/* ---- sequence, requires, until, absence ---- */

Test(kinds, a_sequence_takes_the_latest_before_it_and_nothing_between)
{
    struct jd_rule *rule = rule_of("sequence", 24);
    rule->a = select_role(w, JD_ROLE_SPEAKER);
    rule->b = select_role(w, JD_ROLE_SALES_REP);
    rule->c = select_role(w, JD_ROLE_MSL);
    world_start(w);
    SPEAKER(.id = "1", .engagement = "A", .at = 100);
    REP(.id = "2", .engagement = "B", .at = 124);
    EXPECT(w, "r B r1 open incident medium 86400000ms"); /* the edge is inside */
    REP(.id = "3", .engagement = "D", .at = 100);
    EXPECT(w, ""); /* at the same instant it is not after */
    SPEAKER(.id = "4", .engagement = "E", .at = 110, .recorded = 125);
    EXPECT(w, "r B r2 open incident medium 50400000ms");
    MSL(.id = "5", .engagement = "C", .at = 105, .recorded = 126);
    EXPECT(w, ""); /* before the latest a */
    MSL(.id = "6", .engagement = "C2", .at = 111, .recorded = 127);
    EXPECT(w, "r B r3 retracted corrected incident medium 50400000ms");
}

Test(kinds, requires_looks_back_its_own_instant_included)
{
    struct jd_rule *rule = rule_of("requires", 24);
    rule->b = select_role(w, JD_ROLE_SPEAKER);
    rule->a = select_role(w, JD_ROLE_MSL);
    same(rule, "team");
    world_start(w);
    SPEAKER(.id = "0", .engagement = "N", .at = 50);
    EXPECT(w, ""); /* lacks a team: takes no part */
    SPEAKER(.id = "1", .engagement = "B", .at = 100, .team = "x");
    EXPECT(w, "r B r1 open incident medium 0touches");
    MSL(.id = "2", .engagement = "A", .at = 75.9, .recorded = 101, .team = "x");
    MSL(.id = "3", .engagement = "C", .at = 90, .recorded = 102, .team = "y");
    EXPECT(w, "");
    MSL(.id = "4", .engagement = "D", .at = 100, .recorded = 103, .team = "x");
    EXPECT(w, "r B r2 retracted corrected incident medium 0touches");
    MSL(.id = "5", .engagement = "D", .at = 100, .recorded = 104, .team = "x", .phase = JD_PHASE_CANCELLED);
    EXPECT(w, "r B r3 open incident medium 0touches");
    advance(w, 100 + DAYS_OF(30));
    EXPECT(w, "");
    advance(w, 100 + DAYS_OF(30) + 0.001);
    EXPECT(w, "r B r4 open incident medium 0touches final");
}

Test(kinds, an_absence_is_known_after_its_deadline_and_resolved_by_the_earliest)
{
    struct jd_rule *rule = rule_of("absence", 24);
    rule->a = select_role(w, JD_ROLE_MSL);
    rule->b = select_role(w, JD_ROLE_SALES_REP);
    rule->resolve_within = span_ms(100);
    world_start(w);
    MSL(.id = "1", .engagement = "A", .at = 100);
    advance(w, 124);
    EXPECT(w, ""); /* exactly on it is in time */
    advance(w, 124.001);
    EXPECT(w, "r A r1 open incident medium 0touches");
    REP(.id = "2", .engagement = "B", .at = 130);
    EXPECT(w, "r A r2 resolved incident medium 108000000ms");
    REP(.id = "3", .engagement = "C", .at = 128, .recorded = 131);
    EXPECT(w, "r A r3 resolved incident medium 100800000ms");
    REP(.id = "4", .engagement = "C", .at = 128, .recorded = 132, .phase = JD_PHASE_CANCELLED);
    REP(.id = "5", .engagement = "B", .at = 130, .recorded = 133, .phase = JD_PHASE_CANCELLED);
    EXPECT(w, "r A r4 resolved incident medium 108000000ms; r A r5 open incident medium 0touches");
    REP(.id = "6", .engagement = "D", .at = 200.001, .recorded = 201);
    EXPECT(w, ""); /* too late to resolve it */
    REP(.id = "7", .engagement = "E", .at = 124, .recorded = 202);
    EXPECT(w, "r A r6 retracted corrected incident medium 0touches");
}

/* What is no touch is named by its source and id, which are in its body: nothing else need have opened it. */
Test(kinds, an_absence_may_be_of_a_request)
{
    struct jd_rule *rule = rule_of("absence", 24);
    rule->a = (struct jd_selector){.classes = 1u << JD_CLASS_REQUEST};
    rule->b = select_role(w, JD_ROLE_SALES_REP);
    world_start(w);
    cr_assert_eq(feed(w, &(struct spec){.id = "1", .source = "crm", .at = 100, .class = JD_CLASS_REQUEST}),
                 JD_APPLIED);
    advance(w, 125);
    EXPECT(w, "r [\"crm\",\"1\"] r1 open incident medium 0touches");
}

Test(kinds, a_request_may_be_answered_under_its_own_id)
{
    struct jd_rule *rule = rule_of("absence", 24);
    rule->a = select_text(w, "type", "mi.requested");
    rule->a.classes = 1u << JD_CLASS_REQUEST;
    rule->b = select_role(w, JD_ROLE_MSL);
    world_start(w);
    feed(w, &(struct spec){
                .id = "1", .engagement = "Q", .type = "mi.requested", .class = JD_CLASS_REQUEST, .at = 100});
    MSL(.id = "2", .engagement = "Q", .at = 110);
    advance(w, 200);
    EXPECT(w, "");
}

Test(kinds, an_answered_absence_waits_for_nothing_until_the_answer_goes)
{
    struct jd_rule *rule = rule_of("absence", 24);
    rule->a = select_role(w, JD_ROLE_MSL);
    rule->b = select_role(w, JD_ROLE_SALES_REP);
    world_start(w);
    MSL(.id = "1", .engagement = "A", .at = 100);
    REP(.id = "2", .engagement = "B", .at = 110);
    struct jd_image image;
    cr_assert(jd_fold_image(w->fold, JD_STR("hcp:h"), &w->arena, &image));
    cr_assert_eq(image.entries.count, 2); /* no deadline is left */
    REP(.id = "3", .engagement = "B", .at = 110, .recorded = 111, .phase = JD_PHASE_CANCELLED);
    cr_assert(jd_fold_image(w->fold, JD_STR("hcp:h"), &w->arena, &image));
    cr_assert_eq(image.entries.count, 3);
    jd_fold_undo(w->fold); /* nothing was kept: all of it goes */
    cr_assert_not(jd_fold_image(w->fold, JD_STR("hcp:h"), &w->arena, &image));
}

Test(kinds, until_ends_with_what_closes_it_and_some_time_after)
{
    struct jd_rule *rule = rule_of("until", 100);
    rule->a = select_role(w, JD_ROLE_SPEAKER);
    rule->b = select_role(w, JD_ROLE_SALES_REP);
    rule->c = select_role(w, JD_ROLE_MSL);
    rule->plus = span_ms(10);
    world_start(w);
    SPEAKER(.id = "1", .engagement = "A", .at = 100);
    MSL(.id = "2", .engagement = "C", .at = 120);
    REP(.id = "3", .engagement = "B", .at = 129.999);
    EXPECT(w, "r B r1 open incident medium 107996400ms");
    REP(.id = "4", .engagement = "D", .at = 130);
    EXPECT(w, "");
    MSL(.id = "5", .engagement = "C", .at = 120, .recorded = 131, .phase = JD_PHASE_CANCELLED);
    EXPECT(w, "r D r1 open incident medium 108000000ms");
    REP(.id = "6", .engagement = "E", .at = 200);
    EXPECT(w, "r E r1 open incident medium 360000000ms");
    REP(.id = "7", .engagement = "F", .at = 200.001);
    EXPECT(w, "");
}

/* ---- overlap ---- */

Test(kinds, intervals_that_touch_do_not_overlap)
{
    static const int64_t durations[JD_CHANNEL_END_] = {[JD_CHANNEL_PHONE] = JD_HOUR / 2};
    struct jd_rule *rule = rule_of("overlap", 0);
    rule->durations = durations;
    world_start(w);
    REP(.id = "1", .engagement = "A", .at = 100, .end = 101, .channel = JD_CHANNEL_IN_PERSON);
    MSL(.id = "2", .engagement = "B", .at = 101, .end = 102, .channel = JD_CHANNEL_IN_PERSON);
    EXPECT(w, "");
    MSL(.id = "3", .engagement = "C", .at = 99, .end = 103, .channel = JD_CHANNEL_IN_PERSON);
    EXPECT(w, "r A+C r1 open incident medium 3600000ms");
    MSL(.id = "4", .engagement = "D", .at = 100.75, .channel = JD_CHANNEL_PHONE);
    EXPECT(w, "r A+D r1 open incident medium 900000ms");
}

/* ---- what is common ---- */

Test(kinds, only_the_bearer_must_be_inside_the_validity)
{
    struct jd_rule *rule = counting("frequency", 24, 1);
    rule->valid_from = HOURS(110);
    rule->valid_to = HOURS(120);
    world_start(w);
    REP(.id = "1", .engagement = "A", .at = 109);
    REP(.id = "2", .engagement = "B", .at = 109.5);
    EXPECT(w, "");
    REP(.id = "3", .engagement = "C", .at = 110);
    EXPECT(w, "r C r1 open incident medium 3touches");
    REP(.id = "4", .engagement = "D", .at = 120);
    EXPECT(w, "");
}

Test(kinds, what_cannot_be_added_or_is_too_long_is_refused)
{
    counting("frequency", 24, 1);
    world_start(w);
    cr_assert_eq(REP(.id = "1", .at = 1, .end = 1 + DAYS_OF(31)), JD_APPLIED);
    cr_assert_eq(REP(.id = "2", .at = 1, .end = 1.001 + DAYS_OF(31)), JD_DEAD_LETTERED);
    cr_assert_str_eq(w->reason, "interval_too_long");
}

/* ---- link ---- */

Test(kinds, an_answer_is_for_the_one_it_names)
{
    struct jd_rule *rule = rule_of("absence", 24);
    rule->linked = true;
    world_start(w);
    REP(.id = "1", .engagement = "A", .at = 100);
    REP(.id = "2", .engagement = "B", .at = 100);
    REP(.id = "3", .engagement = "C", .at = 100);
    MSL(.id = "4", .engagement = "D", .at = 101, .responds_to = "A");
    MSL(.id = "5", .engagement = "E", .at = 101, .responds_to = "2"); /* the event of B */
    MSL(.id = "6", .engagement = "F", .at = 101);
    advance(w, 125);
    EXPECT(w, "r C r1 open incident medium 0touches");
    MSL(.id = "7", .engagement = "F", .at = 101, .recorded = 126, .responds_to = "C");
    EXPECT(w, "r C r2 retracted corrected incident medium 0touches");
    REP(.id = "8", .engagement = "B", .at = 100, .recorded = 127); /* another event counts now */
    EXPECT(w, "r B r1 open incident medium 0touches");
}

Test(kinds, what_names_nothing_has_nothing_before_it)
{
    struct jd_rule *rule = rule_of("requires", 24);
    rule->linked = true;
    world_start(w);
    REP(.id = "1", .engagement = "A", .at = 100);
    MSL(.id = "2", .engagement = "B", .at = 101, .responds_to = "A");
    EXPECT(w, "");
    MSL(.id = "3", .engagement = "C", .at = 101);
    EXPECT(w, "r C r1 open incident medium 0touches");
}

Test(kinds, a_linked_pair_has_its_direction)
{
    struct jd_rule *rule = world_rule(w, "r", span_ms(24));
    rule->linked = true;
    world_start(w);
    REP(.id = "1", .engagement = "A", .at = 100, .responds_to = "B"); /* a names b */
    MSL(.id = "2", .engagement = "B", .at = 101);
    EXPECT(w, "");
    MSL(.id = "3", .engagement = "C", .at = 101, .responds_to = "A");
    EXPECT(w, "r A+C r1 open incident medium 3600000ms");
}

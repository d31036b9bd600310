/* What counts otherwise than by a touch's own time: alerts (over:), and touches by when they were recorded
 * (axis: recorded_at). Expected lines follow from the definitions of the policy language. */
#include <criterion/criterion.h>
#include <string.h>

#include "base/str.h"
#include "engine/conflicts/conflicts.h"
#include "world.h"

WORLD_SUITE(counted)

#define REP(...) feed(w, &(struct spec){.role = JD_ROLE_SALES_REP, __VA_ARGS__})

/* More than `limit` within so many hours. */
static struct jd_rule *counting(const char *id, int64_t hours, int64_t limit)
{
    struct jd_rule *rule = world_rule(w, id, span_ms(hours));
    rule->kind = jd_conflict_kind_of(JD_STR("frequency"));
    rule->b = (struct jd_selector){0};
    rule->limit = (struct jd_decimal){limit, 0};
    return rule;
}

/* ---- over ---- */

/* One visit moves: of three alerts one moves with it, one stays as it is, one goes. */
Test(counted, what_counts_alerts_sees_all_that_became_of_them_in_one_step)
{
    counting("r", 24, 1)->counted = JD_COUNTED_A;
    struct jd_rule *over = counting("s", 20, 2);
    over->a = select_text(w, "type", "alert:r/a");
    over->a.classes = 1u << JD_CLASS_ALERT;
    over->over = JD_STR("r");
    over->over_side = JD_COUNTED_A;
    world_start(w);
    REP(.id = "1", .engagement = "D", .at = 49);
    REP(.id = "2", .engagement = "A", .at = 50);
    REP(.id = "3", .engagement = "C", .at = 73);
    REP(.id = "4", .engagement = "B", .at = 91, .recorded = 74, .phase = JD_PHASE_PLANNED);
    EXPECT(w, "r A r1 open incident medium 2touches; r C r1 open incident medium 2touches; "
              "r B r1 open preventable medium 2touches");
    REP(.id = "5", .engagement = "A", .at = 90, .recorded = 80, .phase = JD_PHASE_PLANNED);
    EXPECT(w, "r A r2 open preventable medium 2touches; r B r2 open preventable medium 3touches; "
              "r C r2 retracted rescheduled incident medium 2touches");
}

/* The alert is borne by a visit that is said to be over in three minutes, and has a plan in it. */
Test(counted, the_hour_of_an_alert_that_is_counted_comes_by_itself)
{
    world_rule(w, "r", span_ms(24))->counted = JD_COUNTED_A;
    struct jd_rule *over = counting("s", 20, 0);
    over->a = select_text(w, "type", "alert:r/a");
    over->a.classes = 1u << JD_CLASS_ALERT;
    over->over = JD_STR("r");
    over->over_side = JD_COUNTED_A;
    world_start(w);
    feed(w, &(struct spec){.id = "1",
                           .engagement = "M",
                           .role = JD_ROLE_MSL,
                           .at = 100,
                           .recorded = 90,
                           .phase = JD_PHASE_PLANNED});
    REP(.id = "2", .engagement = "R", .at = 100.05, .recorded = 100);
    EXPECT(w, "r M+R r1 open incident medium 180000ms; "
              "s 9fdcb72d7fd689ea7ae217e59d1d6d9a/a r1 open preventable medium 1touches");
    advance(w, 100.05);
    EXPECT(w, "s 9fdcb72d7fd689ea7ae217e59d1d6d9a/a r2 open incident medium 1touches");
}

/* ---- axis ---- */

#define DAY(n) ((n)*24.0)

static void logged_rule(void)
{
    struct jd_rule *rule = counting("logged", 1, 1);
    rule->logged = true;
    counting("own", 24, 1);
    world_start(w);
}

Test(counted, a_touch_too_late_by_its_own_time_counts_for_rules_over_the_time_of_recording_alone)
{
    logged_rule();
    cr_assert_eq(REP(.id = "1", .engagement = "A", .at = DAY(1), .recorded = DAY(40)), JD_APPLIED);
    cr_assert_eq(REP(.id = "2", .engagement = "B", .at = DAY(1), .recorded = DAY(40) + 0.5), JD_APPLIED);
    EXPECT(w, "logged B r1 open incident medium 2touches");
    REP(.id = "3", .engagement = "B", .at = DAY(1), .recorded = DAY(40) + 0.75, .phase = JD_PHASE_CANCELLED);
    EXPECT(w, "logged B r2 retracted cancelled incident medium 2touches");
}

Test(counted, what_no_such_rule_asks_for_or_was_recorded_long_ago_is_too_late)
{
    logged_rule();
    advance(w, DAY(80));
    cr_assert_eq(feed(w, &(struct spec){.id = "1", .role = JD_ROLE_MSL, .at = DAY(1), .recorded = DAY(80)}),
                 JD_DEAD_LETTERED);
    cr_assert_str_eq(w->reason, "too_late");
    cr_assert_eq(REP(.id = "2", .at = DAY(1), .recorded = DAY(49)), JD_DEAD_LETTERED);
    cr_assert_str_eq(w->reason, "too_late");
    cr_assert_eq(REP(.id = "3", .at = DAY(1), .recorded = DAY(50)), JD_APPLIED);
}

/* A version that other rules have seen stays theirs. */
Test(counted, a_touch_that_all_rules_see_is_not_corrected_too_late)
{
    logged_rule();
    cr_assert_eq(REP(.id = "1", .engagement = "A", .at = DAY(1)), JD_APPLIED);
    cr_assert_eq(REP(.id = "2", .engagement = "A", .at = DAY(1), .recorded = DAY(31.5)), JD_DEAD_LETTERED);
    cr_assert_eq(REP(.id = "3", .engagement = "B", .at = DAY(39), .recorded = DAY(40)), JD_APPLIED);
    cr_assert_eq(REP(.id = "4", .engagement = "B", .at = DAY(1), .recorded = DAY(40)), JD_DEAD_LETTERED);
    EXPECT(w, "");
}

Test(counted, what_came_too_late_once_is_corrected_and_may_be_in_time_after_all)
{
    logged_rule();
    cr_assert_eq(REP(.id = "1", .engagement = "A", .at = DAY(1), .recorded = DAY(40)), JD_APPLIED);
    cr_assert_eq(REP(.id = "2", .engagement = "B", .at = DAY(39)), JD_APPLIED);
    EXPECT(w, "");
    cr_assert_eq(REP(.id = "3", .engagement = "A", .at = DAY(39), .recorded = DAY(41)), JD_APPLIED);
    EXPECT(w, "own A r1 open incident medium 2touches; own B r1 open incident medium 2touches");
    cr_assert_eq(REP(.id = "4", .engagement = "C", .at = DAY(2), .recorded = DAY(42)), JD_APPLIED);
    advance(w, DAY(73));
    cr_assert_eq(REP(.id = "5", .engagement = "C", .at = DAY(2), .recorded = DAY(73)), JD_DEAD_LETTERED);
}

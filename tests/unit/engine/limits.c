/* Limits and windows from tables: by values of the touch and of the profile, at the touch's time. */
#include <criterion/criterion.h>
#include <string.h>

#include "base/str.h"
#include "engine/conflicts/conflicts.h"
#include "engine/fields.h"
#include "world.h"

WORLD_SUITE(limits)

#define REP(...) feed(w, &(struct spec){.role = JD_ROLE_SALES_REP, __VA_ARGS__})
#define MSL(...) feed(w, &(struct spec){.role = JD_ROLE_MSL, __VA_ARGS__})

static const struct jd_str tier_a[] = {{"A", 1}}, team_x[] = {{"x", 1}}, team_y[] = {{"y", 1}};

static struct jd_field_ref *by(const char *name)
{
    struct jd_field_ref *ref = jd_arena_alloc(&w->arena, sizeof *ref);
    cr_assert(jd_field_ref_of(jd_str_of(name), ref) || jd_profile_ref_of(jd_str_of(name), ref));
    w->program.profiles = w->program.profiles || ref->profile;
    return ref;
}

static void tier(const char *value, double recorded)
{
    struct jd_hcp_profile profile = profile_of("h", recorded, "UTC");
    profile.tier = text(w, value);
    feed_profile(w, &profile);
}

Test(limits, follow_time_and_tier)
{
    struct jd_limit_row rows[] = {
        {tier_a, HOURS(-99), HOURS(102), {1, 0}, {0}}, /* until then one */
        {tier_a, HOURS(102), JD_TIME_NONE, {2, 0}, {0}},
    };
    struct jd_limits table = {.limit = true, .by = by("tier"), .by_count = 1, .rows = rows, .count = 2};
    struct jd_rule *rule = world_rule(w, "r", span_ms(24));
    rule->kind = jd_conflict_kind_of(JD_STR("frequency"));
    rule->b = (struct jd_selector){0};
    rule->limits = &table;
    world_start(w);
    REP(.id = "1", .engagement = "A", .at = 100);
    REP(.id = "2", .engagement = "B", .at = 101);
    EXPECT(w, ""); /* without a profile it takes no part */
    tier("A", 110);
    EXPECT(w, "r B r1 open incident medium 2touches");
    REP(.id = "3", .engagement = "C", .at = 102); /* the third, of which two are allowed */
    cr_assert_eq(last_alert(w)->limit.units, 2);
    EXPECT(w, "r C r1 open incident medium 3touches");
    tier("B", 111);
    EXPECT(w, "r B r2 retracted corrected incident medium 2touches; "
              "r C r2 retracted corrected incident medium 3touches");
}

Test(limits, the_window_of_a_pair_is_that_of_its_later_touch)
{
    struct jd_limit_row rows[] = {
        {team_x,
         HOURS(-99),
         JD_TIME_NONE,
         {0},
         {.unit = JD_SPAN_MS, .amount = JD_HOUR, .text = JD_STR("1h")}},
        {team_y,
         HOURS(-99),
         JD_TIME_NONE,
         {0},
         {.unit = JD_SPAN_MS, .amount = 9 * JD_HOUR, .text = JD_STR("9h")}},
    };
    struct jd_limits table = {.within = true, .by = by("team"), .by_count = 1, .rows = rows, .count = 2};
    struct jd_rule *rule = world_rule(w, "r", span_ms(9));
    rule->limits = &table;
    world_start(w);
    REP(.id = "1", .engagement = "A", .at = 100, .team = "x");
    MSL(.id = "2", .engagement = "B", .at = 102, .team = "y");
    cr_assert(jd_str_eq(last_alert(w)->window, JD_STR("9h")));
    EXPECT(w, "r A+B r1 open incident medium 7200000ms");
    MSL(.id = "3", .engagement = "B", .at = 102, .recorded = 103, .team = "x");
    EXPECT(w, "r A+B r2 retracted corrected incident medium 7200000ms");
    MSL(.id = "4", .engagement = "B", .at = 102, .recorded = 104, .team = "z"); /* no line */
    EXPECT(w, "");
}

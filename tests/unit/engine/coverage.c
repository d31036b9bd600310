/* Too few touches: judged when a period is over, or on the way, without any event. */
#include <criterion/criterion.h>
#include <string.h>

#include "base/str.h"
#include "engine/conflicts/conflicts.h"
#include "engine/fields.h"
#include "world.h"

WORLD_SUITE(coverage)

#define REP(...) feed(w, &(struct spec){.role = JD_ROLE_SALES_REP, __VA_ARGS__})

static struct jd_coverage asked;
static const struct jd_str products[] = {{"p", 1}, {"q", 1}};
static const struct jd_texts expected[] = {{products, 2}};

/* Two visits of a rep a week, from 2 March on, for physicians of tier A. */
static struct jd_rule *rule_of(void)
{
    struct jd_rule *rule = world_rule(w, "r", span_ms(0));
    static const struct jd_str a[] = {{"A", 1}};
    struct jd_condition *tier = jd_arena_alloc(&w->arena, sizeof *tier);
    *tier = (struct jd_condition){.op = JD_IN, .texts = a, .text_count = 1};
    cr_assert(jd_profile_ref_of(JD_STR("tier"), &tier->ref));
    asked = (struct jd_coverage){.who = {tier, 1, 0}, .on_track = {0, JD_DECIMAL_NONE}};
    rule->kind = jd_conflict_kind_of(JD_STR("coverage"));
    rule->b = (struct jd_selector){0};
    rule->within = (struct jd_span){0};
    rule->period = JD_PERIOD_WEEK;
    rule->at_least = true;
    rule->limit = (struct jd_decimal){2, 0};
    rule->valid_from = HOURS(0);
    rule->coverage = &asked;
    w->program.profiles = true;
    return rule;
}

static void profile(const char *tier, double recorded, const char *zone)
{
    struct jd_hcp_profile profile = profile_of("h", recorded, zone);
    profile.tier = text(w, tier);
    feed_profile(w, &profile);
}

Test(coverage, opens_when_the_week_is_over)
{
    rule_of();
    world_start(w);
    profile("A", 1, "Asia/Tokyo");
    REP(.id = "1", .engagement = "A", .at = 20);
    advance(w, 7 * 24 - 9 - 0.001); /* the week ends on Sunday 15:00Z in Tokyo */
    EXPECT(w, "");
    advance(w, 7 * 24 - 9);
    EXPECT(w, "r 2026-W10 r1 open incident medium 1touches");
    advance(w, 14 * 24 - 9);
    EXPECT(w, "r 2026-W11 r1 open incident medium 0touches");
}

Test(coverage, a_late_touch_retracts_it_and_the_end_of_lateness_makes_it_final)
{
    rule_of();
    world_start(w);
    profile("A", 1, "UTC");
    advance(w, 7 * 24);
    EXPECT(w, "r 2026-W10 r1 open incident medium 0touches");
    REP(.id = "1", .engagement = "A", .at = 20);
    EXPECT(w, "r 2026-W10 r2 open incident medium 1touches");
    REP(.id = "2", .engagement = "B", .at = 21);
    EXPECT(w, "r 2026-W10 r3 retracted corrected incident medium 1touches");
    REP(.id = "3", .engagement = "B", .at = 21, .recorded = 170, .phase = JD_PHASE_CANCELLED);
    EXPECT(w, "r 2026-W10 r4 open incident medium 1touches");
    profile("B", 171, "UTC");
    EXPECT(w, "r 2026-W10 r5 retracted corrected incident medium 1touches");
    profile("A", 172, "UTC");
    EXPECT(w, "r 2026-W10 r6 open incident medium 1touches");
    advance(w, (7 + 2 + 30) * 24 - 1);
    (void)effects(w); /* the weeks between */
    advance(w, (7 + 2 + 30) * 24 + 0.001);
    EXPECT(w, "r 2026-W10 r7 open incident medium 1touches final");
}

Test(coverage, of_others_it_says_nothing)
{
    rule_of();
    world_start(w);
    REP(.id = "1", .engagement = "A", .at = 20); /* no profile */
    advance(w, 8 * 24);
    profile("B", 200, "UTC");
    advance(w, 15 * 24);
    EXPECT(w, "");
}

Test(coverage, the_first_profile_brings_the_weeks_that_can_still_change)
{
    rule_of();
    world_start(w);
    advance(w, 16 * 24);
    profile("A", 385, "UTC");
    EXPECT(w, "r 2026-W10 r1 open incident medium 0touches; r 2026-W11 r1 open incident medium 0touches");
}

Test(coverage, each_listed_value_has_its_own)
{
    struct jd_rule *rule = rule_of();
    struct jd_field_ref product;
    cr_assert(jd_field_ref_of(JD_STR("product"), &product));
    asked.expected = expected;
    rule->same = &product;
    rule->same_count = 1;
    rule->limit = (struct jd_decimal){1, 0};
    world_start(w);
    profile("A", 1, "UTC");
    REP(.id = "1", .engagement = "A", .at = 20, .product = "p");
    advance(w, 7 * 24);
    EXPECT(w, "r q+2026-W10 r1 open incident medium 0touches");
    REP(.id = "2", .engagement = "B", .at = 21, .product = "q");
    EXPECT(w, "r q+2026-W10 r2 retracted corrected incident medium 0touches");
}

/* 0.5 of 2 visits in 7 days: 1/7 a day. */
Test(coverage, on_track_is_judged_at_midnight)
{
    rule_of();
    asked.on_track = (struct jd_decimal){5, 1};
    world_start(w);
    profile("A", 1, "UTC");
    advance(w, 24 - 0.001);
    EXPECT(w, "");
    advance(w, 24);
    EXPECT(w, "r 2026-W10 r1 open incident medium 0touches");
    REP(.id = "1", .engagement = "A", .at = 26);
    EXPECT(w, "r 2026-W10 r2 retracted corrected incident medium 0touches");
    advance(w, 7 * 24 - 0.001); /* six sevenths are wanted, one is there */
    EXPECT(w, "");
    advance(w, 7 * 24);
    EXPECT(w, "r 2026-W10 r3 open incident medium 1touches");
}

/* Business days: of zones and calendars, and of alerts in the market of the physician. */
#include <criterion/criterion.h>
#include <string.h>

#include "base/civil.h"
#include "base/str.h"
#include "engine/conflicts/conflicts.h"
#include "engine/time.h"
#include "world.h"

WORLD_SUITE(workdays)

/* Easter 2024 in Berlin: Good Friday is 29 March, Easter Monday 1 April; clocks go forward on 31 March. */
static const jd_time berlin_at[] = {INT64_C(1711846800000)};
static const int32_t berlin_offsets[] = {3600, 7200};
static const int64_t easter[] = {19811, 19814};
static const struct jd_workdays berlin_days = {JD_WEEKEND_USUAL, easter, 2};
static const struct jd_zone berlin = {{"Europe/Berlin", 13}, berlin_at, berlin_offsets, 1, &berlin_days};

static jd_time utc(int month, int day, int hour, int minute)
{
    return jd_days_from_civil(2024, month, day) * JD_DAY + hour * JD_HOUR + minute * JD_MINUTE;
}

Test(workdays, are_counted_from_the_date_on)
{
    cr_assert_eq(easter[0], jd_days_from_civil(2024, 3, 29));
    cr_assert_eq(easter[1], jd_days_from_civil(2024, 4, 1));
    cr_assert_eq(jd_weekday(jd_days_from_civil(2024, 3, 29)), 4);
    cr_assert_eq(jd_weekday(-4), 6); /* 1969-12-28 was a Sunday */
    const struct {
        jd_time t;
        int64_t count;
        jd_time expected;
    } rows[] = {
        {utc(3, 28, 9, 0), 0, utc(3, 28, 9, 0)},    /* Thursday 10:00 */
        {utc(3, 28, 9, 0), 1, utc(4, 2, 8, 0)},     /* Tuesday 10:00, in summer time */
        {utc(3, 28, 9, 0), 5, utc(4, 8, 8, 0)},     /* Monday */
        {utc(3, 30, 11, 0), 0, utc(4, 1, 22, 0)},   /* Saturday counts as Tuesday 00:00 */
        {utc(3, 30, 11, 0), 1, utc(4, 2, 22, 0)},   /* Wednesday 00:00 */
        {utc(3, 28, 22, 30), 1, utc(4, 2, 21, 30)}, /* Thursday 23:30 */
        {utc(3, 28, 23, 30), 1, utc(4, 2, 22, 0)},  /* Good Friday 00:30 */
    };
    for (size_t i = 0; i < JD_COUNT(rows); i++)
        cr_expect_eq(jd_plus_workdays(&berlin, rows[i].t, rows[i].count), rows[i].expected, "row %zu", i);
}

Test(workdays, a_window_reaches_as_far_as_its_days)
{
    const struct jd_span two = {.unit = JD_SPAN_BUSINESS_DAYS, .amount = 2, .longest = 9};
    jd_time a = utc(3, 8, 10, 0), b = utc(3, 12, 10, 0); /* Friday, Tuesday; no holiday between */
    struct jd_zone zone = berlin;
    zone.workdays = NULL;
    cr_expect(jd_span_distance(&two, a, &zone, b, &zone).inside);
    cr_expect(jd_span_distance(&two, b, &zone, a, &zone).inside);
    cr_expect_not(jd_span_distance(&two, a, &zone, b + 1, &zone).inside);
    cr_expect_not(jd_span_covers(&two, a, &zone, b, &zone)); /* open at its far end */
    cr_expect(jd_span_covers(&two, a, &zone, b - 1, &zone));
    cr_expect_eq(jd_span_deadline(&two, a, &zone), b);
    cr_expect_geq(jd_span_reach(&two), b - a);
}

/* An absence within 1bd of a Monday 09:00Z: in Tokyo 18:00. */
static void absence(const char *country)
{
    struct jd_rule *rule =
        world_rule(w, "r", (struct jd_span){.unit = JD_SPAN_BUSINESS_DAYS, .amount = 1, .longest = 4});
    rule->kind = jd_conflict_kind_of(JD_STR("absence"));
    rule->resolve_within = span_ms(24 * 365);
    w->program.workdays = true;
    world_start(w);
    feed(w, &(struct spec){
                .id = "1", .engagement = "A", .role = JD_ROLE_SALES_REP, .at = 9, .country = country});
}

Test(workdays, a_deadline_is_of_the_touchs_market)
{
    absence("JP");
    advance(w, 9 + 48); /* 3 March is a holiday there: until Wednesday 18:00, which is in time */
    EXPECT(w, "");
    advance(w, 9 + 48.001);
    EXPECT(w, "r A r1 open incident medium 0touches");
}

Test(workdays, without_a_market_they_are_monday_to_friday)
{
    absence("FR");
    advance(w, 9 + 24.001);
    EXPECT(w, "r A r1 open incident medium 0touches");
}

Test(workdays, a_profile_brings_its_markets_days)
{
    absence("FR");
    struct jd_hcp_profile profile = profile_of("h", 1, "UTC");
    profile.country = text(w, "JP");
    feed_profile(w, &profile);
    advance(w, 9 + 48);
    EXPECT(w, "");
    profile = profile_of("h", 58, "UTC");
    profile.country = text(w, "FR"); /* no market: Monday to Friday; it was late since Tuesday */
    feed_profile(w, &profile);
    EXPECT(w, "r A r1 open incident medium 0touches");
}

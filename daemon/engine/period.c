#include "engine/period.h"

#include "base/civil.h"

enum { WEEK = 7, QUARTER = 3, MONTHS = 12 };

/* The year of a week is that of its Thursday. */
static struct jd_calendar week_of(int64_t day, struct jd_arena *arena)
{
    int year, month, date;
    int64_t monday = day - jd_weekday(day), thursday = monday + 3;
    jd_civil_from_days(thursday, &year, &month, &date);
    int week = (int)((thursday - jd_days_from_civil(year, 1, 1)) / WEEK) + 1;
    return (struct jd_calendar){monday, monday + WEEK, jd_arena_printf(arena, "%04d-W%02d", year, week)};
}

struct jd_calendar jd_calendar_of(enum jd_period period, int64_t day, struct jd_arena *arena)
{
    int year, month, date, months = period == JD_PERIOD_QUARTER ? QUARTER : 1;
    if (period == JD_PERIOD_WEEK)
        return week_of(day, arena);
    jd_civil_from_days(day, &year, &month, &date);
    if (period == JD_PERIOD_DAY)
        return (struct jd_calendar){day, day + 1,
                                    jd_arena_printf(arena, "%04d-%02d-%02d", year, month, date)};
    if (period == JD_PERIOD_YEAR)
        return (struct jd_calendar){jd_days_from_civil(year, 1, 1), jd_days_from_civil(year + 1, 1, 1),
                                    jd_arena_printf(arena, "%04d", year)};
    int first = (month - 1) / months * months + 1, next = first + months;
    struct jd_str label = period == JD_PERIOD_QUARTER
                              ? jd_arena_printf(arena, "%04d-Q%d", year, (first - 1) / QUARTER + 1)
                              : jd_arena_printf(arena, "%04d-%02d", year, month);
    return (struct jd_calendar){
        jd_days_from_civil(year, first, 1),
        jd_days_from_civil(next > MONTHS ? year + 1 : year, next > MONTHS ? next - MONTHS : next, 1), label};
}

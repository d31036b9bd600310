#include "engine/time.h"

#include "base/civil.h"
#include "base/fault.h"

/* Longer than any zone is from UTC, or changes by at once. */
static const int64_t zone_slack = 2 * JD_DAY;
enum { MONTH_DAYS_MAX = 31, YEAR_MAX = 9999 };

/* Floor division: times before 1970 have dates too. */
static int64_t day_of(int64_t local)
{
    return local / JD_DAY - (local % JD_DAY < 0);
}

/* The stretch of constant offset that `t` lies in. */
static uint32_t stretch(const struct jd_zone *zone, jd_time t)
{
    uint32_t low = 0, high = zone->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (zone->at[middle] <= t)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static int64_t local_of(const struct jd_zone *zone, jd_time t)
{
    return t + zone->offsets[stretch(zone, t)] * JD_SECOND;
}

int64_t jd_local_day(const struct jd_zone *zone, jd_time t)
{
    return day_of(local_of(zone, t));
}

int64_t jd_local_ms(const struct jd_zone *zone, jd_time t)
{
    int64_t local = local_of(zone, t);
    return local - day_of(local) * JD_DAY;
}

bool jd_hours_hold(const struct jd_hours *hours, const struct jd_zone *zone, jd_time t)
{
    const int64_t ms = jd_local_ms(zone, t);
    const bool after = ms >= hours->from_ms;
    const bool before = ms < hours->until_ms + jd_fault_bug("fact_local_time");
    return ((hours->days >> jd_weekday(jd_local_day(zone, t))) & 1) &&
           (hours->from_ms < hours->until_ms ? after && before : after || before);
}

jd_time jd_local_instant(const struct jd_zone *zone, int64_t local)
{
    /* The first stretch that ends after its reading of `local` has it: in a fold that is the earlier
     * one. In a gap its reading lies before the stretch begins, and the one before decides. */
    uint32_t i = stretch(zone, local - zone_slack);
    for (; i < zone->count; i++)
        if (local - zone->offsets[i] * JD_SECOND < zone->at[i])
            break;
    jd_time t = local - zone->offsets[i] * JD_SECOND;
    return i > 0 && t < zone->at[i - 1] ? local - zone->offsets[i - 1] * JD_SECOND : t;
}

jd_time jd_plus_months(const struct jd_zone *zone, jd_time t, int64_t months)
{
    int64_t local = local_of(zone, t), date = day_of(local);
    int year, month, day;
    jd_civil_from_days(date, &year, &month, &day);
    int64_t count = (int64_t)year * 12 + month - 1 + months;
    year = count / 12 > YEAR_MAX ? YEAR_MAX : (int)(count / 12);
    month = (int)(count % 12) + 1;
    int last = jd_days_in_month(year, month);
    return jd_local_instant(zone, jd_days_from_civil(year, month, day < last ? day : last) * JD_DAY + local -
                                      date * JD_DAY);
}

/* ---- business days ---- */

static bool is_workday(const struct jd_workdays *workdays, int64_t day)
{
    uint8_t weekend = workdays == NULL ? JD_WEEKEND_USUAL : workdays->weekend;
    if ((weekend >> jd_weekday(day)) & 1)
        return false;
    uint32_t low = 0, high = workdays == NULL || jd_fault_bug("holidays_ignored") ? 0 : workdays->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (workdays->holidays[middle] == day)
            return false;
        if (workdays->holidays[middle] < day)
            low = middle + 1;
        else
            high = middle;
    }
    return true;
}

int64_t jd_workday_after(const struct jd_workdays *workdays, int64_t day, int64_t count)
{
    while (!is_workday(workdays, day) || count-- > 0) /* holidays end */
        day++;
    return day;
}

jd_time jd_plus_workdays(const struct jd_zone *zone, jd_time t, int64_t count)
{
    int64_t local = local_of(zone, t), date = day_of(local);
    int64_t clock = is_workday(zone->workdays, date) ? local - date * JD_DAY : 0;
    return jd_local_instant(zone, jd_workday_after(zone->workdays, date, count) * JD_DAY + clock);
}

/* ---- spans ---- */

/* `t` plus a span that is civil and has a time of day: months, business days. */
static jd_time plus_civil(const struct jd_span *span, jd_time t, const struct jd_zone *zone)
{
    return span->unit == JD_SPAN_MONTHS ? jd_plus_months(zone, t, span->amount)
                                        : jd_plus_workdays(zone, t, span->amount);
}

static bool has_clock(const struct jd_span *span)
{
    return span->unit == JD_SPAN_MONTHS || span->unit == JD_SPAN_BUSINESS_DAYS;
}

struct jd_distance jd_span_distance(const struct jd_span *span, jd_time a, const struct jd_zone *zone_a,
                                    jd_time b, const struct jd_zone *zone_b)
{
    jd_time early = a < b ? a : b, late = a < b ? b : a;
    struct jd_distance d = {.observed = late - early, .limit = span->amount, .unit = JD_UNIT_MS};
    if (span->unit == JD_SPAN_DAYS_LOCAL) {
        int64_t days = jd_local_day(zone_a, a) - jd_local_day(zone_b, b);
        d.observed = days < 0 ? -days : days;
        d.unit = JD_UNIT_DAYS;
    } else if (has_clock(span)) {
        d.limit = plus_civil(span, early, a <= b ? zone_a : zone_b) - early;
    }
    d.inside = jd_fault_bug("boundary_excluded") ? d.observed < d.limit : d.observed <= d.limit;
    return d;
}

bool jd_span_covers(const struct jd_span *span, jd_time early, const struct jd_zone *zone_early, jd_time late,
                    const struct jd_zone *zone_late)
{
    if (jd_fault_bug("kind_window_closed"))
        return jd_span_distance(span, early, zone_early, late, zone_late).inside;
    if (span->unit == JD_SPAN_DAYS_LOCAL)
        return jd_local_day(zone_late, late) - jd_local_day(zone_early, early) < span->amount;
    if (has_clock(span))
        return span->amount > 0 && plus_civil(span, early, zone_early) > late;
    return late - early < span->amount;
}

jd_time jd_span_deadline(const struct jd_span *span, jd_time t, const struct jd_zone *zone)
{
    if (span->unit == JD_SPAN_DAYS_LOCAL)
        return jd_local_instant(zone, (jd_local_day(zone, t) + span->amount + 1) * JD_DAY) - 1;
    return has_clock(span) ? plus_civil(span, t, zone) : t + span->amount;
}

jd_time jd_span_end(const struct jd_span *span, jd_time t, const struct jd_zone *zone)
{
    if (span->unit == JD_SPAN_DAYS_LOCAL)
        return jd_local_instant(zone, (jd_local_day(zone, t) + span->amount) * JD_DAY);
    return jd_span_deadline(span, t, zone);
}

int64_t jd_span_reach(const struct jd_span *span)
{
    if (span->unit == JD_SPAN_MS)
        return span->amount;
    int64_t days = span->unit == JD_SPAN_MONTHS          ? span->amount * MONTH_DAYS_MAX
                   : span->unit == JD_SPAN_BUSINESS_DAYS ? span->longest + 1
                                                         : span->amount + 1;
    return days * JD_DAY + zone_slack;
}

/* Civil time in compiled zones, and windows between two instants (semantics: exact units are exact,
 * months are civil, clamped, reckoned forward from the earlier member). */
#ifndef JOURNEYD_ENGINE_TIME_H
#define JOURNEYD_ENGINE_TIME_H

#include "engine/program.h"

/* Longer than two zones are apart at any time; as far as a zone may be from UTC (policy/zones.c); further than
 * clocks are ever set back. */
#define JD_ZONES_APART (2 * JD_DAY)
#define JD_ZONE_FROM_UTC (26 * JD_HOUR)
#define JD_CLOCKS_BACK (4 * JD_HOUR)

/* Local date at `t`, in days since 1970-01-01. */
int64_t jd_local_day(const struct jd_zone *zone, jd_time t);
/* Time of day at `t`, in ms since local midnight as clocks show it. */
int64_t jd_local_ms(const struct jd_zone *zone, jd_time t);
/* Does the instant lie in these hours of the local day? */
bool jd_hours_hold(const struct jd_hours *hours, const struct jd_zone *zone, jd_time t);
/* The instant of a local time given as ms since local 1970-01-01T00:00. In a gap it moves forward by the
 * gap's length, in a fold the first is taken. */
jd_time jd_local_instant(const struct jd_zone *zone, int64_t local);
/* `t` plus civil months: same local time, day clamped to its month. */
jd_time jd_plus_months(const struct jd_zone *zone, jd_time t, int64_t months);

/* The count-th business day after the date `day`, or after the next business day where it is none; 0: that
 * day itself. `workdays` NULL: Monday to Friday. */
int64_t jd_workday_after(const struct jd_workdays *workdays, int64_t day, int64_t count);
/* `t` plus business days of the zone's calendar: same local time on the count-th business day after its date;
 * on no business day it counts as 00:00 of the next. */
jd_time jd_plus_workdays(const struct jd_zone *zone, jd_time t, int64_t count);

/* How far apart two instants are by a window, each in its own zone; of equal ones the first is the earlier. */
struct jd_distance {
    int64_t observed, limit; /* in `unit` */
    enum jd_unit unit;       /* MS or DAYS */
    bool inside;             /* observed is within the window, its edge included */
};
struct jd_distance jd_span_distance(const struct jd_span *span, jd_time a, const struct jd_zone *zone_a,
                                    jd_time b, const struct jd_zone *zone_b);
/* Is `early` inside the window (late - span, late]? Exact: less than the span before; civil: early + span
 * lies after late; {days: n}: fewer than n dates before. */
bool jd_span_covers(const struct jd_span *span, jd_time early, const struct jd_zone *zone_early, jd_time late,
                    const struct jd_zone *zone_late);
/* The last instant that is in time, `span` after `t`; {days: n}: the last ms of the n-th date after. */
jd_time jd_span_deadline(const struct jd_span *span, jd_time t, const struct jd_zone *zone);
/* The end, exclusive, of a stretch of time that begins at `t`; {days: n}: with the n-th date. */
jd_time jd_span_end(const struct jd_span *span, jd_time t, const struct jd_zone *zone);
/* No two instants inside the window are farther apart than this, in ms. */
int64_t jd_span_reach(const struct jd_span *span);

#endif

/* How long engagements are kept, when plans lapse, and when the engine wants to see one again. */
#ifndef JOURNEYD_ENGINE_KEEPING_H
#define JOURNEYD_ENGINE_KEEPING_H

#include "engine/step.h"

static inline jd_time jd_later(jd_time a, jd_time b)
{
    return a > b ? a : b;
}

/* Stored times stay inside what the contract admits; one ms is left for the deadline after it. */
static inline jd_time jd_bounded(jd_time t)
{
    return t < JD_TIME_MAX ? t : JD_TIME_MAX - 1;
}

/* A touch that is planned. */
bool jd_is_planned(const struct jd_engagement *engagement);
/* Has a planned touch lapsed by the step's now? Its grace is that of its market. */
bool jd_has_lapsed(const struct jd_step *step, const struct jd_event *event);
/* A note about an alert that is not withdrawn. */
bool jd_stands_as_note(const struct jd_engagement *engagement);
/* At the hour of a plan (its alerts become incidents), or of an alert that is counted and has one in it; when the plan
 * lapses; when it is kept no longer. */
jd_time jd_engagement_due(const struct jd_step *step, const struct jd_engagement *engagement);
/* Until when an engagement is kept: for its version that counts, and for what came at `t`. A grace longer than the
 * lateness keeps what a plan may still concern. JD_TIME_NONE: it stays. */
jd_time jd_kept_for(const struct jd_step *step, const struct jd_engagement *engagement, jd_time t);
/* The same, for an event of it that comes now. */
jd_time jd_keep_until(const struct jd_step *step, const struct jd_engagement *engagement,
                      const struct jd_event *event);

#endif

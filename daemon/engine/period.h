/* Calendar periods of local dates. */
#ifndef JOURNEYD_ENGINE_PERIOD_H
#define JOURNEYD_ENGINE_PERIOD_H

#include "base/arena.h"
#include "engine/program.h"

/* Local dates from `first`, before `end`, in days since 1970-01-01. */
struct jd_calendar {
    int64_t first, end;
    struct jd_str label; /* 2015, 2015-Q2, 2015-06, 2015-W23 (ISO 8601), 2015-06-01 */
};

/* The period, a calendar one, that a local date lies in. */
struct jd_calendar jd_calendar_of(enum jd_period period, int64_t day, struct jd_arena *arena);

#endif

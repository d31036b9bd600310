/* A line on standard error for whoever waits: rewritten twice a second on a terminal, else every ten
 * seconds. Nothing for what takes less. */
#ifndef JOURNEYD_CLI_PROGRESS_H
#define JOURNEYD_CLI_PROGRESS_H

#include "journeyd/types.h"

struct jd_progress {
    const char *noun;      /* "events" */
    int64_t started, last; /* monotonic ms */
    bool is_terminal, has_line;
};

void jd_progress_start(struct jd_progress *progress, const char *noun);
/* Cheap enough for every thousand records. `share` 0..1 of the whole; negative: not known. */
void jd_progress_show(struct jd_progress *progress, uint64_t count, double share);
/* Removes the line from a terminal; returns the seconds since the start. */
double jd_progress_end(struct jd_progress *progress);

#endif

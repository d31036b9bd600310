/* What an audit has to say: differences, and notes on what could not be looked at. */
#ifndef JOURNEYD_SHARD_FINDINGS_H
#define JOURNEYD_SHARD_FINDINGS_H

#include "base/error.h"

struct jd_findings {
    void (*say)(void *context, bool is_difference, const char *text); /* called for each; text is one line */
    void *context;
    int64_t differences; /* so far */
};

void jd_finding(struct jd_findings *findings, bool is_difference, const char *format, ...) JD_PRINTF(3, 4);

#endif

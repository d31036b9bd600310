/* An error that says what was wrong, where, and what to do; wrapped outward, logged once. */
#ifndef JOURNEYD_BASE_ERROR_H
#define JOURNEYD_BASE_ERROR_H

#include "journeyd/types.h"

/* How a process ends; documented in README and --help. */
enum jd_exit {
    JD_EXIT_OK = 0,
    JD_EXIT_USAGE = 64,       /* the command line is wrong */
    JD_EXIT_DATA = 65,        /* what was read is wrong: a failed test, a difference, a bad file */
    JD_EXIT_UNAVAILABLE = 69, /* a dependency stayed unreachable for start_timeout, at the start only */
    JD_EXIT_INTERNAL = 70,    /* a bug */
    JD_EXIT_CONFIG = 78,      /* configuration, policy or a refusal that needs a person */
};

enum { JD_ERROR_TEXT_MAX = 512 };

struct jd_error {
    enum jd_exit code; /* how the process would end for it */
    char text[JD_ERROR_TEXT_MAX];
};

/* Sets `err` and returns false, so that `return jd_error_set(…)` reads well. */
bool jd_error_set(struct jd_error *err, enum jd_exit code, const char *format, ...) JD_PRINTF(3, 4);
/* Puts context in front: "no luck" becomes "shard 3: no luck". Returns false. */
bool jd_error_wrap(struct jd_error *err, const char *format, ...) JD_PRINTF(2, 3);

#endif

/* What a scalar's text says: numbers, durations, sizes; and files as a whole. Nothing here reports: the
 * callers know what was expected there. */
#ifndef JOURNEYD_POLICY_VALUE_H
#define JOURNEYD_POLICY_VALUE_H

#include "base/arena.h"
#include "base/error.h"

/* Decimal digits, perhaps after '-'; no spaces, no leading '+'. False also when it leaves int64. */
JD_MUST_CHECK bool jd_value_integer(struct jd_str text, int64_t *out);
/* A whole number and its unit, as far as the digits go: "48h" gives 48 and "h". False: no digits, or too
 * many. */
JD_MUST_CHECK bool jd_value_amount(struct jd_str text, int64_t *amount, struct jd_str *unit);
/* 0, or a whole number of ms, s, m, h, d or w; d is 24 h. `*ms` is 0 or more. */
JD_MUST_CHECK bool jd_value_duration(struct jd_str text, int64_t *ms);
/* A whole number of bytes, or of KiB, MiB or GiB. */
JD_MUST_CHECK bool jd_value_size(struct jd_str text, int64_t *bytes);
/* true | false, nothing else. */
/* 08:00, 23:59, in ms; 24:00 is the end of the day. */
JD_MUST_CHECK bool jd_value_clock(struct jd_str text, int64_t *ms);
/* mon … sun, as bit 0 … 6; 0: it is none. */
enum { JD_VALUE_ALL_DAYS = 0x7F };
extern const char *const jd_value_days[]; /* ends with NULL */
uint8_t jd_value_day(struct jd_str text);
JD_MUST_CHECK bool jd_value_truth(struct jd_str text, bool *out);
/* Only ASCII letters, digits, '.', '_' and '-', and at least one of them. */
bool jd_value_is_name(struct jd_str text);

/* The content of a regular file (or pipe) of at most `max` bytes, with a NUL after it, in `arena`. False:
 * `err` says why, without the path. */
JD_MUST_CHECK bool jd_file_read(const char *path, uint32_t max, struct jd_arena *arena, struct jd_str *out,
                                struct jd_error *err);

#endif

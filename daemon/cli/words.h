/* Durations, amounts, dates and touches as people read them. All texts: arena, or static. */
#ifndef JOURNEYD_CLI_WORDS_H
#define JOURNEYD_CLI_WORDS_H

#include "base/arena.h"
#include "journeyd/effect.h"

/* 187200000 as "2 d 4 h"; negative: "minus 2 d 4 h". */
struct jd_str jd_words_duration(int64_t ms, struct jd_arena *arena);
/* "3 March 2026, 09:00 UTC"; seconds only where there are any. */
struct jd_str jd_words_when(jd_time t, struct jd_arena *arena);
/* "71,036" */
struct jd_str jd_words_count(uint64_t count, struct jd_arena *arena);
/* Observed or limit of an alert in its unit: "2 d 4 h", "3 touches", "505.50 EUR" (the currency of its evidence);
 * absent where there is none. */
struct jd_str jd_words_measure(const struct jd_alert *alert, struct jd_decimal number,
                               struct jd_arena *arena);
/* "in_person by sales_rep rep-3 of team north, planned" */
struct jd_str jd_words_touch(const struct jd_event *event, struct jd_arena *arena);
/* Time of a touch: start, else time. */
jd_time jd_words_touch_time(const struct jd_event *event);

#endif

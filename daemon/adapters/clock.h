/* The two clocks of the machine.
 *
 * In BUILD=faults a test moves time under a live daemon: the file named by JD_CLOCK_FILE holds one or two
 * decimal numbers, re-read every few milliseconds. The first is added, in ms, to the wall clock, the
 * monotonic clock and every reading of Redis' TIME together; the second to the wall clock alone (a clock
 * that strays). JD_CLOCK_SHIFT_MS is a fixed first number. Elsewhere none of this is compiled. */
#ifndef JOURNEYD_ADAPTERS_CLOCK_H
#define JOURNEYD_ADAPTERS_CLOCK_H

#include "journeyd/types.h"

jd_time jd_clock_wall(void); /* now, ms since 1970 */
int64_t jd_clock_mono(void); /* ms that only grow, for intervals; the origin means nothing */
/* What a reading of another machine's wall clock would be under the shift of a test; `t` itself otherwise. */
jd_time jd_clock_shifted(jd_time t);

#endif

/* Folds on the virtual clock: history without Kafka and Redis (`replay`, `test`).
 *
 * One fold and one clock for the whole input, or one a partition. The clock is that of `clock: record`:
 * the running maximum of the records' own times. What the folds decide goes to one receiver, in order,
 * and is then kept: memory is that of the states. What they tell other keys goes to the fold of that key's
 * partition at once, as an input at the time of its cause; the receiver does not see it. */
#ifndef JOURNEYD_CLI_VIRTUAL_H
#define JOURNEYD_CLI_VIRTUAL_H

#include "engine/fold.h"

/* Called with each effect, in order; it is borrowed for the call. False stops: the receiver has failed. */
typedef bool (*jd_virtual_receive)(void *context, const struct jd_effect *effect);

/* Called with each record that one key told another and that was refused there; borrowed for the call. False stops. */
typedef bool (*jd_virtual_refused)(void *context, const struct jd_input *input, const char *reason);

struct jd_virtual;

/* `partitions` from 1. `program` is borrowed. Both callbacks have the one context. NULL: out of memory. Owned:
 * jd_virtual_free. */
struct jd_virtual *jd_virtual_new(const struct jd_program *program, uint32_t partitions,
                                  jd_virtual_receive receive, jd_virtual_refused refused, void *context);
void jd_virtual_free(struct jd_virtual *virtual);

/* Where a record with this key belongs. */
uint32_t jd_virtual_partition(const struct jd_virtual *virtual, struct jd_str key);

/* Moves the partition's clock to `time` (if that is later; JD_TIME_NONE: not at all) and decides `input`;
 * its `effective` is set here. `*reason` is set on JD_DEAD_LETTERED. */
JD_MUST_CHECK bool jd_virtual_input(struct jd_virtual *virtual, uint32_t partition, struct jd_input *input,
                                    jd_time time, enum jd_verdict *verdict, const char **reason);
/* Puts another policy in force; what the folds hold is evaluated again at once. `program` is borrowed while the
 * folds live, as the first one is. */
JD_MUST_CHECK bool jd_virtual_publish(struct jd_virtual *virtual, const struct jd_program *program);
/* A record that cannot be decided, but whose time is known, moves the clock too. */
JD_MUST_CHECK bool jd_virtual_move(struct jd_virtual *virtual, uint32_t partition, jd_time time);
/* Every clock to `to`, timers fired on the way. */
JD_MUST_CHECK bool jd_virtual_advance(struct jd_virtual *virtual, jd_time to);
/* Every clock on until no timer is left; where rules look at physicians by themselves, until jd_fold_over. */
JD_MUST_CHECK bool jd_virtual_drain(struct jd_virtual *virtual);

uint32_t jd_virtual_partitions(const struct jd_virtual *virtual);
const struct jd_fold *jd_virtual_fold(const struct jd_virtual *virtual, uint32_t partition);
uint64_t jd_virtual_timers(const struct jd_virtual *virtual); /* fired so far */

#endif

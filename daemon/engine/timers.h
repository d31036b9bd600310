/* When which state wants to be looked at again.
 *
 * A wheel of wheels: slot s of level l holds what is due when, of the bits in which it differs from `base`,
 * the highest are those of level l and read s. Arming is appending to a slot; as time passes, a slot is
 * opened and its timers move to lower levels, at last to `ready`, a heap by (due, key). What is armed at or
 * before `base` goes there at once, so order never depends on `base`.
 *
 * A timer that is put off stays where it is and is armed again when it comes up; one that comes earlier is
 * armed twice, and the later one passes in silence. */
#ifndef JOURNEYD_ENGINE_TIMERS_H
#define JOURNEYD_ENGINE_TIMERS_H

#include "engine/slab.h"

enum { JD_TIMER_BITS = 6, JD_TIMER_SLOTS = 1 << JD_TIMER_BITS, JD_TIMER_LEVELS = 11 };

struct jd_state;
struct jd_timer {
    jd_time due;
    struct jd_state *state;
};

struct jd_timers {
    jd_time base;
    uint64_t used[JD_TIMER_LEVELS]; /* bit of each slot that is not empty */
    struct jd_timer_chunk *slots[JD_TIMER_LEVELS][JD_TIMER_SLOTS];
    struct jd_timer *ready;
    uint32_t ready_count, ready_capacity;
    size_t count; /* in slots and ready */
};

void jd_timers_init(struct jd_timers *timers);
/* `due` is from now on when the state is to be looked at; JD_NEVER: not. */
void jd_timers_set(struct jd_timers *timers, struct jd_slab *slab, struct jd_state *state, jd_time due);
/* The first state by (due, key), if it is due by `until`; NULL: none is. It stays armed. */
struct jd_state *jd_timers_first(struct jd_timers *timers, struct jd_slab *slab, jd_time until);
/* Frees what it holds, and the states that were removed while they were armed. */
void jd_timers_done(struct jd_timers *timers, struct jd_slab *slab);

#endif

#include "engine/timers.h"

#include <string.h>

#include "base/str.h"
#include "engine/state.h"

enum { CHUNK = 30, READY_MIN = 16, PREFETCH_LEVEL = 2 };

struct jd_timer_chunk {
    struct jd_timer_chunk *next;
    uint32_t count;
    struct jd_timer items[CHUNK];
};

/* ---- ready: a binary heap ---- */

static bool before(const struct jd_timer *a, const struct jd_timer *b)
{
    if (a->due != b->due)
        return a->due < b->due;
    return jd_str_cmp(jd_state_key(a->state), jd_state_key(b->state)) < 0;
}

static void ready_add(struct jd_timers *timers, struct jd_slab *slab, struct jd_timer timer)
{
    if (timers->ready_count == timers->ready_capacity) {
        uint32_t capacity = timers->ready_capacity ? timers->ready_capacity * 2 : READY_MIN;
        timers->ready = jd_slab_resize(slab, timers->ready, timers->ready_capacity * sizeof timer,
                                       capacity * sizeof timer);
        timers->ready_capacity = capacity;
    }
    uint32_t at = timers->ready_count++;
    for (; at > 0 && before(&timer, &timers->ready[(at - 1) / 2]); at = (at - 1) / 2)
        timers->ready[at] = timers->ready[(at - 1) / 2];
    timers->ready[at] = timer;
}

static struct jd_timer ready_take(struct jd_timers *timers)
{
    struct jd_timer first = timers->ready[0], last = timers->ready[--timers->ready_count];
    uint32_t at = 0;
    for (uint32_t child; (child = 2 * at + 1) < timers->ready_count; at = child) {
        if (child + 1 < timers->ready_count && before(&timers->ready[child + 1], &timers->ready[child]))
            child++;
        if (!before(&timers->ready[child], &last))
            break;
        timers->ready[at] = timers->ready[child];
    }
    timers->ready[at] = last;
    return first;
}

/* ---- the wheel ---- */

/* Times as unsigned numbers of the same order. */
static uint64_t rank(jd_time t)
{
    return (uint64_t)t ^ (UINT64_C(1) << 63);
}

static void insert(struct jd_timers *timers, struct jd_slab *slab, struct jd_timer timer)
{
    if (timer.due <= timers->base) {
        ready_add(timers, slab, timer);
        return;
    }
    unsigned level = (63u - (unsigned)__builtin_clzll(rank(timer.due) ^ rank(timers->base))) / JD_TIMER_BITS;
    unsigned place = (unsigned)(rank(timer.due) >> (level * JD_TIMER_BITS)) % JD_TIMER_SLOTS;
    struct jd_timer_chunk **slot = &timers->slots[level][place];
    if (*slot == NULL || (*slot)->count == CHUNK) {
        struct jd_timer_chunk *chunk = jd_slab_take(slab, sizeof *chunk);
        chunk->next = *slot;
        chunk->count = 0;
        *slot = chunk;
    }
    (*slot)->items[(*slot)->count++] = timer;
    timers->used[level] |= UINT64_C(1) << place;
}

/* Opens the first slot that is not empty, if it begins by `until`. */
static bool open_slot(struct jd_timers *timers, struct jd_slab *slab, jd_time until)
{
    unsigned level = 0;
    while (level < JD_TIMER_LEVELS && timers->used[level] == 0)
        level++;
    if (level == JD_TIMER_LEVELS)
        return false;
    unsigned place = (unsigned)__builtin_ctzll(timers->used[level]), shift = level * JD_TIMER_BITS;
    unsigned above = shift + JD_TIMER_BITS;
    uint64_t start = above < 64 ? rank(timers->base) >> above << above : 0;
    start |= (uint64_t)place << shift;
    if (start > rank(until))
        return false;
    struct jd_timer_chunk *chunk = timers->slots[level][place];
    timers->slots[level][place] = NULL;
    timers->used[level] &= ~(UINT64_C(1) << place);
    timers->base = (jd_time)(start ^ (UINT64_C(1) << 63));
    while (chunk != NULL) {
        struct jd_timer_chunk *next = chunk->next;
        for (uint32_t i = 0; i < chunk->count; i++) {
            if (level <= PREFETCH_LEVEL)
                __builtin_prefetch(chunk->items[i].state);
            insert(timers, slab, chunk->items[i]);
        }
        jd_slab_give(slab, chunk, sizeof *chunk);
        chunk = next;
    }
    return true;
}

/* ---- arming ---- */

void jd_timers_init(struct jd_timers *timers)
{
    *timers = (struct jd_timers){.base = JD_TIME_NONE};
}

static void arm(struct jd_timers *timers, struct jd_slab *slab, struct jd_state *state)
{
    if (state->due >= state->armed)
        return;
    state->armed = state->due;
    state->timers++;
    timers->count++;
    insert(timers, slab, (struct jd_timer){state->due, state});
}

/* A timer is out of the wheel; the last one of a state that was removed takes it along. */
static void drop(struct jd_timers *timers, struct jd_slab *slab, const struct jd_timer *timer)
{
    struct jd_state *state = timer->state;
    timers->count--;
    state->timers--;
    if (timer->due == state->armed)
        state->armed = JD_NEVER;
    if (state->removed && state->timers == 0)
        jd_state_free(slab, state);
}

void jd_timers_set(struct jd_timers *timers, struct jd_slab *slab, struct jd_state *state, jd_time due)
{
    state->due = due;
    arm(timers, slab, state);
}

struct jd_state *jd_timers_first(struct jd_timers *timers, struct jd_slab *slab, jd_time until)
{
    for (;;) {
        while (timers->ready_count == 0)
            if (!open_slot(timers, slab, until))
                return NULL;
        struct jd_timer *first = &timers->ready[0];
        if (first->due > until)
            return NULL;
        struct jd_state *state = first->state;
        if (!state->removed && state->due == first->due)
            return state;
        struct jd_timer passed = ready_take(timers);
        bool gone = state->removed;
        drop(timers, slab, &passed);
        if (!gone)
            arm(timers, slab, state);
    }
}

void jd_timers_done(struct jd_timers *timers, struct jd_slab *slab)
{
    while (timers->ready_count > 0 || open_slot(timers, slab, JD_NEVER)) {
        if (timers->ready_count == 0)
            continue;
        struct jd_timer timer = ready_take(timers);
        drop(timers, slab, &timer);
    }
    jd_slab_give(slab, timers->ready, timers->ready_capacity * sizeof *timers->ready);
}

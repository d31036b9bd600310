/* Timers: a 4-ary heap of states by (due, key). Each state knows its place, so a changed due moves it. */
#include "base/str.h"
#include "engine/state.h"

enum { ARITY = 4 };

static bool before(const struct jd_timer *a, const struct jd_timer *b)
{
    if (a->due != b->due)
        return a->due < b->due;
    return jd_str_cmp(jd_state_key(a->state), jd_state_key(b->state)) < 0;
}

static void place(struct jd_fold *fold, uint32_t at, struct jd_timer timer)
{
    fold->heap[at] = timer;
    timer.state->heap_at = at + 1;
}

static void sift_up(struct jd_fold *fold, uint32_t at, struct jd_timer timer)
{
    for (; at > 0; at = (at - 1) / ARITY) {
        uint32_t parent = (at - 1) / ARITY;
        if (!before(&timer, &fold->heap[parent]))
            break;
        place(fold, at, fold->heap[parent]);
    }
    place(fold, at, timer);
}

static void sift_down(struct jd_fold *fold, uint32_t at, struct jd_timer timer)
{
    for (;;) {
        uint32_t first = at * ARITY + 1, least = first;
        if (first >= fold->heap_count)
            break;
        for (uint32_t child = first + 1; child < first + ARITY && child < fold->heap_count; child++)
            if (before(&fold->heap[child], &fold->heap[least]))
                least = child;
        if (!before(&fold->heap[least], &timer))
            break;
        place(fold, at, fold->heap[least]);
        at = least;
    }
    place(fold, at, timer);
}

static void take_out(struct jd_fold *fold, struct jd_state *state)
{
    uint32_t at = state->heap_at - 1;
    state->heap_at = 0;
    struct jd_timer last = fold->heap[--fold->heap_count];
    if (last.state == state)
        return;
    if (at > 0 && before(&last, &fold->heap[(at - 1) / ARITY]))
        sift_up(fold, at, last);
    else
        sift_down(fold, at, last);
}

void jd_timers_set(struct jd_fold *fold, struct jd_state *state, jd_time due)
{
    struct jd_timer timer = {due, state};
    if (state->due == due && (state->heap_at != 0) == (due != JD_NEVER))
        return;
    bool earlier = due < state->due;
    state->due = due;
    if (due == JD_NEVER) {
        take_out(fold, state);
    } else if (state->heap_at != 0) {
        if (earlier)
            sift_up(fold, state->heap_at - 1, timer);
        else
            sift_down(fold, state->heap_at - 1, timer);
    } else {
        if (fold->heap_count == fold->heap_capacity) {
            uint32_t capacity = fold->heap_capacity ? fold->heap_capacity * 2 : 64;
            fold->heap = jd_states_resize(fold, fold->heap, fold->heap_capacity * sizeof *fold->heap,
                                          capacity * sizeof *fold->heap);
            fold->heap_capacity = capacity;
        }
        sift_up(fold, fold->heap_count++, timer);
    }
}

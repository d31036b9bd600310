/* The wheel of timers against a list that is searched from end to end. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "engine/state.h"

enum { STATES = 60, SIZE = sizeof(struct jd_state) + 4 };

static size_t allocated;

static void *reallocate(void *context, void *old, size_t old_size, size_t new_size)
{
    (void)context;
    allocated += new_size - old_size;
    if (new_size == 0) {
        free(old);
        return NULL;
    }
    return realloc(old, new_size);
}

static struct jd_state *state_of(struct jd_slab *slab, int i)
{
    struct jd_state *state = jd_slab_take(slab, SIZE);
    *state = (struct jd_state){.due = JD_NEVER, .armed = JD_NEVER, .key_size = 4};
    memcpy(state->key, (char[]){'k', (char)('a' + i / 26), (char)('a' + i % 26), 'x'}, 4);
    return state;
}

/* The first of all by (due, key). */
static struct jd_state *first_of(struct jd_state *const *states, jd_time until)
{
    struct jd_state *first = NULL;
    for (int i = 0; i < STATES; i++)
        if (states[i]->due <= until && states[i]->due != JD_NEVER &&
            (first == NULL || states[i]->due < first->due ||
             (states[i]->due == first->due && jd_str_cmp(jd_state_key(states[i]), jd_state_key(first)) < 0)))
            first = states[i];
    return first;
}

/* Near and far, on the same millisecond, in the past, at the ends of time. */
static jd_time random_due(jd_time now)
{
    static const int64_t reach[] = {1, 3, 100, 5000, JD_HOUR, 30 * JD_DAY, 3000 * JD_DAY};
    int kind = rand() % 12;
    if (kind == 0)
        return JD_NEVER;
    if (kind == 1)
        return rand() % 2 ? JD_TIME_MAX : JD_TIME_MIN;
    int64_t by = rand() % reach[kind % 7];
    return kind == 2 ? now - by : now + by;
}

Test(timers, come_in_the_order_of_due_and_key)
{
    unsigned seed = 20260301;
    srand(seed);
    struct jd_slab slab;
    struct jd_timers timers;
    struct jd_state *states[STATES];
    jd_slab_init(&slab, (struct jd_allocator){reallocate, NULL});
    jd_timers_init(&timers);
    for (int i = 0; i < STATES; i++)
        states[i] = state_of(&slab, i);
    jd_time now = -5000; /* across 1970 */
    for (int step = 0; step < 200000; step++) {
        int i = rand() % STATES;
        if (rand() % 50 == 0) { /* removed, and another one comes under its key */
            jd_timers_set(&timers, &slab, states[i], JD_NEVER);
            states[i]->removed = true;
            if (states[i]->timers == 0)
                jd_state_free(&slab, states[i]);
            states[i] = state_of(&slab, i);
        }
        jd_timers_set(&timers, &slab, states[i], random_due(now));
        jd_time until = rand() % 100 == 0 ? JD_NEVER : now + rand() % 200;
        struct jd_state *expected = first_of(states, until);
        struct jd_state *first = jd_timers_first(&timers, &slab, until);
        cr_assert(first == expected, "seed %u, step %d", seed, step);
        if (first != NULL && rand() % 3 > 0)
            jd_timers_set(&timers, &slab, first, random_due(now));
        now += rand() % 400 == 0 ? rand() % JD_DAY : rand() % 40;
        if (rand() % 500 == 0)
            now -= rand() % JD_DAY; /* an undo takes the clock back */
    }
    jd_timers_done(&timers, &slab);
    for (int i = 0; i < STATES; i++) {
        cr_assert(states[i]->timers == 0);
        jd_state_free(&slab, states[i]);
    }
    cr_assert(slab.bytes == 0, "%zu bytes are still in use", slab.bytes);
    jd_slab_done(&slab);
    cr_assert(allocated == 0);
}

Test(timers, pieces_do_not_overlap)
{
    enum { PIECES = 500 };
    struct jd_slab slab;
    struct {
        unsigned char *at;
        size_t size;
    } pieces[PIECES] = {{0}};
    jd_slab_init(&slab, (struct jd_allocator){reallocate, NULL});
    srand(7);
    for (int step = 0; step < 100000; step++) {
        int i = rand() % PIECES;
        size_t size = 1 + (size_t)(rand() % (rand() % 20 == 0 ? 5000 : 300));
        for (size_t k = 0; k < pieces[i].size; k++)
            cr_assert(pieces[i].at[k] == (unsigned char)i, "seed 7, step %d", step);
        if (rand() % 3 == 0) {
            jd_slab_give(&slab, pieces[i].at, pieces[i].size);
            pieces[i].at = jd_slab_take(&slab, size);
        } else {
            size_t common = size < pieces[i].size ? size : pieces[i].size;
            pieces[i].at = jd_slab_resize(&slab, pieces[i].at, pieces[i].size, size);
            for (size_t k = 0; k < common; k++)
                cr_assert(pieces[i].at[k] == (unsigned char)i, "seed 7, step %d", step);
        }
        cr_assert((uintptr_t)pieces[i].at % JD_SLAB_GRAIN == 0);
        pieces[i].size = size;
        memset(pieces[i].at, i & 0xff, size);
    }
    for (int i = 0; i < PIECES; i++)
        jd_slab_give(&slab, pieces[i].at, pieces[i].size);
    cr_assert(slab.bytes == 0);
    jd_slab_done(&slab);
    cr_assert(allocated == 0);
}

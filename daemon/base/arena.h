/* A bump allocator with a cap: everything of one batch lives in it and goes at once.
 *
 * Blocks are taken from the system as needed, up to `limit` bytes in all, and kept on rewind, so a
 * worker in its stride allocates nothing. */
#ifndef JOURNEYD_BASE_ARENA_H
#define JOURNEYD_BASE_ARENA_H

#include "journeyd/types.h"

struct jd_arena_block;
struct jd_arena {
    struct jd_arena_block *first, *current;
    size_t used;  /* bytes handed out in `current` */
    size_t total; /* bytes of all blocks */
    size_t limit; /* cap on `total` */
};
struct jd_arena_mark {
    struct jd_arena_block *block;
    size_t used;
};

void jd_arena_init(struct jd_arena *arena, size_t limit); /* takes no memory yet */
void jd_arena_done(struct jd_arena *arena);

/* `size` bytes, zeroed, aligned for any type. Does not return when the cap or the system's memory is
 * exhausted: callers bound what they put in (limits on records and batches), so that is our bug; it
 * prints what was asked for and aborts. */
void *jd_arena_alloc(struct jd_arena *arena, size_t size);
void *jd_arena_raw(struct jd_arena *arena, size_t size); /* the same, but not zeroed */
void *jd_arena_array(struct jd_arena *arena, size_t count, size_t item_size);
/* Bytes still to be had before the cap. */
size_t jd_arena_left(const struct jd_arena *arena);
/* Copies; the copy of an absent string is absent. The copy is followed by a NUL. */
struct jd_str jd_arena_str(struct jd_arena *arena, struct jd_str s);
struct jd_str jd_arena_join(struct jd_arena *arena, const struct jd_str *parts, uint32_t count);
struct jd_str jd_arena_printf(struct jd_arena *arena, const char *format, ...) JD_PRINTF(2, 3);
/* A larger array with the old items; `*capacity` is updated. For arrays that grow in an arena. */
void *jd_arena_grow(struct jd_arena *arena, void *items, uint32_t count, uint32_t *capacity,
                    size_t item_size);

struct jd_arena_mark jd_arena_mark(const struct jd_arena *arena);
void jd_arena_rewind(struct jd_arena *arena, struct jd_arena_mark mark); /* frees all since */
void jd_arena_reset(struct jd_arena *arena);                             /* frees all, keeps the blocks */

#endif

/* A set of keys that keeps copies, for "these states are to be written".
 *
 * Keys come out in the order in which they went in. Not thread safe. */
#ifndef JOURNEYD_SHARD_KEYSET_H
#define JOURNEYD_SHARD_KEYSET_H

#include "base/arena.h"

struct jd_keyset {
    struct jd_arena arena; /* copies of the keys */
    struct jd_str *keys;   /* owned */
    uint32_t *slots;       /* owned; index + 1 of the key, 0: free; a power of two */
    uint32_t count, capacity, slot_count;
};

void jd_keyset_init(struct jd_keyset *set);
void jd_keyset_done(struct jd_keyset *set);
/* Adds a copy; true if it was not there. */
bool jd_keyset_add(struct jd_keyset *set, struct jd_str key);
/* Removes all, keeps the memory. */
void jd_keyset_clear(struct jd_keyset *set);
/* `into` gets what `from` held, and the other way round. */
void jd_keyset_swap(struct jd_keyset *into, struct jd_keyset *from);

#endif

#include "shard/keyset.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

void jd_keyset_init(struct jd_keyset *set)
{
    *set = (struct jd_keyset){0};
    jd_arena_init(&set->arena, SIZE_MAX / 2);
}

void jd_keyset_done(struct jd_keyset *set)
{
    free(set->keys);
    free(set->slots);
    jd_arena_done(&set->arena);
    jd_keyset_init(set);
}

static void *checked(void *memory)
{
    if (memory == NULL) {
        (void)fprintf(stderr, "journeyd: out of memory for the keys of states to be written\n");
        abort();
    }
    return memory;
}

/* The slot of `key`, or the free one where it belongs. */
static uint32_t *find(const struct jd_keyset *set, struct jd_str key)
{
    uint32_t mask = set->slot_count - 1;
    for (uint32_t at = (uint32_t)jd_str_hash(key) & mask;; at = (at + 1) & mask)
        if (set->slots[at] == 0 || jd_str_eq(set->keys[set->slots[at] - 1], key))
            return &set->slots[at];
}

static void grow(struct jd_keyset *set)
{
    set->capacity = set->capacity == 0 ? 64 : set->capacity * 2;
    set->slot_count = set->capacity * 2;
    set->keys = checked(realloc(set->keys, set->capacity * sizeof *set->keys));
    free(set->slots);
    set->slots = checked(calloc(set->slot_count, sizeof *set->slots));
    for (uint32_t i = 0; i < set->count; i++)
        *find(set, set->keys[i]) = i + 1;
}

bool jd_keyset_add(struct jd_keyset *set, struct jd_str key)
{
    if (set->count == set->capacity)
        grow(set);
    uint32_t *slot = find(set, key);
    if (*slot != 0)
        return false;
    set->keys[set->count] = jd_arena_str(&set->arena, key);
    *slot = ++set->count;
    return true;
}

void jd_keyset_clear(struct jd_keyset *set)
{
    if (set->count > 0)
        memset(set->slots, 0, set->slot_count * sizeof *set->slots);
    set->count = 0;
    jd_arena_reset(&set->arena);
}

void jd_keyset_swap(struct jd_keyset *into, struct jd_keyset *from)
{
    struct jd_keyset kept = *into;
    *into = *from;
    *from = kept;
}

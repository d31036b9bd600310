#include "base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_SIZE_MIN = 64 * 1024, ALIGNMENT = 16 };

struct jd_arena_block {
    struct jd_arena_block *next;
    size_t size; /* of bytes[] */
    _Alignas(ALIGNMENT) unsigned char bytes[];
};

static void out_of_memory(const struct jd_arena *arena, size_t size)
{
    (void)fprintf(stderr, "journeyd: arena cannot give %zu bytes (has %zu, limit %zu)\n", size, arena->total,
                  arena->limit);
    abort();
}

void jd_arena_init(struct jd_arena *arena, size_t limit)
{
    *arena = (struct jd_arena){.limit = limit};
}

void jd_arena_done(struct jd_arena *arena)
{
    struct jd_arena_block *block = arena->first;
    while (block != NULL) {
        struct jd_arena_block *next = block->next;
        free(block);
        block = next;
    }
    *arena = (struct jd_arena){.limit = arena->limit};
}

/* The block after `current` that holds `size`; smaller ones on the way are passed over until reset. */
static void next_block(struct jd_arena *arena, size_t size)
{
    struct jd_arena_block **link = arena->current ? &arena->current->next : &arena->first;
    while (*link != NULL && (*link)->size < size)
        link = &(*link)->next;
    if (*link == NULL) {
        size_t want = size > BLOCK_SIZE_MIN ? size : BLOCK_SIZE_MIN;
        if (arena->current != NULL && want < arena->current->size)
            want = arena->current->size;
        if (want > arena->limit - arena->total)
            want = size;
        if (want > arena->limit - arena->total)
            out_of_memory(arena, size);
        struct jd_arena_block *block = malloc(sizeof *block + want);
        if (block == NULL)
            out_of_memory(arena, size);
        block->next = NULL;
        block->size = want;
        arena->total += want;
        *link = block;
    }
    arena->current = *link;
    arena->used = 0;
}

void *jd_arena_raw(struct jd_arena *arena, size_t size)
{
    if (size > arena->limit)
        out_of_memory(arena, size);
    size_t need = (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
    if (arena->current == NULL || arena->current->size - arena->used < need)
        next_block(arena, need);
    void *p = arena->current->bytes + arena->used;
    arena->used += need;
    return p;
}

void *jd_arena_alloc(struct jd_arena *arena, size_t size)
{
    return memset(jd_arena_raw(arena, size), 0, size);
}

void *jd_arena_array(struct jd_arena *arena, size_t count, size_t item_size)
{
    size_t size;
    if (__builtin_mul_overflow(count, item_size, &size))
        out_of_memory(arena, SIZE_MAX);
    return jd_arena_alloc(arena, size);
}

size_t jd_arena_left(const struct jd_arena *arena)
{
    return arena->limit - arena->total + (arena->current ? arena->current->size - arena->used : 0);
}

struct jd_str jd_arena_str(struct jd_arena *arena, struct jd_str s)
{
    if (s.ptr == NULL)
        return s;
    char *copy = jd_arena_raw(arena, (size_t)s.size + 1);
    memcpy(copy, s.ptr, s.size);
    copy[s.size] = '\0';
    return (struct jd_str){copy, s.size};
}

struct jd_str jd_arena_join(struct jd_arena *arena, const struct jd_str *parts, uint32_t count)
{
    uint32_t size = 0;
    for (uint32_t i = 0; i < count; i++)
        size += parts[i].size;
    char *text = jd_arena_alloc(arena, (size_t)size + 1), *at = text;
    for (uint32_t i = 0; i < count; at += parts[i++].size)
        if (parts[i].size > 0)
            memcpy(at, parts[i].ptr, parts[i].size);
    return (struct jd_str){text, size};
}

struct jd_str jd_arena_printf(struct jd_arena *arena, const char *format, ...)
{
    enum { USUAL = 128 }; /* bytes that a first attempt has */
    va_list args;
    va_start(args, format);
    va_list again;
    va_copy(again, args);
    struct jd_arena_mark mark = jd_arena_mark(arena);
    char *text = jd_arena_raw(arena, USUAL);
    int wrote = vsnprintf(text, USUAL, format, args);
    size_t size = wrote < 0 ? 0 : (size_t)wrote;
    va_end(args);
    if (size < USUAL) {
        arena->used -= USUAL;
        (void)jd_arena_raw(arena, size + 1);
    } else {
        jd_arena_rewind(arena, mark);
        text = jd_arena_raw(arena, size + 1);
        (void)vsnprintf(text, size + 1, format, again);
    }
    va_end(again);
    return (struct jd_str){text, (uint32_t)size};
}

void *jd_arena_grow(struct jd_arena *arena, void *items, uint32_t count, uint32_t *capacity, size_t item_size)
{
    uint32_t larger = *capacity == 0 ? 16 : *capacity * 2;
    size_t size, old = (size_t)count * item_size;
    if (__builtin_mul_overflow((size_t)larger, item_size, &size))
        out_of_memory(arena, SIZE_MAX);
    char *copy = jd_arena_raw(arena, size);
    if (count > 0)
        memcpy(copy, items, old);
    memset(copy + old, 0, size - old);
    *capacity = larger;
    return copy;
}

struct jd_arena_mark jd_arena_mark(const struct jd_arena *arena)
{
    return (struct jd_arena_mark){arena->current, arena->used};
}

void jd_arena_rewind(struct jd_arena *arena, struct jd_arena_mark mark)
{
    arena->current = mark.block;
    arena->used = mark.used;
    if (mark.block == NULL)
        jd_arena_reset(arena);
}

void jd_arena_reset(struct jd_arena *arena)
{
    arena->current = NULL;
    arena->used = 0;
    if (arena->first != NULL)
        arena->current = arena->first;
}

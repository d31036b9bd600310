#include "engine/slab.h"

#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
enum { LARGEST = 1 };
#else
enum { LARGEST = JD_SLAB_GRAIN * JD_SLAB_CLASSES };
#endif
enum { CHUNK_MIN = 1 << 12, CHUNK_MAX = 1 << 20 };

struct jd_slab_chunk {
    struct jd_slab_chunk *next;
    size_t size;
};
_Static_assert(sizeof(struct jd_slab_chunk) % JD_SLAB_GRAIN == 0, "pieces follow it aligned");

static size_t rounded(size_t size)
{
    return (size + JD_SLAB_GRAIN - 1) / JD_SLAB_GRAIN * JD_SLAB_GRAIN;
}

static void *from_allocator(struct jd_slab *slab, void *old, size_t old_size, size_t new_size)
{
    void *new = slab->allocator.reallocate(slab->allocator.context, old, old_size, new_size);
    if (new == NULL && new_size > 0)
        abort(); /* the shell keeps its limit below what the system gives */
    return new;
}

void jd_slab_init(struct jd_slab *slab, struct jd_allocator allocator)
{
    *slab = (struct jd_slab){.allocator = allocator};
}

void jd_slab_done(struct jd_slab *slab)
{
    for (struct jd_slab_chunk *chunk = slab->chunks, *next; chunk != NULL; chunk = next) {
        next = chunk->next;
        (void)from_allocator(slab, chunk, chunk->size, 0);
    }
}

/* What is left of the chunk before serves as pieces of its largest size. */
static void next_chunk(struct jd_slab *slab)
{
    while (slab->left >= JD_SLAB_GRAIN) {
        size_t size = slab->left < LARGEST ? slab->left : LARGEST;
        slab->bytes += size;
        jd_slab_give(slab, slab->at, size);
        slab->at += size;
        slab->left -= size;
    }
    size_t size = slab->chunks == NULL              ? CHUNK_MIN
                  : slab->chunks->size >= CHUNK_MAX ? CHUNK_MAX
                                                    : slab->chunks->size * 2;
    struct jd_slab_chunk *chunk = from_allocator(slab, NULL, 0, size);
    *chunk = (struct jd_slab_chunk){slab->chunks, size};
    slab->chunks = chunk;
    slab->at = (char *)(chunk + 1);
    slab->left = size - sizeof *chunk;
}

void *jd_slab_take(struct jd_slab *slab, size_t size)
{
    size_t need = rounded(size);
    slab->bytes += need;
    if (need > LARGEST)
        return from_allocator(slab, NULL, 0, need);
    struct jd_slab_free **list = &slab->free[need / JD_SLAB_GRAIN], *piece = *list;
    if (piece != NULL) {
        *list = piece->next;
        return piece;
    }
    if (slab->left < need)
        next_chunk(slab);
    void *new = slab->at;
    slab->at += need;
    slab->left -= need;
    return new;
}

void jd_slab_give(struct jd_slab *slab, void *piece, size_t size)
{
    if (piece == NULL)
        return;
    size_t need = rounded(size);
    slab->bytes -= need;
    if (need > LARGEST) {
        (void)from_allocator(slab, piece, need, 0);
        return;
    }
    struct jd_slab_free *free_piece = piece, **list = &slab->free[need / JD_SLAB_GRAIN];
    free_piece->next = *list;
    *list = free_piece;
}

void *jd_slab_resize(struct jd_slab *slab, void *old, size_t old_size, size_t new_size)
{
    if (rounded(old_size) == rounded(new_size) && old != NULL)
        return old;
    void *new = jd_slab_take(slab, new_size);
    if (old != NULL)
        memcpy(new, old, old_size < new_size ? old_size : new_size);
    jd_slab_give(slab, old, old_size);
    return new;
}

/* Small pieces of memory from large ones of the given allocator: one list of free pieces for each size,
 * no header on a piece. What is given back serves the next piece of its size; the large ones go back at the
 * end. Under AddressSanitizer every piece is one of the allocator's, so that misuse shows. */
#ifndef JOURNEYD_ENGINE_SLAB_H
#define JOURNEYD_ENGINE_SLAB_H

#include "engine/fold.h"

enum { JD_SLAB_GRAIN = 16, JD_SLAB_CLASSES = 64 }; /* pieces over GRAIN * CLASSES are the allocator's */

struct jd_slab {
    struct jd_allocator allocator;
    struct jd_slab_free {
        struct jd_slab_free *next;
    } * free[JD_SLAB_CLASSES + 1];
    struct jd_slab_chunk *chunks;
    char *at; /* of the newest chunk */
    size_t left;
    size_t bytes; /* of the pieces in use, as rounded */
};

void jd_slab_init(struct jd_slab *slab, struct jd_allocator allocator);
/* Every piece over the largest class must have been given back. */
void jd_slab_done(struct jd_slab *slab);
/* Aligned for any type, not cleared; does not return when there is no memory left. */
void *jd_slab_take(struct jd_slab *slab, size_t size);
void jd_slab_give(struct jd_slab *slab, void *piece,
                  size_t size); /* the size that was taken; NULL: nothing */
/* A larger or smaller piece with the old bytes. */
void *jd_slab_resize(struct jd_slab *slab, void *old, size_t old_size, size_t new_size);

#endif

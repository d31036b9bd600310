/* Memory for what lives as long as the process or a handle; the work itself allocates in arenas.
 *
 * Without memory there is nothing sensible left to do: these print what was asked for and abort. */
#ifndef JOURNEYD_BASE_ALLOC_H
#define JOURNEYD_BASE_ALLOC_H

#include "journeyd/types.h"

void *jd_alloc(size_t size);                     /* zeroed, at least one byte; owned: free() */
void *jd_alloc_array(size_t count, size_t size); /* the same for an array; the product is checked */
/* For a process that works in waves: memory that was freed stays with it for the next wave. */
void jd_alloc_keep_freed(void);
char *jd_alloc_text(const char *text); /* a copy; NULL stays NULL */

/* Where what lives in handles may get its memory from. */
struct jd_allocator {
    void *(*reallocate)(void *context, void *old, size_t old_size,
                        size_t new_size); /* 0 frees; NULL: none left */
    void *context;
};
extern const struct jd_allocator jd_heap; /* that of the process */

#endif

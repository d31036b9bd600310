#include "base/alloc.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *jd_alloc_array(size_t count, size_t size)
{
    void *bytes = calloc(count > 0 ? count : 1, size > 0 ? size : 1);
    if (bytes == NULL) {
        (void)fprintf(stderr, "journeyd: out of memory: %zu × %zu bytes\n", count, size);
        abort();
    }
    return bytes;
}

void *jd_alloc(size_t size)
{
    return jd_alloc_array(1, size);
}

char *jd_alloc_text(const char *text)
{
    if (text == NULL)
        return NULL;
    size_t size = strlen(text) + 1;
    char *copy = jd_alloc(size);
    memcpy(copy, text, size);
    return copy;
}

/* By default glibc gives the top of a heap back to the system after each batch, and large blocks at once, to
 * take (and have zeroed) as many pages again for the next one. */
void jd_alloc_keep_freed(void)
{
    (void)mallopt(M_MMAP_THRESHOLD, 32 << 20); /* the most that glibc takes */
    (void)mallopt(M_TRIM_THRESHOLD, 64 << 20);
    (void)mallopt(M_TOP_PAD, 1 << 20);
}

static void *reallocate(void *context, void *old, size_t old_size, size_t new_size)
{
    (void)context;
    (void)old_size;
    if (new_size == 0) {
        free(old);
        return NULL;
    }
    return realloc(old, new_size);
}

const struct jd_allocator jd_heap = {reallocate, NULL};

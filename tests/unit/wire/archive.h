/* The files of a .tar.gz of tests/data, one after the other. */
#ifndef JOURNEYD_TESTS_WIRE_ARCHIVE_H
#define JOURNEYD_TESTS_WIRE_ARCHIVE_H

#include <zlib.h>

#include "base/arena.h"

struct archive_file {
    char name[101];
    struct jd_str bytes; /* in the arena, exactly as long as it says; followed by a NUL */
};

/* The next regular file; false at the end. */
bool archive_next(gzFile archive, struct jd_arena *arena, struct archive_file *out);

#endif

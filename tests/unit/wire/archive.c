#include "archive.h"

#include <stdlib.h>
#include <string.h>

bool archive_next(gzFile archive, struct jd_arena *arena, struct archive_file *out)
{
    char header[512];
    while (gzread(archive, header, sizeof header) == (int)sizeof header && header[0] != '\0') {
        char octal[13] = {0};
        memcpy(octal, header + 124, 12);
        memcpy(out->name, header, 100);
        out->name[100] = '\0';
        size_t size = (size_t)strtoul(octal, NULL, 8), padded = (size + 511) / 512 * 512;
        char *bytes = jd_arena_alloc(arena, padded + 1);
        if (gzread(archive, bytes, (unsigned)padded) != (int)padded)
            return false;
        bytes[size] = '\0';
        out->bytes = (struct jd_str){bytes, (uint32_t)size};
        if (header[156] == '0' || header[156] == '\0')
            return true;
    }
    return false;
}

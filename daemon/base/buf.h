/* Bytes that grow at the end, in an arena. */
#ifndef JOURNEYD_BASE_BUF_H
#define JOURNEYD_BASE_BUF_H

#include <string.h>

#include "base/arena.h"

struct jd_buf {
    struct jd_arena *arena; /* borrowed */
    char *bytes;
    size_t size, capacity;
};

void jd_buf_init(struct jd_buf *buf, struct jd_arena *arena);
void jd_buf_reserve(struct jd_buf *buf, size_t more); /* room for so many bytes in one piece */

static inline void jd_buf_bytes(struct jd_buf *buf, const void *bytes, size_t size)
{
    if (size == 0)
        return;
    if (buf->capacity - buf->size < size)
        jd_buf_reserve(buf, size);
    memcpy(buf->bytes + buf->size, bytes, size);
    buf->size += size;
}

static inline void jd_buf_byte(struct jd_buf *buf, unsigned char byte)
{
    if (buf->capacity == buf->size)
        jd_buf_reserve(buf, 1);
    buf->bytes[buf->size++] = (char)byte;
}

static inline void jd_buf_str(struct jd_buf *buf, struct jd_str s)
{
    jd_buf_bytes(buf, s.ptr, s.size);
}

void jd_buf_text(struct jd_buf *buf, const char *text);
void jd_buf_number(struct jd_buf *buf, int64_t number); /* decimal digits */
void jd_buf_printf(struct jd_buf *buf, const char *format, ...) JD_PRINTF(2, 3);
struct jd_str jd_buf_done(const struct jd_buf *buf); /* what it holds; arena */

#endif

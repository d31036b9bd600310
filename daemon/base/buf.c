#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void jd_buf_init(struct jd_buf *buf, struct jd_arena *arena)
{
    *buf = (struct jd_buf){.arena = arena};
}

static void reserve(struct jd_buf *buf, size_t more)
{
    if (buf->capacity - buf->size >= more)
        return;
    size_t capacity = buf->capacity ? buf->capacity * 2 : 256;
    while (capacity - buf->size < more)
        capacity *= 2;
    char *bytes = jd_arena_alloc(buf->arena, capacity);
    if (buf->size > 0)
        memcpy(bytes, buf->bytes, buf->size);
    buf->bytes = bytes;
    buf->capacity = capacity;
}

void jd_buf_bytes(struct jd_buf *buf, const void *bytes, size_t size)
{
    if (size == 0)
        return;
    reserve(buf, size);
    memcpy(buf->bytes + buf->size, bytes, size);
    buf->size += size;
}

void jd_buf_str(struct jd_buf *buf, struct jd_str s)
{
    jd_buf_bytes(buf, s.ptr, s.size);
}

void jd_buf_text(struct jd_buf *buf, const char *text)
{
    jd_buf_bytes(buf, text, strlen(text));
}

void jd_buf_byte(struct jd_buf *buf, unsigned char byte)
{
    jd_buf_bytes(buf, &byte, 1);
}

void jd_buf_printf(struct jd_buf *buf, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    va_list again;
    va_copy(again, args);
    int size = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (size > 0) {
        reserve(buf, (size_t)size + 1);
        (void)vsnprintf(buf->bytes + buf->size, (size_t)size + 1, format, again);
        buf->size += (size_t)size;
    }
    va_end(again);
}

struct jd_str jd_buf_done(const struct jd_buf *buf)
{
    return (struct jd_str){buf->bytes ? buf->bytes : "", (uint32_t)buf->size};
}

#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>

void jd_buf_init(struct jd_buf *buf, struct jd_arena *arena)
{
    *buf = (struct jd_buf){.arena = arena};
}

void jd_buf_reserve(struct jd_buf *buf, size_t more)
{
    if (buf->capacity - buf->size >= more)
        return;
    size_t capacity = buf->capacity ? buf->capacity * 2 : 256;
    while (capacity - buf->size < more)
        capacity *= 2;
    char *bytes = jd_arena_raw(buf->arena, capacity);
    if (buf->size > 0)
        memcpy(bytes, buf->bytes, buf->size);
    buf->bytes = bytes;
    buf->capacity = capacity;
}

void jd_buf_text(struct jd_buf *buf, const char *text)
{
    jd_buf_bytes(buf, text, strlen(text));
}

void jd_buf_number(struct jd_buf *buf, int64_t number)
{
    char text[20];
    size_t at = sizeof text;
    uint64_t left = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
    do
        text[--at] = (char)('0' + left % 10);
    while ((left /= 10) > 0);
    if (number < 0)
        text[--at] = '-';
    jd_buf_bytes(buf, text + at, sizeof text - at);
}

void jd_buf_printf(struct jd_buf *buf, const char *format, ...)
{
    enum { USUAL = 128 }; /* bytes that a first attempt has */
    va_list args;
    va_start(args, format);
    va_list again;
    va_copy(again, args);
    jd_buf_reserve(buf, USUAL);
    int size = vsnprintf(buf->bytes + buf->size, buf->capacity - buf->size, format, args);
    va_end(args);
    if (size > 0 && (size_t)size >= buf->capacity - buf->size) {
        jd_buf_reserve(buf, (size_t)size + 1);
        (void)vsnprintf(buf->bytes + buf->size, (size_t)size + 1, format, again);
    }
    if (size > 0)
        buf->size += (size_t)size;
    va_end(again);
}

struct jd_str jd_buf_done(const struct jd_buf *buf)
{
    return (struct jd_str){buf->bytes ? buf->bytes : "", (uint32_t)buf->size};
}

#include "base/str.h"

#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

struct jd_str jd_str_of(const char *text)
{
    return (struct jd_str){text, text ? (uint32_t)strlen(text) : 0};
}

int jd_str_cmp(struct jd_str a, struct jd_str b)
{
    if (a.ptr == NULL || b.ptr == NULL)
        return (a.ptr != NULL) - (b.ptr != NULL);
    uint32_t common = a.size < b.size ? a.size : b.size;
    int order = common == 0 ? 0 : memcmp(a.ptr, b.ptr, common);
    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

uint64_t jd_str_hash(struct jd_str s)
{
    return s.size == 0 ? 0 : XXH3_64bits(s.ptr, s.size);
}

bool jd_utf8_valid(struct jd_str s)
{
    const unsigned char *p = (const unsigned char *)s.ptr;
    const unsigned char *end = p + s.size;
    for (;;) {
        for (uint64_t word; end - p >= 8; p += 8) { /* mostly ASCII */
            memcpy(&word, p, sizeof word);
            if ((word & UINT64_C(0x8080808080808080)) != 0)
                break;
        }
        while (p < end && *p < 0x80)
            p++;
        if (p >= end)
            return true;
        unsigned extra = *p >= 0xF0 ? 3 : *p >= 0xE0 ? 2 : 1;
        if (*p < 0xC2 || *p > 0xF4 || (size_t)(end - p) <= extra)
            return false;
        /* The second byte rules out overlong forms, surrogates and values over U+10FFFF. */
        unsigned low = *p == 0xE0 ? 0xA0 : *p == 0xF0 ? 0x90 : 0x80;
        unsigned high = *p == 0xED ? 0x9F : *p == 0xF4 ? 0x8F : 0xBF;
        if (p[1] < low || p[1] > high)
            return false;
        for (unsigned i = 2; i <= extra; i++)
            if ((p[i] & 0xC0) != 0x80)
                return false;
        p += extra + 1;
    }
}

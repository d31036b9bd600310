/* Text with a length: compare, order, hash. */
#ifndef JOURNEYD_BASE_STR_H
#define JOURNEYD_BASE_STR_H

#include <string.h>

#include "journeyd/types.h"

struct jd_str jd_str_of(const char *text);        /* borrows; NULL is absent */
int jd_str_cmp(struct jd_str a, struct jd_str b); /* as bytes, shorter first; absent before all */
uint64_t jd_str_hash(struct jd_str s);            /* XXH3, fixed seed; for tables in memory only */
/* Absent equals only absent. Mostly the sizes tell already, without a call. */
static inline bool jd_str_eq(struct jd_str a, struct jd_str b)
{
    if (a.ptr == NULL || b.ptr == NULL)
        return a.ptr == b.ptr;
    return a.size == b.size && memcmp(a.ptr, b.ptr, a.size) == 0;
}
/* Whether `s` is the C string `text`; for short ones, letter by letter. */
static inline bool jd_str_is(struct jd_str s, const char *text)
{
    uint32_t i = 0;
    while (i < s.size && text[i] != '\0' && text[i] == s.ptr[i])
        i++;
    return i == s.size && s.ptr != NULL && text[i] == '\0';
}
bool jd_utf8_valid(struct jd_str s); /* strict: no overlong, no surrogate, no NUL check */

#endif

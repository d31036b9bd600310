/* The grammar of JSON: one pass over the text, of which every byte is checked. Text without escapes is
 * borrowed. */
#include "wire/json_reader.h"

#include <stdio.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "base/str.h"
#include "wire/json.h"

static void describe(const struct jd_json_place *place, char *text, size_t size)
{
    size_t used = 0;
    const struct jd_json_place *chain[JD_JSON_DEPTH_MAX + 1];
    uint32_t count = 0;
    for (; place != NULL && count < JD_COUNT(chain); place = place->outer)
        chain[count++] = place;
    while (count-- > 0 && used + 1 < size) {
        const struct jd_json_place *p = chain[count];
        int wrote = p->name != NULL ? snprintf(text + used, size - used, used == 0 ? "%s" : ".%s", p->name)
                                    : snprintf(text + used, size - used, "[%u]", p->index);
        used += wrote < 0 ? size : (size_t)wrote;
    }
}

bool jd_json_fail(struct jd_json *j, enum jd_refusal refusal)
{
    char path[128] = "value";
    describe(j->place, path, sizeof path);
    return jd_reject_set(j->why, refusal, "%s at byte %zu", path, (size_t)(j->at - j->start));
}

bool jd_json_bad(struct jd_json *j)
{
    return jd_json_fail(j, j->at == j->end ? JD_REFUSED_TRUNCATED : JD_REFUSED_BAD_JSON);
}

/* ---- texts --------------------------------------------------------------------------------------- */

#define EACH_BYTE(b) (UINT64_C(0x0101010101010101) * (b))

/* The first byte at or after `p` that is a quote, a backslash, a control character or not ASCII. */
static const char *plain_end(const char *p, const char *end)
{
#ifdef __SSE2__
    const __m128i quote16 = _mm_set1_epi8(0x22), slash16 = _mm_set1_epi8(0x5C), space16 = _mm_set1_epi8(0x20);
    for (; end - p >= 16; p += 16) {
        __m128i chunk = _mm_loadu_si128((const __m128i *)(const void *)p);
        /* Signed: what is not ASCII is less than a space, too. */
        __m128i found =
            _mm_or_si128(_mm_cmplt_epi8(chunk, space16),
                         _mm_or_si128(_mm_cmpeq_epi8(chunk, quote16), _mm_cmpeq_epi8(chunk, slash16)));
        int mask = _mm_movemask_epi8(found);
        if (mask != 0)
            return p + __builtin_ctz((unsigned)mask);
    }
#endif
    for (; end - p >= 8; p += 8) {
        uint64_t word;
        memcpy(&word, p, sizeof word);
        uint64_t quote = word ^ EACH_BYTE(0x22), slash = word ^ EACH_BYTE(0x5C);
        uint64_t found = (((quote - EACH_BYTE(1)) & ~quote) | ((slash - EACH_BYTE(1)) & ~slash) |
                          ((word - EACH_BYTE(0x20)) & ~word) | word) &
                         EACH_BYTE(0x80);
        if (found != 0) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
            return p + __builtin_ctzll(found) / 8; /* marks above the first may be false, the first is not */
#else
            break;
#endif
        }
    }
    while (p < end && *p != '"' && *p != '\\' && (unsigned char)*p >= 0x20 && (unsigned char)*p < 0x80)
        p++;
    return p;
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
}

/* Four hex digits at *p; negative: they are not. */
static int32_t hex_unit(const char *p, const char *end)
{
    int32_t unit = 0;
    if (end - p < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(p[i]);
        if (digit < 0)
            return -1;
        unit = unit * 16 + digit;
    }
    return unit;
}

static char *put_utf8(char *to, uint32_t c)
{
    if (c < 0x80) {
        *to++ = (char)c;
    } else if (c < 0x800) {
        *to++ = (char)(0xC0 | c >> 6);
        *to++ = (char)(0x80 | (c & 0x3F));
    } else if (c < 0x10000) {
        *to++ = (char)(0xE0 | c >> 12);
        *to++ = (char)(0x80 | (c >> 6 & 0x3F));
        *to++ = (char)(0x80 | (c & 0x3F));
    } else {
        *to++ = (char)(0xF0 | c >> 18);
        *to++ = (char)(0x80 | (c >> 12 & 0x3F));
        *to++ = (char)(0x80 | (c >> 6 & 0x3F));
        *to++ = (char)(0x80 | (c & 0x3F));
    }
    return to;
}

/* `\uXXXX` with *p after the u; a pair of surrogates is one character. */
static bool take_unicode(struct jd_json *j, const char **p, char **to)
{
    int32_t unit = hex_unit(*p, j->end), low;
    if (unit < 0)
        return jd_json_bad(j);
    *p += 4;
    uint32_t c = (uint32_t)unit;
    if (c >= 0xD800 && c <= 0xDFFF) {
        if (c >= 0xDC00 || j->end - *p < 6 || (*p)[0] != '\\' || (*p)[1] != 'u' ||
            (low = hex_unit(*p + 2, j->end)) < 0xDC00 || low > 0xDFFF)
            return jd_json_fail(j, JD_REFUSED_BAD_UTF8);
        c = 0x10000 + ((c - 0xD800) << 10) + ((uint32_t)low - 0xDC00);
        *p += 6;
    }
    *to = put_utf8(*to, c);
    return true;
}

/* One escape with *p after the backslash. It never writes more bytes than it reads. */
static bool take_escape(struct jd_json *j, const char **p, char **to)
{
    static const char from[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
    j->at = *p;
    if (*p == j->end)
        return jd_json_bad(j);
    char c = *(*p)++;
    if (c == 'u')
        return take_unicode(j, p, to);
    const char *at = c == '\0' ? NULL : strchr(from, c);
    if (at == NULL)
        return jd_json_bad(j);
    *(*to)++ = meant[at - from];
    return true;
}

/* A text with escapes, from `start` (after the quote), of which the bytes before `p` are plain. */
static bool take_escaped(struct jd_json *j, const char *start, const char *p, struct jd_str *out)
{
    const char *close = p;
    while (close < j->end && *close != '"')
        close += *close == '\\' && close + 1 < j->end ? 2 : 1;
    if (close >= j->end) {
        j->at = j->end;
        return jd_json_bad(j);
    }
    char *text = jd_arena_alloc(j->arena, (size_t)(close - start) + 1), *to = text;
    memcpy(to, start, (size_t)(p - start));
    to += p - start;
    while (p < close) {
        char c = *p++;
        if ((unsigned char)c < 0x20) {
            j->at = p - 1;
            return jd_json_bad(j);
        }
        if (c != '\\')
            *to++ = c;
        else if (!take_escape(j, &p, &to))
            return false;
    }
    *out = (struct jd_str){text, (uint32_t)(to - text)};
    j->at = close;
    return jd_utf8_valid(*out) || jd_json_fail(j, JD_REFUSED_BAD_UTF8);
}

bool jd_json_string(struct jd_json *j, struct jd_str *out)
{
    if (j->at == j->end || *j->at != '"')
        return j->at == j->end ? jd_json_bad(j) : jd_json_fail(j, JD_REFUSED_WRONG_TYPE);
    const char *start = j->at + 1, *p = start;
    bool ascii = true;
    for (;;) {
        p = plain_end(p, j->end);
        if (p == j->end || (unsigned char)*p < 0x80)
            break;
        ascii = false;
        p++;
    }
    if (p == j->end || *p != '"') {
        j->at = p;
        if (p == j->end || *p != '\\')
            return jd_json_bad(j);
        if (!take_escaped(j, start, p, out))
            return false;
    } else {
        j->at = p;
        *out = (struct jd_str){start, (uint32_t)(p - start)};
        if (!ascii && !jd_utf8_valid(*out))
            return jd_json_fail(j, JD_REFUSED_BAD_UTF8);
    }
    j->at++;
    return true;
}

/* ---- structure ----------------------------------------------------------------------------------- */

bool jd_json_open(struct jd_json *j, char bracket)
{
    if (j->at == j->end || *j->at != bracket)
        return j->at == j->end ? jd_json_bad(j) : jd_json_fail(j, JD_REFUSED_WRONG_TYPE);
    if (++j->depth > JD_JSON_DEPTH_MAX)
        return jd_json_fail(j, JD_REFUSED_TOO_DEEP);
    j->at++;
    return true;
}

bool jd_json_next(struct jd_json *j, char bracket, bool *first, bool *more)
{
    jd_json_blanks(j);
    if (j->at == j->end)
        return jd_json_bad(j);
    if (*j->at == bracket) {
        j->at++;
        j->depth--;
        *more = false;
        return true;
    }
    if (!*first) {
        if (*j->at != ',')
            return jd_json_bad(j);
        j->at++;
        jd_json_blanks(j);
    }
    *first = false;
    *more = true;
    return true;
}

bool jd_json_name(struct jd_json *j, struct jd_str *name)
{
    if (j->at == j->end || *j->at != '"')
        return jd_json_bad(j);
    return jd_json_string(j, name) && jd_json_colon(j);
}

bool jd_json_unique(struct jd_json *j, struct jd_json_names *names, struct jd_str name)
{
    uint64_t hash = jd_str_hash(name);
    for (uint32_t i = 0; i < names->count; i++)
        if (names->hashes[i] == hash)
            return jd_json_fail(j, JD_REFUSED_DUPLICATE_FIELD);
    if (names->count == JD_JSON_UNKNOWN_MAX)
        return jd_json_fail(j, JD_REFUSED_TOO_LONG);
    if (names->count == names->capacity)
        names->hashes =
            jd_arena_grow(j->arena, names->hashes, names->count, &names->capacity, sizeof *names->hashes);
    names->hashes[names->count++] = hash;
    return true;
}

bool jd_json_word(struct jd_json *j, const char *word)
{
    size_t size = strlen(word), left = (size_t)(j->end - j->at);
    size_t same = 0;
    while (same < size && same < left && j->at[same] == word[same])
        same++;
    if (same < size) {
        j->at += same;
        return jd_json_bad(j);
    }
    j->at += size;
    return true;
}

static bool digits(struct jd_json *j)
{
    const char *start = j->at;
    while (j->at < j->end && *j->at >= '0' && *j->at <= '9')
        j->at++;
    return j->at > start || jd_json_bad(j);
}

bool jd_json_number(struct jd_json *j, struct jd_str *text, bool *whole)
{
    const char *start = j->at;
    if (j->at < j->end && *j->at == '-')
        j->at++;
    if (j->at < j->end && *j->at == '0')
        j->at++;
    else if (!digits(j))
        return false;
    *whole = true;
    if (j->at < j->end && *j->at == '.') {
        j->at++;
        *whole = false;
        if (!digits(j))
            return false;
    }
    if (j->at < j->end && (*j->at == 'e' || *j->at == 'E')) {
        j->at++;
        *whole = false;
        if (j->at < j->end && (*j->at == '+' || *j->at == '-'))
            j->at++;
        if (!digits(j))
            return false;
    }
    *text = (struct jd_str){start, (uint32_t)(j->at - start)};
    return true;
}

static bool skip_object(struct jd_json *j)
{
    struct jd_json_names names = {0};
    bool first = true, more;
    if (!jd_json_open(j, '{'))
        return false;
    for (;;) {
        struct jd_str name;
        if (!jd_json_next(j, '}', &first, &more))
            return false;
        if (!more)
            return true;
        if (!jd_json_name(j, &name) || !jd_json_unique(j, &names, name) || !jd_json_skip(j))
            return false;
    }
}

static bool skip_array(struct jd_json *j)
{
    bool first = true, more;
    if (!jd_json_open(j, '['))
        return false;
    for (;;) {
        if (!jd_json_next(j, ']', &first, &more))
            return false;
        if (!more)
            return true;
        if (!jd_json_skip(j))
            return false;
    }
}

bool jd_json_skip(struct jd_json *j)
{
    struct jd_arena_mark mark = jd_arena_mark(j->arena);
    struct jd_str text;
    bool ok, whole;
    switch (j->at == j->end ? '\0' : *j->at) {
    case '{':
        ok = skip_object(j);
        break;
    case '[':
        ok = skip_array(j);
        break;
    case '"':
        ok = jd_json_string(j, &text);
        break;
    case 't':
        ok = jd_json_word(j, "true");
        break;
    case 'f':
        ok = jd_json_word(j, "false");
        break;
    case 'n':
        ok = jd_json_word(j, "null");
        break;
    default:
        ok = jd_json_number(j, &text, &whole);
        break;
    }
    jd_arena_rewind(j->arena, mark);
    return ok;
}

bool jd_json_end(struct jd_json *j)
{
    jd_json_blanks(j);
    return j->at == j->end || jd_json_fail(j, JD_REFUSED_TRAILING_BYTES);
}

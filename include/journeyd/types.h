/* The smallest words that every layer shares: text, time, decimal amounts, lists.
 *
 * Ownership words used in all headers, literally:
 *   borrowed  valid for the call            arena   valid until the arena is rewound
 *   owned     the caller releases it        static  valid for the life of the program */
#ifndef JOURNEYD_TYPES_H
#define JOURNEYD_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JD_MUST_CHECK __attribute__((warn_unused_result))
#define JD_PRINTF(format_at, first_at) __attribute__((format(printf, format_at, first_at)))
#define JD_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Bytes that are text; not NUL-terminated. Absent: ptr == NULL. Empty: ptr != NULL, size 0. */
struct jd_str {
    const char *ptr;
    uint32_t size;
};
#define JD_STR(literal) ((struct jd_str){"" literal, sizeof(literal) - 1})
#define JD_STR_FMT "%.*s"
#define JD_STR_ARG(s) ((int)(s).size), ((s).ptr ? (s).ptr : "")

/* Wall time: milliseconds since 1970-01-01T00:00:00Z, as in a Kafka record. */
typedef int64_t jd_time;
#define JD_TIME_NONE INT64_MIN /* absent */
#define JD_NEVER INT64_MAX     /* a deadline that does not come */
/* What may enter from outside: 0001-01-01T00:00:00Z .. 9999-12-31T23:59:59.999Z. Every sum of two
 * such times and a window of at most JD_WINDOW_MAX fits an int64. */
#define JD_TIME_MIN INT64_C(-62135596800000)
#define JD_TIME_MAX INT64_C(253402300799999)
#define JD_WINDOW_MAX (INT64_C(100) * 366 * 86400000) /* 100 years in ms */

#define JD_SECOND INT64_C(1000)
#define JD_MINUTE (60 * JD_SECOND)
#define JD_HOUR (60 * JD_MINUTE)
#define JD_DAY (24 * JD_HOUR)

/* An exact decimal: units / 10^scale, canonical (no trailing zero digit in the fraction).
 * |units| < 10^18, scale 0..9; absent: scale == JD_DECIMAL_NONE. */
struct jd_decimal {
    int64_t units;
    uint8_t scale;
};
#define JD_DECIMAL_NONE UINT8_MAX

/* A whole number that may be absent (JD_INT_NONE). */
#define JD_INT_NONE INT64_MIN

/* A truth value that may be absent; stored as uint8_t. */
enum jd_truth { JD_TRUTH_NONE, JD_FALSE, JD_TRUE };

/* `count` items of a type that the field table names. Absent and empty are the same. */
struct jd_list {
    const void *items;
    uint32_t count;
};

/* A header of a Kafka record; value absent: null. */
struct jd_header {
    struct jd_str name, value;
};

/* One pair of a flat map; maps are jd_list of these, sorted by key as bytes, keys unique. */
struct jd_pair {
    struct jd_str key, value;
};

#endif

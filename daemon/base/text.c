/* Text of decimals and times, as contracts, JSON and policies write them. Nothing here rounds: what
 * does not fit exactly is refused; only a fraction of a millisecond is cut. */
#include "base/avro.h"

#include <string.h>

#include "base/civil.h"

enum { SCALE_MAX = 9, DIGITS_MAX = 18, EXPONENT_MAX = 999 };

__extension__ typedef __int128 wide;

static bool digit_at(const char *p, const char *end)
{
    return p < end && *p >= '0' && *p <= '9';
}

/* The exponent of a JSON number, if there is one. */
static bool take_exponent(const char **p, const char *end, int *exponent)
{
    *exponent = 0;
    if (*p == end || (**p != 'e' && **p != 'E'))
        return true;
    (*p)++;
    bool negative = *p < end && **p == '-';
    if (*p < end && (**p == '-' || **p == '+'))
        (*p)++;
    if (!digit_at(*p, end))
        return false;
    for (; digit_at(*p, end); (*p)++)
        if (*exponent <= EXPONENT_MAX)
            *exponent = *exponent * 10 + (**p - '0');
    *exponent = negative ? -*exponent : *exponent;
    return true;
}

/* Grammar: a JSON number. Zeros at either end cost nothing, so "1.50e1" and "15" are one value. */
bool jd_decimal_parse(struct jd_str text, struct jd_decimal *out)
{
    const char *p = text.ptr, *end = text.ptr + text.size;
    if (text.ptr == NULL)
        return false;
    bool negative = p < end && *p == '-';
    p += negative;
    if (!digit_at(p, end) || (*p == '0' && digit_at(p + 1, end)))
        return false;
    int64_t units = 0;
    int digits = 0, scale = 0, zeros = 0; /* zeros: seen since the last digit that counts */
    bool fraction = false, fits = true;
    for (; p < end; p++) {
        if (*p == '.' && !fraction && digit_at(p + 1, end)) {
            fraction = true;
            continue;
        }
        if (*p < '0' || *p > '9')
            break;
        scale += fraction && scale <= EXPONENT_MAX;
        if (*p == '0') {
            zeros += zeros <= EXPONENT_MAX;
            continue;
        }
        for (zeros = units == 0 ? 0 : zeros; zeros > 0 && digits <= DIGITS_MAX; zeros--, digits++)
            units = digits < DIGITS_MAX ? units * 10 : units;
        fits = fits && digits < DIGITS_MAX;
        if (fits) {
            units = units * 10 + (*p - '0');
            digits++;
        }
    }
    int exponent;
    if (!take_exponent(&p, end, &exponent) || p != end)
        return false;
    if (units == 0) {
        *out = (struct jd_decimal){0, 0};
        return true;
    }
    scale -= zeros + exponent;
    for (; fits && scale < 0 && digits <= DIGITS_MAX; scale++, digits++)
        units = digits < DIGITS_MAX ? units * 10 : units;
    if (!fits || digits > DIGITS_MAX || scale < 0 || scale > SCALE_MAX)
        return false;
    *out = (struct jd_decimal){negative ? -units : units, (uint8_t)scale};
    return true;
}

size_t jd_decimal_digits(struct jd_decimal d, char text[JD_DECIMAL_TEXT_MAX])
{
    char back[JD_DECIMAL_TEXT_MAX];
    size_t n = 0;
    uint64_t left = d.units < 0 ? 0 - (uint64_t)d.units : (uint64_t)d.units;
    for (unsigned i = 0; left > 0 || i <= d.scale; i++) {
        if (i == d.scale && i > 0)
            back[n++] = '.';
        back[n++] = (char)('0' + left % 10);
        left /= 10;
    }
    if (d.units < 0)
        back[n++] = '-';
    for (size_t i = 0; i < n; i++)
        text[i] = back[n - 1 - i];
    return n;
}

struct jd_str jd_decimal_text(struct jd_decimal d, struct jd_arena *arena)
{
    char text[JD_DECIMAL_TEXT_MAX];
    if (d.scale > SCALE_MAX)
        return (struct jd_str){0};
    size_t size = jd_decimal_digits(d, text);
    return jd_arena_str(arena, (struct jd_str){text, (uint32_t)size});
}

int jd_decimal_cmp(struct jd_decimal a, struct jd_decimal b)
{
    wide x = a.units, y = b.units;
    for (int i = a.scale; i < SCALE_MAX; i++)
        x *= 10;
    for (int i = b.scale; i < SCALE_MAX; i++)
        y *= 10;
    return (x > y) - (x < y);
}

/* Two digits as a number; negative: they are not. */
static int two_digits(const char *p)
{
    unsigned tens = (unsigned)(p[0] - '0'), ones = (unsigned)(p[1] - '0');
    return tens > 9 || ones > 9 ? -1 : (int)(tens * 10 + ones);
}

static bool take_offset(const char **p, const char *end, int *minutes)
{
    *minutes = 0;
    if (end - *p == 1 && (**p == 'Z' || **p == 'z')) {
        ++*p;
        return true;
    }
    if (end - *p != 6 || (**p != '+' && **p != '-') || (*p)[3] != ':')
        return false;
    int sign = **p == '-' ? -1 : 1, hour = two_digits(*p + 1), minute = two_digits(*p + 4);
    *p = end;
    *minutes = sign * (hour * 60 + minute);
    return hour >= 0 && hour <= 23 && minute >= 0 && minute <= 59;
}

bool jd_time_parse(struct jd_str text, jd_time *out)
{
    enum { FIXED = sizeof "2026-03-04T10:00:00" - 1 };
    const char *p = text.ptr, *end = text.ptr + text.size;
    if (text.ptr == NULL || text.size < FIXED || p[4] != '-' || p[7] != '-' ||
        (p[10] != 'T' && p[10] != 't') || p[13] != ':' || p[16] != ':')
        return false;
    int century = two_digits(p), of_century = two_digits(p + 2), month = two_digits(p + 5),
        day = two_digits(p + 8), hour = two_digits(p + 11), minute = two_digits(p + 14),
        second = two_digits(p + 17), offset, millis = 0;
    if ((century | of_century | hour | minute | second) < 0)
        return false;
    int year = century * 100 + of_century;
    p += FIXED;
    if (p < end && *p == '.') {
        p++;
        if (!digit_at(p, end))
            return false;
        for (int weight = 100; digit_at(p, end); p++, weight /= 10)
            millis += weight * (*p - '0');
    }
    if (!take_offset(&p, end, &offset) || p != end)
        return false;
    if (year < 1 || month < 1 || month > 12 || day < 1 || day > jd_days_in_month(year, month) || hour > 23 ||
        minute > 59 || second > 59)
        return false;
    jd_time t = jd_days_from_civil(year, month, day) * JD_DAY + hour * JD_HOUR +
                (minute - offset) * JD_MINUTE + second * JD_SECOND + millis;
    if (t < JD_TIME_MIN || t > JD_TIME_MAX)
        return false;
    *out = t;
    return true;
}

static char *put_digits(char *to, int64_t number, int count)
{
    for (int i = count - 1; i >= 0; i--, number /= 10)
        to[i] = (char)('0' + number % 10);
    return to + count;
}

struct jd_str jd_time_text(jd_time t, struct jd_arena *arena)
{
    if (t == JD_TIME_NONE)
        return (struct jd_str){0};
    int64_t days = t / JD_DAY - (t % JD_DAY < 0), rest = t - days * JD_DAY;
    int year, month, day;
    jd_civil_from_days(days, &year, &month, &day);
    if (year < 0 || year > 9999) /* a deadline of ours; nothing like it is read */
        return jd_arena_printf(arena, "%d-%02d-%02d", year, month, day);
    char text[sizeof "2026-03-04T10:00:00.000Z"], *to = text;
    const struct {
        int64_t number;
        int count;
        char after;
    } parts[] = {{year, 4, '-'},
                 {month, 2, '-'},
                 {day, 2, 'T'},
                 {rest / JD_HOUR, 2, ':'},
                 {rest / JD_MINUTE % 60, 2, ':'},
                 {rest / JD_SECOND % 60, 2, '.'},
                 {rest % JD_SECOND, 3, 'Z'}};
    for (size_t i = 0; i < JD_COUNT(parts); i++) {
        to = put_digits(to, parts[i].number, parts[i].count);
        *to++ = parts[i].after;
    }
    return jd_arena_str(arena, (struct jd_str){text, (uint32_t)(to - text)});
}

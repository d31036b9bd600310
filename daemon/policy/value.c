#include "policy/value.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"

bool jd_value_integer(struct jd_str text, int64_t *out)
{
    bool negative = text.size > 0 && text.ptr[0] == '-';
    int64_t value = 0;
    if (text.size == (negative ? 1u : 0u))
        return false;
    for (uint32_t i = negative; i < text.size; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return false;
        int64_t digit = text.ptr[i] - '0';
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, negative ? -digit : digit, &value))
            return false;
    }
    *out = value;
    return true;
}

bool jd_value_amount(struct jd_str text, int64_t *amount, struct jd_str *unit)
{
    uint32_t digits = 0;
    while (digits < text.size && text.ptr[digits] >= '0' && text.ptr[digits] <= '9')
        digits++;
    *unit = (struct jd_str){text.ptr + digits, text.size - digits};
    return jd_value_integer((struct jd_str){text.ptr, digits}, amount);
}

struct unit {
    const char *name;
    int64_t factor;
};

/* The number of `text` times its unit's factor. */
static bool scaled(struct jd_str text, const struct unit *units, size_t count, int64_t *out)
{
    int64_t amount;
    struct jd_str unit;
    if (!jd_value_amount(text, &amount, &unit))
        return false;
    for (size_t i = 0; i < count; i++)
        if (jd_str_eq(unit, jd_str_of(units[i].name)))
            return !__builtin_mul_overflow(amount, units[i].factor, out);
    return false;
}

bool jd_value_duration(struct jd_str text, int64_t *ms)
{
    static const struct unit units[] = {{"ms", 1},      {"s", JD_SECOND}, {"m", JD_MINUTE},
                                        {"h", JD_HOUR}, {"d", JD_DAY},    {"w", 7 * JD_DAY}};
    if (jd_str_eq(text, JD_STR("0"))) {
        *ms = 0;
        return true;
    }
    return scaled(text, units, JD_COUNT(units), ms);
}

bool jd_value_size(struct jd_str text, int64_t *bytes)
{
    static const struct unit units[] = {{"", 1}, {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}};
    return scaled(text, units, JD_COUNT(units), bytes);
}

bool jd_value_clock(struct jd_str text, int64_t *ms)
{
    int64_t hour, minute;
    if (text.size != 5 || text.ptr[2] != ':' || text.ptr[0] == '-' || text.ptr[3] == '-' ||
        !jd_value_integer((struct jd_str){text.ptr, 2}, &hour) ||
        !jd_value_integer((struct jd_str){text.ptr + 3, 2}, &minute) || minute >= 60 || hour > 24 ||
        (hour == 24 && minute > 0))
        return false;
    *ms = hour * JD_HOUR + minute * JD_MINUTE;
    return true;
}

const char *const jd_value_days[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun", NULL};

uint8_t jd_value_day(struct jd_str text)
{
    int day = 0;
    while (jd_value_days[day] != NULL && !jd_str_eq(text, jd_str_of(jd_value_days[day])))
        day++;
    return (uint8_t)(jd_value_days[day] == NULL ? 0 : 1u << day);
}

bool jd_value_truth(struct jd_str text, bool *out)
{
    *out = jd_str_eq(text, JD_STR("true"));
    return *out || jd_str_eq(text, JD_STR("false"));
}

bool jd_value_is_name(struct jd_str text)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    for (uint32_t i = 0; i < text.size; i++)
        if (memchr(allowed, text.ptr[i], sizeof allowed - 1) == NULL)
            return false;
    return text.size > 0;
}

/* Reads to the end, or to one byte more than `max`. */
static bool read_all(int fd, uint32_t max, struct jd_arena *arena, struct jd_str *out, struct jd_error *err)
{
    struct stat status;
    size_t capacity = 4096;
    if (fstat(fd, &status) == 0 && status.st_size > 0 && (uint64_t)status.st_size <= max)
        capacity = (size_t)status.st_size;
    char *bytes = jd_arena_alloc(arena, capacity + 1);
    size_t used = 0;
    for (;;) { /* each turn reads a byte at least, up to max + 1 */
        ssize_t got = read(fd, bytes + used, capacity + 1 - used);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return jd_error_set(err, JD_EXIT_CONFIG, "%s", strerror(errno));
        used += (size_t)got;
        if (used > max)
            return jd_error_set(err, JD_EXIT_CONFIG, "it is larger than %u bytes", max);
        if (got == 0)
            break;
        if (used == capacity + 1) {
            char *larger = jd_arena_alloc(arena, 2 * capacity + 1);
            memcpy(larger, bytes, used);
            bytes = larger;
            capacity *= 2;
        }
    }
    bytes[used] = '\0';
    *out = (struct jd_str){bytes, (uint32_t)used};
    return true;
}

bool jd_file_read(const char *path, uint32_t max, struct jd_arena *arena, struct jd_str *out,
                  struct jd_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return jd_error_set(err, JD_EXIT_CONFIG, "%s", strerror(errno));
    bool ok = read_all(fd, max, arena, out, err);
    (void)close(fd); /* only read from */
    return ok;
}

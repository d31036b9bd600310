/* RFC 8536: a header and a block with 32-bit times, then both again with 64 bits, then the rule for all
 * times after the last transition, as POSIX writes TZ. */
#include "policy/zones.h"

#include <string.h>

#include "base/civil.h"
#include "base/str.h"
#include "policy/diagnostics.h"
#include "policy/value.h"

#define ZONEINFO "/usr/share/zoneinfo/"

enum {
    FILE_SIZE_MAX = 256 * 1024,
    HEADER_SIZE = 44,
    TYPE_SIZE = 6,
    TYPES_MAX = 256,
    YEAR_LAST = 2100,
    OFFSET_MAX = 26 * 3600,     /* seconds; RFC 8536 3.2 recommends less */
    RULE_TIME_MAX = 167 * 3600, /* seconds; RFC 8536 3.3.1 */
};

bool jd_zone_is_name(struct jd_str name)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-_/";
    if (name.size == 0 || name.size > JD_ZONE_NAME_MAX || name.ptr[0] == '/' ||
        name.ptr[name.size - 1] == '/')
        return false;
    for (uint32_t i = 0; i < name.size; i++)
        if (memchr(allowed, name.ptr[i], sizeof allowed - 1) == NULL ||
            (name.ptr[i] == '/' && name.ptr[i - 1] == '/'))
            return false;
    return true;
}

/* ---- building ----------------------------------------------------------------------------------- */

/* Transitions in the order of time; those that change nothing are left out. */
struct builder {
    jd_time *at;
    int32_t *offsets;
    uint32_t count;
};

static void build_start(struct builder *b, struct jd_arena *arena, int32_t offset)
{
    b->at = jd_arena_array(arena, JD_ZONE_TRANSITIONS_MAX, sizeof *b->at);
    b->offsets = jd_arena_array(arena, JD_ZONE_TRANSITIONS_MAX + 1, sizeof *b->offsets);
    b->offsets[0] = offset;
    b->count = 0;
}

/* False: too many, or not after the one before. */
static bool build_add(struct builder *b, int64_t second, int32_t offset)
{
    if (second > JD_TIME_MAX / JD_SECOND)
        return true; /* nothing happens after the last time */
    if (second < JD_TIME_MIN / JD_SECOND) {
        b->offsets[b->count] = offset; /* before all time: how it begins */
        return b->count == 0;
    }
    jd_time at = second * JD_SECOND;
    if (b->count > 0 && at <= b->at[b->count - 1])
        return false;
    if (offset == b->offsets[b->count])
        return true;
    if (b->count == JD_ZONE_TRANSITIONS_MAX)
        return false;
    b->at[b->count++] = at;
    b->offsets[b->count] = offset;
    return true;
}

static void build_done(const struct builder *b, struct jd_zone *out)
{
    out->at = b->at;
    out->offsets = b->offsets;
    out->count = b->count;
}

/* ---- the rule after the last transition --------------------------------------------------------- */

struct cursor {
    const char *p, *end;
};

static bool take(struct cursor *c, char ch)
{
    if (c->p == c->end || *c->p != ch)
        return false;
    c->p++;
    return true;
}

/* Digits, at most `max`. */
static bool take_number(struct cursor *c, int32_t max, int32_t *out)
{
    int32_t value = 0;
    const char *start = c->p;
    for (; c->p < c->end && *c->p >= '0' && *c->p <= '9'; c->p++) {
        value = value * 10 + (*c->p - '0');
        if (value > max)
            return false;
    }
    *out = value;
    return c->p > start;
}

/* Letters, or anything in <>. */
static bool take_abbreviation(struct cursor *c)
{
    const char *start = c->p;
    if (take(c, '<')) {
        while (c->p < c->end && *c->p != '>')
            c->p++;
        return take(c, '>');
    }
    while (c->p < c->end && ((*c->p >= 'a' && *c->p <= 'z') || (*c->p >= 'A' && *c->p <= 'Z')))
        c->p++;
    return c->p - start >= 3;
}

/* [+-]hh[:mm[:ss]] in seconds. */
static bool take_hours(struct cursor *c, int32_t hours_max, int32_t *out)
{
    bool negative = take(c, '-');
    if (!negative)
        (void)take(c, '+'); /* optional */
    int32_t hours, minutes = 0, seconds = 0;
    if (!take_number(c, hours_max, &hours))
        return false;
    if (take(c, ':') && (!take_number(c, 59, &minutes) || (take(c, ':') && !take_number(c, 59, &seconds))))
        return false;
    *out = (hours * 3600 + minutes * 60 + seconds) * (negative ? -1 : 1);
    return true;
}

/* A date of each year: Mm.w.d, Jn (1..365, no leap day) or n (0..365). */
struct yearly {
    char form; /* 'M', 'J' or 'n' */
    int32_t month, week, day;
    int32_t time; /* seconds after local midnight */
};

static bool take_yearly(struct cursor *c, struct yearly *out)
{
    *out = (struct yearly){.form = 'n', .time = 2 * 3600};
    if (!take(c, ','))
        return false;
    if (take(c, 'M')) {
        out->form = 'M';
        if (!take_number(c, 12, &out->month) || !take(c, '.') || !take_number(c, 5, &out->week) ||
            !take(c, '.') || !take_number(c, 6, &out->day) || out->month == 0 || out->week == 0)
            return false;
    } else {
        if (take(c, 'J'))
            out->form = 'J';
        if (!take_number(c, 365, &out->day) || (out->form == 'J' && out->day == 0))
            return false;
    }
    return !take(c, '/') || take_hours(c, RULE_TIME_MAX / 3600, &out->time);
}

/* Seconds since 1970 of the date in `year`, by the local clock. */
static int64_t yearly_second(const struct yearly *y, int year)
{
    int64_t day;
    if (y->form == 'M') {
        int64_t first = jd_days_from_civil(year, y->month, 1);
        int64_t weekday = ((first + 4) % 7 + 7) % 7; /* 1970-01-01 was a Thursday, 4 */
        day = first + (y->day - weekday + 7) % 7 + (int64_t)(y->week - 1) * 7;
        while (day >= first + jd_days_in_month(year, y->month))
            day -= 7; /* week 5 is the last one */
    } else {
        day = jd_days_from_civil(year, 1, 1) + y->day - (y->form == 'J');
        if (y->form == 'J' && y->day >= 60 && jd_days_in_month(year, 2) == 29)
            day++;
    }
    return day * (JD_DAY / JD_SECOND) + y->time;
}

struct tz_rule {
    int32_t standard, summer; /* seconds east of UTC */
    bool has_summer;
    struct yearly start, end; /* of summer time */
};

static bool parse_rule(struct jd_str text, struct tz_rule *out)
{
    struct cursor c = {text.ptr, text.ptr + text.size};
    int32_t west;
    *out = (struct tz_rule){0};
    if (!take_abbreviation(&c) || !take_hours(&c, 24, &west))
        return false;
    out->standard = -west;
    if (c.p == c.end)
        return true;
    out->has_summer = true;
    out->summer = out->standard + 3600;
    if (!take_abbreviation(&c))
        return false;
    if (c.p < c.end && *c.p != ',') {
        if (!take_hours(&c, 24, &west))
            return false;
        out->summer = -west;
    }
    return take_yearly(&c, &out->start) && take_yearly(&c, &out->end) && c.p == c.end;
}

/* Transitions by the rule, after `from` and up to the end of YEAR_LAST. */
static bool extend(struct builder *b, const struct tz_rule *rule, int64_t from)
{
    if (!rule->has_summer)
        return true; /* the last transition led there already */
    int year, month, day;
    jd_civil_from_days(from / (JD_DAY / JD_SECOND) - 2, &year, &month, &day);
    for (; year <= YEAR_LAST; year++) {
        struct {
            int64_t second;
            int32_t offset;
        } two[2] = {{yearly_second(&rule->start, year) - rule->standard, rule->summer},
                    {yearly_second(&rule->end, year) - rule->summer, rule->standard}};
        int first = two[0].second <= two[1].second ? 0 : 1;
        for (int i = 0; i < 2; i++) {
            int n = i == 0 ? first : 1 - first;
            if (two[n].second > from && !build_add(b, two[n].second, two[n].offset))
                return false;
        }
    }
    return true;
}

/* ---- TZif --------------------------------------------------------------------------------------- */

struct header {
    uint32_t utc_count, standard_count, leap_count, time_count, type_count, letter_count;
};

static uint32_t big32(const char *p)
{
    const unsigned char *b = (const unsigned char *)p;
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

static int64_t big64(const char *p)
{
    uint64_t value = (uint64_t)big32(p) << 32 | big32(p + 4);
    int64_t out;
    memcpy(&out, &value, sizeof out);
    return out;
}

static int32_t big32_signed(const char *p)
{
    uint32_t value = big32(p);
    int32_t out;
    memcpy(&out, &value, sizeof out);
    return out;
}

/* Reads a header at `*at` and steps over it; false: it is none, or its counts are out of bounds. */
static bool take_header(struct jd_str bytes, size_t *at, struct header *out)
{
    if (bytes.size - *at < HEADER_SIZE || memcmp(bytes.ptr + *at, "TZif", 4) != 0)
        return false;
    const char *counts = bytes.ptr + *at + 20;
    *out = (struct header){big32(counts),      big32(counts + 4),  big32(counts + 8),
                           big32(counts + 12), big32(counts + 16), big32(counts + 20)};
    *at += HEADER_SIZE;
    return out->utc_count <= TYPES_MAX && out->standard_count <= TYPES_MAX &&
           out->leap_count <= FILE_SIZE_MAX && out->time_count <= JD_ZONE_TRANSITIONS_MAX &&
           out->type_count <= TYPES_MAX && out->letter_count <= FILE_SIZE_MAX;
}

static size_t block_size(const struct header *h, size_t time_size)
{
    return h->time_count * (time_size + 1) + h->type_count * (size_t)TYPE_SIZE + h->letter_count +
           h->leap_count * (time_size + 4) + h->standard_count + h->utc_count;
}

static bool fail(const char **why, const char *text)
{
    *why = text;
    return false;
}

/* The 64-bit block: transition times, their types, the types' offsets. */
static bool read_block(const char *block, const struct header *h, struct builder *b, struct jd_arena *arena,
                       const char **why)
{
    const char *types = block + h->time_count * 8;
    const char *offsets = types + h->time_count;
    for (uint32_t i = 0; i < h->type_count; i++) {
        int32_t offset = big32_signed(offsets + i * TYPE_SIZE);
        if (offset < -OFFSET_MAX || offset > OFFSET_MAX)
            return fail(why, "it has an offset of more than 26 hours");
    }
    build_start(b, arena, big32_signed(offsets)); /* type 0 holds before the first transition */
    for (uint32_t i = 0; i < h->time_count; i++) {
        uint32_t type = (unsigned char)types[i];
        if (type >= h->type_count ||
            !build_add(b, big64(block + i * 8), big32_signed(offsets + type * TYPE_SIZE)))
            return fail(why, "its transitions are not in order, or name a type that is not there");
    }
    return true;
}

bool jd_zone_of_tzif(struct jd_str bytes, struct jd_arena *arena, struct jd_zone *out, const char **why)
{
    struct header h;
    struct builder b;
    size_t at = 0;
    if (bytes.size < HEADER_SIZE || !take_header(bytes, &at, &h) || bytes.ptr[4] < '2')
        return fail(why, "it is no TZif file of version 2 or later");
    size_t size = block_size(&h, 4);
    if (bytes.size - at < size)
        return fail(why, "it is cut short");
    at += size;
    if (!take_header(bytes, &at, &h) || bytes.size - at < block_size(&h, 8) || h.type_count == 0)
        return fail(why, "it is cut short");
    if (h.leap_count > 0)
        return fail(why, "it counts leap seconds");
    if (!read_block(bytes.ptr + at, &h, &b, arena, why))
        return false;
    int64_t last =
        h.time_count > 0 ? big64(bytes.ptr + at + (h.time_count - 1) * 8) : JD_TIME_MIN / JD_SECOND;
    if (last < JD_TIME_MIN / JD_SECOND)
        last = JD_TIME_MIN / JD_SECOND;
    at += block_size(&h, 8);
    struct jd_str rest = {bytes.ptr + at, bytes.size - (uint32_t)at};
    if (rest.size < 2 || rest.ptr[0] != '\n' || rest.ptr[rest.size - 1] != '\n')
        return fail(why, "it does not say what holds after its last transition");
    struct jd_str text = {rest.ptr + 1, rest.size - 2};
    struct tz_rule rule;
    if (text.size > 0 &&
        (!parse_rule(text, &rule) || last > JD_TIME_MAX / JD_SECOND || !extend(&b, &rule, last)))
        return fail(why, "what it says of the time after its last transition is not understood");
    build_done(&b, out);
    return true;
}

bool jd_zone_of_system(struct jd_str name, struct jd_arena *arena, struct jd_zone *out, const char **why)
{
    char path[sizeof ZONEINFO + JD_ZONE_NAME_MAX];
    struct jd_str bytes;
    struct jd_error err;
    *out = (struct jd_zone){.name = jd_arena_str(arena, name)};
    if (!jd_zone_is_name(name))
        return fail(why, "no zone has such a name");
    memcpy(path, ZONEINFO, sizeof ZONEINFO - 1);
    memcpy(path + sizeof ZONEINFO - 1, name.ptr, name.size);
    path[sizeof ZONEINFO - 1 + name.size] = '\0';
    if (!jd_file_read(path, FILE_SIZE_MAX, arena, &bytes, &err))
        return fail(why, "the system has no such zone in " ZONEINFO);
    return jd_zone_of_tzif(bytes, arena, out, why);
}

/* ---- text --------------------------------------------------------------------------------------- */

void jd_zone_write(const struct jd_zone *zone, struct jd_buf *out)
{
    jd_buf_printf(out, "%d\n", zone->offsets[0]);
    for (uint32_t i = 0; i < zone->count; i++)
        jd_buf_printf(out, "%lld %d\n", (long long)(zone->at[i] / JD_SECOND), zone->offsets[i + 1]);
}

/* The integer up to `end` character. */
static bool take_signed(struct cursor *c, char end, int64_t *out)
{
    const char *stop = memchr(c->p, end, (size_t)(c->end - c->p));
    if (stop == NULL || !jd_value_integer((struct jd_str){c->p, (uint32_t)(stop - c->p)}, out))
        return false;
    c->p = stop + 1;
    return true;
}

bool jd_zone_of_text(struct jd_str text, struct jd_arena *arena, struct jd_zone *out, const char **why)
{
    struct cursor c = {text.ptr, text.ptr + text.size};
    struct builder b;
    int64_t second, offset;
    if (!take_signed(&c, '\n', &offset) || offset < -OFFSET_MAX || offset > OFFSET_MAX)
        return fail(why, "its first line is no offset");
    build_start(&b, arena, (int32_t)offset);
    while (c.p < c.end) /* a line each turn */
        if (!take_signed(&c, ' ', &second) || !take_signed(&c, '\n', &offset) || offset < -OFFSET_MAX ||
            offset > OFFSET_MAX || second < JD_TIME_MIN / JD_SECOND ||
            !build_add(&b, second, (int32_t)offset))
            return fail(why, "a line is no transition after the one before");
    build_done(&b, out);
    return true;
}

/* ---- names -------------------------------------------------------------------------------------- */

/* Second word of a line "Z name …", third of "L target name": how tzdata.zi lists zones and links. */
static struct jd_str listed_name(const char *line, const char *end)
{
    int word = end - line > 2 && line[1] == ' ' ? (line[0] == 'Z' ? 1 : line[0] == 'L' ? 2 : 0) : 0;
    if (word == 0)
        return (struct jd_str){0};
    for (; word > 0; word--) {
        const char *space = memchr(line, ' ', (size_t)(end - line));
        if (space == NULL)
            return (struct jd_str){0};
        line = space + 1;
    }
    const char *space = memchr(line, ' ', (size_t)(end - line));
    return (struct jd_str){line, (uint32_t)((space != NULL ? space : end) - line)};
}

struct jd_str jd_zone_nearest(struct jd_str name, struct jd_arena *arena)
{
    enum { LIST_SIZE_MAX = 1 << 20, NAMES_MAX = 2000 };
    struct jd_str list;
    struct jd_error err;
    if (!jd_file_read(ZONEINFO "tzdata.zi", LIST_SIZE_MAX, arena, &list, &err))
        return (struct jd_str){0};
    const char **names = jd_arena_array(arena, NAMES_MAX + 1, sizeof *names);
    uint32_t count = 0;
    const char *line = list.ptr, *end = list.ptr + list.size;
    while (line < end && count < NAMES_MAX) {
        const char *stop = memchr(line, '\n', (size_t)(end - line));
        stop = stop != NULL ? stop : end;
        struct jd_str found = listed_name(line, stop);
        if (found.ptr != NULL)
            names[count++] = jd_arena_str(arena, found).ptr;
        line = stop + 1;
    }
    return jd_str_of(jd_nearest_name(name, names));
}

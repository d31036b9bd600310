/* Maps through tables of keys, and the values that every part of a policy has. */
#include <stdarg.h>
#include <string.h>

#include "base/avro.h"
#include "base/civil.h"
#include "base/str.h"
#include "engine/time.h"
#include "policy/compile.h"
#include "policy/value.h"
#include "policy/zones.h"

enum { TEXT_SIZE_MAX = 1024, NAME_SIZE_MAX = 128, KEYS_MAX = 64, SHOWN_MAX = 80 };

void jd_error_at(struct jd_compile *c, struct jd_place place, const char *format, ...)
{
    char text[JD_ERROR_TEXT_MAX];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args); /* a cut text still says enough */
    va_end(args);
    jd_problem_add(c->problems, JD_PROBLEM_ERROR, place, "%s", text);
}

void jd_warn_at(struct jd_compile *c, struct jd_place place, const char *format, ...)
{
    char text[JD_ERROR_TEXT_MAX];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    jd_problem_add(c->problems, JD_PROBLEM_WARNING, place, "%s", text);
}

void jd_expected(struct jd_compile *c, const struct jd_node *node, const char *name, const char *expected)
{
    if (node->kind != JD_NODE_SCALAR)
        jd_error_at(c, node->place, "%s: expected %s, found a %s", name, expected,
                    node->kind == JD_NODE_LIST ? "list" : "map");
    else
        jd_error_at(c, node->place, "%s: expected %s, found \"%.*s\"", name, expected,
                    node->text.size < SHOWN_MAX ? (int)node->text.size : SHOWN_MAX, node->text.ptr);
}

bool jd_too_many(struct jd_compile *c, const struct jd_node *node, const char *name, uint32_t max,
                 const char *what)
{
    if (node->count <= max)
        return false;
    jd_error_at(c, node->place, "%s: more than %u %s", name, max, what);
    return true;
}

void jd_suggest_symbol(struct jd_compile *c, struct jd_str written, const struct jd_symbols *symbols)
{
    const char *names[KEYS_MAX + 1];
    uint32_t count = 0;
    for (; count < symbols->count && count < KEYS_MAX; count++)
        names[count] = symbols->texts[count + 1]; /* the first stands for absent */
    names[count] = NULL;
    jd_problem_suggest(c->problems, written, names);
}

/* ---- maps --------------------------------------------------------------------------------------- */

static bool is_taken(const struct jd_key *key, const struct jd_taken *taken)
{
    return key->parameter == 0 || (taken != NULL && (taken->allowed & key->parameter) != 0);
}

static bool is_required(const struct jd_key *key, const struct jd_taken *taken)
{
    return key->required ||
           (key->parameter != 0 && taken != NULL && (taken->required & key->parameter) == key->parameter);
}

static void unknown_key(struct jd_compile *c, const struct jd_member *member, const char *what,
                        const struct jd_key *keys, const struct jd_taken *taken)
{
    const char *names[KEYS_MAX + 1];
    uint32_t count = 0;
    for (const struct jd_key *key = keys; key->name != NULL; key++)
        if (key->read != NULL && is_taken(key, taken))
            names[count++] = key->name;
    names[count] = NULL;
    jd_error_at(c, member->place, "%s has no key \"%.*s\"", what,
                member->key.size < SHOWN_MAX ? (int)member->key.size : SHOWN_MAX, member->key.ptr);
    jd_problem_suggest(c->problems, member->key, names);
}

static void not_taken(struct jd_compile *c, const struct jd_member *member, const struct jd_key *key,
                      const char *what, const struct jd_taken *taken)
{
    jd_error_at(c, member->place, "%s: is not taken by %s", key->name, taken != NULL ? taken->by : what);
    if (taken != NULL && taken->hint != NULL)
        taken->hint(c, key->parameter);
}

static void read_member(struct jd_compile *c, const struct jd_member *member, const char *what,
                        const struct jd_key *keys, const struct jd_taken *taken, void *out)
{
    const struct jd_key *key = keys;
    while (key->name != NULL && !jd_str_eq(member->key, jd_str_of(key->name)))
        key++;
    if (key->name == NULL)
        unknown_key(c, member, what, keys, taken);
    else if (key->read == NULL)
        jd_error_at(c, member->place, "%s: is not supported by this version", key->name);
    else if (!is_taken(key, taken))
        not_taken(c, member, key, what, taken);
    else if (jd_node_is_null(&member->value))
        jd_error_at(c, member->place, "%s: has no value", key->name);
    else
        key->read(c, key, &member->value, (char *)out + key->offset);
}

bool jd_read_map(struct jd_compile *c, const struct jd_node *node, const char *what,
                 const struct jd_key *keys, const struct jd_taken *taken, void *out)
{
    if (node->kind != JD_NODE_MAP) {
        jd_expected(c, node, what, "a map");
        return false;
    }
    for (uint32_t i = 0; i < node->count; i++)
        read_member(c, &node->members[i], what, keys, taken, out);
    for (const struct jd_key *key = keys; key->name != NULL; key++)
        if (is_required(key, taken) && jd_node_member(node, key->name) == NULL)
            jd_error_at(c, node->place, "%s: %s: is missing", what, key->name);
    return true;
}

/* ---- values ------------------------------------------------------------------------------------- */

void jd_read_text(struct jd_compile *c, const struct jd_key *key, const struct jd_node *node, void *out)
{
    bool ok = node->kind == JD_NODE_SCALAR && node->text.size > 0 && node->text.size <= TEXT_SIZE_MAX &&
              memchr(node->text.ptr, '\n', node->text.size) == NULL;
    if (ok)
        *(struct jd_str *)out = node->text;
    else
        jd_expected(c, node, key->name, "one line of text, at most 1024 bytes");
}

void jd_read_name(struct jd_compile *c, const struct jd_key *key, const struct jd_node *node, void *out)
{
    if (node->kind == JD_NODE_SCALAR && node->text.size <= NAME_SIZE_MAX && jd_value_is_name(node->text))
        *(struct jd_str *)out = node->text;
    else
        jd_expected(c, node, key->name, "a name (letters, digits, . _ -; at most 128)");
}

void jd_read_integer(struct jd_compile *c, const struct jd_key *key, const struct jd_node *node, void *out)
{
    int64_t value;
    if (node->kind != JD_NODE_SCALAR || !jd_value_integer(node->text, &value)) {
        jd_expected(c, node, key->name, "a whole number");
    } else if (value < key->min || value > key->max) {
        jd_error_at(c, node->place, "%s: %lld is out of range", key->name, (long long)value);
        jd_problem_hint(c->problems, "allowed: %lld to %lld", (long long)key->min, (long long)key->max);
    } else {
        *(int64_t *)out = value;
    }
}

void jd_read_truth(struct jd_compile *c, const struct jd_key *key, const struct jd_node *node, void *out)
{
    if (node->kind != JD_NODE_SCALAR || !jd_value_truth(node->text, out))
        jd_expected(c, node, key->name, "true or false");
}

void jd_read_country(struct jd_compile *c, const struct jd_key *key, const struct jd_node *node, void *out)
{
    const char *p = node->text.ptr;
    if (node->kind == JD_NODE_SCALAR && node->text.size == 2 && p[0] >= 'A' && p[0] <= 'Z' && p[1] >= 'A' &&
        p[1] <= 'Z')
        *(struct jd_str *)out = node->text;
    else
        jd_expected(c, node, key->name, "a country (ISO 3166: two capital letters)");
}

static const char *const spans_expected = "a span of time (90m, 48h, 7d, 2w, 3mo, 1y, 5bd, or {days: n}, "
                                          "{months: n}, {years: n}, {business_days: n})";

/* Takes "3mo" and "5bd" apart; the unit is JD_SPAN_MS for exact ones. */
static bool split_span(struct jd_str text, struct jd_span *out)
{
    int64_t amount;
    struct jd_str unit;
    *out = (struct jd_span){.text = text, .unit = JD_SPAN_MS};
    if (jd_value_duration(text, &out->amount))
        return true;
    if (jd_value_amount(text, &amount, &unit) && jd_str_eq(unit, JD_STR("bd"))) {
        out->unit = JD_SPAN_BUSINESS_DAYS;
        out->amount = amount;
        return true;
    }
    bool is_months = jd_str_eq(unit, JD_STR("mo"));
    if (!is_months && !(unit.size == 1 && unit.ptr[0] == 'y'))
        return false;
    out->unit = JD_SPAN_MONTHS;
    return jd_value_amount(text, &amount, &unit) &&
           !__builtin_mul_overflow(amount, is_months ? 1 : 12, &out->amount);
}

static bool span_of_map(struct jd_compile *c, const struct jd_node *node, struct jd_span *out)
{
    static const struct {
        const char *name;
        enum jd_span_unit unit;
        int64_t factor;
    } units[] = {{"days", JD_SPAN_DAYS_LOCAL, 1},
                 {"months", JD_SPAN_MONTHS, 1},
                 {"years", JD_SPAN_MONTHS, 12},
                 {"business_days", JD_SPAN_BUSINESS_DAYS, 1}};
    if (node->count != 1 || node->members[0].value.kind != JD_NODE_SCALAR)
        return false;
    const struct jd_member *member = &node->members[0];
    int64_t amount;
    for (size_t i = 0; i < JD_COUNT(units); i++)
        if (jd_str_eq(member->key, jd_str_of(units[i].name)) &&
            jd_value_integer(member->value.text, &amount) && amount >= 0 &&
            !__builtin_mul_overflow(amount, units[i].factor, &out->amount)) {
            out->unit = units[i].unit;
            out->text = jd_arena_printf(c->arena, "{%s: %lld}", units[i].name, (long long)amount);
            return true;
        }
    return false;
}

/* At most 100 years, in whatever unit. */
static bool span_fits(const struct jd_span *span)
{
    switch (span->unit) {
    case JD_SPAN_MS:
        return span->amount <= JD_WINDOW_MAX;
    case JD_SPAN_DAYS_LOCAL:
        return span->amount <= JD_WINDOW_MAX / JD_DAY;
    case JD_SPAN_MONTHS:
        return span->amount <= 1200;
    case JD_SPAN_BUSINESS_DAYS:
        return span->amount <= JD_WORKDAYS_MAX;
    }
    return false;
}

static void complete_span(struct jd_compile *c, struct jd_span *span)
{
    if (span->unit == JD_SPAN_BUSINESS_DAYS)
        span->longest = jd_workdays_longest(c, span->amount);
}

bool jd_span_of_text(struct jd_compile *c, struct jd_str text, struct jd_span *out)
{
    if (!split_span(text, out) || !span_fits(out))
        return false;
    complete_span(c, out);
    return true;
}

void jd_read_span(struct jd_compile *c, const struct jd_key *key, const struct jd_node *node, void *out)
{
    struct jd_span span = {0};
    int64_t bare;
    bool ok = node->kind == JD_NODE_SCALAR ? split_span(node->text, &span)
                                           : node->kind == JD_NODE_MAP && span_of_map(c, node, &span);
    if (!ok) {
        jd_expected(c, node, key->name, spans_expected);
        if (node->kind == JD_NODE_SCALAR && jd_value_integer(node->text, &bare))
            jd_problem_hint(c->problems, "write the unit: " JD_STR_FMT "h or " JD_STR_FMT "d",
                            JD_STR_ARG(node->text), JD_STR_ARG(node->text));
    } else if (!span_fits(&span)) {
        jd_error_at(c, node->place, "%s: is out of range", key->name);
        jd_problem_hint(c->problems, span.unit == JD_SPAN_BUSINESS_DAYS ? "at most 1000 business days"
                                                                        : "at most 100 years");
    } else {
        complete_span(c, &span);
        *(struct jd_span *)out = span;
    }
}

void jd_read_duration(struct jd_compile *c, const struct jd_key *key, const struct jd_node *node, void *out)
{
    struct jd_span span;
    if (node->kind != JD_NODE_SCALAR || !split_span(node->text, &span) ||
        span.unit == JD_SPAN_BUSINESS_DAYS) {
        jd_expected(c, node, key->name, "a duration (90m, 48h, 7d, 2w, 3mo, 1y)");
        return;
    }
    bool fits = span_fits(&span);
    int64_t ms = 0;
    if (fits && span.unit == JD_SPAN_MS)
        ms = span.amount;
    else if (fits) /* the longest that so many months can be, or more */
        ms = (span.amount / 12 * 366 + span.amount % 12 * 31) * JD_DAY;
    if (!fits || ms < key->min || ms > key->max) {
        jd_error_at(c, node->place, "%s: " JD_STR_FMT " is out of range", key->name, JD_STR_ARG(node->text));
        jd_problem_hint(c->problems, "allowed: %lldh to %lldd", (long long)(key->min / JD_HOUR),
                        (long long)(key->max / JD_DAY));
        return;
    }
    *(int64_t *)out = ms;
}

/* yyyy-mm-dd. */
bool jd_date_of_text(struct jd_str text, int64_t *day)
{
    int64_t year, month, date;
    if (text.size != 10 || text.ptr[4] != '-' || text.ptr[7] != '-' || text.ptr[0] == '-' ||
        text.ptr[5] == '-' || text.ptr[8] == '-' || !jd_value_integer((struct jd_str){text.ptr, 4}, &year) ||
        !jd_value_integer((struct jd_str){text.ptr + 5, 2}, &month) ||
        !jd_value_integer((struct jd_str){text.ptr + 8, 2}, &date))
        return false;
    if (year < 1 || month < 1 || month > 12 || date < 1 || date > jd_days_in_month((int)year, (int)month))
        return false;
    *day = jd_days_from_civil((int)year, (int)month, (int)date);
    return true;
}

bool jd_time_of_text(const struct jd_compile *c, struct jd_str text, jd_time *out)
{
    int64_t day;
    if (!jd_date_of_text(text, &day))
        return jd_time_parse(text, out);
    *out = jd_local_instant(c->program->default_zone, day * JD_DAY);
    return *out >= JD_TIME_MIN && *out <= JD_TIME_MAX;
}

void jd_read_time(struct jd_compile *c, const struct jd_key *key, const struct jd_node *node, void *out)
{
    if (node->kind != JD_NODE_SCALAR || !jd_time_of_text(c, node->text, out))
        jd_expected(c, node, key->name, "a date (2026-03-01) or a time (2026-03-01T09:00:00Z)");
}

void jd_read_zone(struct jd_compile *c, const struct jd_key *key, const struct jd_node *node, void *out)
{
    const char *why = NULL;
    if (node->kind != JD_NODE_SCALAR) {
        jd_expected(c, node, key->name, "a time zone such as Europe/Berlin");
        return;
    }
    const struct jd_zone *zone = jd_compile_zone(c, node->text, &why);
    if (zone != NULL) {
        *(const struct jd_zone **)out = zone;
        return;
    }
    jd_error_at(c, node->place, "%s: time zone \"%.*s\": %s", key->name,
                node->text.size < SHOWN_MAX ? (int)node->text.size : SHOWN_MAX, node->text.ptr, why);
    struct jd_str nearest = c->system_zones ? jd_zone_nearest(node->text, c->arena) : (struct jd_str){0};
    if (nearest.ptr != NULL)
        jd_problem_hint(c->problems, "did you mean \"" JD_STR_FMT "\"?", JD_STR_ARG(nearest));
}

/* Puts `text` where it belongs in a sorted array without doubles. */
static uint32_t insert_text(struct jd_str *items, uint32_t count, struct jd_str text)
{
    uint32_t at = count;
    while (at > 0 && jd_str_cmp(items[at - 1], text) > 0)
        at--;
    if (at > 0 && jd_str_eq(items[at - 1], text))
        return count;
    memmove(&items[at + 1], &items[at], (count - at) * sizeof *items);
    items[at] = text;
    return count + 1;
}

uint32_t jd_sort_texts(struct jd_str *items, uint32_t count)
{
    uint32_t used = 0;
    for (uint32_t i = 0; i < count; i++) /* at most a few thousand, mostly sorted */
        used = insert_text(items, used, items[i]);
    return used;
}

void jd_read_texts(struct jd_compile *c, const struct jd_key *key, const struct jd_node *node,
                   jd_read_value *check, struct jd_texts *out)
{
    uint32_t count = node->kind == JD_NODE_LIST ? node->count : 1;
    const struct jd_node *nodes = node->kind == JD_NODE_LIST ? node->items : node;
    struct jd_str *items = jd_arena_array(c->arena, (size_t)count + 1, sizeof *items);
    uint32_t used = 0;
    if (count == 0)
        jd_error_at(c, node->place, "%s: the list is empty", key->name);
    for (uint32_t i = 0; i < count; i++) {
        struct jd_str text = {0};
        check(c, key, &nodes[i], &text);
        if (text.ptr != NULL)
            used = insert_text(items, used, text);
    }
    *out = (struct jd_texts){items, used};
}

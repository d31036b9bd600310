/* What the JSON reader reads into.
 *
 * No tree: the text's members are matched to the rows of the field table and their values go straight into the
 * struct. Writers keep the order of their fields, so the search for a name starts after the last one found and
 * mostly ends there. */
#include "wire/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/avro.h"
#include "base/contract.h"
#include "base/str.h"
#include "wire/json_reader.h"
#include "wire/pair.h"

static bool read_object(struct jd_json *j, const struct jd_record *record, void *value);

/* ---- values -------------------------------------------------------------------------------------- */

static bool is_number(const struct jd_json *j)
{
    return j->at < j->end && (*j->at == '-' || (*j->at >= '0' && *j->at <= '9'));
}

static bool wrong_type(struct jd_json *j)
{
    return j->at == j->end ? jd_json_bad(j) : jd_json_fail(j, JD_REFUSED_WRONG_TYPE);
}

static bool read_text(struct jd_json *j, uint32_t max, struct jd_str *out)
{
    const char *start = j->at;
    if (!jd_json_string(j, out))
        return false;
    if (out->size <= (max != 0 ? max : JD_STRING_MAX))
        return true;
    j->at = start;
    return jd_json_fail(j, JD_REFUSED_TOO_LONG);
}

static bool read_enum(struct jd_json *j, const struct jd_symbols *symbols, uint8_t *out)
{
    const char *start = j->at;
    struct jd_str text;
    if (!jd_json_string(j, &text))
        return false;
    *out = jd_symbol_of(symbols, text);
    if (*out != 0)
        return true;
    j->at = start;
    return jd_json_fail(j, JD_REFUSED_UNKNOWN_SYMBOL);
}

static bool read_time(struct jd_json *j, jd_time *out)
{
    const char *start = j->at;
    struct jd_str text;
    if (!jd_json_string(j, &text))
        return false;
    if (jd_time_parse(text, out))
        return true;
    j->at = start;
    return jd_json_fail(j, JD_REFUSED_BAD_TIME);
}

static bool read_int(struct jd_json *j, int64_t *out)
{
    const char *start = j->at;
    struct jd_str text;
    bool whole;
    if (!is_number(j))
        return wrong_type(j);
    if (!jd_json_number(j, &text, &whole))
        return false;
    bool negative = text.ptr[0] == '-', fits = true;
    uint64_t number = 0;
    for (uint32_t i = negative; i < text.size && whole && fits; i++)
        fits = !__builtin_mul_overflow(number, 10u, &number) &&
               !__builtin_add_overflow(number, (uint64_t)(text.ptr[i] - '0'), &number);
    if (whole && fits && number <= INT64_MAX) {
        *out = negative ? -(int64_t)number : (int64_t)number;
        return true;
    }
    j->at = start;
    return jd_json_fail(j, whole ? JD_REFUSED_OUT_OF_RANGE : JD_REFUSED_WRONG_TYPE);
}

static bool read_decimal(struct jd_json *j, struct jd_decimal *out)
{
    const char *start = j->at;
    struct jd_str text;
    bool whole;
    if (is_number(j) ? !jd_json_number(j, &text, &whole) : !jd_json_string(j, &text))
        return false;
    if (jd_decimal_parse(text, out))
        return true;
    j->at = start;
    return jd_json_fail(j, JD_REFUSED_BAD_DECIMAL);
}

static bool read_double(struct jd_json *j, double *out)
{
    const char *start = j->at;
    struct jd_str text;
    bool whole;
    char copy[64];
    if (!is_number(j))
        return wrong_type(j);
    if (!jd_json_number(j, &text, &whole))
        return false;
    j->at = start;
    if (text.size >= sizeof copy)
        return jd_json_fail(j, JD_REFUSED_TOO_LONG);
    memcpy(copy, text.ptr, text.size);
    copy[text.size] = '\0';
    *out = strtod(copy, NULL);
    if (!isfinite(*out))
        return jd_json_fail(j, JD_REFUSED_OUT_OF_RANGE);
    j->at = text.ptr + text.size;
    return true;
}

static bool read_bool(struct jd_json *j, uint8_t *out)
{
    if (j->at == j->end || (*j->at != 't' && *j->at != 'f'))
        return wrong_type(j);
    *out = *j->at == 't' ? JD_TRUE : JD_FALSE;
    return jd_json_word(j, *out == JD_TRUE ? "true" : "false");
}

static bool read_list(struct jd_json *j, const struct jd_field *field, struct jd_list *out)
{
    uint32_t max = field->max != 0 ? field->max : JD_LIST_MAX, capacity = 0;
    size_t size = field->record != NULL ? field->record->size : sizeof(struct jd_str);
    char *items = NULL;
    bool first = true, more;
    struct jd_json_place place = {.outer = j->place};
    if (!jd_json_open(j, '['))
        return false;
    j->place = &place;
    for (;; place.index++) {
        if (!jd_json_next(j, ']', &first, &more))
            return false;
        if (!more)
            break;
        if (place.index == max)
            return jd_json_fail(j, JD_REFUSED_TOO_LONG);
        if (place.index == capacity)
            items = jd_arena_grow(j->arena, items, place.index, &capacity, size);
        void *item = items + place.index * size;
        if (field->record != NULL ? !jd_json_object(j, field->record, item) : !read_text(j, 0, item))
            return false;
    }
    j->place = place.outer;
    *out = (struct jd_list){items, place.index};
    return true;
}

static bool read_map(struct jd_json *j, const struct jd_field *field, struct jd_list *out)
{
    uint32_t max = field->max != 0 ? field->max : JD_LIST_MAX, capacity = 0, count = 0;
    struct jd_pair *pairs = NULL;
    bool first = true, more;
    if (!jd_json_open(j, '{'))
        return false;
    for (;; count++) {
        if (!jd_json_next(j, '}', &first, &more))
            return false;
        if (!more)
            break;
        if (count == max)
            return jd_json_fail(j, JD_REFUSED_TOO_LONG);
        if (count == capacity)
            pairs = jd_arena_grow(j->arena, pairs, count, &capacity, sizeof *pairs);
        struct jd_pair *pair = &pairs[count];
        if (!jd_json_name(j, &pair->key))
            return false;
        if (pair->key.size > JD_STRING_MAX)
            return jd_json_fail(j, JD_REFUSED_TOO_LONG);
        if (!read_text(j, 0, &pair->value))
            return false;
        if (!jd_pair_place(pairs, count + 1))
            return jd_json_fail(j, JD_REFUSED_DUPLICATE_FIELD);
    }
    *out = (struct jd_list){pairs, count};
    return true;
}

/* {"<Record>": {…}} */
static bool read_variant(struct jd_json *j, const struct jd_field *field, struct jd_variant *out)
{
    struct jd_str name;
    bool first = true, more;
    if (!jd_json_open(j, '{') || !jd_json_next(j, '}', &first, &more))
        return false;
    if (!more)
        return jd_json_fail(j, JD_REFUSED_MISSING_FIELD);
    if (!jd_json_name(j, &name))
        return false;
    for (uint32_t b = 0; field->branches[b] != NULL; b++) {
        const struct jd_record *record = field->branches[b];
        if (!jd_str_eq(name, jd_str_of(record->name)))
            continue;
        void *body = jd_arena_alloc(j->arena, record->size);
        if (!jd_json_object(j, record, body) || !jd_json_next(j, '}', &first, &more))
            return false;
        if (more)
            return jd_json_fail(j, JD_REFUSED_WRONG_TYPE);
        *out = (struct jd_variant){b + 1, jd_avro_bytes(record, body, j->arena)};
        return true;
    }
    return jd_json_fail(j, JD_REFUSED_UNKNOWN_SYMBOL);
}

static bool read_field(struct jd_json *j, const struct jd_field *field, void *at)
{
    switch (field->kind) {
    case JD_STRING:
        return read_text(j, field->max, at);
    case JD_ENUM:
        return read_enum(j, field->symbols, at);
    case JD_TIME:
        return read_time(j, at);
    case JD_INT:
        return read_int(j, at);
    case JD_BOOL:
        return read_bool(j, at);
    case JD_DECIMAL:
        return read_decimal(j, at);
    case JD_DOUBLE:
        return read_double(j, at);
    case JD_RECORD:
        return read_object(j, field->record, at); /* absent like all the rest around it */
    case JD_LIST:
        return read_list(j, field, at);
    case JD_MAP:
        return read_map(j, field, at);
    case JD_VARIANT:
        return read_variant(j, field, at);
    }
    return jd_json_fail(j, JD_REFUSED_WRONG_TYPE);
}

/* Takes a member's name and finds its row, searched from row `from` on, round the table: writers keep the
 * order of their fields. `count`: the name is none of ours. */
static bool take_row(struct jd_json *j, const struct jd_record *record, uint32_t from, uint32_t *row,
                     struct jd_str *name)
{
    size_t left = (size_t)(j->end - j->at);
    for (uint32_t n = 0, i = from; n < record->count; n++, i++) {
        i = i == record->count ? 0 : i;
        const struct jd_field *field = &record->fields[i];
        uint32_t size = field->name_size;
        if (left < (size_t)size + 3 || j->at[1] != field->name[0] || j->at[size + 1] != '"' ||
            j->at[0] != '"' || memcmp(j->at + 1, field->name, size) != 0)
            continue;
        *row = i;
        j->at += size + 2;
        return jd_json_colon(j);
    }
    if (!jd_json_name(j, name))
        return false;
    *row = 0; /* spelt with escapes, or unknown */
    while (*row < record->count && !jd_str_is(*name, record->fields[*row].name))
        ++*row;
    return true;
}

static bool check_required(struct jd_json *j, const struct jd_record *record, uint64_t present)
{
    for (uint32_t i = 0; i < record->count; i++) {
        if ((record->fields[i].flags & JD_REQUIRED) == 0 || (present >> i & 1) != 0)
            continue;
        struct jd_json_place place = {.outer = j->place, .name = record->fields[i].name};
        j->place = &place;
        return jd_json_fail(j, JD_REFUSED_MISSING_FIELD);
    }
    return true;
}

/* Into a struct whose fields are all absent. */
static bool read_object(struct jd_json *j, const struct jd_record *record, void *value)
{
    struct jd_json_names unknown = {0};
    struct jd_json_place place = {.outer = j->place, .name = ""};
    uint64_t seen = 0, present = 0; /* bits by row; present: and not null */
    uint32_t next = 0;
    bool first = true, more;
    if (!jd_json_open(j, '{'))
        return false;
    for (;;) {
        struct jd_str name;
        if (!jd_json_next(j, '}', &first, &more))
            return false;
        if (!more)
            break;
        uint32_t row = 0;
        if (!take_row(j, record, next, &row, &name))
            return false;
        if (row == record->count) {
            if (!jd_json_unique(j, &unknown, name) || !jd_json_skip(j))
                return false;
            continue;
        }
        const struct jd_field *field = &record->fields[row];
        place.name = field->name;
        j->place = &place;
        if ((seen >> row & 1) != 0)
            return jd_json_fail(j, JD_REFUSED_DUPLICATE_FIELD);
        seen |= UINT64_C(1) << row;
        if (!jd_json_null(j)) {
            if (!read_field(j, field, (char *)value + field->offset))
                return false;
            present |= UINT64_C(1) << row;
        }
        j->place = place.outer;
        next = row + 1 == record->count ? 0 : row + 1;
    }
    return check_required(j, record, present);
}

bool jd_json_object(struct jd_json *j, const struct jd_record *record, void *value)
{
    jd_record_clear(record, value);
    return read_object(j, record, value);
}

bool jd_json_read(const struct jd_record *record, struct jd_str text, struct jd_arena *arena, void *value,
                  struct jd_reject *why)
{
    struct jd_json j = {
        .start = text.ptr, .at = text.ptr, .end = text.ptr + text.size, .arena = arena, .why = why};
    jd_json_blanks(&j);
    return jd_json_object(&j, record, value) && jd_json_end(&j);
}

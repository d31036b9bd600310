/* The Avro reader: follows a plan over bytes from outside.
 *
 * Everything that the bytes claim is held against what is left of them before it is believed: sizes,
 * counts (an item takes at least its type's smallest size), branches, symbols. Steps are counted too,
 * since a schema may have fields that take no bytes. */
#include <math.h>
#include <string.h>

#include "base/avro.h"
#include "base/contract.h"
#include "base/str.h"
#include "wire/pair.h"
#include "wire/plan.h"
#include "wire/resolve.h"

struct reader {
    const unsigned char *start, *at, *end;
    struct jd_arena *arena;
    struct jd_reject *why;
    uint64_t steps; /* left */
};

static bool fail(struct reader *r, const char *path, enum jd_refusal refusal)
{
    return jd_reject_set(r->why, refusal, "%s at byte %zu", *path != '\0' ? path : "value",
                         (size_t)(r->at - r->start));
}

static size_t left(const struct reader *r)
{
    return (size_t)(r->end - r->at);
}

/* One of more than a byte. */
static bool take_wide(struct reader *r, const char *path, int64_t *out)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        if (r->at == r->end)
            return fail(r, path, JD_REFUSED_TRUNCATED);
        unsigned char byte = *r->at++;
        if (shift == 63 && byte > 1)
            break;
        value |= (uint64_t)(byte & 0x7F) << shift;
        if (byte < 0x80) {
            *out = (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
            return true;
        }
    }
    return fail(r, path, JD_REFUSED_BAD_AVRO);
}

static inline bool take_long(struct reader *r, const char *path, int64_t *out)
{
    if (r->at == r->end || *r->at >= 0x80)
        return take_wide(r, path, out);
    unsigned char byte = *r->at++;
    *out = (int64_t)(byte >> 1) ^ -(int64_t)(byte & 1);
    return true;
}

/* int: a long that must fit 32 bits, where the writer says so. */
static bool take_whole(struct reader *r, const char *path, enum jd_avro_type type, int64_t *out)
{
    if (!take_long(r, path, out))
        return false;
    return type != JD_AVRO_INT || (*out >= INT32_MIN && *out <= INT32_MAX) ||
           fail(r, path, JD_REFUSED_BAD_AVRO);
}

static bool take_bytes(struct reader *r, const char *path, struct jd_str *out)
{
    int64_t size = 0;
    if (!take_long(r, path, &size))
        return false;
    if (size < 0)
        return fail(r, path, JD_REFUSED_BAD_AVRO);
    if ((uint64_t)size > left(r))
        return fail(r, path, JD_REFUSED_TRUNCATED);
    *out = (struct jd_str){(const char *)r->at, (uint32_t)size};
    r->at += size;
    return true;
}

static bool take_bool(struct reader *r, const char *path, bool *out)
{
    if (r->at == r->end)
        return fail(r, path, JD_REFUSED_TRUNCATED);
    if (*r->at > 1)
        return fail(r, path, JD_REFUSED_BAD_AVRO);
    *out = *r->at++ == 1;
    return true;
}

static bool take_fixed(struct reader *r, const char *path, size_t size, const unsigned char **out)
{
    if (left(r) < size)
        return fail(r, path, JD_REFUSED_TRUNCATED);
    *out = r->at;
    r->at += size;
    return true;
}

/* A number of `count` branches or symbols. */
static bool take_choice(struct reader *r, const char *path, uint32_t count, uint32_t *out)
{
    int64_t choice = 0;
    if (!take_long(r, path, &choice))
        return false;
    if (choice < 0 || choice >= count)
        return fail(r, path, JD_REFUSED_BAD_AVRO);
    *out = (uint32_t)choice;
    return true;
}

/* The blocks of an array or a map. */
struct blocks {
    uint64_t count;           /* items left in this block */
    const unsigned char *end; /* where the writer says that it ends; NULL: does not say */
};

/* Opens the next block when the present one is used up; `*more` false: that was the last. */
static bool next_item(struct reader *r, const char *path, uint32_t min_size, struct blocks *b, bool *more)
{
    *more = true;
    if (b->count > 0) {
        b->count--;
        return true;
    }
    int64_t count = 0, size = 0;
    if (b->end != NULL && b->end != r->at)
        return fail(r, path, JD_REFUSED_BAD_AVRO);
    b->end = NULL;
    if (!take_long(r, path, &count))
        return false;
    if (count < 0) {
        if (count == INT64_MIN || !take_long(r, path, &size))
            return count == INT64_MIN ? fail(r, path, JD_REFUSED_BAD_AVRO) : false;
        if (size < 0 || (uint64_t)size > left(r))
            return fail(r, path, size < 0 ? JD_REFUSED_BAD_AVRO : JD_REFUSED_TRUNCATED);
        b->end = r->at + size;
        count = -count;
    }
    if (count == 0) {
        *more = false;
        return true;
    }
    if ((uint64_t)count > left(r) / min_size)
        return fail(r, path, JD_REFUSED_BAD_AVRO);
    b->count = (uint64_t)count - 1;
    return true;
}

/* ---- what we have no field for -------------------------------------------------------------------- */

static bool skip(struct reader *r, const char *path, const struct jd_schema *writer);

static bool skip_items(struct reader *r, const char *path, const struct jd_schema *writer)
{
    struct blocks blocks = {0};
    uint32_t min_size = writer->of[0]->min_size + (writer->type == JD_AVRO_MAP);
    struct jd_str key;
    for (bool more;;) {
        if (!next_item(r, path, min_size, &blocks, &more))
            return false;
        if (!more)
            return true;
        if ((writer->type == JD_AVRO_MAP && !take_bytes(r, path, &key)) || !skip(r, path, writer->of[0]))
            return false;
    }
}

static bool skip(struct reader *r, const char *path, const struct jd_schema *writer)
{
    int64_t number;
    uint32_t choice;
    bool truth;
    struct jd_str bytes;
    const unsigned char *fixed;
    if (r->steps-- == 0)
        return fail(r, path, JD_REFUSED_BAD_AVRO);
    switch (writer->type) {
    case JD_AVRO_NULL:
        return true;
    case JD_AVRO_BOOLEAN:
        return take_bool(r, path, &truth);
    case JD_AVRO_INT:
    case JD_AVRO_LONG:
        return take_whole(r, path, writer->type, &number);
    case JD_AVRO_FLOAT:
        return take_fixed(r, path, 4, &fixed);
    case JD_AVRO_DOUBLE:
        return take_fixed(r, path, 8, &fixed);
    case JD_AVRO_BYTES:
    case JD_AVRO_STRING:
        return take_bytes(r, path, &bytes);
    case JD_AVRO_FIXED:
        return take_fixed(r, path, writer->size, &fixed);
    case JD_AVRO_ENUM:
        return take_choice(r, path, writer->count, &choice);
    case JD_AVRO_UNION:
        return take_choice(r, path, writer->count, &choice) && skip(r, path, writer->of[choice]);
    case JD_AVRO_ARRAY:
    case JD_AVRO_MAP:
        return skip_items(r, path, writer);
    case JD_AVRO_RECORD:
        for (uint32_t i = 0; i < writer->count; i++)
            if (!skip(r, path, writer->of[i]))
                return false;
        return true;
    }
    return fail(r, path, JD_REFUSED_BAD_AVRO);
}

/* ---- what we have a field for --------------------------------------------------------------------- */

static bool follow(struct reader *r, const struct jd_plan *plan, char *base);

static bool read_text(struct reader *r, const char *path, uint32_t max, struct jd_str *out)
{
    if (!take_bytes(r, path, out))
        return false;
    if (out->size > max)
        return fail(r, path, JD_REFUSED_TOO_LONG);
    return jd_utf8_valid(*out) || fail(r, path, JD_REFUSED_BAD_UTF8);
}

static bool read_enum(struct reader *r, const struct jd_plan *plan, uint8_t *out)
{
    uint32_t symbol = 0;
    if (!take_choice(r, plan->path, plan->count, &symbol))
        return false;
    *out = plan->values[symbol];
    return *out != 0 || fail(r, plan->path, JD_REFUSED_UNKNOWN_SYMBOL);
}

static bool read_enum_text(struct reader *r, const struct jd_plan *plan, uint8_t *out)
{
    struct jd_str text;
    if (!read_text(r, plan->path, JD_STRING_MAX, &text))
        return false;
    *out = jd_symbol_of(plan->symbols, text);
    return *out != 0 || fail(r, plan->path, JD_REFUSED_UNKNOWN_SYMBOL);
}

static bool read_time(struct reader *r, const struct jd_plan *plan, jd_time *out)
{
    int64_t value = 0;
    if (!take_whole(r, plan->path, plan->writer->type, &value))
        return false;
    if (plan->op == JD_PLAN_TIME_MICROS)
        value = value / 1000 - (value % 1000 < 0);
    *out = value;
    return (value >= JD_TIME_MIN && value <= JD_TIME_MAX) || fail(r, plan->path, JD_REFUSED_OUT_OF_RANGE);
}

static bool read_int(struct reader *r, const struct jd_plan *plan, int64_t *out)
{
    if (!take_whole(r, plan->path, plan->writer->type, out))
        return false;
    return *out != JD_INT_NONE || fail(r, plan->path, JD_REFUSED_OUT_OF_RANGE);
}

static bool read_decimal_text(struct reader *r, const struct jd_plan *plan, struct jd_decimal *out)
{
    struct jd_str text;
    if (!read_text(r, plan->path, JD_STRING_MAX, &text))
        return false;
    return jd_decimal_parse(text, out) || fail(r, plan->path, JD_REFUSED_BAD_DECIMAL);
}

/* Two's complement, big-endian; leading bytes that only repeat the sign may be any number. */
static bool read_decimal_bytes(struct reader *r, const struct jd_plan *plan, struct jd_decimal *out)
{
    struct jd_str bytes = {0};
    const unsigned char *p = NULL;
    if (plan->writer->type == JD_AVRO_FIXED) {
        if (!take_fixed(r, plan->path, plan->writer->size, &p))
            return false;
        bytes.size = plan->writer->size;
    } else {
        if (!take_bytes(r, plan->path, &bytes))
            return false;
        p = (const unsigned char *)bytes.ptr;
    }
    int64_t units = bytes.size > 0 && (p[0] & 0x80) != 0 ? -1 : 0;
    for (uint32_t i = 0; i < bytes.size; i++)
        if (__builtin_mul_overflow(units, 256, &units) || __builtin_add_overflow(units, p[i], &units))
            return fail(r, plan->path, JD_REFUSED_BAD_DECIMAL);
    uint32_t scale = plan->writer->scale;
    for (; scale > 0 && units % 10 == 0; scale--)
        units /= 10;
    *out = (struct jd_decimal){units, (uint8_t)scale};
    return (units > -INT64_C(1000000000000000000) && units < INT64_C(1000000000000000000)) ||
           fail(r, plan->path, JD_REFUSED_BAD_DECIMAL);
}

static bool read_double(struct reader *r, const struct jd_plan *plan, double *out)
{
    const unsigned char *p = NULL;
    uint64_t bits = 0;
    int64_t whole = 0;
    enum jd_avro_type type = plan->writer->type;
    if (type == JD_AVRO_INT || type == JD_AVRO_LONG) {
        if (!take_whole(r, plan->path, type, &whole))
            return false;
        *out = (double)whole;
        return true;
    }
    unsigned size = type == JD_AVRO_FLOAT ? 4 : 8;
    if (!take_fixed(r, plan->path, size, &p))
        return false;
    for (unsigned i = 0; i < size; i++)
        bits |= (uint64_t)p[i] << (8 * i);
    if (type == JD_AVRO_FLOAT) {
        uint32_t half = (uint32_t)bits;
        float value;
        memcpy(&value, &half, sizeof value);
        *out = (double)value;
    } else {
        memcpy(out, &bits, sizeof *out);
    }
    return isfinite(*out) || fail(r, plan->path, JD_REFUSED_OUT_OF_RANGE);
}

static bool read_list(struct reader *r, const struct jd_plan *plan, struct jd_list *out)
{
    struct blocks blocks = {0};
    uint32_t count = 0, capacity = 0;
    char *items = NULL;
    const struct jd_plan *item = plan->children[0];
    for (bool more;; count++) {
        if (!next_item(r, plan->path, plan->writer->of[0]->min_size, &blocks, &more))
            return false;
        if (!more)
            break;
        if (count == plan->max)
            return fail(r, plan->path, JD_REFUSED_TOO_LONG);
        if (count == capacity)
            items = jd_arena_grow(r->arena, items, count, &capacity, plan->size);
        char *at = items + (size_t)count * plan->size;
        if (plan->record != NULL)
            jd_record_clear(plan->record, at);
        if (!follow(r, item, at))
            return false;
    }
    *out = (struct jd_list){items, count};
    return true;
}

static bool read_map(struct reader *r, const struct jd_plan *plan, struct jd_list *out)
{
    struct blocks blocks = {0};
    uint32_t count = 0, capacity = 0;
    struct jd_pair *pairs = NULL;
    for (bool more;; count++) {
        if (!next_item(r, plan->path, 2, &blocks, &more))
            return false;
        if (!more)
            break;
        if (count == plan->max)
            return fail(r, plan->path, JD_REFUSED_TOO_LONG);
        if (count == capacity)
            pairs = jd_arena_grow(r->arena, pairs, count, &capacity, sizeof *pairs);
        if (!read_text(r, plan->path, JD_STRING_MAX, &pairs[count].key) ||
            !read_text(r, plan->path, JD_STRING_MAX, &pairs[count].value))
            return false;
        if (!jd_pair_place(pairs, count + 1))
            return fail(r, plan->path, JD_REFUSED_DUPLICATE_FIELD);
    }
    *out = (struct jd_list){pairs, count};
    return true;
}

static bool follow_branch(struct reader *r, const struct jd_plan *plan, char *base)
{
    uint32_t branch = 0;
    return take_choice(r, plan->path, plan->count, &branch) && follow(r, plan->children[branch], base);
}

static bool read_bool(struct reader *r, const struct jd_plan *plan, uint8_t *out)
{
    bool truth = false;
    if (!take_bool(r, plan->path, &truth))
        return false;
    *out = truth ? JD_TRUE : JD_FALSE;
    return true;
}

/* Most fields are unions of null and something, and most of these are null. */
static bool follow_fields(struct reader *r, const struct jd_plan *plan, char *base)
{
    for (uint32_t i = 0; i < plan->count; i++) {
        const struct jd_plan *field = plan->children[i];
        if (field->op == JD_PLAN_UNION) {
            uint32_t branch = 0;
            if (!take_choice(r, field->path, field->count, &branch))
                return false;
            field = field->children[branch];
            if (field->op == JD_PLAN_ABSENT)
                continue;
        }
        if (!follow(r, field, base))
            return false;
    }
    return true;
}

static bool follow(struct reader *r, const struct jd_plan *plan, char *base)
{
    void *at = base + plan->offset;
    switch (plan->op) {
    case JD_PLAN_SKIP:
        return skip(r, plan->path, plan->writer);
    case JD_PLAN_ABSENT:
        return true;
    case JD_PLAN_REFUSE:
        return fail(r, plan->path, plan->refusal);
    case JD_PLAN_RECORD:
        return follow_fields(r, plan, base);
    case JD_PLAN_UNION:
        return follow_branch(r, plan, base);
    case JD_PLAN_STRING:
        return read_text(r, plan->path, plan->max, at);
    case JD_PLAN_ENUM:
        return read_enum(r, plan, at);
    case JD_PLAN_ENUM_TEXT:
        return read_enum_text(r, plan, at);
    case JD_PLAN_TIME:
    case JD_PLAN_TIME_MICROS:
        return read_time(r, plan, at);
    case JD_PLAN_INT:
        return read_int(r, plan, at);
    case JD_PLAN_BOOL:
        return read_bool(r, plan, at);
    case JD_PLAN_DECIMAL_TEXT:
        return read_decimal_text(r, plan, at);
    case JD_PLAN_DECIMAL_BYTES:
        return read_decimal_bytes(r, plan, at);
    case JD_PLAN_DOUBLE:
        return read_double(r, plan, at);
    case JD_PLAN_LIST:
        return read_list(r, plan, at);
    case JD_PLAN_MAP:
        return read_map(r, plan, at);
    }
    return fail(r, plan->path, JD_REFUSED_BAD_AVRO);
}

bool jd_plan_read(const struct jd_plan *plan, struct jd_str bytes, struct jd_arena *arena, void *value,
                  struct jd_reject *why)
{
    const unsigned char *start = (const unsigned char *)bytes.ptr;
    struct reader r = {.start = start,
                       .at = start,
                       .end = start + bytes.size,
                       .arena = arena,
                       .why = why,
                       .steps = 16 * (uint64_t)bytes.size + JD_SCHEMA_STEPS_MAX};
    memcpy(value, plan->blank, plan->record->size);
    if (!follow(&r, plan, value))
        return false;
    return r.at == r.end || fail(&r, "", JD_REFUSED_TRAILING_BYTES);
}

bool jd_schema_skip(const struct jd_schema *writer, struct jd_str bytes, uint32_t *size,
                    struct jd_reject *why)
{
    const unsigned char *start = (const unsigned char *)bytes.ptr;
    struct reader r = {.start = start,
                       .at = start,
                       .end = start + bytes.size,
                       .why = why,
                       .steps = 16 * (uint64_t)bytes.size + JD_SCHEMA_STEPS_MAX};
    if (!skip(&r, "", writer))
        return false;
    *size = (uint32_t)(r.at - r.start);
    return true;
}

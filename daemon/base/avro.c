/* Avro binary by field table. Two mirror halves: `write_*` puts a field, `read_*` takes one and checks
 * everything that the bytes claim before it is used:
 *
 *   claim                          bound
 *   size of a string               bytes left, the field's maximum
 *   count of an array or map       bytes left / smallest item, the field's maximum, one block
 *   branch, symbol, boolean        the closed list
 *   time                           JD_TIME_MIN .. JD_TIME_MAX
 *   depth                          the table's own; DEPTH_MAX for variants */
#include "base/avro.h"

#include <math.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/contract.h"
#include "base/str.h"

/* Items that are texts may be names of engagements, made of two ids. */
enum { DEPTH_MAX = 8, VARINT_MAX = 10, ITEM_MAX = 4096 };

/* ---- absent values ---- */

static bool all_absent(const struct jd_record *record, const char *value);

static bool is_absent(const struct jd_field *field, const char *at)
{
    switch (field->kind) {
    case JD_STRING:
        return ((const struct jd_str *)(const void *)at)->ptr == NULL;
    case JD_ENUM:
    case JD_BOOL:
        return *(const uint8_t *)at == 0;
    case JD_TIME:
    case JD_INT:
        return *(const int64_t *)(const void *)at == JD_INT_NONE;
    case JD_DECIMAL:
        return ((const struct jd_decimal *)(const void *)at)->scale == JD_DECIMAL_NONE;
    case JD_RECORD:
        if (field->flags & JD_SPREAD)
            return all_absent(field->record, at);
        return is_absent(&field->record->fields[0], at + field->record->fields[0].offset);
    case JD_VARIANT:
        return ((const struct jd_variant *)(const void *)at)->branch == 0;
    case JD_LIST:
    case JD_MAP:
        return ((const struct jd_list *)(const void *)at)->count == 0;
    case JD_DOUBLE:
        break;
    }
    return false;
}

static bool all_absent(const struct jd_record *record, const char *value)
{
    for (uint32_t i = 0; i < record->count; i++)
        if (!is_absent(&record->fields[i], value + record->fields[i].offset))
            return false;
    return true;
}

static void clear_field(const struct jd_field *field, char *at)
{
    switch (field->kind) {
    case JD_STRING:
        *(struct jd_str *)(void *)at = (struct jd_str){0};
        break;
    case JD_ENUM:
    case JD_BOOL:
        *(uint8_t *)at = 0;
        break;
    case JD_TIME:
    case JD_INT:
        *(int64_t *)(void *)at = JD_INT_NONE;
        break;
    case JD_DECIMAL:
        *(struct jd_decimal *)(void *)at = (struct jd_decimal){0, JD_DECIMAL_NONE};
        break;
    case JD_DOUBLE:
        *(double *)(void *)at = 0;
        break;
    case JD_LIST:
    case JD_MAP:
        *(struct jd_list *)(void *)at = (struct jd_list){0};
        break;
    case JD_VARIANT:
        *(struct jd_variant *)(void *)at = (struct jd_variant){0};
        break;
    case JD_RECORD:
        for (uint32_t i = 0; i < field->record->count; i++)
            clear_field(&field->record->fields[i], at + field->record->fields[i].offset);
        break;
    }
}

/* ---- writing ---- */

static inline void put_long(struct jd_buf *out, int64_t value)
{
    uint64_t z = ((uint64_t)value << 1) ^ (uint64_t)(value < 0 ? -1 : 0);
    if (out->capacity - out->size < VARINT_MAX)
        jd_buf_reserve(out, VARINT_MAX);
    char *to = out->bytes + out->size;
    for (; z > 0x7F; z >>= 7)
        *to++ = (char)(z | 0x80);
    *to++ = (char)z;
    out->size = (size_t)(to - out->bytes);
}

static inline void put_str(struct jd_buf *out, struct jd_str s)
{
    put_long(out, s.size);
    jd_buf_str(out, s);
}

static void write_list(const struct jd_field *field, const struct jd_list *list, struct jd_buf *out)
{
    if (list->count > 0) {
        put_long(out, list->count);
        const char *item = list->items;
        for (uint32_t i = 0; i < list->count; i++) {
            if (field->kind == JD_MAP) {
                put_str(out, ((const struct jd_pair *)list->items)[i].key);
                put_str(out, ((const struct jd_pair *)list->items)[i].value);
            } else if (field->record == NULL) {
                put_str(out, ((const struct jd_str *)list->items)[i]);
            } else {
                jd_avro_write(field->record, item, out);
                item += field->record->size;
            }
        }
    }
    jd_buf_byte(out, 0);
}

/* ---- UUIDs: 8-4-4-4-12 hex digits in lower case ---- */

enum { UUID_BYTES = 16, UUID_TEXT = 36, BRANCH_TEXT = 1, BRANCH_UUID = 2 };

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool is_dash_place(uint32_t i)
{
    return i == 8 || i == 13 || i == 18 || i == 23;
}

static bool uuid_bytes(struct jd_str text, unsigned char bytes[UUID_BYTES])
{
    if (text.size != UUID_TEXT)
        return false;
    for (uint32_t i = 0, n = 0; i < UUID_TEXT; i++) {
        if (is_dash_place(i)) {
            if (text.ptr[i] != '-')
                return false;
            continue;
        }
        int digit = hex_digit(text.ptr[i]);
        if (digit < 0)
            return false;
        bytes[n / 2] = (unsigned char)(n % 2 == 0 ? digit << 4 : bytes[n / 2] | digit);
        n++;
    }
    return true;
}

static struct jd_str uuid_text(const unsigned char bytes[UUID_BYTES], struct jd_arena *arena)
{
    char *text = jd_arena_alloc(arena, UUID_TEXT + 1);
    for (uint32_t i = 0, n = 0; i < UUID_TEXT; i++) {
        if (is_dash_place(i))
            text[i] = '-';
        else
            text[i] = "0123456789abcdef"[bytes[n / 2] >> (n % 2 == 0 ? 4 : 0) & 15], n++;
    }
    return (struct jd_str){text, UUID_TEXT};
}

static bool write_uuid(const struct jd_field *field, const char *at, struct jd_buf *out)
{
    unsigned char bytes[UUID_BYTES];
    if (!(field->flags & JD_UUID) || !uuid_bytes(*(const struct jd_str *)(const void *)at, bytes))
        return false;
    put_long(out, BRANCH_UUID);
    jd_buf_bytes(out, bytes, sizeof bytes);
    return true;
}

static void write_value(const struct jd_field *field, const char *at, struct jd_buf *out)
{
    switch (field->kind) {
    case JD_STRING:
        put_str(out, *(const struct jd_str *)(const void *)at);
        break;
    case JD_ENUM:
        put_long(out, *(const uint8_t *)at > 0 ? *(const uint8_t *)at - 1 : 0);
        break;
    case JD_TIME:
    case JD_INT:
        put_long(out, *(const int64_t *)(const void *)at);
        break;
    case JD_BOOL:
        jd_buf_byte(out, *(const uint8_t *)at == JD_TRUE);
        break;
    case JD_DECIMAL: {
        struct jd_decimal d = *(const struct jd_decimal *)(const void *)at;
        char text[JD_DECIMAL_TEXT_MAX];
        size_t size = d.scale == JD_DECIMAL_NONE ? 0 : jd_decimal_digits(d, text);
        put_str(out, (struct jd_str){text, (uint32_t)size});
        break;
    }
    case JD_DOUBLE: {
        uint64_t bits;
        memcpy(&bits, at, sizeof bits);
        unsigned char bytes[8];
        for (unsigned i = 0; i < 8; i++)
            bytes[i] = (unsigned char)(bits >> (8 * i));
        jd_buf_bytes(out, bytes, sizeof bytes);
        break;
    }
    case JD_RECORD:
        jd_avro_write(field->record, at, out);
        break;
    case JD_LIST:
    case JD_MAP:
        write_list(field, (const struct jd_list *)(const void *)at, out);
        break;
    case JD_VARIANT: {
        const struct jd_variant *variant = (const struct jd_variant *)(const void *)at;
        jd_buf_str(out, variant->body);
        break;
    }
    }
}

void jd_avro_write(const struct jd_record *record, const void *value, struct jd_buf *out)
{
    jd_avro_write_fields(record, value, 0, record->count, out);
}

void jd_avro_write_fields(const struct jd_record *record, const void *value, uint32_t from, uint32_t to,
                          struct jd_buf *out)
{
    for (uint32_t i = from; i < to; i++) {
        const struct jd_field *field = &record->fields[i];
        const char *at = (const char *)value + field->offset;
        bool plain = (field->flags & JD_REQUIRED) || field->kind == JD_LIST || field->kind == JD_MAP ||
                     field->kind == JD_DOUBLE;
        if (!plain || field->kind == JD_VARIANT) {
            if (is_absent(field, at)) {
                jd_buf_byte(out, 0);
                continue;
            }
            if (field->kind == JD_STRING && write_uuid(field, at, out))
                continue;
            put_long(out, field->kind == JD_VARIANT
                              ? (int64_t)((const struct jd_variant *)(const void *)at)->branch
                              : 1);
        }
        write_value(field, at, out);
    }
}

struct jd_str jd_avro_bytes(const struct jd_record *record, const void *value, struct jd_arena *arena)
{
    struct jd_buf buf;
    jd_buf_init(&buf, arena);
    jd_avro_write(record, value, &buf);
    return jd_buf_done(&buf);
}

uint64_t jd_digest(struct jd_str bytes)
{
    return XXH64(bytes.ptr, bytes.size, 0);
}

uint64_t jd_avro_digest(const struct jd_record *record, const void *value, const char *const *without,
                        struct jd_arena *arena)
{
    struct jd_arena_mark mark = jd_arena_mark(arena);
    char *copy = jd_arena_alloc(arena, record->size);
    memcpy(copy, value, record->size);
    for (uint32_t i = 0; without != NULL && i < record->count; i++)
        for (const char *const *name = without; *name != NULL; name++)
            if (strcmp(*name, record->fields[i].name) == 0)
                clear_field(&record->fields[i], copy + record->fields[i].offset);
    struct jd_str bytes = jd_avro_bytes(record, copy, arena);
    uint64_t digest = jd_digest(bytes);
    jd_arena_rewind(arena, mark);
    return digest;
}

/* ---- reading ---- */

struct reader {
    const unsigned char *start, *at, *end;
    struct jd_arena *arena;
    struct jd_error *err;
    unsigned depth;
};

static bool fail(const struct reader *r, const char *name, const char *what)
{
    return jd_error_set(r->err, JD_EXIT_DATA, "%s: %s at byte %zu", name, what, (size_t)(r->at - r->start));
}

static inline bool take_long(struct reader *r, const char *name, int64_t *out)
{
    uint64_t z = 0;
    for (unsigned shift = 0; r->at < r->end; shift += 7) {
        unsigned char byte = *r->at++;
        if (shift == 63 && byte > 1)
            return fail(r, name, "number too long");
        z |= (uint64_t)(byte & 0x7F) << shift;
        if (byte < 0x80) {
            if (byte == 0 && shift > 0)
                return fail(r, name, "number not in its shortest form");
            *out = (int64_t)(z >> 1) ^ -(int64_t)(z & 1);
            return true;
        }
    }
    return fail(r, name, "truncated number");
}

static bool take_str(struct reader *r, const char *name, uint32_t max, struct jd_str *out)
{
    int64_t size = 0;
    if (!take_long(r, name, &size))
        return false;
    if (size < 0 || size > r->end - r->at)
        return fail(r, name, "truncated string");
    if (size > (int64_t)max)
        return fail(r, name, "string too long");
    *out = (struct jd_str){(const char *)r->at, (uint32_t)size};
    if (!jd_utf8_valid(*out))
        return fail(r, name, "not UTF-8");
    r->at += size;
    return true;
}

static bool read_record(struct reader *r, const struct jd_record *record, char *value);

/* The fewest bytes that an item of this record takes: what an untrusted count is held against. */
static size_t smallest(const struct jd_record *record)
{
    size_t size = 0;
    for (uint32_t i = 0; i < record->count; i++) {
        const struct jd_field *field = &record->fields[i];
        if (field->kind == JD_DOUBLE)
            size += 8;
        else if (field->kind == JD_RECORD && (field->flags & JD_REQUIRED))
            size += smallest(field->record);
        else
            size += 1;
    }
    return size;
}

static bool read_items(struct reader *r, const struct jd_field *field, uint32_t count, struct jd_list *out)
{
    size_t item_size = field->kind == JD_MAP   ? sizeof(struct jd_pair)
                       : field->record == NULL ? sizeof(struct jd_str)
                                               : field->record->size;
    char *items = jd_arena_array(r->arena, count, item_size);
    for (uint32_t i = 0; i < count; i++) {
        char *item = items + i * item_size;
        if (field->kind == JD_MAP) {
            struct jd_pair *pair = (struct jd_pair *)(void *)item;
            if (!take_str(r, field->name, JD_STRING_MAX, &pair->key) ||
                !take_str(r, field->name, JD_STRING_MAX, &pair->value))
                return false;
            if (i > 0 && jd_str_cmp(pair[-1].key, pair->key) >= 0)
                return fail(r, field->name, "map keys not sorted");
        } else if (field->record == NULL) {
            if (!take_str(r, field->name, ITEM_MAX, (struct jd_str *)(void *)item))
                return false;
        } else if (!read_record(r, field->record, item)) {
            return false;
        }
    }
    *out = (struct jd_list){items, count};
    return true;
}

static bool read_list(struct reader *r, const struct jd_field *field, struct jd_list *out)
{
    *out = (struct jd_list){0};
    int64_t count = 0;
    if (!take_long(r, field->name, &count))
        return false;
    if (count == 0)
        return true;
    size_t least = field->kind == JD_MAP ? 2 : field->record != NULL ? smallest(field->record) : 1;
    if (count < 0 || (uint64_t)count > (size_t)(r->end - r->at) / least)
        return fail(r, field->name, "truncated list");
    if (count > (int64_t)(field->max ? field->max : JD_LIST_MAX))
        return fail(r, field->name, "too many items");
    if (!read_items(r, field, (uint32_t)count, out))
        return false;
    if (r->at == r->end || *r->at != 0)
        return fail(r, field->name, "list not in one block");
    r->at++;
    return true;
}

static bool read_decimal(struct reader *r, const struct jd_field *field, struct jd_decimal *out)
{
    struct jd_str text;
    char canonical[JD_DECIMAL_TEXT_MAX];
    if (!take_str(r, field->name, sizeof canonical, &text))
        return false;
    if (!jd_decimal_parse(text, out))
        return fail(r, field->name, "not a decimal");
    if (text.size != jd_decimal_digits(*out, canonical) || memcmp(text.ptr, canonical, text.size) != 0)
        return fail(r, field->name, "decimal not canonical");
    return true;
}

/* The bytes of the branch are walked, and so checked, but kept as bytes. */
static bool read_variant(struct reader *r, const struct jd_field *field, int64_t branch,
                         struct jd_variant *out)
{
    int64_t count = 0;
    while (field->branches[count] != NULL)
        count++;
    if (branch < 1 || branch > count)
        return fail(r, field->name, "no such branch");
    const struct jd_record *record = field->branches[branch - 1];
    const unsigned char *start = r->at;
    struct jd_arena_mark mark = jd_arena_mark(r->arena);
    bool ok = read_record(r, record, jd_arena_alloc(r->arena, record->size));
    jd_arena_rewind(r->arena, mark);
    if (ok)
        *out = (struct jd_variant){(uint32_t)branch, {(const char *)start, (uint32_t)(r->at - start)}};
    return ok;
}

static bool read_double(struct reader *r, const struct jd_field *field, double *out)
{
    if (r->end - r->at < 8)
        return fail(r, field->name, "truncated double");
    uint64_t bits = 0;
    for (unsigned i = 0; i < 8; i++)
        bits |= (uint64_t)*r->at++ << (8 * i);
    memcpy(out, &bits, sizeof bits);
    return isfinite(*out) ? true : fail(r, field->name, "not a finite number");
}

static bool read_value(struct reader *r, const struct jd_field *field, char *at)
{
    int64_t value = 0;
    switch (field->kind) {
    case JD_STRING:
        return take_str(r, field->name, field->max ? field->max : JD_STRING_MAX, (struct jd_str *)(void *)at);
    case JD_ENUM:
        if (!take_long(r, field->name, &value))
            return false;
        if (value < 0 || value >= (int64_t)field->symbols->count)
            return fail(r, field->name, "no such symbol");
        *(uint8_t *)at = (uint8_t)(value + 1);
        return true;
    case JD_TIME:
        if (!take_long(r, field->name, &value))
            return false;
        if (value < JD_TIME_MIN || value > JD_TIME_MAX)
            return fail(r, field->name, "time out of range");
        *(jd_time *)(void *)at = value;
        return true;
    case JD_INT:
        if (!take_long(r, field->name, &value))
            return false;
        if (value == JD_INT_NONE)
            return fail(r, field->name, "number out of range");
        *(int64_t *)(void *)at = value;
        return true;
    case JD_BOOL:
        if (r->at == r->end || *r->at > 1)
            return fail(r, field->name, "not a boolean");
        *(uint8_t *)at = *r->at++ ? JD_TRUE : JD_FALSE;
        return true;
    case JD_DECIMAL:
        return read_decimal(r, field, (struct jd_decimal *)(void *)at);
    case JD_DOUBLE:
        return read_double(r, field, (double *)(void *)at);
    case JD_RECORD:
        return read_record(r, field->record, at);
    case JD_LIST:
    case JD_MAP:
        return read_list(r, field, (struct jd_list *)(void *)at);
    case JD_VARIANT:
        break; /* read_field has its branch */
    }
    return fail(r, field->name, "unknown kind");
}

static bool read_id(struct reader *r, const struct jd_field *field, int64_t branch, struct jd_str *out)
{
    unsigned char bytes[UUID_BYTES];
    if (branch == BRANCH_TEXT)
        return take_str(r, field->name, field->max ? field->max : JD_STRING_MAX, out) &&
               (!uuid_bytes(*out, bytes) || fail(r, field->name, "a UUID as text"));
    if (branch != BRANCH_UUID)
        return fail(r, field->name, "no such branch");
    if (r->end - r->at < UUID_BYTES)
        return fail(r, field->name, "truncated UUID");
    *out = uuid_text(r->at, r->arena);
    r->at += UUID_BYTES;
    return true;
}

static bool read_field(struct reader *r, const struct jd_field *field, char *at)
{
    bool plain = (field->flags & JD_REQUIRED) || field->kind == JD_LIST || field->kind == JD_MAP ||
                 field->kind == JD_DOUBLE;
    if (plain && field->kind != JD_VARIANT)
        return read_value(r, field, at);
    int64_t branch = 0;
    if (!take_long(r, field->name, &branch))
        return false;
    if (branch == 0) {
        clear_field(field, at);
        return true;
    }
    if (field->kind == JD_VARIANT)
        return read_variant(r, field, branch, (struct jd_variant *)(void *)at);
    if (field->flags & JD_UUID)
        return read_id(r, field, branch, (struct jd_str *)(void *)at);
    if (branch != BRANCH_TEXT)
        return fail(r, field->name, "no such branch");
    if (!read_value(r, field, at))
        return false;
    return (field->flags & JD_SPREAD) && is_absent(field, at) ? fail(r, field->name, "nothing in it") : true;
}

static bool read_fields(struct reader *r, const struct jd_record *record, uint32_t count, char *value)
{
    if (r->depth == DEPTH_MAX)
        return fail(r, record->name, "nested too deep");
    r->depth++;
    for (uint32_t i = 0; i < count; i++)
        if (!read_field(r, &record->fields[i], value + record->fields[i].offset))
            return false;
    r->depth--;
    return true;
}

static bool read_record(struct reader *r, const struct jd_record *record, char *value)
{
    return read_fields(r, record, record->count, value);
}

bool jd_avro_read_front(const struct jd_record *record, uint32_t count, struct jd_str bytes,
                        struct jd_arena *arena, void *value, struct jd_error *err)
{
    const unsigned char *start = (const unsigned char *)bytes.ptr;
    struct reader r = {
        .start = start, .at = start, .end = start + bytes.size, .arena = arena, .err = err, .depth = 0};
    return read_fields(&r, record, count, value);
}

bool jd_avro_read(const struct jd_record *record, struct jd_str bytes, struct jd_arena *arena, void *value,
                  struct jd_error *err)
{
    const unsigned char *start = (const unsigned char *)bytes.ptr;
    struct reader r = {
        .start = start, .at = start, .end = start + bytes.size, .arena = arena, .err = err, .depth = 0};
    if (!read_record(&r, record, value))
        return jd_error_wrap(err, "%s", record->name);
    if (r.at != r.end) {
        (void)fail(&r, record->name, "bytes left over");
        return false;
    }
    return true;
}

/* Against avro-c: random writers' schemas, older and newer than ours, and random datums of them. avro-c
 * encodes each datum and decodes it again under the writer's schema; what the bounded reader made of the same
 * bytes must say the same, field by field. (avro-c resolves neither defaults nor enums, so resolution itself
 * is projected here by name.) Then struct -> our Avro -> avro-c, and struct -> JSON -> struct. */
#include <criterion/criterion.h>

#include <avro.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/avro.h"
#include "base/contract.h"
#include "base/str.h"
#include "wire/json.h"
#include "wire/resolve.h"

enum { SCHEMAS = 250, DATUMS = 400 }; /* 100,000 datums */

static uint64_t state;

static uint32_t draw(uint32_t below)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 32) % below;
}

/* ---- a writer's schema -------------------------------------------------------------------------------- */

static struct jd_arena arena;
static uint32_t unknown_names;
static const char *known_enums[16];
static uint32_t known_enum_count;

static void put_other_type(struct jd_buf *out, uint32_t depth)
{
    static const char *const plain[] = {"\"null\"",  "\"boolean\"", "\"int\"",   "\"long\"",
                                        "\"float\"", "\"double\"",  "\"bytes\"", "\"string\""};
    switch (depth == 0 ? 0 : draw(8)) {
    default:
        jd_buf_text(out, plain[draw(JD_COUNT(plain))]);
        return;
    case 1:
        jd_buf_text(out, "{\"type\":\"array\",\"items\":");
        jd_buf_text(out, plain[1 + draw(JD_COUNT(plain) - 1)]);
        jd_buf_text(out, "}");
        return;
    case 2:
        jd_buf_text(out, "{\"type\":\"map\",\"values\":");
        put_other_type(out, depth - 1);
        jd_buf_text(out, "}");
        return;
    case 3:
        jd_buf_text(out, draw(2) == 0 ? "[\"null\",\"string\"]" : "[\"int\",\"double\",\"null\"]");
        return;
    case 4:
        jd_buf_printf(out, "{\"type\":\"fixed\",\"name\":\"F%u\",\"size\":%u}", unknown_names++,
                      1 + draw(20));
        return;
    case 5:
        jd_buf_printf(out, "{\"type\":\"enum\",\"name\":\"E%u\",\"symbols\":[\"a\",\"b\",\"c\"]}",
                      unknown_names++);
        return;
    case 6:
        jd_buf_printf(out,
                      "{\"type\":\"record\",\"name\":\"R%u\",\"fields\":[{\"name\":\"p\",\"type\":\"long\"}",
                      unknown_names++);
        for (uint32_t i = draw(3); i > 0; i--) {
            jd_buf_printf(out, ",{\"name\":\"q%u\",\"type\":", i);
            put_other_type(out, depth - 1);
            jd_buf_text(out, "}");
        }
        jd_buf_text(out, "]}");
        return;
    }
}

/* Some of our symbols in any order, and sometimes one that we do not know. */
static void put_enum(struct jd_buf *out, const struct jd_symbols *symbols)
{
    for (uint32_t i = 0; i < known_enum_count; i++)
        if (strcmp(known_enums[i], symbols->name) == 0) {
            jd_buf_printf(out, "\"%s\"", symbols->name);
            return;
        }
    known_enums[known_enum_count++] = symbols->name;
    const char *texts[32];
    uint32_t count = 0;
    for (uint32_t v = 1; v <= symbols->count; v++)
        if (draw(4) != 0)
            texts[count++] = symbols->texts[v];
    if (count == 0 || draw(8) == 0)
        texts[count++] = "brand_new";
    for (uint32_t i = count - 1; i > 0; i--) {
        uint32_t k = draw(i + 1);
        const char *swap = texts[i];
        texts[i] = texts[k];
        texts[k] = swap;
    }
    jd_buf_printf(out, "{\"type\":\"enum\",\"name\":\"%s\",\"symbols\":[", symbols->name);
    for (uint32_t i = 0; i < count; i++)
        jd_buf_printf(out, i > 0 ? ",\"%s\"" : "\"%s\"", texts[i]);
    jd_buf_text(out, "]}");
}

static void put_record(struct jd_buf *out, const struct jd_record *record);

static void put_type(struct jd_buf *out, const struct jd_field *field)
{
    switch (field->kind) {
    case JD_STRING:
    case JD_DECIMAL:
        jd_buf_text(out, draw(4) == 0 ? "\"bytes\"" : "\"string\"");
        return;
    case JD_ENUM:
        put_enum(out, field->symbols);
        return;
    case JD_TIME:
        jd_buf_text(out,
                    draw(2) == 0 ? "{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}" : "\"long\"");
        return;
    case JD_INT:
        jd_buf_text(out, draw(2) == 0 ? "\"int\"" : "\"long\"");
        return;
    case JD_BOOL:
        jd_buf_text(out, "\"boolean\"");
        return;
    case JD_RECORD:
        put_record(out, field->record);
        return;
    case JD_LIST:
        jd_buf_text(out, "{\"type\":\"array\",\"items\":");
        if (field->record != NULL)
            put_record(out, field->record);
        else
            jd_buf_text(out, "\"string\"");
        jd_buf_text(out, "}");
        return;
    case JD_MAP:
        jd_buf_text(out, "{\"type\":\"map\",\"values\":\"string\"}");
        return;
    case JD_DOUBLE:
    case JD_VARIANT:
        break;
    }
    cr_assert_fail("no such kind in an event");
}

static void put_field(struct jd_buf *out, const struct jd_field *field)
{
    jd_buf_printf(out, "{\"name\":\"%s\",\"type\":", field->name);
    static const char *const around[][2] = {{"", ""}, {"[\"null\",", "]"}, {"[", ",\"null\"]"}};
    const char *const *pair = around[draw(3)];
    jd_buf_text(out, pair[0]);
    put_type(out, field);
    jd_buf_text(out, pair[1]);
    jd_buf_text(out, "}");
}

static void put_record(struct jd_buf *out, const struct jd_record *record)
{
    uint32_t order[64], count = 0;
    for (uint32_t i = 0; i < record->count; i++)
        if ((record->fields[i].flags & JD_REQUIRED) != 0 || draw(4) != 0)
            order[count++] = i;
    for (uint32_t extra = draw(4); extra > 0; extra--)
        order[count++] = UINT32_MAX;
    for (uint32_t i = count - 1; i > 0 && draw(2) == 0; i--) {
        uint32_t k = draw(i + 1), swap = order[i];
        order[i] = order[k];
        order[k] = swap;
    }
    jd_buf_printf(out, "{\"type\":\"record\",\"name\":\"%s\",\"fields\":[", record->name);
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0)
            jd_buf_text(out, ",");
        if (order[i] != UINT32_MAX) {
            put_field(out, &record->fields[order[i]]);
            continue;
        }
        jd_buf_printf(out, "{\"name\":\"other_%u\",\"type\":", unknown_names++);
        put_other_type(out, 3);
        jd_buf_text(out, "}");
    }
    jd_buf_text(out, "]}");
}

/* ---- a datum, by avro-c -------------------------------------------------------------------------------- */

static const char *refusal; /* what the datum must be refused for; NULL: it is good */

static size_t random_text(char *text, uint32_t max)
{
    static const char *const parts[] = {
        "a", "Z", "0", "-", " ", "\"", "\\", "\n", "\x01", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80"};
    size_t size = 0;
    for (uint32_t n = draw(max); n > 0; n--) {
        const char *part = parts[draw(JD_COUNT(parts))];
        memcpy(text + size, part, strlen(part));
        size += strlen(part);
    }
    text[size] = '\0';
    return size;
}

static void fill(avro_value_t *value, const struct jd_field *field, bool item);

static void fill_text(avro_value_t *value, const struct jd_field *field, bool bytes)
{
    char text[128];
    size_t size = random_text(text, 12);
    if (field != NULL && field->kind == JD_DECIMAL)
        size = (size_t)snprintf(text, sizeof text, "%s%u.%0*u", draw(2) == 0 ? "-" : "", draw(1000000),
                                (int)(1 + draw(9)), draw(10));
    if (bytes)
        avro_value_set_bytes(value, text, size);
    else
        avro_value_set_string_len(value, text, size + 1);
}

static void fill_items(avro_value_t *value, const struct jd_field *field, bool map)
{
    for (uint32_t i = 0, count = draw(4); i < count; i++) {
        avro_value_t item;
        char key[16];
        size_t index;
        int is_new;
        (void)snprintf(key, sizeof key, "k%u", draw(50));
        if (map)
            cr_assert_eq(avro_value_add(value, key, &item, &index, &is_new), 0);
        else
            cr_assert_eq(avro_value_append(value, &item, &index), 0);
        fill(&item, field, true);
    }
}

static const struct jd_field *row_of(const struct jd_record *record, const char *name)
{
    for (uint32_t i = 0; record != NULL && i < record->count; i++)
        if (strcmp(record->fields[i].name, name) == 0)
            return &record->fields[i];
    return NULL;
}

static void fill_record(avro_value_t *value, const struct jd_record *record)
{
    size_t count;
    avro_value_get_size(value, &count);
    for (size_t i = 0; i < count; i++) {
        avro_value_t inner;
        const char *name;
        avro_value_get_by_index(value, i, &inner, &name);
        fill(&inner, row_of(record, name), false);
    }
}

static void fill_union(avro_value_t *value, const struct jd_field *field, bool item)
{
    avro_schema_t schema = avro_value_get_schema(value);
    size_t count = avro_schema_union_size(schema);
    uint32_t choice = draw((uint32_t)count);
    avro_value_t branch;
    bool required = field != NULL && !item && (field->flags & JD_REQUIRED) != 0;
    for (int again = 0;
         required && again < 6 && avro_schema_union_branch(schema, (int)choice)->type == AVRO_NULL; again++)
        choice = draw((uint32_t)count);
    avro_value_set_branch(value, (int)choice, &branch);
    if (field != NULL && avro_value_get_type(&branch) == AVRO_NULL && !item &&
        (field->flags & JD_REQUIRED) != 0)
        refusal = refusal == NULL ? "missing_field" : refusal;
    fill(&branch, field, item);
}

static void fill_enum(avro_value_t *value, const struct jd_field *field)
{
    avro_schema_t schema = avro_value_get_schema(value);
    uint32_t count = (uint32_t)avro_schema_enum_number_of_symbols(schema);
    int choice = (int)draw(count);
    /* Most datums are to be good ones. */
    for (int again = 0; again < 4 && strcmp(avro_schema_enum_get(schema, choice), "brand_new") == 0; again++)
        choice = (int)draw(count);
    avro_value_set_enum(value, choice);
    const char *text = avro_schema_enum_get(schema, choice);
    if (field != NULL && jd_symbol_of(field->symbols, jd_str_of(text)) == 0 && refusal == NULL)
        refusal = "unknown_symbol";
}

static void fill(avro_value_t *value, const struct jd_field *field, bool item)
{
    unsigned char fixed[32] = {0};
    size_t size;
    switch (avro_value_get_type(value)) {
    case AVRO_STRING:
        fill_text(value, field, false);
        return;
    case AVRO_BYTES:
        fill_text(value, field, true);
        return;
    case AVRO_INT32:
        avro_value_set_int(value, (int32_t)(draw(UINT32_MAX) >> draw(32)) * (draw(2) == 0 ? 1 : -1));
        return;
    case AVRO_INT64:
        avro_value_set_long(value, field != NULL && field->kind == JD_TIME
                                       ? JD_TIME_MIN + (int64_t)draw(UINT32_MAX) * draw(73000)
                                       : (int64_t)((uint64_t)draw(UINT32_MAX) << 31 >> draw(62)) - 5);
        return;
    case AVRO_FLOAT:
        avro_value_set_float(value, (float)draw(1000) / 8);
        return;
    case AVRO_DOUBLE:
        avro_value_set_double(value, draw(1000) / 8.0);
        return;
    case AVRO_BOOLEAN:
        avro_value_set_boolean(value, (int)draw(2));
        return;
    case AVRO_NULL:
        avro_value_set_null(value);
        return;
    case AVRO_RECORD:
        fill_record(value, field != NULL ? field->record : NULL);
        return;
    case AVRO_ENUM:
        fill_enum(value, field);
        return;
    case AVRO_FIXED:
        size = (size_t)avro_schema_fixed_size(avro_value_get_schema(value));
        avro_value_set_fixed(value, fixed, size);
        return;
    case AVRO_MAP:
        fill_items(value, NULL, true);
        return;
    case AVRO_ARRAY:
        fill_items(value, field != NULL && field->record != NULL ? field : NULL, false);
        return;
    case AVRO_UNION:
        fill_union(value, field, item);
        return;
    case AVRO_LINK:
        break;
    }
    cr_assert_fail("no such type");
}

/* ---- the same, by field -------------------------------------------------------------------------------- */

static struct jd_str text_of(avro_value_t *value)
{
    const void *bytes;
    const char *text;
    size_t size;
    if (avro_value_get_type(value) == AVRO_BYTES) {
        avro_value_get_bytes(value, &bytes, &size);
        return (struct jd_str){bytes, (uint32_t)size};
    }
    avro_value_get_string(value, &text, &size);
    return (struct jd_str){text, (uint32_t)size - 1};
}

static int64_t number_of(avro_value_t *value)
{
    int32_t narrow;
    int64_t wide;
    if (avro_value_get_type(value) == AVRO_INT32) {
        avro_value_get_int(value, &narrow);
        return narrow;
    }
    avro_value_get_long(value, &wide);
    return wide;
}

static bool same_record(const struct jd_record *record, const void *have, avro_value_t *want);

static bool same_list(const struct jd_field *field, const struct jd_list *have, avro_value_t *want)
{
    size_t count;
    avro_value_get_size(want, &count);
    if (count != have->count)
        return false;
    for (size_t i = 0; i < count; i++) {
        avro_value_t item;
        avro_value_get_by_index(want, i, &item, NULL);
        if (field->record != NULL
                ? !same_record(field->record, (const char *)have->items + i * field->record->size, &item)
                : !jd_str_eq(((const struct jd_str *)have->items)[i], text_of(&item)))
            return false;
    }
    return true;
}

static bool same_map(const struct jd_list *have, avro_value_t *want)
{
    const struct jd_pair *pairs = have->items;
    size_t count;
    avro_value_get_size(want, &count);
    if (count != have->count)
        return false;
    for (uint32_t i = 0; i < have->count; i++) {
        avro_value_t item;
        char key[64];
        (void)snprintf(key, sizeof key, JD_STR_FMT, JD_STR_ARG(pairs[i].key));
        if (i > 0 && jd_str_cmp(pairs[i - 1].key, pairs[i].key) >= 0)
            return false;
        if (avro_value_get_by_name(want, key, &item, NULL) != 0 || !jd_str_eq(pairs[i].value, text_of(&item)))
            return false;
    }
    return true;
}

/* An absent value is where the writer has no such field, or null. */
static bool is_clear(const struct jd_field *field, const void *at)
{
    struct jd_event empty;
    size_t size = field->kind == JD_RECORD ? field->record->size : 0;
    switch (field->kind) {
    case JD_STRING:
        return ((const struct jd_str *)at)->ptr == NULL;
    case JD_ENUM:
    case JD_BOOL:
        return *(const uint8_t *)at == 0;
    case JD_TIME:
    case JD_INT:
        return *(const int64_t *)at == INT64_MIN;
    case JD_DECIMAL:
        return ((const struct jd_decimal *)at)->scale == JD_DECIMAL_NONE;
    case JD_RECORD:
        memset(&empty, 0, sizeof empty);
        jd_record_clear(field->record, &empty);
        return memcmp(&empty, at, size) == 0;
    case JD_LIST:
    case JD_MAP:
        return ((const struct jd_list *)at)->count == 0;
    case JD_DOUBLE:
    case JD_VARIANT:
        break;
    }
    return false;
}

static bool same_value(const struct jd_field *field, const void *have, avro_value_t *want)
{
    int truth, symbol;
    struct jd_decimal decimal;
    switch (field->kind) {
    case JD_STRING:
        return jd_str_eq(*(const struct jd_str *)have, text_of(want));
    case JD_ENUM:
        avro_value_get_enum(want, &symbol);
        return jd_str_eq(jd_symbol_text(field->symbols, *(const uint8_t *)have),
                         jd_str_of(avro_schema_enum_get(avro_value_get_schema(want), symbol)));
    case JD_TIME:
    case JD_INT:
        return *(const int64_t *)have == number_of(want);
    case JD_BOOL:
        avro_value_get_boolean(want, &truth);
        return *(const uint8_t *)have == (truth ? JD_TRUE : JD_FALSE);
    case JD_DECIMAL:
        return jd_decimal_parse(text_of(want), &decimal) &&
               jd_decimal_cmp(decimal, *(const struct jd_decimal *)have) == 0;
    case JD_RECORD:
        return same_record(field->record, have, want);
    case JD_LIST:
        return same_list(field, have, want);
    case JD_MAP:
        return same_map(have, want);
    case JD_DOUBLE:
    case JD_VARIANT:
        break;
    }
    return false;
}

static bool same_record(const struct jd_record *record, const void *have, avro_value_t *want)
{
    for (uint32_t i = 0; i < record->count; i++) {
        const struct jd_field *field = &record->fields[i];
        const void *at = (const char *)have + field->offset;
        avro_value_t value, branch;
        bool there = avro_value_get_by_name(want, field->name, &value, NULL) == 0;
        if (there && avro_value_get_type(&value) == AVRO_UNION) {
            avro_value_get_current_branch(&value, &branch);
            value = branch;
        }
        there = there && avro_value_get_type(&value) != AVRO_NULL;
        if (there ? !same_value(field, at, &value) : !is_clear(field, at)) {
            (void)fprintf(stderr, "differs: %s.%s\n", record->name, field->name);
            return false;
        }
    }
    return true;
}

/* ---- the runs --------------------------------------------------------------------------------------------
 */

struct pair {
    avro_schema_t schema;
    avro_value_iface_t *class;
    const struct jd_plan *plan;
};

static void open_pair(struct pair *pair, struct jd_str text, struct jd_arena *keep)
{
    struct jd_error err = {0};
    const struct jd_schema *reader = jd_schema_parse(jd_schema_text(JD_STR("EngagementEvent")), keep, &err);
    const struct jd_schema *writer = jd_schema_parse(text, keep, &err);
    cr_assert(writer != NULL, "%s: " JD_STR_FMT, err.text, JD_STR_ARG(text));
    pair->plan = jd_resolve(writer, reader, &jd_event_record, keep, &err);
    cr_assert(pair->plan != NULL, "%s: " JD_STR_FMT, err.text, JD_STR_ARG(text));
    cr_assert_eq(avro_schema_from_json_length(text.ptr, text.size, &pair->schema), 0, "%s", avro_strerror());
    pair->class = avro_generic_class_from_schema(pair->schema);
}

static void close_pair(struct pair *pair)
{
    avro_value_iface_decref(pair->class);
    avro_schema_decref(pair->schema);
}

/* Decodes `bytes` with avro-c into `out`, to be released with avro_value_decref. */
static void decode(const struct pair *pair, struct jd_str bytes, avro_value_t *out)
{
    avro_reader_t reader = avro_reader_memory(bytes.ptr, (int64_t)bytes.size);
    cr_assert_eq(avro_generic_value_new(pair->class, out), 0);
    cr_assert_eq(avro_value_read(reader, out), 0, "%s", avro_strerror());
    avro_reader_free(reader);
}

static void check_json(const struct jd_event *event, struct jd_str canonical)
{
    struct jd_buf buf;
    struct jd_event back;
    struct jd_reject why = {0};
    jd_buf_init(&buf, &arena);
    jd_json_write(&jd_event_record, event, &buf);
    struct jd_str text = jd_buf_done(&buf);
    json_t *json = json_loadb(text.ptr, text.size, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
    cr_assert(json != NULL, JD_STR_FMT, JD_STR_ARG(text));
    json_decref(json);
    cr_assert(jd_json_read(&jd_event_record, text, &arena, &back, &why), "%s %s: " JD_STR_FMT, why.reason,
              why.message, JD_STR_ARG(text));
    cr_assert(jd_str_eq(canonical, jd_avro_bytes(&jd_event_record, &back, &arena)), JD_STR_FMT,
              JD_STR_ARG(text));
}

static void check_datum(const struct pair *writer, const struct pair *own, uint32_t *refused)
{
    static char bytes[1 << 16];
    avro_value_t value, decoded;
    struct jd_event event;
    struct jd_reject why = {0};
    refusal = NULL;
    cr_assert_eq(avro_generic_value_new(writer->class, &value), 0);
    fill_record(&value, &jd_event_record);
    avro_writer_t out = avro_writer_memory(bytes, sizeof bytes);
    cr_assert_eq(avro_value_write(out, &value), 0, "%s", avro_strerror());
    struct jd_str datum = {bytes, (uint32_t)avro_writer_tell(out)};
    avro_writer_free(out);
    avro_value_decref(&value);
    bool ok = jd_plan_read(writer->plan, datum, &arena, &event, &why);
    cr_assert_eq(ok, refusal == NULL, "%s %s, expected %s", why.reason, why.message, refusal);
    if (!ok)
        cr_assert_str_eq(why.reason, refusal, "%s", why.message);
    *refused += !ok;
    if (!ok)
        return;
    decode(writer, datum, &decoded);
    cr_assert(same_record(&jd_event_record, &event, &decoded));
    avro_value_decref(&decoded);
    struct jd_str canonical = jd_avro_bytes(&jd_event_record, &event, &arena);
    decode(own, canonical, &decoded);
    cr_assert(same_record(&jd_event_record, &event, &decoded));
    avro_value_decref(&decoded);
    check_json(&event, canonical);
}

Test(differential, the_reader_says_what_avro_c_says)
{
    uint64_t seed = getenv("SEED") != NULL ? strtoull(getenv("SEED"), NULL, 10) : (uint64_t)time(NULL);
    uint32_t refused = 0;
    struct jd_arena keep;
    struct pair own, writer;
    (void)fprintf(stderr, "differential: SEED=%llu\n", (unsigned long long)seed);
    state = seed * 2654435761u + 88172645463325252u;
    jd_arena_init(&keep, 256 << 20);
    jd_arena_init(&arena, 256 << 20);
    open_pair(&own, jd_schema_text(JD_STR("EngagementEvent")), &keep);
    struct jd_arena_mark mark = jd_arena_mark(&keep);
    for (int s = 0; s < SCHEMAS; s++) {
        struct jd_buf buf;
        unknown_names = known_enum_count = 0;
        jd_buf_init(&buf, &keep);
        put_record(&buf, &jd_event_record);
        open_pair(&writer, jd_buf_done(&buf), &keep);
        for (int d = 0; d < DATUMS; d++) {
            check_datum(&writer, &own, &refused);
            jd_arena_reset(&arena);
        }
        close_pair(&writer);
        jd_arena_rewind(&keep, mark);
    }
    (void)fprintf(stderr, "differential: %d datums of %d schemas, %u of them refused as they must be\n",
                  SCHEMAS * DATUMS, SCHEMAS, refused);
    cr_assert_lt(refused, (uint32_t)(SCHEMAS * DATUMS / 2), "most datums must be good ones");
    close_pair(&own);
    jd_arena_done(&keep);
    jd_arena_done(&arena);
}

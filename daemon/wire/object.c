#include "wire/object.h"

#include <string.h>

#include "base/avro.h"
#include "base/str.h"

enum { NAMES_MAX = 64 };

/* The parsing canonical form, from the field table: names, types and symbols, nothing else. A type that was
 * defined before is only named. */
struct canon {
    struct jd_buf buf;
    const char *names[NAMES_MAX];
    uint32_t count;
};

static void write_record(struct canon *c, const struct jd_record *record);

/* Writes the name where it is known already; else the beginning of the definition. */
static bool begin(struct canon *c, const char *name, const char *type)
{
    for (uint32_t i = 0; i < c->count; i++) {
        if (strcmp(c->names[i], name) != 0)
            continue;
        jd_buf_printf(&c->buf, "\"org.journeyd.%s\"", name);
        return false;
    }
    c->names[c->count++] = name;
    jd_buf_printf(&c->buf, "{\"name\":\"org.journeyd.%s\",\"type\":\"%s\",", name, type);
    return true;
}

static void write_enum(struct canon *c, const struct jd_symbols *symbols)
{
    if (!begin(c, symbols->name, "enum"))
        return;
    jd_buf_text(&c->buf, "\"symbols\":[");
    for (uint32_t v = 1; v <= symbols->count; v++)
        jd_buf_printf(&c->buf, v > 1 ? ",\"%s\"" : "\"%s\"", symbols->texts[v]);
    jd_buf_text(&c->buf, "]}");
}

static void write_list(struct canon *c, const struct jd_field *field)
{
    jd_buf_text(&c->buf, "{\"type\":\"array\",\"items\":");
    if (field->record != NULL)
        write_record(c, field->record);
    else
        jd_buf_text(&c->buf, "\"string\"");
    jd_buf_byte(&c->buf, '}');
}

static void write_variant(struct canon *c, const struct jd_field *field)
{
    jd_buf_text(&c->buf, "[\"null\"");
    for (uint32_t b = 0; field->branches[b] != NULL; b++) {
        jd_buf_byte(&c->buf, ',');
        write_record(c, field->branches[b]);
    }
    jd_buf_byte(&c->buf, ']');
}

static void write_type(struct canon *c, const struct jd_field *field)
{
    switch (field->kind) {
    case JD_STRING:
    case JD_DECIMAL:
        jd_buf_text(&c->buf, "\"string\"");
        return;
    case JD_ENUM:
        write_enum(c, field->symbols);
        return;
    case JD_TIME:
    case JD_INT:
        jd_buf_text(&c->buf, "\"long\"");
        return;
    case JD_BOOL:
        jd_buf_text(&c->buf, "\"boolean\"");
        return;
    case JD_DOUBLE:
        jd_buf_text(&c->buf, "\"double\"");
        return;
    case JD_RECORD:
        write_record(c, field->record);
        return;
    case JD_LIST:
        write_list(c, field);
        return;
    case JD_MAP:
        jd_buf_text(&c->buf, "{\"type\":\"map\",\"values\":\"string\"}");
        return;
    case JD_VARIANT:
        write_variant(c, field);
        return;
    }
}

/* The third branch of an id. */
static void write_uuid(struct canon *c)
{
    jd_buf_byte(&c->buf, ',');
    if (begin(c, "Uuid", "fixed"))
        jd_buf_text(&c->buf, "\"size\":16}");
}

static void write_record(struct canon *c, const struct jd_record *record)
{
    if (!begin(c, record->name, "record"))
        return;
    jd_buf_text(&c->buf, "\"fields\":[");
    for (uint32_t i = 0; i < record->count; i++) {
        const struct jd_field *field = &record->fields[i];
        bool nullable = (field->flags & JD_REQUIRED) == 0 && field->kind != JD_LIST &&
                        field->kind != JD_MAP && field->kind != JD_DOUBLE && field->kind != JD_VARIANT;
        jd_buf_printf(&c->buf, "%s{\"name\":\"%s\",\"type\":%s", i > 0 ? "," : "", field->name,
                      nullable ? "[\"null\"," : "");
        write_type(c, field);
        if (field->flags & JD_UUID)
            write_uuid(c);
        jd_buf_text(&c->buf, nullable ? "]}" : "}");
    }
    jd_buf_text(&c->buf, "]}");
}

/* CRC-64-AVRO, as the specification has it. */
static uint64_t fingerprint_of(struct jd_str text)
{
    const uint64_t empty = UINT64_C(0xc15d213aa4d7a795);
    uint64_t crc = empty;
    for (uint32_t i = 0; i < text.size; i++) {
        crc ^= (unsigned char)text.ptr[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (empty & -(crc & 1));
    }
    return crc;
}

struct jd_object jd_object_of(const struct jd_record *record)
{
    struct jd_arena arena;
    struct canon c = {.count = 0};
    struct jd_object object = {.record = record, .mark = {(char)0xC3, 0x01}};
    jd_arena_init(&arena, 1 << 20);
    jd_buf_init(&c.buf, &arena);
    write_record(&c, record);
    object.fingerprint = fingerprint_of(jd_buf_done(&c.buf));
    for (int i = 0; i < 8; i++)
        object.mark[2 + i] = (char)(object.fingerprint >> (8 * i) & 0xFF);
    jd_arena_done(&arena);
    return object;
}

void jd_object_append(const struct jd_object *object, const void *value, struct jd_buf *out)
{
    jd_buf_bytes(out, object->mark, sizeof object->mark);
    jd_avro_write(object->record, value, out);
}

struct jd_str jd_object_write(const struct jd_object *object, const void *value, struct jd_arena *arena)
{
    struct jd_buf buf;
    jd_buf_init(&buf, arena);
    jd_object_append(object, value, &buf);
    return jd_buf_done(&buf);
}

bool jd_object_read(const struct jd_object *object, struct jd_str bytes, struct jd_arena *arena, void *value,
                    struct jd_error *err)
{
    if (bytes.size < JD_OBJECT_MARK || memcmp(bytes.ptr, object->mark, 2) != 0)
        return jd_error_set(err, JD_EXIT_DATA, "%s: not in Avro's single-object encoding",
                            object->record->name);
    if (memcmp(bytes.ptr, object->mark, JD_OBJECT_MARK) != 0)
        return jd_error_set(err, JD_EXIT_DATA, "%s: written with another schema", object->record->name);
    struct jd_str datum = {bytes.ptr + JD_OBJECT_MARK, bytes.size - JD_OBJECT_MARK};
    return jd_avro_read(object->record, datum, arena, value, err);
}

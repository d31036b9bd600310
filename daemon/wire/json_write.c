/* The JSON writer: one object on one line, fields in the order of the table. */
#include <stdio.h>
#include <stdlib.h>

#include "base/avro.h"
#include "base/contract.h"
#include "wire/json.h"

void jd_json_write_str(struct jd_str s, struct jd_buf *out)
{
    static const char short_form[] = "btn\0fr"; /* of 8 to 13 */
    jd_buf_byte(out, '"');
    uint32_t plain = 0;
    for (uint32_t i = 0; i < s.size; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        jd_buf_bytes(out, s.ptr + plain, i - plain);
        plain = i + 1;
        if (c >= 0x20)
            jd_buf_bytes(out, (const char[]){'\\', (char)c}, 2);
        else if (c >= 8 && c <= 13 && short_form[c - 8] != '\0')
            jd_buf_bytes(out, (const char[]){'\\', short_form[c - 8]}, 2);
        else
            jd_buf_printf(out, "\\u%04x", c);
    }
    if (s.size > plain)
        jd_buf_bytes(out, s.ptr + plain, s.size - plain);
    jd_buf_byte(out, '"');
}

/* The shortest of 15 and 17 digits that reads back as the same. */
static void write_double(double value, struct jd_buf *out)
{
    char text[32];
    (void)snprintf(text, sizeof text, "%.15g", value);
    if (strtod(text, NULL) != value)
        (void)snprintf(text, sizeof text, "%.17g", value);
    jd_buf_text(out, text);
}

static void write_list(const struct jd_field *field, const struct jd_list *list, struct jd_buf *out)
{
    size_t size = field->record != NULL ? field->record->size : sizeof(struct jd_str);
    jd_buf_byte(out, '[');
    for (uint32_t i = 0; i < list->count; i++) {
        const void *item = (const char *)list->items + i * size;
        if (i > 0)
            jd_buf_byte(out, ',');
        if (field->record != NULL)
            jd_json_write(field->record, item, out);
        else
            jd_json_write_str(*(const struct jd_str *)item, out);
    }
    jd_buf_byte(out, ']');
}

static void write_map(const struct jd_list *map, struct jd_buf *out)
{
    const struct jd_pair *pairs = map->items;
    jd_buf_byte(out, '{');
    for (uint32_t i = 0; i < map->count; i++) {
        if (i > 0)
            jd_buf_byte(out, ',');
        jd_json_write_str(pairs[i].key, out);
        jd_buf_byte(out, ':');
        jd_json_write_str(pairs[i].value, out);
    }
    jd_buf_byte(out, '}');
}

static void write_variant(const struct jd_field *field, const struct jd_variant *variant, struct jd_buf *out)
{
    const struct jd_record *record = field->branches[variant->branch - 1];
    struct jd_error err;
    void *body = jd_arena_alloc(out->arena, record->size);
    jd_buf_printf(out, "{\"%s\":", record->name);
    if (jd_avro_read(record, variant->body, out->arena, body, &err))
        jd_json_write(record, body, out);
    else
        jd_buf_text(out, "null");
    jd_buf_byte(out, '}');
}

static bool is_absent(const struct jd_field *field, const void *at);

static bool all_absent(const struct jd_record *record, const void *value)
{
    for (uint32_t i = 0; i < record->count; i++)
        if (!is_absent(&record->fields[i], (const char *)value + record->fields[i].offset))
            return false;
    return true;
}

static bool is_absent(const struct jd_field *field, const void *at)
{
    switch (field->kind) {
    case JD_STRING:
        return ((const struct jd_str *)at)->ptr == NULL;
    case JD_ENUM:
    case JD_BOOL:
        return *(const uint8_t *)at == 0;
    case JD_TIME:
    case JD_INT: /* JD_TIME_NONE and JD_INT_NONE are the same number */
        return *(const int64_t *)at == JD_INT_NONE && (field->flags & JD_REQUIRED) == 0;
    case JD_DECIMAL:
        return ((const struct jd_decimal *)at)->scale == JD_DECIMAL_NONE;
    case JD_DOUBLE:
        return false;
    case JD_RECORD:
        if (field->flags & JD_SPREAD)
            return all_absent(field->record, at);
        return (field->flags & JD_REQUIRED) == 0 &&
               is_absent(&field->record->fields[0], (const char *)at + field->record->fields[0].offset);
    case JD_LIST:
    case JD_MAP:
        return ((const struct jd_list *)at)->count == 0;
    case JD_VARIANT:
        return ((const struct jd_variant *)at)->branch == 0;
    }
    return true;
}

static void write_value(const struct jd_field *field, const void *at, struct jd_buf *out)
{
    switch (field->kind) {
    case JD_STRING:
        jd_json_write_str(*(const struct jd_str *)at, out);
        return;
    case JD_ENUM:
        jd_json_write_str(jd_symbol_text(field->symbols, *(const uint8_t *)at), out);
        return;
    case JD_TIME:
        jd_json_write_str(jd_time_text(*(const jd_time *)at, out->arena), out);
        return;
    case JD_INT:
        jd_buf_number(out, *(const int64_t *)at);
        return;
    case JD_BOOL:
        jd_buf_text(out, *(const uint8_t *)at == JD_TRUE ? "true" : "false");
        return;
    case JD_DECIMAL:
        jd_buf_str(out, jd_decimal_text(*(const struct jd_decimal *)at, out->arena));
        return;
    case JD_DOUBLE:
        write_double(*(const double *)at, out);
        return;
    case JD_RECORD:
        jd_json_write(field->record, at, out);
        return;
    case JD_LIST:
        write_list(field, at, out);
        return;
    case JD_MAP:
        write_map(at, out);
        return;
    case JD_VARIANT:
        write_variant(field, at, out);
        return;
    }
}

void jd_json_write(const struct jd_record *record, const void *value, struct jd_buf *out)
{
    bool first = true;
    jd_buf_byte(out, '{');
    for (uint32_t i = 0; i < record->count; i++) {
        const struct jd_field *field = &record->fields[i];
        const void *at = (const char *)value + field->offset;
        if (is_absent(field, at))
            continue;
        jd_buf_reserve(out, (size_t)field->name_size + 4);
        if (!first)
            jd_buf_byte(out, ',');
        jd_buf_byte(out, '"');
        jd_buf_bytes(out, field->name, field->name_size);
        jd_buf_bytes(out, "\":", 2);
        write_value(field, at, out);
        first = false;
    }
    jd_buf_byte(out, '}');
}

/* The field tables against the schemas: each row has its field, each field its row, and a description. */
#include <criterion/criterion.h>

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/contract.h"
#include "base/str.h"
#include "wire/object.h"
#include "wire/reason.h"

static const struct jd_record *const records[] = {
    &jd_event_record,   &jd_hcp_profile_record, &jd_account_profile_record,
    &jd_alert_record,   &jd_trigger_record,     &jd_decision_record,
    &jd_journal_record, &jd_image_record,       &jd_shared_touch_record,
};

static json_t *defined; /* types by name, of the schema under test */

static void check_record(const struct jd_record *record, json_t *schema, const char *path);

static const char *text_of(json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text != NULL ? text : "";
}

/* A definition, or the one that was given under this name before. */
static json_t *definition(json_t *type, const char *path)
{
    if (json_is_string(type)) {
        json_t *known = json_object_get(defined, json_string_value(type));
        cr_assert(known != NULL, "%s: %s is not defined", path, json_string_value(type));
        return known;
    }
    cr_assert(strlen(text_of(type, "doc")) > 0, "%s: the type has no doc", path);
    json_object_set(defined, text_of(type, "name"), type);
    return type;
}

static void check_enum(const struct jd_symbols *symbols, json_t *type, const char *path)
{
    type = definition(type, path);
    json_t *list = json_object_get(type, "symbols");
    cr_assert_str_eq(text_of(type, "type"), "enum", "%s", path);
    cr_assert_str_eq(text_of(type, "name"), symbols->name, "%s", path);
    cr_assert_eq(json_array_size(list), symbols->count, "%s", path);
    for (uint32_t v = 1; v <= symbols->count; v++)
        cr_assert_str_eq(json_string_value(json_array_get(list, v - 1)), symbols->texts[v], "%s", path);
}

static void check_named(const char *type, json_t *have, const char *path)
{
    const char *name = json_is_object(have) ? text_of(have, "type") : json_string_value(have);
    cr_assert(name != NULL && strcmp(name, type) == 0, "%s: is not %s", path, type);
}

static void check_list(const struct jd_field *field, json_t *type, const char *path)
{
    check_named("array", type, path);
    json_t *items = json_object_get(type, "items");
    if (field->record != NULL)
        check_record(field->record, items, path);
    else
        check_named("string", items, path);
}

static void check_variant(const struct jd_field *field, json_t *type, const char *path)
{
    check_named("null", json_array_get(type, 0), path);
    size_t b = 0;
    for (; field->branches[b] != NULL; b++)
        check_record(field->branches[b], json_array_get(type, b + 1), path);
    cr_assert_eq(json_array_size(type), b + 1, "%s", path);
}

static void check_type(const struct jd_field *field, json_t *type, const char *path)
{
    switch (field->kind) {
    case JD_STRING:
    case JD_DECIMAL:
        check_named("string", type, path);
        return;
    case JD_ENUM:
        check_enum(field->symbols, type, path);
        return;
    case JD_TIME:
        check_named("long", type, path);
        cr_assert_str_eq(text_of(type, "logicalType"), "timestamp-millis", "%s", path);
        return;
    case JD_INT:
        check_named("long", type, path);
        cr_assert(json_is_string(type), "%s", path);
        return;
    case JD_BOOL:
        check_named("boolean", type, path);
        return;
    case JD_DOUBLE:
        check_named("double", type, path);
        return;
    case JD_RECORD:
        check_record(field->record, type, path);
        return;
    case JD_LIST:
        check_list(field, type, path);
        return;
    case JD_MAP:
        check_named("map", type, path);
        check_named("string", json_object_get(type, "values"), path);
        return;
    case JD_VARIANT:
        check_variant(field, type, path);
        return;
    }
}

/* The defaults are what jd_record_clear() leaves: resolution relies on it. */
static void check_default(const struct jd_field *field, json_t *have, bool nullable, const char *path)
{
    json_t *fallback = json_object_get(have, "default");
    if (field->kind == JD_LIST)
        cr_assert(json_is_array(fallback) && json_array_size(fallback) == 0, "%s", path);
    else if (field->kind == JD_MAP)
        cr_assert(json_is_object(fallback) && json_object_size(fallback) == 0, "%s", path);
    else if (nullable)
        cr_assert(json_is_null(fallback), "%s", path);
    else
        cr_assert(fallback == NULL, "%s: a required field has a default", path);
}

static void check_uuid(json_t *type, const char *path)
{
    type = definition(type, path);
    cr_assert_str_eq(text_of(type, "type"), "fixed", "%s", path);
    cr_assert_str_eq(text_of(type, "name"), "Uuid", "%s", path);
    cr_assert_eq(json_integer_value(json_object_get(type, "size")), 16, "%s", path);
}

static void check_record(const struct jd_record *record, json_t *schema, const char *path)
{
    if (json_is_string(schema)) {
        cr_assert_str_eq(json_string_value(schema), record->name, "%s", path);
        (void)definition(schema, path);
        return;
    }
    (void)definition(schema, path);
    json_t *fields = json_object_get(schema, "fields");
    cr_assert_str_eq(text_of(schema, "type"), "record", "%s", path);
    cr_assert_str_eq(text_of(schema, "name"), record->name, "%s", path);
    cr_assert_eq(json_array_size(fields), record->count, "%s: %zu fields, %u rows", path,
                 json_array_size(fields), record->count);
    cr_assert_leq(record->count, 64, "%s: readers keep a bit a row", path);
    for (uint32_t i = 0; i < record->count; i++) {
        const struct jd_field *field = &record->fields[i];
        json_t *have = json_array_get(fields, i), *type = json_object_get(have, "type");
        char inner[256];
        (void)snprintf(inner, sizeof inner, "%s.%s", path, field->name);
        cr_assert_str_eq(text_of(have, "name"), field->name, "%s", inner);
        cr_assert(strlen(text_of(have, "doc")) > 5, "%s: no doc", inner);
        bool open = field->kind == JD_LIST || field->kind == JD_MAP || field->kind == JD_DOUBLE;
        bool nullable = (field->flags & JD_REQUIRED) == 0 && !open;
        if (nullable && field->kind != JD_VARIANT) {
            bool uuid = (field->flags & JD_UUID) != 0;
            cr_assert(json_is_array(type) && json_array_size(type) == (uuid ? 3 : 2),
                      "%s: is not a union with null", inner);
            if (uuid)
                check_uuid(json_array_get(type, 2), inner);
            check_named("null", json_array_get(type, 0), inner);
            type = json_array_get(type, 1);
        }
        check_type(field, type, inner);
        check_default(field, have, nullable, inner);
    }
}

Test(contract, schemas_and_tables_say_the_same)
{
    for (size_t i = 0; i < JD_COUNT(records); i++) {
        struct jd_str text = jd_schema_text(jd_str_of(records[i]->name));
        json_error_t error;
        cr_assert(text.ptr != NULL, "%s", records[i]->name);
        json_t *schema = json_loadb(text.ptr, text.size, JSON_REJECT_DUPLICATES, &error);
        cr_assert(schema != NULL, "%s: %d: %s", records[i]->name, error.line, error.text);
        cr_assert_str_eq(text_of(schema, "namespace"), "org.journeyd");
        defined = json_object();
        check_record(records[i], schema, records[i]->name);
        json_decref(defined);
        json_decref(schema);
    }
}

Test(contract, a_type_defined_in_two_files_is_the_same_in_both)
{
    json_t *all = json_object();
    for (size_t i = 0; i < JD_COUNT(records); i++) {
        struct jd_str text = jd_schema_text(jd_str_of(records[i]->name));
        json_t *schema = json_loadb(text.ptr, text.size, 0, NULL);
        defined = json_object();
        check_record(records[i], schema, records[i]->name);
        const char *name;
        json_t *type;
        json_object_foreach(defined, name, type)
        {
            json_t *known = json_object_get(all, name);
            char *one = json_dumps(type, JSON_SORT_KEYS),
                 *other = known != NULL ? json_dumps(known, JSON_SORT_KEYS) : NULL;
            /* Inner types may be defined in one and named in the other: compare the plain ones. */
            if (other != NULL && json_object_get(type, "fields") == NULL)
                cr_assert_str_eq(one, other, "%s", name);
            free(one);
            free(other);
            json_object_set(all, name, type);
        }
        json_decref(defined);
        json_decref(schema);
    }
    json_decref(all);
}

/* Expected: an implementation in Python of parsing canonical form and CRC-64-AVRO over the files, by the Avro
 * specification, itself checked against its fingerprint of "null", 63dd24e7cc258f8a. A change here is a
 * change of format: states in Redis are read by it. */
Test(contract, fingerprints_are_those_of_the_specification)
{
    cr_assert_eq(jd_object_of(&jd_image_record).fingerprint, UINT64_C(0x698b469b4b3d3bc1));
    cr_assert_eq(jd_object_of(&jd_journal_record).fingerprint, UINT64_C(0xb6e9652764450139));
    cr_assert_eq(jd_object_of(&jd_shared_touch_record).fingerprint, UINT64_C(0xaf57b725cedabd08));
    cr_assert_eq(jd_object_of(&jd_event_record).fingerprint, UINT64_C(0xd246a7afd7f3ab4d));
}

Test(contract, objects_carry_their_schema)
{
    struct jd_arena arena;
    struct jd_error err;
    struct jd_object object = jd_object_of(&jd_image_record), other = jd_object_of(&jd_journal_record);
    struct jd_image image = {.key = JD_STR("hcp:h1")}, back;
    jd_arena_init(&arena, 1 << 20);
    struct jd_str bytes = jd_object_write(&object, &image, &arena);
    cr_assert_eq(memcmp(bytes.ptr, "\xC3\x01\xC1\x3B\x3D\x4B\x9B\x46\x8B\x69", 10), 0);
    cr_assert(jd_object_read(&object, bytes, &arena, &back, &err));
    cr_assert(jd_str_eq(back.key, image.key));
    cr_assert_not(jd_object_read(&other, bytes, &arena, &back, &err));
    cr_assert_not(jd_object_read(&object, (struct jd_str){bytes.ptr, 9}, &arena, &back, &err));
    cr_assert_not(jd_object_read(&object, (struct jd_str){bytes.ptr, bytes.size - 1}, &arena, &back, &err));
    jd_arena_done(&arena);
}

Test(contract, types_are_found_by_name)
{
    static const struct {
        const char *name;
        enum jd_class class;
        enum jd_phase phase;
        enum jd_fact_state state;
    } rows[] = {
        {"call.planned", JD_CLASS_TOUCH, JD_PHASE_PLANNED, JD_FACT_STATE_NONE},
        {"msl_interaction.completed", JD_CLASS_TOUCH, JD_PHASE_COMPLETED, JD_FACT_STATE_NONE},
        {"event.speaker", JD_CLASS_TOUCH, JD_PHASE_COMPLETED, JD_FACT_STATE_NONE},
        {"spend.recorded", JD_CLASS_TOUCH, JD_PHASE_COMPLETED, JD_FACT_STATE_NONE},
        {"email.opened", JD_CLASS_RESPONSE, JD_PHASE_COMPLETED, JD_FACT_STATE_NONE},
        {"mi.requested", JD_CLASS_REQUEST, JD_PHASE_COMPLETED, JD_FACT_STATE_NONE},
        {"consent.revoked", JD_CLASS_FACT, JD_PHASE_COMPLETED, JD_FACT_STATE_REVOKED},
        {"access.no_see", JD_CLASS_FACT, JD_PHASE_COMPLETED, JD_FACT_STATE_NO_SEE},
        {"suggestion.dismissed", JD_CLASS_FEEDBACK, JD_PHASE_COMPLETED, JD_FACT_STATE_NONE},
        {"mi.assigned", JD_CLASS_NONE, JD_PHASE_NONE, JD_FACT_STATE_NONE},
    };
    for (size_t i = 0; i < JD_COUNT(rows); i++) {
        const struct jd_event_type *type = jd_event_type_of(jd_str_of(rows[i].name));
        cr_assert(type != NULL, "%s", rows[i].name);
        cr_assert_eq(type->class, rows[i].class, "%s", rows[i].name);
        cr_assert_eq(type->phase, rows[i].phase, "%s", rows[i].name);
        cr_assert_eq(type->fact_state, rows[i].state, "%s", rows[i].name);
    }
    static const char *const unknown[] = {
        "", "call", "call.planne", "call.plannedx", "clock.advanced", "CALL.PLANNED"};
    for (size_t i = 0; i < JD_COUNT(unknown); i++)
        cr_assert(jd_event_type_of(jd_str_of(unknown[i])) == NULL, "%s", unknown[i]);
    cr_assert(jd_event_type_of((struct jd_str){0}) == NULL);
}

/* ---- schemas/README.md ------------------------------------------------------------------------------- */

static void check_listed(const char *readme, const char *code)
{
    char quoted[64];
    (void)snprintf(quoted, sizeof quoted, "`%s`", code);
    cr_assert(strstr(readme, quoted) != NULL, "schemas/README.md does not explain %s", quoted);
}

Test(contract, closed_lists_are_documented)
{
    static char readme[1 << 16];
    FILE *file = fopen("schemas/README.md", "r");
    cr_assert(file != NULL, "run from the top of the tree");
    readme[fread(readme, 1, sizeof readme - 1, file)] = '\0';
    (void)fclose(file);
    for (int refusal = 1; refusal < JD_REFUSED_END_; refusal++)
        check_listed(readme, jd_refusal_text((enum jd_refusal)refusal));
    static const struct jd_symbols *const lists[] = {&jd_rejection_symbols, &jd_reason_symbols};
    for (size_t i = 0; i < JD_COUNT(lists); i++)
        for (uint32_t v = 1; v <= lists[i]->count; v++)
            check_listed(readme, lists[i]->texts[v]);
    check_listed(readme, "7de0ab510d8ad51b");
    check_listed(readme, "1d4a8880ad92beee");
    check_listed(readme, "3d1b8589ba11f658");
}

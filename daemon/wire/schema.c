#include "wire/schema.h"

#include <avro.h>
#include <jansson.h>
#include <pthread.h>
#include <string.h>

#include "base/str.h"

struct parser {
    struct jd_arena *arena;
    struct jd_error *err;
    struct jd_schema **named; /* in order of definition */
    uint32_t named_count, named_capacity;
    uint32_t nodes, depth;
};

static struct jd_schema *parse(struct parser *p, const json_t *json, const char *space);

static void *fail(struct parser *p, const char *what, const char *name)
{
    jd_error_set(p->err, JD_EXIT_CONFIG, "schema: %s%s%.100s", what, name != NULL ? ": " : "",
                 name != NULL ? name : "");
    return NULL;
}

static uint32_t saturated(uint64_t sum)
{
    return sum > UINT32_MAX ? UINT32_MAX : (uint32_t)sum;
}

static const char *copy(struct parser *p, const char *text)
{
    return jd_arena_str(p->arena, jd_str_of(text)).ptr;
}

const char *jd_schema_short_name(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot != NULL ? dot + 1 : name;
}

/* The full name of `name` seen inside namespace `space`. */
static const char *full_name(struct parser *p, const char *name, const char *space)
{
    if (strchr(name, '.') != NULL || space == NULL || *space == '\0')
        return copy(p, name);
    return jd_arena_printf(p->arena, "%s.%s", space, name).ptr;
}

static const char *space_of(struct parser *p, const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot == NULL ? NULL : jd_arena_printf(p->arena, "%.*s", (int)(dot - name), name).ptr;
}

static struct jd_schema *node(struct parser *p, enum jd_avro_type type, uint32_t min_size)
{
    if (++p->nodes > JD_SCHEMA_NODES_MAX)
        return fail(p, "too many types", NULL);
    struct jd_schema *schema = jd_arena_alloc(p->arena, sizeof *schema);
    *schema = (struct jd_schema){.type = type, .min_size = min_size, .steps = 1, .complete = true};
    return schema;
}

static const struct {
    const char *name;
    enum jd_avro_type type;
    uint32_t min_size;
} primitives[] = {
    {"null", JD_AVRO_NULL, 0},   {"boolean", JD_AVRO_BOOLEAN, 1}, {"int", JD_AVRO_INT, 1},
    {"long", JD_AVRO_LONG, 1},   {"float", JD_AVRO_FLOAT, 4},     {"double", JD_AVRO_DOUBLE, 8},
    {"bytes", JD_AVRO_BYTES, 1}, {"string", JD_AVRO_STRING, 1},
};

static struct jd_schema *by_name(struct parser *p, const char *name, const char *space)
{
    for (size_t i = 0; i < JD_COUNT(primitives); i++)
        if (strcmp(primitives[i].name, name) == 0)
            return node(p, primitives[i].type, primitives[i].min_size);
    const char *full = full_name(p, name, space);
    for (uint32_t i = 0; i < p->named_count; i++) {
        if (strcmp(p->named[i]->name, full) != 0)
            continue;
        return p->named[i]->complete ? p->named[i] : fail(p, "recursive type", full);
    }
    return fail(p, "unknown type", full);
}

/* Names listed under `aliases`, as full names when `space` is wanted. */
static bool take_aliases(struct parser *p, const json_t *json, bool full, const char *space,
                         const char *const **out, uint32_t *count)
{
    const json_t *aliases = json_object_get(json, "aliases");
    size_t size = json_array_size(aliases);
    if (aliases != NULL && (!json_is_array(aliases) || size > 64))
        return fail(p, "bad aliases", NULL) != NULL;
    const char **names = jd_arena_array(p->arena, size + 1, sizeof *names);
    for (size_t i = 0; i < size; i++) {
        const char *name = json_string_value(json_array_get(aliases, i));
        if (name == NULL)
            return fail(p, "bad aliases", NULL) != NULL;
        names[i] = full ? full_name(p, name, space) : copy(p, name);
    }
    *out = names;
    *count = (uint32_t)size;
    return true;
}

static struct jd_schema *named(struct parser *p, const json_t *json, enum jd_avro_type type,
                               const char *space)
{
    const char *name = json_string_value(json_object_get(json, "name"));
    const char *own = json_string_value(json_object_get(json, "namespace"));
    struct jd_schema *schema = node(p, type, 0);
    if (schema == NULL || name == NULL)
        return schema == NULL ? NULL : fail(p, "a named type without a name", NULL);
    schema->name = full_name(p, name, own != NULL ? own : space);
    schema->complete = false;
    for (uint32_t i = 0; i < p->named_count; i++)
        if (strcmp(p->named[i]->name, schema->name) == 0)
            return fail(p, "defined twice", schema->name);
    if (!take_aliases(p, json, true, space_of(p, schema->name), &schema->aliases, &schema->alias_count))
        return NULL;
    if (p->named_count == p->named_capacity)
        p->named =
            jd_arena_grow(p->arena, p->named, p->named_count, &p->named_capacity, sizeof(struct jd_schema *));
    p->named[p->named_count++] = schema;
    return schema;
}

static bool is_empty(const json_t *value)
{
    return json_is_null(value) || (json_is_array(value) && json_array_size(value) == 0) ||
           (json_is_object(value) && json_object_size(value) == 0);
}

static struct jd_schema *parse_record(struct parser *p, const json_t *json, const char *space)
{
    struct jd_schema *record = named(p, json, JD_AVRO_RECORD, space);
    const json_t *fields = json_object_get(json, "fields");
    if (record == NULL || !json_is_array(fields) || json_array_size(fields) > JD_SCHEMA_NODES_MAX)
        return record == NULL ? NULL : fail(p, "bad fields", record->name);
    size_t count = json_array_size(fields);
    struct jd_schema_field *rows = jd_arena_array(p->arena, count + 1, sizeof *rows);
    const struct jd_schema **of = jd_arena_array(p->arena, count + 1, sizeof *of);
    const char *inside = space_of(p, record->name);
    uint64_t min_size = 0, steps = 1;
    for (size_t i = 0; i < count; i++) {
        const json_t *field = json_array_get(fields, i);
        const char *name = json_string_value(json_object_get(field, "name"));
        const json_t *fallback = json_object_get(field, "default");
        if (name == NULL)
            return fail(p, "a field without a name", record->name);
        for (size_t k = 0; k < i; k++)
            if (strcmp(rows[k].name, name) == 0)
                return fail(p, "a field twice", name);
        rows[i].name = copy(p, name);
        rows[i].has_default = fallback != NULL;
        rows[i].default_is_empty = is_empty(fallback);
        if (!take_aliases(p, field, false, NULL, &rows[i].aliases, &rows[i].alias_count) ||
            (of[i] = parse(p, json_object_get(field, "type"), inside)) == NULL)
            return NULL;
        min_size += of[i]->min_size;
        steps += of[i]->steps;
    }
    if (steps > JD_SCHEMA_STEPS_MAX)
        return fail(p, "too many nested fields", record->name);
    record->fields = rows;
    record->of = of;
    record->count = (uint32_t)count;
    record->min_size = saturated(min_size);
    record->steps = saturated(steps);
    record->complete = true;
    return record;
}

static struct jd_schema *parse_enum(struct parser *p, const json_t *json, const char *space)
{
    struct jd_schema *schema = named(p, json, JD_AVRO_ENUM, space);
    const json_t *symbols = json_object_get(json, "symbols");
    size_t count = json_array_size(symbols);
    if (schema == NULL || count == 0 || count > JD_SCHEMA_NODES_MAX)
        return schema == NULL ? NULL : fail(p, "bad symbols", schema->name);
    const char **texts = jd_arena_array(p->arena, count, sizeof *texts);
    for (size_t i = 0; i < count; i++) {
        const char *text = json_string_value(json_array_get(symbols, i));
        if (text == NULL)
            return fail(p, "bad symbols", schema->name);
        texts[i] = copy(p, text);
    }
    schema->symbols = texts;
    schema->count = (uint32_t)count;
    schema->min_size = 1;
    schema->complete = true;
    return schema;
}

static struct jd_schema *parse_fixed(struct parser *p, const json_t *json, const char *space)
{
    struct jd_schema *schema = named(p, json, JD_AVRO_FIXED, space);
    const json_t *size = json_object_get(json, "size");
    if (schema == NULL || !json_is_integer(size) || json_integer_value(size) < 0 ||
        json_integer_value(size) > INT32_MAX)
        return schema == NULL ? NULL : fail(p, "bad size", schema->name);
    schema->size = schema->min_size = (uint32_t)json_integer_value(size);
    schema->complete = true;
    return schema;
}

static struct jd_schema *parse_items(struct parser *p, const json_t *json, enum jd_avro_type type,
                                     const char *space)
{
    struct jd_schema *schema = node(p, type, 1);
    const struct jd_schema **of = jd_arena_array(p->arena, 1, sizeof *of);
    if (schema == NULL)
        return NULL;
    of[0] = parse(p, json_object_get(json, type == JD_AVRO_ARRAY ? "items" : "values"), space);
    if (of[0] == NULL)
        return NULL;
    if (type == JD_AVRO_ARRAY && of[0]->min_size == 0)
        return fail(p, "array items that take no bytes", of[0]->name);
    schema->of = of;
    schema->count = 1;
    return schema;
}

static struct jd_schema *parse_union(struct parser *p, const json_t *json, const char *space)
{
    size_t count = json_array_size(json);
    struct jd_schema *schema = node(p, JD_AVRO_UNION, 0);
    if (schema == NULL || count == 0 || count > JD_SCHEMA_NODES_MAX)
        return schema == NULL ? NULL : fail(p, "bad union", NULL);
    const struct jd_schema **of = jd_arena_array(p->arena, count, sizeof *of);
    uint32_t least = UINT32_MAX, steps = 0;
    for (size_t i = 0; i < count; i++) {
        of[i] = parse(p, json_array_get(json, i), space);
        if (of[i] == NULL)
            return NULL;
        if (of[i]->type == JD_AVRO_UNION)
            return fail(p, "a union within a union", NULL);
        least = of[i]->min_size < least ? of[i]->min_size : least;
        steps = of[i]->steps > steps ? of[i]->steps : steps;
    }
    schema->of = of;
    schema->count = (uint32_t)count;
    schema->min_size = saturated((uint64_t)least + 1);
    schema->steps = saturated((uint64_t)steps + 1);
    return schema;
}

static bool take_logical(struct parser *p, const json_t *json, struct jd_schema *schema)
{
    const char *logical = json_string_value(json_object_get(json, "logicalType"));
    if (logical == NULL)
        return true;
    if (strcmp(logical, "timestamp-millis") == 0) {
        schema->logical = JD_LOGICAL_MILLIS;
    } else if (strcmp(logical, "timestamp-micros") == 0) {
        schema->logical = JD_LOGICAL_MICROS;
    } else if (strstr(logical, "time") != NULL || strcmp(logical, "date") == 0) {
        schema->logical = JD_LOGICAL_OTHER_TIME;
    } else if (strcmp(logical, "decimal") == 0) {
        const json_t *scale = json_object_get(json, "scale");
        json_int_t value = json_integer_value(scale); /* 0 where there is none, as the specification has it */
        if (value < 0 || value > 9)
            return fail(p, "a decimal of more than 9 places", NULL) != NULL;
        schema->logical = JD_LOGICAL_DECIMAL;
        schema->scale = (uint32_t)value;
    }
    return true;
}

static struct jd_schema *parse_object(struct parser *p, const json_t *json, const char *space)
{
    const json_t *type = json_object_get(json, "type");
    const char *name = json_string_value(type);
    struct jd_schema *schema;
    if (name == NULL)
        schema = parse(p, type, space); /* {"type": {…}} */
    else if (strcmp(name, "record") == 0 || strcmp(name, "error") == 0)
        schema = parse_record(p, json, space);
    else if (strcmp(name, "enum") == 0)
        schema = parse_enum(p, json, space);
    else if (strcmp(name, "fixed") == 0)
        schema = parse_fixed(p, json, space);
    else if (strcmp(name, "array") == 0)
        schema = parse_items(p, json, JD_AVRO_ARRAY, space);
    else if (strcmp(name, "map") == 0)
        schema = parse_items(p, json, JD_AVRO_MAP, space);
    else
        schema = by_name(p, name, space);
    bool plain = schema != NULL && schema->type <= JD_AVRO_STRING;
    bool own_fixed = schema != NULL && name != NULL && strcmp(name, "fixed") == 0;
    if ((plain || own_fixed) && !take_logical(p, json, schema))
        return NULL;
    return schema;
}

static struct jd_schema *parse(struct parser *p, const json_t *json, const char *space)
{
    struct jd_schema *schema = NULL;
    if (++p->depth > JD_SCHEMA_DEPTH_MAX)
        schema = fail(p, "nested too deep", NULL);
    else if (json_is_string(json))
        schema = by_name(p, json_string_value(json), space);
    else if (json_is_array(json))
        schema = parse_union(p, json, space);
    else if (json_is_object(json))
        schema = parse_object(p, json, space);
    else
        schema = fail(p, "a type that is no type", NULL);
    p->depth--;
    return schema;
}

/* avro-c keeps its error text in one static buffer, so one thread at a time. */
static bool avro_accepts(struct jd_str text, struct jd_error *err)
{
    static pthread_mutex_t one = PTHREAD_MUTEX_INITIALIZER;
    avro_schema_t schema = NULL;
    pthread_mutex_lock(&one);
    bool ok = avro_schema_from_json_length(text.ptr, text.size, &schema) == 0;
    if (ok)
        avro_schema_decref(schema);
    else
        jd_error_set(err, JD_EXIT_CONFIG, "schema: %.200s", avro_strerror());
    pthread_mutex_unlock(&one);
    return ok;
}

const struct jd_schema *jd_schema_parse(struct jd_str text, struct jd_arena *arena, struct jd_error *err)
{
    struct parser p = {.arena = arena, .err = err};
    json_error_t json_error;
    if (text.size > JD_SCHEMA_BYTES_MAX)
        return fail(&p, "over 1 MiB", NULL);
    json_t *json = json_loadb(text.ptr, text.size, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &json_error);
    if (json == NULL) {
        jd_error_set(err, JD_EXIT_CONFIG, "schema: line %d: %.200s", json_error.line, json_error.text);
        return NULL;
    }
    /* Our own reading first: it bounds what avro-c is then given. */
    const struct jd_schema *schema = parse(&p, json, NULL);
    json_decref(json);
    return schema != NULL && avro_accepts(text, err) ? schema : NULL;
}

#include "wire/resolve.h"

#include <string.h>

#include "base/contract.h"
#include "base/str.h"
#include "wire/plan.h"

struct compiler {
    struct jd_arena *arena;
    struct jd_error *err;
    uint32_t plans;
};

/* Where a value goes: a row of the table, or an item of one. */
struct target {
    const struct jd_field *field;
    enum jd_kind kind;
    uint32_t offset;
    bool item; /* of field's list */
    const char *path;
};

static const struct jd_plan *compile(struct compiler *c, const struct jd_schema *writer,
                                     const struct jd_schema *reader, const struct target *target);

static const struct jd_plan *fail(struct compiler *c, const char *path, const char *what)
{
    jd_error_set(c->err, JD_EXIT_CONFIG, "schema does not resolve: %s: %s", *path != '\0' ? path : "record",
                 what);
    return NULL;
}

static struct jd_plan *plan_of(struct compiler *c, enum jd_plan_op op, const struct jd_schema *writer,
                               const struct target *target)
{
    if (++c->plans > JD_SCHEMA_STEPS_MAX) {
        (void)fail(c, target->path, "too many nested fields");
        return NULL;
    }
    struct jd_plan *plan = jd_arena_alloc(c->arena, sizeof *plan);
    plan->op = op;
    plan->writer = writer;
    plan->offset = target->offset;
    plan->path = target->path;
    return plan;
}

static bool names_match(const struct jd_schema *writer, const struct jd_schema *reader)
{
    if (strcmp(jd_schema_short_name(writer->name), jd_schema_short_name(reader->name)) == 0)
        return true;
    for (uint32_t i = 0; i < reader->alias_count; i++)
        if (strcmp(writer->name, reader->aliases[i]) == 0)
            return true;
    return false;
}

/* The reader's field that the writer's field `name` is; reader->count: none. */
static uint32_t find_field(const struct jd_schema *reader, const char *name)
{
    for (uint32_t i = 0; i < reader->count; i++)
        if (strcmp(reader->fields[i].name, name) == 0)
            return i;
    for (uint32_t i = 0; i < reader->count; i++)
        for (uint32_t k = 0; k < reader->fields[i].alias_count; k++)
            if (strcmp(reader->fields[i].aliases[k], name) == 0)
                return i;
    return reader->count;
}

static const struct jd_plan *compile_record(struct compiler *c, const struct jd_schema *writer,
                                            const struct jd_schema *reader, const struct jd_record *record,
                                            const struct target *target)
{
    if (writer->type != JD_AVRO_RECORD || !names_match(writer, reader))
        return fail(c, target->path, "not this record");
    struct jd_plan *plan = plan_of(c, JD_PLAN_RECORD, writer, target);
    if (plan == NULL)
        return NULL;
    const struct jd_plan **children = jd_arena_array(c->arena, writer->count + 1, sizeof(struct jd_plan *));
    bool *found = jd_arena_array(c->arena, record->count, sizeof *found);
    for (uint32_t i = 0; i < writer->count; i++) {
        uint32_t row = find_field(reader, writer->fields[i].name);
        if (row == reader->count || found[row]) {
            children[i] = plan_of(c, JD_PLAN_SKIP, writer->of[i], target);
        } else {
            const struct jd_field *field = &record->fields[row];
            struct target inner = {
                .field = field, .kind = field->kind, .offset = target->offset + field->offset};
            inner.path =
                jd_arena_printf(c->arena, *target->path != '\0' ? "%s.%s" : "%s%s", target->path, field->name)
                    .ptr;
            found[row] = true;
            children[i] = compile(c, writer->of[i], reader->of[row], &inner);
        }
        if (children[i] == NULL)
            return NULL;
    }
    for (uint32_t row = 0; row < record->count; row++)
        if (!found[row] && !reader->fields[row].has_default)
            return fail(c, record->fields[row].name, "the writer has no such field");
    plan->children = children;
    plan->count = writer->count;
    void *blank = jd_arena_alloc(c->arena, record->size);
    jd_record_clear(record, blank);
    plan->blank = blank;
    plan->record = record;
    return plan;
}

static const struct jd_plan *compile_union(struct compiler *c, const struct jd_schema *writer,
                                           const struct jd_schema *reader, const struct target *target)
{
    struct jd_plan *plan = plan_of(c, JD_PLAN_UNION, writer, target);
    if (plan == NULL)
        return NULL;
    const struct jd_plan **children = jd_arena_array(c->arena, writer->count, sizeof(struct jd_plan *));
    bool any = false;
    for (uint32_t i = 0; i < writer->count; i++) {
        children[i] = compile(c, writer->of[i], reader, target);
        any = any || children[i] != NULL;
        if (children[i] == NULL) { /* only data that takes this branch is not ours */
            struct jd_plan *refuse = plan_of(c, JD_PLAN_REFUSE, writer->of[i], target);
            if (refuse == NULL)
                return NULL;
            refuse->refusal =
                writer->of[i]->type == JD_AVRO_NULL ? JD_REFUSED_MISSING_FIELD : JD_REFUSED_WRONG_TYPE;
            children[i] = refuse;
        }
    }
    if (!any)
        return NULL;
    plan->children = children;
    plan->count = writer->count;
    return plan;
}

static const struct jd_plan *compile_enum(struct compiler *c, const struct jd_schema *writer,
                                          const struct jd_schema *reader, const struct target *target)
{
    const struct jd_symbols *symbols = target->field->symbols;
    if (writer->type == JD_AVRO_STRING) {
        struct jd_plan *plan = plan_of(c, JD_PLAN_ENUM_TEXT, writer, target);
        if (plan != NULL)
            plan->symbols = symbols;
        return plan;
    }
    if (writer->type != JD_AVRO_ENUM || !names_match(writer, reader))
        return fail(c, target->path, "not this enum");
    struct jd_plan *plan = plan_of(c, JD_PLAN_ENUM, writer, target);
    if (plan == NULL)
        return NULL;
    uint8_t *values = jd_arena_array(c->arena, writer->count, sizeof *values);
    for (uint32_t i = 0; i < writer->count; i++)
        values[i] = jd_symbol_of(symbols, jd_str_of(writer->symbols[i]));
    plan->values = values;
    plan->count = writer->count;
    return plan;
}

static const struct jd_plan *compile_list(struct compiler *c, const struct jd_schema *writer,
                                          const struct jd_schema *reader, const struct target *target)
{
    const struct jd_field *field = target->field;
    if (writer->type != JD_AVRO_ARRAY)
        return fail(c, target->path, "not an array");
    struct jd_plan *plan = plan_of(c, JD_PLAN_LIST, writer, target);
    if (plan == NULL)
        return NULL;
    struct target item = {.field = field,
                          .kind = field->record != NULL ? JD_RECORD : JD_STRING,
                          .item = true,
                          .path = jd_arena_printf(c->arena, "%s[]", target->path).ptr};
    const struct jd_plan **child = jd_arena_array(c->arena, 1, sizeof(struct jd_plan *));
    child[0] = compile(c, writer->of[0], reader->of[0], &item);
    if (child[0] == NULL)
        return NULL;
    plan->children = child;
    plan->count = 1;
    plan->max = field->max != 0 ? field->max : JD_LIST_MAX;
    plan->record = field->record;
    plan->size = field->record != NULL ? field->record->size : (uint32_t)sizeof(struct jd_str);
    return plan;
}

static const struct jd_plan *compile_scalar(struct compiler *c, enum jd_plan_op op, uint32_t types,
                                            const struct jd_schema *writer, const struct target *target)
{
    if ((types >> writer->type & 1) == 0)
        return fail(c, target->path, "of another type");
    struct jd_plan *plan = plan_of(c, op, writer, target);
    if (plan == NULL)
        return NULL;
    plan->max = target->field->max;
    if (op == JD_PLAN_MAP)
        plan->max = plan->max != 0 ? plan->max : JD_LIST_MAX;
    else if (plan->max == 0 || target->item)
        plan->max = JD_STRING_MAX;
    return plan;
}

#define TYPE(t) (1u << JD_AVRO_##t)
#define TEXTS (TYPE(STRING) | TYPE(BYTES))
#define WHOLE (TYPE(INT) | TYPE(LONG))

static const struct jd_plan *compile_time(struct compiler *c, const struct jd_schema *writer,
                                          const struct target *target)
{
    if (writer->logical == JD_LOGICAL_OTHER_TIME)
        return fail(c, target->path, "not an instant in ms or µs");
    return compile_scalar(c, writer->logical == JD_LOGICAL_MICROS ? JD_PLAN_TIME_MICROS : JD_PLAN_TIME, WHOLE,
                          writer, target);
}

static const struct jd_plan *compile_map(struct compiler *c, const struct jd_schema *writer,
                                         const struct target *target)
{
    if (writer->type == JD_AVRO_MAP && (TEXTS >> writer->of[0]->type & 1) == 0)
        return fail(c, target->path, "not a map of strings");
    return compile_scalar(c, JD_PLAN_MAP, TYPE(MAP), writer, target);
}

static const struct jd_plan *compile(struct compiler *c, const struct jd_schema *writer,
                                     const struct jd_schema *reader, const struct target *target)
{
    if (writer->type == JD_AVRO_UNION)
        return compile_union(c, writer, reader, target);
    if (writer->type == JD_AVRO_NULL && (target->kind == JD_LIST || target->kind == JD_MAP))
        return plan_of(c, JD_PLAN_ABSENT, writer, target);
    if (reader->type == JD_AVRO_UNION) { /* ours are of null and one type */
        if (writer->type == JD_AVRO_NULL)
            return plan_of(c, JD_PLAN_ABSENT, writer, target);
        reader = reader->of[1];
    }
    switch (target->kind) {
    case JD_STRING:
        return compile_scalar(c, JD_PLAN_STRING, TEXTS, writer, target);
    case JD_ENUM:
        return compile_enum(c, writer, reader, target);
    case JD_TIME:
        return compile_time(c, writer, target);
    case JD_INT:
        return compile_scalar(c, JD_PLAN_INT, WHOLE, writer, target);
    case JD_BOOL:
        return compile_scalar(c, JD_PLAN_BOOL, TYPE(BOOLEAN), writer, target);
    case JD_DECIMAL:
        if (writer->logical == JD_LOGICAL_DECIMAL)
            return compile_scalar(c, JD_PLAN_DECIMAL_BYTES, TYPE(BYTES) | TYPE(FIXED), writer, target);
        return compile_scalar(c, JD_PLAN_DECIMAL_TEXT, TEXTS, writer, target);
    case JD_DOUBLE:
        return compile_scalar(c, JD_PLAN_DOUBLE, WHOLE | TYPE(FLOAT) | TYPE(DOUBLE), writer, target);
    case JD_RECORD:
        return compile_record(c, writer, reader, target->field->record, target);
    case JD_LIST:
        return compile_list(c, writer, reader, target);
    case JD_MAP:
        return compile_map(c, writer, target);
    case JD_VARIANT:
        break; /* the journal's and the state's own; they are read by base/avro.h */
    }
    return fail(c, target->path, "not read from other schemas");
}

const struct jd_plan *jd_resolve(const struct jd_schema *writer, const struct jd_schema *reader,
                                 const struct jd_record *record, struct jd_arena *arena, struct jd_error *err)
{
    struct compiler c = {.arena = arena, .err = err};
    struct target top = {.path = ""};
    return compile_record(&c, writer, reader, record, &top);
}

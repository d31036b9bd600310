/* Selectors: which touches a rule means. A map of fields to values, sets or comparisons; all must hold. */
#include <string.h>

#include "base/avro.h"
#include "base/contract.h"
#include "base/str.h"
#include "engine/fields.h"
#include "policy/compile.h"
#include "policy/value.h"

enum {
    CONDITIONS_MAX = 64,
    VALUES_MAX = 1024,
    VALUE_SIZE_MAX = 256,
    NAMES_MAX = 96,
    FIELDS_MAX = 16,
    TYPES_MAX = 256
};

static const char *const operator_names[] = {"in", "not_in", "ne", "lt", "le", "gt", "ge", "exists", NULL};

static uint32_t fill_field_names(const char *names[NAMES_MAX])
{
    static const char *const also[] = {"hcp", "actor.id", "actor.role", "actor.team", "outcome"};
    uint32_t count = 0;
    for (uint32_t i = 0; i < JD_FIELD_ATTRIBUTE; i++)
        names[count++] = jd_touch_fields[i].name;
    for (size_t i = 0; i < JD_COUNT(also); i++)
        names[count++] = also[i];
    names[count++] = "attributes.<key>";
    names[count] = NULL;
    return count;
}

void jd_suggest_field(struct jd_compile *c, struct jd_str written, bool profile)
{
    const char *names[NAMES_MAX];
    uint32_t count = fill_field_names(names);
    for (uint32_t i = 0; profile && i < JD_FIELD_PROFILE_ATTRIBUTE; i++)
        names[count++] = jd_profile_fields[i].name;
    names[count] = NULL;
    jd_problem_suggest(c->problems, written, names);
}

bool jd_same_field(const struct jd_field_ref *a, const struct jd_field_ref *b)
{
    return a->field == b->field && a->profile == b->profile && jd_str_eq(a->attribute, b->attribute) &&
           a->group == b->group;
}

static bool profile_field_of(struct jd_compile *c, struct jd_place place, struct jd_str name,
                             struct jd_field_ref *out)
{
    const char *names[JD_PROFILE_FIELD_END_ + 1];
    if (jd_profile_ref_of(name, out))
        return true;
    for (uint32_t i = 0; i < JD_FIELD_PROFILE_ATTRIBUTE; i++)
        names[i] = jd_profile_fields[i].name;
    names[JD_FIELD_PROFILE_ATTRIBUTE] = "attributes.<key>";
    names[JD_FIELD_PROFILE_ATTRIBUTE + 1] = NULL;
    jd_error_at(c, place, "a profile has no field \"%.*s\"", name.size < 80 ? (int)name.size : 80, name.ptr);
    jd_problem_suggest(c->problems, name, names);
    return false;
}

bool jd_read_field(struct jd_compile *c, struct jd_place place, struct jd_str name, struct jd_field_ref *out)
{
    if (jd_field_ref_of(jd_str_eq(name, JD_STR("outcome")) ? JD_STR("outcome.code") : name, out))
        return true;
    jd_error_at(c, place, "a touch has no field \"%.*s\"", name.size < 80 ? (int)name.size : 80, name.ptr);
    jd_suggest_field(c, name, false);
    return false;
}

/* ---- one condition ------------------------------------------------------------------------------ */

/* What is being read: a field, and where its name stands. */
struct subject {
    struct jd_compile *c;
    const struct jd_touch_field *field;
    const char *name; /* as written */
    struct jd_condition condition;
};

static bool read_code(struct subject *s, const struct jd_node *node)
{
    bool truth;
    uint8_t code = 0;
    if (s->field->kind == JD_BOOL && node->kind == JD_NODE_SCALAR && jd_value_truth(node->text, &truth))
        code = truth ? JD_TRUE : JD_FALSE;
    else if (s->field->kind == JD_ENUM && node->kind == JD_NODE_SCALAR)
        code = jd_symbol_of(s->field->symbols, node->text);
    if (code != 0) {
        s->condition.enum_set |= UINT64_C(1) << code;
        return true;
    }
    jd_expected(s->c, node, s->name,
                s->field->kind == JD_BOOL ? "true or false" : "a value of its closed list");
    if (s->field->kind == JD_ENUM && node->kind == JD_NODE_SCALAR)
        jd_suggest_symbol(s->c, node->text, s->field->symbols);
    return false;
}

static bool read_decimal(struct subject *s, const struct jd_node *node, struct jd_decimal *out)
{
    bool ok = node->kind == JD_NODE_SCALAR && jd_decimal_parse(node->text, out) &&
              (s->field->kind == JD_DECIMAL || out->scale == 0);
    if (!ok)
        jd_expected(s->c, node, s->name,
                    s->field->kind == JD_DECIMAL ? "a decimal number" : "a whole number");
    return ok;
}

static bool read_string(struct subject *s, const struct jd_node *node, struct jd_str *out)
{
    *out = node->text;
    if (node->kind == JD_NODE_SCALAR && node->text.size > 0 && node->text.size <= VALUE_SIZE_MAX)
        return true;
    jd_expected(s->c, node, s->name, "a text of at most 256 bytes");
    return false;
}

/* The values of JD_IN and JD_NOT_IN: one, or a list. */
static bool read_set(struct subject *s, const struct jd_node *node)
{
    const struct jd_node *nodes = node->kind == JD_NODE_LIST ? node->items : node;
    uint32_t count = node->kind == JD_NODE_LIST ? node->count : 1;
    if (count == 0 || count > VALUES_MAX) {
        jd_error_at(s->c, node->place, "%s: %s", s->name,
                    count == 0 ? "the list is empty: nothing could match" : "more than 1024 values");
        return false;
    }
    struct jd_str *texts = NULL;
    struct jd_decimal *decimals = NULL;
    if (s->field->kind == JD_STRING)
        texts = jd_arena_array(s->c->arena, count, sizeof *texts);
    if (s->field->kind == JD_DECIMAL || s->field->kind == JD_INT)
        decimals = jd_arena_array(s->c->arena, count, sizeof *decimals);
    bool ok = true;
    for (uint32_t i = 0; i < count; i++) {
        if (texts != NULL)
            ok = read_string(s, &nodes[i], &texts[i]) && ok;
        else if (decimals != NULL)
            ok = read_decimal(s, &nodes[i], &decimals[i]) && ok;
        else
            ok = read_code(s, &nodes[i]) && ok;
    }
    s->condition.decimals = decimals;
    s->condition.decimal_count = decimals != NULL ? count : 0;
    s->condition.texts = texts;
    s->condition.text_count = texts != NULL ? jd_sort_texts(texts, count) : 0;
    return ok;
}

static bool read_comparison(struct subject *s, const struct jd_node *node)
{
    if (s->field->kind == JD_DECIMAL || s->field->kind == JD_INT)
        return read_decimal(s, node, &s->condition.decimal);
    if (s->field->kind == JD_TIME) {
        if (node->kind == JD_NODE_SCALAR && jd_time_of_text(s->c, node->text, &s->condition.time))
            return true;
        jd_expected(s->c, node, s->name, "a date (2026-03-01) or a time (2026-03-01T09:00:00Z)");
        return false;
    }
    jd_error_at(s->c, node->place, "%s: only numbers and times are compared with lt, le, gt and ge", s->name);
    jd_problem_hint(s->c->problems, "name the values: [a, b], or {not_in: [a, b]}");
    return false;
}

static bool read_operator(struct subject *s, const struct jd_member *member)
{
    static const enum jd_compare compares[] = {JD_IN, JD_NOT_IN, JD_NOT_IN, JD_LT,
                                               JD_LE, JD_GT,     JD_GE,     JD_EXISTS};
    uint32_t i = 0;
    while (operator_names[i] != NULL && !jd_str_eq(member->key, jd_str_of(operator_names[i])))
        i++;
    if (operator_names[i] == NULL) {
        jd_error_at(s->c, member->place, "%s: there is no comparison \"%.*s\"", s->name,
                    member->key.size < 80 ? (int)member->key.size : 80, member->key.ptr);
        jd_problem_suggest(s->c->problems,
                           jd_str_eq(member->key, JD_STR("not")) ? JD_STR("not_in") : member->key,
                           operator_names);
        return false;
    }
    s->condition.op = compares[i];
    if (s->condition.op == JD_EXISTS) {
        bool exists;
        if (member->value.kind != JD_NODE_SCALAR || !jd_value_truth(member->value.text, &exists)) {
            jd_expected(s->c, &member->value, "exists", "true or false");
            return false;
        }
        s->condition.op = exists ? JD_EXISTS : JD_ABSENT;
        return true;
    }
    if (s->condition.op != JD_IN && s->condition.op != JD_NOT_IN)
        return read_comparison(s, &member->value);
    if (s->field->kind == JD_TIME) {
        jd_error_at(s->c, member->place, "%s: times are compared with lt, le, gt and ge", s->name);
        return false;
    }
    return read_set(s, &member->value);
}

/* ---- a selector --------------------------------------------------------------------------------- */

static void add_condition(struct subject *s, struct jd_conditions *b, struct jd_place place)
{
    if (b->count == CONDITIONS_MAX)
        jd_error_at(s->c, place, "a selector has more than 64 conditions");
    else
        b->items[b->count++] = s->condition;
}

struct jd_conditions jd_conditions_begin(struct jd_compile *c)
{
    return (struct jd_conditions){jd_arena_array(c->arena, CONDITIONS_MAX, sizeof(struct jd_condition)), 0};
}

void jd_read_conditions(struct jd_compile *c, const struct jd_member *member,
                        const struct jd_touch_field *field, struct jd_field_ref ref, struct jd_conditions *b)
{
    struct subject s = {.c = c, .name = member->key.ptr, .field = field, .condition = {.ref = ref}};
    const struct jd_node *value = &member->value;
    if (jd_node_is_null(value)) {
        jd_error_at(c, member->place, "%s: has no value", s.name);
        jd_problem_hint(c->problems, "{exists: false} means that it is absent");
    } else if (value->kind != JD_NODE_MAP) {
        s.condition.op = JD_IN;
        if (s.field->kind == JD_TIME)
            jd_error_at(c, value->place, "%s: times are compared with lt, le, gt and ge", s.name);
        else if (read_set(&s, value))
            add_condition(&s, b, member->place);
    } else if (value->count == 0) {
        jd_expected(c, value, s.name, "a value, a list or a comparison");
    } else {
        for (uint32_t i = 0; i < value->count; i++) {
            s.condition = (struct jd_condition){.ref = ref};
            if (read_operator(&s, &value->members[i]))
                add_condition(&s, b, value->members[i].place);
        }
    }
}

static void read_field(struct jd_compile *c, const struct jd_member *member, struct jd_conditions *b)
{
    struct jd_field_ref ref;
    if (jd_read_field(c, member->place, member->key, &ref))
        jd_read_conditions(c, member, &jd_touch_fields[ref.field], ref, b);
}

static void unknown_type(struct jd_compile *c, struct jd_place place, struct jd_str name)
{
    const char *names[TYPES_MAX + 1];
    uint32_t count = 0;
    const struct jd_event_type *type;
    for (uint32_t i = 0; (type = jd_event_type_at(i)) != NULL && count < TYPES_MAX; i++)
        if (type->class != JD_CLASS_NONE)
            names[count++] = type->name.ptr;
    names[count] = NULL;
    jd_error_at(c, place, "type: no event type is named \"" JD_STR_FMT "\" (schemas/types.csv)",
                JD_STR_ARG(name));
    jd_problem_suggest(c->problems, name, names);
}

/* The classes of the named types; reports types that are not listed or are ignored. */
static uint32_t classes_of(struct jd_compile *c, const struct jd_condition *condition, struct jd_place place)
{
    uint32_t all = 0, named = 0;
    for (uint32_t class = 1; class < JD_CLASS_END_; class ++)
        all |= 1u << class;
    for (uint32_t i = 0; i < condition->text_count; i++) {
        const struct jd_event_type *type = jd_event_type_of(condition->texts[i]);
        if (type == NULL)
            unknown_type(c, place, condition->texts[i]);
        else if (type->class == JD_CLASS_NONE)
            jd_error_at(c, place, "type: events of type \"" JD_STR_FMT "\" are ignored (schemas/types.csv)",
                        JD_STR_ARG(condition->texts[i]));
        else
            named |= 1u << type->class;
    }
    return condition->op == JD_IN ? named : all;
}

/* The values of a closed list that both conditions leave; everything where it is not known. */
static uint64_t codes_left(const struct jd_condition *x)
{
    if (x->enum_set == 0)
        return UINT64_MAX;
    return x->op == JD_IN ? x->enum_set : x->op == JD_NOT_IN ? ~x->enum_set : UINT64_MAX;
}

static bool names_same(const struct jd_field_ref *a, const struct jd_field_ref *b)
{
    return a->field == b->field && jd_str_eq(a->attribute, b->attribute);
}

/* The functions that the roles of a set have, as bits. */
static uint64_t functions_of(uint64_t roles)
{
    uint64_t functions = 0;
    for (uint32_t role = 1; role < JD_ROLE_END_; role++)
        if ((roles >> role) & 1)
            functions |= UINT64_C(1) << jd_role_function((enum jd_role)role);
    return functions;
}

static bool share_text(const struct jd_condition *x, const struct jd_condition *y)
{
    for (uint32_t i = 0; i < x->text_count; i++)
        for (uint32_t j = 0; j < y->text_count; j++)
            if (jd_str_eq(x->texts[i], y->texts[j]))
                return true;
    return false;
}

/* No value meets both conditions of one field (or of role and function). */
static bool contradict(const struct jd_condition *x, const struct jd_condition *y)
{
    if (x->ref.field == JD_FIELD_ROLE && y->ref.field == JD_FIELD_FUNCTION && x->enum_set != 0 &&
        x->op == JD_IN)
        return (functions_of(x->enum_set) & codes_left(y)) == 0;
    if (!names_same(&x->ref, &y->ref) || jd_touch_fields[x->ref.field].many)
        return false;
    if ((x->op == JD_ABSENT) != (y->op == JD_ABSENT))
        return true;
    if (x->enum_set != 0 && y->enum_set != 0)
        return (codes_left(x) & codes_left(y)) == 0;
    return x->op == JD_IN && y->op == JD_IN && x->text_count > 0 && y->text_count > 0 && !share_text(x, y);
}

static bool can_match(const struct jd_selector *s)
{
    for (uint32_t i = 0; i < s->count; i++) {
        const struct jd_condition *x = &s->conditions[i];
        bool never = x->ref.field == JD_FIELD_PHASE && x->op == JD_IN &&
                     x->enum_set == UINT64_C(1) << JD_PHASE_CANCELLED && s->classes == 1u << JD_CLASS_TOUCH;
        for (uint32_t j = 0; j < s->count && !never; j++)
            never = i != j && contradict(x, &s->conditions[j]);
        if (never)
            return false;
    }
    return true;
}

void jd_read_selector(struct jd_compile *c, const struct jd_key *key, const struct jd_node *node, void *out)
{
    struct jd_selector selector = {.classes = 1u << JD_CLASS_TOUCH};
    struct jd_conditions b = jd_conditions_begin(c);
    uint32_t errors = c->problems->errors;
    if (node->kind != JD_NODE_MAP) {
        jd_expected(c, node, key->name, "a selector: a map of fields, such as { role: msl }");
        return;
    }
    for (uint32_t i = 0; i < node->count; i++) {
        uint32_t before = b.count;
        read_field(c, &node->members[i], &b);
        for (uint32_t j = before; j < b.count; j++)
            if (b.items[j].ref.field == JD_FIELD_TYPE && b.items[j].text_count > 0)
                selector.classes = classes_of(c, &b.items[j], node->members[i].place);
    }
    selector.conditions = b.items;
    selector.count = b.count;
    if (errors == c->problems->errors && !can_match(&selector))
        jd_warn_at(c, node->place, "%s: no touch can ever match this selector", key->name);
    *(struct jd_selector *)out = selector;
}

static void empty_unless(struct jd_compile *c, const struct jd_key *key, struct jd_place place)
{
    jd_error_at(c, place, "%s: an empty selector would leave out every touch", key->name);
    jd_problem_hint(c->problems, "say which: { initiated_by: hcp }; or leave %s: out", key->name);
}

void jd_read_profile_selector(struct jd_compile *c, const struct jd_key *key, const struct jd_node *node,
                              void *out)
{
    struct jd_conditions b = jd_conditions_begin(c);
    if (node->kind != JD_NODE_MAP) {
        jd_expected(c, node, key->name, "a selector over the profile, such as { tier: [A, B] }");
        return;
    }
    for (uint32_t i = 0; i < node->count; i++) {
        struct jd_field_ref ref;
        if (profile_field_of(c, node->members[i].place, node->members[i].key, &ref))
            jd_read_conditions(c, &node->members[i], jd_field_of(&ref), ref, &b);
    }
    c->program->profiles = true;
    *(struct jd_selector *)out = (struct jd_selector){.conditions = b.items, .count = b.count};
}

void jd_read_selector_list(struct jd_compile *c, const struct jd_key *key, const struct jd_node *node,
                           void *out)
{
    struct jd_unless *unless = out;
    const struct jd_node *nodes = node->kind == JD_NODE_LIST ? node->items : node;
    uint32_t count = node->kind == JD_NODE_LIST ? node->count : 1;
    struct jd_selector *items = jd_arena_array(c->arena, count, sizeof *items);
    if (count == 0 || count > FIELDS_MAX)
        jd_error_at(c, node->place, "%s: %s", key->name,
                    count == 0 ? "the list is empty" : "more than 16 selectors");
    *unless = (struct jd_unless){.items = items};
    for (uint32_t i = 0; i < count; i++) {
        if (nodes[i].kind == JD_NODE_SCALAR && jd_str_eq(nodes[i].text, JD_STR("joint"))) {
            if (unless->joint)
                jd_error_at(c, nodes[i].place, "%s: joint is written twice", key->name);
            unless->joint = true;
        } else if (nodes[i].kind != JD_NODE_MAP) {
            jd_expected(c, &nodes[i], key->name, "`joint`, or a selector such as { role: msl }");
        } else {
            if (nodes[i].count == 0)
                empty_unless(c, key, nodes[i].place);
            jd_read_selector(c, key, &nodes[i], &items[unless->count++]);
        }
    }
}

bool jd_selectors_disjoint(const struct jd_selector *a, const struct jd_selector *b,
                           const struct jd_field_ref *by)
{
    if (by->group != NULL)
        return false;
    for (uint32_t i = 0; i < a->count; i++)
        for (uint32_t j = 0; j < b->count; j++)
            if (names_same(&a->conditions[i].ref, by) && contradict(&a->conditions[i], &b->conditions[j]))
                return true;
    return false;
}

/* ---- same: and different: ----------------------------------------------------------------------- */

/* A field, or a group that policy.yaml declares. */
static bool read_field_or_group(struct jd_compile *c, const struct jd_key *key, const struct jd_node *node,
                                struct jd_field_ref *out)
{
    if (node->kind != JD_NODE_SCALAR || node->text.size == 0) {
        jd_expected(c, node, key->name, "a field of the touch, or a group of policy.yaml");
        return false;
    }
    for (uint32_t i = 0; i < c->group_count; i++)
        if (jd_str_eq(c->groups[i].group.name, node->text)) {
            *out = c->groups[i].ref;
            c->groups[i].used = true;
            return true;
        }
    return jd_read_field(c, node->place, node->text, out);
}

static void read_fields(struct jd_compile *c, const struct jd_key *key, const struct jd_node *node,
                        struct jd_fields *out)
{
    const struct jd_node *nodes = node->kind == JD_NODE_LIST ? node->items : node;
    uint32_t count = node->kind == JD_NODE_LIST ? node->count : 1;
    struct jd_field_ref *items = jd_arena_array(c->arena, FIELDS_MAX, sizeof *items);
    if (count == 0 || count > FIELDS_MAX) {
        jd_error_at(c, node->place, "%s: %s", key->name,
                    count == 0 ? "the list is empty" : "more than 16 fields");
        return;
    }
    out->items = items;
    for (uint32_t i = 0; i < count; i++) {
        struct jd_field_ref ref;
        if (!read_field_or_group(c, key, &nodes[i], &ref))
            continue;
        for (uint32_t j = 0; j < out->count; j++)
            if (jd_same_field(&items[j], &ref))
                jd_error_at(c, nodes[i].place, "%s: the field is named twice", key->name);
        items[out->count++] = ref;
    }
}

void jd_read_same(struct jd_compile *c, const struct jd_key *key, const struct jd_node *node, void *out)
{
    if (node->kind == JD_NODE_MAP)
        jd_expected(c, node, key->name, "a field, or a list of fields");
    else
        read_fields(c, key, node, out);
}

static void list_in_different(struct jd_compile *c, const struct jd_key *key, const struct jd_node *node,
                              uint16_t field)
{
    jd_error_at(c, node->place, "%s: %s holds a list; lists are only compared by same:", key->name,
                jd_touch_fields[field].name);
    jd_problem_hint(c->problems, "compare a field with one value, such as actor, team or product");
}

void jd_read_different(struct jd_compile *c, const struct jd_key *key, const struct jd_node *node, void *out)
{
    struct jd_fields *fields = out;
    if (node->kind != JD_NODE_MAP) {
        read_fields(c, key, node, fields);
    } else if (node->count == 1 && jd_str_eq(node->members[0].key, JD_STR("any"))) {
        fields->any = true;
        jd_read_same(c, key, &node->members[0].value, fields);
    } else {
        jd_expected(c, node, key->name, "a field, a list of fields, or {any: [fields]}");
    }
    for (uint32_t i = 0; i < fields->count; i++)
        if (jd_touch_fields[fields->items[i].field].many)
            list_in_different(c, key, node, fields->items[i].field);
}

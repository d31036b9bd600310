#include "engine/fields.h"

#include "base/avro.h"
#include "base/contract.h"
#include "base/str.h"

#define JD_X_ROW(c, text, k, list, table, place)                                                             \
    {.name = text, .kind = k, .many = list, .symbols = table, .offset = offsetof(struct jd_event, place)},
const struct jd_touch_field jd_touch_fields[JD_FIELD_END_] = {JD_TOUCH_FIELDS(JD_X_ROW)};

#undef JD_X_ROW
#define JD_X_ROW(c, text, k, list, table, place)                                                             \
    {.name = text,                                                                                           \
     .kind = k,                                                                                              \
     .many = list,                                                                                           \
     .symbols = table,                                                                                       \
     .offset = offsetof(struct jd_hcp_profile, place)},
const struct jd_touch_field jd_profile_fields[JD_PROFILE_FIELD_END_] = {JD_PROFILE_FIELDS(JD_X_ROW)};

/* The key of attributes.<key>; absent: it is no such name. */
static struct jd_str attribute_of(struct jd_str name)
{
    static const struct jd_str attributes = {"attributes.", 11};
    if (name.size > attributes.size && jd_str_eq((struct jd_str){name.ptr, attributes.size}, attributes))
        return (struct jd_str){name.ptr + attributes.size, name.size - attributes.size};
    return (struct jd_str){0};
}

bool jd_field_ref_of(struct jd_str name, struct jd_field_ref *out)
{
    static const struct jd_str actor = {"actor.", 6};
    *out = (struct jd_field_ref){.field = JD_FIELD_ATTRIBUTE, .attribute = attribute_of(name)};
    if (out->attribute.ptr != NULL)
        return true;
    if (jd_str_eq(name, JD_STR("hcp")))
        name = JD_STR("hcp_id");
    else if (jd_str_eq(name, JD_STR("actor.id")))
        name = JD_STR("actor");
    else if (jd_str_eq(name, JD_STR("actor.role")) || jd_str_eq(name, JD_STR("actor.team")))
        name = (struct jd_str){name.ptr + actor.size, name.size - actor.size};
    for (uint16_t i = 0; i < JD_FIELD_ATTRIBUTE; i++)
        if (jd_str_eq(name, jd_str_of(jd_touch_fields[i].name))) {
            out->field = i;
            return true;
        }
    return false;
}

bool jd_profile_ref_of(struct jd_str name, struct jd_field_ref *out)
{
    static const struct jd_str prefix = {"profile.", 8};
    if (name.size > prefix.size && jd_str_eq((struct jd_str){name.ptr, prefix.size}, prefix))
        name = (struct jd_str){name.ptr + prefix.size, name.size - prefix.size};
    *out = (struct jd_field_ref){
        .profile = true, .field = JD_FIELD_PROFILE_ATTRIBUTE, .attribute = attribute_of(name)};
    if (out->attribute.ptr != NULL)
        return true;
    for (uint16_t i = 0; i < JD_FIELD_PROFILE_ATTRIBUTE; i++)
        if (jd_str_eq(name, jd_str_of(jd_profile_fields[i].name))) {
            out->field = i;
            return true;
        }
    return false;
}

static bool text_value(struct jd_str text, struct jd_value *out)
{
    *out = (struct jd_value){.kind = JD_STRING, .text = text};
    return text.ptr != NULL;
}

static bool code_value(uint8_t code, struct jd_value *out)
{
    *out = (struct jd_value){.kind = JD_ENUM, .code = code};
    return code != 0;
}

static bool int_value(int64_t number, struct jd_value *out)
{
    *out = (struct jd_value){.kind = JD_INT, .decimal = {number, 0}};
    return number != JD_INT_NONE;
}

static bool attribute_value(struct jd_list attributes, struct jd_str key, struct jd_value *out)
{
    const struct jd_pair *pairs = attributes.items;
    for (uint32_t i = 0; i < attributes.count; i++)
        if (jd_str_eq(pairs[i].key, key))
            return text_value(pairs[i].value, out);
    return false;
}

/* Fields that are not one member of jd_event. */
static bool derived_value(const struct jd_event *event, const struct jd_field_ref *ref, uint32_t index,
                          struct jd_value *out)
{
    const struct jd_party *parties = event->joint_with.items;
    if (ref->field == JD_FIELD_KEY_MESSAGES)
        return index < event->key_messages.count &&
               text_value(((const struct jd_str *)event->key_messages.items)[index], out);
    if (ref->field == JD_FIELD_JOINT_ACTOR)
        return index < event->joint_with.count && text_value(parties[index].id, out);
    if (ref->field == JD_FIELD_JOINT_ROLE) {
        /* A party may lack a role: the values are those of the others. */
        for (uint32_t i = 0; i < event->joint_with.count; i++)
            if (parties[i].role != 0 && index-- == 0)
                return code_value(parties[i].role, out);
        return false;
    }
    if (index > 0)
        return false;
    if (ref->field == JD_FIELD_ATTRIBUTE)
        return attribute_value(event->attributes, ref->attribute, out);
    if (ref->field == JD_FIELD_MARKET)
        return text_value(event->jurisdiction.ptr != NULL ? event->jurisdiction : event->country, out);
    return code_value(event->actor.role == 0 ? 0 : (uint8_t)jd_role_function(event->actor.role), out);
}

bool jd_field_get(const struct jd_event *event, const struct jd_field_ref *ref, uint32_t index,
                  struct jd_value *out)
{
    const struct jd_touch_field *field = &jd_touch_fields[ref->field];
    if (field->many || ref->field == JD_FIELD_ATTRIBUTE || ref->field == JD_FIELD_FUNCTION ||
        ref->field == JD_FIELD_MARKET)
        return derived_value(event, ref, index, out);
    if (index > 0)
        return false;
    const void *at = (const char *)event + field->offset;
    switch (field->kind) {
    case JD_STRING:
        return text_value(*(const struct jd_str *)at, out);
    case JD_ENUM:
    case JD_BOOL:
        return code_value(*(const uint8_t *)at, out);
    case JD_TIME:
        *out = (struct jd_value){.kind = JD_TIME, .time = *(const jd_time *)at};
        return out->time != JD_TIME_NONE;
    case JD_INT:
        return int_value(*(const int64_t *)at, out);
    case JD_DECIMAL:
        *out = (struct jd_value){.kind = JD_DECIMAL, .decimal = *(const struct jd_decimal *)at};
        return out->decimal.scale != JD_DECIMAL_NONE;
    case JD_DOUBLE:
    case JD_RECORD:
    case JD_LIST:
    case JD_MAP:
    case JD_VARIANT:
        break; /* no field of a touch is one */
    }
    return false;
}

bool jd_profile_get(const struct jd_hcp_profile *profile, const struct jd_field_ref *ref, uint32_t index,
                    struct jd_value *out)
{
    if (ref->field == JD_FIELD_SEGMENTS)
        return index < profile->segments.count &&
               text_value(((const struct jd_str *)profile->segments.items)[index], out);
    if (index > 0)
        return false;
    if (ref->field == JD_FIELD_PROFILE_ATTRIBUTE)
        return attribute_value(profile->attributes, ref->attribute, out);
    const void *at = (const char *)profile + jd_profile_fields[ref->field].offset;
    return text_value(*(const struct jd_str *)at, out);
}

/* The set of a group that a value is in, from 1; 0: it stands for itself. */
static uint16_t set_of(const struct jd_group *group, struct jd_str text)
{
    uint32_t low = 0, high = group->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = jd_str_cmp(group->values[middle], text);
        if (order == 0)
            return group->sets[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return 0;
}

static bool equal(const struct jd_value *a, const struct jd_value *b, const struct jd_field_ref *ref)
{
    const struct jd_symbols *symbols = jd_touch_fields[ref->field].symbols;
    if (ref->group != NULL && (a->kind == JD_STRING || symbols != NULL)) {
        uint16_t x = set_of(ref->group, a->kind == JD_STRING ? a->text : jd_symbol_text(symbols, a->code));
        uint16_t y = set_of(ref->group, b->kind == JD_STRING ? b->text : jd_symbol_text(symbols, b->code));
        if (x != 0 || y != 0)
            return x == y;
    }
    if (a->kind == JD_STRING)
        return jd_str_eq(a->text, b->text);
    if (a->kind == JD_TIME)
        return a->time == b->time;
    if (a->kind == JD_DECIMAL || a->kind == JD_INT)
        return jd_decimal_cmp(a->decimal, b->decimal) == 0;
    return a->code == b->code;
}

enum jd_sharing jd_field_shared(const struct jd_event *a, const struct jd_event *b,
                                const struct jd_field_ref *ref)
{
    struct jd_value x, y;
    if (!jd_field_get(a, ref, 0, &x) || !jd_field_get(b, ref, 0, &y))
        return JD_SHARE_ABSENT;
    for (uint32_t i = 0; jd_field_get(a, ref, i, &x); i++)
        for (uint32_t k = 0; jd_field_get(b, ref, k, &y); k++)
            if (equal(&x, &y, ref))
                return JD_SHARE_YES;
    return JD_SHARE_NO;
}

struct jd_str jd_field_plain_text(const struct jd_event *event, const struct jd_field_ref *ref)
{
    struct jd_value value;
    if (!jd_field_get(event, ref, 0, &value))
        return (struct jd_str){0};
    return value.kind == JD_STRING ? value.text
                                   : jd_symbol_text(jd_touch_fields[ref->field].symbols, value.code);
}

struct jd_str jd_field_text(const struct jd_event *event, const struct jd_field_ref *ref,
                            struct jd_arena *arena)
{
    struct jd_value value;
    const struct jd_touch_field *field = &jd_touch_fields[ref->field];
    if (!jd_field_get(event, ref, 0, &value))
        return (struct jd_str){0};
    if (field->kind == JD_TIME)
        return jd_time_text(value.time, arena);
    if (field->kind == JD_DECIMAL || field->kind == JD_INT)
        return jd_decimal_text(value.decimal, arena);
    if (field->kind == JD_BOOL)
        return value.code == JD_TRUE ? JD_STR("true") : JD_STR("false");
    struct jd_str text = jd_field_plain_text(event, ref);
    uint16_t set = ref->group == NULL ? 0 : set_of(ref->group, text);
    return set == 0 ? text : ref->group->set_names[set - 1];
}

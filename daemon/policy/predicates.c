/* `require:` what must be so of a touch: a map whose entries must all hold. `all:`, `any:` and `not:` put
 * such maps together; what else may stand in one is the table below, a field of the touch, or one of the
 * physician's profile. */
#include <string.h>

#include "base/contract.h"
#include "base/str.h"
#include "engine/facts.h"
#include "engine/fields.h"
#include "engine/scopes.h"
#include "engine/tables.h"
#include "policy/compile.h"
#include "policy/csv.h"
#include "policy/value.h"

enum {
    DEPTH_MAX = 8,
    PARTS_MAX = JD_LIST_MAX /* an alert says what each of them read */,
    NAMES_MAX = 96,
    WORDS_MAX = 16,
    SHOWN_MAX = 80
};

/* At which scopes an entry can be known. */
enum {
    AT_HCP = 1,
    AT_ACCOUNT = 2,
    AT_OTHER_KEY = 4, /* an actor's, a declared key's */
    AT_ENGAGEMENT = 8,
    AT_ANY_KEY = AT_HCP | AT_ACCOUNT | AT_OTHER_KEY,
    AT_ALL = AT_ANY_KEY | AT_ENGAGEMENT,
};

/* What is being read: one predicate of a rule. */
struct reading {
    struct jd_compile *c;
    uint32_t depth, parts;
};

typedef void read_ask(struct reading *r, const struct jd_member *member, struct jd_predicate *out);
static read_ask read_list, read_not, read_standings, read_aligned, read_local_time, read_later;

static const struct {
    const char *name;
    read_ask *read;
    enum jd_ask ask;
    enum jd_fact fact;
    uint8_t known; /* at which scopes */
} asks[] = {
    {"all", read_list, JD_ASK_ALL, JD_FACT_NONE, AT_ALL},
    {"any", read_list, JD_ASK_ANY, JD_FACT_NONE, AT_ALL},
    {"not", read_not, JD_ASK_NOT, JD_FACT_NONE, AT_ALL},
    {"consent", read_standings, JD_ASK_FACT, JD_FACT_CONSENT, AT_HCP},
    {"access", read_standings, JD_ASK_FACT, JD_FACT_ACCESS, AT_HCP | AT_ACCOUNT},
    {"licence", read_standings, JD_ASK_FACT, JD_FACT_LICENCE, AT_HCP},
    {"content", read_standings, JD_ASK_FACT, JD_FACT_CONTENT, AT_ANY_KEY},
    {"blackout", read_standings, JD_ASK_FACT, JD_FACT_BLACKOUT, AT_ANY_KEY},
    {"quiet_hours", read_standings, JD_ASK_FACT, JD_FACT_QUIET_HOURS, AT_ANY_KEY},
    {"aligned", read_aligned, JD_ASK_FACT, JD_FACT_ALIGNMENT, AT_HCP | AT_ACCOUNT},
    {"local_time", read_local_time, JD_ASK_LOCAL_TIME, JD_FACT_NONE, AT_ANY_KEY},
    {"journeys", read_later, JD_ASK_ALL, JD_FACT_NONE, AT_ALL},
};

static bool read_map(struct reading *r, const struct jd_node *node, const char *name,
                     struct jd_predicate *out);

/* ---- facts ---- */

/* The words of the set, for messages. */
static void fill_words(uint64_t standings, const char *words[WORDS_MAX])
{
    uint32_t count = 0;
    for (uint32_t s = 1; s < JD_STANDING_END_ && count + 1 < WORDS_MAX; s++)
        if ((standings >> s) & 1)
            words[count++] = jd_standing_symbols.texts[s];
    words[count] = NULL;
}

/* `granted` is what may be done: also where no record is needed. */
static void read_standings(struct reading *r, const struct jd_member *member, struct jd_predicate *out)
{
    const struct jd_node *value = &member->value;
    const struct jd_node *nodes = value->kind == JD_NODE_LIST ? value->items : value;
    uint32_t count = value->kind == JD_NODE_LIST ? value->count : 1;
    uint64_t allowed = jd_fact_standings(out->fact);
    const char *words[WORDS_MAX];
    fill_words(allowed, words);
    if (count == 0)
        jd_error_at(r->c, value->place, "%s: the list is empty: nothing could be right", member->key.ptr);
    for (uint32_t i = 0; i < count; i++) {
        uint8_t standing =
            nodes[i].kind == JD_NODE_SCALAR ? jd_symbol_of(&jd_standing_symbols, nodes[i].text) : 0;
        if (standing != 0 && ((allowed >> standing) & 1)) {
            out->standings |= UINT64_C(1) << standing;
        } else {
            jd_expected(r->c, &nodes[i], member->key.ptr, "what it may come to");
            if (nodes[i].kind == JD_NODE_SCALAR)
                jd_problem_suggest(r->c->problems, nodes[i].text, words);
        }
    }
    if (out->fact == JD_FACT_CONSENT && (out->standings >> JD_STANDING_GRANTED) & 1)
        out->standings |= UINT64_C(1) << JD_STANDING_IMPLIED;
    if (count > 0 && out->standings == allowed)
        jd_warn_at(r->c, value->place, "%s: everything that it may come to is listed: this always holds",
                   member->key.ptr);
}

static void read_aligned(struct reading *r, const struct jd_member *member, struct jd_predicate *out)
{
    bool truth;
    uint64_t aligned = UINT64_C(1) << JD_STANDING_OWNER | UINT64_C(1) << JD_STANDING_DEPUTY;
    if (member->value.kind == JD_NODE_SCALAR && jd_value_truth(member->value.text, &truth))
        out->standings = truth ? aligned : jd_fact_standings(JD_FACT_ALIGNMENT) & ~aligned;
    else
        jd_expected(r->c, &member->value, member->key.ptr, "true or false");
}

static void read_later(struct reading *r, const struct jd_member *member, struct jd_predicate *out)
{
    (void)out;
    jd_error_at(r->c, member->place, "%s: is not supported by this version", member->key.ptr);
}

/* ---- the time of day ---- */

static void read_clock(struct jd_compile *c, const struct jd_key *key, const struct jd_node *node, void *out)
{
    if (node->kind != JD_NODE_SCALAR || !jd_value_clock(node->text, out))
        jd_expected(c, node, key->name, "a time of day (08:00)");
}

static void read_days(struct jd_compile *c, const struct jd_key *key, const struct jd_node *node, void *out)
{
    const struct jd_node *nodes = node->kind == JD_NODE_LIST ? node->items : node;
    uint32_t count = node->kind == JD_NODE_LIST ? node->count : 1;
    uint8_t days = 0;
    if (count == 0)
        jd_error_at(c, node->place, "%s: the list is empty", key->name);
    for (uint32_t i = 0; i < count; i++) {
        uint8_t day = nodes[i].kind == JD_NODE_SCALAR ? jd_value_day(nodes[i].text) : 0;
        days |= day;
        if (day != 0)
            continue;
        jd_expected(c, &nodes[i], key->name, "a day of the week (mon, tue, wed, thu, fri, sat, sun)");
        if (nodes[i].kind == JD_NODE_SCALAR)
            jd_problem_suggest(c->problems, nodes[i].text, jd_value_days);
    }
    *(uint8_t *)out = days;
}

static void read_local_time(struct reading *r, const struct jd_member *member, struct jd_predicate *out)
{
    static const struct jd_key keys[] = {
        {"from", read_clock, .offset = offsetof(struct jd_hours, from_ms), .required = true},
        {"until", read_clock, .offset = offsetof(struct jd_hours, until_ms), .required = true},
        {"days", read_days, .offset = offsetof(struct jd_hours, days)},
        {0},
    };
    struct jd_hours hours = {.days = JD_VALUE_ALL_DAYS};
    uint32_t errors = r->c->problems->errors;
    (void)jd_read_map(r->c, &member->value, member->key.ptr, keys, NULL, &hours); /* reported there */
    if (errors == r->c->problems->errors && hours.from_ms == hours.until_ms)
        jd_error_at(r->c, member->value.place, "%s: from and until are the same", member->key.ptr);
    out->hours = hours;
}

/* ---- fields ---- */

static const struct {
    const char *name;
    enum jd_profile_field field;
    struct jd_touch_field kind;
} profile_fields[] = {
    {"profile.tier", JD_PROFILE_TIER, {.kind = JD_STRING}},
    {"profile.specialty", JD_PROFILE_SPECIALTY, {.kind = JD_STRING}},
    {"profile.country", JD_PROFILE_COUNTRY, {.kind = JD_STRING}},
    {"profile.segments", JD_PROFILE_SEGMENTS, {.kind = JD_STRING, .many = true}},
    {"profile.affiliations", JD_PROFILE_AFFILIATIONS, {.kind = JD_STRING, .many = true}},
    {"profile.attributes.", JD_PROFILE_ATTRIBUTE, {.kind = JD_STRING}},
};

static void unknown(struct reading *r, const struct jd_member *member)
{
    const char *names[NAMES_MAX];
    uint32_t count = 0;
    for (size_t i = 0; i < JD_COUNT(asks); i++)
        if (asks[i].read != read_later)
            names[count++] = asks[i].name;
    for (size_t i = 0; i + 1 < JD_COUNT(profile_fields); i++)
        names[count++] = profile_fields[i].name;
    names[count++] = "profile.attributes.<key>";
    for (uint32_t i = 0; i < JD_FIELD_ATTRIBUTE; i++)
        names[count++] = jd_touch_fields[i].name;
    names[count] = NULL;
    jd_error_at(r->c, member->place, "require: there is nothing called \"%.*s\"",
                member->key.size < SHOWN_MAX ? (int)member->key.size : SHOWN_MAX, member->key.ptr);
    jd_problem_suggest(r->c->problems, member->key, names);
}

static void count_parts(struct reading *r, const struct jd_member *member, uint32_t count)
{
    if (r->parts <= PARTS_MAX && r->parts + count > PARTS_MAX)
        jd_error_at(r->c, member->place, "require: more than %d parts", (int)PARTS_MAX);
    r->parts += count;
}

/* A condition each; more than one, as in { ge: 1, lt: 5 }, must all hold. */
static void read_conditions(struct reading *r, const struct jd_member *member, enum jd_ask ask,
                            const struct jd_touch_field *field, struct jd_field_ref ref,
                            struct jd_predicate *out)
{
    struct jd_conditions conditions = jd_conditions_begin(r->c);
    jd_read_conditions(r->c, member, field, ref, &conditions);
    if (conditions.count > 1)
        count_parts(r, member, conditions.count);
    struct jd_predicate *parts = jd_arena_array(r->c->arena, (size_t)conditions.count + 1, sizeof *parts);
    for (uint32_t i = 0; i < conditions.count; i++)
        parts[i] = (struct jd_predicate){.ask = ask, .condition = conditions.items[i]};
    *out = conditions.count == 1
               ? parts[0]
               : (struct jd_predicate){.ask = JD_ASK_MAP, .parts = parts, .part_count = conditions.count};
}

/* ---- tables ---- */

/* actors.grade: which table, and how long its part of the name is; 0: none. */
static uint32_t table_of(struct jd_str name, enum jd_table_name *table)
{
    for (int t = 0; t < JD_TABLE_END_; t++) {
        const struct jd_str prefix = jd_str_of(jd_table_names[t]);
        *table = (enum jd_table_name)t;
        if (name.size > prefix.size && name.ptr[prefix.size] == '.' &&
            memcmp(name.ptr, prefix.ptr, prefix.size) == 0)
            return prefix.size + 1;
    }
    return 0;
}

/* The column that `name` means; reported where there is none. */
static bool read_column(struct reading *r, struct jd_place place, struct jd_str name,
                        struct jd_predicate *out)
{
    struct jd_compile *c = r->c;
    const uint32_t prefix = table_of(name, &out->table);
    const struct jd_table *table = &c->program->tables[out->table];
    const struct jd_str column = {name.ptr + prefix, name.size - prefix};
    const char *columns[JD_CSV_COLUMNS_MAX + 1] = {NULL};
    for (uint32_t i = 0; i < table->column_count; i++) {
        columns[i] = jd_arena_printf(c->arena, "%s." JD_STR_FMT, jd_table_names[out->table],
                                     JD_STR_ARG(table->columns[i]))
                         .ptr;
        if (jd_str_eq(table->columns[i], column)) {
            out->column = (uint16_t)i;
            return true;
        }
    }
    if (table->columns == NULL) {
        jd_error_at(c, place, "the policy has no file %s.csv that could be read", jd_table_names[out->table]);
        jd_problem_hint(c->problems, "its header: %s,from,until,%.*s",
                        out->table == JD_TABLE_ACTORS     ? "actor"
                        : out->table == JD_TABLE_ACCOUNTS ? "account_id"
                                                          : "product",
                        column.size < SHOWN_MAX ? (int)column.size : SHOWN_MAX, column.ptr);
    } else {
        jd_error_at(c, place, "%s.csv has no column \"%.*s\"", jd_table_names[out->table],
                    column.size < SHOWN_MAX ? (int)column.size : SHOWN_MAX, column.ptr);
        jd_problem_suggest(c->problems, name, columns);
    }
    return false;
}

/* products.prescription: yes */
static bool read_table(struct reading *r, const struct jd_member *member, struct jd_predicate *out)
{
    static const struct jd_touch_field text = {.kind = JD_STRING};
    struct jd_predicate cell = {0};
    if (table_of(member->key, &cell.table) == 0)
        return false;
    if (!read_column(r, member->place, member->key, &cell))
        return true;
    read_conditions(r, member, JD_ASK_TABLE, &text, (struct jd_field_ref){0}, out);
    struct jd_predicate *parts = jd_arena_array(r->c->arena, (size_t)out->part_count + 1, sizeof *parts);
    for (uint32_t i = 0; i < out->part_count; i++) {
        parts[i] = out->parts[i];
        parts[i].table = cell.table;
        parts[i].column = cell.column;
    }
    out->parts = parts;
    out->table = cell.table;
    out->column = cell.column;
    return true;
}

/* profile.specialty: { in: products.specialties } */
static bool read_among(struct reading *r, const struct jd_member *member, const struct jd_touch_field *field,
                       struct jd_field_ref ref, struct jd_predicate *out)
{
    const struct jd_node *value = &member->value;
    const struct jd_member *in =
        value->kind == JD_NODE_MAP && value->count == 1 && jd_str_is(value->members[0].key, "in")
            ? &value->members[0]
            : NULL;
    enum jd_table_name table;
    if (in == NULL || in->value.kind != JD_NODE_SCALAR || table_of(in->value.text, &table) == 0)
        return false;
    *out = (struct jd_predicate){.ask = JD_ASK_AMONG, .condition = {.ref = ref, .op = JD_IN}};
    if (field->kind != JD_STRING && field->kind != JD_ENUM) {
        jd_error_at(r->c, in->place, "%s: is no text that a table could list", member->key.ptr);
        jd_problem_hint(r->c->problems, "fields that hold text, such as profile.specialty or indication");
    }
    (void)read_column(r, in->value.place, in->value.text, out); /* reported there */
    return true;
}

static void read_field(struct reading *r, const struct jd_member *member, struct jd_predicate *out)
{
    struct jd_field_ref ref = {0};
    if (read_table(r, member, out))
        return;
    for (size_t i = 0; i < JD_COUNT(profile_fields); i++) {
        struct jd_str name = jd_str_of(profile_fields[i].name);
        bool attribute = profile_fields[i].field == JD_PROFILE_ATTRIBUTE && member->key.size > name.size &&
                         memcmp(member->key.ptr, name.ptr, name.size) == 0;
        if (!attribute && (profile_fields[i].field == JD_PROFILE_ATTRIBUTE || !jd_str_eq(member->key, name)))
            continue;
        ref.field = (uint16_t)profile_fields[i].field;
        if (attribute)
            ref.attribute = (struct jd_str){member->key.ptr + name.size, member->key.size - name.size};
        struct jd_field_ref of_profile = ref;
        of_profile.profile = true;
        if (!read_among(r, member, &profile_fields[i].kind, of_profile, out))
            read_conditions(r, member, JD_ASK_PROFILE, &profile_fields[i].kind, ref, out);
        return;
    }
    struct jd_str name = jd_str_eq(member->key, JD_STR("outcome")) ? JD_STR("outcome.code") : member->key;
    if (!jd_field_ref_of(name, &ref))
        unknown(r, member);
    else if (!read_among(r, member, &jd_touch_fields[ref.field], ref, out))
        read_conditions(r, member, JD_ASK_TOUCH, &jd_touch_fields[ref.field], ref, out);
}

/* ---- parts ---- */

static void read_member(struct reading *r, const struct jd_member *member, struct jd_predicate *out)
{
    *out = (struct jd_predicate){.ask = JD_ASK_ALL};
    count_parts(r, member, 1);
    if (jd_node_is_null(&member->value)) {
        jd_error_at(r->c, member->place, "%s: has no value", member->key.ptr);
        return;
    }
    for (size_t i = 0; i < JD_COUNT(asks); i++)
        if (jd_str_eq(member->key, jd_str_of(asks[i].name))) {
            *out = (struct jd_predicate){.ask = asks[i].ask, .fact = asks[i].fact};
            asks[i].read(r, member, out);
            return;
        }
    read_field(r, member, out);
}

/* False: it is no such map, or too deep; reported. */
static bool read_map(struct reading *r, const struct jd_node *node, const char *name,
                     struct jd_predicate *out)
{
    if (node->kind != JD_NODE_MAP || node->count == 0) {
        if (node->kind == JD_NODE_MAP)
            jd_error_at(r->c, node->place, "%s: is empty: it asks nothing", name);
        else
            jd_expected(r->c, node, name, "what must be so, such as { consent: granted }");
        return false;
    }
    if (r->depth == DEPTH_MAX) {
        jd_error_at(r->c, node->place, "%s: more than %d maps inside each other", name, DEPTH_MAX);
        return false;
    }
    r->depth++;
    struct jd_predicate *parts = jd_arena_array(r->c->arena, node->count, sizeof *parts);
    for (uint32_t i = 0; i < node->count; i++)
        read_member(r, &node->members[i], &parts[i]);
    r->depth--;
    *out = node->count == 1
               ? parts[0]
               : (struct jd_predicate){.ask = JD_ASK_MAP, .parts = parts, .part_count = node->count};
    return true;
}

static void read_list(struct reading *r, const struct jd_member *member, struct jd_predicate *out)
{
    const struct jd_node *value = &member->value;
    if (value->kind != JD_NODE_LIST || value->count == 0) {
        jd_expected(r->c, value, member->key.ptr,
                    "a list, such as [{ consent: granted }, { initiated_by: hcp }]");
        return;
    }
    struct jd_predicate *parts = jd_arena_array(r->c->arena, value->count, sizeof *parts);
    for (uint32_t i = 0; i < value->count; i++)
        (void)read_map(r, &value->items[i], member->key.ptr, &parts[i]); /* reported there */
    out->parts = parts;
    out->part_count = value->count;
}

static void read_not(struct reading *r, const struct jd_member *member, struct jd_predicate *out)
{
    struct jd_predicate *part = jd_arena_alloc(r->c->arena, sizeof *part);
    if (read_map(r, &member->value, member->key.ptr, part)) {
        out->parts = part;
        out->part_count = 1;
    }
}

void jd_read_predicate(struct jd_compile *c, const struct jd_key *key, const struct jd_node *node, void *out)
{
    struct reading r = {.c = c};
    struct jd_predicate *predicate = jd_arena_alloc(c->arena, sizeof *predicate);
    if (read_map(&r, node, key->name, predicate))
        *(const struct jd_predicate **)out = predicate;
}

/* ---- what is known at a scope ---- */

static bool is_below(struct jd_str name, const char *prefix)
{
    const size_t size = strlen(prefix);
    return name.size > size && memcmp(name.ptr, prefix, size) == 0;
}

static uint8_t known_at(const struct jd_member *member)
{
    for (size_t i = 0; i < JD_COUNT(asks); i++)
        if (jd_str_eq(member->key, jd_str_of(asks[i].name)))
            return asks[i].known;
    if (is_below(member->key, "profile."))
        return jd_str_is(member->key, "profile.country") || is_below(member->key, "profile.attributes.")
                   ? AT_HCP | AT_ACCOUNT
                   : AT_HCP;
    return AT_ALL;
}

static void check_entries(struct jd_compile *c, const struct jd_node *node, const struct jd_scope_key *key,
                          uint8_t scope)
{
    for (uint32_t i = 0; node->kind == JD_NODE_LIST && i < node->count; i++)
        check_entries(c, &node->items[i], key, scope);
    for (uint32_t i = 0; node->kind == JD_NODE_MAP && i < node->count; i++) {
        const struct jd_member *member = &node->members[i];
        if (jd_str_is(member->key, "all") || jd_str_is(member->key, "any") || jd_str_is(member->key, "not"))
            check_entries(c, &member->value, key, scope);
        if ((known_at(member) & scope) != 0)
            continue;
        jd_error_at(c, member->place, "require: %s is not known with scope: " JD_STR_FMT, member->key.ptr,
                    JD_STR_ARG(key->name));
        jd_problem_hint(
            c->problems, "%s",
            scope == AT_ENGAGEMENT
                ? "a map asks for one attendee: fields of the touch, actors, accounts and products"
                : "what is known of a physician stays with the physician: scope: hcp");
    }
}

void jd_check_predicate(struct jd_compile *c, const struct jd_node *node, const struct jd_scope_key *key)
{
    if (key != NULL)
        check_entries(c, node, key,
                      jd_scope_is_engagement(key)      ? AT_ENGAGEMENT
                      : key->scope == JD_SCOPE_ACCOUNT ? AT_ACCOUNT
                                                       : AT_OTHER_KEY);
}

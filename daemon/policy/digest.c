#include "policy/digest.h"

#include "base/avro.h"
#include "base/fault.h"
#include "base/str.h"
#include "policy/rules.h"

static void add_text(struct jd_buf *buf, struct jd_str text)
{
    jd_buf_number(buf, text.size);
    jd_buf_byte(buf, ':');
    jd_buf_str(buf, text);
}

/* Maps by their keys' order: what is written first does not matter. */
static const struct jd_member *next_member(const struct jd_node *map, const struct jd_member *last)
{
    const struct jd_member *next = NULL;
    for (uint32_t i = 0; i < map->count; i++) {
        const struct jd_member *member = &map->members[i];
        if ((last == NULL || jd_str_cmp(member->key, last->key) > 0) &&
            (next == NULL || jd_str_cmp(member->key, next->key) < 0))
            next = member;
    }
    return next;
}

/* The tree is no deeper than JD_YAML_DEPTH_MAX. */
static void add_node(struct jd_buf *buf, const struct jd_node *node)
{
    jd_buf_byte(buf, (unsigned char)('0' + node->kind));
    if (node->kind == JD_NODE_SCALAR) {
        add_text(buf, node->text);
        return;
    }
    jd_buf_number(buf, node->count);
    if (node->kind == JD_NODE_LIST) {
        for (uint32_t i = 0; i < node->count; i++)
            add_node(buf, &node->items[i]);
        return;
    }
    for (const struct jd_member *m = NULL; (m = next_member(node, m)) != NULL;) {
        add_text(buf, m->key);
        add_node(buf, &m->value);
    }
}

static int64_t digest_of(const struct jd_buf *buf)
{
    int64_t digest = (int64_t)jd_digest(jd_buf_done(buf));
    return digest == 0 || digest == JD_INT_NONE ? 1 : digest;
}

static bool is_named(struct jd_str name, const char *const *names)
{
    while (*names != NULL && !jd_str_eq(name, jd_str_of(*names)))
        names++;
    return *names != NULL;
}

/* policy.yaml without what decides nothing. */
static void add_policy(struct jd_compile *c, struct jd_buf *buf, const struct jd_bundle_file *file)
{
    static const char *const labels[] = {"name", NULL};
    struct jd_diagnostics ignored; /* they were told when it was compiled */
    jd_diagnostics_init(&ignored);
    const struct jd_node *root = jd_yaml_parse(file->bytes, file->name, c->arena, &ignored);
    for (const struct jd_member *m = NULL;
         root != NULL && root->kind == JD_NODE_MAP && (m = next_member(root, m)) != NULL;)
        if (!is_named(m->key, labels)) {
            add_text(buf, m->key);
            add_node(buf, &m->value);
        }
    jd_diagnostics_done(&ignored);
}

int64_t jd_digest_ground(struct jd_compile *c)
{
    static const char *const others[] = {
        "conflicts.yaml",  "channels.yaml", "content.csv", "limits.csv",   "calendars.csv", "blackouts.csv",
        "quiet_hours.csv", "alignment.csv", "actors.csv",  "accounts.csv", "products.csv",  NULL};
    struct jd_buf buf;
    jd_buf_init(&buf, c->arena);
    for (uint32_t i = 0; i < c->bundle->count; i++) {
        const struct jd_bundle_file *file = &c->bundle->files[i];
        if (is_named(file->name, others))
            continue;
        add_text(&buf, file->name);
        if (jd_str_eq(file->name, JD_STR("policy.yaml")))
            add_policy(c, &buf, file);
        else
            add_text(&buf, file->bytes);
    }
    return digest_of(&buf);
}

static void add_file(struct jd_compile *c, struct jd_buf *buf, const char *name)
{
    const struct jd_bundle_file *file = jd_bundle_file(c->bundle, jd_str_of(name));
    add_text(buf, file == NULL ? (struct jd_str){0} : file->bytes);
}

static void add_number(struct jd_buf *buf, int64_t number)
{
    jd_buf_number(buf, number);
    jd_buf_byte(buf, ';');
}

/* Its lines of limits.csv, in the order in which they are looked up. */
static void add_limits(struct jd_buf *buf, const struct jd_rule *rule)
{
    const struct jd_limits *limits = rule->limits;
    for (uint32_t i = 0; limits != NULL && i < limits->count && !jd_fault_bug("table_lines_unread"); i++) {
        const struct jd_limit_row *row = &limits->rows[i];
        for (uint32_t v = 0; v < limits->by_count; v++)
            add_text(buf, row->values[v]);
        add_number(buf, row->from);
        add_number(buf, row->until);
        add_number(buf, row->limit.units);
        add_number(buf, row->limit.scale);
        add_number(buf, row->within.unit);
        add_number(buf, row->within.amount);
    }
}

static bool in_business_days(const struct jd_rule *rule)
{
    const struct jd_span *const spans[] = {&rule->within, &rule->resolve_within, &rule->plus};
    bool any = false;
    for (size_t i = 0; i < JD_COUNT(spans); i++)
        any = any || spans[i]->unit == JD_SPAN_BUSINESS_DAYS;
    for (uint32_t i = 0; i < rule->severity_count; i++)
        any = any || (rule->severities[i].within != NULL &&
                      rule->severities[i].within->unit == JD_SPAN_BUSINESS_DAYS);
    for (uint32_t i = 0; rule->limits != NULL && i < rule->limits->count; i++)
        any = any || rule->limits->rows[i].within.unit == JD_SPAN_BUSINESS_DAYS;
    return any;
}

/* A column of a table, line by line. */
static void add_column(struct jd_buf *buf, const struct jd_table *table, uint16_t column)
{
    for (uint32_t i = 0; i < table->count && !jd_fault_bug("table_columns_unread"); i++) {
        const struct jd_table_line *line = &table->lines[i];
        const struct jd_texts *cell = &line->cells[column];
        add_text(buf, line->id);
        add_number(buf, line->from);
        add_number(buf, line->until);
        for (uint32_t v = 0; v < cell->count; v++)
            add_text(buf, cell->items[v]);
    }
}

/* What `require:` reads of tables, and in channels.yaml: whether consent needs a confirmation, and where consent. */
static void add_predicate(struct jd_compile *c, struct jd_buf *buf, const struct jd_predicate *predicate)
{
    static const char *const files[JD_FACT_END_] = {
        [JD_FACT_CONSENT] = "channels.yaml",   [JD_FACT_CONTENT] = "content.csv",
        [JD_FACT_BLACKOUT] = "blackouts.csv",  [JD_FACT_QUIET_HOURS] = "quiet_hours.csv",
        [JD_FACT_ALIGNMENT] = "alignment.csv",
    };
    for (uint32_t i = 0; i < predicate->part_count; i++)
        add_predicate(c, buf, &predicate->parts[i]);
    if (predicate->ask == JD_ASK_TABLE || predicate->ask == JD_ASK_AMONG)
        add_column(buf, &c->program->tables[predicate->table], predicate->column);
    if (predicate->ask == JD_ASK_FACT && files[predicate->fact] != NULL &&
        !jd_fault_bug("table_facts_unread"))
        add_file(c, buf, files[predicate->fact]);
}

int64_t jd_digest_text(struct jd_compile *c, const struct jd_compiled_rule *rule)
{
    struct jd_buf buf;
    struct jd_arena_mark mark = jd_arena_mark(c->arena);
    jd_buf_init(&buf, c->arena);
    jd_buf_number(&buf, c->ground);
    add_node(&buf, rule->node);
    int64_t digest = digest_of(&buf);
    jd_arena_rewind(c->arena, mark);
    return digest;
}

int64_t jd_digest_rule(struct jd_compile *c, const struct jd_compiled_rule *rule)
{
    struct jd_buf buf;
    struct jd_arena_mark mark = jd_arena_mark(c->arena);
    bool reckons = in_business_days(&rule->rule), owned = rule->rule.owner != JD_FUNCTION_NONE;
    jd_buf_init(&buf, c->arena);
    add_number(&buf, jd_digest_text(c, rule));
    add_limits(&buf, &rule->rule);
    for (uint32_t i = 0; i < rule->version_count; i++) {
        add_limits(&buf, &rule->versions[i].rule);
        reckons = reckons || in_business_days(&rule->versions[i].rule);
        owned = owned || rule->versions[i].rule.owner != JD_FUNCTION_NONE;
    }
    if (reckons)
        add_file(c, &buf, "calendars.csv");
    if (owned)
        add_file(c, &buf, "alignment.csv");
    if (rule->rule.subject == JD_FACT_CONSENT)
        add_file(c, &buf, "channels.yaml");
    if (rule->rule.require != NULL)
        add_predicate(c, &buf, rule->rule.require);
    int64_t digest = digest_of(&buf);
    jd_arena_rewind(c->arena, mark);
    return digest;
}

int64_t jd_digest_channels(struct jd_compile *c)
{
    struct jd_buf buf;
    jd_buf_init(&buf, c->arena);
    jd_buf_number(&buf, c->ground);
    add_file(c, &buf, "channels.yaml");
    add_file(c, &buf, "content.csv");
    return digest_of(&buf);
}

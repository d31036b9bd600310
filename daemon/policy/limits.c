/* Limits and windows from limits.csv: one line for a rule, values of fields, and an interval.
 *
 * The file is read before the rules; each rule takes its lines when it is complete. What no rule took is reported
 * at the end. */
#include <stdlib.h>

#include "base/avro.h"
#include "base/contract.h"
#include "base/str.h"
#include "engine/conflicts/conflicts.h"
#include "engine/fields.h"
#include "engine/time.h"
#include "policy/csv.h"
#include "policy/rules.h"

enum { RULE, LIMIT, WITHIN, FROM, UNTIL, FIELDS, FIELDS_MAX = JD_CSV_COLUMNS_MAX - FIELDS };
static const struct jd_csv_column columns[] = {
    [RULE] = {"rule", true}, [LIMIT] = {"limit", false}, [WITHIN] = {"within", false},
    [FROM] = {"from", true}, [UNTIL] = {"until", true},  {NULL, false},
};

struct line {
    struct jd_cell cells[JD_CSV_COLUMNS_MAX];
    jd_time from, until;
    bool taken;
};

struct jd_limit_table {
    struct jd_str file;
    struct jd_field_ref fields[FIELDS_MAX];
    struct jd_str names[FIELDS_MAX];
    uint32_t field_count;
    bool has_limit, has_within;
    struct line *lines;
    uint32_t count, capacity;
};

/* ---- the file ----------------------------------------------------------------------------------- */

struct header {
    struct jd_compile *c;
    struct jd_limit_table *table;
};

static int field_column(void *context, const struct jd_cell *cell)
{
    struct header *header = context;
    struct jd_limit_table *table = header->table;
    if (table->field_count == FIELDS_MAX ||
        !jd_by_ref_of(header->c, cell->text, &table->fields[table->field_count]))
        return -1;
    table->names[table->field_count] = jd_arena_str(header->c->arena, cell->text);
    return FIELDS + (int)table->field_count++;
}

void jd_compile_limits(struct jd_compile *c, const struct jd_bundle_file *file)
{
    struct jd_csv csv;
    struct jd_limit_table *table = jd_arena_alloc(c->arena, sizeof *table);
    jd_csv_init(&csv, c, file);
    table->file = csv.file;
    if (!jd_csv_header(&csv, columns, field_column, &(struct header){c, table}))
        return;
    c->limits = table;
    table->has_limit = csv.at[LIMIT] != JD_CSV_NOT_THERE;
    table->has_within = csv.at[WITHIN] != JD_CSV_NOT_THERE;
    for (const struct jd_cell *cells; (cells = jd_csv_next(&csv)) != NULL;) {
        if (table->count == table->capacity)
            table->lines =
                jd_arena_grow(c->arena, table->lines, table->count, &table->capacity, sizeof *table->lines);
        struct line *line = &table->lines[table->count++];
        *line = (struct line){0};
        for (int i = 0; i < JD_CSV_COLUMNS_MAX; i++)
            line->cells[i] = (struct jd_cell){jd_arena_str(c->arena, cells[i].text), cells[i].place};
        jd_cell_interval(c, &cells[FROM], &cells[UNTIL], &line->from, &line->until);
    }
}

void jd_finish_limits(struct jd_compile *c)
{
    for (uint32_t i = 0; c->limits != NULL && i < c->limits->count; i++) {
        const struct jd_cell *rule = &c->limits->lines[i].cells[RULE];
        if (c->limits->lines[i].taken)
            continue;
        const char **names = jd_arena_array(c->arena, c->program->rule_count + 1, sizeof *names);
        uint32_t count = 0;
        for (uint32_t r = 0; r < c->program->rule_count; r++)
            if (c->program->rules[r].limits != NULL)
                names[count++] = jd_arena_str(c->arena, c->program->rules[r].id).ptr;
        jd_cell_expected(c, rule, "rule", "the id of a rule that takes its limits from this table");
        jd_problem_suggest(c->problems, rule->text, names);
    }
}

/* ---- { table: limits, by: [fields] } ------------------------------------------------------------ */

bool jd_by_ref_of(struct jd_compile *c, struct jd_str name, struct jd_field_ref *out)
{
    for (uint32_t i = 0; i < c->group_count; i++)
        if (jd_str_eq(c->groups[i].group.name, name)) {
            *out = c->groups[i].ref;
            return true;
        }
    return jd_field_ref_of(name, out) || jd_profile_ref_of(name, out);
}

static void read_table(struct jd_compile *c, const struct jd_key *key, const struct jd_node *node, void *out)
{
    (void)out; /* there is one */
    if (node->kind != JD_NODE_SCALAR || !jd_str_eq(node->text, JD_STR("limits")))
        jd_expected(c, node, key->name, "limits (the table limits.csv)");
    else if (jd_bundle_file(c->bundle, JD_STR("limits.csv")) == NULL)
        jd_error_at(c, node->place, "table: the policy has no file limits.csv");
}

static void read_by(struct jd_compile *c, const struct jd_key *key, const struct jd_node *node, void *out)
{
    struct jd_fields *by = out;
    const struct jd_node *nodes = node->kind == JD_NODE_LIST ? node->items : node;
    uint32_t count = node->kind == JD_NODE_LIST ? node->count : 1;
    struct jd_field_ref *items = jd_arena_array(c->arena, count, sizeof *items);
    if (count == 0 || count > FIELDS_MAX)
        jd_error_at(c, node->place, "by: %s", count == 0 ? "the list is empty" : "more than 11 fields");
    by->items = items;
    for (uint32_t i = 0; i < count; i++) {
        struct jd_field_ref ref;
        if (nodes[i].kind != JD_NODE_SCALAR) {
            jd_expected(c, &nodes[i], key->name, "a field of the touch or of the profile, or a group");
            continue;
        }
        if (!jd_by_ref_of(c, nodes[i].text, &ref)) {
            jd_error_at(c, nodes[i].place, "by: neither touch nor profile has a field \"%.*s\"",
                        nodes[i].text.size < 80 ? (int)nodes[i].text.size : 80, nodes[i].text.ptr);
            jd_suggest_field(c, nodes[i].text, true);
            continue;
        }
        const struct jd_touch_field *field = jd_field_of(&ref);
        if (field->many || (field->kind != JD_STRING && field->kind != JD_ENUM && field->kind != JD_BOOL))
            jd_error_at(c, nodes[i].place, "by: %s %s", field->name,
                        field->many ? "holds a list" : "is no text and no value of a closed list");
        c->program->profiles = c->program->profiles || ref.profile;
        items[by->count++] = ref;
    }
}

bool jd_is_table(const struct jd_node *node)
{
    return node->kind == JD_NODE_MAP &&
           (jd_node_member(node, "table") != NULL || jd_node_member(node, "by") != NULL);
}

static bool same_fields(const struct jd_fields *a, const struct jd_fields *b)
{
    bool same = a->count == b->count;
    for (uint32_t i = 0; same && i < a->count; i++)
        same = jd_same_field(&a->items[i], &b->items[i]);
    return same;
}

void jd_read_table(struct jd_compile *c, const struct jd_key *key, const struct jd_node *node,
                   struct written_rule *w, bool is_limit)
{
    static const struct jd_key keys[] = {
        {"table", read_table, .required = true},
        {"by", read_by, .required = true},
        {0},
    };
    struct jd_fields by = {0};
    (void)jd_read_map(c, node, key->name, keys, NULL, &by); /* reported there */
    if ((w->limits.limit || w->limits.within) && !same_fields(&by, &w->by))
        jd_error_at(c, node->place,
                    "by: limit and window of a rule go by the same fields, in the same order");
    w->limits.limit = w->limits.limit || is_limit;
    w->limits.within = w->limits.within || !is_limit;
    w->by = by;
}

/* ---- the lines of a rule ------------------------------------------------------------------------ */

struct taken {
    struct jd_limit_row row;
    uint32_t by_count;
    const struct line *line;
};

/* What a rule asks of its lines. */
struct asked {
    struct jd_compile *c;
    struct written_rule *w;
    uint32_t columns[FIELDS_MAX]; /* of each field of `by` */
};

static void read_value(const struct asked *asked, uint32_t i, const struct jd_cell *cell, struct jd_str *out)
{
    const struct jd_touch_field *field = jd_field_of(&asked->w->by.items[i]);
    if (cell->text.size == 0)
        jd_error_at(asked->c, cell->place, "%s: is empty, but rule " JD_STR_FMT " goes by it", field->name,
                    JD_STR_ARG(asked->w->rule.id));
    else if (asked->w->by.items[i].group == NULL && field->kind == JD_ENUM)
        (void)jd_cell_symbol(asked->c, cell, field->name, field->symbols); /* reported there */
    else if (field->kind == JD_BOOL && !jd_str_eq(cell->text, JD_STR("true")) &&
             !jd_str_eq(cell->text, JD_STR("false")))
        jd_cell_expected(asked->c, cell, field->name, "true or false");
    *out = cell->text;
}

static void read_limit(const struct asked *asked, const struct jd_cell *cell, struct jd_decimal *out)
{
    const char *hint = NULL, *problem = "a decimal number";
    if (jd_decimal_parse(cell->text, out))
        problem = jd_limit_problem(asked->w, *out, &hint);
    if (problem != NULL)
        jd_cell_expected(asked->c, cell, "limit", problem);
    if (hint != NULL)
        jd_problem_hint(asked->c->problems, "%s", hint);
}

static void read_span(const struct asked *asked, const struct jd_cell *cell, struct jd_span *out)
{
    bool is_window = (asked->w->rule.kind->optional & JD_TAKES_WINDOW) != 0;
    if (!jd_span_of_text(asked->c, cell->text, out))
        jd_cell_expected(asked->c, cell, "within", "a span of time (90m, 48h, 7d, 2w, 3mo, 1y, 5bd)");
    else if (is_window && out->amount == 0)
        jd_error_at(asked->c, cell->place, "within: a window must be longer than nothing");
}

static void read_line(const struct asked *asked, struct line *line, struct taken *out)
{
    struct jd_compile *c = asked->c;
    const struct written_rule *w = asked->w;
    const struct jd_limit_table *table = c->limits;
    struct jd_str *values = jd_arena_array(c->arena, w->by.count, sizeof *values);
    bool used[FIELDS_MAX] = {false};
    for (uint32_t i = 0; i < w->by.count; i++) {
        read_value(asked, i, &line->cells[asked->columns[i]], &values[i]);
        used[asked->columns[i] - FIELDS] = true;
    }
    for (uint32_t i = 0; i < table->field_count; i++)
        if (!used[i] && line->cells[FIELDS + i].text.size > 0)
            jd_error_at(c, line->cells[FIELDS + i].place,
                        JD_STR_FMT ": rule " JD_STR_FMT " does not go by it", JD_STR_ARG(table->names[i]),
                        JD_STR_ARG(w->rule.id));
    *out = (struct taken){.row = {.values = values, .from = line->from, .until = line->until},
                          .by_count = w->by.count,
                          .line = line};
    if (w->limits.limit)
        read_limit(asked, &line->cells[LIMIT], &out->row.limit);
    else if (line->cells[LIMIT].text.size > 0)
        jd_error_at(c, line->cells[LIMIT].place,
                    "limit: rule " JD_STR_FMT " does not take its limit from here", JD_STR_ARG(w->rule.id));
    if (w->limits.within)
        read_span(asked, &line->cells[WITHIN], &out->row.within);
    else if (line->cells[WITHIN].text.size > 0)
        jd_error_at(c, line->cells[WITHIN].place,
                    "within: rule " JD_STR_FMT " does not take its window from here", JD_STR_ARG(w->rule.id));
    line->taken = true;
}

static int by_values(const struct taken *x, const struct taken *y)
{
    int order = 0;
    for (uint32_t i = 0; i < x->by_count && order == 0; i++)
        order = jd_str_cmp(x->row.values[i], y->row.values[i]);
    return order;
}

static int by_values_and_from(const void *a, const void *b)
{
    const struct taken *x = a, *y = b;
    int order = by_values(x, y);
    if (order == 0)
        order = (x->row.from > y->row.from) - (x->row.from < y->row.from);
    return order != 0 ? order : x->line < y->line ? -1 : x->line > y->line;
}

/* They are sorted: of equal values each must end before the next begins. */
static void check_overlaps(struct jd_compile *c, const struct taken *rows, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        const struct taken *x = &rows[i - 1], *y = &rows[i];
        if (by_values(x, y) == 0 && (x->row.until == JD_TIME_NONE || x->row.until > y->row.from))
            jd_error_at(c, y->line->cells[FROM].place,
                        "from: the line overlaps with line %u, which has the same values",
                        x->line->cells[FROM].place.line);
    }
}

/* Which column each field of `by` is; false: reported. */
static bool find_columns(struct jd_compile *c, struct asked *asked, const struct jd_node *node)
{
    const struct jd_limit_table *table = c->limits;
    const struct written_rule *w = asked->w;
    uint32_t errors = c->problems->errors;
    for (uint32_t i = 0; i < w->by.count; i++) {
        uint32_t column = 0;
        while (column < table->field_count && !jd_same_field(&table->fields[column], &w->by.items[i]))
            column++;
        asked->columns[i] = FIELDS + column;
        if (column == table->field_count)
            jd_error_at(c, node->place, "by: limits.csv has no column for %s",
                        jd_field_of(&w->by.items[i])->name);
    }
    if (w->limits.limit && !table->has_limit)
        jd_error_at(c, node->place, "table: limits.csv has no column limit");
    if (w->limits.within && !table->has_within)
        jd_error_at(c, node->place, "table: limits.csv has no column within");
    return errors == c->problems->errors;
}

/* Over a period one touch stands for all: they must share what the table goes by. */
static void check_period(struct jd_compile *c, const struct written_rule *w, const struct jd_node *node)
{
    if (w->rule.period == JD_PERIOD_NONE || w->rule.period == JD_PERIOD_TOUCH)
        return;
    if (w->limits.within)
        jd_error_at(c, node->place, "window: of period: from_first does not come from a table");
    for (uint32_t i = 0; i < w->by.count; i++) {
        bool shared = w->by.items[i].profile, is_coverage = w->rule.coverage != NULL;
        if (!shared && is_coverage) {
            jd_error_at(c, node->place, "by: coverage goes by fields of the profile only, not by %s",
                        jd_field_of(&w->by.items[i])->name);
            continue;
        }
        for (uint32_t s = 0; s < w->same.count && !shared; s++)
            shared = jd_same_field(&w->same.items[s], &w->by.items[i]);
        if (!shared)
            jd_error_at(c, node->place, "by: over a period, %s must be in same: too",
                        jd_field_of(&w->by.items[i])->name);
    }
}

void jd_finish_table(struct jd_compile *c, struct written_rule *w, const struct jd_node *node)
{
    struct asked asked = {.c = c, .w = w};
    if ((!w->limits.limit && !w->limits.within) || c->limits == NULL || w->rule.kind == NULL)
        return;
    check_period(c, w, node);
    if (!find_columns(c, &asked, node))
        return;
    struct taken *taken = jd_arena_array(c->arena, c->limits->count, sizeof *taken);
    uint32_t count = 0;
    for (uint32_t i = 0; i < c->limits->count; i++)
        if (jd_str_eq(c->limits->lines[i].cells[RULE].text, w->rule.id))
            read_line(&asked, &c->limits->lines[i], &taken[count++]);
    if (count == 0)
        jd_warn_at(c, node->place, "the rule can never fire: limits.csv has no line for it");
    else
        qsort(taken, count, sizeof *taken, by_values_and_from);
    check_overlaps(c, taken, count);
    struct jd_limit_row *rows = jd_arena_array(c->arena, count, sizeof *rows);
    struct jd_limits *limits = jd_arena_alloc(c->arena, sizeof *limits);
    w->rule.within =
        w->limits.within ? (struct jd_span){.unit = JD_SPAN_MS, .text = JD_STR("limits")} : w->rule.within;
    for (uint32_t i = 0; i < count; i++) {
        rows[i] = taken[i].row;
        if (w->limits.within && jd_span_reach(&rows[i].within) > jd_span_reach(&w->rule.within))
            w->rule.within = rows[i].within;
    }
    *limits = w->limits;
    limits->by = w->by.items;
    limits->by_count = w->by.count;
    limits->rows = rows;
    limits->count = count;
    w->rule.limits = limits;
}

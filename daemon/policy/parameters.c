/* Keys of rules that only some kinds take: what is counted, over which time, against which limit. */
#include "policy/rules.h"

#include <string.h>

#include "base/avro.h"
#include "base/contract.h"
#include "base/str.h"
#include "engine/conflicts/amount.h"
#include "engine/conflicts/conflicts.h"
#include "engine/fields.h"
#include "engine/time.h"
#include "engine/touches.h"

enum { WEIGHTS_MAX = 1024, BOUNDS_MAX = 4, WEIGHT_SIZE_MAX = 256 };

static bool takes(const struct written_rule *w, uint32_t parameter)
{
    const struct jd_conflict_kind *kind = w->rule.kind;
    return kind != NULL && ((kind->required | kind->optional) & parameter) != 0;
}

static bool read_decimal(struct jd_compile *c, const char *name, const struct jd_node *node,
                         struct jd_decimal *out)
{
    struct jd_decimal value;
    if (node->kind == JD_NODE_SCALAR && jd_decimal_parse(node->text, &value)) {
        *out = value;
        return true;
    }
    jd_expected(c, node, name, "a decimal number");
    return false;
}

/* ---- over which time ---------------------------------------------------------------------------- */

void jd_read_within(struct jd_compile *c, const struct jd_key *key, const struct jd_node *node, void *out)
{
    struct written_rule *w = out;
    if (jd_is_table(node))
        jd_read_table(c, key, node, w, false);
    else
        jd_read_span(c, key, node, &w->rule.within);
}

void jd_read_window(struct jd_compile *c, const struct jd_key *key, const struct jd_node *node, void *out)
{
    struct jd_span span = {0};
    if (jd_is_table(node)) {
        jd_read_table(c, key, node, out, false);
        return;
    }
    jd_read_span(c, key, node, &span);
    if (span.unit != 0 && span.amount == 0)
        jd_error_at(c, node->place, "window: must be longer than nothing");
    else
        ((struct written_rule *)out)->window = span;
}

void jd_read_period(struct jd_compile *c, const struct jd_key *key, const struct jd_node *node, void *out)
{
    static const char *const names[] = {"day", "week", "month", "quarter", "year", NULL};
    struct jd_rule *rule = &((struct written_rule *)out)->rule;
    for (int i = 0; node->kind == JD_NODE_SCALAR && names[i] != NULL; i++)
        if (jd_str_eq(node->text, jd_str_of(names[i]))) {
            rule->period = (enum jd_period)(JD_PERIOD_DAY + i);
            rule->within = (struct jd_span){.text = node->text};
            return;
        }
    if (node->kind == JD_NODE_SCALAR && jd_str_eq(node->text, JD_STR("from_first"))) {
        rule->period = JD_PERIOD_FROM_FIRST;
        return;
    }
    jd_expected(c, node, key->name, "day, week, month, quarter, year or from_first");
    if (node->kind == JD_NODE_SCALAR)
        jd_problem_suggest(c->problems, node->text, names);
}

void jd_read_per(struct jd_compile *c, const struct jd_key *key, const struct jd_node *node, void *out)
{
    struct written_rule *w = out;
    if (node->kind == JD_NODE_SCALAR && jd_str_eq(node->text, JD_STR("touch"))) {
        w->rule.period = JD_PERIOD_TOUCH;
        w->has_per = true;
    } else {
        jd_expected(c, node, key->name, "touch");
    }
}

void jd_read_link(struct jd_compile *c, const struct jd_key *key, const struct jd_node *node, void *out)
{
    if (node->kind == JD_NODE_SCALAR && jd_str_eq(node->text, JD_STR("responds_to")))
        *(bool *)out = true;
    else
        jd_expected(c, node, key->name, "responds_to");
}

void jd_read_axis(struct jd_compile *c, const struct jd_key *key, const struct jd_node *node, void *out)
{
    if (node->kind == JD_NODE_SCALAR && jd_str_eq(node->text, JD_STR("recorded_at")))
        *(bool *)out = true;
    else
        jd_expected(c, node, key->name, "recorded_at");
}

void jd_read_report(struct jd_compile *c, const struct jd_key *key, const struct jd_node *node, void *out)
{
    if (node->kind == JD_NODE_SCALAR && jd_str_eq(node->text, JD_STR("each")))
        ((struct written_rule *)out)->rule.each = true;
    else
        jd_expected(c, node, key->name, "each");
}

/* ---- against which limit ------------------------------------------------------------------------ */

void jd_read_limit(struct jd_compile *c, const struct jd_key *key, const struct jd_node *node, void *out)
{
    if (jd_is_table(node))
        jd_read_table(c, key, node, out, true);
    else
        (void)read_decimal(c, key->name, node, &((struct written_rule *)out)->limit); /* reported there */
}

void jd_read_at_least(struct jd_compile *c, const struct jd_key *key, const struct jd_node *node, void *out)
{
    struct written_rule *w = out;
    w->rule.at_least = true;
    if (jd_is_table(node))
        jd_read_table(c, key, node, w, true);
    else
        (void)read_decimal(c, key->name, node, &w->at_least);
}

/* A field, or a group, with one value. */
static bool read_measured(struct jd_compile *c, const struct jd_key *key, const struct jd_node *node,
                          struct jd_field_ref *out)
{
    struct jd_fields fields = {0};
    uint32_t errors = c->problems->errors;
    if (node->kind != JD_NODE_SCALAR)
        jd_expected(c, node, key->name, "a field of the touch, or a group of policy.yaml");
    else
        jd_read_same(c, key, node, &fields);
    if (errors != c->problems->errors || fields.count == 0)
        return false;
    *out = fields.items[0];
    if (!jd_touch_fields[out->field].many)
        return true;
    jd_error_at(c, node->place, "%s: %s holds a list", key->name, jd_touch_fields[out->field].name);
    return false;
}

void jd_read_distinct(struct jd_compile *c, const struct jd_key *key, const struct jd_node *node, void *out)
{
    struct written_rule *w = out;
    w->has_distinct = read_measured(c, key, node, &w->distinct);
}

/* ---- weights ------------------------------------------------------------------------------------ */

struct written_weights {
    struct jd_field_ref by;
    const struct jd_node *values;
    struct jd_decimal otherwise;
};

static void read_by(struct jd_compile *c, const struct jd_key *key, const struct jd_node *node, void *out)
{
    struct jd_field_ref ref;
    if (!read_measured(c, key, node, &ref))
        return;
    enum jd_kind kind = jd_touch_fields[ref.field].kind;
    if (ref.group != NULL || (kind != JD_STRING && kind != JD_ENUM))
        jd_expected(c, node, key->name, "a field that holds a text or a value of a closed list");
    else
        *(struct jd_field_ref *)out = ref;
}

static bool read_weight(struct jd_compile *c, const char *name, const struct jd_node *node,
                        struct jd_decimal *out)
{
    int64_t units;
    if (!read_decimal(c, name, node, out))
        return false;
    if (out->units >= 0 && out->scale <= JD_AMOUNT_SCALE && jd_amount_units(*out, &units))
        return true;
    jd_error_at(c, node->place, "%s: a weight is 0 or more, with at most 4 digits after its point", name);
    return false;
}

static void read_otherwise(struct jd_compile *c, const struct jd_key *key, const struct jd_node *node,
                           void *out)
{
    (void)read_weight(c, key->name, node, out); /* reported there */
}

static void read_values(struct jd_compile *c, const struct jd_key *key, const struct jd_node *node, void *out)
{
    if (node->kind != JD_NODE_MAP || node->count == 0)
        jd_expected(c, node, key->name, "a map of values to weights, such as { in_person: 1, email: 0.3 }");
    else if (!jd_too_many(c, node, key->name, WEIGHTS_MAX, "weights"))
        *(const struct jd_node **)out = node;
}

const struct jd_key jd_weights_keys[] = {
    {"by", read_by, .offset = offsetof(struct written_weights, by), .required = true},
    {"values", read_values, .offset = offsetof(struct written_weights, values), .required = true},
    {"default", read_otherwise, .offset = offsetof(struct written_weights, otherwise)},
    {0},
};

void jd_read_weights(struct jd_compile *c, const struct jd_key *key, const struct jd_node *node, void *out)
{
    struct written_rule *w = out;
    struct written_weights read = {.otherwise = {1, 0}};
    uint32_t errors = c->problems->errors;
    if (!jd_read_map(c, node, key->name, jd_weights_keys, NULL, &read) || read.values == NULL)
        return;
    bool by_known = errors == c->problems->errors;
    const struct jd_touch_field *field = &jd_touch_fields[read.by.field];
    struct jd_str *values = jd_arena_array(c->arena, read.values->count, sizeof *values);
    struct jd_decimal *weights = jd_arena_array(c->arena, read.values->count, sizeof *weights);
    for (uint32_t i = 0; i < read.values->count; i++) {
        const struct jd_member *member = &read.values->members[i];
        values[i] = member->key;
        if (by_known && field->kind == JD_ENUM && jd_symbol_of(field->symbols, member->key) == 0) {
            jd_error_at(c, member->place, "weights: %s has no value \"%.*s\"", field->name,
                        member->key.size < WEIGHT_SIZE_MAX ? (int)member->key.size : WEIGHT_SIZE_MAX,
                        member->key.ptr);
            jd_suggest_symbol(c, member->key, field->symbols);
        }
        (void)read_weight(c, key->name, &member->value, &weights[i]); /* reported there */
    }
    w->has_weights = true;
    w->rule.measured = read.by;
    w->rule.weights = (struct jd_weights){values, weights, read.values->count, read.otherwise};
}

/* ---- sums --------------------------------------------------------------------------------------- */

void jd_read_sum(struct jd_compile *c, const struct jd_key *key, const struct jd_node *node, void *out)
{
    static const char *const names[] = {"amount", "quantity", NULL};
    struct written_rule *w = out;
    if (node->kind == JD_NODE_SCALAR && jd_str_eq(node->text, JD_STR("amount"))) {
        w->rule.measure = JD_MEASURE_AMOUNT;
    } else if (node->kind == JD_NODE_SCALAR && jd_str_eq(node->text, JD_STR("quantity"))) {
        w->rule.measure = JD_MEASURE_QUANTITY;
    } else {
        jd_expected(c, node, key->name, "amount or quantity");
        if (node->kind == JD_NODE_SCALAR)
            jd_problem_suggest(c->problems, node->text, names);
    }
}

void jd_read_currency(struct jd_compile *c, const struct jd_key *key, const struct jd_node *node, void *out)
{
    bool ok = node->kind == JD_NODE_SCALAR && node->text.size == 3;
    for (uint32_t i = 0; ok && i < 3; i++)
        ok = node->text.ptr[i] >= 'A' && node->text.ptr[i] <= 'Z';
    if (ok)
        ((struct written_rule *)out)->rule.currency = node->text;
    else
        jd_expected(c, node, key->name, "a currency (ISO 4217: three capital letters)");
}

/* ---- overlap ------------------------------------------------------------------------------------ */

void jd_read_durations(struct jd_compile *c, const struct jd_key *key, const struct jd_node *node, void *out)
{
    static const struct jd_key duration = {.name = "durations", .min = 1, .max = JD_INTERVAL_MAX};
    int64_t *durations = ((struct written_rule *)out)->durations, otherwise = JD_HOUR;
    if (node->kind != JD_NODE_MAP || node->count == 0) {
        jd_expected(c, node, key->name, "a map of channels, such as { in_person: 1h, default: 30m }");
        return;
    }
    const struct jd_member *member = jd_node_member(node, "default");
    if (member != NULL)
        jd_read_duration(c, &duration, &member->value, &otherwise);
    for (int i = 0; i < JD_CHANNEL_END_; i++)
        durations[i] = otherwise;
    for (uint32_t i = 0; i < node->count; i++) {
        member = &node->members[i];
        uint8_t channel = jd_symbol_of(&jd_channel_symbols, member->key);
        if (channel != JD_CHANNEL_NONE) {
            jd_read_duration(c, &duration, &member->value, &durations[channel]);
        } else if (!jd_str_eq(member->key, JD_STR("default"))) {
            jd_error_at(c, member->place, "durations: there is no channel \"%.*s\"",
                        member->key.size < 80 ? (int)member->key.size : 80, member->key.ptr);
            jd_suggest_symbol(c, member->key, &jd_channel_symbols);
        }
    }
}

/* ---- severity: when: { observed: } -------------------------------------------------------------- */

void jd_read_observed(struct jd_compile *c, const struct jd_key *key, const struct jd_node *node, void *out)
{
    static const char *const names[] = {"lt", "le", "gt", "ge", NULL};
    struct jd_severity_case *severity = out;
    struct jd_bound *bounds = jd_arena_array(c->arena, BOUNDS_MAX, sizeof *bounds);
    if (node->kind != JD_NODE_MAP || node->count == 0 || node->count > BOUNDS_MAX) {
        jd_expected(c, node, key->name, "a comparison, such as { gt: 10 }");
        return;
    }
    for (uint32_t i = 0; i < node->count; i++) {
        const struct jd_member *member = &node->members[i];
        int op = 0;
        while (names[op] != NULL && !jd_str_eq(member->key, jd_str_of(names[op])))
            op++;
        if (names[op] == NULL) {
            jd_error_at(c, member->place, "observed: there is no comparison \"%.*s\"",
                        member->key.size < 80 ? (int)member->key.size : 80, member->key.ptr);
            jd_problem_suggest(c->problems, member->key, names);
        } else if (read_decimal(c, key->name, &member->value, &bounds[severity->observed_count].number)) {
            bounds[severity->observed_count++].op = (enum jd_compare)(JD_LT + op);
        }
    }
    severity->observed = bounds;
}

/* ---- all together ------------------------------------------------------------------------------- */

static struct jd_place place_of(const struct jd_node *node, const char *key)
{
    const struct jd_member *member = jd_node_member(node, key);
    return member != NULL ? member->place : node->place;
}

static void clash(struct jd_compile *c, struct jd_place place, const char *text, const char *hint)
{
    jd_error_at(c, place, "%s", text);
    jd_problem_hint(c->problems, "%s", hint);
}

/* Exactly one of three keys, or of two; `hint` says what they are. */
static bool one_of(struct jd_compile *c, const struct jd_node *node, const char *const *keys, const char *all,
                   const char *hint)
{
    uint32_t count = 0;
    const struct jd_member *last = NULL;
    for (; *keys != NULL; keys++) {
        const struct jd_member *member = jd_node_member(node, *keys);
        count += member != NULL;
        last = member != NULL ? member : last;
    }
    if (count == 0)
        jd_error_at(c, node->place, "a rule: one of %s is missing", all);
    else if (count > 1)
        jd_error_at(c, last->place, "only one of %s may be written", all);
    if (count != 1)
        jd_problem_hint(c->problems, "%s", hint);
    return count == 1;
}

const char *jd_limit_problem(const struct written_rule *w, struct jd_decimal limit, const char **hint)
{
    bool whole = w->rule.measure == JD_MEASURE_COUNT || w->rule.measure == JD_MEASURE_DISTINCT ||
                 w->rule.measure == JD_MEASURE_QUANTITY;
    *hint = NULL;
    if (whole && limit.scale != 0) {
        *hint = "touches are counted one by one; weights: lets one count for less";
        return "a whole number";
    }
    if (takes(w, JD_TAKES_COVERAGE) && limit.units > JD_GOAL_MAX)
        return "at most 1000000";
    if (w->rule.at_least && limit.units == 0) {
        *hint = "at_least: 1 raises at the first";
        return "a number that is more than 0";
    }
    return limit.units < 0 ? "a number that is not negative" : NULL;
}

/* The limit that is written, if one is. */
static void finish_goal(struct jd_compile *c, struct written_rule *w, const struct jd_node *node)
{
    w->rule.limit = w->rule.at_least ? w->at_least : w->limit;
    if (w->rule.limit.scale == JD_DECIMAL_NONE)
        return; /* it comes from a table, or was reported where it was read */
    const char *name = w->rule.at_least ? "at_least" : "limit", *hint;
    const char *problem = jd_limit_problem(w, w->rule.limit, &hint);
    if (problem != NULL)
        jd_expected(c, &jd_node_member(node, name)->value, name, problem);
    if (hint != NULL)
        jd_problem_hint(c->problems, "%s", hint);
}

static void finish_limit(struct jd_compile *c, struct written_rule *w, const struct jd_node *node)
{
    static const char *const keys[] = {"limit", "at_least", NULL};
    if (one_of(c, node, keys,
               "limit: and at_least:", "limit: 3 raises at more than 3, at_least: 3 at 3 already"))
        finish_goal(c, w, node);
}

static bool from_first(struct jd_compile *c, const struct jd_node *node)
{
    if (jd_node_member(node, "window") == NULL)
        clash(c, node->place, "a rule: window: is missing: how long a period: from_first is",
              "such as window: 14d");
    if (jd_node_member(node, "per") != NULL)
        clash(c, place_of(node, "per"), "per: does not go with period:",
              "per: touch looks at each touch alone, a period at all of its time");
    return jd_node_member(node, "window") != NULL && jd_node_member(node, "per") == NULL;
}

static void finish_counted(struct jd_compile *c, struct written_rule *w, const struct jd_node *node)
{
    static const char *const keys[] = {"window", "period", "per", NULL};
    if (w->rule.period == JD_PERIOD_FROM_FIRST ? !from_first(c, node)
                                               : !one_of(c, node, keys, "window:, period: and per:",
                                                         "window: rolls with each touch, period: is of the "
                                                         "calendar, per: touch looks at each alone"))
        return;
    if (w->window.unit != 0)
        w->rule.within = w->window;
    if (w->has_distinct && w->has_weights)
        clash(c, place_of(node, "weights"), "weights: does not go with distinct:",
              "distinct: counts values, weights: adds up touches; make two rules of it");
    if (w->has_distinct) {
        w->rule.measure = JD_MEASURE_DISTINCT;
        w->rule.measured = w->distinct;
    } else if (w->has_weights) {
        w->rule.measure = JD_MEASURE_WEIGHTS;
    }
    if (w->has_per && !w->has_weights && !takes(w, JD_TAKES_SUM))
        jd_warn_at(c, place_of(node, "per"),
                   "per: touch counts one touch: without weights: that is always 1");
    if (takes(w, JD_TAKES_SUM) && w->rule.measure == JD_MEASURE_AMOUNT &&
        jd_node_member(node, "currency") == NULL)
        clash(c, node->place, "a rule: currency: is missing",
              "such as currency: EUR; sum: quantity needs none");
    if (w->rule.measure == JD_MEASURE_QUANTITY && w->rule.currency.ptr != NULL)
        clash(c, place_of(node, "currency"), "currency: does not go with sum: quantity",
              "sum: amount adds up money");
    if (w->rule.each && (w->rule.period == JD_PERIOD_NONE || w->rule.period == JD_PERIOD_TOUCH))
        clash(c, place_of(node, "report"), "report: each goes with period: only",
              "over a window: each touch that is over the limit has an alert already");
    if (w->rule.logged && (w->rule.period == JD_PERIOD_FROM_FIRST || w->rule.period == JD_PERIOD_TOUCH))
        clash(c, place_of(node, "axis"), "axis: goes with window: or a period of the calendar",
              "what was recorded together lies in one window, such as window: 30m");
    if (w->rule.logged && w->mode == JD_MODE_BLOCK)
        clash(c, place_of(node, "axis"), "axis: recorded_at does not go with mode: block",
              "nobody can plan when a touch will be recorded: mode: alert");
    finish_limit(c, w, node);
}

/* Planned touches have not happened: unless the selector names `phase`, it leaves them out. */
static void happened(struct jd_compile *c, struct jd_selector *selector)
{
    for (uint32_t i = 0; i < selector->count; i++)
        if (selector->conditions[i].ref.field == JD_FIELD_PHASE)
            return;
    struct jd_condition *conditions = jd_arena_array(c->arena, selector->count + 1, sizeof *conditions);
    if (selector->count > 0)
        memcpy(conditions, selector->conditions, selector->count * sizeof *conditions);
    conditions[selector->count++] = (struct jd_condition){
        .ref = {.field = JD_FIELD_PHASE}, .op = JD_NOT_IN, .enum_set = UINT64_C(1) << JD_PHASE_PLANNED};
    selector->conditions = conditions;
}

static void clash_case(struct jd_compile *c, const struct written_rule *w, const struct jd_member *member,
                       const char *key, bool calendar)
{
    jd_error_at(c, member->place, "when: %s is not taken by kind %s%s", key, w->rule.kind->name,
                calendar ? " over a period" : "");
    jd_problem_hint(c->problems, calendar ? "a period has no touch of its own; observed: looks at its total"
                                          : "phase: every kind has");
}

/* Cases of severity name only what the kind has. */
static void check_cases(struct jd_compile *c, const struct written_rule *w, const struct jd_node *node)
{
    static const struct {
        const char *key;
        uint32_t parameter;
    } rows[] = {{"within", JD_TAKES_NEAR},
                {"observed", JD_TAKES_OBSERVED},
                {"a", JD_TAKES_CASE_A},
                {"b", JD_TAKES_CASE_B},
                {"of", JD_TAKES_OF}};
    const struct jd_member *severity = jd_node_member(node, "severity");
    if (severity == NULL || severity->value.kind != JD_NODE_LIST)
        return;
    for (uint32_t i = 0; i < severity->value.count; i++) {
        const struct jd_node *one = &severity->value.items[i];
        const struct jd_member *when = one->kind == JD_NODE_MAP ? jd_node_member(one, "when") : NULL;
        for (size_t r = 0; when != NULL && when->value.kind == JD_NODE_MAP && r < JD_COUNT(rows); r++) {
            const struct jd_member *member = jd_node_member(&when->value, rows[r].key);
            bool calendar = rows[r].parameter == JD_TAKES_OF && w->rule.period != JD_PERIOD_NONE &&
                            w->rule.period != JD_PERIOD_TOUCH;
            if (member != NULL && (!takes(w, rows[r].parameter) || calendar))
                clash_case(c, w, member, rows[r].key, calendar);
        }
    }
}

static void lists_in_same(struct jd_compile *c, const struct written_rule *w, const struct jd_node *node,
                          uint32_t i)
{
    jd_error_at(c, place_of(node, "same"), "same: %s holds a list, which kind %s does not compare",
                jd_touch_fields[w->same.items[i].field].name, w->rule.kind->name);
    jd_problem_hint(c->problems, "only pairs (proximity, overlap) can share one value of a list");
}

void jd_finish_parameters(struct jd_compile *c, struct written_rule *w, const struct jd_node *node)
{
    if (w->rule.kind == NULL)
        return;
    if (takes(w, JD_TAKES_LIMIT))
        finish_counted(c, w, node);
    if (takes(w, JD_TAKES_COVERAGE)) {
        finish_goal(c, w, node);
        jd_finish_coverage(c, w, node);
    }
    if (takes(w, JD_TAKES_DURATIONS))
        w->rule.durations = w->durations;
    if (takes(w, JD_TAKES_A_HAPPENED))
        happened(c, &w->rule.a);
    if (takes(w, JD_TAKES_B_HAPPENED))
        happened(c, &w->rule.b);
    if (w->rule.c.classes != 0)
        happened(c, &w->rule.c);
    for (uint32_t i = 0; i < w->same.count && !takes(w, JD_TAKES_LISTS); i++)
        if (jd_touch_fields[w->same.items[i].field].many)
            lists_in_same(c, w, node, i);
    check_cases(c, w, node);
}

int64_t jd_rule_reach(const struct jd_rule *rule)
{
    static const int64_t days[] = {[JD_PERIOD_DAY] = 1,      [JD_PERIOD_WEEK] = 7,   [JD_PERIOD_MONTH] = 31,
                                   [JD_PERIOD_QUARTER] = 92, [JD_PERIOD_YEAR] = 366, [JD_PERIOD_TOUCH] = 0};
    int64_t reach = rule->within.unit != 0 ? jd_span_reach(&rule->within) : 0;
    if (rule->kind == NULL)
        return reach;
    if (rule->kind->find_facts != NULL)
        return 0; /* facts stay */
    if (rule->period != JD_PERIOD_NONE &&
        rule->period != JD_PERIOD_FROM_FIRST) /* zones are at most two days apart */
        reach = (days[rule->period] + 2) * JD_DAY;
    if ((rule->kind->optional & JD_TAKES_DURATIONS) != 0)
        reach = JD_INTERVAL_MAX;
    if ((rule->kind->optional & JD_TAKES_ANSWER) != 0)
        reach += jd_span_reach(&rule->resolve_within);
    if ((rule->kind->optional & JD_TAKES_PLUS) != 0)
        reach += jd_span_reach(&rule->plus);
    return reach;
}

/* Which of two versions of a rule is the stricter one: by the parameters that may differ, and the way that a kind's
 * row names for each. */
#include <string.h>

#include "base/avro.h"
#include "base/str.h"
#include "engine/conflicts/conflicts.h"
#include "policy/rules.h"

/* ---- what may change ---------------------------------------------------------------------------- */

static const struct jd_changeable parameters[] = {
    {"limit", JD_FORM_NUMBER, offsetof(struct jd_rule, limit)},
    {"at_least", JD_FORM_NUMBER, offsetof(struct jd_rule, limit)},
    {"window", JD_FORM_SPAN, offsetof(struct jd_rule, within)},
    {"within", JD_FORM_SPAN, offsetof(struct jd_rule, within)},
    {"max_open", JD_FORM_SPAN, offsetof(struct jd_rule, within)},
    {"plus", JD_FORM_SPAN, offsetof(struct jd_rule, plus)},
    {"resolve_within", JD_FORM_SPAN, offsetof(struct jd_rule, resolve_within)},
    {"inclusive", JD_FORM_TRUTH, offsetof(struct jd_rule, inclusive)},
    {"durations", JD_FORM_DURATIONS, offsetof(struct jd_rule, durations)},
    {"mode", JD_FORM_MODE, offsetof(struct jd_rule, mode)},
    {"severity", JD_FORM_SEVERITY, 0},
    {"citation", JD_FORM_TEXT, 0},
    {"jurisdiction", JD_FORM_TEXT, 0},
    {"remedy", JD_FORM_TEXT, 0},
    {"assignee", JD_FORM_TEXT, 0},
};

static uint32_t bit_of(const struct jd_changeable *p)
{
    const struct jd_key *key = jd_rule_keys;
    while (strcmp(key->name, p->key) != 0)
        key++;
    return key->parameter;
}

const struct jd_changeable *jd_parameter_of(const struct jd_rule *rule, struct jd_str key)
{
    const struct jd_conflict_kind *kind = rule->kind;
    if (rule->period == JD_PERIOD_FROM_FIRST && jd_str_eq(key, JD_STR("window")))
        return NULL; /* each period's begin follows from all before it: no touch could say whose window it is */
    const struct jd_limits *limits = rule->limits; /* a market has lines of its own there */
    bool is_limit = jd_str_eq(key, JD_STR("limit")) || jd_str_eq(key, JD_STR("at_least"));
    bool is_window = jd_str_eq(key, JD_STR("within")) || jd_str_eq(key, JD_STR("window"));
    if (rule->coverage != NULL ||
        (limits != NULL && ((is_limit && limits->limit) || (is_window && limits->within))))
        return NULL;
    for (size_t i = 0; i < JD_COUNT(parameters); i++)
        if (jd_str_eq(key, jd_str_of(parameters[i].key))) {
            uint32_t bit = bit_of(&parameters[i]);
            bool taken = bit == 0 || ((kind->required | kind->optional) & bit) != 0;
            return taken ? &parameters[i] : NULL;
        }
    return NULL;
}

int jd_stricter(const struct jd_rule *rule, const struct jd_changeable *p)
{
    if (p->form == JD_FORM_MODE || p->form == JD_FORM_SEVERITY)
        return 1;
    return (rule->kind->more & bit_of(p)) != 0 ? 1 : (rule->kind->less & bit_of(p)) != 0 ? -1 : 0;
}

/* ---- more or less ------------------------------------------------------------------------------- */

static int order_of(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

static int order_of_spans(const struct jd_span *a, const struct jd_span *b)
{
    return a->unit != b->unit ? JD_INCOMPARABLE : order_of(a->amount, b->amount);
}

/* Of two orders over parts: both ways at once is no order. */
static int both(int x, int y)
{
    return x == 0 ? y : y == 0 || x == y ? x : JD_INCOMPARABLE;
}

static int order_of_durations(const int64_t *a, const int64_t *b)
{
    int order = 0;
    for (int i = 0; i < JD_CHANNEL_END_; i++)
        order = both(order, order_of(a[i], b[i]));
    return order;
}

/* A level alone, or the cases of the same conditions. */
static bool same_cases(const struct jd_node *a, const struct jd_node *b)
{
    bool same = a->kind == b->kind && a->count == b->count;
    for (uint32_t i = 0; same && a->kind == JD_NODE_LIST && i < a->count; i++) {
        const struct jd_member *x = jd_node_member(&a->items[i], "when"),
                               *y = jd_node_member(&b->items[i], "when");
        same = x == NULL || y == NULL ? x == y : jd_nodes_equal(&x->value, &y->value);
    }
    return same;
}

static int order_of_severities(const struct jd_compiled_rule *a, const struct jd_compiled_rule *b)
{
    const struct jd_severity_case *x = a->rule.severities, *y = b->rule.severities;
    int order = 0;
    bool above = true, below = true;
    if (same_cases(&jd_node_member(a->node, "severity")->value,
                   &jd_node_member(b->node, "severity")->value)) {
        for (uint32_t i = 0; i < a->rule.severity_count; i++)
            order = both(order, order_of(x[i].severity, y[i].severity));
        return order;
    }
    for (uint32_t i = 0; i < a->rule.severity_count; i++)
        for (uint32_t k = 0; k < b->rule.severity_count; k++) {
            above = above && x[i].severity >= y[k].severity;
            below = below && x[i].severity <= y[k].severity;
        }
    return above ? 1 : below ? -1 : JD_INCOMPARABLE;
}

int jd_parameter_order(const struct jd_compiled_rule *a, const struct jd_compiled_rule *b,
                       const struct jd_changeable *p)
{
    const void *x = (const char *)&a->rule + p->offset, *y = (const char *)&b->rule + p->offset;
    const struct jd_member *of_a = jd_node_member(a->node, p->key), *of_b = jd_node_member(b->node, p->key);
    if (of_a != NULL && of_b != NULL && jd_nodes_equal(&of_a->value, &of_b->value))
        return 0;
    if ((of_a != NULL && jd_node_member(&of_a->value, "table") != NULL) ||
        (of_b != NULL && jd_node_member(&of_b->value, "table") != NULL))
        return JD_INCOMPARABLE;
    switch (p->form) {
    case JD_FORM_SPAN:
        return order_of_spans(x, y);
    case JD_FORM_NUMBER: /* limit: 3 in place of at_least: 3 is another rule */
        return a->rule.at_least != b->rule.at_least
                   ? JD_INCOMPARABLE
                   : jd_decimal_cmp(*(const struct jd_decimal *)x, *(const struct jd_decimal *)y);
    case JD_FORM_TRUTH:
        return order_of(*(const bool *)x, *(const bool *)y);
    case JD_FORM_DURATIONS:
        return order_of_durations(*(const int64_t *const *)x, *(const int64_t *const *)y);
    case JD_FORM_MODE:
        return order_of((int64_t)a->rule.mode, (int64_t)b->rule.mode);
    case JD_FORM_SEVERITY:
        return order_of_severities(a, b);
    case JD_FORM_TEXT:
        return 0;
    }
    return JD_INCOMPARABLE;
}

const struct jd_changeable *jd_parameter_at(uint32_t index)
{
    return index < JD_COUNT(parameters) ? &parameters[index] : NULL;
}

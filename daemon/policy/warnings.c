/* What is surely not meant, over all rules together: rules that can never fire, that two rules cannot both be kept,
 * that one says what another says already, what is declared and named nowhere. A warning is only given where it can
 * be proved from the text; where it cannot, nothing is said. */
#include <string.h>

#include "base/avro.h"
#include "base/str.h"
#include "engine/conflicts/conflicts.h"
#include "engine/fields.h"
#include "policy/rules.h"

/* ---- selectors ----------------------------------------------------------------------------------- */

static bool same_ref(const struct jd_field_ref *a, const struct jd_field_ref *b)
{
    return a->field == b->field && jd_str_eq(a->attribute, b->attribute);
}

static bool has_text(const struct jd_condition *c, struct jd_str text)
{
    for (uint32_t i = 0; i < c->text_count; i++)
        if (jd_str_eq(c->texts[i], text))
            return true;
    return false;
}

static bool has_decimal(const struct jd_condition *c, struct jd_decimal number)
{
    for (uint32_t i = 0; i < c->decimal_count; i++)
        if (jd_decimal_cmp(c->decimals[i], number) == 0)
            return true;
    return false;
}

/* Is every value of x's set in y's? */
static bool subset(const struct jd_condition *x, const struct jd_condition *y)
{
    bool all = (x->enum_set & ~y->enum_set) == 0;
    for (uint32_t i = 0; all && i < x->text_count; i++)
        all = has_text(y, x->texts[i]);
    for (uint32_t i = 0; all && i < x->decimal_count; i++)
        all = has_decimal(y, x->decimals[i]);
    return all;
}

static bool apart(const struct jd_condition *x, const struct jd_condition *y)
{
    bool none = (x->enum_set & y->enum_set) == 0;
    for (uint32_t i = 0; none && i < x->text_count; i++)
        none = !has_text(y, x->texts[i]);
    for (uint32_t i = 0; none && i < x->decimal_count; i++)
        none = !has_decimal(y, x->decimals[i]);
    return none;
}

/* Does what meets x meet y, a condition on the same field? */
static bool condition_implies(const struct jd_condition *x, const struct jd_condition *y)
{
    bool many = jd_touch_fields[y->ref.field].many;
    switch (y->op) {
    case JD_EXISTS:
        return x->op != JD_ABSENT;
    case JD_ABSENT:
        return x->op == JD_ABSENT;
    case JD_IN:
        return x->op == JD_IN && subset(x, y);
    case JD_NOT_IN:
        return (x->op == JD_IN && !many && apart(x, y)) || (x->op == JD_NOT_IN && subset(y, x));
    case JD_LT:
    case JD_LE:
    case JD_GT:
    case JD_GE: {
        int order = jd_touch_fields[y->ref.field].kind == JD_TIME ? (x->time > y->time) - (x->time < y->time)
                                                                  : jd_decimal_cmp(x->decimal, y->decimal);
        return x->op == y->op && (y->op == JD_LT || y->op == JD_LE ? order <= 0 : order >= 0);
    }
    }
    return false;
}

/* Does every touch that matches p match q? False also where that is not known. */
static bool implies(const struct jd_selector *p, const struct jd_selector *q)
{
    bool all = (p->classes & ~q->classes) == 0;
    for (uint32_t i = 0; all && i < q->count; i++) {
        all = false;
        for (uint32_t k = 0; !all && k < p->count; k++)
            all = same_ref(&p->conditions[k].ref, &q->conditions[i].ref) &&
                  condition_implies(&p->conditions[k], &q->conditions[i]);
    }
    return all;
}

/* ---- rules that never fire ----------------------------------------------------------------------- */

static bool takes(const struct jd_compiled_rule *rule, uint32_t parameter)
{
    return ((rule->rule.kind->required | rule->rule.kind->optional) & parameter) != 0;
}

static struct jd_place place_of(const struct jd_compiled_rule *rule, const char *key)
{
    const struct jd_member *member = jd_node_member(rule->node, key);
    return member != NULL ? member->place : rule->node->place;
}

/* A rule about what is missing needs only one of its two: absence a, requires b. */
static bool needs(const struct jd_compiled_rule *rule, const struct jd_selector *selector)
{
    bool a_only = takes(rule, JD_TAKES_B_HAPPENED), b_only = !a_only && takes(rule, JD_TAKES_A_HAPPENED);
    return selector->classes != 0 && (selector == &rule->rule.a ? !b_only : !a_only);
}

static void warn_unless(struct jd_compile *c, const struct jd_compiled_rule *rule)
{
    const struct jd_selector *selectors[] = {&rule->rule.a, &rule->rule.b};
    for (size_t i = 0; i < JD_COUNT(selectors); i++)
        for (uint32_t u = 0; needs(rule, selectors[i]) && u < rule->rule.unless_count; u++)
            if (implies(selectors[i], &rule->rule.unless[u])) {
                jd_warn_at(c, place_of(rule, "unless"),
                           "the rule can never fire: unless: leaves out every touch that matches %s:",
                           takes(rule, JD_TAKES_OF) ? "of"
                           : i == 0                 ? "a"
                                                    : "b");
                return;
            }
}

/* How many values a field can have in the touches that a selector matches; 0: not known. */
static uint32_t values_of(const struct jd_selector *selector, const struct jd_field_ref *ref)
{
    for (uint32_t i = 0; i < selector->count; i++) {
        const struct jd_condition *condition = &selector->conditions[i];
        if (condition->op == JD_IN && same_ref(&condition->ref, ref))
            return (uint32_t)__builtin_popcountll(condition->enum_set) + condition->text_count;
    }
    return 0;
}

static void warn_distinct(struct jd_compile *c, const struct jd_compiled_rule *rule)
{
    const struct jd_rule *r = &rule->rule;
    if (r->measure != JD_MEASURE_DISTINCT)
        return;
    uint32_t most = values_of(&r->a, &r->measured);
    for (uint32_t i = 0; i < r->same_count; i++)
        if (same_ref(&r->same[i], &r->measured) && r->same[i].group == r->measured.group)
            most = 1;
    int order = jd_decimal_cmp((struct jd_decimal){most, 0}, r->limit);
    if (most > 0 && (r->at_least ? order < 0 : order <= 0))
        jd_warn_at(c, place_of(rule, "distinct"),
                   "the rule can never fire: there are at most %u values to count", most);
}

static void warn_cases(struct jd_compile *c, const struct jd_compiled_rule *rule)
{
    const struct jd_node *cases = &jd_node_member(rule->node, "severity")->value;
    for (uint32_t i = 1; cases->kind == JD_NODE_LIST && i < cases->count; i++)
        for (uint32_t k = 0; k < i; k++) {
            const struct jd_member *when = jd_node_member(&cases->items[i], "when"),
                                   *before = jd_node_member(&cases->items[k], "when");
            if (when == NULL || before == NULL || !jd_nodes_equal(&when->value, &before->value))
                continue;
            jd_warn_at(c, when->place, "the case can never apply: the one at line %u has the same conditions",
                       before->place.line);
            break;
        }
}

/* What is said here is proved for these kinds, and where only these keys are written. */
static bool is_known(const struct jd_compiled_rule *rule)
{
    static const char *const names[] = {"proximity", "overlap",  "frequency", "budget",     "sequence",
                                        "absence",   "requires", "until",     "eligibility"};
    for (size_t i = 0; i < JD_COUNT(names); i++)
        if (strcmp(rule->rule.kind->name, names[i]) == 0)
            return true;
    return false;
}

static bool is_plain(const struct jd_compiled_rule *rule)
{
    static const char *const keys[] = {"id",
                                       "version",
                                       "kind",
                                       "mode",
                                       "scope",
                                       "severity",
                                       "citation",
                                       "jurisdiction",
                                       "remedy",
                                       "assignee",
                                       "local",
                                       "valid_from",
                                       "valid_to",
                                       "a",
                                       "b",
                                       "within",
                                       "same",
                                       "different",
                                       "unless",
                                       "inclusive",
                                       "resolve_within"};
    uint32_t plain = 0;
    for (size_t i = 0; i < JD_COUNT(keys); i++)
        plain += jd_node_member(rule->node, keys[i]) != NULL;
    return plain == rule->node->count;
}

/* ---- two rules ----------------------------------------------------------------------------------- */

/* Does `wide` hold wherever and whenever `narrow` does, with one version each? */
static bool holds_with(const struct jd_compiled_rule *wide, const struct jd_compiled_rule *narrow)
{
    return wide->version_count == 0 && narrow->version_count == 0 &&
           (wide->market.ptr == NULL || jd_str_eq(wide->market, narrow->market)) &&
           wide->rule.scope == narrow->rule.scope;
}

static bool is_kind(const struct jd_compiled_rule *rule, const char *name)
{
    return strcmp(rule->rule.kind->name, name) == 0;
}

/* Does `p` forbid every pair that is an a of `r` followed by a b of it, at most r's `within` apart? */
static bool forbids(const struct jd_compiled_rule *p, const struct jd_compiled_rule *r)
{
    const struct jd_rule *x = &p->rule, *y = &r->rule;
    bool either_way = is_kind(p, "proximity");
    if (!either_way &&
        !(is_kind(p, "sequence") && is_kind(r, "absence") && !y->inclusive && x->c.classes == 0))
        return false;
    bool pairs = (implies(&y->a, &x->a) && implies(&y->b, &x->b)) ||
                 (either_way && implies(&y->a, &x->b) && implies(&y->b, &x->a));
    return pairs && x->same_count == 0 && x->different_count == 0 && x->unless_count == 0 &&
           !x->unless_joint && x->valid_from == JD_TIME_NONE && x->valid_to == JD_TIME_NONE &&
           x->within.unit == JD_SPAN_MS && y->within.unit == JD_SPAN_MS &&
           x->within.amount >= y->within.amount;
}

static void warn_contradiction(struct jd_compile *c, const struct jd_compiled_rule *asks,
                               const struct jd_compiled_rule *forbids_it)
{
    if ((!is_kind(asks, "absence") && !is_kind(asks, "requires")) || !is_plain(asks) ||
        !is_plain(forbids_it) || !holds_with(forbids_it, asks) || !forbids(forbids_it, asks))
        return;
    jd_warn_at(c, asks->node->place,
               "the rule contradicts \"" JD_STR_FMT "\" (line %u): what this one asks for, that one forbids",
               JD_STR_ARG(forbids_it->rule.id), forbids_it->node->place.line);
}

/* What says nothing of which touches a rule is about, and is held against the other's by itself. */
static bool is_compared(const struct jd_compiled_rule *rule, struct jd_str key)
{
    if (jd_str_eq(key, JD_STR("assignee")))
        return false; /* two may be told of the same */
    static const char *const keys[] = {"id", "version", "local", "a", "b", "of", "same"};
    for (size_t i = 0; i < JD_COUNT(keys); i++)
        if (jd_str_eq(key, jd_str_of(keys[i])))
            return true;
    return jd_parameter_of(&rule->rule, key) != NULL;
}

static bool same_otherwise(const struct jd_compiled_rule *x, const struct jd_compiled_rule *y)
{
    for (uint32_t i = 0; i < x->node->count; i++) {
        const struct jd_member *member = &x->node->members[i],
                               *other = jd_node_member(y->node, member->key.ptr);
        if (!is_compared(x, member->key) && (other == NULL || !jd_nodes_equal(&member->value, &other->value)))
            return false;
    }
    return true;
}

/* Is every parameter of `wide` as strict as that of `narrow`, or stricter? */
static bool as_strict(const struct jd_compiled_rule *wide, const struct jd_compiled_rule *narrow)
{
    const struct jd_changeable *p;
    for (uint32_t i = 0; (p = jd_parameter_at(i)) != NULL; i++) {
        if (jd_parameter_of(&wide->rule, jd_str_of(p->key)) == NULL || p->form == JD_FORM_TEXT)
            continue;
        int order = jd_parameter_order(wide, narrow, p);
        if (order != 0 && (order == JD_INCOMPARABLE || order != jd_stricter(&wide->rule, p)))
            return false;
    }
    return true;
}

/* Can a rule that looks at more touches only raise more? Of sums not: amounts may be negative. */
static bool grows(const struct jd_rule *rule)
{
    if (rule->period == JD_PERIOD_FROM_FIRST || rule->measure == JD_MEASURE_AMOUNT ||
        rule->measure == JD_MEASURE_QUANTITY)
        return false;
    return rule->kind->pairs || (rule->kind->required & JD_TAKES_OF) != 0;
}

static bool same_fields(const struct jd_rule *x, const struct jd_rule *y)
{
    bool all = x->same_count == y->same_count;
    for (uint32_t i = 0; all && i < x->same_count; i++)
        all = same_ref(&x->same[i], &y->same[i]) && x->same[i].group == y->same[i].group;
    return all;
}

/* Does `wide` raise whatever `narrow` does, as strictly? The selectors come first: they say no in most cases. */
static bool covers(const struct jd_compiled_rule *wide, const struct jd_compiled_rule *narrow)
{
    const struct jd_rule *x = &wide->rule, *y = &narrow->rule;
    return x->kind == y->kind && implies(&y->a, &x->a) && implies(&y->b, &x->b) &&
           (grows(x) || (implies(&x->a, &y->a) && implies(&x->b, &y->b))) && x->mode >= y->mode &&
           holds_with(wide, narrow) && same_fields(x, y) && same_otherwise(wide, narrow) &&
           same_otherwise(narrow, wide) && as_strict(wide, narrow);
}

static void warn_covered(struct jd_compile *c, const struct jd_compiled_rule *wide,
                         const struct jd_compiled_rule *narrow)
{
    jd_warn_at(c, narrow->node->place,
               "whatever the rule raises, \"" JD_STR_FMT "\" (line %u) raises too, as severely",
               JD_STR_ARG(wide->rule.id), wide->node->place.line);
}

/* ---- all ----------------------------------------------------------------------------------------- */

static void warn_unused(struct jd_compile *c)
{
    for (uint32_t i = 0; i < c->group_count; i++)
        if (!c->groups[i].used)
            jd_warn_at(c, c->groups[i].place, "no rule names the group \"" JD_STR_FMT "\"",
                       JD_STR_ARG(c->groups[i].group.name));
    for (uint32_t i = 0; i < c->pack_count; i++) {
        struct jd_str file =
            jd_arena_printf(c->arena, "markets/" JD_STR_FMT ".yaml", JD_STR_ARG(c->packs[i].name));
        if (!c->packs[i].named && jd_bundle_file(c->bundle, file) == NULL)
            jd_warn_at(c, c->packs[i].place, "the pack \"" JD_STR_FMT "\" has no file " JD_STR_FMT,
                       JD_STR_ARG(c->packs[i].name), JD_STR_ARG(file));
    }
}

static void warn_pairs(struct jd_compile *c, const struct jd_compiled_rule *rule)
{
    bool covered = false;
    for (uint32_t k = 0; k < c->rule_count; k++) {
        const struct jd_compiled_rule *other = &c->rules[k];
        if (other == rule)
            continue;
        warn_contradiction(c, rule, other);
        /* Of two that say the same the first by id stays. */
        if (!covered && covers(other, rule) && (other < rule || !covers(rule, other))) {
            warn_covered(c, other, rule);
            covered = true;
        }
    }
}

void jd_warn_of_rules(struct jd_compile *c)
{
    for (uint32_t i = 0; i < c->rule_count; i++) {
        const struct jd_compiled_rule *rule = &c->rules[i];
        if (!is_known(rule))
            continue;
        warn_unless(c, rule);
        warn_distinct(c, rule);
        warn_cases(c, rule);
        warn_pairs(c, rule);
    }
    warn_unused(c);
}

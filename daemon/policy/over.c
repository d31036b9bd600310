/* over: { rule: R, of: a | b }: a rule that counts the alerts of another. Its selectors become selectors over these;
 * what the other must be is found when all rules are read. */
#include <string.h>

#include "base/str.h"
#include "engine/conflicts/over.h"
#include "engine/fields.h"
#include "policy/rules.h"

static void read_side(struct jd_compile *c, const struct jd_key *key, const struct jd_node *node, void *out)
{
    struct jd_rule *rule = out;
    rule->over_side = node->kind != JD_NODE_SCALAR ? 0
                      : jd_str_is(node->text, "a") ? JD_COUNTED_A
                      : jd_str_is(node->text, "b") ? JD_COUNTED_B
                                                   : 0;
    if (rule->over_side == 0)
        jd_expected(c, node, key->name, "a or b: whose fields count (of: of the other rule is its a)");
}

const struct jd_key jd_over_keys[] = {
    {"rule", jd_read_name, .offset = offsetof(struct jd_rule, over), .required = true},
    {"of", read_side, .required = true},
    {0},
};

void jd_read_over(struct jd_compile *c, const struct jd_key *key, const struct jd_node *node, void *out)
{
    struct jd_rule *rule = &((struct written_rule *)out)->rule;
    (void)jd_read_map(c, node, key->name, jd_over_keys, NULL, rule);
}

/* ---- its selectors ------------------------------------------------------------------------------ */

static void count_alerts(struct jd_compile *c, struct jd_selector *selector, struct jd_str type)
{
    struct jd_condition *conditions = jd_arena_array(c->arena, selector->count + 1, sizeof *conditions);
    struct jd_str *texts = jd_arena_alloc(c->arena, sizeof *texts);
    if (selector->count > 0)
        memcpy(conditions, selector->conditions, selector->count * sizeof *conditions);
    *texts = type;
    conditions[selector->count++] =
        (struct jd_condition){.ref = {.field = JD_FIELD_TYPE}, .op = JD_IN, .texts = texts, .text_count = 1};
    selector->conditions = conditions;
    selector->classes = 1u << JD_CLASS_ALERT;
}

static bool names_type(const struct jd_selector *selector)
{
    for (uint32_t i = 0; i < selector->count; i++)
        if (selector->conditions[i].ref.field == JD_FIELD_TYPE)
            return true;
    return false;
}

static void clash(struct jd_compile *c, struct jd_place place, const char *problem, const char *hint)
{
    jd_error_at(c, place, "%s", problem);
    jd_problem_hint(c->problems, "%s", hint);
}

void jd_finish_over(struct jd_compile *c, struct written_rule *w, const struct jd_node *node)
{
    struct jd_rule *rule = &w->rule;
    const struct jd_member *over = jd_node_member(node, "over"), *of = jd_node_member(node, "of");
    if (over == NULL || rule->over.ptr == NULL || rule->over_side == 0)
        return;
    const struct jd_str type =
        jd_over_type(rule->over, rule->over_side == JD_COUNTED_A ? 'a' : 'b', c->arena);
    if (names_type(&rule->a) && of != NULL)
        clash(c, of->place,
              "of: type does not go with over:", "what is counted has the other rule's alert for type");
    if (rule->logged)
        clash(c, jd_node_member(node, "axis")->place, "axis: does not go with over:",
              "alerts are counted at the time of their touches; the other rule may have an axis:");
    if (w->mode == JD_MODE_BLOCK)
        clash(c, over->place, "over: does not go with mode: block",
              "block by the rule whose alerts are counted, and here say mode: alert");
    struct jd_selector *unless = jd_arena_array(c->arena, rule->unless_count, sizeof *unless);
    struct jd_severity_case *cases = jd_arena_array(c->arena, rule->severity_count, sizeof *cases);
    for (uint32_t i = 0; i < rule->unless_count; i++) {
        unless[i] = rule->unless[i];
        count_alerts(c, &unless[i], type);
    }
    for (uint32_t i = 0; i < rule->severity_count; i++) {
        struct jd_selector *own = jd_arena_alloc(c->arena, sizeof *own);
        cases[i] = rule->severities[i];
        if (cases[i].a == NULL)
            continue;
        *own = *cases[i].a;
        count_alerts(c, own, type);
        cases[i].a = own;
    }
    count_alerts(c, &rule->a, type);
    rule->unless = unless;
    rule->severities = cases;
}

/* ---- the other rule ----------------------------------------------------------------------------- */

/* Why its alerts cannot be counted; NULL: they can. */
static const char *problem_of(const struct jd_rule *other, uint8_t side, const char **hint)
{
    const uint32_t takes = other->kind->required | other->kind->optional;
    if (other->over.ptr != NULL)
        return *hint = "count what that one counts", "the rule counts alerts itself";
    if (other->key != NULL)
        return *hint = "its alerts are known where they are: scope: hcp, the default",
               "a rule with a scope other than hcp is not supported by this version";
    if (other->kind->find_facts != NULL || other->kind->find_due != NULL ||
        (other->period != JD_PERIOD_NONE && other->period != JD_PERIOD_TOUCH))
        return *hint = "such as one of kind sequence, or of frequency over a window",
               "its alerts are not about one touch, whose fields could count";
    const bool has_a = (takes & JD_TAKES_A_B) == 0 || strcmp(other->kind->name, "requires") != 0;
    const bool has_b = (takes & JD_TAKES_A_B) != 0 && !other->kind->deadlines;
    if (side == JD_COUNTED_A ? has_a : has_b)
        return NULL;
    *hint = side == JD_COUNTED_A ? "of: b" : "of: a";
    return "an alert of its kind has no such touch";
}

static void suggest(struct jd_compile *c, struct jd_str written)
{
    const char **names = jd_arena_array(c->arena, (size_t)c->rule_count + 1, sizeof *names);
    for (uint32_t i = 0; i < c->rule_count; i++)
        names[i] = c->rules[i].rule.id.ptr != NULL ? jd_arena_str(c->arena, c->rules[i].rule.id).ptr : "";
    jd_problem_suggest(c->problems, written, names);
}

/* What rules that count make of a digest: what is counted is another rule than what is not. */
static int64_t mixed(int64_t digest, int64_t with)
{
    const int64_t both = (int64_t)((uint64_t)digest * 31 ^ (uint64_t)with);
    return both != 0 ? both : 1;
}

static void settle(struct jd_compile *c, struct jd_rule *rules, struct jd_rule *rule, struct jd_rule *other)
{
    const struct jd_node *over = &jd_node_member(c->rules[rule - rules].node, "over")->value;
    const struct jd_place place = jd_node_member(over, "rule")->value.place;
    const char *hint = NULL, *problem = NULL;
    if (other == NULL) {
        jd_error_at(c, place, "over: there is no rule \"" JD_STR_FMT "\"", JD_STR_ARG(rule->over));
        suggest(c, rule->over);
        return;
    }
    if (other->kind != NULL)
        problem = problem_of(other, rule->over_side, &hint);
    if (problem == NULL) {
        other->counted |= rule->over_side;
        rule->over_ms = jd_longest_reach(&c->rules[other - rules]);
        return;
    }
    jd_error_at(c, place, "over: \"" JD_STR_FMT "\": %s", JD_STR_ARG(rule->over), problem);
    jd_problem_hint(c->problems, "%s", hint);
}

void jd_settle_over(struct jd_compile *c, struct jd_rule *rules, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct jd_rule *other = NULL;
        if (rules[i].over.ptr == NULL || rules[i].over_side == 0)
            continue;
        for (uint32_t k = 0; k < count; k++)
            if (jd_str_eq(rules[k].id, rules[i].over))
                other = &rules[k];
        settle(c, rules, &rules[i], other);
    }
}

void jd_digest_over(struct jd_rule *rules, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (rules[i].counted != 0) {
            rules[i].digest = mixed(rules[i].digest, rules[i].counted);
            rules[i].text = mixed(rules[i].text, rules[i].counted);
        }
    for (uint32_t i = 0; i < count; i++)
        for (uint32_t k = 0; rules[i].over.ptr != NULL && k < count; k++)
            if (jd_str_eq(rules[k].id, rules[i].over)) {
                rules[i].digest = mixed(rules[i].digest, rules[k].digest);
                rules[i].text = mixed(rules[i].text, rules[k].text);
            }
}

/* conflicts.yaml: a list of rules. The keys that every rule has are here, those of kinds in parameters.c;
 * which of them a rule takes, its kind's row says (engine/conflicts/conflicts.h). */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/contract.h"
#include "base/str.h"
#include "engine/conflicts/conflicts.h"
#include "engine/fields.h"
#include "engine/time.h"
#include "policy/digest.h"
#include "policy/rules.h"

enum { RULES_MAX = 1000, SEVERITIES_MAX = 32, KINDS_MAX = 32 };
#define VERSION_MAX 1000000000

/* A value of a closed list; later ones are refused. */
uint8_t jd_read_symbol(struct jd_compile *c, const struct jd_key *key, const struct jd_node *node,
                       const struct jd_symbols *symbols, const char *expected)
{
    uint8_t value = node->kind == JD_NODE_SCALAR ? jd_symbol_of(symbols, node->text) : 0;
    if (value == 0) {
        jd_expected(c, node, key->name, expected);
        if (node->kind == JD_NODE_SCALAR)
            jd_suggest_symbol(c, node->text, symbols);
    }
    return value;
}

static void read_mode(struct jd_compile *c, const struct jd_key *key, const struct jd_node *node, void *out)
{
    uint8_t mode = jd_read_symbol(c, key, node, &jd_mode_symbols, "shadow, alert or block");
    if (mode != 0)
        *(int64_t *)out = mode;
}

/* ---- severity ----------------------------------------------------------------------------------- */

static void read_severity(struct jd_compile *c, const struct jd_key *key, const struct jd_node *node,
                          void *out)
{
    *(enum jd_severity *)out = (enum jd_severity)jd_read_symbol(c, key, node, &jd_severity_symbols,
                                                                "info, low, medium, high or critical");
}

static void read_phase(struct jd_compile *c, const struct jd_key *key, const struct jd_node *node, void *out)
{
    *(enum jd_alert_phase *)out =
        (enum jd_alert_phase)jd_read_symbol(c, key, node, &jd_alert_phase_symbols, "preventable or incident");
}

static void read_case_span(struct jd_compile *c, const struct jd_key *key, const struct jd_node *node,
                           void *out)
{
    struct jd_span *span = jd_arena_alloc(c->arena, sizeof *span);
    jd_read_span(c, key, node, span);
    *(const struct jd_span **)out = span->unit != 0 ? span : NULL;
}

static void read_case_selector(struct jd_compile *c, const struct jd_key *key, const struct jd_node *node,
                               void *out)
{
    struct jd_selector *selector = jd_arena_alloc(c->arena, sizeof *selector);
    jd_read_selector(c, key, node, selector);
    *(const struct jd_selector **)out = selector;
}

const struct jd_key jd_when_keys[] = {
    {"phase", read_phase, .offset = offsetof(struct jd_severity_case, phase)},
    {"within", read_case_span, .offset = offsetof(struct jd_severity_case, within)},
    {"a", read_case_selector, .offset = offsetof(struct jd_severity_case, a)},
    {"b", read_case_selector, .offset = offsetof(struct jd_severity_case, b)},
    {"of", read_case_selector, .offset = offsetof(struct jd_severity_case, a)},
    {"observed", jd_read_observed, .offset = 0},
    {0},
};

static void read_when(struct jd_compile *c, const struct jd_key *key, const struct jd_node *node, void *out)
{
    if (jd_read_map(c, node, key->name, jd_when_keys, NULL, out) && node->count == 0)
        jd_error_at(c, node->place, "when: is empty: leave it out of the last case");
}

const struct jd_key jd_severity_keys[] = {
    {"when", read_when, .offset = 0},
    {"level", read_severity, .offset = offsetof(struct jd_severity_case, severity), .required = true},
    {0},
};

static void read_severities(struct jd_compile *c, const struct jd_key *key, const struct jd_node *node,
                            void *out)
{
    struct jd_rule *rule = &((struct written_rule *)out)->rule;
    uint32_t count = node->kind == JD_NODE_LIST ? node->count : 1;
    struct jd_severity_case *cases = jd_arena_array(c->arena, count + 1, sizeof *cases);
    if (count == 0 || count > SEVERITIES_MAX) {
        jd_error_at(c, node->place, "severity: %s", count == 0 ? "the list is empty" : "more than 32 cases");
        return;
    }
    if (node->kind != JD_NODE_LIST)
        read_severity(c, key, node, &cases[0].severity);
    for (uint32_t i = 0; node->kind == JD_NODE_LIST && i < count; i++) {
        bool is_last = i + 1 == count;
        if (!jd_read_map(c, &node->items[i], "a case of severity", jd_severity_keys, NULL, &cases[i]))
            continue;
        bool has_when = jd_node_member(&node->items[i], "when") != NULL;
        if (is_last && has_when) {
            jd_error_at(c, node->items[i].place,
                        "severity: the last case must hold always: { level: ... } without when:");
            jd_problem_hint(c->problems, "add a last line such as - { level: low }");
        } else if (!is_last && !has_when) {
            jd_error_at(c, node->items[i].place,
                        "severity: only the last case has no when:; those after it never apply");
            jd_problem_hint(c->problems, "give it a when:, or move it to the end");
        }
    }
    rule->severities = cases;
    rule->severity_count = count;
}

/* What of it makes sense, jd_check_local finds. */
static void read_local(struct jd_compile *c, const struct jd_key *key, const struct jd_node *node, void *out)
{
    if (node->kind == JD_NODE_MAP && node->count > 0)
        *(const struct jd_node **)out = node;
    else
        jd_expected(c, node, key->name,
                    "what markets may choose, such as { limit: [3, 4, 5], severity: any }");
}

/* ---- a rule ------------------------------------------------------------------------------------- */

#define RULE(member) offsetof(struct written_rule, rule.member)
#define HERE(member) offsetof(struct written_rule, member)
static void read_nothing(struct jd_compile *c, const struct jd_key *key, const struct jd_node *node,
                         void *out);

/* ---- assignee ----------------------------------------------------------------------------------- */

static void read_owner(struct jd_compile *c, const struct jd_key *key, const struct jd_node *node, void *out)
{
    *(enum jd_function *)out =
        (enum jd_function)jd_read_symbol(c, key, node, &jd_function_symbols, "commercial, medical or other");
}

const struct jd_key jd_assignee_keys[] = {
    {"owner", read_owner, .offset = RULE(owner), .required = true},
    {"else", jd_read_text, .offset = RULE(assignee)},
    {0},
};

/* A queue, or the physician's owner for a function. */
static void read_assignee(struct jd_compile *c, const struct jd_key *key, const struct jd_node *node,
                          void *out)
{
    if (node->kind == JD_NODE_MAP)
        (void)jd_read_map(c, node, key->name, jd_assignee_keys, NULL, out); /* reported there */
    else
        jd_read_text(c, key, node, &((struct written_rule *)out)->rule.assignee);
}

/* ---- rules on facts ----------------------------------------------------------------------------- */

static void read_subject(struct jd_compile *c, const struct jd_key *key, const struct jd_node *node,
                         void *out)
{
    static const enum jd_fact subjects[] = {JD_FACT_CONSENT, JD_FACT_ACCESS, JD_FACT_LICENCE,
                                            JD_FACT_ALIGNMENT};
    const char *names[JD_COUNT(subjects) + 1] = {NULL};
    for (size_t i = 0; i < JD_COUNT(subjects); i++) {
        names[i] = jd_fact_symbols.texts[subjects[i]];
        if (node->kind == JD_NODE_SCALAR && jd_str_eq(node->text, jd_str_of(names[i]))) {
            *(enum jd_fact *)out = subjects[i];
            return;
        }
    }
    jd_expected(c, node, key->name, "consent, access, licence or alignment");
    if (node->kind == JD_NODE_SCALAR)
        jd_problem_suggest(c->problems, node->text, names);
}

static void read_lead(struct jd_compile *c, const struct jd_key *key, const struct jd_node *node, void *out)
{
    struct jd_span span = {0};
    jd_read_span(c, key, node, &span);
    if (span.unit != 0 && (span.unit != JD_SPAN_MS || span.amount == 0)) {
        jd_error_at(c, node->place, "lead: expected a time in hours, days or weeks, longer than nothing");
        jd_problem_hint(c->problems, "such as 30d");
    } else if (span.unit != 0) {
        *(struct jd_span *)out = span;
    }
}

/* Of facts only the state can differ. */
static void read_different(struct jd_compile *c, const struct jd_key *key, const struct jd_node *node,
                           void *out)
{
    struct written_rule *w = out;
    const struct jd_node *one = node->kind == JD_NODE_LIST && node->count == 1 ? node->items : node;
    if (w->rule.kind == NULL || w->rule.kind->find_facts == NULL)
        jd_read_different(c, key, node, &w->different);
    else if (one->kind != JD_NODE_SCALAR || !jd_str_eq(one->text, JD_STR("state")))
        jd_expected(c, node, key->name, "[state], which is all that rules on facts compare");
}

const struct jd_key jd_rule_keys[] = {
    {"id", jd_read_name, .offset = RULE(id), .required = true},
    {"version", jd_read_integer, .offset = RULE(version), .required = true, .min = 1, .max = VERSION_MAX},
    {"kind", read_nothing, .required = true},
    {"mode", read_mode, .offset = HERE(mode)},
    {.name = "scope", .read = jd_read_scope},
    {"severity", read_severities, .required = true},
    {"valid_from", jd_read_time, .offset = RULE(valid_from)},
    {"valid_to", jd_read_time, .offset = RULE(valid_to)},
    {"citation", jd_read_text, .offset = RULE(citation)},
    {"jurisdiction", jd_read_text, .offset = RULE(jurisdiction)},
    {"remedy", jd_read_text, .offset = RULE(remedy)},
    {.name = "assignee", .read = read_assignee},
    {"local", read_local, .offset = HERE(local)},
    {"of", jd_read_selector, .offset = RULE(a), .parameter = JD_TAKES_OF},
    {"over", jd_read_over, .parameter = JD_TAKES_OVER},
    {"a", jd_read_selector, .offset = RULE(a), .parameter = JD_TAKES_A_B},
    {"b", jd_read_selector, .offset = RULE(b), .parameter = JD_TAKES_A_B},
    {"within", jd_read_within, .parameter = JD_TAKES_WITHIN},
    {"without", jd_read_selector, .offset = RULE(c), .parameter = JD_TAKES_WITHOUT},
    {"until", jd_read_selector, .offset = RULE(c), .parameter = JD_TAKES_UNTIL},
    {"max_open", jd_read_span, .offset = RULE(within), .parameter = JD_TAKES_UNTIL},
    {"plus", jd_read_span, .offset = RULE(plus), .parameter = JD_TAKES_PLUS},
    {"link", jd_read_link, .offset = RULE(linked), .parameter = JD_TAKES_LINK},
    {"inclusive", jd_read_truth, .offset = RULE(inclusive), .parameter = JD_TAKES_ANSWER},
    {"resolve_within", jd_read_span, .offset = RULE(resolve_within), .parameter = JD_TAKES_ANSWER},
    {"window", jd_read_window, .parameter = JD_TAKES_WINDOW},
    {"period", jd_read_period, .parameter = JD_TAKES_WINDOW | JD_TAKES_COVERAGE},
    {"per", jd_read_per, .parameter = JD_TAKES_WINDOW},
    {"report", jd_read_report, .parameter = JD_TAKES_WINDOW},
    {"axis", jd_read_axis, .offset = RULE(logged), .parameter = JD_TAKES_AXIS},
    {"limit", jd_read_limit, .parameter = JD_TAKES_LIMIT},
    {"at_least", jd_read_at_least, .parameter = JD_TAKES_LIMIT | JD_TAKES_COVERAGE},
    {"who", jd_read_profile_selector, .offset = HERE(coverage.who), .parameter = JD_TAKES_COVERAGE},
    {"on_track", jd_read_on_track, .offset = HERE(coverage.on_track), .parameter = JD_TAKES_COVERAGE},
    {"distinct", jd_read_distinct, .parameter = JD_TAKES_COUNT},
    {"weights", jd_read_weights, .parameter = JD_TAKES_COUNT},
    {"sum", jd_read_sum, .parameter = JD_TAKES_SUM},
    {"currency", jd_read_currency, .parameter = JD_TAKES_SUM},
    {"durations", jd_read_durations, .parameter = JD_TAKES_DURATIONS},
    {"require", jd_read_predicate, .offset = RULE(require), .parameter = JD_TAKES_REQUIRE},
    {"same", jd_read_same, .offset = HERE(same), .parameter = JD_TAKES_SAME},
    {"different", read_different, .parameter = JD_TAKES_DIFFERENT},
    {"subject", read_subject, .offset = RULE(subject), .parameter = JD_TAKES_SUBJECT},
    {"lead", read_lead, .offset = RULE(within), .parameter = JD_TAKES_LEAD},
    {"unless", jd_read_selector_list, .offset = HERE(unless), .parameter = JD_TAKES_UNLESS},
    /* Keys of kinds and features that are not there yet. */
    {.name = "joint_within"},
    {0},
};

/* Which kinds have a parameter, as the hint of the problem added last. */
static void hint_kinds(struct jd_compile *c, uint32_t parameter)
{
    struct jd_buf names;
    jd_buf_init(&names, c->arena);
    for (const struct jd_conflict_kind *k = jd_conflict_kinds; k->name != NULL; k++)
        if (((k->required | k->optional) & parameter) != 0)
            jd_buf_printf(&names, "%s%s", names.size > 0 ? ", " : "", k->name);
    if (names.size > 0)
        jd_problem_hint(c->problems, "kinds that take it: " JD_STR_FMT, JD_STR_ARG(jd_buf_done(&names)));
}

/* kind: is looked up before the other keys, which depend on it. */
static void read_nothing(struct jd_compile *c, const struct jd_key *key, const struct jd_node *node,
                         void *out)
{
    (void)c, (void)key, (void)node, (void)out;
}

static const struct jd_conflict_kind *kind_of(struct jd_compile *c, const struct jd_node *node)
{
    const struct jd_member *member = jd_node_member(node, "kind");
    if (member == NULL || jd_node_is_null(&member->value))
        return NULL; /* said by the table of keys */
    if (member->value.kind != JD_NODE_SCALAR) {
        jd_expected(c, &member->value, "kind", "the name of a kind of conflict");
        return NULL;
    }
    struct jd_str name = member->value.text;
    const struct jd_member *subject = jd_node_member(node, "subject");
    const struct jd_conflict_kind *kind = jd_conflict_kind_of(name),
                                  *on_facts = jd_conflict_kind_on_facts(name);
    if (subject != NULL && on_facts != NULL)
        return on_facts;
    if (kind != NULL)
        return kind;
    const char *names[KINDS_MAX + 1];
    uint32_t count = 0;
    for (const struct jd_conflict_kind *k = jd_conflict_kinds; k->name != NULL && count < KINDS_MAX; k++)
        if (k->find_facts == NULL) /* the others have the names of these */
            names[count++] = k->name;
    names[count] = NULL;
    jd_error_at(c, member->value.place, "kind: there is no kind \"%.*s\"",
                name.size < 80 ? (int)name.size : 80, name.ptr);
    jd_problem_suggest(c->problems, name, names);
    return NULL;
}

/* Warns of a rule that no two touches can ever break. */
static void check_fires(struct jd_compile *c, const struct written_rule *w, struct jd_place place)
{
    if (w->rule.kind != NULL && (w->rule.kind->required & JD_TAKES_A_HAPPENED) != 0)
        return; /* it is about what is not there */
    for (uint32_t i = 0; i < w->same.count; i++) {
        const struct jd_field_ref *ref = &w->same.items[i];
        const char *name = jd_touch_fields[ref->field].name;
        if (jd_selectors_disjoint(&w->rule.a, &w->rule.b, ref))
            jd_warn_at(c, place,
                       "the rule can never fire: a and b have no %s in common, but same: asks for it", name);
        for (uint32_t j = 0; j < w->different.count; j++)
            if (w->different.items[j].field == ref->field && w->different.items[j].group == ref->group &&
                jd_str_eq(w->different.items[j].attribute, ref->attribute) &&
                (!w->different.any || w->different.count == 1))
                jd_warn_at(c, place, "the rule can never fire: %s is both in same: and in different:", name);
    }
}

/* What a rule has when nothing is written. */
static void begin_rule(struct jd_compile *c, struct written_rule *w)
{
    w->rule.valid_from = w->rule.valid_to = w->rule.complete_from = JD_TIME_NONE;
    w->rule.resolve_within = (struct jd_span){.unit = JD_SPAN_MS, .amount = 365 * JD_DAY};
    w->rule.plus = (struct jd_span){.unit = JD_SPAN_MS};
    w->limit.scale = w->at_least.scale = w->coverage.on_track.scale = JD_DECIMAL_NONE;
    if (w->rule.kind != NULL && (w->rule.kind->optional & JD_TAKES_SUM) != 0)
        w->rule.measure = JD_MEASURE_AMOUNT;
    w->durations = jd_arena_array(c->arena, JD_CHANNEL_END_, sizeof *w->durations);
    for (int i = 0; i < JD_CHANNEL_END_; i++)
        w->durations[i] = JD_HOUR;
}

/* An account's profile says less than a physician's. */
static void check_who(struct jd_compile *c, const struct jd_node *who)
{
    static const char *const physicians[] = {"tier", "specialty", "segments"};
    for (uint32_t i = 0; who->kind == JD_NODE_MAP && i < who->count; i++)
        for (size_t k = 0; k < JD_COUNT(physicians); k++)
            if (jd_str_is(who->members[i].key, physicians[k])) {
                jd_error_at(c, who->members[i].place, "who: the profile of an account has no %s",
                            physicians[k]);
                jd_problem_hint(c->problems, "it has country, zone and attributes.<key>");
            }
}

/* What a rule asks of a key besides its touches must be known there. */
static void check_scope(struct jd_compile *c, const struct jd_rule *rule, const struct jd_node *node)
{
    const struct jd_member *require = jd_node_member(node, "require");
    if (rule->key == NULL || rule->kind == NULL)
        return;
    if (require != NULL)
        jd_check_predicate(c, &require->value, rule->key);
    const bool of_profile = rule->kind->find_due != NULL;
    const struct jd_member *who = jd_node_member(node, "who");
    if (who != NULL && rule->scope == JD_SCOPE_ACCOUNT)
        check_who(c, &who->value);
    if ((rule->subject == JD_FACT_NONE && !of_profile) ||
        (rule->scope == JD_SCOPE_ACCOUNT && (of_profile || rule->subject == JD_FACT_ACCESS)))
        return;
    jd_error_at(c, jd_node_member(node, "scope")->value.place, "scope: " JD_STR_FMT " has no %s",
                JD_STR_ARG(rule->key->name), of_profile ? "profile that who: could mean" : "such facts");
    jd_problem_hint(c->problems, of_profile ? "scope: hcp, or account"
                                            : "scope: hcp; of an account access is known: subject: access");
}

static void finish_rule(struct jd_compile *c, struct written_rule *w, const struct jd_node *node)
{
    struct jd_rule *rule = &w->rule;
    rule->mode = (enum jd_mode)w->mode;
    rule->scope = (enum jd_scope)w->scope;
    rule->same = w->same.items;
    rule->same_count = w->same.count;
    rule->different = w->different.items;
    rule->different_count = w->different.count;
    rule->different_any = w->different.any;
    rule->unless = w->unless.items;
    rule->unless_count = w->unless.count;
    rule->unless_joint = w->unless.joint;
    if (w->unless.joint && rule->kind != NULL &&
        ((rule->kind->required | rule->kind->optional) & JD_TAKES_JOINT) == 0) {
        jd_error_at(c, jd_node_member(node, "unless")->place, "unless: joint is not taken by kind %s",
                    rule->kind->name);
        hint_kinds(c, JD_TAKES_JOINT);
    }
    check_scope(c, rule, node);
    if (rule->owner != JD_FUNCTION_NONE &&
        ((rule->key != NULL && rule->scope != JD_SCOPE_ACCOUNT) || rule->subject != JD_FACT_NONE ||
         (rule->kind != NULL && rule->kind->find_due != NULL))) {
        jd_error_at(c, jd_node_member(node, "assignee")->value.place,
                    "assignee: owner: is for rules about touches of one physician or account");
        jd_problem_hint(c->problems, "name a queue: assignee: regional-coordination");
    }
    if (rule->key != NULL && rule->mode == JD_MODE_BLOCK) {
        jd_error_at(c, jd_node_member(node, "mode")->value.place,
                    "mode: block is not supported by this version with a scope other than hcp");
        jd_problem_hint(c->problems, "mode: alert, the default");
    }
    const struct jd_member *to = jd_node_member(node, "valid_to");
    if (rule->valid_from != JD_TIME_NONE && rule->valid_to != JD_TIME_NONE &&
        rule->valid_from >= rule->valid_to && to != NULL) {
        jd_error_at(c, to->value.place, "valid_to: must be later than valid_from");
        jd_problem_hint(c->problems,
                        "valid_from is at line %u; a rule holds from the one, included, to the other",
                        jd_node_member(node, "valid_from")->place.line);
    }
    const struct jd_member *within = jd_node_member(node, "within");
    if (rule->kind != NULL && rule->kind->find_facts != NULL && within != NULL && rule->within.unit != 0 &&
        (rule->within.unit != JD_SPAN_MS || rule->within.amount != 0) &&
        (rule->kind->required & JD_TAKES_WITHIN) != 0)
        jd_error_at(c, within->value.place, "within: expected 0h, which is all that rules on facts compare");
    jd_finish_parameters(c, w, node);
    jd_finish_table(c, w, node);
    jd_finish_over(c, w, node);
    check_fires(c, w, node->place);
}

static void check_id(struct jd_compile *c, const struct jd_compiled_rule *rule)
{
    for (uint32_t i = 0; i < c->rule_count && rule->rule.id.ptr != NULL; i++)
        if (jd_str_eq(c->rules[i].rule.id, rule->rule.id)) {
            struct jd_place place = c->rules[i].node->place;
            jd_error_at(c, jd_node_member(rule->node, "id")->value.place, "id: \"" JD_STR_FMT "\" is taken",
                        JD_STR_ARG(rule->rule.id));
            jd_problem_hint(c->problems, "by the rule at line %u%s" JD_STR_FMT, place.line,
                            c->rules[i].market.ptr != NULL || rule->market.ptr != NULL ? " of " : "",
                            JD_STR_ARG(c->rules[i].market.ptr != NULL || rule->market.ptr != NULL
                                           ? place.file
                                           : JD_STR("")));
            return;
        }
}

bool jd_read_rule(struct jd_compile *c, const struct jd_node *node, struct jd_compiled_rule *out)
{
    struct written_rule w = {.mode = JD_MODE_ALERT, .scope = JD_SCOPE_HCP};
    uint32_t errors = c->problems->errors;
    w.rule.kind = node->kind == JD_NODE_MAP ? kind_of(c, node) : NULL;
    begin_rule(c, &w);
    /* Without a kind all keys are read, to find what else is wrong. */
    struct jd_taken taken = {.allowed = UINT32_MAX};
    if (w.rule.kind != NULL)
        taken = (struct jd_taken){w.rule.kind->required | w.rule.kind->optional, w.rule.kind->required,
                                  jd_arena_printf(c->arena, "kind %s", w.rule.kind->name).ptr, hint_kinds};
    if (!jd_read_map(c, node, "a rule", jd_rule_keys, &taken, &w))
        return false;
    finish_rule(c, &w, node);
    *out = (struct jd_compiled_rule){
        .rule = w.rule, .node = node, .local = w.local, .wrong = errors != c->problems->errors};
    return true;
}

void jd_compile_rules(struct jd_compile *c, const struct jd_node *list, const struct jd_market_file *market)
{
    if (list->kind != JD_NODE_LIST) {
        jd_expected(c, list, market != NULL ? "add" : "conflicts.yaml",
                    "a list of rules (- { id: ..., kind: ..., ... })");
        return;
    }
    for (uint32_t i = 0; i < list->count; i++) {
        struct jd_compiled_rule rule;
        if (c->rule_count == RULES_MAX) {
            jd_error_at(c, list->items[i].place, "the policy has more than %d rules", RULES_MAX);
            return;
        }
        if (!jd_read_rule(c, &list->items[i], &rule))
            continue;
        if (market != NULL)
            jd_rule_of_market(c, &rule, market);
        else if (rule.local != NULL && rule.rule.kind != NULL)
            jd_check_local(c, &rule);
        check_id(c, &rule);
        if (c->rule_count == c->rule_capacity)
            c->rules = jd_arena_grow(c->arena, c->rules, c->rule_count, &c->rule_capacity, sizeof *c->rules);
        c->rules[c->rule_count++] = rule;
    }
}

static int by_id(const void *a, const void *b)
{
    return jd_str_cmp(((const struct jd_compiled_rule *)a)->rule.id,
                      ((const struct jd_compiled_rule *)b)->rule.id);
}

int64_t jd_longest_reach(const struct jd_compiled_rule *rule)
{
    int64_t reach = jd_rule_reach(&rule->rule);
    for (uint32_t v = 0; v < rule->version_count; v++) {
        const int64_t other = jd_rule_reach(&rule->versions[v].rule);
        reach = other > reach ? other : reach;
    }
    return reach;
}

void jd_settle_rules(struct jd_compile *c)
{
    struct jd_rule *rules = jd_arena_array(c->arena, c->rule_count, sizeof *rules);
    if (c->rule_count > 1)
        qsort(c->rules, c->rule_count, sizeof *c->rules, by_id);
    jd_check_audiences(c);
    for (uint32_t i = 0; i < c->rule_count; i++)
        rules[i] = c->rules[i].rule;
    jd_settle_keys(c, rules, c->rule_count);
    jd_settle_over(c, rules, c->rule_count);
    for (uint32_t i = 0; i < c->rule_count; i++) {
        const struct jd_compiled_rule *from = &c->rules[i];
        struct jd_rule *versions = jd_arena_array(c->arena, from->version_count, sizeof *versions);
        const int64_t reach = jd_longest_reach(from) + rules[i].over_ms;
        for (uint32_t v = 0; v < from->version_count; v++) {
            versions[v] = from->versions[v].rule;
            versions[v].central = &rules[i];
            versions[v].key = rules[i].key;
            versions[v].over_ms = rules[i].over_ms;
        }
        rules[i].text = jd_digest_text(c, from);
        rules[i].digest = jd_digest_rule(c, from);
        rules[i].reach_ms = reach;
        rules[i].versions = versions;
        rules[i].version_count = from->version_count;
        c->program->window_ms = reach > c->program->window_ms ? reach : c->program->window_ms;
    }
    jd_digest_over(rules, c->rule_count);
    c->program->rules = rules;
    c->program->rule_count = c->rule_count;
    jd_finish_limits(c);
}

/* markets/<NAME>.yaml: what a country, or a pack of countries, has otherwise than the centre.
 *
 *     planned_grace: 1d                # shorter than the policy's
 *     change:                          # rules of the centre: stricter, or as local: allows
 *       calls-a-year: { limit: 3 }
 *     add:                             # rules of its own, about its own touches
 *       - { id: de-no-weekend, ... }
 *
 * A change is read as the whole rule with these keys in place of the centre's, so that everything that is wrong with
 * a rule is found here too; then it is held against the rule that it changes. Packs come first: a country changes
 * what its pack left. */
#include <string.h>

#include "base/buf.h"
#include "base/str.h"
#include "engine/conflicts/conflicts.h"
#include "engine/fields.h"
#include "policy/rules.h"

enum { LOCAL_MAX = 64, NAMES_MAX = 1000, PARAMETERS_MAX = 32 };

/* A file, and the values of `market` that it is about: the country, or those of a pack and the pack itself. */
struct jd_market_file {
    struct jd_str name;
    const struct jd_str *markets; /* sorted */
    uint32_t market_count;
};

/* ---- a rule with some keys in place of its own -------------------------------------------------- */

static const struct jd_node *merged(struct jd_compile *c, const struct jd_node *rule,
                                    const struct jd_member *with, uint32_t count, struct jd_place place)
{
    struct jd_node *node = jd_arena_alloc(c->arena, sizeof *node);
    struct jd_member *members = jd_arena_array(c->arena, rule->count + count, sizeof *members);
    uint32_t used = 0;
    for (uint32_t i = 0; i < rule->count; i++) {
        bool kept = !jd_str_eq(rule->members[i].key, JD_STR("local"));
        for (uint32_t k = 0; kept && k < count; k++)
            kept = !jd_str_eq(rule->members[i].key, with[k].key);
        if (kept)
            members[used++] = rule->members[i];
    }
    for (uint32_t k = 0; k < count; k++)
        members[used++] = with[k];
    *node = (struct jd_node){.kind = JD_NODE_MAP, .place = place, .members = members, .count = used};
    return node;
}

/* Reads it; only its errors are reported: warnings were given where the rule itself stands. */
static bool read_merged(struct jd_compile *c, const struct jd_node *node, struct jd_compiled_rule *out)
{
    struct jd_diagnostics *problems = c->problems, own;
    jd_diagnostics_init(&own);
    c->problems = &own;
    bool ok = jd_read_rule(c, node, out) && !out->wrong;
    c->problems = problems;
    for (uint32_t i = 0; i < own.count; i++) {
        const struct jd_problem *p = &own.items[i];
        if (p->severity != JD_PROBLEM_ERROR)
            continue;
        jd_error_at(c, p->place, JD_STR_FMT, JD_STR_ARG(p->text));
        if (p->hint.ptr != NULL)
            jd_problem_hint(problems, JD_STR_FMT, JD_STR_ARG(p->hint));
    }
    jd_diagnostics_done(&own);
    return ok;
}

/* ---- local: -------------------------------------------------------------------------------------- */

static bool is_any(const struct jd_node *node)
{
    return node->kind == JD_NODE_SCALAR && jd_str_eq(node->text, JD_STR("any"));
}

static void unknown_parameter(struct jd_compile *c, struct jd_place place, struct jd_str key,
                              const struct jd_rule *rule)
{
    const char *names[PARAMETERS_MAX + 1];
    uint32_t count = 0;
    const struct jd_changeable *p;
    for (uint32_t i = 0; (p = jd_parameter_at(i)) != NULL && count < PARAMETERS_MAX; i++)
        if (jd_parameter_of(rule, jd_str_of(p->key)) != NULL)
            names[count++] = p->key;
    names[count] = NULL;
    jd_error_at(c, place, "%.*s: is nothing that a market may change in a rule of kind %s",
                key.size < 80 ? (int)key.size : 80, key.ptr, rule->kind->name);
    jd_problem_suggest(c->problems, key, names);
}

void jd_check_local(struct jd_compile *c, const struct jd_compiled_rule *rule)
{
    for (uint32_t i = 0; i < rule->local->count; i++) {
        const struct jd_member *member = &rule->local->members[i];
        const struct jd_node *menu = &member->value;
        if (jd_parameter_of(&rule->rule, member->key) == NULL) {
            unknown_parameter(c, member->place, member->key, &rule->rule);
            continue;
        }
        if (is_any(menu))
            continue;
        if (menu->kind != JD_NODE_LIST || menu->count == 0) {
            jd_expected(c, menu, member->key.ptr, "`any`, or the list of what markets may choose");
            continue;
        }
        if (jd_too_many(c, menu, member->key.ptr, LOCAL_MAX, "values to choose from"))
            continue;
        for (uint32_t k = 0; k < menu->count && !rule->wrong; k++) {
            const struct jd_member one = {member->key, member->place, menu->items[k]};
            struct jd_compiled_rule chosen;
            (void)read_merged(c, merged(c, rule->node, &one, 1, one.value.place), &chosen); /* reported */
        }
    }
}

static bool is_local(const struct jd_compiled_rule *rule, struct jd_str key, const struct jd_node *value)
{
    const struct jd_member *menu = rule->local != NULL ? jd_node_member(rule->local, key.ptr) : NULL;
    bool found = menu != NULL && is_any(&menu->value);
    for (uint32_t i = 0; menu != NULL && menu->value.kind == JD_NODE_LIST && i < menu->value.count; i++)
        found = found || jd_nodes_equal(&menu->value.items[i], value);
    return found;
}

/* ---- change: ------------------------------------------------------------------------------------- */

/* What a market may write: as words for each form, stricter being more, or less. */
static const char *way_of(const struct jd_changeable *p, int direction)
{
    static const char *const ways[][2] = {
        [JD_FORM_SPAN] = {"a shorter one", "a longer one"},
        [JD_FORM_NUMBER] = {"a lower one", "a higher one"},
        [JD_FORM_TRUTH] = {"false", "true"},
        [JD_FORM_DURATIONS] = {"shorter ones", "longer ones"},
        [JD_FORM_MODE] = {"", "a higher one"},
        [JD_FORM_SEVERITY] = {"", "a higher one"},
    };
    return ways[p->form][direction > 0];
}

/* What the rule says, where, and what a market may write in its place. */
static void hint_allowed(struct jd_compile *c, const struct jd_compiled_rule *rule,
                         const struct jd_compiled_rule *base, const struct jd_changeable *p)
{
    const struct jd_member *said = jd_node_member(base->node, p->key),
                           *menu = rule->local != NULL ? jd_node_member(rule->local, p->key) : NULL;
    struct jd_place place = said != NULL ? said->place : rule->node->place;
    int direction = jd_stricter(&rule->rule, p);
    struct jd_buf hint;
    jd_buf_init(&hint, c->arena);
    jd_buf_printf(&hint, JD_STR_FMT ":%u:%u says %s: ", JD_STR_ARG(place.file), place.line, place.column,
                  p->key);
    jd_buf_str(&hint, said != NULL ? jd_node_text(&said->value, c->arena) : JD_STR("its default"));
    jd_buf_printf(&hint, "; a market may write %s%s",
                  direction != 0 ? way_of(p, direction)
                  : menu == NULL ? "no other, unless local: says so"
                                 : "",
                  direction != 0 && menu != NULL ? ", or " : "");
    if (menu != NULL)
        jd_buf_printf(&hint, "one of " JD_STR_FMT, JD_STR_ARG(jd_node_text(&menu->value, c->arena)));
    jd_problem_hint(c->problems, JD_STR_FMT, JD_STR_ARG(jd_buf_done(&hint)));
}

/* Whether what a market writes may stand in place of what it changes. */
static void check_change(struct jd_compile *c, const struct jd_compiled_rule *rule,
                         const struct jd_compiled_rule *base, const struct jd_compiled_rule *changed,
                         const struct jd_member *member)
{
    const struct jd_changeable *p = jd_parameter_of(&rule->rule, member->key);
    if (p->form == JD_FORM_TEXT || is_local(rule, member->key, &member->value))
        return;
    int order = jd_parameter_order(changed, base, p), direction = jd_stricter(&rule->rule, p);
    struct jd_str written = jd_node_text(&member->value, c->arena);
    if (order == 0)
        jd_warn_at(c, member->place, "%s: " JD_STR_FMT " is what holds anyway", p->key, JD_STR_ARG(written));
    else if (order == JD_INCOMPARABLE || direction == 0)
        jd_error_at(c, member->value.place, "%s: " JD_STR_FMT " cannot be told to be stricter", p->key,
                    JD_STR_ARG(written));
    else if (order != direction)
        jd_error_at(c, member->value.place, "%s: " JD_STR_FMT " is looser than the rule allows a market",
                    p->key, JD_STR_ARG(written));
    else
        return;
    if (order != 0)
        hint_allowed(c, rule, base, p);
}

static bool has_market(const struct jd_str *markets, uint32_t count, struct jd_str name)
{
    for (uint32_t i = 0; i < count; i++)
        if (jd_str_eq(markets[i], name))
            return true;
    return false;
}

/* The version that holds in a country so far, which leaves it; NULL: the rule itself. */
static struct jd_compiled_rule *leave(struct jd_compile *c, struct jd_compiled_rule *rule,
                                      struct jd_str market)
{
    for (uint32_t v = 0; v < rule->version_count; v++) {
        struct jd_rule *version = &rule->versions[v].rule;
        if (!has_market(version->markets, version->market_count, market))
            continue;
        struct jd_str *markets = jd_arena_array(c->arena, version->market_count, sizeof *markets);
        uint32_t count = 0;
        for (uint32_t i = 0; i < version->market_count; i++)
            if (!jd_str_eq(version->markets[i], market))
                markets[count++] = version->markets[i];
        version->markets = markets;
        version->market_count = count;
        return &rule->versions[v];
    }
    return NULL;
}

static void add_version(struct jd_compile *c, struct jd_compiled_rule *rule, struct jd_compiled_rule *version,
                        const struct jd_market_file *market)
{
    version->rule.markets = market->markets;
    version->rule.market_count = market->market_count;
    if (rule->version_count == rule->version_capacity)
        rule->versions = jd_arena_grow(c->arena, rule->versions, rule->version_count, &rule->version_capacity,
                                       sizeof *rule->versions);
    rule->versions[rule->version_count++] = *version;
}

/* The rule that a market changes; NULL: reported. */
static struct jd_compiled_rule *rule_to_change(struct jd_compile *c, const struct jd_member *member,
                                               const struct jd_market_file *market)
{
    const char *ids[NAMES_MAX + 1];
    uint32_t count = 0;
    for (uint32_t i = 0; i < c->rule_count; i++) {
        struct jd_compiled_rule *rule = &c->rules[i];
        if (rule->rule.id.ptr == NULL)
            continue;
        bool theirs =
            rule->market.ptr == NULL || has_market(rule->rule.markets, rule->rule.market_count, market->name);
        if (jd_str_eq(rule->rule.id, member->key)) {
            if (theirs && !jd_str_eq(rule->market, market->name))
                return rule;
            jd_error_at(c, member->place, "change: the rule \"" JD_STR_FMT "\" is one of market " JD_STR_FMT,
                        JD_STR_ARG(member->key), JD_STR_ARG(rule->market));
            jd_problem_hint(c->problems, "change it where it is added, at " JD_STR_FMT ":%u",
                            JD_STR_ARG(rule->node->place.file), rule->node->place.line);
            return NULL;
        }
        if (theirs && count < NAMES_MAX)
            ids[count++] = rule->rule.id.ptr;
    }
    ids[count] = NULL;
    jd_error_at(c, member->place, "change: there is no rule \"%.*s\"",
                member->key.size < 80 ? (int)member->key.size : 80, member->key.ptr);
    jd_problem_suggest(c->problems, member->key, ids);
    return NULL;
}

static void change_rule(struct jd_compile *c, const struct jd_member *member,
                        const struct jd_market_file *market)
{
    struct jd_compiled_rule *rule = rule_to_change(c, member, market), version;
    const struct jd_node *changes = &member->value;
    uint32_t errors = c->problems->errors;
    if (changes->kind != JD_NODE_MAP || changes->count == 0) {
        jd_expected(c, changes, member->key.ptr, "what is otherwise in this market, such as { limit: 3 }");
        return;
    }
    if (rule == NULL || rule->wrong || rule->rule.kind == NULL)
        return;
    if (rule->rule.kind->find_facts != NULL) {
        jd_error_at(c, member->place,
                    "change: the rule \"" JD_STR_FMT "\" is about facts, which no market owns",
                    JD_STR_ARG(member->key));
        return;
    }
    for (uint32_t i = 0; i < changes->count; i++)
        if (jd_is_table(&changes->members[i].value))
            jd_error_at(
                c, changes->members[i].value.place,
                "%.*s: a market takes nothing from a table that the rule does not: let the rule go by "
                "jurisdiction",
                changes->members[i].key.size < 80 ? (int)changes->members[i].key.size : 80,
                changes->members[i].key.ptr);
        else if (jd_parameter_of(&rule->rule, changes->members[i].key) == NULL)
            unknown_parameter(c, changes->members[i].place, changes->members[i].key, &rule->rule);
    const struct jd_compiled_rule *base = leave(c, rule, market->name);
    base = base != NULL ? base : rule;
    if (errors != c->problems->errors ||
        !read_merged(c, merged(c, base->node, changes->members, changes->count, member->place), &version))
        return;
    for (uint32_t i = 0; i < changes->count; i++)
        check_change(c, rule, base, &version, &changes->members[i]);
    if (jd_node_member(changes, "jurisdiction") == NULL)
        version.rule.jurisdiction = market->name;
    add_version(c, rule, &version, market);
}

/* ---- a file -------------------------------------------------------------------------------------- */

static void read_change(struct jd_compile *c, const struct jd_key *key, const struct jd_node *node, void *out)
{
    if (node->kind != JD_NODE_MAP) {
        jd_expected(c, node, key->name,
                    "a map of rules to what is otherwise, such as { calls-a-year: { limit: 3 } }");
        return;
    }
    for (uint32_t i = 0; i < node->count; i++)
        change_rule(c, &node->members[i], out);
}

static void read_add(struct jd_compile *c, const struct jd_key *key, const struct jd_node *node, void *out)
{
    (void)key;
    jd_compile_rules(c, node, out);
}

/* The grace that holds in a market so far: its pack's, else the policy's. */
static struct jd_market_grace *grace_of(const struct jd_compile *c, struct jd_str market)
{
    for (uint32_t i = 0; i < c->grace_count; i++)
        if (jd_str_eq(c->graces[i].market, market))
            return &c->graces[i];
    return NULL;
}

static void set_grace(struct jd_compile *c, struct jd_str market, int64_t ms)
{
    struct jd_market_grace *grace = grace_of(c, market);
    if (grace == NULL) {
        if (c->grace_count == c->grace_capacity)
            c->graces =
                jd_arena_grow(c->arena, c->graces, c->grace_count, &c->grace_capacity, sizeof *c->graces);
        grace = &c->graces[c->grace_count++];
    }
    *grace = (struct jd_market_grace){market, ms};
}

static void read_grace(struct jd_compile *c, const struct jd_key *key, const struct jd_node *node, void *out)
{
    const struct jd_market_file *market = out;
    const struct jd_market_grace *held = grace_of(c, market->name);
    const struct jd_member *said = c->policy != NULL ? jd_node_member(c->policy, key->name) : NULL;
    int64_t most = held != NULL ? held->planned_grace_ms : c->program->planned_grace_ms, ms = -1;
    jd_read_duration(c, key, node, &ms);
    if (ms > most) {
        jd_error_at(c, node->place, "planned_grace: " JD_STR_FMT " is looser than the policy allows a market",
                    JD_STR_ARG(node->text));
        if (held != NULL)
            jd_problem_hint(c->problems, "its pack has %lldh; a market may write a shorter one",
                            (long long)(most / JD_HOUR));
        else if (said != NULL)
            jd_problem_hint(c->problems,
                            JD_STR_FMT ":%u:%u says " JD_STR_FMT "; a market may write a shorter one",
                            JD_STR_ARG(said->place.file), said->place.line, said->place.column,
                            JD_STR_ARG(said->value.text));
        else
            jd_problem_hint(c->problems, "policy.yaml leaves it at 2d; a market may write a shorter one");
        return;
    }
    for (uint32_t i = 0; ms >= 0 && i < market->market_count; i++)
        set_grace(c, market->markets[i], ms);
}

const struct jd_key jd_market_file_keys[] = {
    {"planned_grace", read_grace, .offset = 0, .max = 366 * JD_DAY},
    {"change", read_change, .offset = 0},
    {"add", read_add, .offset = 0},
    {0},
};

/* One more condition: the touch is of this market. */
static void restrict_to(struct jd_compile *c, struct jd_selector *selector,
                        const struct jd_market_file *market)
{
    if (selector->classes == 0)
        return; /* the kind has no such selector */
    struct jd_condition *conditions = jd_arena_array(c->arena, selector->count + 1, sizeof *conditions);
    if (selector->count > 0)
        memcpy(conditions, selector->conditions, selector->count * sizeof *conditions);
    conditions[selector->count++] = (struct jd_condition){.ref = {.field = JD_FIELD_MARKET},
                                                          .op = JD_IN,
                                                          .texts = market->markets,
                                                          .text_count = market->market_count};
    selector->conditions = conditions;
}

void jd_rule_of_market(struct jd_compile *c, struct jd_compiled_rule *rule,
                       const struct jd_market_file *market)
{
    if (rule->rule.coverage != NULL)
        jd_error_at(c, rule->node->place,
                    "add: a rule of kind coverage is not a market's: name the country in who:");
    if (rule->local != NULL)
        jd_error_at(c, jd_node_member(rule->node, "local")->place,
                    "local: is for rules of the centre: a market's own rule is local already");
    if (rule->rule.kind != NULL && rule->rule.kind->find_facts != NULL)
        jd_error_at(c, jd_node_member(rule->node, "subject")->place,
                    "subject: a market's own rules are about touches");
    rule->market = market->name;
    rule->rule.markets = market->markets;
    rule->rule.market_count = market->market_count;
    restrict_to(c, &rule->rule.a, market);
    restrict_to(c, &rule->rule.b, market);
    restrict_to(c, &rule->rule.c, market);
    if (rule->rule.jurisdiction.ptr == NULL)
        rule->rule.jurisdiction = market->name;
}

/* ---- all files ----------------------------------------------------------------------------------- */

struct jd_str jd_market_name(struct jd_str file)
{
    static const char before[] = "markets/", after[] = ".yaml";
    const uint32_t head = sizeof before - 1, tail = sizeof after - 1;
    if (file.size <= head + tail || memcmp(file.ptr, before, head) != 0 ||
        memcmp(file.ptr + file.size - tail, after, tail) != 0)
        return (struct jd_str){0};
    return (struct jd_str){file.ptr + head, file.size - head - tail};
}

static const struct jd_pack *pack_of(const struct jd_compile *c, struct jd_str name)
{
    for (uint32_t i = 0; i < c->pack_count; i++)
        if (jd_str_eq(c->packs[i].name, name))
            return &c->packs[i];
    return NULL;
}

static bool is_country(const struct jd_compile *c, struct jd_str name)
{
    for (uint32_t i = 0; i < c->program->market_count; i++)
        if (jd_str_eq(c->program->markets[i].country, name))
            return true;
    for (uint32_t i = 0; i < c->pack_count; i++)
        if (has_market(c->packs[i].countries.items, c->packs[i].countries.count, name))
            return true;
    return false;
}

static void unknown_market(struct jd_compile *c, const struct jd_bundle_file *file, struct jd_str name)
{
    const char *names[NAMES_MAX + 1];
    uint32_t count = 0;
    for (uint32_t i = 0; i < c->program->market_count && count < NAMES_MAX; i++)
        names[count++] = jd_arena_str(c->arena, c->program->markets[i].country).ptr;
    for (uint32_t i = 0; i < c->pack_count && count < NAMES_MAX; i++)
        names[count++] = jd_arena_str(c->arena, c->packs[i].name).ptr;
    names[count] = NULL;
    jd_error_at(c, (struct jd_place){jd_bundle_path(c->bundle, file->name), 1, 1},
                "policy.yaml has no market \"" JD_STR_FMT "\"", JD_STR_ARG(name));
    if (count > 0)
        jd_problem_suggest(c->problems, name, names);
    else
        jd_problem_hint(c->problems, "write it there: markets: { " JD_STR_FMT ": { zone: ... } }",
                        JD_STR_ARG(name));
}

static void compile_file(struct jd_compile *c, const struct jd_bundle_file *file, struct jd_str name,
                         const struct jd_pack *pack)
{
    struct jd_market_file market = {.name = jd_arena_str(c->arena, name)};
    uint32_t count = pack != NULL ? pack->countries.count : 0;
    struct jd_str *markets = jd_arena_array(c->arena, count + 1, sizeof *markets);
    for (uint32_t i = 0; i < count; i++)
        markets[i] = pack->countries.items[i];
    markets[count] = market.name;
    market.markets = markets;
    market.market_count = jd_sort_texts(markets, count + 1);
    const struct jd_node *root =
        jd_yaml_parse(file->bytes, jd_bundle_path(c->bundle, file->name), c->arena, c->problems);
    if (root == NULL || !jd_read_map(c, root, "a market's file", jd_market_file_keys, NULL, &market))
        return;
}

void jd_compile_markets(struct jd_compile *c)
{
    for (int packs = 1; packs >= 0; packs--)
        for (uint32_t i = 0; i < c->bundle->count; i++) {
            const struct jd_bundle_file *file = &c->bundle->files[i];
            struct jd_str name = jd_market_name(file->name);
            const struct jd_pack *pack = name.ptr != NULL ? pack_of(c, name) : NULL;
            if (name.ptr == NULL || (pack != NULL) != packs)
                continue;
            if (pack == NULL && !is_country(c, name))
                unknown_market(c, file, name);
            else
                compile_file(c, file, name, pack);
        }
    c->program->graces = c->graces;
    c->program->grace_count = c->grace_count;
}

/* Every key of the language times every mistake: missing, misspelt, empty, of a wrong type, out of range, twice,
 * where it does not belong. The keys come from the tables that drive the parser, so that none is left out; what
 * must be said of each mistake, and where, is written here. */
#include <string.h>

#include <criterion/criterion.h>

#include "base/str.h"
#include "engine/conflicts/conflicts.h"
#include "policy/compile.h"
#include "support.h"

TestSuite(keys, .timeout = 120);

/* A table, and where its keys stand in a file. */
struct table {
    const char *what;   /* as problems name such a map */
    const char *file;   /* and in it */
    const char *before; /* whole lines */
    uint32_t indent;    /* of its keys */
    const struct jd_key *keys;
    const char *needed; /* ",key,key," that must be there */
};

static const struct table tables[] = {
    {"policy.yaml", "policy.yaml", "# nothing\n", 0, jd_policy_keys, ",name,"},
    {"a market", "policy.yaml", "name: x\nmarkets:\n  DE:\n", 4, jd_market_keys, ","},
    {"a group", "policy.yaml", "name: x\ngroups:\n  g:\n", 4, jd_group_keys, ",field,sets,"},
    {"a rule", "conflicts.yaml", "-\n", 2, jd_rule_keys, ",id,version,kind,severity,"},
    {"a case of severity", "conflicts.yaml", "- kind: proximity\n  severity:\n    -\n", 6, jd_severity_keys,
     ",level,"},
    {"when", "conflicts.yaml", "- kind: proximity\n  severity:\n    - level: low\n      when:\n", 8,
     jd_when_keys, ","},
    {"weights", "conflicts.yaml", "- kind: frequency\n  weights:\n", 4, jd_weights_keys, ",by,values,"},
    {"a market's file", "markets/DE.yaml", "# nothing\n", 0, jd_market_file_keys, ","},
    {"channels.yaml", "channels.yaml", "# nothing\n", 0, jd_channels_keys, ",channels,"},
    {"a channel", "channels.yaml", "channels:\n  -\n", 4, jd_channel_keys, ",channel,consent,"},
    {"consent", "channels.yaml", "channels:\n  - channel: email\n    consent:\n", 6, jd_consent_keys,
     ",default,"},
    {"trigger", "channels.yaml", "trigger:\n", 2, jd_trigger_keys, ",valid_for,"},
    {"fatigue", "channels.yaml", "channels:\n  - channel: email\n    fatigue:\n", 6, jd_fatigue_keys,
     ",ignored,within,hold,"},
    {"over", "conflicts.yaml", "- kind: frequency\n  over:\n", 4, jd_over_keys, ",rule,of,"},
    {"assignee", "conflicts.yaml", "- kind: proximity\n  assignee:\n", 4, jd_assignee_keys, ",owner,"},
    {"audiences", "policy.yaml", "name: x\naudiences:\n", 2, jd_audiences_keys, ","},
};

/* A value of the right form that is out of range, and what is said of it. */
static const struct {
    const char *key, *value, *problem;
} ranges[] = {
    {"id", "'a b'", "expected a name"},
    {"version", "0", "0 is out of range"},
    {"version", "1000000001", "1000000001 is out of range"},
    {"kind", "proximty", "there is no kind"},
    {"mode", "alarm", "expected shadow, alert or block"},
    {"scope", "planet", "planet"},
    {"severity", "hihg", "expected info, low, medium, high or critical"},
    {"level", "urgent", "expected info, low, medium, high or critical"},
    {"phase", "planned", "expected preventable or incident"},
    {"valid_from", "2026-02-30", "expected a date"},
    {"valid_to", "10000-01-01", "expected a date"},
    {"within", "101y", "out of range"},
    {"window", "36601d", "out of range"},
    {"window", "0d", "longer than nothing"},
    {"max_open", "{ years: 101 }", "out of range"},
    {"plus", "{ months: 1201 }", "out of range"},
    {"resolve_within", "101y", "out of range"},
    {"period", "decade", "expected day, week"},
    {"per", "visit", "expected touch"},
    {"report", "all", "expected each"},
    {"axis", "start", "expected recorded_at"},
    {"limit", "1e400", "expected a decimal number"},
    {"at_least", "many", "expected a decimal number"},
    {"who", "tier", "expected a selector over the profile"},
    {"on_track", "2", "expected a share"},
    {"inclusive", "yes", "expected true or false"},
    {"currency", "EURO", "expected a currency"},
    {"sum", "money", "expected amount or quantity"},
    {"distinct", "taem", "a touch has no field"},
    {"same", "taem", "a touch has no field"},
    {"different", "taem", "a touch has no field"},
    {"unless", "jont", "expected `joint`"},
    {"by", "taem", "a touch has no field"},
    {"default", "-1", "expected opt_in"},
    {"allowed_lateness", "101y", "out of range"},
    {"max_ahead", "101y", "out of range"},
    {"planned_grace", "367d", "out of range"},
    {"joint_within", "367d", "out of range"},
    {"zone", "Europe/Berln", "Europe/Berln"},
    {"channel", "emial", "expected a channel"},
    {"needs_content", "maybe", "expected true or false"},
    {"double_opt_in", "1", "expected true or false"},
    {"opt_in", "Germany", "expected a country"},
    {"opt_out", "de", "expected a country"},
    {"ignored", "0", "out of range"},
    {"hold", "367d", "out of range"},
    {"valid_for", "59m", "out of range"},
    {"valid_for", "367d", "out of range"},
    {"owner", "sales", "expected commercial, medical or other"},
    {"commercial", "planet", "expected a list of the keys"},
    {"medical", "account", "expected a list of the keys"},
};

struct text {
    char bytes[4096];
    size_t size;
    uint32_t line; /* the one that comes next */
};

static void add(struct text *t, uint32_t indent, const char *key, const char *value)
{
    t->size += (size_t)snprintf(t->bytes + t->size, sizeof t->bytes - t->size, "%*s%s: %s\n", (int)indent, "",
                                key, value);
    t->line++;
}

/* The lines before the keys of a table; a rule of a kind says so. */
static struct text begin(const struct table *table, const struct jd_conflict_kind *kind, const char *key)
{
    struct text t = {.line = 1};
    t.size = (size_t)snprintf(t.bytes, sizeof t.bytes, "%s", table->before);
    for (const char *p = t.bytes; *p != '\0'; p++)
        t.line += *p == '\n';
    if (kind != NULL && strcmp(key, "kind") != 0)
        add(&t, table->indent, "kind", kind->name);
    if (kind != NULL && kind->find_facts != NULL && strcmp(key, "subject") != 0)
        add(&t, table->indent, "subject", "consent"); /* what makes it a rule on facts */
    return t;
}

/* Other problems may stand beside the one that is asked for: the maps lack what else they must have. */
static void expect(const struct table *table, const struct text *t, uint32_t line, uint32_t column,
                   const char *problem, const char *hint)
{
    struct jd_diagnostics problems;
    struct jd_policy *policy =
        compile_with(table->file, (struct jd_str){t->bytes, (uint32_t)t->size}, &problems);
    cr_expect_null(policy, "taken:\n%s", t->bytes);
    cr_expect_not_null(find_problem(&problems, table->file, line, column, problem, hint),
                       "%s:%u:%u: %s (%s):\n%s", table->file, line, column, problem, hint ? hint : "",
                       t->bytes);
    jd_policy_free(policy);
    jd_diagnostics_done(&problems);
}

/* A problem in the value: at its place or inside it. */
static void expect_inside(const struct table *table, const struct text *t, uint32_t line, uint32_t column)
{
    struct jd_diagnostics problems;
    bool found = false;
    struct jd_policy *policy =
        compile_with(table->file, (struct jd_str){t->bytes, (uint32_t)t->size}, &problems);
    for (uint32_t i = 0; i < problems.count; i++)
        found = found || (problems.items[i].place.line == line && problems.items[i].place.column >= column);
    cr_expect_null(policy, "taken:\n%s", t->bytes);
    cr_expect(found, "nothing is said of the value in line %u:\n%s", line, t->bytes);
    jd_policy_free(policy);
    jd_diagnostics_done(&problems);
}

static bool listed(const char *list, const char *key)
{
    char name[64];
    (void)snprintf(name, sizeof name, ",%s,", key);
    return strstr(list, name) != NULL;
}

/* One key of a table, in a rule of this kind (NULL: no rule). */
static void check_key(const struct table *table, const struct jd_key *key,
                      const struct jd_conflict_kind *kind)
{
    static const char *const wrong[] = {"[[[x]]]", "{ q: { q: q } }"};
    uint32_t column = table->indent + 1, value = column + (uint32_t)strlen(key->name) + 2;
    char problem[160], hint[80];
    struct text t = begin(table, kind, key->name);
    uint32_t line = t.line;
    if (key->read == NULL) {
        add(&t, table->indent, key->name, "x");
        (void)snprintf(problem, sizeof problem, "%s: is not supported by this version", key->name);
        expect(table, &t, line, column, problem, NULL);
        return;
    }
    add(&t, table->indent, key->name, "");
    (void)snprintf(problem, sizeof problem, "%s: has no value", key->name);
    expect(table, &t, line, column, problem, NULL);

    for (size_t i = 0; i < JD_COUNT(wrong); i++) {
        t = begin(table, kind, key->name);
        add(&t, table->indent, key->name, wrong[i]);
        expect_inside(table, &t, line, value);
    }

    char misspelt[64];
    t = begin(table, kind, key->name);
    (void)snprintf(misspelt, sizeof misspelt, "%sq", key->name);
    add(&t, table->indent, misspelt, "x");
    (void)snprintf(problem, sizeof problem, "%s has no key \"%s\"", table->what, misspelt);
    (void)snprintf(hint, sizeof hint, "did you mean \"%s\"?", key->name);
    expect(table, &t, line, column, problem,
           strlen(key->name) > 2 && strcmp(key->name, "subject") != 0 ? hint : NULL);

    t = begin(table, kind, key->name);
    add(&t, table->indent, key->name, "x");
    add(&t, table->indent, key->name, "x");
    (void)snprintf(problem, sizeof problem, "\"%s\" is written twice", key->name);
    (void)snprintf(hint, sizeof hint, "the first one is at line %u", line);
    expect(table, &t, line + 1, column, problem, hint);

    for (size_t i = 0; i < JD_COUNT(ranges); i++)
        if (strcmp(ranges[i].key, key->name) == 0 &&
            (strcmp(key->name, "default") != 0 || strcmp(table->what, "consent") == 0)) {
            t = begin(table, kind, key->name);
            add(&t, table->indent, key->name, ranges[i].value);
            expect(table, &t, line, value, ranges[i].problem, NULL);
        }
}

static bool takes(const struct jd_conflict_kind *kind, const struct jd_key *key)
{
    return ((kind->required | kind->optional) & key->parameter) != 0;
}

Test(keys, every_one_times_every_mistake)
{
    unsigned count = 0;
    for (size_t i = 0; i < JD_COUNT(tables); i++)
        for (const struct jd_key *key = tables[i].keys; key->name != NULL; key++, count++) {
            const struct jd_conflict_kind *kind = tables[i].keys == jd_rule_keys ? jd_conflict_kinds : NULL;
            for (; kind != NULL && key->parameter != 0 && !takes(kind, key);)
                kind++;
            cr_assert(kind == NULL || kind->name != NULL, "%s is a key of no kind", key->name);
            check_key(&tables[i], key, kind);
        }
    cr_expect_geq(count, 70);
}

Test(keys, missing_ones_are_named_where_their_map_stands)
{
    for (size_t i = 0; i < JD_COUNT(tables); i++) {
        const struct table *table = &tables[i];
        for (const struct jd_key *key = table->keys; key->name != NULL; key++) {
            char problem[160];
            struct text t = begin(table, NULL, key->name);
            (void)snprintf(problem, sizeof problem, "%s: %s: is missing", table->what, key->name);
            cr_expect_eq(key->required, listed(table->needed, key->name), "%s: %s", table->what, key->name);
            add(&t, table->indent, "q", "x"); /* there must be a key for there to be a map */
            if (key->required)
                expect(table, &t, t.line - 1, table->indent + 1, problem, NULL);
        }
    }
}

/* What a kind takes, its row says: everything else is refused, what it needs is asked for. */
Test(keys, of_rules_go_by_the_kind)
{
    const struct table *table = &tables[3];
    for (const struct jd_conflict_kind *kind = jd_conflict_kinds; kind->name != NULL; kind++)
        for (const struct jd_key *key = jd_rule_keys; key->name != NULL; key++) {
            char problem[160];
            struct text t = begin(table, kind, "id");
            bool on_facts = kind->find_facts != NULL, is_subject = strcmp(key->name, "subject") == 0;
            if (key->parameter == 0 || key->read == NULL ||
                (is_subject && jd_conflict_kind_on_facts(jd_str_of(kind->name)) != NULL))
                continue; /* subject: decides which of two kinds of one name it is */
            if (!takes(kind, key)) {
                (void)snprintf(problem, sizeof problem, "%s: is not taken by kind %s", key->name, kind->name);
                add(&t, table->indent, key->name, "x");
                expect(table, &t, t.line - 1, table->indent + 1, problem, "");
            } else if ((kind->required & key->parameter) == key->parameter) {
                (void)snprintf(problem, sizeof problem, "a rule: %s: is missing", key->name);
                expect(table, &t, t.line - (on_facts ? 2 : 1), table->indent + 1, problem, NULL);
            }
        }
}

Test(keys, the_table_of_ranges_names_keys_that_there_are)
{
    for (size_t r = 0; r < JD_COUNT(ranges); r++) {
        bool found = false;
        for (size_t i = 0; i < JD_COUNT(tables); i++)
            for (const struct jd_key *key = tables[i].keys; key->name != NULL; key++)
                found = found || strcmp(key->name, ranges[r].key) == 0;
        cr_expect(found, "%s", ranges[r].key);
    }
}

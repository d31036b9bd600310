/* What each kind of conflict takes, and what it becomes. */
#include <string.h>

#include <criterion/criterion.h>

#include "base/str.h"
#include "engine/conflicts/conflicts.h"
#include "engine/facts.h"
#include "engine/fields.h"
#include "policy/policy.h"
#include "support.h"

TestSuite(kinds, .fini = scratch_done, .timeout = 60);

/* A rule that is right for each kind, one key a line. */
static const struct {
    const char *kind;
    const char *keys[10];
} rules[] = {
    {"frequency", {"of: { role: msl }", "limit: 2", "window: 7d"}},
    {"budget", {"of: { role: msl }", "limit: 2", "period: month", "currency: EUR"}},
    {"coverage",
     {"of: { product: [p, q] }", "who: { tier: A }", "same: product", "period: quarter", "at_least: 3",
      "valid_from: 2026-01-01"}},
    {"sequence", {"a: { role: msl }", "b: { role: sales_rep }", "within: 3d"}},
    {"absence", {"a: { role: msl }", "b: { role: sales_rep }", "within: 3d"}},
    {"requires", {"a: { role: msl }", "b: { role: sales_rep }", "within: 3d"}},
    {"until", {"a: { role: msl }", "b: { role: sales_rep }", "until: { role: speaker }", "max_open: 1y"}},
    {"overlap", {"a: { role: msl }", "b: { role: sales_rep }"}},
    {"eligibility", {"of: { role: msl }", "require: { consent: granted }"}},
    {"absence", {"subject: consent", "lead: 30d"}},
    {"proximity", {"subject: consent", "within: 0h", "different: [state]"}},
};
enum {
    FREQUENCY,
    BUDGET,
    COVERAGE,
    SEQUENCE,
    ABSENCE,
    REQUIRES,
    UNTIL,
    OVERLAP,
    ELIGIBILITY,
    EXPIRY,
    CONTRADICTION,
    KINDS
};

static bool starts_key(const char *line, const char *key)
{
    size_t size = strcspn(key, ":");
    return strncmp(line, key, size) == 0 && line[size] == ':';
}

/* The rule of a kind with a line in place of that of the same key, or of the key `instead_of`, or added. */
static struct jd_policy *load(int kind, const char *line, const char *instead_of,
                              struct jd_diagnostics *problems)
{
    char text[2048];
    size_t used =
        (size_t)snprintf(text, sizeof text, "- id: r\n  version: 1\n  kind: %s\n%s%s\n  severity: low\n",
                         rules[kind].kind, line[0] != '\0' ? "  " : "", line);
    if (strncmp(line, "severity", 8) == 0)
        used -= strlen("  severity: low\n");
    for (size_t i = 0; rules[kind].keys[i] != NULL; i++)
        if (!starts_key(rules[kind].keys[i], line) &&
            (instead_of == NULL || !starts_key(rules[kind].keys[i], instead_of)))
            used += (size_t)snprintf(text + used, sizeof text - used, "  %s\n", rules[kind].keys[i]);
    scratch_done();
    scratch_text("policy.yaml", "name: test\n");
    scratch_text("conflicts.yaml", text);
    jd_diagnostics_init(problems);
    return jd_policy_load(scratch(), problems);
}

struct kind_mistake {
    int kind;
    const char *line, *instead_of;
    uint32_t column; /* in line 4, or 0 */
    const char *problem, *hint;
};

Test(kinds, mistakes_in_their_keys)
{
    static const struct kind_mistake rows[] = {
        {OVERLAP, "link: responds_to", NULL, 3, "link: is not taken by kind overlap", NULL},
        {COVERAGE, "limit: 2", NULL, 3, "limit: is not taken by kind coverage", NULL},
        {COVERAGE, "window: 7d", NULL, 3, "window: is not taken by kind coverage", NULL},
        {COVERAGE, "", "who", 0, "a rule: who: is missing", NULL},
        {COVERAGE, "", "period", 0, "a rule: period: is missing", NULL},
        {COVERAGE, "", "at_least", 0, "a rule: at_least: is missing", NULL},
        {COVERAGE, "", "valid_from", 0, "a rule: valid_from: is missing", NULL},
        {COVERAGE, "who: A", NULL, 8, "expected a selector over the profile", NULL},
        {COVERAGE, "who: { teir: A }", NULL, 10, "a profile has no field \"teir\"", "did you mean \"tier\"?"},
        {COVERAGE, "who: { channel: email }", NULL, 10, "a profile has no field", NULL},
        {COVERAGE, "period: from_first", NULL, 11, "day, week, month, quarter or year", NULL},
        {COVERAGE, "at_least: 2.5", NULL, 13, "expected a whole number", NULL},
        {COVERAGE, "at_least: 1000001", NULL, 13, "expected at most 1000000", NULL},
        {COVERAGE, "on_track: 0", NULL, 13, "a share, more than 0 and at most 1", NULL},
        {COVERAGE, "on_track: 1.01", NULL, 13, "a share, more than 0 and at most 1", NULL},
        {COVERAGE, "on_track: 0.1234567", NULL, 13, "a share, more than 0 and at most 1", NULL},
        {COVERAGE, "same: team", NULL, 9, "must list the values of team", NULL},
        {COVERAGE, "of: { product: { ne: p } }", NULL, 0, "must list the values of product", NULL},
        {FREQUENCY, "a: { role: msl }", NULL, 3, "a: is not taken by kind frequency", NULL},
        {FREQUENCY, "within: 3d", NULL, 3, "within: is not taken by kind frequency", NULL},
        {FREQUENCY, "different: [team]", NULL, 3, "different: is not taken by kind frequency", NULL},
        {FREQUENCY, "currency: EUR", NULL, 3, "currency: is not taken by kind frequency", NULL},
        {FREQUENCY, "", "of", 0, "a rule: of: is missing", NULL},
        {FREQUENCY, "", "limit", 0, "one of limit: and at_least: is missing", NULL},
        {FREQUENCY, "", "window", 0, "one of window:, period: and per: is missing", NULL},
        {FREQUENCY, "at_least: 3", NULL, 0, "only one of limit: and at_least:", NULL},
        {FREQUENCY, "period: month", NULL, 0, "only one of window:, period: and per:", NULL},
        {FREQUENCY, "limit: 2.5", NULL, 10, "limit: expected a whole number", NULL},
        {FREQUENCY, "limit: -1", NULL, 10, "a number that is not negative", NULL},
        {FREQUENCY, "limit: many", NULL, 10, "expected a decimal number", NULL},
        {FREQUENCY, "at_least: 0", "limit", 13, "a number that is more than 0", NULL},
        {FREQUENCY, "window: 0d", NULL, 11, "must be longer than nothing", NULL},
        {FREQUENCY, "window: 7", NULL, 11, "expected a span of time", "write the unit"},
        {FREQUENCY, "period: fortnight", "window", 11,
         "expected day, week, month, quarter, year or from_first", NULL},
        {FREQUENCY, "period: moth", "window", 11, "expected day", "did you mean \"month\"?"},
        {FREQUENCY, "period: from_first", "window", 0, "window: is missing", NULL},
        {FREQUENCY, "per: visit", "window", 8, "expected touch", NULL},
        {FREQUENCY, "report: all", NULL, 11, "expected each", NULL},
        {FREQUENCY, "report: each", NULL, 3, "goes with period: only", NULL},
        {FREQUENCY, "distinct: taem", NULL, 13, "a touch has no field \"taem\"", "did you mean \"team\"?"},
        {FREQUENCY, "distinct: key_messages", NULL, 13, "key_messages holds a list", NULL},
        {FREQUENCY, "distinct: [team, role]", NULL, 13, "expected a field of the touch", NULL},
        {FREQUENCY, "same: key_messages", NULL, 3, "holds a list, which kind frequency", NULL},
        {FREQUENCY, "weights: 2", NULL, 12, "expected a map", NULL},
        {FREQUENCY, "weights: { by: channel }", NULL, 12, "values: is missing", NULL},
        {FREQUENCY, "weights: { by: amount, values: { x: 1 } }", NULL, 18, "holds a text", NULL},
        {FREQUENCY, "weights: { by: channel, values: { emial: 1 } }", NULL, 37,
         "channel has no value \"emial\"", "did you mean \"email\"?"},
        {FREQUENCY, "weights: { by: channel, values: { email: -1 } }", NULL, 44, "a weight is 0 or more",
         NULL},
        {FREQUENCY, "weights: { by: channel, values: { email: 0.00001 } }", NULL, 44, "at most 4 digits",
         NULL},
        {FREQUENCY, "unless: joint", NULL, 0, "unless: joint is not taken by kind frequency", NULL},
        {FREQUENCY, "severity: [{ when: { a: {} }, level: low }, { level: low }]", NULL, 24,
         "when: a is not taken by kind frequency", NULL},
        {FREQUENCY, "severity: [{ when: { within: 1d }, level: low }, { level: low }]", NULL, 24,
         "when: within is not taken by kind frequency", NULL},
        {FREQUENCY, "severity: [{ when: { observed: 3 }, level: low }, { level: low }]", NULL, 34,
         "expected a comparison", NULL},
        {FREQUENCY, "severity: [{ when: { observed: { over: 3 } }, level: low }, { level: low }]", NULL, 36,
         "there is no comparison \"over\"", NULL},
        {BUDGET, "severity: [{ when: { of: { role: msl } }, level: low }, { level: low }]", NULL, 24,
         "when: of is not taken by kind budget over a period", NULL},
        {BUDGET, "", "currency", 0, "currency: is missing", NULL},
        {BUDGET, "currency: euro", NULL, 13, "expected a currency", NULL},
        {BUDGET, "sum: money", NULL, 8, "expected amount or quantity", NULL},
        {BUDGET, "sum: quantity", NULL, 0, "currency: does not go with sum: quantity", NULL},
        {BUDGET, "distinct: team", NULL, 3, "distinct: is not taken by kind budget", NULL},
        {SEQUENCE, "", "within", 0, "within: is missing", NULL},
        {SEQUENCE, "until: { role: msl }", NULL, 3, "until: is not taken by kind sequence", NULL},
        {SEQUENCE, "same: joint.role", NULL, 3, "holds a list, which kind sequence", NULL},
        {ABSENCE, "inclusive: perhaps", NULL, 14, "expected true or false", NULL},
        {ABSENCE, "resolve_within: late", NULL, 19, "expected a span of time", NULL},
        {ABSENCE, "unless: joint", NULL, 0, "unless: joint is not taken by kind absence", NULL},
        {REQUIRES, "resolve_within: 1d", NULL, 3, "is not taken by kind requires", NULL},
        {UNTIL, "", "max_open", 0, "max_open: is missing", NULL},
        {UNTIL, "plus: soon", NULL, 9, "expected a span of time", NULL},
        {OVERLAP, "within: 1d", NULL, 3, "within: is not taken by kind overlap", NULL},
        {OVERLAP, "durations: 1h", NULL, 14, "expected a map of channels", NULL},
        {OVERLAP, "durations: { visit: 1h }", NULL, 16, "there is no channel \"visit\"", NULL},
        {OVERLAP, "durations: { phone: 32d }", NULL, 23, "out of range", NULL},
        {OVERLAP, "durations: { phone: 0h }", NULL, 23, "out of range", NULL},
        {EXPIRY, "", "lead", 0, "lead: is missing", NULL},
        {EXPIRY, "lead: 1mo", NULL, 9, "lead: expected a time in hours, days or weeks", "such as 30d"},
        {EXPIRY, "lead: 0d", NULL, 9, "longer than nothing", NULL},
        {EXPIRY, "lead: soon", NULL, 9, "lead: expected a span of time", NULL},
        {EXPIRY, "subject: consnt", NULL, 12, "expected consent, access, licence or alignment",
         "did you mean \"consent\"?"},
        {EXPIRY, "subject: content", NULL, 12, "expected consent, access, licence or alignment", NULL},
        {EXPIRY, "within: 3d", NULL, 3, "within: is not taken by kind absence", NULL},
        {EXPIRY, "unless: { role: msl }", NULL, 3, "unless: is not taken by kind absence", NULL},
        {CONTRADICTION, "lead: 30d", NULL, 3, "lead: is not taken by kind proximity", NULL},
        {CONTRADICTION, "within: 1h", NULL, 11, "expected 0h, which is all that rules on facts compare",
         NULL},
        {CONTRADICTION, "different: [team]", NULL, 14, "expected [state]", NULL},
        {CONTRADICTION, "", "different", 0, "different: is missing", NULL},
        {FREQUENCY, "subject: consent", NULL, 3, "subject: is not taken by kind frequency", NULL},
        {ELIGIBILITY, "", "require", 0, "require: is missing", NULL},
        {ELIGIBILITY, "", "of", 0, "of: is missing", NULL},
        {ELIGIBILITY, "same: team", NULL, 3, "same: is not taken by kind eligibility", NULL},
        {ELIGIBILITY, "within: 3d", NULL, 3, "within: is not taken by kind eligibility", NULL},
        {ELIGIBILITY, "scope: account", NULL, 0, "require: consent is not known with scope: account",
         "stays with the physician"},
        {ELIGIBILITY, "scope: actor\n  require: { access: open }", "require", 0,
         "require: access is not known with scope: actor", NULL},
        {ELIGIBILITY, "scope: account\n  require: { not: { any: [{ access: open }, { profile.tier: A }] } }",
         "require", 0, "require: profile.tier is not known with scope: account", NULL},
        {ELIGIBILITY, "scope: engagement_id\n  require: { role: msl, blackout: none }", "require", 0,
         "require: blackout is not known with scope: engagement_id", "a map asks for one attendee"},
        {COVERAGE, "scope: actor", NULL, 10, "scope: actor has no profile that who: could mean",
         "scope: hcp, or account"},
        {COVERAGE, "scope: account\n  who: { tier: A }", "who", 0,
         "who: the profile of an account has no tier", "country, zone and attributes"},
        {ELIGIBILITY, "require: granted", NULL, 12, "require: expected what must be so", NULL},
        {ELIGIBILITY, "require: {}", NULL, 12, "require: is empty", NULL},
        {ELIGIBILITY, "require: { consnt: granted }", NULL, 14, "there is nothing called \"consnt\"",
         "did you mean \"consent\"?"},
        {ELIGIBILITY, "require: { profile.speciality: x }", NULL, 14, "there is nothing called",
         "did you mean \"profile.specialty\"?"},
        {ELIGIBILITY, "require: { consent: given }", NULL, 23, "consent: expected what it may come to", NULL},
        {ELIGIBILITY, "require: { consent: grantd }", NULL, 23, "consent: expected what it may come to",
         "did you mean \"granted\"?"},
        {ELIGIBILITY, "require: { consent: valid }", NULL, 23, "found \"valid\"", NULL},
        {ELIGIBILITY, "require: { consent: [] }", NULL, 23, "the list is empty", NULL},
        {ELIGIBILITY, "require: { consent: }", NULL, 14, "consent: has no value", NULL},
        {ELIGIBILITY, "require: { consent: { is: granted } }", NULL, 23, "found a map", NULL},
        {ELIGIBILITY, "require: { licence: [valid, approved] }", NULL, 31, "found \"approved\"", NULL},
        {ELIGIBILITY, "require: { aligned: often }", NULL, 23, "aligned: expected true or false", NULL},
        {ELIGIBILITY, "require: { journeys: { active: x } }", NULL, 14,
         "journeys: is not supported by this version", NULL},
        {ELIGIBILITY, "require: { all: { consent: granted } }", NULL, 19, "all: expected a list", NULL},
        {ELIGIBILITY, "require: { any: [] }", NULL, 19, "any: expected a list", NULL},
        {ELIGIBILITY, "require: { any: [granted] }", NULL, 20, "any: expected what must be so", NULL},
        {ELIGIBILITY, "require: { not: [{ consent: granted }] }", NULL, 19, "not: expected what must be so",
         NULL},
        {ELIGIBILITY,
         "require: { not: { not: { not: { not: { not: { not: { not: { not: { consent: granted } } } } } } } "
         "} }",
         NULL, 0, "more than 8 maps inside each other", NULL},
        {ELIGIBILITY, "require: { local_time: 8-20 }", NULL, 26, "local_time: expected a map", NULL},
        {ELIGIBILITY, "require: { local_time: { from: 08:00 } }", NULL, 26, "until: is missing", NULL},
        {ELIGIBILITY, "require: { local_time: { from: 8:00, until: 20:00 } }", NULL, 34,
         "expected a time of day", NULL},
        {ELIGIBILITY, "require: { local_time: { from: 08:00, until: 24:01 } }", NULL, 48,
         "expected a time of day", NULL},
        {ELIGIBILITY, "require: { local_time: { from: 08:00, until: 08:00 } }", NULL, 26, "are the same",
         NULL},
        {ELIGIBILITY, "require: { local_time: { from: 08:00, until: 09:00, days: monday } }", NULL, 61,
         "expected a day of the week", NULL},
        {ELIGIBILITY, "require: { profile.tier: { lt: 3 } }", NULL, 34, "only numbers and times", NULL},
        {ELIGIBILITY, "require: { amount: { le: much } }", NULL, 28, "expected a decimal number", NULL},
        {ELIGIBILITY, "require: { channel: emial }", NULL, 23, "a value of its closed list",
         "did you mean \"email\"?"},
    };
    for (size_t i = 0; i < JD_COUNT(rows); i++) {
        struct jd_diagnostics problems;
        struct jd_policy *policy = load(rows[i].kind, rows[i].line, rows[i].instead_of, &problems);
        cr_expect_null(policy, "row %zu is taken: %s", i, rows[i].line);
        cr_expect_not_null(find_problem(&problems, "conflicts.yaml", rows[i].column != 0 ? 4 : 0,
                                        rows[i].column, rows[i].problem, rows[i].hint),
                           "row %zu: %s", i, rows[i].line);
        cr_expect_eq(problems.errors, 1, "row %zu: %u errors: %s", i, problems.errors, rows[i].line);
        jd_policy_free(policy);
        jd_diagnostics_done(&problems);
    }
}

static struct jd_policy *taken(int kind, const char *line, const char *instead_of,
                               const struct jd_rule **rule)
{
    struct jd_diagnostics problems;
    struct jd_policy *policy = load(kind, line, instead_of, &problems);
    cr_assert_not_null(policy, "%s", line);
    *rule = jd_policy_program(policy)->rules;
    jd_diagnostics_done(&problems);
    return policy;
}

Test(kinds, counts_become_measures)
{
    static const struct {
        int kind;
        const char *line, *instead_of;
        enum jd_measure measure;
        enum jd_period period;
    } rows[] = {
        {FREQUENCY, "mode: block", NULL, JD_MEASURE_COUNT, JD_PERIOD_NONE},
        {FREQUENCY, "distinct: actor", NULL, JD_MEASURE_DISTINCT, JD_PERIOD_NONE},
        {FREQUENCY, "weights: { by: channel, values: { email: 0.3 } }", NULL, JD_MEASURE_WEIGHTS,
         JD_PERIOD_NONE},
        {FREQUENCY, "period: week", "window", JD_MEASURE_COUNT, JD_PERIOD_WEEK},
        {BUDGET, "mode: alert", NULL, JD_MEASURE_AMOUNT, JD_PERIOD_MONTH},
        {FREQUENCY, "period: from_first", NULL, JD_MEASURE_COUNT, JD_PERIOD_FROM_FIRST},
        {BUDGET, "per: touch", "period", JD_MEASURE_AMOUNT, JD_PERIOD_TOUCH},
        {BUDGET, "window: { days: 3 }", "period", JD_MEASURE_AMOUNT, JD_PERIOD_NONE},
    };
    for (size_t i = 0; i < JD_COUNT(rows); i++) {
        const struct jd_rule *rule;
        struct jd_policy *policy = taken(rows[i].kind, rows[i].line, rows[i].instead_of, &rule);
        cr_expect_eq(rule->measure, rows[i].measure, "row %zu", i);
        cr_expect_eq(rule->period, rows[i].period, "row %zu", i);
        cr_expect_not(rule->at_least);
        jd_policy_free(policy);
    }
}

/* A plan satisfies nothing, unless the selector says so. */
Test(kinds, what_is_planned_has_not_happened)
{
    static const struct {
        int kind;
        const char *line;
        uint32_t a, b, c; /* conditions of each selector, 1 is the one that is written */
    } rows[] = {
        {SEQUENCE, "without: { role: speaker }", 1, 1, 2},
        {ABSENCE, "mode: alert", 2, 2, 0},
        {REQUIRES, "mode: alert", 2, 1, 0},
        {UNTIL, "mode: alert", 1, 1, 2},
        {OVERLAP, "mode: alert", 1, 1, 0},
        {REQUIRES, "a: { phase: planned }", 1, 1, 0},
    };
    for (size_t i = 0; i < JD_COUNT(rows); i++) {
        const struct jd_rule *rule;
        struct jd_policy *policy = taken(rows[i].kind, rows[i].line, NULL, &rule);
        cr_expect_eq(rule->a.count, rows[i].a, "row %zu: a %u", i, rule->a.count);
        cr_expect_eq(rule->b.count, rows[i].b, "row %zu: b %u", i, rule->b.count);
        cr_expect_eq(rule->c.count, rows[i].c, "row %zu: c %u", i, rule->c.count);
        for (uint32_t k = 0; k < rule->c.count; k++)
            cr_expect(rule->c.conditions[k].ref.field != JD_FIELD_PHASE ||
                      rule->c.conditions[k].op == JD_NOT_IN);
        jd_policy_free(policy);
    }
}

Test(kinds, touches_are_kept_as_long_as_a_rule_looks_back)
{
    static const struct {
        int kind;
        const char *line, *instead_of;
        int64_t days; /* at least */
    } rows[] = {
        {FREQUENCY, "window: 40d", NULL, 40},       {FREQUENCY, "period: quarter", "window", 92},
        {ABSENCE, "resolve_within: 60d", NULL, 60}, {ABSENCE, "within: 400d", NULL, 400},
        {UNTIL, "plus: 30d", NULL, 366 + 30},       {OVERLAP, "mode: alert", NULL, 31},
    };
    for (size_t i = 0; i < JD_COUNT(rows); i++) {
        const struct jd_rule *rule;
        struct jd_policy *policy = taken(rows[i].kind, rows[i].line, rows[i].instead_of, &rule);
        cr_expect_geq(jd_policy_program(policy)->window_ms, rows[i].days * JD_DAY, "row %zu", i);
        cr_expect_leq(jd_policy_program(policy)->window_ms, (rows[i].days + 400) * JD_DAY, "row %zu", i);
        jd_policy_free(policy);
    }
}

Test(kinds, durations_have_a_default)
{
    const struct jd_rule *rule;
    struct jd_policy *policy = taken(OVERLAP, "durations: { phone: 15m, default: 2h }", NULL, &rule);
    cr_expect_eq(rule->durations[JD_CHANNEL_PHONE], 15 * JD_MINUTE);
    cr_expect_eq(rule->durations[JD_CHANNEL_NONE], 2 * JD_HOUR);
    jd_policy_free(policy);
    policy = taken(OVERLAP, "mode: alert", NULL, &rule);
    cr_expect_eq(rule->durations[JD_CHANNEL_PHONE], JD_HOUR);
    jd_policy_free(policy);
}

Test(kinds, rules_on_facts_have_rows_of_their_own)
{
    const struct jd_rule *rule;
    struct jd_policy *policy = taken(EXPIRY, "lead: 2w", NULL, &rule);
    cr_expect(rule->kind == jd_conflict_kind_on_facts(JD_STR("absence")));
    cr_expect(rule->subject == JD_FACT_CONSENT && rule->within.amount == 14 * JD_DAY);
    cr_expect_eq(jd_policy_program(policy)->window_ms, 0); /* touches are not kept longer for it */
    jd_policy_free(policy);
    policy = taken(CONTRADICTION, "subject: access", NULL, &rule);
    cr_expect(rule->kind == jd_conflict_kind_on_facts(JD_STR("proximity")) &&
              rule->subject == JD_FACT_ACCESS);
    jd_policy_free(policy);
}

/* ---- require ---- */

static const struct jd_predicate *require_of(const char *line, struct jd_policy **policy)
{
    const struct jd_rule *rule;
    *policy = taken(ELIGIBILITY, line, NULL, &rule);
    return rule->require;
}

Test(kinds, one_entry_is_itself_and_several_are_all)
{
    struct jd_policy *policy;
    const struct jd_predicate *p = require_of("require: { consent: granted }", &policy);
    cr_expect(p->ask == JD_ASK_FACT && p->fact == JD_FACT_CONSENT);
    jd_policy_free(policy);
    p = require_of("require: { consent: granted, access: [open, no_see], aligned: true }", &policy);
    cr_assert(p->ask == JD_ASK_MAP && p->part_count == 3);
    cr_expect(p->parts[1].fact == JD_FACT_ACCESS && p->parts[2].fact == JD_FACT_ALIGNMENT);
    jd_policy_free(policy);
    p = require_of("require: { any: [{ not: { blackout: declared } }, { amount: { ge: 1, lt: 5 } }] }",
                   &policy);
    cr_assert(p->ask == JD_ASK_ANY && p->part_count == 2);
    cr_expect(p->parts[0].ask == JD_ASK_NOT && p->parts[0].parts[0].fact == JD_FACT_BLACKOUT);
    cr_assert(p->parts[1].ask == JD_ASK_MAP && p->parts[1].part_count == 2);
    cr_expect(p->parts[1].parts[1].ask == JD_ASK_TOUCH && p->parts[1].parts[1].condition.op == JD_LT);
    jd_policy_free(policy);
}

Test(kinds, granted_takes_what_is_implied)
{
    struct jd_policy *policy;
    const struct jd_predicate *p = require_of("require: { consent: granted }", &policy);
    cr_expect_eq(p->standings, UINT64_C(1) << JD_STANDING_GRANTED | UINT64_C(1) << JD_STANDING_IMPLIED);
    jd_policy_free(policy);
    p = require_of("require: { consent: [revoked, denied] }", &policy);
    cr_expect_eq(p->standings, UINT64_C(1) << JD_STANDING_REVOKED | UINT64_C(1) << JD_STANDING_DENIED);
    jd_policy_free(policy);
}

Test(kinds, local_time_and_profile_fields)
{
    struct jd_policy *policy;
    const struct jd_predicate *p = require_of(
        "require: { local_time: { from: \"20:30\", until: \"24:00\", days: [sat, sun] } }", &policy);
    cr_expect(p->ask == JD_ASK_LOCAL_TIME && p->hours.from_ms == 20 * JD_HOUR + 30 * JD_MINUTE &&
              p->hours.until_ms == JD_DAY && p->hours.days == (1u << 5 | 1u << 6));
    jd_policy_free(policy);
    p = require_of("require: { profile.attributes.territory: [north, east] }", &policy);
    cr_expect(p->ask == JD_ASK_PROFILE && p->condition.ref.field == JD_PROFILE_ATTRIBUTE &&
              jd_str_eq(p->condition.ref.attribute, JD_STR("territory")) && p->condition.text_count == 2);
    jd_policy_free(policy);
}

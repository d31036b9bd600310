/* Markets: what they may change, what is said when they may not, and what becomes of it. */
#include <string.h>

#include <criterion/criterion.h>

#include "base/contract.h"
#include "base/str.h"
#include "engine/fields.h"
#include "policy/policy.h"
#include "support.h"

TestSuite(markets, .fini = scratch_done, .timeout = 60);

#define cr_expect_text(actual, expected)                                                                     \
    cr_expect(jd_str_eq((actual), jd_str_of(expected)), "found \"" JD_STR_FMT "\", want \"%s\"",             \
              JD_STR_ARG(actual), expected)

static const char policy_text[] = "name: test\n"
                                  "markets:\n"
                                  "  DE: { zone: Europe/Berlin }\n"
                                  "  US: { zone: America/New_York }\n"
                                  "  EU: { countries: [DE, FR] }\n";
static const char rules_text[] =
    "- id: calls-a-year\n"                                  /* 1 */
    "  version: 1\n"                                        /* 2 */
    "  kind: frequency\n"                                   /* 3 */
    "  of: { role: sales_rep }\n"                           /* 4 */
    "  window: 1y\n"                                        /* 5 */
    "  limit: 5\n"                                          /* 6 */
    "  severity: medium\n"                                  /* 7 */
    "  local: { limit: [8, 10], mode: any }\n"              /* 8 */
    "- id: pair\n"                                          /* 9 */
    "  version: 1\n"                                        /* 10 */
    "  kind: proximity\n"                                   /* 11 */
    "  a: { role: sales_rep }\n"                            /* 12 */
    "  b: { role: msl }\n"                                  /* 13 */
    "  within: 48h\n"                                       /* 14 */
    "  mode: block\n"                                       /* 15 */
    "  severity:\n"                                         /* 16 */
    "    - { when: { phase: preventable }, level: high }\n" /* 17 */
    "    - { level: low }\n"                                /* 18 */
    "- id: question\n"                                      /* 19 */
    "  version: 1\n"                                        /* 20 */
    "  kind: absence\n"                                     /* 21 */
    "  a: { type: mi.requested }\n"                         /* 22 */
    "  b: { role: medical_information }\n"                  /* 23 */
    "  within: { days: 5 }\n"                               /* 24 */
    "  inclusive: true\n"                                   /* 25 */
    "  severity: high\n"                                    /* 26 */
    "- { id: campaign, version: 1, kind: frequency, of: { channel: email }, period: from_first, window: 14d, "
    "limit: 3, severity: low }\n" /* 27 */
    "- { id: booked, version: 1, kind: overlap, a: {}, b: {}, durations: { phone: 15m, default: 30m }, "
    "severity: "
    "low }\n"                                                                                  /* 28 */
    "- { id: ends, version: 1, kind: absence, subject: consent, lead: 30d, severity: low }\n"; /* 29 */

static struct jd_policy *load(const char *eu, const char *de, struct jd_diagnostics *problems)
{
    scratch_done();
    scratch_text("policy.yaml", policy_text);
    scratch_text("conflicts.yaml", rules_text);
    scratch_text("markets/EU.yaml", eu[0] != '\0' ? eu : "add: []\n");
    if (de[0] != '\0')
        scratch_text("markets/DE.yaml", de);
    jd_diagnostics_init(problems);
    return jd_policy_load(scratch(), problems);
}

/* Changes in markets/DE.yaml, line 2, of the rule that is named. */
static const struct {
    const char *change;
    uint32_t column;
    const char *problem, *hint;
} refused[] = {
    {"calls-a-year: { limit: 6 }", 26, "limit: 6 is looser than the rule allows a market",
     "conflicts.yaml:6:3 says limit: 5; a market may write a lower one, or one of [8, 10]"},
    {"calls-a-year: { at_least: 3 }", 19, "only one of limit: and at_least:", NULL},
    {"calls-a-year: { window: 6mo }", 27, "window: 6mo is looser",
     "conflicts.yaml:5:3 says window: 1y; a market may write a longer one"},
    {"calls-a-year: { window: 400d }", 27, "window: 400d cannot be told to be stricter",
     "conflicts.yaml:5:3"},
    {"calls-a-year: { severity: low }", 29, "severity: low is looser",
     "says severity: medium; a market may write a higher one"},
    {"calls-a-year: { of: {} }", 19, "of: is nothing that a market may change in a rule of kind frequency",
     "limit"},
    {"calls-a-year: { limt: 3 }", 19, "limt: is nothing that a market may change", "did you mean \"limit\"?"},
    {"calls-a-year: { within: 3d }", 19, "within: is nothing that a market may change", NULL},
    {"calls-a-year: { limit: three }", 26, "expected a decimal number, found \"three\"", NULL},
    {"calls-a-year: { limit: }", 19, "limit: has no value", NULL},
    {"calls-a-year: { version: 2 }", 19, "version: is nothing", NULL},
    {"calls-a-year: {}", 17, "expected what is otherwise in this market", NULL},
    {"calls-a-year: 3", 17, "expected what is otherwise in this market", NULL},
    {"calls-a-yaer: { limit: 3 }", 3, "there is no rule \"calls-a-yaer\"", "did you mean \"calls-a-year\"?"},
    {"pair: { within: 24h }", 19, "within: 24h is looser",
     "conflicts.yaml:14:3 says within: 48h; a market may write a longer one"},
    {"pair: { within: { days: 3 } }", 19, "within: {days: 3} cannot be told to be stricter",
     "says within: 48h"},
    {"pair: { mode: alert }", 17, "mode: alert is looser",
     "conflicts.yaml:15:3 says mode: block; a market may write a higher one"},
    {"pair: { severity: medium }", 21, "severity: medium cannot be told to be stricter",
     "conflicts.yaml:16:3"},
    {"pair: { severity: [{ when: { phase: preventable }, level: medium }, { level: low }] }", 21, "is looser",
     NULL},
    {"question: { within: { days: 6 } }", 23, "is looser",
     "says within: {days: 5}; a market may write a shorter one"},
    {"question: { resolve_within: 400d }", 31, "is looser",
     "says resolve_within: its default; a market may write a shorter one"},
    {"campaign: { window: 20d }", 15, "window: is nothing that a market may change", NULL},
    {"booked: { durations: { phone: 10m, default: 30m } }", 24, "is looser",
     "a market may write longer ones"},
    {"booked: { durations: { phone: 1h, default: 20m } }", 24, "cannot be told to be stricter", NULL},
    {"ends: { severity: high }", 3, "is about facts, which no market owns", NULL},
};

Test(markets, what_they_may_not_change_is_refused_with_what_they_may)
{
    for (size_t i = 0; i < JD_COUNT(refused); i++) {
        char text[512];
        struct jd_diagnostics problems;
        (void)snprintf(text, sizeof text, "change:\n  %s\n", refused[i].change);
        struct jd_policy *policy = load("", text, &problems);
        cr_expect_null(policy, "row %zu is taken: %s", i, refused[i].change);
        cr_expect_eq(problems.errors, 1, "row %zu: %u errors: %s", i, problems.errors, refused[i].change);
        cr_expect_not_null(find_problem(&problems, "markets/DE.yaml", 2, refused[i].column,
                                        refused[i].problem, refused[i].hint),
                           "row %zu: %s", i, refused[i].change);
        jd_policy_free(policy);
        jd_diagnostics_done(&problems);
    }
}

Test(markets, stricter_and_local_changes_are_taken)
{
    static const char *const rows[] = {
        "calls-a-year: { limit: 3 }",
        "calls-a-year: { limit: 8 }",
        "calls-a-year: { limit: 0, window: 2y, severity: critical, mode: block }",
        "calls-a-year: { citation: local code, assignee: q, remedy: r, jurisdiction: Bayern }",
        "pair: { within: 72h }",
        "pair: { severity: critical }",
        "pair: { severity: high }",
        "pair: { severity: [{ when: { phase: preventable }, level: high }, { level: medium }] }",
        "question: { within: { days: 2 }, inclusive: false, resolve_within: 90d }",
        "campaign: { limit: 2 }",
        "booked: { durations: { phone: 20m, default: 30m } }",
        "booked: { durations: { default: 1h } }",
    };
    for (size_t i = 0; i < JD_COUNT(rows); i++) {
        char text[512];
        struct jd_diagnostics problems;
        (void)snprintf(text, sizeof text, "change:\n  %s\n", rows[i]);
        struct jd_policy *policy = load("", text, &problems);
        if (problems.count > 0)
            jd_diagnostics_print(&problems, stderr);
        cr_expect_not_null(policy, "row %zu is refused: %s", i, rows[i]);
        cr_expect_eq(problems.warnings, 0, "%s", rows[i]);
        jd_policy_free(policy);
        jd_diagnostics_done(&problems);
    }
}

static const struct jd_rule *rule_of(const struct jd_policy *policy, const char *id)
{
    const struct jd_program *program = jd_policy_program(policy);
    for (uint32_t i = 0; i < program->rule_count; i++)
        if (jd_str_eq(program->rules[i].id, jd_str_of(id)))
            return &program->rules[i];
    cr_assert(false, "no rule %s", id);
    return NULL;
}

Test(markets, a_country_changes_what_its_pack_left)
{
    struct jd_diagnostics problems;
    struct jd_policy *policy =
        load("change:\n  calls-a-year: { limit: 4, citation: EU code }\n"
             "add:\n  - { id: eu-own, version: 1, kind: overlap, a: { role: msl }, b: {}, "
             "severity: low }\n",
             "change:\n  calls-a-year: { severity: high }\n  eu-own: { severity: high }\n", &problems);
    jd_diagnostics_print(&problems, stderr);
    cr_assert_not_null(policy);
    const struct jd_rule *rule = rule_of(policy, "calls-a-year");
    cr_expect_eq(rule->limit.units, 5);
    cr_assert_eq(rule->version_count, 2);
    const struct jd_rule *eu = &rule->versions[0], *de = &rule->versions[1];
    cr_assert_eq(eu->market_count, 2);
    cr_expect_text(eu->markets[0], "EU");
    cr_expect_text(eu->markets[1], "FR");
    cr_expect_eq(eu->limit.units, 4);
    cr_expect_eq(eu->severities[0].severity, JD_SEVERITY_MEDIUM);
    cr_expect_text(eu->jurisdiction, "EU");
    cr_assert_eq(de->market_count, 1);
    cr_expect_text(de->markets[0], "DE");
    cr_expect_eq(de->limit.units, 4, "as the pack has it");
    cr_expect_text(de->citation, "EU code");
    cr_expect_eq(de->severities[0].severity, JD_SEVERITY_HIGH);
    cr_expect_text(de->jurisdiction, "DE");
    cr_expect_eq(de->central, rule);
    cr_expect_text(de->id, "calls-a-year");
    const struct jd_rule *own = rule_of(policy, "eu-own");
    cr_expect_eq(own->a.count, 2);
    cr_assert_eq(own->b.count, 1);
    cr_expect_eq(own->b.conditions[0].ref.field, JD_FIELD_MARKET);
    cr_assert_eq(own->b.conditions[0].text_count, 3, "DE, EU and FR");
    cr_expect_eq(own->c.count, 0);
    cr_expect_text(own->jurisdiction, "EU");
    cr_expect_eq(own->version_count, 1);
    jd_policy_free(policy);
    jd_diagnostics_done(&problems);

    policy =
        load("change:\n  calls-a-year: { limit: 3 }\n", "change:\n  calls-a-year: { limit: 4 }\n", &problems);
    cr_expect_null(policy, "looser than the pack");
    cr_expect_not_null(find_problem(&problems, "markets/DE.yaml", 2, 26, "limit: 4 is looser",
                                    "markets/EU.yaml:2:19 says limit: 3"));
    jd_diagnostics_done(&problems);
    policy =
        load("change:\n  calls-a-year: { limit: 3 }\n", "change:\n  calls-a-year: { limit: 8 }\n", &problems);
    cr_expect_not_null(policy, "the centre lets every market choose");
    jd_policy_free(policy);
    jd_diagnostics_done(&problems);
}

/* Every file of a policy, and where the mistake stands. */
static const struct {
    const char *policy, *rules, *file, *text;
    const char *where;
    uint32_t line, column;
    const char *problem, *hint;
} files[] = {
    {policy_text, rules_text, "markets/FR.yaml",
     "add: [{ id: pair, version: 1, kind: overlap, a: {}, b: {}, severity: low }]\n", "markets/FR.yaml", 1,
     13, "id: \"pair\" is taken", "by the rule at line 9 of "},
    {policy_text, rules_text, "markets/FR.yaml",
     "add: [{ id: x, version: 1, kind: overlap, a: {}, b: {}, severity: low, local: { mode: any } }]\n",
     "markets/FR.yaml", 1, 72, "local: is for rules of the centre", NULL},
    {policy_text, rules_text, "markets/FR.yaml",
     "add: [{ id: x, version: 1, kind: absence, subject: consent, lead: 30d, severity: low }]\n",
     "markets/FR.yaml", 1, 43, "subject: a market's own rules are about touches", NULL},
    {policy_text, rules_text, "markets/FRA.yaml", "add: []\n", "markets/FRA.yaml", 1, 1,
     "policy.yaml has no market \"FRA\"", NULL},
    {policy_text, rules_text, "markets/ED.yaml", "add: []\n", "markets/ED.yaml", 1, 1,
     "policy.yaml has no market \"ED\"", "one of: DE, US, EU"},
    {policy_text, rules_text, "markets/FR.yaml", "planned_grace: 3d\n", "markets/FR.yaml", 1, 16,
     "planned_grace: 3d is looser than the policy allows a market", "policy.yaml leaves it at 2d"},
    {"name: x\nplanned_grace: 1d\nmarkets: { FR: { zone: UTC } }\n", rules_text, "markets/FR.yaml",
     "planned_grace: 25h\n", "markets/FR.yaml", 1, 16, "planned_grace: 25h is looser",
     "policy.yaml:2:1 says 1d; a market may write a shorter one"},
    {policy_text, rules_text, "markets/FR.yaml", "- a\n", "markets/FR.yaml", 1, 1,
     "a market's file: expected a map", NULL},
    {policy_text, rules_text, "markets/FR.yaml", "change: [a]\n", "markets/FR.yaml", 1, 9,
     "expected a map of rules", NULL},
    {policy_text, rules_text, "markets/FR.yaml", "chnage: {}\n", "markets/FR.yaml", 1, 1,
     "has no key \"chnage\"", "did you mean \"change\"?"},
    {"name: x\nmarkets:\n  EU: { countries: [DE, FR] }\n  DACH: { countries: [DE, AT] }\n", "[]", NULL, NULL,
     "policy.yaml", 4, 3, "markets: DE is in two packs", "it is in EU at line 3"},
    {"name: x\nmarkets:\n  EU: { countries: [DE], zone: UTC }\n", "[]", NULL, NULL, "policy.yaml", 3, 7,
     "one of zone: and countries: is one too many", NULL},
    {"name: x\nmarkets:\n  Europe: { countries: [DE] }\n", "[]", NULL, NULL, "policy.yaml", 3, 3,
     "2 to 16 capital letters", NULL},
    {"name: x\nmarkets:\n  EU: { countries: [Germany] }\n", "[]", NULL, NULL, "policy.yaml", 3, 21,
     "expected a country", NULL},
    {policy_text,
     "- { id: r, version: 1, kind: frequency, of: {}, window: 7d, limit: 1, severity: low, local: { of: any "
     "} }\n",
     NULL, NULL, "conflicts.yaml", 1, 95, "of: is nothing that a market may change", NULL},
    {policy_text,
     "- { id: r, version: 1, kind: frequency, of: {}, window: 7d, limit: 1, severity: low, local: { limit: 3 "
     "} }\n",
     NULL, NULL, "conflicts.yaml", 1, 102, "limit: expected `any`, or the list", NULL},
    {policy_text,
     "- { id: r, version: 1, kind: frequency, of: {}, window: 7d, limit: 1, severity: low, local: { limit: "
     "[2, "
     "2.5] } }\n",
     NULL, NULL, "conflicts.yaml", 1, 106, "limit: expected a whole number", NULL},
};

Test(markets, mistakes_in_files)
{
    for (size_t i = 0; i < JD_COUNT(files); i++) {
        struct jd_diagnostics problems;
        scratch_done();
        scratch_text("policy.yaml", files[i].policy);
        scratch_text("conflicts.yaml", files[i].rules);
        if (files[i].file != NULL)
            scratch_text(files[i].file, files[i].text);
        jd_diagnostics_init(&problems);
        struct jd_policy *policy = jd_policy_load(scratch(), &problems);
        cr_expect_null(policy, "row %zu is taken", i);
        cr_expect_eq(problems.errors, 1, "row %zu: %u errors", i, problems.errors);
        cr_expect_not_null(find_problem(&problems, files[i].where, files[i].line, files[i].column,
                                        files[i].problem, files[i].hint),
                           "row %zu: %s", i, files[i].problem);
        jd_policy_free(policy);
        jd_diagnostics_done(&problems);
    }
}

Test(markets, plans_may_lapse_earlier)
{
    static const struct {
        const char *market;
        int64_t hours;
    } wanted[] = {{"DE", 12}, {"EU", 24}, {"FR", 24}};
    struct jd_diagnostics problems;
    struct jd_policy *policy = load("planned_grace: 24h\n", "planned_grace: 12h\n", &problems);
    cr_assert_not_null(policy);
    const struct jd_program *program = jd_policy_program(policy);
    cr_assert_eq(program->grace_count, JD_COUNT(wanted));
    for (size_t i = 0; i < JD_COUNT(wanted); i++) {
        cr_expect_text(program->graces[i].market, wanted[i].market);
        cr_expect_eq(program->graces[i].planned_grace_ms, wanted[i].hours * JD_HOUR);
    }
    jd_policy_free(policy);
    jd_diagnostics_done(&problems);
    policy = load("planned_grace: 12h\n", "planned_grace: 13h\n", &problems);
    cr_expect_null(policy);
    cr_expect_not_null(find_problem(&problems, "markets/DE.yaml", 1, 16, "looser", "its pack has 12h"));
    jd_diagnostics_done(&problems);
}

Test(markets, what_changes_nothing_is_warned_of)
{
    struct jd_diagnostics problems;
    struct jd_policy *policy = load("", "change:\n  calls-a-year: { limit: 5 }\n", &problems);
    cr_assert_not_null(policy);
    cr_expect_eq(problems.warnings, 1);
    cr_expect_not_null(
        find_problem(&problems, "markets/DE.yaml", 2, 19, "limit: 5 is what holds anyway", NULL));
    jd_policy_free(policy);
    jd_diagnostics_done(&problems);
}

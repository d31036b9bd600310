/* Warnings over all rules: each where it can be proved, and none beside it where it cannot. */
#include <string.h>

#include <criterion/criterion.h>

#include "base/str.h"
#include "support.h"

TestSuite(warnings, .timeout = 60);

#define R(id, more) "- { id: " id ", version: 1, severity: low, " more " }\n"
#define PAIR "kind: proximity, a: { role: msl }, b: { role: sales_rep }, "
#define COUNT "kind: frequency, of: { role: msl }, "

static const struct {
    const char *rules, *problem; /* NULL: no warning at all */
    uint32_t line, column;
} rows[] = {
    /* Never fires. */
    {R("r", PAIR "within: 1d, unless: { role: { not_in: [sales_rep, speaker] } }"),
     "can never fire: unless: leaves out every touch that matches a:", 1, 110},
    {R("r", PAIR "within: 1d, unless: [joint, { role: [sales_rep, speaker] }]"),
     "leaves out every touch that matches b:", 1, 110},
    {R("r", COUNT "limit: 1, window: 1d, unless: { role: { exists: true } }"), "that matches of:", 1, 0},
    {R("r", PAIR "within: 1d, unless: { role: msl, team: x }"), NULL, 0, 0},
    {R("r", "kind: requires, a: { role: msl }, b: { role: speaker }, within: 1d, unless: { role: msl }"),
     NULL, 0, 0},
    {R("r", "kind: requires, a: { role: msl }, b: { role: speaker }, within: 1d, unless: { role: speaker }"),
     "that matches b:", 1, 0},
    {R("r", "kind: absence, a: { role: msl }, b: { role: speaker }, within: 1d, unless: { role: speaker }"),
     NULL, 0, 0},
    {R("r", "kind: frequency, of: { team: [x, y] }, distinct: team, limit: 2, window: 1d"),
     "can never fire: there are at most 2 values to count", 1, 78},
    {R("r", "kind: frequency, of: { team: [x, y] }, distinct: team, at_least: 3, window: 1d"), "at most 2", 1,
     0},
    {R("r", "kind: frequency, of: { team: [x, y] }, distinct: team, at_least: 2, window: 1d"), NULL, 0, 0},
    {R("r", "kind: frequency, of: {}, same: team, distinct: team, limit: 1, window: 1d"), "at most 1", 1, 0},
    {R("r", "kind: frequency, of: { team: { ne: x } }, distinct: team, limit: 9, window: 1d"), NULL, 0, 0},
    {"- id: r\n  version: 1\n  kind: overlap\n  a: {}\n  b: {}\n  severity:\n"
     "    - { when: { phase: incident }, level: high }\n    - { when: { phase: incident }, level: low }\n"
     "    - { level: low }\n",
     "the case can never apply: the one at line 7 has the same conditions", 8, 9},
    /* What one asks for, another forbids. */
    {R("ask", "kind: requires, a: { role: msl }, b: { role: speaker }, within: 5d, same: team")
         R("no", "kind: proximity, a: { role: [msl, sales_rep] }, b: { role: speaker }, within: 7d"),
     "contradicts \"no\" (line 2)", 1, 3},
    {R("ask", "kind: absence, a: { role: msl }, b: { role: speaker }, within: 5d")
         R("no", "kind: sequence, a: { role: msl }, b: { role: speaker }, within: 5d"),
     "contradicts \"no\" (line 2)", 1, 3},
    {R("ask", "kind: absence, a: { role: msl }, b: { role: speaker }, within: 5d")
         R("no", "kind: sequence, a: { role: msl }, b: { role: speaker }, within: 4d"),
     NULL, 0, 0},
    {R("ask", "kind: requires, a: { role: msl }, b: { role: speaker }, within: 5d")
         R("no", "kind: proximity, a: { role: msl }, b: { role: speaker }, within: 7d, same: team"),
     NULL, 0, 0},
    {R("ask", "kind: requires, a: { role: msl }, b: { role: speaker }, within: 5d")
         R("no", "kind: sequence, a: { role: msl }, b: { role: speaker }, within: 7d"),
     NULL, 0, 0}, /* at the same instant both are kept */
    /* What one says, another says. */
    {R("all", PAIR "within: 2d")
         R("some", "kind: proximity, a: { role: msl, team: x }, b: { role: sales_rep }, within: 1d"),
     "whatever the rule raises, \"all\" (line 1) raises too", 2, 3},
    {R("a", PAIR "within: 2d") R("b", PAIR "within: 2d"), "\"a\" (line 1) raises too", 2, 3},
    {R("all", PAIR "within: 2d") R("some", PAIR "within: 3d"), "\"some\" (line 2) raises too", 1, 3},
    {R("all", PAIR "within: 2d") R("some", PAIR "within: 1d, mode: block"), NULL, 0, 0},
    {R("all", PAIR "within: 2d") R("some", PAIR "within: 1d, assignee: q"), NULL, 0, 0},
    {R("all", PAIR "within: 2d, same: team") R("some", PAIR "within: 1d"), NULL, 0, 0},
    {R("all", PAIR "within: 2d, valid_to: 2030-01-01") R("some", PAIR "within: 1d"), NULL, 0, 0},
    {R("all", PAIR "within: {days: 2}") R("some", PAIR "within: 1d"), NULL, 0, 0},
    {R("all", COUNT "limit: 2, window: 7d")
         R("some", "kind: frequency, of: { role: msl, team: x }, limit: 3, window: 7d"),
     "\"all\" (line 1) raises too", 2, 3},
    {R("all", COUNT "limit: 2, window: 7d") R("some", COUNT "limit: 1, window: 6d"), NULL, 0, 0},
    {R("all", "kind: budget, currency: EUR, of: {}, limit: 2, window: 7d")
         R("some", "kind: budget, currency: EUR, of: { role: msl }, limit: 3, window: 7d"),
     NULL, 0, 0}, /* an amount may be negative */
    {R("all", "kind: absence, a: { role: msl }, b: { role: speaker }, within: 2d")
         R("some", "kind: absence, a: { role: msl }, b: { role: speaker }, within: 3d"),
     "\"all\" (line 1) raises too", 2, 3},
    {R("all", "kind: absence, a: { role: msl }, b: {}, within: 2d")
         R("some", "kind: absence, a: { role: msl }, b: { role: speaker }, within: 3d"),
     NULL, 0, 0},
};

Test(warnings, each_where_it_can_be_proved)
{
    for (size_t i = 0; i < JD_COUNT(rows); i++) {
        struct jd_diagnostics problems;
        struct jd_policy *policy = compile_with("conflicts.yaml", jd_str_of(rows[i].rules), &problems);
        if (policy == NULL)
            jd_diagnostics_print(&problems, stderr);
        cr_expect_not_null(policy, "row %zu is refused:\n%s", i, rows[i].rules);
        cr_expect_eq(problems.warnings, rows[i].problem != NULL, "row %zu: %u warnings:\n%s", i,
                     problems.warnings, rows[i].rules);
        if (rows[i].problem != NULL)
            cr_expect_not_null(find_problem(&problems, "conflicts.yaml", rows[i].line, rows[i].column,
                                            rows[i].problem, NULL),
                               "row %zu", i);
        jd_policy_free(policy);
        jd_diagnostics_done(&problems);
    }
}

Test(warnings, what_is_declared_and_named_nowhere)
{
    struct jd_diagnostics problems;
    struct jd_policy *policy = compile_with("policy.yaml",
                                            JD_STR("name: x\ngroups:\n  g: { field: topic, sets: { a: [x] } "
                                                   "}\nmarkets:\n  EU: { countries: [DE] }\n"),
                                            &problems);
    cr_assert_not_null(policy);
    cr_expect_eq(problems.warnings, 2);
    cr_expect_not_null(find_problem(&problems, "policy.yaml", 3, 3, "no rule names the group \"g\"", NULL));
    cr_expect_not_null(
        find_problem(&problems, "policy.yaml", 5, 3, "the pack \"EU\" has no file markets/EU.yaml", NULL));
    jd_policy_free(policy);
    jd_diagnostics_done(&problems);
}

/* Mistakes in the tables of a policy, and in what rules ask of them: each is found, where it stands, in words that
 * help. */
#include <criterion/criterion.h>

#include "support.h"

TestSuite(tables, .fini = scratch_done, .timeout = 60);

#define HEAD "content_id,channel,product,function,from,until\n"

Test(tables, mistakes_in_content)
{
    static const struct mistake rows[] = {
        {"", 1, 1, "there is no column \"\"", NULL},
        {"content_id,chanel,product,function,from,until\n", 1, 12, "there is no column \"chanel\"",
         "did you mean \"channel\"?"},
        {"content_id,channel,product,function,from\n", 1, 1, "the column until is missing", NULL},
        {"content_id,channel,product,function,from,until,from\n", 1, 48, "from is there twice", NULL},
        {HEAD "c,email,p,commercial,2026-01-01\n", 2, 1, "the line has 5 cells; the header has 6", NULL},
        {HEAD "c,email,p,commercial,2026-01-01,,\n", 2, 1, "the line has 7 cells; the header has 6", NULL},
        {HEAD ",email,p,commercial,2026-01-01,\n", 2, 1, "content_id: expected a text", NULL},
        {HEAD "c,mails,p,commercial,2026-01-01,\n", 2, 3, "channel: expected a value",
         "did you mean \"mail\"?"},
        {HEAD "c,email,p,commerce,2026-01-01,\n", 2, 11, "function: expected a value", NULL},
        {HEAD "c,email,p,commercial,1.1.2026,\n", 2, 22, "from: expected a date", "the year first"},
        {HEAD "c,email,p,commercial,,\n", 2, 22, "since when does the line hold", NULL},
        {HEAD "c,email,p,commercial,2026-01-02,2026-01-01\n", 2, 33, "until: must be later than from", NULL},
        {HEAD "\"ü\",email,\"x\ny\",commercial,2026-01-01,\n", 2, 11, "product: expected a text", NULL},
        {HEAD "ok,email,p,commercial,2026-01-01,\n\"c,email\n", 3, 1, "opened here and never closed", NULL},
        {HEAD "c,em\"ail,p,commercial,2026-01-01,\n", 2, 5, "a quote inside a cell", NULL},
        {HEAD "\"c\"d,email,p,commercial,2026-01-01,\n", 2, 4, "after a closing quote", NULL},
    };
    check_mistakes("content.csv", "", "", rows, JD_COUNT(rows));
}

Test(tables, mistakes_in_calendars)
{
    static const struct mistake rows[] = {
        {"country,date,nam\n", 1, 14, "there is no column \"nam\"", "did you mean \"name\"?"},
        {"country,name\n", 1, 1, "the column date is missing", NULL},
        {"country,date\nFR,2026-12-25\n", 2, 1, "country: expected a country of markets:", "one of: DE, US"},
        {"country,date\n,2026-12-25\n", 2, 1, "country: expected a country of markets:", NULL},
        {"country,date\nDE,25.12.2026\n", 2, 4, "date: expected a date", NULL},
        {"country,date\nDE,2026-02-29\n", 2, 4, "date: expected a date", NULL},
        {"country,date\nDE,2026-12-25\nUS,2026-12-25\nDE,2026-12-25\n", 4, 4, "there twice", NULL},
    };
    check_mistakes("calendars.csv", "", "", rows, JD_COUNT(rows));
}

/* A policy with a table, and rules that go by it. */
static struct jd_policy *load_limits(const char *keys, const char *table, struct jd_diagnostics *problems)
{
    char rules[1024];
    (void)snprintf(
        rules, sizeof rules,
        "- { id: r, version: 1, kind: frequency, of: {}, severity: low,\n%s }\n"
        "- { id: fixed, version: 1, kind: frequency, of: {}, severity: low, window: 7d, limit: 2 }\n",
        keys);
    scratch_done();
    scratch_text("policy.yaml", small_policy);
    scratch_text("conflicts.yaml", rules);
    if (table != NULL)
        scratch_text("limits.csv", table);
    jd_diagnostics_init(problems);
    return jd_policy_load(scratch(), problems);
}

#define BY_TIER "window: 7d, limit: { table: limits, by: [tier] }"
#define LIMITS "rule,tier,limit,from,until\n"
#define GOOD "r,A,2,2026-01-01,\n"

Test(tables, mistakes_in_limits)
{
    static const struct {
        const char *keys, *table, *file;
        uint32_t line, column;
        const char *problem, *hint;
    } rows[] = {
        {"window: 7d, limit: { table: limit, by: [tier] }", LIMITS GOOD, "conflicts.yaml", 2, 29,
         "table: expected limits", NULL},
        {"window: 7d, limit: { table: limits }", LIMITS GOOD, "conflicts.yaml", 2, 20, "by: is missing",
         NULL},
        {"window: 7d, limit: { table: limits, by: [] }", LIMITS GOOD, "conflicts.yaml", 2, 41,
         "the list is empty", NULL},
        {"window: 7d, limit: { table: limits, by: [teir] }", LIMITS GOOD, "conflicts.yaml", 2, 42,
         "neither touch nor profile has a field \"teir\"", "did you mean \"tier\"?"},
        {"window: 7d, limit: { table: limits, by: [segments] }", LIMITS GOOD, "conflicts.yaml", 2, 42,
         "segments holds a list", NULL},
        {"window: 7d, limit: { table: limits, by: [amount] }", LIMITS GOOD, "conflicts.yaml", 2, 42,
         "amount is no text", NULL},
        {"window: 7d, limit: { table: limits, by: [team] }", LIMITS GOOD, "conflicts.yaml", 1, 3,
         "limits.csv has no column for team", NULL},
        {"window: { table: limits, by: [tier] }, limit: 2", LIMITS GOOD, "conflicts.yaml", 1, 3,
         "no column within", NULL},
        {"window: { table: limits, by: [tier] }, limit: { table: limits, by: [team] }",
         "rule,tier,team,limit,within,from,until\n", "conflicts.yaml", 2, 47, "by the same fields", NULL},
        {"period: month, limit: { table: limits, by: [team] }",
         "rule,team,limit,from,until\nr,x,2,2026-01-01,\n", "conflicts.yaml", 1, 3,
         "over a period, team must be in same:", NULL},
        {"period: from_first, limit: 2, window: { table: limits, by: [tier] }",
         "rule,tier,within,from,until\nr,A,2d,2026-01-01,\n", "conflicts.yaml", 1, 3,
         "does not come from a table", NULL},
        {BY_TIER, NULL, "conflicts.yaml", 2, 29, "no file limits.csv", NULL},
        {BY_TIER, "rule,teir,limit,from,until\n", "limits.csv", 1, 6, "there is no column \"teir\"", NULL},
        {BY_TIER, "tier,limit,from,until\n", "limits.csv", 1, 1, "the column rule is missing", NULL},
        {BY_TIER, LIMITS "r,,2,2026-01-01,\n", "limits.csv", 2, 3, "tier: is empty, but rule r goes by it",
         NULL},
        {BY_TIER, LIMITS "r,A,2.5,2026-01-01,\n", "limits.csv", 2, 5, "limit: expected a whole number", NULL},
        {BY_TIER, LIMITS "r,A,two,2026-01-01,\n", "limits.csv", 2, 5, "limit: expected a decimal number",
         NULL},
        {BY_TIER, LIMITS "r,A,-2,2026-01-01,\n", "limits.csv", 2, 5, "not negative", NULL},
        {BY_TIER, LIMITS "r,A,2,,\n", "limits.csv", 2, 7, "since when does the line hold", NULL},
        {BY_TIER, LIMITS "r,A,2,2026-01-02,2026-01-01\n", "limits.csv", 2, 18, "later than from", NULL},
        {BY_TIER, LIMITS "r,A,2,2026-01-01,2026-03-01\nr,A,3,2026-02-28,\n", "limits.csv", 3, 7,
         "overlaps with line 2", NULL},
        {BY_TIER, LIMITS "r,A,2,2026-01-01,\nr,A,3,2027-01-01,\n", "limits.csv", 3, 7, "overlaps with line 2",
         NULL},
        {BY_TIER, LIMITS GOOD "fixd,A,2,2026-01-01,\n", "limits.csv", 3, 1,
         "rule: expected the id of a rule that takes", NULL},
        {BY_TIER, LIMITS GOOD "fixed,A,2,2026-01-01,\n", "limits.csv", 3, 1,
         "rule: expected the id of a rule that takes", NULL},
        {BY_TIER, "rule,tier,team,limit,from,until\nr,A,x,2,2026-01-01,\n", "limits.csv", 2, 5,
         "team: rule r does not go by it", NULL},
        {BY_TIER, "rule,tier,limit,within,from,until\nr,A,2,3d,2026-01-01,\n", "limits.csv", 2, 7,
         "does not take its window from here", NULL},
        {"window: { table: limits, by: [channel] }, limit: 2",
         "rule,channel,within,from,until\nr,emial,3d,2026-01-01,\n", "limits.csv", 2, 3,
         "channel: expected a value", "did you mean \"email\"?"},
        {"window: { table: limits, by: [channel] }, limit: 2",
         "rule,channel,within,from,until\nr,email,3,2026-01-01,\n", "limits.csv", 2, 9,
         "within: expected a span of time", NULL},
        {"window: { table: limits, by: [channel] }, limit: 2",
         "rule,channel,within,from,until\nr,email,0h,2026-01-01,\n", "limits.csv", 2, 9,
         "longer than nothing", NULL},
        {"window: { table: limits, by: [on_label] }, limit: 2",
         "rule,on_label,within,from,until\nr,yes,3d,2026-01-01,\n", "limits.csv", 2, 3,
         "on_label: expected true or false", NULL},
    };
    for (size_t i = 0; i < JD_COUNT(rows); i++) {
        struct jd_diagnostics problems;
        struct jd_policy *policy = load_limits(rows[i].keys, rows[i].table, &problems);
        cr_expect_null(policy, "row %zu is taken", i);
        cr_expect_not_null(find_problem(&problems, rows[i].file, rows[i].line, rows[i].column,
                                        rows[i].problem, rows[i].hint),
                           "row %zu", i);
        jd_policy_free(policy);
        jd_diagnostics_done(&problems);
    }
}

#define BLACKOUT "market,channel,product,reason,from,until\n"
#define QUIET "market,channel,days,starts,ends,from,until\n"
#define ALIGNMENT "hcp_id,account_id,actor,function,product,deputy,from,until\n"

Test(tables, mistakes_in_tables_of_facts)
{
    static const struct mistake blackouts[] = {
        {"country,channel,product,reason,from,until\n", 1, 1, "there is no column \"country\"", NULL},
        {"market,channel,product,from,until\n", 1, 1, "the column reason is missing", NULL},
        {BLACKOUT "Germany,,,recall,2026-01-01,\n", 2, 1, "market: expected a country (DE)", NULL},
        {BLACKOUT "US_NY,,,recall,2026-01-01,\n", 2, 1, "market: expected a country (DE)", NULL},
        {BLACKOUT ",mial,,recall,2026-01-01,\n", 2, 2, "channel: expected a value", "did you mean \"mail\"?"},
        {BLACKOUT ",,,,2026-01-01,\n", 2, 4, "reason: expected a text", NULL},
        {BLACKOUT ",,,recall,1.1.2026,\n", 2, 11, "from: expected a date", "the year first"},
        {BLACKOUT ",,,recall,2026-01-02,2026-01-02\n", 2, 22, "until: must be later than from", NULL},
    };
    check_mistakes("blackouts.csv", "", "", blackouts, JD_COUNT(blackouts));
    static const struct mistake quiet[] = {
        {QUIET ",,saturday,20:00,08:00,2026-01-01,\n", 2, 3, "days: expected days of the week",
         "one of: mon, tue"},
        {QUIET ",,sat||sun,20:00,08:00,2026-01-01,\n", 2, 3, "days: expected days of the week", NULL},
        {QUIET ",,,8pm,08:00,2026-01-01,\n", 2, 4, "starts: expected a time of day", NULL},
        {QUIET ",,,20:00,24:01,2026-01-01,\n", 2, 10, "ends: expected a time of day", NULL},
        {QUIET ",,,20:00,,2026-01-01,\n", 2, 10, "ends: expected a time of day", NULL},
        {QUIET ",,,08:00,08:00,2026-01-01,\n", 2, 10, "ends: is when it starts", "00:00 to 24:00"},
    };
    check_mistakes("quiet_hours.csv", "", "", quiet, JD_COUNT(quiet));
    static const struct mistake alignment[] = {
        {ALIGNMENT ",,ann,commercial,,,2026-01-01,\n", 2, 1, "neither a physician nor an account",
         "hcp_id or"},
        {ALIGNMENT "h,c,ann,commercial,,,2026-01-01,\n", 2, 3, "a physician and an account", "two lines"},
        {ALIGNMENT "h,,,commercial,,,2026-01-01,\n", 2, 4, "actor: expected a text", NULL},
        {ALIGNMENT "h,,ann,,,,2026-01-01,\n", 2, 8, "function: expected commercial, medical or other", NULL},
        {ALIGNMENT "h,,ann,comercial,,,2026-01-01,\n", 2, 8, "function: expected a value", "\"commercial\""},
        {ALIGNMENT "h,,ann,commercial,,yes,2026-01-01,\n", 2, 20, "deputy: expected true or false", NULL},
    };
    check_mistakes("alignment.csv", "", "", alignment, JD_COUNT(alignment));
}

Test(tables, mistakes_in_tables_of_actors_accounts_and_products)
{
    static const struct mistake rows[] = {
        {"actr,from,until,x y\n", 1, 17, "there is no column \"x y\"", NULL},
        {"grade,from,until\n", 1, 1, "the column actor is missing", NULL},
        {"actor,grade,grade,from,until\n", 1, 13, "grade is there twice", NULL},
        {"actor,grade,from,until\n,1,2026-01-01,\n", 2, 1, "actor: expected a text", NULL},
        {"actor,grade,from,until\nann,1||2,2026-01-01,\n", 2, 5, "grade: expected a text", NULL},
        {"actor,grade,from,until\nann,1,,\n", 2, 7, "since when does the line hold", NULL},
        {"actor,grade,from,until\nann,1,2026-01-01,2026-03-01\nann,2,2026-02-01,\n", 3, 7,
         "the line overlaps with line 2", "end that one"},
        {"actor,grade,from,until\nann,1,2026-01-01,\nann,2,2026-02-01,\n", 3, 7,
         "the line overlaps with line 2", NULL},
    };
    check_mistakes("actors.csv", "", "", rows, JD_COUNT(rows));
}

Test(tables, mistakes_in_what_is_asked_of_tables)
{
    static const struct {
        const char *require, *problem, *hint;
        uint32_t column;
    } rows[] = {
        {"products.for: x", "the policy has no file products.csv that could be read",
         "product,from,until,for", 77},
        {"actors.trained: x", "actors.csv has no column \"trained\"", "did you mean \"actors.rained\"?", 77},
        {"profile.tier: { in: actors.grad }", "actors.csv has no column \"grad\"", "\"actors.grade\"", 97},
        {"quantity: { in: actors.grade }", "quantity: is no text that a table could list", "indication", 89},
        {"quiet_hours: loud", "quiet_hours: expected what it may come to", "quiet", 90},
        {"actors.grade: { lt: 2 }", "lt", NULL, 0},
    };
    for (size_t i = 0; i < JD_COUNT(rows); i++) {
        char text[512];
        struct jd_diagnostics problems;
        scratch_done();
        scratch_text("policy.yaml", "name: x\n");
        scratch_text("actors.csv", "actor,rained,grade,from,until\nann,y,1,2026-01-01,\n");
        (void)snprintf(text, sizeof text,
                       "- { id: r, version: 1, kind: eligibility, severity: low, of: {}, require: { %s } }\n",
                       rows[i].require);
        scratch_text("conflicts.yaml", text);
        jd_diagnostics_init(&problems);
        struct jd_policy *policy = jd_policy_load(scratch(), &problems);
        cr_expect_null(policy, "row %zu is taken", i);
        cr_expect_not_null(
            find_problem(&problems, "conflicts.yaml", 1, rows[i].column, rows[i].problem, rows[i].hint),
            "row %zu", i);
        jd_policy_free(policy);
        jd_diagnostics_done(&problems);
    }
}

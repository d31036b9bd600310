/* What another policy changes, and what it leaves as it was. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "policy/policy.h"
#include "support.h"

#define RULE_A                                                                                               \
    "- { id: a, version: 1, kind: proximity, a: { role: msl }, b: {}, within: 7d, severity: low }\n"
#define RULE_B                                                                                               \
    "- { id: b, version: 1, kind: proximity, a: { role: msl }, b: {}, within: 7d, severity: low }\n"
#define CHANNELS "channels: [ { channel: phone, consent: { default: opt_out } } ]\n"

static struct jd_policy *policy_there(void)
{
    struct jd_diagnostics problems;
    jd_diagnostics_init(&problems);
    struct jd_policy *made = jd_policy_load(scratch(), &problems);
    if (made == NULL)
        jd_diagnostics_print(&problems, stderr);
    jd_diagnostics_done(&problems);
    cr_assert_not_null(made);
    return made;
}

static struct jd_policy *policy_of(const char *policy, const char *rules, const char *channels)
{
    scratch_done();
    scratch_text("policy.yaml", policy);
    scratch_text("conflicts.yaml", rules);
    scratch_text("channels.yaml", channels);
    return policy_there();
}

Test(digest, of_rules_and_channels)
{
    const struct {
        const char *what, *policy, *rules, *channels;
        bool a, b, c; /* rule a, rule b, channels: as before */
    } rows[] = {
        {"the same", "name: x\n", RULE_A RULE_B, CHANNELS, true, true, true},
        {"another name", "name: y\n", RULE_A RULE_B, CHANNELS, true, true, true},
        {"another order, a comment", "name: x\n", RULE_B "# here\n" RULE_A, CHANNELS, true, true, true},
        {"another order of keys", "name: x\n",
         "- { version: 1, id: a, kind: proximity, b: {}, a: { role: \"msl\" }, within: 7d, severity: low "
         "}\n" RULE_B,
         CHANNELS, true, true, true},
        {"a window", "name: x\n",
         "- { id: a, version: 1, kind: proximity, a: { role: msl }, b: {}, within: 8d, severity: low "
         "}\n" RULE_B,
         CHANNELS, false, true, true},
        {"channels", "name: x\n", RULE_A RULE_B,
         "channels: [ { channel: phone, consent: { default: opt_in } } ]\n", true, true, false},
        {"times", "name: x\nplanned_grace: 1d\n", RULE_A RULE_B, CHANNELS, false, false, false},
        {"a zone", "name: x\nzone: Europe/Berlin\n", RULE_A RULE_B, CHANNELS, false, false, false},
    };
    struct jd_policy *first = policy_of(rows[0].policy, rows[0].rules, rows[0].channels);
    const struct jd_program *before = jd_policy_program(first);
    cr_assert_neq(before->rules[0].digest, before->rules[1].digest, "ids differ");
    for (size_t i = 0; i < JD_COUNT(rows); i++) {
        struct jd_policy *policy = policy_of(rows[i].policy, rows[i].rules, rows[i].channels);
        const struct jd_program *after = jd_policy_program(policy);
        cr_expect_eq(after->rules[0].digest == before->rules[0].digest, rows[i].a, "%s: a", rows[i].what);
        cr_expect_eq(after->rules[1].digest == before->rules[1].digest, rows[i].b, "%s: b", rows[i].what);
        cr_expect_eq(after->channels_digest == before->channels_digest, rows[i].c, "%s: channels",
                     rows[i].what);
        jd_policy_free(policy);
    }
    jd_policy_free(first);
    scratch_done();
}

#define TWICE "channels: [ { channel: phone, double_opt_in: true, consent: { default: opt_out } } ]\n"
#define HEADER "rule,tier,limit,within,from,until\n"
#define LINE_L "l,A,3,,2026-01-01,\nl,B,5,,2026-01-01,\n"
#define LINE_M "m,A,,2d,2026-01-01,\n"
#define HOLIDAY "country,date,name\nDE,2026-12-25,Christmas\n"

static struct jd_policy *with_tables(const char *limits, const char *calendars, const char *contents,
                                     const char *channels)
{
    scratch_done();
    scratch_text("policy.yaml", "name: x\nmarkets: { DE: { zone: Europe/Berlin } }\n");
    scratch_text("channels.yaml", channels);
    scratch_text("conflicts.yaml", RULE_A
                 "- { id: d, version: 1, kind: absence, a: { role: msl }, b: { role: sales_rep }, "
                 "within: 5bd, severity: low }\n"
                 "- { id: e, version: 1, kind: eligibility, of: {}, require: { content: approved }, "
                 "severity: low }\n"
                 "- { id: l, version: 1, kind: frequency, of: {}, window: 30d, "
                 "limit: { table: limits, by: [tier] }, severity: low }\n"
                 "- { id: m, version: 1, kind: proximity, a: { role: msl }, b: {}, "
                 "within: { table: limits, by: [tier] }, severity: low }\n"
                 "- { id: s, version: 1, kind: absence, subject: consent, lead: 30d, severity: low }\n");
    scratch_text("limits.csv", limits);
    scratch_text("calendars.csv", calendars);
    scratch_text("content.csv", contents);
    return policy_there();
}

/* Of tables only the rules count that read what changed. */
Test(digest, of_tables)
{
    static const char contents[] = "content_id,channel,product,function,from,until\nc,,,,2026-01-01,\n";
    const struct {
        const char *what, *limits, *calendars, *contents, *changed; /* the ids of rules */
        bool channels;                                              /* as before */
    } rows[] = {
        {"the same", HEADER LINE_L LINE_M, HOLIDAY, contents, "", true},
        {"another order", HEADER LINE_M LINE_L, HOLIDAY, contents, "", true},
        {"a limit", HEADER "l,A,4,,2026-01-01,\nl,B,5,,2026-01-01,\n" LINE_M, HOLIDAY, contents, "l", true},
        {"a line that ends", HEADER LINE_L "m,A,,2d,2026-01-01,2027-01-01\n", HOLIDAY, contents, "m", true},
        {"a line more", HEADER LINE_L LINE_M "m,B,,3d,2026-01-01,\n", HOLIDAY, contents, "m", true},
        {"business days", HEADER LINE_L "m,A,,2bd,2026-01-01,\n", HOLIDAY, contents, "m", true},
        {"a holiday", HEADER LINE_L LINE_M, HOLIDAY "DE,2026-12-26,Christmas\n", contents, "d", true},
        {"content", HEADER LINE_L LINE_M, HOLIDAY,
         "content_id,channel,product,function,from,until\nc,,,,2026-01-02,\n", "e", false},
        {"a confirmation", HEADER LINE_L LINE_M, HOLIDAY, contents, "s", false},
    };
    struct jd_policy *first = with_tables(rows[0].limits, rows[0].calendars, rows[0].contents, CHANNELS);
    const struct jd_program *before = jd_policy_program(first);
    for (size_t i = 0; i < JD_COUNT(rows); i++) {
        struct jd_policy *policy = with_tables(rows[i].limits, rows[i].calendars, rows[i].contents,
                                               strcmp(rows[i].changed, "s") == 0 ? TWICE : CHANNELS);
        const struct jd_program *after = jd_policy_program(policy);
        char changed[8] = "";
        for (uint32_t r = 0; r < after->rule_count; r++)
            if (after->rules[r].digest != before->rules[r].digest)
                strncat(changed, after->rules[r].id.ptr, 1);
        cr_expect_str_eq(changed, rows[i].changed, "%s: %s", rows[i].what, changed);
        cr_expect_eq(after->channels_digest == before->channels_digest, rows[i].channels, "%s: channels",
                     rows[i].what);
        jd_policy_free(policy);
    }
    jd_policy_free(first);
    scratch_done();
}

/* Of what `require:` may ask, a rule counts what it asks for. */
Test(digest, of_what_a_rule_requires)
{
    static const struct {
        const char *name, *text;
    } files[] = {
        {"policy.yaml", "name: x\n"},
        {"channels.yaml", CHANNELS},
        {"conflicts.yaml",
         "- { id: a, version: 1, kind: eligibility, of: {}, require: { blackout: none }, severity: low }\n"
         "- { id: b, version: 1, kind: eligibility, of: {}, require: { not: { quiet_hours: quiet } }, "
         "severity: low }\n"
         "- { id: c, version: 1, kind: eligibility, of: {}, require: { aligned: true }, severity: low }\n"
         "- { id: d, version: 1, kind: eligibility, of: {}, require: { actors.trained: y }, severity: low }\n"
         "- { id: e, version: 1, kind: eligibility, of: {}, require: { profile.specialty: { in: products.for "
         "} }, "
         "severity: low }\n"
         "- { id: f, version: 1, kind: eligibility, of: {}, require: { consent: granted }, severity: low }\n"
         "- { id: g, version: 1, kind: overlap, a: {}, b: {}, assignee: { owner: commercial, else: q }, "
         "severity: low }\n"},
        {"blackouts.csv", "market,channel,product,reason,from,until\n,,,recall,2026-01-01,\n"},
        {"quiet_hours.csv",
         "market,channel,days,starts,ends,from,until\n,,sat|sun,00:00,24:00,2026-01-01,\n"},
        {"alignment.csv", "hcp_id,actor,function,from,until\nh,ann,commercial,2026-01-01,\n"},
        {"actors.csv", "actor,trained,grade,from,until\nann,y,1,2026-01-01,\n"},
        {"accounts.csv", "account_id,visits,from,until\nc,open,2026-01-01,\n"},
        {"products.csv", "product,for,from,until\np,x|y,2026-01-01,\n"},
    };
    static const struct {
        const char *name, *text, *changed;
    } rows[] = {
        {"policy.yaml", "name: y\n", ""},
        {"blackouts.csv", "market,channel,product,reason,from,until\n,,,recall,2026-01-02,\n", "a"},
        {"quiet_hours.csv", "market,channel,days,starts,ends,from,until\n,,sun,00:00,24:00,2026-01-01,\n",
         "b"},
        {"alignment.csv", "hcp_id,actor,function,from,until\nh,ben,commercial,2026-01-01,\n", "cg"},
        {"actors.csv", "actor,trained,grade,from,until\nann,n,1,2026-01-01,\n", "d"},
        {"actors.csv", "actor,grade,trained,from,until\nann,2,y,2026-01-01,\n", ""},
        {"accounts.csv", "account_id,visits,from,until\nc,closed,2026-01-01,\n", ""},
        {"products.csv", "product,for,from,until\np,y | x,2026-01-01,\n", ""},
        {"products.csv", "product,for,from,until\np,x,2026-01-01,\n", "e"},
        {"channels.yaml", TWICE, "f"},
    };
    scratch_done();
    for (size_t f = 0; f < JD_COUNT(files); f++)
        scratch_text(files[f].name, files[f].text);
    struct jd_policy *first = policy_there();
    const struct jd_program *before = jd_policy_program(first);
    for (size_t i = 0; i < JD_COUNT(rows); i++) {
        for (size_t f = 0; f < JD_COUNT(files); f++)
            scratch_text(files[f].name,
                         strcmp(files[f].name, rows[i].name) == 0 ? rows[i].text : files[f].text);
        struct jd_policy *policy = policy_there();
        const struct jd_program *after = jd_policy_program(policy);
        char changed[8] = "";
        for (uint32_t r = 0; r < after->rule_count; r++)
            if (after->rules[r].digest != before->rules[r].digest)
                strncat(changed, after->rules[r].id.ptr, 1);
        cr_expect_str_eq(changed, rows[i].changed, "row %zu: %s", i, changed);
        jd_policy_free(policy);
    }
    jd_policy_free(first);
    scratch_done();
}

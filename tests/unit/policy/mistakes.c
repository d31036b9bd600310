/* Mistakes in a policy: each is found, where it stands, in words that help. */
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/str.h"
#include "policy/policy.h"
#include "support.h"

TestSuite(mistakes, .fini = scratch_done, .timeout = 60);

/* ---- every key: missing, empty, of a wrong type, misspelt, twice -------------------------------- */

struct line {
    const char *indent, *key, *value;
    bool required;
};

static const struct line rule_lines[] = {
    {"- ", "id", "r", true},
    {"  ", "version", "1", true},
    {"  ", "kind", "proximity", true},
    {"  ", "a", "{ role: sales_rep }", true},
    {"  ", "b", "{ role: msl }", true},
    {"  ", "same", "[team]", false},
    {"  ", "different", "[actor]", false},
    {"  ", "within", "7d", true},
    {"  ", "unless", "joint", false},
    {"  ", "mode", "alert", false},
    {"  ", "scope", "hcp", false},
    {"  ", "severity", "high", true},
    {"  ", "valid_from", "2026-01-01", false},
    {"  ", "valid_to", "2027-01-01", false},
    {"  ", "citation", "c", false},
    {"  ", "jurisdiction", "DE", false},
    {"  ", "remedy", "x", false},
    {"  ", "assignee", "y", false},
};
static const struct line policy_lines[] = {
    {"", "name", "p", true},
    {"", "allowed_lateness", "30d", false},
    {"", "max_ahead", "1y", false},
    {"", "planned_grace", "2d", false},
    {"", "joint_within", "4h", false},
    {"", "zone", "UTC", false},
    {"", "zones", "[Europe/Berlin]", false},
    {"", "markets", "{ DE: { zone: UTC } }", false},
    {"", "groups", "{ g: { field: topic, sets: { a: [x] } } }", false},
    {"", "keys", "{ campaign: campaign_id }", false},
};
static const struct line channel_lines[] = {
    {"channels:\n  - ", "channel", "email", true},    {"    ", "needs_content", "true", false},
    {"    ", "double_opt_in", "true", false},         {"    ", "propose", "true", false},
    {"    ", "consent", "{ default: opt_in }", true},
};

enum change { LEAVE_OUT, EMPTY, NEST, MISSPELL, REPEAT, CHANGE_COUNT };

static void write_lines(char *out, size_t size, const struct line *lines, size_t count, size_t at,
                        enum change change)
{
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        enum change here = i == at ? change : CHANGE_COUNT;
        const char *value = here == EMPTY ? "" : here == NEST ? "[[[x]]]" : lines[i].value;
        if (here == LEAVE_OUT && lines[i].indent[0] != '\0' && i == 0)
            used += (size_t)snprintf(out + used, size - used, "%s# left out\n", lines[i].indent);
        else if (here != LEAVE_OUT)
            used += (size_t)snprintf(out + used, size - used, "%s%s%s: %s\n", lines[i].indent, lines[i].key,
                                     here == MISSPELL ? "q" : "", value);
        if (here == REPEAT)
            used += (size_t)snprintf(out + used, size - used, "%*s%s: %s\n",
                                     i == 0 ? (int)strlen(lines[1].indent) : (int)strlen(lines[i].indent), "",
                                     lines[i].key, value);
    }
}

static void check_lines(const char *file, const struct line *lines, size_t count)
{
    uint32_t first = lines[0].indent[0] == 'c' ? 2 : 1; /* the line that lines[0] stands in */
    uint32_t column = (uint32_t)strlen(lines[1].indent) + 1;
    for (size_t i = 0; i < count; i++)
        for (int change = 0; change < CHANGE_COUNT; change++) {
            char text[2048];
            struct jd_diagnostics problems;
            write_lines(text, sizeof text, lines, count, i, (enum change)change);
            struct jd_policy *policy = load_with(file, text, &problems);
            uint32_t line = first + (uint32_t)i + (change == REPEAT);
            const char *problem = change == LEAVE_OUT ? "is missing"
                                  : change == EMPTY   ? "has no value"
                                  : change == NEST    ? ""
                                  : change == REPEAT  ? "is written twice"
                                                      : "has no key";
            char hint[64] = "";
            if (change == MISSPELL)
                (void)snprintf(hint, sizeof hint, "did you mean \"%s\"?", lines[i].key);
            if (change == LEAVE_OUT && !lines[i].required) {
                cr_expect_not_null(policy, "%s without %s is refused", file, lines[i].key);
            } else {
                cr_expect_null(policy, "%s is taken:\n%s", file, text);
                const struct jd_problem *found =
                    find_problem(&problems, file, change == LEAVE_OUT ? 0 : line,
                                 change == LEAVE_OUT || change == NEST ? 0 : column, problem,
                                 change == MISSPELL && strlen(lines[i].key) > 1 ? hint : NULL);
                cr_expect_not_null(found, "%s: %s, change %d:\n%s", file, lines[i].key, change, text);
                cr_expect(found == NULL || strstr(found->text.ptr, lines[i].key) != NULL || change == NEST,
                          "the key is named");
            }
            jd_policy_free(policy);
            jd_diagnostics_done(&problems);
        }
}

Test(mistakes, every_key_of_a_rule)
{
    check_lines("conflicts.yaml", rule_lines, JD_COUNT(rule_lines));
}

Test(mistakes, every_key_of_the_policy)
{
    check_lines("policy.yaml", policy_lines, JD_COUNT(policy_lines));
}

Test(mistakes, every_key_of_a_channel)
{
    check_lines("channels.yaml", channel_lines, JD_COUNT(channel_lines));
}

/* ---- values ------------------------------------------------------------------------------------- */

Test(mistakes, in_rules)
{
    /* Each stands alone in line 2 of a rule that is right but for it. */
    static const struct mistake rows[] = {
        {"version: one", 2, 12, "expected a whole number, found \"one\"", NULL},
        {"version: 0", 2, 12, "0 is out of range", "allowed: 1 to"},
        {"version: 1.5", 2, 12, "expected a whole number", NULL},
        {"version: -1", 2, 12, "out of range", NULL},
        {"kind: proximty", 2, 9, "there is no kind \"proximty\"", "did you mean \"proximity\"?"},
        {"limit: 3", 2, 3, "limit: is not taken by kind proximity", NULL},
        {"who: {}", 2, 3, "who: is not taken by kind proximity", NULL},
        {"link: answers", 2, 9, "link: expected responds_to", NULL},
        {"axis: recorded_at", 2, 3, "axis: is not taken by kind proximity", "frequency, budget"},
        {"over: { rule: x, of: a }", 2, 3, "over: is not taken by kind proximity", "frequency"},
        {"within: 7", 2, 11, "expected a span of time", "write the unit: 7h or 7d"},
        {"within: -7d", 2, 11, "expected a span of time", NULL},
        {"within: 7 d", 2, 11, "expected a span of time", NULL},
        {"within: 1.5d", 2, 11, "expected a span of time", NULL},
        {"within: week", 2, 11, "expected a span of time", NULL},
        {"within: 101y", 2, 11, "out of range", "at most 100 years"},
        {"within: 36601d", 2, 11, "out of range", NULL},
        {"within: 99999999999999999999d", 2, 11, "expected a span of time", NULL},
        {"within: { weeks: 1 }", 2, 11, "expected a span of time", NULL},
        {"within: { days: 1, months: 1 }", 2, 11, "expected a span of time", NULL},
        {"within: { days: -1 }", 2, 11, "expected a span of time", NULL},
        {"within: bd", 2, 11, "expected a span of time", NULL},
        {"within: 1001bd", 2, 11, "out of range", "at most 1000 business days"},
        {"within: { business_days: -1 }", 2, 11, "expected a span of time", NULL},
        {"scope: actor\n  assignee: { owner: medical }", 3, 13,
         "owner: is for rules about touches of one physician or", NULL},
        {"assignee: { owner: medcal }", 2, 22, "expected commercial, medical or other",
         "did you mean \"medical\"?"},
        {"assignee: [x]", 2, 13, "expected", NULL},
        {"mode: alarm", 2, 9, "expected shadow, alert or block", "did you mean \"alert\"?"},
        {"scope: acount", 2, 10, "expected hcp, account, actor, engagement_id or one",
         "did you mean \"account\"?"},
        {"scope: [hcp]", 2, 10, "expected hcp, account, actor", NULL},
        {"scope: actor\n  mode: block", 3, 9, "not supported by this version with a scope other than hcp",
         NULL},
        {"severity: hihg", 2, 13, "expected info, low, medium, high or critical", "did you mean \"high\"?"},
        {"severity: []", 2, 13, "the list is empty", NULL},
        {"severity: [{ level: high, when: { phase: incident } }]", 2, 14, "the last case must hold always",
         NULL},
        {"severity: [{ level: high }, { level: low }]", 2, 14, "only the last case has no when", NULL},
        {"severity: [{ level: low, levle: high }]", 2, 28, "has no key \"levle\"", "did you mean \"level\"?"},
        {"severity: [{ when: {}, level: low }, { level: low }]", 2, 22, "when: is empty", NULL},
        {"severity: [{ when: { phase: planned }, level: low }, { level: low }]", 2, 31,
         "expected preventable or incident", NULL},
        {"severity: [{ when: { limit: 2 }, level: low }, { level: low }]", 2, 24, "has no key \"limit\"",
         NULL},
        {"same: []", 2, 9, "the list is empty", NULL},
        {"same: taem", 2, 9, "a touch has no field \"taem\"", "did you mean \"team\"?"},
        {"same: [team, team]", 2, 16, "the field is named twice", NULL},
        {"same: { any: [team] }", 2, 9, "expected a field, or a list of fields", NULL},
        {"different: { all: [team] }", 2, 14, "expected a field, a list of fields, or {any: [fields]}", NULL},
        {"different: key_messages", 2, 14, "lists are only compared by same:", NULL},
        {"unless: joined", 2, 11, "expected `joint`", NULL},
        {"unless: [joint, joint]", 2, 19, "written twice", NULL},
        {"unless: [{}]", 2, 12, "would leave out every touch", NULL},
        {"unless: []", 2, 11, "the list is empty", NULL},
        {"valid_from: 2026-02-30", 2, 15, "expected a date", NULL},
        {"valid_from: 2026-01-01T00:00:00", 2, 15, "expected a date", NULL},
        {"valid_from: tomorrow", 2, 15, "expected a date", NULL},
        {"valid_from: 2027-01-01\n  valid_to: 2026-01-01", 3, 13, "must be later than valid_from", NULL},
        {"citation: ''", 2, 13, "expected one line of text", NULL},
        {"citation: \"a\\nb\"", 2, 13, "expected one line of text", NULL},
        {"id: 'a b'", 2, 7, "expected a name", NULL},
        {"a: sales_rep", 2, 6, "expected a selector", NULL},
        {"a: { rol: msl }", 2, 8, "a touch has no field \"rol\"", "did you mean \"role\"?"},
        {"a: { role: msll }", 2, 14, "a value of its closed list, found \"msll\"", "did you mean \"msl\"?"},
        {"a: { role: [msl, reps] }", 2, 20, "a value of its closed list", NULL},
        {"a: { role: [] }", 2, 14, "nothing could match", NULL},
        {"a: { role: }", 2, 8, "has no value", "exists"},
        {"a: { role: { not: msl } }", 2, 16, "there is no comparison \"not\"", "did you mean \"not_in\"?"},
        {"a: { role: { gt: msl } }", 2, 20, "only numbers and times are compared", NULL},
        {"a: { role: {} }", 2, 14, "expected a value, a list or a comparison", NULL},
        {"a: { team: { exists: maybe } }", 2, 24, "expected true or false", NULL},
        {"a: { amount: ten }", 2, 16, "expected a decimal number", NULL},
        {"a: { amount: { gt: 1e400 } }", 2, 22, "expected a decimal number", NULL},
        {"a: { quantity: 1.5 }", 2, 18, "expected a whole number", NULL},
        {"a: { on_label: 1 }", 2, 18, "expected true or false", NULL},
        {"a: { time: 2026-01-01 }", 2, 14, "times are compared with lt, le, gt and ge", NULL},
        {"a: { time: { in: 2026-01-01 } }", 2, 16, "times are compared with lt, le, gt and ge", NULL},
        {"a: { time: { gt: today } }", 2, 20, "expected a date", NULL},
        {"a: { type: no.such.type }", 2, 8, "no event type is named", NULL},
        {"a: { outcome: read }", 2, 17, "a value of its closed list", NULL},
        {"a: { attributes: x }", 2, 8, "a touch has no field", NULL},
        {"a: [role, msl]", 2, 6, "expected a selector", NULL},
    };
    for (size_t i = 0; i < JD_COUNT(rows); i++) {
        char text[2048];
        struct jd_diagnostics problems;
        size_t used = (size_t)snprintf(text, sizeof text, "-\n  %s\n", rows[i].text);
        for (size_t j = 0; j < JD_COUNT(rule_lines); j++) /* the keys that a rule must have */
            if (rule_lines[j].required &&
                (strncmp(rows[i].text, rule_lines[j].key, strlen(rule_lines[j].key)) != 0 ||
                 rows[i].text[strlen(rule_lines[j].key)] != ':'))
                used += (size_t)snprintf(text + used, sizeof text - used, "  %s: %s\n", rule_lines[j].key,
                                         rule_lines[j].value);
        struct jd_policy *policy = load_with("conflicts.yaml", text, &problems);
        cr_expect_null(policy, "row %zu is taken: %s", i, rows[i].text);
        cr_expect_not_null(find_problem(&problems, "conflicts.yaml", rows[i].line, rows[i].column,
                                        rows[i].problem, rows[i].hint),
                           "row %zu: %s", i, rows[i].text);
        cr_expect_eq(problems.errors, 1, "row %zu: %u errors: %s", i, problems.errors, rows[i].text);
        jd_policy_free(policy);
        jd_diagnostics_done(&problems);
    }
}

#define RULE "{ id: r, version: 1, kind: proximity, a: {}, b: {}, within: 1h, severity: low }"

Test(mistakes, in_the_list_of_rules)
{
    static const struct mistake rows[] = {
        {"{ a: b }\n", 1, 1, "expected a list of rules", NULL},
        {"text\n", 1, 1, "expected a list of rules", NULL},
        {"- text\n", 1, 3, "a rule: expected a map", NULL},
        {"- [a]\n", 1, 3, "a rule: expected a map", NULL},
        {"- " RULE "\n- " RULE "\n", 2, 9, "id: \"r\" is taken", "line 1"},
        {"", 1, 1, "the file is empty", NULL},
    };
    check_mistakes("conflicts.yaml", "", "", rows, JD_COUNT(rows));
}

Test(mistakes, in_the_policy)
{
    static const struct mistake rows[] = {
        {"allowed_lateness: 30\n", 2, 19, "expected a duration", NULL},
        {"allowed_lateness: 101y\n", 2, 19, "out of range", "allowed: 0h to"},
        {"planned_grace: 2y\n", 2, 16, "out of range", "366d"},
        {"joint_within: {hours: 4}\n", 2, 15, "expected a duration", NULL},
        {"zone: Europe/Berln\n", 2, 7, "no such zone", "did you mean \"Europe/Berlin\"?"},
        {"zone: ../../etc/passwd\n", 2, 7, "no zone has such a name", NULL},
        {"zones: Europe/Berlin\n", 2, 8, "expected a list of time zones", NULL},
        {"zones: [Mars/Olympus]\n", 2, 9, "no such zone", NULL},
        {"markets: [DE]\n", 2, 10, "expected a map of countries", NULL},
        {"markets: { Germany: { zone: UTC } }\n", 2, 12, "expected a country", NULL},
        {"markets: { DE: UTC }\n", 2, 16, "a market: expected a map", NULL},
        {"markets: { DE: {} }\n", 2, 16, "one of zone: and countries: is missing", "a country has a zone"},
        {"markets: { DE: { zon: UTC } }\n", 2, 18, "has no key \"zon\"", "did you mean \"zone\"?"},
        {"allowed_lateness: 5bd\n", 2, 19, "expected a duration", NULL},
        {"markets: { DE: { zone: UTC, weekend: sunday } }\n", 2, 38, "expected a list of days", NULL},
        {"markets: { DE: { zone: UTC, weekend: [sundy] } }\n", 2, 39, "expected a day of the week",
         "did you mean \"sunday\"?"},
        {"markets: { DE: { zone: UTC, weekend: [monday, tuesday, wednesday, thursday, friday, saturday, "
         "sunday] } }\n",
         2, 38, "must be a business day", NULL},
        {"groups: { team: { field: topic, sets: { a: [x] } } }\n", 2, 11, "a name that is no field", NULL},
        {"groups: { g: { field: role, sets: { a: [x] } } }\n", 2, 23, "a field of the touch that holds text",
         NULL},
        {"groups: { g: { field: topic, sets: [[x]] } }\n", 2, 36, "expected a map of sets", NULL},
        {"groups: { g: { field: topic, sets: { a: [x], b: [x] } } }\n", 2, 50, "sets are disjoint", NULL},
        {"groups: { g: { field: topic, sets: { a: x } } }\n", 2, 41, "expected a list of values", NULL},
        {"keys: [campaign_id]\n", 2, 7, "expected a map of at most 32 keys", NULL},
        {"keys: { campaign: [x] }\n", 2, 19, "expected a field", NULL},
        {"keys: { account: campaign_id }\n", 2, 9, "a name other than hcp, account", NULL},
        {"keys: { 'a b': campaign_id }\n", 2, 9, "a name other than", NULL},
        {"keys: { campaign: campain_id }\n", 2, 19, "a touch has no field \"campain_id\"",
         "\"campaign_id\"?"},
        {"keys: { campaign: channel }\n", 2, 19, "a field of the touch that holds one text", NULL},
        {"keys: { campaign: key_messages }\n", 2, 19, "a field of the touch that holds one text", NULL},
        {"keys: { who: hcp_id }\n", 2, 14, "and not hcp_id", NULL},
        {"keys: { npi: profile.npi }\n", 2, 14, "a profile has no text \"profile.npi\"", "profile."},
        {"keys: { npi: profile. }\n", 2, 14, "a touch has no field", NULL},
        {"audiences: { sales: [account] }\n", 2, 14, "audiences has no key \"sales\"", "commercial"},
        {"audiences: { commercial: account }\n", 2, 26, "a list of the keys that these readers may know",
         NULL},
        {"audiences: { commercial: [acount] }\n", 2, 27, "account, actor or one of the keys",
         "did you mean \"account\"?"},
        {"audiences: { medical: [level] }\nkeys: { level: profile.tier }\n", 2, 24,
         "medical readers may not know the key \"level\"", NULL},
        {"nmae: x\n", 2, 1, "policy.yaml has no key \"nmae\"", "did you mean \"name\"?"},
    };
    check_mistakes("policy.yaml", "name: test\n", "", rows, JD_COUNT(rows));
}

Test(mistakes, in_channels)
{
    static const struct mistake rows[] = {
        {"channels: []\n", 1, 11, "expected a list of channels", NULL},
        {"channels: { channel: email }\n", 1, 11, "expected a list of channels", NULL},
        {"channels: [email]\n", 1, 12, "a channel: expected a map", NULL},
        {"channels: [{ channel: emial, consent: { default: opt_in } }]\n", 1, 23, "expected a channel",
         "did you mean \"email\"?"},
        {"channels: [{ channel: email, consent: { default: opted } }]\n", 1, 50, "expected opt_in", NULL},
        {"channels: [{ channel: email, consent: opt_in }]\n", 1, 39, "consent: expected a map", NULL},
        {"channels: [{ channel: email, consent: { opt_in: [DE] } }]\n", 1, 39, "default: is missing", NULL},
        {"channels: [{ channel: email, consent: { default: opt_in, opt_in: [de] } }]\n", 1, 67,
         "expected a country", NULL},
        {"channels: [{ channel: email, consent: { default: opt_in, opt_in: [] } }]\n", 1, 66,
         "the list is empty", NULL},
        {"channels: [{ channel: email, consent: { default: opt_in, opt_in: [DE], opt_out: [DE] } }]\n", 1, 39,
         "DE is both in opt_in and in opt_out", NULL},
        {"channels: [{ channel: email, needs_content: 1, consent: { default: opt_in } }]\n", 1, 45,
         "expected true or false", NULL},
        {"channels: [{ channel: email, consent: { default: opt_in } }, { channel: email, consent: { default: "
         "opt_in } }]\n",
         1, 62, "email is listed twice", NULL},
        {"trigger: { valid_for: 3d }\n", 1, 1, "channels: is missing", NULL},
        {"channels: [{ channel: email, consent: { default: opt_in } }]\ntrigger: { valid_for: 1m }\n", 2, 23,
         "out of range", "allowed: 1h to 366d"},
        {"channels: [{ channel: email, consent: { default: opt_in } }]\ntrigger: 3d\n", 2, 10,
         "expected a map", NULL},
    };
    check_mistakes("channels.yaml", "", "", rows, JD_COUNT(rows));
}

Test(mistakes, in_the_files_themselves)
{
    static const struct {
        const char *file, *text, *problem, *hint;
    } rows[] = {
        {"journeys/a.yaml", "a: b", "is not supported by this version", NULL},
        {"markets/FR.yaml", "add: []", "policy.yaml has no market \"FR\"", "one of: DE, US"},
        {"markets/DE.csv", "a,b", "is no file of a policy", NULL},
        {"conflict.yaml", "[]", "is no file of a policy", "conflicts.yaml"},
        {"zoneinfo", "a: b", "is no file of a policy", NULL},
        {"policy.yaml", "name: \xff\n", "is not UTF-8", NULL},
        {"a b.yaml", "a: b", "names have only letters", NULL},
    };
    for (size_t i = 0; i < JD_COUNT(rows); i++) {
        struct jd_diagnostics problems;
        cr_expect_null(load_with(rows[i].file, rows[i].text, &problems), "row %zu is taken", i);
        cr_expect_not_null(find_problem(&problems, rows[i].file, 0, 0, rows[i].problem, rows[i].hint),
                           "row %zu", i);
        jd_diagnostics_done(&problems);
    }
    struct jd_diagnostics problems;
    jd_diagnostics_init(&problems);
    cr_expect_null(jd_policy_load("/does/not/exist", &problems));
    cr_expect_not_null(find_problem(&problems, "/does/not/exist", 0, 0, "No such file", NULL));
    jd_diagnostics_done(&problems);
    scratch_done();
    scratch_text("readme.txt", "x");
    jd_diagnostics_init(&problems);
    cr_expect_null(jd_policy_load(scratch(), &problems));
    cr_expect_not_null(find_problem(&problems, "policy.yaml", 0, 0, "the file is missing", NULL));
    cr_expect_not_null(find_problem(&problems, "conflicts.yaml", 0, 0, "the file is missing", NULL));
    cr_expect_not_null(find_problem(&problems, "readme.txt", 0, 0, "not part of the policy", NULL));
    cr_expect_eq(problems.warnings, 1);
    jd_diagnostics_done(&problems);
}

Test(mistakes, all_files_in_one_run)
{
    struct jd_diagnostics problems;
    scratch_done();
    scratch_text("policy.yaml", "nam: x\nzone: Nowhere\n");
    scratch_text("conflicts.yaml", "- { id: r }\n- { id: r }\n");
    scratch_text("channels.yaml", "channels: x\n");
    scratch_text("content.csv", "x\n");
    jd_diagnostics_init(&problems);
    cr_expect_null(jd_policy_load(scratch(), &problems));
    static const char *const files[] = {"policy.yaml", "conflicts.yaml", "channels.yaml", "content.csv"};
    for (size_t i = 0; i < JD_COUNT(files); i++)
        cr_expect_not_null(find_problem(&problems, files[i], 0, 0, "", NULL), "%s", files[i]);
    jd_diagnostics_done(&problems);
}

/* ---- warnings ----------------------------------------------------------------------------------- */

Test(mistakes, rules_that_can_never_fire_are_warned_of)
{
    static const struct {
        const char *text, *problem;
    } rows[] = {
        {"a: { team: x }, b: { team: y }, same: [team]", "a and b have no team in common"},
        {"a: { channel: phone }, b: { channel: [email, sms] }, same: channel",
         "a and b have no channel in common"},
        {"a: { role: msl }, b: { function: commercial }, same: role", "a and b have no role in common"},
        {"a: {}, b: {}, same: [team], different: [team]", "both in same: and in different:"},
        {"a: { role: msl, function: commercial }, b: {}", "no touch can ever match"},
        {"a: { role: { in: [msl], ne: msl } }, b: {}", "no touch can ever match"},
        {"a: { team: { in: [x], exists: false } }, b: {}", "no touch can ever match"},
        {"a: { phase: cancelled }, b: {}", "no touch can ever match"},
        {"a: { team: x }, b: { team: x }, same: [team]", NULL},
        {"a: { joint.role: { in: [msl], ne: msl } }, b: {}", NULL},
        {"a: {}, b: {}, same: [team], different: { any: [team, actor] }", NULL},
        {"a: { role: msl }, b: { function: medical }, same: role", NULL},
    };
    for (size_t i = 0; i < JD_COUNT(rows); i++) {
        char text[512];
        struct jd_diagnostics problems;
        (void)snprintf(text, sizeof text,
                       "- { id: r, version: 1, kind: proximity, within: 1d, severity: low, %s }\n",
                       rows[i].text);
        struct jd_policy *policy = load_with("conflicts.yaml", text, &problems);
        cr_expect_not_null(policy, "row %zu is refused", i);
        cr_expect_eq(problems.warnings, rows[i].problem != NULL, "row %zu: %u warnings", i,
                     problems.warnings);
        if (rows[i].problem != NULL)
            cr_expect_not_null(find_problem(&problems, "conflicts.yaml", 1, 0, rows[i].problem, NULL),
                               "row %zu", i);
        jd_policy_free(policy);
        jd_diagnostics_done(&problems);
    }
}

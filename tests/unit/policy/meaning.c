/* Mistakes of meaning: what is well written and cannot be meant. Each stands at one place, and its hint says what
 * to do. */
#include <string.h>

#include <criterion/criterion.h>

#include "base/arena.h"
#include "base/str.h"
#include "policy/bundle.h"
#include "support.h"

TestSuite(meaning, .fini = scratch_done, .timeout = 120);

/* A rule of a kind up to what a row adds; rows begin in line 5. */
#define PAIR "- id: r\n  version: 1\n  severity: low\n  kind: proximity\n"
#define COUNT "- id: r\n  version: 1\n  severity: low\n  kind: frequency\n"
#define OTHER                                                                                                \
    "- id: q\n  version: 1\n  severity: low\n  kind: frequency\n  of: {}\n  limit: 1\n  window: 1d\n"
#define MONTHLY                                                                                              \
    "- id: q\n  version: 1\n  severity: low\n  kind: frequency\n  of: {}\n  limit: 1\n  period: month\n"
#define SUM "- id: r\n  version: 1\n  severity: low\n  kind: budget\n"
#define AFTER "- id: r\n  version: 1\n  severity: low\n  kind: sequence\n"
#define ANSWER "- id: r\n  version: 1\n  severity: low\n  kind: absence\n"
#define AB "  a: { role: msl }\n  b: { role: sales_rep }\n  within: 2d\n"
#define CASES(kind) "- id: r\n  version: 1\n  kind: " kind "\n  severity:\n"
#define CONTENT "content_id,channel,product,function,from,until\n"

static const struct {
    const char *file, *text;
    uint32_t line, column;
    const char *problem, *hint;
} rows[] = {
    /* Numbers. */
    {"conflicts.yaml", COUNT "  of: {}\n  window: 7d\n  limit: 2.5\n", 7, 10,
     "limit: expected a whole number", "weights: lets one count for less"},
    {"conflicts.yaml", COUNT "  of: {}\n  window: 7d\n  limit: 2\n  at_least: 3\n", 8, 3,
     "only one of limit: and at_least:", "limit: 3 raises at more than 3"},
    {"conflicts.yaml", COUNT "  of: {}\n  window: 7d\n", 1, 3, "one of limit: and at_least: is missing",
     "at_least: 3 at 3 already"},
    {"conflicts.yaml", COUNT "  of: {}\n  window: 7d\n  at_least: 0\n", 7, 13, "a number that is more than 0",
     "raises at the first"},
    {"conflicts.yaml", COUNT "  of: {}\n  limit: 2\n  window: 7d\n  period: month\n", 8, 3,
     "only one of window:, period: and per:", "window: rolls with each touch"},
    {"conflicts.yaml", COUNT "  of: {}\n  limit: 2\n  period: from_first\n", 1, 3, "window: is missing",
     "such as window: 14d"},
    {"conflicts.yaml", COUNT "  of: {}\n  limit: 2\n  window: 7d\n  report: each\n", 8, 3,
     "goes with period: only", "has an alert already"},
    /* Alerts that are counted. */
    {"conflicts.yaml", COUNT "  of: {}\n  limit: 2\n  window: 7d\n  over: { rule: s, of: a }\n" OTHER, 8, 17,
     "over: there is no rule \"s\"", "q"},
    {"conflicts.yaml", COUNT "  of: {}\n  limit: 2\n  window: 7d\n  over: { rule: r, of: a }\n", 8, 17,
     "over: \"r\": the rule counts alerts itself", "count what that one counts"},
    {"conflicts.yaml",
     COUNT "  of: {}\n  limit: 2\n  window: 7d\n  over: { rule: q, of: a }\n" OTHER "  scope: actor\n", 8, 17,
     "a scope other than hcp is not supported", "scope: hcp, the default"},
    {"conflicts.yaml", COUNT "  of: {}\n  limit: 2\n  window: 7d\n  over: { rule: q, of: b }\n" OTHER, 8, 17,
     "an alert of its kind has no such touch", "of: a"},
    {"conflicts.yaml", COUNT "  of: {}\n  limit: 2\n  window: 7d\n  over: { rule: q, of: a }\n" MONTHLY, 8,
     17, "its alerts are not about one touch", "of frequency over a window"},
    {"conflicts.yaml",
     COUNT "  of: { type: call.completed }\n  limit: 2\n  window: 7d\n  over: { rule: q, of: a }\n" OTHER, 5,
     3, "of: type does not go with over:", "the other rule's alert"},
    {"conflicts.yaml",
     COUNT "  of: {}\n  limit: 2\n  window: 7d\n  over: { rule: q, of: a }\n  mode: block\n" OTHER, 8, 3,
     "over: does not go with mode: block", "block by the rule"},
    {"conflicts.yaml",
     COUNT "  of: {}\n  limit: 2\n  window: 7d\n  over: { rule: q, of: a }\n  axis: recorded_at\n" OTHER, 9,
     3, "axis: does not go with over:", "at the time of their touches"},
    {"conflicts.yaml",
     COUNT "  of: {}\n  limit: 2\n  axis: recorded_at\n  window: 7d\n  period: from_first\n", 7, 3,
     "axis: goes with window:", "such as window: 30m"},
    {"conflicts.yaml", COUNT "  of: {}\n  limit: 2\n  window: 7d\n  axis: recorded_at\n  mode: block\n", 8, 3,
     "does not go with mode: block", "mode: alert"},
    {"conflicts.yaml",
     COUNT
     "  of: {}\n  limit: 2\n  window: 7d\n  distinct: team\n  weights: { by: role, values: { msl: 2 } }\n",
     9, 3, "weights: does not go with distinct:", "make two rules of it"},
    {"conflicts.yaml", SUM "  of: {}\n  limit: 2\n  period: year\n", 1, 3, "currency: is missing",
     "such as currency: EUR"},
    {"conflicts.yaml", SUM "  of: {}\n  limit: 2\n  period: year\n  sum: quantity\n  currency: EUR\n", 9, 3,
     "currency: does not go with sum: quantity", "sum: amount adds up money"},
    {"conflicts.yaml",
     SUM "  of: {}\n  limit: 2\n  per: touch\n  period: from_first\n  window: 7d\n"
         "  sum: quantity\n",
     7, 3, "per: does not go with period:", "looks at each touch alone"},
    {"conflicts.yaml",
     COUNT "  of: {}\n  limit: 2\n  window: 7d\n  weights: { by: channel, values: { emial: 1 } }\n", 8, 37,
     "channel has no value \"emial\"", "did you mean \"email\"?"},
    /* Time. */
    {"conflicts.yaml", PAIR "  a: {}\n  b: {}\n  within: 48\n", 7, 11, "expected a span of time",
     "write the unit: 48h or 48d"},
    {"conflicts.yaml", PAIR "  a: {}\n  b: {}\n  within: 200y\n", 7, 11, "out of range", "at most 100 years"},
    {"conflicts.yaml", PAIR AB "  valid_from: 2027-01-01\n  valid_to: 2026-01-01\n", 9, 13,
     "must be later than valid_from", "valid_from is at line 8"},
    {"policy.yaml", "name: x\nplanned_grace: 2y\n", 2, 16, "2y is out of range", "allowed: 0h to 366d"},
    {"channels.yaml",
     "channels: [{ channel: email, consent: { default: opt_in } }]\ntrigger: { valid_for: 1m }\n", 2, 23,
     "1m is out of range", "allowed: 1h to 366d"},
    /* Severity. */
    {"conflicts.yaml", CASES("proximity") "    - { when: { phase: incident }, level: high }\n" AB, 5, 7,
     "the last case must hold always", "add a last line such as"},
    {"conflicts.yaml", CASES("proximity") "    - { level: high }\n    - { level: low }\n" AB, 5, 7,
     "only the last case has no when", "move it to the end"},
    {"conflicts.yaml",
     CASES("frequency") "    - { when: { within: 1d }, level: high }\n    - { level: low }\n"
                        "  of: {}\n  window: 7d\n  limit: 1\n",
     5, 17, "within is not taken by kind frequency", "phase: every kind has"},
    {"conflicts.yaml",
     CASES("frequency") "    - { when: { of: { role: msl } }, level: high }\n    - { level: low }\n"
                        "  of: {}\n  period: month\n  limit: 1\n",
     5, 17, "of is not taken by kind frequency over a period", "observed: looks at its total"},
    {"conflicts.yaml", "- id: r\n  version: 1\n  severity: hihg\n  kind: proximity\n" AB, 3, 13,
     "expected info, low, medium, high or critical", "did you mean \"high\"?"},
    /* Which touches. */
    {"conflicts.yaml", PAIR "  a: { role: mls }\n  b: {}\n  within: 2d\n", 5, 14,
     "a value of its closed list, found \"mls\"", "did you mean \"msl\"?"},
    {"conflicts.yaml", PAIR "  a: { chanel: phone }\n  b: {}\n  within: 2d\n", 5, 8,
     "a touch has no field \"chanel\"", "did you mean \"channel\"?"},
    {"conflicts.yaml", PAIR "  a: { role: { not: msl } }\n  b: {}\n  within: 2d\n", 5, 16,
     "there is no comparison \"not\"", "did you mean \"not_in\"?"},
    {"conflicts.yaml", PAIR "  a: { team: { gt: north } }\n  b: {}\n  within: 2d\n", 5, 20,
     "only numbers and times are compared", "name the values"},
    {"conflicts.yaml", PAIR "  a: { type: call.complete }\n  b: {}\n  within: 2d\n", 5, 8,
     "no event type is named \"call.complete\"", "did you mean \"call.completed\"?"},
    {"conflicts.yaml", PAIR "  a: { team: }\n  b: {}\n  within: 2d\n", 5, 8, "team: has no value",
     "{exists: false} means that it is absent"},
    {"conflicts.yaml", PAIR AB "  unless: [{}]\n", 8, 12, "would leave out every touch",
     "or leave unless: out"},
    /* Which belong together. */
    {"conflicts.yaml", PAIR AB "  same: similar_topics\n", 8, 9, "a touch has no field \"similar_topics\"",
     NULL},
    {"conflicts.yaml", PAIR AB "  different: key_messages\n", 8, 14,
     "lists are only compared by same:", "compare a field with one value"},
    {"conflicts.yaml", AFTER AB "  same: joint.role\n", 8, 3, "which kind sequence does not compare",
     "only pairs (proximity, overlap)"},
    /* What a kind has. */
    {"conflicts.yaml", COUNT "  of: {}\n  window: 7d\n  limit: 2\n  unless: joint\n", 8, 3,
     "unless: joint is not taken by kind frequency", "kinds that take it: proximity, sequence, overlap"},
    {"conflicts.yaml", COUNT "  of: {}\n  window: 7d\n  limit: 2\n  within: 7d\n", 8, 3,
     "within: is not taken by kind frequency", "kinds that take it: proximity, sequence, absence, requires"},
    {"conflicts.yaml", ANSWER AB "  plus: 2d\n", 8, 3, "plus: is not taken by kind absence",
     "kinds that take it: until"},
    {"conflicts.yaml", "- id: r\n  version: 1\n  severity: low\n  kind: overlaps\n  a: {}\n  b: {}\n", 4, 9,
     "there is no kind \"overlaps\"", "did you mean \"overlap\"?"},
    {"conflicts.yaml", PAIR AB PAIR AB, 8, 7, "id: \"r\" is taken", "by the rule at line 1"},
    {"conflicts.yaml",
     "- id: r\n  version: 1\n  severity: low\n  kind: overlap\n  a: {}\n  b: {}\n"
     "  durations: { emial: 1h }\n",
     7, 16, "there is no channel \"emial\"", "did you mean \"email\"?"},
    /* The policy, channels and content. */
    {"policy.yaml", "name: x\ngroups:\n  g: { field: topic, sets: { a: [x], b: [y, x] } }\n", 3, 45,
     "sets are disjoint", "keep it in one set"},
    {"policy.yaml", "name: x\ngroups: { team: { field: topic, sets: { a: [x] } } }\n", 2, 11,
     "a name that is no field", "give it another name"},
    {"channels.yaml",
     "channels:\n  - channel: email\n    consent: { default: opt_in, opt_in: [DE], opt_out: [DE] }\n", 3, 14,
     "DE is both in opt_in and in opt_out", "either allowed (opt_out) or not (opt_in)"},
    {"channels.yaml",
     "channels:\n  - { channel: email, consent: { default: opt_in } }\n"
     "  - { channel: email, consent: { default: opt_out } }\n",
     3, 5, "email is listed twice", "its place in the list is its rank"},
    {"content.csv", "content_id,chanel,product,function,from,until\n", 1, 12, "there is no column \"chanel\"",
     "did you mean \"channel\"?"},
    {"content.csv", CONTENT "c,mails,p,commercial,2026-01-01,\n", 2, 3, "channel: expected a value",
     "did you mean \"mail\"?"},
};

Test(meaning, mistakes_are_found_where_they_stand)
{
    cr_assert_geq(JD_COUNT(rows), 40);
    for (size_t i = 0; i < JD_COUNT(rows); i++) {
        struct jd_diagnostics problems;
        struct jd_policy *policy = compile_with(rows[i].file, jd_str_of(rows[i].text), &problems);
        cr_expect_null(policy, "row %zu is taken:\n%s", i, rows[i].text);
        cr_expect_eq(problems.errors, 1, "row %zu: %u errors:\n%s", i, problems.errors, rows[i].text);
        cr_expect_not_null(find_problem(&problems, rows[i].file, rows[i].line, rows[i].column,
                                        rows[i].problem, rows[i].hint),
                           "row %zu: %s", i, rows[i].problem);
        jd_policy_free(policy);
        jd_diagnostics_done(&problems);
    }
}

/* ---- cut anywhere ------------------------------------------------------------------------------- */

/* Compiles the bundle with one file cut short. */
static struct jd_policy *compile_cut(const struct jd_bundle *bundle, uint32_t file, uint32_t size,
                                     struct jd_diagnostics *problems)
{
    struct jd_arena arena;
    struct jd_bundle cut = {.prefix = JD_STR(""), .arena = &arena};
    jd_arena_init(&arena, (size_t)64 << 20);
    for (uint32_t i = 0; i < bundle->count; i++) {
        struct jd_str bytes = bundle->files[i].bytes;
        jd_bundle_add(&cut, bundle->files[i].name, i == file ? (struct jd_str){bytes.ptr, size} : bytes);
    }
    jd_diagnostics_init(problems);
    struct jd_policy *policy = jd_policy_from_bundle(jd_bundle_text(&cut), (struct jd_str){0}, problems);
    jd_arena_done(&arena);
    return policy;
}

struct counts {
    unsigned taken, refused;
};

static void cut_file(const struct jd_bundle *bundle, uint32_t file, struct counts *counts)
{
    const char *name = bundle->files[file].name.ptr;
    struct jd_str whole = bundle->files[file].bytes;
    for (uint32_t size = 0; size < whole.size; size++) {
        struct jd_diagnostics problems;
        if (size > 0 && !jd_utf8_valid((struct jd_str){whole.ptr, size}))
            continue; /* no bundle holds it */
        struct jd_policy *policy = compile_cut(bundle, file, size, &problems);
        cr_assert((policy == NULL) == (problems.errors > 0), "%s cut at %u", name, size);
        for (uint32_t i = 0; i < problems.count; i++)
            cr_assert(problems.items[i].place.file.size > 0 && problems.items[i].place.line > 0,
                      "%s cut at %u: a problem has no place: %s", name, size, problems.items[i].text.ptr);
        counts->taken += policy != NULL;
        counts->refused += policy == NULL;
        jd_policy_free(policy);
        jd_diagnostics_done(&problems);
    }
}

/* Each file cut after each of its bytes: a policy, or problems that stand somewhere. */
static void cut_everywhere(const char *directory)
{
    struct jd_arena arena;
    struct jd_diagnostics problems;
    struct jd_bundle bundle;
    struct counts counts = {0};
    jd_arena_init(&arena, (size_t)64 << 20);
    jd_diagnostics_init(&problems);
    struct jd_policy *policy = jd_policy_load(directory, &problems);
    cr_assert_not_null(policy);
    cr_assert(jd_bundle_parse(jd_policy_bundle(policy), (struct jd_str){0}, &arena, &bundle, &problems));
    for (uint32_t i = 0; i < bundle.count; i++)
        if (strncmp(bundle.files[i].name.ptr, JD_BUNDLE_ZONES, strlen(JD_BUNDLE_ZONES)) != 0)
            cut_file(&bundle, i, &counts);
    fprintf(stderr, "%s: %u cuts refused, %u taken\n", directory, counts.refused, counts.taken);
    cr_expect_gt(counts.refused, counts.taken);
    jd_policy_free(policy);
    jd_diagnostics_done(&problems);
    jd_arena_done(&arena);
}

Test(meaning, a_policy_cut_anywhere_is_refused_or_taken)
{
    cut_everywhere("config/policies/open-payments");
    cut_everywhere("config/policies/starter");
}

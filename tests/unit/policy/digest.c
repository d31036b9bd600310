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

static struct jd_policy *policy_of(const char *policy, const char *rules, const char *channels)
{
    scratch_done();
    scratch_text("policy.yaml", policy);
    scratch_text("conflicts.yaml", rules);
    scratch_text("channels.yaml", channels);
    struct jd_diagnostics problems;
    jd_diagnostics_init(&problems);
    struct jd_policy *made = jd_policy_load(scratch(), &problems);
    if (made == NULL)
        jd_diagnostics_print(&problems, stderr);
    jd_diagnostics_done(&problems);
    cr_assert_not_null(made);
    return made;
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

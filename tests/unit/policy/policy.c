/* A policy compiled: what each key becomes, and that a bundle says the same. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <criterion/criterion.h>

#include "base/contract.h"
#include "base/str.h"
#include "engine/conflicts/conflicts.h"
#include "engine/fields.h"
#include "engine/time.h"
#include "policy/policy.h"
#include "policy/value.h"
#include "support.h"

TestSuite(policy, .fini = scratch_done);

#define cr_expect_text(actual, expected)                                                                     \
    cr_expect(jd_str_eq((actual), jd_str_of(expected)), "found \"" JD_STR_FMT "\", want \"%s\"",             \
              JD_STR_ARG(actual), expected)

static const char policy_text[] = "name: test\n"
                                  "allowed_lateness: 10d\n"
                                  "max_ahead: 1y\n"
                                  "planned_grace: 36h\n"
                                  "joint_within: 2h\n"
                                  "zone: Europe/Berlin\n"
                                  "zones: [Asia/Tokyo]\n"
                                  "markets: { US: { zone: America/New_York }, DE: { zone: Europe/Berlin } }\n"
                                  "groups: { similar: { field: topic, sets: { a: [y, x], b: [z] } } }\n";
static const char rules_text[] =
    "- { id: b-rule, version: 3, kind: proximity, a: {}, b: {}, within: {days: 2}, severity: low, mode: "
    "block }\n"
    "- id: a-rule\n"
    "  version: 1\n"
    "  kind: proximity\n"
    "  a: { role: [msl, sales_rep], amount: { gt: 10.50, le: 20 }, joint.role: msl, attributes.kind: [z, a] "
    "}\n"
    "  b: { function: medical, time: { ge: 2026-03-29 }, on_label: true, topic: { exists: false }, quantity: "
    "3 }\n"
    "  same: [team, similar]\n"
    "  different: { any: [actor, product] }\n"
    "  within: 3mo\n"
    "  unless: [joint, { channel: { ne: phone } }]\n"
    "  severity:\n"
    "    - { when: { phase: preventable, within: 24h, a: { channel: email } }, level: critical }\n"
    "    - { level: info }\n"
    "  valid_from: 2026-03-29\n"
    "  valid_to: 2027-01-01T00:00:00+01:00\n"
    "  citation: 'C 1: \"x\"'\n"
    "  assignee: q\n";
static const char channels_text[] =
    "channels:\n"
    "  - { channel: video, consent: { default: opt_out, opt_in: [FR, DE, DE] } }\n"
    "  - { channel: email, needs_content: true, double_opt_in: true,\n"
    "      consent: { default: opt_in, opt_out: US } }\n"
    "trigger: { valid_for: 3d }\n";
static const char content_text[] = "channel,content_id,product,function,from,until\r\n"
                                   "email,c2,\"p, \"\"q\"\"\",commercial,2026-01-01,\r\n"
                                   "\r\n"
                                   ",c1,,,2026-01-01T00:00:00Z,2026-02-01\r\n";

static const char *write_policy(void)
{
    scratch_text("p/policy.yaml", policy_text);
    scratch_text("p/conflicts.yaml", rules_text);
    scratch_text("p/channels.yaml", channels_text);
    scratch_text("p/content.csv", content_text);
    scratch_text("p/README.md", "notes");
    scratch_text("p/tests/t.yaml", "not: [read");
    static char path[1024];
    (void)snprintf(path, sizeof path, "%s/p/", scratch());
    return path;
}

static struct jd_policy *load(const char *directory)
{
    struct jd_diagnostics problems;
    jd_diagnostics_init(&problems);
    struct jd_policy *policy = jd_policy_load(directory, &problems);
    if (problems.count > 0)
        jd_diagnostics_print(&problems, stderr);
    cr_assert_not_null(policy);
    jd_diagnostics_done(&problems);
    return policy;
}

Test(policy, settings_zones_and_markets)
{
    struct jd_policy *policy = load(write_policy());
    const struct jd_program *p = jd_policy_program(policy);
    cr_expect_text(p->name, "test");
    cr_expect_eq(p->allowed_lateness_ms, 10 * JD_DAY);
    cr_expect_eq(p->max_ahead_ms, 366 * JD_DAY);
    cr_expect_eq(p->future_grace_ms, 5 * JD_MINUTE);
    cr_expect_eq(p->planned_grace_ms, 36 * JD_HOUR);
    cr_expect_eq(p->joint_within_ms, 2 * JD_HOUR);
    static const char *const zones[] = {"America/New_York", "Asia/Tokyo", "Europe/Berlin", "UTC"};
    cr_assert_eq(p->zone_count, JD_COUNT(zones));
    for (size_t i = 0; i < JD_COUNT(zones); i++)
        cr_expect_text(p->zones[i].name, zones[i]);
    cr_expect_eq(p->default_zone, &p->zones[2]);
    cr_assert_eq(p->market_count, 2);
    cr_expect_text(p->markets[0].country, "DE");
    cr_expect_eq(p->markets[0].zone, &p->zones[2]);
    cr_expect_text(p->markets[1].country, "US");
    cr_expect_eq(p->markets[1].zone, &p->zones[0]);
    cr_expect_eq(jd_policy_hash(policy).size, 64);
    cr_expect(jd_str_eq(p->hash, jd_policy_hash(policy)));
    jd_policy_free(policy);
}

Test(policy, rules_are_sorted_and_complete)
{
    struct jd_policy *policy = load(write_policy());
    const struct jd_program *p = jd_policy_program(policy);
    cr_assert_eq(p->rule_count, 2);
    const struct jd_rule *r = &p->rules[0], *s = &p->rules[1];
    cr_expect_text(r->id, "a-rule");
    cr_expect_eq(r->version, 1);
    cr_expect_str_eq(r->kind->name, "proximity");
    cr_expect_eq(r->mode, JD_MODE_ALERT);
    cr_expect_eq(r->scope, JD_SCOPE_HCP);
    cr_expect_eq(r->within.unit, JD_SPAN_MONTHS);
    cr_expect_eq(r->within.amount, 3);
    cr_expect_text(r->within.text, "3mo");
    cr_assert_eq(r->same_count, 2);
    cr_expect_eq(r->same[0].field, JD_FIELD_TEAM);
    cr_expect_null(r->same[0].group);
    cr_expect_eq(r->same[1].field, JD_FIELD_TOPIC);
    cr_assert_not_null(r->same[1].group);
    const struct jd_group *g = r->same[1].group;
    cr_assert_eq(g->count, 3);
    cr_expect_text(g->values[0], "x");
    cr_expect_text(g->values[2], "z");
    cr_expect_eq(g->sets[0], g->sets[1]);
    cr_expect_neq(g->sets[0], g->sets[2]);
    cr_assert_eq(r->different_count, 2);
    cr_expect(r->different_any);
    cr_expect(r->unless_joint);
    cr_assert_eq(r->unless_count, 1);
    cr_expect_eq(r->unless[0].conditions[0].op, JD_NOT_IN);
    cr_expect_eq(r->unless[0].conditions[0].enum_set, UINT64_C(1) << JD_CHANNEL_PHONE);
    /* 2026-03-29: the day on which Berlin moves its clocks; its midnight is still in winter time. */
    cr_expect_eq(r->valid_from, INT64_C(1774738800000));
    cr_expect_eq(r->valid_to, INT64_C(1798758000000));
    cr_expect_text(r->citation, "C 1: \"x\"");
    cr_expect_text(r->assignee, "q");
    cr_expect_null(r->remedy.ptr);
    cr_assert_eq(r->severity_count, 2);
    cr_expect_eq(r->severities[0].severity, JD_SEVERITY_CRITICAL);
    cr_expect_eq(r->severities[0].phase, JD_ALERT_PHASE_PREVENTABLE);
    cr_expect_eq(r->severities[0].within->amount, 24 * JD_HOUR);
    cr_expect_eq(r->severities[0].a->count, 1);
    cr_expect_null(r->severities[0].b);
    cr_expect_eq(r->severities[1].severity, JD_SEVERITY_INFO);
    cr_expect_null(r->severities[1].within);
    cr_expect_eq(s->mode, JD_MODE_BLOCK);
    cr_expect_eq(s->within.unit, JD_SPAN_DAYS_LOCAL);
    cr_expect_text(s->within.text, "{days: 2}");
    cr_expect_eq(s->a.count, 0);
    cr_expect_eq(s->a.classes, 1u << JD_CLASS_TOUCH);
    cr_expect_eq(s->valid_from, JD_TIME_NONE);
    cr_expect_geq(p->window_ms, 92 * JD_DAY);
    jd_policy_free(policy);
}

Test(policy, selectors_become_conditions)
{
    struct jd_policy *policy = load(write_policy());
    const struct jd_selector *a = &jd_policy_program(policy)->rules[0].a,
                             *b = &jd_policy_program(policy)->rules[0].b;
    cr_assert_eq(a->count, 5);
    cr_expect_eq(a->conditions[0].ref.field, JD_FIELD_ROLE);
    cr_expect_eq(a->conditions[0].op, JD_IN);
    cr_expect_eq(a->conditions[0].enum_set, UINT64_C(1) << JD_ROLE_MSL | UINT64_C(1) << JD_ROLE_SALES_REP);
    cr_expect_eq(a->conditions[1].op, JD_GT);
    cr_expect_eq(a->conditions[1].decimal.units, 105);
    cr_expect_eq(a->conditions[1].decimal.scale, 1);
    cr_expect_eq(a->conditions[2].op, JD_LE);
    cr_expect_eq(a->conditions[3].ref.field, JD_FIELD_JOINT_ROLE);
    cr_expect_text(a->conditions[4].ref.attribute, "kind");
    cr_assert_eq(a->conditions[4].text_count, 2);
    cr_expect_text(a->conditions[4].texts[0], "a");
    cr_assert_eq(b->count, 5);
    cr_expect_eq(b->conditions[0].ref.field, JD_FIELD_FUNCTION);
    cr_expect_eq(b->conditions[0].enum_set, UINT64_C(1) << JD_FUNCTION_MEDICAL);
    cr_expect_eq(b->conditions[1].op, JD_GE);
    cr_expect_eq(b->conditions[1].time, INT64_C(1774738800000));
    cr_expect_eq(b->conditions[2].enum_set, UINT64_C(1) << JD_TRUE);
    cr_expect_eq(b->conditions[3].op, JD_ABSENT);
    cr_expect_eq(b->conditions[4].decimals[0].units, 3);
    jd_policy_free(policy);
}

Test(policy, channels_and_content)
{
    struct jd_policy *policy = load(write_policy());
    const struct jd_program *p = jd_policy_program(policy);
    cr_assert_eq(p->channel_count, 2);
    const struct jd_channel_policy *video = &p->channels[0], *email = &p->channels[1];
    cr_expect_eq(video->channel, JD_CHANNEL_VIDEO);
    const struct jd_consent_policy *by_video = p->consents[JD_CHANNEL_VIDEO];
    const struct jd_consent_policy *by_email = p->consents[JD_CHANNEL_EMAIL];
    cr_expect_not(video->needs_content || by_video->double_opt_in || by_video->opt_in_default);
    cr_assert_eq(by_video->opt_in_count, 2);
    cr_expect_text(by_video->opt_in[0], "DE");
    cr_expect_eq(email->channel, JD_CHANNEL_EMAIL);
    cr_expect(email->needs_content && by_email->double_opt_in && by_email->opt_in_default);
    cr_assert_eq(by_email->opt_out_count, 1);
    cr_expect_text(by_email->opt_out[0], "US");
    cr_expect_null(p->consents[JD_CHANNEL_PHONE]);
    cr_expect_eq(p->trigger_valid_ms, 3 * JD_DAY);
    cr_assert_eq(p->content_count, 2);
    cr_expect_text(p->contents[0].id, "c1");
    cr_expect_eq(p->contents[0].channel, JD_CHANNEL_NONE);
    cr_expect_null(p->contents[0].product.ptr);
    cr_expect_eq(p->contents[0].function, JD_FUNCTION_NONE);
    cr_expect_eq(p->contents[0].from, INT64_C(1767225600000));
    cr_expect_eq(p->contents[0].until, INT64_C(1769900400000), "midnight in Berlin");
    cr_expect_text(p->contents[1].product, "p, \"q\"");
    cr_expect_eq(p->contents[1].until, JD_TIME_NONE);
    jd_policy_free(policy);
}

Test(policy, a_bundle_compiles_to_the_same_program)
{
    struct jd_policy *policy = load(write_policy());
    struct jd_diagnostics problems;
    jd_diagnostics_init(&problems);
    struct jd_policy *again = jd_policy_from_bundle(jd_policy_bundle(policy), JD_STR("bundle"), &problems);
    jd_diagnostics_print(&problems, stderr);
    cr_assert_not_null(again);
    cr_expect(jd_str_eq(jd_policy_hash(policy), jd_policy_hash(again)));
    cr_expect(jd_str_eq(jd_policy_bundle(policy), jd_policy_bundle(again)));
    const struct jd_program *p = jd_policy_program(policy), *q = jd_policy_program(again);
    cr_expect_eq(p->rule_count, q->rule_count);
    cr_expect_eq(p->window_ms, q->window_ms);
    cr_assert_eq(p->zone_count, q->zone_count);
    for (uint32_t i = 0; i < p->zone_count; i++) {
        cr_assert_eq(p->zones[i].count, q->zones[i].count);
        if (p->zones[i].count > 0)
            cr_expect_arr_eq(p->zones[i].at, q->zones[i].at, p->zones[i].count * sizeof(jd_time));
    }
    jd_policy_free(policy);
    jd_policy_free(again);
    jd_diagnostics_done(&problems);
}

Test(policy, the_hash_is_that_of_the_bundle_and_of_nothing_else)
{
    struct jd_policy *one = load(write_policy());
    scratch_text("p/tests/more.yaml", "a: b");
    scratch_text("p/README.md", "other notes");
    struct jd_policy *two = load(write_policy());
    cr_expect(jd_str_eq(jd_policy_hash(one), jd_policy_hash(two)), "tests and notes are no part");
    char hex[65];
    jd_policy_hash_of(jd_policy_bundle(one), hex);
    cr_expect_text(jd_policy_hash(one), hex);
    char text[sizeof content_text + 1];
    (void)snprintf(text, sizeof text, "%s\n", content_text);
    (void)write_policy();
    scratch_text("p/content.csv", text);
    char path[1024];
    (void)snprintf(path, sizeof path, "%s/p", scratch());
    struct jd_policy *three = load(path);
    cr_expect_not(jd_str_eq(jd_policy_hash(one), jd_policy_hash(three)), "one byte more");
    jd_policy_hash_of(JD_STR("abc"), hex); /* FIPS 180-4's own example */
    cr_expect_str_eq(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    jd_policy_free(one);
    jd_policy_free(two);
    jd_policy_free(three);
}

Test(policy, damaged_bundles_are_refused_and_never_crash, .timeout = 60)
{
    struct jd_policy *policy = load(write_policy());
    struct jd_str bundle = jd_policy_bundle(policy);
    unsigned taken = 0;
    srandom(7);
    for (uint32_t i = 0; i < 3000; i++) {
        uint32_t size = i < 1000 ? (uint32_t)((uint64_t)bundle.size * i / 1000) : bundle.size;
        char *copy = malloc(bundle.size + 1);
        cr_assert_not_null(copy);
        memcpy(copy, bundle.ptr, bundle.size);
        if (i >= 1000)
            copy[(size_t)random() % bundle.size] ^= (char)(1 << (random() % 8));
        struct jd_diagnostics problems;
        jd_diagnostics_init(&problems);
        struct jd_policy *again =
            jd_policy_from_bundle((struct jd_str){copy, size}, JD_STR("bundle"), &problems);
        cr_assert((again == NULL) == (problems.errors > 0));
        taken += again != NULL && i < 1000;
        jd_policy_free(again);
        jd_diagnostics_done(&problems);
        free(copy);
    }
    cr_expect_eq(taken, 0, "%u truncated bundles were taken", taken);
    jd_policy_free(policy);
}

Test(policy, zones_of_a_bundle_come_from_the_bundle_only)
{
    static const char text[] = "journeyd-policy 1\nconflicts.yaml 3\n[]\n\n"
                               "policy.yaml 28\nname: x\nzone: Europe/Berlin\n\n";
    struct jd_diagnostics problems;
    jd_diagnostics_init(&problems);
    cr_expect_null(jd_policy_from_bundle(jd_str_of(text), JD_STR("b"), &problems));
    cr_expect_not_null(find_problem(&problems, "policy.yaml", 2, 7, "the bundle does not hold it", NULL));
    jd_diagnostics_done(&problems);
}

Test(policy, what_ships_is_valid)
{
    static const char *const directories[] = {"config/policies/open-payments", "config/policies/starter"};
    for (size_t i = 0; i < JD_COUNT(directories); i++)
        jd_policy_free(load(directories[i]));
}

static void small_files(void)
{
    scratch_done();
    scratch_text("policy.yaml", "name: x\nmarkets: { DE: { zone: UTC } }\nkeys: { campaign: campaign_id }\n");
    scratch_text("conflicts.yaml", "[]\n");
}

/* The guide's examples, each with small files beside it; a block may hold several files. */
Test(policy, the_guide_shows_what_works)
{
    FILE *guide = fopen("config/policies/README.md", "re"); /* tests run in the top directory */
    cr_assert_not_null(guide);
    char line[2048], text[8192], name[64];
    size_t used = 0;
    unsigned count = 0;
    bool inside = false;
    while (fgets(line, sizeof line, guide) != NULL) {
        bool is_fence = strncmp(line, "```", 3) == 0;
        if (is_fence && !inside) {
            inside = strncmp(line, "```yaml", 7) == 0 || strncmp(line, "```csv", 6) == 0;
            (void)snprintf(name, sizeof name, "%s", strncmp(line, "```csv", 6) == 0 ? "content.csv" : "");
            used = 0;
            if (name[0] != '\0')
                small_files();
        } else if (is_fence) {
            scratch_write(name, text, used);
            struct jd_policy *policy = load(scratch());
            const struct jd_program *p = jd_policy_program(policy);
            cr_expect(strcmp(name, "policy.yaml") == 0 ||
                      p->rule_count + p->channel_count + p->content_count > 0);
            jd_policy_free(policy);
            inside = false;
            count++;
        } else if (inside) {
            char next[64] = "";
            bool begins = sscanf(line, "# %63s", next) == 1 &&
                          (strstr(next, ".yaml") != NULL || strstr(next, ".csv") != NULL);
            cr_assert(begins || name[0] != '\0', "a block begins with its file's name: %s", line);
            if (name[0] != '\0' && begins)
                scratch_write(name, text, used);
            else if (begins && strncmp(next, "markets/", 8) != 0) /* a market changes the rules before it */
                small_files();
            if (begins)
                (void)snprintf(name, sizeof name, "%s", next);
            used = begins ? 0 : used + (size_t)snprintf(text + used, sizeof text - used, "%s", line);
        }
    }
    (void)fclose(guide);
    cr_expect_eq(count, 20);
}

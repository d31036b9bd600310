/* Which physicians are evaluated again when a table of the policy changes: those who read a line that differs. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/contract.h"
#include "base/str.h"
#include "engine/fold.h"
#include "policy/policy.h"
#include "support.h"

TestSuite(affected, .fini = scratch_done);

struct file {
    const char *name, *text;
};

#define RULE(id) "- { id: " id ", version: 1, severity: low, valid_from: 2026-01-01, "
#define ASKS(id, require) RULE(id) "kind: eligibility, of: { role: sales_rep }, require: { " require " } }\n"
static const struct file files[] = {
    {"policy.yaml", "name: x\nmarkets: { DE: { zone: UTC }, US: { zone: UTC } }\n"},
    {"channels.yaml", "channels: [{ channel: email, consent: { default: opt_in } }]\n"},
    {"conflicts.yaml",
     RULE("limited") "kind: frequency, of: { role: sales_rep }, window: 7d, limit: { table: limits, by: "
                     "[tier] } }\n" RULE(
                         "answered") "kind: absence, a: { role: sales_rep }, b: { role: msl "
                                     "}, within: 2bd }\n" RULE(
                                         "owned") "kind: overlap, a: { role: sales_rep }, b: "
                                                  "{}, assignee: { owner: commercial, else: "
                                                  "q } }\n" ASKS("dark", "blackout: none")
                                                      ASKS("quiet", "quiet_hours: none")
                                                          ASKS("trained", "actors.trained: y")
                                                              ASKS("fit", "profile.specialty: { "
                                                                          "in: products.for }")
                                                                  ASKS("open", "accounts.visits: open")
                                                                      ASKS("shown", "content: approved")},
    {"limits.csv", "rule,tier,limit,from,until\nlimited,A,5,2026-01-01,\nlimited,B,5,2026-01-01,\n"},
    {"calendars.csv", "country,date,name\nDE,2026-12-25,c\nUS,2026-12-25,c\n"},
    {"alignment.csv", "hcp_id,account_id,actor,function,from,until\na,,ann,commercial,2026-01-01,\n"
                      ",k,eva,commercial,2026-01-01,\n"},
    {"blackouts.csv", "market,channel,product,reason,from,until\n"},
    {"quiet_hours.csv", "market,channel,days,starts,ends,from,until\nUS,,,20:00,08:00,2026-01-01,\n"},
    {"actors.csv", "actor,trained,from,until\nann,y,2026-01-01,\nben,y,2026-01-01,\n"},
    {"products.csv", "product,for,from,until\np,x,2026-01-01,\n"},
    {"accounts.csv", "account_id,visits,from,until\nk,open,2026-01-01,\n"},
    {"content.csv", "content_id,channel,product,function,from,until\nc1,,,,2026-01-01,\nc2,,,,2026-01-01,\n"},
};

/* a and b as their names say, c in New York at account k; m is known to MSLs only. */
static const struct {
    const char *hcp, *tier, *actor, *product, *content, *country, *jurisdiction, *account;
    enum jd_role role;
} people[] = {
    {"a", "A", "ann", "p", "c1", "DE", NULL, NULL, JD_ROLE_SALES_REP},
    {"b", "B", "ben", "q", "c2", "US", NULL, NULL, JD_ROLE_SALES_REP},
    {"c", "A", "eva", "p", NULL, "US", "US-NY", "k", JD_ROLE_SALES_REP},
    {"m", "A", "mia", "p", "c1", "DE", NULL, "k", JD_ROLE_MSL},
};

static void *reallocate(void *context, void *old, size_t old_size, size_t size)
{
    (void)context;
    (void)old_size;
    if (size == 0) {
        free(old);
        return NULL;
    }
    return realloc(old, size);
}

static struct jd_str text_of(const char *text)
{
    return text == NULL ? (struct jd_str){0} : jd_str_of(text);
}

/* The policy with another text of one file; NULL: with none. */
static struct jd_policy *policy_with(const struct file *other)
{
    struct jd_diagnostics problems;
    scratch_done();
    for (size_t i = 0; i < JD_COUNT(files); i++)
        scratch_text(files[i].name,
                     other != NULL && strcmp(other->name, files[i].name) == 0 ? other->text : files[i].text);
    jd_diagnostics_init(&problems);
    struct jd_policy *policy = jd_policy_load(scratch(), &problems);
    if (policy == NULL)
        jd_diagnostics_print(&problems, stderr);
    jd_diagnostics_done(&problems);
    cr_assert_not_null(policy);
    return policy;
}

static void feed(struct jd_fold *fold, struct jd_output *out, size_t who)
{
    const jd_time at = INT64_C(1772442000000); /* 2026-03-02T09:00Z */
    struct jd_hcp_profile profile;
    struct jd_event event;
    const char *reason;
    jd_record_clear(&jd_hcp_profile_record, &profile);
    profile.hcp_id = jd_str_of(people[who].hcp);
    profile.recorded_at = at;
    profile.tier = jd_str_of(people[who].tier);
    cr_assert_eq(jd_fold_input(fold,
                               &(struct jd_input){.kind = JD_INPUT_HCP_PROFILE,
                                                  .key = profile.hcp_id,
                                                  .effective = at,
                                                  .hcp = &profile},
                               out, &reason),
                 JD_APPLIED);
    jd_record_clear(&jd_event_record, &event);
    event.hcp_id = profile.hcp_id;
    event.id = event.engagement_id = profile.hcp_id;
    event.source = JD_STR("crm");
    event.type = JD_STR("call.completed");
    event.time = event.start = event.recorded_at = at;
    event.phase = JD_PHASE_COMPLETED;
    event.channel = JD_CHANNEL_IN_PERSON;
    event.actor = (struct jd_actor){.id = jd_str_of(people[who].actor), .role = (uint8_t)people[who].role};
    event.product = text_of(people[who].product);
    event.content_id = text_of(people[who].content);
    event.country = text_of(people[who].country);
    event.jurisdiction = text_of(people[who].jurisdiction);
    event.account_id = text_of(people[who].account);
    cr_assert_eq(jd_fold_input(fold,
                               &(struct jd_input){.kind = JD_INPUT_EVENT,
                                                  .key = event.hcp_id,
                                                  .effective = at,
                                                  .class = JD_CLASS_TOUCH,
                                                  .event = &event},
                               out, &reason),
                 JD_APPLIED);
}

/* The physicians who are evaluated when `next` comes; `lost`: what was before is not known any more. */
static void evaluated(const struct jd_program *before, const struct jd_program *next, bool lost,
                      char names[8])
{
    struct jd_arena arena;
    jd_arena_init(&arena, (size_t)64 << 20);
    struct jd_output out = {.arena = &arena};
    struct jd_fold *fold = jd_fold_new(before, (struct jd_allocator){reallocate, NULL});
    cr_assert_not_null(fold);
    jd_fold_adopt(fold, before, NULL, &out);
    for (size_t i = 0; i < JD_COUNT(people); i++)
        feed(fold, &out, i);
    jd_fold_adopt(fold, next, NULL, &out);
    jd_fold_keep(fold);
    if (lost)
        jd_fold_set_program(fold, NULL);
    jd_fold_set_program(fold, next);
    names[0] = '\0';
    for (size_t i = 0; i < JD_COUNT(people) && jd_fold_is_reviewing(fold);
         i++) { /* in the order of their keys */
        struct jd_output one = {.arena = &arena};
        cr_assert_eq(jd_fold_review(fold, &(struct jd_review_limit){1, 1000, 1 << 20, {0}}, &one), 1);
        cr_expect_eq(one.evaluated + one.unaffected, 1);
        if (one.evaluated == 1)
            strncat(names, people[i].hcp, 1);
    }
    jd_fold_free(fold);
    jd_arena_done(&arena);
}

Test(affected, those_who_read_a_line_that_differs)
{
    static const struct {
        struct file file;
        const char *affected;
    } rows[] = {
        {{"policy.yaml", "name: y\nmarkets: { DE: { zone: UTC }, US: { zone: UTC } }\n"}, ""},
        {{"limits.csv", "rule,tier,limit,from,until\nlimited,A,5,2026-01-01,\nlimited,B,4,2026-01-01,\n"},
         "b"},
        {{"limits.csv",
          "rule,tier,limit,from,until\nlimited,A,5,2026-01-01,2027-01-01\nlimited,B,5,2026-01-01,\n"},
         "ac"},
        {{"limits.csv", "rule,tier,limit,from,until\nlimited,A,5,2026-01-01,\nlimited,B,5,2026-01-01,\n"
                        "limited,C,1,2026-01-01,\n"},
         ""},
        {{"calendars.csv", "country,date,name\nDE,2026-12-25,c\nDE,2026-12-26,c\nUS,2026-12-25,c\n"}, "am"},
        {{"alignment.csv", "hcp_id,account_id,actor,function,from,until\na,,ann,commercial,2026-01-01,\n"},
         "cm"},
        {{"alignment.csv", "hcp_id,account_id,actor,function,from,until\na,,ben,commercial,2026-01-01,\n"
                           ",k,eva,commercial,2026-01-01,\n"},
         "a"},
        {{"blackouts.csv", "market,channel,product,reason,from,until\nUS,,,r,2026-01-01,\n"}, "bc"},
        {{"blackouts.csv", "market,channel,product,reason,from,until\nUS-NY,,,r,2026-01-01,\n"}, "c"},
        {{"blackouts.csv", "market,channel,product,reason,from,until\n,,,r,2026-01-01,\n"}, "abc"},
        {{"quiet_hours.csv", "market,channel,days,starts,ends,from,until\nUS,,,21:00,08:00,2026-01-01,\n"},
         "bc"},
        {{"actors.csv", "actor,trained,from,until\nann,y,2026-01-01,\nben,n,2026-01-01,\n"}, "b"},
        {{"products.csv", "product,for,from,until\np,x|y,2026-01-01,\n"}, "ac"},
        {{"accounts.csv", "account_id,visits,from,until\nk,open,2026-01-02,\n"}, "c"},
        {{"content.csv",
          "content_id,channel,product,function,from,until\nc1,,,,2026-01-01,\nc2,,p,,2026-01-01,\n"},
         "b"},
    };
    struct jd_policy *before = policy_with(NULL);
    for (size_t i = 0; i < JD_COUNT(rows); i++) {
        char names[8];
        struct jd_policy *next = policy_with(&rows[i].file);
        evaluated(jd_policy_program(before), jd_policy_program(next), false, names);
        cr_expect_str_eq(names, rows[i].affected, "row %zu, %s: %s", i, rows[i].file.name, names);
        jd_policy_free(next);
    }
    jd_policy_free(before);
}

/* After a restart all who have a touch of a rule that changed. */
Test(affected, without_the_policy_before_whoever_has_a_touch_of_the_rule)
{
    static const struct file actors = {"actors.csv", "actor,trained,from,until\nann,n,2026-01-01,\n"};
    char names[8];
    struct jd_policy *before = policy_with(NULL), *next = policy_with(&actors);
    evaluated(jd_policy_program(before), jd_policy_program(next), true, names);
    cr_expect_str_eq(names, "abc", "%s", names);
    jd_policy_free(before);
    jd_policy_free(next);
}

/* Consent, access and content, judged at the time of a touch: tables written from the definitions. */
#include "base/str.h"
#include "engine/channels/gates.h"

#include <criterion/criterion.h>

enum { DAY0 = 1000 }; /* times below are plain small numbers */

static struct jd_arena arena;

static void setup(void)
{
    jd_arena_init(&arena, 16 << 20);
}

static void teardown(void)
{
    jd_arena_done(&arena);
}

TestSuite(gates, .init = setup, .fini = teardown);

/* One consent record as a table has it; until and confirmed 0 = absent. */
struct consent_row {
    uint8_t state;
    const char *product;
    jd_time from, until, confirmed;
};

static enum jd_rejection_code consent(const struct consent_row *rows, uint32_t count, jd_time at,
                                      const char *product, struct jd_channel_policy policy)
{
    struct jd_consent *list = jd_arena_array(&arena, count + 1, sizeof *list);
    for (uint32_t i = 0; i < count; i++)
        list[i] = (struct jd_consent){.channel = JD_CHANNEL_EMAIL,
                                      .state = rows[i].state,
                                      .product = jd_str_of(rows[i].product),
                                      .from = rows[i].from,
                                      .until = rows[i].until ? rows[i].until : JD_TIME_NONE,
                                      .confirmed_at = rows[i].confirmed ? rows[i].confirmed : JD_TIME_NONE};
    struct jd_hcp_profile profile = {.consents = {list, count}};
    struct jd_facts facts = {.arena = &arena};
    jd_facts_add_profile(&facts, &profile);
    struct jd_event touch = {.product = jd_str_of(product)};
    struct jd_gate_question question = {.facts = &facts, .touch = &touch, .at = at, .country = JD_STR("DE")};
    struct jd_candidate out = {0};
    policy.channel = JD_CHANNEL_EMAIL;
    jd_gate_consent(&question, &policy, &arena, &out);
    const struct jd_gate_result *results = out.rejections.items;
    cr_assert_leq(out.rejections.count, 1);
    return out.rejections.count ? results[0].reason : JD_REJECTION_NONE;
}

#define G JD_FACT_STATE_GRANTED
#define D JD_FACT_STATE_DENIED
#define R JD_FACT_STATE_REVOKED
static const struct jd_channel_policy opt_in = {.opt_in_default = true}, opt_out = {.opt_in_default = false},
                                      twice = {.opt_in_default = true, .double_opt_in = true};

Test(gates, consent_latest_record_decides)
{
    const struct {
        const char *what;
        struct consent_row rows[3];
        uint32_t count;
        jd_time at;
        const struct jd_channel_policy *policy;
        enum jd_rejection_code expected;
    } table[] = {
        {"no record, opt-in", {{0}}, 0, DAY0, &opt_in, JD_REJECTION_NO_CONSENT},
        {"no record, opt-out", {{0}}, 0, DAY0, &opt_out, JD_REJECTION_NONE},
        {"granted", {{G, NULL, 10, 0, 0}}, 1, 10, &opt_in, JD_REJECTION_NONE},
        {"not yet granted", {{G, NULL, 10, 0, 0}}, 1, 9, &opt_in, JD_REJECTION_NO_CONSENT},
        {"until is exclusive", {{G, NULL, 10, 20, 0}}, 1, 20, &opt_in, JD_REJECTION_CONSENT_EXPIRED},
        {"just inside", {{G, NULL, 10, 20, 0}}, 1, 19, &opt_in, JD_REJECTION_NONE},
        {"expired, though an older one is open",
         {{G, NULL, 5, 0, 0}, {G, NULL, 10, 20, 0}},
         2,
         30,
         &opt_in,
         JD_REJECTION_CONSENT_EXPIRED},
        {"revoked later",
         {{G, NULL, 5, 0, 0}, {R, NULL, 10, 0, 0}},
         2,
         10,
         &opt_in,
         JD_REJECTION_CONSENT_REVOKED},
        {"order of records is no matter",
         {{R, NULL, 10, 0, 0}, {G, NULL, 5, 0, 0}},
         2,
         10,
         &opt_in,
         JD_REJECTION_CONSENT_REVOKED},
        {"before the revocation",
         {{G, NULL, 5, 0, 0}, {R, NULL, 10, 0, 0}},
         2,
         9,
         &opt_in,
         JD_REJECTION_NONE},
        {"granted again", {{R, NULL, 5, 0, 0}, {G, NULL, 10, 0, 0}}, 2, 10, &opt_in, JD_REJECTION_NONE},
        {"deny wins the tie",
         {{G, NULL, 5, 0, 0}, {D, NULL, 5, 0, 0}},
         2,
         9,
         &opt_in,
         JD_REJECTION_CONSENT_DENIED},
        {"deny wins the tie, other order",
         {{D, NULL, 5, 0, 0}, {G, NULL, 5, 0, 0}},
         2,
         9,
         &opt_in,
         JD_REJECTION_CONSENT_DENIED},
        {"a denial stands after its until",
         {{D, NULL, 5, 6, 0}},
         1,
         9,
         &opt_out,
         JD_REJECTION_CONSENT_DENIED},
        {"denied where nothing is needed", {{D, NULL, 5, 0, 0}}, 1, 9, &opt_out, JD_REJECTION_CONSENT_DENIED},
        {"for the product", {{G, "P", 5, 0, 0}}, 1, 9, &opt_in, JD_REJECTION_NONE},
        {"for another product", {{G, "Q", 5, 0, 0}}, 1, 9, &opt_in, JD_REJECTION_NO_CONSENT},
        {"all products later than one",
         {{D, "P", 5, 0, 0}, {G, NULL, 7, 0, 0}},
         2,
         9,
         &opt_in,
         JD_REJECTION_NONE},
        {"one product later than all",
         {{G, NULL, 5, 0, 0}, {D, "P", 7, 0, 0}},
         2,
         9,
         &opt_in,
         JD_REJECTION_CONSENT_DENIED},
        {"unconfirmed", {{G, NULL, 5, 0, 0}}, 1, 9, &twice, JD_REJECTION_CONSENT_UNCONFIRMED},
        {"confirmed", {{G, NULL, 5, 0, 8}}, 1, 8, &twice, JD_REJECTION_NONE},
        {"before its confirmation", {{G, NULL, 5, 0, 8}}, 1, 7, &twice, JD_REJECTION_CONSENT_UNCONFIRMED},
        {"counts from its confirmation: later than the denial",
         {{G, NULL, 5, 0, 8}, {D, NULL, 6, 0, 0}},
         2,
         9,
         &twice,
         JD_REJECTION_NONE},
        {"without double opt-in it counts from its own from",
         {{G, NULL, 5, 0, 8}, {D, NULL, 6, 0, 0}},
         2,
         9,
         &opt_in,
         JD_REJECTION_CONSENT_DENIED},
        {"an unconfirmed renewal changes nothing",
         {{G, NULL, 5, 0, 6}, {G, NULL, 7, 0, 0}},
         2,
         9,
         &twice,
         JD_REJECTION_NONE},
    };
    for (size_t i = 0; i < JD_COUNT(table); i++)
        cr_expect_eq(consent(table[i].rows, table[i].count, table[i].at, "P", *table[i].policy),
                     table[i].expected, "%s", table[i].what);
}

Test(gates, consent_follows_the_market)
{
    const struct jd_str de[] = {JD_STR("DE")};
    struct jd_channel_policy policy = {.opt_in_default = false, .opt_in = de, .opt_in_count = 1};
    cr_expect_eq(consent(NULL, 0, DAY0, NULL, policy), JD_REJECTION_NO_CONSENT, "named opt-in");
    policy = (struct jd_channel_policy){.opt_in_default = true, .opt_out = de, .opt_out_count = 1};
    cr_expect_eq(consent(NULL, 0, DAY0, NULL, policy), JD_REJECTION_NONE, "named opt-out");
}

static struct jd_engagement fact(const char *type, uint8_t channel, jd_time time, jd_time applies_from)
{
    return (struct jd_engagement){.class = JD_CLASS_FACT,
                                  .applies_from = applies_from,
                                  .event = {.type = jd_str_of(type),
                                            .channel = channel,
                                            .time = time,
                                            .start = JD_TIME_NONE,
                                            .end = JD_TIME_NONE,
                                            .phase = JD_PHASE_COMPLETED}};
}

Test(gates, events_and_profile_form_one_set)
{
    struct jd_facts facts = {.arena = &arena};
    struct jd_consent granted = {.channel = JD_CHANNEL_EMAIL,
                                 .state = G,
                                 .from = 10,
                                 .until = JD_TIME_NONE,
                                 .confirmed_at = JD_TIME_NONE};
    struct jd_hcp_profile profile = {.consents = {&granted, 1}};
    struct jd_engagement opted_out = fact("email.unsubscribed", JD_CHANNEL_EMAIL, 20, JD_TIME_MIN);
    struct jd_engagement sms = fact("sms.unsubscribed", JD_CHANNEL_SMS, 20, JD_TIME_MIN);
    jd_facts_add_profile(&facts, &profile);
    jd_facts_add_event(&facts, &opted_out);
    jd_facts_add_event(&facts, &sms);
    bool unconfirmed;
    const struct jd_fact_record *r =
        jd_facts_consent(&facts, JD_CHANNEL_EMAIL, (struct jd_str){0}, 25, false, &unconfirmed);
    cr_assert_not_null(r);
    cr_expect_eq(r->state, R);
    r = jd_facts_consent(&facts, JD_CHANNEL_EMAIL, (struct jd_str){0}, 19, false, &unconfirmed);
    cr_assert_not_null(r);
    cr_expect_eq(r->state, G);
    cr_expect_null(jd_facts_consent(&facts, JD_CHANNEL_PHONE, (struct jd_str){0}, 25, false, &unconfirmed));
}

Test(gates, cancelled_fact_is_withdrawn)
{
    struct jd_facts facts = {.arena = &arena};
    struct jd_engagement f = fact("consent.revoked", JD_CHANNEL_EMAIL, 20, JD_TIME_MIN);
    f.event.phase = JD_PHASE_CANCELLED;
    jd_facts_add_event(&facts, &f);
    cr_expect_eq(facts.count, 0);
}

Test(gates, late_fact_applies_from_its_bound)
{
    struct jd_facts facts = {.arena = &arena};
    struct jd_engagement f = fact("consent.revoked", JD_CHANNEL_EMAIL, 20, 50);
    jd_facts_add_event(&facts, &f);
    bool unconfirmed;
    cr_expect_null(jd_facts_consent(&facts, JD_CHANNEL_EMAIL, (struct jd_str){0}, 49, false, &unconfirmed));
    cr_expect_not_null(
        jd_facts_consent(&facts, JD_CHANNEL_EMAIL, (struct jd_str){0}, 50, false, &unconfirmed));
}

Test(gates, confirmation_by_event)
{
    struct jd_facts facts = {.arena = &arena};
    struct jd_engagement granted = fact("consent.granted", JD_CHANNEL_EMAIL, 10, JD_TIME_MIN);
    struct jd_engagement confirmed = fact("consent.confirmed", JD_CHANNEL_EMAIL, 15, JD_TIME_MIN);
    struct jd_engagement other = fact("consent.confirmed", JD_CHANNEL_SMS, 11, JD_TIME_MIN);
    jd_facts_add_event(&facts, &confirmed);
    jd_facts_add_event(&facts, &other);
    jd_facts_add_event(&facts, &granted);
    bool unconfirmed;
    cr_expect_null(jd_facts_consent(&facts, JD_CHANNEL_EMAIL, (struct jd_str){0}, 14, true, &unconfirmed));
    cr_expect(unconfirmed);
    cr_expect_not_null(
        jd_facts_consent(&facts, JD_CHANNEL_EMAIL, (struct jd_str){0}, 15, true, &unconfirmed));
}

Test(gates, access_closes_channels)
{
    const struct {
        const char *what, *type;
        uint8_t record_channel, channel;
        enum jd_rejection_code expected;
    } table[] = {
        {"no-see, in person", "access.no_see", 0, JD_CHANNEL_IN_PERSON, JD_REJECTION_NO_SEE},
        {"no-see, video", "access.no_see", 0, JD_CHANNEL_VIDEO, JD_REJECTION_NONE},
        {"appointment", "access.appointment_only", 0, JD_CHANNEL_IN_PERSON, JD_REJECTION_APPOINTMENT_ONLY},
        {"no contact, any channel", "access.no_contact", 0, JD_CHANNEL_EMAIL, JD_REJECTION_NO_CONTACT},
        {"no contact by phone", "access.no_contact", JD_CHANNEL_PHONE, JD_CHANNEL_PHONE,
         JD_REJECTION_NO_CONTACT},
        {"no contact by phone, e-mail", "access.no_contact", JD_CHANNEL_PHONE, JD_CHANNEL_EMAIL,
         JD_REJECTION_NONE},
        {"open", "access.open", 0, JD_CHANNEL_IN_PERSON, JD_REJECTION_NONE},
    };
    for (size_t i = 0; i < JD_COUNT(table); i++) {
        struct jd_facts facts = {.arena = &arena};
        struct jd_engagement f = fact(table[i].type, table[i].record_channel, 10, JD_TIME_MIN);
        jd_facts_add_event(&facts, &f);
        struct jd_event touch = {0};
        struct jd_gate_question question = {.facts = &facts, .touch = &touch, .at = 20};
        struct jd_channel_policy policy = {.channel = table[i].channel};
        struct jd_candidate out = {0};
        jd_gate_access(&question, &policy, &arena, &out);
        const struct jd_gate_result *results = out.rejections.items;
        cr_expect_eq(out.rejections.count ? results[0].reason : JD_REJECTION_NONE, table[i].expected, "%s",
                     table[i].what);
    }
}

Test(gates, access_that_ended_or_was_lifted_is_over)
{
    struct jd_facts facts = {.arena = &arena};
    struct jd_engagement closed = fact("access.no_see", 0, 10, JD_TIME_MIN);
    closed.event.end = 30;
    struct jd_engagement lifted = fact("access.open", 0, 20, JD_TIME_MIN);
    jd_facts_add_event(&facts, &closed);
    const struct jd_fact_record *r = jd_facts_access(&facts, JD_CHANNEL_IN_PERSON, 29);
    cr_assert_not_null(r);
    cr_expect_eq(r->state, JD_FACT_STATE_NO_SEE);
    jd_facts_add_event(&facts, &lifted);
    r = jd_facts_access(&facts, JD_CHANNEL_IN_PERSON, 29);
    cr_expect_eq(r->state, JD_FACT_STATE_OPEN);
    /* On equal `from` the stricter one wins. */
    lifted.event.time = 10;
    facts.count = 0;
    jd_facts_add_event(&facts, &lifted);
    jd_facts_add_event(&facts, &closed);
    r = jd_facts_access(&facts, JD_CHANNEL_IN_PERSON, 29);
    cr_expect_eq(r->state, JD_FACT_STATE_NO_SEE);
}

Test(gates, content_must_be_approved)
{
    const struct jd_content contents[] = {
        {.id = JD_STR("a"), .channel = JD_CHANNEL_VIDEO, .from = JD_TIME_NONE, .until = JD_TIME_NONE},
        {.id = JD_STR("b"), .channel = JD_CHANNEL_EMAIL, .from = 10, .until = 20},
        {.id = JD_STR("c"), .product = JD_STR("P"), .from = 15, .until = JD_TIME_NONE},
        {.id = JD_STR("d"), .function = JD_FUNCTION_MEDICAL, .from = JD_TIME_NONE, .until = JD_TIME_NONE},
    };
    const struct {
        const char *what, *product, *content;
        jd_time at;
        uint8_t role;
        bool rejected;
    } table[] = {
        {"before approval", NULL, NULL, 9, JD_ROLE_SALES_REP, true},
        {"first moment", NULL, "b", 10, JD_ROLE_SALES_REP, false},
        {"after approval ended", NULL, NULL, 20, JD_ROLE_SALES_REP, true},
        {"for its product", "P", "c", 25, JD_ROLE_SALES_REP, false},
        {"least id of two", "P", "b", 16, JD_ROLE_SALES_REP, false},
        {"another product", "Q", NULL, 25, JD_ROLE_SALES_REP, true},
        {"medical content for medical", NULL, "d", 9, JD_ROLE_MSL, false},
    };
    const struct jd_program program = {.contents = contents, .content_count = JD_COUNT(contents)};
    for (size_t i = 0; i < JD_COUNT(table); i++) {
        struct jd_event touch = {.product = jd_str_of(table[i].product), .actor = {.role = table[i].role}};
        struct jd_gate_question question = {.program = &program, .touch = &touch, .at = table[i].at};
        struct jd_channel_policy policy = {.channel = JD_CHANNEL_EMAIL, .needs_content = true};
        struct jd_candidate out = {0};
        jd_gate_content(&question, &policy, &arena, &out);
        cr_expect(jd_str_eq(out.content_id, jd_str_of(table[i].content)), "%s", table[i].what);
        cr_expect_eq(out.rejections.count > 0, table[i].rejected, "%s", table[i].what);
    }
}

Test(gates, all_gates_run_for_a_candidate)
{
    struct jd_facts facts = {.arena = &arena};
    struct jd_engagement f = fact("access.no_contact", 0, 10, JD_TIME_MIN);
    jd_facts_add_event(&facts, &f);
    struct jd_program program = {0};
    struct jd_event touch = {.channel = JD_CHANNEL_EMAIL};
    struct jd_gate_question question = {.program = &program, .facts = &facts, .touch = &touch, .at = 20};
    struct jd_channel_policy policy = {
        .channel = JD_CHANNEL_EMAIL, .needs_content = true, .opt_in_default = true};
    struct jd_candidate out;
    jd_gates_run(&question, &policy, &arena, &out);
    const enum jd_rejection_code expected[] = {JD_REJECTION_SAME_CHANNEL, JD_REJECTION_NO_CONSENT,
                                               JD_REJECTION_NO_CONTACT, JD_REJECTION_NO_APPROVED_CONTENT};
    cr_assert_eq(out.rejections.count, JD_COUNT(expected));
    const struct jd_gate_result *results = out.rejections.items;
    for (size_t i = 0; i < JD_COUNT(expected); i++)
        cr_expect_eq(results[i].reason, expected[i], "rejection %zu", i);
}

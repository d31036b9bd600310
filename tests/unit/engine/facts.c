/* Facts over time, and rules that require something of them. Expected values follow from the definitions. */
#include <criterion/criterion.h>
#include <string.h>

#include "base/contract.h"
#include "base/str.h"
#include "engine/conflicts/conflicts.h"
#include "engine/facts.h"
#include "engine/fields.h"
#include "world.h"

/* ---- which record decides ---- */

enum { RECORDS_MAX = 4 };
#define EVER NEVER_SET

/* A record in short: hours; `until` 0: open. */
struct said {
    enum jd_fact fact;
    enum jd_fact_state state;
    enum jd_channel channel;
    const char *product, *about;
    double from, until, confirmed, applies;
    bool deputy;
};

struct row {
    struct said said[RECORDS_MAX];
    double at;
    enum jd_channel channel;
    const char *product, *place;
    enum jd_standing standing;
    int decides; /* index, -1: none */
};

#define GRANT .fact = JD_FACT_CONSENT, .state = JD_FACT_STATE_GRANTED
#define DENY .fact = JD_FACT_CONSENT, .state = JD_FACT_STATE_DENIED
#define REVOKE .fact = JD_FACT_CONSENT, .state = JD_FACT_STATE_REVOKED
#define CONFIRM .fact = JD_FACT_CONSENT, .state = JD_FACT_STATE_CONFIRMED
#define ACCESS(s) .fact = JD_FACT_ACCESS, .state = JD_FACT_STATE_##s
#define LICENCE .fact = JD_FACT_LICENCE, .state = JD_FACT_STATE_GRANTED
#define UNLICENCE .fact = JD_FACT_LICENCE, .state = JD_FACT_STATE_REVOKED
#define ALIGN .fact = JD_FACT_ALIGNMENT, .state = JD_FACT_STATE_GRANTED, .about = "rep"
#define UNALIGN .fact = JD_FACT_ALIGNMENT, .state = JD_FACT_STATE_REVOKED, .about = "rep"
#define BLACKOUT .fact = JD_FACT_BLACKOUT, .state = JD_FACT_STATE_DENIED
#define MAIL .channel = JD_CHANNEL_EMAIL
#define IS(s, n) .standing = JD_STANDING_##s, .decides = (n)

static const struct jd_consent_policy twice = {.double_opt_in = true, .opt_in_default = true};
static const struct jd_consent_policy once = {.opt_in_default = true}, free_of = {0};
static const struct jd_consent_policy *const by_channel[JD_CHANNEL_END_] = {
    [JD_CHANNEL_EMAIL] = &once, [JD_CHANNEL_SMS] = &twice, [JD_CHANNEL_PHONE] = &free_of};
static const struct jd_program program = {.consents = by_channel};

static void check(enum jd_fact fact, const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        /* The order in which records come does not matter. */
        for (uint32_t first = 0; first < RECORDS_MAX; first++) {
            struct jd_fact_record records[RECORDS_MAX];
            struct jd_facts facts = {.records = records};
            uint32_t index[RECORDS_MAX];
            for (uint32_t k = 0; k < RECORDS_MAX; k++) {
                uint32_t n = (first + k) % RECORDS_MAX;
                const struct said *said = &rows[i].said[n];
                if (said->fact == 0)
                    continue;
                index[facts.count] = n;
                records[facts.count++] = (struct jd_fact_record){
                    .fact = (uint8_t)said->fact,
                    .state = (uint8_t)said->state,
                    .channel = (uint8_t)said->channel,
                    .product = jd_str_of(said->product),
                    .about = jd_str_of(said->about),
                    .deputy = said->deputy,
                    .from = said->from <= EVER ? JD_TIME_MIN : HOURS(said->from),
                    .until = said->until == 0 ? JD_NEVER : HOURS(said->until),
                    .confirmed_at = said->confirmed == 0 ? JD_TIME_NONE : HOURS(said->confirmed),
                    .applies_from = said->applies == 0 ? JD_TIME_MIN : HOURS(said->applies)};
            }
            struct jd_fact_question question = {.program = &program,
                                                .channel = (uint8_t)rows[i].channel,
                                                .product = jd_str_of(rows[i].product),
                                                .actor = JD_STR("rep"),
                                                .place = jd_str_of(rows[i].place),
                                                .at = HOURS(rows[i].at)};
            struct jd_finding found = jd_facts_find(&facts, fact, &question);
            int decides = found.record == NULL ? -1 : (int)index[found.record - records];
            cr_expect(found.standing == rows[i].standing && decides == rows[i].decides,
                      "row %zu, first %u: %s, decided by %d", i, first,
                      jd_standing_symbols.texts[found.standing], decides);
        }
    }
}

Test(facts, consent)
{
    static const struct row rows[] = {
        {.at = 10, MAIL, IS(NONE_KNOWN, -1)},
        {.at = 10, .channel = JD_CHANNEL_PHONE, IS(IMPLIED, -1)},      /* opt-out */
        {.at = 10, .channel = JD_CHANNEL_MAIL, IS(NONE_KNOWN, -1)},    /* not listed: opt-in */
        {{{GRANT, MAIL, .from = 10}}, .at = 10, MAIL, IS(GRANTED, 0)}, /* its first instant */
        {{{GRANT, MAIL, .from = 10.001}}, .at = 10, MAIL, IS(NONE_KNOWN, -1)},
        {{{GRANT, MAIL, .from = 1, .until = 10}}, .at = 10, MAIL, IS(EXPIRED, 0)}, /* its end is outside */
        {{{GRANT, MAIL, .from = 1, .until = 10.001}}, .at = 10, MAIL, IS(GRANTED, 0)},
        {{{GRANT, MAIL, .from = 1}, {GRANT, MAIL, .from = 5, .until = 6}}, .at = 10, MAIL, IS(EXPIRED, 1)},
        {{{DENY, MAIL, .from = 1, .until = 5}}, .at = 10, MAIL, IS(DENIED, 0)}, /* until a new grant */
        {{{DENY, MAIL, .from = 1}, {GRANT, MAIL, .from = 5}}, .at = 10, MAIL, IS(GRANTED, 1)},
        {{{GRANT, MAIL, .from = 5}, {DENY, MAIL, .from = 5}}, .at = 10, MAIL, IS(DENIED, 1)},
        {{{GRANT, MAIL, .from = 5}, {REVOKE, MAIL, .from = 5}}, .at = 10, MAIL, IS(REVOKED, 1)},
        {{{GRANT, MAIL, .from = 5}}, .at = 10, .channel = JD_CHANNEL_SMS, IS(NONE_KNOWN, -1)},
        {{{GRANT, .from = 5}}, .at = 10, MAIL, IS(GRANTED, 0)}, /* all channels */
        {{{GRANT, MAIL, .product = "P", .from = 5}}, .at = 10, MAIL, IS(NONE_KNOWN, -1)},
        {{{GRANT, MAIL, .product = "P", .from = 5}}, .at = 10, MAIL, .product = "Q", IS(NONE_KNOWN, -1)},
        {{{GRANT, MAIL, .product = "P", .from = 5}}, .at = 10, MAIL, .product = "P", IS(GRANTED, 0)},
        /* One product and all products form one set: the later decides. */
        {{{GRANT, MAIL, .product = "P", .from = 5}, {REVOKE, MAIL, .from = 6}},
         .at = 10,
         MAIL,
         .product = "P",
         IS(REVOKED, 1)},
        {{{REVOKE, MAIL, .from = 5}, {GRANT, MAIL, .product = "P", .from = 6}},
         .at = 10,
         MAIL,
         .product = "P",
         IS(GRANTED, 1)},
        {{{GRANT, MAIL, .from = 5, .applies = 11}}, .at = 10, MAIL, IS(NONE_KNOWN, -1)},
        {{{GRANT, MAIL, .from = 5, .applies = 10}}, .at = 10, MAIL, IS(GRANTED, 0)},
        {{{GRANT, MAIL, .from = 5}, {REVOKE, MAIL, .from = 6, .applies = 11}},
         .at = 10,
         MAIL,
         IS(GRANTED, 0)},
        {{{REVOKE, .channel = JD_CHANNEL_PHONE, .from = 5}},
         .at = 10,
         .channel = JD_CHANNEL_PHONE,
         IS(REVOKED, 0)}, /* a record always decides */
    };
    check(JD_FACT_CONSENT, rows, JD_COUNT(rows));
}

#define SMS .channel = JD_CHANNEL_SMS

Test(facts, double_opt_in_counts_from_its_confirmation)
{
    static const struct row rows[] = {
        {{{GRANT, SMS, .from = 5}}, .at = 10, SMS, IS(UNCONFIRMED, -1)},
        {{{GRANT, SMS, .from = 5, .confirmed = 7}}, .at = 10, SMS, IS(GRANTED, 0)},
        {{{GRANT, SMS, .from = 5, .confirmed = 10.001}}, .at = 10, SMS, IS(UNCONFIRMED, -1)},
        {{{GRANT, SMS, .from = 5}, {CONFIRM, SMS, .from = 7}}, .at = 10, SMS, IS(GRANTED, 0)},
        {{{GRANT, SMS, .from = 5}, {CONFIRM, SMS, .from = 4}}, .at = 10, SMS, IS(UNCONFIRMED, -1)},
        {{{GRANT, SMS, .from = 5}, {CONFIRM, SMS, .product = "P", .from = 7}},
         .at = 10,
         SMS,
         IS(UNCONFIRMED, -1)},
        /* Confirmed at 9, it is later than the refusal at 8; confirmed at 7 it is not. */
        {{{GRANT, SMS, .from = 5, .confirmed = 9}, {DENY, SMS, .from = 8}}, .at = 10, SMS, IS(GRANTED, 0)},
        {{{GRANT, SMS, .from = 5, .confirmed = 7}, {DENY, SMS, .from = 8}}, .at = 10, SMS, IS(DENIED, 1)},
        {{{GRANT, SMS, .from = 5, .until = 9, .confirmed = 7}}, .at = 10, SMS, IS(EXPIRED, 0)},
        {{{GRANT, SMS, .from = 8}, {GRANT, SMS, .from = 5, .confirmed = 6}}, .at = 10, SMS, IS(GRANTED, 1)},
        {{{GRANT, MAIL, .from = 5}}, .at = 10, MAIL, IS(GRANTED, 0)}, /* there once is enough */
    };
    check(JD_FACT_CONSENT, rows, JD_COUNT(rows));
}

#define VISIT .channel = JD_CHANNEL_IN_PERSON

Test(facts, access)
{
    static const struct row rows[] = {
        {.at = 10, VISIT, IS(OPEN, -1)},
        {{{ACCESS(NO_SEE), VISIT, .from = 5}}, .at = 10, VISIT, IS(NO_SEE, 0)},
        {{{ACCESS(NO_SEE), VISIT, .from = 5, .until = 10}}, .at = 10, VISIT, IS(OPEN, 0)}, /* over */
        {{{ACCESS(NO_SEE), VISIT, .from = 5}}, .at = 10, MAIL, IS(OPEN, -1)},
        {{{ACCESS(NO_CONTACT), .from = 5}}, .at = 10, MAIL, IS(NO_CONTACT, 0)},
        {{{ACCESS(NO_CONTACT), .from = 5}, {ACCESS(OPEN), .from = 6}}, .at = 10, MAIL, IS(OPEN, 1)},
        {{{ACCESS(APPOINTMENT_ONLY), VISIT, .from = 5}, {ACCESS(NO_SEE), VISIT, .from = 5}},
         .at = 10,
         VISIT,
         IS(NO_SEE, 1)},
        {{{ACCESS(OPEN), VISIT, .from = 5}, {ACCESS(APPOINTMENT_ONLY), VISIT, .from = 5}},
         .at = 10,
         VISIT,
         IS(APPOINTMENT_ONLY, 1)},
        {{{ACCESS(NO_SEE), VISIT, .from = 5}, {ACCESS(NO_SEE), VISIT, .from = 5, .until = 7}},
         .at = 10,
         VISIT,
         IS(NO_SEE, 0)}, /* what forbids longer */
    };
    check(JD_FACT_ACCESS, rows, JD_COUNT(rows));
}

Test(facts, licences)
{
    static const struct row rows[] = {
        {.at = 10, IS(NONE_KNOWN, -1)},
        {{{LICENCE, .from = EVER}}, .at = 10, IS(VALID, 0)},
        {{{LICENCE, .from = 1, .until = 10}}, .at = 10, IS(EXPIRED, 0)},
        {{{LICENCE, .from = 1}, {UNLICENCE, .from = 5}}, .at = 10, IS(REVOKED, 1)},
        {{{LICENCE, .about = "US-NY", .from = 1}}, .at = 10, .place = "US-NY", IS(VALID, 0)},
        {{{LICENCE, .about = "US-NY", .from = 1}}, .at = 10, .place = "US-CA", IS(NONE_KNOWN, -1)},
        {{{LICENCE, .about = "US-NY", .from = 1}}, .at = 10, .place = "US", IS(VALID, 0)}, /* the narrower */
        {{{LICENCE, .about = "US", .from = 1}}, .at = 10, .place = "US-NY", IS(VALID, 0)}, /* the wider */
        {{{LICENCE, .about = "US", .from = 1}}, .at = 10, .place = "USX", IS(NONE_KNOWN, -1)},
        {{{LICENCE, .about = "DE", .from = 1}}, .at = 10, IS(VALID, 0)}, /* nobody says where it was */
        {{{LICENCE, .about = "DE", .from = 1}, {UNLICENCE, .about = "FR", .from = 5}},
         .at = 10,
         .place = "DE",
         IS(VALID, 0)},
    };
    check(JD_FACT_LICENCE, rows, JD_COUNT(rows));
}

Test(facts, alignment_and_blackouts)
{
    static const struct row alignments[] = {
        {.at = 10, IS(NONE_KNOWN, -1)},
        {{{ALIGN, .from = EVER}}, .at = 10, IS(OWNER, 0)},
        {{{ALIGN, .from = 1, .deputy = true}}, .at = 10, IS(DEPUTY, 0)},
        {{{ALIGN, .from = 1, .until = 10}}, .at = 10, IS(ENDED, 0)},
        {{{ALIGN, .from = 1}, {UNALIGN, .from = 5}}, .at = 10, IS(ENDED, 1)},
        {{{ALIGN, .from = 1, .deputy = true}, {ALIGN, .from = 1}}, .at = 10, IS(OWNER, 1)},
        {{{.fact = JD_FACT_ALIGNMENT, .state = JD_FACT_STATE_GRANTED, .about = "other", .from = 1}},
         .at = 10,
         IS(NONE_KNOWN, -1)},
    };
    static const struct row blackouts[] = {
        {.at = 10, IS(NONE_KNOWN, -1)},
        {{{BLACKOUT, .from = 10, .until = 11}}, .at = 10, IS(DECLARED, 0)},
        {{{BLACKOUT, .from = 9, .until = 10}}, .at = 10, IS(NONE_KNOWN, -1)},
        /* Each stands for itself: one that began later and is over does not end it. */
        {{{BLACKOUT, .from = 1, .until = 20}, {BLACKOUT, .from = 5, .until = 6}}, .at = 10, IS(DECLARED, 0)},
        {{{BLACKOUT, MAIL, .from = 1}}, .at = 10, VISIT, IS(NONE_KNOWN, -1)},
        {{{BLACKOUT, .product = "P", .from = 1}}, .at = 10, .product = "P", IS(DECLARED, 0)},
    };
    check(JD_FACT_ALIGNMENT, alignments, JD_COUNT(alignments));
    check(JD_FACT_BLACKOUT, blackouts, JD_COUNT(blackouts));
}

Test(facts, content)
{
    static const struct jd_content contents[] = {
        {.id = {"a", 1}, .from = HOURS(1), .until = HOURS(5)},
        {.id = {"a", 1}, .from = HOURS(8), .until = JD_TIME_NONE},
        {.id = {"b", 1}, .channel = JD_CHANNEL_EMAIL, .from = HOURS(1), .until = JD_TIME_NONE},
        {.id = {"c", 1}, .function = JD_FUNCTION_MEDICAL, .from = HOURS(1), .until = JD_TIME_NONE},
        {.id = {"d", 1}, .from = HOURS(1), .until = JD_TIME_NONE},
        {.id = {"d", 1}, .from = HOURS(2), .until = HOURS(3)},
    };
    static const struct jd_program approved = {.contents = contents, .content_count = JD_COUNT(contents)};
    static const struct {
        const char *id;
        double at;
        enum jd_standing standing;
    } rows[] = {
        {NULL, 4, JD_STANDING_NONE_KNOWN}, {"x", 4, JD_STANDING_UNLISTED},  {"a", 0.5, JD_STANDING_NOT_YET},
        {"a", 1, JD_STANDING_APPROVED},    {"a", 5, JD_STANDING_EXPIRED},   {"a", 8, JD_STANDING_APPROVED},
        {"b", 4, JD_STANDING_OTHER_USE},   {"c", 4, JD_STANDING_OTHER_USE}, {"d", 2.5, JD_STANDING_APPROVED},
        {"d", 4, JD_STANDING_EXPIRED}, /* the later line decides, also after its end */
    };
    for (size_t i = 0; i < JD_COUNT(rows); i++) {
        struct jd_fact_question question = {.program = &approved,
                                            .channel = JD_CHANNEL_IN_PERSON,
                                            .function = JD_FUNCTION_COMMERCIAL,
                                            .content = jd_str_of(rows[i].id),
                                            .at = HOURS(rows[i].at)};
        struct jd_facts none = {0};
        struct jd_finding found = jd_facts_find(&none, JD_FACT_CONTENT, &question);
        cr_expect(found.standing == rows[i].standing, "row %zu: %s", i,
                  jd_standing_symbols.texts[found.standing]);
    }
}

/* ---- rules ---- */

static struct world world;
static struct world *const w = &world;
static struct jd_predicate require;

static void setup(void)
{
    world_init(w);
    struct jd_rule *rule = world_rule(w, "r", (struct jd_span){0});
    rule->kind = jd_conflict_kind_of(JD_STR("eligibility"));
    rule->b = (struct jd_selector){0};
    require = (struct jd_predicate){
        .ask = JD_ASK_FACT, .fact = JD_FACT_CONSENT, .standings = UINT64_C(1) << JD_STANDING_GRANTED};
    rule->require = &require;
}

static void teardown(void)
{
    world_done(w);
}

TestSuite(eligibility, .init = setup, .fini = teardown);

#define EMAIL(...)                                                                                           \
    feed(w, &(struct spec){.role = JD_ROLE_SALES_REP, .channel = JD_CHANNEL_EMAIL, __VA_ARGS__})
#define FACT(type_, ...)                                                                                     \
    feed(w, &(struct spec){.class = JD_CLASS_FACT, .type = type_, .channel = JD_CHANNEL_EMAIL, __VA_ARGS__})

static const struct jd_fact_read *read_of_last(uint32_t index)
{
    const struct jd_alert *alert = last_alert(w);
    cr_assert(alert != NULL && index < alert->facts.count);
    return (const struct jd_fact_read *)alert->facts.items + index;
}

static void expect_read(uint32_t index, const char *name, const char *value)
{
    const struct jd_fact_read *read = read_of_last(index);
    cr_expect(jd_str_is(read->name, name) && jd_str_is(read->value, value), "%.*s %.*s",
              JD_STR_ARG(read->name), JD_STR_ARG(read->value));
}

Test(eligibility, raises_one_alert_for_each_touch_and_says_what_it_read)
{
    world_start(w);
    EMAIL(.id = "1", .engagement = "A", .at = 100);
    expect_read(0, "consent", "none");
    EXPECT(w, "r A r1 open incident medium none");
    FACT("consent.granted", .id = "2", .engagement = "F", .at = 110, .end = 120);
    EMAIL(.id = "3", .engagement = "B", .at = 115);
    EXPECT(w, "");
    EMAIL(.id = "4", .engagement = "C", .at = 120);
    expect_read(0, "consent", "expired");
    cr_expect(jd_str_is(read_of_last(0)->id, "2") && read_of_last(0)->until == HOURS(120));
    EXPECT(w, "r C r1 open incident medium none");
}

Test(eligibility, a_late_fact_retracts_and_its_correction_opens_again)
{
    world_start(w);
    EMAIL(.id = "1", .engagement = "A", .at = 100);
    EXPECT(w, "r A r1 open incident medium none");
    FACT("consent.granted", .id = "2", .engagement = "F", .at = 90, .recorded = 130);
    EXPECT(w, "r A r2 retracted corrected incident medium none");
    FACT("consent.granted", .id = "3", .engagement = "F", .at = 101, .recorded = 140);
    EXPECT(w, "r A r3 open incident medium none");
    FACT("consent.granted", .id = "4", .engagement = "F", .at = 99, .recorded = 135);
    EXPECT(w, ""); /* an older version changes nothing */
}

Test(eligibility, a_withdrawn_fact_counts_no_longer)
{
    world_start(w);
    FACT("consent.granted", .id = "1", .engagement = "F", .at = 50);
    EMAIL(.id = "2", .engagement = "A", .at = 100);
    EXPECT(w, "");
    FACT("consent.granted", .id = "3", .engagement = "F", .at = 50, .recorded = 120,
         .phase = JD_PHASE_CANCELLED);
    EXPECT(w, "r A r1 open incident medium none");
}

Test(eligibility, another_fact_that_decides_is_an_update)
{
    world_start(w);
    FACT("consent.denied", .id = "1", .engagement = "F", .at = 50);
    EMAIL(.id = "2", .engagement = "A", .at = 100);
    FACT("consent.revoked", .id = "3", .engagement = "G", .at = 60, .recorded = 110);
    expect_read(0, "consent", "revoked");
    EXPECT(w, "r A r1 open incident medium none; r A r2 open incident medium none");
    FACT("consent.granted", .id = "4", .engagement = "H", .at = 55, .recorded = 111);
    EXPECT(w, ""); /* it does not decide */
}

Test(eligibility, a_plan_is_preventable_and_moves)
{
    world_start(w);
    FACT("consent.granted", .id = "1", .engagement = "F", .at = 50, .end = 150);
    EMAIL(.id = "2", .engagement = "A", .at = 160, .recorded = 90, .phase = JD_PHASE_PLANNED);
    EXPECT(w, "r A r1 open preventable medium none");
    EMAIL(.id = "3", .engagement = "A", .at = 140, .recorded = 100, .phase = JD_PHASE_PLANNED);
    EXPECT(w, "r A r2 retracted rescheduled preventable medium none");
    FACT("consent.revoked", .id = "4", .engagement = "G", .at = 120, .recorded = 120);
    EXPECT(w, "r A r3 open preventable medium none");
    advance(w, 141);
    EXPECT(w, "r A r4 open incident medium none");
}

Test(eligibility, what_is_final_stays)
{
    world_start(w);
    EMAIL(.id = "1", .engagement = "A", .at = 100);
    effects(w);
    advance(w, 100 + 30 * 24 + 1);
    EXPECT(w, "r A r2 open incident medium none final");
    FACT("consent.granted", .id = "2", .engagement = "F", .at = 90, .recorded = 100 + 30 * 24 + 2);
    EXPECT(w, ""); /* it applies to touches from hour 102 on */
}

Test(eligibility, the_profile_says_it_too)
{
    struct jd_hcp_profile profile = profile_of("h", 10, NULL);
    struct jd_consent consent = {.channel = JD_CHANNEL_EMAIL,
                                 .state = JD_FACT_STATE_GRANTED,
                                 .from = HOURS(20),
                                 .until = JD_TIME_NONE,
                                 .confirmed_at = JD_TIME_NONE,
                                 .proof = JD_STR("scan-7")};
    profile.consents = (struct jd_list){&consent, 1};
    world_start(w);
    EMAIL(.id = "1", .engagement = "A", .at = 100);
    feed_profile(w, &profile);
    EXPECT(w, "r A r1 open incident medium none; r A r2 retracted corrected incident medium none");
    consent.state = JD_FACT_STATE_DENIED;
    profile.recorded_at = HOURS(11);
    feed_profile(w, &profile);
    cr_expect(jd_str_is(read_of_last(0)->proof, "scan-7"));
    EXPECT(w, "r A r3 open incident medium none");
    feed_profile(w, NULL); /* gone: nothing is known */
    expect_read(0, "consent", "none");
    EXPECT(w, "r A r4 open incident medium none");
}

/* One part of `require:`, with a profile for those that ask for one. */
static void ask_local_time(double at, double from, double until, uint8_t days, const char *value)
{
    require = (struct jd_predicate){.ask = JD_ASK_LOCAL_TIME,
                                    .hours = {(int64_t)(from * JD_HOUR), (int64_t)(until * JD_HOUR), days}};
    struct jd_hcp_profile profile = profile_of("h", 1, "Asia/Tokyo");
    world_start(w);
    feed_profile(w, &profile);
    EMAIL(.id = "1", .engagement = "A", .at = at);
    if (value != NULL)
        expect_read(0, "local_time", value);
    EXPECT(w, value == NULL ? "" : "r A r1 open incident medium none");
}

/* Monday 100 h later is Friday 04:00Z, 13:00 in Tokyo. */
Test(eligibility, local_time_is_the_physicians)
{
    ask_local_time(100, 8, 13, 127, "Fri 13:00 Asia/Tokyo");
}
Test(eligibility, local_time_begins_with_its_first_minute)
{
    ask_local_time(100, 13, 14, 127, NULL);
}
Test(eligibility, local_time_may_go_past_midnight)
{
    ask_local_time(100, 20, 14, 127, NULL);
}
Test(eligibility, local_time_only_on_its_days)
{
    ask_local_time(100, 0, 24, 127 & ~(1 << 4), "Fri 13:00 Asia/Tokyo");
}
Test(eligibility, local_time_follows_the_profile)
{
    require = (struct jd_predicate){.ask = JD_ASK_LOCAL_TIME, .hours = {8 * JD_HOUR, 20 * JD_HOUR, 127}};
    struct jd_hcp_profile tokyo = profile_of("h", 101, "Asia/Tokyo");
    world_start(w);
    EMAIL(.id = "1", .engagement = "A", .at = 100); /* 04:00 */
    feed_profile(w, &tokyo);
    EXPECT(w, "r A r1 open incident medium none; r A r2 retracted corrected incident medium none");
}

static void ask_profile(enum jd_profile_field field, enum jd_compare op, const char *text_, bool holds)
{
    static struct jd_str names[1];
    names[0] = jd_str_of(text_);
    require = (struct jd_predicate){.ask = JD_ASK_PROFILE,
                                    .condition = {.ref = {.field = (uint16_t)field, .attribute = JD_STR("k")},
                                                  .op = op,
                                                  .texts = names,
                                                  .text_count = 1}};
    static const struct jd_str segments[] = {{"s1", 2}, {"s2", 2}};
    static const struct jd_pair attributes[] = {{{"k", 1}, {"v", 1}}};
    struct jd_affiliation affiliations[] = {{JD_STR("old"), JD_TIME_NONE, HOURS(100)},
                                            {JD_STR("new"), HOURS(100), JD_TIME_NONE}};
    struct jd_hcp_profile profile = profile_of("h", 1, NULL);
    profile.specialty = JD_STR("cardiology");
    profile.segments = (struct jd_list){segments, 2};
    profile.attributes = (struct jd_list){attributes, 1};
    profile.affiliations = (struct jd_list){affiliations, 2};
    world_start(w);
    feed_profile(w, &profile);
    EMAIL(.id = "1", .engagement = "A", .at = 100);
    EXPECT(w, holds ? "" : "r A r1 open incident medium none");
}

#define PROFILE_CASE(name, field, op, text_, holds)                                                          \
    Test(eligibility, name)                                                                                  \
    {                                                                                                        \
        ask_profile(JD_PROFILE_##field, op, text_, holds);                                                   \
    }
PROFILE_CASE(specialty_in, SPECIALTY, JD_IN, "cardiology", true)
PROFILE_CASE(specialty_not_in, SPECIALTY, JD_NOT_IN, "cardiology", false)
PROFILE_CASE(tier_unknown, TIER, JD_NOT_IN, "A", false)
PROFILE_CASE(tier_absent, TIER, JD_ABSENT, "", true)
PROFILE_CASE(any_segment, SEGMENTS, JD_IN, "s2", true)
PROFILE_CASE(no_such_segment, SEGMENTS, JD_NOT_IN, "s3", true)
PROFILE_CASE(affiliated_at_that_time, AFFILIATIONS, JD_IN, "new", true)
PROFILE_CASE(affiliated_no_longer, AFFILIATIONS, JD_IN, "old", false)
PROFILE_CASE(attribute_in, ATTRIBUTE, JD_IN, "v", true)
PROFILE_CASE(country_absent, COUNTRY, JD_EXISTS, "", false)

/* Whether `all`, `any`, `not` of a part that holds and one that does not hold. */
Test(eligibility, parts_are_put_together)
{
    static const struct {
        enum jd_ask ask;
        uint32_t first, count;
        bool holds;
    } rows[] = {{JD_ASK_ALL, 0, 1, true},  {JD_ASK_ALL, 0, 2, false}, {JD_ASK_ANY, 0, 2, true},
                {JD_ASK_ANY, 1, 1, false}, {JD_ASK_NOT, 0, 1, false}, {JD_ASK_NOT, 1, 1, true}};
    static const struct jd_predicate parts[] = {
        {.ask = JD_ASK_FACT, .fact = JD_FACT_ACCESS, .standings = UINT64_C(1) << JD_STANDING_OPEN},
        {.ask = JD_ASK_FACT, .fact = JD_FACT_LICENCE, .standings = UINT64_C(1) << JD_STANDING_VALID}};
    world_start(w);
    for (size_t i = 0; i < JD_COUNT(rows); i++) {
        char id[] = {(char)('a' + i), '\0'};
        require = (struct jd_predicate){
            .ask = rows[i].ask, .parts = parts + rows[i].first, .part_count = rows[i].count};
        EMAIL(.id = id, .engagement = id, .at = 100);
        if (!rows[i].holds)
            cr_expect_eq(last_alert(w)->facts.count, rows[i].count, "row %zu", i);
        cr_expect((effects(w)[0] == '\0') == rows[i].holds, "row %zu", i);
    }
}

Test(eligibility, blocks_a_suggestion_that_would_break_it)
{
    static const struct jd_channel_policy channels[] = {{.channel = JD_CHANNEL_EMAIL},
                                                        {.channel = JD_CHANNEL_PHONE}};
    static const struct jd_consent_policy *const implied[JD_CHANNEL_END_] = {
        [JD_CHANNEL_EMAIL] = &free_of, [JD_CHANNEL_PHONE] = &free_of, [JD_CHANNEL_IN_PERSON] = &free_of};
    w->program.channels = channels;
    w->program.channel_count = JD_COUNT(channels);
    w->program.consents = implied;
    world_rule(w, "s", span_ms(24));
    w->rules[0].mode = JD_MODE_BLOCK;
    require.standings = UINT64_C(1) << JD_STANDING_IMPLIED | UINT64_C(1) << JD_STANDING_GRANTED;
    static const struct jd_predicate parts[] = {{.ask = JD_ASK_TOUCH,
                                                 .condition = {.ref = {.field = JD_FIELD_CHANNEL},
                                                               .op = JD_NOT_IN,
                                                               .enum_set = UINT64_C(1) << JD_CHANNEL_EMAIL}}};
    require = (struct jd_predicate){.ask = JD_ASK_ALL, .parts = parts, .part_count = 1};
    world_start(w);
    feed(w, &(struct spec){.id = "1",
                           .engagement = "B",
                           .role = JD_ROLE_MSL,
                           .at = 100,
                           .recorded = 10,
                           .channel = JD_CHANNEL_IN_PERSON,
                           .phase = JD_PHASE_PLANNED});
    feed(w, &(struct spec){.id = "2",
                           .engagement = "A",
                           .role = JD_ROLE_SALES_REP,
                           .at = 110,
                           .recorded = 11,
                           .channel = JD_CHANNEL_IN_PERSON,
                           .phase = JD_PHASE_PLANNED});
    cr_expect_not_null(strstr(effects(w), "decision 1 phone (email blocking_rule, phone)"));
}

/* ---- rules on facts ---- */

static void setup_subject(void)
{
    world_init(w);
}

TestSuite(subject, .init = setup_subject, .fini = teardown);

static struct jd_rule *on_facts(const char *kind, enum jd_fact subject, int64_t lead_hours)
{
    struct jd_rule *rule = world_rule(w, "r", span_ms(lead_hours));
    rule->kind = jd_conflict_kind_on_facts(jd_str_of(kind));
    rule->subject = subject;
    rule->a = rule->b = (struct jd_selector){0};
    return rule;
}

/* Hours 100 and 200 of the test's time, as instances name them. */
#define CONSENT_100 "r consent+email++2026-03-06T04:00:00.000Z "

Test(subject, a_consent_that_ends_is_told_ahead_by_timer)
{
    on_facts("absence", JD_FACT_CONSENT, 24);
    world_start(w);
    FACT("consent.granted", .id = "1", .engagement = "F", .at = 100, .end = 200);
    EXPECT(w, "");
    advance(w, 175.999);
    EXPECT(w, "");
    advance(w, 176);
    expect_read(0, "consent", "granted");
    cr_expect_eq(last_alert(w)->evidence.count, 0);
    EXPECT(w, CONSENT_100 "r1 open incident medium none");
    FACT("consent.granted", .id = "2", .engagement = "G", .at = 190);
    EXPECT(w, CONSENT_100 "r2 retracted corrected incident medium none");
}

Test(subject, what_follows_or_is_over_is_not_told)
{
    on_facts("absence", JD_FACT_CONSENT, 24);
    world_start(w);
    FACT("consent.granted", .id = "1", .engagement = "F", .at = 100, .end = 200);
    FACT("consent.denied", .id = "2", .engagement = "G", .at = 150);
    advance(w, 300);
    EXPECT(w, "");
    FACT("consent.denied", .id = "3", .engagement = "H", .at = 160, .recorded = 301, .end = 170);
    EXPECT(w, ""); /* a refusal does not run out */
}

Test(subject, a_shorter_end_is_told_at_once_and_a_longer_one_takes_it_back)
{
    on_facts("absence", JD_FACT_CONSENT, 24);
    world_start(w);
    FACT("consent.granted", .id = "1", .engagement = "F", .at = 100);
    FACT("consent.granted", .id = "2", .engagement = "F", .at = 100, .recorded = 120, .end = 130);
    EXPECT(w, CONSENT_100 "r1 open incident medium none");
    FACT("consent.granted", .id = "3", .engagement = "F", .at = 100, .recorded = 121, .end = 160);
    EXPECT(w, CONSENT_100 "r2 retracted corrected incident medium none");
    advance(w, 136);
    EXPECT(w, CONSENT_100 "r3 open incident medium none");
    advance(w, 160 + 30 * 24 + 1);
    EXPECT(w, CONSENT_100 "r4 open incident medium none final");
}

Test(subject, a_grant_for_one_product_does_not_follow_one_for_all)
{
    on_facts("absence", JD_FACT_CONSENT, 24);
    world_start(w);
    FACT("consent.granted", .id = "1", .engagement = "F", .at = 100, .end = 200);
    FACT("consent.granted", .id = "2", .engagement = "G", .at = 150, .product = "P");
    advance(w, 180);
    EXPECT(w, CONSENT_100 "r1 open incident medium none");
}

Test(subject, a_licence_is_named_with_its_place)
{
    on_facts("absence", JD_FACT_LICENCE, 24);
    struct jd_licence licence = {JD_STR("L1"), JD_STR("US-NY"), JD_TIME_NONE, HOURS(120)};
    struct jd_hcp_profile profile = profile_of("h", 100, NULL);
    profile.licences = (struct jd_list){&licence, 1};
    world_start(w);
    feed_profile(w, &profile);
    cr_expect(jd_str_is(read_of_last(0)->proof, "L1"));
    EXPECT(w, "r licence+++0001-01-01T00:00:00.000Z+US-NY r1 open incident medium none");
    advance(w, 101);
    feed_profile(w, NULL);
    EXPECT(w, "r licence+++0001-01-01T00:00:00.000Z+US-NY r2 retracted corrected incident medium none");
}

Test(subject, records_that_contradict_each_other)
{
    on_facts("proximity", JD_FACT_CONSENT, 0);
    world_start(w);
    FACT("consent.granted", .id = "1", .engagement = "F", .at = 100);
    FACT("consent.granted", .id = "2", .engagement = "G", .at = 100);
    FACT("consent.denied", .id = "3", .engagement = "H", .at = 101);
    FACT("consent.denied", .id = "4", .engagement = "I", .at = 100, .product = "P");
    EXPECT(w, ""); /* the same, later, or for another product */
    FACT("consent.denied", .id = "5", .engagement = "J", .at = 100, .recorded = 110);
    cr_assert_eq(last_alert(w)->facts.count, 3);
    expect_read(0, "consent", "denied"); /* the one that decides first */
    expect_read(1, "consent", "granted");
    EXPECT(w, CONSENT_100 "r1 open incident medium none");
    FACT("consent.denied", .id = "6", .engagement = "J", .at = 100, .recorded = 111,
         .phase = JD_PHASE_CANCELLED);
    EXPECT(w, CONSENT_100 "r2 retracted corrected incident medium none");
}

Test(subject, only_its_own_fact)
{
    on_facts("absence", JD_FACT_ACCESS, 24);
    world_start(w);
    FACT("consent.granted", .id = "1", .engagement = "F", .at = 100, .end = 110);
    EXPECT(w, "");
    FACT("access.no_see", .id = "2", .engagement = "G", .at = 101, .end = 111);
    EXPECT(w, "r access+email++2026-03-06T05:00:00.000Z r1 open incident medium none");
}

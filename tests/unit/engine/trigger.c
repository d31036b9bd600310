/* The first trigger: one decision for each ground of a preventable conflict, at most one live trigger,
 * and every status that a trigger can come to. */
#include <criterion/criterion.h>
#include <string.h>

#include "base/avro.h"
#include "base/contract.h"
#include "base/str.h"
#include "engine/conflicts/conflicts.h"
#include "engine/fields.h"
#include "world.h"

static struct world world;
static struct world *const w = &world;

static struct jd_channel_policy channels[] = {
    {.channel = JD_CHANNEL_IN_PERSON},
    {.channel = JD_CHANNEL_EMAIL},
    {.channel = JD_CHANNEL_PHONE},
    {.channel = JD_CHANNEL_VIDEO},
};
static const struct jd_consent_policy opt_in = {.opt_in_default = true}, opt_out = {0};
static const struct jd_consent_policy *const consents[JD_CHANNEL_END_] = {
    [JD_CHANNEL_IN_PERSON] = &opt_out,
    [JD_CHANNEL_EMAIL] = &opt_in,
    [JD_CHANNEL_PHONE] = &opt_out,
    [JD_CHANNEL_VIDEO] = &opt_out,
};

static void setup(void)
{
    world_init(w);
    world_rule(w, "r", span_ms(24));
    w->program.channels = channels;
    w->program.channel_count = JD_COUNT(channels);
    w->program.consents = consents;
}

static void teardown(void)
{
    world_done(w);
}

TestSuite(trigger, .init = setup, .fini = teardown);

#define PLAN(role_, ...)                                                                                     \
    feed(w, &(struct spec){                                                                                  \
                .role = role_, .phase = JD_PHASE_PLANNED, .channel = JD_CHANNEL_IN_PERSON, __VA_ARGS__})
#define REP(...) PLAN(JD_ROLE_SALES_REP, .actor = "rep1", __VA_ARGS__)
#define MSL(...)                                                                                             \
    PLAN(JD_ROLE_MSL, .actor = "msl1", .topic = "secret topic", .product = "secret product", __VA_ARGS__)

static const struct jd_effect *last_effect(enum jd_topic topic)
{
    for (uint32_t i = w->out.effect_count; i > 0; i--)
        if (w->out.effects[i - 1].topic == topic)
            return &w->out.effects[i - 1];
    return NULL;
}

static void conflict(void)
{
    world_start(w);
    MSL(.id = "1", .engagement = "B", .at = 100, .recorded = 10);
    REP(.id = "2", .engagement = "A", .at = 110, .recorded = 11);
}

#define OPENED "r A+B r1 open preventable medium 36000000ms; "
#define DECIDED "decision 1 phone (in_person same_channel, email no_consent, phone, video lower_ranked); "
#define ISSUED "trigger r1 issued phone colleague_contact_planned"

Test(trigger, the_first_channel_that_passes_is_proposed_to_the_commercial_owner)
{
    conflict();
    const struct jd_trigger *trigger = last_effect(JD_TOPIC_TRIGGERS_COMMERCIAL)->value;
    const struct jd_decision *decision = last_effect(JD_TOPIC_DECISIONS)->value;
    cr_assert(jd_str_eq(trigger->assignee, JD_STR("rep1")) && trigger->role == JD_ROLE_SALES_REP);
    cr_assert(jd_str_eq(trigger->replaces, JD_STR("A")) && jd_str_eq(trigger->hcp_id, JD_STR("h")));
    cr_assert(trigger->not_before == HOURS(11) && trigger->expires_at == HOURS(110));
    cr_assert(trigger->rejected.count == 3);
    cr_assert(jd_str_eq(trigger->decision_id, decision->decision_id));
    cr_assert(jd_str_eq(trigger->trigger_id, decision->trigger_id));
    cr_assert(!jd_str_eq(trigger->trigger_id, decision->decision_id));
    cr_assert(decision->at == HOURS(11) && decision->for_time == HOURS(110) &&
              decision->candidates.count == 4);
    cr_assert(jd_str_eq(last_effect(JD_TOPIC_TRIGGERS_COMMERCIAL)->key, JD_STR("h")));
    EXPECT(w, OPENED DECIDED ISSUED);
}

static bool mentions(struct jd_str bytes, const char *word)
{
    for (size_t i = 0, n = strlen(word); i + n <= bytes.size; i++)
        if (memcmp(bytes.ptr + i, word, n) == 0)
            return true;
    return false;
}

Test(trigger, what_the_owner_learns_has_no_medical_content)
{
    conflict();
    const struct jd_effect *effect = last_effect(JD_TOPIC_TRIGGERS_COMMERCIAL);
    struct jd_str bytes = jd_avro_bytes(effect->record, effect->value, &w->arena);
    cr_assert(mentions(bytes, "rep1") && !mentions(bytes, "secret"));
    cr_assert(!mentions(bytes, "msl"));
    const struct jd_trigger *trigger = effect->value;
    const struct jd_reason *reason = trigger->reasons.items;
    cr_assert(jd_str_eq(reason->sentence, JD_STR("A colleague's contact with this physician is planned for "
                                                 "6 March 2026, 04:00 UTC.")),
              JD_STR_FMT, JD_STR_ARG(reason->sentence));
    const struct jd_pair *at = reason->parameters.items;
    cr_assert(jd_str_eq(at->value, JD_STR("2026-03-06T04:00:00.000Z")));
}

Test(trigger, the_validity_of_the_policy_ends_it_before_the_touch)
{
    w->program.trigger_valid_ms = 10 * JD_HOUR;
    conflict();
    EXPECT(w, OPENED DECIDED ISSUED);
    advance(w, 21);
    EXPECT(w, "");
    advance(w, 21.001);
    EXPECT(w, "trigger r2 expired phone time_passed");
    advance(w, 110.001); /* nothing more to say when the hours come */
    EXPECT(w, "r A+B r2 open incident medium 36000000ms");
}

Test(trigger, it_expires_at_the_time_of_the_touch)
{
    conflict();
    EXPECT(w, OPENED DECIDED ISSUED);
    advance(w, 110);
    EXPECT(w, "r A+B r2 open incident medium 36000000ms");
    advance(w, 110.001);
    EXPECT(w, "trigger r2 expired phone time_passed");
}

Test(trigger, a_retracted_conflict_withdraws_it)
{
    conflict();
    EXPECT(w, OPENED DECIDED ISSUED);
    PLAN(JD_ROLE_MSL, .actor = "msl1", .id = "3", .engagement = "B", .at = 300, .recorded = 12);
    EXPECT(w, "r A+B r2 retracted rescheduled preventable medium 36000000ms; "
              "trigger r2 withdrawn phone conflict_retracted");
    MSL(.id = "4", .engagement = "B", .at = 100, .recorded = 13); /* and once more: another attempt */
    EXPECT(w,
           "r A+B r3 open preventable medium 36000000ms; "
           "decision 2 phone (in_person same_channel, email no_consent, phone, video lower_ranked); " ISSUED);
}

Test(trigger, a_conflict_that_happens_early_withdraws_it)
{
    conflict();
    EXPECT(w, OPENED DECIDED ISSUED);
    feed(w, &(struct spec){.id = "3", .engagement = "B", .role = JD_ROLE_MSL, .at = 100, .recorded = 100});
    EXPECT(w, "r A+B r2 open preventable medium 36000000ms; "
              "decision 2 phone (in_person same_channel, email no_consent, phone, video lower_ranked); "
              "trigger r2 superseded phone ground_changed; trigger r1 issued phone colleague_contact_done");
    feed_at(
        w, 105,
        &(struct spec){.id = "4", .engagement = "A", .role = JD_ROLE_SALES_REP, .at = 104, .recorded = 105});
    EXPECT(w, "r A+B r3 open incident medium 14400000ms; trigger r2 withdrawn phone conflict_happened");
}

Test(trigger, another_ground_supersedes_and_the_same_ground_says_nothing)
{
    conflict();
    EXPECT(w, OPENED DECIDED ISSUED);
    struct jd_consent consent = {.channel = JD_CHANNEL_EMAIL,
                                 .state = JD_FACT_STATE_GRANTED,
                                 .from = HOURS(0),
                                 .until = JD_TIME_NONE,
                                 .confirmed_at = JD_TIME_NONE};
    struct jd_hcp_profile profile = profile_of("h", 12, NULL);
    feed_profile(w, &profile);
    EXPECT(w, "");
    profile.recorded_at = HOURS(13);
    profile.consents = (struct jd_list){&consent, 1};
    feed_profile(w, &profile);
    EXPECT(w,
           "decision 2 email (in_person same_channel, email, phone lower_ranked, video lower_ranked); "
           "trigger r2 superseded phone ground_changed; trigger r1 issued email colleague_contact_planned");
}

Test(trigger, consent_by_event_counts_and_no_contact_leaves_nothing)
{
    conflict();
    EXPECT(w, OPENED DECIDED ISSUED);
    feed(w, &(struct spec){.id = "3",
                           .type = "consent.granted",
                           .class = JD_CLASS_FACT,
                           .channel = JD_CHANNEL_EMAIL,
                           .at = 12});
    EXPECT(w,
           "decision 2 email (in_person same_channel, email, phone lower_ranked, video lower_ranked); "
           "trigger r2 superseded phone ground_changed; trigger r1 issued email colleague_contact_planned");
    feed(w, &(struct spec){.id = "4", .type = "access.no_contact", .class = JD_CLASS_FACT, .at = 13});
    EXPECT(w, "decision 3 nothing (in_person same_channel no_contact, email no_contact, phone no_contact, "
              "video no_contact); trigger r2 withdrawn email no_channel_left");
}

Test(trigger, a_channel_that_would_itself_make_a_blocked_conflict_is_left_out)
{
    struct jd_field_ref channel;
    cr_assert(jd_field_ref_of(JD_STR("channel"), &channel));
    struct jd_rule *rule = world_rule(w, "s", span_ms(48));
    struct jd_condition phone = {.ref = channel, .op = JD_IN, .enum_set = UINT64_C(1) << JD_CHANNEL_PHONE};
    rule->a = rule->b = (struct jd_selector){&phone, 1, 1u << JD_CLASS_TOUCH};
    rule->mode = JD_MODE_BLOCK;
    world_start(w);
    feed(w,
         &(struct spec){
             .id = "0", .engagement = "P", .role = JD_ROLE_SERVICE, .channel = JD_CHANNEL_PHONE, .at = 70});
    MSL(.id = "1", .engagement = "B", .at = 100, .recorded = 71);
    REP(.id = "2", .engagement = "A", .at = 110, .recorded = 72);
    EXPECT(w,
           OPENED "decision 1 video (in_person same_channel, email no_consent, phone blocking_rule, video); "
                  "trigger r1 issued video colleague_contact_planned");
}

/* The same rule blocks in one market and alerts in the others: the later touch says in which it is. */
Test(trigger, a_rule_may_block_in_one_market)
{
    static const char *const countries[] = {"FR", "DE"};
    for (int i = 0; i < 2; i++) {
        struct jd_field_ref channel;
        cr_assert(jd_field_ref_of(JD_STR("channel"), &channel));
        struct jd_rule *rule = world_rule(w, "s", span_ms(48)), version;
        struct jd_condition phone = {
            .ref = channel, .op = JD_IN, .enum_set = UINT64_C(1) << JD_CHANNEL_PHONE};
        rule->a = rule->b = (struct jd_selector){&phone, 1, 1u << JD_CLASS_TOUCH};
        const struct jd_str market = JD_STR("DE");
        version = *rule;
        version.mode = JD_MODE_BLOCK;
        version.central = rule;
        version.markets = &market;
        version.market_count = 1;
        rule->versions = &version;
        rule->version_count = 1;
        world_start(w);
        feed(w, &(struct spec){.id = "0",
                               .engagement = "P",
                               .role = JD_ROLE_SERVICE,
                               .channel = JD_CHANNEL_PHONE,
                               .country = "DE",
                               .at = 70});
        MSL(.id = "1", .engagement = "B", .at = 100, .recorded = 71);
        REP(.id = "2", .engagement = "A", .at = 110, .recorded = 72, .country = countries[i]);
        EXPECT(w, i == 0 ? OPENED "decision 1 phone (in_person same_channel, email no_consent, phone, video "
                                  "lower_ranked); trigger r1 issued phone colleague_contact_planned"
                         : OPENED
                      "decision 1 video (in_person same_channel, email no_consent, phone blocking_rule, "
                      "video); trigger r1 issued video colleague_contact_planned");
        if (i == 0) {
            teardown();
            setup();
        }
    }
}

/* A blocking rule of another kind, over the touches of one channel. */
static struct jd_rule *block(const char *kind, enum jd_channel channel, struct jd_condition *condition)
{
    struct jd_rule *rule = world_rule(w, "s", span_ms(48));
    *condition = (struct jd_condition){.op = JD_IN, .enum_set = UINT64_C(1) << channel};
    cr_assert(jd_field_ref_of(JD_STR("channel"), &condition->ref));
    rule->kind = jd_conflict_kind_of(jd_str_of(kind));
    rule->a = (struct jd_selector){condition, 1, 1u << JD_CLASS_TOUCH};
    rule->b = (struct jd_selector){0};
    rule->mode = JD_MODE_BLOCK;
    return rule;
}

Test(trigger, a_channel_that_would_make_a_later_touch_one_too_many_is_left_out)
{
    struct jd_condition phone;
    block("frequency", JD_CHANNEL_PHONE, &phone)->limit = (struct jd_decimal){1, 0};
    world_start(w);
    feed(w, &(struct spec){.id = "0",
                           .engagement = "P",
                           .role = JD_ROLE_SERVICE,
                           .phase = JD_PHASE_PLANNED,
                           .channel = JD_CHANNEL_PHONE,
                           .at = 130,
                           .recorded = 70});
    MSL(.id = "1", .engagement = "B", .at = 100, .recorded = 71);
    REP(.id = "2", .engagement = "A", .at = 110, .recorded = 72);
    EXPECT(w,
           OPENED "decision 1 video (in_person same_channel, email no_consent, phone blocking_rule, video); "
                  "trigger r1 issued video colleague_contact_planned");
}

Test(trigger, a_conflict_that_stands_without_the_touch_blocks_no_channel)
{
    struct jd_condition phone;
    block("sequence", JD_CHANNEL_PHONE, &phone)->b = select_role(w, JD_ROLE_MARKETING);
    world_start(w);
    feed(w,
         &(struct spec){
             .id = "0", .engagement = "P", .role = JD_ROLE_SERVICE, .channel = JD_CHANNEL_PHONE, .at = 70});
    PLAN(JD_ROLE_MARKETING, .id = "3", .engagement = "M", .at = 116, .recorded = 70.5);
    MSL(.id = "1", .engagement = "B", .at = 100, .recorded = 71);
    (void)effects(w);
    REP(.id = "2", .engagement = "A", .at = 110, .recorded = 72);
    EXPECT(w, OPENED DECIDED ISSUED); /* the call of the service came before M as well */
}

Test(trigger, without_a_planned_commercial_touch_there_is_no_decision)
{
    world_start(w);
    feed(w, &(struct spec){.id = "1", .engagement = "A", .role = JD_ROLE_SALES_REP, .at = 100});
    MSL(.id = "2", .engagement = "B", .at = 110, .recorded = 101);
    EXPECT(w, "r A+B r1 open preventable medium 36000000ms");
}

Test(trigger, of_two_planned_commercial_touches_the_later_moves)
{
    w->rules[0].b = select_role(w, JD_ROLE_MARKETING);
    world_start(w);
    REP(.id = "1", .engagement = "A", .at = 110, .recorded = 10);
    PLAN(JD_ROLE_MARKETING, .actor = "mk", .id = "2", .engagement = "B", .at = 112, .recorded = 11);
    const struct jd_trigger *trigger = last_effect(JD_TOPIC_TRIGGERS_COMMERCIAL)->value;
    cr_assert(jd_str_eq(trigger->replaces, JD_STR("B")) && jd_str_eq(trigger->assignee, JD_STR("mk")));
}

Test(trigger, when_the_owner_keeps_the_plan_it_is_withdrawn_while_the_other_is_still_to_come)
{
    world_start(w);
    REP(.id = "1", .engagement = "A", .at = 100, .recorded = 10);
    MSL(.id = "2", .engagement = "B", .at = 110, .recorded = 11);
    (void)effects(w);
    feed(w, &(struct spec){.id = "3",
                           .engagement = "A",
                           .role = JD_ROLE_SALES_REP,
                           .actor = "rep1",
                           .at = 99,
                           .recorded = 99});
    EXPECT(w, "r A+B r2 open preventable medium 39600000ms; trigger r2 withdrawn phone ground_changed");
}

Test(trigger, entries_leave_with_the_alert)
{
    conflict();
    advance(w, 5000);
    cr_assert(jd_fold_key_count(w->fold) == 0 && jd_fold_next_due(w->fold) == JD_NEVER);
}

/* ---- fatigue ---- */

#define IGNORED(...)                                                                                         \
    feed(w, &(struct spec){.type = "suggestion.expired", .class = JD_CLASS_FEEDBACK, __VA_ARGS__})

/* Two suggestions by telephone ignored within 48 h, each in (t - 48 h, t]: none for 72 h from the last one on. */
Test(trigger, a_channel_rests_after_so_many_of_its_suggestions_were_ignored)
{
    static const struct {
        double first, second; /* hours; NEVER_SET: none */
        enum jd_channel channel;
        bool accepted, rests; /* accepted: the second was, after all */
    } rows[] = {
        {20, 38.001, JD_CHANNEL_PHONE, false, true},     {20, 38, JD_CHANNEL_PHONE, false, false},
        {10.001, 58, JD_CHANNEL_PHONE, false, true},     {10, 58, JD_CHANNEL_PHONE, false, false},
        {NEVER_SET, 58, JD_CHANNEL_PHONE, false, false}, {20, 58, JD_CHANNEL_EMAIL, false, false},
        {20, 58, JD_CHANNEL_PHONE, true, false},
    };
    for (size_t i = 0; i < JD_COUNT(rows); i++) {
        world_done(w);
        setup();
        channels[2].fatigue = (struct jd_fatigue){2, 48 * JD_HOUR, 72 * JD_HOUR};
        world_start(w);
        if (rows[i].first > NEVER_SET)
            IGNORED(.id = "1", .engagement = "S1", .at = rows[i].first, .channel = rows[i].channel);
        IGNORED(.id = "2", .engagement = "S2", .at = rows[i].second, .channel = rows[i].channel);
        if (rows[i].accepted)
            feed(w, &(struct spec){.id = "3",
                                   .engagement = "S2",
                                   .type = "suggestion.accepted",
                                   .class = JD_CLASS_FEEDBACK,
                                   .at = rows[i].second,
                                   .recorded = rows[i].second + 1,
                                   .channel = rows[i].channel});
        MSL(.id = "4", .engagement = "B", .at = 100, .recorded = 60);
        REP(.id = "5", .engagement = "A", .at = 110, .recorded = 61);
        const struct jd_trigger *trigger = last_effect(JD_TOPIC_TRIGGERS_COMMERCIAL)->value;
        cr_expect_eq(trigger->channel, rows[i].rests ? JD_CHANNEL_VIDEO : JD_CHANNEL_PHONE, "row %zu", i);
    }
    channels[2].fatigue = (struct jd_fatigue){0};
}

/* Conflicts of proximity and the life of their alerts. Expected lines follow from the definitions of
 * the policy language: two touches no farther apart than `within`, preventable while one is planned
 * and still to come. */
#include <criterion/criterion.h>
#include <string.h>

#include "base/avro.h"
#include "base/str.h"
#include "engine/fields.h"
#include "world.h"

WORLD_SUITE(proximity)

#define REP(...) feed(w, &(struct spec){.role = JD_ROLE_SALES_REP, __VA_ARGS__})
#define MSL(...) feed(w, &(struct spec){.role = JD_ROLE_MSL, __VA_ARGS__})

Test(proximity, the_edge_of_the_window_is_inside)
{
    world_rule(w, "r", span_ms(24));
    world_start(w);
    cr_assert(REP(.id = "1", .engagement = "A", .at = 100) == JD_APPLIED);
    MSL(.id = "2", .engagement = "B", .at = 124);
    EXPECT(w, "r A+B r1 open incident medium 86400000ms");
    MSL(.id = "3", .engagement = "C", .at = 124.001);
    EXPECT(w, "");
    MSL(.id = "4", .engagement = "D", .at = 76);
    EXPECT(w, "r A+D r1 open incident medium 86400000ms");
    MSL(.id = "5", .engagement = "E", .at = 75.999);
    EXPECT(w, "");
}

Test(proximity, a_pair_is_one_instance_whichever_way_round)
{
    struct jd_rule *rule = world_rule(w, "r", span_ms(0));
    rule->a = rule->b = select_role(w, JD_ROLE_NONE);
    world_start(w);
    REP(.id = "1", .engagement = "B", .at = 1);
    EXPECT(w, ""); /* not with itself */
    REP(.id = "2", .engagement = "A", .at = 1);
    EXPECT(w, "r A+B r1 open incident medium 0ms");
}

Test(proximity, alert_id_is_the_hash_of_rule_scope_key_and_instance)
{
    world_rule(w, "r", span_ms(1));
    world_start(w);
    REP(.id = "1", .engagement = "A", .at = 1);
    MSL(.id = "2", .at = 1);
    /* printf '1:r3:hcp1:h1:A11:["crm","2"]' | sha256sum, parts sorted as bytes: "A" < "[" */
    const struct jd_alert *alert = last_alert(w);
    cr_assert(jd_str_eq(alert->alert_id, JD_STR("929716196e2649d0c5ff1a52d1fd6b85")), JD_STR_FMT,
              JD_STR_ARG(alert->alert_id));
    const struct jd_event *evidence = alert->evidence.items;
    cr_assert(alert->evidence.count == 2 && jd_str_eq(evidence[1].engagement_id, JD_STR("[\"crm\",\"2\"]")));
    cr_assert(jd_str_eq(w->out.effects[0].key, JD_STR("hcp:h")));
    cr_assert(jd_str_eq(w->out.effects[0].id,
                        jd_arena_printf(&w->arena, JD_STR_FMT "/1", JD_STR_ARG(alert->alert_id))));
}

Test(proximity, a_plan_is_preventable_until_its_hour)
{
    world_rule(w, "r", span_ms(24));
    world_start(w);
    REP(.id = "1", .engagement = "A", .at = 100, .recorded = 50, .phase = JD_PHASE_PLANNED);
    MSL(.id = "2", .engagement = "B", .at = 90, .recorded = 60, .phase = JD_PHASE_PLANNED);
    EXPECT(w, "r A+B r1 open preventable medium 36000000ms");
    advance(w, 99.999);
    EXPECT(w, ""); /* B's hour has come, A's has not */
    advance(w, 100);
    EXPECT(w, "r A+B r2 open incident medium 36000000ms");
    REP(.id = "3", .engagement = "A", .at = 101, .recorded = 101);
    EXPECT(w, "r A+B r3 open incident medium 39600000ms");
}

Test(proximity, a_plan_that_is_not_kept_lapses_and_a_late_completion_revives)
{
    world_rule(w, "r", span_ms(24));
    world_start(w);
    MSL(.id = "1", .engagement = "B", .at = 95);
    REP(.id = "2", .engagement = "A", .at = 100, .recorded = 96, .phase = JD_PHASE_PLANNED);
    EXPECT(w, "r A+B r1 open preventable medium 18000000ms");
    advance(w, 148); /* time + 2 d: in time */
    EXPECT(w, "r A+B r2 open incident medium 18000000ms");
    advance(w, 148.001);
    EXPECT(w, "r A+B r3 retracted lapsed incident medium 18000000ms");
    feed_at(
        w, 200,
        &(struct spec){.id = "3", .engagement = "A", .at = 100, .recorded = 199, .role = JD_ROLE_SALES_REP});
    EXPECT(w, "r A+B r4 open incident medium 18000000ms");
}

Test(proximity, a_plan_that_comes_after_its_grace_is_no_touch)
{
    world_rule(w, "r", span_ms(24));
    world_start(w);
    MSL(.id = "1", .engagement = "B", .at = 100);
    feed_at(w, 148.001,
            &(struct spec){.id = "2",
                           .engagement = "A",
                           .at = 100,
                           .recorded = 90,
                           .phase = JD_PHASE_PLANNED,
                           .role = JD_ROLE_SALES_REP});
    EXPECT(w, "");
}

Test(proximity, cancelled_rescheduled_corrected_say_why)
{
    world_rule(w, "r", span_ms(24));
    world_start(w);
    MSL(.id = "1", .engagement = "B", .at = 100, .recorded = 10, .phase = JD_PHASE_PLANNED);
    REP(.id = "2", .engagement = "A", .at = 100, .recorded = 11, .phase = JD_PHASE_PLANNED);
    EXPECT(w, "r A+B r1 open preventable medium 0ms");
    REP(.id = "3", .engagement = "A", .at = 200, .recorded = 12, .phase = JD_PHASE_PLANNED);
    EXPECT(w, "r A+B r2 retracted rescheduled preventable medium 0ms");
    REP(.id = "4", .engagement = "A", .at = 110, .recorded = 13, .phase = JD_PHASE_PLANNED);
    EXPECT(w, "r A+B r3 open preventable medium 36000000ms");
    REP(.id = "5", .engagement = "A", .at = 110, .recorded = 14, .phase = JD_PHASE_CANCELLED);
    EXPECT(w, "r A+B r4 retracted cancelled preventable medium 36000000ms");
    REP(.id = "6", .engagement = "A", .at = 110, .recorded = 15, .phase = JD_PHASE_PLANNED);
    EXPECT(w, "r A+B r5 open preventable medium 36000000ms");
    feed(w, &(struct spec){.id = "7",
                           .engagement = "A",
                           .at = 110,
                           .recorded = 16,
                           .phase = JD_PHASE_PLANNED,
                           .role = JD_ROLE_MARKETING});
    EXPECT(w, "r A+B r6 retracted corrected preventable medium 36000000ms");
}

Test(proximity, an_older_version_that_comes_late_changes_nothing)
{
    world_rule(w, "r", span_ms(24));
    world_start(w);
    MSL(.id = "1", .engagement = "B", .at = 100);
    REP(.id = "2", .engagement = "A", .at = 300, .recorded = 120, .phase = JD_PHASE_PLANNED);
    cr_assert(REP(.id = "3", .engagement = "A", .at = 100, .recorded = 119, .phase = JD_PHASE_PLANNED) ==
              JD_APPLIED);
    EXPECT(w, "");
    /* Of equals: planned < completed < cancelled, then the greater id. */
    REP(.id = "9", .engagement = "A", .at = 101, .recorded = 120, .phase = JD_PHASE_PLANNED);
    EXPECT(w, "r A+B r1 open incident medium 3600000ms");
    REP(.id = "1a", .engagement = "A", .at = 300, .recorded = 120, .phase = JD_PHASE_PLANNED);
    EXPECT(w, "");
    REP(.id = "0", .engagement = "A", .at = 102, .recorded = 120);
    EXPECT(w, "r A+B r2 open incident medium 7200000ms");
}

Test(proximity, a_duplicate_is_ignored_and_another_content_refused)
{
    world_rule(w, "r", span_ms(24));
    world_start(w);
    cr_assert(REP(.id = "1", .engagement = "A", .at = 100) == JD_APPLIED);
    cr_assert(REP(.id = "1", .engagement = "A", .at = 100) == JD_DUPLICATE);
    cr_assert(REP(.id = "1", .source = "other", .engagement = "A2", .at = 100) == JD_APPLIED);
    cr_assert(REP(.id = "1", .engagement = "A", .at = 101) == JD_DEAD_LETTERED);
    cr_assert_str_eq(w->reason, "id_conflict");
    /* Found in whichever engagement it was seen first. */
    cr_assert(REP(.id = "1", .engagement = "Z", .at = 100) == JD_DEAD_LETTERED);
    cr_assert_str_eq(w->reason, "id_conflict");
    cr_assert(w->out.applied == 2 && w->out.duplicates == 1 && w->out.dead_lettered == 2);
}

Test(proximity, lateness_is_judged_by_both_versions)
{
    world_start(w);
    const double late = 30 * 24;
    cr_assert(feed_at(w, 1000 + late, &(struct spec){.id = "1", .engagement = "A", .at = 1000}) ==
              JD_APPLIED);
    cr_assert(feed_at(w, 1000 + late, &(struct spec){.id = "2", .engagement = "B", .at = 999.999}) ==
              JD_DEAD_LETTERED);
    cr_assert_str_eq(w->reason, "too_late");
    /* A new version of A in time, while A itself lies too far back. */
    cr_assert(feed_at(w, 1000.001 + late,
                      &(struct spec){.id = "3", .engagement = "A", .at = 1100, .recorded = 1001 + late}) ==
              JD_DEAD_LETTERED);
    cr_assert_str_eq(w->reason, "too_late");
    /* An older version replaces nothing: judged by itself alone. */
    cr_assert(feed_at(w, 1000.001 + late,
                      &(struct spec){.id = "4", .engagement = "A", .at = 1100, .recorded = 900}) ==
              JD_APPLIED);
    cr_assert(feed_at(w, 1000.001 + late, &(struct spec){.id = "1", .engagement = "A", .at = 1000}) ==
              JD_DUPLICATE);
    cr_assert(
        feed_at(w, 0, &(struct spec){.id = "5", .engagement = "C", .at = 1000 + late + 730 * 24 + 0.01}) ==
        JD_DEAD_LETTERED);
    cr_assert_str_eq(w->reason, "too_far_ahead");
    cr_assert(feed_at(w, 0, &(struct spec){.id = "6", .engagement = "C", .at = 1000.1 + late}) ==
              JD_DEAD_LETTERED);
    cr_assert_str_eq(w->reason, "from_the_future");
    cr_assert(feed_at(w, 0, &(struct spec){.id = "7", .engagement = "C", .at = 1000.05 + late}) ==
              JD_APPLIED);
}

Test(proximity, same_and_different_need_the_field)
{
    static const char *const some[] = {"m1", "m2"}, *const other[] = {"m3", "m2"}, *const none[] = {"m4"};
    struct jd_field_ref team, messages, product;
    cr_assert(jd_field_ref_of(JD_STR("team"), &team) && jd_field_ref_of(JD_STR("key_messages"), &messages) &&
              jd_field_ref_of(JD_STR("product"), &product));
    const struct jd_field_ref same[] = {team, messages}, different[] = {product};
    struct jd_rule *rule = world_rule(w, "r", span_ms(24));
    rule->same = same;
    rule->same_count = 2;
    rule->different = different;
    rule->different_count = 1;
    world_start(w);
#define TOUCH(role_, id_, t, m, n, p)                                                                        \
    feed(w, &(struct spec){.id = id_,                                                                        \
                           .engagement = id_,                                                                \
                           .at = 100,                                                                        \
                           .role = role_,                                                                    \
                           .team = t,                                                                        \
                           .messages = m,                                                                    \
                           .message_count = n,                                                               \
                           .product = p})
    TOUCH(JD_ROLE_MSL, "B", "t1", some, 2, "p1");
    TOUCH(JD_ROLE_SALES_REP, "A1", "t1", other, 2, "p2");
    EXPECT(w, "r A1+B r1 open incident medium 0ms");
    TOUCH(JD_ROLE_SALES_REP, "A2", "t2", other, 2, "p2");
    TOUCH(JD_ROLE_SALES_REP, "A3", NULL, other, 2, "p2");
    TOUCH(JD_ROLE_SALES_REP, "A4", "t1", none, 1, "p2");
    TOUCH(JD_ROLE_SALES_REP, "A5", "t1", NULL, 0, "p2");
    TOUCH(JD_ROLE_SALES_REP, "A6", "t1", other, 2, "p1");
    TOUCH(JD_ROLE_SALES_REP, "A7", "t1", other, 2, NULL);
    EXPECT(w, "");
#undef TOUCH
}

Test(proximity, different_any_wants_one)
{
    struct jd_field_ref fields[2];
    cr_assert(jd_field_ref_of(JD_STR("product"), &fields[0]) && jd_field_ref_of(JD_STR("topic"), &fields[1]));
    struct jd_rule *rule = world_rule(w, "r", span_ms(24));
    rule->different = fields;
    rule->different_count = 2;
    rule->different_any = true;
    world_start(w);
    MSL(.id = "B", .engagement = "B", .at = 1, .product = "p", .topic = "t");
    REP(.id = "1", .engagement = "A1", .at = 1, .product = "p", .topic = "t");
    REP(.id = "2", .engagement = "A2", .at = 1, .product = "p");
    EXPECT(w, "");
    REP(.id = "3", .engagement = "A3", .at = 1, .product = "p", .topic = "u");
    EXPECT(w, "r A3+B r1 open incident medium 0ms");
}

Test(proximity, a_declared_group_stands_for_its_values)
{
    static const struct jd_str values[] = {{"dose", 4}, {"dosing", 6}, {"safety", 6}};
    static const uint16_t sets[] = {1, 1, 2};
    static const struct jd_group group = {{"topics", 6}, values, sets, 3, NULL};
    struct jd_field_ref topic;
    cr_assert(jd_field_ref_of(JD_STR("topic"), &topic));
    topic.group = &group;
    struct jd_rule *rule = world_rule(w, "r", span_ms(24));
    rule->same = &topic;
    rule->same_count = 1;
    world_start(w);
    MSL(.id = "B", .engagement = "B", .at = 1, .topic = "dosing");
    MSL(.id = "C", .engagement = "C", .at = 1, .topic = "price");
    REP(.id = "1", .engagement = "A1", .at = 1, .topic = "dose");
    EXPECT(w, "r A1+B r1 open incident medium 0ms");
    REP(.id = "2", .engagement = "A2", .at = 1, .topic = "safety");
    EXPECT(w, "");
    REP(.id = "3", .engagement = "A3", .at = 1, .topic = "price"); /* in no set: itself */
    EXPECT(w, "r A3+C r1 open incident medium 0ms");
}

Test(proximity, unless_leaves_out_touches_and_joint_visits)
{
    struct jd_rule *rule = world_rule(w, "r", span_ms(24));
    struct jd_selector unless = select_text(w, "topic", "safety");
    rule->unless = &unless;
    rule->unless_count = 1;
    rule->unless_joint = true;
    world_start(w);
    MSL(.id = "B", .engagement = "B", .at = 100, .actor = "m1");
    REP(.id = "1", .engagement = "A1", .at = 100, .topic = "safety");
    REP(.id = "2", .engagement = "A2", .at = 104, .joint = "m1");
    EXPECT(w, "");
    REP(.id = "3", .engagement = "A3", .at = 104.001, .joint = "m1"); /* too far apart for one visit */
    EXPECT(w, "r A3+B r1 open incident medium 14403600ms");
    REP(.id = "4", .engagement = "A4", .at = 100, .joint = "m2");
    EXPECT(w, "r A4+B r1 open incident medium 0ms");
}

Test(proximity, both_must_lie_inside_the_validity_of_the_rule)
{
    struct jd_rule *rule = world_rule(w, "r", span_ms(24));
    rule->valid_from = HOURS(100);
    rule->valid_to = HOURS(110);
    world_start(w);
    MSL(.id = "1", .engagement = "B1", .at = 99.999);
    MSL(.id = "2", .engagement = "B2", .at = 100);
    MSL(.id = "3", .engagement = "B3", .at = 110);
    REP(.id = "4", .engagement = "A", .at = 105);
    EXPECT(w, "r A+B2 r1 open incident medium 18000000ms");
}

Test(proximity, the_first_severity_that_holds_decides)
{
    static const struct jd_span near = {.unit = JD_SPAN_MS, .amount = JD_HOUR};
    struct jd_selector rep = select_text(w, "team", "t1");
    const struct jd_severity_case cases[] = {
        {.severity = JD_SEVERITY_CRITICAL, .phase = JD_ALERT_PHASE_PREVENTABLE, .within = &near},
        {.severity = JD_SEVERITY_HIGH, .a = &rep},
        {.severity = JD_SEVERITY_LOW, .within = &near},
        {.severity = JD_SEVERITY_INFO},
    };
    struct jd_rule *rule = world_rule(w, "r", span_ms(24));
    rule->severities = cases;
    rule->severity_count = JD_COUNT(cases);
    world_start(w);
    MSL(.id = "1", .engagement = "B", .at = 100, .team = "t1");
    REP(.id = "2", .engagement = "A1", .at = 100);
    EXPECT(w, "r A1+B r1 open incident low 0ms");
    REP(.id = "3", .engagement = "A2", .at = 102, .team = "t1");
    EXPECT(w, "r A2+B r1 open incident high 7200000ms");
    REP(.id = "4", .engagement = "A3", .at = 102);
    EXPECT(w, "r A3+B r1 open incident info 7200000ms");
    feed_at(w, 103,
            &(struct spec){.id = "5",
                           .engagement = "A4",
                           .at = 200,
                           .recorded = 103,
                           .phase = JD_PHASE_PLANNED,
                           .role = JD_ROLE_SALES_REP});
    feed_at(w, 103,
            &(struct spec){.id = "6",
                           .engagement = "B4",
                           .at = 200.5,
                           .recorded = 103,
                           .phase = JD_PHASE_PLANNED,
                           .role = JD_ROLE_MSL});
    EXPECT(w, "r A4+B4 r1 open preventable critical 1800000ms");
    advance(w, 200.5);
    EXPECT(w, "r A4+B4 r2 open incident low 1800000ms");
}

Test(proximity, local_dates_count_in_the_zone_of_the_physician)
{
    world_rule(w, "r",
               (struct jd_span){.unit = JD_SPAN_DAYS_LOCAL, .amount = 0, .text = JD_STR("{days: 0}")});
    world_start(w);
    MSL(.id = "1", .engagement = "B", .at = 3);  /* Monday 03:00Z: Sunday evening in New York */
    REP(.id = "2", .engagement = "A", .at = 20); /* Monday in UTC and in New York, Tuesday in Tokyo */
    EXPECT(w, "r A+B r1 open incident medium 0days");
    struct jd_hcp_profile profile = profile_of("h", 21, "America/New_York");
    cr_assert(feed_profile(w, &profile) == JD_APPLIED);
    EXPECT(w, "r A+B r2 retracted corrected incident medium 0days");
    REP(.id = "3", .engagement = "C", .at = 4.5);
    EXPECT(w, "r B+C r1 open incident medium 0days");
    profile = profile_of("h", 20, "UTC"); /* older: loses */
    feed_profile(w, &profile);
    EXPECT(w, "");
    profile = profile_of("h", 22, "Mars/Olympus");
    cr_assert(feed_profile(w, &profile) == JD_DEAD_LETTERED);
    cr_assert_str_eq(w->reason, "unknown_zone");
    advance(w, 23);
    cr_assert(feed_profile(w, NULL) == JD_APPLIED); /* gone: back to the default */
    EXPECT(w, "r A+B r3 open incident medium 0days");
}

Test(proximity, the_market_of_the_event_gives_the_zone_where_no_profile_does)
{
    world_rule(w, "r",
               (struct jd_span){.unit = JD_SPAN_DAYS_LOCAL, .amount = 0, .text = JD_STR("{days: 0}")});
    world_start(w);
    MSL(.id = "1", .engagement = "B", .at = 14, .country = "JP");
    REP(.id = "2", .engagement = "A", .at = 16, .country = "JP"); /* 01:00 the next day in Tokyo */
    EXPECT(w, "");
}

Test(proximity, months_are_reckoned_from_the_earlier_member)
{
    world_rule(w, "r", (struct jd_span){.unit = JD_SPAN_MONTHS, .amount = 1, .text = JD_STR("1mo")});
    w->program.window_ms = 31 * JD_DAY;
    world_start(w);
    const double january_31 = -30 * 24.0; /* 2026-01-31 is 30 days before 2 March */
    MSL(.id = "1", .engagement = "B", .at = january_31 + 12);
    REP(.id = "2", .engagement = "A", .at = -2 * 24 + 12); /* 28 February 12:00: clamped, the edge */
    EXPECT(w, "r A+B r1 open incident medium 2419200000ms");
    REP(.id = "3", .engagement = "C", .at = -2 * 24 + 12.001);
    EXPECT(w, "");
}

Test(proximity, an_alert_that_nothing_can_change_is_final_and_leaves)
{
    world_rule(w, "r", span_ms(24));
    world_start(w);
    MSL(.id = "1", .engagement = "B", .at = 100);
    REP(.id = "2", .engagement = "A", .at = 110);
    EXPECT(w, "r A+B r1 open incident medium 36000000ms");
    const double frozen = 110 + 30 * 24;
    advance(w, frozen);
    EXPECT(w, "");
    advance(w, frozen + 0.001);
    EXPECT(w, "r A+B r2 open incident medium 36000000ms final");
    cr_assert_str_empty(standing(w));
    advance(w, 100 + 37 * 24.0); /* lateness + window: the touches are still held, and leave after it */
    cr_assert(jd_fold_key_count(w->fold) == 1);
    advance(w, 110 + 37 * 24 + 0.001);
    EXPECT(w, "");
    cr_assert(jd_fold_key_count(w->fold) == 1); /* that it is final is known for the lateness more */
    advance(w, frozen + 30 * 24 + 0.001);
    EXPECT(w, "");
    cr_assert(jd_fold_key_count(w->fold) == 0);
    cr_assert(jd_fold_next_due(w->fold) == JD_NEVER);
}

Test(proximity, a_retracted_alert_leaves_with_its_touches)
{
    world_rule(w, "r", span_ms(24));
    world_start(w);
    MSL(.id = "1", .engagement = "B", .at = 100);
    REP(.id = "2", .engagement = "A", .at = 110);
    REP(.id = "3", .engagement = "A", .at = 110, .recorded = 111, .phase = JD_PHASE_CANCELLED);
    EXPECT(
        w,
        "r A+B r1 open incident medium 36000000ms; r A+B r2 retracted cancelled incident medium 36000000ms");
    advance(w, 4000);
    EXPECT(w, "");
    cr_assert(jd_fold_key_count(w->fold) == 0);
}

Test(proximity, an_engagement_of_another_class_that_leaves_takes_no_alert_with_it)
{
    world_rule(w, "r", span_ms(24));
    world_start(w);
    feed(w, &(struct spec){
                .id = "1", .engagement = "A", .type = "web.visit", .class = JD_CLASS_RESPONSE, .at = 1});
    MSL(.id = "2", .engagement = "B", .at = 2000, .recorded = 10, .phase = JD_PHASE_PLANNED);
    REP(.id = "3", .engagement = "A", .at = 2000, .recorded = 11, .phase = JD_PHASE_PLANNED);
    EXPECT(w, "r A+B r1 open preventable medium 0ms");
    advance(w, 1999);
    EXPECT(w, "");
    cr_assert_str_eq(standing(w), "r A+B open preventable medium 0ms; ");
}

Test(proximity, effects_come_by_rule_then_instance)
{
    world_rule(w, "a", span_ms(24));
    world_rule(w, "b", span_ms(24));
    world_start(w);
    MSL(.id = "1", .engagement = "D", .at = 100);
    MSL(.id = "2", .engagement = "C", .at = 101);
    REP(.id = "3", .engagement = "B", .at = 102);
    EXPECT(w, "a B+C r1 open incident medium 3600000ms; a B+D r1 open incident medium 7200000ms; "
              "b B+C r1 open incident medium 3600000ms; b B+D r1 open incident medium 7200000ms");
}

Test(proximity, other_classes_are_matched_where_a_rule_names_them)
{
    struct jd_rule *rule = world_rule(w, "r", span_ms(24));
    rule->b = select_text(w, "type", "mi.requested");
    rule->b.classes = 1u << JD_CLASS_REQUEST;
    world_start(w);
    REP(.id = "1", .engagement = "A", .at = 100);
    feed(w, &(struct spec){
                .id = "2", .engagement = "Q", .type = "mi.requested", .class = JD_CLASS_REQUEST, .at = 101});
    EXPECT(w, "r A+[\"crm\",\"2\"] r1 open incident medium 3600000ms");
    feed(w, &(struct spec){.id = "3",
                           .engagement = "Q",
                           .type = "mi.requested",
                           .class = JD_CLASS_REQUEST,
                           .at = 101,
                           .recorded = 102,
                           .phase = JD_PHASE_CANCELLED});
    EXPECT(w, "r A+[\"crm\",\"2\"] r2 retracted cancelled incident medium 3600000ms");
}

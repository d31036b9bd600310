/* Another policy over states that are held. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/avro.h"
#include "base/contract.h"
#include "base/str.h"
#include "engine/conflicts/conflicts.h"
#include "engine/entries.h"
#include "world.h"

static struct world world;
static struct world *const w = &world;
static struct jd_program next; /* the policy that comes */
static struct jd_rule rules[RULES_MAX];

static void setup(void)
{
    world_init(w);
}

static void teardown(void)
{
    world_done(w);
}

TestSuite(review, .init = setup, .fini = teardown);

#define REP(...) feed(w, &(struct spec){.role = JD_ROLE_SALES_REP, __VA_ARGS__})
#define MSL(...) feed(w, &(struct spec){.role = JD_ROLE_MSL, __VA_ARGS__})

static struct jd_rule *rule(const char *id, int64_t hours, int64_t digest)
{
    struct jd_rule *made = world_rule(w, id, span_ms(hours));
    made->digest = digest;
    made->complete_from = JD_TIME_NONE;
    made->reach_ms = hours * JD_HOUR;
    return made;
}

/* The first policy of the lineage: the rules so far. */
static void begin(void)
{
    world_start(w);
    jd_fold_adopt(w->fold, &w->program, NULL, &w->out);
    jd_fold_keep(w->fold);
    cr_assert_not(jd_fold_is_reviewing(w->fold));
    next = w->program;
    memcpy(rules, w->rules, sizeof rules);
    next.rules = rules;
    next.hash = JD_STR("next");
}

static void adopt(const jd_time *since)
{
    struct jd_program *program = jd_arena_alloc(&w->arena, sizeof *program);
    *program = next;
    jd_fold_adopt(w->fold, program, since, &w->out);
    jd_fold_keep(w->fold);
    jd_fold_set_program(w->fold, program);
}

static uint32_t review(uint32_t states)
{
    uint32_t count = jd_fold_review(
        w->fold, &(struct jd_review_limit){.states = states, .changes = 1000, .bytes = 1 << 20}, &w->out);
    jd_fold_keep(w->fold);
    return count;
}

static const struct jd_program_entry *entry(void)
{
    const struct jd_slot *slot =
        jd_state_slot(jd_states_find(w->fold, JD_STR("shard")), JD_ENTRY_PROGRAM, 0, JD_STR("-"), &w->arena);
    return jd_slot_program(slot, &w->arena);
}

Test(review, what_no_longer_holds_is_retracted_and_what_holds_now_opens)
{
    rule("gone", 48, 1);
    rule("kept", 48, 2);
    rule("less", 48, 3);
    begin();
    REP(.id = "1", .engagement = "A", .at = 100);
    MSL(.id = "2", .engagement = "B", .at = 130);
    REP(.id = "3", .engagement = "C", .at = 150);
    (void)effects(w);
    rules[0] = rules[1];
    rules[0].version = 7; /* its digest says that nothing changed */
    rules[1] = rules[2];
    rules[1].within = span_ms(24);
    rules[1].digest = 4;
    rules[2] = rules[1];
    rules[2].id = JD_STR("new");
    rules[2].digest = 5;
    adopt(NULL);
    cr_assert(jd_fold_is_reviewing(w->fold));
    cr_assert_eq(review(10), 1);
    cr_assert_not(jd_fold_is_reviewing(w->fold));
    EXPECT(w, "gone A+B r2 retracted policy incident medium 108000000ms; "
              "gone B+C r2 retracted policy incident medium 72000000ms; "
              "less A+B r2 retracted policy incident medium 108000000ms; "
              "less B+C r2 open incident medium 72000000ms; " /* its limit is another */
              "new B+C r1 open incident medium 72000000ms");
    adopt(NULL); /* the same again changes nothing */
    cr_assert_not(jd_fold_is_reviewing(w->fold));
    MSL(.id = "4", .engagement = "B", .at = 130, .recorded = 160, .phase = JD_PHASE_CANCELLED);
    EXPECT(w, "kept A+B r2 retracted cancelled incident medium 108000000ms; "
              "kept B+C r2 retracted cancelled incident medium 72000000ms; "
              "less B+C r3 retracted cancelled incident medium 72000000ms; "
              "new B+C r2 retracted cancelled incident medium 72000000ms");
}

Test(review, a_rule_that_comes_back_opens_its_alerts_again)
{
    rule("r", 48, 1);
    begin();
    REP(.id = "1", .engagement = "A", .at = 100);
    MSL(.id = "2", .engagement = "B", .at = 130);
    (void)effects(w);
    next.rule_count = 0;
    adopt(NULL);
    (void)review(10);
    EXPECT(w, "r A+B r2 retracted policy incident medium 108000000ms");
    next.rule_count = 1;
    adopt(NULL);
    (void)review(10);
    EXPECT(w, "r A+B r3 open incident medium 108000000ms");
}

Test(review, a_new_rule_is_about_nothing_before_its_start)
{
    rule("old", 48, 1);
    begin();
    REP(.id = "1", .engagement = "A", .at = 100);
    MSL(.id = "2", .engagement = "B", .at = 110);
    REP(.id = "3", .engagement = "C", .at = 120);
    MSL(.id = "4", .engagement = "D", .at = 125);
    (void)effects(w);
    rules[1] = rules[0];
    rules[1].id = JD_STR("young");
    rules[1].digest = 2;
    next.rule_count = 2;
    const jd_time since[] = {HOURS(50), HOURS(120)};
    adopt(since);
    (void)review(10);
    EXPECT(w, "young C+D r1 open incident medium 18000000ms");
}

Test(review, a_rule_says_since_when_it_is_complete)
{
    rule("r", 48, 1);
    w->program.window_ms = 48 * JD_HOUR;
    begin();
    REP(.id = "1", .engagement = "A", .at = 2000);
    (void)effects(w);
    rules[0].within = span_ms(24 * 40);
    rules[0].reach_ms = 40 * JD_DAY;
    rules[0].digest = 2;
    next.window_ms = 40 * JD_DAY;
    adopt(NULL);
    (void)review(10);
    /* 30 d of lateness and two of the window were held. */
    cr_assert_eq(entry()->held_from, HOURS(2000) - 32 * JD_DAY);
    MSL(.id = "2", .engagement = "B", .at = 2001);
    cr_assert_eq(last_alert(w)->complete_from, HOURS(2000) + 8 * JD_DAY);
    MSL(.id = "3", .engagement = "C", .at = 2000 + 8 * 24);
    cr_assert_eq(last_alert(w)->complete_from, JD_TIME_NONE);
}

Test(review, a_state_that_is_needed_before_its_turn_is_evaluated_first)
{
    rule("r", 48, 1);
    begin();
    REP(.id = "1", .engagement = "A", .at = 100);
    MSL(.id = "2", .engagement = "B", .at = 110);
    REP(.id = "3", .engagement = "C", .at = 112);
    (void)effects(w);
    rules[0].within = span_ms(5);
    rules[0].digest = 2;
    adopt(NULL);
    MSL(.id = "4", .engagement = "D", .at = 113);
    EXPECT(w, "r A+B r2 retracted policy incident medium 36000000ms; "
              "r B+C r2 open incident medium 7200000ms; r C+D r1 open incident medium 3600000ms");
    cr_assert_eq(review(10), 1);
    EXPECT(w, "");
}

Test(review, in_parts_undone_and_overtaken_by_the_next_policy)
{
    rule("r", 48, 1);
    begin();
    char hcp[16], id[16];
    for (int i = 0; i < 50; i++) {
        (void)snprintf(hcp, sizeof hcp, "h%02d", i);
        (void)snprintf(id, sizeof id, "%d", i);
        REP(.id = id, .engagement = "A", .hcp = hcp, .at = 100);
        (void)snprintf(id, sizeof id, "%d'", i);
        MSL(.id = id, .engagement = "B", .hcp = hcp, .at = 110);
    }
    jd_fold_keep(w->fold);
    (void)effects(w);
    struct jd_program first = w->program, second = next;
    struct jd_rule changed = rules[0];
    changed.within = span_ms(5);
    changed.digest = 2;
    second.rules = &changed;
    next = second;
    adopt(NULL);
    cr_assert_eq(review(20), 20);
    cr_assert_eq(alerts_told(w), 20);
    (void)jd_fold_review(w->fold, &(struct jd_review_limit){.states = 20, .changes = 1000, .bytes = 1 << 20},
                         &w->out);
    jd_fold_undo(w->fold);
    (void)effects(w);
    cr_assert(jd_str_eq(entry()->reviewed, JD_STR("hcp:h19")));
    cr_assert_eq(review(10), 10);
    (void)effects(w);
    /* Back to the first: it is as all states knew it once, and those up to h29 do not now. */
    next = first;
    adopt(NULL);
    cr_assert(jd_fold_is_reviewing(w->fold));
    cr_assert_eq(review(100), 50);
    cr_assert_eq(alerts_told(w), 30);
    cr_assert_not(jd_fold_is_reviewing(w->fold));
}

Test(review, plans_lapse_by_the_new_time)
{
    rule("r", 48, 1);
    begin();
    REP(.id = "1", .engagement = "A", .at = 100, .recorded = 50, .phase = JD_PHASE_PLANNED);
    MSL(.id = "2", .engagement = "B", .at = 102, .recorded = 110);
    (void)effects(w);
    next.planned_grace_ms = 2 * JD_HOUR;
    rules[0].digest = 2;
    adopt(NULL);
    (void)review(10);
    EXPECT(w, "r A+B r2 retracted policy incident medium 7200000ms");
    next.planned_grace_ms = 48 * JD_HOUR;
    rules[0].digest = 3;
    adopt(NULL);
    (void)review(10);
    EXPECT(w, "r A+B r3 open incident medium 7200000ms");
    advance(w, 148.001);
    EXPECT(w, "r A+B r4 retracted lapsed incident medium 7200000ms");
}

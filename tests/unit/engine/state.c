/* The states of a shard: keep and undo, order of timers, entries from outside, another program. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/avro.h"
#include "base/contract.h"
#include "base/str.h"
#include "world.h"

static struct world world;
static struct world *const w = &world;

static void setup(void)
{
    world_init(w);
    world_rule(w, "r", span_ms(24));
}

static void teardown(void)
{
    world_done(w);
}

TestSuite(state, .init = setup, .fini = teardown);

static struct jd_str image_of(const struct jd_fold *fold, const char *key)
{
    struct jd_image image;
    if (!jd_fold_image(fold, jd_str_of(key), &w->arena, &image))
        return (struct jd_str){0};
    return jd_avro_bytes(&jd_image_record, &image, &w->arena);
}

/* One random event of a few physicians and engagements, so that versions, pairs and plans meet. */
static void random_event(unsigned i)
{
    static const char *const hcps[] = {"h", "i", "j"}, *const engagements[] = {"A", "B", "C", "D", "E"};
    char id[16];
    (void)snprintf(id, sizeof id, "%u", i);
    double now = i;
    (void)feed_at(w, now,
                  &(struct spec){.id = id,
                                 .hcp = hcps[rand() % 3],
                                 .engagement = engagements[rand() % 5],
                                 .role = rand() % 2 ? JD_ROLE_MSL : JD_ROLE_SALES_REP,
                                 .phase = (enum jd_phase)(1 + rand() % 3),
                                 .at = now - 40 + rand() % 80,
                                 .recorded = now - rand() % 5 + 0.5});
}

Test(state, undo_takes_back_states_clock_and_timers)
{
    srand(20260302);
    world_start(w);
    for (unsigned i = 0; i < 600; i++) {
        for (int k = rand() % 4; k >= 0; k--)
            random_event(++i);
        jd_fold_keep(w->fold);
        struct jd_str before[] = {image_of(w->fold, "hcp:h"), image_of(w->fold, "hcp:i"),
                                  image_of(w->fold, "hcp:j")};
        jd_time now = jd_fold_now(w->fold), due = jd_fold_next_due(w->fold);
        size_t count = jd_fold_key_count(w->fold);
        for (int k = rand() % 6; k >= 0; k--)
            random_event(i + 1 + (unsigned)(rand() % 900)); /* often far ahead: timers fire */
        jd_fold_undo(w->fold);
        struct jd_str after[] = {image_of(w->fold, "hcp:h"), image_of(w->fold, "hcp:i"),
                                 image_of(w->fold, "hcp:j")};
        for (int k = 0; k < 3; k++)
            cr_assert(jd_str_eq(before[k], after[k]), "seed 20260302, event %u, state %d", i, k);
        cr_assert(jd_fold_now(w->fold) == now && jd_fold_next_due(w->fold) == due);
        cr_assert(jd_fold_key_count(w->fold) == count);
        w->out.effect_count = w->out.change_count = 0;
    }
}

Test(state, changes_make_the_same_state_elsewhere)
{
    srand(7);
    world_start(w);
    struct jd_fold *live = w->fold;
    struct world other;
    world_init(&other);
    world_rule(&other, "r", span_ms(24));
    world_start(&other);
    for (unsigned i = 1; i < 3000; i++) {
        random_event(i);
        for (uint32_t k = 0; k < w->out.change_count; k++) {
            struct jd_error err;
            cr_assert(jd_fold_put(other.fold, &w->out.changes[k], &err), "%s", err.text);
            /* Redoing it twice is harmless. */
            cr_assert(jd_fold_put(other.fold, &w->out.changes[k], &err), "%s", err.text);
        }
        w->out.effect_count = w->out.change_count = 0;
        jd_fold_keep(other.fold);
        jd_fold_keep(live);
    }
    static const char *const keys[] = {"hcp:h", "hcp:i", "hcp:j"};
    for (size_t i = 0; i < JD_COUNT(keys); i++)
        cr_assert(jd_str_eq(image_of(live, keys[i]), image_of(other.fold, keys[i])), "seed 7, %s", keys[i]);
    cr_assert(jd_fold_next_due(live) == jd_fold_next_due(other.fold));
    world_done(&other);
}

Test(state, timers_fire_by_due_then_key)
{
    world_start(w);
    static const char *const hcps[] = {"c", "a", "b"};
    static const double at[] = {50, 50, 49};
    for (int i = 0; i < 3; i++)
        feed(w, &(struct spec){.id = "1",
                               .hcp = hcps[i],
                               .engagement = "A",
                               .phase = JD_PHASE_PLANNED,
                               .at = at[i],
                               .recorded = 10});
    w->out.change_count = 0;
    cr_assert(jd_fold_next_due(w->fold) == HOURS(49));
    cr_assert(!jd_fold_advance(w->fold, HOURS(60), 2, &w->out)); /* a limit stops between two timers */
    cr_assert(w->out.timers == 2 && jd_fold_now(w->fold) == HOURS(50));
    cr_assert(jd_fold_advance(w->fold, HOURS(60), 2, &w->out));
    cr_assert(jd_fold_now(w->fold) == HOURS(60));
    cr_assert(w->out.change_count == 3);
    cr_assert(jd_str_eq(w->out.changes[0].key, JD_STR("hcp:b")) &&
              jd_str_eq(w->out.changes[1].key, JD_STR("hcp:a")) &&
              jd_str_eq(w->out.changes[2].key, JD_STR("hcp:c")));
}

Test(state, the_clock_only_moves_forward_and_profiles_may_leave_it)
{
    world_start(w);
    struct jd_input input = {.kind = JD_INPUT_CLOCK, .effective = HOURS(10)};
    cr_assert(jd_fold_input(w->fold, &input, &w->out, &w->reason) == JD_APPLIED);
    input.effective = HOURS(5);
    cr_assert(jd_fold_input(w->fold, &input, &w->out, &w->reason) == JD_APPLIED);
    cr_assert(jd_fold_now(w->fold) == HOURS(10) && w->out.applied == 2);
    struct jd_hcp_profile profile = profile_of("h", 100, NULL);
    struct jd_input early = {
        .kind = JD_INPUT_HCP_PROFILE, .key = JD_STR("h"), .effective = JD_TIME_NONE, .hcp = &profile};
    cr_assert(jd_fold_input(w->fold, &early, &w->out, &w->reason) == JD_APPLIED);
    cr_assert(jd_fold_now(w->fold) == HOURS(10));
}

Test(state, entries_from_outside_are_checked)
{
    world_start(w);
    struct jd_error err;
    struct jd_change change = {.key = JD_STR("hcp:h"),
                               .id = JD_STR("touch:A"),
                               .kind = JD_ENTRY_ENGAGEMENT,
                               .due = JD_TIME_NONE,
                               .body = {JD_ENTRY_ENGAGEMENT, JD_STR("rubbish")}};
    cr_assert(!jd_fold_put(w->fold, &change, &err));
    change.body.branch = JD_ENTRY_ALERT;
    cr_assert(!jd_fold_put(w->fold, &change, &err));
    change.kind = JD_ENTRY_END_;
    cr_assert(!jd_fold_put(w->fold, &change, &err));
    cr_assert(jd_fold_key_count(w->fold) == 0);
    struct jd_shard_entry shard = {.policy = JD_STR("p")};
    change = (struct jd_change){
        .key = JD_STR("shard"),
        .id = JD_STR("-"),
        .kind = JD_ENTRY_SHARD,
        .due = JD_TIME_NONE,
        .body = {JD_ENTRY_SHARD, jd_avro_bytes(jd_entry_records[JD_ENTRY_SHARD - 1], &shard, &w->arena)}};
    cr_assert(jd_fold_change(w->fold, &change, &w->out, &err), "%s", err.text);
    cr_assert(w->out.change_count == 1 && image_of(w->fold, "shard").ptr != NULL);
    jd_fold_undo(w->fold);
    cr_assert(jd_fold_key_count(w->fold) == 0);
}

Test(state, another_program_is_matched_against_what_is_held)
{
    world_start(w);
    feed(w, &(struct spec){.id = "1", .engagement = "A", .role = JD_ROLE_MARKETING, .at = 100});
    jd_fold_keep(w->fold);
    struct jd_program program = w->program;
    struct jd_rule rule = w->rules[0];
    rule.a = select_role(w, JD_ROLE_MARKETING);
    program.rules = &rule;
    jd_fold_set_program(w->fold, &program);
    feed(w, &(struct spec){.id = "2", .engagement = "B", .role = JD_ROLE_MSL, .at = 100});
    EXPECT(w, "r A+B r1 open incident medium 0ms");
}

Test(state, many_keys_come_and_go)
{
    world_start(w);
    char hcp[16];
    for (int i = 0; i < 5000; i++) {
        (void)snprintf(hcp, sizeof hcp, "h%d", i);
        feed(w, &(struct spec){.id = "1", .hcp = hcp, .engagement = "A", .at = 100 + i % 7});
        if (i % 11 == 0)
            jd_fold_undo(w->fold);
        else
            jd_fold_keep(w->fold);
    }
    cr_assert(jd_fold_key_count(w->fold) == 5000 - 455);
    advance(w, 5000);
    jd_fold_keep(w->fold);
    cr_assert(jd_fold_key_count(w->fold) == 0);
}

/* Without an engagement_id the key is the text of two ids, each up to 256 bytes and escaped. */
Test(state, the_longest_names_are_kept)
{
    char id[257], source[257];
    memset(id, '\x01', 256);
    memset(source, '"', 256);
    id[256] = source[256] = '\0';
    world_start(w);
    feed(w, &(struct spec){.id = id, .source = source, .role = JD_ROLE_MSL, .at = 100});
    feed(w, &(struct spec){.id = "2", .engagement = "B", .role = JD_ROLE_SALES_REP, .at = 101});
    cr_assert(alerts_told(w) == 1);
    cr_assert(feed(w, &(struct spec){.id = id, .source = source, .role = JD_ROLE_MSL, .at = 100}) ==
              JD_DUPLICATE);
    feed(w, &(struct spec){.id = "3", .engagement = "B", .role = JD_ROLE_MSL, .at = 101, .recorded = 110});
    cr_assert(alerts_told(w) == 2 && last_alert(w)->status == JD_STATUS_RETRACTED);
    advance(w, 5000);
    jd_fold_keep(w->fold);
    cr_assert(jd_fold_key_count(w->fold) == 0);
}

Test(state, an_id_follows_from_its_body)
{
    world_start(w);
    feed(w, &(struct spec){.id = "1", .engagement = "A", .at = 100});
    cr_assert(w->out.change_count == 1 && w->out.changes[0].id.ptr == NULL);
    struct jd_change change = w->out.changes[0];
    struct jd_error err;
    change.id = JD_STR("touch:A");
    cr_assert(jd_fold_put(w->fold, &change, &err), "%s", err.text);
    change.id = JD_STR("request:A");
    cr_assert_not(jd_fold_put(w->fold, &change, &err));
    change.id = JD_STR("touch:B");
    cr_assert_not(jd_fold_put(w->fold, &change, &err));
    change.body = (struct jd_variant){0};
    change.id = (struct jd_str){0};
    cr_assert_not(jd_fold_put(w->fold, &change, &err)); /* a delete says what */
    change.id = JD_STR("A");
    cr_assert_not(jd_fold_put(w->fold, &change, &err));
    change.id = JD_STR("touch:A");
    cr_assert(jd_fold_put(w->fold, &change, &err), "%s", err.text);
    jd_fold_keep(w->fold);
    cr_assert(jd_fold_key_count(w->fold) == 0);
}

/* Episodes: the alerts of a key that share an engagement, directly or over others. Expected from the definition: the id
 * follows from the smallest alert_id of the connected ones. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "base/str.h"
#include "engine/ids.h"
#include "world.h"

WORLD_SUITE(episodes)

static void touch(const char *id, enum jd_role role, double at)
{
    (void)effects(w); /* only what this one raises */
    cr_assert_eq(feed(w, &(struct spec){.id = id, .role = role, .at = at}), JD_APPLIED);
}

static struct jd_str id_told(void)
{
    return jd_arena_str(&w->arena, last_alert(w)->alert_id);
}

static void expect_episode(struct jd_str smallest)
{
    const struct jd_str parts[] = {JD_STR("episode"), smallest};
    cr_assert(jd_str_eq(last_alert(w)->episode, jd_id_of(parts, JD_COUNT(parts), &w->arena)));
}

/* r1 ─ m1 ─ r2 ─ m2: three pairs, of which the first and the last share nothing. Far away: r9 ─ m9. */
Test(episodes, alerts_that_share_an_engagement_are_one)
{
    world_rule(w, "r", span_ms(10));
    world_start(w);
    struct jd_str ids[4];
    touch("r1", JD_ROLE_SALES_REP, 0);
    touch("m1", JD_ROLE_MSL, 8);
    ids[0] = id_told();
    expect_episode(ids[0]);
    touch("r9", JD_ROLE_SALES_REP, 200);
    touch("m9", JD_ROLE_MSL, 201);
    ids[3] = id_told();
    expect_episode(ids[3]);
    touch("r2", JD_ROLE_SALES_REP, 16);
    ids[1] = id_told();
    struct jd_str smallest = jd_str_cmp(ids[0], ids[1]) < 0 ? ids[0] : ids[1];
    expect_episode(smallest);
    touch("m2", JD_ROLE_MSL, 24);
    ids[2] = id_told();
    expect_episode(jd_str_cmp(smallest, ids[2]) < 0 ? smallest : ids[2]);
}

/* Arena bytes of one event that raises RULES_MAX alerts with each of `reps`. */
static size_t bytes_of(int reps)
{
    static char ids[RULES_MAX][16];
    world_done(w);
    world_init(w);
    for (int i = 0; i < RULES_MAX; i++) {
        (void)snprintf(ids[i], sizeof ids[i], "r%d", i);
        world_rule(w, ids[i], span_ms(1000));
    }
    world_start(w);
    for (int i = 0; i < reps; i++) {
        char id[16];
        (void)snprintf(id, sizeof id, "v%d", i);
        touch(text(w, id).ptr, JD_ROLE_SALES_REP, i);
    }
    (void)effects(w);
    const size_t left = jd_arena_left(w->out.arena);
    cr_assert_eq(feed(w, &(struct spec){.id = "m", .role = JD_ROLE_MSL, .at = reps}), JD_APPLIED);
    const size_t used = left - jd_arena_left(w->out.arena);
    cr_assert_eq(alerts_told(w), (uint32_t)(RULES_MAX * reps));
    return used;
}

Test(episodes, memory_grows_with_the_alerts_and_not_with_their_square)
{
    const size_t some = bytes_of(50), twice = bytes_of(100);
    cr_assert_lt(twice, 3 * some, "%zu bytes for 50, %zu for 100", some, twice);
}

/* A small world for tests of the engine: a program built by hand, one fold, events in short form in,
 * effects as one line of text out. */
#ifndef TESTS_UNIT_ENGINE_WORLD_H
#define TESTS_UNIT_ENGINE_WORLD_H

#include "engine/fold.h"

enum { RULES_MAX = 8, ZONES = 3 };

struct world {
    struct jd_arena arena, batch;
    struct jd_program program;
    struct jd_rule rules[RULES_MAX];
    struct jd_fold *fold;
    struct jd_output out;
    size_t allocated; /* bytes that the fold holds */
    const char *reason;
    jd_time now; /* of the records that are fed */
};

/* All times of tests are hours since 2026-03-02T00:00Z, a Monday. */
#define HOURS(n) (INT64_C(1772409600000) + (jd_time)((n)*3600000.0))
enum { NEVER_SET = -1000000 };

/* One event; what is 0 or NULL is absent. */
struct spec {
    const char *id, *source, *engagement, *type, *hcp, *team, *actor, *product, *topic, *country, *account;
    const char *responds_to;
    const char *joint; /* actor id of a companion */
    const char *const *messages;
    uint32_t message_count;
    enum jd_phase phase; /* default COMPLETED */
    enum jd_role role;
    enum jd_channel channel;
    enum jd_class class; /* default TOUCH */
    double at, recorded; /* hours; recorded 0: none */
    double end;
};

/* Times: lateness 30 d, planned grace 2 d, max ahead 2 y, joint within 4 h. No rule. */
void world_init(struct world *world);
void world_done(struct world *world);
/* A suite whose tests each have a world `w`. */
#define WORLD_SUITE(name)                                                                                    \
    static struct world world;                                                                               \
    static struct world *const w = &world;                                                                   \
    static void setup(void)                                                                                  \
    {                                                                                                        \
        world_init(w);                                                                                       \
    }                                                                                                        \
    static void teardown(void)                                                                               \
    {                                                                                                        \
        world_done(w);                                                                                       \
    }                                                                                                        \
    TestSuite(name, .init = setup, .fini = teardown);
/* Proximity of sales_rep and msl within a span, severity medium, mode alert; more is set by hand. */
struct jd_rule *world_rule(struct world *world, const char *id, struct jd_span within);
struct jd_span span_ms(int64_t hours);
/* A selector of one role, or of everything (role 0). */
struct jd_selector select_role(struct world *world, enum jd_role role);
struct jd_selector select_text(struct world *world, const char *field, const char *text);
void world_start(struct world *world); /* after the rules */

/* Feed an event at the world's clock, which moves to recorded, else to `at`, if that is later. */
enum jd_verdict feed(struct world *world, const struct spec *spec);
enum jd_verdict feed_at(struct world *world, double now, const struct spec *spec);
enum jd_verdict feed_profile(struct world *world, const struct jd_hcp_profile *profile);
struct jd_hcp_profile profile_of(const char *hcp, double recorded, const char *zone);
void advance(struct world *world, double hours);
struct jd_str text(struct world *world, const char *s);

/* Effects since the last call, in order, "; " between them:
 *   <rule> <a>+<b> r<revision> <status>[ <cause>] <phase> <severity> <observed><unit>[ final]
 * or none, where nothing is measured. */
const char *effects(struct world *world);
const struct jd_alert *last_alert(const struct world *world);
uint32_t alerts_told(const struct world *world); /* records for compliance since effects() */
/* Every open alert in the state of "h", in the same form without revision, sorted. */
const char *standing(struct world *world);
#define EXPECT(world, expected)                                                                              \
    do {                                                                                                     \
        const char *got_ = effects(world);                                                                   \
        cr_assert(strcmp(got_, expected) == 0, "got: %s", got_);                                             \
    } while (0)

#endif

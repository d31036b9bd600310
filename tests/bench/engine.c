/* The engine alone: events into jd_fold_input, on one core, nothing read and nothing sent.
 *
 *   engine DIR [PHYSICIANS] [EVENTS]      DIR: where to write the policy (50 rules); 1,000,000 and 4,000,000
 *
 * Physicians are touched in random order over 60 days of record time, so old touches leave by timer as they
 * do in life. Every 20th event is a medical touch right after a representative's of the same team: an alert;
 * every 200th is a planned visit in the wake of a medical one: an alert, a decision and a trigger. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/str.h"
#include "engine/fold.h"
#include "policy/policy.h"

enum { RULES = 50, TEAMS = 20, BATCH = 1000 };

static void *reallocate(void *context, void *old, size_t old_size, size_t new_size)
{
    (void)context;
    (void)old_size;
    if (new_size == 0) {
        free(old);
        return NULL;
    }
    return realloc(old, new_size);
}

static FILE *create(const char *directory, const char *name)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, "w");
    if (file == NULL) {
        perror(path);
        exit(1);
    }
    return file;
}

static void write_policy(const char *directory)
{
    FILE *file = create(directory, "policy.yaml");
    fputs("name: bench\nallowed_lateness: 7d\n", file);
    fclose(file);
    file = create(directory, "channels.yaml");
    fputs("channels:\n  - channel: video\n    consent: { default: opt_out }\n"
          "  - channel: phone\n    consent: { default: opt_out }\n",
          file);
    fclose(file);
    file = create(directory, "conflicts.yaml");
    for (int i = 0; i < RULES; i++)
        fprintf(file,
                "- { id: rule-%02d, version: 1, kind: proximity, a: { role: sales_rep, product: p%d }, "
                "b: { role: [msl, speaker], product: p%d }, same: [team], within: %dd, mode: alert, "
                "severity: high }\n",
                i, i, i, 1 + i % 7);
    fclose(file);
}

static uint64_t next_random(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Texts of one event; the event borrows them. */
struct texts {
    char id[32], hcp[32], team[16], actor[32], product[16];
};

static void make_event(uint64_t i, uint64_t physicians, uint64_t events, uint64_t *random, struct texts *t,
                       struct jd_event *e)
{
    static uint64_t hcp, team, product; /* those of the event before, for the pairs */
    bool pair = i % 20 == 19, planned = i % 200 == 199;
    if (!pair) {
        hcp = next_random(random) % physicians;
        team = next_random(random) % TEAMS;
        product = next_random(random) % RULES;
    }
    /* The one before a planned visit was medical. */
    bool medical = planned ? false : pair || i % 200 == 198;
    *e = (struct jd_event){.amount = {.scale = JD_DECIMAL_NONE}};
    snprintf(t->id, sizeof t->id, "e%" PRIu64, i);
    snprintf(t->hcp, sizeof t->hcp, "H%09" PRIu64, hcp);
    snprintf(t->team, sizeof t->team, "team-%02" PRIu64, team);
    snprintf(t->actor, sizeof t->actor, "%s-%s", t->team, medical ? "msl" : "rep");
    snprintf(t->product, sizeof t->product, "p%" PRIu64, product);
    e->id = jd_str_of(t->id);
    e->source = JD_STR("crm");
    e->type = medical   ? JD_STR("msl_interaction.completed")
              : planned ? JD_STR("call.planned")
                        : JD_STR("call.completed");
    e->hcp_id = jd_str_of(t->hcp);
    e->time = INT64_C(1767225600000) + (jd_time)((double)i / (double)events * 60 * 86400e3);
    e->recorded_at = e->time;
    e->start = planned ? e->time + INT64_C(3600000) : JD_TIME_NONE;
    e->end = JD_TIME_NONE;
    e->quantity = JD_INT_NONE;
    e->phase = planned ? JD_PHASE_PLANNED : JD_PHASE_COMPLETED;
    e->channel = JD_CHANNEL_IN_PERSON;
    e->actor.id = jd_str_of(t->actor);
    e->actor.role = medical ? JD_ROLE_MSL : JD_ROLE_SALES_REP;
    e->actor.team = jd_str_of(t->team);
    e->initiated_by = JD_INITIATOR_COMPANY;
    e->product = jd_str_of(t->product);
    e->country = JD_STR("DE");
}

static void report(const struct jd_fold *fold, uint64_t events, uint64_t made, double spent,
                   const uint64_t *effects, const uint64_t *verdicts)
{
    size_t states = jd_fold_key_count(fold), bytes = jd_fold_bytes(fold);
    printf("{\"rules\":%d,\"events\":%" PRIu64 ",\"applied\":%" PRIu64
           ",\"cpu_us_per_event\":%.3f,\"rate\":%.0f,"
           "\"making_events_us\":%.3f,\"alert_records\":%" PRIu64 ",\"trigger_records\":%" PRIu64
           ",\"decisions\":%" PRIu64 ",\"states\":%zu,\"bytes_per_state\":%.0f}\n",
           RULES, events, verdicts[JD_APPLIED], spent / (double)events * 1e6, (double)events / spent,
           (double)made / 1e3, effects[JD_TOPIC_ALERTS],
           effects[JD_TOPIC_TRIGGERS_COMMERCIAL] + effects[JD_TOPIC_TRIGGERS_MEDICAL],
           effects[JD_TOPIC_DECISIONS], states, states > 0 ? (double)bytes / (double)states : 0.0);
}

int main(int argc, char **argv)
{
    if (argc < 2 || argc > 4) {
        fputs("usage: engine DIR [PHYSICIANS] [EVENTS]\n", stderr);
        return 64;
    }
    uint64_t physicians = argc > 2 ? strtoull(argv[2], NULL, 10) : 1000000;
    uint64_t events = argc > 3 ? strtoull(argv[3], NULL, 10) : 4000000;
    write_policy(argv[1]);
    struct jd_diagnostics problems;
    jd_diagnostics_init(&problems);
    struct jd_policy *policy = jd_policy_load(argv[1], &problems);
    if (policy == NULL) {
        jd_diagnostics_print(&problems, stderr);
        return 65;
    }
    struct jd_fold *fold = jd_fold_new(jd_policy_program(policy), (struct jd_allocator){reallocate, NULL});
    struct jd_arena arena;
    jd_arena_init(&arena, (size_t)1 << 30);
    struct jd_output out = {.arena = &arena};
    uint64_t random = 1, effects[JD_TOPIC_END_] = {0}, verdicts[JD_DEAD_LETTERED + 1] = {0};
    double spent = 0, making = 0;
    struct texts texts;
    struct jd_event event;

    double begin = seconds(); /* what making an event costs is taken off */
    uint64_t trial = 7, sample = 200000;
    for (uint64_t i = 0; i < sample; i++)
        make_event(i, physicians, events, &trial, &texts, &event);
    making = (seconds() - begin) / (double)sample;

    begin = seconds();
    for (uint64_t i = 0; i < events; i++) {
        make_event(i, physicians, events, &random, &texts, &event);
        struct jd_input input = {.kind = JD_INPUT_EVENT,
                                 .key = event.hcp_id,
                                 .effective = event.recorded_at,
                                 .stamp = event.recorded_at,
                                 .class = JD_CLASS_TOUCH,
                                 .event = &event};
        const char *reason = NULL;
        verdicts[jd_fold_input(fold, &input, &out, &reason)]++;
        if (i % BATCH == BATCH - 1) {
            for (uint32_t k = 0; k < out.effect_count; k++)
                effects[out.effects[k].topic]++;
            jd_fold_keep(fold);
            jd_arena_reset(&arena);
            out = (struct jd_output){.arena = &arena};
        }
    }
    spent = seconds() - begin - making * (double)events;
    report(fold, events, (uint64_t)(making * 1e9), spent, effects, verdicts);
    jd_fold_free(fold);
    jd_policy_free(policy);
    jd_arena_done(&arena);
    jd_diagnostics_done(&problems);
    return 0;
}

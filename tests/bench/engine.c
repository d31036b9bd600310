/* The engine alone: events into jd_fold_input, on one core, nothing read and nothing sent.
 *
 *   engine DIR [PHYSICIANS] [EVENTS] [RULES]      DIR: where to write the policy; 1,000,000, 4,000,000 and 50
 *
 * Physicians are touched in random order over 60 days of record time, so old touches leave by timer as they
 * do in life. Every 20th event is a medical touch right after a representative's of the same team: an alert;
 * every 200th is a planned visit in the wake of a medical one: an alert, a decision and a trigger. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/avro.h"
#include "base/contract.h"
#include "base/str.h"
#include "engine/fold.h"
#include "policy/policy.h"

enum { TEAMS = 20, BATCH = 1000, SAMPLE = 50 };

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

static void write_policy(const char *directory, uint64_t rules)
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
    for (uint64_t i = 0; i < rules; i++)
        fprintf(file,
                "- { id: rule-%02" PRIu64
                ", version: 1, kind: proximity, a: { role: sales_rep, product: p%" PRIu64
                " }, b: { role: [msl, speaker], product: p%" PRIu64 " }, same: [team], within: %" PRIu64
                "d, mode: alert, severity: high }\n",
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

struct size {
    uint64_t physicians, events, rules;
};

static void make_event(uint64_t i, const struct size *size, uint64_t *random, struct texts *t,
                       struct jd_event *e)
{
    static uint64_t hcp, team, product; /* those of the event before, for the pairs */
    bool pair = i % 20 == 19, planned = i % 200 == 199;
    if (!pair) {
        hcp = next_random(random) % size->physicians;
        team = next_random(random) % TEAMS;
        product = next_random(random) % size->rules;
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
    e->time = INT64_C(1767225600000) + (jd_time)((double)i / (double)size->events * 60 * 86400e3);
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

/* What a run came to. */
struct figures {
    double seconds;
    uint64_t verdicts[JD_DEAD_LETTERED + 1], effects[JD_TOPIC_END_];
    uint64_t sampled, journal, largest; /* events; bytes of their changes in the journal; of the states */
};

static void report(const struct jd_fold *fold, const struct size *size, const struct figures *f)
{
    double events = (double)size->events, states = (double)jd_fold_key_count(fold);
    printf("{\"rules\":%" PRIu64 ",\"events\":%" PRIu64 ",\"applied\":%" PRIu64
           ",\"cpu_us_per_event\":%.3f,\"rate\":%.0f,\"alert_records\":%" PRIu64
           ",\"trigger_records\":%" PRIu64 ",\"decisions\":%" PRIu64
           ",\"journal_bytes_per_event\":%.0f,\"states\":%.0f,\"bytes_per_state\":%.0f,"
           "\"most_state_bytes\":%" PRIu64 "}\n",
           size->rules, size->events, f->verdicts[JD_APPLIED], f->seconds / events * 1e6, events / f->seconds,
           f->effects[JD_TOPIC_ALERTS],
           f->effects[JD_TOPIC_TRIGGERS_COMMERCIAL] + f->effects[JD_TOPIC_TRIGGERS_MEDICAL],
           f->effects[JD_TOPIC_DECISIONS], (double)f->journal / (double)f->sampled, states,
           states > 0 ? (double)jd_fold_bytes(fold) / states : 0.0, f->largest);
}

static void decide(struct jd_fold *fold, const struct jd_event *events, uint64_t count, struct jd_output *out,
                   struct figures *figures)
{
    double begin = seconds();
    for (uint64_t i = 0; i < count; i++) {
        struct jd_input input = {.kind = JD_INPUT_EVENT,
                                 .key = events[i].hcp_id,
                                 .effective = events[i].recorded_at,
                                 .stamp = events[i].recorded_at,
                                 .class = JD_CLASS_TOUCH,
                                 .event = &events[i]};
        const char *reason = NULL;
        figures->verdicts[jd_fold_input(fold, &input, out, &reason)]++;
    }
    jd_fold_keep(fold);
    figures->seconds += seconds() - begin;
    for (uint32_t k = 0; k < out->effect_count; k++)
        figures->effects[out->effects[k].topic]++;
    if (jd_fold_bytes(fold) > figures->largest)
        figures->largest = jd_fold_bytes(fold);
}

/* What the journal takes for a batch, its head left out. */
static void sample_journal(const struct jd_output *out, uint64_t events, struct figures *figures)
{
    struct jd_journal journal = {.seq = 1}, empty = {.seq = 1};
    journal.changes = (struct jd_list){out->changes, out->change_count};
    figures->sampled += events;
    figures->journal += jd_avro_bytes(&jd_journal_record, &journal, out->arena).size -
                        jd_avro_bytes(&jd_journal_record, &empty, out->arena).size;
}

static void run(struct jd_fold *fold, const struct size *size, struct figures *figures)
{
    static struct texts texts[BATCH];
    static struct jd_event events[BATCH];
    struct jd_arena arena;
    jd_arena_init(&arena, (size_t)1 << 30);
    uint64_t random = 1, batch = 0, count;
    for (uint64_t at = 0; at < size->events; at += count, batch++) {
        count = size->events - at < BATCH ? size->events - at : BATCH;
        for (uint64_t i = 0; i < count; i++)
            make_event(at + i, size, &random, &texts[i], &events[i]);
        struct jd_output out = {.arena = &arena};
        decide(fold, events, count, &out, figures);
        if (batch % SAMPLE == 0)
            sample_journal(&out, count, figures);
        jd_arena_reset(&arena);
    }
    jd_arena_done(&arena);
}

int main(int argc, char **argv)
{
    if (argc < 2 || argc > 5) {
        fputs("usage: engine DIR [PHYSICIANS] [EVENTS] [RULES]\n", stderr);
        return 64;
    }
    struct size size = {argc > 2 ? strtoull(argv[2], NULL, 10) : 1000000,
                        argc > 3 ? strtoull(argv[3], NULL, 10) : 4000000,
                        argc > 4 ? strtoull(argv[4], NULL, 10) : 50};
    if (size.physicians == 0 || size.events == 0 || size.rules == 0)
        return 64;
    write_policy(argv[1], size.rules);
    struct jd_diagnostics problems;
    jd_diagnostics_init(&problems);
    struct jd_policy *policy = jd_policy_load(argv[1], &problems);
    if (policy == NULL) {
        jd_diagnostics_print(&problems, stderr);
        return 65;
    }
    struct jd_fold *fold = jd_fold_new(jd_policy_program(policy), jd_heap);
    struct figures figures = {0};
    run(fold, &size, &figures);
    report(fold, &size, &figures);
    jd_fold_free(fold);
    jd_policy_free(policy);
    jd_diagnostics_done(&problems);
    return 0;
}

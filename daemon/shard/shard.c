#include "shard/shard.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/clock.h"
#include "base/avro.h"
#include "base/contract.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/str.h"
#include "shard/journal.h"
#include "shard/worker.h"

enum {
    GATHER_STEP = 512,      /* messages asked for at once */
    REVIEW_STATES = 1000,   /* evaluated again in one batch */
    ENDS_TIMEOUT_MS = 2000, /* to hear the partitions' ends */
    WRONG_PARTITION_MASS =
        100, /* of one batch, and more than half of it: a wrong partitioner, not a bad record */
};

struct jd_fold *jd_shard_fold_new(void)
{
    return jd_fold_new(NULL, jd_heap);
}

struct jd_shard *jd_shard_new(const struct jd_worker *worker, int32_t partition)
{
    struct jd_shard *shard = calloc(1, sizeof *shard);
    if (shard == NULL)
        return NULL;
    shard->partition = partition;
    shard->phase = JD_SHARD_WAITING;
    shard->fold = jd_shard_fold_new();
    if (shard->fold == NULL) {
        free(shard);
        return NULL;
    }
    for (int i = 0; i < JD_IN_COUNT; i++) {
        shard->inputs[i].topic = worker->inputs[i];
        shard->inputs[i].kept = (struct jd_shard_position){0, JD_TIME_NONE, JD_OFFSET_NONE};
        shard->inputs[i].open = shard->inputs[i].kept;
    }
    jd_checkpoint_init(&shard->image);
    return shard;
}

void jd_shard_free(struct jd_shard *shard)
{
    if (shard == NULL)
        return;
    jd_shard_stop_inputs(shard);
    for (int i = 0; i < JD_IN_COUNT; i++)
        free(shard->inputs[i].messages);
    jd_checkpoint_done(&shard->image);
    jd_fold_free(shard->fold);
    free(shard);
}

bool jd_shard_start_inputs(struct jd_worker *worker, struct jd_shard *shard, struct jd_error *err)
{
    for (int i = 0; i < JD_IN_COUNT; i++) {
        struct jd_shard_input *in = &shard->inputs[i];
        if (in->topic == NULL)
            continue;
        in->fetch = jd_reader_start(worker->reader, in->topic, shard->partition, in->kept.next, err);
        if (in->fetch == NULL) {
            jd_shard_stop_inputs(shard);
            return false;
        }
    }
    return true;
}

static void release(struct jd_shard_input *in, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        jd_message_release(&in->messages[i]);
    in->count -= count;
    if (in->count > 0)
        memmove(in->messages, in->messages + count, in->count * sizeof *in->messages);
    in->taken = 0;
    in->head_ready = in->pending = false;
    in->open = in->kept;
}

void jd_shard_stop_inputs(struct jd_shard *shard)
{
    for (int i = 0; i < JD_IN_COUNT; i++) {
        struct jd_shard_input *in = &shard->inputs[i];
        release(in, in->count);
        jd_fetch_stop(in->fetch);
        in->fetch = NULL;
    }
}

static bool gather_input(struct jd_shard_input *in, uint32_t room, bool *full, struct jd_error *err)
{
    while (in->count < room) {
        if (in->capacity - in->count < GATHER_STEP) {
            uint32_t larger = in->capacity * 2 + GATHER_STEP;
            struct jd_message *messages = realloc(in->messages, larger * sizeof *messages);
            if (messages == NULL)
                return jd_error_set(err, JD_EXIT_INTERNAL, "out of memory for records");
            in->messages = messages;
            in->capacity = larger;
        }
        uint32_t read = jd_fetch_read(in->fetch, in->messages + in->count, GATHER_STEP);
        in->count += read;
        if (read < GATHER_STEP)
            return jd_fetch_status(in->fetch, err) == JD_KAFKA_OK;
    }
    *full = true;
    return true;
}

bool jd_shard_gather(struct jd_shard *shard, uint32_t room, bool *full, struct jd_error *err)
{
    for (int i = 0; i < JD_IN_COUNT; i++)
        if (shard->inputs[i].fetch != NULL && !gather_input(&shard->inputs[i], room, full, err))
            return jd_error_wrap(err, "shard %" PRId32, shard->partition);
    return true;
}

/* Decodes the record that is next in its partition, if that is not done yet. */
static void look(struct jd_worker *worker, struct jd_shard *shard, int role)
{
    struct jd_shard_input *in = &shard->inputs[role];
    if (in->head_ready || in->taken == in->count)
        return;
    const struct jd_intake_rule rule = {worker->wire, worker->settings->clock == JD_CLOCK_RECORD,
                                        worker->shared->partitions};
    in->head_ready = jd_intake_read(&rule, (enum jd_shard_role)role, in->topic, &in->messages[in->taken],
                                    in->open.effective, &worker->batch_arena, &in->head);
    in->pending = !in->head_ready;
}

static bool is_catching_up(const struct jd_shard *shard)
{
    for (int i = 0; i < JD_IN_COUNT; i++)
        if (shard->inputs[i].topic != NULL && shard->inputs[i].open.until != JD_OFFSET_NONE)
            return true;
    return false;
}

/* Everything gathered was taken and there was no more. */
static bool at_end(const struct jd_shard_input *in)
{
    return in->taken == in->count && jd_fetch_is_at_end(in->fetch);
}

/* A partition that is caught up has been read to where it ended at the start, markers included. */
static bool has_caught_up(const struct jd_shard_input *in)
{
    return in->open.next >= in->open.until || (at_end(in) && jd_fetch_position(in->fetch) >= in->open.until);
}

/* The next input whose head is to be decided, or JD_ORDER_WAIT, JD_ORDER_END. */
static int next_of(struct jd_worker *worker, struct jd_shard *shard, bool catching_up)
{
    struct jd_head heads[JD_IN_COUNT];
    for (int i = 0; i < JD_IN_COUNT; i++) {
        struct jd_shard_input *in = &shard->inputs[i];
        bool absent =
            in->topic == NULL || (catching_up && (in->open.until == JD_OFFSET_NONE || has_caught_up(in)));
        if (!absent)
            look(worker, shard, i);
        heads[i] = (struct jd_head){
            .absent = absent,
            .ready = !absent && in->head_ready,
            .at_end = !absent && at_end(in),
            .effective = in->head.effective,
        };
    }
    return jd_order_next(heads);
}

static void refuse(struct jd_worker *worker, struct jd_shard *shard, int role, const struct jd_reject *why)
{
    struct jd_batch *batch = &shard->batch;
    if (batch->dead_count == batch->dead_capacity)
        batch->dead = jd_arena_grow(&worker->batch_arena, batch->dead, batch->dead_count,
                                    &batch->dead_capacity, sizeof *batch->dead);
    batch->dead[batch->dead_count++] =
        (struct jd_dead){(enum jd_shard_role)role, shard->inputs[role].head.incoming, *why};
    batch->wrong_partition += why->reason == jd_refusal_text(JD_REFUSED_WRONG_PARTITION);
}

/* Decides the head of `role` at `effective`; false: the batch is cut before it, between two timers. */
static bool decide_head(struct jd_worker *worker, struct jd_shard *shard, int role, jd_time effective)
{
    struct jd_shard_input *in = &shard->inputs[role];
    struct jd_batch *batch = &shard->batch;
    struct jd_intake *head = &in->head;
    int64_t timers_left = worker->settings->limits.batch_timers - (int64_t)batch->out.timers;
    if (effective != JD_TIME_NONE &&
        !jd_fold_advance(shard->fold, effective, timers_left < 0 ? 0 : (uint32_t)timers_left, &batch->out))
        return false;
    enum jd_verdict verdict = JD_FILTERED;
    if (head->result == JD_WIRE_REJECT) {
        verdict = JD_DEAD_LETTERED;
        refuse(worker, shard, role, &head->decoded.reject);
    } else if (head->result == JD_WIRE_INPUT) {
        const char *reason = NULL;
        head->decoded.input.effective = effective;
        verdict = jd_fold_input(shard->fold, &head->decoded.input, &batch->out, &reason);
        if (verdict == JD_DEAD_LETTERED) {
            struct jd_reject why = jd_reject_state(reason);
            refuse(worker, shard, role, &why);
        }
    }
    batch->counts[verdict]++;
    if (batch->oldest == JD_TIME_NONE)
        batch->oldest = head->incoming.timestamp;
    in->open.next = head->incoming.offset + 1;
    in->open.effective = head->effective;
    in->taken++;
    in->head_ready = false;
    batch->open = true;
    return true;
}

static bool is_full(const struct jd_worker *worker, const struct jd_batch *batch)
{
    int64_t records = 0;
    for (int i = 0; i <= JD_DEAD_LETTERED; i++)
        records += batch->counts[i];
    return records >= worker->settings->limits.batch_records ||
           (int64_t)batch->out.change_count >= worker->settings->limits.batch_changes ||
           (int64_t)batch->out.timers >= worker->settings->limits.batch_timers ||
           (int64_t)batch->out.changes_size >= worker->settings->limits.batch_bytes;
}

/* Decides record after record; returns JD_ORDER_WAIT, JD_ORDER_END, or 0 where a limit cut the batch. */
static int decide_records(struct jd_worker *worker, struct jd_shard *shard)
{
    struct jd_batch *batch = &shard->batch;
    bool catching_up = is_catching_up(shard);
    for (;;) {
        if (is_full(worker, batch)) {
            batch->full = true;
            return 0;
        }
        int role = next_of(worker, shard, catching_up);
        if (role < 0)
            return role;
        jd_time effective = shard->inputs[role].head.effective;
        if (catching_up)
            effective = JD_TIME_NONE; /* moves no clock and fires no timer */
        else if (worker->settings->clock == JD_CLOCK_WALL && effective > batch->wall)
            effective = batch->wall;
        if (!decide_head(worker, shard, role, effective)) {
            batch->full = true;
            return 0;
        }
    }
}

/* The broker says that nothing was written beyond what was read: after an outage the partitions look read
 * to their ends until the first answer comes. */
static bool ends_confirmed(struct jd_worker *worker, const struct jd_shard *shard)
{
    struct jd_position ends[JD_IN_COUNT];
    int64_t positions[JD_IN_COUNT];
    uint32_t count = 0;
    for (int i = 0; i < JD_IN_COUNT; i++)
        if (shard->inputs[i].topic != NULL) {
            positions[count] = jd_fetch_position(shard->inputs[i].fetch);
            ends[count++] = (struct jd_position){shard->inputs[i].topic, shard->partition, JD_OFFSET_NONE};
        }
    if (jd_fault_off("confirmed-ends"))
        return true;
    struct jd_error err = {0};
    if (jd_reader_edges(worker->reader, JD_EDGE_END, ends, count, ENDS_TIMEOUT_MS, &err) != JD_KAFKA_OK)
        return false;
    for (uint32_t i = 0; i < count; i++)
        if (ends[i].offset != positions[i])
            return false;
    return true;
}

/* Fires what is due by the wall clock. A tick that would fire nothing is left out: now then follows from the
 * records alone. */
static void tick(struct jd_worker *worker, struct jd_shard *shard)
{
    struct jd_batch *batch = &shard->batch;
    jd_time to = batch->wall - worker->settings->tick_lag_ms;
    if (jd_fold_next_due(shard->fold) > to)
        return;
    JD_CRASH_POINT("tick.before");
    if (!ends_confirmed(worker, shard))
        return;
    int64_t left = worker->settings->limits.batch_timers - (int64_t)batch->out.timers;
    batch->full = !jd_fold_advance(shard->fold, to, left < 1 ? 1 : (uint32_t)left, &batch->out);
    batch->ticked = batch->open = true;
    JD_CRASH_POINT("tick.fired");
}

/* Where the clock is that of the records, rules are about the past as well. */
static void adopt(struct jd_worker *worker, struct jd_shard *shard)
{
    struct jd_policies *policies = worker->shared->policies;
    const struct jd_program *program = jd_policies_find(policies, jd_str_of(shard->want_policy));
    const jd_time *since =
        worker->settings->clock == JD_CLOCK_RECORD ? NULL : jd_policies_since(policies, program);
    jd_fold_adopt(shard->fold, program, since, &shard->batch.out);
    JD_CRASH_POINT("policy.adopted");
}

/* The shard's own entry as a change. */
static struct jd_change entry_change(const struct jd_shard *shard, struct jd_arena *arena)
{
    struct jd_range *until = jd_arena_array(arena, JD_IN_COUNT, sizeof *until);
    uint32_t count = 0;
    for (int i = 0; i < JD_IN_COUNT; i++)
        if (shard->want_until[i] != JD_OFFSET_NONE)
            until[count++] = (struct jd_range){jd_shard_role_text((enum jd_shard_role)i),
                                               shard->want_until[i], JD_TIME_NONE};
    struct jd_shard_entry entry = {jd_arena_str(arena, jd_str_of(shard->want_policy)), {until, count}};
    return (struct jd_change){
        .key = JD_STR("shard"),
        .id = JD_STR("-"),
        .kind = JD_ENTRY_SHARD,
        .due = JD_TIME_NONE,
        .body = {JD_ENTRY_SHARD, jd_avro_bytes(jd_entry_records[JD_ENTRY_SHARD - 1], &entry, arena)},
    };
}

static bool announce(struct jd_worker *worker, struct jd_shard *shard, struct jd_error *err)
{
    for (int i = 0; i < JD_IN_COUNT; i++)
        shard->inputs[i].open.until = shard->want_until[i];
    if (strcmp(shard->policy, shard->want_policy) != 0)
        adopt(worker, shard);
    struct jd_change change = entry_change(shard, shard->batch.out.arena);
    shard->batch.open = shard->announcing = true;
    return jd_fold_change(shard->fold, &change, &shard->batch.out, err);
}

/* Profiles have been read to where they ended at the start: says so, in a batch of its own. */
static void end_catching_up(struct jd_shard *shard)
{
    for (int i = 0; i < JD_IN_COUNT; i++) {
        const struct jd_shard_input *in = &shard->inputs[i];
        if (in->topic != NULL && in->open.until != JD_OFFSET_NONE && !has_caught_up(in))
            return;
    }
    for (int i = 0; i < JD_IN_COUNT; i++)
        shard->want_until[i] = JD_OFFSET_NONE;
    memcpy(shard->want_policy, shard->policy, sizeof shard->want_policy);
    shard->announce = true;
}

/* After another policy: some of the states that are to be evaluated again, in every batch with room for them. */
static void review(struct jd_worker *worker, struct jd_shard *shard)
{
    struct jd_batch *batch = &shard->batch;
    if (!jd_fold_is_reviewing(shard->fold) || is_full(worker, batch))
        return;
    const struct jd_review_limit limit = {.states =
                                              (uint32_t)jd_fault_number("JD_REVIEW_STATES", REVIEW_STATES),
                                          .changes = (uint32_t)worker->settings->limits.batch_changes,
                                          .bytes = (uint64_t)worker->settings->limits.batch_bytes};
    (void)jd_fold_review(shard->fold, &limit, &batch->out);
    batch->open = batch->reviewed = true;
    JD_CRASH_POINT("review.decided");
}

static void begin(struct jd_worker *worker, struct jd_shard *shard, jd_time wall)
{
    shard->batch = (struct jd_batch){
        .out = {.arena = &worker->batch_arena},
        .now_before = jd_fold_now(shard->fold),
        .wall = worker->settings->clock == JD_CLOCK_WALL ? wall : JD_TIME_NONE,
        .oldest = JD_TIME_NONE,
        .journal_offset = JD_OFFSET_NONE,
    };
    for (int i = 0; i < JD_IN_COUNT; i++)
        shard->inputs[i].head_ready = false;
}

void jd_shard_prove(struct jd_worker *worker, struct jd_shard *shard)
{
    begin(worker, shard, jd_clock_wall());
    shard->batch.open = true;
}

static bool is_wrong_partitioner(const struct jd_batch *batch)
{
    int64_t records = 0;
    for (int i = 0; i <= JD_DEAD_LETTERED; i++)
        records += batch->counts[i];
    return batch->wrong_partition >= WRONG_PARTITION_MASS && (int64_t)batch->wrong_partition * 2 > records;
}

bool jd_shard_decide(struct jd_worker *worker, struct jd_shard *shard, jd_time wall, struct jd_error *err)
{
    struct jd_batch *batch = &shard->batch;
    begin(worker, shard, wall);
    if (!shard->announce && is_catching_up(shard))
        end_catching_up(shard);
    if (shard->announce)
        return announce(worker, shard, err);
    int end = decide_records(worker, shard);
    if (is_wrong_partitioner(batch)) {
        uint32_t wrong = batch->wrong_partition;
        jd_shard_undo(shard);
        return jd_error_set(err, JD_EXIT_CONFIG,
                            "shard %" PRId32 ": %" PRIu32
                            " records of one batch lie in another partition than their "
                            "keys say: the producers use another partitioner than the setting `partitioner`",
                            shard->partition, wrong);
    }
    if (end == JD_ORDER_END && worker->settings->clock == JD_CLOCK_WALL && !is_catching_up(shard))
        tick(worker, shard);
    if (!is_catching_up(shard))
        review(worker, shard);
    batch->open |= batch->out.timers > 0 || shard->image.proving;
    return true;
}

static void count_effects(struct jd_worker *worker, const struct jd_output *out)
{
    for (uint32_t i = 0; i < out->effect_count; i++) {
        const struct jd_effect *effect = &out->effects[i];
        if (effect->topic == JD_TOPIC_ALERTS || effect->topic == JD_TOPIC_ALERTS_SHADOW) {
            const struct jd_alert *alert = effect->value;
            jd_metric_add_for(worker->metrics, JD_METRIC_ALERTS, alert->rule,
                              jd_symbol_text(&jd_status_symbols, alert->status), 1);
        } else if (effect->record == &jd_trigger_record) {
            const struct jd_trigger *trigger = effect->value;
            jd_metric_add_for(worker->metrics, JD_METRIC_TRIGGERS,
                              jd_symbol_text(&jd_trigger_status_symbols, trigger->status), (struct jd_str){0},
                              1);
        }
    }
}

static void count_batch(struct jd_worker *worker, const struct jd_shard *shard)
{
    const struct jd_batch *batch = &shard->batch;
    struct jd_metrics_slot *m = worker->metrics;
    for (int i = 0; i < JD_IN_COUNT; i++)
        if (shard->inputs[i].taken > 0)
            jd_metric_add_for(m, JD_METRIC_CONSUMED, jd_str_of(shard->inputs[i].topic), (struct jd_str){0},
                              shard->inputs[i].taken);
    jd_metric_add(m, JD_METRIC_APPLIED, batch->counts[JD_APPLIED]);
    jd_metric_add(m, JD_METRIC_DUPLICATES, batch->counts[JD_DUPLICATE]);
    jd_metric_add(m, JD_METRIC_FILTERED, batch->counts[JD_FILTERED]);
    for (uint32_t i = 0; i < batch->dead_count; i++)
        jd_metric_add_for(m, JD_METRIC_DEAD_LETTERED, jd_str_of(batch->dead[i].reject.reason),
                          (struct jd_str){0}, 1);
    jd_metric_add(m, JD_METRIC_TIMERS, (int64_t)batch->out.timers);
    if (batch->out.evaluated + batch->out.unaffected > 0) {
        jd_metric_add_for(m, JD_METRIC_REVIEWED, JD_STR("evaluated"), (struct jd_str){0},
                          (int64_t)batch->out.evaluated);
        jd_metric_add_for(m, JD_METRIC_REVIEWED, JD_STR("unaffected"), (struct jd_str){0},
                          (int64_t)batch->out.unaffected);
    }
    jd_metric_add(m, JD_METRIC_BATCHES, 1);
    jd_metric_add(m, JD_METRIC_JOURNAL_BYTES, batch->bytes);
    count_effects(worker, &batch->out);
}

/* What was announced is committed. */
static void switch_policy(struct jd_worker *worker, struct jd_shard *shard)
{
    bool other = strcmp(shard->policy, shard->want_policy) != 0;
    memcpy(shard->policy, shard->want_policy, sizeof shard->policy);
    jd_fold_set_program(shard->fold, jd_policies_find(worker->shared->policies, jd_str_of(shard->policy)));
    shard->announce = shard->announcing = false;
    shard->evaluated = shard->unaffected = 0;
    if (other)
        jd_log(JD_LOG_POLICY_SWITCHED, jd_num("shard", shard->partition), jd_txt("policy", shard->policy),
               jd_num("review", jd_fold_is_reviewing(shard->fold)));
    JD_CRASH_POINT("policy.switched");
}

void jd_shard_keep(struct jd_worker *worker, struct jd_shard *shard)
{
    struct jd_batch *batch = &shard->batch;
    count_batch(worker, shard);
    if (batch->dead_count > 0)
        jd_log(JD_LOG_DEAD_LETTER, jd_num("records", batch->dead_count),
               jd_view("topic", batch->dead[0].incoming.topic), jd_num("partition", shard->partition),
               jd_num("offset", batch->dead[0].incoming.offset),
               jd_txt("reason", batch->dead[0].reject.reason));
    jd_fold_keep(shard->fold);
    shard->seq++;
    shard->journal_offset = batch->journal_offset;
    shard->journal_now = jd_fold_now(shard->fold);
    for (int i = 0; i < JD_IN_COUNT; i++) {
        shard->inputs[i].kept = shard->inputs[i].open;
        release(&shard->inputs[i], shard->inputs[i].taken);
    }
    if (shard->announcing)
        switch_policy(worker, shard);
    shard->evaluated += batch->out.evaluated;
    shard->unaffected += batch->out.unaffected;
    if (batch->reviewed && !jd_fold_is_reviewing(shard->fold))
        jd_log(JD_LOG_POLICY_REVIEWED, jd_num("shard", shard->partition), jd_txt("policy", shard->policy),
               jd_num("evaluated", (int64_t)shard->evaluated),
               jd_num("unaffected", (int64_t)shard->unaffected));
    shard->image.proved |= shard->image.proving;
    shard->image.proving = false;
    jd_checkpoint_add(shard, batch->out.changes, batch->out.change_count);
    batch->open = false;
}

void jd_shard_undo(struct jd_shard *shard)
{
    jd_fold_undo(shard->fold);
    for (int i = 0; i < JD_IN_COUNT; i++)
        release(&shard->inputs[i], 0);
    shard->announcing = false;
    shard->batch.open = false;
}

jd_time jd_shard_tick_at(const struct jd_worker *worker, const struct jd_shard *shard)
{
    jd_time due = jd_fold_next_due(shard->fold);
    if (worker->settings->clock != JD_CLOCK_WALL || due == JD_NEVER)
        return JD_NEVER;
    return due + worker->settings->tick_lag_ms;
}

bool jd_shard_entry_read(const struct jd_fold *fold, struct jd_arena *arena, struct jd_shard_entry *entry,
                         struct jd_error *err)
{
    struct jd_image image;
    jd_record_clear(jd_entry_records[JD_ENTRY_SHARD - 1], entry);
    if (!jd_fold_image(fold, JD_STR("shard"), arena, &image))
        return jd_error_set(err, JD_EXIT_CONFIG, "the state has no entry of the shard");
    const struct jd_change *entries = image.entries.items;
    for (uint32_t i = 0; i < image.entries.count; i++)
        if (entries[i].kind == JD_ENTRY_SHARD)
            return jd_avro_read(jd_entry_records[JD_ENTRY_SHARD - 1], entries[i].body.body, arena, entry,
                                err);
    return jd_error_set(err, JD_EXIT_CONFIG, "the state has no entry of the shard");
}

/* One transaction for the open batches of all shards of a worker.
 *
 * Order: journal records, effects, dead letters, all acknowledged; then the offsets with the group's
 * metadata of that moment (the fence); then the commit. A process may die at any of these points:
 *
 *   it died at           what others see                   what the heir does
 *   txn.begun            nothing                           reads the same records again
 *   txn.journal-sent     an open transaction               init_transactions ends it (aborted), then as above
 *   txn.sent             the same                          the same
 *   txn.flushed          the same                          waits for its end: the journal's high watermark
 *                                                          shows it
 *   txn.offsets-sent     the same; committed offsets       the same: rd_kafka_committed waits for it
 *                        are unstable
 *   txn.committed        the whole batch                   redoes it from the journal
 *   txn.kept             the same                          the same: Redis is behind by this batch
 *   txn.aborting         an open transaction               init_transactions ends it
 *   txn.aborted          nothing                           reads the same records again
 *
 * Between "offsets-sent" and "committed" the outcome of the process that lives can be unknown, too: then
 * it is its own heir (JD_COMMIT_DOUBT). */
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "adapters/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/str.h"
#include "shard/journal.h"
#include "shard/worker.h"

enum {
    PRODUCER_TIMEOUT_MS = 10000,
    GAP_MS = 20,            /* between a commit and the next first record; see worker.h */
    SEND_TIMEOUT_MS = 5000, /* flush, offsets: below the transaction's own time-out */
    COMMIT_TIMEOUT_MS = 10000,
    ABORT_TIMEOUT_MS = 10000,
};

bool jd_worker_open_producer(struct jd_worker *worker, struct jd_error *err)
{
    if (worker->producer_ready)
        return true;
    if (worker->producer == NULL) {
        struct jd_topic_limit topics[JD_OUT_COUNT];
        uint32_t count = 0;
        for (int i = 0; i < JD_OUT_COUNT; i++)
            if (worker->shared->outs[i].topic != NULL) {
                worker->out_index[i] = count;
                topics[count++] = worker->shared->outs[i];
            }
        const struct jd_producer_config config = {worker->transactional_id, 0, topics, count};
        worker->producer = jd_producer_open(&worker->shared->kafka, &config, PRODUCER_TIMEOUT_MS, err);
        if (worker->producer == NULL)
            return false;
    }
    enum jd_kafka_status status = jd_producer_init(worker->producer, PRODUCER_TIMEOUT_MS, err);
    if (status != JD_KAFKA_OK && status != JD_KAFKA_RETRY) {
        jd_producer_close(worker->producer);
        worker->producer = NULL;
    }
    worker->producer_ready = status == JD_KAFKA_OK;
    return worker->producer_ready;
}

static enum jd_kafka_status send(struct jd_worker *worker, enum jd_out out, int32_t partition,
                                 const struct jd_outgoing *outgoing, int64_t *offset, struct jd_error *err)
{
    const struct jd_record_out record = {
        .topic = worker->out_index[out],
        .partition = partition,
        .key = outgoing->key,
        .value = outgoing->value,
        .headers = outgoing->headers,
        .header_count = outgoing->header_count,
        .timestamp = JD_TIME_NONE,
        .offset = offset,
    };
    return jd_producer_send(worker->producer, &record, err);
}

static struct jd_journal journal_of(const struct jd_worker *worker, const struct jd_shard *shard)
{
    const struct jd_batch *batch = &shard->batch;
    struct jd_arena *arena = batch->out.arena;
    struct jd_range *ranges = jd_arena_array(arena, JD_IN_COUNT, sizeof *ranges);
    uint32_t count = 0;
    for (int i = 0; i < JD_IN_COUNT; i++)
        if (shard->inputs[i].topic != NULL)
            ranges[count++] = (struct jd_range){jd_shard_role_text((enum jd_shard_role)i),
                                                shard->inputs[i].open.next, shard->inputs[i].open.effective};
    return (struct jd_journal){
        .lineage = jd_str_of(shard->lineage),
        .seq = shard->seq + 1,
        .engine = JD_STR(JD_VERSION),
        .policy = jd_str_of(shard->announcing ? shard->want_policy : shard->policy),
        .transactional_id = jd_str_of(worker->transactional_id),
        .ranges = {ranges, count},
        .applied = batch->counts[JD_APPLIED],
        .duplicates = batch->counts[JD_DUPLICATE],
        .filtered = batch->counts[JD_FILTERED],
        .dead_lettered = batch->counts[JD_DEAD_LETTERED],
        .timers = (int64_t)batch->out.timers,
        .now_before = batch->now_before,
        .now_after = jd_fold_now(shard->fold),
        .wall = batch->wall,
        .ticked = batch->ticked ? JD_TRUE : JD_FALSE,
        .effects = batch->out.effect_count,
        .effects_digest = jd_effects_digest(batch->out.effects, batch->out.effect_count, arena),
        .changes = {batch->out.changes, batch->out.change_count},
    };
}

static enum jd_kafka_status send_journal(struct jd_worker *worker, struct jd_shard *shard,
                                         struct jd_error *err)
{
    struct jd_batch *batch = &shard->batch;
    const struct jd_journal journal = journal_of(worker, shard);
    const struct jd_header header = {JD_STR(JD_JOURNAL_TXN_HEADER), jd_str_of(worker->transactional_id)};
    struct jd_outgoing outgoing = {.headers = &header, .header_count = 1};
    const struct jd_record_out empty = {.headers = &header, .header_count = 1};
    int64_t limit = worker->shared->outs[JD_OUT_JOURNAL].max_bytes - jd_record_size(&empty);
    struct jd_str *parts;
    uint32_t count;
    if (!jd_journal_parts(&worker->journal_format, &journal, limit < 0 ? 0 : (size_t)limit, batch->out.arena,
                          &parts, &count, err))
        return JD_KAFKA_REFUSED;
    batch->bytes = 0;
    for (uint32_t i = 0; i < count; i++) {
        outgoing.value = parts[i];
        batch->bytes += parts[i].size;
        enum jd_kafka_status status = send(worker, JD_OUT_JOURNAL, shard->partition, &outgoing,
                                           i == 0 ? &batch->journal_offset : NULL, err);
        if (status != JD_KAFKA_OK)
            return status;
    }
    return JD_KAFKA_OK;
}

static enum jd_kafka_status send_effects(struct jd_worker *worker, const struct jd_shard *shard,
                                         struct jd_error *err)
{
    const struct jd_output *made = &shard->batch.out;
    enum jd_kafka_status status = JD_KAFKA_OK;
    for (uint32_t i = 0; i < made->effect_count && status == JD_KAFKA_OK; i++) {
        const struct jd_effect *effect = &made->effects[i];
        enum jd_out out = jd_out_of(effect->topic);
        struct jd_outgoing outgoing;
        struct jd_arena_mark mark = jd_arena_mark(&worker->scratch);
        jd_shared_effect(worker->shared, effect, shard->lineage, shard->partition, shard->seq + 1, i,
                         &worker->scratch, &outgoing);
        status = send(worker, out, jd_shared_partition(worker->shared, effect), &outgoing, NULL, err);
        jd_arena_rewind(&worker->scratch, mark);
    }
    return status;
}

static enum jd_kafka_status send_dead(struct jd_worker *worker, const struct jd_shard *shard,
                                      struct jd_error *err)
{
    enum jd_kafka_status status = JD_KAFKA_OK;
    for (uint32_t i = 0; i < shard->batch.dead_count && status == JD_KAFKA_OK; i++) {
        const struct jd_dead *dead = &shard->batch.dead[i];
        enum jd_out out = (enum jd_out)(JD_OUT_DEAD + (int)dead->role);
        struct jd_outgoing outgoing;
        struct jd_arena_mark mark = jd_arena_mark(&worker->scratch);
        jd_shared_dead_letter(worker->shared, dead->role, &dead->incoming, &dead->reject, &worker->scratch,
                              &outgoing);
        status = send(worker, out, dead->incoming.partition % worker->shared->outs[out].partitions, &outgoing,
                      NULL, err);
        jd_arena_rewind(&worker->scratch, mark);
    }
    return status;
}

/* Calls again until something other than RETRY, or too long: then the transaction is given up. */
static enum jd_kafka_status flush(struct jd_worker *worker, struct jd_error *err)
{
    enum jd_kafka_status status = jd_producer_flush(worker->producer, SEND_TIMEOUT_MS, err);
    return status == JD_KAFKA_RETRY ? JD_KAFKA_ABORT : status;
}

static uint32_t positions_of(const struct jd_shard *shard, struct jd_position *positions)
{
    uint32_t count = 0;
    for (int i = 0; i < JD_IN_COUNT; i++) {
        const struct jd_shard_input *in = &shard->inputs[i];
        if (in->topic != NULL && (in->taken > 0 || shard->announcing))
            positions[count++] = (struct jd_position){in->topic, shard->partition, in->open.next};
    }
    /* Without offsets there would be no fence. */
    if (count == 0) {
        const struct jd_shard_input *events = &shard->inputs[JD_IN_EVENTS];
        positions[count++] = (struct jd_position){events->topic, shard->partition, events->open.next};
        if (jd_fault_off("negative-offsets"))
            positions[0].offset = JD_OFFSET_NONE;
    }
    return count;
}

static enum jd_kafka_status send_offsets(struct jd_worker *worker, struct jd_error *err)
{
    struct jd_arena_mark mark = jd_arena_mark(&worker->scratch);
    struct jd_position *positions =
        jd_arena_array(&worker->scratch, (size_t)worker->shard_count * JD_IN_COUNT, sizeof *positions);
    uint32_t count = 0;
    for (uint32_t i = 0; i < worker->shard_count; i++)
        if (worker->shards[i]->batch.open)
            count += positions_of(worker->shards[i], positions + count);
    enum jd_kafka_status status =
        jd_producer_send_offsets(worker->producer, worker->member, positions, count, SEND_TIMEOUT_MS, err);
    jd_arena_rewind(&worker->scratch, mark);
    return status == JD_KAFKA_RETRY ? JD_KAFKA_ABORT : status;
}

typedef enum jd_kafka_status send_fn(struct jd_worker *worker, struct jd_shard *shard, struct jd_error *err);

static enum jd_kafka_status send_outcome(struct jd_worker *worker, struct jd_shard *shard,
                                         struct jd_error *err)
{
    enum jd_kafka_status status = send_effects(worker, shard, err);
    return status == JD_KAFKA_OK ? send_dead(worker, shard, err) : status;
}

static enum jd_kafka_status for_each_batch(struct jd_worker *worker, send_fn *one, struct jd_error *err)
{
    enum jd_kafka_status status = JD_KAFKA_OK;
    for (uint32_t i = 0; i < worker->shard_count && status == JD_KAFKA_OK; i++)
        if (worker->shards[i]->batch.open)
            status = one(worker, worker->shards[i], err);
    return status;
}

static enum jd_kafka_status transact(struct jd_worker *worker, struct jd_error *err)
{
    bool journal_first = !jd_fault_off("journal-first");
    enum jd_kafka_status status = jd_producer_begin(worker->producer, err);
    JD_CRASH_POINT("txn.begun");
    if (status == JD_KAFKA_OK && !journal_first) {
        status = send_offsets(worker, err);
        JD_CRASH_POINT("txn.offsets-first");
    }
    if (status == JD_KAFKA_OK)
        status = for_each_batch(worker, send_journal, err);
    JD_CRASH_POINT("txn.journal-sent");
    if (status == JD_KAFKA_OK)
        status = for_each_batch(worker, send_outcome, err);
    JD_CRASH_POINT("txn.sent");
    if (status == JD_KAFKA_OK)
        status = flush(worker, err);
    JD_CRASH_POINT("txn.flushed");
    if (status == JD_KAFKA_OK && journal_first)
        status = send_offsets(worker, err);
    JD_CRASH_POINT("txn.offsets-sent");
    if (status == JD_KAFKA_OK)
        status = jd_producer_commit(worker->producer, COMMIT_TIMEOUT_MS, err);
    return status == JD_KAFKA_RETRY ? JD_KAFKA_UNKNOWN : status;
}

static void undo_all(struct jd_worker *worker)
{
    for (uint32_t i = 0; i < worker->shard_count; i++)
        if (worker->shards[i]->batch.open)
            jd_shard_undo(worker->shards[i]);
}

static void keep_all(struct jd_worker *worker, int64_t began)
{
    jd_time wall = jd_clock_wall();
    for (uint32_t i = 0; i < worker->shard_count; i++)
        if (worker->shards[i]->batch.open) {
            jd_time oldest = worker->shards[i]->batch.oldest;
            if (oldest != JD_TIME_NONE && oldest < wall)
                jd_metric_observe(worker->metrics, JD_METRIC_EVENT_AGE_SECONDS, (wall - oldest) * 1000);
            jd_shard_keep(worker, worker->shards[i]);
        }
    worker->committed_at = jd_clock_mono();
    worker->backoff_ms = 0;
    jd_metric_observe(worker->metrics, JD_METRIC_COMMIT_SECONDS, (worker->committed_at - began) * 1000);
}

/* What to do when the transaction did not commit. */
static enum jd_commit fail(struct jd_worker *worker, enum jd_kafka_status status, struct jd_error *err)
{
    undo_all(worker);
    if (status == JD_KAFKA_ABORT || status == JD_KAFKA_REFUSED) {
        JD_CRASH_POINT("txn.aborting");
        struct jd_error ignored = {0};
        enum jd_kafka_status aborted = jd_producer_abort(worker->producer, ABORT_TIMEOUT_MS, &ignored);
        JD_CRASH_POINT("txn.aborted");
        jd_log(JD_LOG_BATCH_ABORTED, jd_txt("reason", err->text));
        jd_metric_add(worker->metrics, JD_METRIC_ABORTS, 1);
        if (aborted == JD_KAFKA_OK)
            return JD_COMMIT_AGAIN;
        status = aborted;
        *err = ignored;
    }
    if (status == JD_KAFKA_RIVAL) {
        worker->unseated = true;
        return JD_COMMIT_DOUBT;
    }
    if (status == JD_KAFKA_FENCED) {
        int64_t now = jd_clock_mono();
        jd_log(JD_LOG_PRODUCER_FENCED, jd_txt("transactional_id", worker->transactional_id));
        jd_metric_add(worker->metrics, JD_METRIC_FENCED, 1);
        memmove(worker->fenced_at, worker->fenced_at + 1, 2 * sizeof worker->fenced_at[0]);
        worker->fenced_at[2] = now;
        if (worker->fenced_at[0] != 0 && now - worker->fenced_at[0] < 60000) {
            (void)jd_error_set(
                err, JD_EXIT_CONFIG,
                "the producer %s was fenced three times in a minute: another process uses the same "
                "group, instance and worker number. Give each process its own `instance`",
                worker->transactional_id);
            return JD_COMMIT_FATAL;
        }
        return JD_COMMIT_DOUBT;
    }
    jd_log(JD_LOG_COMMIT_UNKNOWN, jd_txt("reason", err->text));
    jd_metric_add(worker->metrics, JD_METRIC_INDETERMINATE, 1);
    return JD_COMMIT_DOUBT;
}

static void keep_distance(const struct jd_worker *worker)
{
    int64_t left = worker->committed_at + GAP_MS - jd_clock_mono();
    if (worker->committed_at == 0 || left <= 0 || left > GAP_MS)
        return;
    const struct timespec pause = {.tv_nsec = left * 1000000};
    (void)nanosleep(&pause, NULL);
}

enum jd_commit jd_commit_batches(struct jd_worker *worker, struct jd_error *err)
{
    bool open = false;
    for (uint32_t i = 0; i < worker->shard_count; i++)
        open |= worker->shards[i]->batch.open;
    if (!open)
        return JD_COMMIT_NOTHING;
    keep_distance(worker);
    int64_t began = jd_clock_mono();
    enum jd_kafka_status status = transact(worker, err);
    if (status != JD_KAFKA_OK)
        return fail(worker, status, err);
    JD_CRASH_POINT("txn.committed");
    keep_all(worker, began);
    JD_CRASH_POINT("txn.kept");
    return JD_COMMIT_DONE;
}

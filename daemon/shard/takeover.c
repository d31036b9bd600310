/* Taking a shard over, in this order, outside the rebalance callback:
 *
 *   1  the worker's producer is new or lives: a predecessor's open transaction of its id has ended
 *   2  the group's committed offsets are heard, stable: from now on no predecessor can commit
 *   3  a fresh token and the next rev go into meta: no older owner can write to Redis any more
 *   4  the image is loaded; token and rev must still be ours, else from 3
 *   5  the journal is read from the image's record to its uncommitted high watermark, and redone
 *
 * shard/recovery.h decides what was found. Whatever cannot be had now (broker, Redis, policy) leaves the
 * shard waiting, for another attempt; other shards go on meanwhile. Dying at a labelled point leaves what the
 * next attempt expects: no step depends on a later one of the same attempt.
 *
 *   takeover.heard  takeover.claimed  takeover.loaded  takeover.redone  takeover.created  takeover.resumed
 *   takeover.live */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/str.h"
#include "shard/journal_end.h"
#include "shard/layout.h"
#include "shard/recovery.h"
#include "shard/worker.h"

enum {
    COMMITTED_TIMEOUT_MS = 1000, /* unstable for longer: look for the open transaction */
    EDGES_TIMEOUT_MS = 3000,
    RETRY_MIN_MS = 100,
    RETRY_MAX_MS = 2000,
};

/* How an attempt goes on. */
enum step {
    STEP_OK = 1,
    STEP_WAIT,   /* not now; `err` says what it waits for */
    STEP_AGAIN,  /* from 3 */
    STEP_REFUSE, /* the process must end with `err` */
};

static enum step wait_for(struct jd_worker *worker, struct jd_shard *shard, const struct jd_error *err)
{
    shard->retry_ms = shard->retry_ms == 0             ? RETRY_MIN_MS
                      : shard->retry_ms < RETRY_MAX_MS ? shard->retry_ms * 2
                                                       : RETRY_MAX_MS;
    shard->retry_at = jd_clock_mono() + shard->retry_ms;
    jd_log(JD_LOG_SHARD_WAITS, jd_num("worker", worker->index), jd_num("shard", shard->partition),
           jd_txt("for", err->text));
    return STEP_WAIT;
}

/* ---- 2: predecessors -------------------------------------------------------------------------- */

static enum step hear_committed(struct jd_worker *worker, struct jd_shard *shard,
                                struct jd_position committed[JD_IN_COUNT], struct jd_error *err)
{
    uint32_t count = 0;
    struct jd_position asked[JD_IN_COUNT];
    for (int i = 0; i < JD_IN_COUNT; i++) {
        committed[i] = (struct jd_position){shard->inputs[i].topic, shard->partition, JD_OFFSET_NONE};
        if (shard->inputs[i].topic != NULL)
            asked[count++] = committed[i];
    }
    if (jd_fault_off("committed"))
        return STEP_OK;
    if (!jd_member_is_in(worker->member)) {
        (void)jd_error_set(err, JD_EXIT_UNAVAILABLE, "the group");
        return wait_for(worker, shard, err);
    }
    enum jd_kafka_status status =
        jd_member_committed(worker->member, asked, count, COMMITTED_TIMEOUT_MS, err);
    if (status == JD_KAFKA_RETRY) {
        jd_journal_end_transaction(worker, shard);
        return wait_for(worker, shard, err);
    }
    if (status == JD_KAFKA_RIVAL) {
        worker->unseated = true;
        return wait_for(worker, shard, err);
    }
    if (status != JD_KAFKA_OK)
        return wait_for(worker, shard, err);
    count = 0;
    for (int i = 0; i < JD_IN_COUNT; i++)
        if (shard->inputs[i].topic != NULL)
            committed[i].offset = asked[count++].offset;
    JD_CRASH_POINT("takeover.heard");
    return STEP_OK;
}

/* ---- 3, 4: Redis ------------------------------------------------------------------------------ */

static enum step redis_step(struct jd_worker *worker, struct jd_shard *shard, enum jd_redis_status status,
                            const struct jd_error *err)
{
    if (status == JD_REDIS_OK)
        return STEP_OK;
    return status == JD_REDIS_CONFLICT ? STEP_AGAIN : wait_for(worker, shard, err);
}

struct loader {
    struct jd_worker *worker;
    struct jd_shard *shard;
    struct jd_error *err;
    bool bad;
};

static bool on_blob(void *context, uint32_t key_index, struct jd_str field, struct jd_str value)
{
    struct loader *loader = context;
    struct jd_arena *arena = &loader->worker->scratch;
    struct jd_arena_mark mark = jd_arena_mark(arena);
    struct jd_image image;
    bool good = jd_object_read(&loader->worker->image_format, value, arena, &image, loader->err);
    if (good && (!jd_str_eq(image.key, field) || jd_bucket_of(field) != key_index))
        good = jd_error_set(loader->err, JD_EXIT_CONFIG, "a state lies under a key that is not its own");
    const struct jd_change *entries = image.entries.items;
    for (uint32_t i = 0; good && i < image.entries.count; i++) {
        struct jd_change put = entries[i];
        put.key = field;
        good = jd_fold_put(loader->shard->fold, &put, loader->err);
    }
    jd_fold_keep(loader->shard->fold);
    jd_arena_rewind(arena, mark);
    loader->bad |= !good;
    return good;
}

static bool renew_fold(struct jd_shard *shard)
{
    jd_fold_free(shard->fold);
    shard->fold = jd_shard_fold_new();
    return shard->fold != NULL;
}

static enum step load_image(struct jd_worker *worker, struct jd_shard *shard, struct jd_error *err)
{
    struct jd_arena_mark mark = jd_arena_mark(&worker->scratch);
    struct jd_str keys[JD_BUCKETS];
    for (int i = 0; i < JD_BUCKETS; i++)
        keys[i] = jd_bucket_key(worker->settings->group, shard->partition, (uint8_t)i, &worker->scratch);
    struct loader loader = {worker, shard, err, false};
    enum jd_redis_status status = jd_redis_load(worker->redis, keys, JD_BUCKETS, on_blob, &loader, err);
    jd_arena_rewind(&worker->scratch, mark);
    if (loader.bad) {
        err->code = JD_EXIT_CONFIG;
        (void)jd_error_wrap(err,
                            "shard %" PRId32
                            ": the image in Redis is damaged; restore Redis, or delete the shard's "
                            "keys and set on_state_loss: rebuild",
                            shard->partition);
        return STEP_REFUSE;
    }
    return redis_step(worker, shard, status, err);
}

/* Claims the image and loads it; `meta` is what it was before. */
static enum step claim_and_load(struct jd_worker *worker, struct jd_shard *shard, struct jd_meta *meta,
                                struct jd_error *err)
{
    enum step step = redis_step(worker, shard, jd_checkpoint_watch(worker, shard, meta, err), err);
    if (step == STEP_OK)
        step = redis_step(worker, shard, jd_checkpoint_claim(worker, shard, meta, false, 0, err), err);
    if (step != STEP_OK)
        return step;
    JD_CRASH_POINT("takeover.claimed");
    if (!renew_fold(shard)) {
        (void)jd_error_set(err, JD_EXIT_INTERNAL, "out of memory for a shard");
        return STEP_REFUSE;
    }
    if (meta->image && meta->seq > 0)
        step = load_image(worker, shard, err);
    if (step != STEP_OK)
        return step;
    struct jd_meta again;
    step = redis_step(worker, shard, jd_checkpoint_watch(worker, shard, &again, err), err);
    if (step != STEP_OK)
        return step;
    jd_redis_unwatch(worker->redis);
    if (strcmp(again.token, shard->image.token) != 0 || again.rev != shard->image.rev)
        return STEP_AGAIN;
    JD_CRASH_POINT("takeover.loaded");
    return STEP_OK;
}

/* ---- 5: the journal ---------------------------------------------------------------------------- */

static enum step read_journal(struct jd_worker *worker, struct jd_shard *shard, int64_t from,
                              struct jd_journal_end *end, struct jd_error *err)
{
    enum jd_journal_reading reading = jd_journal_end_read(worker, shard, from, end, err);
    if (reading == JD_JOURNAL_LATER)
        return wait_for(worker, shard, err);
    return reading == JD_JOURNAL_READ ? STEP_OK : STEP_REFUSE;
}

/* ---- after the decision ------------------------------------------------------------------------ */

static bool is_profile(int role)
{
    return role == JD_IN_HCP_PROFILES || role == JD_IN_ACCOUNT_PROFILES;
}

/* Where the inputs begin and end now, by role. */
struct edges {
    struct jd_position start[JD_IN_COUNT], end[JD_IN_COUNT];
};

/* Asks for the edges of all inputs at once: committed ends to begin at, uncommitted ones to check against. */
static enum step find_edges(struct jd_worker *worker, struct jd_shard *shard, struct jd_reader *reader,
                            struct edges *edges, struct jd_error *err)
{
    struct jd_position start[JD_IN_COUNT], end[JD_IN_COUNT];
    uint32_t count = 0;
    for (int i = 0; i < JD_IN_COUNT; i++)
        if (shard->inputs[i].topic != NULL)
            start[count++] = (struct jd_position){shard->inputs[i].topic, shard->partition, JD_OFFSET_NONE};
    memcpy(end, start, sizeof end);
    if (jd_reader_edges(reader, JD_EDGE_START, start, count, EDGES_TIMEOUT_MS, err) != JD_KAFKA_OK ||
        jd_reader_edges(reader, JD_EDGE_END, end, count, EDGES_TIMEOUT_MS, err) != JD_KAFKA_OK)
        return wait_for(worker, shard, err);
    count = 0;
    for (int i = 0; i < JD_IN_COUNT; i++)
        if (shard->inputs[i].topic != NULL) {
            edges->start[i] = start[count];
            edges->end[i] = end[count++];
        }
    return STEP_OK;
}

/* An input that the journal does not know: begins at the configured position; profiles are read to where
 * they end now before anything else. */
static void begin_input(const struct jd_worker *worker, struct jd_shard *shard, int role,
                        const struct edges *edges)
{
    struct jd_shard_input *in = &shard->inputs[role];
    int64_t end = edges->end[role].offset;
    int64_t start = worker->settings->start == JD_START_LATEST ? end : edges->start[role].offset;
    in->kept = (struct jd_shard_position){start, JD_TIME_NONE, JD_OFFSET_NONE};
    in->open = in->kept;
    shard->want_until[role] = is_profile(role) && end > start ? end : JD_OFFSET_NONE;
    shard->announce = true;
}

/* Where the journal stands in an input that it knows. */
static enum step go_on_input(struct jd_shard *shard, int role, struct jd_shard_position position,
                             const struct edges *edges, enum jd_row *row, struct jd_error *err)
{
    struct jd_shard_input *in = &shard->inputs[role];
    struct jd_recovery_input found = {jd_str_of(in->topic), position.next, edges->start[role].offset,
                                      edges->end[role].offset};
    enum jd_row refused = jd_recovery_input(shard->partition, &found, err);
    if (refused != JD_ROW_NONE) {
        *row = refused;
        return STEP_REFUSE;
    }
    in->kept.next = position.next;
    in->kept.effective = position.effective;
    in->open = in->kept;
    return STEP_OK;
}

static bool use_policy(struct jd_worker *worker, struct jd_shard *shard, struct jd_str hash,
                       struct jd_error *err)
{
    const struct jd_program *program = hash.size == 0 ? jd_policies_current(worker->shared->policies)
                                                      : jd_policies_find(worker->shared->policies, hash);
    if (program == NULL)
        return jd_error_set(err, JD_EXIT_UNAVAILABLE, "policy " JD_STR_FMT " on journeyd.policies",
                            JD_STR_ARG(hash));
    jd_fold_set_program(shard->fold, program);
    memset(shard->want_policy, 0, sizeof shard->want_policy);
    memcpy(shard->want_policy, program->hash.ptr, program->hash.size < 64 ? program->hash.size : 64);
    return true;
}

/* NEW: an image of seq 0 of a fresh lineage, so that an heir knows record 1 when it finds it. */
static enum step begin_lineage(struct jd_worker *worker, struct jd_shard *shard, int64_t journal_high,
                               struct jd_error *err)
{
    if (!use_policy(worker, shard, (struct jd_str){0}, err))
        return wait_for(worker, shard, err);
    struct edges edges;
    enum step step = find_edges(worker, shard, worker->reader, &edges, err);
    if (step != STEP_OK)
        return step;
    for (int i = 0; i < JD_IN_COUNT; i++) {
        shard->want_until[i] = JD_OFFSET_NONE;
        if (shard->inputs[i].topic != NULL)
            begin_input(worker, shard, i, &edges);
    }
    struct jd_meta meta;
    step = redis_step(worker, shard, jd_checkpoint_watch(worker, shard, &meta, err), err);
    if (step != STEP_OK)
        return step;
    if (strcmp(meta.token, shard->image.token) != 0 || meta.rev != shard->image.rev) {
        jd_redis_unwatch(worker->redis);
        return STEP_AGAIN;
    }
    jd_random_id(shard->lineage);
    step = redis_step(worker, shard, jd_checkpoint_claim(worker, shard, &meta, true, journal_high, err), err);
    JD_CRASH_POINT("takeover.created");
    shard->seq = 0;
    shard->announce = true;
    return step;
}

/* REDO, REBUILD: the states are those of the journal's end; positions and policy follow from it. */
static enum step go_on(struct jd_worker *worker, struct jd_shard *shard, const struct jd_journal_end *end,
                       enum jd_row *row, struct jd_error *err)
{
    memcpy(shard->lineage, end->last_lineage, sizeof shard->lineage);
    shard->seq = end->facts->last_seq;
    shard->journal_offset = end->last_offset;
    shard->journal_now = end->now;
    shard->announce = false;
    struct jd_shard_entry entry;
    struct jd_arena_mark mark = jd_arena_mark(&worker->scratch);
    if (!jd_shard_entry_read(shard->fold, &worker->scratch, &entry, err)) {
        (void)jd_error_wrap(err, "shard %" PRId32, shard->partition);
        return STEP_REFUSE;
    }
    if (!use_policy(worker, shard, entry.policy, err))
        return wait_for(worker, shard, err);
    memcpy(shard->policy, shard->want_policy, sizeof shard->policy);
    for (int i = 0; i < JD_IN_COUNT; i++)
        shard->want_until[i] = shard->inputs[i].kept.until = JD_OFFSET_NONE;
    const struct jd_range *until = entry.catching_up.items;
    for (uint32_t i = 0; i < entry.catching_up.count; i++) {
        int role = jd_shard_role_of(until[i].topic);
        if (role < JD_IN_COUNT)
            shard->want_until[role] = shard->inputs[role].kept.until = until[i].next_offset;
    }
    jd_arena_rewind(&worker->scratch, mark);
    struct edges edges;
    enum step step = find_edges(worker, shard, worker->tail, &edges, err);
    for (int i = 0; i < JD_IN_COUNT && step == STEP_OK; i++) {
        if (shard->inputs[i].topic == NULL)
            continue;
        if (end->has_range[i])
            step = go_on_input(shard, i, end->ranges[i], &edges, row, err);
        else
            begin_input(worker, shard, i, &edges);
    }
    return step;
}

static void log_moved(const struct jd_shard *shard, const struct jd_position committed[JD_IN_COUNT])
{
    for (int i = 0; i < JD_IN_COUNT; i++)
        if (committed[i].topic != NULL && committed[i].offset != JD_OFFSET_NONE &&
            committed[i].offset != shard->inputs[i].kept.next)
            jd_log(JD_LOG_OFFSETS_MOVED, jd_txt("topic", committed[i].topic),
                   jd_num("partition", shard->partition), jd_num("group_offset", committed[i].offset),
                   jd_num("journal", shard->inputs[i].kept.next));
}

static enum step make_live(struct jd_worker *worker, struct jd_shard *shard, const char *row, int64_t began,
                           struct jd_error *err)
{
    if (!jd_shard_start_inputs(worker, shard, err))
        return STEP_REFUSE;
    shard->phase = JD_SHARD_LIVE;
    shard->retry_ms = 0;
    shard->ended_transaction = shard->resumable = false;
    int64_t ms = jd_clock_mono() - began;
    jd_log(JD_LOG_SHARD_LIVE, jd_num("worker", worker->index), jd_num("shard", shard->partition),
           jd_num("seq", shard->seq), jd_txt("row", row), jd_num("states", jd_fold_key_count(shard->fold)),
           jd_num("ms", ms));
    jd_metric_add_for(worker->metrics, JD_METRIC_RECOVERIES, jd_str_of(row), (struct jd_str){0}, 1);
    jd_metric_observe(worker->metrics, JD_METRIC_RECOVERY_SECONDS, ms * 1000);
    JD_CRASH_POINT("takeover.live");
    return STEP_OK;
}

/* A shard that was revoked and comes back at once: no load, if nobody wrote meanwhile. AGAIN: somebody did.
 */
static enum step resume(struct jd_worker *worker, struct jd_shard *shard, struct jd_error *err)
{
    struct jd_meta meta;
    enum step step = redis_step(worker, shard, jd_checkpoint_watch(worker, shard, &meta, err), err);
    if (step != STEP_OK)
        return step;
    if (strcmp(meta.token, shard->image.token) != 0 || meta.rev != shard->image.rev) {
        jd_redis_unwatch(worker->redis);
        return STEP_AGAIN;
    }
    step = redis_step(worker, shard, jd_checkpoint_claim(worker, shard, &meta, false, 0, err), err);
    if (step != STEP_OK)
        return step;
    JD_CRASH_POINT("takeover.resumed");
    struct jd_recovery_facts facts = {0};
    struct jd_journal_end end = {.facts = &facts};
    step = read_journal(worker, shard, shard->journal_offset, &end, err);
    if (step != STEP_OK)
        return step;
    bool same =
        facts.journal && facts.last_seq == shard->seq && strcmp(end.last_lineage, shard->lineage) == 0;
    return same ? STEP_OK : STEP_AGAIN;
}

static enum step take_over(struct jd_worker *worker, struct jd_shard *shard, int64_t began, enum jd_row *row,
                           struct jd_error *err)
{
    struct jd_position committed[JD_IN_COUNT];
    enum step step = hear_committed(worker, shard, committed, err);
    if (step != STEP_OK)
        return step;
    if (shard->resumable) {
        step = resume(worker, shard, err);
        if (step == STEP_OK)
            return make_live(worker, shard, "resumed", began, err);
        if (step != STEP_AGAIN)
            return step;
        shard->resumable = false;
    }
    struct jd_meta meta;
    jd_checkpoint_done(&shard->image);
    jd_checkpoint_init(&shard->image);
    step = claim_and_load(worker, shard, &meta, err);
    if (step != STEP_OK)
        return step;
    struct jd_recovery_facts facts = {
        .group = worker->settings->group,
        .partition = shard->partition,
        .rebuild = worker->settings->on_state_loss == JD_LOSS_REBUILD,
        .image = meta.image,
        .image_seq = meta.seq,
        .image_offset = meta.offset,
        .image_lineage = jd_str_of(meta.lineage),
    };
    struct jd_journal_end end = {.facts = &facts, .redo = true};
    step = read_journal(worker, shard, meta.image ? meta.offset : 0, &end, err);
    if (step != STEP_OK)
        return step;
    *row = jd_recovery_decide(&facts, err);
    if (*row == JD_ROW_NEW)
        step = begin_lineage(worker, shard, facts.high, err);
    else if (*row == JD_ROW_REDO || *row == JD_ROW_REBUILD)
        step = go_on(worker, shard, &end, row, err);
    else
        step = STEP_REFUSE;
    if (step != STEP_OK)
        return step;
    JD_CRASH_POINT("takeover.redone");
    shard->image.flushed_seq = *row == JD_ROW_NEW ? 0 : meta.image ? meta.seq : -1;
    if (*row == JD_ROW_REBUILD) {
        jd_log(JD_LOG_STATE_LOST, jd_num("shard", shard->partition), jd_num("seq", shard->seq));
        jd_checkpoint_rewrite(shard);
    }
    if (*row != JD_ROW_NEW)
        log_moved(shard, committed);
    return make_live(worker, shard, jd_row_text(*row), began, err);
}

bool jd_take_over(struct jd_worker *worker, struct jd_shard *shard, struct jd_error *err)
{
    enum jd_row row = JD_ROW_NONE;
    enum step step = STEP_AGAIN;
    int64_t began = jd_clock_mono();
    for (int attempt = 0; step == STEP_AGAIN && attempt < 5; attempt++)
        step = take_over(worker, shard, began, &row, err);
    if (step == STEP_AGAIN) {
        (void)jd_error_set(err, JD_EXIT_UNAVAILABLE, "another owner that writes the shard's meta");
        step = wait_for(worker, shard, err);
    }
    if (step != STEP_REFUSE)
        return true;
    jd_log(JD_LOG_SHARD_REFUSED, jd_num("shard", shard->partition), jd_txt("row", jd_row_text(row)),
           jd_txt("reason", err->text));
    jd_metric_add_for(worker->metrics, JD_METRIC_RECOVERIES, jd_str_of(jd_row_text(row)), (struct jd_str){0},
                      1);
    if (err->code == JD_EXIT_OK)
        err->code = JD_EXIT_CONFIG;
    return false;
}

#include "shard/worker.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "adapters/clock.h"
#include "base/contract.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/str.h"
#include "shard/journal.h"
#include "shard/membership.h"

enum {
    IDLE_MS = 1000, /* the longest sleep */
    SKEW_MS = 1000, /* between two looks at other clocks */
    LAG_MS = 5000,  /* between two looks at the inputs' ends */
    LAG_TIMEOUT_MS = 500,
    GATHER_MIN = 1000,     /* records an input, however many shards share the limit */
    FLUSH_BUDGET_MS = 20,  /* of one turn, for write-behind */
    STOP_FLUSH_MS = 10000, /* to leave nothing to redo */
    TICK_PAUSE_MS = 20,    /* before a tick whose ends were not confirmed is tried again */
};

void jd_random_id(char id[JD_ID_SIZE])
{
    unsigned char bytes[(JD_ID_SIZE - 1) / 2];
    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
        abort(); /* 16 bytes from an initialised pool cannot be short */
    for (size_t i = 0; i < sizeof bytes; i++)
        (void)snprintf(id + 2 * i, 3, "%02x", bytes[i]);
}

void jd_worker_nap(struct jd_worker *worker, int64_t ms)
{
    atomic_store(&worker->alive_at, jd_clock_mono());
    if (ms > 0)
        (void)jd_wake_wait(worker->bell, ms > IDLE_MS ? IDLE_MS : (int)ms);
}

static bool take_over_waiting(struct jd_worker *worker, struct jd_error *err)
{
    for (uint32_t i = 0; i < worker->shard_count; i++) {
        struct jd_shard *shard = worker->shards[i];
        if (shard->phase != JD_SHARD_WAITING || shard->retry_at > jd_clock_mono() || worker->reassigned)
            continue;
        struct jd_error away = {0};
        if (!jd_worker_open_producer(worker, &away)) {
            jd_log(JD_LOG_BROKER_AWAY, jd_num("worker", worker->index), jd_txt("reason", away.text));
            shard->retry_at = jd_clock_mono() + IDLE_MS;
            return true;
        }
        if (!jd_take_over(worker, shard, err))
            return false;
        atomic_store(&worker->alive_at, jd_clock_mono());
        if (jd_member_poll(worker->member, 0, &away) == JD_KAFKA_RIVAL)
            worker->unseated = true;
        if (worker->unseated)
            return true;
    }
    return true;
}

/* ---- pauses -------------------------------------------------------------------------------------- */

static bool clock_strays(struct jd_worker *worker)
{
    if (worker->settings->clock != JD_CLOCK_WALL)
        return false;
    jd_time wall = jd_clock_wall(), theirs = wall;
    int64_t strays = wall - jd_clock_mono() - worker->clock_offset;
    int64_t allowed = worker->settings->max_clock_skew_ms;
    struct jd_error ignored = {0};
    if (jd_clock_mono() >= worker->redis_rest_until &&
        jd_checkpoint_time(worker, &theirs, &ignored) == JD_REDIS_OK) {
        wall = jd_clock_wall(); /* the answer may have taken long */
        worker->redis_strays = theirs - wall > allowed || wall - theirs > allowed;
    }
    return strays > allowed || strays < -allowed || worker->redis_strays;
}

static bool too_much_unflushed(const struct jd_worker *worker)
{
    int64_t keys, bytes;
    jd_checkpoint_unflushed(worker, &keys, &bytes);
    return keys > worker->settings->limits.unflushed_states ||
           bytes > worker->settings->limits.unflushed_bytes;
}

static bool too_much_memory(struct jd_worker *worker)
{
    int64_t limit = worker->settings->limits.memory_bytes / worker->settings->workers, used = 0;
    for (uint32_t i = 0; limit > 0 && i < worker->shard_count; i++)
        used += (int64_t)jd_fold_bytes(worker->shards[i]->fold);
    bool is_high = used > limit - limit / 10;
    if (is_high && !worker->memory_is_high)
        jd_log(JD_LOG_MEMORY_HIGH, jd_num("worker", worker->index), jd_num("bytes", used),
               jd_num("limit", limit));
    worker->memory_is_high = is_high;
    return used > limit;
}

/* Why nothing may be decided now, or NULL. */
static void look_for_pause(struct jd_worker *worker)
{
    int64_t mono = jd_clock_mono();
    const char *reason = worker->paused;
    bool strays = reason != NULL && strcmp(reason, "clock") == 0;
    if (mono >= worker->skew_checked_at + SKEW_MS) {
        worker->skew_checked_at = mono;
        strays = clock_strays(worker);
    }
    reason = strays                       ? "clock"
             : too_much_unflushed(worker) ? "unflushed"
             : too_much_memory(worker)    ? "memory"
                                          : NULL;
    if (reason != NULL && worker->paused == NULL) {
        if (strays)
            jd_log(JD_LOG_CLOCK_STRAYS, jd_num("worker", worker->index));
        else if (strcmp(reason, "unflushed") == 0)
            jd_log(JD_LOG_UNFLUSHED_FULL, jd_num("worker", worker->index));
        jd_log(JD_LOG_SHARD_PAUSED, jd_num("worker", worker->index), jd_txt("reason", reason));
    } else if (reason == NULL && worker->paused != NULL) {
        jd_log(JD_LOG_SHARD_RESUMED, jd_num("worker", worker->index), jd_txt("reason", worker->paused));
    }
    worker->paused = reason;
}

/* Every shard decides under the policy in force, from its next batch on. */
static void follow_policy(struct jd_worker *worker)
{
    const struct jd_program *current = jd_policies_current(worker->shared->policies);
    for (uint32_t i = 0; current != NULL && i < worker->shard_count; i++) {
        struct jd_shard *shard = worker->shards[i];
        if (shard->phase != JD_SHARD_LIVE || shard->announce ||
            jd_str_eq(jd_str_of(shard->policy), current->hash))
            continue;
        memset(shard->want_policy, 0, sizeof shard->want_policy);
        memcpy(shard->want_policy, current->hash.ptr, current->hash.size < 64 ? current->hash.size : 64);
        for (int role = 0; role < JD_IN_COUNT; role++)
            shard->want_until[role] = shard->inputs[role].kept.until;
        shard->announce = true;
    }
}

/* ---- one turn ------------------------------------------------------------------------------------ */

/* What a turn came to. */
struct turn {
    bool more;        /* there is more to do at once */
    bool records;     /* something was committed */
    int64_t pause_ms; /* before the next turn, whatever comes */
};

static void stop_shard(struct jd_shard *shard, const struct jd_error *why)
{
    jd_log(JD_LOG_WRONG_PARTITION, jd_num("shard", shard->partition), jd_txt("reason", why->text));
    jd_shard_stop_inputs(shard);
    shard->phase = JD_SHARD_STOPPED;
    shard->paused = "wrong_partition";
}

static bool decide_all(struct jd_worker *worker, struct turn *turn, struct jd_error *err)
{
    uint32_t live = (uint32_t)atomic_load(&worker->live);
    int64_t share = worker->settings->limits.batch_records / (live > 0 ? (int64_t)live : 1);
    uint32_t room = share < GATHER_MIN ? GATHER_MIN : (uint32_t)share;
    for (uint32_t i = 0; i < worker->shard_count; i++) {
        struct jd_shard *shard = worker->shards[i];
        if (shard->phase != JD_SHARD_LIVE)
            continue;
        bool full = false;
        if (worker->paused != NULL) {
            if (shard->image.proving)
                jd_shard_prove(worker, shard);
            continue;
        }
        if (!jd_shard_gather(shard, room, &full, err))
            return false;
        struct jd_error why = {0};
        /* The clock after the records: whoever stood still between would hold them for records of the future. */
        if (!jd_shard_decide(worker, shard, jd_clock_wall(), &why)) {
            stop_shard(shard, &why);
            continue;
        }
        turn->more |=
            shard->batch.open && (full || shard->batch.full || shard->announcing || shard->batch.reviewed);
    }
    return true;
}

static bool batch_turn(struct jd_worker *worker, struct turn *turn, struct jd_error *err)
{
    jd_arena_reset(&worker->batch_arena);
    worker->turn_at = jd_clock_mono();
    if (!decide_all(worker, turn, err))
        return false;
    struct jd_error why = {0};
    enum jd_commit commit = jd_commit_batches(worker, &why);
    if (commit != JD_COMMIT_NOTHING)
        jd_metric_observe(worker->metrics, JD_METRIC_BATCH_SECONDS,
                          (jd_clock_mono() - worker->turn_at) * 1000);
    switch (commit) {
    case JD_COMMIT_NOTHING:
        return true;
    case JD_COMMIT_DONE:
        turn->records = true;
        return true;
    case JD_COMMIT_AGAIN:
    case JD_COMMIT_DOUBT:
        worker->backoff_ms =
            worker->backoff_ms == 0 ? worker->settings->retry.backoff_ms : worker->backoff_ms * 2;
        if (worker->backoff_ms > worker->settings->retry.backoff_max_ms)
            worker->backoff_ms = worker->settings->retry.backoff_max_ms;
        turn->pause_ms = worker->backoff_ms;
        turn->more = true;
        return commit == JD_COMMIT_AGAIN || jd_membership_start_over(worker, err);
    case JD_COMMIT_FATAL:
        break;
    }
    *err = why;
    return false;
}

/* Write-behind, one shard after the other, within the time that a turn has for it. */
static bool flush_turn(struct jd_worker *worker, struct jd_error *err)
{
    int64_t deadline = jd_clock_mono() + FLUSH_BUDGET_MS;
    for (uint32_t n = 0; n < worker->shard_count && jd_clock_mono() < deadline; n++) {
        struct jd_shard *shard = worker->shards[worker->next_flush++ % worker->shard_count];
        bool more = shard->phase == JD_SHARD_LIVE;
        while (more && jd_clock_mono() < deadline)
            if (!jd_checkpoint_step(worker, shard, false, &more, err))
                return false;
    }
    return true;
}

static void measure_lag(struct jd_worker *worker)
{
    for (uint32_t i = 0; i < worker->shard_count; i++) {
        const struct jd_shard *shard = worker->shards[i];
        struct jd_position ends[JD_IN_COUNT];
        int64_t next[JD_IN_COUNT];
        uint32_t count = 0;
        for (int role = 0; shard->phase == JD_SHARD_LIVE && role < JD_IN_COUNT; role++)
            if (worker->inputs[role] != NULL) {
                const struct jd_shard_input *in = &shard->inputs[role];
                bool read = in->count == 0 && jd_fetch_is_at_end(in->fetch);
                next[count] = read ? jd_fetch_position(in->fetch) : in->kept.next;
                ends[count++] = (struct jd_position){worker->inputs[role], shard->partition, JD_OFFSET_NONE};
            }
        struct jd_error ignored = {0};
        if (count == 0 || jd_reader_edges(worker->reader, JD_EDGE_END, ends, count, LAG_TIMEOUT_MS,
                                          &ignored) != JD_KAFKA_OK)
            continue;
        char partition[16];
        (void)snprintf(partition, sizeof partition, "%" PRId32, shard->partition);
        for (uint32_t k = 0; k < count; k++)
            jd_metric_set_for(worker->metrics, JD_METRIC_LAG, jd_str_of(ends[k].topic), jd_str_of(partition),
                              ends[k].offset > next[k] ? ends[k].offset - next[k] : 0);
    }
}

static void measure(struct jd_worker *worker)
{
    int64_t keys, bytes, states = 0, state_bytes = 0, live = 0, waiting = 0, stopped = 0, reviewing = 0;
    for (uint32_t i = 0; i < worker->shard_count; i++) {
        const struct jd_shard *shard = worker->shards[i];
        live += shard->phase == JD_SHARD_LIVE;
        reviewing += shard->phase == JD_SHARD_LIVE && jd_fold_is_reviewing(shard->fold);
        waiting += shard->phase == JD_SHARD_WAITING || shard->phase == JD_SHARD_PARKED;
        stopped += shard->phase == JD_SHARD_STOPPED;
        states += (int64_t)jd_fold_key_count(shard->fold);
        state_bytes += (int64_t)jd_fold_bytes(shard->fold);
    }
    jd_checkpoint_unflushed(worker, &keys, &bytes);
    jd_metric_set(worker->metrics, JD_METRIC_DIRTY, keys);
    jd_metric_set(worker->metrics, JD_METRIC_DIRTY_BYTES, bytes);
    jd_metric_set(worker->metrics, JD_METRIC_SHARDS, live);
    jd_metric_set(worker->metrics, JD_METRIC_SHARDS_REVIEWING, reviewing);
    jd_metric_set(worker->metrics, JD_METRIC_STATES, states);
    jd_metric_set(worker->metrics, JD_METRIC_STATE_BYTES, state_bytes);
    const char *const reasons[] = {"clock", "unflushed", "memory"};
    for (size_t i = 0; i < JD_COUNT(reasons); i++)
        jd_metric_set_for(worker->metrics, JD_METRIC_SHARDS_PAUSED, jd_str_of(reasons[i]), (struct jd_str){0},
                          worker->paused != NULL && strcmp(worker->paused, reasons[i]) == 0 ? live : 0);
    jd_metric_set_for(worker->metrics, JD_METRIC_SHARDS_PAUSED, JD_STR("takeover"), (struct jd_str){0},
                      waiting);
    jd_metric_set_for(worker->metrics, JD_METRIC_SHARDS_PAUSED, JD_STR("wrong_partition"), (struct jd_str){0},
                      stopped);
    atomic_store(&worker->live, (int)live);
    atomic_store(&worker->waiting, (int)(waiting + stopped));
}

/* How long nothing needs doing unless the bell rings. */
static int64_t idle_ms(const struct jd_worker *worker)
{
    int64_t mono = jd_clock_mono(), ms = IDLE_MS;
    jd_time wall = jd_clock_wall();
    for (uint32_t i = 0; i < worker->shard_count; i++) {
        const struct jd_shard *shard = worker->shards[i];
        int64_t left = IDLE_MS;
        if (shard->phase == JD_SHARD_WAITING) {
            left = shard->retry_at - mono;
        } else if (shard->phase == JD_SHARD_LIVE) {
            jd_time tick_at = jd_shard_tick_at(worker, shard);
            bool dirty =
                shard->image.in_flush || shard->image.flushed_seq < shard->seq || shard->image.rewrite >= 0;
            int64_t write_at = dirty ? shard->image.flush_at : shard->image.compare_at;
            if (worker->redis_rest_until > write_at)
                write_at = worker->redis_rest_until;
            left = write_at - mono;
            if (tick_at != JD_NEVER && worker->paused == NULL && tick_at - wall < left)
                left = tick_at - wall > TICK_PAUSE_MS ? tick_at - wall : TICK_PAUSE_MS;
            if (shard->announce || shard->image.proving || jd_fold_is_reviewing(shard->fold))
                left = 0;
        }
        if (left < ms)
            ms = left;
    }
    return ms < 0 ? 0 : ms;
}

/* Sleeps through rings, but not through a stop. */
static void pace(struct jd_worker *worker, int64_t until)
{
    for (int64_t left = until - jd_clock_mono(); left > 0 && !atomic_load(&worker->stop);
         left = until - jd_clock_mono())
        jd_worker_nap(worker, left);
}

static bool turn_once(struct jd_worker *worker, struct turn *turn, struct jd_error *err)
{
    enum jd_kafka_status status = jd_member_poll(worker->member, 0, err);
    if (status != JD_KAFKA_OK && status != JD_KAFKA_RETRY) {
        worker->unseated = status == JD_KAFKA_RIVAL;
        return worker->unseated;
    }
    if (worker->err.code != JD_EXIT_OK) {
        *err = worker->err;
        return false;
    }
    if (worker->reassigned && !jd_membership_adopt(worker, err))
        return false;
    if (!take_over_waiting(worker, err))
        return false;
    measure(worker);
    look_for_pause(worker);
    follow_policy(worker);
    if (!batch_turn(worker, turn, err) || !flush_turn(worker, err))
        return false;
    if (jd_clock_mono() >= worker->lag_at) {
        measure_lag(worker);
        worker->lag_at = jd_clock_mono() + LAG_MS;
    }
    return true;
}

static bool loop(struct jd_worker *worker, struct jd_error *err)
{
    while (!atomic_load(&worker->stop)) {
        struct turn turn = {0};
        atomic_store(&worker->alive_at, jd_clock_mono());
        if (!turn_once(worker, &turn, err))
            return false;
        if (worker->unseated && !jd_membership_take_seat_again(worker, err))
            return false;
        if (turn.pause_ms > 0)
            pace(worker, jd_clock_mono() + turn.pause_ms);
        else if (turn.records && !turn.more)
            pace(worker, worker->turn_at + worker->settings->commit_interval_ms);
        else if (!turn.more)
            jd_worker_nap(worker, idle_ms(worker));
    }
    return true;
}

/* Is there something that the next start would have to redo? */
static bool is_behind(const struct jd_shard *shard)
{
    const struct jd_checkpoint *image = &shard->image;
    return shard->phase == JD_SHARD_LIVE &&
           (image->flushed_seq < shard->seq || image->disputed || image->rewrite >= 0);
}

/* Everything committed goes into Redis, so that the next start has nothing to redo; also when Redis turns out
 * to have lost what was there: an empty batch proves that the shard is ours. */
static void flush_all(struct jd_worker *worker)
{
    int64_t deadline = jd_clock_mono() + STOP_FLUSH_MS;
    struct jd_error err = {0};
    for (uint32_t i = 0; i < worker->shard_count; i++) {
        struct jd_shard *shard = worker->shards[i];
        bool more = true, look = shard->phase == JD_SHARD_LIVE;
        shard->image.compare_at = 0; /* Redis may have been lost since the last look */
        for (; (look || is_behind(shard)) && jd_clock_mono() < deadline; look = false) {
            if (shard->image.proving) {
                jd_arena_reset(&worker->batch_arena);
                jd_shard_prove(worker, shard);
                if (jd_commit_batches(worker, &err) != JD_COMMIT_DONE)
                    break;
            }
            if (!jd_checkpoint_step(worker, shard, true, &more, &err))
                break;
            if (worker->redis_down)
                jd_worker_nap(worker, 100);
        }
    }
    JD_CRASH_POINT("stop.flushed");
}

/* ---- life ---------------------------------------------------------------------------------------- */

static bool open_clients(struct jd_worker *worker, struct jd_error *err)
{
    const struct jd_shared *shared = worker->shared;
    const struct jd_settings *s = worker->settings;
    const struct jd_reader_config reader = {
        .isolation = JD_READ_COMMITTED,
        .queue_kbytes = (uint32_t)(s->limits.queue_bytes / 1024),
        .bell = worker->bell,
    };
    const struct jd_reader_config tail = {.isolation = JD_READ_UNCOMMITTED, .bell = worker->bell};
    const struct jd_redis_config redis = {
        .url = s->redis.url.ptr,
        .user = s->redis.user.ptr,
        .password = s->redis.password.ptr,
        .connect_timeout_ms = (int)s->redis.timeout_ms,
        .timeout_ms = (int)s->redis.timeout_ms,
    };
    worker->wire = jd_wire_new(&shared->wire, err);
    worker->redis = worker->wire == NULL ? NULL : jd_redis_open(&redis, err);
    worker->reader = worker->redis == NULL ? NULL : jd_reader_open(&shared->kafka, &reader, err);
    worker->tail = worker->reader == NULL ? NULL : jd_reader_open(&shared->kafka, &tail, err);
    return worker->tail != NULL && jd_membership_open(worker, err);
}

static void close_clients(struct jd_worker *worker)
{
    for (uint32_t i = 0; i < worker->shard_count; i++)
        jd_shard_free(worker->shards[i]);
    worker->shard_count = 0;
    jd_member_close(worker->member);
    jd_producer_close(worker->producer);
    if (worker->tail != NULL)
        jd_reader_close(worker->tail);
    if (worker->reader != NULL)
        jd_reader_close(worker->reader);
    jd_redis_close(worker->redis);
    jd_wire_free(worker->wire);
}

static void *run(void *argument)
{
    struct jd_worker *worker = argument;
    struct jd_error err = {0};
    bool good = open_clients(worker, &err) && loop(worker, &err);
    if (good)
        flush_all(worker);
    measure(worker);
    close_clients(worker);
    worker->err = err;
    worker->exit = good ? JD_EXIT_OK : err.code == JD_EXIT_OK ? JD_EXIT_INTERNAL : err.code;
    atomic_store(&worker->done, true);
    return NULL;
}

bool jd_worker_start(struct jd_worker *worker, const struct jd_shared *shared, uint32_t index,
                     struct jd_error *err)
{
    const struct jd_settings *s = shared->settings;
    *worker = (struct jd_worker){
        .shared = shared,
        .settings = s,
        .metrics = jd_metrics_slot(shared->metrics, index),
        .index = index,
        .bell = JD_WAKE_NONE,
        .journal_format = jd_journal_format(),
        .image_format = jd_object_of(&jd_image_record),
        .clock_offset = jd_clock_wall() - jd_clock_mono(),
    };
    jd_shared_inputs(shared, worker->inputs);
    (void)snprintf(worker->instance_id, sizeof worker->instance_id, JD_STR_FMT "-%" PRIu32,
                   JD_STR_ARG(s->instance), index);
    (void)snprintf(worker->transactional_id, sizeof worker->transactional_id,
                   JD_STR_FMT "-" JD_STR_FMT "-%" PRIu32, JD_STR_ARG(s->group), JD_STR_ARG(s->instance),
                   index);
    jd_arena_init(&worker->batch_arena, SIZE_MAX / 4);
    jd_arena_init(&worker->scratch, SIZE_MAX / 4);
    size_t room = (size_t)shared->partitions;
    worker->shards = calloc(room, sizeof(struct jd_shard *));
    worker->assigned = calloc(room, sizeof *worker->assigned);
    atomic_store(&worker->alive_at, jd_clock_mono());
    if (worker->shards == NULL || worker->assigned == NULL)
        return jd_error_set(err, JD_EXIT_INTERNAL, "out of memory for a worker");
    if (!jd_wake_open(&worker->bell, err))
        return false;
    if (shared->registry != NULL)
        jd_registry_bell(shared->registry, worker->bell);
    if (pthread_create(&worker->thread, NULL, run, worker) != 0)
        return jd_error_set(err, JD_EXIT_INTERNAL, "cannot start a thread");
    return true;
}

void jd_worker_stop(struct jd_worker *worker)
{
    atomic_store(&worker->stop, true);
    jd_wake_ring(worker->bell);
}

enum jd_exit jd_worker_join(struct jd_worker *worker, struct jd_error *err)
{
    (void)pthread_join(worker->thread, NULL);
    jd_arena_done(&worker->batch_arena);
    jd_arena_done(&worker->scratch);
    free(worker->shards);
    free(worker->assigned);
    jd_wake_close(&worker->bell);
    if (worker->exit != JD_EXIT_OK)
        *err = worker->err;
    return worker->exit;
}

#include "shard/membership.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/str.h"

enum { UNSEATED_MS = 60000 }; /* three times within it: a rival */

static bool holds(const struct jd_position *partitions, uint32_t count, const char *topic, int32_t partition)
{
    for (uint32_t i = 0; i < count; i++)
        if (partitions[i].partition == partition && strcmp(partitions[i].topic, topic) == 0)
            return true;
    return false;
}

/* A member that holds events/p without the others cannot own shard p: another member subscribes to other
 * topics. */
static void on_assigned(void *context, const struct jd_position *partitions, uint32_t count)
{
    struct jd_worker *worker = context;
    const char *events = worker->inputs[JD_IN_EVENTS];
    worker->assigned_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (strcmp(partitions[i].topic, events) != 0)
            continue;
        for (int role = 0; role < JD_IN_COUNT; role++)
            if (worker->inputs[role] != NULL &&
                !holds(partitions, count, worker->inputs[role], partitions[i].partition) &&
                worker->err.code == JD_EXIT_OK)
                (void)jd_error_set(
                    &worker->err, JD_EXIT_CONFIG,
                    "the group gave %s/%" PRId32 " to this instance but not %s/%" PRId32
                    ": another instance of the group does not subscribe to %s, or the topics have "
                    "different numbers of partitions. All instances must name the same topics",
                    events, partitions[i].partition, worker->inputs[role], partitions[i].partition,
                    worker->inputs[role]);
        worker->assigned[worker->assigned_count++] = partitions[i].partition;
    }
    worker->reassigned = true;
    jd_log(JD_LOG_ASSIGNED, jd_num("worker", worker->index), jd_num("shards", worker->assigned_count));
    jd_metric_add(worker->metrics, JD_METRIC_REBALANCES, 1);
}

/* No batch is open here: rebalances are served between transactions only. The states stay, in case the
 * shard comes back. */
static void on_revoked(void *context, const struct jd_position *partitions, uint32_t count, bool lost)
{
    struct jd_worker *worker = context;
    (void)partitions;
    JD_CRASH_POINT("revoke.begun");
    for (uint32_t i = 0; i < worker->shard_count; i++)
        if (worker->shards[i]->phase == JD_SHARD_LIVE) {
            jd_shard_stop_inputs(worker->shards[i]);
            worker->shards[i]->phase = JD_SHARD_PARKED;
        }
    worker->assigned_count = 0;
    jd_log(JD_LOG_REVOKED, jd_num("worker", worker->index), jd_num("partitions", count),
           jd_num("lost", lost));
    JD_CRASH_POINT("revoke.parked");
}

static bool is_assigned(const struct jd_worker *worker, int32_t partition)
{
    for (uint32_t i = 0; i < worker->assigned_count; i++)
        if (worker->assigned[i] == partition)
            return true;
    return false;
}

static struct jd_shard *shard_of(const struct jd_worker *worker, int32_t partition)
{
    for (uint32_t i = 0; i < worker->shard_count; i++)
        if (worker->shards[i]->partition == partition)
            return worker->shards[i];
    return NULL;
}

static void forget_lag(const struct jd_worker *worker, const struct jd_shard *shard)
{
    char partition[16];
    (void)snprintf(partition, sizeof partition, "%" PRId32, shard->partition);
    for (int i = 0; i < JD_IN_COUNT; i++)
        if (worker->inputs[i] != NULL)
            jd_metric_drop_for(worker->metrics, JD_METRIC_LAG, jd_str_of(worker->inputs[i]),
                               jd_str_of(partition));
}

bool jd_membership_adopt(struct jd_worker *worker, struct jd_error *err)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < worker->shard_count; i++) {
        struct jd_shard *shard = worker->shards[i];
        if (!is_assigned(worker, shard->partition)) {
            jd_log(JD_LOG_SHARD_DROPPED, jd_num("shard", shard->partition),
                   jd_txt("reason", "assigned elsewhere"));
            forget_lag(worker, shard);
            jd_shard_free(shard);
            continue;
        }
        if (shard->phase == JD_SHARD_PARKED) {
            shard->phase = JD_SHARD_WAITING;
            shard->resumable = !shard->image.disputed && !shard->image.unsure && shard->seq > 0;
            shard->retry_at = shard->retry_ms = 0;
        }
        worker->shards[kept++] = shard;
    }
    worker->shard_count = kept;
    for (uint32_t i = 0; i < worker->assigned_count; i++)
        if (shard_of(worker, worker->assigned[i]) == NULL) {
            struct jd_shard *shard = jd_shard_new(worker, worker->assigned[i]);
            if (shard == NULL)
                return jd_error_set(err, JD_EXIT_INTERNAL, "out of memory for a shard");
            worker->shards[worker->shard_count++] = shard;
        }
    worker->reassigned = false;
    atomic_store(&worker->waiting, (int)worker->shard_count);
    atomic_store(&worker->joined, true);
    return true;
}

/* Nothing in memory is trusted any more. */
static void drop_shards(struct jd_worker *worker)
{
    jd_producer_close(worker->producer);
    worker->producer = NULL;
    worker->producer_ready = false;
    for (uint32_t i = 0; i < worker->shard_count; i++) {
        jd_log(JD_LOG_SHARD_DROPPED, jd_num("shard", worker->shards[i]->partition),
               jd_txt("reason", "in doubt"));
        jd_shard_free(worker->shards[i]);
    }
    worker->shard_count = 0;
}

bool jd_membership_start_over(struct jd_worker *worker, struct jd_error *err)
{
    drop_shards(worker);
    if (!jd_membership_adopt(worker, err))
        return false;
    JD_CRASH_POINT("doubt.dropped");
    return true;
}

/* A number that the user gave librdkafka and that the protocol needs to know; 0: not given. */
static int given(const struct jd_settings *settings, const char *name)
{
    for (uint32_t i = 0; i < settings->kafka_count; i++)
        if (strcmp(settings->kafka[i].name.ptr, name) == 0)
            return atoi(settings->kafka[i].value.ptr);
    return 0;
}

bool jd_membership_open(struct jd_worker *worker, struct jd_error *err)
{
    const struct jd_settings *s = worker->settings;
    const struct jd_member_config member = {
        .group = s->group.ptr,
        .instance_id = worker->instance_id,
        .session_timeout_ms = given(s, "session.timeout.ms"),
        .events = &worker->member_events,
        .bell = worker->bell,
    };
    const char *topics[JD_IN_COUNT];
    uint32_t count = 0;
    worker->member_events = (struct jd_member_events){worker, on_assigned, on_revoked};
    for (int i = 0; i < JD_IN_COUNT; i++)
        if (worker->inputs[i] != NULL)
            topics[count++] = worker->inputs[i];
    worker->member = jd_member_open(&worker->shared->kafka, &member, err);
    return worker->member != NULL && jd_member_subscribe(worker->member, topics, count, err);
}

bool jd_membership_take_seat_again(struct jd_worker *worker, struct jd_error *err)
{
    int64_t now = jd_clock_mono();
    jd_log(JD_LOG_RIVAL, jd_txt("instance", worker->instance_id));
    memmove(worker->unseated_at, worker->unseated_at + 1, 2 * sizeof worker->unseated_at[0]);
    worker->unseated_at[2] = now;
    worker->unseated = false;
    if (worker->unseated_at[0] != 0 && now - worker->unseated_at[0] < UNSEATED_MS)
        return jd_error_set(err, JD_EXIT_CONFIG,
                            "the seat of instance %s in the group was taken three times in a minute: another "
                            "process runs under this name; give each its own `instance`",
                            worker->instance_id);
    drop_shards(worker);
    jd_member_close(worker->member);
    worker->assigned_count = 0;
    worker->reassigned = false;
    atomic_store(&worker->joined, false);
    return jd_membership_open(worker, err);
}

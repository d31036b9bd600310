/* A worker: one thread, one seat in the group, one transactional producer, one connection to Redis; it owns
 * shards and shares nothing with other workers but what is immutable or made for many threads.
 *
 * One turn of the loop:
 *
 *   rebalances ──► one waiting shard taken over ──► gather, decide, one transaction for all shards
 *        ▲                                                            │
 *        └────────── sleep until there is something ◄── write-behind ◄┘
 *
 * Turns with records come every commit_interval, or at once while there is a backlog; at least
 * 20 ms lie between a commit and the next first record (librdkafka waits as long in a call that comes
 * too early). */
#ifndef JOURNEYD_SHARD_WORKER_H
#define JOURNEYD_SHARD_WORKER_H

#include <pthread.h>
#include <stdatomic.h>

#include "adapters/redis.h"
#include "shard/shard.h"
#include "shard/shared.h"
#include "wire/object.h"

struct jd_worker {
    const struct jd_shared *shared;
    const struct jd_settings *settings; /* shared->settings */
    struct jd_metrics_slot *metrics;
    uint32_t index;
    char instance_id[256], transactional_id[512];
    int bell;
    struct jd_object journal_format, image_format;
    const char *inputs[JD_IN_COUNT]; /* topics; NULL: not configured */
    struct jd_member_events member_events;
    struct jd_member *member;
    struct jd_reader *reader; /* committed: inputs, journal */
    struct jd_reader *tail;   /* uncommitted: the journal's real end */
    struct jd_producer *producer;
    bool producer_ready;
    uint32_t out_index[JD_OUT_COUNT]; /* in the producer's topics */
    struct jd_wire *wire;
    struct jd_redis *redis;
    bool redis_down;
    int64_t redis_rest_until; /* monotonic ms: no call before, but for what is urgent */
    struct jd_shard **shards; /* owned */
    uint32_t shard_count;
    int32_t *assigned; /* owned; partitions of the events topic */
    uint32_t assigned_count;
    bool reassigned;
    struct jd_arena batch_arena; /* until the transaction's end is known */
    struct jd_arena scratch;     /* within one call */
    int64_t committed_at;        /* monotonic ms */
    int64_t fenced_at[3];        /* the last times that the producer was fenced */
    bool unseated;               /* its seat in the group was taken, by another or by a late join of ours */
    int64_t unseated_at[3];      /* the last times of that */
    int64_t backoff_ms;
    jd_time clock_offset; /* wall - monotonic at the start */
    bool redis_strays;    /* so it was when Redis was last asked for its time */
    bool memory_is_high;  /* said */
    int64_t skew_checked_at, lag_at, turn_at;
    uint32_t next_flush; /* round robin over shards */
    pthread_t thread;
    atomic_bool stop;
    /* Read by the control thread. */
    atomic_int_least64_t alive_at; /* monotonic ms of the last turn */
    atomic_int live, waiting;      /* shards */
    atomic_bool joined;            /* it has had an assignment */
    _Atomic(const char *) paused;  /* static reason why nothing is decided; NULL */
    atomic_bool done;
    enum jd_exit exit; /* after `done` */
    struct jd_error err;
};

/* Starts the thread. False: nothing runs. The worker is stopped with jd_worker_stop and freed with
 * jd_worker_join. */
JD_MUST_CHECK bool jd_worker_start(struct jd_worker *worker, const struct jd_shared *shared, uint32_t index,
                                   struct jd_error *err);
void jd_worker_stop(struct jd_worker *worker); /* any thread */
/* Waits for its end. Its exit code; `err` says why when it is not JD_EXIT_OK. */
enum jd_exit jd_worker_join(struct jd_worker *worker, struct jd_error *err);

/* ---- the parts of a worker --------------------------------------------------------------------- */

/* transaction.c. Opens the producer, or ends what it had open when it was fenced; true at once if it is ready.
 * False: try again later; `err`. */
JD_MUST_CHECK bool jd_worker_open_producer(struct jd_worker *worker, struct jd_error *err);
/* Commits the open batches of all shards in one transaction. */
enum jd_commit {
    JD_COMMIT_NOTHING = 1, /* no batch was open */
    JD_COMMIT_DONE,
    JD_COMMIT_AGAIN, /* aborted and undone; try again */
    JD_COMMIT_DOUBT, /* outcome unknown, or fenced: the worker must take its shards over again */
    JD_COMMIT_FATAL, /* `err`: the process must end */
};
enum jd_commit jd_commit_batches(struct jd_worker *worker, struct jd_error *err);

/* takeover.c: one attempt for a waiting shard. It becomes LIVE, stays WAITING until retry_at, or: false, and
 * the process must end with `err`. */
JD_MUST_CHECK bool jd_take_over(struct jd_worker *worker, struct jd_shard *shard, struct jd_error *err);

/* checkpoint.c */
void jd_checkpoint_init(struct jd_checkpoint *image);
void jd_checkpoint_done(struct jd_checkpoint *image);
/* Reads meta and leaves it watched. `now` of the clock is not read. */
enum jd_redis_status jd_checkpoint_watch(struct jd_worker *worker, const struct jd_shard *shard,
                                         struct jd_meta *meta, struct jd_error *err);
/* Redis' clock. */
enum jd_redis_status jd_checkpoint_time(struct jd_worker *worker, jd_time *now, struct jd_error *err);
/* With meta watched as `meta`: writes a fresh token and the next rev, and with `create` an empty image of
 * seq 0 of the shard's lineage whose journal begins at `offset`. OK: shard->image is its owner's. */
enum jd_redis_status jd_checkpoint_claim(struct jd_worker *worker, struct jd_shard *shard,
                                         const struct jd_meta *meta, bool create, int64_t offset,
                                         struct jd_error *err);
/* The keys of a committed batch are to be written. */
void jd_checkpoint_add(struct jd_shard *shard, const struct jd_change *changes, uint32_t count);
/* One step of write-behind for one shard: compare, and one chunk if a flush is due (`now`: at once). False:
 * the process must end with `err`. `*more`: there is more to write now. */
JD_MUST_CHECK bool jd_checkpoint_step(struct jd_worker *worker, struct jd_shard *shard, bool now, bool *more,
                                      struct jd_error *err);
/* Changes and bytes that are committed and not in Redis. */
void jd_checkpoint_unflushed(const struct jd_worker *worker, int64_t *keys, int64_t *bytes);
/* Writes the whole image anew from the next flush on. */
void jd_checkpoint_rewrite(struct jd_shard *shard);

/* worker.c */
void jd_random_id(char id[JD_ID_SIZE]); /* 128 random bits in hex */
/* Waits for the worker's bell or the time; serves nothing. */
void jd_worker_nap(struct jd_worker *worker, int64_t ms);

#endif

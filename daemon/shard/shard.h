/* One shard in memory: its states, where it stands in its inputs, and the batch that is open.
 *
 *   gather ──► decide ──► (transaction) ──► keep ──► dirty keys (checkpoint)
 *     ▲          │               └► undo: states as before, records gathered stay in memory
 *     └──────────┴── records not taken yet stay for the next batch
 *
 * A batch gathers first and then orders what it gathered (shard/order.h). It is cut when a partition that
 * may have an earlier record has to be waited for, at the end of all partitions, and at the limits; a cut
 * may fall between two timers. After an abort the batch is cut anew from memory, with the wall clock of
 * that moment: nobody has seen the first one. */
#ifndef JOURNEYD_SHARD_SHARD_H
#define JOURNEYD_SHARD_SHARD_H

#include "adapters/kafka.h"
#include "engine/fold.h"
#include "shard/intake.h"
#include "shard/keyset.h"
#include "shard/order.h"
#include "shard/recovery.h"
#include "wire/wire.h"

enum { JD_ID_SIZE = 33 }; /* 32 hex digits and a NUL: lineages, tokens */

struct jd_worker;

enum jd_shard_phase {
    JD_SHARD_WAITING = 1, /* assigned, to be taken over at `retry_at` */
    JD_SHARD_LIVE,
    JD_SHARD_PARKED,  /* revoked, kept in case it comes back at once */
    JD_SHARD_STOPPED, /* a person must act; the reason was logged */
};

/* A partition that the shard reads. */
struct jd_shard_input {
    const char *topic; /* NULL: not configured */
    struct jd_fetch *fetch;
    struct jd_message *messages; /* owned; [0, taken) are in the open batch */
    uint32_t count, taken, capacity;
    bool head_ready; /* `head` is of messages[taken] */
    bool pending;    /* messages[taken] waits for its schema */
    struct jd_intake head;
    /* As committed, and as of the open batch: the next offset, the running maximum, and the offset up to
     * which this input is read before others are (JD_OFFSET_NONE: it is not catching up). */
    struct jd_shard_position {
        int64_t next;
        jd_time effective;
        int64_t until;
    } kept, open;
};

/* A record refused in the open batch. */
struct jd_dead {
    enum jd_shard_role role;
    struct jd_incoming incoming;
    struct jd_reject reject;
};

/* What the open batch of a shard came to; everything in the arena of the batch. */
struct jd_batch {
    bool open; /* something is to be committed */
    struct jd_output out;
    struct jd_dead *dead;
    uint32_t dead_count, dead_capacity;
    int64_t counts[JD_DEAD_LETTERED + 1]; /* records, by enum jd_verdict */
    uint32_t wrong_partition;
    jd_time now_before, wall;
    bool ticked, full; /* full: cut at a limit, there is more */
    bool reviewed;     /* states were evaluated again */
    jd_time oldest;    /* timestamp of the first record; JD_TIME_NONE */
    int64_t journal_offset;
    int64_t bytes; /* of journal records */
};

/* The image in Redis: what meta must hold, and what is still to be written (checkpoint.c). */
struct jd_checkpoint {
    char token[JD_ID_SIZE];
    int64_t rev;
    bool unsure;   /* an EXEC's outcome is not known: meta may be one rev further, by us */
    bool disputed; /* meta did not compare; `seen` is what it held */
    bool proving;  /* a committed transaction is asked for, to prove ownership */
    bool proved;
    struct jd_meta {
        bool image; /* seq is there */
        char token[JD_ID_SIZE], lineage[JD_ID_SIZE];
        int64_t rev, seq, offset;
    } seen;
    struct jd_keyset dirty;    /* committed since the last flush began */
    struct jd_keyset flushing; /* of the flush under way; [0, written) are done */
    uint32_t written;
    int64_t dirty_bytes, flushing_bytes;
    bool in_flush;
    int32_t rewrite; /* bucket that a rewrite of the image is at; -1: none */
    int64_t flush_seq, flush_offset, flushed_seq;
    jd_time flush_now;
    int64_t flush_at, compare_at; /* monotonic ms */
};

struct jd_shard {
    int32_t partition;
    enum jd_shard_phase phase;
    struct jd_fold *fold;
    char lineage[JD_ID_SIZE];
    int64_t seq;            /* of the last committed batch; 0: none yet */
    int64_t journal_offset; /* of its record */
    jd_time journal_now;
    char policy[65];      /* hash of the policy that decides, as journalled; "" none yet */
    char want_policy[65]; /* of the announcement */
    bool announce;        /* the next batch only says: policy, inputs, until where profiles are caught up */
    bool announcing;      /* the open batch is that */
    int64_t want_until[JD_IN_COUNT];
    uint64_t evaluated, unaffected; /* states, of the review under way or done last */
    struct jd_shard_input inputs[JD_IN_COUNT];
    struct jd_batch batch;
    struct jd_checkpoint image;
    int64_t retry_at, retry_ms;
    bool resumable;         /* it was parked: its states may still be right */
    bool ended_transaction; /* a dead producer's, in this takeover */
    const char *paused;     /* static reason; NULL: not paused */
};

/* A new shard without states, to be taken over. Owned: jd_shard_free. */
struct jd_shard *jd_shard_new(const struct jd_worker *worker, int32_t partition);
void jd_shard_free(struct jd_shard *shard);

/* An empty fold with the allocator of shards; NULL without memory. Owned. */
struct jd_fold *jd_shard_fold_new(void);

/* Starts and stops reading the inputs at the kept positions. Stopping drops what was gathered. */
JD_MUST_CHECK bool jd_shard_start_inputs(struct jd_worker *worker, struct jd_shard *shard,
                                         struct jd_error *err);
void jd_shard_stop_inputs(struct jd_shard *shard);

/* Takes what the queues have, up to `room` records an input, without waiting. False: an input cannot go on
 * (its topic or offset is gone): `err`. `*full`: there may be more. */
JD_MUST_CHECK bool jd_shard_gather(struct jd_shard *shard, uint32_t room, bool *full, struct jd_error *err);

/* Decides what was gathered into shard->batch; `wall` is the wall clock of the batch. False: the shard must
 * stop (a mass of records in wrong partitions): `err`; the batch has been undone. */
JD_MUST_CHECK bool jd_shard_decide(struct jd_worker *worker, struct jd_shard *shard, jd_time wall,
                                   struct jd_error *err);

/* Opens an empty batch, so that its commit proves that the shard is still ours. */
void jd_shard_prove(struct jd_worker *worker, struct jd_shard *shard);

/* The transaction committed: the batch is history. */
void jd_shard_keep(struct jd_worker *worker, struct jd_shard *shard);
/* It did not: everything as before the batch; the records gathered stay. */
void jd_shard_undo(struct jd_shard *shard);

/* When the shard's next tick would fire a timer, as a wall clock time; JD_NEVER. */
jd_time jd_shard_tick_at(const struct jd_worker *worker, const struct jd_shard *shard);

/* The shard's own entry (policy, how far profiles are caught up), from the fold. */
JD_MUST_CHECK bool jd_shard_entry_read(const struct jd_fold *fold, struct jd_arena *arena,
                                       struct jd_shard_entry *entry, struct jd_error *err);

#endif

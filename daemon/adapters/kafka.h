/* Kafka, as the exactly-once shell needs it: members, readers, producers, and a little administration.
 *
 *   jd_member    one seat in the consumer group: who owns which partition, and the fence (group metadata).
 *                It reads no data.
 *   jd_reader    reads partitions that it is told to read, from offsets that it is told; no group.
 *                Read-committed for inputs, the journal at takeover, policies, verify and explain;
 *                uncommitted for the journal's real end.
 *   jd_producer  one transactional producer.
 *   jd_admin     topics: what is there, what is missing; waiting for a cluster at the start.
 *
 * Why a member and a reader instead of one consumer: librdkafka 2.0.2 loses the separation of partition
 * queues when an assignment is replaced while it is live, and pausing partitions skips offsets. A reader
 * starts and stops each partition by itself, so a shard that is taken over never disturbs its neighbours, and
 * not reading a queue is all the back-pressure there is. The fence needs only the member: the
 * coordinator checks its id and generation when offsets enter a transaction.
 *
 * Handles belong to one thread each, except jd_admin (any, one at a time). Nothing here logs but what
 * librdkafka itself says (JD-0901); every function returns its error with what to do about it. Texts name
 * topics, partitions, offsets, instances: never a key. */
#ifndef JOURNEYD_ADAPTERS_KAFKA_H
#define JOURNEYD_ADAPTERS_KAFKA_H

#include "adapters/wake.h"
#include "base/error.h"

enum jd_kafka_status {
    JD_KAFKA_OK = 0,
    JD_KAFKA_RETRY,   /* not now: nothing is decided, call the same again. Of an answer: not "none" */
    JD_KAFKA_ABORT,   /* this transaction cannot commit: abort it, then go on */
    JD_KAFKA_FENCED,  /* a newer producer has our transactional id: close this one, open another */
    JD_KAFKA_RIVAL,   /* another live member has our group.instance.id: JD_EXIT_CONFIG */
    JD_KAFKA_UNKNOWN, /* the outcome is not known, or the handle is broken: close it and take over again */
    JD_KAFKA_REFUSED, /* definite, and a person must act (rights, topic, size, offset range): `err` says how
                       */
};
const char *jd_kafka_status_name(enum jd_kafka_status status); /* "ok", "retry", … static */

struct jd_kafka_property {
    const char *name, *value;
};

/* What all handles share. The user's properties (`kafka:` in the configuration) are applied first, those that
 * the protocol depends on after them; a user's value for one of these is refused by
 * jd_kafka_check_property(). All pointers are borrowed for the call that takes the config. */
struct jd_kafka_config {
    const struct jd_kafka_property *properties; /* must include bootstrap.servers */
    uint32_t property_count;
    const char *client_id;
};

/* Whether a user may set `name` to `value`: an unknown property, a bad value, or one that journeyd sets
 * itself (the text says which and why) is false, with JD_EXIT_CONFIG. */
bool jd_kafka_check_property(const char *name, const char *value, struct jd_error *err);

/* A place in a partition. */
#define JD_OFFSET_NONE INT64_C(-1) /* no offset is known (committed: none was ever committed) */
struct jd_position {
    const char *topic; /* borrowed from whoever made it; in callbacks valid for the call */
    int32_t partition;
    int64_t offset; /* next to read */
};

/* ---- records ------------------------------------------------------------------------------------ */

struct jd_message {
    struct jd_str key, value; /* absent: null. Valid until released */
    int64_t offset;
    jd_time timestamp; /* the record's Kafka timestamp; JD_TIME_NONE if it has none */
    int32_t partition;
    void *handle; /* the adapter's */
};

/* The message's headers in order; valid until released. Returns how many there are, which may be more than
 * `max`, of which the first `max` are written; −1 if they cannot be parsed. */
int32_t jd_message_headers(const struct jd_message *message, struct jd_header *headers, uint32_t max);
void jd_message_release(struct jd_message *message); /* once for each; sets handle to NULL */

/* ---- member -------------------------------------------------------------------------------------- */

struct jd_member;

/* Called inside jd_member_poll() and jd_member_close(), in its thread. Partitions are those of all
 * subscribed topics, sorted by topic, then partition; the protocol is eager: `revoked` always names all. */
struct jd_member_events {
    void *context;
    void (*assigned)(void *context, const struct jd_position *partitions, uint32_t count);
    /* End open transactions here (commit or abort). `lost`: ownership is gone already (session expired), a
     * commit would be refused: abort. */
    void (*revoked)(void *context, const struct jd_position *partitions, uint32_t count, bool lost);
};

struct jd_member_config {
    const char *group; /* group.id */
    const char
        *instance_id;       /* group.instance.id: the seat outlives the process; NULL: it leaves at its end */
    int session_timeout_ms; /* 0 = 10000 */
    const struct jd_member_events *events; /* borrowed until close */
    int bell;                              /* rung when there is something to poll; or JD_WAKE_NONE */
};

/* A static member with the `range` assignor, not yet subscribed. NULL: JD_EXIT_CONFIG (a property). */
struct jd_member *jd_member_open(const struct jd_kafka_config *config,
                                 const struct jd_member_config *member_config, struct jd_error *err);
/* Leaves without leaving: a static member's partitions wait for its return until the session timeout.
 * Calls `revoked` if partitions are held. Blocks up to a few seconds; accepts NULL. */
void jd_member_close(struct jd_member *member);

bool jd_member_subscribe(struct jd_member *member, const char *const *topics, uint32_t count,
                         struct jd_error *err);
/* Serves rebalances and errors; must be called at least every max.poll.interval.ms (5 minutes). OK, RIVAL,
 * REFUSED (no right on group or topic), UNKNOWN (fatal). Transient errors are OK. */
enum jd_kafka_status jd_member_poll(struct jd_member *member, int timeout_ms, struct jd_error *err);
/* Whether it takes part in the present generation: true from `assigned` to `revoked`, false at once when the
 * session is found lost. */
bool jd_member_is_in(const struct jd_member *member);
/* Grows with each `assigned`; 0 before the first. */
uint32_t jd_member_generation(const struct jd_member *member);

/* The group's committed offsets of `positions`, stable ones (open transactions of predecessors are waited
 * for): sets each offset, JD_OFFSET_NONE where there is none. RETRY: no answer in `timeout_ms`, which never
 * means "none"; nothing is written. Only OK proves that no predecessor can still commit. */
enum jd_kafka_status jd_member_committed(struct jd_member *member, struct jd_position *positions,
                                         uint32_t count, int timeout_ms, struct jd_error *err);

/* ---- reader -------------------------------------------------------------------------------------- */

struct jd_reader;
struct jd_fetch; /* one partition being read */

enum jd_isolation {
    JD_READ_COMMITTED = 1,
    JD_READ_UNCOMMITTED,
};

struct jd_reader_config {
    enum jd_isolation isolation;
    uint32_t queue_kbytes; /* memory bound of each partition's queue; 0 = 4096 */
    int bell;              /* rung when a queue that was empty gets something; or JD_WAKE_NONE */
};

struct jd_reader *jd_reader_open(const struct jd_kafka_config *config,
                                 const struct jd_reader_config *reader_config, struct jd_error *err);
void jd_reader_close(struct jd_reader *reader); /* all fetches stopped, all messages released before */

/* Starts to read a partition at `offset` (≥ 0). A partition is read by one fetch of a reader at a time. NULL:
 * JD_EXIT_INTERNAL. Whether the offset exists shows in jd_fetch_status(); a partition that does not is silent
 * for long: look with jd_admin_describe() first. Returns at once. */
struct jd_fetch *jd_reader_start(struct jd_reader *reader, const char *topic, int32_t partition,
                                 int64_t offset, struct jd_error *err);
/* Stops it and drops what was queued; messages already read stay valid until released. Accepts NULL. */
void jd_fetch_stop(struct jd_fetch *fetch);

/* Up to `max` messages in offset order, without waiting; returns how many. To wait, wait for the reader's
 * bell after a read that returned fewer than `max`: a queue that was left non-empty does not ring again. */
uint32_t jd_fetch_read(struct jd_fetch *fetch, struct jd_message *messages, uint32_t max);
/* The next offset to be read: after the last message, or where the broker said the end was (which may be
 * beyond the last message: transaction markers and aborted records occupy offsets). */
int64_t jd_fetch_position(const struct jd_fetch *fetch);
/* The last thing read was the end of the partition, at the position: its high watermark (or, while a
 * transaction is open, the last stable offset; uncommitted: always the high watermark). */
bool jd_fetch_is_at_end(const struct jd_fetch *fetch);
/* OK; REFUSED: it cannot go on, `err` says why (the offset is gone or beyond the end, no such
 * topic or partition, no right). Brokers away are OK: it goes on when they are back. */
enum jd_kafka_status jd_fetch_status(const struct jd_fetch *fetch, struct jd_error *err);

enum jd_edge {
    JD_EDGE_END = 1, /* committed reader: the last stable offset; uncommitted: the high watermark */
    JD_EDGE_START,   /* the first offset still there */
};
/* Asks the brokers for that edge of each partition and sets its offset. RETRY: not all answered in
 * `timeout_ms`; nothing is written. REFUSED: no such topic or partition. */
enum jd_kafka_status jd_reader_edges(struct jd_reader *reader, enum jd_edge edge,
                                     struct jd_position *positions, uint32_t count, int timeout_ms,
                                     struct jd_error *err);
/* The first offset whose record's timestamp is at or after `when`, else the end. As jd_reader_edges(). */
enum jd_kafka_status jd_reader_find_time(struct jd_reader *reader, jd_time when,
                                         struct jd_position *positions, uint32_t count, int timeout_ms,
                                         struct jd_error *err);

/* ---- producer ------------------------------------------------------------------------------------ */

struct jd_producer;

struct jd_topic_limit {
    const char *topic;  /* copied */
    int32_t partitions; /* how many it has */
    int64_t max_bytes;  /* its max.message.bytes */
};

struct jd_producer_config {
    const char *transactional_id;        /* NULL: no transactions, idempotent only (produce, dlq) */
    int transaction_timeout_ms;          /* 0 = 10000 */
    const struct jd_topic_limit *topics; /* every topic it will write to; indexes of jd_producer_send() */
    uint32_t topic_count;
};

/* Opens it and learns the topics' leaders, so that the first transaction does not wait for them; waits up to
 * `timeout_ms` for that, and goes on without. NULL: JD_EXIT_CONFIG (a property) or JD_EXIT_INTERNAL. */
struct jd_producer *jd_producer_open(const struct jd_kafka_config *config,
                                     const struct jd_producer_config *producer_config, int timeout_ms,
                                     struct jd_error *err);
void jd_producer_close(struct jd_producer *producer); /* drops what is open or unsent; accepts NULL */

/* Once, before the first begin: fences older producers of the id and ends their open transaction. RETRY after
 * `timeout_ms`: call again. */
enum jd_kafka_status jd_producer_init(struct jd_producer *producer, int timeout_ms, struct jd_error *err);
enum jd_kafka_status jd_producer_begin(struct jd_producer *producer, struct jd_error *err);

struct jd_record_out {
    uint32_t topic; /* index in the config's topics */
    int32_t partition;
    struct jd_str key, value; /* absent: null */
    const struct jd_header *headers;
    uint32_t header_count;
    jd_time timestamp; /* JD_TIME_NONE: now */
    /* NULL, or where the record's offset goes when it is acknowledged; borrowed until a flush that is OK, or
     * the end of the transaction. */
    int64_t *offset;
};
/* The most that a record of these sizes takes of a topic's limit. */
int64_t jd_record_size(const struct jd_record_out *record);
/* Queues a copy of the record. OK; ABORT (the transaction failed already, or the queue stays full for 10 s);
 * REFUSED (larger than the topic allows, or no such partition: the transaction is still good; check
 * sizes before); FENCED, UNKNOWN. */
enum jd_kafka_status jd_producer_send(struct jd_producer *producer, const struct jd_record_out *record,
                                      struct jd_error *err);
/* Waits until everything sent is acknowledged. RETRY after `timeout_ms`. A record that the broker refused
 * makes it ABORT (REFUSED without transactions), with the broker's reason. */
enum jd_kafka_status jd_producer_flush(struct jd_producer *producer, int timeout_ms, struct jd_error *err);
/* Adds the consumed positions to the transaction, with the member's group metadata as of now: the fence. A
 * negative offset, or none at all, would drop out silently, and the fence with it: asserted. ABORT also when
 * the member is no longer in its generation; RIVAL: abort and exit. */
enum jd_kafka_status jd_producer_send_offsets(struct jd_producer *producer, struct jd_member *member,
                                              const struct jd_position *positions, uint32_t count,
                                              int timeout_ms, struct jd_error *err);
/* OK: committed, for good; readers see it once the coordinator has written its markers, a few ms later.
 * ABORT: not committed. UNKNOWN: may or may not be; a time-out is UNKNOWN too: never commit again on this
 * producer. */
enum jd_kafka_status jd_producer_commit(struct jd_producer *producer, int timeout_ms, struct jd_error *err);
/* OK: aborted. Otherwise FENCED or UNKNOWN. */
enum jd_kafka_status jd_producer_abort(struct jd_producer *producer, int timeout_ms, struct jd_error *err);

/* ---- administration ------------------------------------------------------------------------------- */

struct jd_admin;

struct jd_topic_facts {
    const char *topic; /* in; borrowed */
    bool exists;
    int32_t partitions;
    int64_t max_message_bytes;     /* −1: not allowed to see (so are the next) */
    int64_t retention_ms;          /* −1: unlimited; −2: not allowed to see */
    bool is_compacted, is_deleted; /* cleanup.policy has compact, delete */
};
struct jd_topic_spec {
    const char *topic;
    int32_t partitions;
    const struct jd_kafka_property *config; /* cleanup.policy, retention.ms, … */
    uint32_t config_count;
};

struct jd_admin *jd_admin_open(const struct jd_kafka_config *config, struct jd_error *err);
void jd_admin_close(struct jd_admin *admin); /* accepts NULL */
/* Waits until the cluster answers. RETRY after `timeout_ms`: JD_EXIT_UNAVAILABLE with the last reason
 * (refused, name not known, authentication) and what to look at. */
enum jd_kafka_status jd_admin_reach(struct jd_admin *admin, int timeout_ms, struct jd_error *err);
/* Fills in the facts of topics. A topic that is not there is not an error. */
enum jd_kafka_status jd_admin_describe(struct jd_admin *admin, struct jd_topic_facts *facts, uint32_t count,
                                       int timeout_ms, struct jd_error *err);
/* Creates topics, with the cluster's default replication; one that exists already is fine. Waits until they
 * have leaders. REFUSED: no right, a bad setting. */
enum jd_kafka_status jd_admin_create(struct jd_admin *admin, const struct jd_topic_spec *specs,
                                     uint32_t count, int timeout_ms, struct jd_error *err);
/* Ends the open transaction of a dead producer: init_transactions under its id. RETRY after `timeout_ms`. */
enum jd_kafka_status jd_kafka_end_transaction_of(const struct jd_kafka_config *config,
                                                 const char *transactional_id, int timeout_ms,
                                                 struct jd_error *err);

#endif

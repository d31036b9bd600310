/* The log: one line for each event worth knowing, with a stable code.
 *
 *   ts=2026-11-22T23:40:30.123Z level=info code=JD-0201 event=shard_live shard=3 seq=41 row="seq_behind"
 *   {"ts":"…","level":"info","code":"JD-0201","event":"shard_live","shard":3,"seq":41,"row":"seq_behind"}
 *
 * Fields are ids of topics, partitions, shards, rules, policies, counts, codes and reasons: nothing that
 * names or follows a person, no key, no value of a record. A code that comes more often than 10 times in 10 s
 * is cut there; the next line of it says how many were left out (suppressed=N). Lines are cut at 2,000 bytes
 * and written by one write(2) each, so lines of several threads never mix. Any thread. */
#ifndef JOURNEYD_BASE_LOG_H
#define JOURNEYD_BASE_LOG_H

#include "base/str.h"

/* X(number, NAME, level, "event", "what it means and what to do")
 * Numbers are for good: a code whose event is gone is not used again. */
#define JD_LOG_MAP(X)                                                                                        \
    X(101, STARTED, INFO, "started", "the daemon starts: version, group, instance, workers")                 \
    X(102, READY, INFO, "ready", "everything it depends on answers and the policy is in force")              \
    X(103, WAITING, WARN, "waiting", "not ready yet; `for` says what it waits for")                          \
    X(104, STOPPING, INFO, "stopping", "asked to stop: finishes the batch, commits, flushes")                \
    X(105, STOPPED, INFO, "stopped", "nothing is left to redo unless `unflushed` says otherwise")            \
    X(106, FATAL, ERROR, "fatal", "cannot go on; `reason` says what to do; the process ends with `exit`")    \
    X(201, SHARD_LIVE, INFO, "shard_live",                                                                   \
      "a shard was taken over; `row` is its case of the takeover table")                                     \
    X(202, SHARD_DROPPED, INFO, "shard_dropped", "a shard was given up; `reason`")                           \
    X(203, SHARD_REFUSED, ERROR, "shard_refused", "a shard cannot be taken over; `reason` says what to do")  \
    X(204, SHARD_WAITS, WARN, "shard_waits", "a takeover waits: a predecessor may still commit")             \
    X(205, OFFSETS_MOVED, WARN, "offsets_moved", "the group's offsets were set by a tool; the journal wins") \
    X(206, STATE_LOST, WARN, "state_lost", "Redis has no image of a shard; it is rebuilt from the journal")  \
    X(207, SHARD_PAUSED, WARN, "shard_paused", "a shard stands still; `reason`")                             \
    X(208, SHARD_RESUMED, INFO, "shard_resumed", "a shard goes on")                                          \
    X(301, ASSIGNED, INFO, "assigned", "the group gave partitions to this worker")                           \
    X(302, REVOKED, INFO, "revoked", "the group took partitions from this worker")                           \
    X(303, RIVAL, ERROR, "rival",                                                                            \
      "another process runs under this instance name: give each its own `instance`")                         \
    X(401, BATCH_ABORTED, WARN, "batch_aborted", "a transaction was aborted and its batch is tried again")   \
    X(402, COMMIT_UNKNOWN, WARN, "commit_unknown",                                                           \
      "the outcome of a commit is not known; the shards are taken over again")                               \
    X(403, PRODUCER_FENCED, WARN, "producer_fenced",                                                         \
      "a newer producer has this transactional id; a new one is opened")                                     \
    X(404, BROKER_AWAY, WARN, "broker_away", "Kafka does not answer; nothing is lost, it waits")             \
    X(501, REDIS_AWAY, WARN, "redis_away",                                                                   \
      "Redis does not answer; decisions go on until the unflushed limit")                                    \
    X(502, REDIS_BACK, INFO, "redis_back", "Redis answers again")                                            \
    X(503, REDIS_REFUSED, ERROR, "redis_refused",                                                            \
      "Redis answers but cannot be used; `reason` says what to do")                                          \
    X(504, COMPARE_FAILED, WARN, "compare_failed",                                                           \
      "someone else wrote a shard's meta, or Redis was rolled back")                                         \
    X(505, IMAGE_REWRITTEN, INFO, "image_rewritten",                                                         \
      "Redis had lost writes; the shard's image was written anew")                                           \
    X(506, UNFLUSHED_FULL, WARN, "unflushed_full",                                                           \
      "too much is not yet in Redis: consuming stops until it is")                                           \
    X(507, MEMORY_HIGH, WARN, "memory_high",                                                                 \
      "states take nine tenths of limits.memory; consuming stops at the limit")                              \
    X(601, REGISTRY_AWAY, WARN, "registry_away",                                                             \
      "the schema registry does not answer; partitions that need it wait")                                   \
    X(602, REGISTRY_BACK, INFO, "registry_back", "the schema registry answers again")                        \
    X(603, SCHEMA_UNKNOWN, WARN, "schema_unknown", "the registry has no usable schema of that id")           \
    X(701, DEAD_LETTER, WARN, "dead_letter",                                                                 \
      "records of a batch were refused: how many, where, and the reason of the first")                       \
    X(702, WRONG_PARTITION, ERROR, "wrong_partition",                                                        \
      "most keys lie in other partitions than `partitioner` says: the shard stops")                          \
    X(703, CLOCK_STRAYS, ERROR, "clock_strays",                                                              \
      "this machine's clock disagrees; the shard waits until it does not")                                   \
    X(801, POLICY_LIVE, INFO, "policy_live", "a policy is in force from here on")                            \
    X(802, POLICY_BAD, ERROR, "policy_bad", "a published policy does not compile; the one in force stays")   \
    X(803, POLICY_SWITCHED, INFO, "policy_switched", "a shard decides under another policy from here on")    \
    X(804, POLICY_REVIEWED, INFO, "policy_reviewed", "all states of a shard follow its policy")              \
    X(901, LIBRARY, WARN, "library", "what librdkafka says, word for word")                                  \
    X(902, HTTP, WARN, "http", "the metrics server has trouble")

enum jd_log_level { JD_LOG_DEBUG = 1, JD_LOG_INFO, JD_LOG_WARN, JD_LOG_ERROR };
enum jd_log_code {
#define X(number, name, level, event, doc) JD_LOG_##name,
    JD_LOG_MAP(X)
#undef X
        JD_LOG_CODE_COUNT_
};
enum jd_log_format { JD_LOG_LOGFMT = 1, JD_LOG_JSON };

/* One field. Names are literals of [a-z_]. */
struct jd_log_field {
    const char *name;
    bool is_number;
    int64_t number;
    struct jd_str text;
};
#define jd_num(field_name, value)                                                                            \
    ((struct jd_log_field){.name = (field_name), .is_number = true, .number = (int64_t)(value)})
#define jd_txt(field_name, value) ((struct jd_log_field){.name = (field_name), .text = jd_str_of(value)})
#define jd_view(field_name, value) ((struct jd_log_field){.name = (field_name), .text = (value)})

/* jd_log(JD_LOG_SHARD_LIVE, jd_num("shard", 3), jd_txt("row", "none_none")) */
#define jd_log(code, ...)                                                                                    \
    jd_log_write((code), (const struct jd_log_field[]){__VA_ARGS__},                                         \
                 JD_COUNT(((const struct jd_log_field[]){__VA_ARGS__})))

void jd_log_write(enum jd_log_code code, const struct jd_log_field *fields, size_t count);

/* Before threads are started. Default: logfmt, info, standard error. */
void jd_log_setup(enum jd_log_format format, enum jd_log_level lowest, int fd);

/* For tables in the documentation. */
const char *jd_log_code_event(enum jd_log_code code);
int jd_log_code_number(enum jd_log_code code);
const char *jd_log_code_doc(enum jd_log_code code);
uint64_t jd_log_count(enum jd_log_code code); /* lines of this code so far, suppressed ones too */

#endif

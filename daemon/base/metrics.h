/* What a running daemon counts, for /metrics.
 *
 * Every thread that counts has a slot of its own and is its only writer; the metrics thread adds the slots up
 * when somebody asks. All values are atomics, so counting is one relaxed store and never waits. Values
 * with labels live in cells, found by metric and label values; there are JD_METRIC_CELLS a slot, and what
 * finds no room is counted under the label value "other". Labels are bounded: reasons, rules, topics,
 * partitions, cases; never an id of a person, account, actor or record.
 *
 * A gauge is the sum over the slots that set it. Durations are observed in microseconds and published in
 * seconds. */
#ifndef JOURNEYD_BASE_METRICS_H
#define JOURNEYD_BASE_METRICS_H

#include "base/buf.h"

#include <stdatomic.h>

/* X(NAME, kind, "name", "label names, comma separated, or empty", "help") */
#define JD_METRIC_MAP(X)                                                                                     \
    X(CONSUMED, COUNTER, "journeyd_records_consumed_total", "topic", "Records of inputs, by the journal")    \
    X(APPLIED, COUNTER, "journeyd_records_applied_total", "", "Records that were decided on")                \
    X(DUPLICATES, COUNTER, "journeyd_records_duplicate_total", "",                                           \
      "Records seen before (same source and id)")                                                            \
    X(FILTERED, COUNTER, "journeyd_records_filtered_total", "", "Records of types that are ignored")         \
    X(DEAD_LETTERED, COUNTER, "journeyd_records_dead_lettered_total", "reason",                              \
      "Records refused, by reason")                                                                          \
    X(ALERTS, COUNTER, "journeyd_alert_records_total", "rule,status", "Revisions of conflict alerts")        \
    X(TRIGGERS, COUNTER, "journeyd_trigger_records_total", "status", "Revisions of channel triggers")        \
    X(TIMERS, COUNTER, "journeyd_timers_fired_total", "", "Timers fired")                                    \
    X(BATCHES, COUNTER, "journeyd_batches_total", "", "Batches committed")                                   \
    X(ABORTS, COUNTER, "journeyd_transactions_aborted_total", "", "Transactions aborted and tried again")    \
    X(INDETERMINATE, COUNTER, "journeyd_transactions_indeterminate_total", "",                               \
      "Transactions of unknown outcome")                                                                     \
    X(FENCED, COUNTER, "journeyd_producer_fenced_total", "",                                                 \
      "Producers fenced by a newer one of the same id")                                                      \
    X(BATCH_SECONDS, HISTOGRAM, "journeyd_batch_seconds", "", "Time to gather, order and decide a batch")    \
    X(COMMIT_SECONDS, HISTOGRAM, "journeyd_commit_seconds", "", "Time to commit a batch's transaction")      \
    X(EVENT_AGE_SECONDS, HISTOGRAM, "journeyd_record_age_seconds", "",                                       \
      "From a record's timestamp to its commit")                                                             \
    X(FLUSH_SECONDS, HISTOGRAM, "journeyd_redis_flush_seconds", "", "Time of one write-behind EXEC")         \
    X(FLUSHED, COUNTER, "journeyd_redis_states_written_total", "", "States written to Redis")                \
    X(DIRTY, GAUGE, "journeyd_redis_dirty_states", "", "Committed states not yet in Redis")                  \
    X(DIRTY_BYTES, GAUGE, "journeyd_redis_dirty_bytes", "", "Their size")                                    \
    X(REDIS_UP, GAUGE, "journeyd_redis_connections", "", "Workers that reach Redis")                         \
    X(COMPARES_FAILED, COUNTER, "journeyd_redis_compare_failed_total", "",                                   \
      "Failed compares of token and rev")                                                                    \
    X(REWRITES, COUNTER, "journeyd_redis_image_rewrites_total", "",                                          \
      "Images written anew after Redis lost writes")                                                         \
    X(RECOVERIES, COUNTER, "journeyd_recoveries_total", "row", "Takeovers, by row of the takeover table")    \
    X(RECOVERY_SECONDS, HISTOGRAM, "journeyd_recovery_seconds", "", "Time of a takeover")                    \
    X(REBALANCES, COUNTER, "journeyd_rebalances_total", "", "Assignments received")                          \
    X(SHARDS, GAUGE, "journeyd_shards", "", "Shards that are live here")                                     \
    X(SHARDS_REVIEWING, GAUGE, "journeyd_shards_reviewing", "",                                              \
      "Shards that evaluate what they hold under another policy; rules that changed are warming")            \
    X(REVIEWED, COUNTER, "journeyd_states_reviewed_total", "result",                                         \
      "States under another policy: evaluated, or unaffected by it")                                         \
    X(SHARDS_PAUSED, GAUGE, "journeyd_shards_paused", "reason", "Shards that stand still, by reason")        \
    X(LAG, GAUGE, "journeyd_lag_records", "topic,partition", "Records between position and end")             \
    X(STATES, GAUGE, "journeyd_states", "", "States in memory")                                              \
    X(STATE_BYTES, GAUGE, "journeyd_state_bytes", "", "Their size")                                          \
    X(JOURNAL_BYTES, COUNTER, "journeyd_journal_bytes_total", "",                                            \
      "Journal bytes written, before compression")                                                           \
    X(REGISTRY_UP, GAUGE, "journeyd_registry_up", "", "1 if the schema registry answered last time")

enum jd_metric_kind { JD_METRIC_COUNTER = 1, JD_METRIC_GAUGE, JD_METRIC_HISTOGRAM };
enum jd_metric {
#define X(name, kind, text, labels, help) JD_METRIC_##name,
    JD_METRIC_MAP(X)
#undef X
        JD_METRIC_COUNT_
};

enum {
    JD_METRIC_CELLS = 1024,   /* labelled values a slot */
    JD_METRIC_LABEL_MAX = 96, /* bytes of one cell's label values; longer: "other" */
    JD_METRIC_BUCKETS = 15,   /* upper bounds 0.5 ms .. 10 s, and the rest */
};

struct jd_metrics; /* all slots */
struct jd_metrics_slot;

struct jd_metrics *jd_metrics_new(uint32_t slots); /* owned; aborts without memory */
void jd_metrics_free(struct jd_metrics *metrics);
struct jd_metrics_slot *jd_metrics_slot(struct jd_metrics *metrics, uint32_t index);

/* By the slot's thread only. Counters never go down. */
void jd_metric_add(struct jd_metrics_slot *slot, enum jd_metric metric, int64_t amount);
void jd_metric_set(struct jd_metrics_slot *slot, enum jd_metric metric, int64_t value);
void jd_metric_observe(struct jd_metrics_slot *slot, enum jd_metric metric, int64_t microseconds);
/* The same for a metric with one or two labels (`second` absent where there is one). */
void jd_metric_add_for(struct jd_metrics_slot *slot, enum jd_metric metric, struct jd_str first,
                       struct jd_str second, int64_t amount);
void jd_metric_set_for(struct jd_metrics_slot *slot, enum jd_metric metric, struct jd_str first,
                       struct jd_str second, int64_t value);
/* A gauge's labelled value that no longer is: leaves the output (a partition that went elsewhere). */
void jd_metric_drop_for(struct jd_metrics_slot *slot, enum jd_metric metric, struct jd_str first,
                        struct jd_str second);

/* Prometheus text, version 0.0.4, of all slots together, with journeyd_build_info, log line counts by code,
 * and process_resident_memory_bytes, process_cpu_seconds_total, process_start_time_seconds. Any thread. */
void jd_metrics_render(const struct jd_metrics *metrics, struct jd_buf *out);
/* The sum over the slots; for tests and the status line. */
int64_t jd_metrics_sum(const struct jd_metrics *metrics, enum jd_metric metric);

#endif

/* Holding the journal against what it came from and what came of it.
 *
 *   inputs + journal ──► jd_audit_shard      decides every batch again, in the order that its ranges say, and
 *                                            compares changes, counts, clock and digest of effects
 *   image            ──► jd_audit_image      compares Redis with the state at the journal's end
 *   outputs, DLQs    ──► jd_audit_published  exactly the records that the batches made, no more, no less
 *
 * A batch whose inputs, policy or engine version are gone is only redone, and named. Recovery never depends
 * on any of this. Used by one thread; needs no running daemon, and disturbs none. */
#ifndef JOURNEYD_SHARD_AUDIT_H
#define JOURNEYD_SHARD_AUDIT_H

#include "adapters/redis.h"
#include "shard/shared.h"

struct jd_audit;

struct jd_audit_config {
    const struct jd_shared *shared; /* without metrics; borrowed */
    struct jd_redis *redis;         /* NULL: images are not compared; borrowed */
    /* Called for each difference, and each range that cannot be decided again. */
    void (*say)(void *context, bool is_difference, const char *text);
    void *context;
};

struct jd_audit_report {
    int64_t batches, decided_again, only_redone;
    int64_t records, applied, duplicates, filtered, dead_lettered, timers;
    int64_t effects, dead_letters;     /* that the batches made */
    int64_t published, published_dead; /* of those, found in their topics */
    int64_t states;                    /* compared with Redis */
    int64_t differences;
};

struct jd_audit *jd_audit_open(const struct jd_audit_config *config, struct jd_error *err);
void jd_audit_close(struct jd_audit *audit); /* accepts NULL */

/* Re-executes the journal of one shard. Batches before `from` are redone without being decided; it ends after
 * seq `to`, or at the journal's end (0). False: it cannot be read; `err`. */
JD_MUST_CHECK bool jd_audit_shard(struct jd_audit *audit, int32_t partition, int64_t from, int64_t to,
                                  struct jd_error *err);
/* After jd_audit_shard() of the same partition: the image in Redis, entry by entry, if it is of the batch
 * that the audit ended at; a difference otherwise. */
JD_MUST_CHECK bool jd_audit_image(struct jd_audit *audit, struct jd_error *err);
/* After all shards; batches that were only redone are held against it by count and digest. With `whole`, a
 * published record of an audited lineage that no audited batch made is a difference; without (from, to were
 * given) only missing and different ones are. */
JD_MUST_CHECK bool jd_audit_published(struct jd_audit *audit, bool whole, struct jd_error *err);
const struct jd_audit_report *jd_audit_report(const struct jd_audit *audit);

#endif

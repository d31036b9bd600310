/* What the shards of a process share: settings, topics, encodings, policies. Immutable, or made for many
 * threads. */
#ifndef JOURNEYD_SHARD_SHARED_H
#define JOURNEYD_SHARD_SHARED_H

#include "adapters/kafka.h"
#include "adapters/registry.h"
#include "base/metrics.h"
#include "policy/settings.h"
#include "shard/order.h"
#include "shard/policies.h"
#include "wire/output.h"
#include "wire/wire.h"

/* The topics that are written to. */
enum jd_out {
    JD_OUT_JOURNAL,
    JD_OUT_ALERTS,
    JD_OUT_ALERTS_SHADOW,
    JD_OUT_ALERTS_COMMERCIAL,
    JD_OUT_ALERTS_MEDICAL,
    JD_OUT_TRIGGERS_COMMERCIAL,
    JD_OUT_TRIGGERS_MEDICAL,
    JD_OUT_DECISIONS,
    JD_OUT_TOUCHES,
    JD_OUT_DEAD, /* + enum jd_shard_role */
    JD_OUT_COUNT = JD_OUT_DEAD + JD_IN_COUNT,
};

struct jd_shared {
    const struct jd_settings *settings;
    struct jd_kafka_config kafka;
    struct jd_policies *policies;
    struct jd_registry *registry; /* NULL: none */
    struct jd_metrics *metrics;   /* NULL: nothing is counted (verify) */
    struct jd_wire_config wire;
    struct jd_wire_out wire_out;
    struct jd_topic_limit outs[JD_OUT_COUNT]; /* topic NULL: not configured */
    int32_t partitions;                       /* of every keyed topic */
};

/* The topics of the inputs, by enum jd_shard_role; NULL: not configured. */
void jd_shared_inputs(const struct jd_shared *shared, const char *topics[JD_IN_COUNT]);

enum jd_out jd_out_of(enum jd_topic topic);
/* Where the record of an effect goes. Touches: where the configured partitioner puts the bare key. */
int32_t jd_shared_partition(const struct jd_shared *shared, const struct jd_effect *effect);

/* The record of an effect: the `ordinal`-th of batch `seq` of a shard. In the arena. */
void jd_shared_effect(const struct jd_shared *shared, const struct jd_effect *effect, const char *lineage,
                      int32_t shard, int64_t seq, uint32_t ordinal, struct jd_arena *arena,
                      struct jd_outgoing *out);
/* The dead letter of a record of `role`. In the arena. */
void jd_shared_dead_letter(const struct jd_shared *shared, enum jd_shard_role role,
                           const struct jd_incoming *incoming, const struct jd_reject *why,
                           struct jd_arena *arena, struct jd_outgoing *out);

#endif

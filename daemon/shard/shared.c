#include "shard/shared.h"

#include <inttypes.h>

#include "wire/partition.h"

void jd_shared_inputs(const struct jd_shared *shared, const char *topics[JD_IN_COUNT])
{
    const struct jd_settings *s = shared->settings;
    topics[JD_IN_HCP_PROFILES] = s->topics.hcp_profiles.ptr;
    topics[JD_IN_ACCOUNT_PROFILES] = s->topics.account_profiles.ptr;
    topics[JD_IN_TOUCHES] = s->topics.touches.ptr;
    topics[JD_IN_EVENTS] = s->topics.events.ptr;
}

enum jd_out jd_out_of(enum jd_topic topic)
{
    static const enum jd_out outs[JD_TOPIC_END_] = {
        [JD_TOPIC_ALERTS] = JD_OUT_ALERTS,
        [JD_TOPIC_TRIGGERS_COMMERCIAL] = JD_OUT_TRIGGERS_COMMERCIAL,
        [JD_TOPIC_TRIGGERS_MEDICAL] = JD_OUT_TRIGGERS_MEDICAL,
        [JD_TOPIC_DECISIONS] = JD_OUT_DECISIONS,
        [JD_TOPIC_TOUCHES] = JD_OUT_TOUCHES,
        [JD_TOPIC_ALERTS_SHADOW] = JD_OUT_ALERTS_SHADOW,
        [JD_TOPIC_ALERTS_COMMERCIAL] = JD_OUT_ALERTS_COMMERCIAL,
        [JD_TOPIC_ALERTS_MEDICAL] = JD_OUT_ALERTS_MEDICAL,
    };
    return outs[topic];
}

int32_t jd_shared_partition(const struct jd_shared *shared, const struct jd_effect *effect)
{
    int32_t partitions = shared->outs[jd_out_of(effect->topic)].partitions;
    if (effect->topic != JD_TOPIC_TOUCHES)
        return jd_partition_murmur2(effect->key, partitions);
    struct jd_str id = ((const struct jd_shared_touch *)effect->value)->key;
    return shared->settings->partitioner == JD_PARTITIONER_CRC32 ? jd_partition_crc32(id, partitions)
                                                                 : jd_partition_murmur2(id, partitions);
}

static uint32_t limit_of(const struct jd_shared *shared, enum jd_out out)
{
    int64_t bytes = shared->outs[out].max_bytes;
    return bytes > UINT32_MAX ? UINT32_MAX : (uint32_t)bytes;
}

void jd_shared_effect(const struct jd_shared *shared, const struct jd_effect *effect, const char *lineage,
                      int32_t shard, int64_t seq, uint32_t ordinal, struct jd_arena *arena,
                      struct jd_outgoing *out)
{
    struct jd_str origin =
        jd_arena_printf(arena, "%s/%" PRId32 "/%" PRId64 "/%" PRIu32, lineage, shard, seq, ordinal);
    jd_wire_effect(&shared->wire_out, effect, origin, limit_of(shared, jd_out_of(effect->topic)), arena, out);
}

void jd_shared_dead_letter(const struct jd_shared *shared, enum jd_shard_role role,
                           const struct jd_incoming *incoming, const struct jd_reject *why,
                           struct jd_arena *arena, struct jd_outgoing *out)
{
    jd_wire_dead_letter(incoming, why, shared->settings->group,
                        limit_of(shared, (enum jd_out)(JD_OUT_DEAD + (int)role)), arena, out);
}

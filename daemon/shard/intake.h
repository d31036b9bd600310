/* A record of an input, decoded, with its effective time: what `run` decides and `verify` decides again. */
#ifndef JOURNEYD_SHARD_INTAKE_H
#define JOURNEYD_SHARD_INTAKE_H

#include "adapters/kafka.h"
#include "shard/order.h"
#include "wire/wire.h"

struct jd_intake {
    enum jd_wire_result result;
    struct jd_incoming incoming;
    struct jd_decoded decoded;
    jd_time effective; /* running maximum, this record included */
};

/* How records become intakes. */
struct jd_intake_rule {
    struct jd_wire *wire;
    bool by_record;     /* clock: record: the clock follows the records' own times, else Kafka's */
    int32_t partitions; /* of every input */
};

/* Decodes `message` of `topic`. `so_far` is the partition's running maximum before it. False: its schema is
 * being fetched, ask again. Borrows from the message and the arena. */
JD_MUST_CHECK bool jd_intake_read(const struct jd_intake_rule *rule, enum jd_shard_role role,
                                  const char *topic, const struct jd_message *message, jd_time so_far,
                                  struct jd_arena *arena, struct jd_intake *out);

#endif

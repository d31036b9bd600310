/* Effects, dead letters and test data to records. */
#ifndef JOURNEYD_WIRE_OUTPUT_H
#define JOURNEYD_WIRE_OUTPUT_H

#include "base/arena.h"
#include "engine/fold.h"
#include "wire/message.h"
#include "wire/object.h"
#include "wire/wire.h"

/* How values are written. */
struct jd_wire_out {
    enum jd_encoding encoding;          /* JSON or AVRO; AUTO is JSON */
    bool confluent;                     /* AVRO: magic byte and schema id in front, else the bare datum */
    uint32_t schema_ids[JD_TOPIC_END_]; /* by enum jd_topic, from jd_registry_register() */
    struct jd_str source;               /* ce_source */
    struct jd_object touches;           /* jd_object_of(&jd_shared_touch_record): how touches are written */
};

/* A record for `effect`. `origin` is the text of jd_origin: lineage/shard/seq/ordinal. Headers: ce_id,
 * ce_source, ce_type, ce_time, ce_specversion, content-type, jd_origin and, where the effect has one,
 * traceparent. An alert that would be larger than `limit` bytes (key, value and headers; 0: any size) goes
 * out with the latest of its evidence, counted and hashed. */
void jd_wire_effect(const struct jd_wire_out *config, const struct jd_effect *effect, struct jd_str origin,
                    uint32_t limit, struct jd_arena *arena, struct jd_outgoing *out);
/* The schema of a topic's values: name of its record. Static. */
const struct jd_record *jd_topic_record(enum jd_topic topic);

/* Reads back what jd_wire_effect wrote as `value`: JSON or Avro, framed, bare or a single object. False: `err`. */
JD_MUST_CHECK bool jd_wire_read_back(const struct jd_record *record, struct jd_str bytes,
                                     struct jd_arena *arena, void *value, struct jd_error *err);

/* The dead letter of `record`: original key, value and headers, and headers jd.dlq.*. `group` is this
 * daemon's consumer group. Where that is larger than `limit` bytes (0: any size), a stub: null value,
 * the original headers left out, jd.dlq.sha256 and jd.dlq.size of the value instead. */
void jd_wire_dead_letter(const struct jd_incoming *record, const struct jd_reject *why, struct jd_str group,
                         uint32_t limit, struct jd_arena *arena, struct jd_outgoing *out);

/* A decoded event or profile as a record of its topic, for `produce` and tests: binary mode, key = bare id,
 * value in JSON, or in Avro with `schema_id` in front (0: bare). clock.advanced: null key and value. */
void jd_wire_input(const struct jd_input *input, enum jd_encoding encoding, uint32_t schema_id,
                   struct jd_arena *arena, struct jd_outgoing *out);

#endif

/* Bytes to inputs. One record in, one of four answers out; pure, bounded, nothing allocated outside the
 * arena but compiled schemas.
 *
 *   record ──► size, key, partition ──► CloudEvents envelope ──► encoding ──► JSON reader ─┐
 *                                                                          └► Avro reader ─┤
 *   input, filtered or refused ◄── type, phase, key, interval (design of the envelope) ◄───┘
 *
 * A jd_wire belongs to one thread. */
#ifndef JOURNEYD_WIRE_WIRE_H
#define JOURNEYD_WIRE_WIRE_H

#include "base/arena.h"
#include "base/error.h"
#include "engine/fold.h"
#include "wire/message.h"
#include "wire/reason.h"

enum jd_encoding {
    JD_ENCODING_AUTO = 0, /* by content-type, else by the first byte */
    JD_ENCODING_JSON,
    JD_ENCODING_AVRO,
};

enum jd_partitioner {
    JD_PARTITION_MURMUR2 = 0, /* Java's default, librdkafka's murmur2_random */
    JD_PARTITION_CRC32,       /* librdkafka's default, consistent_random */
    JD_PARTITION_ANY,         /* not checked */
};

/* Answers as adapters/registry.h does: same names, same values. */
enum jd_schema_answer { JD_SCHEMA_IS_PENDING = 1, JD_SCHEMA_IS_KNOWN, JD_SCHEMA_IS_UNKNOWN };
typedef enum jd_schema_answer (*jd_schema_lookup)(void *context, uint32_t id, struct jd_str *schema);

enum { JD_RECORD_BYTES_DEFAULT = 1 << 20 };

/* Zeros are the defaults. Everything is borrowed until jd_wire_free. */
struct jd_wire_config {
    enum jd_encoding in;
    uint32_t max_record_bytes; /* key + value + headers; 0 = JD_RECORD_BYTES_DEFAULT */
    enum jd_partitioner partitioner;
    bool clock_record; /* clock: record, so clock.advanced is an input */
    /* Avro with a schema fixed in the configuration, by enum jd_input_role; absent: Confluent framing. */
    struct jd_str fixed_schema[JD_ROLE_OF_END_];
    jd_schema_lookup lookup; /* NULL: no registry */
    void *lookup_context;
};

struct jd_wire;

/* NULL: JD_EXIT_CONFIG, a fixed schema does not parse or does not resolve. Owned. */
struct jd_wire *jd_wire_new(const struct jd_wire_config *config, struct jd_error *err);
void jd_wire_free(struct jd_wire *wire); /* accepts NULL */

enum jd_wire_result {
    JD_WIRE_INPUT = 1,   /* decided by the fold */
    JD_WIRE_FILTERED,    /* a type that types.csv marks `ignore` */
    JD_WIRE_REJECT,      /* dead letter: `reject` says why */
    JD_WIRE_NEED_SCHEMA, /* being fetched under `schema_id`: keep the record, ask again */
};

struct jd_decoded {
    struct jd_input input; /* INPUT; `effective` is the caller's to fill */
    /* What moves `clock: record`: recorded_at, else time; of touches and clock.advanced, ce_time. Also of
     * refused and filtered records whose value could be decoded; else JD_TIME_NONE. */
    jd_time record_time;
    struct jd_str type;      /* of the event; absent for other roles */
    struct jd_reject reject; /* REJECT */
    uint32_t schema_id;      /* NEED_SCHEMA */
};

/* Decodes one record. Strings of `out` borrow from the record or are in the arena. */
enum jd_wire_result jd_wire_decode(struct jd_wire *wire, const struct jd_incoming *record,
                                   struct jd_arena *arena, struct jd_decoded *out);

/* Decodes one CloudEvent in structured mode (JSON text), without Kafka: a line of a file for replay, test or
 * produce. Types hcp.profile and account.profile are records of those topics; `"data": null` is a tombstone,
 * its key the `subject`; clock.advanced is an input under clock: record. The key is taken from the value. The
 * stamp of the input is its record time, of a tombstone its `time`. */
enum jd_wire_result jd_wire_decode_line(struct jd_wire *wire, struct jd_str line, struct jd_arena *arena,
                                        struct jd_decoded *out);

/* Decodes the value of one Avro datum of `schema` (JSON text, not framed), for Avro container files. The
 * schema is compiled at the first call with the same pointer and size; it must stay in place. */
enum jd_wire_result jd_wire_decode_datum(struct jd_wire *wire, enum jd_input_role role, struct jd_str schema,
                                         struct jd_str datum, struct jd_arena *arena, struct jd_decoded *out);

/* Another schema may come to lie where the last one did. */
void jd_wire_forget_schema(struct jd_wire *wire);

#endif

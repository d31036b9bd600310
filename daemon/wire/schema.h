/* Avro schemas as trees: what a writer or we say that data looks like.
 *
 * The text comes from outside (a registry, a file). avro-c must accept it, which settles the grammar; the
 * tree is then built from the same JSON, since avro-c drops defaults, aliases and logical types. Refused
 * besides: recursion, array items that take no bytes (a few bytes could stand for millions of them),
 * and schemas that are larger or deeper than any honest one. */
#ifndef JOURNEYD_WIRE_SCHEMA_H
#define JOURNEYD_WIRE_SCHEMA_H

#include "base/arena.h"
#include "base/error.h"

enum jd_avro_type {
    JD_AVRO_NULL = 1,
    JD_AVRO_BOOLEAN,
    JD_AVRO_INT,
    JD_AVRO_LONG,
    JD_AVRO_FLOAT,
    JD_AVRO_DOUBLE,
    JD_AVRO_BYTES,
    JD_AVRO_STRING,
    JD_AVRO_RECORD,
    JD_AVRO_ENUM,
    JD_AVRO_FIXED,
    JD_AVRO_ARRAY,
    JD_AVRO_MAP,
    JD_AVRO_UNION,
};

/* What a type's data means beyond its type, as far as it matters here. */
enum jd_logical {
    JD_LOGICAL_NONE = 0,
    JD_LOGICAL_MILLIS,     /* timestamp-millis */
    JD_LOGICAL_MICROS,     /* timestamp-micros */
    JD_LOGICAL_DECIMAL,    /* decimal, on bytes or fixed */
    JD_LOGICAL_OTHER_TIME, /* a time that is no instant in ms or µs: not to be taken for one */
};

struct jd_schema {
    enum jd_avro_type type;
    enum jd_logical logical;
    const char *name;           /* RECORD, ENUM, FIXED: full name */
    const char *const *aliases; /* full names of the type's aliases */
    uint32_t alias_count;
    uint32_t count;                       /* fields, symbols, branches; ARRAY and MAP: 1 */
    const struct jd_schema *const *of;    /* types of fields, branches, items, values */
    const struct jd_schema_field *fields; /* RECORD */
    const char *const *symbols;           /* ENUM */
    uint32_t size;                        /* FIXED: bytes */
    uint32_t scale;                       /* decimal */
    uint32_t min_size;                    /* fewest bytes of a datum, saturated */
    uint32_t steps;                       /* most steps to read a datum without its items, saturated */
    bool complete;                        /* while parsing: not a reference to something still open */
};

struct jd_schema_field {
    const char *name;
    const char *const *aliases;
    uint32_t alias_count;
    bool has_default;
    bool default_is_empty; /* null, [] or {} */
};

enum {
    JD_SCHEMA_BYTES_MAX = 1 << 20,
    JD_SCHEMA_DEPTH_MAX = 32,
    JD_SCHEMA_NODES_MAX = 16384,
    JD_SCHEMA_STEPS_MAX = 65536,
};

/* Everything in the arena. NULL: `err` says why (JD_EXIT_CONFIG). Any thread. */
const struct jd_schema *jd_schema_parse(struct jd_str text, struct jd_arena *arena, struct jd_error *err);

/* The part of a full name after the last dot. */
const char *jd_schema_short_name(const char *name);

#endif

/* Avro's schema resolution, done once for each pair of schemas: a writer's schema and a record of ours
 * become a plan, which a bounded reader then follows for each datum.
 *
 * Resolution is by the specification: records and enums by unqualified name or alias, fields by name or
 * alias in any order, what the writer lacks from our default, what we lack skipped, int to long to
 * float to double, string and bytes, symbols by text, unions branch by branch. Beyond it, since nothing else
 * can be meant: timestamp-micros for our timestamp-millis (cut to the millisecond), a decimal of bytes or
 * fixed for our decimal text, a string for our enum, null for an empty list or map. */
#ifndef JOURNEYD_WIRE_RESOLVE_H
#define JOURNEYD_WIRE_RESOLVE_H

#include "journeyd/record.h"
#include "wire/reason.h"
#include "wire/schema.h"

struct jd_plan;

/* Everything in the arena, beside both schemas, which the plan refers to. `reader` is the parsed schema of
 * `record`. NULL: data of this writer can never be ours; `err` says at which field. */
const struct jd_plan *jd_resolve(const struct jd_schema *writer, const struct jd_schema *reader,
                                 const struct jd_record *record, struct jd_arena *arena,
                                 struct jd_error *err);

/* Reads one datum, all of `bytes`, into `value`. Strings borrow from `bytes`, lists are in the arena. Time
 * and memory are bounded by the size of `bytes`, whatever the schema. False: `why`. */
JD_MUST_CHECK bool jd_plan_read(const struct jd_plan *plan, struct jd_str bytes, struct jd_arena *arena,
                                void *value, struct jd_reject *why);

/* How many bytes of `bytes` the first datum of `writer` takes; same bounds. False: `why`. */
JD_MUST_CHECK bool jd_schema_skip(const struct jd_schema *writer, struct jd_str bytes, uint32_t *size,
                                  struct jd_reject *why);

#endif

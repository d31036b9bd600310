/* Avro's single-object encoding: C3 01, the CRC-64-AVRO fingerprint of the schema (little-endian), the
 * datum. What Redis and the journal hold, so that any language can read it. */
#ifndef JOURNEYD_WIRE_OBJECT_H
#define JOURNEYD_WIRE_OBJECT_H

#include "base/buf.h"
#include "base/error.h"
#include "journeyd/record.h"

enum { JD_OBJECT_MARK = 10 }; /* bytes before the datum */

struct jd_object {
    const struct jd_record *record;
    uint64_t fingerprint;
    char mark[JD_OBJECT_MARK];
};

/* Computes the fingerprint from the record's parsing canonical form; once at start. */
struct jd_object jd_object_of(const struct jd_record *record);
void jd_object_append(const struct jd_object *object, const void *value, struct jd_buf *out);
struct jd_str jd_object_write(const struct jd_object *object, const void *value, struct jd_arena *arena);
/* False: not single-object encoding, another schema's fingerprint, or a datum that does not decode. Strings
 * of `value` borrow from `bytes`. */
JD_MUST_CHECK bool jd_object_read(const struct jd_object *object, struct jd_str bytes, struct jd_arena *arena,
                                  void *value, struct jd_error *err);

#endif

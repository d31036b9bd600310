/* JSON by the field table: a strict, bounded, single-pass reader straight into the struct, and a writer.
 *
 * RFC 8259, and stricter: names in an object are unique, strings are well-formed UTF-8 without lone
 * surrogates, nesting is bounded. Unknown names are ignored, but what they hold is checked too. */
#ifndef JOURNEYD_WIRE_JSON_H
#define JOURNEYD_WIRE_JSON_H

#include "base/buf.h"
#include "journeyd/record.h"
#include "wire/reason.h"

enum {
    JD_JSON_DEPTH_MAX = 32,    /* objects and arrays within each other */
    JD_JSON_UNKNOWN_MAX = 256, /* unknown names in one object */
};

/* Reads all of `text` into `value`, which need not be cleared before. Strings borrow from `text`, or are in
 * the arena where they had escapes. False: `why` has reason, path and byte. */
JD_MUST_CHECK bool jd_json_read(const struct jd_record *record, struct jd_str text, struct jd_arena *arena,
                                void *value, struct jd_reject *why);
/* The same for an object that stands where the reader is (wire/json_reader.h), with more text after it. */
struct jd_json;
JD_MUST_CHECK bool jd_json_object(struct jd_json *j, const struct jd_record *record, void *value);

/* Appends `value` as one object on one line; absent fields and empty lists are left out. A decimal is
 * written as a number with all its digits. VARIANT bodies must be valid Avro of their record. */
void jd_json_write(const struct jd_record *record, const void *value, struct jd_buf *out);
void jd_json_write_str(struct jd_str s, struct jd_buf *out); /* quoted and escaped */

#endif

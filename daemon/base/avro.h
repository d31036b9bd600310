/* Avro in our own schema: write and read a record by its field table, within bounds.
 *
 * Used for what we write ourselves (entries, journal, images, outputs). Bytes that come back from
 * Kafka or Redis are not trusted: every size, count, branch, symbol, time, decimal and UTF-8 is
 * checked. Writers' other schemas are resolved in wire/. The form is canonical: one block per array
 * or map, no block sizes; equal values give equal bytes. */
#ifndef JOURNEYD_BASE_AVRO_H
#define JOURNEYD_BASE_AVRO_H

#include "base/buf.h"
#include "base/error.h"
#include "journeyd/record.h"

void jd_avro_write(const struct jd_record *record, const void *value, struct jd_buf *out);
/* Only fields number `from` to `to` - 1. */
void jd_avro_write_fields(const struct jd_record *record, const void *value, uint32_t from, uint32_t to,
                          struct jd_buf *out);
struct jd_str jd_avro_bytes(const struct jd_record *record, const void *value, struct jd_arena *arena);

/* Reads exactly `bytes` into `value` (all of it). Strings are borrowed from `bytes`; lists are in the
 * arena. False: `err` says at which field and byte, never a value. */
JD_MUST_CHECK bool jd_avro_read(const struct jd_record *record, struct jd_str bytes, struct jd_arena *arena,
                                void *value, struct jd_error *err);

/* Reads fields 0 to `count` - 1 from the front of `bytes`. */
JD_MUST_CHECK bool jd_avro_read_front(const struct jd_record *record, uint32_t count, struct jd_str bytes,
                                      struct jd_arena *arena, void *value, struct jd_error *err);

/* XXH64 of the canonical bytes; fields whose names are in `without` (NULL-terminated) count as absent. */
uint64_t jd_avro_digest(const struct jd_record *record, const void *value, const char *const *without,
                        struct jd_arena *arena);

/* XXH64 of bytes, seed 0. */
uint64_t jd_digest(struct jd_str bytes);

/* Text <-> decimal, time. Strict: RFC 3339 with offset, years 0001..9999, leap second refused. */
JD_MUST_CHECK bool jd_decimal_parse(struct jd_str text, struct jd_decimal *out);
enum { JD_DECIMAL_TEXT_MAX = 32 };
/* The canonical digits of a decimal that is not absent; how many. */
size_t jd_decimal_digits(struct jd_decimal d, char text[JD_DECIMAL_TEXT_MAX]);
struct jd_str jd_decimal_text(struct jd_decimal d, struct jd_arena *arena);
int jd_decimal_cmp(struct jd_decimal a, struct jd_decimal b);
JD_MUST_CHECK bool jd_time_parse(struct jd_str text, jd_time *out);
/* 2026-03-04T10:00:00.000Z; beyond the years that can be parsed, for people, the date alone */
struct jd_str jd_time_text(jd_time t, struct jd_arena *arena);

#endif

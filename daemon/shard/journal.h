/* The journal: what one batch of one shard changed, as records of <group>.journal.
 *
 * A batch is one `struct jd_journal`. On the wire it is one or more parts of the same seq, written in
 * one transaction: each part repeats the head and carries a slice of the changes, so that no record is
 * larger than the topic takes. Redoing the parts in order, twice or more, gives the same state, for
 * changes are absolute. */
#ifndef JOURNEYD_SHARD_JOURNAL_H
#define JOURNEYD_SHARD_JOURNAL_H

#include "base/buf.h"
#include "engine/fold.h"
#include "shard/order.h"
#include "wire/object.h"

/* Of every journal record; the value is the transactional.id, so that an heir can end the transaction
 * of an owner that died inside it. */
#define JD_JOURNAL_TXN_HEADER "jd_txn"

/* What a record of the journal must be able to hold: the largest change, with its head. The bounds of strings and
 * lists (journeyd/record.h) and of versions make it so; a topic that takes less would stop a shard for ever
 * at a record that is allowed, so it is refused at the start. */
enum { JD_JOURNAL_RECORD_MIN = 1000000 };

/* Ends the engine version of a batch that `journeyd reset` wrote. */
#define JD_ENGINE_RESET "-reset"

/* The role's name in ranges and in the configuration. */
struct jd_str jd_shard_role_text(enum jd_shard_role role); /* static */
int jd_shard_role_of(struct jd_str text);                  /* JD_IN_COUNT: none */

/* How records of the journal are written: jd_object_of(&jd_journal_record), once at start. */
struct jd_object jd_journal_format(void);

/* The values of the records of `whole` (its part and of are ignored), each at most `limit` bytes; arena.
 * False: one change alone, or the head, is larger (78): never with a `limit` of JD_JOURNAL_RECORD_MIN. */
JD_MUST_CHECK bool jd_journal_parts(const struct jd_object *format, const struct jd_journal *whole,
                                    size_t limit, struct jd_arena *arena, struct jd_str **parts,
                                    uint32_t *count, struct jd_error *err);

/* Takes the value of a record apart. Strings are borrowed from `value`. */
JD_MUST_CHECK bool jd_journal_read(const struct jd_object *format, struct jd_str value,
                                   struct jd_arena *arena, struct jd_journal *out, struct jd_error *err);

/* Where a reader of the journal stands; begins as {0}. */
struct jd_journal_cursor {
    int64_t seq, part, of; /* of the last record taken; 0: none */
};
/* Checks that `record` follows: the next part, or part 1 of the next seq. The first record may have any
 * seq, but must be part 1. False: the journal is damaged (78). */
JD_MUST_CHECK bool jd_journal_follows(struct jd_journal_cursor *cursor, const struct jd_journal *record,
                                      struct jd_error *err);
/* True when the last record taken was the last part of its batch. */
bool jd_journal_whole(const struct jd_journal_cursor *cursor);

/* Stores the changes of one part in the fold and sets its clock; kept at once. */
JD_MUST_CHECK bool jd_journal_redo(struct jd_fold *fold, const struct jd_journal *record,
                                   struct jd_error *err);

/* One step of the digest of effects: XXH64 over topic, key and canonical Avro, chained; it begins with 0. */
uint64_t jd_effect_digest(enum jd_topic topic, struct jd_str key, struct jd_str value, uint64_t digest);
/* Digest of effects in order, each before any cut. 0 for none. */
int64_t jd_effects_digest(const struct jd_effect *effects, uint32_t count, struct jd_arena *arena);

#endif

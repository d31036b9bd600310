/* What the batches of journals made, and what a read-committed reader sees of it in the outputs.
 *
 *   decided again   each record must be there once, and be what the batch made
 *   only redone     (inputs, policy or engine gone; announcements; resets) as many effects as the journal
 *                   counts, of the digest that it holds, and as many dead letters of its ranges
 *   not in a journal that begins later than seq 1: not judged
 *
 * The effects of batches that were only redone are kept in memory until the end. Used by one thread. */
#ifndef JOURNEYD_SHARD_PUBLISHED_H
#define JOURNEYD_SHARD_PUBLISHED_H

#include "shard/findings.h"
#include "shard/shared.h"

struct jd_published;

/* All borrowed; `reader` is read committed, `bell` is its. Owned: jd_published_free. */
struct jd_published *jd_published_new(const struct jd_shared *shared, struct jd_reader *reader, int bell,
                                      struct jd_findings *findings);
void jd_published_free(struct jd_published *published); /* accepts NULL */

/* The journal of shard `partition` begins with a batch of `lineage`; `complete_from` is the first seq whose
 * effects it knows. */
void jd_published_begin(struct jd_published *published, int32_t partition, struct jd_str lineage,
                        int64_t complete_from);
/* A batch of that shard was decided again, and made these effects; one of its records was refused. */
void jd_published_effects(struct jd_published *published, int64_t seq, const struct jd_output *out);
void jd_published_refused(struct jd_published *published, const struct jd_incoming *incoming,
                          const char *reason);
/* A batch was only redone. `before` is where its inputs stood before it, by enum jd_shard_role;
 * JD_OFFSET_NONE: not known. Batches of a shard come in the order of their seq. */
void jd_published_redone(struct jd_published *published, const struct jd_journal *journal,
                         const int64_t before[JD_IN_COUNT]);

/* Reads the outputs to their ends and compares. With `whole`, a record that no known batch made is a
 * difference. False: they cannot be read; `err`. */
JD_MUST_CHECK bool jd_published_check(struct jd_published *published, bool whole, struct jd_error *err);

struct jd_published_counts {
    int64_t effects, dead_letters; /* that batches made, by what was decided again or by the journal */
    int64_t found, found_dead;     /* of those, in their topics */
};
struct jd_published_counts jd_published_counts(const struct jd_published *published);

#endif

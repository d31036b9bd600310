/* The end of a shard's journal, as a takeover finds it: what the last record says, and whose open transaction
 * holds the end back. Private to takeover.c. */
#ifndef JOURNEYD_SHARD_JOURNAL_END_H
#define JOURNEYD_SHARD_JOURNAL_END_H

#include "shard/journal.h"
#include "shard/recovery.h"
#include "shard/worker.h"

/* What reading the journal found. */
struct jd_journal_end {
    struct jd_recovery_facts *facts;
    struct jd_journal_cursor cursor;
    bool redo; /* the changes are stored in the shard's fold, and their keys in its image */
    char first_lineage[JD_ID_SIZE], last_lineage[JD_ID_SIZE];
    int64_t last_offset; /* of part 1 of the last record */
    jd_time now;
    struct jd_shard_position ranges[JD_IN_COUNT];
    bool has_range[JD_IN_COUNT];
};

enum jd_journal_reading {
    JD_JOURNAL_READ = 1,
    JD_JOURNAL_LATER,   /* not now; `err` says what is missing */
    JD_JOURNAL_DAMAGED, /* `err`; the process must end */
};

/* Reads from `from` (or the journal's start) to its uncommitted high watermark and fills `end`, whose `facts`
 * and `redo` the caller has set and whose rest is zero. */
enum jd_journal_reading jd_journal_end_read(struct jd_worker *worker, struct jd_shard *shard, int64_t from,
                                            struct jd_journal_end *end, struct jd_error *err);

/* An owner that died inside a transaction holds the shard until the broker ends it (10 s); its id lets us
 * end it now. At most once a takeover: a living owner must not be fenced again and again. */
void jd_journal_end_transaction(struct jd_worker *worker, struct jd_shard *shard);

#endif

/* An input of a shard, read again batch by batch, as far as the journal says: for verify.
 *
 *   begin ──► (batch ──► look, take … ──► end_batch | skip) ──► pass ──► … ──► stop
 *
 * The records of one batch are in memory at a time, and what was read ahead. */
#ifndef JOURNEYD_SHARD_REREAD_H
#define JOURNEYD_SHARD_REREAD_H

#include "shard/intake.h"

/* What the inputs of an audit have in common; all borrowed. */
struct jd_reread_by {
    struct jd_reader *reader; /* read committed */
    int bell;                 /* the reader's, and the registry's */
    struct jd_intake_rule rule;
};

/* All zero before jd_reread_begin() and after jd_reread_stop(). Members are to be read only. */
struct jd_reread {
    const struct jd_reread_by *by;
    enum jd_shard_role role;
    const char *topic; /* NULL: not configured, no records */
    int32_t partition;
    int64_t low;           /* first offset that is still there */
    int64_t next;          /* where the journal stands, before the batch; JD_OFFSET_NONE: it has not said */
    jd_time effective;     /* running maximum of what was taken */
    struct jd_intake head; /* the batch's next record, if head_ready */
    bool head_ready;
    uint32_t in_batch; /* records of the batch */
    /* its own */
    uint32_t taken;
    struct jd_fetch *fetch;
    struct jd_message *messages; /* owned; not yet consumed by a batch */
    uint32_t count, capacity;
};

/* `topic` NULL: not configured. False: its start is not known; `err`. */
JD_MUST_CHECK bool jd_reread_begin(struct jd_reread *input, const struct jd_reread_by *by,
                                   enum jd_shard_role role, const char *topic, int32_t partition,
                                   struct jd_error *err);
void jd_reread_stop(struct jd_reread *input);

/* The records from `next` on and below `until` are the batch's: reads them. Where the journal has not said
 * where it stands, there are none. False: they cannot be read; `err`. */
JD_MUST_CHECK bool jd_reread_batch(struct jd_reread *input, int64_t until, struct jd_error *err);
/* Decodes the batch's next record into `head`, unless there is none or that was done. The head borrows from
 * the arena. False: its schema is not to be had; `err`. */
JD_MUST_CHECK bool jd_reread_look(struct jd_reread *input, struct jd_arena *arena, struct jd_error *err);
void jd_reread_take(struct jd_reread *input); /* the head has been decided */
void jd_reread_end_batch(struct jd_reread *input);
/* The batch is not decided: what was read ahead is of no use. */
void jd_reread_skip(struct jd_reread *input);
/* Where the journal stands after the batch. */
void jd_reread_pass(struct jd_reread *input, int64_t next, jd_time effective);

#endif

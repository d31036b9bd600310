/* Which record of a shard is decided next (pure).
 *
 * A shard reads up to four partitions. Within one, records are never reordered; a record's effective
 * time is the running maximum of its partition. Next is the record with the smallest effective time
 * among the heads; at equal times profiles, account profiles, touches, events. A partition without a
 * head that is not at its end is waited for. The order of a batch therefore follows from the ranges
 * that it consumed, and a reader of the journal finds it again (shard/audit.h). */
#ifndef JOURNEYD_SHARD_ORDER_H
#define JOURNEYD_SHARD_ORDER_H

#include "journeyd/types.h"

/* The inputs of a shard, in the order that decides ties. */
enum jd_shard_role {
    JD_IN_HCP_PROFILES,
    JD_IN_ACCOUNT_PROFILES,
    JD_IN_TOUCHES,
    JD_IN_EVENTS,
    JD_IN_COUNT,
};

/* What is known of one input when the next record is chosen. */
struct jd_head {
    bool absent;       /* the input does not exist, or takes no part now (catching up) */
    bool ready;        /* there is a head, and its effective time is known */
    bool at_end;       /* there is none because everything was read */
    jd_time effective; /* of the head */
};

enum { JD_ORDER_WAIT = -1, JD_ORDER_END = -2 };

/* Index of the input whose head is next; JD_ORDER_WAIT: one must be waited for; JD_ORDER_END: every
 * partition is at its end. */
int jd_order_next(const struct jd_head heads[JD_IN_COUNT]);

/* The effective time of a record: the running maximum `so_far` moved by the record's own time;
 * JD_TIME_NONE in `own` moves nothing. */
jd_time jd_order_effective(jd_time so_far, jd_time own);

#endif

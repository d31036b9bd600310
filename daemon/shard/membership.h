/* A worker's seat in the consumer group, and the shards that the group gives to it. */
#ifndef JOURNEYD_SHARD_MEMBERSHIP_H
#define JOURNEYD_SHARD_MEMBERSHIP_H

#include "shard/worker.h"

/* Joins the group. Rebalances are served by jd_member_poll, between transactions only: what was revoked is
 * parked, its states kept in case the shard comes back; what was given waits for jd_membership_adopt. */
JD_MUST_CHECK bool jd_membership_open(struct jd_worker *worker, struct jd_error *err);
/* Brings the shards in line with the assignment: gone ones are dropped, parked and new ones wait. */
JD_MUST_CHECK bool jd_membership_adopt(struct jd_worker *worker, struct jd_error *err);
/* An outcome is not known, or the producer was fenced: all shards are taken over again. */
JD_MUST_CHECK bool jd_membership_start_over(struct jd_worker *worker, struct jd_error *err);
/* The group gave our seat to a later join under our name. That is another process, which takes it again each
 * time that we do; or our own join, which a stalled network let through only after the next one: then once is
 * enough. False with JD_EXIT_CONFIG: the third time in a minute. */
JD_MUST_CHECK bool jd_membership_take_seat_again(struct jd_worker *worker, struct jd_error *err);

#endif

/* A shard's image in Redis, held against the states at its journal's end. */
#ifndef JOURNEYD_SHARD_LIKENESS_H
#define JOURNEYD_SHARD_LIKENESS_H

#include "adapters/redis.h"
#include "engine/fold.h"
#include "shard/findings.h"

/* All borrowed. */
struct jd_likeness {
    struct jd_redis *redis;
    struct jd_str group;
    int32_t partition;
    const struct jd_fold *fold; /* redone up to batch `seq` */
    int64_t seq;
};

/* Compares entry by entry if the image is of batch `seq`; that it is of another is a difference by itself. Adds
 * the states that were looked at to `*states`. False: the image cannot be read; `err`. */
JD_MUST_CHECK bool jd_likeness_check(const struct jd_likeness *likeness, struct jd_findings *findings,
                                     int64_t *states, struct jd_error *err);

#endif

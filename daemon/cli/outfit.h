/* From a configuration to what shards need (shard/shared.h): topics there and alike, registry reached and our
 * schemas in it, encodings, policies. The one place where `run` and `verify` get it from, so that they see
 * the same. */
#ifndef JOURNEYD_CLI_OUTFIT_H
#define JOURNEYD_CLI_OUTFIT_H

#include "adapters/redis.h"
#include "cli/session.h"
#include "shard/shared.h"

struct jd_outfit {
    struct jd_session session;
    struct jd_shared shared; /* without metrics */
    struct jd_arena arena;   /* texts of `shared` */
};

/* With the session open: fills the rest. Waits start_timeout for each service (JD_EXIT_UNAVAILABLE). */
JD_MUST_CHECK bool jd_outfit_fill(struct jd_outfit *outfit, struct jd_error *err);
/* Accepts one that was not filled: {0}. Closes the session, too. */
void jd_outfit_close(struct jd_outfit *outfit);

/* A connection, checked; waits start_timeout. NULL: `err`. */
struct jd_redis *jd_outfit_redis(const struct jd_outfit *outfit, struct jd_error *err);

/* The shards that `word` names: a number, or `all`; [*first, *end). */
JD_MUST_CHECK bool jd_outfit_shards(const struct jd_outfit *outfit, const char *word, int32_t *first,
                                    int32_t *end, struct jd_error *err);

/* Whether the user may do to Redis what a worker does: asks the time, watches a key of the group and writes it, in
 * a way that leaves nothing behind. False: `err`. */
JD_MUST_CHECK bool jd_outfit_may_write(struct jd_redis *redis, struct jd_str group, struct jd_error *err);

#endif

/* Redis as a place for hashes that change all at once or not at all.
 *
 * One `jd_redis` belongs to one thread and is, towards its user, one connection: it connects when first
 * used, again after a failure (at once the first time, then at most once per back-off step, 50 ms .. 2 s),
 * and against a cluster keeps one connection a node and follows MOVED by the slot of the first key's hash
 * tag. All keys of one call must share a hash tag. Keys, fields and values are bytes.
 *
 * WATCH belongs to a connection: watch one shard, then exec that shard, before the next (an EXEC ends all
 * WATCHes). A reconnection in between loses the WATCH, so jd_redis_exec() then refuses with CONFLICT
 * without sending anything.
 *
 * Each new connection is checked before use: it must be a master, not loading, and must not evict keys
 * without a time to live (maxmemory-policy noeviction or volatile-*): else REFUSED. */
#ifndef JOURNEYD_ADAPTERS_REDIS_H
#define JOURNEYD_ADAPTERS_REDIS_H

#include "base/error.h"

struct jd_redis;

enum jd_redis_status {
    JD_REDIS_OK = 0,
    JD_REDIS_CONFLICT,    /* the EXEC did not happen: the watched key had changed, or the WATCH was lost */
    JD_REDIS_UNAVAILABLE, /* no connection, time-out, loading, slot moving; an EXEC may or may not have
                             happened */
    JD_REDIS_REFUSED, /* it answers and a person must act: it evicts, is a replica, is full, wrong password,
                         no right, wrong type. Ask again later: it may be mended */
};

struct jd_redis_config {
    const char *url;        /* redis://host[:port] or unix:/path; copied */
    const char *user;       /* ACL user; NULL = default */
    const char *password;   /* NULL = none; copied, wiped at close */
    int connect_timeout_ms; /* 0 = 2000 */
    int timeout_ms;         /* one reply; 0 = 5000 */
};

/* One change inside MULTI/EXEC. Changes of one key that follow one another travel as one command. */
enum jd_redis_change_kind {
    JD_REDIS_SET = 1, /* HSET key field value */
    JD_REDIS_REMOVE,  /* HDEL key field */
    JD_REDIS_DROP,    /* DEL key */
};
struct jd_redis_change {
    enum jd_redis_change_kind kind;
    struct jd_str key, field, value; /* borrowed; field and value as the kind needs */
};

/* One pair of the hash `keys[key_index]`; borrowed. Return false to stop hearing of the rest. */
typedef bool jd_redis_pair_fn(void *context, uint32_t key_index, struct jd_str field, struct jd_str value);

/* Takes the address apart; does not connect. From here on the process ignores SIGPIPE. NULL: JD_EXIT_CONFIG
 * with what a URL looks like. */
struct jd_redis *jd_redis_open(const struct jd_redis_config *config, struct jd_error *err);
void jd_redis_close(struct jd_redis *redis); /* accepts NULL */

/* Connects if need be and runs the check above on a living connection. `err` is JD_EXIT_UNAVAILABLE or
 * JD_EXIT_CONFIG and says what to do, as for every function below. */
enum jd_redis_status jd_redis_check(struct jd_redis *redis, struct jd_error *err);

/* Redis' own wall clock (TIME), ms; shifted with ours in BUILD=faults. */
enum jd_redis_status jd_redis_time(struct jd_redis *redis, jd_time *now, struct jd_error *err);

/* WATCH key, then all its pairs (none if it does not exist). Replaces an earlier watch. */
enum jd_redis_status jd_redis_watch(struct jd_redis *redis, struct jd_str key, jd_redis_pair_fn *pair,
                                    void *context, struct jd_error *err);
void jd_redis_unwatch(struct jd_redis *redis);

/* All pairs of `count` hashes, pipelined, in the order of `keys`. A key that does not exist has no pairs. A
 * failure part-way has reported some pairs already. */
enum jd_redis_status jd_redis_load(struct jd_redis *redis, const struct jd_str *keys, uint32_t count,
                                   jd_redis_pair_fn *pair, void *context, struct jd_error *err);

/* One field; `pair` is called once, or not at all if it is not there. */
enum jd_redis_status jd_redis_get(struct jd_redis *redis, struct jd_str key, struct jd_str field,
                                  jd_redis_pair_fn *pair, void *context, struct jd_error *err);

/* MULTI, the changes in order, EXEC: all or nothing, and only if the watched key is as it was. Keep to
 * about 1,000 changes or 1 MiB: Redis serves nobody else meanwhile. Ends the watch, whatever comes back.
 * A change that Redis refuses inside the EXEC (wrong type: a foreign key of our name) is REFUSED, and
 * the others have happened. */
enum jd_redis_status jd_redis_exec(struct jd_redis *redis, const struct jd_redis_change *changes,
                                   uint32_t count, struct jd_error *err);

#endif

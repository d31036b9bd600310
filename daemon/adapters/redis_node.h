/* One server that Redis' place is made of, and the connection to it: hiredis parses replies and owns the socket;
 * when to connect again, whether the server may hold our images and what its errors mean is decided here.
 * Private to adapters/redis.c. */
#ifndef JOURNEYD_ADAPTERS_REDIS_NODE_H
#define JOURNEYD_ADAPTERS_REDIS_NODE_H

#include <hiredis/hiredis.h>
#include <sys/time.h>

#include "adapters/redis.h"

enum {
    JD_REDIS_ADDRESS_MAX = 256,
    JD_REDIS_ARGS_MAX = 512, /* arguments of one command */
};

/* How every node is entered. */
struct jd_redis_access {
    char *user, *password; /* NULL: the default user, no password */
    struct timeval connect_timeout, timeout;
};

struct jd_redis_node {
    const struct jd_redis_access *access; /* borrowed */
    char host[JD_REDIS_ADDRESS_MAX];      /* or the path of a socket, with port 0 */
    int port;
    redisContext *connection; /* NULL: none */
    bool has_watch;           /* the connection holds a WATCH: set by the user, lost with the connection */
    char moved[JD_REDIS_ADDRESS_MAX + 32]; /* the last MOVED error, until the user clears it; "": none */
    int64_t retry_at;                      /* monotonic ms; not before */
    int64_t backoff_ms;                    /* 0: the next try is at once */
};

/* Connects and checks, if there is no connection; UNAVAILABLE at once while `retry_at` has not come. */
enum jd_redis_status jd_redis_node_connect(struct jd_redis_node *node, struct jd_error *err);
void jd_redis_node_hang_up(struct jd_redis_node *node);
/* Whether the server may hold our images: see redis.h. */
enum jd_redis_status jd_redis_node_inspect(struct jd_redis_node *node, struct jd_error *err);

/* Queues a command of at most JD_REDIS_ARGS_MAX arguments; it travels with the next jd_redis_node_receive(). */
void jd_redis_node_append(struct jd_redis_node *node, const struct jd_str *args, uint32_t count);
/* The next reply; NULL with `*status` when there is none or it is an error. Owned: freeReplyObject(). */
redisReply *jd_redis_node_receive(struct jd_redis_node *node, enum jd_redis_status *status,
                                  struct jd_error *err);
/* One command whose reply is of no interest but for being no error. */
enum jd_redis_status jd_redis_node_ask(struct jd_redis_node *node, const struct jd_str *args, uint32_t count,
                                       struct jd_error *err);

/* What an error reply means. Hangs up on a server that became a replica. */
enum jd_redis_status jd_redis_node_judge(struct jd_redis_node *node, const char *text, struct jd_error *err);
/* REFUSED, with the address, the reason and what a person can do. */
enum jd_redis_status jd_redis_node_refused(struct jd_error *err, const struct jd_redis_node *node,
                                           const char *reason, const char *advice);

#endif

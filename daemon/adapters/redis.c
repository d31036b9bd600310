/* The commands, and on which of a cluster's nodes they belong. */
#include "adapters/redis.h"

#include "adapters/clock.h"
#include "adapters/redis_node.h"
#include "base/alloc.h"
#include "base/str.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    NODES_MAX = 64,
    SLOTS = 16384,
    CONNECT_TIMEOUT_MS = 2000,
    REPLY_TIMEOUT_MS = 5000,
    ATTEMPTS = 3, /* a slot that moved: learn, try again */
};

struct jd_redis {
    struct jd_redis_access access;
    uint32_t node_count;
    struct jd_redis_node nodes[NODES_MAX]; /* 0 is the configured one */
    uint8_t *slot_nodes;                   /* where slots live; NULL: no cluster */
    struct jd_redis_node *watched;         /* on which the last WATCH was; NULL: none */
};

/* ---- address ---- */

static bool parse_port(const char *text, int *port)
{
    char *end = NULL;
    long value = strtol(text, &end, 10);
    if (end == text || (*end != '\0' && strcmp(end, "/") != 0) || value < 1 || value > 65535)
        return false;
    *port = (int)value;
    return true;
}

static bool parse_url(const char *url, struct jd_redis_node *node, struct jd_error *err)
{
    static const char help[] = "it is redis://host[:port] or unix:/path";
    const char *rest = url + strlen("redis://");
    if (strncmp(url, "unix:/", 6) == 0 && strlen(url) < sizeof node->host) {
        (void)snprintf(node->host, sizeof node->host, "%s", url + 5);
        node->port = 0;
        return true;
    }
    if (strncmp(url, "rediss://", 9) == 0)
        return jd_error_set(err, JD_EXIT_CONFIG,
                            "redis.url: TLS is not spoken here; use a Unix socket or a TLS tunnel (stunnel)");
    if (strncmp(url, "redis://", 8) != 0 || *rest == '\0' || strlen(rest) >= sizeof node->host)
        return jd_error_set(err, JD_EXIT_CONFIG, "redis.url: %s", help);
    if (strchr(rest, '@') != NULL)
        return jd_error_set(err, JD_EXIT_CONFIG,
                            "redis.url: no user or password here; use redis.user and "
                            "redis.password_file");
    bool is_bracketed = *rest == '[';
    const char *host = is_bracketed ? rest + 1 : rest;
    size_t size = strcspn(host, is_bracketed ? "]" : ":/");
    const char *after = host + size + (is_bracketed && host[size] == ']');
    memcpy(node->host, host, size);
    node->host[size] = '\0';
    node->port = 6379;
    bool is_ok = size > 0 && (*after == '\0' || strcmp(after, "/") == 0 ||
                              (*after == ':' && parse_port(after + 1, &node->port)));
    return is_ok || jd_error_set(err, JD_EXIT_CONFIG, "redis.url: %s", help);
}

/* ---- cluster ---- */

/* CRC-16/XMODEM of the hash tag, as Redis Cluster defines it. */
static uint32_t slot_of(struct jd_str key)
{
    const char *open = memchr(key.ptr, '{', key.size);
    if (open != NULL) {
        uint32_t rest = key.size - (uint32_t)(open + 1 - key.ptr);
        const char *close = memchr(open + 1, '}', rest);
        if (close != NULL && close > open + 1)
            key = (struct jd_str){open + 1, (uint32_t)(close - open - 1)};
    }
    uint32_t crc = 0;
    for (uint32_t i = 0; i < key.size; i++) {
        crc ^= (uint32_t)(unsigned char)key.ptr[i] << 8;
        for (int bit = 0; bit < 8; bit++)
            crc = ((crc & 0x8000u) != 0 ? (crc << 1) ^ 0x1021u : crc << 1) & 0xffffu;
    }
    return crc % SLOTS;
}

/* "MOVED 3999 10.0.0.2:6381": from now on that slot is asked there. */
static bool learn(struct jd_redis *redis, const struct jd_redis_node *from)
{
    const char *text = from->moved;
    char *end = NULL;
    long slot = strtol(text + strlen("MOVED "), &end, 10);
    const char *colon = strrchr(text, ':');
    struct jd_redis_node target = {.access = &redis->access};
    if (slot < 0 || slot >= SLOTS || *end != ' ' || colon == NULL || colon < end + 1 ||
        (size_t)(colon - end - 1) >= sizeof target.host || !parse_port(colon + 1, &target.port))
        return false;
    memcpy(target.host, end + 1, (size_t)(colon - end - 1));
    if (target.host[0] == '\0') /* "the host that you asked" */
        memcpy(target.host, from->host, sizeof target.host);
    uint32_t at = 0;
    while (at < redis->node_count &&
           (redis->nodes[at].port != target.port || strcmp(redis->nodes[at].host, target.host) != 0))
        at++;
    if (at == NODES_MAX)
        return false;
    if (at == redis->node_count)
        redis->nodes[redis->node_count++] = target;
    if (redis->slot_nodes == NULL)
        redis->slot_nodes = jd_alloc(SLOTS);
    redis->slot_nodes[slot] = (uint8_t)at;
    return true;
}

/* Whether the last error was MOVED and has been learned: the same again goes elsewhere. */
static bool has_moved(struct jd_redis *redis, struct jd_redis_node *node)
{
    bool learned = node->moved[0] != '\0' && learn(redis, node);
    node->moved[0] = '\0';
    return learned;
}

/* The node that has the slot of `key` (the configured one for an absent key), connected. */
static enum jd_redis_status ready(struct jd_redis *redis, struct jd_str key, struct jd_redis_node **out,
                                  struct jd_error *err)
{
    uint32_t at = key.ptr != NULL && redis->slot_nodes != NULL ? redis->slot_nodes[slot_of(key)] : 0;
    struct jd_redis_node *node = &redis->nodes[at];
    int64_t retry_at = node->retry_at;
    node->moved[0] = '\0';
    *out = node;
    enum jd_redis_status status = jd_redis_node_connect(node, err);
    bool has_failed = status != JD_REDIS_OK && node->retry_at != retry_at;
    if (has_failed && redis->slot_nodes != NULL && at != 0) /* it may be gone: the configured one knows */
        for (uint32_t slot = 0; slot < SLOTS; slot++)
            if (redis->slot_nodes[slot] == at)
                redis->slot_nodes[slot] = 0;
    return status;
}

/* ---- open, close, check ---- */

static struct timeval timeval_of(int ms, int otherwise)
{
    int value = ms > 0 ? ms : otherwise;
    return (struct timeval){.tv_sec = value / 1000, .tv_usec = (value % 1000) * 1000};
}

struct jd_redis *jd_redis_open(const struct jd_redis_config *config, struct jd_error *err)
{
    struct jd_redis *redis = jd_alloc(sizeof *redis);
    if (!parse_url(config->url, &redis->nodes[0], err)) {
        free(redis);
        return NULL;
    }
    (void)signal(SIGPIPE, SIG_IGN); /* hiredis writes without MSG_NOSIGNAL */
    redis->node_count = 1;
    redis->nodes[0].access = &redis->access;
    redis->access.user = jd_alloc_text(config->user);
    redis->access.password = jd_alloc_text(config->password);
    redis->access.connect_timeout = timeval_of(config->connect_timeout_ms, CONNECT_TIMEOUT_MS);
    redis->access.timeout = timeval_of(config->timeout_ms, REPLY_TIMEOUT_MS);
    return redis;
}

void jd_redis_close(struct jd_redis *redis)
{
    if (redis == NULL)
        return;
    for (uint32_t i = 0; i < redis->node_count; i++)
        jd_redis_node_hang_up(&redis->nodes[i]);
    if (redis->access.password != NULL)
        explicit_bzero(redis->access.password, strlen(redis->access.password));
    free(redis->access.password);
    free(redis->access.user);
    free(redis->slot_nodes);
    free(redis);
}

enum jd_redis_status jd_redis_check(struct jd_redis *redis, struct jd_error *err)
{
    struct jd_redis_node *node;
    bool was_connected = redis->nodes[0].connection != NULL;
    enum jd_redis_status status = ready(redis, (struct jd_str){NULL, 0}, &node, err);
    if (status == JD_REDIS_OK && was_connected)
        status = jd_redis_node_inspect(node, err);
    return status;
}

enum jd_redis_status jd_redis_time(struct jd_redis *redis, jd_time *now, struct jd_error *err)
{
    struct jd_redis_node *node;
    enum jd_redis_status status = ready(redis, (struct jd_str){NULL, 0}, &node, err);
    if (status != JD_REDIS_OK)
        return status;
    jd_redis_node_append(node, &JD_STR("TIME"), 1);
    redisReply *reply = jd_redis_node_receive(node, &status, err);
    if (reply == NULL)
        return status;
    if (reply->type == REDIS_REPLY_ARRAY && reply->elements == 2 &&
        reply->element[0]->type == REDIS_REPLY_STRING && reply->element[1]->type == REDIS_REPLY_STRING)
        *now = jd_clock_shifted(strtoll(reply->element[0]->str, NULL, 10) * 1000 +
                                strtoll(reply->element[1]->str, NULL, 10) / 1000);
    else
        status = jd_redis_node_refused(err, node, "TIME gives no time", "is this a Redis?");
    freeReplyObject(reply);
    return status;
}

/* ---- reading ---- */

static struct jd_str text_of(const redisReply *reply)
{
    return (struct jd_str){reply->str, (uint32_t)reply->len}; /* Redis' values are at most 512 MiB */
}

/* Hands the pairs of one HGETALL to `pair`; `*wants_more` follows its answer. */
static enum jd_redis_status take_pairs(struct jd_redis_node *node, uint32_t key_index, jd_redis_pair_fn *pair,
                                       void *context, bool *wants_more, struct jd_error *err)
{
    enum jd_redis_status status;
    redisReply *reply = jd_redis_node_receive(node, &status, err);
    if (reply == NULL)
        return status;
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements % 2 != 0)
        status = jd_redis_node_refused(err, node, "HGETALL gives no pairs", "is this a Redis?");
    for (size_t i = 0; status == JD_REDIS_OK && *wants_more && i < reply->elements; i += 2)
        *wants_more = pair(context, key_index, text_of(reply->element[i]), text_of(reply->element[i + 1]));
    freeReplyObject(reply);
    return status;
}

static enum jd_redis_status load_once(struct jd_redis_node *node, const struct jd_str *keys, uint32_t count,
                                      jd_redis_pair_fn *pair, void *context, struct jd_error *err)
{
    enum jd_redis_status status = JD_REDIS_OK;
    bool wants_more = true;
    for (uint32_t i = 0; i < count; i++)
        jd_redis_node_append(node, (const struct jd_str[]){JD_STR("HGETALL"), keys[i]}, 2);
    for (uint32_t i = 0; i < count && node->connection != NULL; i++) {
        struct jd_error later;
        enum jd_redis_status this_one =
            take_pairs(node, i, pair, context, &wants_more, status == JD_REDIS_OK ? err : &later);
        if (status == JD_REDIS_OK && this_one != JD_REDIS_OK) {
            status = this_one;
            wants_more = false; /* but take the replies that are under way */
        }
    }
    return status;
}

enum jd_redis_status jd_redis_load(struct jd_redis *redis, const struct jd_str *keys, uint32_t count,
                                   jd_redis_pair_fn *pair, void *context, struct jd_error *err)
{
    enum jd_redis_status status = JD_REDIS_OK;
    for (int attempt = 0; count > 0 && attempt < ATTEMPTS; attempt++) {
        struct jd_redis_node *node;
        status = ready(redis, keys[0], &node, err);
        if (status == JD_REDIS_OK)
            status = load_once(node, keys, count, pair, context, err);
        if (!has_moved(redis, node))
            break;
    }
    return status;
}

enum jd_redis_status jd_redis_get(struct jd_redis *redis, struct jd_str key, struct jd_str field,
                                  jd_redis_pair_fn *pair, void *context, struct jd_error *err)
{
    enum jd_redis_status status = JD_REDIS_OK;
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        struct jd_redis_node *node;
        status = ready(redis, key, &node, err);
        if (status != JD_REDIS_OK)
            return status;
        jd_redis_node_append(node, (const struct jd_str[]){JD_STR("HGET"), key, field}, 3);
        redisReply *reply = jd_redis_node_receive(node, &status, err);
        if (reply != NULL) {
            if (reply->type == REDIS_REPLY_STRING)
                (void)pair(context, 0, field, text_of(reply));
            freeReplyObject(reply);
            return JD_REDIS_OK;
        }
        if (!has_moved(redis, node))
            break;
    }
    return status;
}

/* ---- watch, exec ---- */

void jd_redis_unwatch(struct jd_redis *redis)
{
    struct jd_error ignored; /* a connection that fails here has no WATCH either */
    if (redis->watched != NULL && redis->watched->has_watch)
        (void)jd_redis_node_ask(redis->watched, &JD_STR("UNWATCH"), 1, &ignored);
    redis->watched = NULL;
}

enum jd_redis_status jd_redis_watch(struct jd_redis *redis, struct jd_str key, jd_redis_pair_fn *pair,
                                    void *context, struct jd_error *err)
{
    enum jd_redis_status status = JD_REDIS_OK;
    jd_redis_unwatch(redis);
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        struct jd_redis_node *node;
        status = ready(redis, key, &node, err);
        if (status != JD_REDIS_OK)
            return status;
        jd_redis_node_append(node, (const struct jd_str[]){JD_STR("WATCH"), key}, 2);
        jd_redis_node_append(node, (const struct jd_str[]){JD_STR("HGETALL"), key}, 2);
        redisReply *reply = jd_redis_node_receive(node, &status, err);
        bool wants_more = reply != NULL;
        if (reply != NULL)
            freeReplyObject(reply);
        if (node->connection != NULL) {
            struct jd_error second;
            enum jd_redis_status pairs =
                take_pairs(node, 0, pair, context, &wants_more, status == JD_REDIS_OK ? err : &second);
            status = status == JD_REDIS_OK ? pairs : status;
        }
        if (status == JD_REDIS_OK) {
            node->has_watch = true;
            redis->watched = node;
        }
        if (!has_moved(redis, node))
            break;
    }
    return status;
}

/* Appends one command for changes[from] and those after it that it can take along; returns how many. */
static uint32_t append_change(struct jd_redis_node *node, const struct jd_redis_change *changes,
                              uint32_t from, uint32_t count)
{
    struct jd_str args[JD_REDIS_ARGS_MAX];
    const struct jd_redis_change *first = &changes[from];
    uint32_t used = 0, taken = 1;
    if (first->kind == JD_REDIS_DROP) {
        jd_redis_node_append(node, (const struct jd_str[]){JD_STR("DEL"), first->key}, 2);
        return 1;
    }
    args[used++] = first->kind == JD_REDIS_SET ? JD_STR("HSET") : JD_STR("HDEL");
    args[used++] = first->key;
    for (taken = 0; from + taken < count && used + 2 <= JD_REDIS_ARGS_MAX; taken++) {
        const struct jd_redis_change *change = &changes[from + taken];
        if (change->kind != first->kind || !jd_str_eq(change->key, first->key))
            break;
        args[used++] = change->field;
        if (change->kind == JD_REDIS_SET)
            args[used++] = change->value;
    }
    jd_redis_node_append(node, args, used);
    return taken;
}

/* EXEC's own reply: nil is a conflict, an error inside it is REFUSED. */
static enum jd_redis_status judge_exec(struct jd_redis_node *node, const redisReply *reply,
                                       struct jd_error *err)
{
    if (reply->type == REDIS_REPLY_NIL) {
        (void)jd_error_set(err, JD_EXIT_UNAVAILABLE, "the watched key was changed by someone else");
        return JD_REDIS_CONFLICT;
    }
    if (reply->type != REDIS_REPLY_ARRAY)
        return jd_redis_node_refused(err, node, "EXEC gives no replies", "is this a Redis?");
    for (size_t i = 0; i < reply->elements; i++)
        if (reply->element[i]->type == REDIS_REPLY_ERROR) {
            (void)jd_redis_node_judge(node, reply->element[i]->str, err);
            err->code = JD_EXIT_CONFIG;
            return JD_REDIS_REFUSED;
        }
    return JD_REDIS_OK;
}

enum jd_redis_status jd_redis_exec(struct jd_redis *redis, const struct jd_redis_change *changes,
                                   uint32_t count, struct jd_error *err)
{
    struct jd_redis_node *node = redis->watched;
    if (node == NULL || !node->has_watch) {
        (void)jd_error_set(err, JD_EXIT_UNAVAILABLE, "the WATCH was lost with its connection");
        return JD_REDIS_CONFLICT;
    }
    redis->watched = NULL; /* EXEC ends it */
    node->moved[0] = '\0';
    uint32_t commands = 1;
    jd_redis_node_append(node, &JD_STR("MULTI"), 1);
    for (uint32_t at = 0; at < count; commands++)
        at += append_change(node, changes, at, count);
    jd_redis_node_append(node, &JD_STR("EXEC"), 1);
    enum jd_redis_status status = JD_REDIS_OK;
    for (uint32_t i = 0; i < commands && node->connection != NULL; i++) { /* "OK", then "QUEUED" for each */
        struct jd_error later;
        enum jd_redis_status this_one;
        redisReply *reply = jd_redis_node_receive(node, &this_one, status == JD_REDIS_OK ? err : &later);
        if (reply != NULL)
            freeReplyObject(reply);
        status = status == JD_REDIS_OK ? this_one : status;
    }
    (void)has_moved(redis, node);
    if (node->connection == NULL)
        return status;
    struct jd_error later; /* after an error above, EXEC answers EXECABORT: the first one says why */
    enum jd_redis_status this_one;
    redisReply *reply = jd_redis_node_receive(node, &this_one, status == JD_REDIS_OK ? err : &later);
    if (reply == NULL)
        return status == JD_REDIS_OK ? this_one : status;
    if (status == JD_REDIS_OK)
        status = judge_exec(node, reply, err);
    freeReplyObject(reply);
    return status;
}

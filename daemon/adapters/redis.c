/* hiredis behind redis.h. It parses replies and owns the sockets; what an error means, when to connect again
 * and where a slot lives is decided here. */
#include "adapters/redis.h"

#include "adapters/clock.h"
#include "base/alloc.h"

#include <errno.h>
#include <hiredis/hiredis.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

enum {
    NODES_MAX = 64,
    SLOTS = 16384,
    BACKOFF_MIN_MS = 50,
    BACKOFF_MAX_MS = 2000,
    CONNECT_TIMEOUT_MS = 2000,
    REPLY_TIMEOUT_MS = 5000,
    ARGS_MAX = 512, /* arguments of one HSET or HDEL; more changes of a key make another command */
    ATTEMPTS = 3,   /* a slot that moved: learn, try again */
    ADDRESS_MAX = 256,
};

struct node {
    char host[ADDRESS_MAX]; /* or the path of a socket, with port 0 */
    int port;
    redisContext *connection; /* NULL: none */
    int64_t retry_at;         /* monotonic ms; not before */
    int64_t backoff_ms;       /* 0: the next try is at once */
};

struct jd_redis {
    char *user, *password;
    struct timeval connect_timeout, timeout;
    uint32_t node_count;
    struct node nodes[NODES_MAX]; /* 0 is the configured one */
    uint8_t *slot_nodes;          /* where slots live; NULL: no cluster */
    struct node *watching;        /* whose connection holds the WATCH; NULL: none */
    bool has_moved;               /* the last error was MOVED and has been learned */
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

static bool parse_url(const char *url, struct node *node, struct jd_error *err)
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

/* ---- errors ---- */

static void hang_up(struct jd_redis *redis, struct node *node)
{
    if (redis->watching == node)
        redis->watching = NULL;
    if (node->connection != NULL)
        redisFree(node->connection);
    node->connection = NULL;
}

static enum jd_redis_status unavailable(struct jd_error *err, const struct node *node, const char *reason)
{
    char port[16] = "";
    if (node->port > 0)
        (void)snprintf(port, sizeof port, ":%d", node->port);
    (void)jd_error_set(err, JD_EXIT_UNAVAILABLE, "Redis at %s%s: %s", node->host, port, reason);
    return JD_REDIS_UNAVAILABLE;
}

static enum jd_redis_status refused(struct jd_error *err, const struct node *node, const char *reason,
                                    const char *advice)
{
    (void)unavailable(err, node, reason);
    size_t used = strlen(err->text);
    (void)snprintf(err->text + used, sizeof err->text - used, "; %s", advice);
    err->code = JD_EXIT_CONFIG;
    return JD_REDIS_REFUSED;
}

/* "MOVED 3999 10.0.0.2:6381": from now on that slot is asked there. */
static bool learn(struct jd_redis *redis, const struct node *from, const char *text)
{
    char *end = NULL;
    long slot = strtol(text + strlen("MOVED "), &end, 10);
    const char *colon = strrchr(text, ':');
    struct node target = {.port = 0};
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

static bool begins(const char *text, const char *word)
{
    return strncmp(text, word, strlen(word)) == 0;
}

/* What an error reply means. */
static enum jd_redis_status judge_error(struct jd_redis *redis, struct node *node, const char *text,
                                        struct jd_error *err)
{
    static const char *const passing[] = {"LOADING", "BUSY",  "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN",
                                          "ASK",     "MOVED", "NOREPLICAS", "UNBLOCKED"};
    static const struct advice {
        const char *word, *text;
    } advices[] = {
        {"NOAUTH", "set redis.user and redis.password_file"},
        {"WRONGPASS", "check redis.user and redis.password_file"},
        {"ERR AUTH", "this Redis has no password: remove redis.password_file"},
        {"NOPERM",
         "allow this user ~jd:* and +watch +unwatch +multi +exec +hset +hdel +hget +hgetall +del +info "
         "+time +ping"},
        {"WRONGTYPE", "a key of ours has another type: something else writes to this Redis under jd:"},
        {"OOM", "Redis is full: raise maxmemory"},
        {"MISCONF", "Redis cannot write its disk and refuses changes"},
    };
    if (begins(text, "MOVED "))
        redis->has_moved = learn(redis, node, text);
    if (begins(text, "READONLY")) { /* it became a replica: look again on a new connection */
        hang_up(redis, node);
        return unavailable(err, node, text);
    }
    for (size_t i = 0; i < JD_COUNT(passing); i++)
        if (begins(text, passing[i]))
            return unavailable(err, node, text);
    for (size_t i = 0; i < JD_COUNT(advices); i++)
        if (begins(text, advices[i].word))
            return refused(err, node, text, advices[i].text);
    return refused(err, node, text, "see Redis' documentation of this error");
}

/* The next reply; NULL with `*status` when there is none or it is an error. Owned: freeReplyObject(). */
static redisReply *receive(struct jd_redis *redis, struct node *node, enum jd_redis_status *status,
                           struct jd_error *err)
{
    void *raw = NULL;
    if (node->connection == NULL || redisGetReply(node->connection, &raw) != REDIS_OK || raw == NULL) {
        char reason[128] = "the connection was lost";
        if (node->connection != NULL && node->connection->err == REDIS_ERR_IO && errno == EAGAIN)
            (void)snprintf(reason, sizeof reason, "no reply in time");
        else if (node->connection != NULL && node->connection->err != 0)
            (void)snprintf(reason, sizeof reason, "%s", node->connection->errstr);
        hang_up(redis, node);
        *status = unavailable(err, node, reason);
        return NULL;
    }
    redisReply *reply = raw;
    *status = JD_REDIS_OK;
    if (reply->type != REDIS_REPLY_ERROR)
        return reply;
    *status = judge_error(redis, node, reply->str, err);
    freeReplyObject(reply);
    return NULL;
}

static void append(struct node *node, const struct jd_str *args, uint32_t count)
{
    const char *texts[ARGS_MAX];
    size_t sizes[ARGS_MAX];
    for (uint32_t i = 0; i < count; i++) {
        texts[i] = args[i].ptr != NULL ? args[i].ptr : "";
        sizes[i] = args[i].size;
    }
    /* Fails only for want of memory; the reply that then never comes is a time-out. */
    (void)redisAppendCommandArgv(node->connection, (int)count, texts, sizes);
}

/* One command whose reply is of no interest but for being no error. */
static enum jd_redis_status ask(struct jd_redis *redis, struct node *node, const struct jd_str *args,
                                uint32_t count, struct jd_error *err)
{
    enum jd_redis_status status;
    append(node, args, count);
    redisReply *reply = receive(redis, node, &status, err);
    if (reply != NULL)
        freeReplyObject(reply);
    return status;
}

/* ---- connecting ---- */

/* The value of `name:` in INFO's text, or "". */
static void info_value(const redisReply *info, const char *name, char *value, size_t size)
{
    value[0] = '\0';
    const char *at = info->str;
    size_t name_size = strlen(name);
    while (at != NULL && *at != '\0') {
        if (strncmp(at, name, name_size) == 0 && at[name_size] == ':') {
            at += name_size + 1;
            (void)snprintf(value, size, "%.*s", (int)strcspn(at, "\r\n"), at);
            return;
        }
        at = strchr(at, '\n');
        at = at == NULL ? NULL : at + 1;
    }
}

/* Whether this server may hold our images. */
static enum jd_redis_status inspect(struct jd_redis *redis, struct node *node, struct jd_error *err)
{
    enum jd_redis_status status;
    char role[32], loading[32], policy[64], text[160];
    append(node, &JD_STR("INFO"), 1);
    redisReply *info = receive(redis, node, &status, err);
    if (info == NULL)
        return status;
    if (info->type != REDIS_REPLY_STRING) {
        freeReplyObject(info);
        return refused(err, node, "INFO has no text", "is this a Redis?");
    }
    info_value(info, "role", role, sizeof role);
    info_value(info, "loading", loading, sizeof loading);
    info_value(info, "maxmemory_policy", policy, sizeof policy);
    freeReplyObject(info);
    if (strcmp(loading, "0") != 0 && loading[0] != '\0')
        return unavailable(err, node, "it is loading its data");
    if (strcmp(role, "master") != 0) {
        (void)snprintf(text, sizeof text, "its role is %s", role[0] != '\0' ? role : "unknown");
        return refused(err, node, text, "point redis.url at the primary");
    }
    if (strcmp(policy, "noeviction") != 0 && !begins(policy, "volatile-")) {
        (void)snprintf(text, sizeof text, "maxmemory-policy is %s, which may evict our keys", policy);
        return refused(err, node, text,
                       "CONFIG SET maxmemory-policy noeviction, or volatile-lru and the like");
    }
    return JD_REDIS_OK;
}

static enum jd_redis_status authenticate(struct jd_redis *redis, struct node *node, struct jd_error *err)
{
    if (redis->password == NULL)
        return JD_REDIS_OK;
    struct jd_str args[3] = {JD_STR("AUTH")};
    uint32_t count = 1;
    if (redis->user != NULL)
        args[count++] = (struct jd_str){redis->user, (uint32_t)strlen(redis->user)};
    args[count++] = (struct jd_str){redis->password, (uint32_t)strlen(redis->password)};
    return ask(redis, node, args, count, err);
}

static enum jd_redis_status connect_to(struct jd_redis *redis, struct node *node, struct jd_error *err)
{
    node->connection = node->port == 0
                           ? redisConnectUnixWithTimeout(node->host, redis->connect_timeout)
                           : redisConnectWithTimeout(node->host, node->port, redis->connect_timeout);
    if (node->connection == NULL)
        return unavailable(err, node, "out of memory");
    if (node->connection->err != 0) {
        char reason[128];
        (void)snprintf(reason, sizeof reason, "%s", node->connection->errstr);
        hang_up(redis, node);
        return unavailable(err, node, reason);
    }
    (void)redisSetTimeout(node->connection, redis->timeout);
    if (node->port > 0)
        (void)redisEnableKeepAlive(node->connection);
    enum jd_redis_status status = authenticate(redis, node, err);
    if (status == JD_REDIS_OK)
        status = inspect(redis, node, err);
    if (status != JD_REDIS_OK)
        hang_up(redis, node);
    return status;
}

/* The node that has the slot of `key` (the configured one for an absent key), connected. */
static enum jd_redis_status ready(struct jd_redis *redis, struct jd_str key, struct node **out,
                                  struct jd_error *err)
{
    uint32_t at = key.ptr != NULL && redis->slot_nodes != NULL ? redis->slot_nodes[slot_of(key)] : 0;
    struct node *node = &redis->nodes[at];
    redis->has_moved = false;
    *out = node;
    if (node->connection != NULL)
        return JD_REDIS_OK;
    int64_t now = jd_clock_mono();
    if (now < node->retry_at)
        return unavailable(err, node, "not tried again yet after a failure");
    enum jd_redis_status status = connect_to(redis, node, err);
    if (status == JD_REDIS_OK) {
        node->backoff_ms = 0;
        return JD_REDIS_OK;
    }
    node->backoff_ms = node->backoff_ms == 0 ? BACKOFF_MIN_MS : node->backoff_ms * 2;
    if (node->backoff_ms > BACKOFF_MAX_MS)
        node->backoff_ms = BACKOFF_MAX_MS;
    node->retry_at = now + node->backoff_ms;
    if (redis->slot_nodes != NULL && at != 0) /* that node may be gone: the configured one knows */
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
    redis->user = jd_alloc_text(config->user);
    redis->password = jd_alloc_text(config->password);
    redis->connect_timeout = timeval_of(config->connect_timeout_ms, CONNECT_TIMEOUT_MS);
    redis->timeout = timeval_of(config->timeout_ms, REPLY_TIMEOUT_MS);
    return redis;
}

void jd_redis_close(struct jd_redis *redis)
{
    if (redis == NULL)
        return;
    for (uint32_t i = 0; i < redis->node_count; i++)
        hang_up(redis, &redis->nodes[i]);
    if (redis->password != NULL)
        explicit_bzero(redis->password, strlen(redis->password));
    free(redis->password);
    free(redis->user);
    free(redis->slot_nodes);
    free(redis);
}

enum jd_redis_status jd_redis_check(struct jd_redis *redis, struct jd_error *err)
{
    struct node *node;
    bool was_connected = redis->nodes[0].connection != NULL;
    enum jd_redis_status status = ready(redis, (struct jd_str){NULL, 0}, &node, err);
    if (status == JD_REDIS_OK && was_connected)
        status = inspect(redis, node, err);
    return status;
}

enum jd_redis_status jd_redis_time(struct jd_redis *redis, jd_time *now, struct jd_error *err)
{
    struct node *node;
    enum jd_redis_status status = ready(redis, (struct jd_str){NULL, 0}, &node, err);
    if (status != JD_REDIS_OK)
        return status;
    append(node, &JD_STR("TIME"), 1);
    redisReply *reply = receive(redis, node, &status, err);
    if (reply == NULL)
        return status;
    if (reply->type == REDIS_REPLY_ARRAY && reply->elements == 2 &&
        reply->element[0]->type == REDIS_REPLY_STRING && reply->element[1]->type == REDIS_REPLY_STRING)
        *now = jd_clock_shifted(strtoll(reply->element[0]->str, NULL, 10) * 1000 +
                                strtoll(reply->element[1]->str, NULL, 10) / 1000);
    else
        status = refused(err, node, "TIME gives no time", "is this a Redis?");
    freeReplyObject(reply);
    return status;
}

/* ---- reading ---- */

static struct jd_str text_of(const redisReply *reply)
{
    return (struct jd_str){reply->str, (uint32_t)reply->len}; /* Redis' values are at most 512 MiB */
}

/* Hands the pairs of one HGETALL to `pair`; `*wants_more` follows its answer. */
static enum jd_redis_status take_pairs(struct jd_redis *redis, struct node *node, uint32_t key_index,
                                       jd_redis_pair_fn *pair, void *context, bool *wants_more,
                                       struct jd_error *err)
{
    enum jd_redis_status status;
    redisReply *reply = receive(redis, node, &status, err);
    if (reply == NULL)
        return status;
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements % 2 != 0)
        status = refused(err, node, "HGETALL gives no pairs", "is this a Redis?");
    for (size_t i = 0; status == JD_REDIS_OK && *wants_more && i < reply->elements; i += 2)
        *wants_more = pair(context, key_index, text_of(reply->element[i]), text_of(reply->element[i + 1]));
    freeReplyObject(reply);
    return status;
}

static enum jd_redis_status load_once(struct jd_redis *redis, struct node *node, const struct jd_str *keys,
                                      uint32_t count, jd_redis_pair_fn *pair, void *context,
                                      struct jd_error *err)
{
    enum jd_redis_status status = JD_REDIS_OK;
    bool wants_more = true;
    for (uint32_t i = 0; i < count; i++)
        append(node, (const struct jd_str[]){JD_STR("HGETALL"), keys[i]}, 2);
    for (uint32_t i = 0; i < count && node->connection != NULL; i++) {
        struct jd_error later;
        enum jd_redis_status this_one =
            take_pairs(redis, node, i, pair, context, &wants_more, status == JD_REDIS_OK ? err : &later);
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
        struct node *node;
        status = ready(redis, keys[0], &node, err);
        if (status == JD_REDIS_OK)
            status = load_once(redis, node, keys, count, pair, context, err);
        if (!redis->has_moved)
            break;
    }
    return status;
}

enum jd_redis_status jd_redis_get(struct jd_redis *redis, struct jd_str key, struct jd_str field,
                                  jd_redis_pair_fn *pair, void *context, struct jd_error *err)
{
    enum jd_redis_status status = JD_REDIS_OK;
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        struct node *node;
        status = ready(redis, key, &node, err);
        if (status != JD_REDIS_OK)
            return status;
        append(node, (const struct jd_str[]){JD_STR("HGET"), key, field}, 3);
        redisReply *reply = receive(redis, node, &status, err);
        if (reply != NULL) {
            if (reply->type == REDIS_REPLY_STRING)
                (void)pair(context, 0, field, text_of(reply));
            freeReplyObject(reply);
            return JD_REDIS_OK;
        }
        if (!redis->has_moved)
            break;
    }
    return status;
}

/* ---- watch, exec ---- */

void jd_redis_unwatch(struct jd_redis *redis)
{
    struct jd_error ignored; /* a connection that fails here has no WATCH either */
    if (redis->watching != NULL)
        (void)ask(redis, redis->watching, &JD_STR("UNWATCH"), 1, &ignored);
    redis->watching = NULL;
}

enum jd_redis_status jd_redis_watch(struct jd_redis *redis, struct jd_str key, jd_redis_pair_fn *pair,
                                    void *context, struct jd_error *err)
{
    enum jd_redis_status status = JD_REDIS_OK;
    jd_redis_unwatch(redis);
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        struct node *node;
        status = ready(redis, key, &node, err);
        if (status != JD_REDIS_OK)
            return status;
        append(node, (const struct jd_str[]){JD_STR("WATCH"), key}, 2);
        append(node, (const struct jd_str[]){JD_STR("HGETALL"), key}, 2);
        redisReply *reply = receive(redis, node, &status, err);
        bool wants_more = reply != NULL;
        if (reply != NULL)
            freeReplyObject(reply);
        if (node->connection != NULL) {
            struct jd_error second;
            enum jd_redis_status pairs =
                take_pairs(redis, node, 0, pair, context, &wants_more, status == JD_REDIS_OK ? err : &second);
            status = status == JD_REDIS_OK ? pairs : status;
        }
        if (status == JD_REDIS_OK)
            redis->watching = node;
        if (!redis->has_moved)
            break;
    }
    return status;
}

static bool same(struct jd_str a, struct jd_str b)
{
    return a.size == b.size && memcmp(a.ptr, b.ptr, a.size) == 0;
}

/* Appends one command for changes[from] and those after it that it can take along; returns how many. */
static uint32_t append_change(struct node *node, const struct jd_redis_change *changes, uint32_t from,
                              uint32_t count)
{
    struct jd_str args[ARGS_MAX];
    const struct jd_redis_change *first = &changes[from];
    uint32_t used = 0, taken = 1;
    if (first->kind == JD_REDIS_DROP) {
        append(node, (const struct jd_str[]){JD_STR("DEL"), first->key}, 2);
        return 1;
    }
    args[used++] = first->kind == JD_REDIS_SET ? JD_STR("HSET") : JD_STR("HDEL");
    args[used++] = first->key;
    for (taken = 0; from + taken < count && used + 2 <= ARGS_MAX; taken++) {
        const struct jd_redis_change *change = &changes[from + taken];
        if (change->kind != first->kind || !same(change->key, first->key))
            break;
        args[used++] = change->field;
        if (change->kind == JD_REDIS_SET)
            args[used++] = change->value;
    }
    append(node, args, used);
    return taken;
}

/* EXEC's own reply: nil is a conflict, an error inside it is REFUSED. */
static enum jd_redis_status judge_exec(struct jd_redis *redis, struct node *node, const redisReply *reply,
                                       struct jd_error *err)
{
    if (reply->type == REDIS_REPLY_NIL) {
        (void)jd_error_set(err, JD_EXIT_UNAVAILABLE, "the watched key was changed by someone else");
        return JD_REDIS_CONFLICT;
    }
    if (reply->type != REDIS_REPLY_ARRAY)
        return refused(err, node, "EXEC gives no replies", "is this a Redis?");
    for (size_t i = 0; i < reply->elements; i++)
        if (reply->element[i]->type == REDIS_REPLY_ERROR) {
            (void)judge_error(redis, node, reply->element[i]->str, err);
            err->code = JD_EXIT_CONFIG;
            return JD_REDIS_REFUSED;
        }
    return JD_REDIS_OK;
}

enum jd_redis_status jd_redis_exec(struct jd_redis *redis, const struct jd_redis_change *changes,
                                   uint32_t count, struct jd_error *err)
{
    struct node *node = redis->watching;
    if (node == NULL) {
        (void)jd_error_set(err, JD_EXIT_UNAVAILABLE, "the WATCH was lost with its connection");
        return JD_REDIS_CONFLICT;
    }
    redis->watching = NULL; /* EXEC ends it */
    redis->has_moved = false;
    uint32_t commands = 1;
    append(node, &JD_STR("MULTI"), 1);
    for (uint32_t at = 0; at < count; commands++)
        at += append_change(node, changes, at, count);
    append(node, &JD_STR("EXEC"), 1);
    enum jd_redis_status status = JD_REDIS_OK;
    for (uint32_t i = 0; i < commands && node->connection != NULL; i++) { /* "OK", then "QUEUED" for each */
        struct jd_error later;
        enum jd_redis_status this_one;
        redisReply *reply = receive(redis, node, &this_one, status == JD_REDIS_OK ? err : &later);
        if (reply != NULL)
            freeReplyObject(reply);
        status = status == JD_REDIS_OK ? this_one : status;
    }
    if (node->connection == NULL)
        return status;
    struct jd_error later; /* after an error above, EXEC answers EXECABORT: the first one says why */
    enum jd_redis_status this_one;
    redisReply *reply = receive(redis, node, &this_one, status == JD_REDIS_OK ? err : &later);
    if (reply == NULL)
        return status == JD_REDIS_OK ? this_one : status;
    if (status == JD_REDIS_OK)
        status = judge_exec(redis, node, reply, err);
    freeReplyObject(reply);
    return status;
}

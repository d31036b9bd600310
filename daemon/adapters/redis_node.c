#include "adapters/redis_node.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "adapters/clock.h"

enum { BACKOFF_MIN_MS = 50, BACKOFF_MAX_MS = 2000 };

/* ---- errors ---- */

void jd_redis_node_hang_up(struct jd_redis_node *node)
{
    node->has_watch = false;
    if (node->connection != NULL)
        redisFree(node->connection);
    node->connection = NULL;
}

static enum jd_redis_status unavailable(struct jd_error *err, const struct jd_redis_node *node,
                                        const char *reason)
{
    char port[16] = "";
    if (node->port > 0)
        (void)snprintf(port, sizeof port, ":%d", node->port);
    (void)jd_error_set(err, JD_EXIT_UNAVAILABLE, "Redis at %s%s: %s", node->host, port, reason);
    return JD_REDIS_UNAVAILABLE;
}

enum jd_redis_status jd_redis_node_refused(struct jd_error *err, const struct jd_redis_node *node,
                                           const char *reason, const char *advice)
{
    (void)unavailable(err, node, reason);
    size_t used = strlen(err->text);
    (void)snprintf(err->text + used, sizeof err->text - used, "; %s", advice);
    err->code = JD_EXIT_CONFIG;
    return JD_REDIS_REFUSED;
}

static bool begins(const char *text, const char *word)
{
    return strncmp(text, word, strlen(word)) == 0;
}

enum jd_redis_status jd_redis_node_judge(struct jd_redis_node *node, const char *text, struct jd_error *err)
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
        (void)snprintf(node->moved, sizeof node->moved, "%s", text);
    if (begins(text, "READONLY")) { /* it became a replica: look again on a new connection */
        jd_redis_node_hang_up(node);
        return unavailable(err, node, text);
    }
    for (size_t i = 0; i < JD_COUNT(passing); i++)
        if (begins(text, passing[i]))
            return unavailable(err, node, text);
    for (size_t i = 0; i < JD_COUNT(advices); i++)
        if (begins(text, advices[i].word))
            return jd_redis_node_refused(err, node, text, advices[i].text);
    return jd_redis_node_refused(err, node, text, "see Redis' documentation of this error");
}

/* ---- commands ---- */

redisReply *jd_redis_node_receive(struct jd_redis_node *node, enum jd_redis_status *status,
                                  struct jd_error *err)
{
    void *raw = NULL;
    if (node->connection == NULL || redisGetReply(node->connection, &raw) != REDIS_OK || raw == NULL) {
        char reason[128] = "the connection was lost";
        if (node->connection != NULL && node->connection->err == REDIS_ERR_IO && errno == EAGAIN)
            (void)snprintf(reason, sizeof reason, "no reply in time");
        else if (node->connection != NULL && node->connection->err != 0)
            (void)snprintf(reason, sizeof reason, "%s", node->connection->errstr);
        jd_redis_node_hang_up(node);
        *status = unavailable(err, node, reason);
        return NULL;
    }
    redisReply *reply = raw;
    *status = JD_REDIS_OK;
    if (reply->type != REDIS_REPLY_ERROR)
        return reply;
    *status = jd_redis_node_judge(node, reply->str, err);
    freeReplyObject(reply);
    return NULL;
}

void jd_redis_node_append(struct jd_redis_node *node, const struct jd_str *args, uint32_t count)
{
    const char *texts[JD_REDIS_ARGS_MAX];
    size_t sizes[JD_REDIS_ARGS_MAX];
    for (uint32_t i = 0; i < count; i++) {
        texts[i] = args[i].ptr != NULL ? args[i].ptr : "";
        sizes[i] = args[i].size;
    }
    /* Fails only for want of memory; the reply that then never comes is a time-out. */
    (void)redisAppendCommandArgv(node->connection, (int)count, texts, sizes);
}

enum jd_redis_status jd_redis_node_ask(struct jd_redis_node *node, const struct jd_str *args, uint32_t count,
                                       struct jd_error *err)
{
    enum jd_redis_status status;
    jd_redis_node_append(node, args, count);
    redisReply *reply = jd_redis_node_receive(node, &status, err);
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

enum jd_redis_status jd_redis_node_inspect(struct jd_redis_node *node, struct jd_error *err)
{
    enum jd_redis_status status;
    char role[32], loading[32], policy[64], text[160];
    jd_redis_node_append(node, &JD_STR("INFO"), 1);
    redisReply *info = jd_redis_node_receive(node, &status, err);
    if (info == NULL)
        return status;
    if (info->type != REDIS_REPLY_STRING) {
        freeReplyObject(info);
        return jd_redis_node_refused(err, node, "INFO has no text", "is this a Redis?");
    }
    info_value(info, "role", role, sizeof role);
    info_value(info, "loading", loading, sizeof loading);
    info_value(info, "maxmemory_policy", policy, sizeof policy);
    freeReplyObject(info);
    if (strcmp(loading, "0") != 0 && loading[0] != '\0')
        return unavailable(err, node, "it is loading its data");
    if (strcmp(role, "master") != 0) {
        (void)snprintf(text, sizeof text, "its role is %s", role[0] != '\0' ? role : "unknown");
        return jd_redis_node_refused(err, node, text, "point redis.url at the primary");
    }
    if (strcmp(policy, "noeviction") != 0 && !begins(policy, "volatile-")) {
        (void)snprintf(text, sizeof text, "maxmemory-policy is %s, which may evict our keys", policy);
        return jd_redis_node_refused(err, node, text,
                                     "CONFIG SET maxmemory-policy noeviction, or volatile-lru and the like");
    }
    return JD_REDIS_OK;
}

static enum jd_redis_status authenticate(struct jd_redis_node *node, struct jd_error *err)
{
    if (node->access->password == NULL)
        return JD_REDIS_OK;
    struct jd_str args[3] = {JD_STR("AUTH")};
    uint32_t count = 1;
    if (node->access->user != NULL)
        args[count++] = (struct jd_str){node->access->user, (uint32_t)strlen(node->access->user)};
    args[count++] = (struct jd_str){node->access->password, (uint32_t)strlen(node->access->password)};
    return jd_redis_node_ask(node, args, count, err);
}

static enum jd_redis_status connect_now(struct jd_redis_node *node, struct jd_error *err)
{
    node->connection = node->port == 0
                           ? redisConnectUnixWithTimeout(node->host, node->access->connect_timeout)
                           : redisConnectWithTimeout(node->host, node->port, node->access->connect_timeout);
    if (node->connection == NULL)
        return unavailable(err, node, "out of memory");
    if (node->connection->err != 0) {
        char reason[128];
        (void)snprintf(reason, sizeof reason, "%s", node->connection->errstr);
        jd_redis_node_hang_up(node);
        return unavailable(err, node, reason);
    }
    (void)redisSetTimeout(node->connection, node->access->timeout);
    if (node->port > 0)
        (void)redisEnableKeepAlive(node->connection);
    enum jd_redis_status status = authenticate(node, err);
    if (status == JD_REDIS_OK)
        status = jd_redis_node_inspect(node, err);
    if (status != JD_REDIS_OK)
        jd_redis_node_hang_up(node);
    return status;
}

enum jd_redis_status jd_redis_node_connect(struct jd_redis_node *node, struct jd_error *err)
{
    if (node->connection != NULL)
        return JD_REDIS_OK;
    int64_t now = jd_clock_mono();
    if (now < node->retry_at)
        return unavailable(err, node, "not tried again yet after a failure");
    enum jd_redis_status status = connect_now(node, err);
    if (status == JD_REDIS_OK) {
        node->backoff_ms = 0;
        return JD_REDIS_OK;
    }
    node->backoff_ms = node->backoff_ms == 0 ? BACKOFF_MIN_MS : node->backoff_ms * 2;
    if (node->backoff_ms > BACKOFF_MAX_MS)
        node->backoff_ms = BACKOFF_MAX_MS;
    node->retry_at = now + node->backoff_ms;
    return status;
}

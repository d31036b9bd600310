/* What the shell relies on in adapters/redis.h, on real servers of its own. */
#include "tap.h"

#include "adapters/clock.h"
#include "adapters/redis.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static struct jd_error err;
static char dir[] = "/tmp/journeyd-redis-XXXXXX";

/* ---- servers ---- */

static void pause_ms(long ms)
{
    (void)nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = (ms % 1000) * 1000000}, NULL);
}

/* Starts redis-server with these settings (one word each, ended by NULL) beside the common ones. */
static pid_t start(const char *socket_name, const char *port, const char *const *settings)
{
    char path[128], data[128];
    (void)snprintf(path, sizeof path, "%s/%s", dir, socket_name);
    (void)snprintf(data, sizeof data, "%s/%s.d", dir, socket_name);
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    char make[160];
    (void)snprintf(make, sizeof make, "mkdir -p %s", data);
    if (system(make) != 0)
        _exit(1);
    const char *args[64] = {"redis-server", "--unixsocket", path, "--port", port,       "--dir",
                            data,           "--save",       "",   "--bind", "127.0.0.1"};
    size_t count = 11;
    for (size_t i = 0; settings[i] != NULL; i++)
        args[count++] = settings[i];
    if (freopen("/dev/null", "w", stdout) == NULL)
        _exit(1);
    (void)execvp(args[0], (char *const *)(uintptr_t)args);
    _exit(127);
}

static void stop(pid_t pid)
{
    (void)kill(pid, SIGKILL);
    (void)waitpid(pid, NULL, 0);
}

static int cli(const char *socket_name, const char *command)
{
    char line[512];
    (void)snprintf(line, sizeof line, "redis-cli -s %s/%s %s >/dev/null 2>&1", dir, socket_name, command);
    return system(line);
}

static struct jd_redis *open_at(const char *url, const char *user, const char *password)
{
    const struct jd_redis_config config = {
        .url = url, .user = user, .password = password, .timeout_ms = 1000};
    return jd_redis_open(&config, &err);
}

static struct jd_redis *open_socket(const char *socket_name)
{
    char url[160];
    (void)snprintf(url, sizeof url, "unix:%s/%s", dir, socket_name);
    return open_at(url, NULL, NULL);
}

static enum jd_redis_status check_until(struct jd_redis *redis, enum jd_redis_status wanted)
{
    enum jd_redis_status status = jd_redis_check(redis, &err);
    for (int i = 0; i < 200 && status != wanted; i++) {
        pause_ms(25);
        status = jd_redis_check(redis, &err);
    }
    return status;
}

/* ---- pairs ---- */

struct pairs {
    uint32_t count, last_key;
    char text[256];
};

static bool collect(void *context, uint32_t key_index, struct jd_str field, struct jd_str value)
{
    struct pairs *pairs = context;
    size_t used = strlen(pairs->text);
    pairs->count++;
    pairs->last_key = key_index;
    (void)snprintf(pairs->text + used, sizeof pairs->text - used, "%u:" JD_STR_FMT "=" JD_STR_FMT " ",
                   (unsigned)key_index, JD_STR_ARG(field), JD_STR_ARG(value));
    return true;
}

static const char *text_at(struct jd_redis *redis, const char *key)
{
    static struct pairs pairs;
    pairs = (struct pairs){.count = 0};
    struct jd_str k = {key, (uint32_t)strlen(key)};
    return jd_redis_load(redis, &k, 1, collect, &pairs, &err) == JD_REDIS_OK ? pairs.text : err.text;
}

static struct jd_redis_change set(const char *key, const char *field, const char *value)
{
    return (struct jd_redis_change){JD_REDIS_SET,
                                    {key, (uint32_t)strlen(key)},
                                    {field, (uint32_t)strlen(field)},
                                    {value, (uint32_t)strlen(value)}};
}

/* ---- tests ---- */

static void addresses(void)
{
    static const char *const bad[] = {"localhost:6379",  "redis://",      "redis://h:0",
                                      "redis://h:99999", "redis://h:12x", "rediss://h",
                                      "redis://u:p@h",   "unix:relative", "redis://h/3"};
    for (size_t i = 0; i < JD_COUNT(bad); i++)
        CHECK(open_at(bad[i], NULL, NULL) == NULL && err.code == JD_EXIT_CONFIG, "%s: %s", bad[i], err.text);
    static const char *const good[] = {"redis://h", "redis://h:1/", "redis://[::1]:7000", "redis://[::1]",
                                       "unix:/run/r"};
    for (size_t i = 0; i < JD_COUNT(good); i++) {
        struct jd_redis *redis = open_at(good[i], NULL, NULL);
        CHECK(redis != NULL, "%s", good[i]);
        jd_redis_close(redis);
    }
    struct jd_redis *nobody = open_at("redis://127.0.0.1:1", NULL, NULL);
    CHECK(jd_redis_check(nobody, &err) == JD_REDIS_UNAVAILABLE && err.code == JD_EXIT_UNAVAILABLE, "away: %s",
          err.text);
    CHECK(jd_redis_check(nobody, &err) == JD_REDIS_UNAVAILABLE && strstr(err.text, "not tried") != NULL,
          "and not asked again at once: %s", err.text);
    jd_redis_close(nobody);
}

static void exchange(void)
{
    struct jd_redis *a = open_socket("plain"), *b = open_socket("plain");
    struct pairs pairs = {.count = 0};
    const struct jd_str meta = JD_STR("jd:{g/0}:meta");
    CHECK(check_until(a, JD_REDIS_OK) == JD_REDIS_OK, "a Unix socket");
    CHECK(jd_redis_watch(a, meta, collect, &pairs, &err) == JD_REDIS_OK && pairs.count == 0,
          "watch of a key that is not there");
    const struct jd_redis_change first[] = {
        set("jd:{g/0}:00", "hcp:1", "one"), set("jd:{g/0}:00", "hcp:2", "two"),
        set("jd:{g/0}:01", "hcp:3", ""), set("jd:{g/0}:meta", "rev", "1")};
    CHECK(jd_redis_exec(a, first, 4, &err) == JD_REDIS_OK, "the first write");
    CHECK(strcmp(text_at(b, "jd:{g/0}:00"), "0:hcp:1=one 0:hcp:2=two ") == 0, "is there: %s",
          text_at(b, "jd:{g/0}:00"));
    const struct jd_str keys[] = {JD_STR("jd:{g/0}:00"), JD_STR("jd:{g/0}:none"), JD_STR("jd:{g/0}:01"),
                                  meta};
    pairs = (struct pairs){.count = 0};
    CHECK(jd_redis_load(b, keys, 4, collect, &pairs, &err) == JD_REDIS_OK && pairs.count == 4 &&
              pairs.last_key == 3,
          "load of four hashes: %s", pairs.text);
    CHECK(jd_redis_exec(a, first, 4, &err) == JD_REDIS_CONFLICT, "an exec without a watch does nothing: %s",
          err.text);

    pairs = (struct pairs){.count = 0};
    CHECK(jd_redis_watch(a, meta, collect, &pairs, &err) == JD_REDIS_OK &&
              strcmp(pairs.text, "0:rev=1 ") == 0,
          "a watches");
    CHECK(jd_redis_watch(b, meta, collect, &pairs, &err) == JD_REDIS_OK, "b watches");
    const struct jd_redis_change by_b[] = {set("jd:{g/0}:meta", "rev", "2")};
    CHECK(jd_redis_exec(b, by_b, 1, &err) == JD_REDIS_OK, "b writes");
    CHECK(jd_redis_exec(a, first, 4, &err) == JD_REDIS_CONFLICT, "a conflicts: %s", err.text);
    CHECK(strcmp(text_at(a, "jd:{g/0}:meta"), "0:rev=2 ") == 0, "and has written nothing");

    struct jd_redis_change mixed[] = {set("jd:{g/0}:00", "x", "1"), set("jd:{g/0}:00", "hcp:2", ""),
                                      set("jd:{g/0}:01", "", ""), set("jd:{g/0}:01", "y", "2")};
    mixed[1].kind = JD_REDIS_REMOVE;
    mixed[2].kind = JD_REDIS_DROP;
    CHECK(jd_redis_watch(a, meta, collect, &pairs, &err) == JD_REDIS_OK &&
              jd_redis_exec(a, mixed, 4, &err) == JD_REDIS_OK &&
              strstr(text_at(a, "jd:{g/0}:00"), "hcp:2") == NULL &&
              strcmp(text_at(a, "jd:{g/0}:01"), "0:y=2 ") == 0,
          "remove, drop and set in order: %s", text_at(a, "jd:{g/0}:01"));

    static const char binary[] = "a\0b\r\n\xff";
    const struct jd_redis_change bytes = {JD_REDIS_SET, JD_STR("jd:{g/0}:bin"), {binary, 6}, {binary, 6}};
    pairs = (struct pairs){.count = 0};
    CHECK(jd_redis_watch(a, meta, collect, &pairs, &err) == JD_REDIS_OK &&
              jd_redis_exec(a, &bytes, 1, &err) == JD_REDIS_OK,
          "bytes");
    pairs = (struct pairs){.count = 0};
    CHECK(jd_redis_get(a, JD_STR("jd:{g/0}:bin"), (struct jd_str){binary, 6}, collect, &pairs, &err) ==
                  JD_REDIS_OK &&
              pairs.count == 1,
          "come back under their field");
    CHECK(jd_redis_get(a, JD_STR("jd:{g/0}:bin"), JD_STR("none"), collect, &pairs, &err) == JD_REDIS_OK &&
              pairs.count == 1,
          "a field that is not there");

    enum { MANY = 3000 };
    static struct jd_redis_change many[MANY];
    static char names[MANY][16];
    for (int i = 0; i < MANY; i++) {
        (void)snprintf(names[i], sizeof names[i], "f%d", i);
        many[i] = set("jd:{g/0}:many", names[i], "v");
    }
    pairs = (struct pairs){.count = 0};
    CHECK(jd_redis_watch(a, meta, collect, &pairs, &err) == JD_REDIS_OK &&
              jd_redis_exec(a, many, MANY, &err) == JD_REDIS_OK,
          "%d fields of one hash", MANY);
    pairs = (struct pairs){.count = 0};
    CHECK(jd_redis_load(a, &JD_STR("jd:{g/0}:many"), 1, collect, &pairs, &err) == JD_REDIS_OK &&
              pairs.count == MANY,
          "are there: %u", (unsigned)pairs.count);

    (void)cli("plain", "SET 'jd:{g/0}:02' text");
    const struct jd_redis_change wrong[] = {set("jd:{g/0}:02", "f", "v")};
    CHECK(jd_redis_watch(a, meta, collect, &pairs, &err) == JD_REDIS_OK &&
              jd_redis_exec(a, wrong, 1, &err) == JD_REDIS_REFUSED,
          "a key of another type: %s", err.text);
    jd_time now = 0;
    CHECK(jd_redis_time(a, &now, &err) == JD_REDIS_OK && llabs((long long)(now - jd_clock_wall())) < 1000,
          "TIME is ours");
    (void)cli("plain", "CONFIG SET maxmemory-policy allkeys-lru");
    CHECK(jd_redis_check(a, &err) == JD_REDIS_REFUSED && err.code == JD_EXIT_CONFIG, "evicting: %s",
          err.text);
    (void)cli("plain", "CONFIG SET maxmemory-policy volatile-lru");
    CHECK(jd_redis_check(a, &err) == JD_REDIS_OK, "volatile-lru is fine");
    (void)cli("plain", "REPLICAOF 127.0.0.1 1");
    CHECK(jd_redis_check(a, &err) == JD_REDIS_REFUSED, "a replica: %s", err.text);
    jd_redis_close(a);
    jd_redis_close(b);
}

static void losses(pid_t server)
{
    struct jd_redis *a = open_socket("lost");
    struct pairs pairs = {.count = 0};
    const struct jd_redis_change change[] = {set("jd:{g/0}:00", "f", "v")};
    CHECK(check_until(a, JD_REDIS_OK) == JD_REDIS_OK &&
              jd_redis_watch(a, JD_STR("jd:{g/0}:meta"), collect, &pairs, &err) == JD_REDIS_OK,
          "watching");
    stop(server);
    enum jd_redis_status status = jd_redis_exec(a, change, 1, &err);
    CHECK(status == JD_REDIS_UNAVAILABLE, "the server died: %s", err.text);
    CHECK(jd_redis_exec(a, change, 1, &err) == JD_REDIS_CONFLICT, "the watch is gone with it: %s", err.text);
    CHECK(jd_redis_load(a, &JD_STR("jd:{g/0}:00"), 1, collect, &pairs, &err) == JD_REDIS_UNAVAILABLE,
          "away: %s", err.text);
    const char *const none[] = {NULL};
    server = start("lost", "0", none);
    CHECK(check_until(a, JD_REDIS_OK) == JD_REDIS_OK, "a new server is found again");
    pairs = (struct pairs){.count = 0};
    CHECK(jd_redis_watch(a, JD_STR("jd:{g/0}:meta"), collect, &pairs, &err) == JD_REDIS_OK &&
              pairs.count == 0,
          "wiped: no meta");
    CHECK(jd_redis_exec(a, change, 1, &err) == JD_REDIS_OK, "and it can be written");
    CHECK(jd_redis_watch(a, JD_STR("jd:{g/0}:meta"), collect, &pairs, &err) == JD_REDIS_OK, "watch");
    (void)cli("lost", "CLIENT KILL TYPE normal");
    status = jd_redis_exec(a, change, 1, &err);
    CHECK(status == JD_REDIS_UNAVAILABLE && strcmp(text_at(a, "jd:{g/0}:00"), "0:f=v ") == 0,
          "a connection that was cut: %s; the next call has a new one at once", err.text);
    (void)cli("lost", "CONFIG SET maxmemory 1");
    CHECK(jd_redis_watch(a, JD_STR("jd:{g/0}:meta"), collect, &pairs, &err) == JD_REDIS_OK &&
              jd_redis_exec(a, change, 1, &err) == JD_REDIS_REFUSED && strstr(err.text, "full") != NULL,
          "full: %s", err.text);
    (void)cli("lost", "CONFIG SET maxmemory 0");
    (void)kill(server, SIGSTOP);
    status = jd_redis_load(a, &JD_STR("jd:{g/0}:00"), 1, collect, &pairs, &err);
    CHECK(status == JD_REDIS_UNAVAILABLE, "one that hangs: %s", err.text);
    (void)kill(server, SIGCONT);
    CHECK(check_until(a, JD_REDIS_OK) == JD_REDIS_OK, "and goes on");
    jd_redis_close(a);
    stop(server);
}

static void passwords(void)
{
    char url[160];
    (void)snprintf(url, sizeof url, "unix:%s/secret", dir);
    struct jd_redis *right = open_at(url, "journeyd", "pass"), *wrong = open_at(url, "journeyd", "other"),
                    *none = open_at(url, NULL, NULL), *poor = open_at(url, "poor", "pass");
    struct pairs pairs = {.count = 0};
    CHECK(check_until(right, JD_REDIS_OK) == JD_REDIS_OK, "user and password: %s", err.text);
    CHECK(jd_redis_check(wrong, &err) == JD_REDIS_REFUSED && strstr(err.text, "other") == NULL,
          "a wrong one: %s", err.text);
    CHECK(jd_redis_check(none, &err) == JD_REDIS_REFUSED, "none: %s", err.text);
    CHECK(jd_redis_watch(poor, JD_STR("jd:{g/0}:meta"), collect, &pairs, &err) == JD_REDIS_REFUSED,
          "no right: %s", err.text);
    const struct jd_redis_change change[] = {set("jd:{g/0}:00", "f", "v")},
                                 other[] = {set("other", "f", "v")};
    CHECK(jd_redis_watch(right, JD_STR("jd:{g/0}:meta"), collect, &pairs, &err) == JD_REDIS_OK &&
              jd_redis_exec(right, change, 1, &err) == JD_REDIS_OK,
          "the documented rights are enough");
    CHECK(jd_redis_watch(right, JD_STR("jd:{g/0}:meta"), collect, &pairs, &err) == JD_REDIS_OK &&
              jd_redis_exec(right, other, 1, &err) == JD_REDIS_REFUSED,
          "a key that is not ours: %s", err.text);
    jd_time now;
    CHECK(jd_redis_time(right, &now, &err) == JD_REDIS_OK, "TIME too");
    jd_redis_close(right);
    jd_redis_close(wrong);
    jd_redis_close(none);
    jd_redis_close(poor);
}

/* Ports below those that services.sh and outgoing connections take. */
static void cluster(void)
{
    char command[256], url[64], ports[4][12]; /* of a, of b; of the cluster's bus of both */
    for (int i = 0; i < 4; i++)
        (void)snprintf(ports[i], sizeof ports[i], "%d", 10000 + (int)(getpid() % 1000) * 4 + i);
    const char *port_a = ports[0], *port_b = ports[1];
    const char *settings[] = {
        "--cluster-enabled", "yes", "--cluster-node-timeout", "2000", "--cluster-port", ports[2], NULL};
    pid_t a = start("ca", port_a, settings);
    settings[5] = ports[3];
    pid_t b = start("cb", port_b, settings);
    for (int i = 0; i < 100 && cli("ca", "PING") + cli("cb", "PING") != 0; i++)
        pause_ms(50);
    (void)cli("ca", "CLUSTER ADDSLOTSRANGE 0 8191");
    (void)cli("cb", "CLUSTER ADDSLOTSRANGE 8192 16383");
    (void)snprintf(command, sizeof command, "CLUSTER MEET 127.0.0.1 %s %s", port_b, ports[3]);
    (void)cli("ca", command);
    (void)snprintf(command, sizeof command, "redis-cli -s %s/ca CLUSTER INFO | grep -q cluster_state:ok",
                   dir);
    for (int i = 0; i < 200 && system(command) != 0; i++)
        pause_ms(50);
    (void)snprintf(command, sizeof command, "redis-cli -s %s/cb CLUSTER INFO | grep -q cluster_state:ok",
                   dir);
    for (int i = 0; i < 200 && system(command) != 0; i++)
        pause_ms(50);
    (void)snprintf(url, sizeof url, "redis://127.0.0.1:%s", port_a);
    struct jd_redis *redis = open_at(url, NULL, NULL);
    CHECK(check_until(redis, JD_REDIS_OK) == JD_REDIS_OK, "a cluster of two: %s", err.text);
    /* Slots by CLUSTER KEYSLOT: {g/0} 14187, {g/1} 10058, {g/2} 5929, {g/3} 1800. */
    uint32_t written = 0;
    for (int p = 0; p < 4; p++) {
        char meta[32], bucket[32];
        struct pairs pairs = {.count = 0};
        (void)snprintf(meta, sizeof meta, "jd:{g/%d}:meta", p);
        (void)snprintf(bucket, sizeof bucket, "jd:{g/%d}:00", p);
        const struct jd_redis_change change[] = {set(bucket, "f", "v"), set(meta, "rev", "1")};
        written += jd_redis_watch(redis, (struct jd_str){meta, (uint32_t)strlen(meta)}, collect, &pairs,
                                  &err) == JD_REDIS_OK &&
                   jd_redis_exec(redis, change, 2, &err) == JD_REDIS_OK &&
                   strcmp(text_at(redis, bucket), "0:f=v ") == 0;
    }
    CHECK(written == 4, "four shards, wherever their slots are: %u", (unsigned)written);
    CHECK(cli("ca", "EXISTS 'jd:{g/3}:00' | grep -q 1") == 0 &&
              cli("cb", "EXISTS 'jd:{g/0}:00' | grep -q 1") == 0,
          "each on its node");
    jd_redis_close(redis);
    stop(a);
    stop(b);
}

void test_redis(const char *url, const char *socket_path)
{
    addresses();
    if (url != NULL) {
        struct jd_redis *redis = open_at(url, NULL, NULL);
        CHECK(redis != NULL && jd_redis_check(redis, &err) == JD_REDIS_OK, "the server at REDIS: %s", url);
        jd_redis_close(redis);
    }
    (void)socket_path;
    if (system("command -v redis-server redis-cli >/dev/null") != 0) {
        SKIP("redis: no redis-server and redis-cli to start servers of our own");
        return;
    }
    if (mkdtemp(dir) == NULL)
        return;
    const char *const none[] = {NULL};
    const char *const acl[] = {
        "--user", "default", "off",      "--user", "journeyd", "on",    ">pass", "~jd:*", "resetchannels",
        "-@all",  "+watch",  "+unwatch", "+multi", "+exec",    "+hset", "+hdel", "+hget", "+hgetall",
        "+del",   "+info",   "+time",    "+ping",  "--user",   "poor",  "on",    ">pass", "~*",
        "-@all",  "+info",   NULL};
    pid_t plain = start("plain", "0", none), lost = start("lost", "0", none),
          secret = start("secret", "0", acl);
    exchange();
    losses(lost);
    passwords();
    stop(plain);
    stop(secret);
    cluster();
    char clean[64];
    (void)snprintf(clean, sizeof clean, "rm -rf %s", dir);
    CHECK(system(clean) == 0, "clean up");
}

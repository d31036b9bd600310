/* adapters/registry.h against a registry that misbehaves on purpose, and against a real one where REGISTRY
 * names it. */
#include "tap.h"

#include "adapters/clock.h"
#include "adapters/registry.h"
#include "adapters/wake.h"
#include "base/str.h"
#include "socket.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SCHEMA "{\"type\":\"record\",\"name\":\"R\",\"fields\":[]}"
#define SCHEMA_QUOTED "\"{\\\"type\\\":\\\"record\\\",\\\"name\\\":\\\"R\\\",\\\"fields\\\":[]}\""

/* ---- the misbehaving registry: base path /apis/ccompat/v7 ---- */

static struct {
    int fd;
    pthread_t thread;
    atomic_int requests, failures_left;
} stub;

static void reply(int peer, const char *status, const char *body)
{
    char head[256];
    size_t size = strlen(body);
    int used = snprintf(head, sizeof head, "HTTP/1.1 %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n",
                        status, size);
    (void)send(peer, head, (size_t)used, MSG_NOSIGNAL);
    (void)send(peer, body, size, MSG_NOSIGNAL);
}

static bool asks(const char *request, const char *what)
{
    return strncmp(request, what, strlen(what)) == 0;
}

#define BASE "/apis/ccompat/v7"
static void serve(int peer, const char *request)
{
    static char huge[6 << 20];
    if (asks(request, "GET " BASE "/schemas/ids/1 "))
        reply(peer, "200 OK", "{\"schema\":" SCHEMA_QUOTED "}");
    else if (asks(request, "GET " BASE "/schemas/ids/2 "))
        reply(peer, "404 Not Found", "{\"error_code\":40403,\"message\":\"Schema not found\"}");
    else if (asks(request, "GET " BASE "/schemas/ids/3 "))
        reply(peer, "404 Not Found", "<html>a proxy's page</html>");
    else if (asks(request, "GET " BASE "/schemas/ids/4 "))
        reply(peer, "200 OK", "{\"schemaType\":\"PROTOBUF\",\"schema\":\"syntax\"}");
    else if (asks(request, "GET " BASE "/schemas/ids/5 ") && atomic_fetch_sub(&stub.failures_left, 1) > 0)
        reply(peer, "503 Service Unavailable", "{\"error_code\":40403}");
    else if (asks(request, "GET " BASE "/schemas/ids/5 "))
        reply(peer, "200 OK", "{\"schemaType\":\"AVRO\",\"schema\":" SCHEMA_QUOTED "}");
    else if (asks(request, "GET " BASE "/schemas/ids/6 ")) {
        memset(huge, ' ', sizeof huge - 1);
        reply(peer, "200 OK", huge);
    } else if (asks(request, "GET " BASE "/schemas/ids/7 "))
        reply(peer, "200 OK", "{\"schema\":\"{}\",\"references\":[{\"name\":\"x\"}]}");
    else if (asks(request, "GET " BASE "/subjects "))
        reply(peer, "200 OK", "[]");
    else if (asks(request, "POST " BASE "/subjects/a%2Fb-value/versions "))
        reply(peer, "200 OK", "{\"id\":70}");
    else if (asks(request, "POST " BASE "/subjects/bad-value/versions "))
        reply(peer, "409 Conflict", "{\"error_code\":409,\"message\":\"incompatible\"}");
    else
        reply(peer, "404 Not Found", "{\"error_code\":404,\"message\":\"nothing here\"}");
}

static void *run_stub(void *context)
{
    (void)context;
    for (int peer; (peer = accept(stub.fd, NULL, NULL)) >= 0; (void)close(peer)) {
        char request[4096];
        ssize_t size = recv(peer, request, sizeof request - 1, 0);
        request[size > 0 ? size : 0] = '\0';
        atomic_fetch_add(&stub.requests, 1);
        serve(peer, request);
        (void)shutdown(peer, SHUT_WR);
        while (recv(peer, request, sizeof request, 0) > 0)
            continue;
    }
    return NULL;
}

static void start_stub(int *port)
{
    stub.fd = listen_on(port);
    (void)pthread_create(&stub.thread, NULL, run_stub, NULL);
}

static void stop_stub(void)
{
    (void)shutdown(stub.fd, SHUT_RDWR);
    (void)pthread_join(stub.thread, NULL);
    (void)close(stub.fd);
}

/* ---- tests ---- */

static enum jd_schema_state settled(struct jd_registry *registry, uint32_t id, struct jd_str *schema,
                                    int64_t ms)
{
    int64_t until = jd_clock_mono() + ms;
    enum jd_schema_state state;
    while ((state = jd_registry_schema(registry, id, schema)) == JD_SCHEMA_PENDING && jd_clock_mono() < until)
        (void)nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    return state;
}

static void answers(struct jd_registry *registry, int bell, int *port)
{
    struct jd_error err;
    struct jd_str schema = {NULL, 0};
    uint32_t id = 0;
    CHECK(jd_registry_schema(registry, 1, &schema) == JD_SCHEMA_PENDING, "a new id is pending");
    (void)nanosleep(&(struct timespec){.tv_nsec = 300000000}, NULL);
    CHECK(jd_registry_schema(registry, 1, &schema) == JD_SCHEMA_PENDING && !jd_registry_is_up(registry),
          "and stays so while the registry is down");
    CHECK(!jd_registry_reach(registry, 300, &err) && err.code == JD_EXIT_UNAVAILABLE, "down: %s", err.text);
    CHECK(!jd_registry_register(registry, "a/b-value", JD_STR(SCHEMA), &id, &err) &&
              err.code == JD_EXIT_UNAVAILABLE,
          "nothing can be registered: %s", err.text);
    start_stub(port);
    CHECK(jd_wake_wait(bell, 10000), "when it is up the bell rings");
    CHECK(jd_registry_schema(registry, 1, &schema) == JD_SCHEMA_KNOWN && jd_str_eq(schema, JD_STR(SCHEMA)) &&
              jd_registry_is_up(registry),
          "and the schema is there: " JD_STR_FMT, JD_STR_ARG(schema));
    CHECK(jd_registry_reach(registry, 1000, &err), "it answers");
    atomic_store(&stub.requests, 0);
    CHECK(jd_registry_schema(registry, 1, &schema) == JD_SCHEMA_KNOWN && atomic_load(&stub.requests) == 0,
          "never asked twice");
    CHECK(settled(registry, 2, &schema, 5000) == JD_SCHEMA_UNKNOWN, "its own 404: there is no such id");
    CHECK(jd_registry_schema(registry, 2, &schema) == JD_SCHEMA_UNKNOWN && atomic_load(&stub.requests) == 1,
          "which is remembered for a while");
    CHECK(settled(registry, 4, &schema, 5000) == JD_SCHEMA_UNKNOWN, "not Avro");
    CHECK(settled(registry, 6, &schema, 5000) == JD_SCHEMA_UNKNOWN, "larger than any schema");
    CHECK(settled(registry, 7, &schema, 5000) == JD_SCHEMA_UNKNOWN, "refers to other schemas");
    CHECK(settled(registry, 3, &schema, 700) == JD_SCHEMA_PENDING, "another server's 404 means nothing");
    atomic_store(&stub.failures_left, 2);
    CHECK(settled(registry, 5, &schema, 9000) == JD_SCHEMA_KNOWN && atomic_load(&stub.failures_left) == -1,
          "two 503s, then an answer, though another id never settles");
    CHECK(jd_registry_register(registry, "a/b-value", JD_STR(SCHEMA), &id, &err) && id == 70, "register: %u",
          (unsigned)id);
    atomic_store(&stub.requests, 0);
    CHECK(jd_registry_schema(registry, 70, &schema) == JD_SCHEMA_KNOWN && jd_str_eq(schema, JD_STR(SCHEMA)),
          "what we registered is known");
    CHECK(!jd_registry_register(registry, "bad-value", JD_STR(SCHEMA), &id, &err) &&
              err.code == JD_EXIT_CONFIG && strstr(err.text, "incompatible") != NULL,
          "refused: %s", err.text);
    uint32_t pending = 0;
    for (uint32_t i = 1000; i < 11000; i++)
        pending += jd_registry_schema(registry, i, &schema) == JD_SCHEMA_PENDING;
    CHECK(pending == 10000, "ten thousand invented ids wait, in bounded memory");
}

static void real_one(const char *url)
{
    struct jd_error err;
    struct jd_str schema = {NULL, 0};
    uint32_t id = 0, again = 0;
    char subject[64], name[128], bare[256];
    const struct jd_registry_config config = {.url = url};
    struct jd_registry *registry = jd_registry_open(&config, &err);
    CHECK(registry != NULL && jd_registry_reach(registry, 30000, &err), "the registry at %s", url);
    (void)snprintf(subject, sizeof subject, "jdt%lld-value", (long long)jd_clock_wall());
    int size = snprintf(name, sizeof name, "{\"type\":\"record\",\"name\":\"T%lld\",\"fields\":[]}",
                        (long long)jd_clock_wall());
    const struct jd_str text = {name, (uint32_t)size};
    CHECK(jd_registry_register(registry, subject, text, &id, &err) &&
              jd_registry_register(registry, subject, text, &again, &err) && id == again,
          "registering twice gives one id: %u %u", (unsigned)id, (unsigned)again);
    jd_registry_close(registry);
    registry = jd_registry_open(&config, &err);
    CHECK(settled(registry, id, &schema, 5000) == JD_SCHEMA_KNOWN && strstr(schema.ptr, "\"fields\"") != NULL,
          "fetch it: " JD_STR_FMT, JD_STR_ARG(schema));
    CHECK(settled(registry, 4000000, &schema, 5000) == JD_SCHEMA_UNKNOWN,
          "an id that it does not have is unknown");
    jd_registry_close(registry);
    (void)snprintf(bare, sizeof bare, "%.*s", (int)strcspn(url + 7, "/") + 7, url);
    const struct jd_registry_config wrong = {.url = bare};
    if (strlen(bare) == strlen(url))
        return;
    registry = jd_registry_open(&wrong, &err);
    CHECK(!jd_registry_reach(registry, 1000, &err) && err.code == JD_EXIT_CONFIG, "without its path: %s",
          err.text);
    jd_registry_close(registry);
}

void test_registry(const char *url)
{
    struct jd_error err;
    static const char *const bad[] = {"registry:8081", "http://",      "http:///x",
                                      "http://u:p@h",  "http://h?x=1", "ftp://h"};
    for (size_t i = 0; i < JD_COUNT(bad); i++)
        CHECK(jd_registry_open(&(struct jd_registry_config){.url = bad[i]}, &err) == NULL &&
                  err.code == JD_EXIT_CONFIG,
              "%s: %s", bad[i], err.text);
    int port = free_port(), bell;
    char base[64];
    (void)snprintf(base, sizeof base, "http://127.0.0.1:%d" BASE "/", port);
    const struct jd_registry_config config = {.url = base, .user = "u", .password = "p"};
    struct jd_registry *registry = jd_registry_open(&config, &err);
    CHECK(registry != NULL && jd_wake_open(&bell, &err), "open with a path and a trailing slash");
    if (registry == NULL)
        return;
    jd_registry_bell(registry, bell);
    answers(registry, bell, &port);
    jd_registry_close(registry);
    stop_stub();
    jd_wake_close(&bell);
    if (url != NULL)
        real_one(url);
    else
        SKIP("registry: REGISTRY=url names no real one");
}

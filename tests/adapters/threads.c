/* Several workers count, log and ask for schemas while one scrapes: what `make tsan` looks at. */
#include "tap.h"

#include "adapters/http.h"
#include "adapters/registry.h"
#include "base/log.h"
#include "base/metrics.h"
#include "socket.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

enum { WORKERS = 4, ROUNDS = 20000 };

static struct {
    struct jd_metrics *metrics;
    struct jd_registry *registry; /* nobody listens there */
    atomic_int working;
} world;

static void metrics(void *context, struct jd_buf *out)
{
    (void)context;
    jd_metrics_render(world.metrics, out);
}

static bool yes(void *context)
{
    (void)context;
    return true;
}

static bool is_ready(void *context, struct jd_buf *out)
{
    (void)context;
    (void)out;
    return jd_registry_is_up(world.registry);
}

static void *work(void *context)
{
    struct jd_metrics_slot *slot = context;
    for (int i = 0; i < ROUNDS; i++) {
        char partition[16];
        struct jd_str schema;
        int size = snprintf(partition, sizeof partition, "%d", i % 700);
        jd_metric_add(slot, JD_METRIC_APPLIED, 1);
        jd_metric_observe(slot, JD_METRIC_BATCH_SECONDS, i);
        jd_metric_add_for(slot, JD_METRIC_ALERTS, (struct jd_str){partition, (uint32_t)size}, JD_STR("open"),
                          1);
        if (i % 100 == 0) {
            jd_log(JD_LOG_DEAD_LETTER, jd_num("i", i));
            (void)jd_registry_schema(world.registry, (uint32_t)i, &schema);
        }
    }
    atomic_fetch_sub(&world.working, 1);
    return NULL;
}

void test_threads(void)
{
    struct jd_error err;
    char url[64], request[128], answer[200];
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    jd_log_setup(JD_LOG_JSON, JD_LOG_INFO, null);
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%d", free_port());
    world.registry = jd_registry_open(&(struct jd_registry_config){.url = url}, &err);
    world.metrics = jd_metrics_new(WORKERS);
    const struct jd_http_source source = {NULL, metrics, yes, is_ready};
    struct jd_http *http = jd_http_start("127.0.0.1:0", &source, &err);
    pthread_t threads[WORKERS];
    uint64_t before = jd_log_count(JD_LOG_DEAD_LETTER);
    atomic_store(&world.working, WORKERS);
    for (uint32_t i = 0; i < WORKERS; i++)
        (void)pthread_create(&threads[i], NULL, work, jd_metrics_slot(world.metrics, i));
    int scrapes = 0;
    while (atomic_load(&world.working) > 0 || scrapes < 3) {
        (void)snprintf(request, sizeof request,
                       "GET %s HTTP/1.1\r\nHost: localhost:%d\r\nConnection: close\r\n\r\n",
                       scrapes % 2 == 0 ? "/metrics" : "/readyz", jd_http_port(http));
        exchange_with(jd_http_port(http), request, answer, sizeof answer);
        scrapes++;
    }
    for (uint32_t i = 0; i < WORKERS; i++)
        (void)pthread_join(threads[i], NULL);
    CHECK(jd_metrics_sum(world.metrics, JD_METRIC_APPLIED) == WORKERS * ROUNDS &&
              jd_metrics_sum(world.metrics, JD_METRIC_ALERTS) == WORKERS * ROUNDS,
          "%d workers counted %d each beside %d scrapes", WORKERS, ROUNDS, scrapes);
    CHECK(jd_log_count(JD_LOG_DEAD_LETTER) - before == WORKERS * ROUNDS / 100, "and logged");
    jd_http_stop(http);
    jd_registry_close(world.registry);
    jd_metrics_free(world.metrics);
    jd_log_setup(JD_LOG_LOGFMT, JD_LOG_INFO, STDERR_FILENO);
    (void)close(null);
}

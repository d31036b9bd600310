/* adapters/http.h and base/metrics.h, as a scraper and as a hostile web page see them. */
#include "tap.h"

#include "adapters/http.h"
#include "base/metrics.h"
#include "socket.h"

#include <stdlib.h>
#include <string.h>

static struct {
    struct jd_metrics *metrics;
    bool is_alive;
    const char *reasons; /* NULL: ready */
} world;

static void metrics(void *context, struct jd_buf *out)
{
    (void)context;
    jd_metrics_render(world.metrics, out);
}

static bool alive(void *context)
{
    (void)context;
    return world.is_alive;
}

static bool ready(void *context, struct jd_buf *out)
{
    (void)context;
    if (world.reasons != NULL)
        jd_buf_text(out, world.reasons);
    return world.reasons == NULL;
}

static char answer[1 << 20];

static const char *get(int port, const char *method, const char *path, const char *host)
{
    char request[20000];
    (void)snprintf(request, sizeof request, "%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", method,
                   path, host);
    exchange_with(port, request, answer, sizeof answer);
    return answer;
}

static const char *body(void)
{
    const char *at = strstr(answer, "\r\n\r\n");
    return at == NULL ? "" : at + 4;
}

static bool is_status(const char *status)
{
    return strncmp(answer, "HTTP/1.1 ", 9) == 0 && strncmp(answer + 9, status, 3) == 0;
}

static bool has_line(const char *line)
{
    char wanted[256];
    (void)snprintf(wanted, sizeof wanted, "\n%s\n", line);
    return strstr(answer, wanted) != NULL;
}

static void counts(int port, const char *host)
{
    struct jd_metrics_slot *one = jd_metrics_slot(world.metrics, 0), *two = jd_metrics_slot(world.metrics, 1);
    const struct jd_str none = {NULL, 0};
    jd_metric_add(one, JD_METRIC_APPLIED, 3);
    jd_metric_add(two, JD_METRIC_APPLIED, 4);
    jd_metric_add_for(one, JD_METRIC_DEAD_LETTERED, JD_STR("malformed"), none, 1);
    jd_metric_add_for(two, JD_METRIC_DEAD_LETTERED, JD_STR("malformed"), none, 2);
    jd_metric_add_for(two, JD_METRIC_ALERTS, JD_STR("a\"b\\c"), JD_STR("open"), 5);
    jd_metric_set_for(one, JD_METRIC_LAG, JD_STR("events"), JD_STR("0"), 9);
    jd_metric_set_for(one, JD_METRIC_LAG, JD_STR("events"), JD_STR("1"), 8);
    jd_metric_drop_for(one, JD_METRIC_LAG, JD_STR("events"), JD_STR("1"));
    jd_metric_observe(one, JD_METRIC_COMMIT_SECONDS, 500);
    jd_metric_observe(one, JD_METRIC_COMMIT_SECONDS, 501);
    jd_metric_observe(two, JD_METRIC_COMMIT_SECONDS, 60000000);
    (void)get(port, "GET", "/metrics", host);
    CHECK(is_status("200") && strstr(answer, "text/plain; version=0.0.4") != NULL, "GET /metrics: %.12s",
          answer);
    CHECK(has_line("journeyd_records_applied_total 7"), "a counter is the sum over the slots");
    CHECK(has_line("journeyd_records_dead_lettered_total{reason=\"malformed\"} 3"),
          "labels are merged over the slots");
    CHECK(has_line("journeyd_alert_records_total{rule=\"a\\\"b\\\\c\",status=\"open\"} 5"), "and escaped");
    CHECK(has_line("journeyd_lag_records{topic=\"events\",partition=\"0\"} 9") &&
              strstr(answer, "partition=\"1\"") == NULL,
          "a dropped value leaves the output");
    CHECK(has_line("journeyd_commit_seconds_bucket{le=\"0.000500\"} 1") &&
              has_line("journeyd_commit_seconds_bucket{le=\"0.001000\"} 2") &&
              has_line("journeyd_commit_seconds_bucket{le=\"10.000000\"} 2") &&
              has_line("journeyd_commit_seconds_bucket{le=\"+Inf\"} 3") &&
              has_line("journeyd_commit_seconds_sum 60.001001") &&
              has_line("journeyd_commit_seconds_count 3"),
          "a histogram's bounds are inclusive and cumulative");
    for (int i = 0; i < 3000; i++) {
        char rule[16];
        int size = snprintf(rule, sizeof rule, "rule-%d", i);
        jd_metric_add_for(one, JD_METRIC_ALERTS, (struct jd_str){rule, (uint32_t)size}, JD_STR("open"), 1);
    }
    CHECK(jd_metrics_sum(world.metrics, JD_METRIC_ALERTS) == 3005,
          "more labels than cells: nothing is lost, %lld",
          (long long)jd_metrics_sum(world.metrics, JD_METRIC_ALERTS));
    (void)get(port, "GET", "/metrics", host);
    CHECK(strstr(answer, "{rule=\"other\",status=\"other\"}") != NULL, "the rest is counted as other");
}

void test_http(void)
{
    struct jd_error err;
    struct jd_http_source source = {NULL, metrics, alive, ready};
    world.metrics = jd_metrics_new(2);
    world.is_alive = true;
    static const char *const bad[] = {
        "0.0.0.0:9464", "192.0.2.1:1", "9464", "127.0.0.1:", "127.0.0.1:70000", "[::]:1", "127.0.0.1:1x"};
    for (size_t i = 0; i < JD_COUNT(bad); i++)
        CHECK(jd_http_start(bad[i], &source, &err) == NULL && err.code == JD_EXIT_CONFIG, "%s: %s", bad[i],
              err.text);
    struct jd_http *http = jd_http_start("127.0.0.1:0", &source, &err);
    CHECK(http != NULL, "start");
    if (http == NULL)
        return;
    int port = jd_http_port(http);
    char host[64], taken[64];
    (void)snprintf(host, sizeof host, "127.0.0.1:%d", port);
    (void)snprintf(taken, sizeof taken, "localhost:%d", port);
    CHECK(jd_http_start(taken, &source, &err) == NULL && err.code == JD_EXIT_UNAVAILABLE, "a port in use: %s",
          err.text);
    counts(port, host);
    (void)get(port, "GET", "/healthz", taken);
    CHECK(is_status("200") && strcmp(body(), "ok\n") == 0, "GET /healthz by the name localhost");
    world.is_alive = false;
    (void)get(port, "GET", "/healthz", host);
    CHECK(is_status("503"), "not alive");
    (void)get(port, "GET", "/readyz", host);
    CHECK(is_status("200") && strcmp(body(), "{\"ready\":true}\n") == 0, "ready: %s", body());
    world.reasons = "no policy is published\nKafka \"away\"\n";
    (void)get(port, "GET", "/readyz", host);
    CHECK(is_status("503") &&
              strcmp(body(),
                     "{\"ready\":false,\"reasons\":[\"no policy is published\",\"Kafka \\\"away\\\"\"]}\n") ==
                  0,
          "not ready: %s", body());
    world.reasons = "";
    (void)get(port, "GET", "/readyz", host);
    CHECK(strcmp(body(), "{\"ready\":false,\"reasons\":[]}\n") == 0, "no reason given: %s", body());
    static const char *const strangers[] = {"evil.example", "127.0.0.1", "127.0.0.1:1", "evil.example:9464",
                                            ""};
    for (size_t i = 0; i < JD_COUNT(strangers); i++) {
        (void)get(port, "GET", "/metrics", strangers[i]);
        CHECK(is_status("403"), "Host \"%s\" is refused", strangers[i]);
    }
    (void)get(port, "GET", "/", host);
    CHECK(is_status("404"), "another path");
    (void)get(port, "POST", "/metrics", host);
    CHECK(is_status("405"), "another method");
    static char long_host[17000];
    memset(long_host, 'x', sizeof long_host - 1);
    (void)get(port, "GET", "/metrics", long_host);
    CHECK(!is_status("200"), "headers without end: %.12s", answer);
    (void)get(port, "GET", "/healthz", host);
    CHECK(is_status("503"), "and it still serves");
    jd_http_stop(http);
    jd_metrics_free(world.metrics);
}

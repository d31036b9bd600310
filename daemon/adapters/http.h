/* The window into a running daemon: GET /metrics, /healthz, /readyz, on loopback.
 *
 *   /metrics  200, Prometheus text                        what `metrics` writes
 *   /healthz  200 "ok" | 503                              what `alive` says
 *   /readyz   200 {"ready":true} | 503 {"ready":false,"reasons":["…"]}
 *
 * Read only. A request is refused (403) unless its Host is a loopback name with our port: a web page that
 * resolves its own name to 127.0.0.1 gets nothing. Any other path is 404, any other method 405. At most 16
 * connections, 8 KiB of headers, 10 s of silence. One thread of its own, which runs the callbacks: they
 * must be safe beside the workers and not block. */
#ifndef JOURNEYD_ADAPTERS_HTTP_H
#define JOURNEYD_ADAPTERS_HTTP_H

#include "base/buf.h"
#include "base/error.h"

struct jd_http;

struct jd_http_source {
    void *context;
    void (*metrics)(void *context, struct jd_buf *out);
    bool (*alive)(void *context);
    /* True: ready. False: not, and `out` holds the reasons, one a line, without ids of persons. */
    bool (*ready)(void *context, struct jd_buf *out);
};

/* Listens at `address`, "127.0.0.1:9464", "[::1]:9464" or "localhost:9464"; port 0 takes a free one. Any
 * other host is refused with JD_EXIT_CONFIG, a port in use with JD_EXIT_UNAVAILABLE. NULL on error. */
struct jd_http *jd_http_start(const char *address, const struct jd_http_source *source, struct jd_error *err);
int jd_http_port(const struct jd_http *http); /* the port that it listens at */
void jd_http_stop(struct jd_http *http);      /* waits for the thread; accepts NULL */

#endif

/* libmicrohttpd behind http.h: one thread of its own, three paths. */
#include "adapters/http.h"

#include "base/alloc.h"
#include "base/log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum {
    CONNECTIONS_MAX = 16,
    CONNECTION_MEMORY = 8 << 10, /* bytes a connection: bounds a request's headers */
    SILENCE_S = 10,
    RESPONSE_MAX = 64 << 20, /* bytes of one answer, as a buffer that doubles; 1,024 cells are some 100 kB */
};

struct jd_http {
    struct jd_http_source source;
    struct MHD_Daemon *daemon;
    int port;
    struct jd_arena arena; /* the serving thread's, one answer at a time */
};

/* ---- the address ---- */

/* "127.0.0.1:9464", "[::1]:9464", "localhost:9464". */
static bool parse_address(const char *address, struct sockaddr_storage *out, struct jd_error *err)
{
    const char *colon = strrchr(address, ':');
    char *end = NULL;
    long port = colon == NULL ? -1 : strtol(colon + 1, &end, 10);
    if (colon == NULL || end == colon + 1 || *end != '\0' || port < 0 || port > 65535)
        return jd_error_set(err, JD_EXIT_CONFIG, "http: \"%s\" is not host:port", address);
    size_t size = (size_t)(colon - address);
    memset(out, 0, sizeof *out);
    if ((size == 9 &&
         (strncmp(address, "127.0.0.1", size) == 0 || strncmp(address, "localhost", size) == 0))) {
        struct sockaddr_in *v4 = (struct sockaddr_in *)out;
        v4->sin_family = AF_INET;
        v4->sin_port = htons((uint16_t)port);
        v4->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        return true;
    }
    if (size == 5 && strncmp(address, "[::1]", size) == 0) {
        struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons((uint16_t)port);
        v6->sin6_addr = in6addr_loopback;
        return true;
    }
    return jd_error_set(
        err, JD_EXIT_CONFIG,
        "http: \"%s\" is not on loopback; listen at 127.0.0.1, [::1] or localhost and put a proxy "
        "with authentication before it",
        address);
}

/* A name of this machine's loopback, with our port: what a browser sends when no page has led it here. */
static bool is_own_host(const struct jd_http *http, const char *host)
{
    static const char *const names[] = {"127.0.0.1", "localhost", "[::1]"};
    char wanted[64];
    for (size_t i = 0; host != NULL && i < JD_COUNT(names); i++) {
        (void)snprintf(wanted, sizeof wanted, "%s:%d", names[i], http->port);
        if (strcasecmp(host, wanted) == 0 || (http->port == 80 && strcasecmp(host, names[i]) == 0))
            return true;
    }
    return false;
}

/* ---- answers ---- */

static enum MHD_Result answer(struct MHD_Connection *connection, unsigned status, const char *type,
                              struct jd_str body)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(
        body.size, (void *)(uintptr_t)body.ptr, MHD_RESPMEM_MUST_COPY); /* copied, so never written */
    if (response == NULL)
        return MHD_NO;
    enum MHD_Result is_ok = MHD_add_response_header(response, "Content-Type", type);
    is_ok = is_ok && MHD_add_response_header(response, "Cache-Control", "no-store");
    is_ok = is_ok && MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
        is_ok = is_ok && MHD_add_response_header(response, "Allow", "GET, HEAD");
    is_ok = is_ok && MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return is_ok;
}

static enum MHD_Result answer_text(struct MHD_Connection *connection, unsigned status, const char *text)
{
    return answer(connection, status, "text/plain; charset=utf-8", jd_str_of(text));
}

/* The reasons, one a line, as a JSON array of strings. */
static void write_reasons(struct jd_str lines, struct jd_buf *out)
{
    bool is_open = false;
    jd_buf_text(out, "{\"ready\":false,\"reasons\":[");
    for (uint32_t i = 0; i < lines.size; i++) {
        unsigned char c = (unsigned char)lines.ptr[i];
        if (c == '\n') {
            jd_buf_text(out, is_open ? "\"" : "");
            is_open = false;
            continue;
        }
        if (!is_open)
            jd_buf_text(out, out->bytes[out->size - 1] == '[' ? "\"" : ",\"");
        is_open = true;
        if (c == '"' || c == '\\')
            jd_buf_byte(out, '\\');
        jd_buf_byte(out, c < 0x20 ? ' ' : c);
    }
    jd_buf_text(out, is_open ? "\"]}\n" : "]}\n");
}

static enum MHD_Result answer_ready(struct jd_http *http, struct MHD_Connection *connection)
{
    struct jd_buf lines, json;
    jd_buf_init(&lines, &http->arena);
    bool is_ready = http->source.ready(http->source.context, &lines);
    jd_buf_init(&json, &http->arena);
    if (is_ready)
        jd_buf_text(&json, "{\"ready\":true}\n");
    else
        write_reasons(jd_buf_done(&lines), &json);
    return answer(connection, is_ready ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE, "application/json",
                  jd_buf_done(&json));
}

static enum MHD_Result answer_path(struct jd_http *http, struct MHD_Connection *connection, const char *path)
{
    if (strcmp(path, "/metrics") == 0) {
        struct jd_buf text;
        jd_buf_init(&text, &http->arena);
        http->source.metrics(http->source.context, &text);
        return answer(connection, MHD_HTTP_OK, "text/plain; version=0.0.4; charset=utf-8",
                      jd_buf_done(&text));
    }
    if (strcmp(path, "/healthz") == 0) {
        bool is_alive = http->source.alive(http->source.context);
        return answer_text(connection, is_alive ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE,
                           is_alive ? "ok\n" : "stuck\n");
    }
    if (strcmp(path, "/readyz") == 0)
        return answer_ready(http, connection);
    return answer_text(connection, MHD_HTTP_NOT_FOUND, "not found: /metrics, /healthz, /readyz\n");
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *path,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_size, void **state)
{
    (void)version;
    (void)upload;
    (void)state;
    struct jd_http *http = context;
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0) {
        *upload_size = 0;
        return answer_text(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET\n");
    }
    if (!is_own_host(http, MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_HOST)))
        return answer_text(connection, MHD_HTTP_FORBIDDEN, "forbidden\n");
    enum MHD_Result result = answer_path(http, connection, path);
    jd_arena_reset(&http->arena);
    return result;
}

static void on_trouble(void *context, const char *format, va_list args)
{
    char text[256];
    (void)context;
    (void)vsnprintf(text, sizeof text, format, args);
    text[strcspn(text, "\n")] = '\0';
    jd_log(JD_LOG_HTTP, jd_txt("text", text));
}

/* ---- start, stop ---- */

/* Our own socket, so that a port in use is told from other troubles. */
static int listen_at(const struct sockaddr_storage *at, const char *address, struct jd_error *err)
{
    int fd = socket(at->ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    socklen_t size = at->ss_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
    const int on = 1;
    if (fd >= 0)
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (fd >= 0 && bind(fd, (const struct sockaddr *)at, size) == 0 && listen(fd, CONNECTIONS_MAX) == 0)
        return fd;
    (void)jd_error_set(err, JD_EXIT_UNAVAILABLE, "http: cannot listen at %s: %s; set `http:` to a free port",
                       address, strerror(errno));
    if (fd >= 0)
        (void)close(fd);
    return -1;
}

static int port_of(int fd)
{
    struct sockaddr_storage at;
    socklen_t size = sizeof at;
    if (getsockname(fd, (struct sockaddr *)&at, &size) != 0)
        return 0;
    return ntohs(at.ss_family == AF_INET ? ((const struct sockaddr_in *)&at)->sin_port
                                         : ((const struct sockaddr_in6 *)&at)->sin6_port);
}

struct jd_http *jd_http_start(const char *address, const struct jd_http_source *source, struct jd_error *err)
{
    struct sockaddr_storage at;
    if (!parse_address(address, &at, err))
        return NULL;
    int fd = listen_at(&at, address, err);
    if (fd < 0)
        return NULL;
    struct jd_http *http = jd_alloc(sizeof *http);
    http->source = *source;
    http->port = port_of(fd);
    jd_arena_init(&http->arena, RESPONSE_MAX);
    http->daemon = MHD_start_daemon(
        MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_ERROR_LOG, 0, NULL, NULL, on_request, http,
        MHD_OPTION_EXTERNAL_LOGGER, on_trouble, NULL, MHD_OPTION_LISTEN_SOCKET, fd,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)CONNECTION_MEMORY, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)SILENCE_S, MHD_OPTION_END);
    if (http->daemon == NULL) {
        (void)jd_error_set(err, JD_EXIT_INTERNAL, "http: the server does not start");
        (void)close(fd);
        jd_arena_done(&http->arena);
        free(http);
        return NULL;
    }
    return http;
}

int jd_http_port(const struct jd_http *http)
{
    return http->port;
}

void jd_http_stop(struct jd_http *http)
{
    if (http == NULL)
        return;
    MHD_stop_daemon(http->daemon); /* closes the socket too */
    jd_arena_done(&http->arena);
    free(http);
}

#include "base/log.h"

#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    LINE_MAX_BYTES = 2000, /* below PIPE_BUF, so that a line is one atomic write to a pipe */
    BURST = 10,            /* lines of one code … */
    WINDOW_MS = 10000,     /* … in this time; what is more is counted */
};

static const struct code {
    int number;
    enum jd_log_level level;
    const char *event, *doc;
} codes[] = {
#define X(number, name, level, event, doc) {number, JD_LOG_##level, event, doc},
    JD_LOG_MAP(X)
#undef X
};
static_assert(JD_COUNT(codes) == JD_LOG_CODE_COUNT_, "one row a code");

static const char *const level_names[] = {
    [JD_LOG_DEBUG] = "debug", [JD_LOG_INFO] = "info", [JD_LOG_WARN] = "warn", [JD_LOG_ERROR] = "error"};

/* The one mutable global: where lines go, and how many of each code went. Guarded by `lock`. */
static struct {
    pthread_mutex_t lock;
    enum jd_log_format format;
    enum jd_log_level lowest;
    int fd;
    struct {
        int64_t window_start;
        uint64_t in_window, suppressed, total;
    } seen[JD_LOG_CODE_COUNT_];
} out = {
    .lock = PTHREAD_MUTEX_INITIALIZER, .format = JD_LOG_LOGFMT, .lowest = JD_LOG_INFO, .fd = STDERR_FILENO};

struct line {
    char bytes[LINE_MAX_BYTES + 1];
    size_t size;
    bool is_full;
};

static void put(struct line *line, const char *bytes, size_t size)
{
    if (line->is_full || size > LINE_MAX_BYTES - line->size) {
        line->is_full = true;
        return;
    }
    memcpy(line->bytes + line->size, bytes, size);
    line->size += size;
}

static void put_text(struct line *line, const char *text)
{
    put(line, text, strlen(text));
}

static void put_number(struct line *line, int64_t number)
{
    char digits[24];
    int size = snprintf(digits, sizeof digits, "%lld", (long long)number);
    put(line, digits, (size_t)size);
}

/* JSON's escapes serve logfmt's quoted values as well. Bytes that are not UTF-8 become '?'. */
static void put_quoted(struct line *line, struct jd_str text)
{
    bool is_utf8 = jd_utf8_valid(text);
    put_text(line, "\"");
    for (uint32_t i = 0; i < text.size && !line->is_full; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c == '"' || c == '\\')
            put(line, (char[]){'\\', (char)c}, 2);
        else if (c == '\n')
            put_text(line, "\\n");
        else if (c < 0x20 || c == 0x7f)
            put_text(line, " ");
        else if (c >= 0x80 && !is_utf8)
            put_text(line, "?");
        else
            put(line, (const char *)text.ptr + i, 1);
    }
    put_text(line, "\"");
}

static bool is_bare(struct jd_str text)
{
    for (uint32_t i = 0; i < text.size; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c <= ' ' || c == '"' || c == '=' || c == '\\' || c >= 0x7f)
            return false;
    }
    return text.size > 0;
}

static void put_name(struct line *line, enum jd_log_format format, const char *name)
{
    put_text(line, format == JD_LOG_JSON ? ",\"" : " ");
    put_text(line, name);
    put_text(line, format == JD_LOG_JSON ? "\":" : "=");
}

static void put_field(struct line *line, enum jd_log_format format, const struct jd_log_field *field)
{
    struct line before = {.size = line->size}; /* a field that does not fit is left out whole */
    put_name(line, format, field->name);
    if (field->is_number)
        put_number(line, field->number);
    else if (format == JD_LOG_LOGFMT && is_bare(field->text))
        put(line, field->text.ptr, field->text.size);
    else
        put_quoted(line, field->text);
    if (line->is_full || line->size > LINE_MAX_BYTES - 32) {
        line->size = before.size;
        line->is_full = true;
    }
}

static void put_head(struct line *line, enum jd_log_format format, const struct code *code)
{
    struct timespec now;
    struct tm utc;
    char ts[40], number[16];
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    size_t size = strftime(ts, sizeof ts, "%Y-%m-%dT%H:%M:%S", &utc);
    (void)snprintf(ts + size, sizeof ts - size, ".%03dZ", (int)(now.tv_nsec / 1000000));
    (void)snprintf(number, sizeof number, "JD-%04d", code->number);
    const char *const values[] = {ts, level_names[code->level], number, code->event};
    static const char *const names[] = {"ts", "level", "code", "event"};
    for (size_t i = 0; i < JD_COUNT(names); i++) {
        if (format == JD_LOG_JSON)
            put_text(line, i == 0 ? "{\"" : ",\"");
        else if (i > 0)
            put_text(line, " ");
        put_text(line, names[i]);
        put_text(line, format == JD_LOG_JSON ? "\":\"" : "=");
        put_text(line, values[i]);
        if (format == JD_LOG_JSON)
            put_text(line, "\"");
    }
}

/* Counts the line; false: it is to be left out. `*suppressed`: how many were, before this one. */
static bool admit(enum jd_log_code code, uint64_t *suppressed)
{
    struct timespec mono;
    clock_gettime(CLOCK_MONOTONIC, &mono);
    int64_t now = (int64_t)mono.tv_sec * 1000 + mono.tv_nsec / 1000000;
    out.seen[code].total++;
    if (out.seen[code].in_window == 0 || now - out.seen[code].window_start >= WINDOW_MS) {
        out.seen[code].window_start = now;
        out.seen[code].in_window = 0;
    }
    if (out.seen[code].in_window == BURST) {
        out.seen[code].suppressed++;
        return false;
    }
    out.seen[code].in_window++;
    *suppressed = out.seen[code].suppressed;
    out.seen[code].suppressed = 0;
    return true;
}

void jd_log_write(enum jd_log_code code, const struct jd_log_field *fields, size_t count)
{
    uint64_t suppressed = 0;
    pthread_mutex_lock(&out.lock);
    bool is_wanted = admit(code, &suppressed) && codes[code].level >= out.lowest;
    enum jd_log_format format = out.format;
    int fd = out.fd;
    pthread_mutex_unlock(&out.lock);
    if (!is_wanted)
        return;
    struct line line = {.size = 0};
    put_head(&line, format, &codes[code]);
    if (suppressed > 0)
        put_field(&line, format, &jd_num("suppressed", suppressed));
    for (size_t i = 0; i < count && !line.is_full; i++)
        put_field(&line, format, &fields[i]);
    bool was_cut = line.is_full;
    line.is_full = false; /* put_field() leaves room for the end */
    if (was_cut)
        put_text(&line, format == JD_LOG_JSON ? ",\"cut\":1" : " cut=1");
    put_text(&line, format == JD_LOG_JSON ? "}\n" : "\n");
    ssize_t written = write(fd, line.bytes, line.size);
    (void)written; /* a log that cannot be written must not stop the work */
}

void jd_log_setup(enum jd_log_format format, enum jd_log_level lowest, int fd)
{
    pthread_mutex_lock(&out.lock);
    out.format = format;
    out.lowest = lowest;
    out.fd = fd;
    pthread_mutex_unlock(&out.lock);
}

const char *jd_log_code_event(enum jd_log_code code)
{
    return codes[code].event;
}

int jd_log_code_number(enum jd_log_code code)
{
    return codes[code].number;
}

const char *jd_log_code_doc(enum jd_log_code code)
{
    return codes[code].doc;
}

uint64_t jd_log_count(enum jd_log_code code)
{
    pthread_mutex_lock(&out.lock);
    uint64_t total = out.seen[code].total;
    pthread_mutex_unlock(&out.lock);
    return total;
}

#include "cli/scan.h"

#include <stdlib.h>
#include <time.h>

#include "adapters/clock.h"
#include "adapters/wake.h"

enum { MESSAGES_A_READ = 500, NAP_MS = 200 };

struct scanning {
    const struct jd_scan *scan;
    struct jd_reader *reader;
    int bell;
    struct jd_position *starts, *ends; /* one a partition */
    bool is_stopped;
};

bool jd_scan_edges(struct jd_reader *reader, enum jd_edge edge, struct jd_position *positions, uint32_t count,
                   int timeout_ms, struct jd_error *err)
{
    const int64_t until = jd_clock_mono() + timeout_ms;
    enum jd_kafka_status status = JD_KAFKA_RETRY;
    for (int64_t left = timeout_ms; left > 0; left = until - jd_clock_mono()) {
        status = jd_reader_edges(reader, edge, positions, count, (int)left, err);
        if (status != JD_KAFKA_RETRY) {
            return status == JD_KAFKA_OK;
        }
        (void)nanosleep(&(struct timespec){.tv_nsec = NAP_MS * 1000000L}, NULL);
    }
    return jd_error_set(
        err, JD_EXIT_UNAVAILABLE,
        "%s: the brokers did not say within %d ms where it begins and ends; see kafka: in the "
        "configuration",
        positions->topic, timeout_ms);
}

static bool ask_edges(const struct scanning *s, enum jd_edge edge, struct jd_position *positions,
                      struct jd_error *err)
{
    for (int32_t i = 0; i < s->scan->count; i++) {
        positions[i] = (struct jd_position){.topic = s->scan->topic, .partition = s->scan->first + i};
    }
    return jd_scan_edges(s->reader, edge, positions, (uint32_t)s->scan->count, s->scan->timeout_ms, err);
}

static bool visit_all(struct scanning *s, struct jd_message *messages, uint32_t count, struct jd_error *err)
{
    bool ok = true;
    for (uint32_t i = 0; i < count; i++) {
        if (ok && !s->is_stopped) {
            s->is_stopped = !s->scan->visit(s->scan->context, &messages[i], err);
            ok = !s->is_stopped || err->text[0] == '\0';
        }
        jd_message_release(&messages[i]);
    }
    return ok;
}

static bool read_partition(struct scanning *s, struct jd_fetch *fetch, int partition, int64_t end,
                           struct jd_error *err)
{
    int64_t silent_since = jd_clock_mono();
    while (!s->is_stopped && jd_fetch_position(fetch) < end) {
        struct jd_message messages[MESSAGES_A_READ];
        const uint32_t count = jd_fetch_read(fetch, messages, MESSAGES_A_READ);
        if (!visit_all(s, messages, count, err)) {
            return false;
        }
        if (count > 0) {
            silent_since = jd_clock_mono();
            continue;
        }
        if (jd_fetch_status(fetch, err) != JD_KAFKA_OK) {
            return false;
        }
        if (jd_clock_mono() - silent_since > s->scan->timeout_ms) {
            return jd_error_set(err, JD_EXIT_UNAVAILABLE,
                                "%s/%d: no record for %d ms, at offset %lld of %lld", s->scan->topic,
                                partition, s->scan->timeout_ms, (long long)jd_fetch_position(fetch),
                                (long long)end);
        }
        jd_wake_wait(s->bell, NAP_MS);
    }
    return true;
}

static bool read_all(struct scanning *s, struct jd_error *err)
{
    bool ok = ask_edges(s, JD_EDGE_START, s->starts, err) && ask_edges(s, JD_EDGE_END, s->ends, err);
    for (int32_t i = 0; ok && !s->is_stopped && i < s->scan->count; i++) {
        if (s->starts[i].offset >= s->ends[i].offset) {
            continue;
        }
        const int64_t start = s->scan->from > s->starts[i].offset && s->scan->from < s->ends[i].offset
                                  ? s->scan->from
                                  : s->starts[i].offset;
        struct jd_fetch *fetch =
            jd_reader_start(s->reader, s->scan->topic, s->starts[i].partition, start, err);
        ok = fetch != NULL && read_partition(s, fetch, s->ends[i].partition, s->ends[i].offset, err);
        jd_fetch_stop(fetch);
    }
    return ok;
}

bool jd_scan_run(const struct jd_scan *scan, struct jd_error *err)
{
    struct scanning s = {.scan = scan, .bell = JD_WAKE_NONE};
    err->text[0] = '\0';
    bool ok = jd_wake_open(&s.bell, err);
    const struct jd_reader_config config = {
        .isolation = JD_READ_COMMITTED, .queue_kbytes = 0, .bell = s.bell};
    s.starts = calloc((size_t)scan->count, sizeof(*s.starts));
    s.ends = calloc((size_t)scan->count, sizeof(*s.ends));
    s.reader = ok ? jd_reader_open(scan->kafka, &config, err) : NULL;
    ok = s.reader != NULL && s.starts != NULL && s.ends != NULL && read_all(&s, err);
    if (s.reader != NULL) {
        jd_reader_close(s.reader);
    }
    free(s.starts);
    free(s.ends);
    jd_wake_close(&s.bell);
    return ok;
}

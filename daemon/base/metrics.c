#include "base/metrics.h"

#include "base/alloc.h"
#include "base/log.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static const struct row {
    enum jd_metric_kind kind;
    const char *name, *labels, *help;
} rows[] = {
#define X(name, kind, text, labels, help) {JD_METRIC_##kind, text, labels, help},
    JD_METRIC_MAP(X)
#undef X
};
static_assert(JD_COUNT(rows) == JD_METRIC_COUNT_, "one row a metric");

/* Upper bounds of the histograms' buckets; the last bucket has none. */
static const int64_t bounds_us[JD_METRIC_BUCKETS - 1] = {
    500, 1000, 2000, 5000, 10000, 20000, 50000, 100000, 200000, 500000, 1000000, 2000000, 5000000, 10000000};

enum {
    INDEX_SIZE = 2 * JD_METRIC_CELLS,                /* a power of two */
    CELLS_FREE = JD_METRIC_CELLS - JD_METRIC_COUNT_, /* the rest is kept for "other", one a metric */
    HISTOGRAMS = JD_METRIC_COUNT_,
};
#define GONE INT64_MIN /* a cell's value that is not shown */

struct cell { /* all but the value is written before the cell is published, and then never again */
    _Atomic int64_t value;
    enum jd_metric metric;
    uint32_t first_size, second_size;
    char labels[JD_METRIC_LABEL_MAX]; /* first, then second */
};

struct jd_metrics_slot {
    _Atomic int64_t values[JD_METRIC_COUNT_]; /* of histograms: the sum, µs */
    _Atomic int64_t buckets[HISTOGRAMS][JD_METRIC_BUCKETS];
    _Atomic uint32_t cell_count; /* published ones */
    uint16_t index[INDEX_SIZE];  /* the writer's: cell number + 1 by hash */
    struct cell cells[JD_METRIC_CELLS];
};

struct jd_metrics {
    uint32_t slot_count;
    jd_time started;
    struct jd_metrics_slot *slots;
};

struct jd_metrics *jd_metrics_new(uint32_t slots)
{
    struct timespec now;
    struct jd_metrics *metrics = jd_alloc(sizeof *metrics);
    metrics->slots = jd_alloc_array(slots, sizeof *metrics->slots);
    metrics->slot_count = slots;
    clock_gettime(CLOCK_REALTIME, &now);
    metrics->started = (jd_time)now.tv_sec * 1000;
    return metrics;
}

void jd_metrics_free(struct jd_metrics *metrics)
{
    if (metrics == NULL)
        return;
    free(metrics->slots);
    free(metrics);
}

struct jd_metrics_slot *jd_metrics_slot(struct jd_metrics *metrics, uint32_t index)
{
    assert(index < metrics->slot_count);
    return &metrics->slots[index];
}

/* ---- counting: one writer, so load and store need not be one step ---- */

static int64_t get(const _Atomic int64_t *value)
{
    return atomic_load_explicit(value, memory_order_relaxed);
}

static void put(_Atomic int64_t *value, int64_t new_value)
{
    atomic_store_explicit(value, new_value, memory_order_relaxed);
}

void jd_metric_add(struct jd_metrics_slot *slot, enum jd_metric metric, int64_t amount)
{
    put(&slot->values[metric], get(&slot->values[metric]) + amount);
}

void jd_metric_set(struct jd_metrics_slot *slot, enum jd_metric metric, int64_t value)
{
    put(&slot->values[metric], value);
}

void jd_metric_observe(struct jd_metrics_slot *slot, enum jd_metric metric, int64_t microseconds)
{
    size_t at = 0;
    while (at < JD_COUNT(bounds_us) && microseconds > bounds_us[at])
        at++;
    put(&slot->buckets[metric][at], get(&slot->buckets[metric][at]) + 1);
    jd_metric_add(slot, metric, microseconds);
}

static bool has_labels(const struct cell *cell, enum jd_metric metric, struct jd_str first,
                       struct jd_str second)
{
    return cell->metric == metric && cell->first_size == first.size && cell->second_size == second.size &&
           (first.size == 0 || memcmp(cell->labels, first.ptr, first.size) == 0) &&
           (second.size == 0 || memcmp(cell->labels + first.size, second.ptr, second.size) == 0);
}

/* The cell of these labels; made if need be, or that of "other". */
static struct cell *cell_of(struct jd_metrics_slot *slot, enum jd_metric metric, struct jd_str first,
                            struct jd_str second)
{
    const struct jd_str other = JD_STR("other"), none = {"", 0};
    if (first.size + second.size > JD_METRIC_LABEL_MAX) {
        first = other;
        second = second.size > 0 ? other : none;
    }
    for (;;) {
        uint64_t hash =
            jd_str_hash(first) * 31 + jd_str_hash(second) + (uint64_t)metric * 0x9e3779b97f4a7c15u;
        size_t at = (size_t)(hash ^ hash >> 32) % INDEX_SIZE;
        while (slot->index[at] != 0) {
            struct cell *cell = &slot->cells[slot->index[at] - 1];
            if (has_labels(cell, metric, first, second))
                return cell;
            at = (at + 1) % INDEX_SIZE;
        }
        uint32_t count = atomic_load_explicit(&slot->cell_count, memory_order_relaxed);
        bool is_other = jd_str_eq(first, other);
        if (count >= CELLS_FREE && !is_other) {
            first = other;
            second = second.size > 0 ? other : none;
            continue;
        }
        assert(count < JD_METRIC_CELLS);
        struct cell *cell = &slot->cells[count];
        cell->metric = metric;
        cell->first_size = first.size;
        cell->second_size = second.size;
        if (first.size > 0)
            memcpy(cell->labels, first.ptr, first.size);
        if (second.size > 0)
            memcpy(cell->labels + first.size, second.ptr, second.size);
        slot->index[at] = (uint16_t)(count + 1);
        atomic_store_explicit(&slot->cell_count, count + 1, memory_order_release);
        return cell;
    }
}

void jd_metric_add_for(struct jd_metrics_slot *slot, enum jd_metric metric, struct jd_str first,
                       struct jd_str second, int64_t amount)
{
    struct cell *cell = cell_of(slot, metric, first, second);
    put(&cell->value, get(&cell->value) + amount);
}

void jd_metric_set_for(struct jd_metrics_slot *slot, enum jd_metric metric, struct jd_str first,
                       struct jd_str second, int64_t value)
{
    put(&cell_of(slot, metric, first, second)->value, value);
}

void jd_metric_drop_for(struct jd_metrics_slot *slot, enum jd_metric metric, struct jd_str first,
                        struct jd_str second)
{
    put(&cell_of(slot, metric, first, second)->value, GONE);
}

/* ---- publishing ---- */

int64_t jd_metrics_sum(const struct jd_metrics *metrics, enum jd_metric metric)
{
    int64_t sum = 0;
    for (uint32_t i = 0; i < metrics->slot_count; i++) {
        const struct jd_metrics_slot *slot = &metrics->slots[i];
        uint32_t count = atomic_load_explicit(&slot->cell_count, memory_order_acquire);
        sum += get(&slot->values[metric]);
        for (uint32_t c = 0; c < count; c++)
            if (slot->cells[c].metric == metric && get(&slot->cells[c].value) != GONE)
                sum += get(&slot->cells[c].value);
    }
    return sum;
}

static void write_head(struct jd_buf *out, const char *name, const char *type, const char *help)
{
    jd_buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void write_seconds(struct jd_buf *out, int64_t us)
{
    jd_buf_printf(out, "%lld.%06lld", (long long)(us / 1000000), (long long)(us % 1000000));
}

static void write_histogram(const struct jd_metrics *metrics, enum jd_metric metric, struct jd_buf *out)
{
    const char *name = rows[metric].name;
    int64_t count = 0, sum = 0;
    for (size_t b = 0; b < JD_METRIC_BUCKETS; b++) {
        for (uint32_t i = 0; i < metrics->slot_count; i++)
            count += get(&metrics->slots[i].buckets[metric][b]);
        jd_buf_printf(out, "%s_bucket{le=\"", name);
        if (b < JD_COUNT(bounds_us))
            write_seconds(out, bounds_us[b]);
        else
            jd_buf_text(out, "+Inf");
        jd_buf_printf(out, "\"} %lld\n", (long long)count);
    }
    for (uint32_t i = 0; i < metrics->slot_count; i++)
        sum += get(&metrics->slots[i].values[metric]);
    jd_buf_printf(out, "%s_sum ", name);
    write_seconds(out, sum);
    jd_buf_printf(out, "\n%s_count %lld\n", name, (long long)count);
}

static void write_label(struct jd_buf *out, struct jd_str name, const char *value, uint32_t size)
{
    jd_buf_str(out, name);
    jd_buf_text(out, "=\"");
    for (uint32_t i = 0; i < size; i++) {
        if (value[i] == '"' || value[i] == '\\')
            jd_buf_byte(out, '\\');
        if (value[i] == '\n')
            jd_buf_text(out, "\\n");
        else
            jd_buf_byte(out, (unsigned char)value[i]);
    }
    jd_buf_byte(out, '"');
}

static int by_labels(const void *a, const void *b)
{
    const struct cell *x = *(const struct cell *const *)a, *y = *(const struct cell *const *)b;
    int order =
        jd_str_cmp((struct jd_str){x->labels, x->first_size}, (struct jd_str){y->labels, y->first_size});
    return order != 0 ? order
                      : jd_str_cmp((struct jd_str){x->labels + x->first_size, x->second_size},
                                   (struct jd_str){y->labels + y->first_size, y->second_size});
}

static void write_cell(const struct cell *cell, int64_t value, struct jd_buf *out)
{
    const struct row *row = &rows[cell->metric];
    const char *comma = strchr(row->labels, ',');
    size_t size = comma == NULL ? strlen(row->labels) : (size_t)(comma - row->labels);
    jd_buf_printf(out, "%s{", row->name);
    write_label(out, (struct jd_str){row->labels, (uint32_t)size}, cell->labels, cell->first_size);
    if (comma != NULL) {
        jd_buf_byte(out, ',');
        write_label(out, jd_str_of(comma + 1), cell->labels + cell->first_size, cell->second_size);
    }
    jd_buf_printf(out, "} %lld\n", (long long)value);
}

/* The cells of a metric, those of the same labels in several slots added up. `room` has place for all. */
static void write_cells(const struct jd_metrics *metrics, enum jd_metric metric, const struct cell **room,
                        struct jd_buf *out)
{
    size_t found = 0;
    for (uint32_t i = 0; i < metrics->slot_count; i++) {
        const struct jd_metrics_slot *slot = &metrics->slots[i];
        uint32_t count = atomic_load_explicit(&slot->cell_count, memory_order_acquire);
        for (uint32_t c = 0; c < count; c++)
            if (slot->cells[c].metric == metric)
                room[found++] = &slot->cells[c];
    }
    qsort(room, found, sizeof *room, by_labels);
    for (size_t i = 0; i < found;) {
        int64_t sum = 0;
        bool is_there = false;
        size_t first = i;
        for (; i < found && by_labels(&room[first], &room[i]) == 0; i++) {
            int64_t value = get(&room[i]->value);
            is_there = is_there || value != GONE;
            sum += value != GONE ? value : 0;
        }
        if (is_there)
            write_cell(room[first], sum, out);
    }
}

static void write_process(const struct jd_metrics *metrics, struct jd_buf *out)
{
    struct rusage usage;
    long long pages = 0;
    FILE *statm = fopen("/proc/self/statm", "re");
    if (statm != NULL) {
        if (fscanf(statm, "%*s %lld", &pages) != 1)
            pages = 0;
        (void)fclose(statm);
    }
    (void)getrusage(RUSAGE_SELF, &usage);
    write_head(out, "process_resident_memory_bytes", "gauge", "Memory in use");
    jd_buf_printf(out, "process_resident_memory_bytes %lld\n", pages * (long long)sysconf(_SC_PAGESIZE));
    write_head(out, "process_cpu_seconds_total", "counter", "CPU time used");
    jd_buf_text(out, "process_cpu_seconds_total ");
    write_seconds(out, (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * INT64_C(1000000) +
                           usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
    jd_buf_byte(out, '\n');
    write_head(out, "process_start_time_seconds", "gauge", "When it started");
    jd_buf_printf(out, "process_start_time_seconds %lld\n", (long long)(metrics->started / 1000));
}

void jd_metrics_render(const struct jd_metrics *metrics, struct jd_buf *out)
{
    static const char *const types[] = {
        [JD_METRIC_COUNTER] = "counter", [JD_METRIC_GAUGE] = "gauge", [JD_METRIC_HISTOGRAM] = "histogram"};
    const struct cell **room = jd_alloc_array((size_t)metrics->slot_count * JD_METRIC_CELLS, sizeof *room);
    write_head(out, "journeyd_build_info", "gauge", "What is running");
    jd_buf_text(out, "journeyd_build_info{version=\"" JD_VERSION "\"} 1\n");
    for (int m = 0; m < JD_METRIC_COUNT_; m++) {
        enum jd_metric metric = (enum jd_metric)m;
        write_head(out, rows[m].name, types[rows[m].kind], rows[m].help);
        if (rows[m].kind == JD_METRIC_HISTOGRAM)
            write_histogram(metrics, metric, out);
        else if (rows[m].labels[0] != '\0')
            write_cells(metrics, metric, room, out);
        else
            jd_buf_printf(out, "%s %lld\n", rows[m].name, (long long)jd_metrics_sum(metrics, metric));
    }
    free(room);
    write_head(out, "journeyd_log_lines_total", "counter",
               "Log lines by code, those left out by the rate limit too");
    for (int code = 0; code < JD_LOG_CODE_COUNT_; code++) {
        uint64_t lines = jd_log_count((enum jd_log_code)code);
        if (lines > 0)
            jd_buf_printf(out, "journeyd_log_lines_total{code=\"JD-%04d\"} %llu\n",
                          jd_log_code_number((enum jd_log_code)code), (unsigned long long)lines);
    }
    write_process(metrics, out);
}

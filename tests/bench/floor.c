/* The floor of the benchmark: what librdkafka itself costs, without deciding anything.
 *
 *   floor load BROKERS TOPIC FILE COPIES [RATE [FIRST]]   lines of FILE into TOPIC, each copy with its own ids
 *   floor run  BROKERS TOPIC OUT COUNT                    consume COUNT records and produce, exactly once
 *   floor watch BROKERS TOPIC SECONDS                     from the sending of a record to the arrival of its effects
 *
 * `run` is the bare loop that the daemon is measured against: consume in batches, one output of 600 bytes
 * for every 17 records, one transaction with the offsets every 50 ms, nothing parsed.
 * `load` writes structured-mode CloudEvents as they are; in copy n > 0 the physician's id and the event's
 * id get the suffix "~n", so that a million records are a million events of as many physicians more; the first copy is FIRST (0).
 * FILE is JSON lines, or parts of Avro values as parts.py writes them (name ends in .parts): sent in binary
 * mode. With RATE (records a second) it paces itself, and each JSON event carries a `traceparent` whose trace
 * id is the time of sending; the daemon hands it on to what the event causes, so that `watch`, a
 * read_committed reader of an output topic, can tell the latency from end to end. */
#define _GNU_SOURCE /* memmem */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <librdkafka/rdkafka.h>

enum { BATCH = 10000, OUT_EVERY = 17, OUT_BYTES = 600, COMMIT_MS = 50, LINE_MAX_BYTES = 65536 };

static int64_t now_us(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int64_t cpu_us(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return ((int64_t)u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000 + u.ru_utime.tv_usec +
           u.ru_stime.tv_usec;
}

_Noreturn static void die(const char *what, const char *why)
{
    fprintf(stderr, "floor: %s: %s\n", what, why);
    exit(1);
}

static void check(rd_kafka_error_t *error, const char *what)
{
    if (error != NULL)
        die(what, rd_kafka_error_string(error));
}

static rd_kafka_t *client(rd_kafka_type_t type, const char *const *settings)
{
    char text[512];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    for (; settings[0] != NULL; settings += 2)
        if (rd_kafka_conf_set(conf, settings[0], settings[1], text, sizeof text) != RD_KAFKA_CONF_OK)
            die(settings[0], text);
    rd_kafka_t *rk = rd_kafka_new(type, conf, text, sizeof text);
    if (rk == NULL)
        die("rd_kafka_new", text);
    return rk;
}

/* ---- run ---------------------------------------------------------------------------------------- */

struct floor {
    rd_kafka_t *consumer, *producer;
    const char *topic, *out;
    int64_t next[1024]; /* a partition's next offset; -1: nothing new */
    uint64_t consumed, produced;
    bool open;
};

static void commit(struct floor *f)
{
    rd_kafka_topic_partition_list_t *offsets = rd_kafka_topic_partition_list_new(16);
    for (int32_t p = 0; p < 1024; p++)
        if (f->next[p] >= 0) {
            rd_kafka_topic_partition_list_add(offsets, f->topic, p)->offset = f->next[p];
            f->next[p] = -1;
        }
    rd_kafka_consumer_group_metadata_t *group = rd_kafka_consumer_group_metadata(f->consumer);
    check(rd_kafka_send_offsets_to_transaction(f->producer, offsets, group, 10000), "send offsets");
    check(rd_kafka_commit_transaction(f->producer, 30000), "commit");
    rd_kafka_consumer_group_metadata_destroy(group);
    rd_kafka_topic_partition_list_destroy(offsets);
    f->open = false;
}

static void take(struct floor *f, const rd_kafka_message_t *message)
{
    static char value[OUT_BYTES];
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
        return;
    if (message->err != 0)
        die("consume", rd_kafka_message_errstr(message));
    if (!f->open) {
        check(rd_kafka_begin_transaction(f->producer), "begin");
        f->open = true;
    }
    f->next[message->partition & 1023] = message->offset + 1;
    if (++f->consumed % OUT_EVERY != 0)
        return;
    f->produced++;
    for (;;) {
        rd_kafka_resp_err_t err = rd_kafka_producev(
            f->producer, RD_KAFKA_V_TOPIC(f->out), RD_KAFKA_V_KEY(message->key, message->key_len),
            RD_KAFKA_V_VALUE(value, sizeof value), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
        if (err == 0)
            return;
        if (err != RD_KAFKA_RESP_ERR__QUEUE_FULL)
            die("produce", rd_kafka_err2str(err));
        rd_kafka_poll(f->producer, 10);
    }
}

static int run(const char *brokers, const char *topic, const char *out, uint64_t count)
{
    char id[64];
    snprintf(id, sizeof id, "floor-%ld-%" PRId64, (long)getpid(), now_us(CLOCK_REALTIME));
    const char *const consumer[] = {"bootstrap.servers",
                                    brokers,
                                    "group.id",
                                    id,
                                    "auto.offset.reset",
                                    "earliest",
                                    "enable.auto.commit",
                                    "false",
                                    "isolation.level",
                                    "read_committed",
                                    "fetch.wait.max.ms",
                                    "10",
                                    NULL};
    const char *const producer[] = {"bootstrap.servers", brokers, "transactional.id", id,  "linger.ms", "5",
                                    "compression.type",  "lz4",   "retry.backoff.ms", "5", NULL};
    struct floor f = {.consumer = client(RD_KAFKA_CONSUMER, consumer),
                      .producer = client(RD_KAFKA_PRODUCER, producer),
                      .topic = topic,
                      .out = out};
    memset(f.next, 0xff, sizeof f.next);
    check(rd_kafka_init_transactions(f.producer, 30000), "init transactions");
    rd_kafka_poll_set_consumer(f.consumer);
    rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(topics, topic, RD_KAFKA_PARTITION_UA);
    rd_kafka_subscribe(f.consumer, topics);
    rd_kafka_topic_partition_list_destroy(topics);
    rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(f.consumer);
    static rd_kafka_message_t *batch[BATCH];
    int64_t wall = 0, cpu = 0, committed = 0;
    while (f.consumed < count) {
        ssize_t n = rd_kafka_consume_batch_queue(queue, 10, batch, BATCH);
        if (n < 0)
            die("consume", rd_kafka_err2str(rd_kafka_last_error()));
        if (n > 0 && wall == 0) { /* joining the group is not what is measured */
            wall = committed = now_us(CLOCK_MONOTONIC);
            cpu = cpu_us();
        }
        for (ssize_t i = 0; i < n; i++) {
            take(&f, batch[i]);
            rd_kafka_message_destroy(batch[i]);
        }
        int64_t now = now_us(CLOCK_MONOTONIC);
        if (f.open && now - committed >= (int64_t)COMMIT_MS * 1000) {
            commit(&f);
            committed = now;
        }
    }
    if (f.open)
        commit(&f);
    wall = now_us(CLOCK_MONOTONIC) - wall;
    cpu = cpu_us() - cpu;
    printf("{\"events\":%" PRIu64 ",\"outputs\":%" PRIu64
           ",\"wall_s\":%.3f,\"cpu_us_per_event\":%.3f,\"rate\":%.0f}\n",
           f.consumed, f.produced, (double)wall / 1e6, (double)cpu / (double)f.consumed,
           (double)f.consumed / ((double)wall / 1e6));
    fflush(stdout);
    _exit(0); /* leaving the group and the threads tidily is not what is measured either */
}

/* ---- load --------------------------------------------------------------------------------------- */

/* One record of the file, made ready in `value`. */
struct item {
    char value[LINE_MAX_BYTES];
    size_t size;
    char key[512], id[512], type[128], time[64];
    size_t key_size;
};

/* Appends "~copy" to the string value of the first member `"name":"` of the line, and copies the result. */
static size_t suffix(struct item *item, const char *name, int copy, char *to, size_t room)
{
    char mark[32], tail[16];
    int mark_size = snprintf(mark, sizeof mark, "\"%s\":\"", name);
    int tail_size = copy == 0 ? 0 : snprintf(tail, sizeof tail, "~%d", copy);
    char *at = memmem(item->value, item->size, mark, (size_t)mark_size);
    if (at == NULL)
        die(name, "a line has no such member");
    at += mark_size;
    char *end = memchr(at, '"', (size_t)(item->value + item->size - at));
    if (end == NULL || item->size + (size_t)tail_size > LINE_MAX_BYTES)
        die(name, "a line is not what convert.py writes");
    memmove(end + tail_size, end, (size_t)(item->value + item->size - end));
    memcpy(end, tail, (size_t)tail_size);
    item->size += (size_t)tail_size;
    size_t size = (size_t)(end + tail_size - at);
    if (size >= room)
        die(name, "is too long");
    memcpy(to, at, size);
    to[size] = '\0';
    return size;
}

static bool next_line(FILE *in, struct item *item, int copy, bool stamped)
{
    static char line[LINE_MAX_BYTES / 2];
    if (fgets(line, sizeof line, in) == NULL)
        return false;
    size_t size = strcspn(line, "\n"), head = 0;
    if (stamped)
        head = (size_t)snprintf(item->value, sizeof item->value,
                                "{\"traceparent\":\"00-%032" PRIx64 "-%016x-01\",",
                                (uint64_t)now_us(CLOCK_REALTIME), 1);
    size_t skip = stamped ? 1 : 0;
    memcpy(item->value + head, line + skip, size - skip);
    item->size = head + size - skip;
    (void)suffix(item, "id", copy, item->id, sizeof item->id);
    item->key_size = suffix(item, "hcp_id", copy, item->key, sizeof item->key);
    return true;
}

static size_t part(FILE *in, char *to, size_t room)
{
    uint32_t size;
    if (fread(&size, sizeof size, 1, in) != 1)
        return SIZE_MAX;
    if (size >= room || fread(to, 1, size, in) != size)
        die("parts", "the file is not what parts.py writes");
    to[size] = '\0';
    return size;
}

/* A value is: what comes before hcp_id, its length (zigzag), it, and what follows. */
static bool next_parts(FILE *in, struct item *item, int copy)
{
    item->size = part(in, item->value, sizeof item->value);
    if (item->size == SIZE_MAX)
        return false;
    item->key_size = part(in, item->key, sizeof item->key - 16);
    if (copy > 0)
        item->key_size += (size_t)snprintf(item->key + item->key_size, 16, "~%d", copy);
    for (size_t n = item->key_size * 2;; n >>= 7) {
        item->value[item->size++] = (char)(n > 127 ? (n & 127) | 128 : n);
        if (n <= 127)
            break;
    }
    memcpy(item->value + item->size, item->key, item->key_size);
    item->size += item->key_size;
    item->size += part(in, item->value + item->size, sizeof item->value - item->size);
    size_t id_size = part(in, item->id, sizeof item->id - 16);
    if (copy > 0)
        snprintf(item->id + id_size, 16, "~%d", copy);
    part(in, item->type, sizeof item->type);
    part(in, item->time, sizeof item->time);
    return true;
}

static void send_item(rd_kafka_t *producer, rd_kafka_topic_t *topic, const struct item *item, bool structured)
{
    for (;;) {
        rd_kafka_headers_t *headers = rd_kafka_headers_new(8);
        if (structured) {
            rd_kafka_header_add(headers, "content-type", -1, "application/cloudevents+json; charset=UTF-8",
                                -1);
        } else {
            rd_kafka_header_add(headers, "content-type", -1, "application/avro", -1);
            rd_kafka_header_add(headers, "ce_specversion", -1, "1.0", -1);
            rd_kafka_header_add(headers, "ce_id", -1, item->id, -1);
            rd_kafka_header_add(headers, "ce_source", -1, "open-payments", -1);
            rd_kafka_header_add(headers, "ce_type", -1, item->type, -1);
            rd_kafka_header_add(headers, "ce_time", -1, item->time, -1);
        }
        rd_kafka_resp_err_t err = rd_kafka_producev(
            producer, RD_KAFKA_V_RKT(topic), RD_KAFKA_V_KEY(item->key, item->key_size),
            RD_KAFKA_V_VALUE((char *)(uintptr_t)item->value, item->size), RD_KAFKA_V_HEADERS(headers),
            RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
        if (err == 0)
            return;
        rd_kafka_headers_destroy(headers);
        if (err != RD_KAFKA_RESP_ERR__QUEUE_FULL)
            die("produce", rd_kafka_err2str(err));
        rd_kafka_poll(producer, 10);
    }
}

static void pace(int64_t begin, uint64_t sent, double rate)
{
    if (rate > 0 && sent % 16 == 0) {
        int64_t ahead = begin + (int64_t)((double)sent / rate * 1e6) - now_us(CLOCK_MONOTONIC);
        if (ahead > 500)
            usleep((useconds_t)ahead);
    }
}

static int load(const char *brokers, const char *topic, const char *file, int copies, double rate, int first)
{
    const char *const settings[] = {"bootstrap.servers",
                                    brokers,
                                    "linger.ms",
                                    rate > 0 ? "2" : "50",
                                    "compression.type",
                                    "lz4",
                                    "queue.buffering.max.messages",
                                    "500000",
                                    "enable.idempotence",
                                    "true",
                                    "log_level",
                                    "3",
                                    NULL};
    rd_kafka_t *producer = client(RD_KAFKA_PRODUCER, settings);
    rd_kafka_topic_conf_t *conf = rd_kafka_topic_conf_new();
    char text[256];
    if (rd_kafka_topic_conf_set(conf, "partitioner", "murmur2_random", text, sizeof text) != RD_KAFKA_CONF_OK)
        die("partitioner", text);
    rd_kafka_topic_t *handle = rd_kafka_topic_new(producer, topic, conf);
    size_t name = strlen(file);
    bool structured = name < 6 || strcmp(file + name - 6, ".parts") != 0;
    static struct item item;
    uint64_t sent = 0;
    int64_t begin = now_us(CLOCK_MONOTONIC);
    for (int copy = first; copy < first + copies; copy++) {
        FILE *in = fopen(file, "r");
        if (in == NULL)
            die(file, strerror(errno));
        while (structured ? next_line(in, &item, copy, rate > 0) : next_parts(in, &item, copy)) {
            send_item(producer, handle, &item, structured);
            pace(begin, ++sent, rate);
            if (sent % 1024 == 0)
                rd_kafka_poll(producer, 0);
        }
        fclose(in);
    }
    if (rd_kafka_flush(producer, 60000) != 0)
        die("flush", "not everything was acknowledged within a minute");
    printf("{\"events\":%" PRIu64 ",\"wall_s\":%.3f}\n", sent,
           (double)(now_us(CLOCK_MONOTONIC) - begin) / 1e6);
    return 0;
}

/* ---- watch -------------------------------------------------------------------------------------- */

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static int watch(const char *brokers, const char *topic, int seconds)
{
    enum { MOST = 1 << 20 };
    static int64_t latency[MOST];
    size_t count = 0;
    const char *const settings[] = {"bootstrap.servers",
                                    brokers,
                                    "group.id",
                                    "watch",
                                    "auto.offset.reset",
                                    "latest",
                                    "isolation.level",
                                    "read_committed",
                                    "fetch.wait.max.ms",
                                    "10",
                                    NULL};
    rd_kafka_t *consumer = client(RD_KAFKA_CONSUMER, settings);
    rd_kafka_poll_set_consumer(consumer);
    const struct rd_kafka_metadata *metadata;
    rd_kafka_topic_t *handle = rd_kafka_topic_new(consumer, topic, NULL);
    if (rd_kafka_metadata(consumer, 0, handle, &metadata, 10000) != 0)
        die(topic, "no metadata");
    rd_kafka_topic_partition_list_t *all = rd_kafka_topic_partition_list_new(8);
    for (int p = 0; p < metadata->topics[0].partition_cnt; p++)
        rd_kafka_topic_partition_list_add(all, topic, p)->offset = RD_KAFKA_OFFSET_END;
    rd_kafka_assign(consumer, all);
    int64_t until = now_us(CLOCK_MONOTONIC) + (int64_t)seconds * 1000000;
    while (now_us(CLOCK_MONOTONIC) < until && count < MOST) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(consumer, 50);
        if (message == NULL)
            continue;
        rd_kafka_headers_t *headers;
        const void *value;
        size_t size;
        if (message->err == 0 && rd_kafka_message_headers(message, &headers) == 0 &&
            rd_kafka_header_get_last(headers, "traceparent", &value, &size) == 0 && size >= 35) {
            char low[17] = {0};
            memcpy(low, (const char *)value + 3 + 16, 16);
            latency[count++] = now_us(CLOCK_REALTIME) - (int64_t)strtoull(low, NULL, 16);
        }
        rd_kafka_message_destroy(message);
    }
    qsort(latency, count, sizeof latency[0], by_value);
    if (count == 0)
        die("watch", "no record with a traceparent came");
    printf("{\"records\":%zu,\"p50_ms\":%.1f,\"p99_ms\":%.1f,\"max_ms\":%.1f}\n", count,
           (double)latency[count / 2] / 1e3, (double)latency[count - 1 - count / 100] / 1e3,
           (double)latency[count - 1] / 1e3);
    fflush(stdout);
    _exit(0);
}

int main(int argc, char **argv)
{
    if (argc == 6 && strcmp(argv[1], "run") == 0)
        return run(argv[2], argv[3], argv[4], strtoull(argv[5], NULL, 10));
    if (argc >= 6 && argc <= 8 && strcmp(argv[1], "load") == 0)
        return load(argv[2], argv[3], argv[4], atoi(argv[5]), argc > 6 ? atof(argv[6]) : 0,
                    argc > 7 ? atoi(argv[7]) : 0);
    if (argc == 5 && strcmp(argv[1], "watch") == 0)
        return watch(argv[2], argv[3], atoi(argv[4]));
    fputs("usage: floor load BROKERS TOPIC FILE COPIES [RATE [FIRST]] | run BROKERS TOPIC OUT COUNT | "
          "watch BROKERS TOPIC SECONDS\n",
          stderr);
    return 64;
}

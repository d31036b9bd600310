/* What the shell relies on in adapters/kafka.h, on a real broker. */
#include "tap.h"

#include "adapters/clock.h"
#include "adapters/kafka.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { WAIT_MS = 15000, LIMIT = 100000 };

static struct {
    struct jd_kafka_property properties[1];
    struct jd_kafka_config config;
    struct jd_admin *admin;
    struct jd_error err;
    char prefix[32];
} t;

/* ---- helpers ---- */

static const char *name_of(const char *suffix)
{
    static char names[8][64];
    static int next;
    next = (next + 1) % 8;
    (void)snprintf(names[next], sizeof names[next], "%s.%s", t.prefix, suffix);
    return names[next];
}

static const char *make_topic(const char *suffix, int32_t partitions, const char *max_message_bytes)
{
    static char names[16][64];
    static int next;
    char *name = names[next++ % 16];
    (void)snprintf(name, sizeof names[0], "%s.%s", t.prefix, suffix);
    const struct jd_kafka_property config[] = {{"max.message.bytes", max_message_bytes}};
    const struct jd_topic_spec spec = {name, partitions, config, 1};
    enum jd_kafka_status status = jd_admin_create(t.admin, &spec, 1, WAIT_MS, &t.err);
    CHECK(status == JD_KAFKA_OK, "create topic %s: %s %s", suffix, jd_kafka_status_name(status),
          status == JD_KAFKA_OK ? "" : t.err.text);
    return name;
}

static struct jd_producer *open_producer(const char *id, const char *topic, int32_t partitions)
{
    const struct jd_topic_limit limit = {topic, partitions, LIMIT};
    const struct jd_producer_config config = {.transactional_id = id, .topics = &limit, .topic_count = 1};
    struct jd_producer *producer = jd_producer_open(&t.config, &config, WAIT_MS, &t.err);
    if (producer != NULL && id != NULL) {
        enum jd_kafka_status status = jd_producer_init(producer, WAIT_MS, &t.err);
        CHECK(status == JD_KAFKA_OK, "init_transactions of %s: %s", id, jd_kafka_status_name(status));
    }
    return producer;
}

static enum jd_kafka_status send_text(struct jd_producer *producer, int32_t partition, const char *key,
                                      const char *value, int64_t *offset)
{
    const struct jd_header headers[] = {{JD_STR("a"), JD_STR("1")}, {JD_STR("b"), {NULL, 0}}};
    const struct jd_record_out record = {
        .partition = partition,
        .key = {key, key == NULL ? 0 : (uint32_t)strlen(key)},
        .value = {value, value == NULL ? 0 : (uint32_t)strlen(value)},
        .headers = headers,
        .header_count = 2,
        .timestamp = 1700000000123,
        .offset = offset,
    };
    return jd_producer_send(producer, &record, &t.err);
}

static struct jd_reader *open_reader(enum jd_isolation isolation)
{
    const struct jd_reader_config config = {.isolation = isolation, .bell = JD_WAKE_NONE};
    return jd_reader_open(&t.config, &config, &t.err);
}

/* Reads until the end of the partition or `ms` are over; values are collected in `out`, comma separated. */
static bool read_to_end(struct jd_fetch *fetch, char *out, size_t size, int64_t ms)
{
    int64_t until = jd_clock_mono() + ms;
    out[0] = '\0';
    do {
        struct jd_message messages[16];
        uint32_t count = jd_fetch_read(fetch, messages, 16);
        for (uint32_t i = 0; i < count; i++) {
            size_t used = strlen(out);
            (void)snprintf(out + used, size - used, "%s" JD_STR_FMT, used > 0 ? "," : "",
                           JD_STR_ARG(messages[i].value));
            jd_message_release(&messages[i]);
        }
        if (jd_fetch_is_at_end(fetch))
            return true;
        (void)nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    } while (jd_clock_mono() < until && jd_fetch_status(fetch, &t.err) == JD_KAFKA_OK);
    return false;
}

/* What one sees of a partition, once its end is `end`: a commit is final when it is acknowledged, but readers
 * see it only when the coordinator has written its markers, a moment later. */
static bool look(enum jd_isolation isolation, const char *topic, int32_t partition, int64_t end, char *out,
                 size_t size)
{
    int64_t until = jd_clock_mono() + WAIT_MS, position;
    do {
        struct jd_reader *reader = open_reader(isolation);
        struct jd_fetch *fetch = jd_reader_start(reader, topic, partition, 0, &t.err);
        position = read_to_end(fetch, out, size, WAIT_MS) ? jd_fetch_position(fetch) : -1;
        jd_fetch_stop(fetch);
        jd_reader_close(reader);
    } while (position != end && jd_clock_mono() < until);
    return position == end;
}

static int64_t edge_of(struct jd_reader *reader, enum jd_edge edge, const char *topic, int32_t partition)
{
    struct jd_position position = {topic, partition, -7};
    enum jd_kafka_status status = jd_reader_edges(reader, edge, &position, 1, WAIT_MS, &t.err);
    return status == JD_KAFKA_OK ? position.offset : -100 - (int64_t)status;
}

struct seat {
    uint32_t assigned, revoked, lost, held;
    char first_topic[64], last_topic[64];
};

static void on_assigned(void *context, const struct jd_position *partitions, uint32_t count)
{
    struct seat *seat = context;
    seat->assigned++;
    seat->held = count;
    if (count > 0) {
        (void)snprintf(seat->first_topic, sizeof seat->first_topic, "%s", partitions[0].topic);
        (void)snprintf(seat->last_topic, sizeof seat->last_topic, "%s", partitions[count - 1].topic);
    }
}

static void on_revoked(void *context, const struct jd_position *partitions, uint32_t count, bool lost)
{
    (void)partitions;
    struct seat *seat = context;
    seat->revoked++;
    seat->lost += lost;
    seat->held -= count;
}

static struct jd_member *take_seat(const char *group, const char *instance,
                                   const struct jd_member_events *events, const char *const *topics,
                                   uint32_t count)
{
    const struct jd_member_config config = {.group = group,
                                            .instance_id = instance,
                                            .session_timeout_ms = 3000,
                                            .events = events,
                                            .bell = JD_WAKE_NONE};
    struct jd_member *member = jd_member_open(&t.config, &config, &t.err);
    if (member != NULL)
        CHECK(jd_member_subscribe(member, topics, count, &t.err), "subscribe %s", instance);
    return member;
}

static enum jd_kafka_status poll_until(struct jd_member *member, const uint32_t *counter, uint32_t target,
                                       int64_t ms)
{
    int64_t until = jd_clock_mono() + ms;
    enum jd_kafka_status status = JD_KAFKA_OK;
    while (status == JD_KAFKA_OK && *counter < target && jd_clock_mono() < until)
        status = jd_member_poll(member, 20, &t.err);
    return status;
}

/* ---- tests ---- */

static void configuration(void)
{
    CHECK(jd_kafka_check_property("security.protocol", "SASL_SSL", &t.err),
          "a property of librdkafka passes");
    CHECK(!jd_kafka_check_property("securty.protocol", "SSL", &t.err) && t.err.code == JD_EXIT_CONFIG,
          "an unknown property is refused: %s", t.err.text);
    CHECK(!jd_kafka_check_property("linger.ms", "soon", &t.err), "a bad value is refused: %s", t.err.text);
    CHECK(!jd_kafka_check_property("isolation.level", "read_uncommitted", &t.err),
          "what the protocol depends on is refused: %s", t.err.text);

    CHECK(jd_kafka_check_property("debug", "cgrp,eos", &t.err) &&
              !jd_kafka_check_property("debug", "cgrp,security", &t.err),
          "debug, but not of secrets: %s", t.err.text);
    const struct jd_kafka_property away[] = {{"bootstrap.servers", "127.0.0.1:1"}};
    const struct jd_kafka_config config = {away, 1, "nobody"};
    struct jd_admin *admin = jd_admin_open(&config, &t.err);
    CHECK(jd_admin_reach(admin, 300, &t.err) == JD_KAFKA_RETRY && t.err.code == JD_EXIT_UNAVAILABLE &&
              strstr(t.err.text, "bootstrap.servers") != NULL,
          "a cluster that is away: %s", t.err.text);
    jd_admin_close(admin);
    CHECK(jd_admin_reach(t.admin, WAIT_MS, &t.err) == JD_KAFKA_OK, "the cluster answers");
}

static void administration(void)
{
    const char *topic = make_topic("admin", 3, "54321");
    const struct jd_kafka_property compact[] = {{"cleanup.policy", "compact"}, {"retention.ms", "-1"}};
    const struct jd_topic_spec again[] = {{topic, 3, NULL, 0}, {name_of("compact"), 1, compact, 2}};
    CHECK(jd_admin_create(t.admin, again, 2, WAIT_MS, &t.err) == JD_KAFKA_OK,
          "a topic that exists is no error");
    const struct jd_kafka_property bad[] = {{"retention.ms", "long"}};
    const struct jd_topic_spec wrong = {name_of("wrong"), 1, bad, 1};
    CHECK(jd_admin_create(t.admin, &wrong, 1, WAIT_MS, &t.err) == JD_KAFKA_REFUSED, "a bad setting: %s",
          t.err.text);
    struct jd_topic_facts facts[] = {
        {.topic = topic}, {.topic = name_of("none")}, {.topic = name_of("compact")}};
    CHECK(jd_admin_describe(t.admin, facts, 3, WAIT_MS, &t.err) == JD_KAFKA_OK, "describe");
    CHECK(facts[0].exists && facts[0].partitions == 3 && facts[0].max_message_bytes == 54321 &&
              facts[0].is_deleted && !facts[0].is_compacted,
          "facts: %d partitions, max %lld", (int)facts[0].partitions, (long long)facts[0].max_message_bytes);
    CHECK(!facts[1].exists, "a topic that is not there does not exist, and is not created by the question");
    CHECK(facts[2].is_compacted && !facts[2].is_deleted && facts[2].retention_ms == -1,
          "compacted, unlimited");
}

static void transactions(void)
{
    char seen[256];
    const char *topic = make_topic("txn", 2, "100000");
    struct jd_producer *producer = open_producer(name_of("p1"), topic, 2);
    struct jd_reader *committed = open_reader(JD_READ_COMMITTED), *raw = open_reader(JD_READ_UNCOMMITTED);
    int64_t offset = -1;
    CHECK(jd_producer_begin(producer, &t.err) == JD_KAFKA_OK, "begin");
    CHECK(send_text(producer, 0, "k", "one", &offset) == JD_KAFKA_OK &&
              send_text(producer, 0, NULL, "two", NULL) == JD_KAFKA_OK,
          "send");
    CHECK(jd_producer_flush(producer, WAIT_MS, &t.err) == JD_KAFKA_OK && offset == 0,
          "flush tells the offset: %lld", (long long)offset);
    CHECK(look(JD_READ_COMMITTED, topic, 0, 0, seen, sizeof seen) && seen[0] == '\0',
          "an open transaction is not seen: '%s'", seen);
    CHECK(look(JD_READ_UNCOMMITTED, topic, 0, 2, seen, sizeof seen) && strcmp(seen, "one,two") == 0,
          "uncommitted sees it: '%s'", seen);
    CHECK(edge_of(committed, JD_EDGE_END, topic, 0) == 0, "committed end = last stable offset 0, is %lld",
          (long long)edge_of(committed, JD_EDGE_END, topic, 0));
    CHECK(edge_of(raw, JD_EDGE_END, topic, 0) == 2, "uncommitted end = high watermark 2");
    CHECK(jd_producer_commit(producer, WAIT_MS, &t.err) == JD_KAFKA_OK, "commit");
    CHECK(look(JD_READ_COMMITTED, topic, 0, 3, seen, sizeof seen) && strcmp(seen, "one,two") == 0,
          "committed: '%s', and the end is after the marker", seen);
    CHECK(jd_producer_begin(producer, &t.err) == JD_KAFKA_OK &&
              send_text(producer, 0, "k", "gone", NULL) == JD_KAFKA_OK &&
              jd_producer_flush(producer, WAIT_MS, &t.err) == JD_KAFKA_OK &&
              jd_producer_abort(producer, WAIT_MS, &t.err) == JD_KAFKA_OK,
          "abort");
    CHECK(look(JD_READ_COMMITTED, topic, 0, 5, seen, sizeof seen) && strcmp(seen, "one,two") == 0,
          "aborted records are not seen ('%s'), the end is after them", seen);
    CHECK(jd_producer_begin(producer, &t.err) == JD_KAFKA_OK &&
              send_text(producer, 1, "k", "other", NULL) == JD_KAFKA_OK &&
              jd_producer_commit(producer, WAIT_MS, &t.err) == JD_KAFKA_OK,
          "a transaction after an abort commits");
    /* A commit is final when it is acknowledged; readers see it when the markers are written, a moment later.
     */
    for (int i = 0; i < 200 && edge_of(committed, JD_EDGE_END, topic, 1) != 2; i++)
        (void)nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    struct jd_position both[] = {{topic, 0, 0}, {topic, 1, 0}};
    CHECK(jd_reader_edges(committed, JD_EDGE_END, both, 2, WAIT_MS, &t.err) == JD_KAFKA_OK &&
              both[0].offset == 5 && both[1].offset == 2,
          "the ends of two partitions at once: %lld %lld", (long long)both[0].offset,
          (long long)both[1].offset);
    CHECK(edge_of(committed, JD_EDGE_START, topic, 0) == 0, "the start");
    both[0].offset = both[1].offset = -1;
    CHECK(jd_reader_find_time(committed, jd_clock_wall() + JD_HOUR, both, 2, WAIT_MS, &t.err) ==
                  JD_KAFKA_OK &&
              both[0].offset == 5 && both[1].offset == 2,
          "no record as late as that: the ends");
    CHECK(jd_reader_find_time(committed, 1700000000123, both, 2, WAIT_MS, &t.err) == JD_KAFKA_OK &&
              both[0].offset == 0,
          "the first record of that time");
    struct jd_position missing = {name_of("nowhere"), 0, 0};
    CHECK(jd_reader_edges(committed, JD_EDGE_END, &missing, 1, WAIT_MS, &t.err) == JD_KAFKA_REFUSED,
          "ends of a topic that is not there: %s", t.err.text);
    jd_producer_close(producer);
    jd_reader_close(committed);
    jd_reader_close(raw);
}

static void records(void)
{
    const char *topic = make_topic("records", 1, "100000");
    struct jd_producer *producer = open_producer(NULL, topic, 1);
    CHECK(send_text(producer, 0, NULL, NULL, NULL) == JD_KAFKA_OK &&
              send_text(producer, 0, "", "", NULL) == JD_KAFKA_OK &&
              jd_producer_flush(producer, WAIT_MS, &t.err) == JD_KAFKA_OK,
          "an idempotent producer without transactions");
    struct jd_reader *reader = open_reader(JD_READ_COMMITTED);
    struct jd_fetch *fetch = jd_reader_start(reader, topic, 0, 0, &t.err);
    struct jd_message m[2];
    uint32_t count = 0;
    for (int i = 0; i < 1000 && count < 2; i++) {
        count += jd_fetch_read(fetch, m + count, 2 - count);
        (void)nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    }
    CHECK(count == 2 && m[0].key.ptr == NULL && m[0].value.ptr == NULL, "null key and value are absent");
    CHECK(count == 2 && m[1].key.ptr != NULL && m[1].key.size == 0 && m[1].value.ptr != NULL &&
              m[1].value.size == 0,
          "empty ones are there");
    struct jd_header headers[2];
    CHECK(count == 2 && jd_message_headers(&m[0], headers, 2) == 2 && headers[0].value.size == 1 &&
              headers[1].value.ptr == NULL && m[0].timestamp == 1700000000123,
          "headers, one of them null, and the timestamp");
    CHECK(count == 2 && jd_message_headers(&m[0], headers, 1) == 2, "more headers than room are counted");
    for (uint32_t i = 0; i < count; i++)
        jd_message_release(&m[i]);
    jd_fetch_stop(fetch);
    jd_reader_close(reader);

    static char large[LIMIT + 1];
    memset(large, 'x', LIMIT);
    CHECK(send_text(producer, 0, "k", large, NULL) == JD_KAFKA_REFUSED, "a record over the limit: %s",
          t.err.text);
    CHECK(send_text(producer, 1, "k", "v", NULL) == JD_KAFKA_REFUSED, "no such partition: %s", t.err.text);
    jd_producer_close(producer);

    /* The broker's limit is smaller than we were told. */
    const char *small = make_topic("small", 1, "1000");
    producer = open_producer(name_of("p2"), small, 1);
    static char random[5001];
    unsigned seed = 1;
    for (size_t i = 0; i < sizeof random - 1; i++)
        random[i] = (char)('!' + (seed = seed * 1103515245u + 12345u) / 65536 % 90);
    CHECK(jd_producer_begin(producer, &t.err) == JD_KAFKA_OK &&
              send_text(producer, 0, "k", random, NULL) == JD_KAFKA_OK,
          "queue a record that the broker will refuse");
    enum jd_kafka_status status = jd_producer_flush(producer, WAIT_MS, &t.err);
    CHECK(status == JD_KAFKA_ABORT, "its refusal aborts the transaction: %s, %s",
          jd_kafka_status_name(status), t.err.text);
    status = jd_producer_commit(producer, WAIT_MS, &t.err);
    CHECK(status == JD_KAFKA_ABORT, "which cannot commit: %s, %s", jd_kafka_status_name(status), t.err.text);
    CHECK(jd_producer_abort(producer, WAIT_MS, &t.err) == JD_KAFKA_OK, "abort it");
    /* The refused record left a gap in the sequence: 2.0.2 may need another abort to begin a new epoch. */
    status = JD_KAFKA_ABORT;
    for (int i = 0; i < 2 && status == JD_KAFKA_ABORT; i++) {
        (void)jd_producer_begin(producer, &t.err);
        (void)send_text(producer, 0, "k", "v", NULL);
        status = jd_producer_commit(producer, WAIT_MS, &t.err);
        if (status == JD_KAFKA_ABORT)
            CHECK(jd_producer_abort(producer, WAIT_MS, &t.err) == JD_KAFKA_OK, "one more abort");
    }
    CHECK(status == JD_KAFKA_OK, "and the producer goes on: %s", jd_kafka_status_name(status));
    jd_producer_close(producer);

    /* Many records that are small one by one: a batch must not outgrow the topic's limit. */
    const char *hundred = make_topic("hundred", 1, "100000");
    producer = open_producer(name_of("p3"), hundred, 1);
    CHECK(jd_producer_begin(producer, &t.err) == JD_KAFKA_OK, "begin");
    for (int i = 0; i < 40; i++)
        status = send_text(producer, 0, "k", random, NULL);
    status = jd_producer_commit(producer, WAIT_MS, &t.err);
    CHECK(status == JD_KAFKA_OK, "40 records of 5 kB into a topic of 100 kB: %s",
          jd_kafka_status_name(status));
    jd_producer_close(producer);
}

static void fencing(void)
{
    char seen[64];
    const char *topic = make_topic("fence", 1, "100000");
    char id[64];
    (void)snprintf(id, sizeof id, "%s", name_of("p4"));
    struct jd_producer *older = open_producer(id, topic, 1);
    CHECK(jd_producer_begin(older, &t.err) == JD_KAFKA_OK &&
              send_text(older, 0, "k", "old", NULL) == JD_KAFKA_OK &&
              jd_producer_flush(older, WAIT_MS, &t.err) == JD_KAFKA_OK,
          "the older producer has an open transaction");
    struct jd_producer *newer = open_producer(id, topic, 1);
    enum jd_kafka_status status = jd_producer_commit(older, WAIT_MS, &t.err);
    CHECK(status == JD_KAFKA_FENCED, "its commit after the newer one came: %s, %s",
          jd_kafka_status_name(status), t.err.text);
    status = jd_producer_begin(older, &t.err);
    CHECK(status == JD_KAFKA_FENCED, "and everything after it: %s", jd_kafka_status_name(status));
    jd_producer_close(older);
    CHECK(jd_producer_begin(newer, &t.err) == JD_KAFKA_OK &&
              send_text(newer, 0, "k", "new", NULL) == JD_KAFKA_OK &&
              jd_producer_commit(newer, WAIT_MS, &t.err) == JD_KAFKA_OK,
          "the newer one works");
    CHECK(look(JD_READ_COMMITTED, topic, 0, 4, seen, sizeof seen) && strcmp(seen, "new") == 0,
          "only its record is seen: '%s'", seen);
    jd_producer_close(newer);
}

static void starting_and_stopping(void)
{
    char seen[256], again[256];
    const char *topic = make_topic("queues", 3, "100000");
    struct jd_producer *producer = open_producer(name_of("p5"), topic, 3);
    (void)jd_producer_begin(producer, &t.err);
    for (int i = 0; i < 5; i++)
        for (int p = 0; p < 3; p++)
            (void)send_text(producer, p, "k", (const char *[]){"a", "b", "c", "d", "e"}[i], NULL);
    CHECK(jd_producer_commit(producer, WAIT_MS, &t.err) == JD_KAFKA_OK, "15 records in 3 partitions");
    for (int p = 0; p < 3; p++)
        CHECK(look(JD_READ_COMMITTED, topic, p, 6, seen, sizeof seen), "seen in partition %d", p);
    int bell;
    CHECK(jd_wake_open(&bell, &t.err), "bell");
    const struct jd_reader_config config = {.isolation = JD_READ_COMMITTED, .bell = bell};
    struct jd_reader *reader = jd_reader_open(&t.config, &config, &t.err);
    struct jd_fetch *left = jd_reader_start(reader, topic, 0, 0, &t.err);
    CHECK(jd_wake_wait(bell, WAIT_MS), "the bell rings when a queue fills");
    CHECK(read_to_end(left, seen, sizeof seen, WAIT_MS) && strcmp(seen, "a,b,c,d,e") == 0,
          "one partition: '%s'", seen);
    int stalls = 0;
    for (int round = 0; round < 20; round++) { /* starts beside a live one, and again from elsewhere */
        struct jd_fetch *right = jd_reader_start(reader, topic, 1 + round % 2, round % 5, &t.err);
        stalls +=
            !read_to_end(right, seen, sizeof seen, 3000) || strcmp(seen, &"a,b,c,d,e"[2 * (round % 5)]) != 0;
        jd_fetch_stop(right);
    }
    CHECK(stalls == 0, "20 starts and stops of other partitions, each from its offset; %d stalled", stalls);
    while (jd_wake_wait(bell, 200))
        continue;
    (void)jd_producer_begin(producer, &t.err);
    (void)send_text(producer, 0, "k", "f", NULL);
    CHECK(jd_producer_commit(producer, WAIT_MS, &t.err) == JD_KAFKA_OK, "one more in the first");
    CHECK(jd_wake_wait(bell, WAIT_MS), "the bell rings again");
    int64_t until = jd_clock_mono() + WAIT_MS;
    again[0] = '\0';
    while (strcmp(again, "f") != 0 && jd_clock_mono() < until)
        (void)read_to_end(left, again, sizeof again, 200);
    CHECK(strcmp(again, "f") == 0, "it had never stopped: '%s'", again);
    CHECK(read_to_end(left, again, sizeof again, WAIT_MS) && jd_fetch_position(left) == 8,
          "its end is after the marker: %lld", (long long)jd_fetch_position(left));
    jd_fetch_stop(left);
    struct jd_fetch *at_end = jd_reader_start(reader, topic, 0, 8, &t.err);
    CHECK(read_to_end(at_end, again, sizeof again, WAIT_MS) && again[0] == '\0' &&
              jd_fetch_position(at_end) == 8,
          "started at the end, it reports the end");
    jd_fetch_stop(at_end);
    struct jd_fetch *beyond = jd_reader_start(reader, topic, 0, 99, &t.err);
    (void)read_to_end(beyond, again, sizeof again, WAIT_MS);
    enum jd_kafka_status status = jd_fetch_status(beyond, &t.err);
    CHECK(status == JD_KAFKA_REFUSED, "started beyond the end: %s, %s", jd_kafka_status_name(status),
          t.err.text);
    jd_fetch_stop(beyond);
    jd_reader_close(reader);
    jd_wake_close(&bell);
    jd_producer_close(producer);
}

static void group(void)
{
    const char *const topics[] = {make_topic("in.a", 2, "100000"), make_topic("in.b", 2, "100000")};
    char group_name[64];
    (void)snprintf(group_name, sizeof group_name, "%s", name_of("group"));
    struct seat seat = {.assigned = 0}, rival_seat = {.assigned = 0};
    const struct jd_member_events events = {&seat, on_assigned, on_revoked};
    const struct jd_member_events rival_events = {&rival_seat, on_assigned, on_revoked};
    int64_t begin = jd_clock_mono();
    struct jd_member *member = take_seat(group_name, "one", &events, topics, 2);
    (void)poll_until(member, &seat.assigned, 1, WAIT_MS);
    CHECK(seat.assigned == 1 && seat.held == 4 && jd_member_is_in(member) &&
              jd_member_generation(member) == 1,
          "assigned %u partitions after %lld ms", (unsigned)seat.held, (long long)(jd_clock_mono() - begin));
    CHECK(strcmp(seat.first_topic, topics[0]) == 0 && strcmp(seat.last_topic, topics[1]) == 0,
          "sorted by topic");
    struct jd_position at[] = {{topics[0], 0, -7}, {topics[1], 1, -7}};
    enum jd_kafka_status status = jd_member_committed(member, at, 2, WAIT_MS, &t.err);
    CHECK(status == JD_KAFKA_OK && at[0].offset == JD_OFFSET_NONE && at[1].offset == JD_OFFSET_NONE,
          "nothing was committed yet: none, %s", jd_kafka_status_name(status));

    struct jd_producer *producer = open_producer(name_of("p6"), topics[0], 2);
    const struct jd_position offsets[] = {{topics[0], 0, 5}, {topics[1], 1, 0}};
    (void)jd_producer_begin(producer, &t.err);
    CHECK(jd_producer_send_offsets(producer, member, offsets, 2, WAIT_MS, &t.err) == JD_KAFKA_OK &&
              jd_producer_commit(producer, WAIT_MS, &t.err) == JD_KAFKA_OK,
          "offsets in a transaction without records");
    CHECK(jd_member_committed(member, at, 2, WAIT_MS, &t.err) == JD_KAFKA_OK && at[0].offset == 5 &&
              at[1].offset == 0,
          "committed: %lld %lld", (long long)at[0].offset, (long long)at[1].offset);

    /* An open transaction holds the answer back: a time-out, not "none". */
    (void)jd_producer_begin(producer, &t.err);
    const struct jd_position next[] = {{topics[0], 0, 9}};
    CHECK(jd_producer_send_offsets(producer, member, next, 1, WAIT_MS, &t.err) == JD_KAFKA_OK,
          "offsets, not committed");
    at[0].offset = -7;
    status = jd_member_committed(member, at, 1, 700, &t.err);
    CHECK(status == JD_KAFKA_RETRY && at[0].offset == -7,
          "committed() while they are open: %s, nothing written", jd_kafka_status_name(status));
    CHECK(jd_producer_abort(producer, WAIT_MS, &t.err) == JD_KAFKA_OK, "abort");
    CHECK(jd_member_committed(member, at, 1, WAIT_MS, &t.err) == JD_KAFKA_OK && at[0].offset == 5, "then: 5");

    /* The harness for a dead predecessor: its id is known, its transaction is ended for it. */
    struct jd_producer *dead = open_producer(name_of("p7"), topics[0], 2);
    char dead_id[64];
    (void)snprintf(dead_id, sizeof dead_id, "%s", name_of("p7"));
    (void)jd_producer_begin(dead, &t.err);
    (void)send_text(dead, 0, "k", "v", NULL);
    CHECK(jd_producer_flush(dead, WAIT_MS, &t.err) == JD_KAFKA_OK &&
              jd_producer_send_offsets(dead, member, next, 1, WAIT_MS, &t.err) == JD_KAFKA_OK,
          "a producer that will never end its transaction");
    jd_producer_close(dead);
    CHECK(jd_member_committed(member, at, 1, 700, &t.err) == JD_KAFKA_RETRY, "keeps the offsets unstable");
    begin = jd_clock_mono();
    CHECK(jd_kafka_end_transaction_of(&t.config, dead_id, WAIT_MS, &t.err) == JD_KAFKA_OK &&
              jd_member_committed(member, at, 1, WAIT_MS, &t.err) == JD_KAFKA_OK && at[0].offset == 5,
          "until it is ended under its id: %lld ms", (long long)(jd_clock_mono() - begin));

    /* A negative offset would drop out silently. */
    (void)fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        const struct jd_position negative[] = {{topics[0], 0, -1}};
        if (freopen("/dev/null", "w", stderr) == NULL)
            _exit(0);
        (void)jd_producer_send_offsets(producer, member, negative, 1, WAIT_MS, &t.err);
        _exit(0);
    }
    int how = 0;
    (void)waitpid(child, &how, 0);
    CHECK(WIFSIGNALED(how) && WTERMSIG(how) == SIGABRT, "a negative offset is refused by assertion");

    /* Two live members with one instance id. */
    struct jd_member *rival = take_seat(group_name, "one", &rival_events, topics, 2);
    (void)poll_until(rival, &rival_seat.assigned, 1, WAIT_MS);
    CHECK(rival_seat.assigned == 1 && rival_seat.held == 4,
          "a second member with the same instance id takes over");
    (void)jd_producer_begin(producer, &t.err);
    status = jd_producer_send_offsets(producer, member, next, 1, WAIT_MS, &t.err);
    CHECK(status == JD_KAFKA_RIVAL && t.err.code == JD_EXIT_CONFIG, "the older one's offsets: %s, %s",
          jd_kafka_status_name(status), t.err.text);
    CHECK(jd_producer_abort(producer, WAIT_MS, &t.err) == JD_KAFKA_OK, "abort");
    uint32_t never = 0;
    status = poll_until(member, &never, 1, WAIT_MS);
    CHECK(status == JD_KAFKA_RIVAL, "and its poll: %s, %s", jd_kafka_status_name(status), t.err.text);
    jd_member_close(member);
    jd_producer_close(producer);
    jd_member_close(rival);
}

static void rebalancing(void)
{
    const char *const topics[] = {make_topic("re.a", 4, "100000"), make_topic("re.b", 4, "100000")};
    char group_name[64];
    (void)snprintf(group_name, sizeof group_name, "%s", name_of("regroup"));
    struct seat one = {.assigned = 0}, two = {.assigned = 0};
    const struct jd_member_events events_one = {&one, on_assigned, on_revoked},
                                  events_two = {&two, on_assigned, on_revoked};
    struct jd_member *first = take_seat(group_name, "one", &events_one, topics, 2);
    (void)poll_until(first, &one.assigned, 1, WAIT_MS);
    CHECK(one.held == 8, "alone: all 8");
    struct jd_member *second = take_seat(group_name, "two", &events_two, topics, 2);
    int64_t until = jd_clock_mono() + WAIT_MS;
    while ((one.held != 4 || two.held != 4) && jd_clock_mono() < until) {
        (void)jd_member_poll(first, 10, &t.err);
        (void)jd_member_poll(second, 10, &t.err);
    }
    CHECK(one.held == 4 && two.held == 4 && one.revoked >= 1 && one.lost == 0, "two members: %u and %u",
          (unsigned)one.held, (unsigned)two.held);
    struct jd_producer *producer = open_producer(name_of("p8"), topics[0], 4);
    const struct jd_position offset[] = {{topics[0], 3, 1}};

    /* The second stops polling for longer than its session: the group goes on without it, and its commit
     * fails. */
    jd_member_close(second); /* static: it stays in the group until its session ends */
    CHECK(two.revoked >= 1, "closing revokes");
begin_again:
    (void)jd_producer_begin(producer, &t.err);
    enum jd_kafka_status status = jd_producer_send_offsets(producer, first, offset, 1, WAIT_MS, &t.err);
    if (status == JD_KAFKA_ABORT) { /* the rebalance came in between */
        (void)jd_producer_abort(producer, WAIT_MS, &t.err);
        (void)poll_until(first, &one.assigned, one.assigned + 1, WAIT_MS);
        goto begin_again;
    }
    CHECK(status == JD_KAFKA_OK && jd_producer_commit(producer, WAIT_MS, &t.err) == JD_KAFKA_OK,
          "the first commits");
    (void)poll_until(first, &one.held, 8, WAIT_MS);
    CHECK(one.held == 8, "after the session of the second ended the first has all: %u", (unsigned)one.held);
    jd_producer_close(producer);
    jd_member_close(first);
}

/* The other process: owns partitions, says so, is stopped, and when it may go on commits as if nothing had
 * been. */
int zombie_main(const char *bootstrap, const char *prefix)
{
    char line[8];
    (void)snprintf(t.prefix, sizeof t.prefix, "%s", prefix);
    t.properties[0] = (struct jd_kafka_property){"bootstrap.servers", bootstrap};
    t.config = (struct jd_kafka_config){t.properties, 1, "journeyd-zombie"};
    struct seat seat = {.assigned = 0};
    const struct jd_member_events events = {&seat, on_assigned, on_revoked};
    const struct jd_member_config config = {.group = name_of("zombies"),
                                            .instance_id = "zombie",
                                            .session_timeout_ms = 3000,
                                            .events = &events,
                                            .bell = JD_WAKE_NONE};
    const char *const topic = name_of("z");
    const struct jd_topic_limit limit = {topic, 2, LIMIT};
    const struct jd_producer_config producer_config = {
        .transactional_id = name_of("zp"), .topics = &limit, .topic_count = 1};
    struct jd_member *member = jd_member_open(&t.config, &config, &t.err);
    struct jd_producer *producer = jd_producer_open(&t.config, &producer_config, WAIT_MS, &t.err);
    if (!jd_member_subscribe(member, &topic, 1, &t.err) ||
        jd_producer_init(producer, WAIT_MS, &t.err) != JD_KAFKA_OK ||
        poll_until(member, &seat.assigned, 1, WAIT_MS) != JD_KAFKA_OK ||
        jd_producer_begin(producer, &t.err) != JD_KAFKA_OK ||
        send_text(producer, 0, "k", "from the dead", NULL) != JD_KAFKA_OK)
        return 1;
    printf("ready\n");
    (void)fflush(stdout);
    if (fgets(line, sizeof line, stdin) == NULL) /* stopped here, and continued when the others went on */
        return 1;
    const struct jd_position offset = {topic, 0, 1};
    enum jd_kafka_status status = jd_producer_send_offsets(producer, member, &offset, 1, WAIT_MS, &t.err);
    if (status == JD_KAFKA_OK)
        status = jd_producer_commit(producer, WAIT_MS, &t.err);
    (void)poll_until(member, &seat.revoked, 1, WAIT_MS);
    printf("%s %u\n", jd_kafka_status_name(status), (unsigned)seat.lost);
    (void)fflush(stdout);
    _exit(0);
}

static void zombies(const char *bootstrap)
{
    const char *const topic = make_topic("z", 2, "100000");
    int to[2], from[2];
    char text[64] = "";
    if (pipe(to) != 0 || pipe(from) != 0)
        return;
    pid_t child = fork();
    if (child == 0) {
        (void)dup2(to[0], STDIN_FILENO);
        (void)dup2(from[1], STDOUT_FILENO);
        (void)execl("/proc/self/exe", "adapters-run", "zombie", bootstrap, t.prefix, (char *)NULL);
        _exit(127);
    }
    ssize_t got = read(from[0], text, sizeof text - 1);
    CHECK(got > 0 && strncmp(text, "ready", 5) == 0,
          "another process owns both partitions and has a transaction open");
    (void)kill(child, SIGSTOP);
    char group_name[64], seen[64];
    (void)snprintf(group_name, sizeof group_name, "%s", name_of("zombies"));
    struct seat heir_seat = {.assigned = 0};
    const struct jd_member_events events = {&heir_seat, on_assigned, on_revoked};
    struct jd_member *heir = take_seat(group_name, "heir", &events, &topic, 1);
    (void)poll_until(heir, &heir_seat.held, 2, WAIT_MS);
    CHECK(heir_seat.held == 2, "it is stopped; after its session an heir has both");
    struct jd_position at = {topic, 0, -7};
    CHECK(jd_member_committed(heir, &at, 1, WAIT_MS, &t.err) == JD_KAFKA_OK && at.offset == JD_OFFSET_NONE,
          "nothing of it is committed, nor can be");
    (void)kill(child, SIGCONT);
    got = write(to[1], "go\n", 3) == 3 ? read(from[0], text, sizeof text - 1) : -1;
    text[got > 0 ? got : 0] = '\0';
    CHECK(strncmp(text, "abort 1", 7) == 0 || strncmp(text, "fenced 1", 8) == 0,
          "it goes on and cannot commit; its partitions are lost: %s", strtok(text, "\n"));
    int how = 0;
    (void)waitpid(child, &how, 0);
    CHECK(jd_kafka_end_transaction_of(&t.config, name_of("zp"), WAIT_MS, &t.err) == JD_KAFKA_OK &&
              look(JD_READ_COMMITTED, topic, 0, 2, seen, sizeof seen) && seen[0] == '\0',
          "what it wrote is never seen: '%s'", seen);
    CHECK(jd_member_committed(heir, &at, 1, WAIT_MS, &t.err) == JD_KAFKA_OK && at.offset == JD_OFFSET_NONE,
          "nor counted");
    jd_member_close(heir);
    for (int i = 0; i < 2; i++) {
        (void)close(to[i]);
        (void)close(from[i]);
    }
}

void test_kafka(const char *bootstrap)
{
    (void)snprintf(t.prefix, sizeof t.prefix, "jdt%lld", (long long)jd_clock_wall());
    t.properties[0] = (struct jd_kafka_property){"bootstrap.servers", bootstrap};
    t.config = (struct jd_kafka_config){t.properties, 1, "journeyd-test"};
    t.admin = jd_admin_open(&t.config, &t.err);
    configuration();
    administration();
    transactions();
    records();
    fencing();
    starting_and_stopping();
    group();
    rebalancing();
    zombies(bootstrap);
    jd_admin_close(t.admin);
}

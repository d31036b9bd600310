/* Reading partitions that one is told to read. librdkafka's simple consumer: each partition has its own queue
 * from the start, so nothing has to be separated afterwards, and each starts and stops alone. */
#include "adapters/kafka_internal.h"

#include "base/alloc.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { READ_STEP = 256 }; /* messages taken from a queue at once; more brings nothing */

struct jd_reader {
    rd_kafka_t *rk;
    int bell;
    uint32_t fetches; /* started and not stopped */
};

struct jd_fetch {
    struct jd_reader *reader;
    rd_kafka_topic_t *topic;
    rd_kafka_queue_t *queue;
    int32_t partition;
    int64_t position;
    bool is_at_end;
    enum jd_kafka_status status;
    struct jd_error error; /* set when status is not OK */
};

/* ---- messages ---- */

static struct jd_str text_of(const void *bytes, size_t size)
{
    return (struct jd_str){bytes, (uint32_t)size}; /* a record is far below 4 GiB: message sizes are int32 */
}

int32_t jd_message_headers(const struct jd_message *message, struct jd_header *headers, uint32_t max)
{
    rd_kafka_headers_t *list = NULL;
    rd_kafka_resp_err_t code = rd_kafka_message_headers(message->handle, &list);
    if (code == RD_KAFKA_RESP_ERR__NOENT)
        return 0;
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return -1;
    size_t count = rd_kafka_header_cnt(list);
    for (size_t i = 0; i < count && i < max; i++) {
        const char *name = NULL;
        const void *value = NULL;
        size_t size = 0;
        if (rd_kafka_header_get_all(list, i, &name, &value, &size) != RD_KAFKA_RESP_ERR_NO_ERROR)
            return -1;
        headers[i] = (struct jd_header){text_of(name, strlen(name)), text_of(value, size)};
    }
    return (int32_t)count;
}

void jd_message_release(struct jd_message *message)
{
    rd_kafka_message_destroy(message->handle);
    message->handle = NULL;
}

static struct jd_message view(rd_kafka_message_t *message)
{
    rd_kafka_timestamp_type_t type;
    int64_t timestamp = rd_kafka_message_timestamp(message, &type);
    return (struct jd_message){
        .key = text_of(message->key, message->key_len),
        .value = text_of(message->payload, message->len),
        .offset = message->offset,
        .timestamp = type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE ? JD_TIME_NONE : timestamp,
        .partition = message->partition,
        .handle = message,
    };
}

/* ---- reader and fetches ---- */

struct jd_reader *jd_reader_open(const struct jd_kafka_config *config,
                                 const struct jd_reader_config *reader_config, struct jd_error *err)
{
    char kbytes[16];
    (void)snprintf(kbytes, sizeof kbytes, "%u",
                   reader_config->queue_kbytes > 0 ? (unsigned)reader_config->queue_kbytes : 4096u);
    const struct jd_kafka_property defaults[] = {
        {"fetch.wait.max.ms", "50"}, /* how late an end may be reported */
        {"fetch.error.backoff.ms", "50"},
        {NULL, NULL},
    };
    const struct jd_kafka_property fixed[] = {
        {"isolation.level",
         reader_config->isolation == JD_READ_COMMITTED ? "read_committed" : "read_uncommitted"},
        {"queued.max.messages.kbytes", kbytes},
        {"enable.partition.eof", "true"},
        {"enable.auto.commit", "false"},
        {"enable.auto.offset.store", "false"},
        {"auto.offset.reset", "error"},
        {"allow.auto.create.topics", "false"},
        {NULL, NULL},
    };
    rd_kafka_conf_t *conf = jd_kafka_conf(config, defaults, fixed, err);
    rd_kafka_t *rk = conf == NULL ? NULL : jd_kafka_new(RD_KAFKA_CONSUMER, conf, err);
    if (rk == NULL)
        return NULL;
    struct jd_reader *reader = jd_alloc(sizeof *reader);
    reader->rk = rk;
    reader->bell = reader_config->bell;
    return reader;
}

void jd_reader_close(struct jd_reader *reader)
{
    if (reader == NULL)
        return;
    assert(reader->fetches == 0);
    rd_kafka_destroy(reader->rk);
    free(reader);
}

struct jd_fetch *jd_reader_start(struct jd_reader *reader, const char *topic, int32_t partition,
                                 int64_t offset, struct jd_error *err)
{
    assert(offset >= 0);
    rd_kafka_topic_t *rkt = rd_kafka_topic_new(reader->rk, topic, NULL);
    if (rkt == NULL) {
        (void)jd_error_set(err, JD_EXIT_INTERNAL, "topic %s: %s", topic,
                           rd_kafka_err2str(rd_kafka_last_error()));
        return NULL;
    }
    rd_kafka_queue_t *queue = rd_kafka_queue_new(reader->rk);
    jd_kafka_bell(queue, reader->bell);
    if (rd_kafka_consume_start_queue(rkt, partition, offset, queue) != 0) {
        (void)jd_error_set(err, JD_EXIT_INTERNAL, "reading %s/%d from %lld: %s", topic, (int)partition,
                           (long long)offset, rd_kafka_err2str(rd_kafka_last_error()));
        rd_kafka_queue_destroy(queue);
        rd_kafka_topic_destroy(rkt);
        return NULL;
    }
    struct jd_fetch *fetch = jd_alloc(sizeof *fetch);
    *fetch =
        (struct jd_fetch){reader, rkt, queue, partition, offset, false, JD_KAFKA_OK, {.code = JD_EXIT_OK}};
    reader->fetches++;
    return fetch;
}

void jd_fetch_stop(struct jd_fetch *fetch)
{
    if (fetch == NULL)
        return;
    (void)rd_kafka_consume_stop(fetch->topic, fetch->partition); /* fails only if it was never started */
    rd_kafka_queue_destroy(fetch->queue);
    rd_kafka_topic_destroy(fetch->topic);
    fetch->reader->fetches--;
    free(fetch);
}

/* An entry that is no record: the end of the partition, or an error. */
static void take_event(struct jd_fetch *fetch, const rd_kafka_message_t *message)
{
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        fetch->position = message->offset;
        fetch->is_at_end = true;
        return;
    }
    enum jd_kafka_status status = jd_kafka_classify(message->err);
    if (status == JD_KAFKA_RETRY || status == JD_KAFKA_OK)
        return; /* librdkafka goes on by itself */
    char what[320], reason[320];
    (void)snprintf(what, sizeof what, "%s/%d at offset %lld", rd_kafka_topic_name(fetch->topic),
                   (int)fetch->partition, (long long)fetch->position);
    (void)snprintf(reason, sizeof reason, "%s%s", rd_kafka_message_errstr(message),
                   jd_kafka_advice(message->err));
    fetch->status = jd_kafka_fail(&fetch->error, JD_KAFKA_REFUSED, what, reason);
}

uint32_t jd_fetch_read(struct jd_fetch *fetch, struct jd_message *messages, uint32_t max)
{
    uint32_t count = 0;
    rd_kafka_message_t *batch[READ_STEP];
    for (;;) {
        uint32_t wanted = max - count < READ_STEP ? max - count : READ_STEP;
        if (wanted == 0)
            return count;
        ssize_t got = rd_kafka_consume_batch_queue(fetch->queue, 0, batch, wanted);
        if (got <= 0)
            return count;
        for (ssize_t i = 0; i < got; i++) {
            if (batch[i]->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
                take_event(fetch, batch[i]);
                rd_kafka_message_destroy(batch[i]);
                continue;
            }
            fetch->position = batch[i]->offset + 1;
            fetch->is_at_end = false;
            messages[count++] = view(batch[i]);
        }
    }
}

int64_t jd_fetch_position(const struct jd_fetch *fetch)
{
    return fetch->position;
}

bool jd_fetch_is_at_end(const struct jd_fetch *fetch)
{
    return fetch->is_at_end;
}

enum jd_kafka_status jd_fetch_status(const struct jd_fetch *fetch, struct jd_error *err)
{
    if (fetch->status != JD_KAFKA_OK)
        *err = fetch->error;
    return fetch->status;
}

/* ---- offsets ---- */

/* Asks ListOffsets for the timestamp (or −1 the end, −2 the start) of each partition. */
static enum jd_kafka_status list_offsets(struct jd_reader *reader, int64_t timestamp,
                                         struct jd_position *positions, uint32_t count, int timeout_ms,
                                         struct jd_error *err)
{
    if (count == 0)
        return JD_KAFKA_OK;
    rd_kafka_topic_partition_list_t *list = jd_kafka_list(positions, count);
    for (int i = 0; i < list->cnt; i++)
        list->elems[i].offset = timestamp;
    rd_kafka_resp_err_t code = rd_kafka_offsets_for_times(reader->rk, list, timeout_ms);
    int at = 0;
    for (int i = 0; i < list->cnt && code == RD_KAFKA_RESP_ERR_NO_ERROR; i++) {
        code = list->elems[i].err;
        at = i;
    }
    enum jd_kafka_status status = jd_kafka_classify(code);
    if (status == JD_KAFKA_OK) {
        for (uint32_t i = 0; i < count; i++)
            positions[i].offset = list->elems[i].offset;
    } else {
        char what[320], reason[256];
        (void)snprintf(what, sizeof what, "offsets of %s/%d", list->elems[at].topic,
                       (int)list->elems[at].partition);
        (void)snprintf(reason, sizeof reason, "%s%s", rd_kafka_err2str(code), jd_kafka_advice(code));
        (void)jd_kafka_fail(err, status, what, reason);
    }
    rd_kafka_topic_partition_list_destroy(list);
    return status;
}

enum jd_kafka_status jd_reader_edges(struct jd_reader *reader, enum jd_edge edge,
                                     struct jd_position *positions, uint32_t count, int timeout_ms,
                                     struct jd_error *err)
{
    return list_offsets(reader, edge == JD_EDGE_END ? RD_KAFKA_OFFSET_END : RD_KAFKA_OFFSET_BEGINNING,
                        positions, count, timeout_ms, err);
}

enum jd_kafka_status jd_reader_find_time(struct jd_reader *reader, jd_time when,
                                         struct jd_position *positions, uint32_t count, int timeout_ms,
                                         struct jd_error *err)
{
    enum jd_kafka_status status =
        list_offsets(reader, when < 0 ? 0 : when, positions, count, timeout_ms, err);
    for (uint32_t i = 0; i < count && status == JD_KAFKA_OK; i++)
        if (positions[i].offset < 0) /* nothing as late as that */
            status = jd_reader_edges(reader, JD_EDGE_END, &positions[i], 1, timeout_ms, err);
    return status;
}

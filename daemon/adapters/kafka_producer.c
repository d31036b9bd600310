/* One transactional producer, with librdkafka's many errors reduced to what the shell can do about them. */
#include "adapters/kafka_internal.h"

#include "base/alloc.h"
#include "base/fault.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    RECORD_OVERHEAD = 70,     /* bytes a record may add to key, value and headers: batch head, varints */
    HEADER_OVERHEAD = 12,     /* two varints */
    QUEUE_FULL_STEP_MS = 100, /* one wait for room … */
    QUEUE_FULL_STEPS = 100,   /* … and how often */
    TRANSACTION_TIMEOUT_MS = 10000,
};

struct target {
    rd_kafka_topic_t *handle;
    int32_t partitions;
    int64_t max_bytes;
};

struct jd_producer {
    rd_kafka_t *rk;
    bool is_transactional;
    uint32_t target_count;
    struct target *targets;
    rd_kafka_resp_err_t refused; /* first record that the broker did not take, since begin or flush */
    char refused_topic[256];
};

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque)
{
    (void)rk;
    struct jd_producer *producer = opaque;
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        if (message->_private != NULL)
            *(int64_t *)message->_private = message->offset;
        return;
    }
    if (producer->refused != RD_KAFKA_RESP_ERR_NO_ERROR)
        return;
    producer->refused = message->err;
    (void)snprintf(producer->refused_topic, sizeof producer->refused_topic, "%s/%d",
                   rd_kafka_topic_name(message->rkt), (int)message->partition);
}

/* ---- errors ---- */

static enum jd_kafka_status fail_code(struct jd_producer *producer, enum jd_kafka_status status,
                                      const char *what, rd_kafka_resp_err_t code, const char *text,
                                      struct jd_error *err)
{
    char reason[JD_ERROR_TEXT_MAX];
    if (producer->refused != RD_KAFKA_RESP_ERR_NO_ERROR && status == JD_KAFKA_ABORT)
        (void)snprintf(reason, sizeof reason, "%s (a record for %s was refused: %s)", text,
                       producer->refused_topic, rd_kafka_err2str(producer->refused));
    else
        (void)snprintf(reason, sizeof reason, "%s%s", text, jd_kafka_advice(code));
    return jd_kafka_fail(err, status, what, reason);
}

/* The handle is dead: whether because a newer producer has its id, or for good. */
static enum jd_kafka_status fail_fatal(struct jd_producer *producer, const char *what, struct jd_error *err)
{
    char text[256];
    rd_kafka_resp_err_t code = rd_kafka_fatal_error(producer->rk, text, sizeof text);
    enum jd_kafka_status status = jd_kafka_classify(code);
    if (status != JD_KAFKA_FENCED && status != JD_KAFKA_REFUSED)
        status = JD_KAFKA_UNKNOWN;
    return fail_code(producer, status, what, code, text, err);
}

/* Takes `error`. A time-out, or an error that may be retried, is `if_retriable`. */
static enum jd_kafka_status judge(struct jd_producer *producer, rd_kafka_error_t *error, const char *what,
                                  enum jd_kafka_status if_retriable, struct jd_error *err)
{
    if (error == NULL)
        return JD_KAFKA_OK;
    rd_kafka_resp_err_t code = rd_kafka_error_code(error);
    enum jd_kafka_status status;
    if (rd_kafka_error_is_fatal(error))
        status = fail_fatal(producer, what, err);
    else if (rd_kafka_error_txn_requires_abort(error))
        status = fail_code(producer,
                           code == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID ? JD_KAFKA_RIVAL : JD_KAFKA_ABORT,
                           what, code, rd_kafka_error_string(error), err);
    else if (rd_kafka_error_is_retriable(error) || code == RD_KAFKA_RESP_ERR__TIMED_OUT)
        status = fail_code(producer, if_retriable, what, code, rd_kafka_error_string(error), err);
    else
        status = fail_code(producer,
                           jd_kafka_classify(code) == JD_KAFKA_REFUSED ? JD_KAFKA_REFUSED : JD_KAFKA_UNKNOWN,
                           what, code, rd_kafka_error_string(error), err);
    rd_kafka_error_destroy(error);
    return status;
}

/* ---- open, close ---- */

static int64_t smallest_limit(const struct jd_producer_config *config)
{
    int64_t smallest = 1000000;
    for (uint32_t i = 0; i < config->topic_count; i++)
        if (config->topics[i].max_bytes > 0 && config->topics[i].max_bytes < smallest)
            smallest = config->topics[i].max_bytes;
    return smallest;
}

static int64_t largest_limit(const struct jd_producer_config *config)
{
    int64_t largest = 1000000;
    for (uint32_t i = 0; i < config->topic_count; i++)
        if (config->topics[i].max_bytes > largest)
            largest = config->topics[i].max_bytes;
    return largest < 1000000000 ? largest : 1000000000; /* message.max.bytes allows no more */
}

static rd_kafka_conf_t *make_conf(const struct jd_kafka_config *config,
                                  const struct jd_producer_config *producer_config, struct jd_error *err)
{
    char batch_size[24], message_max[24], timeout[16];
    /* A batch in one partition must pass the smallest topic's limit whatever it compresses to. */
    (void)snprintf(batch_size, sizeof batch_size, "%lld",
                   (long long)(smallest_limit(producer_config) * 9 / 10));
    (void)snprintf(message_max, sizeof message_max, "%lld", (long long)largest_limit(producer_config));
    (void)snprintf(timeout, sizeof timeout, "%d",
                   producer_config->transaction_timeout_ms > 0
                       ? producer_config->transaction_timeout_ms
                       : jd_fault_number("JD_TRANSACTION_TIMEOUT", TRANSACTION_TIMEOUT_MS));
    const struct jd_kafka_property defaults[] = {
        {"linger.ms", "5"},
        {"compression.type", "lz4"},
        {"retry.backoff.ms", "3"}, /* 100 would delay a transaction that follows another closely */
        {NULL, NULL},
    };
    const bool is_transactional = producer_config->transactional_id != NULL;
    const struct jd_kafka_property fixed[] = {
        {"enable.idempotence", "true"},
        {"batch.size", batch_size},
        {"message.max.bytes", message_max},
        {is_transactional ? "transactional.id" : NULL, producer_config->transactional_id},
        {"transaction.timeout.ms", timeout},
        {NULL, NULL},
    };
    return jd_kafka_conf(config, defaults, fixed, err);
}

/* A topic whose leader is not known costs the first transaction a second. */
static void warm_up(struct jd_producer *producer, int timeout_ms)
{
    const struct rd_kafka_metadata *metadata = NULL;
    if (producer->target_count > 0 &&
        rd_kafka_metadata(producer->rk, 0, NULL, &metadata, timeout_ms) == RD_KAFKA_RESP_ERR_NO_ERROR)
        rd_kafka_metadata_destroy(metadata);
}

struct jd_producer *jd_producer_open(const struct jd_kafka_config *config,
                                     const struct jd_producer_config *producer_config, int timeout_ms,
                                     struct jd_error *err)
{
    rd_kafka_conf_t *conf = make_conf(config, producer_config, err);
    if (conf == NULL)
        return NULL;
    struct jd_producer *producer = jd_alloc(sizeof *producer);
    rd_kafka_conf_set_opaque(conf, producer);
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    producer->rk = jd_kafka_new(RD_KAFKA_PRODUCER, conf, err);
    if (producer->rk == NULL) {
        free(producer);
        return NULL;
    }
    producer->is_transactional = producer_config->transactional_id != NULL;
    producer->targets = jd_alloc_array(producer_config->topic_count, sizeof *producer->targets);
    for (uint32_t i = 0; i < producer_config->topic_count; i++) {
        const struct jd_topic_limit *topic = &producer_config->topics[i];
        rd_kafka_topic_t *handle = rd_kafka_topic_new(producer->rk, topic->topic, NULL);
        if (handle == NULL) {
            (void)jd_error_set(err, JD_EXIT_CONFIG, "topic %s: %s", topic->topic,
                               rd_kafka_err2str(rd_kafka_last_error()));
            jd_producer_close(producer);
            return NULL;
        }
        producer->targets[producer->target_count++] =
            (struct target){handle, topic->partitions, topic->max_bytes};
    }
    warm_up(producer, timeout_ms);
    return producer;
}

void jd_producer_close(struct jd_producer *producer)
{
    if (producer == NULL)
        return;
    /* What is still queued belongs to no committed transaction; destroying would wait for it. */
    (void)rd_kafka_purge(producer->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    for (uint32_t i = 0; i < producer->target_count; i++)
        rd_kafka_topic_destroy(producer->targets[i].handle);
    rd_kafka_destroy(producer->rk);
    free(producer->targets);
    free(producer);
}

/* ---- transactions ---- */

enum jd_kafka_status jd_producer_init(struct jd_producer *producer, int timeout_ms, struct jd_error *err)
{
    return judge(producer, rd_kafka_init_transactions(producer->rk, timeout_ms), "init_transactions",
                 JD_KAFKA_RETRY, err);
}

enum jd_kafka_status jd_producer_begin(struct jd_producer *producer, struct jd_error *err)
{
    if (rd_kafka_fatal_error(producer->rk, NULL, 0) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return fail_fatal(producer, "begin_transaction", err); /* 2.0.2 may hang when asked */
    producer->refused = RD_KAFKA_RESP_ERR_NO_ERROR;
    return judge(producer, rd_kafka_begin_transaction(producer->rk), "begin_transaction", JD_KAFKA_UNKNOWN,
                 err);
}

int64_t jd_record_size(const struct jd_record_out *record)
{
    int64_t size = RECORD_OVERHEAD + (int64_t)record->key.size + (int64_t)record->value.size;
    for (uint32_t i = 0; i < record->header_count; i++)
        size +=
            HEADER_OVERHEAD + (int64_t)record->headers[i].name.size + (int64_t)record->headers[i].value.size;
    return size;
}

static rd_kafka_headers_t *copy_headers(const struct jd_record_out *record)
{
    rd_kafka_headers_t *headers = rd_kafka_headers_new(record->header_count);
    for (uint32_t i = 0; i < record->header_count; i++) {
        const struct jd_header *header = &record->headers[i];
        (void)rd_kafka_header_add(
            headers, header->name.ptr, (ssize_t)header->name.size, header->value.ptr,
            (ssize_t)header->value.size); /* fails only for want of memory, by aborting */
    }
    return headers;
}

static rd_kafka_resp_err_t enqueue(struct jd_producer *producer, const struct jd_record_out *record)
{
    rd_kafka_headers_t *headers = record->header_count > 0 ? copy_headers(record) : NULL;
    /* librdkafka's types are not const; with F_COPY it only reads. */
    void *key = (void *)(uintptr_t)record->key.ptr, *value = (void *)(uintptr_t)record->value.ptr;
    rd_kafka_vu_t args[] = {
        {.vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = producer->targets[record->topic].handle},
        {.vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = record->partition},
        {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
        {.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {key, record->key.size}},
        {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {value, record->value.size}},
        {.vtype = RD_KAFKA_VTYPE_TIMESTAMP,
         .u.i64 = record->timestamp == JD_TIME_NONE ? 0 : record->timestamp},
        {.vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = record->offset},
        {.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers},
    };
    rd_kafka_error_t *error = rd_kafka_produceva(producer->rk, args, headers == NULL ? 7 : 8);
    if (error == NULL)
        return RD_KAFKA_RESP_ERR_NO_ERROR;
    rd_kafka_resp_err_t code = rd_kafka_error_code(error);
    rd_kafka_error_destroy(error);
    if (headers != NULL)
        rd_kafka_headers_destroy(headers);
    return code;
}

enum jd_kafka_status jd_producer_send(struct jd_producer *producer, const struct jd_record_out *record,
                                      struct jd_error *err)
{
    assert(record->topic < producer->target_count);
    const struct target *target = &producer->targets[record->topic];
    const char *name = rd_kafka_topic_name(target->handle);
    /* Both are checked here because librdkafka 2.0.2 frees headers twice for a partition that does not exist,
     * and because a record that only the broker refuses takes the whole transaction with it. */
    if (record->partition < 0 || record->partition >= target->partitions) {
        (void)jd_error_set(err, JD_EXIT_CONFIG, "topic %s has partitions 0..%d, not %d", name,
                           (int)target->partitions - 1, (int)record->partition);
        return JD_KAFKA_REFUSED;
    }
    int64_t size = jd_record_size(record);
    if (target->max_bytes > 0 && size > target->max_bytes) {
        (void)jd_error_set(err, JD_EXIT_CONFIG, "a record of %lld bytes for topic %s, which allows %lld",
                           (long long)size, name, (long long)target->max_bytes);
        return JD_KAFKA_REFUSED;
    }
    rd_kafka_resp_err_t code = enqueue(producer, record);
    for (int i = 0; i < QUEUE_FULL_STEPS && code == RD_KAFKA_RESP_ERR__QUEUE_FULL; i++) {
        (void)rd_kafka_poll(producer->rk, QUEUE_FULL_STEP_MS);
        code = enqueue(producer, record);
    }
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        return JD_KAFKA_OK;
    if (rd_kafka_fatal_error(producer->rk, NULL, 0) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return fail_fatal(producer, name, err);
    enum jd_kafka_status status = code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE || !producer->is_transactional
                                      ? JD_KAFKA_REFUSED
                                      : JD_KAFKA_ABORT;
    return fail_code(producer, status, name, code, rd_kafka_err2str(code), err);
}

enum jd_kafka_status jd_producer_flush(struct jd_producer *producer, int timeout_ms, struct jd_error *err)
{
    rd_kafka_resp_err_t code = rd_kafka_flush(producer->rk, timeout_ms);
    if (rd_kafka_fatal_error(producer->rk, NULL, 0) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return fail_fatal(producer, "flush", err);
    if (producer->refused != RD_KAFKA_RESP_ERR_NO_ERROR) {
        enum jd_kafka_status status = producer->is_transactional ? JD_KAFKA_ABORT : JD_KAFKA_REFUSED;
        (void)jd_kafka_fail(err, status, producer->refused_topic, rd_kafka_err2str(producer->refused));
        if (!producer->is_transactional)
            producer->refused = RD_KAFKA_RESP_ERR_NO_ERROR; /* told once */
        return status;
    }
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return jd_kafka_fail(err, JD_KAFKA_RETRY, "flush", rd_kafka_err2str(code));
    return JD_KAFKA_OK;
}

enum jd_kafka_status jd_producer_send_offsets(struct jd_producer *producer, struct jd_member *member,
                                              const struct jd_position *positions, uint32_t count,
                                              int timeout_ms, struct jd_error *err)
{
    assert(count > 0);
    for (uint32_t i = 0; i < count; i++)
        assert(positions[i].offset >= 0 || jd_fault_off("negative-offsets"));
    /* As of now: a member that fell out of its generation must be found out by this very call. */
    rd_kafka_consumer_group_metadata_t *metadata =
        rd_kafka_consumer_group_metadata(jd_kafka_member_handle(member));
    if (metadata == NULL)
        return jd_kafka_fail(err, JD_KAFKA_ABORT, "offsets", "the group member is closed");
    rd_kafka_topic_partition_list_t *list = jd_kafka_list(positions, count);
    rd_kafka_error_t *error = rd_kafka_send_offsets_to_transaction(producer->rk, list, metadata, timeout_ms);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_consumer_group_metadata_destroy(metadata);
    return judge(producer, error, "send_offsets_to_transaction", JD_KAFKA_ABORT, err);
}

enum jd_kafka_status jd_producer_commit(struct jd_producer *producer, int timeout_ms, struct jd_error *err)
{
    return judge(producer, rd_kafka_commit_transaction(producer->rk, timeout_ms), "commit_transaction",
                 JD_KAFKA_UNKNOWN, err);
}

enum jd_kafka_status jd_producer_abort(struct jd_producer *producer, int timeout_ms, struct jd_error *err)
{
    enum jd_kafka_status status = judge(producer, rd_kafka_abort_transaction(producer->rk, timeout_ms),
                                        "abort_transaction", JD_KAFKA_UNKNOWN, err);
    producer->refused = RD_KAFKA_RESP_ERR_NO_ERROR;
    return status == JD_KAFKA_ABORT ? JD_KAFKA_UNKNOWN : status;
}

enum jd_kafka_status jd_kafka_end_transaction_of(const struct jd_kafka_config *config,
                                                 const char *transactional_id, int timeout_ms,
                                                 struct jd_error *err)
{
    const struct jd_producer_config producer_config = {.transactional_id = transactional_id};
    struct jd_producer *producer = jd_producer_open(config, &producer_config, 0, err);
    if (producer == NULL)
        return JD_KAFKA_REFUSED;
    enum jd_kafka_status status = jd_producer_init(producer, timeout_ms, err);
    jd_producer_close(producer);
    return status;
}

/* What all Kafka handles have in common: configuration, errors, the library's log. */
#include "adapters/kafka_internal.h"

#include "base/log.h"

#include <stdio.h>
#include <string.h>

const char *jd_kafka_status_name(enum jd_kafka_status status)
{
    static const char *const names[] = {
        [JD_KAFKA_OK] = "ok",          [JD_KAFKA_RETRY] = "retry", [JD_KAFKA_ABORT] = "abort",
        [JD_KAFKA_FENCED] = "fenced",  [JD_KAFKA_RIVAL] = "rival", [JD_KAFKA_UNKNOWN] = "unknown",
        [JD_KAFKA_REFUSED] = "refused"};
    return names[status];
}

/* Properties that the protocol depends on; a user's value would break it silently. */
static const struct reserved {
    const char *name, *why;
} reserved[] = {
    {"acks", "every record must be acknowledged by all replicas"},
    {"request.required.acks", "every record must be acknowledged by all replicas"},
    {"allow.auto.create.topics", "a mistyped topic must not come into being; see `create_topics`"},
    {"auto.offset.reset", "skipping lost records silently is what journeyd must never do; see `start`"},
    {"batch.num.messages", "batches are cut by the topics' limits"},
    {"batch.size", "it follows from the topics' max.message.bytes"},
    {"client.id", "it is <group>-<instance>-<worker>"},
    {"enable.auto.commit", "offsets are committed in the transaction of their effects"},
    {"auto.commit.enable", "offsets are committed in the transaction of their effects"},
    {"enable.auto.offset.store", "offsets are committed in the transaction of their effects"},
    {"enable.idempotence", "transactions need it"},
    {"enable.partition.eof", "the ends of partitions decide when timers may fire"},
    {"group.id", "it is `group`"},
    {"group.instance.id", "it follows from `instance`"},
    {"isolation.level", "inputs and the journal are read committed"},
    {"message.max.bytes", "it follows from the topics' max.message.bytes"},
    {"partition.assignment.strategy", "the same partition of all topics must have one owner: range"},
    {"queued.max.messages.kbytes", "it is journeyd's memory bound for each partition"},
    {"transaction.timeout.ms", "takeover waits for it; it is 10 s"},
    {"transactional.id", "it follows from `group`, `instance` and the worker"},
};

bool jd_kafka_check_property(const char *name, const char *value, struct jd_error *err)
{
    for (size_t i = 0; i < JD_COUNT(reserved); i++)
        if (strcmp(name, reserved[i].name) == 0)
            return jd_error_set(err, JD_EXIT_CONFIG, "kafka.%s cannot be set: %s", name, reserved[i].why);
    if (strcmp(name, "debug") == 0 && (strstr(value, "security") != NULL || strstr(value, "all") != NULL))
        return jd_error_set(err, JD_EXIT_CONFIG,
                            "kafka.debug cannot have security or all: it logs credentials");
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char reason[256];
    rd_kafka_conf_res_t result = rd_kafka_conf_set(conf, name, value, reason, sizeof reason);
    rd_kafka_conf_destroy(conf);
    if (result == RD_KAFKA_CONF_OK)
        return true;
    return jd_error_set(err, JD_EXIT_CONFIG, "kafka.%s: %s", name, reason);
}

/* librdkafka's words, as JD-0901, down to its `log_level`; but remarks on properties meant for the other kind
 * of handle say nothing to an operator. Called from the library's threads. */
static void on_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
    (void)level;
    if (strcmp(facility, "CONFWARN") == 0)
        return;
    jd_log(JD_LOG_LIBRARY, jd_txt("client", rd_kafka_name(rk)), jd_txt("facility", facility),
           jd_txt("text", text));
}

static bool apply(rd_kafka_conf_t *conf, const struct jd_kafka_property *property, struct jd_error *err)
{
    char reason[256];
    if (rd_kafka_conf_set(conf, property->name, property->value, reason, sizeof reason) == RD_KAFKA_CONF_OK)
        return true;
    return jd_error_set(err, JD_EXIT_CONFIG, "kafka.%s: %s", property->name, reason);
}

rd_kafka_conf_t *jd_kafka_conf(const struct jd_kafka_config *config, const struct jd_kafka_property *defaults,
                               const struct jd_kafka_property *fixed, struct jd_error *err)
{
    static const struct jd_kafka_property common[] = {
        {"log_level", "5"},                   /* notices and worse */
        {"socket.nagle.disable", "true"},     /* 2.0.2 leaves Nagle's algorithm on */
        {"socket.keepalive.enable", "true"},  /* dead peers show */
        {"reconnect.backoff.ms", "50"},       /* a restarted broker is found again … */
        {"reconnect.backoff.max.ms", "1000"}, /* … within a second or so */
        {NULL, NULL},
    };
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    bool is_ok = true;
    for (const struct jd_kafka_property *p = common; is_ok && p->name != NULL; p++)
        is_ok = apply(conf, p, err);
    for (const struct jd_kafka_property *p = defaults; is_ok && p->name != NULL; p++)
        is_ok = apply(conf, p, err);
    for (uint32_t i = 0; is_ok && i < config->property_count; i++)
        is_ok = apply(conf, &config->properties[i], err);
    for (const struct jd_kafka_property *p = fixed; is_ok && p->name != NULL; p++)
        is_ok = apply(conf, p, err);
    is_ok = is_ok && apply(conf, &(struct jd_kafka_property){"client.id", config->client_id}, err);
    if (!is_ok) {
        rd_kafka_conf_destroy(conf);
        return NULL;
    }
    rd_kafka_conf_set_log_cb(conf, on_log);
    return conf;
}

rd_kafka_t *jd_kafka_new(rd_kafka_type_t type, rd_kafka_conf_t *conf, struct jd_error *err)
{
    char reason[256];
    rd_kafka_t *rk = rd_kafka_new(type, conf, reason, sizeof reason);
    if (rk == NULL) {
        rd_kafka_conf_destroy(conf);
        (void)jd_error_set(err, JD_EXIT_CONFIG, "kafka: %s", reason);
    }
    return rk;
}

enum jd_kafka_status jd_kafka_fail(struct jd_error *err, enum jd_kafka_status status, const char *what,
                                   const char *reason)
{
    enum jd_exit code = JD_EXIT_UNAVAILABLE;
    if (status == JD_KAFKA_REFUSED || status == JD_KAFKA_RIVAL || status == JD_KAFKA_FENCED)
        code = JD_EXIT_CONFIG;
    (void)jd_error_set(err, code, "%s: %s", what, reason);
    return status;
}

/* NOLINTNEXTLINE: librdkafka has over a hundred codes; those not named are passing troubles of a cluster. */
enum jd_kafka_status jd_kafka_classify(rd_kafka_resp_err_t code)
{
    static const rd_kafka_resp_err_t refused[] = {
        RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
        RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED,
        RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED,
        RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
        RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART,
        RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC,
        RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION,
        RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION,
        RD_KAFKA_RESP_ERR_INVALID_CONFIG,
        RD_KAFKA_RESP_ERR_INVALID_PARTITIONS,
        RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR,
        RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT,
        RD_KAFKA_RESP_ERR_POLICY_VIOLATION,
        RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION,
        RD_KAFKA_RESP_ERR_INVALID_SESSION_TIMEOUT,
        RD_KAFKA_RESP_ERR_INCONSISTENT_GROUP_PROTOCOL,
        RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE,
        RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET,
        RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE,
    };
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        return JD_KAFKA_OK;
    if (code == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID)
        return JD_KAFKA_RIVAL;
    if (code == RD_KAFKA_RESP_ERR__FENCED || code == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH ||
        code == RD_KAFKA_RESP_ERR_PRODUCER_FENCED)
        return JD_KAFKA_FENCED;
    if (code == RD_KAFKA_RESP_ERR__FATAL || code == RD_KAFKA_RESP_ERR__DESTROY)
        return JD_KAFKA_UNKNOWN;
    for (size_t i = 0; i < JD_COUNT(refused); i++)
        if (code == refused[i])
            return JD_KAFKA_REFUSED;
    return JD_KAFKA_RETRY;
}

const char *jd_kafka_advice(rd_kafka_resp_err_t code)
{
    static const struct advice {
        rd_kafka_resp_err_t code;
        const char *text;
    } advices[] = {
        {RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID,
         ": another process runs as this instance of the group; give each its own `instance`"},
        {RD_KAFKA_RESP_ERR__FENCED, ": another producer took over this transactional id"},
        {RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, ": allow this user to read (write) the topic"},
        {RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED, ": allow this user to read the group"},
        {RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
         ": allow this user to write and describe transactional ids that begin with the group's name"},
        {RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT,
         ": the brokers' transaction.max.timeout.ms must allow 10 s"},
        {RD_KAFKA_RESP_ERR_INVALID_SESSION_TIMEOUT,
         ": session.timeout.ms must lie within the brokers' group.min. and group.max.session.timeout.ms"},
        {RD_KAFKA_RESP_ERR_INCONSISTENT_GROUP_PROTOCOL,
         ": other members of this group are not journeyd; choose another `group`"},
        {RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, ": create it, set create_topics: true, or name it `none`"},
        {RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, ": create it, set create_topics: true, or name it `none`"},
    };
    for (size_t i = 0; i < JD_COUNT(advices); i++)
        if (advices[i].code == code)
            return advices[i].text;
    return "";
}

rd_kafka_topic_partition_list_t *jd_kafka_list(const struct jd_position *positions, uint32_t count)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count);
    for (uint32_t i = 0; i < count; i++)
        rd_kafka_topic_partition_list_add(list, positions[i].topic, positions[i].partition)->offset =
            positions[i].offset;
    return list;
}

void jd_kafka_bell(rd_kafka_queue_t *queue, int bell)
{
    static const uint64_t one = 1; /* what an eventfd takes */
    if (bell >= 0)
        rd_kafka_queue_io_event_enable(queue, bell, &one, sizeof one);
}

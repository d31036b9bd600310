/* Topics: what is there, what is missing. A consumer handle without a group: a producer's questions about a
 * topic could create it. */
#include "adapters/kafka_internal.h"

#include "base/alloc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    PROBE_MS = 1000,          /* one question while waiting for a cluster */
    LEADER_POLL_MS = 50,      /* between two looks for the leaders of new topics */
    REPLICATION_DEFAULT = -1, /* the cluster's */
};

struct jd_admin {
    rd_kafka_t *rk;
    char last_error[256]; /* what librdkafka reported last, for jd_admin_reach() */
};

static void on_error(rd_kafka_t *rk, int code, const char *reason, void *opaque)
{
    (void)rk;
    struct jd_admin *admin = opaque;
    if (code != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) /* the reason before it says more */
        (void)snprintf(admin->last_error, sizeof admin->last_error, "%s", reason);
}

static int64_t now_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

struct jd_admin *jd_admin_open(const struct jd_kafka_config *config, struct jd_error *err)
{
    static const struct jd_kafka_property fixed[] = {{"allow.auto.create.topics", "false"}, {NULL, NULL}};
    rd_kafka_conf_t *conf = jd_kafka_conf(config, &fixed[1], fixed, err);
    if (conf == NULL)
        return NULL;
    struct jd_admin *admin = jd_alloc(sizeof *admin);
    rd_kafka_conf_set_opaque(conf, admin);
    rd_kafka_conf_set_error_cb(conf, on_error);
    admin->rk = jd_kafka_new(RD_KAFKA_CONSUMER, conf, err);
    if (admin->rk == NULL) {
        free(admin);
        return NULL;
    }
    return admin;
}

void jd_admin_close(struct jd_admin *admin)
{
    if (admin == NULL)
        return;
    rd_kafka_destroy(admin->rk);
    free(admin);
}

/* Kafka 4 compares the nonces of SCRAM as RFC 5802 wants; librdkafka gets them right from 2.6.1 on. */
static const char *scram_advice(const struct jd_admin *admin)
{
    enum { RIGHT_FROM = 0x020601ff };
    char mechanism[32];
    size_t size = sizeof mechanism;
    bool old = rd_kafka_version() < RIGHT_FROM &&
               rd_kafka_conf_get(rd_kafka_conf(admin->rk), "sasl.mechanisms", mechanism, &size) ==
                   RD_KAFKA_CONF_OK &&
               strncmp(mechanism, "SCRAM-", 6) == 0;
    return old ? ". Brokers of Kafka 4 refuse SCRAM from librdkafka before 2.6.1, which this is: use another "
                 "sasl.mechanism, or a newer librdkafka"
               : "";
}

enum jd_kafka_status jd_admin_reach(struct jd_admin *admin, int timeout_ms, struct jd_error *err)
{
    int64_t until = now_ms() + timeout_ms;
    for (;;) {
        int64_t left = until - now_ms();
        const struct rd_kafka_metadata *metadata = NULL;
        rd_kafka_resp_err_t code = rd_kafka_metadata(admin->rk, 0, NULL, &metadata,
                                                     left < PROBE_MS ? (int)(left > 1 ? left : 1) : PROBE_MS);
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
            int brokers = metadata->broker_cnt;
            rd_kafka_metadata_destroy(metadata);
            if (brokers > 0)
                return JD_KAFKA_OK;
        }
        (void)rd_kafka_poll(admin->rk, 0); /* runs on_error() */
        if (now_ms() >= until) {
            const char *reason = admin->last_error[0] != '\0' ? admin->last_error : rd_kafka_err2str(code);
            (void)jd_error_set(
                err, JD_EXIT_UNAVAILABLE,
                "Kafka did not answer within %d ms: %s; check kafka.bootstrap.servers, that the "
                "brokers run, and the security settings%s",
                timeout_ms, reason, scram_advice(admin));
            return JD_KAFKA_RETRY;
        }
    }
}

/* ---- describe ---- */

static enum jd_kafka_status fail(struct jd_error *err, const char *what, rd_kafka_resp_err_t code,
                                 const char *text)
{
    char reason[JD_ERROR_TEXT_MAX];
    (void)snprintf(reason, sizeof reason, "%s%s", text != NULL ? text : rd_kafka_err2str(code),
                   jd_kafka_advice(code));
    enum jd_kafka_status status = jd_kafka_classify(code);
    return jd_kafka_fail(err, status == JD_KAFKA_OK ? JD_KAFKA_RETRY : status, what, reason);
}

/* Existence, partitions, and whether all of them have a leader. */
static enum jd_kafka_status look_up(struct jd_admin *admin, const char *topic, int32_t *partitions,
                                    bool *has_leaders, int timeout_ms, struct jd_error *err)
{
    rd_kafka_topic_t *handle = rd_kafka_topic_new(admin->rk, topic, NULL);
    if (handle == NULL)
        return jd_kafka_fail(err, JD_KAFKA_REFUSED, topic, rd_kafka_err2str(rd_kafka_last_error()));
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_resp_err_t code = rd_kafka_metadata(admin->rk, 0, handle, &metadata, timeout_ms);
    rd_kafka_topic_destroy(handle);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return fail(err, topic, code, NULL);
    *partitions = 0;
    *has_leaders = false;
    code = metadata->topic_cnt == 1 ? metadata->topics[0].err : RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR || code == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE) {
        *partitions = metadata->topics[0].partition_cnt;
        *has_leaders = *partitions > 0;
        for (int i = 0; i < metadata->topics[0].partition_cnt; i++)
            *has_leaders = *has_leaders && metadata->topics[0].partitions[i].leader >= 0;
        code = RD_KAFKA_RESP_ERR_NO_ERROR;
    }
    rd_kafka_metadata_destroy(metadata);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR || code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
        return JD_KAFKA_OK;
    return fail(err, topic, code, NULL);
}

static void read_config(struct jd_topic_facts *facts, const rd_kafka_ConfigResource_t *resource)
{
    size_t count = 0;
    const rd_kafka_ConfigEntry_t **entries = rd_kafka_ConfigResource_configs(resource, &count);
    for (size_t i = 0; i < count; i++) {
        const char *name = rd_kafka_ConfigEntry_name(entries[i]);
        const char *value = rd_kafka_ConfigEntry_value(entries[i]);
        if (value == NULL)
            continue;
        if (strcmp(name, "max.message.bytes") == 0) {
            facts->max_message_bytes = strtoll(value, NULL, 10);
        } else if (strcmp(name, "retention.ms") == 0) {
            facts->retention_ms = strtoll(value, NULL, 10);
        } else if (strcmp(name, "cleanup.policy") == 0) {
            facts->is_compacted = strstr(value, "compact") != NULL;
            facts->is_deleted = strstr(value, "delete") != NULL;
        }
    }
}

/* One answer: the settings of topics. One that we may not see keeps "not allowed". */
static enum jd_kafka_status take_configs(rd_kafka_event_t *event, struct jd_topic_facts *facts,
                                         uint32_t count, struct jd_error *err)
{
    size_t resource_count = 0;
    const rd_kafka_ConfigResource_t **resources = rd_kafka_DescribeConfigs_result_resources(
        rd_kafka_event_DescribeConfigs_result(event), &resource_count);
    for (size_t r = 0; r < resource_count; r++) {
        rd_kafka_resp_err_t code = rd_kafka_ConfigResource_error(resources[r]);
        const char *name = rd_kafka_ConfigResource_name(resources[r]);
        if (code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED)
            continue;
        if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
            return fail(err, name, code, rd_kafka_ConfigResource_error_string(resources[r]));
        for (uint32_t i = 0; i < count; i++)
            if (strcmp(facts[i].topic, name) == 0)
                read_config(&facts[i], resources[r]);
    }
    return JD_KAFKA_OK;
}

static rd_kafka_AdminOptions_t *admin_options(struct jd_admin *admin, rd_kafka_admin_op_t op, int timeout_ms)
{
    char reason[64];
    rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(admin->rk, op);
    /* Both fail only for values out of 1 … 3,600,000. */
    (void)rd_kafka_AdminOptions_set_request_timeout(options, timeout_ms > 0 ? timeout_ms : 1, reason,
                                                    sizeof reason);
    if (op == RD_KAFKA_ADMIN_OP_CREATETOPICS)
        (void)rd_kafka_AdminOptions_set_operation_timeout(options, timeout_ms > 0 ? timeout_ms : 1, reason,
                                                          sizeof reason);
    return options;
}

static enum jd_kafka_status describe_configs(struct jd_admin *admin, struct jd_topic_facts *facts,
                                             uint32_t count, int timeout_ms, struct jd_error *err)
{
    rd_kafka_ConfigResource_t **resources = jd_alloc_array(count, sizeof *resources);
    size_t resource_count = 0;
    for (uint32_t i = 0; i < count; i++)
        if (facts[i].exists)
            resources[resource_count++] =
                rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, facts[i].topic);
    enum jd_kafka_status status = JD_KAFKA_OK;
    if (resource_count > 0) {
        rd_kafka_queue_t *queue = rd_kafka_queue_new(admin->rk);
        rd_kafka_AdminOptions_t *options =
            admin_options(admin, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS, timeout_ms);
        rd_kafka_DescribeConfigs(admin->rk, resources, resource_count, options, queue);
        rd_kafka_event_t *event = rd_kafka_queue_poll(queue, timeout_ms + PROBE_MS);
        if (event == NULL)
            status = jd_kafka_fail(err, JD_KAFKA_RETRY, "topic settings", "Kafka does not answer");
        else if (rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR_NO_ERROR)
            status =
                fail(err, "topic settings", rd_kafka_event_error(event), rd_kafka_event_error_string(event));
        else
            status = take_configs(event, facts, count, err);
        if (event != NULL)
            rd_kafka_event_destroy(event);
        rd_kafka_AdminOptions_destroy(options);
        rd_kafka_queue_destroy(queue);
    }
    rd_kafka_ConfigResource_destroy_array(resources, resource_count);
    free(resources);
    return status;
}

enum jd_kafka_status jd_admin_describe(struct jd_admin *admin, struct jd_topic_facts *facts, uint32_t count,
                                       int timeout_ms, struct jd_error *err)
{
    int64_t until = now_ms() + timeout_ms;
    for (uint32_t i = 0; i < count; i++) {
        bool has_leaders = false;
        int64_t left = until - now_ms();
        facts[i].max_message_bytes = -1;
        facts[i].retention_ms = -2;
        facts[i].is_compacted = facts[i].is_deleted = false;
        enum jd_kafka_status status =
            look_up(admin, facts[i].topic, &facts[i].partitions, &has_leaders, left > 1 ? (int)left : 1, err);
        if (status != JD_KAFKA_OK)
            return status;
        facts[i].exists = facts[i].partitions > 0;
    }
    int64_t left = until - now_ms();
    return describe_configs(admin, facts, count, left > 1 ? (int)left : 1, err);
}

/* ---- create ---- */

static enum jd_kafka_status take_created(rd_kafka_event_t *event, struct jd_error *err)
{
    size_t count = 0;
    const rd_kafka_topic_result_t **results =
        rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count);
    for (size_t i = 0; i < count; i++) {
        rd_kafka_resp_err_t code = rd_kafka_topic_result_error(results[i]);
        if (code != RD_KAFKA_RESP_ERR_NO_ERROR && code != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
            return fail(err, rd_kafka_topic_result_name(results[i]), code,
                        rd_kafka_topic_result_error_string(results[i]));
    }
    return JD_KAFKA_OK;
}

static rd_kafka_NewTopic_t *new_topic(const struct jd_topic_spec *spec, struct jd_error *err)
{
    char reason[256];
    rd_kafka_NewTopic_t *topic =
        rd_kafka_NewTopic_new(spec->topic, spec->partitions, REPLICATION_DEFAULT, reason, sizeof reason);
    if (topic == NULL) {
        (void)jd_error_set(err, JD_EXIT_CONFIG, "topic %s: %s", spec->topic, reason);
        return NULL;
    }
    for (uint32_t i = 0; i < spec->config_count; i++)
        (void)rd_kafka_NewTopic_set_config(topic, spec->config[i].name, spec->config[i].value);
    return topic;
}

static enum jd_kafka_status send_create(struct jd_admin *admin, rd_kafka_NewTopic_t **topics, size_t count,
                                        int timeout_ms, struct jd_error *err)
{
    rd_kafka_queue_t *queue = rd_kafka_queue_new(admin->rk);
    rd_kafka_AdminOptions_t *options = admin_options(admin, RD_KAFKA_ADMIN_OP_CREATETOPICS, timeout_ms);
    rd_kafka_CreateTopics(admin->rk, topics, count, options, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, timeout_ms + PROBE_MS);
    enum jd_kafka_status status;
    if (event == NULL)
        status = jd_kafka_fail(err, JD_KAFKA_RETRY, "creating topics", "Kafka does not answer");
    else if (rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR_NO_ERROR)
        status =
            fail(err, "creating topics", rd_kafka_event_error(event), rd_kafka_event_error_string(event));
    else
        status = take_created(event, err);
    if (event != NULL)
        rd_kafka_event_destroy(event);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_queue_destroy(queue);
    return status;
}

static enum jd_kafka_status wait_for_leaders(struct jd_admin *admin, const char *topic, int64_t until,
                                             struct jd_error *err)
{
    for (;;) {
        int32_t partitions = 0;
        bool has_leaders = false;
        int64_t left = until - now_ms();
        enum jd_kafka_status status =
            look_up(admin, topic, &partitions, &has_leaders, left > 1 ? (int)left : 1, err);
        if (status != JD_KAFKA_OK || has_leaders)
            return status;
        if (left <= 0)
            return jd_kafka_fail(err, JD_KAFKA_RETRY, topic, "the new topic has no leaders yet");
        (void)nanosleep(&(struct timespec){.tv_nsec = LEADER_POLL_MS * 1000000L}, NULL);
    }
}

enum jd_kafka_status jd_admin_create(struct jd_admin *admin, const struct jd_topic_spec *specs,
                                     uint32_t count, int timeout_ms, struct jd_error *err)
{
    if (count == 0)
        return JD_KAFKA_OK;
    int64_t until = now_ms() + timeout_ms;
    rd_kafka_NewTopic_t **topics = jd_alloc_array(count, sizeof *topics);
    size_t made = 0;
    while (made < count && (topics[made] = new_topic(&specs[made], err)) != NULL)
        made++;
    enum jd_kafka_status status = JD_KAFKA_REFUSED;
    if (made == count)
        status = send_create(admin, topics, count, timeout_ms, err);
    rd_kafka_NewTopic_destroy_array(topics, made);
    free(topics);
    for (uint32_t i = 0; i < count && status == JD_KAFKA_OK; i++)
        status = wait_for_leaders(admin, specs[i].topic, until, err);
    return status;
}

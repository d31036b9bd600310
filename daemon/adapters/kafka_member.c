/* The seat in the group. It is assigned nothing to fetch: each assignment is answered with an empty one, so
 * that librdkafka never reads by itself; jd_reader does. */
#include "adapters/kafka_internal.h"

#include "base/alloc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct jd_member {
    rd_kafka_t *rk;
    const struct jd_member_events *events;
    uint32_t generation;
    bool is_in;
};

static void tell(struct jd_member *member, rd_kafka_topic_partition_list_t *list, bool is_assigned,
                 bool is_lost)
{
    rd_kafka_topic_partition_list_sort(list, NULL, NULL);
    uint32_t count = (uint32_t)list->cnt;
    struct jd_position *positions = jd_alloc_array(count, sizeof *positions);
    for (uint32_t i = 0; i < count; i++)
        positions[i] = (struct jd_position){list->elems[i].topic, list->elems[i].partition, JD_OFFSET_NONE};
    if (is_assigned)
        member->events->assigned(member->events->context, positions, count);
    else
        member->events->revoked(member->events->context, positions, count, is_lost);
    free(positions);
}

/* Within rd_kafka_consumer_poll() and rd_kafka_consumer_close(). */
static void on_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t *list,
                         void *opaque)
{
    struct jd_member *member = opaque;
    if (code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
        rd_kafka_topic_partition_list_t *nothing = rd_kafka_topic_partition_list_new(0);
        rd_kafka_assign(rk, nothing);
        rd_kafka_topic_partition_list_destroy(nothing);
        member->generation++;
        member->is_in = true;
        tell(member, list, true, false);
    } else {
        bool was_in = member->is_in;
        bool is_lost = rd_kafka_assignment_lost(rk) || code != RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS;
        if (was_in)
            tell(member, list, false, is_lost);
        member->is_in = false;
        rd_kafka_assign(rk, NULL);
    }
}

struct jd_member *jd_member_open(const struct jd_kafka_config *config,
                                 const struct jd_member_config *member_config, struct jd_error *err)
{
    char session[16];
    (void)snprintf(session, sizeof session, "%d",
                   member_config->session_timeout_ms > 0 ? member_config->session_timeout_ms : 10000);
    const struct jd_kafka_property defaults[] = {
        {"session.timeout.ms", session},
        {"heartbeat.interval.ms", "1000"},
        {NULL, NULL},
    };
    const struct jd_kafka_property fixed[] = {
        {"group.id", member_config->group},
        {"group.instance.id", member_config->instance_id},
        {"partition.assignment.strategy", "range"},
        {"isolation.level", "read_committed"}, /* makes rd_kafka_committed() wait for stable offsets */
        {"enable.auto.commit", "false"},
        {"enable.auto.offset.store", "false"},
        {"auto.offset.reset", "error"},
        {"allow.auto.create.topics", "false"},
        {NULL, NULL},
    };
    rd_kafka_conf_t *conf = jd_kafka_conf(config, defaults, fixed, err);
    if (conf == NULL)
        return NULL;
    struct jd_member *member = jd_alloc(sizeof *member);
    member->events = member_config->events;
    rd_kafka_conf_set_opaque(conf, member);
    rd_kafka_conf_set_rebalance_cb(conf, on_rebalance);
    member->rk = jd_kafka_new(RD_KAFKA_CONSUMER, conf, err);
    if (member->rk == NULL) {
        free(member);
        return NULL;
    }
    rd_kafka_poll_set_consumer(member->rk);
    rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(member->rk);
    jd_kafka_bell(queue, member_config->bell);
    rd_kafka_queue_destroy(queue);
    return member;
}

void jd_member_close(struct jd_member *member)
{
    if (member == NULL)
        return;
    (void)rd_kafka_consumer_close(
        member->rk); /* a static member does not leave; nothing to be done if it fails */
    rd_kafka_destroy(member->rk);
    free(member);
}

bool jd_member_subscribe(struct jd_member *member, const char *const *topics, uint32_t count,
                         struct jd_error *err)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count);
    for (uint32_t i = 0; i < count; i++)
        rd_kafka_topic_partition_list_add(list, topics[i], RD_KAFKA_PARTITION_UA);
    rd_kafka_resp_err_t code = rd_kafka_subscribe(member->rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        return true;
    return jd_error_set(err, JD_EXIT_CONFIG, "subscribing: %s", rd_kafka_err2str(code));
}

/* What a message that is an error means; OK for troubles that pass by themselves. */
static enum jd_kafka_status judge(struct jd_member *member, const rd_kafka_message_t *message,
                                  struct jd_error *err)
{
    rd_kafka_resp_err_t code = message->err;
    char reason[JD_ERROR_TEXT_MAX], fatal[256];
    const char *text = rd_kafka_message_errstr(message);
    if (code == RD_KAFKA_RESP_ERR__FATAL) {
        code = rd_kafka_fatal_error(member->rk, fatal, sizeof fatal);
        text = fatal;
    }
    enum jd_kafka_status status = jd_kafka_classify(code);
    if (status == JD_KAFKA_OK || (status == JD_KAFKA_RETRY && message->err != RD_KAFKA_RESP_ERR__FATAL))
        return JD_KAFKA_OK;
    (void)snprintf(reason, sizeof reason, "%s%s", text, jd_kafka_advice(code));
    if (status == JD_KAFKA_RETRY || status == JD_KAFKA_FENCED)
        status = JD_KAFKA_UNKNOWN; /* fatal: this handle does nothing any more */
    return jd_kafka_fail(err, status, "consumer group", reason);
}

enum jd_kafka_status jd_member_poll(struct jd_member *member, int timeout_ms, struct jd_error *err)
{
    enum jd_kafka_status status = JD_KAFKA_OK;
    rd_kafka_message_t *message = rd_kafka_consumer_poll(member->rk, timeout_ms);
    while (message != NULL && status == JD_KAFKA_OK) {
        if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR)
            status = judge(member, message, err);
        rd_kafka_message_destroy(message);
        message = status == JD_KAFKA_OK ? rd_kafka_consumer_poll(member->rk, 0) : NULL;
    }
    return status;
}

bool jd_member_is_in(const struct jd_member *member)
{
    return member->is_in && !rd_kafka_assignment_lost(member->rk);
}

uint32_t jd_member_generation(const struct jd_member *member)
{
    return member->generation;
}

enum jd_kafka_status jd_member_committed(struct jd_member *member, struct jd_position *positions,
                                         uint32_t count, int timeout_ms, struct jd_error *err)
{
    rd_kafka_topic_partition_list_t *list = jd_kafka_list(positions, count);
    rd_kafka_resp_err_t code = rd_kafka_committed(member->rk, list, timeout_ms);
    /* After a time-out the list says "no error, no offset": only the call's own result counts. */
    for (int i = 0; i < list->cnt && code == RD_KAFKA_RESP_ERR_NO_ERROR; i++)
        code = list->elems[i].err;
    enum jd_kafka_status status = jd_kafka_classify(code);
    if (status == JD_KAFKA_OK) {
        for (uint32_t i = 0; i < count; i++) /* the list keeps our order */
            positions[i].offset = list->elems[i].offset >= 0 ? list->elems[i].offset : JD_OFFSET_NONE;
    } else {
        char reason[256];
        (void)snprintf(reason, sizeof reason, "%s%s", rd_kafka_err2str(code), jd_kafka_advice(code));
        (void)jd_kafka_fail(err, status, "committed offsets", reason);
    }
    rd_kafka_topic_partition_list_destroy(list);
    return status;
}

rd_kafka_t *jd_kafka_member_handle(const struct jd_member *member)
{
    return member->rk;
}

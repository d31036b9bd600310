/* Configuration and topics (cli/session.h). */
#include "cli/session.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "adapters/redis.h"
#include "shard/journal.h"
#include "wire/partition.h"

extern char **environ; /* of POSIX, which declares it nowhere */

enum { OUTPUT_BYTES_MIN = 65536 };

/* INPUT: made by its owner. OUTPUT, JOURNAL and POLICIES may be made by us. */
enum kind { KIND_INPUT, KIND_OUTPUT, KIND_JOURNAL, KIND_POLICIES };

static const struct {
    const char *role;
    enum kind kind;
    size_t offset; /* of the name in struct jd_settings */
} rows[JD_SESSION_TOPIC_COUNT] = {
#define ROW(n, member, role, kind) {role, KIND_##kind, offsetof(struct jd_settings, topics.member)},
    JD_TOPIC_ROLE_MAP(ROW)
#undef ROW
};

const char *jd_session_role(enum jd_session_topic topic)
{
    return rows[topic].role;
}

/* A shard is one partition number of all of these. */
static bool is_keyed(enum jd_session_topic topic)
{
    return rows[topic].kind == KIND_INPUT || rows[topic].kind == KIND_JOURNAL || topic == JD_SESSION_TOUCHES;
}

static const char *name_of(const struct jd_settings *settings, enum jd_session_topic topic)
{
    const struct jd_str *name = (const void *)((const char *)settings + rows[topic].offset);
    return name->ptr == NULL || strcmp(name->ptr, "none") == 0 ? NULL : name->ptr;
}

bool jd_session_take(struct jd_session *session, struct jd_settings_file *file, struct jd_error *err)
{
    *session = (struct jd_session){.file = file, .settings = jd_settings_of(file)};
    const uint32_t count = session->settings->kafka_count;
    session->properties = calloc((size_t)count + 1, sizeof(*session->properties));
    if (session->properties == NULL) {
        return jd_error_set(err, JD_EXIT_INTERNAL, "out of memory");
    }
    for (uint32_t i = 0; i < count; i++) {
        session->properties[i] = (struct jd_kafka_property){session->settings->kafka[i].name.ptr,
                                                            session->settings->kafka[i].value.ptr};
    }
    session->kafka = (struct jd_kafka_config){.properties = session->properties,
                                              .property_count = count,
                                              .client_id = session->settings->instance.ptr};
    return true;
}

struct jd_settings_file *jd_session_settings(const char *config, struct jd_diagnostics *problems)
{
    return jd_settings_load(config, environ, problems);
}

bool jd_session_open(struct jd_session *session, const char *config, struct jd_error *err)
{
    *session = (struct jd_session){0};
    struct jd_diagnostics problems;
    jd_diagnostics_init(&problems);
    struct jd_settings_file *file = jd_session_settings(config, &problems);
    if (problems.count > 0) {
        jd_diagnostics_print(&problems, stderr);
    }
    jd_diagnostics_done(&problems);
    if (file == NULL) {
        *err = (struct jd_error){.code = JD_EXIT_CONFIG};
        return false;
    }
    /* The library's own lines go under errors only: a command says itself what is the matter. */
    jd_log_setup(JD_LOG_LOGFMT, JD_LOG_ERROR, STDERR_FILENO);
    return jd_session_take(session, file, err);
}

void jd_session_close(struct jd_session *session)
{
    jd_admin_close(session->admin);
    free(session->properties);
    jd_settings_free(session->file);
    *session = (struct jd_session){0};
}

static int timeout_of(const struct jd_session *session)
{
    return (int)session->settings->start_timeout_ms;
}

static bool describe(struct jd_session *session, struct jd_error *err)
{
    struct jd_topic_facts asked[JD_SESSION_TOPIC_COUNT];
    uint32_t count = 0;
    for (int i = 0; i < JD_SESSION_TOPIC_COUNT; i++) {
        const char *name = name_of(session->settings, (enum jd_session_topic)i);
        if (name != NULL) {
            asked[count++] = (struct jd_topic_facts){.topic = name};
        }
    }
    if (jd_admin_describe(session->admin, asked, count, timeout_of(session), err) != JD_KAFKA_OK) {
        return false;
    }
    count = 0;
    for (int i = 0; i < JD_SESSION_TOPIC_COUNT; i++) {
        const bool is_named = name_of(session->settings, (enum jd_session_topic)i) != NULL;
        session->topics[i] = is_named ? asked[count++] : (struct jd_topic_facts){0};
    }
    const struct jd_topic_facts *events = &session->topics[JD_SESSION_EVENTS];
    session->partitions = events->exists ? events->partitions : 0;
    return true;
}

bool jd_session_topics(struct jd_session *session, struct jd_error *err)
{
    if (session->admin == NULL) {
        session->admin = jd_admin_open(&session->kafka, err);
        if (session->admin == NULL ||
            jd_admin_reach(session->admin, timeout_of(session), err) != JD_KAFKA_OK) {
            return false;
        }
    }
    return describe(session, err);
}

/* ---- what is wrong ---------------------------------------------------------------------------------- */

/* The largest record that we may have to write there; what is larger in a dead-letter topic goes out as a stub,
 * and an alert goes out with less of its evidence. */
static int least_bytes(enum jd_session_topic topic)
{
    const bool is_effect = topic >= JD_SESSION_ALERTS && topic <= JD_SESSION_DECISIONS;
    return topic == JD_SESSION_JOURNAL ? JD_JOURNAL_RECORD_MIN : is_effect ? OUTPUT_BYTES_MIN : 0;
}

static bool check_one(const struct jd_session *session, enum jd_session_topic topic, bool ignore_missing,
                      char *text, size_t size)
{
    const struct jd_topic_facts *facts = &session->topics[topic];
    const struct jd_topic_facts *events = &session->topics[JD_SESSION_EVENTS];
    if (facts->topic == NULL) {
        return true;
    }
    if (!facts->exists) {
        const bool is_optional = topic == JD_SESSION_HCP_PROFILES || topic == JD_SESSION_ACCOUNT_PROFILES;
        snprintf(text, size, "topic %s (%s) is not there: create it%s%s", facts->topic, rows[topic].role,
                 is_optional ? ", or name it `none`" : "",
                 rows[topic].kind == KIND_INPUT ? "" : ", or set create_topics: true");
        return ignore_missing && rows[topic].kind != KIND_INPUT;
    }
    if (is_keyed(topic) && events->exists && facts->partitions != events->partitions) {
        snprintf(text, size,
                 "topic %s (%s) has %" PRId32 " partitions, %s has %" PRId32
                 ": all keyed topics must have the same number",
                 facts->topic, rows[topic].role, facts->partitions, events->topic, events->partitions);
        return false;
    }
    if (topic == JD_SESSION_POLICIES && facts->partitions != 1) {
        snprintf(text, size, "topic %s (%s) has %" PRId32 " partitions: it must have one", facts->topic,
                 rows[topic].role, facts->partitions);
        return false;
    }
    if (facts->max_message_bytes >= 0 && facts->max_message_bytes < least_bytes(topic)) {
        snprintf(text, size,
                 "topic %s (%s) takes records of %" PRId64 " bytes: some of ours may be larger; set "
                 "max.message.bytes to %d or more",
                 facts->topic, rows[topic].role, facts->max_message_bytes, least_bytes(topic));
        return false;
    }
    if (topic == JD_SESSION_JOURNAL && facts->is_compacted) {
        snprintf(text, size,
                 "topic %s (%s) is compacted: its records have no keys; set cleanup.policy=delete",
                 facts->topic, rows[topic].role);
        return false;
    }
    return true;
}

uint32_t jd_session_check(const struct jd_session *session, enum jd_session_topic only, bool ignore_missing,
                          void (*say)(void *context, const char *text), void *context)
{
    uint32_t count = 0;
    for (int i = 0; i < JD_SESSION_TOPIC_COUNT; i++) {
        const enum jd_session_topic topic = (enum jd_session_topic)i;
        char text[JD_ERROR_TEXT_MAX];
        if ((only == JD_SESSION_TOPIC_COUNT || only == topic) &&
            !check_one(session, topic, ignore_missing, text, sizeof(text))) {
            say(context, text);
            count++;
        }
    }
    return count;
}

/* ---- making what is missing ------------------------------------------------------------------------- */

static bool create_missing(struct jd_session *session, enum jd_session_topic only, struct jd_error *err)
{
    static const struct jd_kafka_property journal[] = {
        {"cleanup.policy", "delete"}, {"retention.ms", "-1"}, {"retention.bytes", "-1"}};
    static const struct jd_kafka_property policies[] = {{"cleanup.policy", "compact"}};
    struct jd_topic_spec specs[JD_SESSION_TOPIC_COUNT];
    uint32_t count = 0;
    for (int i = 0; i < JD_SESSION_TOPIC_COUNT; i++) {
        const struct jd_topic_facts *facts = &session->topics[i];
        const enum kind kind = rows[i].kind;
        if (facts->topic == NULL || facts->exists || kind == KIND_INPUT ||
            (only != JD_SESSION_TOPIC_COUNT && (int)only != i)) {
            continue;
        }
        struct jd_topic_spec *spec = &specs[count++];
        *spec = (struct jd_topic_spec){.topic = facts->topic, .partitions = session->partitions};
        if (kind == KIND_JOURNAL) {
            spec->config = journal;
            spec->config_count = JD_COUNT(journal);
        } else if (kind == KIND_POLICIES) {
            *spec = (struct jd_topic_spec){facts->topic, 1, policies, JD_COUNT(policies)};
        }
        if (spec->partitions == 0) {
            return jd_error_set(
                err, JD_EXIT_CONFIG,
                "topic %s (engagement.events) is not there: create it; the other topics get its "
                "number of partitions",
                session->topics[JD_SESSION_EVENTS].topic);
        }
    }
    if (count == 0) {
        return true;
    }
    return jd_admin_create(session->admin, specs, count, timeout_of(session), err) == JD_KAFKA_OK &&
           describe(session, err);
}

static void keep_first(void *context, const char *text)
{
    struct jd_error *err = context;
    if (err->text[0] == '\0') {
        jd_error_set(err, JD_EXIT_CONFIG, "%s", text);
    }
}

bool jd_session_ensure(struct jd_session *session, enum jd_session_topic only, struct jd_error *err)
{
    if (session->settings->create_topics && !create_missing(session, only, err)) {
        return false;
    }
    err->text[0] = '\0';
    return jd_session_check(session, only, false, keep_first, err) == 0;
}

struct jd_redis *jd_session_redis(const struct jd_settings *settings, struct jd_error *err)
{
    const struct jd_redis_config config = {.url = settings->redis.url.ptr,
                                           .user = settings->redis.user.ptr,
                                           .password = settings->redis.password.ptr,
                                           .connect_timeout_ms = (int)settings->redis.timeout_ms,
                                           .timeout_ms = (int)settings->redis.timeout_ms};
    return jd_redis_open(&config, err);
}

int32_t jd_session_shard(const struct jd_settings *settings, struct jd_str id, int32_t shards)
{
    return settings->partitioner == JD_PARTITIONER_CRC32 ? jd_partition_crc32(id, shards)
                                                         : jd_partition_murmur2(id, shards);
}

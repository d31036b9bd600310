#include "cli/outfit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "adapters/clock.h"
#include "base/contract.h"
#include "base/str.h"

enum {
    RETRY_MS = 200,
    SCHEMA_MAX = 1 << 20,               /* bytes of a schema file */
    BROKER_DEFAULT_MAX_BYTES = 1048588, /* where we may not see a topic's limit */
    ARENA_MAX = 64 << 20,
};

static struct jd_str read_schema(struct jd_str path, struct jd_arena *arena, struct jd_error *err)
{
    struct jd_str text = {0};
    FILE *file = fopen(path.ptr, "rb");
    if (file == NULL) {
        (void)jd_error_set(err, JD_EXIT_CONFIG, "cannot open the schema %s", path.ptr);
        return text;
    }
    char *bytes = jd_arena_alloc(arena, SCHEMA_MAX);
    const size_t size = fread(bytes, 1, SCHEMA_MAX, file);
    fclose(file); /* read only: nothing can be lost */
    if (size == 0 || size == SCHEMA_MAX) {
        (void)jd_error_set(err, JD_EXIT_CONFIG, "the schema %s is empty or larger than 1 MiB", path.ptr);
    } else {
        text = (struct jd_str){bytes, (uint32_t)size};
    }
    return text;
}

static enum jd_schema_answer look_up(void *context, uint32_t id, struct jd_str *schema)
{
    return (enum jd_schema_answer)jd_registry_schema(context, id, schema);
}

static bool fill_wire(struct jd_outfit *outfit, struct jd_error *err)
{
    static const enum jd_encoding encodings[] = {
        [JD_SETTING_ENCODING_AUTO] = JD_ENCODING_AUTO,
        [JD_SETTING_ENCODING_JSON] = JD_ENCODING_JSON,
        [JD_SETTING_ENCODING_AVRO] = JD_ENCODING_AVRO,
    };
    const struct jd_settings *settings = outfit->session.settings;
    struct jd_shared *shared = &outfit->shared;
    shared->wire = (struct jd_wire_config){
        .in = encodings[settings->encoding.in],
        .max_record_bytes = (uint32_t)settings->max_record_bytes,
        .partitioner =
            settings->partitioner == JD_PARTITIONER_CRC32 ? JD_PARTITION_CRC32 : JD_PARTITION_MURMUR2,
        .clock_record = settings->clock == JD_CLOCK_RECORD,
        .lookup = shared->registry == NULL ? NULL : look_up,
        .lookup_context = shared->registry,
    };
    const struct {
        enum jd_input_role role;
        struct jd_str path;
    } fixed[] = {{JD_ROLE_OF_EVENTS, settings->encoding.events_schema},
                 {JD_ROLE_OF_HCP_PROFILES, settings->encoding.hcp_profiles_schema},
                 {JD_ROLE_OF_ACCOUNT_PROFILES, settings->encoding.account_profiles_schema}};
    for (size_t i = 0; i < JD_COUNT(fixed); i++) {
        if (fixed[i].path.ptr != NULL) {
            shared->wire.fixed_schema[fixed[i].role] = read_schema(fixed[i].path, &outfit->arena, err);
            if (shared->wire.fixed_schema[fixed[i].role].ptr == NULL) {
                return false;
            }
        }
    }
    shared->wire_out = (struct jd_wire_out){
        .encoding = encodings[settings->encoding.out],
        .confluent = settings->encoding.out == JD_SETTING_ENCODING_AVRO && shared->registry != NULL,
        .source = jd_arena_printf(&outfit->arena, "journeyd/" JD_STR_FMT, JD_STR_ARG(settings->group)),
        .touches = jd_object_of(&jd_shared_touch_record),
    };
    return true;
}

/* Our own outputs' schemas go into the registry before the first record names them. */
static bool register_schemas(struct jd_shared *shared, struct jd_error *err)
{
    static const enum jd_topic topics[] = {
        JD_TOPIC_ALERTS,         JD_TOPIC_ALERTS_SHADOW,       JD_TOPIC_ALERTS_COMMERCIAL,
        JD_TOPIC_ALERTS_MEDICAL, JD_TOPIC_TRIGGERS_COMMERCIAL, JD_TOPIC_TRIGGERS_MEDICAL,
        JD_TOPIC_DECISIONS};
    for (size_t i = 0; shared->wire_out.confluent && i < JD_COUNT(topics); i++) {
        char subject[512];
        snprintf(subject, sizeof(subject), "%s-value", shared->outs[jd_out_of(topics[i])].topic);
        const struct jd_str schema = jd_schema_text(jd_str_of(jd_topic_record(topics[i])->name));
        if (!jd_registry_register(shared->registry, subject, schema, &shared->wire_out.schema_ids[topics[i]],
                                  err)) {
            return false;
        }
    }
    return true;
}

static void fill_outs(struct jd_outfit *outfit)
{
    static const enum jd_session_topic topics[JD_OUT_COUNT] = {
        [JD_OUT_JOURNAL] = JD_SESSION_JOURNAL,
        [JD_OUT_ALERTS] = JD_SESSION_ALERTS,
        [JD_OUT_ALERTS_SHADOW] = JD_SESSION_ALERTS_SHADOW,
        [JD_OUT_ALERTS_COMMERCIAL] = JD_SESSION_ALERTS_COMMERCIAL,
        [JD_OUT_ALERTS_MEDICAL] = JD_SESSION_ALERTS_MEDICAL,
        [JD_OUT_TRIGGERS_COMMERCIAL] = JD_SESSION_TRIGGERS_COMMERCIAL,
        [JD_OUT_TRIGGERS_MEDICAL] = JD_SESSION_TRIGGERS_MEDICAL,
        [JD_OUT_DECISIONS] = JD_SESSION_DECISIONS,
        [JD_OUT_TOUCHES] = JD_SESSION_TOUCHES,
        [JD_OUT_DEAD + JD_IN_HCP_PROFILES] = JD_SESSION_HCP_PROFILES_DLQ,
        [JD_OUT_DEAD + JD_IN_ACCOUNT_PROFILES] = JD_SESSION_ACCOUNT_PROFILES_DLQ,
        [JD_OUT_DEAD + JD_IN_TOUCHES] = JD_SESSION_TOUCHES_DLQ,
        [JD_OUT_DEAD + JD_IN_EVENTS] = JD_SESSION_EVENTS_DLQ,
    };
    for (int i = 0; i < JD_OUT_COUNT; i++) {
        const struct jd_topic_facts *facts = &outfit->session.topics[topics[i]];
        outfit->shared.outs[i] = (struct jd_topic_limit){
            .topic = facts->topic,
            .partitions = facts->partitions,
            .max_bytes = facts->max_message_bytes < 0 ? BROKER_DEFAULT_MAX_BYTES : facts->max_message_bytes};
    }
}

static bool reach_registry(struct jd_outfit *outfit, struct jd_error *err)
{
    const struct jd_settings *settings = outfit->session.settings;
    if (settings->registry.url.ptr == NULL) {
        return true;
    }
    const struct jd_registry_config config = {.url = settings->registry.url.ptr,
                                              .user = settings->registry.user.ptr,
                                              .password = settings->registry.password.ptr,
                                              .timeout_ms = (int)settings->registry.timeout_ms};
    outfit->shared.registry = jd_registry_open(&config, err);
    return outfit->shared.registry != NULL &&
           jd_registry_reach(outfit->shared.registry, (int)settings->start_timeout_ms, err);
}

static void rest(void)
{
    const struct timespec pause = {.tv_nsec = RETRY_MS * 1000000};
    (void)nanosleep(&pause, NULL); /* an interruption only shortens it */
}

struct jd_redis *jd_outfit_redis(const struct jd_outfit *outfit, struct jd_error *err)
{
    const struct jd_settings *settings = outfit->session.settings;
    struct jd_redis *redis = jd_session_redis(settings, err);
    if (redis == NULL) {
        return NULL;
    }
    const int64_t deadline = jd_clock_mono() + settings->start_timeout_ms;
    enum jd_redis_status status = jd_redis_check(redis, err);
    while (status == JD_REDIS_UNAVAILABLE && jd_clock_mono() < deadline) {
        rest();
        status = jd_redis_check(redis, err);
    }
    if (status != JD_REDIS_OK) {
        jd_redis_close(redis);
        return NULL;
    }
    return redis;
}

static bool ignore(void *context, uint32_t key_index, struct jd_str field, struct jd_str value)
{
    (void)context;
    (void)key_index;
    (void)field;
    (void)value;
    return true;
}

bool jd_outfit_may_write(struct jd_redis *redis, struct jd_str group, struct jd_error *err)
{
    struct jd_arena arena;
    jd_arena_init(&arena, 1 << 16);
    const struct jd_str key = jd_arena_printf(&arena, "jd:{" JD_STR_FMT "/check}:meta", JD_STR_ARG(group));
    const struct jd_str field = JD_STR("check");
    const struct jd_redis_change changes[] = {{JD_REDIS_SET, key, field, field},
                                              {JD_REDIS_REMOVE, key, field, {0}},
                                              {JD_REDIS_DROP, key, {0}, {0}}};
    jd_time now = 0;
    enum jd_redis_status status = jd_redis_time(redis, &now, err);
    if (status == JD_REDIS_OK) {
        status = jd_redis_watch(redis, key, ignore, NULL, err);
    }
    if (status == JD_REDIS_OK) {
        status = jd_redis_exec(redis, changes, JD_COUNT(changes), err);
    }
    jd_arena_done(&arena);
    return status == JD_REDIS_OK || status == JD_REDIS_CONFLICT; /* somebody else tries it, too */
}

bool jd_outfit_fill(struct jd_outfit *outfit, struct jd_error *err)
{
    struct jd_session *session = &outfit->session;
    jd_arena_init(&outfit->arena, ARENA_MAX);
    if (!jd_session_topics(session, err) || !jd_session_ensure(session, JD_SESSION_TOPIC_COUNT, err) ||
        !reach_registry(outfit, err)) {
        return false;
    }
    outfit->shared.settings = session->settings;
    outfit->shared.kafka = session->kafka;
    outfit->shared.partitions = session->partitions;
    fill_outs(outfit);
    if (!fill_wire(outfit, err) || !register_schemas(&outfit->shared, err)) {
        return false;
    }
    outfit->shared.policies =
        jd_policies_open(&session->kafka, session->topics[JD_SESSION_POLICIES].topic, err);
    return outfit->shared.policies != NULL;
}

void jd_outfit_close(struct jd_outfit *outfit)
{
    jd_policies_close(outfit->shared.policies);
    jd_registry_close(outfit->shared.registry);
    jd_session_close(&outfit->session);
    jd_arena_done(&outfit->arena);
    outfit->shared = (struct jd_shared){0};
}

bool jd_outfit_shards(const struct jd_outfit *outfit, const char *word, int32_t *first, int32_t *end,
                      struct jd_error *err)
{
    const int32_t partitions = outfit->shared.partitions;
    char *rest_of_word = NULL;
    *first = 0;
    *end = partitions;
    if (strcmp(word, "all") == 0) {
        return true;
    }
    const long shard = strtol(word, &rest_of_word, 10);
    if (rest_of_word == word || *rest_of_word != '\0' || shard < 0 || shard >= partitions) {
        return jd_error_set(err, JD_EXIT_USAGE, "--shard: \"%s\" is neither `all` nor one of 0 to %d", word,
                            (int)partitions - 1);
    }
    *first = (int32_t)shard;
    *end = *first + 1;
    return true;
}

/* From a running group: what Redis holds of the physician, which may lag by a flush interval, the policy in force,
 * and the dead letters of the events topic. Reads only. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/redis.h"
#include "base/contract.h"
#include "base/str.h"
#include "cli/scan.h"
#include "cli/session.h"
#include "cli/whynot.h"
#include "policy/policy.h"
#include "shard/layout.h"
#include "wire/object.h"
#include "wire/partition.h"

enum { HASH_SIZE = 64, HEADERS_MAX = 64 };

struct live {
    const struct jd_whynot_arguments *arguments;
    struct jd_whynot_facts *facts;
    struct jd_session session;
    char current[HASH_SIZE + 1];
    json_t *bundles; /* hash -> text: which one is current is known last */
    struct jd_fold *fold;
    struct jd_error *err;
};

static bool visit_policy(void *context, const struct jd_message *message, struct jd_error *err)
{
    struct live *live = context;
    (void)err;
    if (message->value.ptr == NULL) {
        return true;
    }
    if (jd_str_eq(message->key, JD_STR("current"))) {
        json_t *record = json_loadb(message->value.ptr, message->value.size, 0, NULL);
        const char *hash = json_string_value(json_object_get(record, "hash"));
        snprintf(live->current, sizeof(live->current), "%s", hash != NULL ? hash : "");
        json_decref(record);
    } else if (message->key.size == HASH_SIZE) {
        char hash[HASH_SIZE + 1];
        snprintf(hash, sizeof(hash), JD_STR_FMT, JD_STR_ARG(message->key));
        json_object_set_new(live->bundles, hash, json_stringn(message->value.ptr, message->value.size));
    }
    return true;
}

static struct jd_str header_of(const struct jd_header *headers, int32_t count, struct jd_str name)
{
    for (int32_t i = 0; i < count && i < HEADERS_MAX; i++) {
        if (jd_str_eq(headers[i].name, name)) {
            return headers[i].value;
        }
    }
    return (struct jd_str){0};
}

static bool visit_dead_letter(void *context, const struct jd_message *message, struct jd_error *err)
{
    struct live *live = context;
    struct jd_header headers[HEADERS_MAX];
    char where[512];
    (void)err;
    if (!jd_str_eq(message->key, jd_str_of(live->arguments->hcp))) {
        return true;
    }
    const int32_t count = jd_message_headers(message, headers, HEADERS_MAX);
    snprintf(where, sizeof(where), "%s %d/%lld", live->session.topics[JD_SESSION_EVENTS_DLQ].topic,
             (int)message->partition, (long long)message->offset);
    jd_whynot_refuse(live->facts,
                     (struct jd_refused){.id = header_of(headers, count, JD_STR("ce_id")),
                                         .where = jd_str_of(where),
                                         .reason = header_of(headers, count, JD_STR("jd.dlq.reason"))});
    return true;
}

static bool scan(struct live *live, enum jd_session_topic which,
                 bool (*visit)(void *context, const struct jd_message *message, struct jd_error *err))
{
    const struct jd_topic_facts *topic = &live->session.topics[which];
    const struct jd_scan scan = {.kafka = &live->session.kafka,
                                 .topic = topic->topic,
                                 .first = 0,
                                 .count = topic->partitions,
                                 .timeout_ms = (int)live->session.settings->start_timeout_ms,
                                 .visit = visit,
                                 .context = live};
    return !topic->exists || jd_scan_run(&scan, live->err);
}

static struct jd_policy *compile(struct live *live)
{
    const char *text = json_string_value(json_object_get(live->bundles, live->current));
    if (text == NULL) {
        jd_error_set(live->err, JD_EXIT_DATA, "no policy is in force");
        return NULL;
    }
    struct jd_diagnostics problems;
    jd_diagnostics_init(&problems);
    struct jd_policy *policy = jd_policy_from_bundle(jd_str_of(text), (struct jd_str){0}, &problems);
    if (policy == NULL) {
        jd_diagnostics_print(&problems, stderr);
        *live->err = (struct jd_error){.code = JD_EXIT_CONFIG};
    }
    jd_diagnostics_done(&problems);
    return policy;
}

/* ---- the state ------------------------------------------------------------------------------------------ */

static bool take_meta(void *context, uint32_t key_index, struct jd_str field, struct jd_str value)
{
    struct live *live = context;
    char number[32];
    (void)key_index; /* there is one key */
    if (jd_str_eq(field, JD_STR("now"))) {
        snprintf(number, sizeof(number), JD_STR_FMT, JD_STR_ARG(value));
        jd_fold_set_now(live->fold, strtoll(number, NULL, 10));
    }
    return true;
}

static bool take_image(void *context, uint32_t key_index, struct jd_str field, struct jd_str value)
{
    struct live *live = context;
    const struct jd_object format = jd_object_of(&jd_image_record);
    struct jd_image image;
    (void)key_index; /* it is asked for alone */
    if (!jd_object_read(&format, value, &live->facts->arena, &image, live->err)) {
        return false;
    }
    const struct jd_change *entries = image.entries.items;
    for (uint32_t i = 0; i < image.entries.count; i++) {
        struct jd_change change = entries[i];
        change.key = field;
        if (!jd_fold_put(live->fold, &change, live->err)) {
            return jd_error_wrap(live->err, "state " JD_STR_FMT, JD_STR_ARG(field));
        }
    }
    jd_fold_keep(live->fold);
    return true;
}

static bool load(struct live *live)
{
    const struct jd_settings *settings = live->session.settings;
    const struct jd_str id = jd_str_of(live->arguments->hcp);
    const int32_t partition = jd_session_shard(settings, id, live->session.partitions);
    struct jd_redis *redis = jd_session_redis(settings, live->err);
    if (redis == NULL) {
        return false;
    }
    struct jd_arena *arena = &live->facts->arena;
    const struct jd_str key = jd_arena_printf(arena, "hcp:%s", live->arguments->hcp);
    const struct jd_str meta = jd_meta_key(settings->group, partition, arena);
    const struct jd_str bucket = jd_bucket_key(settings->group, partition, jd_bucket_of(key), arena);
    const bool ok = jd_redis_load(redis, &meta, 1, take_meta, live, live->err) == JD_REDIS_OK &&
                    jd_redis_get(redis, bucket, key, take_image, live, live->err) == JD_REDIS_OK &&
                    live->err->text[0] == '\0';
    jd_redis_close(redis);
    return ok;
}

static bool gather(struct live *live, struct jd_policy **policy, struct jd_program *program)
{
    if (!jd_session_open(&live->session, live->arguments->config, live->err) ||
        !jd_session_topics(&live->session, live->err) || !scan(live, JD_SESSION_POLICIES, visit_policy) ||
        (*policy = compile(live)) == NULL ||
        !jd_whynot_program(jd_policy_program(*policy), live->arguments->rule, program, live->err)) {
        return false;
    }
    if (live->session.partitions == 0) {
        return jd_error_set(live->err, JD_EXIT_CONFIG, "topic %s (engagement.events) is not there",
                            live->session.topics[JD_SESSION_EVENTS].topic);
    }
    jd_explain_take_rule(*policy, "the published policy", jd_str_of(live->arguments->rule),
                         &live->facts->arena, &live->facts->rule);
    live->fold = jd_fold_new(program, jd_heap);
    return (live->fold != NULL || jd_error_set(live->err, JD_EXIT_INTERNAL, "out of memory")) && load(live) &&
           scan(live, JD_SESSION_EVENTS_DLQ, visit_dead_letter);
}

struct jd_fold *jd_whynot_live(const struct jd_whynot_arguments *arguments, struct jd_whynot_facts *facts,
                               struct jd_policy **policy, struct jd_program *program, struct jd_error *err)
{
    struct live live = {.arguments = arguments, .facts = facts, .bundles = json_object(), .err = err};
    if (!gather(&live, policy, program)) {
        jd_fold_free(live.fold);
        live.fold = NULL;
    }
    json_decref(live.bundles);
    jd_session_close(&live.session);
    return live.fold;
}

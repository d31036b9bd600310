#include "cli/shards.h"

#include "adapters/redis.h"
#include "base/avro.h"
#include "base/contract.h"
#include "base/str.h"
#include "shard/layout.h"
#include "wire/object.h"

/* What one shard says. */
struct shard {
    struct jd_object format;
    struct jd_arena arena;
    const char *hash;
    json_t *warming;
    bool has_image, is_reviewing, follows;
    struct jd_error *err;
};

static void add_rule(json_t *warming, struct jd_str rule)
{
    char id[JD_STRING_MAX + 1];
    snprintf(id, sizeof(id), JD_STR_FMT, JD_STR_ARG(rule));
    const json_int_t count = json_integer_value(json_object_get(warming, id));
    json_object_set_new(warming, id, json_integer(count + 1));
}

static bool read_entry(struct shard *shard, const struct jd_change *entry)
{
    const struct jd_record *record = jd_entry_records[entry->kind - 1];
    void *value = jd_arena_alloc(&shard->arena, record->size);
    if (!jd_avro_read(record, entry->body.body, &shard->arena, value, shard->err)) {
        return false;
    }
    if (entry->kind == JD_ENTRY_SHARD) {
        shard->follows = jd_str_eq(((const struct jd_shard_entry *)value)->policy, jd_str_of(shard->hash));
    } else if (entry->kind == JD_ENTRY_PROGRAM) {
        shard->is_reviewing = ((const struct jd_program_entry *)value)->reviewing == JD_TRUE;
    } else if (((const struct jd_rule_entry *)value)->digest == JD_INT_NONE) {
        add_rule(shard->warming, ((const struct jd_rule_entry *)value)->rule);
    }
    return true;
}

static bool read_image(void *context, uint32_t key_index, struct jd_str field, struct jd_str value)
{
    (void)key_index; /* there is one key */
    (void)field;
    struct shard *shard = context;
    struct jd_image image;
    if (!jd_object_read(&shard->format, value, &shard->arena, &image, shard->err)) {
        return jd_error_wrap(shard->err, "state shard");
    }
    const struct jd_change *entries = image.entries.items;
    bool ok = shard->has_image = true;
    for (uint32_t i = 0; ok && i < image.entries.count; i++) {
        const uint8_t kind = entries[i].kind;
        ok = (kind != JD_ENTRY_SHARD && kind != JD_ENTRY_PROGRAM && kind != JD_ENTRY_RULE) ||
             read_entry(shard, &entries[i]);
    }
    return ok;
}

static void count(json_t *state, const char *what)
{
    json_object_set_new(state, what, json_integer(json_integer_value(json_object_get(state, what)) + 1));
}

json_t *jd_shards_state(const struct jd_session *session, const char *hash, struct jd_error *err)
{
    struct jd_redis *redis = jd_session_redis(session->settings, err);
    if (redis == NULL) {
        return NULL;
    }
    json_t *state = json_pack("{s:i,s:i,s:i,s:i,s:i,s:{}}", "count", (int)session->partitions, "following", 0,
                              "reviewing", 0, "other", 0, "absent", 0, "warming");
    struct shard shard = {.format = jd_object_of(&jd_image_record),
                          .hash = hash,
                          .warming = json_object_get(state, "warming"),
                          .err = err};
    jd_arena_init(&shard.arena, (size_t)64 << 20);
    bool ok = true;
    for (int32_t p = 0; ok && p < session->partitions; p++) {
        const struct jd_str key = JD_STR("shard");
        const struct jd_str bucket =
            jd_bucket_key(session->settings->group, p, jd_bucket_of(key), &shard.arena);
        shard.has_image = shard.is_reviewing = shard.follows = false;
        ok = jd_redis_get(redis, bucket, key, read_image, &shard, err) == JD_REDIS_OK && err->text[0] == '\0';
        count(state, !shard.has_image     ? "absent"
                     : !shard.follows     ? "other"
                     : shard.is_reviewing ? "reviewing"
                                          : "following");
        jd_arena_reset(&shard.arena);
    }
    jd_arena_done(&shard.arena);
    jd_redis_close(redis);
    if (!ok) {
        json_decref(state);
    }
    return ok ? state : NULL;
}

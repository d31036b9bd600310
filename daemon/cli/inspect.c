/* journeyd inspect: what Redis holds of a physician, an account, an actor, a declared key or a shard, decoded.
 *
 * It only reads, beside a running daemon too. What Redis holds may lag behind what is committed
 * (write-behind): `seq` of meta says until which batch it is complete. The state is unprojected: whoever runs
 * this must be cleared for both sides of the wall. */
#include <inttypes.h>
#include <string.h>

#include "adapters/redis.h"
#include "base/avro.h"
#include "base/contract.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/session.h"
#include "shard/layout.h"
#include "wire/json.h"
#include "wire/object.h"
#include "wire/partition.h"

struct arguments {
    const char *config, *hcp, *account, *actor, *key;
    int64_t shard;
    bool meta, json;
};

struct inspecting {
    const struct arguments *arguments;
    struct jd_session session;
    struct jd_redis *redis;
    struct jd_object format;
    struct jd_arena arena; /* one state */
    uint64_t states, entries, bytes;
    bool is_first;
    struct jd_error *err;
};

/* ---- one state -------------------------------------------------------------------------------------- */

static void print_entry(struct inspecting *in, const struct jd_change *entry)
{
    struct jd_buf line;
    jd_buf_init(&line, &in->arena);
    const struct jd_str kind = jd_symbol_text(&jd_entry_symbols, entry->kind);
    jd_buf_printf(&line, "  " JD_STR_FMT, JD_STR_ARG(kind));
    if (entry->id.ptr != NULL) {
        jd_buf_printf(&line, " " JD_STR_FMT, JD_STR_ARG(entry->id));
    }
    if (entry->due != JD_TIME_NONE) {
        jd_buf_printf(&line, "  due " JD_STR_FMT, JD_STR_ARG(jd_time_text(entry->due, &in->arena)));
    }
    const struct jd_record *record = jd_entry_records[entry->kind - 1];
    void *value = jd_arena_alloc(&in->arena, record->size);
    struct jd_error err = {0};
    if (jd_avro_read(record, entry->body.body, &in->arena, value, &err)) {
        jd_buf_text(&line, "\n    ");
        jd_json_write(record, value, &line);
    } else {
        jd_buf_printf(&line, "\n    not readable: %s", err.text);
    }
    printf("%.*s\n", (int)line.size, line.bytes);
}

static bool print_image(void *context, uint32_t key_index, struct jd_str field, struct jd_str value)
{
    (void)key_index; /* the bucket says nothing to a person */
    struct inspecting *in = context;
    struct jd_image image;
    if (!jd_object_read(&in->format, value, &in->arena, &image, in->err)) {
        return jd_error_wrap(in->err, "state " JD_STR_FMT, JD_STR_ARG(field));
    }
    const struct jd_change *entries = image.entries.items;
    in->states++;
    in->entries += image.entries.count;
    in->bytes += value.size;
    if (in->arguments->json) {
        struct jd_buf line;
        jd_buf_init(&line, &in->arena);
        jd_json_write(&jd_image_record, &image, &line);
        printf("%.*s\n", (int)line.size, line.bytes);
    } else {
        printf(JD_STR_FMT "  %u entries, %u bytes\n", JD_STR_ARG(field), image.entries.count, value.size);
        for (uint32_t i = 0; in->arguments->shard == JD_INT_NONE && i < image.entries.count; i++) {
            print_entry(in, &entries[i]);
        }
    }
    jd_arena_reset(&in->arena);
    return true;
}

/* An error of the visitor wins over the adapter's OK. */
static bool answered(const struct inspecting *in, enum jd_redis_status status)
{
    return status == JD_REDIS_OK && in->err->text[0] == '\0';
}

/* `key`: hcp:<id>, account:<id>, actor:<id> or <declared key>:<value>. */
static bool print_key(struct inspecting *in, struct jd_str key)
{
    const struct jd_settings *settings = in->session.settings;
    const char *colon = memchr(key.ptr, ':', key.size);
    if (colon == NULL) {
        return jd_error_set(in->err, JD_EXIT_USAGE, "--key: \"" JD_STR_FMT "\" is not <name>:<value>",
                            JD_STR_ARG(key));
    }
    const struct jd_str id = {colon + 1, key.size - (uint32_t)(colon + 1 - key.ptr)};
    const int32_t partition = jd_session_shard(settings, id, in->session.partitions);
    struct jd_arena names;
    jd_arena_init(&names, 1 << 16);
    const struct jd_str bucket = jd_bucket_key(settings->group, partition, jd_bucket_of(key), &names);
    const enum jd_redis_status status = jd_redis_get(in->redis, bucket, key, print_image, in, in->err);
    bool ok = answered(in, status);
    if (ok && in->states == 0) {
        ok =
            jd_error_set(in->err, JD_EXIT_DATA,
                         "no state of " JD_STR_FMT " in Redis (shard %d; HGET " JD_STR_FMT " " JD_STR_FMT ")",
                         JD_STR_ARG(key), (int)partition, JD_STR_ARG(bucket), JD_STR_ARG(key));
    }
    jd_arena_done(&names);
    return ok;
}

/* The key that the arguments name. */
static struct jd_str key_of(struct inspecting *in)
{
    const struct arguments *a = in->arguments;
    return a->key != NULL       ? jd_str_of(a->key)
           : a->hcp != NULL     ? jd_arena_printf(&in->arena, "hcp:%s", a->hcp)
           : a->account != NULL ? jd_arena_printf(&in->arena, "account:%s", a->account)
                                : jd_arena_printf(&in->arena, "actor:%s", a->actor);
}

/* ---- a shard ---------------------------------------------------------------------------------------- */

static bool print_meta_pair(void *context, uint32_t key_index, struct jd_str field, struct jd_str value)
{
    (void)key_index; /* there is one key */
    struct inspecting *in = context;
    if (in->arguments->json) {
        struct jd_buf pair;
        jd_buf_init(&pair, &in->arena);
        jd_buf_byte(&pair, in->is_first ? '{' : ',');
        jd_json_write_str(field, &pair);
        jd_buf_byte(&pair, ':');
        jd_json_write_str(value, &pair);
        printf("%.*s", (int)pair.size, pair.bytes);
    } else {
        printf("%-8.*s " JD_STR_FMT "\n", JD_STR_ARG(field), JD_STR_ARG(value));
    }
    in->is_first = false;
    return true;
}

static bool print_meta(struct inspecting *in, int32_t partition)
{
    const struct jd_str key = jd_meta_key(in->session.settings->group, partition, &in->arena);
    in->is_first = true;
    if (!answered(in, jd_redis_load(in->redis, &key, 1, print_meta_pair, in, in->err))) {
        return false;
    }
    if (in->is_first) {
        return jd_error_set(in->err, JD_EXIT_DATA, "no image of shard %d in Redis (" JD_STR_FMT ")",
                            (int)partition, JD_STR_ARG(key));
    }
    if (in->arguments->json) {
        puts("}");
    }
    return true;
}

static bool print_shard(struct inspecting *in, int32_t partition)
{
    if (partition >= in->session.partitions) {
        return jd_error_set(in->err, JD_EXIT_USAGE, "--shard: there are shards 0 to %d",
                            (int)in->session.partitions - 1);
    }
    if (in->arguments->meta || !in->arguments->json) {
        if (!print_meta(in, partition)) {
            return false;
        }
    }
    if (in->arguments->meta) {
        return true;
    }
    struct jd_arena names;
    jd_arena_init(&names, 1 << 16);
    struct jd_str keys[JD_BUCKETS];
    for (int i = 0; i < JD_BUCKETS; i++) {
        keys[i] = jd_bucket_key(in->session.settings->group, partition, (uint8_t)i, &names);
    }
    const bool ok = answered(in, jd_redis_load(in->redis, keys, JD_BUCKETS, print_image, in, in->err));
    jd_arena_done(&names);
    if (ok && !in->arguments->json) {
        printf("%" PRIu64 " states, %" PRIu64 " entries, %" PRIu64 " bytes\n", in->states, in->entries,
               in->bytes);
    }
    return ok;
}

/* ---- the command ------------------------------------------------------------------------------------ */

static bool open_all(struct inspecting *in)
{
    if (!jd_session_open(&in->session, in->arguments->config, in->err) ||
        !jd_session_topics(&in->session, in->err)) {
        return false;
    }
    if (in->session.partitions == 0) {
        return jd_error_set(in->err, JD_EXIT_CONFIG,
                            "topic %s (engagement.events) is not there: its partitions are the shards",
                            in->session.topics[JD_SESSION_EVENTS].topic);
    }
    in->redis = jd_session_redis(in->session.settings, in->err);
    return in->redis != NULL;
}

static enum jd_exit run(const void *arguments_given, const struct jd_words *operands, struct jd_error *err)
{
    (void)operands; /* none: the table says so */
    struct inspecting in = {.arguments = arguments_given, .err = err};
    const struct arguments *arguments = in.arguments;
    const int ways = (arguments->hcp != NULL) + (arguments->account != NULL) + (arguments->actor != NULL) +
                     (arguments->key != NULL) + (arguments->shard != JD_INT_NONE);
    if (ways != 1 || (arguments->meta && arguments->shard == JD_INT_NONE)) {
        jd_error_set(err, JD_EXIT_USAGE,
                     "give one of --hcp, --account, --actor, --key and --shard; --meta goes with --shard");
        return JD_EXIT_USAGE;
    }
    jd_arena_init(&in.arena, (size_t)256 << 20);
    in.format = jd_object_of(&jd_image_record);
    bool ok = open_all(&in);
    if (ok && arguments->shard != JD_INT_NONE) {
        ok = print_shard(&in, (int32_t)arguments->shard);
    } else if (ok) {
        ok = print_key(&in, jd_arena_str(&in.arena, key_of(&in)));
    }
    jd_redis_close(in.redis);
    jd_session_close(&in.session);
    jd_arena_done(&in.arena);
    return ok ? JD_EXIT_OK : err->code;
}

static const struct jd_option options[] = {
    {JD_OPTION_TEXT, true, "config", "F", "the daemon's configuration", offsetof(struct arguments, config), 0,
     0},
    {JD_OPTION_TEXT, false, "hcp", "ID", "the state of this physician", offsetof(struct arguments, hcp), 0,
     0},
    {JD_OPTION_TEXT, false, "account", "ID", "the state of this account", offsetof(struct arguments, account),
     0, 0},
    {JD_OPTION_TEXT, false, "actor", "ID", "the state of this actor", offsetof(struct arguments, actor), 0,
     0},
    {JD_OPTION_TEXT, false, "key", "NAME:VALUE", "the state of this value of a key that the policy declares",
     offsetof(struct arguments, key), 0, 0},
    {JD_OPTION_INT, false, "shard", "P", "the states of this shard", offsetof(struct arguments, shard), 0,
     INT32_MAX},
    {JD_OPTION_FLAG, false, "meta", NULL, "of the shard only where it stands: lineage, seq, owner",
     offsetof(struct arguments, meta), 0, 0},
    {JD_OPTION_FLAG, false, "json", NULL, "one JSON object a state", offsetof(struct arguments, json), 0, 0},
    {JD_OPTION_END, false, NULL, NULL, NULL, 0, 0, 0},
};

const struct jd_command jd_inspect_command = {
    .name = "inspect",
    .usage =
        "--config F --hcp ID | --account ID | --actor ID | --key NAME:VALUE | --shard P [--meta] [--json]",
    .summary = "Show what Redis holds of a physician, an account, another key or a shard",
    .details =
        "Reads only, beside a running daemon too. Redis is written behind: it may lag by a flush interval.\n",
    .options = options,
    .arguments_size = sizeof(struct arguments),
    .run = run,
};

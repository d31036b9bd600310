/* Write-behind: the image of a shard in Redis, and who may write it.
 *
 * Every EXEC is conditional on (token, rev) in meta and moves rev; `seq` moves with the last chunk of a
 * flush. Blobs hold committed content only: this runs between batches. Where a process dies:
 *
 *   it died at             Redis holds                            what the heir does
 *   flush.begun            the image as before                    redoes from its seq
 *   flush.watched          the same                               the same
 *   flush.chunk            older content, some newer blobs        the same; redoing makes them right
 *   flush.last             the image of flush_seq                 redoes the few batches since
 *   compare.failed         whatever somebody made of it           as takeover.c
 *   rewrite.claimed        rolled-back content, our token         redoes from its (older) seq
 *   rewrite.chunk          some buckets new, the rest rolled back the same; redoing makes them right
 *   rewrite.last           the image                              redoes the few batches since
 *
 * When meta does not compare while the shard is live, somebody else owns the shard, or Redis was rolled
 * back. Nothing is flushed; a transaction must commit first (the group fences a dead owner); then a fresh
 * token is written, only if meta still holds what was read before that transaction; then the whole image,
 * bucket by bucket. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/str.h"
#include "shard/layout.h"
#include "shard/worker.h"

enum {
    CHUNK_KEYS = 1000, /* of one EXEC: Redis serves nobody else meanwhile */
    CHUNK_BYTES = 1 << 20,
    COMPARE_MS = 1000, /* between two compares of an idle shard */
    META_FIELDS = 9,
    KEY_OVERHEAD = 64, /* bytes a dirty key costs beside its changes */
    RETRY_MS = 100,    /* between two calls of a Redis that is away */
    SLOW_MS = 20,      /* a call that took longer … */
    REST = 4,          /* … is followed by a rest of so many times as long */
};

void jd_checkpoint_init(struct jd_checkpoint *image)
{
    *image = (struct jd_checkpoint){.rewrite = -1, .flushed_seq = -1};
    jd_keyset_init(&image->dirty);
    jd_keyset_init(&image->flushing);
}

void jd_checkpoint_done(struct jd_checkpoint *image)
{
    jd_keyset_done(&image->dirty);
    jd_keyset_done(&image->flushing);
}

void jd_checkpoint_add(struct jd_shard *shard, const struct jd_change *changes, uint32_t count)
{
    struct jd_checkpoint *image = &shard->image;
    for (uint32_t i = 0; i < count; i++) {
        if (jd_keyset_add(&image->dirty, changes[i].key))
            image->dirty_bytes += KEY_OVERHEAD;
        image->dirty_bytes += changes[i].body.body.size;
    }
}

void jd_checkpoint_unflushed(const struct jd_worker *worker, int64_t *keys, int64_t *bytes)
{
    *keys = *bytes = 0;
    for (uint32_t i = 0; i < worker->shard_count; i++) {
        const struct jd_checkpoint *image = &worker->shards[i]->image;
        *keys += image->dirty.count + image->flushing.count - image->written;
        *bytes += image->dirty_bytes + image->flushing_bytes;
    }
}

static bool read_id(char id[JD_ID_SIZE], struct jd_str value)
{
    if (value.size >= JD_ID_SIZE)
        return false;
    memcpy(id, value.ptr, value.size);
    id[value.size] = '\0';
    return true;
}

static bool read_number(int64_t *number, struct jd_str value)
{
    char text[24], *end;
    if (value.size == 0 || value.size >= sizeof text)
        return false;
    memcpy(text, value.ptr, value.size);
    text[value.size] = '\0';
    *number = strtoll(text, &end, 10);
    return *end == '\0';
}

struct meta_reader {
    struct jd_meta *meta;
    bool bad;
    int64_t format;
};

static bool on_meta(void *context, uint32_t key_index, struct jd_str field, struct jd_str value)
{
    struct meta_reader *reader = context;
    struct jd_meta *meta = reader->meta;
    (void)key_index;
    if (jd_str_eq(field, JD_STR("format")))
        reader->bad |= !read_number(&reader->format, value);
    else if (jd_str_eq(field, JD_STR("token")))
        reader->bad |= !read_id(meta->token, value);
    else if (jd_str_eq(field, JD_STR("lineage")))
        reader->bad |= !read_id(meta->lineage, value);
    else if (jd_str_eq(field, JD_STR("rev")))
        reader->bad |= !read_number(&meta->rev, value);
    else if (jd_str_eq(field, JD_STR("seq")))
        reader->bad |= !(meta->image = read_number(&meta->seq, value));
    else if (jd_str_eq(field, JD_STR("offset")))
        reader->bad |= !read_number(&meta->offset, value);
    return true;
}

/* Redis answers or not: said once, counted. What it does is never worth more than a fifth of the worker's
 * time: after a call that took long it rests, so that a slow or silent Redis delays images, not decisions. */
static enum jd_redis_status note(struct jd_worker *worker, int64_t began, enum jd_redis_status status,
                                 const struct jd_error *err)
{
    int64_t mono = jd_clock_mono(), took = mono - began, longest = worker->settings->redis.timeout_ms;
    bool down = status == JD_REDIS_UNAVAILABLE || status == JD_REDIS_REFUSED;
    if (down && !worker->redis_down)
        jd_log(status == JD_REDIS_REFUSED ? JD_LOG_REDIS_REFUSED : JD_LOG_REDIS_AWAY,
               jd_num("worker", worker->index), jd_txt("reason", err->text));
    if (!down && worker->redis_down)
        jd_log(JD_LOG_REDIS_BACK, jd_num("worker", worker->index));
    worker->redis_down = down;
    worker->redis_rest_until = took > SLOW_MS ? mono + REST * (took < longest ? took : longest)
                               : down         ? mono + RETRY_MS
                                              : 0;
    jd_metric_set(worker->metrics, JD_METRIC_REDIS_UP, down ? 0 : 1);
    return status;
}

enum jd_redis_status jd_checkpoint_watch(struct jd_worker *worker, const struct jd_shard *shard,
                                         struct jd_meta *meta, struct jd_error *err)
{
    struct jd_arena_mark mark = jd_arena_mark(&worker->scratch);
    struct jd_str key = jd_meta_key(worker->settings->group, shard->partition, &worker->scratch);
    *meta = (struct jd_meta){0};
    struct meta_reader reader = {.meta = meta, .format = 1};
    int64_t began = jd_clock_mono();
    enum jd_redis_status status = jd_redis_watch(worker->redis, key, on_meta, &reader, err);
    jd_arena_rewind(&worker->scratch, mark);
    if (status == JD_REDIS_OK && (reader.bad || reader.format != 1)) {
        jd_redis_unwatch(worker->redis);
        (void)jd_error_set(err, JD_EXIT_CONFIG,
                           "shard %" PRId32
                           ": the meta hash in Redis is not of this version or not ours (format %" PRId64 ")",
                           shard->partition, reader.format);
        status = JD_REDIS_REFUSED;
    }
    return note(worker, began, status, err);
}

enum jd_redis_status jd_checkpoint_time(struct jd_worker *worker, jd_time *now, struct jd_error *err)
{
    int64_t began = jd_clock_mono();
    return note(worker, began, jd_redis_time(worker->redis, now, err), err);
}

/* Changes under construction: one EXEC. */
struct writer {
    struct jd_arena *arena;
    struct jd_redis_change *changes;
    uint32_t count, capacity;
    size_t bytes;
};

static void put(struct writer *w, enum jd_redis_change_kind kind, struct jd_str key, struct jd_str field,
                struct jd_str value)
{
    if (w->count == w->capacity)
        w->changes = jd_arena_grow(w->arena, w->changes, w->count, &w->capacity, sizeof *w->changes);
    w->changes[w->count++] = (struct jd_redis_change){kind, key, field, value};
    w->bytes += field.size + value.size;
}

static void put_number(struct writer *w, struct jd_str key, struct jd_str field, int64_t value)
{
    put(w, JD_REDIS_SET, key, field, jd_arena_printf(w->arena, "%" PRId64, value));
}

/* The blob of one state, or its removal. */
static void put_state(struct jd_worker *worker, const struct jd_shard *shard, struct writer *w,
                      struct jd_str key)
{
    struct jd_str bucket =
        jd_bucket_key(worker->settings->group, shard->partition, jd_bucket_of(key), w->arena);
    struct jd_image image;
    if (jd_fold_image(shard->fold, key, w->arena, &image))
        put(w, JD_REDIS_SET, bucket, key, jd_object_write(&worker->image_format, &image, w->arena));
    else
        put(w, JD_REDIS_REMOVE, bucket, key, (struct jd_str){0});
}

static void put_image_end(const struct jd_worker *worker, const struct jd_shard *shard, struct writer *w,
                          struct jd_str meta)
{
    put(w, JD_REDIS_SET, meta, JD_STR("format"), JD_STR("1"));
    put(w, JD_REDIS_SET, meta, JD_STR("lineage"), jd_str_of(shard->lineage));
    put(w, JD_REDIS_SET, meta, JD_STR("owner"), jd_str_of(worker->instance_id));
    put_number(w, meta, JD_STR("seq"), shard->image.flush_seq);
    put_number(w, meta, JD_STR("offset"), shard->image.flush_offset);
    put_number(w, meta, JD_STR("now"), shard->image.flush_now);
}

enum jd_redis_status jd_checkpoint_claim(struct jd_worker *worker, struct jd_shard *shard,
                                         const struct jd_meta *meta, bool create, int64_t offset,
                                         struct jd_error *err)
{
    struct jd_arena_mark mark = jd_arena_mark(&worker->scratch);
    struct writer w = {.arena = &worker->scratch};
    struct jd_str key = jd_meta_key(worker->settings->group, shard->partition, w.arena);
    struct jd_checkpoint *image = &shard->image;
    char token[JD_ID_SIZE];
    jd_random_id(token);
    int64_t rev = (meta->rev > image->rev ? meta->rev : image->rev) + 1;
    put(&w, JD_REDIS_SET, key, JD_STR("token"), jd_str_of(token));
    put_number(&w, key, JD_STR("rev"), rev);
    put(&w, JD_REDIS_SET, key, JD_STR("owner"), jd_str_of(worker->instance_id));
    if (create) {
        for (int i = 0; i < JD_BUCKETS; i++)
            put(&w, JD_REDIS_DROP,
                jd_bucket_key(worker->settings->group, shard->partition, (uint8_t)i, w.arena),
                (struct jd_str){0}, (struct jd_str){0});
        image->flush_seq = 0;
        image->flush_offset = offset;
        image->flush_now = JD_TIME_MIN;
        put_image_end(worker, shard, &w, key);
    }
    int64_t began = jd_clock_mono();
    enum jd_redis_status status = jd_redis_exec(worker->redis, w.changes, w.count, err);
    jd_arena_rewind(&worker->scratch, mark);
    if (status == JD_REDIS_OK) {
        memcpy(image->token, token, sizeof token);
        image->rev = rev;
        image->unsure = image->disputed = image->proving = image->proved = false;
        if (create)
            image->flushed_seq = 0;
    }
    return note(worker, began, status, err);
}

struct key_collector {
    struct jd_keyset *set;
    struct jd_keyset buckets[JD_BUCKETS];
};

static bool collect(void *context, struct jd_str key)
{
    struct key_collector *collector = context;
    (void)jd_keyset_add(&collector->buckets[jd_bucket_of(key)], key);
    return true;
}

void jd_checkpoint_rewrite(struct jd_shard *shard)
{
    struct jd_checkpoint *image = &shard->image;
    image->rewrite = 0;
    image->in_flush = false;
    image->flush_at = 0;
}

/* The key set of a rewrite: every key, bucket by bucket. */
static void collect_all(struct jd_shard *shard)
{
    struct key_collector *collector = calloc(1, sizeof *collector);
    if (collector == NULL)
        abort();
    for (int i = 0; i < JD_BUCKETS; i++)
        jd_keyset_init(&collector->buckets[i]);
    jd_fold_keys(shard->fold, collect, collector);
    for (int i = 0; i < JD_BUCKETS; i++) {
        for (uint32_t k = 0; k < collector->buckets[i].count; k++)
            (void)jd_keyset_add(&shard->image.flushing, collector->buckets[i].keys[k]);
        jd_keyset_done(&collector->buckets[i]);
    }
    free(collector);
}

/* Fixes the key set of a flush and the seq that it reaches. */
static void begin_flush(struct jd_worker *worker, struct jd_shard *shard)
{
    struct jd_checkpoint *image = &shard->image;
    if (image->rewrite >= 0) {
        image->rewrite = 0;
        jd_keyset_clear(&image->flushing);
        collect_all(shard);
        jd_keyset_clear(&image->dirty);
    } else {
        jd_keyset_swap(&image->flushing, &image->dirty);
    }
    image->flushing_bytes = image->dirty_bytes;
    image->dirty_bytes = 0;
    image->written = 0;
    image->in_flush = true;
    image->flush_seq = shard->seq;
    image->flush_offset = shard->journal_offset;
    image->flush_now = shard->journal_now;
    image->flush_at = jd_clock_mono() + worker->settings->redis.flush_interval_ms;
}

static void end_flush(struct jd_shard *shard)
{
    struct jd_checkpoint *image = &shard->image;
    if (image->rewrite >= 0)
        jd_log(JD_LOG_IMAGE_REWRITTEN, jd_num("shard", shard->partition), jd_num("seq", image->flush_seq));
    image->rewrite = -1;
    image->in_flush = false;
    image->flushed_seq = image->flush_seq;
    image->flushing_bytes = 0;
    image->written = 0;
    jd_keyset_clear(&image->flushing);
}

static uint32_t chunk_keys(void)
{
    return (uint32_t)jd_fault_number("JD_CHUNK_KEYS", CHUNK_KEYS);
}

/* One chunk of a flush; returns how many keys it holds. */
static uint32_t put_chunk(struct jd_worker *worker, const struct jd_shard *shard, struct writer *w)
{
    const struct jd_checkpoint *image = &shard->image;
    uint32_t taken = 0;
    while (image->written + taken < image->flushing.count && taken < chunk_keys() && w->bytes < CHUNK_BYTES)
        put_state(worker, shard, w, image->flushing.keys[image->written + taken++]);
    return taken;
}

/* Whole buckets from `image->rewrite` on, each emptied first; `*bucket` is where the next chunk begins. */
static uint32_t put_buckets(struct jd_worker *worker, const struct jd_shard *shard, struct writer *w,
                            int32_t *bucket)
{
    const struct jd_checkpoint *image = &shard->image;
    uint32_t taken = 0;
    for (*bucket = image->rewrite; *bucket < JD_BUCKETS && taken < chunk_keys() && w->bytes < CHUNK_BYTES;
         ++*bucket) {
        put(w, JD_REDIS_DROP,
            jd_bucket_key(worker->settings->group, shard->partition, (uint8_t)*bucket, w->arena),
            (struct jd_str){0}, (struct jd_str){0});
        while (image->written + taken < image->flushing.count &&
               jd_bucket_of(image->flushing.keys[image->written + taken]) == *bucket)
            put_state(worker, shard, w, image->flushing.keys[image->written + taken++]);
    }
    return taken;
}

/* Writes one chunk under the watch that is set. */
static enum jd_redis_status write_chunk(struct jd_worker *worker, struct jd_shard *shard,
                                        struct jd_error *err)
{
    struct jd_checkpoint *image = &shard->image;
    bool rewriting = image->rewrite >= 0;
    struct jd_arena_mark mark = jd_arena_mark(&worker->scratch);
    struct writer w = {.arena = &worker->scratch};
    struct jd_str meta = jd_meta_key(worker->settings->group, shard->partition, w.arena);
    int32_t bucket = JD_BUCKETS;
    uint32_t taken = rewriting ? put_buckets(worker, shard, &w, &bucket) : put_chunk(worker, shard, &w);
    bool last = image->written + taken == image->flushing.count && bucket == JD_BUCKETS;
    put_number(&w, meta, JD_STR("rev"), image->rev + 1);
    if (last)
        put_image_end(worker, shard, &w, meta);
    int64_t began = jd_clock_mono();
    JD_CRASH_POINT("flush.watched");
    enum jd_redis_status status = jd_redis_exec(worker->redis, w.changes, w.count, err);
    jd_arena_rewind(&worker->scratch, mark);
    image->unsure = status == JD_REDIS_UNAVAILABLE;
    if (status != JD_REDIS_OK)
        return note(worker, began, status, err);
    jd_metric_observe(worker->metrics, JD_METRIC_FLUSH_SECONDS, (jd_clock_mono() - began) * 1000);
    jd_metric_add(worker->metrics, JD_METRIC_FLUSHED, taken);
    image->rev++;
    image->written += taken;
    image->compare_at = jd_clock_mono() + COMPARE_MS;
    if (rewriting) {
        image->rewrite = bucket;
        if (last)
            JD_CRASH_POINT("rewrite.last");
        else
            JD_CRASH_POINT("rewrite.chunk");
    } else if (last) {
        JD_CRASH_POINT("flush.last");
    } else {
        JD_CRASH_POINT("flush.chunk");
    }
    if (last)
        end_flush(shard);
    return note(worker, began, status, err);
}

/* Whether meta holds what we wrote last. */
static bool compare(struct jd_checkpoint *image, const struct jd_meta *meta)
{
    bool token = strcmp(meta->token, image->token) == 0 || jd_fault_off("token");
    if (token && image->unsure && meta->rev == image->rev + 1)
        image->rev++; /* our EXEC whose reply was lost has happened; its chunk is written again */
    bool rev = meta->rev == image->rev || jd_fault_off("rev");
    image->unsure &= !(token && rev);
    if (token && rev)
        image->rev = meta->rev;
    return token && rev;
}

static void dispute(struct jd_worker *worker, struct jd_shard *shard, const struct jd_meta *meta)
{
    struct jd_checkpoint *image = &shard->image;
    if (!image->disputed) {
        jd_log(JD_LOG_COMPARE_FAILED, jd_num("shard", shard->partition), jd_num("rev", meta->rev),
               jd_num("expected", image->rev));
        jd_metric_add(worker->metrics, JD_METRIC_COMPARES_FAILED, 1);
    }
    JD_CRASH_POINT("compare.failed");
    image->disputed = true;
    image->seen = *meta;
    image->proved = jd_fault_off("ownership");
    image->proving = !image->proved;
}

/* Ownership was proved since `seen` was read: claims the image, if meta still holds that. */
static enum jd_redis_status resolve(struct jd_worker *worker, struct jd_shard *shard,
                                    const struct jd_meta *meta, struct jd_error *err)
{
    struct jd_checkpoint *image = &shard->image;
    if (strcmp(meta->token, image->seen.token) != 0 || meta->rev != image->seen.rev) {
        jd_redis_unwatch(worker->redis);
        dispute(worker, shard, meta);
        return JD_REDIS_OK;
    }
    enum jd_redis_status status = jd_checkpoint_claim(worker, shard, meta, false, 0, err);
    if (status == JD_REDIS_OK) {
        JD_CRASH_POINT("rewrite.claimed");
        jd_metric_add(worker->metrics, JD_METRIC_REWRITES, 1);
        jd_checkpoint_rewrite(shard);
    }
    return status;
}

static bool check_lineage(const struct jd_shard *shard, const struct jd_meta *meta, struct jd_error *err)
{
    /* An image of seq 0 holds nothing: it may be of a beginning that never came to be, and Redis was set back. */
    if (meta->lineage[0] == '\0' || meta->seq == 0 || strcmp(meta->lineage, shard->lineage) == 0)
        return true;
    return jd_error_set(
        err, JD_EXIT_CONFIG,
        "shard %" PRId32 ": the image in Redis was replaced by one of another history (lineage %s, ours "
        "is %s): another group of the same name uses this Redis, or a foreign image was restored",
        shard->partition, meta->lineage, shard->lineage);
}

bool jd_checkpoint_step(struct jd_worker *worker, struct jd_shard *shard, bool now, bool *more,
                        struct jd_error *err)
{
    struct jd_checkpoint *image = &shard->image;
    int64_t mono = jd_clock_mono();
    *more = false;
    /* While nothing is decided for want of room, there is nothing that Redis could delay. */
    bool hurries = (now || worker->paused != NULL) && !worker->redis_down;
    if (image->proving || (mono < worker->redis_rest_until && !hurries))
        return true; /* a batch must commit first; or Redis rests */
    bool dirty = image->dirty.count > 0 || image->rewrite >= 0 || image->flushed_seq < shard->seq;
    bool due = image->in_flush || (dirty && (now || mono >= image->flush_at));
    if (!due && !image->disputed && mono < image->compare_at)
        return true;
    JD_CRASH_POINT("flush.begun");
    struct jd_meta meta;
    struct jd_error away = {0};
    if (jd_checkpoint_watch(worker, shard, &meta, &away) != JD_REDIS_OK)
        return true;
    if (!check_lineage(shard, &meta, err))
        return false;
    image->compare_at = mono + COMPARE_MS;
    if (image->disputed) {
        (void)resolve(worker, shard, &meta, &away);
        *more = !image->disputed;
        return true;
    }
    if (!compare(image, &meta)) {
        jd_redis_unwatch(worker->redis);
        dispute(worker, shard, &meta);
        return true;
    }
    if (!due) {
        jd_redis_unwatch(worker->redis);
        return true;
    }
    if (!image->in_flush)
        begin_flush(worker, shard);
    if (write_chunk(worker, shard, &away) == JD_REDIS_OK)
        *more = image->in_flush;
    return true;
}

#include "shard/likeness.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/contract.h"
#include "base/str.h"
#include "shard/layout.h"
#include "wire/object.h"

struct check {
    const struct jd_likeness *likeness;
    struct jd_findings *findings;
    struct jd_object format;
    struct jd_arena scratch;
    size_t states;
    int64_t seq; /* of the image */
};

static bool on_meta(void *context, uint32_t key_index, struct jd_str field, struct jd_str value)
{
    struct check *check = context;
    (void)key_index;
    char text[24];
    if (jd_str_eq(field, JD_STR("seq")) && value.size < sizeof text) {
        memcpy(text, value.ptr, value.size);
        text[value.size] = '\0';
        check->seq = strtoll(text, NULL, 10);
    }
    return true;
}

static bool on_state(void *context, uint32_t key_index, struct jd_str field, struct jd_str value)
{
    struct check *check = context;
    int32_t shard = check->likeness->partition;
    struct jd_arena_mark mark = jd_arena_mark(&check->scratch);
    struct jd_image image;
    bool held = jd_fold_image(check->likeness->fold, field, &check->scratch, &image);
    if (jd_bucket_of(field) != key_index)
        jd_finding(check->findings, true,
                   "shard %" PRId32 ": a state lies in bucket %02" PRIx32 ", not its own", shard, key_index);
    else if (!held)
        jd_finding(check->findings, true, "shard %" PRId32 ": Redis holds a state that the journal does not",
                   shard);
    else if (!jd_str_eq(jd_object_write(&check->format, &image, &check->scratch), value))
        jd_finding(check->findings, true, "shard %" PRId32 ": a state in Redis differs from the journal's",
                   shard);
    check->states++;
    jd_arena_rewind(&check->scratch, mark);
    return true;
}

static bool compare(struct check *check, struct jd_error *err)
{
    const struct jd_likeness *of = check->likeness;
    struct jd_str keys[JD_BUCKETS], meta = jd_meta_key(of->group, of->partition, &check->scratch);
    for (int i = 0; i < JD_BUCKETS; i++)
        keys[i] = jd_bucket_key(of->group, of->partition, (uint8_t)i, &check->scratch);
    if (jd_redis_load(of->redis, &meta, 1, on_meta, check, err) != JD_REDIS_OK)
        return false;
    if (check->seq != of->seq) {
        jd_finding(check->findings, true,
                   "shard %" PRId32 ": the image in Redis is of seq %" PRId64
                   ", the journal ends at %" PRId64,
                   of->partition, check->seq, of->seq);
        return true;
    }
    if (jd_redis_load(of->redis, keys, JD_BUCKETS, on_state, check, err) != JD_REDIS_OK)
        return false;
    if (check->states != jd_fold_key_count(of->fold))
        jd_finding(check->findings, true, "shard %" PRId32 ": Redis holds %zu states, the journal %zu",
                   of->partition, check->states, jd_fold_key_count(of->fold));
    return true;
}

bool jd_likeness_check(const struct jd_likeness *likeness, struct jd_findings *findings, int64_t *states,
                       struct jd_error *err)
{
    struct check check = {
        .likeness = likeness, .findings = findings, .format = jd_object_of(&jd_image_record), .seq = -1};
    jd_arena_init(&check.scratch, SIZE_MAX / 4);
    bool good = compare(&check, err);
    *states += (int64_t)check.states;
    jd_arena_done(&check.scratch);
    return good;
}

#include "shard/layout.h"

#include <inttypes.h>
#include <zlib.h>

uint8_t jd_bucket_of(struct jd_str key)
{
    return (uint8_t)(crc32(0, (const unsigned char *)key.ptr, key.size) & 0xff);
}

struct jd_str jd_meta_key(struct jd_str group, int32_t partition, struct jd_arena *arena)
{
    return jd_arena_printf(arena, "jd:{" JD_STR_FMT "/%" PRId32 "}:meta", JD_STR_ARG(group), partition);
}

struct jd_str jd_bucket_key(struct jd_str group, int32_t partition, uint8_t bucket, struct jd_arena *arena)
{
    return jd_arena_printf(arena, "jd:{" JD_STR_FMT "/%" PRId32 "}:%02x", JD_STR_ARG(group), partition,
                           bucket);
}

#include "wire/partition.h"

#include <string.h>
#include <zlib.h>

uint32_t jd_murmur2(struct jd_str key)
{
    const uint32_t m = 0x5bd1e995;
    const unsigned char *p = (const unsigned char *)key.ptr;
    uint32_t size = key.size, hash = 0x9747b28c ^ size;
    for (; size >= 4; size -= 4, p += 4) {
        uint32_t k = (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
        k *= m;
        k ^= k >> 24;
        k *= m;
        hash = hash * m ^ k;
    }
    if (size >= 3)
        hash ^= (uint32_t)p[2] << 16;
    if (size >= 2)
        hash ^= (uint32_t)p[1] << 8;
    if (size >= 1)
        hash = (hash ^ p[0]) * m;
    hash = (hash ^ hash >> 13) * m;
    return hash ^ hash >> 15;
}

int32_t jd_partition_murmur2(struct jd_str key, int32_t partitions)
{
    return (int32_t)(jd_murmur2(key) & 0x7FFFFFFF) % partitions;
}

int32_t jd_partition_crc32(struct jd_str key, int32_t partitions)
{
    uLong crc = crc32(0, (const unsigned char *)key.ptr, key.size);
    return (int32_t)((uint32_t)crc % (uint32_t)partitions);
}

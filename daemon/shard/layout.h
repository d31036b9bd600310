/* Where a shard lies in Redis.
 *
 *   jd:{<group>/<p>}:meta       hash: format, lineage, token, rev, seq, offset, now, owner
 *   jd:{<group>/<p>}:00 … :ff   hash: <key> -> JourneyState (Avro single-object encoding)
 *
 * The bucket of a key is the last byte of its CRC-32 (IEEE 802.3, as zlib's), in two lower-case hex
 * digits. In Python: "%02x" % (zlib.crc32(b"hcp:4711") & 0xff). The braces make all keys of a shard
 * share one slot of a cluster.
 *
 *   format   1                                     lineage  id of the history, 32 hex digits
 *   token    whose writes are valid: 32 hex digits, fresh at each takeover
 *   rev      grows by one with each write          seq      the image holds all batches up to this one
 *   offset   of that batch's record in the journal now      the shard's clock after it, ms
 *   owner    who wrote last (for people) */
#ifndef JOURNEYD_SHARD_LAYOUT_H
#define JOURNEYD_SHARD_LAYOUT_H

#include "base/arena.h"

enum { JD_BUCKETS = 256 };

uint8_t jd_bucket_of(struct jd_str key);
struct jd_str jd_meta_key(struct jd_str group, int32_t partition, struct jd_arena *arena);
struct jd_str jd_bucket_key(struct jd_str group, int32_t partition, uint8_t bucket, struct jd_arena *arena);

#endif

/* Where a partitioner puts a key. */
#ifndef JOURNEYD_WIRE_PARTITION_H
#define JOURNEYD_WIRE_PARTITION_H

#include "journeyd/types.h"

uint32_t jd_murmur2(struct jd_str key); /* as org.apache.kafka.common.utils.Utils */
int32_t jd_partition_murmur2(struct jd_str key, int32_t partitions); /* partitions >= 1 */
int32_t jd_partition_crc32(struct jd_str key, int32_t partitions);   /* as librdkafka's `consistent` */

#endif

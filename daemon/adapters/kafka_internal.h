/* What the parts of the Kafka adapter share. Included by daemon/adapters/kafka*.c only. */
#ifndef JOURNEYD_ADAPTERS_KAFKA_INTERNAL_H
#define JOURNEYD_ADAPTERS_KAFKA_INTERNAL_H

#include "adapters/kafka.h"

#include <librdkafka/rdkafka.h>

/* A configuration with our defaults, the user's properties, then `fixed` (ended by a NULL name). NULL: `err`.
 */
rd_kafka_conf_t *jd_kafka_conf(const struct jd_kafka_config *config, const struct jd_kafka_property *defaults,
                               const struct jd_kafka_property *fixed, struct jd_error *err);
/* Makes the handle and takes `conf`, also on failure (NULL). */
rd_kafka_t *jd_kafka_new(rd_kafka_type_t type, rd_kafka_conf_t *conf, struct jd_error *err);

/* Sets `err` to "what: reason" with the exit code that goes with the status; returns `status`. */
enum jd_kafka_status jd_kafka_fail(struct jd_error *err, enum jd_kafka_status status, const char *what,
                                   const char *reason);
/* What an answer's error code means for a question that may be asked again: RETRY, REFUSED, RIVAL or UNKNOWN.
 */
enum jd_kafka_status jd_kafka_classify(rd_kafka_resp_err_t code);
/* What to do about an error that a person must mend; "" if nothing is known beyond librdkafka's own words. */
const char *jd_kafka_advice(rd_kafka_resp_err_t code);

rd_kafka_topic_partition_list_t *jd_kafka_list(const struct jd_position *positions, uint32_t count);
/* The member's handle, for its group metadata. */
rd_kafka_t *jd_kafka_member_handle(const struct jd_member *member);
/* Makes `queue` ring `bell` when something arrives in it while it is empty. */
void jd_kafka_bell(rd_kafka_queue_t *queue, int bell);

#endif

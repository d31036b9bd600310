/* A topic read once, from where it begins (or an offset) to where it ends now, committed records only. */
#ifndef JOURNEYD_CLI_SCAN_H
#define JOURNEYD_CLI_SCAN_H

#include "adapters/kafka.h"

struct jd_scan {
    const struct jd_kafka_config *kafka;
    const char *topic;
    int32_t first, count; /* partitions [first, first + count) */
    int64_t from;         /* offset to begin at, if the partition begins before it and ends after it */
    int timeout_ms;       /* for the brokers to answer, and for each silence between records */
    /* Called with each record, partitions in turn, a partition's in order; the record is borrowed for the
     * call. False ends the scan: that is no error unless `err` was set. */
    bool (*visit)(void *context, const struct jd_message *message, struct jd_error *err);
    void *context;
};

/* False: `err` (JD_EXIT_UNAVAILABLE when the brokers do not answer; what `visit` set). */
JD_MUST_CHECK bool jd_scan_run(const struct jd_scan *scan, struct jd_error *err);

/* Where partitions of one topic begin or end, as jd_reader_edges; a topic that was just made has no leader yet,
 * so it is asked again until `timeout_ms` (> 0) is over. False: `err` (then JD_EXIT_UNAVAILABLE). */
JD_MUST_CHECK bool jd_scan_edges(struct jd_reader *reader, enum jd_edge edge, struct jd_position *positions,
                                 uint32_t count, int timeout_ms, struct jd_error *err);

#endif

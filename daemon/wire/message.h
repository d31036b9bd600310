/* A record as Kafka hands it over. All pointers are borrowed, and what is decoded points into them: keep the
 * record until the batch is done with. */
#ifndef JOURNEYD_WIRE_MESSAGE_H
#define JOURNEYD_WIRE_MESSAGE_H

#include "journeyd/types.h"

/* What a topic is to us; its name is the configuration's. */
enum jd_input_role {
    JD_ROLE_OF_EVENTS = 1,       /* engagement.events */
    JD_ROLE_OF_HCP_PROFILES,     /* hcp.profiles */
    JD_ROLE_OF_ACCOUNT_PROFILES, /* account.profiles */
    JD_ROLE_OF_TOUCHES,          /* touches */
    JD_ROLE_OF_END_,
};

struct jd_incoming {
    enum jd_input_role role;
    struct jd_str topic; /* its name, for the dead letter */
    int32_t partition;
    int32_t partitions; /* how many the topic has; 0: do not check the partition */
    int64_t offset;
    jd_time timestamp;        /* the record's Kafka timestamp; JD_TIME_NONE if it has none */
    struct jd_str key, value; /* absent: null */
    const struct jd_header *headers;
    uint32_t header_count;
    bool headers_broken; /* they could not be parsed, or there are more than the shell keeps */
};

/* A record to be produced; everything in the arena or borrowed from what it was made of. */
enum { JD_OUTGOING_HEADERS_MAX = 16 };
struct jd_outgoing {
    struct jd_str key, value;        /* absent: null */
    const struct jd_header *headers; /* arena */
    uint32_t header_count;
};

#endif

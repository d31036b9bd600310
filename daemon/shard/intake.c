#include "shard/intake.h"

#include "base/str.h"

enum { HEADERS_MAX = 64 }; /* of one record; one with more is refused */

static const enum jd_input_role wire_roles[JD_IN_COUNT] = {
    [JD_IN_HCP_PROFILES] = JD_ROLE_OF_HCP_PROFILES,
    [JD_IN_ACCOUNT_PROFILES] = JD_ROLE_OF_ACCOUNT_PROFILES,
    [JD_IN_TOUCHES] = JD_ROLE_OF_TOUCHES,
    [JD_IN_EVENTS] = JD_ROLE_OF_EVENTS,
};

bool jd_intake_read(const struct jd_intake_rule *rule, enum jd_shard_role role, const char *topic,
                    const struct jd_message *message, jd_time so_far, struct jd_arena *arena,
                    struct jd_intake *out)
{
    struct jd_header kept[HEADERS_MAX];
    int32_t count = jd_message_headers(message, kept, HEADERS_MAX);
    uint32_t header_count = count < 0 ? 0 : count > HEADERS_MAX ? HEADERS_MAX : (uint32_t)count;
    struct jd_header *headers = jd_arena_array(arena, header_count, sizeof *headers);
    for (uint32_t i = 0; i < header_count; i++)
        headers[i] = kept[i];
    out->incoming = (struct jd_incoming){
        .role = wire_roles[role],
        .topic = jd_str_of(topic),
        .partition = message->partition,
        .partitions = rule->partitions,
        .offset = message->offset,
        .timestamp = message->timestamp,
        .key = message->key,
        .value = message->value,
        .headers = headers,
        .header_count = header_count,
        .headers_broken = count < 0 || count > HEADERS_MAX,
    };
    out->result = jd_wire_decode(rule->wire, &out->incoming, arena, &out->decoded);
    if (out->result == JD_WIRE_NEED_SCHEMA)
        return false;
    bool by_record = rule->by_record || role == JD_IN_TOUCHES;
    out->effective = jd_order_effective(so_far, by_record ? out->decoded.record_time : message->timestamp);
    return true;
}

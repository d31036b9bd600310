#include "wire/output.h"

#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/avro.h"
#include "base/contract.h"
#include "base/sha256.h"
#include "base/str.h"
#include "engine/conflicts/evidence.h"
#include "wire/json.h"

static const struct {
    const char *type;
    const struct jd_record *record;
} topics[JD_TOPIC_END_] = {
    [JD_TOPIC_ALERTS] = {"conflict.alert", &jd_alert_record},
    [JD_TOPIC_TRIGGERS_COMMERCIAL] = {"channel.trigger", &jd_trigger_record},
    [JD_TOPIC_TRIGGERS_MEDICAL] = {"channel.trigger", &jd_trigger_record},
    [JD_TOPIC_DECISIONS] = {"decision", &jd_decision_record},
    [JD_TOPIC_TOUCHES] = {"touch.shared", &jd_shared_touch_record},
    [JD_TOPIC_ALERTS_SHADOW] = {"conflict.alert", &jd_alert_record},
    [JD_TOPIC_ALERTS_COMMERCIAL] = {"conflict.alert", &jd_alert_record},
    [JD_TOPIC_ALERTS_MEDICAL] = {"conflict.alert", &jd_alert_record},
};

const struct jd_record *jd_topic_record(enum jd_topic topic)
{
    return topics[topic].record;
}

/* Headers that grow while a record is put together. */
struct headers {
    struct jd_header *list;
    uint32_t count;
};

static void add(struct headers *headers, const char *name, struct jd_str value)
{
    headers->list[headers->count++] = (struct jd_header){jd_str_of(name), value};
}

static uint64_t size_of(const struct jd_outgoing *out)
{
    uint64_t size = (uint64_t)out->key.size + out->value.size;
    for (uint32_t i = 0; i < out->header_count; i++)
        size += (uint64_t)out->headers[i].name.size + out->headers[i].value.size;
    return size;
}

static struct jd_str value_of(const struct jd_record *record, const void *value, enum jd_encoding encoding,
                              bool confluent, uint32_t schema_id, struct jd_arena *arena)
{
    struct jd_buf buf;
    jd_buf_init(&buf, arena);
    if (encoding != JD_ENCODING_AVRO) {
        jd_json_write(record, value, &buf);
        return jd_buf_done(&buf);
    }
    if (confluent) {
        unsigned char frame[5] = {0, (unsigned char)(schema_id >> 24), (unsigned char)(schema_id >> 16),
                                  (unsigned char)(schema_id >> 8), (unsigned char)schema_id};
        jd_buf_bytes(&buf, frame, sizeof frame);
    }
    jd_avro_write(record, value, &buf);
    return jd_buf_done(&buf);
}

static struct jd_str content_type(enum jd_encoding encoding)
{
    return encoding == JD_ENCODING_AVRO ? JD_STR("application/avro") : JD_STR("application/json");
}

/* ---- effects ---------------------------------------------------------------------------------------- */

/* Halves the evidence until the record fits; the latest stay. The hash is of the whole evidence: where the
 * engine has cut it already, that one. */
static void cut_evidence(const struct jd_wire_out *config, const struct jd_effect *effect, uint32_t limit,
                         struct jd_arena *arena, struct jd_outgoing *out)
{
    struct jd_alert alert = *(const struct jd_alert *)effect->value;
    if (alert.evidence_sha256.ptr == NULL)
        alert.evidence_sha256 = jd_evidence_hash(&alert.evidence, arena);
    while (alert.evidence.count > 0 && size_of(out) > limit) {
        uint32_t left_out = alert.evidence.count - alert.evidence.count / 2;
        const struct jd_event *events = alert.evidence.items;
        alert.evidence = (struct jd_list){events + left_out, alert.evidence.count - left_out};
        out->value = value_of(effect->record, &alert, config->encoding, config->confluent,
                              config->schema_ids[effect->topic], arena);
    }
}

void jd_wire_effect(const struct jd_wire_out *config, const struct jd_effect *effect, struct jd_str origin,
                    uint32_t limit, struct jd_arena *arena, struct jd_outgoing *out)
{
    struct headers headers = {jd_arena_array(arena, JD_OUTGOING_HEADERS_MAX, sizeof(struct jd_header)), 0};
    add(&headers, "ce_specversion", JD_STR("1.0"));
    add(&headers, "ce_id", effect->id);
    add(&headers, "ce_source", config->source);
    add(&headers, "ce_type", jd_str_of(topics[effect->topic].type));
    add(&headers, "ce_time", jd_time_text(effect->at, arena));
    bool is_touch = effect->topic == JD_TOPIC_TOUCHES; /* ours alone: as states and the journal are written */
    if (!is_touch)
        add(&headers, "content-type", content_type(config->encoding));
    if (effect->traceparent.ptr != NULL)
        add(&headers, "traceparent", effect->traceparent);
    if (origin.ptr != NULL)
        add(&headers, "jd_origin", origin);
    *out = (struct jd_outgoing){
        .key = effect->key,
        .value = is_touch ? jd_object_write(&config->touches, effect->value, arena)
                          : value_of(effect->record, effect->value, config->encoding, config->confluent,
                                     config->schema_ids[effect->topic], arena),
        .headers = headers.list,
        .header_count = headers.count,
    };
    if (limit != 0 && size_of(out) > limit && effect->record == &jd_alert_record)
        cut_evidence(config, effect, limit, arena, out);
}

bool jd_wire_read_back(const struct jd_record *record, struct jd_str bytes, struct jd_arena *arena,
                       void *value, struct jd_error *err)
{
    struct jd_reject why;
    if (bytes.size > 0 && bytes.ptr[0] == '{')
        return jd_json_read(record, bytes, arena, value, &why) ||
               jd_error_set(err, JD_EXIT_DATA, "%s: %s: %s", record->name, why.reason, why.message);
    if (record == &jd_shared_touch_record) {
        struct jd_object object = jd_object_of(record);
        return jd_object_read(&object, bytes, arena, value, err);
    }
    /* Each of these records begins with an id of more than 0 bytes, so a zero is the magic byte. */
    if (bytes.size >= 5 && bytes.ptr[0] == 0)
        bytes = (struct jd_str){bytes.ptr + 5, bytes.size - 5};
    return jd_avro_read(record, bytes, arena, value, err);
}

/* ---- dead letters ----------------------------------------------------------------------------------- */

static bool is_ours(struct jd_str name)
{
    return name.size >= 7 && memcmp(name.ptr, "jd.dlq.", 7) == 0;
}

/* Alike failures have it in common: reason, schema and field path, without the byte. */
static struct jd_str fingerprint_of(const struct jd_reject *why, struct jd_arena *arena)
{
    const char *byte = strstr(why->message, " at byte ");
    int path = byte != NULL ? (int)(byte - why->message) : (int)strlen(why->message);
    struct jd_str text =
        jd_arena_printf(arena, "%s/%u/%.*s", why->reason, why->schema_id, path, why->message);
    return jd_arena_printf(arena, "%016llx", (unsigned long long)XXH64(text.ptr, text.size, 0));
}

static void add_reason(struct headers *headers, const struct jd_incoming *record, const struct jd_reject *why,
                       struct jd_str group, struct jd_arena *arena)
{
    add(headers, "jd.dlq.reason", jd_str_of(why->reason));
    add(headers, "jd.dlq.stage", jd_str_of(why->stage));
    if (why->message[0] != '\0')
        add(headers, "jd.dlq.message", jd_arena_str(arena, jd_str_of(why->message)));
    add(headers, "jd.dlq.topic", record->topic);
    add(headers, "jd.dlq.partition", jd_arena_printf(arena, "%d", record->partition));
    add(headers, "jd.dlq.offset", jd_arena_printf(arena, "%lld", (long long)record->offset));
    if (record->timestamp != JD_TIME_NONE)
        add(headers, "jd.dlq.timestamp", jd_arena_printf(arena, "%lld", (long long)record->timestamp));
    if (group.ptr != NULL)
        add(headers, "jd.dlq.group", group);
    add(headers, "jd.dlq.version", JD_STR(JD_VERSION));
    if (why->schema_id != 0)
        add(headers, "jd.dlq.schema_id", jd_arena_printf(arena, "%u", why->schema_id));
    add(headers, "jd.dlq.fingerprint", fingerprint_of(why, arena));
}

void jd_wire_dead_letter(const struct jd_incoming *record, const struct jd_reject *why, struct jd_str group,
                         uint32_t limit, struct jd_arena *arena, struct jd_outgoing *out)
{
    enum { OURS_MAX = 16 };
    struct headers headers = {
        jd_arena_array(arena, record->header_count + OURS_MAX, sizeof(struct jd_header)), 0};
    for (uint32_t i = 0; i < record->header_count; i++)
        if (!is_ours(record->headers[i].name))
            headers.list[headers.count++] = record->headers[i];
    add_reason(&headers, record, why, group, arena);
    *out = (struct jd_outgoing){
        .key = record->key, .value = record->value, .headers = headers.list, .header_count = headers.count};
    if (limit == 0 || size_of(out) <= limit)
        return;
    headers.count = 0;
    add_reason(&headers, record, why, group, arena);
    add(&headers, "jd.dlq.size", jd_arena_printf(arena, "%u", record->value.size));
    add(&headers, "jd.dlq.sha256", jd_sha256(record->value, arena));
    *out = (struct jd_outgoing){.key = record->key, .headers = headers.list, .header_count = headers.count};
    if (size_of(out) > limit) /* a key so long is no physician's; it is in the record at that position */
        out->key = (struct jd_str){0};
}

/* ---- inputs ----------------------------------------------------------------------------------------- */

static void add_event(struct headers *headers, const struct jd_event *event, struct jd_arena *arena)
{
    add(headers, "ce_specversion", JD_STR("1.0"));
    add(headers, "ce_id", event->id);
    add(headers, "ce_source", event->source);
    add(headers, "ce_type", event->type);
    add(headers, "ce_time", jd_time_text(event->time, arena));
}

void jd_wire_input(const struct jd_input *input, enum jd_encoding encoding, uint32_t schema_id,
                   struct jd_arena *arena, struct jd_outgoing *out)
{
    struct headers headers = {jd_arena_array(arena, JD_OUTGOING_HEADERS_MAX, sizeof(struct jd_header)), 0};
    const struct jd_record *record = &jd_event_record;
    const void *value;
    struct jd_event bare;
    if (input->kind == JD_INPUT_CLOCK) {
        value = NULL;
        add(&headers, "ce_specversion", JD_STR("1.0"));
        add(&headers, "ce_type", JD_STR("clock.advanced"));
        add(&headers, "ce_time", jd_time_text(input->stamp, arena));
    } else if (input->kind == JD_INPUT_EVENT) {
        add_event(&headers, input->event, arena);
        bare = *input->event; /* what the envelope says need not be said twice */
        bare.id = bare.source = bare.type = (struct jd_str){0};
        bare.time = JD_TIME_NONE;
        value = &bare;
    } else {
        record = input->kind == JD_INPUT_HCP_PROFILE ? &jd_hcp_profile_record : &jd_account_profile_record;
        value = input->kind == JD_INPUT_HCP_PROFILE ? (const void *)input->hcp : (const void *)input->account;
    }
    *out = (struct jd_outgoing){.key = input->key};
    if (value != NULL) {
        add(&headers, "content-type", content_type(encoding));
        out->value = value_of(record, value, encoding, schema_id != 0, schema_id, arena);
    }
    if (input->traceparent.ptr != NULL)
        add(&headers, "traceparent", input->traceparent);
    out->headers = headers.list;
    out->header_count = headers.count;
}

#include "wire/wire.h"

#include <stdlib.h>
#include <string.h>

#include "base/contract.h"
#include "base/str.h"
#include "engine/audiences.h"
#include "engine/entries.h"
#include "wire/cache.h"
#include "wire/envelope.h"
#include "wire/json.h"
#include "wire/object.h"
#include "wire/partition.h"

enum { DATUM_ARENA_MAX = 256 << 20 };

struct jd_wire {
    struct jd_wire_config config;
    uint32_t max_record_bytes;
    const struct jd_plan *fixed[JD_ROLE_OF_END_];
    struct jd_str datum_schema; /* of jd_wire_decode_datum, the last one */
    enum jd_input_role datum_role;
    const struct jd_plan *datum_plan;
    struct jd_arena datum_arena;
    struct jd_cache cache;
    struct jd_object touches;
};

struct jd_wire *jd_wire_new(const struct jd_wire_config *config, struct jd_error *err)
{
    struct jd_wire *wire = calloc(1, sizeof *wire);
    if (wire == NULL) {
        jd_error_set(err, JD_EXIT_INTERNAL, "no memory");
        return NULL;
    }
    wire->config = *config;
    wire->touches = jd_object_of(&jd_shared_touch_record);
    wire->max_record_bytes =
        config->max_record_bytes != 0 ? config->max_record_bytes : JD_RECORD_BYTES_DEFAULT;
    jd_cache_init(&wire->cache);
    jd_arena_init(&wire->datum_arena, DATUM_ARENA_MAX);
    for (enum jd_input_role role = JD_ROLE_OF_EVENTS; role < JD_ROLE_OF_TOUCHES; role++) {
        if (config->fixed_schema[role].ptr == NULL)
            continue;
        wire->fixed[role] =
            jd_cache_compile(&wire->cache, &wire->cache.own, role, config->fixed_schema[role], err);
        if (wire->fixed[role] == NULL) {
            jd_error_wrap(err, "%s", jd_role_record(role)->name);
            jd_wire_free(wire);
            return NULL;
        }
    }
    return wire;
}

void jd_wire_free(struct jd_wire *wire)
{
    if (wire == NULL)
        return;
    jd_cache_done(&wire->cache);
    jd_arena_done(&wire->datum_arena);
    free(wire);
}

/* ---- one record on its way ------------------------------------------------------------------------ */

union value {
    struct jd_event event;
    struct jd_hcp_profile hcp;
    struct jd_account_profile account;
};

struct decoding {
    struct jd_wire *wire;
    struct jd_arena *arena;
    struct jd_decoded *out;
    enum jd_input_role role; /* 0: the type says, of lines */
    struct jd_str key;       /* absent: as the value says */
    struct jd_envelope envelope;
    union value *value;
};

static enum jd_wire_result refuse(struct decoding *d, enum jd_refusal refusal, const char *where)
{
    jd_reject_set(&d->out->reject, refusal, where != NULL ? "%s" : NULL, where);
    return JD_WIRE_REJECT;
}

static enum jd_input_role role_of_type(struct jd_str type)
{
    if (jd_str_eq(type, JD_STR("hcp.profile")))
        return JD_ROLE_OF_HCP_PROFILES;
    if (jd_str_eq(type, JD_STR("account.profile")))
        return JD_ROLE_OF_ACCOUNT_PROFILES;
    return JD_ROLE_OF_EVENTS;
}

static const struct jd_record *target_of(void *context, struct jd_str type, void **value)
{
    struct decoding *d = context;
    *value = d->value;
    if (d->role != 0)
        return jd_role_record(d->role);
    return type.ptr != NULL ? jd_role_record(role_of_type(type)) : NULL;
}

/* Values decode to INPUT; anything else is the answer already. */
static enum jd_wire_result read_plan(struct decoding *d, const struct jd_plan *plan, struct jd_str bytes)
{
    if (jd_plan_read(plan, bytes, d->arena, d->value, &d->out->reject))
        return JD_WIRE_INPUT;
    return JD_WIRE_REJECT;
}

static enum jd_wire_result read_confluent(struct decoding *d, struct jd_str bytes)
{
    const unsigned char *p = (const unsigned char *)bytes.ptr;
    if (bytes.size < 5 || p[0] != 0)
        return refuse(d, JD_REFUSED_BAD_FRAMING, "no magic byte and schema id");
    uint32_t id = (uint32_t)p[1] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 8 | p[4];
    struct jd_wire *wire = d->wire;
    struct jd_str schema = {0};
    const struct jd_cached *known = jd_cache_find(&wire->cache, id, d->role);
    if (known == NULL && wire->config.lookup == NULL)
        return refuse(d, JD_REFUSED_BAD_CONTENT_TYPE, "Avro with a schema id, and no registry is configured");
    if (known == NULL) {
        enum jd_schema_answer answer = wire->config.lookup(wire->config.lookup_context, id, &schema);
        d->out->schema_id = id;
        if (answer == JD_SCHEMA_IS_PENDING)
            return JD_WIRE_NEED_SCHEMA;
        if (answer == JD_SCHEMA_IS_KNOWN)
            known = jd_cache_add(&wire->cache, id, d->role, schema);
    }
    enum jd_wire_result result;
    if (known == NULL)
        result = refuse(d, JD_REFUSED_UNKNOWN_SCHEMA, NULL);
    else if (known->plan == NULL)
        result = refuse(d, JD_REFUSED_BAD_SCHEMA, known->error);
    else
        result = read_plan(d, known->plan, (struct jd_str){bytes.ptr + 5, bytes.size - 5});
    if (result == JD_WIRE_REJECT)
        d->out->reject.schema_id = id;
    return result;
}

static enum jd_wire_result read_avro(struct decoding *d, struct jd_str bytes)
{
    const struct jd_plan *fixed = d->wire->fixed[d->role];
    return fixed != NULL ? read_plan(d, fixed, bytes) : read_confluent(d, bytes);
}

static enum jd_wire_result read_json(struct decoding *d, struct jd_str text)
{
    return jd_json_read(jd_role_record(d->role), text, d->arena, d->value, &d->out->reject) ? JD_WIRE_INPUT
                                                                                            : JD_WIRE_REJECT;
}

static bool looks_like_json(struct jd_str bytes)
{
    uint32_t i = 0;
    while (i < bytes.size &&
           (bytes.ptr[i] == ' ' || bytes.ptr[i] == '\n' || bytes.ptr[i] == '\r' || bytes.ptr[i] == '\t'))
        i++;
    return i < bytes.size && bytes.ptr[i] == '{';
}

/* Data in the encoding that `content` and the configuration say. */
static enum jd_wire_result read_value(struct decoding *d, enum jd_content_kind content, struct jd_str bytes)
{
    enum jd_encoding encoding = d->wire->config.in;
    if (encoding == JD_ENCODING_AUTO && content == JD_CONTENT_OTHER)
        return refuse(d, JD_REFUSED_BAD_CONTENT_TYPE, NULL);
    if (encoding == JD_ENCODING_AUTO && content == JD_CONTENT_UNSAID)
        encoding = looks_like_json(bytes) ? JD_ENCODING_JSON : JD_ENCODING_AVRO;
    else if (encoding == JD_ENCODING_AUTO)
        encoding = content == JD_CONTENT_JSON ? JD_ENCODING_JSON : JD_ENCODING_AVRO;
    return encoding == JD_ENCODING_JSON ? read_json(d, bytes) : read_avro(d, bytes);
}

/* The data of a structured event: read on the way, or now that the role is known. */
static enum jd_wire_result read_data(struct decoding *d)
{
    struct jd_envelope *envelope = &d->envelope;
    if (envelope->is_read) {
        d->out->reject = envelope->refusal;
        return envelope->refusal.reason != NULL ? JD_WIRE_REJECT : JD_WIRE_INPUT;
    }
    if (envelope->content == JD_CONTENT_JSON)
        return read_json(d, envelope->data);
    return envelope->content == JD_CONTENT_AVRO ? read_avro(d, envelope->data)
                                                : refuse(d, JD_REFUSED_BAD_CONTENT_TYPE, "datacontenttype");
}

/* ---- what is said must hold together --------------------------------------------------------------- */

static bool merge_str(struct jd_str *value, struct jd_str said)
{
    if (value->ptr == NULL)
        *value = said;
    return said.ptr == NULL || jd_str_eq(*value, said);
}

static const char *merge_envelope(const struct jd_envelope *envelope, struct jd_event *event)
{
    if (event->time == JD_TIME_NONE)
        event->time = envelope->time;
    if (!merge_str(&event->id, envelope->id))
        return "id";
    if (!merge_str(&event->source, envelope->source))
        return "source";
    if (!merge_str(&event->type, envelope->type))
        return "type";
    return envelope->time != JD_TIME_NONE && envelope->time != event->time ? "time" : NULL;
}

static const char *missing_field(const struct jd_event *event)
{
    if (event->id.size == 0)
        return "id";
    if (event->source.size == 0)
        return "source";
    if (event->type.size == 0)
        return "type";
    if (event->time == JD_TIME_NONE)
        return "time";
    return event->hcp_id.size == 0 ? "hcp_id" : NULL;
}

static void set_input(struct decoding *d, enum jd_input_kind kind, struct jd_str key)
{
    struct jd_input *input = &d->out->input;
    input->kind = kind;
    input->key = key;
    input->traceparent = d->envelope.traceparent;
    if (input->stamp == JD_TIME_NONE)
        input->stamp = d->out->record_time;
}

/* What a note about an alert must say (engine/notes.h); NULL: it does. */
static const char *missing_of_note(uint8_t fact, const struct jd_event *event)
{
    if (event->responds_to.ptr == NULL)
        return "responds_to, of a note about an alert";
    if (event->actor.id.ptr == NULL)
        return "actor, of a note about an alert";
    if (event->end == JD_TIME_NONE)
        return "end, of a note about an alert";
    return fact == JD_FACT_OVERRIDE && event->outcome.reason == JD_OUTCOME_REASON_NONE
               ? "outcome.reason, of an override"
               : NULL;
}

/* What is wrong with a note about an alert that is not withdrawn. */
static enum jd_wire_result refuse_note(struct decoding *d, const struct jd_event *event, uint8_t fact)
{
    const char *field = missing_of_note(fact, event);
    if (field != NULL)
        return refuse(d, JD_REFUSED_MISSING_FIELD, field);
    return event->end <= (event->start != JD_TIME_NONE ? event->start : event->time)
               ? refuse(d, JD_REFUSED_BAD_INTERVAL, "end")
               : JD_WIRE_INPUT;
}

static struct jd_str attribute_of(const struct jd_list *attributes, const char *key)
{
    const struct jd_pair *pairs = attributes->items;
    for (uint32_t i = 0; i < attributes->count; i++)
        if (jd_str_is(pairs[i].key, key))
            return pairs[i].value;
    return (struct jd_str){0};
}

/* A side sees its own contacts whole: what is classified as medical must not come in as one of the commercial side. */
static bool leaks_medical(const struct jd_event *event)
{
    const struct jd_str classification = attribute_of(&event->attributes, "classification");
    return jd_role_audience((enum jd_role)event->actor.role) == JD_AUDIENCE_COMMERCIAL &&
           classification.ptr != NULL && jd_str_is(classification, "medical");
}

static enum jd_wire_result finish_event(struct decoding *d)
{
    struct jd_event *event = &d->value->event;
    const char *field = merge_envelope(&d->envelope, event);
    d->out->record_time = event->recorded_at != JD_TIME_NONE ? event->recorded_at : event->time;
    d->out->type = event->type;
    if (field != NULL)
        return refuse(d, JD_REFUSED_ENVELOPE_MISMATCH, field);
    const struct jd_event_type *type = jd_event_type_of(event->type);
    if (type != NULL && type->class == JD_CLASS_NONE)
        return JD_WIRE_FILTERED;
    field = missing_field(event);
    if (field != NULL)
        return refuse(d, JD_REFUSED_MISSING_FIELD, field);
    if (type == NULL)
        return refuse(d, JD_REFUSED_UNKNOWN_TYPE, NULL);
    if (d->key.ptr != NULL && !jd_str_eq(d->key, event->hcp_id))
        return refuse(d, JD_REFUSED_KEY_MISMATCH, "hcp_id");
    if (event->phase == JD_PHASE_NONE)
        event->phase = type->phase != JD_PHASE_NONE ? type->phase : JD_PHASE_COMPLETED;
    if (event->phase == JD_PHASE_PLANNED && event->start == JD_TIME_NONE)
        return refuse(d, JD_REFUSED_MISSING_FIELD, "start, of a planned event");
    if (event->phase == JD_PHASE_PLANNED && event->recorded_at == JD_TIME_NONE)
        return refuse(d, JD_REFUSED_MISSING_FIELD, "recorded_at, of a planned event");
    if (event->start != JD_TIME_NONE && event->end != JD_TIME_NONE && event->end <= event->start)
        return refuse(d, JD_REFUSED_BAD_INTERVAL, "end");
    if (leaks_medical(event))
        return refuse(d, JD_REFUSED_CLASSIFIED_MEDICAL, "attributes.classification");
    const bool is_note = type->fact == JD_FACT_ACKNOWLEDGEMENT || type->fact == JD_FACT_OVERRIDE;
    if (is_note && event->phase != JD_PHASE_CANCELLED && refuse_note(d, event, type->fact) != JD_WIRE_INPUT)
        return JD_WIRE_REJECT;
    if (type->class == JD_CLASS_FACT && event->channel == JD_CHANNEL_NONE)
        event->channel = type->channel;
    set_input(d, JD_INPUT_EVENT, event->hcp_id);
    d->out->input.event = event;
    d->out->input.class = type->class;
    d->out->input.fact = type->fact;
    d->out->input.fact_state = type->fact_state;
    return JD_WIRE_INPUT;
}

/* A National Provider Identifier of the US: ten digits, the first 1 (a person) or 2 (an organisation), the last a
 * check digit by Luhn over 80840 and the other nine. */
static bool is_npi(struct jd_str text)
{
    enum { DIGITS = 10, OF_PREFIX = 24 };
    if (text.size != DIGITS || (text.ptr[0] != '1' && text.ptr[0] != '2'))
        return false;
    int sum = OF_PREFIX;
    for (int i = 0; i < DIGITS; i++) {
        int digit = text.ptr[i] - '0';
        if (digit < 0 || digit > 9)
            return false;
        int twice = 2 * digit;
        sum += i % 2 != 0 ? digit : twice / 10 + twice % 10;
    }
    return sum % 10 == 0;
}

static bool npi_holds(const struct jd_hcp_profile *profile)
{
    const struct jd_str npi = attribute_of(&profile->attributes, "npi");
    return npi.ptr == NULL || is_npi(npi);
}

static enum jd_wire_result finish_profile(struct decoding *d)
{
    bool hcp = d->role == JD_ROLE_OF_HCP_PROFILES;
    struct jd_str id = hcp ? d->value->hcp.hcp_id : d->value->account.account_id;
    const char *name = hcp ? "hcp_id" : "account_id";
    d->out->record_time = hcp ? d->value->hcp.recorded_at : d->value->account.recorded_at;
    if (id.size == 0)
        return refuse(d, JD_REFUSED_MISSING_FIELD, name);
    if (d->key.ptr != NULL && !jd_str_eq(d->key, id))
        return refuse(d, JD_REFUSED_KEY_MISMATCH, name);
    if (hcp && !npi_holds(&d->value->hcp))
        return refuse(d, JD_REFUSED_NPI_INVALID, "attributes.npi");
    set_input(d, hcp ? JD_INPUT_HCP_PROFILE : JD_INPUT_ACCOUNT_PROFILE, id);
    if (hcp)
        d->out->input.hcp = &d->value->hcp;
    else
        d->out->input.account = &d->value->account;
    return JD_WIRE_INPUT;
}

/* `decoded` is what became of the value. An ignored type is filtered even where its value is none of ours. */
static enum jd_wire_result finish(struct decoding *d, enum jd_wire_result decoded)
{
    if (decoded == JD_WIRE_INPUT)
        return d->role == JD_ROLE_OF_EVENTS ? finish_event(d) : finish_profile(d);
    if (decoded == JD_WIRE_REJECT && d->role == JD_ROLE_OF_EVENTS) {
        const struct jd_event_type *type = jd_event_type_of(d->envelope.type);
        d->out->type = d->envelope.type;
        if (type != NULL && type->class == JD_CLASS_NONE)
            return JD_WIRE_FILTERED;
    }
    return decoded;
}

static enum jd_wire_result finish_tombstone(struct decoding *d)
{
    if (d->role == JD_ROLE_OF_EVENTS)
        return refuse(d, JD_REFUSED_NULL_VALUE, NULL);
    set_input(d, d->role == JD_ROLE_OF_HCP_PROFILES ? JD_INPUT_HCP_PROFILE : JD_INPUT_ACCOUNT_PROFILE,
              d->key);
    return JD_WIRE_INPUT;
}

static bool is_clock(const struct decoding *d)
{
    return d->role == JD_ROLE_OF_EVENTS && jd_str_eq(d->envelope.type, JD_STR("clock.advanced"));
}

static enum jd_wire_result finish_clock(struct decoding *d)
{
    if (!d->wire->config.clock_record)
        return refuse(d, JD_REFUSED_CLOCK_ADVANCED, NULL);
    if (d->envelope.time == JD_TIME_NONE)
        return refuse(d, JD_REFUSED_MISSING_FIELD, "ce_time");
    d->out->record_time = d->envelope.time;
    set_input(d, JD_INPUT_CLOCK, (struct jd_str){0});
    return JD_WIRE_INPUT;
}

/* ---- records ---------------------------------------------------------------------------------------- */

static bool check_key(struct jd_wire *wire, const struct jd_incoming *record, struct jd_reject *why)
{
    if (record->key.ptr == NULL)
        return jd_reject_set(why, JD_REFUSED_NULL_KEY, NULL);
    struct jd_str key = record->key;
    if (record->role == JD_ROLE_OF_TOUCHES)
        key = jd_bare_key(key); /* so that it meets the account's profile */
    if (key.size == 0 || key.size > JD_STRING_MAX || !jd_utf8_valid(record->key))
        return jd_reject_set(why, JD_REFUSED_BAD_KEY, NULL);
    if (record->partitions <= 0 || wire->config.partitioner == JD_PARTITION_ANY)
        return true;
    int32_t place = wire->config.partitioner == JD_PARTITION_CRC32
                        ? jd_partition_crc32(key, record->partitions)
                        : jd_partition_murmur2(key, record->partitions);
    return place == record->partition || jd_reject_set(why, JD_REFUSED_WRONG_PARTITION, NULL);
}

static uint64_t size_of(const struct jd_incoming *record)
{
    uint64_t size = (uint64_t)record->key.size + record->value.size;
    for (uint32_t i = 0; i < record->header_count; i++)
        size += (uint64_t)record->headers[i].name.size + record->headers[i].value.size;
    return size;
}

static void clear(struct decoding *d, jd_time stamp)
{
    memset(d->out, 0, sizeof *d->out);
    d->out->record_time = JD_TIME_NONE;
    d->out->input.stamp = stamp;
    d->out->input.effective = JD_TIME_NONE;
    d->value = jd_arena_raw(d->arena, sizeof *d->value); /* the readers clear it */
}

/* The envelope and the value of a record whose framing is sound so far. */
static enum jd_wire_result decode_value(struct decoding *d, const struct jd_incoming *record)
{
    struct jd_envelope *envelope = &d->envelope;
    if (envelope->content != JD_CONTENT_STRUCTURED) {
        if (is_clock(d) && record->value.ptr == NULL)
            return finish_clock(d);
        if (record->value.ptr == NULL)
            return finish_tombstone(d);
        return finish(d, read_value(d, envelope->content, record->value));
    }
    if (record->value.ptr == NULL)
        return finish_tombstone(d);
    if (!jd_envelope_open(record->value, d->arena, target_of, d, envelope, &d->out->reject))
        return JD_WIRE_REJECT;
    if (is_clock(d) && !envelope->has_data)
        return finish_clock(d);
    return envelope->has_data ? finish(d, read_data(d)) : finish_tombstone(d);
}

/* A record of our own. */
static enum jd_wire_result decode_touch(struct decoding *d, const struct jd_incoming *record)
{
    struct jd_shared_touch *touch = jd_arena_alloc(d->arena, sizeof *touch);
    struct jd_error err = {0};
    d->out->record_time = d->envelope.time;
    if (!check_key(d->wire, record, &d->out->reject))
        return JD_WIRE_REJECT;
    if (record->value.ptr == NULL)
        return refuse(d, JD_REFUSED_NULL_VALUE, NULL);
    if (!jd_object_read(&d->wire->touches, record->value, d->arena, touch, &err))
        return refuse(d, JD_REFUSED_BAD_AVRO, err.text);
    struct jd_str name =
        touch->name.ptr != NULL ? touch->name : jd_symbol_text(&jd_scope_symbols, touch->scope);
    const struct jd_str key[] = {name, JD_STR(":"), touch->key};
    if (!jd_str_eq(record->key, jd_arena_join(d->arena, key, JD_COUNT(key))))
        return refuse(d, JD_REFUSED_KEY_MISMATCH, "key");
    if (touch->event.hcp_id.ptr == NULL || touch->event.id.ptr == NULL)
        return refuse(d, JD_REFUSED_MISSING_FIELD, touch->event.id.ptr == NULL ? "id" : "hcp_id");
    set_input(d, JD_INPUT_TOUCH, record->key);
    d->out->input.touch = touch;
    return JD_WIRE_INPUT;
}

enum jd_wire_result jd_wire_decode(struct jd_wire *wire, const struct jd_incoming *record,
                                   struct jd_arena *arena, struct jd_decoded *out)
{
    struct decoding d = {.wire = wire, .arena = arena, .out = out, .role = record->role, .key = record->key};
    clear(&d, record->timestamp);
    if (size_of(record) > wire->max_record_bytes)
        return refuse(&d, JD_REFUSED_TOO_LARGE, NULL);
    if (record->headers_broken)
        return refuse(&d, JD_REFUSED_BAD_HEADERS, NULL);
    if (!jd_envelope_headers(record, &d.envelope, &out->reject))
        return JD_WIRE_REJECT;
    if (record->role == JD_ROLE_OF_TOUCHES)
        return decode_touch(&d, record);
    struct jd_reject key_reject = {0};
    bool good = check_key(wire, record, &key_reject);
    /* A record in the wrong place is read all the same: its time counts, and it may be clock.advanced. */
    enum jd_wire_result result = decode_value(&d, record);
    if (good || result == JD_WIRE_NEED_SCHEMA ||
        (result == JD_WIRE_INPUT && out->input.kind == JD_INPUT_CLOCK))
        return result;
    out->reject = key_reject;
    return JD_WIRE_REJECT;
}

/* ---- lines and data --------------------------------------------------------------------------------- */

enum jd_wire_result jd_wire_decode_line(struct jd_wire *wire, struct jd_str line, struct jd_arena *arena,
                                        struct jd_decoded *out)
{
    struct decoding d = {.wire = wire, .arena = arena, .out = out};
    clear(&d, JD_TIME_NONE);
    if (line.size > wire->max_record_bytes)
        return refuse(&d, JD_REFUSED_TOO_LARGE, NULL);
    d.envelope.time = JD_TIME_NONE;
    if (!jd_envelope_open(line, arena, target_of, &d, &d.envelope, &out->reject))
        return JD_WIRE_REJECT;
    d.role = role_of_type(d.envelope.type);
    if (is_clock(&d))
        return finish_clock(&d);
    if (d.envelope.has_data)
        return finish(&d, read_data(&d));
    d.key = d.envelope.subject;
    out->input.stamp = d.envelope.time;
    if (d.role != JD_ROLE_OF_EVENTS && (d.key.ptr == NULL || d.envelope.time == JD_TIME_NONE))
        return refuse(&d, JD_REFUSED_MISSING_FIELD, "subject and time, of a tombstone");
    return finish_tombstone(&d);
}

void jd_wire_forget_schema(struct jd_wire *wire)
{
    wire->datum_schema = (struct jd_str){0};
}

enum jd_wire_result jd_wire_decode_datum(struct jd_wire *wire, enum jd_input_role role, struct jd_str schema,
                                         struct jd_str datum, struct jd_arena *arena, struct jd_decoded *out)
{
    struct decoding d = {.wire = wire, .arena = arena, .out = out, .role = role};
    struct jd_error err = {0};
    clear(&d, JD_TIME_NONE);
    d.envelope.time = JD_TIME_NONE;
    if (datum.size > wire->max_record_bytes)
        return refuse(&d, JD_REFUSED_TOO_LARGE, NULL);
    if (wire->datum_schema.ptr != schema.ptr || wire->datum_schema.size != schema.size ||
        wire->datum_role != role) {
        jd_arena_reset(&wire->datum_arena);
        wire->datum_schema = (struct jd_str){0};
        wire->datum_plan = jd_cache_compile(&wire->cache, &wire->datum_arena, role, schema, &err);
        if (wire->datum_plan == NULL)
            return refuse(&d, JD_REFUSED_BAD_SCHEMA, err.text);
        wire->datum_schema = schema;
        wire->datum_role = role;
    }
    return finish(&d, read_plan(&d, wire->datum_plan, datum));
}

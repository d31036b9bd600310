/* Records: framing, envelope and what must hold together. The CloudEvents scenarios follow the Kafka
 * binding's conformance features (tests/data/conformance/SOURCE). */
#include <criterion/criterion.h>

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/avro.h"
#include "base/contract.h"
#include "base/str.h"
#include "wire/json.h"
#include "wire/output.h"
#include "wire/partition.h"
#include "wire/wire.h"

static struct jd_arena arena;
static struct jd_wire *wire;
static enum jd_schema_answer answer;
static struct jd_str answered;
static uint32_t asked;

static enum jd_schema_answer lookup(void *context, uint32_t id, struct jd_str *schema)
{
    (void)context;
    asked = id;
    *schema = answered;
    return answer;
}

static void open_wire(struct jd_wire_config config)
{
    struct jd_error err;
    jd_wire_free(wire);
    wire = jd_wire_new(&config, &err);
    cr_assert(wire != NULL, "%s", err.text);
}

static void setup(void)
{
    jd_arena_init(&arena, 64 << 20);
    answer = JD_SCHEMA_IS_KNOWN;
    answered = jd_schema_text(JD_STR("EngagementEvent"));
    asked = 0;
    open_wire((struct jd_wire_config){.lookup = lookup});
}

static void teardown(void)
{
    jd_wire_free(wire);
    jd_arena_done(&arena);
}

TestSuite(decode, .init = setup, .fini = teardown);

#define H(n, v)                                                                                              \
    {                                                                                                        \
        {n, sizeof(n) - 1},                                                                                  \
        {                                                                                                    \
            v, sizeof(v) - 1                                                                                 \
        }                                                                                                    \
    }
static const struct jd_header envelope[] = {
    H("ce_specversion", "1.0"),           H("ce_id", "1234-1234-1234"),
    H("ce_type", "call.completed"),       H("ce_source", "/mycontext/subcontext"),
    H("ce_time", "2018-04-05T03:56:24Z"), H("content-type", "application/json"),
};

static struct jd_incoming event_of(const char *value)
{
    return (struct jd_incoming){.role = JD_ROLE_OF_EVENTS,
                                .partitions = 1,
                                .timestamp = 7,
                                .key = JD_STR("h1"),
                                .value = jd_str_of(value),
                                .headers = envelope,
                                .header_count = JD_COUNT(envelope)};
}

/* "input", "filtered", "need_schema", or the reason of the refusal. */
static const char *outcome(const struct jd_incoming *record, struct jd_decoded *out)
{
    switch (jd_wire_decode(wire, record, &arena, out)) {
    case JD_WIRE_INPUT:
        return "input";
    case JD_WIRE_FILTERED:
        return "filtered";
    case JD_WIRE_REJECT:
        return out->reject.reason;
    case JD_WIRE_NEED_SCHEMA:
        return "need_schema";
    }
    return "";
}

/* ---- CloudEvents ------------------------------------------------------------------------------------- */

static void check_attributes(const struct jd_decoded *out)
{
    const struct jd_event *event = out->input.event;
    cr_assert(jd_str_eq(event->id, JD_STR("1234-1234-1234")));
    cr_assert(jd_str_eq(event->source, JD_STR("/mycontext/subcontext")));
    cr_assert(jd_str_eq(event->type, JD_STR("call.completed")));
    cr_assert_eq(event->time, INT64_C(1522900584000)); /* date -u -d 2018-04-05T03:56:24Z +%s */
    cr_assert(jd_str_eq(event->hcp_id, JD_STR("h1")));
    cr_assert(jd_str_eq(event->product, JD_STR("Hello World!")));
}

Test(decode, binary_mode)
{
    struct jd_decoded out;
    struct jd_incoming record = event_of("{\"hcp_id\":\"h1\",\"product\":\"Hello World!\"}");
    cr_assert_str_eq(outcome(&record, &out), "input");
    check_attributes(&out);
}

#define STRUCTURED(data)                                                                                     \
    "{\"specversion\":\"1.0\",\"type\":\"call.completed\",\"time\":\"2018-04-05T03:56:24Z\","                \
    "\"id\":\"1234-1234-1234\",\"source\":\"/mycontext/subcontext\",\"datacontenttype\":\"application/"      \
    "json\"" data "}"
#define STRUCTURED_EVENT STRUCTURED(",\"data\":{\"hcp_id\":\"h1\",\"product\":\"Hello World!\"}")

Test(decode, structured_mode)
{
    static const char *const types[] = {
        "application/cloudevents+json", "application/cloudevents+json; charset=utf-8",
        "Application/CloudEvents+JSON", "application/cloudevents+json ;charset=utf-8"};
    for (size_t i = 0; i < JD_COUNT(types); i++) {
        struct jd_decoded out;
        struct jd_header header = {JD_STR("Content-Type"), jd_str_of(types[i])};
        struct jd_incoming record = event_of(STRUCTURED_EVENT);
        record.headers = &header;
        record.header_count = 1;
        cr_assert_str_eq(outcome(&record, &out), "input", "%s: %s", types[i], out.reject.message);
        check_attributes(&out);
    }
}

Test(decode, data_may_come_first_and_as_base64)
{
    struct jd_header header = {JD_STR("content-type"), JD_STR("application/cloudevents+json")};
    struct jd_decoded out;
    struct jd_incoming record =
        event_of("{\"data\":{\"hcp_id\":\"h1\"},\"id\":\"1\",\"source\":\"s\",\"type\":\"sms.sent\","
                 "\"time\":\"2018-04-05T03:56:24Z\",\"specversion\":\"1.0\",\"x\":true}");
    record.headers = &header;
    record.header_count = 1;
    cr_assert_str_eq(outcome(&record, &out), "input");
    cr_assert(jd_str_eq(out.input.event->type, JD_STR("sms.sent")));
    /* base64 of {"hcp_id":"h1"}, by coreutils */
    record.value = JD_STR(STRUCTURED(",\"data_base64\":\"eyJoY3BfaWQiOiJoMSJ9\""));
    cr_assert_str_eq(outcome(&record, &out), "input", "%s", out.reject.message);
    record.value = JD_STR(STRUCTURED(",\"data_base64\":\"eyJoY3BfaWQiOiJoMSJ\""));
    cr_assert_str_eq(outcome(&record, &out), "wrong_type");
    record.value = JD_STR(STRUCTURED(",\"data_base64\":\"eyJoY3BfaWQiOiJoMSJ9\",\"data\":{}"));
    cr_assert_str_eq(outcome(&record, &out), "bad_envelope");
    static const char *const twice[] = {
        STRUCTURED(",\"subject\":\"s\",\"subject\":\"s\",\"data\":{\"hcp_id\":\"h1\"}"),
        STRUCTURED(",\"subject\":null,\"subject\":null,\"data\":{\"hcp_id\":\"h1\"}"),
        STRUCTURED(",\"data\":null,\"data\":{\"hcp_id\":\"h1\"}"),
        STRUCTURED(",\"other\":1,\"other\":2,\"data\":{\"hcp_id\":\"h1\"}"),
    };
    for (size_t i = 0; i < JD_COUNT(twice); i++) {
        record.value = jd_str_of(twice[i]);
        cr_assert_str_eq(outcome(&record, &out), "duplicate_field", "%s", twice[i]);
    }
    record.value = JD_STR(STRUCTURED(""));
    cr_assert_str_eq(outcome(&record, &out), "null_value");
    record.value = JD_STR(STRUCTURED(",\"data\":null"));
    cr_assert_str_eq(outcome(&record, &out), "null_value");
    record.value = JD_STR(STRUCTURED(",\"data\":{\"hcp_id\":7}"));
    cr_assert_str_eq(outcome(&record, &out), "wrong_type");
    cr_assert_str_eq(out.reject.message, "data.hcp_id at byte 184");
}

Test(decode, the_envelope_is_held_to_its_rules)
{
    static const struct {
        struct jd_header header; /* replaces the one of its name, or is added */
        const char *outcome;
    } rows[] = {
        {H("ce_specversion", "1.0"), "input"},
        {H("ce_specversion", "0.3"), "bad_envelope"},
        {H("ce_id", ""), "bad_envelope"},
        {H("ce_id", "\xFF"), "bad_utf8"},
        {H("ce_time", "yesterday"), "bad_time"},
        {H("ce_type", "call.imagined"), "unknown_type"},
        {H("ce_type", "mi.assigned"), "filtered"},
        {H("ce_subject", "h1"), "input"},
        {H("ce_anything", "\xFF"), "input"},
        {H("content-type", "application/json; charset=utf-8"), "input"},
        {H("content-type", "application/vnd.crm.v2+json"), "input"},
        {H("content-type", "text/plain"), "bad_content_type"},
        {H("content-type", "application/cloudevents+avro"), "bad_content_type"},
        {H("content-type", "application/cloudevents-batch+json"), "bad_content_type"},
        {H("content-type", "application/avro"), "bad_framing"},
        {H("content-type", ""), "input"},
    };
    for (size_t i = 0; i < JD_COUNT(rows); i++) {
        struct jd_header headers[JD_COUNT(envelope) + 1];
        struct jd_decoded out;
        struct jd_incoming record = event_of("{\"hcp_id\":\"h1\"}");
        memcpy(headers, envelope, sizeof envelope);
        size_t at = 0;
        while (at < JD_COUNT(envelope) && !jd_str_eq(headers[at].name, rows[i].header.name))
            at++;
        headers[at] = rows[i].header;
        record.headers = headers;
        record.header_count = (uint32_t)(at == JD_COUNT(envelope) ? at + 1 : JD_COUNT(envelope));
        cr_assert_str_eq(outcome(&record, &out), rows[i].outcome, "%zu: %s %s", i, out.reject.reason,
                         out.reject.message);
    }
    struct jd_header twice[] = {H("ce_id", "1"), H("ce_id", "1")};
    struct jd_decoded out;
    struct jd_incoming record = event_of("{\"hcp_id\":\"h1\"}");
    record.headers = twice;
    record.header_count = 2;
    cr_assert_str_eq(outcome(&record, &out), "bad_headers");
}

Test(decode, traceparent_is_carried_over)
{
    static const struct {
        const char *name, *value;
        bool taken;
    } rows[] = {
        {"traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", true},
        {"ce_traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", true},
        {"traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331", false},
        {"traceparent", "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01", false},
    };
    for (size_t i = 0; i < JD_COUNT(rows); i++) {
        struct jd_header headers[JD_COUNT(envelope) + 1];
        struct jd_decoded out;
        struct jd_incoming record = event_of("{\"hcp_id\":\"h1\"}");
        memcpy(headers, envelope, sizeof envelope);
        headers[JD_COUNT(envelope)] = (struct jd_header){jd_str_of(rows[i].name), jd_str_of(rows[i].value)};
        record.headers = headers;
        record.header_count = JD_COUNT(headers);
        cr_assert_str_eq(outcome(&record, &out), "input");
        cr_assert_eq(jd_str_eq(out.input.traceparent, jd_str_of(rows[i].value)), rows[i].taken, "%zu", i);
    }
}

/* ---- values against the envelope, the type and the key ------------------------------------------------ */

Test(decode, what_an_event_says_must_hold_together)
{
    static const struct {
        const char *value, *outcome, *message;
        jd_time record_time; /* -1: none */
    } rows[] = {
        {"{\"hcp_id\":\"h1\"}", "input", "", 1522900584000},
        {"{\"hcp_id\":\"h1\",\"recorded_at\":\"1970-01-01T00:00:01Z\"}", "input", "", 1000},
        {"{\"hcp_id\":\"h1\",\"id\":\"1234-1234-1234\",\"type\":\"call.completed\"}", "input", "",
         1522900584000},
        {"{\"hcp_id\":\"h1\",\"time\":\"2018-04-05T05:56:24+02:00\"}", "input", "", 1522900584000},
        {"{\"hcp_id\":\"h1\",\"time\":\"2018-04-05T03:56:25Z\"}", "envelope_mismatch", "time", 1522900585000},
        {"{\"hcp_id\":\"h1\",\"id\":\"other\"}", "envelope_mismatch", "id", 1522900584000},
        {"{\"hcp_id\":\"h1\",\"source\":\"\"}", "envelope_mismatch", "source", 1522900584000},
        {"{\"hcp_id\":\"h1\",\"type\":\"sms.sent\"}", "envelope_mismatch", "type", 1522900584000},
        {"{\"hcp_id\":\"h2\"}", "key_mismatch", "hcp_id", 1522900584000},
        {"{\"hcp_id\":\"\"}", "missing_field", "hcp_id", 1522900584000},
        {"{\"hcp_id\":\"h1\",\"phase\":\"planned\"}", "missing_field", "start, of a planned event",
         1522900584000},
        {"{\"hcp_id\":\"h1\",\"phase\":\"planned\",\"start\":\"2026-01-01T00:00:00Z\"}", "missing_field",
         "recorded_at, of a planned event", 1522900584000},
        {"{\"hcp_id\":\"h1\",\"phase\":\"planned\",\"start\":\"2026-01-01T00:00:00Z\",\"recorded_at\":"
         "\"1970-01-01T00:00:02Z\"}",
         "input", "", 2000},
        {"{\"hcp_id\":\"h1\",\"start\":\"2026-01-01T00:00:00Z\",\"end\":\"2026-01-01T00:00:00Z\"}",
         "bad_interval", "end", 1522900584000},
        {"{\"hcp_id\":\"h1\",\"start\":\"2026-01-01T00:00:00Z\",\"end\":\"2026-01-01T00:00:00.001Z\"}",
         "input", "", 1522900584000},
        {"", "truncated", "value at byte 0", -1},
        {"{\"hcp_id\":\"h1\"", "truncated", "value at byte 14", -1},
    };
    for (size_t i = 0; i < JD_COUNT(rows); i++) {
        struct jd_decoded out;
        struct jd_incoming record = event_of(rows[i].value);
        cr_assert_str_eq(outcome(&record, &out), rows[i].outcome, "%s: %s", rows[i].value,
                         out.reject.message);
        cr_assert_str_eq(out.reject.message, rows[i].message, "%s", rows[i].value);
        jd_time want = rows[i].record_time == -1 ? JD_TIME_NONE : rows[i].record_time;
        cr_assert_eq(out.record_time, want, "%s: %lld", rows[i].value, (long long)out.record_time);
        cr_assert_eq(out.input.stamp, 7);
    }
}

Test(decode, types_say_class_phase_and_fact)
{
    static const struct {
        const char *type, *rest;
        enum jd_class class;
        enum jd_phase phase;
        enum jd_fact fact;
        enum jd_fact_state state;
        enum jd_channel channel;
    } rows[] = {
        {"call.completed", "", JD_CLASS_TOUCH, JD_PHASE_COMPLETED, 0, 0, 0},
        {"call.cancelled", "", JD_CLASS_TOUCH, JD_PHASE_CANCELLED, 0, 0, 0},
        {"call.completed", ",\"phase\":\"cancelled\"", JD_CLASS_TOUCH, JD_PHASE_CANCELLED, 0, 0, 0},
        {"consent.granted", ",\"channel\":\"sms\"", JD_CLASS_FACT, JD_PHASE_COMPLETED, JD_FACT_CONSENT,
         JD_FACT_STATE_GRANTED, JD_CHANNEL_SMS},
        {"email.unsubscribed", "", JD_CLASS_FACT, JD_PHASE_COMPLETED, JD_FACT_CONSENT, JD_FACT_STATE_REVOKED,
         JD_CHANNEL_EMAIL},
        {"access.no_see", "", JD_CLASS_FACT, JD_PHASE_COMPLETED, JD_FACT_ACCESS, JD_FACT_STATE_NO_SEE, 0},
        {"email.opened", "", JD_CLASS_RESPONSE, JD_PHASE_COMPLETED, 0, 0, 0},
        {"suggestion.dismissed", ",\"outcome\":{\"code\":\"dismissed\"}", JD_CLASS_FEEDBACK,
         JD_PHASE_COMPLETED, 0, 0, 0},
    };
    for (size_t i = 0; i < JD_COUNT(rows); i++) {
        struct jd_decoded out;
        struct jd_str line = jd_arena_printf(&arena,
                                             "{\"id\":\"1\",\"source\":\"s\",\"type\":\"%s\",\"time\":\"2026-"
                                             "01-01T00:00:00Z\",\"data\":{\"hcp_id\":\"h\"%s}}",
                                             rows[i].type, rows[i].rest);
        cr_assert_eq(jd_wire_decode_line(wire, line, &arena, &out), JD_WIRE_INPUT, "%s", line.ptr);
        cr_assert_eq(out.input.class, rows[i].class, "%s", line.ptr);
        cr_assert_eq(out.input.event->phase, rows[i].phase, "%s", line.ptr);
        cr_assert_eq(out.input.fact, rows[i].fact, "%s", line.ptr);
        cr_assert_eq(out.input.fact_state, rows[i].state, "%s", line.ptr);
        cr_assert_eq(out.input.event->channel, rows[i].channel, "%s", line.ptr);
    }
}

/* Ignored types are other systems' business, whatever their values look like. */
Test(decode, ignored_types_are_filtered_even_when_their_value_is_not_ours)
{
    static const char *const values[] = {"{\"hcp_id\":\"h1\"}", "{\"report\":17}", "[1,2]", "no json"};
    struct jd_header headers[JD_COUNT(envelope)];
    memcpy(headers, envelope, sizeof envelope);
    headers[2].value = JD_STR("mi.assigned");
    for (size_t i = 0; i < JD_COUNT(values); i++) {
        struct jd_decoded out;
        struct jd_incoming record = event_of(values[i]);
        record.headers = headers;
        cr_assert_str_eq(outcome(&record, &out), "filtered", "%s", values[i]);
        cr_assert_eq(out.record_time, i == 0 ? INT64_C(1522900584000) : JD_TIME_NONE);
    }
}

Test(decode, without_an_envelope_the_value_counts)
{
    struct jd_decoded out;
    struct jd_incoming record = event_of("{\"id\":\"1\",\"source\":\"s\",\"type\":\"call.completed\","
                                         "\"time\":\"2026-01-01T00:00:00Z\",\"hcp_id\":\"h1\"}");
    record.header_count = 0;
    cr_assert_str_eq(outcome(&record, &out), "input");
    static const char *const missing[] = {"id", "source", "type", "time"};
    for (size_t i = 0; i < JD_COUNT(missing); i++) {
        struct jd_buf buf;
        jd_buf_init(&buf, &arena);
        jd_buf_text(&buf, "{\"hcp_id\":\"h1\"");
        static const char *const all[] = {"\"1\"", "\"s\"", "\"call.completed\"", "\"2026-01-01T00:00:00Z\""};
        for (size_t k = 0; k < JD_COUNT(missing); k++)
            if (k != i)
                jd_buf_printf(&buf, ",\"%s\":%s", missing[k], all[k]);
        jd_buf_byte(&buf, '}');
        record.value = jd_buf_done(&buf);
        cr_assert_str_eq(outcome(&record, &out), "missing_field", "%s", missing[i]);
        cr_assert_str_eq(out.reject.message, missing[i]);
    }
}

/* ---- framing ----------------------------------------------------------------------------------------- */

Test(decode, keys_partitions_and_sizes)
{
    struct jd_decoded out;
    struct jd_incoming record = event_of("{\"hcp_id\":\"foobar\"}");
    char longest[257];
    memset(longest, 'x', sizeof longest);
    record.key = (struct jd_str){0};
    cr_assert_str_eq(outcome(&record, &out), "null_key");
    cr_assert_eq(out.record_time, INT64_C(1522900584000), "it moves the clock all the same");
    record.key = JD_STR("");
    cr_assert_str_eq(outcome(&record, &out), "bad_key");
    record.key = JD_STR("\xC0\x80");
    cr_assert_str_eq(outcome(&record, &out), "bad_key");
    record.key = (struct jd_str){longest, sizeof longest};
    cr_assert_str_eq(outcome(&record, &out), "bad_key");
    /* murmur2("foobar") = 0xd0e47bbe (Kafka's UtilsTest); & 0x7fffffff = 1357151166; % 6 = 0, % 7 = 3 */
    record.key = JD_STR("foobar");
    record.partitions = 7;
    for (record.partition = 0; record.partition < 7; record.partition++)
        cr_assert_str_eq(outcome(&record, &out),
                         record.partition == 1357151166 % 7 ? "input" : "wrong_partition");
    open_wire((struct jd_wire_config){.partitioner = JD_PARTITION_ANY, .max_record_bytes = 200});
    record.partition = 1;
    cr_assert_str_eq(outcome(&record, &out), "input");
    open_wire((struct jd_wire_config){.max_record_bytes = 100});
    cr_assert_str_eq(outcome(&record, &out), "too_large");
    record.headers_broken = true;
    open_wire((struct jd_wire_config){0});
    cr_assert_str_eq(outcome(&record, &out), "bad_headers");
}

Test(decode, murmur2_vectors)
{
    json_t *file = json_load_file("tests/data/conformance/murmur2.json", 0, NULL);
    json_t *rows = json_object_get(file, "vectors"), *row;
    size_t i;
    cr_assert_gt(json_array_size(rows), 5);
    json_array_foreach(rows, i, row)
    {
        json_t *key = json_object_get(row, "key");
        uint32_t want = (uint32_t)strtoul(json_string_value(json_object_get(row, "murmur2_hex")), NULL, 16);
        uint32_t have =
            jd_murmur2((struct jd_str){json_string_value(key), (uint32_t)json_string_length(key)});
        cr_assert_eq(have, want, "%s: %08x", json_string_value(key), have);
    }
    json_decref(file);
}

Test(decode, crc32_is_zlibs)
{
    /* python3: zlib.crc32(b"foobar") == 0x9ef61f95 == 2666930069 */
    for (int32_t n = 1; n < 100; n++)
        cr_assert_eq(jd_partition_crc32(JD_STR("foobar"), n), (int32_t)(UINT32_C(2666930069) % (uint32_t)n));
}

Test(decode, tombstones_are_profiles_only)
{
    struct jd_decoded out;
    struct jd_incoming record = event_of("");
    record.value = (struct jd_str){0};
    cr_assert_str_eq(outcome(&record, &out), "null_value");
    record.role = JD_ROLE_OF_HCP_PROFILES;
    record.header_count = 0;
    cr_assert_str_eq(outcome(&record, &out), "input");
    cr_assert_eq(out.input.kind, JD_INPUT_HCP_PROFILE);
    cr_assert(out.input.hcp == NULL && jd_str_eq(out.input.key, JD_STR("h1")));
    cr_assert(out.input.stamp == 7 && out.record_time == JD_TIME_NONE);
    record.role = JD_ROLE_OF_ACCOUNT_PROFILES;
    cr_assert_str_eq(outcome(&record, &out), "input");
    cr_assert_eq(out.input.kind, JD_INPUT_ACCOUNT_PROFILE);
    record.key = (struct jd_str){0};
    cr_assert_str_eq(outcome(&record, &out), "null_key");
}

Test(decode, profiles)
{
    struct jd_decoded out;
    struct jd_incoming record =
        event_of("{\"hcp_id\":\"h1\",\"recorded_at\":\"1970-01-01T00:00:05Z\",\"consents\":["
                 "{\"channel\":\"email\",\"state\":\"granted\",\"from\":\"2020-01-01T00:00:00Z\"}]}");
    record.role = JD_ROLE_OF_HCP_PROFILES;
    cr_assert_str_eq(outcome(&record, &out), "input", "%s %s", out.reject.reason, out.reject.message);
    cr_assert_eq(out.record_time, 5000);
    const struct jd_consent *consent = out.input.hcp->consents.items;
    cr_assert_eq(consent->state, JD_FACT_STATE_GRANTED);
    record.key = JD_STR("h2");
    cr_assert_str_eq(outcome(&record, &out), "key_mismatch");
    record.role = JD_ROLE_OF_ACCOUNT_PROFILES;
    cr_assert_str_eq(outcome(&record, &out), "missing_field");
    record.value =
        JD_STR("{\"account_id\":\"h2\",\"recorded_at\":\"1970-01-01T00:00:05Z\",\"visits_per_day_max\":3}");
    cr_assert_str_eq(outcome(&record, &out), "input");
    cr_assert_eq(out.input.account->visits_per_day_max, 3);
}

Test(decode, a_provider_identifier_has_a_check_digit)
{
    static const struct {
        const char *npi, *outcome;
    } rows[] = {
        {"1234567893", "input"},        {"2000000002", "input"},       {"1234567898", "npi_invalid"},
        {"1234567839", "npi_invalid"},  {"3234567899", "npi_invalid"}, {"123456789", "npi_invalid"},
        {"12345678930", "npi_invalid"}, {"123456789a", "npi_invalid"}, {"", "npi_invalid"},
    };
    for (size_t i = 0; i < JD_COUNT(rows); i++) {
        char value[128];
        snprintf(
            value, sizeof value,
            "{\"hcp_id\":\"h1\",\"recorded_at\":\"1970-01-01T00:00:05Z\",\"attributes\":{\"npi\":\"%s\"}}",
            rows[i].npi);
        struct jd_decoded out;
        struct jd_incoming record = event_of(value);
        record.role = JD_ROLE_OF_HCP_PROFILES;
        cr_assert_str_eq(outcome(&record, &out), rows[i].outcome, "%s", rows[i].npi);
    }
}

Test(decode, what_is_classified_as_medical_comes_from_the_medical_side)
{
    static const struct {
        const char *role, *classification, *outcome;
    } rows[] = {
        {"sales_rep", "medical", "classified_medical"},
        {"marketing", "medical", "classified_medical"},
        {"speaker", "medical", "classified_medical"},
        {"system", "medical", "classified_medical"},
        {"msl", "medical", "input"},
        {"medical_information", "medical", "input"},
        {"sales_rep", "commercial", "input"},
        {"sales_rep", "", "input"},
    };
    for (size_t i = 0; i < JD_COUNT(rows); i++) {
        char value[256];
        snprintf(value, sizeof value,
                 "{\"hcp_id\":\"h1\",\"actor\":{\"id\":\"a\",\"role\":\"%s\"},"
                 "\"attributes\":{\"classification\":\"%s\"}}",
                 rows[i].role, rows[i].classification);
        struct jd_decoded out;
        struct jd_incoming record = event_of(value);
        cr_assert_str_eq(outcome(&record, &out), rows[i].outcome, "%s %s", rows[i].role,
                         rows[i].classification);
    }
}

Test(decode, the_clock_is_advanced_only_where_records_are_the_clock)
{
    static const struct jd_header headers[] = {H("ce_type", "clock.advanced"),
                                               H("ce_time", "1970-01-01T00:00:09Z")};
    struct jd_decoded out;
    struct jd_incoming record = {
        .role = JD_ROLE_OF_EVENTS, .partitions = 3, .headers = headers, .header_count = 2};
    cr_assert_str_eq(outcome(&record, &out), "null_key", "no key, and not the time for it either");
    record.key = JD_STR("h1");
    record.partition = jd_partition_murmur2(record.key, 3);
    cr_assert_str_eq(outcome(&record, &out), "clock_advanced");
    open_wire((struct jd_wire_config){.clock_record = true});
    record.key = (struct jd_str){0};
    cr_assert_str_eq(outcome(&record, &out), "input");
    cr_assert_eq(out.input.kind, JD_INPUT_CLOCK);
    cr_assert_eq(out.record_time, 9000);
    record.header_count = 1;
    cr_assert_str_eq(outcome(&record, &out), "null_key");
    struct jd_str line = JD_STR("{\"type\":\"clock.advanced\",\"time\":\"1970-01-01T00:00:09Z\"}");
    cr_assert_eq(jd_wire_decode_line(wire, line, &arena, &out), JD_WIRE_INPUT);
    cr_assert(out.input.kind == JD_INPUT_CLOCK && out.input.stamp == 9000);
}

/* ---- schemas ------------------------------------------------------------------------------------------ */

static struct jd_incoming avro_event(uint32_t id)
{
    struct jd_event event;
    struct jd_outgoing out;
    jd_record_clear(&jd_event_record, &event);
    event.id = event.source = JD_STR("1");
    event.hcp_id = JD_STR("h1");
    event.type = JD_STR("call.completed");
    event.time = 5;
    struct jd_input input = {.kind = JD_INPUT_EVENT, .key = event.hcp_id, .event = &event};
    jd_wire_input(&input, JD_ENCODING_AVRO, id, &arena, &out);
    return (struct jd_incoming){.role = JD_ROLE_OF_EVENTS,
                                .partitions = 1,
                                .key = out.key,
                                .value = out.value,
                                .headers = out.headers,
                                .header_count = out.header_count};
}

Test(decode, schemas_are_fetched_once_and_waited_for)
{
    struct jd_decoded out;
    struct jd_incoming record = avro_event(70000);
    answer = JD_SCHEMA_IS_PENDING;
    cr_assert_str_eq(outcome(&record, &out), "need_schema");
    cr_assert(out.schema_id == 70000 && asked == 70000);
    answer = JD_SCHEMA_IS_UNKNOWN;
    cr_assert_str_eq(outcome(&record, &out), "unknown_schema", "and asked again: it may be registered late");
    cr_assert_eq(out.reject.schema_id, 70000);
    answer = JD_SCHEMA_IS_KNOWN;
    cr_assert_str_eq(outcome(&record, &out), "input", "%s", out.reject.message);
    asked = 0;
    cr_assert_str_eq(outcome(&record, &out), "input");
    cr_assert_eq(asked, 0);
    answered = JD_STR("{\"type\":\"record\",\"name\":\"EngagementEvent\",\"fields\":[]}");
    record = avro_event(70001);
    cr_assert_str_eq(outcome(&record, &out), "bad_schema");
    cr_assert_str_eq(out.reject.message, "schema does not resolve: hcp_id: the writer has no such field");
    open_wire((struct jd_wire_config){0});
    cr_assert_str_eq(outcome(&record, &out), "bad_content_type", "no registry is configured");
}

/* More schemas than are kept: the oldest go, none is mixed up. */
Test(decode, any_number_of_schemas)
{
    struct jd_decoded out;
    for (uint32_t round = 0; round < 2; round++)
        for (uint32_t id = 1; id <= 700; id++) {
            struct jd_arena_mark mark = jd_arena_mark(&arena);
            struct jd_incoming record = avro_event(id);
            answered = id % 2 == 0
                           ? JD_STR("{\"type\":\"record\",\"name\":\"EngagementEvent\",\"fields\":[]}")
                           : jd_schema_text(JD_STR("EngagementEvent"));
            cr_assert_str_eq(outcome(&record, &out), id % 2 == 0 ? "bad_schema" : "input", "%u", id);
            jd_arena_rewind(&arena, mark);
        }
}

Test(decode, encodings_are_told_apart)
{
    struct jd_wire_config fixed = {0};
    struct jd_decoded out;
    struct jd_incoming framed = avro_event(1), bare = avro_event(0);
    struct jd_incoming json = event_of(" {\"hcp_id\":\"h1\"}");
    json.header_count = 5; /* without its content-type */
    framed.header_count -= 1;
    bare.header_count -= 1;
    cr_assert_str_eq(outcome(&framed, &out), "input");
    cr_assert_str_eq(outcome(&json, &out), "input");
    fixed.fixed_schema[JD_ROLE_OF_EVENTS] = jd_schema_text(JD_STR("EngagementEvent"));
    open_wire(fixed);
    cr_assert_str_eq(outcome(&bare, &out), "input", "%s", out.reject.message);
    cr_assert_str_eq(outcome(&json, &out), "input");
    fixed.in = JD_ENCODING_AVRO;
    open_wire(fixed);
    cr_assert_str_neq(outcome(&json, &out), "input");
    open_wire((struct jd_wire_config){.in = JD_ENCODING_JSON, .lookup = lookup});
    cr_assert_str_neq(outcome(&framed, &out), "input");
    cr_assert_str_eq(outcome(&json, &out), "input");
    struct jd_error err;
    struct jd_wire_config bad = {.fixed_schema[JD_ROLE_OF_EVENTS] = JD_STR("\"string\"")};
    cr_assert(jd_wire_new(&bad, &err) == NULL);
    cr_assert_eq(err.code, JD_EXIT_CONFIG);
}

/* ---- lines -------------------------------------------------------------------------------------------- */

Test(decode, lines_of_files)
{
    static const struct {
        const char *line;
        enum jd_wire_result result;
        enum jd_input_kind kind;
        const char *reason;
    } rows[] = {
        {STRUCTURED_EVENT, JD_WIRE_INPUT, JD_INPUT_EVENT, NULL},
        {"{\"type\":\"hcp.profile\",\"data\":{\"hcp_id\":\"h\",\"recorded_at\":\"2026-01-01T00:00:00Z\"}}",
         JD_WIRE_INPUT, JD_INPUT_HCP_PROFILE, NULL},
        {"{\"data\":{\"account_id\":\"a\",\"recorded_at\":\"2026-01-01T00:00:00Z\"},\"type\":\"account."
         "profile\"}",
         JD_WIRE_INPUT, JD_INPUT_ACCOUNT_PROFILE, NULL},
        {"{\"type\":\"hcp.profile\",\"data\":null,\"subject\":\"h\",\"time\":\"1970-01-01T00:00:03Z\"}",
         JD_WIRE_INPUT, JD_INPUT_HCP_PROFILE, NULL},
        {"{\"type\":\"hcp.profile\",\"data\":null}", JD_WIRE_REJECT, 0, "missing_field"},
        {"{\"type\":\"mi.assigned\",\"data\":{}}", JD_WIRE_FILTERED, 0, NULL},
        {"{\"type\":\"nonsense\",\"id\":\"1\",\"source\":\"s\",\"time\":\"1970-01-01T00:00:03Z\",\"data\":{"
         "\"hcp_id\":\"h\"}}",
         JD_WIRE_REJECT, 0, "unknown_type"},
        {"{\"type\":\"clock.advanced\",\"time\":\"1970-01-01T00:00:03Z\"}", JD_WIRE_REJECT, 0,
         "clock_advanced"},
        {"{}", JD_WIRE_REJECT, 0, "null_value"},
        {"", JD_WIRE_REJECT, 0, "truncated"},
        {"[]", JD_WIRE_REJECT, 0, "wrong_type"},
    };
    for (size_t i = 0; i < JD_COUNT(rows); i++) {
        struct jd_decoded out;
        cr_assert_eq(jd_wire_decode_line(wire, jd_str_of(rows[i].line), &arena, &out), rows[i].result,
                     "%s: %s %s", rows[i].line, out.reject.reason, out.reject.message);
        if (rows[i].kind != 0)
            cr_assert_eq(out.input.kind, rows[i].kind, "%s", rows[i].line);
        if (rows[i].reason != NULL)
            cr_assert_str_eq(out.reject.reason, rows[i].reason, "%s", rows[i].line);
    }
}

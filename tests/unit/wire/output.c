/* Effects and dead letters as records. SHA-256 of expected texts: coreutils' sha256sum. */
#include <criterion/criterion.h>

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/avro.h"
#include "base/contract.h"
#include "base/str.h"
#include "wire/json.h"
#include "wire/output.h"

static struct jd_arena arena;

static void setup(void)
{
    jd_arena_init(&arena, 64 << 20);
}

static void teardown(void)
{
    jd_arena_done(&arena);
}

TestSuite(output, .init = setup, .fini = teardown);

static const char *header(const struct jd_outgoing *out, const char *name)
{
    const char *found = NULL;
    for (uint32_t i = 0; i < out->header_count; i++)
        if (jd_str_eq(out->headers[i].name, jd_str_of(name))) {
            cr_assert(found == NULL, "%s twice", name);
            found = jd_arena_str(&arena, out->headers[i].value).ptr;
        }
    return found != NULL ? found : "-";
}

static size_t size_of(const struct jd_outgoing *out)
{
    size_t size = out->key.size + out->value.size;
    for (uint32_t i = 0; i < out->header_count; i++)
        size += out->headers[i].name.size + out->headers[i].value.size;
    return size;
}

static struct jd_event *events_of(uint32_t count)
{
    struct jd_event *events = jd_arena_array(&arena, count, sizeof *events);
    for (uint32_t i = 0; i < count; i++) {
        jd_record_clear(&jd_event_record, &events[i]);
        events[i].id = jd_arena_printf(&arena, "e%u", i);
        events[i].source = JD_STR("crm");
        events[i].hcp_id = JD_STR("h1");
        events[i].time = i;
    }
    return events;
}

static struct jd_alert alert_of(uint32_t evidence)
{
    struct jd_alert alert;
    jd_record_clear(&jd_alert_record, &alert);
    alert.alert_id = JD_STR("00112233445566778899aabbccddeeff");
    alert.revision = 2;
    alert.rule = JD_STR("r");
    alert.rule_version = 1;
    alert.scope = JD_SCOPE_HCP;
    alert.key = alert.hcp_id = JD_STR("h1");
    alert.status = JD_STATUS_OPEN;
    alert.phase = JD_ALERT_PHASE_INCIDENT;
    alert.final = JD_FALSE;
    alert.severity = JD_SEVERITY_HIGH;
    alert.mode = JD_MODE_ALERT;
    alert.evidence = (struct jd_list){events_of(evidence), evidence};
    alert.evidence_count = evidence;
    alert.opened_at = 5;
    alert.policy = JD_STR("p");
    return alert;
}

static struct jd_effect effect_of(const struct jd_alert *alert)
{
    return (struct jd_effect){.topic = JD_TOPIC_ALERTS,
                              .key = JD_STR("hcp:h1"),
                              .record = &jd_alert_record,
                              .value = alert,
                              .at = INT64_C(1772618400000),
                              .id = JD_STR("00112233445566778899aabbccddeeff/2"),
                              .traceparent = JD_STR("00-x")};
}

Test(output, effects_carry_cloudevents_headers_in_either_encoding)
{
    static const struct {
        struct jd_wire_out config;
        const char *type;
        uint32_t prefix;
    } rows[] = {
        {{.source = {"s", 1}}, "application/json", 0},
        {{.encoding = JD_ENCODING_AVRO, .source = {"s", 1}}, "application/avro", 0},
        {{.encoding = JD_ENCODING_AVRO,
          .confluent = true,
          .source = {"s", 1},
          .schema_ids[JD_TOPIC_ALERTS] = 0x01020304},
         "application/avro",
         5},
    };
    struct jd_alert alert = alert_of(2), back;
    struct jd_effect effect = effect_of(&alert);
    struct jd_str canonical = jd_avro_bytes(&jd_alert_record, &alert, &arena);
    for (size_t i = 0; i < JD_COUNT(rows); i++) {
        struct jd_outgoing out;
        struct jd_error err;
        jd_wire_effect(&rows[i].config, &effect, JD_STR("l/3/7/0"), 0, &arena, &out);
        cr_assert(jd_str_eq(out.key, JD_STR("hcp:h1")));
        cr_assert_str_eq(header(&out, "ce_specversion"), "1.0");
        cr_assert_str_eq(header(&out, "ce_id"), "00112233445566778899aabbccddeeff/2");
        cr_assert_str_eq(header(&out, "ce_source"), "s");
        cr_assert_str_eq(header(&out, "ce_type"), "conflict.alert");
        cr_assert_str_eq(header(&out, "ce_time"), "2026-03-04T10:00:00.000Z");
        cr_assert_str_eq(header(&out, "content-type"), rows[i].type);
        cr_assert_str_eq(header(&out, "traceparent"), "00-x");
        cr_assert_str_eq(header(&out, "jd_origin"), "l/3/7/0");
        if (rows[i].prefix > 0)
            cr_assert_eq(memcmp(out.value.ptr, "\0\1\2\3\4", 5), 0);
        cr_assert(jd_wire_read_back(&jd_alert_record, out.value, &arena, &back, &err), "%s", err.text);
        cr_assert(jd_str_eq(jd_avro_bytes(&jd_alert_record, &back, &arena), canonical));
        cr_assert_not(jd_wire_read_back(&jd_alert_record, (struct jd_str){out.value.ptr, out.value.size - 1},
                                        &arena, &back, &err));
    }
    effect.traceparent = (struct jd_str){0};
    struct jd_outgoing out;
    jd_wire_effect(&rows[0].config, &effect, (struct jd_str){0}, 0, &arena, &out);
    cr_assert_str_eq(header(&out, "traceparent"), "-");
    cr_assert_str_eq(header(&out, "jd_origin"), "-");
}

/* The hash is of all the evidence, so that the cut can be checked against the log. */
Test(output, an_alert_that_does_not_fit_goes_out_with_its_evidence_cut)
{
    static const struct jd_wire_out config = {.source = {"s", 1}};
    struct jd_alert alert = alert_of(1000), back;
    struct jd_effect effect = effect_of(&alert);
    struct jd_outgoing whole, cut;
    struct jd_error err;
    const struct jd_event *events = alert.evidence.items;
    unsigned char hash[EVP_MAX_MD_SIZE];
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_DigestInit_ex(context, EVP_sha256(), NULL);
    for (int i = 0; i < 1000; i++) {
        struct jd_str bytes = jd_avro_bytes(&jd_event_record, &events[i], &arena);
        EVP_DigestUpdate(context, bytes.ptr, bytes.size);
    }
    EVP_DigestFinal_ex(context, hash, NULL);
    EVP_MD_CTX_free(context);
    jd_wire_effect(&config, &effect, JD_STR("o"), 0, &arena, &whole);
    uint32_t limit = (uint32_t)size_of(&whole);
    jd_wire_effect(&config, &effect, JD_STR("o"), limit, &arena, &cut);
    cr_assert(jd_str_eq(whole.value, cut.value), "what fits exactly is not cut");
    jd_wire_effect(&config, &effect, JD_STR("o"), limit - 1, &arena, &cut);
    cr_assert_lt(size_of(&cut), limit);
    cr_assert(jd_wire_read_back(&jd_alert_record, cut.value, &arena, &back, &err), "%s", err.text);
    cr_assert_eq(back.evidence.count, 500);
    cr_assert_eq(back.evidence_count, 1000);
    cr_assert_eq(back.evidence_sha256.size, 64);
    for (int i = 0; i < 32; i++) {
        char hex[3];
        (void)snprintf(hex, sizeof hex, "%02x", hash[i]);
        cr_assert_eq(memcmp(hex, back.evidence_sha256.ptr + 2 * i, 2), 0);
    }
    jd_wire_effect(&config, &effect, JD_STR("o"), 500, &arena, &cut);
    cr_assert(jd_wire_read_back(&jd_alert_record, cut.value, &arena, &back, &err), "%s", err.text);
    cr_assert_eq(back.evidence.count, 0, "down to none");
}

/* ---- dead letters ------------------------------------------------------------------------------------- */

static const struct jd_header original[] = {
    {{"ce_id", 5}, {"1", 1}},
    {{"jd.dlq.reason", 13}, {"an older one", 12}},
    {{"x", 1}, {NULL, 0}},
};

static struct jd_incoming broken(void)
{
    return (struct jd_incoming){.role = JD_ROLE_OF_EVENTS,
                                .topic = JD_STR("engagement.events"),
                                .partition = 3,
                                .offset = INT64_C(1) << 40,
                                .timestamp = 12345,
                                .key = JD_STR("h1"),
                                .value = JD_STR("{\"hcp_id\":7}"),
                                .headers = original,
                                .header_count = 3};
}

Test(output, dead_letters_keep_the_record_and_say_why)
{
    struct jd_incoming record = broken();
    struct jd_outgoing out;
    struct jd_event event;
    struct jd_reject why;
    cr_assert_not(jd_json_read(&jd_event_record, record.value, &arena, &event, &why));
    jd_wire_dead_letter(&record, &why, JD_STR("g"), 0, &arena, &out);
    cr_assert(jd_str_eq(out.key, record.key) && jd_str_eq(out.value, record.value));
    cr_assert_str_eq(header(&out, "ce_id"), "1");
    cr_assert_str_eq(header(&out, "x"), "-");
    cr_assert_str_eq(header(&out, "jd.dlq.reason"), "wrong_type");
    cr_assert_str_eq(header(&out, "jd.dlq.stage"), "decode");
    cr_assert_str_eq(header(&out, "jd.dlq.message"), "hcp_id at byte 10");
    cr_assert_str_eq(header(&out, "jd.dlq.topic"), "engagement.events");
    cr_assert_str_eq(header(&out, "jd.dlq.partition"), "3");
    cr_assert_str_eq(header(&out, "jd.dlq.offset"), "1099511627776");
    cr_assert_str_eq(header(&out, "jd.dlq.timestamp"), "12345");
    cr_assert_str_eq(header(&out, "jd.dlq.group"), "g");
    cr_assert_str_eq(header(&out, "jd.dlq.version"), JD_VERSION);
    cr_assert_str_eq(header(&out, "jd.dlq.schema_id"), "-");
    cr_assert_eq(strlen(header(&out, "jd.dlq.fingerprint")), 16);
    /* Alike failures share a fingerprint wherever in the value they are; others do not. */
    char first[17];
    memcpy(first, header(&out, "jd.dlq.fingerprint"), sizeof first);
    record.value = JD_STR("{  \"hcp_id\":7}");
    cr_assert_not(jd_json_read(&jd_event_record, record.value, &arena, &event, &why));
    jd_wire_dead_letter(&record, &why, JD_STR("g"), 0, &arena, &out);
    cr_assert_str_eq(header(&out, "jd.dlq.message"), "hcp_id at byte 12");
    cr_assert_str_eq(header(&out, "jd.dlq.fingerprint"), first);
    why = jd_reject_state("too_late");
    jd_wire_dead_letter(&record, &why, (struct jd_str){0}, 0, &arena, &out);
    cr_assert_str_eq(header(&out, "jd.dlq.reason"), "too_late");
    cr_assert_str_eq(header(&out, "jd.dlq.stage"), "state");
    cr_assert_str_eq(header(&out, "jd.dlq.message"), "-");
    cr_assert_str_neq(header(&out, "jd.dlq.fingerprint"), first);
}

Test(output, what_does_not_fit_becomes_a_stub)
{
    struct jd_incoming record = broken();
    struct jd_outgoing out;
    struct jd_reject why = jd_reject_state("too_late");
    char *large = calloc(1, 5000);
    record.value = (struct jd_str){large, 5000};
    jd_wire_dead_letter(&record, &why, JD_STR("g"), 8000, &arena, &out);
    cr_assert(out.value.size == 5000);
    jd_wire_dead_letter(&record, &why, JD_STR("g"), 5000, &arena, &out);
    cr_assert(out.value.ptr == NULL && jd_str_eq(out.key, record.key));
    cr_assert_str_eq(header(&out, "ce_id"), "-");
    cr_assert_str_eq(header(&out, "jd.dlq.offset"), "1099511627776");
    cr_assert_str_eq(header(&out, "jd.dlq.size"), "5000");
    /* head -c 5000 /dev/zero | sha256sum */
    cr_assert_str_eq(header(&out, "jd.dlq.sha256"),
                     "7ca5bd879f393d9dd05b14f38add9c0fc6b67928f7f2d261b2e47a32ee8219e3");
    cr_assert_lt(size_of(&out), 1000);
    record.key = record.value;
    jd_wire_dead_letter(&record, &why, JD_STR("g"), 2000, &arena, &out);
    cr_assert(out.key.ptr == NULL && size_of(&out) < 1000);
    free(large);
}

/* ---- inputs ------------------------------------------------------------------------------------------- */

Test(output, a_clock_record_has_neither_key_nor_value)
{
    struct jd_input input = {.kind = JD_INPUT_CLOCK, .stamp = 1000};
    struct jd_outgoing out;
    jd_wire_input(&input, JD_ENCODING_JSON, 0, &arena, &out);
    cr_assert(out.key.ptr == NULL && out.value.ptr == NULL);
    cr_assert_str_eq(header(&out, "ce_type"), "clock.advanced");
    cr_assert_str_eq(header(&out, "ce_time"), "1970-01-01T00:00:01.000Z");
    input = (struct jd_input){.kind = JD_INPUT_HCP_PROFILE, .key = JD_STR("h")};
    jd_wire_input(&input, JD_ENCODING_JSON, 0, &arena, &out);
    cr_assert(jd_str_eq(out.key, JD_STR("h")) && out.value.ptr == NULL);
}

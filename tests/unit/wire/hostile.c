/* What must not get in, and must not cost: truncations, bit flips, and Avro made to hurt. Under ASan and
 * UBSan these also look for reads beyond the bytes. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/avro.h"
#include "base/contract.h"
#include "base/str.h"
#include "wire/json.h"
#include "wire/resolve.h"
#include "wire/schema.h"

static struct jd_arena arena, schemas;

static void setup(void)
{
    jd_arena_init(&arena, 32 << 20);
    jd_arena_init(&schemas, 64 << 20);
}

static void teardown(void)
{
    jd_arena_done(&arena);
    jd_arena_done(&schemas);
}

TestSuite(hostile, .init = setup, .fini = teardown);

static const struct jd_plan *plan_for(const char *text, struct jd_error *err)
{
    struct jd_str own = jd_schema_text(JD_STR("EngagementEvent"));
    const struct jd_schema *reader = jd_schema_parse(own, &schemas, err);
    const struct jd_schema *writer = jd_schema_parse(text != NULL ? jd_str_of(text) : own, &schemas, err);
    return writer != NULL ? jd_resolve(writer, reader, &jd_event_record, &schemas, err) : NULL;
}

/* Reads a copy of exactly `size` bytes; the reason, or "" when it is accepted. */
static const char *read_avro(const struct jd_plan *plan, const void *bytes, size_t size)
{
    struct jd_arena_mark mark = jd_arena_mark(&arena);
    struct jd_event event;
    struct jd_reject why = {0};
    char *exact = malloc(size > 0 ? size : 1);
    memcpy(exact, bytes, size);
    bool ok = jd_plan_read(plan, (struct jd_str){exact, (uint32_t)size}, &arena, &event, &why);
    free(exact);
    jd_arena_rewind(&arena, mark);
    return ok ? "" : why.reason;
}

static bool read_json(const void *bytes, size_t size)
{
    struct jd_arena_mark mark = jd_arena_mark(&arena);
    struct jd_event event;
    struct jd_reject why = {0};
    char *exact = malloc(size > 0 ? size : 1);
    memcpy(exact, bytes, size);
    bool ok = jd_json_read(&jd_event_record, (struct jd_str){exact, (uint32_t)size}, &arena, &event, &why);
    cr_assert(ok || (why.reason != NULL && why.message[0] != '\0'));
    free(exact);
    jd_arena_rewind(&arena, mark);
    return ok;
}

/* An event with every kind of field. */
static struct jd_event full_event(void)
{
    static const struct jd_party parties[] = {{{"r2", 2}, JD_ROLE_MSL}, {{"r3", 2}, JD_ROLE_NONE}};
    static const struct jd_str messages[] = {{"m1", 2}, {"m2", 2}};
    static const struct jd_pair pairs[] = {{{"a", 1}, {"1", 1}}, {{"b\"", 2}, {"\xC3\xA9", 2}}};
    struct jd_event e;
    jd_record_clear(&jd_event_record, &e);
    e.id = JD_STR("e-1");
    e.source = JD_STR("crm");
    e.type = JD_STR("call.completed");
    e.time = e.recorded_at = INT64_C(1772618400000);
    e.start = e.time;
    e.end = e.time + 1800000;
    e.hcp_id = JD_STR("HCP-0000123456");
    e.engagement_id = JD_STR("call\n7");
    e.channel = JD_CHANNEL_IN_PERSON;
    e.phase = JD_PHASE_COMPLETED;
    e.actor = (struct jd_actor){JD_STR("rep-1"), JD_ROLE_SALES_REP, JD_STR("north")};
    e.key_messages = (struct jd_list){messages, 2};
    e.joint_with = (struct jd_list){parties, 2};
    e.on_label = JD_TRUE;
    e.amount = (struct jd_decimal){-1250, 2};
    e.quantity = 300;
    e.outcome = (struct jd_outcome){JD_OUTCOME_DISMISSED, JD_OUTCOME_REASON_WRONG_TIME};
    e.attributes = (struct jd_list){pairs, 2};
    return e;
}

Test(hostile, truncated_at_every_byte)
{
    struct jd_error err;
    struct jd_event event = full_event();
    const struct jd_plan *plan = plan_for(NULL, &err);
    struct jd_str avro = jd_avro_bytes(&jd_event_record, &event, &arena);
    struct jd_buf buf;
    jd_buf_init(&buf, &arena);
    jd_json_write(&jd_event_record, &event, &buf);
    struct jd_str json = jd_buf_done(&buf);
    cr_assert_str_eq(read_avro(plan, avro.ptr, avro.size), "");
    cr_assert(read_json(json.ptr, json.size));
    for (uint32_t size = 0; size < avro.size; size++)
        cr_assert_str_neq(read_avro(plan, avro.ptr, size), "", "%u bytes of %u", size, avro.size);
    for (uint32_t size = 0; size < json.size; size++)
        cr_assert_not(read_json(json.ptr, size), "%u bytes of %u", size, json.size);
}

/* A flipped bit may leave a good event; it may not do harm. */
Test(hostile, each_bit_flipped)
{
    struct jd_error err;
    struct jd_event event = full_event();
    const struct jd_plan *plan = plan_for(NULL, &err);
    struct jd_str avro = jd_avro_bytes(&jd_event_record, &event, &arena);
    struct jd_buf buf;
    jd_buf_init(&buf, &arena);
    jd_json_write(&jd_event_record, &event, &buf);
    struct jd_str texts[] = {avro, jd_buf_done(&buf)};
    for (int which = 0; which < 2; which++) {
        uint32_t refused = 0;
        char *bytes = malloc(texts[which].size);
        memcpy(bytes, texts[which].ptr, texts[which].size);
        for (uint32_t bit = 0; bit < texts[which].size * 8; bit++) {
            bytes[bit / 8] = (char)(bytes[bit / 8] ^ 1 << bit % 8);
            refused += which == 0 ? *read_avro(plan, bytes, texts[0].size) != '\0'
                                  : !read_json(bytes, texts[1].size);
            bytes[bit / 8] = (char)(bytes[bit / 8] ^ 1 << bit % 8);
        }
        cr_assert_gt(refused, texts[which].size, "%u", refused);
        free(bytes);
    }
}

/* Random bytes, and random edits of good ones. */
Test(hostile, noise)
{
    struct jd_error err;
    struct jd_event event = full_event();
    const struct jd_plan *plan = plan_for(NULL, &err);
    struct jd_str avro = jd_avro_bytes(&jd_event_record, &event, &arena);
    unsigned seed = getenv("SEED") != NULL ? (unsigned)atoi(getenv("SEED")) : (unsigned)time(NULL);
    (void)fprintf(stderr, "hostile/noise: SEED=%u\n", seed);
    srand(seed);
    for (int round = 0; round < 100000; round++) {
        char bytes[512];
        size_t size = (size_t)rand() % 300;
        for (size_t i = 0; i < size; i++)
            bytes[i] = (char)rand();
        if (round % 2 == 0) {
            size = avro.size;
            memcpy(bytes, avro.ptr, size);
            for (int edits = rand() % 4; edits >= 0; edits--)
                bytes[(size_t)rand() % size] = (char)rand();
        }
        (void)read_avro(plan, bytes, size);
        (void)read_json(bytes, size);
    }
    cr_assert_lt(arena.total, 8u << 20, "memory stays flat");
}

/* ---- datums ------------------------------------------------------------------------------------------- */

/* hcp_id "h", and in front of it a field that is read or passed over. */
#define WRITER(type)                                                                                         \
    "{\"type\":\"record\",\"name\":\"EngagementEvent\",\"fields\":[{\"name\":\"x\",\"type\":" type           \
    "},{\"name\":\"hcp_id\",\"type\":\"string\"}]}"
#define KNOWN(name, type)                                                                                    \
    "{\"type\":\"record\",\"name\":\"EngagementEvent\",\"fields\":[{\"name\":\"" name "\",\"type\":" type    \
    "},{\"name\":\"hcp_id\",\"type\":\"string\"}]}"
#define ENUM "{\"type\":\"enum\",\"name\":\"Channel\",\"symbols\":[\"email\",\"fax\"]}"
#define LONG_STRINGS "{\"type\":\"array\",\"items\":\"string\"}"
#define HUGE "\xFE\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01"  /* 2^63 - 1 */
#define LEAST "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01" /* -2^63 */

Test(hostile, avro_that_claims_more_than_it_has)
{
    static const struct {
        const char *schema;
        struct jd_str bytes;
        const char *reason;
    } rows[] = {
        {WRITER("\"int\""), {"\x02\x02h", 3}, ""},
        {WRITER("\"int\""), {"\x02\x02h\x00", 4}, "trailing_bytes"},
        /* strings and bytes */
        {WRITER("\"string\""), {"\x80\x80\x80\x80\x08\x02h", 7}, "truncated"}, /* 1 GiB */
        {WRITER("\"string\""), {"\x01\x02h", 3}, "bad_avro"},                  /* -1 */
        {WRITER("\"bytes\""), {HUGE "\x02h", 12}, "truncated"},
        {WRITER("\"bytes\""), {LEAST "\x02h", 12}, "bad_avro"},
        {KNOWN("product", "\"string\""), {"\x80\x80\x80\x80\x08\x02h", 7}, "truncated"},
        {KNOWN("product", "\"string\""), {"\x04\xC0\x80\x02h", 5}, "bad_utf8"},
        {KNOWN("product", "\"bytes\""), {"\x02p\x02h", 4}, ""},
        {WRITER("{\"type\":\"fixed\",\"name\":\"F\",\"size\":2147483647}"), {"\x02h", 2}, "truncated"},
        /* numbers */
        {WRITER("\"long\""), {"\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x02\x02h", 12}, "bad_avro"},
        {WRITER("\"long\""), {"\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01\x02h", 13}, "bad_avro"},
        {WRITER("\"int\""), {"\x80\x80\x80\x80\x10\x02h", 7}, "bad_avro"}, /* 2^31 */
        {KNOWN("quantity", "\"int\""), {"\x80\x80\x80\x80\x10\x02h", 7}, "bad_avro"},
        {KNOWN("quantity", "\"long\""), {LEAST "\x02h", 12}, "out_of_range"},
        {KNOWN("time", "\"long\""), {HUGE "\x02h", 12}, "out_of_range"},
        /* booleans, symbols, branches */
        {WRITER("\"boolean\""), {"\x07\x02h", 3}, "bad_avro"},
        {KNOWN("on_label", "\"boolean\""), {"\x07\x02h", 3}, "bad_avro"},
        {WRITER(ENUM), {"\xC6\x01\x02h", 4}, "bad_avro"}, /* 99 of 2 */
        {KNOWN("channel", ENUM), {"\xC6\x01\x02h", 4}, "bad_avro"},
        {KNOWN("channel", ENUM), {"\x01\x02h", 3}, "bad_avro"},
        {KNOWN("channel", ENUM), {"\x02\x02h", 3}, "unknown_symbol"},
        {KNOWN("channel", "\"string\""),
         {"\x06"
          "fax\x02h",
          6},
         "unknown_symbol"},
        {WRITER("[\"null\",\"int\"]"), {"\x04\x02\x02h", 4}, "bad_avro"},
        {KNOWN("product", "[\"null\",\"string\"]"), {"\x01\x02h", 3}, "bad_avro"},
        {KNOWN("product", "[\"null\",\"int\",\"string\"]"), {"\x02\x02\x02h", 4}, "wrong_type"},
        {KNOWN("product", "[\"null\",\"int\",\"string\"]"), {"\x04\x02p\x02h", 5}, ""},
        /* arrays and maps */
        {WRITER(LONG_STRINGS), {HUGE "\x02h", 12}, "bad_avro"},
        {WRITER(LONG_STRINGS), {LEAST "\x02h", 12}, "bad_avro"},
        {WRITER(LONG_STRINGS), {"\x01" HUGE "\x02h", 13}, "truncated"}, /* a block's size */
        {WRITER(LONG_STRINGS), {"\x01\x01\x02h", 4}, "bad_avro"},       /* negative size */
        {WRITER(LONG_STRINGS),
         {"\x01\x06\x02"
          "a\x00\x02h",
          7},
         "bad_avro"}, /* not its size */
        {WRITER(LONG_STRINGS),
         {"\x01\x04\x02"
          "a\x00\x02h",
          7},
         ""},
        {KNOWN("key_messages", LONG_STRINGS),
         {"\x80\x80\x80\x80\x80\x80\x01\x02h", 9},
         "bad_avro"}, /* 2^41 */
        {KNOWN("key_messages", LONG_STRINGS),
         {"\x01\x04\x02"
          "a\x02\x02"
          "b\x00\x02h",
          10},
         ""},
        {WRITER("{\"type\":\"map\",\"values\":\"null\"}"), {HUGE "\x02h", 12}, "bad_avro"},
        {KNOWN("attributes", "{\"type\":\"map\",\"values\":\"string\"}"),
         {"\x04\x02"
          "a\x00\x02"
          "a\x00\x00\x02h",
          10},
         "duplicate_field"},
        /* required fields */
        {"{\"type\":\"record\",\"name\":\"EngagementEvent\",\"fields\":[{\"name\":\"hcp_id\",\"type\":["
         "\"null\",\"string\"]}]}",
         {"\x00", 1},
         "missing_field"},
    };
    for (size_t i = 0; i < JD_COUNT(rows); i++) {
        struct jd_error err;
        const struct jd_plan *plan = plan_for(rows[i].schema, &err);
        cr_assert(plan != NULL, "%zu: %s: %s", i, rows[i].schema, err.text);
        const char *have = read_avro(plan, rows[i].bytes.ptr, rows[i].bytes.size);
        cr_assert_str_eq(have, rows[i].reason, "%zu: %s: %s", i, rows[i].schema, have);
    }
    cr_assert_lt(arena.total, 8u << 20);
}

/* ---- schemas ------------------------------------------------------------------------------------------- */

Test(hostile, schemas_that_no_honest_writer_has)
{
    static const struct {
        const char *schema, *part; /* of the message */
    } rows[] = {
        {"", "schema"},
        {"{", "schema"},
        {"\"record\"", "unknown type"},
        {"{\"type\":\"record\",\"name\":\"A\",\"fields\":[{\"name\":\"next\",\"type\":[\"null\",\"A\"]}]}",
         "recursive"},
        {WRITER("{\"type\":\"array\",\"items\":\"null\"}"), "take no bytes"},
        {WRITER("{\"type\":\"array\",\"items\":{\"type\":\"fixed\",\"name\":\"F\",\"size\":0}}"),
         "take no bytes"},
        {WRITER("{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"R\",\"fields\":[]}}"),
         "take no bytes"},
        {WRITER(
             "{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"n\","
             "\"type\":\"null\"}]}}"),
         "take no bytes"},
        {WRITER("[\"null\",[\"int\"]]"), "union"},
        {WRITER("[]"), "union"},
        {WRITER("\"undefined\""), "unknown type"},
        {WRITER("{\"type\":\"fixed\",\"name\":\"F\",\"size\":-1}"), "size"},
        {"{\"type\":\"record\",\"name\":\"EngagementEvent\",\"fields\":[{\"name\":\"hcp_id\",\"type\":"
         "\"string\"},"
         "{\"name\":\"hcp_id\",\"type\":\"string\"}]}",
         "twice"},
        {"{\"type\":\"record\",\"name\":\"EngagementEvent\",\"name\":\"B\",\"fields\":[]}", "duplicate"},
        /* sound, but never ours */
        {"\"string\"", "not this record"},
        {"{\"type\":\"record\",\"name\":\"Other\",\"fields\":[{\"name\":\"hcp_id\",\"type\":\"string\"}]}",
         "not this record"},
        {"{\"type\":\"record\",\"name\":\"EngagementEvent\",\"fields\":[]}",
         "hcp_id: the writer has no such field"},
        {"{\"type\":\"record\",\"name\":\"EngagementEvent\",\"fields\":[{\"name\":\"hcp_id\",\"type\":"
         "\"int\"}]}",
         "hcp_id"},
        {KNOWN("amount", "\"double\""), "amount"},
        {KNOWN("time", "{\"type\":\"int\",\"logicalType\":\"date\"}"), "time: not an instant"},
        {KNOWN("time", "{\"type\":\"long\",\"logicalType\":\"local-timestamp-millis\"}"),
         "time: not an instant"},
        {KNOWN("actor", "{\"type\":\"record\",\"name\":\"Actor\",\"fields\":[]}"),
         "id: the writer has no such field"},
        {KNOWN("channel", "{\"type\":\"enum\",\"name\":\"Kanal\",\"symbols\":[\"email\"]}"),
         "channel: not this enum"},
    };
    for (size_t i = 0; i < JD_COUNT(rows); i++) {
        struct jd_error err = {0};
        cr_assert(plan_for(rows[i].schema, &err) == NULL, "%s", rows[i].schema);
        cr_assert(strstr(err.text, rows[i].part) != NULL, "%s: %s", rows[i].schema, err.text);
    }
}

/* Each record holds two of the next: twenty names, a million fields. */
Test(hostile, a_schema_that_unfolds_is_refused)
{
    struct jd_error err = {0};
    struct jd_buf buf;
    jd_buf_init(&buf, &arena);
    for (int i = 0; i < 20; i++)
        jd_buf_printf(&buf, "{\"type\":\"record\",\"name\":\"R%d\",\"fields\":[{\"name\":\"a\",\"type\":", i);
    jd_buf_text(&buf, "\"null\"");
    for (int i = 19; i >= 0; i--)
        jd_buf_printf(&buf, i == 19 ? "}]}" : "},{\"name\":\"b\",\"type\":\"R%d\"}]}", i + 1);
    cr_assert(jd_schema_parse(jd_buf_done(&buf), &schemas, &err) == NULL);
    cr_assert(strstr(err.text, "too many nested fields") != NULL, "%s", err.text);
}

Test(hostile, a_deep_schema_is_refused)
{
    struct jd_error err = {0};
    struct jd_buf buf;
    jd_buf_init(&buf, &arena);
    for (int i = 0; i < 1000; i++)
        jd_buf_text(&buf, "{\"type\":\"array\",\"items\":");
    jd_buf_text(&buf, "\"int\"");
    for (int i = 0; i < 1000; i++)
        jd_buf_text(&buf, "}");
    cr_assert(jd_schema_parse(jd_buf_done(&buf), &schemas, &err) == NULL);
    cr_assert(strstr(err.text, "too deep") != NULL, "%s", err.text);
}

/* Items of one byte, each of a thousand fields of none: the steps are counted. */
Test(hostile, fields_that_take_no_bytes_are_counted)
{
    struct jd_error err = {0};
    struct jd_buf buf;
    jd_buf_init(&buf, &arena);
    jd_buf_text(&buf,
                "{\"type\":\"record\",\"name\":\"EngagementEvent\",\"fields\":[{\"name\":\"hcp_id\",\"type\":"
                "\"string\"},"
                "{\"name\":\"x\",\"type\":{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"R\","
                "\"fields\":[{\"name\":\"i\",\"type\":\"boolean\"}");
    for (int i = 0; i < 1000; i++)
        jd_buf_printf(&buf, ",{\"name\":\"n%d\",\"type\":\"null\"}", i);
    jd_buf_text(&buf, "]}}}]}");
    const struct jd_plan *plan = plan_for(jd_arena_str(&arena, jd_buf_done(&buf)).ptr, &err);
    cr_assert(plan != NULL, "%s", err.text);
    enum { ITEMS = 1 << 19 };
    char *bytes = calloc(1, ITEMS + 8);
    /* "h"; 2^19 items; that many false; the end */
    memcpy(bytes, "\x02h\x80\x80\x40", 5);
    cr_assert_str_eq(read_avro(plan, bytes, 5 + ITEMS + 1), "bad_avro");
    memcpy(bytes, "\x02h\x80\x01\x00", 5); /* 64 items are fine */
    cr_assert_str_eq(read_avro(plan, bytes, 4 + 64 + 1), "");
    free(bytes);
}

/* ---- what resolution means ------------------------------------------------------------------------------
 */

static struct jd_event read_with(const char *schema, struct jd_str bytes)
{
    struct jd_error err;
    struct jd_event event;
    struct jd_reject why = {0};
    const struct jd_plan *plan = plan_for(schema, &err);
    cr_assert(plan != NULL, "%s: %s", schema, err.text);
    cr_assert(jd_plan_read(plan, bytes, &arena, &event, &why), "%s: %s %s", schema, why.reason, why.message);
    cr_assert(jd_str_eq(event.hcp_id, JD_STR("h")));
    return event;
}

Test(hostile, beyond_the_specification)
{
    struct jd_event e;
    /* -1500 µs is 2 ms before the epoch and a half: cut down to -2 ms. zigzag(-1500) = 2999 */
    e = read_with(KNOWN("time", "{\"type\":\"long\",\"logicalType\":\"timestamp-micros\"}"),
                  JD_STR("\xB7\x17\x02h"));
    cr_assert_eq(e.time, -2);
    e = read_with(KNOWN("time", "\"int\""), JD_STR("\x04\x02h"));
    cr_assert_eq(e.time, 2);
    /* 0xFF38 = -200; scale 2: -2 */
    e = read_with(
        KNOWN("amount", "{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":9,\"scale\":2}"),
        JD_STR("\x04\xFF\x38\x02h"));
    cr_assert(e.amount.units == -2 && e.amount.scale == 0);
    e = read_with(KNOWN("amount", "{\"type\":\"fixed\",\"name\":\"D\",\"size\":9,\"logicalType\":\"decimal\","
                                  "\"precision\":9,\"scale\":3}"),
                  (struct jd_str){"\0\0\0\0\0\0\0\0\x7B\x02h", 11});
    cr_assert(e.amount.units == 123 && e.amount.scale == 3);
    e = read_with(KNOWN("amount", "\"bytes\""), JD_STR("\x06"
                                                       "1.5\x02h"));
    cr_assert(e.amount.units == 15 && e.amount.scale == 1);
    e = read_with(KNOWN("channel", "\"string\""), JD_STR("\x06"
                                                         "sms\x02h"));
    cr_assert_eq(e.channel, JD_CHANNEL_SMS);
    /* namespaces differ, the unqualified names do not */
    e = read_with("{\"type\":\"record\",\"name\":\"com.crm.EngagementEvent\",\"fields\":[{\"name\":"
                  "\"channel\",\"type\":[{"
                  "\"type\":\"enum\",\"name\":\"Channel\",\"symbols\":[\"sms\",\"email\"]},\"null\"]},{"
                  "\"name\":\"hcp_id\","
                  "\"type\":\"string\"}]}",
                  (struct jd_str){"\x00\x02\x02h", 4});
    cr_assert_eq(e.channel, JD_CHANNEL_EMAIL, "by symbol, not by number");
}

/* Aliases are the reader's: here a reader that renamed `hcp_id` and the record. */
Test(hostile, aliases)
{
    struct jd_error err;
    struct jd_str own = jd_schema_text(JD_STR("EngagementEvent"));
    struct jd_buf buf;
    jd_buf_init(&buf, &arena);
    jd_buf_text(&buf, "{\"aliases\":[\"Touch\"],");
    const char *field = strstr(own.ptr, "{\"name\": \"hcp_id\"");
    cr_assert(field != NULL);
    jd_buf_bytes(&buf, own.ptr + 1, (size_t)(field - own.ptr));
    jd_buf_text(&buf, "\"aliases\":[\"physician\"],");
    jd_buf_text(&buf, field + 1);
    const struct jd_schema *reader = jd_schema_parse(jd_buf_done(&buf), &schemas, &err);
    cr_assert(reader != NULL, "%s", err.text);
    struct jd_str text = JD_STR("{\"type\":\"record\",\"name\":\"org.journeyd.Touch\",\"fields\":[{\"name\":"
                                "\"physician\",\"type\":\"string\"}]}");
    const struct jd_schema *writer = jd_schema_parse(text, &schemas, &err);
    const struct jd_plan *plan = jd_resolve(writer, reader, &jd_event_record, &schemas, &err);
    cr_assert(plan != NULL, "%s", err.text);
    struct jd_event event;
    struct jd_reject why;
    cr_assert(jd_plan_read(plan, JD_STR("\x02h"), &arena, &event, &why));
    cr_assert(jd_str_eq(event.hcp_id, JD_STR("h")));
}

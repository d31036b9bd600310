/* The decoders alone, on one core: CPU time an event, best of five rounds.
 *
 *   wire [EVENTS]      in each round; 200,000
 *
 * The event has the fields of a completed call, in the size of a usual one. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/contract.h"
#include "base/str.h"
#include "wire/output.h"
#include "wire/wire.h"

enum { ROUNDS = 5, BATCH = 500 };

static const char line[] =
    "{\"specversion\":\"1.0\",\"id\":\"9f1c6e0a-6f0e-4b8a-9a55-2f6c1f0b7d11\",\"source\":\"crm/eu\","
    "\"type\":\"call.completed\",\"time\":\"2026-03-04T10:00:00Z\",\"data\":{"
    "\"recorded_at\":\"2026-03-04T10:05:00.123Z\",\"hcp_id\":\"7d0d1c7b-30a2-4f52-b1a8-13d1c2f7a1e9\","
    "\"account_id\":\"ACC-000123\",\"engagement_id\":\"call-99887766\",\"phase\":\"completed\",\"channel\":"
    "\"in_person\","
    "\"actor\":{\"id\":\"rep-00017\",\"role\":\"sales_rep\",\"team\":\"cardio-north\"},\"initiated_by\":"
    "\"company\","
    "\"start\":\"2026-03-04T10:00:00Z\",\"end\":\"2026-03-04T10:20:00Z\",\"product\":\"cardiolex\",\"topic\":"
    "\"dosing\","
    "\"content_id\":\"c-2026-0113\",\"key_messages\":[\"m1\",\"m2\"],\"country\":\"DE\",\"amount\":12.50,"
    "\"currency\":\"EUR\",\"attributes\":{\"territory\":\"north-7\"}}}";

static double seconds(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static enum jd_schema_answer own_schema(void *context, uint32_t id, struct jd_str *schema)
{
    (void)context;
    (void)id;
    *schema = jd_schema_text(JD_STR("EngagementEvent"));
    return JD_SCHEMA_IS_KNOWN;
}

static void measure(struct jd_wire *wire, const char *name, const struct jd_incoming *record, long events)
{
    struct jd_arena arena;
    struct jd_decoded out;
    double best = 1e9;
    jd_arena_init(&arena, 64 << 20);
    for (int round = 0; round < ROUNDS; round++) {
        double start = seconds();
        for (long i = 0; i < events; i++) {
            if (i % BATCH == 0)
                jd_arena_reset(&arena);
            enum jd_wire_result result = record->partitions > 0
                                             ? jd_wire_decode(wire, record, &arena, &out)
                                             : jd_wire_decode_line(wire, record->value, &arena, &out);
            if (result != JD_WIRE_INPUT) {
                (void)fprintf(stderr, "%s: %s %s\n", name, out.reject.reason, out.reject.message);
                exit(1);
            }
        }
        double took = (seconds() - start) / (double)events;
        best = took < best ? took : best;
    }
    printf("%-22s %5u bytes %8.0f ns %8.0f MB/s\n", name, record->value.size, best * 1e9,
           (double)record->value.size / best / 1e6);
    jd_arena_done(&arena);
}

int main(int argc, char **argv)
{
    long events = argc > 1 ? atol(argv[1]) : 200000;
    struct jd_wire_config config = {.lookup = own_schema};
    struct jd_error err;
    struct jd_wire *wire = jd_wire_new(&config, &err);
    struct jd_arena arena;
    struct jd_decoded decoded;
    jd_arena_init(&arena, 1 << 20);
    struct jd_incoming lines = {.value = JD_STR("")};
    lines.value = jd_str_of(line);
    if (wire == NULL || jd_wire_decode_line(wire, lines.value, &arena, &decoded) != JD_WIRE_INPUT)
        return 1;
    static const struct {
        const char *name;
        enum jd_encoding encoding;
    } rows[] = {{"JSON, binary mode", JD_ENCODING_JSON}, {"Avro, framed", JD_ENCODING_AVRO}};
    measure(wire, "JSON line, structured", &lines, events);
    for (size_t i = 0; i < JD_COUNT(rows); i++) {
        struct jd_outgoing out;
        jd_wire_input(&decoded.input, rows[i].encoding, 7, &arena, &out);
        struct jd_incoming record = {.role = JD_ROLE_OF_EVENTS,
                                     .partitions = 1,
                                     .key = out.key,
                                     .value = out.value,
                                     .headers = out.headers,
                                     .header_count = out.header_count};
        measure(wire, rows[i].name, &record, events);
    }
    jd_wire_free(wire);
    jd_arena_done(&arena);
    return 0;
}

/* journeyd produce: history, or a step of the clock, onto the input topics.
 *
 * Each line is decoded as the daemon will decode it, so that a bad line is named here, with its number, and
 * goes nowhere. Records go to the partition that the configured partitioner gives their key, and carry
 * the wall clock of their writing, whatever the events' own times are. */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "adapters/clock.h"
#include "adapters/registry.h"
#include "base/avro.h"
#include "base/contract.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/history.h"
#include "cli/progress.h"
#include "cli/session.h"
#include "wire/output.h"
#include "wire/partition.h"
#include "wire/wire.h"

enum { INPUT_TOPICS = 3, BAD_LINES_SHOWN = 20, PROGRESS_EVERY = 256, RATE_MAX = 10000000 };

struct arguments {
    const char *config, *advance, *encoding;
    struct jd_words files;
    int64_t rate;
};

struct produce {
    const struct arguments *arguments;
    struct jd_session session;
    struct jd_wire *wire;
    struct jd_registry *registry; /* NULL: not needed, or none */
    struct jd_producer *producer;
    struct jd_topic_limit topics[INPUT_TOPICS]; /* those that are configured */
    uint32_t topic_count;
    int index_of[INPUT_TOPICS];        /* of a role's topic in `topics`; -1: none */
    uint32_t schema_ids[INPUT_TOPICS]; /* by role; 0: bare Avro */
    enum { AS_STRUCTURED, AS_JSON, AS_AVRO } encoding;
    struct jd_arena arena; /* one line */
    struct jd_progress progress;
    uint64_t sent, refused;
    struct jd_error *err;
};

static const enum jd_session_topic roles[INPUT_TOPICS] = {JD_SESSION_EVENTS, JD_SESSION_HCP_PROFILES,
                                                          JD_SESSION_ACCOUNT_PROFILES};

static int role_of(const struct jd_input *input)
{
    switch (input->kind) {
    case JD_INPUT_HCP_PROFILE:
        return 1;
    case JD_INPUT_ACCOUNT_PROFILE:
        return 2;
    case JD_INPUT_EVENT:
    case JD_INPUT_TOUCH:
    case JD_INPUT_CLOCK:
        break;
    }
    return 0;
}

/* ---- opening ---------------------------------------------------------------------------------------- */

static bool take_topics(struct produce *p)
{
    for (int i = 0; i < INPUT_TOPICS; i++) {
        const struct jd_topic_facts *facts = &p->session.topics[roles[i]];
        p->index_of[i] = -1;
        if (facts->topic == NULL) {
            continue;
        }
        if (!facts->exists) {
            return jd_error_set(p->err, JD_EXIT_CONFIG,
                                "topic %s (%s) is not there: create it, or name it `none`", facts->topic,
                                jd_session_role(roles[i]));
        }
        p->index_of[i] = (int)p->topic_count;
        p->topics[p->topic_count++] = (struct jd_topic_limit){
            .topic = facts->topic, .partitions = facts->partitions, .max_bytes = facts->max_message_bytes};
    }
    return true;
}

/* Avro goes out under the registry's id where there is one, else bare, for a fixed schema. */
static bool register_schemas(struct produce *p)
{
    static const struct jd_record *const records[INPUT_TOPICS] = {&jd_event_record, &jd_hcp_profile_record,
                                                                  &jd_account_profile_record};
    const struct jd_settings *settings = p->session.settings;
    if (p->encoding != AS_AVRO || settings->registry.url.ptr == NULL) {
        return true;
    }
    const struct jd_registry_config config = {.url = settings->registry.url.ptr,
                                              .user = settings->registry.user.ptr,
                                              .password = settings->registry.password.ptr,
                                              .timeout_ms = (int)settings->registry.timeout_ms};
    p->registry = jd_registry_open(&config, p->err);
    if (p->registry == NULL || !jd_registry_reach(p->registry, (int)settings->start_timeout_ms, p->err)) {
        return false;
    }
    for (int i = 0; i < INPUT_TOPICS; i++) {
        char subject[JD_STRING_MAX * 2];
        if (p->index_of[i] >= 0) {
            snprintf(subject, sizeof(subject), "%s-value", p->topics[p->index_of[i]].topic);
            if (!jd_registry_register(p->registry, subject, jd_schema_text(jd_str_of(records[i]->name)),
                                      &p->schema_ids[i], p->err)) {
                return false;
            }
        }
    }
    return true;
}

static bool parse_encoding(struct produce *p)
{
    const char *name = p->arguments->encoding != NULL ? p->arguments->encoding : "structured";
    if (strcmp(name, "structured") == 0) {
        p->encoding = AS_STRUCTURED;
    } else if (strcmp(name, "json") == 0) {
        p->encoding = AS_JSON;
    } else if (strcmp(name, "avro") == 0) {
        p->encoding = AS_AVRO;
    } else {
        return jd_error_set(p->err, JD_EXIT_USAGE, "--encoding: \"%s\" is not structured, json or avro",
                            name);
    }
    return true;
}

static bool open_all(struct produce *p)
{
    if (!parse_encoding(p) || !jd_session_open(&p->session, p->arguments->config, p->err) ||
        !jd_session_topics(&p->session, p->err) || !take_topics(p) || !register_schemas(p)) {
        return false;
    }
    const struct jd_wire_config wire = {.in = JD_ENCODING_JSON, .clock_record = true};
    const struct jd_producer_config config = {.topics = p->topics, .topic_count = p->topic_count};
    p->wire = jd_wire_new(&wire, p->err);
    p->producer = p->wire == NULL ? NULL
                                  : jd_producer_open(&p->session.kafka, &config,
                                                     (int)p->session.settings->start_timeout_ms, p->err);
    return p->producer != NULL;
}

static void close_all(struct produce *p)
{
    jd_producer_close(p->producer);
    jd_registry_close(p->registry);
    jd_wire_free(p->wire);
    jd_session_close(&p->session);
    jd_arena_done(&p->arena);
}

/* ---- sending ---------------------------------------------------------------------------------------- */

static int32_t partition_of(const struct produce *p, struct jd_str key, int32_t partitions)
{
    return p->session.settings->partitioner == JD_PARTITIONER_CRC32 ? jd_partition_crc32(key, partitions)
                                                                    : jd_partition_murmur2(key, partitions);
}

static bool send(struct produce *p, const struct jd_record_out *record)
{
    const enum jd_kafka_status status = jd_producer_send(p->producer, record, p->err);
    if (status != JD_KAFKA_OK) {
        return jd_error_wrap(p->err, "after %" PRIu64 " records", p->sent);
    }
    p->sent++;
    return true;
}

/* Holds the rate by sleeping off what was too fast. */
static void keep_rate(const struct produce *p)
{
    if (p->arguments->rate == JD_INT_NONE) {
        return;
    }
    const int64_t due = p->progress.started + (int64_t)p->sent * 1000 / p->arguments->rate;
    const int64_t early = due - jd_clock_mono();
    if (early > 0) {
        const struct timespec rest = {.tv_sec = early / 1000, .tv_nsec = (long)(early % 1000) * 1000000};
        (void)nanosleep(&rest, NULL); /* an interruption only shortens it */
    }
}

static void refuse(struct produce *p, const struct jd_history *file, const char *reason, const char *message)
{
    p->refused++;
    if (p->refused <= BAD_LINES_SHOWN) {
        fprintf(stderr, "%s:%llu: %s%s%s\n", jd_history_path(file),
                (unsigned long long)jd_history_number(file), reason, *message != '\0' ? ": " : "", message);
    }
}

/* One record a partition of the events topic: `clock: record` moves to `to` when it is read. */
static bool send_clock(struct produce *p, jd_time to)
{
    const struct jd_input input = {.kind = JD_INPUT_CLOCK, .effective = to, .stamp = to};
    struct jd_outgoing out;
    jd_wire_input(&input, JD_ENCODING_JSON, 0, &p->arena, &out);
    bool ok = true;
    for (int32_t i = 0; ok && i < p->topics[p->index_of[0]].partitions; i++) {
        const struct jd_record_out record = {.topic = (uint32_t)p->index_of[0],
                                             .partition = i,
                                             .key = out.key,
                                             .value = out.value,
                                             .headers = out.headers,
                                             .header_count = out.header_count,
                                             .timestamp = JD_TIME_NONE};
        ok = send(p, &record);
    }
    return ok;
}

/* An event of a type that the daemon ignores: it goes where its physician's events go, as it is. */
static bool send_ignored(struct produce *p, const struct jd_history *file, struct jd_str text,
                         const struct jd_header *structured)
{
    json_t *event = jd_history_is_text(file) ? json_loadb(text.ptr, text.size, 0, NULL) : NULL;
    const json_t *key = json_object_get(json_object_get(event, "data"), "hcp_id");
    bool ok = true;
    if (!jd_history_is_text(file)) {
        refuse(p, file, "filtered", "its type is one that is ignored");
    } else if (!json_is_string(key)) {
        refuse(p, file, jd_refusal_text(JD_REFUSED_NULL_KEY), "an event of an ignored type without hcp_id");
    } else {
        struct jd_record_out record = {.topic = (uint32_t)p->index_of[0],
                                       .key = {json_string_value(key), (uint32_t)json_string_length(key)},
                                       .value = text,
                                       .headers = structured,
                                       .header_count = 1,
                                       .timestamp = JD_TIME_NONE};
        record.partition = partition_of(p, record.key, p->topics[p->index_of[0]].partitions);
        ok = send(p, &record);
    }
    json_decref(event);
    return ok;
}

static bool send_line(struct produce *p, const struct jd_history *file, struct jd_str text)
{
    static const struct jd_header structured = {.name = {"content-type", 12},
                                                .value = {"application/cloudevents+json", 28}};
    struct jd_decoded decoded;
    const enum jd_wire_result result = jd_history_decode(file, p->wire, text, &p->arena, &decoded);
    if (result != JD_WIRE_INPUT && result != JD_WIRE_FILTERED) {
        refuse(p, file, decoded.reject.reason, decoded.reject.message);
        return true;
    }
    if (result == JD_WIRE_FILTERED) {
        return send_ignored(p, file, text, &structured);
    }
    if (decoded.input.kind == JD_INPUT_CLOCK) {
        return send_clock(p, decoded.input.stamp);
    }
    const int role = role_of(&decoded.input);
    if (p->index_of[role] < 0) {
        refuse(p, file, "no topic", "the configuration names none for this kind of record");
        return true;
    }
    const struct jd_topic_limit *topic = &p->topics[p->index_of[role]];
    struct jd_record_out record = {.topic = (uint32_t)p->index_of[role], .timestamp = JD_TIME_NONE};
    struct jd_outgoing out;
    if (p->encoding == AS_STRUCTURED && jd_history_is_text(file)) {
        record.key = decoded.input.key;
        record.value = text;
        record.headers = &structured;
        record.header_count = 1;
    } else {
        jd_wire_input(&decoded.input, p->encoding == AS_AVRO ? JD_ENCODING_AVRO : JD_ENCODING_JSON,
                      p->schema_ids[role], &p->arena, &out);
        record.key = out.key;
        record.value = out.value;
        record.headers = out.headers;
        record.header_count = out.header_count;
    }
    record.partition = partition_of(p, decoded.input.key, topic->partitions);
    return send(p, &record);
}

static bool send_file(struct produce *p, const char *path)
{
    struct jd_history *file = jd_history_open(path, p->err);
    if (file == NULL) {
        return false;
    }
    bool ok = true;
    enum jd_line_kind kind = JD_LINE_TEXT;
    while (ok && kind != JD_LINE_END) {
        struct jd_str text = {0};
        kind = jd_history_next(file, &text, p->err);
        if (kind == JD_LINE_TEXT) {
            ok = send_line(p, file, text);
        } else if (kind == JD_LINE_TOO_LONG) {
            refuse(p, file, jd_refusal_text(JD_REFUSED_TOO_LARGE), "");
        } else if (kind == JD_LINE_BROKEN) {
            ok = false;
        }
        jd_arena_reset(&p->arena);
        keep_rate(p);
        if (p->sent % PROGRESS_EVERY == 0) {
            jd_progress_show(&p->progress, p->sent, jd_history_share(file));
        }
    }
    jd_history_close(file);
    return ok;
}

static bool flush(struct produce *p)
{
    enum jd_kafka_status status = JD_KAFKA_RETRY;
    const int64_t end = jd_clock_mono() + p->session.settings->start_timeout_ms;
    while (status == JD_KAFKA_RETRY && jd_clock_mono() < end) {
        status = jd_producer_flush(p->producer, 1000, p->err);
    }
    if (status == JD_KAFKA_RETRY) {
        return jd_error_set(p->err, JD_EXIT_UNAVAILABLE,
                            "the brokers did not acknowledge all of %" PRIu64 " records", p->sent);
    }
    return status == JD_KAFKA_OK;
}

/* ---- the command ------------------------------------------------------------------------------------ */

static bool check_arguments(const struct arguments *arguments, jd_time *advance, struct jd_error *err)
{
    if ((arguments->files.count == 0) == (arguments->advance == NULL)) {
        return jd_error_set(err, JD_EXIT_USAGE, "give either --file or --advance");
    }
    return arguments->advance == NULL || jd_time_parse(jd_str_of(arguments->advance), advance) ||
           jd_error_set(err, JD_EXIT_USAGE, "--advance: \"%s\" is not a time such as 2026-03-04T10:00:00Z",
                        arguments->advance);
}

static enum jd_exit run(const void *arguments_given, const struct jd_words *operands, struct jd_error *err)
{
    (void)operands; /* none: the table says so */
    struct produce p = {.arguments = arguments_given, .err = err};
    jd_time advance = JD_TIME_NONE;
    if (!check_arguments(p.arguments, &advance, err)) {
        return JD_EXIT_USAGE;
    }
    jd_arena_init(&p.arena, (size_t)64 << 20);
    bool ok = open_all(&p);
    jd_progress_start(&p.progress, "records");
    for (size_t i = 0; ok && i < p.arguments->files.count; i++) {
        ok = send_file(&p, p.arguments->files.items[i]);
    }
    ok = ok && (p.arguments->advance == NULL || send_clock(&p, advance)) && flush(&p);
    const double seconds = jd_progress_end(&p.progress);
    if (ok) {
        printf("%" PRIu64 " records in %.1f s, all acknowledged", p.sent, seconds);
        if (p.refused > 0) {
            printf("; %" PRIu64 " lines refused", p.refused);
        }
        putchar('\n');
    }
    const uint64_t refused = p.refused;
    close_all(&p);
    if (!ok) {
        return err->code;
    }
    return refused == 0 ? JD_EXIT_OK : JD_EXIT_DATA;
}

static const struct jd_option options[] = {
    {JD_OPTION_TEXT, true, "config", "F", "the daemon's configuration", offsetof(struct arguments, config), 0,
     0},
    {JD_OPTION_WORDS, false, "file", "FILE",
     "JSON lines or an Avro container file, plain or .gz; - is standard input",
     offsetof(struct arguments, files), 0, 0},
    {JD_OPTION_TEXT, false, "advance", "T",
     "one record clock.advanced a partition, which moves `clock: record` to T",
     offsetof(struct arguments, advance), 0, 0},
    {JD_OPTION_TEXT, false, "encoding", "E",
     "structured (the line as it is), json or avro (binary mode); default structured",
     offsetof(struct arguments, encoding), 0, 0},
    {JD_OPTION_INT, false, "rate", "N", "at most N records a second", offsetof(struct arguments, rate), 1,
     RATE_MAX},
    {JD_OPTION_END, false, NULL, NULL, NULL, 0, 0, 0},
};

const struct jd_command jd_produce_command = {
    .name = "produce",
    .usage = "--config F --file FILE... [--encoding E] [--rate N] | --config F --advance T",
    .summary = "Write events and profiles from files to the input topics",
    .details =
        "A line is one structured-mode CloudEvent; lines of type hcp.profile and account.profile go to the\n"
        "profiles' topics. A line that the daemon would refuse is named and left out; then the exit code is "
        "65.\n",
    .options = options,
    .arguments_size = sizeof(struct arguments),
    .run = run,
};

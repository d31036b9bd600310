/* Every option of the daemon: one row each. README's table and config/journeyd.yaml are printed from here. */
#include "policy/settings_table.h"

#include <string.h>

#define AT(member) offsetof(struct jd_settings, member)
#define MIB (INT64_C(1) << 20)
#define GIB (INT64_C(1) << 30)

static const char *const clocks[] = {"wall", "record", NULL};
static const char *const starts[] = {"earliest", "latest", NULL};
static const char *const losses[] = {"fail", "rebuild", NULL};
static const char *const encodings_in[] = {"auto", "json", "avro", NULL};
static const char *const encodings_out[] = {"json", "avro", NULL};
static const char *const partitioners[] = {"murmur2", "crc32", NULL};
static const char *const levels[] = {"debug", "info", "warn", "error", NULL};
static const char *const formats[] = {"logfmt", "json", NULL};

/* clang-format off: a table reads better in its own shape */
const struct jd_setting_row jd_setting_rows[] = {
    {"", "group", JD_SETTING_NAME, AT(group), .value = "journeyd",
     .help = "Name of the consumer group; it also names the state in Redis and the internal topics. "
             "Instances of one group share the work."},
    {"", "instance", JD_SETTING_NAME, AT(instance), .value = "a",
     .help = "Name of this process within the group. Two processes of one name fence each other."},
    {"", "workers", JD_SETTING_COUNT, AT(workers), 1, 64, "2",
     .help = "Threads, each with its own consumer, producer and Redis connection."},
    {"", "clock", JD_SETTING_CHOICE, AT(clock), .value = "wall", .choices = clocks,
     .help = "What moves time: the wall clock (live), or the records' own times (history, demonstration)."},
    {"", "commit_interval", JD_SETTING_DURATION, AT(commit_interval_ms), 1, 10 * JD_SECOND, "50ms",
     .help = "How long a batch gathers records before it commits. Latency is about twice this."},
    {"", "start", JD_SETTING_CHOICE, AT(start), .value = "earliest", .choices = starts,
     .help = "Where a shard without a journal begins to read."},
    {"", "start_timeout", JD_SETTING_DURATION, AT(start_timeout_ms), JD_SECOND, JD_HOUR, "30s",
     .help =
         "How long the start waits for Kafka, Redis and the registry before it gives up with exit code 69."},
    {"", "tick_lag", JD_SETTING_DURATION, AT(tick_lag_ms), 0, JD_MINUTE, "1s",
     .help = "Timers fire this long after their time, so that records under way come first. Only with clock: "
             "wall."},
    {"", "max_clock_skew", JD_SETTING_DURATION, AT(max_clock_skew_ms), JD_SECOND, JD_HOUR, "60s",
     .help =
         "A wall clock that strays further from the monotonic clock or from that of Redis pauses the shard."},
    {"", "max_record_bytes", JD_SETTING_SIZE, AT(max_record_bytes), 1024, 64 * MIB, "1MiB",
     .help = "Larger input records go to the dead-letter topic unread."},
    {"", "create_topics", JD_SETTING_TRUTH, AT(create_topics), .value = "false",
     .help = "Create missing output and internal topics, with as many partitions as the events topic has."},
    {"", "on_state_loss", JD_SETTING_CHOICE, AT(on_state_loss), .value = "fail", .choices = losses,
     .help = "When Redis is empty but there is a journal: stop and say so, or rebuild the state from the "
             "journal."},
    {"", "partitioner", JD_SETTING_CHOICE, AT(partitioner), .value = "murmur2", .choices = partitioners,
     .help = "How producers choose a key's partition: murmur2 (Java, librdkafka's murmur2_random) or crc32 "
             "(librdkafka's consistent_random)."},
    {"", "http", JD_SETTING_LOOPBACK, AT(http), .value = "127.0.0.1:9464",
     .help = "Where /metrics, /healthz and /readyz are served, on this machine only; none: nowhere."},

    {"topics", "engagement.events", JD_SETTING_TOPIC, AT(topics.events), .value = "engagement.events",
     .help = "Input: engagement events."},
    {"topics", "hcp.profiles", JD_SETTING_TOPIC_OR_NONE, AT(topics.hcp_profiles), .value = "hcp.profiles",
     .help = "Input: physicians' profiles."},
    {"topics", "account.profiles", JD_SETTING_TOPIC_OR_NONE, AT(topics.account_profiles),
     .value = "account.profiles", .help = "Input: accounts' profiles."},
    {"topics", "conflict.alerts", JD_SETTING_TOPIC, AT(topics.alerts), .value = "conflict.alerts",
     .help = "Output: alerts, complete, for compliance."},
    {"topics", "conflict.alerts.commercial", JD_SETTING_TOPIC, AT(topics.alerts_commercial),
     .value = "conflict.alerts.commercial", .help = "Output: alerts, as commercial readers may see them."},
    {"topics", "conflict.alerts.medical", JD_SETTING_TOPIC, AT(topics.alerts_medical),
     .value = "conflict.alerts.medical", .help = "Output: alerts, as medical readers may see them."},
    {"topics", "conflict.alerts.shadow", JD_SETTING_TOPIC, AT(topics.alerts_shadow),
     .value = "conflict.alerts.shadow",
     .help = "Output: alerts of rules in mode shadow, complete, for trial."},
    {"topics", "channel.triggers.commercial", JD_SETTING_TOPIC, AT(topics.triggers_commercial),
     .value = "channel.triggers.commercial", .help = "Output: triggers for owners of a commercial role."},
    {"topics", "channel.triggers.medical", JD_SETTING_TOPIC, AT(topics.triggers_medical),
     .value = "channel.triggers.medical", .help = "Output: triggers for owners of a medical role."},
    {"topics", "decisions", JD_SETTING_TOPIC, AT(topics.decisions), .value = "decisions",
     .help = "Output: one record a decision, with every candidate."},
    {"topics", "touches", JD_SETTING_TOPIC, AT(topics.touches), .value = "<group>.touches",
     .help = "Internal: what other keys' shards must know."},
    {"topics", "journal", JD_SETTING_TOPIC, AT(topics.journal), .value = "<group>.journal",
     .help = "Internal: the journal. Never let it expire: it is what state is rebuilt from."},
    {"topics", "journeyd.policies", JD_SETTING_TOPIC, AT(topics.policies), .value = "journeyd.policies",
     .help = "Internal: published policies; one partition, compacted."},
    {"topics", "engagement.events.dlq", JD_SETTING_TOPIC, AT(topics.events_dlq),
     .value = "<engagement.events>.dlq", .help = "Output: refused events."},
    {"topics", "hcp.profiles.dlq", JD_SETTING_TOPIC, AT(topics.hcp_profiles_dlq),
     .value = "<hcp.profiles>.dlq", .help = "Output: refused profiles of physicians."},
    {"topics", "account.profiles.dlq", JD_SETTING_TOPIC, AT(topics.account_profiles_dlq),
     .value = "<account.profiles>.dlq", .help = "Output: refused profiles of accounts."},
    {"topics", "touches.dlq", JD_SETTING_TOPIC, AT(topics.touches_dlq), .value = "<touches>.dlq",
     .help = "Output: refused touches."},

    {"redis", "url", JD_SETTING_REDIS, AT(redis.url), .required = true,
     .help = "redis://host:port or unix:/path. The Redis must not evict keys (noeviction or volatile-*)."},
    {"redis", "user", JD_SETTING_TEXT, AT(redis.user), .help = "User of Redis' access control list."},
    {"redis", "password_file", JD_SETTING_SECRET, AT(redis.password),
     .help = "File that holds the password."},
    {"redis", "flush_interval", JD_SETTING_DURATION, AT(redis.flush_interval_ms), 10, JD_MINUTE, "250ms",
     .help = "How often changed states are written to Redis."},
    {"redis", "timeout", JD_SETTING_DURATION, AT(redis.timeout_ms), 100, JD_MINUTE, "5s",
     .help = "How long to wait for a connection and for each reply."},

    {"registry", "url", JD_SETTING_URL, AT(registry.url),
     .help = "Schema registry, http or https, with or without a path. Needed for Avro with the registry's "
             "framing."},
    {"registry", "user", JD_SETTING_TEXT, AT(registry.user), .help = "User for HTTP basic authentication."},
    {"registry", "password_file", JD_SETTING_SECRET, AT(registry.password),
     .help = "File that holds the password."},
    {"registry", "timeout", JD_SETTING_DURATION, AT(registry.timeout_ms), 100, JD_MINUTE, "5s",
     .help = "How long one request may take."},

    {"encoding", "in", JD_SETTING_CHOICE, AT(encoding.in), .value = "auto", .choices = encodings_in,
     .help = "How input values are encoded; auto goes by the content type, then by the first byte."},
    {"encoding", "out", JD_SETTING_CHOICE, AT(encoding.out), JD_SETTING_ENCODING_JSON, .value = "json",
     .choices = encodings_out, .help = "How output values are encoded; avro needs a registry."},
    {"encoding", "events_schema", JD_SETTING_FILE, AT(encoding.events_schema),
     .help = "Avro schema of events that come without the registry's framing."},
    {"encoding", "hcp_profiles_schema", JD_SETTING_FILE, AT(encoding.hcp_profiles_schema),
     .help = "The same for physicians' profiles."},
    {"encoding", "account_profiles_schema", JD_SETTING_FILE, AT(encoding.account_profiles_schema),
     .help = "The same for accounts' profiles."},

    {"limits", "unflushed_states", JD_SETTING_COUNT, AT(limits.unflushed_states), 1000, 100000000, "1000000",
     .help = "States that a worker may have changed and not yet written to Redis; then it stops reading."},
    {"limits", "unflushed_bytes", JD_SETTING_SIZE, AT(limits.unflushed_bytes), MIB, 64 * GIB, "256MiB",
     .help = "The same in bytes."},
    {"limits", "queue_bytes", JD_SETTING_SIZE, AT(limits.queue_bytes), 64 * 1024, 2 * GIB - MIB, "4MiB",
     .help = "Fetched and not yet decided, a partition; Kafka is not asked for more until there is room."},
    {"limits", "batch_records", JD_SETTING_COUNT, AT(limits.batch_records), 1, 1000000, "10000",
     .help = "A batch ends at so many records."},
    {"limits", "batch_changes", JD_SETTING_COUNT, AT(limits.batch_changes), 100, 1000000, "50000",
     .help = "A batch ends at so many changes of state."},
    {"limits", "batch_timers", JD_SETTING_COUNT, AT(limits.batch_timers), 1, 1000000, "20000",
     .help = "A batch ends at so many timers."},
    {"limits", "batch_bytes", JD_SETTING_SIZE, AT(limits.batch_bytes), 64 * 1024, GIB, "16MiB",
     .help = "A batch ends at so many bytes of changes and effects."},
    {"limits", "memory", JD_SETTING_SIZE, AT(limits.memory_bytes), 0, 1024 * GIB, "0",
     .help = "Bytes that all states of the process may take; then it stops reading. 0: no limit."},

    {"retry", "backoff", JD_SETTING_DURATION, AT(retry.backoff_ms), 1, JD_MINUTE, "100ms",
     .help =
         "Pause after the first failure of a call that is tried again; it doubles with each further one."},
    {"retry", "backoff_max", JD_SETTING_DURATION, AT(retry.backoff_max_ms), 1, 10 * JD_MINUTE, "5s",
     .help = "The longest such pause."},

    {"log", "level", JD_SETTING_CHOICE, AT(log.level), .value = "info", .choices = levels,
     .help = "The least urgent lines that are written."},
    {"log", "format", JD_SETTING_CHOICE, AT(log.format), .value = "logfmt", .choices = formats,
     .help = "How lines look, on standard error."},
};
/* clang-format on */
const uint32_t jd_setting_row_count = JD_COUNT(jd_setting_rows);

/* NULL where it has none. */
static const char *section_help(const char *section)
{
    static const char *const help[][2] = {
        {"topics",
         "Names of the topics. The two of profiles may be `none`, by all instances of the group alike."},
        {"redis", "Where states are written to. A cluster works: each shard is in one slot."},
        {"registry", "Leave the section out when no input or output needs a schema registry."},
        {"encoding", "Values of records."},
        {"limits", "Bounds on memory and on work not yet written."},
        {"retry", "How calls that failed for a while are tried again."},
        {"log", "Log lines."},
    };
    for (size_t i = 0; i < JD_COUNT(help); i++)
        if (strcmp(help[i][0], section) == 0)
            return help[i][1];
    return NULL;
}

static const char *const kafka_help =
    "Any property of librdkafka. Secrets (sasl.password, ssl.key.password, ...) are named by a file: "
    "sasl.password_file. bootstrap.servers is needed.";

void jd_setting_print_range(FILE *out, const struct jd_setting_row *row)
{
    static const struct {
        enum jd_setting_kind kind;
        const char *unit;
        int64_t factor;
    } units[] = {{JD_SETTING_DURATION, "h", JD_HOUR},
                 {JD_SETTING_DURATION, "m", JD_MINUTE},
                 {JD_SETTING_DURATION, "s", JD_SECOND},
                 {JD_SETTING_DURATION, "ms", 1},
                 {JD_SETTING_SIZE, "GiB", GIB},
                 {JD_SETTING_SIZE, "MiB", MIB},
                 {JD_SETTING_SIZE, "KiB", 1024},
                 {JD_SETTING_SIZE, "", 1},
                 {JD_SETTING_COUNT, "", 1}};
    const int64_t ends[] = {row->min, row->max};
    for (size_t end = 0; end < 2; end++) {
        size_t i = 0;
        while (units[i].kind != row->kind || ends[end] % units[i].factor != 0 ||
               (ends[end] == 0 && units[i].factor != 1))
            i++;
        (void)fprintf(out, "%s%lld%s", end > 0 ? " to " : "", (long long)(ends[end] / units[i].factor),
                      units[i].unit);
    }
}

/* What may be written there, as words. */
static void print_kind(FILE *out, const struct jd_setting_row *row)
{
    switch (row->kind) {
    case JD_SETTING_NAME:
        (void)fputs("name", out);
        return;
    case JD_SETTING_TEXT:
        (void)fputs("text", out);
        return;
    case JD_SETTING_COUNT:
    case JD_SETTING_SIZE:
    case JD_SETTING_DURATION:
        jd_setting_print_range(out, row);
        return;
    case JD_SETTING_CHOICE:
        for (const char *const *choice = row->choices; *choice != NULL; choice++)
            (void)fprintf(out, "%s%s", choice == row->choices ? "" : ", ", *choice);
        return;
    case JD_SETTING_TRUTH:
        (void)fputs("true, false", out);
        return;
    case JD_SETTING_TOPIC:
        (void)fputs("topic", out);
        return;
    case JD_SETTING_TOPIC_OR_NONE:
        (void)fputs("topic, none", out);
        return;
    case JD_SETTING_LOOPBACK:
        (void)fputs("host:port, none", out);
        return;
    case JD_SETTING_REDIS:
    case JD_SETTING_URL:
        (void)fputs("URL", out);
        return;
    case JD_SETTING_FILE:
    case JD_SETTING_SECRET:
        (void)fputs("file", out);
        return;
    }
}

void jd_settings_reference(FILE *out)
{
    (void)fputs("| option | values | default | meaning |\n|---|---|---|---|\n", out);
    for (uint32_t i = 0; i < jd_setting_row_count; i++) {
        const struct jd_setting_row *row = &jd_setting_rows[i];
        if (strcmp(row->section, "topics") == 0 && (i == 0 || jd_setting_rows[i - 1].section != row->section))
            (void)fprintf(out, "| `kafka` | properties | | %s |\n", kafka_help);
        (void)fprintf(out, "| `%s%s%s` | ", row->section, row->section[0] != '\0' ? ": " : "", row->name);
        print_kind(out, row);
        if (row->required)
            (void)fputs(" | required |", out);
        else if (row->value != NULL)
            (void)fprintf(out, " | `%s` |", row->value);
        else
            (void)fputs(" | none |", out);
        (void)fprintf(out, " %s |\n", row->help);
    }
}

/* A sentence as comment lines of at most 100 columns. */
static void print_comment(FILE *out, const char *indent, const char *text)
{
    enum { WIDTH = 100 };
    while (*text != '\0') {
        size_t size = strlen(text), room = WIDTH - strlen(indent) - 2;
        if (size > room) {
            size = room;
            while (size > 0 && text[size] != ' ')
                size--;
        }
        (void)fprintf(out, "%s# %.*s\n", indent, (int)size, text);
        text += size;
        text += *text == ' ';
    }
}

static void print_example(FILE *out, const struct jd_setting_row *row, const char *indent)
{
    print_comment(out, indent, row->help);
    (void)fprintf(out, "%s# Values: ", indent);
    print_kind(out, row);
    (void)fputc('\n', out);
    if (row->required)
        (void)fprintf(out, "%s%s: redis://127.0.0.1:6379\n", indent, row->name);
    else
        (void)fprintf(out, "%s# %s:%s%s\n", indent, row->name, row->value != NULL ? " " : "",
                      row->value != NULL ? row->value : "");
}

void jd_settings_example(FILE *out)
{
    print_comment(out, "",
                  "Configuration of journeyd: every option with its default. What is commented out has "
                  "the value shown. A variable JOURNEYD_<OPTION> or JOURNEYD_<SECTION>__<OPTION> of the "
                  "environment wins (upper case, '.' as '_'): JOURNEYD_KAFKA__BOOTSTRAP_SERVERS. "
                  "`journeyd check --config FILE` says everything that is wrong with it.");
    const char *section = "";
    for (uint32_t i = 0; i < jd_setting_row_count; i++) {
        const struct jd_setting_row *row = &jd_setting_rows[i];
        (void)fputc('\n', out);
        if (strcmp(row->section, section) != 0) {
            if (section[0] == '\0') { /* kafka stands before the other sections */
                print_comment(out, "", kafka_help);
                (void)fputs("kafka:\n  bootstrap.servers: 127.0.0.1:9092\n\n", out);
            }
            section = row->section;
            print_comment(out, "", section_help(section));
            (void)fprintf(out, "%s:\n", section);
        }
        const char *indent = section[0] == '\0' ? "" : "  ";
        print_example(out, row, indent);
    }
}

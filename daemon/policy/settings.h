/* The daemon's configuration: one YAML file and the environment, read through one table.
 *
 * The table (settings_table.c) has a row an option: section, name, type, range, default, help. The
 * parser, its errors, the override by environment, the options reference and config/journeyd.yaml derive
 * from it; who adds an option adds a row there and a member here.
 *
 * Environment: JOURNEYD_<NAME> or JOURNEYD_<SECTION>__<NAME>, upper case, '.' as '_':
 * JOURNEYD_KAFKA__BOOTSTRAP_SERVERS=broker:9092. A variable wins over the file. */
#ifndef JOURNEYD_POLICY_SETTINGS_H
#define JOURNEYD_POLICY_SETTINGS_H

#include "base/log.h"
#include "policy/diagnostics.h"

enum jd_setting_clock { JD_CLOCK_WALL = 1, JD_CLOCK_RECORD };
enum jd_setting_start { JD_START_EARLIEST = 1, JD_START_LATEST };
enum jd_setting_loss { JD_LOSS_FAIL = 1, JD_LOSS_REBUILD };
enum jd_setting_encoding { JD_SETTING_ENCODING_AUTO = 1, JD_SETTING_ENCODING_JSON, JD_SETTING_ENCODING_AVRO };
enum jd_setting_partitioner { JD_PARTITIONER_MURMUR2 = 1, JD_PARTITIONER_CRC32 };

/* A librdkafka property, passed through. A secret's value comes from the file that `<name>_file` names. */
struct jd_kafka_setting {
    struct jd_str name, value; /* each ends with a NUL */
    struct jd_place place;
    bool secret; /* never print the value */
};

/* All texts end with a NUL and live with the settings. Absent (ptr NULL) only where it says so. Durations
 * in ms, sizes in bytes. */
struct jd_settings {
    struct jd_str group, instance;
    int64_t workers;
    enum jd_setting_clock clock;
    int64_t commit_interval_ms;
    enum jd_setting_start start;
    int64_t start_timeout_ms, tick_lag_ms, max_clock_skew_ms;
    int64_t max_record_bytes;
    bool create_topics;
    enum jd_setting_loss on_state_loss;
    enum jd_setting_partitioner partitioner;
    struct jd_str http; /* host:port; absent: none */

    const struct jd_kafka_setting
        *kafka; /* in the order written, those of the environment last; unique names */
    uint32_t kafka_count;

    /* Names on the broker; an optional one that is `none` is absent, and so is its dead-letter topic. */
    struct {
        struct jd_str events, hcp_profiles, account_profiles; /* profiles: optional */
        struct jd_str alerts, alerts_commercial, alerts_medical, alerts_shadow;
        struct jd_str triggers_commercial, triggers_medical, decisions;
        struct jd_str touches, journal, policies;
        struct jd_str events_dlq, hcp_profiles_dlq, account_profiles_dlq, touches_dlq;
    } topics;

    struct {
        struct jd_str url;  /* as written */
        struct jd_str host; /* absent with a socket */
        uint16_t port;
        struct jd_str socket;   /* path of a Unix socket; absent with a host */
        struct jd_str user;     /* may be absent */
        struct jd_str password; /* content of password_file; may be absent */
        int64_t flush_interval_ms;
        int64_t timeout_ms; /* to connect, and of each command */
    } redis;

    struct {
        struct jd_str url;      /* absent: no registry */
        int64_t timeout_ms;     /* of one request */
        struct jd_str user;     /* HTTP basic authentication; may be absent */
        struct jd_str password; /* content of password_file; may be absent */
    } registry;

    struct {
        enum jd_setting_encoding in, out;                                          /* out: JSON or AVRO */
        struct jd_str events_schema, hcp_profiles_schema, account_profiles_schema; /* files; may be absent */
    } encoding;

    struct {
        int64_t unflushed_states, unflushed_bytes; /* committed, not yet in Redis; of a worker */
        int64_t queue_bytes;                       /* fetched, not yet decided; of a partition */
        int64_t batch_records, batch_changes, batch_timers, batch_bytes;
        int64_t memory_bytes; /* of all states of the process; 0: no limit */
    } limits;

    struct {
        int64_t backoff_ms, backoff_max_ms; /* pause after a failed call: doubles from one to the other */
    } retry;

    struct {
        enum jd_log_level level;
        enum jd_log_format format;
    } log;
};

struct jd_settings_file; /* owns the settings */

/* Reads `path` (NULL: defaults and environment alone) and the environment (NULL-terminated "NAME=value";
 * NULL: none). NULL when there was an error; all problems are in `problems`. Owned: jd_settings_free. */
struct jd_settings_file *jd_settings_load(const char *path, char *const *environment,
                                          struct jd_diagnostics *problems);
void jd_settings_free(struct jd_settings_file *file); /* NULL is fine; secrets are wiped */
const struct jd_settings *jd_settings_of(const struct jd_settings_file *file);

/* All options as a Markdown table (README), and as a commented file (config/journeyd.yaml). */
void jd_settings_reference(FILE *out);
void jd_settings_example(FILE *out);

#endif

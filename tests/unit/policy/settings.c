/* The configuration: values from file, environment and defaults; every mistake at its place. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <criterion/criterion.h>

#include "base/str.h"
#include "policy/settings.h"
#include "policy/settings_table.h"
#include "support.h"

TestSuite(settings, .fini = scratch_done);

#define SMALL "kafka: { bootstrap.servers: broker:9092 }\nredis: { url: redis://cache:6380 }\n"

#define V(text) ((char[]){text}) /* a variable, in the form of environ */

static struct jd_settings_file *load(const char *text, char *const *environment,
                                     struct jd_diagnostics *problems)
{
    jd_diagnostics_init(problems);
    return jd_settings_load(text != NULL ? scratch_text("journeyd.yaml", text) : NULL, environment, problems);
}

#define cr_expect_text(actual, expected)                                                                     \
    cr_expect(jd_str_eq((actual), jd_str_of(expected)), "found \"" JD_STR_FMT "\", want \"%s\"",             \
              JD_STR_ARG(actual), expected)

Test(settings, defaults_are_those_of_the_design)
{
    struct jd_diagnostics problems;
    struct jd_settings_file *file = load(SMALL, NULL, &problems);
    cr_assert_not_null(file);
    const struct jd_settings *s = jd_settings_of(file);
    cr_expect_text(s->group, "journeyd");
    cr_expect_text(s->instance, "a");
    cr_expect_eq(s->workers, 2);
    cr_expect_eq(s->clock, JD_CLOCK_WALL);
    cr_expect_eq(s->commit_interval_ms, 50);
    cr_expect_eq(s->start, JD_START_EARLIEST);
    cr_expect_eq(s->start_timeout_ms, 30000);
    cr_expect_eq(s->tick_lag_ms, 1000);
    cr_expect_eq(s->max_clock_skew_ms, 60000);
    cr_expect_eq(s->max_record_bytes, 1 << 20);
    cr_expect_not(s->create_topics);
    cr_expect_eq(s->on_state_loss, JD_LOSS_FAIL);
    cr_expect_eq(s->partitioner, JD_PARTITIONER_MURMUR2);
    cr_expect_text(s->http, "127.0.0.1:9464");
    cr_expect_eq(s->encoding.in, JD_SETTING_ENCODING_AUTO);
    cr_expect_eq(s->encoding.out, JD_SETTING_ENCODING_JSON);
    cr_expect_eq(s->redis.flush_interval_ms, 250);
    cr_expect_text(s->redis.host, "cache");
    cr_expect_eq(s->redis.port, 6380);
    cr_expect_null(s->redis.socket.ptr);
    cr_expect_null(s->redis.password.ptr);
    cr_expect_null(s->registry.url.ptr);
    cr_expect_eq(s->log.level, JD_LOG_INFO);
    cr_expect_eq(s->log.format, JD_LOG_LOGFMT);
    cr_expect_text(s->topics.events, "engagement.events");
    cr_expect_text(s->topics.journal, "journeyd.journal");
    cr_expect_text(s->topics.touches_dlq, "journeyd.touches.dlq");
    cr_expect_eq(s->kafka_count, 1);
    cr_expect_eq(problems.count, 0);
    jd_settings_free(file);
    jd_diagnostics_done(&problems);
}

Test(settings, names_of_topics_follow_group_and_inputs)
{
    struct jd_diagnostics problems;
    struct jd_settings_file *file =
        load(SMALL "group: g2\n"
                   "topics: { engagement.events: ev, hcp.profiles: none, journal: j }\n",
             NULL, &problems);
    cr_assert_not_null(file);
    const struct jd_settings *s = jd_settings_of(file);
    cr_expect_text(s->topics.events, "ev");
    cr_expect_text(s->topics.events_dlq, "ev.dlq");
    cr_expect_null(s->topics.hcp_profiles.ptr);
    cr_expect_null(s->topics.hcp_profiles_dlq.ptr);
    cr_expect_text(s->topics.journal, "j");
    cr_expect_text(s->topics.touches, "g2.touches");
    jd_settings_free(file);
    jd_diagnostics_done(&problems);
}

Test(settings, environment_wins_and_spells_dots_as_underscores)
{
    char *environment[] = {V("PATH=/bin"),
                           V("JOURNEYD_GROUP=other"),
                           V("JOURNEYD_KAFKA__BOOTSTRAP_SERVERS=a:1,b:2"),
                           V("JOURNEYD_KAFKA__CLIENT_ID=me"),
                           V("JOURNEYD_REDIS__URL=unix:/run/redis.sock"),
                           V("JOURNEYD_TOPICS__ENGAGEMENT_EVENTS=ev"),
                           V("JOURNEYD_TOPICS__HCP_PROFILES=none"),
                           V("JOURNEYD_HTTP=none"),
                           V("JOURNEYD_ON_STATE_LOSS=rebuild"),
                           NULL};
    struct jd_diagnostics problems;
    struct jd_settings_file *file = load(SMALL "topics: { hcp.profiles: p }\n", environment, &problems);
    cr_assert_not_null(file);
    const struct jd_settings *s = jd_settings_of(file);
    cr_expect_text(s->group, "other");
    cr_assert_eq(s->kafka_count, 2);
    cr_expect_text(s->kafka[0].name, "bootstrap.servers");
    cr_expect_text(s->kafka[0].value, "a:1,b:2");
    cr_expect_text(s->kafka[1].name, "client.id");
    cr_expect_text(s->redis.socket, "/run/redis.sock");
    cr_expect_null(s->redis.host.ptr);
    cr_expect_text(s->topics.events, "ev");
    cr_expect_text(s->topics.events_dlq, "ev.dlq");
    cr_expect_null(s->topics.hcp_profiles.ptr);
    cr_expect_null(s->http.ptr);
    cr_expect_eq(s->on_state_loss, JD_LOSS_REBUILD);
    jd_settings_free(file);
    jd_diagnostics_done(&problems);
}

Test(settings, environment_alone_is_enough)
{
    char *environment[] = {V("JOURNEYD_KAFKA__BOOTSTRAP_SERVERS=a:1"), V("JOURNEYD_REDIS__URL=redis://h:1"),
                           NULL};
    struct jd_diagnostics problems;
    struct jd_settings_file *file = load(NULL, environment, &problems);
    cr_expect_not_null(file);
    jd_settings_free(file);
    jd_diagnostics_done(&problems);
}

Test(settings, secrets_come_from_files)
{
    char password[1024], text[4096];
    (void)snprintf(password, sizeof password, "%s", scratch_text("password", "s3cret: x\r\n"));
    (void)snprintf(text, sizeof text,
                   "kafka: { bootstrap.servers: b:1, sasl.password_file: %s }\n"
                   "redis: { url: redis://h:1, user: u, password_file: %s }\n",
                   password, password);
    struct jd_diagnostics problems;
    struct jd_settings_file *file = load(text, NULL, &problems);
    cr_assert_not_null(file);
    const struct jd_settings *s = jd_settings_of(file);
    cr_expect_text(s->redis.password, "s3cret: x");
    cr_expect_eq(s->redis.password.ptr[s->redis.password.size], '\0');
    cr_expect_text(s->kafka[1].name, "sasl.password");
    cr_expect_text(s->kafka[1].value, "s3cret: x");
    cr_expect(s->kafka[1].secret);
    cr_expect_eq(problems.count, 0);
    jd_settings_free(file);
    jd_diagnostics_done(&problems);

    char variable[2048];
    (void)snprintf(variable, sizeof variable, "JOURNEYD_KAFKA__SASL_PASSWORD_FILE=%s", password);
    char *environment[] = {variable, NULL};
    file = load(SMALL, environment, &problems);
    cr_assert_not_null(file);
    cr_expect_text(jd_settings_of(file)->kafka[1].name, "sasl.password");
    cr_expect_text(jd_settings_of(file)->kafka[1].value, "s3cret: x");
    jd_settings_free(file);
    jd_diagnostics_done(&problems);

    cr_assert_eq(chmod(password, 0644), 0);
    file = load(text, NULL, &problems);
    cr_expect_not_null(file, "a warning only");
    cr_expect_not_null(
        find_problem(&problems, "journeyd.yaml", 1, 0, "everyone on this machine can read", "chmod"));
    jd_settings_free(file);
    jd_diagnostics_done(&problems);
}

Test(settings, mistakes_are_found_where_they_stand)
{
    static const struct {
        const char *text; /* after SMALL, that is from line 3 on */
        uint32_t line, column;
        const char *problem, *hint;
    } rows[] = {
        {"grup: x\n", 3, 1, "unknown option \"grup\"", "did you mean \"group\"?"},
        {"flush_interval: 1s\n", 3, 1, "unknown option", "it belongs under redis"},
        {"group: [a]\n", 3, 8, "expected one value", NULL},
        {"group:\n", 3, 1, "has no value", NULL},
        {"group: a b\n", 3, 8, "expected a name", NULL},
        {"group: a\ngroup: b\n", 4, 1, "\"group\" is written twice", "line 3"},
        {"workers: two\n", 3, 10, "expected a whole number, found \"two\"", NULL},
        {"workers: 0\n", 3, 10, "out of range", "1 to 64"},
        {"workers: 65\n", 3, 10, "out of range", "1 to 64"},
        {"workers: 99999999999999999999\n", 3, 10, "expected a whole number", NULL},
        {"commit_interval: 50\n", 3, 18, "expected a duration", "50ms"},
        {"commit_interval: 0ms\n", 3, 18, "out of range", "1ms to 10s"},
        {"commit_interval: 11s\n", 3, 18, "out of range", "1ms to 10s"},
        {"commit_interval: 50 ms\n", 3, 18, "expected a duration", NULL},
        {"commit_interval: -5ms\n", 3, 18, "expected a duration", NULL},
        {"commit_interval: 9223372036854775807d\n", 3, 18, "expected a duration", NULL},
        {"max_record_bytes: 1MB\n", 3, 19, "expected a number of bytes", NULL},
        {"max_record_bytes: 10\n", 3, 19, "out of range", "1KiB to 64MiB"},
        {"clock: walls\n", 3, 8, "none of its values", "did you mean \"wall\"?"},
        {"start: now\n", 3, 8, "none of its values", "one of: earliest, latest"},
        {"create_topics: yes\n", 3, 16, "expected true or false", NULL},
        {"on_state_loss: ignore\n", 3, 16, "none of its values", "fail, rebuild"},
        {"http: 0.0.0.0:9464\n", 3, 7, "expected 127.0.0.1:port", NULL},
        {"http: 127.0.0.1\n", 3, 7, "expected 127.0.0.1:port", NULL},
        {"http: 127.0.0.1:65536\n", 3, 7, "expected 127.0.0.1:port", NULL},
        {"topics: { engagement.event: x }\n", 3, 11, "unknown option", "engagement.events"},
        {"topics: { engagement.events: none }\n", 3, 30, "is needed", NULL},
        {"topics: { engagement.events: 'a b' }\n", 3, 30, "a topic's name", NULL},
        {"topics: { engagement.events: .. }\n", 3, 30, "a topic's name", NULL},
        {"topics: { journal: decisions }\n", 3, 20, "the same topic", NULL},
        {"topics: none\n", 3, 9, "expected a map", NULL},
        {"registry: { url: ftp://x }\n", 3, 18, "expected http://", NULL},
        {"registry: { url: 'http://u:p@x' }\n", 3, 18, "no user and no password", "password_file"},
        {"registry: { url: 'http://x', password_file: /does/not/exist }\n", 3, 45, "No such file", NULL},
        {"registry: { url: 'http://x', password_file: /dev/null }\n", 3, 45, "it is empty", NULL},
        {"registry: { url: 'http://x', password_file: /dev/zero }\n", 3, 45, "larger than 64 KiB", NULL},
        {"registry: { url: 'http://x', password: p }\n", 3, 30, "unknown option", "password_file"},
        {"encoding: { out: avro }\n", 3, 18, "needs registry", NULL},
        {"encoding: { out: auto }\n", 3, 18, "none of its values", "json, avro"},
        {"encoding: { events_schema: /does/not/exist }\n", 3, 28, "cannot read", NULL},
        {"limits: { batch_bytes: 64KiB }\n", 0, 0, "must not be more than limits", NULL},
        {"limits: { unflushed_states: 1000 }\n", 3, 29, "must not be less than batch_changes", NULL},
        {"retry: { backoff: 10s }\n", 0, 0, "backoff_max must not be less", NULL},
        {"log: { level: verbose }\n", 3, 15, "none of its values", "debug, info"},
        {"log: [info]\n", 3, 6, "expected a map", NULL},
        {"x: &a 1\n", 3, 4, "anchors", NULL},
        {"x: *a\n", 3, 4, "aliases", NULL},
        {"x: !!str 1\n", 3, 4, "tags", NULL},
        {"<<: {a: 1}\n", 3, 1, "merge keys", NULL},
        {"? [a]\n: 1\n", 3, 3, "a key must be text", NULL},
        {"x: \"a\\0b\"\n", 3, 4, "control character", NULL},
        {"---\nx: 1\n", 3, 1, "second document", NULL},
        {"x: [1\n", 0, 0, "not YAML", NULL},
        {"\tx: 1\n", 3, 1, "not YAML", NULL},
    };
    for (size_t i = 0; i < JD_COUNT(rows); i++) {
        char text[512];
        struct jd_diagnostics problems;
        (void)snprintf(text, sizeof text, SMALL "%s", rows[i].text);
        struct jd_settings_file *file = load(text, NULL, &problems);
        cr_expect_null(file, "row %zu is taken: %s", i, rows[i].text);
        cr_expect_not_null(find_problem(&problems, "journeyd.yaml", rows[i].line, rows[i].column,
                                        rows[i].problem, rows[i].hint),
                           "row %zu: %s", i, rows[i].text);
        cr_expect_eq(problems.errors, 1, "row %zu: %u errors", i, problems.errors);
        jd_settings_free(file);
        jd_diagnostics_done(&problems);
    }
}

Test(settings, kafka_and_redis_are_needed_and_checked)
{
    static const struct {
        const char *text;
        uint32_t line, column;
        const char *problem, *hint;
    } rows[] = {
        {"redis: { url: redis://h:1 }\n", 0, 0, "bootstrap.servers is missing", "host:port"},
        {"kafka: { bootstrap.servers: b:1 }\n", 0, 0, "redis: url is missing", NULL},
        {"kafka: { bootstrap.servers: b:1, sasl.password: x }\nredis: { url: redis://h:1 }\n", 1, 49,
         "is a secret", "sasl.password_file: /path"},
        {"kafka: { bootstrap.servers: b:1, ssl.key.pem: x }\nredis: { url: redis://h:1 }\n", 1, 47,
         "is a secret", "ssl.key.pem_file"},
        {"kafka: { bootstrap.servers: b:1, sasl.oauthbearer.client.secret: x }\nredis: { url: redis://h:1 "
         "}\n",
         1, 66, "is a secret", NULL},
        {"kafka: { bootstrap.servers: b:1, linger.ms: }\nredis: { url: redis://h:1 }\n", 1, 34,
         "has no value", NULL},
        {"kafka: { bootstrap.servers: b:1, linger.ms: {a: b} }\nredis: { url: redis://h:1 }\n", 1, 45,
         "expected one value", NULL},
        {"kafka: { bootstrap.servers: b:1 }\nredis: { url: 'redis://:pw@h:1' }\n", 2, 15,
         "no user and no password", "password_file"},
        {"kafka: { bootstrap.servers: b:1 }\nredis: { url: redis://h }\n", 2, 15,
         "expected redis://host:port", NULL},
        {"kafka: { bootstrap.servers: b:1 }\nredis: { url: redis://h:0 }\n", 2, 15,
         "expected redis://host:port", NULL},
        {"kafka: { bootstrap.servers: b:1 }\nredis: { url: unix:redis.sock }\n", 2, 15,
         "expected redis://host:port", NULL},
        {"kafka: { bootstrap.servers: b:1 }\nredis: { url: rediss://h:1 }\n", 2, 15,
         "expected redis://host:port", NULL},
        {"- a\n", 1, 1, "expected a map", NULL},
        {"", 1, 1, "the file is empty", NULL},
    };
    for (size_t i = 0; i < JD_COUNT(rows); i++) {
        struct jd_diagnostics problems;
        struct jd_settings_file *file = load(rows[i].text, NULL, &problems);
        cr_expect_null(file, "row %zu is taken", i);
        cr_expect_not_null(find_problem(&problems, "journeyd.yaml", rows[i].line, rows[i].column,
                                        rows[i].problem, rows[i].hint),
                           "row %zu: %s", i, rows[i].text);
        jd_diagnostics_done(&problems);
    }
}

Test(settings, all_mistakes_come_in_one_run)
{
    struct jd_diagnostics problems;
    cr_expect_null(
        load("group: a b\nworkers: 0\nkafka: { x: y }\nredis: { url: x }\nclok: wall\n", NULL, &problems));
    cr_expect_eq(problems.errors, 5);
    jd_diagnostics_done(&problems);
}

Test(settings, wrong_variables_are_errors)
{
    static const char *const rows[][3] = {
        {"JOURNEYD_GRUP=x", "JOURNEYD_GRUP", "no option is spelt so"},
        {"JOURNEYD_WORKERS=many", "JOURNEYD_WORKERS", "expected a whole number"},
        {"JOURNEYD_WORKERS=", "JOURNEYD_WORKERS", "has no value"},
        {"JOURNEYD_KAFKA__SASL_PASSWORD=x", "JOURNEYD_KAFKA__SASL_PASSWORD", "is a secret"},
        {"JOURNEYD_KAFKA__=x", "JOURNEYD_KAFKA__", "no option is spelt so"},
        {"JOURNEYD_REDIS_URL=x", "JOURNEYD_REDIS_URL", "no option is spelt so"},
    };
    for (size_t i = 0; i < JD_COUNT(rows); i++) {
        char variable[128];
        (void)snprintf(variable, sizeof variable, "%s", rows[i][0]);
        char *environment[] = {variable, NULL};
        struct jd_diagnostics problems;
        cr_expect_null(load(SMALL, environment, &problems), "row %zu", i);
        cr_expect_not_null(find_problem(&problems, rows[i][1], 0, 0, rows[i][2], NULL), "row %zu", i);
        jd_diagnostics_done(&problems);
    }
}

Test(settings, every_row_refuses_what_it_should)
{
    for (uint32_t i = 0; i < jd_setting_row_count; i++) {
        const struct jd_setting_row *row = &jd_setting_rows[i];
        const char *bad[] = {"[a]", "{a: b}", "", row->kind == JD_SETTING_TEXT ? "[]" : "'a b'"};
        for (size_t j = 0; j < JD_COUNT(bad); j++) {
            char text[512];
            bool top = row->section[0] == '\0';
            (void)snprintf(text, sizeof text, "kafka: { bootstrap.servers: b:1 }\n%s%s%s%s: %s\n",
                           row->section, top ? "" : ":\n", top ? "" : "  ", row->name, bad[j]);
            struct jd_diagnostics problems;
            struct jd_settings_file *file = load(text, NULL, &problems);
            cr_expect_null(file, "%s %s: %s", row->section, row->name, bad[j]);
            cr_expect_not_null(find_problem(&problems, "journeyd.yaml", top ? 2 : 3, 0, row->name, NULL),
                               "%s %s: %s", row->section, row->name, bad[j]);
            jd_settings_free(file);
            jd_diagnostics_done(&problems);
        }
    }
}

Test(settings, the_example_is_valid_and_names_every_option)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    jd_settings_example(out);
    cr_assert_eq(fclose(out), 0);
    struct jd_diagnostics problems;
    struct jd_settings_file *file = load(text, NULL, &problems);
    cr_expect_not_null(file);
    cr_expect_eq(problems.count, 0);
    for (uint32_t i = 0; i < jd_setting_row_count; i++)
        cr_expect_not_null(strstr(text, jd_setting_rows[i].name), "%s", jd_setting_rows[i].name);
    jd_settings_free(file);
    jd_diagnostics_done(&problems);
    free(text);
}

Test(settings, the_committed_example_is_the_one_that_is_printed)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    jd_settings_example(out);
    cr_assert_eq(fclose(out), 0);
    char committed[64 * 1024];
    FILE *file = fopen("config/journeyd.yaml", "re"); /* tests run in the top directory */
    cr_assert_not_null(file);
    size_t read = fread(committed, 1, sizeof committed, file);
    (void)fclose(file);
    cr_expect(read == size && memcmp(committed, text, size) == 0,
              "config/journeyd.yaml differs from the table");
    free(text);
}

/* journeyd check: everything that is wrong with configuration, policy and services, in one run. */
#include "adapters/redis.h"
#include "adapters/registry.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/outfit.h"
#include "cli/session.h"
#include "policy/policy.h"

struct arguments {
    const char *config, *policy;
    bool connect, json;
};

struct checking {
    const struct arguments *arguments;
    struct jd_diagnostics problems;
    bool is_unavailable; /* a service did not answer */
};

static void say(void *context, const char *text)
{
    struct checking *c = context;
    const struct jd_place place = {.file = jd_str_of(c->arguments->config)};
    jd_problem_add(&c->problems, JD_PROBLEM_ERROR, place, "%s", text);
}

static void say_error(struct checking *c, const struct jd_error *err)
{
    c->is_unavailable = c->is_unavailable || err->code == JD_EXIT_UNAVAILABLE;
    say(c, err->text);
}

/* What librdkafka itself says of each property; needs no broker. */
static void check_properties(struct checking *c, const struct jd_settings *settings)
{
    for (uint32_t i = 0; i < settings->kafka_count; i++) {
        struct jd_error err = {0};
        if (!jd_kafka_check_property(settings->kafka[i].name.ptr, settings->kafka[i].value.ptr, &err)) {
            jd_problem_add(&c->problems, JD_PROBLEM_ERROR, settings->kafka[i].place, "%s", err.text);
        }
    }
}

static void check_kafka(struct checking *c, struct jd_session *session)
{
    struct jd_error err = {0};
    if (!jd_session_topics(session, &err)) {
        say_error(c, &err);
        return;
    }
    (void)jd_session_check(session, JD_SESSION_TOPIC_COUNT, session->settings->create_topics, say, c);
    const struct jd_topic_facts *journal = &session->topics[JD_SESSION_JOURNAL];
    if (journal->exists && journal->retention_ms >= 0) {
        const struct jd_place place = {.file = jd_str_of(c->arguments->config)};
        jd_problem_add(&c->problems, JD_PROBLEM_WARNING, place,
                       "topic %s (journal) loses records after %lld ms: a lost image can then not be rebuilt",
                       journal->topic, (long long)journal->retention_ms);
        jd_problem_hint(&c->problems, "set retention.ms=-1");
    }
}

static void check_redis(struct checking *c, const struct jd_settings *settings)
{
    struct jd_error err = {0};
    struct jd_redis *redis = jd_session_redis(settings, &err);
    if (redis == NULL || jd_redis_check(redis, &err) != JD_REDIS_OK ||
        !jd_outfit_may_write(redis, settings->group, &err)) {
        say_error(c, &err);
    }
    jd_redis_close(redis);
}

static void check_registry(struct checking *c, const struct jd_settings *settings)
{
    if (settings->registry.url.ptr == NULL) {
        return;
    }
    const struct jd_registry_config config = {.url = settings->registry.url.ptr,
                                              .user = settings->registry.user.ptr,
                                              .password = settings->registry.password.ptr,
                                              .timeout_ms = (int)settings->registry.timeout_ms};
    struct jd_error err = {0};
    struct jd_registry *registry = jd_registry_open(&config, &err);
    if (registry == NULL || !jd_registry_reach(registry, (int)settings->start_timeout_ms, &err)) {
        say_error(c, &err);
    }
    jd_registry_close(registry);
}

static void check_config(struct checking *c)
{
    struct jd_error err = {0};
    struct jd_session session = {0};
    struct jd_settings_file *file = jd_session_settings(c->arguments->config, &c->problems);
    if (file == NULL) {
        return; /* what is wrong with it is among the problems */
    }
    if (!jd_session_take(&session, file, &err)) {
        say_error(c, &err);
    } else {
        const uint32_t errors = c->problems.errors;
        check_properties(c, session.settings);
        if (c->arguments->connect) {
            if (c->problems.errors == errors) {
                check_kafka(c, &session);
            }
            check_redis(c, session.settings);
            check_registry(c, session.settings);
        }
    }
    jd_session_close(&session);
}

static enum jd_exit run(const void *arguments_given, const struct jd_words *operands, struct jd_error *err)
{
    (void)operands; /* none: the table says so */
    struct checking c = {.arguments = arguments_given};
    const struct arguments *arguments = c.arguments;
    if (arguments->config == NULL && (arguments->policy == NULL || arguments->connect)) {
        jd_error_set(err, JD_EXIT_USAGE, "give --config, --policy or both; --connect needs --config");
        return JD_EXIT_USAGE;
    }
    jd_diagnostics_init(&c.problems);
    if (arguments->config != NULL) {
        check_config(&c);
    }
    const uint32_t config_errors = c.problems.errors;
    if (arguments->policy != NULL) {
        jd_policy_free(jd_policy_load(arguments->policy, &c.problems));
    }
    if (arguments->json) {
        jd_diagnostics_json(&c.problems, stdout);
    } else if (c.problems.count > 0) {
        jd_diagnostics_print(&c.problems, stdout);
    } else {
        puts("no problems");
    }
    const bool is_only_unavailable = c.is_unavailable && config_errors == c.problems.errors;
    const enum jd_exit code = is_only_unavailable ? JD_EXIT_UNAVAILABLE : JD_EXIT_CONFIG;
    const bool ok = c.problems.errors == 0;
    jd_diagnostics_done(&c.problems);
    return ok ? JD_EXIT_OK : code;
}

static const struct jd_option options[] = {
    {JD_OPTION_TEXT, false, "config", "F", "the daemon's configuration", offsetof(struct arguments, config),
     0, 0},
    {JD_OPTION_TEXT, false, "policy", "DIR", "a policy's directory", offsetof(struct arguments, policy), 0,
     0},
    {JD_OPTION_FLAG, false, "connect", NULL, "also ask Kafka, Redis and the schema registry",
     offsetof(struct arguments, connect), 0, 0},
    {JD_OPTION_FLAG, false, "json", NULL, "problems as JSON", offsetof(struct arguments, json), 0, 0},
    {JD_OPTION_END, false, NULL, NULL, NULL, 0, 0, 0},
};

const struct jd_command jd_check_command = {
    .name = "check",
    .usage = "[--config F] [--policy DIR] [--connect] [--json]",
    .summary = "Find every error of configuration and policy, with file, line and column",
    .details =
        "With --connect also: brokers reachable, topics there and alike, Redis fit to hold state, registry\n"
        "reachable. Exit codes: 0 no error (warnings are none), 78 errors, 69 a service did not answer.\n",
    .options = options,
    .arguments_size = sizeof(struct arguments),
    .run = run,
};

/* journeyd run: the daemon. Starts workers, then is their control thread: policies, HTTP, the watchdog,
 * signals, and the end of everything when one worker cannot go on. */
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "adapters/clock.h"
#include "adapters/http.h"
#include "adapters/notify.h"
#include "base/contract.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/session.h"
#include "shard/worker.h"

enum {
    BEAT_MS = 200,        /* of the control thread */
    TOPICS_MS = 30000,    /* between two looks at the topics' partitions */
    STUCK_MS = 120000,    /* a worker that made no turn for so long is not alive */
    WAIT_SAID_MS = 10000, /* between two lines that say what is waited for */
    RETRY_MS = 200,
};

struct run_arguments {
    const char *config;
    bool crash_points;
};

struct daemon {
    struct jd_session session;
    struct jd_shared shared;
    struct jd_http *http;
    struct jd_worker *workers; /* settings->workers of them */
    uint32_t started;
    bool policies_read;
    bool was_ready;
    int64_t topics_at, beat_said_at, alive_said_at, waiting_said_at;
};

/* ---- the window into it -------------------------------------------------------------------------- */

static void on_metrics(void *context, struct jd_buf *out)
{
    const struct daemon *daemon = context;
    jd_metrics_render(daemon->shared.metrics, out);
}

static bool is_alive(void *context)
{
    struct daemon *daemon = context;
    int64_t mono = jd_clock_mono();
    for (uint32_t i = 0; i < daemon->started; i++)
        if (mono - atomic_load(&daemon->workers[i].alive_at) > STUCK_MS)
            return false;
    return true;
}

static bool is_ready(void *context, struct jd_buf *out)
{
    struct daemon *daemon = context;
    bool ready = true;
    if (jd_policies_current(daemon->shared.policies) == NULL) {
        jd_buf_text(out, "no policy is published on journeyd.policies\n");
        ready = false;
    }
    int64_t live = jd_metrics_sum(daemon->shared.metrics, JD_METRIC_SHARDS);
    for (uint32_t i = 0; i < daemon->started; i++) {
        if (!atomic_load(&daemon->workers[i].joined)) {
            jd_buf_printf(out, "worker %" PRIu32 " is not in the group yet\n", i);
            ready = false;
        } else if (atomic_load(&daemon->workers[i].waiting) > 0) {
            jd_buf_printf(out, "worker %" PRIu32 ": %d shards wait (%" PRId64 " are live)\n", i,
                          atomic_load(&daemon->workers[i].waiting), live);
            ready = false;
        }
    }
    if (daemon->shared.registry != NULL && !jd_registry_is_up(daemon->shared.registry)) {
        jd_buf_text(out, "the schema registry does not answer\n");
        ready = false;
    }
    return ready && daemon->started > 0;
}

/* ---- start --------------------------------------------------------------------------------------- */

static struct jd_str wire_schema(struct jd_str path, struct jd_arena *arena, struct jd_error *err)
{
    struct jd_str text = {0};
    FILE *file = fopen(path.ptr, "rb");
    if (file == NULL) {
        (void)jd_error_set(err, JD_EXIT_CONFIG, "cannot open the schema %s", path.ptr);
        return text;
    }
    enum { SCHEMA_MAX = 1 << 20 };
    char *bytes = jd_arena_alloc(arena, SCHEMA_MAX);
    size_t size = fread(bytes, 1, SCHEMA_MAX, file);
    (void)fclose(file);
    if (size == 0 || size == SCHEMA_MAX)
        (void)jd_error_set(err, JD_EXIT_CONFIG, "the schema %s is empty or larger than 1 MiB", path.ptr);
    else
        text = (struct jd_str){bytes, (uint32_t)size};
    return text;
}

static enum jd_schema_answer look_up(void *context, uint32_t id, struct jd_str *schema)
{
    return (enum jd_schema_answer)jd_registry_schema(context, id, schema);
}

static bool prepare_wire(struct daemon *daemon, struct jd_arena *arena, struct jd_error *err)
{
    static const enum jd_encoding encodings[] = {
        [JD_SETTING_ENCODING_AUTO] = JD_ENCODING_AUTO,
        [JD_SETTING_ENCODING_JSON] = JD_ENCODING_JSON,
        [JD_SETTING_ENCODING_AVRO] = JD_ENCODING_AVRO,
    };
    const struct jd_settings *s = daemon->session.settings;
    struct jd_wire_config *wire = &daemon->shared.wire;
    *wire = (struct jd_wire_config){
        .in = encodings[s->encoding.in],
        .max_record_bytes = (uint32_t)s->max_record_bytes,
        .partitioner = s->partitioner == JD_PARTITIONER_CRC32 ? JD_PARTITION_CRC32 : JD_PARTITION_MURMUR2,
        .clock_record = s->clock == JD_CLOCK_RECORD,
        .lookup = daemon->shared.registry == NULL ? NULL : look_up,
        .lookup_context = daemon->shared.registry,
    };
    const struct {
        enum jd_input_role role;
        struct jd_str path;
    } fixed[] = {{JD_ROLE_OF_EVENTS, s->encoding.events_schema},
                 {JD_ROLE_OF_HCP_PROFILES, s->encoding.hcp_profiles_schema},
                 {JD_ROLE_OF_ACCOUNT_PROFILES, s->encoding.account_profiles_schema}};
    for (size_t i = 0; i < JD_COUNT(fixed); i++)
        if (fixed[i].path.ptr != NULL) {
            wire->fixed_schema[fixed[i].role] = wire_schema(fixed[i].path, arena, err);
            if (wire->fixed_schema[fixed[i].role].ptr == NULL)
                return false;
        }
    daemon->shared.wire_out = (struct jd_wire_out){
        .encoding = encodings[s->encoding.out],
        .confluent = s->encoding.out == JD_SETTING_ENCODING_AVRO && daemon->shared.registry != NULL,
        .source = jd_arena_printf(arena, "journeyd/" JD_STR_FMT, JD_STR_ARG(s->group)),
    };
    return true;
}

/* Our own outputs' schemas go into the registry before the first record names them. */
static bool register_schemas(struct daemon *daemon, struct jd_error *err)
{
    static const struct {
        enum jd_topic topic;
        enum jd_out out;
    } outputs[] = {{JD_TOPIC_ALERTS, JD_OUT_ALERTS},
                   {JD_TOPIC_TRIGGERS_COMMERCIAL, JD_OUT_TRIGGERS_COMMERCIAL},
                   {JD_TOPIC_TRIGGERS_MEDICAL, JD_OUT_TRIGGERS_MEDICAL},
                   {JD_TOPIC_DECISIONS, JD_OUT_DECISIONS}};
    for (size_t i = 0; daemon->shared.wire_out.confluent && i < JD_COUNT(outputs); i++) {
        char subject[512];
        (void)snprintf(subject, sizeof subject, "%s-value", daemon->shared.outs[outputs[i].out].topic);
        struct jd_str schema = jd_schema_text(jd_str_of(jd_topic_record(outputs[i].topic)->name));
        if (!jd_registry_register(daemon->shared.registry, subject, schema,
                                  &daemon->shared.wire_out.schema_ids[outputs[i].topic], err))
            return false;
    }
    return true;
}

static void set_outs(struct daemon *daemon)
{
    static const enum jd_session_topic topics[JD_OUT_COUNT] = {
        [JD_OUT_JOURNAL] = JD_SESSION_JOURNAL,
        [JD_OUT_ALERTS] = JD_SESSION_ALERTS,
        [JD_OUT_TRIGGERS_COMMERCIAL] = JD_SESSION_TRIGGERS_COMMERCIAL,
        [JD_OUT_TRIGGERS_MEDICAL] = JD_SESSION_TRIGGERS_MEDICAL,
        [JD_OUT_DECISIONS] = JD_SESSION_DECISIONS,
        [JD_OUT_DEAD + JD_IN_HCP_PROFILES] = JD_SESSION_HCP_PROFILES_DLQ,
        [JD_OUT_DEAD + JD_IN_ACCOUNT_PROFILES] = JD_SESSION_ACCOUNT_PROFILES_DLQ,
        [JD_OUT_DEAD + JD_IN_TOUCHES] = JD_SESSION_TOUCHES_DLQ,
        [JD_OUT_DEAD + JD_IN_EVENTS] = JD_SESSION_EVENTS_DLQ,
    };
    enum { BROKER_DEFAULT_MAX_BYTES = 1048588 }; /* where we may not see the topic's limit */
    for (int i = 0; i < JD_OUT_COUNT; i++) {
        const struct jd_topic_facts *facts = &daemon->session.topics[topics[i]];
        daemon->shared.outs[i] = (struct jd_topic_limit){
            facts->topic, facts->partitions,
            facts->max_message_bytes < 0 ? BROKER_DEFAULT_MAX_BYTES : facts->max_message_bytes};
    }
}

static bool reach_redis(const struct jd_settings *s, struct jd_error *err)
{
    const struct jd_redis_config config = {
        .url = s->redis.url.ptr,
        .user = s->redis.user.ptr,
        .password = s->redis.password.ptr,
        .connect_timeout_ms = (int)s->redis.timeout_ms,
        .timeout_ms = (int)s->redis.timeout_ms,
    };
    struct jd_redis *redis = jd_redis_open(&config, err);
    if (redis == NULL)
        return false;
    int64_t deadline = jd_clock_mono() + s->start_timeout_ms;
    enum jd_redis_status status = jd_redis_check(redis, err);
    while (status == JD_REDIS_UNAVAILABLE && jd_clock_mono() < deadline) {
        const struct timespec pause = {.tv_nsec = RETRY_MS * 1000000};
        (void)nanosleep(&pause, NULL);
        status = jd_redis_check(redis, err);
    }
    jd_redis_close(redis);
    return status == JD_REDIS_OK;
}

static bool reach_registry(struct daemon *daemon, struct jd_error *err)
{
    const struct jd_settings *s = daemon->session.settings;
    if (s->registry.url.ptr == NULL)
        return true;
    const struct jd_registry_config config = {
        .url = s->registry.url.ptr,
        .user = s->registry.user.ptr,
        .password = s->registry.password.ptr,
        .timeout_ms = (int)s->registry.timeout_ms,
    };
    daemon->shared.registry = jd_registry_open(&config, err);
    return daemon->shared.registry != NULL &&
           jd_registry_reach(daemon->shared.registry, (int)s->start_timeout_ms, err);
}

static bool start(struct daemon *daemon, struct jd_arena *arena, struct jd_error *err)
{
    const struct jd_settings *s = daemon->session.settings;
    const struct jd_http_source source = {daemon, on_metrics, is_alive, is_ready};
    jd_log(JD_LOG_STARTED, jd_txt("version", JD_VERSION), jd_view("group", s->group),
           jd_view("instance", s->instance), jd_num("workers", s->workers));
    if (!jd_session_topics(&daemon->session, err) ||
        !jd_session_ensure(&daemon->session, JD_SESSION_TOPIC_COUNT, err) || !reach_redis(s, err) ||
        !reach_registry(daemon, err))
        return false;
    daemon->shared.settings = s;
    daemon->shared.kafka = daemon->session.kafka;
    daemon->shared.partitions = daemon->session.partitions;
    set_outs(daemon);
    if (!prepare_wire(daemon, arena, err) || !register_schemas(daemon, err))
        return false;
    daemon->shared.policies =
        jd_policies_open(&daemon->shared.kafka, daemon->session.topics[JD_SESSION_POLICIES].topic, err);
    if (daemon->shared.policies == NULL)
        return false;
    daemon->shared.metrics = jd_metrics_new((uint32_t)s->workers + 1);
    daemon->workers = calloc((size_t)s->workers, sizeof *daemon->workers);
    if (daemon->workers == NULL)
        return jd_error_set(err, JD_EXIT_INTERNAL, "out of memory for workers");
    if (s->http.ptr != NULL) {
        daemon->http = jd_http_start(s->http.ptr, &source, err);
        if (daemon->http == NULL)
            return false;
    }
    return true;
}

static bool start_workers(struct daemon *daemon, struct jd_error *err)
{
    for (uint32_t i = 0; i < (uint32_t)daemon->session.settings->workers; i++) {
        if (!jd_worker_start(&daemon->workers[i], &daemon->shared, i, err))
            return false;
        daemon->started++;
    }
    return true;
}

/* ---- control ------------------------------------------------------------------------------------- */

/* The number of partitions decides which shard a physician belongs to; it must not change under us. */
static bool check_partitions(struct daemon *daemon, struct jd_error *err)
{
    int64_t mono = jd_clock_mono();
    if (mono < daemon->topics_at)
        return true;
    daemon->topics_at = mono + TOPICS_MS;
    struct jd_topic_facts facts[JD_SESSION_TOPIC_COUNT];
    uint32_t count = 0;
    const enum jd_session_topic keyed[] = {JD_SESSION_EVENTS, JD_SESSION_HCP_PROFILES,
                                           JD_SESSION_ACCOUNT_PROFILES, JD_SESSION_TOUCHES,
                                           JD_SESSION_JOURNAL};
    for (size_t i = 0; i < JD_COUNT(keyed); i++)
        if (daemon->session.topics[keyed[i]].topic != NULL)
            facts[count++] = (struct jd_topic_facts){.topic = daemon->session.topics[keyed[i]].topic};
    struct jd_error ignored = {0};
    if (jd_admin_describe(daemon->session.admin, facts, count, 1000, &ignored) != JD_KAFKA_OK)
        return true;
    for (uint32_t i = 0; i < count; i++)
        if (facts[i].exists && facts[i].partitions != daemon->shared.partitions)
            return jd_error_set(err, JD_EXIT_CONFIG,
                                "%s now has %" PRId32 " partitions, not %" PRId32
                                ": keys have moved to other shards. Use new topics and a new group",
                                facts[i].topic, facts[i].partitions, daemon->shared.partitions);
    return true;
}

static void say_state(struct daemon *daemon)
{
    struct jd_arena arena;
    struct jd_buf reasons;
    jd_arena_init(&arena, 1 << 20);
    jd_buf_init(&reasons, &arena);
    bool ready = is_ready(daemon, &reasons);
    int64_t mono = jd_clock_mono();
    if (ready && !daemon->was_ready) {
        jd_log(JD_LOG_READY, jd_num("shards", jd_metrics_sum(daemon->shared.metrics, JD_METRIC_SHARDS)));
        jd_notify_ready();
        jd_notify_status("ready");
    } else if (!ready && mono >= daemon->waiting_said_at) {
        struct jd_str text = jd_buf_done(&reasons);
        if (text.size > 0)
            text.size = (uint32_t)strcspn(jd_arena_str(&arena, text).ptr, "\n");
        jd_log(JD_LOG_WAITING, jd_view("for", text));
        daemon->waiting_said_at = mono + WAIT_SAID_MS;
    }
    daemon->was_ready = ready;
    jd_arena_done(&arena);
}

static void keep_watchdog(struct daemon *daemon)
{
    int64_t every = jd_notify_watchdog_ms() / 2, mono = jd_clock_mono();
    if (every > 0 && mono >= daemon->alive_said_at + every && is_alive(daemon)) {
        jd_notify_alive();
        daemon->alive_said_at = mono;
    }
    if (daemon->shared.registry != NULL)
        jd_metric_set(jd_metrics_slot(daemon->shared.metrics, (uint32_t)daemon->session.settings->workers),
                      JD_METRIC_REGISTRY_UP, jd_registry_is_up(daemon->shared.registry));
}

static bool one_is_done(const struct daemon *daemon)
{
    for (uint32_t i = 0; i < daemon->started; i++)
        if (atomic_load(&daemon->workers[i].done))
            return true;
    return false;
}

/* Until a signal asks for the end, or a worker or the topics make it. */
static bool control(struct daemon *daemon, const sigset_t *signals, struct jd_error *err)
{
    const struct timespec beat = {.tv_nsec = BEAT_MS * 1000000};
    bool called = false;
    while (!called && !one_is_done(daemon)) {
        struct jd_error away = {0};
        bool read = jd_policies_follow(daemon->shared.policies, &away);
        if (daemon->started == 0 && read && jd_policies_current(daemon->shared.policies) != NULL &&
            !start_workers(daemon, err))
            return false;
        if (!check_partitions(daemon, err))
            return false;
        say_state(daemon);
        keep_watchdog(daemon);
        called = sigtimedwait(signals, NULL, &beat) > 0;
    }
    return true;
}

static enum jd_exit stop_workers(struct daemon *daemon, struct jd_error *err)
{
    enum jd_exit code = JD_EXIT_OK;
    jd_log(JD_LOG_STOPPING, jd_num("workers", daemon->started));
    jd_notify_stopping();
    for (uint32_t i = 0; i < daemon->started; i++)
        jd_worker_stop(&daemon->workers[i]);
    for (uint32_t i = 0; i < daemon->started; i++) {
        struct jd_error why = {0};
        enum jd_exit one = jd_worker_join(&daemon->workers[i], &why);
        if (one != JD_EXIT_OK && code == JD_EXIT_OK) {
            code = one;
            *err = why;
        }
    }
    jd_log(JD_LOG_STOPPED,
           jd_num("unflushed", daemon->shared.metrics == NULL
                                   ? 0
                                   : jd_metrics_sum(daemon->shared.metrics, JD_METRIC_DIRTY)));
    return code;
}

static void close_daemon(struct daemon *daemon)
{
    jd_http_stop(daemon->http);
    jd_policies_close(daemon->shared.policies);
    jd_registry_close(daemon->shared.registry);
    free(daemon->workers);
    if (daemon->shared.metrics != NULL)
        jd_metrics_free(daemon->shared.metrics);
    jd_session_close(&daemon->session);
}

static void print_label(const char *label)
{
    (void)puts(label);
}

static bool list_crash_points(struct jd_error *err)
{
#ifdef JD_FAULTS
    (void)err;
    jd_crash_labels(print_label);
    return true;
#else
    (void)print_label;
    return jd_error_set(err, JD_EXIT_USAGE, "this build has no crash points (make BUILD=faults)");
#endif
}

static enum jd_exit run(const void *arguments, const struct jd_words *operands, struct jd_error *err)
{
    const struct run_arguments *args = arguments;
    (void)operands;
    if (args->crash_points)
        return list_crash_points(err) ? JD_EXIT_OK : err->code;
    /* Every thread inherits this: signals are for the control thread alone. */
    sigset_t signals;
    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGTERM);
    (void)sigaddset(&signals, SIGINT);
    (void)pthread_sigmask(SIG_BLOCK, &signals, NULL);
    struct daemon daemon = {0};
    struct jd_arena arena;
    jd_arena_init(&arena, 16 << 20);
    enum jd_exit code = JD_EXIT_OK;
    if (!jd_session_open(&daemon.session, args->config, err)) {
        code = err->code;
    } else {
        jd_log_setup(daemon.session.settings->log.format, daemon.session.settings->log.level, 2);
        if (!start(&daemon, &arena, err) || !control(&daemon, &signals, err))
            code = err->code;
        struct jd_error why = {0};
        enum jd_exit stopped = stop_workers(&daemon, &why);
        if (code == JD_EXIT_OK && stopped != JD_EXIT_OK) {
            code = stopped;
            *err = why;
        }
        if (code != JD_EXIT_OK)
            jd_log(JD_LOG_FATAL, jd_txt("reason", err->text), jd_num("exit", code));
    }
    close_daemon(&daemon);
    jd_arena_done(&arena);
    return code;
}

static const struct jd_option options[] = {
    {JD_OPTION_TEXT, false, "config", "FILE",
     "the configuration; without it defaults and the environment count",
     offsetof(struct run_arguments, config), 0, 0},
    {JD_OPTION_FLAG, false, "crash-points", NULL, "list the labelled points of a test build and end",
     offsetof(struct run_arguments, crash_points), 0, 0},
    {0},
};

const struct jd_command jd_run_command = {
    .name = "run",
    .usage = "[--config FILE]",
    .summary = "Run the daemon: events in, alerts and triggers out, exactly once",
    .details = "Ends with 0 after SIGTERM or SIGINT, when the batch is committed and everything is in Redis. "
               "Ends with 69\n"
               "when Kafka, Redis or the registry stays unreachable for start_timeout at the start, and with "
               "78 when a\n"
               "person must act: the last line says what happened and what to do.\n",
    .options = options,
    .arguments_size = sizeof(struct run_arguments),
    .run = run,
};

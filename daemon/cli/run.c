/* journeyd run: the daemon. Starts workers, then is their control thread: policies, HTTP, the watchdog,
 * signals, and the end of everything when one worker cannot go on. */
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "adapters/clock.h"
#include "adapters/http.h"
#include "adapters/notify.h"
#include "adapters/wake.h"
#include "base/alloc.h"
#include "base/contract.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/outfit.h"
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

/* Until workers run there is nothing to finish: a signal ends the process at once, whatever it waits for. */
enum life { LIFE_STARTING, LIFE_RUNNING, LIFE_ENDING };

struct daemon {
    struct jd_outfit outfit;
    sigset_t signals; /* that ask for the end; blocked in every thread */
    pthread_t listener;
    atomic_int life;    /* enum life */
    atomic_bool called; /* the end was asked for; rings the bell */
    int bell;
    struct jd_http *http;
    struct jd_worker *workers; /* settings->workers of them */
    _Atomic uint32_t started;  /* workers; the HTTP thread looks */
    bool policies_read;
    bool was_ready;
    int64_t topics_at, beat_said_at, alive_said_at, waiting_said_at;
};

/* ---- the window into it -------------------------------------------------------------------------- */

static void on_metrics(void *context, struct jd_buf *out)
{
    const struct daemon *daemon = context;
    jd_metrics_render(daemon->outfit.shared.metrics, out);
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
    if (jd_policies_current(daemon->outfit.shared.policies) == NULL) {
        jd_buf_text(out, "no policy is published on journeyd.policies\n");
        ready = false;
    }
    int64_t live = jd_metrics_sum(daemon->outfit.shared.metrics, JD_METRIC_SHARDS);
    for (uint32_t i = 0; i < daemon->started; i++) {
        if (!atomic_load(&daemon->workers[i].joined)) {
            jd_buf_printf(out, "worker %" PRIu32 " is not in the group yet\n", i);
            ready = false;
        } else if (atomic_load(&daemon->workers[i].waiting) > 0) {
            jd_buf_printf(out, "worker %" PRIu32 ": %d shards wait (%" PRId64 " are live)\n", i,
                          atomic_load(&daemon->workers[i].waiting), live);
            ready = false;
        }
        const char *paused = atomic_load(&daemon->workers[i].paused);
        if (paused != NULL) {
            jd_buf_printf(out, "worker %" PRIu32 " is paused: %s\n", i, paused);
            ready = false;
        }
    }
    if (daemon->outfit.shared.registry != NULL && !jd_registry_is_up(daemon->outfit.shared.registry)) {
        jd_buf_text(out, "the schema registry does not answer\n");
        ready = false;
    }
    return ready && daemon->started > 0;
}

/* ---- start --------------------------------------------------------------------------------------- */

static bool start(struct daemon *daemon, struct jd_error *err)
{
    const struct jd_settings *s = daemon->outfit.session.settings;
    const struct jd_http_source source = {daemon, on_metrics, is_alive, is_ready};
    jd_log(JD_LOG_STARTED, jd_txt("version", JD_VERSION), jd_view("group", s->group),
           jd_view("instance", s->instance), jd_num("workers", s->workers));
    if (!jd_outfit_fill(&daemon->outfit, err))
        return false;
    struct jd_redis *redis = jd_outfit_redis(&daemon->outfit, err);
    bool may_write = redis != NULL && jd_outfit_may_write(redis, s->group, err);
    jd_redis_close(redis); /* each worker has its own connection */
    if (!may_write)
        return false;
    daemon->outfit.shared.metrics = jd_metrics_new((uint32_t)s->workers + 1);
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
    int starting = LIFE_STARTING;
    if (!atomic_compare_exchange_strong(&daemon->life, &starting, LIFE_RUNNING))
        (void)pause(); /* the process is about to end */
    for (uint32_t i = 0; i < (uint32_t)daemon->outfit.session.settings->workers; i++) {
        if (!jd_worker_start(&daemon->workers[i], &daemon->outfit.shared, i, err))
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
        if (daemon->outfit.session.topics[keyed[i]].topic != NULL)
            facts[count++] = (struct jd_topic_facts){.topic = daemon->outfit.session.topics[keyed[i]].topic};
    struct jd_error ignored = {0};
    if (jd_admin_describe(daemon->outfit.session.admin, facts, count, 1000, &ignored) != JD_KAFKA_OK)
        return true;
    for (uint32_t i = 0; i < count; i++)
        if (facts[i].exists && facts[i].partitions != daemon->outfit.shared.partitions)
            return jd_error_set(err, JD_EXIT_CONFIG,
                                "%s now has %" PRId32 " partitions, not %" PRId32
                                ": keys have moved to other shards. Use new topics and a new group",
                                facts[i].topic, facts[i].partitions, daemon->outfit.shared.partitions);
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
        jd_log(JD_LOG_READY,
               jd_num("shards", jd_metrics_sum(daemon->outfit.shared.metrics, JD_METRIC_SHARDS)));
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
    if (daemon->outfit.shared.registry != NULL)
        jd_metric_set(jd_metrics_slot(daemon->outfit.shared.metrics,
                                      (uint32_t)daemon->outfit.session.settings->workers),
                      JD_METRIC_REGISTRY_UP, jd_registry_is_up(daemon->outfit.shared.registry));
}

static bool one_is_done(const struct daemon *daemon)
{
    for (uint32_t i = 0; i < daemon->started; i++)
        if (atomic_load(&daemon->workers[i].done))
            return true;
    return false;
}

/* The one thread that takes signals. */
static void *listen(void *argument)
{
    struct daemon *daemon = argument;
    int number = 0, starting = LIFE_STARTING;
    (void)sigwait(&daemon->signals, &number);
    if (atomic_compare_exchange_strong(&daemon->life, &starting, LIFE_ENDING)) {
        jd_notify_stopping();
        jd_log(JD_LOG_STOPPED, jd_num("unflushed", 0));
        _exit(JD_EXIT_OK);
    }
    atomic_store(&daemon->called, true);
    jd_wake_ring(daemon->bell);
    return NULL;
}

static bool start_listening(struct daemon *daemon, struct jd_error *err)
{
    (void)sigemptyset(&daemon->signals);
    (void)sigaddset(&daemon->signals, SIGTERM);
    (void)sigaddset(&daemon->signals, SIGINT);
    (void)pthread_sigmask(SIG_BLOCK, &daemon->signals, NULL); /* threads inherit it */
    if (!jd_wake_open(&daemon->bell, err))
        return false;
    if (pthread_create(&daemon->listener, NULL, listen, daemon) == 0)
        return true;
    jd_wake_close(&daemon->bell);
    return jd_error_set(err, JD_EXIT_INTERNAL, "cannot start a thread");
}

static void stop_listening(struct daemon *daemon)
{
    atomic_store(&daemon->life, LIFE_ENDING);
    (void)pthread_kill(daemon->listener, SIGINT); /* no harm if it has ended */
    (void)pthread_join(daemon->listener, NULL);
    jd_wake_close(&daemon->bell);
}

/* Until a signal asks for the end, or a worker or the topics make it. */
static bool control(struct daemon *daemon, struct jd_error *err)
{
    while (!atomic_load(&daemon->called) && !one_is_done(daemon)) {
        struct jd_error away = {0};
        bool read = jd_policies_follow(daemon->outfit.shared.policies, &away);
        if (daemon->started == 0 && read && jd_policies_current(daemon->outfit.shared.policies) != NULL &&
            !start_workers(daemon, err))
            return false;
        if (!check_partitions(daemon, err))
            return false;
        say_state(daemon);
        keep_watchdog(daemon);
        (void)jd_wake_wait(daemon->bell, BEAT_MS);
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
           jd_num("unflushed", daemon->outfit.shared.metrics == NULL
                                   ? 0
                                   : jd_metrics_sum(daemon->outfit.shared.metrics, JD_METRIC_DIRTY)));
    return code;
}

static void close_daemon(struct daemon *daemon)
{
    stop_listening(daemon);
    jd_http_stop(daemon->http);
    free(daemon->workers);
    if (daemon->outfit.shared.metrics != NULL)
        jd_metrics_free(daemon->outfit.shared.metrics);
    jd_outfit_close(&daemon->outfit);
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
    jd_alloc_keep_freed();
    const struct run_arguments *args = arguments;
    (void)operands;
    if (args->crash_points)
        return list_crash_points(err) ? JD_EXIT_OK : err->code;
    struct daemon daemon = {.bell = JD_WAKE_NONE};
    enum jd_exit code = JD_EXIT_OK;
    if (!start_listening(&daemon, err))
        return err->code;
    if (!jd_session_open(&daemon.outfit.session, args->config, err)) {
        code = err->code;
    } else {
        jd_log_setup(daemon.outfit.session.settings->log.format, daemon.outfit.session.settings->log.level,
                     2);
        if (!start(&daemon, err) || !control(&daemon, err))
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

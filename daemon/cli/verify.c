/* journeyd verify: the journal held against its inputs, its outputs and Redis, in a fresh process.
 *
 * Every batch is decided again from the records that it consumed, by the policy that it names; what is gone
 * (inputs by retention, a policy, another engine) is named, and only redone. What it finds is told line by
 * line; one difference is exit code 65. It disturbs no daemon, but compares Redis at rest only: a daemon that
 * works on has moved on meanwhile. */
#include <inttypes.h>

#include "adapters/clock.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/outfit.h"
#include "shard/audit.h"

enum { POLICIES_TIMEOUT_MS = 30000, NAP_MS = 20 };

struct arguments {
    const char *config, *shard;
    int64_t from, to;
    bool json;
};

struct verifying {
    const struct arguments *arguments;
    struct jd_outfit outfit;
    struct jd_redis *redis;
    struct jd_audit *audit;
    struct jd_error *err;
};

static void say(void *context, bool is_difference, const char *text)
{
    const struct verifying *v = context;
    FILE *to = v->arguments->json ? stderr : stdout;
    fprintf(to, "%s: %s\n", is_difference ? "difference" : "note", text);
}

static bool read_policies(struct verifying *v)
{
    const int64_t deadline = jd_clock_mono() + POLICIES_TIMEOUT_MS;
    struct jd_policies *policies = v->outfit.shared.policies;
    while (!jd_policies_follow(policies, v->err)) {
        if (v->err->text[0] != '\0') {
            return false;
        }
        if (jd_clock_mono() > deadline) {
            return jd_error_set(v->err, JD_EXIT_UNAVAILABLE, "%s could not be read to its end in %d ms",
                                v->outfit.session.topics[JD_SESSION_POLICIES].topic,
                                (int)POLICIES_TIMEOUT_MS);
        }
        (void)jd_wake_wait(JD_WAKE_NONE, NAP_MS);
    }
    return true;
}

static int64_t or_zero(int64_t value)
{
    return value == JD_INT_NONE ? 0 : value;
}

static bool audit_all(struct verifying *v)
{
    int32_t first = 0;
    int32_t end = 0;
    const struct jd_audit_config config = {
        .shared = &v->outfit.shared, .redis = v->redis, .say = say, .context = v};
    const bool ok = jd_outfit_shards(&v->outfit, v->arguments->shard, &first, &end, v->err);
    v->audit = ok ? jd_audit_open(&config, v->err) : NULL;
    if (v->audit == NULL) {
        return false;
    }
    const int64_t from = or_zero(v->arguments->from);
    const int64_t to = or_zero(v->arguments->to);
    for (int32_t shard = first; shard < end; shard++) {
        if (!jd_audit_shard(v->audit, shard, from, to, v->err) ||
            (to == 0 && !jd_audit_image(v->audit, v->err))) {
            return jd_error_wrap(v->err, "shard %d", (int)shard);
        }
    }
    return jd_audit_published(v->audit, from <= 1 && to == 0, v->err);
}

static void print_report(const struct verifying *v, const struct jd_audit_report *r)
{
    const struct {
        const char *name, *text;
        int64_t value;
    } rows[] = {
        {"batches", "batches in the journal", r->batches},
        {"decided_again", "  decided again from their inputs", r->decided_again},
        {"only_redone", "  only redone: announcements; inputs, policy or engine gone", r->only_redone},
        {"records", "records consumed", r->records},
        {"applied", "  applied", r->applied},
        {"duplicates", "  duplicates", r->duplicates},
        {"filtered", "  filtered", r->filtered},
        {"dead_lettered", "  dead-lettered", r->dead_lettered},
        {"timers", "timers fired", r->timers},
        {"effects", "effects that the batches made", r->effects},
        {"published", "  found by a read-committed reader", r->published},
        {"dead_letters", "dead letters that the batches made", r->dead_letters},
        {"published_dead", "  found by a read-committed reader", r->published_dead},
        {"states", "states compared with Redis", r->states},
        {"differences", "differences", r->differences},
    };
    if (v->arguments->json) {
        for (size_t i = 0; i < JD_COUNT(rows); i++) {
            printf("%s\"%s\":%" PRId64, i == 0 ? "{" : ",", rows[i].name, rows[i].value);
        }
        puts("}");
        return;
    }
    for (size_t i = 0; i < JD_COUNT(rows); i++) {
        printf("%-60s %12" PRId64 "\n", rows[i].text, rows[i].value);
    }
}

static enum jd_exit run(const void *arguments_given, const struct jd_words *operands, struct jd_error *err)
{
    (void)operands; /* none: the table says so */
    struct verifying v = {.arguments = arguments_given, .err = err};
    bool ok = jd_session_open(&v.outfit.session, v.arguments->config, err) &&
              jd_outfit_fill(&v.outfit, err) && read_policies(&v);
    if (ok && v.arguments->to == JD_INT_NONE) {
        v.redis = jd_outfit_redis(&v.outfit, err);
        ok = v.redis != NULL;
    }
    ok = ok && audit_all(&v);
    int64_t differences = 0;
    if (ok) {
        print_report(&v, jd_audit_report(v.audit));
        differences = jd_audit_report(v.audit)->differences;
    }
    jd_audit_close(v.audit);
    jd_redis_close(v.redis);
    jd_outfit_close(&v.outfit);
    if (!ok) {
        return err->code;
    }
    return differences == 0 ? JD_EXIT_OK : JD_EXIT_DATA;
}

static const struct jd_option options[] = {
    {JD_OPTION_TEXT, true, "config", "F", "the daemon's configuration", offsetof(struct arguments, config), 0,
     0},
    {JD_OPTION_TEXT, true, "shard", "P", "the shard, or `all`", offsetof(struct arguments, shard), 0, 0},
    {JD_OPTION_INT, false, "from", "SEQ", "redo the batches before this one without deciding them",
     offsetof(struct arguments, from), 1, INT64_MAX},
    {JD_OPTION_INT, false, "to", "SEQ", "end after this batch; then Redis is not compared",
     offsetof(struct arguments, to), 1, INT64_MAX},
    {JD_OPTION_FLAG, false, "json", NULL, "the counts as JSON; differences go to standard error",
     offsetof(struct arguments, json), 0, 0},
    {JD_OPTION_END, false, NULL, NULL, NULL, 0, 0, 0},
};

const struct jd_command jd_verify_command = {
    .name = "verify",
    .usage = "--config F --shard P|all [--from SEQ] [--to SEQ] [--json]",
    .summary = "Decide the journal again, and hold it against what was published and what Redis holds",
    .details =
        "Compares changes, counts, clock and effects of every batch; the records that a read-committed "
        "reader\n"
        "sees; and every entry in Redis with the state at the journal's end (at rest: stop the daemon, or\n"
        "wait until it has flushed). Batches whose inputs, policy or engine are gone are named and redone.\n"
        "Exit code 65: there is a difference.\n",
    .options = options,
    .arguments_size = sizeof(struct arguments),
    .run = run,
};

/* journeyd replay: history through a policy on the virtual clock, no Kafka, no Redis; or through two of them, and
 * what differs.
 *
 *   lines ──► wire ──► side (cli/side.h)                     OUT: alerts.jsonl … summary.json
 *               └────► side of --compare                     OUT/after: the same
 *                        both ──► cli/comparison.h           OUT: compare.json, compare.html */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/avro.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/comparison.h"
#include "cli/history.h"
#include "cli/progress.h"
#include "cli/side.h"

enum { PARTITIONS_MAX = 4096, PROGRESS_EVERY = 1024, PATH_SIZE = 4096 };

struct arguments {
    const char *policy, *compare, *out, *advance;
    struct jd_words events;
    int64_t partitions;
    bool drain, json;
};

/* What the watcher of a side is told with. */
struct watched {
    struct jd_comparing *comparing;
    enum jd_when when;
};

struct replay {
    const struct arguments *arguments;
    struct jd_side *sides[JD_SIDES];
    int side_count; /* 1, with --compare 2 */
    struct jd_comparing *comparing;
    struct watched watched[JD_SIDES];
    struct jd_side_config configs[JD_SIDES];
    char after[PATH_SIZE]; /* folder of the second side's files */
    struct jd_wire *wire;
    struct jd_arena arena; /* one line */
    struct jd_progress progress;
    jd_time advance; /* JD_TIME_NONE: not asked for */
    uint64_t records;
    struct jd_error *err;
};

/* ---- what comes in -------------------------------------------------------------------------------- */

static bool feed(struct replay *replay, const struct jd_history *file, struct jd_str text,
                 enum jd_wire_result result, const struct jd_decoded *record)
{
    const struct jd_fed fed = {.result = result,
                               .record = record,
                               .file = jd_history_path(file),
                               .line = jd_history_number(file),
                               .text = jd_history_is_text(file) ? text : (struct jd_str){0}};
    if (replay->comparing != NULL) {
        jd_comparing_record(replay->comparing, record->record_time);
    }
    for (int i = 0; i < replay->side_count; i++) {
        if (!jd_side_feed(replay->sides[i], &fed, replay->err)) {
            return false;
        }
    }
    return true;
}

static bool feed_file(struct replay *replay, const char *path)
{
    const struct jd_decoded too_long = {.record_time = JD_TIME_NONE,
                                        .reject = {.reason = jd_refusal_text(JD_REFUSED_TOO_LARGE)}};
    struct jd_history *file = jd_history_open(path, replay->err);
    if (file == NULL) {
        return false;
    }
    bool ok = true;
    enum jd_line_kind kind = JD_LINE_TEXT;
    while (ok && kind != JD_LINE_END) {
        struct jd_str text = {0};
        struct jd_decoded record;
        kind = jd_history_next(file, &text, replay->err);
        if (kind == JD_LINE_TEXT) {
            const enum jd_wire_result result =
                jd_history_decode(file, replay->wire, text, &replay->arena, &record);
            ok = feed(replay, file, text, result, &record);
        } else if (kind == JD_LINE_TOO_LONG) {
            ok = feed(replay, file, text, JD_WIRE_REJECT, &too_long);
        } else if (kind == JD_LINE_BROKEN) {
            ok = false;
        }
        replay->records += kind == JD_LINE_END ? 0 : 1;
        jd_arena_reset(&replay->arena);
        if (replay->records % PROGRESS_EVERY == 0) {
            jd_progress_show(&replay->progress, replay->records, jd_history_share(file));
        }
    }
    jd_history_close(file);
    return ok;
}

static bool feed_all(struct replay *replay)
{
    for (size_t i = 0; i < replay->arguments->events.count; i++) {
        if (!feed_file(replay, replay->arguments->events.items[i])) {
            return false;
        }
    }
    for (int i = 0; i < replay->side_count; i++) {
        if (!jd_side_advance(replay->sides[i], replay->advance, replay->arguments->drain, replay->err)) {
            return false;
        }
    }
    return true;
}

/* ---- what comes out ------------------------------------------------------------------------------- */

static bool watch(void *context, const struct jd_alert *alert, uint64_t offset)
{
    const struct watched *watched = context;
    jd_comparing_alert(watched->comparing, watched->when, alert, offset);
    return true;
}

typedef void write_comparison(const struct jd_comparison *comparison, struct jd_arena *arena, FILE *out);

static bool write_file(struct replay *replay, const struct jd_comparison *comparison, const char *name,
                       write_comparison *write)
{
    char path[PATH_SIZE];
    snprintf(path, sizeof(path), "%s/%s", replay->arguments->out, name);
    FILE *file = fopen(path, "w");
    bool ok = file != NULL;
    if (ok) {
        write(comparison, &replay->arena, file);
        ok = ferror(file) == 0;
        ok = fclose(file) == 0 && ok;
        jd_arena_reset(&replay->arena);
    }
    return ok || jd_error_set(replay->err, JD_EXIT_DATA, "%s: cannot be written: %s", path, strerror(errno));
}

static bool report_comparison(struct replay *replay)
{
    char alerts[JD_SIDES][PATH_SIZE + 16];
    const struct jd_policy *policies[JD_SIDES];
    struct jd_comparison comparison = {.records = replay->records};
    for (int i = 0; i < JD_SIDES; i++) {
        const struct jd_side_counts counts = jd_side_counts(replay->sides[i]);
        snprintf(alerts[i], sizeof(alerts[i]), "%s/alerts.jsonl", replay->configs[i].out);
        policies[i] = jd_side_policy(replay->sides[i]);
        comparison.alerts[i] = alerts[i];
        comparison.dead_lettered[i] = counts.dead_lettered;
        comparison.triggers[i] = counts.triggers;
    }
    if (!jd_comparing_finish(replay->comparing, policies, &comparison, replay->err) ||
        !write_file(replay, &comparison, "compare.json", jd_comparison_json) ||
        !write_file(replay, &comparison, "compare.html", jd_comparison_html)) {
        return false;
    }
    if (replay->arguments->json) {
        jd_comparison_json(&comparison, &replay->arena, stdout);
    } else {
        jd_comparison_print(&comparison, &replay->arena, stdout);
        printf("\nThe report: %s/compare.html\n", replay->arguments->out);
    }
    return true;
}

static bool report(struct replay *replay)
{
    const double seconds = jd_progress_end(&replay->progress);
    for (int i = 0; i < replay->side_count; i++) {
        if (!jd_side_finish(replay->sides[i], seconds, replay->err)) {
            return false;
        }
    }
    if (replay->comparing != NULL) {
        return report_comparison(replay);
    }
    if (replay->arguments->json) {
        const struct jd_str summary = jd_side_summary(replay->sides[JD_BEFORE]);
        fwrite(summary.ptr, 1, summary.size, stdout); /* main looks at stdout's state */
    } else {
        jd_side_print(replay->sides[JD_BEFORE], stdout);
    }
    return true;
}

/* ---- the command ---------------------------------------------------------------------------------- */

static bool open_side(struct replay *replay, enum jd_when when, const char *policy, const char *out)
{
    const int64_t partitions = replay->arguments->partitions;
    replay->watched[when] = (struct watched){replay->comparing, when};
    replay->configs[when] =
        (struct jd_side_config){.policy = policy,
                                .out = out,
                                .partitions = partitions == JD_INT_NONE ? 1 : (uint32_t)partitions,
                                .watch = replay->comparing != NULL ? watch : NULL,
                                .context = &replay->watched[when]};
    replay->sides[when] = jd_side_open(&replay->configs[when], replay->err);
    replay->side_count += replay->sides[when] != NULL ? 1 : 0;
    return replay->sides[when] != NULL;
}

static bool open_all(struct replay *replay)
{
    const struct arguments *arguments = replay->arguments;
    const struct jd_wire_config config = {.in = JD_ENCODING_JSON, .clock_record = true};
    replay->advance = JD_TIME_NONE;
    if (arguments->advance != NULL && !jd_time_parse(jd_str_of(arguments->advance), &replay->advance)) {
        return jd_error_set(replay->err, JD_EXIT_USAGE,
                            "--advance: \"%s\" is not a time such as 2026-03-04T10:00:00Z",
                            arguments->advance);
    }
    const int size = snprintf(replay->after, sizeof(replay->after), "%s/after", arguments->out);
    if (size < 0 || (size_t)size >= sizeof(replay->after)) {
        return jd_error_set(replay->err, JD_EXIT_USAGE, "--out: longer than a path may be");
    }
    replay->wire = jd_wire_new(&config, replay->err);
    if (replay->wire == NULL) {
        return false;
    }
    if (arguments->compare != NULL && (replay->comparing = jd_comparing_new()) == NULL) {
        return jd_error_set(replay->err, JD_EXIT_INTERNAL, "out of memory");
    }
    return open_side(replay, JD_BEFORE, arguments->policy, arguments->out) &&
           (arguments->compare == NULL || open_side(replay, JD_AFTER, arguments->compare, replay->after));
}

static enum jd_exit run(const void *arguments_given, const struct jd_words *operands, struct jd_error *err)
{
    jd_alloc_keep_freed();
    (void)operands; /* none: the table says so */
    struct replay replay = {.arguments = arguments_given, .err = err};
    jd_arena_init(&replay.arena, (size_t)1 << 30);
    jd_progress_start(&replay.progress, "events");
    const bool ok = open_all(&replay) && feed_all(&replay) && report(&replay);
    for (int i = 0; i < JD_SIDES; i++) {
        jd_side_close(replay.sides[i]);
    }
    jd_comparing_free(replay.comparing);
    jd_wire_free(replay.wire);
    jd_arena_done(&replay.arena);
    return ok ? JD_EXIT_OK : err->code;
}

static const struct jd_option options[] = {
    {JD_OPTION_TEXT, true, "policy", "DIR", "the policy's directory", offsetof(struct arguments, policy), 0,
     0},
    {JD_OPTION_TEXT, false, "compare", "DIR2", "another policy: what would differ if it were in force",
     offsetof(struct arguments, compare), 0, 0},
    {JD_OPTION_WORDS, true, "events", "FILE",
     "JSON lines or an Avro container file, plain or .gz; - is standard input; read in this order",
     offsetof(struct arguments, events), 0, 0},
    {JD_OPTION_TEXT, true, "out", "DIR", "where the results go; made if it is not there",
     offsetof(struct arguments, out), 0, 0},
    {JD_OPTION_INT, false, "partitions", "N", "one clock a partition, as the daemon has; default one for all",
     offsetof(struct arguments, partitions), 1, PARTITIONS_MAX},
    {JD_OPTION_TEXT, false, "advance", "T", "afterwards move the clock to T and fire the timers due",
     offsetof(struct arguments, advance), 0, 0},
    {JD_OPTION_FLAG, false, "drain", NULL, "afterwards move the clock until nothing can change any more",
     offsetof(struct arguments, drain), 0, 0},
    {JD_OPTION_FLAG, false, "json", NULL, "print the summary as JSON", offsetof(struct arguments, json), 0,
     0},
    {JD_OPTION_END, false, NULL, NULL, NULL, 0, 0, 0},
};

const struct jd_command jd_replay_command = {
    .name = "replay",
    .usage =
        "--policy DIR [--compare DIR2] --events FILE... --out DIR [--partitions N] [--advance T | --drain] "
        "[--json]",
    .summary = "Run history through a policy on the virtual clock, without Kafka and Redis",
    .details =
        "Each line is one structured-mode CloudEvent with the engagement event in `data`; lines of type\n"
        "hcp.profile and account.profile are profiles. Or Avro container files (null, deflate)\n"
        "of EngagementEvent, HcpProfile, AccountProfile, of any writer's version. The clock is that of the "
        "records (clock: record).\n"
        "Writes alerts.jsonl, shadow.jsonl (of rules in mode shadow), triggers.jsonl, decisions.jsonl "
        "(every\n"
        "revision, in order),\n"
        "dead-letters.jsonl (file, line, reason) and summary.json. A bad line never stops the run.\n\n"
        "With --compare those are of DIR, OUT/after has the same of DIR2, and compare.json and compare.html "
        "say\n"
        "which alerts appear, vanish and change, by rule, month, market and team, with examples. An alert is "
        "the\n"
        "same when rule id, key and instance are; it appears when it was never raised before.\n",
    .options = options,
    .arguments_size = sizeof(struct arguments),
    .run = run,
};

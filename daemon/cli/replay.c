/* journeyd replay: history through a policy on the virtual clock, no Kafka, no Redis.
 *
 *   lines ──► wire ──► folds (cli/virtual.h) ──► alerts.jsonl, triggers.jsonl, decisions.jsonl
 *               └────► dead-letters.jsonl                                     summary.json
 *
 * Memory is that of the states; what was decided is written at once. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/avro.h"
#include "base/contract.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/lines.h"
#include "cli/progress.h"
#include "cli/virtual.h"
#include "policy/policy.h"
#include "wire/json.h"
#include "wire/wire.h"

enum { PARTITIONS_MAX = 4096, REASONS_MAX = 64, PROGRESS_EVERY = 1024 };

struct arguments {
    const char *policy, *out, *advance;
    struct jd_words events;
    int64_t partitions;
    bool drain, json;
};

enum sink { SINK_ALERTS, SINK_TRIGGERS, SINK_DECISIONS, SINK_DEAD_LETTERS, SINK_COUNT };
static const char *const sink_names[SINK_COUNT] = {"alerts.jsonl", "triggers.jsonl", "decisions.jsonl",
                                                   "dead-letters.jsonl"};

/* What became of the alerts of one rule: how many ids, and the last status of each. */
struct rule_count {
    uint64_t alerts, revisions, by_status[JD_STATUS_END_];
};

struct replay {
    const struct arguments *arguments;
    const struct jd_program *program;
    struct jd_virtual *virtual;
    struct jd_wire *wire;
    struct jd_arena arena; /* one line, one effect */
    char *path;            /* of the file that is being written, for errors */
    FILE *sinks[SINK_COUNT];
    struct jd_progress progress;
    jd_time advance; /* JD_TIME_NONE: not asked for */
    uint64_t lines, verdicts[JD_DEAD_LETTERED + 1];
    const char *reasons[REASONS_MAX]; /* static texts */
    uint64_t reason_counts[REASONS_MAX];
    size_t reason_count;
    struct rule_count *rules; /* parallel to program->rules */
    uint64_t triggers_by_status[JD_TRIGGER_END_], triggers, decisions;
    double seconds;
    struct jd_error *err;
};

static struct rule_count *count_of(struct replay *replay, struct jd_str rule)
{
    size_t low = 0;
    size_t high = replay->program->rule_count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (jd_str_cmp(replay->program->rules[middle].id, rule) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return &replay->rules[low];
}

/* ---- what goes out -------------------------------------------------------------------------------- */

static const char *path_of(struct replay *replay, const char *name)
{
    snprintf(replay->path, strlen(replay->arguments->out) + 64, "%s/%s", replay->arguments->out, name);
    return replay->path;
}

static bool write_failed(struct replay *replay, const char *name)
{
    return jd_error_set(replay->err, JD_EXIT_DATA, "%s/%s: cannot be written: %s", replay->arguments->out,
                        name, strerror(errno));
}

static bool open_sinks(struct replay *replay)
{
    if (mkdir(replay->arguments->out, 0777) != 0 && errno != EEXIST) {
        return jd_error_set(replay->err, JD_EXIT_DATA, "%s: cannot be created: %s", replay->arguments->out,
                            strerror(errno));
    }
    for (int i = 0; i < SINK_COUNT; i++) {
        replay->sinks[i] = fopen(path_of(replay, sink_names[i]), "w");
        if (replay->sinks[i] == NULL) {
            return write_failed(replay, sink_names[i]);
        }
    }
    return true;
}

/* A full disk shows here at the latest. */
static bool close_sinks(struct replay *replay)
{
    bool ok = true;
    for (int i = 0; i < SINK_COUNT; i++) {
        FILE *file = replay->sinks[i];
        replay->sinks[i] = NULL;
        if (file != NULL) {
            const bool has_failed = ferror(file) != 0;
            if ((fclose(file) != 0 || has_failed) && ok) {
                ok = write_failed(replay, sink_names[i]);
            }
        }
    }
    return ok;
}

static bool write_line(struct replay *replay, enum sink sink, struct jd_buf *line)
{
    jd_buf_byte(line, '\n');
    return fwrite(line->bytes, 1, line->size, replay->sinks[sink]) == line->size ||
           write_failed(replay, sink_names[sink]);
}

static void count_alert(struct replay *replay, const struct jd_alert *alert)
{
    struct rule_count *count = count_of(replay, alert->rule);
    count->alerts += alert->revision == 1 ? 1 : 0;
    count->revisions++;
    if (alert->final == JD_TRUE) {
        count->by_status[alert->status]++; /* it leaves the state: count_states() will not meet it */
    }
}

static void count_trigger(struct replay *replay, const struct jd_trigger *trigger)
{
    replay->triggers += trigger->revision == 1 ? 1 : 0;
    replay->triggers_by_status[trigger->status]++;
}

static bool receive(void *context, const struct jd_effect *effect)
{
    struct replay *replay = context;
    enum sink sink = SINK_COUNT;
    switch (effect->topic) {
    case JD_TOPIC_ALERTS:
        sink = SINK_ALERTS;
        count_alert(replay, effect->value);
        break;
    case JD_TOPIC_TRIGGERS_COMMERCIAL:
    case JD_TOPIC_TRIGGERS_MEDICAL:
        sink = SINK_TRIGGERS;
        count_trigger(replay, effect->value);
        break;
    case JD_TOPIC_DECISIONS:
        sink = SINK_DECISIONS;
        replay->decisions++;
        break;
    case JD_TOPIC_END_:
        return true;
    }
    const struct jd_arena_mark mark = jd_arena_mark(&replay->arena);
    struct jd_buf line;
    jd_buf_init(&line, &replay->arena);
    jd_json_write(effect->record, effect->value, &line);
    const bool ok = write_line(replay, sink, &line);
    jd_arena_rewind(&replay->arena, mark);
    return ok;
}

static bool refuse(struct replay *replay, const struct jd_lines *lines, struct jd_str text,
                   const char *reason, const char *message)
{
    size_t i = 0;
    while (i < replay->reason_count && strcmp(replay->reasons[i], reason) != 0) {
        i++;
    }
    if (i < REASONS_MAX) {
        replay->reason_count += i == replay->reason_count ? 1 : 0;
        replay->reasons[i] = reason;
        replay->reason_counts[i]++;
    }
    struct jd_buf line;
    jd_buf_init(&line, &replay->arena);
    jd_buf_text(&line, "{\"file\":");
    jd_json_write_str(jd_str_of(jd_lines_path(lines)), &line);
    jd_buf_printf(&line, ",\"line\":%llu,\"reason\":\"%s\"", (unsigned long long)jd_lines_number(lines),
                  reason);
    if (*message != '\0') {
        jd_buf_text(&line, ",\"message\":");
        jd_json_write_str(jd_str_of(message), &line);
    }
    if (text.ptr != NULL && jd_utf8_valid(text)) {
        jd_buf_text(&line, ",\"value\":");
        jd_json_write_str(text, &line);
    }
    jd_buf_byte(&line, '}');
    return write_line(replay, SINK_DEAD_LETTERS, &line);
}

/* ---- what comes in -------------------------------------------------------------------------------- */

static bool feed_text(struct replay *replay, const struct jd_lines *lines, struct jd_str text)
{
    struct jd_decoded record;
    const enum jd_wire_result result = jd_wire_decode_line(replay->wire, text, &replay->arena, &record);
    const struct jd_str key = record.input.key;
    const uint32_t partition = key.ptr != NULL ? jd_virtual_partition(replay->virtual, key) : 0;
    enum jd_verdict verdict = result == JD_WIRE_FILTERED ? JD_FILTERED : JD_DEAD_LETTERED;
    const char *reason = record.reject.reason;
    const char *message = record.reject.message;
    if (result == JD_WIRE_INPUT && record.input.kind == JD_INPUT_CLOCK) {
        replay->verdicts[JD_APPLIED]++;
        return jd_virtual_advance(replay->virtual, record.record_time);
    }
    if (result == JD_WIRE_INPUT) {
        message = "";
        if (!jd_virtual_input(replay->virtual, partition, &record.input, record.record_time, &verdict,
                              &reason)) {
            return false;
        }
    } else if (record.record_time != JD_TIME_NONE &&
               !jd_virtual_move(replay->virtual, partition, record.record_time)) {
        return false;
    }
    replay->verdicts[verdict]++;
    return verdict != JD_DEAD_LETTERED || refuse(replay, lines, text, reason, message);
}

static bool feed_file(struct replay *replay, const char *path)
{
    struct jd_lines *lines = jd_lines_open(path, JD_RECORD_BYTES_DEFAULT, replay->err);
    if (lines == NULL) {
        return false;
    }
    bool ok = true;
    enum jd_line_kind kind = JD_LINE_TEXT;
    while (ok && kind != JD_LINE_END) {
        struct jd_str text = {0};
        kind = jd_lines_next(lines, &text, replay->err);
        if (kind == JD_LINE_TEXT) {
            ok = feed_text(replay, lines, text);
        } else if (kind == JD_LINE_TOO_LONG) {
            replay->verdicts[JD_DEAD_LETTERED]++;
            ok = refuse(replay, lines, text, jd_refusal_text(JD_REFUSED_TOO_LARGE), "");
        } else if (kind == JD_LINE_BROKEN) {
            ok = false;
        }
        replay->lines += kind == JD_LINE_END ? 0 : 1;
        jd_arena_reset(&replay->arena);
        if (replay->lines % PROGRESS_EVERY == 0) {
            jd_progress_show(&replay->progress, replay->lines, jd_lines_share(lines));
        }
    }
    jd_lines_close(lines);
    return ok;
}

static bool feed_all(struct replay *replay)
{
    for (size_t i = 0; i < replay->arguments->events.count; i++) {
        if (!feed_file(replay, replay->arguments->events.items[i])) {
            return false;
        }
    }
    return (replay->advance == JD_TIME_NONE || jd_virtual_advance(replay->virtual, replay->advance)) &&
           (!replay->arguments->drain || jd_virtual_drain(replay->virtual));
}

/* ---- the summary ---------------------------------------------------------------------------------- */

struct visit {
    struct replay *replay;
    const struct jd_fold *fold;
    bool ok;
};

/* Alerts that are not final are in the states, with their last status. */
static bool count_state(void *context, struct jd_str key)
{
    struct visit *visit = context;
    struct replay *replay = visit->replay;
    struct jd_image image;
    if (jd_fold_image(visit->fold, key, &replay->arena, &image)) {
        const struct jd_change *entries = image.entries.items;
        for (uint32_t i = 0; visit->ok && i < image.entries.count; i++) {
            struct jd_alert alert = {0};
            if (entries[i].kind == JD_ENTRY_ALERT) {
                visit->ok = jd_avro_read(jd_entry_records[JD_ENTRY_ALERT - 1], entries[i].body.body,
                                         &replay->arena, &alert, replay->err);
                if (visit->ok) {
                    count_of(replay, alert.rule)->by_status[alert.status]++;
                }
            }
        }
    }
    jd_arena_reset(&replay->arena);
    return visit->ok;
}

static bool count_states(struct replay *replay)
{
    struct visit visit = {.replay = replay, .fold = NULL, .ok = true};
    for (uint32_t i = 0; visit.ok && i < jd_virtual_partitions(replay->virtual); i++) {
        visit.fold = jd_virtual_fold(replay->virtual, i);
        jd_fold_keys(visit.fold, count_state, &visit);
    }
    return visit.ok;
}

static void summarise_rules(const struct replay *replay, struct jd_buf *out)
{
    jd_buf_text(out, "\"alerts\":{");
    for (uint32_t i = 0; i < replay->program->rule_count; i++) {
        const struct rule_count *count = &replay->rules[i];
        jd_buf_text(out, i > 0 ? "," : "");
        jd_json_write_str(replay->program->rules[i].id, out);
        jd_buf_printf(out, ":{\"alerts\":%llu,\"revisions\":%llu", (unsigned long long)count->alerts,
                      (unsigned long long)count->revisions);
        for (uint8_t status = JD_STATUS_OPEN; status < JD_STATUS_END_; status++) {
            jd_buf_printf(out, ",\"" JD_STR_FMT "\":%llu",
                          JD_STR_ARG(jd_symbol_text(&jd_status_symbols, status)),
                          (unsigned long long)count->by_status[status]);
        }
        jd_buf_byte(out, '}');
    }
    jd_buf_text(out, "},");
}

static void summarise_triggers(const struct replay *replay, struct jd_buf *out)
{
    jd_buf_printf(out, "\"triggers\":{\"triggers\":%llu", (unsigned long long)replay->triggers);
    for (uint8_t status = JD_TRIGGER_ISSUED; status < JD_TRIGGER_END_; status++) {
        jd_buf_printf(out, ",\"" JD_STR_FMT "\":%llu",
                      JD_STR_ARG(jd_symbol_text(&jd_trigger_status_symbols, status)),
                      (unsigned long long)replay->triggers_by_status[status]);
    }
    jd_buf_printf(out, "},\"decisions\":%llu,", (unsigned long long)replay->decisions);
}

static struct jd_str summarise(struct replay *replay)
{
    struct jd_buf out;
    jd_buf_init(&out, &replay->arena);
    jd_buf_printf(&out, "{\"policy\":{\"name\":");
    jd_json_write_str(replay->program->name, &out);
    jd_buf_printf(&out, ",\"hash\":\"" JD_STR_FMT "\"},\"events\":%llu,\"applied\":%llu,\"duplicates\":%llu,",
                  JD_STR_ARG(replay->program->hash), (unsigned long long)replay->lines,
                  (unsigned long long)replay->verdicts[JD_APPLIED],
                  (unsigned long long)replay->verdicts[JD_DUPLICATE]);
    jd_buf_printf(&out, "\"filtered\":%llu,\"dead_lettered\":%llu,\"reasons\":{",
                  (unsigned long long)replay->verdicts[JD_FILTERED],
                  (unsigned long long)replay->verdicts[JD_DEAD_LETTERED]);
    for (size_t i = 0; i < replay->reason_count; i++) {
        jd_buf_printf(&out, "%s\"%s\":%llu", i > 0 ? "," : "", replay->reasons[i],
                      (unsigned long long)replay->reason_counts[i]);
    }
    jd_buf_printf(&out, "},\"timers\":%llu,", (unsigned long long)jd_virtual_timers(replay->virtual));
    summarise_rules(replay, &out);
    summarise_triggers(replay, &out);
    uint64_t states = 0;
    uint64_t state_bytes = 0;
    for (uint32_t i = 0; i < jd_virtual_partitions(replay->virtual); i++) {
        states += jd_fold_key_count(jd_virtual_fold(replay->virtual, i));
        state_bytes += jd_fold_bytes(jd_virtual_fold(replay->virtual, i));
    }
    jd_buf_printf(&out, "\"states\":%llu,\"state_bytes\":%llu,\"seconds\":%.3f,\"events_per_second\":%.0f}\n",
                  (unsigned long long)states, (unsigned long long)state_bytes, replay->seconds,
                  replay->seconds > 0 ? (double)replay->lines / replay->seconds : 0);
    return jd_buf_done(&out);
}

static void print_table(const struct replay *replay)
{
    printf(
        "%llu events in %.2f s: %llu applied, %llu duplicates, %llu filtered, %llu dead-lettered\n",
        (unsigned long long)replay->lines, replay->seconds, (unsigned long long)replay->verdicts[JD_APPLIED],
        (unsigned long long)replay->verdicts[JD_DUPLICATE], (unsigned long long)replay->verdicts[JD_FILTERED],
        (unsigned long long)replay->verdicts[JD_DEAD_LETTERED]);
    for (size_t i = 0; i < replay->reason_count; i++) {
        printf("  dead-lettered %-26s %8llu\n", replay->reasons[i],
               (unsigned long long)replay->reason_counts[i]);
    }
    printf("\n%-40s %8s %8s %9s %9s\n", "rule", "alerts", "open", "retracted", "revisions");
    for (uint32_t i = 0; i < replay->program->rule_count; i++) {
        const struct rule_count *count = &replay->rules[i];
        printf("%-40.*s %8llu %8llu %9llu %9llu\n", JD_STR_ARG(replay->program->rules[i].id),
               (unsigned long long)count->alerts, (unsigned long long)count->by_status[JD_STATUS_OPEN],
               (unsigned long long)count->by_status[JD_STATUS_RETRACTED],
               (unsigned long long)count->revisions);
    }
    printf("\n%llu triggers, %llu decisions. Details in %s\n", (unsigned long long)replay->triggers,
           (unsigned long long)replay->decisions, replay->arguments->out);
}

static bool report(struct replay *replay)
{
    replay->seconds = jd_progress_end(&replay->progress);
    if (!count_states(replay)) {
        return false;
    }
    const struct jd_str summary = summarise(replay);
    FILE *file = fopen(path_of(replay, "summary.json"), "w");
    if (file == NULL) {
        return write_failed(replay, "summary.json");
    }
    const bool is_written = fwrite(summary.ptr, 1, summary.size, file) == summary.size;
    if (fclose(file) != 0 || !is_written) {
        return write_failed(replay, "summary.json");
    }
    if (replay->arguments->json) {
        fwrite(summary.ptr, 1, summary.size, stdout); /* main looks at stdout's state */
    } else {
        print_table(replay);
    }
    return true;
}

/* ---- the command ---------------------------------------------------------------------------------- */

static bool prepare(struct replay *replay)
{
    const struct arguments *arguments = replay->arguments;
    replay->advance = JD_TIME_NONE;
    if (arguments->advance != NULL && !jd_time_parse(jd_str_of(arguments->advance), &replay->advance)) {
        return jd_error_set(replay->err, JD_EXIT_USAGE,
                            "--advance: \"%s\" is not a time such as 2026-03-04T10:00:00Z",
                            arguments->advance);
    }
    replay->rules = calloc((size_t)replay->program->rule_count + 1, sizeof(*replay->rules));
    replay->path = malloc(strlen(arguments->out) + 64);
    const uint32_t partitions = arguments->partitions == JD_INT_NONE ? 1 : (uint32_t)arguments->partitions;
    replay->virtual = jd_virtual_new(replay->program, partitions, receive, replay);
    const struct jd_wire_config config = {.in = JD_ENCODING_JSON, .clock_record = true};
    replay->wire = jd_wire_new(&config, replay->err);
    if (replay->wire == NULL) {
        return false;
    }
    if (replay->rules == NULL || replay->path == NULL || replay->virtual == NULL) {
        return jd_error_set(replay->err, JD_EXIT_INTERNAL, "out of memory");
    }
    return true;
}

static enum jd_exit run(const void *arguments_given, const struct jd_words *operands, struct jd_error *err)
{
    jd_alloc_keep_freed();
    (void)operands; /* none: the table says so */
    struct jd_diagnostics problems;
    jd_diagnostics_init(&problems);
    struct replay replay = {.arguments = arguments_given, .err = err};
    struct jd_policy *policy = jd_policy_load(replay.arguments->policy, &problems);
    if (problems.count > 0) {
        jd_diagnostics_print(&problems, stderr);
    }
    enum jd_exit code = JD_EXIT_CONFIG; /* of a policy with errors: they are printed */
    if (policy != NULL) {
        replay.program = jd_policy_program(policy);
        jd_arena_init(&replay.arena, (size_t)1 << 30);
        jd_progress_start(&replay.progress, "events");
        bool ok = prepare(&replay) && open_sinks(&replay) && feed_all(&replay);
        ok = close_sinks(&replay) && ok && report(&replay);
        code = ok ? JD_EXIT_OK : err->code;
        jd_arena_done(&replay.arena);
    }
    jd_wire_free(replay.wire);
    jd_virtual_free(replay.virtual);
    free(replay.rules);
    free(replay.path);
    jd_policy_free(policy);
    jd_diagnostics_done(&problems);
    return code;
}

static const struct jd_option options[] = {
    {JD_OPTION_TEXT, true, "policy", "DIR", "the policy's directory", offsetof(struct arguments, policy), 0,
     0},
    {JD_OPTION_WORDS, true, "events", "FILE",
     "JSON lines, plain or .gz; - is standard input; read in this order", offsetof(struct arguments, events),
     0, 0},
    {JD_OPTION_TEXT, true, "out", "DIR", "where the results go; made if it is not there",
     offsetof(struct arguments, out), 0, 0},
    {JD_OPTION_INT, false, "partitions", "N", "one clock a partition, as the daemon has; default one for all",
     offsetof(struct arguments, partitions), 1, PARTITIONS_MAX},
    {JD_OPTION_TEXT, false, "advance", "T", "afterwards move the clock to T and fire the timers due",
     offsetof(struct arguments, advance), 0, 0},
    {JD_OPTION_FLAG, false, "drain", NULL, "afterwards move the clock until no timer is left",
     offsetof(struct arguments, drain), 0, 0},
    {JD_OPTION_FLAG, false, "json", NULL, "print the summary as JSON", offsetof(struct arguments, json), 0,
     0},
    {JD_OPTION_END, false, NULL, NULL, NULL, 0, 0, 0},
};

const struct jd_command jd_replay_command = {
    .name = "replay",
    .usage = "--policy DIR --events FILE... --out DIR [--partitions N] [--advance T | --drain] [--json]",
    .summary = "Run history through a policy on the virtual clock, without Kafka and Redis",
    .details =
        "Each line is one structured-mode CloudEvent with the engagement event in `data`; lines of type\n"
        "hcp.profile and account.profile are profiles. The clock is that of the records (clock: record).\n"
        "Writes alerts.jsonl, triggers.jsonl, decisions.jsonl (every revision, in order),\n"
        "dead-letters.jsonl (file, line, reason) and summary.json. A bad line never stops the run.\n",
    .options = options,
    .arguments_size = sizeof(struct arguments),
    .run = run,
};

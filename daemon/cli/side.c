#include "cli/side.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/avro.h"
#include "base/contract.h"
#include "base/str.h"
#include "wire/json.h"

enum { REASONS_MAX = 64 };

enum sink { SINK_ALERTS, SINK_SHADOW, SINK_TRIGGERS, SINK_DECISIONS, SINK_DEAD_LETTERS, SINK_COUNT };
static const char *const sink_names[SINK_COUNT] = {"alerts.jsonl", "shadow.jsonl", "triggers.jsonl",
                                                   "decisions.jsonl", "dead-letters.jsonl"};

/* What became of the alerts of one rule: how many ids, and the last status of each. */
struct rule_count {
    uint64_t alerts, revisions, by_status[JD_STATUS_END_];
};

struct jd_side {
    const struct jd_side_config *config;
    struct jd_policy *policy;
    const struct jd_program *program;
    struct jd_virtual *virtual;
    struct jd_arena arena; /* one record, one effect; in the end the summary */
    char *path;            /* of the file that is being written, for errors */
    FILE *sinks[SINK_COUNT];
    uint64_t alerts_size; /* bytes written so far */
    uint64_t records, verdicts[JD_DEAD_LETTERED + 1];
    const char *reasons[REASONS_MAX]; /* static texts */
    uint64_t reason_counts[REASONS_MAX];
    size_t reason_count;
    struct rule_count *rules; /* parallel to program->rules */
    uint64_t triggers_by_status[JD_TRIGGER_END_], triggers, decisions;
    double seconds;
    struct jd_str summary;
    struct jd_error *err;      /* of the call under way */
    const struct jd_fed *feed; /* likewise; NULL: the clock moves on */
};

static struct rule_count *count_of(struct jd_side *side, struct jd_str rule)
{
    size_t low = 0;
    size_t high = side->program->rule_count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (jd_str_cmp(side->program->rules[middle].id, rule) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return &side->rules[low];
}

/* ---- what goes out -------------------------------------------------------------------------------- */

static const char *path_of(struct jd_side *side, const char *name)
{
    snprintf(side->path, strlen(side->config->out) + 64, "%s/%s", side->config->out, name);
    return side->path;
}

static bool write_failed(struct jd_side *side, const char *name)
{
    return jd_error_set(side->err, JD_EXIT_DATA, "%s/%s: cannot be written: %s", side->config->out, name,
                        strerror(errno));
}

static bool open_sinks(struct jd_side *side)
{
    if (mkdir(side->config->out, 0777) != 0 && errno != EEXIST) {
        return jd_error_set(side->err, JD_EXIT_DATA, "%s: cannot be created: %s", side->config->out,
                            strerror(errno));
    }
    for (int i = 0; i < SINK_COUNT; i++) {
        side->sinks[i] = fopen(path_of(side, sink_names[i]), "w");
        if (side->sinks[i] == NULL) {
            return write_failed(side, sink_names[i]);
        }
    }
    return true;
}

/* A full disk shows here at the latest. */
static bool close_sinks(struct jd_side *side)
{
    bool ok = true;
    for (int i = 0; i < SINK_COUNT; i++) {
        FILE *file = side->sinks[i];
        side->sinks[i] = NULL;
        if (file != NULL) {
            const bool has_failed = ferror(file) != 0;
            if ((fclose(file) != 0 || has_failed) && ok) {
                ok = write_failed(side, sink_names[i]);
            }
        }
    }
    return ok;
}

static bool write_line(struct jd_side *side, enum sink sink, struct jd_buf *line)
{
    jd_buf_byte(line, '\n');
    return fwrite(line->bytes, 1, line->size, side->sinks[sink]) == line->size ||
           write_failed(side, sink_names[sink]);
}

static void count_alert(struct jd_side *side, const struct jd_alert *alert)
{
    struct rule_count *count = count_of(side, alert->rule);
    count->alerts += alert->revision == 1 ? 1 : 0;
    count->revisions++;
    if (alert->final == JD_TRUE) {
        count->by_status[alert->status]++; /* it leaves the state: count_states() will not meet it */
    }
}

static void count_trigger(struct jd_side *side, const struct jd_trigger *trigger)
{
    side->triggers += trigger->revision == 1 ? 1 : 0;
    side->triggers_by_status[trigger->status]++;
}

static bool receive(void *context, const struct jd_effect *effect)
{
    struct jd_side *side = context;
    enum sink sink = SINK_COUNT;
    switch (effect->topic) {
    case JD_TOPIC_ALERTS:
        sink = SINK_ALERTS;
        count_alert(side, effect->value);
        break;
    case JD_TOPIC_ALERTS_SHADOW:
        sink = SINK_SHADOW;
        count_alert(side, effect->value);
        break;
    case JD_TOPIC_TRIGGERS_COMMERCIAL:
    case JD_TOPIC_TRIGGERS_MEDICAL:
        sink = SINK_TRIGGERS;
        count_trigger(side, effect->value);
        break;
    case JD_TOPIC_DECISIONS:
        sink = SINK_DECISIONS;
        side->decisions++;
        break;
    case JD_TOPIC_ALERTS_COMMERCIAL: /* no more than alerts.jsonl has */
    case JD_TOPIC_ALERTS_MEDICAL:
    case JD_TOPIC_TOUCHES: /* goes from fold to fold */
    case JD_TOPIC_END_:
        return true;
    }
    const struct jd_arena_mark mark = jd_arena_mark(&side->arena);
    struct jd_buf line;
    jd_buf_init(&line, &side->arena);
    jd_json_write(effect->record, effect->value, &line);
    bool ok = write_line(side, sink, &line);
    if (sink == SINK_ALERTS) {
        ok = ok && (side->config->watch == NULL ||
                    side->config->watch(side->config->context, effect->value, side->alerts_size));
        side->alerts_size += line.size;
    }
    jd_arena_rewind(&side->arena, mark);
    return ok;
}

static bool refuse(struct jd_side *side, const struct jd_fed *fed, const char *reason, const char *message)
{
    size_t i = 0;
    while (i < side->reason_count && strcmp(side->reasons[i], reason) != 0) {
        i++;
    }
    if (i < REASONS_MAX) {
        side->reason_count += i == side->reason_count ? 1 : 0;
        side->reasons[i] = reason;
        side->reason_counts[i]++;
    }
    struct jd_buf line;
    jd_buf_init(&line, &side->arena);
    jd_buf_text(&line, "{\"file\":");
    jd_json_write_str(jd_str_of(fed->file), &line);
    jd_buf_printf(&line, ",\"line\":%llu,\"reason\":\"%s\"", (unsigned long long)fed->line, reason);
    if (*message != '\0') {
        jd_buf_text(&line, ",\"message\":");
        jd_json_write_str(jd_str_of(message), &line);
    }
    if (fed->text.ptr != NULL && jd_utf8_valid(fed->text)) {
        jd_buf_text(&line, ",\"value\":");
        jd_json_write_str(fed->text, &line);
    }
    jd_buf_byte(&line, '}');
    return write_line(side, SINK_DEAD_LETTERS, &line);
}

/* What an event told another key, and is refused there: the event itself was applied. */
static bool refuse_there(void *context, const struct jd_input *input, const char *reason)
{
    static const struct jd_fed nowhere = {.file = ""};
    struct jd_side *side = context;
    const struct jd_str message = jd_arena_printf(&side->arena, "by " JD_STR_FMT, JD_STR_ARG(input->key));
    return refuse(side, side->feed != NULL ? side->feed : &nowhere, reason, message.ptr);
}

/* ---- what comes in -------------------------------------------------------------------------------- */

bool jd_side_feed(struct jd_side *side, const struct jd_fed *fed, struct jd_error *err)
{
    const struct jd_decoded *record = fed->record;
    const struct jd_str key = record->input.key;
    const uint32_t partition = key.ptr != NULL ? jd_virtual_partition(side->virtual, key) : 0;
    enum jd_verdict verdict = fed->result == JD_WIRE_FILTERED ? JD_FILTERED : JD_DEAD_LETTERED;
    const char *reason = record->reject.reason;
    const char *message = record->reject.message;
    side->err = err;
    side->feed = fed;
    side->records++;
    if (fed->result == JD_WIRE_INPUT && record->input.kind == JD_INPUT_CLOCK) {
        side->verdicts[JD_APPLIED]++;
        return jd_virtual_advance(side->virtual, record->record_time);
    }
    if (fed->result == JD_WIRE_INPUT) {
        struct jd_input input = record->input;
        message = "";
        if (!jd_virtual_input(side->virtual, partition, &input, record->record_time, &verdict, &reason)) {
            return false;
        }
    } else if (record->record_time != JD_TIME_NONE &&
               !jd_virtual_move(side->virtual, partition, record->record_time)) {
        return false;
    }
    side->verdicts[verdict]++;
    const bool ok = verdict != JD_DEAD_LETTERED || refuse(side, fed, reason, message);
    jd_arena_reset(&side->arena);
    return ok;
}

bool jd_side_advance(struct jd_side *side, jd_time advance, bool drain, struct jd_error *err)
{
    side->err = err;
    side->feed = NULL;
    return (advance == JD_TIME_NONE || jd_virtual_advance(side->virtual, advance)) &&
           (!drain || jd_virtual_drain(side->virtual));
}

/* ---- the summary ---------------------------------------------------------------------------------- */

struct visit {
    struct jd_side *side;
    const struct jd_fold *fold;
    bool ok;
};

/* Alerts that are not final are in the states, with their last status; but a retracted one leaves without another
 * revision when its touches do. */
static bool count_state(void *context, struct jd_str key)
{
    struct visit *visit = context;
    struct jd_side *side = visit->side;
    struct jd_image image;
    if (jd_fold_image(visit->fold, key, &side->arena, &image)) {
        const struct jd_change *entries = image.entries.items;
        for (uint32_t i = 0; visit->ok && i < image.entries.count; i++) {
            struct jd_alert alert = {0};
            if (entries[i].kind == JD_ENTRY_ALERT) {
                visit->ok = jd_avro_read(jd_entry_records[JD_ENTRY_ALERT - 1], entries[i].body.body,
                                         &side->arena, &alert, side->err);
                if (visit->ok) {
                    count_of(side, alert.rule)->by_status[alert.status]++;
                }
            }
        }
    }
    jd_arena_reset(&side->arena);
    return visit->ok;
}

static bool count_states(struct jd_side *side)
{
    struct visit visit = {.side = side, .fold = NULL, .ok = true};
    for (uint32_t i = 0; visit.ok && i < jd_virtual_partitions(side->virtual); i++) {
        visit.fold = jd_virtual_fold(side->virtual, i);
        jd_fold_keys(visit.fold, count_state, &visit);
    }
    for (uint32_t i = 0; i < side->program->rule_count; i++) {
        uint64_t *by_status = side->rules[i].by_status;
        by_status[JD_STATUS_RETRACTED] =
            side->rules[i].alerts - by_status[JD_STATUS_OPEN] - by_status[JD_STATUS_RESOLVED];
    }
    return visit.ok;
}

static void summarise_rules(const struct jd_side *side, struct jd_buf *out)
{
    jd_buf_text(out, "\"alerts\":{");
    for (uint32_t i = 0; i < side->program->rule_count; i++) {
        const struct rule_count *count = &side->rules[i];
        jd_buf_text(out, i > 0 ? "," : "");
        jd_json_write_str(side->program->rules[i].id, out);
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

static void summarise_triggers(const struct jd_side *side, struct jd_buf *out)
{
    jd_buf_printf(out, "\"triggers\":{\"triggers\":%llu", (unsigned long long)side->triggers);
    for (uint8_t status = JD_TRIGGER_ISSUED; status < JD_TRIGGER_END_; status++) {
        jd_buf_printf(out, ",\"" JD_STR_FMT "\":%llu",
                      JD_STR_ARG(jd_symbol_text(&jd_trigger_status_symbols, status)),
                      (unsigned long long)side->triggers_by_status[status]);
    }
    jd_buf_printf(out, "},\"decisions\":%llu,", (unsigned long long)side->decisions);
}

static struct jd_str summarise(struct jd_side *side)
{
    struct jd_buf out;
    jd_buf_init(&out, &side->arena);
    jd_buf_printf(&out, "{\"policy\":{\"name\":");
    jd_json_write_str(side->program->name, &out);
    jd_buf_printf(&out, ",\"hash\":\"" JD_STR_FMT "\"},\"events\":%llu,\"applied\":%llu,\"duplicates\":%llu,",
                  JD_STR_ARG(side->program->hash), (unsigned long long)side->records,
                  (unsigned long long)side->verdicts[JD_APPLIED],
                  (unsigned long long)side->verdicts[JD_DUPLICATE]);
    jd_buf_printf(&out, "\"filtered\":%llu,\"dead_lettered\":%llu,\"reasons\":{",
                  (unsigned long long)side->verdicts[JD_FILTERED],
                  (unsigned long long)side->verdicts[JD_DEAD_LETTERED]);
    for (size_t i = 0; i < side->reason_count; i++) {
        jd_buf_printf(&out, "%s\"%s\":%llu", i > 0 ? "," : "", side->reasons[i],
                      (unsigned long long)side->reason_counts[i]);
    }
    jd_buf_printf(&out, "},\"timers\":%llu,", (unsigned long long)jd_virtual_timers(side->virtual));
    summarise_rules(side, &out);
    summarise_triggers(side, &out);
    uint64_t states = 0;
    uint64_t state_bytes = 0;
    for (uint32_t i = 0; i < jd_virtual_partitions(side->virtual); i++) {
        states += jd_fold_key_count(jd_virtual_fold(side->virtual, i));
        state_bytes += jd_fold_bytes(jd_virtual_fold(side->virtual, i));
    }
    jd_buf_printf(&out, "\"states\":%llu,\"state_bytes\":%llu,\"seconds\":%.3f,\"events_per_second\":%.0f}\n",
                  (unsigned long long)states, (unsigned long long)state_bytes, side->seconds,
                  side->seconds > 0 ? (double)side->records / side->seconds : 0);
    return jd_buf_done(&out);
}

bool jd_side_finish(struct jd_side *side, double seconds, struct jd_error *err)
{
    side->err = err;
    side->seconds = seconds;
    if (!close_sinks(side) || !count_states(side)) {
        return false;
    }
    side->summary = summarise(side);
    FILE *file = fopen(path_of(side, "summary.json"), "w");
    if (file == NULL) {
        return write_failed(side, "summary.json");
    }
    const bool is_written = fwrite(side->summary.ptr, 1, side->summary.size, file) == side->summary.size;
    return (fclose(file) == 0 && is_written) || write_failed(side, "summary.json");
}

const struct jd_policy *jd_side_policy(const struct jd_side *side)
{
    return side->policy;
}

struct jd_str jd_side_summary(const struct jd_side *side)
{
    return side->summary;
}

struct jd_side_counts jd_side_counts(const struct jd_side *side)
{
    return (struct jd_side_counts){side->records, side->verdicts[JD_DEAD_LETTERED], side->triggers};
}

void jd_side_print(const struct jd_side *side, FILE *out)
{
    fprintf(out, "%llu events in %.2f s: %llu applied, %llu duplicates, %llu filtered, %llu dead-lettered\n",
            (unsigned long long)side->records, side->seconds, (unsigned long long)side->verdicts[JD_APPLIED],
            (unsigned long long)side->verdicts[JD_DUPLICATE], (unsigned long long)side->verdicts[JD_FILTERED],
            (unsigned long long)side->verdicts[JD_DEAD_LETTERED]);
    for (size_t i = 0; i < side->reason_count; i++) {
        fprintf(out, "  dead-lettered %-26s %8llu\n", side->reasons[i],
                (unsigned long long)side->reason_counts[i]);
    }
    fprintf(out, "\n%-40s %8s %8s %9s %9s\n", "rule", "alerts", "open", "retracted", "revisions");
    for (uint32_t i = 0; i < side->program->rule_count; i++) {
        const struct rule_count *count = &side->rules[i];
        fprintf(out, "%-40.*s %8llu %8llu %9llu %9llu\n", JD_STR_ARG(side->program->rules[i].id),
                (unsigned long long)count->alerts, (unsigned long long)count->by_status[JD_STATUS_OPEN],
                (unsigned long long)count->by_status[JD_STATUS_RETRACTED],
                (unsigned long long)count->revisions);
    }
    fprintf(out, "\n%llu triggers, %llu decisions. Details in %s\n", (unsigned long long)side->triggers,
            (unsigned long long)side->decisions, side->config->out);
}

/* ---- life ------------------------------------------------------------------------------------------ */

static bool prepare(struct jd_side *side)
{
    const struct jd_side_config *config = side->config;
    struct jd_diagnostics problems;
    jd_diagnostics_init(&problems);
    side->policy = jd_policy_load(config->policy, &problems);
    if (problems.count > 0) {
        jd_diagnostics_print(&problems, stderr);
    }
    jd_diagnostics_done(&problems);
    if (side->policy == NULL) {
        *side->err = (struct jd_error){.code = JD_EXIT_CONFIG};
        return false;
    }
    side->program = jd_policy_program(side->policy);
    side->rules = calloc((size_t)side->program->rule_count + 1, sizeof(*side->rules));
    side->path = malloc(strlen(config->out) + 64);
    side->virtual = jd_virtual_new(side->program, config->partitions, receive, refuse_there, side);
    return (side->rules != NULL && side->path != NULL && side->virtual != NULL) ||
           jd_error_set(side->err, JD_EXIT_INTERNAL, "out of memory");
}

struct jd_side *jd_side_open(const struct jd_side_config *config, struct jd_error *err)
{
    struct jd_side *side = calloc(1, sizeof(*side));
    if (side == NULL) {
        jd_error_set(err, JD_EXIT_INTERNAL, "out of memory");
        return NULL;
    }
    *side = (struct jd_side){.config = config, .err = err};
    jd_arena_init(&side->arena, (size_t)1 << 30);
    if (!prepare(side) || !open_sinks(side)) {
        jd_side_close(side);
        return NULL;
    }
    return side;
}

void jd_side_close(struct jd_side *side)
{
    if (side == NULL) {
        return;
    }
    for (int i = 0; i < SINK_COUNT; i++) {
        if (side->sinks[i] != NULL) {
            fclose(side->sinks[i]); /* open still only after an error: that is what is told */
        }
    }
    jd_virtual_free(side->virtual);
    free(side->rules);
    free(side->path);
    jd_policy_free(side->policy);
    jd_arena_done(&side->arena);
    free(side);
}

/* journeyd test: scenario files (cli/scenario.h) on the virtual clock. Every scenario runs, whatever the
 * others did. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/str.h"
#include "cli/cli.h"
#include "cli/difference.h"
#include "cli/progress.h"
#include "cli/results.h"
#include "cli/scenario.h"
#include "cli/virtual.h"
#include "policy/policy.h"
#include "wire/json.h"
#include "wire/wire.h"

enum { DEPTH_MAX = 16, PATH_SIZE_MAX = 4096 };

struct arguments {
    const char *format;
};

/* Policies are loaded once a directory. */
struct loaded {
    char *path;
    struct jd_policy *policy; /* NULL: it has errors */
    char *problems;           /* those, as text; NULL: none */
    struct loaded *next;
};

struct names {
    char **items;
    size_t count, capacity;
};

struct runner {
    struct jd_results *results;
    struct jd_wire *wire;
    struct loaded *policies;
};

/* One scenario under way. */
struct play {
    struct runner *runner;
    const struct jd_scenario *scenario;
    struct jd_virtual *virtual;
    struct jd_arena arena;         /* of the whole scenario: states borrow nothing from it */
    struct jd_buf diff;            /* what differs; empty: passed */
    json_t *seen[JD_EXPECT_COUNT]; /* arrays: what came since the last expect */
};

/* ---- which files ---------------------------------------------------------------------------------- */

static void *must(void *memory)
{
    if (memory == NULL) {
        fputs("journeyd test: out of memory\n", stderr);
        abort();
    }
    return memory;
}

static void add_name(struct names *names, const char *path)
{
    if (names->count == names->capacity) {
        names->capacity = names->capacity == 0 ? 64 : names->capacity * 2;
        names->items = must(realloc(names->items, names->capacity * sizeof(*names->items)));
    }
    names->items[names->count++] = must(strdup(path));
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool ends_with(const char *text, const char *end)
{
    const size_t size = strlen(text);
    const size_t end_size = strlen(end);
    return size >= end_size && strcmp(text + size - end_size, end) == 0;
}

/* Scenario files are the *.yaml in directories named tests, and those of a directory that is named itself
 * and holds no policy. */
static bool find_files(const char *path, bool takes_files, int depth, struct names *names,
                       struct jd_error *err)
{
    DIR *directory = depth < DEPTH_MAX ? opendir(path) : NULL;
    if (directory == NULL) {
        return jd_error_set(err, JD_EXIT_DATA, "%s: cannot be opened: %s", path,
                            depth < DEPTH_MAX ? strerror(errno) : "directories are nested too deep");
    }
    bool ok = true;
    const struct dirent *item = NULL;
    while (ok && (item = readdir(directory)) != NULL) {
        char below[PATH_SIZE_MAX];
        struct stat about;
        const int size = snprintf(below, sizeof(below), "%s/%s", path, item->d_name);
        if (item->d_name[0] == '.' || size < 0 || (size_t)size >= sizeof(below) || stat(below, &about) != 0) {
            continue;
        }
        if (S_ISDIR(about.st_mode)) {
            ok = find_files(below, strcmp(item->d_name, "tests") == 0, depth + 1, names, err);
        } else if (takes_files && ends_with(item->d_name, ".yaml")) {
            add_name(names, below);
        }
    }
    closedir(directory);
    return ok;
}

static bool find_operand(const char *path, struct names *names, struct jd_error *err)
{
    struct stat about;
    if (stat(path, &about) != 0) {
        return jd_error_set(err, JD_EXIT_DATA, "%s: cannot be opened: %s", path, strerror(errno));
    }
    if (!S_ISDIR(about.st_mode)) {
        add_name(names, path);
        return true;
    }
    char policy[PATH_SIZE_MAX];
    snprintf(policy, sizeof(policy), "%s/policy.yaml", path);
    const bool is_policy = stat(policy, &about) == 0;
    const size_t from = names->count;
    if (!find_files(path, !is_policy, 0, names, err)) {
        return false;
    }
    if (names->count > from) {
        qsort(names->items + from, names->count - from, sizeof(*names->items), compare_names);
    }
    return names->count > from ||
           jd_error_set(err, JD_EXIT_DATA, "%s: holds no scenario: no tests/*.yaml in it", path);
}

/* ---- one scenario --------------------------------------------------------------------------------- */

static bool receive(void *context, const struct jd_effect *effect)
{
    static const enum jd_expected kinds[JD_TOPIC_END_] = {
        [JD_TOPIC_ALERTS] = JD_EXPECT_ALERTS,
        [JD_TOPIC_ALERTS_SHADOW] = JD_EXPECT_SHADOW_ALERTS,
        [JD_TOPIC_ALERTS_COMMERCIAL] = JD_EXPECT_COMMERCIAL_ALERTS,
        [JD_TOPIC_ALERTS_MEDICAL] = JD_EXPECT_MEDICAL_ALERTS,
        [JD_TOPIC_TRIGGERS_COMMERCIAL] = JD_EXPECT_TRIGGERS,
        [JD_TOPIC_TRIGGERS_MEDICAL] = JD_EXPECT_TRIGGERS,
        [JD_TOPIC_DECISIONS] = JD_EXPECT_DECISIONS,
    };
    struct play *play = context;
    struct jd_buf text;
    jd_buf_init(&text, &play->arena);
    jd_json_write(effect->record, effect->value, &text);
    json_array_append_new(play->seen[kinds[effect->topic]], json_loadb(text.bytes, text.size, 0, NULL));
    return true;
}

static void refused(struct play *play, struct jd_str id, const char *reason, const char *message)
{
    json_t *letter = json_pack("{s:s}", "reason", reason);
    if (id.ptr != NULL) {
        json_object_set_new(letter, "id", json_stringn(id.ptr, id.size));
    }
    if (*message != '\0') {
        json_object_set_new(letter, "message", json_string(message));
    }
    json_array_append_new(play->seen[JD_EXPECT_DEAD_LETTERS], letter);
}

/* By the shard of another key. */
static bool refused_there(void *context, const struct jd_input *input, const char *reason)
{
    refused(context, input->touch->event.id, reason, "");
    return true;
}

static bool play_record(struct play *play, const struct jd_step *step)
{
    struct jd_decoded record;
    const enum jd_wire_result result =
        jd_wire_decode_line(play->runner->wire, step->line, &play->arena, &record);
    if (result == JD_WIRE_INPUT) {
        enum jd_verdict verdict = JD_APPLIED;
        const char *reason = NULL;
        if (!jd_virtual_input(play->virtual, 0, &record.input, record.record_time, &verdict, &reason)) {
            return false;
        }
        if (verdict == JD_DEAD_LETTERED) {
            const struct jd_event *event = record.input.kind == JD_INPUT_EVENT ? record.input.event : NULL;
            refused(play, event != NULL ? event->id : (struct jd_str){0}, reason, "");
        }
        return true;
    }
    if (result == JD_WIRE_REJECT) {
        refused(play, (struct jd_str){0}, record.reject.reason, record.reject.message);
    }
    return record.record_time == JD_TIME_NONE || jd_virtual_move(play->virtual, 0, record.record_time);
}

static void expect_list(struct play *play, const struct jd_step *step, enum jd_expected which)
{
    struct jd_buf lines;
    jd_buf_init(&lines, &play->arena);
    if (!jd_difference(jd_expected_names[which], step->expected[which], play->seen[which], &lines)) {
        jd_buf_printf(&play->diff, JD_STR_FMT ":%u: ", JD_STR_ARG(step->place.file), step->place.line);
        jd_buf_str(&play->diff, jd_buf_done(&lines));
    }
}

/* What there is to say, as one text. Owned; NULL: nothing. */
static char *problems_text(const struct jd_diagnostics *problems)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = problems->count > 0 ? must(open_memstream(&text, &size)) : NULL;
    if (out != NULL) {
        jd_diagnostics_print(problems, out);
        fclose(out); /* memory only */
    }
    return text;
}

static const struct loaded *policy_at(struct runner *runner, struct jd_str path)
{
    for (const struct loaded *loaded = runner->policies; loaded != NULL; loaded = loaded->next) {
        if (strcmp(loaded->path, path.ptr) == 0) {
            return loaded;
        }
    }
    struct jd_diagnostics problems;
    jd_diagnostics_init(&problems);
    struct loaded *loaded = must(calloc(1, sizeof(*loaded)));
    struct jd_policy *policy = jd_policy_load(path.ptr, &problems);
    *loaded = (struct loaded){must(strdup(path.ptr)), policy, problems_text(&problems), runner->policies};
    runner->policies = loaded;
    if (policy != NULL && loaded->problems != NULL) {
        fputs(loaded->problems, stderr); /* warnings; of errors each scenario speaks */
    }
    jd_diagnostics_done(&problems);
    return loaded;
}

static bool play_step(struct play *play, const struct jd_step *step)
{
    switch (step->kind) {
    case JD_STEP_RECORD:
        return play_record(play, step);
    case JD_STEP_ADVANCE:
        return jd_virtual_advance(play->virtual, step->to);
    case JD_STEP_PUBLISH:
        return jd_virtual_publish(play->virtual,
                                  jd_policy_program(policy_at(play->runner, step->policy)->policy));
    case JD_STEP_EXPECT:
        break;
    }
    for (int i = 0; i < JD_EXPECT_COUNT; i++) {
        if (step->expected[i] != NULL) {
            expect_list(play, step, (enum jd_expected)i);
        }
        json_array_clear(play->seen[i]);
    }
    return true;
}

static void play_steps(struct play *play, const struct jd_program *program)
{
    play->virtual = must(jd_virtual_new(program, 1, receive, refused_there, play));
    for (int i = 0; i < JD_EXPECT_COUNT; i++) {
        play->seen[i] = must(json_array());
    }
    for (uint32_t i = 0; i < play->scenario->step_count; i++) {
        if (!play_step(play, &play->scenario->steps[i])) {
            jd_buf_printf(&play->diff, "step %u could not be run\n", i + 1);
        }
    }
    for (int i = 0; i < JD_EXPECT_COUNT; i++) {
        json_decref(play->seen[i]);
    }
    jd_virtual_free(play->virtual);
}

/* The scenario's policy, and those that it publishes. False: the diff says which do not. */
static bool policies_compile(struct play *play)
{
    const struct jd_scenario *scenario = play->scenario;
    for (uint32_t i = 0; i <= scenario->step_count; i++) {
        const struct jd_str path = i == 0 ? scenario->policy : scenario->steps[i - 1].policy;
        const struct loaded *loaded = path.ptr != NULL ? policy_at(play->runner, path) : NULL;
        if (loaded != NULL && loaded->policy == NULL) {
            jd_buf_printf(&play->diff, "the policy " JD_STR_FMT " has errors:\n%s", JD_STR_ARG(path),
                          loaded->problems);
        }
    }
    return play->diff.size == 0;
}

static void play_scenario(struct runner *runner, const struct jd_scenario *scenario)
{
    struct play play = {.runner = runner, .scenario = scenario};
    struct jd_progress clock;
    jd_progress_start(&clock, "scenarios");
    jd_arena_init(&play.arena, (size_t)256 << 20);
    jd_buf_init(&play.diff, &play.arena);
    enum jd_test_outcome outcome = JD_TEST_ERROR;
    if (policies_compile(&play)) {
        play_steps(&play, jd_policy_program(policy_at(runner, scenario->policy)->policy));
        outcome = play.diff.size == 0 ? JD_TEST_PASSED : JD_TEST_FAILED;
    }
    const struct jd_result result = {.outcome = outcome,
                                     .file = scenario->place.file,
                                     .line = scenario->place.line,
                                     .name = scenario->name,
                                     .text = jd_buf_done(&play.diff),
                                     .seconds = jd_progress_end(&clock)};
    jd_results_add(runner->results, &result);
    jd_arena_done(&play.arena);
}

static void play_file(struct runner *runner, const char *path)
{
    struct jd_arena arena;
    struct jd_diagnostics problems;
    const struct jd_scenario *scenarios = NULL;
    uint32_t count = 0;
    jd_arena_init(&arena, (size_t)256 << 20);
    jd_diagnostics_init(&problems);
    const bool is_read = jd_scenarios_read(path, &arena, &problems, &scenarios, &count);
    char *text = problems_text(&problems);
    if (!is_read) {
        const struct jd_result result = {.outcome = JD_TEST_ERROR,
                                         .file = jd_str_of(path),
                                         .line = 1,
                                         .name = jd_str_of(path),
                                         .text = jd_arena_printf(&arena, "the file has errors:\n%s", text)};
        jd_results_add(runner->results, &result);
    } else if (text != NULL) {
        fputs(text, stderr);
    }
    for (uint32_t i = 0; is_read && i < count; i++) {
        play_scenario(runner, &scenarios[i]);
    }
    free(text);
    jd_diagnostics_done(&problems);
    jd_arena_done(&arena);
}

/* ---- the command ---------------------------------------------------------------------------------- */

static void free_all(struct runner *runner, struct names *names)
{
    while (runner->policies != NULL) {
        struct loaded *loaded = runner->policies;
        runner->policies = loaded->next;
        jd_policy_free(loaded->policy);
        free(loaded->path);
        free(loaded->problems);
        free(loaded);
    }
    for (size_t i = 0; i < names->count; i++) {
        free(names->items[i]);
    }
    free(names->items);
    jd_wire_free(runner->wire);
}

static enum jd_exit run(const void *arguments_given, const struct jd_words *operands, struct jd_error *err)
{
    const struct arguments *arguments = arguments_given;
    const struct jd_wire_config config = {.in = JD_ENCODING_JSON, .clock_record = true};
    enum jd_results_format format = JD_RESULTS_TEXT;
    if (!jd_results_format_of(arguments->format, &format, err)) {
        return JD_EXIT_USAGE;
    }
    struct runner runner = {.wire = jd_wire_new(&config, err)};
    struct names names = {0};
    bool ok = runner.wire != NULL;
    for (size_t i = 0; ok && i < operands->count; i++) {
        ok = find_operand(operands->items[i], &names, err);
    }
    uint64_t failed = 0;
    if (ok) {
        runner.results = jd_results_new(format, stdout);
        for (size_t i = 0; i < names.count; i++) {
            play_file(&runner, names.items[i]);
        }
        failed = jd_results_end(runner.results);
    }
    free_all(&runner, &names);
    if (!ok) {
        return err->code;
    }
    return failed == 0 ? JD_EXIT_OK : JD_EXIT_DATA;
}

static const struct jd_option options[] = {
    {JD_OPTION_TEXT, false, "format", "FORMAT", "text, tap (version 14) or junit (XML); default text",
     offsetof(struct arguments, format), 0, 0},
    {JD_OPTION_END, false, NULL, NULL, NULL, 0, 0, 0},
};

const struct jd_command jd_test_command = {
    .name = "test",
    .usage = "DIR|FILE... [--format text|tap|junit]",
    .summary = "Run scenario files against a policy on the virtual clock",
    .details = "Of a directory, the *.yaml in every directory named tests are run. A scenario:\n\n"
               "  name: a rep plans a visit the day after the MSL\n"
               "  policy: ..                      # default: the directory above the file's\n"
               "  steps:\n"
               "    - event: { type: ..., hcp_id: h1, start: ..., recorded_at: ... }\n"
               "    - profile: { hcp_id: h1, country: DE }\n"
               "    - account_profile: { account_id: a1 }\n"
               "    - advance: 2026-03-05T00:00:00Z\n"
               "    - publish: ../stricter        # another policy takes over\n"
               "    - expect:                     # what came since the last expect, in order\n"
               "        alerts: [ { rule: medical-commercial-week, status: open } ]\n"
               "        triggers: 1               # or only how many\n\n"
               "Of each item only the named fields are compared; null means absent. What is expected and "
               "does not come\n"
               "is shown beside the nearest of what came, field by field. Every scenario runs, whatever the "
               "others did.\n"
               "Exit code 65: one failed, or its file or policy has errors.\n",
    .options = options,
    .arguments_size = sizeof(struct arguments),
    .operands_min = 1,
    .operands_max = SIZE_MAX,
    .run = run,
};

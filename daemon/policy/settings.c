/* Reads the configuration: defaults, then the file, then the environment, each value through its row.
 *
 * Whatever is wrong is reported where it stands, and reading goes on. */
#include "policy/settings.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "policy/settings_table.h"
#include "policy/value.h"
#include "policy/yaml.h"

enum { ARENA_MAX = 256 << 20 }; /* far above what JD_YAML_NODES_MAX nodes and the secrets take */

/* ---- the file ----------------------------------------------------------------------------------- */

/* Names of a section's rows, or of all sections and top-level rows; for hints. Ends with NULL. */
static void names_of(const char *section, const char *names[JD_SETTING_ROWS_MAX + 2])
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < jd_setting_row_count; i++) {
        const struct jd_setting_row *row = &jd_setting_rows[i];
        if (strcmp(row->section, section) == 0)
            names[count++] = row->name;
        else if (section[0] == '\0' && (i == 0 || strcmp(jd_setting_rows[i - 1].section, row->section) != 0))
            names[count++] = row->section;
    }
    if (section[0] == '\0')
        names[count++] = "kafka";
    names[count] = NULL;
}

static void unknown_name(struct jd_settings_file *f, struct jd_place place, const char *section,
                         struct jd_str name)
{
    const char *names[JD_SETTING_ROWS_MAX + 2];
    names_of(section, names);
    jd_problem_add(f->problems, JD_PROBLEM_ERROR, place, "%s%sunknown option \"" JD_STR_FMT "\"", section,
                   section[0] != '\0' ? ": " : "", JD_STR_ARG(name));
    for (uint32_t i = 0; i < jd_setting_row_count; i++) {
        const struct jd_setting_row *row = &jd_setting_rows[i];
        if (jd_str_eq(name, jd_str_of(row->name))) { /* in another section */
            jd_problem_hint(f->problems, "it belongs %s%s",
                            row->section[0] != '\0' ? "under " : "at the top level", row->section);
            return;
        }
    }
    jd_problem_suggest(f->problems, name, names);
}

static const struct jd_setting_row *find_row(const char *section, struct jd_str name)
{
    for (uint32_t i = 0; i < jd_setting_row_count; i++)
        if (strcmp(jd_setting_rows[i].section, section) == 0 &&
            jd_str_eq(name, jd_str_of(jd_setting_rows[i].name)))
            return &jd_setting_rows[i];
    return NULL;
}

static bool is_scalar(struct jd_settings_file *f, const struct jd_member *member)
{
    if (member->value.kind == JD_NODE_SCALAR && !jd_node_is_null(&member->value))
        return true;
    jd_problem_add(f->problems, JD_PROBLEM_ERROR,
                   member->value.kind == JD_NODE_SCALAR ? member->place : member->value.place,
                   member->value.kind == JD_NODE_SCALAR ? "" JD_STR_FMT " has no value"
                                                        : "" JD_STR_FMT
                                                          ": expected one value, not a list or a map",
                   JD_STR_ARG(member->key));
    return false;
}

static void read_section(struct jd_settings_file *f, const char *section, const struct jd_node *node)
{
    if (jd_node_is_null(node))
        return; /* all of it commented out */
    if (node->kind != JD_NODE_MAP) {
        jd_problem_add(f->problems, JD_PROBLEM_ERROR, node->place, "%s: expected a map of options", section);
        return;
    }
    for (uint32_t i = 0; i < node->count; i++) {
        const struct jd_member *member = &node->members[i];
        struct jd_written w = {member->value.text, member->value.place};
        const struct jd_setting_row *row = find_row(section, member->key);
        if (strcmp(section, "kafka") == 0) {
            if (is_scalar(f, member))
                jd_setting_set_property(f, member->key, w);
        } else if (row == NULL) {
            unknown_name(f, member->place, section, member->key);
        } else if (is_scalar(f, member)) {
            jd_setting_set(f, row, w);
        }
    }
}

static bool is_section(struct jd_str name)
{
    for (uint32_t i = 0; i < jd_setting_row_count; i++)
        if (jd_setting_rows[i].section[0] != '\0' && jd_str_eq(name, jd_str_of(jd_setting_rows[i].section)))
            return true;
    return jd_str_eq(name, JD_STR("kafka"));
}

static void read_root(struct jd_settings_file *f, const struct jd_node *root)
{
    if (root->kind != JD_NODE_MAP) {
        jd_problem_add(f->problems, JD_PROBLEM_ERROR, root->place, "expected a map of options");
        return;
    }
    for (uint32_t i = 0; i < root->count; i++) {
        const struct jd_member *member = &root->members[i];
        const struct jd_setting_row *row = find_row("", member->key);
        if (is_section(member->key))
            read_section(f, member->key.ptr, &member->value);
        else if (row == NULL)
            unknown_name(f, member->place, "", member->key);
        else if (is_scalar(f, member))
            jd_setting_set(f, row, (struct jd_written){member->value.text, member->value.place});
    }
}

/* ---- the environment ---------------------------------------------------------------------------- */

static bool starts_with(struct jd_str text, const char *start)
{
    size_t size = strlen(start);
    return text.size >= size && memcmp(text.ptr, start, size) == 0;
}

static struct jd_str after(struct jd_str text, size_t size)
{
    return (struct jd_str){text.ptr + size, text.size - (uint32_t)size};
}

static const char prefix[] = "JOURNEYD_";

static char upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c == '.' ? '_' : c;
}

/* Whether `variable` (without the prefix) is how the environment spells section and name. */
static bool spells(struct jd_str variable, const char *section, const char *name)
{
    uint32_t at = 0;
    for (; *section != '\0'; section++, at++)
        if (at == variable.size || variable.ptr[at] != upper(*section))
            return false;
    if (at > 0) {
        if (variable.size - at < 2 || memcmp(variable.ptr + at, "__", 2) != 0)
            return false;
        at += 2;
    }
    for (; *name != '\0'; name++, at++)
        if (at == variable.size || variable.ptr[at] != upper(*name))
            return false;
    return at == variable.size;
}

/* KAFKA__SASL_PASSWORD_FILE -> sasl.password_file: '_' stands for '.', but before the `file` of a secret. */
static struct jd_str property_name(struct jd_settings_file *f, struct jd_str variable)
{
    char *name = jd_arena_alloc(&f->arena, (size_t)variable.size + 1);
    for (uint32_t i = 0; i < variable.size; i++) {
        char c = variable.ptr[i];
        name[i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c == '_' ? '.' : c;
    }
    struct jd_str whole = {name, variable.size};
    uint32_t tail = (uint32_t)strlen(".file");
    if (whole.size > tail && memcmp(name + whole.size - tail, ".file", tail) == 0 &&
        jd_setting_is_secret((struct jd_str){name, whole.size - tail}))
        name[whole.size - tail] = '_';
    return whole;
}

static void read_variable(struct jd_settings_file *f, struct jd_str variable, struct jd_written w)
{
    for (uint32_t i = 0; i < jd_setting_row_count; i++)
        if (spells(variable, jd_setting_rows[i].section, jd_setting_rows[i].name)) {
            jd_setting_set(f, &jd_setting_rows[i], w);
            return;
        }
    if (starts_with(variable, "KAFKA__") && variable.size > strlen("KAFKA__")) {
        jd_setting_set_property(f, property_name(f, after(variable, strlen("KAFKA__"))), w);
        return;
    }
    jd_problem_add(f->problems, JD_PROBLEM_ERROR, w.place, "no option is spelt so");
    jd_problem_hint(f->problems, "JOURNEYD_<OPTION> or JOURNEYD_<SECTION>__<OPTION>, upper case, '.' as '_'");
}

static void read_environment(struct jd_settings_file *f, char *const *environment)
{
    for (; environment != NULL && *environment != NULL; environment++) {
        struct jd_str entry = jd_str_of(*environment);
        const char *equals = strchr(*environment, '=');
        if (equals == NULL || !starts_with(entry, prefix))
            continue;
        struct jd_str name = {entry.ptr, (uint32_t)(equals - entry.ptr)};
        struct jd_place place = {
            jd_arena_printf(&f->arena, "environment variable " JD_STR_FMT, JD_STR_ARG(name)), 0, 0};
        read_variable(f, after(name, strlen(prefix)), (struct jd_written){jd_str_of(equals + 1), place});
    }
}

/* ---- what values mean together ------------------------------------------------------------------ */

/* A topic's default as the configuration has it: `<name>` in front stands for the group or for a topic.
 * Absent where that topic is `none`: then it has no dead letters either. */
static struct jd_str default_topic(struct jd_settings_file *f, const struct jd_setting_row *row)
{
    const char *close = strchr(row->value, '>');
    if (row->value[0] != '<' || close == NULL)
        return jd_str_of(row->value);
    struct jd_str name = {row->value + 1, (uint32_t)(close - row->value - 1)};
    const struct jd_setting_row *of = find_row(jd_str_eq(name, JD_STR("group")) ? "" : "topics", name);
    struct jd_str stem = jd_setting_text(f, of);
    if (stem.ptr == NULL)
        return stem;
    return jd_arena_printf(&f->arena, JD_STR_FMT "%s", JD_STR_ARG(stem), close + 1);
}

static bool is_default(const struct jd_settings_file *f, uint32_t row)
{
    return f->places[row].file.ptr == NULL;
}

/* Of topics, after everything else; of all others, before. A default has no place. */
static void set_defaults(struct jd_settings_file *f, bool topics)
{
    for (uint32_t i = 0; i < jd_setting_row_count; i++) {
        const struct jd_setting_row *row = &jd_setting_rows[i];
        bool is_topic = strcmp(row->section, "topics") == 0;
        if (row->value == NULL || is_topic != topics || !is_default(f, i))
            continue;
        struct jd_written w = {.text = topics ? default_topic(f, row) : jd_str_of(row->value)};
        if (w.text.ptr != NULL)
            jd_setting_set(f, row, w);
        f->places[i] = (struct jd_place){0};
    }
}

/* Where to say that something is missing or does not fit: the option if it was written, else the file. */
static struct jd_place place_of(const struct jd_settings_file *f, const char *section, const char *name,
                                struct jd_str file)
{
    const struct jd_setting_row *row = find_row(section, jd_str_of(name));
    uint32_t i = (uint32_t)(row - jd_setting_rows);
    return is_default(f, i) ? (struct jd_place){file, 0, 0} : f->places[i];
}

static void check_required(struct jd_settings_file *f, struct jd_str file)
{
    for (uint32_t i = 0; i < jd_setting_row_count; i++) {
        const struct jd_setting_row *row = &jd_setting_rows[i];
        if (row->required && is_default(f, i))
            jd_problem_add(f->problems, JD_PROBLEM_ERROR, (struct jd_place){file, 0, 0}, "%s: %s is missing",
                           row->section, row->name);
    }
    for (uint32_t i = 0; i < f->settings.kafka_count; i++)
        if (jd_str_eq(f->kafka[i].name, JD_STR("bootstrap.servers")))
            return;
    jd_problem_add(f->problems, JD_PROBLEM_ERROR, (struct jd_place){file, 0, 0},
                   "kafka: bootstrap.servers is missing");
    jd_problem_hint(f->problems, "kafka: { bootstrap.servers: host:port }");
}

static void check_topics(struct jd_settings_file *f, struct jd_str file)
{
    for (uint32_t i = 0; i < jd_setting_row_count; i++) {
        if (strcmp(jd_setting_rows[i].section, "topics") != 0 ||
            jd_setting_text(f, &jd_setting_rows[i]).ptr == NULL)
            continue;
        for (uint32_t j = i + 1; j < jd_setting_row_count; j++) {
            const struct jd_setting_row *other = &jd_setting_rows[j];
            if (strcmp(other->section, "topics") != 0 ||
                !jd_str_eq(jd_setting_text(f, &jd_setting_rows[i]), jd_setting_text(f, other)))
                continue;
            jd_problem_add(
                f->problems, JD_PROBLEM_ERROR,
                place_of(f, "topics", is_default(f, j) ? jd_setting_rows[i].name : other->name, file),
                "topics: %s and %s are the same topic", jd_setting_rows[i].name, other->name);
        }
    }
}

static void check_together(struct jd_settings_file *f, struct jd_str file)
{
    const struct jd_settings *s = &f->settings;
    if (s->encoding.out == JD_SETTING_ENCODING_AVRO && s->registry.url.ptr == NULL) {
        jd_problem_add(f->problems, JD_PROBLEM_ERROR, place_of(f, "encoding", "out", file),
                       "encoding: out: avro needs registry: { url: ... }");
    }
    if (s->limits.batch_bytes < s->max_record_bytes || s->limits.queue_bytes < s->max_record_bytes)
        jd_problem_add(f->problems, JD_PROBLEM_ERROR, place_of(f, "", "max_record_bytes", file),
                       "max_record_bytes must not be more than limits: batch_bytes or queue_bytes");
    if (s->limits.unflushed_states < s->limits.batch_changes)
        jd_problem_add(f->problems, JD_PROBLEM_ERROR, place_of(f, "limits", "unflushed_states", file),
                       "limits: unflushed_states must not be less than batch_changes");
    if (s->limits.unflushed_bytes < s->limits.batch_bytes)
        jd_problem_add(f->problems, JD_PROBLEM_ERROR, place_of(f, "limits", "unflushed_bytes", file),
                       "limits: unflushed_bytes must not be less than batch_bytes");
    if (s->retry.backoff_max_ms < s->retry.backoff_ms)
        jd_problem_add(f->problems, JD_PROBLEM_ERROR, place_of(f, "retry", "backoff_max", file),
                       "retry: backoff_max must not be less than backoff");
}

/* False: there is nothing to judge as a whole. */
static bool read_file(struct jd_settings_file *f, const char *path)
{
    struct jd_str text;
    struct jd_error err;
    if (!jd_file_read(path, JD_YAML_SIZE_MAX, &f->arena, &text, &err)) {
        jd_problem_add(f->problems, JD_PROBLEM_ERROR, (struct jd_place){jd_str_of(path), 0, 0},
                       "cannot be read: %s", err.text);
        return false;
    }
    const struct jd_node *root =
        jd_yaml_parse(text, jd_arena_str(&f->arena, jd_str_of(path)), &f->arena, f->problems);
    if (root != NULL)
        read_root(f, root);
    return root != NULL;
}

struct jd_settings_file *jd_settings_load(const char *path, char *const *environment,
                                          struct jd_diagnostics *problems)
{
    struct jd_settings_file *f = calloc(1, sizeof *f);
    if (f == NULL) {
        jd_problem_add(problems, JD_PROBLEM_ERROR, (struct jd_place){0}, "no memory for the configuration");
        return NULL;
    }
    uint32_t errors_before = problems->errors;
    jd_arena_init(&f->arena, ARENA_MAX);
    f->problems = problems;
    f->settings.kafka = f->kafka;
    set_defaults(f, false);
    bool is_read = path == NULL || read_file(f, path);
    read_environment(f, environment);
    set_defaults(f, true);
    if (is_read) {
        struct jd_str file = jd_arena_str(&f->arena, jd_str_of(path != NULL ? path : "environment"));
        check_required(f, file);
        check_topics(f, file);
        check_together(f, file);
    }
    f->problems = NULL;
    if (problems->errors == errors_before)
        return f;
    jd_settings_free(f);
    return NULL;
}

void jd_settings_free(struct jd_settings_file *f)
{
    if (f == NULL)
        return;
    for (uint32_t i = 0; i < f->secret_count; i++)
        explicit_bzero(f->secrets[i].bytes, f->secrets[i].size);
    jd_arena_done(&f->arena);
    free(f);
}

const struct jd_settings *jd_settings_of(const struct jd_settings_file *f)
{
    return &f->settings;
}

/* YAML to steps. Events and profiles become JSON by their field tables, so that a scenario goes through the
 * same decoder as a record from Kafka. */
#include "cli/scenario.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/avro.h"
#include "base/contract.h"
#include "base/str.h"
#include "wire/json.h"

enum { FIELDS_MAX = 64 };

const char *const jd_expected_names[JD_EXPECT_COUNT + 1] = {
    "alerts",   "commercial_alerts", "medical_alerts", "shadow_alerts",
    "triggers", "decisions",         "dead_letters",   NULL};

struct reading {
    struct jd_arena *arena;
    struct jd_diagnostics *problems;
    const char *path;
    jd_time now;      /* latest time that a step named: recorded_at of a profile without one */
    uint32_t ordinal; /* of the step, from 1 */
};

/* ---- maps by field table -------------------------------------------------------------------------- */

static void unknown_field(const struct reading *r, const struct jd_member *member,
                          const struct jd_record *record)
{
    const char *names[FIELDS_MAX + 1] = {NULL};
    for (uint32_t i = 0; i < record->count && i < FIELDS_MAX; i++) {
        names[i] = record->fields[i].name;
    }
    jd_problem_add(r->problems, JD_PROBLEM_ERROR, member->place, "%s has no field \"" JD_STR_FMT "\"",
                   record->name, JD_STR_ARG(member->key));
    jd_problem_suggest(r->problems, member->key, names);
}

static const struct jd_field *field_of(const struct jd_record *record, struct jd_str name)
{
    for (uint32_t i = 0; i < record->count; i++) {
        if (jd_str_eq(jd_str_of(record->fields[i].name), name)) {
            return &record->fields[i];
        }
    }
    return NULL;
}

static void write_map(const struct reading *r, const struct jd_record *record, const struct jd_node *node,
                      const char *const *without, struct jd_buf *out);

static void wrong_kind(const struct reading *r, const struct jd_node *node, const char *name,
                       const char *wanted)
{
    jd_problem_add(r->problems, JD_PROBLEM_ERROR, node->place, "%s must be %s", name, wanted);
}

/* A number or truth value stands bare in JSON; the decoder judges it. */
static bool is_bare(const struct jd_field *field, struct jd_str text)
{
    if (field->kind == JD_BOOL) {
        return jd_str_eq(text, JD_STR("true")) || jd_str_eq(text, JD_STR("false"));
    }
    bool is_number = (field->kind == JD_INT || field->kind == JD_DOUBLE) && text.size > 0;
    for (uint32_t i = 0; i < text.size; i++) {
        is_number = is_number && strchr("+-.0123456789eE", text.ptr[i]) != NULL && text.ptr[i] != '\0';
    }
    return is_number;
}

static void write_scalar(const struct jd_field *field, struct jd_str text, struct jd_buf *out)
{
    if (is_bare(field, text)) {
        jd_buf_str(out, text);
    } else {
        jd_json_write_str(text, out);
    }
}

static void write_list(const struct reading *r, const struct jd_field *field, const struct jd_node *node,
                       struct jd_buf *out)
{
    jd_buf_byte(out, '[');
    for (uint32_t i = 0; i < node->count; i++) {
        const struct jd_node *item = &node->items[i];
        jd_buf_text(out, i > 0 ? "," : "");
        if (field->record != NULL && item->kind == JD_NODE_MAP) {
            write_map(r, field->record, item, NULL, out);
        } else if (field->record == NULL && item->kind == JD_NODE_SCALAR) {
            jd_json_write_str(item->text, out);
        } else {
            wrong_kind(r, item, field->name, field->record != NULL ? "a list of maps" : "a list of texts");
            jd_buf_text(out, "null");
        }
    }
    jd_buf_byte(out, ']');
}

static void write_texts(const struct reading *r, const struct jd_node *node, struct jd_buf *out)
{
    jd_buf_byte(out, '{');
    for (uint32_t i = 0; i < node->count; i++) {
        const struct jd_member *member = &node->members[i];
        jd_buf_text(out, i > 0 ? "," : "");
        jd_json_write_str(member->key, out);
        jd_buf_byte(out, ':');
        if (member->value.kind != JD_NODE_SCALAR) {
            wrong_kind(r, &member->value, "a value of this map", "text");
        }
        jd_json_write_str(member->value.kind == JD_NODE_SCALAR ? member->value.text : JD_STR(""), out);
    }
    jd_buf_byte(out, '}');
}

static void write_value(const struct reading *r, const struct jd_field *field, const struct jd_node *node,
                        struct jd_buf *out)
{
    static const char *const wanted[] = {
        [JD_NODE_SCALAR] = "text", [JD_NODE_LIST] = "a list", [JD_NODE_MAP] = "a map"};
    enum jd_node_kind kind = JD_NODE_SCALAR;
    if (field->kind == JD_LIST) {
        kind = JD_NODE_LIST;
    } else if (field->kind == JD_RECORD || field->kind == JD_MAP) {
        kind = JD_NODE_MAP;
    }
    if (node->kind != kind) {
        wrong_kind(r, node, field->name, wanted[kind]);
        jd_buf_text(out, "null");
    } else if (field->kind == JD_LIST) {
        write_list(r, field, node, out);
    } else if (field->kind == JD_MAP) {
        write_texts(r, node, out);
    } else if (field->kind == JD_RECORD) {
        write_map(r, field->record, node, NULL, out);
    } else {
        write_scalar(field, node->text, out);
    }
}

static bool is_among(struct jd_str name, const char *const *names)
{
    for (; names != NULL && *names != NULL; names++) {
        if (jd_str_eq(name, jd_str_of(*names))) {
            return true;
        }
    }
    return false;
}

static void write_map(const struct reading *r, const struct jd_record *record, const struct jd_node *node,
                      const char *const *without, struct jd_buf *out)
{
    jd_buf_byte(out, '{');
    bool is_first = true;
    for (uint32_t i = 0; i < node->count; i++) {
        const struct jd_member *member = &node->members[i];
        const struct jd_field *field = field_of(record, member->key);
        if (field == NULL) {
            unknown_field(r, member, record);
        } else if (!is_among(member->key, without) && !jd_node_is_null(&member->value)) {
            jd_buf_text(out, is_first ? "" : ",");
            jd_json_write_str(member->key, out);
            jd_buf_byte(out, ':');
            write_value(r, field, &member->value, out);
            is_first = false;
        }
    }
    jd_buf_byte(out, '}');
}

/* ---- steps ---------------------------------------------------------------------------------------- */

static struct jd_str scalar_of(const struct jd_node *map, const char *name)
{
    const struct jd_member *member = jd_node_member(map, name);
    return member != NULL && member->value.kind == JD_NODE_SCALAR && !jd_node_is_null(&member->value)
               ? member->value.text
               : (struct jd_str){0};
}

static void write_attribute(struct jd_buf *out, const char *name, struct jd_str value)
{
    if (value.ptr != NULL) {
        jd_buf_printf(out, "\"%s\":", name);
        jd_json_write_str(value, out);
        jd_buf_byte(out, ',');
    }
}

static struct jd_str first_of(struct jd_str a, struct jd_str b)
{
    return a.ptr != NULL ? a : b;
}

/* The envelope's attributes come from the map, else from the step; the rest is `data`. */
static struct jd_str record_line(struct reading *r, const struct jd_record *record,
                                 const struct jd_node *node)
{
    static const char *const envelope[] = {"id", "source", "type", "time", NULL};
    const bool is_event = record == &jd_event_record;
    const struct jd_str recorded_at = scalar_of(node, "recorded_at");
    struct jd_str time = is_event ? first_of(scalar_of(node, "time"), recorded_at) : recorded_at;
    jd_time parsed = JD_TIME_NONE;
    if (time.ptr != NULL && jd_time_parse(time, &parsed) && parsed > r->now) {
        r->now = parsed;
    }
    const bool needs_recorded_at = !is_event && recorded_at.ptr == NULL;
    if (time.ptr == NULL && r->now != JD_TIME_NONE) {
        time = jd_time_text(r->now, r->arena);
    }
    struct jd_str type = scalar_of(node, "type");
    if (!is_event) {
        type = record == &jd_hcp_profile_record ? JD_STR("hcp.profile") : JD_STR("account.profile");
    }
    struct jd_buf out;
    jd_buf_init(&out, r->arena);
    jd_buf_text(&out, "{\"specversion\":\"1.0\",");
    write_attribute(&out, "id",
                    first_of(is_event ? scalar_of(node, "id") : (struct jd_str){0},
                             jd_arena_printf(r->arena, "step-%u", r->ordinal)));
    write_attribute(&out, "source",
                    first_of(is_event ? scalar_of(node, "source") : (struct jd_str){0}, JD_STR("test")));
    write_attribute(&out, "type", type);
    write_attribute(&out, "time", time);
    jd_buf_text(&out, "\"datacontenttype\":\"application/json\",\"data\":");
    write_map(r, record, node, is_event ? envelope : NULL, &out);
    if (needs_recorded_at && time.ptr != NULL) {
        out.size--; /* before the brace that ends it */
        jd_buf_text(&out, node->count > 0 ? ",\"recorded_at\":" : "\"recorded_at\":");
        jd_json_write_str(time, &out);
        jd_buf_byte(&out, '}');
    }
    jd_buf_byte(&out, '}');
    return jd_buf_done(&out);
}

/* Names in an expectation must exist: a misspelt one would never differ from "absent". */
static void check_expected(const struct reading *r, const struct jd_record *record,
                           const struct jd_node *node)
{
    if (node->kind == JD_NODE_LIST) {
        for (uint32_t i = 0; i < node->count; i++) {
            check_expected(r, record, &node->items[i]);
        }
        return;
    }
    for (uint32_t i = 0; node->kind == JD_NODE_MAP && i < node->count; i++) {
        const struct jd_member *member = &node->members[i];
        const struct jd_field *field = field_of(record, member->key);
        if (field == NULL) {
            unknown_field(r, member, record);
        } else if (field->record != NULL) {
            check_expected(r, field->record, &member->value);
        }
    }
}

static void read_expect(const struct reading *r, const struct jd_node *node, struct jd_step *step)
{
    static const struct jd_record *const records[JD_EXPECT_COUNT] = {
        [JD_EXPECT_ALERTS] = &jd_alert_record,         [JD_EXPECT_COMMERCIAL_ALERTS] = &jd_alert_record,
        [JD_EXPECT_MEDICAL_ALERTS] = &jd_alert_record, [JD_EXPECT_SHADOW_ALERTS] = &jd_alert_record,
        [JD_EXPECT_TRIGGERS] = &jd_trigger_record,     [JD_EXPECT_DECISIONS] = &jd_decision_record,
    };
    step->kind = JD_STEP_EXPECT;
    for (uint32_t i = 0; node->kind == JD_NODE_MAP && i < node->count; i++) {
        const struct jd_member *member = &node->members[i];
        size_t which = 0;
        while (which < JD_EXPECT_COUNT && !jd_str_eq(member->key, jd_str_of(jd_expected_names[which]))) {
            which++;
        }
        if (which == JD_EXPECT_COUNT) {
            jd_problem_add(r->problems, JD_PROBLEM_ERROR, member->place,
                           "expect has no member \"" JD_STR_FMT "\"", JD_STR_ARG(member->key));
            jd_problem_suggest(r->problems, member->key, jd_expected_names);
            continue;
        }
        step->expected[which] = &member->value;
        if (member->value.kind == JD_NODE_MAP) {
            wrong_kind(r, &member->value, jd_expected_names[which], "a list of maps, or how many");
        } else if (records[which] != NULL) {
            check_expected(r, records[which], &member->value);
        }
    }
    if (node->kind != JD_NODE_MAP || node->count == 0) {
        wrong_kind(r, node, "expect",
                   "a map with alerts, commercial_alerts, medical_alerts, shadow_alerts, triggers, decisions "
                   "or dead_letters");
    }
}

static void read_advance(struct reading *r, const struct jd_node *node, struct jd_step *step)
{
    step->kind = JD_STEP_ADVANCE;
    if (node->kind != JD_NODE_SCALAR || !jd_time_parse(node->text, &step->to)) {
        wrong_kind(r, node, "advance", "a time such as 2026-03-04T10:00:00Z");
    } else if (step->to > r->now) {
        r->now = step->to;
    }
}

/* `policy` is meant from where the file is. */
static struct jd_str policy_path(const struct reading *r, struct jd_str written)
{
    const char *slash = strrchr(r->path, '/');
    const int folder_size = slash != NULL ? (int)(slash - r->path) : 1;
    const char *folder = slash != NULL ? r->path : ".";
    if (written.ptr != NULL && written.size > 0 && written.ptr[0] == '/') {
        return jd_arena_str(r->arena, written);
    }
    return jd_arena_printf(r->arena, "%.*s/" JD_STR_FMT, folder_size, folder,
                           JD_STR_ARG(written.ptr != NULL ? written : JD_STR("..")));
}

static void read_publish(const struct reading *r, const struct jd_node *node, struct jd_step *step)
{
    step->kind = JD_STEP_PUBLISH;
    if (node->kind != JD_NODE_SCALAR || jd_node_is_null(node) || node->text.size == 0) {
        wrong_kind(r, node, "publish", "the directory of a policy, from where this file is");
    } else {
        step->policy = policy_path(r, node->text);
    }
}

static void read_step(struct reading *r, const struct jd_node *node, struct jd_step *step)
{
    static const char *const names[] = {"event",  "profile", "account_profile", "advance", "publish",
                                        "expect", NULL};
    step->place = node->place;
    if (node->kind != JD_NODE_MAP || node->count != 1) {
        wrong_kind(r, node, "a step", "one of event, profile, account_profile, advance, publish or expect");
        return;
    }
    const struct jd_member *member = &node->members[0];
    const struct jd_record *record = NULL;
    if (jd_str_eq(member->key, JD_STR("event"))) {
        record = &jd_event_record;
    } else if (jd_str_eq(member->key, JD_STR("profile"))) {
        record = &jd_hcp_profile_record;
    } else if (jd_str_eq(member->key, JD_STR("account_profile"))) {
        record = &jd_account_profile_record;
    }
    if (record != NULL && member->value.kind != JD_NODE_MAP) {
        wrong_kind(r, &member->value, record->name, "a map of its fields");
    } else if (record != NULL) {
        step->kind = JD_STEP_RECORD;
        step->line = record_line(r, record, &member->value);
    } else if (jd_str_eq(member->key, JD_STR("advance"))) {
        read_advance(r, &member->value, step);
    } else if (jd_str_eq(member->key, JD_STR("publish"))) {
        read_publish(r, &member->value, step);
    } else if (jd_str_eq(member->key, JD_STR("expect"))) {
        read_expect(r, &member->value, step);
    } else {
        jd_problem_add(r->problems, JD_PROBLEM_ERROR, member->place, "unknown step \"" JD_STR_FMT "\"",
                       JD_STR_ARG(member->key));
        jd_problem_suggest(r->problems, member->key, names);
    }
}

/* ---- scenarios ------------------------------------------------------------------------------------ */

static void read_scenario(struct reading *r, const struct jd_node *node, struct jd_scenario *scenario)
{
    static const char *const names[] = {"name", "policy", "steps", NULL};
    scenario->place = node->place;
    r->now = JD_TIME_NONE;
    if (node->kind != JD_NODE_MAP) {
        wrong_kind(r, node, "a scenario", "a map with name and steps");
        return;
    }
    for (uint32_t i = 0; i < node->count; i++) {
        if (!is_among(node->members[i].key, names)) {
            jd_problem_add(r->problems, JD_PROBLEM_ERROR, node->members[i].place,
                           "a scenario has no member \"" JD_STR_FMT "\"", JD_STR_ARG(node->members[i].key));
            jd_problem_suggest(r->problems, node->members[i].key, names);
        }
    }
    scenario->name = first_of(scalar_of(node, "name"), jd_arena_str(r->arena, jd_str_of(r->path)));
    scenario->policy = policy_path(r, scalar_of(node, "policy"));
    const struct jd_member *steps = jd_node_member(node, "steps");
    if (steps == NULL || steps->value.kind != JD_NODE_LIST || steps->value.count == 0) {
        wrong_kind(r, steps != NULL ? &steps->value : node, "steps", "a list of at least one step");
        return;
    }
    struct jd_step *list = jd_arena_array(r->arena, steps->value.count, sizeof(*list));
    for (uint32_t i = 0; i < steps->value.count; i++) {
        r->ordinal = i + 1;
        read_step(r, &steps->value.items[i], &list[i]);
    }
    scenario->steps = list;
    scenario->step_count = steps->value.count;
}

static bool read_file(const char *path, struct jd_arena *arena, struct jd_diagnostics *problems,
                      struct jd_str *text)
{
    const struct jd_place place = {.file = jd_str_of(path)};
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        jd_problem_add(problems, JD_PROBLEM_ERROR, place, "cannot be opened: %s", strerror(errno));
        return false;
    }
    char *bytes = jd_arena_alloc(arena, JD_YAML_SIZE_MAX + 1);
    const size_t size = fread(bytes, 1, JD_YAML_SIZE_MAX + 1, file);
    const bool ok = ferror(file) == 0;
    if (!ok) {
        jd_problem_add(problems, JD_PROBLEM_ERROR, place, "cannot be read: %s", strerror(errno));
    }
    fclose(file); /* read only: nothing can be lost */
    *text = (struct jd_str){bytes, (uint32_t)size};
    return ok;
}

bool jd_scenarios_read(const char *path, struct jd_arena *arena, struct jd_diagnostics *problems,
                       const struct jd_scenario **scenarios, uint32_t *count)
{
    const uint32_t errors_before = problems->errors;
    struct jd_str text = {0};
    const struct jd_node *root = NULL;
    if (!read_file(path, arena, problems, &text) ||
        (root = jd_yaml_parse(text, jd_str_of(path), arena, problems)) == NULL) {
        return false;
    }
    struct reading r = {
        .arena = arena, .problems = problems, .path = path, .now = JD_TIME_NONE, .ordinal = 0};
    const uint32_t found = root->kind == JD_NODE_LIST ? root->count : 1;
    struct jd_scenario *list = jd_arena_array(arena, found, sizeof(*list));
    for (uint32_t i = 0; i < found; i++) {
        read_scenario(&r, root->kind == JD_NODE_LIST ? &root->items[i] : root, &list[i]);
    }
    *scenarios = list;
    *count = found;
    return problems->errors == errors_before;
}

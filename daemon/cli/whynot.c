/* From events: the clock is that of all of them, as in replay; only those of the physician are decided. */
#include "cli/whynot.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "cli/history.h"
#include "cli/virtual.h"
#include "policy/policy.h"
#include "wire/wire.h"

struct history {
    const struct jd_whynot_arguments *arguments;
    struct jd_whynot_facts *facts;
    struct jd_virtual *virtual;
    struct jd_wire *wire;
    struct jd_arena arena; /* one line */
    struct jd_error *err;
};

bool jd_whynot_program(const struct jd_program *whole, const char *id, struct jd_program *out,
                       struct jd_error *err)
{
    const char **names = calloc((size_t)whole->rule_count + 1, sizeof(*names));
    const struct jd_rule *rule = NULL;
    for (uint32_t i = 0; names != NULL && i < whole->rule_count; i++) {
        names[i] = whole->rules[i].id.ptr; /* ends with a NUL: it is from the policy's arena */
        rule = jd_str_eq(whole->rules[i].id, jd_str_of(id)) ? &whole->rules[i] : rule;
    }
    const char *near = names != NULL ? jd_nearest_name(jd_str_of(id), names) : NULL;
    bool ok = false;
    if (rule == NULL) {
        jd_error_set(err, JD_EXIT_DATA, "the policy has no rule \"%s\"%s%s%s", id,
                     near != NULL ? "; did you mean \"" : "", near != NULL ? near : "",
                     near != NULL ? "\"?" : "");
    } else if (rule->scope != JD_SCOPE_HCP) {
        jd_error_set(err, JD_EXIT_DATA, "rule %s is not about one physician: --why-not cannot answer for it",
                     id);
    } else {
        *out = *whole;
        out->rules = rule;
        out->rule_count = 1;
        out->channel_count = 0; /* nothing is suggested */
        out->window_ms = JD_WINDOW_MAX;
        ok = true;
    }
    free(names);
    return ok;
}

void jd_whynot_refuse(struct jd_whynot_facts *facts, struct jd_refused refused)
{
    if (facts->refused_count == facts->refused_capacity) {
        facts->refused = jd_arena_grow(&facts->arena, facts->refused, facts->refused_count,
                                       &facts->refused_capacity, sizeof(*facts->refused));
    }
    facts->refused[facts->refused_count++] = (struct jd_refused){
        jd_arena_str(&facts->arena, refused.id), jd_arena_str(&facts->arena, refused.engagement),
        jd_arena_str(&facts->arena, refused.where), jd_arena_str(&facts->arena, refused.reason)};
}

static bool ignore(void *context, const struct jd_effect *effect)
{
    (void)context;
    (void)effect; /* what holds in the end is what counts */
    return true;
}

static bool ignore_refused(void *context, const struct jd_input *input, const char *reason)
{
    (void)context, (void)input, (void)reason; /* of another key than the physician */
    return true;
}

static bool decide(struct history *history, const struct jd_history *file, struct jd_decoded *record)
{
    enum jd_verdict verdict = JD_APPLIED;
    const char *reason = NULL;
    const struct jd_event *event = record->input.kind == JD_INPUT_EVENT ? record->input.event : NULL;
    if (!jd_virtual_input(history->virtual, 0, &record->input, record->record_time, &verdict, &reason)) {
        return false;
    }
    history->facts->events += event != NULL ? 1 : 0;
    if (verdict == JD_DEAD_LETTERED || verdict == JD_DUPLICATE) {
        jd_whynot_refuse(
            history->facts,
            (struct jd_refused){.id = event != NULL ? event->id : (struct jd_str){0},
                                .engagement = event != NULL ? event->engagement_id : (struct jd_str){0},
                                .where = jd_arena_printf(&history->arena, "%s:%llu", jd_history_path(file),
                                                         (unsigned long long)jd_history_number(file)),
                                .reason = jd_str_of(verdict == JD_DUPLICATE ? "duplicate" : reason)});
    }
    return true;
}

/* Does an event that is not decided speak of the physician? */
static bool names_hcp(struct jd_str text, struct jd_str hcp)
{
    json_t *event = json_loadb(text.ptr, text.size, 0, NULL);
    const json_t *id = json_object_get(json_object_get(event, "data"), "hcp_id");
    const bool is_same =
        json_is_string(id) &&
        jd_str_eq((struct jd_str){json_string_value(id), (uint32_t)json_string_length(id)}, hcp);
    json_decref(event);
    return is_same;
}

/* Others move the clock, and are not held. */
static bool feed(struct history *history, const struct jd_history *file, struct jd_str text)
{
    struct jd_decoded record;
    const enum jd_wire_result result = jd_history_decode(file, history->wire, text, &history->arena, &record);
    const struct jd_str hcp = jd_str_of(history->arguments->hcp);
    if (result == JD_WIRE_INPUT && record.input.kind == JD_INPUT_CLOCK) {
        return jd_virtual_advance(history->virtual, record.record_time);
    }
    const bool is_his = result == JD_WIRE_INPUT && record.input.kind != JD_INPUT_ACCOUNT_PROFILE &&
                        jd_str_eq(record.input.key, hcp);
    if (!is_his && result != JD_WIRE_INPUT && jd_history_is_text(file) && names_hcp(text, hcp)) {
        const bool is_filtered = result == JD_WIRE_FILTERED;
        const char *message = is_filtered ? "its type is one that is ignored" : record.reject.message;
        jd_whynot_refuse(
            history->facts,
            (struct jd_refused){.where = jd_arena_printf(&history->arena, "%s:%llu", jd_history_path(file),
                                                         (unsigned long long)jd_history_number(file)),
                                .reason = jd_arena_printf(&history->arena, "%s%s%s",
                                                          is_filtered ? "filtered" : record.reject.reason,
                                                          *message != '\0' ? ": " : "", message)});
    }
    return is_his ? decide(history, file, &record)
                  : record.record_time == JD_TIME_NONE ||
                        jd_virtual_move(history->virtual, 0, record.record_time);
}

static bool feed_file(struct history *history, const char *path)
{
    struct jd_history *file = jd_history_open(path, history->err);
    bool ok = file != NULL;
    enum jd_line_kind kind = JD_LINE_TEXT;
    while (ok && kind != JD_LINE_END) {
        struct jd_str text = {0};
        kind = jd_history_next(file, &text, history->err);
        ok = kind == JD_LINE_TEXT ? feed(history, file, text) : kind != JD_LINE_BROKEN;
        jd_arena_reset(&history->arena);
    }
    jd_history_close(file);
    return ok;
}

static bool feed_all(struct history *history, const struct jd_program *program)
{
    const struct jd_wire_config config = {.in = JD_ENCODING_JSON, .clock_record = true};
    history->wire = jd_wire_new(&config, history->err);
    history->virtual = jd_virtual_new(program, 1, ignore, ignore_refused, NULL);
    bool ok = history->wire != NULL;
    if (ok && history->virtual == NULL) {
        ok = jd_error_set(history->err, JD_EXIT_INTERNAL, "out of memory");
    }
    for (size_t i = 0; ok && i < history->arguments->events.count; i++) {
        ok = feed_file(history, history->arguments->events.items[i]);
    }
    return ok;
}

static bool from_events(const struct jd_whynot_arguments *arguments, struct jd_whynot_facts *facts,
                        struct jd_policy **policy, struct jd_program *program, struct jd_error *err)
{
    struct history history = {.arguments = arguments, .facts = facts, .err = err};
    struct jd_diagnostics problems;
    jd_diagnostics_init(&problems);
    *policy = jd_policy_load(arguments->policy, &problems);
    if (*policy == NULL) {
        jd_diagnostics_print(&problems, stderr);
        *err = (struct jd_error){.code = JD_EXIT_CONFIG};
    }
    jd_diagnostics_done(&problems);
    jd_arena_init(&history.arena, (size_t)1 << 30);
    const bool ok = *policy != NULL &&
                    jd_whynot_program(jd_policy_program(*policy), arguments->rule, program, err) &&
                    feed_all(&history, program);
    if (ok) {
        jd_explain_take_rule(*policy, arguments->policy, jd_str_of(arguments->rule), &facts->arena,
                             &facts->rule);
        facts->fold = jd_virtual_fold(history.virtual, 0);
        facts->program = program;
        jd_whynot_text(facts, stdout);
    }
    jd_virtual_free(history.virtual);
    jd_wire_free(history.wire);
    jd_arena_done(&history.arena);
    return ok;
}

static bool from_live(const struct jd_whynot_arguments *arguments, struct jd_whynot_facts *facts,
                      struct jd_policy **policy, struct jd_program *program, struct jd_error *err)
{
    struct jd_fold *fold = jd_whynot_live(arguments, facts, policy, program, err);
    if (fold == NULL) {
        return false;
    }
    facts->fold = fold;
    facts->program = program;
    jd_whynot_text(facts, stdout);
    jd_fold_free(fold);
    return true;
}

bool jd_whynot(const struct jd_whynot_arguments *arguments, struct jd_error *err)
{
    struct jd_whynot_facts facts = {.hcp = arguments->hcp};
    struct jd_policy *policy = NULL;
    struct jd_program program;
    jd_arena_init(&facts.arena, (size_t)1 << 30);
    const bool ok = arguments->config != NULL ? from_live(arguments, &facts, &policy, &program, err)
                                              : from_events(arguments, &facts, &policy, &program, err);
    jd_policy_free(policy);
    jd_arena_done(&facts.arena);
    return ok;
}

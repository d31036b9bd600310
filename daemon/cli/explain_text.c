/* The explanation as text: rule, evidence, computation, history, and what would have avoided it. */
#include "base/avro.h"
#include "base/contract.h"
#include "base/str.h"
#include "cli/explain.h"
#include "cli/words.h"
#include "policy/bundle.h"
#include "policy/policy.h"

#include <inttypes.h>
#include <string.h>

struct page {
    const struct jd_alert *alert; /* what holds */
    struct jd_arena *arena;
    FILE *out;
};

static void print_pair(const struct page *page, const char *name, struct jd_str value)
{
    if (value.ptr != NULL && value.size > 0) {
        fprintf(page->out, "  %-12s " JD_STR_FMT "\n", name, JD_STR_ARG(value));
    }
}

static struct jd_str time_text(const struct page *page, jd_time t)
{
    return t == JD_TIME_NONE ? JD_STR("unknown time") : jd_time_text(t, page->arena);
}

static void print_note(const struct page *page, const char *name, const struct jd_note *note)
{
    if (note->actor_id.ptr == NULL) {
        return;
    }
    const struct jd_str reason = jd_symbol_text(&jd_outcome_reason_symbols, note->reason);
    fprintf(page->out, "  %-12s by " JD_STR_FMT "%s" JD_STR_FMT ", until " JD_STR_FMT "\n", name,
            JD_STR_ARG(note->actor_id), reason.ptr != NULL ? ", " : "", JD_STR_ARG(reason),
            JD_STR_ARG(time_text(page, note->until)));
}

/* Which key a declared one is, its rule says. */
static void print_head(const struct page *page, const struct jd_rule *rule)
{
    const struct jd_str scope = rule != NULL && rule->key != NULL
                                    ? rule->key->name
                                    : jd_symbol_text(&jd_scope_symbols, page->alert->scope);
    const struct jd_alert *alert = page->alert;
    fprintf(page->out, "Alert " JD_STR_FMT "\n\n", JD_STR_ARG(alert->alert_id));
    fprintf(page->out, "  %-12s " JD_STR_FMT, "status",
            JD_STR_ARG(jd_symbol_text(&jd_status_symbols, alert->status)));
    if (alert->cause != JD_CAUSE_NONE) {
        fprintf(page->out, " (" JD_STR_FMT ")", JD_STR_ARG(jd_symbol_text(&jd_cause_symbols, alert->cause)));
    }
    fprintf(page->out, ", " JD_STR_FMT "%s, revision %" PRId64 "\n",
            JD_STR_ARG(jd_symbol_text(&jd_alert_phase_symbols, alert->phase)),
            alert->final == JD_TRUE ? ", final" : "", alert->revision);
    print_pair(page, "severity", jd_symbol_text(&jd_severity_symbols, alert->severity));
    fprintf(page->out, "  %-12s " JD_STR_FMT " " JD_STR_FMT "\n", "about", JD_STR_ARG(scope),
            JD_STR_ARG(alert->key));
    print_pair(page, "account", alert->account_id);
    print_pair(page, "opened", time_text(page, alert->opened_at));
    print_pair(page, "assignee", alert->assignee);
    print_pair(page, "owner for", jd_symbol_text(&jd_function_symbols, alert->assignee_function));
    print_note(page, "acknowledged", &alert->acknowledged);
    print_note(page, "overridden", &alert->overridden);
    print_pair(page, "episode", alert->episode);
    print_pair(page, "policy", alert->policy);
}

void jd_explain_rule_text(const struct jd_rule_text *rule, FILE *out)
{
    uint32_t from = 0;
    if (rule->text.ptr == NULL) {
        return;
    }
    fprintf(out, "  as written in " JD_STR_FMT ":%u:\n", JD_STR_ARG(rule->file), rule->line);
    for (uint32_t i = 0; i < rule->text.size; i++) {
        if (rule->text.ptr[i] == '\n') {
            fprintf(out, "    %.*s\n", (int)(i - from), rule->text.ptr + from);
            from = i + 1;
        }
    }
}

static void print_rule(const struct page *page, const struct jd_rule_text *rule)
{
    const struct jd_alert *alert = page->alert;
    fprintf(page->out, "\nRule\n  %-12s " JD_STR_FMT ", version %" PRId64 ", mode " JD_STR_FMT "\n", "rule",
            JD_STR_ARG(alert->rule), alert->rule_version,
            JD_STR_ARG(jd_symbol_text(&jd_mode_symbols, alert->mode)));
    print_pair(page, "within", alert->window);
    print_pair(page, "citation", alert->citation);
    print_pair(page, "jurisdiction", alert->jurisdiction);
    if (rule->file.ptr == NULL) {
        return;
    }
    if (rule->text.ptr == NULL) {
        fprintf(page->out, "  " JD_STR_FMT " has no rule of this id.\n", JD_STR_ARG(rule->file));
        return;
    }
    jd_explain_rule_text(rule, page->out);
    if (!jd_str_eq(rule->hash, alert->policy)) {
        fprintf(page->out,
                "  Mind: this text is of policy %.12s, the alert of %.12s; the rule may have changed.\n",
                rule->hash.ptr, alert->policy.ptr != NULL ? alert->policy.ptr : "unknown");
    }
}

static void print_touch(const struct page *page, const struct jd_event *event, uint32_t number)
{
    const struct jd_str role = jd_symbol_text(&jd_role_symbols, event->actor.role);
    fprintf(page->out, "  %u. " JD_STR_FMT "  " JD_STR_FMT, number,
            JD_STR_ARG(time_text(page, jd_words_touch_time(event))),
            JD_STR_ARG(event->channel != JD_CHANNEL_NONE ? jd_symbol_text(&jd_channel_symbols, event->channel)
                                                         : event->type));
    if (role.ptr != NULL || event->actor.id.ptr != NULL) {
        fprintf(page->out, " by " JD_STR_FMT "%s" JD_STR_FMT, JD_STR_ARG(role), role.ptr != NULL ? " " : "",
                JD_STR_ARG(event->actor.id));
    }
    if (event->actor.team.ptr != NULL) {
        fprintf(page->out, " of team " JD_STR_FMT, JD_STR_ARG(event->actor.team));
    }
    if (event->phase != JD_PHASE_NONE) {
        fprintf(page->out, ", " JD_STR_FMT, JD_STR_ARG(jd_symbol_text(&jd_phase_symbols, event->phase)));
    }
    fputc('\n', page->out);
    const struct {
        const char *name;
        struct jd_str value;
    } details[] = {{"engagement", event->engagement_id},
                   {"product", event->product},
                   {"topic", event->topic},
                   {"account", event->account_id},
                   {"country", event->country}};
    fprintf(page->out, "     event " JD_STR_FMT " from " JD_STR_FMT, JD_STR_ARG(event->id),
            JD_STR_ARG(event->source));
    for (size_t i = 0; i < JD_COUNT(details); i++) {
        if (details[i].value.ptr != NULL) {
            fprintf(page->out, ", %s " JD_STR_FMT, details[i].name, JD_STR_ARG(details[i].value));
        }
    }
    if (event->recorded_at != JD_TIME_NONE) {
        fprintf(page->out, ", recorded " JD_STR_FMT, JD_STR_ARG(time_text(page, event->recorded_at)));
    }
    fputc('\n', page->out);
}

static void print_evidence(const struct page *page)
{
    const struct jd_alert *alert = page->alert;
    const struct jd_event *events = alert->evidence.items;
    fputs("\nEvidence, in time order\n", page->out);
    for (uint32_t i = 0; i < alert->evidence.count; i++) {
        print_touch(page, &events[i], i + 1);
    }
    if (alert->evidence_count > (int64_t)alert->evidence.count) {
        fprintf(page->out, "  %u of %" PRId64 " fit the record; SHA-256 of all: " JD_STR_FMT "\n",
                alert->evidence.count, alert->evidence_count, JD_STR_ARG(alert->evidence_sha256));
    }
    if (alert->evidence.count == 0 && alert->facts.count > 0) {
        fputs("  none: it is about facts alone\n", page->out);
    } else if (alert->evidence.count == 0) {
        fputs("  none: nothing of it holds any more; the earlier revisions name it\n", page->out);
    }
}

/* What the rule read of facts, and which record decided. */
static void print_facts(const struct page *page)
{
    const struct jd_fact_read *facts = page->alert->facts.items;
    if (page->alert->facts.count > 0)
        fputs(page->alert->evidence.count > 0 ? "\nFacts, as of the time of the contact\n" : "\nFacts\n",
              page->out);
    for (uint32_t i = 0; i < page->alert->facts.count; i++) {
        const struct jd_fact_read *fact = &facts[i];
        fprintf(page->out, "  %-12.*s " JD_STR_FMT, JD_STR_ARG(fact->name), JD_STR_ARG(fact->value));
        if (fact->from != JD_TIME_NONE || fact->until != JD_TIME_NONE) {
            fprintf(page->out, ": from " JD_STR_FMT " until " JD_STR_FMT,
                    JD_STR_ARG(fact->from == JD_TIME_NONE ? JD_STR("ever") : time_text(page, fact->from)),
                    JD_STR_ARG(fact->until == JD_TIME_NONE ? JD_STR("further notice")
                                                           : time_text(page, fact->until)));
        }
        fputc('\n', page->out);
        const struct {
            const char *name;
            struct jd_str value;
        } details[] = {{"channel", jd_symbol_text(&jd_channel_symbols, fact->channel)},
                       {"product", fact->product},
                       {"about", fact->about},
                       {"confirmed", fact->confirmed_at == JD_TIME_NONE
                                         ? (struct jd_str){0}
                                         : time_text(page, fact->confirmed_at)},
                       {"event", fact->id},
                       {"from", fact->source},
                       {fact->id.ptr == NULL && fact->source.ptr != NULL ? "reason" : "proof", fact->proof}};
        bool any = false;
        for (size_t k = 0; k < JD_COUNT(details); k++) {
            if (details[k].value.ptr != NULL) {
                fprintf(page->out, "%s%s " JD_STR_FMT, any ? ", " : "     ", details[k].name,
                        JD_STR_ARG(details[k].value));
                any = true;
            }
        }
        if (any) {
            fputc('\n', page->out);
        }
    }
}

/* ---- what changed --------------------------------------------------------------------------------------- */

static const struct jd_event *member_of(const struct jd_alert *alert, struct jd_str engagement)
{
    const struct jd_event *events = alert->evidence.items;
    for (uint32_t i = 0; i < alert->evidence.count; i++) {
        if (jd_str_eq(events[i].engagement_id, engagement)) {
            return &events[i];
        }
    }
    return NULL;
}

static void print_moved(const struct page *page, const struct jd_event *was, const struct jd_event *is)
{
    const jd_time before = jd_words_touch_time(was);
    const jd_time after = jd_words_touch_time(is);
    if (jd_str_eq(was->id, is->id) && jd_str_eq(was->source, is->source)) {
        return;
    }
    fprintf(page->out, "              " JD_STR_FMT " by event " JD_STR_FMT ":", JD_STR_ARG(is->engagement_id),
            JD_STR_ARG(is->id));
    const char *begin = " ";
    if (before != after) {
        fprintf(page->out, " moved from " JD_STR_FMT " to " JD_STR_FMT, JD_STR_ARG(time_text(page, before)),
                JD_STR_ARG(time_text(page, after)));
        begin = ", ";
    }
    if (was->phase != is->phase) {
        fprintf(page->out, "%s" JD_STR_FMT " instead of " JD_STR_FMT, begin,
                JD_STR_ARG(jd_symbol_text(&jd_phase_symbols, is->phase)),
                JD_STR_ARG(jd_symbol_text(&jd_phase_symbols, was->phase)));
        begin = ", ";
    }
    fputs(*begin == ' ' ? " another version\n" : "\n", page->out);
}

/* What a revision changed of the evidence of the one before. */
static void print_evidence_change(const struct page *page, const struct jd_alert *was,
                                  const struct jd_alert *is)
{
    const struct jd_event *before = was->evidence.items;
    const struct jd_event *after = is->evidence.items;
    for (uint32_t i = 0; i < was->evidence.count; i++) {
        const struct jd_event *now = member_of(is, before[i].engagement_id);
        if (now != NULL) {
            print_moved(page, &before[i], now);
        } else {
            fprintf(page->out, "              without " JD_STR_FMT "\n", JD_STR_ARG(before[i].engagement_id));
        }
    }
    for (uint32_t i = 0; i < is->evidence.count; i++) {
        if (member_of(was, after[i].engagement_id) == NULL) {
            fprintf(page->out, "              with " JD_STR_FMT " (" JD_STR_FMT ", " JD_STR_FMT ")\n",
                    JD_STR_ARG(after[i].engagement_id),
                    JD_STR_ARG(time_text(page, jd_words_touch_time(&after[i]))),
                    JD_STR_ARG(jd_words_touch(&after[i], page->arena)));
        }
    }
}

static void print_measure_change(const struct page *page, const char *name, struct jd_decimal was,
                                 struct jd_decimal is)
{
    if (was.scale != JD_DECIMAL_NONE && is.scale != JD_DECIMAL_NONE && jd_decimal_cmp(was, is) != 0) {
        fprintf(page->out, "              %s " JD_STR_FMT " instead of " JD_STR_FMT "\n", name,
                JD_STR_ARG(jd_words_measure(page->alert, is, page->arena)),
                JD_STR_ARG(jd_words_measure(page->alert, was, page->arena)));
    }
}

/* So much of a hash tells it from others. */
static int short_size(struct jd_str hash)
{
    return hash.size < 12 ? (int)hash.size : 12;
}

static void print_revision(const struct page *page, const struct jd_alert *alert, const struct jd_alert *was)
{
    fprintf(page->out, "  revision %" PRId64 "  " JD_STR_FMT ", " JD_STR_FMT ", " JD_STR_FMT, alert->revision,
            JD_STR_ARG(jd_symbol_text(&jd_status_symbols, alert->status)),
            JD_STR_ARG(jd_symbol_text(&jd_alert_phase_symbols, alert->phase)),
            JD_STR_ARG(jd_symbol_text(&jd_severity_symbols, alert->severity)));
    if (alert->cause != JD_CAUSE_NONE) {
        fprintf(page->out, ", cause " JD_STR_FMT,
                JD_STR_ARG(jd_symbol_text(&jd_cause_symbols, alert->cause)));
    }
    fprintf(page->out, "%s%s%s%s\n", alert->mode == JD_MODE_SHADOW ? ", in shadow" : "",
            alert->acknowledged.actor_id.ptr != NULL ? ", acknowledged" : "",
            alert->overridden.actor_id.ptr != NULL ? ", overridden" : "",
            alert->final == JD_TRUE ? ", final" : "");
    if (was != NULL && was->revision + 1 == alert->revision) {
        print_measure_change(page, "observed", was->observed, alert->observed);
        print_measure_change(page, "limit", was->limit, alert->limit);
        print_evidence_change(page, was, alert);
        if (was->policy.ptr != NULL && alert->policy.ptr != NULL && !jd_str_eq(was->policy, alert->policy)) {
            fprintf(page->out, "              policy %.*s instead of %.*s\n", short_size(alert->policy),
                    alert->policy.ptr, short_size(was->policy), was->policy.ptr);
        }
    }
}

static void print_history(const struct page *page, const struct jd_alert *revisions, uint32_t count)
{
    fputs("\nHistory\n", page->out);
    for (uint32_t i = 0; i < count; i++) {
        print_revision(page, &revisions[i], i > 0 ? &revisions[i - 1] : NULL);
    }
    if (revisions[0].revision > 1) {
        fprintf(page->out, "  revisions before %" PRId64 " were not given\n", revisions[0].revision);
    }
}

void jd_explain_text(const struct jd_alert *revisions, uint32_t count, const struct jd_rule_text *rule,
                     struct jd_arena *arena, FILE *out)
{
    const struct page page = {.alert = &revisions[count - 1], .arena = arena, .out = out};
    print_head(&page, rule->rule);
    print_rule(&page, rule);
    print_evidence(&page);
    print_facts(&page);
    jd_explain_computation(page.alert, rule->rule, arena, out);
    print_history(&page, revisions, count);
    jd_explain_avoidance(page.alert, rule->rule, arena, out);
}

/* ---- the rule of a policy ------------------------------------------------------------------------------- */

void jd_explain_take_rule(const struct jd_policy *policy, const char *where, struct jd_str id,
                          struct jd_arena *arena, struct jd_rule_text *out)
{
    const struct jd_program *program = jd_policy_program(policy);
    struct jd_diagnostics problems;
    struct jd_bundle bundle;
    jd_diagnostics_init(&problems);
    *out = (struct jd_rule_text){.hash = jd_policy_hash(policy),
                                 .file = jd_arena_printf(arena, "%s/conflicts.yaml", where)};
    if (jd_bundle_parse(jd_policy_bundle(policy), (struct jd_str){0}, arena, &bundle, &problems)) {
        const struct jd_bundle_file *file = jd_bundle_file(&bundle, JD_STR("conflicts.yaml"));
        out->text = file != NULL ? jd_explain_rule_lines(file->bytes, id, &out->line) : (struct jd_str){0};
    }
    jd_diagnostics_done(&problems); /* a bundle that was compiled has none */
    for (uint32_t i = 0; i < program->rule_count; i++) {
        out->rule = jd_str_eq(program->rules[i].id, id) ? &program->rules[i] : out->rule;
    }
}

/* ---- the rule's own lines --------------------------------------------------------------------------- */

/* Whether a rule's item begins in this line: `- { id: X` or `- id: X`, X being `id` or, if that is
 * absent, anything. */
static bool begins_rule(struct jd_str line, struct jd_str id)
{
    static const char *const starts[] = {"-", "{", "id", ":"};
    uint32_t at = 0;
    for (size_t i = 0; i < JD_COUNT(starts); i++) {
        while (at < line.size && (line.ptr[at] == ' ' || line.ptr[at] == '"')) {
            at++;
        }
        const size_t size = strlen(starts[i]);
        if (line.size - at >= size && memcmp(line.ptr + at, starts[i], size) == 0) {
            at += (uint32_t)size;
        } else if (starts[i][0] != '{') {
            return false;
        }
    }
    while (at < line.size && (line.ptr[at] == ' ' || line.ptr[at] == '"' || line.ptr[at] == '\'')) {
        at++;
    }
    uint32_t end = at;
    while (end < line.size && strchr(" ,}\"'#", line.ptr[end]) == NULL) {
        end++;
    }
    return id.ptr == NULL || jd_str_eq((struct jd_str){line.ptr + at, end - at}, id);
}

static struct jd_str line_at(struct jd_str text, uint32_t from)
{
    const char *end = memchr(text.ptr + from, '\n', text.size - from);
    return (struct jd_str){text.ptr + from,
                           end != NULL ? (uint32_t)(end - text.ptr) - from : text.size - from};
}

struct jd_str jd_explain_rule_lines(struct jd_str yaml, struct jd_str id, uint32_t *line)
{
    uint32_t begin = UINT32_MAX;
    uint32_t end = 0;
    uint32_t number = 0;
    for (uint32_t at = 0; at < yaml.size;) {
        const struct jd_str text = line_at(yaml, at);
        number++;
        if (begin == UINT32_MAX && begins_rule(text, id)) {
            begin = at;
            *line = number;
        } else if (begin != UINT32_MAX &&
                   (begins_rule(text, (struct jd_str){0}) || (text.size > 0 && text.ptr[0] == '#'))) {
            break;
        }
        at += text.size + 1;
        if (begin != UINT32_MAX && text.size > 0) {
            end = at < yaml.size ? at : yaml.size;
        }
    }
    return begin == UINT32_MAX ? (struct jd_str){0} : (struct jd_str){yaml.ptr + begin, end - begin};
}

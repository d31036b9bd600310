/* The explanation as text: rule, evidence, computation, history, and what would have avoided it. */
#include "base/avro.h"
#include "base/contract.h"
#include "base/str.h"
#include "cli/explain.h"

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

static jd_time touch_time(const struct jd_event *event)
{
    return event->start != JD_TIME_NONE ? event->start : event->time;
}

static void print_head(const struct page *page)
{
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
    fprintf(page->out, "  %-12s " JD_STR_FMT " " JD_STR_FMT "\n", "about",
            JD_STR_ARG(jd_symbol_text(&jd_scope_symbols, alert->scope)), JD_STR_ARG(alert->key));
    print_pair(page, "account", alert->account_id);
    print_pair(page, "opened", time_text(page, alert->opened_at));
    print_pair(page, "assignee", alert->assignee);
    print_pair(page, "policy", alert->policy);
}

static void print_indented(const struct page *page, struct jd_str text)
{
    uint32_t from = 0;
    for (uint32_t i = 0; i < text.size; i++) {
        if (text.ptr[i] == '\n') {
            fprintf(page->out, "    %.*s\n", (int)(i - from), text.ptr + from);
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
    fprintf(page->out, "  as written in " JD_STR_FMT ":%u:\n", JD_STR_ARG(rule->file), rule->line);
    print_indented(page, rule->text);
    if (!jd_str_eq(rule->hash, alert->policy)) {
        fprintf(page->out,
                "  Mind: this text is of policy %.12s, the alert of %.12s; the rule may have changed.\n",
                rule->hash.ptr, alert->policy.ptr != NULL ? alert->policy.ptr : "unknown");
    }
}

static void print_touch(const struct page *page, const struct jd_event *event, uint32_t number)
{
    fprintf(page->out, "  %u. " JD_STR_FMT "  " JD_STR_FMT " by " JD_STR_FMT " " JD_STR_FMT, number,
            JD_STR_ARG(time_text(page, touch_time(event))),
            JD_STR_ARG(jd_symbol_text(&jd_channel_symbols, event->channel)),
            JD_STR_ARG(jd_symbol_text(&jd_role_symbols, event->actor.role)), JD_STR_ARG(event->actor.id));
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
    if (alert->evidence.count == 0) {
        fputs("  none: nothing of it holds any more; the earlier revisions name it\n", page->out);
    }
}

/* What the rule read of facts, and which record decided. */
static void print_facts(const struct page *page)
{
    const struct jd_fact_read *facts = page->alert->facts.items;
    if (page->alert->facts.count > 0)
        fputs("\nFacts, as of the time of the contact\n", page->out);
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
                       {"proof", fact->proof}};
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

/* 187200000 as "2 d 4 h". */
static struct jd_str duration_text(const struct page *page, int64_t ms)
{
    static const struct {
        int64_t size;
        const char *name;
    } units[] = {{JD_DAY, "d"}, {JD_HOUR, "h"}, {JD_MINUTE, "min"}, {JD_SECOND, "s"}, {1, "ms"}};
    struct jd_buf text;
    jd_buf_init(&text, page->arena);
    for (size_t i = 0; i < JD_COUNT(units); i++) {
        if (ms >= units[i].size) {
            jd_buf_printf(&text, "%s%" PRId64 " %s", text.size > 0 ? " " : "", ms / units[i].size,
                          units[i].name);
            ms %= units[i].size;
        }
    }
    return text.size > 0 ? jd_buf_done(&text) : JD_STR("0 s");
}

static struct jd_str amount_text(const struct page *page, struct jd_decimal amount)
{
    if (page->alert->unit == JD_UNIT_MS && amount.scale == 0) {
        return duration_text(page, amount.units);
    }
    const struct jd_str number = jd_decimal_text(amount, page->arena);
    const struct jd_str unit = jd_symbol_text(&jd_unit_symbols, page->alert->unit);
    return jd_arena_printf(page->arena, JD_STR_FMT " " JD_STR_FMT, JD_STR_ARG(number), JD_STR_ARG(unit));
}

/* Is it about how far apart two touches are, so that more would have been right? */
static bool is_distance(const struct jd_alert *alert)
{
    return alert->evidence.count == 2 && alert->window.ptr != NULL && alert->status != JD_STATUS_RESOLVED &&
           (alert->unit == JD_UNIT_MS || alert->unit == JD_UNIT_DAYS);
}

static void print_computation(const struct page *page)
{
    const struct jd_alert *alert = page->alert;
    const struct jd_event *events = alert->evidence.items;
    if (alert->observed.scale == JD_DECIMAL_NONE || alert->limit.scale == JD_DECIMAL_NONE) {
        return;
    }
    const struct jd_str observed = amount_text(page, alert->observed);
    const struct jd_str limit = amount_text(page, alert->limit);
    fputs("\nComputation\n", page->out);
    if (is_distance(alert)) {
        fprintf(page->out, "  from " JD_STR_FMT " to " JD_STR_FMT ": " JD_STR_FMT " apart\n",
                JD_STR_ARG(time_text(page, touch_time(&events[0]))),
                JD_STR_ARG(time_text(page, touch_time(&events[1]))),
                JD_STR_ARG(duration_text(page, touch_time(&events[1]) - touch_time(&events[0]))));
    }
    fprintf(page->out, "  observed " JD_STR_FMT ", limit " JD_STR_FMT, JD_STR_ARG(observed),
            JD_STR_ARG(limit));
    if (is_distance(alert)) {
        fprintf(page->out, " (within " JD_STR_FMT "): %s\n", JD_STR_ARG(alert->window),
                jd_decimal_cmp(alert->observed, alert->limit) <= 0 ? "inside, so the rule holds"
                                                                   : "outside, so the rule does not hold");
    } else if (alert->window.ptr != NULL) {
        fprintf(page->out, " (window " JD_STR_FMT ")\n", JD_STR_ARG(alert->window));
    } else {
        fputc('\n', page->out);
    }
    if (alert->other_currency > 0) {
        fprintf(page->out, "  left out: %" PRId64 " in another currency\n", alert->other_currency);
    }
}

static void print_history(const struct page *page, const struct jd_alert *revisions, uint32_t count)
{
    fputs("\nHistory\n", page->out);
    for (uint32_t i = 0; i < count; i++) {
        const struct jd_alert *alert = &revisions[i];
        fprintf(page->out, "  revision %" PRId64 "  " JD_STR_FMT ", " JD_STR_FMT ", " JD_STR_FMT,
                alert->revision, JD_STR_ARG(jd_symbol_text(&jd_status_symbols, alert->status)),
                JD_STR_ARG(jd_symbol_text(&jd_alert_phase_symbols, alert->phase)),
                JD_STR_ARG(jd_symbol_text(&jd_severity_symbols, alert->severity)));
        if (alert->cause != JD_CAUSE_NONE) {
            fprintf(page->out, ", cause " JD_STR_FMT,
                    JD_STR_ARG(jd_symbol_text(&jd_cause_symbols, alert->cause)));
        }
        fprintf(page->out, "%s\n", alert->final == JD_TRUE ? ", final" : "");
    }
    if (revisions[0].revision > 1) {
        fprintf(page->out, "  revisions before %" PRId64 " were not given\n", revisions[0].revision);
    }
}

/* The engine's distance rule, turned round: what the pair would have had to look like. */
static void print_avoidance(const struct page *page)
{
    const struct jd_alert *alert = page->alert;
    const struct jd_event *events = alert->evidence.items;
    if (alert->status == JD_STATUS_RETRACTED) {
        fputs("\nIt is retracted: the condition no longer holds. Nothing is to be done.\n", page->out);
        return;
    }
    fputs("\nWhat would have avoided it\n", page->out);
    if (is_distance(alert)) {
        fprintf(page->out, "  Keep the two contacts more than " JD_STR_FMT " apart",
                JD_STR_ARG(alert->window));
        if (alert->unit == JD_UNIT_MS && alert->limit.scale == 0) {
            const jd_time earliest = touch_time(&events[0]) + alert->limit.units + 1;
            fprintf(page->out, ": the second not before " JD_STR_FMT, JD_STR_ARG(time_text(page, earliest)));
        }
        fputs(",\n  or use another channel or colleague that the rule does not name.\n", page->out);
    }
    if (alert->phase == JD_ALERT_PHASE_PREVENTABLE) {
        fputs(
            "  It still can be: a contact is only planned. Move or cancel it, and the alert is retracted.\n",
            page->out);
    }
    print_pair(page, "remedy", alert->remedy);
}

void jd_explain_text(const struct jd_alert *revisions, uint32_t count, const struct jd_rule_text *rule,
                     struct jd_arena *arena, FILE *out)
{
    const struct page page = {.alert = &revisions[count - 1], .arena = arena, .out = out};
    print_head(&page);
    print_rule(&page, rule);
    print_evidence(&page);
    print_facts(&page);
    print_computation(&page);
    print_history(&page, revisions, count);
    print_avoidance(&page);
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

/* journeyd explain: why an alert, from its records in a file, on standard input, or on the topic. */
#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/contract.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/explain.h"
#include "cli/lines.h"
#include "cli/scan.h"
#include "cli/session.h"
#include "cli/whynot.h"
#include "policy/policy.h"
#include "wire/json.h"
#include "wire/output.h"

enum { LINE_MAX_BYTES = 16 << 20, ID_SIZE = 32 };

struct arguments {
    const char *alert, *config, *file, *policy, *hcp, *rule;
    struct jd_words events;
    bool json, why_not;
};

/* The revisions found of one alert. */
struct found {
    const struct arguments *arguments;
    struct jd_arena arena;      /* what is kept */
    struct jd_arena scratch;    /* one record */
    struct jd_alert *revisions; /* ascending */
    uint32_t count, capacity;
    struct jd_str id;  /* of the alert; absent: whichever comes first */
    bool is_ambiguous; /* no id was given, and there is more than one */
    uint64_t records;
    struct jd_policy *policy; /* NULL: not known */
    struct jd_str bundle;     /* of the alert's policy, from its topic; absent: not there */
};

/* Keeps a record that is of the alert; a revision seen before (written twice) is kept once. */
static bool keep(struct found *found, struct jd_str value, struct jd_error *err)
{
    struct jd_alert probe;
    jd_arena_reset(&found->scratch);
    found->records++;
    if (!jd_wire_read_back(&jd_alert_record, value, &found->scratch, &probe, err)) {
        return false;
    }
    if (found->id.ptr == NULL) {
        found->id = jd_arena_str(&found->arena, probe.alert_id);
    }
    if (!jd_str_eq(found->id, probe.alert_id)) {
        found->is_ambiguous = found->is_ambiguous || found->arguments->alert == NULL;
        return true;
    }
    for (uint32_t i = 0; i < found->count; i++) {
        if (found->revisions[i].revision == probe.revision) {
            return true;
        }
    }
    if (found->count == found->capacity) {
        found->revisions = jd_arena_grow(&found->arena, found->revisions, found->count, &found->capacity,
                                         sizeof(*found->revisions));
    }
    uint32_t at = found->count++;
    for (; at > 0 && found->revisions[at - 1].revision > probe.revision; at--) {
        found->revisions[at] = found->revisions[at - 1];
    }
    return jd_wire_read_back(&jd_alert_record, jd_arena_str(&found->arena, value), &found->arena,
                             &found->revisions[at], err);
}

static bool read_file(struct found *found, const char *path, struct jd_error *err)
{
    struct jd_lines *lines = jd_lines_open(path, LINE_MAX_BYTES, err);
    if (lines == NULL) {
        return false;
    }
    bool ok = true;
    enum jd_line_kind kind = JD_LINE_TEXT;
    while (ok && kind != JD_LINE_END) {
        struct jd_str text = {0};
        kind = jd_lines_next(lines, &text, err);
        if (kind == JD_LINE_TEXT) {
            ok = keep(found, text, err);
        } else if (kind != JD_LINE_END) {
            ok = kind == JD_LINE_TOO_LONG && jd_error_set(err, JD_EXIT_DATA, "longer than any record");
        }
        if (!ok && kind != JD_LINE_BROKEN) {
            jd_error_wrap(err, "%s:%llu: no alert record", jd_lines_path(lines),
                          (unsigned long long)jd_lines_number(lines));
            err->code = JD_EXIT_DATA;
        }
    }
    jd_lines_close(lines);
    return ok;
}

static bool visit(void *context, const struct jd_message *message, struct jd_error *err)
{
    struct found *found = context;
    struct jd_error ignored = {0};
    (void)err;
    /* A record that is none of ours (or a tombstone) is not what was asked for. */
    if (message->value.ptr != NULL) {
        (void)keep(found, message->value, &ignored);
    }
    return true;
}

static bool scan(const struct jd_session *session, enum jd_session_topic which, struct found *found,
                 bool (*visit_record)(void *context, const struct jd_message *message, struct jd_error *err),
                 struct jd_error *err)
{
    const struct jd_topic_facts *topic = &session->topics[which];
    const struct jd_scan scan = {.kafka = &session->kafka,
                                 .topic = topic->topic,
                                 .first = 0,
                                 .count = topic->partitions,
                                 .timeout_ms = (int)session->settings->start_timeout_ms,
                                 .visit = visit_record,
                                 .context = found};
    return jd_scan_run(&scan, err);
}

/* Of the policies' topic: the bundle under the alert's hash. */
static bool visit_policy(void *context, const struct jd_message *message, struct jd_error *err)
{
    struct found *found = context;
    (void)err;
    if (jd_str_eq(message->key, found->revisions[found->count - 1].policy)) {
        found->bundle = jd_arena_str(&found->arena, message->value);
    }
    return true;
}

static bool read_topic(struct found *found, struct jd_error *err)
{
    struct jd_session session = {0};
    const bool ok = jd_session_open(&session, found->arguments->config, err) &&
                    jd_session_topics(&session, err) && jd_session_ensure(&session, JD_SESSION_ALERTS, err) &&
                    jd_session_ensure(&session, JD_SESSION_ALERTS_SHADOW, err) &&
                    scan(&session, JD_SESSION_ALERTS, found, visit, err) &&
                    scan(&session, JD_SESSION_ALERTS_SHADOW, found, visit, err) &&
                    (found->count == 0 || !session.topics[JD_SESSION_POLICIES].exists ||
                     scan(&session, JD_SESSION_POLICIES, found, visit_policy, err));
    jd_session_close(&session);
    return ok;
}

/* ---- the rule ---------------------------------------------------------------------------------------- */

static void take_rule(struct found *found, const char *where, struct jd_rule_text *rule)
{
    jd_explain_take_rule(found->policy, where, found->revisions[found->count - 1].rule, &found->arena, rule);
}

static bool read_policy(struct found *found, struct jd_rule_text *rule, struct jd_error *err)
{
    struct jd_diagnostics problems;
    jd_diagnostics_init(&problems);
    found->policy = jd_policy_load(found->arguments->policy, &problems);
    if (found->policy == NULL) {
        jd_diagnostics_print(&problems, stderr);
        *err = (struct jd_error){.code = JD_EXIT_CONFIG};
    } else {
        take_rule(found, found->arguments->policy, rule);
    }
    jd_diagnostics_done(&problems);
    return found->policy != NULL;
}

/* The policy that the alert names, as it was published; one that is gone, or that this version does not compile, is
 * done without. */
static void compile_published(struct found *found, struct jd_rule_text *rule)
{
    struct jd_diagnostics problems;
    jd_diagnostics_init(&problems);
    if (found->bundle.ptr != NULL &&
        (found->policy = jd_policy_from_bundle(found->bundle, (struct jd_str){0}, &problems)) != NULL) {
        take_rule(found, "the published policy", rule);
    }
    jd_diagnostics_done(&problems);
}

/* ---- the command ------------------------------------------------------------------------------------ */

static void print_json(struct found *found, const struct jd_rule_text *rule)
{
    struct jd_buf out;
    jd_buf_init(&out, &found->arena);
    jd_buf_text(&out, "{\"alert\":");
    jd_json_write(&jd_alert_record, &found->revisions[found->count - 1], &out);
    jd_buf_text(&out, ",\"history\":[");
    for (uint32_t i = 0; i < found->count; i++) {
        jd_buf_text(&out, i > 0 ? "," : "");
        jd_json_write(&jd_alert_record, &found->revisions[i], &out);
    }
    jd_buf_text(&out, "],\"rule_text\":");
    if (rule->text.ptr != NULL) {
        jd_json_write_str(rule->text, &out);
    } else {
        jd_buf_text(&out, "null");
    }
    jd_buf_text(&out, "}\n");
    fwrite(out.bytes, 1, out.size, stdout); /* main looks at stdout's state */
}

static bool check_found(const struct found *found, struct jd_error *err)
{
    if (found->is_ambiguous) {
        return jd_error_set(err, JD_EXIT_USAGE, "there is more than one alert: say which by --alert");
    }
    return found->count > 0 ||
           jd_error_set(err, JD_EXIT_DATA, "no record of alert %s among %llu",
                        found->arguments->alert != NULL ? found->arguments->alert : "at all",
                        (unsigned long long)found->records);
}

static bool explain(struct found *found, struct jd_error *err)
{
    const struct arguments *arguments = found->arguments;
    const bool ok = arguments->config != NULL
                        ? read_topic(found, err)
                        : read_file(found, arguments->file != NULL ? arguments->file : "-", err);
    if (!ok || !check_found(found, err)) {
        return false;
    }
    struct jd_rule_text rule = {0};
    if (arguments->policy == NULL) {
        compile_published(found, &rule);
    } else if (!read_policy(found, &rule, err)) {
        return false;
    }
    if (arguments->json) {
        print_json(found, &rule);
    } else {
        jd_explain_text(found->revisions, found->count, &rule, &found->arena, stdout);
    }
    return true;
}

static bool check_alert(const struct arguments *arguments, struct jd_error *err)
{
    if (arguments->hcp != NULL || arguments->rule != NULL || arguments->events.count > 0) {
        return jd_error_set(err, JD_EXIT_USAGE, "--hcp, --rule and --events go with --why-not");
    }
    if (arguments->file != NULL && arguments->config != NULL) {
        return jd_error_set(err, JD_EXIT_USAGE, "give --file or --config, not both");
    }
    if (arguments->alert != NULL &&
        (strlen(arguments->alert) != ID_SIZE || strspn(arguments->alert, "0123456789abcdef") != ID_SIZE)) {
        return jd_error_set(err, JD_EXIT_USAGE, "--alert: \"%s\" is no alert id: %d hex digits",
                            arguments->alert, ID_SIZE);
    }
    return arguments->alert != NULL || arguments->config == NULL ||
           jd_error_set(err, JD_EXIT_USAGE, "--alert ID is missing: the topic holds many");
}

static bool explain_absence(const struct arguments *arguments, struct jd_error *err)
{
    const bool is_live = arguments->config != NULL;
    if (arguments->alert != NULL || arguments->file != NULL || arguments->json) {
        return jd_error_set(err, JD_EXIT_USAGE,
                            "--why-not goes with --hcp, --rule and where to look, nothing else");
    }
    if (arguments->hcp == NULL || arguments->rule == NULL ||
        is_live == (arguments->events.count > 0 || arguments->policy != NULL) ||
        (!is_live && (arguments->events.count == 0 || arguments->policy == NULL))) {
        return jd_error_set(
            err, JD_EXIT_USAGE,
            "--why-not needs --hcp and --rule, and either --events with --policy, or --config");
    }
    const struct jd_whynot_arguments given = {.hcp = arguments->hcp,
                                              .rule = arguments->rule,
                                              .policy = arguments->policy,
                                              .config = arguments->config,
                                              .events = arguments->events};
    return jd_whynot(&given, err);
}

static enum jd_exit run(const void *arguments_given, const struct jd_words *operands, struct jd_error *err)
{
    (void)operands; /* none: the table says so */
    struct found found = {.arguments = arguments_given};
    const struct arguments *arguments = found.arguments;
    if (arguments->why_not) {
        return explain_absence(arguments, err) ? JD_EXIT_OK : err->code;
    }
    if (!check_alert(arguments, err)) {
        return err->code;
    }
    found.id = jd_str_of(arguments->alert);
    jd_arena_init(&found.arena, (size_t)1 << 30);
    jd_arena_init(&found.scratch, (size_t)256 << 20);
    const bool ok = explain(&found, err);
    jd_policy_free(found.policy);
    jd_arena_done(&found.scratch);
    jd_arena_done(&found.arena);
    return ok ? JD_EXIT_OK : err->code;
}

static const struct jd_option options[] = {
    {JD_OPTION_TEXT, false, "alert", "ID", "the alert; may be left out where the file holds only one",
     offsetof(struct arguments, alert), 0, 0},
    {JD_OPTION_TEXT, false, "file", "FILE",
     "records as JSON lines, as alerts.jsonl; - or nothing: standard input", offsetof(struct arguments, file),
     0, 0},
    {JD_OPTION_TEXT, false, "config", "F",
     "scan conflict.alerts and conflict.alerts.shadow of this configuration instead",
     offsetof(struct arguments, config), 0, 0},
    {JD_OPTION_TEXT, false, "policy", "DIR", "the rule is of this policy", offsetof(struct arguments, policy),
     0, 0},
    {JD_OPTION_FLAG, false, "why-not", NULL, "why there is no alert of --rule for --hcp",
     offsetof(struct arguments, why_not), 0, 0},
    {JD_OPTION_TEXT, false, "hcp", "ID", "--why-not: the physician", offsetof(struct arguments, hcp), 0, 0},
    {JD_OPTION_TEXT, false, "rule", "ID", "--why-not: the rule", offsetof(struct arguments, rule), 0, 0},
    {JD_OPTION_WORDS, false, "events", "FILE", "--why-not: from this history, under --policy",
     offsetof(struct arguments, events), 0, 0},
    {JD_OPTION_FLAG, false, "json", NULL, "the records and the rule's text as one JSON object",
     offsetof(struct arguments, json), 0, 0},
    {JD_OPTION_END, false, NULL, NULL, NULL, 0, 0, 0},
};

const struct jd_command jd_explain_command = {
    .name = "explain",
    .usage =
        "[--alert ID] [--file FILE | --config F] [--policy DIR] [--json]\n"
        "       journeyd explain --why-not --hcp ID --rule ID (--events FILE... --policy DIR | --config F)",
    .summary = "Say why an alert was raised and what would have avoided it, or why there is none",
    .details =
        "From the record and, with --policy or --config, the policy's text: rule and citation, evidence with "
        "who,\n"
        "when and which channel, the computation contact by contact, what each revision changed, what would "
        "have\n"
        "avoided it.\n\n"
        "--why-not: every contact that is held of the physician and each condition of the rule that it does "
        "not\n"
        "meet, what stood between it and an alert, the nearest miss, and the events that were refused.\n",
    .options = options,
    .arguments_size = sizeof(struct arguments),
    .run = run,
};

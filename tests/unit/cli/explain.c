/* The explanation: the rule's own lines, and what it says of a pair. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/contract.h"
#include "base/str.h"
#include "cli/explain.h"

static const char yaml[] = "# Rules.\n"
                           "- id: first\n"
                           "  kind: proximity # one\n"
                           "\n"
                           "  within: 7d\n"
                           "# The second.\n"
                           "- { id: \"second\", kind: proximity,\n"
                           "    within: 3d }\n"
                           "-   id: third\n"
                           "    within: 1d";

Test(explain, a_rule_is_found_by_its_id_alone)
{
    static const struct {
        const char *id, *text;
        uint32_t line;
    } rows[] = {
        {"first", "- id: first\n  kind: proximity # one\n\n  within: 7d\n", 2},
        {"second", "- { id: \"second\", kind: proximity,\n    within: 3d }\n", 7},
        {"third", "-   id: third\n    within: 1d", 9},
        {"fir", NULL, 0},
        {"proximity", NULL, 0},
        {"", NULL, 0},
    };
    for (size_t i = 0; i < JD_COUNT(rows); i++) {
        uint32_t line = 0;
        const struct jd_str text = jd_explain_rule_lines(jd_str_of(yaml), jd_str_of(rows[i].id), &line);
        cr_expect(jd_str_eq(text, jd_str_of(rows[i].text)), "row %zu: " JD_STR_FMT, i, JD_STR_ARG(text));
        cr_expect_eq(line, rows[i].line, "row %zu", i);
    }
    uint32_t line = 0;
    cr_assert_null(jd_explain_rule_lines((struct jd_str){"", 0}, JD_STR("first"), &line).ptr);
}

static struct jd_alert pair(struct jd_event events[2])
{
    struct jd_alert alert;
    jd_record_clear(&jd_alert_record, &alert);
    for (int i = 0; i < 2; i++) {
        jd_record_clear(&jd_event_record, &events[i]);
        events[i].id = i == 0 ? JD_STR("a") : JD_STR("b");
        events[i].source = JD_STR("crm");
        events[i].channel = JD_CHANNEL_IN_PERSON;
    }
    events[0].time = 0;
    events[1].time = 3 * JD_DAY;
    events[1].start = 2 * JD_DAY + 4 * JD_HOUR; /* counts before time */
    alert.alert_id = JD_STR("0123456789abcdef0123456789abcdef");
    alert.revision = 3;
    alert.rule = JD_STR("r");
    alert.rule_version = 1;
    alert.status = JD_STATUS_OPEN;
    alert.phase = JD_ALERT_PHASE_PREVENTABLE;
    alert.evidence = (struct jd_list){events, 2};
    alert.window = JD_STR("7d");
    alert.observed = (struct jd_decimal){2 * JD_DAY + 4 * JD_HOUR, 0};
    alert.limit = (struct jd_decimal){7 * JD_DAY, 0};
    alert.unit = JD_UNIT_MS;
    return alert;
}

static char *explained(const struct jd_alert *alert)
{
    static const struct jd_rule_text none;
    struct jd_arena arena;
    char *text = NULL;
    size_t size = 0;
    jd_arena_init(&arena, 1 << 20);
    FILE *out = open_memstream(&text, &size);
    jd_explain_text(alert, 1, &none, &arena, out);
    fclose(out);
    jd_arena_done(&arena);
    return text;
}

Test(explain, a_count_shows_what_it_is_held_against)
{
    struct jd_event events[2];
    struct jd_alert alert = pair(events);
    alert.unit = JD_UNIT_AMOUNT;
    alert.observed = (struct jd_decimal){50550, 2};
    alert.limit = (struct jd_decimal){500, 0};
    alert.window = JD_STR("year");
    alert.other_currency = 3;
    char *text = explained(&alert);
    static const char *const says[] = {
        "observed 505.50 amount, limit 500 amount (window year): over the limit\n",
        "left out: 3 in another currency"};
    for (size_t i = 0; i < JD_COUNT(says); i++) {
        cr_expect_not_null(strstr(text, says[i]), "\"%s\" is not in:\n%s", says[i], text);
    }
    cr_expect_null(strstr(text, "apart"), "%s", text);
    free(text);
}

Test(explain, a_pair_shows_distance_limit_and_what_would_have_avoided_it)
{
    struct jd_event events[2];
    const struct jd_alert alert = pair(events);
    char *text = explained(&alert);
    static const char *const says[] = {
        "from 1970-01-01T00:00:00.000Z to 1970-01-03T04:00:00.000Z: 2 d 4 h apart",
        "observed 2 d 4 h, limit 7 d (within 7d): inside, so the rule holds",
        "more than 7d apart: the second not before 1970-01-08T00:00:00.001Z",
        "It still can be: a contact is only planned",
        "revisions before 3 were not given",
    };
    for (size_t i = 0; i < JD_COUNT(says); i++) {
        cr_expect_not_null(strstr(text, says[i]), "\"%s\" is not in:\n%s", says[i], text);
    }
    free(text);
}

Test(explain, a_retracted_alert_asks_for_nothing)
{
    struct jd_event events[2];
    struct jd_alert alert = pair(events);
    alert.status = JD_STATUS_RETRACTED;
    alert.cause = JD_CAUSE_CANCELLED;
    char *text = explained(&alert);
    cr_expect_not_null(strstr(text, "status       retracted (cancelled)"), "%s", text);
    cr_expect_not_null(strstr(text, "Nothing is to be done"), "%s", text);
    cr_expect_null(strstr(text, "would have avoided"), "%s", text);
    free(text);
}

/* What a rule read of facts stands there with the record that decided. */
Test(explain, facts_are_shown_with_what_decided)
{
    struct jd_event events[2];
    struct jd_fact_read facts[2];
    struct jd_alert alert = pair(events);
    for (int i = 0; i < 2; i++)
        jd_record_clear(&jd_fact_read_record, &facts[i]);
    facts[0].name = JD_STR("consent");
    facts[0].value = JD_STR("expired");
    facts[0].channel = JD_CHANNEL_EMAIL;
    facts[0].from = 0;
    facts[0].until = JD_DAY;
    facts[0].source = JD_STR("mdm");
    facts[0].id = JD_STR("ev-7");
    facts[0].proof = JD_STR("scan-7");
    facts[1].name = JD_STR("licence");
    facts[1].value = JD_STR("none");
    alert.facts = (struct jd_list){facts, 2};
    alert.evidence = (struct jd_list){events, 1};
    alert.evidence_count = 1;
    alert.observed.scale = alert.limit.scale = JD_DECIMAL_NONE;
    char *text = explained(&alert);
    static const char *const lines[] = {
        "Facts, as of the time of the contact\n",
        "  consent      expired: from 1970-01-01T00:00:00.000Z until 1970-01-02T00:00:00.000Z\n",
        "     channel email, event ev-7, from mdm, proof scan-7\n",
        "  licence      none\n",
    };
    for (size_t i = 0; i < JD_COUNT(lines); i++)
        cr_expect_not_null(strstr(text, lines[i]), "%s\n%s", lines[i], text);
    cr_expect_null(strstr(text, "Computation"));
    free(text);
    alert.evidence = (struct jd_list){0};
    alert.evidence_count = 0;
    text = explained(&alert);
    cr_expect_not_null(strstr(text, "it is about facts alone"), "%s", text);
    free(text);
}

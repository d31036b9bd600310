/* What readers on either side of the medical wall may see, field by field: said here once more, so that whoever adds
 * a field says who sees it. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/contract.h"
#include "base/str.h"
#include "engine/audiences.h"

/* Of a contact of the other side. */
static const char *const both = " time hcp_id account_id phase channel start end country jurisdiction ";
static const char *const medical_only = " id source type recorded_at engagement_id actor initiated_by "
                                        "direction product indication topic content_id "
                                        "on_label joint_with responds_to outcome ";
static const char *const nobody = " key_messages campaign_id amount currency quantity attributes ";

static bool lists(const char *names, const char *name)
{
    char word[64];
    snprintf(word, sizeof word, " %s ", name);
    return strstr(names, word) != NULL;
}

Test(audiences, each_field_of_a_contact_is_somebodys_or_nobodys)
{
    for (uint32_t i = 0; i < jd_event_record.count; i++) {
        const char *name = jd_event_record.fields[i].name;
        cr_expect_eq(lists(both, name) + lists(medical_only, name) + lists(nobody, name), 1, "%s", name);
        cr_expect_eq(jd_audience_sees_field(JD_AUDIENCE_COMMERCIAL, i), lists(both, name), "%s", name);
        cr_expect_eq(jd_audience_sees_field(JD_AUDIENCE_MEDICAL, i), !lists(nobody, name), "%s", name);
    }
}

/* As schemas/README.md lists them: `a`, `b` */
static void expect_documented(const char *readme, const char *names, const char *who)
{
    char row[1024] = "| `", words[1024];
    snprintf(words, sizeof words, "%s", names);
    const char *separator = "";
    for (char *word = strtok(words, " "); word != NULL; word = strtok(NULL, " ")) {
        strcat(strcat(row, separator), word);
        separator = "`, `";
    }
    strcat(strcat(strcat(row, "` | "), who), " |\n");
    cr_expect_not_null(strstr(readme, row), "schemas/README.md has no row %s", row);
}

Test(audiences, the_contract_says_the_same)
{
    static char text[1 << 18];
    FILE *file = fopen("schemas/README.md", "re"); /* tests run in the top directory */
    cr_assert_not_null(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    expect_documented(text, both, "both");
    expect_documented(text, medical_only, "medical readers only");
    expect_documented(text, nobody, "neither");
}

static struct jd_arena arena;
static const struct jd_str part = {"M", 1};
static const struct jd_fact_read fact = {.name = {"consent", 7}, .value = {"none", 4}};

static struct jd_event contact(enum jd_role role)
{
    struct jd_event event;
    jd_record_clear(&jd_event_record, &event);
    event.id = JD_STR("1");
    event.hcp_id = JD_STR("h");
    event.time = 5;
    event.actor = (struct jd_actor){JD_STR("a"), (uint8_t)role, {0}};
    return event;
}

/* Every field is present. */
static struct jd_alert alert_of(const struct jd_event *events, uint32_t count)
{
    return (struct jd_alert){
        .alert_id = part,
        .revision = 1,
        .rule = part,
        .rule_version = 1,
        .scope = JD_SCOPE_HCP,
        .key = part,
        .instance = {&part, 1},
        .status = JD_STATUS_RETRACTED,
        .cause = JD_CAUSE_POLICY,
        .phase = JD_ALERT_PHASE_INCIDENT,
        .final = JD_FALSE,
        .severity = JD_SEVERITY_LOW,
        .mode = JD_MODE_ALERT,
        .hcp_id = part,
        .account_id = part,
        .evidence = {events, count},
        .evidence_count = count,
        .evidence_sha256 = part,
        .window = part,
        .observed = {1, 0},
        .limit = {1, 0},
        .unit = JD_UNIT_MS,
        .opened_at = 1,
        .remedy = part,
        .assignee = part,
        .citation = part,
        .jurisdiction = part,
        .policy = part,
        .other_currency = 1,
        .facts = {&fact, 1},
        .complete_from = 1,
        .audience = JD_AUDIENCE_BOTH,
        .acknowledged = {.actor_id = part},
        .overridden = {.actor_id = part},
        .assignee_function = JD_FUNCTION_COMMERCIAL,
        .episode = part,
    };
}

static bool is_absent(const struct jd_field *field, const void *record)
{
    const void *at = (const char *)record + field->offset;
    switch (field->kind) {
    case JD_STRING:
        return ((const struct jd_str *)at)->ptr == NULL;
    case JD_ENUM:
    case JD_BOOL:
        return *(const uint8_t *)at == 0;
    case JD_TIME:
    case JD_INT:
        return *(const int64_t *)at == JD_INT_NONE;
    case JD_DECIMAL:
        return ((const struct jd_decimal *)at)->scale == JD_DECIMAL_NONE;
    case JD_LIST:
    case JD_MAP:
        return ((const struct jd_list *)at)->count == 0;
    case JD_RECORD: /* by its first field */
        return is_absent(&field->record->fields[0], at);
    case JD_VARIANT:
    case JD_DOUBLE:
        break;
    }
    cr_assert(false, "the alert has no such field");
    return true;
}

/* What is absent of a complete alert as these readers see it. */
static void expect_absent(enum jd_audience audience, const struct jd_alert *alert, const char *names)
{
    const struct jd_alert seen = jd_audience_alert(audience, alert, &arena);
    for (uint32_t i = 0; i < jd_alert_record.count; i++)
        cr_expect_eq(is_absent(&jd_alert_record.fields[i], &seen),
                     lists(names, jd_alert_record.fields[i].name), "%s", jd_alert_record.fields[i].name);
    cr_expect_eq(seen.audience, audience);
}

Test(audiences, each_field_of_an_alert)
{
    jd_arena_init(&arena, 1 << 20);
    const struct jd_event events[] = {contact(JD_ROLE_MSL), contact(JD_ROLE_SALES_REP)};
    struct jd_alert alert = alert_of(events, 2);
    expect_absent(JD_AUDIENCE_COMMERCIAL, &alert, " instance evidence_sha256 facts acknowledged overridden ");
    expect_absent(JD_AUDIENCE_MEDICAL, &alert, " instance evidence_sha256 ");
    alert.evidence_sha256 = (struct jd_str){0}; /* nothing is cut off */
    alert.evidence = (struct jd_list){events, 1};
    expect_absent(JD_AUDIENCE_MEDICAL, &alert, " evidence_sha256 ");
    jd_arena_done(&arena);
}

Test(audiences, of_an_unknown_role_it_is_nobodys)
{
    jd_arena_init(&arena, 1 << 20);
    const struct jd_event event = contact(JD_ROLE_NONE);
    cr_assert_null(jd_audience_event(JD_AUDIENCE_COMMERCIAL, &event, &arena).id.ptr);
    cr_assert_null(jd_audience_event(JD_AUDIENCE_COMMERCIAL, &event, &arena).actor.id.ptr);
    const struct jd_rule rule = {.scope = JD_SCOPE_HCP};
    const struct jd_alert alert = alert_of(&event, 1);
    cr_assert_eq(jd_alert_audience(&rule, &alert), JD_AUDIENCE_NONE);
    jd_arena_done(&arena);
}

/* The field tables of what goes in and out (include/journeyd/event.h, effect.h), and the closed lists.
 * contract_state.c has those of states and the journal. */
#include "base/contract.h"

#include <string.h>

#include "base/contract_rows.h"
#include "base/str.h"

#define TEXT(n, t) t,
#define SYMBOLS(variable, avro_name, MAP)                                                                    \
    static const char *const variable##_texts[] = {NULL, MAP(TEXT) NULL};                                    \
    const struct jd_symbols variable##_symbols = {avro_name, variable##_texts,                               \
                                                  (uint32_t)JD_COUNT(variable##_texts) - 2};

SYMBOLS(jd_class, "Class", JD_CLASS_MAP)
SYMBOLS(jd_phase, "Phase", JD_PHASE_MAP)
SYMBOLS(jd_channel, "Channel", JD_CHANNEL_MAP)
SYMBOLS(jd_role, "Role", JD_ROLE_MAP)
SYMBOLS(jd_function, "Function", JD_FUNCTION_MAP)
SYMBOLS(jd_initiator, "Initiator", JD_INITIATOR_MAP)
SYMBOLS(jd_direction, "Direction", JD_DIRECTION_MAP)
SYMBOLS(jd_outcome, "OutcomeCode", JD_OUTCOME_MAP)
SYMBOLS(jd_outcome_reason, "OutcomeReason", JD_OUTCOME_REASON_MAP)
SYMBOLS(jd_fact, "Fact", JD_FACT_MAP)
SYMBOLS(jd_fact_state, "FactState", JD_FACT_STATE_MAP)
SYMBOLS(jd_status, "AlertStatus", JD_STATUS_MAP)
SYMBOLS(jd_cause, "Cause", JD_CAUSE_MAP)
SYMBOLS(jd_alert_phase, "AlertPhase", JD_ALERT_PHASE_MAP)
SYMBOLS(jd_severity, "Severity", JD_SEVERITY_MAP)
SYMBOLS(jd_audience, "Audience", JD_AUDIENCE_MAP)
SYMBOLS(jd_mode, "Mode", JD_MODE_MAP)
SYMBOLS(jd_scope, "Scope", JD_SCOPE_MAP)
SYMBOLS(jd_unit, "Unit", JD_UNIT_MAP)
SYMBOLS(jd_trigger_status, "TriggerStatus", JD_TRIGGER_STATUS_MAP)
SYMBOLS(jd_rejection, "RejectionCode", JD_REJECTION_MAP)
SYMBOLS(jd_reason, "ReasonCode", JD_REASON_MAP)
SYMBOLS(jd_entry, "EntryKind", JD_ENTRY_MAP)
SYMBOLS(jd_touch_op, "TouchOp", JD_TOUCH_OP_MAP)

/* One row a field. */
/* clang-format off */

#define S jd_actor
static const struct jd_field actor_fields[] = {
    STRING(id, REQUIRED),
    ENUM(role, jd_role_symbols, OPTIONAL),
    STRING(team, OPTIONAL),
};
static const struct jd_record actor = DEFINE(actor, "Actor");
#undef S

#define S jd_party
static const struct jd_field party_fields[] = {
    STRING(id, REQUIRED),
    ENUM(role, jd_role_symbols, OPTIONAL),
};
const struct jd_record jd_party_record = DEFINE(party, "Party");
#undef S

#define S jd_outcome
static const struct jd_field outcome_fields[] = {
    ENUM(code, jd_outcome_symbols, REQUIRED),
    ENUM(reason, jd_outcome_reason_symbols, OPTIONAL),
};
const struct jd_record jd_outcome_record = DEFINE(outcome, "Outcome");
#undef S

#define S jd_event
static const struct jd_field jd_event_fields[] = {
    STRING(id, OPTIONAL),
    STRING(source, OPTIONAL),
    STRING(type, OPTIONAL),
    TIME(time, OPTIONAL),
    TIME(recorded_at, OPTIONAL),
    STRING(hcp_id, REQUIRED),
    STRING(account_id, OPTIONAL),
    STRING(engagement_id, OPTIONAL),
    ENUM(phase, jd_phase_symbols, OPTIONAL),
    ENUM(channel, jd_channel_symbols, OPTIONAL),
    RECORD(actor, actor, OPTIONAL),
    ENUM(initiated_by, jd_initiator_symbols, OPTIONAL),
    ENUM(direction, jd_direction_symbols, OPTIONAL),
    TIME(start, OPTIONAL),
    TIME(end, OPTIONAL),
    STRING(product, OPTIONAL),
    STRING(indication, OPTIONAL),
    STRING(topic, OPTIONAL),
    STRING(content_id, OPTIONAL),
    STRINGS(key_messages, OPTIONAL),
    STRING(campaign_id, OPTIONAL),
    BOOL(on_label, OPTIONAL),
    STRING(country, OPTIONAL),
    STRING(jurisdiction, OPTIONAL),
    LIST(joint_with, jd_party_record, OPTIONAL),
    STRING(responds_to, OPTIONAL),
    DECIMAL(amount, OPTIONAL),
    STRING(currency, OPTIONAL),
    INT(quantity, OPTIONAL),
    RECORD(outcome, jd_outcome_record, OPTIONAL),
    MAP(attributes, OPTIONAL),
};
const struct jd_record jd_event_record = DEFINE(jd_event, "EngagementEvent");
#undef S

#define S jd_consent
static const struct jd_field consent_fields[] = {
    ENUM(channel, jd_channel_symbols, REQUIRED),
    ENUM(state, jd_fact_state_symbols, REQUIRED),
    STRING(product, OPTIONAL),
    TIME(from, REQUIRED),
    TIME(until, OPTIONAL),
    TIME(confirmed_at, OPTIONAL),
    STRING(proof, OPTIONAL),
};
static const struct jd_record consent = DEFINE(consent, "Consent");
#undef S

#define S jd_access
static const struct jd_field access_interval_fields[] = {
    ENUM(state, jd_fact_state_symbols, REQUIRED),
    ENUM(channel, jd_channel_symbols, OPTIONAL),
    TIME(from, REQUIRED),
    TIME(until, OPTIONAL),
};
static const struct jd_record access_interval = DEFINE(access_interval, "Access");
#undef S

#define S jd_licence
static const struct jd_field licence_fields[] = {
    STRING(number, REQUIRED),
    STRING(jurisdiction, OPTIONAL),
    TIME(from, OPTIONAL),
    TIME(until, OPTIONAL),
};
static const struct jd_record licence = DEFINE(licence, "Licence");
#undef S

#define S jd_owner
static const struct jd_field owner_fields[] = {
    ENUM(function, jd_function_symbols, REQUIRED),
    STRING(actor_id, REQUIRED),
    STRING(deputy_id, OPTIONAL),
    STRING(team, OPTIONAL),
    TIME(from, OPTIONAL),
    TIME(until, OPTIONAL),
};
static const struct jd_record owner = DEFINE(owner, "Owner");
#undef S

#define S jd_affiliation
static const struct jd_field affiliation_fields[] = {
    STRING(account_id, REQUIRED),
    TIME(from, OPTIONAL),
    TIME(until, OPTIONAL),
};
static const struct jd_record affiliation = DEFINE(affiliation, "Affiliation");
#undef S

#define S jd_hcp_profile
static const struct jd_field jd_hcp_profile_fields[] = {
    STRING(hcp_id, REQUIRED),
    TIME(recorded_at, REQUIRED),
    STRING(tier, OPTIONAL),
    STRING(specialty, OPTIONAL),
    STRING(country, OPTIONAL),
    STRING(zone, OPTIONAL),
    STRINGS(segments, OPTIONAL),
    LIST(affiliations, affiliation, .max = 256),
    LIST(access, access_interval, .max = 256),
    LIST(consents, consent, .max = 1024),
    LIST(licences, licence, OPTIONAL),
    LIST(owners, owner, .max = 256),
    MAP(attributes, OPTIONAL),
};
const struct jd_record jd_hcp_profile_record = DEFINE(jd_hcp_profile, "HcpProfile");
#undef S

#define S jd_account_profile
static const struct jd_field jd_account_profile_fields[] = {
    STRING(account_id, REQUIRED),
    TIME(recorded_at, REQUIRED),
    STRING(name_code, OPTIONAL),
    STRING(country, OPTIONAL),
    STRING(zone, OPTIONAL),
    LIST(access, access_interval, .max = 256),
    INT(visits_per_day_max, OPTIONAL),
    MAP(attributes, OPTIONAL),
};
const struct jd_record jd_account_profile_record = DEFINE(jd_account_profile, "AccountProfile");
#undef S

#define S jd_fact_read
static const struct jd_field jd_fact_read_fields[] = {
    STRING(name, .flags = JD_REQUIRED, .max = FACT_NAME_MAX),
    STRING(value, .flags = JD_REQUIRED, .max = FACT_VALUE_MAX),
    ENUM(channel, jd_channel_symbols, OPTIONAL),
    STRING(product, OPTIONAL),
    STRING(about, OPTIONAL),
    TIME(from, OPTIONAL),
    TIME(until, OPTIONAL),
    TIME(confirmed_at, OPTIONAL),
    STRING(source, OPTIONAL),
    STRING(id, OPTIONAL),
    STRING(proof, OPTIONAL),
};
const struct jd_record jd_fact_read_record = DEFINE(jd_fact_read, "FactRead");
#undef S

#define S jd_note
static const struct jd_field jd_note_fields[] = {
    STRING(actor_id, REQUIRED),
    ENUM(reason, jd_outcome_reason_symbols, OPTIONAL),
    TIME(from, REQUIRED),
    TIME(until, REQUIRED),
    STRING(source, REQUIRED),
    STRING(id, REQUIRED),
};
const struct jd_record jd_note_record = DEFINE(jd_note, "Note");
#undef S

#define S jd_alert
static const struct jd_field jd_alert_fields[] = {
    STRING(alert_id, REQUIRED),
    INT(revision, REQUIRED),
    STRING(rule, REQUIRED),
    INT(rule_version, REQUIRED),
    ENUM(scope, jd_scope_symbols, REQUIRED),
    STRING(key, REQUIRED),
    STRINGS(instance, OPTIONAL),
    ENUM(status, jd_status_symbols, REQUIRED),
    ENUM(cause, jd_cause_symbols, OPTIONAL),
    ENUM(phase, jd_alert_phase_symbols, REQUIRED),
    BOOL(final, REQUIRED),
    ENUM(severity, jd_severity_symbols, REQUIRED),
    ENUM(mode, jd_mode_symbols, REQUIRED),
    STRING(hcp_id, OPTIONAL),
    STRING(account_id, OPTIONAL),
    LIST(evidence, jd_event_record, .max = EVIDENCE_MAX),
    INT(evidence_count, REQUIRED),
    STRING(evidence_sha256, OPTIONAL),
    STRING(window, OPTIONAL),
    DECIMAL(observed, OPTIONAL),
    DECIMAL(limit, OPTIONAL),
    ENUM(unit, jd_unit_symbols, OPTIONAL),
    TIME(opened_at, REQUIRED),
    STRING(remedy, .max = SENTENCE_MAX),
    STRING(assignee, OPTIONAL),
    STRING(citation, .max = SENTENCE_MAX),
    STRING(jurisdiction, OPTIONAL),
    STRING(policy, REQUIRED),
    INT(other_currency, OPTIONAL),
    LIST(facts, jd_fact_read_record, OPTIONAL),
    TIME(complete_from, OPTIONAL),
    ENUM(audience, jd_audience_symbols, OPTIONAL),
    RECORD(acknowledged, jd_note_record, OPTIONAL),
    RECORD(overridden, jd_note_record, OPTIONAL),
    ENUM(assignee_function, jd_function_symbols, OPTIONAL),
    STRING(episode, OPTIONAL),
};
const struct jd_record jd_alert_record = DEFINE(jd_alert, "ConflictAlert");
#undef S

#define S jd_reason
static const struct jd_field reason_fields[] = {
    ENUM(code, jd_reason_symbols, REQUIRED),
    MAP(parameters, OPTIONAL),
    STRING(sentence, .max = SENTENCE_MAX),
};
static const struct jd_record reason = DEFINE(reason, "Reason");
#undef S

#define S jd_rejection
static const struct jd_field rejection_fields[] = {
    ENUM(channel, jd_channel_symbols, REQUIRED),
    ENUM(reason, jd_rejection_symbols, REQUIRED),
};
const struct jd_record jd_rejection_record = DEFINE(rejection, "Rejection");
#undef S

#define S jd_trigger
static const struct jd_field jd_trigger_fields[] = {
    STRING(trigger_id, REQUIRED),
    INT(revision, REQUIRED),
    STRING(decision_id, REQUIRED),
    STRING(hcp_id, REQUIRED),
    STRING(journey, OPTIONAL),
    STRING(step, OPTIONAL),
    STRING(replaces, .max = KEY_MAX),
    ENUM(channel, jd_channel_symbols, REQUIRED),
    ENUM(role, jd_role_symbols, OPTIONAL),
    STRING(assignee, OPTIONAL),
    STRING(content_id, OPTIONAL),
    TIME(not_before, REQUIRED),
    TIME(expires_at, REQUIRED),
    LIST(reasons, reason, OPTIONAL),
    LIST(rejected, jd_rejection_record, OPTIONAL),
    DOUBLE(propensity),
    STRING(arm, OPTIONAL),
    ENUM(status, jd_trigger_status_symbols, REQUIRED),
    STRING(policy, REQUIRED),
};
const struct jd_record jd_trigger_record = DEFINE(jd_trigger, "ChannelTrigger");
#undef S

#define S jd_gate_result
static const struct jd_field gate_result_fields[] = {
    ENUM(reason, jd_rejection_symbols, REQUIRED),
    STRING(rule, OPTIONAL),
    STRING(detail, .max = SENTENCE_MAX),
};
static const struct jd_record gate_result = DEFINE(gate_result, "GateResult");
#undef S

#define S jd_candidate
static const struct jd_field candidate_fields[] = {
    ENUM(channel, jd_channel_symbols, REQUIRED),
    STRING(content_id, OPTIONAL),
    LIST(rejections, gate_result, .max = 256),
    DOUBLE(score),
    DOUBLE(propensity),
};
static const struct jd_record candidate = DEFINE(candidate, "Candidate");
#undef S

#define S jd_decision
static const struct jd_field jd_decision_fields[] = {
    STRING(decision_id, REQUIRED),
    STRING(hcp_id, REQUIRED),
    STRING(alert_id, OPTIONAL),
    INT(attempt, REQUIRED),
    STRING(actor_id, OPTIONAL),
    ENUM(role, jd_role_symbols, OPTIONAL),
    TIME(at, REQUIRED),
    TIME(for_time, OPTIONAL),
    LIST(candidates, candidate, .max = 256),
    ENUM(channel, jd_channel_symbols, OPTIONAL),
    DOUBLE(propensity),
    STRING(arm, OPTIONAL),
    STRING(trigger_id, OPTIONAL),
    STRING(policy, REQUIRED),
};
const struct jd_record jd_decision_record = DEFINE(jd_decision, "DecisionRecord");
#undef S

/* clang-format on */

uint8_t jd_symbol_of(const struct jd_symbols *symbols, struct jd_str text)
{
    for (uint32_t v = 1; v <= symbols->count; v++)
        if (jd_str_is(text, symbols->texts[v]))
            return (uint8_t)v;
    return 0;
}

struct jd_str jd_symbol_text(const struct jd_symbols *symbols, uint8_t value)
{
    return jd_str_of(value <= symbols->count ? symbols->texts[value] : NULL);
}

enum jd_function jd_role_function(enum jd_role role)
{
    switch (role) {
    case JD_ROLE_SALES_REP:
    case JD_ROLE_KEY_ACCOUNT_MANAGER:
    case JD_ROLE_ACCESS:
    case JD_ROLE_MARKETING:
        return JD_FUNCTION_COMMERCIAL;
    case JD_ROLE_MSL:
    case JD_ROLE_HEOR:
    case JD_ROLE_MEDICAL_INFORMATION:
        return JD_FUNCTION_MEDICAL;
    case JD_ROLE_SPEAKER:
    case JD_ROLE_SERVICE:
    case JD_ROLE_SYSTEM:
        return JD_FUNCTION_OTHER;
    case JD_ROLE_NONE:
    case JD_ROLE_END_:
        break;
    }
    return JD_FUNCTION_NONE;
}

static const struct jd_event_type event_types[] = {
#include "types.inc"
};

const struct jd_event_type *jd_event_type_of(struct jd_str name)
{
    size_t low = 0;
    size_t high = JD_COUNT(event_types);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = jd_str_cmp(name, event_types[middle].name);
        if (order == 0)
            return &event_types[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

const struct jd_event_type *jd_event_type_at(uint32_t index)
{
    return index < JD_COUNT(event_types) ? &event_types[index] : NULL;
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Woverlength-strings" /* gcc and clang take any length */
static const struct {
    const char *name, *text;
} schemas[] = {
#include "schemas.inc"
};
#pragma GCC diagnostic pop

struct jd_str jd_schema_text(struct jd_str record_name)
{
    for (size_t i = 0; i < JD_COUNT(schemas); i++)
        if (jd_str_eq(record_name, jd_str_of(schemas[i].name)))
            return jd_str_of(schemas[i].text);
    return (struct jd_str){0};
}

static void clear_numbers(const struct jd_record *record, void *value)
{
    for (uint32_t i = 0; i < record->count; i++) {
        const struct jd_field *field = &record->fields[i];
        char *at = (char *)value + field->offset;
        if (field->kind == JD_TIME)
            *(jd_time *)(void *)at = JD_TIME_NONE;
        else if (field->kind == JD_INT)
            *(int64_t *)(void *)at = JD_INT_NONE;
        else if (field->kind == JD_DECIMAL)
            ((struct jd_decimal *)(void *)at)->scale = JD_DECIMAL_NONE;
        else if (field->kind == JD_RECORD)
            clear_numbers(field->record, at);
    }
}

void jd_record_clear(const struct jd_record *record, void *value)
{
    memset(value, 0, record->size);
    clear_numbers(record, value);
}

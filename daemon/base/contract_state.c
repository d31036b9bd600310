/* The field tables of states and the journal (include/journeyd/state.h). */
#include "base/contract_rows.h"

/* One row a field. */
/* clang-format off */

#define S jd_seen
static const struct jd_field seen_fields[] = {
    STRING(source, REQUIRED),
    STRING(id, UUID),
    INT(digest, REQUIRED),
};
static const struct jd_record seen = DEFINE(seen, "Seen");
#undef S

#define S jd_actor
static const struct jd_field held_actor_fields[] = {
    STRING(id, UUID),
    ENUM(role, jd_role_symbols, OPTIONAL),
    STRING(team, OPTIONAL),
};
static const struct jd_record held_actor = DEFINE(held_actor, "HeldActor");
#undef S

#define S jd_event
static const struct jd_field details_fields[] = {
    STRING(indication, OPTIONAL),
    STRING(topic, OPTIONAL),
    STRING(content_id, UUID),
    STRINGS(key_messages, OPTIONAL),
    STRING(campaign_id, UUID),
    BOOL(on_label, OPTIONAL),
    STRING(jurisdiction, OPTIONAL),
    LIST(joint_with, jd_party_record, OPTIONAL),
    STRING(responds_to, UUID),
    DECIMAL(amount, OPTIONAL),
    STRING(currency, OPTIONAL),
    INT(quantity, OPTIONAL),
    RECORD(outcome, jd_outcome_record, OPTIONAL),
    MAP(attributes, OPTIONAL),
};
static const struct jd_record details = DEFINE(details, "Details");

static const struct jd_field version_fields[] = {
    STRING(source, REQUIRED),
    STRING(id, UUID),
    STRING(engagement_id, UUID, .max = KEY_MAX),
    STRING(hcp_id, UUID),
    STRING(type, REQUIRED),
    TIME(time, REQUIRED),
    TIME(recorded_at, OPTIONAL),
    ENUM(phase, jd_phase_symbols, OPTIONAL),
    ENUM(channel, jd_channel_symbols, OPTIONAL),
    RECORD(actor, held_actor, OPTIONAL),
    ENUM(initiated_by, jd_initiator_symbols, OPTIONAL),
    ENUM(direction, jd_direction_symbols, OPTIONAL),
    TIME(start, OPTIONAL),
    TIME(end, OPTIONAL),
    STRING(product, OPTIONAL),
    STRING(country, OPTIONAL),
    STRING(account_id, UUID),
    {.name = "details", .name_size = 7, .kind = JD_RECORD, .flags = JD_SPREAD, .record = &details},
};
const struct jd_record jd_version_record = DEFINE(version, "Version");
#undef S

#define S jd_shared_touch
static const struct jd_field jd_shared_touch_fields[] = {
    ENUM(scope, jd_scope_symbols, REQUIRED),
    STRING(name, OPTIONAL),
    STRING(key, REQUIRED),
    ENUM(op, jd_touch_op_symbols, REQUIRED),
    ENUM(cause, jd_cause_symbols, OPTIONAL),
    ENUM(class, jd_class_symbols, REQUIRED),
    BOOL(recorded_late, OPTIONAL),
    TIME(keep_until, OPTIONAL),
    RECORD(event, jd_version_record, REQUIRED),
};
const struct jd_record jd_shared_touch_record = DEFINE(jd_shared_touch, "Touch");
#undef S

#define S jd_engagement
static const struct jd_field engagement_fields[] = {
    RECORD(event, jd_version_record, REQUIRED),
    ENUM(class, jd_class_symbols, REQUIRED),
    BOOL(lapsed, OPTIONAL),
    BOOL(recorded_late, OPTIONAL),
    TIME(applies_from, OPTIONAL),
    TIME(keep_until, OPTIONAL),
    INT(digest, REQUIRED),
    LIST(seen, seen, .max = SEEN_MAX),
};
static const struct jd_record engagement = DEFINE(engagement, "Engagement");
#undef S

#define S jd_hcp_entry
static const struct jd_field hcp_entry_fields[] = {
    TIME(recorded_at, REQUIRED),
    RECORD(profile, jd_hcp_profile_record, OPTIONAL),
};
static const struct jd_record hcp_entry = DEFINE(hcp_entry, "HcpEntry");
#undef S

#define S jd_account_entry
static const struct jd_field account_entry_fields[] = {
    TIME(recorded_at, REQUIRED),
    RECORD(profile, jd_account_profile_record, OPTIONAL),
};
static const struct jd_record account_entry = DEFINE(account_entry, "AccountEntry");
#undef S

#define S jd_alert
static const struct jd_field alert_entry_fields[] = {
    STRING(alert_id, REQUIRED),
    INT(revision, REQUIRED),
    STRING(rule, REQUIRED),
    INT(rule_version, REQUIRED),
    ENUM(scope, jd_scope_symbols, REQUIRED),
    STRINGS(instance, OPTIONAL),
    ENUM(status, jd_status_symbols, REQUIRED),
    ENUM(cause, jd_cause_symbols, OPTIONAL),
    ENUM(phase, jd_alert_phase_symbols, REQUIRED),
    ENUM(severity, jd_severity_symbols, REQUIRED),
    ENUM(mode, jd_mode_symbols, REQUIRED),
    STRING(account_id, OPTIONAL),
    LIST(evidence, jd_version_record, .max = EVIDENCE_MAX),
    STRING(window, OPTIONAL),
    DECIMAL(observed, OPTIONAL),
    DECIMAL(limit, OPTIONAL),
    ENUM(unit, jd_unit_symbols, OPTIONAL),
    TIME(opened_at, REQUIRED),
    STRING(remedy, .max = SENTENCE_MAX),
    STRING(assignee, OPTIONAL),
    STRING(citation, .max = SENTENCE_MAX),
    STRING(jurisdiction, OPTIONAL),
    INT(other_currency, OPTIONAL),
    INT(evidence_count, OPTIONAL),
    STRING(evidence_sha256, OPTIONAL),
    LIST(facts, jd_fact_read_record, OPTIONAL),
    ENUM(audience, jd_audience_symbols, OPTIONAL),
    RECORD(acknowledged, jd_note_record, OPTIONAL),
    RECORD(overridden, jd_note_record, OPTIONAL),
    ENUM(assignee_function, jd_function_symbols, OPTIONAL),
};
static const struct jd_record alert_entry = DEFINE(alert_entry, "AlertEntry");
#undef S

#define S jd_trigger
static const struct jd_field held_trigger_fields[] = {
    STRING(trigger_id, REQUIRED),
    INT(revision, REQUIRED),
    STRING(decision_id, REQUIRED),
    STRING(journey, OPTIONAL),
    STRING(step, OPTIONAL),
    STRING(replaces, .max = KEY_MAX),
    ENUM(channel, jd_channel_symbols, REQUIRED),
    ENUM(role, jd_role_symbols, OPTIONAL),
    STRING(assignee, OPTIONAL),
    STRING(content_id, OPTIONAL),
    TIME(not_before, REQUIRED),
    TIME(expires_at, REQUIRED),
    LIST(rejected, jd_rejection_record, OPTIONAL),
    DOUBLE(propensity),
    STRING(arm, OPTIONAL),
    ENUM(status, jd_trigger_status_symbols, REQUIRED),
};
static const struct jd_record held_trigger = DEFINE(held_trigger, "HeldTrigger");
#undef S

#define S jd_trigger_entry
static const struct jd_field trigger_entry_fields[] = {
    INT(attempt, REQUIRED),
    INT(ground, REQUIRED),
    RECORD(trigger, held_trigger, OPTIONAL),
};
static const struct jd_record trigger_entry = DEFINE(trigger_entry, "TriggerEntry");
#undef S

#define S jd_range
static const struct jd_field range_fields[] = {
    STRING(topic, REQUIRED),
    INT(next_offset, REQUIRED),
    TIME(effective_time, OPTIONAL),
};
static const struct jd_record range = DEFINE(range, "Range");
#undef S

#define S jd_shard_entry
static const struct jd_field shard_entry_fields[] = {
    STRING(policy, OPTIONAL),
    LIST(catching_up, range, OPTIONAL),
};
static const struct jd_record shard_entry = DEFINE(shard_entry, "ShardEntry");
#undef S

#define S jd_deadline_entry
static const struct jd_field deadline_entry_fields[] = {
    STRING(rule, REQUIRED),
    STRING(engagement, .flags = JD_REQUIRED, .max = KEY_MAX + 16),
};
static const struct jd_record deadline_entry = DEFINE(deadline_entry, "DeadlineEntry");
#undef S

#define S jd_period_entry
static const struct jd_field period_entry_fields[] = {
    STRING(rule, REQUIRED),
    STRINGS(values, OPTIONAL),
    TIME(until, REQUIRED),
};
static const struct jd_record period_entry = DEFINE(period_entry, "PeriodEntry");
#undef S

#define S jd_rule_entry
static const struct jd_field rule_entry_fields[] = {
    STRING(rule, REQUIRED),
    TIME(since, OPTIONAL),
    TIME(complete_from, OPTIONAL),
    INT(digest, OPTIONAL),
    INT(text, OPTIONAL),
};
static const struct jd_record rule_entry = DEFINE(rule_entry, "RuleEntry");
#undef S

#define S jd_program_entry
static const struct jd_field program_entry_fields[] = {
    TIME(held_from, OPTIONAL),
    INT(channels, OPTIONAL),
    BOOL(reviewing, REQUIRED),
    STRING(reviewed, .max = KEY_MAX),
};
static const struct jd_record program_entry = DEFINE(program_entry, "ProgramEntry");
#undef S

#define S jd_final_entry
static const struct jd_field final_entry_fields[] = {
    STRING(alert_id, REQUIRED),
};
static const struct jd_record final_entry = DEFINE(final_entry, "FinalEntry");
#undef S

const struct jd_record *const jd_entry_records[] = {
    &engagement,  &hcp_entry,      &account_entry, &alert_entry, &trigger_entry,
    &shard_entry, &deadline_entry, &period_entry,  &rule_entry,  &program_entry, &final_entry, NULL};
_Static_assert(JD_COUNT(jd_entry_records) == JD_ENTRY_END_, "one record for each kind of entry");

#define S jd_change
static const struct jd_field change_fields[] = {
    STRING(key, .max = KEY_MAX),
    STRING(id, .max = KEY_MAX + 512),
    ENUM(kind, jd_entry_symbols, REQUIRED),
    TIME(due, OPTIONAL),
    FIELD(body, .kind = JD_VARIANT, .branches = jd_entry_records),
};
static const struct jd_record change = DEFINE(change, "Change");
#undef S

#define S jd_journal
static const struct jd_field jd_journal_fields[] = {
    STRING(lineage, REQUIRED),
    INT(seq, REQUIRED),
    INT(part, REQUIRED),
    INT(of, REQUIRED),
    STRING(engine, REQUIRED),
    STRING(policy, OPTIONAL),
    STRING(transactional_id, REQUIRED),
    LIST(ranges, range, OPTIONAL),
    INT(applied, REQUIRED),
    INT(duplicates, REQUIRED),
    INT(filtered, REQUIRED),
    INT(dead_lettered, REQUIRED),
    INT(timers, REQUIRED),
    TIME(now_before, REQUIRED),
    TIME(now_after, REQUIRED),
    TIME(wall, OPTIONAL),
    BOOL(ticked, REQUIRED),
    INT(effects, REQUIRED),
    INT(effects_digest, REQUIRED),
    LIST(changes, change, .max = CHANGES_MAX),
};
const struct jd_record jd_journal_record = DEFINE(jd_journal, "JournalRecord");
#undef S

#define S jd_image
static const struct jd_field jd_image_fields[] = {
    STRING(key, .flags = JD_REQUIRED, .max = KEY_MAX),
    LIST(entries, change, .max = CHANGES_MAX),
};
const struct jd_record jd_image_record = DEFINE(jd_image, "JourneyState");
#undef S

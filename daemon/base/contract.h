/* The field tables of every record in schemas/, and the closed lists. */
#ifndef JOURNEYD_BASE_CONTRACT_H
#define JOURNEYD_BASE_CONTRACT_H

#include "journeyd/state.h"

extern const struct jd_record jd_event_record;           /* schemas/EngagementEvent.avsc */
extern const struct jd_record jd_hcp_profile_record;     /* schemas/HcpProfile.avsc */
extern const struct jd_record jd_account_profile_record; /* schemas/AccountProfile.avsc */
extern const struct jd_record jd_alert_record;           /* schemas/ConflictAlert.avsc */
extern const struct jd_record jd_fact_read_record;       /* in it: what a rule read beside touches */
extern const struct jd_record jd_note_record;            /* in it: what somebody said of it */
extern const struct jd_record jd_trigger_record;         /* schemas/ChannelTrigger.avsc */
extern const struct jd_record jd_decision_record;        /* schemas/DecisionRecord.avsc */
extern const struct jd_record jd_journal_record;         /* schemas/JournalRecord.avsc */
extern const struct jd_record jd_image_record;           /* schemas/JourneyState.avsc */
extern const struct jd_record jd_shared_touch_record;    /* schemas/Touch.avsc */

/* Bodies of entries, by enum jd_entry_kind - 1; NULL-terminated. */
extern const struct jd_record jd_version_record; /* of schemas/JourneyState.avsc: an event in a state */
extern const struct jd_record *const jd_entry_records[];

extern const struct jd_symbols jd_class_symbols, jd_phase_symbols, jd_channel_symbols, jd_role_symbols,
    jd_function_symbols, jd_initiator_symbols, jd_direction_symbols, jd_outcome_symbols,
    jd_outcome_reason_symbols, jd_fact_symbols, jd_fact_state_symbols, jd_status_symbols, jd_cause_symbols,
    jd_alert_phase_symbols, jd_severity_symbols, jd_mode_symbols, jd_audience_symbols, jd_scope_symbols,
    jd_unit_symbols, jd_trigger_status_symbols, jd_rejection_symbols, jd_reason_symbols, jd_entry_symbols,
    jd_touch_op_symbols;

/* The value of a text, 0 when it is not in the list. */
uint8_t jd_symbol_of(const struct jd_symbols *symbols, struct jd_str text);
/* The text of a value, absent for 0 or out of range. */
struct jd_str jd_symbol_text(const struct jd_symbols *symbols, uint8_t value);

enum jd_function jd_role_function(enum jd_role role);

/* An event type: its row of schemas/types.csv (compiled in at build time). */
struct jd_event_type {
    struct jd_str name;
    uint8_t class;      /* enum jd_class; NONE: ignore (counted as filtered) */
    uint8_t phase;      /* enum jd_phase that the type implies, NONE: as the event says */
    uint8_t fact;       /* enum jd_fact */
    uint8_t fact_state; /* enum jd_fact_state */
    uint8_t channel;    /* enum jd_channel: of a fact that names none */
};
const struct jd_event_type *jd_event_type_of(struct jd_str name); /* NULL: not listed */
const struct jd_event_type *jd_event_type_at(uint32_t index);     /* by name; NULL: no more */

/* The text of schemas/<record_name>.avsc (static); absent: no such schema. */
struct jd_str jd_schema_text(struct jd_str record_name);

/* All fields of a record absent. */
void jd_record_clear(const struct jd_record *record, void *value);

#endif

/* The bodies of entries. What the state's key, the entry's due or another field says is left out of them, and
 * put back when they are read. An entry is found by its kind and its name:
 *
 *   ENGAGEMENT   class and engagement key (engagement_id, else the JSON text ["source","id"]); under another key
 *                than a physician with the physician before it: <bytes of hcp_id>:<hcp_id><engagement key>
 *   ALERT        alert id               TRIGGER   alert id
 *   DEADLINE     <rule>/<class>:<engagement key>, or <rule>/ of the physician
 *   PERIOD       hash of rule and values    RULE    rule        others    - */
#ifndef JOURNEYD_ENGINE_ENTRIES_H
#define JOURNEYD_ENGINE_ENTRIES_H

#include "engine/state.h"

/* Is it a physician's state, "hcp:<id>"? Others hold touches of several. */
bool jd_key_is_hcp(struct jd_str key);
/* "hcp:<id>" without what comes before the id. */
struct jd_str jd_bare_key(struct jd_str key);
struct jd_str jd_event_name(const struct jd_event *event, struct jd_arena *arena); /* ["source","id"] */
struct jd_str jd_engagement_key(const struct jd_event *event, struct jd_arena *arena);
/* The name of its entry in the state of `key`. */
struct jd_str jd_engagement_name(struct jd_str key, const struct jd_event *event, struct jd_arena *arena);
/* The engagement key in that name. */
struct jd_str jd_name_engagement(struct jd_str key, struct jd_str name);

/* As changes have it: <class>:<engagement key>, an alert's id, or -. */
struct jd_str jd_entry_id(uint8_t kind, uint8_t class, struct jd_str name, struct jd_arena *arena);
/* Class and name of an id; false: it is none. */
JD_MUST_CHECK bool jd_entry_id_parse(uint8_t kind, struct jd_str id, uint8_t *class, struct jd_str *name);
struct jd_str jd_slot_name(const struct jd_slot *slot, struct jd_arena *arena);
struct jd_str jd_slot_id(const struct jd_slot *slot, struct jd_arena *arena);
/* Of an ENGAGEMENT: its engagement key, and the physician where the state is another key's (else absent). */
struct jd_str jd_slot_engagement_key(const struct jd_slot *slot, struct jd_str *hcp, struct jd_arena *arena);
/* The name of a body that was read, in the state of `key`; absent where the id is given. */
struct jd_str jd_value_name(uint8_t kind, struct jd_str key, const void *value, struct jd_arena *arena);

/* Read what was checked when it was stored; arena, strings too. `key` is the state's. */
const struct jd_engagement *jd_slot_engagement(struct jd_str key, const struct jd_slot *slot,
                                               struct jd_arena *arena);
const struct jd_alert *jd_slot_alert(struct jd_str key, const struct jd_slot *slot, struct jd_arena *arena);
const struct jd_deadline_entry *jd_slot_deadline(struct jd_str key, const struct jd_slot *slot,
                                                 struct jd_arena *arena);
const struct jd_period_entry *jd_slot_period(struct jd_str key, const struct jd_slot *slot,
                                             struct jd_arena *arena);
struct jd_trigger_entry *jd_slot_trigger(struct jd_str key, const struct jd_slot *slot,
                                         struct jd_arena *arena);
struct jd_rule_entry *jd_slot_rule(const struct jd_slot *slot, struct jd_arena *arena);
struct jd_program_entry *jd_slot_program(const struct jd_slot *slot, struct jd_arena *arena);
jd_time jd_slot_recorded(const struct jd_slot *slot, struct jd_arena *arena); /* of a profile */
const struct jd_hcp_profile *jd_state_profile(const struct jd_state *state,
                                              struct jd_arena *arena); /* NULL: none */
const struct jd_account_profile *jd_state_account(const struct jd_state *state,
                                                  struct jd_arena *arena); /* NULL: none */
/* The digest with which an engagement has seen this event, by source and id; NULL: it has not. */
const int64_t *jd_engagement_saw(const struct jd_engagement *engagement, const struct jd_event *event);
/* Put back what the body of an entry leaves out. */
void jd_value_complete(uint8_t kind, struct jd_str key, jd_time due, void *value);

/* The event as a state keeps it (`hcp`: of a physician's, who is left out; else absent), and the digest of all but
 * its source and id: of the decoded content, so that it agrees across encodings. */
struct jd_str jd_version_bytes(const struct jd_event *event, struct jd_str hcp, struct jd_arena *arena,
                               int64_t *digest);
/* `version`: jd_version_bytes of its event. */
struct jd_str jd_engagement_body(const struct jd_engagement *engagement, jd_time due, struct jd_str version,
                                 struct jd_arena *arena);
struct jd_str jd_alert_body(const struct jd_alert *alert, struct jd_str hcp, struct jd_arena *arena);

#endif

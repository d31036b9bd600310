/* Acknowledgements and overrides of alerts: facts by (alert, actor, reason, from, until), of a physician in the
 * alert's evidence.
 *
 *   event: responds_to = alert_id, attributes.alert_key = Kafka key of the alert's records, absent: the physician's
 *      │ kept like any fact's event, until `end`; another key than the physician's: told to it (engine/scopes.h)
 *      ▼
 *   the key's shard: what is valid now stands on the alert, whether the alert or the note came first; timers where
 *   one begins and ends. While an override is valid the alert's instance blocks nothing.
 *
 * An alert that is final changes no more: a note that comes within the allowed lateness after that is refused
 * (alert_final); later ones find nothing to stand on, as do those about alerts that never were. */
#ifndef JOURNEYD_ENGINE_NOTES_H
#define JOURNEYD_ENGINE_NOTES_H

#include "engine/step.h"

/* Is an event of class FACT one? */
bool jd_is_note(const struct jd_event *event);
/* The state key of the alert that it is about; arena. */
struct jd_str jd_note_key(const struct jd_event *event, struct jd_arena *arena);
/* The first moment after `now` at which it begins or ends; JD_NEVER: both are over. */
jd_time jd_note_due(const struct jd_event *event, jd_time now);

/* Puts those that are valid at the step's now on an alert, whose id is known. Of several of a kind the one that begins
 * last stands there; of equals the one whose source and id are the greater. */
void jd_notes_put(const struct jd_step *step, struct jd_alert *alert);
/* Does the same stand on both? */
bool jd_notes_same(const struct jd_alert *a, const struct jd_alert *b, struct jd_arena *arena);
/* Is the note about an alert of this state that is known to be final? */
bool jd_note_is_late(const struct jd_step *step, const struct jd_event *event);

#endif

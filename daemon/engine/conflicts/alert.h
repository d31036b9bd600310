/* The life of alerts, the same for every kind of conflict.
 *
 *            ┌──────── update (phase, severity, observed, evidence) ─┐
 *   open ────┴─► open ──── no longer holds ───► retracted (cause) ───┴─► holds again: open, same id
 *                 │ ▲                               │
 *                 ▼ │ answered late, or not         │ a member is no longer held
 *              resolved                             ▼
 *                 │ nothing can change it          gone
 *                 ▼
 *               final (one more revision), gone
 *
 * An instance is frozen when its horizon is older than the allowed lateness and no member is a plan that
 * may lapse: whatever would change it is refused as too late. */
#ifndef JOURNEYD_ENGINE_CONFLICTS_ALERT_H
#define JOURNEYD_ENGINE_CONFLICTS_ALERT_H

#include "engine/step.h"

/* An engagement, now `after`, has another version than `before` (NULL: it had none, or the same), has lapsed,
 * or its hour has come: look again at every instance that it can change or could. `cause` is given to those that
 * had it as a member and no longer hold. */
void jd_alerts_refresh(struct jd_step *step, const struct jd_engagement *after,
                       const struct jd_engagement *before, enum jd_cause cause);
/* The timer of an instance: its deadline has passed. */
void jd_alerts_deadline(struct jd_step *step, const struct jd_slot *slot);
/* The physician's profile has changed: rules with civil windows, and those that read it, are looked at again. */
void jd_alerts_refresh_civil(struct jd_step *step);
/* What is known of facts has changed, for touches at or after `since`: rules that ask are looked at again. */
void jd_alerts_refresh_facts(struct jd_step *step, jd_time since);
/* Another policy: alerts of rules that are pending are looked at again, those of rules that are gone end. */
void jd_alerts_review(struct jd_step *step);
/* An engagement is about to leave the state: what rules must remember of it is put. */
void jd_alerts_remember(struct jd_step *step, const struct jd_slot *slot);
/* The timer of what was remembered. */
void jd_alerts_unremember(struct jd_step *step, const struct jd_slot *slot);
/* An engagement has left the state: its alerts, closed long ago, go with it. */
void jd_alerts_forget(struct jd_step *step, const struct jd_engagement *engagement);
/* A note about this alert has come, begun, ended or gone: what is valid now stands on it. */
void jd_alerts_note(struct jd_step *step, struct jd_str alert_id);
struct jd_instance;
/* The id of an instance's alert under the step's key; arena. */
struct jd_str jd_alert_id(const struct jd_step *step, const struct jd_rule *rule,
                          const struct jd_instance *instance);
/* The timer of an alert: it is final. */
void jd_alert_close(struct jd_step *step, const struct jd_slot *slot);

#endif

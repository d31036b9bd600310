/* The life of alerts, the same for every kind of conflict.
 *
 *            ┌──────── update (phase, severity, observed, evidence) ─┐
 *   open ────┴─► open ──── no longer holds ───► retracted (cause) ───┴─► holds again: open, same id
 *                 │                                 │
 *                 │ nothing can change it           │ a member is no longer held
 *                 ▼                                 ▼
 *               final (one more revision), gone    gone
 *
 * A pair is frozen when the latest of its members is older than the allowed lateness and none is a plan
 * that may lapse: whatever would change it is refused as too late. */
#ifndef JOURNEYD_ENGINE_CONFLICTS_ALERT_H
#define JOURNEYD_ENGINE_CONFLICTS_ALERT_H

#include "engine/step.h"

/* An engagement has another version, has lapsed, or its hour has come: look again at every instance
 * that it is or was a member of. `cause` is given to those that no longer hold. */
void jd_alerts_refresh(struct jd_step *step, struct jd_str engagement_key, enum jd_cause cause);
/* The physician's zone has changed: rules with civil windows are looked at again. */
void jd_alerts_refresh_civil(struct jd_step *step);
/* An engagement has left the state: its alerts, closed long ago, go with it. */
void jd_alerts_forget(struct jd_step *step, const struct jd_engagement *engagement);
/* The timer of an alert: it is final. */
void jd_alert_close(struct jd_step *step, struct jd_entry *entry);

#endif

/* The alerts of a key: what held before against what holds now.
 *
 *   what changed ──► rules that it may concern ──► instances that hold ─┐
 *                                                  alerts that are held ─┴─► settled: jd_alert_hold, jd_alert_retract */
#ifndef JOURNEYD_ENGINE_CONFLICTS_ALERTS_H
#define JOURNEYD_ENGINE_CONFLICTS_ALERTS_H

#include "engine/step.h"

/* An engagement, now `after`, has another version than `before` (NULL: it had none, or the same), has lapsed,
 * or its hour has come: look again at every instance that it can change or could. `cause` is given to those that
 * had it as a member and no longer hold. */
void jd_alerts_refresh(struct jd_step *step, const struct jd_engagement *after,
                       const struct jd_engagement *before, enum jd_cause cause);
/* The timer of an instance: its deadline has passed. */
void jd_alerts_deadline(struct jd_step *step, const struct jd_slot *slot);
/* The profile has changed: rules that read facts are looked at again and, with `civil`, those with civil windows and
 * those that look up limits by it; then rules that count the alerts of these. */
void jd_alerts_refresh_profile(struct jd_step *step, bool civil);
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

#endif

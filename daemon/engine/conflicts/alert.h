/* An alert, and its life, the same for every kind of conflict.
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

#include "engine/conflicts/conflicts.h"
#include "engine/step.h"

/* Parts that an alert_id is made of, at most: rule, scope, key, instance. */
enum { JD_ALERT_PARTS_MAX = 24 };

/* The id of an instance's alert under the step's key; arena. */
struct jd_str jd_alert_id(const struct jd_step *step, const struct jd_rule *rule,
                          const struct jd_instance *instance);
/* Is it open or resolved? NULL: there is none. */
bool jd_alert_stands(const struct jd_alert *alert);
/* Of a rule with subject: no touch takes part in it. */
bool jd_alert_is_about_fact(const struct jd_alert *alert);
/* The instance holds: its alert opens, is told anew where it says something else than `held` (NULL: there was none),
 * or is only put off. `cause` is told to those who see it no more. */
void jd_alert_hold(struct jd_step *step, const struct jd_rule *rule, const struct jd_instance *instance,
                   const struct jd_alert *held, enum jd_cause cause);
/* The instance of one that stands holds no more. Gives what is held then. */
const struct jd_alert *jd_alert_retract(struct jd_step *step, const struct jd_alert *held,
                                        enum jd_cause cause);
/* A note about this alert has come, begun, ended or gone: what is valid now stands on it. */
void jd_alert_note(struct jd_step *step, struct jd_str alert_id);
/* It leaves the state: one that stands is final. Also its timer. */
void jd_alert_close(struct jd_step *step, const struct jd_slot *slot);

#endif

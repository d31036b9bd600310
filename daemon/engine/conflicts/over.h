/* over: rules that count the alerts of another rule.
 *
 *   alert opens, changes, goes ──► jd_over_note ──► (the step's rules are settled) ──► jd_over_follow
 *        ──► an engagement of class alert under the physician ──► rules that count it, there and under other keys
 *
 * Such an engagement has the fields of the member a or b of the alert, at the time of the touch that bears the
 * alert's instance. It stands while the alert is open or resolved, is planned while one of its members is, and is kept
 * as long as any engagement of that time: final alerts leave before. */
#ifndef JOURNEYD_ENGINE_CONFLICTS_OVER_H
#define JOURNEYD_ENGINE_CONFLICTS_OVER_H

#include "engine/conflicts/conflicts.h"
#include "engine/step.h"

/* The alert stands as this instance says. */
void jd_over_note(struct jd_step *step, const struct jd_rule *rule, const struct jd_alert *alert,
                  const struct jd_instance *instance);
/* It is retracted. */
void jd_over_note_gone(struct jd_step *step, const struct jd_rule *rule, const struct jd_alert *alert);
/* What was noted, of each alert the last, becomes what rules that count see. */
void jd_over_follow(struct jd_step *step);
/* Under another program: alerts that no rule counts any more are nothing to others. */
void jd_over_review(struct jd_step *step);

/* `type` and `engagement_id` of such an engagement, of a side 'a' or 'b': alert:<rule>/a, <alert_id>/a. */
struct jd_str jd_over_type(struct jd_str rule, char side, struct jd_arena *arena);

#endif

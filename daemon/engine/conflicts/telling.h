/* Which topics an alert goes to, and what of it: all of it to compliance, or to the readers of rules in mode shadow; to
 * an audience what it may see (engine/audiences.h). */
#ifndef JOURNEYD_ENGINE_CONFLICTS_TELLING_H
#define JOURNEYD_ENGINE_CONFLICTS_TELLING_H

#include "engine/step.h"

/* Emits a revision, as its entry has it: with what is not held (complete_from, episode). The entry has been put, or
 * has gone. */
void jd_alert_tell(struct jd_step *step, const struct jd_alert *alert);
/* Those who were told of `held` and are not of its next revision, `alert`, see what they saw, retracted. */
void jd_alert_leave(struct jd_step *step, const struct jd_alert *held, const struct jd_alert *alert,
                    enum jd_cause cause);
/* The rule of that id; NULL: the program has none. */
const struct jd_rule *jd_rule_named(const struct jd_program *program, struct jd_str id);

#endif

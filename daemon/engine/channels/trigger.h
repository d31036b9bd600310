/* The first trigger: what to suggest to whoever plans a touch that would make a conflict. */
#ifndef JOURNEYD_ENGINE_CHANNELS_TRIGGER_H
#define JOURNEYD_ENGINE_CHANNELS_TRIGGER_H

#include "engine/step.h"

/* The state of the physician has changed: decide again for each conflict whose ground is another than
 * that of its last decision; withdraw what no longer has a ground. */
void jd_triggers_review(struct jd_step *step);
/* The timer of a trigger: it has expired. */
void jd_trigger_expire(struct jd_step *step, const struct jd_slot *slot);

#endif

/* Which states another policy affects: the others need not be evaluated again.
 *
 * A rule whose text changed affects a state that holds a touch or an entry of it, or that it looks at by itself. A rule
 * whose text is as before, but not what it reads of tables, affects a state with a touch of it for which a line that
 * differs is read: the lines of the touch's values, actor, market and so on, of all times, in the policy before and in
 * this one. That is sound because a rule reads tables by nothing but its touches and the profile, both of which are
 * here: where all lines that it can read are the same, so is all that it can come to. Where the policy before is not
 * at hand (after a restart, or when a review was not at its end), or how long things are kept is another (with the
 * longest window of a table, or what business days may take), every touch of a rule that changed counts.
 *
 * It saves work and decides nothing: evaluating a state that is not affected changes nothing. The law's worlds with
 * another policy are decided both ways, and must agree in every byte (tests/law/rebuild.c). */
#ifndef JOURNEYD_ENGINE_AFFECTED_H
#define JOURNEYD_ENGINE_AFFECTED_H

#include "engine/step.h"

/* Do rules of the program that are pending, or that are in force no more, affect the state? */
bool jd_step_is_affected(struct jd_step *step);

#endif

/* Keys other than a physician that rules have for scope: accounts, actors, declared keys.
 *
 *   physician's shard: another version counts, a plan lapses, retention ends
 *        │ put, remove, release: a record of <group>.touches for each key that sees the touch
 *        ▼
 *   the key's shard: an ENGAGEMENT entry for each physician ──► jd_alerts_refresh
 *
 * Which version counts, what is refused, what lapses and how long it is kept, the physician's shard decides alone;
 * it sends what a rule of the scope can match, and only what counts. Records of one touch come in order; one that
 * comes twice changes nothing. A touch never causes a touch. */
#ifndef JOURNEYD_ENGINE_SCOPES_H
#define JOURNEYD_ENGINE_SCOPES_H

#include "engine/step.h"

/* The key that rules have for scope, of a state's key; NULL: none. */
const struct jd_scope_key *jd_scope_of(const struct jd_program *program, struct jd_str key);

/* Does it look at an engagement as a whole, with all its attendees? */
bool jd_scope_is_engagement(const struct jd_scope_key *key);

/* `after` counts from now on, in the place of `before` (NULL: of nothing). `cause`: why those who no longer see a
 * touch do not, where it is no touch at all any more. */
void jd_scopes_tell(struct jd_step *step, const struct jd_engagement *before,
                    const struct jd_engagement *after, enum jd_cause cause);
/* The engagement leaves the state. */
void jd_scopes_release(struct jd_step *step, const struct jd_engagement *engagement);
/* The physician's profile is another than `before` (NULL: there was none). */
void jd_scopes_profile(struct jd_step *step, const struct jd_hcp_profile *before);
/* All touches of the physician, once more. */
void jd_scopes_tell_again(struct jd_step *step);

#endif

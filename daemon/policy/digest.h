/* What parts of a policy are made of, as one number: when another policy comes, only what has another digest is
 * evaluated again. Comments, order of keys in a file's text and quotes do not count. Of tables a rule depends on
 * what it reads: its own lines of limits.csv; calendars.csv if it reckons in business days; by what it asks for in
 * `require:` the columns of actors.csv, accounts.csv and products.csv, and the files content.csv, blackouts.csv,
 * quiet_hours.csv and alignment.csv, or, for consent, channels.yaml. All else that a rule may read counts, however
 * little of it the rule needs. */
#ifndef JOURNEYD_POLICY_DIGEST_H
#define JOURNEYD_POLICY_DIGEST_H

#include "policy/compile.h"

/* Of all files that any rule may depend on: c->ground. Never 0, as the others. */
int64_t jd_digest_ground(struct jd_compile *c);
/* Of what is written of a rule: the ground and its node. */
int64_t jd_digest_text(struct jd_compile *c, const struct jd_compiled_rule *rule);
/* Of one rule with its versions: its text, and what it reads of tables. */
int64_t jd_digest_rule(struct jd_compile *c, const struct jd_compiled_rule *rule);
/* Of what triggers follow from, rules aside: channels.yaml, content.csv and the ground. */
int64_t jd_digest_channels(struct jd_compile *c);

#endif

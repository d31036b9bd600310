/* What parts of a policy are made of, as one number: when another policy comes, only what has another digest is
 * evaluated again. Comments, order of keys in a file's text and quotes do not count; whatever else a rule may
 * read does, however little of it the rule needs. */
#ifndef JOURNEYD_POLICY_DIGEST_H
#define JOURNEYD_POLICY_DIGEST_H

#include "policy/compile.h"

/* Of all files that any rule may depend on: c->ground. Never 0, as the others. */
int64_t jd_digest_ground(struct jd_compile *c);
/* Of one rule: its node, and the ground; where it asks what is allowed, of what triggers follow from, too. */
int64_t jd_digest_rule(struct jd_compile *c, const struct jd_node *node);
/* Of what triggers follow from, rules aside: channels.yaml, content.csv and the ground. */
int64_t jd_digest_channels(struct jd_compile *c);

#endif

/* How far the shards of a group follow the policy in force, as their images in Redis say. */
#ifndef JOURNEYD_CLI_SHARDS_H
#define JOURNEYD_CLI_SHARDS_H

#include <jansson.h>

#include "cli/session.h"

/* {"count": all there are, "following": they decide under `hash` and are through, "reviewing": they still evaluate
 * what they hold, "other": they decide under another policy yet, "absent": they have no image, "warming": {rule: by how
 * many shards it is still evaluated}}. NULL: Redis does not say; err. Owned. */
json_t *jd_shards_state(const struct jd_session *session, const char *hash, struct jd_error *err);

#endif

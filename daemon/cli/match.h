/* Whether what came is what a scenario expects: YAML as written against JSON as emitted.
 *
 * A map matches an object whose named members match; a list matches an array of the same number of items,
 * in order; a scalar matches the same text, number or instant; `null` matches what is absent. */
#ifndef JOURNEYD_CLI_MATCH_H
#define JOURNEYD_CLI_MATCH_H

#include <jansson.h>

#include "base/buf.h"
#include "policy/yaml.h"

/* How many values differ; 0: it matches. A line for each is appended to `out`, begun with `indent`:
 * `status: expected open, got retracted`. `got` NULL is absent. */
uint32_t jd_match(const struct jd_node *expected, const json_t *got, const char *indent, struct jd_buf *out);

#endif

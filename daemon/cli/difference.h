/* Expected lists against what came: which item of the one is meant by which of the other, and how they differ.
 *
 * An expectation that nothing meets is shown beside the nearest of what came, field by field; what came and was
 * not expected is shown as an expectation that could be written. */
#ifndef JOURNEYD_CLI_DIFFERENCE_H
#define JOURNEYD_CLI_DIFFERENCE_H

#include <jansson.h>

#include "base/buf.h"
#include "policy/yaml.h"

/* `expected` is a list of maps, each of which the item at its place must match (cli/match.h), exactly so many;
 * or a scalar: how many. `got` is an array. True: it is as expected. False: lines that begin with `name` are
 * appended to `out`. Cost of a difference: one comparison for each pair of items. */
bool jd_difference(const char *name, const struct jd_node *expected, const json_t *got, struct jd_buf *out);

#endif

/* Why an alert was raised, in words a person can check: from its records, and the policy's text. */
#ifndef JOURNEYD_CLI_EXPLAIN_H
#define JOURNEYD_CLI_EXPLAIN_H

#include <stdio.h>

#include "base/arena.h"
#include "journeyd/effect.h"

/* The rule as the policy's author wrote it. */
struct jd_rule_text {
    struct jd_str file, hash; /* hash: of the policy that it is from */
    uint32_t line;
    struct jd_str
        text; /* lines, the last one ended; absent: the policy has no such rule, or none was given */
};

/* Writes the explanation of one alert: `revisions` in ascending order, at least one; the last is what
 * holds. Everything is borrowed for the call. */
void jd_explain_text(const struct jd_alert *revisions, uint32_t count, const struct jd_rule_text *rule,
                     struct jd_arena *arena, FILE *out);

/* The lines of rule `id` in the text of conflicts.yaml; absent when it is not there. */
struct jd_str jd_explain_rule_lines(struct jd_str yaml, struct jd_str id, uint32_t *line);

#endif

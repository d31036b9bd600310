/* Why an alert was raised, in words a person can check: from its records, and the policy's text. */
#ifndef JOURNEYD_CLI_EXPLAIN_H
#define JOURNEYD_CLI_EXPLAIN_H

#include <stdio.h>

#include "base/arena.h"
#include "engine/program.h"

/* The rule as the policy's author wrote it, and as it is meant. */
struct jd_rule_text {
    struct jd_str file, hash; /* hash: of the policy that it is from; absent: none was given */
    uint32_t line;
    struct jd_str text;         /* lines, the last one ended; absent: the policy has no such rule */
    const struct jd_rule *rule; /* NULL: not known; then the record alone says what there is to say */
};

/* Writes the explanation of one alert: `revisions` in ascending order, at least one; the last is what
 * holds. Everything is borrowed for the call. */
void jd_explain_text(const struct jd_alert *revisions, uint32_t count, const struct jd_rule_text *rule,
                     struct jd_arena *arena, FILE *out);

/* The lines of rule `id` in the text of conflicts.yaml; absent when it is not there. */
struct jd_str jd_explain_rule_lines(struct jd_str yaml, struct jd_str id, uint32_t *line);

/* The rule `id` of a compiled policy, and its lines in the bundle that the policy is made of; `where` names it. Texts
 * are in the arena or the policy's. */
struct jd_policy;
void jd_explain_take_rule(const struct jd_policy *policy, const char *where, struct jd_str id,
                          struct jd_arena *arena, struct jd_rule_text *out);
/* "  as written in …" and the lines, indented; nothing where there is none. */
void jd_explain_rule_text(const struct jd_rule_text *rule, FILE *out);

/* ---- parts of it ---- */

/* How observed came about, contact by contact, and what it is held against. `rule` may be NULL. */
void jd_explain_computation(const struct jd_alert *alert, const struct jd_rule *rule, struct jd_arena *arena,
                            FILE *out);
/* What would have avoided it, or still can. */
void jd_explain_avoidance(const struct jd_alert *alert, const struct jd_rule *rule, struct jd_arena *arena,
                          FILE *out);

#endif

/* What is wrong with a configuration or a policy: located problems, all of one run.
 *
 * Whoever reads a file goes on after a problem and reports the next one, so that a person corrects a
 * file once and not line by line. Errors refuse what was read; warnings do not. */
#ifndef JOURNEYD_POLICY_DIAGNOSTICS_H
#define JOURNEYD_POLICY_DIAGNOSTICS_H

#include <stdio.h>

#include "base/arena.h"

/* A place in a file, a variable or a bundle; line and column count from 1, 0 = the whole of it.
 * Columns count characters, not bytes. */
struct jd_place {
    struct jd_str file;
    uint32_t line, column;
};

enum jd_problem_severity { JD_PROBLEM_ERROR = 1, JD_PROBLEM_WARNING };

struct jd_problem {
    enum jd_problem_severity severity;
    struct jd_place place;
    struct jd_str text; /* what is wrong, and what was expected; ends with a NUL, as does the hint */
    struct jd_str hint; /* what to do, or the nearest valid name; may be absent */
};

/* After so many problems further ones are only counted: a file of another kind is wrong in each line. */
enum { JD_PROBLEMS_KEPT = 500 };

struct jd_diagnostics {
    struct jd_arena arena; /* holds every text */
    struct jd_problem *items;
    uint32_t count, capacity;
    uint32_t errors, warnings; /* all of them, also those not kept */
};

void jd_diagnostics_init(struct jd_diagnostics *problems);
void jd_diagnostics_done(struct jd_diagnostics *problems);

/* Adds a problem; all texts are copied, control characters are replaced. */
void jd_problem_add(struct jd_diagnostics *problems, enum jd_problem_severity severity, struct jd_place place,
                    const char *format, ...) JD_PRINTF(4, 5);
/* Gives the problem added last a hint. */
void jd_problem_hint(struct jd_diagnostics *problems, const char *format, ...) JD_PRINTF(2, 3);
/* Gives the problem added last the hint `did you mean "…"?` with the nearest of the names, or else the
 * list of all of them where it is short. `names` ends with NULL. */
void jd_problem_suggest(struct jd_diagnostics *problems, struct jd_str written, const char *const *names);

/* The nearest of the names by edit distance (a swap of neighbours counts one); NULL when none is near. */
const char *jd_nearest_name(struct jd_str written, const char *const *names);

/* `file:line:column: error: text` and an indented hint, by file, line and column; then the counts. */
void jd_diagnostics_print(const struct jd_diagnostics *problems, FILE *out);
/* One JSON object: {"errors": n, "warnings": n, "problems": [{"severity", "file", "line", "column",
 * "text", "hint"}]}, in the same order. */
void jd_diagnostics_json(const struct jd_diagnostics *problems, FILE *out);

#endif

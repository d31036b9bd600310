/* What the tests of policy/ share: files in a directory of their own, and looking at problems. */
#ifndef JOURNEYD_TESTS_POLICY_SUPPORT_H
#define JOURNEYD_TESTS_POLICY_SUPPORT_H

#include "policy/policy.h"

/* A new directory below $TMPDIR; static, one a test process. Removed by scratch_done. */
const char *scratch(void);
void scratch_done(void);
/* Writes a file there (directories on the way are made) and returns its path; static until the next call. */
const char *scratch_write(const char *name, const void *bytes, size_t size);
const char *scratch_text(const char *name, const char *text);

/* Compiles, without touching a disk, a policy whose `file` holds `text` and whose other files are small and
 * right. Zones of the system are not there. `problems` is initialised; both are the caller's to free. */
struct jd_policy *compile_with(const char *file, struct jd_str text, struct jd_diagnostics *problems);

/* Loads one from the disk, likewise. Its other files are small_policy and small_rules. */
struct jd_policy *load_with(const char *file, const char *text, struct jd_diagnostics *problems);
extern const char small_policy[], small_rules[];

/* `text`, between `before` and `after`, in `file`, and the problem that must be found; hint NULL: any. */
struct mistake {
    const char *text;
    uint32_t line, column;
    const char *problem, *hint;
};
void check_mistakes(const char *file, const char *before, const char *after, const struct mistake *rows,
                    size_t count);

/* The first problem whose place and texts fit: line and column 0 fit any, NULL texts too. The file's name
 * must end with `file`. NULL: none, and all problems are printed. */
const struct jd_problem *find_problem(const struct jd_diagnostics *problems, const char *file, uint32_t line,
                                      uint32_t column, const char *text, const char *hint);

#endif

/* Lines of a file, of a .gz file (seen by its content, not its name), or of standard input ("-").
 *
 * Memory is bounded: a line over the limit is reported and skipped, never held. */
#ifndef JOURNEYD_CLI_LINES_H
#define JOURNEYD_CLI_LINES_H

#include "base/error.h"

struct jd_lines;

enum jd_line_kind {
    JD_LINE_TEXT = 1,
    JD_LINE_TOO_LONG, /* skipped; `text` is absent */
    JD_LINE_END,
    JD_LINE_BROKEN, /* the file cannot be read on: err says why */
};

/* NULL: `err` says which file and why. Owned: jd_lines_close. */
struct jd_lines *jd_lines_open(const char *path, size_t line_size_max, struct jd_error *err);
void jd_lines_close(struct jd_lines *lines);

/* The next line that is not blank, without its line end. `text` is borrowed until the next call. */
JD_MUST_CHECK enum jd_line_kind jd_lines_next(struct jd_lines *lines, struct jd_str *text,
                                              struct jd_error *err);
/* Whether the file, of which nothing was read yet, begins with these bytes (at most a few). */
bool jd_lines_begin(const struct jd_lines *lines, const char *bytes, size_t size);
/* The next bytes as they are, up to `size` of them; fewer only at the end. Not to be mixed with lines. False: `err`. */
JD_MUST_CHECK bool jd_lines_read(struct jd_lines *lines, void *bytes, size_t size, size_t *got,
                                 struct jd_error *err);
JD_MUST_CHECK bool jd_lines_ended(struct jd_lines *lines, bool *ended, struct jd_error *err);
uint64_t jd_lines_number(const struct jd_lines *lines); /* of the line last returned, from 1 */
const char *jd_lines_path(const struct jd_lines *lines);
/* How much of the file (as stored) has been read, 0..1; negative: not known (a pipe). */
double jd_lines_share(const struct jd_lines *lines);

#endif

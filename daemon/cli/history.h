/* A file of history: JSON lines (cli/lines.h) or an Avro container (cli/container.h), told apart by its first bytes;
 * either may be compressed as a whole. What replay, produce and explain --why-not read. */
#ifndef JOURNEYD_CLI_HISTORY_H
#define JOURNEYD_CLI_HISTORY_H

#include "cli/lines.h"
#include "wire/wire.h"

struct jd_history;

/* NULL: `err`. Owned: jd_history_close. */
struct jd_history *jd_history_open(const char *path, struct jd_error *err);
void jd_history_close(struct jd_history *history); /* accepts NULL */

/* The next record as it stands there, a line or a datum; borrowed until the next call. */
JD_MUST_CHECK enum jd_line_kind jd_history_next(struct jd_history *history, struct jd_str *record,
                                                struct jd_error *err);
/* What it is; `record` as jd_history_next gave it. */
enum jd_wire_result jd_history_decode(const struct jd_history *history, struct jd_wire *wire,
                                      struct jd_str record, struct jd_arena *arena, struct jd_decoded *out);

bool jd_history_is_text(const struct jd_history *history); /* records are lines of JSON */
uint64_t
jd_history_number(const struct jd_history *history); /* of the line or record last returned, from 1 */
const char *jd_history_path(const struct jd_history *history);
double jd_history_share(const struct jd_history *history); /* as jd_lines_share */

#endif

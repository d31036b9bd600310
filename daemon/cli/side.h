/* What one policy makes of a history: its folds, the files that they fill, and what came of it in numbers.
 *
 *   record ──► folds (cli/virtual.h) ──► alerts.jsonl, shadow.jsonl, triggers.jsonl, decisions.jsonl, summary.json
 *                     └────────────────► dead-letters.jsonl
 *
 * Memory is that of the states; what was decided is written at once. */
#ifndef JOURNEYD_CLI_SIDE_H
#define JOURNEYD_CLI_SIDE_H

#include <stdio.h>

#include "base/error.h"
#include "cli/virtual.h"
#include "policy/policy.h"
#include "wire/wire.h"

/* Told of each alert's revision; it is line [offset, next one) of alerts.jsonl. False stops. */
typedef bool (*jd_side_watch)(void *context, const struct jd_alert *alert, uint64_t offset);

struct jd_side_config {
    const char *policy; /* directory */
    const char *out;    /* directory; made if it is not there */
    uint32_t partitions;
    jd_side_watch watch; /* NULL: nobody */
    void *context;
};

struct jd_side;

/* Compiles the policy (its problems go to standard error; with errors err->text is empty), makes the files.
 * Everything of `config` is borrowed while the side lives. NULL: `err`. Owned: jd_side_close. */
struct jd_side *jd_side_open(const struct jd_side_config *config, struct jd_error *err);
void jd_side_close(struct jd_side *side); /* accepts NULL */

/* One record of the history, as it was decoded, and where it is from. */
struct jd_fed {
    enum jd_wire_result result;
    const struct jd_decoded *record;
    const char *file;
    uint64_t line;
    struct jd_str text; /* as it stands there; absent: too long, or no text */
};
JD_MUST_CHECK bool jd_side_feed(struct jd_side *side, const struct jd_fed *fed, struct jd_error *err);

/* The end of the history: the clock moves to `advance` (JD_TIME_NONE: it stays), then, with `drain`, on until no
 * timer is left. */
JD_MUST_CHECK bool jd_side_advance(struct jd_side *side, jd_time advance, bool drain, struct jd_error *err);
/* Closes the files and writes summary.json, which says that it took so long. */
JD_MUST_CHECK bool jd_side_finish(struct jd_side *side, double seconds, struct jd_error *err);

const struct jd_policy *jd_side_policy(const struct jd_side *side);
struct jd_str jd_side_summary(const struct jd_side *side); /* one JSON object, a line; after jd_side_finish */
void jd_side_print(const struct jd_side *side, FILE *out); /* the same for people */

/* In numbers. */
struct jd_side_counts {
    uint64_t records, dead_lettered, triggers;
};
struct jd_side_counts jd_side_counts(const struct jd_side *side);

#endif

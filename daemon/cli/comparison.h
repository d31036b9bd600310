/* The same history under two policies: which alerts appear, vanish, change.
 *
 * An alert is the same on both sides when its id is (rule, scope, key, instance; the rule's version is not in it).
 * It *appears* when it was raised after and never before, *vanishes* the other way round, and *changes* when both
 * raised it and its last revisions differ. Memory is one entry an alert, whatever the number of its revisions;
 * examples are read back from the sides' alerts.jsonl. */
#ifndef JOURNEYD_CLI_COMPARISON_H
#define JOURNEYD_CLI_COMPARISON_H

#include <stdio.h>

#include "base/error.h"
#include "journeyd/effect.h"
#include "policy/policy.h"

enum jd_when { JD_BEFORE, JD_AFTER, JD_SIDES }; /* the policy of today, and the one to be */

enum jd_fate { JD_FATE_SAME, JD_FATE_APPEARS, JD_FATE_VANISHES, JD_FATE_CHANGES, JD_FATE_COUNT };
extern const char *const jd_fate_names[JD_FATE_COUNT]; /* same, appear, vanish, change */

/* What may differ of an alert that both sides raised. The limit is the rule's, not the alert's: that it moved is no
 * difference by itself. */
enum jd_aspect {
    JD_ASPECT_STATUS,
    JD_ASPECT_PHASE,
    JD_ASPECT_SEVERITY,
    JD_ASPECT_OBSERVED,
    JD_ASPECT_EVIDENCE,
    JD_ASPECT_MODE,
    JD_ASPECT_COUNT
};
extern const char *const jd_aspect_names[JD_ASPECT_COUNT];

/* Alerts of one value of one dimension, or of all. */
struct jd_tally {
    struct jd_str name; /* of the rule, month, market or team; absent: the records name none */
    bool in[JD_SIDES];  /* rules: does the policy have it? */
    uint64_t raised[JD_SIDES];
    uint64_t stand[JD_SIDES]; /* open or resolved in the end */
    uint64_t fates[JD_FATE_COUNT];
    uint64_t aspects[JD_ASPECT_COUNT]; /* of those that change; one may differ in several */
};
struct jd_tallies {
    struct jd_tally *items;
    uint32_t count, capacity;
};

struct jd_example {
    enum jd_fate fate;
    uint32_t aspects;                       /* bit a: it differs in aspect a */
    const struct jd_alert *alert[JD_SIDES]; /* last revision; NULL: never raised */
};

/* The result. Months are by the last contact of the evidence, in UTC ("2014-03"), markets by its country; a team
 * counts every alert that it takes part in, so that teams may add up to more than all. */
struct jd_comparison {
    struct jd_str name[JD_SIDES], hash[JD_SIDES]; /* of the policies */
    uint64_t records, dead_lettered[JD_SIDES], triggers[JD_SIDES];
    jd_time first, last; /* of the records' own times; JD_TIME_NONE: no record */
    uint64_t keys;       /* physicians, or what else alerts are about, with an alert that is not the same */
    struct jd_tally total;
    struct jd_tallies rules, months, markets, teams; /* by name; months without gaps */
    struct jd_example *examples; /* a few of each rule and fate, the most severe and the latest */
    uint32_t example_count;
    const char *alerts[JD_SIDES]; /* the files in which all of them are */
};

struct jd_comparing; /* while it is under way */

/* NULL: out of memory. Owned: jd_comparing_free. */
struct jd_comparing *jd_comparing_new(void);
void jd_comparing_free(struct jd_comparing *comparing); /* accepts NULL */

/* A revision was raised on that side; it is the line at `offset` of its alerts.jsonl. */
void jd_comparing_alert(struct jd_comparing *comparing, enum jd_when when, const struct jd_alert *alert,
                        uint64_t offset);
/* A record of the history had this time (JD_TIME_NONE: none). */
void jd_comparing_record(struct jd_comparing *comparing, jd_time time);

/* Fills `out` from what was told, the policies and the files out->alerts, which the caller names, as it fills
 * records, dead_lettered and triggers. It lives as long as `comparing` and the policies. */
JD_MUST_CHECK bool jd_comparing_finish(struct jd_comparing *comparing,
                                       const struct jd_policy *const policies[JD_SIDES],
                                       struct jd_comparison *out, struct jd_error *err);

/* ---- what is shown of it ---- */

void jd_comparison_print(const struct jd_comparison *comparison, struct jd_arena *arena, FILE *out);
void jd_comparison_json(const struct jd_comparison *comparison, struct jd_arena *arena, FILE *out);
/* One page without anything from elsewhere: no script, no font, no picture but what is in it. */
void jd_comparison_html(const struct jd_comparison *comparison, struct jd_arena *arena, FILE *out);

/* An aspect of an alert in words. */
struct jd_str jd_comparison_aspect(const struct jd_alert *alert, enum jd_aspect aspect,
                                   struct jd_arena *arena);
/* The alert as it is after, else as it was before. */
const struct jd_alert *jd_comparison_shown(const struct jd_example *example);
/* "1,427 alerts would not be raised, …": the whole in a sentence. */
struct jd_str jd_comparison_headline(const struct jd_comparison *comparison, struct jd_arena *arena);

#endif

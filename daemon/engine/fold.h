/* Deciding is a fold: (changes, effects) = step(state, input, program, now).
 *
 *   input ──► jd_fold_input ──► timers due fire ──► step ──► states applied, old values kept
 *                                                     │
 *                                                     ▼
 *                                    jd_output: changes, effects, counts (arena of the batch)
 *
 * `run`, `replay`, `test` and `verify` drive this same fold; none of them decides anything itself.
 * The engine is pure: no clock, no I/O, no libm, no global; memory comes from the arena of the batch
 * and, for the states that outlive it, from the allocator given at init. Not thread safe; a worker
 * owns its folds. */
#ifndef JOURNEYD_ENGINE_FOLD_H
#define JOURNEYD_ENGINE_FOLD_H

#include "base/alloc.h"
#include "base/arena.h"
#include "base/error.h"
#include "engine/program.h"
#include "journeyd/state.h"

enum jd_input_kind {
    JD_INPUT_EVENT = 1,
    JD_INPUT_HCP_PROFILE,     /* profile NULL: tombstone */
    JD_INPUT_ACCOUNT_PROFILE, /* profile NULL: tombstone */
    JD_INPUT_TOUCH,           /* a record of <group>.touches: what another key sees of a physician's touch */
    JD_INPUT_CLOCK,           /* clock.advanced: moves now (clock: record), counts as applied */
};

struct jd_input {
    enum jd_input_kind kind;
    struct jd_str key; /* bare id of the physician or account; of a TOUCH the state's key, "account:<id>" */
    jd_time effective; /* the clock's part: see jd_fold_input */
    jd_time stamp;     /* the record's own timestamp; a tombstone counts at it */
    /* From schemas/types.csv, for events: */
    uint8_t class;             /* enum jd_class */
    uint8_t fact;              /* enum jd_fact, class FACT */
    uint8_t fact_state;        /* enum jd_fact_state, class FACT */
    struct jd_str traceparent; /* carried over to effects; may be absent */
    union {
        const struct jd_event *event;
        const struct jd_hcp_profile *hcp;
        const struct jd_account_profile *account;
        const struct jd_shared_touch *touch;
    };
};

/* What became of an input. */
enum jd_verdict { JD_APPLIED = 1, JD_DUPLICATE, JD_FILTERED, JD_DEAD_LETTERED };

/* What a caller sends on. Topics are roles; the configuration gives them names. */
enum jd_topic {
    JD_TOPIC_ALERTS = 1,          /* jd_alert, key hcp:<id>, account:<id> …; never renumber, only append */
    JD_TOPIC_TRIGGERS_COMMERCIAL, /* jd_trigger, key hcp_id */
    JD_TOPIC_TRIGGERS_MEDICAL,    /* jd_trigger, key hcp_id */
    JD_TOPIC_DECISIONS,           /* jd_decision, key hcp_id */
    JD_TOPIC_TOUCHES,             /* jd_shared_touch, key account:<id> …; partition from the bare id */
    JD_TOPIC_ALERTS_SHADOW,       /* jd_alert of rules in mode shadow, key as of ALERTS */
    JD_TOPIC_ALERTS_COMMERCIAL,   /* jd_alert as commercial readers see it, key as of ALERTS */
    JD_TOPIC_ALERTS_MEDICAL,      /* the same for medical readers */
    JD_TOPIC_END_
};

struct jd_effect {
    enum jd_topic topic;
    struct jd_str key;
    const struct jd_record *record; /* of value */
    const void *value;              /* jd_alert, jd_trigger, jd_decision or jd_shared_touch */
    jd_time at;                     /* now: becomes ce_time */
    struct jd_str id;               /* becomes ce_id: <alert_id>/<revision> and the like */
    struct jd_str traceparent;      /* of the causing input; absent for timers */
};

/* Grows in the arena of the batch; the caller clears it when it has sent everything. */
struct jd_output {
    struct jd_arena *arena; /* borrowed */
    struct jd_change *changes;
    uint32_t change_count, change_capacity;
    struct jd_effect *effects;
    uint32_t effect_count, effect_capacity;
    uint64_t applied, duplicates, filtered, dead_lettered, timers;
    uint64_t evaluated, unaffected; /* states under another policy, and those that it did not affect */
    uint64_t changes_size;          /* bytes of all bodies */
};

struct jd_fold; /* the states of one shard, its clock and its timers */

/* A new, empty fold. `program` is borrowed and may be NULL until jd_fold_set_program. NULL only when
 * the allocator fails. Owned: jd_fold_free. */
struct jd_fold *jd_fold_new(const struct jd_program *program, struct jd_allocator allocator);
void jd_fold_free(struct jd_fold *fold);
/* The program before is borrowed on, until no review is active. */
void jd_fold_set_program(struct jd_fold *fold, const struct jd_program *program);

/* The program in force as this fold has it: its rules are others than those given. NULL: none. */
const struct jd_program *jd_fold_program(const struct jd_fold *fold);

/* Another policy for the states of the fold. Notes in entries of key "shard" which rules of `program` are other
 * than the states know them, and since when each is about anything: since[i] is that of program->rules[i],
 * JD_TIME_NONE no limit; NULL: none has one, as for the first policy of a lineage, whatever is given. When that
 * is committed, jd_fold_set_program() puts it in force, and jd_fold_review() is called until nothing waits. */
void jd_fold_adopt(struct jd_fold *fold, const struct jd_program *program, const jd_time *since,
                   struct jd_output *out);
/* Are there states that have not been evaluated under the program? */
bool jd_fold_is_reviewing(const struct jd_fold *fold);
/* Evaluates the states that wait, in the order of their keys, up to these limits; until: no later key, absent: all.
 * Returns how many. With the last one nothing waits any more. */
struct jd_review_limit {
    uint32_t states, changes; /* changes, bytes: of the output */
    uint64_t bytes;
    struct jd_str until;
};
uint32_t jd_fold_review(struct jd_fold *fold, const struct jd_review_limit *limit, struct jd_output *out);

/* The shard's clock. Starts at JD_TIME_MIN; only ever moves forward except by jd_fold_set_now. */
jd_time jd_fold_now(const struct jd_fold *fold);
void jd_fold_set_now(struct jd_fold *fold, jd_time now); /* recovery: value of the journal */

/* Decide one input. First now = max(now, input->effective); timers due by then fire, in (due, key,
 * id) order, each with now = max(now before, due); then the input is applied.
 *
 * The caller computes `effective` by the clock's rule: clock: wall = min(running maximum of Kafka
 * timestamps, W); clock: record = running maximum of recorded_at, else time. Profiles that are read
 * before everything else pass JD_TIME_NONE: they move no clock and fire no timer.
 *
 * Returns what became of it; on JD_DEAD_LETTERED `*reason` is a static code ("too_late",
 * "too_far_ahead", "from_the_future", "id_conflict", "unknown_zone" …). */
JD_MUST_CHECK enum jd_verdict jd_fold_input(struct jd_fold *fold, const struct jd_input *input,
                                            struct jd_output *out, const char **reason);

/* Move now to `to` (if later) and fire what is due, at most `limit` timers. Returns true when nothing
 * due is left; false: call again (now is then the due time of the last one fired). */
bool jd_fold_advance(struct jd_fold *fold, jd_time to, uint32_t limit, struct jd_output *out);

/* When the next timer is due; JD_NEVER: none. */
jd_time jd_fold_next_due(struct jd_fold *fold);

/* Until when timers follow from what has happened: JD_NEVER, until there is none. With rules that look at
 * physicians by themselves there always is one: then, the moment after which nothing that happened by now, or is
 * planned, changes anything. */
jd_time jd_fold_over(const struct jd_fold *fold);

/* Keep what was done since the last keep or undo, or take all of it back (states, clock, timers). */
void jd_fold_keep(struct jd_fold *fold);
void jd_fold_undo(struct jd_fold *fold);

/* Store one entry as the journal or the image has it, without deciding anything (recovery, SHARD
 * entries). Refuses bodies that do not decode. Takes part in keep/undo. */
JD_MUST_CHECK bool jd_fold_put(struct jd_fold *fold, const struct jd_change *change, struct jd_error *err);

/* Append to `out` a change the caller makes itself (SHARD entries) and store it. */
JD_MUST_CHECK bool jd_fold_change(struct jd_fold *fold, const struct jd_change *change, struct jd_output *out,
                                  struct jd_error *err);

/* Look at the states. Strings are borrowed from the fold until its next change. */
bool jd_fold_image(const struct jd_fold *fold, struct jd_str key, struct jd_arena *arena,
                   struct jd_image *out); /* false: no such key, or it has no entry */
typedef bool (*jd_fold_visit)(void *context, struct jd_str key);
void jd_fold_keys(const struct jd_fold *fold, jd_fold_visit visit,
                  void *context); /* any order; false stops */
size_t jd_fold_key_count(const struct jd_fold *fold);
size_t jd_fold_bytes(const struct jd_fold *fold); /* memory that the states hold */

#endif

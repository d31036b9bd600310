/* One step: one input or one timer of one key at one `now`. What it changes is stored at once and noted
 * in the output, together with what it tells the world. */
#ifndef JOURNEYD_ENGINE_STEP_H
#define JOURNEYD_ENGINE_STEP_H

#include "engine/touches.h"

struct jd_step {
    struct jd_fold *fold;
    const struct jd_program *program;
    struct jd_output *out;
    struct jd_arena *arena;           /* of the output */
    struct jd_str key;                /* "hcp:<id>", "account:<id>" … */
    struct jd_str id;                 /* bare */
    struct jd_str hcp;                /* of a physician's state: the bare id; else absent */
    const struct jd_scope_key *scope; /* of another key that rules have for scope; else NULL */
    struct jd_state *state;           /* NULL: nothing held yet */
    jd_time now;
    struct jd_str traceparent; /* of the input; absent for timers */
    struct jd_counted
        *counted; /* what became of alerts that rules count; the last first (conflicts/over.h) */
};

/* Store an entry in the place of `before`, NULL: there was none. */
void jd_step_put(struct jd_step *step, const struct jd_slot *before, const struct jd_put *put);
void jd_step_delete(struct jd_step *step, const struct jd_slot *slot);
void jd_step_emit(struct jd_step *step, enum jd_topic topic, struct jd_str key,
                  const struct jd_record *record, const void *value, struct jd_str id);
void jd_output_change(struct jd_output *out, const struct jd_change *change);

/* Store an engagement of the physician that no event is, in the place of `before`; it is kept as long as one that
 * came now. */
void jd_step_engagement(struct jd_step *step, const struct jd_slot *before, struct jd_engagement *engagement);
/* Why an alert that `held` was part of no longer holds, now that `engagement` counts. `held` NULL: none did. */
enum jd_cause jd_step_cause(const struct jd_engagement *held, const struct jd_engagement *engagement);

/* A step of `key` at the fold's now; jd_step_at: of its state, which is at hand. */
struct jd_step jd_step_of(struct jd_fold *fold, struct jd_str key, struct jd_output *out);
struct jd_step jd_step_at(struct jd_fold *fold, struct jd_str key, struct jd_state *state,
                          struct jd_output *out);

/* Decide one input, its clock already moved. */
enum jd_verdict jd_step_input(struct jd_step *step, const struct jd_input *input, const char **reason);
/* The state under another program: its plans, retention, alerts and triggers. */
void jd_step_review(struct jd_step *step);
/* The timer of an entry is due; `slot` is the caller's copy. */
void jd_step_timer(struct jd_step *step, const struct jd_slot *slot);

#endif

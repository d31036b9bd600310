/* Gates: may this channel be used for this touch at its time?
 *
 *   candidate channel ──► same_channel ──► consent ──► access ──► content ──► fatigue ──► rejections
 *
 * All gates run for every candidate, so that an explanation is complete; a candidate without a rejection
 * has passed. A new gate is one file and one row in gates.c. Judged are facts as of the touch's time, not
 * as of now. Details name intervals and where a record came from, never a product or topic. */
#ifndef JOURNEYD_ENGINE_CHANNELS_GATES_H
#define JOURNEYD_ENGINE_CHANNELS_GATES_H

#include "base/arena.h"
#include "engine/facts.h"
#include "engine/program.h"

/* What is asked; borrowed for the call. */
struct jd_gate_question {
    const struct jd_program *program;
    const struct jd_facts *facts;
    struct jd_touches *view;      /* what is held of the physician; NULL: nothing */
    const struct jd_event *touch; /* the planned touch that another channel would replace */
    jd_time at;                   /* its time */
    struct jd_str country;        /* of the physician's profile, else of the touch; may be absent */
};

/* Appends a rejection to the candidate; `detail` and `rule` may be absent. */
void jd_candidate_reject(struct jd_candidate *candidate, enum jd_rejection_code reason, struct jd_str rule,
                         struct jd_str detail, struct jd_arena *arena);

/* Fills `out` for one channel of the policy: channel, rejections of all gates, and the content that would
 * be used. Score and propensity stay 0. */
void jd_gates_run(const struct jd_gate_question *question, const struct jd_channel_policy *channel,
                  struct jd_arena *arena, struct jd_candidate *out);

/* One gate each; they append to `out`. */
void jd_gate_same_channel(const struct jd_gate_question *question, const struct jd_channel_policy *channel,
                          struct jd_arena *arena, struct jd_candidate *out);
void jd_gate_consent(const struct jd_gate_question *question, const struct jd_channel_policy *channel,
                     struct jd_arena *arena, struct jd_candidate *out);
void jd_gate_access(const struct jd_gate_question *question, const struct jd_channel_policy *channel,
                    struct jd_arena *arena, struct jd_candidate *out);
void jd_gate_content(const struct jd_gate_question *question, const struct jd_channel_policy *channel,
                     struct jd_arena *arena, struct jd_candidate *out);
void jd_gate_fatigue(const struct jd_gate_question *question, const struct jd_channel_policy *channel,
                     struct jd_arena *arena, struct jd_candidate *out);

#endif

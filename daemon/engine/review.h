/* Another policy over the states of a shard.
 *
 *   jd_fold_adopt ──► RULE, PROGRAM entries ──► (commit) ──► jd_fold_set_program
 *                                                               │
 *        states in the order of their keys, some a batch ◄──────┘
 *              │ jd_fold_review
 *              ▼
 *        plans and retention by the new times ──► alerts of rules that changed: opened, updated, retracted
 *        (cause policy) ──► triggers ──► PROGRAM: how far it is; at the end, RULE: what all states know
 *
 * A state that an input or a timer comes to before its turn is evaluated first, so that every step finds states
 * that follow the policy in force. Doing it twice changes nothing. What happens to a shard between two batches
 * loses nothing: how far it is is an entry. */
#ifndef JOURNEYD_ENGINE_REVIEW_H
#define JOURNEYD_ENGINE_REVIEW_H

#include "engine/step.h"

/* The rules of the program with the shard's starts, in the fold's own copy. After the program was set. */
void jd_review_begin(struct jd_fold *fold);
/* Looks at the PROGRAM entry again, which something else has changed. */
void jd_review_look(struct jd_fold *fold);
void jd_review_done(struct jd_fold *fold);
/* Is the state of the step still to be evaluated? */
bool jd_review_waits(const struct jd_step *step);

#endif

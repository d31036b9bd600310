/* Why a rule raised no alert for a physician: for `explain --why-not`.
 *
 *   history or state of one physician ──► a fold with this one rule ──► what its kind tells on the way
 *                                                                       (engine/conflicts/why.h) ──► words
 *
 * Nothing is matched here: which condition of a selector fails, how far apart two contacts are, what answered in time,
 * is what the engine's own code says. */
#ifndef JOURNEYD_CLI_WHYNOT_H
#define JOURNEYD_CLI_WHYNOT_H

#include <stdio.h>

#include "base/error.h"
#include "cli/explain.h"
#include "cli/options.h"
#include "engine/fold.h"

struct jd_whynot_arguments {
    const char *hcp, *rule, *policy, *config;
    struct jd_words events;
};
/* Writes the answer to standard output. False: `err`. */
JD_MUST_CHECK bool jd_whynot(const struct jd_whynot_arguments *arguments, struct jd_error *err);

/* An event of the physician that was refused, or filtered. */
struct jd_refused {
    struct jd_str id, engagement; /* absent: not known */
    struct jd_str where;          /* "events.jsonl:17", "engagement.events.dlq 3/17" */
    struct jd_str reason;
};

/* What there is to answer from. */
struct jd_whynot_facts {
    struct jd_arena arena;
    const struct jd_program *program; /* of that one rule; its retention is without end */
    const struct jd_fold *fold;       /* holds the physician */
    const char *hcp;
    struct jd_rule_text rule;
    struct jd_refused *refused;
    uint32_t refused_count, refused_capacity;
    uint64_t events; /* of the physician, seen; 0: not counted */
};

/* The program with the one rule that `id` names, and with an unbounded memory. False: no such rule, or one that is
 * not about single physicians. */
JD_MUST_CHECK bool jd_whynot_program(const struct jd_program *whole, const char *id, struct jd_program *out,
                                     struct jd_error *err);
void jd_whynot_refuse(struct jd_whynot_facts *facts, struct jd_refused refused); /* texts are copied */
/* The physician's state from Redis, refusals from the dead letters, the policy that is in force. The fold is made
 * here; owned: jd_fold_free. `*policy` too. NULL: `err`. */
struct jd_policy;
struct jd_fold *jd_whynot_live(const struct jd_whynot_arguments *arguments, struct jd_whynot_facts *facts,
                               struct jd_policy **policy, struct jd_program *program, struct jd_error *err);
/* The answer in words. */
void jd_whynot_text(struct jd_whynot_facts *facts, FILE *out);

#endif

/* Facts about a physician over time: consent, access, licences, alignment and blackouts, from the profile, from
 * events and from tables of the policy, as one set; and what tables say of content and quiet hours. Gates and rules
 * ask here.
 *
 *   profile ─┐
 *   events ──┼──► records: [from, until) ──► question: which fact, for which touch, at what time?
 *   tables ──┘                                   └──► standing, and the record that decides
 *
 * Of the records that concern a question (same fact; its channel or all; its product or all; its actor, its
 * place) the one with the latest `from` <= t decides, also after its `until`; on equal `from` the stricter.
 * So a consent that ran out is expired, whatever came before it; a denial or revocation stands until a new
 * grant; an access restriction that ran out is over. Each blackout stands for itself.
 *
 * Double opt-in: a grant counts from its confirmation, that is from max(from, confirmed_at); without one
 * it does not count. An event `consent.confirmed` confirms the grants of the same channel and product
 * that began at or before it and were not confirmed earlier. */
#ifndef JOURNEYD_ENGINE_FACTS_H
#define JOURNEYD_ENGINE_FACTS_H

#include "base/arena.h"
#include "engine/program.h"
#include "journeyd/state.h"

struct jd_fact_record {
    uint8_t fact;          /* enum jd_fact */
    uint8_t state;         /* enum jd_fact_state */
    uint8_t channel;       /* enum jd_channel; NONE: all */
    struct jd_str product; /* absent: all */
    struct jd_str about;   /* LICENCE: where it is valid, absent: anywhere; ALIGNMENT: the actor */
    bool deputy;           /* ALIGNMENT: as a deputy */
    uint8_t function;      /* ALIGNMENT: enum jd_function, for which */
    jd_time from, until;   /* from JD_TIME_MIN: always; until JD_NEVER: open end */
    jd_time confirmed_at;  /* JD_TIME_NONE: not confirmed */
    jd_time applies_from;  /* it applies to touches at or after this time; JD_TIME_MIN: to all */
    struct jd_str proof;   /* of a licence its number, of a blackout the reason; may be absent */
    struct jd_str source,
        id; /* the event that says so, or (no id) the file of the policy; absent: the profile */
};

struct jd_facts {
    struct jd_arena *arena; /* borrowed */
    struct jd_fact_record *records;
    uint32_t count, capacity;
};

/* Records of a profile (NULL: none) and of a fact event in the state; others are passed over. Strings are
 * borrowed. Order of calls does not matter. */
void jd_facts_add_profile(struct jd_facts *facts, const struct jd_hcp_profile *profile);
void jd_facts_add_event(struct jd_facts *facts, const struct jd_engagement *engagement);

/* What a fact comes to for a touch: the words of `require:`. */
#define JD_STANDING_MAP(X)                                                                                   \
    X(NONE_KNOWN, "none")                                                                                    \
    X(GRANTED, "granted")                                                                                    \
    X(IMPLIED, "implied")                                                                                    \
    X(UNCONFIRMED, "unconfirmed")                                                                            \
    X(DENIED, "denied")                                                                                      \
    X(REVOKED, "revoked")                                                                                    \
    X(EXPIRED, "expired")                                                                                    \
    X(OPEN, "open")                                                                                          \
    X(APPOINTMENT_ONLY, "appointment_only")                                                                  \
    X(NO_SEE, "no_see")                                                                                      \
    X(NO_CONTACT, "no_contact")                                                                              \
    X(VALID, "valid")                                                                                        \
    X(APPROVED, "approved")                                                                                  \
    X(NOT_YET, "not_yet")                                                                                    \
    X(OTHER_USE, "other_use")                                                                                \
    X(UNLISTED, "unlisted")                                                                                  \
    X(OWNER, "owner") X(DEPUTY, "deputy") X(ENDED, "ended") X(DECLARED, "declared") X(QUIET, "quiet")
#define JD_X_STANDING(n, t) JD_STANDING_##n,
enum jd_standing { JD_STANDING_ABSENT, JD_STANDING_MAP(JD_X_STANDING) JD_STANDING_END_ };
extern const struct jd_symbols jd_standing_symbols;
/* Those that a fact can have, as bits. */
uint64_t jd_fact_standings(enum jd_fact fact);

/* For which touch, when. */
struct jd_fact_question {
    const struct jd_program *program;
    uint8_t channel;       /* enum jd_channel; NONE: unknown */
    uint8_t function;      /* enum jd_function of the actor */
    struct jd_str product; /* may be absent, as the others */
    struct jd_str actor, content;
    struct jd_str hcp, account; /* for tables */
    struct jd_str country;      /* whose customs hold where there is no record */
    struct jd_str place;        /* of the touch, for licences and tables by market: jurisdiction or country */
    const struct jd_zone *zone; /* in which hours are reckoned; of QUIET_HOURS */
    jd_time at;
};

struct jd_finding {
    enum jd_standing standing;
    const struct jd_fact_record *record; /* that decides; NULL: there is none */
    const struct jd_content *content;    /* of CONTENT; NULL: none */
};
struct jd_finding jd_facts_find(const struct jd_facts *facts, enum jd_fact fact,
                                const struct jd_fact_question *question);

/* Who is aligned with the physician for a function at that time: an owner rather than a deputy, then who began last,
 * then the least id. Absent: nobody. The question's actor does not count. */
struct jd_str jd_facts_owner(const struct jd_facts *facts, enum jd_function function,
                             struct jd_fact_question question);

/* Does a record of consent count by `at`? With double opt-in a grant does once it is confirmed. */
bool jd_fact_is_confirmed(const struct jd_facts *facts, const struct jd_program *program,
                          const struct jd_fact_record *record, jd_time at);
/* Of two records the one that decides where both apply: the later, then the stricter. A total order. */
int jd_fact_order(const struct jd_fact_record *a, const struct jd_fact_record *b);
/* Whether an item of content.csv is for this channel, product and function. */
bool jd_content_fits(const struct jd_content *content, const struct jd_fact_question *question);

#endif

/* Facts about a physician over time: consent and access, from the profile and from events, as one set.
 *
 * A record is an interval [from, until) on a channel, for one product or for all. For one fact type and
 * channel, records for the touch's product and for all products together: the one with the latest
 * `from` <= t decides, also after its `until`; on equal `from` a denial wins. So a consent that ran out
 * is expired, whatever came before it; a denial or revocation stands until a new grant; an access
 * restriction that ran out is over.
 *
 * Double opt-in: a grant counts from its confirmation, that is from max(from, confirmed_at); without one
 * it does not count. An event `consent.confirmed` confirms the grants of the same channel and product
 * that began at or before it and were not confirmed earlier. */
#ifndef JOURNEYD_ENGINE_CHANNELS_FACTS_H
#define JOURNEYD_ENGINE_CHANNELS_FACTS_H

#include "base/arena.h"
#include "journeyd/state.h"

struct jd_fact_record {
    uint8_t fact;          /* enum jd_fact */
    uint8_t state;         /* enum jd_fact_state */
    uint8_t channel;       /* enum jd_channel; NONE: all */
    struct jd_str product; /* absent: all */
    jd_time from, until;   /* until JD_NEVER: open end */
    jd_time confirmed_at;  /* JD_TIME_NONE: not confirmed */
    jd_time applies_from;  /* it applies to touches at or after this time; JD_TIME_MIN: to all */
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

/* The record that decides about consent on `channel` for a touch of `product` (may be absent) at `at`; NULL:
 * there is none. With double opt-in, `*unconfirmed` tells that a grant was passed over for want of its
 * confirmation. */
const struct jd_fact_record *jd_facts_consent(const struct jd_facts *facts, uint8_t channel,
                                              struct jd_str product, jd_time at, bool double_opt_in,
                                              bool *unconfirmed);
/* The access record that decides on `channel` at `at`; NULL: there is none. */
const struct jd_fact_record *jd_facts_access(const struct jd_facts *facts, uint8_t channel, jd_time at);

#endif

/* Engagements and their touches: which version counts, when it counts, what is too late, and a view of
 * the touches of one key for the rules. Under a physician an engagement is one touch; under any other key it may be
 * several, one for each physician who attends. */
#ifndef JOURNEYD_ENGINE_TOUCHES_H
#define JOURNEYD_ENGINE_TOUCHES_H

#include "base/str.h"
#include "engine/entries.h"
#include "engine/facts.h"

/* Versions that one engagement may have while it is held; the next is refused "too_many_versions". */
enum { JD_VERSIONS_MAX = 1024 };
/* How long a touch may last; a longer one is refused "interval_too_long". */
#define JD_INTERVAL_MAX (31 * JD_DAY)

/* Time of a touch: `start`, else `time`. */
jd_time jd_touch_time(const struct jd_event *event);
/* When it was recorded: `recorded_at`, else `time`. */
jd_time jd_touch_recorded(const struct jd_event *event);
/* Is it a touch now: neither cancelled nor lapsed? */
bool jd_touch_stands(const struct jd_engagement *engagement);
/* Of two versions of one engagement the greater counts: recorded, then planned < completed < cancelled,
 * then the event's id as bytes (then its source: two systems may use one id). */
int jd_version_cmp(const struct jd_event *a, const struct jd_event *b);

/* A touch as rules see it. */
struct jd_touch {
    struct jd_slot slot; /* as it was when the view began; without an entry: a hypothetical one, or gone */
    jd_time time;        /* on the view's axis; slot.time is that of the touch itself */
    uint8_t class, phase;
    struct jd_str key;                    /* engagement key */
    struct jd_str hcp;                    /* under another key than a physician; else absent */
    const struct jd_attendees *attendees; /* after jd_touch_attendees */
    const uint64_t *bits;                 /* selectors that it matches and rules that it takes part in */
    const struct jd_event *event;         /* engagement_id set to the key; after jd_touch_load */
    const struct jd_zone *zone;           /* in which its local date is reckoned; after jd_touch_load */
    bool gone;                            /* a version that was a touch and is none any more */
};

struct jd_asker; /* engine/conflicts/why.h */

/* The standing touches of one engagement, by time, then physician. */
struct jd_attendees {
    struct jd_touch **items;
    uint32_t count;
};

/* What rules read of one key. Entries are opened when a rule asks for them, once. */
struct jd_touches {
    const struct jd_fold *fold;
    const struct jd_state *state; /* may be NULL */
    struct jd_arena *arena;       /* borrowed */
    jd_time now;
    bool logged;                    /* touches lie at the time at which they were recorded */
    struct jd_touches *other;       /* the same with `logged` the other way; NULL: not made yet */
    bool shared;                    /* an engagement may be several touches: the key is no physician */
    const struct jd_zone *zone;     /* of the key's profile or its market; NULL: the touch's market */
    const struct jd_market *market; /* of the key's profile; NULL: the touch's */
    const struct jd_zone *worked;   /* the last zone that was put together with business days */
    bool zone_known;                /* they are looked up with the first touch that is loaded */
    const struct jd_hcp_profile
        *profile; /* after jd_touches_profile; NULL: none. An account's as if a physician's */
    bool profile_known;
    const struct jd_facts *facts; /* after jd_touches_facts */
    struct jd_str hidden;         /* engagement key of the touch that is looked away from; absent: none */
    uint8_t hidden_class;         /* and its class */
    struct jd_touch *supposed;    /* the touch that is there instead; NULL: none */
    struct jd_touch **opened;     /* by entry: open addressing, a power of two of places */
    uint32_t opened_count, opened_places;
    uint32_t *first, *next, places; /* shared: standing engagements by hash: slot + 1, 0 ends a chain */
    const struct jd_asker *asker;   /* who wants to know why; NULL: nobody */
};

struct jd_touches jd_touches_view(const struct jd_fold *fold, const struct jd_state *state,
                                  struct jd_arena *arena);
/* The view on the axis of a rule: this one, or its other. */
struct jd_touches *jd_touches_on(struct jd_touches *view, bool logged);
/* A touch of another axis, on that of the view. */
struct jd_touch *jd_touches_place(struct jd_touches *view, struct jd_touch *touch);
/* The profile of the physician, or what an account's says in the fields of one; NULL: none. */
const struct jd_hcp_profile *jd_touches_profile(struct jd_touches *view);
/* In which all touches are reckoned; NULL: each in its own. */
const struct jd_zone *jd_touches_own_zone(struct jd_touches *view);
/* In which a touch is reckoned, with the business days of its market: by the profile, else by the touch, else by
 * the policy. `event` NULL: what is the physician's own. */
const struct jd_zone *jd_touches_zone(struct jd_touches *view, const struct jd_event *event);
/* Where a touch is: its jurisdiction, else its country, else that of the physician's profile. */
struct jd_str jd_touches_jurisdiction(struct jd_touches *view, const struct jd_event *event);
/* By which market of `program` its business days are reckoned: that of the profile's country, else of the touch's;
 * NULL: by none. */
const struct jd_market *jd_touches_market(struct jd_touches *view, const struct jd_program *program,
                                          const struct jd_event *event);
/* The touch of an entry, its body still closed; arena. */
struct jd_touch *jd_touches_open(struct jd_touches *view, const struct jd_slot *slot);
/* Reads its body, once. */
void jd_touch_load(struct jd_touches *view, struct jd_touch *touch);
/* All standing touches of its engagement, under another key than a physician. */
const struct jd_attendees *jd_touch_attendees(struct jd_touches *view, struct jd_touch *touch);
/* A touch that is not there: `event`, with this engagement key. Loaded. */
struct jd_touch *jd_touches_suppose(struct jd_touches *view, const struct jd_event *event, struct jd_str key);
/* Makes the view one in which this version still counts, instead of what came after it. Loaded. */
struct jd_touch *jd_touches_restore(struct jd_touches *view, const struct jd_engagement *engagement);
/* A version that was a touch until now. Loaded. */
struct jd_touch *jd_touches_gone(struct jd_touches *view, const struct jd_engagement *engagement);
/* What is known of facts, of the profile and of events. Read when first asked for. */
const struct jd_facts *jd_touches_facts(struct jd_touches *view);
/* Is it left out of the view? */
bool jd_touches_hide(const struct jd_touches *view, const struct jd_slot *slot);
static inline const uint64_t *jd_slot_bits(const struct jd_fold *fold, const struct jd_slot *slot)
{
    return jd_selectors_bits(&fold->selectors, slot->pattern);
}
/* Versions of one engagement: a request and a touch that the source files under one id are two. */
static inline bool jd_touch_same_engagement(const struct jd_touch *x, const struct jd_touch *y)
{
    return x->class == y->class && jd_str_eq(x->key, y->key);
}
/* As instances name it: the engagement key of a touch, ["source","id"] of anything else. */
struct jd_str jd_touch_name(const struct jd_touch *touch, struct jd_arena *arena);
#endif

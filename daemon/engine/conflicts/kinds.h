/* What the kinds of conflict share, and one function of each for the table in conflicts.c. */
#ifndef JOURNEYD_ENGINE_CONFLICTS_KINDS_H
#define JOURNEYD_ENGINE_CONFLICTS_KINDS_H

#include "engine/conflicts/conflicts.h"
#include "engine/touches.h"

/* One reading of an instance as (a, b) for `severity:`; what a kind does not have is NULL. */
struct jd_reading {
    struct jd_touch *a, *b;
};

/* Touches by (time, engagement key, physician). */
struct jd_members {
    struct jd_touch **items;
    uint32_t count, capacity;
};

/* The standing touches with from <= time <= to that match a selector of the rule and take part in it; their
 * bodies still closed. */
struct jd_members jd_members_find(struct jd_touches *view, const struct jd_rule *rule,
                                  enum jd_selector_place place, jd_time from, jd_time to);
/* The same that may lie on the local days [first, end), days since 1970-01-01: all that do, and some near them. */
struct jd_members jd_members_find_days(struct jd_touches *view, const struct jd_rule *rule,
                                       enum jd_selector_place place, int64_t first, int64_t end);
/* Does the touch match that selector and take part? */
bool jd_touch_is(const struct jd_touches *view, const struct jd_rule *rule, const struct jd_touch *touch,
                 enum jd_selector_place place);
/* Does it match any selector of the rule? */
bool jd_rule_asks(const struct jd_touches *view, const struct jd_rule *rule, const struct jd_touch *touch);
/* Is the touch that an instance is for inside valid_from .. valid_to? */
bool jd_bearer_valid(const struct jd_touches *view, const struct jd_rule *rule,
                     const struct jd_touch *bearer);
/* By (time, engagement key, physician). */
int jd_touch_order(const struct jd_touch *x, const struct jd_touch *y);

/* `same:` alone, or `same:` and `different:`; a touch that lacks a named field takes no part. Loads both. */
bool jd_touches_same(struct jd_touches *view, const struct jd_rule *rule, struct jd_touch *x,
                     struct jd_touch *y);
bool jd_touches_compared(struct jd_touches *view, const struct jd_rule *rule, struct jd_touch *x,
                         struct jd_touch *y);
/* The same, and linked, of an a and a b. */
bool jd_touches_belong(struct jd_touches *view, const struct jd_rule *rule, struct jd_touch *a,
                       struct jd_touch *b);
/* `link:` does b answer that a: does its responds_to name a's engagement, or the event that counts of it? Both are
 * loaded. Always, of a rule without it. */
bool jd_touches_linked(const struct jd_rule *rule, const struct jd_touch *a, const struct jd_touch *b);
/* Has it every field that `same:` and `different:` name? */
bool jd_touch_takes_part(struct jd_touches *view, const struct jd_rule *rule, struct jd_touch *touch);
/* Is the pair left out by `unless: joint`? Both are loaded. */
bool jd_touches_joint(const struct jd_touches *view, const struct jd_rule *rule, const struct jd_touch *x,
                      const struct jd_touch *y);

/* The rule as the market of this touch has it, which bears an instance: of a pair the later, of a period the
 * first that counts. Reads the body of the touch where the rule has versions. */
const struct jd_rule *jd_rule_version(struct jd_touches *view, const struct jd_rule *rule,
                                      struct jd_touch *bearer);
/* How far the longest `within` of the rule's versions reaches, ms. */
int64_t jd_rule_within_reach(const struct jd_rule *rule);

/* ---- several attendees ----
 *
 * Under another key than a physician an engagement may be several touches. Where times or numbers of touches matter,
 * one stands for it: of those that match and belong to what is judged the first by (time, physician). */

/* Does y belong to x? What a kind asks of a touch before one of an engagement is chosen. */
typedef bool jd_belongs(struct jd_touches *view, const struct jd_rule *rule, struct jd_touch *x,
                        struct jd_touch *y);
/* Does u stand for its engagement among those that match `place` and belong to x? Under a physician it does. */
bool jd_touch_represents(struct jd_touches *view, const struct jd_rule *rule, enum jd_selector_place place,
                         struct jd_touch *x, struct jd_touch *u, jd_belongs *belongs);

/* The ways in which x and y, or others of their engagements, are a pair, the one with the earlier a first. Loads
 * what it gives. */
uint32_t jd_pair_ways(struct jd_touches *view, const struct jd_rule *rule, struct jd_touch *x,
                      struct jd_touch *y, struct jd_reading ways[2]);

/* The rule as the market of the later of the two has it. */
const struct jd_rule *jd_way_version(struct jd_touches *view, const struct jd_rule *rule,
                                     const struct jd_reading *way);

/* Judges the instance that bears x's name: jd_judge for x, or for each touch that stands for its engagement, one for
 * each set of values of `same:` (`each`: for every one); the first of those that hold counts. `belongs`: beside the
 * selector `place`, of (x, x). */
typedef void jd_judge(struct jd_touches *view, const struct jd_rule *rule, struct jd_touch *touch,
                      struct jd_instance *instance, const void *context);
struct jd_bearing {
    enum jd_selector_place place;
    bool each;
    jd_belongs *belongs;
    jd_judge *judge;
    const void *context; /* of judge */
};
void jd_judge_bearer(struct jd_touches *view, const struct jd_rule *rule, const struct jd_bearing *bearing,
                     struct jd_touch *x, struct jd_instances *out);
/* belongs: it has every field that `same:` and `different:` name. */
jd_belongs jd_touch_is_complete;
/* belongs: jd_touches_belong, of y before x. */
jd_belongs jd_touch_belongs_before;
/* Appends; the list grows in the view's arena. */
void jd_members_add(struct jd_touches *view, struct jd_members *list, struct jd_touch *touch);
void jd_members_sort(struct jd_members *list);

/* PREVENTABLE while a member is planned and its time lies ahead. */
enum jd_alert_phase jd_members_phase(const struct jd_touch *const *members, uint32_t count, jd_time now);

/* Its severity, by the first case that holds for some reading, and its a and b, by the first reading. Phase and
 * observed of the instance are set. */
void jd_instance_weigh(const struct jd_rule *rule, struct jd_instance *instance,
                       const struct jd_reading *readings, uint32_t count);

/* Appends an instance with one part, or more, that does not hold. */
struct jd_instance *jd_instances_add(struct jd_instances *list, const struct jd_str *parts, uint32_t count);
/* Makes it hold with these members; phase is set, the rest is the kind's. */
void jd_instance_hold(struct jd_touches *view, struct jd_instance *instance,
                      const struct jd_touch *const *members, uint32_t count);
/* A pair that holds; horizon: the later of the two. */
struct jd_instance *jd_instances_pair(struct jd_touches *view, struct jd_instances *list,
                                      const struct jd_touch *x, const struct jd_touch *y);
/* An instance that bears a touch's name. */
struct jd_instance *jd_instances_bearer(struct jd_touches *view, struct jd_instances *list,
                                        struct jd_touch *bearer);

typedef void jd_find_instances(struct jd_touches *view, const struct jd_rule *rule, struct jd_touch *x,
                               struct jd_instances *out);

/* proximity.c: two touches a, b of different engagements, |t(a) - t(b)| <= within; one for each pair. */
jd_find_instances jd_proximity_find;
/* frequency.c: too many touches, or too much of what they add up to. */
jd_find_instances jd_frequency_find;
bool jd_frequency_remember(struct jd_touches *view, const struct jd_rule *rule, struct jd_touch *x,
                           struct jd_period_entry *out);
/* coverage.c: too few touches in a period. */
jd_find_instances jd_coverage_find;
void jd_coverage_due(struct jd_touches *view, const struct jd_rule *rule, jd_time since,
                     struct jd_instances *out);
jd_time jd_coverage_next(struct jd_touches *view, const struct jd_rule *rule);
/* sequence.c: b after a, and no c between them. */
jd_find_instances jd_sequence_find;
/* absence.c: a that no b answers in time. */
jd_find_instances jd_absence_find;
/* requires.c: b without an a before it. */
jd_find_instances jd_requires_find;
/* until.c: b while a is open. */
jd_find_instances jd_until_find;
/* overlap.c: two touches at the same time. */
jd_find_instances jd_overlap_find;
/* eligibility.c: a touch for which what is required is not so. */
jd_find_instances jd_eligibility_find;
/* subject.c: facts that are about to end, and facts that contradict each other. */
jd_time jd_expiry_find(struct jd_touches *view, const struct jd_rule *rule, struct jd_instances *out);
jd_time jd_contradiction_find(struct jd_touches *view, const struct jd_rule *rule, struct jd_instances *out);
/* Is a fact known that an instance (of struct jd_str) of such a rule is named by? */
bool jd_subject_is_held(struct jd_touches *view, const struct jd_list *instance);

#endif

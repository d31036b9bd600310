/* Kinds of conflict: one row a kind.
 *
 * A kind answers one question and keeps nothing: which instances can touch x change as it comes or goes,
 * and does each hold now, with which members? Opening, updating, resolving, retracting, closing and naming
 * alerts is the same for all kinds (alert.c); so is waking up at a deadline that a kind names. Its row also
 * says which keys of conflicts.yaml it takes, from which the policy's parser, its errors and the reference
 * derive. A new kind is a new file and a new row. */
#ifndef JOURNEYD_ENGINE_CONFLICTS_H
#define JOURNEYD_ENGINE_CONFLICTS_H

#include "engine/program.h"

/* Keys of a rule beyond those that every rule has. */
enum jd_parameter {
    JD_TAKES_A_B = 1u << 0,         /* a:, b: */
    JD_TAKES_WITHIN = 1u << 1,      /* within: */
    JD_TAKES_SAME = 1u << 2,        /* same: */
    JD_TAKES_DIFFERENT = 1u << 3,   /* different: */
    JD_TAKES_UNLESS = 1u << 4,      /* unless: */
    JD_TAKES_JOINT = 1u << 5,       /* unless: joint */
    JD_TAKES_LISTS = 1u << 6,       /* same: over list-valued fields */
    JD_TAKES_OF = 1u << 7,          /* of: */
    JD_TAKES_LIMIT = 1u << 8,       /* limit: or at_least: */
    JD_TAKES_WINDOW = 1u << 9,      /* window:, period: or per: */
    JD_TAKES_COUNT = 1u << 10,      /* distinct:, weights: */
    JD_TAKES_SUM = 1u << 11,        /* sum:, currency: */
    JD_TAKES_WITHOUT = 1u << 12,    /* without: */
    JD_TAKES_UNTIL = 1u << 13,      /* until:, max_open: */
    JD_TAKES_PLUS = 1u << 14,       /* plus: */
    JD_TAKES_ANSWER = 1u << 15,     /* inclusive:, resolve_within: */
    JD_TAKES_DURATIONS = 1u << 16,  /* durations: */
    JD_TAKES_NEAR = 1u << 17,       /* severity: when: { within: } */
    JD_TAKES_OBSERVED = 1u << 18,   /* severity: when: { observed: } */
    JD_TAKES_CASE_A = 1u << 19,     /* severity: when: { a: } */
    JD_TAKES_CASE_B = 1u << 20,     /* severity: when: { b: } */
    JD_TAKES_A_HAPPENED = 1u << 21, /* a: leaves planned touches out unless it names phase */
    JD_TAKES_B_HAPPENED = 1u << 22, /* b: the same */
    JD_TAKES_COVERAGE = 1u << 23,   /* who:, at_least:, period:, on_track: */
    JD_TAKES_LINK = 1u << 24,       /* link: */
    JD_TAKES_AXIS = 1u << 25,       /* axis: */
    JD_TAKES_OVER = 1u << 26,       /* over: */
    JD_TAKES_REQUIRE = 1u << 27,    /* require: */
    JD_TAKES_SUBJECT = 1u << 28,    /* subject: */
    JD_TAKES_LEAD = 1u << 29,       /* lead: */
};

struct jd_period_entry; /* journeyd/state.h */
struct jd_touches;      /* the touches of a physician, engine/touches.h */
struct jd_touch;

/* An instance of a rule: it holds, or x may have ended it. */
struct jd_instance {
    const struct jd_str *parts; /* as semantics names it, in its order */
    uint32_t part_count;
    enum jd_alert_status status; /* NONE: it does not hold; what follows up to `deadline` is not set */
    const struct jd_touch *const *members; /* in time order; ties: engagement key */
    uint32_t member_count;
    const struct jd_touch *a, *b; /* of the members, as the rule names them, `of` is a; NULL: it has none */
    enum jd_alert_phase phase;
    enum jd_severity severity;
    struct jd_decimal observed, limit;
    enum jd_unit unit;
    int64_t other_currency;       /* budget: touches left out because of their currency */
    struct jd_list facts;         /* of struct jd_fact_read: what it read beside touches */
    jd_time horizon;              /* nothing later than this can change it */
    const struct jd_span *within; /* that held for it; NULL: the rule's */
    /* Kinds with deadlines: when the bearer is looked at again, JD_NEVER: only when something comes. */
    jd_time deadline;
    const struct jd_touch *bearer;
    const struct jd_rule *version; /* with whose parameters it was judged; NULL: of no market's own */
};

struct jd_instances {
    struct jd_arena *arena; /* borrowed */
    struct jd_instance *items;
    uint32_t count, capacity;
};

struct jd_conflict_kind {
    const char *name;
    uint32_t required, optional; /* enum jd_parameter */
    /* Which way its parameters are stricter: `more` when they are longer, higher or true, `less` when they are
     * shorter, lower or false. That way a market may go; a parameter in neither is not comparable. */
    uint32_t more, less;
    /* An instance is a pair that goes with either member: both lie inside valid_from .. valid_to, and what
     * is gone is not asked. */
    bool pairs;
    bool deadlines; /* its instances name deadlines */
    /* Appends every instance of `rule` that `x` can change, as it is at the view's now. */
    void (*find)(struct jd_touches *view, const struct jd_rule *rule, struct jd_touch *x,
                 struct jd_instances *out);
    /* Rules on facts instead: appends every instance that holds; returns when the next one will, if nothing
     * comes, JD_NEVER: none. They are rows of their own, beside those of the same name on touches. */
    jd_time (*find_facts)(struct jd_touches *view, const struct jd_rule *rule, struct jd_instances *out);
    /* Of a kind whose instances need no touch: appends those that are judged at the view's now and were not
     * judged before `since`; and when the next one is, JD_NEVER: not before the profile changes. NULL: none. */
    void (*find_due)(struct jd_touches *view, const struct jd_rule *rule, jd_time since,
                     struct jd_instances *out);
    jd_time (*next_due)(struct jd_touches *view, const struct jd_rule *rule);
    /* What must be remembered of `x`, which leaves the state: until when the periods of those that share its
     * values are over. False: nothing. NULL: never anything. */
    bool (*remember)(struct jd_touches *view, const struct jd_rule *rule, struct jd_touch *x,
                     struct jd_period_entry *out);
};

/* The table, in the order of the reference; NULL name ends it. */
extern const struct jd_conflict_kind jd_conflict_kinds[];
const struct jd_conflict_kind *jd_conflict_kind_of(struct jd_str name); /* NULL: no such kind */
const struct jd_conflict_kind *jd_conflict_kind_on_facts(struct jd_str name);

/* jd_conflict_kind.find, of a touch of any view, on the axis of the rule. */
void jd_rule_find(struct jd_touches *view, const struct jd_rule *rule, struct jd_touch *x,
                  struct jd_instances *out);

/* Is `t` inside valid_from .. valid_to? */
static inline bool jd_rule_valid(const struct jd_rule *rule, jd_time t)
{
    return (rule->valid_from == JD_TIME_NONE || t >= rule->valid_from) &&
           (rule->valid_to == JD_TIME_NONE || t < rule->valid_to);
}

#endif

/* Kinds of conflict: one row a kind.
 *
 * A kind answers one question and keeps nothing: which instances that contain touch x hold now, with
 * which members? Opening, updating, retracting, closing and naming alerts is the same for all kinds
 * (alert.c). Its row also says which keys of conflicts.yaml it takes, from which the policy's parser,
 * its errors and the reference derive. A new kind is a new file and a new row. */
#ifndef JOURNEYD_ENGINE_CONFLICTS_H
#define JOURNEYD_ENGINE_CONFLICTS_H

#include "engine/program.h"

/* Keys of a rule beyond those that every rule has. */
enum jd_parameter {
    JD_TAKES_A_B = 1u << 0,       /* a:, b: */
    JD_TAKES_WITHIN = 1u << 1,    /* within: */
    JD_TAKES_SAME = 1u << 2,      /* same:, list-valued fields too */
    JD_TAKES_DIFFERENT = 1u << 3, /* different: */
    JD_TAKES_UNLESS = 1u << 4,    /* unless: */
    JD_TAKES_JOINT = 1u << 5,     /* unless: joint */
};

struct jd_touches; /* the touches of a physician, engine/touches.h */
struct jd_touch;

/* An instance of a rule that holds. */
struct jd_instance {
    struct jd_str parts[2]; /* as semantics names it, in its order */
    uint32_t part_count;
    const struct jd_touch *members[2]; /* in time order; ties: engagement key */
    uint32_t member_count;
    enum jd_alert_phase phase;
    enum jd_severity severity;
    struct jd_decimal observed, limit;
    enum jd_unit unit;
};

struct jd_instances {
    struct jd_arena *arena; /* borrowed */
    struct jd_instance *items;
    uint32_t count, capacity;
};

struct jd_conflict_kind {
    const char *name;
    uint32_t required, optional; /* enum jd_parameter */
    /* Appends every instance of `rule` that has `x` as a member and holds at the view's now. */
    void (*find)(struct jd_touches *view, const struct jd_rule *rule, struct jd_touch *x,
                 struct jd_instances *out);
};

/* The table, in the order of the reference; NULL name ends it. */
extern const struct jd_conflict_kind jd_conflict_kinds[];
const struct jd_conflict_kind *jd_conflict_kind_of(struct jd_str name); /* NULL: no such kind */

#endif

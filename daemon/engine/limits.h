/* Limits and windows that change with the values of a touch or its physician, and with time (limits.csv). */
#ifndef JOURNEYD_ENGINE_LIMITS_H
#define JOURNEYD_ENGINE_LIMITS_H

#include "engine/touches.h"

/* What holds for a rule. */
struct jd_bounds {
    struct jd_decimal limit;
    const struct jd_span *within;
};

/* For the values of `touch` and of the physician's profile, at a moment; without a table the rule's own.
 * `touch` may be NULL: the table goes by the profile alone.
 * False: the table has no such line, and the rule takes no part. May load the touch. */
JD_MUST_CHECK bool jd_limits_at(struct jd_touches *view, const struct jd_rule *rule, struct jd_touch *touch,
                                jd_time at, struct jd_bounds *out);
/* The window at the touch's own time; NULL: none. */
const struct jd_span *jd_limits_within(struct jd_touches *view, const struct jd_rule *rule,
                                       struct jd_touch *touch);

/* What a table goes by, of a touch (may be NULL) and the profile; NULL: one of them is not there. In the view's arena.
 * May load the touch. */
const struct jd_str *jd_limits_values(struct jd_touches *view, const struct jd_limits *limits,
                                      struct jd_touch *touch);
/* The rows of these values, by time; `*count` of them. */
const struct jd_limit_row *jd_limits_about(const struct jd_limits *limits, const struct jd_str *values,
                                           uint32_t *count);

#endif

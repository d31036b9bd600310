/* Exact sums. What is added has at most JD_AMOUNT_SCALE digits after its point and stays below
 * JD_AMOUNT_MAX, so that as many as a state may hold can be added in 64 bits; events with more are refused. */
#ifndef JOURNEYD_ENGINE_CONFLICTS_AMOUNT_H
#define JOURNEYD_ENGINE_CONFLICTS_AMOUNT_H

#include "engine/program.h"

enum { JD_AMOUNT_SCALE = 4, JD_AMOUNT_MAX = 90000000 };

/* In units of 10^-JD_AMOUNT_SCALE. False: absent, or out of these bounds. */
JD_MUST_CHECK bool jd_amount_units(struct jd_decimal amount, int64_t *units);
struct jd_decimal jd_amount_decimal(int64_t units); /* canonical */
/* In the same units. */
int64_t jd_weight_of(const struct jd_weights *weights, const struct jd_event *event,
                     const struct jd_field_ref *field);

#endif

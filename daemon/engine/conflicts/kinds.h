/* What the kinds of conflict share, and one function of each for the table in conflicts.c. */
#ifndef JOURNEYD_ENGINE_CONFLICTS_KINDS_H
#define JOURNEYD_ENGINE_CONFLICTS_KINDS_H

#include "engine/conflicts/conflicts.h"
#include "engine/touches.h"

/* PREVENTABLE while a member is planned and its time lies ahead. */
enum jd_alert_phase jd_members_phase(const struct jd_touch *const *members, uint32_t count, jd_time now);
struct jd_instance *jd_instances_add(struct jd_instances *list);

/* proximity.c: two touches a, b of different engagements, |t(a) - t(b)| <= within; one for each pair. */
void jd_proximity_find(struct jd_touches *view, const struct jd_rule *rule, struct jd_touch *x,
                       struct jd_instances *out);

#endif

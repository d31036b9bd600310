/* `require:` of a rule: does it hold for a touch, of facts, tables and the profile as of the touch's time? And
 * what was read to say so, for the alert. */
#ifndef JOURNEYD_ENGINE_PREDICATE_H
#define JOURNEYD_ENGINE_PREDICATE_H

#include "engine/touches.h"

/* What was read beside touches, in the order in which the policy asks. */
struct jd_reads {
    struct jd_arena *arena; /* borrowed */
    struct jd_fact_read *items;
    uint32_t count, capacity;
};

/* Most that an alert may say. */
enum { JD_READS_MAX = JD_LIST_MAX };

/* Does it hold for these touches, one or more, which are loaded? Every part is looked at, also where the answer is
 * known before. Of several touches, attendees of one engagement, what a map asks of a touch must be so of one of them
 * as a whole. */
bool jd_predicate_holds(struct jd_touches *view, const struct jd_predicate *predicate,
                        struct jd_touch *const *touches, uint32_t count, struct jd_reads *out);
/* Does it ask for the local time? Then it depends on the physician's zone. */
bool jd_predicate_is_civil(const struct jd_predicate *predicate);
/* What an alert says of a record. */
void jd_reads_add_record(struct jd_reads *reads, struct jd_str value, const struct jd_fact_record *record);

#endif

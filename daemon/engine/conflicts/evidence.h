/* The evidence of an alert: the events that its rule read, in time order (ties: engagement key).
 *
 * A state and its journal must be able to hold every alert, however many members it has: where they take more
 * than JD_EVIDENCE_BYTES_MAX, the latest of them stay, and the alert says how many there were and the SHA-256
 * of all. What was cut off follows from members alone, so equal instances have equal evidence. Two members are
 * never cut. */
#ifndef JOURNEYD_ENGINE_CONFLICTS_EVIDENCE_H
#define JOURNEYD_ENGINE_CONFLICTS_EVIDENCE_H

#include "engine/conflicts/conflicts.h"
#include "engine/touches.h"

enum { JD_EVIDENCE_BYTES_MAX = 256 * 1024 }; /* of the members as states keep them */

/* Sets evidence, evidence_count and evidence_sha256 of the physician's alert; all are in the arena. */
void jd_evidence_put(struct jd_alert *alert, const struct jd_instance *instance, struct jd_str hcp,
                     struct jd_arena *arena);
/* SHA-256 of the canonical Avro of events, one after the other, in hex; arena. */
struct jd_str jd_evidence_hash(const struct jd_list *events, struct jd_arena *arena);
/* Have both alerts the same members? */
bool jd_evidence_same(const struct jd_alert *a, const struct jd_alert *b, struct jd_arena *arena);
/* Is an engagement among what was not cut off? */
bool jd_evidence_names(const struct jd_alert *alert, struct jd_str engagement_key);
static inline bool jd_evidence_is_cut(const struct jd_alert *alert)
{
    return alert->evidence_sha256.ptr != NULL;
}

#endif

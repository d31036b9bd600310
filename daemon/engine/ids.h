/* Ids that follow from what they name, so that the same thing has the same id wherever and whenever it
 * is decided.
 *
 *   alert_id     rule, scope ("hcp"), key, then each part of the instance
 *   decision_id  "decision", alert_id, attempt in decimal
 *   trigger_id   "trigger", alert_id, attempt in decimal
 *
 * The id is the first 128 bits of SHA-256, as 32 hex digits, over the parts one after the other, each
 * with its length in bytes in decimal and a colon in front: 4:rule3:hcp2:h12:e12:e2. */
#ifndef JOURNEYD_ENGINE_IDS_H
#define JOURNEYD_ENGINE_IDS_H

#include "base/arena.h"

enum { JD_ID_HEX = 32 }; /* digits of an id */

struct jd_str jd_id_of(const struct jd_str *parts, uint32_t count, struct jd_arena *arena);

#endif

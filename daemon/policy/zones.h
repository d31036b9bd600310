/* Time zones, compiled: from the system's TZif files (RFC 8536) to transitions up to the year 2100, and
 * from there to the text that a bundle carries and back. */
#ifndef JOURNEYD_POLICY_ZONES_H
#define JOURNEYD_POLICY_ZONES_H

#include "base/buf.h"
#include "engine/program.h"

enum { JD_ZONE_TRANSITIONS_MAX = 4096, JD_ZONE_NAME_MAX = 64 };

/* A name that may become part of a path: letters, digits, + - _ and single '/' between them. */
bool jd_zone_is_name(struct jd_str name);

/* The zone `name` of the system's zoneinfo. False: `*why` (static) says what is wrong. */
JD_MUST_CHECK bool jd_zone_of_system(struct jd_str name, struct jd_arena *arena, struct jd_zone *out,
                                     const char **why);
/* The content of a TZif file; nothing in it is trusted. Sets all but the name. */
JD_MUST_CHECK bool jd_zone_of_tzif(struct jd_str bytes, struct jd_arena *arena, struct jd_zone *out,
                                   const char **why);

/* "<offset>\n" and a line "<second> <offset>" a transition, in seconds. */
void jd_zone_write(const struct jd_zone *zone, struct jd_buf *out);
JD_MUST_CHECK bool jd_zone_of_text(struct jd_str text, struct jd_arena *arena, struct jd_zone *out,
                                   const char **why);

/* The nearest name that the system knows, in `arena`; absent: none is near. */
struct jd_str jd_zone_nearest(struct jd_str name, struct jd_arena *arena);

#endif

/* Avro object container files: records of EngagementEvent, HcpProfile or AccountProfile, in any writer's version.
 *
 *   "Obj" 1 · metadata (avro.schema, avro.codec: null or deflate) · 16 bytes of sync
 *   blocks: how many records · how many bytes · the bytes · sync
 *   Source: Avro 1.11 specification, Object Container Files.
 *
 * Everything that the file claims is untrusted: sizes and counts are held against bounds and against each other
 * before they are believed, and a block must end with the sync and hold its records exactly. */
#ifndef JOURNEYD_CLI_CONTAINER_H
#define JOURNEYD_CLI_CONTAINER_H

#include "cli/lines.h"
#include "wire/message.h"

enum {
    JD_CONTAINER_ENTRIES_MAX = 256,    /* of the metadata */
    JD_CONTAINER_BLOCK_MAX = 64 << 20, /* bytes of a block, as it lies in the file and inflated */
};

struct jd_container;

/* Does the file begin as one? */
bool jd_container_is(const struct jd_lines *file);
/* Reads the header. `file` is borrowed while the container lives. NULL: `err` says at which byte. Owned:
 * jd_container_close. */
struct jd_container *jd_container_open(struct jd_lines *file, struct jd_error *err);
void jd_container_close(struct jd_container *container); /* accepts NULL */

enum jd_input_role jd_container_role(const struct jd_container *container);
struct jd_str jd_container_schema(const struct jd_container *container); /* lives as long */

/* The next record, one Avro datum, borrowed until the next call. TEXT, END, or BROKEN: `err` says in which block and
 * at which byte of the file (inflated, where it is compressed as a whole) it begins. */
JD_MUST_CHECK enum jd_line_kind jd_container_next(struct jd_container *container, struct jd_str *datum,
                                                  struct jd_error *err);
uint64_t jd_container_number(const struct jd_container *container); /* of the record last returned, from 1 */

#endif

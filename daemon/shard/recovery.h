/* What a shard's owner does with what it finds: the table of recoveries (pure).
 *
 *   journal's end J   image R                         row
 *   none              none                            NEW              start a lineage
 *   seq j             seq r <= j, same lineage        REDO             r+1 … j, then live
 *   seq j             none, rebuild, journal whole    REBUILD          1 … j, then live
 *   seq j             none, on_state_loss: fail       STATE_LOST       refuse: says what happened
 *   seq j             none, rebuild, first > 1        INCOMPLETE       refuse: says what is missing
 *   first > r + 1     r                               GAP              refuse: says how much
 *   seq j             r > j, or other lineage         FOREIGN          refuse: another history
 *   none              r                               JOURNAL_GONE     refuse
 *   J's next offset below an input's start            INPUT_LOST       refuse: the range lost
 *   J's next offset beyond an input's end             INPUT_RECREATED  refuse
 *
 * An image of seq 0 is that of a lineage whose first record was about to be written: it counts as none
 * where there is no journal, and as r = 0 where there is one.
 *
 * Refusals need a person: they end the process with 78. Offsets of the consumer group never decide;
 * where they differ from J, J wins and the difference is logged. */
#ifndef JOURNEYD_SHARD_RECOVERY_H
#define JOURNEYD_SHARD_RECOVERY_H

#include "base/error.h"
#include "shard/order.h"

#define JD_ROW_MAP(X)                                                                                        \
    X(NEW, "new")                                                                                            \
    X(REDO, "redo")                                                                                          \
    X(REBUILD, "rebuild")                                                                                    \
    X(STATE_LOST, "state_lost")                                                                              \
    X(INCOMPLETE, "incomplete")                                                                              \
    X(GAP, "gap")                                                                                            \
    X(FOREIGN, "foreign")                                                                                    \
    X(JOURNAL_GONE, "journal_gone") X(INPUT_LOST, "input_lost") X(INPUT_RECREATED, "input_recreated")
#define JD_X_ROW(n, t) JD_ROW_##n,
enum jd_row { JD_ROW_NONE, JD_ROW_MAP(JD_X_ROW) JD_ROW_END_ };
const char *jd_row_text(enum jd_row row); /* static */

/* What the journal and the image are. Offsets are of the journal's partition. */
struct jd_recovery_facts {
    struct jd_str group;
    int32_t partition;
    bool rebuild;      /* on_state_loss: rebuild */
    int64_t low, high; /* watermarks of the journal, uncommitted */
    bool image;        /* meta holds a seq */
    int64_t image_seq, image_offset;
    struct jd_str image_lineage;
    /* The committed records read from `image_offset` (no image or below `low`: from `low`) to the end. */
    bool journal; /* there was one */
    int64_t first_seq, first_offset, last_seq;
    struct jd_str first_lineage, last_lineage;
};

/* NEW, REDO or REBUILD: go on. Anything else: refuse; `err` says what happened and what to do (78). */
enum jd_row jd_recovery_decide(const struct jd_recovery_facts *facts, struct jd_error *err);

/* One input of the shard against the journal's last record. */
struct jd_recovery_input {
    struct jd_str topic; /* its name in Kafka */
    int64_t next;        /* J's next offset */
    int64_t low, high;   /* watermarks, uncommitted */
};

/* JD_ROW_NONE: reading can go on at `next`. Else INPUT_LOST or INPUT_RECREATED with `err` (78). */
enum jd_row jd_recovery_input(int32_t partition, const struct jd_recovery_input *input, struct jd_error *err);

#endif

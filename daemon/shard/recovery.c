#include "shard/recovery.h"

#include "base/str.h"

#include <inttypes.h>

#define JD_X_ROW_TEXT(n, t) t,
static const char *const row_texts[] = {"none", JD_ROW_MAP(JD_X_ROW_TEXT)};

const char *jd_row_text(enum jd_row row)
{
    return row < JD_ROW_END_ ? row_texts[row] : "none";
}

static enum jd_row refuse_lost(const struct jd_recovery_facts *f, struct jd_error *err)
{
    if (!f->rebuild) {
        (void)jd_error_set(
            err, JD_EXIT_CONFIG,
            "shard %" PRId32 ": the journal ends at seq %" PRId64
            " but Redis holds no image of it: Redis was wiped, or this is another Redis. "
            "Restore Redis, or set on_state_loss: rebuild to redo the journal from seq %" PRId64 "%s",
            f->partition, f->last_seq, f->first_seq,
            f->first_seq == 1 ? " (it is complete)" : " (it is NOT complete: this will be refused)");
        return JD_ROW_STATE_LOST;
    }
    if (f->first_seq == 1)
        return JD_ROW_REBUILD;
    (void)jd_error_set(err, JD_EXIT_CONFIG,
                       "shard %" PRId32
                       ": cannot rebuild: Redis holds no image and the journal begins at seq %" PRId64
                       ", so seq 1 to %" PRId64 " are missing. Restore an image of seq >= %" PRId64
                       " or a journal from seq 1",
                       f->partition, f->first_seq, f->first_seq - 1, f->first_seq - 1);
    return JD_ROW_INCOMPLETE;
}

static enum jd_row refuse_foreign(const struct jd_recovery_facts *f, const char *why, struct jd_error *err)
{
    (void)jd_error_set(
        err, JD_EXIT_CONFIG,
        "shard %" PRId32
        ": this Redis or this journal belongs to another history: %s (image: lineage " JD_STR_FMT
        " seq %" PRId64 " at offset %" PRId64 "; journal: lineage " JD_STR_FMT " seq %" PRId64 " to %" PRId64
        "). Point the group " JD_STR_FMT " at the Redis and the journal that belong together",
        f->partition, why, JD_STR_ARG(f->image_lineage), f->image_seq, f->image_offset,
        JD_STR_ARG(f->last_lineage), f->first_seq, f->last_seq, JD_STR_ARG(f->group));
    return JD_ROW_FOREIGN;
}

/* There is an image and a journal. */
static enum jd_row decide_redo(const struct jd_recovery_facts *f, struct jd_error *err)
{
    bool one = jd_str_eq(f->first_lineage, f->last_lineage);
    if (one && !jd_str_eq(f->image_lineage, f->last_lineage) && f->image_seq == 0)
        return refuse_lost(f, err); /* of a beginning that never came to be: it holds nothing */
    if (!one || !jd_str_eq(f->image_lineage, f->last_lineage))
        return refuse_foreign(f, "the lineages differ", err);
    if (f->image_seq == 0 && f->first_seq == 1)
        return JD_ROW_REDO;
    if (f->image_seq > f->last_seq)
        return refuse_foreign(f, "the image is ahead of the journal's end", err);
    if (f->image_seq > 0 && f->image_offset >= f->low) {
        if (f->first_offset != f->image_offset || f->first_seq != f->image_seq)
            return refuse_foreign(f, "the record at the image's offset is not the image's", err);
        return JD_ROW_REDO;
    }
    if (f->first_seq > f->image_seq + 1) {
        (void)jd_error_set(err, JD_EXIT_CONFIG,
                           "shard %" PRId32 ": the image in Redis is of seq %" PRId64
                           " but the journal begins at seq %" PRId64 ": %" PRId64
                           " records are lost to its retention. Restore a newer image (seq >= %" PRId64
                           "), and set the journal's retention to unlimited",
                           f->partition, f->image_seq, f->first_seq, f->first_seq - f->image_seq - 1,
                           f->first_seq - 1);
        return JD_ROW_GAP;
    }
    if (f->first_seq <= f->image_seq)
        return refuse_foreign(f, "the image's record lies elsewhere in the journal", err);
    return JD_ROW_REDO;
}

enum jd_row jd_recovery_decide(const struct jd_recovery_facts *f, struct jd_error *err)
{
    if (f->journal)
        return f->image ? decide_redo(f, err) : refuse_lost(f, err);
    if (!f->image || f->image_seq == 0)
        return JD_ROW_NEW;
    if (f->low < f->high)
        return refuse_foreign(f, "the image is ahead of the journal's end", err);
    (void)jd_error_set(
        err, JD_EXIT_CONFIG,
        "shard %" PRId32 ": the journal is empty but Redis holds an image of seq %" PRId64
        ": the journal is gone. Restore it, or adopt the image with `journeyd reset --adopt-image`",
        f->partition, f->image_seq);
    return JD_ROW_JOURNAL_GONE;
}

enum jd_row jd_recovery_input(int32_t partition, const struct jd_recovery_input *in, struct jd_error *err)
{
    if (in->next < in->low) {
        (void)jd_error_set(err, JD_EXIT_CONFIG,
                           "shard %" PRId32 ": offsets %" PRId64 " to %" PRId64 " of " JD_STR_FMT "/%" PRId32
                           " were removed by its retention before they were read. To go on without "
                           "them: `journeyd reset --skip-lost`, which journals the gap",
                           partition, in->next, in->low - 1, JD_STR_ARG(in->topic), partition);
        return JD_ROW_INPUT_LOST;
    }
    if (in->next > in->high) {
        (void)jd_error_set(err, JD_EXIT_CONFIG,
                           "shard %" PRId32 ": the journal has read " JD_STR_FMT "/%" PRId32
                           " to offset %" PRId64 ", but it ends at %" PRId64
                           ": the topic was created anew. Use a new group, or restore "
                           "the topic",
                           partition, JD_STR_ARG(in->topic), partition, in->next, in->high);
        return JD_ROW_INPUT_RECREATED;
    }
    return JD_ROW_NONE;
}

#include "shard/journal_end.h"

#include <inttypes.h>
#include <string.h>

#include "adapters/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/str.h"

enum {
    EDGES_TIMEOUT_MS = 3000,
    STALL_MS = 10000, /* no progress: try again later */
    OPEN_MS = 1000,   /* the end stays behind an open transaction for so long */
    END_TIMEOUT_MS = 5000,
    READ_AT_ONCE = 256,
};

/* The transactional id of the transaction that holds back the journal's last stable offset; absent: none is
 * visible. Scratch. */
static struct jd_str open_transaction(struct jd_worker *worker, const struct jd_shard *shard)
{
    struct jd_str id = {0};
    struct jd_error ignored = {0};
    const char *topic = worker->shared->outs[JD_OUT_JOURNAL].topic;
    struct jd_position end = {topic, shard->partition, JD_OFFSET_NONE};
    if (jd_reader_edges(worker->reader, JD_EDGE_END, &end, 1, EDGES_TIMEOUT_MS, &ignored) != JD_KAFKA_OK)
        return id;
    struct jd_fetch *fetch = jd_reader_start(worker->tail, topic, shard->partition, end.offset, &ignored);
    int64_t deadline = jd_clock_mono() + EDGES_TIMEOUT_MS;
    while (fetch != NULL && id.ptr == NULL && jd_clock_mono() < deadline) {
        struct jd_message message;
        if (jd_fetch_read(fetch, &message, 1) == 1) {
            struct jd_header headers[4];
            int32_t count = jd_message_headers(&message, headers, JD_COUNT(headers));
            for (int32_t i = 0; i < count && i < (int32_t)JD_COUNT(headers); i++)
                if (jd_str_eq(headers[i].name, JD_STR(JD_JOURNAL_TXN_HEADER)) && headers[i].value.ptr != NULL)
                    id = jd_arena_str(&worker->scratch, headers[i].value);
            jd_message_release(&message);
        } else if (jd_fetch_is_at_end(fetch) || jd_fetch_status(fetch, &ignored) != JD_KAFKA_OK) {
            break;
        } else {
            jd_worker_nap(worker, 20);
        }
    }
    jd_fetch_stop(fetch);
    return id;
}

void jd_journal_end_transaction(struct jd_worker *worker, struct jd_shard *shard)
{
    if (shard->ended_transaction)
        return;
    struct jd_arena_mark mark = jd_arena_mark(&worker->scratch);
    struct jd_str id = open_transaction(worker, shard);
    struct jd_error err = {0};
    if (id.ptr != NULL && !jd_str_eq(id, jd_str_of(worker->transactional_id))) {
        shard->ended_transaction = true;
        jd_log(JD_LOG_SHARD_WAITS, jd_num("shard", shard->partition), jd_view("ends_transaction_of", id));
        (void)jd_kafka_end_transaction_of(&worker->shared->kafka, id.ptr, END_TIMEOUT_MS, &err);
    }
    jd_arena_rewind(&worker->scratch, mark);
}

static void copy_id(char id[JD_ID_SIZE], struct jd_str text)
{
    size_t size = text.size < JD_ID_SIZE - 1 ? text.size : JD_ID_SIZE - 1;
    memcpy(id, text.ptr, size);
    id[size] = '\0';
}

static bool on_record(struct jd_worker *worker, struct jd_shard *shard, struct jd_journal_end *end,
                      const struct jd_message *message, struct jd_error *err)
{
    struct jd_journal record;
    struct jd_recovery_facts *facts = end->facts;
    if (!jd_journal_read(&worker->journal_format, message->value, &worker->scratch, &record, err) ||
        !jd_journal_follows(&end->cursor, &record, err))
        return false;
    if (!facts->journal) {
        facts->journal = true;
        facts->first_seq = record.seq;
        facts->first_offset = message->offset;
        copy_id(end->first_lineage, record.lineage);
    }
    facts->last_seq = record.seq;
    if (record.part == 1)
        end->last_offset = message->offset;
    copy_id(end->last_lineage, record.lineage);
    end->now = record.now_after;
    memset(end->has_range, 0, sizeof end->has_range);
    const struct jd_range *ranges = record.ranges.items;
    for (uint32_t i = 0; i < record.ranges.count; i++) {
        int role = jd_shard_role_of(ranges[i].topic);
        if (role == JD_IN_COUNT)
            continue;
        end->has_range[role] = true;
        end->ranges[role] =
            (struct jd_shard_position){ranges[i].next_offset, ranges[i].effective_time, JD_OFFSET_NONE};
    }
    if (!end->redo)
        return true;
    jd_checkpoint_add(shard, record.changes.items, record.changes.count);
    return jd_journal_redo(shard->fold, &record, err);
}

static enum jd_journal_reading read_records(struct jd_worker *worker, struct jd_shard *shard,
                                            struct jd_fetch *fetch, struct jd_journal_end *end,
                                            struct jd_error *err)
{
    struct jd_message messages[READ_AT_ONCE];
    int64_t progress_at = jd_clock_mono();
    for (;;) {
        uint32_t count = jd_fetch_read(fetch, messages, READ_AT_ONCE);
        bool good = true;
        for (uint32_t i = 0; i < count; i++) {
            struct jd_arena_mark mark = jd_arena_mark(&worker->scratch);
            good = good && on_record(worker, shard, end, &messages[i], err);
            jd_message_release(&messages[i]);
            jd_arena_rewind(&worker->scratch, mark);
        }
        if (!good) {
            (void)jd_error_wrap(err, "shard %" PRId32, shard->partition);
            return JD_JOURNAL_DAMAGED;
        }
        int64_t mono = jd_clock_mono();
        if (count > 0) {
            progress_at = mono;
            continue;
        }
        if (jd_fetch_status(fetch, err) != JD_KAFKA_OK)
            return JD_JOURNAL_LATER;
        bool behind_open = jd_fetch_is_at_end(fetch) && jd_fetch_position(fetch) < end->facts->high;
        if (jd_fetch_is_at_end(fetch) && !behind_open)
            return JD_JOURNAL_READ;
        if (behind_open && mono - progress_at > OPEN_MS) {
            jd_journal_end_transaction(worker, shard);
            progress_at = jd_clock_mono();
        }
        if (mono - progress_at > STALL_MS) {
            (void)jd_error_set(err, JD_EXIT_UNAVAILABLE, "the journal");
            return JD_JOURNAL_LATER;
        }
        if (behind_open && shard->ended_transaction && mono - progress_at > OPEN_MS / 2) {
            (void)jd_error_set(err, JD_EXIT_UNAVAILABLE, "an open transaction on the journal to end");
            return JD_JOURNAL_LATER;
        }
        jd_worker_nap(worker, 10);
    }
}

enum jd_journal_reading jd_journal_end_read(struct jd_worker *worker, struct jd_shard *shard, int64_t from,
                                            struct jd_journal_end *end, struct jd_error *err)
{
    const char *topic = worker->shared->outs[JD_OUT_JOURNAL].topic;
    struct jd_position low = {topic, shard->partition, JD_OFFSET_NONE}, high = low;
    struct jd_reader *tail = jd_fault_off("watermark") ? worker->reader : worker->tail;
    if (jd_reader_edges(tail, JD_EDGE_END, &high, 1, EDGES_TIMEOUT_MS, err) != JD_KAFKA_OK ||
        jd_reader_edges(tail, JD_EDGE_START, &low, 1, EDGES_TIMEOUT_MS, err) != JD_KAFKA_OK)
        return JD_JOURNAL_LATER;
    end->facts->low = low.offset;
    end->facts->high = high.offset;
    if (from < low.offset)
        from = low.offset;
    if (from >= high.offset)
        return JD_JOURNAL_READ;
    struct jd_fetch *fetch = jd_reader_start(worker->reader, topic, shard->partition, from, err);
    if (fetch == NULL)
        return JD_JOURNAL_DAMAGED;
    enum jd_journal_reading reading = read_records(worker, shard, fetch, end, err);
    jd_fetch_stop(fetch);
    if (reading == JD_JOURNAL_READ && !jd_journal_whole(&end->cursor)) {
        (void)jd_error_set(err, JD_EXIT_CONFIG, "shard %" PRId32 ": the journal ends within a batch",
                           shard->partition);
        return JD_JOURNAL_DAMAGED;
    }
    end->facts->first_lineage = jd_str_of(end->first_lineage);
    end->facts->last_lineage = jd_str_of(end->last_lineage);
    return reading;
}

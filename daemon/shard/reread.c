#include "shard/reread.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/clock.h"

enum {
    READ_AT_ONCE = 512,
    EDGES_TIMEOUT_MS = 10000,
    STALL_MS = 30000, /* nothing comes that must come */
    NAP_MS = 20,
};

static void drop(struct jd_reread *input, uint32_t count)
{
    if (count == 0)
        return;
    for (uint32_t i = 0; i < count; i++)
        jd_message_release(&input->messages[i]);
    input->count -= count;
    memmove(input->messages, input->messages + count, input->count * sizeof *input->messages);
}

bool jd_reread_begin(struct jd_reread *input, const struct jd_reread_by *by, enum jd_shard_role role,
                     const char *topic, int32_t partition, struct jd_error *err)
{
    struct jd_position start = {topic, partition, JD_OFFSET_NONE};
    *input = (struct jd_reread){
        .by = by, .role = role, .topic = topic, .partition = partition, .next = JD_OFFSET_NONE};
    if (topic != NULL &&
        jd_reader_edges(by->reader, JD_EDGE_START, &start, 1, EDGES_TIMEOUT_MS, err) != JD_KAFKA_OK)
        return false;
    input->low = start.offset;
    return true;
}

void jd_reread_skip(struct jd_reread *input)
{
    drop(input, input->count);
    jd_fetch_stop(input->fetch);
    input->fetch = NULL;
}

void jd_reread_stop(struct jd_reread *input)
{
    jd_reread_skip(input);
    free(input->messages);
    *input = (struct jd_reread){0};
}

/* Reads until every record below `until` is in memory. */
static bool read_until(struct jd_reread *input, int64_t until, struct jd_error *err)
{
    if (input->fetch == NULL) {
        input->fetch = jd_reader_start(input->by->reader, input->topic, input->partition, input->next, err);
        if (input->fetch == NULL)
            return false;
    }
    int64_t deadline = jd_clock_mono() + STALL_MS;
    while (jd_fetch_position(input->fetch) < until) {
        if (input->capacity - input->count < READ_AT_ONCE) {
            input->capacity = input->capacity * 2 + READ_AT_ONCE;
            input->messages = realloc(input->messages, input->capacity * sizeof *input->messages);
            if (input->messages == NULL)
                abort();
        }
        uint32_t read = jd_fetch_read(input->fetch, input->messages + input->count, READ_AT_ONCE);
        input->count += read;
        if (read > 0) {
            deadline = jd_clock_mono() + STALL_MS;
            continue;
        }
        if (jd_fetch_status(input->fetch, err) != JD_KAFKA_OK)
            return false;
        if (jd_clock_mono() > deadline)
            return jd_error_set(err, JD_EXIT_UNAVAILABLE,
                                "%s/%" PRId32 " cannot be read up to offset %" PRId64, input->topic,
                                input->partition, until);
        (void)jd_wake_wait(input->by->bell, NAP_MS);
    }
    return true;
}

bool jd_reread_batch(struct jd_reread *input, int64_t until, struct jd_error *err)
{
    input->taken = input->in_batch = 0;
    input->head_ready = false;
    if (input->next == JD_OFFSET_NONE || until <= input->next)
        return true;
    if (!read_until(input, until, err))
        return false;
    while (input->in_batch < input->count && input->messages[input->in_batch].offset < until)
        input->in_batch++;
    return true;
}

bool jd_reread_look(struct jd_reread *input, struct jd_arena *arena, struct jd_error *err)
{
    if (input->head_ready || input->taken == input->in_batch)
        return true;
    int64_t deadline = jd_clock_mono() + STALL_MS;
    while (!jd_intake_read(&input->by->rule, input->role, input->topic, &input->messages[input->taken],
                           input->effective, arena, &input->head)) {
        if (jd_clock_mono() > deadline)
            return jd_error_set(err, JD_EXIT_UNAVAILABLE, "the registry does not tell schema %" PRIu32,
                                input->head.decoded.schema_id);
        (void)jd_wake_wait(input->by->bell, NAP_MS);
    }
    input->head_ready = true;
    return true;
}

void jd_reread_take(struct jd_reread *input)
{
    input->effective = input->head.effective;
    input->taken++;
    input->head_ready = false;
}

void jd_reread_end_batch(struct jd_reread *input)
{
    drop(input, input->in_batch);
    input->taken = input->in_batch = 0;
}

void jd_reread_pass(struct jd_reread *input, int64_t next, jd_time effective)
{
    input->next = next;
    input->effective = effective;
}

/* Drives the fold as the daemon's shards do, with an output that is handed on at once. */
#include "cli/virtual.h"

#include <stdlib.h>

#include "wire/partition.h"

enum { TIMERS_A_STEP = 1024 };                         /* bounds the output of one step */
static const size_t output_limit = (size_t)1024 << 20; /* of one step: what a single input can cause */

struct lane {
    struct jd_fold *fold;
    jd_time time; /* running maximum of the records' times */
};

struct jd_virtual {
    struct lane *lanes;
    uint32_t count;
    jd_virtual_receive receive;
    void *context;
    struct jd_arena arena; /* of one step's output */
    uint64_t timers;
};

static void *reallocate(void *context, void *old, size_t old_size, size_t new_size)
{
    (void)context;
    (void)old_size;
    if (new_size == 0) {
        free(old);
        return NULL;
    }
    return realloc(old, new_size);
}

struct jd_virtual *jd_virtual_new(const struct jd_program *program, uint32_t partitions,
                                  jd_virtual_receive receive, void *context)
{
    struct jd_virtual *virtual = calloc(1, sizeof(*virtual));
    if (virtual == NULL) {
        return NULL;
    }
    *virtual = (struct jd_virtual){.count = partitions, .receive = receive, .context = context};
    jd_arena_init(&virtual->arena, output_limit);
    virtual->lanes = calloc(partitions, sizeof(*virtual->lanes));
    bool is_complete = virtual->lanes != NULL;
    for (uint32_t i = 0; is_complete && i < partitions; i++) {
        const struct jd_allocator allocator = {.reallocate = reallocate, .context = NULL};
        virtual->lanes[i].time = JD_TIME_NONE;
        virtual->lanes[i].fold = jd_fold_new(program, allocator);
        is_complete = virtual->lanes[i].fold != NULL;
    }
    if (!is_complete) {
        jd_virtual_free(virtual);
        return NULL;
    }
    return virtual;
}

void jd_virtual_free(struct jd_virtual *virtual)
{
    if (virtual == NULL) {
        return;
    }
    for (uint32_t i = 0; virtual->lanes != NULL && i < virtual->count; i++) {
        if (virtual->lanes[i].fold != NULL) {
            jd_fold_free(virtual->lanes[i].fold);
        }
    }
    free(virtual->lanes);
    jd_arena_done(&virtual->arena);
    free(virtual);
}

/* Hands on what a step gave and keeps what it did. */
static bool finish_step(struct jd_virtual *virtual, struct lane *lane, const struct jd_output *out)
{
    bool ok = true;
    for (uint32_t i = 0; ok && i < out->effect_count; i++) {
        ok = virtual->receive(virtual->context, &out->effects[i]);
    }
    virtual->timers += out->timers;
    jd_fold_keep(lane->fold);
    jd_arena_reset(&virtual->arena);
    return ok;
}

bool jd_virtual_input(struct jd_virtual *virtual, uint32_t partition, struct jd_input *input, jd_time time,
                      enum jd_verdict *verdict, const char **reason)
{
    struct lane *lane = &virtual->lanes[partition];
    lane->time = time > lane->time ? time : lane->time;
    input->effective = lane->time;
    struct jd_output out = {.arena = &virtual->arena};
    *verdict = jd_fold_input(lane->fold, input, &out, reason);
    return finish_step(virtual, lane, &out);
}

static bool advance_lane(struct jd_virtual *virtual, struct lane *lane, jd_time to)
{
    bool is_done = false;
    while (!is_done) {
        struct jd_output out = {.arena = &virtual->arena};
        is_done = jd_fold_advance(lane->fold, to, TIMERS_A_STEP, &out);
        if (!finish_step(virtual, lane, &out)) {
            return false;
        }
    }
    return true;
}

bool jd_virtual_move(struct jd_virtual *virtual, uint32_t partition, jd_time time)
{
    struct lane *lane = &virtual->lanes[partition];
    lane->time = time > lane->time ? time : lane->time;
    return lane->time == JD_TIME_NONE || advance_lane(virtual, lane, lane->time);
}

bool jd_virtual_advance(struct jd_virtual *virtual, jd_time to)
{
    for (uint32_t i = 0; i < virtual->count; i++) {
        if (!jd_virtual_move(virtual, i, to)) {
            return false;
        }
    }
    return true;
}

bool jd_virtual_drain(struct jd_virtual *virtual)
{
    for (uint32_t i = 0; i < virtual->count; i++) {
        jd_time due = JD_NEVER, over = jd_fold_over(virtual->lanes[i].fold);
        while ((due = jd_fold_next_due(virtual->lanes[i].fold)) != JD_NEVER && due <= over) {
            if (!advance_lane(virtual, &virtual->lanes[i], due)) {
                return false;
            }
        }
    }
    return true;
}

uint32_t jd_virtual_partition(const struct jd_virtual *virtual, struct jd_str key)
{
    return (uint32_t)jd_partition_murmur2(key, (int32_t) virtual->count);
}

jd_time jd_virtual_now(const struct jd_virtual *virtual, uint32_t partition)
{
    return jd_fold_now(virtual->lanes[partition].fold);
}

uint32_t jd_virtual_partitions(const struct jd_virtual *virtual)
{
    return virtual->count;
}

const struct jd_fold *jd_virtual_fold(const struct jd_virtual *virtual, uint32_t partition)
{
    return virtual->lanes[partition].fold;
}

uint64_t jd_virtual_timers(const struct jd_virtual *virtual)
{
    return virtual->timers;
}

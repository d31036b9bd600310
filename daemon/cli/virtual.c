/* Drives the fold as the daemon's shards do, with an output that is handed on at once. */
#include "cli/virtual.h"

#include <stdlib.h>

#include "base/avro.h"
#include "base/contract.h"
#include "engine/entries.h"
#include "wire/partition.h"

enum { TIMERS_A_STEP = 1024 };                         /* bounds the output of one step */
static const size_t output_limit = (size_t)1024 << 20; /* of one step: what a single input can cause */

struct lane {
    struct jd_fold *fold;
    jd_time time; /* running maximum of the records' times */
};

/* What a fold told another key, and has not reached it yet. */
struct told {
    struct jd_str key, touch; /* Avro */
    struct jd_str traceparent;
    jd_time at;
    struct told *next;
};

struct jd_virtual {
    struct lane *lanes;
    uint32_t count;
    const struct jd_program *program; /* borrowed */
    bool tells;                       /* rules have other keys for scope */
    bool is_adopted;                  /* the folds know what the program is */
    struct told *first, **last;
    jd_virtual_receive receive;
    jd_virtual_refused refused;
    void *context;
    struct jd_arena arena;      /* of one step's output */
    struct jd_arena told_arena; /* until everything told has arrived */
    uint64_t timers;
};

struct jd_virtual *jd_virtual_new(const struct jd_program *program, uint32_t partitions,
                                  jd_virtual_receive receive, jd_virtual_refused refused, void *context)
{
    struct jd_virtual *virtual = calloc(1, sizeof(*virtual));
    if (virtual == NULL) {
        return NULL;
    }
    *virtual = (struct jd_virtual){.count = partitions,
                                   .receive = receive,
                                   .context = context,
                                   .program = program,
                                   .tells = program->key_count > 0};
    virtual->refused = refused;
    virtual->last = &virtual->first;
    jd_arena_init(&virtual->arena, output_limit);
    jd_arena_init(&virtual->told_arena, output_limit);
    virtual->lanes = calloc(partitions, sizeof(*virtual->lanes));
    bool is_complete = virtual->lanes != NULL;
    for (uint32_t i = 0; is_complete && i < partitions; i++) {
        virtual->lanes[i].time = JD_TIME_NONE;
        virtual->lanes[i].fold = jd_fold_new(program, jd_heap);
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
    jd_arena_done(&virtual->told_arena);
    free(virtual);
}

static void tell(struct jd_virtual *virtual, const struct jd_effect *effect)
{
    struct jd_arena *arena = &virtual->told_arena;
    struct told *told = jd_arena_alloc(arena, sizeof(*told));
    *told = (struct told){.key = jd_arena_str(arena, effect->key),
                          .touch = jd_avro_bytes(effect->record, effect->value, arena),
                          .traceparent = jd_arena_str(arena, effect->traceparent),
                          .at = effect->at};
    *virtual->last = told;
    virtual->last = &told->next;
}

/* Hands on what a step gave and keeps what it did. */
static bool finish_step(struct jd_virtual *virtual, struct lane *lane, const struct jd_output *out)
{
    bool ok = true;
    for (uint32_t i = 0; ok && i < out->effect_count; i++) {
        if (out->effects[i].topic == JD_TOPIC_TOUCHES) {
            tell(virtual, &out->effects[i]);
        } else {
            ok = virtual->receive(virtual->context, &out->effects[i]);
        }
    }
    virtual->timers += out->timers;
    jd_fold_keep(lane->fold);
    jd_arena_reset(&virtual->arena);
    return ok;
}

/* Timers one by one where they may tell another key something: it must know before the clock moves on. */
static bool fire(struct jd_virtual *virtual, struct lane *lane, jd_time to, bool *is_done)
{
    struct jd_output out = {.arena = &virtual->arena};
    const jd_time due = virtual->tells ? jd_fold_next_due(lane->fold) : to;
    const jd_time next = due < to ? due : to;
    *is_done = jd_fold_advance(lane->fold, next, virtual->tells ? 1 : TIMERS_A_STEP, &out) && next == to;
    return finish_step(virtual, lane, &out);
}

static bool deliver(struct jd_virtual *virtual);

/* Everything told has arrived, and what that caused too. */
static bool settle(struct jd_virtual *virtual)
{
    const bool ok = deliver(virtual);
    virtual->first = NULL;
    virtual->last = &virtual->first;
    jd_arena_reset(&virtual->told_arena);
    return ok;
}

/* Notes what a program is; then it is in force. */
static bool adopt(struct jd_virtual *virtual, struct lane *lane, const struct jd_program *program)
{
    struct jd_output out = {.arena = &virtual->arena};
    jd_fold_adopt(lane->fold, program, NULL, &out);
    const bool ok = finish_step(virtual, lane, &out);
    jd_fold_set_program(lane->fold, program);
    return ok;
}

static bool review(struct jd_virtual *virtual, struct lane *lane)
{
    static const struct jd_review_limit limit = {.states = 1, .changes = UINT32_MAX, .bytes = UINT64_MAX};
    bool ok = true;
    while (ok && jd_fold_is_reviewing(lane->fold)) {
        struct jd_output out = {.arena = &virtual->arena};
        (void)jd_fold_review(lane->fold, &limit, &out);
        ok = finish_step(virtual, lane, &out);
    }
    return ok;
}

bool jd_virtual_publish(struct jd_virtual *virtual, const struct jd_program *program)
{
    bool ok = true;
    for (uint32_t i = 0; ok && i < virtual->count; i++) {
        struct lane *lane = &virtual->lanes[i];
        ok = (virtual->is_adopted || adopt(virtual, lane, virtual->program)) && adopt(virtual, lane, program);
    }
    virtual->program = program;
    virtual->is_adopted = true;
    virtual->tells |= program->key_count > 0;
    for (uint32_t i = 0; ok && i < virtual->count; i++) {
        ok = review(virtual, &virtual->lanes[i]);
    }
    return ok && settle(virtual);
}

/* What is told while the clock moves arrives before it moves on. */
static bool advance_lane(struct jd_virtual *virtual, struct lane *lane, jd_time to)
{
    bool is_done = false;
    while (!is_done) {
        if (!fire(virtual, lane, to, &is_done) || !settle(virtual)) {
            return false;
        }
    }
    return true;
}

static void move_lane(struct lane *lane, jd_time time)
{
    lane->time = time > lane->time ? time : lane->time;
}

static bool decide(struct jd_virtual *virtual, struct lane *lane, const struct jd_input *input,
                   enum jd_verdict *verdict, const char **reason)
{
    struct jd_output out = {.arena = &virtual->arena};
    *verdict = jd_fold_input(lane->fold, input, &out, reason);
    return finish_step(virtual, lane, &out);
}

static bool deliver_one(struct jd_virtual *virtual, const struct told *told)
{
    struct lane *lane = &virtual->lanes[jd_virtual_partition(virtual, jd_bare_key(told->key))];
    bool is_done = false;
    while (!is_done) {
        if (!fire(virtual, lane, told->at, &is_done)) {
            return false;
        }
    }
    struct jd_shared_touch touch;
    struct jd_error err;
    if (!jd_avro_read(&jd_shared_touch_record, told->touch, &virtual->arena, &touch, &err)) {
        abort(); /* it was written here */
    }
    const struct jd_input input = {.kind = JD_INPUT_TOUCH,
                                   .key = told->key,
                                   .effective = told->at,
                                   .stamp = told->at,
                                   .traceparent = told->traceparent,
                                   .touch = &touch};
    enum jd_verdict verdict = JD_APPLIED;
    const char *reason = NULL;
    return decide(virtual, lane, &input, &verdict, &reason) &&
           (verdict != JD_DEAD_LETTERED || virtual->refused(virtual->context, &input, reason));
}

/* In the order in which they were told. A clock that one moves may fire timers that tell more. */
static bool deliver(struct jd_virtual *virtual)
{
    bool ok = true;
    for (const struct told *told = virtual->first; ok && told != NULL; told = told->next) {
        ok = deliver_one(virtual, told);
    }
    return ok;
}

bool jd_virtual_input(struct jd_virtual *virtual, uint32_t partition, struct jd_input *input, jd_time time,
                      enum jd_verdict *verdict, const char **reason)
{
    struct lane *lane = &virtual->lanes[partition];
    move_lane(lane, time);
    if (virtual->tells && lane->time != JD_TIME_NONE && !advance_lane(virtual, lane, lane->time)) {
        return false;
    }
    input->effective = lane->time;
    return decide(virtual, lane, input, verdict, reason) && settle(virtual);
}

bool jd_virtual_move(struct jd_virtual *virtual, uint32_t partition, jd_time time)
{
    struct lane *lane = &virtual->lanes[partition];
    move_lane(lane, time);
    return lane->time == JD_TIME_NONE || advance_lane(virtual, lane, lane->time);
}

/* The lane whose next timer is due first, by `to`; NULL: none is. */
static struct lane *first_due(const struct jd_virtual *virtual, jd_time to, jd_time *due)
{
    struct lane *first = NULL;
    *due = to;
    for (uint32_t i = 0; i < virtual->count; i++) {
        const jd_time next = jd_fold_next_due(virtual->lanes[i].fold);
        if (next != JD_NEVER && (next < *due || (next == *due && first == NULL))) {
            first = &virtual->lanes[i];
            *due = next;
        }
    }
    return first;
}

/* Timers of all lanes in the order of their times, where one may tell another something. */
static bool advance_together(struct jd_virtual *virtual, jd_time to)
{
    jd_time due = 0;
    struct lane *lane = NULL;
    while ((lane = first_due(virtual, to, &due)) != NULL) {
        if (!advance_lane(virtual, lane, due)) {
            return false;
        }
    }
    return true;
}

bool jd_virtual_advance(struct jd_virtual *virtual, jd_time to)
{
    if (virtual->tells && !advance_together(virtual, to)) {
        return false;
    }
    for (uint32_t i = 0; i < virtual->count; i++) {
        if (!jd_virtual_move(virtual, i, to)) {
            return false;
        }
    }
    return true;
}

bool jd_virtual_drain(struct jd_virtual *virtual)
{
    jd_time last = JD_TIME_MIN;
    for (uint32_t i = 0; i < virtual->count; i++) {
        jd_time due = JD_NEVER, over = jd_fold_over(virtual->lanes[i].fold);
        last = over > last ? over : last;
        while (!virtual->tells && (due = jd_fold_next_due(virtual->lanes[i].fold)) != JD_NEVER &&
               due <= over) {
            if (!advance_lane(virtual, &virtual->lanes[i], due)) {
                return false;
            }
        }
    }
    return !virtual->tells || advance_together(virtual, last < JD_NEVER ? last : JD_NEVER - 1);
}

uint32_t jd_virtual_partition(const struct jd_virtual *virtual, struct jd_str key)
{
    return (uint32_t)jd_partition_murmur2(key, (int32_t) virtual->count);
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

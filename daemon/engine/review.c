#include "engine/review.h"

#include <stdlib.h>

#include "base/avro.h"
#include "base/contract.h"
#include "base/str.h"

static const struct jd_str shard_key = {"shard", 5};
static const struct jd_str no_name = {"-", 1};

/* ---- entries of the shard ---- */

static const struct jd_rule_entry *entry_of(struct jd_fold *fold, struct jd_str rule, struct jd_arena *arena)
{
    const struct jd_slot *slot =
        jd_state_slot(jd_states_find(fold, shard_key), JD_ENTRY_RULE, 0, rule, arena);
    return slot == NULL ? NULL : jd_slot_rule(slot, arena);
}

static const struct jd_program_entry *program_entry(struct jd_fold *fold, struct jd_arena *arena)
{
    const struct jd_slot *slot =
        jd_state_slot(jd_states_find(fold, shard_key), JD_ENTRY_PROGRAM, 0, no_name, arena);
    return slot == NULL ? NULL : jd_slot_program(slot, arena);
}

static void put_entry(struct jd_step *step, uint8_t kind, struct jd_str name, const void *value)
{
    step->state = jd_states_find(step->fold, shard_key);
    jd_step_put(step, jd_state_slot(step->state, kind, 0, name, step->arena),
                &(struct jd_put){kind, name, JD_NEVER,
                                 jd_avro_bytes(jd_entry_records[kind - 1], value, step->arena), value});
}

static struct jd_step shard_step(struct jd_fold *fold, struct jd_output *out)
{
    return (struct jd_step){.fold = fold,
                            .program = fold->program,
                            .out = out,
                            .arena = out->arena,
                            .key = shard_key,
                            .now = fold->now};
}

/* ---- another policy ---- */

static const struct jd_rule *rule_of(const struct jd_program *program, struct jd_str id)
{
    for (uint32_t i = 0; program != NULL && i < program->rule_count; i++)
        if (jd_str_eq(program->rules[i].id, id))
            return &program->rules[i];
    return NULL;
}

/* Since when all that was accepted is certainly still held. */
static jd_time held_from(const struct jd_fold *fold, const struct jd_program_entry *entry)
{
    const struct jd_program *old = fold->program;
    if (old == NULL || fold->now <= JD_TIME_MIN)
        return entry->held_from;
    int64_t late = old->allowed_lateness_ms, grace = old->planned_grace_ms;
    jd_time from = fold->now - (late > grace ? late : grace) - old->window_ms;
    return from > entry->held_from ? from : entry->held_from; /* JD_TIME_NONE is less than any time */
}

static jd_time complete_from(const struct jd_rule *rule, jd_time since, jd_time held)
{
    if (held == JD_TIME_NONE)
        return JD_TIME_NONE;
    jd_time start = rule->valid_from != JD_TIME_NONE ? rule->valid_from : since;
    jd_time from = held + rule->reach_ms;
    return start != JD_TIME_NONE && from <= start ? JD_TIME_NONE : from < JD_TIME_MIN ? JD_TIME_MIN : from;
}

/* The rules of the new program; is any other than the states know it? */
static bool adopt_rules(struct jd_step *step, const struct jd_program *program, const jd_time *since,
                        const struct jd_program_entry *entry, bool first)
{
    bool pending = false;
    for (uint32_t i = 0; i < program->rule_count; i++) {
        const struct jd_rule *rule = &program->rules[i];
        const struct jd_rule_entry *held = entry_of(step->fold, rule->id, step->arena);
        if (held != NULL && held->digest == rule->digest)
            continue;
        struct jd_rule_entry put = {.rule = rule->id,
                                    .text = first                                         ? rule->text
                                            : held != NULL && held->digest != JD_INT_NONE ? held->text
                                                                                          : JD_INT_NONE,
                                    .since = held != NULL             ? held->since
                                             : first || since == NULL ? JD_TIME_NONE
                                                                      : since[i],
                                    .digest = first ? rule->digest : JD_INT_NONE};
        put.complete_from = complete_from(rule, put.since, entry->held_from);
        put_entry(step, JD_ENTRY_RULE, rule->id, &put);
        pending |= !first;
    }
    return pending;
}

/* The rules that are not in the new program, and those that an earlier review has not come to the end of. */
static bool drop_rules(struct jd_step *step, const struct jd_program *program)
{
    bool pending = false;
    uint32_t from, to, count = 0;
    const struct jd_state *state = jd_states_find(step->fold, shard_key);
    jd_state_range(state, JD_ENTRY_RULE, &from, &to);
    struct jd_rule_entry *gone = jd_arena_array(step->arena, to - from, sizeof *gone);
    for (; from < to; from++) {
        const struct jd_rule_entry *held = jd_slot_rule(&state->slots[from], step->arena);
        pending |= held->digest == JD_INT_NONE;
        if (held->digest != JD_INT_NONE && held->digest != 0 && rule_of(program, held->rule) == NULL)
            gone[count++] = *held;
    }
    for (uint32_t i = 0; i < count; i++) {
        gone[i].digest = JD_INT_NONE;
        put_entry(step, JD_ENTRY_RULE, gone[i].rule, &gone[i]);
    }
    return pending || count > 0;
}

void jd_fold_adopt(struct jd_fold *fold, const struct jd_program *program, const jd_time *since,
                   struct jd_output *out)
{
    struct jd_step step = shard_step(fold, out);
    const struct jd_program_entry *held = program_entry(fold, out->arena);
    struct jd_program_entry entry = {JD_TIME_NONE, program->channels_digest, JD_FALSE, {0}};
    bool pending = false;
    if (held != NULL) {
        entry = *held;
        entry.held_from = held_from(fold, held);
    }
    pending |= adopt_rules(&step, program, since, &entry, held == NULL);
    pending |= drop_rules(&step, program);
    if (entry.channels != program->channels_digest) {
        entry.channels = JD_INT_NONE;
        pending = true;
    }
    entry.reviewing = pending ? JD_TRUE : JD_FALSE;
    entry.reviewed = (struct jd_str){0};
    put_entry(&step, JD_ENTRY_PROGRAM, no_name, &entry);
}

/* ---- the fold's own copy of the program ---- */

static bool has_gone(struct jd_fold *fold)
{
    uint32_t from, to;
    bool gone = false;
    const struct jd_state *state = jd_states_find(fold, shard_key);
    jd_state_range(state, JD_ENTRY_RULE, &from, &to);
    for (; from < to; from++) {
        const struct jd_rule_entry *entry = jd_slot_rule(&state->slots[from], &fold->scratch);
        gone = gone || (entry->digest == JD_INT_NONE && rule_of(fold->program, entry->rule) == NULL);
    }
    return gone;
}

static bool same_times(const struct jd_program *before, const struct jd_program *now)
{
    bool same = before != NULL && before->allowed_lateness_ms == now->allowed_lateness_ms &&
                before->planned_grace_ms == now->planned_grace_ms && before->window_ms == now->window_ms &&
                before->grace_count == now->grace_count;
    for (uint32_t i = 0; same && i < now->grace_count; i++)
        same = before->graces[i].planned_grace_ms == now->graces[i].planned_grace_ms &&
               jd_str_eq(before->graces[i].market, now->graces[i].market);
    return same;
}

void jd_review_begin(struct jd_fold *fold)
{
    jd_arena_reset(&fold->review.arena);
    fold->review.keys = NULL;
    for (uint32_t i = 0; fold->program != NULL && i < fold->program->rule_count; i++) {
        struct jd_rule *rule = &fold->rules[i];
        const struct jd_rule_entry *entry = entry_of(fold, rule->id, &fold->scratch);
        rule->complete_from = entry == NULL ? JD_TIME_NONE : entry->complete_from;
        rule->pending = entry != NULL && entry->digest == JD_INT_NONE;
        rule->rewritten = rule->pending && (rule->text == 0 || entry->text != rule->text);
        if (rule->valid_from == JD_TIME_NONE && entry != NULL)
            rule->valid_from = entry->since;
    }
    fold->review.gone = has_gone(fold);
    fold->review.times = fold->program == NULL || !same_times(fold->before, fold->program);
    jd_arena_reset(&fold->scratch);
    jd_review_look(fold);
}

void jd_review_look(struct jd_fold *fold)
{
    const struct jd_slot *slot =
        jd_state_slot(jd_states_find(fold, shard_key), JD_ENTRY_PROGRAM, 0, no_name, &fold->scratch);
    struct jd_program_entry entry = {0};
    struct jd_error err;
    if (slot != NULL && !jd_avro_read(jd_entry_records[JD_ENTRY_PROGRAM - 1], jd_entry_body(slot->entry),
                                      &fold->scratch, &entry, &err))
        abort(); /* it was read when it was stored */
    fold->review.active = entry.reviewing == JD_TRUE;
    fold->review.reached = entry.reviewed;
    jd_arena_reset(&fold->scratch);
}

void jd_review_done(struct jd_fold *fold)
{
    jd_arena_done(&fold->review.arena);
}

bool jd_fold_is_reviewing(const struct jd_fold *fold)
{
    return fold->review.active;
}

/* ---- one state after the other ---- */

static bool is_reached(const struct jd_fold *fold, struct jd_str key)
{
    return fold->review.reached.ptr != NULL && jd_str_cmp(key, fold->review.reached) <= 0;
}

bool jd_review_waits(const struct jd_step *step)
{
    return step->fold->review.active && step->state != NULL && !is_reached(step->fold, step->key);
}

/* Lets a key sink to its place in a heap whose greatest is its first. */
static void sink(struct jd_str *keys, size_t count, size_t at)
{
    struct jd_str key = keys[at];
    for (size_t child; (child = 2 * at + 1) < count; at = child) {
        child += child + 1 < count && jd_str_cmp(keys[child], keys[child + 1]) < 0;
        if (jd_str_cmp(keys[child], key) <= 0)
            break;
        keys[at] = keys[child];
    }
    keys[at] = key;
}

static void sort_keys(struct jd_str *keys, size_t count)
{
    for (size_t i = count / 2; i > 0; i--)
        sink(keys, count, i - 1);
    for (size_t end = count; end > 1; end--) {
        struct jd_str greatest = keys[0];
        keys[0] = keys[end - 1];
        keys[end - 1] = greatest;
        sink(keys, end - 1, 0);
    }
}

static bool take_key(void *context, struct jd_str key)
{
    struct jd_review *review = context;
    if (!jd_str_eq(key, shard_key))
        review->keys[review->count++] = jd_arena_str(&review->arena, key);
    return true;
}

static void look_at_keys(struct jd_fold *fold)
{
    struct jd_review *review = &fold->review;
    review->count = 0;
    review->keys = jd_arena_array(&review->arena, fold->key_count + 1, sizeof *review->keys);
    jd_fold_keys(fold, take_key, review);
    sort_keys(review->keys, review->count);
}

/* The place of the first key that is still to come. */
static size_t next_key(const struct jd_fold *fold)
{
    size_t low = 0, high = fold->review.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (is_reached(fold, fold->review.keys[middle]))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* All states know the program. */
static void finish(struct jd_step *step, struct jd_program_entry *entry)
{
    uint32_t from, to;
    const struct jd_state *state = jd_states_find(step->fold, shard_key);
    jd_state_range(state, JD_ENTRY_RULE, &from, &to);
    uint32_t count = 0;
    struct jd_rule_entry *known = jd_arena_array(step->arena, to - from, sizeof *known);
    for (; from < to; from++) {
        const struct jd_rule_entry *held = jd_slot_rule(&state->slots[from], step->arena);
        if (held->digest == JD_INT_NONE)
            known[count++] = *held;
    }
    for (uint32_t i = 0; i < count; i++) {
        const struct jd_rule *rule = rule_of(step->program, known[i].rule);
        known[i].digest = rule == NULL ? 0 : rule->digest;
        known[i].text = rule == NULL ? JD_INT_NONE : rule->text;
        put_entry(step, JD_ENTRY_RULE, known[i].rule, &known[i]);
    }
    entry->channels = step->program->channels_digest;
    entry->reviewing = JD_FALSE;
    entry->reviewed = (struct jd_str){0};
}

uint32_t jd_fold_review(struct jd_fold *fold, const struct jd_review_limit *limit, struct jd_output *out)
{
    struct jd_review *review = &fold->review;
    if (!review->active)
        return 0;
    if (review->keys == NULL)
        look_at_keys(fold);
    uint32_t count = 0;
    size_t at = next_key(fold);
    for (; at < review->count && count < limit->states && out->change_count < limit->changes &&
           out->changes_size < limit->bytes &&
           (limit->until.ptr == NULL || jd_str_cmp(review->keys[at], limit->until) <= 0);
         at++, count++) {
        const struct jd_str key = jd_arena_str(out->arena, review->keys[at]);
        struct jd_step step = jd_step_of(fold, key, out);
        if (step.state != NULL)
            jd_step_review(&step);
    }
    struct jd_step step = shard_step(fold, out);
    const struct jd_program_entry *held = program_entry(fold, out->arena);
    if (held == NULL)
        abort(); /* it says that there is a review */
    struct jd_program_entry entry = *held;
    entry.reviewed = limit->until.ptr != NULL ? limit->until : at > 0 ? review->keys[at - 1] : entry.reviewed;
    if (at == review->count && limit->until.ptr == NULL)
        finish(&step, &entry);
    put_entry(&step, JD_ENTRY_PROGRAM, no_name, &entry);
    jd_review_look(fold);
    return count;
}

#include "engine/fold.h"

#include <stdlib.h>

#include "base/avro.h"
#include "base/contract.h"
#include "base/str.h"
#include "engine/conflicts/conflicts.h"
#include "engine/entries.h"
#include "engine/review.h"
#include "engine/step.h"

/* ---- life ---- */

static void release_program(struct jd_fold *fold)
{
    jd_selectors_done(&fold->selectors);
    jd_slab_give(&fold->slab, fold->rules, fold->rules_size);
    fold->rules = NULL;
    fold->rules_size = 0;
    fold->program = fold->given = NULL;
}

/* Rules, then the versions of each. */
static void copy_rules(struct jd_fold *fold, const struct jd_program *program)
{
    size_t count = program->rule_count;
    for (uint32_t i = 0; i < program->rule_count; i++)
        count += program->rules[i].version_count;
    fold->rules_size = (count + 1) * sizeof *fold->rules;
    fold->rules = jd_slab_take(&fold->slab, fold->rules_size);
    struct jd_rule *versions = fold->rules + program->rule_count;
    for (uint32_t i = 0; i < program->rule_count; i++) {
        struct jd_rule *rule = &fold->rules[i];
        *rule = program->rules[i];
        for (uint32_t v = 0; v < rule->version_count; v++) {
            versions[v] = rule->versions[v];
            versions[v].central = rule;
        }
        rule->versions = versions;
        versions += rule->version_count;
    }
}

/* The program with the starts of its rules in this shard. */
static void compile(struct jd_fold *fold, const struct jd_program *program)
{
    release_program(fold);
    fold->generation++;
    if (program != NULL) {
        fold->own = *program;
        copy_rules(fold, program);
        fold->own.rules = fold->rules;
        fold->program = &fold->own;
        fold->given = program;
    }
    jd_review_begin(fold);
    jd_selectors_init(&fold->selectors, fold->program);
}

struct jd_fold *jd_fold_new(const struct jd_program *program, struct jd_allocator allocator)
{
    struct jd_fold *fold = allocator.reallocate(allocator.context, NULL, 0, sizeof *fold);
    if (fold == NULL)
        return NULL;
    *fold = (struct jd_fold){.allocator = allocator, .now = JD_TIME_MIN, .kept_now = JD_TIME_MIN};
    jd_slab_init(&fold->slab, allocator);
    jd_timers_init(&fold->timers);
    jd_arena_init(&fold->scratch, SIZE_MAX / 2);
    jd_arena_init(&fold->review.arena, SIZE_MAX / 2);
    compile(fold, program);
    return fold;
}

void jd_fold_free(struct jd_fold *fold)
{
    if (fold == NULL)
        return;
    release_program(fold);
    jd_review_done(fold);
    jd_states_free(fold);
    (void)fold->allocator.reallocate(fold->allocator.context, fold, sizeof *fold, 0);
}

void jd_fold_set_program(struct jd_fold *fold, const struct jd_program *program)
{
    if (program == fold->given)
        return;
    fold->before = fold->review.active ? NULL : fold->given; /* what is being reviewed is not all there yet */
    compile(fold, program);
}

const struct jd_program *jd_fold_program(const struct jd_fold *fold)
{
    return fold->program;
}

jd_time jd_fold_now(const struct jd_fold *fold)
{
    return fold->now;
}

void jd_fold_set_now(struct jd_fold *fold, jd_time now)
{
    fold->now = now;
}

void jd_fold_keep(struct jd_fold *fold)
{
    jd_states_keep(fold);
}

void jd_fold_undo(struct jd_fold *fold)
{
    jd_states_undo(fold);
    jd_review_look(fold);
}

/* ---- the clock ---- */

/* Of the slots of a state that are due first, the first by kind and id. */
static struct jd_slot due_slot(const struct jd_state *state, struct jd_arena *arena)
{
    const struct jd_slot *first = NULL;
    for (uint32_t i = 0; i < state->count; i++) {
        const struct jd_slot *slot = &state->slots[i];
        if (slot->due != state->due || (first != NULL && slot->kind != first->kind))
            continue;
        if (first == NULL || jd_str_cmp(jd_slot_id(slot, arena), jd_slot_id(first, arena)) < 0)
            first = slot;
    }
    if (first == NULL)
        abort(); /* a state is armed for a slot that it has */
    return *first;
}

/* A state on its way into a step: what it holds of the program is that of the one in force. */
static void ready(struct jd_step *step)
{
    if (step->state != NULL)
        jd_state_ready(step->fold, step->state);
    if (jd_review_waits(step))
        jd_step_review(step);
}

/* The first timer of a state that is due. Where its review left none, that counts as one. */
static void fire(struct jd_fold *fold, struct jd_state *state, struct jd_output *out)
{
    if (fold->now < state->due)
        fold->now = state->due;
    struct jd_step step = jd_step_at(fold, jd_arena_str(out->arena, jd_state_key(state)), state, out);
    ready(&step);
    if (state->due <= fold->now) {
        struct jd_slot slot = due_slot(state, out->arena);
        jd_step_timer(&step, &slot);
    }
    out->timers++;
}

jd_time jd_fold_next_due(struct jd_fold *fold)
{
    const struct jd_state *state = jd_timers_first(&fold->timers, &fold->slab, JD_NEVER);
    return state == NULL ? JD_NEVER : state->due;
}

jd_time jd_fold_over(const struct jd_fold *fold)
{
    const struct jd_program *program = fold->program;
    bool endless = false;
    for (uint32_t i = 0; program != NULL && i < program->rule_count; i++)
        endless = endless || program->rules[i].kind->find_due != NULL;
    if (!endless)
        return JD_NEVER;
    jd_time over = fold->now + program->max_ahead_ms + program->allowed_lateness_ms +
                   program->planned_grace_ms + program->window_ms + 1;
    return over < JD_TIME_MAX ? over : JD_TIME_MAX;
}

bool jd_fold_advance(struct jd_fold *fold, jd_time to, uint32_t limit, struct jd_output *out)
{
    jd_time until = to > fold->now ? to : fold->now;
    struct jd_state *state;
    for (uint32_t fired = 0; (state = jd_timers_first(&fold->timers, &fold->slab, until)) != NULL; fired++) {
        if (fired == limit)
            return false;
        fire(fold, state, out);
    }
    fold->now = until;
    return true;
}

/* ---- inputs ---- */

static struct jd_str state_key(const struct jd_input *input, struct jd_arena *arena)
{
    bool account = input->kind == JD_INPUT_ACCOUNT_PROFILE;
    if (input->kind == JD_INPUT_TOUCH)
        return jd_arena_str(arena, input->key);
    const struct jd_str parts[] = {account ? JD_STR("account:") : JD_STR("hcp:"), input->key};
    return jd_arena_join(arena, parts, JD_COUNT(parts));
}

enum jd_verdict jd_fold_input(struct jd_fold *fold, const struct jd_input *input, struct jd_output *out,
                              const char **reason)
{
    *reason = NULL;
    if (input->effective != JD_TIME_NONE && input->effective > fold->now)
        (void)jd_fold_advance(fold, input->effective, UINT32_MAX, out);
    enum jd_verdict verdict = JD_APPLIED;
    if (input->kind != JD_INPUT_CLOCK) {
        struct jd_step step = jd_step_of(fold, state_key(input, out->arena), out);
        step.traceparent = input->traceparent;
        ready(&step);
        verdict = jd_step_input(&step, input, reason);
    }
    out->applied += verdict == JD_APPLIED;
    out->duplicates += verdict == JD_DUPLICATE;
    out->filtered += verdict == JD_FILTERED;
    out->dead_lettered += verdict == JD_DEAD_LETTERED;
    return verdict;
}

/* ---- entries from outside ---- */

static bool refuse(const struct jd_change *change, const char *what, struct jd_error *err)
{
    return jd_error_set(err, JD_EXIT_DATA, "entry of kind %u %s", change->kind, what);
}

static bool put(struct jd_fold *fold, struct jd_state *state, const struct jd_change *change,
                struct jd_error *err)
{
    const struct jd_record *record = jd_entry_records[change->kind - 1];
    struct jd_arena *arena = &fold->scratch;
    void *value = jd_arena_alloc(arena, record->size);
    if (!jd_avro_read(record, change->body.body, arena, value, err))
        return false;
    jd_value_complete(change->kind, change->key, change->due, value);
    uint8_t class = change->kind == JD_ENTRY_ENGAGEMENT ? ((const struct jd_engagement *)value)->class : 0;
    struct jd_put put = {change->kind, jd_value_name(change->kind, change->key, value, arena), change->due,
                         change->body.body, value};
    if (jd_kind_gives_id(change->kind))
        put.name = change->id;
    if (put.name.ptr == NULL)
        return refuse(change, "without an id", err);
    if (change->id.ptr != NULL && !jd_str_eq(change->id, jd_entry_id(change->kind, class, put.name, arena)))
        return refuse(change, "with another id than its body says", err);
    (void)jd_states_put(fold, state, change->key, jd_state_slot(state, change->kind, class, put.name, arena),
                        &put);
    return true;
}

static bool delete (struct jd_fold *fold, struct jd_state *state, const struct jd_change *change,
                    struct jd_error *err)
{
    uint8_t class;
    struct jd_str name;
    if (!jd_entry_id_parse(change->kind, change->id, &class, &name))
        return refuse(change, "to be deleted, without an id that says which", err);
    const struct jd_slot *slot = jd_state_slot(state, change->kind, class, name, &fold->scratch);
    if (slot != NULL)
        jd_states_delete(fold, state, slot);
    return true;
}

bool jd_fold_put(struct jd_fold *fold, const struct jd_change *change, struct jd_error *err)
{
    if (change->key.ptr == NULL || change->kind == JD_ENTRY_NONE || change->kind >= JD_ENTRY_END_)
        return jd_error_set(err, JD_EXIT_DATA, "entry without a key or of unknown kind %u", change->kind);
    if (change->body.branch != 0 && change->body.branch != change->kind)
        return refuse(change, "with a body of another kind", err);
    struct jd_state *state = jd_states_find(fold, change->key);
    bool ok = change->body.branch == 0 ? delete (fold, state, change, err) : put(fold, state, change, err);
    jd_arena_reset(&fold->scratch);
    if (change->kind == JD_ENTRY_PROGRAM)
        jd_review_look(fold);
    return ok;
}

bool jd_fold_change(struct jd_fold *fold, const struct jd_change *change, struct jd_output *out,
                    struct jd_error *err)
{
    if (!jd_fold_put(fold, change, err))
        return false;
    struct jd_change copy = *change;
    copy.key = jd_arena_str(out->arena, change->key);
    copy.id = jd_arena_str(out->arena, change->id);
    copy.body.body = jd_arena_str(out->arena, change->body.body);
    jd_output_change(out, &copy);
    return true;
}

/* ---- looking ---- */

bool jd_fold_image(const struct jd_fold *fold, struct jd_str key, struct jd_arena *arena,
                   struct jd_image *out)
{
    const struct jd_state *state = jd_states_find(fold, key);
    if (state == NULL || state->count == 0)
        return false;
    struct jd_change *entries = jd_arena_array(arena, state->count, sizeof *entries);
    for (uint32_t i = 0; i < state->count; i++) {
        const struct jd_slot *slot = &state->slots[i];
        entries[i] = (struct jd_change){.id = jd_kind_gives_id(slot->kind) ? jd_entry_given_id(slot->entry)
                                                                           : (struct jd_str){0},
                                        .kind = slot->kind,
                                        .due = slot->due == JD_NEVER ? JD_TIME_NONE : slot->due,
                                        .body = {slot->kind, jd_entry_body(slot->entry)}};
    }
    *out = (struct jd_image){.key = jd_state_key(state), .entries = {entries, state->count}};
    return true;
}

void jd_fold_keys(const struct jd_fold *fold, jd_fold_visit visit, void *context)
{
    for (size_t i = 0; i < fold->table_capacity; i++)
        if (fold->table[i].state != NULL && fold->table[i].state->count > 0 &&
            !visit(context, jd_state_key(fold->table[i].state)))
            return;
}

size_t jd_fold_key_count(const struct jd_fold *fold)
{
    return fold->key_count;
}

size_t jd_fold_bytes(const struct jd_fold *fold)
{
    return sizeof *fold + fold->slab.bytes;
}

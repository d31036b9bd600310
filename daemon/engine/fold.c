#include "engine/fold.h"

#include "base/avro.h"
#include "base/contract.h"
#include "base/str.h"
#include "engine/state.h"
#include "engine/step.h"

/* ---- life ---- */

static void compile(struct jd_fold *fold, const struct jd_program *program)
{
    fold->selectors.masks =
        jd_states_resize(fold, fold->selectors.masks, fold->selectors.masks_size, jd_selectors_size(program));
    jd_selectors_build(&fold->selectors, program, fold->selectors.masks);
    fold->program = program;
}

struct jd_fold *jd_fold_new(const struct jd_program *program, struct jd_allocator allocator)
{
    struct jd_fold *fold = allocator.reallocate(allocator.context, NULL, 0, sizeof *fold);
    if (fold == NULL)
        return NULL;
    *fold = (struct jd_fold){
        .allocator = allocator, .now = JD_TIME_MIN, .kept_now = JD_TIME_MIN, .bytes = sizeof *fold};
    jd_arena_init(&fold->scratch, SIZE_MAX / 2);
    compile(fold, program);
    return fold;
}

void jd_fold_free(struct jd_fold *fold)
{
    if (fold == NULL)
        return;
    jd_states_free(fold);
    (void)jd_states_resize(fold, fold->selectors.masks, fold->selectors.masks_size, 0);
    (void)fold->allocator.reallocate(fold->allocator.context, fold, sizeof *fold, 0);
}

void jd_fold_set_program(struct jd_fold *fold, const struct jd_program *program)
{
    compile(fold, program);
    jd_states_reprogram(fold);
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
}

/* ---- the clock ---- */

static struct jd_str bare(struct jd_str key)
{
    for (uint32_t i = 0; i < key.size; i++)
        if (key.ptr[i] == ':')
            return (struct jd_str){key.ptr + i + 1, key.size - i - 1};
    return key;
}

/* Of the entries of a state that are due first, the first by kind and id. */
static struct jd_entry *due_entry(const struct jd_state *state)
{
    uint32_t i = 0;
    while (state->slots[i].due != state->due)
        i++;
    return state->slots[i].entry;
}

static void fire(struct jd_fold *fold, struct jd_output *out)
{
    struct jd_state *state = fold->heap[0].state;
    if (fold->now < state->due)
        fold->now = state->due;
    struct jd_str key = jd_arena_str(out->arena, jd_state_key(state));
    struct jd_step step = {.fold = fold,
                           .program = fold->program,
                           .out = out,
                           .arena = out->arena,
                           .key = key,
                           .hcp = bare(key),
                           .state = state,
                           .now = fold->now};
    jd_step_timer(&step, due_entry(state));
    out->timers++;
}

jd_time jd_fold_next_due(const struct jd_fold *fold)
{
    return fold->heap_count == 0 ? JD_NEVER : fold->heap[0].due;
}

bool jd_fold_advance(struct jd_fold *fold, jd_time to, uint32_t limit, struct jd_output *out)
{
    jd_time until = to > fold->now ? to : fold->now;
    for (uint32_t fired = 0; jd_fold_next_due(fold) <= until; fired++) {
        if (fired == limit)
            return false;
        fire(fold, out);
    }
    fold->now = until;
    return true;
}

/* ---- inputs ---- */

static struct jd_str state_key(const struct jd_input *input, struct jd_arena *arena)
{
    bool account = input->kind == JD_INPUT_ACCOUNT_PROFILE;
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
    if (input->kind != JD_INPUT_CLOCK && input->kind != JD_INPUT_TOUCH) {
        struct jd_str key = state_key(input, out->arena);
        struct jd_step step = {.fold = fold,
                               .program = fold->program,
                               .out = out,
                               .arena = out->arena,
                               .key = key,
                               .hcp = bare(key),
                               .state = jd_states_find(fold, key),
                               .now = fold->now,
                               .traceparent = input->traceparent};
        verdict = jd_step_input(&step, input, reason);
    }
    out->applied += verdict == JD_APPLIED;
    out->duplicates += verdict == JD_DUPLICATE;
    out->filtered += verdict == JD_FILTERED;
    out->dead_lettered += verdict == JD_DEAD_LETTERED;
    return verdict;
}

/* ---- entries from outside ---- */

bool jd_fold_put(struct jd_fold *fold, const struct jd_change *change, struct jd_error *err)
{
    if (change->key.ptr == NULL || change->kind == JD_ENTRY_NONE || change->kind >= JD_ENTRY_END_)
        return jd_error_set(err, JD_EXIT_DATA, "entry without a key or of unknown kind %u", change->kind);
    struct jd_state *state = jd_states_find(fold, change->key);
    if (change->body.branch == 0) {
        struct jd_entry *entry = jd_state_entry(state, change->kind, change->id);
        if (entry != NULL)
            jd_states_delete(fold, state, entry);
        return true;
    }
    if (change->body.branch != change->kind)
        return jd_error_set(err, JD_EXIT_DATA, "entry of kind %u with a body of kind %u", change->kind,
                            change->body.branch);
    const struct jd_record *record = jd_entry_records[change->kind - 1];
    void *value = jd_arena_alloc(&fold->scratch, record->size);
    bool ok = jd_avro_read(record, change->body.body, &fold->scratch, value, err);
    if (ok)
        (void)jd_states_put(fold, state, change->key, change->kind, change->id, change->due,
                            change->body.body, value);
    jd_arena_reset(&fold->scratch);
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
        const struct jd_entry *entry = state->slots[i].entry;
        entries[i] = (struct jd_change){.id = jd_entry_id(entry),
                                        .kind = entry->kind,
                                        .due = entry->due == JD_NEVER ? JD_TIME_NONE : entry->due,
                                        .body = {entry->kind, jd_entry_body(entry)}};
    }
    *out = (struct jd_image){.key = jd_state_key(state), .entries = {entries, state->count}};
    return true;
}

void jd_fold_keys(const struct jd_fold *fold, jd_fold_visit visit, void *context)
{
    for (size_t i = 0; i < fold->table_capacity; i++)
        if (fold->table[i] != NULL && fold->table[i]->count > 0 &&
            !visit(context, jd_state_key(fold->table[i])))
            return;
}

size_t jd_fold_key_count(const struct jd_fold *fold)
{
    return fold->key_count;
}

size_t jd_fold_bytes(const struct jd_fold *fold)
{
    return fold->bytes;
}

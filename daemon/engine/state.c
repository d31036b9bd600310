#include "engine/state.h"

#include <stdlib.h>
#include <string.h>

#include "base/avro.h"
#include "base/contract.h"
#include "base/str.h"
#include "engine/touches.h"

enum { TABLE_MIN = 64, SLOTS_MIN = 4 };

void *jd_states_resize(struct jd_fold *fold, void *old, size_t old_size, size_t new_size)
{
    if (old == NULL && new_size == 0)
        return NULL;
    void *new = fold->allocator.reallocate(fold->allocator.context, old, old_size, new_size);
    if (new == NULL && new_size > 0)
        abort(); /* the shell keeps its limit below what the system gives */
    fold->bytes += new_size - old_size;
    return new;
}

/* ---- entries ---- */

struct jd_str jd_state_key(const struct jd_state *state)
{
    return (struct jd_str){state->key, state->key_size};
}

const uint32_t *jd_entry_hashes(const struct jd_entry *entry)
{
    return (const uint32_t *)(const void *)(entry->bits + entry->words);
}

struct jd_str jd_entry_id(const struct jd_entry *entry)
{
    return (struct jd_str){(const char *)(jd_entry_hashes(entry) + entry->seen_count), entry->id_size};
}

struct jd_str jd_entry_body(const struct jd_entry *entry)
{
    struct jd_str id = jd_entry_id(entry);
    return (struct jd_str){id.ptr + id.size, entry->body_size};
}

struct jd_str jd_entry_engagement(const struct jd_entry *entry)
{
    struct jd_str id = jd_entry_id(entry);
    return (struct jd_str){id.ptr + entry->key_at, id.size - entry->key_at};
}

uint32_t jd_hash32(struct jd_str s)
{
    return (uint32_t)jd_str_hash(s);
}

uint32_t jd_seen_hash(struct jd_str source, struct jd_str id)
{
    return (uint32_t)(jd_str_hash(source) * 31 + jd_str_hash(id));
}

uint32_t jd_instance_hash(struct jd_str rule, const struct jd_str *parts, uint32_t count)
{
    uint64_t hash = jd_str_hash(rule);
    for (uint32_t i = 0; i < count; i++)
        hash = hash * 31 + jd_str_hash(parts[i]);
    return (uint32_t)(hash ^ hash >> 32);
}

uint32_t jd_entry_instance(const struct jd_entry *entry)
{
    return jd_entry_hashes(entry)[0];
}

uint64_t jd_filter_bit(uint32_t hash)
{
    return UINT64_C(1) << (hash >> 26);
}

/* The engagement key in an entry's id: what follows "<class>:". */
static uint8_t key_place(struct jd_str id)
{
    for (uint32_t i = 0; i < id.size && i < UINT8_MAX; i++)
        if (id.ptr[i] == ':')
            return (uint8_t)(i + 1);
    return 0;
}

static uint32_t id_hash(uint8_t kind, struct jd_str id)
{
    uint32_t skip = kind == JD_ENTRY_ENGAGEMENT ? key_place(id) : 0;
    return jd_hash32((struct jd_str){id.ptr + skip, id.size - skip});
}

static uint32_t hash_count(uint8_t kind, const void *value)
{
    if (kind == JD_ENTRY_ENGAGEMENT)
        return ((const struct jd_engagement *)value)->seen.count;
    if (kind == JD_ENTRY_ALERT)
        return ((const struct jd_alert_entry *)value)->alert.evidence.count + 1;
    return 0;
}

static void describe_engagement(const struct jd_fold *fold, struct jd_entry *entry, uint32_t *hashes,
                                const struct jd_engagement *engagement)
{
    const struct jd_seen *seen = engagement->seen.items;
    entry->time = jd_touch_time(&engagement->event);
    entry->recorded = jd_touch_recorded(&engagement->event);
    entry->class = engagement->class;
    entry->phase = engagement->event.phase;
    entry->flags = jd_touch_stands(engagement) ? JD_SLOT_STANDS : 0;
    for (uint32_t i = 0; i < entry->seen_count; i++)
        hashes[i] = jd_seen_hash(seen[i].source, seen[i].id);
    if (entry->words > 0)
        jd_selectors_match(&fold->selectors, engagement->class, &engagement->event, entry->bits);
}

static void describe_alert(struct jd_entry *entry, uint32_t *hashes, const struct jd_alert *alert)
{
    const struct jd_event *evidence = alert->evidence.items;
    if (alert->status == JD_STATUS_OPEN)
        entry->flags = JD_SLOT_OPEN | (alert->phase == JD_ALERT_PHASE_PREVENTABLE ? JD_SLOT_PREVENTABLE : 0);
    hashes[0] = jd_instance_hash(alert->rule, alert->instance.items, alert->instance.count);
    for (uint32_t i = 1; i < entry->seen_count; i++)
        hashes[i] = jd_hash32(evidence[i - 1].engagement_id);
}

static struct jd_entry *entry_new(struct jd_fold *fold, uint8_t kind, struct jd_str id, jd_time due,
                                  struct jd_str body, const void *value)
{
    uint32_t words = kind == JD_ENTRY_ENGAGEMENT ? fold->selectors.words : 0;
    uint32_t hashes = hash_count(kind, value);
    size_t size =
        sizeof(struct jd_entry) + words * sizeof(uint64_t) + hashes * sizeof(uint32_t) + id.size + body.size;
    struct jd_entry *entry = jd_states_resize(fold, NULL, 0, size);
    *entry = (struct jd_entry){.due = due,
                               .size = (uint32_t)size,
                               .body_size = body.size,
                               .seen_count = hashes,
                               .id_size = (uint16_t)id.size,
                               .words = (uint16_t)words,
                               .kind = kind};
    uint32_t *table = (uint32_t *)(void *)(entry->bits + words);
    memcpy(table + hashes, id.ptr, id.size);
    memcpy((char *)(table + hashes) + id.size, body.ptr, body.size);
    if (kind == JD_ENTRY_ENGAGEMENT) {
        entry->key_at = key_place(id);
        describe_engagement(fold, entry, table, value);
    } else if (kind == JD_ENTRY_ALERT) {
        describe_alert(entry, table, &((const struct jd_alert_entry *)value)->alert);
    } else if (kind == JD_ENTRY_HCP) {
        entry->recorded = ((const struct jd_hcp_entry *)value)->recorded_at;
    } else if (kind == JD_ENTRY_ACCOUNT) {
        entry->recorded = ((const struct jd_account_entry *)value)->recorded_at;
    }
    return entry;
}

static void entry_free(struct jd_fold *fold, struct jd_entry *entry)
{
    if (entry != NULL)
        (void)jd_states_resize(fold, entry, entry->size, 0);
}

/* ---- the table of states ---- */

static size_t table_place(const struct jd_fold *fold, struct jd_str key, uint64_t hash)
{
    size_t mask = fold->table_capacity - 1, at = hash & mask;
    while (fold->table[at] != NULL &&
           (fold->table[at]->hash != hash || !jd_str_eq(jd_state_key(fold->table[at]), key)))
        at = (at + 1) & mask;
    return at;
}

struct jd_state *jd_states_find(const struct jd_fold *fold, struct jd_str key)
{
    if (fold->table_capacity == 0)
        return NULL;
    return fold->table[table_place(fold, key, jd_str_hash(key))];
}

static void table_grow(struct jd_fold *fold)
{
    size_t old_capacity = fold->table_capacity, capacity = old_capacity ? old_capacity * 2 : TABLE_MIN;
    struct jd_state **old = fold->table;
    fold->table = jd_states_resize(fold, NULL, 0, capacity * sizeof(struct jd_state *));
    memset(fold->table, 0, capacity * sizeof(struct jd_state *));
    fold->table_capacity = capacity;
    for (size_t i = 0; i < old_capacity; i++)
        if (old[i] != NULL)
            fold->table[table_place(fold, jd_state_key(old[i]), old[i]->hash)] = old[i];
    (void)jd_states_resize(fold, old, old_capacity * sizeof(struct jd_state *), 0);
}

static struct jd_state *state_new(struct jd_fold *fold, struct jd_str key)
{
    if (fold->table_count + 1 > fold->table_capacity / 4 * 3)
        table_grow(fold);
    struct jd_state *state = jd_states_resize(fold, NULL, 0, sizeof *state + key.size);
    *state = (struct jd_state){.due = JD_NEVER, .hash = jd_str_hash(key), .key_size = key.size};
    memcpy(state->key, key.ptr, key.size);
    fold->table[table_place(fold, key, state->hash)] = state;
    fold->table_count++;
    return state;
}

static void state_release(struct jd_fold *fold, struct jd_state *state)
{
    (void)jd_states_resize(fold, state->slots, state->capacity * sizeof *state->slots, 0);
    (void)jd_states_resize(fold, state->touches, state->touch_capacity * sizeof *state->touches, 0);
    (void)jd_states_resize(fold, state, sizeof *state + state->key_size, 0);
}

/* Takes an empty state out of the table; what was pushed on by it moves back. */
static void state_remove(struct jd_fold *fold, struct jd_state *state)
{
    size_t mask = fold->table_capacity - 1, hole = table_place(fold, jd_state_key(state), state->hash);
    for (size_t at = (hole + 1) & mask; fold->table[at] != NULL; at = (at + 1) & mask) {
        size_t home = fold->table[at]->hash & mask;
        if (((at - home) & mask) >= ((at - hole) & mask)) {
            fold->table[hole] = fold->table[at];
            hole = at;
        }
    }
    fold->table[hole] = NULL;
    fold->table_count--;
    state_release(fold, state);
}

/* ---- slots ---- */

static int slot_order(const struct jd_slot *slot, uint8_t kind, struct jd_str id)
{
    if (slot->kind != kind)
        return slot->kind < kind ? -1 : 1;
    return jd_str_cmp(jd_entry_id(slot->entry), id);
}

/* The slot of (kind, id); where it would be inserted when there is none. */
static uint32_t slot_place(const struct jd_state *state, uint8_t kind, struct jd_str id)
{
    uint32_t low = 0, high = state->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (slot_order(&state->slots[middle], kind, id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static uint32_t slot_find(const struct jd_state *state, uint8_t kind, struct jd_str id, uint32_t hash)
{
    for (uint32_t i = 0; i < state->count; i++)
        if (state->slots[i].hash == hash && slot_order(&state->slots[i], kind, id) == 0)
            return i;
    return UINT32_MAX;
}

struct jd_entry *jd_state_entry(const struct jd_state *state, uint8_t kind, struct jd_str id)
{
    uint32_t at = state == NULL ? UINT32_MAX : slot_find(state, kind, id, id_hash(kind, id));
    return at == UINT32_MAX ? NULL : state->slots[at].entry;
}

/* First slot of a kind that is not less. */
static uint32_t kind_place(const struct jd_state *state, unsigned kind)
{
    uint32_t low = 0, high = state == NULL ? 0 : state->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (state->slots[middle].kind < kind)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void jd_state_range(const struct jd_state *state, uint8_t kind, uint32_t *from, uint32_t *to)
{
    *from = kind_place(state, kind);
    *to = kind_place(state, kind + 1u);
}

/* ---- touches that stand ---- */

static uint32_t touch_place(const struct jd_state *state, const struct jd_entry *entry)
{
    uint32_t low = 0, high = state->touch_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const struct jd_standing *at = &state->touches[middle];
        if (at->time < entry->time || (at->time == entry->time && jd_str_cmp(jd_entry_engagement(at->entry),
                                                                             jd_entry_engagement(entry)) < 0))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool is_touch(const struct jd_entry *entry)
{
    return entry->kind == JD_ENTRY_ENGAGEMENT && entry->class == JD_CLASS_TOUCH &&
           (entry->flags & JD_SLOT_STANDS);
}

static void touch_add(struct jd_fold *fold, struct jd_state *state, struct jd_entry *entry)
{
    if (state->touch_count == state->touch_capacity) {
        uint32_t capacity = state->touch_capacity ? state->touch_capacity * 2 : SLOTS_MIN;
        state->touches =
            jd_states_resize(fold, state->touches, state->touch_capacity * sizeof *state->touches,
                             capacity * sizeof *state->touches);
        state->touch_capacity = capacity;
    }
    uint32_t at = touch_place(state, entry);
    memmove(state->touches + at + 1, state->touches + at, (state->touch_count - at) * sizeof *state->touches);
    state->touches[at] = (struct jd_standing){entry->time, entry};
    state->touch_count++;
}

static void touch_remove(struct jd_state *state, const struct jd_entry *entry)
{
    uint32_t at = touch_place(state, entry);
    state->touch_count--;
    memmove(state->touches + at, state->touches + at + 1, (state->touch_count - at) * sizeof *state->touches);
}

/* ---- put and delete ---- */

static void slot_fill(struct jd_slot *slot, struct jd_entry *entry)
{
    const uint32_t *hashes = jd_entry_hashes(entry);
    *slot = (struct jd_slot){.entry = entry,
                             .due = entry->due,
                             .hash = id_hash(entry->kind, jd_entry_id(entry)),
                             .kind = entry->kind,
                             .flags = entry->flags};
    for (uint32_t i = 0; i < entry->seen_count; i++)
        slot->filter |= jd_filter_bit(hashes[i]);
}

static void slot_insert(struct jd_fold *fold, struct jd_state *state, struct jd_entry *entry)
{
    if (state->count == state->capacity) {
        uint32_t capacity = state->capacity ? state->capacity + state->capacity / 2 : SLOTS_MIN;
        state->slots = jd_states_resize(fold, state->slots, state->capacity * sizeof *state->slots,
                                        capacity * sizeof *state->slots);
        state->capacity = capacity;
    }
    uint32_t at = slot_place(state, entry->kind, jd_entry_id(entry));
    memmove(state->slots + at + 1, state->slots + at, (state->count - at) * sizeof *state->slots);
    slot_fill(&state->slots[at], entry);
    fold->key_count += state->count++ == 0;
}

static void slot_remove(struct jd_fold *fold, struct jd_state *state, uint32_t at)
{
    state->count--;
    memmove(state->slots + at, state->slots + at + 1, (state->count - at) * sizeof *state->slots);
    fold->key_count -= state->count == 0;
}

/* Puts `after` in the place of `before`; either may be NULL. Undo is the same the other way round. */
static void swap(struct jd_fold *fold, struct jd_state *state, struct jd_entry *before,
                 struct jd_entry *after)
{
    jd_time gone = JD_NEVER;
    if (before != NULL) {
        struct jd_str id = jd_entry_id(before);
        uint32_t at = slot_find(state, before->kind, id, id_hash(before->kind, id));
        gone = before->due;
        if (is_touch(before))
            touch_remove(state, before);
        if (after != NULL)
            slot_fill(&state->slots[at], after);
        else
            slot_remove(fold, state, at);
    } else if (after != NULL) {
        slot_insert(fold, state, after);
    }
    if (after != NULL && is_touch(after))
        touch_add(fold, state, after);
    jd_time due = after == NULL ? JD_NEVER : after->due;
    if (due <= state->due) {
        jd_timers_set(fold, state, due);
    } else if (gone == state->due) {
        for (uint32_t i = 0; i < state->count; i++)
            due = state->slots[i].due < due ? state->slots[i].due : due;
        jd_timers_set(fold, state, due);
    }
}

static void remember(struct jd_fold *fold, struct jd_undo undo)
{
    if (fold->undo_count == fold->undo_capacity) {
        size_t capacity = fold->undo_capacity ? fold->undo_capacity * 2 : TABLE_MIN;
        fold->undo = jd_states_resize(fold, fold->undo, fold->undo_capacity * sizeof *fold->undo,
                                      capacity * sizeof *fold->undo);
        fold->undo_capacity = capacity;
    }
    fold->undo[fold->undo_count++] = undo;
}

struct jd_state *jd_states_put(struct jd_fold *fold, struct jd_state *state, struct jd_str key, uint8_t kind,
                               struct jd_str id, jd_time due, struct jd_str body, const void *value)
{
    if (state == NULL)
        state = state_new(fold, key);
    struct jd_entry *before = jd_state_entry(state, kind, id);
    struct jd_entry *after = entry_new(fold, kind, id, due == JD_TIME_NONE ? JD_NEVER : due, body, value);
    swap(fold, state, before, after);
    remember(fold, (struct jd_undo){state, before, after});
    return state;
}

void jd_states_delete(struct jd_fold *fold, struct jd_state *state, struct jd_entry *entry)
{
    swap(fold, state, entry, NULL);
    remember(fold, (struct jd_undo){state, entry, NULL});
}

/* ---- keep, undo ---- */

/* Removes the states of the log that have become empty, each once, and empties the log. */
static void sweep(struct jd_fold *fold)
{
    for (size_t i = 0; i < fold->undo_count; i++) {
        struct jd_state *state = fold->undo[i].state;
        if (state->count > 0 || state->doomed)
            fold->undo[i].state = NULL;
        else
            state->doomed = true;
    }
    for (size_t i = 0; i < fold->undo_count; i++)
        if (fold->undo[i].state != NULL)
            state_remove(fold, fold->undo[i].state);
    fold->undo_count = 0;
}

void jd_states_keep(struct jd_fold *fold)
{
    for (size_t i = 0; i < fold->undo_count; i++)
        entry_free(fold, fold->undo[i].before);
    sweep(fold);
    fold->kept_now = fold->now;
}

void jd_states_undo(struct jd_fold *fold)
{
    for (size_t i = fold->undo_count; i > 0; i--) {
        struct jd_undo *undo = &fold->undo[i - 1];
        swap(fold, undo->state, undo->after, undo->before);
        entry_free(fold, undo->after);
    }
    sweep(fold);
    fold->now = fold->kept_now;
}

void jd_states_free(struct jd_fold *fold)
{
    jd_states_keep(fold);
    for (size_t i = 0; i < fold->table_capacity; i++) {
        struct jd_state *state = fold->table[i];
        if (state == NULL)
            continue;
        for (uint32_t k = 0; k < state->count; k++)
            entry_free(fold, state->slots[k].entry);
        state_release(fold, state);
    }
    jd_arena_done(&fold->scratch);
    (void)jd_states_resize(fold, fold->table, fold->table_capacity * sizeof(struct jd_state *), 0);
    (void)jd_states_resize(fold, fold->heap, fold->heap_capacity * sizeof *fold->heap, 0);
    (void)jd_states_resize(fold, fold->undo, fold->undo_capacity * sizeof *fold->undo, 0);
}

static void reprogram(struct jd_fold *fold, struct jd_state *state)
{
    for (uint32_t i = 0; i < state->count && state->slots[i].kind == JD_ENTRY_ENGAGEMENT; i++) {
        struct jd_entry *before = state->slots[i].entry;
        struct jd_engagement engagement;
        struct jd_error err;
        if (!jd_avro_read(jd_entry_records[JD_ENTRY_ENGAGEMENT - 1], jd_entry_body(before), &fold->scratch,
                          &engagement, &err))
            abort(); /* it was read when it was stored */
        struct jd_entry *after = entry_new(fold, JD_ENTRY_ENGAGEMENT, jd_entry_id(before), before->due,
                                           jd_entry_body(before), &engagement);
        swap(fold, state, before, after);
        entry_free(fold, before);
        jd_arena_reset(&fold->scratch);
    }
}

void jd_states_reprogram(struct jd_fold *fold)
{
    for (size_t i = 0; i < fold->table_capacity; i++)
        if (fold->table[i] != NULL)
            reprogram(fold, fold->table[i]);
}

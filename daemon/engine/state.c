#include "engine/state.h"

#include <stdlib.h>
#include <string.h>

#include "base/avro.h"
#include "base/contract.h"
#include "base/str.h"
#include "engine/entries.h"
#include "engine/notes.h"
#include "engine/touches.h"

enum { TABLE_MIN = 64, SLOTS_MIN = 2 };

/* ---- entries ---- */

struct jd_str jd_state_key(const struct jd_state *state)
{
    return (struct jd_str){state->key, state->key_size};
}

struct jd_str jd_entry_given_id(const struct jd_entry *entry)
{
    return (struct jd_str){entry->bytes, entry->id_size};
}

struct jd_str jd_entry_body(const struct jd_entry *entry)
{
    return (struct jd_str){entry->bytes + entry->id_size, entry->body_size};
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

uint32_t jd_filter_bits(uint32_t hash)
{
    return UINT32_C(1) << (hash >> 27) | UINT32_C(1) << ((hash >> 22) & 31);
}

static size_t entry_size(const struct jd_entry *entry)
{
    return sizeof *entry + entry->id_size + entry->body_size + entry->link_count * sizeof(uint64_t);
}

static struct jd_entry *entry_new(struct jd_fold *fold, struct jd_str id, struct jd_str body,
                                  const struct jd_list *members)
{
    const struct jd_entry sizes = {.body_size = body.size,
                                   .id_size = (uint16_t)id.size,
                                   .link_count =
                                       (uint16_t)(members->count < UINT16_MAX ? members->count : UINT16_MAX)};
    struct jd_entry *entry = jd_slab_take(&fold->slab, entry_size(&sizes));
    *entry = sizes;
    if (id.size > 0)
        memcpy(entry->bytes, id.ptr, id.size);
    memcpy(entry->bytes + id.size, body.ptr, body.size);
    const struct jd_event *events = members->items;
    char *links = entry->bytes + id.size + body.size;
    for (uint32_t i = 0; i < entry->link_count; i++) {
        const uint64_t link = jd_str_hash(events[i].engagement_id);
        memcpy(links + i * sizeof link, &link, sizeof link);
    }
    return entry;
}

static void entry_free(struct jd_fold *fold, struct jd_entry *entry)
{
    if (entry != NULL)
        jd_slab_give(&fold->slab, entry, entry_size(entry));
}

/* ---- what a slot says of its entry ---- */

static uint32_t pattern_of(struct jd_fold *fold, const struct jd_engagement *engagement)
{
    return jd_selectors_pattern(&fold->selectors, engagement->class, &engagement->event,
                                engagement->recorded_late == JD_TRUE);
}

static void describe_engagement(struct jd_fold *fold, struct jd_slot *slot,
                                const struct jd_engagement *engagement)
{
    const struct jd_event *event = &engagement->event;
    const struct jd_seen *seen = engagement->seen.items;
    slot->time = jd_touch_time(event);
    slot->class = engagement->class;
    slot->phase = event->phase;
    slot->flags = jd_touch_stands(engagement) ? JD_SLOT_STANDS : 0;
    if (engagement->class == JD_CLASS_FACT && slot->flags != 0 && jd_is_note(event))
        slot->flags |= JD_SLOT_NOTE;
    slot->pattern = pattern_of(fold, engagement);
    slot->filter = jd_filter_bits(jd_seen_hash(event->source, event->id));
    for (uint32_t i = 0; i < engagement->seen.count; i++)
        slot->filter |= jd_filter_bits(jd_seen_hash(seen[i].source, seen[i].id));
}

static void describe_alert(struct jd_slot *slot, const struct jd_alert *alert)
{
    const struct jd_event *evidence = alert->evidence.items;
    if (alert->status == JD_STATUS_OPEN && alert->mode != JD_MODE_SHADOW)
        slot->flags = JD_SLOT_OPEN | (alert->phase == JD_ALERT_PHASE_PREVENTABLE ? JD_SLOT_PREVENTABLE : 0);
    if (alert->mode == JD_MODE_SHADOW)
        slot->flags |= JD_SLOT_SHADOW;
    slot->instance = jd_instance_hash(alert->rule, alert->instance.items, alert->instance.count);
    if (alert->evidence_sha256.ptr != NULL)
        slot->filter = UINT32_MAX; /* members were cut off: any may be one */
    for (uint32_t i = 0; i < alert->evidence.count; i++)
        slot->filter |= jd_filter_bits(jd_hash32(evidence[i].engagement_id));
}

/* Engagements have the hash of the engagement, so that those of several physicians are found together. */
static uint32_t name_hash(struct jd_str key, uint8_t kind, struct jd_str name)
{
    return jd_hash32(kind == JD_ENTRY_ENGAGEMENT ? jd_name_engagement(key, name) : name);
}

static struct jd_slot slot_of(struct jd_fold *fold, struct jd_str key, const struct jd_put *put)
{
    struct jd_str id = jd_kind_gives_id(put->kind) ? put->name : (struct jd_str){0};
    static const struct jd_list none = {NULL, 0};
    const struct jd_list *members =
        put->kind == JD_ENTRY_ALERT ? &((const struct jd_alert *)put->value)->evidence : &none;
    struct jd_slot slot = {.entry = entry_new(fold, id, put->body, members),
                           .due = put->due == JD_TIME_NONE ? JD_NEVER : put->due,
                           .time = JD_TIME_MIN,
                           .hash = name_hash(key, put->kind, put->name),
                           .kind = put->kind};
    if (put->kind == JD_ENTRY_ENGAGEMENT)
        describe_engagement(fold, &slot, put->value);
    else if (put->kind == JD_ENTRY_ALERT)
        describe_alert(&slot, put->value);
    return slot;
}

/* ---- the table of states ---- */

static size_t table_place(const struct jd_fold *fold, struct jd_str key, uint64_t hash)
{
    size_t mask = fold->table_capacity - 1, at = hash & mask;
    while (fold->table[at].state != NULL &&
           (fold->table[at].hash != hash || !jd_str_eq(jd_state_key(fold->table[at].state), key)))
        at = (at + 1) & mask;
    return at;
}

struct jd_state *jd_states_find(const struct jd_fold *fold, struct jd_str key)
{
    if (fold->table_capacity == 0)
        return NULL;
    return fold->table[table_place(fold, key, jd_str_hash(key))].state;
}

static void table_grow(struct jd_fold *fold)
{
    size_t old_capacity = fold->table_capacity, mask = (old_capacity ? old_capacity * 2 : TABLE_MIN) - 1;
    struct jd_home *old = fold->table;
    fold->table_capacity = mask + 1;
    fold->table = jd_slab_take(&fold->slab, fold->table_capacity * sizeof *fold->table);
    memset(fold->table, 0, fold->table_capacity * sizeof *fold->table);
    for (size_t i = 0; i < old_capacity; i++) {
        size_t at = old[i].hash & mask;
        if (old[i].state == NULL)
            continue;
        while (fold->table[at].state != NULL)
            at = (at + 1) & mask;
        fold->table[at] = old[i];
    }
    jd_slab_give(&fold->slab, old, old_capacity * sizeof *old);
}

static struct jd_state *state_new(struct jd_fold *fold, struct jd_str key)
{
    if (fold->table_count + 1 > fold->table_capacity / 4 * 3)
        table_grow(fold);
    struct jd_state *state = jd_slab_take(&fold->slab, sizeof *state + key.size);
    *state = (struct jd_state){
        .due = JD_NEVER, .armed = JD_NEVER, .made_for = fold->generation, .key_size = (uint16_t)key.size};
    memcpy(state->key, key.ptr, key.size);
    uint64_t hash = jd_str_hash(key);
    fold->table[table_place(fold, key, hash)] = (struct jd_home){hash, state};
    fold->table_count++;
    return state;
}

void jd_state_free(struct jd_slab *slab, struct jd_state *state)
{
    jd_slab_give(slab, state->slots, state->capacity * sizeof *state->slots);
    jd_slab_give(slab, state, sizeof *state + state->key_size);
}

/* Takes an empty state out of the table; what was pushed on by it moves back. */
static void state_remove(struct jd_fold *fold, struct jd_state *state)
{
    struct jd_str key = jd_state_key(state);
    size_t mask = fold->table_capacity - 1, hole = table_place(fold, key, jd_str_hash(key));
    for (size_t at = (hole + 1) & mask; fold->table[at].state != NULL; at = (at + 1) & mask) {
        size_t home = fold->table[at].hash & mask;
        if (((at - home) & mask) >= ((at - hole) & mask)) {
            fold->table[hole] = fold->table[at];
            hole = at;
        }
    }
    fold->table[hole] = (struct jd_home){0};
    fold->table_count--;
    state->removed = true;
    if (state->timers == 0)
        jd_state_free(&fold->slab, state);
}

/* ---- slots ---- */

static int slot_order(const struct jd_slot *a, const struct jd_slot *b)
{
    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    if (a->time != b->time)
        return a->time < b->time ? -1 : 1;
    const struct jd_entry *x = a->entry, *y = b->entry;
    return jd_str_cmp((struct jd_str){x->bytes, x->id_size + x->body_size},
                      (struct jd_str){y->bytes, y->id_size + y->body_size});
}

/* Where a slot is, or would be. */
static uint32_t slot_place(const struct jd_state *state, const struct jd_slot *slot)
{
    uint32_t low = 0, high = state->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (slot_order(&state->slots[middle], slot) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const struct jd_slot *jd_state_slot(const struct jd_state *state, uint8_t kind, uint8_t class,
                                    struct jd_str name, struct jd_arena *arena)
{
    uint32_t hash = state == NULL ? 0 : name_hash(jd_state_key(state), kind, name);
    for (uint32_t i = 0; state != NULL && i < state->count; i++) {
        const struct jd_slot *slot = &state->slots[i];
        if (slot->hash == hash && slot->kind == kind && slot->class == class &&
            jd_str_eq(jd_slot_name(slot, arena), name))
            return slot;
    }
    return NULL;
}

/* First slot that is not less than (kind, time). */
static uint32_t first_slot(const struct jd_state *state, unsigned kind, jd_time time)
{
    uint32_t low = 0, high = state == NULL ? 0 : state->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const struct jd_slot *slot = &state->slots[middle];
        if (slot->kind < kind || (slot->kind == kind && slot->time < time))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void jd_state_range(const struct jd_state *state, uint8_t kind, uint32_t *from, uint32_t *to)
{
    *from = first_slot(state, kind, JD_TIME_NONE);
    *to = first_slot(state, kind + 1u, JD_TIME_NONE);
}

struct jd_since jd_state_since(const struct jd_state *state, jd_time from, jd_time to)
{
    return (struct jd_since){state, first_slot(state, JD_ENTRY_ENGAGEMENT, from), to};
}

const struct jd_slot *jd_since_next(struct jd_since *since)
{
    while (since->state != NULL && since->at < since->state->count) {
        const struct jd_slot *slot = &since->state->slots[since->at++];
        if (slot->kind != JD_ENTRY_ENGAGEMENT || slot->time > since->to)
            break;
        if (slot->flags & JD_SLOT_STANDS)
            return slot;
    }
    return NULL;
}

/* ---- put and delete ---- */

static void slot_insert(struct jd_fold *fold, struct jd_state *state, const struct jd_slot *slot)
{
    if (state->count == state->capacity) {
        uint32_t capacity = state->capacity ? state->capacity + (state->capacity + 1) / 2 : SLOTS_MIN;
        state->slots = jd_slab_resize(&fold->slab, state->slots, state->capacity * sizeof *state->slots,
                                      capacity * sizeof *state->slots);
        state->capacity = capacity;
    }
    uint32_t at = slot_place(state, slot);
    memmove(state->slots + at + 1, state->slots + at, (state->count - at) * sizeof *state->slots);
    state->slots[at] = *slot;
    state->notes += (slot->flags & JD_SLOT_NOTE) != 0;
    fold->key_count += state->count++ == 0;
}

static void slot_remove(struct jd_fold *fold, struct jd_state *state, const struct jd_slot *slot)
{
    uint32_t at = slot_place(state, slot);
    state->count--;
    state->notes -= (slot->flags & JD_SLOT_NOTE) != 0;
    memmove(state->slots + at, state->slots + at + 1, (state->count - at) * sizeof *state->slots);
    fold->key_count -= state->count == 0;
}

/* Puts `after` in the place of `before`; either may have no entry. Undo is the same the other way round. */
static void swap(struct jd_fold *fold, struct jd_state *state, const struct jd_slot *before,
                 const struct jd_slot *after)
{
    jd_time due = JD_NEVER;
    if (before->entry != NULL)
        slot_remove(fold, state, before);
    if (after->entry != NULL) {
        slot_insert(fold, state, after);
        due = after->due;
    }
    if (due > state->due && before->entry != NULL && before->due == state->due) {
        for (uint32_t i = 0; i < state->count; i++)
            due = state->slots[i].due < due ? state->slots[i].due : due;
        jd_timers_set(&fold->timers, &fold->slab, state, due);
    } else if (due < state->due) {
        jd_timers_set(&fold->timers, &fold->slab, state, due);
    }
}

static void change(struct jd_fold *fold, struct jd_state *state, const struct jd_slot *before,
                   struct jd_slot after)
{
    if (fold->undo_count == fold->undo_capacity) {
        size_t capacity = fold->undo_capacity ? fold->undo_capacity * 2 : TABLE_MIN;
        fold->undo = jd_slab_resize(&fold->slab, fold->undo, fold->undo_capacity * sizeof *fold->undo,
                                    capacity * sizeof *fold->undo);
        fold->undo_capacity = capacity;
    }
    struct jd_undo *undo = &fold->undo[fold->undo_count++];
    *undo = (struct jd_undo){.state = state, .after = after};
    if (before != NULL)
        undo->before = *before;
    swap(fold, state, &undo->before, &undo->after);
}

struct jd_state *jd_states_put(struct jd_fold *fold, struct jd_state *state, struct jd_str key,
                               const struct jd_slot *before, const struct jd_put *put)
{
    if (state == NULL)
        state = state_new(fold, key);
    change(fold, state, before, slot_of(fold, key, put));
    return state;
}

void jd_states_delete(struct jd_fold *fold, struct jd_state *state, const struct jd_slot *slot)
{
    change(fold, state, slot, (struct jd_slot){0});
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
        entry_free(fold, fold->undo[i].before.entry);
    sweep(fold);
    fold->kept_now = fold->now;
}

void jd_states_undo(struct jd_fold *fold)
{
    for (size_t i = fold->undo_count; i > 0; i--) {
        const struct jd_undo *undo = &fold->undo[i - 1];
        swap(fold, undo->state, &undo->after, &undo->before);
        entry_free(fold, undo->after.entry);
    }
    sweep(fold);
    fold->now = fold->kept_now;
}

void jd_states_free(struct jd_fold *fold)
{
    jd_states_keep(fold);
    jd_timers_done(&fold->timers, &fold->slab);
    for (size_t i = 0; i < fold->table_capacity; i++) {
        struct jd_state *state = fold->table[i].state;
        if (state == NULL)
            continue;
        for (uint32_t k = 0; k < state->count; k++)
            entry_free(fold, state->slots[k].entry);
        jd_state_free(&fold->slab, state);
    }
    jd_slab_give(&fold->slab, fold->table, fold->table_capacity * sizeof *fold->table);
    jd_slab_give(&fold->slab, fold->undo, fold->undo_capacity * sizeof *fold->undo);
    jd_slab_done(&fold->slab);
    jd_arena_done(&fold->scratch);
}

void jd_state_ready(struct jd_fold *fold, struct jd_state *state)
{
    if (state->made_for == fold->generation)
        return;
    state->made_for = fold->generation;
    for (uint32_t i = 0; i < state->count && state->slots[i].kind == JD_ENTRY_ENGAGEMENT; i++) {
        struct jd_slot *slot = &state->slots[i];
        const struct jd_engagement *engagement =
            jd_slot_engagement(jd_state_key(state), slot, &fold->scratch);
        slot->pattern = pattern_of(fold, engagement);
        jd_arena_reset(&fold->scratch);
    }
}

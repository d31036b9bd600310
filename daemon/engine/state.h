/* The states of one shard in memory.
 *
 *   table ──► state "hcp:<id>" ──► slots, sorted by (kind, id) ──► entry: header, bits, seen, id, body
 *                 │                └─ due, hash, filter of each entry, side by side for scans
 *                 └─► touches: the entries that stand as touches, sorted by (time, engagement key)
 *   timers: heap of states by (due, key); the due of a state is the least of its entries
 *
 * An entry never changes once stored: a put makes a new one and the old one waits in the undo log until
 * jd_states_keep. What an event needs of 40 older touches (times, phases, which selectors they match,
 * which ids were seen) is worked out once, when an entry is stored, so that their bodies stay closed. */
#ifndef JOURNEYD_ENGINE_STATE_H
#define JOURNEYD_ENGINE_STATE_H

#include "engine/fold.h"
#include "engine/selector.h"

struct jd_entry {
    jd_time due;      /* JD_NEVER: no timer */
    jd_time time;     /* ENGAGEMENT: touch time of the version that counts */
    jd_time recorded; /* ENGAGEMENT: recorded_at, else time; HCP, ACCOUNT: recorded_at */
    uint32_t size;    /* of the allocation */
    uint32_t body_size;
    uint32_t seen_count; /* ENGAGEMENT: ids seen; ALERT: its instance and its members */
    uint16_t id_size, words;
    uint8_t kind;         /* enum jd_entry_kind */
    uint8_t class, phase; /* ENGAGEMENT */
    uint8_t flags;        /* enum jd_slot_flags */
    uint8_t key_at;       /* ENGAGEMENT: where the engagement key starts in the id */
    /* uint64_t bits[words]: selectors that the version matches; uint32_t hashes[seen_count]: of seen ids,
     * of an alert's instance and members; char id[id_size]; char body[body_size] */
    uint64_t bits[];
};

/* What scans of a state want to know without opening the entry. */
enum jd_slot_flags {
    JD_SLOT_STANDS = 1u << 0,      /* ENGAGEMENT: a touch, request … that counts now */
    JD_SLOT_OPEN = 1u << 1,        /* ALERT: open */
    JD_SLOT_PREVENTABLE = 1u << 2, /* ALERT: open and preventable */
};

struct jd_slot {
    struct jd_entry *entry;
    jd_time due;
    uint64_t filter; /* Bloom filter of the entry's hashes */
    uint32_t hash;   /* of the engagement key, or of the id */
    uint8_t kind;    /* enum jd_entry_kind */
    uint8_t flags;   /* enum jd_slot_flags */
};

struct jd_standing {
    jd_time time;
    struct jd_entry *entry;
};

struct jd_state {
    struct jd_slot *slots;
    struct jd_standing *touches; /* entries of class touch that stand, by (time, engagement key) */
    uint32_t count, capacity, touch_count, touch_capacity;
    jd_time due;      /* JD_NEVER: none */
    uint32_t heap_at; /* place in the heap, from 1; 0: not in it */
    uint64_t hash;
    uint32_t key_size;
    bool doomed; /* being removed */
    char key[];
};

struct jd_timer {
    jd_time due;
    struct jd_state *state;
};

struct jd_undo {
    struct jd_state *state;
    struct jd_entry *before, *after; /* NULL: there was, is none */
};

struct jd_fold {
    const struct jd_program *program;
    struct jd_allocator allocator;
    struct jd_selectors selectors; /* of program, made for fast matching */
    jd_time now, kept_now;
    struct jd_state **table; /* open addressing; capacity is a power of two */
    size_t table_capacity, table_count, key_count;
    struct jd_timer *heap; /* heap[0] is the first due */
    uint32_t heap_count, heap_capacity;
    struct jd_undo *undo;
    size_t undo_count, undo_capacity;
    size_t bytes;
    struct jd_arena scratch; /* for entries that come from outside */
};

/* Memory through the fold's allocator; does not return when there is none left. */
void *jd_states_resize(struct jd_fold *fold, void *old, size_t old_size, size_t new_size);

struct jd_str jd_state_key(const struct jd_state *state);
struct jd_str jd_entry_id(const struct jd_entry *entry);
struct jd_str jd_entry_body(const struct jd_entry *entry);
struct jd_str jd_entry_engagement(const struct jd_entry *entry); /* ENGAGEMENT: the engagement key */
const uint32_t *jd_entry_hashes(const struct jd_entry *entry);

uint32_t jd_hash32(struct jd_str s);
uint32_t jd_seen_hash(struct jd_str source, struct jd_str id);
uint32_t jd_instance_hash(struct jd_str rule, const struct jd_str *parts, uint32_t count);
uint32_t jd_entry_instance(const struct jd_entry *entry); /* ALERT: hash of its instance */
uint64_t jd_filter_bit(uint32_t hash);

struct jd_state *jd_states_find(const struct jd_fold *fold, struct jd_str key); /* NULL: none */

/* The entry, or NULL. `state` may be NULL. */
struct jd_entry *jd_state_entry(const struct jd_state *state, uint8_t kind, struct jd_str id);
/* First slot of a kind, and the one after its last. */
void jd_state_range(const struct jd_state *state, uint8_t kind, uint32_t *from, uint32_t *to);

/* Store an entry; `value` is its decoded body, of the record of its kind. `state` is the state of `key`;
 * NULL: it is new, and made. */
struct jd_state *jd_states_put(struct jd_fold *fold, struct jd_state *state, struct jd_str key, uint8_t kind,
                               struct jd_str id, jd_time due, struct jd_str body, const void *value);
void jd_states_delete(struct jd_fold *fold, struct jd_state *state, struct jd_entry *entry);

void jd_states_keep(struct jd_fold *fold);
void jd_states_undo(struct jd_fold *fold);
void jd_states_free(struct jd_fold *fold);
/* Work out again what entries hold of the program. Nothing may wait in the undo log. */
void jd_states_reprogram(struct jd_fold *fold);

/* heap.c */
void jd_timers_set(struct jd_fold *fold, struct jd_state *state, jd_time due);

#endif

/* The states of one shard in memory.
 *
 *   table ──► state "hcp:<id>" ──► slots, sorted by (kind, time, bytes) ──► entry: body
 *     └─ hash, inline
 *   timers: states by (due, key); the due of a state is the least of its slots
 *
 * An entry never changes once stored: a put makes a new one and the old one waits in the undo log until
 * jd_states_keep. What an event needs of 40 older touches (times, phases, which selectors they match, which
 * ids were seen) is worked out once, when an entry is stored, and lies side by side in the slots, so that
 * their bodies stay closed. */
#ifndef JOURNEYD_ENGINE_STATE_H
#define JOURNEYD_ENGINE_STATE_H

#include "engine/fold.h"
#include "engine/selector.h"
#include "engine/slab.h"
#include "engine/timers.h"

struct jd_entry {
    uint32_t body_size;
    uint16_t id_size;    /* of kinds whose bodies do not say it, else 0 */
    uint16_t link_count; /* ALERT: members */
    char bytes[];        /* id, body, and of ALERT a hash of each member's engagement */
};

enum jd_slot_flags {
    JD_SLOT_STANDS = 1u << 0,      /* ENGAGEMENT: a touch, request … that counts now */
    JD_SLOT_OPEN = 1u << 1,        /* ALERT: open, and not in shadow */
    JD_SLOT_PREVENTABLE = 1u << 2, /* ALERT: that, and preventable */
    JD_SLOT_NOTE = 1u << 3,        /* ENGAGEMENT: it stands, and is a note about an alert */
    JD_SLOT_SHADOW = 1u << 4,      /* ALERT: in shadow */
};

/* An entry, and what scans of a state want to know without opening it. */
struct jd_slot {
    struct jd_entry *entry;
    jd_time due;     /* JD_NEVER: no timer */
    jd_time time;    /* ENGAGEMENT: touch time of the version that counts; else JD_TIME_MIN */
    uint32_t hash;   /* of the entry's name, engine/entries.h; ENGAGEMENT: of its engagement key */
    uint32_t filter; /* ENGAGEMENT: of ids seen, ALERT: of its members; jd_filter_bits of each */
    union {
        uint32_t pattern;  /* ENGAGEMENT: selectors that the version matches, jd_selectors_bits */
        uint32_t instance; /* ALERT: hash of its rule and instance, jd_instance_hash */
    };
    uint8_t kind;         /* enum jd_entry_kind */
    uint8_t flags;        /* enum jd_slot_flags */
    uint8_t class, phase; /* ENGAGEMENT */
};

struct jd_state {
    struct jd_slot *slots;
    uint32_t count, capacity;
    jd_time due;       /* JD_NEVER: none */
    jd_time armed;     /* of the earliest timer that waits for it; JD_NEVER: none does */
    uint32_t timers;   /* that wait for it */
    uint32_t notes;    /* slots with JD_SLOT_NOTE */
    uint32_t made_for; /* the generation of the program that patterns in its slots are of */
    uint16_t key_size;
    bool doomed;  /* being removed */
    bool removed; /* out of the table; kept for the timers that wait */
    char key[];
};

/* A place in the table of states: open addressing. */
struct jd_home {
    uint64_t hash;
    struct jd_state *state; /* NULL: free */
};

struct jd_undo {
    struct jd_state *state;
    struct jd_slot before, after; /* entry NULL: there was, is none */
};

/* Which states are still to be evaluated under the program (engine/review.h). */
struct jd_review {
    bool active;
    struct jd_str reached; /* the last key that was; borrowed from its entry; absent: none was */
    bool gone;             /* a rule is in force no more */
    bool times;            /* plans may lapse, and what is held be kept, otherwise than before */
    struct jd_arena arena; /* of keys */
    struct jd_str *keys;   /* all that there were when it began, sorted; NULL: not looked at yet */
    size_t count;
};

struct jd_fold {
    const struct jd_program *program; /* `own`, or NULL */
    const struct jd_program *given;   /* what `own` is made of */
    const struct jd_program *before;  /* what all states followed until then; NULL: not known. Borrowed */
    struct jd_program own;            /* the same with the shard's own start of each rule */
    struct jd_rule *rules;            /* of `own`, and their versions */
    size_t rules_size;                /* bytes */
    uint32_t generation;              /* of the program: how many there were */
    struct jd_review review;
    struct jd_allocator allocator;
    struct jd_selectors selectors; /* of program, made for fast matching */
    jd_time now, kept_now;
    struct jd_slab slab; /* states, slots, entries, timers */
    struct jd_home *table;
    size_t table_capacity; /* a power of two */
    size_t table_count, key_count;
    struct jd_timers timers;
    struct jd_undo *undo;
    size_t undo_count, undo_capacity;
    struct jd_arena scratch; /* for entries that come from outside */
};

struct jd_str jd_state_key(const struct jd_state *state);
/* Is the id of this kind given, and stored beside the body? */
static inline bool jd_kind_gives_id(uint8_t kind)
{
    return kind == JD_ENTRY_TRIGGER || kind == JD_ENTRY_PERIOD;
}
struct jd_str jd_entry_given_id(const struct jd_entry *entry);
struct jd_str jd_entry_body(const struct jd_entry *entry);
/* The hash (jd_str_hash) of the engagement of a member of an alert, index < link_count. */
static inline uint64_t jd_entry_link(const struct jd_entry *entry, uint32_t index)
{
    uint64_t link;
    __builtin_memcpy(&link, entry->bytes + entry->id_size + entry->body_size + index * sizeof link,
                     sizeof link);
    return link;
}

uint32_t jd_hash32(struct jd_str s);
uint32_t jd_instance_hash(struct jd_str rule, const struct jd_str *parts, uint32_t count);
uint32_t jd_seen_hash(struct jd_str source, struct jd_str id);
/* Two bits of a Bloom filter: all set in a slot's filter, or the hash is not in it. */
uint32_t jd_filter_bits(uint32_t hash);

struct jd_state *jd_states_find(const struct jd_fold *fold, struct jd_str key); /* NULL: none */

/* The slot of an entry by kind, class (ENGAGEMENT) and name, or NULL; valid until the state changes. `state`
 * may be NULL; `arena` is for names that must be made. */
const struct jd_slot *jd_state_slot(const struct jd_state *state, uint8_t kind, uint8_t class,
                                    struct jd_str name, struct jd_arena *arena);
/* First slot of a kind, and the one after its last. */
void jd_state_range(const struct jd_state *state, uint8_t kind, uint32_t *from, uint32_t *to);
/* The engagements that stand and have from <= time <= to, by time. */
struct jd_since {
    const struct jd_state *state;
    uint32_t at;
    jd_time to;
};
struct jd_since jd_state_since(const struct jd_state *state, jd_time from, jd_time to);
const struct jd_slot *jd_since_next(struct jd_since *since); /* NULL: no more */

/* An entry to be stored. */
struct jd_put {
    uint8_t kind;
    struct jd_str name;
    jd_time due; /* JD_NEVER: no timer */
    struct jd_str body;
    const void *value; /* the body, read and complete */
};

/* Store an entry in the place of `before`, NULL: none. `state` is the state of `key`; NULL: it is new, and
 * made. */
struct jd_state *jd_states_put(struct jd_fold *fold, struct jd_state *state, struct jd_str key,
                               const struct jd_slot *before, const struct jd_put *put);
void jd_states_delete(struct jd_fold *fold, struct jd_state *state, const struct jd_slot *slot);

void jd_states_keep(struct jd_fold *fold);
void jd_states_undo(struct jd_fold *fold);
void jd_states_free(struct jd_fold *fold);
void jd_state_free(struct jd_slab *slab, struct jd_state *state);
/* Works out again what slots hold of the program, if that is another one by now. Before a state's first use in
 * a step: nothing of it waits in the undo log that was made under another program. */
void jd_state_ready(struct jd_fold *fold, struct jd_state *state);

#endif

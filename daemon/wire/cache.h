/* Plans by (schema id, role), compiled once for each pair of schemas. */
#ifndef JOURNEYD_WIRE_CACHE_H
#define JOURNEYD_WIRE_CACHE_H

#include "base/arena.h"
#include "base/error.h"
#include "wire/message.h"
#include "wire/resolve.h"

enum {
    JD_CACHE_SLOTS = 1024, /* a power of two */
    JD_CACHE_MAX = JD_CACHE_SLOTS / 2,
};

struct jd_cached {
    uint32_t id;
    enum jd_input_role role;    /* 0: free */
    const struct jd_plan *plan; /* NULL: the schema is no use; `error` says why */
    const char *error;
};

struct jd_cache {
    struct jd_arena own;     /* our schemas and fixed plans: for good */
    struct jd_arena fetched; /* all that came from a registry: goes at once when the table is full */
    uint32_t count;
    const struct jd_schema *readers[JD_ROLE_OF_END_]; /* ours, by role */
    struct jd_cached slots[JD_CACHE_SLOTS];
};

/* The record of a role's values; NULL for touches. */
const struct jd_record *jd_role_record(enum jd_input_role role);

void jd_cache_init(struct jd_cache *cache);
void jd_cache_done(struct jd_cache *cache);

/* The entry of (id, role), NULL when it is not there. */
const struct jd_cached *jd_cache_find(const struct jd_cache *cache, uint32_t id, enum jd_input_role role);
const struct jd_cached *jd_cache_add(struct jd_cache *cache, uint32_t id, enum jd_input_role role,
                                     struct jd_str schema);

/* A plan outside the table, in `arena`. NULL: `err`. */
const struct jd_plan *jd_cache_compile(const struct jd_cache *cache, struct jd_arena *arena,
                                       enum jd_input_role role, struct jd_str schema, struct jd_error *err);

#endif

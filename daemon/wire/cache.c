#include "wire/cache.h"

#include <string.h>

#include "base/contract.h"
#include "base/str.h"

enum { OWN_MAX = 64 << 20, FETCHED_MAX = 256 << 20, FETCHED_KEEP = 128 << 20 };

const struct jd_record *jd_role_record(enum jd_input_role role)
{
    switch (role) {
    case JD_ROLE_OF_EVENTS:
        return &jd_event_record;
    case JD_ROLE_OF_HCP_PROFILES:
        return &jd_hcp_profile_record;
    case JD_ROLE_OF_ACCOUNT_PROFILES:
        return &jd_account_profile_record;
    case JD_ROLE_OF_TOUCHES:
    case JD_ROLE_OF_END_:
        break;
    }
    return NULL;
}

void jd_cache_init(struct jd_cache *cache)
{
    struct jd_error err;
    memset(cache, 0, sizeof *cache);
    jd_arena_init(&cache->own, OWN_MAX);
    jd_arena_init(&cache->fetched, FETCHED_MAX);
    for (enum jd_input_role role = JD_ROLE_OF_EVENTS; role < JD_ROLE_OF_TOUCHES; role++)
        cache->readers[role] =
            jd_schema_parse(jd_schema_text(jd_str_of(jd_role_record(role)->name)), &cache->own, &err);
}

void jd_cache_done(struct jd_cache *cache)
{
    jd_arena_done(&cache->own);
    jd_arena_done(&cache->fetched);
}

/* The slot of (id, role), or the free one where it belongs. */
static uint32_t slot_of(const struct jd_cache *cache, uint32_t id, enum jd_input_role role)
{
    uint32_t i = (id * 4 + (uint32_t)role) * 2654435769u >> 22; /* 10 bits, as many as there are slots */
    while (cache->slots[i].role != 0 && (cache->slots[i].id != id || cache->slots[i].role != role))
        i = (i + 1) % JD_CACHE_SLOTS;
    return i;
}
_Static_assert(JD_CACHE_SLOTS == 1 << (32 - 22), "the hash gives as many bits");

const struct jd_cached *jd_cache_find(const struct jd_cache *cache, uint32_t id, enum jd_input_role role)
{
    const struct jd_cached *found = &cache->slots[slot_of(cache, id, role)];
    return found->role != 0 ? found : NULL;
}

const struct jd_plan *jd_cache_compile(const struct jd_cache *cache, struct jd_arena *arena,
                                       enum jd_input_role role, struct jd_str schema, struct jd_error *err)
{
    const struct jd_schema *writer = jd_schema_parse(schema, arena, err);
    return writer != NULL ? jd_resolve(writer, cache->readers[role], jd_role_record(role), arena, err) : NULL;
}

const struct jd_cached *jd_cache_add(struct jd_cache *cache, uint32_t id, enum jd_input_role role,
                                     struct jd_str schema)
{
    struct jd_error err = {0};
    if (cache->count == JD_CACHE_MAX || jd_arena_left(&cache->fetched) < FETCHED_KEEP) {
        memset(cache->slots, 0, sizeof cache->slots);
        cache->count = 0;
        jd_arena_reset(&cache->fetched);
    }
    struct jd_cached *entry = &cache->slots[slot_of(cache, id, role)];
    cache->count += entry->role == 0;
    *entry = (struct jd_cached){.id = id, .role = role};
    entry->plan = jd_cache_compile(cache, &cache->fetched, role, schema, &err);
    if (entry->plan == NULL)
        entry->error = jd_arena_str(&cache->fetched, jd_str_of(err.text)).ptr;
    return entry;
}

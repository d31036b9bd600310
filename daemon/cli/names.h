/* Texts, each kept once and known by a number. */
#ifndef JOURNEYD_CLI_NAMES_H
#define JOURNEYD_CLI_NAMES_H

#include "base/arena.h"

struct jd_names {
    struct jd_arena *arena;
    struct jd_str *texts; /* by number; 0 is the absent one */
    uint32_t count, capacity;
    uint32_t *table; /* numbers by hash, 0: free; a power of two of places */
    uint32_t places;
};

void jd_names_init(struct jd_names *names,
                   struct jd_arena *arena); /* borrows the arena, where texts are kept */
void jd_names_done(struct jd_names *names);
/* The number of a text, which is copied if it is new; 0 of an absent one. */
uint32_t jd_names_of(struct jd_names *names, struct jd_str text);

#endif

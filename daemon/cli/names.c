#include "cli/names.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/str.h"

void jd_names_init(struct jd_names *names, struct jd_arena *arena)
{
    *names = (struct jd_names){.arena = arena, .count = 1};
    names->texts = jd_arena_grow(arena, NULL, 0, &names->capacity, sizeof(*names->texts));
}

void jd_names_done(struct jd_names *names)
{
    free(names->table);
}

/* The text's place in the table, or the free one where it belongs. */
static uint32_t place_of(const struct jd_names *names, struct jd_str text)
{
    uint32_t at = (uint32_t)jd_str_hash(text) & (names->places - 1);
    while (names->table[at] != 0 && !jd_str_eq(names->texts[names->table[at]], text)) {
        at = (at + 1) & (names->places - 1);
    }
    return at;
}

static void grow(struct jd_names *names)
{
    free(names->table);
    names->places = names->places == 0 ? 1024 : names->places * 2;
    names->table = jd_alloc_array(names->places, sizeof(*names->table));
    for (uint32_t n = 1; n < names->count; n++) {
        names->table[place_of(names, names->texts[n])] = n;
    }
}

uint32_t jd_names_of(struct jd_names *names, struct jd_str text)
{
    if (text.ptr == NULL) {
        return 0;
    }
    if (names->count * 2 >= names->places) {
        grow(names);
    }
    const uint32_t at = place_of(names, text);
    if (names->table[at] == 0) {
        if (names->count == names->capacity) {
            names->texts = jd_arena_grow(names->arena, names->texts, names->count, &names->capacity,
                                         sizeof(*names->texts));
        }
        names->table[at] = names->count;
        names->texts[names->count++] = jd_arena_str(names->arena, text);
    }
    return names->table[at];
}

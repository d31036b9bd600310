#include "engine/conflicts/episodes.h"

#include "base/str.h"
#include "engine/ids.h"

/* Alerts are numbered as their slots are; which are connected is a forest. */
struct forest {
    uint32_t *parents;
    uint64_t *links;  /* of engagements; 0: free; a power of two of places */
    uint32_t *firsts; /* parallel: the first alert that has the link */
    uint32_t places;
};

static uint32_t root_of(struct forest *forest, uint32_t alert)
{
    while (forest->parents[alert] != alert) {
        forest->parents[alert] = forest->parents[forest->parents[alert]];
        alert = forest->parents[alert];
    }
    return alert;
}

static void connect(struct forest *forest, uint32_t alert, uint64_t link)
{
    uint32_t place = (uint32_t)link & (forest->places - 1);
    link += link == 0;
    while (forest->links[place] != 0 && forest->links[place] != link)
        place = (place + 1) & (forest->places - 1);
    if (forest->links[place] == 0) {
        forest->links[place] = link;
        forest->firsts[place] = alert;
    }
    forest->parents[root_of(forest, alert)] = root_of(forest, forest->firsts[place]);
}

/* `count` alerts with so many links together; nothing is connected yet. */
static struct forest forest_of(uint32_t count, uint32_t link_count, struct jd_arena *arena)
{
    struct forest forest = {.places = 4};
    while (forest.places < 2 * link_count)
        forest.places *= 2;
    forest.parents = jd_arena_raw(arena, count * sizeof *forest.parents);
    forest.links = jd_arena_array(arena, forest.places, sizeof *forest.links);
    forest.firsts = jd_arena_array(arena, forest.places, sizeof *forest.firsts);
    for (uint32_t i = 0; i < count; i++)
        forest.parents[i] = i;
    return forest;
}

/* Those that are held in the same mode, shadow or not. */
static uint32_t gather(const struct jd_step *step, uint8_t mode, const struct jd_slot **held)
{
    const uint8_t shadow = mode == JD_MODE_SHADOW ? JD_SLOT_SHADOW : 0;
    uint32_t from, to, count = 0;
    jd_state_range(step->state, JD_ENTRY_ALERT, &from, &to);
    for (; from < to; from++)
        if ((step->state->slots[from].flags & JD_SLOT_SHADOW) == shadow)
            held[count++] = &step->state->slots[from];
    return count;
}

/* The smallest id of the alerts that are connected with `alert`. */
static struct jd_str smallest_id(const struct jd_step *step, const struct jd_alert *alert)
{
    const struct jd_event *events = alert->evidence.items;
    const struct jd_slot **held = jd_arena_array(step->arena, step->state->count, sizeof(*held));
    const uint32_t count = gather(step, alert->mode, held);
    uint32_t links = alert->evidence.count;
    for (uint32_t i = 0; i < count; i++)
        links += held[i]->entry->link_count;
    struct forest forest = forest_of(count + 1, links, step->arena);
    for (uint32_t i = 0; i < count; i++)
        for (uint32_t k = 0; k < held[i]->entry->link_count; k++)
            connect(&forest, i, jd_entry_link(held[i]->entry, k));
    for (uint32_t k = 0; k < alert->evidence.count; k++)
        connect(&forest, count, jd_str_hash(events[k].engagement_id));
    struct jd_str smallest = alert->alert_id;
    for (uint32_t i = 0; i < count; i++) {
        if (root_of(&forest, i) != root_of(&forest, count))
            continue;
        struct jd_str id = jd_slot_name(held[i], step->arena);
        smallest = jd_str_cmp(id, smallest) < 0 ? id : smallest;
    }
    return smallest;
}

struct jd_str jd_episode_of(const struct jd_step *step, const struct jd_alert *alert)
{
    const struct jd_arena_mark mark = jd_arena_mark(step->arena);
    const struct jd_str parts[] = {JD_STR("episode"), smallest_id(step, alert)};
    const struct jd_str id = jd_id_of(parts, JD_COUNT(parts), step->arena);
    char digits[JD_ID_HEX];
    memcpy(digits, id.ptr, sizeof digits);
    /* A forest for each alert that a batch tells of would fill the arena where many share an engagement. */
    jd_arena_rewind(step->arena, mark);
    return jd_arena_str(step->arena, (struct jd_str){digits, sizeof digits});
}

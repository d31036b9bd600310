#include "engine/conflicts/evidence.h"

#include "base/avro.h"
#include "base/contract.h"
#include "base/sha256.h"
#include "base/str.h"

enum { KEY_OVERHEAD = 16 }; /* more than the branches and lengths that a key adds to a version */

/* At least what the members take, without opening one: an entry holds its version and the ids seen. */
static size_t at_most(const struct jd_instance *instance)
{
    size_t bytes = 0;
    for (uint32_t i = 0; i < instance->member_count; i++) {
        const struct jd_touch *member = instance->members[i];
        if (member->slot.entry == NULL)
            return SIZE_MAX;
        bytes += member->slot.entry->body_size + (size_t)member->key.size + KEY_OVERHEAD;
    }
    return bytes;
}

/* How many of the latest members fit. */
static uint32_t fitting(const struct jd_instance *instance, struct jd_str hcp, struct jd_arena *arena)
{
    size_t left = JD_EVIDENCE_BYTES_MAX;
    uint32_t count = 0;
    struct jd_arena_mark mark = jd_arena_mark(arena);
    for (; count < instance->member_count; count++) {
        int64_t digest;
        const struct jd_touch *member = instance->members[instance->member_count - 1 - count];
        size_t size = jd_version_bytes(member->event, hcp, arena, &digest).size;
        jd_arena_rewind(arena, mark);
        if (size > left)
            break;
        left -= size;
    }
    return count;
}

static struct jd_list events_of(const struct jd_instance *instance, struct jd_arena *arena)
{
    struct jd_event *events = jd_arena_array(arena, instance->member_count, sizeof *events);
    for (uint32_t i = 0; i < instance->member_count; i++)
        events[i] = *instance->members[i]->event;
    return (struct jd_list){events, instance->member_count};
}

void jd_evidence_put(struct jd_alert *alert, const struct jd_instance *instance, struct jd_str hcp,
                     struct jd_arena *arena)
{
    uint32_t count = instance->member_count;
    if (count > 2 && at_most(instance) > JD_EVIDENCE_BYTES_MAX)
        count = fitting(instance, hcp, arena);
    struct jd_list all = events_of(instance, arena);
    const struct jd_event *events = all.items;
    alert->evidence = (struct jd_list){events + (all.count - count), count};
    alert->evidence_count = all.count;
    alert->evidence_sha256 = count < all.count ? jd_evidence_hash(&all, arena) : (struct jd_str){0};
}

struct jd_str jd_evidence_hash(const struct jd_list *list, struct jd_arena *arena)
{
    const struct jd_event *events = list->items;
    struct jd_buf whole;
    jd_buf_init(&whole, arena);
    for (uint32_t i = 0; i < list->count; i++)
        jd_avro_write(&jd_event_record, &events[i], &whole);
    return jd_sha256(jd_buf_done(&whole), arena);
}

bool jd_evidence_same(const struct jd_alert *a, const struct jd_alert *b, struct jd_arena *arena)
{
    if (a->evidence_count != b->evidence_count || !jd_str_eq(a->evidence_sha256, b->evidence_sha256))
        return false;
    const struct jd_event *x = a->evidence.items, *y = b->evidence.items;
    for (uint32_t i = 0; !jd_evidence_is_cut(a) && i < a->evidence.count; i++)
        if (!jd_str_eq(jd_avro_bytes(&jd_event_record, &x[i], arena),
                       jd_avro_bytes(&jd_event_record, &y[i], arena)))
            return false;
    return true;
}

bool jd_evidence_names(const struct jd_alert *alert, struct jd_str engagement_key)
{
    const struct jd_event *events = alert->evidence.items;
    for (uint32_t i = 0; i < alert->evidence.count; i++)
        if (jd_str_eq(events[i].engagement_id, engagement_key))
            return true;
    return false;
}

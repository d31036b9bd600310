#include "shard/journal.h"

#include <inttypes.h>

#include "base/avro.h"
#include "base/contract.h"
#include "base/str.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

/* More than the lengths, kind, due and branch of a change take in Avro. */
enum { CHANGE_OVERHEAD = 48 };

static const struct jd_str role_texts[JD_IN_COUNT] = {
    [JD_IN_HCP_PROFILES] = {"hcp.profiles", 12},
    [JD_IN_ACCOUNT_PROFILES] = {"account.profiles", 16},
    [JD_IN_TOUCHES] = {"touches", 7},
    [JD_IN_EVENTS] = {"engagement.events", 17},
};

struct jd_str jd_shard_role_text(enum jd_shard_role role)
{
    return role_texts[role];
}

int jd_shard_role_of(struct jd_str text)
{
    int role = 0;
    while (role < JD_IN_COUNT && !jd_str_eq(role_texts[role], text))
        role++;
    return role;
}

static size_t change_size(const struct jd_change *change)
{
    return (size_t)change->key.size + change->id.size + change->body.body.size + CHANGE_OVERHEAD;
}

/* How many of `count` changes fit `room` bytes, and what they take; at least one, or `*fits` is false. */
static uint32_t take(const struct jd_change *changes, uint32_t count, size_t room, size_t *used, bool *fits)
{
    uint32_t taken = 0;
    *used = 0;
    while (taken < count && change_size(&changes[taken]) <= room - *used)
        *used += change_size(&changes[taken++]);
    *fits = taken > 0 || count == 0;
    return taken;
}

struct jd_object jd_journal_format(void)
{
    return jd_object_of(&jd_journal_record);
}

bool jd_journal_parts(const struct jd_object *format, const struct jd_journal *whole, size_t limit,
                      struct jd_arena *arena, struct jd_str **parts, uint32_t *count, struct jd_error *err)
{
    struct jd_journal part = *whole;
    part.part = part.of = INT64_MAX; /* the longest numbers, to measure the head */
    part.changes = (struct jd_list){0};
    size_t head = (size_t)jd_object_write(format, &part, arena).size + CHANGE_OVERHEAD;
    const struct jd_change *changes = whole->changes.items;
    uint32_t left = whole->changes.count, of = 0;
    size_t used;
    bool fits = head < limit;
    for (const struct jd_change *at = changes; fits && (of == 0 || left > 0); of++) {
        uint32_t taken = take(at, left, limit - head, &used, &fits);
        if (taken > 0)
            at += taken;
        left -= taken;
    }
    if (!fits)
        return jd_error_set(err, JD_EXIT_CONFIG,
                            "a change of seq %" PRId64
                            " is larger than a record of the journal may be (%zu bytes): "
                            "raise max.message.bytes of the journal topic",
                            whole->seq, limit);
    *parts = jd_arena_array(arena, of, sizeof **parts);
    *count = of;
    left = whole->changes.count;
    for (uint32_t i = 0; i < of; i++) {
        uint32_t taken = take(changes, left, limit - head, &used, &fits);
        part.part = (int64_t)i + 1;
        part.of = of;
        part.changes = (struct jd_list){changes, taken};
        struct jd_buf buf;
        jd_buf_init(&buf, arena);
        jd_buf_reserve(&buf, head + used);
        jd_object_append(format, &part, &buf);
        (*parts)[i] = jd_buf_done(&buf);
        if (taken > 0)
            changes += taken;
        left -= taken;
    }
    return true;
}

bool jd_journal_read(const struct jd_object *format, struct jd_str value, struct jd_arena *arena,
                     struct jd_journal *out, struct jd_error *err)
{
    if (!jd_object_read(format, value, arena, out, err))
        return jd_error_wrap(err, "a record of the journal cannot be read");
    if (out->seq < 1 || out->of < 1 || out->part < 1 || out->part > out->of)
        return jd_error_set(err, JD_EXIT_CONFIG,
                            "the journal is damaged: seq %" PRId64 " part %" PRId64 "/%" PRId64, out->seq,
                            out->part, out->of);
    return true;
}

bool jd_journal_follows(struct jd_journal_cursor *cursor, const struct jd_journal *record,
                        struct jd_error *err)
{
    bool next_part =
        record->seq == cursor->seq && record->part == cursor->part + 1 && record->of == cursor->of;
    bool next_seq =
        record->part == 1 && (cursor->seq == 0 || record->seq == cursor->seq + 1) && jd_journal_whole(cursor);
    if (!next_part && !next_seq)
        return jd_error_set(err, JD_EXIT_CONFIG,
                            "the journal is damaged: seq %" PRId64 " part %" PRId64 "/%" PRId64
                            " follows seq %" PRId64 " part %" PRId64 "/%" PRId64,
                            record->seq, record->part, record->of, cursor->seq, cursor->part, cursor->of);
    *cursor = (struct jd_journal_cursor){record->seq, record->part, record->of};
    return true;
}

bool jd_journal_whole(const struct jd_journal_cursor *cursor)
{
    return cursor->part == cursor->of;
}

bool jd_journal_redo(struct jd_fold *fold, const struct jd_journal *record, struct jd_error *err)
{
    const struct jd_change *changes = record->changes.items;
    for (uint32_t i = 0; i < record->changes.count; i++)
        if (!jd_fold_put(fold, &changes[i], err)) {
            jd_fold_undo(fold);
            return jd_error_wrap(err, "the journal's seq %" PRId64 " cannot be redone", record->seq);
        }
    jd_fold_set_now(fold, record->now_after);
    jd_fold_keep(fold);
    return true;
}

uint64_t jd_effect_digest(enum jd_topic topic, struct jd_str key, struct jd_str value, uint64_t digest)
{
    unsigned char byte = (unsigned char)topic;
    digest = XXH64(&byte, 1, digest);
    digest = XXH64(key.ptr, key.size, digest);
    return XXH64(value.ptr, value.size, digest);
}

int64_t jd_effects_digest(const struct jd_effect *effects, uint32_t count, struct jd_arena *arena)
{
    uint64_t digest = 0;
    struct jd_arena_mark mark = jd_arena_mark(arena);
    for (uint32_t i = 0; i < count; i++) {
        struct jd_str value = jd_avro_bytes(effects[i].record, effects[i].value, arena);
        digest = jd_effect_digest((enum jd_topic)effects[i].topic, effects[i].key, value, digest);
        jd_arena_rewind(arena, mark);
    }
    return (int64_t)digest;
}

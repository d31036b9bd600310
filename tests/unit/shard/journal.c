#include "shard/journal.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/avro.h"
#include "base/contract.h"
#include "base/str.h"
#include "engine/conflicts/evidence.h"
#include "engine/touches.h"

/* The journal record of a batch with `count` changes: shard entries under keys of their own, whose policy is
 * `size` bytes long. */
static struct jd_journal batch_of(struct jd_arena *arena, uint32_t count, uint32_t size)
{
    struct jd_change *changes = jd_arena_array(arena, count, sizeof *changes);
    for (uint32_t i = 0; i < count; i++) {
        char *policy = jd_arena_alloc(arena, size);
        memset(policy, 'a' + (int)(i % 26), size);
        struct jd_shard_entry entry = {.policy = {policy, size}};
        changes[i] = (struct jd_change){
            .key = jd_arena_printf(arena, "hcp:%u", i),
            .id = JD_STR("-"),
            .kind = JD_ENTRY_SHARD,
            .due = JD_TIME_NONE,
            .body = {JD_ENTRY_SHARD, jd_avro_bytes(jd_entry_records[JD_ENTRY_SHARD - 1], &entry, arena)},
        };
    }
    struct jd_range *range = jd_arena_alloc(arena, sizeof *range);
    *range = (struct jd_range){JD_STR("engagement.events"), 77, 1234};
    return (struct jd_journal){
        .lineage = JD_STR("0123456789abcdef0123456789abcdef"),
        .seq = 9,
        .engine = JD_STR("0.1.0"),
        .transactional_id = JD_STR("g-a-0"),
        .ranges = {range, 1},
        .applied = 3,
        .now_before = 1000,
        .now_after = 2000,
        .wall = JD_TIME_NONE,
        .ticked = JD_FALSE,
        .changes = {changes, count},
    };
}

/* Splits, reads every part back, redoes them, and counts: nothing is lost or doubled, no part is too large.
 */
static uint32_t round_trip(uint32_t count, uint32_t size, size_t limit)
{
    struct jd_arena arena;
    jd_arena_init(&arena, SIZE_MAX / 4);
    const struct jd_object format = jd_journal_format();
    struct jd_journal whole = batch_of(&arena, count, size);
    struct jd_str *parts;
    uint32_t part_count = 0;
    struct jd_error err = {0};
    cr_assert(jd_journal_parts(&format, &whole, limit, &arena, &parts, &part_count, &err), "%s", err.text);
    struct jd_fold *fold = jd_fold_new(NULL, jd_heap);
    struct jd_journal_cursor cursor = {0};
    uint32_t changes = 0;
    for (int twice = 0; twice < 2; twice++, cursor = (struct jd_journal_cursor){0})
        for (uint32_t i = 0; i < part_count; i++) {
            struct jd_journal part;
            cr_assert_leq(parts[i].size, limit);
            cr_assert(jd_journal_read(&format, parts[i], &arena, &part, &err), "%s", err.text);
            cr_assert(jd_journal_follows(&cursor, &part, &err), "%s", err.text);
            cr_assert_eq(jd_journal_whole(&cursor), i + 1 == part_count);
            cr_assert_eq(((const struct jd_range *)part.ranges.items)->next_offset, 77);
            cr_assert_eq(part.wall, JD_TIME_NONE);
            cr_assert(jd_journal_redo(fold, &part, &err), "%s", err.text);
            changes += twice == 0 ? part.changes.count : 0;
        }
    cr_assert_eq(changes, count);
    cr_assert_eq(jd_fold_key_count(fold), count, "redone twice, once is enough");
    cr_assert_eq(jd_fold_now(fold), 2000);
    jd_fold_free(fold);
    jd_arena_done(&arena);
    return part_count;
}

Test(journal, a_batch_is_split_under_the_limit_and_redone)
{
    cr_expect_eq(round_trip(0, 1, 2000), 1, "an empty batch is one part");
    cr_expect_eq(round_trip(5, 64, 100000), 1);
    cr_expect_gt(round_trip(100, 64, 1000), 10);
    cr_expect_gt(round_trip(1000, 60, 2000), 50);
}

Test(journal, what_cannot_fit_is_refused)
{
    struct jd_arena arena;
    jd_arena_init(&arena, SIZE_MAX / 4);
    const struct jd_object format = jd_journal_format();
    struct jd_journal whole = batch_of(&arena, 2, 64);
    struct jd_str *parts;
    uint32_t count;
    struct jd_error err = {0};
    cr_expect_not(jd_journal_parts(&format, &whole, 250, &arena, &parts, &count, &err));
    cr_expect_eq(err.code, JD_EXIT_CONFIG);
    cr_expect(strstr(err.text, "max.message.bytes") != NULL);
    jd_arena_done(&arena);
}

/* The most bytes that a value of `record` takes in Avro, by the bounds of the decoders and of evidence. */
static size_t most_bytes(const struct jd_record *record)
{
    enum { NUMBER = 11 }; /* a union's branch and 64 bits; more than a length or an enum takes */
    size_t bytes = 0;
    for (uint32_t i = 0; i < record->count; i++) {
        const struct jd_field *field = &record->fields[i];
        size_t text = JD_STRING_MAX + NUMBER, items = field->max != 0 ? field->max : JD_LIST_MAX;
        if (strcmp(field->name, "seen") == 0)
            items = JD_VERSIONS_MAX;
        if (strcmp(field->name, "evidence") == 0) {
            bytes += 2 * NUMBER + JD_EVIDENCE_BYTES_MAX;
            continue;
        }
        if (strcmp(field->name, "reasons") == 0)
            items = 4; /* the engine gives one */
        switch (field->kind) {
        case JD_STRING:
            bytes += (field->max != 0 ? field->max : JD_STRING_MAX) + NUMBER;
            break;
        case JD_LIST:
            bytes += 2 * NUMBER + items * (field->record != NULL ? most_bytes(field->record) : text);
            break;
        case JD_MAP:
            bytes += 2 * NUMBER + items * 2 * text;
            break;
        case JD_RECORD:
            bytes += NUMBER + most_bytes(field->record);
            break;
        case JD_DECIMAL:
            bytes += 64;
            break;
        case JD_ENUM:
        case JD_TIME:
        case JD_INT:
        case JD_BOOL:
        case JD_DOUBLE:
        case JD_VARIANT: /* none in an entry */
            bytes += NUMBER;
        }
    }
    return bytes;
}

/* No change is so large that the journal could not take it: a shard would stand still for ever. */
Test(journal, the_largest_change_fits)
{
    enum { HEAD = 4096 };
    for (size_t i = 0; jd_entry_records[i] != NULL; i++) {
        size_t most = most_bytes(jd_entry_records[i]);
        cr_expect_leq(most + HEAD, JD_JOURNAL_RECORD_MIN, "%s: %zu bytes", jd_entry_records[i]->name, most);
    }
    cr_expect_leq(2 * most_bytes(&jd_version_record), JD_EVIDENCE_BYTES_MAX, "a pair is never cut");
}

Test(journal, a_record_out_of_place_is_damage)
{
    struct {
        const char *name;
        struct jd_journal_cursor before;
        int64_t seq, part, of;
        bool follows;
    } rows[] = {
        {"first", {0, 0, 0}, 7, 1, 1, true},
        {"first is not a first part", {0, 0, 0}, 7, 2, 2, false},
        {"next seq", {7, 1, 1}, 8, 1, 3, true},
        {"next part", {8, 1, 3}, 8, 2, 3, true},
        {"seq left out", {7, 1, 1}, 9, 1, 1, false},
        {"seq again", {7, 1, 1}, 7, 1, 1, false},
        {"part left out", {8, 1, 3}, 8, 3, 3, false},
        {"batch not whole", {8, 2, 3}, 9, 1, 1, false},
        {"other count", {8, 1, 3}, 8, 2, 2, false},
    };
    for (size_t i = 0; i < JD_COUNT(rows); i++) {
        struct jd_journal record = {.seq = rows[i].seq, .part = rows[i].part, .of = rows[i].of};
        struct jd_error err = {0};
        cr_expect_eq(jd_journal_follows(&rows[i].before, &record, &err), rows[i].follows, "%s", rows[i].name);
    }
}

/* Everything that a reader sees of an effect moves the digest, and so does their order. */
Test(journal, digest_of_effects)
{
    struct jd_arena arena;
    jd_arena_init(&arena, SIZE_MAX / 4);
    struct jd_shard_entry one = {.policy = JD_STR("one")}, two = {.policy = JD_STR("two")};
    const struct jd_record *record = jd_entry_records[JD_ENTRY_SHARD - 1];
    const struct jd_effect a = {
        .topic = JD_TOPIC_ALERTS, .key = JD_STR("k"), .record = record, .value = &one};
    struct jd_effect other_topic = a, other_key = a, other_value = a;
    other_topic.topic = JD_TOPIC_DECISIONS;
    other_key.key = JD_STR("l");
    other_value.value = &two;
    const struct jd_effect forward[] = {a, other_value}, backward[] = {other_value, a};
    int64_t digests[] = {jd_effects_digest(&a, 0, &arena),           jd_effects_digest(&a, 1, &arena),
                         jd_effects_digest(&other_topic, 1, &arena), jd_effects_digest(&other_key, 1, &arena),
                         jd_effects_digest(&other_value, 1, &arena), jd_effects_digest(forward, 2, &arena),
                         jd_effects_digest(backward, 2, &arena)};
    cr_expect_eq(digests[0], 0);
    for (size_t i = 0; i < JD_COUNT(digests); i++)
        for (size_t k = i + 1; k < JD_COUNT(digests); k++)
            cr_expect_neq(digests[i], digests[k], "%zu and %zu", i, k);
    cr_expect_eq(jd_effects_digest(forward, 2, &arena), digests[5]);
    jd_arena_done(&arena);
}

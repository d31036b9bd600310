#include "shard/audit.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/clock.h"
#include "base/avro.h"
#include "base/contract.h"
#include "base/str.h"
#include "shard/intake.h"
#include "shard/journal.h"
#include "shard/layout.h"
#include "shard/published.h"
#include "shard/shard.h"
#include "wire/object.h"

enum {
    READ_AT_ONCE = 512,
    EDGES_TIMEOUT_MS = 10000,
    STALL_MS = 30000, /* nothing comes that must come */
    NAP_MS = 20,
};

/* An input being read along. */
struct source {
    const char *topic;
    struct jd_fetch *fetch;
    struct jd_message *messages; /* owned; read, not yet consumed by a batch */
    uint32_t count, capacity;
    int64_t low;  /* first offset still there */
    int64_t next; /* of the journal, before the batch */
    jd_time effective;
    bool known; /* the journal has named a position */
    uint32_t taken, in_batch;
    struct jd_intake head;
    bool head_ready;
};

struct jd_audit {
    struct jd_audit_config config;
    const struct jd_shared *shared;
    struct jd_audit_report report;
    struct jd_object journal_format, image_format;
    struct jd_reader *reader;
    struct jd_wire *wire;
    int bell;
    struct jd_arena arena;   /* of the batch */
    struct jd_arena scratch; /* within one call */
    struct jd_findings findings;
    struct jd_published *published;
    /* of the shard */
    int32_t partition;
    struct jd_fold *fold;
    struct source sources[JD_IN_COUNT];
    bool complete; /* every batch from seq 1 has been redone */
    int64_t seq, from;
    struct {
        const char *why; /* static; NULL: none */
        int64_t first, last;
    } redone; /* the range of batches that was only redone, and is not told yet */
};

/* ---- inputs ---------------------------------------------------------------------------------------- */

static void drop_messages(struct source *source, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        jd_message_release(&source->messages[i]);
    source->count -= count;
    memmove(source->messages, source->messages + count, source->count * sizeof *source->messages);
}

static void stop_source(struct source *source)
{
    if (source->count > 0)
        drop_messages(source, source->count);
    jd_fetch_stop(source->fetch);
    source->fetch = NULL;
}

/* Reads until every record below `until` is in memory. */
static bool read_until(struct jd_audit *audit, struct source *source, int64_t until, struct jd_error *err)
{
    if (source->fetch == NULL) {
        source->fetch = jd_reader_start(audit->reader, source->topic, audit->partition, source->next, err);
        if (source->fetch == NULL)
            return false;
    }
    int64_t deadline = jd_clock_mono() + STALL_MS;
    while (jd_fetch_position(source->fetch) < until) {
        if (source->capacity - source->count < READ_AT_ONCE) {
            source->capacity = source->capacity * 2 + READ_AT_ONCE;
            source->messages = realloc(source->messages, source->capacity * sizeof *source->messages);
            if (source->messages == NULL)
                abort();
        }
        uint32_t read = jd_fetch_read(source->fetch, source->messages + source->count, READ_AT_ONCE);
        source->count += read;
        if (read > 0) {
            deadline = jd_clock_mono() + STALL_MS;
            continue;
        }
        if (jd_fetch_status(source->fetch, err) != JD_KAFKA_OK)
            return false;
        if (jd_clock_mono() > deadline)
            return jd_error_set(err, JD_EXIT_UNAVAILABLE,
                                "%s/%" PRId32 " cannot be read up to offset %" PRId64, source->topic,
                                audit->partition, until);
        (void)jd_wake_wait(audit->bell, NAP_MS);
    }
    return true;
}

/* The records of the batch: those below its range's end. */
static bool gather(struct jd_audit *audit, const struct jd_journal *journal, struct jd_error *err)
{
    const struct jd_range *ranges = journal->ranges.items;
    for (uint32_t i = 0; i < journal->ranges.count; i++) {
        int role = jd_shard_role_of(ranges[i].topic);
        if (role == JD_IN_COUNT || audit->sources[role].topic == NULL)
            continue;
        struct source *source = &audit->sources[role];
        source->taken = source->in_batch = 0;
        source->head_ready = false;
        if (!source->known || ranges[i].next_offset <= source->next)
            continue;
        if (!read_until(audit, source, ranges[i].next_offset, err))
            return false;
        while (source->in_batch < source->count &&
               source->messages[source->in_batch].offset < ranges[i].next_offset)
            source->in_batch++;
    }
    return true;
}

static bool look(struct jd_audit *audit, int role, struct jd_error *err)
{
    struct source *source = &audit->sources[role];
    if (source->head_ready || source->taken == source->in_batch)
        return true;
    const struct jd_intake_rule rule = {audit->wire, audit->shared->settings->clock == JD_CLOCK_RECORD,
                                        audit->shared->partitions};
    int64_t deadline = jd_clock_mono() + STALL_MS;
    while (!jd_intake_read(&rule, (enum jd_shard_role)role, source->topic, &source->messages[source->taken],
                           source->effective, &audit->arena, &source->head)) {
        if (jd_clock_mono() > deadline)
            return jd_error_set(err, JD_EXIT_UNAVAILABLE, "the registry does not tell schema %" PRIu32,
                                source->head.decoded.schema_id);
        (void)jd_wake_wait(audit->bell, NAP_MS);
    }
    source->head_ready = true;
    return true;
}

/* ---- one batch --------------------------------------------------------------------------------------- */

static bool is_catching_up(struct jd_audit *audit)
{
    struct jd_shard_entry entry;
    struct jd_error ignored = {0};
    return jd_shard_entry_read(audit->fold, &audit->arena, &entry, &ignored) && entry.catching_up.count > 0;
}

static void decide_head(struct jd_audit *audit, struct source *source, jd_time effective,
                        struct jd_output *out, int64_t counts[JD_DEAD_LETTERED + 1])
{
    struct jd_intake *head = &source->head;
    if (effective != JD_TIME_NONE)
        (void)jd_fold_advance(audit->fold, effective, UINT32_MAX, out);
    enum jd_verdict verdict = JD_FILTERED;
    const char *reason = NULL;
    if (head->result == JD_WIRE_REJECT) {
        verdict = JD_DEAD_LETTERED;
        reason = head->decoded.reject.reason;
    } else if (head->result == JD_WIRE_INPUT) {
        head->decoded.input.effective = effective;
        verdict = jd_fold_input(audit->fold, &head->decoded.input, out, &reason);
    }
    counts[verdict]++;
    if (verdict == JD_DEAD_LETTERED)
        jd_published_refused(audit->published, &head->incoming, reason);
    source->effective = head->effective;
    source->taken++;
    source->head_ready = false;
}

/* How far the batch evaluated states again; false: it did not. */
static bool find_review(struct jd_audit *audit, const struct jd_journal *journal,
                        struct jd_program_entry *entry)
{
    const struct jd_change *changes = journal->changes.items;
    struct jd_error ignored;
    for (uint32_t i = journal->changes.count; i > 0; i--)
        if (changes[i - 1].kind == JD_ENTRY_PROGRAM)
            return jd_avro_read(jd_entry_records[JD_ENTRY_PROGRAM - 1], changes[i - 1].body.body,
                                &audit->arena, entry, &ignored);
    return false;
}

/* Decides the batch again, in the order that its ranges say. */
static bool decide(struct jd_audit *audit, const struct jd_journal *journal, struct jd_output *out,
                   int64_t counts[JD_DEAD_LETTERED + 1], struct jd_error *err)
{
    bool catching_up = is_catching_up(audit);
    jd_fold_set_now(audit->fold, journal->now_before);
    for (;;) {
        struct jd_head heads[JD_IN_COUNT];
        for (int i = 0; i < JD_IN_COUNT; i++) {
            if (!look(audit, i, err))
                return false;
            heads[i] = (struct jd_head){.absent = audit->sources[i].topic == NULL,
                                        .ready = audit->sources[i].head_ready,
                                        .at_end = true,
                                        .effective = audit->sources[i].head.effective};
        }
        int role = jd_order_next(heads);
        if (role < 0)
            break;
        jd_time effective = audit->sources[role].head.effective;
        if (catching_up)
            effective = JD_TIME_NONE;
        else if (journal->wall != JD_TIME_NONE && effective > journal->wall)
            effective = journal->wall;
        decide_head(audit, &audit->sources[role], effective, out, counts);
    }
    int64_t timers = journal->timers - (int64_t)out->timers;
    struct jd_program_entry reviewed;
    if (timers > 0 || journal->ticked == JD_TRUE)
        (void)jd_fold_advance(audit->fold, journal->now_after,
                              timers < 0            ? 0
                              : timers > UINT32_MAX ? UINT32_MAX
                                                    : (uint32_t)timers,
                              out);
    if (!find_review(audit, journal, &reviewed))
        return true;
    const struct jd_review_limit limit = {UINT32_MAX, UINT32_MAX, UINT64_MAX,
                                          reviewed.reviewing == JD_TRUE ? reviewed.reviewed
                                                                        : (struct jd_str){0}};
    (void)jd_fold_review(audit->fold, &limit, out);
    return true;
}

static bool same_change(const struct jd_change *a, const struct jd_change *b)
{
    return jd_str_eq(a->key, b->key) && a->kind == b->kind && jd_str_eq(a->id, b->id) &&
           a->body.branch == b->body.branch &&
           (a->body.branch == 0 || (a->due == b->due && jd_str_eq(a->body.body, b->body.body)));
}

/* What stands at one place of a list of changes. */
static const char *say_change(const struct jd_change *changes, uint32_t count, uint32_t at, char *text,
                              size_t size)
{
    if (at >= count) {
        (void)snprintf(text, size, "nothing");
        return text;
    }
    const struct jd_change *change = &changes[at];
    const struct jd_str kind = jd_symbol_text(&jd_entry_symbols, change->kind);
    if (change->body.branch == 0)
        (void)snprintf(text, size, JD_STR_FMT " of " JD_STR_FMT ", removed", JD_STR_ARG(kind),
                       JD_STR_ARG(change->key));
    else
        (void)snprintf(text, size, JD_STR_FMT " of " JD_STR_FMT ", due %" PRId64 ", %zu bytes",
                       JD_STR_ARG(kind), JD_STR_ARG(change->key), change->due,
                       (size_t)change->body.body.size);
    return text;
}

static void compare(struct jd_audit *audit, const struct jd_journal *journal, const struct jd_output *out,
                    const int64_t counts[JD_DEAD_LETTERED + 1])
{
    int32_t shard = audit->partition;
    const struct jd_change *changes = journal->changes.items;
    uint32_t at = 0;
    while (at < journal->changes.count && at < out->change_count &&
           same_change(&changes[at], &out->changes[at]))
        at++;
    if (at < journal->changes.count || at < out->change_count) {
        char there[512], again[512];
        jd_finding(&audit->findings, true,
                   "shard %" PRId32 " seq %" PRId64 ": change %" PRIu32 " of %" PRIu32
                   " is %s; decided again, of "
                   "%" PRIu32 ": %s",
                   shard, journal->seq, at, journal->changes.count,
                   say_change(changes, journal->changes.count, at, there, sizeof there), out->change_count,
                   say_change(out->changes, out->change_count, at, again, sizeof again));
    }
    const struct {
        const char *name;
        int64_t journal, again;
    } numbers[] = {
        {"applied", journal->applied, counts[JD_APPLIED]},
        {"duplicates", journal->duplicates, counts[JD_DUPLICATE]},
        {"filtered", journal->filtered, counts[JD_FILTERED]},
        {"dead_lettered", journal->dead_lettered, counts[JD_DEAD_LETTERED]},
        {"timers", journal->timers, (int64_t)out->timers},
        {"now_after", journal->now_after, jd_fold_now(audit->fold)},
        {"effects", journal->effects, out->effect_count},
        {"effects_digest", journal->effects_digest,
         jd_effects_digest(out->effects, out->effect_count, &audit->arena)},
    };
    for (size_t i = 0; i < JD_COUNT(numbers); i++)
        if (numbers[i].journal != numbers[i].again)
            jd_finding(&audit->findings, true,
                       "shard %" PRId32 " seq %" PRId64 ": %s is %" PRId64 ", decided again %" PRId64, shard,
                       journal->seq, numbers[i].name, numbers[i].journal, numbers[i].again);
}

static bool is_reset(const struct jd_journal *journal)
{
    const struct jd_str end = JD_STR(JD_ENGINE_RESET);
    return journal->engine.size >= end.size &&
           memcmp(journal->engine.ptr + journal->engine.size - end.size, end.ptr, end.size) == 0;
}

/* Why the batch cannot be decided again; NULL: it can. Static. */
static const char *obstacle(struct jd_audit *audit, const struct jd_journal *journal)
{
    if (is_reset(journal))
        return "a person reset the shard";
    if (!audit->complete)
        return "the journal's first records are gone";
    if (!jd_str_eq(journal->engine, JD_STR(JD_VERSION)))
        return "another version of the engine decided";
    if (jd_policies_find(audit->shared->policies, journal->policy) == NULL)
        return "its policy is not on journeyd.policies";
    const struct jd_range *ranges = journal->ranges.items;
    for (uint32_t i = 0; i < journal->ranges.count; i++) {
        int role = jd_shard_role_of(ranges[i].topic);
        if (role == JD_IN_COUNT || audit->sources[role].topic == NULL)
            return "an input is not configured any more";
        const struct source *source = &audit->sources[role];
        if (source->known && ranges[i].next_offset > source->next && source->next < source->low)
            return "its inputs were removed by retention";
    }
    return NULL;
}

/* A batch in which the shell only says something: policy, inputs, how far profiles are caught up. It changes the
 * shard's own entry, which no decision does. */
static bool is_announcement(const struct jd_journal *journal)
{
    const struct jd_change *changes = journal->changes.items;
    bool says = false;
    for (uint32_t i = 0; i < journal->changes.count; i++)
        says |= changes[i].kind == JD_ENTRY_SHARD;
    return says && journal->applied + journal->duplicates + journal->filtered + journal->dead_lettered +
                           journal->timers ==
                       0;
}

static void count_batch(struct jd_audit *audit, const struct jd_journal *journal)
{
    struct jd_audit_report *report = &audit->report;
    report->batches++;
    report->applied += journal->applied;
    report->duplicates += journal->duplicates;
    report->filtered += journal->filtered;
    report->dead_lettered += journal->dead_lettered;
    report->timers += journal->timers;
}

static bool decide_again(struct jd_audit *audit, const struct jd_journal *journal, struct jd_error *err)
{
    struct jd_output out = {.arena = &audit->arena};
    int64_t counts[JD_DEAD_LETTERED + 1] = {0};
    jd_fold_set_program(audit->fold, jd_policies_find(audit->shared->policies, journal->policy));
    if (!gather(audit, journal, err) || !decide(audit, journal, &out, counts, err))
        return false;
    compare(audit, journal, &out, counts);
    jd_published_effects(audit->published, journal->seq, &out);
    audit->report.decided_again++;
    for (int i = 0; i < JD_IN_COUNT; i++) {
        audit->report.records += audit->sources[i].in_batch;
        if (audit->sources[i].in_batch > 0)
            drop_messages(&audit->sources[i], audit->sources[i].in_batch);
        audit->sources[i].in_batch = 0;
    }
    jd_fold_undo(audit->fold);
    return true;
}

static void tell_redone(struct jd_audit *audit)
{
    if (audit->redone.why != NULL && audit->redone.first == audit->redone.last)
        jd_finding(&audit->findings, false, "shard %" PRId32 " seq %" PRId64 ": only redone: %s",
                   audit->partition, audit->redone.first, audit->redone.why);
    else if (audit->redone.why != NULL)
        jd_finding(&audit->findings, false,
                   "shard %" PRId32 " seq %" PRId64 " to %" PRId64 ": only redone: %s", audit->partition,
                   audit->redone.first, audit->redone.last, audit->redone.why);
    audit->redone.why = NULL;
}

/* A batch that is redone, and not decided: by count and digest its outputs can be held against it. */
static void note_redone(struct jd_audit *audit, const struct jd_journal *journal, const char *why_not)
{
    int64_t before[JD_IN_COUNT];
    for (int i = 0; i < JD_IN_COUNT; i++) {
        before[i] = audit->sources[i].known ? audit->sources[i].next : JD_OFFSET_NONE;
        stop_source(&audit->sources[i]);
    }
    if (journal->seq < audit->from)
        return;
    audit->report.only_redone++;
    jd_published_redone(audit->published, journal, before);
    if (why_not == NULL)
        return;
    if (audit->redone.why != why_not || audit->redone.last + 1 != journal->seq) {
        tell_redone(audit);
        audit->redone.why = why_not;
        audit->redone.first = journal->seq;
    }
    audit->redone.last = journal->seq;
}

static bool audit_batch(struct jd_audit *audit, const struct jd_journal *journal, struct jd_error *err)
{
    audit->complete |= journal->seq == 1 && !is_reset(journal);
    bool wanted = journal->seq >= audit->from;
    if (wanted)
        count_batch(audit, journal);
    bool announcement = is_announcement(journal);
    const char *why_not = announcement ? NULL : obstacle(audit, journal);
    if (!wanted || announcement || why_not != NULL)
        note_redone(audit, journal, why_not);
    else if (!decide_again(audit, journal, err))
        return false;
    const struct jd_range *ranges = journal->ranges.items;
    for (uint32_t i = 0; i < journal->ranges.count; i++) {
        int role = jd_shard_role_of(ranges[i].topic);
        if (role == JD_IN_COUNT)
            continue;
        audit->sources[role].next = ranges[i].next_offset;
        audit->sources[role].effective = ranges[i].effective_time;
        audit->sources[role].known = true;
    }
    if (!jd_journal_redo(audit->fold, journal, err))
        return false;
    /* As the daemon does once it is committed: what it compiled follows from the entries of that moment. */
    if (announcement)
        jd_fold_set_program(audit->fold, jd_policies_find(audit->shared->policies, journal->policy));
    return true;
}

/* ---- one shard ----------------------------------------------------------------------------------------- */

/* Parts of a batch on their way to being whole; everything in the arena of the batch. */
struct assembly {
    struct jd_journal_cursor cursor;
    struct jd_journal journal;
    struct jd_change *changes;
    uint32_t count, capacity;
};

static bool add_part(struct jd_audit *audit, struct assembly *assembly, struct jd_str value,
                     struct jd_error *err)
{
    if (assembly->cursor.part == 0 || jd_journal_whole(&assembly->cursor)) {
        jd_arena_reset(&audit->arena);
        assembly->changes = NULL;
        assembly->count = assembly->capacity = 0;
    }
    struct jd_journal part;
    if (!jd_journal_read(&audit->journal_format, jd_arena_str(&audit->arena, value), &audit->arena, &part,
                         err) ||
        !jd_journal_follows(&assembly->cursor, &part, err))
        return jd_error_wrap(err, "shard %" PRId32, audit->partition);
    const struct jd_change *changes = part.changes.items;
    for (uint32_t i = 0; i < part.changes.count; i++) {
        if (assembly->count == assembly->capacity)
            assembly->changes = jd_arena_grow(&audit->arena, assembly->changes, assembly->count,
                                              &assembly->capacity, sizeof *assembly->changes);
        assembly->changes[assembly->count++] = changes[i];
    }
    assembly->journal = part;
    assembly->journal.changes = (struct jd_list){assembly->changes, assembly->count};
    return true;
}

static void end_shard(struct jd_audit *audit)
{
    for (int i = 0; i < JD_IN_COUNT; i++) {
        stop_source(&audit->sources[i]);
        free(audit->sources[i].messages);
        audit->sources[i] = (struct source){0};
    }
    jd_fold_free(audit->fold);
    audit->fold = NULL;
}

static bool edge_of(struct jd_audit *audit, const char *topic, enum jd_edge edge, int64_t *offset,
                    struct jd_error *err)
{
    struct jd_position position = {topic, audit->partition, JD_OFFSET_NONE};
    if (jd_reader_edges(audit->reader, edge, &position, 1, EDGES_TIMEOUT_MS, err) != JD_KAFKA_OK)
        return false;
    *offset = position.offset;
    return true;
}

static bool begin_shard(struct jd_audit *audit, int32_t partition, int64_t from, struct jd_error *err)
{
    end_shard(audit);
    audit->partition = partition;
    audit->from = from;
    audit->complete = false;
    audit->seq = 0;
    audit->fold = jd_shard_fold_new();
    if (audit->fold == NULL)
        return jd_error_set(err, JD_EXIT_INTERNAL, "out of memory for a shard");
    const char *topics[JD_IN_COUNT];
    jd_shared_inputs(audit->shared, topics);
    for (int i = 0; i < JD_IN_COUNT; i++) {
        audit->sources[i].topic = topics[i];
        if (topics[i] != NULL && !edge_of(audit, topics[i], JD_EDGE_START, &audit->sources[i].low, err))
            return false;
    }
    return true;
}

static bool on_message(struct jd_audit *audit, struct assembly *assembly, const struct jd_message *message,
                       struct jd_error *err)
{
    if (!add_part(audit, assembly, message->value, err))
        return false;
    if (!jd_journal_whole(&assembly->cursor))
        return true;
    const struct jd_journal *journal = &assembly->journal;
    if (audit->seq == 0) /* a journal that begins with a reset stands for all batches up to that one */
        jd_published_begin(audit->published, audit->partition, journal->lineage,
                           journal->seq + (is_reset(journal) ? 1 : 0));
    audit->seq = journal->seq;
    return audit_batch(audit, journal, err);
}

bool jd_audit_shard(struct jd_audit *audit, int32_t partition, int64_t from, int64_t to, struct jd_error *err)
{
    const char *topic = audit->shared->outs[JD_OUT_JOURNAL].topic;
    int64_t low, high;
    if (!begin_shard(audit, partition, from, err) || !edge_of(audit, topic, JD_EDGE_START, &low, err) ||
        !edge_of(audit, topic, JD_EDGE_END, &high, err))
        return false;
    if (low >= high)
        return true;
    struct jd_fetch *fetch = jd_reader_start(audit->reader, topic, partition, low, err);
    if (fetch == NULL)
        return false;
    struct assembly assembly = {0};
    int64_t deadline = jd_clock_mono() + STALL_MS;
    bool good = true, done = false;
    while (good && !done) {
        struct jd_message message;
        if (jd_fetch_read(fetch, &message, 1) == 1) {
            good = on_message(audit, &assembly, &message, err);
            jd_message_release(&message);
            done = to > 0 && audit->seq >= to;
            deadline = jd_clock_mono() + STALL_MS;
        } else if (jd_fetch_position(fetch) >= high) {
            done = true;
        } else if (jd_fetch_status(fetch, err) != JD_KAFKA_OK) {
            good = false;
        } else if (jd_clock_mono() > deadline) {
            good = jd_error_set(err, JD_EXIT_UNAVAILABLE, "%s/%" PRId32 " cannot be read to its end", topic,
                                partition);
        } else {
            (void)jd_wake_wait(audit->bell, NAP_MS);
        }
    }
    jd_fetch_stop(fetch);
    tell_redone(audit);
    return good;
}

/* ---- the image -------------------------------------------------------------------------------------------
 */

struct image_check {
    struct jd_audit *audit;
    size_t states;
    int64_t seq;
};

static bool on_meta(void *context, uint32_t key_index, struct jd_str field, struct jd_str value)
{
    struct image_check *check = context;
    (void)key_index;
    char text[24];
    if (jd_str_eq(field, JD_STR("seq")) && value.size < sizeof text) {
        memcpy(text, value.ptr, value.size);
        text[value.size] = '\0';
        check->seq = strtoll(text, NULL, 10);
    }
    return true;
}

static bool on_state(void *context, uint32_t key_index, struct jd_str field, struct jd_str value)
{
    struct image_check *check = context;
    struct jd_audit *audit = check->audit;
    struct jd_arena_mark mark = jd_arena_mark(&audit->scratch);
    struct jd_image image;
    bool held = jd_fold_image(audit->fold, field, &audit->scratch, &image);
    if (jd_bucket_of(field) != key_index)
        jd_finding(&audit->findings, true,
                   "shard %" PRId32 ": a state lies in bucket %02" PRIx32 ", not its own", audit->partition,
                   key_index);
    else if (!held)
        jd_finding(&audit->findings, true, "shard %" PRId32 ": Redis holds a state that the journal does not",
                   audit->partition);
    else if (!jd_str_eq(jd_object_write(&audit->image_format, &image, &audit->scratch), value))
        jd_finding(&audit->findings, true, "shard %" PRId32 ": a state in Redis differs from the journal's",
                   audit->partition);
    check->states++;
    jd_arena_rewind(&audit->scratch, mark);
    return true;
}

bool jd_audit_image(struct jd_audit *audit, struct jd_error *err)
{
    if (!audit->complete && audit->seq > 0) {
        jd_finding(&audit->findings, false,
                   "shard %" PRId32
                   ": the image in Redis is not compared: the journal's first records are gone",
                   audit->partition);
        return true;
    }
    struct jd_arena_mark mark = jd_arena_mark(&audit->scratch);
    struct image_check check = {.audit = audit, .seq = -1};
    struct jd_str group = audit->shared->settings->group;
    struct jd_str keys[JD_BUCKETS], meta = jd_meta_key(group, audit->partition, &audit->scratch);
    for (int i = 0; i < JD_BUCKETS; i++)
        keys[i] = jd_bucket_key(group, audit->partition, (uint8_t)i, &audit->scratch);
    bool good = jd_redis_load(audit->config.redis, &meta, 1, on_meta, &check, err) == JD_REDIS_OK;
    if (good && check.seq != audit->seq)
        jd_finding(&audit->findings, true,
                   "shard %" PRId32 ": the image in Redis is of seq %" PRId64
                   ", the journal ends at %" PRId64,
                   audit->partition, check.seq, audit->seq);
    else if (good)
        good = jd_redis_load(audit->config.redis, keys, JD_BUCKETS, on_state, &check, err) == JD_REDIS_OK;
    if (good && check.seq == audit->seq && check.states != jd_fold_key_count(audit->fold))
        jd_finding(&audit->findings, true, "shard %" PRId32 ": Redis holds %zu states, the journal %zu",
                   audit->partition, check.states, jd_fold_key_count(audit->fold));
    audit->report.states += (int64_t)check.states;
    jd_arena_rewind(&audit->scratch, mark);
    return good;
}

bool jd_audit_published(struct jd_audit *audit, bool whole, struct jd_error *err)
{
    bool good = jd_published_check(audit->published, whole, err);
    struct jd_published_counts counts = jd_published_counts(audit->published);
    audit->report.effects = counts.effects;
    audit->report.dead_letters = counts.dead_letters;
    audit->report.published = counts.found;
    audit->report.published_dead = counts.found_dead;
    audit->report.differences = audit->findings.differences;
    return good;
}

const struct jd_audit_report *jd_audit_report(const struct jd_audit *audit)
{
    return &audit->report;
}

struct jd_audit *jd_audit_open(const struct jd_audit_config *config, struct jd_error *err)
{
    struct jd_audit *audit = calloc(1, sizeof *audit);
    if (audit == NULL) {
        (void)jd_error_set(err, JD_EXIT_INTERNAL, "out of memory");
        return NULL;
    }
    audit->config = *config;
    audit->shared = config->shared;
    audit->journal_format = jd_journal_format();
    audit->image_format = jd_object_of(&jd_image_record);
    audit->bell = JD_WAKE_NONE;
    jd_arena_init(&audit->arena, SIZE_MAX / 4);
    jd_arena_init(&audit->scratch, SIZE_MAX / 4);
    audit->findings = (struct jd_findings){.say = config->say, .context = config->context};
    if (jd_wake_open(&audit->bell, err)) {
        const struct jd_reader_config reader = {.isolation = JD_READ_COMMITTED, .bell = audit->bell};
        if (audit->shared->registry != NULL)
            jd_registry_bell(audit->shared->registry, audit->bell);
        audit->reader = jd_reader_open(&audit->shared->kafka, &reader, err);
        audit->wire = jd_wire_new(&audit->shared->wire, err);
    }
    if (audit->reader != NULL)
        audit->published = jd_published_new(audit->shared, audit->reader, audit->bell, &audit->findings);
    if (audit->published == NULL || audit->wire == NULL) {
        jd_audit_close(audit);
        return NULL;
    }
    return audit;
}

void jd_audit_close(struct jd_audit *audit)
{
    if (audit == NULL)
        return;
    end_shard(audit);
    jd_published_free(audit->published);
    if (audit->reader != NULL)
        jd_reader_close(audit->reader);
    jd_wire_free(audit->wire);
    jd_wake_close(&audit->bell);
    jd_arena_done(&audit->arena);
    jd_arena_done(&audit->scratch);
    free(audit);
}

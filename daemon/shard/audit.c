#include "shard/audit.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/clock.h"
#include "base/avro.h"
#include "base/contract.h"
#include "base/str.h"
#include "shard/journal.h"
#include "shard/likeness.h"
#include "shard/published.h"
#include "shard/reread.h"
#include "shard/shard.h"

enum {
    EDGES_TIMEOUT_MS = 10000,
    STALL_MS = 30000, /* nothing comes that must come */
    NAP_MS = 20,
};

struct jd_audit {
    struct jd_audit_config config;
    const struct jd_shared *shared;
    struct jd_audit_report report;
    struct jd_object journal_format;
    struct jd_reader *reader;
    struct jd_wire *wire;
    int bell;
    struct jd_reread_by by;
    struct jd_arena arena; /* of the batch */
    struct jd_findings findings;
    struct jd_published *published;
    /* of the shard */
    int32_t partition;
    struct jd_fold *fold;
    struct jd_reread inputs[JD_IN_COUNT]; /* by role */
    bool complete;                        /* every batch from seq 1 has been redone */
    int64_t seq, from;
    struct {
        const char *why; /* static; NULL: none */
        int64_t first, last;
    } redone; /* the range of batches that was only redone, and is not told yet */
};

/* ---- one batch --------------------------------------------------------------------------------------- */

static bool is_catching_up(struct jd_audit *audit)
{
    struct jd_shard_entry entry;
    struct jd_error ignored = {0};
    return jd_shard_entry_read(audit->fold, &audit->arena, &entry, &ignored) && entry.catching_up.count > 0;
}

static void decide_head(struct jd_audit *audit, struct jd_reread *input, jd_time effective,
                        struct jd_output *out, int64_t counts[JD_DEAD_LETTERED + 1])
{
    struct jd_intake *head = &input->head;
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
    jd_reread_take(input);
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
            struct jd_reread *input = &audit->inputs[i];
            if (!jd_reread_look(input, &audit->arena, err))
                return false;
            heads[i] = (struct jd_head){.absent = input->topic == NULL,
                                        .ready = input->head_ready,
                                        .at_end = true,
                                        .effective = input->head.effective};
        }
        int role = jd_order_next(heads);
        if (role < 0)
            break;
        jd_time effective = audit->inputs[role].head.effective;
        if (catching_up)
            effective = JD_TIME_NONE;
        else if (journal->wall != JD_TIME_NONE && effective > journal->wall)
            effective = journal->wall;
        decide_head(audit, &audit->inputs[role], effective, out, counts);
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
        if (role == JD_IN_COUNT || audit->inputs[role].topic == NULL)
            return "an input is not configured any more";
        const struct jd_reread *input = &audit->inputs[role];
        if (input->next != JD_OFFSET_NONE && ranges[i].next_offset > input->next && input->next < input->low)
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

/* The records of the batch: those below the ends of its ranges. */
static bool gather(struct jd_audit *audit, const struct jd_journal *journal, struct jd_error *err)
{
    const struct jd_range *ranges = journal->ranges.items;
    for (uint32_t i = 0; i < journal->ranges.count; i++) {
        int role = jd_shard_role_of(ranges[i].topic);
        if (role != JD_IN_COUNT && audit->inputs[role].topic != NULL &&
            !jd_reread_batch(&audit->inputs[role], ranges[i].next_offset, err))
            return false;
    }
    return true;
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
        audit->report.records += audit->inputs[i].in_batch;
        jd_reread_end_batch(&audit->inputs[i]);
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
        before[i] = audit->inputs[i].next;
        jd_reread_skip(&audit->inputs[i]);
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
        if (role != JD_IN_COUNT)
            jd_reread_pass(&audit->inputs[role], ranges[i].next_offset, ranges[i].effective_time);
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
    for (int i = 0; i < JD_IN_COUNT; i++)
        jd_reread_stop(&audit->inputs[i]);
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
    for (int i = 0; i < JD_IN_COUNT; i++)
        if (!jd_reread_begin(&audit->inputs[i], &audit->by, (enum jd_shard_role)i, topics[i], partition, err))
            return false;
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

/* ---- the image and the outputs ------------------------------------------------------------------------- */

bool jd_audit_image(struct jd_audit *audit, struct jd_error *err)
{
    if (!audit->complete && audit->seq > 0) {
        jd_finding(&audit->findings, false,
                   "shard %" PRId32
                   ": the image in Redis is not compared: the journal's first records are gone",
                   audit->partition);
        return true;
    }
    const struct jd_likeness likeness = {.redis = audit->config.redis,
                                         .group = audit->shared->settings->group,
                                         .partition = audit->partition,
                                         .fold = audit->fold,
                                         .seq = audit->seq};
    return jd_likeness_check(&likeness, &audit->findings, &audit->report.states, err);
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
    audit->bell = JD_WAKE_NONE;
    jd_arena_init(&audit->arena, SIZE_MAX / 4);
    audit->findings = (struct jd_findings){.say = config->say, .context = config->context};
    if (jd_wake_open(&audit->bell, err)) {
        const struct jd_reader_config reader = {.isolation = JD_READ_COMMITTED, .bell = audit->bell};
        if (audit->shared->registry != NULL)
            jd_registry_bell(audit->shared->registry, audit->bell);
        audit->reader = jd_reader_open(&audit->shared->kafka, &reader, err);
        audit->wire = jd_wire_new(&audit->shared->wire, err);
        audit->by = (struct jd_reread_by){
            audit->reader,
            audit->bell,
            {audit->wire, audit->shared->settings->clock == JD_CLOCK_RECORD, audit->shared->partitions}};
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
    free(audit);
}

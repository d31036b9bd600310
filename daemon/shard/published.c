#include "shard/published.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/clock.h"
#include "base/avro.h"
#include "base/contract.h"
#include "base/str.h"
#include "shard/journal.h"
#include "shard/shard.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

enum {
    READ_AT_ONCE = 512,
    EDGES_TIMEOUT_MS = 10000,
    STALL_MS = 30000, /* nothing comes that must come */
    NAP_MS = 20,
    HEADERS_MAX = 64,
};

/* Records that batches made: id (of origin or place) -> digest of what was written. */
struct made {
    uint64_t id, digest;
    bool found;
};
struct made_set {
    struct made *slots; /* owned; id 0: free; a power of two */
    size_t count, capacity;
};

/* A batch that was only redone. */
struct redone {
    int32_t shard;
    int64_t seq, effects, digest, dead, dead_found;
    int64_t start[JD_IN_COUNT], end[JD_IN_COUNT]; /* its ranges; start == end: nothing of it */
    bool is_dead_known;                           /* where the ranges begin is known */
};

/* A published effect of such a batch; `bytes` (key, then canonical Avro) lie in the arena. */
struct piece {
    int32_t shard;
    int64_t seq;
    uint32_t ordinal;
    enum jd_topic topic;
    struct jd_str key, value;
    bool is_cut; /* not all of its evidence was published */
};

struct shard_known {
    char lineage[JD_ID_SIZE]; /* "": not audited */
    int64_t complete_from;
    int64_t input_from[JD_IN_COUNT]; /* the journal knows the inputs from here on; JD_OFFSET_NONE: unknown */
};

struct jd_published {
    const struct jd_shared *shared;
    struct jd_reader *reader;
    int bell;
    struct jd_findings *findings;
    struct jd_published_counts counts;
    struct made_set effects, dead;
    struct shard_known *shards; /* owned; by partition */
    int32_t partition;          /* of the shard that is audited */
    struct redone *redone;      /* owned; sorted by shard and seq, for shards are audited in order */
    size_t redone_count, redone_capacity;
    struct piece *pieces; /* owned */
    size_t piece_count, piece_capacity;
    struct jd_arena kept;    /* of pieces */
    struct jd_arena scratch; /* within one call */
    bool whole;
    bool is_output_gone; /* retention removed records of an output: what is missing may have been there */
};

/* ---- records that batches made --------------------------------------------------------------------- */

static struct made *slot_of(const struct made_set *set, uint64_t id)
{
    size_t at = id & (set->capacity - 1);
    while (set->slots[at].id != 0 && set->slots[at].id != id)
        at = (at + 1) & (set->capacity - 1);
    return &set->slots[at];
}

static void add_made(struct made_set *set, uint64_t id, uint64_t digest)
{
    if (set->count * 2 >= set->capacity) {
        struct made_set larger = {.capacity = set->capacity == 0 ? 1024 : set->capacity * 2,
                                  .count = set->count};
        larger.slots = calloc(larger.capacity, sizeof *larger.slots);
        if (larger.slots == NULL)
            abort();
        for (size_t i = 0; i < set->capacity; i++)
            if (set->slots[i].id != 0)
                *slot_of(&larger, set->slots[i].id) = set->slots[i];
        free(set->slots);
        *set = larger;
    }
    *slot_of(set, id) = (struct made){id, digest, false};
    set->count++;
}

static uint64_t digest_str(struct jd_str text, uint64_t digest)
{
    digest = XXH64(&text.size, sizeof text.size, digest + (text.ptr != NULL));
    return text.ptr == NULL ? digest : XXH64(text.ptr, text.size, digest);
}

static uint64_t digest_record(struct jd_str key, struct jd_str value, const struct jd_header *headers,
                              uint32_t count)
{
    uint64_t digest = digest_str(value, digest_str(key, 1));
    for (uint32_t i = 0; i < count; i++)
        digest = digest_str(headers[i].value, digest_str(headers[i].name, digest));
    return digest;
}

static uint64_t id_of(struct jd_str text, uint64_t seed)
{
    uint64_t id = XXH64(text.ptr, text.size, seed);
    return id == 0 ? 1 : id;
}

static struct jd_str header_of(const struct jd_header *headers, uint32_t count, const char *name)
{
    for (uint32_t i = 0; i < count; i++)
        if (jd_str_eq(headers[i].name, jd_str_of(name)))
            return headers[i].value;
    return (struct jd_str){0};
}

static struct jd_str place_of(struct jd_str topic, int64_t partition, int64_t offset, struct jd_arena *arena)
{
    return jd_arena_printf(arena, JD_STR_FMT "/%" PRId64 "/%" PRId64, JD_STR_ARG(topic), partition, offset);
}

void jd_published_begin(struct jd_published *p, int32_t partition, struct jd_str lineage,
                        int64_t complete_from)
{
    struct shard_known *known = &p->shards[partition];
    (void)snprintf(known->lineage, sizeof known->lineage, JD_STR_FMT, JD_STR_ARG(lineage));
    known->complete_from = complete_from;
    for (int i = 0; i < JD_IN_COUNT; i++)
        known->input_from[i] = JD_OFFSET_NONE;
    p->partition = partition;
}

void jd_published_effects(struct jd_published *p, int64_t seq, const struct jd_output *out)
{
    for (uint32_t i = 0; i < out->effect_count; i++) {
        struct jd_arena_mark mark = jd_arena_mark(&p->scratch);
        struct jd_outgoing record;
        jd_shared_effect(p->shared, &out->effects[i], p->shards[p->partition].lineage, p->partition, seq, i,
                         &p->scratch, &record);
        struct jd_str origin = header_of(record.headers, record.header_count, "jd_origin");
        add_made(&p->effects, id_of(origin, (uint64_t)jd_out_of(out->effects[i].topic)),
                 digest_record(record.key, record.value, record.headers, record.header_count));
        jd_arena_rewind(&p->scratch, mark);
    }
    p->counts.effects += out->effect_count;
}

void jd_published_refused(struct jd_published *p, const struct jd_incoming *incoming, const char *reason)
{
    struct jd_arena_mark mark = jd_arena_mark(&p->scratch);
    struct jd_str place = place_of(incoming->topic, incoming->partition, incoming->offset, &p->scratch);
    add_made(&p->dead, id_of(place, 0), digest_str(jd_str_of(reason), 1));
    jd_arena_rewind(&p->scratch, mark);
    p->counts.dead_letters++;
}

/* ---- batches that were only redone -------------------------------------------------------------------- */

static void *grow(void *items, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity)
        return items;
    *capacity = *capacity * 2 + 64;
    items = realloc(items, *capacity * size);
    if (items == NULL)
        abort();
    return items;
}

void jd_published_redone(struct jd_published *p, const struct jd_journal *journal,
                         const int64_t before[JD_IN_COUNT])
{
    struct shard_known *known = &p->shards[p->partition];
    struct redone redone = {.shard = p->partition,
                            .seq = journal->seq,
                            .effects = journal->effects,
                            .digest = journal->effects_digest,
                            .dead = journal->dead_lettered,
                            .is_dead_known = true};
    for (int i = 0; i < JD_IN_COUNT; i++)
        redone.start[i] = redone.end[i] = INT64_MAX; /* an input that is not there any more */
    const struct jd_range *ranges = journal->ranges.items;
    for (uint32_t i = 0; i < journal->ranges.count; i++) {
        int role = jd_shard_role_of(ranges[i].topic);
        if (role == JD_IN_COUNT)
            continue;
        redone.is_dead_known &= before[role] != JD_OFFSET_NONE || journal->seq == 1;
        redone.end[role] = ranges[i].next_offset;
        redone.start[role] = before[role] == JD_OFFSET_NONE ? ranges[i].next_offset : before[role];
        if (known->input_from[role] == JD_OFFSET_NONE)
            known->input_from[role] = redone.start[role];
    }
    if (journal->seq < known->complete_from)
        return;
    p->redone = grow(p->redone, p->redone_count, &p->redone_capacity, sizeof *p->redone);
    p->redone[p->redone_count++] = redone;
    p->counts.effects += journal->effects;
    p->counts.dead_letters += journal->dead_lettered;
}

static struct redone *redone_of(const struct jd_published *p, int32_t shard, int64_t seq)
{
    size_t low = 0, high = p->redone_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct redone *at = &p->redone[middle];
        if (at->shard < shard || (at->shard == shard && at->seq < seq))
            low = middle + 1;
        else
            high = middle;
    }
    bool is_there = low < p->redone_count && p->redone[low].shard == shard && p->redone[low].seq == seq;
    return is_there ? &p->redone[low] : NULL;
}

/* The batch that consumed a record. Ranges of one input grow with seq. */
static struct redone *redone_at(const struct jd_published *p, int32_t shard, int role, int64_t offset)
{
    size_t low = 0, high = p->redone_count; /* the first that begins beyond `offset` */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct redone *at = &p->redone[middle];
        if (at->shard < shard || (at->shard == shard && at->start[role] <= offset))
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0 || p->redone[low - 1].shard != shard || p->redone[low - 1].end[role] <= offset)
        return NULL;
    return &p->redone[low - 1];
}

static void keep_piece(struct jd_published *p, enum jd_out out, const struct piece *found,
                       const struct jd_message *message)
{
    p->pieces = grow(p->pieces, p->piece_count, &p->piece_capacity, sizeof *p->pieces);
    struct piece *piece = &p->pieces[p->piece_count++];
    *piece = *found;
    for (int topic = 1; topic < JD_TOPIC_END_; topic++)
        if (jd_out_of((enum jd_topic)topic) == out)
            piece->topic = (enum jd_topic)topic;
    const struct jd_record *record = jd_topic_record(piece->topic);
    void *value = jd_arena_alloc(&p->scratch, record->size);
    struct jd_error ignored = {0};
    piece->key = jd_arena_str(&p->kept, message->key);
    if (message->value.ptr == NULL ||
        !jd_wire_read_back(record, message->value, &p->scratch, value, &ignored)) {
        piece->value = (struct jd_str){0}; /* its digest will say so */
        return;
    }
    piece->value = jd_avro_bytes(record, value, &p->kept);
    piece->is_cut =
        record == &jd_alert_record && ((const struct jd_alert *)value)->evidence_sha256.ptr != NULL;
}

static int compare_pieces(const void *a, const void *b)
{
    const struct piece *x = a, *y = b;
    if (x->shard != y->shard)
        return x->shard < y->shard ? -1 : 1;
    if (x->seq != y->seq)
        return x->seq < y->seq ? -1 : 1;
    return (x->ordinal > y->ordinal) - (x->ordinal < y->ordinal);
}

/* The pieces of one batch, in order. */
static void judge_redone(struct jd_published *p, const struct redone *redone, const struct piece *pieces,
                         size_t count)
{
    uint64_t digest = 0;
    bool is_cut = false;
    for (size_t i = 0; i < count; i++) {
        is_cut |= pieces[i].is_cut;
        digest = jd_effect_digest(pieces[i].topic, pieces[i].key, pieces[i].value, digest);
    }
    bool is_less = (int64_t)count < redone->effects;
    if ((int64_t)count != redone->effects)
        jd_finding(p->findings, !(is_less && p->is_output_gone),
                   "shard %" PRId32 " seq %" PRId64
                   ": %zu effects are published, the journal counts %" PRId64,
                   redone->shard, redone->seq, count, redone->effects);
    else if (!is_cut && (int64_t)digest != redone->digest)
        jd_finding(p->findings, true,
                   "shard %" PRId32 " seq %" PRId64 ": the effects published are not those that it made",
                   redone->shard, redone->seq);
    is_less = redone->dead_found < redone->dead;
    if (redone->is_dead_known && redone->dead_found != redone->dead)
        jd_finding(p->findings, !(is_less && p->is_output_gone),
                   "shard %" PRId32 " seq %" PRId64 ": %" PRId64
                   " dead letters are published, the journal counts %" PRId64,
                   redone->shard, redone->seq, redone->dead_found, redone->dead);
}

static void judge_all_redone(struct jd_published *p)
{
    if (p->piece_count > 0)
        qsort(p->pieces, p->piece_count, sizeof *p->pieces, compare_pieces);
    size_t at = 0;
    for (size_t i = 0; i < p->redone_count; i++) {
        size_t first = at;
        while (at < p->piece_count && p->pieces[at].shard == p->redone[i].shard &&
               p->pieces[at].seq == p->redone[i].seq)
            at++;
        judge_redone(p, &p->redone[i], p->pieces + first, at - first);
    }
}

/* ---- what is there ------------------------------------------------------------------------------------ */

static void complain(struct jd_published *p, const char *topic, const struct jd_message *message,
                     const char *what)
{
    jd_finding(p->findings, true, "%s/%" PRId32 " offset %" PRId64 " %s", topic, message->partition,
               message->offset, what);
}

/* Finds a record among those made, and says what is wrong with it. False: it is none of them. */
static bool find_made(struct jd_published *p, struct made_set *set, uint64_t id, uint64_t digest,
                      const char *topic, const struct jd_message *message)
{
    struct made *made = set->capacity == 0 ? NULL : slot_of(set, id);
    if (made == NULL || made->id == 0)
        return false;
    if (made->found)
        complain(p, topic, message, "is there twice");
    else if (made->digest != digest)
        complain(p, topic, message, "differs from what its batch made");
    made->found = true;
    return true;
}

/* Takes `lineage/shard/seq/ordinal` apart. False: it is not of a shard that was audited. */
static bool read_origin(struct jd_published *p, struct jd_str origin, struct piece *piece)
{
    char text[128];
    int end = 0;
    (void)snprintf(text, sizeof text, JD_STR_FMT, JD_STR_ARG(origin));
    char *rest = strchr(text, '/');
    *piece = (struct piece){0};
    if (rest == NULL)
        return false;
    *rest++ = '\0';
    if (sscanf(rest, "%" SCNd32 "/%" SCNd64 "/%" SCNu32 "%n", &piece->shard, &piece->seq, &piece->ordinal,
               &end) != 3 ||
        rest[end] != '\0' || piece->shard < 0 || piece->shard >= p->shared->partitions)
        return false;
    return text[0] != '\0' && strcmp(p->shards[piece->shard].lineage, text) == 0;
}

static void on_effect(struct jd_published *p, enum jd_out out, const struct jd_header *headers,
                      uint32_t count, const struct jd_message *message)
{
    const char *topic = p->shared->outs[out].topic;
    struct jd_str origin = header_of(headers, count, "jd_origin");
    struct piece piece;
    if (origin.ptr == NULL || !read_origin(p, origin, &piece))
        return;
    if (find_made(p, &p->effects, id_of(origin, (uint64_t)out),
                  digest_record(message->key, message->value, headers, count), topic, message)) {
        p->counts.found++;
    } else if (redone_of(p, piece.shard, piece.seq) != NULL) {
        p->counts.found++;
        keep_piece(p, out, &piece, message);
    } else if (p->whole && piece.seq >= p->shards[piece.shard].complete_from) {
        complain(p, topic, message, "was made by no batch");
    }
}

static int64_t number_of(struct jd_published *p, struct jd_str text)
{
    return text.ptr == NULL ? -1 : strtoll(jd_arena_str(&p->scratch, text).ptr, NULL, 10);
}

static void on_dead(struct jd_published *p, enum jd_out out, const struct jd_header *headers, uint32_t count,
                    const struct jd_message *message)
{
    const char *topic = p->shared->outs[out].topic;
    int role = (int)out - JD_OUT_DEAD;
    int64_t shard = number_of(p, header_of(headers, count, "jd.dlq.partition"));
    int64_t offset = number_of(p, header_of(headers, count, "jd.dlq.offset"));
    if (!jd_str_eq(header_of(headers, count, "jd.dlq.group"), p->shared->settings->group) || shard < 0 ||
        shard >= p->shared->partitions || p->shards[shard].lineage[0] == '\0')
        return;
    struct jd_str place = place_of(header_of(headers, count, "jd.dlq.topic"), shard, offset, &p->scratch);
    struct redone *redone = redone_at(p, (int32_t)shard, role, offset);
    int64_t from = p->shards[shard].input_from[role];
    if (find_made(p, &p->dead, id_of(place, 0), digest_str(header_of(headers, count, "jd.dlq.reason"), 1),
                  topic, message)) {
        p->counts.found_dead++;
    } else if (redone != NULL) {
        p->counts.found_dead++;
        redone->dead_found++;
    } else if (p->whole && from != JD_OFFSET_NONE && offset >= from) {
        complain(p, topic, message, "was made by no batch");
    }
}

static void on_published(struct jd_published *p, enum jd_out out, const struct jd_message *message)
{
    struct jd_header headers[HEADERS_MAX];
    int32_t count = jd_message_headers(message, headers, HEADERS_MAX);
    uint32_t known = count < 0 ? 0 : count > HEADERS_MAX ? HEADERS_MAX : (uint32_t)count;
    if (out < JD_OUT_DEAD)
        on_effect(p, out, headers, known, message);
    else
        on_dead(p, out, headers, known, message);
}

static bool edge_of(struct jd_published *p, const char *topic, int32_t partition, enum jd_edge edge,
                    int64_t *offset, struct jd_error *err)
{
    struct jd_position position = {topic, partition, JD_OFFSET_NONE};
    if (jd_reader_edges(p->reader, edge, &position, 1, EDGES_TIMEOUT_MS, err) != JD_KAFKA_OK)
        return false;
    *offset = position.offset;
    return true;
}

static bool read_out(struct jd_published *p, enum jd_out out, int32_t partition, struct jd_error *err)
{
    const char *topic = p->shared->outs[out].topic;
    int64_t low, high;
    if (!edge_of(p, topic, partition, JD_EDGE_START, &low, err) ||
        !edge_of(p, topic, partition, JD_EDGE_END, &high, err))
        return false;
    p->is_output_gone |= low > 0;
    if (low >= high)
        return true;
    struct jd_fetch *fetch = jd_reader_start(p->reader, topic, partition, low, err);
    if (fetch == NULL)
        return false;
    int64_t deadline = jd_clock_mono() + STALL_MS;
    bool good = true;
    while (good && jd_fetch_position(fetch) < high) {
        struct jd_message messages[READ_AT_ONCE];
        uint32_t count = jd_fetch_read(fetch, messages, READ_AT_ONCE);
        for (uint32_t i = 0; i < count; i++) {
            struct jd_arena_mark mark = jd_arena_mark(&p->scratch);
            on_published(p, out, &messages[i]);
            jd_arena_rewind(&p->scratch, mark);
            jd_message_release(&messages[i]);
        }
        good = jd_fetch_status(fetch, err) == JD_KAFKA_OK;
        if (count > 0)
            deadline = jd_clock_mono() + STALL_MS;
        else if (jd_clock_mono() > deadline)
            good = jd_error_set(err, JD_EXIT_UNAVAILABLE, "%s/%" PRId32 " cannot be read to its end", topic,
                                partition);
        else if (good && jd_fetch_position(fetch) < high)
            (void)jd_wake_wait(p->bell, NAP_MS);
    }
    jd_fetch_stop(fetch);
    return good;
}

static void say_missing(struct jd_published *p, const struct made_set *set, const char *what)
{
    int64_t count = 0;
    for (size_t i = 0; i < set->capacity; i++)
        count += set->slots[i].id != 0 && !set->slots[i].found;
    if (count > 0)
        jd_finding(p->findings, !p->is_output_gone, "%" PRId64 " %s of the journal %s", count, what,
                   p->is_output_gone ? "are not there; retention removed records of an output"
                                     : "were not published");
}

bool jd_published_check(struct jd_published *p, bool whole, struct jd_error *err)
{
    p->whole = whole;
    for (int out = JD_OUT_ALERTS; out < JD_OUT_COUNT; out++)
        for (int32_t i = 0; p->shared->outs[out].topic != NULL && i < p->shared->outs[out].partitions; i++)
            if (!read_out(p, (enum jd_out)out, i, err))
                return false;
    say_missing(p, &p->effects, "effects");
    say_missing(p, &p->dead, "dead letters");
    judge_all_redone(p);
    return true;
}

struct jd_published_counts jd_published_counts(const struct jd_published *p)
{
    return p->counts;
}

struct jd_published *jd_published_new(const struct jd_shared *shared, struct jd_reader *reader, int bell,
                                      struct jd_findings *findings)
{
    struct jd_published *p = calloc(1, sizeof *p);
    if (p == NULL)
        return NULL;
    p->shared = shared;
    p->reader = reader;
    p->bell = bell;
    p->findings = findings;
    jd_arena_init(&p->kept, SIZE_MAX / 4);
    jd_arena_init(&p->scratch, SIZE_MAX / 4);
    p->shards = calloc((size_t)shared->partitions, sizeof *p->shards);
    if (p->shards != NULL)
        return p;
    jd_published_free(p);
    return NULL;
}

void jd_published_free(struct jd_published *p)
{
    if (p == NULL)
        return;
    free(p->effects.slots);
    free(p->dead.slots);
    free(p->shards);
    free(p->redone);
    free(p->pieces);
    jd_arena_done(&p->kept);
    jd_arena_done(&p->scratch);
    free(p);
}

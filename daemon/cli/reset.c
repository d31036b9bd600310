/* journeyd reset: what a person decides when a shard refuses to go on; journalled, so that it can be audited.
 *
 *   --now T          the shard's clock, poisoned by a wrong time stamp, is set to T
 *   --skip-lost      inputs that retention removed before they were read are skipped
 *   --adopt-image    the journal is gone: a new one begins at the image in Redis
 *
 * Each writes one journal record without changes, under an engine version of its own, in a transaction with
 * the shard's offsets. It takes a seat in the group and goes on only when it holds every partition: then no
 * daemon of the group lives, and none that is merely stalled can commit any more. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/clock.h"
#include "base/avro.h"
#include "base/contract.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/outfit.h"
#include "cli/scan.h"
#include "shard/journal.h"
#include "shard/layout.h"
#include "shard/worker.h"

enum {
    POLL_MS = 200,
    SESSION_MS = 10000, /* session.timeout.ms where it is not given */
    CALL_MS = 30000,    /* for one answer of a broker */
    TEXT_SIZE = 512,
};

struct arguments {
    const char *config, *shard, *now;
    bool skip_lost, adopt_image;
};

struct resetting {
    const struct arguments *arguments;
    struct jd_outfit outfit;
    const char *inputs[JD_IN_COUNT];
    struct jd_object journal_format, image_format;
    struct jd_member_events events; /* the member's */
    struct jd_member *member;
    struct jd_reader *reader; /* uncommitted: the topics' edges */
    struct jd_producer *producer;
    struct jd_redis *redis;
    char instance[TEXT_SIZE], transaction[2 * TEXT_SIZE];
    int32_t held;          /* partitions of the events topic that the seat has */
    struct jd_arena arena; /* of one shard */
    jd_time now;
    struct jd_error *err;
};

/* What Redis and the journal hold of a shard. */
struct standing {
    struct resetting *reset;
    int32_t partition;
    bool has_image, has_journal;
    int64_t image_seq, image_offset, rev; /* rev: as last read */
    jd_time image_now;
    struct jd_str lineage; /* of the image */
    struct jd_str policy;  /* of the image's shard entry */
    struct jd_journal_cursor cursor;
    struct jd_journal last; /* the journal's last record */
    struct jd_arena record; /* holds it */
};

/* ---- a seat in the group ---------------------------------------------------------------------------- */

static void on_assigned(void *context, const struct jd_position *partitions, uint32_t count)
{
    struct resetting *r = context;
    r->held = 0;
    for (uint32_t i = 0; i < count; i++) {
        r->held += strcmp(partitions[i].topic, r->inputs[JD_IN_EVENTS]) == 0 ? 1 : 0;
    }
}

static void on_revoked(void *context, const struct jd_position *partitions, uint32_t count, bool lost)
{
    (void)partitions;
    (void)count;
    (void)lost;
    ((struct resetting *)context)->held = 0;
}

/* How long to wait for the seats of stopped instances: a few session time-outs, and a rebalance. */
static int64_t seats_ms(const struct jd_settings *settings)
{
    int64_t session = SESSION_MS;
    for (uint32_t i = 0; i < settings->kafka_count; i++) {
        if (strcmp(settings->kafka[i].name.ptr, "session.timeout.ms") == 0) {
            session = strtoll(settings->kafka[i].value.ptr, NULL, 10);
        }
    }
    return 4 * session + 5000;
}

static bool take_seat(struct resetting *r)
{
    const struct jd_settings *settings = r->outfit.session.settings;
    r->events = (struct jd_member_events){.context = r, .assigned = on_assigned, .revoked = on_revoked};
    const struct jd_member_config config = {.group = settings->group.ptr,
                                            .instance_id =
                                                NULL, /* it leaves when it ends: nobody waits for its seat */
                                            .session_timeout_ms = 0,
                                            .events = &r->events,
                                            .bell = JD_WAKE_NONE};
    const char *topics[JD_IN_COUNT];
    uint32_t count = 0;
    for (int i = 0; i < JD_IN_COUNT; i++) {
        if (r->inputs[i] != NULL) {
            topics[count++] = r->inputs[i];
        }
    }
    r->member = jd_member_open(&r->outfit.shared.kafka, &config, r->err);
    if (r->member == NULL || !jd_member_subscribe(r->member, topics, count, r->err)) {
        return false;
    }
    const int64_t began = jd_clock_mono();
    const int64_t patience = seats_ms(settings);
    bool is_said = false;
    while (r->held < r->outfit.shared.partitions) {
        if (jd_member_poll(r->member, POLL_MS, r->err) != JD_KAFKA_OK) {
            return false;
        }
        const int64_t waited = jd_clock_mono() - began;
        if (waited > patience) {
            return jd_error_set(
                r->err, JD_EXIT_CONFIG,
                "group %s has other members (%d of %d partitions are ours): stop every daemon of it first",
                settings->group.ptr, (int)r->held, (int)r->outfit.shared.partitions);
        }
        if (waited > 2000 && !is_said) {
            fputs("waiting for the seats of stopped daemons to end (session.timeout.ms)\n", stderr);
            is_said = true;
        }
    }
    return true;
}

/* ---- how a shard stands ----------------------------------------------------------------------------- */

static int64_t number_of(struct jd_str text)
{
    char digits[32];
    snprintf(digits, sizeof(digits), JD_STR_FMT, JD_STR_ARG(text));
    return strtoll(digits, NULL, 10);
}

static bool on_meta(void *context, uint32_t key_index, struct jd_str field, struct jd_str value)
{
    (void)key_index; /* there is one key */
    struct standing *s = context;
    if (jd_str_eq(field, JD_STR("seq"))) {
        s->has_image = true;
        s->image_seq = number_of(value);
    } else if (jd_str_eq(field, JD_STR("offset"))) {
        s->image_offset = number_of(value);
    } else if (jd_str_eq(field, JD_STR("rev"))) {
        s->rev = number_of(value);
    } else if (jd_str_eq(field, JD_STR("now"))) {
        s->image_now = number_of(value);
    } else if (jd_str_eq(field, JD_STR("lineage"))) {
        s->lineage = jd_arena_str(&s->reset->arena, value);
    }
    return true;
}

static bool on_shard_entry(void *context, uint32_t key_index, struct jd_str field, struct jd_str value)
{
    (void)key_index; /* there is one key */
    (void)field;
    struct standing *s = context;
    struct resetting *r = s->reset;
    struct jd_image image;
    if (!jd_object_read(&r->image_format, jd_arena_str(&r->arena, value), &r->arena, &image, r->err)) {
        return false;
    }
    const struct jd_change *entries = image.entries.items;
    for (uint32_t i = 0; i < image.entries.count; i++) {
        struct jd_shard_entry entry;
        if (entries[i].kind == JD_ENTRY_SHARD) {
            if (!jd_avro_read(jd_entry_records[JD_ENTRY_SHARD - 1], entries[i].body.body, &r->arena, &entry,
                              r->err)) {
                return false;
            }
            s->policy = entry.policy;
        }
    }
    return true;
}

static bool read_image(struct standing *s)
{
    struct resetting *r = s->reset;
    const struct jd_str group = r->outfit.session.settings->group;
    const struct jd_str meta = jd_meta_key(group, s->partition, &r->arena);
    const struct jd_str key = JD_STR("shard");
    const struct jd_str bucket = jd_bucket_key(group, s->partition, jd_bucket_of(key), &r->arena);
    return jd_redis_load(r->redis, &meta, 1, on_meta, s, r->err) == JD_REDIS_OK &&
           jd_redis_get(r->redis, bucket, key, on_shard_entry, s, r->err) == JD_REDIS_OK &&
           r->err->text[0] == '\0';
}

/* Keeps the last record; its changes are of no interest here. */
static bool on_record(void *context, const struct jd_message *message, struct jd_error *err)
{
    struct standing *s = context;
    jd_arena_reset(&s->record);
    const struct jd_str value = jd_arena_str(&s->record, message->value);
    s->has_journal = true;
    return jd_journal_read(&s->reset->journal_format, value, &s->record, &s->last, err) &&
           jd_journal_follows(&s->cursor, &s->last, err);
}

static bool read_journal(struct standing *s)
{
    struct resetting *r = s->reset;
    const struct jd_scan scan = {.kafka = &r->outfit.shared.kafka,
                                 .topic = r->outfit.shared.outs[JD_OUT_JOURNAL].topic,
                                 .first = s->partition,
                                 .count = 1,
                                 .from = s->has_image ? s->image_offset : 0,
                                 .timeout_ms = CALL_MS,
                                 .visit = on_record,
                                 .context = s};
    return jd_scan_run(&scan, r->err);
}

static bool ask(struct resetting *r, enum jd_edge edge, struct jd_position *position)
{
    return jd_scan_edges(r->reader, edge, position, 1, CALL_MS, r->err);
}

/* ---- writing ---------------------------------------------------------------------------------------- */

static bool keep_trying(const struct resetting *r, enum jd_kafka_status status)
{
    if (status == JD_KAFKA_RETRY && r->err->text[0] == '\0') {
        jd_error_set(r->err, JD_EXIT_UNAVAILABLE, "the brokers did not answer in time; try again");
    }
    return status == JD_KAFKA_OK;
}

static bool open_producer(struct resetting *r)
{
    const struct jd_producer_config config = {.transactional_id = r->transaction,
                                              .topics = &r->outfit.shared.outs[JD_OUT_JOURNAL],
                                              .topic_count = 1};
    r->producer = jd_producer_open(&r->outfit.shared.kafka, &config, CALL_MS, r->err);
    return r->producer != NULL && keep_trying(r, jd_producer_init(r->producer, CALL_MS, r->err));
}

/* One journal record and the offset of the events, in a transaction; `*offset` is where the record lies. */
static bool write_record(struct resetting *r, int32_t partition, const struct jd_journal *journal,
                         int64_t *offset)
{
    struct jd_str *parts = NULL;
    uint32_t count = 0;
    const struct jd_header header = {JD_STR(JD_JOURNAL_TXN_HEADER), jd_str_of(r->transaction)};
    if (!jd_journal_parts(&r->journal_format, journal, JD_RECORD_BYTES_DEFAULT, &r->arena, &parts, &count,
                          r->err)) {
        return false;
    }
    const struct jd_record_out record = {.partition = partition,
                                         .value = parts[0],
                                         .headers = &header,
                                         .header_count = 1,
                                         .timestamp = JD_TIME_NONE,
                                         .offset = offset};
    struct jd_position events = {.topic = r->inputs[JD_IN_EVENTS], .partition = partition, .offset = 0};
    const struct jd_range *ranges = journal->ranges.items;
    for (uint32_t i = 0; i < journal->ranges.count; i++) {
        if (jd_shard_role_of(ranges[i].topic) == JD_IN_EVENTS) {
            events.offset = ranges[i].next_offset;
        }
    }
    (void)jd_member_poll(r->member, 0, r->err); /* the seat must be ours still; a fence says so below */
    return keep_trying(r, jd_producer_begin(r->producer, r->err)) &&
           keep_trying(r, jd_producer_send(r->producer, &record, r->err)) &&
           keep_trying(r, jd_producer_flush(r->producer, CALL_MS, r->err)) &&
           keep_trying(r, jd_producer_send_offsets(r->producer, r->member, &events, 1, CALL_MS, r->err)) &&
           keep_trying(r, jd_producer_commit(r->producer, CALL_MS, r->err));
}

/* The next record after the last: the same places, no changes. */
static struct jd_journal follow(const struct resetting *r, const struct standing *s)
{
    struct jd_journal next = s->last;
    next.seq = s->last.seq + 1;
    next.part = next.of = 1;
    next.engine = JD_STR(JD_VERSION JD_ENGINE_RESET);
    next.transactional_id = jd_str_of(r->transaction);
    next.applied = next.duplicates = next.filtered = next.dead_lettered = next.timers = 0;
    next.now_before = s->last.now_after;
    next.wall = JD_TIME_NONE;
    next.ticked = JD_FALSE;
    next.effects = next.effects_digest = 0;
    next.changes = (struct jd_list){0};
    return next;
}

static struct jd_range *copy_ranges(struct resetting *r, struct jd_journal *journal)
{
    struct jd_range *ranges = jd_arena_array(&r->arena, journal->ranges.count, sizeof(*ranges));
    for (uint32_t i = 0; i < journal->ranges.count; i++) {
        ranges[i] = ((const struct jd_range *)journal->ranges.items)[i];
    }
    journal->ranges.items = ranges;
    return ranges;
}

static bool need_journal(const struct standing *s)
{
    return s->has_journal ||
           jd_error_set(s->reset->err, JD_EXIT_CONFIG, "the shard has no journal yet: nothing to reset");
}

/* ---- the three resets ------------------------------------------------------------------------------- */

static bool set_now(struct standing *s)
{
    struct resetting *r = s->reset;
    int64_t offset = 0;
    if (!need_journal(s)) {
        return false;
    }
    struct jd_journal journal = follow(r, s);
    struct jd_range *ranges = copy_ranges(r, &journal);
    journal.now_after = r->now;
    for (uint32_t i = 0; i < journal.ranges.count; i++) {
        if (ranges[i].effective_time > r->now) {
            ranges[i].effective_time = r->now; /* what poisoned the clock, poisoned the running maximum */
        }
    }
    if (!write_record(r, s->partition, &journal, &offset)) {
        return false;
    }
    printf("shard %d: seq %" PRId64 ": now is " JD_STR_FMT ", was " JD_STR_FMT "\n", (int)s->partition,
           journal.seq, JD_STR_ARG(jd_time_text(r->now, &r->arena)),
           JD_STR_ARG(jd_time_text(journal.now_before, &r->arena)));
    return true;
}

static bool skip_lost(struct standing *s)
{
    struct resetting *r = s->reset;
    int64_t offset = 0;
    bool is_lost = false;
    if (!need_journal(s)) {
        return false;
    }
    struct jd_journal journal = follow(r, s);
    struct jd_range *ranges = copy_ranges(r, &journal);
    for (uint32_t i = 0; i < journal.ranges.count; i++) {
        const int role = jd_shard_role_of(ranges[i].topic);
        if (role == JD_IN_COUNT || r->inputs[role] == NULL) {
            continue;
        }
        struct jd_position low = {.topic = r->inputs[role], .partition = s->partition};
        if (!ask(r, JD_EDGE_START, &low)) {
            return false;
        }
        if (ranges[i].next_offset < low.offset) {
            printf("shard %d: %s: offsets %" PRId64 " to %" PRId64 " are skipped\n", (int)s->partition,
                   low.topic, ranges[i].next_offset, low.offset - 1);
            ranges[i].next_offset = low.offset;
            is_lost = true;
        }
    }
    if (!is_lost) {
        printf("shard %d: nothing is lost\n", (int)s->partition);
        return true;
    }
    if (!write_record(r, s->partition, &journal, &offset)) {
        return false;
    }
    printf("shard %d: seq %" PRId64 " journals the gap\n", (int)s->partition, journal.seq);
    return true;
}

/* Points the image at its record in the new journal, with a fresh token and the next rev. */
static bool point_image(struct standing *s, int64_t offset)
{
    struct resetting *r = s->reset;
    const struct jd_str meta = jd_meta_key(r->outfit.session.settings->group, s->partition, &r->arena);
    struct standing watched = *s;
    if (jd_redis_watch(r->redis, meta, on_meta, &watched, r->err) != JD_REDIS_OK) {
        return false;
    }
    char token[JD_ID_SIZE];
    jd_random_id(token);
    const struct jd_redis_change changes[] = {
        {JD_REDIS_SET, meta, JD_STR("token"), jd_str_of(token)},
        {JD_REDIS_SET, meta, JD_STR("rev"), jd_arena_printf(&r->arena, "%" PRId64, watched.rev + 1)},
        {JD_REDIS_SET, meta, JD_STR("owner"), jd_str_of(r->instance)},
        {JD_REDIS_SET, meta, JD_STR("offset"), jd_arena_printf(&r->arena, "%" PRId64, offset)},
    };
    return jd_redis_exec(r->redis, changes, JD_COUNT(changes), r->err) == JD_REDIS_OK;
}

/* Where the group says that it has read to: the journal that knew is gone. */
static bool committed_ranges(struct standing *s, struct jd_journal *journal)
{
    struct resetting *r = s->reset;
    struct jd_position asked[JD_IN_COUNT];
    struct jd_range *ranges = jd_arena_array(&r->arena, JD_IN_COUNT, sizeof(*ranges));
    uint32_t count = 0;
    for (int i = 0; i < JD_IN_COUNT; i++) {
        if (r->inputs[i] != NULL) {
            ranges[count] = (struct jd_range){.topic = jd_shard_role_text((enum jd_shard_role)i)};
            asked[count++] = (struct jd_position){.topic = r->inputs[i], .partition = s->partition};
        }
    }
    if (!keep_trying(r, jd_member_committed(r->member, asked, count, CALL_MS, r->err))) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (asked[i].offset < 0) {
            return jd_error_set(
                r->err, JD_EXIT_CONFIG,
                "the group has no committed offset of %s/%d: it is not known what the image contains",
                asked[i].topic, (int)s->partition);
        }
        ranges[i].next_offset = asked[i].offset;
        ranges[i].effective_time = JD_TIME_NONE;
    }
    journal->ranges = (struct jd_list){ranges, count};
    return true;
}

static bool adopt_image(struct standing *s)
{
    struct resetting *r = s->reset;
    int64_t offset = 0;
    if (!s->has_image || s->image_seq == 0) {
        return jd_error_set(r->err, JD_EXIT_CONFIG, "Redis holds no image of the shard: nothing to adopt");
    }
    if (s->has_journal) {
        return jd_error_set(r->err, JD_EXIT_CONFIG, "the journal is not gone: it ends at seq %" PRId64,
                            s->last.seq);
    }
    struct jd_journal journal;
    jd_record_clear(&jd_journal_record, &journal);
    s->last = journal;
    s->last.now_after = s->image_now;
    journal = follow(r, s);
    journal.seq = s->image_seq; /* it stands for all batches up to the image's */
    journal.lineage = s->lineage;
    journal.policy = s->policy;
    journal.now_before = journal.now_after = s->image_now;
    if (!committed_ranges(s, &journal) || !write_record(r, s->partition, &journal, &offset) ||
        !point_image(s, offset)) {
        return false;
    }
    printf("shard %d: the journal begins anew at seq %" PRId64 ", the image's\n", (int)s->partition,
           journal.seq);
    return true;
}

static bool reset_shard(struct resetting *r, int32_t partition)
{
    struct standing s = {.reset = r, .partition = partition, .image_now = JD_TIME_MIN};
    jd_arena_init(&s.record, (size_t)64 << 20);
    bool ok = read_image(&s) && read_journal(&s);
    if (ok && r->arguments->now != NULL) {
        ok = set_now(&s);
    } else if (ok) {
        ok = r->arguments->skip_lost ? skip_lost(&s) : adopt_image(&s);
    }
    jd_arena_done(&s.record);
    jd_arena_reset(&r->arena);
    return ok || jd_error_wrap(r->err, "shard %d", (int)partition);
}

/* ---- the command ------------------------------------------------------------------------------------ */

static bool open_all(struct resetting *r)
{
    if (!jd_session_open(&r->outfit.session, r->arguments->config, r->err) ||
        !jd_outfit_fill(&r->outfit, r->err)) {
        return false;
    }
    const struct jd_settings *settings = r->outfit.session.settings;
    const struct jd_reader_config reader = {
        .isolation = JD_READ_UNCOMMITTED, .queue_kbytes = 0, .bell = JD_WAKE_NONE};
    jd_shared_inputs(&r->outfit.shared, r->inputs);
    snprintf(r->instance, sizeof(r->instance), "%.400s-reset", settings->instance.ptr);
    snprintf(r->transaction, sizeof(r->transaction), "%.400s-%s", settings->group.ptr, r->instance);
    r->journal_format = jd_journal_format();
    r->image_format = jd_object_of(&jd_image_record);
    r->redis = jd_outfit_redis(&r->outfit, r->err);
    r->reader = r->redis != NULL ? jd_reader_open(&r->outfit.shared.kafka, &reader, r->err) : NULL;
    return r->reader != NULL && open_producer(r);
}

static void close_all(struct resetting *r)
{
    jd_producer_close(r->producer);
    jd_member_close(r->member);
    if (r->reader != NULL) {
        jd_reader_close(r->reader);
    }
    jd_redis_close(r->redis);
    jd_outfit_close(&r->outfit);
    jd_arena_done(&r->arena);
}

static bool reset_all(struct resetting *r)
{
    int32_t first = 0;
    int32_t end = 0;
    if (!jd_outfit_shards(&r->outfit, r->arguments->shard, &first, &end, r->err) || !take_seat(r)) {
        return false;
    }
    for (int32_t shard = first; shard < end; shard++) {
        if (!reset_shard(r, shard)) {
            return false;
        }
    }
    return true;
}

static enum jd_exit run(const void *arguments_given, const struct jd_words *operands, struct jd_error *err)
{
    (void)operands; /* none: the table says so */
    struct resetting r = {.arguments = arguments_given, .err = err};
    const struct arguments *arguments = r.arguments;
    if ((arguments->now != NULL) + arguments->skip_lost + arguments->adopt_image != 1) {
        jd_error_set(err, JD_EXIT_USAGE, "give one of --now, --skip-lost and --adopt-image");
        return JD_EXIT_USAGE;
    }
    if (arguments->now != NULL && !jd_time_parse(jd_str_of(arguments->now), &r.now)) {
        jd_error_set(err, JD_EXIT_USAGE, "--now: \"%s\" is not a time such as 2026-03-04T10:00:00Z",
                     arguments->now);
        return JD_EXIT_USAGE;
    }
    jd_arena_init(&r.arena, (size_t)64 << 20);
    const bool ok = open_all(&r) && reset_all(&r);
    close_all(&r);
    return ok ? JD_EXIT_OK : err->code;
}

static const struct jd_option options[] = {
    {JD_OPTION_TEXT, true, "config", "F", "the daemon's configuration", offsetof(struct arguments, config), 0,
     0},
    {JD_OPTION_TEXT, true, "shard", "P", "the shard, or `all`", offsetof(struct arguments, shard), 0, 0},
    {JD_OPTION_TEXT, false, "now", "T", "set the shard's clock, poisoned by a wrong time stamp",
     offsetof(struct arguments, now), 0, 0},
    {JD_OPTION_FLAG, false, "skip-lost", NULL, "go on after what retention removed unread; journals the gap",
     offsetof(struct arguments, skip_lost), 0, 0},
    {JD_OPTION_FLAG, false, "adopt-image", NULL, "the journal is gone: begin a new one at the image in Redis",
     offsetof(struct arguments, adopt_image), 0, 0},
    {JD_OPTION_END, false, NULL, NULL, NULL, 0, 0, 0},
};

const struct jd_command jd_reset_command = {
    .name = "reset",
    .usage = "--config F --shard P|all --now T | --skip-lost | --adopt-image",
    .summary = "Decide what a person must: a poisoned clock, lost inputs, a lost journal",
    .details = "Stop every daemon of the group first: reset waits a few session.timeout.ms for their seats, "
               "and refuses\n"
               "while one lives. What it does is a record of the journal, which verify names.\n",
    .options = options,
    .arguments_size = sizeof(struct arguments),
    .run = run,
};

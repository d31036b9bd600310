/* How a history is cut into batches, and whether states were rebuilt on the way, changes nothing.
 *
 *   rebuild POLICY-DIR EVENTS.jsonl SEED [NEXT-POLICY-DIR LINE ALERTS.jsonl]
 *
 * One fold takes the events one by one. Another takes the same in random batches; some batches are undone and
 * done again; now and then its state is thrown away and rebuilt from the last image and the changes since.
 * Effects and final images must be the same, byte for byte. Exit code 1 says what differed; the clock is that
 * of `clock: record`. At the end every timer is fired.
 *
 * With NEXT-POLICY-DIR that policy comes before the record of LINE (from 0): the one fold evaluates all it holds at
 * once, the other in random parts, some undone, its state rebuilt between them. ALERTS.jsonl gets every revision
 * of the one fold. Timers that are left at the end are not fired then. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/avro.h"
#include "base/contract.h"
#include "base/str.h"
#include "policy/policy.h"
#include "wire/json.h"
#include "wire/wire.h"

static _Noreturn void fail(const char *what, const char *detail)
{
    printf("rebuild: %s: %s\n", what, detail);
    exit(1);
}

/* Bytes that grow on the heap. */
struct bytes {
    char *at;
    size_t size, capacity;
};

static void append(struct bytes *to, const void *from, size_t size)
{
    if (to->size + size > to->capacity) {
        to->capacity = (to->size + size) * 2 + 4096;
        to->at = realloc(to->at, to->capacity);
        if (!to->at)
            fail("memory", strerror(errno));
    }
    if (size)
        memcpy(to->at + to->size, from, size);
    to->size += size;
}

static void append_str(struct bytes *to, struct jd_str s)
{
    append(to, &s.size, sizeof(s.size));
    append(to, s.ptr, s.size);
}

static uint64_t random_state;
static uint32_t draw(uint32_t below)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)((random_state >> 11) % below);
}

/* ---- the history -------------------------------------------------------------------------------- */

struct history {
    struct jd_arena arena;
    struct jd_input *inputs;
    uint32_t count, capacity;
    const struct jd_program *next; /* NULL: no other policy comes */
    uint32_t next_at;              /* before this input */
    uint32_t next_line;
    FILE *alerts; /* NULL: not wanted */
};

static void read_history(struct history *history, const char *path, struct bytes *file)
{
    FILE *in = fopen(path, "rb");
    if (!in)
        fail(path, strerror(errno));
    char chunk[65536];
    size_t got;
    while ((got = fread(chunk, 1, sizeof(chunk), in)) > 0)
        append(file, chunk, got);
    fclose(in);
    struct jd_wire_config config = {.clock_record = true};
    struct jd_error err;
    struct jd_wire *wire = jd_wire_new(&config, &err);
    if (!wire)
        fail("wire", err.text);
    jd_time now = JD_TIME_NONE;
    uint32_t line_number = 0;
    for (const char *at = file->at, *end = file->at + file->size; at < end;) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        if (!stop)
            stop = end;
        struct jd_decoded decoded;
        struct jd_str line = {at, (uint32_t)(stop - at)};
        if (line_number++ == history->next_line)
            history->next_at = history->count;
        if (jd_wire_decode_line(wire, line, &history->arena, &decoded) == JD_WIRE_INPUT) {
            if (decoded.record_time != JD_TIME_NONE && decoded.record_time > now)
                now = decoded.record_time;
            decoded.input.effective = now;
            if (history->count == history->capacity)
                history->inputs = jd_arena_grow(&history->arena, history->inputs, history->count,
                                                &history->capacity, sizeof(*history->inputs));
            history->inputs[history->count++] = decoded.input;
        }
        at = stop + 1;
    }
    jd_wire_free(wire);
}

/* ---- what a fold says and holds ----------------------------------------------------------------- */

static void write_effects(const struct jd_output *out, struct bytes *to)
{
    for (uint32_t i = 0; i < out->effect_count; i++) {
        const struct jd_effect *effect = &out->effects[i];
        append(to, &effect->topic, sizeof(effect->topic));
        append_str(to, effect->key);
        append_str(to, effect->id);
        append(to, &effect->at, sizeof(effect->at));
        append_str(to, jd_avro_bytes(effect->record, effect->value, out->arena));
    }
}

struct image {
    char *key, *bytes;
    uint32_t key_size, size;
};
struct images {
    const struct jd_fold *fold;
    struct jd_arena arena;
    struct image *items;
    uint32_t count, capacity;
};

static bool take_image(void *context, struct jd_str key)
{
    struct images *images = context;
    struct jd_image image;
    if (!jd_fold_image(images->fold, key, &images->arena, &image))
        return true;
    if (images->count == images->capacity)
        images->items = jd_arena_grow(&images->arena, images->items, images->count, &images->capacity,
                                      sizeof(*images->items));
    struct jd_str bytes = jd_avro_bytes(&jd_image_record, &image, &images->arena);
    struct jd_str copy = jd_arena_str(&images->arena, key);
    images->items[images->count++] =
        (struct image){(char *)(uintptr_t)copy.ptr, (char *)(uintptr_t)bytes.ptr, key.size, bytes.size};
    return true;
}

static int by_key(const void *a, const void *b)
{
    const struct image *x = a, *y = b;
    return jd_str_cmp((struct jd_str){x->key, x->key_size}, (struct jd_str){y->key, y->key_size});
}

static void take_images(const struct jd_fold *fold, struct images *to)
{
    *to = (struct images){.fold = fold};
    jd_arena_init(&to->arena, (size_t)1 << 30);
    jd_fold_keys(fold, take_image, to);
    if (to->count)
        qsort(to->items, to->count, sizeof(*to->items), by_key);
}

static void same_images(struct jd_fold *a, struct jd_fold *b, const char *when)
{
    struct images x, y;
    take_images(a, &x);
    take_images(b, &y);
    for (uint32_t i = 0; i < x.count && i < y.count; i++) {
        if (by_key(&x.items[i], &y.items[i]) != 0 || x.items[i].size != y.items[i].size ||
            memcmp(x.items[i].bytes, y.items[i].bytes, x.items[i].size) != 0)
            fail(when, x.items[i].key);
    }
    if (x.count != y.count)
        fail(when, "other keys");
    if (jd_fold_now(a) != jd_fold_now(b) || jd_fold_next_due(a) != jd_fold_next_due(b))
        fail(when, "another clock or next timer");
    jd_arena_done(&x.arena);
    jd_arena_done(&y.arena);
}

/* ---- a shard: fold, last image, journal since --------------------------------------------------- */

struct shard {
    const struct jd_program *program;
    struct jd_fold *fold;
    struct images image; /* of `image_now` */
    jd_time image_now;
    struct bytes journal; /* changes since the image */
    struct bytes effects;
};

static void journal(struct shard *shard, const struct jd_output *out)
{
    for (uint32_t i = 0; i < out->change_count; i++) {
        const struct jd_change *change = &out->changes[i];
        append_str(&shard->journal, change->key);
        append_str(&shard->journal, change->id);
        append(&shard->journal, &change->kind, sizeof(change->kind));
        append(&shard->journal, &change->due, sizeof(change->due));
        append(&shard->journal, &change->body.branch, sizeof(change->body.branch));
        append_str(&shard->journal, change->body.body);
    }
}

/* Nothing that is stored here is empty: no bytes are absent. */
static struct jd_str take_str(const char **at)
{
    uint32_t size;
    memcpy(&size, *at, sizeof(size));
    struct jd_str s = {size > 0 ? *at + sizeof(size) : NULL, size};
    *at += sizeof(size) + size;
    return s;
}

static void put(struct jd_fold *fold, const struct jd_change *change)
{
    struct jd_error err;
    if (!jd_fold_put(fold, change, &err))
        fail("put", err.text);
}

static void checkpoint(struct shard *shard)
{
    jd_arena_done(&shard->image.arena);
    take_images(shard->fold, &shard->image);
    shard->image_now = jd_fold_now(shard->fold);
    shard->journal.size = 0;
}

/* The state again, from the last image and the changes since. */
static void rebuild(struct shard *shard)
{
    struct jd_fold *fresh = jd_fold_new(NULL, jd_heap);
    struct jd_arena arena;
    struct jd_error err;
    jd_arena_init(&arena, (size_t)1 << 30);
    for (uint32_t i = 0; i < shard->image.count; i++) {
        struct jd_image image;
        const struct image *item = &shard->image.items[i];
        if (!jd_avro_read(&jd_image_record, (struct jd_str){item->bytes, item->size}, &arena, &image, &err))
            fail("image", err.text);
        for (uint32_t e = 0; e < image.entries.count; e++) {
            struct jd_change change = ((const struct jd_change *)image.entries.items)[e];
            change.key = image.key;
            put(fresh, &change);
        }
    }
    for (const char *at = shard->journal.at, *end = at + shard->journal.size; at < end;) {
        struct jd_change change;
        change.key = take_str(&at);
        change.id = take_str(&at);
        memcpy(&change.kind, at, sizeof(change.kind));
        at += sizeof(change.kind);
        memcpy(&change.due, at, sizeof(change.due));
        at += sizeof(change.due);
        memcpy(&change.body.branch, at, sizeof(change.body.branch));
        at += sizeof(change.body.branch);
        change.body.body = take_str(&at);
        put(fresh, &change);
    }
    jd_fold_set_now(fresh, jd_fold_now(shard->fold));
    jd_fold_keep(fresh);
    jd_fold_set_program(fresh, shard->program);
    same_images(shard->fold, fresh, "rebuilt from image and journal");
    jd_fold_free(shard->fold);
    shard->fold = fresh;
    jd_arena_done(&arena);
}

/* ---- the two runs ------------------------------------------------------------------------------- */

static uint64_t verdicts[8];

/* What is told to other keys, from effect `from` on, comes back at once. */
static void deliver(struct jd_fold *fold, uint32_t from, struct jd_output *out)
{
    for (; from < out->effect_count; from++) {
        const struct jd_effect effect = out->effects[from];
        const char *reason = NULL;
        const struct jd_input input = {
            .kind = JD_INPUT_TOUCH, .key = effect.key, .effective = effect.at, .touch = effect.value};
        if (effect.topic == JD_TOPIC_TOUCHES && jd_fold_input(fold, &input, out, &reason) != JD_APPLIED)
            fail("a touch", "is not applied");
    }
}

/* At most `limit` timers that are due by `to`, each alone. False: there may be more. */
static bool fire(struct jd_fold *fold, jd_time to, uint32_t limit, struct jd_output *out)
{
    for (; limit > 0; limit--) {
        uint32_t from = out->effect_count;
        jd_time due = jd_fold_next_due(fold), next = due < to ? due : to;
        bool done = jd_fold_advance(fold, next, 1, out);
        deliver(fold, from, out);
        if (done && next == to)
            return true;
    }
    return false;
}

static void step(struct jd_fold *fold, const struct jd_input *input, struct jd_output *out)
{
    const char *reason = NULL;
    while (input->effective != JD_TIME_NONE && !fire(fold, input->effective, 1, out))
        ;
    uint32_t from = out->effect_count;
    verdicts[jd_fold_input(fold, input, out, &reason) & 7]++;
    deliver(fold, from, out);
}

static bool timers_left(struct jd_fold *fold, jd_time over)
{
    return jd_fold_next_due(fold) != JD_NEVER && jd_fold_next_due(fold) <= over;
}

static void write_alerts(const struct jd_output *out, FILE *to)
{
    for (uint32_t i = 0; to && i < out->effect_count; i++) {
        struct jd_buf line;
        if (out->effects[i].topic != JD_TOPIC_ALERTS && out->effects[i].topic != JD_TOPIC_ALERTS_SHADOW)
            continue;
        jd_buf_init(&line, out->arena);
        jd_json_write(out->effects[i].record, out->effects[i].value, &line);
        jd_buf_byte(&line, '\n');
        fwrite(line.bytes, 1, line.size, to);
    }
}

/* What was done is history. */
static void keep(struct shard *shard, const struct jd_output *out)
{
    jd_fold_keep(shard->fold);
    journal(shard, out);
    write_effects(out, &shard->effects);
    jd_arena_reset(out->arena);
}

/* Puts a policy in force; the states that it changes wait. */
static void adopt(struct shard *shard, const struct jd_program *program, struct jd_arena *arena)
{
    struct jd_output out = {.arena = arena};
    jd_fold_adopt(shard->fold, program, NULL, &out);
    keep(shard, &out);
    shard->program = program;
    jd_fold_set_program(shard->fold, program);
}

static void review(struct jd_fold *fold, uint32_t states, struct jd_output *out)
{
    const struct jd_review_limit limit = {.states = states, .changes = UINT32_MAX, .bytes = UINT64_MAX};
    jd_fold_review(fold, &limit, out);
}

static void straight(struct shard *shard, const struct history *history)
{
    struct jd_arena arena;
    jd_arena_init(&arena, (size_t)1 << 30);
    for (uint32_t i = 0; i <= history->count; i++) {
        struct jd_output out = {.arena = &arena};
        if (history->next && i == history->next_at) {
            adopt(shard, history->next, &arena);
            review(shard->fold, UINT32_MAX, &out);
            write_alerts(&out, history->alerts);
            keep(shard, &out);
            out = (struct jd_output){.arena = &arena};
        }
        if (i < history->count)
            step(shard->fold, &history->inputs[i], &out);
        else if (!history->next)
            for (jd_time over = jd_fold_over(shard->fold); timers_left(shard->fold, over);)
                fire(shard->fold, jd_fold_next_due(shard->fold), UINT32_MAX, &out);
        write_alerts(&out, history->alerts);
        keep(shard, &out);
    }
    jd_arena_done(&arena);
}

/* In random parts. */
static void review_broken(struct shard *shard, struct jd_arena *arena)
{
    while (jd_fold_is_reviewing(shard->fold)) {
        uint32_t states = 1 + draw(9);
        struct jd_output out = {.arena = arena};
        review(shard->fold, states, &out);
        if (draw(4) == 0) {
            jd_fold_undo(shard->fold);
            out = (struct jd_output){.arena = arena};
            review(shard->fold, states, &out);
        }
        keep(shard, &out);
        if (draw(4) == 0)
            rebuild(shard);
    }
}

/* One batch: `count` inputs from `first`, or else up to `count` timers. */
static void batch(struct shard *shard, const struct history *history, uint32_t first, uint32_t count,
                  struct jd_output *out)
{
    if (first >= history->count) {
        fire(shard->fold, jd_fold_next_due(shard->fold), count, out);
        return;
    }
    for (uint32_t i = first; i < first + count; i++)
        step(shard->fold, &history->inputs[i], out);
}

static void broken(struct shard *shard, const struct history *history)
{
    struct jd_arena arena;
    jd_arena_init(&arena, (size_t)1 << 30);
    jd_time over = JD_TIME_NONE; /* once all inputs are in */
    for (uint32_t at = 0; at < history->count || (!history->next && timers_left(shard->fold, over));) {
        uint32_t count = 1 + draw(draw(4) ? 6 : 60);
        if (at < history->count && count > history->count - at)
            count = history->count - at;
        if (history->next && at < history->next_at && count > history->next_at - at)
            count = history->next_at - at;
        if (history->next && at == history->next_at) {
            adopt(shard, history->next, &arena);
            review_broken(shard, &arena);
        }
        struct jd_output out = {.arena = &arena};
        batch(shard, history, at, count, &out);
        if (draw(4) == 0) { /* an aborted transaction, tried again */
            struct bytes aborted = {0}, again = {0};
            write_effects(&out, &aborted);
            jd_fold_undo(shard->fold);
            if (draw(8) == 0)
                rebuild(shard);
            out = (struct jd_output){.arena = &arena};
            batch(shard, history, at, count, &out);
            write_effects(&out, &again);
            if (aborted.size != again.size || (again.size && memcmp(aborted.at, again.at, again.size) != 0))
                fail("a batch that was undone", "says something else the second time");
            free(aborted.at);
            free(again.at);
        }
        keep(shard, &out);
        if (at < history->count) {
            at += count;
            over = jd_fold_over(shard->fold);
        }
        if (draw(12) == 0)
            checkpoint(shard);
        if (draw(8) == 0)
            rebuild(shard);
    }
    jd_arena_done(&arena);
}

static struct jd_policy *load(const char *directory)
{
    struct jd_diagnostics problems;
    jd_diagnostics_init(&problems);
    struct jd_policy *policy = jd_policy_load(directory, &problems);
    if (!policy) {
        jd_diagnostics_print(&problems, stdout);
        exit(78);
    }
    jd_diagnostics_done(&problems);
    return policy;
}

int main(int argc, char **argv)
{
    if (argc != 4 && argc != 7) {
        fputs("usage: rebuild POLICY-DIR EVENTS.jsonl SEED [NEXT-POLICY-DIR LINE ALERTS.jsonl]\n", stderr);
        return 64;
    }
    struct jd_policy *policy = load(argv[1]), *next = argc == 7 ? load(argv[4]) : NULL;
    struct history history = {.next = next ? jd_policy_program(next) : NULL};
    struct bytes file = {0};
    jd_arena_init(&history.arena, (size_t)1 << 30);
    if (next) {
        history.next_line = (uint32_t)strtoul(argv[5], NULL, 10);
        history.alerts = fopen(argv[6], "w");
        if (!history.alerts)
            fail(argv[6], strerror(errno));
    }
    read_history(&history, argv[2], &file);
    random_state = strtoull(argv[3], NULL, 10) * 2654435761u + 88172645463325252u;

    const struct jd_program *program = jd_policy_program(policy);
    struct shard one = {.program = program, .fold = jd_fold_new(program, jd_heap)};
    struct shard two = {.program = program, .fold = jd_fold_new(program, jd_heap)};
    checkpoint(&two);
    if (next) { /* the first policy of its lineage */
        struct jd_arena arena;
        jd_arena_init(&arena, (size_t)1 << 30);
        adopt(&one, program, &arena);
        adopt(&two, program, &arena);
        jd_arena_done(&arena);
    }
    straight(&one, &history);
    broken(&two, &history);
    if (one.effects.size != two.effects.size ||
        (one.effects.size && memcmp(one.effects.at, two.effects.at, one.effects.size) != 0))
        fail("effects", "random batches say something else than one by one");
    same_images(one.fold, two.fold, "after random batches");
    printf("rebuild: %" PRIu32 " inputs, %zu bytes of effects, the same\n", history.count, one.effects.size);

    if (history.alerts && fclose(history.alerts) != 0)
        fail(argv[6], strerror(errno));
    jd_arena_done(&two.image.arena);
    jd_fold_free(one.fold);
    jd_fold_free(two.fold);
    free(one.effects.at);
    free(two.effects.at);
    free(one.journal.at);
    free(two.journal.at);
    free(file.at);
    jd_arena_done(&history.arena);
    jd_policy_free(policy);
    jd_policy_free(next);
    return 0;
}

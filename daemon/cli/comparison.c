/* The table of the alerts of both sides, and what it adds up to. */
#include "cli/comparison.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/avro.h"
#include "base/buf.h"
#include "base/civil.h"
#include "base/contract.h"
#include "base/str.h"
#include "cli/names.h"
#include "cli/words.h"
#include "wire/json.h"

enum { ID_SIZE = 16, EXAMPLES_EACH = 3, LINE_BYTES_MAX = 64 << 20, MONTHS_MAX = 12 * 10000 };

const char *const jd_fate_names[JD_FATE_COUNT] = {"same", "appear", "vanish", "change"};
const char *const jd_aspect_names[JD_ASPECT_COUNT] = {"status",   "phase",    "severity",
                                                      "observed", "evidence", "mode"};

/* The last revision of an alert on one side. */
struct raised {
    struct jd_decimal observed;
    uint64_t evidence; /* digest of the members' ids */
    uint64_t offset;
    jd_time last; /* of the members */
    uint8_t status, phase, severity, mode;
    bool was_raised;
};

struct pair {
    uint8_t id[ID_SIZE];
    uint32_t rule, key, market, teams; /* names; of the side told last */
    struct raised sides[JD_SIDES];
};

struct jd_comparing {
    struct jd_arena arena;
    struct jd_names names;
    struct pair *pairs;
    size_t count, capacity;
    size_t *table; /* index + 1 */
    size_t places;
    jd_time first, last;
};

/* ---- alerts of both sides ------------------------------------------------------------------------------- */

struct jd_comparing *jd_comparing_new(void)
{
    struct jd_comparing *c = calloc(1, sizeof(*c));
    if (c != NULL) {
        jd_arena_init(&c->arena, SIZE_MAX / 2);
        c->first = c->last = JD_TIME_NONE;
        jd_names_init(&c->names, &c->arena);
    }
    return c;
}

void jd_comparing_free(struct jd_comparing *comparing)
{
    if (comparing != NULL) {
        jd_names_done(&comparing->names);
        free(comparing->pairs);
        free(comparing->table);
        jd_arena_done(&comparing->arena);
        free(comparing);
    }
}

void jd_comparing_record(struct jd_comparing *comparing, jd_time time)
{
    if (time != JD_TIME_NONE) {
        comparing->first =
            comparing->first == JD_TIME_NONE || time < comparing->first ? time : comparing->first;
        comparing->last = time > comparing->last ? time : comparing->last;
    }
}

static size_t place_of(const struct jd_comparing *c, const uint8_t *id)
{
    size_t hash = 0;
    memcpy(&hash, id, sizeof(hash)); /* it is a hash already */
    size_t at = hash & (c->places - 1);
    while (c->table[at] != 0 && memcmp(c->pairs[c->table[at] - 1].id, id, ID_SIZE) != 0) {
        at = (at + 1) & (c->places - 1);
    }
    return at;
}

static void grow_pairs(struct jd_comparing *c)
{
    free(c->table);
    c->places = c->places == 0 ? 4096 : c->places * 2;
    c->table = jd_alloc_array(c->places, sizeof(*c->table));
    for (size_t i = 0; i < c->count; i++) {
        c->table[place_of(c, c->pairs[i].id)] = i + 1;
    }
}

static struct pair *pair_of(struct jd_comparing *c, struct jd_str id)
{
    uint8_t bytes[ID_SIZE] = {0};
    for (uint32_t i = 0; i < id.size && i < 2 * ID_SIZE; i++) {
        const char digit = id.ptr[i];
        const int value = digit <= '9' ? digit - '0' : digit - 'a' + 10;
        bytes[i / 2] = (uint8_t)(bytes[i / 2] | (i % 2 == 0 ? value << 4 : value));
    }
    if (c->count * 2 >= c->places) {
        grow_pairs(c);
    }
    const size_t at = place_of(c, bytes);
    if (c->table[at] == 0) {
        if (c->count == c->capacity) {
            c->capacity = c->capacity == 0 ? 1024 : c->capacity * 2;
            c->pairs = realloc(c->pairs, c->capacity * sizeof(*c->pairs));
            if (c->pairs == NULL) {
                abort();
            }
        }
        c->pairs[c->count] = (struct pair){0};
        memcpy(c->pairs[c->count].id, bytes, ID_SIZE);
        c->table[at] = ++c->count;
    }
    return &c->pairs[c->table[at] - 1];
}

/* An event's content is fixed by its source and id. */
static uint64_t evidence_digest(const struct jd_alert *alert, struct jd_arena *arena)
{
    const struct jd_event *events = alert->evidence.items;
    struct jd_buf ids;
    jd_buf_init(&ids, arena);
    for (uint32_t i = 0; i < alert->evidence.count; i++) {
        jd_buf_number(&ids, events[i].source.size);
        jd_buf_str(&ids, events[i].source);
        jd_buf_number(&ids, events[i].id.size);
        jd_buf_str(&ids, events[i].id);
    }
    return jd_digest(jd_buf_done(&ids));
}

static int compare_texts(const void *a, const void *b)
{
    return jd_str_cmp(*(const struct jd_str *)a, *(const struct jd_str *)b);
}

/* The teams that take part, sorted, each ended by a line end; absent: none is named. */
static struct jd_str teams_of(const struct jd_alert *alert, struct jd_arena *arena)
{
    const struct jd_event *events = alert->evidence.items;
    struct jd_str *teams = jd_arena_array(arena, alert->evidence.count, sizeof(*teams));
    uint32_t count = 0;
    struct jd_buf text;
    jd_buf_init(&text, arena);
    for (uint32_t i = 0; i < alert->evidence.count; i++) {
        if (events[i].actor.team.ptr != NULL) {
            teams[count++] = events[i].actor.team;
        }
    }
    if (count > 1) {
        qsort(teams, count, sizeof(*teams), compare_texts);
    }
    for (uint32_t i = 0; i < count; i++) {
        if (i == 0 || !jd_str_eq(teams[i], teams[i - 1])) {
            jd_buf_str(&text, teams[i]);
            jd_buf_byte(&text, '\n');
        }
    }
    return count > 0 ? jd_buf_done(&text) : (struct jd_str){0};
}

void jd_comparing_alert(struct jd_comparing *comparing, enum jd_when when, const struct jd_alert *alert,
                        uint64_t offset)
{
    struct jd_arena arena;
    jd_arena_init(&arena, SIZE_MAX / 2);
    const struct jd_event *events = alert->evidence.items;
    const uint32_t count = alert->evidence.count;
    struct pair *pair = pair_of(comparing, alert->alert_id);
    pair->rule = jd_names_of(&comparing->names, alert->rule);
    pair->key = jd_names_of(&comparing->names, alert->key);
    pair->teams = jd_names_of(&comparing->names, teams_of(alert, &arena));
    pair->market = count > 0 ? jd_names_of(&comparing->names, events[count - 1].country) : 0;
    pair->sides[when] = (struct raised){
        .observed = alert->observed,
        .evidence = evidence_digest(alert, &arena),
        .offset = offset,
        .last = count > 0 ? jd_words_touch_time(&events[count - 1]) : alert->opened_at,
        .status = alert->status,
        .phase = alert->phase,
        .severity = alert->severity,
        .mode = alert->mode,
        .was_raised = true,
    };
    jd_arena_done(&arena);
}

/* ---- what differs --------------------------------------------------------------------------------------- */

static uint32_t aspects_of(const struct pair *pair)
{
    const struct raised *a = &pair->sides[JD_BEFORE];
    const struct raised *b = &pair->sides[JD_AFTER];
    const bool differ[JD_ASPECT_COUNT] = {
        [JD_ASPECT_STATUS] = a->status != b->status,
        [JD_ASPECT_PHASE] = a->phase != b->phase,
        [JD_ASPECT_SEVERITY] = a->severity != b->severity,
        [JD_ASPECT_OBSERVED] = jd_decimal_cmp(a->observed, b->observed) != 0,
        [JD_ASPECT_EVIDENCE] = a->evidence != b->evidence,
        [JD_ASPECT_MODE] = a->mode != b->mode,
    };
    uint32_t bits = 0;
    for (uint32_t i = 0; a->was_raised && b->was_raised && i < JD_ASPECT_COUNT; i++) {
        bits |= differ[i] ? 1u << i : 0;
    }
    return bits;
}

static enum jd_fate fate_of(const struct pair *pair)
{
    if (!pair->sides[JD_BEFORE].was_raised) {
        return JD_FATE_APPEARS;
    }
    if (!pair->sides[JD_AFTER].was_raised) {
        return JD_FATE_VANISHES;
    }
    return aspects_of(pair) != 0 ? JD_FATE_CHANGES : JD_FATE_SAME;
}

/* What people see of it, or saw. */
static const struct raised *shown(const struct pair *pair)
{
    return pair->sides[JD_AFTER].was_raised ? &pair->sides[JD_AFTER] : &pair->sides[JD_BEFORE];
}

static void count(struct jd_tally *tally, const struct pair *pair)
{
    const uint32_t aspects = aspects_of(pair);
    tally->fates[fate_of(pair)]++;
    for (int side = JD_BEFORE; side < JD_SIDES; side++) {
        const struct raised *raised = &pair->sides[side];
        tally->raised[side] += raised->was_raised;
        tally->stand[side] += raised->was_raised && raised->status != JD_STATUS_RETRACTED;
    }
    for (uint32_t i = 0; i < JD_ASPECT_COUNT; i++) {
        tally->aspects[i] += (aspects >> i) & 1;
    }
}

static struct jd_tally *tally_of(struct jd_comparing *c, struct jd_tallies *list, struct jd_str name)
{
    uint32_t low = 0;
    uint32_t high = list->count;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (jd_str_cmp(list->items[middle].name, name) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low < list->count && jd_str_eq(list->items[low].name, name)) {
        return &list->items[low];
    }
    if (list->count == list->capacity) {
        list->items =
            jd_arena_grow(&c->arena, list->items, list->count, &list->capacity, sizeof(*list->items));
    }
    memmove(list->items + low + 1, list->items + low, (list->count - low) * sizeof(*list->items));
    list->items[low] = (struct jd_tally){.name = name};
    list->count++;
    return &list->items[low];
}

static struct jd_str month_of(jd_time t, struct jd_arena *arena)
{
    int year = 0;
    int month = 0;
    int day = 0;
    jd_civil_from_days(t / JD_DAY - (t % JD_DAY < 0), &year, &month, &day);
    return jd_arena_printf(arena, "%04d-%02d", year, month);
}

static void count_teams(struct jd_comparing *c, const struct pair *pair, struct jd_comparison *out)
{
    struct jd_str teams = c->names.texts[pair->teams];
    if (teams.ptr == NULL) {
        count(tally_of(c, &out->teams, teams), pair);
    }
    while (teams.size > 0) {
        const char *end = memchr(teams.ptr, '\n', teams.size);
        const struct jd_str team = {teams.ptr, (uint32_t)(end - teams.ptr)};
        count(tally_of(c, &out->teams, team), pair);
        teams = (struct jd_str){end + 1, teams.size - team.size - 1};
    }
}

/* A month in which nothing was raised is one of them. */
static void fill_months(struct jd_comparing *c, struct jd_tallies *months)
{
    if (months->count == 0) {
        return;
    }
    const struct jd_str last = months->items[months->count - 1].name;
    char *digits = NULL;
    long year = strtol(months->items[0].name.ptr, &digits, 10);
    long month = strtol(digits + 1, NULL, 10);
    for (int i = 0; i < MONTHS_MAX; i++) {
        const struct jd_str name = jd_arena_printf(&c->arena, "%04ld-%02ld", year, month);
        (void)tally_of(c, months, name);
        if (jd_str_eq(name, last)) {
            break;
        }
        year += month == 12;
        month = month % 12 + 1;
    }
}

/* ---- examples ------------------------------------------------------------------------------------------- */

/* By rule and fate, the most severe and the latest first. */
static int example_order(const struct pair *a, const struct pair *b, const struct jd_names *names)
{
    const struct raised *x = shown(a);
    const struct raised *y = shown(b);
    const int rule = jd_str_cmp(names->texts[a->rule], names->texts[b->rule]);
    if (rule != 0) {
        return rule;
    }
    if (fate_of(a) != fate_of(b)) {
        return fate_of(a) < fate_of(b) ? -1 : 1;
    }
    if (x->severity != y->severity) {
        return x->severity > y->severity ? -1 : 1;
    }
    if (x->last != y->last) {
        return x->last > y->last ? -1 : 1;
    }
    return memcmp(a->id, b->id, ID_SIZE);
}

/* Keeps the first few of each rule and fate, in order. */
static void keep_example(const struct jd_comparing *c, const struct pair *pair, const struct pair **kept,
                         uint32_t *kept_count)
{
    uint32_t at = *kept_count;
    while (at > 0 && example_order(pair, kept[at - 1], &c->names) < 0) {
        at--;
    }
    uint32_t same_before = 0;
    uint32_t end = at;
    while (same_before < at && kept[at - 1 - same_before]->rule == pair->rule &&
           fate_of(kept[at - 1 - same_before]) == fate_of(pair)) {
        same_before++;
    }
    while (end < *kept_count && kept[end]->rule == pair->rule && fate_of(kept[end]) == fate_of(pair)) {
        end++;
    }
    if (same_before == EXAMPLES_EACH) {
        return;
    }
    const bool is_full = same_before + (end - at) == EXAMPLES_EACH; /* the last of them gives way */
    const uint32_t moved_end = is_full ? end - 1 : *kept_count;
    memmove(&kept[at + 1], &kept[at], (moved_end - at) * sizeof(*kept));
    kept[at] = pair;
    *kept_count += is_full ? 0 : 1;
}

static bool read_alert(struct jd_comparing *c, FILE *file, uint64_t offset, const struct jd_alert **out)
{
    char *line = NULL;
    size_t capacity = 0;
    if (fseeko(file, (off_t)offset, SEEK_SET) != 0) {
        return false;
    }
    const ssize_t size = getline(&line, &capacity, file);
    struct jd_reject why;
    struct jd_alert *alert = jd_arena_alloc(&c->arena, sizeof(*alert));
    bool ok = size > 0 && size < LINE_BYTES_MAX;
    if (ok) {
        const struct jd_str text = jd_arena_str(&c->arena, (struct jd_str){line, (uint32_t)size});
        ok = jd_json_read(&jd_alert_record, text, &c->arena, alert, &why);
    }
    free(line);
    *out = alert;
    return ok;
}

static bool read_examples(struct jd_comparing *c, const struct pair *const *kept, struct jd_comparison *out,
                          struct jd_error *err)
{
    bool ok = true;
    for (int side = JD_BEFORE; ok && side < JD_SIDES; side++) {
        FILE *file = fopen(out->alerts[side], "r");
        ok = file != NULL;
        for (uint32_t i = 0; ok && i < out->example_count; i++) {
            const struct raised *raised = &kept[i]->sides[side];
            ok = !raised->was_raised || read_alert(c, file, raised->offset, &out->examples[i].alert[side]);
        }
        if (!ok) {
            jd_error_set(err, JD_EXIT_DATA, "%s: cannot be read back: %s", out->alerts[side],
                         errno != 0 ? strerror(errno) : "no alert where one was written");
        }
        if (file != NULL) {
            fclose(file); /* read only */
        }
    }
    return ok;
}

/* ---- all of it ------------------------------------------------------------------------------------------ */

static void count_all(struct jd_comparing *c, struct jd_comparison *out)
{
    struct jd_arena scratch;
    jd_arena_init(&scratch, 1 << 20);
    bool *differs = jd_alloc_array(c->names.count, sizeof(*differs));
    for (size_t i = 0; i < c->count; i++) {
        const struct pair *pair = &c->pairs[i];
        const uint32_t month = jd_names_of(&c->names, month_of(shown(pair)->last, &scratch));
        count(&out->total, pair);
        count(tally_of(c, &out->rules, c->names.texts[pair->rule]), pair);
        count(tally_of(c, &out->markets, c->names.texts[pair->market]), pair);
        count(tally_of(c, &out->months, c->names.texts[month]), pair);
        count_teams(c, pair, out);
        if (fate_of(pair) != JD_FATE_SAME && !differs[pair->key]) {
            differs[pair->key] = true;
            out->keys++;
        }
        jd_arena_reset(&scratch);
    }
    free(differs);
    jd_arena_done(&scratch);
    fill_months(c, &out->months);
}

bool jd_comparing_finish(struct jd_comparing *comparing, const struct jd_policy *const policies[JD_SIDES],
                         struct jd_comparison *out, struct jd_error *err)
{
    struct jd_comparing *c = comparing;
    uint32_t rules = 0;
    for (int side = JD_BEFORE; side < JD_SIDES; side++) {
        const struct jd_program *program = jd_policy_program(policies[side]);
        out->name[side] = program->name;
        out->hash[side] = program->hash;
        rules += program->rule_count;
        for (uint32_t i = 0; i < program->rule_count; i++) {
            tally_of(c, &out->rules, program->rules[i].id)->in[side] = true;
        }
    }
    out->first = c->first;
    out->last = c->last;
    count_all(c, out);
    const struct pair **kept =
        jd_arena_array(&c->arena, (size_t)rules * EXAMPLES_EACH * JD_FATE_COUNT + 1, sizeof(*kept));
    for (size_t i = 0; i < c->count; i++) {
        if (fate_of(&c->pairs[i]) != JD_FATE_SAME) {
            keep_example(c, &c->pairs[i], kept, &out->example_count);
        }
    }
    out->examples = jd_arena_array(&c->arena, out->example_count, sizeof(*out->examples));
    for (uint32_t i = 0; i < out->example_count; i++) {
        out->examples[i] = (struct jd_example){.fate = fate_of(kept[i]), .aspects = aspects_of(kept[i])};
    }
    return read_examples(c, kept, out, err);
}

struct jd_str jd_comparison_headline(const struct jd_comparison *comparison, struct jd_arena *arena)
{
    const struct jd_tally *t = &comparison->total;
    if (t->raised[JD_BEFORE] + t->raised[JD_AFTER] == 0) {
        return JD_STR("Neither policy raises an alert on this history.");
    }
    if (t->fates[JD_FATE_SAME] == t->raised[JD_BEFORE] && t->fates[JD_FATE_SAME] == t->raised[JD_AFTER]) {
        return jd_arena_printf(arena, "Both policies raise the same " JD_STR_FMT " alerts.",
                               JD_STR_ARG(jd_words_count(t->fates[JD_FATE_SAME], arena)));
    }
    struct jd_buf text;
    jd_buf_init(&text, arena);
    if (t->fates[JD_FATE_VANISHES] + t->fates[JD_FATE_CHANGES] == 0) {
        jd_buf_printf(&text, "All " JD_STR_FMT " alerts stay as they are",
                      JD_STR_ARG(jd_words_count(t->raised[JD_BEFORE], arena)));
    } else {
        jd_buf_printf(&text,
                      "Of " JD_STR_FMT " alerts, " JD_STR_FMT " would no longer be raised and " JD_STR_FMT
                      " would look different",
                      JD_STR_ARG(jd_words_count(t->raised[JD_BEFORE], arena)),
                      JD_STR_ARG(jd_words_count(t->fates[JD_FATE_VANISHES], arena)),
                      JD_STR_ARG(jd_words_count(t->fates[JD_FATE_CHANGES], arena)));
    }
    jd_buf_printf(&text, "; " JD_STR_FMT " new one%s would be raised.",
                  JD_STR_ARG(jd_words_count(t->fates[JD_FATE_APPEARS], arena)),
                  t->fates[JD_FATE_APPEARS] == 1 ? "" : "s");
    return jd_buf_done(&text);
}

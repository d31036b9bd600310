/* Facts that tables of a policy say: blackouts.csv and quiet_hours.csv, of markets; alignment.csv, of physicians and
 * accounts. One line, one record, from when until when. */
#include <stdlib.h>

#include "base/contract.h"
#include "base/str.h"
#include "engine/facts.h"
#include "policy/csv.h"
#include "policy/value.h"

/* The lines of one file, as they are read. */
struct lines {
    struct jd_compile *c;
    enum jd_fact fact;
    struct jd_str file;
    struct jd_fact_line *items;
    uint32_t count, capacity;
};

static struct jd_fact_record *record_of(const struct lines *lines, uint8_t channel, struct jd_str product,
                                        const struct jd_cell *from, const struct jd_cell *until)
{
    struct jd_fact_record *record = jd_arena_alloc(lines->c->arena, sizeof *record);
    *record = (struct jd_fact_record){.fact = (uint8_t)lines->fact,
                                      .state = lines->fact == JD_FACT_ALIGNMENT ? JD_FACT_STATE_GRANTED
                                                                                : JD_FACT_STATE_DENIED,
                                      .channel = channel,
                                      .product = product,
                                      .confirmed_at = JD_TIME_NONE,
                                      .applies_from = JD_TIME_MIN,
                                      .source = lines->file};
    jd_cell_interval(lines->c, from, until, &record->from, &record->until);
    if (record->until == JD_TIME_NONE)
        record->until = JD_NEVER;
    return record;
}

static void add(struct lines *lines, struct jd_fact_line line)
{
    if (lines->count == lines->capacity)
        lines->items = jd_arena_grow(lines->c->arena, lines->items, lines->count, &lines->capacity,
                                     sizeof *lines->items);
    lines->items[lines->count++] = line;
}

static int by_key(const void *a, const void *b)
{
    const struct jd_fact_line *x = a, *y = b;
    if (x->scope != y->scope)
        return x->scope < y->scope ? -1 : 1;
    int order = jd_str_cmp(x->key, y->key);
    return order != 0 ? order : jd_fact_order(x->record, y->record);
}

/* Reads a file line by line. */
static void compile(struct jd_compile *c, const struct jd_bundle_file *file, enum jd_fact fact,
                    const struct jd_csv_column *columns,
                    void (*read)(struct lines *lines, const struct jd_cell *cells))
{
    struct lines lines = {.c = c, .fact = fact, .file = file->name};
    struct jd_csv csv;
    jd_csv_init(&csv, c, file);
    if (!jd_csv_header(&csv, columns, NULL, NULL))
        return;
    for (const struct jd_cell *cells; (cells = jd_csv_next(&csv)) != NULL;)
        read(&lines, cells);
    if (lines.count > 1)
        qsort(lines.items, lines.count, sizeof *lines.items, by_key);
    c->program->facts[fact] = (struct jd_fact_lines){lines.items, lines.count};
}

/* ---- of markets --------------------------------------------------------------------------------- */

/* DE, or US-NY. */
static bool is_place(struct jd_str text)
{
    bool good = text.size == 2 || (text.size >= 4 && text.size <= 6 && text.ptr[2] == '-');
    for (uint32_t i = 0; i < text.size; i++)
        good = good && (i == 2 || (text.ptr[i] >= 'A' && text.ptr[i] <= 'Z') ||
                        (i > 2 && text.ptr[i] >= '0' && text.ptr[i] <= '9'));
    return good;
}

/* A line for a market: of a pack for each of its countries too, empty everywhere. */
static void add_market(struct lines *lines, const struct jd_cell *cell, struct jd_fact_line line)
{
    struct jd_compile *c = lines->c;
    const char **names = jd_arena_array(c->arena, (size_t)c->pack_count + 1, sizeof *names);
    line.key = cell->text.size == 0 ? (struct jd_str){0} : jd_arena_str(c->arena, cell->text);
    bool known = line.key.ptr == NULL || is_place(line.key);
    for (uint32_t i = 0; i < c->pack_count; i++) {
        struct jd_pack *pack = &c->packs[i];
        struct jd_fact_line of_country = line;
        names[i] = pack->name.ptr;
        if (!jd_str_eq(pack->name, line.key))
            continue;
        known = pack->named = true;
        for (uint32_t k = 0; k < pack->countries.count; k++) {
            of_country.key = pack->countries.items[k];
            add(lines, of_country);
        }
    }
    if (!known) {
        jd_cell_expected(
            c, cell, "market",
            "a country (DE), a part of one (US-NY), a pack of policy.yaml, or nothing: everywhere");
        jd_problem_suggest(c->problems, cell->text, names);
    }
    add(lines, line);
}

enum { MARKET, CHANNEL, PRODUCT, REASON, BLACKOUT_FROM, BLACKOUT_UNTIL };
static const struct jd_csv_column blackout_columns[] = {
    [MARKET] = {"market", true},
    [CHANNEL] = {"channel", true},
    [PRODUCT] = {"product", true},
    [REASON] = {"reason", true},
    [BLACKOUT_FROM] = {"from", true},
    [BLACKOUT_UNTIL] = {"until", true},
    {NULL, false},
};

static void read_blackout(struct lines *lines, const struct jd_cell *cells)
{
    struct jd_compile *c = lines->c;
    struct jd_fact_record *record = record_of(
        lines, jd_cell_symbol(c, &cells[CHANNEL], "channel", &jd_channel_symbols),
        jd_cell_text(c, &cells[PRODUCT], "product", false), &cells[BLACKOUT_FROM], &cells[BLACKOUT_UNTIL]);
    record->proof = jd_cell_text(c, &cells[REASON], "reason", true);
    add_market(lines, &cells[MARKET], (struct jd_fact_line){.record = record});
}

void jd_compile_blackouts(struct jd_compile *c, const struct jd_bundle_file *file)
{
    compile(c, file, JD_FACT_BLACKOUT, blackout_columns, read_blackout);
}

enum { QUIET_MARKET, QUIET_CHANNEL, DAYS, STARTS, ENDS, QUIET_FROM, QUIET_UNTIL };
static const struct jd_csv_column quiet_columns[] = {
    [QUIET_MARKET] = {"market", true}, [QUIET_CHANNEL] = {"channel", true},
    [DAYS] = {"days", true},           [STARTS] = {"starts", true},
    [ENDS] = {"ends", true},           [QUIET_FROM] = {"from", true},
    [QUIET_UNTIL] = {"until", true},   {NULL, false},
};

static uint8_t read_days(struct jd_compile *c, const struct jd_cell *cell)
{
    struct jd_cell rest = *cell, day;
    uint8_t days = 0;
    while (jd_cell_next(&rest, &day)) {
        uint8_t of = jd_value_day(day.text);
        if (of == 0) {
            jd_cell_expected(c, &day, "days",
                             "days of the week (mon|tue|wed|thu|fri|sat|sun), or nothing: all");
            jd_problem_suggest(c->problems, day.text, jd_value_days);
        }
        days |= of;
    }
    return cell->text.size == 0 ? JD_VALUE_ALL_DAYS : days;
}

static int64_t read_clock(struct jd_compile *c, const struct jd_cell *cell, const char *column)
{
    int64_t ms = 0;
    if (!jd_value_clock(cell->text, &ms))
        jd_cell_expected(c, cell, column, "a time of day (08:00)");
    return ms;
}

static void read_quiet(struct lines *lines, const struct jd_cell *cells)
{
    struct jd_compile *c = lines->c;
    const uint32_t errors = c->problems->errors;
    struct jd_fact_record *record =
        record_of(lines, jd_cell_symbol(c, &cells[QUIET_CHANNEL], "channel", &jd_channel_symbols),
                  (struct jd_str){0}, &cells[QUIET_FROM], &cells[QUIET_UNTIL]);
    const struct jd_hours hours = {read_clock(c, &cells[STARTS], "starts"),
                                   read_clock(c, &cells[ENDS], "ends"), read_days(c, &cells[DAYS])};
    if (errors == c->problems->errors && hours.from_ms == hours.until_ms) {
        jd_error_at(c, cells[ENDS].place, "ends: is when it starts");
        jd_problem_hint(c->problems, "a whole day is 00:00 to 24:00");
    }
    add_market(lines, &cells[QUIET_MARKET], (struct jd_fact_line){.hours = hours, .record = record});
}

void jd_compile_quiet_hours(struct jd_compile *c, const struct jd_bundle_file *file)
{
    compile(c, file, JD_FACT_QUIET_HOURS, quiet_columns, read_quiet);
}

/* ---- of physicians and accounts ----------------------------------------------------------------- */

enum { HCP_ID, ACCOUNT_ID, ACTOR, FUNCTION, ALIGNED_PRODUCT, DEPUTY, ALIGNED_FROM, ALIGNED_UNTIL };
static const struct jd_csv_column alignment_columns[] = {
    [HCP_ID] = {"hcp_id", false},    [ACCOUNT_ID] = {"account_id", false},   [ACTOR] = {"actor", true},
    [FUNCTION] = {"function", true}, [ALIGNED_PRODUCT] = {"product", false}, [DEPUTY] = {"deputy", false},
    [ALIGNED_FROM] = {"from", true}, [ALIGNED_UNTIL] = {"until", true},      {NULL, false},
};

static void read_alignment(struct lines *lines, const struct jd_cell *cells)
{
    struct jd_compile *c = lines->c;
    const struct jd_str hcp = jd_cell_text(c, &cells[HCP_ID], "hcp_id", false);
    const struct jd_str account = jd_cell_text(c, &cells[ACCOUNT_ID], "account_id", false);
    struct jd_fact_record *record =
        record_of(lines, JD_CHANNEL_NONE, jd_cell_text(c, &cells[ALIGNED_PRODUCT], "product", false),
                  &cells[ALIGNED_FROM], &cells[ALIGNED_UNTIL]);
    record->about = jd_cell_text(c, &cells[ACTOR], "actor", true);
    record->function = jd_cell_symbol(c, &cells[FUNCTION], "function", &jd_function_symbols);
    if (cells[FUNCTION].text.size == 0)
        jd_cell_expected(c, &cells[FUNCTION], "function", "commercial, medical or other");
    if (cells[DEPUTY].text.size > 0 && !jd_value_truth(cells[DEPUTY].text, &record->deputy))
        jd_cell_expected(c, &cells[DEPUTY], "deputy", "true or false");
    if ((hcp.ptr == NULL) == (account.ptr == NULL)) {
        jd_error_at(c, cells[hcp.ptr == NULL ? HCP_ID : ACCOUNT_ID].place,
                    hcp.ptr == NULL ? "the line names neither a physician nor an account"
                                    : "the line names a physician and an account");
        jd_problem_hint(c->problems, "fill in hcp_id or account_id; two lines for both");
    }
    add(lines, (struct jd_fact_line){.scope = hcp.ptr != NULL ? JD_SCOPE_HCP : JD_SCOPE_ACCOUNT,
                                     .key = hcp.ptr != NULL ? hcp : account,
                                     .record = record});
}

void jd_compile_alignment(struct jd_compile *c, const struct jd_bundle_file *file)
{
    compile(c, file, JD_FACT_ALIGNMENT, alignment_columns, read_alignment);
}

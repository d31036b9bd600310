/* actors.csv, accounts.csv, products.csv: what the policy's author wants to say of them, from when until when. The
 * columns beside the id and the interval are his. */
#include "engine/tables.h"

#include <stdlib.h>

#include "base/str.h"
#include "policy/csv.h"
#include "policy/value.h"

enum { ID, FROM, UNTIL, OWN, OWN_MAX = JD_CSV_COLUMNS_MAX - OWN };
static const struct jd_csv_column columns[JD_TABLE_END_][OWN + 1] = {
    [JD_TABLE_ACTORS] = {{"actor", true}, {"from", true}, {"until", true}, {NULL, false}},
    [JD_TABLE_ACCOUNTS] = {{"account_id", true}, {"from", true}, {"until", true}, {NULL, false}},
    [JD_TABLE_PRODUCTS] = {{"product", true}, {"from", true}, {"until", true}, {NULL, false}},
};

struct header {
    struct jd_compile *c;
    struct jd_str *names;
    uint32_t count;
};

static int own_column(void *context, const struct jd_cell *cell)
{
    struct header *header = context;
    if (header->count == OWN_MAX || !jd_value_is_name(cell->text))
        return -1;
    for (uint32_t i = 0; i < header->count; i++)
        if (jd_str_eq(header->names[i], cell->text))
            return OWN + (int)i; /* twice: reported */
    header->names[header->count] = jd_arena_str(header->c->arena, cell->text);
    return OWN + (int)header->count++;
}

/* A line, and where its interval begins in the file. */
struct read {
    struct jd_table_line line;
    struct jd_place place;
};

static int by_id_and_time(const void *a, const void *b)
{
    const struct read *x = a, *y = b;
    int order = jd_str_cmp(x->line.id, y->line.id);
    if (order == 0)
        order = (x->line.from > y->line.from) - (x->line.from < y->line.from);
    return order != 0 ? order : (x->place.line > y->place.line) - (x->place.line < y->place.line);
}

static struct jd_texts values_of(struct jd_compile *c, const struct jd_cell *cell, struct jd_str column)
{
    struct jd_cell rest = *cell, value;
    uint32_t count = 0, capacity = 0;
    struct jd_str *texts = NULL;
    while (jd_cell_next(&rest, &value)) {
        if (count == capacity)
            texts = jd_arena_grow(c->arena, texts, count, &capacity, sizeof *texts);
        texts[count++] = jd_cell_text(c, &value, column.ptr, true);
    }
    return (struct jd_texts){texts, count > 1 ? jd_sort_texts(texts, count) : count};
}

static struct read read_line(const struct header *header, const struct jd_cell *cells, const char *id)
{
    struct jd_compile *c = header->c;
    struct jd_texts *own = jd_arena_array(c->arena, header->count, sizeof *own);
    struct read read = {.line = {.id = jd_cell_text(c, &cells[ID], id, true), .cells = own},
                        .place = cells[FROM].place};
    jd_cell_interval(c, &cells[FROM], &cells[UNTIL], &read.line.from, &read.line.until);
    for (uint32_t i = 0; i < header->count; i++)
        own[i] = values_of(c, &cells[OWN + i], header->names[i]);
    return read;
}

/* Reports a line that begins before the one before it ends. */
static void check_interval(struct jd_compile *c, const struct read *before, const struct read *read)
{
    if (!jd_str_eq(before->line.id, read->line.id) ||
        (before->line.until != JD_TIME_NONE && before->line.until <= read->line.from))
        return;
    jd_error_at(c, read->place, "the line overlaps with line %u, which is about " JD_STR_FMT " too",
                before->place.line, JD_STR_ARG(read->line.id));
    jd_problem_hint(c->problems, "end that one (until) where this one begins (from)");
}

static void compile(struct jd_compile *c, const struct jd_bundle_file *file, enum jd_table_name name)
{
    struct jd_csv csv;
    struct header header = {c, jd_arena_array(c->arena, OWN_MAX, sizeof(struct jd_str)), 0};
    struct read *read = NULL;
    uint32_t count = 0, capacity = 0;
    jd_csv_init(&csv, c, file);
    if (!jd_csv_header(&csv, columns[name], own_column, &header))
        return;
    for (const struct jd_cell *cells; (cells = jd_csv_next(&csv)) != NULL;) {
        if (count == capacity)
            read = jd_arena_grow(c->arena, read, count, &capacity, sizeof *read);
        read[count++] = read_line(&header, cells, columns[name][ID].name);
    }
    if (count > 1)
        qsort(read, count, sizeof *read, by_id_and_time);
    struct jd_table_line *lines = jd_arena_array(c->arena, count, sizeof *lines);
    for (uint32_t i = 0; i < count; i++) {
        lines[i] = read[i].line;
        if (i > 0)
            check_interval(c, &read[i - 1], &read[i]);
    }
    c->program->tables[name] = (struct jd_table){header.names, header.count, lines, count};
}

void jd_compile_actors(struct jd_compile *c, const struct jd_bundle_file *file)
{
    compile(c, file, JD_TABLE_ACTORS);
}

void jd_compile_accounts(struct jd_compile *c, const struct jd_bundle_file *file)
{
    compile(c, file, JD_TABLE_ACCOUNTS);
}

void jd_compile_products(struct jd_compile *c, const struct jd_bundle_file *file)
{
    compile(c, file, JD_TABLE_PRODUCTS);
}

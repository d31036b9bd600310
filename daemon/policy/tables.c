/* Tables in CSV (RFC 4180): comma, quotes doubled inside quotes, a header line that names the columns. The
 * only one yet is content.csv: what is approved, where, for whom, from when until when. */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/contract.h"
#include "base/str.h"
#include "policy/compile.h"

enum { COLUMNS_MAX = 16, CELL_SIZE_MAX = 256, ROWS_MAX = 200000 };

struct cell {
    struct jd_str text;
    struct jd_place place;
};

struct csv {
    struct jd_compile *c;
    struct jd_str file;
    const char *p, *end;
    uint32_t line, column; /* of `p`, in characters */
    bool failed;           /* reading on makes no sense */
};

static void step(struct csv *csv)
{
    if (*csv->p == '\n') {
        csv->line++;
        csv->column = 1;
    } else if (((unsigned char)*csv->p & 0xC0) != 0x80) { /* not inside a character */
        csv->column++;
    }
    csv->p++;
}

static struct jd_place here(const struct csv *csv)
{
    return (struct jd_place){csv->file, csv->line, csv->column};
}

static bool at_line_end(const struct csv *csv)
{
    return csv->p == csv->end || *csv->p == '\n' ||
           (*csv->p == '\r' && csv->p + 1 < csv->end && csv->p[1] == '\n');
}

/* A quoted cell; inside it, "" is a quote. */
static struct jd_str take_quoted(struct csv *csv)
{
    struct jd_place start = here(csv);
    struct jd_buf text;
    jd_buf_init(&text, csv->c->arena);
    step(csv);
    for (;;) { /* to the closing quote or the end */
        if (csv->p == csv->end) {
            jd_error_at(csv->c, start, "a quote is opened here and never closed");
            csv->failed = true;
            return (struct jd_str){0};
        }
        if (*csv->p == '"') {
            step(csv);
            if (csv->p == csv->end || *csv->p != '"')
                break;
        }
        jd_buf_byte(&text, (unsigned char)*csv->p);
        step(csv);
    }
    if (!at_line_end(csv) && *csv->p != ',') {
        jd_error_at(csv->c, here(csv), "after a closing quote there must be a comma or the end of the line");
        csv->failed = true;
    }
    return text.size == 0 ? JD_STR("") : jd_buf_done(&text);
}

static struct jd_str take_plain(struct csv *csv)
{
    const char *start = csv->p;
    while (!at_line_end(csv) && *csv->p != ',') {
        if (*csv->p == '"') {
            jd_error_at(csv->c, here(csv),
                        "a quote inside a cell: put the whole cell in quotes and double this one");
            csv->failed = true;
            break;
        }
        step(csv);
    }
    return (struct jd_str){start, (uint32_t)(csv->p - start)};
}

/* The cells of a line, at most COLUMNS_MAX; returns how many there were. */
static uint32_t take_row(struct csv *csv, struct cell cells[COLUMNS_MAX])
{
    uint32_t count = 0;
    while (!csv->failed) { /* a cell each turn */
        struct cell cell = {.place = here(csv)};
        cell.text = csv->p < csv->end && *csv->p == '"' ? take_quoted(csv) : take_plain(csv);
        if (count < COLUMNS_MAX)
            cells[count] = cell;
        count++;
        if (csv->p < csv->end && *csv->p == ',' && !csv->failed) {
            step(csv);
            continue;
        }
        break;
    }
    while (csv->p < csv->end && !csv->failed && (*csv->p == '\r' || *csv->p == '\n')) {
        bool is_end = *csv->p == '\n';
        step(csv);
        if (is_end)
            break;
    }
    return count;
}

static bool is_blank(const struct cell *cells, uint32_t count)
{
    return count == 1 && cells[0].text.size == 0;
}

/* ---- content.csv -------------------------------------------------------------------------------- */

enum column { CONTENT_ID, CHANNEL, PRODUCT, FUNCTION, FROM, UNTIL, COLUMN_COUNT };
static const char *const column_names[] = {"content_id", "channel", "product", "function",
                                           "from",       "until",   NULL};

/* Which cell of a line each column is. */
static bool read_header(struct csv *csv, uint32_t at[COLUMN_COUNT], uint32_t *width)
{
    struct cell cells[COLUMNS_MAX];
    uint32_t count = take_row(csv, cells);
    uint32_t errors = csv->c->problems->errors;
    bool seen[COLUMN_COUNT] = {false};
    *width = count;
    for (uint32_t i = 0; i < count && i < COLUMNS_MAX && !csv->failed; i++) {
        uint32_t column = 0;
        while (column < COLUMN_COUNT && !jd_str_eq(cells[i].text, jd_str_of(column_names[column])))
            column++;
        if (column == COLUMN_COUNT) {
            jd_error_at(csv->c, cells[i].place, "there is no column \"%.*s\"",
                        cells[i].text.size < 80 ? (int)cells[i].text.size : 80, cells[i].text.ptr);
            jd_problem_suggest(csv->c->problems, cells[i].text, column_names);
        } else if (seen[column]) {
            jd_error_at(csv->c, cells[i].place, "the column %s is there twice", column_names[column]);
        } else {
            seen[column] = true;
            at[column] = i;
        }
    }
    for (uint32_t column = 0; column < COLUMN_COUNT && errors == csv->c->problems->errors; column++)
        if (!seen[column])
            jd_error_at(csv->c, (struct jd_place){csv->file, 1, 1}, "the column %s is missing",
                        column_names[column]);
    return errors == csv->c->problems->errors && !csv->failed;
}

static void cell_expected(struct jd_compile *c, const struct cell *cell, const char *column,
                          const char *expected)
{
    jd_error_at(c, cell->place, "%s: expected %s, found \"%.*s\"", column, expected,
                cell->text.size < 80 ? (int)cell->text.size : 80, cell->text.ptr);
}

static struct jd_str read_cell_text(struct jd_compile *c, const struct cell *cell, const char *column,
                                    bool required)
{
    bool has_control = false;
    for (uint32_t i = 0; i < cell->text.size; i++)
        has_control = has_control || (unsigned char)cell->text.ptr[i] < 0x20;
    if (cell->text.size > CELL_SIZE_MAX || has_control || (required && cell->text.size == 0))
        cell_expected(c, cell, column, "a text of at most 256 bytes");
    return cell->text.size == 0 ? (struct jd_str){0} : jd_arena_str(c->arena, cell->text);
}

static uint8_t read_cell_symbol(struct jd_compile *c, const struct cell *cell, const char *column,
                                const struct jd_symbols *symbols)
{
    uint8_t value = jd_symbol_of(symbols, cell->text);
    if (value == 0 && cell->text.size > 0) {
        cell_expected(c, cell, column, "a value of its closed list, or nothing: any");
        jd_suggest_symbol(c, cell->text, symbols);
    }
    return value;
}

static jd_time read_cell_time(struct jd_compile *c, const struct cell *cell, const char *column)
{
    jd_time time = JD_TIME_NONE;
    if (cell->text.size > 0 && !jd_time_of_text(c, cell->text, &time)) {
        cell_expected(c, cell, column, "a date (2026-03-01) or a time (2026-03-01T09:00:00Z)");
        return JD_TIME_NONE;
    }
    return time;
}

static void read_content(struct jd_compile *c, const struct cell *cells, const uint32_t at[COLUMN_COUNT],
                         struct jd_content *out)
{
    *out = (struct jd_content){
        .id = read_cell_text(c, &cells[at[CONTENT_ID]], "content_id", true),
        .channel = read_cell_symbol(c, &cells[at[CHANNEL]], "channel", &jd_channel_symbols),
        .product = read_cell_text(c, &cells[at[PRODUCT]], "product", false),
        .function = read_cell_symbol(c, &cells[at[FUNCTION]], "function", &jd_function_symbols),
        .from = read_cell_time(c, &cells[at[FROM]], "from"),
        .until = read_cell_time(c, &cells[at[UNTIL]], "until"),
    };
    if (out->from == JD_TIME_NONE && cells[at[FROM]].text.size == 0)
        jd_error_at(c, cells[at[FROM]].place, "from: is missing: since when is it approved?");
    if (out->from != JD_TIME_NONE && out->until != JD_TIME_NONE && out->from >= out->until)
        jd_error_at(c, cells[at[UNTIL]].place, "until: must be later than from");
}

static int by_id_and_channel(const void *a, const void *b)
{
    const struct jd_content *x = a, *y = b;
    int order = jd_str_cmp(x->id, y->id);
    if (order == 0)
        order = (x->channel > y->channel) - (x->channel < y->channel);
    if (order == 0)
        order = (x->from > y->from) - (x->from < y->from);
    if (order == 0)
        order = jd_str_cmp(x->product, y->product);
    return order != 0 ? order : (x->function > y->function) - (x->function < y->function);
}

void jd_compile_contents(struct jd_compile *c, const struct jd_bundle_file *file)
{
    struct csv csv = {.c = c,
                      .file = jd_bundle_path(c->bundle, file->name),
                      .p = file->bytes.ptr,
                      .end = file->bytes.ptr + file->bytes.size,
                      .line = 1,
                      .column = 1};
    if (file->bytes.size >= 3 && memcmp(csv.p, "\xEF\xBB\xBF", 3) == 0)
        csv.p += 3; /* the mark that spreadsheets put in front of UTF-8 */
    uint32_t at[COLUMN_COUNT] = {0}, width = 0, count = 0, capacity = 0;
    struct jd_content *contents = NULL;
    if (!read_header(&csv, at, &width))
        return;
    while (csv.p < csv.end && !csv.failed) { /* a line each turn */
        struct cell cells[COLUMNS_MAX];
        struct jd_place start = here(&csv);
        uint32_t found = take_row(&csv, cells);
        if (csv.failed || is_blank(cells, found))
            continue;
        if (found != width) {
            jd_error_at(c, start, "the line has %u cells; the header has %u", found, width);
            continue;
        }
        if (count == ROWS_MAX) {
            jd_error_at(c, start, "the table has more than 200000 lines");
            return;
        }
        if (count == capacity)
            contents = jd_arena_grow(c->arena, contents, count, &capacity, sizeof *contents);
        read_content(c, cells, at, &contents[count++]);
    }
    if (count > 1)
        qsort(contents, count, sizeof *contents, by_id_and_channel);
    c->program->contents = contents;
    c->program->content_count = count;
}

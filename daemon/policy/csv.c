#include "policy/csv.h"

#include <string.h>

#include "base/buf.h"
#include "base/contract.h"
#include "base/str.h"

enum { CELL_SIZE_MAX = 256, ROWS_MAX = 200000 };

/* ---- lines and cells ---------------------------------------------------------------------------- */

static void step(struct jd_csv *csv)
{
    if (*csv->p == '\n') {
        csv->line++;
        csv->column = 1;
    } else if (((unsigned char)*csv->p & 0xC0) != 0x80) { /* not inside a character */
        csv->column++;
    }
    csv->p++;
}

static struct jd_place here(const struct jd_csv *csv)
{
    return (struct jd_place){csv->file, csv->line, csv->column};
}

static bool at_line_end(const struct jd_csv *csv)
{
    return csv->p == csv->end || *csv->p == '\n' ||
           (*csv->p == '\r' && csv->p + 1 < csv->end && csv->p[1] == '\n');
}

/* A quoted cell; inside it, "" is a quote. */
static struct jd_str take_quoted(struct jd_csv *csv)
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

static struct jd_str take_plain(struct jd_csv *csv)
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

/* The cells of a line, at most JD_CSV_COLUMNS_MAX; returns how many there were. */
static uint32_t take_row(struct jd_csv *csv, struct jd_cell cells[JD_CSV_COLUMNS_MAX])
{
    uint32_t count = 0;
    while (!csv->failed) { /* a cell each turn */
        struct jd_cell cell = {.place = here(csv)};
        cell.text = csv->p < csv->end && *csv->p == '"' ? take_quoted(csv) : take_plain(csv);
        if (count < JD_CSV_COLUMNS_MAX)
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

static bool is_blank(const struct jd_cell *cells, uint32_t count)
{
    return count == 1 && cells[0].text.size == 0;
}

void jd_csv_init(struct jd_csv *csv, struct jd_compile *c, const struct jd_bundle_file *file)
{
    *csv = (struct jd_csv){.c = c,
                           .file = jd_bundle_path(c->bundle, file->name),
                           .p = file->bytes.ptr,
                           .end = file->bytes.ptr + file->bytes.size,
                           .line = 1,
                           .column = 1};
    if (file->bytes.size >= 3 && memcmp(csv->p, "\xEF\xBB\xBF", 3) == 0)
        csv->p += 3; /* the mark that spreadsheets put in front of UTF-8 */
}

/* The column of a header's cell; -1: reported. */
static int column_of(struct jd_csv *csv, const struct jd_cell *cell, jd_csv_other *other, void *context)
{
    for (int i = 0; csv->columns[i].name != NULL; i++)
        if (jd_str_eq(cell->text, jd_str_of(csv->columns[i].name)))
            return i;
    int column = other != NULL ? other(context, cell) : -1;
    if (column >= 0)
        return column;
    const char *names[JD_CSV_COLUMNS_MAX + 1] = {NULL};
    for (int i = 0; csv->columns[i].name != NULL; i++)
        names[i] = csv->columns[i].name;
    jd_error_at(csv->c, cell->place, "there is no column \"%.*s\"",
                cell->text.size < 80 ? (int)cell->text.size : 80, cell->text.ptr);
    jd_problem_suggest(csv->c->problems, cell->text, names);
    return -1;
}

bool jd_csv_header(struct jd_csv *csv, const struct jd_csv_column *columns, jd_csv_other *other,
                   void *context)
{
    struct jd_cell cells[JD_CSV_COLUMNS_MAX];
    csv->width = take_row(csv, cells);
    csv->columns = columns;
    uint32_t errors = csv->c->problems->errors;
    if (csv->width > JD_CSV_COLUMNS_MAX)
        jd_error_at(csv->c, (struct jd_place){csv->file, 1, 1}, "the table has more than 16 columns");
    for (int i = 0; i < JD_CSV_COLUMNS_MAX; i++)
        csv->at[i] = JD_CSV_NOT_THERE;
    for (uint32_t i = 0; i < csv->width && i < JD_CSV_COLUMNS_MAX && !csv->failed; i++) {
        int column = column_of(csv, &cells[i], other, context);
        if (column < 0)
            continue;
        if (csv->at[column] != JD_CSV_NOT_THERE)
            jd_error_at(csv->c, cells[i].place, "the column " JD_STR_FMT " is there twice",
                        JD_STR_ARG(cells[i].text));
        csv->at[column] = i;
    }
    for (int i = 0; columns[i].name != NULL && errors == csv->c->problems->errors; i++)
        if (columns[i].required && csv->at[i] == JD_CSV_NOT_THERE)
            jd_error_at(csv->c, (struct jd_place){csv->file, 1, 1}, "the column %s is missing",
                        columns[i].name);
    return errors == csv->c->problems->errors && !csv->failed;
}

/* By columns, no longer as the line has them. */
static void order_cells(struct jd_csv *csv, const struct jd_cell *cells, struct jd_place line)
{
    for (int i = 0; i < JD_CSV_COLUMNS_MAX; i++)
        csv->cells[i] = csv->at[i] != JD_CSV_NOT_THERE ? cells[csv->at[i]]
                                                       : (struct jd_cell){.text = JD_STR(""), .place = line};
}

const struct jd_cell *jd_csv_next(struct jd_csv *csv)
{
    while (csv->p < csv->end && !csv->failed) { /* a line each turn */
        struct jd_cell cells[JD_CSV_COLUMNS_MAX];
        struct jd_place start = here(csv);
        uint32_t found = take_row(csv, cells);
        if (csv->failed || is_blank(cells, found))
            continue;
        if (found != csv->width) {
            jd_error_at(csv->c, start, "the line has %u cells; the header has %u", found, csv->width);
        } else if (csv->rows == ROWS_MAX) {
            jd_error_at(csv->c, start, "the table has more than 200000 lines");
            return NULL;
        } else {
            csv->rows++;
            order_cells(csv, cells, start);
            return csv->cells;
        }
    }
    return NULL;
}

/* ---- values ------------------------------------------------------------------------------------- */

void jd_cell_expected(struct jd_compile *c, const struct jd_cell *cell, const char *column,
                      const char *expected)
{
    jd_error_at(c, cell->place, "%s: expected %s, found \"%.*s\"", column, expected,
                cell->text.size < 80 ? (int)cell->text.size : 80, cell->text.ptr);
}

struct jd_str jd_cell_text(struct jd_compile *c, const struct jd_cell *cell, const char *column,
                           bool required)
{
    bool has_control = false;
    for (uint32_t i = 0; i < cell->text.size; i++)
        has_control = has_control || (unsigned char)cell->text.ptr[i] < 0x20;
    if (cell->text.size > CELL_SIZE_MAX || has_control || (required && cell->text.size == 0))
        jd_cell_expected(c, cell, column, "a text of at most 256 bytes");
    return cell->text.size == 0 ? (struct jd_str){0} : jd_arena_str(c->arena, cell->text);
}

uint8_t jd_cell_symbol(struct jd_compile *c, const struct jd_cell *cell, const char *column,
                       const struct jd_symbols *symbols)
{
    uint8_t value = jd_symbol_of(symbols, cell->text);
    if (value == 0 && cell->text.size > 0) {
        jd_cell_expected(c, cell, column, "a value of its closed list, or nothing: any");
        jd_suggest_symbol(c, cell->text, symbols);
    }
    return value;
}

jd_time jd_cell_time(struct jd_compile *c, const struct jd_cell *cell, const char *column)
{
    jd_time time = JD_TIME_NONE;
    if (cell->text.size > 0 && !jd_time_of_text(c, cell->text, &time)) {
        jd_cell_expected(c, cell, column, "a date (2026-03-01) or a time (2026-03-01T09:00:00Z)");
        jd_problem_hint(c->problems, "the year first, with four digits: 2026-03-01");
        return JD_TIME_NONE;
    }
    return time;
}

bool jd_cell_next(struct jd_cell *rest, struct jd_cell *value)
{
    const struct jd_str text = rest->text;
    uint32_t begin = 0, bar = 0, end;
    if (text.size == 0)
        return false;
    while (bar < text.size && text.ptr[bar] != '|')
        bar++;
    for (end = bar; end > 0 && text.ptr[end - 1] == ' ';)
        end--;
    while (begin < end && text.ptr[begin] == ' ')
        begin++;
    *value = (struct jd_cell){{text.ptr + begin, end - begin}, rest->place};
    rest->text =
        bar < text.size ? (struct jd_str){text.ptr + bar + 1, text.size - bar - 1} : (struct jd_str){0};
    return true;
}

void jd_cell_interval(struct jd_compile *c, const struct jd_cell *from, const struct jd_cell *until,
                      jd_time *begins, jd_time *ends)
{
    *begins = jd_cell_time(c, from, "from");
    *ends = jd_cell_time(c, until, "until");
    if (*begins == JD_TIME_NONE && from->text.size == 0)
        jd_error_at(c, from->place, "from: is missing: since when does the line hold?");
    if (*begins != JD_TIME_NONE && *ends != JD_TIME_NONE && *begins >= *ends)
        jd_error_at(c, until->place, "until: must be later than from");
}

/* Tables in CSV (RFC 4180): comma, quotes doubled inside quotes, a header line that names the columns, in any
 * order. Blank lines say nothing. */
#ifndef JOURNEYD_POLICY_CSV_H
#define JOURNEYD_POLICY_CSV_H

#include "policy/compile.h"

enum { JD_CSV_COLUMNS_MAX = 16, JD_CSV_NOT_THERE = JD_CSV_COLUMNS_MAX };

struct jd_cell {
    struct jd_str text; /* borrowed from the file, or in the arena where it was quoted; may be empty */
    struct jd_place place;
};

struct jd_csv_column {
    const char *name; /* NULL ends a list of columns */
    bool required;
};

struct jd_csv {
    struct jd_compile *c;
    struct jd_str file;
    const char *p, *end;
    uint32_t line, column; /* of `p`, in characters */
    bool failed;           /* reading on makes no sense */
    const struct jd_csv_column *columns;
    uint32_t at[JD_CSV_COLUMNS_MAX]; /* which cell of a line each column is, or JD_CSV_NOT_THERE */
    uint32_t width, rows;
    struct jd_cell cells[JD_CSV_COLUMNS_MAX]; /* of the line that was read last, by column */
};

/* The column, after those of the list, that a name in the header means; -1: none, which is reported. */
typedef int jd_csv_other(void *context, const struct jd_cell *cell);

void jd_csv_init(struct jd_csv *csv, struct jd_compile *c, const struct jd_bundle_file *file);
/* Reads the header line. `other`, which may be NULL, knows columns that are not in the list. False: something
 * was wrong, and reported. */
bool jd_csv_header(struct jd_csv *csv, const struct jd_csv_column *columns, jd_csv_other *other,
                   void *context);
/* The cells of the next line by column, until the next call; one whose column is not there is empty and stands
 * at the line's beginning. NULL: there is no other line, or none that can be read. */
const struct jd_cell *jd_csv_next(struct jd_csv *csv);

/* Cells as values; what is wrong is reported. */
void jd_cell_expected(struct jd_compile *c, const struct jd_cell *cell, const char *column,
                      const char *expected);
struct jd_str jd_cell_text(struct jd_compile *c, const struct jd_cell *cell, const char *column,
                           bool required); /* absent: the cell is empty */
uint8_t jd_cell_symbol(struct jd_compile *c, const struct jd_cell *cell, const char *column,
                       const struct jd_symbols *symbols);
jd_time jd_cell_time(struct jd_compile *c, const struct jd_cell *cell, const char *column);
/* The next of the values of a cell that are parted by `|`, blanks around it left out; `rest` goes on behind it. False:
 * there is no more. An empty cell has none. */
bool jd_cell_next(struct jd_cell *rest, struct jd_cell *value);
/* [from, until); an empty `until` is an open end (JD_TIME_NONE). */
void jd_cell_interval(struct jd_compile *c, const struct jd_cell *from, const struct jd_cell *until,
                      jd_time *begins, jd_time *ends);

#endif

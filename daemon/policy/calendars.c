/* Business days of markets: the weekend in policy.yaml, holidays in calendars.csv. */
#include <stdlib.h>

#include "base/str.h"
#include "engine/time.h"
#include "policy/csv.h"

enum { WEEK = 7 };

/* ---- weekend ------------------------------------------------------------------------------------ */

static const char *const weekdays[] = {"monday", "tuesday",  "wednesday", "thursday",
                                       "friday", "saturday", "sunday",    NULL};

void jd_read_weekend(struct jd_compile *c, const struct jd_key *key, const struct jd_node *node, void *out)
{
    uint8_t weekend = 0;
    if (node->kind != JD_NODE_LIST) {
        jd_expected(c, node, key->name, "a list of days, such as [friday, saturday]");
        return;
    }
    for (uint32_t i = 0; i < node->count; i++) {
        const struct jd_node *item = &node->items[i];
        int day = 0;
        while (item->kind == JD_NODE_SCALAR && day < WEEK && !jd_str_eq(item->text, jd_str_of(weekdays[day])))
            day++;
        if (item->kind != JD_NODE_SCALAR || day == WEEK) {
            jd_expected(c, item, key->name, "a day of the week");
            if (item->kind == JD_NODE_SCALAR)
                jd_problem_suggest(c->problems, item->text, weekdays);
        } else {
            weekend = (uint8_t)(weekend | 1u << day);
        }
    }
    if (weekend == (1u << WEEK) - 1)
        jd_error_at(c, node->place, "weekend: one day of the week at least must be a business day");
    else
        *(uint8_t *)out = weekend;
}

/* ---- calendars.csv ------------------------------------------------------------------------------ */

enum { COUNTRY, DATE, NAME };
static const struct jd_csv_column columns[] = {
    [COUNTRY] = {"country", true}, [DATE] = {"date", true}, [NAME] = {"name", false}, {NULL, false}};

struct holiday {
    struct jd_market *market;
    int64_t day;
    struct jd_place place;
};

static struct jd_market *market_of(struct jd_compile *c, const struct jd_cell *cell)
{
    for (uint32_t i = 0; i < c->program->market_count; i++)
        if (jd_str_eq(c->markets[i].country, cell->text))
            return &c->markets[i];
    const char **names = jd_arena_array(c->arena, c->program->market_count + 1, sizeof *names);
    for (uint32_t i = 0; i < c->program->market_count; i++)
        names[i] = jd_arena_str(c->arena, c->markets[i].country).ptr;
    jd_cell_expected(c, cell, "country", "a country of markets: in policy.yaml");
    jd_problem_suggest(c->problems, cell->text, names);
    return NULL;
}

static int by_market_and_day(const void *a, const void *b)
{
    const struct holiday *x = a, *y = b;
    if (x->market != y->market)
        return x->market < y->market ? -1 : 1;
    if (x->day != y->day)
        return x->day < y->day ? -1 : 1;
    return x->place.line < y->place.line ? -1 : x->place.line > y->place.line;
}

/* They are sorted: each market takes its own. */
static void share_out(struct jd_compile *c, const struct holiday *holidays, uint32_t count)
{
    int64_t *days = jd_arena_array(c->arena, count, sizeof *days);
    for (uint32_t i = 0; i < count; i++) {
        struct jd_workdays *workdays = &holidays[i].market->workdays;
        if (i > 0 && holidays[i - 1].market == holidays[i].market && holidays[i - 1].day == holidays[i].day)
            jd_error_at(c, holidays[i].place,
                        "date: the day is there twice for this country; first at line %u",
                        holidays[i - 1].place.line);
        days[i] = holidays[i].day;
        if (workdays->count++ == 0)
            workdays->holidays = &days[i];
    }
}

void jd_compile_calendars(struct jd_compile *c, const struct jd_bundle_file *file)
{
    struct jd_csv csv;
    struct holiday *holidays = NULL;
    uint32_t count = 0, capacity = 0;
    jd_csv_init(&csv, c, file);
    if (!jd_csv_header(&csv, columns, NULL, NULL))
        return;
    for (const struct jd_cell *cells; (cells = jd_csv_next(&csv)) != NULL;) {
        struct holiday holiday = {.market = market_of(c, &cells[COUNTRY]), .place = cells[DATE].place};
        (void)jd_cell_text(c, &cells[NAME], "name", false); /* for people only */
        if (!jd_date_of_text(cells[DATE].text, &holiday.day)) {
            jd_cell_expected(c, &cells[DATE], "date", "a date (2026-12-25)");
        } else if (holiday.market != NULL) {
            if (count == capacity)
                holidays = jd_arena_grow(c->arena, holidays, count, &capacity, sizeof *holidays);
            holidays[count++] = holiday;
        }
    }
    if (count > 1)
        qsort(holidays, count, sizeof *holidays, by_market_and_day);
    share_out(c, holidays, count);
}

/* ---- how long they take ------------------------------------------------------------------------- */

/* From each day that follows a business day, in weeks with holidays and in one without. */
static int64_t longest_of(const struct jd_workdays *workdays, int64_t count)
{
    int64_t first = workdays->count == 0 ? 0 : workdays->holidays[0];
    int64_t last = workdays->count == 0 ? 0 : workdays->holidays[workdays->count - 1], longest = 0;
    int64_t day = jd_workday_after(workdays, first - WEEK * (count + 2), 0);
    int64_t end = jd_workday_after(workdays, day + 1, count);
    while (day <= last) {
        longest = end - day > longest ? end - day : longest; /* from day + 1, and a day more */
        day = jd_workday_after(workdays, day + 1, 0);
        end = jd_workday_after(workdays, end + 1, 0);
    }
    return longest;
}

int64_t jd_workdays_longest(struct jd_compile *c, int64_t count)
{
    static const struct jd_workdays usual = {.weekend = JD_WEEKEND_USUAL};
    c->program->workdays = true;
    if (c->longest == NULL)
        c->longest = jd_arena_array(c->arena, JD_WORKDAYS_MAX + 1, sizeof *c->longest);
    if (c->longest[count] != 0)
        return c->longest[count] - 1;
    int64_t longest = longest_of(&usual, count);
    for (uint32_t i = 0; i < c->program->market_count; i++) {
        int64_t own = longest_of(&c->program->markets[i].workdays, count);
        longest = own > longest ? own : longest;
    }
    c->longest[count] = longest + 1;
    return longest;
}

#include "engine/tables.h"

#include "base/fault.h"
#include "base/str.h"

const char *const jd_table_names[JD_TABLE_END_] = {
    [JD_TABLE_ACTORS] = "actors", [JD_TABLE_ACCOUNTS] = "accounts", [JD_TABLE_PRODUCTS] = "products"};

struct jd_str jd_table_id(enum jd_table_name table, const struct jd_event *event)
{
    return table == JD_TABLE_ACTORS     ? event->actor.id
           : table == JD_TABLE_ACCOUNTS ? event->account_id
                                        : event->product;
}

const struct jd_table_line *jd_table_about(const struct jd_table *table, struct jd_str id, uint32_t *count)
{
    uint32_t low = 0, high = id.ptr == NULL ? 0 : table->count;
    while (low < high) { /* halves it */
        const uint32_t middle = low + (high - low) / 2;
        if (jd_str_cmp(table->lines[middle].id, id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (*count = 0;
         id.ptr != NULL && low + *count < table->count && jd_str_eq(table->lines[low + *count].id, id);)
        ++*count;
    return table->lines + low;
}

const struct jd_table_line *jd_table_find(const struct jd_table *table, struct jd_str id, jd_time at)
{
    uint32_t count;
    const struct jd_table_line *lines = jd_table_about(table, id, &count), *found = NULL;
    for (uint32_t i = 0; i < count && lines[i].from <= at; i++)
        if (lines[i].until == JD_TIME_NONE || at < lines[i].until || jd_fault_bug("table_never_ends"))
            found = &lines[i];
    return found;
}

static int line_order(const struct jd_fact_line *line, enum jd_scope scope, struct jd_str key)
{
    return line->scope != scope ? (line->scope > scope) - (line->scope < scope) : jd_str_cmp(line->key, key);
}

const struct jd_fact_line *jd_fact_lines_about(const struct jd_fact_lines *lines, enum jd_scope scope,
                                               struct jd_str key, uint32_t *count)
{
    uint32_t low = 0, high = lines->count;
    while (low < high) { /* halves it */
        uint32_t middle = low + (high - low) / 2;
        if (line_order(&lines->items[middle], scope, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (*count = 0; low + *count < lines->count && line_order(&lines->items[low + *count], scope, key) == 0;)
        ++*count;
    return lines->items + low;
}

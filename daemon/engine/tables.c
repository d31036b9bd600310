#include "engine/tables.h"

#include "base/fault.h"
#include "base/str.h"

const char *const jd_table_names[JD_TABLE_END_] = {
    [JD_TABLE_ACTORS] = "actors", [JD_TABLE_ACCOUNTS] = "accounts", [JD_TABLE_PRODUCTS] = "products"};

const struct jd_table_line *jd_table_find(const struct jd_table *table, struct jd_str id, jd_time at)
{
    uint32_t low = 0, high = table->count;
    while (low < high) { /* to the first line of a later id, or a later time */
        const uint32_t middle = low + (high - low) / 2;
        const int order = jd_str_cmp(table->lines[middle].id, id);
        if (order < 0 || (order == 0 && table->lines[middle].from <= at))
            low = middle + 1;
        else
            high = middle;
    }
    const struct jd_table_line *line = low == 0 || id.ptr == NULL ? NULL : &table->lines[low - 1];
    if (line == NULL || !jd_str_eq(line->id, id))
        return NULL;
    const bool over = line->until != JD_TIME_NONE && line->until <= at;
    return over && !jd_fault_bug("table_never_ends") ? NULL : line;
}

/* content.csv: what is approved, where, for whom, from when until when. */
#include <stdlib.h>

#include "base/contract.h"
#include "base/str.h"
#include "policy/csv.h"

enum { CONTENT_ID, CHANNEL, PRODUCT, FUNCTION, FROM, UNTIL };
static const struct jd_csv_column content_columns[] = {
    [CONTENT_ID] = {"content_id", true},
    [CHANNEL] = {"channel", true},
    [PRODUCT] = {"product", true},
    [FUNCTION] = {"function", true},
    [FROM] = {"from", true},
    [UNTIL] = {"until", true},
    {NULL, false},
};

static void read_content(struct jd_compile *c, const struct jd_cell *cells, struct jd_content *out)
{
    *out = (struct jd_content){
        .id = jd_cell_text(c, &cells[CONTENT_ID], "content_id", true),
        .channel = jd_cell_symbol(c, &cells[CHANNEL], "channel", &jd_channel_symbols),
        .product = jd_cell_text(c, &cells[PRODUCT], "product", false),
        .function = jd_cell_symbol(c, &cells[FUNCTION], "function", &jd_function_symbols),
    };
    jd_cell_interval(c, &cells[FROM], &cells[UNTIL], &out->from, &out->until);
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
    struct jd_csv csv;
    uint32_t count = 0, capacity = 0;
    struct jd_content *contents = NULL;
    jd_csv_init(&csv, c, file);
    if (!jd_csv_header(&csv, content_columns, NULL, NULL))
        return;
    for (const struct jd_cell *cells; (cells = jd_csv_next(&csv)) != NULL;) {
        if (count == capacity)
            contents = jd_arena_grow(c->arena, contents, count, &capacity, sizeof *contents);
        read_content(c, cells, &contents[count++]);
    }
    if (count > 1)
        qsort(contents, count, sizeof *contents, by_id_and_channel);
    c->program->contents = contents;
    c->program->content_count = count;
}

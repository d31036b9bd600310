/* Keys of rules of kind coverage: whom it is about, how much is expected, of which values. */
#include "base/avro.h"
#include "base/contract.h"
#include "base/str.h"
#include "engine/conflicts/conflicts.h"
#include "engine/fields.h"
#include "policy/rules.h"

enum { COMBINATIONS_MAX = 64 };

void jd_read_on_track(struct jd_compile *c, const struct jd_key *key, const struct jd_node *node, void *out)
{
    struct jd_decimal share;
    if (node->kind == JD_NODE_SCALAR && jd_decimal_parse(node->text, &share) && share.units > 0 &&
        share.scale <= JD_SHARE_SCALE_MAX && jd_decimal_cmp(share, (struct jd_decimal){1, 0}) <= 0)
        *(struct jd_decimal *)out = share;
    else
        jd_expected(c, node, key->name, "a share, more than 0 and at most 1, such as 0.5");
}

/* The values that `of:` lists for a field; none: it lists none. */
static struct jd_texts listed(struct jd_compile *c, const struct jd_selector *of,
                              const struct jd_field_ref *ref)
{
    const struct jd_touch_field *field = jd_field_of(ref);
    for (uint32_t i = 0; i < of->count; i++) {
        const struct jd_condition *condition = &of->conditions[i];
        if (condition->op != JD_IN || !jd_same_field(&condition->ref, ref))
            continue;
        if (field->kind == JD_STRING)
            return (struct jd_texts){condition->texts, condition->text_count};
        if (field->kind != JD_ENUM)
            continue;
        struct jd_str *texts = jd_arena_array(c->arena, field->symbols->count, sizeof *texts);
        uint32_t count = 0;
        for (uint8_t code = 1; code <= field->symbols->count; code++)
            if ((condition->enum_set >> code) & 1)
                texts[count++] = jd_symbol_text(field->symbols, code);
        return (struct jd_texts){texts, jd_sort_texts(texts, count)};
    }
    return (struct jd_texts){0};
}

static const char *missing(const struct jd_node *node)
{
    static const char *const needed[] = {"who", "period", "at_least", "valid_from", NULL};
    for (int i = 0; needed[i] != NULL; i++)
        if (jd_node_member(node, needed[i]) == NULL)
            return needed[i];
    return NULL;
}

void jd_finish_coverage(struct jd_compile *c, struct written_rule *w, const struct jd_node *node)
{
    struct jd_coverage *coverage = jd_arena_alloc(c->arena, sizeof *coverage);
    struct jd_texts *expected = jd_arena_array(c->arena, w->same.count, sizeof *expected);
    const char *key = missing(node);
    uint64_t combinations = 1;
    if (key != NULL)
        jd_error_at(c, node->place, "a rule: %s: is missing", key);
    if (w->rule.period == JD_PERIOD_FROM_FIRST)
        jd_error_at(c, jd_node_member(node, "period")->value.place,
                    "period: of coverage is day, week, month, quarter or year");
    for (uint32_t i = 0; i < w->same.count; i++) {
        expected[i] = listed(c, &w->rule.a, &w->same.items[i]);
        combinations = combinations * expected[i].count;
        if (expected[i].count == 0)
            jd_error_at(c, jd_node_member(node, "same")->value.place,
                        "same: of: must list the values of %s that are expected",
                        jd_field_of(&w->same.items[i])->name);
        if (combinations > COMBINATIONS_MAX)
            jd_error_at(c, jd_node_member(node, "same")->value.place,
                        "same: more than 64 combinations of values are expected");
    }
    *coverage = w->coverage;
    coverage->expected = expected;
    w->rule.coverage = coverage;
}

#include "engine/selector.h"

#include <string.h>

#include "base/avro.h"
#include "base/str.h"
#include "engine/conflicts/conflicts.h"
#include "engine/fields.h"
#include "engine/touches.h"

/* ---- one condition, one selector ---- */

static bool text_in(const struct jd_condition *condition, struct jd_str text)
{
    uint32_t low = 0, high = condition->text_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = jd_str_cmp(condition->texts[middle], text);
        if (order == 0)
            return true;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

static bool decimal_in(const struct jd_condition *condition, struct jd_decimal decimal)
{
    for (uint32_t i = 0; i < condition->decimal_count; i++)
        if (jd_decimal_cmp(condition->decimals[i], decimal) == 0)
            return true;
    return false;
}

static bool value_in(const struct jd_condition *condition, const struct jd_value *value)
{
    if (value->kind == JD_STRING)
        return text_in(condition, value->text);
    if (value->kind == JD_DECIMAL || value->kind == JD_INT)
        return decimal_in(condition, value->decimal);
    if (value->kind == JD_TIME)
        return value->time == condition->time;
    return (condition->enum_set >> value->code) & 1;
}

static bool ordered(enum jd_compare op, int order)
{
    return op == JD_LT ? order < 0 : op == JD_LE ? order <= 0 : op == JD_GT ? order > 0 : order >= 0;
}

static int order_of(const struct jd_condition *condition, const struct jd_value *value)
{
    if (value->kind == JD_TIME)
        return (value->time > condition->time) - (value->time < condition->time);
    return jd_decimal_cmp(value->decimal, condition->decimal);
}

/* Over a list: `in` and comparisons want one value that fits, `not in` wants none that is in. */
static bool holds(const struct jd_condition *condition, const struct jd_event *event)
{
    struct jd_value value;
    bool exists = jd_field_get(event, &condition->ref, 0, &value);
    if (condition->op == JD_EXISTS || condition->op == JD_ABSENT)
        return exists == (condition->op == JD_EXISTS);
    for (uint32_t i = 0; jd_field_get(event, &condition->ref, i, &value); i++) {
        bool fits = condition->op == JD_IN || condition->op == JD_NOT_IN
                        ? value_in(condition, &value)
                        : ordered(condition->op, order_of(condition, &value));
        if (fits)
            return condition->op != JD_NOT_IN;
    }
    return exists && condition->op == JD_NOT_IN;
}

bool jd_selector_matches(const struct jd_selector *selector, uint8_t class, const struct jd_event *event)
{
    if (!((selector->classes >> class) & 1))
        return false;
    for (uint32_t i = 0; i < selector->count; i++)
        if (!holds(&selector->conditions[i], event))
            return false;
    return true;
}

/* ---- all selectors of a program ---- */

/* Columns of the masks: the class, and the closed lists that rules mostly name. */
static const uint16_t columns[] = {JD_FIELD_ROLE,     JD_FIELD_CHANNEL,      JD_FIELD_PHASE,
                                   JD_FIELD_FUNCTION, JD_FIELD_INITIATED_BY, JD_FIELD_DIRECTION};
enum { COLUMNS = (int)JD_COUNT(columns) };

static const struct jd_selector *selector_at(const struct jd_program *program, uint32_t n)
{
    static const struct jd_selector none = {0}; /* of no class: matches nothing */
    const struct jd_rule *rule = &program->rules[n / JD_SELECTOR_STRIDE];
    switch (n % JD_SELECTOR_STRIDE) {
    case JD_SELECTOR_A:
        return &rule->a;
    case JD_SELECTOR_B:
        return &rule->b;
    case JD_SELECTOR_C:
        return &rule->c;
    default:
        return &none;
    }
}

/* Can a touch with this value in this field match? Only conditions on that field are asked. */
static bool possible(const struct jd_selector *selector, uint16_t field, uint8_t code)
{
    for (uint32_t i = 0; i < selector->count; i++) {
        const struct jd_condition *c = &selector->conditions[i];
        if (c->ref.field != field)
            continue;
        bool in = (c->enum_set >> code) & 1;
        if (code == 0 ? c->op != JD_ABSENT
                      : c->op == JD_ABSENT || (c->op == JD_IN && !in) || (c->op == JD_NOT_IN && in))
            return false;
    }
    return true;
}

/* Is everything that the selector asks answered by the masks? */
static bool masked(const struct jd_selector *selector)
{
    for (uint32_t i = 0; i < selector->count; i++) {
        const struct jd_condition *condition = &selector->conditions[i];
        bool column = false;
        for (uint32_t k = 0; k < COLUMNS; k++)
            column = column || condition->ref.field == columns[k];
        if (!column || (condition->op >= JD_LT && condition->op <= JD_GE))
            return false;
    }
    return true;
}

static uint32_t words_of(const struct jd_program *program)
{
    return program == NULL ? 0 : (program->rule_count * JD_SELECTOR_STRIDE + 63) / 64;
}

/* Rows of the masks: one for each value of each column, one for each class, one of selectors that the
 * masks answer in full. */
enum { ROWS = (COLUMNS + 1) * JD_MASK_VALUES + 1 };

size_t jd_selectors_size(const struct jd_program *program)
{
    return (size_t)words_of(program) * ROWS * sizeof(uint64_t);
}

void jd_selectors_build(struct jd_selectors *selectors, const struct jd_program *program, void *masks)
{
    *selectors = (struct jd_selectors){.program = program,
                                       .words = words_of(program),
                                       .masks = masks,
                                       .masks_size = jd_selectors_size(program)};
    if (selectors->masks_size == 0)
        return;
    memset(masks, 0, selectors->masks_size);
    for (uint32_t n = 0; n < program->rule_count * JD_SELECTOR_STRIDE; n++) {
        const struct jd_selector *selector = selector_at(program, n);
        uint64_t bit = UINT64_C(1) << (n % 64);
        uint64_t *at = selectors->masks + n / 64;
        for (uint32_t c = 0; c <= COLUMNS; c++)
            for (uint8_t v = 0; v < JD_MASK_VALUES; v++, at += selectors->words)
                if (c == COLUMNS ? (selector->classes >> v) & 1 : possible(selector, columns[c], v))
                    *at |= bit;
        if (masked(selector))
            *at |= bit;
    }
}

/* Is the touch left out of the rule, whatever its selectors say? */
static bool left_out(const struct jd_rule *rule, uint8_t class, const struct jd_event *event)
{
    jd_time t = jd_touch_time(event);
    if (rule->kind->pairs && !jd_rule_valid(rule, t))
        return true;
    for (uint32_t i = 0; i < rule->unless_count; i++)
        if (jd_selector_matches(&rule->unless[i], class, event))
            return true;
    return false;
}

void jd_selectors_match(const struct jd_selectors *selectors, uint8_t class, const struct jd_event *event,
                        uint64_t *bits)
{
    const uint32_t words = selectors->words;
    const uint64_t *rows[COLUMNS + 1];
    for (uint32_t c = 0; c < COLUMNS; c++) {
        struct jd_field_ref ref = {.field = columns[c]};
        struct jd_value value;
        uint8_t code = jd_field_get(event, &ref, 0, &value) ? value.code : 0;
        rows[c] = selectors->masks + (size_t)(c * JD_MASK_VALUES + code) * words;
    }
    rows[COLUMNS] = selectors->masks + (size_t)(COLUMNS * JD_MASK_VALUES + class) * words;
    const uint64_t *answered = selectors->masks + (size_t)(ROWS - 1) * words;
    for (uint32_t w = 0; w < words; w++) {
        uint64_t word = rows[0][w];
        for (uint32_t c = 1; c <= COLUMNS; c++)
            word &= rows[c][w];
        bits[w] = 0;
        while (word != 0) {
            uint32_t n = w * 64 + (uint32_t)__builtin_ctzll(word);
            uint64_t bit = word & (0 - word);
            word &= word - 1;
            if (!(answered[w] & bit) &&
                !jd_selector_matches(selector_at(selectors->program, n), class, event))
                continue;
            if (!left_out(&selectors->program->rules[n / JD_SELECTOR_STRIDE], class, event))
                bits[w] |= bit;
        }
    }
}

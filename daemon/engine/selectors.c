/* All selectors of a program at once. */
#include <string.h>

#include "base/str.h"
#include "engine/conflicts/conflicts.h"
#include "engine/fields.h"
#include "engine/selector.h"
#include "engine/touches.h"

/* Conditions on more columns than that are asked one by one. */
enum { COLUMNS_MAX = 64, CLASSES = 16, PATTERNS_MIN = 64 };

/* Values of a column: 0 absent, then the symbols of an enum, or the texts that conditions name and one
 * for all others. */
struct jd_column {
    struct jd_field_ref ref;
    bool is_text;
    struct jd_str *texts; /* of STRING */
    uint32_t text_count;
    uint32_t *table; /* number of each text by its hash, from 1; 0: free */
    uint32_t mask;   /* of the table */
    uint32_t values;
    uint64_t *rows; /* [value][all_words] */
};

/* ---- building ---- */

static uint32_t words_of(uint32_t bits)
{
    return (bits + 63) / 64;
}

/* Selectors of rules, then those of `unless:`. */
static const struct jd_selector *selector_at(const struct jd_selectors *s, uint32_t n)
{
    static const struct jd_selector none = {0}; /* of no class: matches nothing */
    if (n < s->program->rule_count * JD_SELECTOR_STRIDE) {
        const struct jd_rule *rule = &s->program->rules[n / JD_SELECTOR_STRIDE];
        const struct jd_selector *const selectors[JD_SELECTOR_STRIDE] = {&rule->a, &rule->b, &rule->c, &none};
        return selectors[n % JD_SELECTOR_STRIDE];
    }
    uint32_t at = n - s->words * 64, first = at;
    while (first > 0 && s->unless_rules[first - 1] == s->unless_rules[at])
        first--;
    return &s->program->rules[s->unless_rules[at]].unless[at - first];
}

/* The number of the selector after `n`; those of `unless:` begin with a word of their own. */
static uint32_t next_selector(const struct jd_selectors *s, uint32_t n)
{
    return n + 1 == s->program->rule_count * JD_SELECTOR_STRIDE ? s->words * 64 : n + 1;
}

static bool is_column(const struct jd_condition *condition)
{
    const struct jd_touch_field *field = &jd_touch_fields[condition->ref.field];
    return !field->many && (condition->op < JD_LT || condition->op > JD_GE) &&
           (field->kind == JD_STRING || field->kind == JD_ENUM || field->kind == JD_BOOL);
}

static bool asks(const struct jd_condition *condition, const struct jd_column *column)
{
    return is_column(condition) && condition->ref.field == column->ref.field &&
           jd_str_eq(condition->ref.attribute, column->ref.attribute);
}

static struct jd_column *column_of(const struct jd_selectors *s, const struct jd_condition *condition)
{
    for (uint32_t c = 0; c < s->column_count; c++)
        if (asks(condition, &s->columns[c]))
            return &s->columns[c];
    return NULL;
}

static uint32_t text_place(const struct jd_column *column, struct jd_str text)
{
    uint32_t at = (uint32_t)jd_str_hash(text) & column->mask;
    while (column->table[at] != 0 && !jd_str_eq(column->texts[column->table[at] - 1], text))
        at = (at + 1) & column->mask;
    return at;
}

static void add_texts(struct jd_column *column, const struct jd_condition *condition)
{
    for (uint32_t i = 0; i < condition->text_count; i++) {
        uint32_t at = text_place(column, condition->texts[i]);
        if (column->table[at] != 0)
            continue;
        column->texts[column->text_count++] = condition->texts[i];
        column->table[at] = column->text_count;
    }
}

/* Can a touch with this value match? Only conditions of the column are asked. */
static bool possible(const struct jd_selector *selector, const struct jd_column *column, uint32_t value)
{
    for (uint32_t i = 0; i < selector->count; i++) {
        const struct jd_condition *c = &selector->conditions[i];
        if (!asks(c, column))
            continue;
        bool in = !column->is_text ? (c->enum_set >> value) & 1
                                   : value > 0 && value <= column->text_count &&
                                         jd_condition_names(c, column->texts[value - 1]);
        if (value == 0 ? c->op != JD_ABSENT
                       : c->op == JD_ABSENT || (c->op == JD_IN && !in) || (c->op == JD_NOT_IN && in))
            return false;
    }
    return true;
}

static bool all_columns(const struct jd_selectors *s, const struct jd_selector *selector)
{
    for (uint32_t i = 0; i < selector->count; i++)
        if (column_of(s, &selector->conditions[i]) == NULL)
            return false;
    return true;
}

static void add_column(struct jd_selectors *s, const struct jd_condition *condition)
{
    struct jd_column *column = column_of(s, condition);
    if (column == NULL) {
        if (!is_column(condition) || s->column_count == COLUMNS_MAX)
            return;
        const struct jd_touch_field *field = &jd_touch_fields[condition->ref.field];
        column = &s->columns[s->column_count++];
        *column = (struct jd_column){.ref = condition->ref, .is_text = field->kind == JD_STRING};
        column->values = column->is_text          ? 2
                         : field->kind == JD_BOOL ? JD_TRUE + 1
                                                  : field->symbols->count + 1;
    }
    if (column->is_text)
        column->values += condition->text_count; /* more than needed where texts are named twice */
}

/* The columns that conditions ask for, with their texts. */
static void find_columns(struct jd_selectors *s, uint32_t end)
{
    s->columns = jd_arena_array(&s->arena, COLUMNS_MAX, sizeof *s->columns);
    for (uint32_t n = 0; n < end; n = next_selector(s, n))
        for (uint32_t i = 0; i < selector_at(s, n)->count; i++)
            add_column(s, &selector_at(s, n)->conditions[i]);
    for (uint32_t c = 0; c < s->column_count; c++) {
        struct jd_column *column = &s->columns[c];
        if (!column->is_text)
            continue;
        uint32_t size = 4;
        while (size < column->values * 2)
            size *= 2;
        column->mask = size - 1;
        column->table = jd_arena_array(&s->arena, size, sizeof *column->table);
        column->texts = jd_arena_array(&s->arena, column->values, sizeof *column->texts);
        for (uint32_t n = 0; n < end; n = next_selector(s, n))
            for (uint32_t i = 0; i < selector_at(s, n)->count; i++)
                if (asks(&selector_at(s, n)->conditions[i], column))
                    add_texts(column, &selector_at(s, n)->conditions[i]);
        column->values = column->text_count + 2;
    }
}

static void put(uint64_t *bits, uint32_t n, bool on)
{
    uint64_t bit = UINT64_C(1) << (n % 64);
    bits[n / 64] = on ? bits[n / 64] | bit : bits[n / 64] & ~bit;
}

/* Most values are named by few selectors: each begins as the value that none names. */
static void fill_column(struct jd_selectors *s, struct jd_column *column, uint32_t end)
{
    const size_t words = s->all_words;
    column->rows = jd_arena_array(&s->arena, words * column->values, sizeof *column->rows);
    uint64_t *last = column->rows + words * (column->values - 1);
    uint32_t v = 0;
    for (uint32_t n = 0; n < end; n = next_selector(s, n)) {
        put(column->rows, n, possible(selector_at(s, n), column, 0));
        put(last, n, possible(selector_at(s, n), column, column->values - 1));
    }
    for (v = 1; v < column->values - 1; v++)
        memcpy(column->rows + words * v, last, words * sizeof *last);
    for (uint32_t n = 0; n < end; n = next_selector(s, n)) {
        const struct jd_selector *selector = selector_at(s, n);
        if (!column->is_text)
            for (v = 1; v < column->values - 1; v++)
                put(column->rows + words * v, n, possible(selector, column, v));
        for (uint32_t i = 0; column->is_text && i < selector->count; i++)
            for (uint32_t t = 0;
                 asks(&selector->conditions[i], column) && t < selector->conditions[i].text_count; t++) {
                v = column->table[text_place(column, selector->conditions[i].texts[t])];
                put(column->rows + words * v, n, possible(selector, column, v));
            }
    }
}

static void fill(struct jd_selectors *s, uint32_t end)
{
    uint64_t *classes = jd_arena_array(&s->arena, (size_t)s->all_words * CLASSES, sizeof *classes);
    uint64_t *answered = jd_arena_array(&s->arena, s->all_words, sizeof *answered);
    uint64_t *timed = jd_arena_array(&s->arena, s->words, sizeof *timed);
    uint64_t *logged = jd_arena_array(&s->arena, s->words, sizeof *logged);
    for (uint32_t c = 0; c < s->column_count; c++)
        fill_column(s, &s->columns[c], end);
    for (uint32_t n = 0; n < end; n = next_selector(s, n)) {
        const struct jd_selector *selector = selector_at(s, n);
        for (uint32_t v = 0; v < CLASSES; v++)
            put(classes + (size_t)v * s->all_words, n, (selector->classes >> v) & 1);
        put(answered, n, all_columns(s, selector));
    }
    for (uint32_t n = 0; n < s->program->rule_count * JD_SELECTOR_STRIDE; n++) {
        const struct jd_rule *rule = &s->program->rules[n / JD_SELECTOR_STRIDE];
        put(timed, n,
            rule->kind->pairs && (rule->valid_from != JD_TIME_NONE || rule->valid_to != JD_TIME_NONE));
        put(logged, n, rule->logged);
    }
    s->classes = classes;
    s->answered = answered;
    s->timed = timed;
    s->logged = logged;
}

void jd_selectors_init(struct jd_selectors *selectors, const struct jd_program *program)
{
    struct jd_selectors *s = selectors;
    *s = (struct jd_selectors){.program = program};
    jd_arena_init(&s->arena, SIZE_MAX / 2);
    if (program == NULL || program->rule_count == 0)
        return;
    uint32_t unless = 0, at = 0;
    for (uint32_t r = 0; r < program->rule_count; r++)
        unless += program->rules[r].unless_count;
    s->unless_rules = jd_arena_array(&s->arena, unless, sizeof *s->unless_rules);
    for (uint32_t r = 0; r < program->rule_count; r++)
        for (uint32_t u = 0; u < program->rules[r].unless_count; u++)
            s->unless_rules[at++] = r;
    s->words = words_of(program->rule_count * JD_SELECTOR_STRIDE);
    s->all_words = s->words + words_of(unless);
    uint32_t end = s->words * 64 + unless;
    find_columns(s, end);
    fill(s, end);
}

void jd_selectors_done(struct jd_selectors *selectors)
{
    jd_arena_done(&selectors->arena);
}

/* ---- matching ---- */

static uint32_t value_of(const struct jd_column *column, const struct jd_event *event)
{
    struct jd_value value;
    if (!jd_field_get(event, &column->ref, 0, &value))
        return 0;
    if (!column->is_text)
        return value.code;
    uint32_t number = column->table[text_place(column, value.text)];
    return number == 0 ? column->text_count + 1 : number;
}

/* Word `w` of the rows of the columns, ANDed, and what they leave open asked. */
static uint64_t matched(const struct jd_selectors *s, const uint64_t *const *rows, uint32_t w, uint8_t class,
                        const struct jd_event *event)
{
    uint64_t word = (s->classes + (size_t) class * s->all_words)[w];
    for (uint32_t c = 0; c < s->column_count; c++)
        word &= rows[c][w];
    for (uint64_t open = word & ~s->answered[w]; open != 0; open &= open - 1) {
        uint32_t n = w * 64 + (uint32_t)__builtin_ctzll(open);
        if (!jd_selector_matches(selector_at(s, n), class, event))
            word &= ~(open & (0 - open));
    }
    return word;
}

void jd_selectors_match(const struct jd_selectors *selectors, uint8_t class, const struct jd_event *event,
                        bool recorded_late, uint64_t *bits)
{
    const struct jd_selectors *s = selectors;
    const uint64_t *rows[COLUMNS_MAX];
    for (uint32_t c = 0; c < s->column_count; c++)
        rows[c] = s->columns[c].rows + (size_t)value_of(&s->columns[c], event) * s->all_words;
    for (uint32_t w = 0; w < s->words; w++) {
        bits[w] = matched(s, rows, w, class, event) & (recorded_late ? s->logged[w] : UINT64_MAX);
        for (uint64_t timed = bits[w] & s->timed[w]; timed != 0; timed &= timed - 1) {
            uint32_t rule =
                w * JD_SELECTOR_WORD_RULES + (uint32_t)__builtin_ctzll(timed) / JD_SELECTOR_STRIDE;
            if (!jd_rule_valid(&s->program->rules[rule], jd_touch_time(event)))
                bits[w] &= ~(timed & (0 - timed));
        }
    }
    for (uint32_t w = s->words; w < s->all_words; w++)
        for (uint64_t word = matched(s, rows, w, class, event); word != 0; word &= word - 1) {
            uint32_t rule = s->unless_rules[(w - s->words) * 64 + (uint32_t)__builtin_ctzll(word)];
            bits[rule / JD_SELECTOR_WORD_RULES] &=
                ~(UINT64_C(15) << (rule % JD_SELECTOR_WORD_RULES * JD_SELECTOR_STRIDE));
        }
}

bool jd_selectors_logged(const struct jd_selectors *selectors, uint8_t class, const struct jd_event *event,
                         struct jd_arena *arena)
{
    uint64_t *bits = jd_arena_array(arena, selectors->words, sizeof *bits), any = 0;
    jd_selectors_match(selectors, class, event, true, bits);
    for (uint32_t w = 0; w < selectors->words; w++)
        any |= bits[w];
    return any != 0;
}

/* ---- patterns ---- */

const uint64_t *jd_selectors_bits(const struct jd_selectors *selectors, uint32_t pattern)
{
    return selectors->patterns + (size_t)pattern * selectors->words;
}

static uint32_t pattern_place(const struct jd_selectors *s, const uint64_t *bits)
{
    struct jd_str bytes = {(const char *)bits, s->words * (uint32_t)sizeof *bits};
    uint32_t mask = s->pattern_capacity * 2 - 1, at = (uint32_t)jd_str_hash(bytes) & mask;
    while (s->pattern_table[at] != 0 &&
           memcmp(jd_selectors_bits(s, s->pattern_table[at] - 1), bits, bytes.size) != 0)
        at = (at + 1) & mask;
    return at;
}

/* The old arrays stay in the arena: bits that were handed out stay where they are. */
static void grow_patterns(struct jd_selectors *s)
{
    const uint64_t *old = s->patterns;
    s->pattern_capacity = s->pattern_capacity ? s->pattern_capacity * 2 : PATTERNS_MIN;
    s->patterns = jd_arena_array(&s->arena, (size_t)s->pattern_capacity * s->words, sizeof *s->patterns);
    s->pattern_table = jd_arena_array(&s->arena, (size_t)s->pattern_capacity * 2, sizeof *s->pattern_table);
    if (s->pattern_count > 0)
        memcpy(s->patterns, old, (size_t)s->pattern_count * s->words * sizeof *old);
    for (uint32_t i = 0; i < s->pattern_count; i++)
        s->pattern_table[pattern_place(s, jd_selectors_bits(s, i))] = i + 1;
}

uint32_t jd_selectors_pattern(struct jd_selectors *selectors, uint8_t class, const struct jd_event *event,
                              bool recorded_late)
{
    struct jd_selectors *s = selectors;
    if (s->words == 0)
        return 0;
    if (s->pattern_count == s->pattern_capacity)
        grow_patterns(s);
    uint64_t *bits = s->patterns + (size_t)s->pattern_count * s->words;
    jd_selectors_match(s, class, event, recorded_late, bits);
    uint32_t at = pattern_place(s, bits);
    if (s->pattern_table[at] == 0)
        s->pattern_table[at] = ++s->pattern_count;
    return s->pattern_table[at] - 1;
}

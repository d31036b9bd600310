/* All selectors at once say what each says alone. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "base/contract.h"
#include "base/str.h"
#include "engine/conflicts/conflicts.h"
#include "engine/fields.h"
#include "engine/selector.h"

enum { RULES = 70, TEXTS = 6 };

static const struct jd_str texts[TEXTS] = {{"a", 1}, {"b", 1}, {"c", 1}, {"d", 1}, {"e", 1}, {"", 0}};
static const struct jd_conflict_kind kinds[] = {{.pairs = true}, {.pairs = false}};
static struct jd_arena arena;

static struct jd_condition random_condition(void)
{
    static const char *const names[] = {"role",         "channel",      "product",  "team",
                                        "attributes.x", "attributes.y", "on_label", "key_messages",
                                        "quantity",     "start",        "function"};
    struct jd_condition c = {0};
    cr_assert(jd_field_ref_of(jd_str_of(names[rand() % (int)JD_COUNT(names)]), &c.ref));
    const struct jd_touch_field *field = &jd_touch_fields[c.ref.field];
    c.op = (enum jd_compare)(rand() % 4 == 0 ? JD_EXISTS + rand() % 2 : JD_IN + rand() % 2);
    if (field->kind == JD_TIME || field->kind == JD_INT)
        c.op = (enum jd_compare)(JD_LT + rand() % 6);
    c.enum_set = (uint64_t)(rand() & 0xfffe);
    struct jd_str *list = jd_arena_array(&arena, TEXTS, sizeof *list);
    uint32_t first = (uint32_t)rand() % 3;
    for (uint32_t i = first; i < 5; i += 1 + (uint32_t)rand() % 3)
        list[c.text_count++] = texts[i];
    c.texts = list;
    c.decimal = (struct jd_decimal){rand() % 4, 0};
    c.time = rand() % 4;
    return c;
}

static struct jd_selector random_selector(void)
{
    struct jd_selector s = {.count = (uint32_t)rand() % 4, .classes = (uint32_t)rand() % 64 & 0x3e};
    struct jd_condition *conditions = jd_arena_array(&arena, s.count, sizeof *conditions);
    for (uint32_t i = 0; i < s.count; i++)
        conditions[i] = random_condition();
    s.conditions = conditions;
    return s;
}

static struct jd_str random_text(void)
{
    return rand() % 4 == 0 ? (struct jd_str){0} : texts[rand() % TEXTS];
}

static struct jd_event *random_touch(void)
{
    struct jd_event *e = jd_arena_alloc(&arena, sizeof *e);
    jd_record_clear(&jd_event_record, e);
    e->time = rand() % 4;
    e->start = rand() % 2 ? rand() % 4 : JD_TIME_NONE;
    e->quantity = rand() % 2 ? rand() % 4 : JD_INT_NONE;
    e->actor.role = (uint8_t)(rand() % JD_ROLE_END_);
    e->channel = (uint8_t)(rand() % JD_CHANNEL_END_);
    e->on_label = (uint8_t)(rand() % 3);
    e->product = random_text();
    e->actor.team = random_text();
    struct jd_pair *pairs = jd_arena_array(&arena, 2, sizeof *pairs);
    pairs[0] = (struct jd_pair){JD_STR("x"), texts[rand() % TEXTS]};
    pairs[1] = (struct jd_pair){JD_STR("y"), texts[rand() % TEXTS]};
    e->attributes = (struct jd_list){pairs, (uint32_t)rand() % 3};
    struct jd_str *messages = jd_arena_array(&arena, 2, sizeof *messages);
    messages[0] = texts[rand() % TEXTS];
    messages[1] = texts[rand() % TEXTS];
    e->key_messages = (struct jd_list){messages, (uint32_t)rand() % 3};
    return e;
}

/* Does the touch match, and take part in the rule? */
static bool expected(const struct jd_rule *rule, uint32_t place, uint8_t class, const struct jd_event *event)
{
    jd_time t = event->start != JD_TIME_NONE ? event->start : event->time;
    if (rule->kind->pairs && ((rule->valid_from != JD_TIME_NONE && t < rule->valid_from) ||
                              (rule->valid_to != JD_TIME_NONE && t >= rule->valid_to)))
        return false;
    for (uint32_t i = 0; i < rule->unless_count; i++)
        if (jd_selector_matches(&rule->unless[i], class, event))
            return false;
    return place < 3 && jd_selector_matches(place == 0   ? &rule->a
                                            : place == 1 ? &rule->b
                                                         : &rule->c,
                                            class, event);
}

Test(selectors, together_as_alone)
{
    jd_arena_init(&arena, (size_t)1 << 30);
    for (unsigned seed = 1; seed <= 60; seed++) {
        srand(seed);
        struct jd_rule rules[RULES] = {{.version = 0}};
        struct jd_program program = {.rules = rules, .rule_count = 1 + (uint32_t)rand() % RULES};
        for (uint32_t r = 0; r < program.rule_count; r++) {
            rules[r].a = random_selector();
            rules[r].b = random_selector();
            rules[r].c = random_selector();
            rules[r].kind = &kinds[rand() % 2];
            rules[r].valid_from = rand() % 4 == 0 ? rand() % 4 : JD_TIME_NONE;
            rules[r].valid_to = rand() % 4 == 0 ? rand() % 4 : JD_TIME_NONE;
            rules[r].unless_count = rand() % 4 == 0 ? (uint32_t)rand() % 3 : 0;
            struct jd_selector *unless = jd_arena_array(&arena, 2, sizeof *unless);
            unless[0] = random_selector();
            unless[1] = random_selector();
            rules[r].unless = unless;
        }
        struct jd_selectors selectors;
        jd_selectors_init(&selectors, &program);
        for (int i = 0; i < 300; i++) {
            const struct jd_event *event = random_touch();
            uint8_t class = (uint8_t)(1 + rand() % 5);
            uint32_t pattern = jd_selectors_pattern(&selectors, class, event, false);
            const uint64_t *bits = jd_selectors_bits(&selectors, pattern);
            for (uint32_t n = 0; n < program.rule_count * JD_SELECTOR_STRIDE; n++)
                cr_assert(jd_bit(bits, n) == expected(&rules[n / 4], n % 4, class, event),
                          "seed %u, touch %d, selector %u", seed, i, n);
            cr_assert(jd_selectors_pattern(&selectors, class, event, false) == pattern);
        }
        jd_selectors_done(&selectors);
        jd_arena_reset(&arena);
    }
    jd_arena_done(&arena);
}

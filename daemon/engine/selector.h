/* Does a touch match a selector? One by one, and all selectors of a program at once. */
#ifndef JOURNEYD_ENGINE_SELECTOR_H
#define JOURNEYD_ENGINE_SELECTOR_H

#include "engine/fold.h"

bool jd_selector_matches(const struct jd_selector *selector, uint8_t class, const struct jd_event *event);
bool jd_condition_holds(const struct jd_condition *condition, const struct jd_event *event);
/* A selector over fields of the profile. NULL, no profile: nothing matches. */
bool jd_selector_matches_profile(const struct jd_selector *selector, const struct jd_hcp_profile *profile);
/* Is the text one of those that the condition lists? */
bool jd_condition_names(const struct jd_condition *condition, struct jd_str text);

/* The selectors of a program, numbered: rule r has 4r (a: and takes part), 4r + 1 (b:), 4r + 2 (c:). A
 * touch takes part in a rule when no `unless:` selector matches it and, where the rule is about pairs, it
 * lies inside valid_from .. valid_to.
 *
 * Each field that conditions compare with listed values is a column; a value of it has a row: the
 * selectors that it leaves possible. A touch's rows ANDed are the selectors that it can match, whatever
 * their number; only conditions on times, amounts and lists are then asked one by one. */
enum jd_selector_place { JD_SELECTOR_A, JD_SELECTOR_B, JD_SELECTOR_C, JD_SELECTOR_STRIDE = 4 };
/* One bit for each rule whose selectors' bits are in the word, at the place of a. */
#define JD_SELECTOR_RULES UINT64_C(0x1111111111111111)
enum { JD_SELECTOR_WORD_RULES = 64 / JD_SELECTOR_STRIDE };

struct jd_column;
struct jd_selectors {
    const struct jd_program *program;
    struct jd_arena arena; /* of all below */
    struct jd_column *columns;
    uint32_t column_count;
    uint32_t words;           /* of 64 selectors of rules: what a match fills */
    uint32_t all_words;       /* those of `unless:` too, which follow the others' words */
    uint32_t *unless_rules;   /* rule of each selector of `unless:` */
    const uint64_t *classes;  /* [class][all_words]: selectors that a class leaves possible */
    const uint64_t *answered; /* [all_words]: selectors that the columns answer in full */
    const uint64_t *timed;    /* [words]: those of rules about pairs with valid_from or valid_to */
    const uint64_t *logged;   /* [words]: those of rules with axis: recorded_at */
    /* What touches matched, each set of selectors once: touches keep its number. */
    uint64_t *patterns; /* [number][words] */
    uint32_t *pattern_table;
    uint32_t pattern_count, pattern_capacity;
};

/* Of a program; NULL: without rules. Owned: jd_selectors_done. */
void jd_selectors_init(struct jd_selectors *selectors, const struct jd_program *program);
void jd_selectors_done(struct jd_selectors *selectors);
/* Sets bits[0 .. words). `recorded_late`: jd_engagement.recorded_late; then rules on the touch's own time do not
 * see it. */
void jd_selectors_match(const struct jd_selectors *selectors, uint8_t class, const struct jd_event *event,
                        bool recorded_late, uint64_t *bits);
/* The same as the number of a pattern. */
uint32_t jd_selectors_pattern(struct jd_selectors *selectors, uint8_t class, const struct jd_event *event,
                              bool recorded_late);
/* Does a rule with `axis: recorded_at` ask for it? */
bool jd_selectors_logged(const struct jd_selectors *selectors, uint8_t class, const struct jd_event *event,
                         struct jd_arena *arena);
/* The bits of a pattern; they stay where they are until jd_selectors_done. */
const uint64_t *jd_selectors_bits(const struct jd_selectors *selectors, uint32_t pattern);

static inline bool jd_bit(const uint64_t *bits, uint32_t n)
{
    return (bits[n / 64] >> (n % 64)) & 1;
}

/* Does rule number `rule` ask for what these bits are of, with any of its selectors? */
static inline bool jd_selectors_ask(const uint64_t *bits, uint32_t rule)
{
    return (bits[rule / JD_SELECTOR_WORD_RULES] >> (rule % JD_SELECTOR_WORD_RULES * JD_SELECTOR_STRIDE) &
            7) != 0;
}

#endif

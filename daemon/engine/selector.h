/* Does a touch match a selector? One by one, and all selectors of a program at once. */
#ifndef JOURNEYD_ENGINE_SELECTOR_H
#define JOURNEYD_ENGINE_SELECTOR_H

#include "engine/fold.h"

bool jd_selector_matches(const struct jd_selector *selector, uint8_t class, const struct jd_event *event);

/* The selectors of a program, numbered: rule r has 4r (a: and takes part), 4r + 1 (b:), 4r + 2 (c:). A
 * touch takes part in a rule when no `unless:` selector matches it and, where the rule is about pairs, it
 * lies inside valid_from .. valid_to. Selectors whose closed-list conditions a touch cannot meet are ruled
 * out by a few ANDs before any is looked at. */
struct jd_selectors {
    const struct jd_program *program;
    uint32_t words;    /* of 64 selectors */
    uint64_t *masks;   /* [column][value][word]: selectors that a value of a closed list leaves possible */
    size_t masks_size; /* bytes */
};

enum jd_selector_place { JD_SELECTOR_A, JD_SELECTOR_B, JD_SELECTOR_C, JD_SELECTOR_STRIDE = 4 };
/* One bit for each rule whose selectors' bits are in the word, at the place of a. */
#define JD_SELECTOR_RULES UINT64_C(0x1111111111111111)
enum { JD_SELECTOR_WORD_RULES = 64 / JD_SELECTOR_STRIDE };

enum { JD_MASK_VALUES = 16 }; /* values of a closed list that a mask tells apart, absent included */

/* Bytes that jd_selectors_build needs for `masks`. */
size_t jd_selectors_size(const struct jd_program *program);
void jd_selectors_build(struct jd_selectors *selectors, const struct jd_program *program, void *masks);
/* Sets bits[0 .. words). */
void jd_selectors_match(const struct jd_selectors *selectors, uint8_t class, const struct jd_event *event,
                        uint64_t *bits);

static inline bool jd_bit(const uint64_t *bits, uint32_t n)
{
    return (bits[n / 64] >> (n % 64)) & 1;
}

#endif

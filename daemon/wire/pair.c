#include "wire/pair.h"

#include "base/str.h"

bool jd_pair_place(struct jd_pair *pairs, uint32_t count)
{
    struct jd_pair last = pairs[count - 1];
    uint32_t at = count - 1;
    int order = 1;
    while (at > 0 && (order = jd_str_cmp(last.key, pairs[at - 1].key)) < 0) {
        pairs[at] = pairs[at - 1];
        at--;
    }
    pairs[at] = last;
    return at == 0 || order != 0;
}

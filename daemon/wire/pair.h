/* Maps from outside: pairs in the order of their keys, each key once. */
#ifndef JOURNEYD_WIRE_PAIR_H
#define JOURNEYD_WIRE_PAIR_H

#include "journeyd/types.h"

/* Moves the last of `count` pairs (>= 1) to its place among the others, which are in order. False: its
 * key is there already. */
bool jd_pair_place(struct jd_pair *pairs, uint32_t count);

#endif

/* SHA-256 as text. */
#ifndef JOURNEYD_BASE_SHA256_H
#define JOURNEYD_BASE_SHA256_H

#include "base/arena.h"

enum { JD_SHA256_HEX = 64 };

/* 64 hex digits in lower case; arena. */
struct jd_str jd_sha256(struct jd_str bytes, struct jd_arena *arena);

#endif

/* The grammar of JSON, for those who know what a value is to be: json.c, and the CloudEvents envelope, which
 * holds a record's value inside. */
#ifndef JOURNEYD_WIRE_JSON_READER_H
#define JOURNEYD_WIRE_JSON_READER_H

#include <string.h>

#include "base/arena.h"
#include "journeyd/record.h"
#include "wire/reason.h"

/* Where the reader is, for messages: a chain on the stack. */
struct jd_json_place {
    const struct jd_json_place *outer;
    const char *name; /* field; NULL: an item */
    uint32_t index;
};

struct jd_json {
    const char *start, *at, *end;
    struct jd_arena *arena;
    struct jd_reject *why;
    const struct jd_json_place *place;
    uint32_t depth;
};

static inline void jd_json_blanks(struct jd_json *j)
{
    while (j->at < j->end && (*j->at == ' ' || *j->at == '\n' || *j->at == '\r' || *j->at == '\t'))
        j->at++;
}
/* Refuses at the present byte; false. */
bool jd_json_fail(struct jd_json *j, enum jd_refusal refusal);
/* What is not the grammar: TRUNCATED at the end of the text, else BAD_JSON. False. */
bool jd_json_bad(struct jd_json *j);

/* Members of an object, one call each: `*first` is true before the first and `*more` false after the last.
 * After it the reader stands at the member's value. */
JD_MUST_CHECK bool jd_json_open(struct jd_json *j, char bracket);
JD_MUST_CHECK bool jd_json_next(struct jd_json *j, char bracket, bool *first, bool *more);
JD_MUST_CHECK bool jd_json_name(struct jd_json *j, struct jd_str *name);
/* The colon after a name and the blanks around it: what jd_json_name() ends with. */
JD_MUST_CHECK static inline bool jd_json_colon(struct jd_json *j)
{
    jd_json_blanks(j);
    if (j->at == j->end || *j->at != ':')
        return jd_json_bad(j);
    j->at++;
    jd_json_blanks(j);
    return true;
}

JD_MUST_CHECK bool jd_json_string(struct jd_json *j, struct jd_str *out);
/* A number as it is written; `*whole`: without a point and an exponent. */
JD_MUST_CHECK bool jd_json_number(struct jd_json *j, struct jd_str *text, bool *whole);
JD_MUST_CHECK bool jd_json_word(struct jd_json *j, const char *word); /* "true", "false" */
/* Reads `null` if it is next. */
static inline bool jd_json_null(struct jd_json *j)
{
    if (j->end - j->at < 4 || memcmp(j->at, "null", 4) != 0)
        return false;
    j->at += 4;
    return true;
}
JD_MUST_CHECK bool jd_json_skip(struct jd_json *j); /* any value, checked */
JD_MUST_CHECK bool jd_json_end(struct jd_json *j);  /* nothing but blanks is left */

/* The names already seen in an object, for those that no table knows. */
struct jd_json_names {
    uint64_t *hashes;
    uint32_t count, capacity;
};
JD_MUST_CHECK bool jd_json_unique(struct jd_json *j, struct jd_json_names *names, struct jd_str name);

#endif

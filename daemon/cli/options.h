/* The command line of a subcommand, described by one table: parsing, errors and --help derive from it.
 *
 * Long options only: `--name value`, `--name=value`. A list takes every following word that is not an
 * option, and may be repeated. `--` ends the options. Words that belong to no option are operands. */
#ifndef JOURNEYD_CLI_OPTIONS_H
#define JOURNEYD_CLI_OPTIONS_H

#include <stdio.h>

#include "base/error.h"

/* Words of the command line; items are borrowed from argv. */
struct jd_words {
    const char **items; /* owned by the parser: jd_options_done */
    size_t count;
};

enum jd_option_kind {
    JD_OPTION_END,
    JD_OPTION_FLAG,  /* bool */
    JD_OPTION_TEXT,  /* const char *; NULL: not given */
    JD_OPTION_WORDS, /* struct jd_words, one or more */
    JD_OPTION_INT,   /* int64_t within [min, max]; JD_INT_NONE: not given */
};

struct jd_option {
    enum jd_option_kind kind;
    bool required;
    const char *name;  /* without the dashes */
    const char *value; /* how --help names its value; NULL for a flag */
    const char *help;  /* one sentence, no full stop */
    size_t offset;     /* of the member in the arguments struct */
    int64_t min, max;  /* of an INT */
};

/* Fills `arguments` (a zeroed struct that the table describes) and `operands` from the words after the
 * subcommand. False: `err` names the word, and the nearest option if it is unknown. `*help` is set when
 * --help was among them; then nothing else is checked. */
JD_MUST_CHECK bool jd_options_parse(const struct jd_option *table, char *const *words, size_t count,
                                    void *arguments, struct jd_words *operands, bool *help,
                                    struct jd_error *err);
/* Releases the lists of `arguments` and `operands`. */
void jd_options_done(const struct jd_option *table, void *arguments, struct jd_words *operands);
/* One line an option, aligned. */
void jd_options_help(const struct jd_option *table, FILE *to);

#endif

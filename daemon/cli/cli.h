/* A subcommand, and the table of all of them (cli/main.c).
 *
 * A new subcommand is one file that defines its `struct jd_command`, one line here and one in the table.
 * The command only returns; main prints the error, once, and ends the process. */
#ifndef JOURNEYD_CLI_CLI_H
#define JOURNEYD_CLI_CLI_H

#include "cli/options.h"

struct jd_command {
    const char *name;
    const char *usage;   /* what follows the name */
    const char *summary; /* one line, no full stop */
    const char *details; /* paragraphs for --help, each line ended; may be NULL */
    const struct jd_option *options;
    size_t arguments_size; /* of the struct that the options fill; at most JD_ARGUMENTS_MAX */
    size_t operands_min, operands_max;
    /* How the process ends. Other than JD_EXIT_OK with an empty err->text: it has been said already. */
    enum jd_exit (*run)(const void *arguments, const struct jd_words *operands, struct jd_error *err);
};

extern const struct jd_command jd_check_command, jd_explain_command, jd_inspect_command, jd_policy_command,
    jd_produce_command, jd_replay_command, jd_reset_command, jd_run_command, jd_test_command,
    jd_verify_command;

enum { JD_ARGUMENTS_MAX = 512 };

#endif

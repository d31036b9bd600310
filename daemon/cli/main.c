/* journeyd: dispatches to one subcommand and ends the process with its exit code. Nothing else. */
#include <stdalign.h>
#include <string.h>

#include "base/str.h"
#include "cli/cli.h"
#include "policy/diagnostics.h"

/* In the order in which --help lists them. */
static const struct jd_command *const commands[] = {
    &jd_run_command,
    &jd_check_command,
    &jd_policy_command,
    &jd_test_command,
    &jd_replay_command,
    &jd_produce_command,
    &jd_explain_command,
    &jd_inspect_command,
    &jd_verify_command,
    &jd_reset_command,
    NULL,
};

static void print_usage(FILE *to)
{
    fputs("journeyd " JD_VERSION ": conflict alerts and next-channel triggers from engagement events\n\n"
          "usage: journeyd COMMAND [OPTION...]      journeyd COMMAND --help      journeyd --version\n\n",
          to);
    for (size_t i = 0; commands[i] != NULL; i++) {
        fprintf(to, "  %-8s  %s\n", commands[i]->name, commands[i]->summary);
    }
    fputs("\nExit codes: 0 ok, 64 usage, 65 data, 69 a dependency is unavailable, 70 internal, 78 "
          "configuration.\n",
          to);
}

static void print_help(const struct jd_command *command)
{
    printf("usage: journeyd %s %s\n\n%s.\n", command->name, command->usage, command->summary);
    if (command->details != NULL) {
        printf("\n%s", command->details);
    }
    putchar('\n');
    jd_options_help(command->options, stdout);
}

static bool check_operands(const struct jd_command *command, const struct jd_words *operands,
                           struct jd_error *err)
{
    if (operands->count > command->operands_max) {
        return jd_error_set(err, JD_EXIT_USAGE, "\"%s\" is one word too many",
                            operands->items[command->operands_max]);
    }
    if (operands->count < command->operands_min) {
        return jd_error_set(err, JD_EXIT_USAGE, "a word is missing: journeyd %s %s", command->name,
                            command->usage);
    }
    return true;
}

static enum jd_exit dispatch(const struct jd_command *command, char *const *words, size_t count)
{
    alignas(max_align_t) unsigned char arguments[JD_ARGUMENTS_MAX] = {0};
    struct jd_words operands = {0};
    struct jd_error err = {0};
    bool help = false;
    enum jd_exit code = JD_EXIT_USAGE;
    if (jd_options_parse(command->options, words, count, arguments, &operands, &help, &err)) {
        if (help) {
            print_help(command);
            code = JD_EXIT_OK;
        } else if (check_operands(command, &operands, &err)) {
            code = command->run(arguments, &operands, &err);
        }
    }
    if (code != JD_EXIT_OK && err.text[0] != '\0') {
        fprintf(stderr, "journeyd %s: %s\n", command->name, err.text);
        if (code == JD_EXIT_USAGE) {
            fprintf(stderr, "See: journeyd %s --help\n", command->name);
        }
    }
    jd_options_done(command->options, arguments, &operands);
    return code;
}

/* What was written must have arrived: a full disk or a closed pipe is an error, not a success. */
static enum jd_exit finish(enum jd_exit code)
{
    if (fflush(stdout) != 0 || ferror(stdout) != 0) {
        if (code == JD_EXIT_OK) {
            fputs("journeyd: standard output could not be written\n", stderr);
            return JD_EXIT_DATA;
        }
    }
    return code;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        print_usage(stderr);
        return JD_EXIT_USAGE;
    }
    const char *word = argv[1];
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0) {
        print_usage(stdout);
        return (int)finish(JD_EXIT_OK);
    }
    if (strcmp(word, "--version") == 0) {
        puts("journeyd " JD_VERSION);
        return (int)finish(JD_EXIT_OK);
    }
    for (size_t i = 0; commands[i] != NULL; i++) {
        if (strcmp(word, commands[i]->name) == 0) {
            return (int)finish(dispatch(commands[i], argv + 2, (size_t)argc - 2));
        }
    }
    const char *names[JD_COUNT(commands)] = {NULL};
    for (size_t i = 0; commands[i] != NULL; i++) {
        names[i] = commands[i]->name;
    }
    const char *near = jd_nearest_name(jd_str_of(word), names);
    fprintf(stderr, "journeyd: unknown command \"%s\"%s%s%s\nSee: journeyd --help\n", word,
            near != NULL ? "; did you mean \"" : "", near != NULL ? near : "", near != NULL ? "\"?" : "");
    return JD_EXIT_USAGE;
}

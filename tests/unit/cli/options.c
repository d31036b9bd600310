/* The command line: what is accepted, and what each refusal says. */
#include <criterion/criterion.h>
#include <string.h>

#include "cli/options.h"

struct arguments {
    const char *policy;
    struct jd_words events, more;
    bool json;
    int64_t partitions;
};

static const struct jd_option table[] = {
    {JD_OPTION_TEXT, true, "policy", "DIR", "the policy", offsetof(struct arguments, policy), 0, 0},
    {JD_OPTION_WORDS, false, "events", "FILE", "the files", offsetof(struct arguments, events), 0, 0},
    {JD_OPTION_WORDS, false, "more", "FILE", "more files", offsetof(struct arguments, more), 0, 0},
    {JD_OPTION_FLAG, false, "json", NULL, "JSON", offsetof(struct arguments, json), 0, 0},
    {JD_OPTION_INT, false, "partitions", "N", "partitions", offsetof(struct arguments, partitions), 1, 1024},
    {JD_OPTION_END, false, NULL, NULL, NULL, 0, 0, 0},
};

/* Parses a line of words that are divided by single spaces. */
struct parsed {
    char line[256];
    char *words[32];
    size_t count;
    struct arguments arguments;
    struct jd_words operands;
    bool help, ok;
    struct jd_error err;
};

static void parse(struct parsed *p, const char *line)
{
    memset(p, 0, sizeof(*p));
    snprintf(p->line, sizeof(p->line), "%s", line);
    for (char *word = strtok(p->line, " "); word != NULL; word = strtok(NULL, " ")) {
        p->words[p->count++] = word;
    }
    p->ok = jd_options_parse(table, p->words, p->count, &p->arguments, &p->operands, &p->help, &p->err);
}

static void done(struct parsed *p)
{
    jd_options_done(table, &p->arguments, &p->operands);
}

Test(options, every_kind_is_filled)
{
    struct parsed p;
    parse(&p, "one --policy=dir --events a b - --json --more c --events d --partitions 8 two -- --three");
    cr_assert(p.ok, "%s", p.err.text);
    cr_assert_str_eq(p.arguments.policy, "dir");
    cr_assert_eq(p.arguments.events.count, 4);
    cr_assert_str_eq(p.arguments.events.items[2], "-");
    cr_assert_str_eq(p.arguments.events.items[3], "d");
    cr_assert_eq(p.arguments.more.count, 1);
    cr_assert_str_eq(p.arguments.more.items[0], "c");
    cr_assert(p.arguments.json);
    cr_assert_eq(p.arguments.partitions, 8);
    cr_assert_eq(p.operands.count, 3);
    cr_assert_str_eq(p.operands.items[0], "one");
    cr_assert_str_eq(p.operands.items[1], "two");
    cr_assert_str_eq(p.operands.items[2], "--three");
    done(&p);
}

Test(options, what_is_not_given_is_absent)
{
    struct parsed p;
    parse(&p, "--policy dir");
    cr_assert(p.ok, "%s", p.err.text);
    cr_assert_eq(p.arguments.partitions, JD_INT_NONE);
    cr_assert_eq(p.arguments.events.count, 0);
    cr_assert_not(p.arguments.json);
    done(&p);
}

Test(options, help_asks_for_nothing_else)
{
    struct parsed p;
    parse(&p, "--nonsense --help");
    cr_assert(p.ok);
    cr_assert(p.help);
    done(&p);
    parse(&p, "--policy x -- --help");
    cr_assert(p.ok);
    cr_assert_not(p.help, "after -- it is an operand");
    done(&p);
}

Test(options, every_refusal_names_the_word)
{
    static const struct {
        const char *line, *says;
    } rows[] = {
        {"--polcy dir", "unknown option --polcy; did you mean --policy?"},
        {"--frobnicate", "unknown option --frobnicate"},
        {"-p dir", "unknown option -p"},
        {"", "--policy DIR is missing"},
        {"--policy", "--policy needs a value: --policy DIR"},
        {"--policy --json", "--policy needs a value: --policy DIR"},
        {"--policy a --policy b", "--policy is given twice"},
        {"--policy a --json=1", "--json takes no value"},
        {"--policy a --partitions 0", "--partitions: \"0\" is not a whole number from 1 to 1024"},
        {"--policy a --partitions 8x", "--partitions: \"8x\" is not a whole number from 1 to 1024"},
        {"--policy a --partitions 99999999999999999999",
         "--partitions: \"99999999999999999999\" is not a whole number from 1 to 1024"},
    };
    for (size_t i = 0; i < JD_COUNT(rows); i++) {
        struct parsed p;
        parse(&p, rows[i].line);
        cr_expect_not(p.ok, "row %zu: %s", i, rows[i].line);
        cr_expect_str_eq(p.err.text, rows[i].says, "row %zu: %s", i, p.err.text);
        cr_expect_eq(p.err.code, JD_EXIT_USAGE, "row %zu", i);
        done(&p);
    }
}

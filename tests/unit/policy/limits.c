/* Limits on what a policy may hold: so much is taken, one more is refused where it stands. */
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"
#include "support.h"

TestSuite(limits, .fini = scratch_done, .timeout = 120);

#define RULE "- { id: r, version: 1, severity: low, kind: proximity, within: 1d, "

/* `before`, then `item` so many times (with its number, if it takes one), then `after`. */
static const struct {
    const char *file, *before, *item, *after;
    uint32_t most, line, column;
    const char *problem;
} rows[] = {
    {"conflicts.yaml", "",
     "- { id: r%u, version: 1, severity: low, kind: proximity, a: {}, b: {}, within: 1d }\n", "", 1000, 1001,
     3, "more than 1000 rules"},
    {"conflicts.yaml", RULE "b: {}, a: { role: msl, ", "attributes.k%u: x, ", "team: y } }\n", 62, 1, 0,
     "more than 64 conditions"},
    {"conflicts.yaml", RULE "b: {}, a: { team: [", "t%u, ", "] } }\n", 1024, 1, 86, "more than 1024 values"},
    {"conflicts.yaml", RULE "a: {}, b: {}, same: [", "attributes.k%u, ", "] }\n", 16, 1, 88,
     "more than 16 fields"},
    {"conflicts.yaml", RULE "a: {}, b: {}, different: [", "attributes.k%u, ", "] }\n", 16, 1, 93,
     "more than 16 fields"},
    {"conflicts.yaml", RULE "a: {}, b: {}, unless: [", "{ team: t%u }, ", "] }\n", 16, 1, 90,
     "more than 16 selectors"},
    {"conflicts.yaml", "- { id: r, version: 1, kind: proximity, within: 1d, a: {}, b: {}, severity: [",
     "{ when: { a: { team: t%u } }, level: high }, ", "{ level: low }] }\n", 31, 1, 77, "more than 32 cases"},
    {"conflicts.yaml",
     "- { id: r, version: 1, kind: frequency, severity: low, of: {}, limit: 1, window: 1d,\n    weights: { "
     "by: "
     "team, values: {",
     "t%u: 1, ", "} } }\n", 1024, 2, 34, "values: more than 1024 weights"},
    {"policy.yaml", "name: x\ngroups: {", "g%u: { field: topic, sets: { a: [x] } }, ", "}\n", 64, 2, 9,
     "groups: more than 64 groups"},
    {"policy.yaml", "name: x\ngroups: { g: { field: topic, sets: {", "s%u: [v%u], ", "} } }\n", 1000, 2, 36,
     "sets: more than 1000 sets"},
    {"policy.yaml", "name: x\ngroups: { g: { field: topic, sets: { a: [", "v%u, ", "] } } }\n", 10000, 2, 36,
     "more than 10000 values"},
    {"policy.yaml", "name: x\nzones: [", "UTC, ", "]\n", 600, 2, 8, "zones: more than 600 zones"},
    {"conflicts.yaml", "- { id: ", "n", ", version: 1, severity: low, kind: overlap, a: {}, b: {} }\n", 128,
     1, 9, "id: expected a name"},
    {"conflicts.yaml", "- { id: r, version: 1, severity: low, kind: overlap, a: {}, b: {}, citation: ", "c",
     " }\n", 1024, 1, 78, "citation: expected one line of text"},
    {"conflicts.yaml", "- { id: r, version: 1, severity: low, kind: overlap, b: {}, a: { team: ", "t",
     " } }\n", 256, 1, 72, "a text of at most 256 bytes"},
    {"actors.csv", "actor,from,until", ",c%u", "\n", 13, 1, 1, "more than 16 columns"},
    {"content.csv", "content_id,channel,product,function,from,until\n", "c%u,,,,2026-01-01,\n", "", 200000,
     200002, 1, "more than 200000 lines"},
};

static struct jd_str write_row(size_t i, uint32_t count, struct jd_arena *arena)
{
    struct jd_buf text;
    jd_buf_init(&text, arena);
    jd_buf_text(&text, rows[i].before);
    for (uint32_t n = 0; n < count; n++) {
        char item[256], *end = item;
        for (const char *p = rows[i].item; *p != '\0'; p++)
            if (p[0] == '%' && p[1] == 'u')
                end += sprintf(end, "%u", n), p++;
            else
                *end++ = *p;
        jd_buf_str(&text, (struct jd_str){item, (uint32_t)(end - item)});
    }
    jd_buf_text(&text, rows[i].after);
    return jd_buf_done(&text);
}

Test(limits, so_much_is_taken_and_one_more_refused)
{
    for (size_t i = 0; i < JD_COUNT(rows); i++) {
        struct jd_arena arena;
        struct jd_diagnostics problems;
        jd_arena_init(&arena, (size_t)256 << 20);
        struct jd_policy *policy = compile_with(rows[i].file, write_row(i, rows[i].most, &arena), &problems);
        if (policy == NULL)
            jd_diagnostics_print(&problems, stderr);
        cr_expect_not_null(policy, "row %zu, %s: refused", i, rows[i].problem);
        jd_policy_free(policy);
        jd_diagnostics_done(&problems);
        policy = compile_with(rows[i].file, write_row(i, rows[i].most + 1, &arena), &problems);
        cr_expect_null(policy, "row %zu, %s: taken", i, rows[i].problem);
        cr_expect_not_null(
            find_problem(&problems, rows[i].file, rows[i].line, rows[i].column, rows[i].problem, NULL),
            "row %zu: %s", i, rows[i].problem);
        jd_policy_free(policy);
        jd_diagnostics_done(&problems);
        jd_arena_done(&arena);
    }
}

/* `size` spaces and a line end are no policy, but small enough to be read. */
static void write_blank(const char *name, uint32_t size)
{
    char *bytes = malloc(size);
    cr_assert_not_null(bytes);
    memset(bytes, ' ', size);
    bytes[size - 1] = '\n';
    scratch_write(name, bytes, size);
    free(bytes);
}

static void expect_refused(const char *file, const char *problem)
{
    struct jd_diagnostics problems;
    jd_diagnostics_init(&problems);
    cr_expect_null(jd_policy_load(scratch(), &problems));
    cr_expect_not_null(find_problem(&problems, file, 0, 0, problem, NULL), "%s", problem);
    jd_diagnostics_done(&problems);
}

Test(limits, on_bytes_and_files)
{
    scratch_text("policy.yaml", "name: x\n");
    write_blank("conflicts.yaml", (1u << 20) + 1);
    expect_refused("conflicts.yaml", "the file has 1048577 bytes; at most 1048576 are read");
    scratch_text("conflicts.yaml", "[]\n");
    write_blank("content.csv", (8u << 20) + 1);
    expect_refused("content.csv", "larger than 8388608 bytes");
    write_blank("content.csv", 8u << 20);
    write_blank("journeys/a.yaml", 8u << 20);
    expect_refused("", "larger than 16 MiB together");
    scratch_done();
    for (uint32_t i = 0; i < 1025; i++) {
        char name[64];
        (void)snprintf(name, sizeof name, "f%u.yaml", i);
        scratch_text(name, "");
    }
    expect_refused("", "more than 1024 files");
    scratch_done();
    scratch_text("a/b/c/d/e.yaml", "x: y\n");
    expect_refused("a/b/c/d", "nested too deep");
}

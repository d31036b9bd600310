/* The YAML reader: what it takes, what it refuses and where, and that nothing crashes it. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <criterion/criterion.h>

#include "base/buf.h"
#include "base/str.h"
#include "policy/yaml.h"
#include "support.h"

#define ARENA ((size_t)256 << 20)

struct parsed {
    struct jd_arena arena;
    struct jd_diagnostics problems;
    const struct jd_node *root;
};

static void parse(struct parsed *p, struct jd_str text)
{
    jd_arena_init(&p->arena, ARENA);
    jd_diagnostics_init(&p->problems);
    p->root = jd_yaml_parse(text, JD_STR("t.yaml"), &p->arena, &p->problems);
}

static void done(struct parsed *p)
{
    jd_diagnostics_done(&p->problems);
    jd_arena_done(&p->arena);
}

Test(yaml, trees_keep_texts_and_places)
{
    struct parsed p;
    parse(&p, JD_STR("a: 1\n\"b\": [x, 'ü', {c: |\n  two\n  lines\n}]\nä: { d: ~, e: '~', f: }\n"));
    cr_assert_null(p.root, "a block text cannot stand in a flow map");
    done(&p);
    parse(&p, JD_STR("a: 1\n\"b\": [x, 'ü', {c: d}]\nä: { d: ~, e: '~', f: }\ng: |\n  two\n  lines\n"));
    cr_assert_not_null(p.root);
    cr_assert_eq(p.root->count, 4);
    const struct jd_node *list = &jd_node_member(p.root, "b")->value;
    cr_expect_eq(list->kind, JD_NODE_LIST);
    cr_expect(jd_str_eq(list->items[1].text, JD_STR("ü")));
    cr_expect_not(list->items[1].plain);
    cr_expect_eq(list->items[2].place.line, 2);
    cr_expect_eq(list->items[2].place.column, 15, "columns count characters: %u",
                 list->items[2].place.column);
    const struct jd_node *map = &jd_node_member(p.root, "ä")->value;
    cr_expect(jd_node_is_null(&map->members[0].value));
    cr_expect_not(jd_node_is_null(&map->members[1].value), "quoted: a text");
    cr_expect(jd_node_is_null(&map->members[2].value));
    cr_expect(jd_str_eq(jd_node_member(p.root, "g")->value.text, JD_STR("two\nlines\n")));
    cr_expect_null(jd_node_member(p.root, "c"));
    cr_expect_eq(p.problems.errors, 0);
    done(&p);
}

Test(yaml, refuses_what_hides_or_grows)
{
    static const struct {
        const char *text;
        uint32_t line, column;
        const char *problem;
    } rows[] = {
        {"", 1, 1, "empty"},
        {"# nothing\n", 1, 1, "empty"},
        {"a: &x [1]\nb: 2\n", 1, 4, "anchors"},
        {"a: *x\n", 1, 4, "aliases"},
        {"*x : 1\n", 1, 1, "aliases"},
        {"a: !!int 1\n", 1, 4, "tags"},
        {"a: !local {b: c}\n", 1, 4, "tags"},
        {"a:\n  b: 1\n  b: 2\n", 3, 3, "written twice"},
        {"a: {b: 1, 'b': 2}\n", 1, 11, "written twice"},
        {"<<: {a: 1}\n", 1, 1, "merge keys"},
        {"{[a]: b}\n", 1, 2, "a key must be text"},
        {"a: 1\n--- \nb: 1\n", 2, 1, "second document"},
        {"a: \"\\0\"\n", 1, 4, "control character"},
        {"a: \"\\e[31m\"\n", 1, 4, "control character"},
        {"a: [1, 2\n", 0, 0, "not YAML"},
        {"a: 'b\n", 0, 0, "not YAML"},
        {"a:\n\t- b\n", 2, 1, "not YAML"},
        {"a: b: c\n", 1, 5, "not YAML"},
        {"%YAML 3.0\n--- a\n", 0, 0, "not YAML"},
    };
    for (size_t i = 0; i < JD_COUNT(rows); i++) {
        struct parsed p;
        parse(&p, jd_str_of(rows[i].text));
        cr_expect(p.root == NULL || p.problems.errors > 0, "row %zu is taken", i);
        cr_expect_not_null(
            find_problem(&p.problems, "t.yaml", rows[i].line, rows[i].column, rows[i].problem, NULL),
            "row %zu", i);
        done(&p);
    }
}

Test(yaml, refuses_other_encodings)
{
    static const struct jd_str rows[] = {{"a: \xff\n", 5},
                                         {"\xff\xfe"
                                          "a\0:\0",
                                          6},
                                         {"a: \xc0\xaf\n", 6},
                                         {"a: \xed\xa0\x80\n", 7}};
    for (size_t i = 0; i < JD_COUNT(rows); i++) {
        struct parsed p;
        parse(&p, rows[i]);
        cr_expect_null(p.root, "row %zu", i);
        cr_expect_not_null(find_problem(&p.problems, "t.yaml", 0, 0, "not UTF-8", NULL), "row %zu", i);
        done(&p);
    }
}

/* `text` so many times and a line end; `*bytes` is to be freed. */
static struct jd_str repeat(const char *text, uint32_t times, char **bytes)
{
    size_t size = strlen(text);
    *bytes = malloc(size * times + 1);
    cr_assert_not_null(*bytes);
    for (uint32_t i = 0; i < times; i++)
        memcpy(*bytes + i * size, text, size);
    (*bytes)[size * times] = '\n';
    return (struct jd_str){*bytes, (uint32_t)(size * times + 1)};
}

Test(yaml, limits_hold_before_memory_is_taken, .timeout = 60)
{
    static const struct {
        const char *text;
        uint32_t times;
        const char *problem;
    } rows[] = {
        {"[", 100000, "32 deep"},
        {"{a: ", 100000, "32 deep"},
        {"- ", 100000, "32 deep"},
        {"- a\n", 100001, "more than 100000 values"},
        {"#", (1u << 20) + 1, "at most 1048576"},
        {"? a\n", 5000, "written twice"},
    };
    for (size_t i = 0; i < JD_COUNT(rows); i++) {
        char *bytes;
        struct jd_str text = repeat(rows[i].text, rows[i].times, &bytes);
        struct parsed p;
        parse(&p, text);
        cr_expect(p.root == NULL || p.problems.errors > 0, "row %zu is taken", i);
        cr_expect_not_null(find_problem(&p.problems, "t.yaml", 0, 0, rows[i].problem, NULL), "row %zu", i);
        cr_expect_lt(p.arena.total, (size_t)64 << 20, "row %zu takes %zu bytes", i, p.arena.total);
        done(&p);
        free(bytes);
    }
}

/* Where visible signs stand for what one would not see (yaml-test-suite's ReadMe). */
static struct jd_str unfold(struct jd_str s, struct jd_arena *arena)
{
    static const struct {
        const char *from, *to;
    } signs[] = {{"␣", " "},  {"————»", "\t"}, {"———»", "\t"}, {"——»", "\t"},        {"—»", "\t"},
                 {"»", "\t"}, {"↵", ""},       {"←", "\r"},    {"⇔", "\xEF\xBB\xBF"}};
    struct jd_buf out;
    jd_buf_init(&out, arena);
    for (uint32_t i = 0; i < s.size;) {
        size_t step = 0;
        for (size_t j = 0; j < JD_COUNT(signs) && step == 0; j++)
            if (s.size - i >= strlen(signs[j].from) &&
                memcmp(s.ptr + i, signs[j].from, strlen(signs[j].from)) == 0) {
                jd_buf_text(&out, signs[j].to);
                step = strlen(signs[j].from);
            }
        if (s.size - i >= strlen("∎\n") && memcmp(s.ptr + i, "∎\n", strlen("∎\n")) == 0)
            break;
        if (step == 0)
            jd_buf_byte(&out, (unsigned char)s.ptr[i]);
        i += step == 0 ? 1 : (uint32_t)step;
    }
    return out.size == 0 ? JD_STR("") : jd_buf_done(&out);
}

struct counts {
    unsigned files, cases, failing, refused;
};

static void run_case(const struct jd_node *node, struct jd_arena *arena, struct counts *counts,
                     struct jd_str name)
{
    const struct jd_member *text = jd_node_member(node, "yaml"), *fails = jd_node_member(node, "fail");
    if (text == NULL)
        return;
    struct parsed p;
    parse(&p, unfold(text->value.text, arena));
    counts->cases++;
    if (fails != NULL) {
        bool refused = p.root == NULL || p.problems.errors > 0;
        counts->failing++;
        counts->refused += refused;
        if (!refused)
            fprintf(stderr, "accepted though it is no YAML: " JD_STR_FMT "\n", JD_STR_ARG(name));
    }
    cr_assert(p.root != NULL || p.problems.errors > 0, "neither read nor refused: " JD_STR_FMT,
              JD_STR_ARG(name));
    done(&p);
}

/* libyaml reads YAML 1.1 and lets pass some texts that 1.2 forbids; none of them crashes. */
Test(yaml, the_yaml_test_suite_never_crashes_it, .timeout = 60)
{
    struct counts counts = {0};
    FILE *archive = popen("gzip -dc tests/data/conformance/yaml-test-suite.tar.gz", "r");
    cr_assert_not_null(archive);
    char header[512];
    while (fread(header, 1, sizeof header, archive) == sizeof header && header[0] != '\0') {
        size_t size = strtoul(header + 124, NULL, 8), padded = (size + 511) / 512 * 512;
        char *bytes = malloc(padded + 1);
        cr_assert_not_null(bytes);
        cr_assert_eq(fread(bytes, 1, padded, archive), padded);
        header[100] = '\0';
        if (strstr(header, "/src/") != NULL && size > 0) {
            struct parsed p;
            parse(&p, (struct jd_str){bytes, (uint32_t)size});
            counts.files++;
            for (uint32_t i = 0; p.root != NULL && p.root->kind == JD_NODE_LIST && i < p.root->count; i++)
                run_case(&p.root->items[i], &p.arena, &counts, jd_str_of(header));
            done(&p);
        }
        free(bytes);
    }
    cr_assert_eq(pclose(archive), 0);
    fprintf(stderr, "%u files, %u cases, %u of %u that are no YAML refused\n", counts.files, counts.cases,
            counts.refused, counts.failing);
    cr_expect_geq(counts.files, 150);
    cr_expect_geq(counts.cases, 150);
    cr_expect_geq(counts.refused * 10, counts.failing * 8);
}

Test(yaml, changed_bytes_never_crash_it, .timeout = 60)
{
    static const char text[] =
        "- { id: r, version: 1, a: { role: [x, 'y'] }, within: 7d } # c\n- k: |\n    v\n  \"q\": >-\n"
        "    w\n  ? e\n  : &a *b\n%% !t\n---\n...\n";
    const char *given = getenv("SEED");
    unsigned seed = given != NULL ? (unsigned)strtoul(given, NULL, 0) : (unsigned)time(NULL);
    fprintf(stderr, "SEED=%u\n", seed);
    srandom(seed);
    for (unsigned i = 0; i < 20000; i++) {
        char copy[sizeof text];
        memcpy(copy, text, sizeof text);
        for (long changes = 1 + random() % 4; changes > 0; changes--)
            copy[(size_t)random() % (sizeof text - 1)] =
                (char)(random() % 2 == 0 ? random() % 256 : text[random() % 100]);
        struct parsed p;
        parse(&p, (struct jd_str){copy, (uint32_t)((size_t)random() % sizeof text)});
        cr_assert(p.root != NULL || p.problems.errors > 0);
        done(&p);
    }
}

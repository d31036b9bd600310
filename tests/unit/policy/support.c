#define _XOPEN_SOURCE 700 /* nftw */
#include "support.h"

#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/buf.h"
#include "base/str.h"

static char directory[512];

const char *scratch(void)
{
    if (directory[0] == '\0') {
        const char *root = getenv("TMPDIR");
        (void)snprintf(directory, sizeof directory, "%s/jd-policy-XXXXXX", root != NULL ? root : "/tmp");
        cr_assert_not_null(mkdtemp(directory));
    }
    return directory;
}

static int remove_one(const char *path, const struct stat *status, int flag, struct FTW *walk)
{
    (void)status, (void)flag, (void)walk;
    return remove(path);
}

void scratch_done(void)
{
    if (directory[0] != '\0')
        (void)nftw(directory, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    directory[0] = '\0';
}

const char *scratch_write(const char *name, const void *bytes, size_t size)
{
    static char path[1024];
    (void)snprintf(path, sizeof path, "%s/%s", scratch(), name);
    for (char *slash = path + strlen(scratch()) + 1; (slash = strchr(slash, '/')) != NULL; slash++) {
        *slash = '\0';
        (void)mkdir(path, 0700);
        *slash = '/';
    }
    FILE *file = fopen(path, "we");
    cr_assert_not_null(file, "%s", path);
    cr_assert_eq(fwrite(bytes, 1, size, file), size);
    cr_assert_eq(fclose(file), 0);
    cr_assert_eq(chmod(path, 0600), 0);
    return path;
}

const char *scratch_text(const char *name, const char *text)
{
    return scratch_write(name, text, strlen(text));
}

static bool holds(struct jd_str s, const char *part)
{
    return part == NULL || (s.ptr != NULL && strstr(s.ptr, part) != NULL);
}

const struct jd_problem *find_problem(const struct jd_diagnostics *problems, const char *file, uint32_t line,
                                      uint32_t column, const char *text, const char *hint)
{
    for (uint32_t i = 0; i < problems->count; i++) {
        const struct jd_problem *p = &problems->items[i];
        size_t size = strlen(file);
        if (p->place.file.size >= size &&
            memcmp(p->place.file.ptr + p->place.file.size - size, file, size) == 0 &&
            (line == 0 || p->place.line == line) && (column == 0 || p->place.column == column) &&
            holds(p->text, text) && holds(p->hint, hint))
            return p;
    }
    jd_diagnostics_print(problems, stderr);
    return NULL;
}

static void add_member(struct jd_buf *out, const char *name, struct jd_str bytes)
{
    jd_buf_printf(out, "%s %u\n", name, bytes.size);
    jd_buf_str(out, bytes);
    jd_buf_byte(out, '\n');
}

struct jd_policy *compile_with(const char *file, struct jd_str text, struct jd_diagnostics *problems)
{
    static const struct {
        const char *name, *text;
    } others[] = {{"conflicts.yaml", "[]\n"},
                  {"policy.yaml", "name: test\nmarkets: { DE: { zone: UTC } }\n"}};
    struct jd_arena arena;
    struct jd_buf bundle;
    bool written = false;
    jd_arena_init(&arena, (size_t)64 << 20);
    jd_buf_init(&bundle, &arena);
    jd_buf_text(&bundle, "journeyd-policy 1\n");
    for (size_t i = 0; i < JD_COUNT(others); i++) { /* in the order of their names */
        if (!written && strcmp(file, others[i].name) <= 0) {
            add_member(&bundle, file, text);
            written = true;
        }
        if (strcmp(file, others[i].name) != 0)
            add_member(&bundle, others[i].name, jd_str_of(others[i].text));
    }
    if (!written)
        add_member(&bundle, file, text);
    jd_diagnostics_init(problems);
    struct jd_policy *policy = jd_policy_from_bundle(jd_buf_done(&bundle), (struct jd_str){0}, problems);
    jd_arena_done(&arena);
    return policy;
}

const char small_policy[] = "name: test\nmarkets: { DE: { zone: UTC }, US: { zone: UTC } }\n";
const char small_rules[] = "[]\n";

struct jd_policy *load_with(const char *file, const char *text, struct jd_diagnostics *problems)
{
    scratch_done();
    scratch_text("policy.yaml", small_policy);
    scratch_text("conflicts.yaml", small_rules);
    scratch_text(file, text);
    jd_diagnostics_init(problems);
    return jd_policy_load(scratch(), problems);
}

void check_mistakes(const char *file, const char *before, const char *after, const struct mistake *rows,
                    size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char text[2048];
        struct jd_diagnostics problems;
        (void)snprintf(text, sizeof text, "%s%s%s", before, rows[i].text, after);
        struct jd_policy *policy = load_with(file, text, &problems);
        cr_expect_null(policy, "row %zu is taken: %s", i, rows[i].text);
        cr_expect_not_null(
            find_problem(&problems, file, rows[i].line, rows[i].column, rows[i].problem, rows[i].hint),
            "row %zu: %s", i, rows[i].text);
        jd_policy_free(policy);
        jd_diagnostics_done(&problems);
    }
}

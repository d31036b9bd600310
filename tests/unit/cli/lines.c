/* Lines: plain and compressed, their numbers, their limits. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "cli/lines.h"

static char path[] = "/tmp/jd-lines-XXXXXX";

static void make_file(const char *bytes, size_t size, bool compressed)
{
    const int fd = mkstemp(path);
    cr_assert(fd >= 0);
    gzFile file = gzdopen(fd, compressed ? "wb" : "wbT");
    cr_assert_eq(gzwrite(file, bytes, (unsigned)size), (int)size);
    cr_assert_eq(gzclose(file), Z_OK);
}

static void drop_file(void)
{
    unlink(path);
    memcpy(path + strlen(path) - 6, "XXXXXX", 6);
}

static void expect(struct jd_lines *lines, enum jd_line_kind kind, const char *text, uint64_t number)
{
    struct jd_str line = {0};
    struct jd_error err = {0};
    const enum jd_line_kind got = jd_lines_next(lines, &line, &err);
    cr_assert_eq(got, kind, "line %llu: %s", (unsigned long long)number, err.text);
    if (kind == JD_LINE_TEXT) {
        cr_assert_eq(line.size, strlen(text));
        cr_assert_eq(memcmp(line.ptr, text, line.size), 0);
    }
    cr_assert_eq(jd_lines_number(lines), number);
}

Test(lines, plain_and_compressed_are_the_same)
{
    static const char bytes[] = "one\r\n\n  \ntwo\nlonger than eight\nlast";
    for (int compressed = 0; compressed < 2; compressed++) {
        make_file(bytes, sizeof(bytes) - 1, compressed != 0);
        struct jd_error err = {0};
        struct jd_lines *lines = jd_lines_open(path, 8, &err);
        cr_assert_not_null(lines, "%s", err.text);
        expect(lines, JD_LINE_TEXT, "one", 1);
        expect(lines, JD_LINE_TEXT, "two", 4);
        expect(lines, JD_LINE_TOO_LONG, NULL, 5);
        expect(lines, JD_LINE_TEXT, "last", 6);
        expect(lines, JD_LINE_END, NULL, 6);
        jd_lines_close(lines);
        drop_file();
    }
}

Test(lines, a_line_far_over_the_limit_is_skipped_whole)
{
    const size_t size = 3000000;
    char *bytes = malloc(size + 5);
    cr_assert_not_null(bytes);
    memset(bytes, 'x', size);
    memcpy(bytes + size, "\nnext", 5);
    make_file(bytes, size + 5, true);
    free(bytes);
    struct jd_error err = {0};
    struct jd_lines *lines = jd_lines_open(path, 1000, &err);
    cr_assert_not_null(lines, "%s", err.text);
    expect(lines, JD_LINE_TOO_LONG, NULL, 1);
    expect(lines, JD_LINE_TEXT, "next", 2);
    expect(lines, JD_LINE_END, NULL, 2);
    jd_lines_close(lines);
    drop_file();
}

Test(lines, a_cut_archive_is_broken_not_ended)
{
    char bytes[20000];
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = i % 50 == 49 ? '\n' : (char)('a' + (i * i) % 23);
    }
    make_file(bytes, sizeof(bytes), true);
    cr_assert_eq(truncate(path, 100), 0);
    struct jd_error err = {0};
    struct jd_lines *lines = jd_lines_open(path, 1000, &err);
    enum jd_line_kind kind = JD_LINE_TEXT;
    struct jd_str line;
    while (lines != NULL && kind == JD_LINE_TEXT) {
        kind = jd_lines_next(lines, &line, &err);
    }
    cr_assert(lines == NULL || kind == JD_LINE_BROKEN);
    cr_assert_not_null(strstr(err.text, "cannot be read"), "%s", err.text);
    jd_lines_close(lines);
    drop_file();
}

Test(lines, what_cannot_be_read_is_refused)
{
    struct jd_error err = {0};
    cr_assert_null(jd_lines_open("/nowhere/at/all", 10, &err));
    cr_assert_eq(err.code, JD_EXIT_DATA);
    cr_assert_null(jd_lines_open("/tmp", 10, &err));
    cr_assert_not_null(strstr(err.text, "is a directory"), "%s", err.text);
}

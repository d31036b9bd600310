#include "cli/results.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/str.h"

struct jd_results {
    enum jd_results_format format;
    FILE *out;
    struct jd_arena arena;   /* texts of `items` */
    struct jd_result *items; /* JUNIT: all of them */
    uint32_t count, capacity;
    uint64_t outcomes[JD_TEST_ERROR + 1];
};

static const char *const formats[] = {
    [JD_RESULTS_TEXT] = "text", [JD_RESULTS_TAP] = "tap", [JD_RESULTS_JUNIT] = "junit"};

bool jd_results_format_of(const char *word, enum jd_results_format *format, struct jd_error *err)
{
    *format = JD_RESULTS_TEXT;
    for (int i = JD_RESULTS_TEXT; word != NULL && i <= JD_RESULTS_JUNIT; i++) {
        if (strcmp(word, formats[i]) == 0) {
            *format = (enum jd_results_format)i;
            return true;
        }
    }
    return word == NULL ||
           jd_error_set(err, JD_EXIT_USAGE, "--format: \"%s\" is none of text, tap, junit", word);
}

struct jd_results *jd_results_new(enum jd_results_format format, FILE *out)
{
    struct jd_results *results = calloc(1, sizeof(*results));
    if (results == NULL) {
        fputs("journeyd: out of memory\n", stderr);
        abort();
    }
    *results = (struct jd_results){.format = format, .out = out};
    jd_arena_init(&results->arena, (size_t)1 << 30);
    if (format == JD_RESULTS_TAP) {
        fputs("TAP version 14\n", out);
    }
    return results;
}

/* Each line of `text` with `begin` in front. */
static void write_lines(FILE *out, const char *begin, struct jd_str text)
{
    uint32_t from = 0;
    for (uint32_t i = 0; i < text.size; i++) {
        if (text.ptr[i] == '\n') {
            fprintf(out, "%s%.*s\n", begin, (int)(i - from), text.ptr + from);
            from = i + 1;
        }
    }
}

static void write_text(FILE *out, const struct jd_result *result)
{
    static const char *const words[] = {
        [JD_TEST_PASSED] = "ok   ", [JD_TEST_FAILED] = "FAIL ", [JD_TEST_ERROR] = "ERROR"};
    fprintf(out, "%s " JD_STR_FMT "  (" JD_STR_FMT ":%u)\n", words[result->outcome], JD_STR_ARG(result->name),
            JD_STR_ARG(result->file), result->line);
    write_lines(out, "  ", result->text);
}

/* ---- TAP ------------------------------------------------------------------------------------------------ */

/* A description ends at its line's end, and # begins a directive. */
static void write_description(FILE *out, struct jd_str name)
{
    for (uint32_t i = 0; i < name.size; i++) {
        const char c = name.ptr[i];
        if (c == '#' || c == '\\') {
            fputc('\\', out);
        }
        fputc(c == '\n' ? ' ' : c, out);
    }
}

static void write_tap(FILE *out, uint64_t number, const struct jd_result *result)
{
    fprintf(out, "%s %llu - ", result->outcome == JD_TEST_PASSED ? "ok" : "not ok",
            (unsigned long long)number);
    write_description(out, result->name);
    fputc('\n', out);
    if (result->outcome != JD_TEST_PASSED) {
        fprintf(out, "  ---\n  severity: %s\n  at:\n    file: '",
                result->outcome == JD_TEST_ERROR ? "error" : "fail");
        for (uint32_t i = 0; i < result->file.size; i++) {
            fputs(result->file.ptr[i] == '\'' ? "''" : (char[]){result->file.ptr[i], '\0'}, out);
        }
        fprintf(out, "'\n    line: %u\n  message: |2\n", result->line);
        write_lines(out, "    ", result->text);
        fputs("  ...\n", out);
    }
}

/* ---- JUnit ---------------------------------------------------------------------------------------------- */

/* XML has no other control characters than tab and line end. */
static void write_xml(FILE *out, struct jd_str text)
{
    for (uint32_t i = 0; i < text.size; i++) {
        const unsigned char c = (unsigned char)text.ptr[i];
        switch (c) {
        case '&':
            fputs("&amp;", out);
            break;
        case '<':
            fputs("&lt;", out);
            break;
        case '>':
            fputs("&gt;", out);
            break;
        case '"':
            fputs("&quot;", out);
            break;
        default:
            fputs(c < ' ' && c != '\t' && c != '\n' ? "\xEF\xBF\xBD" : (char[]){(char)c, '\0'}, out);
        }
    }
}

static void write_counts(FILE *out, const struct jd_result *items, uint32_t count)
{
    uint32_t outcomes[JD_TEST_ERROR + 1] = {0};
    double seconds = 0;
    for (uint32_t i = 0; i < count; i++) {
        outcomes[items[i].outcome]++;
        seconds += items[i].seconds;
    }
    fprintf(out, " tests=\"%u\" failures=\"%u\" errors=\"%u\" time=\"%.3f\">\n", count,
            outcomes[JD_TEST_FAILED], outcomes[JD_TEST_ERROR], seconds);
}

/* The first line says what differs; the rest how. */
static struct jd_str first_line(struct jd_str text)
{
    const char *end = text.size > 0 ? memchr(text.ptr, '\n', text.size) : NULL;
    return (struct jd_str){text.ptr, end != NULL ? (uint32_t)(end - text.ptr) : text.size};
}

static void write_case(FILE *out, const struct jd_result *result)
{
    fputs("    <testcase classname=\"", out);
    write_xml(out, result->file);
    fputs("\" name=\"", out);
    write_xml(out, result->name);
    fputs("\" file=\"", out);
    write_xml(out, result->file);
    fprintf(out, "\" line=\"%u\" time=\"%.3f\"", result->line, result->seconds);
    if (result->outcome == JD_TEST_PASSED) {
        fputs("/>\n", out);
        return;
    }
    const char *element = result->outcome == JD_TEST_FAILED ? "failure" : "error";
    fprintf(out, ">\n      <%s message=\"", element);
    write_xml(out, first_line(result->text));
    fputs("\">", out);
    write_xml(out, result->text);
    fprintf(out, "</%s>\n    </testcase>\n", element);
}

static void write_junit(const struct jd_results *results)
{
    FILE *out = results->out;
    fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"journeyd test\"", out);
    write_counts(out, results->items, results->count);
    for (uint32_t from = 0; from < results->count;) {
        uint32_t end = from + 1;
        while (end < results->count && jd_str_eq(results->items[end].file, results->items[from].file)) {
            end++;
        }
        fputs("  <testsuite name=\"", out);
        write_xml(out, results->items[from].file);
        fputc('"', out);
        write_counts(out, results->items + from, end - from);
        for (; from < end; from++) {
            write_case(out, &results->items[from]);
        }
        fputs("  </testsuite>\n", out);
    }
    fputs("</testsuites>\n", out);
}

/* ---- all of them ---------------------------------------------------------------------------------------- */

static void keep(struct jd_results *results, const struct jd_result *result)
{
    if (results->count == results->capacity) {
        results->items = jd_arena_grow(&results->arena, results->items, results->count, &results->capacity,
                                       sizeof(*results->items));
    }
    struct jd_result *copy = &results->items[results->count++];
    *copy = *result;
    copy->file = jd_arena_str(&results->arena, result->file);
    copy->name = jd_arena_str(&results->arena, result->name);
    copy->text = jd_arena_str(&results->arena, result->text);
}

void jd_results_add(struct jd_results *results, const struct jd_result *result)
{
    results->outcomes[result->outcome]++;
    switch (results->format) {
    case JD_RESULTS_TEXT:
        write_text(results->out, result);
        break;
    case JD_RESULTS_TAP:
        write_tap(results->out,
                  results->outcomes[JD_TEST_PASSED] + results->outcomes[JD_TEST_FAILED] +
                      results->outcomes[JD_TEST_ERROR],
                  result);
        break;
    case JD_RESULTS_JUNIT:
        keep(results, result);
        break;
    }
}

uint64_t jd_results_end(struct jd_results *results)
{
    const uint64_t passed = results->outcomes[JD_TEST_PASSED];
    const uint64_t failed = results->outcomes[JD_TEST_FAILED] + results->outcomes[JD_TEST_ERROR];
    if (results->format == JD_RESULTS_JUNIT) {
        write_junit(results);
    } else {
        if (results->format == JD_RESULTS_TAP) {
            fprintf(results->out, "1..%llu\n# ", (unsigned long long)(passed + failed));
        }
        fprintf(results->out, "%llu scenarios: %llu passed, %llu failed\n",
                (unsigned long long)(passed + failed), (unsigned long long)passed,
                (unsigned long long)failed);
    }
    jd_arena_done(&results->arena);
    free(results);
    return failed;
}

/* Results of tests, written for people, for TAP readers, or for what reads JUnit's XML.
 *
 *   text   a line a test, the differences below it, the counts at the end
 *   tap    TAP version 14: https://testanything.org/tap-version-14-specification.html
 *   junit  <testsuites>, one <testsuite> a file; a failed test has <failure>, one that could not run <error>.
 *          Written at the end: its counts come first. */
#ifndef JOURNEYD_CLI_RESULTS_H
#define JOURNEYD_CLI_RESULTS_H

#include <stdio.h>

#include "base/error.h"

enum jd_results_format { JD_RESULTS_TEXT = 1, JD_RESULTS_TAP, JD_RESULTS_JUNIT };

enum jd_test_outcome { JD_TEST_PASSED = 1, JD_TEST_FAILED, JD_TEST_ERROR /* it could not be run */ };

struct jd_result {
    enum jd_test_outcome outcome;
    struct jd_str file, name;
    uint32_t line;      /* of the test in the file, from 1 */
    struct jd_str text; /* lines, each ended: what differs, or why it could not be run; may be empty */
    double seconds;
};

struct jd_results;

/* "text", "tap" or "junit", NULL is text. False: `err`, JD_EXIT_USAGE. */
JD_MUST_CHECK bool jd_results_format_of(const char *word, enum jd_results_format *format,
                                        struct jd_error *err);
/* `out` is borrowed. Never NULL: without memory the process ends. Owned: jd_results_end. */
struct jd_results *jd_results_new(enum jd_results_format format, FILE *out);
/* Everything of `result` is borrowed for the call. */
void jd_results_add(struct jd_results *results, const struct jd_result *result);
/* Writes what comes at the end and releases; returns how many did not pass. */
uint64_t jd_results_end(struct jd_results *results);

#endif

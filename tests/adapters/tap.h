/* Test Anything Protocol for the plain test programs: one line a check, the values that were wrong with it.
 */
#ifndef JOURNEYD_TESTS_TAP_H
#define JOURNEYD_TESTS_TAP_H

#include <stdio.h>

extern int tap_count, tap_failed;

/* `want` was expected; the arguments after it are a printf format and values, for the line. */
#define CHECK(want, ...)                                                                                     \
    do {                                                                                                     \
        const int tap_ok_ = (want) ? 1 : 0;                                                                  \
        tap_failed += !tap_ok_;                                                                              \
        printf("%sok %d - ", tap_ok_ ? "" : "not ", ++tap_count);                                            \
        printf(__VA_ARGS__);                                                                                 \
        printf(tap_ok_ ? "\n" : "   # %s:%d: %s\n", __FILE__, __LINE__, #want);                              \
        (void)fflush(stdout);                                                                                \
    } while (0)

#define SKIP(...)                                                                                            \
    do {                                                                                                     \
        printf("ok %d - ", ++tap_count);                                                                     \
        printf(__VA_ARGS__);                                                                                 \
        printf(" # SKIP\n");                                                                                 \
    } while (0)

void test_kafka(const char *bootstrap);
void test_redis(const char *url, const char *socket_path);
void test_registry(const char *url);
void test_http(void);
void test_log(void);
int zombie_main(const char *bootstrap, const char *prefix); /* the second process of a test */
void test_system(void);
void test_threads(void);

#endif

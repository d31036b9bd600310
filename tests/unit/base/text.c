/* Decimals and times as text. Expected values: POSIX `date -u -d`, and arithmetic by hand. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/avro.h"
#include "base/civil.h"
#include "base/str.h"

static struct jd_arena arena;

static void setup(void)
{
    jd_arena_init(&arena, 1 << 20);
}

static void teardown(void)
{
    jd_arena_done(&arena);
}

TestSuite(text, .init = setup, .fini = teardown);

Test(text, decimals_are_exact_and_canonical)
{
    static const struct {
        const char *text, *canonical;
    } rows[] = {
        {"0", "0"},
        {"-0", "0"},
        {"0.000", "0"},
        {"1", "1"},
        {"-1.50", "-1.5"},
        {"12.30", "12.3"},
        {"100", "100"},
        {"0.000000001", "0.000000001"},
        {"1e2", "100"},
        {"1.5E+1", "15"},
        {"25e-1", "2.5"},
        {"999999999999999999", "999999999999999999"},
        {"0.1000000000000000000000000000", "0.1"},
        {"123456789.123456789", "123456789.123456789"},
        {"1000000000000000000e-1", "100000000000000000"},
        {"0e999999999999", "0"},
        {"10.01", "10.01"},
        {"0.05", "0.05"},
        {"-0.05", "-0.05"},
    };
    for (size_t i = 0; i < JD_COUNT(rows); i++) {
        struct jd_decimal d;
        cr_assert(jd_decimal_parse(jd_str_of(rows[i].text), &d), "%s", rows[i].text);
        struct jd_str text = jd_decimal_text(d, &arena);
        cr_assert(jd_str_eq(text, jd_str_of(rows[i].canonical)), "%s: %s", rows[i].text, text.ptr);
    }
}

Test(text, what_is_no_decimal_is_refused)
{
    static const char *const rows[] = {
        "",
        "-",
        "+1",
        "01",
        "1.",
        ".5",
        "1e",
        "1e+",
        "0x1",
        "1 ",
        " 1",
        "1,0",
        "NaN",
        "1e18",
        "1000000000000000000",
        "0.0000000001",
        "1e-10",
        "1.2.3",
        "1e999999999999",
        "123456789012345678.9",
        "--1",
    };
    for (size_t i = 0; i < JD_COUNT(rows); i++) {
        struct jd_decimal d;
        cr_assert(!jd_decimal_parse(jd_str_of(rows[i]), &d), "%s", rows[i]);
    }
}

Test(text, decimals_compare_across_scales)
{
    static const struct {
        const char *a, *b;
        int order;
    } rows[] = {
        {"1", "1.0", 0},
        {"1.1", "1.09", 1},
        {"-1", "-0.999999999", -1},
        {"999999999999999999", "0.000000001", 1},
        {"-2", "1", -1},
    };
    for (size_t i = 0; i < JD_COUNT(rows); i++) {
        struct jd_decimal a, b;
        cr_assert(jd_decimal_parse(jd_str_of(rows[i].a), &a) && jd_decimal_parse(jd_str_of(rows[i].b), &b));
        cr_assert(jd_decimal_cmp(a, b) == rows[i].order, "%s %s", rows[i].a, rows[i].b);
    }
}

Test(text, times_are_instants)
{
    static const struct {
        const char *text;
        jd_time t;
    } rows[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"2026-03-04T10:00:00.000Z", INT64_C(1772618400000)},
        {"2026-03-04T11:30:00+01:30", INT64_C(1772618400000)},
        {"2026-03-04t07:00:00.5-03:00", INT64_C(1772618400500)},
        {"1969-12-31T23:59:59.999Z", -1},
        {"2000-02-29T00:00:00Z", INT64_C(951782400000)},
        {"0001-01-01T00:00:00Z", JD_TIME_MIN},
        {"9999-12-31T23:59:59.9999999Z", JD_TIME_MAX},
    };
    for (size_t i = 0; i < JD_COUNT(rows); i++) {
        jd_time t;
        cr_assert(jd_time_parse(jd_str_of(rows[i].text), &t), "%s", rows[i].text);
        cr_assert(t == rows[i].t, "%s: %lld", rows[i].text, (long long)t);
        jd_time again;
        cr_assert(jd_time_parse(jd_time_text(t, &arena), &again) && again == t, "%s", rows[i].text);
    }
    cr_assert(jd_str_eq(jd_time_text(JD_TIME_MIN, &arena), JD_STR("0001-01-01T00:00:00.000Z")));
    cr_assert(jd_str_eq(jd_time_text(-1, &arena), JD_STR("1969-12-31T23:59:59.999Z")));
}

Test(text, what_is_no_time_is_refused)
{
    static const char *const rows[] = {
        "",
        "2026-03-04",
        "2026-03-04T10:00:00",
        "2026-03-04 10:00:00Z",
        "2026-3-04T10:00:00Z",
        "2026-02-29T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "2026-01-00T00:00:00Z",
        "2026-04-31T00:00:00Z",
        "2026-01-01T24:00:00Z",
        "2026-01-01T00:60:00Z",
        "2016-12-31T23:59:60Z",
        "2026-01-01T00:00:00.Z",
        "2026-01-01T00:00:00+24:00",
        "2026-01-01T00:00:00+01:60",
        "2026-01-01T00:00:00+0100",
        "2026-01-01T00:00:00ZZ",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
        "2026-01-01T00:00:00.123",
        "1900-02-29T00:00:00Z",
    };
    for (size_t i = 0; i < JD_COUNT(rows); i++) {
        jd_time t;
        cr_assert(!jd_time_parse(jd_str_of(rows[i]), &t), "%s", rows[i]);
    }
}

Test(text, every_day_of_the_calendar_follows_the_one_before)
{
    int64_t day = jd_days_from_civil(1, 1, 1);
    cr_assert(day * JD_DAY == JD_TIME_MIN);
    for (int y = 1; y <= 9999; y++)
        for (int m = 1; m <= 12; m++)
            for (int d = 1; d <= jd_days_in_month(y, m); d++, day++) {
                int yy, mm, dd;
                jd_civil_from_days(day, &yy, &mm, &dd);
                if (jd_days_from_civil(y, m, d) != day || yy != y || mm != m || dd != d)
                    cr_assert_fail("%04d-%02d-%02d", y, m, d);
            }
    cr_assert(day * JD_DAY == JD_TIME_MAX + 1);
}

Test(text, numbers_and_times_are_written_as_the_c_library_writes_them)
{
    static const int64_t numbers[] = {0, -1, 7, 10, -1000, INT64_MAX, INT64_MIN};
    for (size_t i = 0; i < JD_COUNT(numbers); i++) {
        struct jd_buf buf;
        char expected[32];
        jd_buf_init(&buf, &arena);
        jd_buf_number(&buf, numbers[i]);
        (void)snprintf(expected, sizeof expected, "%lld", (long long)numbers[i]);
        cr_assert(jd_str_eq(jd_buf_done(&buf), jd_str_of(expected)), "%s", expected);
    }
    for (jd_time t = JD_TIME_MIN; t <= JD_TIME_MAX - 11 * JD_DAY; t += 10 * JD_DAY + 12345678) {
        time_t seconds = (time_t)((t - (t % 1000 + 1000) % 1000) / 1000);
        struct tm tm;
        char date[80], expected[96];
        cr_assert(gmtime_r(&seconds, &tm) != NULL);
        (void)snprintf(date, sizeof date, "%04d-%02d-%02dT%02d:%02d:%02d", tm.tm_year + 1900, tm.tm_mon + 1,
                       tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
        (void)snprintf(expected, sizeof expected, "%s.%03dZ", date, (int)((t % 1000 + 1000) % 1000));
        cr_assert(jd_str_eq(jd_time_text(t, &arena), jd_str_of(expected)), "%s", expected);
        jd_arena_reset(&arena);
    }
    cr_assert(jd_str_eq(jd_time_text(JD_TIME_MAX + 1, &arena), JD_STR("10000-01-01")));
}

Test(text, a_printed_text_is_whole_however_long)
{
    char long_text[1000];
    memset(long_text, 'x', sizeof long_text - 1);
    for (size_t size = 0; size < sizeof long_text; size++) {
        struct jd_buf buf;
        long_text[size] = '\0';
        jd_buf_init(&buf, &arena);
        jd_buf_text(&buf, "head ");
        jd_buf_printf(&buf, "%s", long_text);
        struct jd_str text = jd_arena_printf(&arena, "%s", long_text), whole = jd_buf_done(&buf);
        char *after = jd_arena_alloc(&arena, 1); /* must not lie within the text */
        *after = '!';
        cr_assert(jd_str_eq(text, jd_str_of(long_text)) && text.ptr[size] == '\0', "%zu", size);
        cr_assert(whole.size == size + 5 && memcmp(whole.ptr + 5, long_text, size) == 0, "%zu", size);
        long_text[size] = 'x';
        jd_arena_reset(&arena);
    }
}

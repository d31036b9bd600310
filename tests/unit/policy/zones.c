/* Zones against the C library, which reads the same TZif files with code of its own. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <criterion/criterion.h>

#include "base/str.h"
#include "engine/time.h"
#include "policy/value.h"
#include "policy/zones.h"

/* Numbers that look random; the same seed gives the same ones. */
static uint64_t next_random(uint64_t *state)
{
    uint64_t x = *state += UINT64_C(0x9E3779B97F4A7C15);
    x = (x ^ (x >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94D049BB133111EB);
    return x ^ (x >> 31);
}

static uint64_t seed_of_run(void)
{
    const char *given = getenv("SEED");
    uint64_t seed = given != NULL ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);
    fprintf(stderr, "SEED=%llu\n", (unsigned long long)seed);
    return seed;
}

static int32_t offset_at(const struct jd_zone *zone, int64_t second)
{
    jd_time t = second * JD_SECOND;
    uint32_t i = 0;
    while (i < zone->count && zone->at[i] <= t)
        i++;
    return zone->offsets[i];
}

static void check_zone(const char *name, const struct jd_zone *zone, uint64_t *state)
{
    enum { RANDOM = 300 };
    static const int64_t first = -2208988800, last = 4133980799; /* 1900-01-01, 2100-12-31T23:59:59 */
    cr_assert_eq(setenv("TZ", name, 1), 0);
    tzset();
    for (uint32_t i = 0; i < RANDOM + 2 * zone->count; i++) {
        int64_t second = first + (int64_t)(next_random(state) % (uint64_t)(last - first));
        if (i >= RANDOM)
            second = zone->at[(i - RANDOM) / 2] / JD_SECOND - (i % 2);
        if (second < first || second > last)
            continue;
        time_t t = (time_t)second;
        struct tm tm;
        cr_assert_not_null(localtime_r(&t, &tm));
        cr_assert_eq(offset_at(zone, second), (int32_t)tm.tm_gmtoff, "%s at %lld: %d, the C library says %ld",
                     name, (long long)second, offset_at(zone, second), tm.tm_gmtoff);
    }
}

Test(zones, every_zone_has_the_offsets_that_the_c_library_finds)
{
    uint64_t state = seed_of_run();
    char line[512], name[256];
    unsigned count = 0;
    FILE *list = fopen("/usr/share/zoneinfo/tzdata.zi", "re");
    cr_assert_not_null(list, "install tzdata");
    while (fgets(line, sizeof line, list) != NULL) {
        if (sscanf(line, "Z %255s", name) != 1 && sscanf(line, "L %*s %255s", name) != 1)
            continue;
        struct jd_arena arena;
        struct jd_zone zone;
        const char *why = "";
        jd_arena_init(&arena, 8 << 20);
        cr_assert(jd_zone_of_system(jd_str_of(name), &arena, &zone, &why), "%s: %s", name, why);
        check_zone(name, &zone, &state);
        jd_arena_done(&arena);
        count++;
    }
    (void)fclose(list);
    cr_expect_gt(count, 400);
}

/* From the tz database's own text: summer time in Berlin began on 31 March 2024 at 01:00 UTC; by the rule in
 * force it ends on 31 October 2100. Lord Howe moves by half an hour. */
Test(zones, known_instants)
{
    static const struct {
        const char *zone;
        int64_t second;
        int32_t offset;
    } rows[] = {
        {"Europe/Berlin", 1711846799, 3600},        {"Europe/Berlin", 1711846800, 7200},
        {"Europe/Berlin", 4128627599, 7200},        {"Europe/Berlin", 4128627600, 3600},
        {"America/New_York", 1710054000, -14400},   {"America/New_York", 1710053999, -18000},
        {"Australia/Lord_Howe", 1704067200, 39600}, {"Australia/Lord_Howe", 1719792000, 37800},
        {"Asia/Kathmandu", 1704067200, 20700},      {"Europe/Dublin", 1704067200, 0},
    };
    for (size_t i = 0; i < JD_COUNT(rows); i++) {
        struct jd_arena arena;
        struct jd_zone zone;
        const char *why;
        jd_arena_init(&arena, 8 << 20);
        cr_assert(jd_zone_of_system(jd_str_of(rows[i].zone), &arena, &zone, &why));
        cr_expect_eq(offset_at(&zone, rows[i].second), rows[i].offset, "row %zu: %d", i,
                     offset_at(&zone, rows[i].second));
        jd_arena_done(&arena);
    }
}

Test(zones, text_keeps_all_of_it)
{
    struct jd_arena arena;
    struct jd_zone zone, again;
    struct jd_buf text;
    const char *why;
    jd_arena_init(&arena, 8 << 20);
    cr_assert(jd_zone_of_system(JD_STR("Europe/Dublin"), &arena, &zone, &why));
    jd_buf_init(&text, &arena);
    jd_zone_write(&zone, &text);
    cr_assert(jd_zone_of_text(jd_buf_done(&text), &arena, &again, &why), "%s", why);
    cr_assert_eq(again.count, zone.count);
    cr_expect_arr_eq(again.at, zone.at, zone.count * sizeof *zone.at);
    cr_expect_arr_eq(again.offsets, zone.offsets, (zone.count + 1) * sizeof *zone.offsets);
    static const char *const bad[] = {"",
                                      "3600",
                                      "x\n",
                                      "99999999\n",
                                      "0\n5 3600",
                                      "0\n5\n",
                                      "0\n5 3600\n5 0\n",
                                      "0\n9 3600\n5 0\n",
                                      "0\n9223372036854775807999 0\n",
                                      "0\n5 3600x\n"};
    for (size_t i = 0; i < JD_COUNT(bad); i++)
        cr_expect_not(jd_zone_of_text(jd_str_of(bad[i]), &arena, &again, &why), "row %zu", i);
    jd_arena_done(&arena);
}

Test(zones, names_stay_inside_the_directory)
{
    static const char *const bad[] = {"",          "/etc/passwd",    "..",
                                      "../passwd", "Europe/../UTC",  "Europe//Berlin",
                                      "Europe/",   "Europe/Ber lin", "a.b"};
    for (size_t i = 0; i < JD_COUNT(bad); i++)
        cr_expect_not(jd_zone_is_name(jd_str_of(bad[i])), "%s", bad[i]);
    cr_expect(jd_zone_is_name(JD_STR("America/Argentina/Buenos_Aires")));
    cr_expect(jd_zone_is_name(JD_STR("Etc/GMT+5")));
}

Test(zones, broken_files_are_refused_or_read_but_never_crash)
{
    uint64_t state = seed_of_run();
    struct jd_arena arena;
    struct jd_str bytes;
    struct jd_error err;
    struct jd_zone zone;
    const char *why;
    jd_arena_init(&arena, 32 << 20);
    cr_assert(jd_file_read("/usr/share/zoneinfo/Africa/Casablanca", 1 << 20, &arena, &bytes, &err));
    struct jd_arena_mark mark = jd_arena_mark(&arena);
    for (uint32_t size = 0; size < bytes.size; size++) { /* every truncation */
        char *copy = malloc(size + 1);                   /* its end is watched by the sanitiser */
        cr_assert_not_null(copy);
        memcpy(copy, bytes.ptr, size);
        cr_expect_not(jd_zone_of_tzif((struct jd_str){copy, size}, &arena, &zone, &why), "%u bytes are taken",
                      size);
        jd_arena_rewind(&arena, mark);
        free(copy);
    }
    for (unsigned i = 0; i < 20000; i++) {
        char *copy = malloc(bytes.size);
        cr_assert_not_null(copy);
        memcpy(copy, bytes.ptr, bytes.size);
        for (unsigned flips = 1 + (unsigned)(next_random(&state) % 4); flips > 0; flips--)
            copy[next_random(&state) % bytes.size] ^= (char)(1u << (next_random(&state) % 8));
        bool ok = jd_zone_of_tzif((struct jd_str){copy, bytes.size}, &arena, &zone, &why);
        for (uint32_t t = 1; ok && t < zone.count; t++)
            cr_assert_lt(zone.at[t - 1], zone.at[t]);
        jd_arena_rewind(&arena, mark);
        free(copy);
    }
    jd_arena_done(&arena);
}

Test(zones, the_nearest_name_is_suggested)
{
    struct jd_arena arena;
    jd_arena_init(&arena, 8 << 20);
    cr_expect(jd_str_eq(jd_zone_nearest(JD_STR("Europe/Berln"), &arena), JD_STR("Europe/Berlin")));
    cr_expect(jd_str_eq(jd_zone_nearest(JD_STR("america/new york"), &arena), JD_STR("America/New_York")));
    cr_expect_null(jd_zone_nearest(JD_STR("nowhere at all"), &arena).ptr);
    jd_arena_done(&arena);
}

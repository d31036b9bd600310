#include "shard/keyset.h"
#include "shard/layout.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

Test(keyset, keeps_each_key_once_in_order_of_arrival)
{
    struct jd_keyset set;
    jd_keyset_init(&set);
    char text[32];
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 5000; i++) {
            (void)snprintf(text, sizeof text, "hcp:%d", i * 7919 % 5000);
            cr_assert_eq(jd_keyset_add(&set, jd_str_of(text)), round == 0);
        }
    cr_assert_eq(set.count, 5000);
    for (int i = 0; i < 5000; i++) {
        (void)snprintf(text, sizeof text, "hcp:%d", i * 7919 % 5000);
        cr_assert(jd_str_eq(set.keys[i], jd_str_of(text)));
    }
    jd_keyset_clear(&set);
    cr_assert_eq(set.count, 0);
    cr_assert(jd_keyset_add(&set, JD_STR("hcp:1")));
    jd_keyset_done(&set);
}

Test(keyset, swap_moves_what_they_hold)
{
    struct jd_keyset a, b;
    jd_keyset_init(&a);
    jd_keyset_init(&b);
    (void)jd_keyset_add(&a, JD_STR("one"));
    jd_keyset_swap(&b, &a);
    cr_assert_eq(a.count, 0);
    cr_assert_eq(b.count, 1);
    cr_assert(jd_keyset_add(&a, JD_STR("one")));
    jd_keyset_done(&a);
    jd_keyset_done(&b);
}

/* Buckets computed with Python: "%02x" % (zlib.crc32(key) & 0xff). */
Test(layout, bucket_and_keys)
{
    struct jd_arena arena;
    jd_arena_init(&arena, 1 << 20);
    cr_expect_eq(jd_bucket_of(JD_STR("hcp:4711")), 0x92);
    cr_expect_eq(jd_bucket_of(JD_STR("shard")), 0xcc);
    cr_expect(jd_str_eq(jd_meta_key(JD_STR("g"), 3, &arena), JD_STR("jd:{g/3}:meta")));
    cr_expect(jd_str_eq(jd_bucket_key(JD_STR("g"), 12, 0xa, &arena), JD_STR("jd:{g/12}:0a")));
    jd_arena_done(&arena);
}

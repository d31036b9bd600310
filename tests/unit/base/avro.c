/* The codec over a table of its own that has every kind. Expected bytes are written by hand from the
 * Avro specification. */
#include <criterion/criterion.h>

#include <string.h>

#include "base/avro.h"
#include "base/contract.h"
#include "base/str.h"

struct inner {
    struct jd_str name;
    int64_t n;
};

struct outer {
    struct jd_str id;
    struct jd_str note;
    uint8_t colour;
    jd_time at;
    int64_t count;
    uint8_t truth;
    struct jd_decimal amount;
    double score;
    struct inner inner;
    struct jd_list texts, inners, pairs;
    struct jd_variant any;
};

static const char *const colour_texts[] = {NULL, "red", "green"};
static const struct jd_symbols colours = {"Colour", colour_texts, 2};
static const struct jd_field inner_fields[] = {
    {.name = "name", .kind = JD_STRING, .flags = JD_REQUIRED, .offset = offsetof(struct inner, name)},
    {.name = "n", .kind = JD_INT, .offset = offsetof(struct inner, n)},
};
static const struct jd_record inner_record = {"Inner", inner_fields, 2, sizeof(struct inner)};
static const struct jd_record *const branches[] = {&inner_record, NULL};
#define F(member, k, ...)                                                                                    \
    {                                                                                                        \
        .name = #member, .kind = k, .offset = offsetof(struct outer, member), __VA_ARGS__                    \
    }
static const struct jd_field outer_fields[] = {
    F(id, JD_STRING, .flags = JD_REQUIRED, .max = 8),
    F(note, JD_STRING, .max = 0),
    F(colour, JD_ENUM, .symbols = &colours),
    F(at, JD_TIME, .max = 0),
    F(count, JD_INT, .max = 0),
    F(truth, JD_BOOL, .max = 0),
    F(amount, JD_DECIMAL, .max = 0),
    F(score, JD_DOUBLE, .max = 0),
    F(inner, JD_RECORD, .record = &inner_record),
    F(texts, JD_LIST, .max = 4),
    F(inners, JD_LIST, .record = &inner_record),
    F(pairs, JD_MAP, .max = 0),
    F(any, JD_VARIANT, .branches = branches),
};
static const struct jd_record outer_record = {"Outer", outer_fields, JD_COUNT(outer_fields),
                                              sizeof(struct outer)};

static struct jd_arena arena;
static struct jd_error err;

static void setup(void)
{
    jd_arena_init(&arena, 1 << 20);
}

static void teardown(void)
{
    jd_arena_done(&arena);
}

TestSuite(avro, .init = setup, .fini = teardown);

static const struct jd_str texts[] = {{"x", 1}, {"", 0}};
static const struct inner inners[] = {{{"i", 1}, 1}, {{"j", 1}, JD_INT_NONE}};
static const struct jd_pair pairs[] = {{{"a", 1}, {"1", 1}}, {{"b", 1}, {"2", 1}}};

static struct outer full(void)
{
    return (struct outer){
        .id = JD_STR("id"),
        .note = JD_STR("\xC3\xA9"),
        .colour = 2,
        .at = -1,
        .count = 64,
        .truth = JD_TRUE,
        .amount = {-15, 1},
        .score = 0.5,
        .inner = {JD_STR("n"), 3},
        .texts = {texts, 2},
        .inners = {inners, 2},
        .pairs = {pairs, 2},
        .any = {1, {"\x02k\x00", 3}},
    };
}

static const unsigned char full_bytes[] = {
    0x04, 'i',  'd',                                           /* id */
    0x02, 0x04, 0xC3, 0xA9,                                    /* note */
    0x02, 0x02,                                                /* colour: the second symbol */
    0x02, 0x01,                                                /* at: -1 */
    0x02, 0x80, 0x01,                                          /* count: 64 */
    0x02, 0x01,                                                /* truth */
    0x02, 0x08, '-',  '1',  '.',  '5',                         /* amount */
    0,    0,    0,    0,    0,    0,    0xE0, 0x3F,            /* score: 0.5 */
    0x02, 0x02, 'n',  0x02, 0x06,                              /* inner */
    0x04, 0x02, 'x',  0x00, 0x00,                              /* texts */
    0x04, 0x02, 'i',  0x02, 0x02, 0x02, 'j',  0,    0,         /* inners */
    0x04, 0x02, 'a',  0x02, '1',  0x02, 'b',  0x02, '2', 0x00, /* pairs */
    0x02, 0x02, 'k',  0x00,                                    /* any */
};

Test(avro, bytes_follow_the_specification)
{
    struct outer value = full();
    struct jd_str bytes = jd_avro_bytes(&outer_record, &value, &arena);
    cr_assert(bytes.size == sizeof full_bytes, "%u", bytes.size);
    cr_assert(memcmp(bytes.ptr, full_bytes, sizeof full_bytes) == 0);
}

Test(avro, reads_what_it_wrote)
{
    struct outer value = full(), back;
    struct jd_str bytes = jd_avro_bytes(&outer_record, &value, &arena);
    cr_assert(jd_avro_read(&outer_record, bytes, &arena, &back, &err), "%s", err.text);
    cr_assert(jd_str_eq(back.id, value.id) && jd_str_eq(back.note, value.note));
    cr_assert(back.colour == 2 && back.at == -1 && back.count == 64 && back.truth == JD_TRUE);
    cr_assert(back.amount.units == -15 && back.amount.scale == 1 && back.score > 0.4 && back.score < 0.6);
    cr_assert(jd_str_eq(back.inner.name, value.inner.name) && back.inner.n == 3);
    cr_assert(back.texts.count == 2 && back.inners.count == 2 && back.pairs.count == 2);
    const struct inner *second = (const struct inner *)back.inners.items + 1;
    cr_assert(jd_str_eq(second->name, JD_STR("j")) && second->n == JD_INT_NONE);
    cr_assert(jd_str_eq(((const struct jd_pair *)back.pairs.items)[1].value, JD_STR("2")));
    cr_assert(back.any.branch == 1 && jd_str_eq(back.any.body, value.any.body));
}

Test(avro, absent_is_null)
{
    struct outer value, back;
    jd_record_clear(&outer_record, &value);
    value.id = JD_STR("");
    struct jd_str bytes = jd_avro_bytes(&outer_record, &value, &arena);
    cr_assert(bytes.size == 7 + 8 + 1 + 4, "%u", bytes.size);
    memset(&back, 0x5A, sizeof back);
    cr_assert(jd_avro_read(&outer_record, bytes, &arena, &back, &err), "%s", err.text);
    cr_assert(back.note.ptr == NULL && back.colour == 0 && back.at == JD_TIME_NONE);
    cr_assert(back.count == JD_INT_NONE && back.truth == JD_TRUTH_NONE);
    cr_assert(back.amount.scale == JD_DECIMAL_NONE && back.inner.name.ptr == NULL);
    cr_assert(back.inner.n == JD_INT_NONE && back.texts.count == 0 && back.any.branch == 0);
}

Test(avro, every_truncation_is_refused)
{
    struct outer value = full(), back;
    struct jd_str bytes = jd_avro_bytes(&outer_record, &value, &arena);
    for (uint32_t size = 0; size < bytes.size; size++) {
        char *exact = malloc(size ? size : 1); /* so that ASan sees a read beyond */
        memcpy(exact, bytes.ptr, size);
        cr_assert(!jd_avro_read(&outer_record, (struct jd_str){exact, size}, &arena, &back, &err), "%u",
                  size);
        free(exact);
    }
    char *longer = jd_arena_alloc(&arena, (size_t)bytes.size + 1);
    memcpy(longer, bytes.ptr, bytes.size);
    cr_assert(!jd_avro_read(&outer_record, (struct jd_str){longer, bytes.size + 1}, &arena, &back, &err));
}

Test(avro, flipped_bits_never_hurt)
{
    struct outer value = full(), back;
    struct jd_str bytes = jd_avro_bytes(&outer_record, &value, &arena);
    char *copy = malloc(bytes.size);
    for (uint32_t bit = 0; bit < bytes.size * 8; bit++) {
        memcpy(copy, bytes.ptr, bytes.size);
        copy[bit / 8] = (char)(copy[bit / 8] ^ (1 << bit % 8));
        struct jd_arena_mark mark = jd_arena_mark(&arena);
        if (jd_avro_read(&outer_record, (struct jd_str){copy, bytes.size}, &arena, &back, &err))
            cr_assert(
                jd_str_eq(jd_avro_bytes(&outer_record, &back, &arena), (struct jd_str){copy, bytes.size}),
                "bit %u: read, but not canonical", bit);
        jd_arena_rewind(&arena, mark);
    }
    free(copy);
}

/* One field of `full_bytes` replaced: what follows it stays. */
Test(avro, hostile_claims_are_refused)
{
    static const struct {
        const char *what, *error;
        size_t at, skip;
        const char *bytes;
        size_t size;
    } rows[] = {
        {"string over its maximum", "id: string too long", 0, 3,
         "\x12"
         "123456789",
         10},
        {"string of negative size", "id: truncated", 0, 1, "\x03", 1},
        {"string of 2^62 bytes", "id: truncated", 0, 1, "\xFE\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x7F", 9},
        {"varint of 11 bytes", "id: number too long", 0, 1, "\x84\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00",
         11},
        {"varint with a needless byte", "id: number not", 0, 1, "\x84\x00", 2},
        {"UTF-8 overlong", "note: not UTF-8", 5, 2, "\xC0\xAF", 2},
        {"UTF-8 surrogate", "note: not UTF-8", 4, 3, "\x06\xED\xA0\x80", 4},
        {"no such union branch", "note: no such branch", 3, 1, "\x04", 1},
        {"negative union branch", "note: no such branch", 3, 1, "\x01", 1},
        {"no such symbol", "colour: no such symbol", 8, 1, "\x04", 1},
        {"negative symbol", "colour: no such symbol", 8, 1, "\x01", 1},
        {"time before year 1", "at: time out", 10, 1, "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01", 10},
        {"boolean 2", "truth: not a boolean", 15, 1, "\x02", 1},
        {"decimal with a zero too many", "amount: decimal not", 17, 5,
         "\x08"
         "-1.0",
         5},
        {"decimal that is text", "amount: not a decimal", 17, 5, "\x02x", 2},
        {"NaN", "score: not a finite", 22, 8, "\x00\x00\x00\x00\x00\x00\xF8\x7F", 8},
        {"list over its maximum", "texts: too many", 35, 5, "\x0A\x00\x00\x00\x00\x00\x00", 7},
        {"list of 2^31 items", "texts: truncated list", 35, 1, "\xFE\xFF\xFF\xFF\x0F", 5},
        {"list with a block size", "texts: truncated list", 35, 5, "\x03\x06\x02x\x00\x00", 6},
        {"list in two blocks", "texts: list not in one", 35, 5, "\x02\x02x\x02\x00\x00", 6},
        {"map with a key twice", "pairs: map keys", 49, 10,
         "\x04\x02"
         "a\x02"
         "1\x02"
         "a\x02"
         "2\x00",
         10},
        {"no such variant", "any: no such branch", 59, 1, "\x04", 1},
    };
    struct outer back;
    for (size_t i = 0; i < JD_COUNT(rows); i++) {
        struct jd_buf buf;
        unsigned char good[sizeof full_bytes];
        memcpy(good, full_bytes, sizeof good);
        jd_buf_init(&buf, &arena);
        jd_buf_bytes(&buf, good, rows[i].at);
        jd_buf_bytes(&buf, rows[i].bytes, rows[i].size);
        jd_buf_bytes(&buf, good + rows[i].at + rows[i].skip, sizeof good - rows[i].at - rows[i].skip);
        cr_assert(!jd_avro_read(&outer_record, jd_buf_done(&buf), &arena, &back, &err), "%s", rows[i].what);
        cr_assert(strstr(err.text, rows[i].error), "%s: %s", rows[i].what, err.text);
    }
}

Test(avro, an_error_names_the_field_and_no_value)
{
    struct outer back;
    cr_assert(!jd_avro_read(&outer_record, (struct jd_str){"\x04id\x02\x02\xFF", 6}, &arena, &back, &err));
    cr_assert(strstr(err.text, "Outer") && strstr(err.text, "note"), "%s", err.text);
    cr_assert(err.code == JD_EXIT_DATA);
}

Test(avro, digest_ignores_what_it_is_told_to)
{
    static const char *const without[] = {"id", "note", NULL};
    struct outer a = full(), b = full();
    b.id = JD_STR("other");
    b.note = (struct jd_str){0};
    cr_assert(jd_avro_digest(&outer_record, &a, without, &arena) ==
              jd_avro_digest(&outer_record, &b, without, &arena));
    cr_assert(jd_avro_digest(&outer_record, &a, NULL, &arena) !=
              jd_avro_digest(&outer_record, &b, NULL, &arena));
    b.count++;
    cr_assert(jd_avro_digest(&outer_record, &a, without, &arena) !=
              jd_avro_digest(&outer_record, &b, without, &arena));
}

/* ---- ids and fields that lie in the struct around them ---- */

struct spread {
    struct jd_str id, topic;
    int64_t count;
    struct jd_list texts;
};

#define G(member, k, ...)                                                                                    \
    {                                                                                                        \
        .name = #member, .kind = k, .offset = offsetof(struct spread, member), __VA_ARGS__                   \
    }
static const struct jd_field rest_fields[] = {
    G(topic, JD_STRING, .max = 0),
    G(count, JD_INT, .max = 0),
    G(texts, JD_LIST, .max = 0),
};
static const struct jd_record rest_record = {"Rest", rest_fields, 3, sizeof(struct spread)};
static const struct jd_field spread_fields[] = {
    G(id, JD_STRING, .flags = JD_UUID, .max = 40),
    {.name = "rest", .kind = JD_RECORD, .flags = JD_SPREAD, .record = &rest_record},
};
static const struct jd_record spread_record = {"Spread", spread_fields, 2, sizeof(struct spread)};

static void expect_spread(struct spread value, const char *bytes, size_t size)
{
    struct spread back;
    struct jd_str written = jd_avro_bytes(&spread_record, &value, &arena);
    cr_assert(written.size == size && memcmp(written.ptr, bytes, size) == 0, JD_STR_FMT,
              JD_STR_ARG(value.id));
    cr_assert(jd_avro_read(&spread_record, written, &arena, &back, &err), "%s", err.text);
    cr_assert(jd_str_eq(back.id, value.id) && jd_str_eq(back.topic, value.topic));
    cr_assert(back.count == value.count && back.texts.count == value.texts.count);
}

Test(avro, a_uuid_is_sixteen_bytes_and_all_else_is_text)
{
    struct spread value = {.count = JD_INT_NONE};
    expect_spread(value, "\x00\x00", 2);
    value.id = JD_STR("01234567-89ab-cdef-0123-456789abcdef");
    expect_spread(value, "\x04\x01\x23\x45\x67\x89\xab\xcd\xef\x01\x23\x45\x67\x89\xab\xcd\xef\x00", 18);
    static const char *const others[] = {
        "01234567-89AB-cdef-0123-456789abcdef", "01234567-89ab-cdef-0123-456789abcdeg",
        "0123456-789ab-cdef-0123-456789abcdef", "01234567089ab-cdef-0123-456789abcdef",
        "01234567-89ab-cdef-0123-456789abcde",  "",
        "01234567-89ab-cdef-0123-456789abcdef0"};
    for (size_t i = 0; i < JD_COUNT(others); i++) {
        value.id = jd_str_of(others[i]);
        struct jd_str written = jd_avro_bytes(&spread_record, &value, &arena);
        cr_assert(written.size == value.id.size + 3 && written.ptr[0] == 2, "%s", others[i]);
        expect_spread(value, written.ptr, written.size);
    }
    static const char text[] = "\x02\x48"
                               "01234567-89ab-cdef-0123-456789abcdef\x00"; /* a second way to say it */
    cr_assert_not(jd_avro_read(&spread_record, (struct jd_str){text, sizeof text - 1}, &arena, &value, &err));
    cr_assert_not(jd_avro_read(&spread_record, JD_STR("\x04\x01\x23"), &arena, &value, &err));
    cr_assert_not(jd_avro_read(&spread_record, JD_STR("\x06\x00"), &arena, &value, &err));
}

Test(avro, a_record_that_is_spread_is_there_when_one_field_is)
{
    struct jd_str items[] = {JD_STR("a")};
    expect_spread((struct spread){.topic = JD_STR("t"), .count = JD_INT_NONE}, "\x00\x02\x02\x02t\x00\x00",
                  7);
    expect_spread((struct spread){.count = 1}, "\x00\x02\x00\x02\x02\x00", 6);
    expect_spread((struct spread){.count = JD_INT_NONE, .texts = {items, 1}},
                  "\x00\x02\x00\x00\x02\x02"
                  "a\x00",
                  8);
    struct spread value;
    cr_assert_not(jd_avro_read(&spread_record, JD_STR("\x00\x02\x00\x00\x00"), &arena, &value, &err));
}

Test(avro, the_front_is_read_alone)
{
    struct spread value = {.id = JD_STR("x"), .count = 1}, front = {0};
    struct jd_str written = jd_avro_bytes(&spread_record, &value, &arena);
    cr_assert(jd_avro_read_front(&spread_record, 1, (struct jd_str){written.ptr, 3}, &arena, &front, &err));
    cr_assert(jd_str_eq(front.id, value.id));
    cr_assert_not(
        jd_avro_read_front(&spread_record, 1, (struct jd_str){written.ptr, 2}, &arena, &front, &err));
}

/* Avro container files that are cut at every byte, changed in every byte, and claim more than they hold: each is read
 * as far as it is whole, and the rest refused with a place. The writer here is of the specification. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "base/str.h"
#include "cli/container.h"

enum { BYTES_MAX = 8192, RECORDS = 5, BLOCK = 2 };

struct file {
    unsigned char bytes[BYTES_MAX];
    size_t size;
    size_t whole[RECORDS + 1]; /* where a block ends */
    int records[RECORDS + 1];  /* that lie before it */
    int blocks;
};

static void put_long(unsigned char *out, size_t *size, int64_t number)
{
    uint64_t value = ((uint64_t)number << 1) ^ (uint64_t)(number >> 63);
    for (; value > 0x7F; value >>= 7) {
        out[(*size)++] = (unsigned char)((value & 0x7F) | 0x80);
    }
    out[(*size)++] = (unsigned char)value;
}

static void put_bytes(unsigned char *out, size_t *size, const void *bytes, size_t count)
{
    memcpy(out + *size, bytes, count);
    *size += count;
}

static void put_text(unsigned char *out, size_t *size, const char *text)
{
    put_long(out, size, (int64_t)strlen(text));
    put_bytes(out, size, text, strlen(text));
}

static const char schema[] =
    "{\"type\":\"record\",\"name\":\"EngagementEvent\",\"fields\":[{\"name\":\"id\",\"type\":\"string\"},"
    "{\"name\":\"quantity\",\"type\":[\"null\",\"long\"],\"default\":null}]}";
static const char marker[] = "0123456789abcdef";

static void put_block(struct file *file, const unsigned char *data, size_t size, int count, bool deflated)
{
    unsigned char packed[BYTES_MAX];
    if (deflated) {
        z_stream z = {.next_in = (unsigned char *)(uintptr_t)data,
                      .avail_in = (uInt)size,
                      .next_out = packed,
                      .avail_out = sizeof(packed)};
        cr_assert_eq(deflateInit2(&z, 9, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY), Z_OK);
        cr_assert_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
        size = z.total_out;
        (void)deflateEnd(&z);
    }
    put_long(file->bytes, &file->size, count);
    put_long(file->bytes, &file->size, (int64_t)size);
    put_bytes(file->bytes, &file->size, deflated ? packed : data, size);
    put_bytes(file->bytes, &file->size, marker, 16);
}

static void build(struct file *file, bool deflated)
{
    *file = (struct file){.size = 0};
    put_bytes(file->bytes, &file->size, "Obj\x01", 4);
    put_long(file->bytes, &file->size, 2);
    put_text(file->bytes, &file->size, "avro.codec");
    put_text(file->bytes, &file->size, deflated ? "deflate" : "null");
    put_text(file->bytes, &file->size, "avro.schema");
    put_text(file->bytes, &file->size, schema);
    put_long(file->bytes, &file->size, 0);
    put_bytes(file->bytes, &file->size, marker, 16);
    file->whole[0] = file->size;
    for (int from = 0; from < RECORDS; from += BLOCK) {
        unsigned char data[256];
        size_t size = 0;
        const int end = from + BLOCK < RECORDS ? from + BLOCK : RECORDS;
        for (int i = from; i < end; i++) {
            put_text(data, &size, "event");
            put_long(data, &size, 1);
            put_long(data, &size, i);
        }
        put_block(file, data, size, end - from, deflated);
        file->blocks++;
        file->whole[file->blocks] = file->size;
        file->records[file->blocks] = end;
    }
}

/* Reads all of it; how many records there were. `*kind` is what ended it, BROKEN with a text. */
static int read_all(const unsigned char *bytes, size_t size, enum jd_line_kind *kind, struct jd_error *err)
{
    char path[] = "/tmp/jd-container-XXXXXX";
    const int fd = mkstemp(path);
    cr_assert(fd >= 0 && write(fd, bytes, size) == (ssize_t)size);
    close(fd);
    *err = (struct jd_error){0};
    struct jd_lines *lines = jd_lines_open(path, 1 << 16, err);
    cr_assert_not_null(lines, "%s", err->text);
    struct jd_container *container = jd_container_is(lines) ? jd_container_open(lines, err) : NULL;
    int records = 0;
    *kind = JD_LINE_BROKEN;
    while (container != NULL) {
        struct jd_str datum = {0};
        *kind = jd_container_next(container, &datum, err);
        if (*kind != JD_LINE_TEXT) {
            break;
        }
        cr_assert(datum.size > 0);
        records++;
    }
    if (*kind == JD_LINE_BROKEN && jd_container_is(lines)) {
        cr_assert(err->text[0] != '\0');
    }
    jd_container_close(container);
    jd_lines_close(lines);
    unlink(path);
    return records;
}

Test(container, every_truncation_gives_the_whole_blocks_and_names_the_rest)
{
    for (int codec = 0; codec < 2; codec++) {
        struct file file;
        build(&file, codec == 1);
        int block = 0;
        for (size_t cut = 5; cut <= file.size; cut++) {
            enum jd_line_kind kind = JD_LINE_END;
            struct jd_error err;
            block += block < file.blocks && cut >= file.whole[block + 1];
            const int records = read_all(file.bytes, cut, &kind, &err);
            const bool is_whole = cut == file.whole[block];
            cr_assert_eq(records, cut < file.whole[0] ? 0 : file.records[block], "codec %d, cut at %zu",
                         codec, cut);
            cr_assert_eq(kind, is_whole ? JD_LINE_END : JD_LINE_BROKEN, "codec %d, cut at %zu", codec, cut);
            cr_assert(is_whole || strstr(err.text, "ends early") != NULL, "cut at %zu: %s", cut, err.text);
        }
    }
}

Test(container, a_byte_that_changes_is_refused_or_stays_a_container)
{
    static const unsigned char changes[] = {0x01, 0x80, 0xFF};
    for (int codec = 0; codec < 2; codec++) {
        struct file file;
        build(&file, codec == 1);
        for (size_t at = 4; at < file.size; at++) {
            for (size_t c = 0; c < sizeof(changes); c++) {
                enum jd_line_kind kind = JD_LINE_END;
                struct jd_error err;
                file.bytes[at] ^= changes[c];
                cr_assert(read_all(file.bytes, file.size, &kind, &err) <= 64, "byte %zu", at);
                file.bytes[at] ^= changes[c];
            }
        }
    }
}

Test(container, what_it_claims_is_held_against_what_is_there)
{
    static const int64_t claims[] = {INT64_MIN, INT64_MIN + 1, -1, 1 << 20, INT64_C(1) << 40, INT64_MAX};
    struct file file;
    build(&file, false);
    for (size_t at = 4; at < file.size; at++) {
        for (size_t i = 0; i < JD_COUNT(claims); i++) {
            unsigned char bytes[BYTES_MAX + 16];
            size_t size = 0;
            enum jd_line_kind kind = JD_LINE_END;
            struct jd_error err;
            put_bytes(bytes, &size, file.bytes, at);
            put_long(bytes, &size, claims[i]);
            put_bytes(bytes, &size, file.bytes + at + 1, file.size - at - 1);
            cr_assert(read_all(bytes, size, &kind, &err) <= RECORDS, "byte %zu, claim %zu", at, i);
        }
    }
}

/* 64 MiB of zeros are some kilobytes when deflated: inflating stops at the bound. */
Test(container, a_small_block_cannot_grow_without_bound)
{
    struct file file;
    build(&file, true);
    const size_t zeros = (size_t)JD_CONTAINER_BLOCK_MAX + 1;
    unsigned char *data = calloc(zeros, 1);
    uLong packed_size = compressBound(zeros);
    unsigned char *packed = malloc(packed_size);
    z_stream z = {
        .next_in = data, .avail_in = (uInt)zeros, .next_out = packed, .avail_out = (uInt)packed_size};
    cr_assert_eq(deflateInit2(&z, 9, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY), Z_OK);
    cr_assert_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
    unsigned char *bytes = malloc(file.whole[0] + z.total_out + 64);
    size_t size = 0;
    put_bytes(bytes, &size, file.bytes, file.whole[0]);
    put_long(bytes, &size, 1);
    put_long(bytes, &size, (int64_t)z.total_out);
    put_bytes(bytes, &size, packed, z.total_out);
    put_bytes(bytes, &size, marker, 16);
    (void)deflateEnd(&z);
    enum jd_line_kind kind = JD_LINE_END;
    struct jd_error err;
    cr_assert_eq(read_all(bytes, size, &kind, &err), 0);
    cr_assert_eq(kind, JD_LINE_BROKEN);
    cr_assert_not_null(strstr(err.text, "more than 64 MiB when inflated"), "%s", err.text);
    free(bytes);
    free(packed);
    free(data);
}

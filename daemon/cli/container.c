#include "cli/container.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/arena.h"
#include "base/str.h"
#include "wire/resolve.h"
#include "wire/schema.h"

enum { SYNC_SIZE = 16, NAME_MAX_BYTES = 1024, ARENA_MAX = 64 << 20 };

/* Bytes that grow up to a bound. */
struct bytes {
    char *at;
    size_t size, capacity;
};

struct jd_container {
    struct jd_lines *file;
    struct jd_arena arena; /* schema and its tree */
    struct jd_str text;    /* of the schema */
    const struct jd_schema *schema;
    enum jd_input_role role;
    bool is_deflated;
    unsigned char sync[SYNC_SIZE];
    uint64_t offset;       /* in the file, of the next byte */
    uint64_t block, begin; /* number of the block, from 1, and where it begins */
    struct bytes stored, block_bytes;
    size_t at;    /* in block_bytes */
    int64_t left; /* records of the block that are still to come */
    uint64_t number;
    struct jd_error *err; /* of the call under way */
};

static bool fail(struct jd_container *c, const char *what)
{
    if (c->block == 0) {
        return jd_error_set(c->err, JD_EXIT_DATA, "%s: header, byte %" PRIu64 ": %s", jd_lines_path(c->file),
                            c->offset, what);
    }
    return jd_error_set(c->err, JD_EXIT_DATA, "%s: block %" PRIu64 ", which begins at byte %" PRIu64 ": %s",
                        jd_lines_path(c->file), c->block, c->begin, what);
}

/* ---- bytes of the file ---------------------------------------------------------------------------------- */

static bool take(struct jd_container *c, void *bytes, size_t size)
{
    size_t got = 0;
    if (!jd_lines_read(c->file, bytes, size, &got, c->err)) {
        return false;
    }
    c->offset += got;
    return got == size || fail(c, "the file ends early");
}

static bool take_long(struct jd_container *c, int64_t *out)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        unsigned char byte = 0;
        if (!take(c, &byte, 1)) {
            return false;
        }
        if (shift == 63 && byte > 1) {
            break;
        }
        value |= (uint64_t)(byte & 0x7F) << shift;
        if (byte < 0x80) {
            *out = (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
            return true;
        }
    }
    return fail(c, "a number longer than 64 bits");
}

static bool reserve(struct jd_container *c, struct bytes *bytes, size_t size)
{
    if (size <= bytes->capacity) {
        return true;
    }
    char *larger = realloc(bytes->at, size);
    if (larger == NULL) {
        return jd_error_set(c->err, JD_EXIT_INTERNAL, "out of memory");
    }
    bytes->at = larger;
    bytes->capacity = size;
    return true;
}

/* A size, then so many bytes. What is not there is not made room for: bytes come in pieces. */
static bool take_sized(struct jd_container *c, struct bytes *bytes, int64_t max, const char *what)
{
    enum { PIECE = 1 << 20 };
    int64_t size = 0;
    if (!take_long(c, &size)) {
        return false;
    }
    if (size < 0 || size > max) {
        return fail(c, what);
    }
    for (bytes->size = 0; bytes->size < (size_t)size;) {
        const size_t part = (size_t)size - bytes->size < PIECE ? (size_t)size - bytes->size : PIECE;
        if (!reserve(c, bytes, bytes->size + part) || !take(c, bytes->at + bytes->size, part)) {
            return false;
        }
        bytes->size += part;
    }
    return true;
}

/* ---- the header ----------------------------------------------------------------------------------------- */

static struct jd_str str_of(const struct bytes *bytes)
{
    return (struct jd_str){bytes->at != NULL ? bytes->at : "", (uint32_t)bytes->size};
}

static bool take_entry(struct jd_container *c)
{
    struct bytes *name = &c->stored;
    struct bytes *value = &c->block_bytes;
    if (!take_sized(c, name, NAME_MAX_BYTES,
                    "a name of metadata that is negative or longer than 1,024 bytes") ||
        !take_sized(c, value, JD_SCHEMA_BYTES_MAX, "metadata that is negative or longer than 1 MiB")) {
        return false;
    }
    if (jd_str_eq(str_of(name), JD_STR("avro.schema"))) {
        c->text = jd_arena_str(&c->arena, str_of(value));
    } else if (jd_str_eq(str_of(name), JD_STR("avro.codec"))) {
        c->is_deflated = jd_str_eq(str_of(value), JD_STR("deflate"));
        return c->is_deflated || value->size == 0 || jd_str_eq(str_of(value), JD_STR("null")) ||
               fail(c, "a codec other than null and deflate");
    }
    return true;
}

static bool take_metadata(struct jd_container *c)
{
    int64_t entries = 0;
    for (;;) {
        int64_t count = 0;
        int64_t size = 0;
        if (!take_long(c, &count)) {
            return false;
        }
        if (count == 0) {
            return true;
        }
        if (count < 0) { /* its size in bytes follows, for those who skip it */
            if (!take_long(c, &size)) {
                return false;
            }
            count = count == INT64_MIN ? INT64_MAX : -count;
        }
        if (count > JD_CONTAINER_ENTRIES_MAX - entries) {
            return fail(c, "more than 256 entries of metadata");
        }
        for (entries += count; count > 0; count--) {
            if (!take_entry(c)) {
                return false;
            }
        }
    }
}

static bool take_schema(struct jd_container *c)
{
    static const struct {
        const char *name;
        enum jd_input_role role;
    } roles[] = {{"EngagementEvent", JD_ROLE_OF_EVENTS},
                 {"HcpProfile", JD_ROLE_OF_HCP_PROFILES},
                 {"AccountProfile", JD_ROLE_OF_ACCOUNT_PROFILES}};
    if (c->text.ptr == NULL) {
        return fail(c, "there is no avro.schema");
    }
    c->schema = jd_schema_parse(c->text, &c->arena, c->err);
    if (c->schema == NULL) {
        return jd_error_wrap(c->err, "%s: avro.schema", jd_lines_path(c->file));
    }
    for (size_t i = 0; c->schema->name != NULL && i < JD_COUNT(roles); i++) {
        if (strcmp(jd_schema_short_name(c->schema->name), roles[i].name) == 0) {
            c->role = roles[i].role;
        }
    }
    if (c->role == 0 || c->schema->type != JD_AVRO_RECORD) {
        return fail(c, "its records are none of EngagementEvent, HcpProfile and AccountProfile");
    }
    return c->schema->min_size > 0 || fail(c, "its records take no bytes");
}

bool jd_container_is(const struct jd_lines *file)
{
    return jd_lines_begin(file, "Obj\x01", 4);
}

struct jd_container *jd_container_open(struct jd_lines *file, struct jd_error *err)
{
    struct jd_container *c = calloc(1, sizeof(*c));
    char magic[4];
    if (c == NULL) {
        jd_error_set(err, JD_EXIT_INTERNAL, "out of memory");
        return NULL;
    }
    *c = (struct jd_container){.file = file, .err = err};
    jd_arena_init(&c->arena, ARENA_MAX);
    if (!take(c, magic, sizeof(magic)) || !take_metadata(c) || !take(c, c->sync, SYNC_SIZE) ||
        !take_schema(c)) {
        jd_container_close(c);
        return NULL;
    }
    c->block_bytes.size = 0;
    return c;
}

void jd_container_close(struct jd_container *container)
{
    if (container != NULL) {
        free(container->stored.at);
        free(container->block_bytes.at);
        jd_arena_done(&container->arena);
        free(container);
    }
}

enum jd_input_role jd_container_role(const struct jd_container *container)
{
    return container->role;
}

struct jd_str jd_container_schema(const struct jd_container *container)
{
    return container->text;
}

uint64_t jd_container_number(const struct jd_container *container)
{
    return container->number;
}

/* ---- blocks --------------------------------------------------------------------------------------------- */

/* stored -> block_bytes, which grows as it is filled: a small block may not claim much memory. */
static bool inflate_block(struct jd_container *c)
{
    enum { ROOM_FIRST = 256 << 10 };
    z_stream z = {.next_in = (unsigned char *)c->stored.at, .avail_in = (uInt)c->stored.size};
    struct bytes *out = &c->block_bytes;
    int status = inflateInit2(&z, -MAX_WBITS); /* raw: without zlib's header and checksum */
    bool ok = status == Z_OK || jd_error_set(c->err, JD_EXIT_INTERNAL, "out of memory");
    const bool is_open = ok;
    out->size = 0;
    while (ok && status == Z_OK) {
        if (out->size == JD_CONTAINER_BLOCK_MAX) {
            ok = fail(c, "more than 64 MiB when inflated");
            break;
        }
        size_t room = out->capacity > out->size ? out->capacity : out->size * 2;
        room = room < ROOM_FIRST ? ROOM_FIRST : room > JD_CONTAINER_BLOCK_MAX ? JD_CONTAINER_BLOCK_MAX : room;
        ok = reserve(c, out, room);
        if (ok) {
            z.next_out = (unsigned char *)out->at + out->size;
            z.avail_out = (uInt)(room - out->size);
            status = inflate(&z, Z_NO_FLUSH);
            out->size = room - z.avail_out;
        }
    }
    if (ok && (status != Z_STREAM_END || z.avail_in > 0)) {
        ok = fail(c, "its bytes are no deflate stream, or more than one");
    }
    if (is_open) {
        (void)inflateEnd(&z);
    }
    return ok;
}

static bool take_block(struct jd_container *c)
{
    unsigned char sync[SYNC_SIZE];
    c->begin = c->offset;
    c->block++;
    c->at = 0;
    if (!take_long(c, &c->left)) {
        return false;
    }
    if (c->left < 0) {
        return fail(c, "a negative number of records");
    }
    if (!take_sized(c, c->is_deflated ? &c->stored : &c->block_bytes, JD_CONTAINER_BLOCK_MAX,
                    "a size that is negative or more than 64 MiB") ||
        !take(c, sync, SYNC_SIZE)) {
        return false;
    }
    if (memcmp(sync, c->sync, SYNC_SIZE) != 0) {
        return fail(c, "it does not end with the file's sync marker");
    }
    if (c->is_deflated && !inflate_block(c)) {
        return false;
    }
    return (uint64_t)c->left <= c->block_bytes.size / c->schema->min_size ||
           fail(c, "more records than its bytes can hold");
}

enum jd_line_kind jd_container_next(struct jd_container *container, struct jd_str *datum,
                                    struct jd_error *err)
{
    struct jd_container *c = container;
    struct jd_reject why;
    uint32_t size = 0;
    c->err = err;
    while (c->left == 0) {
        bool at_end = false;
        if (c->at != c->block_bytes.size) {
            (void)fail(c, "more bytes than its records take");
            return JD_LINE_BROKEN;
        }
        if (!jd_lines_ended(c->file, &at_end, err)) {
            return JD_LINE_BROKEN;
        }
        if (at_end) {
            return JD_LINE_END;
        }
        if (!take_block(c)) {
            return JD_LINE_BROKEN;
        }
    }
    const struct jd_str rest = {c->block_bytes.at + c->at, (uint32_t)(c->block_bytes.size - c->at)};
    c->number++;
    if (!jd_schema_skip(c->schema, rest, &size, &why)) {
        jd_error_set(err, JD_EXIT_DATA,
                     "%s: block %" PRIu64 ", which begins at byte %" PRIu64 ": record %" PRIu64 ": %s",
                     jd_lines_path(c->file), c->block, c->begin, c->number, why.message);
        return JD_LINE_BROKEN;
    }
    *datum = (struct jd_str){rest.ptr, size};
    c->at += size;
    c->left--;
    return JD_LINE_TEXT;
}

#include "engine/ids.h"

#include <openssl/sha.h>

#include "base/buf.h"

enum { ID_BYTES = 16 };

struct jd_str jd_id_of(const struct jd_str *parts, uint32_t count, struct jd_arena *arena)
{
    struct jd_buf buf;
    jd_buf_init(&buf, arena);
    for (uint32_t i = 0; i < count; i++) {
        jd_buf_printf(&buf, "%u:", parts[i].size);
        jd_buf_str(&buf, parts[i]);
    }
    unsigned char hash[SHA256_DIGEST_LENGTH];
    (void)SHA256((const unsigned char *)buf.bytes, buf.size, hash);
    static const char digits[] = "0123456789abcdef";
    char *text = jd_arena_alloc(arena, 2 * ID_BYTES + 1);
    for (uint32_t i = 0; i < ID_BYTES; i++) {
        text[2 * i] = digits[hash[i] >> 4];
        text[2 * i + 1] = digits[hash[i] & 15];
    }
    return (struct jd_str){text, 2 * ID_BYTES};
}

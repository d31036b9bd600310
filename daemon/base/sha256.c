#include "base/sha256.h"

#include <openssl/sha.h>

struct jd_str jd_sha256(struct jd_str bytes, struct jd_arena *arena)
{
    static const char digits[] = "0123456789abcdef";
    unsigned char hash[SHA256_DIGEST_LENGTH];
    (void)SHA256((const unsigned char *)bytes.ptr, bytes.size, hash);
    char *text = jd_arena_alloc(arena, JD_SHA256_HEX);
    for (uint32_t i = 0; i < SHA256_DIGEST_LENGTH; i++) {
        text[2 * i] = digits[hash[i] >> 4];
        text[2 * i + 1] = digits[hash[i] & 15];
    }
    return (struct jd_str){text, JD_SHA256_HEX};
}

#include "engine/ids.h"

#include "base/buf.h"
#include "base/sha256.h"

struct jd_str jd_id_of(const struct jd_str *parts, uint32_t count, struct jd_arena *arena)
{
    struct jd_buf buf;
    jd_buf_init(&buf, arena);
    for (uint32_t i = 0; i < count; i++) {
        jd_buf_printf(&buf, "%u:", parts[i].size);
        jd_buf_str(&buf, parts[i]);
    }
    return (struct jd_str){jd_sha256(jd_buf_done(&buf), arena).ptr, JD_ID_HEX};
}

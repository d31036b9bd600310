#include "shard/order.h"

int jd_order_next(const struct jd_head heads[JD_IN_COUNT])
{
    int next = JD_ORDER_END;
    for (int i = 0; i < JD_IN_COUNT; i++) {
        if (heads[i].absent || (!heads[i].ready && heads[i].at_end))
            continue;
        if (!heads[i].ready)
            return JD_ORDER_WAIT;
        if (next < 0 || heads[i].effective < heads[next].effective)
            next = i;
    }
    return next;
}

jd_time jd_order_effective(jd_time so_far, jd_time own)
{
    return own > so_far ? own : so_far; /* JD_TIME_NONE is the least of all */
}

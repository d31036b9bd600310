/* Why nothing came of it: what kinds of conflict find out on their way, told to whoever asks.
 *
 * While deciding nobody asks: the view's `asker` is NULL, and nothing is told. Who asks is told by the same code
 * that decides, so that what it says is what happened. */
#ifndef JOURNEYD_ENGINE_CONFLICTS_WHY_H
#define JOURNEYD_ENGINE_CONFLICTS_WHY_H

#include "engine/conflicts/conflicts.h"
#include "engine/fields.h"
#include "engine/touches.h"

enum jd_why_code {
    JD_WHY_TOUCH = 1,  /* x is held; it stands unless x->phase is CANCELLED or `lapsed` */
    JD_WHY_FOUND,      /* an instance holds: `instance` */
    JD_WHY_VALIDITY,   /* x lies outside valid_from .. valid_to */
    JD_WHY_APART,      /* x and y are farther apart than the window: observed, limit, unit */
    JD_WHY_NO_OVERLAP, /* the intervals of x and y do not meet: observed ms lie between them */
    JD_WHY_SAME,       /* x and y differ in `ref`, or one of them lacks it: sharing */
    JD_WHY_DIFFERENT,  /* x and y share `ref`, or one of them lacks it */
    JD_WHY_LACKS,      /* x lacks `ref`, which same: or different: names */
    JD_WHY_LINK,       /* x and y do not answer each other, as link: wants */
    JD_WHY_JOINT,      /* x and y are a joint visit */
    JD_WHY_BETWEEN,    /* of b x, y (`without`) lies between it and its a */
    JD_WHY_ANSWERED,   /* of x, y is what the rule asks for, in time */
    JD_WHY_NOT_DUE,    /* of x, the time for an answer is not over: it is at `at` */
    JD_WHY_CLOSED,     /* y closed what x began */
    JD_WHY_TOTAL,      /* what counts for x comes to observed, which keeps within limit: unit */
    JD_WHY_REQUIRED,   /* what the rule requires is so of x */
    JD_WHY_NO_PART,    /* x has no such value as the rule counts */
};

struct jd_why {
    enum jd_why_code code;
    const struct jd_touch *x, *y; /* loaded where they are there; y NULL: none */
    bool lapsed;                  /* TOUCH */
    const struct jd_instance *instance;
    const struct jd_field_ref *ref;
    enum jd_sharing sharing;
    struct jd_decimal observed, limit;
    enum jd_unit unit;
    jd_time at;
};

struct jd_asker {
    void (*tell)(void *context, const struct jd_why *why); /* `why` is borrowed for the call */
    void *context;
};

void jd_why_tell(const struct jd_touches *view, const struct jd_why *why);

/* Is anybody asking? */
static inline bool jd_why_asked(const struct jd_touches *view)
{
    return view->asker != NULL;
}
static inline void jd_why_pair(const struct jd_touches *view, enum jd_why_code code, const struct jd_touch *x,
                               const struct jd_touch *y)
{
    if (view->asker != NULL)
        jd_why_tell(view, &(struct jd_why){.code = code, .x = x, .y = y});
}
static inline void jd_why_field(const struct jd_touches *view, enum jd_why_code code,
                                const struct jd_touch *x, const struct jd_touch *y,
                                const struct jd_field_ref *ref, enum jd_sharing sharing)
{
    if (view->asker != NULL)
        jd_why_tell(view, &(struct jd_why){.code = code, .x = x, .y = y, .ref = ref, .sharing = sharing});
}
static inline void jd_why_number(const struct jd_touches *view, enum jd_why_code code,
                                 const struct jd_touch *x, const struct jd_touch *y,
                                 struct jd_decimal observed, struct jd_decimal limit, enum jd_unit unit)
{
    if (view->asker != NULL)
        jd_why_tell(view,
                    &(struct jd_why){
                        .code = code, .x = x, .y = y, .observed = observed, .limit = limit, .unit = unit});
}

/* Looks at everything that is held of `key` as `rule` (one of the fold's program) does: each touch, each instance
 * that holds, and of those that do not hold what stood in the way; of pairs too far apart to be looked at, how far.
 * The same may be told twice. Everything told is in the arena or the fold. */
void jd_why_not(const struct jd_fold *fold, struct jd_str key, const struct jd_rule *rule,
                struct jd_arena *arena, const struct jd_asker *asker);

#endif

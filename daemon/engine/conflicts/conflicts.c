#include "engine/conflicts/conflicts.h"

#include "base/str.h"
#include "engine/conflicts/kinds.h"

const struct jd_conflict_kind jd_conflict_kinds[] = {
    {
        .name = "proximity",
        .required = JD_TAKES_A_B | JD_TAKES_WITHIN,
        .optional = JD_TAKES_SAME | JD_TAKES_DIFFERENT | JD_TAKES_UNLESS | JD_TAKES_JOINT | JD_TAKES_LISTS,
        .pairs = true,
        .find = jd_proximity_find,
    },
    {.name = NULL},
};

const struct jd_conflict_kind *jd_conflict_kind_of(struct jd_str name)
{
    for (const struct jd_conflict_kind *kind = jd_conflict_kinds; kind->name != NULL; kind++)
        if (jd_str_eq(name, jd_str_of(kind->name)))
            return kind;
    return NULL;
}

#include "engine/conflicts/conflicts.h"

#include "base/fault.h"
#include "base/str.h"
#include "engine/conflicts/kinds.h"

/* What all kinds may have, and what counts may. */
enum {
    COMMON = JD_TAKES_SAME | JD_TAKES_UNLESS | JD_TAKES_OBSERVED,
    COUNTED = JD_TAKES_OF | JD_TAKES_LIMIT | JD_TAKES_WINDOW | JD_TAKES_AXIS,
    BETWEEN = COMMON | JD_TAKES_DIFFERENT | JD_TAKES_CASE_A | JD_TAKES_CASE_B,
};

const struct jd_conflict_kind jd_conflict_kinds[] = {
    {
        .name = "proximity",
        .required = JD_TAKES_A_B | JD_TAKES_WITHIN,
        .optional = JD_TAKES_SAME | JD_TAKES_DIFFERENT | JD_TAKES_UNLESS | JD_TAKES_JOINT | JD_TAKES_LISTS |
                    JD_TAKES_LINK | JD_TAKES_NEAR | JD_TAKES_CASE_A | JD_TAKES_CASE_B,
        .more = JD_TAKES_WITHIN,
        .pairs = true,
        .find = jd_proximity_find,
    },
    {
        .name = "frequency",
        .required = JD_TAKES_OF,
        .optional = COMMON | COUNTED | JD_TAKES_COUNT | JD_TAKES_OVER,
        .more = JD_TAKES_WINDOW,
        .less = JD_TAKES_LIMIT,
        .find = jd_frequency_find,
        .remember = jd_frequency_remember,
    },
    {
        .name = "budget",
        .required = JD_TAKES_OF,
        .optional = COMMON | COUNTED | JD_TAKES_SUM,
        .more = JD_TAKES_WINDOW,
        .less = JD_TAKES_LIMIT,
        .find = jd_frequency_find,
        .remember = jd_frequency_remember,
    },
    {
        .name = "coverage",
        .required = JD_TAKES_OF | JD_TAKES_A_HAPPENED,
        .optional = COMMON | JD_TAKES_COVERAGE,
        .find = jd_coverage_find,
        .find_due = jd_coverage_due,
        .next_due = jd_coverage_next,
    },
    {
        .name = "sequence",
        .required = JD_TAKES_A_B | JD_TAKES_WITHIN,
        .optional = BETWEEN | JD_TAKES_LINK | JD_TAKES_WITHOUT | JD_TAKES_JOINT | JD_TAKES_NEAR,
        .more = JD_TAKES_WITHIN,
        .find = jd_sequence_find,
    },
    {
        .name = "absence",
        .required = JD_TAKES_A_B | JD_TAKES_WITHIN | JD_TAKES_A_HAPPENED | JD_TAKES_B_HAPPENED,
        .optional = COMMON | JD_TAKES_DIFFERENT | JD_TAKES_LINK | JD_TAKES_ANSWER | JD_TAKES_CASE_A,
        .less = JD_TAKES_WITHIN | JD_TAKES_ANSWER,
        .deadlines = true,
        .find = jd_absence_find,
    },
    {
        .name = "requires",
        .required = JD_TAKES_A_B | JD_TAKES_WITHIN | JD_TAKES_A_HAPPENED,
        .optional = COMMON | JD_TAKES_DIFFERENT | JD_TAKES_LINK | JD_TAKES_CASE_B,
        .less = JD_TAKES_WITHIN,
        .find = jd_requires_find,
    },
    {
        .name = "until",
        .required = JD_TAKES_A_B | JD_TAKES_UNTIL,
        .optional = BETWEEN | JD_TAKES_LINK | JD_TAKES_PLUS,
        .more = JD_TAKES_UNTIL | JD_TAKES_PLUS,
        .find = jd_until_find,
    },
    {
        .name = "overlap",
        .required = JD_TAKES_A_B,
        .optional = BETWEEN | JD_TAKES_JOINT | JD_TAKES_LISTS | JD_TAKES_DURATIONS,
        .more = JD_TAKES_DURATIONS,
        .pairs = true,
        .find = jd_overlap_find,
    },
    {
        .name = "eligibility",
        .required = JD_TAKES_OF | JD_TAKES_REQUIRE,
        .optional = JD_TAKES_UNLESS,
        .find = jd_eligibility_find,
    },
    {
        .name = "absence",
        .required = JD_TAKES_SUBJECT | JD_TAKES_LEAD,
        .find_facts = jd_expiry_find,
    },
    {
        .name = "proximity",
        .required = JD_TAKES_SUBJECT | JD_TAKES_WITHIN | JD_TAKES_DIFFERENT,
        .find_facts = jd_contradiction_find,
    },
    {.name = NULL},
};

static const struct jd_conflict_kind *find(struct jd_str name, bool on_facts)
{
    for (const struct jd_conflict_kind *kind = jd_conflict_kinds; kind->name != NULL; kind++)
        if (jd_str_eq(name, jd_str_of(kind->name)) && (kind->find_facts != NULL) == on_facts)
            return kind;
    return NULL;
}

const struct jd_conflict_kind *jd_conflict_kind_of(struct jd_str name)
{
    return find(name, false);
}

const struct jd_conflict_kind *jd_conflict_kind_on_facts(struct jd_str name)
{
    return find(name, true);
}

void jd_rule_find(struct jd_touches *view, const struct jd_rule *rule, struct jd_touch *x,
                  struct jd_instances *out)
{
    struct jd_touches *own = jd_touches_on(view, rule->logged && !jd_fault_bug("axis_ignored"));
    rule->kind->find(own, rule, own == view ? x : jd_touches_place(own, x), out);
}

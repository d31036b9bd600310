#include "engine/limits.h"

#include "base/fault.h"
#include "base/str.h"
#include "engine/fields.h"

static struct jd_str value_of(struct jd_touches *view, const struct jd_field_ref *ref, struct jd_touch *touch)
{
    if (!ref->profile && touch == NULL)
        return (struct jd_str){0};
    struct jd_value value;
    const struct jd_hcp_profile *profile;
    if (!ref->profile) {
        jd_touch_load(view, touch);
        return jd_field_text(touch->event, ref, view->arena);
    }
    profile = jd_touches_profile(view);
    return profile != NULL && jd_profile_get(profile, ref, 0, &value) ? value.text : (struct jd_str){0};
}

static int row_order(const struct jd_limits *limits, const struct jd_limit_row *row,
                     const struct jd_str *values)
{
    int order = 0;
    for (uint32_t i = 0; i < limits->by_count && order == 0; i++)
        order = jd_str_cmp(row->values[i], values[i]);
    return order;
}

const struct jd_limit_row *jd_limits_about(const struct jd_limits *limits, const struct jd_str *values,
                                           uint32_t *count)
{
    uint32_t low = 0, high = limits->count;
    while (low < high) { /* halves it */
        uint32_t middle = low + (high - low) / 2;
        if (row_order(limits, &limits->rows[middle], values) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (*count = 0;
         low + *count < limits->count && row_order(limits, &limits->rows[low + *count], values) == 0;)
        ++*count;
    return limits->rows + low;
}

/* The last row of these values that begins by `at`, if it has not ended. */
static const struct jd_limit_row *find(const struct jd_limits *limits, const struct jd_str *values,
                                       jd_time at)
{
    uint32_t count;
    const struct jd_limit_row *rows = jd_limits_about(limits, values, &count), *row = NULL;
    for (uint32_t i = 0; i < count && rows[i].from <= at; i++)
        row = &rows[i];
    if (row == NULL)
        return NULL;
    return row->until == JD_TIME_NONE || at < row->until || jd_fault_bug("limits_never_end") ? row : NULL;
}

const struct jd_str *jd_limits_values(struct jd_touches *view, const struct jd_limits *limits,
                                      struct jd_touch *touch)
{
    struct jd_str *values = jd_arena_array(view->arena, limits->by_count, sizeof *values);
    for (uint32_t i = 0; i < limits->by_count; i++) {
        values[i] = value_of(view, &limits->by[i], touch);
        if (values[i].ptr == NULL)
            return NULL;
    }
    return values;
}

bool jd_limits_at(struct jd_touches *view, const struct jd_rule *rule, struct jd_touch *touch, jd_time at,
                  struct jd_bounds *out)
{
    const struct jd_limits *limits = rule->limits;
    *out = (struct jd_bounds){rule->limit, &rule->within};
    if (limits == NULL)
        return true;
    const struct jd_str *values = jd_limits_values(view, limits, touch);
    const struct jd_limit_row *row = values == NULL ? NULL : find(limits, values, at);
    if (row == NULL)
        return false;
    if (limits->limit)
        out->limit = row->limit;
    if (limits->within)
        out->within = &row->within;
    return true;
}

const struct jd_span *jd_limits_within(struct jd_touches *view, const struct jd_rule *rule,
                                       struct jd_touch *touch)
{
    struct jd_bounds bounds;
    return jd_limits_at(view, rule, touch, touch->time, &bounds) ? bounds.within : NULL;
}

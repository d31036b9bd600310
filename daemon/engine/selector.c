#include "engine/selector.h"

#include "base/avro.h"
#include "base/str.h"
#include "engine/fields.h"

bool jd_condition_names(const struct jd_condition *condition, struct jd_str text)
{
    uint32_t low = 0, high = condition->text_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = jd_str_cmp(condition->texts[middle], text);
        if (order == 0)
            return true;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

static bool decimal_in(const struct jd_condition *condition, struct jd_decimal decimal)
{
    for (uint32_t i = 0; i < condition->decimal_count; i++)
        if (jd_decimal_cmp(condition->decimals[i], decimal) == 0)
            return true;
    return false;
}

static bool value_in(const struct jd_condition *condition, const struct jd_value *value)
{
    if (value->kind == JD_STRING)
        return jd_condition_names(condition, value->text);
    if (value->kind == JD_DECIMAL || value->kind == JD_INT)
        return decimal_in(condition, value->decimal);
    if (value->kind == JD_TIME)
        return value->time == condition->time;
    return (condition->enum_set >> value->code) & 1;
}

static bool ordered(enum jd_compare op, int order)
{
    return op == JD_LT ? order < 0 : op == JD_LE ? order <= 0 : op == JD_GT ? order > 0 : order >= 0;
}

static int order_of(const struct jd_condition *condition, const struct jd_value *value)
{
    if (value->kind == JD_TIME)
        return (value->time > condition->time) - (value->time < condition->time);
    return jd_decimal_cmp(value->decimal, condition->decimal);
}

/* What is asked: a touch, or a profile. */
struct subject {
    const struct jd_event *event;
    const struct jd_hcp_profile *profile;
};

static bool value_of(const struct subject *subject, const struct jd_field_ref *ref, uint32_t index,
                     struct jd_value *out)
{
    return ref->profile ? jd_profile_get(subject->profile, ref, index, out)
                        : jd_field_get(subject->event, ref, index, out);
}

/* Over a list: `in` and comparisons want one value that fits, `not in` wants none that is in. */
static bool holds(const struct jd_condition *condition, const struct subject *subject)
{
    struct jd_value value;
    bool exists = value_of(subject, &condition->ref, 0, &value);
    if (condition->op == JD_EXISTS || condition->op == JD_ABSENT)
        return exists == (condition->op == JD_EXISTS);
    for (uint32_t i = 0; value_of(subject, &condition->ref, i, &value); i++) {
        bool fits = condition->op == JD_IN || condition->op == JD_NOT_IN
                        ? value_in(condition, &value)
                        : ordered(condition->op, order_of(condition, &value));
        if (fits)
            return condition->op != JD_NOT_IN;
    }
    return exists && condition->op == JD_NOT_IN;
}

bool jd_condition_holds(const struct jd_condition *condition, const struct jd_event *event)
{
    return holds(condition, &(struct subject){.event = event});
}

static bool all_hold(const struct jd_selector *selector, const struct subject *subject)
{
    for (uint32_t i = 0; i < selector->count; i++)
        if (!holds(&selector->conditions[i], subject))
            return false;
    return true;
}

bool jd_selector_matches(const struct jd_selector *selector, uint8_t class, const struct jd_event *event)
{
    return ((selector->classes >> class) & 1) && all_hold(selector, &(struct subject){.event = event});
}

bool jd_selector_matches_profile(const struct jd_selector *selector, const struct jd_hcp_profile *profile)
{
    return profile != NULL && all_hold(selector, &(struct subject){.profile = profile});
}

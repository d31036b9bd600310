#include "engine/conflicts/amount.h"

#include "base/str.h"
#include "engine/fields.h"

bool jd_amount_units(struct jd_decimal amount, int64_t *units)
{
    if (amount.scale > JD_AMOUNT_SCALE) /* absent is more */
        return false;
    int64_t factor = 1, one = 1;
    for (int i = 0; i < JD_AMOUNT_SCALE; i++) {
        factor *= i < JD_AMOUNT_SCALE - amount.scale ? 10 : 1;
        one *= 10;
    }
    return !__builtin_mul_overflow(amount.units, factor, units) &&
           *units<one * JD_AMOUNT_MAX && * units> - one * JD_AMOUNT_MAX;
}

struct jd_decimal jd_amount_decimal(int64_t units)
{
    struct jd_decimal decimal = {units, JD_AMOUNT_SCALE};
    for (; decimal.scale > 0 && decimal.units % 10 == 0; decimal.scale--)
        decimal.units /= 10;
    return decimal;
}

int64_t jd_weight_of(const struct jd_weights *weights, const struct jd_event *event,
                     const struct jd_field_ref *field)
{
    struct jd_str text = jd_field_plain_text(event, field);
    struct jd_decimal weight = weights->otherwise;
    for (uint32_t i = 0; i < weights->count; i++)
        if (jd_str_eq(weights->values[i], text))
            weight = weights->weights[i];
    int64_t units;
    return jd_amount_units(weight, &units) ? units : 0; /* the compiler takes no others */
}

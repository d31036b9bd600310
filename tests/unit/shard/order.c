#include "shard/order.h"

#include <criterion/criterion.h>

enum { T = -9 }; /* no record, at its end */

/* Effective times of the four heads; T: none and at its end, W: none and not at its end. */
enum { W = -8 };
static int next_of(jd_time profiles, jd_time accounts, jd_time touches, jd_time events)
{
    const jd_time given[JD_IN_COUNT] = {profiles, accounts, touches, events};
    struct jd_head heads[JD_IN_COUNT];
    for (int i = 0; i < JD_IN_COUNT; i++)
        heads[i] = (struct jd_head){.ready = given[i] >= 0, .at_end = given[i] == T, .effective = given[i]};
    return jd_order_next(heads);
}

Test(order, smallest_effective_time_is_next)
{
    cr_expect_eq(next_of(30, 20, 10, 40), JD_IN_TOUCHES);
    cr_expect_eq(next_of(30, 20, 21, 5), JD_IN_EVENTS);
    cr_expect_eq(next_of(T, T, T, 5), JD_IN_EVENTS);
}

Test(order, ties_go_to_profiles_accounts_touches_events)
{
    cr_expect_eq(next_of(7, 7, 7, 7), JD_IN_HCP_PROFILES);
    cr_expect_eq(next_of(8, 7, 7, 7), JD_IN_ACCOUNT_PROFILES);
    cr_expect_eq(next_of(8, 8, 7, 7), JD_IN_TOUCHES);
    cr_expect_eq(next_of(8, 8, 8, 7), JD_IN_EVENTS);
}

Test(order, a_partition_that_may_have_an_earlier_record_is_waited_for)
{
    cr_expect_eq(next_of(W, 1, 1, 1), JD_ORDER_WAIT);
    cr_expect_eq(next_of(1, 1, 1, W), JD_ORDER_WAIT);
    cr_expect_eq(next_of(T, W, T, T), JD_ORDER_WAIT);
}

Test(order, all_at_their_ends)
{
    cr_expect_eq(next_of(T, T, T, T), JD_ORDER_END);
}

Test(order, an_absent_input_is_never_waited_for)
{
    struct jd_head heads[JD_IN_COUNT] = {
        {.absent = true}, {.absent = true}, {.absent = true, .ready = true}, {.at_end = true}};
    cr_expect_eq(jd_order_next(heads), JD_ORDER_END);
    heads[JD_IN_EVENTS] = (struct jd_head){.ready = true, .effective = 3};
    cr_expect_eq(jd_order_next(heads), JD_IN_EVENTS);
}

Test(order, effective_time_is_a_running_maximum)
{
    cr_expect_eq(jd_order_effective(JD_TIME_NONE, 5), 5);
    cr_expect_eq(jd_order_effective(5, 3), 5);
    cr_expect_eq(jd_order_effective(5, 9), 9);
    cr_expect_eq(jd_order_effective(5, JD_TIME_NONE), 5);
    cr_expect_eq(jd_order_effective(JD_TIME_NONE, JD_TIME_NONE), JD_TIME_NONE);
}

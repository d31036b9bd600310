/* The proleptic Gregorian calendar, in whole days since 1970-01-01. */
#ifndef JOURNEYD_BASE_CIVIL_H
#define JOURNEYD_BASE_CIVIL_H

#include "journeyd/types.h"

/* Month 1..12, day 1..31; year any that fits the times of journeyd/types.h, and a few around. */
int64_t jd_days_from_civil(int year, int month, int day);
void jd_civil_from_days(int64_t days, int *year, int *month, int *day);
int jd_days_in_month(int year, int month);
int jd_weekday(int64_t days); /* 0 Monday … 6 Sunday */

#endif

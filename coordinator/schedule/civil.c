#include "coordinator/schedule/civil.h"

#include <stdio.h>
#include <stdlib.h>

bool civil_is_leap(int64_t year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

int civil_days_in_month(int64_t year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return month == 2 && civil_is_leap(year) ? 29 : days[month - 1];
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

/* Days from 1970-01-01 to January 1st of the year. */
static int64_t days_before_year(int64_t year)
{
    int64_t y = year - 1;
    return 365 * (y - 1969) + (floor_div(y, 4) - 492) - (floor_div(y, 100) - 19) +
           (floor_div(y, 400) - 4);
}

int64_t civil_days(int64_t year, int month, int day)
{
    static const int before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    return days_before_year(year) + before[month - 1] + (month > 2 && civil_is_leap(year)) + day -
           1;
}

int civil_weekday(int64_t days)
{
    int64_t weekday = (days + 4) % 7; /* 1970-01-01 was a Thursday */
    return (int)(weekday < 0 ? weekday + 7 : weekday);
}

int64_t civil_seconds(const struct civil_time *c)
{
    return civil_days(c->year, c->month, c->day) * CIVIL_DAY + c->hour * CIVIL_HOUR +
           c->minute * CIVIL_MINUTE + c->second;
}

struct civil_time civil_time_of(int64_t civil_s)
{
    int64_t days = floor_div(civil_s, CIVIL_DAY);
    int rest = (int)(civil_s - days * CIVIL_DAY);
    /* 400 years have 146,097 days: the guess is at most a year off. */
    struct civil_time c = {.year = 1970 + floor_div(days * 400, 146097), .month = 1};
    while (days_before_year(c.year) > days)
        c.year--;
    while (days_before_year(c.year + 1) <= days)
        c.year++;
    int64_t left = days - days_before_year(c.year);
    while (left >= civil_days_in_month(c.year, c.month))
        left -= civil_days_in_month(c.year, c.month++);
    c.day = (int)left + 1;
    c.hour = rest / CIVIL_HOUR;
    c.minute = rest % CIVIL_HOUR / CIVIL_MINUTE;
    c.second = rest % CIVIL_MINUTE;
    c.weekday = civil_weekday(days);
    return c;
}

void civil_format(int64_t utc_s, int32_t offset_s, bool zulu, char out[CIVIL_TEXT_SIZE])
{
    int64_t civil_s = utc_s + offset_s;
    static const struct civil_time last = {9999, 12, 31, 23, 59, 59, 5};
    struct civil_time c = civil_time_of(civil_s);
    if (c.year > 9999) c = last;
    if (c.year < 0) c = (struct civil_time){.month = 1, .day = 1};
    int n = snprintf(out, CIVIL_TEXT_SIZE, "%04d-%02d-%02dT%02d:%02d:%02d", (int)c.year, c.month,
                     c.day, c.hour, c.minute, c.second);
    int minutes = abs(offset_s) / CIVIL_MINUTE;
    if (zulu)
        snprintf(out + n, CIVIL_TEXT_SIZE - (size_t)n, "Z");
    else
        snprintf(out + n, CIVIL_TEXT_SIZE - (size_t)n, "%c%02d:%02d", offset_s < 0 ? '-' : '+',
                 minutes / 60, minutes % 60);
}

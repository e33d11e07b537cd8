/* The calendar: what a clock on the wall shows, as parts and as one number. The Gregorian calendar
 * in both directions of time, without leap seconds, without the C library's time functions.
 * Pure. */
#ifndef CADRE_COORDINATOR_SCHEDULE_CIVIL_H
#define CADRE_COORDINATOR_SCHEDULE_CIVIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CIVIL_MINUTE 60
#define CIVIL_HOUR 3600
#define CIVIL_DAY 86400

/* A civil time as one number: the seconds from 1970-01-01 00:00:00 on the same clock. The moment
 * (UTC) of a civil time is that number less the offset of the zone. */
struct civil_time {
    int64_t year;
    int month;   /* 1 to 12 */
    int day;     /* 1 to 31 */
    int hour;    /* 0 to 23 */
    int minute;  /* 0 to 59 */
    int second;  /* 0 to 59 */
    int weekday; /* 0 = Sunday; civil_seconds() does not read it */
};

bool civil_is_leap(int64_t year);
int civil_days_in_month(int64_t year, int month);
/* Days from 1970-01-01; month 1 to 12, day 1 to what the month has. */
int64_t civil_days(int64_t year, int month, int day);
/* Of a day that is so many from 1970-01-01; 0 = Sunday. */
int civil_weekday(int64_t days);
int64_t civil_seconds(const struct civil_time *c);
struct civil_time civil_time_of(int64_t civil_s);

/* RFC 3339 with the offset: "2026-03-29T03:00:00+02:00", "...Z" when zulu; an offset's seconds are
 * left out, as RFC 3339 knows none. Years 0 to 9999 (others: the nearest end). */
#define CIVIL_TEXT_SIZE 32
void civil_format(int64_t utc_s, int32_t offset_s, bool zulu, char out[CIVIL_TEXT_SIZE]);

#endif

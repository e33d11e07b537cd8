/* What an expression names, as sets of numbers. Inside of cron*.c. */
#ifndef CADRE_COORDINATOR_SCHEDULE_CRON_SET_H
#define CADRE_COORDINATOR_SCHEDULE_CRON_SET_H

#include <stdbool.h>
#include <stdint.h>

struct cron {
    uint64_t seconds; /* bit N: the number N */
    uint64_t minutes;
    uint64_t hours;
    uint64_t days;     /* bits 1 to 31 */
    uint64_t months;   /* bits 1 to 12 */
    uint64_t weekdays; /* bits 0 (Sunday) to 6 */
    bool last_day;     /* the last day of the month, too */
    bool day_any;      /* "*": the day of month restricts nothing, is not one of "either" */
    bool weekday_any;
    bool is_real_time; /* the hour is "*" or has steps over all hours */
    bool has_seconds;  /* six fields were written */
};

#endif

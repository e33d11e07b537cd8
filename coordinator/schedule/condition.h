/* Conditions on the planned moment of a schedule: does it fire then? Pure. */
#ifndef CADRE_COORDINATOR_SCHEDULE_CONDITION_H
#define CADRE_COORDINATOR_SCHEDULE_CONDITION_H

#include "coordinator/schedule/zone.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum condition_kind {
    CONDITION_ALL_OF, /* also of none */
    CONDITION_ANY_OF,
    CONDITION_NONE_OF,
    CONDITION_DAYS,         /* one of the days of the week */
    CONDITION_DAY_IN_MONTH, /* the first, second ... or last such day of its month */
    CONDITION_TIME,         /* of day, between two times */
    CONDITION_MOMENT,       /* between two moments */
};

#define CONDITION_LAST_WEEK 5

/* An end of a time, which is not part of it. */
struct condition_limit {
    bool given;
    bool local;       /* on the zone's clocks (civil.h); else with an offset, or in UTC */
    int64_t s;        /* TIME: of the day; MOMENT: civil or UTC */
    int32_t offset_s; /* TIME that is not local: whose time of day it is */
};

struct condition {
    enum condition_kind kind;
    unsigned weekdays; /* bit 0 = Sunday */
    int week;          /* DAY_IN_MONTH: 1 to 4, or CONDITION_LAST_WEEK */
    struct condition_limit after, before;
    struct condition *items; /* of the first three */
    size_t count;
};

/* What it owns, not itself. */
void condition_fini(struct condition *c);

/* At a moment, on the zone's clocks. A TIME whose `after` is not before its `before` goes over
 * midnight. */
bool condition_holds(const struct condition *c, int64_t planned_s, const struct zone *z);

/* "MONDAY", "mon": 0 = Sunday to 6; -1: no day. */
int condition_weekday(const char *name);

#endif

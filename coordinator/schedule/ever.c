#include "coordinator/schedule/ever.h"

#include "coordinator/schedule/civil.h"

#include <stdint.h>

/* In the 28 years from 2026 on there is each kind of year: each day of the week begins one that has
 * 29 February, and one that has not. What does not hold in one of them never does. */
#define YEARS 28
#define FIRST_YEAR 2026

/* Clocks are set forward between 22:00 and 4:00, by two hours at most, to a half or whole hour: a
 * time that is left out fires there. */
#define NIGHT_BEGINS (22 * CIVIL_HOUR)
#define NIGHT_ENDS (4 * CIVIL_HOUR)
#define HALF_HOUR (CIVIL_HOUR / 2)
#define HALF_HOURS 4

struct question {
    const struct zone *z; /* of one offset: that of the moments */
    bool exact;           /* it is the schedule's own */
    bool any_time;        /* times of day are not looked at */
};

/* What is known of a condition at a moment. */
struct answer {
    bool may_hold, may_fail;
};

static struct answer of_time(const struct condition *c, int64_t at, const struct question *q)
{
    struct answer unknown = {true, true};
    bool offset = (c->after.given && !c->after.local) || (c->before.given && !c->before.local);
    if (q->any_time || (offset && !q->exact)) return unknown;
    bool holds = condition_holds(c, at, q->z);
    struct answer a = {holds, !holds};
    int64_t of_day = at % CIVIL_DAY;
    if (q->exact || (of_day < NIGHT_BEGINS && of_day >= NIGHT_ENDS)) return a;
    for (int n = 1; n <= HALF_HOURS; n++) {
        if (condition_holds(c, (at / HALF_HOUR + n) * HALF_HOUR, q->z))
            a.may_hold = true;
        else
            a.may_fail = true;
    }
    return a;
}

/* There is no clock here: any moment counts, unless the end lies before the beginning. An end on
 * the zone's clocks and one in UTC are a day apart at most, two for both. */
static struct answer of_moment(const struct condition *c)
{
    int64_t slack = c->after.local == c->before.local ? 0 : 2 * CIVIL_DAY;
    bool empty = c->after.given && c->before.given && c->after.s >= c->before.s + slack;
    return (struct answer){!empty, true};
}

static struct answer ask(const struct condition *c, int64_t at, const struct question *q)
{
    struct answer all = {true, false}, any = {false, true};
    bool holds;
    switch (c->kind) {
    case CONDITION_DAYS:
    case CONDITION_DAY_IN_MONTH:
        holds = condition_holds(c, at, q->z);
        return (struct answer){holds, !holds};
    case CONDITION_TIME:
        return of_time(c, at, q);
    case CONDITION_MOMENT:
        return of_moment(c);
    default:
        break;
    }
    for (size_t i = 0; i < c->count; i++) {
        struct answer a = ask(&c->items[i], at, q);
        all.may_hold = all.may_hold && a.may_hold;
        all.may_fail = all.may_fail || a.may_fail;
        any.may_hold = any.may_hold || a.may_hold;
        any.may_fail = any.may_fail && a.may_fail;
    }
    if (c->kind == CONDITION_ALL_OF) return all;
    return c->kind == CONDITION_ANY_OF ? any : (struct answer){any.may_fail, any.may_hold};
}

/* Days that are alike to conditions have one number below DAY_KINDS. */
#define DAY_KINDS 70

static unsigned day_kind(const struct civil_time *t)
{
    bool last = t->day + 7 > civil_days_in_month(t->year, t->month);
    return (unsigned)(t->weekday * 10 + (t->day - 1) / 7 * 2 + last);
}

static bool spend(size_t *budget)
{
    if (*budget > 0) --*budget;
    return *budget > 0;
}

/* At a time of the day in which `at` is the first? */
static bool holds_on_day(const struct condition *c, const struct cron *cron,
                         const struct question *q, int64_t at, int64_t end, size_t *budget)
{
    struct question day = *q;
    day.any_time = true;
    if (!ask(c, at, &day).may_hold) return false;
    do {
        if (!spend(budget) || ask(c, at, q).may_hold) return true;
    } while (cron_next(cron, q->z, at, &at) && at < end);
    return false;
}

static bool search(const struct condition *c, const struct cron *cron, const struct question *q,
                   size_t *budget)
{
    bool seen[DAY_KINDS] = {false};
    int32_t offset = zone_offset(q->z, 0);
    int64_t at = civil_days(FIRST_YEAR, 1, 1) * CIVIL_DAY - offset - 1;
    int64_t end = civil_days(FIRST_YEAR + YEARS, 1, 1) * CIVIL_DAY - offset;
    while (cron_next(cron, q->z, at, &at) && at < end) {
        struct civil_time t = civil_time_of(at + offset);
        int64_t of_day = t.hour * CIVIL_HOUR + t.minute * CIVIL_MINUTE + t.second;
        int64_t midnight = at - of_day + CIVIL_DAY;
        bool *done = &seen[day_kind(&t)];
        if (!spend(budget)) return true;
        if (!*done && holds_on_day(c, cron, q, at, midnight, budget)) return true;
        *done = true;
        at = midnight - 1;
    }
    return false;
}

bool condition_ever(const struct condition *c, const struct cron *cron, const struct zone *z,
                    size_t *budget)
{
    struct zone *utc = z ? NULL : zone_fixed(0);
    struct question q = {.z = z ? z : utc, .exact = z != NULL};
    bool ever = search(c, cron, &q, budget);
    zone_free(utc);
    return ever;
}

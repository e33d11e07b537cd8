/* Cron expressions: what people write, and when they fire next on the clocks of a zone. Pure: the
 * moment and the zone are handed in.
 *
 * Five fields (minute, hour, day of month, month, day of week) or six (second first): "*", numbers,
 * names of months and days (JAN, mon), lists "1,15", ranges "1-5" and "FRI-MON", steps "*\/15",
 * "10-50/20", "5/15" (from 5 on), "L" as day of month (its last day), 0 and 7 as Sunday. When day
 * of month and day of week are both given (neither is "*"), a day that meets either of them fires.
 * Also @yearly @annually @monthly @weekly @daily @midnight @hourly.
 *
 * Where clocks are set forward or back (Debian's cron(8)): a time in the gap fires once, at the
 * first moment after the gap; a time that comes twice fires the first time only; an expression
 * whose hour is "*" or "*\/n" follows the time that really passes, through both. */
#ifndef CADRE_COORDINATOR_SCHEDULE_CRON_H
#define CADRE_COORDINATOR_SCHEDULE_CRON_H

#include "base/err.h"
#include "coordinator/schedule/zone.h"

#include <stdbool.h>
#include <stdint.h>

#define CRON_TEXT_MAX 256 /* bytes */
#define CRON_YEARS 8      /* how far the search goes: 29 February needs up to eight years */

enum cron_form {
    CRON_FIVE,        /* five fields */
    CRON_SIX,         /* six, seconds first (Kestra's withSeconds: true) */
    CRON_FIVE_OR_SIX, /* our own form */
};

struct cron;

/* ERR_INVALID names the field, its text, and what would be right; also for an expression that never
 * fires, such as 30 February, and by name for @reboot, W, # and ?. cron_free(). */
int cron_parse(const char *text, enum cron_form form, struct cron **out, struct err *e);
void cron_free(struct cron *c); /* NULL is fine */

/* The first firing after a moment (never the moment itself), the last one before it. False: there
 * is none within CRON_YEARS years. */
bool cron_next(const struct cron *c, const struct zone *z, int64_t after_s, int64_t *out_s);
bool cron_previous(const struct cron *c, const struct zone *z, int64_t before_s, int64_t *out_s);

/* Do the zone's clocks at that moment show a time that the expression names? An expression of five
 * fields names whole minutes (notAt: does it lie in a minute in which nothing fires?). */
bool cron_matches(const struct cron *c, const struct zone *z, int64_t utc_s);

#endif

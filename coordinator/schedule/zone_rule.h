/* The rule at the end of a TZif file: for the years beyond its table (RFC 9636 section 3.3, POSIX
 * TZ with the extension of hours from -167 to 167). Inside of zone.c. */
#ifndef CADRE_COORDINATOR_SCHEDULE_ZONE_RULE_H
#define CADRE_COORDINATOR_SCHEDULE_ZONE_RULE_H

#include "base/err.h"
#include "coordinator/schedule/zone.h"

#include <stdbool.h>
#include <stdint.h>

#define ZONE_SHORT_SIZE 16 /* of "CEST" or "+0545"; no zone of this world needs more */

enum rule_day_kind {
    RULE_JULIAN,  /* Jn: 1 to 365, 29 February is never counted */
    RULE_YEARDAY, /* n: 0 to 365, 29 February is counted */
    RULE_WEEKDAY, /* Mm.w.d: the w-th weekday d of the month, 5 = the last */
};

struct rule_change {
    enum rule_day_kind kind;
    int day; /* of the year; RULE_WEEKDAY: 0 = Sunday */
    int month;
    int week;
    int32_t time_s; /* on the clocks as they stand before the change */
};

struct zone_rule {
    int32_t standard_s; /* east of UTC */
    int32_t summer_s;
    bool has_summer;
    char standard_name[ZONE_SHORT_SIZE]; /* "": it is longer */
    char summer_name[ZONE_SHORT_SIZE];
    struct rule_change to_summer;
    struct rule_change to_standard;
};

int zone_rule_parse(const char *text, struct zone_rule *out, struct err *e);
/* As zone_span(), as if the rule had always held. */
struct zone_span zone_rule_span(const struct zone_rule *r, int64_t utc_s);

#endif

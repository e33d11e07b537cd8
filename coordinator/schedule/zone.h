/* One time zone: which offset from UTC its clocks have when. Made from the bytes of a TZif file
 * (RFC 9636, versions 2 to 4), from a POSIX TZ rule, or fixed. Immutable afterwards, so that any
 * thread may read it. Pure: no file, no clock, no time function of the C library. */
#ifndef CADRE_COORDINATOR_SCHEDULE_ZONE_H
#define CADRE_COORDINATOR_SCHEDULE_ZONE_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

#define ZONE_BYTES_MAX (64u * 1024) /* of a TZif file; the largest known has under 4 KiB */
#define ZONE_RULE_MAX 256           /* bytes of a POSIX TZ rule */

struct zone;

/* The bytes of a TZif file. ERR_INVALID: damaged, of version 1, or counting leap seconds (the
 * folder right/); ERR_TOO_LARGE: over ZONE_BYTES_MAX. Nothing beyond the bytes is read, whatever
 * they claim. zone_free(). */
int zone_parse(const void *bytes, size_t len, struct zone **out, struct err *e);
/* A rule as RFC 9636 section 3.3 has it in the footer: "CET-1CEST,M3.5.0,M10.5.0/3". */
int zone_parse_rule(const char *rule, struct zone **out, struct err *e);
struct zone *zone_fixed(int32_t offset_s);
struct zone *zone_share(struct zone *z); /* one more owner, of any thread */
void zone_free(struct zone *z);          /* a share; NULL is fine */

/* Seconds east of UTC at a moment. */
int32_t zone_offset(const struct zone *z, int64_t utc_s);

/* The stretch of time around a moment that has one offset: begins_s <= moment < ends_s. The two
 * ends are INT64_MIN and INT64_MAX where the offset never was or never will be another. Neighbours
 * may have the same offset. */
struct zone_span {
    int64_t begins_s;
    int64_t ends_s;
    int32_t offset_s;
    const char *name; /* short, "CEST", or "-03"; as long as the zone lives. NULL: it has none */
};
struct zone_span zone_span(const struct zone *z, int64_t utc_s);

/* The moments at which the zone's clocks show a civil time (civil.h), ascending. Returns how many
 * there are: 1; 2 where clocks were set back (of more than two, which no zone of this world has,
 * the first and the last); 0 where they were set forward over it: then out[0] is the first moment
 * after the gap. */
int zone_moments(const struct zone *z, int64_t civil_s, int64_t out[2]);

#endif

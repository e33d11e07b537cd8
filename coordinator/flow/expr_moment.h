/* Moments as people write them: texts of ISO 8601, and patterns of Java's DateTimeFormatter, of
 * which the letters y M d H h m s S a E z X are known, with quoted text and English names. Pure.
 * Inside of expr*.c. */
#ifndef CADRE_COORDINATOR_FLOW_EXPR_MOMENT_H
#define CADRE_COORDINATOR_FLOW_EXPR_MOMENT_H

#include "base/buf.h"
#include "base/err.h"
#include "coordinator/schedule/civil.h"
#include "coordinator/schedule/zone.h"

#include <stdbool.h>
#include <stdint.h>

struct instant {
    int64_t utc_s;
    int32_t nanos;
    bool fixed; /* its text has an offset: its clocks are those, and not the zone's */
    int32_t offset_s;
};

/* What the clocks of a moment show. */
struct moment_civil {
    struct civil_time time;
    int32_t nanos, offset_s;
    const char *zone; /* its short name; NULL: the offset is its name */
};

/* "2026-03-29T03:00:00+02:00" (also with Z, with seconds and their fraction or without), the same
 * without an offset, on the zone's clocks, or a day, which begins there. With a pattern: as that
 * says. ERR_INVALID. */
int moment_parse(const char *text, const char *pattern, const struct zone *z, struct instant *out,
                 struct err *e);
/* The moment at which the zone's clocks show this; in a gap as far behind it as this is. */
int64_t moment_of_civil(const struct zone *z, int64_t civil_s);

struct moment_civil moment_civil(const struct instant *m, const struct zone *z);
/* A pattern, or the name of one ("iso", "sql", "iso_local_date" ...). ERR_INVALID: a letter that is
 * not known; ERR_TOO_LARGE. */
int moment_format(const struct moment_civil *m, const char *pattern, struct buf *out,
                  struct err *e);
/* ERR_INVALID, as moment_format would say it of any moment. */
int moment_pattern_check(const char *pattern, struct err *e);

#endif

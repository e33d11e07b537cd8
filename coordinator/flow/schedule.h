/* When a schedule fires: a cron expression in a zone, from one moment to another, where conditions
 * hold, but for the minutes that are left out. Pure: zones are handed in, moments are seconds since
 * 1970 UTC. */
#ifndef CADRE_COORDINATOR_FLOW_SCHEDULE_H
#define CADRE_COORDINATOR_FLOW_SCHEDULE_H

#include "coordinator/schedule/condition.h"
#include "coordinator/schedule/cron.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SCHEDULE_NOT_AT_MAX 20
#define SCHEDULE_JITTER_MAX_MS (INT64_C(24) * 60 * 60 * 1000)

/* What becomes of the moments at which nobody could fire. */
enum schedule_recover { RECOVER_NONE, RECOVER_LAST, RECOVER_ALL };

/* An end of the time in which a schedule fires. */
struct schedule_limit {
    bool given;
    bool local; /* s is what the zone's clocks show (civil.h), else a moment */
    int64_t s;
};

/* "2026-01-31", "2026-01-31T08:00", with or without seconds and an offset; last: of a day its last
 * second. False: it is neither. */
bool schedule_limit_read(const char *text, bool last, struct schedule_limit *out);
#define SCHEDULE_LIMIT_FORM                                                                        \
    "neither a date such as 2026-01-31 nor a time such as 2026-01-31T08:00:00, with or without Z " \
    "or an offset"
/* The moment; of two that the zone's clocks show alike, the first, or the last. */
int64_t schedule_limit_s(const struct schedule_limit *l, const struct zone *z, bool last);

struct flow_schedule {
    char *text; /* of cron */
    struct cron *cron;
    char *zone;    /* its name; NULL: the coordinator's default */
    int zone_line; /* for "time zone ... is not known" */
    enum schedule_recover recover;
    struct cron *not_at[SCHEDULE_NOT_AT_MAX];
    size_t not_at_count;
    struct condition when; /* what the planned moment has to meet */
    int64_t jitter_ms;
    struct schedule_limit start, end; /* both are within */
    /* All that tells when it fires, the zone's name included: a schedule that has the same text is
     * the same. */
    char *plan;
};

void flow_schedule_free(struct flow_schedule *s); /* NULL is fine */

enum schedule_found {
    SCHEDULE_NONE,  /* it does not fire again */
    SCHEDULE_FOUND, /* *out_s is the moment */
    /* notAt and conditions leave all out up to *out_s; look on from there */
    SCHEDULE_LEFT_OUT
};

/* What a search that ends so costs, when one that finds a moment costs one: notAt and conditions
 * left out thousands. */
#define SCHEDULE_LEFT_OUT_COST 500

/* The first moment after that one. The search is bounded. */
enum schedule_found flow_schedule_next(const struct flow_schedule *s, const struct zone *z,
                                       int64_t after_s, int64_t *out_s);
/* The last moment before that one; false: none was found. */
bool flow_schedule_previous(const struct flow_schedule *s, const struct zone *z, int64_t before_s,
                            int64_t *out_s);

#endif

/* How long jobs of late waited for their first attempt, by group: windows of five minutes for the
 * last hour, of an hour for the last day. In memory, and so since the start of the coordinator. The
 * first METRICS_GROUPS groups that had a job have windows of their own, the others share some. Loop
 * thread. */
#ifndef CADRE_COORDINATOR_METRICS_WAITS_H
#define CADRE_COORDINATOR_METRICS_WAITS_H

#include "base/histogram.h"
#include "coordinator/engine/effect.h"

#include <stdbool.h>
#include <stdint.h>

struct waits;

struct waits *waits_new(void);
void waits_free(struct waits *w); /* NULL is fine */
/* now_ms: mono. */
void waits_note(struct waits *w, const char *group, const struct effect_times *times,
                int64_t now_ms);

/* By histogram_step, in milliseconds. The hour is 55 to 60 minutes long, the day 23 to 24 hours:
 * the window that has just begun counts as whole. */
struct waits_read {
    uint64_t hour[HISTOGRAM_STEPS], day[HISTOGRAM_STEPS];
    bool shared; /* they are those of all groups without windows of their own */
};
void waits_read(const struct waits *w, const char *group, int64_t now_ms, struct waits_read *out);
/* The groups that had a job in the last day, by key, and last the windows that are shared: JSON
 * array of {"group", "shared", "hour", "day"}; `group` NULL: all, else the one that counts for it.
 * mem_free. */
char *waits_list_json(const struct waits *w, const char *group, int64_t now_ms);
/* {"since", "shared", "hour": {"jobs", "p50", "p95", "p99"}, "day": the same}; since_ms: wall.
 * mem_free. */
char *waits_json(const struct waits_read *r, int64_t since_ms);

#endif

/* What became of jobs since the coordinator started, by group, gathered from the engine's effects.
 * Loop thread. */
#ifndef CADRE_COORDINATOR_METRICS_METRICS_H
#define CADRE_COORDINATOR_METRICS_METRICS_H

#include "base/map.h"
#include "coordinator/engine/effect.h"

#include <stddef.h>
#include <stdint.h>

#define METRICS_GROUPS 500 /* have counters of their own, those whose jobs came first */

struct series_times {
    uint64_t counts[HISTOGRAM_STEPS]; /* of milliseconds */
    uint64_t sum_ms;
};

/* The counters of a group; by states as people see them, from SUCCESS. */
struct series {
    char group[64];
    uint64_t created, handed_out, retried, lost;
    uint64_t ended[SHOWN_STATES - JOB_SUCCESS], evaluations[SHOWN_STATES - JOB_SUCCESS];
    struct series_times waits, runs;
};

struct metrics {
    struct series *items; /* those of all other groups stand behind the others */
    size_t count, cap;
    struct map by_group; /* 1-based places of items */
    size_t other;        /* 1-based; 0: there is none */
};

struct metrics *metrics_new(void);
void metrics_free(struct metrics *m); /* NULL is fine */
void metrics_on_progress(struct metrics *m, const struct effect_progress *p);

#endif

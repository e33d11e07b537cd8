/* What there is to do in each group, who could do it, and the room that all of it takes. Reader
 * thread. */
#ifndef CADRE_COORDINATOR_STORE_READER_LOAD_H
#define CADRE_COORDINATOR_STORE_READER_LOAD_H

#include "coordinator/store/reader.h"

#define LOAD_CLASSES 5000  /* of queued jobs in which the oldest is looked for */
#define LOAD_PRIORITIES 32 /* of each */

/* Open jobs of one group that require the same. */
struct class_load {
    const char *group;              /* its key */
    int64_t jobs[JOB_RETRYING + 1]; /* by state, evaluations too */
    int64_t oldest_ms; /* wall, when the oldest queued one came; 0: none is queued, or it was not
                          looked for */
};
/* By group. */
int reader_class_loads(struct reader *r, int (*fn)(const struct class_load *c, void *user),
                       void *user, struct err *e);

/* Those that there are, also without jobs and agents; by key. */
int reader_group_keys(struct reader *r, int (*fn)(const char *group, bool paused, void *user),
                      void *user, struct err *e);

/* As struct store_stats has them, of one group. */
struct group_agents {
    const char *group;
    int64_t online, offline, draining, unwell, slots, free_slots;
};
/* Of groups that have agents; by group. */
int reader_group_agents(struct reader *r, int (*fn)(const struct group_agents *a, void *user),
                        void *user, struct err *e);

/* Of the two files, in bytes. */
int reader_sizes(struct reader *r, int64_t *database, int64_t *output, struct err *e);

#endif

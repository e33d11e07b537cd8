/* What there is to do, of all and in each group, who could do it, and the room that all of it
 * takes. Reader thread. */
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

/* agents: each in one place: offline; unwell; draining or held; online. slots: of all but those
 * offline; free_slots: of those that get jobs. */
struct store_stats {
    int64_t jobs[JOB_STATES]; /* of the open states exactly, kept by the store; final ones: 0 */
    int64_t evaluations[JOB_STATES]; /* of these, the evaluations that triggers wait for */
    int64_t agents_online, agents_offline, agents_draining, agents_unwell, slots, free_slots;
    int64_t database_bytes, output_bytes;
};
int reader_stats(struct reader *r, struct store_stats *out, struct err *e);

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

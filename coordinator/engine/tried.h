/* Which agents a job was tried on: where former attempts failed, and where the present one could
 * not be started. */
#ifndef CADRE_COORDINATOR_ENGINE_TRIED_H
#define CADRE_COORDINATOR_ENGINE_TRIED_H

#include "coordinator/engine/queue.h"

/* ---- where attempts failed: a next one prefers another agent ---- */

/* Of the last ATTEMPT_AGENTS attempts that failed, the newest last. */
void failures_add(struct attempt_agents *f, int64_t agent);
bool failures_have(const struct attempt_agents *f, int64_t agent);
/* Those of a job that is at this attempt, from the store; mem_free. NULL: a failure was noted. */
struct attempt_agents *failures_read(struct engine *g, int64_t job, int64_t attempt);

/* ---- where the present attempt could not be started: it goes to none of these again ---- */

#define TRIED_MOST 3 /* agents; then it is not their fault */

/* A job with an attempt that an agent could not start. While it is queued it stands in its group's
 * list `aside`, not in a queue. */
struct tried {
    struct queue_head head; /* of the job */
    int64_t requires_id;
    int64_t agents[TRIED_MOST];
    size_t count;
    char *message;       /* what the last one said; NULL: nothing */
    struct group *group; /* NULL: not queued */
    struct tried *prev, *next;
};

/* NULL: none could not start the job's attempt. */
struct tried *tried_find(const struct engine *g, int64_t job);
bool tried_by(const struct tried *t, int64_t agent);
/* One more agent could not start it. NULL: a failure was noted. */
struct tried *tried_add(struct engine *g, int64_t job, int64_t agent, const char *message);
/* The attempt is over. */
void tried_forget(struct engine *g, int64_t job);
/* The job is queued, and is so no longer. */
void tried_enqueue(struct engine *g, struct tried *t, const struct job_row *row);
void tried_dequeue(struct engine *g, struct tried *t);
/* When the queues are loaded: takes the jobs out of them. */
int tried_load(struct engine *g, struct err *e);
void tried_unload(struct engine *g);

#endif

/* Users submit jobs and cancel jobs. */
#ifndef CADRE_COORDINATOR_ENGINE_SUBMIT_H
#define CADRE_COORDINATOR_ENGINE_SUBMIT_H

#include "coordinator/engine/job.h"
#include "coordinator/engine/namespace.h"

/* Sets group and fallback where the job itself names none (design 4). NULL: there is no group
 * row->group; *from: the namespace that said so, or NULL. */
struct group *job_resolve(struct engine *g, struct job_row *row, bool fallback_given,
                          const struct namespace **from);

/* A new job whose group is there and which requires what is interned; takes the strings and spec.
 * It may end at once, by its fallback. 0: a failure was noted. */
int64_t job_create(struct engine *g, struct job_row *row, char *spec);
/* A job that has ended when it is made: it could not be made, or needs no agent. */
int64_t job_create_ended(struct engine *g, struct job_row *row, const struct job_end *end);

/* ---- jobs of users ---- */
/* Was the key used before? The reply says which job has it then; so it does when a failure was
 * noted. key NULL: no. */
bool submit_known(struct engine *g, const char *key, struct reply *r);
/* The row's group, when a job of this size may be queued there. NULL: refused. */
struct group *submit_group(struct engine *g, const struct job_row *row, size_t spec_bytes,
                           struct reply *r);
/* Takes the row, which was checked; of s what the spec is and whether to tell the job. true: the
 * job is new and waits in its queue. */
bool submit_new(struct engine *g, const struct cmd_submit *s, struct job_row *row,
                const struct group *group, struct reply *r);

apply_request_fn apply_submit, apply_submit_all, apply_cancel;

#endif

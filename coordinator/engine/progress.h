/* What becomes of jobs, counted for the metrics: one effect for each group that saw something in a
 * batch, so that a batch of a thousand jobs costs no more words than one of a single job. What is
 * counted in a batch that fails goes with its effects. */
#ifndef CADRE_COORDINATOR_ENGINE_PROGRESS_H
#define CADRE_COORDINATOR_ENGINE_PROGRESS_H

#include "coordinator/engine/group.h"

void progress_created(struct engine *g, struct group *group, const struct job_row *row);
/* Of a first attempt, the time since the job's submit is its wait. */
void progress_handed_out(struct engine *g, struct group *group, const struct job_row *row);
/* An attempt that had been handed out is over, whether it is tried again or not. */
void progress_ran(struct engine *g, struct group *group, const struct job_row *row,
                  int64_t ended_ms);
void progress_retried(struct engine *g, struct group *group);
/* The job ended as its row has it. */
void progress_ended(struct engine *g, struct group *group, const struct job_row *row,
                    int64_t exit_code);
/* The lease of an attempt is over, or its agent has lost it. */
void progress_lost(struct engine *g, struct group *group);

#endif

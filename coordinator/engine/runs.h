/* What the task runs of an execution do: see runs.c. */
#ifndef CADRE_COORDINATOR_ENGINE_RUNS_H
#define CADRE_COORDINATOR_ENGINE_RUNS_H

#include "coordinator/engine/ended.h"
#include "coordinator/engine/flow.h"
#include "coordinator/engine/task.h"

/* What run_row.chosen says: a list of enum flow_branch, and of FLOW_CASE the number of its case. */
#define RUN_CHOSEN(list, number) ((int64_t)(list) | (int64_t)(number) << 8)

/* Does what there is to do, but not more than a batch may bear: x->look_first tells whether more is
 * left. true: all task runs are over, and x->root.has tells how it went. c: loaded when a text
 * needs it. */
bool runs_go_on(struct engine *g, struct execution *x, const struct flow *f,
                struct task_context *c);
/* The job of the run has ended; runs_go_on is to follow. f NULL: the flow cannot be read. */
void runs_on_job(struct engine *g, struct run *r, const struct flow *f, const struct ended_job *j);
/* The execution is cancelled: its state says so already; runs_go_on is to follow. */
void runs_cancel(struct engine *g, struct execution *x, const struct flow *f);
/* Ends what is open as it is: nothing can go on. */
void runs_abandon(struct engine *g, struct execution *x);
/* Makes task runs of what an older coordinator has left. */
void runs_adopt(struct engine *g, struct execution *x, const struct flow *f);

#endif

/* Executions: begun within the concurrency of their flow, taken from task to task, ended. */
#ifndef CADRE_COORDINATOR_ENGINE_EXECUTION_H
#define CADRE_COORDINATOR_ENGINE_EXECUTION_H

#include "coordinator/engine/ended.h"
#include "coordinator/engine/flow.h"

struct execution *execution_add(struct engine *g,
                                struct execution_row *row); /* takes the strings */
void executions_clear(struct engine *g);
/* A task run that the store has, after the executions and in the order of the numbers. */
void execution_load_run(struct engine *g, const struct run_row *row);
/* After a start, when all task runs are there: goes on. */
void execution_resume(struct engine *g, struct execution *x);
void execution_on_timer(struct engine *g, struct execution *x);
/* As far as the flow's concurrency lets it; queued, or ended at once, where not. Takes the strings
 * of row. Its id, 0: a failure was noted. */
int64_t execution_start(struct engine *g, struct flow_entry *f, struct execution_row *row);
/* An execution that has ended when it is made. */
int64_t execution_start_ended(struct engine *g, struct flow_entry *f, struct execution_row *row);
void execution_on_task(struct engine *g, const struct ended_job *j);
/* Starts queued executions, as far as the concurrency limit allows. */
void flow_pump(struct engine *g, struct flow_entry *f);
apply_request_fn apply_execution_start, apply_execution_cancel;

#endif

/* What the ended task runs of an execution left, as later texts ask for it: by task, and within
 * loops by the values of these. The outputs themselves stay in the store. Nothing is known until a
 * text asks for the first time; then the rows of the execution are read, once, and what ends is
 * noted. */
#ifndef CADRE_COORDINATOR_ENGINE_OUTCOME_H
#define CADRE_COORDINATOR_ENGINE_OUTCOME_H

#include "coordinator/engine/task.h"

/* Outputs that one text asks for, of all iterations together. */
#define OUTCOME_BYTES_MAX (4 * 1024 * 1024)

void outcomes_free(struct execution *x);
/* The run has ended; before it is removed. */
void outcome_note(const struct run *r);
/* Brings the outputs of the task into c, as the texts of r see them; r NULL: those of the flow.
 * all: not only those of the values at hand (flow_task.reads_all). false: flaw tells why, or a
 * failure was noted. */
bool outcome_read(struct engine *g, struct execution *x, const struct run *r, size_t task, bool all,
                  struct task_context *c, struct flaw *flaw);
/* What the iterations of a run of a Loop left, in their order: adds them to list. */
bool outcome_read_iterations(struct engine *g, const struct run *loop, struct json *list);

#endif

/* The values that a ForEach or Loop runs its tasks for. */
#ifndef CADRE_COORDINATOR_ENGINE_ITERATION_H
#define CADRE_COORDINATOR_ENGINE_ITERATION_H

#include "coordinator/engine/task.h"

/* Makes the values of a run that begins: r->row.value is their JSON text, which is to be stored.
 * false: flaw tells why, or a failure was noted. */
bool iteration_begin(struct engine *g, struct run *r, struct task_context *c, struct flaw *flaw);
/* Is one more to come? */
bool iteration_is_left(struct run *r);
/* The JSON text of that value, which is passed. mem_free. */
char *iteration_take(struct run *r);

#endif

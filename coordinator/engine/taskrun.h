/* What a text of a task finds in `taskrun`, `parent` and `parents`. */
#ifndef CADRE_COORDINATOR_ENGINE_TASKRUN_H
#define CADRE_COORDINATOR_ENGINE_TASKRUN_H

#include "coordinator/engine/flow.h"

/* Is it one iteration of a ForEach or Loop? */
bool run_is_iteration(const struct run *r);
/* As struct expr_values has it, of an open task run whose flow is there. json_free. */
struct json *run_taskrun(const struct run *r);

#endif

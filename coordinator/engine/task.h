/* Makes jobs from the tasks and triggers of a flow. */
#ifndef CADRE_COORDINATOR_ENGINE_TASK_H
#define CADRE_COORDINATOR_ENGINE_TASK_H

#include "base/id.h"
#include "coordinator/engine/flow.h"
#include "coordinator/engine/submit.h"

/* Why a job could not be made. */
struct flaw {
    enum reason reason;
    struct err err;
};

/* Renders work into a job: the rest of job->row is the caller's. false: there is no spec; flaw
 * tells why, or a failure was noted. */
bool work_render(struct engine *g, const struct flow *f, const struct flow_work *w,
                 const struct expr_values *v, struct flow_job *job, struct flaw *flaw);

/* The values that the tasks of an execution can use. */
struct task_context {
    struct execution_row row;
    struct json *inputs, *trigger, *outputs, *exit_codes;
    char id[ID_TEXT_SIZE];
};

bool task_context_load(struct engine *g, int64_t execution, struct task_context *x);
void task_context_free(struct task_context *x);
enum task_made {
    TASK_OPEN,   /* as x->row.job */
    TASK_ASLEEP, /* until x->row.wake_ms; when that is over task_run ends it */
    TASK_OVER,   /* *end tells how; or a failure was noted */
};
/* Makes the run of a task, or ends that of the one that slept. x's row is to be written. */
enum task_made task_run(struct engine *g, struct execution *x, const struct flow_task *t,
                        struct task_context *c, struct flaw *flaw, struct job_end *end);
/* The outputs of the flow, as x->row.outputs. false: they cannot be rendered; flaw tells why, or a
 * failure was noted. */
bool task_flow_outputs(struct engine *g, struct execution *x, struct task_context *c,
                       struct flaw *flaw);
/* Makes the run of a task that sleeps, cancelled now. */
void task_interrupt(struct engine *g, struct execution *x);

#endif

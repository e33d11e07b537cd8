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
    bool loaded;
    struct execution_row row;
    struct json *inputs, *trigger, *outputs, *exit_codes, *execution;
    struct json *taskrun, *failed; /* of the run that asked last */
    char id[ID_TEXT_SIZE];
};

/* Loads it, once. false: a failure was noted. */
bool task_context_need(struct engine *g, int64_t execution, struct task_context *x);
void task_context_free(struct task_context *x);
enum task_made {
    TASK_OPEN,   /* as r->row.job */
    TASK_ASLEEP, /* until r->row.due_ms; when that is over task_run ends it */
    TASK_OVER,   /* *end tells how; or a failure was noted */
};
/* Makes the job of a run, or ends that of the one that slept. Its row is to be written. */
enum task_made task_run(struct engine *g, struct run *r, struct task_context *c, struct flaw *flaw,
                        struct job_end *end);
/* Texts of the task of r: is it true; what it says (mem_free). false, NULL: flaw tells why, or a
 * failure was noted. */
bool task_truth(struct engine *g, struct run *r, const char *text, struct task_context *c,
                bool *out, struct flaw *flaw);
char *task_text(struct engine *g, struct run *r, const char *text, struct task_context *c,
                struct flaw *flaw);
/* The value of a text, else the tree with its texts rendered. json_free; NULL: as task_text. */
struct json *task_value(struct engine *g, struct run *r, const struct json *tree,
                        struct task_context *c, struct flaw *flaw);
/* What the iteration of a Loop leaves, as r->row.outputs. false: as task_text. */
bool task_loop_outputs(struct engine *g, struct run *r, struct task_context *c, struct flaw *flaw);
/* The outputs of the flow, as x->row.outputs. false: they cannot be rendered; flaw tells why, or a
 * failure was noted. */
bool task_flow_outputs(struct engine *g, struct execution *x, struct task_context *c,
                       struct flaw *flaw);
/* Makes the job of a run that sleeps, cancelled now. */
void task_interrupt(struct engine *g, struct run *r);

#endif

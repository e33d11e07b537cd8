/* What follows when a job of a flow ends: the next task, the end of an execution, a firing. It is
 * put off until the commands of the batch are applied, since jobs end in the middle of walks over
 * jobs; but it belongs to the same transaction, so that an execution is never found between two
 * tasks. */
#include "coordinator/engine/internal.h"

#include "base/mem.h"

void ended_note(struct engine *g, struct job_row *row, const struct job_end *end)
{
    struct ended_job *x = mem_alloc(sizeof *x);
    x->row = *row;
    *row = (struct job_row){0};
    x->state = end->state;
    x->reason = end->reason;
    x->message = mem_strdup(end->message);
    x->exited = end->exited;
    x->exit_code = end->exit_code;
    x->outputs = mem_strdup(end->outputs);
    *g->ended_last = x;
    g->ended_last = &x->next;
}

static void ended_free(struct ended_job *x)
{
    job_row_fini(&x->row);
    mem_free(x->message);
    mem_free(x->outputs);
    mem_free(x);
}

void ended_run(struct engine *g)
{
    while (g->ended && g->rc == 0) {
        struct ended_job *x = g->ended;
        g->ended = x->next;
        if (!g->ended) g->ended_last = &g->ended;
        if (x->row.kind == JOB_TRIGGER)
            trigger_on_evaluation(g, x);
        else
            execution_on_task(g, x);
        ended_free(x);
    }
}

void ended_clear(struct engine *g)
{
    while (g->ended) {
        struct ended_job *x = g->ended;
        g->ended = x->next;
        ended_free(x);
    }
    g->ended_last = &g->ended;
}

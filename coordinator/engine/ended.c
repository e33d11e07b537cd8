/* What follows when a job of a flow or an execution ends: the next task, the end of an execution, a
 * firing, a trigger that may go on. It is put off until the commands of the batch are applied,
 * since jobs end in the middle of walks over jobs; but it belongs to the same transaction, so that
 * an execution is never found between two tasks. */
#include "coordinator/engine/ended.h"

#include "base/mem.h"

void ended_init(struct engine *g)
{
    g->ended = NULL;
    g->ended_last = &g->ended;
}

static struct ended *note(struct engine *g, enum ended_kind kind)
{
    struct ended *x = mem_alloc(sizeof *x);
    x->kind = kind;
    *g->ended_last = x;
    g->ended_last = &x->next;
    return x;
}

void ended_job_note(struct engine *g, struct job_row *row, const struct job_end *end)
{
    struct ended_job *x = &note(g, ENDED_JOB)->job;
    x->row = *row;
    *row = (struct job_row){0};
    x->state = end->state;
    x->reason = end->reason;
    x->message = mem_strdup(end->message);
    x->exited = end->exited;
    x->exit_code = end->exit_code;
    x->outputs = mem_strdup(end->outputs);
}

void ended_execution_note(struct engine *g, const struct ended_execution *x)
{
    if (x->trigger || g->listeners.count > 0 || g->listeners_unread)
        note(g, ENDED_EXECUTION)->execution = *x;
}

struct ended *ended_take(struct engine *g)
{
    struct ended *x = g->ended;
    if (!x) return NULL;
    g->ended = x->next;
    if (!g->ended) g->ended_last = &g->ended;
    return x;
}

void ended_free(struct ended *x)
{
    job_row_fini(&x->job.row);
    mem_free(x->job.message);
    mem_free(x->job.outputs);
    mem_free(x);
}

void ended_clear(struct engine *g)
{
    struct ended *x;
    while ((x = ended_take(g)) != NULL)
        ended_free(x);
    ended_init(g);
}

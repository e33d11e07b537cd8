/* Each command by what it will ask. Nothing here decides anything: a row that is asked for in vain
 * costs a question, and one that is forgotten a round trip. */
#include "coordinator/engine/ahead.h"

#include "base/id.h"
#include "coordinator/engine/flow.h"
#include "coordinator/engine/job.h"
#include "coordinator/engine/refill.h"

/* Unless memory has it. */
static void ask_job(struct engine *g, int64_t id)
{
    if (!job_find(g, id)) store_ok(g, store_ask_job(g->store, id, &g->err));
}

/* To be run again. */
static void ask_again(struct engine *g, int64_t id)
{
    ask_job(g, id);
    if (!job_find(g, id)) store_ok(g, store_ask_job_spec(g->store, id, &g->err));
}

static void ask_several(struct engine *g, const struct command *c)
{
    const struct cmd_several *several = &c->u.several;
    for (size_t i = 0; i < several->count && g->rc == 0; i++) {
        if (c->type == CMD_RETRY_ALL)
            ask_again(g, several->jobs[i]);
        else
            ask_job(g, several->jobs[i]);
    }
}

/* What an agent has not the job of any more is not looked at. */
static const struct job *present_job(const struct engine *g, int64_t id, int64_t attempt)
{
    const struct job *j = job_find(g, id);
    return j && j->row.attempt == attempt ? j : NULL;
}

static void ask_output(struct engine *g, const struct cmd_output *o)
{
    if (present_job(g, o->job, o->attempt))
        store_ok(g, store_ask_output(g->store, o->job, o->attempt, &g->err));
}

/* Of a task its execution goes on. */
static void ask_end(struct engine *g, const struct cmd_event *v)
{
    int64_t execution;
    const struct job *j = present_job(g, v->job, v->attempt);
    if (!j) return;
    if (!j->output_known) store_ok(g, store_ask_output(g->store, v->job, v->attempt, &g->err));
    if (j->row.execution && id_parse(j->row.execution, &execution) == 0)
        store_ok(g, store_ask_execution(g->store, execution, &g->err));
}

/* Each job of its open task runs is cancelled with it. */
static void ask_execution_cancel(struct engine *g, int64_t id)
{
    const struct execution *x = map_find(&g->executions, (uint64_t)id);
    store_ok(g, store_ask_execution(g->store, id, &g->err));
    for (const struct run *r = x ? x->runs : NULL; r && g->rc == 0; r = r->next)
        if (r->row.job) ask_job(g, r->row.job);
}

static void ask_hello(struct engine *g, const struct cmd_hello *h)
{
    store_ok(g, store_ask_agent(g->store, h->agent, &g->err));
    if (g->rc == 0) store_ok(g, store_ask_agent_event(g->store, h->agent, &g->err));
    for (size_t i = 0; i < h->attempt_count && g->rc == 0; i++)
        ask_job(g, h->attempts[i].job);
}

static void ask_gone(struct engine *g, uint64_t session)
{
    const struct agent *a = agent_of_session(g, session);
    if (a) store_ok(g, store_ask_agent_event(g->store, a->id, &g->err));
}

static void ask_enrol(struct engine *g, const struct cmd_enrol *x)
{
    store_ok(g, store_ask_token(g->store, x->token_id, &g->err));
    if (x->name) store_ok(g, store_ask_agent_name(g->store, x->name, &g->err));
}

static void ask_of(struct engine *g, const struct command *c)
{
    switch (c->type) {
    case CMD_OUTPUT:
        ask_output(g, &c->u.output);
        break;
    case CMD_FINISHED:
        ask_end(g, &c->u.event);
        break;
    case CMD_CANCEL:
    case CMD_WHY:
        ask_job(g, c->u.id);
        break;
    case CMD_RETRY:
        ask_again(g, c->u.again.job);
        break;
    case CMD_CANCEL_ALL:
    case CMD_RETRY_ALL:
        ask_several(g, c);
        break;
    case CMD_EXECUTION_CANCEL:
        ask_execution_cancel(g, c->u.id);
        break;
    case CMD_HELLO:
        ask_hello(g, &c->u.hello);
        break;
    case CMD_GONE:
        ask_gone(g, c->session);
        break;
    case CMD_ENROL:
        ask_enrol(g, &c->u.enrol);
        break;
    case CMD_REFUSED:
        store_ok(g, store_ask_agent(g->store, c->u.refused.agent, &g->err));
        break;
    case CMD_AGENT_DRAIN:
    case CMD_AGENT_RESUME:
    case CMD_AGENT_REMOVE:
        store_ok(g, store_ask_agent(g->store, c->u.id, &g->err));
        break;
    case CMD_TOKEN_REVOKE:
        store_ok(g, store_ask_token(g->store, c->u.id, &g->err));
        break;
    default:
        break;
    }
}

/* Who asks is looked at first (principal.h). */
static void ask_principal(struct engine *g, const struct principal *by)
{
    if (by->token && !map_find(&g->tokens, (uint64_t)by->token))
        store_ok(g, store_ask_token(g->store, by->token, &g->err));
    if (by->session) store_ok(g, store_ask_page_session(g->store, by->session, &g->err));
}

void ahead_ask_events(struct engine *g, const uint64_t *agents, size_t count)
{
    for (size_t i = 0; i < count && g->rc == 0; i++)
        store_ok(g, store_ask_agent_event(g->store, (int64_t)agents[i], &g->err));
}

void ahead_ask(struct engine *g, const struct command *first)
{
    if (!store_is_far(g->store)) return;
    for (const struct command *c = first; c && g->rc == 0; c = c->next) {
        ask_principal(g, &c->by);
        if (g->rc == 0) ask_of(g, c);
    }
    if (g->rc == 0) refill_ask(g, first);
}

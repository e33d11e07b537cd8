/* What operators say to agents. */
#include "coordinator/engine/internal.h"

#include "base/log.h"
#include "base/mem.h"

/* The row of an agent that was not removed; `w` is the worker when it is in memory with its facts.
 * false: answered. */
static bool find_agent(struct engine *g, const struct command *c, struct agent *row,
                       struct worker **w)
{
    int rc = store_agent_get(g->store, c->u.id, row, &g->err);
    if (rc == 0 && row->removed_ms > 0) {
        agent_fini(row);
        rc = ERR_NOT_FOUND;
    }
    if (rc == ERR_NOT_FOUND) {
        g->err = (struct err){0};
        reply_error(g, c, ERR_NOT_FOUND, NULL, NULL, "there is no such agent");
        return false;
    }
    if (!store_ok(g, rc)) return false;
    *w = worker_find(g, row->id);
    return true;
}

static void hold(struct engine *g, struct command *c, bool held)
{
    struct agent row;
    struct worker *w;
    if (!find_agent(g, c, &row, &w)) return;
    int64_t id = row.id;
    row.held = held;
    mem_free(row.drain_reason);
    row.drain_reason = held ? mem_strdup(c->text) : NULL;
    if (store_ok(g, store_agent_update(g->store, &row, &g->err)) && w && w->session) {
        w->row.held = held;
        mem_free(w->row.drain_reason);
        w->row.drain_reason = mem_strdup(row.drain_reason);
        struct effect *x = session_effect(g, EFFECT_DRAIN, w->session);
        x->flag = held;
        x->text = mem_strdup(row.drain_reason);
        worker_update(g, w);
    }
    agent_fini(&row);
    if (g->rc == 0) reply_ok(g, c, id);
}

void apply_agent_drain(struct engine *g, struct command *c)
{
    hold(g, c, true);
}

void apply_agent_resume(struct engine *g, struct command *c)
{
    hold(g, c, false);
}

/* What it runs may be alive: it is told to end that, and its session lives on until it has, so that
 * the jobs need not wait for the end of their leases. It gets nothing more, and no result of it
 * counts. */
static void dismiss(struct engine *g, struct worker *w)
{
    w->row.removed_ms = g->now.wall_ms > 0 ? g->now.wall_ms : 1;
    w->leaving = true;
    worker_update(g, w);
    for (struct open_job *j = w->jobs; j && g->rc == 0; j = j->next) {
        if (j->row.state != JOB_KILLING) job_kill(g, j, REASON_LOST);
    }
}

void agent_remove(struct engine *g, struct agent *row)
{
    struct worker *w = worker_find(g, row->id);
    if (w && w->session && (!w->jobs || w->guest))
        worker_close(g, w);
    else if (w && w->session)
        dismiss(g, w);
    row->removed_ms = g->now.wall_ms > 0 ? g->now.wall_ms : 1;
    row->online = false;
    row->last_seen_ms = g->now.wall_ms;
    store_ok(g, store_agent_update(g->store, row, &g->err));
    log_info("agent %s: removed", row->name);
}

void apply_agent_remove(struct engine *g, struct command *c)
{
    struct agent row;
    struct worker *w;
    if (!find_agent(g, c, &row, &w)) return;
    int64_t id = row.id;
    agent_remove(g, &row);
    agent_fini(&row);
    if (g->rc == 0) reply_ok(g, c, id);
}

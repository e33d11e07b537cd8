/* Operators' commands about agents. */
#include "coordinator/engine/agent_commands.h"

#include "base/id.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/engine/absence.h"
#include "coordinator/engine/agent_event.h"
#include "coordinator/engine/audit.h"
#include "coordinator/engine/job.h"
#include "coordinator/engine/news.h"
#include "coordinator/engine/refusal.h"
#include "coordinator/engine/reply.h"

#define JOBS_NAMED 3 /* in a refusal */

/* The row of an agent that was not removed; `a` is the agent when it is in memory with its facts.
 * false: answered. */
static bool find_agent(struct engine *g, int64_t id, struct agent_row *row, struct agent **a,
                       struct reply *r)
{
    int rc = store_agent_find(g->store, id, row, &g->err);
    if (rc == 1 && row->removed_ms > 0) {
        agent_row_fini(row);
        rc = 0;
    }
    if (rc == 0) {
        reply_error(r, ERR_NOT_FOUND, NULL, NULL, "there is no such agent");
        return false;
    }
    if (!store_ok(g, rc)) return false;
    *a = agent_find(g, row->id);
    return true;
}

static void hold(struct engine *g, const struct command *c, bool held, struct reply *r)
{
    struct agent_row row;
    struct agent *a;
    if (!find_agent(g, c->u.id, &row, &a, r)) return;
    int64_t id = row.id;
    bool was_held = row.held;
    bool changes = was_held != held || (held && c->text && !str_eq(c->text, row.drain_reason));
    row.held = held;
    /* A second drain without a reason leaves the one that was given. What the agent gives of itself
     * is not an operator's: a resume does not clear it, and a drain does not keep it. */
    if (held ? c->text != NULL || !was_held : was_held)
        text_set(&row.drain_reason, held && !str_empty(c->text) ? c->text : NULL);
    text_set(&row.drained_by, held ? g->by : NULL);
    audit_about(g, row.name);
    if (news_agent(g, &row) && a && a->session) {
        a->row.held = held;
        mem_free(a->row.drain_reason);
        a->row.drain_reason = mem_strdup(row.drain_reason);
        text_set(&a->row.drained_by, row.drained_by);
        agent_tell_drain(g, a, held);
        agent_update(g, a);
    }
    const char *why = held ? row.drain_reason : str_empty(c->text) ? NULL : c->text;
    if (changes) agent_event(g, id, held ? AGENT_DRAINED : AGENT_RESUMED, why);
    agent_row_fini(&row);
    r->id = id;
}

void apply_agent_drain(struct engine *g, const struct command *c, struct reply *r)
{
    hold(g, c, true, r);
}

void apply_agent_resume(struct engine *g, const struct command *c, struct reply *r)
{
    hold(g, c, false, r);
}

/* What the agent runs may be alive: the agent is told to end its jobs, and its session lives on
 * until it has, so that the jobs need not wait for the end of their leases. The agent gets nothing
 * more, and no result that it reports counts. */
static void dismiss(struct engine *g, struct agent *a)
{
    a->leaving = true;
    agent_update(g, a);
    for (struct job *j = a->jobs; j && g->rc == 0; j = j->next) {
        if (j->row.state != JOB_KILLING) job_kill(g, j, REASON_LOST);
    }
}

void agent_remove(struct engine *g, struct agent_row *row, const char *why)
{
    struct agent *a = agent_find(g, row->id);
    if (a) remnants_clear(g, &a->remnants);
    row->removed_ms = g->now.wall_ms > 0 ? g->now.wall_ms : 1;
    text_set(&row->removed_by, g->by);
    text_set(&row->removed_reason, str_empty(why) ? NULL : why);
    if (a && a->session) {
        a->row.removed_ms = row->removed_ms;
        text_set(&a->row.removed_by, row->removed_by);
        text_set(&a->row.removed_reason, row->removed_reason);
    }
    if (a && a->session && (!a->jobs || a->moved))
        agent_close(g, a, NULL);
    else if (a && a->session)
        dismiss(g, a);
    else if (a)
        agent_release(g, a);
    row->online = false;
    row->last_seen_ms = g->now.wall_ms;
    news_agent(g, row);
    refusal_forget(g, row->id);
    absence_end(g, row->id);
    agent_event(g, row->id, AGENT_REMOVED, row->removed_reason);
}

/* Says which jobs stand against it, and the way out. */
static void refuse_busy(const struct agent_row *row, const struct agent *a, struct reply *r)
{
    struct buf jobs;
    char id[ID_TEXT_SIZE];
    int named = 0;
    buf_init(&jobs, 1024);
    for (const struct job *j = a->jobs; j && named < JOBS_NAMED; j = j->next) {
        id_format(j->row.id, id);
        buf_addf(&jobs, "%s%s", named++ == 0 ? "" : ", ", id);
    }
    if (a->busy > named) buf_addf(&jobs, " and %lld more", (long long)(a->busy - named));
    reply_error(
        r, ERR_CONFLICT, "agent-busy",
        "drain the agent and let them end first; with --force the agent is told to end them",
        "the agent '%s' %s %lld %s: %s", row->name,
        a->session ? "runs" : "is offline and may still run", (long long)a->busy,
        a->busy == 1 ? "job" : "jobs", jobs.data);
    buf_fini(&jobs);
}

void apply_agent_remove(struct engine *g, const struct command *c, struct reply *r)
{
    struct agent_row row;
    struct agent *a;
    if (!find_agent(g, c->u.id, &row, &a, r)) return;
    int64_t id = row.id;
    audit_about(g, row.name);
    if (a && a->jobs && !c->flag) {
        refuse_busy(&row, a, r);
    } else {
        if (!str_empty(c->text)) audit_reason(g, c->text);
        agent_remove(g, &row, c->text);
    }
    agent_row_fini(&row);
    r->id = id;
}

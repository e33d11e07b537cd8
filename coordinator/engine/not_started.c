/* Whose fault is it that a job could not be started?
 *
 * The agent tries itself when it could not start a job. When that fails, too, the agent is unwell,
 * and the job goes back as if nothing had been. Otherwise the agent or the job may be at fault, and
 * other agents have to show which: the job goes to agents that have not tried it, and to none
 * twice. It is the job's fault when TRIED_MOST agents could not start it, or all that
 * fit. An agent that is busy has not tried, so it is waited for; one that is unwell, drains or is
 * away is not, but for the time that an agent is given to come back (as for a fallback). Where no
 * agent that fits is online, nobody can say; the job waits then, like any other. */
#include "coordinator/engine/not_started.h"

#include "base/buf.h"
#include "base/id.h"
#include "base/log.h"
#include "base/mem.h"

#define ASIDE_MOST 500 /* jobs that fail in one go */

static bool is_at_fault(struct engine *g, struct group *group, const struct tried *t,
                        int64_t requires_id)
{
    if (t->count >= TRIED_MOST) return true;
    if (g->now.mono_ms < group->expect_until_ms || g->now.mono_ms < group->missed_until_ms)
        return false;
    struct queue *q = queue_get(g, group, requires_id);
    bool any = false;
    for (const struct member *m = group->first; m; m = m->next) {
        struct agent *a = m->agent;
        if (!a->counted || !agent_fits(g, a, q)) continue;
        if (!tried_by(t, a->id)) return false;
        any = true;
    }
    return any;
}

static void add_name(struct engine *g, int64_t id, struct buf *out)
{
    const struct agent *a = agent_find(g, id);
    struct agent_row row = {0};
    if (a && a->row.name) {
        buf_adds(out, a->row.name);
        return;
    }
    int rc = store_agent_find(g->store, id, &row, &g->err);
    if (rc == 1)
        buf_adds(out, row.name);
    else if (store_ok(g, rc))
        buf_adds(out, "an agent that was removed");
    agent_row_fini(&row);
}

static void fail(struct engine *g, struct job *j, const struct tried *t)
{
    struct buf text;
    buf_init(&text, 4096);
    buf_adds(&text, "could not be started on ");
    for (size_t i = 0; i < t->count; i++) {
        if (i > 0) buf_adds(&text, i + 1 == t->count ? " and " : ", ");
        add_name(g, t->agents[i], &text);
    }
    if (t->message) buf_addf(&text, ": %s", t->message);
    struct job_end end = {.state = JOB_FAILED,
                          .reason = REASON_NOT_STARTED,
                          .message = text.data,
                          .ended_ms = g->now.wall_ms};
    j->row.agent = t->agents[t->count - 1]; /* also when the job waited */
    if (g->rc == 0) job_attempt_failed(g, j, &end, "could not be started");
    buf_fini(&text);
}

void job_not_started(struct engine *g, struct job *j, const char *message)
{
    char id[ID_TEXT_SIZE];
    struct group *group = job_group(g, j);
    const struct tried *t = tried_add(g, j->row.id, j->agent->id, message);
    if (!t) return;
    id_format(j->row.id, id);
    log_write(j->row.kind == JOB_TRIGGER ? LOG_WARN : LOG_INFO,
              "job %s: agent %s could not start it: %s", id, j->agent->row.name,
              message ? message : "it did not say why");
    if (is_at_fault(g, group, t, j->row.requires_id))
        fail(g, j, t);
    else
        job_give_back(g, j, "could not be started");
}

void aside_on_timer(struct engine *g, struct group *group)
{
    int64_t ids[ASIDE_MOST];
    size_t count = 0;
    for (const struct tried *t = group->aside.first; t && count < ASIDE_MOST; t = t->next) {
        if (is_at_fault(g, group, t, t->requires_id)) ids[count++] = t->head.id;
    }
    for (size_t i = 0; i < count && g->rc == 0; i++) {
        struct job *j = job_get(g, ids[i]);
        if (j) fail(g, j, tried_find(g, ids[i]));
    }
    if (g->rc == 0 && group->aside.count > 0)
        timer_set(g, &group->aside.timer,
                  g->now.mono_ms + (count == ASIDE_MOST ? 1 : g->fallback_grace_ms));
}

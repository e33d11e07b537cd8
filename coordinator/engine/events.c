/* What agents report of their attempts. Events are numbered per agent: what was seen is
 * acknowledged again and otherwise ignored; what is of an attempt that is over is acknowledged and
 * told to be thrown away. */
#include "coordinator/engine/events.h"

#include "base/id.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/engine/not_started.h"

/* The open job that a new event is about. NULL: there is nothing to do with it. */
static struct job *event_job(struct engine *g, const struct command *c, int64_t seq, int64_t job,
                             int64_t attempt, struct agent **out)
{
    struct agent *a = agent_of_session(g, c->session);
    if (!a) return NULL;
    *out = a;
    agent_heard(g, a);
    agent_ack(g, a);
    if (seq <= a->last_seq) return NULL;
    a->last_seq = seq;
    if (c->type != CMD_OUTPUT) a->seq_due = true;
    struct job *j = job_find(g, job);
    if (!j || j->agent != a || j->row.attempt != attempt || a->moved) {
        agent_discard(g, a, job, attempt, "this attempt is over or another agent's");
        return NULL;
    }
    /* The journal had it before this hand-out. What came of an earlier one was seen, unless the
     * database has lost that. */
    if (seq <= j->after_seq) return NULL;
    j->received = true;
    return j;
}

void apply_started(struct engine *g, const struct command *c)
{
    const struct cmd_event *v = &c->u.event;
    struct agent *a;
    struct job *j = event_job(g, c, v->seq, v->job, v->attempt, &a);
    if (j && j->row.state == JOB_SUBMITTED) job_running(g, j);
}

/* After a start the account is in the store alone. */
static bool know_output(struct engine *g, struct job *j)
{
    int64_t bytes, remarks;
    if (j->output_known) return true;
    if (!store_ok(g, store_output_bytes(g->store, j->row.id, j->row.attempt, &bytes, &remarks,
                                        &g->err)))
        return false;
    j->output = (struct output_account){.written = bytes - remarks, .remarks = remarks};
    j->output_known = true;
    return true;
}

void apply_output(struct engine *g, const struct command *c)
{
    const struct cmd_output *o = &c->u.output;
    struct agent *a;
    struct job *j = event_job(g, c, o->seq, o->job, o->attempt, &a);
    if (!j || a->row.removed_ms > 0) return;
    if (!know_output(g, j)) return;
    struct output_account after = j->output;
    if (!output_account_add(&after, job_output_limit(g, &j->row), o->stream, o->len)) return;
    struct chunk chunk = {.job = o->job,
                          .attempt = o->attempt,
                          .stream = o->stream,
                          .offset = o->offset,
                          .at_ms = g->now.wall_ms,
                          .data = o->data,
                          .len = o->len};
    if (!store_ok(g, store_output_add(g->store, &chunk, &g->err))) return;
    size_t added = store_output_added(g->store);
    if (added < o->len) { /* sent again: it was counted with what was there at the start */
        after = j->output;
        (void)output_account_add(&after, 0, o->stream, added);
    }
    j->output = after;
    if (j->output_in == g->batch) return;
    j->output_in = g->batch;
    effects_add(g->out, EFFECT_OUTPUT)->u.output.job = o->job;
}

/* What the agent may say of a failure; the rest is the coordinator's to say. */
static enum reason failure_reason(const struct cmd_event *v)
{
    switch (v->reason) {
    case REASON_EXIT_CODE:
    case REASON_TIMEOUT:
    case REASON_NOT_STARTED:
    case REASON_INTERRUPTED:
    case REASON_DRAIN:
    case REASON_LOST:
        return v->reason;
    default:
        return v->exited ? REASON_EXIT_CODE : REASON_INTERRUPTED;
    }
}

/* The agent left something out, or what it sent did not arrive or did not fit: the limit of a
 * coordinator that was started anew may be lower than the one that was handed out. */
static bool is_truncated(struct engine *g, struct job *j, const struct cmd_event *v)
{
    if (v->truncated || v->written == 0) return v->truncated;
    return know_output(g, j) && j->output.written < v->written;
}

static void end_attempt(struct engine *g, struct job *j, const struct agent *a,
                        const struct cmd_event *v)
{
    struct job_end end = {.state = v->state,
                          .reason = REASON_NONE,
                          .message = v->message,
                          .exited = v->exited,
                          .exit_code = v->exit_code,
                          .truncated = is_truncated(g, j, v),
                          .outputs = v->outputs,
                          .ended_ms = g->now.wall_ms};
    bool killing = j->row.state == JOB_KILLING;
    bool cancelled = killing && j->row.reason == REASON_CANCELLED;
    if (a->row.removed_ms > 0) {
        job_lost(g, j, REASON_LOST, "its agent was removed");
    } else if (end.state == JOB_SUCCESS) {
        if (j->row.state == JOB_SUBMITTED) job_running(g, j);
        job_end(g, j, &end, "finished");
    } else if (end.state == JOB_KILLED && cancelled) {
        end.reason = REASON_CANCELLED;
        job_end(g, j, &end, "killed");
    } else {
        /* Killed, but not on a user's word: it was our backstop, or the agent's own need. */
        bool backstop = end.state == JOB_KILLED && killing;
        end.state = JOB_FAILED;
        end.reason = backstop ? REASON_TIMEOUT : failure_reason(v);
        job_attempt_failed(g, j, &end, "finished");
    }
}

/* Processes of the attempt live on: they keep its slot, and its job's next attempt waits. */
static struct remnant *note_alive(struct engine *g, struct agent *a, const struct cmd_event *v)
{
    if (!v->alive || a->row.removed_ms > 0) return NULL;
    struct remnant_row row = {.agent = a->id,
                              .job = v->job,
                              .attempt = v->attempt,
                              .since_ms = g->now.wall_ms,
                              .processes = mem_strdup(v->alive)};
    char id[ID_TEXT_SIZE];
    id_format(v->job, id);
    log_warn("agent %s: %s of job %s, attempt %lld, could not be ended", a->row.name, v->alive, id,
             (long long)v->attempt);
    return remnant_note(g, &a->remnants, &row);
}

void apply_finished(struct engine *g, const struct command *c)
{
    const struct cmd_event *v = &c->u.event;
    struct agent *a;
    struct job *j = event_job(g, c, v->seq, v->job, v->attempt, &a);
    if (!j) return;
    struct remnant *r = note_alive(g, a, v); /* first, so that the slot is never free */
    agent_set_full(g, a, false);
    end_attempt(g, j, a, v);
    j = r ? job_find(g, v->job) : NULL;
    if (g->rc == 0 && j && j->row.state == JOB_RETRYING) job_wait_for(g, j, r);
    if (g->rc == 0) agent_release(g, a);
}

void apply_declined(struct engine *g, const struct command *c)
{
    const struct cmd_event *v = &c->u.event;
    struct agent *a;
    struct job *j = event_job(g, c, v->seq, v->job, v->attempt, &a);
    if (!j) return;
    if (str_eq(v->decline, "no-slot")) agent_set_full(g, a, true); /* before the job waits again */
    if (j->row.state == JOB_SUBMITTED) {
        if (str_eq(v->decline, "could-not-start") && a->row.removed_ms == 0)
            job_not_started(g, j, v->message);
        else
            job_give_back(g, j, "declined");
    } else if (j->row.state == JOB_KILLING && j->row.reason == REASON_CANCELLED) {
        job_lost(g, j, REASON_CANCELLED, "cancelled before it began");
    } else if (a->row.removed_ms > 0) {
        job_lost(g, j, REASON_LOST, "its agent was removed");
    } else {
        job_lost(g, j, REASON_INTERRUPTED, v->message ? v->message : v->decline);
    }
    if (g->rc == 0) agent_release(g, a);
}

/* The agent of a new event that is about no open job. NULL: there is nothing to do with it. */
static struct agent *event_agent(struct engine *g, const struct command *c)
{
    struct agent *a = agent_of_session(g, c->session);
    if (!a) return NULL;
    agent_heard(g, a);
    agent_ack(g, a);
    if (c->u.event.seq <= a->last_seq) return NULL;
    a->last_seq = c->u.event.seq;
    a->seq_due = true;
    return a;
}

void apply_cleared(struct engine *g, const struct command *c)
{
    const struct cmd_event *v = &c->u.event;
    struct agent *a = event_agent(g, c);
    if (!a || a->moved || !remnant_clear(g, &a->remnants, v->job, v->attempt)) return;
    agent_set_full(g, a, false);
    agent_update(g, a);
}

void event_give_up(struct engine *g, const struct command *c, const char *message)
{
    const struct cmd_event *v = &c->u.event;
    const struct cmd_output *o = &c->u.output;
    bool output = c->type == CMD_OUTPUT;
    int64_t id = output ? o->job : v->job, attempt = output ? o->attempt : v->attempt;
    struct agent *a;
    if (c->type == CMD_CLEARED) {
        (void)event_agent(g, c);
        return;
    }
    struct job *j = event_job(g, c, output ? o->seq : v->seq, id, attempt, &a);
    if (!j) return;
    if (c->type == CMD_FINISHED || c->type == CMD_DECLINED) {
        job_lost(g, j, REASON_LOST, message);
    } else {
        /* What it runs is alive until the agent hears of this: there is no other attempt. */
        struct job_end end = {.state = JOB_FAILED,
                              .reason = REASON_LOST,
                              .message = message,
                              .ended_ms = g->now.wall_ms};
        job_end(g, j, &end, "an event of it cannot be worked on");
        if (g->rc == 0) agent_discard(g, a, id, attempt, "it was given up");
    }
    if (g->rc == 0) agent_release(g, a);
}

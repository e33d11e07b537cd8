/* One job, from state to state. Every change of a state goes through `move`, which knows the legal
 * ones (model.h), so that what is written is always a life that can be told.
 *
 *   CREATED ---assign---> SUBMITTED ---started---> RUNNING ---finished---> final
 *     ^  ^                   |  |                    |
 *     |  +-----give back-----+  +------ kill --------+---> KILLING -------> final
 *     |                         |                    |        |
 *     +------- RETRYING <-------+-- attempt failed --+--------+
 *
 * While a job is CREATED it is counted in the queue of its group (queue.c) and may be nowhere else
 * in memory; while it is assigned it hangs on its agent, and its lease is the agent's (lease.c).
 * The two functions that end an attempt are job_end (the job is over) and job_attempt_failed (or
 * tries again). Both free the job, or put it back, in the middle of whatever walk called them; so
 * what follows from the end of a job of a flow is noted (ended.h) and done at the end of the batch,
 * in the same transaction. A function that may free its job says so in the header. */
#include "coordinator/engine/job.h"

#include "base/duration.h"
#include "base/id.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/engine/ended.h"
#include "coordinator/engine/flow.h"
#include "coordinator/engine/progress.h"
#include "coordinator/engine/retry.h"
#include "coordinator/engine/tell.h"
#include "wire/lease.h"
#include "wire/spec.h"

#include <assert.h>
#include <string.h>

#define CACHE_DEFAULT_BYTES (32u * 1024 * 1024)

static bool move(struct engine *g, struct job *j, enum job_state to, const char *why)
{
    char id[ID_TEXT_SIZE];
    id_format(j->row.id, id);
    const char *from = fsm_name(&job_fsm, (int)j->row.state), *name = fsm_name(&job_fsm, (int)to);
    if (!fsm_may(&job_fsm, (int)j->row.state, (int)to)) {
        char what[128];
        str_format(what, sizeof what, "job %s: %s may not follow %s", id, name, from);
        engine_broken(g, what);
        return false;
    }
    log_debug("job %s: %s -> %s (%s)", id, from, name, why);
    store_job_is(g->store, &j->row);
    j->row.state = to;
    job_changed(g, j);
    return true;
}

void job_changed(struct engine *g, struct job *j)
{
    bool final = job_is_final(j->row.state);
    if (j->changed_in == g->batch && !final) return;
    j->changed_in = g->batch;
    effects_add(g->out, EFFECT_JOB_CHANGED)->u.changed =
        (struct effect_changed){.id = j->row.id, .final = final};
}

static int64_t grace_ms(const struct job *j)
{
    return j->row.kill_grace_ms > 0 ? j->row.kill_grace_ms : KILL_GRACE_DEFAULT_MS;
}

int64_t job_output_limit(const struct engine *g, const struct job_row *row)
{
    return row->output_limit > 0 ? row->output_limit : g->config.output_limit_bytes;
}

int64_t job_lease(const struct engine *g, const struct job *j)
{
    return j->row.lease_ms > 0 ? j->row.lease_ms : g->config.lease_ms;
}

/* From the lease's end until the agent certainly has ended the tree. */
static int64_t kill_time(const struct engine *g, const struct job *j)
{
    return j->row.kill_grace_ms > 0 ? lease_kill_time_ms(j->row.kill_grace_ms)
                                    : g->config.kill_time_ms;
}

int64_t job_lease_until(const struct engine *g, const struct job *j)
{
    /* An end that does not come is not waited for as long as the agent is heard. */
    int64_t heard = j->end_listed ? 0 : j->agent->last_heard_ms;
    return (heard > j->since_ms ? heard : j->since_ms) + job_lease(g, j) + kill_time(g, j);
}

bool job_falls_back(const struct job_row *row)
{
    return row->fallback != FALLBACK_WAIT &&
           !(row->fallback == FALLBACK_IGNORE && str_is_default_group(row->group));
}

/* ---- in memory ---- */

static int64_t clamp(int64_t x, int64_t least, int64_t most)
{
    return x < least ? least : x > most ? most : x;
}

/* Wall times of the row become mono times; a wall clock that jumped meanwhile neither shortens nor
 * lengthens them beyond what they can be. */
static void read_times(const struct engine *g, struct job *j)
{
    const struct job_row *r = &j->row;
    int64_t mono = g->now.mono_ms, wall = g->now.wall_ms;
    j->since_ms = j->kill_ms = mono;
    j->queue_until_ms = j->retry_at_ms = j->first_ms = NEVER;
    if (r->queue_timeout_ms > 0 && r->state != JOB_RETRYING) {
        int64_t waited = r->attempt == 1 ? wall - r->created_ms : 0;
        j->queue_until_ms = mono + clamp(r->queue_timeout_ms - waited, 0, r->queue_timeout_ms);
    }
    if (r->state == JOB_RETRYING)
        j->retry_at_ms =
            mono + clamp(r->retry_at_ms - wall, 0, retry_longest_ms(&r->retry, r->attempt - 1));
    if (r->first_started_ms > 0)
        j->first_ms = mono - clamp(wall - r->first_started_ms, 0, INT64_MAX / 2);
    int64_t from = r->started_ms > 0 ? r->started_ms : r->submitted_ms;
    j->timed_from_ms = mono - clamp(wall - from, 0, r->timeout_ms);
}

struct job_row job_row_copy(const struct job_row *row)
{
    struct job_row copy = *row;
    copy.ns = mem_strdup(row->ns);
    copy.name = mem_strdup(row->name);
    copy.flow = mem_strdup(row->flow);
    copy.execution = mem_strdup(row->execution);
    copy.task = mem_strdup(row->task);
    copy.group = mem_strdup(row->group);
    copy.message = mem_strdup(row->message);
    copy.unique_key = mem_strdup(row->unique_key);
    copy.created_by = mem_strdup(row->created_by);
    copy.cancelled_by = mem_strdup(row->cancelled_by);
    return copy;
}

struct job *job_find(const struct engine *g, int64_t id)
{
    return map_find(&g->jobs, (uint64_t)id);
}

struct job *job_add(struct engine *g, struct job_row *row)
{
    struct job *j = mem_alloc(sizeof *j);
    j->row = *row;
    *row = (struct job_row){0};
    timer_init(&j->timer, TIMER_JOB, j);
    read_times(g, j);
    map_put(&g->jobs, (uint64_t)j->row.id, j);
    return j;
}

struct group *job_group(struct engine *g, struct job *j)
{
    if (!j->group) j->group = group_of_job(g, &j->row);
    return j->group;
}

void job_free(struct engine *g, struct job *j)
{
    remnant_let_go(&j->remnant);
    timer_clear(g, &j->timer);
    job_row_fini(&j->row);
    mem_free(j->spec);
    mem_free(j->failures);
    mem_free(j);
}

static void forget(struct engine *g, struct job *j)
{
    map_remove(&g->jobs, (uint64_t)j->row.id);
    job_free(g, j);
}

/* A queued job from the store. */
static struct job *add_queued(struct engine *g, struct job_row *row)
{
    struct job *j = job_add(g, row);
    const struct watched *due = watch_find(&g->due, j->row.id);
    if (due) j->queue_until_ms = due->at_ms;
    return j;
}

struct job *job_get(struct engine *g, int64_t id)
{
    struct job *j = job_find(g, id);
    if (j) return j;
    struct job_row row;
    if (!store_ok(g, store_job_get(g->store, id, &row, &g->err))) return NULL;
    return add_queued(g, &row);
}

const struct attempt_agents *job_failures(struct engine *g, struct job *j)
{
    if (j->row.attempt > 1 && !j->failures)
        j->failures = failures_read(g, j->row.id, j->row.attempt);
    return j->failures;
}

static int64_t backstop(const struct job *j)
{
    if (j->row.timeout_ms <= 0) return NEVER;
    return j->timed_from_ms + j->row.timeout_ms + grace_ms(j) + BACKSTOP_SLACK_MS;
}

void job_arm(struct engine *g, struct job *j)
{
    int64_t at = NEVER;
    switch (j->row.state) {
    case JOB_CREATED:
        break; /* see watch */
    case JOB_SUBMITTED:
    case JOB_RUNNING:
        at = backstop(j);
        break;
    case JOB_KILLING:
        at = j->kill_ms + grace_ms(j) + job_lease(g, j) + kill_time(g, j);
        break;
    case JOB_RETRYING:
        at = j->remnant ? j->queue_until_ms : j->retry_at_ms;
        break;
    default:
        break;
    }
    timer_set(g, &j->timer, at);
}

/* ---- the queue ---- */

static size_t text_bytes(const char *s)
{
    return s ? strlen(s) : 0;
}

static size_t cache_limit(const struct engine *g)
{
    return g->config.cache_bytes > 0 ? (size_t)g->config.cache_bytes : CACHE_DEFAULT_BYTES;
}

/* Keeps the job at hand when there is room for it; else the store alone has it. */
static void cache(struct engine *g, struct job *j, size_t limit)
{
    size_t bytes = sizeof *j + text_bytes(j->spec);
    if (g->cached_bytes + bytes > limit) {
        forget(g, j);
        return;
    }
    j->cached_bytes = bytes;
    g->cached_bytes += bytes;
}

/* The jobs to be handed out next may take a quarter more than those that were queued last. */
static size_t ahead_limit(const struct engine *g)
{
    return cache_limit(g) + cache_limit(g) / 4;
}

bool job_has_room(const struct engine *g)
{
    return g->cached_bytes + sizeof(struct job) < ahead_limit(g);
}

void job_keep(struct engine *g, struct job_row *row, const char *spec)
{
    struct job *j = add_queued(g, row);
    j->spec = mem_strdup(spec);
    cache(g, j, ahead_limit(g));
}

static void arm_queue_timeout(struct engine *g)
{
    const struct watched *first = watch_first(&g->due);
    timer_set(g, &g->queue_timeout, first ? first->at_ms : NEVER);
}

/* What is due for a queued job is kept apart from it: it may be in the store alone. */
static void watch(struct engine *g, struct job *j)
{
    if (job_falls_back(&j->row)) watch_put(&job_group(g, j)->fallbacks, j->row.id, 0);
    if (j->queue_until_ms == NEVER) return;
    watch_put(&g->due, j->row.id, j->queue_until_ms);
    arm_queue_timeout(g);
}

static void unwatch(struct engine *g, struct job *j)
{
    watch_remove(&job_group(g, j)->fallbacks, j->row.id);
    if (!watch_find(&g->due, j->row.id)) return;
    watch_remove(&g->due, j->row.id);
    arm_queue_timeout(g);
}

void job_watch_stored(struct engine *g, struct job *j)
{
    watch(g, j);
    forget(g, j);
}

void job_enqueue(struct engine *g, struct job *j)
{
    struct group *group = job_group(g, j);
    struct queue_head head = {.id = j->row.id,
                              .priority = j->row.priority,
                              .attempt = j->row.attempt};
    struct tried *t = tried_find(g, j->row.id);
    if (t)
        tried_enqueue(g, t, &j->row);
    else
        queue_add(g, queue_get(g, group, j->row.requires_id), &head);
    watch(g, j);
    job_arm(g, j);
    cache(g, j, cache_limit(g));
    group_watch(g, group);
}

static void dequeue(struct engine *g, struct job *j)
{
    struct group *group = job_group(g, j);
    struct tried *t = tried_find(g, j->row.id);
    if (t)
        tried_dequeue(g, t);
    else
        queue_remove(g, queue_get(g, group, j->row.requires_id), j->row.id);
    unwatch(g, j);
    g->cached_bytes -= j->cached_bytes;
    j->cached_bytes = 0;
    timer_clear(g, &j->timer);
}

/* ---- hand out ---- */

/* What the agent gets: the stored spec with the job's names and the number of the attempt. */
static int complete_spec(const struct job *j, struct buf *out, struct err *e)
{
    const struct job_row *r = &j->row;
    struct spec s = {0}, named;
    int rc = j->encoded ? 0 : spec_decode_stored(j->spec, &s, e);
    if (rc) return rc;
    spec_fill_attempt(&s, r->attempt);
    named = s; /* borrows all, and the names from the row */
    named.ns = r->ns;
    named.name = r->name;
    named.group = str_is_default_group(r->group) ? NULL : r->group; /* PROTOCOL.md */
    named.flow = r->flow;
    named.task = r->task;
    named.execution = r->execution;
    rc = j->encoded ? spec_add_names(&named, j->spec, out) : spec_encode(&named, out);
    spec_fini(&s);
    return rc ? err_set(e, rc, "it is too large with its names") : 0;
}

/* A stored spec that this release would not store is sent as it is: the agent says what is wrong
 * with it, and the job ends. */
static char *hand_out_spec(const struct job *j)
{
    char id[ID_TEXT_SIZE];
    struct buf b;
    struct err e = {0};
    buf_init(&b, 2 * text_bytes(j->spec) + 16384);
    (void)buf_reserve(&b, text_bytes(j->spec) + 256);
    if (complete_spec(j, &b, &e) == 0) return buf_detach(&b);
    buf_fini(&b);
    id_format(j->row.id, id);
    log_error("job %s: its stored spec: %s", id, err_text(&e));
    return mem_strdup(j->spec);
}

static void link_agent(struct engine *g, struct job *j, struct agent *a)
{
    j->agent = a;
    j->prev = NULL;
    j->next = a->jobs;
    if (a->jobs) a->jobs->prev = j;
    a->jobs = j;
    a->busy++;
    a->touched = ++g->stamp;
    job_group(g, j)->assigned++;
}

static void unlink_agent(struct engine *g, struct job *j)
{
    struct agent *a = j->agent;
    if (j->prev)
        j->prev->next = j->next;
    else
        a->jobs = j->next;
    if (j->next) j->next->prev = j->prev;
    j->agent = NULL;
    j->prev = j->next = NULL;
    a->busy--;
    a->touched = ++g->stamp;
    job_group(g, j)->assigned--;
    agent_update(g, a);
}

void job_assign(struct engine *g, struct job *j, struct agent *a)
{
    assert(a->busy < a->row.slots && a->ready && a->session && !j->agent);
    if (!j->spec && !store_ok(g, store_job_spec(g->store, j->row.id, &j->spec, &g->err))) return;
    dequeue(g, j);
    if (!move(g, j, JOB_SUBMITTED, a->row.name)) return;
    if (!store_ok(g, store_job_submitted(g->store, j->row.id, a->id, j->row.attempt, g->now.wall_ms,
                                         &g->err)))
        return;
    j->row.agent = a->id;
    j->row.submitted_ms = g->now.wall_ms;
    j->row.started_ms = 0;
    j->since_ms = j->timed_from_ms = g->now.mono_ms;
    j->received = j->end_listed = j->rebooted = false;
    j->after_seq = a->hello_seq;
    j->output = (struct output_account){0};
    j->output_known = true;
    if (a->discarded_job == j->row.id) a->discarded_job = 0;
    link_agent(g, j, a);
    agent_update(g, a);
    job_arm(g, j);
    progress_handed_out(g, job_group(g, j), &j->row);
    session_effect(g, EFFECT_JOB, a->session)->u.job = (struct effect_job){
        .job = j->row.id,
        .attempt = j->row.attempt,
        .spec = hand_out_spec(j),
        .lease_ms = job_lease(g, j),
        .timeout_ms = j->row.timeout_ms,
        .output_limit = job_output_limit(g, &j->row),
    };
    mem_free(j->spec);
    j->spec = NULL;
}

void job_running(struct engine *g, struct job *j)
{
    if (!move(g, j, JOB_RUNNING, "started")) return;
    store_ok(g, store_job_running(g->store, j->row.id, g->now.wall_ms, &g->err));
    j->row.started_ms = g->now.wall_ms;
    if (j->row.first_started_ms == 0) {
        j->row.first_started_ms = g->now.wall_ms;
        j->first_ms = g->now.mono_ms;
    }
    j->timed_from_ms = g->now.mono_ms;
    job_arm(g, j);
}

void job_kill(struct engine *g, struct job *j, enum reason why)
{
    if (j->row.state != JOB_KILLING) {
        if (!move(g, j, JOB_KILLING, reason_name(why))) return;
        j->kill_ms = g->now.mono_ms;
    }
    j->row.reason = why;
    if (!store_ok(g, store_job_killing(g->store, j->row.id, why, &g->err))) return;
    job_arm(g, j);
    if (j->agent->session) {
        /* what has no name in the protocol is a cancel to the agent */
        session_effect(g, EFFECT_KILL, j->agent->session)->u.kill = (struct effect_kill){
            .job = j->row.id,
            .attempt = j->row.attempt,
            .reason = reason_name(why == REASON_TIMEOUT ? why : REASON_CANCELLED),
            .grace_ms = grace_ms(j),
        };
    }
}

void job_cancel(struct engine *g, struct job *j)
{
    bool again = j->row.state == JOB_KILLING && j->row.reason == REASON_CANCELLED;
    if (again) return;
    if (g->by && !store_ok(g, store_job_cancelled_by(g->store, j->row.id, g->by, &g->err))) return;
    if (!job_is_assigned(j->row.state)) {
        struct job_end end = {.state = JOB_CANCELLED,
                              .reason = REASON_CANCELLED,
                              .ended_ms = g->now.wall_ms};
        job_end(g, j, &end, "cancelled");
    } else {
        job_kill(g, j, REASON_CANCELLED);
    }
}

void job_cancel_id(struct engine *g, int64_t id)
{
    struct job *j = job_find(g, id);
    if (!j) {
        struct job_row row;
        int rc = store_job_find(g->store, id, &row, &g->err);
        if (rc == 0) {
            return;
        }
        if (!store_ok(g, rc)) return;
        if (job_is_final(row.state)) {
            job_row_fini(&row);
            return;
        }
        j = job_add(g, &row);
    }
    job_cancel(g, j);
}

/* ---- back and to the end ---- */

/* How it ends: a FAILED that may be is a WARNING, unless somebody wanted it to end. */
static enum job_state end_state(const struct job *j, enum job_state state)
{
    bool cancelled = j->row.state == JOB_KILLING && j->row.reason == REASON_CANCELLED;
    return state == JOB_FAILED && j->row.allow_failure && !cancelled ? JOB_WARNING : state;
}

/* Writes the end down and forgets the job. */
static void finish(struct engine *g, struct job *j, const struct job_end *end)
{
    if (!store_ok(g, store_job_finish(g->store, j->row.id, end, &g->err))) return;
    tried_forget(g, j->row.id);
    if (g->rc) return;
    progress_ran(g, job_group(g, j), &j->row, end->ended_ms);
    progress_ended(g, job_group(g, j), &j->row, end->exited ? end->exit_code : 0);
    int64_t id = j->row.id;
    if (j->row.flow) ended_job_note(g, &j->row, end);
    map_remove(&g->jobs, (uint64_t)id);
    job_free(g, j);
}

static const struct flow_trigger *check_of(struct engine *g, const struct job *j)
{
    struct flow_entry *f = flow_get(g, j->row.ns, j->row.flow);
    const struct flow *present = f && !f->deleted ? flow_present(g, f) : NULL;
    return present ? flow_find_trigger(present, j->row.task) : NULL;
}

/* An evaluation whose check said no did what it was for; see shown_state. */
static void end_check(struct engine *g, const struct job *j, struct job_end *end)
{
    bool failed = end->state == JOB_FAILED && end->reason == REASON_EXIT_CODE && end->exited;
    if (j->row.kind != JOB_TRIGGER || (end->state != JOB_SUCCESS && !failed)) return;
    int64_t code = failed ? end->exit_code : 0;
    const struct flow_trigger *def = check_of(g, j);
    if (def && def->by_code)
        end->state = (code == def->fire_code) == (code == 0) ? JOB_SUCCESS : JOB_WARNING;
    else if (code == 1)
        end->state = JOB_SUCCESS;
    if (end->state == JOB_FAILED) return;
    end->reason = REASON_NONE;
    end->message = NULL;
}

void job_end(struct engine *g, struct job *j, const struct job_end *end, const char *why)
{
    enum job_state from = j->row.state;
    struct job_end as = *end;
    as.state = end_state(j, end->state);
    end_check(g, j, &as);
    if (g->rc) return;
    if (!move(g, j, as.state, why)) return;
    if (from == JOB_CREATED) dequeue(g, j);
    if (from == JOB_RETRYING) job_group(g, j)->retrying--;
    if (j->agent) unlink_agent(g, j);
    finish(g, j, &as);
}

static void requeue(struct engine *g, struct job *j, const char *why)
{
    if (job_group(g, j)->deleted) {
        /* it would wait for ever; the way leads through CREATED for what was assigned */
        if (j->row.state == JOB_SUBMITTED && !move(g, j, JOB_CREATED, why)) return;
        struct job_end end = {.state = end_state(j, JOB_FAILED),
                              .reason = REASON_GROUP_DELETED,
                              .message = "its worker group was deleted",
                              .ended_ms = g->now.wall_ms};
        bool retrying = j->row.state == JOB_RETRYING;
        if (!move(g, j, end.state, "group deleted")) return;
        if (retrying) job_group(g, j)->retrying--;
        finish(g, j, &end);
        return;
    }
    if (j->row.state == JOB_RETRYING) job_group(g, j)->retrying--;
    if (!move(g, j, JOB_CREATED, why)) return;
    if (!store_ok(g, store_job_requeue(g->store, j->row.id, j->row.attempt, &g->err))) return;
    j->row.agent = 0;
    j->row.submitted_ms = j->row.started_ms = j->row.retry_at_ms = 0;
    job_enqueue(g, j);
}

void job_give_back(struct engine *g, struct job *j, const char *why)
{
    unlink_agent(g, j);
    requeue(g, j, why);
}

static void retry_later(struct engine *g, struct job *j, const struct job_end *end, int64_t delay,
                        const char *why)
{
    struct attempt_row a = {.job = j->row.id,
                            .attempt = j->row.attempt,
                            .agent = j->row.agent,
                            .state = end->state,
                            .reason = end->reason,
                            .message = (char *)(uintptr_t)end->message,
                            .exited = end->exited,
                            .exit_code = end->exit_code,
                            .submitted_ms = j->row.submitted_ms,
                            .started_ms = j->row.started_ms,
                            .ended_ms = end->ended_ms};
    if (!move(g, j, JOB_RETRYING, why)) return;
    if (j->agent)
        unlink_agent(g, j);
    else
        dequeue(g, j);
    tried_forget(g, j->row.id);
    if (g->rc) return;
    progress_ran(g, job_group(g, j), &j->row, end->ended_ms);
    progress_retried(g, job_group(g, j));
    if (j->row.attempt == 1) j->failures = mem_alloc(sizeof *j->failures);
    if (j->failures) failures_add(j->failures, a.agent);
    j->row.attempt++;
    j->row.agent = 0;
    j->row.reason = REASON_NONE;
    j->row.submitted_ms = j->row.started_ms = 0;
    j->row.retry_at_ms = g->now.wall_ms + delay;
    j->retry_at_ms = g->now.mono_ms + delay;
    j->queue_until_ms = NEVER;
    job_group(g, j)->retrying++;
    if (!store_ok(g, store_attempt_add(g->store, &a, &g->err))) return;
    if (!store_ok(g, store_job_retrying(g->store, j->row.id, j->row.attempt, j->row.retry_at_ms,
                                        &g->err)))
        return;
    job_arm(g, j);
}

void job_wait_for(struct engine *g, struct job *j, struct remnant *r)
{
    remnant_hold(r, &j->remnant, &j->timer, j->retry_at_ms);
    /* it would be queued from then on */
    if (j->row.queue_timeout_ms > 0) j->queue_until_ms = j->retry_at_ms + j->row.queue_timeout_ms;
    job_arm(g, j);
}

void job_attempt_failed(struct engine *g, struct job *j, const struct job_end *end, const char *why)
{
    int64_t delay, ran = j->first_ms == NEVER ? 0 : g->now.mono_ms - j->first_ms;
    bool cancelled = j->row.state == JOB_KILLING && j->row.reason == REASON_CANCELLED;
    if (!cancelled && !job_group(g, j)->deleted &&
        retry_next(&j->row.retry, j->row.attempt, ran, &g->rng, &delay)) {
        retry_later(g, j, end, delay, why);
    } else {
        job_end(g, j, end, why);
    }
}

static void note_loss(struct engine *g, struct group *group, const char *message)
{
    progress_lost(g, group);
    if (group->lost++ == 0) {
        group->next_loss = g->losses;
        g->losses = group;
    }
    text_set(&group->lost_why, message);
}

/* One message of a group, however many it lost. */
void losses_tell(struct engine *g)
{
    for (struct group *group = g->losses; group && g->rc == 0; group = group->next_loss) {
        struct facts f = {.title = str_dupf("group %s lost %lld attempt%s", group->row.key,
                                            (long long)group->lost, group->lost > 1 ? "s" : ""),
                          .text = mem_strdup(group->lost_why),
                          .group = group->row.key};
        tell(g,
             &(struct occasion){.event = RULE_LEASE_LOST,
                                .subject = group->row.key,
                                .times = group->lost},
             &f);
        group->lost = 0;
        text_set(&group->lost_why, NULL);
    }
    g->losses = NULL;
}

void job_lost(struct engine *g, struct job *j, enum reason reason, const char *message)
{
    struct job_end end = {.state = JOB_FAILED,
                          .reason = reason,
                          .message = message,
                          .ended_ms = g->now.wall_ms};
    if (reason == REASON_LOST) note_loss(g, job_group(g, j), message);
    if (j->row.state == JOB_KILLING) {
        end.reason = j->row.reason;
        if (end.reason == REASON_CANCELLED) {
            end.state = JOB_KILLED;
            job_end(g, j, &end, "cancelled, its agent is away");
            return;
        }
    }
    job_attempt_failed(g, j, &end, reason_name(reason));
}

/* ---- what time brings ---- */

static void queue_timeout(struct engine *g, struct job *j)
{
    char text[DURATION_TEXT_SIZE], message[512];
    duration_format(j->row.queue_timeout_ms, text);
    str_format(message, sizeof message, "no agent took it within %s", text);
    if (j->remnant)
        str_format(message, sizeof message,
                   "not tried again within %s: %.300s of attempt %lld %s still alive", text,
                   j->remnant->row.processes, (long long)j->remnant->row.attempt,
                   remnant_is(j->remnant));
    struct job_end end = {.state = JOB_FAILED,
                          .reason = REASON_QUEUE_TIMEOUT,
                          .message = message,
                          .ended_ms = g->now.wall_ms};
    job_end(g, j, &end, "queue timeout");
}

/* The agent is there, but does not say that the attempt ended. What it runs may be alive still, so
 * there is no other attempt, whatever the job's retry says. */
static void kill_timeout(struct engine *g, struct job *j)
{
    struct agent *a = j->agent;
    bool cancelled = j->row.reason == REASON_CANCELLED;
    int64_t id = j->row.id, attempt = j->row.attempt;
    struct job_end end = {.state = cancelled ? JOB_KILLED : JOB_FAILED,
                          .reason = j->row.reason,
                          .message = "its agent did not report the end of it in time",
                          .ended_ms = g->now.wall_ms};
    job_end(g, j, &end, "kill deadline");
    if (a->session) agent_discard(g, a, id, attempt, "it was given up");
    agent_release(g, a);
}

void job_on_queue_timeout(struct engine *g)
{
    const struct watched *first = watch_first(&g->due);
    if (!first || first->at_ms > g->now.mono_ms) {
        arm_queue_timeout(g);
        return;
    }
    struct job *j = job_get(g, first->id);
    if (j && j->row.state == JOB_CREATED)
        queue_timeout(g, j);
    else if (j)
        engine_broken(g, "a job that is not queued has a queue timeout");
}

void job_put_off_timeout(struct engine *g, int64_t id, int64_t until_ms)
{
    watch_put(&g->due, id, until_ms);
    arm_queue_timeout(g);
}

void job_on_timer(struct engine *g, struct job *j)
{
    switch (j->row.state) {
    case JOB_RETRYING:
        if (j->remnant) {
            queue_timeout(g, j);
            break;
        }
        if (j->row.queue_timeout_ms > 0 && j->queue_until_ms == NEVER)
            j->queue_until_ms = g->now.mono_ms + j->row.queue_timeout_ms;
        requeue(g, j, "retry is due");
        break;
    case JOB_SUBMITTED:
    case JOB_RUNNING:
        job_kill(g, j, REASON_TIMEOUT);
        break;
    case JOB_KILLING:
        kill_timeout(g, j);
        break;
    default:
        break;
    }
}

static void go_to_default(struct engine *g, struct job *j)
{
    if (str_is_default_group(j->row.group)) return;
    dequeue(g, j);
    text_set(&j->row.group, STR_DEFAULT_GROUP);
    j->group = NULL;
    if (!store_ok(g, store_job_set_group(g->store, j->row.id, STR_DEFAULT_GROUP, &g->err))) return;
    job_changed(g, j);
    job_enqueue(g, j);
}

void job_fall_back(struct engine *g, struct job *j)
{
    char name[96], message[256];
    struct group *group = job_group(g, j);
    str_format(message, sizeof message, "%s has no agent online", group_name(group, name));
    struct job_end end = {.reason = REASON_NO_AGENT,
                          .message = message,
                          .ended_ms = g->now.wall_ms};
    switch (j->row.fallback) {
    case FALLBACK_FAIL:
        end.state = JOB_FAILED;
        job_end(g, j, &end, "fallback");
        break;
    case FALLBACK_CANCEL:
        end.state = JOB_CANCELLED;
        job_end(g, j, &end, "fallback");
        break;
    case FALLBACK_IGNORE:
        if (group_allows(g->default_group, j->row.ns)) {
            go_to_default(g, j);
            break;
        }
        str_copy(message + strlen(message), sizeof message - strlen(message),
                 ", and the default group does not take jobs of the namespace");
        end.state = JOB_FAILED;
        job_end(g, j, &end, "fallback");
        break;
    default:
        break;
    }
}

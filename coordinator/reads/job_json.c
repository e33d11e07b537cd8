/* See job_json.h. */
#include "coordinator/reads/job_json.h"

#include "base/duration.h"
#include "base/mem.h"
#include "coordinator/reads/what.h"

#include <string.h>

static void put_duration(struct jw *w, const char *key, int64_t ms)
{
    char text[DURATION_TEXT_SIZE];
    if (ms <= 0) {
        jw_null(w, key);
        return;
    }
    duration_format(ms, text);
    jw_str(w, key, text);
}

static void put_retry(struct jw *w, const struct retry *t)
{
    static const char *const names[] = {NULL, "constant", "exponential", "random"};
    if (t->type == RETRY_NONE) {
        jw_null(w, "retry");
        return;
    }
    jw_object(w, "retry");
    jw_str(w, "type", names[t->type]);
    put_duration(w, "interval", t->interval_ms);
    put_duration(w, "maxInterval", t->max_interval_ms);
    if (t->type == RETRY_EXPONENTIAL) jw_num(w, "delayFactor", t->delay_factor);
    if (t->max_attempts)
        jw_int(w, "maxAttempts", t->max_attempts);
    else
        jw_null(w, "maxAttempts");
    put_duration(w, "maxDuration", t->max_duration_ms);
    jw_end(w);
}

/* What an attempt and a job have in common. */
static void put_end(struct jw *w, int shown, enum reason reason, const char *message, bool exited,
                    int64_t exit_code)
{
    jw_str(w, "state", shown_state_names[shown]);
    jw_str(w, "reason", reason_name(reason));
    jw_str(w, "message", message);
    if (exited)
        jw_int(w, "exitCode", exit_code);
    else
        jw_null(w, "exitCode");
}

void attempt_json(struct jw *w, const struct attempt_row *a, enum job_kind kind,
                  const char *agent_name)
{
    jw_int(w, "attempt", a->attempt);
    jw_id(w, "agent", a->agent);
    jw_str(w, "agentName", agent_name);
    put_end(w, shown_state(kind, a->state, a->exit_code), a->reason, a->message, a->exited,
            a->exit_code);
    jw_time(w, "submittedAt", a->submitted_ms);
    jw_time(w, "startedAt", a->started_ms);
    jw_time(w, "endedAt", a->ended_ms);
}

/* ---- attempts ---- */

bool job_json_last_attempt(const struct job_row *j, struct attempt_row *out)
{
    if (!j->submitted_ms || (!job_is_assigned(j->state) && !job_is_final(j->state))) return false;
    *out = (struct attempt_row){.job = j->id,
                                .attempt = j->attempt,
                                .agent = j->agent,
                                .state = j->state,
                                .reason = j->reason,
                                .message = j->message,
                                .exited = j->exited,
                                .exit_code = j->exit_code,
                                .submitted_ms = j->submitted_ms,
                                .started_ms = j->started_ms,
                                .ended_ms = j->ended_ms};
    return true;
}

static void put_attempt(struct jw *w, const struct attempt_row *a, enum job_kind kind,
                        const char *agent_name)
{
    jw_object(w, NULL);
    attempt_json(w, a, kind, agent_name);
    jw_end(w);
}

/* Of the attempts before the last one: none of them can have ended well. */
static int on_attempt(const struct attempt_row *a, const char *agent_name, void *user)
{
    put_attempt(user, a, JOB_TASK, agent_name);
    return 0;
}

static int put_attempts(struct jw *w, struct reader *r, const struct job_view *v, size_t most,
                        struct err *e)
{
    struct attempt_row last;
    bool more, shown = job_json_last_attempt(&v->job, &last);
    struct attempt_filter f = {.job = v->job.id, .limit = most - shown, .ascending = true};
    int rc = 0;
    jw_array(w, "attempts");
    /* before the second attempt none is archived */
    if (v->job.attempt > 1 && f.limit) rc = reader_attempts(r, &f, on_attempt, w, &more, e);
    if (shown) put_attempt(w, &last, v->job.kind, v->agent_name);
    jw_end(w);
    jw_int(w, "attemptCount", v->job.attempt - 1 + shown);
    return rc;
}

/* ---- jobs and executions ---- */

bool job_json_waits(enum job_state s)
{
    return s == JOB_CREATED || s == JOB_RETRYING;
}

/* Members that begin with a dot are between engine and agents: nobody can ask for them. */
static void put_requires(struct jw *w, const char *text)
{
    struct json *tree = NULL;
    if (!text || !strstr(text, "\".") || json_parse(text, strlen(text), &tree, NULL) != 0) {
        jw_raw(w, "requires", text);
        return;
    }
    const struct json *next;
    for (const struct json *j = json_first(tree); j; j = next) {
        next = json_next(j);
        if (*json_key(j) == '.') json_remove(tree, json_key(j));
    }
    char *shown = json_count(tree) > 0 ? json_text(tree) : NULL;
    jw_raw(w, "requires", shown);
    mem_free(shown);
    json_free(tree);
}

const char *job_json_kind(const struct job_row *j)
{
    return shown_kind_names[shown_kind(j->kind, !j->execution)];
}

const char *job_json_state(const struct job_row *j)
{
    return shown_state_names[shown_state(j->kind, j->state, j->exit_code)];
}

static void put_names(struct jw *w, const struct job_row *j)
{
    jw_id(w, "id", j->id);
    jw_str(w, "kind", job_json_kind(j));
    jw_str(w, "namespace", j->ns);
    jw_str(w, "flow", j->flow);
    jw_str(w, "execution", j->execution);
    jw_str(w, "task", j->task);
    jw_str(w, "name", j->name);
    jw_str(w, "group", j->group);
    jw_str(w, "fallback", fallback_names[j->fallback]);
}

int job_json(struct jw *w, struct reader *r, const struct job_view *v,
             const struct job_json_parts *parts, struct err *e)
{
    const struct job_row *j = &v->job;
    int rc = 0;
    char *what = what_text(j, v->spec ? v->spec : v->spec_head);
    put_names(w, j);
    jw_str(w, "what", what);
    mem_free(what);
    put_requires(w, v->require);
    jw_int(w, "priority", j->priority);
    put_end(w, shown_state(j->kind, j->state, j->exit_code), j->reason, j->message, j->exited,
            j->exit_code);
    jw_id(w, "agent", j->agent);
    jw_str(w, "agentName", v->agent_name);
    jw_int(w, "attempt", j->attempt);
    if (parts->attempts) rc = put_attempts(w, r, v, parts->attempts, e);
    jw_str(w, "createdBy", j->created_by);
    jw_str(w, "cancelledBy", j->cancelled_by);
    jw_id(w, "retryOf", j->retry_of);
    jw_time(w, "createdAt", j->created_ms);
    jw_time(w, "submittedAt", j->submitted_ms);
    jw_time(w, "startedAt", j->started_ms);
    jw_time(w, "endedAt", j->ended_ms);
    jw_time(w, "retryAt", j->state == JOB_RETRYING ? j->retry_at_ms : 0);
    put_duration(w, "timeout", j->timeout_ms);
    put_duration(w, "queueTimeout", j->queue_timeout_ms);
    put_duration(w, "lease", j->lease_ms);
    put_duration(w, "killGrace", j->kill_grace_ms);
    put_retry(w, &j->retry);
    jw_bool(w, "truncated", j->truncated);
    if (parts->with_waiting) jw_raw(w, "waiting", parts->waiting);
    jw_raw(w, "outputs", v->outputs);
    if (parts->spec) jw_raw(w, "spec", v->spec);
    return rc;
}

void job_json_new(struct jw *w, const struct job_view *v)
{
    /* its first attempt is its only one: nothing is read */
    const struct job_json_parts parts = {.spec = true,
                                         .attempts = JOB_JSON_ATTEMPTS_MAX,
                                         .with_waiting = true};
    (void)job_json(w, NULL, v, &parts, NULL);
}

void execution_json(struct jw *w, const struct execution_row *x)
{
    jw_id(w, "id", x->id);
    jw_str(w, "namespace", x->ns);
    jw_str(w, "flow", x->flow);
    jw_int(w, "revision", x->revision);
    jw_str(w, "state", fsm_name(&execution_fsm, (int)x->state));
    jw_str(w, "reason", reason_name(x->reason));
    jw_str(w, "message", x->message);
    jw_str(w, "trigger", x->trigger);
    jw_id(w, "backfill", x->backfill);
    jw_raw(w, "inputs", x->inputs);
    jw_raw(w, "triggerOutputs", x->trigger_vars);
    jw_raw(w, "labels", x->labels);
    jw_raw(w, "outputs", x->outputs);
    jw_str(w, "createdBy", x->created_by);
    jw_str(w, "cancelledBy", x->cancelled_by);
    jw_str(w, "traceparent", x->trace);
    jw_time(w, "createdAt", x->created_ms);
    jw_time(w, "startedAt", x->started_ms);
    jw_time(w, "endedAt", x->ended_ms);
    jw_time(w, "wakesAt", x->wake_ms);
}

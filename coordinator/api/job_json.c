/* Jobs as the API shows them (design 8). */
#include "coordinator/api/jobs.h"

#include "base/duration.h"
#include "base/id.h"
#include "base/mem.h"
#include "base/str.h"

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
static void put_end(struct jw *w, enum job_state state, enum reason reason, const char *message,
                    bool exited, int64_t exit_code)
{
    jw_str(w, "state", fsm_name(&job_fsm, (int)state));
    jw_str(w, "reason", reason_name(reason));
    jw_str(w, "message", message);
    if (exited)
        jw_int(w, "exitCode", exit_code);
    else
        jw_null(w, "exitCode");
}

static void put_attempt(struct jw *w, const struct attempt_row *a, const char *agent_name)
{
    jw_object(w, NULL);
    jw_int(w, "attempt", a->attempt);
    jw_id(w, "agent", a->agent);
    jw_str(w, "agentName", agent_name);
    put_end(w, a->state, a->reason, a->message, a->exited, a->exit_code);
    jw_time(w, "submittedAt", a->submitted_ms);
    jw_time(w, "startedAt", a->started_ms);
    jw_time(w, "endedAt", a->ended_ms);
    jw_end(w);
}

static int on_attempt(const struct attempt_row *a, const char *agent_name, void *user)
{
    put_attempt(user, a, agent_name);
    return 0;
}

static int put_attempts(struct jw *w, struct reader *reader, const struct job_view *v,
                        struct err *e)
{
    const struct job_row *j = &v->job;
    jw_array(w, "attempts");
    /* before the second attempt there is none that is over */
    struct attempt_filter f = {.job = j->id, .limit = SIZE_MAX, .ascending = true};
    bool more;
    int rc = j->attempt > 1 ? reader_attempts(reader, &f, on_attempt, w, &more, e) : 0;
    if (!rc && j->submitted_ms && (job_is_assigned(j->state) || job_is_final(j->state))) {
        struct attempt_row last = {.job = j->id,
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
        put_attempt(w, &last, v->agent_name);
    }
    jw_end(w);
    return rc;
}

static void put_names(struct jw *w, const struct job_row *j)
{
    jw_id(w, "id", j->id);
    jw_str(w, "kind", j->kind == JOB_TRIGGER ? "trigger" : "task");
    jw_str(w, "namespace", j->ns);
    jw_str(w, "flow", j->flow);
    jw_str(w, "execution", j->execution);
    jw_str(w, "task", j->task);
    jw_str(w, "name", j->name);
    jw_str(w, "group", j->group);
    jw_str(w, "fallback", fallback_names[j->fallback]);
}

int job_json(struct jw *w, struct reader *reader, const struct job_view *v, unsigned parts,
             const char *waiting, struct err *e)
{
    const struct job_row *j = &v->job;
    int rc = 0;
    put_names(w, j);
    jw_raw(w, "requires", v->require);
    jw_int(w, "priority", j->priority);
    put_end(w, j->state, j->reason, j->message, j->exited, j->exit_code);
    jw_id(w, "agent", j->agent);
    jw_str(w, "agentName", v->agent_name);
    jw_int(w, "attempt", j->attempt);
    if (parts & JOB_JSON_ATTEMPTS) rc = put_attempts(w, reader, v, e);
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
    if (parts & JOB_JSON_WAITING) jw_raw(w, "waiting", waiting);
    jw_raw(w, "outputs", v->outputs);
    if (parts & JOB_JSON_SPEC) jw_raw(w, "spec", v->spec);
    return rc;
}

bool job_of_path(struct request *r, struct job_view *v)
{
    const char *text = request_segment(r, 3);
    struct problem p = {0};
    struct err e = {0};
    int64_t id;
    if (id_parse(text, &id)) {
        problem_set(&p, 404, "not-found",
                    "a job's id has 13 letters and digits; 'cadre job list' shows them", NULL,
                    "'%.40s' is no job's id", text);
    } else {
        int rc = reader_job(r->api->o.reader, id, v, &e);
        if (rc == ERR_NOT_FOUND)
            problem_set(&p, 404, "not-found",
                        "finished jobs are forgotten after the retention time", NULL,
                        "there is no job %s", text);
        else if (rc)
            problem_from(&p, rc, &e);
        else if (!auth_namespace(&r->who, v->job.ns, &p))
            job_view_fini(v);
    }
    if (!p.status) return true;
    request_send_problem(r, &p);
    return false;
}

void job_send(struct request *r, int status, int64_t id, const char *waiting, int duplicate)
{
    struct job_view v;
    struct err e = {0};
    int rc = reader_job(r->api->o.reader, id, &v, &e);
    if (rc) {
        request_fail(r, rc, &e);
        return;
    }
    struct json_answer a;
    json_answer_init(&a);
    rc = job_json(&a.w, r->api->o.reader, &v, JOB_JSON_SPEC | JOB_JSON_ATTEMPTS | JOB_JSON_WAITING,
                  waiting, &e);
    if (duplicate >= 0) jw_bool(&a.w, "duplicate", duplicate != 0);
    job_view_fini(&v);
    if (rc) {
        json_answer_fini(&a);
        request_fail(r, rc, &e);
        return;
    }
    request_send(r, status, &a);
}

/* Listing, showing and cancelling jobs. */
#include "coordinator/api/jobs.h"
#include "coordinator/api/handlers.h"
#include "coordinator/api/range.h"
#include "coordinator/api/waiting.h"

#include "base/mem.h"
#include "base/str.h"

/* ---- list ---- */

uint32_t jobs_query_kinds(struct request *r, uint32_t states)
{
    static const char *const names[] = {"job", "task", "evaluation", "all"};
    const uint32_t all = UINT32_C(1) << 3;
    uint32_t kinds = request_query_words(r, "kind", names, 4);
    if (kinds & all || (!kinds && states >> SHOWN_FIRED)) return 0;
    return kinds ? kinds : UINT32_C(1) << SHOWN_JOB | UINT32_C(1) << SHOWN_TASK;
}

/* Places of names are those of the bits. */
static void query_end(struct request *r, struct lookup *l)
{
    const char *names[REASONS] = {"none"};
    for (int i = REASON_NONE + 1; i < REASONS; i++)
        names[i] = reason_name((enum reason)i);
    l->reasons = request_query_words(r, "reason", names, REASONS);
    l->exited = http_query(&r->target, "exitCode") != NULL;
    l->exit_code = request_query_int(r, "exitCode", INT32_MIN, UINT32_MAX, 0);
    l->ended_since_ms = range_time(r, "endedSince");
    l->ended_until_ms = range_time(r, "endedUntil");
}

static void query_origin(struct request *r, struct lookup *l)
{
    l->flow = request_query_copy(r, "flow");
    l->task = request_query_copy(r, "task");
    l->labels = request_query_labels(r);
    const char *named = http_query(&r->target, "named");
    l->unnamed = named && str_eq(named, "false");
    if (named && !l->unnamed)
        problem_field(&r->problem, "named",
                      "named: '%.40s' is not false: without it jobs with and without a name come",
                      named);
    if (l->name && l->unnamed)
        problem_field(&r->problem, "named", "named: a job with that name is not without one");
    if (l->flow && !http_query(&r->target, "namespace"))
        problem_field(&r->problem, "flow", "flow: the namespace of the flow is needed, too");
}

void jobs_query_filter(struct request *r, struct lookup *l)
{
    l->agent = request_query_copy(r, "agent");
    l->name = request_query_copy(r, "name");
    l->group = request_query_group(r);
    query_end(r, l);
    query_origin(r, l);
    range_ids(r, l);
    l->ns = mem_strdup(request_query_namespace(r));
}

void jobs_list(struct request *r)
{
    static const char *const keys[] = {JOBS_FILTERS};
    struct lookup *l = request_list(r, LIST_JOBS, lookup_jobs, keys, sizeof keys / sizeof *keys);
    l->states = request_query_words(r, "state", shown_state_names, SHOWN_STATES);
    l->kinds = jobs_query_kinds(r, l->states);
    jobs_query_filter(r, l);
    request_send_list(r, l);
}

void jobs_attempts(struct request *r)
{
    struct lookup *l = request_list(r, LIST_ATTEMPTS, lookup_attempts, NULL, 0);
    if (request_path_id(r, "job", &l->id))
        request_send_list(r, l);
    else
        lookup_free(l);
}

/* ---- show ---- */

void job_send(struct request *r, int status, int64_t id, int duplicate)
{
    struct lookup *l = request_lookup(r, lookup_job);
    l->id = id;
    l->status = status;
    l->duplicate = duplicate;
    request_look_up(r, l, request_answer);
}

static void on_why_for_show(struct request *r, struct reply *x)
{
    struct lookup *l = request_lookup(r, lookup_job);
    l->id = r->id;
    l->waiting = waiting_of(x);
    request_look_up(r, l, request_answer);
}

static void on_shown(struct request *r, struct lookup *l)
{
    waiting_ask(r, l, on_why_for_show);
}

static void show(struct request *r, lookup_fn *read,
                 void (*on_answer)(struct request *r, struct lookup *l))
{
    if (!request_path_id(r, "job", &r->id)) return;
    struct lookup *l = request_lookup(r, read);
    l->id = r->id;
    l->may_wait = true;
    request_look_up(r, l, on_answer);
}

void jobs_show(struct request *r)
{
    show(r, lookup_job, on_shown);
}

static void on_why(struct request *r, struct reply *x)
{
    if (x->rc && x->rc != ERR_NOT_FOUND) {
        request_fail_reply(r, x);
        return;
    }
    struct lookup *l = request_lookup(r, lookup_why);
    l->id = r->id;
    l->waiting = waiting_of(x);
    request_look_up(r, l, request_answer);
}

static void on_state(struct request *r, struct lookup *l)
{
    waiting_ask(r, l, on_why);
}

void jobs_why(struct request *r)
{
    show(r, lookup_why, on_state);
}

/* ---- cancel ---- */

static void on_cancelled(struct request *r, struct reply *x)
{
    if (x->rc)
        request_fail_reply(r, x);
    else
        job_send(r, 202, r->id, -1);
}

static void on_found(struct request *r, struct lookup *l)
{
    if (l->problem.status) {
        request_answer(r, l);
        return;
    }
    struct command *c = command_new(CMD_CANCEL);
    c->u.id = r->id;
    request_ask(r, c, on_cancelled);
}

void jobs_cancel(struct request *r)
{
    if (request_path_id(r, "job", &r->id))
        request_look_up_id(r, lookup_job_exists, r->id, on_found);
}

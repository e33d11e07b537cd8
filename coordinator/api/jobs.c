/* Listing, showing and cancelling jobs. */
#include "coordinator/api/handlers.h"
#include "coordinator/api/jobs.h"
#include "coordinator/api/request.h"

#include "base/id.h"
#include "base/mem.h"
#include "base/str.h"

#include <string.h>

#define LIST_LIMIT 50
#define LIST_LIMIT_MAX 500

static bool waits(enum job_state s)
{
    return s == JOB_CREATED || s == JOB_RETRYING;
}

/* ---- list ---- */

struct page {
    struct json_answer a;
    struct reader *reader;
    int64_t last_id;
    bool cut; /* the page is full of bytes before it is full of jobs */
};

static int on_job(const struct job_view *v, void *user)
{
    struct page *p = user;
    if (p->a.b.len > API_LIST_BYTES) {
        p->cut = true;
        return 1;
    }
    jw_object(&p->a.w, NULL);
    (void)job_json(&p->a.w, p->reader, v, 0, NULL, NULL);
    jw_end(&p->a.w);
    p->last_id = v->job.id;
    return 0;
}

static uint32_t parse_states(struct request *r)
{
    const char *s = http_query(&r->target, "state");
    uint32_t states = 0;
    while (s && *s) {
        char name[32];
        size_t len = strcspn(s, ",");
        int state = -1;
        if (len < sizeof name) {
            memcpy(name, s, len);
            name[len] = '\0';
            state = fsm_find(&job_fsm, name);
        }
        if (state < 0) {
            problem_set(&r->problem, 422, "invalid", NULL, "state",
                        "state: '%.*s' is no state; there are CREATED, SUBMITTED, RUNNING, "
                        "KILLING, RETRYING, "
                        "SUCCESS, WARNING, FAILED, KILLED, CANCELLED",
                        (int)(len < 40 ? len : 40), s);
            return 0;
        }
        states |= UINT32_C(1) << state;
        s += len + (s[len] == ',');
    }
    return states;
}

static int64_t parse_agent(struct request *r)
{
    const char *text = http_query(&r->target, "agent");
    struct agent_row agent;
    struct err e = {0};
    int64_t busy, id;
    if (str_empty(text)) return 0;
    int rc = reader_agent(r->api->o.reader, text, &agent, &busy, &e);
    if (!rc) {
        id = agent.id;
        agent_row_fini(&agent);
        return id;
    }
    /* removed agents have jobs still */
    if (rc == ERR_NOT_FOUND && id_parse(text, &id) == 0) return id;
    if (rc == ERR_NOT_FOUND)
        problem_set(&r->problem, 422, "invalid", "'cadre agent list' shows them", "agent",
                    "agent: there is no agent '%.80s'", text);
    else
        problem_from(&r->problem, rc, &e);
    return 0;
}

static void parse_filter(struct request *r, struct job_filter *f)
{
    static const char *const keys[] = {"limit", "cursor", "state", "group", "namespace", "agent"};
    request_query_known(r, keys, sizeof keys / sizeof *keys);
    f->limit = (size_t)request_query_int(r, "limit", 1, LIST_LIMIT_MAX, LIST_LIMIT);
    f->states = parse_states(r);
    f->agent = parse_agent(r);
    f->group = http_query(&r->target, "group");
    f->ns = http_query(&r->target, "namespace");
    if (str_empty(f->ns)) f->ns = NULL;
    if (f->group && *f->group && !str_key_valid(f->group))
        problem_set(&r->problem, 422, "invalid", NULL, "group",
                    "group: '%.80s' is not a group's key", f->group);
    if (f->ns && !str_namespace_valid(f->ns))
        problem_set(&r->problem, 422, "invalid", NULL, "namespace",
                    "namespace: '%.80s' is not a namespace", f->ns);
    const char *cursor = http_query(&r->target, "cursor");
    if (!str_empty(cursor) && id_parse(cursor, &f->before_id))
        problem_set(&r->problem, 422, "invalid", "use the nextCursor of an earlier answer",
                    "cursor", "invalid cursor '%.40s'", cursor);
    if (r->problem.status) return;
    if (!f->ns && r->who.ns) f->ns = r->who.ns;
    (void)auth_namespace(&r->who, f->ns, &r->problem);
}

void jobs_list(struct request *r)
{
    struct job_filter f = {0};
    struct err e = {0};
    parse_filter(r, &f);
    if (r->problem.status) {
        request_send_problem(r, &r->problem);
        return;
    }
    struct page p = {.reader = r->api->o.reader};
    int64_t next = 0;
    json_answer_init(&p.a);
    jw_array(&p.a.w, "jobs");
    int rc = reader_jobs(r->api->o.reader, &f, on_job, &p, &next, &e);
    if (p.cut) {
        rc = 0;
        next = p.last_id;
    }
    if (rc) {
        json_answer_fini(&p.a);
        request_fail(r, rc, &e);
        return;
    }
    jw_end(&p.a.w);
    jw_id(&p.a.w, "nextCursor", next);
    request_send(r, 200, &p.a);
}

/* ---- show ---- */

static void on_why_for_show(struct request *r, struct effect *x)
{
    /* the job may have been handed out meanwhile: then nothing is waited for */
    bool waiting = x->rc == 0 && x->json && !str_eq(x->json, "null");
    job_send(r, 200, r->id, waiting ? x->json : NULL, -1);
}

void jobs_show(struct request *r)
{
    struct job_view v;
    if (!job_of_path(r, &v)) return;
    int64_t id = v.job.id;
    bool ask = waits(v.job.state);
    job_view_fini(&v);
    if (!ask) {
        job_send(r, 200, id, NULL, -1);
        return;
    }
    struct command *c = command_new(CMD_WHY);
    c->u.id = r->id = id;
    request_ask(r, c, on_why_for_show);
}

static void send_why(struct request *r, const char *waiting)
{
    struct job_view v;
    struct err e = {0};
    int rc = reader_job(r->api->o.reader, r->id, &v, &e);
    if (rc) {
        request_fail(r, rc, &e);
        return;
    }
    struct json_answer a;
    json_answer_init(&a);
    jw_id(&a.w, "id", r->id);
    jw_str(&a.w, "state", fsm_name(&job_fsm, (int)v.job.state));
    if (waiting && waits(v.job.state))
        jw_raw(&a.w, "waiting", waiting);
    else
        jw_null(&a.w, "waiting");
    job_view_fini(&v);
    request_send(r, 200, &a);
}

static void on_why(struct request *r, struct effect *x)
{
    if (x->rc && x->rc != ERR_NOT_FOUND)
        request_fail_reply(r, x);
    else
        send_why(r, x->rc ? NULL : x->json);
}

void jobs_why(struct request *r)
{
    struct job_view v;
    if (!job_of_path(r, &v)) return;
    r->id = v.job.id;
    bool ask = waits(v.job.state);
    job_view_fini(&v);
    if (!ask) {
        send_why(r, NULL);
        return;
    }
    struct command *c = command_new(CMD_WHY);
    c->u.id = r->id;
    request_ask(r, c, on_why);
}

/* ---- cancel ---- */

static void on_cancelled(struct request *r, struct effect *x)
{
    if (x->rc)
        request_fail_reply(r, x);
    else
        job_send(r, 202, r->id, NULL, -1);
}

void jobs_cancel(struct request *r)
{
    struct job_view v;
    if (!job_of_path(r, &v)) return;
    struct command *c = command_new(CMD_CANCEL);
    c->u.id = r->id = v.job.id;
    job_view_fini(&v);
    request_ask(r, c, on_cancelled);
}

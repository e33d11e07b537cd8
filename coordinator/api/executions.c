/* Executions: starting, listing, showing and cancelling them. */
#include "coordinator/api/body.h"
#include "coordinator/api/handlers.h"
#include "coordinator/api/jobs.h"
#include "coordinator/api/request.h"

#include "base/id.h"
#include "base/mem.h"
#include "base/str.h"

#include <string.h>

#define LIST_LIMIT 50
#define LIST_LIMIT_MAX 500
#define LABELS_MAX 64
#define LABEL_MAX 256 /* bytes of a key, and of a value */

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
    jw_raw(w, "inputs", x->inputs);
    jw_raw(w, "triggerOutputs", x->trigger_vars);
    jw_raw(w, "labels", x->labels);
    jw_time(w, "createdAt", x->created_ms);
    jw_time(w, "startedAt", x->started_ms);
    jw_time(w, "endedAt", x->ended_ms);
}

/* ---- one ---- */

bool execution_of_path(struct request *r, struct execution_row *x)
{
    const char *text = request_segment(r, 3);
    struct problem p = {0};
    struct err e = {0};
    int64_t id;
    if (id_parse(text, &id)) {
        problem_set(
            &p, 404, "not-found",
            "an execution's id has 13 letters and digits; 'cadre execution list' shows them", NULL,
            "'%.40s' is no execution's id", text);
    } else {
        int rc = reader_execution(r->api->o.reader, id, x, &e);
        if (rc == ERR_NOT_FOUND)
            problem_set(&p, 404, "not-found",
                        "finished executions are forgotten after the retention time", NULL,
                        "there is no execution %s", text);
        else if (rc)
            problem_from(&p, rc, &e);
        else if (!auth_namespace(&r->who, x->ns, &p))
            execution_row_fini(x);
    }
    if (!p.status) return true;
    request_send_problem(r, &p);
    return false;
}

struct runs {
    struct request *r;
    struct jw *w;
    int64_t last;
    const char *waiting; /* of the last, which is under way */
    int64_t waiting_job;
    int rc;
};

static int on_run(const struct job_view *v, void *user)
{
    struct runs *runs = user;
    bool waits = runs->waiting && v->job.id == runs->waiting_job;
    jw_object(runs->w, NULL);
    runs->rc = job_json(runs->w, runs->r->api->o.reader, v, JOB_JSON_WAITING,
                        waits ? runs->waiting : NULL, NULL);
    jw_end(runs->w);
    runs->last = v->job.id;
    return runs->rc;
}

static int put_runs(struct runs *runs, int64_t execution, struct err *e)
{
    bool more = true;
    int rc = 0;
    jw_array(runs->w, "taskRuns");
    while (more && rc == 0) {
        struct task_run_filter f = {execution, runs->last, LIST_LIMIT_MAX};
        rc = reader_task_runs(runs->r->api->o.reader, &f, on_run, runs, &more, e);
    }
    jw_end(runs->w);
    return rc;
}

/* waiting: JSON text of what its task run waits for; NULL: nothing. */
static void send_one(struct request *r, int status, int64_t id, const char *waiting, int duplicate)
{
    struct execution_row x;
    struct err e = {0};
    int rc = reader_execution(r->api->o.reader, id, &x, &e);
    if (rc) {
        request_fail(r, rc, &e);
        return;
    }
    struct json_answer a;
    json_answer_init(&a);
    execution_json(&a.w, &x);
    struct runs runs = {.r = r, .w = &a.w, .waiting = waiting, .waiting_job = x.job};
    if (x.state == EXECUTION_QUEUED) {
        jw_object(&a.w, "waiting");
        jw_str(&a.w, "code", "concurrency");
        jw_str(&a.w, "message", "as many executions of the flow run as its concurrency limit lets");
        jw_end(&a.w);
    } else {
        jw_raw(&a.w, "waiting", waiting);
    }
    rc = put_runs(&runs, x.id, &e);
    if (duplicate >= 0) jw_bool(&a.w, "duplicate", duplicate != 0);
    execution_row_fini(&x);
    if (rc) {
        json_answer_fini(&a);
        request_fail(r, rc, &e);
        return;
    }
    request_send(r, status, &a);
}

static void on_why(struct request *r, struct effect *x)
{
    bool waiting = x->rc == 0 && x->json && !str_eq(x->json, "null");
    send_one(r, 200, r->id, waiting ? x->json : NULL, -1);
}

void executions_show(struct request *r)
{
    struct execution_row x;
    struct job_view v;
    if (!execution_of_path(r, &x)) return;
    int64_t id = x.id, job = x.job;
    execution_row_fini(&x);
    bool waits = false;
    if (job && reader_job(r->api->o.reader, job, &v, NULL) == 0) {
        waits = v.job.state == JOB_CREATED || v.job.state == JOB_RETRYING;
        job_view_fini(&v);
    }
    if (!waits) {
        send_one(r, 200, id, NULL, -1);
        return;
    }
    struct command *c = command_new(CMD_WHY);
    c->u.id = job;
    r->id = id;
    request_ask(r, c, on_why);
}

/* ---- starting ---- */

static void on_started(struct request *r, struct effect *x)
{
    if (x->rc) {
        request_fail_reply(r, x);
        return;
    }
    int status = x->flag ? 200 : 201;
    if (!r->minimal) {
        send_one(r, status, x->id, NULL, x->flag);
        return;
    }
    struct json_answer a;
    json_answer_init(&a);
    jw_id(&a.w, "id", x->id);
    jw_bool(&a.w, "duplicate", x->flag);
    request_send(r, status, &a);
}

/* Inputs that are too large are told so by the engine, which has the flow; until then they wait. */
static void read_values(struct body *b, struct cmd_start *s)
{
    const struct json *inputs = body_object(b, "inputs");
    char *text = json_text(b->object);
    s->bytes = strlen(text);
    mem_free(text);
    if (inputs) s->inputs = json_copy(inputs);
}

static void read_labels(struct body *b, struct cmd_start *s)
{
    const struct json *labels = body_object(b, "labels");
    if (json_count(labels) > LABELS_MAX) {
        body_fail(b, "labels", "has %zu, at most %d are taken", json_count(labels), LABELS_MAX);
        return;
    }
    for (const struct json *j = json_first(labels); j; j = json_next(j)) {
        const char *value = json_str(j, NULL);
        if (!value || !*json_key(j) || strlen(json_key(j)) > LABEL_MAX || strlen(value) > LABEL_MAX)
            body_fail(b, "labels", "keys and values are texts of at most %d bytes", LABEL_MAX);
    }
    if (labels) s->labels = json_copy(labels);
}

void flows_run(struct request *r)
{
    static const char *const keys[] = {"inputs", "labels"};
    struct body b = {.object = r->body, .p = &r->problem, .at = ""};
    const char *ns = request_segment(r, 3);
    struct command *c = command_new(CMD_EXECUTION_START);
    struct cmd_start *s = &c->u.start;
    body_known(&b, keys, 2);
    read_values(&b, s);
    read_labels(&b, s);
    (void)auth_namespace(&r->who, ns, &r->problem);
    s->unique_key = request_take_key(r);
    s->ns = mem_strdup(ns);
    s->flow = mem_strdup(request_segment(r, 4));
    s->submitter = r->who.token;
    if (r->problem.status) {
        command_free(c);
        request_send_problem(r, &r->problem);
        return;
    }
    request_ask(r, c, on_started);
}

/* ---- cancelling ---- */

static void on_cancelled(struct request *r, struct effect *x)
{
    if (x->rc)
        request_fail_reply(r, x);
    else
        send_one(r, 202, r->id, NULL, -1);
}

void executions_cancel(struct request *r)
{
    struct execution_row x;
    if (!execution_of_path(r, &x)) return;
    struct command *c = command_new(CMD_EXECUTION_CANCEL);
    c->u.id = r->id = x.id;
    execution_row_fini(&x);
    request_ask(r, c, on_cancelled);
}

/* ---- list ---- */

struct page {
    struct json_answer a;
    int64_t last_id;
    bool cut; /* the page is full of bytes before it is full of executions */
};

static int on_execution(const struct execution_row *x, void *user)
{
    struct page *p = user;
    if (p->a.b.len > API_LIST_BYTES) {
        p->cut = true;
        return 1;
    }
    jw_object(&p->a.w, NULL);
    execution_json(&p->a.w, x);
    jw_end(&p->a.w);
    p->last_id = x->id;
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
            state = fsm_find(&execution_fsm, name);
        }
        if (state < 0) {
            problem_set(&r->problem, 422, "invalid", NULL, "state",
                        "state: '%.*s' is no state; there are CREATED, QUEUED, RUNNING, KILLING, "
                        "SUCCESS, WARNING, FAILED, KILLED, CANCELLED",
                        (int)(len < 40 ? len : 40), s);
            return 0;
        }
        states |= UINT32_C(1) << state;
        s += len + (s[len] == ',');
    }
    return states;
}

static void parse_filter(struct request *r, struct execution_filter *f)
{
    static const char *const keys[] = {"limit", "cursor", "state", "flow", "trigger", "namespace"};
    request_query_known(r, keys, sizeof keys / sizeof *keys);
    f->limit = (size_t)request_query_int(r, "limit", 1, LIST_LIMIT_MAX, LIST_LIMIT);
    f->states = parse_states(r);
    f->flow = http_query(&r->target, "flow");
    f->trigger = http_query(&r->target, "trigger");
    if (str_empty(f->flow)) f->flow = NULL;
    if (str_empty(f->trigger)) f->trigger = NULL;
    f->ns = request_query_namespace(r);
    const char *cursor = http_query(&r->target, "cursor");
    if (!str_empty(cursor) && id_parse(cursor, &f->before_id))
        problem_set(&r->problem, 422, "invalid", "use the nextCursor of an earlier answer",
                    "cursor", "invalid cursor '%.40s'", cursor);
    if (f->flow && !http_query(&r->target, "namespace"))
        problem_set(&r->problem, 422, "invalid", NULL, "flow",
                    "flow: the namespace of the flow is needed, too");
    if (f->trigger && !f->flow)
        problem_set(&r->problem, 422, "invalid", NULL, "trigger",
                    "trigger: the flow of the trigger is needed, too");
}

void executions_list(struct request *r)
{
    struct execution_filter f = {0};
    struct page p = {0};
    struct err e = {0};
    int64_t next = 0;
    parse_filter(r, &f);
    if (r->problem.status) {
        request_send_problem(r, &r->problem);
        return;
    }
    json_answer_init(&p.a);
    jw_array(&p.a.w, "executions");
    int rc = reader_executions(r->api->o.reader, &f, on_execution, &p, &next, &e);
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

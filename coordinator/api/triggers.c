/* Polling triggers. */
#include "coordinator/api/handlers.h"
#include "coordinator/api/request.h"

#include "base/duration.h"
#include "base/mem.h"
#include "base/str.h"

#define LIST_LIMIT 100
#define LIST_LIMIT_MAX 500

static void put_trigger(struct jw *w, const struct trigger_row *t)
{
    char interval[DURATION_TEXT_SIZE];
    duration_format(t->interval_ms, interval);
    jw_str(w, "namespace", t->ns);
    jw_str(w, "flow", t->flow);
    jw_str(w, "id", t->name);
    jw_bool(w, "disabled", t->disabled);
    jw_str(w, "reason", t->why);
    jw_bool(w, "allowConcurrent", t->concurrent);
    jw_str(w, "interval", interval);
    jw_time(w, "nextAt", t->disabled ? 0 : t->next_ms);
    jw_id(w, "job", t->job);
    jw_str(w, "result", evaluation_names[t->result]);
    jw_str(w, "message", t->message);
    jw_time(w, "evaluatedAt", t->ended_ms);
    jw_id(w, "execution", t->execution);
    jw_int(w, "evaluations", t->evaluations);
    jw_int(w, "fired", t->fired);
    jw_int(w, "errors", t->errors);
    jw_int(w, "skipped", t->skipped);
}

/* ---- list ---- */

struct page {
    struct json_answer a;
    char *last; /* "NAMESPACE/FLOW/ID" */
    bool cut;
};

static int on_trigger(const struct trigger_row *t, void *user)
{
    struct page *p = user;
    if (p->a.b.len > API_LIST_BYTES) {
        p->cut = true;
        return 1;
    }
    jw_object(&p->a.w, NULL);
    put_trigger(&p->a.w, t);
    jw_end(&p->a.w);
    mem_free(p->last);
    p->last = str_dupf("%s/%s/%s", t->ns, t->flow, t->name);
    return 0;
}

void triggers_list(struct request *r)
{
    static const char *const keys[] = {"limit", "cursor", "namespace", "flow"};
    struct trigger_filter f = {0};
    struct page p = {0};
    struct err e = {0};
    char *parts[3] = {NULL, NULL, NULL};
    bool more = false;
    request_query_known(r, keys, 4);
    f.limit = (size_t)request_query_int(r, "limit", 1, LIST_LIMIT_MAX, LIST_LIMIT);
    f.ns = request_query_namespace(r);
    f.flow = http_query(&r->target, "flow");
    if (str_empty(f.flow)) f.flow = NULL;
    char *cursor = request_query_place(r, parts, 3);
    f.after_ns = parts[0];
    f.after_flow = parts[1];
    f.after_name = parts[2];
    if (r->problem.status) {
        mem_free(cursor);
        request_send_problem(r, &r->problem);
        return;
    }
    json_answer_init(&p.a);
    jw_array(&p.a.w, "triggers");
    int rc = reader_triggers(r->api->o.reader, &f, on_trigger, &p, &more, &e);
    if (p.cut) {
        rc = 0;
        more = true;
    }
    mem_free(cursor);
    if (rc) {
        json_answer_fini(&p.a);
        request_fail(r, rc, &e);
    } else {
        jw_end(&p.a.w);
        jw_str(&p.a.w, "nextCursor", more ? p.last : NULL);
        request_send(r, 200, &p.a);
    }
    mem_free(p.last);
}

/* ---- show ---- */

static int on_evaluation(const struct evaluation_row *v, void *user)
{
    struct jw *w = user;
    jw_object(w, NULL);
    jw_int(w, "number", v->number);
    jw_str(w, "result", evaluation_names[v->result]);
    if (v->exited)
        jw_int(w, "exitCode", v->exit_code);
    else
        jw_null(w, "exitCode");
    jw_str(w, "message", v->message);
    jw_id(w, "job", v->job);
    jw_id(w, "execution", v->execution);
    jw_time(w, "startedAt", v->started_ms);
    jw_time(w, "endedAt", v->ended_ms);
    jw_end(w);
    return 0;
}

static void send_trigger(struct request *r, int status)
{
    struct trigger_row t;
    struct err e = {0};
    int rc = reader_trigger(r->api->o.reader, request_segment(r, 3), request_segment(r, 4),
                            request_segment(r, 5), &t, &e);
    if (rc == ERR_NOT_FOUND) {
        struct problem p = {0};
        problem_set(&p, 404, "not-found", "'cadre trigger list' shows them", NULL,
                    "there is no trigger %.100s/%.100s/%.100s", request_segment(r, 3),
                    request_segment(r, 4), request_segment(r, 5));
        request_send_problem(r, &p);
        return;
    }
    if (rc) {
        request_fail(r, rc, &e);
        return;
    }
    struct json_answer a;
    json_answer_init(&a);
    put_trigger(&a.w, &t);
    jw_array(&a.w, "history");
    rc = reader_evaluations(r->api->o.reader, t.id, on_evaluation, &a.w, &e);
    jw_end(&a.w);
    trigger_row_fini(&t);
    if (rc) {
        json_answer_fini(&a);
        request_fail(r, rc, &e);
        return;
    }
    request_send(r, status, &a);
}

static bool may(struct request *r)
{
    struct problem p = {0};
    if (auth_namespace(&r->who, request_segment(r, 3), &p)) return true;
    request_send_problem(r, &p);
    return false;
}

void triggers_show(struct request *r)
{
    if (may(r)) send_trigger(r, 200);
}

/* ---- enable, disable, run ---- */

static void on_changed(struct request *r, struct effect *x)
{
    if (x->rc)
        request_fail_reply(r, x);
    else
        send_trigger(r, 200);
}

static void on_run(struct request *r, struct effect *x)
{
    if (x->rc) {
        request_fail_reply(r, x);
        return;
    }
    struct json_answer a;
    json_answer_init(&a);
    jw_id(&a.w, "job", x->id);
    request_send(r, 202, &a);
}

static void ask(struct request *r, enum command_type type,
                void (*on_reply)(struct request *r, struct effect *x))
{
    if (!may(r)) return;
    struct command *c = command_new(type);
    c->u.place.ns = mem_strdup(request_segment(r, 3));
    c->u.place.flow = mem_strdup(request_segment(r, 4));
    c->u.place.trigger = mem_strdup(request_segment(r, 5));
    request_ask(r, c, on_reply);
}

void triggers_enable(struct request *r)
{
    ask(r, CMD_TRIGGER_ENABLE, on_changed);
}

void triggers_disable(struct request *r)
{
    ask(r, CMD_TRIGGER_DISABLE, on_changed);
}

void triggers_run(struct request *r)
{
    ask(r, CMD_TRIGGER_RUN, on_run);
}

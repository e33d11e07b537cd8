/* Executions: starting, listing, showing and cancelling them. */
#include "coordinator/api/body.h"
#include "coordinator/api/handlers.h"
#include "coordinator/api/range.h"
#include "coordinator/api/request.h"
#include "coordinator/api/trace.h"
#include "coordinator/api/waiting.h"

#include "base/escape.h"
#include "base/mem.h"
#include "base/str.h"

#include <string.h>

#define LABELS_MAX 64
#define LABEL_MAX 256 /* bytes of a key, and of a value */

/* ---- one ---- */

static void send_one(struct request *r, int status, int64_t id, int duplicate)
{
    struct lookup *l = request_lookup(r, lookup_execution);
    l->id = id;
    l->status = status;
    l->duplicate = duplicate;
    request_look_up(r, l, request_answer);
}

static void on_why(struct request *r, struct reply *x)
{
    struct lookup *l = request_lookup(r, lookup_execution);
    l->id = r->id;
    l->waiting = waiting_of(x);
    request_look_up(r, l, request_answer);
}

static void on_shown(struct request *r, struct lookup *l)
{
    waiting_ask(r, l, on_why);
}

void executions_show(struct request *r)
{
    if (!request_path_id(r, "execution", &r->id)) return;
    struct lookup *l = request_lookup(r, lookup_execution);
    l->id = r->id;
    l->may_wait = true;
    request_look_up(r, l, on_shown);
}

void executions_runs(struct request *r)
{
    struct lookup *l = request_list(r, LIST_RUNS, lookup_runs, NULL, 0);
    if (request_path_id(r, "execution", &l->id))
        request_send_list(r, l);
    else
        lookup_free(l);
}

/* ---- starting ---- */

static void on_started(struct request *r, struct reply *x)
{
    if (x->rc) {
        request_fail_reply(r, x);
        return;
    }
    int status = x->known ? 200 : 201;
    if (!x->known) trace_log(r, "execution", x->id);
    if (!r->minimal) {
        send_one(r, status, x->id, x->known);
        return;
    }
    struct json_answer a;
    json_answer_init(&a);
    jw_id(&a.w, "id", x->id);
    jw_bool(&a.w, "duplicate", x->known);
    request_send(r, status, &a);
}

/* The engine refuses inputs that are too large: it knows the flow. */
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
        body_fail(b, "labels", "has %zu, at most %d are allowed", json_count(labels), LABELS_MAX);
        return;
    }
    struct err why;
    for (const struct json *j = json_first(labels); j; j = json_next(j)) {
        const char *value = json_str(j, NULL);
        if (!value || !*json_key(j) || strlen(json_key(j)) > LABEL_MAX || strlen(value) > LABEL_MAX)
            body_fail(b, "labels", "keys and values are texts of at most %d bytes", LABEL_MAX);
        else if (escape_check(json_key(j), &why) != 0 || escape_check(value, &why) != 0)
            body_fail(b, "labels", "'%s' %s", json_key(j), err_text(&why));
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
    s->unique_key = request_take_key(r, "");
    s->ns = mem_strdup(ns);
    s->flow = mem_strdup(request_segment(r, 4));
    s->submitter = r->who.token;
    trace_take(r);
    s->trace = trace_copy(r);
    if (r->problem.status) {
        command_free(c);
        request_send_problem(r, &r->problem);
        return;
    }
    request_ask(r, c, on_started);
}

/* ---- cancelling ---- */

static void on_cancelled(struct request *r, struct reply *x)
{
    if (x->rc)
        request_fail_reply(r, x);
    else
        send_one(r, 202, r->id, -1);
}

static void on_found(struct request *r, struct lookup *l)
{
    if (l->problem.status) {
        request_answer(r, l);
        return;
    }
    struct command *c = command_new(CMD_EXECUTION_CANCEL);
    c->u.id = r->id;
    request_ask(r, c, on_cancelled);
}

void executions_cancel(struct request *r)
{
    if (request_path_id(r, "execution", &r->id))
        request_look_up_id(r, lookup_execution_exists, r->id, on_found);
}

/* ---- list ---- */

void executions_list(struct request *r)
{
    static const char *const keys[] = {"state", "flow",  "trigger", "namespace",
                                       "label", "since", "until",   "id"};
    struct lookup *l =
        request_list(r, LIST_EXECUTIONS, lookup_executions, keys, sizeof keys / sizeof *keys);
    const char *states[EXECUTION_STATES];
    for (int i = 0; i < EXECUTION_STATES; i++)
        states[i] = fsm_name(&execution_fsm, i);
    l->states = request_query_words(r, "state", states, EXECUTION_STATES);
    l->flow = request_query_copy(r, "flow");
    l->name = request_query_copy(r, "trigger");
    l->labels = request_query_labels(r);
    range_ids(r, l);
    l->ns = mem_strdup(request_query_namespace(r));
    if (l->flow && !http_query(&r->target, "namespace"))
        problem_field(&r->problem, "flow", "flow: the namespace of the flow is needed, too");
    if (l->name && !l->flow)
        problem_field(&r->problem, "trigger",
                      "trigger: the flow of the trigger is needed, too (NAMESPACE/FLOW)");
    request_send_list(r, l);
}

/* Polling triggers. */
#include "coordinator/api/handlers.h"
#include "coordinator/api/request.h"
#include "coordinator/api/waiting.h"

#include "base/mem.h"
#include "base/str.h"

void triggers_list(struct request *r)
{
    static const char *const keys[] = {"namespace", "flow"};
    struct lookup *l = request_list(r, LIST_TRIGGERS, lookup_triggers, keys, 2);
    l->ns = mem_strdup(request_query_namespace(r));
    l->flow = request_query_copy(r, "flow");
    request_send_list(r, l);
}

static struct lookup *look_up(const struct request *r)
{
    struct lookup *l = request_lookup(r, lookup_trigger);
    l->ns = mem_strdup(request_segment(r, 3));
    l->flow = mem_strdup(request_segment(r, 4));
    l->name = mem_strdup(request_segment(r, 5));
    return l;
}

static void on_why(struct request *r, struct reply *x)
{
    struct lookup *l = look_up(r);
    l->waiting = waiting_of(x);
    request_look_up(r, l, request_answer);
}

static void on_shown(struct request *r, struct lookup *l)
{
    waiting_ask(r, l, on_why);
}

void triggers_show(struct request *r)
{
    struct lookup *l = look_up(r);
    l->may_wait = true;
    request_look_up(r, l, on_shown);
}

/* ---- enable, disable, run ---- */

static void on_changed(struct request *r, struct reply *x)
{
    if (x->rc)
        request_fail_reply(r, x);
    else
        triggers_show(r);
}

static void on_run(struct request *r, struct reply *x)
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
                void (*on_reply)(struct request *r, struct reply *x))
{
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

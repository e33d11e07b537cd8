/* Agents: list, show, history, drain, resume, remove. */
#include "coordinator/api/handlers.h"
#include "coordinator/api/request.h"

#include "base/escape.h"
#include "base/mem.h"
#include "base/str.h"
#include "wire/limits.h"

#include <string.h>

void agents_list(struct request *r)
{
    static const char *const keys[] = {"group", "state"};
    struct lookup *l = request_list(r, LIST_AGENTS, lookup_agents, keys, 2);
    l->states = request_query_words(r, "state", agent_state_names, AGENT_STATES);
    l->group = request_query_group(r);
    request_send_list(r, l);
}

static void look_up(struct request *r, lookup_fn *read,
                    void (*on_answer)(struct request *r, struct lookup *l))
{
    struct lookup *l = request_lookup(r, read);
    l->name = mem_strdup(request_segment(r, 3));
    request_look_up(r, l, on_answer);
}

void agents_show(struct request *r)
{
    look_up(r, lookup_agent, request_answer);
}

void agents_history(struct request *r)
{
    struct lookup *l = request_list(r, LIST_AGENT_EVENTS, lookup_agent_events, NULL, 0);
    l->name = mem_strdup(request_segment(r, 3));
    request_send_list(r, l);
}

/* ---- orders ---- */

static void on_changed(struct request *r, struct reply *x)
{
    if (x->rc)
        request_fail_reply(r, x);
    else
        agents_show(r);
}

static void tell_removed(struct request *r)
{
    request_send_empty(r, 204);
}

static void on_removed(struct request *r, struct reply *x)
{
    if (x->rc)
        request_fail_reply(r, x);
    else
        request_hold(r, tell_removed);
}

/* The path may name the agent; the engine knows its id. */
static void give(struct request *r, struct lookup *l, enum command_type type,
                 void (*on_reply)(struct request *r, struct reply *x))
{
    if (l->problem.status) {
        request_answer(r, l);
        return;
    }
    const char *reason = http_query(&r->target, "reason");
    struct command *c = command_new(type);
    c->u.id = l->found;
    c->flag = request_query_bool(r, "force");
    c->text = mem_strdup(reason);
    request_ask(r, c, on_reply);
}

static void give_drain(struct request *r, struct lookup *l)
{
    give(r, l, CMD_AGENT_DRAIN, on_changed);
}

static void give_resume(struct request *r, struct lookup *l)
{
    give(r, l, CMD_AGENT_RESUME, on_changed);
}

static void give_remove(struct request *r, struct lookup *l)
{
    give(r, l, CMD_AGENT_REMOVE, on_removed);
}

/* The query may have the first `count` of keys. */
static void order(struct request *r, size_t count,
                  void (*on_found)(struct request *r, struct lookup *l))
{
    static const char *const keys[] = {"reason", "force"};
    request_query_known(r, keys, count);
    (void)request_query_bool(r, "force"); /* says what is wrong with the value */
    const char *reason = http_query(&r->target, "reason");
    struct err e;
    if (reason && escape_check(reason, &e)) /* it goes into the log */
        problem_field(&r->problem, "reason", "reason: %s", err_text(&e));
    if (reason && strlen(reason) > LIMIT_MESSAGE / 2)
        problem_field(&r->problem, "reason", "reason: is too long: %d bytes are the most",
                      LIMIT_MESSAGE / 2);
    if (r->problem.status)
        request_send_problem(r, &r->problem);
    else
        look_up(r, lookup_agent_exists, on_found);
}

void agents_drain(struct request *r)
{
    order(r, 1, give_drain);
}

void agents_resume(struct request *r)
{
    order(r, 1, give_resume);
}

void agents_remove(struct request *r)
{
    order(r, 2, give_remove);
}

/* Namespaces: which group their jobs go to. */
#include "coordinator/api/body.h"
#include "coordinator/api/handlers.h"
#include "coordinator/api/request.h"

#include "base/mem.h"
#include "base/str.h"

#include <string.h>

void namespaces_list(struct request *r)
{
    request_send_list(r, request_list(r, LIST_NAMESPACES, lookup_namespaces, NULL, 0));
}

static bool namespace_of_path(struct request *r)
{
    const char *ns = request_segment(r, 3);
    if (!str_namespace_valid(ns))
        problem_field(
            &r->problem, "namespace",
            "'%.80s' is not a namespace: words of letters, digits, '_' and '-' joined by dots", ns);
    return !r->problem.status;
}

static void ask(struct request *r, struct command *c, void (*fn)(struct request *, struct reply *))
{
    if (namespace_of_path(r)) {
        request_ask(r, c, fn);
        return;
    }
    command_free(c);
    request_send_problem(r, &r->problem);
}

/* reply.json: {"group":..,"from":..,"fallback":..}; the answer has the namespace as well. */
static void on_resolved(struct request *r, struct reply *x)
{
    struct json *said = NULL;
    if (x->rc) {
        request_fail_reply(r, x);
        return;
    }
    if (x->json) (void)json_parse(x->json, strlen(x->json), &said, NULL);
    struct json_answer a;
    json_answer_init(&a);
    jw_str(&a.w, "namespace", request_segment(r, 3));
    for (const struct json *j = json_first(said); j; j = json_next(j))
        jw_tree(&a.w, json_key(j), j);
    json_free(said);
    request_send(r, 200, &a);
}

static void resolve(struct request *r)
{
    struct command *c = command_new(CMD_RESOLVE);
    c->text = mem_strdup(request_segment(r, 3));
    ask(r, c, on_resolved);
}

void namespaces_show(struct request *r)
{
    resolve(r);
}

static void on_set(struct request *r, struct reply *x)
{
    if (x->rc)
        request_fail_reply(r, x);
    else
        resolve(r);
}

void namespaces_set(struct request *r)
{
    static const char *const keys[] = {"group", "fallback"};
    struct body b = {.object = r->body, .p = &r->problem, .at = ""};
    struct command *c = command_new(CMD_NS_SET);
    body_known(&b, keys, sizeof keys / sizeof *keys);
    c->u.ns.ns = mem_strdup(request_segment(r, 3));
    if (!json_get(b.object, "group"))
        body_fail(&b, "group", "is missing: a group's key, or null for the default group");
    c->u.ns.group = mem_strdup(body_group_key(&b, "group"));
    c->u.ns.fallback = body_choice(&b, "fallback", fallback_names, 4, -1);
    ask(r, c, on_set);
}

static void on_unset(struct request *r, struct reply *x)
{
    if (x->rc)
        request_fail_reply(r, x);
    else
        request_send_empty(r, 204);
}

void namespaces_unset(struct request *r)
{
    struct command *c = command_new(CMD_NS_UNSET);
    c->text = mem_strdup(request_segment(r, 3));
    ask(r, c, on_unset);
}

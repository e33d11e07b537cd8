/* Agents: list, show, drain, resume, remove. */
#include "coordinator/api/handlers.h"
#include "coordinator/api/request.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "wire/limits.h"

#include <string.h>

#define LIST_LIMIT 1000
#define LABEL "label."

/* Labels travel among the capabilities as "label.x"; people see them apart. */
static void put_capabilities(struct jw *w, const char *text)
{
    struct json *all = NULL;
    if (!text || json_parse(text, strlen(text), &all, NULL)) all = json_new(JSON_OBJECT);
    jw_object(w, "capabilities");
    for (const struct json *j = json_first(all); j; j = json_next(j))
        if (!str_starts(json_key(j), LABEL)) jw_tree(w, json_key(j), j);
    jw_end(w);
    jw_object(w, "labels");
    for (const struct json *j = json_first(all); j; j = json_next(j))
        if (str_starts(json_key(j), LABEL)) jw_tree(w, json_key(j) + strlen(LABEL), j);
    jw_end(w);
    json_free(all);
}

static const char *state_of(const struct agent_row *a)
{
    if (!a->online) return "OFFLINE";
    return a->draining || a->held ? "DRAINING" : "ONLINE";
}

static void put_agent(struct jw *w, const struct agent_row *a, int64_t busy)
{
    int64_t free_slots =
        a->online && !a->draining && !a->held && a->slots > busy ? a->slots - busy : 0;
    jw_id(w, "id", a->id);
    jw_str(w, "name", a->name);
    jw_str(w, "group", a->group);
    jw_str(w, "state", state_of(a));
    jw_int(w, "slots", a->slots);
    jw_int(w, "freeSlots", free_slots);
    jw_int(w, "busySlots", busy);
    put_capabilities(w, a->capabilities);
    jw_str(w, "version", a->version);
    jw_time(w, "createdAt", a->created_ms);
    jw_time(w, "lastSeenAt", a->last_seen_ms);
    jw_bool(w, "held", a->held);
    jw_str(w, "drainReason", a->drain_reason);
}

/* ---- list ---- */

struct page {
    struct json_answer a;
    const char *after; /* name; NULL: from the first */
    size_t left;
    char *last; /* name of the last one written */
    bool cut;
};

static int on_agent(const struct agent_row *a, int64_t busy, void *user)
{
    struct page *p = user;
    if (p->after && strcmp(a->name, p->after) <= 0) return 0;
    if (!p->left || p->a.b.len > API_LIST_BYTES) {
        p->cut = true;
        return 1;
    }
    p->left--;
    jw_object(&p->a.w, NULL);
    put_agent(&p->a.w, a, busy);
    jw_end(&p->a.w);
    mem_free(p->last);
    p->last = mem_strdup(a->name);
    return 0;
}

void agents_list(struct request *r)
{
    static const char *const keys[] = {"limit", "cursor"};
    struct err e = {0};
    request_query_known(r, keys, 2);
    struct page p = {.left = (size_t)request_query_int(r, "limit", 1, LIST_LIMIT, LIST_LIMIT)};
    p.after = http_query(&r->target, "cursor");
    if (str_empty(p.after)) p.after = NULL;
    if (r->problem.status) {
        request_send_problem(r, &r->problem);
        return;
    }
    json_answer_init(&p.a);
    jw_array(&p.a.w, "agents");
    int rc = reader_agents(r->api->o.reader, on_agent, &p, &e);
    if (rc && !p.cut) {
        json_answer_fini(&p.a);
        mem_free(p.last);
        request_fail(r, rc, &e);
        return;
    }
    jw_end(&p.a.w);
    jw_str(&p.a.w, "nextCursor", p.cut ? p.last : NULL);
    mem_free(p.last);
    request_send(r, 200, &p.a);
}

/* ---- one ---- */

static bool agent_of_path(struct request *r, struct agent_row *a, int64_t *busy)
{
    struct err e = {0};
    const char *text = request_segment(r, 3);
    int rc = reader_agent(r->api->o.reader, text, a, busy, &e);
    if (!rc) return true;
    struct problem p = {0};
    if (rc == ERR_NOT_FOUND)
        problem_set(&p, 404, "not-found", "'cadre agent list' shows them", NULL,
                    "there is no agent '%.130s'", text);
    else
        problem_from(&p, rc, &e);
    request_send_problem(r, &p);
    return false;
}

void agents_show(struct request *r)
{
    struct agent_row agent;
    int64_t busy;
    if (!agent_of_path(r, &agent, &busy)) return;
    struct json_answer a;
    json_answer_init(&a);
    put_agent(&a.w, &agent, busy);
    agent_row_fini(&agent);
    request_send(r, 200, &a);
}

static void on_changed(struct request *r, struct effect *x)
{
    if (x->rc)
        request_fail_reply(r, x);
    else
        agents_show(r);
}

static void on_removed(struct request *r, struct effect *x)
{
    if (x->rc)
        request_fail_reply(r, x);
    else
        request_send_empty(r, 204);
}

static void order(struct request *r, enum command_type type,
                  void (*fn)(struct request *, struct effect *))
{
    static const char *const keys[] = {"reason"};
    struct agent_row agent;
    int64_t busy;
    request_query_known(r, keys, 1);
    const char *reason = http_query(&r->target, "reason");
    if (reason && strlen(reason) > LIMIT_MESSAGE / 2)
        problem_set(&r->problem, 422, "invalid", NULL, "reason", "reason: is too long");
    if (r->problem.status) {
        request_send_problem(r, &r->problem);
        return;
    }
    if (!agent_of_path(r, &agent, &busy)) return;
    struct command *c = command_new(type);
    c->u.id = agent.id;
    c->text = mem_strdup(str_empty(reason) ? NULL : reason);
    agent_row_fini(&agent);
    request_ask(r, c, fn);
}

void agents_drain(struct request *r)
{
    order(r, CMD_AGENT_DRAIN, on_changed);
}

void agents_resume(struct request *r)
{
    order(r, CMD_AGENT_RESUME, on_changed);
}

void agents_remove(struct request *r)
{
    order(r, CMD_AGENT_REMOVE, on_removed);
}

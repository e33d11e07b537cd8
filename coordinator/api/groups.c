/* Worker groups. */
#include "coordinator/api/body.h"
#include "coordinator/api/handlers.h"
#include "coordinator/api/request.h"

#include "base/mem.h"
#include "base/str.h"
#include "wire/limits.h"

#define DESCRIPTION_MAX (4 * LIMIT_NAME)
#define NAMESPACES_MAX 256

enum { MASK_DESCRIPTION = 1, MASK_REQUIRE = 2, MASK_NAMESPACES = 4, MASK_MAX_QUEUED = 8 };

static void put_group(struct jw *w, const struct group_row *g, int64_t agents, int64_t online,
                      int64_t queued, int64_t running)
{
    jw_str(w, "key", g->key);
    if (g->description)
        jw_str(w, "description", g->description);
    else
        jw_null(w, "description");
    if (g->require)
        jw_raw(w, "requires", g->require);
    else
        jw_null(w, "requires");
    jw_raw(w, "allowedNamespaces", g->allowed_namespaces ? g->allowed_namespaces : "[]");
    jw_bool(w, "paused", g->paused);
    jw_int(w, "maxQueued", g->max_queued);
    jw_int(w, "agents", agents);
    jw_int(w, "online", online);
    jw_int(w, "queued", queued);
    jw_int(w, "running", running);
    jw_time(w, "createdAt", g->created_ms);
}

struct listing {
    struct json_answer a;
    const char *key; /* only this one, not as a list; NULL: all */
    bool found;
};

static int on_group(const struct group_row *g, int64_t agents, int64_t online, int64_t queued,
                    int64_t running, void *user)
{
    struct listing *l = user;
    if (l->key && !str_eq(l->key, g->key)) return 0;
    l->found = true;
    if (!l->key) jw_object(&l->a.w, NULL);
    put_group(&l->a.w, g, agents, online, queued, running);
    if (!l->key) jw_end(&l->a.w);
    return 0;
}

void groups_list(struct request *r)
{
    struct listing l = {0};
    struct err e = {0};
    json_answer_init(&l.a);
    jw_array(&l.a.w, "groups");
    int rc = reader_groups(r->api->o.reader, on_group, &l, &e);
    if (rc) {
        json_answer_fini(&l.a);
        request_fail(r, rc, &e);
        return;
    }
    jw_end(&l.a.w);
    request_send(r, 200, &l.a);
}

static void send_group(struct request *r, int status, const char *key)
{
    struct listing l = {.key = key};
    struct err e = {0};
    json_answer_init(&l.a);
    int rc = reader_groups(r->api->o.reader, on_group, &l, &e);
    if (!rc && l.found) {
        request_send(r, status, &l.a);
        return;
    }
    json_answer_fini(&l.a);
    if (rc) {
        request_fail(r, rc, &e);
        return;
    }
    struct problem p = {0};
    problem_set(&p, 404, "not-found", "'cadre group list' shows them", NULL,
                "there is no worker group '%.80s'", key);
    request_send_problem(r, &p);
}

void groups_show(struct request *r)
{
    send_group(r, 200, request_segment(r, 3));
}

/* ---- changes ---- */

static void read_namespaces(struct body *b, struct group_row *g)
{
    const struct json *list = body_array(b, "allowedNamespaces");
    if (!list || !json_count(list)) return;
    if (json_count(list) > NAMESPACES_MAX)
        body_fail(b, "allowedNamespaces", "has too many entries");
    for (const struct json *j = json_first(list); j; j = json_next(j)) {
        const char *ns = json_str(j, NULL);
        if (!ns || !str_namespace_valid(ns))
            body_fail(b, "allowedNamespaces", "'%.80s' is not a namespace", ns ? ns : "?");
    }
    g->allowed_namespaces = json_text(list);
}

/* Fills what the body names; the mask says what that was. */
static uint32_t read_group(struct body *b, struct group_row *g)
{
    uint32_t mask = 0;
    if (json_get(b->object, "description")) mask |= MASK_DESCRIPTION;
    if (json_get(b->object, "requires")) mask |= MASK_REQUIRE;
    if (json_get(b->object, "allowedNamespaces")) mask |= MASK_NAMESPACES;
    if (json_get(b->object, "maxQueued")) mask |= MASK_MAX_QUEUED;
    g->description = mem_strdup(body_str(b, "description", DESCRIPTION_MAX));
    const struct json *require = body_object(b, "requires");
    if (json_count(require)) g->require = json_text(require);
    read_namespaces(b, g);
    g->max_queued = body_int(b, "maxQueued", 0, INT64_C(1000000000), 0);
    return mask;
}

static void on_changed(struct request *r, struct effect *x)
{
    if (x->rc)
        request_fail_reply(r, x);
    else
        send_group(r, r->text ? 201 : 200, r->text ? r->text : request_segment(r, 3));
}

static void send_or_ask(struct request *r, struct command *c)
{
    if (!r->problem.status) {
        request_ask(r, c, on_changed);
        return;
    }
    command_free(c);
    request_send_problem(r, &r->problem);
}

void groups_create(struct request *r)
{
    static const char *const keys[] = {"key",    "description", "requires", "allowedNamespaces",
                                       "paused", "maxQueued"};
    struct body b = {.object = r->body, .p = &r->problem, .at = ""};
    struct command *c = command_new(CMD_GROUP_CREATE);
    struct group_row *g = &c->u.group;
    body_known(&b, keys, sizeof keys / sizeof *keys);
    const char *key = body_group_key(&b, "key");
    if (!key) body_fail(&b, "key", "is missing");
    g->key = mem_strdup(key);
    r->text = mem_strdup(key);
    (void)read_group(&b, g);
    g->paused = body_bool(&b, "paused", false);
    send_or_ask(r, c);
}

void groups_update(struct request *r)
{
    static const char *const keys[] = {"description", "requires", "allowedNamespaces", "maxQueued"};
    struct body b = {.object = r->body, .p = &r->problem, .at = ""};
    struct command *c = command_new(CMD_GROUP_UPDATE);
    body_known(&b, keys, sizeof keys / sizeof *keys);
    c->u.group.key = mem_strdup(request_segment(r, 3));
    c->mask = read_group(&b, &c->u.group);
    send_or_ask(r, c);
}

static void on_deleted(struct request *r, struct effect *x)
{
    if (x->rc)
        request_fail_reply(r, x);
    else
        request_send_empty(r, 204);
}

void groups_delete(struct request *r)
{
    static const char *const keys[] = {"force"};
    request_query_known(r, keys, 1);
    struct command *c = command_new(CMD_GROUP_DELETE);
    c->text = mem_strdup(request_segment(r, 3));
    c->flag = request_query_bool(r, "force");
    if (!r->problem.status) {
        request_ask(r, c, on_deleted);
        return;
    }
    command_free(c);
    request_send_problem(r, &r->problem);
}

static void pause_or_resume(struct request *r, enum command_type type)
{
    struct command *c = command_new(type);
    c->text = mem_strdup(request_segment(r, 3));
    request_ask(r, c, on_changed);
}

void groups_pause(struct request *r)
{
    pause_or_resume(r, CMD_GROUP_PAUSE);
}

void groups_resume(struct request *r)
{
    pause_or_resume(r, CMD_GROUP_RESUME);
}

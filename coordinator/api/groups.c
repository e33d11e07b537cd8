/* Worker groups. */
#include "coordinator/api/body.h"
#include "coordinator/api/forward.h"
#include "coordinator/api/handlers.h"
#include "coordinator/api/request.h"
#include "coordinator/api/waiting.h"

#include "base/mem.h"
#include "base/str.h"
#include "wire/limits.h"

#define DESCRIPTION_MAX (4 * LIMIT_NAME)
#define NAMESPACES_MAX 256

enum {
    MASK_DESCRIPTION = 1,
    MASK_REQUIRE = 2,
    MASK_NAMESPACES = 4,
    MASK_MAX_QUEUED = 8,
    MASK_TAGS = 16
};

void groups_list(struct request *r)
{
    static const char *const keys[] = {"order"};
    static const char *const orders[] = {"busy"};
    bool busy = request_query_words(r, "order", orders, 1) != 0;
    struct lookup *l = request_list(r, busy ? LIST_BUSY : LIST_GROUPS,
                                    busy ? lookup_busy : lookup_groups, keys, 1);
    if (busy && !str_empty(http_query(&r->target, "cursor")))
        problem_field(&r->problem, "cursor",
                      "cursor: the busiest groups are one page: leave order=busy out to list all");
    request_send_list(r, l);
}

/* The key: that of a group that was made stands in the body alone. */
static const char *key_of(const struct request *r)
{
    return r->text ? r->text : request_segment(r, 3);
}

static void look_at(struct request *r, char *why,
                    void (*on_answer)(struct request *r, struct lookup *l))
{
    struct lookup *l = request_lookup(r, lookup_group);
    l->name = mem_strdup(key_of(r));
    if (r->api->o.waits) l->waiting = r->api->o.waits(key_of(r), r->api->o.user);
    l->why = why;
    l->may_wait = on_answer != request_answer;
    l->status = r->text ? 201 : 200;
    request_look_up(r, l, on_answer);
}

static void on_why(struct request *r, struct reply *x)
{
    if (x->rc && x->rc != ERR_NOT_FOUND && !r->acted)
        request_fail_reply(r, x);
    else
        look_at(r, waiting_of(x), request_answer);
}

/* Why its first job waits is known to the engine alone. */
static void on_group(struct request *r, struct lookup *l)
{
    if (!l->waits || l->problem.status) {
        request_answer(r, l);
        return;
    }
    struct command *c = command_new(CMD_WHY);
    c->text = mem_strdup(key_of(r));
    request_ask(r, c, on_why);
}

/* How long its jobs waited is known to the owner alone, too. */
static void show_without_owner(struct request *r)
{
    look_at(r, NULL, request_answer);
}

void groups_show(struct request *r)
{
    if (api_owns(r->api))
        look_at(r, NULL, on_group);
    else
        forward_rest(r, show_without_owner);
}

/* The one that is named; none: the first. */
static enum history_span query_span(struct request *r)
{
    uint32_t spans = request_query_words(r, "span", history_span_names, HISTORY_SPANS);
    if (spans & (spans - 1))
        problem_field(&r->problem, "span", "span: one of hour and day, not several");
    return spans >> HISTORY_DAY & 1 ? HISTORY_DAY : HISTORY_HOUR;
}

void groups_history(struct request *r)
{
    static const char *const keys[] = {"span"};
    const struct api_options *o = &r->api->o;
    const char *key = request_segment(r, 3);
    request_query_known(r, keys, 1);
    enum history_span span = query_span(r);
    if (r->problem.status) {
        request_send_problem(r, &r->problem);
        return;
    }
    struct lookup *l = request_lookup(r, lookup_group_history);
    l->name = mem_strdup(key);
    l->number = o->started_wall_ms;
    l->id = history_step_ms(span);
    if (o->history) l->waiting = o->history(key, span, &l->shared, o->user);
    request_look_up(r, l, request_answer);
}

void groups_waits(struct request *r)
{
    static const char *const keys[] = {"group"};
    request_query_known(r, keys, 1);
    char *group = request_query_group(r);
    if (r->problem.status) {
        mem_free(group);
        request_send_problem(r, &r->problem);
        return;
    }
    struct lookup *l = request_lookup(r, lookup_waits);
    l->group = group;
    l->number = r->api->o.started_wall_ms;
    if (r->api->o.waits_list) l->waiting = r->api->o.waits_list(group, r->api->o.user);
    request_look_up(r, l, request_answer);
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
            body_fail(b, "allowedNamespaces",
                      "'%.80s' is not a namespace: words of letters, digits, '_' and '-' joined by "
                      "dots",
                      ns ? ns : "?");
    }
    g->allowed_namespaces = json_text(list);
}

/* Fills the fields that the body names, and returns them as a mask. */
static uint32_t read_group(struct body *b, struct group_row *g)
{
    uint32_t mask = 0;
    if (json_get(b->object, "description")) mask |= MASK_DESCRIPTION;
    if (json_get(b->object, "requires")) mask |= MASK_REQUIRE;
    if (json_get(b->object, "allowedNamespaces")) mask |= MASK_NAMESPACES;
    if (json_get(b->object, "tags")) mask |= MASK_TAGS;
    if (json_get(b->object, "maxQueued")) mask |= MASK_MAX_QUEUED;
    const char *description = body_str(b, "description", DESCRIPTION_MAX);
    g->description = mem_strdup(str_empty(description) ? NULL : description);
    const struct json *require = body_object(b, "requires");
    if (json_count(require)) g->require = json_text(require);
    read_namespaces(b, g);
    const struct json *tags = body_array(b, "tags");
    if (tags && json_count(tags)) g->tags = json_text(tags); /* the engine looks at them */
    g->max_queued = body_int(b, "maxQueued", 0, INT64_C(1000000000), 0);
    return mask;
}

static void on_changed(struct request *r, struct reply *x)
{
    if (x->rc)
        request_fail_reply(r, x);
    else
        look_at(r, NULL, on_group);
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
                                       "paused", "maxQueued",   "tags"};
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
    static const char *const keys[] = {"description", "requires", "allowedNamespaces", "maxQueued",
                                       "tags"};
    struct body b = {.object = r->body, .p = &r->problem, .at = ""};
    struct command *c = command_new(CMD_GROUP_UPDATE);
    body_known(&b, keys, sizeof keys / sizeof *keys);
    c->u.group.key = mem_strdup(request_segment(r, 3));
    c->mask = read_group(&b, &c->u.group);
    if (!c->mask)
        (void)problem_field(&r->problem, "",
                            "nothing is to be changed: give description, requires, "
                            "allowedNamespaces, maxQueued or tags");
    send_or_ask(r, c);
}

static void on_deleted(struct request *r, struct reply *x)
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

/* Namespaces: which group their jobs go to, and whom they tell. */
#include "coordinator/api/body.h"
#include "coordinator/api/handlers.h"
#include "coordinator/api/request.h"
#include "coordinator/engine/namespace.h"

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

/* reply.json: {"group":..,"from":..,"notify":..}; the answer has the namespace as well. */
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

/* ---- whom it tells ---- */

#define EVENT_NAMES (&rule_event_names[RULE_FIRST_OF_NAMESPACE])
#define EVENT_COUNT ((size_t)(RULE_EVENTS - RULE_FIRST_OF_NAMESPACE))

/* Bits by the place in EVENT_NAMES: those that are listed, or all. */
static unsigned read_events(struct body *b)
{
    unsigned events = 0;
    const struct json *list = body_array(b, "events");
    if (body_has(b, "events") && json_count(list) == 0)
        body_fail(b, "events", "names no event: leave it out for all");
    if (!list) return (1u << EVENT_COUNT) - 1;
    for (const struct json *j = json_first(list); j; j = json_next(j)) {
        char shown[STR_QUOTE_SIZE], suggestion[STR_SUGGEST_SIZE];
        const char *name = json_str(j, "");
        size_t i = 0;
        while (i < EVENT_COUNT && !str_eq(EVENT_NAMES[i], name))
            i++;
        if (i < EVENT_COUNT) {
            events |= 1u << i;
            continue;
        }
        str_suggest_nearest(suggestion, name, EVENT_NAMES, EVENT_COUNT);
        body_fail(b, "events", "%s is no event of namespaces%s; there are %s and %s",
                  str_quote(shown, name), suggestion, EVENT_NAMES[0], EVENT_NAMES[1]);
    }
    return events;
}

static void write_channel(struct jw *w, const char *channel, unsigned events)
{
    jw_object(w, NULL);
    jw_str(w, "channel", channel);
    jw_array(w, "events");
    for (size_t i = 0; i < EVENT_COUNT; i++)
        if (events & 1u << i) jw_str(w, NULL, EVENT_NAMES[i]);
    jw_end(w);
    jw_end(w);
}

/* A text is the channel of an object. */
static void read_channel(struct body *outer, const struct json *list, const struct json *j,
                         struct jw *w)
{
    static const char *const keys[] = {"channel", "events"};
    char at[40];
    size_t n = 0;
    for (const struct json *i = json_first(list); i != j; i = json_next(i))
        n++;
    (void)str_format(at, sizeof at, "notify[%zu].", n);
    bool is_text = json_type(j) == JSON_STRING;
    struct body b = {.object = is_text ? NULL : j, .p = outer->p, .at = at};
    if (!is_text && json_type(j) != JSON_OBJECT) {
        body_fail(outer, "notify", "[%zu] must be a channel, or {\"channel\", \"events\"}", n);
        return;
    }
    body_known(&b, keys, sizeof keys / sizeof *keys);
    const char *channel = is_text ? json_str(j, "") : body_str(&b, "channel", 63);
    unsigned events = read_events(&b);
    if (!channel || !str_key_valid(channel))
        body_fail(&b, "channel", channel ? "'%.70s' is no name of a channel" : "is missing",
                  channel);
    for (const struct json *i = json_first(list); i != j; i = json_next(i))
        if (str_eq(json_str(i, json_get_str(i, "channel", "")), channel))
            body_fail(&b, "channel", "'%.70s' is named twice", channel);
    write_channel(w, channel, events);
}

/* JSON text of a list as the engine keeps it, mem_free; NULL: it says nothing. */
static char *read_notify(struct body *b)
{
    struct buf text;
    struct jw w;
    const struct json *list = body_array(b, "notify");
    if (!list) return NULL;
    if (json_count(list) > NAMESPACE_CHANNELS_MAX) {
        body_fail(b, "notify", "at most %d channels", NAMESPACE_CHANNELS_MAX);
        return NULL;
    }
    buf_init(&text, 16384);
    jw_init(&w, &text);
    jw_array(&w, NULL);
    for (const struct json *j = json_first(list); j && !b->p->status; j = json_next(j))
        read_channel(b, list, j, &w);
    jw_end(&w);
    jw_finish(&w);
    char *made = buf_detach(&text);
    buf_fini(&text);
    return made;
}

void namespaces_set(struct request *r)
{
    static const char *const keys[] = {"group", "fallback", "notify"};
    struct body b = {.object = r->body, .p = &r->problem, .at = ""};
    struct command *c = command_new(CMD_NS_SET);
    body_known(&b, keys, sizeof keys / sizeof *keys);
    if (!json_get(b.object, "group")) c->mask |= NS_KEEPS_GROUP;
    if (json_get(b.object, "notify")) c->mask |= NS_SETS_NOTIFY;
    c->u.ns.ns = mem_strdup(request_segment(r, 3));
    if (c->mask == NS_KEEPS_GROUP)
        body_fail(&b, "group",
                  "is missing: a group's key, or null for the default group; or 'notify' alone");
    if (c->mask & NS_KEEPS_GROUP && json_get(b.object, "fallback"))
        body_fail(&b, "fallback", "goes with 'group'");
    c->u.ns.group = mem_strdup(body_group_key(&b, "group"));
    c->u.ns.fallback = body_choice(&b, "fallback", fallback_names, 4, -1);
    c->u.ns.notify = read_notify(&b);
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

/* A trigger stands in one place of g->listeners, by the namespace (that one, or those that begin
 * so) and the flow that it listens to; either may be any. An end looks into all places that its own
 * namespace and flow can be found under: four, and two for each character of the namespace while
 * there is a trigger that knows a beginning only. */
#include "coordinator/engine/listener.h"

#include "base/str.h"

#include <string.h>

#define PLACE_SIZE (FLOW_NAME_SIZE + 8)
#define READ_AT_ONCE 50 /* each may have a flow to be parsed */

enum reach { REACH_ONE = '=', REACH_PREFIX = '^', REACH_ANY = '*' };

/* len: of ns. flow NULL: any. */
static uint64_t place_of(enum reach reach, const char *ns, size_t len, const char *flow)
{
    char text[PLACE_SIZE];
    if (str_format(text, sizeof text, "%c%.*s %s", (int)reach, (int)len, ns ? ns : "",
                   flow ? flow : ""))
        return 0; /* all that are so long together */
    return map_text_key(text);
}

static uint64_t place_of_after(const struct flow_after *a)
{
    enum reach reach = !a->ns ? REACH_ANY : a->prefix ? REACH_PREFIX : REACH_ONE;
    return place_of(reach, a->ns, a->ns ? strlen(a->ns) : 0, a->flow);
}

void listener_add(struct engine *g, struct trigger *t)
{
    listener_remove(g, t);
    t->next_listener = g->listeners_unread;
    g->listeners_unread = t;
    t->listening = LISTENS_UNREAD;
}

static bool unlink_from(struct trigger **first, const struct trigger *t)
{
    while (*first && *first != t)
        first = &(*first)->next_listener;
    if (!*first) return false;
    *first = t->next_listener;
    return true;
}

void listener_remove(struct engine *g, struct trigger *t)
{
    if (t->listening == LISTENS_UNREAD) {
        unlink_from(&g->listeners_unread, t);
    } else if (t->listening == LISTENS_IN_PLACE) {
        struct trigger *first = map_find(&g->listeners, t->listens_to);
        unlink_from(&first, t);
        if (first)
            map_put(&g->listeners, t->listens_to, first);
        else
            map_remove(&g->listeners, t->listens_to);
        if (t->listens_to_prefix) g->listeners_to_prefix--;
    }
    t->next_listener = NULL;
    t->listening = LISTENS_NOT;
}

static void forget(struct trigger *first)
{
    struct trigger *next;
    for (; first; first = next) {
        next = first->next_listener;
        first->next_listener = NULL;
        first->listening = LISTENS_NOT;
    }
}

void listeners_clear(struct engine *g)
{
    size_t place = 0;
    forget(g->listeners_unread);
    for (struct trigger *t; (t = map_next(&g->listeners, &place)) != NULL;)
        forget(t);
    map_fini(&g->listeners);
    g->listeners_unread = NULL;
    g->listeners_to_prefix = 0;
}

static void put(struct engine *g, struct trigger *t)
{
    t->next_listener = map_find(&g->listeners, t->listens_to);
    t->listening = LISTENS_IN_PLACE;
    if (t->listens_to_prefix) g->listeners_to_prefix++;
    map_put(&g->listeners, t->listens_to, t);
}

static const struct flow_trigger *present(struct engine *g, const struct trigger *t)
{
    const struct flow *f = flow_present(g, t->flow);
    return g->rc == 0 && f ? flow_find_trigger(f, t->row.name) : NULL;
}

/* One whose flow cannot be parsed any more listens to nothing until there is another revision. */
static void read_new(struct engine *g, size_t most)
{
    for (size_t n = 0; g->listeners_unread && n < most; n++) {
        struct trigger *t = g->listeners_unread;
        const struct flow_trigger *def = present(g, t);
        if (g->rc) return;
        listener_remove(g, t);
        if (!def || def->kind != TRIGGER_FLOW) continue;
        t->listens_to = place_of_after(&def->after);
        t->listens_to_prefix = def->after.ns && def->after.prefix;
        put(g, t);
    }
}

void listeners_read(struct engine *g, bool *more)
{
    read_new(g, READ_AT_ONCE);
    *more = g->listeners_unread != NULL;
}

struct end {
    listener_fn *fn;
    const void *user;
    uint64_t number; /* of the end: no trigger is called twice, whatever places share a number */
};

static void call_place(struct engine *g, uint64_t place, const struct end *x)
{
    struct trigger *next;
    for (struct trigger *t = map_find(&g->listeners, place); t && g->rc == 0; t = next) {
        next = t->next_listener;
        if (t->called == x->number) continue;
        t->called = x->number;
        const struct flow_trigger *def = present(g, t);
        if (def) x->fn(g, t, def, x->user);
    }
}

static void call_both(struct engine *g, enum reach reach, const char *ns, size_t len,
                      const char *flow, const struct end *x)
{
    call_place(g, place_of(reach, ns, len, flow), x);
    call_place(g, place_of(reach, ns, len, NULL), x);
}

void listeners_each(struct engine *g, const char *ns, const char *flow, listener_fn *fn,
                    const void *user)
{
    const struct end x = {fn, user, ++g->listeners_called};
    size_t len = strlen(ns);
    read_new(g, SIZE_MAX);
    call_both(g, REACH_ONE, ns, len, flow, &x);
    for (size_t at = len; at > 0 && g->listeners_to_prefix > 0; at--)
        call_both(g, REACH_PREFIX, ns, at, flow, &x);
    call_both(g, REACH_ANY, NULL, 0, flow, &x);
}

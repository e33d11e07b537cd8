/* The settings of namespaces for the jobs in them. */
#include "coordinator/engine/namespace.h"

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/engine/notice.h"
#include "coordinator/engine/reply.h"

#include <string.h>

static struct namespace *find(const struct engine *g, const char *ns)
{
    struct namespace *n = map_find(&g->namespaces, map_text_key(ns));
    while (n && !str_eq(n->row.ns, ns))
        n = n->next_same;
    return n;
}

/* What the row holds beside its texts. */
static void fini(struct namespace *n)
{
    json_free(n->notify);
    n->notify = NULL;
    namespace_row_fini(&n->row);
}

void namespace_put(struct engine *g, struct namespace_row *row)
{
    struct namespace *n = find(g, row->ns);
    if (n) {
        fini(n);
    } else {
        uint64_t key = map_text_key(row->ns);
        n = mem_alloc(sizeof *n);
        n->next_same = map_find(&g->namespaces, key);
        map_put(&g->namespaces, key, n);
    }
    n->row = *row;
    *row = (struct namespace_row){0};
    const char *notify = n->row.notify;
    if (notify && json_parse(notify, strlen(notify), &n->notify, NULL))
        log_error("namespace %s: whom it tells cannot be read", n->row.ns);
}

static void ns_remove(struct engine *g, const char *ns)
{
    uint64_t key = map_text_key(ns);
    struct namespace *first = map_find(&g->namespaces, key), **at = &first;
    while (*at && !str_eq((*at)->row.ns, ns))
        at = &(*at)->next_same;
    struct namespace *n = *at;
    if (!n) return;
    *at = n->next_same;
    if (first) {
        map_put(&g->namespaces, key, first);
    } else {
        map_remove(&g->namespaces, key);
    }
    fini(n);
    mem_free(n);
}

void namespaces_clear(struct engine *g)
{
    size_t place = 0;
    struct namespace *same;
    for (struct namespace *n; (n = map_next(&g->namespaces, &place)) != NULL;) {
        for (; n; n = same) {
            same = n->next_same;
            fini(n);
            mem_free(n);
        }
    }
}

/* At or above ns the nearest one that says something of group or of who is told. */
static struct namespace *nearest(const struct engine *g, const char *ns, bool telling)
{
    if (!ns || g->namespaces.count == 0) return NULL;
    struct namespace *n = NULL;
    char *name = mem_strdup(ns);
    for (char *end = name + strlen(name); !n && end; end = strrchr(name, '.')) {
        *end = '\0';
        n = find(g, name);
        if (n && (telling ? !n->notify : n->row.groupless)) n = NULL;
    }
    mem_free(name);
    return n;
}

const struct namespace *namespace_nearest(const struct engine *g, const char *ns)
{
    return nearest(g, ns, false);
}

/* ---- who is told ---- */

struct namespace *namespace_telling(const struct engine *g, const char *ns)
{
    return nearest(g, ns, true);
}

const char *namespace_channel(const struct json *item)
{
    return json_get_str(item, "channel", "");
}

static bool names(const struct json *item, enum rule_event event)
{
    const struct json *j = json_first(json_get(item, "events"));
    while (j && !str_eq(json_str(j, ""), rule_event_names[event]))
        j = json_next(j);
    return j != NULL;
}

const struct json *namespace_next_channel(const struct namespace *n, const struct json *after,
                                          enum rule_event event)
{
    const struct json *j = after ? json_next(after) : n ? json_first(n->notify) : NULL;
    while (j && !names(j, event))
        j = json_next(j);
    return j;
}

/* The first that is not in the configuration; NULL: all are. */
static const char *unknown_channel(const struct engine *g, const struct json *notify)
{
    const struct json *j = json_first(notify);
    while (j && engine_has_channel(g, namespace_channel(j)))
        j = json_next(j);
    return j ? namespace_channel(j) : NULL;
}

void namespaces_check(const struct engine *g)
{
    size_t place = 0;
    for (const struct namespace *n; (n = map_next(&g->namespaces, &place)) != NULL;) {
        for (; n; n = n->next_same) {
            const char *name = unknown_channel(g, n->notify);
            if (name)
                log_warn("namespace %s: notify: there is no channel '%s' in coordinator.yaml any "
                         "more",
                         n->row.ns, name);
        }
    }
}

/* ---- commands ---- */

static bool group_is_good(struct engine *g, const struct namespace_row *n, struct reply *r)
{
    char hint[STR_SUGGEST_SIZE];
    const struct group *group = group_find(g, n->group);
    if (n->fallback < -1 || n->fallback > FALLBACK_IGNORE) {
        reply_error(r, ERR_INVALID, NULL, NULL, "fallback: not one of WAIT, FAIL, CANCEL, IGNORE");
        return false;
    }
    if (group && !group->deleted) return true;
    const char *near = group_nearest_key(g, n->group);
    reply_error(r, ERR_INVALID, "unknown-group",
                near ? str_hint(hint, near) : "'cadre group list' shows them",
                "group: there is no worker group '%s'", n->group);
    return false;
}

/* The API has read its form. */
static bool notify_is_good(const struct engine *g, const char *text, struct reply *r)
{
    char hint[STR_SUGGEST_SIZE];
    struct json *notify = NULL;
    bool good = !text || (json_parse(text, strlen(text), &notify, NULL) == 0 &&
                          json_type(notify) == JSON_ARRAY);
    const char *name = good ? unknown_channel(g, notify) : NULL;
    if (!good) {
        reply_error(r, ERR_INVALID, NULL, NULL, "notify: must be a list of channels");
    } else if (name) {
        const char *near = str_nearest(name, g->config.channels, g->config.channel_count);
        reply_error(r, ERR_INVALID, "unknown-channel",
                    near ? str_hint(hint, near)
                         : "'cadre notify channels' shows those of coordinator.yaml",
                    "notify: there is no channel '%s'", name);
    }
    json_free(notify);
    return good && !name;
}

/* What the command leaves as it is has the words of `old`, which may be NULL. */
static struct namespace_row changed(const struct engine *g, const struct command *c,
                                    const struct namespace_row *old)
{
    static const struct namespace_row nothing = {.fallback = -1, .groupless = true};
    if (!old) old = &nothing;
    const struct namespace_row *of_group = c->mask & NS_KEEPS_GROUP ? old : &c->u.ns;
    const struct namespace_row *of_notify = c->mask & NS_SETS_NOTIFY ? &c->u.ns : old;
    return (struct namespace_row){.ns = mem_strdup(c->u.ns.ns),
                                  .group = mem_strdup(of_group->group ? of_group->group
                                                                      : STR_DEFAULT_GROUP),
                                  .fallback = of_group->fallback,
                                  .groupless = of_group->groupless,
                                  .notify = mem_strdup(of_notify->notify),
                                  .updated_by = mem_strdup(g->by)};
}

static void unset(struct engine *g, const char *ns)
{
    if (store_ok(g, store_ns_delete(g->store, ns, &g->err))) ns_remove(g, ns);
}

void apply_ns_set(struct engine *g, const struct command *c, struct reply *r)
{
    const struct namespace_row *n = &c->u.ns;
    if (!str_namespace_valid(n->ns)) {
        reply_error(r, ERR_INVALID, NULL, NULL, "namespace: '%s' is not a namespace",
                    n->ns ? n->ns : "");
        return;
    }
    if (!(c->mask & NS_KEEPS_GROUP) && !group_is_good(g, n, r)) return;
    if (c->mask & NS_SETS_NOTIFY && !notify_is_good(g, n->notify, r)) return;
    const struct namespace *old = find(g, n->ns);
    struct namespace_row row = changed(g, c, old ? &old->row : NULL);
    if (!row.groupless || row.notify) {
        if (store_ok(g, store_ns_put(g->store, &row, &g->err))) namespace_put(g, &row);
    } else if (old) {
        unset(g, n->ns);
    }
    namespace_row_fini(&row);
}

void apply_ns_unset(struct engine *g, const struct command *c, struct reply *r)
{
    if (!c->text || !find(g, c->text)) {
        reply_error(r, ERR_NOT_FOUND, NULL, NULL, "the namespace '%s' has no settings",
                    c->text ? c->text : "");
        return;
    }
    unset(g, c->text);
}

void apply_resolve(struct engine *g, const struct command *c, struct reply *r)
{
    const struct namespace *n = namespace_nearest(g, c->text);
    const struct namespace *telling = namespace_telling(g, c->text);
    struct buf b;
    struct jw w;
    buf_init(&b, 16384);
    jw_init(&w, &b);
    jw_object(&w, NULL);
    jw_str(&w, "group", n ? n->row.group : STR_DEFAULT_GROUP);
    char *from = n ? str_dupf("namespace %s", n->row.ns) : mem_strdup("default");
    jw_str(&w, "from", from);
    jw_str(&w, "fallback",
           fallback_names[n && n->row.fallback >= 0 ? n->row.fallback : FALLBACK_WAIT]);
    const struct namespace *said = n ? n : telling;
    jw_str(&w, "updatedBy", said ? said->row.updated_by : NULL);
    char *notify_from = telling ? str_dupf("namespace %s", telling->row.ns) : NULL;
    jw_raw(&w, "notify", telling ? telling->row.notify : "null");
    jw_str(&w, "notifyFrom", notify_from);
    jw_end(&w);
    jw_finish(&w);
    reply_json(r, &b);
    buf_fini(&b);
    mem_free(from);
    mem_free(notify_from);
}

/* The settings of namespaces for the jobs in them. */
#include "coordinator/engine/namespace.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/engine/reply.h"

#include <string.h>

static struct namespace *find(const struct engine *g, const char *ns)
{
    struct namespace *n = map_find(&g->namespaces, map_text_key(ns));
    while (n && !str_eq(n->row.ns, ns))
        n = n->next_same;
    return n;
}

void namespace_put(struct engine *g, struct namespace_row *row)
{
    struct namespace *n = find(g, row->ns);
    if (n) {
        namespace_row_fini(&n->row);
    } else {
        uint64_t key = map_text_key(row->ns);
        n = mem_alloc(sizeof *n);
        n->next_same = map_find(&g->namespaces, key);
        map_put(&g->namespaces, key, n);
    }
    n->row = *row;
    *row = (struct namespace_row){0};
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
    namespace_row_fini(&n->row);
    mem_free(n);
}

void namespaces_clear(struct engine *g)
{
    size_t place = 0;
    struct namespace *same;
    for (struct namespace *n; (n = map_next(&g->namespaces, &place)) != NULL;) {
        for (; n; n = same) {
            same = n->next_same;
            namespace_row_fini(&n->row);
            mem_free(n);
        }
    }
}

const struct namespace *namespace_nearest(const struct engine *g, const char *ns)
{
    if (!ns || g->namespaces.count == 0) return NULL;
    char *name = mem_strdup(ns);
    const struct namespace *n = find(g, name);
    for (char *dot; !n && (dot = strrchr(name, '.')) != NULL;) {
        *dot = '\0';
        n = find(g, name);
    }
    mem_free(name);
    return n;
}

/* ---- commands ---- */

void apply_ns_set(struct engine *g, const struct command *c, struct reply *r)
{
    const struct namespace_row *n = &c->u.ns;
    if (!str_namespace_valid(n->ns)) {
        reply_error(r, ERR_INVALID, NULL, NULL, "namespace: '%s' is not a namespace",
                    n->ns ? n->ns : "");
        return;
    }
    if (n->fallback < -1 || n->fallback > FALLBACK_IGNORE) {
        reply_error(r, ERR_INVALID, NULL, NULL, "fallback: not one of WAIT, FAIL, CANCEL, IGNORE");
        return;
    }
    const struct group *group = group_find(g, n->group);
    if (!group || group->deleted) {
        const char *near = group_nearest_key(g, n->group);
        char hint[STR_SUGGEST_SIZE];
        reply_error(r, ERR_INVALID, "unknown-group",
                    near ? str_hint(hint, near) : "'cadre group list' shows them",
                    "group: there is no worker group '%s'", n->group);
        return;
    }
    struct namespace_row row = {.ns = mem_strdup(n->ns),
                                .group = mem_strdup(n->group ? n->group : STR_DEFAULT_GROUP),
                                .fallback = n->fallback,
                                .updated_by = mem_strdup(g->by)};
    struct namespace_row kept = *n;
    kept.updated_by = row.updated_by;
    if (store_ok(g, store_ns_put(g->store, &kept, &g->err)))
        namespace_put(g, &row);
    else
        namespace_row_fini(&row);
}

void apply_ns_unset(struct engine *g, const struct command *c, struct reply *r)
{
    if (!c->text || !find(g, c->text)) {
        reply_error(r, ERR_NOT_FOUND, NULL, NULL, "the namespace '%s' has no settings",
                    c->text ? c->text : "");
        return;
    }
    if (!store_ok(g, store_ns_delete(g->store, c->text, &g->err))) return;
    ns_remove(g, c->text);
}

void apply_resolve(struct engine *g, const struct command *c, struct reply *r)
{
    const struct namespace *n = namespace_nearest(g, c->text);
    struct buf b;
    struct jw w;
    buf_init(&b, 4096);
    jw_init(&w, &b);
    jw_object(&w, NULL);
    jw_str(&w, "group", n ? n->row.group : STR_DEFAULT_GROUP);
    char *from = n ? str_dupf("namespace %s", n->row.ns) : mem_strdup("default");
    jw_str(&w, "from", from);
    jw_str(&w, "fallback",
           fallback_names[n && n->row.fallback >= 0 ? n->row.fallback : FALLBACK_WAIT]);
    jw_str(&w, "updatedBy", n ? n->row.updated_by : NULL);
    jw_end(&w);
    jw_finish(&w);
    reply_json(r, &b);
    buf_fini(&b);
    mem_free(from);
}

/* Flows in memory: where they are found, and their revisions as far as something needs them. */
#include "coordinator/engine/flow.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/engine/reply.h"

#include <string.h>

/* ---- entries ---- */

static uint64_t key_of(const char *ns, const char *id)
{
    char name[FLOW_NAME_SIZE];
    return map_text_key(str_format(name, sizeof name, "%s/%s", ns, id) ? ns : name);
}

const char *flow_name(const struct flow_entry *f, char out[FLOW_NAME_SIZE])
{
    if (str_format(out, FLOW_NAME_SIZE, "%s/%s", f->ns, f->id)) str_copy(out, FLOW_NAME_SIZE, "?");
    return out;
}

struct flow_entry *flow_get(const struct engine *g, const char *ns, const char *id)
{
    struct flow_entry *f = map_find(&g->flows, key_of(ns, id));
    while (f && !(str_eq(f->ns, ns) && str_eq(f->id, id)))
        f = f->next_same;
    return f;
}

struct flow_entry *flow_add(struct engine *g, const struct flow_row *row)
{
    uint64_t key = key_of(row->ns, row->id);
    struct flow_entry *f = mem_alloc(sizeof *f);
    f->ns = mem_strdup(row->ns);
    f->id = mem_strdup(row->id);
    f->revision = row->revision;
    f->created_ms = row->created_ms;
    f->deleted = row->deleted_ms > 0;
    timer_init(&f->timer, TIMER_FLOW, f);
    f->next_same = map_find(&g->flows, key);
    map_put(&g->flows, key, f);
    return f;
}

static void revision_free(struct revision *r)
{
    flow_free(r->parsed);
    mem_free(r->broken);
    mem_free(r);
}

static void entry_free(struct engine *g, struct flow_entry *f)
{
    timer_clear(g, &f->timer);
    struct revision *next;
    for (struct revision *r = f->revisions; r; r = next) {
        next = r->next;
        revision_free(r);
    }
    mem_free(f->ns);
    mem_free(f->id);
    mem_free(f);
}

void flow_forget(struct engine *g, const char *ns, const char *id)
{
    uint64_t key = key_of(ns, id);
    struct flow_entry *f = flow_get(g, ns, id);
    if (!f) return;
    struct flow_entry *first = map_remove(&g->flows, key), **at = &first;
    while (*at != f)
        at = &(*at)->next_same;
    *at = f->next_same;
    if (first) map_put(&g->flows, key, first);
    entry_free(g, f);
}

void flows_clear(struct engine *g)
{
    size_t place = 0;
    struct flow_entry *same;
    for (struct flow_entry *f; (f = map_next(&g->flows, &place)) != NULL;) {
        for (; f; f = same) {
            same = f->next_same;
            entry_free(g, f);
        }
    }
}

void flow_reply_unknown(const struct engine *g, const char *ns, const char *id, struct reply *r)
{
    const char **names = mem_array(g->flows.count + 1, sizeof *names);
    size_t count = 0, place = 0;
    for (const struct flow_entry *f; (f = map_next(&g->flows, &place)) != NULL;) {
        if (!f->deleted && str_eq(f->ns, ns)) names[count++] = f->id;
    }
    const char *near = str_nearest(id, names, count);
    char text[STR_SUGGEST_SIZE];
    const char *hint = near ? str_hint(text, near) : "'cadre flow list' shows them";
    reply_error(r, ERR_NOT_FOUND, NULL, hint, "there is no flow '%s' in the namespace %s", id, ns);
    mem_free(names);
}

struct trigger *trigger_find(const struct flow_entry *f, const char *name)
{
    struct trigger *t = f->triggers;
    while (t && !str_eq(t->row.name, name))
        t = t->next;
    return t;
}

/* ---- revisions ---- */

struct revision *revision_get(struct flow_entry *f, int64_t number)
{
    for (struct revision *r = f->revisions; r; r = r->next) {
        if (r->number == number) return r;
    }
    struct revision *r = mem_alloc(sizeof *r);
    r->flow = f;
    r->number = number;
    r->next = f->revisions;
    f->revisions = r;
    return r;
}

void revision_release(struct revision *r)
{
    struct flow_entry *f = r->flow;
    if (r->executions > 0 || (r->number == f->revision && !f->deleted)) return;
    struct revision **at = &f->revisions;
    while (*at != r)
        at = &(*at)->next;
    *at = r->next;
    revision_free(r);
}

const struct flow *revision_parsed(struct engine *g, struct revision *r)
{
    if (r->parsed || r->broken) return r->parsed;
    const struct flow_entry *f = r->flow;
    char *source;
    if (!store_ok(g, store_flow_source(g->store, f->ns, f->id, r->number, &source, &g->err)))
        return NULL;
    struct flow_problems problems = {0};
    if (flow_parse(f->id, source, strlen(source), &flow_stored, &problems, &r->parsed)) {
        const struct flow_problem *first = problems.count > 0 ? problems.items : NULL;
        r->broken = str_dupf("revision %lld of the flow cannot be read any more: line %d: %s",
                             (long long)r->number, first ? first->line : 0,
                             first ? first->sentence : "it is broken");
        log_error("flow %s/%s: %s", f->ns, f->id, r->broken);
    }
    flow_problems_fini(&problems);
    mem_free(source);
    return r->parsed;
}

const struct flow *flow_present(struct engine *g, struct flow_entry *f)
{
    return revision_parsed(g, revision_get(f, f->revision));
}

/* ---- groups that are named ---- */

#define READ_AT_ONCE 20

struct group_keys {
    const char **keys;
    size_t count;
};

static void take_key(const struct flow_group_ref *ref, const char *place, void *user)
{
    struct group_keys *k = user;
    (void)place;
    if (!ref->selector) k->keys[k->count++] = ref->key;
}

void flow_note_groups(struct engine *g, const struct flow_row *row, const struct flow *f)
{
    struct group_keys k = {.keys = mem_array(1 + f->task_count + f->trigger_count, sizeof *k.keys)};
    flow_each_group(f, take_key, &k);
    store_ok(g, store_flow_groups(g->store, row, k.keys, k.count, &g->err));
    mem_free(k.keys);
}

/* A flow that cannot be read any more runs nowhere. */
static void read_groups(struct engine *g, const struct flow_row *row)
{
    struct flow_problems problems = {0};
    struct flow *f = NULL;
    if (row->source &&
        flow_parse(row->id, row->source, strlen(row->source), &flow_stored, &problems, &f) == 0)
        flow_note_groups(g, row, f);
    else
        store_ok(g, store_flow_groups(g->store, row, NULL, 0, &g->err));
    flow_free(f);
    flow_problems_fini(&problems);
}

void flows_read_groups(struct engine *g, bool *more)
{
    struct flow_row row;
    for (int n = 0; g->flows_unread && n < READ_AT_ONCE; n++) {
        int rc = store_flow_find_unread(g->store, &row, &g->err);
        if (!store_ok(g, rc)) return;
        g->flows_unread = rc == 1;
        if (rc == 0) break;
        read_groups(g, &row);
        flow_row_fini(&row);
        if (g->rc) return;
    }
    *more = g->flows_unread;
}

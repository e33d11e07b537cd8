/* Groups in memory, and the classes of jobs that wait in them. */
#include "coordinator/engine/internal.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"

#include <assert.h>
#include <string.h>

#define SWEEP 500 /* jobs of a deleted group ended per batch */
#define REQUIREMENTS_KEPT 4096
#define CLASSES_KEPT 256 /* empty ones per pool */

/* ---- pools ---- */

struct pool *pool_find(const struct engine *g, const char *key)
{
    if (!key) return g->default_pool;
    struct pool *p = id_map_find(&g->pools, id_map_text_key(key));
    while (p && !str_eq(p->row.key, key))
        p = p->next_same;
    return p;
}

struct pool *pool_add(struct engine *g, struct group *row)
{
    struct pool *p = row->key ? pool_find(g, row->key) : NULL;
    if (p) {
        group_fini(&p->row);
        p->deleted = false;
    } else {
        uint64_t key = id_map_text_key(row->key);
        p = mem_alloc(sizeof *p);
        p->next_same = id_map_find(&g->pools, key);
        id_map_put(&g->pools, key, p);
        timer_init(&p->timer, TIMER_POOL, p);
    }
    p->row = *row;
    *row = (struct group){0};
    return p;
}

void pool_free(struct engine *g, struct pool *p)
{
    size_t place = 0;
    for (struct class *c; (c = id_map_next(&p->classes, &place)) != NULL;)
        mem_free(c);
    id_map_fini(&p->classes);
    timer_clear(g, &p->timer);
    requires_free(p->requires);
    json_free(p->allowed);
    mem_free(p->pending);
    mem_free(p->heap);
    group_fini(&p->row);
    mem_free(p);
}

struct pool *pool_of_job(struct engine *g, const struct job *row)
{
    struct pool *p = pool_find(g, row->group);
    if (p) return p;
    struct group gone = {.key = mem_strdup(row->group)};
    p = pool_add(g, &gone);
    p->deleted = true;
    return p;
}

int pool_read_rules(struct pool *p, struct err *e)
{
    struct json *tree = NULL, *allowed = NULL;
    struct requires *r = NULL;
    int rc = 0;
    if (p->row.require) rc = json_parse(p->row.require, strlen(p->row.require), &tree, e);
    if (rc == 0) rc = requires_parse(tree, &r, e);
    json_free(tree);
    if (rc == 0 && p->row.allowed_namespaces)
        rc = json_parse(p->row.allowed_namespaces, strlen(p->row.allowed_namespaces), &allowed, e);
    if (rc) {
        requires_free(r);
        return rc;
    }
    requires_free(p->requires);
    json_free(p->allowed);
    p->requires = r;
    p->allowed = allowed;
    return 0;
}

const char *pool_name(const struct pool *p, char out[96])
{
    if (p->row.key)
        str_format(out, 96, "group %s", p->row.key);
    else
        str_copy(out, 96, "the default group");
    return out;
}

void pool_set_dirty(struct engine *g, struct pool *p)
{
    if (p->dirty) return;
    p->dirty = true;
    p->next_dirty = g->dirty;
    g->dirty = p;
}

void pool_watch(struct engine *g, struct pool *p)
{
    if (p->deleted) {
        timer_set(g, &p->timer, p->queued > 0 ? g->now.mono_ms : NEVER);
    } else if (p->fallback_queued == 0 || p->online > 0) {
        timer_clear(g, &p->timer);
    } else if (!deadline_is_set(&p->timer.deadline)) {
        int64_t at = g->now.mono_ms + g->fallback_grace_ms;
        timer_set(g, &p->timer, at > p->expect_until_ms ? at : p->expect_until_ms);
    }
}

/* Ends what waits in a deleted group, a bounded number at a time. */
static void sweep(struct engine *g, struct pool *p)
{
    int64_t ids[SWEEP];
    size_t count = 0;
    if (!store_ok(g, store_queue_list(g->store, p->row.key, 0, ids, SWEEP, &count, &g->err)))
        return;
    struct job_end end = {.state = JOB_FAILED,
                          .reason = REASON_GROUP_DELETED,
                          .message = "its worker group was deleted",
                          .ended_ms = g->now.wall_ms};
    for (size_t i = 0; i < count && g->rc == 0; i++) {
        struct open_job *j = open_job_get(g, ids[i]);
        if (j) job_end(g, j, &end, "group deleted");
    }
    if (count == SWEEP) timer_set(g, &p->timer, g->now.mono_ms + 1);
}

static void fall_back(struct engine *g, struct pool *p)
{
    int64_t *ids = mem_array((size_t)p->fallback_queued, sizeof *ids);
    size_t count = 0, place = 0;
    for (struct open_job *j; (j = id_map_next(&g->jobs, &place)) != NULL;) {
        if (j->row.state != JOB_CREATED || !job_falls_back(&j->row) ||
            !str_eq(j->row.group, p->row.key))
            continue;
        assert(count < (size_t)p->fallback_queued);
        ids[count++] = j->row.id;
    }
    for (size_t i = 0; i < count && g->rc == 0; i++)
        job_fall_back(g, open_job_find(g, ids[i]));
    mem_free(ids);
}

void pool_on_timer(struct engine *g, struct pool *p)
{
    if (p->deleted) {
        sweep(g, p);
    } else if (p->online == 0 && p->fallback_queued > 0) {
        fall_back(g, p);
    }
}

/* ---- classes ---- */

struct class *class_get(struct engine *g, struct pool *p, int64_t requires_id)
{
    (void)g;
    struct class *c = id_map_find(&p->classes, (uint64_t)requires_id);
    if (c) return c;
    c = mem_alloc(sizeof *c);
    c->pool = p;
    c->requires_id = requires_id;
    c->whole = true;
    id_map_put(&p->classes, (uint64_t)requires_id, c);
    return c;
}

static bool stands_before(const struct queue_head *a, const struct queue_head *b)
{
    return a->priority != b->priority ? a->priority > b->priority : a->id < b->id;
}

static void window_insert(struct class *c, const struct queue_head *head)
{
    size_t at = c->window_count;
    while (at > 0 && stands_before(head, &c->window[at - 1]))
        at--;
    if (at == c->window_count && !c->whole)
        return; /* behind the window: not known whether next to it */
    if (at == WINDOW) {
        c->whole = false;
        return;
    }
    if (c->window_count == WINDOW) {
        c->window_count--;
        c->whole = false;
    }
    memmove(&c->window[at + 1], &c->window[at], (c->window_count - at) * sizeof *c->window);
    c->window[at] = *head;
    c->window_count++;
}

static void window_remove(struct class *c, int64_t id)
{
    for (size_t i = 0; i < c->window_count; i++) {
        if (c->window[i].id != id) continue;
        c->window_count--;
        memmove(&c->window[i], &c->window[i + 1], (c->window_count - i) * sizeof *c->window);
        return;
    }
}

static void pending_add(struct class *c)
{
    struct pool *p = c->pool;
    if (p->pending_count == p->pending_cap) {
        p->pending_cap = p->pending_cap > 0 ? 2 * p->pending_cap : 8;
        p->pending = mem_resize(p->pending, p->pending_cap, sizeof *p->pending);
    }
    p->pending[p->pending_count++] = c;
    c->place = p->pending_count;
    c->blocked = false;
}

static void pending_remove(struct class *c)
{
    struct pool *p = c->pool;
    struct class *last = p->pending[--p->pending_count];
    p->pending[c->place - 1] = last;
    last->place = c->place;
    c->place = 0;
    c->whole = true;
    c->window_count = 0;
    if (p->classes.count <= CLASSES_KEPT) return;
    id_map_remove(&p->classes, (uint64_t)c->requires_id);
    mem_free(c);
}

void class_add(struct engine *g, struct class *c, const struct queue_head *head)
{
    c->count++;
    c->pool->queued++;
    if (head) window_insert(c, head);
    if (c->place == 0) pending_add(c);
    if (!c->blocked) pool_set_dirty(g, c->pool);
}

void class_remove(struct engine *g, struct class *c, int64_t id)
{
    if (c->count <= 0) {
        engine_broken(g, "a class of queued jobs has fewer than none");
        return;
    }
    c->count--;
    c->pool->queued--;
    window_remove(c, id);
    assert(c->count >= (int64_t)c->window_count);
    if (c->count == 0) pending_remove(c);
}

const struct queue_head *class_head(struct engine *g, struct class *c)
{
    if (c->window_count == 0) {
        int rc = store_queue_heads(g->store, c->pool->row.key, c->requires_id, c->window, WINDOW,
                                   &c->window_count, &g->err);
        if (!store_ok(g, rc)) return NULL;
        c->whole = (int64_t)c->window_count == c->count;
    }
    if (c->window_count == 0) {
        engine_broken(g, "the queue is shorter than its count");
        return NULL;
    }
    return &c->window[0];
}

/* ---- requirements ---- */

static struct requirement *requirement_add(struct engine *g, int64_t id, char *text,
                                           struct requires *compiled)
{
    struct requirement *r = mem_alloc(sizeof *r);
    r->id = id;
    r->text = text;
    r->compiled = compiled;
    r->slot = g->requirement_slots++;
    id_map_put(&g->requirements, (uint64_t)id, r);
    /* Only the first of texts with the same key is found by text: the store tells apart the
     * others. */
    uint64_t key = id_map_text_key(text);
    if (!id_map_find(&g->requirement_texts, key)) id_map_put(&g->requirement_texts, key, r);
    return r;
}

struct requirement *requirement_find(struct engine *g, int64_t id)
{
    struct requirement *r = id_map_find(&g->requirements, (uint64_t)id);
    if (r) return r;
    char *text = NULL;
    struct json *tree = NULL;
    struct requires *compiled = NULL;
    struct err e = {0};
    if (!store_ok(g, store_requires_text(g->store, id, &text, &g->err))) return NULL;
    int rc = json_parse(text, strlen(text), &tree, &e);
    if (rc == 0) rc = requires_parse(tree, &compiled, &e);
    json_free(tree);
    r = requirement_add(g, id, text, compiled);
    if (rc) {
        log_error("requires %s: nobody meets what cannot be read: %s", text, err_text(&e));
        r->never = true;
    }
    return r;
}

int requirement_intern(struct engine *g, struct requires *compiled, int64_t *id)
{
    char *text = requires_text(compiled);
    const struct requirement *known = id_map_find(&g->requirement_texts, id_map_text_key(text));
    if (known && str_eq(known->text, text)) {
        *id = known->id;
        mem_free(text);
        requires_free(compiled);
        return 0;
    }
    int rc = store_requires_intern(g->store, text, id, &g->err);
    if (rc == 0 && !id_map_find(&g->requirements, (uint64_t)*id)) {
        requirement_add(g, *id, text, compiled);
        return 0;
    }
    mem_free(text);
    requires_free(compiled);
    return rc;
}

static void drop_empty_classes(struct pool *p)
{
    size_t count = 0, place = 0;
    struct class **empty = mem_array(p->classes.count, sizeof *empty);
    for (struct class *c; (c = id_map_next(&p->classes, &place)) != NULL;) {
        if (c->place == 0) empty[count++] = c;
    }
    for (size_t i = 0; i < count; i++) {
        id_map_remove(&p->classes, (uint64_t)empty[i]->requires_id);
        mem_free(empty[i]);
    }
    mem_free(empty);
}

/* Moves what queued jobs require from `from` to g->requirements. */
static void keep_requirements(struct engine *g, struct id_map *from, const struct pool *p)
{
    for (size_t i = 0; i < p->pending_count; i++) {
        struct class *c = p->pending[i];
        struct requirement *r = id_map_remove(from, (uint64_t)c->requires_id);
        if (!r) continue;
        r->slot = g->requirement_slots++;
        id_map_put(&g->requirements, (uint64_t)r->id, r);
        id_map_put(&g->requirement_texts, id_map_text_key(r->text), r);
    }
}

void requirements_trim(struct engine *g)
{
    if (g->requirements.count <= REQUIREMENTS_KEPT) return;
    struct id_map all = g->requirements;
    size_t place = 0;
    id_map_init(&g->requirements);
    id_map_fini(&g->requirement_texts);
    g->requirement_slots = 0;
    for (struct pool *p; (p = id_map_next(&g->pools, &place)) != NULL;) {
        for (; p; p = p->next_same) {
            drop_empty_classes(p);
            keep_requirements(g, &all, p);
        }
    }
    place = 0;
    for (struct requirement *r; (r = id_map_next(&all, &place)) != NULL;) {
        requires_free(r->compiled);
        mem_free(r->text);
        mem_free(r);
    }
    id_map_fini(&all);
    place = 0;
    for (struct worker *w; (w = id_map_next(&g->workers, &place)) != NULL;) {
        mem_free(w->fits);
        w->fits = NULL;
        w->fits_cap = 0;
    }
}

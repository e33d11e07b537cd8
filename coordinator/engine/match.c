/* Who gets what: free slots and the heads of the queues. */
#include "coordinator/engine/internal.h"

#include "base/mem.h"

#include <assert.h>

/* ---- does it fit? ---- */

enum { FIT_UNKNOWN, FIT_NO, FIT_YES };

bool worker_fits(struct engine *g, struct worker *w, struct class *c)
{
    if (c->requires_id == 0) return true;
    if (!c->requirement) c->requirement = requirement_find(g, c->requires_id);
    const struct requirement *r = c->requirement;
    if (!r || r->never) return false;
    if (r->slot >= w->fits_cap) {
        size_t cap = g->requirement_slots + 16;
        unsigned char *fits = mem_alloc(cap);
        for (size_t i = 0; i < w->fits_cap; i++)
            fits[i] = w->fits[i];
        mem_free(w->fits);
        w->fits = fits;
        w->fits_cap = cap;
    }
    if (w->fits[r->slot] == FIT_UNKNOWN)
        w->fits[r->slot] = requires_met(r->compiled, w->caps) ? FIT_YES : FIT_NO;
    return w->fits[r->slot] == FIT_YES;
}

/* ---- the heap of workers with free slots ---- */

static bool stands_before(const struct worker *a, const struct worker *b)
{
    return a->free != b->free ? a->free > b->free : a->touched < b->touched;
}

static void put(struct pool *p, struct worker *w, size_t place)
{
    p->heap[place - 1] = w;
    w->heap_place = place;
}

static void settle(struct pool *p, struct worker *w)
{
    size_t at = w->heap_place;
    for (; at > 1 && stands_before(w, p->heap[at / 2 - 1]); at /= 2)
        put(p, p->heap[at / 2 - 1], at);
    for (;;) {
        size_t child = 2 * at;
        if (child > p->heap_count) break;
        if (child < p->heap_count && stands_before(p->heap[child], p->heap[child - 1])) child++;
        if (!stands_before(p->heap[child - 1], w)) break;
        put(p, p->heap[child - 1], at);
        at = child;
    }
    put(p, w, at);
}

static void heap_add(struct pool *p, struct worker *w)
{
    if (p->heap_count == p->heap_cap) {
        p->heap_cap = p->heap_cap > 0 ? 2 * p->heap_cap : 8;
        p->heap = mem_resize(p->heap, p->heap_cap, sizeof *p->heap);
    }
    put(p, w, ++p->heap_count);
    settle(p, w);
}

static void heap_remove(struct pool *p, struct worker *w)
{
    struct worker *last = p->heap[--p->heap_count];
    if (last != w) {
        put(p, last, w->heap_place);
        settle(p, last);
    }
    w->heap_place = 0;
}

/* ---- what changes of a worker mean ---- */

static bool takes_jobs(const struct worker *w)
{
    return w->session && w->pool && !w->pool->deleted && !w->leaving && !w->row.draining &&
           !w->row.held && !w->guest;
}

int64_t worker_free_slots(const struct worker *w)
{
    if (!takes_jobs(w) || !w->ready || w->busy >= w->row.slots) return 0;
    return w->row.slots - w->busy;
}

static void count_online(struct engine *g, struct worker *w)
{
    bool online = takes_jobs(w);
    if (online == w->counted || !w->pool) return;
    w->counted = online;
    w->pool->online += online ? 1 : -1;
    pool_watch(g, w->pool);
}

/* The worker can do more than before: so can its pool. */
static void unblock(struct engine *g, struct worker *w)
{
    struct pool *p = w->pool;
    for (size_t i = 0; i < p->pending_count; i++) {
        struct class *c = p->pending[i];
        if (c->blocked && worker_fits(g, w, c)) c->blocked = false;
        if (!c->blocked) pool_set_dirty(g, p);
    }
}

void worker_update(struct engine *g, struct worker *w)
{
    count_online(g, w);
    int64_t before = w->free;
    w->free = worker_free_slots(w);
    if (w->free == 0) {
        if (w->heap_place) heap_remove(w->pool, w);
        return;
    }
    if (w->heap_place)
        settle(w->pool, w);
    else
        heap_add(w->pool, w);
    if (w->free > before) unblock(g, w);
}

/* ---- matching ---- */

/* The class whose head this worker is to get: best priority, then the oldest. NULL: none for it. */
static struct class *best_class(struct engine *g, struct worker *w)
{
    struct pool *p = w->pool;
    struct class *best = NULL;
    const struct queue_head *best_head = NULL;
    for (size_t i = 0; i < p->pending_count; i++) {
        struct class *c = p->pending[i];
        if (c->blocked || !worker_fits(g, w, c)) continue;
        const struct queue_head *head = class_head(g, c);
        if (!head) return NULL;
        if (best && (head->priority < best_head->priority ||
                     (head->priority == best_head->priority && head->id > best_head->id)))
            continue;
        best = c;
        best_head = head;
    }
    return best;
}

static bool serves(struct engine *g, struct worker *w)
{
    for (size_t i = 0; i < w->pool->pending_count; i++) {
        struct class *c = w->pool->pending[i];
        if (!c->blocked && worker_fits(g, w, c)) return true;
    }
    return false;
}

/* The first in the heap's order that can take something. Mostly that is its top. */
static struct worker *pick(struct engine *g, struct pool *p)
{
    if (p->heap_count == 0) return NULL;
    if (serves(g, p->heap[0])) return p->heap[0];
    struct worker *best = NULL;
    for (size_t i = 1; i < p->heap_count; i++) {
        struct worker *w = p->heap[i];
        if ((!best || stands_before(w, best)) && serves(g, w)) best = w;
    }
    return best;
}

static bool has_open_class(const struct pool *p)
{
    for (size_t i = 0; i < p->pending_count; i++) {
        if (!p->pending[i]->blocked) return true;
    }
    return false;
}

static void match_pool(struct engine *g, struct pool *p)
{
    if (p->row.paused || p->deleted) return;
    while (g->rc == 0 && has_open_class(p)) {
        struct worker *w = pick(g, p);
        if (g->rc) return;
        if (!w) {
            for (size_t i = 0; i < p->pending_count; i++)
                p->pending[i]->blocked = true;
            return;
        }
        struct class *c = best_class(g, w);
        if (!c) return; /* a failure was noted */
        struct open_job *j = open_job_get(g, c->window[0].id);
        if (j) job_assign(g, j, w);
    }
}

void match_all(struct engine *g)
{
    while (g->dirty && g->rc == 0) {
        struct pool *p = g->dirty;
        g->dirty = p->next_dirty;
        p->dirty = false;
        match_pool(g, p);
    }
}

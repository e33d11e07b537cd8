/* Who gets what: free slots and the heads of the queues. */
#include "coordinator/engine/internal.h"

#include "base/mem.h"

#include <assert.h>

/* ---- does it fit? ---- */

enum { FIT_UNKNOWN, FIT_NO, FIT_YES };

bool agent_fits(struct engine *g, struct agent *a, struct queue *c)
{
    if (c->requires_id == 0) return true;
    if (!c->requires) c->requires = requires_entry_find(g, c->requires_id);
    const struct requires_entry *r = c->requires;
    if (!r || r->never) return false;
    if (r->slot >= a->fits_cap) {
        size_t cap = g->requires_slots + 16;
        unsigned char *fits = mem_alloc(cap);
        for (size_t i = 0; i < a->fits_cap; i++)
            fits[i] = a->fits[i];
        mem_free(a->fits);
        a->fits = fits;
        a->fits_cap = cap;
    }
    if (a->fits[r->slot] == FIT_UNKNOWN)
        a->fits[r->slot] = requires_met(r->compiled, a->caps) ? FIT_YES : FIT_NO;
    return a->fits[r->slot] == FIT_YES;
}

/* ---- the heap of agents with free slots ---- */

static bool stands_before(const struct agent *a, const struct agent *b)
{
    return a->free != b->free ? a->free > b->free : a->touched < b->touched;
}

static void put(struct group *group, struct agent *a, size_t place)
{
    group->heap[place - 1] = a;
    a->heap_place = place;
}

static void settle(struct group *group, struct agent *a)
{
    size_t at = a->heap_place;
    for (; at > 1 && stands_before(a, group->heap[at / 2 - 1]); at /= 2)
        put(group, group->heap[at / 2 - 1], at);
    for (;;) {
        size_t child = 2 * at;
        if (child > group->heap_count) break;
        if (child < group->heap_count && stands_before(group->heap[child], group->heap[child - 1]))
            child++;
        if (!stands_before(group->heap[child - 1], a)) break;
        put(group, group->heap[child - 1], at);
        at = child;
    }
    put(group, a, at);
}

static void heap_add(struct group *group, struct agent *a)
{
    if (group->heap_count == group->heap_cap) {
        group->heap_cap = group->heap_cap > 0 ? 2 * group->heap_cap : 8;
        group->heap = mem_resize(group->heap, group->heap_cap, sizeof *group->heap);
    }
    put(group, a, ++group->heap_count);
    settle(group, a);
}

static void heap_remove(struct group *group, struct agent *a)
{
    struct agent *last = group->heap[--group->heap_count];
    if (last != a) {
        put(group, last, a->heap_place);
        settle(group, last);
    }
    a->heap_place = 0;
}

/* ---- what changes of a agent mean ---- */

static bool takes_jobs(const struct agent *a)
{
    return a->session && a->group && !a->group->deleted && !a->leaving && !a->row.draining &&
           !a->row.held && !a->moved;
}

int64_t agent_free_slots(const struct agent *a)
{
    if (!takes_jobs(a) || !a->ready || a->busy >= a->row.slots) return 0;
    return a->row.slots - a->busy;
}

static void count_online(struct engine *g, struct agent *a)
{
    bool online = takes_jobs(a);
    if (online == a->counted || !a->group) return;
    a->counted = online;
    a->group->online += online ? 1 : -1;
    group_watch(g, a->group);
}

/* The agent can do more than before: so can its group. */
static void unblock(struct engine *g, struct agent *a)
{
    struct group *group = a->group;
    for (size_t i = 0; i < group->pending_count; i++) {
        struct queue *c = group->pending[i];
        if (c->blocked && agent_fits(g, a, c)) c->blocked = false;
        if (!c->blocked) group_set_dirty(g, group);
    }
}

void agent_update(struct engine *g, struct agent *a)
{
    count_online(g, a);
    int64_t before = a->free;
    a->free = agent_free_slots(a);
    if (a->free == 0) {
        if (a->heap_place) heap_remove(a->group, a);
        return;
    }
    if (a->heap_place)
        settle(a->group, a);
    else
        heap_add(a->group, a);
    if (a->free > before) unblock(g, a);
}

/* ---- matching ---- */

/* The class whose head this agent is to get: best priority, then the oldest. NULL: none for it. */
static struct queue *best_class(struct engine *g, struct agent *a)
{
    struct group *group = a->group;
    struct queue *best = NULL;
    const struct queue_head *best_head = NULL;
    for (size_t i = 0; i < group->pending_count; i++) {
        struct queue *c = group->pending[i];
        if (c->blocked || !agent_fits(g, a, c)) continue;
        const struct queue_head *head = queue_best(g, c);
        if (!head) return NULL;
        if (best && (head->priority < best_head->priority ||
                     (head->priority == best_head->priority && head->id > best_head->id)))
            continue;
        best = c;
        best_head = head;
    }
    return best;
}

static bool serves(struct engine *g, struct agent *a)
{
    for (size_t i = 0; i < a->group->pending_count; i++) {
        struct queue *c = a->group->pending[i];
        if (!c->blocked && agent_fits(g, a, c)) return true;
    }
    return false;
}

/* The first in the heap's order that can take something. Mostly that is its top. */
static struct agent *pick(struct engine *g, struct group *group)
{
    if (group->heap_count == 0) return NULL;
    if (serves(g, group->heap[0])) return group->heap[0];
    struct agent *best = NULL;
    for (size_t i = 1; i < group->heap_count; i++) {
        struct agent *a = group->heap[i];
        if ((!best || stands_before(a, best)) && serves(g, a)) best = a;
    }
    return best;
}

static bool has_open_class(const struct group *group)
{
    for (size_t i = 0; i < group->pending_count; i++) {
        if (!group->pending[i]->blocked) return true;
    }
    return false;
}

static void match_group(struct engine *g, struct group *group)
{
    if (group->row.paused || group->deleted) return;
    while (g->rc == 0 && has_open_class(group)) {
        struct agent *a = pick(g, group);
        if (g->rc) return;
        if (!a) {
            for (size_t i = 0; i < group->pending_count; i++)
                group->pending[i]->blocked = true;
            return;
        }
        struct queue *c = best_class(g, a);
        if (!c) return; /* a failure was noted */
        struct job *j = job_get(g, c->window[0].id);
        if (j) job_assign(g, j, a);
    }
}

void match_all(struct engine *g)
{
    while (g->dirty && g->rc == 0) {
        struct group *group = g->dirty;
        g->dirty = group->next_dirty;
        group->dirty = false;
        match_group(g, group);
    }
}

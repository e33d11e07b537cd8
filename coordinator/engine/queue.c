/* The queue of a group: its counts, and a window onto the best jobs of each kind.
 *
 * A group may have a million jobs queued, so memory does not hold the queue. It holds one `struct
 * queue` for each different `requires` that its jobs have: how many there are, and the best WINDOW
 * of them in order. A job that is better than the last one in the window goes into it and pushes
 * the last one out; a worse one is only counted. When the window is empty and the count is not, it
 * is read from the store's index again, WINDOW jobs at once. `whole` says that the window holds
 * all: only then may a job go in behind the last one, since otherwise others may stand between.
 *
 *     count 70,000
 *     +----+----+----+-- ... --+----+   +---------------------------------------+
 *     | p9 | p9 | p5 |         | p0 |   | the rest: in the store alone          |
 *     +----+----+----+-- ... --+----+   +---------------------------------------+
 *       best      window (32)                 read when the window is empty
 *
 * Beside the window some jobs themselves are kept at hand, so that a hand-out need not read them
 * back: those that were enqueued last, as long as the cache's bytes last (job.c, `cache`). Jobs
 * that something is due for (a queue timeout, a fallback) always are. The window and the cache know
 * nothing of each other: the window says who is next, and job_get finds that job or reads it. A
 * job that an agent could not start is in no queue: it stands aside (tried.h). */
#include "coordinator/engine/queue.h"

#include "base/mem.h"

#include <assert.h>
#include <string.h>

#define QUEUES_KEPT 256 /* empty ones per group */

struct queue *queue_get(struct engine *g, struct group *group, int64_t requires_id)
{
    (void)g;
    struct queue *q = map_find(&group->queues, (uint64_t)requires_id);
    if (q) return q;
    q = mem_alloc(sizeof *q);
    q->group = group;
    q->requires_id = requires_id;
    q->whole = true;
    map_put(&group->queues, (uint64_t)requires_id, q);
    return q;
}

bool queue_head_before(const struct queue_head *a, const struct queue_head *b)
{
    return a->priority != b->priority ? a->priority > b->priority : a->id < b->id;
}

static void window_insert(struct queue *q, const struct queue_head *head)
{
    size_t at = q->window_count;
    while (at > 0 && queue_head_before(head, &q->window[at - 1]))
        at--;
    if (at == q->window_count && !q->whole)
        return; /* behind the window: not known whether next to it */
    if (at == WINDOW) {
        q->whole = false;
        return;
    }
    if (q->window_count == WINDOW) {
        q->window_count--;
        q->whole = false;
    }
    memmove(&q->window[at + 1], &q->window[at], (q->window_count - at) * sizeof *q->window);
    q->window[at] = *head;
    q->window_count++;
}

static void window_remove(struct queue *q, int64_t id)
{
    for (size_t i = 0; i < q->window_count; i++) {
        if (q->window[i].id != id) continue;
        q->window_count--;
        memmove(&q->window[i], &q->window[i + 1], (q->window_count - i) * sizeof *q->window);
        return;
    }
}

static void pending_add(struct queue *q)
{
    struct group *group = q->group;
    if (group->pending_count == group->pending_cap) {
        group->pending_cap = group->pending_cap > 0 ? 2 * group->pending_cap : 8;
        group->pending = mem_resize(group->pending, group->pending_cap, sizeof *group->pending);
    }
    group->pending[group->pending_count++] = q;
    q->place = group->pending_count;
    q->blocked = false;
}

static void pending_remove(struct queue *q)
{
    struct group *group = q->group;
    struct queue *last = group->pending[--group->pending_count];
    group->pending[q->place - 1] = last;
    last->place = q->place;
    q->place = 0;
    q->whole = true;
    q->window_count = 0;
    if (group->queues.count <= QUEUES_KEPT) return;
    map_remove(&group->queues, (uint64_t)q->requires_id);
    mem_free(q);
}

void queue_add(struct engine *g, struct queue *q, const struct queue_head *head)
{
    q->count++;
    q->group->queued++;
    if (head) window_insert(q, head);
    if (q->place == 0) pending_add(q);
    if (!q->blocked) group_set_dirty(g, q->group);
}

void queue_remove(struct engine *g, struct queue *q, int64_t id)
{
    if (q->count <= 0) {
        engine_broken(g, "a queue has fewer jobs than none");
        return;
    }
    q->count--;
    q->group->queued--;
    window_remove(q, id);
    assert(q->count >= (int64_t)q->window_count);
    if (q->count == 0) pending_remove(q);
}

const struct queue_head *queue_best(struct engine *g, struct queue *q)
{
    if (q->window_count == 0) {
        struct queue_key k = {.group = q->group->row.key, .requires_id = q->requires_id};
        int rc = store_queue_heads(g->store, &k, q->window, WINDOW, &q->window_count, &g->err);
        if (!store_ok(g, rc)) return NULL;
        q->whole = (int64_t)q->window_count == q->count;
    }
    if (q->window_count == 0) {
        engine_broken(g, "the queue is shorter than its count");
        return NULL;
    }
    return &q->window[0];
}

void queues_drop_empty(struct group *group)
{
    size_t count = 0, place = 0;
    struct queue **empty = mem_array(group->queues.count, sizeof *empty);
    for (struct queue *q; (q = map_next(&group->queues, &place)) != NULL;) {
        if (q->place == 0) empty[count++] = q;
    }
    for (size_t i = 0; i < count; i++) {
        map_remove(&group->queues, (uint64_t)empty[i]->requires_id);
        mem_free(empty[i]);
    }
    mem_free(empty);
}

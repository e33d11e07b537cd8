/* The queue of a group: its counts, and a window onto the best jobs of each kind.
 *
 * A group may have a million jobs queued, so memory does not hold the queue. It holds one `struct
 * queue` for each different `requires` that its jobs have: how many there are, and the best of them
 * in order. A job that is better than the last one in the window goes into it; a worse one is only
 * counted when others that are not in the window may stand between. `whole` says that the window
 * holds all. A window may grow to thousands of jobs, as long as those of all queues together do not
 * take too much memory: then to a few only.
 *
 *     count 70,000
 *     +----+----+----+-- ... --+----+   +---------------------------------------+
 *     | p9 | p9 | p5 |         | p0 |   | the rest: in the store alone          |
 *     +----+----+----+-- ... --+----+   +---------------------------------------+
 *       best      window                  read when the window runs low (refill.c)
 *
 * Beside the window some jobs themselves are kept at hand, so that a hand-out need not read them
 * back: those that were enqueued last, as long as the cache's bytes last (job.c, `cache`), and
 * those that were read with the window. Jobs that something is due for (a queue timeout, a
 * fallback) always are. The window and the cache know nothing of each other: the window says who is
 * next, and job_get finds that job or reads it. A job that an agent could not start is in no queue:
 * it stands aside (tried.h). */
#include "coordinator/engine/queue.h"

#include "base/mem.h"

#include <assert.h>

#define QUEUES_KEPT 256  /* empty ones per group */
#define WINDOW_MOST 4096 /* jobs in a window */
#define WINDOW_LOW 128

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

size_t queue_window_most(const struct engine *g)
{
    return g->heads < HEADS_MOST ? WINDOW_MOST : WINDOW_LEAST;
}

static void window_insert(struct engine *g, struct queue *q, const struct queue_head *head)
{
    bool behind = window_is_behind(&q->window, head);
    if (behind && !q->whole) return; /* not known whether next to the last one */
    if (q->window.count >= queue_window_most(g)) {
        q->whole = false;
        if (behind) return;
        window_remove_last(&q->window);
        g->heads--;
    }
    window_add(&q->window, head);
    g->heads++;
}

static void window_shrink(struct engine *g, struct queue *q, int64_t id)
{
    if (window_remove(&q->window, id)) g->heads--;
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

static void pending_remove(struct engine *g, struct queue *q)
{
    struct group *group = q->group;
    struct queue *last = group->pending[--group->pending_count];
    group->pending[q->place - 1] = last;
    last->place = q->place;
    q->place = 0;
    queue_forget_window(g, q);
    q->whole = true;
    if (group->queues.count <= QUEUES_KEPT) return;
    map_remove(&group->queues, (uint64_t)q->requires_id);
    queue_free(g, q);
}

void queue_add(struct engine *g, struct queue *q, const struct queue_head *head)
{
    q->count++;
    q->group->queued++;
    if (head) window_insert(g, q, head);
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
    window_shrink(g, q, id);
    assert(q->count >= (int64_t)q->window.count);
    if (q->count == 0) pending_remove(g, q);
}

void queue_forget_window(struct engine *g, struct queue *q)
{
    g->heads -= q->window.count;
    window_clear(&q->window);
    q->whole = false;
}

void queue_read(struct engine *g, struct queue *q, const struct queue_head *head)
{
    window_add(&q->window, head);
    g->heads++;
}

void queue_was_read(struct engine *g, struct queue *q)
{
    if (q->window.count == 0) engine_broken(g, "the queue is shorter than its count");
    q->whole = (int64_t)q->window.count == q->count;
}

bool queue_is_low(const struct engine *g, const struct queue *q, size_t awaited)
{
    size_t low = 2 * awaited < WINDOW_LOW ? 2 * awaited : WINDOW_LOW;
    if (low < awaited) low = awaited;
    return !q->whole && q->window.count < low && g->heads < HEADS_MOST;
}

void queues_drop_empty(struct engine *g, struct group *group)
{
    size_t count = 0, place = 0;
    struct queue **empty = mem_array(group->queues.count, sizeof *empty);
    for (struct queue *q; (q = map_next(&group->queues, &place)) != NULL;) {
        if (q->place == 0) empty[count++] = q;
    }
    for (size_t i = 0; i < count; i++) {
        map_remove(&group->queues, (uint64_t)empty[i]->requires_id);
        queue_free(g, empty[i]);
    }
    mem_free(empty);
}

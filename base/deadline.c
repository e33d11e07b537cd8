/* A binary heap, 1-based: children of n are 2n and 2n+1. */
#include "base/deadline.h"

#include "base/mem.h"

void deadline_queue_init(struct deadline_queue *q)
{
    *q = (struct deadline_queue){NULL, 0, 0};
}

void deadline_queue_fini(struct deadline_queue *q)
{
    mem_free(q->items);
    deadline_queue_init(q);
}

static void place(struct deadline_queue *q, struct deadline *d, size_t at)
{
    q->items[at - 1] = d;
    d->place = at;
}

static void sift_up(struct deadline_queue *q, struct deadline *d, size_t at)
{
    while (at > 1) {
        struct deadline *parent = q->items[at / 2 - 1];
        if (parent->at_ms <= d->at_ms) break;
        place(q, parent, at);
        at /= 2;
    }
    place(q, d, at);
}

static void sift_down(struct deadline_queue *q, struct deadline *d, size_t at)
{
    for (;;) {
        size_t child = 2 * at;
        if (child > q->count) break;
        if (child < q->count && q->items[child]->at_ms < q->items[child - 1]->at_ms) child++;
        if (d->at_ms <= q->items[child - 1]->at_ms) break;
        place(q, q->items[child - 1], at);
        at = child;
    }
    place(q, d, at);
}

static void settle(struct deadline_queue *q, struct deadline *d, size_t at)
{
    sift_up(q, d, at);
    sift_down(q, d, d->place);
}

void deadline_set(struct deadline_queue *q, struct deadline *d, int64_t at_ms)
{
    d->at_ms = at_ms;
    if (d->place == 0) {
        if (q->count == q->cap) {
            q->cap = q->cap > 0 ? 2 * q->cap : 16;
            q->items = mem_resize(q->items, q->cap, sizeof(struct deadline *));
        }
        d->place = ++q->count;
    }
    settle(q, d, d->place);
}

void deadline_clear(struct deadline_queue *q, struct deadline *d)
{
    size_t at = d->place;
    if (at == 0) return;
    d->place = 0;
    struct deadline *last = q->items[--q->count];
    if (last != d) settle(q, last, at);
}

bool deadline_is_set(const struct deadline *d)
{
    return d->place != 0;
}

struct deadline *deadline_first(const struct deadline_queue *q)
{
    return q->count > 0 ? q->items[0] : NULL;
}

struct deadline *deadline_pop(struct deadline_queue *q, int64_t now_ms)
{
    struct deadline *d = deadline_first(q);
    if (!d || d->at_ms > now_ms) return NULL;
    deadline_clear(q, d);
    return d;
}

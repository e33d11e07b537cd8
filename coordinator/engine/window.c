/* A sorted array that is consumed from its front and mostly grows at its end, so both cost nothing
 * but the entry itself. */
#include "coordinator/engine/window.h"

#include "base/mem.h"

#include <string.h>

#define FIRST_CAP 8

bool queue_head_before(const struct queue_head *a, const struct queue_head *b)
{
    return a->priority != b->priority ? a->priority > b->priority : a->id < b->id;
}

const struct queue_head *window_first(const struct window *w)
{
    return w->count > 0 ? &w->items[w->first] : NULL;
}

const struct queue_head *window_last(const struct window *w)
{
    return w->count > 0 ? &w->items[w->first + w->count - 1] : NULL;
}

bool window_is_behind(const struct window *w, const struct queue_head *head)
{
    return w->count == 0 || !queue_head_before(head, &w->items[w->first + w->count - 1]);
}

/* There is a free entry behind the last one afterwards. */
static void make_room(struct window *w)
{
    if (w->first + w->count < w->cap) return;
    if (w->first > w->count) {
        memmove(w->items, w->items + w->first, w->count * sizeof *w->items);
        w->first = 0;
        return;
    }
    w->cap = w->cap > 0 ? 2 * w->cap : FIRST_CAP;
    w->items = mem_resize(w->items, w->cap, sizeof *w->items);
}

void window_add(struct window *w, const struct queue_head *head)
{
    make_room(w);
    struct queue_head *items = w->items + w->first;
    size_t at = w->count;
    while (at > 0 && queue_head_before(head, &items[at - 1]))
        at--;
    memmove(&items[at + 1], &items[at], (w->count - at) * sizeof *items);
    items[at] = *head;
    w->count++;
}

void window_remove_last(struct window *w)
{
    w->count--;
}

bool window_remove(struct window *w, int64_t id)
{
    struct queue_head *items = w->items + w->first;
    size_t at = 0;
    while (at < w->count && items[at].id != id)
        at++;
    if (at == w->count) return false;
    w->count--;
    if (at == 0)
        w->first++;
    else
        memmove(&items[at], &items[at + 1], (w->count - at) * sizeof *items);
    if (w->count == 0) w->first = 0;
    return true;
}

void window_clear(struct window *w)
{
    mem_free(w->items);
    *w = (struct window){0};
}

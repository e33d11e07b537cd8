/* A heap whose members know their places. */
#include "coordinator/engine/watch.h"

#include "base/mem.h"

static bool stands_before(const struct watched *a, const struct watched *b)
{
    return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->id < b->id;
}

static void set(struct watch *w, size_t place, const struct watched *x)
{
    w->items[place - 1] = *x;
    map_put(&w->places, (uint64_t)x->id, (void *)(uintptr_t)place);
}

static void settle(struct watch *w, size_t at, struct watched x)
{
    for (; at > 1 && stands_before(&x, &w->items[at / 2 - 1]); at /= 2)
        set(w, at, &w->items[at / 2 - 1]);
    for (;;) {
        size_t child = 2 * at;
        if (child > w->count) break;
        if (child < w->count && stands_before(&w->items[child], &w->items[child - 1])) child++;
        if (!stands_before(&w->items[child - 1], &x)) break;
        set(w, at, &w->items[child - 1]);
        at = child;
    }
    set(w, at, &x);
}

static size_t place_of(const struct watch *w, int64_t id)
{
    return (size_t)(uintptr_t)map_find(&w->places, (uint64_t)id);
}

void watch_fini(struct watch *w)
{
    mem_free(w->items);
    map_fini(&w->places);
    *w = (struct watch){0};
}

void watch_put(struct watch *w, int64_t id, int64_t at_ms)
{
    size_t place = place_of(w, id);
    if (place == 0) {
        if (w->count == w->cap) {
            w->cap = w->cap > 0 ? w->cap + w->cap / 2 : 16;
            w->items = mem_resize(w->items, w->cap, sizeof *w->items);
        }
        place = ++w->count;
    }
    settle(w, place, (struct watched){.at_ms = at_ms, .id = id});
}

void watch_remove(struct watch *w, int64_t id)
{
    size_t place = place_of(w, id);
    if (place == 0) return;
    map_remove(&w->places, (uint64_t)id);
    struct watched last = w->items[--w->count];
    if (place <= w->count) settle(w, place, last);
}

const struct watched *watch_find(const struct watch *w, int64_t id)
{
    size_t place = place_of(w, id);
    return place > 0 ? &w->items[place - 1] : NULL;
}

const struct watched *watch_first(const struct watch *w)
{
    return w->count > 0 ? w->items : NULL;
}

/* See sent.h. */
#include "coordinator/engine/sent.h"

#include "base/mem.h"

static struct sent *find(const struct engine *g, int64_t notice)
{
    return g->sent.count ? map_find(&g->sent, (uint64_t)notice) : NULL;
}

void sent_begin(struct engine *g, int64_t notice, int64_t count, bool over)
{
    struct sent *s = mem_alloc(sizeof *s);
    *s = (struct sent){.count = count, .over = over, .begun_in = g->batch};
    map_put(&g->sent, (uint64_t)notice, s);
    numbers_add(&g->sent_touched, (uint64_t)notice);
}

bool sent_is_on_its_way(const struct engine *g, int64_t notice)
{
    const struct sent *s = find(g, notice);
    return s && !s->ended_in;
}

bool sent_has_just_ended(const struct engine *g, int64_t notice)
{
    const struct sent *s = find(g, notice);
    return s && s->ended_in;
}

const struct sent *sent_end(struct engine *g, int64_t notice)
{
    struct sent *s = find(g, notice);
    if (!s || s->ended_in) return NULL;
    s->ended_in = g->batch;
    numbers_add(&g->sent_touched, (uint64_t)notice);
    return s;
}

void sent_settle(struct engine *g, bool committed)
{
    for (size_t i = 0; i < g->sent_touched.count; i++) {
        int64_t notice = (int64_t)g->sent_touched.items[i];
        struct sent *s = find(g, notice);
        if (!s) continue; /* it was touched twice */
        bool gone = committed ? s->ended_in != 0 : s->begun_in == g->batch;
        if (gone)
            mem_free(map_remove(&g->sent, (uint64_t)notice));
        else
            s->begun_in = s->ended_in = 0;
    }
    g->sent_touched.count = 0;
}

void sent_free(struct engine *g)
{
    size_t place = 0;
    struct sent *s;
    while ((s = map_next(&g->sent, &place)) != NULL)
        mem_free(s);
    map_fini(&g->sent);
    mem_free(g->sent_touched.items);
    g->sent_touched = (struct numbers){0};
}

/* The result of store calls, timers, ids. */
#include "coordinator/engine/core.h"

#include "base/id.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"

#include <string.h>

bool store_ok(struct engine *g, int rc)
{
    if (rc >= 0) return true;
    if (g->rc == 0) {
        g->rc = rc;
        if (g->err.code == 0) err_set(&g->err, rc, "the store failed");
    }
    return false;
}

void engine_broken(struct engine *g, const char *what)
{
    if (g->rc != 0) return;
    log_error("engine: %s", what);
    g->rc = err_set(&g->err, ERR_INTERNAL, "%s", what);
}

struct effect *session_effect(struct engine *g, enum effect_type type, uint64_t session)
{
    struct effect *x = effects_add(g->out, type);
    x->session = session;
    return x;
}

void timer_init(struct timer *t, enum timer_kind kind, void *owner)
{
    *t = (struct timer){.kind = kind, .owner = owner};
}

void timer_set(struct engine *g, struct timer *t, int64_t at_ms)
{
    if (at_ms == NEVER) {
        timer_clear(g, t);
    } else {
        deadline_set(&g->deadlines, &t->deadline, at_ms);
    }
}

void timer_clear(struct engine *g, struct timer *t)
{
    deadline_clear(&g->deadlines, &t->deadline);
}

bool engine_has_channel(const struct engine *g, const char *channel)
{
    size_t i = 0;
    while (i < g->config.channel_count && !str_eq(g->config.channels[i], channel))
        i++;
    return i < g->config.channel_count;
}

int64_t engine_new_id(struct engine *g)
{
    int64_t id = id_make(g->now.wall_ms, (uint32_t)rng_next(&g->rng));
    /* Two submits of one millisecond, or a clock set back: the order of ids is the order of the
     * queue. The step is random, because others may make ids for the same store. */
    if (id <= g->last_id) id = g->last_id + 1 + (int64_t)rng_below(&g->rng, 1024);
    g->last_id = id;
    return id;
}

char *scoped_key(int64_t submitter, const char *key)
{
    char token[ID_TEXT_SIZE] = "-";
    if (!key) return NULL;
    if (submitter > 0) id_format(submitter, token);
    /* twice for each submit: put together by hand */
    size_t head = strlen(token), len = strlen(key) + 1;
    char *scoped = mem_alloc(head + 1 + len);
    memcpy(scoped, token, head);
    scoped[head] = '/';
    memcpy(scoped + head + 1, key, len);
    return scoped;
}

void text_take(char **to, char **from)
{
    mem_free(*to);
    *to = *from;
    *from = NULL;
}

void text_set(char **to, const char *from)
{
    char *copy = mem_strdup(from);
    mem_free(*to);
    *to = copy;
}

void numbers_add(struct numbers *l, uint64_t number)
{
    if (l->count == l->cap) {
        l->cap = l->cap > 0 ? 2 * l->cap : 64;
        l->items = mem_resize(l->items, l->cap, sizeof *l->items);
    }
    l->items[l->count++] = number;
}

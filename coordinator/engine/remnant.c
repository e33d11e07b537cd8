/* See remnant.h. */
#include "coordinator/engine/remnant.h"

#include "base/mem.h"

#include <string.h>

static struct remnant *find(const struct remnants *l, int64_t job, int64_t attempt)
{
    struct remnant *r = l->first;
    while (r && (r->row.job != job || r->row.attempt != attempt))
        r = r->next;
    return r;
}

bool remnant_known(const struct remnants *l, int64_t job, int64_t attempt)
{
    return find(l, job, attempt) != NULL;
}

const char *remnant_is(const struct remnant *r)
{
    return strstr(r->row.processes, ") and ") ? "are" : "is";
}

struct remnant *remnant_add(struct remnants *l, struct remnant_row *row)
{
    struct remnant *r = find(l, row->job, row->attempt);
    if (!r) {
        r = mem_alloc(sizeof *r);
        r->next = l->first;
        l->first = r;
        l->count++;
    }
    remnant_row_fini(&r->row);
    r->row = *row;
    *row = (struct remnant_row){0};
    return r;
}

struct remnant *remnant_note(struct engine *g, struct remnants *l, struct remnant_row *row)
{
    int rc = store_remnant_put(g->store, row, &g->err);
    struct remnant *r = remnant_add(l, row);
    return store_ok(g, rc) ? r : NULL;
}

void remnant_hold(struct remnant *r, struct remnant **waiting, struct timer *timer, int64_t due_ms)
{
    r->waiting = waiting;
    r->timer = timer;
    r->due_ms = due_ms;
    *waiting = r;
}

void remnant_let_go(struct remnant **waiting)
{
    if (!*waiting) return;
    (*waiting)->waiting = NULL;
    *waiting = NULL;
}

static void drop(struct remnants *l, struct remnant **at)
{
    struct remnant *r = *at;
    if (r->waiting) remnant_let_go(r->waiting);
    *at = r->next;
    l->count--;
    remnant_row_fini(&r->row);
    mem_free(r);
}

static bool clear(struct engine *g, struct remnants *l, struct remnant **at)
{
    struct remnant *r = *at;
    if (!store_ok(g, store_remnant_delete(g->store, &r->row, &g->err))) return false;
    if (r->waiting) timer_set(g, r->timer, r->due_ms);
    drop(l, at);
    return true;
}

bool remnant_clear(struct engine *g, struct remnants *l, int64_t job, int64_t attempt)
{
    for (struct remnant **at = &l->first; *at; at = &(*at)->next) {
        if ((*at)->row.job == job && (*at)->row.attempt == attempt) return clear(g, l, at);
    }
    return false;
}

void remnants_clear(struct engine *g, struct remnants *l)
{
    while (l->first && clear(g, l, &l->first)) {
    }
}

void remnants_free(struct remnants *l)
{
    while (l->first)
        drop(l, &l->first);
}

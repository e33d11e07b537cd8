/* Who was heard. */
#include "coordinator/sessions/heard.h"

#include "base/mem.h"
#include "coordinator/engine/command.h"

#include <stdlib.h>
#include <string.h>

void heard_fini(struct heard *h)
{
    mem_free(h->agents);
    *h = (struct heard){0};
}

static void reserve(struct heard *h, size_t more)
{
    if (h->count + more <= h->cap) return;
    h->cap = 2 * (h->count + more);
    h->agents = mem_resize(h->agents, h->cap, sizeof *h->agents);
}

void heard_add(struct heard *h, int64_t agent)
{
    reserve(h, 1);
    h->agents[h->count++] = agent;
}

static int by_number(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static void remove_doubles(struct heard *h)
{
    if (h->count < HEARD_MANY || h->count < 2 * h->single) return;
    qsort(h->agents, h->count, sizeof *h->agents, by_number);
    size_t kept = 1;
    for (size_t i = 1; i < h->count; i++) {
        if (h->agents[i] != h->agents[kept - 1]) h->agents[kept++] = h->agents[i];
    }
    h->count = h->single = kept;
}

void heard_move(struct heard *to, struct heard *from)
{
    if (to->count == 0) {
        struct heard empty = {.agents = to->agents, .cap = to->cap};
        *to = *from;
        *from = empty;
    } else if (from->count > 0) {
        reserve(to, from->count);
        memcpy(to->agents + to->count, from->agents, from->count * sizeof *to->agents);
        to->count += from->count;
        from->count = 0;
        remove_doubles(to);
    }
}

struct command *heard_take(struct heard *h)
{
    if (h->count == 0) return NULL;
    struct command *c = command_new(CMD_HEARD);
    c->u.heard.agents = h->agents;
    c->u.heard.count = h->count;
    *h = (struct heard){0};
    return c;
}

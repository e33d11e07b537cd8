/* Lanes of commands. */
#include "coordinator/lanes.h"

#include "base/map.h"
#include "base/mem.h"

struct lane {
    uint64_t source;
    struct command *first, **last;
    struct lane *next; /* whose turn is after this one */
};

struct lanes {
    struct map by_source; /* those that hold something */
    struct lane *first, **last;
    struct lane front; /* of commands without a source */
    int64_t heard_ms;
};

struct lanes *lanes_new(int64_t heard_ms)
{
    struct lanes *l = mem_alloc(sizeof *l);
    map_init(&l->by_source);
    l->last = &l->first;
    l->front.last = &l->front.first;
    l->heard_ms = heard_ms;
    return l;
}

static void push(struct lane *lane, struct command *c)
{
    c->next = NULL;
    *lane->last = c;
    lane->last = &c->next;
}

static struct command *pop(struct lane *lane)
{
    struct command *c = lane->first;
    lane->first = c->next;
    if (!lane->first) lane->last = &lane->first;
    c->next = NULL;
    return c;
}

static void queue(struct lanes *l, struct lane *lane)
{
    lane->next = NULL;
    *l->last = lane;
    l->last = &lane->next;
}

static struct lane *unqueue(struct lanes *l)
{
    struct lane *lane = l->first;
    l->first = lane->next;
    if (!l->first) l->last = &l->first;
    return lane;
}

static struct lane *lane_of(struct lanes *l, const struct command *c)
{
    uint64_t source = c->session ? c->session : c->source;
    if (source == 0) return &l->front;
    struct lane *lane = map_find(&l->by_source, source);
    if (lane) return lane;
    lane = mem_alloc(sizeof *lane);
    lane->source = source;
    lane->last = &lane->first;
    map_put(&l->by_source, source, lane);
    queue(l, lane);
    return lane;
}

void lanes_add(struct lanes *l, struct command *chain, int64_t heard_ms)
{
    struct command *next;
    for (struct command *c = chain; c; c = next) {
        next = c->next;
        c->heard_ms = l->heard_ms;
        push(lane_of(l, c), c);
    }
    l->heard_ms = heard_ms;
}

/* Up to `count` commands and `most` weight, behind *last. */
static struct command **move(struct lane *from, size_t count, double most, struct command **last,
                             double *weight)
{
    while (from->first && count-- > 0 && *weight < most) {
        struct command *c = pop(from);
        *weight += 1 + (double)c->bytes / 1024;
        *last = c;
        last = &c->next;
    }
    return last;
}

struct command *lanes_take(struct lanes *l, double most, double *weight)
{
    struct command *chain = NULL;
    *weight = 0;
    struct command **last = move(&l->front, SIZE_MAX, most, &chain, weight);
    while (l->first && *weight < most) {
        struct lane *lane = unqueue(l);
        last = move(lane, LANES_AT_ONCE, most, last, weight);
        if (lane->first) {
            queue(l, lane);
        } else {
            map_remove(&l->by_source, lane->source);
            mem_free(lane);
        }
    }
    return chain;
}

bool lanes_are_empty(const struct lanes *l)
{
    return !l->front.first && !l->first;
}

int64_t lanes_heard_ms(const struct lanes *l)
{
    const struct command *c = l->front.first;
    int64_t ms = c ? c->heard_ms : l->heard_ms;
    for (const struct lane *lane = l->first; lane; lane = lane->next) {
        if (lane->first->heard_ms < ms) ms = lane->first->heard_ms;
    }
    return ms;
}

void lanes_free(struct lanes *l)
{
    double weight;
    struct command *next;
    for (struct command *c = lanes_take(l, 1e18, &weight); c; c = next) {
        next = c->next;
        command_free(c);
    }
    map_fini(&l->by_source);
    mem_free(l);
}

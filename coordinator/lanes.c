/* Lanes of commands. */
#include "coordinator/lanes.h"

#include "base/map.h"
#include "base/mem.h"
#include "coordinator/share.h"
#include "wire/lease.h"

#include <math.h>

_Static_assert(LANES_LAG_MS < LEASE_DEAF_MS,
               "what waits holds the engine's clock back for no lease");

struct lane {
    uint64_t source;
    struct command *first, **last;
    struct lane *next; /* whose turn is after this one */
};

struct lane_list {
    struct lane *first, **last;
};

struct lanes {
    struct map by_source;  /* those that hold something */
    struct lane_list turn; /* the same, in the order of their turns */
    struct share share;
    int ahead;         /* quiet lanes that came since the last batch */
    int brief;         /* batches that are to be short yet */
    struct lane front; /* of commands without a source */
    bool bulk_due;     /* the last batch left it to the next one */
    int calm;          /* batches since the last one with something else than bulk */
    int64_t heard_ms;
};

/* A batch that is being put together. */
struct taking {
    struct command *chain, **last;
    double most, weight;
    size_t most_bulk; /* bytes */
    bool other;       /* something else than bulk is in it */
    struct share *share;
};

struct lanes *lanes_new(int64_t heard_ms)
{
    struct lanes *l = mem_alloc(sizeof *l);
    map_init(&l->by_source);
    l->turn.last = &l->turn.first;
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

static void queue(struct lane_list *l, struct lane *lane)
{
    lane->next = NULL;
    *l->last = lane;
    l->last = &lane->next;
}

static struct lane *unqueue(struct lane_list *l)
{
    struct lane *lane = l->first;
    l->first = lane->next;
    if (!l->first) l->last = &l->first;
    return lane;
}

/* Before those that are there. */
static void queue_first(struct lane_list *l, struct lane_list *first)
{
    if (!first->first) return;
    *first->last = l->first;
    if (!l->first) l->last = first->last;
    l->first = first->first;
}

static void put_back(struct lanes *l, struct lane *lane)
{
    if (lane->first) {
        queue(&l->turn, lane);
        return;
    }
    map_remove(&l->by_source, lane->source);
    mem_free(lane);
}

/* Behind all others, or before them. Those that go before others are few: many that came at once
 * are not what the others are to wait for. */
static void queue_new(struct lanes *l, struct lane *lane)
{
    if (l->ahead == LANES_AHEAD || !share_is_quiet(&l->share, lane->source)) {
        queue(&l->turn, lane);
        return;
    }
    struct lane_list one;
    one.last = &one.first;
    queue(&one, lane);
    queue_first(&l->turn, &one);
    l->ahead++;
    l->brief = LANES_BRIEF;
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
    queue_new(l, lane);
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

static bool is_bulk(const struct command *c)
{
    return c->type == CMD_OUTPUT && c->bytes > LANES_LINE_BYTES;
}

static size_t take_one(struct lane *from, struct taking *t)
{
    struct command *c = pop(from);
    double weight = 1 + (double)c->bytes / 1024;
    t->weight += weight;
    if (from->source) share_note(t->share, from->source, weight);
    *t->last = c;
    t->last = &c->next;
    return c->bytes;
}

/* Up to `count` commands that are no bulk. */
static void take_some(struct lane *from, size_t count, struct taking *t)
{
    while (from->first && !is_bulk(from->first) && count-- > 0 && t->weight < t->most) {
        take_one(from, t);
        t->other = true;
    }
}

/* One of each lane in turn. Lanes that are left go first in the next batch. */
static void take_bulk(struct lanes *l, struct lane_list *loud, struct taking *t)
{
    for (size_t bytes = 0; loud->first && bytes < t->most_bulk;) {
        struct lane *lane = unqueue(loud);
        bytes += take_one(lane, t);
        if (lane->first && is_bulk(lane->first))
            queue(loud, lane);
        else
            put_back(l, lane);
    }
    queue_first(&l->turn, loud);
}

/* The lanes whose next command is bulk leave the turn, for `loud`. */
static void find_loud(struct lanes *l, struct lane_list *loud)
{
    struct lane_list all = {.first = l->turn.first};
    l->turn = (struct lane_list){0};
    l->turn.last = &l->turn.first;
    while (all.first) {
        struct lane *lane = all.first;
        all.first = lane->next;
        queue(is_bulk(lane->first) ? loud : &l->turn, lane);
    }
}

/* A turn of all lanes. Those that come to bulk leave it, for `loud`. */
static void take_turn(struct lanes *l, struct lane_list *loud, struct taking *t)
{
    while (l->turn.first && t->weight < t->most) {
        struct lane *lane = unqueue(&l->turn);
        take_some(lane, LANES_AT_ONCE, t);
        if (lane->first && is_bulk(lane->first))
            queue(loud, lane);
        else
            put_back(l, lane);
    }
}

/* All else first; when there is bulk, too, the next batch is bulk alone. */
static void take(struct lanes *l, bool all, struct taking *t)
{
    struct lane_list loud = {0};
    loud.last = &loud.first;
    if (l->bulk_due && !all) find_loud(l, &loud);
    bool alone = loud.first;
    if (!alone) take_turn(l, &loud, t);
    l->bulk_due = !alone && !all && t->other && loud.first;
    if (l->bulk_due)
        queue_first(&l->turn, &loud);
    else
        take_bulk(l, &loud, t);
}

/* Bytes. While others have something to say, as much as is to be in a batch, within bounds. */
static size_t most_bulk(const struct lanes *l, double most)
{
    if (l->calm >= LANES_CALM) return LANES_BULK_CALM_BYTES;
    double bytes = most * LANES_BULK_SHARE * 1024;
    return bytes < LANES_BULK_LEAST   ? LANES_BULK_LEAST
           : bytes > LANES_BULK_BYTES ? LANES_BULK_BYTES
                                      : (size_t)bytes;
}

struct command *lanes_take(struct lanes *l, double most, double *weight)
{
    struct taking t = {.share = &l->share, .most = most, .most_bulk = most_bulk(l, most)};
    bool all = l->heard_ms - lanes_heard_ms(l) > LANES_LAG_MS;
    t.last = &t.chain;
    if (all) {
        t.most = INFINITY;
        t.most_bulk = SIZE_MAX;
    }
    take_some(&l->front, SIZE_MAX, &t);
    do
        take(l, all, &t);
    while (all && l->turn.first);
    if (t.chain) l->calm = t.other ? 0 : l->calm + 1;
    if (l->brief > 0 && t.other) l->brief--;
    l->ahead = 0;
    *weight = t.weight;
    return t.chain;
}

bool lanes_want_brief(const struct lanes *l)
{
    return l->brief > 0;
}

bool lanes_are_empty(const struct lanes *l)
{
    return !l->front.first && !l->turn.first;
}

int64_t lanes_heard_ms(const struct lanes *l)
{
    const struct command *c = l->front.first;
    int64_t ms = c ? c->heard_ms : l->heard_ms;
    for (const struct lane *lane = l->turn.first; lane; lane = lane->next) {
        if (lane->first->heard_ms < ms) ms = lane->first->heard_ms;
    }
    return ms;
}

static void free_commands(struct lane *lane)
{
    while (lane->first)
        command_free(pop(lane));
}

void lanes_free(struct lanes *l)
{
    free_commands(&l->front);
    while (l->turn.first) {
        struct lane *lane = unqueue(&l->turn);
        free_commands(lane);
        put_back(l, lane);
    }
    map_fini(&l->by_source);
    mem_free(l);
}

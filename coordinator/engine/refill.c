/* Windows and jobs are read before the batch changes anything: then the store's answer is what
 * memory has to agree with, and nothing has to be written before it is read. A window that runs
 * empty all the same, in the middle of a batch, is read then. */
#include "coordinator/engine/refill.h"

#include "base/mem.h"

#define AHEAD_MOST 512 /* jobs that one batch reads ahead */
#define AHEAD_LEAST 16 /* from a queue that runs low */

static struct queue_key key_of(const struct queue *q)
{
    return (struct queue_key){.group = q->group->row.key, .requires_id = q->requires_id};
}

/* How many heads are read into a window that is empty. */
static size_t heads_most(const struct engine *g)
{
    size_t most = queue_window_most(g);
    return most < WINDOW_READ ? most : WINDOW_READ;
}

static void fill(struct engine *g, struct queue *q)
{
    struct queue_key k = key_of(q);
    struct queue_head heads[WINDOW_READ];
    size_t count = 0, most = heads_most(g);
    if (!store_ok(g, store_queue_heads(g->store, &k, heads, most, &count, &g->err))) return;
    queue_forget_window(g, q);
    for (size_t i = 0; i < count; i++)
        queue_read(g, q, &heads[i]);
    queue_was_read(g, q);
}

const struct queue_head *refill_best(struct engine *g, struct queue *q)
{
    if (!window_first(&q->window)) fill(g, q);
    return g->rc == 0 ? window_first(&q->window) : NULL;
}

/* ---- ahead ---- */

/* How many slots a command may make free. */
static size_t slots_of(const struct command *c)
{
    switch (c->type) {
    case CMD_FINISHED:
    case CMD_DECLINED:
    case CMD_CLEARED:
        return 1;
    case CMD_READY:
        return WINDOW_READ;
    default:
        return 0;
    }
}

static int keep(struct job_row *row, const char *spec, void *user)
{
    job_keep(user, row, spec);
    return 0;
}

struct reading {
    struct engine *engine;
    struct queue *queue;
    size_t count;
};

static int add(struct job_row *row, const char *spec, void *user)
{
    struct reading *r = user;
    queue_read(r->engine, r->queue,
               &(struct queue_head){.id = row->id,
                                    .priority = row->priority,
                                    .attempt = row->attempt});
    r->count++;
    if (!job_find(r->engine, row->id)) job_keep(r->engine, row, spec);
    return !job_has_room(r->engine);
}

/* Behind those in the window; *after is its memory. */
static struct queue_part part_behind(const struct queue *q, size_t most, struct queue_head *after)
{
    const struct queue_head *last = window_last(&q->window);
    if (last) *after = *last;
    return (struct queue_part){.queue = key_of(q), .after = last ? after : NULL, .most = most};
}

/* The jobs behind those in the window, window and jobs at once. */
static size_t read_on(struct engine *g, struct queue *q, size_t most)
{
    struct reading r = {.engine = g, .queue = q};
    struct queue_head after;
    struct queue_part part = part_behind(q, most, &after);
    if (!store_ok(g, store_queue_read(g->store, &part, add, &r, &g->err))) return r.count;
    queue_was_read(g, q);
    return r.count;
}

/* More than are awaited, that not every batch has to read. */
static size_t ahead_of(size_t awaited)
{
    size_t most = 4 * awaited;
    if (most < AHEAD_LEAST) return AHEAD_LEAST;
    return most < WINDOW_READ ? most : WINDOW_READ;
}

/* Those at the head of the queue that are not at hand. */
static size_t note_absent(const struct engine *g, const struct queue *q, size_t most, int64_t *ids)
{
    size_t count = 0;
    for (size_t i = 0; i < q->window.count && i < most; i++) {
        int64_t id = q->window.items[q->window.first + i].id;
        if (!job_find(g, id)) ids[count++] = id;
    }
    return count;
}

/* *left: how many jobs may still be read. */
static void read_queue(struct engine *g, struct queue *q, size_t awaited, size_t *left)
{
    int64_t ids[AHEAD_MOST];
    if (queue_is_low(g, q, awaited)) {
        size_t most = ahead_of(awaited) < *left ? ahead_of(awaited) : *left;
        if (job_has_room(g))
            *left -= read_on(g, q, most);
        else
            fill(g, q);
    }
    if (g->rc || !job_has_room(g)) return;
    size_t count = note_absent(g, q, awaited < *left ? awaited : *left, ids);
    *left -= count;
    if (count > 0) store_ok(g, store_jobs_read(g->store, ids, count, keep, g, &g->err));
}

/* What read_queue will ask for. */
static void ask_queue(struct engine *g, struct queue *q, size_t awaited, size_t *left)
{
    int64_t ids[AHEAD_MOST];
    if (queue_is_low(g, q, awaited)) {
        size_t most = ahead_of(awaited) < *left ? ahead_of(awaited) : *left;
        struct queue_head after;
        struct queue_part part = part_behind(q, most, &after);
        if (job_has_room(g)) {
            store_ok(g, store_ask_queue(g->store, &part, &g->err));
            *left -= most;
        } else {
            store_ok(g, store_ask_heads(g->store, &part.queue, heads_most(g), &g->err));
        }
    }
    if (g->rc || !job_has_room(g)) return;
    size_t count = note_absent(g, q, awaited < *left ? awaited : *left, ids);
    *left -= count;
    store_ok(g, store_ask_jobs(g->store, ids, count, &g->err));
}

typedef void queue_fn(struct engine *g, struct queue *q, size_t awaited, size_t *left);

static void each_queue(struct engine *g, struct group *group, queue_fn *fn, size_t *left)
{
    size_t awaited = group->awaited < WINDOW_READ ? group->awaited : WINDOW_READ;
    for (size_t i = 0; i < group->pending_count && g->rc == 0 && *left > 0; i++)
        fn(g, group->pending[i], awaited, left);
}

/* The agent that may get free slots by the command; NULL: none. */
static const struct agent *agent_of(const struct engine *g, const struct command *c)
{
    return slots_of(c) > 0 ? agent_of_session(g, c->session) : NULL;
}

/* The queues that agents of these commands will take jobs from. */
static void each_awaited(struct engine *g, const struct command *first, queue_fn *fn)
{
    size_t left = AHEAD_MOST;
    for (const struct command *c = first; c; c = c->next) {
        const struct agent *a = agent_of(g, c);
        for (size_t i = 0; a && i < a->member_count; i++)
            a->members[i].group->awaited += slots_of(c);
    }
    for (const struct command *c = first; c; c = c->next) {
        const struct agent *a = agent_of(g, c);
        for (size_t i = 0; a && i < a->member_count; i++) {
            struct group *group = a->members[i].group;
            if (group->awaited == 0) continue;
            if (g->rc == 0 && !group->row.paused) each_queue(g, group, fn, &left);
            group->awaited = 0;
        }
    }
}

void refill_ask(struct engine *g, const struct command *first)
{
    each_awaited(g, first, ask_queue);
}

void refill_ahead(struct engine *g, const struct command *first)
{
    each_awaited(g, first, read_queue);
}

/* The jobs in CREATED, by group and by what they require. */
#ifndef CADRE_COORDINATOR_ENGINE_QUEUE_H
#define CADRE_COORDINATOR_ENGINE_QUEUE_H

#include "base/mem.h"
#include "coordinator/engine/group.h"
#include "coordinator/engine/requires_entry.h"
#include "coordinator/engine/window.h"

#define WINDOW_READ 256   /* jobs that are read from the store at once */
#define WINDOW_LEAST 32   /* jobs in a window, also when there are */
#define HEADS_MOST 262144 /* in all windows together */

/* The CREATED jobs of a group that require the same. */
struct queue {
    struct group *group;
    int64_t requires_id;
    struct requires_entry *requires; /* NULL: nothing required, or not yet compiled */
    int64_t count;
    size_t place; /* in group.pending, 1-based; 0 while count is 0 */
    bool blocked; /* no free agent of the group meets the requires; an agent that gets free may */
    bool whole;   /* the window holds all queued jobs */
    struct window window; /* the best ones */
};

struct queue *queue_get(struct engine *g, struct group *group, int64_t requires_id);
void queue_add(struct engine *g, struct queue *q, const struct queue_head *head);
void queue_remove(struct engine *g, struct queue *q, int64_t id);
/* What its window is filled with (refill.c): */
/* A job that was read from the store, behind those that are in the window. */
void queue_read(struct engine *g, struct queue *q, const struct queue_head *head);
/* The window holds what the store had: all that are queued, or the first of them. */
void queue_was_read(struct engine *g, struct queue *q);
/* Empties the window: it is about to be read anew. */
void queue_forget_window(struct engine *g, struct queue *q);
/* Is the window nearly empty, with so many that are about to be handed out, while there are more
 * jobs, and is there memory to read ahead? */
bool queue_is_low(const struct engine *g, const struct queue *q, size_t awaited);
/* How many jobs a window may hold now. */
size_t queue_window_most(const struct engine *g);
void queues_drop_empty(struct engine *g, struct group *group);
static inline void queue_free(struct engine *g, struct queue *q)
{
    g->heads -= q->window.count;
    window_clear(&q->window);
    mem_free(q);
}

#endif

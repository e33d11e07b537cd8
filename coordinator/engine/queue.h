/* The jobs in CREATED, by group and by what they require. */
#ifndef CADRE_COORDINATOR_ENGINE_QUEUE_H
#define CADRE_COORDINATOR_ENGINE_QUEUE_H

#include "coordinator/engine/group.h"
#include "coordinator/engine/requires_entry.h"

#define WINDOW 32

/* The CREATED jobs of a group that require the same. */
struct queue {
    struct group *group;
    int64_t requires_id;
    struct requires_entry *requires; /* NULL: nothing required, or not yet compiled */
    int64_t count;
    size_t place; /* in group.pending, 1-based; 0 while count is 0 */
    bool blocked; /* no free agent of the group meets the requires; an agent that gets free may */
    bool whole;   /* the window holds all queued jobs */
    size_t window_count;
    struct queue_head window[WINDOW]; /* the best ones, in order */
};

struct queue *queue_get(struct engine *g, struct group *group, int64_t requires_id);
void queue_add(struct engine *g, struct queue *q, const struct queue_head *head);
void queue_remove(struct engine *g, struct queue *q, int64_t id);
/* The best job; NULL: a failure was noted. count > 0. */
const struct queue_head *queue_best(struct engine *g, struct queue *q);
/* Does the first one go before the second? */
bool queue_head_before(const struct queue_head *a, const struct queue_head *b);
void queues_drop_empty(struct group *group);

#endif

/* A few of the jobs of a queue, the best ones, in their order: highest priority first, then lowest
 * id. Pure memory. */
#ifndef CADRE_COORDINATOR_ENGINE_WINDOW_H
#define CADRE_COORDINATOR_ENGINE_WINDOW_H

#include "coordinator/store/store.h"

struct window {
    struct queue_head *items; /* those that count begin at `first` */
    size_t first, count, cap;
};

/* Does the first one go before the second? */
bool queue_head_before(const struct queue_head *a, const struct queue_head *b);

/* NULL: it is empty. Valid until the next change. */
const struct queue_head *window_first(const struct window *w);
const struct queue_head *window_last(const struct window *w); /* the same */
/* Would it stand behind all others? */
bool window_is_behind(const struct window *w, const struct queue_head *head);
void window_add(struct window *w, const struct queue_head *head);
void window_remove_last(struct window *w);        /* not of an empty one */
bool window_remove(struct window *w, int64_t id); /* false: it was not there */
void window_clear(struct window *w);              /* also gives its memory back */

#endif

/* Deadline queue: a binary heap of (when, key). Add and remove O(log n), next O(1).
 * Entries are embedded in the caller's structs; the queue never allocates for them. */
#ifndef CADRE_BASE_DEADLINE_H
#define CADRE_BASE_DEADLINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct deadline {
    int64_t at_ms;
    size_t place; /* 1-based index in the heap, 0 = not queued */
};

struct deadline_queue {
    struct deadline **items;
    size_t count, cap;
};

void deadline_queue_init(struct deadline_queue *q);
void deadline_queue_fini(struct deadline_queue *q); /* forgets the entries, does not touch them */
void deadline_set(struct deadline_queue *q, struct deadline *d, int64_t at_ms); /* adds or moves */
void deadline_clear(struct deadline_queue *q, struct deadline *d); /* fine when not queued */
bool deadline_is_set(const struct deadline *d);
/* The earliest deadline; NULL when empty. The order of equal deadlines is not specified. */
struct deadline *deadline_first(const struct deadline_queue *q);
/* Takes the earliest out when it is due (at_ms <= now_ms), else NULL. */
struct deadline *deadline_pop(struct deadline_queue *q, int64_t now_ms);

#endif

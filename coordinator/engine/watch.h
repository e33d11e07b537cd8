/* Ids with a moment each, the earliest first; any of them can be found and removed. For jobs that
 * wait in the store alone, but that something is due for: some 60 bytes a job. */
#ifndef CADRE_COORDINATOR_ENGINE_WATCH_H
#define CADRE_COORDINATOR_ENGINE_WATCH_H

#include "base/map.h"

#include <stdbool.h>

struct watched {
    int64_t at_ms, id;
};

struct watch {
    struct watched *items; /* a heap */
    size_t count, cap;
    struct map places; /* id -> place in items, from 1 */
};

void watch_fini(struct watch *w);
void watch_put(struct watch *w, int64_t id, int64_t at_ms);          /* adds it, or moves it */
void watch_remove(struct watch *w, int64_t id);                      /* fine when it is not there */
const struct watched *watch_find(const struct watch *w, int64_t id); /* NULL: it is not there */
const struct watched *watch_first(const struct watch *w);            /* NULL: it is empty */

#endif

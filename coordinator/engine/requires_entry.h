/* What queued jobs require, by the number that the store gives it: compiled once, however many jobs
 * require the same. */
#ifndef CADRE_COORDINATOR_ENGINE_REQUIRES_ENTRY_H
#define CADRE_COORDINATOR_ENGINE_REQUIRES_ENTRY_H

#include "coordinator/engine/core.h"
#include "coordinator/engine/requires.h"

/* Interned requires, compiled. */
struct requires_entry {
    int64_t id;
    char *text;
    struct requires *compiled;
    bool never;  /* cannot be read: no agent meets it */
    size_t slot; /* in agent.fits */
};

struct requires_entry *requires_entry_find(struct engine *g,
                                           int64_t id); /* NULL: a failure was noted */
int requires_entry_intern(struct engine *g, struct requires *r, int64_t *id); /* takes r */
/* The store has deleted it: no job has it, and its number is not given out again. */
void requires_entry_forget(struct engine *g, int64_t id);
/* Frees all entries of a map. */
void requires_entries_free(struct map *entries);

#endif

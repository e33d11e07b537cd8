/* A hash table from 64-bit numbers (sessions, requests, jobs) to pointers. 0 is no key. */
#ifndef CADRE_COORDINATOR_MAP_H
#define CADRE_COORDINATOR_MAP_H

#include <stddef.h>
#include <stdint.h>

struct map {
    struct map_slot {
        uint64_t key;
        void *value;
    } * slots;
    size_t cap; /* a power of two, or 0 */
    size_t count;
};

void map_init(struct map *m);
void map_fini(struct map *m);                           /* does not touch the values */
void *map_find(const struct map *m, uint64_t key);      /* NULL: absent */
void map_put(struct map *m, uint64_t key, void *value); /* adds or replaces; value not NULL */
void *map_remove(struct map *m, uint64_t key);          /* what was there, NULL: nothing */
/* Walks in no order; start with *place 0; NULL at the end. No put or remove meanwhile. */
void *map_next(const struct map *m, size_t *place);

#endif

/* A hash table from 64-bit numbers to pointers, for the engine alone. Its order of walking depends
 * on what was put and removed before and on nothing else, so that a run can be repeated. */
#ifndef CADRE_COORDINATOR_ENGINE_ID_MAP_H
#define CADRE_COORDINATOR_ENGINE_ID_MAP_H

#include <stddef.h>
#include <stdint.h>

struct id_map {
    struct id_slot {
        uint64_t key;
        void *value; /* NULL: the slot is free */
    } * slots;
    size_t cap; /* a power of two, or 0 */
    size_t count;
};

void id_map_init(struct id_map *m);
void id_map_fini(struct id_map *m);                           /* does not touch the values */
void *id_map_find(const struct id_map *m, uint64_t key);      /* NULL: absent */
void id_map_put(struct id_map *m, uint64_t key, void *value); /* adds or replaces; value not NULL */
void *id_map_remove(struct id_map *m, uint64_t key);          /* what was there, or NULL */
/* Walks; start with *place 0; NULL at the end. No put or remove meanwhile. */
void *id_map_next(const struct id_map *m, size_t *place);

/* A number for a text, to be used as key; different texts may have the same one. NULL is no
 * text. */
uint64_t id_map_text_key(const char *text);

#endif

/* A hash table from 64-bit numbers to pointers. Its order of walking depends on what was put and
 * removed before and on nothing else, so that a run can be repeated. */
#ifndef CADRE_BASE_MAP_H
#define CADRE_BASE_MAP_H

#include <stddef.h>
#include <stdint.h>

struct map {
    struct map_slot {
        uint64_t key;
        void *value; /* NULL: the slot is free */
    } * slots;
    size_t cap; /* a power of two, or 0 */
    size_t count;
};

void map_init(struct map *m);
void map_fini(struct map *m);                           /* does not touch the values */
void map_clear(struct map *m);                          /* empty; room for a few thousand stays */
void *map_find(const struct map *m, uint64_t key);      /* NULL: absent */
void map_put(struct map *m, uint64_t key, void *value); /* adds or replaces; value not NULL */
void *map_remove(struct map *m, uint64_t key);          /* what was there, or NULL */
/* Walks; start with *place 0; NULL at the end. No put or remove meanwhile. */
void *map_next(const struct map *m, size_t *place);

/* A number for a text, to be used as key; different texts may have the same one. NULL is no
 * text. */
uint64_t map_text_key(const char *text);

#endif

/* Open addressing with linear probing; removal closes the gap, so that no tombstones pile up. */
#include "coordinator/map.h"

#include "base/mem.h"

#define MAP_CAP_MIN 16

void map_init(struct map *m)
{
    *m = (struct map){0};
}

void map_fini(struct map *m)
{
    mem_free(m->slots);
    *m = (struct map){0};
}

/* Numbers in a row must not fall into places in a row only by luck: a multiplicative hash
 * spreads them. */
static size_t home_of(const struct map *m, uint64_t key)
{
    return (size_t)((key * UINT64_C(0x9e3779b97f4a7c15)) >> 32) & (m->cap - 1);
}

static size_t place_of(const struct map *m, uint64_t key)
{
    size_t i = home_of(m, key);
    while (m->slots[i].key && m->slots[i].key != key)
        i = (i + 1) & (m->cap - 1);
    return i;
}

void *map_find(const struct map *m, uint64_t key)
{
    if (!m->cap || !key) return NULL;
    const struct map_slot *s = &m->slots[place_of(m, key)];
    return s->key ? s->value : NULL;
}

static void grow(struct map *m)
{
    struct map old = *m;
    m->cap = old.cap ? old.cap * 2 : MAP_CAP_MIN;
    m->slots = mem_array(m->cap, sizeof *m->slots);
    for (size_t i = 0; i < old.cap; i++)
        if (old.slots[i].key) m->slots[place_of(m, old.slots[i].key)] = old.slots[i];
    mem_free(old.slots);
}

void map_put(struct map *m, uint64_t key, void *value)
{
    if ((m->count + 1) * 4 > m->cap * 3) grow(m);
    struct map_slot *s = &m->slots[place_of(m, key)];
    if (!s->key) m->count++;
    *s = (struct map_slot){key, value};
}

void *map_remove(struct map *m, uint64_t key)
{
    if (!m->cap || !key) return NULL;
    size_t gap = place_of(m, key);
    if (!m->slots[gap].key) return NULL;
    void *value = m->slots[gap].value;
    size_t mask = m->cap - 1;
    for (size_t i = (gap + 1) & mask; m->slots[i].key; i = (i + 1) & mask) {
        size_t home = home_of(m, m->slots[i].key);
        /* may it move into the gap? only when its home is not between gap and itself */
        if (((i - home) & mask) >= ((i - gap) & mask)) {
            m->slots[gap] = m->slots[i];
            gap = i;
        }
    }
    m->slots[gap] = (struct map_slot){0};
    m->count--;
    return value;
}

void *map_next(const struct map *m, size_t *place)
{
    while (*place < m->cap) {
        const struct map_slot *s = &m->slots[(*place)++];
        if (s->key) return s->value;
    }
    return NULL;
}

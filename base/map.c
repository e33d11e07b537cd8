/* Linear probing; a removal closes the gap, so that there are no tombstones. */
#include "base/map.h"

#include "base/mem.h"

#include <string.h>

#define FIRST_CAP 16
#define KEPT_CAP 8192 /* by map_clear */

/* Ids differ mostly in a few middle bits: spread them over all. */
static uint64_t mix(uint64_t x)
{
    x ^= x >> 32;
    x *= UINT64_C(0xd6e8feb86659fd93);
    x ^= x >> 32;
    return x;
}

static size_t home(const struct map *m, uint64_t key)
{
    return (size_t)mix(key) & (m->cap - 1);
}

void map_init(struct map *m)
{
    *m = (struct map){0};
}

void map_fini(struct map *m)
{
    mem_free(m->slots);
    map_init(m);
}

void map_clear(struct map *m)
{
    if (m->count == 0) return;
    if (m->cap > KEPT_CAP) {
        map_fini(m);
        return;
    }
    memset(m->slots, 0, m->cap * sizeof *m->slots);
    m->count = 0;
}

/* The slot of key, or the free slot where it belongs. */
static struct map_slot *slot_of(const struct map *m, uint64_t key)
{
    size_t at = home(m, key);
    while (m->slots[at].value && m->slots[at].key != key)
        at = (at + 1) & (m->cap - 1);
    return &m->slots[at];
}

void *map_find(const struct map *m, uint64_t key)
{
    return m->count > 0 ? slot_of(m, key)->value : NULL;
}

static void grow(struct map *m)
{
    struct map bigger = {.cap = m->cap > 0 ? 2 * m->cap : FIRST_CAP, .count = m->count};
    bigger.slots = mem_array(bigger.cap, sizeof *bigger.slots);
    for (size_t i = 0; i < m->cap; i++) {
        if (m->slots[i].value) *slot_of(&bigger, m->slots[i].key) = m->slots[i];
    }
    mem_free(m->slots);
    *m = bigger;
}

void map_put(struct map *m, uint64_t key, void *value)
{
    if (4 * (m->count + 1) > 3 * m->cap) grow(m);
    struct map_slot *s = slot_of(m, key);
    if (!s->value) m->count++;
    *s = (struct map_slot){.key = key, .value = value};
}

void *map_remove(struct map *m, uint64_t key)
{
    if (m->count == 0) return NULL;
    struct map_slot *s = slot_of(m, key);
    void *value = s->value;
    if (!value) return NULL;
    m->count--;
    size_t hole = (size_t)(s - m->slots), at = hole;
    for (;;) {
        at = (at + 1) & (m->cap - 1);
        if (!m->slots[at].value) break;
        /* may the entry move to the hole? Only when its home is not between the hole and its
         * place */
        size_t from_home = (at - home(m, m->slots[at].key)) & (m->cap - 1);
        size_t from_hole = (at - hole) & (m->cap - 1);
        if (from_home < from_hole) continue;
        m->slots[hole] = m->slots[at];
        hole = at;
    }
    m->slots[hole].value = NULL;
    return value;
}

void *map_next(const struct map *m, size_t *place)
{
    while (*place < m->cap) {
        void *value = m->slots[(*place)++].value;
        if (value) return value;
    }
    return NULL;
}

uint64_t map_text_key(const char *text)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325); /* FNV-1a */
    for (const unsigned char *p = (const unsigned char *)text; p && *p; p++)
        h = (h ^ *p) * UINT64_C(0x100000001b3);
    return h;
}

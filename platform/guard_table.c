/* See guard_table.h. */
#include "platform/guard_table.h"

#include "base/mem.h"
#include "base/str.h"

#include <string.h>

#define STATE_BITS 2
#define STATE_MASK UINT64_C(3)

size_t guard_table_size(uint32_t capacity)
{
    return sizeof(struct guard_table) + (size_t)capacity * sizeof(struct guard_slot);
}

void guard_table_init(struct guard_table *t, uint32_t capacity)
{
    t->capacity = capacity;
    t->magic = GUARD_MAGIC;
}

bool guard_table_fits(const struct guard_table *t, size_t bytes)
{
    return bytes >= sizeof *t && t->magic == GUARD_MAGIC && t->capacity > 0 &&
           t->capacity <= GUARD_CAPACITY_MAX && bytes >= guard_table_size(t->capacity);
}

enum guard_state guard_state_of(uint64_t state)
{
    return (enum guard_state)(state & STATE_MASK);
}

static uint64_t with_state(uint64_t state, enum guard_state to)
{
    return (state & ~STATE_MASK) | (uint64_t)to;
}

void guard_free_slots_init(struct guard_free_slots *f, uint32_t capacity)
{
    f->items = mem_array(capacity, sizeof *f->items);
    f->count = capacity;
    for (uint32_t i = 0; i < capacity; i++)
        f->items[i] = capacity - 1 - i;
}

void guard_free_slots_fini(struct guard_free_slots *f)
{
    mem_free(f->items);
    *f = (struct guard_free_slots){.items = NULL};
}

/* ---- the agent's side ---------------------------------------------------------------------- */

uint64_t guard_table_hold(struct guard_table *t, uint32_t slot, const struct guard_claim *claim,
                          bool *kick)
{
    struct guard_slot *s = &t->slots[slot];
    uint64_t taken = (atomic_load(&s->state) >> STATE_BITS) + 1;
    uint64_t state = with_state(taken << STATE_BITS, GUARD_HELD);
    atomic_store(&s->lease_ms, claim->lease_ms);
    atomic_store(&s->pid, 0);
    atomic_store(&s->start, 0);
    atomic_store(&s->score, claim->score);
    (void)str_copy(s->mark, sizeof s->mark, claim->mark);
    (void)str_copy(s->container, sizeof s->container, claim->container);
    atomic_store(&s->state, state);
    if (slot >= atomic_load(&t->top)) atomic_store(&t->top, slot + 1);
    /* The guard says until when it sleeps and then looks at the slots; here it is the other way
     * round. One of the two sees the other. */
    *kick = atomic_load(&t->base_ms) + claim->lease_ms + GUARD_MARGIN_MS <
            atomic_load(&t->sleeps_until_ms);
    return state;
}

bool guard_table_free(struct guard_table *t, uint32_t slot)
{
    struct guard_slot *s = &t->slots[slot];
    uint64_t state = atomic_load(&s->state);
    uint64_t before = atomic_exchange(&s->state, with_state(state, GUARD_FREE));
    return guard_state_of(before) == GUARD_EXPIRED;
}

/* ---- the guard's side ---------------------------------------------------------------------- */

int64_t guard_table_expire(struct guard_table *t, int64_t now_ms)
{
    int64_t next = INT64_MAX;
    uint32_t top = atomic_load(&t->top);
    for (uint32_t i = 0; i < top && i < t->capacity; i++) {
        struct guard_slot *s = &t->slots[i];
        uint64_t state = atomic_load(&s->state);
        if (guard_state_of(state) != GUARD_HELD) continue;
        int64_t over = atomic_load(&t->base_ms) + atomic_load(&s->lease_ms) + GUARD_MARGIN_MS;
        /* freed and taken again meanwhile: its lease is looked at in the next round */
        if (over <= now_ms &&
            atomic_compare_exchange_strong(&s->state, &state, with_state(state, GUARD_EXPIRED))) {
            continue;
        }
        if (over < next) next = over;
    }
    return next;
}

bool guard_table_sleep(struct guard_table *t, int64_t until_ms)
{
    atomic_store(&t->sleeps_until_ms, until_ms);
    uint32_t top = atomic_load(&t->top);
    for (uint32_t i = 0; i < top && i < t->capacity; i++) {
        struct guard_slot *s = &t->slots[i];
        if (guard_state_of(atomic_load(&s->state)) != GUARD_HELD) continue;
        if (atomic_load(&t->base_ms) + atomic_load(&s->lease_ms) + GUARD_MARGIN_MS < until_ms)
            return false;
    }
    return true;
}

bool guard_table_read(struct guard_table *t, uint32_t slot, struct guard_attempt *out)
{
    struct guard_slot *s = &t->slots[slot];
    uint64_t state = atomic_load(&s->state);
    if (guard_state_of(state) == GUARD_FREE) return false;
    out->state = state;
    out->pid = atomic_load(&s->pid);
    out->score = atomic_load(&s->score);
    out->start = atomic_load(&s->start);
    memcpy(out->mark, s->mark, sizeof out->mark);
    memcpy(out->container, s->container, sizeof out->container);
    out->mark[sizeof out->mark - 1] = out->container[sizeof out->container - 1] = '\0';
    atomic_thread_fence(memory_order_seq_cst);
    return atomic_load(&s->state) == state;
}

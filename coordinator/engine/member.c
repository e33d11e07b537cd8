/* See member.h. */
#include "coordinator/engine/member.h"

#include "base/mem.h"
#include "coordinator/engine/agent.h"

/* ---- the members of a group ---- */

static void link_member(struct member *m)
{
    struct group *group = m->group;
    m->next = group->first;
    if (group->first) group->first->prev = m;
    group->first = m;
}

static void unlink_member(struct member *m)
{
    if (m->prev)
        m->prev->next = m->next;
    else
        m->group->first = m->next;
    if (m->next) m->next->prev = m->prev;
}

void member_join(struct agent *a, struct group *const *groups, size_t count)
{
    a->members = mem_array(count, sizeof *a->members);
    a->member_count = count;
    a->turn = 0;
    for (size_t i = 0; i < count; i++) {
        a->members[i] = (struct member){.agent = a, .group = groups[i]};
        link_member(&a->members[i]);
    }
}

/* ---- the heap of those with free slots ---- */

bool member_stands_before(const struct member *a, const struct member *b)
{
    const struct agent *x = a->agent, *y = b->agent;
    return x->free != y->free ? x->free > y->free : x->touched < y->touched;
}

static void put(struct member *m, size_t place)
{
    m->group->heap[place - 1] = m;
    m->heap_place = place;
}

static void sift(struct member *m)
{
    const struct group *group = m->group;
    size_t at = m->heap_place;
    for (; at > 1 && member_stands_before(m, group->heap[at / 2 - 1]); at /= 2)
        put(group->heap[at / 2 - 1], at);
    for (;;) {
        size_t child = 2 * at;
        if (child > group->heap_count) break;
        if (child < group->heap_count &&
            member_stands_before(group->heap[child], group->heap[child - 1]))
            child++;
        if (!member_stands_before(group->heap[child - 1], m)) break;
        put(group->heap[child - 1], at);
        at = child;
    }
    put(m, at);
}

static void heap_add(struct member *m)
{
    struct group *group = m->group;
    if (group->heap_count == group->heap_cap) {
        group->heap_cap = group->heap_cap > 0 ? 2 * group->heap_cap : 8;
        group->heap = mem_resize(group->heap, group->heap_cap, sizeof *group->heap);
    }
    put(m, ++group->heap_count);
    sift(m);
}

static void heap_remove(struct member *m)
{
    struct member *last = m->group->heap[--m->group->heap_count];
    if (last != m) {
        put(last, m->heap_place);
        sift(last);
    }
    m->heap_place = 0;
}

void member_settle(struct member *m)
{
    if (m->agent->free > 0 && m->heap_place)
        sift(m);
    else if (m->agent->free > 0)
        heap_add(m);
    else if (m->heap_place)
        heap_remove(m);
}

void member_leave(struct agent *a)
{
    for (size_t i = 0; i < a->member_count; i++)
        unlink_member(&a->members[i]);
    mem_free(a->members);
    a->members = NULL;
    a->member_count = 0;
}

/* ---- whose turn it is ---- */

int64_t member_turn(const struct member *m)
{
    return m->turn > m->agent->turn ? m->turn : m->agent->turn;
}

void member_served(struct member *m)
{
    m->agent->turn = member_turn(m);
    m->turn = m->agent->turn + 1;
}

/* Adding up. */
#include "coordinator/metrics/metrics.h"

#include "base/mem.h"
#include "base/str.h"
#include "coordinator/metrics/scrape.h"

_Static_assert(METRICS_GROUPS <= SCRAPE_GROUPS, "a group with counters has its gauges");

struct metrics *metrics_new(void)
{
    struct metrics *m = mem_alloc(sizeof *m);
    map_init(&m->by_group);
    return m;
}

void metrics_free(struct metrics *m)
{
    if (!m) return;
    map_fini(&m->by_group);
    mem_free(m->items);
    mem_free(m);
}

static struct series *add_series(struct metrics *m, const char *group)
{
    if (m->count == m->cap) {
        m->cap = m->cap > 0 ? 2 * m->cap : 8;
        m->items = mem_resize(m->items, m->cap, sizeof *m->items);
    }
    struct series *s = &m->items[m->count++];
    *s = (struct series){0};
    (void)str_copy(s->group, sizeof s->group, group);
    return s;
}

static struct series *series_of(struct metrics *m, const char *group)
{
    uint64_t number = map_text_key(group);
    uintptr_t place = (uintptr_t)map_find(&m->by_group, number);
    bool one_of_many = str_eq(group, SCRAPE_OTHER);
    if (place && str_eq(m->items[place - 1].group, group)) return &m->items[place - 1];
    if (!place && !one_of_many && m->by_group.count < METRICS_GROUPS) {
        struct series *s = add_series(m, group);
        map_put(&m->by_group, number,
                (void *)(uintptr_t)m->count); /* a number in a pointer's place */
        return s;
    }
    if (!m->other) {
        (void)add_series(m, SCRAPE_OTHER);
        m->other = m->count;
    }
    return &m->items[m->other - 1];
}

static void add_times(struct series_times *to, const struct effect_times *from)
{
    for (int i = 0; i < HISTOGRAM_STEPS; i++)
        to->counts[i] += from->counts[i];
    to->sum_ms += (uint64_t)from->sum_ms;
}

void metrics_on_progress(struct metrics *m, const struct effect_progress *p)
{
    struct series *s = series_of(m, p->group);
    s->created += p->created;
    s->handed_out += p->handed_out;
    s->retried += p->retried;
    s->lost += p->lost;
    for (int i = 0; i < SHOWN_STATES - JOB_SUCCESS; i++) {
        s->ended[i] += p->ended[i];
        s->evaluations[i] += p->evaluations[i];
    }
    add_times(&s->waits, &p->waits);
    add_times(&s->runs, &p->runs);
}

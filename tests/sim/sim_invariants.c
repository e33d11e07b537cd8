/* The engine's memory against itself and the store: counts, lists, heaps, and that no agent idles
 * while there is work for it. */
#include "tests/sim/sim.h"

#include "base/str.h"
#include "coordinator/engine/internal.h"

static const char *name_of(const struct pool *p)
{
    return p->row.key ? p->row.key : "(default)";
}

static void check_worker(struct sim *s, const struct engine *g, const struct worker *w)
{
    int64_t busy = 0;
    for (const struct open_job *j = w->jobs; j; j = j->next) {
        busy++;
        if (j->worker != w || !job_is_assigned(j->row.state) || j->row.agent != w->id)
            sim_violation(s, "memory: a job in the list of a worker that does not have it");
        if (j->next && j->next->prev != j)
            sim_violation(s, "memory: the list of a worker's jobs is torn");
    }
    if (busy != w->busy)
        sim_violation(s, "memory: a worker counts %d jobs and has %d", (int)w->busy, (int)busy);
    if (!w->session && !w->jobs) sim_violation(s, "memory: a worker that nothing keeps");
    if (w->session && worker_of_session(g, w->session) != w)
        sim_violation(s, "memory: a session is not found");
    if (w->jobs && !deadline_is_set(&w->lease.deadline))
        sim_violation(s, "memory: a lease without an end");
    if (w->free != worker_free_slots(w))
        sim_violation(s, "memory: a worker's free slots are wrong");
    if ((w->free > 0) != (w->heap_place > 0))
        sim_violation(s, "memory: a worker should (not) be in the heap");
    if (w->heap_place > 0 && w->pool->heap[w->heap_place - 1] != w)
        sim_violation(s, "memory: a heap place is wrong");
}

static void check_matched(struct sim *s, struct engine *g, struct pool *p)
{
    if (p->row.paused || p->deleted) return;
    for (size_t i = 0; i < p->pending_count; i++) {
        for (size_t k = 0; k < p->heap_count; k++) {
            if (!worker_fits(g, p->heap[k], p->pending[i])) continue;
            sim_violation(s, "idle: agent %s has a free slot, and %d jobs wait in %s that it fits",
                          p->heap[k]->row.name, (int)p->pending[i]->count, name_of(p));
        }
    }
}

static void check_pool(struct sim *s, struct engine *g, struct pool *p)
{
    int64_t queued = 0, online = 0, assigned = 0, retrying = 0, fallback = 0;
    size_t place = 0;
    for (size_t i = 0; i < p->pending_count; i++) {
        const struct class *c = p->pending[i];
        queued += c->count;
        if (c->place != i + 1 || c->count <= 0)
            sim_violation(s, "memory: the pending classes of %s", name_of(p));
        if (c->whole && (int64_t)c->window_count != c->count)
            sim_violation(s, "memory: a window of %s is not whole", name_of(p));
    }
    for (const struct worker *w = p->first; w; w = w->next)
        online += w->counted;
    for (const struct open_job *j; (j = id_map_next(&g->jobs, &place)) != NULL;) {
        if (!str_eq(j->row.group, p->row.key)) continue;
        assigned += job_is_assigned(j->row.state);
        retrying += j->row.state == JOB_RETRYING;
        fallback += j->row.state == JOB_CREATED && job_falls_back(&j->row);
    }
    if (queued != p->queued)
        sim_violation(s, "memory: %s counts %d queued", name_of(p), (int)p->queued);
    if (online != p->online)
        sim_violation(s, "memory: %s counts %d online", name_of(p), (int)p->online);
    if (assigned != p->assigned)
        sim_violation(s, "memory: %s counts %d assigned", name_of(p), (int)p->assigned);
    if (retrying != p->retrying)
        sim_violation(s, "memory: %s counts %d retrying", name_of(p), (int)p->retrying);
    if (fallback != p->fallback_queued)
        sim_violation(s, "memory: %s counts fallbacks wrong", name_of(p));
    check_matched(s, g, p);
}

struct tally_check {
    struct sim *sim;
    int64_t queued;
};

static int check_stored_class(const char *group, int64_t requires_id, int64_t count, void *user)
{
    struct tally_check *t = user;
    const struct pool *p = pool_find(t->sim->world.engine, group);
    const struct class *c = p ? id_map_find(&p->classes, (uint64_t)requires_id) : NULL;
    if (!c || c->count != count)
        sim_violation(t->sim, "memory: %d jobs of a class are stored, and %d known", (int)count,
                      c ? (int)c->count : -1);
    t->queued += count;
    return 0;
}

void check_invariants(struct sim *s)
{
    struct engine *g = s->world.engine;
    size_t place = 0, bytes = 0;
    int64_t queued = 0;
    for (const struct worker *w; (w = id_map_next(&g->workers, &place)) != NULL;)
        check_worker(s, g, w);
    place = 0;
    for (struct pool *p; (p = id_map_next(&g->pools, &place)) != NULL;) {
        for (; p; p = p->next_same) {
            check_pool(s, g, p);
            queued += p->queued;
        }
    }
    place = 0;
    for (const struct open_job *j; (j = id_map_next(&g->jobs, &place)) != NULL;) {
        bytes += j->cached_bytes;
        if (job_is_final(j->row.state)) sim_violation(s, "memory: a job that has ended");
    }
    if (bytes != g->cached_bytes)
        sim_violation(s, "memory: the bytes of queued jobs are miscounted");
    struct tally_check t = {.sim = s};
    store_queue_classes(s->world.store, check_stored_class, &t, NULL);
    if (t.queued != queued)
        sim_violation(s, "memory: %d jobs are queued, %d are stored so", (int)queued,
                      (int)t.queued);
}

/* The engine's memory against itself and the store: counts, lists, heaps, and that no agent idles
 * while there is work for it. */
#include "tests/sim/sim.h"

#include "base/str.h"
#include "coordinator/engine/job.h"

static const char *name_of(const struct group *group)
{
    return group->row.key;
}

static void check_member(struct sim *s, const struct member *m)
{
    const struct agent *a = m->agent;
    const struct member *other = m->group->first;
    while (other && other != m)
        other = other->next;
    if (!other || (m->next && m->next->prev != m))
        sim_violation(s, "memory: the list of the workers in %s is torn", name_of(m->group));
    if ((a->free > 0) != (m->heap_place > 0))
        sim_violation(s, "memory: a worker should (not) be in the heap of %s", name_of(m->group));
    if (m->heap_place > 0 && m->group->heap[m->heap_place - 1] != m)
        sim_violation(s, "memory: a heap place is wrong");
}

static void check_agent(struct sim *s, const struct engine *g, const struct agent *a)
{
    int64_t busy = 0;
    for (const struct job *j = a->jobs; j; j = j->next) {
        busy++;
        if (j->agent != a || !job_is_assigned(j->row.state) || j->row.agent != a->id)
            sim_violation(s, "memory: a job in the list of a worker that does not have it");
        if (j->next && j->next->prev != j)
            sim_violation(s, "memory: the list of a worker's jobs is torn");
    }
    if (busy != a->busy)
        sim_violation(s, "memory: a worker counts %d jobs and has %d", (int)a->busy, (int)busy);
    if (!a->session && !a->jobs && !a->remnants.first)
        sim_violation(s, "memory: a worker that nothing keeps");
    if (a->session && agent_of_session(g, a->session) != a)
        sim_violation(s, "memory: a session is not found");
    if (a->jobs && !deadline_is_set(&a->lease.deadline))
        sim_violation(s, "memory: a lease without an end");
    if (a->free != agent_free_slots(a)) sim_violation(s, "memory: a worker's free slots are wrong");
    if ((a->member_count > 0) != (a->session > 0))
        sim_violation(s, "memory: a worker should (not) be in groups");
    for (size_t i = 0; i < a->member_count; i++)
        check_member(s, &a->members[i]);
}

static void check_matched(struct sim *s, struct engine *g, struct group *group)
{
    if (group->row.paused || group->deleted) return;
    for (size_t i = 0; i < group->pending_count; i++) {
        for (size_t k = 0; k < group->heap_count; k++) {
            if (!agent_fits(g, group->heap[k]->agent, group->pending[i])) continue;
            sim_violation(s, "idle: agent %s has a free slot, and %d jobs wait in %s that it fits",
                          group->heap[k]->agent->row.name, (int)group->pending[i]->count,
                          name_of(group));
        }
    }
}

/* How many stand aside: in order, each in its state, and none for an agent with a free slot. */
static int64_t check_aside(struct sim *s, struct engine *g, struct group *group)
{
    int64_t count = 0;
    for (const struct tried *t = group->aside.first; t; t = t->next, count++) {
        if (t->group != group || tried_find(g, t->head.id) != t || t->count == 0)
            sim_violation(s, "memory: a job that stands aside in %s", name_of(group));
        if (t->next ? t->next->prev != t || !queue_head_before(&t->head, &t->next->head)
                    : group->aside.last != t)
            sim_violation(s, "memory: the list of jobs aside in %s is torn", name_of(group));
        struct queue *q = queue_get(g, group, t->requires_id);
        for (size_t k = 0; k < group->heap_count && !group->row.paused; k++) {
            if (tried_by(t, group->heap[k]->agent->id) || !agent_fits(g, group->heap[k]->agent, q))
                continue;
            sim_violation(s, "idle: agent %s has a free slot, and a job stands aside in %s",
                          group->heap[k]->agent->row.name, name_of(group));
        }
    }
    if (count != group->aside.count)
        sim_violation(s, "memory: %s counts %d jobs aside", name_of(group),
                      (int)group->aside.count);
    if (count > 0 && !deadline_is_set(&group->aside.timer.deadline))
        sim_violation(s, "memory: nobody looks at the jobs aside in %s", name_of(group));
    return count;
}

struct fallback_check {
    const struct group *group;
    size_t stored, missing;
};

static int count_fallback(const struct job_row *row, void *user)
{
    struct fallback_check *f = user;
    if (row->state != JOB_CREATED || !job_falls_back(row) || !str_eq(row->group, f->group->row.key))
        return 0;
    f->stored++;
    f->missing += watch_find(&f->group->fallbacks, row->id) == NULL;
    return 0;
}

#define HEADS 64

/* The window is what the store has, as far as this looks. */
static void check_window(struct sim *s, const struct group *group, const struct queue *q)
{
    struct queue_key k = {.group = group->row.key, .requires_id = q->requires_id};
    struct queue_head heads[HEADS];
    size_t count = 0;
    if (store_queue_heads(s->world.store, &k, heads, HEADS, &count, NULL)) return;
    for (size_t i = 0; i < count && i < q->window.count; i++) {
        if (q->window.items[q->window.first + i].id != heads[i].id)
            sim_violation(s, "memory: a window of %s is not the head of its queue", name_of(group));
    }
}

static void check_group(struct sim *s, struct engine *g, struct group *group)
{
    int64_t queued = 0, online = 0, assigned = 0, retrying = 0;
    size_t place = 0;
    for (size_t i = 0; i < group->pending_count; i++) {
        const struct queue *c = group->pending[i];
        queued += c->count;
        if (c->place != i + 1 || c->count <= 0)
            sim_violation(s, "memory: the pending classes of %s", name_of(group));
        if (c->whole && (int64_t)c->window.count != c->count)
            sim_violation(s, "memory: a window of %s is not whole", name_of(group));
        check_window(s, group, c);
    }
    for (const struct member *m = group->first; m; m = m->next)
        online += m->agent->counted;
    for (const struct job *j; (j = map_next(&g->jobs, &place)) != NULL;) {
        if (!str_eq(j->row.group, group->row.key)) continue;
        assigned += job_is_assigned(j->row.state);
        retrying += j->row.state == JOB_RETRYING;
    }
    queued += check_aside(s, g, group);
    if (queued != group->queued)
        sim_violation(s, "memory: %s counts %d queued", name_of(group), (int)group->queued);
    if (online != group->online)
        sim_violation(s, "memory: %s counts %d online", name_of(group), (int)group->online);
    if (assigned != group->assigned)
        sim_violation(s, "memory: %s counts %d assigned", name_of(group), (int)group->assigned);
    if (retrying != group->retrying)
        sim_violation(s, "memory: %s counts %d retrying", name_of(group), (int)group->retrying);
    struct fallback_check f = {.group = group};
    store_each_open_job(s->world.store, count_fallback, &f, NULL);
    if (f.stored != group->fallbacks.count || f.missing > 0)
        sim_violation(s, "memory: %s counts fallbacks wrong", name_of(group));
    check_matched(s, g, group);
}

struct tally_check {
    struct sim *sim;
    int64_t queued;
};

static int64_t aside_in(const struct group *group, int64_t requires_id)
{
    int64_t count = 0;
    for (const struct tried *t = group ? group->aside.first : NULL; t; t = t->next)
        count += t->requires_id == requires_id;
    return count;
}

static int check_stored_queue(const struct queue_key *k, int64_t count, void *user)
{
    struct tally_check *t = user;
    const struct group *p = group_find(t->sim->world.engine, k->group);
    const struct queue *c = p ? map_find(&p->queues, (uint64_t)k->requires_id) : NULL;
    int64_t known = (c ? c->count : 0) + aside_in(p, k->requires_id);
    if (known != count)
        sim_violation(t->sim, "memory: %d jobs of a queue are stored, and %d known", (int)count,
                      (int)known);
    t->queued += count;
    return 0;
}

struct tried_check {
    struct sim *sim;
    size_t jobs;
};

static int check_stored_tried(const struct tried_row *row, const struct job_row *j, void *user)
{
    struct tried_check *c = user;
    const struct tried *t = tried_find(c->sim->world.engine, row->job);
    if (job_is_final(j->state))
        sim_violation(c->sim, "memory: a job that ended has agents that could not start it");
    if (!t || (size_t)row->place > t->count || t->agents[row->place - 1] != row->agent)
        sim_violation(c->sim, "memory: it is not known who could not start a job");
    if (t && (t->group != NULL) != (j->state == JOB_CREATED))
        sim_violation(c->sim, "memory: a job stands aside when it should not, or the reverse");
    c->jobs += row->place == 1;
    return 0;
}

void check_invariants(struct sim *s)
{
    struct engine *g = s->world.engine;
    size_t place = 0, bytes = 0;
    int64_t queued = 0;
    for (const struct agent *a; (a = map_next(&g->agents, &place)) != NULL;)
        check_agent(s, g, a);
    place = 0;
    for (struct group *group; (group = map_next(&g->groups, &place)) != NULL;) {
        for (; group; group = group->next_same) {
            check_group(s, g, group);
            queued += group->queued;
        }
    }
    place = 0;
    for (const struct job *j; (j = map_next(&g->jobs, &place)) != NULL;) {
        bytes += j->cached_bytes;
        if (job_is_final(j->row.state)) sim_violation(s, "memory: a job that has ended");
    }
    if (bytes != g->cached_bytes)
        sim_violation(s, "memory: the bytes of queued jobs are miscounted");
    struct tally_check t = {.sim = s};
    store_each_queue(s->world.store, check_stored_queue, &t, NULL);
    if (t.queued != queued)
        sim_violation(s, "memory: %d jobs are queued, %d are stored so", (int)queued,
                      (int)t.queued);
    struct tried_check tried = {.sim = s};
    store_each_tried(s->world.store, check_stored_tried, &tried, NULL);
    if (tried.jobs != g->tried.count)
        sim_violation(s, "memory: jobs that could not be started are miscounted");
}

/* Where attempts of a job failed. A next attempt prefers another agent. What is in memory is what
 * the rows of the attempts say: it is kept with a job that is retried while that is at hand, and
 * read again for one that is not, when the job is next to be handed out. A first attempt costs
 * nothing.
 *
 * Where the present attempt could not be started. Such a job may not go to every agent that fits,
 * so it would stand in the way at the head of a queue of which memory knows the first few alone.
 * While it is queued it stands in a list of its group beside the queues, in the same order, and
 * matching looks at both (match.c). The list is in memory as a whole, and in a table of the store;
 * both lose a job when its attempt is over. */
#include "coordinator/engine/tried.h"

#include "base/mem.h"

#include <string.h>

/* ---- where attempts failed ---- */

void failures_add(struct attempt_agents *f, int64_t agent)
{
    if (f->count == ATTEMPT_AGENTS) memmove(f->ids, f->ids + 1, --f->count * sizeof *f->ids);
    f->ids[f->count++] = agent;
}

bool failures_have(const struct attempt_agents *f, int64_t agent)
{
    for (size_t i = 0; i < f->count; i++) {
        if (f->ids[i] == agent) return true;
    }
    return false;
}

struct attempt_agents *failures_read(struct engine *g, int64_t job, int64_t attempt)
{
    struct attempt_agents *f = mem_alloc(sizeof *f);
    int rc = store_attempt_agents(g->store, job, attempt - ATTEMPT_AGENTS, f, &g->err);
    if (store_ok(g, rc)) return f;
    mem_free(f);
    return NULL;
}

/* ---- where this one could not be started ---- */

struct tried *tried_find(const struct engine *g, int64_t job)
{
    return g->tried.count > 0 ? map_find(&g->tried, (uint64_t)job) : NULL;
}

bool tried_by(const struct tried *t, int64_t agent)
{
    for (size_t i = 0; i < t->count; i++) {
        if (t->agents[i] == agent) return true;
    }
    return false;
}

static struct tried *add(struct engine *g, int64_t job, int64_t agent, const char *message)
{
    struct tried *t = tried_find(g, job);
    if (!t) {
        t = mem_alloc(sizeof *t);
        t->head.id = job;
        map_put(&g->tried, (uint64_t)job, t);
    }
    if (t->count == TRIED_MOST) {
        engine_broken(g, "a job was tried on too many agents");
        return NULL;
    }
    t->agents[t->count++] = agent;
    text_set(&t->message, message);
    return t;
}

struct tried *tried_add(struct engine *g, int64_t job, int64_t agent, const char *message)
{
    struct tried *t = add(g, job, agent, message);
    if (!t) return NULL;
    struct tried_row row = {.job = job,
                            .place = (int64_t)t->count,
                            .agent = agent,
                            .message = (char *)(uintptr_t)message};
    return store_ok(g, store_tried_add(g->store, &row, &g->err)) ? t : NULL;
}

static void tried_free(struct tried *t)
{
    mem_free(t->message);
    mem_free(t);
}

void tried_forget(struct engine *g, int64_t job)
{
    struct tried *t = tried_find(g, job);
    if (!t || !store_ok(g, store_tried_clear(g->store, job, &g->err))) return;
    map_remove(&g->tried, (uint64_t)job);
    tried_free(t);
}

/* ---- beside the queues ---- */

static void link_behind(struct aside *l, struct tried *t, struct tried *before)
{
    t->prev = before;
    t->next = before ? before->next : l->first;
    if (t->prev)
        t->prev->next = t;
    else
        l->first = t;
    if (t->next)
        t->next->prev = t;
    else
        l->last = t;
}

void tried_enqueue(struct engine *g, struct tried *t, const struct job_row *row)
{
    struct group *group = group_of_job(g, row);
    struct aside *l = &group->aside;
    t->head.priority = row->priority;
    t->head.attempt = row->attempt;
    t->requires_id = row->requires_id;
    t->group = group;
    struct tried *before = l->last;
    while (before && queue_head_before(&t->head, &before->head))
        before = before->prev;
    link_behind(l, t, before);
    l->count++;
    l->blocked = false;
    group->queued++;
    group_set_dirty(g, group);
    if (!deadline_is_set(&l->timer.deadline))
        timer_set(g, &l->timer, g->now.mono_ms + g->fallback_grace_ms);
}

void tried_dequeue(struct engine *g, struct tried *t)
{
    struct aside *l = &t->group->aside;
    if (t->prev)
        t->prev->next = t->next;
    else
        l->first = t->next;
    if (t->next)
        t->next->prev = t->prev;
    else
        l->last = t->prev;
    l->count--;
    t->group->queued--;
    if (l->count == 0) timer_clear(g, &l->timer);
    t->group = NULL;
    t->prev = t->next = NULL;
}

/* ---- memory from the store ---- */

static int load_tried(const struct tried_row *row, const struct job_row *j, void *user)
{
    struct engine *g = user;
    struct tried *t = add(g, row->job, row->agent, row->message);
    if (!t) return 1;
    if (j->state != JOB_CREATED || t->group) return 0;
    queue_remove(g, queue_get(g, group_of_job(g, j), j->requires_id), j->id);
    tried_enqueue(g, t, j);
    return 0;
}

int tried_load(struct engine *g, struct err *e)
{
    return store_each_tried(g->store, load_tried, g, e);
}

void tried_unload(struct engine *g)
{
    size_t place = 0;
    for (struct tried *t; (t = map_next(&g->tried, &place)) != NULL;)
        tried_free(t);
    map_fini(&g->tried);
}

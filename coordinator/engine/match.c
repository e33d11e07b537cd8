/* Who gets what: free slots and the heads of the queues.
 *
 * A group is matched at the end of a batch when something made it dirty: a job came, a slot got
 * free, an agent learned to do more. Its agents with free slots stand in a heap, the one with the
 * most free slots first and among equals the one idle longest; its jobs stand in queues, one for
 * each different `requires`. The best agent that fits any queue that is not blocked gets the best
 * head among the queues that it fits: highest priority, then oldest. That is repeated until the
 * slots or the jobs are used up.
 *
 *      heap of agents                     queues of the group
 *        a1 (4 free) ---- fits? ----.---- (nothing)        p5 #17, p0 #20 ...
 *        a7 (2 free)                 '--- os = windows     p9 #31 ...
 *        a3 (1 free)                      gpu.count >= 1   blocked
 *
 * A job that failed before goes to an agent that it did not fail on, when one that fits has a free
 * slot now; else to the one that it would have gone to anyway. Nothing waits for that, and the
 * order of jobs stays: should the other agent have a better job before it, that one is handed out
 * first.
 *
 * A job that an agent could not start stands aside, in a list beside the queues, and agents take
 * from the list as from one more queue: the first job that they may have. So such a job holds up
 * no other one.
 *
 * When no agent with a free slot fits any open queue, all of them are blocked, and nobody looks at
 * them again before an agent that fits comes to have more free slots (agent_update). So a queue of
 * a million jobs that nobody can take costs a batch nothing, and a batch costs its hand-outs times
 * the different `requires`, not the length of the queue. Whether an agent fits is computed once for
 * each agent and `requires` and then remembered. */
#include "coordinator/engine/match.h"

#include "coordinator/engine/job.h"
#include "coordinator/engine/lease.h"
#include "coordinator/engine/refill.h"

/* What an agent may get: the head of a queue, or a job that stands aside. */
struct offer {
    const struct queue_head *head; /* NULL: nothing, or a failure was noted */
    struct queue *queue;           /* of the same group and requires */
    const struct tried *tried;     /* NULL: of the queue */
};

static bool may_take(struct engine *g, struct agent *a, const struct offer *o)
{
    return agent_fits(g, a, o->queue) && !(o->tried && tried_by(o->tried, a->id));
}

/* The first of those aside that the agent may take. The list may be long, and mostly of jobs that
 * this agent has tried. */
static struct offer from_aside(struct engine *g, struct agent *a)
{
    struct offer none = {0};
    if (a->group->aside.blocked) return none;
    for (const struct tried *t = a->group->aside.first; t; t = t->next) {
        if (tried_by(t, a->id)) continue;
        struct offer o = {&t->head, queue_get(g, a->group, t->requires_id), t};
        if (agent_fits(g, a, o.queue)) return o;
    }
    return none;
}

/* What this agent is to get: best priority, then the oldest. */
static struct offer best_offer(struct engine *g, struct agent *a)
{
    struct group *group = a->group;
    struct offer best = from_aside(g, a), none = {0};
    for (size_t i = 0; i < group->pending_count; i++) {
        struct queue *q = group->pending[i];
        if (q->blocked || !agent_fits(g, a, q)) continue;
        const struct queue_head *head = refill_best(g, q);
        if (!head) return none;
        if (!best.head || queue_head_before(head, best.head))
            best = (struct offer){.head = head, .queue = q};
    }
    return best;
}

static bool serves(struct engine *g, struct agent *a)
{
    for (size_t i = 0; i < a->group->pending_count; i++) {
        struct queue *q = a->group->pending[i];
        if (!q->blocked && agent_fits(g, a, q)) return true;
    }
    return from_aside(g, a).head != NULL;
}

/* The first in the heap's order that can take something. Mostly that is its top. */
static struct agent *pick(struct engine *g, struct group *group)
{
    if (group->heap_count == 0) return NULL;
    if (serves(g, group->heap[0])) return group->heap[0];
    struct agent *best = NULL;
    for (size_t i = 1; i < group->heap_count; i++) {
        struct agent *a = group->heap[i];
        if ((!best || agent_stands_before(a, best)) && serves(g, a)) best = a;
    }
    return best;
}

/* The best agent with a free slot that may take what is offered and is not among those. */
static struct agent *another(struct engine *g, const struct offer *o,
                             const struct attempt_agents *f)
{
    const struct group *group = o->queue->group;
    struct agent *best = NULL;
    for (size_t i = 0; i < group->heap_count; i++) {
        struct agent *a = group->heap[i];
        if (best && !agent_stands_before(a, best)) continue;
        if (!failures_have(f, a->id) && may_take(g, a, o)) best = a;
    }
    return best;
}

/* The agent's best offer, or another agent and its best offer: then that is the same one or a
 * better one, so that this comes to an end. */
static struct offer prefer(struct engine *g, struct agent **a)
{
    struct offer o, none = {0};
    while ((o = best_offer(g, *a)).head != NULL && o.head->attempt > 1) {
        if ((*a)->group->heap_count == 1) break;
        struct job *j = job_get(g, o.head->id);
        const struct attempt_agents *f = j ? job_failures(g, j) : NULL;
        if (!f) return none;
        struct agent *other = failures_have(f, (*a)->id) ? another(g, &o, f) : NULL;
        if (!other) break;
        *a = other;
    }
    return o;
}

static bool has_open_queue(const struct group *group)
{
    if (group->aside.count > 0 && !group->aside.blocked) return true;
    for (size_t i = 0; i < group->pending_count; i++) {
        if (!group->pending[i]->blocked) return true;
    }
    return false;
}

static void block_all(struct group *group)
{
    group->aside.blocked = true;
    for (size_t i = 0; i < group->pending_count; i++)
        group->pending[i]->blocked = true;
}

void match_group(struct engine *g, struct group *group)
{
    if (group->row.paused || group->deleted) return;
    while (g->rc == 0 && has_open_queue(group)) {
        struct agent *a = pick(g, group);
        if (g->rc) return;
        if (!a) {
            block_all(group);
            return;
        }
        struct offer o = prefer(g, &a);
        if (!o.head) return; /* a failure was noted */
        struct job *j = job_get(g, o.head->id);
        if (!j) return; /* a failure was noted */
        job_assign(g, j, a);
        if (g->rc == 0) lease_arm(g, a);
    }
}

struct group *match_next(struct engine *g)
{
    struct group *group = g->dirty;
    if (!group) return NULL;
    g->dirty = group->next_dirty;
    group->dirty = false;
    return group;
}

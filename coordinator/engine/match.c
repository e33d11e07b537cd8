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
 * When no agent with a free slot fits any open queue, all of them are blocked, and nobody looks at
 * them again before an agent that fits comes to have more free slots (agent_update). So a queue of
 * a million jobs that nobody can take costs a batch nothing, and a batch costs its hand-outs times
 * the different `requires`, not the length of the queue. Whether an agent fits is computed once for
 * each agent and `requires` and then remembered. */
#include "coordinator/engine/match.h"

#include "coordinator/engine/job.h"
#include "coordinator/engine/lease.h"

/* The queue whose head this agent is to get: best priority, then the oldest. NULL: none for it. */
static struct queue *best_queue(struct engine *g, struct agent *a)
{
    struct group *group = a->group;
    struct queue *best = NULL;
    const struct queue_head *best_head = NULL;
    for (size_t i = 0; i < group->pending_count; i++) {
        struct queue *q = group->pending[i];
        if (q->blocked || !agent_fits(g, a, q)) continue;
        const struct queue_head *head = queue_best(g, q);
        if (!head) return NULL;
        if (best && (head->priority < best_head->priority ||
                     (head->priority == best_head->priority && head->id > best_head->id)))
            continue;
        best = q;
        best_head = head;
    }
    return best;
}

static bool serves(struct engine *g, struct agent *a)
{
    for (size_t i = 0; i < a->group->pending_count; i++) {
        struct queue *q = a->group->pending[i];
        if (!q->blocked && agent_fits(g, a, q)) return true;
    }
    return false;
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

/* The best agent with a free slot that may take the head of the queue and is not among those. */
static struct agent *another(struct engine *g, struct queue *q, const struct attempt_agents *f)
{
    struct agent *best = NULL;
    for (size_t i = 0; i < q->group->heap_count; i++) {
        struct agent *a = q->group->heap[i];
        if (best && !agent_stands_before(a, best)) continue;
        if (!failures_have(f, a->id) && agent_fits(g, a, q)) best = a;
    }
    return best;
}

/* The agent's best head, or another agent and its best head: then the head is the same one or a
 * better one, so that this comes to an end. NULL: a failure was noted. */
static struct queue *prefer(struct engine *g, struct agent **a)
{
    struct queue *q;
    while ((q = best_queue(g, *a)) != NULL && q->window[0].attempt > 1) {
        if (q->group->heap_count == 1) break;
        struct job *j = job_get(g, q->window[0].id);
        const struct attempt_agents *f = j ? job_failures(g, j) : NULL;
        if (!f) return NULL;
        struct agent *other = failures_have(f, (*a)->id) ? another(g, q, f) : NULL;
        if (!other) break;
        *a = other;
    }
    return q;
}

static bool has_open_queue(const struct group *group)
{
    for (size_t i = 0; i < group->pending_count; i++) {
        if (!group->pending[i]->blocked) return true;
    }
    return false;
}

void match_group(struct engine *g, struct group *group)
{
    if (group->row.paused || group->deleted) return;
    while (g->rc == 0 && has_open_queue(group)) {
        struct agent *a = pick(g, group);
        if (g->rc) return;
        if (!a) {
            for (size_t i = 0; i < group->pending_count; i++)
                group->pending[i]->blocked = true;
            return;
        }
        struct queue *q = prefer(g, &a);
        if (!q) return; /* a failure was noted */
        struct job *j = job_get(g, q->window[0].id);
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

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
 * An agent of several groups gives its slot to the one that it has served least (member.h), of
 * those with a job that fits, whichever of them is matched. So a group that is matched first takes
 * nothing of what others are due. In that group the slot may belong to an agent that stands before
 * this one; then it is looked at whose turn it is there, and so on until agent and group belong to
 * each other.
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

static bool may_take(struct engine *g, const struct member *m, const struct offer *o)
{
    return agent_fits(g, m->agent, o->queue) && !(o->tried && tried_by(o->tried, m->agent->id));
}

/* The first of those aside that the agent may take. The list may be long, and mostly of jobs that
 * this agent has tried. */
static struct offer from_aside(struct engine *g, const struct member *m)
{
    struct offer none = {0};
    if (m->group->aside.blocked) return none;
    for (const struct tried *t = m->group->aside.first; t; t = t->next) {
        if (tried_by(t, m->agent->id)) continue;
        struct offer o = {&t->head, queue_get(g, m->group, t->requires_id), t};
        if (agent_fits(g, m->agent, o.queue)) return o;
    }
    return none;
}

/* What this agent is to get of the group: best priority, then the oldest. */
static struct offer best_offer(struct engine *g, const struct member *m)
{
    const struct group *group = m->group;
    struct offer best = from_aside(g, m), none = {0};
    for (size_t i = 0; i < group->pending_count; i++) {
        struct queue *q = group->pending[i];
        if (q->blocked || !agent_fits(g, m->agent, q)) continue;
        const struct queue_head *head = refill_best(g, q);
        if (!head) return none;
        if (!best.head || queue_head_before(head, best.head))
            best = (struct offer){.head = head, .queue = q};
    }
    return best;
}

static bool serves(struct engine *g, const struct member *m)
{
    for (size_t i = 0; i < m->group->pending_count; i++) {
        struct queue *q = m->group->pending[i];
        if (!q->blocked && agent_fits(g, m->agent, q)) return true;
    }
    return from_aside(g, m).head != NULL;
}

/* The first in the heap's order that can take something. Mostly that is its top. */
static struct member *pick(struct engine *g, const struct group *group)
{
    if (group->heap_count == 0) return NULL;
    if (serves(g, group->heap[0])) return group->heap[0];
    struct member *best = NULL;
    for (size_t i = 1; i < group->heap_count; i++) {
        struct member *m = group->heap[i];
        if ((!best || member_stands_before(m, best)) && serves(g, m)) best = m;
    }
    return best;
}

/* The best agent with a free slot that may take what is offered and is not among those. */
static struct member *another(struct engine *g, const struct offer *o,
                              const struct attempt_agents *f)
{
    const struct group *group = o->queue->group;
    struct member *best = NULL;
    for (size_t i = 0; i < group->heap_count; i++) {
        struct member *m = group->heap[i];
        if (best && !member_stands_before(m, best)) continue;
        if (!failures_have(f, m->agent->id) && may_take(g, m, o)) best = m;
    }
    return best;
}

/* The agent's best offer, or another agent and its best offer: then that is the same one or a
 * better one, so that this comes to an end. */
static struct offer prefer(struct engine *g, struct member **m)
{
    struct offer o, none = {0};
    while ((o = best_offer(g, *m)).head != NULL && o.head->attempt > 1) {
        if ((*m)->group->heap_count == 1) break;
        struct job *j = job_get(g, o.head->id);
        const struct attempt_agents *f = j ? job_failures(g, j) : NULL;
        if (!f) return none;
        struct member *other = failures_have(f, (*m)->agent->id) ? another(g, &o, f) : NULL;
        if (!other) break;
        *m = other;
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

/* The best offer of the group's turn goes to its agent. */
static void hand_out(struct engine *g, struct member *m)
{
    struct offer o = prefer(g, &m);
    if (!o.head) return; /* a failure was noted */
    struct job *j = job_get(g, o.head->id);
    if (!j) return; /* a failure was noted */
    job_assign(g, j, m->agent);
    if (g->rc) return;
    member_served(m);
    lease_arm(g, m->agent);
}

/* The group whose turn the agent's slot is, among those with a job that fits. That of m is one. */
static struct member *in_turn(struct engine *g, struct member *m)
{
    struct agent *a = m->agent;
    struct member *best = NULL;
    for (size_t i = 0; i < a->member_count; i++) {
        struct member *k = &a->members[i];
        bool open = k == m || (!k->group->row.paused && !k->group->deleted && !k->group->put_off);
        if (best && member_turn(k) >= member_turn(best)) continue;
        if (open && (k == m || serves(g, k))) best = k;
    }
    return best;
}

/* What is to be done before the best agent of a group gets a job of that group, or just this. It
 * ends, because each agent stands before the last one. */
static struct member *first_in_turn(struct engine *g, struct member *m)
{
    while (m->agent->member_count > 1) {
        struct member *turn = in_turn(g, m);
        if (turn == m) break;
        struct member *best = pick(g, turn->group);
        if (!best || !member_stands_before(best, turn)) return turn;
        m = best;
    }
    return m;
}

static void match(struct engine *g, struct group *group, bool alone)
{
    if (group->row.paused || group->deleted) return;
    while (g->rc == 0 && has_open_queue(group)) {
        struct member *m = pick(g, group);
        if (g->rc) return;
        if (!m) {
            block_all(group);
            return;
        }
        if (!alone) m = first_in_turn(g, m);
        if (g->rc == 0) hand_out(g, m);
    }
}

void match_group(struct engine *g, struct group *group)
{
    match(g, group, false);
}

void match_group_alone(struct engine *g, struct group *group)
{
    match(g, group, true);
}

struct group *match_next(struct engine *g)
{
    struct group *group = g->dirty;
    if (!group) return NULL;
    g->dirty = group->next_dirty;
    group->dirty = false;
    return group;
}

/* Leases: how long an agent may be out of touch before its attempts are given up.
 *
 * An attempt may be given to another agent only when it certainly runs no longer. Its agent ends it
 * by itself when it was not heard for the length of the lease, and that takes at most the kill
 * time. So the coordinator waits for lease and kill time together, counted from the last sign of
 * life, or from the hand-out when that was later. The agent counts from when it sent the heartbeat
 * that was acknowledged last, the coordinator from when it received that: its clock starts later,
 * and so ends later. wire/lease.h holds the numbers and the inequality.
 *
 *   agent        sent                                 ends its jobs   gone
 *   -------------o------------- lease -----------------x--- kill ---x
 *   coordinator     heard
 *   ----------------o------------- lease -----------------+--- kill ---x given up
 *
 * Heartbeats are acknowledged by the loop, which tells the engine of them in the same turn, with
 * CMD_HEARD: every batch begins with those that were told before it. The engine's clock is at most
 * LEASE_DEAF_MS ahead of the loop's last look at its sockets, and that is less than the kill time.
 * So an acknowledgement that the engine does not know of yet is younger than the end of every
 * attempt that it gives up, and cannot have kept that attempt alive.
 *
 * One timer an agent does, set to the earliest end among its attempts. A sign of life moves only
 * last_heard_ms, and the timer looks at that when it is due: an agent that is heard costs no timer.
 * Time in which the coordinator itself could not listen counts against nobody (apply_awake). */
#include "coordinator/engine/lease.h"

#include "base/duration.h"
#include "base/log.h"
#include "base/str.h"

void lease_arm(struct engine *g, struct agent *a)
{
    int64_t earliest = NEVER;
    if (deadline_is_set(&a->lease.deadline)) earliest = a->lease.deadline.at_ms;
    /* The newest attempt stands first: with the timer running, only that one can be earlier. */
    for (const struct job *j = a->jobs; j; j = j->next) {
        int64_t until = job_lease_until(g, j);
        if (until < earliest) earliest = until;
        if (deadline_is_set(&a->lease.deadline)) break;
    }
    timer_set(g, &a->lease, earliest);
}

void lease_begin(struct engine *g, struct agent *a)
{
    timer_clear(g, &a->lease);
    lease_arm(g, a);
}

void lease_on_timer(struct engine *g, struct agent *a)
{
    char text[DURATION_TEXT_SIZE], message[256];
    bool silent = false;
    struct job *next;
    for (struct job *j = a->jobs; j && g->rc == 0; j = next) {
        next = j->next;
        if (job_lease_until(g, j) > g->now.mono_ms) continue;
        if (!j->end_listed && !a->moved) silent = true;
        duration_format(job_lease(g, j), text);
        str_format(message, sizeof message, "%s%.128s was out of touch longer than the lease of %s",
                   a->row.name ? "agent " : "its agent", a->row.name ? a->row.name : "", text);
        log_warn("%s", message);
        job_lost(g, j, REASON_LOST, message);
    }
    if (g->rc) return;
    lease_arm(g, a);
    if (silent && a->session) {
        /* It is silent on an open link: let it come back and hear what is left of its attempts. */
        agent_close(g, a, "it was silent for longer than a lease");
    } else {
        agent_release(g, a);
    }
}

/* What agents said meanwhile waits unread, and some of them have to come back first, so nothing of
 * that time counts against them or their attempts: as after a start. */
void apply_awake(struct engine *g, const struct command *c)
{
    char text[DURATION_TEXT_SIZE];
    int64_t asleep = c->u.n;
    duration_format(asleep, text);
    log_warn("the coordinator stood still for %s (stopped, suspended or overloaded); every lease "
             "begins afresh",
             text);
    size_t place = 0;
    for (struct agent *a; (a = map_next(&g->agents, &place)) != NULL;) {
        a->last_heard_ms = g->now.mono_ms;
        for (struct job *j = a->jobs; j; j = j->next) {
            j->since_ms = g->now.mono_ms;
            j->timed_from_ms += asleep;
            j->kill_ms += asleep;
            job_arm(g, j);
        }
        lease_begin(g, a);
    }
    place = 0;
    for (struct group *group; (group = map_next(&g->groups, &place)) != NULL;) {
        for (; group; group = group->next_same) {
            if (group->online > 0) group->expect_until_ms = g->now.mono_ms + g->fallback_grace_ms;
        }
    }
}

/* What time brings: leases, due jobs, housekeeping. A lease is one deadline per agent, looked at
 * when it is due and not with every message. All of it counts in mono time. */
#include "coordinator/engine/internal.h"

#include "base/duration.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"

#define UPKEEP_MS (10 * 60 * 1000)
#define UPKEEP_MORE_MS 200
#define UPKEEP_MOST 500 /* rows in one batch */
#define KEY_LIFE_MS (INT64_C(24) * 60 * 60 * 1000)

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
        duration_format(j->row.lease_ms > 0 ? j->row.lease_ms : g->config.lease_ms, text);
        str_format(message, sizeof message, "%s%.128s was out of touch longer than the lease of %s",
                   a->row.name ? "agent " : "its agent", a->row.name ? a->row.name : "", text);
        log_warn("%s", message);
        job_lost(g, j, REASON_LOST, message);
    }
    if (g->rc) return;
    lease_arm(g, a);
    if (silent && a->session) {
        /* It is silent on an open link: let it come back and hear what is left of its attempts. */
        agent_close(g, a);
    } else {
        agent_release(g, a);
    }
}

/* What agents said meanwhile waits unread, and some of them have to come back first, so nothing of
 * that time counts against them or their attempts: as after a start. */
void apply_awake(struct engine *g, struct command *c)
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

void upkeep_on_timer(struct engine *g)
{
    bool more_keys = false, more_dropped = false, more_jobs = false;
    requires_entries_trim(g);
    int64_t wall = g->now.wall_ms;
    if (!store_ok(g, store_forget_keys(g->store, wall - KEY_LIFE_MS, UPKEEP_MOST, &more_keys,
                                       &g->err)))
        return;
    if (!store_ok(g, store_tidy(g->store, UPKEEP_MOST, &more_dropped, &g->err))) return;
    if (g->config.retention_ms > 0 &&
        !store_ok(g, store_purge(g->store, wall - g->config.retention_ms, UPKEEP_MOST, &more_jobs,
                                 &g->err)))
        return;
    bool more = more_keys || more_dropped || more_jobs;
    timer_set(g, &g->upkeep, g->now.mono_ms + (more ? UPKEEP_MORE_MS : UPKEEP_MS));
}

void timers_run(struct engine *g)
{
    struct deadline *d;
    while (g->rc == 0 && (d = deadline_pop(&g->deadlines, g->now.mono_ms)) != NULL) {
        struct timer *t = (struct timer *)(void *)d;
        switch (t->kind) {
        case TIMER_JOB:
            job_on_timer(g, t->owner);
            break;
        case TIMER_LEASE:
            lease_on_timer(g, t->owner);
            break;
        case TIMER_GROUP:
            group_on_timer(g, t->owner);
            break;
        case TIMER_UPKEEP:
            upkeep_on_timer(g);
            break;
        case TIMER_FLOW:
            flow_pump(g, t->owner);
            break;
        case TIMER_TRIGGER:
            trigger_on_timer(g, t->owner);
            break;
        }
    }
}

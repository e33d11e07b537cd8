/* What goes through many jobs at once: a deleted group, a fallback, housekeeping. */
#include "coordinator/engine/sweep.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/engine/flow.h"
#include "coordinator/engine/listener.h"
#include "coordinator/engine/queue.h"
#include "coordinator/engine/requires_entry.h"

#define SWEEP 500 /* jobs of one group looked at in one go */
#define REQUIRES_KEPT 4096
#define UPKEEP_MS (10 * 60 * 1000)
#define UPKEEP_MORE_MS 200
#define UPKEEP_MOST 500 /* rows in one batch */
#define AGENT_EVENTS_KEPT_MS (INT64_C(90) * 24 * 60 * 60 * 1000)
#define KEY_LIFE_MS (INT64_C(24) * 60 * 60 * 1000)

/* ---- a group ---- */

/* Ends what waits in a deleted group, a bounded number at a time. */
static void sweep(struct engine *g, struct group *group)
{
    int64_t ids[SWEEP];
    size_t count = 0;
    if (!store_ok(g, store_queue_list(g->store, group->row.key, ids, SWEEP, &count, &g->err)))
        return;
    struct job_end end = {.state = JOB_FAILED,
                          .reason = REASON_GROUP_DELETED,
                          .message = "its worker group was deleted",
                          .ended_ms = g->now.wall_ms};
    for (size_t i = 0; i < count && g->rc == 0; i++) {
        struct job *j = job_get(g, ids[i]);
        if (j) job_end(g, j, &end, "group deleted");
    }
    if (count == SWEEP) timer_set(g, &group->timer, g->now.mono_ms + 1);
}

static void fall_back(struct engine *g, struct group *group)
{
    for (int n = 0; n < SWEEP && g->rc == 0 && group->fallbacks.count > 0; n++) {
        size_t before = group->fallbacks.count;
        struct job *j = job_get(g, watch_first(&group->fallbacks)->id);
        if (j) job_fall_back(g, j);
        if (g->rc == 0 && group->fallbacks.count >= before)
            engine_broken(g, "a job's fallback leaves it where it was");
    }
    if (g->rc == 0 && group->fallbacks.count > 0) timer_set(g, &group->timer, g->now.mono_ms + 1);
}

void group_on_timer(struct engine *g, struct group *group)
{
    if (group->deleted) {
        sweep(g, group);
    } else if (group->online == 0 && group->fallbacks.count > 0) {
        fall_back(g, group);
    }
}

void group_end_retrying(struct engine *g, struct group *group)
{
    int64_t *ids = mem_array((size_t)group->retrying, sizeof *ids);
    size_t count = 0, place = 0;
    for (struct job *j; (j = map_next(&g->jobs, &place)) != NULL;) {
        if (j->row.state == JOB_RETRYING && str_eq(j->row.group, group->row.key))
            ids[count++] = j->row.id;
    }
    struct job_end end = {.state = JOB_FAILED,
                          .reason = REASON_GROUP_DELETED,
                          .message = "its worker group was deleted",
                          .ended_ms = g->now.wall_ms};
    for (size_t i = 0; i < count && g->rc == 0; i++)
        job_end(g, job_find(g, ids[i]), &end, "group deleted");
    mem_free(ids);
}

/* ---- housekeeping ---- */

/* Moves what queued jobs require from `from` to g->requires_entries. */
static void keep_requirements(struct engine *g, struct map *from, const struct group *group)
{
    for (size_t i = 0; i < group->pending_count; i++) {
        struct queue *q = group->pending[i];
        struct requires_entry *r = map_remove(from, (uint64_t)q->requires_id);
        if (!r) continue;
        r->slot = g->requires_slots++;
        map_put(&g->requires_entries, (uint64_t)r->id, r);
        map_put(&g->requires_texts, map_text_key(r->text), r);
    }
}

/* Forgets those that no queued job has, when there are many. */
static void requires_entries_trim(struct engine *g)
{
    /* places, because entries that were deleted one by one leave theirs unused */
    if (g->requires_slots <= REQUIRES_KEPT) return;
    struct map all = g->requires_entries;
    size_t place = 0;
    map_init(&g->requires_entries);
    map_fini(&g->requires_texts);
    g->requires_slots = 0;
    for (struct group *group; (group = map_next(&g->groups, &place)) != NULL;) {
        for (; group; group = group->next_same) {
            queues_drop_empty(g, group);
            keep_requirements(g, &all, group);
        }
    }
    requires_entries_free(&all);
    place = 0;
    for (struct agent *a; (a = map_next(&g->agents, &place)) != NULL;) {
        mem_free(a->fits);
        a->fits = NULL;
        a->fits_cap = 0;
    }
}

static void on_requires_gone(int64_t id, void *user)
{
    requires_entry_forget(user, id);
}

static void on_flow_gone(const char *ns, const char *id, void *user)
{
    flow_forget(user, ns, id);
}

/* false: a failure was noted. *more: rows are left to go. */
static bool purge(struct engine *g, bool *more)
{
    const struct store_gone gone = {.on_requires = on_requires_gone,
                                    .on_flow = on_flow_gone,
                                    .user = g};
    int64_t before_ms = g->now.wall_ms - g->config.retention_ms;
    bool jobs = false, setup = false, unused = false, sessions = false, agents = false,
         output = false;
    int64_t agents_ms = g->now.wall_ms - AGENT_EVENTS_KEPT_MS;
    if (g->config.retention_ms > 0) {
        if (!store_ok(g, store_purge(g->store, before_ms, UPKEEP_MOST, &jobs, &g->err)) ||
            !store_ok(g,
                      store_purge_setup(g->store, before_ms, UPKEEP_MOST, &gone, &setup, &g->err)))
            return false;
        if (!store_ok(g, store_output_days(g->store, g->now.wall_ms, g->config.retention_ms, !jobs,
                                           &output, &g->err)))
            return false;
    }
    if (!store_ok(g, store_tidy(g->store, UPKEEP_MOST, &gone, &unused, &g->err)) ||
        !store_ok(g, store_page_sessions_purge(g->store, g->now.wall_ms, UPKEEP_MOST, &sessions,
                                               &g->err)) ||
        !store_ok(g, store_agent_events_purge(g->store, agents_ms, UPKEEP_MOST, &agents, &g->err)))
        return false;
    *more = jobs || setup || unused || sessions || agents || output;
    return true;
}

void upkeep_on_timer(struct engine *g)
{
    bool more_flows = false, more_listeners = false, more_keys = false, more = false;
    requires_entries_trim(g);
    flows_read_groups(g, &more_flows);
    if (g->rc) return;
    listeners_read(g, &more_listeners);
    if (g->rc) return;
    int64_t wall = g->now.wall_ms;
    if (!store_ok(g, store_forget_keys(g->store, wall - KEY_LIFE_MS, UPKEEP_MOST, &more_keys,
                                       &g->err)))
        return;
    if (!purge(g, &more)) return;
    more = more || more_keys || more_flows || more_listeners;
    timer_set(g, &g->upkeep, g->now.mono_ms + (more ? UPKEEP_MORE_MS : UPKEEP_MS));
}

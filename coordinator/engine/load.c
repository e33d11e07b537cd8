/* Memory from the store, at the start and after a batch that failed. */
#include "coordinator/engine/load.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/engine/absence.h"
#include "coordinator/engine/alarm.h"
#include "coordinator/engine/backfill.h"
#include "coordinator/engine/chore.h"
#include "coordinator/engine/execution.h"
#include "coordinator/engine/lease.h"
#include "coordinator/engine/listener.h"
#include "coordinator/engine/namespace.h"
#include "coordinator/engine/principal.h"
#include "coordinator/engine/notice.h"
#include "coordinator/engine/trigger.h"

#define UPKEEP_FIRST_MS 60000
/* When groups are not deleted until it was there, or the first end would have to read flows. */
#define UPKEEP_UNREAD_MS 1000

/* ---- unload ---- */

void engine_unload(struct engine *g)
{
    size_t place = 0;
    for (struct agent *a; (a = map_next(&g->agents, &place)) != NULL;)
        agent_free(g, a);
    place = 0;
    for (struct job *j; (j = map_next(&g->jobs, &place)) != NULL;) {
        j->agent = NULL;
        job_free(g, j);
    }
    place = 0;
    struct group *same;
    for (struct group *group; (group = map_next(&g->groups, &place)) != NULL;) {
        for (; group; group = same) {
            same = group->next_same;
            group_free(g, group);
        }
    }
    requires_entries_free(&g->requires_entries);
    namespaces_clear(g);
    ended_clear(g);
    executions_clear(g);
    listeners_clear(g);
    triggers_clear(g);
    flows_clear(g);
    tried_unload(g);
    principals_clear(g);
    notices_clear(g);
    struct map *maps[] = {&g->jobs,       &g->agents,         &g->sessions, &g->groups,
                          &g->namespaces, &g->requires_texts, &g->flows,    &g->executions,
                          &g->runs,       &g->tokens,         &g->notices,  &g->notices_of};
    for (size_t i = 0; i < sizeof maps / sizeof *maps; i++)
        map_fini(maps[i]);
    watch_fini(&g->due);
    deadline_queue_fini(&g->deadlines);
    g->default_group = g->dirty = g->losses = NULL;
    g->acks = NULL;
    g->requires_slots = 0;
    g->cached_bytes = 0;
    g->loaded = false;
}

/* ---- load ---- */

static char *dup_text(const char *s)
{
    return mem_strdup(s);
}

static int load_group(const struct group_row *row, void *user)
{
    struct engine *g = user;
    struct group_row copy = *row;
    copy.key = dup_text(row->key);
    copy.description = dup_text(row->description);
    copy.require = dup_text(row->require);
    copy.allowed_namespaces = dup_text(row->allowed_namespaces);
    copy.tags = dup_text(row->tags);
    copy.created_by = dup_text(row->created_by);
    copy.updated_by = dup_text(row->updated_by);
    copy.paused_by = dup_text(row->paused_by);
    struct group *group = group_add(g, &copy);
    struct err e = {0};
    /* It was checked when it was stored; should it not be readable, nothing may run there by
     * mistake. */
    if (group_read_rules(group, &e)) {
        log_error("group %s: its rules cannot be read, it is paused: %s", group->row.key,
                  err_text(&e));
        group->row.paused = true;
    }
    return 0;
}

static int load_ns(const struct namespace_row *row, void *user)
{
    struct namespace_row copy = *row;
    copy.ns = dup_text(row->ns);
    copy.group = dup_text(row->group);
    copy.notify = dup_text(row->notify);
    copy.updated_by = dup_text(row->updated_by);
    namespace_put(user, &copy);
    return 0;
}

static void load_assigned(struct engine *g, struct job *j)
{
    struct agent *a = agent_find(g, j->row.agent);
    if (!a) a = agent_add(g, j->row.agent);
    a->last_heard_ms = g->now.mono_ms;
    j->agent = a;
    j->next = a->jobs;
    if (a->jobs) a->jobs->prev = j;
    a->jobs = j;
    a->busy++;
    job_group(g, j)->assigned++;
}

static int load_job(const struct job_row *row, void *user)
{
    struct engine *g = user;
    struct job_row copy = job_row_copy(row);
    struct job *j = job_add(g, &copy);
    if (job_is_assigned(row->state)) load_assigned(g, j);
    struct group *group = job_group(g, j);
    if (row->state == JOB_RETRYING) group->retrying++;
    if (row->id > g->last_id) g->last_id = row->id;
    if (row->state == JOB_CREATED)
        job_watch_stored(g, j);
    else
        job_arm(g, j);
    return 0;
}

static int load_remnant(const struct remnant_row *row, void *user)
{
    struct engine *g = user;
    struct remnant_row copy = *row;
    copy.processes = dup_text(row->processes);
    struct agent *a = agent_find(g, row->agent);
    if (!a) a = agent_add(g, row->agent);
    struct remnant *r = remnant_add(&a->remnants, &copy);
    struct job *j = job_find(g, row->job);
    if (j && j->row.state == JOB_RETRYING && j->row.attempt == row->attempt + 1)
        job_wait_for(g, j, r);
    return 0;
}

static int load_queue(const struct queue_key *k, int64_t count, void *user)
{
    struct engine *g = user;
    struct job_row row = {.group = (char *)(uintptr_t)k->group};
    struct group *of = group_of_job(g, &row);
    struct queue *q = queue_get(g, of, k->requires_id);
    q->whole = false;
    q->count = count - 1;
    of->queued += count - 1;
    /* the last one makes it pending, as any job does */
    queue_add(g, q, NULL);
    return 0;
}

/* Its agents were there a moment ago, and will try to come back. */
static int expect_agent(int64_t id, const char *group, const char *groups, void *user)
{
    struct engine *g = user;
    struct group_keys keys;
    numbers_add(&g->away, (uint64_t)id);
    group_keys_read(&keys, group, groups);
    for (size_t i = 0; i < keys.count; i++) {
        struct group *of = group_find(g, keys.items[i]);
        if (of) of->expect_until_ms = g->now.mono_ms + g->fallback_grace_ms;
    }
    group_keys_fini(&keys);
    return 0;
}

static int load_flow(const struct flow_row *row, void *user)
{
    flow_add(user, row);
    return 0;
}

static int load_trigger(const struct trigger_row *row, void *user)
{
    struct engine *g = user;
    struct flow_entry *f = flow_get(g, row->ns, row->flow);
    if (!f) return 0;
    struct trigger_row copy = *row;
    copy.ns = dup_text(row->ns);
    copy.flow = dup_text(row->flow);
    copy.name = dup_text(row->name);
    copy.why = dup_text(row->why);
    copy.message = dup_text(row->message);
    copy.disabled_by = dup_text(row->disabled_by);
    copy.cron = dup_text(row->cron);
    copy.zone = dup_text(row->zone);
    copy.key_hash = dup_text(row->key_hash);
    trigger_add(g, f, &copy);
    return 0;
}

static int load_backfill(const struct backfill_row *row, void *user)
{
    struct engine *g = user;
    size_t place = 0;
    struct backfill_row copy = *row;
    if (row->id > g->last_id) g->last_id = row->id;
    for (struct flow_entry *f; (f = map_next(&g->flows, &place)) != NULL;) {
        for (; f; f = f->next_same) {
            struct trigger *t = f->triggers;
            while (t && t->row.id != row->trigger)
                t = t->next;
            if (!t) continue;
            copy.inputs = dup_text(row->inputs);
            copy.created_by = dup_text(row->created_by);
            (void)backfill_add(t, &copy);
            return 0;
        }
    }
    return 0;
}

static int load_execution(const struct execution_row *row, void *user)
{
    struct engine *g = user;
    struct execution_row copy = {.id = row->id,
                                 .ns = dup_text(row->ns),
                                 .flow = dup_text(row->flow),
                                 .revision = row->revision,
                                 .state = row->state,
                                 .depth = row->depth,
                                 .backfill = row->backfill,
                                 .reason = row->reason,
                                 .message = dup_text(row->message),
                                 .trigger = dup_text(row->trigger),
                                 .created_by = dup_text(row->created_by),
                                 .cancelled_by = dup_text(row->cancelled_by),
                                 .position = row->position,
                                 .job = row->job,
                                 .warned = row->warned,
                                 .asleep_ms = row->asleep_ms,
                                 .wake_ms = row->wake_ms,
                                 .submitter = row->submitter,
                                 .created_ms = row->created_ms,
                                 .started_ms = row->started_ms};
    struct execution *x = execution_add(g, &copy);
    if (!x) {
        log_error("an execution of the flow %s/%s is there, the flow is not", row->ns, row->flow);
        execution_row_fini(&copy);
    }
    return 0;
}

static int load_run(const struct run_row *row, void *user)
{
    execution_load_run(user, row);
    return 0;
}

static void resume_executions(struct engine *g)
{
    size_t place = 0;
    for (struct execution *x; (x = map_next(&g->executions, &place)) != NULL;)
        execution_resume(g, x);
}

/* After an upgrade it is not known of the flows which groups they name. */
static int find_unread(struct engine *g, struct err *e)
{
    struct flow_row row = {0};
    int rc = store_flow_find_unread(g->store, &row, e);
    if (rc < 0) return rc;
    flow_row_fini(&row);
    g->flows_unread = rc == 1;
    return 0;
}

static int load_flows(struct engine *g, struct err *e)
{
    int64_t last = 0;
    int rc = store_each_flow(g->store, load_flow, g, e);
    if (rc == 0) rc = find_unread(g, e);
    if (rc == 0) rc = store_each_trigger(g->store, load_trigger, g, e);
    if (rc == 0) rc = store_each_backfill(g->store, load_backfill, g, e);
    if (rc == 0) rc = store_each_open_execution(g->store, load_execution, g, e);
    if (rc == 0) rc = store_each_open_run(g->store, load_run, g, e);
    if (rc == 0) resume_executions(g);
    if (rc == 0) rc = notices_load(g, e);
    if (rc == 0) rc = store_execution_last_id(g->store, &last, e);
    if (last > g->last_id) g->last_id = last;
    return rc;
}

static void arm_flows(struct engine *g)
{
    size_t place = 0;
    triggers_find_ending(g, NULL);
    for (struct flow_entry *f; (f = map_next(&g->flows, &place)) != NULL;) {
        for (; f; f = f->next_same) {
            for (struct trigger *t = f->triggers; t; t = t->next)
                trigger_arm_loaded(g, t);
            if (f->queued.count > 0) timer_set(g, &f->timer, g->now.mono_ms);
        }
    }
}

static int load_all(struct engine *g, struct err *e)
{
    struct group_row row = {.key = dup_text(STR_DEFAULT_GROUP)};
    g->default_group = group_add(g, &row);
    int rc = store_each_group(g->store, load_group, g, e);
    if (rc == 0) rc = store_each_ns(g->store, load_ns, g, e);
    if (rc == 0) rc = store_each_open_job(g->store, load_job, g, e);
    if (rc == 0) rc = store_each_remnant(g->store, load_remnant, g, e);
    if (rc == 0) rc = store_each_queue(g->store, load_queue, g, e);
    if (rc == 0) rc = tried_load(g, e);
    if (rc == 0) rc = store_each_agent_online(g->store, expect_agent, g, e);
    if (rc == 0) rc = absences_load(g, e);
    int64_t last = 0;
    if (rc == 0) rc = store_job_last_id(g->store, &last, e);
    if (last > g->last_id) g->last_id = last;
    return rc == 0 ? load_flows(g, e) : rc;
}

int engine_load(struct engine *g, struct err *e)
{
    deadline_queue_init(&g->deadlines);
    ended_init(g);
    timer_init(&g->upkeep, TIMER_UPKEEP, g);
    timer_init(&g->rematch, TIMER_REMATCH, g);
    timer_init(&g->queue_timeout, TIMER_QUEUE, g);
    timer_init(&g->clock, TIMER_CLOCK, g);
    timer_init(&g->alarm, TIMER_ALARM, g);
    g->away.count = 0;
    int rc = load_all(g, e);
    if (rc) {
        engine_unload(g);
        return rc;
    }
    g->loaded = true;
    size_t place = 0;
    for (struct agent *a; (a = map_next(&g->agents, &place)) != NULL;)
        lease_arm(g, a);
    place = 0;
    for (struct group *group; (group = map_next(&g->groups, &place)) != NULL;) {
        for (; group; group = group->next_same)
            group_watch(g, group);
    }
    arm_flows(g);
    chores_load(g);
    alarms_load(g);
    bool unread = g->flows_unread || g->listeners_unread;
    timer_set(g, &g->upkeep, g->now.mono_ms + (unread ? UPKEEP_UNREAD_MS : UPKEEP_FIRST_MS));
    g->seen_due_ms = g->now.mono_ms + UPKEEP_FIRST_MS;
    return 0;
}

/* ---- after a batch that failed ---- */

/* The sessions that go on as if the batch had never been. Those that it began, and those of which
 * memory knew more than the store when it began, are told to close. */
static struct agent_session *keep_sessions(struct engine *g, size_t *count)
{
    struct agent_session *kept = mem_array(g->sessions.count + 1, sizeof *kept);
    size_t place = 0;
    *count = 0;
    for (struct agent *a; (a = map_next(&g->sessions, &place)) != NULL;) {
        if (a->hello_in == g->batch) continue;
        if (agent_may_stay(g, a))
            kept[(*count)++] = (struct agent_session){.agent = a->id,
                                                      .session = a->session,
                                                      .ready = a->ready,
                                                      .protocol = a->protocol,
                                                      .came_ms = a->came_ms,
                                                      .seen_ms = a->seen_ms};
        else
            numbers_add(&g->left, a->session);
    }
    return kept;
}

static void stay(struct engine *g, const struct agent_session *kept, size_t count)
{
    for (size_t i = 0; i < count && g->rc == 0; i++) {
        struct agent_row row;
        int rc = store_agent_find(g->store, kept[i].agent, &row, &g->err);
        if (!store_ok(g, rc)) return;
        if (rc == 0 || row.removed_ms > 0)
            numbers_add(&g->left, kept[i].session);
        else
            agent_stay(g, &kept[i], &row);
        if (rc == 1) agent_row_fini(&row);
    }
}

/* Leaves in g->away those that are marked as online and are not. */
static void find_away(struct engine *g)
{
    size_t kept = 0;
    for (size_t i = 0; i < g->away.count; i++) {
        const struct agent *a = agent_find(g, (int64_t)g->away.items[i]);
        if (!a || !a->session) g->away.items[kept++] = g->away.items[i];
    }
    g->away.count = kept;
}

void engine_reload(struct engine *g)
{
    int rc = g->rc;
    struct err failed = g->err;
    size_t count;
    struct agent_session *kept = keep_sessions(g, &count);
    g->oldest_session = g->newest_before + 1;
    g->newest_session = g->newest_before;
    engine_unload(g);
    g->rc = 0;
    g->err = (struct err){0};
    if (store_ok(g, engine_load(g, &g->err))) stay(g, kept, count);
    if (g->rc) {
        log_error("engine: the store cannot be read: %s", err_text(&g->err));
        if (g->loaded) engine_unload(g);
        for (size_t i = 0; i < count; i++)
            numbers_add(&g->left, kept[i].session);
    }
    find_away(g);
    mem_free(kept);
    g->rc = rc;
    g->err = failed;
}

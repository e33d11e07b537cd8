/* Memory from the store, at the start and after a batch that failed. */
#include "coordinator/engine/internal.h"

#include "base/log.h"
#include "base/mem.h"

#include <string.h>

#define UPKEEP_FIRST_MS 60000

/* ---- unload ---- */

void engine_unload(struct engine *g)
{
    size_t place = 0;
    for (struct worker *w; (w = id_map_next(&g->workers, &place)) != NULL;)
        worker_free(g, w);
    place = 0;
    for (struct open_job *j; (j = id_map_next(&g->jobs, &place)) != NULL;) {
        j->worker = NULL;
        open_job_free(g, j);
    }
    place = 0;
    struct pool *same;
    for (struct pool *p; (p = id_map_next(&g->pools, &place)) != NULL;) {
        for (; p; p = same) {
            same = p->next_same;
            pool_free(g, p);
        }
    }
    place = 0;
    for (struct requirement *r; (r = id_map_next(&g->requirements, &place)) != NULL;) {
        requires_free(r->compiled);
        mem_free(r->text);
        mem_free(r);
    }
    ns_clear(g);
    ended_clear(g);
    flows_clear(g);
    struct id_map *maps[] = {&g->jobs,       &g->workers,      &g->sessions,          &g->pools,
                             &g->namespaces, &g->requirements, &g->requirement_texts, &g->flows,
                             &g->executions};
    for (size_t i = 0; i < sizeof maps / sizeof *maps; i++)
        id_map_fini(maps[i]);
    deadline_queue_fini(&g->deadlines);
    g->default_pool = g->dirty = NULL;
    g->acks = NULL;
    g->requirement_slots = 0;
    g->cached_bytes = 0;
    g->loaded = false;
}

/* ---- load ---- */

static char *dup_text(const char *s)
{
    return mem_strdup(s);
}

static int load_group(const struct group *row, void *user)
{
    struct engine *g = user;
    struct group copy = *row;
    copy.key = dup_text(row->key);
    copy.description = dup_text(row->description);
    copy.require = dup_text(row->require);
    copy.allowed_namespaces = dup_text(row->allowed_namespaces);
    struct pool *p = pool_add(g, &copy);
    struct err e = {0};
    /* It was checked when it was stored; should it not be readable, nothing may run there by
     * mistake. */
    if (pool_read_rules(p, &e)) {
        log_error("group %s: its rules cannot be read, it is paused: %s", p->row.key, err_text(&e));
        p->row.paused = true;
    }
    return 0;
}

static int load_ns(const struct ns_default *row, void *user)
{
    struct ns_default copy = *row;
    copy.ns = dup_text(row->ns);
    copy.group = dup_text(row->group);
    ns_put(user, &copy);
    return 0;
}

static struct job copy_job(const struct job *row)
{
    struct job copy = *row;
    copy.ns = dup_text(row->ns);
    copy.name = dup_text(row->name);
    copy.flow = dup_text(row->flow);
    copy.execution = dup_text(row->execution);
    copy.task = dup_text(row->task);
    copy.group = dup_text(row->group);
    copy.message = dup_text(row->message);
    copy.unique_key = NULL;
    return copy;
}

static void load_assigned(struct engine *g, struct open_job *j)
{
    struct worker *w = worker_find(g, j->row.agent);
    if (!w) w = worker_add(g, j->row.agent);
    w->last_heard_ms = g->now.mono_ms;
    j->worker = w;
    j->next = w->jobs;
    if (w->jobs) w->jobs->prev = j;
    w->jobs = j;
    w->busy++;
    pool_of_job(g, &j->row)->assigned++;
}

static int load_job(const struct job *row, void *user)
{
    struct engine *g = user;
    struct job copy = copy_job(row);
    struct open_job *j = open_job_add(g, &copy);
    if (job_is_assigned(row->state)) load_assigned(g, j);
    struct pool *p = pool_of_job(g, &j->row);
    if (row->state == JOB_RETRYING) p->retrying++;
    if (row->state == JOB_CREATED && job_falls_back(row)) p->fallback_queued++;
    if (row->id > g->last_id) g->last_id = row->id;
    open_job_arm(g, j);
    return 0;
}

static int load_class(const char *group, int64_t requires_id, int64_t count, void *user)
{
    struct engine *g = user;
    struct job row = {.group = (char *)(uintptr_t)group};
    struct pool *p = pool_of_job(g, &row);
    struct class *c = class_get(g, p, requires_id);
    c->whole = false;
    c->window_count = 0;
    c->count = count - 1;
    p->queued += count - 1;
    /* the last one makes it pending, as any job does */
    class_add(g, c, NULL);
    return 0;
}

/* Its agents were there a moment ago, and will try to come back. */
static int expect_agent(int64_t id, const char *group, void *user)
{
    struct engine *g = user;
    (void)id;
    struct pool *p = pool_find(g, group);
    if (p) p->expect_until_ms = g->now.mono_ms + g->fallback_grace_ms;
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
    trigger_add(g, f, &copy);
    return 0;
}

static int load_execution(const struct execution *row, void *user)
{
    struct engine *g = user;
    struct execution copy = {.id = row->id,
                             .ns = dup_text(row->ns),
                             .flow = dup_text(row->flow),
                             .revision = row->revision,
                             .state = row->state,
                             .reason = row->reason,
                             .message = dup_text(row->message),
                             .trigger = dup_text(row->trigger),
                             .position = row->position,
                             .job = row->job,
                             .warned = row->warned,
                             .submitter = row->submitter,
                             .created_ms = row->created_ms,
                             .started_ms = row->started_ms};
    if (!execution_add(g, &copy)) {
        log_error("an execution of the flow %s.%s is there, the flow is not", row->ns, row->flow);
        execution_fini(&copy);
    }
    return 0;
}

static int load_flows(struct engine *g, struct err *e)
{
    int64_t last = 0;
    int rc = store_each_flow(g->store, load_flow, g, e);
    if (rc == 0) rc = store_each_trigger(g->store, load_trigger, g, e);
    if (rc == 0) rc = store_each_open_execution(g->store, load_execution, g, e);
    if (rc == 0) rc = store_execution_last_id(g->store, &last, e);
    if (last > g->last_id) g->last_id = last;
    return rc;
}

static void arm_flows(struct engine *g)
{
    size_t place = 0;
    triggers_find_ending(g, NULL);
    for (struct flow_entry *f; (f = id_map_next(&g->flows, &place)) != NULL;) {
        for (; f; f = f->next_same) {
            for (struct trigger *t = f->triggers; t; t = t->next)
                trigger_arm_loaded(g, t);
            if (f->queued.count > 0) timer_set(g, &f->timer, g->now.mono_ms);
        }
    }
}

static int load_all(struct engine *g, struct err *e)
{
    struct group none = {0};
    g->default_pool = pool_add(g, &none);
    int rc = store_each_group(g->store, load_group, g, e);
    if (rc == 0) rc = store_each_ns(g->store, load_ns, g, e);
    if (rc == 0) rc = store_each_open_job(g->store, load_job, g, e);
    if (rc == 0) rc = store_queue_classes(g->store, load_class, g, e);
    if (rc == 0) rc = store_each_agent_online(g->store, expect_agent, g, e);
    int64_t last = 0;
    if (rc == 0) rc = store_job_last_id(g->store, &last, e);
    if (last > g->last_id) g->last_id = last;
    return rc == 0 ? load_flows(g, e) : rc;
}

int engine_load(struct engine *g, struct err *e)
{
    deadline_queue_init(&g->deadlines);
    g->ended = NULL;
    g->ended_last = &g->ended;
    timer_init(&g->upkeep, TIMER_UPKEEP, g);
    int rc = load_all(g, e);
    if (rc) {
        engine_unload(g);
        return rc;
    }
    g->loaded = true;
    g->offline_due = true;
    size_t place = 0;
    for (struct worker *w; (w = id_map_next(&g->workers, &place)) != NULL;)
        lease_arm(g, w);
    place = 0;
    for (struct pool *p; (p = id_map_next(&g->pools, &place)) != NULL;) {
        for (; p; p = p->next_same)
            pool_watch(g, p);
    }
    arm_flows(g);
    timer_set(g, &g->upkeep, g->now.mono_ms + UPKEEP_FIRST_MS);
    g->seen_due_ms = g->now.mono_ms + UPKEEP_FIRST_MS;
    return 0;
}

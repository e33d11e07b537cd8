/* Chores: timers and matching, and those of them that are put off.
 *
 * A chore that trips a bug would fail each batch from then on, since it stays due. So when a batch
 * failed and none of its commands did, chores are done one by one, each in a transaction of its own
 * (round.c), and the one that fails is put off: by a minute, and twice as long each time that it
 * fails again. What is put off is kept apart from the timers, by kind and key, because a failure
 * throws memory away and loads it anew. */
#include "coordinator/engine/chore.h"

#include "base/buf.h"
#include "base/id.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/engine/alarm.h"
#include "coordinator/engine/backfill.h"
#include "coordinator/engine/execution.h"
#include "coordinator/engine/lease.h"
#include "coordinator/engine/match.h"
#include "coordinator/engine/not_started.h"
#include "coordinator/engine/notice.h"
#include "coordinator/engine/schedule.h"
#include "coordinator/engine/sweep.h"
#include "coordinator/engine/trigger.h"

#define PUT_OFF_FIRST_MS 60000
#define PUT_OFF_MOST_MS (INT64_C(24) * 60 * 60 * 1000)
#define STALE_MS 60000

struct put_off {
    struct chore chore;
    char incident[ID_TEXT_SIZE];
    int64_t delay_ms;
    int64_t until_ms;    /* mono */
    int64_t until_at_ms; /* wall, for people */
    uint64_t done_in;    /* the batch that did it after all */
    struct put_off *next;
};

/* ---- which is which ---- */

static void describe_job(const struct job *j, char *what, size_t size)
{
    char id[ID_TEXT_SIZE];
    id_format(j->row.id, id);
    str_format(what, size, "the timer of job %s", id);
}

static struct chore chore_of_agent(const struct agent *a, enum timer_kind kind)
{
    struct chore c = {.kind = kind, .key = (uint64_t)a->id};
    char id[ID_TEXT_SIZE];
    id_format(a->id, id);
    str_format(c.what, sizeof c.what, "the %s of agent %.100s",
               kind == TIMER_LEASE ? "leases" : "slots", a->row.name ? a->row.name : id);
    return c;
}

static struct chore chore_of_group(const struct group *group, enum timer_kind kind)
{
    struct chore c = {.kind = kind, .key = map_text_key(group->row.key)};
    char name[96];
    group_name(group, name);
    str_format(c.what, sizeof c.what, "%s %s",
               kind == TIMER_MATCH ? "handing out the jobs of" : "the timer of", name);
    return c;
}

static struct chore chore_of(const struct timer *t)
{
    struct chore c = {.kind = t->kind};
    const struct trigger *trigger;
    const struct watched *first;
    char name[FLOW_NAME_SIZE];
    switch (t->kind) {
    case TIMER_JOB:
        c.key = (uint64_t)((const struct job *)t->owner)->row.id;
        describe_job(t->owner, c.what, sizeof c.what);
        break;
    case TIMER_QUEUE:
        first = watch_first(&((const struct engine *)t->owner)->due);
        c.key = first ? (uint64_t)first->id : 0;
        id_format((int64_t)c.key, name);
        str_format(c.what, sizeof c.what, "the queue timeout of job %.20s", name);
        break;
    case TIMER_LEASE:
    case TIMER_FULL:
        return chore_of_agent(t->owner, t->kind);
    case TIMER_GROUP:
    case TIMER_ASIDE:
        return chore_of_group(t->owner, t->kind);
    case TIMER_FLOW:
        flow_name(t->owner, name);
        c.key = map_text_key(name);
        str_format(c.what, sizeof c.what, "starting executions of the flow %.100s", name);
        break;
    case TIMER_EXECUTION:
        c.key = (uint64_t)((const struct execution *)t->owner)->row.id;
        id_format((int64_t)c.key, name);
        str_format(c.what, sizeof c.what, "the tasks of execution %.20s", name);
        break;
    case TIMER_TRIGGER:
        trigger = t->owner;
        c.key = (uint64_t)trigger->row.id;
        str_format(c.what, sizeof c.what, "the trigger %.60s of %.60s", trigger->row.name,
                   flow_name(trigger->flow, name));
        break;
    case TIMER_BACKFILL:
        trigger = ((const struct backfill *)t->owner)->trigger;
        c.key = (uint64_t)((const struct backfill *)t->owner)->row.id;
        str_format(c.what, sizeof c.what, "a backfill of the trigger %.40s of %.60s",
                   trigger->row.name, flow_name(trigger->flow, name));
        break;
    case TIMER_NOTICE:
        c.key = (uint64_t)notice_id(t->owner);
        str_format(c.what, sizeof c.what, "a message to the channel %.63s", notice_name(t->owner));
        break;
    default:
        str_copy(c.what, sizeof c.what, "housekeeping");
        break;
    }
    return c;
}

/* ---- put off ---- */

static struct put_off *find(const struct engine *g, enum timer_kind kind, uint64_t key)
{
    struct put_off *p = g->put_off;
    while (p && !(p->chore.kind == kind && p->chore.key == key))
        p = p->next;
    return p;
}

/* Marks the groups whose jobs wait for their repeat: another group that shares agents with them
 * does not hand out their jobs. */
static void mark_groups(struct engine *g)
{
    size_t place = 0;
    for (struct group *group; (group = map_next(&g->groups, &place)) != NULL;) {
        for (; group; group = group->next_same) {
            const struct put_off *p = find(g, TIMER_MATCH, map_text_key(group->row.key));
            group->put_off = p && p->until_ms > g->now.mono_ms;
        }
    }
}

/* For the first of the groups whose time comes after that moment. */
static void arm_rematch(struct engine *g, int64_t after_ms)
{
    int64_t at = NEVER;
    for (const struct put_off *p = g->put_off; p; p = p->next) {
        if (p->chore.kind == TIMER_MATCH && p->until_ms > after_ms && p->until_ms < at)
            at = p->until_ms;
    }
    timer_set(g, &g->rematch, at);
    if (g->put_off) mark_groups(g);
}

void chore_put_off(struct engine *g, const struct chore *c, const char *incident)
{
    struct put_off *p = find(g, c->kind, c->key);
    if (!p) {
        p = mem_alloc(sizeof *p);
        p->next = g->put_off;
        g->put_off = p;
    }
    p->chore = *c;
    str_copy(p->incident, sizeof p->incident, incident);
    p->delay_ms = p->delay_ms == 0                    ? PUT_OFF_FIRST_MS
                  : 2 * p->delay_ms > PUT_OFF_MOST_MS ? PUT_OFF_MOST_MS
                                                      : 2 * p->delay_ms;
    p->until_ms = g->now.mono_ms + p->delay_ms;
    p->until_at_ms = g->now.wall_ms + p->delay_ms;
    p->done_in = 0;
    arm_rematch(g, INT64_MIN);
}

/* Is it to wait? Else, when it was put off, it is noted that it is done now. */
static bool waits(struct engine *g, const struct chore *c, int64_t *until_ms)
{
    struct put_off *p = find(g, c->kind, c->key);
    if (!p) return false;
    *until_ms = p->until_ms;
    if (p->until_ms > g->now.mono_ms) return true;
    p->done_in = g->batch;
    return false;
}

/* Its time came and nothing was done: what it was about is gone, and would stand in the list for
 * ever. */
static bool is_stale(const struct engine *g, const struct put_off *p)
{
    return g->now.mono_ms - p->until_ms >= STALE_MS;
}

bool chores_settle(struct engine *g)
{
    bool changed = false;
    for (struct put_off **at = &g->put_off; *at;) {
        struct put_off *p = *at;
        if (p->done_in != g->batch && !is_stale(g, p)) {
            at = &p->next;
            continue;
        }
        *at = p->next;
        mem_free(p);
        changed = true;
    }
    return changed;
}

void chores_load(struct engine *g)
{
    arm_rematch(g, INT64_MIN);
}

void chores_free(struct engine *g)
{
    struct put_off *next;
    for (struct put_off *p = g->put_off; p; p = next) {
        next = p->next;
        mem_free(p);
    }
    g->put_off = NULL;
}

char *chores_json(const struct engine *g)
{
    struct buf b;
    struct jw w;
    if (!g->put_off) return NULL;
    buf_init(&b, 1024 * 1024);
    jw_init(&w, &b);
    jw_array(&w, NULL);
    for (const struct put_off *p = g->put_off; p; p = p->next) {
        jw_object(&w, NULL);
        jw_str(&w, "what", p->chore.what);
        jw_str(&w, "incident", p->incident);
        jw_time(&w, "until", p->until_at_ms);
        jw_end(&w);
    }
    jw_end(&w);
    char *text = jw_finish(&w) ? NULL : buf_detach(&b);
    buf_fini(&b);
    return text;
}

/* ---- done ---- */

static void rematch(struct engine *g)
{
    size_t place = 0;
    for (struct group *group; (group = map_next(&g->groups, &place)) != NULL;) {
        for (; group; group = group->next_same) {
            if (find(g, TIMER_MATCH, map_text_key(group->row.key))) group_set_dirty(g, group);
        }
    }
    arm_rematch(g, g->now.mono_ms);
}

static void run(struct engine *g, struct timer *t)
{
    switch (t->kind) {
    case TIMER_JOB:
        job_on_timer(g, t->owner);
        break;
    case TIMER_QUEUE:
        job_on_queue_timeout(g);
        break;
    case TIMER_LEASE:
        lease_on_timer(g, t->owner);
        break;
    case TIMER_FULL:
        agent_update(g, t->owner);
        break;
    case TIMER_GROUP:
        group_on_timer(g, t->owner);
        break;
    case TIMER_ASIDE:
        aside_on_timer(g, t->owner);
        break;
    case TIMER_UPKEEP:
        upkeep_on_timer(g);
        break;
    case TIMER_FLOW:
        flow_pump(g, t->owner);
        break;
    case TIMER_EXECUTION:
        execution_on_timer(g, t->owner);
        break;
    case TIMER_TRIGGER:
        trigger_on_timer(g, t->owner);
        break;
    case TIMER_BACKFILL:
        backfill_on_timer(g, t->owner);
        break;
    case TIMER_NOTICE:
        notice_on_timer(g, t->owner);
        break;
    case TIMER_ALARM:
        alarms_on_timer(g);
        break;
    case TIMER_CLOCK:
        schedules_on_clock_timer(g);
        break;
    case TIMER_REMATCH:
        rematch(g);
        break;
    case TIMER_MATCH:
        break;
    }
}

/* The next timer that is due and not put off; NULL: none is. */
static struct timer *next_timer(struct engine *g, struct chore *c)
{
    struct deadline *d;
    while ((d = deadline_pop(&g->deadlines, g->now.mono_ms)) != NULL) {
        struct timer *t = (struct timer *)(void *)d;
        int64_t until;
        if (!g->put_off && !c) return t;
        struct chore is = chore_of(t);
        if (c) *c = is;
        if (!waits(g, &is, &until)) return t;
        if (t->kind == TIMER_QUEUE)
            job_put_off_timeout(g, (int64_t)is.key, until); /* and on to the next job's */
        else
            timer_set(g, t, until);
    }
    return NULL;
}

static struct group *next_group(struct engine *g, struct chore *c)
{
    struct group *group;
    while ((group = match_next(g)) != NULL) {
        int64_t until;
        if (!g->put_off && !c) return group;
        struct chore is = chore_of_group(group, TIMER_MATCH);
        if (c) *c = is;
        if (!waits(g, &is, &until)) return group;
    }
    return NULL;
}

void timers_run(struct engine *g)
{
    struct timer *t;
    while (g->rc == 0 && (t = next_timer(g, NULL)) != NULL)
        run(g, t);
}

void match_all(struct engine *g)
{
    struct group *group;
    while (g->rc == 0 && (group = next_group(g, NULL)) != NULL)
        match_group(g, group);
}

bool chore_run(struct engine *g, struct chore *c)
{
    struct timer *t = next_timer(g, c);
    if (t) {
        run(g, t);
        return true;
    }
    struct group *group = next_group(g, c);
    if (group) match_group_alone(g, group);
    return group != NULL;
}

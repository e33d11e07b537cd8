/* Agents in memory, and what a change of one means to its groups. */
#include "coordinator/engine/agent.h"
#include "coordinator/engine/news.h"

#include "base/duration.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/engine/absence.h"
#include "coordinator/engine/agent_event.h"

#define FULL_MS 1000

/* ---- in memory ---- */

struct agent *agent_find(const struct engine *g, int64_t id)
{
    return map_find(&g->agents, (uint64_t)id);
}

struct agent *agent_of_session(const struct engine *g, uint64_t session)
{
    return map_find(&g->sessions, session);
}

struct agent *agent_add(struct engine *g, int64_t id)
{
    struct agent *a = mem_alloc(sizeof *a);
    a->id = a->row.id = id;
    a->last_heard_ms = g->now.mono_ms;
    timer_init(&a->lease, TIMER_LEASE, a);
    timer_init(&a->full, TIMER_FULL, a);
    map_put(&g->agents, (uint64_t)id, a);
    return a;
}

void agent_forget_move(struct agent *a)
{
    mem_free(a->moved_host);
    mem_free(a->moved_boot);
    mem_free(a->moved_journal);
    a->moved_host = a->moved_boot = a->moved_journal = NULL;
    a->moved = false;
}

void agent_free(struct engine *g, struct agent *a)
{
    timer_clear(g, &a->lease);
    timer_clear(g, &a->full);
    agent_forget_move(a);
    remnants_free(&a->remnants);
    agent_row_fini(&a->row);
    mem_free(a->folder_id);
    caps_free(a->caps);
    mem_free(a->members);
    mem_free(a->fits);
    mem_free(a);
}

/* What ran on the former machine is over: the agent lives here now. */
static void adopt_move(struct engine *g, struct agent *a)
{
    text_take(&a->row.host_id, &a->moved_host);
    text_take(&a->row.boot_id, &a->moved_boot);
    text_take(&a->row.journal_id, &a->moved_journal);
    agent_forget_move(a);
    a->settled_in = g->batch;
    if (!news_agent(g, &a->row)) return;
    remnants_clear(g, &a->remnants);
    agent_heard(g, a);
    agent_update(g, a);
}

void agent_release(struct engine *g, struct agent *a)
{
    if (a->jobs) return;
    if (a->moved) adopt_move(g, a);
    if (g->rc) return;
    if (a->session && a->leaving) {
        struct err why;
        agent_close(g, a, agent_refusal(g, a, &why) ? err_text(&why) : NULL);
        return;
    }
    if (a->session || a->remnants.first) return;
    map_remove(&g->agents, (uint64_t)a->id);
    agent_free(g, a);
}

void agent_join(struct engine *g, struct agent *a)
{
    struct group *groups[LIMIT_GROUPS];
    struct group_keys keys;
    size_t count = 0;
    group_keys_read(&keys, a->row.group, a->row.groups);
    for (size_t i = 0; i < keys.count; i++) {
        struct job_row of = {.group = (char *)(uintptr_t)keys.items[i]};
        /* Of an agent that has to leave, only one group that there is not is made up. */
        if (i == 0 || group_find(g, keys.items[i])) groups[count++] = group_of_job(g, &of);
    }
    member_join(a, groups, count);
    group_keys_fini(&keys);
}

/* ---- what it is told ---- */

void agent_ack(struct engine *g, struct agent *a)
{
    if (a->ack_due) return;
    a->ack_due = true;
    a->next_ack = g->acks;
    g->acks = a;
}

void agent_store_seq(struct engine *g, struct agent *a)
{
    a->seq_due = false;
    if (a->last_seq == a->stored_seq) return;
    if (store_ok(g, store_agent_seq(g->store, a->id, a->last_seq, &g->err)))
        a->stored_seq = a->last_seq;
}

static void drop_ack(struct engine *g, struct agent *a)
{
    agent_store_seq(g, a);
    if (!a->ack_due) return;
    struct agent **at = &g->acks;
    while (*at != a)
        at = &(*at)->next_ack;
    *at = a->next_ack;
    a->ack_due = false;
}

void agent_discard(struct engine *g, struct agent *a, int64_t job, int64_t attempt, const char *why)
{
    /* Told once is enough for all that follows of the attempt in this session. */
    if (a->discarded_job == job && a->discarded_attempt == attempt) return;
    a->discarded_job = job;
    a->discarded_attempt = attempt;
    session_effect(g, EFFECT_DISCARD, a->session)->u.discard =
        (struct effect_discard){.job = job, .attempt = attempt, .reason = mem_strdup(why)};
}

void agent_tell_drain(struct engine *g, struct agent *a, bool on)
{
    session_effect(g, EFFECT_DRAIN, a->session)->u.drain =
        (struct effect_drain){.on = on, .reason = mem_strdup(a->row.drain_reason)};
}

/* ---- the end of a session ---- */

void agent_detach(struct engine *g, struct agent *a, const char *why)
{
    drop_ack(g, a);
    map_remove(&g->sessions, a->session);
    numbers_add(&g->left, a->session);
    a->session = 0;
    a->ready = false;
    timer_clear(g, &a->full);
    agent_update(g, a);
    member_leave(a);
    agent_forget_move(a);
    a->row.online = false;
    a->row.last_seen_ms = g->now.wall_ms;
    absence_begin(g, &a->row, g->now.mono_ms - a->came_ms);
    if (store_ok(g, store_agent_seen(g->store, a->id, false, g->now.wall_ms, &g->err)))
        news_add(g, NEWS_AGENTS);
    if (a->row.removed_ms == 0) agent_event(g, a->id, AGENT_DISCONNECTED, why);
}

void agent_close(struct engine *g, struct agent *a, const char *why)
{
    session_effect(g, EFFECT_CLOSE, a->session);
    agent_detach(g, a, why);
    agent_release(g, a);
}

void agent_heard(struct engine *g, struct agent *a)
{
    if (!a->moved) a->last_heard_ms = g->now.mono_ms;
}

/* ---- a session outlives a failed batch ---- */

bool agent_may_stay(const struct engine *g, const struct agent *a)
{
    return a->session && !a->moved && a->end_due_seq == 0 && a->settled_in != g->batch;
}

void agent_stay(struct engine *g, const struct agent_session *k, struct agent_row *row)
{
    struct agent *a = agent_find(g, k->agent);
    struct err e;
    if (!a) a = agent_add(g, k->agent);
    agent_row_fini(&a->row);
    a->row = *row;
    *row = (struct agent_row){0};
    a->row.online = true;
    absence_end(g, a->id);
    a->session = a->newest_session = k->session;
    a->ready = k->ready;
    a->protocol = k->protocol;
    a->seen_ms = k->seen_ms;
    a->came_ms = k->came_ms;
    a->last_heard_ms = g->now.mono_ms;
    a->last_seq = a->stored_seq = a->row.last_seq;
    agent_set_caps(g, a);
    map_put(&g->sessions, a->session, a);
    agent_join(g, a);
    a->leaving = agent_refusal(g, a, &e) != NULL;
    agent_update(g, a);
}

/* ---- does it fit? ---- */

enum { FIT_UNKNOWN, FIT_NO, FIT_YES };

bool agent_fits(struct engine *g, struct agent *a, struct queue *q)
{
    if (q->requires_id == 0) return true;
    if (!q->requires) q->requires = requires_entry_find(g, q->requires_id);
    const struct requires_entry *r = q->requires;
    if (!r || r->never) return false;
    if (r->slot >= a->fits_cap) {
        size_t cap = g->requires_slots + 16;
        unsigned char *fits = mem_alloc(cap);
        for (size_t i = 0; i < a->fits_cap; i++)
            fits[i] = a->fits[i];
        mem_free(a->fits);
        a->fits = fits;
        a->fits_cap = cap;
    }
    if (a->fits[r->slot] == FIT_UNKNOWN)
        a->fits[r->slot] = requires_met(r->compiled, a->caps) ? FIT_YES : FIT_NO;
    return a->fits[r->slot] == FIT_YES;
}

/* ---- what changes of an agent mean ---- */

bool agent_is_unwell(const struct agent_row *row)
{
    return row->unwell_since_ms > 0;
}

bool agent_set_unwell(struct engine *g, struct agent_row *row, const char *why)
{
    char lasted[DURATION_TEXT_SIZE];
    int64_t ms = g->now.wall_ms - row->unwell_since_ms;
    bool was = agent_is_unwell(row);
    if (why && !was) {
        row->unwell_since_ms = g->now.wall_ms > 0 ? g->now.wall_ms : 1;
        log_warn("agent %s: unwell, it gets no jobs: %s", row->name, why);
        agent_event(g, row->id, AGENT_GOT_UNWELL, why);
    } else if (!why && was) {
        duration_format(ms > 0 ? ms : 0, lasted);
        log_info("agent %s: well again after %s", row->name, lasted);
        agent_event(g, row->id, AGENT_GOT_WELL, NULL);
        row->unwell_since_ms = 0;
    }
    if (str_eq(row->unwell_reason, why)) return (why != NULL) != was;
    text_set(&row->unwell_reason, why);
    return true;
}

static bool takes_jobs(const struct agent *a)
{
    return a->session && !a->leaving && !a->row.draining && !a->row.held && !a->moved &&
           !agent_is_unwell(&a->row);
}

int64_t agent_taken_slots(const struct agent *a)
{
    int64_t taken = a->busy + a->remnants.count;
    return taken < a->row.slots ? taken : a->row.slots;
}

int64_t agent_free_slots(const struct agent *a)
{
    bool may = takes_jobs(a) && a->ready && !deadline_is_set(&a->full.deadline);
    return may ? a->row.slots - agent_taken_slots(a) : 0;
}

static void count_online(struct engine *g, struct agent *a)
{
    bool online = takes_jobs(a);
    if (online == a->counted) return;
    a->counted = online;
    for (size_t i = 0; i < a->member_count; i++) {
        struct group *group = a->members[i].group;
        group->online += online ? 1 : -1;
        if (!online) group->missed_until_ms = g->now.mono_ms + g->fallback_grace_ms;
        group_watch(g, group);
    }
}

/* An agent of the group can do more than before: so can the group. */
static void unblock(struct engine *g, struct agent *a, struct group *group)
{
    for (size_t i = 0; i < group->pending_count; i++) {
        struct queue *q = group->pending[i];
        if (q->blocked && agent_fits(g, a, q)) q->blocked = false;
        if (!q->blocked) group_set_dirty(g, group);
    }
    if (group->aside.count == 0) return;
    group->aside.blocked = false;
    group_set_dirty(g, group);
}

void agent_update(struct engine *g, struct agent *a)
{
    count_online(g, a);
    int64_t before = a->free;
    a->free = agent_free_slots(a);
    for (size_t i = 0; i < a->member_count; i++) {
        member_settle(&a->members[i]);
        if (a->free > before) unblock(g, a, a->members[i].group);
    }
}

void agent_set_full(struct engine *g, struct agent *a, bool full)
{
    if (!full && !deadline_is_set(&a->full.deadline)) return; /* as after each end of a job */
    timer_set(g, &a->full, full ? g->now.mono_ms + FULL_MS : NEVER);
    agent_update(g, a);
}

/* ---- does it belong to its groups? ---- */

void agent_set_caps(struct engine *g, struct agent *a)
{
    (void)g;
    caps_free(a->caps);
    a->caps = caps_parse(a->row.capabilities, a->row.version);
    caps_set_protocol(a->caps, a->protocol);
    mem_free(a->fits);
    a->fits = NULL;
    a->fits_cap = 0;
    a->free = 0; /* whatever was blocked is looked at again */
}

/* The number of the first clause that the agent does not meet; as many as there are: none. */
static size_t first_unmet(const struct agent *a, const struct requires *r)
{
    size_t i = 0;
    while (i < requires_count(r) && requires_clause_met(r, i, a->caps))
        i++;
    return i;
}

bool agent_meets_group(const struct agent *a, const struct group *group)
{
    return first_unmet(a, group->requires) == requires_count(group->requires);
}

/* The same for one group, NULL: there is none of the key. */
static const char *refusal_by(const struct agent *a, const struct group *group, const char *key,
                              struct err *e)
{
    if (!group || group->deleted) {
        err_set(e, ERR_DENIED,
                "there is no worker group '%s': create it, or name another in the agent's config",
                key);
        return "unknown-group";
    }
    size_t unmet = first_unmet(a, group->requires);
    if (unmet == requires_count(group->requires)) return NULL;
    struct buf clause, value;
    char name[96];
    buf_init(&clause, 1024);
    buf_init(&value, 1024);
    requires_clause_print(group->requires, unmet, &clause);
    caps_print(a->caps, requires_clause_name(group->requires, unmet), &value);
    err_set(e, ERR_DENIED, "%s requires %s, this agent has %s", group_name(group, name),
            clause.data, value.data);
    buf_fini(&clause);
    buf_fini(&value);
    return "requires-not-met";
}

const char *agent_refusal(const struct engine *g, const struct agent *a, struct err *e)
{
    const char *code = NULL;
    struct group_keys keys;
    group_keys_read(&keys, a->row.group, a->row.groups);
    for (size_t i = 0; i < keys.count && !code; i++)
        code = refusal_by(a, group_find(g, keys.items[i]), keys.items[i], e);
    group_keys_fini(&keys);
    return code;
}

void agent_review(struct engine *g, struct agent *a)
{
    struct err e;
    bool removed = a->row.removed_ms > 0;
    err_set(&e, ERR_DENIED, "it was removed");
    bool leaving = removed || agent_refusal(g, a, &e) != NULL;
    if (leaving && !a->leaving)
        log_warn("agent %s: takes no more jobs: %s", a->row.name, err_text(&e));
    a->leaving = leaving;
    agent_update(g, a);
    agent_release(g, a); /* closes it when it holds nothing: it comes back and hears why */
}

/* An agent comes, says what it holds, is ready, is gone. */
#include "coordinator/engine/internal.h"

#include "base/id.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"

#include <assert.h>

#define RETRY_DUPLICATE_MS 60000
#define RETRY_GROUP_MS 60000 /* creating or changing the group heals it */
#define SEEN_EVERY_MS 60000
#define SEEN_MORE_MS 1000
#define SEEN_MOST 500 /* rows in one batch */

/* ---- workers ---- */

struct worker *worker_find(const struct engine *g, int64_t id)
{
    return id_map_find(&g->workers, (uint64_t)id);
}

struct worker *worker_of_session(const struct engine *g, uint64_t session)
{
    return id_map_find(&g->sessions, session);
}

struct worker *worker_add(struct engine *g, int64_t id)
{
    struct worker *w = mem_alloc(sizeof *w);
    w->id = w->row.id = id;
    w->last_heard_ms = g->now.mono_ms;
    timer_init(&w->lease, TIMER_LEASE, w);
    id_map_put(&g->workers, (uint64_t)id, w);
    return w;
}

static void forget_guest(struct worker *w)
{
    mem_free(w->guest_host);
    mem_free(w->guest_boot);
    mem_free(w->guest_journal);
    w->guest_host = w->guest_boot = w->guest_journal = NULL;
    w->guest = false;
}

void worker_free(struct engine *g, struct worker *w)
{
    timer_clear(g, &w->lease);
    forget_guest(w);
    agent_fini(&w->row);
    caps_free(w->caps);
    mem_free(w->fits);
    mem_free(w);
}

static void take(char **to, char **from)
{
    mem_free(*to);
    *to = *from;
    *from = NULL;
}

/* What ran on the former machine is over: the agent lives here now. */
static void adopt_guest(struct engine *g, struct worker *w)
{
    take(&w->row.host_id, &w->guest_host);
    take(&w->row.boot_id, &w->guest_boot);
    take(&w->row.journal_id, &w->guest_journal);
    forget_guest(w);
    if (!store_ok(g, store_agent_update(g->store, &w->row, &g->err))) return;
    worker_heard(g, w);
    worker_update(g, w);
}

void worker_release(struct engine *g, struct worker *w)
{
    if (w->jobs) return;
    if (w->guest) adopt_guest(g, w);
    if (g->rc) return;
    if (w->session && w->leaving) {
        worker_close(g, w);
        return;
    }
    if (w->session) return;
    id_map_remove(&g->workers, (uint64_t)w->id);
    worker_free(g, w);
}

void worker_join(struct engine *g, struct worker *w, struct pool *p)
{
    (void)g;
    w->pool = p;
    w->prev = NULL;
    w->next = p->first;
    if (p->first) p->first->prev = w;
    p->first = w;
}

static void leave_pool(struct worker *w)
{
    if (w->prev)
        w->prev->next = w->next;
    else
        w->pool->first = w->next;
    if (w->next) w->next->prev = w->prev;
    w->pool = NULL;
    w->prev = w->next = NULL;
}

/* ---- acknowledgements: one per agent and batch ---- */

void worker_ack(struct engine *g, struct worker *w)
{
    if (w->ack_due) return;
    w->ack_due = true;
    w->next_ack = g->acks;
    g->acks = w;
}

static void store_seq(struct engine *g, struct worker *w)
{
    if (w->last_seq == w->stored_seq) return;
    if (store_ok(g, store_agent_seq(g->store, w->id, w->last_seq, &g->err)))
        w->stored_seq = w->last_seq;
}

/* An attempt whose end was listed in the hello, but is not among the events that followed: that end
 * was seen before. It was declined, and handed to the same agent again, which never heard of it. */
static void settle_ends(struct engine *g, struct worker *w)
{
    struct open_job *next;
    w->end_due_seq = 0;
    for (struct open_job *j = w->jobs; j && g->rc == 0; j = next) {
        next = j->next;
        if (!j->end_listed) continue;
        j->end_listed = false;
        if (j->row.state == JOB_SUBMITTED)
            job_give_back(g, j, "the agent never got it again");
        else if (j->row.state == JOB_KILLING && j->row.started_ms == 0)
            job_lost(g, j, REASON_INTERRUPTED, "it never began");
        else
            job_lost(g, j, REASON_INTERRUPTED, "its agent does not know how it ended");
    }
}

void acks_flush(struct engine *g)
{
    while (g->acks && g->rc == 0) {
        struct worker *w = g->acks;
        g->acks = w->next_ack;
        w->ack_due = false;
        store_seq(g, w);
        struct effect *x = session_effect(g, EFFECT_ACK, w->session);
        x->seq = w->last_seq;
        x->n = w->heartbeat;
        w->heartbeat = 0;
        if (w->end_due_seq == 0 || w->last_seq < w->end_due_seq) continue;
        settle_ends(g, w);
        if (g->rc == 0) worker_release(g, w);
    }
}

static void drop_ack(struct engine *g, struct worker *w)
{
    store_seq(g, w);
    if (!w->ack_due) return;
    struct worker **at = &g->acks;
    while (*at != w)
        at = &(*at)->next_ack;
    *at = w->next_ack;
    w->ack_due = false;
    w->heartbeat = 0;
}

/* ---- the end of a session ---- */

void worker_detach(struct engine *g, struct worker *w)
{
    drop_ack(g, w);
    id_map_remove(&g->sessions, w->session);
    w->session = 0;
    w->ready = false;
    worker_update(g, w);
    leave_pool(w);
    forget_guest(w);
    w->row.online = false;
    w->row.last_seen_ms = g->now.wall_ms;
    store_ok(g, store_agent_seen(g->store, w->id, false, g->now.wall_ms, &g->err));
}

void worker_close(struct engine *g, struct worker *w)
{
    session_effect(g, EFFECT_CLOSE, w->session);
    worker_detach(g, w);
    worker_release(g, w);
}

void worker_heard(struct engine *g, struct worker *w)
{
    if (!w->guest) w->last_heard_ms = g->now.mono_ms;
}

void worker_discard(struct engine *g, struct worker *w, int64_t job, int64_t attempt,
                    const char *why)
{
    /* Told once is enough for all that follows of the attempt in this session. */
    if (w->discarded_job == job && w->discarded_attempt == attempt) return;
    w->discarded_job = job;
    w->discarded_attempt = attempt;
    struct effect *x = session_effect(g, EFFECT_DISCARD, w->session);
    x->job = job;
    x->attempt = attempt;
    x->text = mem_strdup(why);
}

void apply_gone(struct engine *g, struct command *c)
{
    struct worker *w = worker_of_session(g, c->session);
    if (!w) return;
    log_info("agent %s: offline", w->row.name);
    worker_detach(g, w);
    worker_release(g, w);
}

/* ---- does it belong to its group? ---- */

void worker_set_caps(struct engine *g, struct worker *w)
{
    (void)g;
    caps_free(w->caps);
    w->caps = caps_parse(w->row.capabilities, w->row.version);
    mem_free(w->fits);
    w->fits = NULL;
    w->fits_cap = 0;
    w->free = 0; /* whatever was blocked is looked at again */
}

/* NULL: it may be in the pool. Else the refusal's code, and the sentence in e. */
static const char *why_not(const struct worker *w, const struct pool *p, const char *key,
                           struct err *e)
{
    if (!p || p->deleted) {
        err_set(e, ERR_DENIED,
                "there is no worker group '%s': create it, or name another in the agent's config",
                key);
        return "unknown-group";
    }
    for (size_t i = 0; i < requires_count(p->requires); i++) {
        if (requires_clause_met(p->requires, i, w->caps)) continue;
        struct buf clause, value;
        char name[96];
        buf_init(&clause, 1024);
        buf_init(&value, 1024);
        requires_clause_print(p->requires, i, &clause);
        caps_print(w->caps, requires_clause_name(p->requires, i), &value);
        err_set(e, ERR_DENIED, "%s requires %s, this agent has %s", pool_name(p, name), clause.data,
                value.data);
        buf_fini(&clause);
        buf_fini(&value);
        return "requires-not-met";
    }
    return NULL;
}

void worker_review(struct engine *g, struct worker *w)
{
    struct err e;
    bool removed = w->row.removed_ms > 0;
    bool leaving = removed || why_not(w, w->pool, w->pool->row.key, &e) != NULL;
    if (leaving && !w->leaving)
        log_warn("agent %s: takes no more jobs: %s", w->row.name, err_text(&e));
    w->leaving = leaving;
    worker_update(g, w);
    worker_release(g, w); /* closes it when it holds nothing: it comes back and hears why */
}

/* ---- hello ---- */

/* The row of the agent, or a refusal. */
static bool admit(struct engine *g, struct command *c, struct agent *row)
{
    const struct cmd_hello *h = &c->u.hello;
    int rc = store_agent_get(g->store, h->agent, row, &g->err);
    if (rc == ERR_NOT_FOUND) {
        g->err = (struct err){0};
        refuse(g, c->session, "unknown-agent", 0,
               "this coordinator does not know the agent: join again");
        return false;
    }
    if (!store_ok(g, rc)) return false;
    if (row->removed_ms > 0) {
        refuse(g, c->session, "revoked", 0, "the agent '%s' was removed: join again", row->name);
    } else if (row->token_group && !str_eq(row->token_group, h->group)) {
        refuse(g, c->session, "wrong-group", 0,
               "the agent joined with a token for group %s, but its config says %s",
               row->token_group, h->group ? h->group : "the default group");
    } else {
        return true;
    }
    agent_fini(row);
    return false;
}

/* Makes room for a new session of a worker that has one. false: the new one is refused. */
static bool replace_session(struct engine *g, struct worker *w, const struct command *c)
{
    const struct cmd_hello *h = &c->u.hello;
    const char *host = w->guest ? w->guest_host : w->row.host_id;
    const char *boot = w->guest ? w->guest_boot : w->row.boot_id;
    if (str_eq(host, h->host_id) && str_eq(boot, h->boot_id)) {
        session_effect(g, EFFECT_CLOSE, w->session);
        worker_detach(g, w);
        return true;
    }
    log_warn(
        "agent %s: a second session from another machine was refused (a copy of its state folder?)",
        w->row.name);
    refuse(g, c->session, "duplicate", RETRY_DUPLICATE_MS,
           "the agent '%s' is connected already from another machine or boot: if this is a copy of "
           "it, remove the "
           "state folder here and join again",
           w->row.name);
    return false;
}

/* A name from the config counts when no other agent has it. */
static void rename_agent(struct engine *g, struct agent *row, struct cmd_hello *h)
{
    if (str_eq(row->name, h->name) || !str_name_valid(h->name)) return;
    struct agent other;
    int rc = store_agent_by_name(g->store, h->name, &other, &g->err);
    if (rc == 0) {
        agent_fini(&other);
        log_warn("agent %s: cannot be called '%s', another agent is", row->name, h->name);
    } else if (rc == ERR_NOT_FOUND) {
        g->err = (struct err){0};
        take(&row->name, &h->name);
    } else {
        store_ok(g, rc);
    }
}

static void fill_row(struct engine *g, struct agent *row, struct cmd_hello *h)
{
    rename_agent(g, row, h);
    take(&row->group, &h->group);
    take(&row->version, &h->version);
    take(&row->capabilities, &h->capabilities);
    row->slots = h->slots;
    row->draining = h->draining;
    row->online = true;
    row->last_seen_ms = g->now.wall_ms;
}

/* The attempt, when it is the one that this worker has. */
static struct open_job *current(const struct engine *g, const struct worker *w, int64_t job,
                                int64_t attempt)
{
    struct open_job *j = open_job_find(g, job);
    return j && j->worker == w && j->row.attempt == attempt && !w->guest ? j : NULL;
}

static bool holds_any(const struct engine *g, const struct worker *w, const struct cmd_hello *h)
{
    for (size_t i = 0; i < h->attempt_count; i++) {
        if (current(g, w, h->attempts[i].job, h->attempts[i].attempt)) return true;
    }
    return false;
}

static void settle_unlisted(struct engine *g, struct worker *w, struct open_job *j,
                            bool same_journal)
{
    /* The journal has an attempt before anything is done with it, so what a journal that was there
     * does not know was never begun. */
    bool never_began = same_journal && !j->received && j->row.started_ms == 0;
    if (never_began && j->row.state == JOB_SUBMITTED) {
        job_give_back(g, j, "the agent never got it");
    } else if (never_began && j->row.reason == REASON_CANCELLED) {
        job_lost(g, j, REASON_CANCELLED, "cancelled before it began");
    } else {
        char message[192];
        str_format(message, sizeof message, "agent %.128s came back without it", w->row.name);
        job_lost(g, j, REASON_INTERRUPTED, message);
    }
}

static void keep(struct engine *g, struct worker *w, struct open_job *j, const struct cmd_hello *h,
                 bool ended)
{
    j->listed = true;
    if (ended) {
        j->end_listed = true;
        j->since_ms = g->now.mono_ms;
        w->end_due_seq = h->seq;
    } else {
        j->received = true;
    }
    if (j->row.state == JOB_KILLING) job_kill(g, j, j->row.reason);
}

static void reconcile(struct engine *g, struct worker *w, const struct cmd_hello *h,
                      bool same_journal)
{
    for (size_t i = 0; i < h->attempt_count; i++) {
        const struct hello_attempt *a = &h->attempts[i];
        struct open_job *j = current(g, w, a->job, a->attempt);
        if (j)
            keep(g, w, j, h, a->ended);
        else
            worker_discard(g, w, a->job, a->attempt, "this attempt is over or another agent's");
    }
    struct open_job *next;
    for (struct open_job *j = w->jobs; j && g->rc == 0; j = next) {
        next = j->next;
        if (!j->listed && !w->guest)
            settle_unlisted(g, w, j, same_journal);
        else
            j->listed = false;
    }
    if (w->end_due_seq == 0 || g->rc) return;
    if (w->last_seq >= w->end_due_seq)
        settle_ends(g, w);
    else
        lease_begin(g, w);
}

static void welcome(struct engine *g, struct worker *w)
{
    session_effect(g, EFFECT_WELCOME, w->session)->seq = w->last_seq;
    if (!w->row.held) return;
    struct effect *x = session_effect(g, EFFECT_DRAIN, w->session);
    x->flag = true;
    x->text = mem_strdup(w->row.drain_reason);
}

/* A hello that was long on its way: its agent has given the connection up and opened another one
 * since. What it says of attempts was true then. */
static bool is_late(const struct engine *g, const struct worker *w, uint64_t session)
{
    return session < g->oldest_session || (w && session < w->newest_session);
}

/* The worker with its new facts; its group is looked at. NULL: refused. */
static struct worker *greet(struct engine *g, struct command *c, struct agent *row)
{
    struct cmd_hello *h = &c->u.hello;
    struct worker *w = worker_find(g, h->agent);
    if (is_late(g, w, c->session)) {
        session_effect(g, EFFECT_CLOSE, c->session);
        return NULL;
    }
    if (w && w->session && !replace_session(g, w, c)) return NULL;
    if (!w) w = worker_add(g, h->agent);
    struct pool *p = pool_find(g, h->group);
    bool guest = w->jobs && !str_eq(row->host_id, h->host_id);
    bool holds = !guest && holds_any(g, w, h);
    fill_row(g, row, h);
    agent_fini(&w->row);
    w->row = *row;
    *row = (struct agent){0};
    w->guest = guest;
    take(guest ? &w->guest_host : &w->row.host_id, &h->host_id);
    take(guest ? &w->guest_boot : &w->row.boot_id, &h->boot_id);
    take(guest ? &w->guest_journal : &w->row.journal_id, &h->journal_id);
    if (guest)
        log_warn("agent %s: came back on another machine; it gets jobs when the leases of those "
                 "on the former one end",
                 w->row.name);
    worker_set_caps(g, w);
    struct err e;
    const char *code = why_not(w, p, w->row.group, &e);
    w->leaving = code != NULL;
    if (code && !holds) {
        refuse(g, c->session, code, RETRY_GROUP_MS, "%s", err_text(&e));
        forget_guest(w);
        worker_release(g, w);
        return NULL;
    }
    /* One that holds attempts may end them, though its group is gone or changed. */
    if (!p) {
        struct job of = {.group = w->row.group};
        p = pool_of_job(g, &of);
    }
    worker_join(g, w, p);
    return w;
}

void apply_hello(struct engine *g, struct command *c)
{
    struct agent row = {0};
    if (!admit(g, c, &row)) return;
    bool same_journal = row.journal_id && str_eq(row.journal_id, c->u.hello.journal_id) &&
                        str_eq(row.boot_id, c->u.hello.boot_id);
    int64_t last_seq = row.last_seq;
    const struct worker *before = worker_find(g, row.id);
    if (before && before->last_seq > last_seq) last_seq = before->last_seq; /* of this batch */
    struct worker *w = greet(g, c, &row);
    agent_fini(&row);
    if (!w || g->rc) return;
    w->session = w->newest_session = c->session;
    if (c->session > g->newest_session) g->newest_session = c->session;
    w->ready = false;
    w->last_seq = w->stored_seq = last_seq;
    w->discarded_job = w->end_due_seq = 0;
    w->heartbeat = 0;
    w->seen_ms = g->now.mono_ms;
    id_map_put(&g->sessions, w->session, w);
    worker_heard(g, w);
    if (!store_ok(g, store_agent_update(g->store, &w->row, &g->err))) return;
    welcome(g, w);
    reconcile(g, w, &c->u.hello, same_journal);
    worker_update(g, w);
    log_info("agent %s: online", w->row.name);
    worker_release(g, w);
}

/* ---- ready, heartbeat ---- */

void apply_ready(struct engine *g, struct command *c)
{
    struct worker *w = worker_of_session(g, c->session);
    if (!w) return;
    struct cmd_ready *r = &c->u.ready;
    worker_heard(g, w);
    w->ready = true;
    bool changed = w->row.draining != r->draining;
    w->row.draining = r->draining;
    if (!w->row.held && !str_eq(w->row.drain_reason, r->reason)) {
        take(&w->row.drain_reason, &r->reason);
        changed = true;
    }
    if (r->slots > 0 && r->slots != w->row.slots) {
        w->row.slots = r->slots;
        changed = true;
    }
    if (r->capabilities && !str_eq(r->capabilities, w->row.capabilities)) {
        take(&w->row.capabilities, &r->capabilities);
        worker_set_caps(g, w);
        changed = true;
    }
    if (changed && !store_ok(g, store_agent_update(g->store, &w->row, &g->err))) return;
    worker_review(g, w);
}

/* When each was heard last is written once a minute for all together: a heartbeat alone costs no
 * write. */
static void write_seen(struct engine *g)
{
    size_t place = 0;
    int written = 0;
    for (struct worker *w; (w = id_map_next(&g->sessions, &place)) != NULL && g->rc == 0;) {
        if (w->seen_ms >= w->last_heard_ms) continue;
        if (written++ == SEEN_MOST) break;
        w->seen_ms = w->last_heard_ms;
        w->row.last_seen_ms = g->now.wall_ms - (g->now.mono_ms - w->last_heard_ms);
        store_ok(g, store_agent_seen(g->store, w->id, true, w->row.last_seen_ms, &g->err));
    }
    g->seen_due_ms = g->now.mono_ms + (written > SEEN_MOST ? SEEN_MORE_MS : SEEN_EVERY_MS);
}

void apply_heartbeat(struct engine *g, struct command *c)
{
    struct worker *w = worker_of_session(g, c->session);
    if (!w) return;
    worker_heard(g, w);
    if (g->now.mono_ms >= g->seen_due_ms) write_seen(g);
    if (c->u.n > w->heartbeat) w->heartbeat = c->u.n;
    worker_ack(g, w);
}

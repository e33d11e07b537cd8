/* The commands of a session: hello, ready, gone; and who was heard. */
#include "coordinator/engine/hello.h"

#include "base/id.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/engine/absence.h"
#include "coordinator/engine/agent_event.h"
#include "coordinator/engine/lease.h"
#include "coordinator/engine/news.h"
#include "coordinator/engine/refusal.h"
#include "coordinator/engine/reply.h"

#include <stdarg.h>
#include <stdio.h>

#define RETRY_DUPLICATE_MS 60000
#define RETRY_NAME_MS 30000 /* as of any violation of the protocol */
/* Creating or changing the group heals it, within seconds when few agents wait for that; all of
 * them together make no more than 50 connections a second. */
#define RETRY_GROUP_LEAST_MS 4000
#define RETRY_GROUP_EACH_MS 20
#define RETRY_GROUP_MOST_MS 60000
#define REFUSED_KEPT_MS 180000 /* who did not come back in this time does not wait any more */
#define SEEN_EVERY_MS 60000
#define SEEN_MORE_MS 1000
#define SEEN_MOST 500 /* rows in one batch */

/* ---- acknowledgements: one per agent and batch ---- */

/* An attempt whose end was listed in the hello, but is not among the events that followed: that end
 * was seen before. It was declined, and handed to the same agent again, which never heard of it;
 * or heard of it, and its journal lost that when its machine went down. */
static void settle_ends(struct engine *g, struct agent *a)
{
    struct job *next;
    a->end_due_seq = 0;
    a->settled_in = g->batch;
    for (struct job *j = a->jobs; j && g->rc == 0; j = next) {
        next = j->next;
        if (!j->end_listed) continue;
        j->end_listed = false;
        if (j->row.state == JOB_SUBMITTED && !j->rebooted)
            job_give_back(g, j, "the agent never got it again");
        else if (j->row.state == JOB_KILLING && j->row.started_ms == 0 && !j->rebooted)
            job_lost(g, j, REASON_INTERRUPTED, "it never began");
        else
            job_lost(g, j, REASON_INTERRUPTED, "its agent does not know how it ended");
    }
}

void acks_flush(struct engine *g)
{
    while (g->acks && g->rc == 0) {
        struct agent *a = g->acks;
        g->acks = a->next_ack;
        a->ack_due = false;
        /* Output alone does not touch the queue's file. After a crash, what is sent again of it is
         * known by its offset. */
        if (a->seq_due) agent_store_seq(g, a);
        session_effect(g, EFFECT_ACK, a->session)->u.ack = (struct effect_ack){.seq = a->last_seq};
        if (a->end_due_seq == 0 || a->last_seq < a->end_due_seq) continue;
        settle_ends(g, a);
        if (g->rc == 0) agent_release(g, a);
    }
}

/* ---- hello ---- */

/* Agents of the default group name none; of several this is the first. */
static const char *key_of(const struct cmd_hello *h)
{
    return h->group ? h->group : STR_DEFAULT_GROUP;
}

/* Refuses an agent that is known, and keeps the reason for those who look for it. */
CADRE_PRINTF(5, 6)
static void turn_away(struct engine *g, const struct command *c, const char *code, int64_t retry_ms,
                      const char *fmt, ...)
{
    char line[ERR_MSG_MAX];
    va_list args;
    va_start(args, fmt);
    vsnprintf(line, sizeof line, fmt, args);
    va_end(args);
    refuse(g, c->session, code, retry_ms, "%s", line);
    refusal_note(g, c->u.hello.agent, key_of(&c->u.hello), c->u.hello.groups, code, line);
}

/* A token for a group allows that one and no other beside it. false: refused. */
static bool token_allows(struct engine *g, const struct command *c, const struct agent_row *row)
{
    struct group_keys keys;
    bool allowed = true;
    if (!row->token_group) return true;
    group_keys_read(&keys, key_of(&c->u.hello), c->u.hello.groups);
    for (size_t i = 0; i < keys.count; i++)
        allowed = allowed && str_eq(row->token_group, keys.items[i]);
    if (!allowed) {
        struct buf names;
        buf_init(&names, 2048);
        group_keys_print(&keys, &names);
        turn_away(g, c, "wrong-group", 0,
                  "the agent joined with a token for group %s%s, but its config says %s",
                  row->token_group, keys.count > 1 ? ", which allows no other" : "", names.data);
        buf_fini(&names);
    }
    group_keys_fini(&keys);
    return allowed;
}

/* The row of the agent, or a refusal. */
static bool admit(struct engine *g, const struct command *c, struct agent_row *row)
{
    const struct cmd_hello *h = &c->u.hello;
    int rc = store_agent_find(g->store, h->agent, row, &g->err);
    if (rc == 0) {
        refuse(g, c->session, "unknown-agent", 0,
               "this coordinator does not know the agent: join again");
        return false;
    }
    if (!store_ok(g, rc)) return false;
    struct err why;
    if (h->name && !str_eq(row->name, h->name) && str_name_check(h->name, &why) != 0) {
        refuse(g, c->session, "protocol", RETRY_NAME_MS, "the agent's name %s", err_text(&why));
    } else if (row->removed_ms > 0) {
        refuse(g, c->session, "revoked", 0, "the agent '%s' was removed: join again", row->name);
    } else if (token_allows(g, c, row)) {
        return true;
    }
    agent_row_fini(row);
    return false;
}

/* Makes room for a new session of an agent that has one. false: the new one is refused. */
static bool replace_session(struct engine *g, struct agent *a, const struct command *c)
{
    const struct cmd_hello *h = &c->u.hello;
    const char *host = a->moved ? a->moved_host : a->row.host_id;
    const char *boot = a->moved ? a->moved_boot : a->row.boot_id;
    bool at_home = str_eq(host, h->host_id) && str_eq(boot, h->boot_id);
    bool copied = a->folder_id && h->folder_id && !str_eq(a->folder_id, h->folder_id);
    if (at_home && !copied) {
        session_effect(g, EFFECT_CLOSE, a->session);
        agent_detach(g, a, "it connected anew");
        return true;
    }
    log_warn("agent %s: a second session from another %s was refused (a copy of its state folder?)",
             a->row.name, at_home ? "folder of its machine" : "machine");
    turn_away(g, c, "duplicate", RETRY_DUPLICATE_MS,
              "the agent '%s' is connected already from another %s: if this is a copy of it, "
              "remove the state folder here and join again, under another name",
              a->row.name, at_home ? "state folder of this machine" : "machine or boot");
    return false;
}

/* A name from the config counts when no other agent has it. */
static void rename_agent(struct engine *g, struct agent_row *row, const struct cmd_hello *h)
{
    if (!h->name || str_eq(row->name, h->name)) return;
    struct agent_row other;
    int rc = store_agent_find_name(g->store, h->name, &other, &g->err);
    if (rc == 1) {
        agent_row_fini(&other);
        log_warn("agent %s: cannot be called '%s', another agent is", row->name, h->name);
    } else if (rc == 0) {
        text_set(&row->name, h->name);
    } else {
        store_ok(g, rc);
    }
}

static void fill_row(struct engine *g, struct agent_row *row, const struct cmd_hello *h)
{
    rename_agent(g, row, h);
    text_set(&row->group, key_of(h));
    text_set(&row->groups, h->groups);
    text_set(&row->version, h->version);
    text_set(&row->capabilities, h->capabilities);
    row->slots = h->slots;
    row->draining = h->draining;
    row->online = true;
    row->last_seen_ms = g->now.wall_ms;
}

/* The attempt, when it is the one that this agent has. */
static struct job *current(const struct engine *g, const struct agent *a, int64_t job,
                           int64_t attempt)
{
    struct job *j = job_find(g, job);
    return j && j->agent == a && j->row.attempt == attempt && !a->moved ? j : NULL;
}

static bool holds_any(const struct engine *g, const struct agent *a, const struct cmd_hello *h)
{
    for (size_t i = 0; i < h->attempt_count; i++) {
        if (current(g, a, h->attempts[i].job, h->attempts[i].attempt)) return true;
    }
    return false;
}

/* The job that waits here for the very attempt that the agent has. NULL: there is none. */
static struct job *waiting_job(struct engine *g, const struct hello_attempt *held)
{
    struct job *j = job_find(g, held->job);
    if (!j) {
        struct job_row row;
        int rc = store_job_find(g->store, held->job, &row, &g->err);
        if (rc == 0 || !store_ok(g, rc)) return NULL;
        if (row.state == JOB_CREATED && row.attempt == held->attempt) return job_add(g, &row);
        job_row_fini(&row);
        return NULL;
    }
    bool waits = j->row.state == JOB_CREATED || j->row.state == JOB_RETRYING;
    return waits && j->row.attempt == held->attempt ? j : NULL;
}

/* The database does not know any more that it handed the attempt out. It has begun, so that it must
 * not begin again as if nothing had happened. Only a journal that knows all that is
 * known here tells so: another one may be older than what was given back since (a copy, or one of a
 * machine that lost power). One that has ended may have been given back, since it was not begun:
 * when commits are lost, that cannot be known any more (lost). */
static void fence_forgotten(struct engine *g, struct agent *a, const struct hello_attempt *held,
                            bool lost)
{
    char message[192], id[ID_TEXT_SIZE];
    struct job *j = (held->ended && !lost) || a->moved ? NULL : waiting_job(g, held);
    if (!j) return;
    id_format(held->job, id);
    str_format(message, sizeof message, "the database has forgotten that agent %.128s has it",
               a->row.name);
    log_warn("job %s: attempt %lld: %s", id, (long long)held->attempt, message);
    struct job_end end = {.state = JOB_FAILED,
                          .reason = REASON_INTERRUPTED,
                          .message = message,
                          .ended_ms = g->now.wall_ms};
    if (j->row.state == JOB_CREATED)
        job_attempt_failed(g, j, &end, message);
    else /* the attempt that waits to be retried would be this very one */
        job_end(g, j, &end, message);
}

/* Commits are lost that this agent was told of. What they said of it does not come again, so that
 * it counts as heard. */
static bool note_lost_commits(struct engine *g, struct agent *a, const struct cmd_hello *h)
{
    if (a->moved || h->acked <= a->last_seq) return false;
    log_warn("agent %s: the database has lost commits (a backup that was restored, or a failover "
             "to a replica that was behind): of this agent its events %lld to %lld are gone, "
             "which were acknowledged: starts and ends of its jobs; attempts that it does not "
             "know of any more count as interrupted",
             a->row.name, (long long)a->last_seq + 1, (long long)h->acked);
    a->last_seq = h->acked;
    agent_store_seq(g, a);
    return true;
}

/* The journal is not the one that came from this host last: it was made since, and the agent has
 * told of it, or it could have no attempts. */
static bool note_lost_hello(const struct agent *a, const struct cmd_hello *h)
{
    if (a->moved || h->attempt_count == 0) return false;
    log_warn("agent %s: the database has lost commits (a backup that was restored, or a failover "
             "to a replica that was behind): it does not know the journal of this agent, which has "
             "attempts; those that wait here count as interrupted",
             a->row.name);
    return true;
}

static void settle_unlisted(struct engine *g, struct agent *a, struct job *j, bool same_journal)
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
        str_format(message, sizeof message, "agent %.128s came back without it", a->row.name);
        job_lost(g, j, REASON_INTERRUPTED, message);
    }
}

static void keep(struct engine *g, struct agent *a, struct job *j, const struct cmd_hello *h,
                 bool ended, bool same_journal)
{
    j->listed = true;
    j->after_seq = 0;
    if (!same_journal) j->rebooted = true;
    if (ended) {
        j->end_listed = true;
        j->since_ms = g->now.mono_ms;
        a->end_due_seq = h->seq;
    } else {
        j->received = true;
    }
    if (j->row.state == JOB_KILLING) job_kill(g, j, j->row.reason);
}

/* complete: the journal knows all that is known here. lost: more than that. */
static void reconcile(struct engine *g, struct agent *a, const struct cmd_hello *h, bool complete,
                      bool same_journal, bool lost)
{
    for (size_t i = 0; i < h->attempt_count; i++) {
        const struct hello_attempt *held = &h->attempts[i];
        struct job *j = current(g, a, held->job, held->attempt);
        if (j) {
            keep(g, a, j, h, held->ended, same_journal);
        } else if (!held->ended || !remnant_known(&a->remnants, held->job, held->attempt)) {
            remnant_clear(g, &a->remnants, held->job, held->attempt);
            if (complete) fence_forgotten(g, a, held, lost);
            if (g->rc) return;
            agent_discard(g, a, held->job, held->attempt,
                          "this attempt is over or another agent's");
        } /* else its end was seen, the acknowledgement was lost, and its `cleared` is to come */
    }
    struct job *next;
    for (struct job *j = a->jobs; j && g->rc == 0; j = next) {
        next = j->next;
        if (!j->listed && !a->moved)
            settle_unlisted(g, a, j, same_journal);
        else
            j->listed = false;
    }
    if (a->end_due_seq == 0 || g->rc) return;
    if (a->last_seq >= a->end_due_seq)
        settle_ends(g, a);
    else
        lease_begin(g, a);
}

static void welcome(struct engine *g, struct agent *a)
{
    session_effect(g, EFFECT_WELCOME, a->session)->u.welcome.seq = a->last_seq;
    if (a->row.held) agent_tell_drain(g, a, true);
}

/* A hello that was long on its way: its agent has given the connection up and opened another one
 * since. What it says of attempts was true then. */
static bool is_late(const struct engine *g, const struct agent *a, uint64_t session)
{
    return session < g->oldest_session || (a && session < a->newest_session);
}

/* When an agent that its group refuses is to ask again. */
static int64_t retry_group_ms(struct engine *g, const struct agent *a)
{
    const struct watched *oldest;
    watch_put(&g->refused, a->id, g->now.mono_ms);
    while ((oldest = watch_first(&g->refused)) != NULL &&
           oldest->at_ms < g->now.mono_ms - REFUSED_KEPT_MS)
        watch_remove(&g->refused, oldest->id);
    int64_t ms = (int64_t)g->refused.count * RETRY_GROUP_EACH_MS;
    return ms < RETRY_GROUP_LEAST_MS  ? RETRY_GROUP_LEAST_MS
           : ms > RETRY_GROUP_MOST_MS ? RETRY_GROUP_MOST_MS
                                      : ms;
}

/* The agent with its new facts; its groups are looked at. NULL: refused. */
static struct agent *greet(struct engine *g, const struct command *c, struct agent_row *row)
{
    const struct cmd_hello *h = &c->u.hello;
    struct agent *a = agent_find(g, h->agent);
    if (is_late(g, a, c->session)) {
        session_effect(g, EFFECT_CLOSE, c->session);
        return NULL;
    }
    if (a && a->session && !replace_session(g, a, c)) return NULL;
    if (!a) a = agent_add(g, h->agent);
    bool moved = a->jobs && !str_eq(row->host_id, h->host_id);
    bool holds = !moved && holds_any(g, a, h);
    fill_row(g, row, h);
    agent_row_fini(&a->row);
    a->row = *row;
    *row = (struct agent_row){0};
    a->moved = moved;
    text_set(moved ? &a->moved_host : &a->row.host_id, h->host_id);
    text_set(moved ? &a->moved_boot : &a->row.boot_id, h->boot_id);
    text_set(moved ? &a->moved_journal : &a->row.journal_id, h->journal_id);
    if (moved)
        log_warn("agent %s: came back on another machine; it gets jobs when the leases of those "
                 "on the former one end",
                 a->row.name);
    a->protocol = h->protocol;
    text_set(&a->folder_id, h->folder_id);
    agent_set_caps(g, a);
    struct err e;
    const char *code = agent_refusal(g, a, &e);
    a->leaving = code != NULL;
    if (code && !holds) {
        turn_away(g, c, code, retry_group_ms(g, a), "%s", err_text(&e));
        agent_forget_move(a);
        agent_release(g, a);
        return NULL;
    }
    /* One that holds attempts may end them, though a group of it is gone or changed. */
    agent_join(g, a);
    return a;
}

/* What is new about an agent that comes; row: as it was when it came last. */
static const char *news_of(const struct agent_row *row, const struct cmd_hello *h)
{
    if (!row->boot_id) return ""; /* it never came */
    if (!str_eq(row->host_id, h->host_id)) return ", on another machine";
    return str_eq(row->boot_id, h->boot_id) ? "" : ", after a restart of its machine";
}

/* Is its journal another one than when it came last from this host? Old agents name none. */
static bool is_new_journal(const struct agent_row *row, const struct cmd_hello *h)
{
    if (!h->journal_id) return false;
    if (!row->boot_id) return true; /* it never came */
    return row->journal_id && str_eq(row->host_id, h->host_id) &&
           !str_eq(row->journal_id, h->journal_id);
}

static void tell_connected(struct engine *g, const struct agent *a, const char *news)
{
    char *text = str_dupf("version %s%s", a->row.version ? a->row.version : "unknown", news);
    agent_event(g, a->id, AGENT_CONNECTED, text);
    mem_free(text);
}

/* Its session begins. */
static void begin_session(struct engine *g, struct agent *a, const struct command *c,
                          int64_t last_seq)
{
    a->session = a->newest_session = c->session;
    if (c->session > g->newest_session) g->newest_session = c->session;
    a->hello_in = g->batch;
    a->hello_seq = c->u.hello.seq;
    watch_remove(&g->refused, a->id);
    absence_end(g, a->id);
    a->ready = false;
    a->last_seq = a->stored_seq = last_seq;
    a->discarded_job = a->end_due_seq = 0;
    a->seen_ms = a->came_ms = g->now.mono_ms;
    map_put(&g->sessions, a->session, a);
    agent_heard(g, a);
}

void apply_hello(struct engine *g, const struct command *c)
{
    struct agent_row row = {0};
    if (!admit(g, c, &row)) return;
    bool same_journal = row.journal_id && str_eq(row.journal_id, c->u.hello.journal_id) &&
                        str_eq(row.boot_id, c->u.hello.boot_id);
    const char *news = news_of(&row, &c->u.hello);
    bool at_home = row.journal_id && str_eq(row.journal_id, c->u.hello.journal_id) &&
                   str_eq(row.host_id, c->u.hello.host_id);
    bool new_journal = is_new_journal(&row, &c->u.hello);
    int64_t last_seq = row.last_seq;
    const struct agent *before = agent_find(g, row.id);
    if (before && before->last_seq > last_seq) last_seq = before->last_seq; /* of this batch */
    struct agent *a = greet(g, c, &row);
    agent_row_fini(&row);
    if (!a || g->rc) return;
    begin_session(g, a, c, last_seq);
    bool lost_commits = at_home && note_lost_commits(g, a, &c->u.hello);
    bool lost_hello = new_journal && note_lost_hello(a, &c->u.hello);
    tell_connected(g, a, news);
    agent_set_unwell(g, &a->row, c->u.hello.unwell);
    if (!news_agent(g, &a->row)) return;
    refusal_forget(g, a->id);
    /* nothing outlives a restart of its machine, and nobody will tell of what a lost journal had */
    if (!same_journal && !a->moved) remnants_clear(g, &a->remnants);
    welcome(g, a);
    /* One whose end was acknowledged, and forgotten here, is not in the journal either. */
    reconcile(g, a, &c->u.hello, lost_hello || (at_home && c->u.hello.seq >= last_seq),
              same_journal && !lost_commits, lost_commits || lost_hello);
    agent_update(g, a);
    log_info("agent %s: online", a->row.name);
    agent_release(g, a);
}

/* ---- ready, heard, gone ---- */

void apply_ready(struct engine *g, const struct command *c)
{
    struct agent *a = agent_of_session(g, c->session);
    if (!a) return;
    const struct cmd_ready *r = &c->u.ready;
    agent_heard(g, a);
    a->ready = true;
    timer_clear(g, &a->full);
    if (a->row.removed_ms > 0) { /* it ends its jobs; what it says of itself is kept no more */
        agent_review(g, a);
        return;
    }
    bool changed = a->row.draining != r->draining;
    a->row.draining = r->draining;
    if (!a->row.held && !str_eq(a->row.drain_reason, r->reason)) {
        text_set(&a->row.drain_reason, r->reason);
        changed = true;
    }
    if (r->slots > 0 && r->slots != a->row.slots) {
        a->row.slots = r->slots;
        changed = true;
    }
    if (r->capabilities && !str_eq(r->capabilities, a->row.capabilities)) {
        text_set(&a->row.capabilities, r->capabilities);
        agent_set_caps(g, a);
        changed = true;
    }
    if (agent_set_unwell(g, &a->row, r->unwell)) changed = true;
    if (changed && !news_agent(g, &a->row)) return;
    agent_review(g, a);
}

/* When each was heard last is written once a minute for all together: a heartbeat alone costs no
 * write. */
static void write_seen(struct engine *g)
{
    size_t place = 0;
    int written = 0;
    for (struct agent *a; (a = map_next(&g->sessions, &place)) != NULL && g->rc == 0;) {
        if (a->seen_ms >= a->last_heard_ms) continue;
        if (written++ == SEEN_MOST) break;
        a->seen_ms = a->last_heard_ms;
        a->row.last_seen_ms = g->now.wall_ms - (g->now.mono_ms - a->last_heard_ms);
        store_ok(g, store_agent_seen(g->store, a->id, true, a->row.last_seen_ms, &g->err));
    }
    g->seen_due_ms = g->now.mono_ms + (written > SEEN_MOST ? SEEN_MORE_MS : SEEN_EVERY_MS);
}

/* Their heartbeats have been acknowledged, so the agents count on their leases from then on: an
 * agent counts as heard even when its session has ended meanwhile. */
void heard_look(struct engine *g, const struct command *c)
{
    for (size_t i = 0; i < c->u.heard.count; i++) {
        struct agent *a = agent_find(g, c->u.heard.agents[i]);
        if (a) agent_heard(g, a);
    }
}

void apply_heard(struct engine *g, const struct command *c)
{
    heard_look(g, c);
    if (g->now.mono_ms >= g->seen_due_ms) write_seen(g);
}

void apply_gone(struct engine *g, const struct command *c)
{
    struct agent *a = agent_of_session(g, c->session);
    if (!a) return;
    log_info("agent %s: offline", a->row.name);
    agent_detach(g, a, c->text);
    agent_release(g, a);
}

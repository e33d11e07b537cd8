/* The batch: commands in, one transaction, effects out.
 *
 * The commands that the store thread takes together (spine.h) form one batch, and a batch is one
 * transaction with one fsync, however many commands there are (group commit): while the disk is
 * busy with one commit, the commands for the next one gather. What the commands need of the store
 * is looked up first and together. Then each is applied against memory, and what it changes is
 * noted; the commit hands the store one set of changes, and nobody hears of any of it before. At
 * the end of the batch comes what may not come in the middle of a command: timers that are due, the
 * acknowledgements, what follows from jobs and executions that ended, and the matching of free
 * slots with queues, which so sees all that the batch brought.
 *
 *   begin -> look up -> apply* -> timers -> acks -> ended -> match -> COMMIT -> effects
 *                         |         |        |        |       |         |      are carried out
 *                         +---------+--------+--------+-------+---------+--> any failure:
 *                                                                       ROLLBACK, load anew
 *
 * When anything fails, the transaction is rolled back, and memory, which is ahead of the store, is
 * thrown away and loaded again; agents stay connected as far as the store knows enough of them.
 * What becomes of the commands then, which the engine only borrowed, is decided in round.c. */
#include "coordinator/engine/engine.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/engine/absence.h"
#include "coordinator/engine/after.h"
#include "coordinator/engine/alarm.h"
#include "coordinator/engine/again.h"
#include "coordinator/engine/agent_commands.h"
#include "coordinator/engine/agent_event.h"
#include "coordinator/engine/ahead.h"
#include "coordinator/engine/audit.h"
#include "coordinator/engine/backfill_commands.h"
#include "coordinator/engine/bulk.h"
#include "coordinator/engine/chore.h"
#include "coordinator/engine/events.h"
#include "coordinator/engine/execution.h"
#include "coordinator/engine/flow_apply.h"
#include "coordinator/engine/group_commands.h"
#include "coordinator/engine/hello.h"
#include "coordinator/engine/lease.h"
#include "coordinator/engine/load.h"
#include "coordinator/engine/namespace.h"
#include "coordinator/engine/notice.h"
#include "coordinator/engine/outcome.h"
#include "coordinator/engine/page_session.h"
#include "coordinator/engine/principal.h"
#include "coordinator/engine/refill.h"
#include "coordinator/engine/refusal.h"
#include "coordinator/engine/reply.h"
#include "coordinator/engine/schedule.h"
#include "coordinator/engine/submit.h"
#include "coordinator/engine/rule_groups.h"
#include "coordinator/engine/tell.h"
#include "coordinator/engine/token.h"
#include "coordinator/engine/trigger.h"
#include "coordinator/engine/trigger_follow.h"
#include "coordinator/engine/upcoming.h"
#include "coordinator/engine/webhook.h"
#include "coordinator/engine/why.h"
#include "coordinator/engine/news.h"
#include "coordinator/engine/sent.h"
#include "coordinator/schedule/zones.h"
#include "wire/lease.h"

#define RETRY_BUG_MS 60000

int engine_new(struct store *store, const struct engine_config *config, uint64_t seed,
               const struct moment *now, struct engine **out, struct err *e)
{
    struct engine *g = mem_alloc(sizeof *g);
    g->store = store;
    g->config = *config;
    g->now = *now;
    g->zones = config->zones ? zones_share(config->zones) : zones_new(NULL);
    g->timezone = mem_strdup(config->timezone ? config->timezone : "UTC");
    g->able_from_ms = now->wall_ms;
    g->clock_ahead_ms = now->wall_ms - now->mono_ms;
    g->offline_due = true;
    g->fallback_grace_ms = lease_silence_ms(config->heartbeat_ms);
    g->bursts = mem_array(config->rule_count + 1, sizeof *g->bursts);
    g->alarms_from_ms = now->mono_ms + g->fallback_grace_ms;
    rng_init(&g->rng, seed);
    int rc = engine_load(g, e);
    if (rc) {
        engine_free(g);
        return rc;
    }
    rules_check_groups(g);
    namespaces_check(g);
    *out = g;
    return 0;
}

void engine_free(struct engine *g)
{
    if (!g) return;
    engine_unload(g);
    chores_free(g);
    absences_free(g);
    mem_free(g->bursts);
    mem_free(g->standing_of);
    audit_clear(g);
    watch_fini(&g->refused);
    watch_fini(&g->notices_ended);
    watch_fini(&g->short_from);
    sent_free(g);
    mem_free(g->left.items);
    mem_free(g->away.items);
    mem_free(g->timezone);
    zones_free(g->zones);
    mem_free(g);
}

/* ---- batches ---- */

/* g->away: at the start all that are marked as online, after a batch that failed those of which the
 * session ended with it. */
static void mark_away(struct engine *g)
{
    bool start = g->offline_due;
    if (start && !store_ok(g, store_agents_all_offline(g->store, &g->err))) return;
    ahead_ask_events(g, g->away.items, g->away.count);
    for (size_t i = 0; i < g->away.count && g->rc == 0; i++) {
        int64_t id = (int64_t)g->away.items[i];
        if (!start) store_ok(g, store_agent_seen(g->store, id, false, g->now.wall_ms, &g->err));
        agent_event(g, id, AGENT_DISCONNECTED,
                    start ? "the coordinator was started anew"
                          : "the coordinator could not save what it had heard");
    }
}

int engine_begin(struct engine *g, const struct moment *now, struct err *e)
{
    g->batch++;
    if (now->mono_ms > g->now.mono_ms) g->now.mono_ms = now->mono_ms;
    g->now.wall_ms = now->wall_ms;
    g->rc = 0;
    g->err = (struct err){0};
    g->out = NULL;
    g->acks = NULL;
    g->left.count = 0;
    g->newest_before = g->newest_session;
    g->wrote = false;
    g->gone_on = g->begun = g->looked = g->turned_away = 0;
    audit_clear(g);
    schedules_watch_clock(g);
    if (!g->loaded && !store_ok(g, engine_load(g, &g->err))) {
        if (e) *e = g->err;
        return g->rc;
    }
    if (store_ok(g, store_begin(g->store, &g->err))) mark_away(g);
    if (g->rc && e) *e = g->err;
    return g->rc;
}

/* ---- step 1: look up ---- */

struct keys {
    char **items;
    size_t count, cap;
};

static void keys_add(struct keys *k, int64_t submitter, const char *key)
{
    if (!key) return;
    if (k->count == k->cap) {
        k->cap = k->cap > 0 ? 2 * k->cap : 64;
        k->items = mem_resize(k->items, k->cap, sizeof *k->items);
    }
    k->items[k->count++] = scoped_key(submitter, key);
}

static void keys_of(const struct command *c, struct keys *jobs, struct keys *starts)
{
    const struct cmd_submits *all = &c->u.submits;
    if (c->type == CMD_SUBMIT)
        keys_add(jobs, c->u.submit.job.submitter, c->u.submit.job.unique_key);
    if (c->type == CMD_RETRY) keys_add(jobs, c->by.token, c->u.again.unique_key);
    if (c->type == CMD_EXECUTION_START)
        keys_add(starts, c->u.start.submitter, c->u.start.unique_key);
    const struct cmd_several *several = &c->u.several;
    for (size_t i = 0; c->type == CMD_RETRY_ALL && i < several->count; i++) {
        char *key = again_key(several->unique_key, several->jobs[i]);
        keys_add(jobs, c->by.token, key);
        mem_free(key);
    }
    for (size_t i = 0; c->type == CMD_SUBMIT_ALL && i < all->count; i++)
        keys_add(jobs, all->items[i].job.submitter, all->items[i].job.unique_key);
}

static void keys_fini(struct keys *k)
{
    for (size_t i = 0; i < k->count; i++)
        mem_free(k->items[i]);
    mem_free(k->items);
}

void engine_look_up(struct engine *g, const struct command *first)
{
    struct keys jobs = {0}, starts = {0};
    if (g->rc == 0) ahead_ask(g, first);
    if (g->rc == 0) outcomes_ask(g, first);
    if (g->rc) return;
    for (const struct command *c = first; c; c = c->next)
        keys_of(c, &jobs, &starts);
    struct store_wanted w = {.job_keys = (const char *const *)jobs.items,
                             .job_key_count = jobs.count,
                             .execution_keys = (const char *const *)starts.items,
                             .execution_key_count = starts.count};
    if (store_ok(g, store_look_up(g->store, &w, &g->err))) refill_ahead(g, first);
    if (g->rc == 0) outcomes_ahead(g, first);
    keys_fini(&jobs);
    keys_fini(&starts);
}

static void apply_zones(struct engine *g, const struct command *c)
{
    zones_free(g->zones);
    g->zones = zones_share(c->u.zones);
    schedules_on_zones(g);
}

/* Any number of probes in a batch are one write. */
static void apply_probe(struct engine *g, const struct command *c, struct reply *r)
{
    (void)c;
    (void)r;
    if (g->probed_in == g->batch) return;
    g->probed_in = g->batch;
    store_ok(g, store_probe(g->store, &g->err));
}

/* What of a command is NULL in both tables needs nothing but a batch (CMD_TICK). */
static apply_event_fn *const events[COMMAND_TYPES] = {
    [CMD_ENROL] = apply_enrol,       [CMD_HELLO] = apply_hello,     [CMD_READY] = apply_ready,
    [CMD_STARTED] = apply_started,   [CMD_OUTPUT] = apply_output,   [CMD_FINISHED] = apply_finished,
    [CMD_DECLINED] = apply_declined, [CMD_CLEARED] = apply_cleared, [CMD_HEARD] = apply_heard,
    [CMD_GONE] = apply_gone,         [CMD_AWAKE] = apply_awake,     [CMD_REFUSED] = apply_refused,
    [CMD_ZONES] = apply_zones,       [CMD_NOTICED] = apply_noticed, [CMD_STANDING] = apply_standing,
};

static apply_request_fn *const requests[COMMAND_TYPES] = {
    [CMD_SUBMIT] = apply_submit,
    [CMD_SUBMIT_ALL] = apply_submit_all,
    [CMD_CANCEL] = apply_cancel,
    [CMD_RETRY] = apply_retry,
    [CMD_CANCEL_ALL] = apply_cancel_all,
    [CMD_RETRY_ALL] = apply_retry_all,
    [CMD_WHY] = apply_why,
    [CMD_TOKEN_CREATE] = apply_token_create,
    [CMD_TOKEN_REVOKE] = apply_token_revoke,
    [CMD_TOKEN_USED] = apply_token_used,
    [CMD_SIGN_IN] = apply_sign_in,
    [CMD_SIGN_OUT] = apply_sign_out,
    [CMD_AGENT_DRAIN] = apply_agent_drain,
    [CMD_AGENT_RESUME] = apply_agent_resume,
    [CMD_AGENT_REMOVE] = apply_agent_remove,
    [CMD_GROUP_CREATE] = apply_group_create,
    [CMD_GROUP_UPDATE] = apply_group_update,
    [CMD_GROUP_DELETE] = apply_group_delete,
    [CMD_GROUP_PAUSE] = apply_group_pause,
    [CMD_GROUP_RESUME] = apply_group_resume,
    [CMD_NS_SET] = apply_ns_set,
    [CMD_NS_UNSET] = apply_ns_unset,
    [CMD_RESOLVE] = apply_resolve,
    [CMD_FLOW_APPLY] = apply_flow_apply,
    [CMD_FLOW_DELETE] = apply_flow_delete,
    [CMD_EXECUTION_START] = apply_execution_start,
    [CMD_EXECUTION_CANCEL] = apply_execution_cancel,
    [CMD_TRIGGER_ENABLE] = apply_trigger_enable,
    [CMD_TRIGGER_DISABLE] = apply_trigger_disable,
    [CMD_TRIGGER_RUN] = apply_trigger_run,
    [CMD_TRIGGER_KEY] = apply_trigger_key,
    [CMD_TRIGGER_NEXT] = apply_trigger_next,
    [CMD_TRIGGER_BACKFILL] = apply_trigger_backfill,
    [CMD_TRIGGER_BACKFILLS] = apply_trigger_backfills,
    [CMD_TRIGGER_BACKFILL_CANCEL] = apply_trigger_backfill_cancel,
    [CMD_WEBHOOK] = apply_webhook,
    [CMD_PROBE] = apply_probe,
};

/* Whoever asks may have lost the right to since the request came. */
static void answer(struct engine *g, const struct command *c, struct reply *r)
{
    if (principal_enter(g, c, r)) {
        requests[c->type](g, c, r);
        audit_note(g, c, r);
    }
    principal_leave(g);
}

void engine_apply(struct engine *g, const struct command *c, struct effects *out)
{
    g->out = out;
    struct reply unasked = {0}, *r = &unasked;
    if (c->request) {
        struct effect *x = effects_add(out, EFFECT_REPLY);
        x->u.reply.request = c->request;
        r = &x->u.reply.reply;
    }
    if (g->rc == 0 && events[c->type]) events[c->type](g, c);
    if (g->rc == 0 && requests[c->type]) answer(g, c, r);
    reply_fini(&unasked);
}

/* Until nothing follows any more. */
static void ended_run(struct engine *g)
{
    struct ended *x;
    while (g->rc == 0 && (x = ended_take(g)) != NULL) {
        if (x->kind == ENDED_EXECUTION) {
            trigger_on_execution(g, &x->execution);
            if (g->rc == 0) after_on_execution(g, &x->execution);
        } else if (x->job.row.kind == JOB_TRIGGER) {
            trigger_on_evaluation(g, &x->job);
        } else {
            execution_on_task(g, &x->job);
        }
        ended_free(x);
    }
}

static const char *failure_code(int rc)
{
    return rc == ERR_FULL ? "disk-full" : rc == ERR_INTERNAL ? "internal" : "unavailable";
}

/* What is put off, for whoever asks how the coordinator is. */
static void tell_put_off(struct engine *g)
{
    effects_add(g->out, EFFECT_PUT_OFF)->u.put_off.json = chores_json(g);
}

/* Nothing of the batch happened. The sessions that the engine knows no more have to come back. */
static int fail(struct engine *g, struct err *e)
{
    store_rollback(g->store);
    effects_clear(g->out);
    g->news_in = 0; /* its effect is gone */
    sent_settle(g, false);
    tell_undo(g);
    if (g->rc == ERR_FENCED) { /* there is nothing to go on with */
        g->left.count = 0;
        if (e) *e = g->err;
        return g->rc;
    }
    engine_reload(g);
    for (size_t i = 0; i < g->left.count; i++)
        session_effect(g, EFFECT_CLOSE, g->left.items[i]);
    if (e) *e = g->err;
    return g->rc;
}

static int64_t stopwatch_us(const struct engine *g)
{
    return g->config.stopwatch_us ? g->config.stopwatch_us() : 0;
}

static int commit(struct engine *g, struct err *e)
{
    if (g->rc == 0) losses_tell(g);
    if (g->away.count) news_add(g, NEWS_AGENTS); /* at the start nobody looks yet */
    g->wrote = store_dirty(g->store);
    g->commit_us = 0;
    int64_t from_us = g->wrote ? stopwatch_us(g) : 0;
    if (g->rc == 0) store_ok(g, store_commit(g->store, &g->err));
    if (g->rc) return fail(g, e);
    if (g->wrote) g->commit_us = stopwatch_us(g) - from_us;
    g->offline_due = false;
    g->away.count = 0;
    sent_settle(g, true);
    audit_write(g);
    rules_tell_deleted(g);
    if (chores_settle(g)) tell_put_off(g);
    return 0;
}

int engine_commit(struct engine *g, struct effects *out, struct err *e)
{
    g->out = out;
    if (g->rc == 0) timers_run(g);
    /* Acknowledgements before hand-outs: an agent forgets a declined attempt when it is
     * acknowledged, and may be given the same one again in this batch. */
    if (g->rc == 0) acks_flush(g);
    /* Whatever ended in this batch has ended by now, and what follows is part of the same
     * transaction. */
    if (g->rc == 0) ended_run(g);
    if (g->rc == 0) match_all(g);
    return commit(g, e);
}

/* ---- one by one, after a failure ---- */

int engine_commit_alone(struct engine *g, struct effects *out, struct err *e)
{
    g->out = out;
    if (g->rc == 0) acks_flush(g);
    if (g->rc == 0) ended_run(g);
    return commit(g, e);
}

void engine_incident(struct engine *g, char out[ID_TEXT_SIZE])
{
    id_format(engine_new_id(g), out);
}

static bool is_event(const struct command *c)
{
    return c->type == CMD_STARTED || c->type == CMD_OUTPUT || c->type == CMD_FINISHED ||
           c->type == CMD_DECLINED || c->type == CMD_CLEARED;
}

/* Ends the session. What else it said must not be acknowledged: with it would be the event that was
 * not worked on. */
static void drop_session(struct engine *g, const struct moment *now, uint64_t session,
                         struct effects *out)
{
    struct effects own;
    struct err e;
    effects_init(&own);
    if (engine_begin(g, now, &e) == 0) {
        g->out = &own;
        struct agent *a = agent_of_session(g, session);
        if (a)
            agent_close(g, a, "what it said could not be worked on: a bug in Cadre");
        else
            session_effect(g, EFFECT_CLOSE, session);
    }
    if (engine_commit_alone(g, &own, &e)) effects_add(&own, EFFECT_CLOSE)->session = session;
    effects_move(out, &own);
}

void engine_give_up(struct engine *g, const struct moment *now, const struct command *c,
                    const char *incident, struct effects *out)
{
    char message[128];
    struct err e;
    str_format(message, sizeof message,
               "a bug in Cadre: the coordinator's log has it as incident %s", incident);
    if (is_event(c)) {
        struct effects own;
        effects_init(&own);
        if (engine_begin(g, now, &e) == 0) {
            g->out = &own;
            event_give_up(g, c, message);
        }
        int rc = engine_commit_alone(g, &own, &e);
        effects_move(out, &own);
        if (rc == 0) return;
        log_error("incident %s: its attempt cannot be ended either: %s", incident, err_text(&e));
        drop_session(g, now, c->session, out);
        return;
    }
    g->out = out;
    if (c->type == CMD_HELLO || c->type == CMD_ENROL) {
        refuse(g, c->session, "internal", RETRY_BUG_MS, "%s", message);
        return;
    }
    err_set(&e, ERR_INTERNAL, "%s", message);
    engine_fail(c, &e, out);
}

bool engine_chore(struct engine *g, const struct moment *now, struct effects *out, struct err *e)
{
    struct chore c;
    struct effects own;
    char incident[ID_TEXT_SIZE];
    bool any = false;
    effects_init(&own);
    if (engine_begin(g, now, e) == 0) {
        g->out = &own;
        any = chore_run(g, &c);
    }
    int rc = engine_commit_alone(g, &own, e);
    effects_move(out, &own);
    if (rc == 0 || rc == ERR_FENCED || engine_is_of_disk(rc)) return rc == 0 && any;
    if (!any) return false;
    engine_incident(g, incident);
    log_error("incident %s: %s failed and is put off: %s", incident, c.what, err_text(e));
    chore_put_off(g, &c, incident);
    g->out = out;
    tell_put_off(g);
    *e = (struct err){0};
    return true;
}

/* ---- while nothing can be written ---- */

bool engine_is_of_disk(int rc)
{
    return rc == ERR_FULL || rc == ERR_IO || rc == ERR_CORRUPT || rc == ERR_UNAVAILABLE;
}

bool engine_only_looks(const struct command *c)
{
    return c->type == CMD_HEARD || c->type == CMD_WHY || c->type == CMD_RESOLVE ||
           c->type == CMD_TRIGGER_NEXT || c->type == CMD_TRIGGER_BACKFILLS;
}

void engine_look(struct engine *g, const struct moment *now, const struct command *c,
                 struct effects *out)
{
    struct err e;
    if (now->mono_ms > g->now.mono_ms) g->now.mono_ms = now->mono_ms;
    g->now.wall_ms = now->wall_ms;
    g->rc = 0;
    g->err = (struct err){0};
    g->out = out;
    if (!g->loaded) {
        err_set(&e, ERR_UNAVAILABLE, "the store cannot be read");
        engine_fail(c, &e, out);
    } else if (c->type == CMD_HEARD) {
        heard_look(g, c);
    } else {
        struct effect *x = effects_add(out, EFFECT_REPLY);
        x->u.reply.request = c->request;
        answer(g, c, &x->u.reply.reply);
        if (g->rc == 0) return;
        reply_fini(&x->u.reply.reply);
        reply_err(&x->u.reply.reply, &g->err, NULL, NULL);
    }
}

bool engine_waits(const struct command *c)
{
    bool said_again = c->type == CMD_HELLO || c->type == CMD_ENROL || c->type == CMD_TICK;
    return c->request == 0 && !said_again;
}

void engine_fail(const struct command *c, const struct err *e, struct effects *out)
{
    if (c->request) {
        struct effect *x = effects_add(out, EFFECT_REPLY);
        x->u.reply.request = c->request;
        reply_err(&x->u.reply.reply, e, failure_code(e->code), NULL);
    } else if (c->session && c->type != CMD_GONE) {
        effects_add(out, EFFECT_CLOSE)->session = c->session;
    }
}

bool engine_wrote(const struct engine *g)
{
    return g->wrote;
}

int64_t engine_commit_us(const struct engine *g)
{
    return g->commit_us;
}

int engine_renew(struct engine *g, struct err *e)
{
    return store_renew(g->store, e);
}

void engine_settle(struct engine *g)
{
    store_settle(g->store);
}

int64_t engine_next_ms(const struct engine *g)
{
    const struct deadline *d = deadline_first(&g->deadlines);
    return d ? d->at_ms : INT64_MAX;
}

/* The batch: commands in, one transaction, effects out.
 *
 * All commands that wait when the store thread gets to them form one batch, and a batch is one
 * transaction with one fsync, however many commands there are (group commit): while the disk is
 * busy with one commit, the commands for the next one gather. A command is applied at once, against
 * memory, and changes rows inside the transaction; nobody hears of any of it before the commit. At
 * the end of the batch comes what may not come in the middle of a command: timers that are due, the
 * acknowledgements, what follows from jobs and executions that ended, and the matching of free
 * slots with queues, which so sees all that the batch brought.
 *
 *   begin -> apply* -> timers -> acks -> ended -> match -> COMMIT -> effects are carried out
 *              |         |        |        |       |         |
 *              +---------+--------+--------+-------+---------+--> any failure: ROLLBACK, load anew
 *
 * When anything fails, the transaction is rolled back, and memory, which is ahead of the store, is
 * thrown away and loaded again. The effects are those of the failure then: requests are answered
 * with it, sessions are closed, so that agents come back and say again what was lost. */
#include "coordinator/engine/engine.h"

#include "base/log.h"
#include "base/mem.h"
#include "coordinator/engine/agent_commands.h"
#include "coordinator/engine/events.h"
#include "coordinator/engine/execution.h"
#include "coordinator/engine/flow_apply.h"
#include "coordinator/engine/group_commands.h"
#include "coordinator/engine/hello.h"
#include "coordinator/engine/lease.h"
#include "coordinator/engine/load.h"
#include "coordinator/engine/match.h"
#include "coordinator/engine/namespace.h"
#include "coordinator/engine/reply.h"
#include "coordinator/engine/submit.h"
#include "coordinator/engine/sweep.h"
#include "coordinator/engine/token.h"
#include "coordinator/engine/trigger.h"
#include "coordinator/engine/trigger_follow.h"
#include "coordinator/engine/why.h"
#include "wire/lease.h"

#include <stdlib.h>

int engine_new(struct store *store, const struct engine_config *config, uint64_t seed,
               const struct moment *now, struct engine **out, struct err *e)
{
    struct engine *g = mem_alloc(sizeof *g);
    g->store = store;
    g->config = *config;
    g->now = *now;
    g->fallback_grace_ms = lease_silence_ms(config->heartbeat_ms);
    rng_init(&g->rng, seed);
    int rc = engine_load(g, e);
    if (rc) {
        engine_free(g);
        return rc;
    }
    *out = g;
    return 0;
}

void engine_free(struct engine *g)
{
    if (!g) return;
    engine_unload(g);
    mem_free(g->newcomers);
    mem_free(g);
}

/* ---- batches ---- */

int engine_begin(struct engine *g, const struct moment *now, struct err *e)
{
    g->batch++;
    if (now->mono_ms > g->now.mono_ms) g->now.mono_ms = now->mono_ms;
    g->now.wall_ms = now->wall_ms;
    g->rc = 0;
    g->err = (struct err){0};
    g->out = NULL;
    g->acks = NULL;
    g->newcomer_count = 0;
    g->begun = 0;
    if (!g->loaded && !store_ok(g, engine_load(g, &g->err))) {
        if (e) *e = g->err;
        return g->rc;
    }
    if (store_ok(g, store_begin(g->store, &g->err)) && g->offline_due)
        store_ok(g, store_agents_all_offline(g->store, &g->err));
    if (g->rc && e) *e = g->err;
    return g->rc;
}

static void remember(uint64_t **list, size_t *count, size_t *cap, uint64_t number)
{
    if (*count == *cap) {
        *cap = *cap > 0 ? 2 * *cap : 64;
        *list = mem_resize(*list, *cap, sizeof **list);
    }
    (*list)[(*count)++] = number;
}

/* What of a command is NULL in both tables needs nothing but a batch (CMD_TICK). */
static apply_event_fn *const events[COMMAND_TYPES] = {
    [CMD_ENROL] = apply_enrol,       [CMD_HELLO] = apply_hello,
    [CMD_READY] = apply_ready,       [CMD_STARTED] = apply_started,
    [CMD_OUTPUT] = apply_output,     [CMD_FINISHED] = apply_finished,
    [CMD_DECLINED] = apply_declined, [CMD_HEARTBEAT] = apply_heartbeat,
    [CMD_GONE] = apply_gone,         [CMD_AWAKE] = apply_awake,
};

static apply_request_fn *const requests[COMMAND_TYPES] = {
    [CMD_SUBMIT] = apply_submit,
    [CMD_CANCEL] = apply_cancel,
    [CMD_WHY] = apply_why,
    [CMD_TOKEN_CREATE] = apply_token_create,
    [CMD_TOKEN_REVOKE] = apply_token_revoke,
    [CMD_TOKEN_USED] = apply_token_used,
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
};

void engine_apply(struct engine *g, const struct command *c, struct effects *out)
{
    g->out = out;
    if (c->type == CMD_ENROL || c->type == CMD_HELLO)
        remember(&g->newcomers, &g->newcomer_count, &g->newcomer_cap, c->session);
    struct reply unasked = {0}, *r = &unasked;
    if (c->request) {
        struct effect *x = effects_add(out, EFFECT_REPLY);
        x->u.reply.request = c->request;
        r = &x->u.reply.reply;
    }
    if (g->rc == 0 && events[c->type]) events[c->type](g, c);
    if (g->rc == 0 && requests[c->type]) requests[c->type](g, c, r);
    reply_fini(&unasked);
}

/* Nothing of the batch happened: its requests are answered with the failure, and that is all. */
static void answer_failure(struct engine *g)
{
    struct effects done = *g->out;
    if (done.first == NULL) done.last = &done.first;
    effects_init(g->out);
    for (const struct effect *x = done.first; x; x = x->next) {
        if (x->type != EFFECT_REPLY) continue;
        struct effect *answer = effects_add(g->out, EFFECT_REPLY);
        answer->u.reply.request = x->u.reply.request;
        reply_err(&answer->u.reply.reply, &g->err, g->rc == ERR_FULL ? "disk-full" : "unavailable",
                  NULL);
        answer->u.reply.reply.rc = g->rc;
    }
    effects_clear(&done);
}

static void close_sessions(struct engine *g)
{
    size_t count = 0, place = 0;
    int64_t *numbers = mem_array(g->sessions.count + g->newcomer_count, sizeof *numbers);
    for (struct agent *a; (a = map_next(&g->sessions, &place)) != NULL;)
        numbers[count++] = (int64_t)a->session;
    for (size_t i = 0; i < g->newcomer_count; i++)
        numbers[count++] = (int64_t)g->newcomers[i];
    qsort(numbers, count, sizeof *numbers, compare_ids);
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || numbers[i] != numbers[i - 1])
            session_effect(g, EFFECT_CLOSE, (uint64_t)numbers[i]);
    }
    mem_free(numbers);
}

static int fail_batch(struct engine *g, struct err *e)
{
    store_rollback(g->store);
    answer_failure(g);
    close_sessions(g);
    g->oldest_session = g->newest_session + 1;
    engine_unload(g);
    struct err why = {0};
    if (engine_load(g, &why)) log_error("engine: the store cannot be read: %s", err_text(&why));
    if (e) *e = g->err;
    return g->rc;
}

static void timers_run(struct engine *g)
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

/* Until nothing follows any more. */
static void ended_run(struct engine *g)
{
    struct ended *x;
    while (g->rc == 0 && (x = ended_take(g)) != NULL) {
        if (x->kind == ENDED_EXECUTION)
            trigger_on_execution(g, &x->execution);
        else if (x->job.row.kind == JOB_TRIGGER)
            trigger_on_evaluation(g, &x->job);
        else
            execution_on_task(g, &x->job);
        ended_free(x);
    }
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
    if (g->rc == 0) store_ok(g, store_commit(g->store, &g->err));
    if (g->rc) return fail_batch(g, e);
    g->offline_due = false;
    return 0;
}

int64_t engine_next_ms(const struct engine *g)
{
    const struct deadline *d = deadline_first(&g->deadlines);
    return d ? d->at_ms : INT64_MAX;
}

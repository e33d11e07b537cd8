/* Life cycle, batches, dispatch. */
#include "coordinator/engine/internal.h"

#include "base/id.h"
#include "base/log.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

bool store_ok(struct engine *g, int rc)
{
    if (rc == 0) return true;
    if (g->rc == 0) {
        g->rc = rc;
        if (g->err.code == 0) err_set(&g->err, rc, "the store failed");
    }
    return false;
}

void engine_broken(struct engine *g, const char *what)
{
    if (g->rc != 0) return;
    log_error("engine: %s", what);
    g->rc = err_set(&g->err, ERR_INTERNAL, "%s", what);
}

struct effect *session_effect(struct engine *g, enum effect_type type, uint64_t session)
{
    struct effect *x = effects_add(g->out, type);
    x->session = session;
    return x;
}

void timer_init(struct timer *t, enum timer_kind kind, void *owner)
{
    *t = (struct timer){.kind = kind, .owner = owner};
}

void timer_set(struct engine *g, struct timer *t, int64_t at_ms)
{
    if (at_ms == NEVER) {
        timer_clear(g, t);
    } else {
        deadline_set(&g->deadlines, &t->deadline, at_ms);
    }
}

void timer_clear(struct engine *g, struct timer *t)
{
    deadline_clear(&g->deadlines, &t->deadline);
}

int64_t engine_new_id(struct engine *g)
{
    int64_t id = id_make(g->now.wall_ms, (uint32_t)rng_next(&g->rng));
    /* Two submits of one millisecond, or a clock set back: the order of ids is the order of the
     * queue. The step is random, because others may make ids for the same store. */
    if (id <= g->last_id) id = g->last_id + 1 + (int64_t)rng_below(&g->rng, 1024);
    g->last_id = id;
    return id;
}

int compare_ids(const void *a, const void *b)
{
    int64_t x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return x < y ? -1 : x > y;
}

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
    mem_free(g->requests);
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
    g->request_count = g->newcomer_count = 0;
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

static apply_fn *const handlers[] = {
    [CMD_ENROL] = apply_enrol,
    [CMD_HELLO] = apply_hello,
    [CMD_READY] = apply_ready,
    [CMD_STARTED] = apply_started,
    [CMD_OUTPUT] = apply_output,
    [CMD_FINISHED] = apply_finished,
    [CMD_DECLINED] = apply_declined,
    [CMD_HEARTBEAT] = apply_heartbeat,
    [CMD_GONE] = apply_gone,
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
    [CMD_TICK] = NULL,
    [CMD_AWAKE] = apply_awake,
};

void engine_apply(struct engine *g, struct command *c, struct effects *out)
{
    g->out = out;
    if (c->request) remember(&g->requests, &g->request_count, &g->request_cap, c->request);
    if (c->type == CMD_ENROL || c->type == CMD_HELLO)
        remember(&g->newcomers, &g->newcomer_count, &g->newcomer_cap, c->session);
    apply_fn *handler =
        (size_t)c->type < sizeof handlers / sizeof *handlers ? handlers[c->type] : NULL;
    if (g->rc == 0 && handler) handler(g, c);
    command_free(c);
}

static void answer_failure(struct engine *g)
{
    for (size_t i = 0; i < g->request_count; i++) {
        struct effect *x = effects_add(g->out, EFFECT_REPLY);
        x->request = g->requests[i];
        x->rc = g->rc;
        x->err = g->err;
        x->code = g->rc == ERR_FULL ? "disk-full" : "unavailable";
    }
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
    effects_clear(g->out);
    answer_failure(g);
    close_sessions(g);
    g->oldest_session = g->newest_session + 1;
    engine_unload(g);
    struct err why = {0};
    if (engine_load(g, &why)) log_error("engine: the store cannot be read: %s", err_text(&why));
    if (e) *e = g->err;
    return g->rc;
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

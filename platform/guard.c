/* The agent's side of the guard: keeps a guard running, and hands out the slots of its table. What
 * differs between the systems is in guard_process.h. */
#include "platform/guard.h"

#include "base/log.h"
#include "base/mem.h"
#include "platform/guard_process.h"
#include "platform/guard_table.h"
#include "platform/os.h"

#include <uv.h>

#define RISE_POLL_MS 5  /* while a guard starts */
#define RESTART_MS 1000 /* after a guard that ended early */
#define LASTS_MS 2000

struct guard {
    struct guard_options o;
    struct guard_process *process;
    struct guard_table *table; /* of the process */
    struct guard_free_slots slots;
    uv_timer_t timer; /* checks whether the guard is up, or starts another guard */
    int64_t started_ms;
};

static bool is_full(const struct guard *g)
{
    return g->slots.count == 0;
}

static bool is_up(const struct guard *g)
{
    return guard_process_pid(g->process) != 0 && atomic_load(&g->table->sleeps_until_ms) != 0;
}

bool guard_ready(const struct guard *g)
{
    return is_up(g) && !is_full(g);
}

int64_t guard_pid(const struct guard *g)
{
    return guard_process_pid(g->process);
}

struct guard_table *guard_table_of(const struct guard *g)
{
    return g->table;
}

/* ---- keeping a guard running --------------------------------------------------------------- */

static void on_timer(uv_timer_t *timer);

static int start(struct guard *g, struct err *e)
{
    int rc = guard_process_start(g->process, e);
    if (rc != 0) return rc;
    g->started_ms = os_mono_ms();
    uv_timer_start(&g->timer, on_timer, RISE_POLL_MS, RISE_POLL_MS);
    return 0;
}

static void on_timer(uv_timer_t *timer)
{
    struct guard *g = timer->data;
    struct err e;
    if (guard_pid(g) == 0) {
        if (start(g, &e) != 0) {
            log_error("guard: %s", err_text(&e));
            uv_timer_start(&g->timer, on_timer, RESTART_MS, 0);
        }
        return;
    }
    if (!is_up(g)) return;
    uv_timer_stop(timer);
    log_info("guard: process %lld watches", (long long)guard_pid(g));
    g->o.on_change(g->o.user);
}

static void on_end(int64_t pid, void *user)
{
    struct guard *g = user;
    bool lasted = os_mono_ms() - g->started_ms > LASTS_MS;
    log_error("guard: its process %lld has ended; no job is started until a new guard watches",
              (long long)pid);
    atomic_store(&g->table->sleeps_until_ms, 0);
    uv_timer_start(&g->timer, on_timer, lasted ? 0 : RESTART_MS, 0);
    g->o.on_change(g->o.user);
}

/* ---- life ---------------------------------------------------------------------------------- */

static void on_closed(uv_handle_t *handle)
{
    mem_free(handle->data);
}

void guard_free(struct guard *g)
{
    if (!g) return;
    /* the normal end: the guard ends before the agent */
    atomic_store(&g->table->closing, 1);
    guard_process_free(g->process);
    guard_free_slots_fini(&g->slots);
    uv_close((uv_handle_t *)&g->timer, on_closed);
}

int guard_new(const struct guard_options *o, struct guard **out, struct err *e)
{
    struct guard *g = mem_alloc(sizeof *g);
    g->o = *o;
    int rc = guard_process_new(o->loop, o->capacity, on_end, g, &g->process, e);
    if (rc != 0) {
        mem_free(g);
        return rc;
    }
    g->table = guard_process_table(g->process);
    guard_free_slots_init(&g->slots, o->capacity);
    uv_timer_init(o->loop, &g->timer);
    uv_unref((uv_handle_t *)&g->timer);
    g->timer.data = g;
    rc = start(g, e);
    if (rc != 0) {
        guard_free(g);
        return rc;
    }
    *out = g;
    return 0;
}

/* ---- slots --------------------------------------------------------------------------------- */

void guard_renew(struct guard *g, int64_t base_ms)
{
    atomic_store(&g->table->base_ms, base_ms);
}

int guard_hold(struct guard *g, const struct guard_claim *claim, struct guard_hold *out,
               struct err *e)
{
    bool wake;
    if (!is_up(g)) return err_set(e, ERR_UNAVAILABLE, "the guard is not running");
    if (is_full(g))
        return err_set(e, ERR_FULL, "the guard watches %u attempts already", g->table->capacity);
    out->slot = g->slots.items[--g->slots.count];
    out->permitted = guard_table_hold(g->table, out->slot, claim, &wake);
    if (wake) guard_process_wake(g->process);
    return 0;
}

bool guard_release(struct guard *g, const struct guard_hold *hold)
{
    bool was_full = is_full(g);
    bool expired = guard_table_free(g->table, hold->slot);
    g->slots.items[g->slots.count++] = hold->slot;
    if (was_full) g->o.on_change(g->o.user);
    return expired;
}

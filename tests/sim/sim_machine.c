/* What stands beside an agent on its machine: the processes of jobs, which outlive it, and the
 * guard, which ends them when the agent cannot. The guard's table and its arithmetic are the real
 * ones (platform/guard_table.h); the processes are made up. */
#include "tests/sim/sim.h"
#include "tests/sim/sim_older.h"

#include "base/id.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "platform/guard_table.h"
#include "wire/lease.h"

#include <stdio.h>
#include <string.h>

#define GUARD_SLOTS 16

struct guard_model { /* of one life of an agent */
    struct agent_model *agent;
    struct guard_table *table;
    struct guard_free_slots slots;
    uint64_t watches; /* number of the last look that was planned; older ones are void */
    struct guard_model *next;
};

struct process_model { /* of one attempt, from its preparation on */
    struct agent_model *agent;
    uint64_t life; /* of the agent that started it */
    struct guard_model *guard;
    struct runner_attempt *attempt; /* NULL: forgotten */
    int64_t job, number;
    char mark[RUNNER_MARK_SIZE];
    uint32_t slot;
    bool held, alive, deaf, paused;
    bool tough;     /* cannot be ended */
    bool told;      /* its agent has ended the attempt without it */
    uint64_t reign; /* of the coordinator that handed it out */
    bool stray;     /* which the database has lost (sim_older.c) */
    struct process_list rest;
    int64_t asked_ms, began_ms, written;
    struct buf pipe; /* written, and not read by the agent yet */
    struct process_end end;
    struct process_model *next;
};

/* Its agent is the one that started it, and still knows it. */
static bool is_known(const struct process_model *p)
{
    return p->attempt && p->life == p->agent->life && p->agent->up;
}

static bool is_lost(struct sim *s, const struct process_model *p)
{
    const struct job_model *j = map_find(&s->by_id, (uint64_t)p->job);
    return older_lost_hand_out(s, j, p->agent->id, p->number, p->reign);
}

/* ---- the end ---- */

static void on_report(struct sim *s, void *object, uint64_t number)
{
    struct process_model *p = object;
    struct agent_model *a = p->agent;
    if (!is_known(p) || agent_sleeps(a, on_report, p, number)) return;
    if (p->pipe.len > 0)
        runner_logic_output(a->runner, p->attempt, PROCESS_STDOUT, p->pipe.data, p->pipe.len);
    p->end.expired = guard_table_free(p->guard->table, p->slot);
    p->guard->slots.items[p->guard->slots.count++] = p->slot;
    p->held = false;
    p->end.run_ms = sim_now(s) - p->began_ms;
    runner_logic_ended(a->runner, sim_now(s), p->attempt, &p->end);
    agent_after(s, a);
}

static void end_process(struct sim *s, struct process_model *p, uint32_t exit_code, int signal)
{
    if (!p->alive || p->tough) return;
    p->alive = false;
    p->end.exit_code = exit_code;
    p->end.signal = signal;
    p->agent->processes--;
    if (!p->stray) check_process_ends(s, p->job, p->number);
    if (p->told && !p->stray) check_process_lives_on(s, p->job, -1);
    if (!p->told) sim_at(s, sim_random(s, 0, 30), on_report, p, 0);
}

static void on_killed(struct sim *s, void *object, uint64_t number)
{
    (void)number;
    end_process(s, object, 137, 9);
}

/* ---- what cannot be ended ---- */

static void on_gone(struct sim *s, void *object, uint64_t number)
{
    (void)number;
    struct process_model *p = object;
    p->tough = false;
    end_process(s, p, 137, 9);
}

static void learn_rest(struct sim *s, struct process_model *p, struct process_list *out)
{
    if (!p->told && !p->stray) check_process_lives_on(s, p->job, 1);
    p->told = true;
    process_list_add(out, (struct process_id){p->number, 1}, "tough", "root");
}

/* The agent has tried for long enough. */
static void on_given_up(struct sim *s, void *object, uint64_t number)
{
    struct process_model *p = object;
    if (!p->alive || !is_known(p) || agent_sleeps(p->agent, on_given_up, p, number)) return;
    learn_rest(s, p, &p->rest);
    p->end.exit_code = 137;
    p->end.unended = true;
    p->end.alive = s->sabotage == SABOTAGE_HUSHED_UP ? NULL : &p->rest;
    p->end.remnant = p->mark;
    on_report(s, p, 0);
}

/* Not beyond the lease, nor at an agent that is removed: what lives on then is a limit of the
 * promise (docs/guarantees.md). */
static bool is_tough(struct sim *s, struct process_model *p)
{
    int64_t left = p->agent->lease_base_ms + p->attempt->lease_ms - sim_now(s);
    if (p->tough || left < 10000 || p->agent->removes == p->agent->id || !sim_chance(s, 5))
        return p->tough;
    p->tough = true;
    sim_at(s, sim_random(s, 5000, (int)(left < 120000 ? left : 120000) - 1000), on_gone, p, 0);
    sim_at(s, 3500, on_given_up, p, 0);
    return true;
}

bool machine_has_tough(const struct agent_model *a)
{
    for (const struct process_model *p = a->machine; p; p = p->next)
        if (p->alive && p->tough) return true;
    return false;
}

static void tell_rest(struct sim *s, const struct agent_model *a, const char *mark,
                      struct process_list *out)
{
    for (struct process_model *p = a->machine; p; p = p->next)
        if (p->alive && p->tough && str_eq(p->mark, mark)) learn_rest(s, p, out);
}

static void on_obeyed(struct sim *s, void *object, uint64_t number)
{
    (void)number;
    end_process(s, object, 143, 15);
}

/* An exit code that is not 0 tells which attempt it is of. */
static void on_exit_of(struct sim *s, void *object, uint64_t fails)
{
    struct process_model *p = object;
    end_process(s, p, fails ? (uint32_t)p->number : 0, 0);
}

/* ---- the guard ---- */

static void watch(struct sim *s, struct guard_model *g, int64_t at_ms);

/* An agent that is awake ends its attempts before the guard does. One that has just come back may
 * not have got to it. */
static void check_agent_slept(struct sim *s, const struct process_model *p)
{
    const struct agent_model *a = p->agent;
    if (!is_known(p) || a->frozen || sim_now(s) - a->awake_ms < GUARD_END_MS) return;
    sim_violation(s, "%s is awake, and leaves the end of attempt %lld to its guard", a->name,
                  (long long)p->number);
}

static void on_guard(struct sim *s, void *object, uint64_t number)
{
    struct guard_model *g = object;
    if (number != g->watches) return;
    int64_t next = guard_table_expire(g->table, sim_now(s));
    for (struct process_model *p = g->agent->machine; p; p = p->next) {
        if (p->guard != g || !p->held || !p->alive) continue;
        if (guard_state_of(g->table->slots[p->slot].state) != GUARD_EXPIRED) continue;
        check_agent_slept(s, p);
        sim_at(s, sim_random(s, 0, GUARD_END_MS - GUARD_LATE_MS), on_killed, p, 0);
    }
    watch(s, g, next);
}

static void watch(struct sim *s, struct guard_model *g, int64_t at_ms)
{
    guard_table_sleep(g->table, at_ms);
    if (at_ms == INT64_MAX || s->sabotage == SABOTAGE_NO_GUARD) return;
    sim_at(s, at_ms - sim_now(s), on_guard, g, ++g->watches);
}

static void on_sweep(struct sim *s, void *object, uint64_t number)
{
    (void)number;
    struct guard_model *g = object;
    for (struct process_model *p = g->agent->machine; p; p = p->next)
        if (p->guard == g) end_process(s, p, 137, 9);
}

void machine_begin_life(struct agent_model *a)
{
    struct guard_model *g = mem_alloc(sizeof *g);
    g->agent = a;
    g->table = mem_alloc(guard_table_size(GUARD_SLOTS));
    guard_table_init(g->table, GUARD_SLOTS);
    guard_free_slots_init(&g->slots, GUARD_SLOTS);
    g->next = a->guard;
    a->guard = g;
    a->trials++;
}

/* The guard sees it at once, or (which is worse than it should be) not before the leases end. */
void machine_agent_died(struct sim *s, struct agent_model *a)
{
    if (s->sabotage == SABOTAGE_NO_GUARD || sim_random(s, 0, 2) == 0) return;
    sim_at(s, sim_random(s, 0, 1000), on_sweep, a->guard, 0);
}

void machine_goes_down(struct sim *s, struct agent_model *a)
{
    for (struct process_model *p = a->machine; p; p = p->next) {
        p->tough = false;
        end_process(s, p, 137, 9);
    }
}

void machine_fini(struct agent_model *a)
{
    while (a->machine) {
        struct process_model *p = a->machine;
        a->machine = p->next;
        buf_fini(&p->pipe);
        mem_free(p);
    }
    while (a->guard) {
        struct guard_model *g = a->guard;
        a->guard = g->next;
        guard_free_slots_fini(&g->slots);
        mem_free(g->table);
        mem_free(g);
    }
}

/* ---- health ---- */

static bool is_broken(const struct sim *s, const struct agent_model *a)
{
    return !s->healed && sim_now(s) < a->broken_until_ms;
}

void machine_breaks(struct sim *s, struct agent_model *a)
{
    s->breaks++;
    a->broken_until_ms = sim_now(s) + sim_random(s, 500, 120000);
    a->no_folders = sim_random(s, 0, 1) == 0;
}

static int say_broken(const struct sim *s, struct err *why)
{
    /* a code that blames the job */
    int code = s->sabotage == SABOTAGE_CHARGED_JOB ? ERR_IO : ERR_MACHINE;
    return err_set(why, code, "no space, no processes");
}

static void on_tried(struct sim *s, void *object, uint64_t number)
{
    struct agent_model *a = object;
    struct err why = {0};
    if (number != a->trials || !a->up || agent_sleeps(a, on_tried, a, number)) return;
    if (is_broken(s, a)) (void)say_broken(s, &why);
    runner_logic_tried(a->runner, sim_now(s), why.code != 0 ? &why : NULL);
    agent_after(s, a);
}

static void try_machine(struct sim *s, struct agent_model *a)
{
    bool hangs = sim_chance(s, 20);
    sim_at(s, hangs ? sim_random(s, 9000, 20000) : sim_random(s, 0, 300), on_tried, a, ++a->trials);
}

/* ---- the beginning ---- */

static void on_made(struct sim *s, void *object, uint64_t number)
{
    struct process_model *p = object;
    struct agent_model *a = p->agent;
    struct err why = {0};
    if (!is_known(p) || agent_sleeps(a, on_made, p, number)) return;
    int rc = 0;
    if (is_broken(s, a) && a->no_folders) {
        rc = say_broken(s, &why);
    } else if (sim_chance(s, 60)) {
        struct job_model *j = map_find(&s->by_id, (uint64_t)p->job);
        if (j) j->misnamed = true;
        rc = err_set(&why, ERR_NOT_FOUND, "no such command");
    } else if (sim_chance(s, s->faults.poison)) { /* and the next one can be made */
        rc = err_set(&why, ERR_MACHINE, "no space for a moment");
    }
    bool late = sim_now(s) - p->asked_ms >= RUNNER_PREPARE_MS;
    runner_logic_prepared(a->runner, sim_now(s), p->attempt, rc, late, &why);
    agent_after(s, a);
}

static void prepare(struct sim *s, struct agent_model *a, struct runner_attempt *x)
{
    struct process_model *p = mem_alloc(sizeof *p);
    *p = (struct process_model){.agent = a,
                                .life = a->life,
                                .guard = a->guard,
                                .attempt = x,
                                .job = x->job,
                                .number = x->number,
                                .asked_ms = sim_now(s),
                                .next = a->machine};
    const struct job_model *j = map_find(&s->by_id, (uint64_t)x->job);
    if (j && j->offer_agent == a->id) p->reign = j->offer_reign;
    (void)str_copy(p->mark, sizeof p->mark, x->mark);
    buf_init(&p->pipe, 1 << 20);
    a->machine = p;
    x->owned = p;
    bool hangs = sim_chance(s, 300);
    sim_at(s, hangs ? sim_random(s, 9000, 20000) : sim_random(s, 0, 300), on_made, p, 0);
}

static void on_read(struct sim *s, void *object, uint64_t number)
{
    struct process_model *p = object;
    struct agent_model *a = p->agent;
    if (!is_known(p) || agent_sleeps(a, on_read, p, number) || p->pipe.len == 0 || p->paused)
        return;
    runner_logic_output(a->runner, p->attempt, PROCESS_STDOUT, p->pipe.data, p->pipe.len);
    buf_clear(&p->pipe);
    agent_after(s, a);
}

static void write_out(struct sim *s, struct process_model *p, const char *text)
{
    (void)buf_add(&p->pipe, text, strlen(text));
    p->written += (int64_t)strlen(text);
    if (!p->stray) check_process_writes(s, p->job, p->written);
    sim_at(s, sim_random(s, 0, 20), on_read, p, 0);
}

static void on_write(struct sim *s, void *object, uint64_t number)
{
    struct process_model *p = object;
    if (!p->alive) return;
    write_out(s, p, "012345678\n");
    sim_at(s, sim_random(s, 1, 4000), on_write, p, number);
}

/* What the coordinator does not know of, and its agent cannot end: nobody counts it. */
static int unended_strays(const struct agent_model *a)
{
    int count = 0;
    for (const struct process_model *p = a->machine; p; p = p->next)
        count += p->stray && p->alive && p->tough;
    return count;
}

static void run(struct sim *s, struct process_model *p)
{
    struct agent_model *a = p->agent;
    char line[64];
    p->alive = true;
    p->began_ms = sim_now(s);
    p->deaf = sim_random(s, 0, 3) == 0;
    a->processes++;
    s->processes++;
    p->stray = is_lost(s, p);
    s->strays += p->stray;
    if (!p->stray) check_process_begins(s, a, p->job, p->number);
    if (a->processes - unended_strays(a) > a->slots)
        sim_violation(s, "%s runs %d jobs in %d slots", a->name, a->processes, (int)a->slots);
    /* A success tells by its outputs which attempt it is of. */
    snprintf(line, sizeof line, "::{\"outputs\":{\"attempt\":%d}}::\n", (int)p->number);
    write_out(s, p, line);
    /* Nothing is heard of a silent process but heartbeats. */
    bool silent = s->sabotage == SABOTAGE_UNHEARD;
    if (!silent) sim_at(s, sim_random(s, 1, 3000), on_write, p, 0);
    bool is_long = sim_random(s, 0, 9) == 0 || is_about_guard(s) || silent;
    sim_at(s, is_long ? sim_random(s, 20000, 90000) : sim_random(s, 1, 8000), on_exit_of, p,
           sim_random(s, 0, 4) == 0);
}

static void start(struct sim *s, struct process_model *p, struct runner_started *out)
{
    if (is_broken(s, p->agent) && !p->agent->no_folders) {
        out->rc = say_broken(s, &out->err);
        return;
    }
    struct guard_model *g = p->guard;
    struct guard_claim claim = {.mark = p->mark, .container = "", .lease_ms = p->attempt->lease_ms};
    bool kick;
    p->slot = g->slots.items[--g->slots.count];
    p->held = true;
    (void)guard_table_hold(g->table, p->slot, &claim, &kick);
    int64_t over = g->table->base_ms + claim.lease_ms + GUARD_MARGIN_MS;
    if (kick || g->watches == 0) watch(s, g, over);
    if (sim_chance(s, 400)) {
        out->rc = err_set(&out->err, ERR_TIMEOUT, "held up until its lease was over");
        return;
    }
    run(s, p);
    out->pid = p->number;
    snprintf(out->identity, sizeof out->identity, "%s %s", p->agent->boot_id, p->mark);
}

void machine_take_back(struct sim *s, struct job_model *j, int64_t id)
{
    j->alive = j->lives_on = j->starts = 0;
    j->started_attempt = j->alive_attempt = j->output_bytes = 0;
    for (int i = 0; i < s->agent_count; i++) {
        for (struct process_model *p = s->agents[i].machine; p; p = p->next) {
            if (p->job != id || p->began_ms == 0) continue;
            p->stray = p->stray || is_lost(s, p);
            s->strays += p->stray;
            if (p->stray) continue;
            j->starts++;
            if (p->number > j->started_attempt) {
                j->started_attempt = p->number;
                j->output_bytes = p->written;
            }
            if (!p->alive) continue;
            j->alive++;
            j->alive_attempt = p->number;
            j->lives_on += p->told;
        }
    }
}

void machine_check_strays(struct sim *s)
{
    char id[ID_TEXT_SIZE];
    for (int i = 0; i < s->agent_count; i++) {
        for (const struct process_model *p = s->agents[i].machine; p; p = p->next) {
            if (!p->stray || !p->alive || p->tough) continue;
            id_format(p->job, id);
            sim_violation(s, "job %s attempt %lld goes on at %s, though the database has lost it",
                          id, (long long)p->number, p->agent->name);
        }
    }
}

/* ---- actions ---- */

static void end_leftover(struct sim *s, struct agent_model *a, const char *mark)
{
    if (s->sabotage == SABOTAGE_LEFT_BEHIND) return;
    for (struct process_model *p = a->machine; p; p = p->next)
        if (p->alive && str_eq(p->mark, mark)) end_process(s, p, 137, 9);
}

static void forget(struct sim *s, struct process_model *p)
{
    if (!p) return;
    if (p->held) {
        guard_table_free(p->guard->table, p->slot);
        p->guard->slots.items[p->guard->slots.count++] = p->slot;
        p->held = false;
    }
    end_process(s, p, 137, 9);
    p->attempt = NULL;
}

bool machine_may_start(void *user)
{
    struct agent_model *a = user;
    return a->guard->slots.count > 0 && sim_now(a->sim) >= a->guard_back_ms;
}

void machine_act(struct sim *s, struct agent_model *a, const struct runner_action *x)
{
    struct process_model *p = x->attempt ? x->attempt->owned : NULL;
    switch (x->type) {
    case RUNNER_PREPARE:
        prepare(s, a, x->attempt);
        break;
    case RUNNER_LATE: /* some hang by what their job named, a trial by the machine */
        x->u.late->named = x->attempt && x->attempt->job % 2 == 0;
        (void)err_set(&x->u.late->err, ERR_TIMEOUT, "it hangs");
        break;
    case RUNNER_TRY:
        try_machine(s, a);
        break;
    case RUNNER_START:
        start(s, p, x->u.started);
        break;
    case RUNNER_PAUSE:
        p->paused = true;
        break;
    case RUNNER_RESUME:
        p->paused = false;
        sim_at(s, 0, on_read, p, 0);
        break;
    case RUNNER_TERMINATE:
        if (!p->deaf) sim_at(s, sim_random(s, 0, 20000), on_obeyed, p, 0);
        break;
    case RUNNER_KILL:
        if (!is_tough(s, p)) sim_at(s, sim_random(s, 0, 100), on_killed, p, 0);
        break;
    case RUNNER_FORGET:
        forget(s, p);
        break;
    case RUNNER_LEFTOVER:
        end_leftover(s, a, x->u.leftover.entry->mark);
        tell_rest(s, a, x->u.leftover.entry->mark, x->u.leftover.alive);
        break;
    case RUNNER_REMNANT:
        tell_rest(s, a, x->u.remnant.entry->mark, x->u.remnant.left);
        break;
    case RUNNER_RENEW:
        a->lease_base_ms = x->u.at_ms;
        a->guard->table->base_ms = x->u.at_ms + (s->sabotage == SABOTAGE_LATE_GUARD ? 60000 : 0);
        break;
    default:
        break;
    }
}

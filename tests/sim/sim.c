/* Virtual time, the plan of a run, and its end. */
#include "tests/sim/sim.h"
#include "tests/sim/sim_houses.h"

#include "base/mem.h"
#include "base/str.h"
#include "wire/lease.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

const char *const sabotage_names[SABOTAGES] = {
    [SABOTAGE_NONE] = "none",
    [SABOTAGE_SHORT_LEASE] = "short-lease",
    [SABOTAGE_OLD_RESULTS] = "old-results",
    [SABOTAGE_LOST_COMMIT] = "lost-commit",
    [SABOTAGE_EARLY_REPLY] = "early-reply",
    [SABOTAGE_LOST_HAND_OUT] = "lost-hand-out",
    [SABOTAGE_WRONG_ORDER] = "wrong-order",
    [SABOTAGE_WRONG_AGENT] = "wrong-agent",
    [SABOTAGE_FORGOTTEN_JOBS] = "forgotten-jobs",
    [SABOTAGE_LOST_OUTPUT] = "lost-output",
    [SABOTAGE_TOO_MANY] = "too-many",
    [SABOTAGE_NO_GUARD] = "no-guard",
    [SABOTAGE_LYING_DISK] = "lying-disk",
    [SABOTAGE_WALL_LEASE] = "wall-lease",
    [SABOTAGE_LOST_RESULT] = "lost-result",
    [SABOTAGE_NO_PAUSE] = "no-pause",
    [SABOTAGE_DEAF_CANCEL] = "deaf-cancel",
    [SABOTAGE_LOST_JOURNAL] = "lost-journal",
    [SABOTAGE_HUSHED_UP] = "hushed-up",
    [SABOTAGE_LEFT_BEHIND] = "left-behind",
    [SABOTAGE_LATE_GUARD] = "late-guard",
    [SABOTAGE_LATE_AGENT] = "late-agent",
    [SABOTAGE_CHARGED_JOB] = "charged-job",
    [SABOTAGE_FORGETFUL] = "forgetful",
    [SABOTAGE_SAME_AGENT] = "same-agent",
    [SABOTAGE_UNWELL] = "unwell",
    [SABOTAGE_NO_TURNS] = "no-turns",
    [SABOTAGE_ALL_GROUPS] = "all-groups",
    [SABOTAGE_UNHEARD] = "unheard",
    [SABOTAGE_NO_ROW] = "no-row",
    [SABOTAGE_READ_ONLY] = "read-only",
    [SABOTAGE_LATE_EFFECT] = "late-effect",
    [SABOTAGE_LATE_BEAT] = "late-beat",
    [SABOTAGE_OLD_EPOCH] = "old-epoch",
    [SABOTAGE_TWO_OWNERS] = "two-owners",
    [SABOTAGE_LATE_ROW] = "late-row",
    [SABOTAGE_UNTOLD_LOSS] = "untold-loss",
};

const char *const group_keys[GROUPS] = {NULL, "alpha", "beta", "gamma"};
const char *const requires_json[REQUIRES] = {
    NULL,
    "{\"os\":\"linux\"}",
    "{\"os\":\"windows\"}",
    "{\"gpu.count\":\">= 2\",\"os\":[\"linux\",\"windows\"]}",
    "{\"label.region\":\"eu-*\"}",
    "{\"gpu.count\":\">= 1\"}",
};

#define REAL_FILES_ONE_IN 40 /* seeds on files of this machine; the others on a disk in memory */
#define LIMIT_AFTER_HEALING_MS (4 * 3600 * 1000)
#define WALL_JUMP_MS (INT64_C(30) * 3600 * 1000)

/* ---- time ---- */

int64_t sim_now(const struct sim *s)
{
    return s->world.now.mono_ms;
}

static bool stands_before(const struct event *a, const struct event *b)
{
    return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->order < b->order;
}

void sim_at(struct sim *s, int64_t delay_ms, event_fn *fn, void *object, uint64_t number)
{
    if (s->heap_count == s->heap_cap) {
        s->heap_cap = s->heap_cap ? 2 * s->heap_cap : 1024;
        s->heap = mem_resize(s->heap, s->heap_cap, sizeof *s->heap);
    }
    struct event e = {.at_ms = sim_now(s) + (delay_ms > 0 ? delay_ms : 0),
                      .order = ++s->order,
                      .fn = fn,
                      .object = object,
                      .number = number};
    size_t at = s->heap_count++;
    while (at > 0 && stands_before(&e, &s->heap[(at - 1) / 2])) {
        s->heap[at] = s->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    s->heap[at] = e;
}

static struct event take_first(struct sim *s)
{
    struct event first = s->heap[0], last = s->heap[--s->heap_count];
    size_t at = 0;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= s->heap_count) break;
        if (child + 1 < s->heap_count && stands_before(&s->heap[child + 1], &s->heap[child]))
            child++;
        if (stands_before(&last, &s->heap[child])) break;
        s->heap[at] = s->heap[child];
        at = child;
    }
    s->heap[at] = last;
    return first;
}

int64_t sim_random(struct sim *s, int64_t least, int64_t most)
{
    return least + (int64_t)rng_below(&s->rng, (uint64_t)(most - least) + 1);
}

bool sim_chance(struct sim *s, int one_in)
{
    return one_in > 0 && !s->healed && rng_below(&s->rng, (uint64_t)one_in) == 0;
}

void sim_violation(struct sim *s, const char *fmt, ...)
{
    if (*s->violation) return;
    va_list args;
    va_start(args, fmt);
    vsnprintf(s->violation, sizeof s->violation, fmt, args);
    va_end(args);
}

/* Short leases and long jobs show best what a guard does. */
bool is_about_guard(const struct sim *s)
{
    return s->sabotage == SABOTAGE_NO_GUARD || s->sabotage == SABOTAGE_LATE_GUARD;
}

/* ---- mischief ---- */

static void set_paused(struct sim *s, int group, bool paused)
{
    s->paused[group] = paused;
    if (group_keys[group])
        coordinator_push(s, cmd_text(&s->world, paused ? CMD_GROUP_PAUSE : CMD_GROUP_RESUME,
                                     group_keys[group]));
}

static void agent_remove(struct sim *s, struct agent_model *a)
{
    if (machine_has_tough(a)) return; /* a limit, see is_tough */
    struct command *c = cmd_id(&s->world, CMD_AGENT_REMOVE, a->id);
    c->flag = sim_random(s, 0, 3) != 0;
    a->removes = a->id;
    coordinator_push(s, c);
}

static void jump_wall(struct sim *s)
{
    s->wall_jumps++;
    s->wall_ms = sim_now(s);
    int64_t base = s->world.now.mono_ms + s->start_ms;
    s->world.now.wall_ms = base + sim_random(s, -WALL_JUMP_MS, WALL_JUMP_MS);
}

/* An operator deletes gamma by force and makes it again, or changes what alpha requires. */
static void regroup(struct sim *s)
{
    s->regroupings++;
    if (sim_random(s, 0, 1)) {
        bool there = sim_random(s, 0, 1);
        struct command *c = there ? cmd_group(&s->world, "gamma", NULL)
                                  : cmd_text(&s->world, CMD_GROUP_DELETE, "gamma");
        c->flag = true;
        coordinator_push(s, c);
    } else {
        struct command *c = cmd_group(&s->world, "alpha",
                                      sim_random(s, 0, 1) ? "{\"label.region\":\"eu-*\"}" : NULL);
        c->type = CMD_GROUP_UPDATE;
        c->mask = 2;
        coordinator_push(s, c);
    }
}

static void on_mischief(struct sim *s, void *object, uint64_t number)
{
    (void)object;
    (void)number;
    if (s->healed) return;
    struct agent_model *a = &s->agents[sim_random(s, 0, s->agent_count - 1)];
    if (sim_chance(s, s->faults.agent_crash)) agent_crash(s, a);
    a = &s->agents[sim_random(s, 0, s->agent_count - 1)];
    if (sim_chance(s, s->faults.agent_freeze)) agent_freeze(s, a);
    a = &s->agents[sim_random(s, 0, s->agent_count - 1)];
    if (sim_chance(s, s->faults.drain)) agent_drain(s, a);
    a = &s->agents[sim_random(s, 0, s->agent_count - 1)];
    if (sim_chance(s, s->faults.caps)) agent_change(s, a);
    a = &s->agents[sim_random(s, 0, s->agent_count - 1)];
    if (sim_chance(s, s->faults.machine)) machine_breaks(s, a);
    if (sim_chance(s, s->faults.remove)) {
        s->removals++;
        a = &s->agents[sim_random(s, 0, s->agent_count - 1)];
        agent_remove(s, a);
    }
    if (sim_random(s, 0, 19) == 0)
        set_paused(s, (int)sim_random(s, 1, GROUPS - 1), sim_random(s, 0, 2) == 0);
    if (sim_random(s, 0, 29) == 0) jump_wall(s);
    if (sim_chance(s, s->faults.regroup)) regroup(s);
    if (sim_chance(s, s->faults.clone))
        clone_hello(s, &s->agents[sim_random(s, 0, s->agent_count - 1)]);
    if (sim_random(s, 0, 14) == 0) {
        a = &s->agents[sim_random(s, 0, s->agent_count - 1)];
        coordinator_push(s,
                         cmd_id(&s->world, sim_random(s, 0, 2) ? CMD_AGENT_RESUME : CMD_AGENT_DRAIN,
                                a->id));
    }
    sim_at(s, sim_random(s, 100, 3000), on_mischief, NULL, 0);
}

static void on_heal_again(struct sim *s, void *object, uint64_t number)
{
    (void)object;
    /* Admin commands are not repeated by themselves when the coordinator was away. */
    for (int i = 0; i < GROUPS; i++)
        set_paused(s, i, false);
    for (int i = 0; i < s->agent_count; i++)
        coordinator_push(s, cmd_id(&s->world, CMD_AGENT_RESUME, s->agents[i].id));
    coordinator_push(s, cmd_group(&s->world, "gamma", NULL));
    struct command *c = cmd_group(&s->world, "alpha", NULL);
    c->type = CMD_GROUP_UPDATE;
    c->mask = 2;
    coordinator_push(s, c);
    if (number < 5 || !houses_front(s)) sim_at(s, 5000, on_heal_again, NULL, number + 1);
}

static void on_heal(struct sim *s, void *object, uint64_t number)
{
    s->healed = true;
    houses_heal(s);
    s->wall_ms = sim_now(s);
    s->world.now.wall_ms = s->world.now.mono_ms + s->start_ms;
    for (int i = 0; i < s->agent_count; i++)
        agent_thaw(s, &s->agents[i]);
    (void)number;
    on_heal_again(s, object, 0);
}

/* ---- the plan ---- */

static void plan_faults(struct sim *s)
{
    static const int rare[] = {0, 0, 1000, 300, 100};
    struct faults *f = &s->faults;
    int *each[] = {&f->cut,           &f->crash_before, &f->crash_mid, &f->crash_after,
                   &f->crash_between, &f->fail_commit,  &f->io_crash};
    for (size_t i = 0; i < sizeof each / sizeof *each; i++)
        *each[i] = rare[sim_random(s, 0, 4)];
    f->agent_crash = (int)sim_random(s, 3, 20);
    f->agent_freeze = (int)sim_random(s, 3, 20);
    f->agent_reboot = 3;
    f->agent_forgets = 6;
    f->clone = sim_random(s, 0, 1) ? 15 : 0;
    f->regroup = sim_random(s, 0, 1) ? 10 : 0;
    f->agent_full = sim_random(s, 0, 1) ? 2000 : 0;
    f->guard_lost = sim_random(s, 0, 1) ? 200 : 0;
    f->pressure = sim_random(s, 0, 1) ? 200 : 0;
    f->drain = (int)sim_random(s, 5, 30);
    f->decline = sim_random(s, 0, 1) ? 30 : 0;
    f->repeat = sim_random(s, 0, 1) ? 10 : 0;
    f->again = sim_random(s, 0, 1) ? 20 : 0;
    f->start_crash = 8;
    f->long_stall = sim_random(s, 0, 2) == 0 ? 500 : 0;
    f->step_crash = sim_random(s, 0, 1) ? 60 : 0;
    f->remove = sim_random(s, 0, 1) ? 20 : 0;
    f->caps = sim_random(s, 0, 1) ? 10 : 0;
    f->machine = sim_random(s, 0, 1) ? (int)sim_random(s, 2, 20) : 0;
    if (s->sabotage == SABOTAGE_SHORT_LEASE) f->cut = 40;
    if (s->sabotage == SABOTAGE_OLD_RESULTS) f->agent_freeze = f->agent_crash = 1;
    if (s->sabotage == SABOTAGE_EARLY_REPLY) f->fail_commit = f->crash_mid = 50;
    if (s->sabotage == SABOTAGE_FORGOTTEN_JOBS) f->crash_after = 100;
    if (is_about_guard(s)) f->agent_freeze = 1;
    if (s->sabotage == SABOTAGE_LYING_DISK) f->crash_after = 100;
    if (s->sabotage == SABOTAGE_WALL_LEASE) f->cut = 40;
    if (s->sabotage == SABOTAGE_LATE_AGENT) f->cut = 40;
    if (s->sabotage == SABOTAGE_CHARGED_JOB || s->sabotage == SABOTAGE_UNWELL) f->machine = 2;
    f->poison = sim_random(s, 0, 1) || s->sabotage == SABOTAGE_FORGETFUL ? 8 : 200;
}

static void plan_retry(struct sim *s, struct retry *r)
{
    int kind = (int)sim_random(s, 0, 5);
    if (s->sabotage == SABOTAGE_OLD_RESULTS || is_about_guard(s)) kind = 0;
    if (kind > 2) return; /* none */
    r->type = kind == 0 ? RETRY_CONSTANT : kind == 1 ? RETRY_EXPONENTIAL : RETRY_RANDOM;
    r->interval_ms = sim_random(s, 0, 2000);
    r->max_interval_ms = sim_random(s, 2000, 20000);
    r->delay_factor = 2;
    r->max_attempts = sim_random(s, 2, 4);
}

static void plan_job(struct sim *s, int number, int64_t span_ms)
{
    struct job_model *j = &s->jobs[number];
    snprintf(j->key, sizeof j->key, "job-%d", number);
    j->group = (int)sim_random(s, 0, GROUPS - 1);
    j->requires = sim_random(s, 0, 2) == 0 ? (int)sim_random(s, 1, REQUIRES - 1) : REQ_NONE;
    j->row.priority = sim_random(s, 0, 3) == 0 ? sim_random(s, -2, 2) : 0;
    plan_retry(s, &j->row.retry);
    if (sim_random(s, 0, 5) == 0) j->row.queue_timeout_ms = sim_random(s, 1000, 60000);
    if (j->requires == REQ_WINDOWS && j->row.queue_timeout_ms == 0)
        j->row.queue_timeout_ms = 120000;
    if (sim_random(s, 0, 5) == 0) j->row.timeout_ms = sim_random(s, 1000, 60000);
    if (sim_random(s, 0, 5) == 0) j->row.lease_ms = sim_random(s, 30000, 120000);
    if (sim_random(s, 0, 5) == 0) j->row.kill_grace_ms = sim_random(s, 100, 20000);
    if (sim_random(s, 0, 9) == 0) j->row.fallback = (enum fallback)sim_random(s, 1, 3);
    int64_t at = sim_random(s, 0, span_ms);
    sim_at(s, at, user_submit, j, 0);
    if (sim_random(s, 0, 9) == 0) sim_at(s, at + sim_random(s, 0, 30000), user_cancel, j, 0);
}

static void set_up_agents(struct sim *s)
{
    s->agents = mem_array((size_t)s->agent_count, sizeof *s->agents);
    for (int i = 0; i < s->agent_count; i++) {
        struct agent_model *a = &s->agents[i];
        agent_init(s, a, i);
        a->id = world_agent(&s->world, a->name, group_keys[a->group]);
        map_put(&s->agents_by_id, (uint64_t)a->id, a);
    }
    houses_begin(s, s->coordinator_count);
    for (int i = 0; i < s->agent_count; i++)
        agent_start(s, &s->agents[i]);
}

int sim_coordinators;

/* Without a number drawn, so that a seed's other faults stay what they are. */
static int coordinator_count(const struct sim *s)
{
    bool several = s->sabotage == SABOTAGE_NONE && s->seed % 3 == 0;
    if (sim_coordinators) return sim_coordinators;
    if (!several && !houses_sabotaged(s)) return 1;
    return 2 + (int)(s->seed / 3 % (HOUSES_MOST - 1));
}

void sim_init(struct sim *s, uint64_t seed, enum sabotage sabotage)
{
    *s = (struct sim){.seed = seed, .sabotage = sabotage, .queue_end = NULL};
    s->queue_end = &s->queue;
    rng_init(&s->rng, seed);
    struct map *maps[] = {&s->by_id,        &s->by_request,     &s->links,
                          &s->agents_by_id, &s->clone_sessions, &s->enrolling};
    for (size_t i = 0; i < sizeof maps / sizeof *maps; i++)
        map_init(maps[i]);
    store_faults = (struct store_faults){0};
    s->coordinator_count = coordinator_count(s);
    bool big = sim_random(s, 0, 24) == 0;
    s->agent_count = big ? (int)sim_random(s, 50, 300) : (int)sim_random(s, GROUPS, 12);
    s->job_count = big ? (int)sim_random(s, 200, 600) : (int)sim_random(s, 20, 120);
    struct world *w = &s->world;
    w->seed = seed;
    w->outlives_bugs = true;
    w->base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : NULL; /* no need to wear out a disk */
    bool in_memory = sim_random(s, 0, REAL_FILES_ONE_IN - 1) > 0 && s->coordinator_count == 1;
    if (sabotage == SABOTAGE_LYING_DISK || in_memory) {
        s->disk = disk_begin(seed);
        disk_lie(s->disk, sabotage == SABOTAGE_LYING_DISK);
        w->disk = disk_of_world(s->disk);
    }
    w->config =
        (struct engine_config){.lease_ms = sim_random(s, 30000, 120000),
                               .heartbeat_ms = 10000,
                               .retention_ms = 0,
                               .output_limit_bytes = 1024 * 1024,
                               .payload_limit_bytes = 65536,
                               .max_agents = 1000,
                               .kill_time_ms = lease_kill_time_ms(0),
                               .cache_bytes = sim_random(s, 0, 1) ? 0 : sim_random(s, 1, 20000)};
    if (sabotage == SABOTAGE_SHORT_LEASE) {
        w->config.lease_ms /= 4;
        w->config.kill_time_ms = 0;
    }
    if (is_about_guard(s) || sabotage == SABOTAGE_UNHEARD) w->config.lease_ms = 30000;
    world_open(w);
    s->start_ms = w->now.wall_ms - w->now.mono_ms;
    s->loaded_ms = s->wall_ms = w->now.mono_ms;
    s->loads = 1;
    world_group(w, "alpha", NULL);
    world_group(w, "beta", "{\"os\":\"linux\"}");
    world_group(w, "gamma", NULL);
    plan_faults(s);
    set_up_agents(s);
    s->jobs = mem_array((size_t)s->job_count, sizeof *s->jobs);
    int64_t span = sim_random(s, 30000, 300000);
    for (int i = 0; i < s->job_count; i++)
        plan_job(s, i, span);
    followers_begin(s);
    sim_at(s, sim_random(s, 0, 5000), on_mischief, NULL, 0);
    sim_at(s, span + sim_random(s, 0, 120000), on_heal, NULL, 0);
    coordinator_plan(s);
}

bool sim_step(struct sim *s)
{
    if (s->heap_count == 0) return false;
    struct event e = take_first(s);
    world_pass(&s->world, e.at_ms - sim_now(s));
    e.fn(s, e.object, e.number);
    return true;
}

bool sim_run(struct sim *s)
{
    int64_t healed_ms = INT64_MAX;
    while (!*s->violation && sim_step(s)) {
        if (!s->healed) continue;
        if (healed_ms == INT64_MAX) healed_ms = sim_now(s);
        if (check_all_final(s) || sim_now(s) > healed_ms + LIMIT_AFTER_HEALING_MS) break;
    }
    while (!*s->violation && !houses_front(s) && sim_step(s)) {
        /* the coordinator rises once more */
    }
    if (!*s->violation) check_end(s);
    return !*s->violation;
}

void sim_fini(struct sim *s)
{
    for (size_t i = 0; i < s->heap_count; i++)
        event_fini(&s->heap[i]);
    houses_fini(s);
    struct command *next;
    for (struct command *c = s->queue; c; c = next) {
        next = c->next;
        command_free(c);
    }
    heard_fini(&s->heard);
    for (int i = 0; i < s->agent_count; i++)
        agent_fini_model(&s->agents[i]);
    for (size_t i = 0; i < s->link_count; i++) {
        frame_reader_fini(&s->all_links[i]->reader);
        session_facts_fini(&s->all_links[i]->facts);
        mem_free(s->all_links[i]);
    }
    struct map *maps[] = {&s->by_id,        &s->by_request,     &s->links,
                          &s->agents_by_id, &s->clone_sessions, &s->enrolling};
    for (size_t i = 0; i < sizeof maps / sizeof *maps; i++)
        map_fini(maps[i]);
    mem_free(s->all_links);
    mem_free(s->agents);
    mem_free(s->jobs);
    mem_free(s->heap);
    world_close(&s->world);
    if (s->disk) disk_end(s->disk);
}

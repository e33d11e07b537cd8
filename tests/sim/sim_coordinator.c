/* The coordinator's process around the engine, the network, and the users. */
#include "tests/sim/sim.h"

#include "base/id.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"

#include <stdio.h>
#include <string.h>

struct packet {
    struct link *link;
    struct command *command; /* to the coordinator */
    struct note note;        /* to the agent */
    uint64_t coordinator_life;
    struct packet *next;
};

/* ---- trace ---- */

static void trace(const struct sim *s, const struct link *l, const char *way, const char *what,
                  int64_t job, int64_t attempt, int64_t seq)
{
    char id[ID_TEXT_SIZE] = "-";
    if (!log_enabled(LOG_DEBUG)) return;
    if (job) id_format(job, id);
    log_debug("%lld %s %s session %llu: %s job %s attempt %lld seq %lld", (long long)sim_now(s),
              l->agent->name, way, (unsigned long long)l->session, what, id, (long long)attempt,
              (long long)seq);
}

static void trace_command(const struct sim *s, const struct link *l, const struct command *c)
{
    switch (c->type) {
    case CMD_HELLO:
        trace(s, l, "-->", "hello", 0, 0, c->u.hello.seq);
        for (size_t i = 0; i < c->u.hello.attempt_count; i++)
            trace(s, l, "   ", c->u.hello.attempts[i].ended ? "ended" : "running",
                  c->u.hello.attempts[i].job, c->u.hello.attempts[i].attempt, 0);
        break;
    case CMD_STARTED:
        trace(s, l, "-->", "started", c->u.event.job, c->u.event.attempt, c->u.event.seq);
        break;
    case CMD_FINISHED:
        trace(s, l, "-->", "finished", c->u.event.job, c->u.event.attempt, c->u.event.seq);
        break;
    case CMD_DECLINED:
        trace(s, l, "-->", "declined", c->u.event.job, c->u.event.attempt, c->u.event.seq);
        break;
    case CMD_READY:
        trace(s, l, "-->", c->u.ready.draining ? "ready, draining" : "ready", 0, 0, 0);
        break;
    default:
        break;
    }
}

static void trace_note(const struct sim *s, const struct link *l, const struct note *n)
{
    static const char *const names[] = {
        [EFFECT_WELCOME] = "welcome", [EFFECT_REFUSED] = "refused", [EFFECT_JOB] = "job",
        [EFFECT_KILL] = "kill",       [EFFECT_ACK] = "ack",         [EFFECT_DISCARD] = "discard",
        [EFFECT_DRAIN] = "drain",     [EFFECT_CLOSE] = "close",
    };
    if (n->type == EFFECT_ACK && n->n > 0) return; /* heartbeats */
    trace(s, l, "<--", names[n->type], n->job, n->attempt, n->seq);
}

/* ---- links ---- */

struct link *link_new(struct sim *s, struct agent_model *a)
{
    struct link *l = mem_alloc(sizeof *l);
    l->session = ++s->world.sessions;
    l->agent = a;
    l->agent_open = true;
    l->to_agent_ms = l->to_coordinator_ms = sim_now(s) + sim_random(s, 1, 50);
    if (s->link_count == s->link_cap) {
        s->link_cap = s->link_cap ? 2 * s->link_cap : 64;
        s->all_links = mem_resize(s->all_links, s->link_cap, sizeof(struct link *));
    }
    s->all_links[s->link_count++] = l;
    map_put(&s->links, l->session, l);
    return l;
}

static void on_gone(struct sim *s, void *object, uint64_t life)
{
    struct link *l = object;
    if (l->gone || s->coordinator_life != life) return;
    l->cut = l->gone = true;
    trace(s, l, "-->", "gone", 0, 0, 0);
    if (l->told) coordinator_push(s, cmd_gone(l->session));
}

void link_cut(struct sim *s, struct link *l)
{
    if (l->cut) return;
    s->cuts++;
    l->cut = true;
    sim_at(s, sim_random(s, 0, 20000), agent_on_cut, l, 0);
    sim_at(s, sim_random(s, 0, 35000), on_gone, l, s->coordinator_life);
}

/* What was sent before arrives before. */
void link_close(struct sim *s, struct link *l)
{
    int64_t last = l->to_coordinator_ms > sim_now(s) ? l->to_coordinator_ms - sim_now(s) : 0;
    sim_at(s, last + sim_random(s, 0, 50), on_gone, l, s->coordinator_life);
}

void coordinator_silent(struct sim *s, void *object, uint64_t number)
{
    (void)number;
    struct link *l = object;
    if (l->cut || !l->agent->frozen || l->agent->link != l) return;
    l->cut = true;
    on_gone(s, l, s->coordinator_life);
    sim_at(s, 1, agent_on_cut, l, 0);
}

static int64_t delay(struct sim *s)
{
    if (sim_chance(s, s->faults.long_stall)) /* about a lease, or more */
        return sim_random(s, 10000, 3 * s->world.config.lease_ms / 2);
    if (sim_chance(s, 100)) return sim_random(s, 1000, 8000); /* a stall */
    return sim_random(s, 0, 40);
}

static void on_arrival_at_coordinator(struct sim *s, void *object, uint64_t number)
{
    (void)number;
    struct packet *p = object;
    if (p->link->cut || p->link->gone || s->down || p->coordinator_life != s->coordinator_life) {
        command_free(p->command);
    } else {
        if (p->command->type == CMD_HELLO) p->link->told = true;
        trace_command(s, p->link, p->command);
        coordinator_push(s, p->command);
    }
    mem_free(p);
}

void link_to_coordinator(struct sim *s, struct link *l, struct command *c)
{
    struct packet *p = mem_alloc(sizeof *p);
    p->link = l;
    p->command = c;
    p->coordinator_life = s->coordinator_life;
    int64_t at = sim_now(s) + delay(s);
    if (at < l->to_coordinator_ms) at = l->to_coordinator_ms;
    l->to_coordinator_ms = at;
    sim_at(s, at - sim_now(s), on_arrival_at_coordinator, p, 0);
    if (sim_chance(s, s->faults.cut)) link_cut(s, l);
}

void packet_deliver(struct sim *s, struct packet *p)
{
    struct link *l = p->link;
    if (l->agent->frozen && l->agent->link == l) {
        p->next = NULL;
        *l->agent->inbox_end = p;
        l->agent->inbox_end = &p->next;
        return;
    }
    if (!l->cut || p->note.type == EFFECT_CLOSE || p->note.type == EFFECT_REFUSED) {
        trace_note(s, l, &p->note);
        agent_on_note(s, l, &p->note);
    }
    mem_free(p);
}

static void on_arrival_at_agent(struct sim *s, void *object, uint64_t number)
{
    (void)number;
    packet_deliver(s, object);
}

struct packet *packet_take(struct agent_model *a)
{
    struct packet *p = a->inbox;
    if (!p) return NULL;
    a->inbox = p->next;
    if (!a->inbox) a->inbox_end = &a->inbox;
    return p;
}

void packet_free(struct packet *p)
{
    command_free(p->command);
    mem_free(p);
}

void event_fini(struct event *e)
{
    if (e->fn == on_arrival_at_agent || e->fn == on_arrival_at_coordinator) packet_free(e->object);
}

/* What may come twice at any time. A job may not: an ordered connection and a journal see to that,
 * so its double follows at its heels. */
static bool may_come_again(enum effect_type type)
{
    return type == EFFECT_JOB || type == EFFECT_KILL || type == EFFECT_ACK ||
           type == EFFECT_DISCARD || type == EFFECT_DRAIN;
}

static void repeat(struct sim *s, const struct packet *first, int64_t at)
{
    struct packet *p = mem_alloc(sizeof *p);
    *p = *first;
    p->note.again = true;
    s->repeats++;
    if (p->note.type == EFFECT_KILL || p->note.type == EFFECT_ACK)
        at += sim_random(s, 0, 1) ? sim_random(s, 0, 20000) : 0;
    sim_at(s, at - sim_now(s), on_arrival_at_agent, p, 0);
}

static void note_text(struct note *n, const char *text)
{
    snprintf(n->text, sizeof n->text, "%s", text ? text : "");
}

static struct note note_of(const struct effect *x)
{
    struct note n = {.type = x->type};
    switch (x->type) {
    case EFFECT_WELCOME:
        n.seq = x->u.welcome.seq;
        break;
    case EFFECT_REFUSED:
        n.retry_ms = x->u.refused.retry_ms;
        note_text(&n, x->u.refused.code);
        break;
    case EFFECT_JOB:
        n.job = x->u.job.job;
        n.attempt = x->u.job.attempt;
        n.lease_ms = x->u.job.lease_ms;
        break;
    case EFFECT_KILL:
        n.job = x->u.kill.job;
        n.attempt = x->u.kill.attempt;
        n.grace_ms = x->u.kill.grace_ms;
        note_text(&n, x->u.kill.reason);
        break;
    case EFFECT_ACK:
        n.seq = x->u.ack.seq;
        n.n = x->u.ack.heartbeat;
        break;
    case EFFECT_DISCARD:
        n.job = x->u.discard.job;
        n.attempt = x->u.discard.attempt;
        break;
    case EFFECT_DRAIN:
        n.flag = x->u.drain.on;
        break;
    default:
        break;
    }
    return n;
}

static void link_to_agent(struct sim *s, struct link *l, const struct effect *x)
{
    struct packet *p = mem_alloc(sizeof *p);
    p->link = l;
    p->note = note_of(x);
    if (s->sabotage == SABOTAGE_SHORT_LEASE) p->note.lease_ms *= 4;
    int64_t at = sim_now(s) + delay(s);
    if (at < l->to_agent_ms) at = l->to_agent_ms;
    l->to_agent_ms = at;
    sim_at(s, at - sim_now(s), on_arrival_at_agent, p, 0);
    if (may_come_again(x->type) && sim_chance(s, s->faults.again)) repeat(s, p, at);
}

/* ---- a copied machine ---- */

static void on_clone_gone(struct sim *s, void *object, uint64_t life)
{
    (void)object;
    if (life >> 32 != (s->coordinator_life & 0xffffffff)) return;
    coordinator_push(s, cmd_gone(life & 0xffffffff));
}

void clone_hello(struct sim *s, struct agent_model *a)
{
    uint64_t number = ++s->world.sessions;
    struct command *c = cmd_hello(&s->world, number, a->id, group_keys[a->group], a->slots);
    s->clones++;
    map_put(&s->clone_sessions, number, a);
    mem_free(c->u.hello.host_id);
    c->u.hello.host_id = str_dupf("clone-%llu", (unsigned long long)number);
    c->u.hello.seq = a->seq;
    for (const struct held *h = a->held; h && sim_random(s, 0, 1); h = h->next)
        cmd_hello_attempt(c, h->job, h->attempt, sim_random(s, 0, 1) == 0);
    coordinator_push(s, c);
    if (sim_random(s, 0, 1))
        coordinator_push(s, cmd_ready(number)); /* and takes jobs, and drops them */
    sim_at(s, sim_random(s, 1, 20000), on_clone_gone, NULL, s->coordinator_life << 32 | number);
}

/* ---- users ---- */

static void on_no_answer(struct sim *s, void *object, uint64_t request)
{
    struct job_model *j = object;
    if (j->request != request) return;
    map_remove(&s->by_request, request);
    j->request = 0;
    user_submit(s, j, 0);
}

void user_submit(struct sim *s, void *object, uint64_t number)
{
    (void)number;
    struct job_model *j = object;
    if (j->id || j->request) return;
    if (s->down) {
        sim_at(s, 1000, user_submit, j, 0);
        return;
    }
    struct command *c = cmd_submit(&s->world, group_keys[j->group], requires_json[j->requires]);
    char *group = c->u.submit.job.group;
    c->u.submit.job = j->row;
    c->u.submit.job.group = group;
    c->u.submit.job.unique_key = mem_strdup(j->key);
    if (s->sabotage == SABOTAGE_WRONG_ORDER) c->u.submit.job.priority = -j->row.priority;
    j->request = c->request;
    map_put(&s->by_request, c->request, j);
    coordinator_push(s, c);
    sim_at(s, 10000, on_no_answer, j, j->request);
}

void user_cancel(struct sim *s, void *object, uint64_t number)
{
    (void)number;
    struct job_model *j = object;
    if (!j->id || s->down) {
        sim_at(s, 3000, user_cancel, j, 0);
        return;
    }
    j->cancel_wanted = true;
    struct command *c = cmd_id(&s->world, CMD_CANCEL, j->id);
    map_put(&s->by_request, c->request, j);
    coordinator_push(s, c);
    /* A cancel that got lost in a crash is repeated by whoever wants it. */
    if (!job_is_final(j->state) && j->state != JOB_KILLING) sim_at(s, 15000, user_cancel, j, 0);
}

static void on_reply(struct sim *s, const struct effect *x)
{
    struct job_model *j = map_remove(&s->by_request, x->u.reply.request);
    if (!j) return;
    if (j->request != x->u.reply.request) { /* a cancel */
        if (x->u.reply.reply.rc == 0 && j->id) j->cancel_done = true;
        return;
    }
    j->request = 0;
    if (x->u.reply.reply.rc) {
        sim_at(s, sim_random(s, 500, 3000), user_submit, j, 0);
        return;
    }
    if (x->u.reply.reply.known) s->duplicates++;
    check_acknowledged(s, j, x->u.reply.reply.id, x->u.reply.reply.known);
}

/* ---- the process ---- */

static void on_batch(struct sim *s, void *object, uint64_t life);
static void on_rise(struct sim *s, void *object, uint64_t life);

static void plan_rise(struct sim *s);

static void crash(struct sim *s)
{
    s->crashes++;
    log_debug("%lld the coordinator dies", (long long)sim_now(s));
    if (s->disk) {
        bool power = s->sabotage == SABOTAGE_LYING_DISK || sim_random(s, 0, 1);
        disk_lose_power(s->disk, power);
        s->power_losses += power;
    }
    world_die(&s->world);
    s->down = true;
    s->coordinator_life++;
    s->batch_planned = false;
    struct command *next;
    for (struct command *c = s->queue; c; c = next) {
        next = c->next;
        command_free(c);
    }
    s->queue = NULL;
    s->queue_end = &s->queue;
    for (size_t i = 0; i < s->link_count; i++) {
        struct link *l = s->all_links[i];
        if (l->cut && l->gone) continue;
        l->cut = l->gone = true;
        sim_at(s, sim_random(s, 0, 20000), agent_on_cut, l, 0);
    }
    plan_rise(s);
}

static void plan_rise(struct sim *s)
{
    int64_t lease = s->world.config.lease_ms;
    int64_t away =
        sim_random(s, 0, 5) == 0 ? sim_random(s, lease, 2 * lease) : sim_random(s, 50, 4000);
    sim_at(s, away, on_rise, s, s->coordinator_life);
}

/* At any write or sync of those that come now. */
static void die_soon(struct sim *s)
{
    bool power = sim_random(s, 0, 1);
    s->power_losses += power;
    disk_die_after(s->disk, sim_random(s, 0, sim_random(s, 0, 2) ? 12 : 60), power);
}

void coordinator_loaded(struct sim *s)
{
    s->loads++;
    s->loaded_ms = sim_now(s);
}

static void on_rise(struct sim *s, void *object, uint64_t life)
{
    (void)object;
    if (life != s->coordinator_life) return;
    bool cut_short = s->disk && sim_chance(s, s->faults.start_crash);
    store_faults = (struct store_faults){.overlook_jobs = s->sabotage == SABOTAGE_FORGOTTEN_JOBS,
                                         .forget_pause = s->sabotage == SABOTAGE_NO_PAUSE};
    if (cut_short) die_soon(s);
    world_rise(&s->world);
    if (!s->world.engine) {
        sim_violation(s, "the store is damaged: the coordinator does not start");
        return;
    }
    if (cut_short && disk_has_died(s->disk)) {
        s->crashes++;
        world_die(&s->world);
        plan_rise(s);
        return;
    }
    if (cut_short) disk_die_after(s->disk, -1, false);
    s->down = false;
    coordinator_loaded(s);
    check_start(s);
    coordinator_plan(s);
}

static void plan_batch(struct sim *s, int64_t after)
{
    if (s->batch_planned || s->down) return;
    s->batch_planned = true;
    sim_at(s, after, on_batch, s, s->coordinator_life);
}

void coordinator_push(struct sim *s, struct command *c)
{
    if (s->down) {
        command_free(c);
        return;
    }
    c->next = NULL;
    *s->queue_end = c;
    s->queue_end = &c->next;
    plan_batch(s, sim_random(s, 0, 10));
}

static void on_tick(struct sim *s, void *object, uint64_t life)
{
    (void)object;
    if (life != s->coordinator_life || s->down || sim_now(s) < s->tick_at_ms) return;
    s->tick_at_ms = INT64_MAX;
    coordinator_push(s, command_new(CMD_TICK));
}

void coordinator_plan(struct sim *s)
{
    int64_t next = engine_next_ms(s->world.engine);
    if (next == INT64_MAX) return;
    s->tick_at_ms = next;
    sim_at(s, next - sim_now(s), on_tick, s, s->coordinator_life);
}

static void carry_out(struct sim *s, struct effect *x)
{
    if (x->type == EFFECT_REPLY) {
        on_reply(s, x);
        return;
    }
    struct agent_model *joining = x->session ? map_find(&s->enrolling, x->session) : NULL;
    if (joining && x->type == EFFECT_ENROLLED) agent_enrolled(s, joining, x->u.enrolled.agent);
    struct link *l = x->session ? map_find(&s->links, x->session) : NULL;
    if (!l || l->gone) return;
    if (x->type == EFFECT_JOB) s->hand_outs++;
    if (!l->cut) link_to_agent(s, l, x);
    if (x->type == EFFECT_CLOSE || x->type == EFFECT_REFUSED)
        sim_at(s, sim_random(s, 0, 50), on_gone, l, s->coordinator_life);
}

/* A result of an old attempt dressed up as one of the present. */
static void dress_up(struct sim *s, struct command *c)
{
    const struct job_model *j = map_find(&s->by_id, (uint64_t)c->u.event.job);
    if (c->type != CMD_FINISHED || !j || !job_is_assigned(j->state) ||
        j->attempt == c->u.event.attempt)
        return;
    struct agent_model *a = map_find(&s->agents_by_id, (uint64_t)j->agent);
    if (!a || !a->link) return;
    c->session = a->link->session;
    c->u.event.seq = ++a->seq;
    c->u.event.attempt = j->attempt;
}

static void apply_queue(struct sim *s)
{
    struct command *next;
    for (struct command *c = s->queue; c; c = next) {
        next = c->next;
        c->next = NULL;
        if (s->sabotage == SABOTAGE_OLD_RESULTS) dress_up(s, c);
        if (s->sabotage == SABOTAGE_DEAF_CANCEL && c->type == CMD_CANCEL) c->type = CMD_WHY;
        world_apply(&s->world, c);
    }
    s->queue = NULL;
    s->queue_end = &s->queue;
}

static void arm_faults(struct sim *s)
{
    store_faults.fail_commit = sim_chance(s, s->faults.fail_commit);
    store_faults.lose_commit = s->sabotage == SABOTAGE_LOST_COMMIT && sim_random(s, 0, 99) == 0;
    store_faults.lose_hand_out = s->sabotage == SABOTAGE_LOST_HAND_OUT && sim_random(s, 0, 99) == 0;
    store_faults.lose_output = s->sabotage == SABOTAGE_LOST_OUTPUT && sim_random(s, 0, 9) == 0;
    store_faults.overlook_jobs = s->sabotage == SABOTAGE_FORGOTTEN_JOBS;
    store_faults.forget_pause = s->sabotage == SABOTAGE_NO_PAUSE;
    store_faults.lose_result = s->sabotage == SABOTAGE_LOST_RESULT && sim_random(s, 0, 30) == 0;
    if (store_faults.fail_commit) s->failed_commits++;
}

static void begin_batch(struct sim *s)
{
    int64_t mono = s->world.now.mono_ms;
    if (s->sabotage == SABOTAGE_WALL_LEASE)
        s->world.now.mono_ms = s->world.now.wall_ms - s->start_ms;
    world_begin(&s->world);
    s->world.now.mono_ms = mono;
}

static void on_batch(struct sim *s, void *object, uint64_t life)
{
    (void)object;
    if (life != s->coordinator_life || s->down) return;
    s->batch_planned = false;
    s->batches++;
    if (sim_chance(s, s->faults.crash_before)) {
        crash(s);
        return;
    }
    arm_faults(s);
    bool io_crash = s->disk && sim_chance(s, s->faults.io_crash);
    if (io_crash) die_soon(s);
    begin_batch(s);
    apply_queue(s);
    if (s->sabotage == SABOTAGE_EARLY_REPLY) {
        for (struct effect *x = s->world.effects.first; x; x = x->next) {
            if (x->type == EFFECT_REPLY) on_reply(s, x);
        }
    }
    if (sim_chance(s, s->faults.crash_mid)) {
        crash(s);
        return;
    }
    int rc = world_commit(&s->world);
    if (io_crash && disk_has_died(s->disk)) {
        s->io_crashes++;
        crash(s);
        return;
    }
    if (io_crash) disk_die_after(s->disk, -1, false);
    if (rc == ERR_INTERNAL) sim_violation(s, "the engine finds itself broken");
    if (rc) coordinator_loaded(s);
    if (rc == 0) check_batch(s);
    if (rc == 0 && s->batches % 8 == 0) check_limits(s);
    if (rc == 0 && s->sabotage == SABOTAGE_NONE && sim_random(s, 0, 9) == 0) check_invariants(s);
    if (sim_chance(s, s->faults.crash_after)) {
        crash(s);
        return;
    }
    for (struct effect *x = s->world.effects.first; x; x = x->next) {
        carry_out(s, x);
        if (sim_chance(s, s->faults.crash_between)) {
            crash(s);
            return;
        }
    }
    coordinator_plan(s);
}

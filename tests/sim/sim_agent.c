/* An agent: the real logic (agent/uplink_logic.h, agent/runner_logic.h) and the real journal, under
 * an owner that is made up. What runner.c, uplink.c and agent.c do with libuv is done here with
 * virtual time, a network that breaks and a machine that dies. */
#include "tests/sim/sim.h"
#include "tests/sim/sim_houses.h"
#include "tests/sim/sim_older.h"
#include "tests/sim/sim_turns.h"

#include "base/mem.h"
#include "base/str.h"
#include "wire/frame.h"
#include "wire/lease.h"

#include <stdio.h>
#include <string.h>

#define GOODBYE_MS 10000 /* as agent.c has it */
#define LATE_MS 2000     /* as the sabotage has it */

static const struct msg_peer agent_peer = {.agent = true, .known = true};

static void stop(struct sim *s, struct agent_model *a, bool clean);

/* ---- death ---- */

static bool is_dead(const struct agent_model *a)
{
    return a->dying || disk_has_died(a->disk);
}

/* kill -9, or the loss of power, at this very step. The logic goes on until it returns, but nothing
 * of what it wants happens any more. */
static void die_here(struct sim *s, struct agent_model *a)
{
    s->step_crashes++;
    a->dying = true;
    a->power_loss = sim_chance(s, s->faults.agent_reboot);
    disk_die_now(a->disk, a->power_loss);
}

static void on_start(struct sim *s, void *object, uint64_t number)
{
    (void)number;
    agent_start(s, object);
}

static void fall(struct sim *s, struct agent_model *a)
{
    s->agent_crashes++;
    stop(s, a, false);
    if (a->power_loss) {
        a->boot++;
        machine_goes_down(s, a);
    }
    a->power_loss = false;
    if (sim_chance(s, s->faults.agent_forgets)) {
        machine_goes_down(s, a); /* nobody knows of them any more, and the guard has ended them */
        state_forget(a);
    }
    int64_t lease = s->world.config.lease_ms;
    sim_at(s, sim_random(s, 0, 3) == 0 ? sim_random(s, lease, 2 * lease) : sim_random(s, 100, 5000),
           on_start, a, 0);
}

void agent_crash(struct sim *s, struct agent_model *a)
{
    if (!a->up) return;
    a->power_loss = sim_chance(s, s->faults.agent_reboot);
    fall(s, a);
}

/* Its journal cannot be written: it ends its jobs and itself. */
static void give_up(struct sim *s, struct agent_model *a)
{
    journal_faults.full = false;
    machine_goes_down(s, a);
    fall(s, a);
}

/* ---- a turn ---- */

static void on_goodbye(struct sim *s, void *object, uint64_t life)
{
    struct agent_model *a = object;
    if (a->life != life || !a->up || agent_sleeps(a, on_goodbye, a, life)) return;
    stop(s, a, true);
    sim_at(s, sim_random(s, 100, 20000), on_start, a, 0);
}

static void finish_drain(struct sim *s, struct agent_model *a)
{
    if (!a->draining || runner_logic_count(a->runner) > 0) return;
    if (!a->saying_goodbye) sim_at(s, GOODBYE_MS, on_goodbye, a, a->life);
    a->saying_goodbye = true;
    if (!uplink_logic_is_live(a->uplink) || journal_pending_bytes(a->journal) == 0)
        on_goodbye(s, a, a->life);
}

static void on_guard_back(struct sim *s, void *object, uint64_t life)
{
    struct agent_model *a = object;
    if (a->life != life || !a->up || agent_sleeps(a, on_guard_back, a, life)) return;
    a->changed = true;
    agent_after(s, a);
}

static void on_relief(struct sim *s, void *object, uint64_t life)
{
    struct agent_model *a = object;
    if (a->life != life || !a->up || agent_sleeps(a, on_relief, a, life)) return;
    runner_logic_pause(a->runner, false);
    agent_after(s, a);
}

/* What befalls an agent that runs: another guard has to be started, its output waits, there is no
 * room for jobs. */
static void hamper(struct sim *s, struct agent_model *a)
{
    if (sim_chance(s, s->faults.guard_lost)) {
        int64_t away = sim_random(s, 100, 3000);
        a->guard_back_ms = sim_now(s) + away;
        sim_at(s, away, on_guard_back, a, a->life);
    }
    if (sim_chance(s, s->faults.pressure)) {
        runner_logic_pause(a->runner, true);
        sim_at(s, sim_random(s, 100, 10000), on_relief, a, a->life);
    }
    if (sim_chance(s, s->faults.decline)) runner_logic_give_back(a->runner, "disk-full");
}

static void on_turn(struct sim *s, void *object, uint64_t life)
{
    struct agent_model *a = object;
    struct err e = {0};
    if (a->life != life || !a->up || agent_sleeps(a, on_turn, a, life)) return;
    struct moment now = s->world.now;
    bool io_crash = sim_chance(s, 5 * s->faults.step_crash);
    a->turn_planned = false;
    if (io_crash) {
        a->power_loss = sim_chance(s, s->faults.agent_reboot);
        disk_die_after(a->disk, sim_random(s, 0, 12), a->power_loss);
    }
    hamper(s, a);
    journal_faults.full = !io_crash && sim_chance(s, s->faults.agent_full);
    journal_faults.lose_commits = s->sabotage == SABOTAGE_LOST_JOURNAL;
    int rc = runner_logic_turn(a->runner, now.mono_ms, &e);
    journal_faults.lose_commits = false;
    if (journal_faults.full) {
        give_up(s, a);
        return;
    }
    if (rc != 0) sim_violation(s, "%s: %s", a->name, err_text(&e));
    uplink_logic_pump(a->uplink, &now, 0);
    if (io_crash && !is_dead(a)) {
        disk_die_after(a->disk, -1, false);
        a->power_loss = false;
    }
    if (io_crash && is_dead(a)) s->journal_crashes++;
    if (!is_dead(a)) finish_drain(s, a);
    if (a->up) agent_after(s, a);
}

/* After whatever was told to the logic. */
void agent_after(struct sim *s, struct agent_model *a)
{
    if (is_dead(a)) {
        fall(s, a);
        return;
    }
    if (!a->changed || a->turn_planned) return;
    a->changed = false;
    a->turn_planned = true;
    sim_at(s, 0, on_turn, a, a->life);
}

/* ---- while it is stopped ---- */

struct parcel { /* what happens when it goes on */
    event_fn *fn;
    void *object;
    uint64_t number;
    struct parcel *next;
};

bool agent_sleeps(struct agent_model *a, event_fn *fn, void *object, uint64_t number)
{
    if (!a->frozen) return false;
    struct parcel *p = mem_alloc(sizeof *p);
    *p = (struct parcel){fn, object, number, NULL};
    *a->inbox_end = p;
    a->inbox_end = &p->next;
    return true;
}

static struct parcel *take_inbox(struct agent_model *a)
{
    struct parcel *all = a->inbox;
    a->inbox = NULL;
    a->inbox_end = &a->inbox;
    return all;
}

static void on_thaw(struct sim *s, void *object, uint64_t life)
{
    struct agent_model *a = object;
    if (a->life != life || !a->frozen) return;
    a->frozen = false;
    a->awake_ms = sim_now(s);
    struct parcel *next;
    for (struct parcel *p = take_inbox(a); p; p = next) {
        next = p->next;
        p->fn(s, p->object, p->number);
        mem_free(p);
    }
}

void agent_thaw(struct sim *s, struct agent_model *a)
{
    if (a->frozen) on_thaw(s, a, a->life);
}

void agent_freeze(struct sim *s, struct agent_model *a)
{
    if (!a->up || a->frozen) return;
    s->freezes++;
    a->frozen = true;
    if (a->link)
        sim_at(s, lease_silence_ms(s->world.config.heartbeat_ms), coordinator_silent, a->link,
               a->life);
    sim_at(s, sim_random(s, 500, 2 * s->world.config.lease_ms), on_thaw, a, a->life);
}

/* ---- the runner's actions ---- */

static void on_runner_wake(struct sim *s, void *object, uint64_t number)
{
    struct agent_model *a = object;
    if (number != a->runner_wakes || !a->up || agent_sleeps(a, on_runner_wake, a, number)) return;
    runner_logic_wake(a->runner, sim_now(s));
    agent_after(s, a);
}

static void on_runner_act(const struct runner_action *x, void *user)
{
    struct agent_model *a = user;
    struct sim *s = a->sim;
    bool starts = x->type == RUNNER_START;
    if (starts && !is_dead(a) && sim_chance(s, s->faults.step_crash)) die_here(s, a);
    if (is_dead(a)) {
        if (starts) x->u.started->rc = err_set(&x->u.started->err, ERR_TIMEOUT, "dead");
        return;
    }
    switch (x->type) {
    case RUNNER_WAKE:
        a->runner_wakes++;
        if (x->u.at_ms < INT64_MAX)
            sim_at(s, x->u.at_ms - sim_now(s), on_runner_wake, a, a->runner_wakes);
        break;
    case RUNNER_CHANGED:
        a->changed = true;
        break;
    case RUNNER_FATAL:
        sim_violation(s, "%s: %s", a->name, err_text(x->u.err));
        break;
    default:
        machine_act(s, a, x);
        break;
    }
    if (starts && sim_chance(s, s->faults.step_crash)) die_here(s, a);
}

/* ---- the uplink's actions ---- */

static void lose_link(struct sim *s, struct agent_model *a, int code)
{
    struct moment now = s->world.now;
    struct err why = {0};
    if (code != 0) err_set(&why, code, "%s", err_sentence(code));
    a->link = NULL;
    uplink_logic_closed(a->uplink, &now, &why);
    agent_after(s, a);
}

static void on_unreachable(struct sim *s, void *object, uint64_t life)
{
    struct agent_model *a = object;
    if (a->life != life || !a->up || agent_sleeps(a, on_unreachable, a, life)) return;
    lose_link(s, a, ERR_UNAVAILABLE);
}

void agent_on_cut(struct sim *s, void *object, uint64_t number)
{
    struct link *l = object;
    struct agent_model *a = l->agent;
    if (a->link != l || agent_sleeps(a, agent_on_cut, l, number)) return;
    lose_link(s, a, ERR_CLOSED);
}

static void on_closed(struct sim *s, void *object, uint64_t number)
{
    struct link *l = object;
    struct agent_model *a = l->agent;
    if (a->link != l || agent_sleeps(a, on_closed, l, number)) return;
    lose_link(s, a, 0);
}

static void on_opened(struct sim *s, void *object, uint64_t number)
{
    struct link *l = object;
    struct agent_model *a = l->agent;
    struct moment now = s->world.now;
    if (a->link != l || agent_sleeps(a, on_opened, l, number)) return;
    uplink_logic_opened(a->uplink, &now);
    agent_after(s, a);
}

static void connect_now(struct sim *s, struct agent_model *a)
{
    int house = s->houses ? houses_choose(s, a) : 0;
    if (s->houses ? !houses_reaches(s, house) : s->down) {
        sim_at(s, sim_random(s, 1, s->houses ? 3000 : 50), on_unreachable, a, a->life);
        return;
    }
    a->link = link_new(s, a, house);
    sim_at(s, sim_random(s, 1, 50), on_opened, a->link, 0);
}

/* May a message come twice? Events and what the agent says of itself may. */
static bool may_come_again(const uint8_t *frame, size_t len)
{
    struct msg m = {0};
    struct err e;
    if (frame[4] == FRAME_OUTPUT) return true;
    if (msg_decode(frame + FRAME_HEAD, len - FRAME_HEAD, agent_peer, &m, &e) != 0) return false;
    bool may = m.type == MSG_READY || m.type == MSG_STARTED || m.type == MSG_FINISHED ||
               m.type == MSG_DECLINED;
    msg_fini(&m);
    return may;
}

static void look_for_decline(struct sim *s, const uint8_t *frame, size_t len)
{
    struct msg m = {0};
    struct err e;
    if (frame[4] != FRAME_JSON || len > 2048 ||
        msg_decode(frame + FRAME_HEAD, len - FRAME_HEAD, agent_peer, &m, &e) != 0)
        return;
    if (m.type == MSG_DECLINED && str_eq(m.u.declined.reason, "could-not-start")) {
        struct job_model *j = map_find(&s->by_id, (uint64_t)m.u.declined.job);
        if (j) j->could_not_start++;
    }
    msg_fini(&m);
}

static void send_frame(struct sim *s, struct agent_model *a, const void *data, size_t len)
{
    if (!a->link) return;
    look_for_decline(s, data, len);
    link_to_coordinator(s, a->link, data, len);
    if (s->faults.repeat > 0 && may_come_again(data, len) && sim_chance(s, s->faults.repeat) &&
        a->link)
        link_to_coordinator(s, a->link, data, len);
}

static void on_uplink_wake(struct sim *s, void *object, uint64_t number)
{
    struct agent_model *a = object;
    struct moment now = s->world.now;
    if (number != a->uplink_wakes || !a->up || agent_sleeps(a, on_uplink_wake, a, number)) return;
    uplink_logic_wake(a->uplink, &now);
    agent_after(s, a);
}

static void end_link(struct sim *s, struct agent_model *a)
{
    struct link *l = a->link;
    if (!l) return;
    link_close(s, l);
    sim_at(s, sim_random(s, 0, 50), on_closed, l, 0);
}

static void on_uplink_act(const struct uplink_action *x, void *user)
{
    struct agent_model *a = user;
    struct sim *s = a->sim;
    if (is_dead(a)) return;
    switch (x->type) {
    case UPLINK_CONNECT:
        connect_now(s, a);
        break;
    case UPLINK_SEND:
        send_frame(s, a, x->u.send.data, x->u.send.len);
        if (sim_chance(s, 20 * s->faults.step_crash)) die_here(s, a);
        break;
    case UPLINK_CLOSE:
    case UPLINK_ABORT:
        end_link(s, a);
        break;
    case UPLINK_WAKE:
        a->uplink_wakes++;
        if (x->u.at_ms < INT64_MAX)
            sim_at(s, x->u.at_ms - sim_now(s) + (s->sabotage == SABOTAGE_LATE_AGENT ? LATE_MS : 0),
                   on_uplink_wake, a, a->uplink_wakes);
        break;
    case UPLINK_CHANGED:
        a->changed = true;
        break;
    case UPLINK_OWNER:
        if (!x->u.owner.addresses || !a->link) break;
        a->hint = x->u.owner.addresses[3] - '0'; /* ["cN:1"] */
        *x->u.owner.fresh = a->hint != a->link->house;
        break;
    case UPLINK_FATAL:
        sim_violation(s, "%s: %s", a->name, err_text(x->u.err));
        break;
    default:
        break;
    }
}

/* ---- what comes from the coordinator ---- */

struct arrival {
    struct sim *sim;
    struct agent_model *agent;
    int64_t seq;
};

static int look_at_event(int64_t seq, const void *frame, size_t len, void *user)
{
    const struct arrival *h = user;
    const uint8_t *bytes = frame;
    struct msg m = {0};
    struct err e;
    if (seq > h->seq) return 1;
    if (bytes[4] == FRAME_OUTPUT) return 0;
    if (msg_decode(bytes + FRAME_HEAD, len - FRAME_HEAD, agent_peer, &m, &e) == 0 &&
        m.type == MSG_FINISHED)
        check_end_acknowledged(h->sim, m.u.finished.job, m.u.finished.attempt, h->agent->id);
    msg_fini(&m);
    return 0;
}

/* Before the journal forgets them. */
static void look_at_acknowledged(struct sim *s, struct agent_model *a, int64_t seq)
{
    struct arrival h = {s, a, seq};
    struct err e;
    /* by an owner whose commits are lost */
    if (s->houses && a->link && a->link->reign <= s->houses->lost_reign) return;
    if (journal_pending_bytes(a->journal) > 0)
        (void)journal_each_event(a->journal, 0, look_at_event, &h, &e);
}

static void on_join(struct sim *s, void *object, uint64_t life)
{
    struct agent_model *a = object;
    char key[64];
    if (a->life != life || a->up) return;
    snprintf(key, sizeof key, "%s key %d", a->name, a->joins);
    struct command *c = cmd_enrol(&s->world, s->world.token, a->name, group_keys[a->group], key);
    c->u.enrol.groups = mem_strdup(turns_groups(a));
    map_put(&s->enrolling, c->session, a);
    coordinator_push(s, c);
    sim_at(s, 10000, on_join, a, life);
}

/* It was removed: somebody makes its state folder anew and joins again. */
static void leave_and_join(struct sim *s, struct agent_model *a)
{
    stop(s, a, false);
    machine_goes_down(s, a);
    state_forget(a);
    a->joins++;
    sim_at(s, sim_random(s, 1000, 60000), on_join, a, a->life);
}

void agent_enrolled(struct sim *s, struct agent_model *a, int64_t id)
{
    if (a->up || a->id == id) return;
    a->id = id;
    map_put(&s->agents_by_id, (uint64_t)id, a);
    agent_start(s, a);
}

static void note_offer(struct sim *s, const struct agent_model *a, int64_t job)
{
    struct job_model *j = map_find(&s->by_id, (uint64_t)job);
    if (!j) return;
    j->offer_reign = a->link->reign;
    j->offer_agent = a->id;
}

void agent_on_frame(struct sim *s, struct agent_model *a, const struct msg *m, const void *data,
                    size_t len)
{
    struct moment now = s->world.now;
    if (m->type == MSG_REFUSED && str_eq(m->u.refused.code, "revoked")) {
        leave_and_join(s, a);
        return;
    }
    if (m->type == MSG_JOB) note_offer(s, a, m->u.job.job);
    if (m->type == MSG_ACK) look_at_acknowledged(s, a, m->u.ack.seq);
    if (m->type == MSG_WELCOME) older_check_named(s, a);
    if (m->type == MSG_WELCOME) look_at_acknowledged(s, a, m->u.welcome.seq);
    uplink_logic_received(a->uplink, &now, data, len);
    agent_after(s, a);
}

/* ---- lives ---- */

void agent_init(struct sim *s, struct agent_model *a, int number)
{
    *a = (struct agent_model){.sim = s, .number = number, .boot = 1};
    snprintf(a->name, sizeof a->name, "agent-%d", number);
    a->inbox_end = &a->inbox;
    a->hint = NO_HOUSE;
    /* The first of each group can do everything, so that no job waits for ever. */
    a->group = number % GROUPS;
    bool able = number < GROUPS;
    a->windows = !able && sim_random(s, 0, 2) == 0;
    a->eu = able || sim_random(s, 0, 1) == 0;
    a->gpus = a->gpus_before = able ? 2 : (int)sim_random(s, 0, 3);
    a->slots = sim_random(s, 1, 4);
    turns_choose_groups(s, a);
    if (a->serves[GROUP_BETA]) a->windows = false; /* which requires linux */
    state_make(a, rng_next(&s->rng));
}

void agent_fini_model(struct agent_model *a)
{
    a->dying = true; /* nothing is done for the logic any more */
    uplink_logic_free(a->uplink);
    runner_logic_free(a->runner);
    machine_fini(a);
    state_fini(a);
    for (struct parcel *next, *p = take_inbox(a); p; p = next) {
        next = p->next;
        parcel_drop(p->fn, p->object);
        mem_free(p);
    }
}

static char *capabilities(const struct sim *s, const struct agent_model *a)
{
    if (s->sabotage == SABOTAGE_WRONG_AGENT)
        return mem_strdup("{\"os\":[\"linux\",\"windows\"],\"gpu\":{\"count\":9},"
                          "\"label.region\":\"eu-9\"}");
    return str_dupf("{\"os\":\"%s\",\"gpu\":{\"count\":%d},\"label.region\":\"%s\"}",
                    a->windows ? "windows" : "linux", a->gpus, a->eu ? "eu-1" : "us-1");
}

static void make_uplink(struct sim *s, struct agent_model *a)
{
    char *caps = capabilities(s, a);
    struct uplink_logic_options o = {.journal = a->journal,
                                     .runner = a->runner,
                                     .name = a->name,
                                     .group = group_keys[a->group],
                                     .groups = turns_groups(a),
                                     .boot_id = a->boot_id,
                                     .host_id = a->host_id,
                                     .capabilities = caps,
                                     .slots = a->slots,
                                     .seed = rng_next(&s->rng),
                                     .act = on_uplink_act,
                                     .user = a};
    if (s->sabotage == SABOTAGE_TOO_MANY) o.slots += 2;
    a->uplink = uplink_logic_new(&o);
    mem_free(caps);
}

void agent_start(struct sim *s, struct agent_model *a)
{
    struct runner_logic_options o = {.may_start = machine_may_start,
                                     .act = on_runner_act,
                                     .user = a};
    struct moment now = s->world.now;
    struct err e = {0};
    if (a->up) return;
    a->life++;
    a->draining = a->frozen = a->saying_goodbye = a->turn_planned = a->changed = a->dying = false;
    snprintf(a->boot_id, sizeof a->boot_id, "boot-%lld", (long long)a->boot);
    snprintf(a->host_id, sizeof a->host_id, "host-%lld", (long long)a->id);
    state_open(s, a);
    if (!a->journal) return;
    a->up = true;
    a->awake_ms = sim_now(s);
    machine_begin_life(a);
    o.journal = a->journal;
    if (runner_logic_new(&o, &a->runner, &e) != 0) {
        sim_violation(s, "%s: %s", a->name, err_text(&e));
        return;
    }
    make_uplink(s, a);
    uplink_logic_start(a->uplink, &now);
    agent_after(s, a);
}

static void stop(struct sim *s, struct agent_model *a, bool clean)
{
    struct err e;
    if (clean) {
        (void)journal_commit(a->journal, &e);
        uplink_logic_stop(a->uplink, "stopped");
        runner_logic_free(a->runner);
    }
    a->dying = true; /* nothing is done for the logic any more */
    uplink_logic_free(a->uplink);
    if (!clean) runner_logic_free(a->runner);
    a->uplink = NULL;
    a->runner = NULL;
    a->last_seq = journal_seq(a->journal);
    if (clean)
        state_close(a);
    else
        state_die(a, a->power_loss);
    if (a->link && !clean) {
        if (sim_random(s, 0, 1) == 0)
            link_close(s, a->link);
        else
            link_cut(s, a->link);
    }
    a->link = NULL;
    a->up = false;
    a->life++;
    a->frozen = false;
    if (!clean) machine_agent_died(s, a);
    for (struct parcel *next, *p = take_inbox(a); p; p = next) {
        next = p->next;
        p->fn(s, p->object, p->number); /* finds that the agent is gone */
        mem_free(p);
    }
}

void agent_drain(struct sim *s, struct agent_model *a)
{
    if (!a->up || a->draining || a->frozen || !uplink_logic_is_live(a->uplink)) return;
    a->draining = true;
    a->changed = true;
    runner_logic_drain(a->runner, sim_now(s), sim_random(s, 1000, 30000));
    uplink_logic_announce(a->uplink, a->slots);
    agent_after(s, a);
}

/* A GPU is put in or taken out. */
void agent_change(struct sim *s, struct agent_model *a)
{
    if (a->number < GROUPS || a->frozen) return; /* those can do everything, always */
    a->gpus_before = a->gpus;
    a->gpus = (int)sim_random(s, 0, 3);
    a->gpus_ms = sim_now(s);
    if (!a->up) return;
    char *caps = capabilities(s, a);
    uplink_logic_set_capabilities(a->uplink, caps);
    mem_free(caps);
    agent_after(s, a);
}

bool agent_meets(const struct agent_model *a, int requires)
{
    switch (requires) {
    case REQ_LINUX:
        return !a->windows;
    case REQ_WINDOWS:
        return a->windows;
    case REQ_GPU2:
        return a->gpus >= 2;
    case REQ_EU:
        return a->eu;
    case REQ_ANY_GPU:
        return a->gpus >= 1;
    default:
        return true;
    }
}

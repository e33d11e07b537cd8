/* The coordinator's process around the engine, the network, and the users. */
#include "tests/sim/sim.h"
#include "tests/sim/sim_houses.h"
#include "tests/sim/sim_older.h"
#include "tests/sim/sim_placement.h"
#include "tests/sim/sim_turns.h"

#include "base/id.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "wire/frame.h"
#include "wire/limits.h"

#include <stdio.h>
#include <string.h>

#define BUSY_AGAIN_MS 10 /* when its thread that writes is in a call */
#define NOT_OWNER_RETRY_MS 250
#define HEARD_WAITS_MS 1000 /* when nothing else makes a batch */

struct packet { /* frames on their way */
    struct link *link;
    struct buf bytes;
    bool last; /* the coordinator closes behind it */
    uint64_t coordinator_life;
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
        trace(s, l, "   ", "which was told of", 0, 0, c->u.hello.acked);
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

static void trace_message(const struct sim *s, const struct link *l, const struct msg *m)
{
    int64_t job = 0, attempt = 0;
    if (m->type == MSG_ACK && m->u.ack.heartbeat > 0) return;
    if (m->type == MSG_JOB) job = m->u.job.job, attempt = m->u.job.attempt;
    if (m->type == MSG_KILL) job = m->u.kill.job, attempt = m->u.kill.attempt;
    if (m->type == MSG_DISCARD) job = m->u.discard.job, attempt = m->u.discard.attempt;
    trace(s, l, "<--", msg_name(m->type), job, attempt, m->type == MSG_ACK ? m->u.ack.seq : 0);
}

/* ---- links ---- */

static void push_here(struct sim *s, struct command *c);

struct link *link_new(struct sim *s, struct agent_model *a, int house)
{
    struct link *l = mem_alloc(sizeof *l);
    l->session = ++s->world.sessions;
    l->agent = a;
    l->house = house;
    l->life = houses_life(s, house);
    l->facts = (struct session_facts){.number = l->session, .agent = a->id};
    frame_reader_init(&l->reader, LIMIT_FRAME_KNOWN);
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
    if (l->gone || houses_turn(s, life, on_gone, object, life) != TURN_NOW) return;
    l->cut = l->gone = true;
    trace(s, l, "-->", "gone", 0, 0, 0);
    if (l->facts.greeted) push_here(s, cmd_gone(l->session));
}

void link_cut(struct sim *s, struct link *l)
{
    if (l->cut) return;
    s->cuts++;
    l->cut = true;
    sim_at(s, sim_random(s, 0, 20000), agent_on_cut, l, 0);
    sim_at(s, sim_random(s, 0, 35000), on_gone, l, l->life);
}

/* What was sent before arrives before. */
void link_close(struct sim *s, struct link *l)
{
    int64_t last = l->to_coordinator_ms > sim_now(s) ? l->to_coordinator_ms - sim_now(s) : 0;
    sim_at(s, last + sim_random(s, 0, 50), on_gone, l, l->life);
}

void coordinator_silent(struct sim *s, void *object, uint64_t number)
{
    (void)number;
    struct link *l = object;
    if (l->cut || !l->agent->frozen || l->agent->link != l) return;
    l->cut = true;
    on_gone(s, l, l->life);
    sim_at(s, 1, agent_on_cut, l, 0);
}

static int64_t delay(struct sim *s)
{
    if (sim_chance(s, s->faults.long_stall)) /* about a lease, or more */
        return sim_random(s, 10000, 3 * s->world.config.lease_ms / 2);
    if (sim_chance(s, 100)) return sim_random(s, 1000, 8000); /* a stall */
    return sim_random(s, 0, 40);
}

static struct packet *packet_new(struct link *l, const void *data, size_t len)
{
    struct packet *p = mem_alloc(sizeof *p);
    p->link = l;
    buf_init(&p->bytes, LIMIT_SEND_QUEUE);
    (void)buf_add(&p->bytes, data, len);
    return p;
}

static void packet_free(struct packet *p)
{
    buf_fini(&p->bytes);
    mem_free(p);
}

/* Each process says in its outputs, or by its exit code when it fails, which attempt it is of. The
 * store's rows can be asked for the exit code alone, so that it stands there of a success, too. */
static void dye(struct command *c)
{
    const char *told = c->u.event.outputs;
    struct json *outputs = NULL;
    if (told) (void)json_parse(told, strlen(told), &outputs, NULL);
    c->u.event.exit_code = json_get_int(outputs, "attempt", -1);
    json_free(outputs);
}

static void on_beat(struct sim *s, struct link *l, const struct session_heard *heard);

/* What the coordinator's loop makes of a frame: the real session_receive. */
static void receive(struct sim *s, struct link *l, const struct frame *f)
{
    struct session_heard heard;
    session_receive(&l->facts, f, &heard);
    switch (heard.action) {
    case SESSION_COMMAND:
        trace_command(s, l, heard.command);
        if (heard.command->type == CMD_FINISHED && heard.command->u.event.state == JOB_SUCCESS)
            dye(heard.command);
        push_here(s, heard.command);
        break;
    case SESSION_BEAT:
        on_beat(s, l, &heard);
        break;
    case SESSION_BYE:
        l->facts.state = SESSION_CLOSING;
        break;
    default:
        sim_violation(s, "%s says what is refused: %s", l->agent->name, err_text(&heard.why));
        break;
    }
}

static void refuse(struct sim *s, struct link *l);

static void on_arrival_at_coordinator(struct sim *s, void *object, uint64_t number)
{
    struct packet *p = object;
    struct link *l = p->link;
    struct frame f;
    struct err e = {0};
    enum turn turn = houses_turn(s, p->coordinator_life, on_arrival_at_coordinator, object, number);
    if (turn == TURN_PUT_OFF) return;
    if (turn == TURN_NOW && !l->cut && !l->gone && s->houses && s->down) {
        refuse(s, l);
    } else if (turn == TURN_NOW && !l->cut && !l->gone && !s->down) {
        int rc = frame_reader_add(&l->reader, p->bytes.data, p->bytes.len, &e);
        while (rc == 0 && l->facts.state != SESSION_CLOSING &&
               (rc = frame_reader_next(&l->reader, &f, &e)) == 1) {
            receive(s, l, &f);
            rc = 0;
        }
        if (rc < 0) sim_violation(s, "%s: %s", l->agent->name, err_text(&e));
    }
    packet_free(p);
}

void link_to_coordinator(struct sim *s, struct link *l, const void *frames, size_t len)
{
    struct packet *p = packet_new(l, frames, len);
    p->coordinator_life = l->life;
    int64_t at = sim_now(s) + delay(s);
    if (at < l->to_coordinator_ms) at = l->to_coordinator_ms;
    l->to_coordinator_ms = at;
    sim_at(s, at - sim_now(s), on_arrival_at_coordinator, p, 0);
    if (sim_chance(s, s->faults.cut)) link_cut(s, l);
}

/* The first frame of a packet, for whoever looks over the network's shoulder. */
static bool peek(const struct packet *p, struct msg *out)
{
    struct err e;
    const uint8_t *bytes = (const uint8_t *)p->bytes.data;
    return p->bytes.len > FRAME_HEAD && msg_decode(bytes + FRAME_HEAD, p->bytes.len - FRAME_HEAD,
                                                   (struct msg_peer){.known = true}, out, &e) == 0;
}

static void on_arrival_at_agent(struct sim *s, void *object, uint64_t number)
{
    struct packet *p = object;
    struct link *l = p->link;
    struct agent_model *a = l->agent;
    struct msg m = {0};
    bool there = a->up && a->link == l;
    if (there && agent_sleeps(a, on_arrival_at_agent, p, number)) return;
    if (there && (!l->cut || p->last)) {
        if (peek(p, &m)) {
            trace_message(s, l, &m);
            agent_on_frame(s, a, &m, p->bytes.data, p->bytes.len);
        }
        if (p->last) sim_at(s, 0, agent_on_cut, l, 0);
    }
    msg_fini(&m);
    packet_free(p);
}

void parcel_drop(event_fn *fn, void *object)
{
    if (fn == on_arrival_at_agent || fn == on_arrival_at_coordinator) packet_free(object);
}

void event_fini(struct event *e)
{
    parcel_drop(e->fn, e->object);
}

/* What may come twice at any time. A job may not: an ordered connection and a journal see to that,
 * so its double follows at its heels. */
static bool may_come_again(enum msg_type type)
{
    return type == MSG_JOB || type == MSG_KILL || type == MSG_ACK || type == MSG_DISCARD ||
           type == MSG_DRAIN;
}

static void repeat(struct sim *s, const struct packet *first, enum msg_type type, int64_t at)
{
    struct packet *p = packet_new(first->link, first->bytes.data, first->bytes.len);
    s->repeats++;
    if (type == MSG_KILL || type == MSG_ACK)
        at += sim_random(s, 0, 1) ? sim_random(s, 0, 20000) : 0;
    sim_at(s, at - sim_now(s), on_arrival_at_agent, p, 0);
}

static void post(struct sim *s, struct link *l, struct packet *p, enum msg_type type)
{
    int64_t at = sim_now(s) + delay(s);
    if (at < l->to_agent_ms) at = l->to_agent_ms;
    l->to_agent_ms = at;
    sim_at(s, at - sim_now(s), on_arrival_at_agent, p, 0);
    if (may_come_again(type) && sim_chance(s, s->faults.again)) repeat(s, p, type, at);
}

/* By one that does not own the queue. */
static void refuse(struct sim *s, struct link *l)
{
    struct err e = {0};
    if (l->facts.state == SESSION_CLOSING) return;
    struct packet *p = packet_new(l, NULL, 0);
    char *owner = houses_owner_seen(s);
    if (session_send_not_owner(&l->facts, owner, NOT_OWNER_RETRY_MS, &p->bytes, &e) != 0)
        sim_violation(s, "to %s: %s", l->agent->name, err_text(&e));
    mem_free(owner);
    p->last = true;
    post(s, l, p, MSG_REFUSED);
}

/* The agent is told of a lease that is longer than the coordinator's. */
static void stretch_lease(struct packet *p, struct msg *m)
{
    m->u.job.lease_ms *= 4;
    buf_clear(&p->bytes);
    (void)msg_frame_add(&p->bytes, m);
}

/* Before a job, as by the loop. */
static void send_kept_beat(struct sim *s, struct link *l)
{
    struct err e = {0};
    if (!l->facts.kept_beat) return;
    struct packet *p = packet_new(l, NULL, 0);
    s->told_late++;
    houses_told(s);
    if (session_send_kept_beat(&l->facts, &p->bytes, &e) != 0)
        sim_violation(s, "to %s: %s", l->agent->name, err_text(&e));
    post(s, l, p, MSG_ACK);
}

static void link_to_agent(struct sim *s, struct link *l, const struct effect *x)
{
    if (x->type == EFFECT_JOB) send_kept_beat(s, l);
    const struct engine_config *c = &s->world.config;
    struct session_terms terms = {c->lease_ms, c->heartbeat_ms, c->output_limit_bytes,
                                  s->world.now.wall_ms, NULL};
    struct packet *p = packet_new(l, NULL, 0);
    struct msg m = {0};
    struct err e = {0};
    houses_told(s);
    l->reign = houses_reign(s);
    if (session_send(&l->facts, &terms, x, &p->bytes, &e) != 0)
        sim_violation(s, "to %s: %s", l->agent->name, err_text(&e));
    p->last = l->facts.state == SESSION_CLOSING;
    (void)peek(p, &m);
    if (s->sabotage == SABOTAGE_SHORT_LEASE && m.type == MSG_JOB) stretch_lease(p, &m);
    post(s, l, p, m.type);
    msg_fini(&m);
}

/* The loop acknowledges at once, or not yet; the engine hears of it with the next batch. */
static void on_beat(struct sim *s, struct link *l, const struct session_heard *heard)
{
    struct err e = {0};
    if (!houses_may_acknowledge(s)) return;
    coordinator_hear(s, l->facts.agent);
    if (heard->ack_later) {
        session_keep_beat(&l->facts, heard->beat);
        return;
    }
    struct packet *p = packet_new(l, NULL, 0);
    houses_told(s);
    if (session_send_beat(&l->facts, heard->beat, &p->bytes, &e) != 0)
        sim_violation(s, "to %s: %s", l->agent->name, err_text(&e));
    post(s, l, p, MSG_ACK);
}

/* ---- a copied machine ---- */

static void on_clone_gone(struct sim *s, void *object, uint64_t life)
{
    if (houses_turn(s, life >> 32, on_clone_gone, object, life) != TURN_NOW) return;
    push_here(s, cmd_gone(life & 0xffffffff));
}

struct copied {
    struct sim *sim;
    struct command *hello;
};

static int copy_attempt(const struct journal_attempt *j, void *user)
{
    const struct copied *c = user;
    if (sim_random(c->sim, 0, 1)) return 1;
    cmd_hello_attempt(c->hello, j->job, j->attempt, sim_random(c->sim, 0, 1) == 0);
    return 0;
}

void clone_hello(struct sim *s, struct agent_model *a)
{
    /* What lives on at the former machine is not waited for: a limit (docs/guarantees.md). */
    if (machine_has_tough(a) || !houses_front(s)) return;
    uint64_t number = ++s->world.sessions;
    struct command *c = cmd_hello(&s->world, number, a->id, group_keys[a->group], a->slots);
    c->u.hello.groups = mem_strdup(turns_groups(a));
    s->clones++;
    a->knows_more = false; /* it may be on another machine now */
    map_put(&s->clone_sessions, number, a);
    mem_free(c->u.hello.host_id);
    c->u.hello.host_id = str_dupf("clone-%llu", (unsigned long long)number);
    c->u.hello.seq = a->up ? journal_seq(a->journal) : a->last_seq;
    struct copied copied = {s, c};
    struct err e;
    if (a->up) (void)journal_each_attempt(a->journal, copy_attempt, &copied, &e);
    push_here(s, c);
    if (sim_random(s, 0, 1)) push_here(s, cmd_ready(number)); /* and takes jobs, and drops them */
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
    if (!houses_front(s)) {
        sim_at(s, 1000, user_submit, j, 0);
        return;
    }
    struct command *c = cmd_submit(&s->world, group_keys[j->group], requires_json[j->requires]);
    char *group = c->u.submit.job.group;
    c->u.submit.job = j->row;
    c->u.submit.job.group = group;
    c->u.submit.job.unique_key = mem_strdup(j->key);
    if (j->row.kill_grace_ms > 0) {
        mem_free(c->u.submit.spec);
        c->u.submit.spec = str_dupf("{\"command\":[\"true\"],\"killGraceMs\":%lld}",
                                    (long long)j->row.kill_grace_ms);
    }
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
    if (!j->id || !houses_front(s)) {
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
        if (x->u.reply.reply.rc == 0 && j->id && !older_is_void(s)) j->cancel_done = true;
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
    if (s->houses) {
        houses_crash(s);
        return;
    }
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
    heard_fini(&s->heard);
    houses_lose_links(s, 20000);
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
    s->loads = s->houses ? ++s->houses->loads : s->loads + 1;
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

static void push_here(struct sim *s, struct command *c)
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

void coordinator_push(struct sim *s, struct command *c)
{
    if (houses_front(s))
        push_here(s, c);
    else
        command_free(c);
}

static void on_heard_long(struct sim *s, void *object, uint64_t life)
{
    if (houses_turn(s, life, on_heard_long, object, life) == TURN_NOW && s->heard.count > 0)
        plan_batch(s, 0);
}

void coordinator_hear(struct sim *s, int64_t agent)
{
    if (s->sabotage == SABOTAGE_UNHEARD) return;
    if (s->heard.count == 0) sim_at(s, HEARD_WAITS_MS, on_heard_long, NULL, s->coordinator_life);
    heard_add(&s->heard, agent);
}

static void on_tick(struct sim *s, void *object, uint64_t life)
{
    if (houses_turn(s, life, on_tick, object, life) != TURN_NOW) return;
    if (s->down || sim_now(s) < s->tick_at_ms) return;
    s->tick_at_ms = INT64_MAX;
    push_here(s, command_new(CMD_TICK));
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
    if (joining && x->type == EFFECT_ENROLLED && !older_is_void(s))
        agent_enrolled(s, joining, x->u.enrolled.agent);
    struct link *l = x->session ? map_find(&s->links, x->session) : NULL;
    if (!l || l->gone) return;
    if (x->type == EFFECT_JOB) s->hand_outs++;
    if (!l->cut) link_to_agent(s, l, x);
    if (x->type == EFFECT_CLOSE || x->type == EFFECT_REFUSED)
        sim_at(s, sim_random(s, 0, 50), on_gone, l, l->life);
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
    c->u.event.seq = journal_next_seq(a->journal);
    c->u.event.attempt = j->attempt;
}

static void apply_queue(struct sim *s)
{
    struct command *next, *told = heard_take(&s->heard);
    if (told) world_apply(&s->world, told);
    for (struct command *c = s->queue; c; c = next) {
        next = c->next;
        c->next = NULL;
        if (s->sabotage == SABOTAGE_OLD_RESULTS) dress_up(s, c);
        if (s->sabotage == SABOTAGE_DEAF_CANCEL && c->type == CMD_CANCEL) c->type = CMD_WHY;
        if (s->sabotage == SABOTAGE_UNTOLD_LOSS && c->type == CMD_HELLO) c->u.hello.acked = 0;
        placement_hear(s, c);
        turns_hear(s, c);
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
    store_faults.forget_tried = s->sabotage == SABOTAGE_FORGETFUL;
    store_faults.forget_failures = s->sabotage == SABOTAGE_SAME_AGENT;
    store_faults.forget_turns = s->sabotage == SABOTAGE_NO_TURNS;
    store_faults.lose_result = s->sabotage == SABOTAGE_LOST_RESULT && sim_random(s, 0, 30) == 0;
    if (store_faults.fail_commit) s->failed_commits++;
}

/* The batch failed: what waits is applied again after a while, before all else. */
static void try_again(struct sim *s, struct command *kept)
{
    coordinator_loaded(s);
    struct command **end = &kept;
    while (*end)
        end = &(*end)->next;
    if (s->queue)
        *end = s->queue;
    else
        s->queue_end = kept ? end : &s->queue;
    s->queue = kept;
    plan_batch(s, sim_random(s, 500, 4000));
}

static void begin_batch(struct sim *s)
{
    int64_t mono = s->world.now.mono_ms;
    if (s->sabotage == SABOTAGE_WALL_LEASE)
        s->world.now.mono_ms = s->world.now.wall_ms - s->start_ms;
    world_begin(&s->world);
    s->world.now.mono_ms = mono;
}

bool coordinator_may_block(event_fn *fn)
{
    return fn == on_batch;
}

static void on_batch(struct sim *s, void *object, uint64_t life)
{
    if (houses_turn(s, life, on_batch, object, life) != TURN_NOW || s->down) return;
    if (houses_is_busy(s)) {
        sim_at(s, BUSY_AGAIN_MS, on_batch, NULL, life);
        return;
    }
    s->batch_planned = false;
    s->batches++;
    if (sim_chance(s, s->faults.crash_before)) {
        crash(s);
        return;
    }
    arm_faults(s);
    bool io_crash = s->disk && sim_chance(s, s->faults.io_crash);
    if (io_crash) die_soon(s);
    houses_batch_begins(s);
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
    struct command *kept = NULL;
    int rc = world_commit_or_keep(&s->world, &kept);
    if (io_crash && disk_has_died(s->disk)) {
        s->io_crashes++;
        crash(s);
        return;
    }
    if (io_crash) disk_die_after(s->disk, -1, false);
    if (rc == ERR_INTERNAL && older_is_void(s)) { /* it may find that what it reads is older */
        crash(s);
        return;
    }
    if (rc == ERR_INTERNAL) sim_violation(s, "the engine finds itself broken");
    if (rc) try_again(s, kept);
    if (rc == 0 && !houses_have_checked(s)) check_batch(s);
    bool newest = rc == 0 && houses_is_owner(s);
    if (newest && s->batches % 8 == 0) check_limits(s);
    if (newest && s->sabotage == SABOTAGE_NONE && sim_random(s, 0, 9) == 0) check_invariants(s);
    if (!houses_batch_committed(s, rc)) return;
    if (sim_chance(s, s->faults.crash_after)) {
        crash(s);
        return;
    }
    for (struct effect *x = s->world.effects.first; x && houses_may_tell(s); x = x->next) {
        carry_out(s, x);
        if (sim_chance(s, s->faults.crash_between)) {
            crash(s);
            return;
        }
    }
    if (houses_batch_ends(s)) coordinator_plan(s);
}

/* An agent as PROTOCOL.md wants it: journal, heartbeat, its own lease clock, the guard beside
 * it. */
#include "tests/sim/sim.h"

#include "base/mem.h"
#include "base/str.h"
#include "wire/lease.h"

#include <stdio.h>
#include <string.h>

#define SILENCE_MS(s) lease_silence_ms((s)->world.config.heartbeat_ms)

static struct held *held_find(struct agent_model *a, int64_t job, int64_t attempt)
{
    for (struct held *h = a->held; h; h = h->next) {
        if (h->job == job && h->attempt == attempt) return h;
    }
    return NULL;
}

static struct held *held_of_life(struct agent_model *a, uint64_t life)
{
    for (struct held *h = a->held; h; h = h->next) {
        if (h->life == life) return h;
    }
    return NULL;
}

static void held_remove(struct agent_model *a, struct held *h)
{
    struct held **at = &a->held;
    while (*at != h)
        at = &(*at)->next;
    *at = h->next;
    mem_free(h);
}

static void process_ends(struct sim *s, struct agent_model *a, struct held *h)
{
    if (!h->process) return;
    h->process = false;
    a->processes--;
    check_process_ends(s, h->job, h->attempt);
}

/* ---- events ---- */

static void send_event(struct sim *s, struct agent_model *a, const struct event_model *v)
{
    uint64_t session = a->link->session;
    struct command *c;
    if (v->type == CMD_OUTPUT) {
        c = cmd_output(session, v->seq, v->job, v->attempt, v->offset, "0123456789");
    } else {
        c = cmd_finished(session, v->seq, v->job, v->attempt, v->state, v->reason);
        c->type = v->type;
        c->u.event.exited = v->exited;
        c->u.event.exit_code = v->attempt;
    }
    link_to_coordinator(s, a->link, c);
}

static struct event_model *add_event(struct sim *s, struct agent_model *a, enum command_type type,
                                     const struct held *h, enum job_state state, enum reason reason,
                                     int64_t offset)
{
    struct event_model *v = mem_alloc(sizeof *v);
    *v = (struct event_model){.seq = ++a->seq,
                              .type = type,
                              .job = h->job,
                              .attempt = h->attempt,
                              .offset = offset,
                              .state = state,
                              .reason = reason,
                              .exited = state == JOB_SUCCESS || reason == REASON_EXIT_CODE};
    *a->events_end = v;
    a->events_end = &v->next;
    if (a->state == AGENT_READY) {
        send_event(s, a, v);
        if (sim_chance(s, s->faults.repeat)) send_event(s, a, v);
    }
    return v;
}

static void drop_events(struct agent_model *a,
                        bool (*drop)(const struct event_model *v, int64_t x, int64_t y), int64_t x,
                        int64_t y)
{
    struct event_model **at = &a->events;
    while (*at) {
        struct event_model *v = *at;
        if (drop(v, x, y)) {
            *at = v->next;
            mem_free(v);
        } else {
            at = &v->next;
        }
    }
    a->events_end = at;
}

static bool up_to(const struct event_model *v, int64_t seq, int64_t unused)
{
    (void)unused;
    return v->seq <= seq;
}

static bool of_attempt(const struct event_model *v, int64_t job, int64_t attempt)
{
    return v->job == job && v->attempt == attempt;
}

static void acknowledged(struct sim *s, struct agent_model *a, int64_t seq)
{
    for (const struct event_model *v = a->events; v; v = v->next) {
        if (v->seq <= seq && v->type == CMD_FINISHED)
            check_end_acknowledged(s, v->job, v->attempt, a->id);
    }
    drop_events(a, up_to, seq, 0);
    struct held *next;
    for (struct held *h = a->held; h; h = next) {
        next = h->next;
        if (h->state == HELD_ENDED && h->end_seq <= seq) held_remove(a, h);
    }
}

static void held_finish(struct sim *s, struct agent_model *a, struct held *h,
                        enum command_type type, enum job_state state, enum reason reason)
{
    process_ends(s, a, h);
    h->state = HELD_ENDED;
    h->will = state;
    h->life = ++a->lives;
    h->end_seq = add_event(s, a, type, h, state, reason, 0)->seq;
}

/* ---- the lease: the agent's own clock, and the guard that minds it while the agent hangs ---- */

static bool lease_is_over(struct sim *s, const struct agent_model *a, const struct held *h)
{
    return sim_now(s) >= a->lease_base_ms + h->lease_ms;
}

static void on_lease(struct sim *s, void *object, uint64_t life)
{
    struct agent_model *a = object;
    struct held *h = held_of_life(a, life);
    if (!h || a->state == AGENT_DOWN) return;
    if (!lease_is_over(s, a, h)) {
        sim_at(s, a->lease_base_ms + h->lease_ms - sim_now(s), on_lease, a, life);
        return;
    }
    if (!a->frozen || s->sabotage != SABOTAGE_NO_GUARD) process_ends(s, a, h);
    if (a->frozen) {
        sim_at(s, 700, on_lease, a, life);
        return;
    }
    held_finish(s, a, h, CMD_FINISHED, JOB_FAILED, REASON_LOST);
}

/* ---- an attempt ---- */

/* kill -9 at this very step. */
static bool dies_here(struct sim *s, struct agent_model *a)
{
    if (!sim_chance(s, s->faults.step_crash)) return false;
    s->step_crashes++;
    agent_crash(s, a);
    return true;
}

static void on_end(struct sim *s, void *object, uint64_t life)
{
    struct agent_model *a = object;
    struct held *h = held_of_life(a, life);
    if (!h || a->state == AGENT_DOWN) return;
    process_ends(s, a, h);
    if (a->frozen) {
        sim_at(s, 700, on_end, a, life);
        return;
    }
    if (dies_here(s, a)) return;
    held_finish(s, a, h, CMD_FINISHED, h->will,
                h->will == JOB_FAILED ? REASON_EXIT_CODE : REASON_NONE);
}

static void on_output(struct sim *s, void *object, uint64_t life)
{
    struct agent_model *a = object;
    struct held *h = held_of_life(a, life);
    if (!h || !h->process || a->frozen || a->state == AGENT_DOWN) return;
    add_event(s, a, CMD_OUTPUT, h, JOB_CREATED, REASON_NONE, h->chunks * 10);
    h->chunks++;
    check_process_writes(s, h->job, h->chunks * 10);
    sim_at(s, sim_random(s, 1, 4000), on_output, a, life);
}

static void on_begin(struct sim *s, void *object, uint64_t life)
{
    struct agent_model *a = object;
    struct held *h = held_of_life(a, life);
    if (!h || a->state == AGENT_DOWN) return;
    if (a->frozen) {
        sim_at(s, 700, on_begin, a, life);
        return;
    }
    if (dies_here(s, a)) return;
    if (lease_is_over(s, a, h)) {
        held_finish(s, a, h, CMD_FINISHED, JOB_FAILED, REASON_LOST);
        return;
    }
    if (sim_chance(s, 60)) {
        held_finish(s, a, h, CMD_FINISHED, JOB_FAILED, REASON_NOT_STARTED);
        return;
    }
    h->state = HELD_STARTED; /* in the journal before there is a process */
    if (dies_here(s, a)) return;
    h->process = true;
    a->processes++;
    s->processes++;
    h->will = sim_random(s, 0, 4) == 0 ? JOB_FAILED : JOB_SUCCESS;
    check_process_begins(s, a, h->job, h->attempt);
    if (a->processes > a->slots)
        sim_violation(s, "%s runs %d jobs in %d slots", a->name, a->processes, (int)a->slots);
    add_event(s, a, CMD_STARTED, h, JOB_CREATED, REASON_NONE, 0);
    int64_t length =
        sim_random(s, 0, 9) == 0 ? sim_random(s, 20000, 90000) : sim_random(s, 1, 8000);
    sim_at(s, sim_random(s, 1, 3000), on_output, a, life);
    sim_at(s, length, on_end, a, life);
}

static void on_job(struct sim *s, struct agent_model *a, const struct note *n)
{
    if (held_find(a, n->job, n->attempt)) return;
    struct held *h = mem_alloc(sizeof *h);
    *h = (struct held){.job = n->job,
                       .attempt = n->attempt,
                       .lease_ms = n->lease_ms,
                       .accepted_ms = sim_now(s),
                       .life = ++a->lives,
                       .next = a->held};
    a->held = h;
    if (dies_here(s, a)) return;
    if (a->draining || sim_chance(s, s->faults.decline)) {
        held_finish(s, a, h, CMD_DECLINED, JOB_CREATED, REASON_NONE);
        return;
    }
    sim_at(s, sim_random(s, 0, 300), on_begin, a, h->life);
    sim_at(s, a->lease_base_ms + h->lease_ms - sim_now(s), on_lease, a, h->life);
}

static void on_killed(struct sim *s, void *object, uint64_t life)
{
    struct agent_model *a = object;
    struct held *h = held_of_life(a, life);
    if (!h || a->state == AGENT_DOWN) return;
    process_ends(s, a, h);
    if (a->frozen) {
        sim_at(s, 700, on_killed, a, life);
        return;
    }
    bool timeout = h->will == JOB_RETRYING;
    held_finish(s, a, h, CMD_FINISHED, timeout ? JOB_FAILED : JOB_KILLED,
                timeout ? REASON_TIMEOUT : REASON_CANCELLED);
}

static void on_kill(struct sim *s, struct agent_model *a, const struct note *n)
{
    struct held *h = held_find(a, n->job, n->attempt);
    if (!h || h->state == HELD_ENDED) return;
    h->will = str_eq(n->text, "timeout") ? JOB_RETRYING : JOB_KILLED; /* a mark for on_killed */
    if (h->state == HELD_ACCEPTED) {
        on_killed(s, a, h->life);
        return;
    }
    h->life = ++a->lives; /* its own end is not awaited any more */
    sim_at(s, sim_random(s, 0, n->grace_ms), on_killed, a, h->life);
    sim_at(s, a->lease_base_ms + h->lease_ms - sim_now(s), on_lease, a, h->life);
}

static void on_discard(struct sim *s, struct agent_model *a, const struct note *n)
{
    struct held *h = held_find(a, n->job, n->attempt);
    drop_events(a, of_attempt, n->job, n->attempt);
    if (!h) return;
    process_ends(s, a, h);
    held_remove(a, h);
}

/* ---- the session ---- */

static void on_connect(struct sim *s, void *object, uint64_t life);

static void retry_later(struct sim *s, struct agent_model *a, int64_t least)
{
    int64_t wait = a->backoff_ms / 2 + sim_random(s, 0, a->backoff_ms / 2);
    a->backoff_ms = a->backoff_ms < 15000 ? 2 * a->backoff_ms : 30000;
    sim_at(s, wait > least ? wait : least + sim_random(s, 0, 1000), on_connect, a, a->life);
}

static void lose_link(struct sim *s, struct agent_model *a, int64_t least)
{
    a->link->agent_open = false;
    a->link = NULL;
    a->state = AGENT_AWAY;
    retry_later(s, a, least);
}

void agent_on_cut(struct sim *s, void *object, uint64_t number)
{
    struct link *l = object;
    struct agent_model *a = l->agent;
    if (a->link != l) return;
    if (a->frozen) {
        sim_at(s, 700, agent_on_cut, l, number);
        return;
    }
    lose_link(s, a, 0);
}

static char *capabilities(const struct sim *s, const struct agent_model *a)
{
    if (s->sabotage == SABOTAGE_WRONG_AGENT)
        return mem_strdup("{\"os\":[\"linux\",\"windows\"],\"gpu\":{\"count\":9},"
                          "\"label.region\":\"eu-9\"}");
    return str_dupf("{\"os\":\"%s\",\"gpu\":{\"count\":%d},\"label.region\":\"%s\"}",
                    a->windows ? "windows" : "linux", a->gpus, a->eu ? "eu-1" : "us-1");
}

static void on_connect(struct sim *s, void *object, uint64_t life)
{
    struct agent_model *a = object;
    if (a->life != life || a->state != AGENT_AWAY) return;
    if (a->frozen) {
        sim_at(s, 700, on_connect, a, life);
        return;
    }
    if (s->down) {
        retry_later(s, a, 0);
        return;
    }
    a->link = link_new(s, a);
    a->state = AGENT_GREETING;
    a->hello_ms = a->heard_ms = sim_now(s);
    a->heartbeat_n = 0;
    struct command *c =
        cmd_hello(&s->world, a->link->session, a->id, group_keys[a->group], a->slots);
    if (s->sabotage == SABOTAGE_TOO_MANY) c->u.hello.slots += 2;
    mem_free(c->u.hello.capabilities);
    c->u.hello.capabilities = capabilities(s, a);
    mem_free(c->u.hello.boot_id);
    c->u.hello.boot_id = str_dupf("boot-%lld", (long long)a->boot);
    mem_free(c->u.hello.journal_id);
    c->u.hello.journal_id = str_dupf("journal-%lld", (long long)a->journal);
    c->u.hello.seq = a->seq;
    c->u.hello.draining = a->draining;
    for (const struct held *h = a->held; h; h = h->next)
        cmd_hello_attempt(c, h->job, h->attempt, h->state == HELD_ENDED);
    link_to_coordinator(s, a->link, c);
}

static int64_t heartbeat_interval(const struct sim *s, const struct agent_model *a)
{
    int64_t interval = s->world.config.heartbeat_ms;
    for (const struct held *h = a->held; h; h = h->next) {
        if (h->state != HELD_ENDED && lease_heartbeat_ms(h->lease_ms) < interval)
            interval = lease_heartbeat_ms(h->lease_ms);
    }
    return interval;
}

static void on_heartbeat(struct sim *s, void *object, uint64_t number)
{
    struct link *l = object;
    struct agent_model *a = l->agent;
    if (a->link != l || a->state != AGENT_READY) return;
    if (a->frozen) {
        sim_at(s, 700, on_heartbeat, l, number);
        return;
    }
    if (sim_now(s) - a->heard_ms > SILENCE_MS(s)) {
        link_close(s, l);
        lose_link(s, a, 0);
        return;
    }
    a->heartbeat_n++;
    a->heartbeat_at[a->heartbeat_n % 64] = sim_now(s);
    link_to_coordinator(s, l, cmd_heartbeat(l->session, a->heartbeat_n));
    sim_at(s, heartbeat_interval(s, a), on_heartbeat, l, 0);
}

static void send_ready(struct sim *s, struct agent_model *a)
{
    struct command *c = cmd_ready(a->link->session);
    c->u.ready.draining = a->draining;
    c->u.ready.capabilities = capabilities(s, a);
    link_to_coordinator(s, a->link, c);
    if (!sim_chance(s, s->faults.repeat)) return;
    c = cmd_ready(a->link->session);
    c->u.ready.draining = a->draining;
    link_to_coordinator(s, a->link, c);
}

static void on_welcome(struct sim *s, struct agent_model *a, const struct note *n)
{
    a->state = AGENT_READY;
    a->backoff_ms = 500;
    a->lease_base_ms = a->hello_ms;
    acknowledged(s, a, n->seq);
    if (a->seq < n->seq) a->seq = n->seq;
    for (const struct event_model *v = a->events; v; v = v->next)
        send_event(s, a, v);
    send_ready(s, a);
    on_heartbeat(s, a->link, 0);
}

static void on_ack(struct sim *s, struct agent_model *a, const struct note *n)
{
    acknowledged(s, a, n->seq);
    if (n->n > 0 && n->n <= a->heartbeat_n && a->heartbeat_n - n->n < 64) {
        int64_t at = a->heartbeat_at[n->n % 64];
        if (at > a->lease_base_ms) a->lease_base_ms = at;
    }
}

static void stop(struct sim *s, struct agent_model *a)
{
    for (struct held *h = a->held; h; h = h->next)
        process_ends(s, a, h); /* the guard sees to it */
    if (a->link) {
        a->link->agent_open = false;
        if (sim_random(s, 0, 1) == 0)
            link_close(s, a->link);
        else
            link_cut(s, a->link);
    }
    a->link = NULL;
    a->state = AGENT_DOWN;
    a->life++;
    a->frozen = false;
    for (struct packet *p; (p = packet_take(a)) != NULL;)
        packet_free(p);
}

/* Its state folder is lost. */
static void forget_all(struct agent_model *a)
{
    while (a->held)
        held_remove(a, a->held);
    drop_events(a, up_to, INT64_MAX, 0);
    a->journal++;
    a->seq = 0;
}

static void on_join(struct sim *s, void *object, uint64_t life)
{
    struct agent_model *a = object;
    char key[64];
    if (a->life != life || a->state != AGENT_DOWN) return;
    snprintf(key, sizeof key, "%s key %d", a->name, a->joins);
    struct command *c = cmd_enrol(&s->world, s->world.token, a->name, group_keys[a->group], key);
    map_put(&s->enrolling, c->session, a);
    coordinator_push(s, c);
    sim_at(s, 10000, on_join, a, life);
}

/* It was removed: somebody makes its state folder anew and joins again. */
static void leave_and_join(struct sim *s, struct agent_model *a)
{
    stop(s, a);
    forget_all(a);
    a->joins++;
    sim_at(s, sim_random(s, 1000, 60000), on_join, a, a->life);
}

void agent_enrolled(struct sim *s, struct agent_model *a, int64_t id)
{
    if (a->state != AGENT_DOWN || a->id == id) return;
    a->id = id;
    map_put(&s->agents_by_id, (uint64_t)id, a);
    agent_start(s, a);
}

void agent_on_note(struct sim *s, struct link *l, const struct note *n)
{
    struct agent_model *a = l->agent;
    if (a->link != l) return;
    a->heard_ms = sim_now(s);
    switch (n->type) {
    case EFFECT_WELCOME:
        on_welcome(s, a, n);
        break;
    case EFFECT_REFUSED:
        if (str_eq(n->text, "revoked")) {
            leave_and_join(s, a);
            break;
        }
        lose_link(s, a, n->retry_ms > 0 ? n->retry_ms : 300000);
        break;
    case EFFECT_CLOSE:
        lose_link(s, a, 0);
        break;
    case EFFECT_JOB:
        on_job(s, a, n);
        break;
    case EFFECT_KILL:
        on_kill(s, a, n);
        break;
    case EFFECT_ACK:
        on_ack(s, a, n);
        break;
    case EFFECT_DISCARD:
        on_discard(s, a, n);
        break;
    default:
        break;
    }
}

/* ---- lives ---- */

void agent_init(struct sim *s, struct agent_model *a, int number)
{
    *a = (struct agent_model){.sim = s, .number = number, .journal = 1, .boot = 1};
    snprintf(a->name, sizeof a->name, "agent-%d", number);
    a->events_end = &a->events;
    a->inbox_end = &a->inbox;
    /* The first of each group can do everything, so that no job waits for ever. */
    a->group = number % GROUPS;
    bool able = number < GROUPS;
    a->windows = !able && sim_random(s, 0, 2) == 0;
    a->eu = able || sim_random(s, 0, 1) == 0;
    a->gpus = a->gpus_before = able ? 2 : (int)sim_random(s, 0, 3);
    a->slots = sim_random(s, 1, 4);
    if (a->group == GROUP_BETA) a->windows = false; /* which requires linux */
}

void agent_fini_model(struct agent_model *a)
{
    while (a->held)
        held_remove(a, a->held);
    drop_events(a, up_to, INT64_MAX, 0);
    for (struct packet *p; (p = packet_take(a)) != NULL;)
        packet_free(p);
}

void agent_start(struct sim *s, struct agent_model *a)
{
    if (a->state != AGENT_DOWN) return;
    a->life++;
    a->state = AGENT_AWAY;
    a->draining = a->frozen = false;
    a->backoff_ms = 500;
    /* What the journal says of the life before. */
    for (struct held *h = a->held; h; h = h->next) {
        h->life = ++a->lives;
        if (h->state == HELD_ACCEPTED)
            held_finish(s, a, h, CMD_DECLINED, JOB_CREATED, REASON_NONE);
        else if (h->state == HELD_STARTED)
            held_finish(s, a, h, CMD_FINISHED, JOB_FAILED, REASON_INTERRUPTED);
    }
    sim_at(s, sim_random(s, 0, 500), on_connect, a, a->life);
}

static void on_start(struct sim *s, void *object, uint64_t number)
{
    (void)number;
    agent_start(s, object);
}

void agent_crash(struct sim *s, struct agent_model *a)
{
    if (a->state == AGENT_DOWN) return;
    s->agent_crashes++;
    stop(s, a);
    if (sim_chance(s, s->faults.agent_reboot)) a->boot++;
    if (sim_chance(s, s->faults.agent_forgets)) forget_all(a);
    int64_t lease = s->world.config.lease_ms;
    sim_at(s, sim_random(s, 0, 3) == 0 ? sim_random(s, lease, 2 * lease) : sim_random(s, 100, 5000),
           on_start, a, 0);
}

static void on_thaw(struct sim *s, void *object, uint64_t life);

void agent_thaw(struct sim *s, struct agent_model *a)
{
    if (a->frozen) on_thaw(s, a, a->life);
}

static void on_thaw(struct sim *s, void *object, uint64_t life)
{
    struct agent_model *a = object;
    if (a->life != life || !a->frozen) return;
    a->frozen = false;
    for (struct packet *p; !a->frozen && (p = packet_take(a)) != NULL;)
        packet_deliver(s, p);
}

void agent_freeze(struct sim *s, struct agent_model *a)
{
    if (a->state == AGENT_DOWN || a->frozen) return;
    s->freezes++;
    a->frozen = true;
    if (a->link) sim_at(s, SILENCE_MS(s), coordinator_silent, a->link, a->life);
    sim_at(s, sim_random(s, 500, 2 * s->world.config.lease_ms), on_thaw, a, a->life);
}

static void on_drained(struct sim *s, void *object, uint64_t life)
{
    struct agent_model *a = object;
    if (a->life != life || a->state == AGENT_DOWN) return;
    if (a->frozen) {
        sim_at(s, 700, on_drained, a, life);
        return;
    }
    for (struct held *h = a->held; h; h = h->next) {
        if (h->state == HELD_STARTED) held_finish(s, a, h, CMD_FINISHED, JOB_FAILED, REASON_DRAIN);
    }
    stop(s, a);
    sim_at(s, sim_random(s, 100, 20000), on_start, a, 0);
}

void agent_drain(struct sim *s, struct agent_model *a)
{
    if (a->state != AGENT_READY || a->draining || a->frozen) return;
    a->draining = true;
    send_ready(s, a);
    sim_at(s, sim_random(s, 1000, 30000), on_drained, a, a->life);
}

/* A GPU is put in or taken out. */
void agent_change(struct sim *s, struct agent_model *a)
{
    if (a->number < GROUPS || a->frozen) return; /* those can do everything, always */
    a->gpus_before = a->gpus;
    a->gpus = (int)sim_random(s, 0, 3);
    a->gpus_ms = sim_now(s);
    if (a->state == AGENT_READY) send_ready(s, a);
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

/* An agent that keeps what it was given and says what became of it, until it is told that it was
 * heard. */
#include "tests/sim/flow_sim.h"

#include "base/id.h"
#include "base/mem.h"
#include "base/str.h"

static struct flow_held *held_find(struct flow_agent *a, int64_t job, int64_t attempt)
{
    struct flow_held *h = a->held;
    while (h && (h->job != job || h->attempt != attempt))
        h = h->next;
    return h;
}

static void held_remove(struct flow_agent *a, struct flow_held *h)
{
    struct flow_held **at = &a->held;
    while (*at != h)
        at = &(*at)->next;
    *at = h->next;
    mem_free(h);
}

/* ---- events ---- */

static void send(struct flow_sim *s, const struct flow_agent *a, const struct flow_event *v)
{
    struct command *c = cmd_finished(a->session, v->seq, v->job, v->attempt, v->state, v->reason);
    c->type = v->type;
    c->u.event.exit_code = v->code;
    if (v->outputs) {
        char id[ID_TEXT_SIZE];
        id_format(v->job, id);
        c->u.event.outputs = str_dupf("{\"job\":\"%s\"}", id);
    }
    if (v->alive) c->u.event.alive = mem_strdup("sleep (4711, root)");
    flow_push(s, c);
}

static void say(struct flow_sim *s, struct flow_agent *a, const struct flow_event *what)
{
    struct flow_event *v = mem_dup(what, sizeof *what), **at = &a->events;
    v->seq = ++a->seq;
    v->next = NULL;
    while (*at)
        at = &(*at)->next;
    *at = v;
    if (a->session && a->ready) send(s, a, v);
}

/* ---- what outlives its attempt ---- */

static void leave(struct flow_sim *s, struct flow_agent *a, const struct flow_event *v)
{
    struct flow_left *l = mem_alloc(sizeof *l);
    *l = (struct flow_left){.job = v->job,
                            .attempt = v->attempt,
                            .seq = a->seq,
                            .gone_ms = s->w.now.mono_ms + flow_random(s, 10, 30000),
                            .next = a->left};
    a->left = l;
    s->left++;
}

static void left_remove(struct flow_agent *a, int64_t job, int64_t attempt)
{
    struct flow_left **at = &a->left;
    while (*at && ((*at)->job != job || (*at)->attempt != attempt))
        at = &(*at)->next;
    struct flow_left *l = *at;
    if (!l) return;
    *at = l->next;
    mem_free(l);
}

static void clear_left(struct flow_sim *s, struct flow_agent *a)
{
    struct flow_left *next;
    for (struct flow_left *l = a->left; l; l = next) {
        next = l->next;
        if (s->w.now.mono_ms < l->gone_ms && !s->healed) continue;
        struct flow_event v = {.type = CMD_CLEARED, .job = l->job, .attempt = l->attempt};
        left_remove(a, v.job, v.attempt);
        say(s, a, &v);
    }
}

static void left_told(struct flow_agent *a, int64_t seq)
{
    for (struct flow_left *l = a->left; l; l = l->next)
        l->told = l->told || l->seq <= seq;
}

/* May the agent be given this attempt? */
static void check_hand_out(struct flow_sim *s, const struct flow_agent *a, const struct effect *x)
{
    int64_t taken = 1;
    for (const struct flow_held *h = a->held; h; h = h->next)
        taken++;
    for (const struct flow_left *l = a->left; l; l = l->next)
        taken += l->told;
    if (taken > a->slots) flow_violation(s, "an agent is given a job for a slot that is taken");
    for (int i = 0; i < s->agent_count; i++) {
        for (const struct flow_left *l = s->agents[i].left; l; l = l->next) {
            if (l->told && l->job == x->u.job.job && l->attempt < x->u.job.attempt)
                flow_violation(s, "an attempt begins while one before it is alive");
        }
    }
}

/* ---- attempts ---- */

static void end(struct flow_sim *s, struct flow_agent *a, struct flow_held *h,
                enum command_type type, enum job_state state, enum reason reason, int64_t code)
{
    struct flow_event v = {.type = type,
                           .job = h->job,
                           .attempt = h->attempt,
                           .state = state,
                           .reason = reason,
                           .code = code,
                           .outputs = state == JOB_SUCCESS,
                           .alive = type == CMD_FINISHED && h->started && flow_chance(s, 12)};
    held_remove(a, h);
    say(s, a, &v);
    if (v.alive) leave(s, a, &v);
}

static void end_of_process(struct flow_sim *s, struct flow_agent *a, struct flow_held *h)
{
    int64_t luck = flow_random(s, 0, 9);
    if (h->kill == REASON_CANCELLED &&
        (luck > 2 || !h->started)) /* else it ended by itself just then */
        end(s, a, h, CMD_FINISHED, JOB_KILLED, REASON_CANCELLED, 0);
    else if (h->kill == REASON_TIMEOUT)
        end(s, a, h, CMD_FINISHED, JOB_FAILED, REASON_TIMEOUT, 0);
    else if (luck < (h->evaluation ? 4 : 8))
        end(s, a, h, CMD_FINISHED, JOB_SUCCESS, REASON_NONE, 0);
    else
        end(s, a, h, CMD_FINISHED, JOB_FAILED, REASON_EXIT_CODE, luck < 9 ? 1 : 2);
}

static void act(struct flow_sim *s, struct flow_agent *a, struct flow_held *h)
{
    int64_t now = s->w.now.mono_ms;
    if (now >= a->base_ms + h->lease_ms) {
        end(s, a, h, CMD_FINISHED, JOB_FAILED, REASON_LOST, 0);
    } else if (now < h->act_ms) {
        return;
    } else if (h->started) {
        end_of_process(s, a, h);
    } else if (flow_chance(s, 20)) {
        end(s, a, h, CMD_DECLINED, JOB_CREATED, REASON_NONE, 0);
    } else if (h->kill != REASON_NONE) {
        end_of_process(s, a, h);
    } else {
        struct flow_event v = {.type = CMD_STARTED, .job = h->job, .attempt = h->attempt};
        h->started = true;
        /* now and then one hangs, until somebody kills it */
        h->act_ms = now + (flow_chance(s, 30) ? INT32_MAX : flow_random(s, 10, 12000));
        say(s, a, &v);
    }
}

static void connect(struct flow_sim *s, struct flow_agent *a)
{
    a->session = ++s->w.sessions;
    a->ready = false;
    struct command *c = cmd_hello(&s->w, a->session, a->id, a->group, a->slots);
    c->u.hello.seq = a->seq;
    for (const struct flow_held *h = a->held; h; h = h->next)
        cmd_hello_attempt(c, h->job, h->attempt, false);
    for (const struct flow_event *v = a->events; v; v = v->next) {
        if (v->type != CMD_STARTED && v->type != CMD_CLEARED)
            cmd_hello_attempt(c, v->job, v->attempt, true);
    }
    flow_push(s, c);
}

void flow_agent_lost(struct flow_sim *s, struct flow_agent *a)
{
    a->session = 0;
    a->ready = false;
    bool long_gone = !s->healed && flow_random(s, 0, 4) == 0;
    a->back_ms =
        s->w.now.mono_ms + (long_gone ? flow_random(s, 20000, 200000) : flow_random(s, 10, 5000));
}

/* The program dies: what was not begun is declined, what was is interrupted. */
static void crash(struct flow_sim *s, struct flow_agent *a)
{
    if (a->session) flow_push(s, cmd_gone(a->session));
    flow_agent_lost(s, a);
    struct flow_held *next;
    for (struct flow_held *h = a->held; h; h = next) {
        next = h->next;
        if (h->started)
            end(s, a, h, CMD_FINISHED, JOB_FAILED, REASON_INTERRUPTED, 0);
        else
            end(s, a, h, CMD_DECLINED, JOB_CREATED, REASON_NONE, 0);
    }
}

/* Acknowledged at once, as by the loop. */
static void beat(struct flow_sim *s, struct flow_agent *a)
{
    flow_push(s, cmd_heard(a->id));
    a->base_ms = s->w.now.mono_ms;
}

void flow_agent_step(struct flow_sim *s, struct flow_agent *a)
{
    struct flow_held *next;
    if (flow_chance(s, s->lose)) crash(s, a);
    if (a->session && flow_chance(s, s->cut)) {
        flow_push(s, cmd_gone(a->session));
        flow_agent_lost(s, a);
    }
    for (struct flow_held *h = a->held; h; h = next) {
        next = h->next;
        if (s->healed && h->act_ms > s->w.now.mono_ms + 20000) h->act_ms = 0;
        act(s, a, h);
    }
    clear_left(s, a);
    if (!a->session && !s->down && s->w.now.mono_ms >= a->back_ms)
        connect(s, a);
    else if (a->ready && !s->down)
        beat(s, a);
}

/* ---- what the coordinator says ---- */

static void accept(struct flow_sim *s, struct flow_agent *a, const struct effect *x)
{
    check_hand_out(s, a, x);
    struct flow_held *h = mem_alloc(sizeof *h);
    const struct seen_job *j = map_find(&s->jobs, (uint64_t)x->u.job.job);
    *h = (struct flow_held){.job = x->u.job.job,
                            .attempt = x->u.job.attempt,
                            .lease_ms = x->u.job.lease_ms,
                            .evaluation = j && j->evaluation,
                            .act_ms = s->w.now.mono_ms + flow_random(s, 0, 200),
                            .next = a->held};
    a->held = h;
}

static void kill(struct flow_sim *s, struct flow_agent *a, const struct effect *x)
{
    struct flow_held *h = held_find(a, x->u.kill.job, x->u.kill.attempt);
    if (!h) return;
    h->kill = str_eq(x->u.kill.reason, "timeout") ? REASON_TIMEOUT : REASON_CANCELLED;
    int64_t at = s->w.now.mono_ms + flow_random(s, 0, x->u.kill.grace_ms);
    if (at < h->act_ms) h->act_ms = at;
}

static void acknowledged(struct flow_agent *a, int64_t seq)
{
    left_told(a, seq);
    while (a->events && a->events->seq <= seq) {
        struct flow_event *v = a->events;
        a->events = v->next;
        mem_free(v);
    }
}

static void discard(struct flow_agent *a, const struct effect *x)
{
    struct flow_held *h = held_find(a, x->u.discard.job, x->u.discard.attempt);
    struct flow_event **at = &a->events;
    while (*at) {
        struct flow_event *v = *at;
        if (v->job == x->u.discard.job && v->attempt == x->u.discard.attempt) {
            *at = v->next;
            mem_free(v);
        } else {
            at = &v->next;
        }
    }
    if (h) held_remove(a, h);
    left_remove(a, x->u.discard.job, x->u.discard.attempt);
}

void flow_agent_effect(struct flow_sim *s, struct flow_agent *a, const struct effect *x)
{
    switch (x->type) {
    case EFFECT_WELCOME:
        a->base_ms = s->w.now.mono_ms;
        acknowledged(a, x->u.welcome.seq);
        a->ready = true;
        for (const struct flow_event *v = a->events; v; v = v->next)
            send(s, a, v);
        flow_push(s, cmd_ready(a->session));
        break;
    case EFFECT_REFUSED:
    case EFFECT_CLOSE:
        flow_push(s, cmd_gone(a->session));
        flow_agent_lost(s, a);
        break;
    case EFFECT_JOB:
        accept(s, a, x);
        break;
    case EFFECT_KILL:
        kill(s, a, x);
        break;
    case EFFECT_ACK:
        acknowledged(a, x->u.ack.seq);
        break;
    case EFFECT_DISCARD:
        discard(a, x);
        break;
    default:
        break;
    }
}

void flow_agent_fini(struct flow_agent *a)
{
    while (a->held)
        held_remove(a, a->held);
    while (a->left)
        left_remove(a, a->left->job, a->left->attempt);
    acknowledged(a, INT64_MAX);
}

/* The spine joins two threads by two lists under one lock. */
#include "coordinator/spine.h"

#include "base/mem.h"
#include "coordinator/lanes.h"
#include "coordinator/pace.h"
#include "coordinator/sessions/heard.h"
#include "coordinator/tenure.h"
#include "platform/os.h"
#include "wire/lease.h"

#include <string.h>
#include <uv.h>

#define WAIT_MAX_MS                                                                                \
    1000 /* the condition's clock stops while the machine sleeps, the engine's does not */

#define ALONE 16 /* an agent that has spoken so often in a row is the only one that works */

#define PULSE_MS 500 /* the loop looks at least this often */

#define RENEW_AGAIN_MS 500 /* after a renewal that failed */

struct command_list {
    struct command *first, **last;
};

/* The effects of one commit, or of several when the loop is slow. */
struct yield {
    struct effects effects;
    size_t bytes; /* of the commands that are done */
    bool stuck;   /* the store fails, nothing is tried for a while */
};

struct spine {
    struct rounds *rounds; /* of the store thread while it runs, with lanes and pace */
    struct lanes *lanes;
    struct pace pace;
    int64_t renewal_ms; /* of the store thread: no renewal is tried before */
    struct spine_handler handler;
    void *user;

    /* loop thread */
    struct command_list fresh; /* pushed in this turn */
    struct heard fresh_heard;
    uint64_t speaker; /* the session that pushed last */
    unsigned alone;   /* how often it has spoken since another one did, at most ALONE */
    bool said;        /* it has pushed since spine_pass_on or the last turn */
    size_t waiting_bytes;
    int64_t looked_ms; /* as heard_ms, for the loop itself */
    bool was_full;
    bool stuck; /* as in the yield */
    bool stopping;
    bool lost, dropping; /* on_lost was called, spine_drop was */
    uv_prepare_t prepare;
    uv_check_t check;
    uv_timer_t pulse;
    uv_async_t async;
    int open_handles;

    uv_thread_t thread;
    uv_mutex_t lock; /* guards the members below */
    uv_cond_t wake;
    struct command_list queue;
    struct heard heard;
    struct yield yield;
    int64_t busy_from_ms; /* mono, when the batch at hand was begun; 0: none is */
    int64_t heard_ms;     /* mono: bytes that were in the sockets then have been handed over */
    struct round_commits commits;
    bool stop, drop;
    bool ended; /* the thread does nothing more, and was not told to stop in order */
};

static void list_init(struct command_list *l)
{
    *l = (struct command_list){0};
    l->last = &l->first;
}

/* Appends all of `from`, which is empty afterwards. */
static void list_move(struct command_list *to, struct command_list *from)
{
    if (!from->first) return;
    *to->last = from->first;
    to->last = from->last;
    list_init(from);
}

static size_t text_bytes(const char *s)
{
    return s ? strlen(s) : 0;
}

/* The approximate size of a command in memory: only the large parts count. */
static size_t command_bytes(const struct command *c)
{
    size_t n = sizeof *c;
    switch (c->type) {
    case CMD_OUTPUT:
        n += c->u.output.len;
        break;
    case CMD_SUBMIT:
        n += text_bytes(c->u.submit.spec);
        break;
    case CMD_SUBMIT_ALL:
        n += c->u.submits.count * sizeof *c->u.submits.items;
        for (size_t i = 0; i < c->u.submits.count; i++)
            n += text_bytes(c->u.submits.items[i].spec);
        break;
    case CMD_CANCEL_ALL:
    case CMD_RETRY_ALL: /* with what is read of each job for it */
        n += c->u.several.count * (sizeof *c->u.several.jobs + sizeof(struct job_row));
        n += c->u.several.bytes;
        break;
    case CMD_FLOW_APPLY:
        for (size_t i = 0; i < c->u.apply.count; i++)
            n += text_bytes(c->u.apply.files[i].source);
        break;
    case CMD_EXECUTION_START:
        n += c->u.start.bytes;
        break;
    case CMD_TRIGGER_BACKFILL:
        n += c->u.backfill.bytes;
        break;
    case CMD_WEBHOOK:
        n += c->u.webhook.bytes;
        break;
    case CMD_FINISHED:
        n += text_bytes(c->u.event.outputs);
        break;
    case CMD_READY:
        n += text_bytes(c->u.ready.capabilities);
        break;
    case CMD_HELLO:
        n += text_bytes(c->u.hello.capabilities) +
             c->u.hello.attempt_count * sizeof *c->u.hello.attempts;
        break;
    default:
        break;
    }
    return n;
}

/* ---- store thread ---- */

/* The bytes of the commands that are done with. The engine's clock is held back while something
 * waits in a lane, as it is while the loop does not look. */
static size_t run_round(struct spine *s, struct command *told, struct effects *out)
{
    struct moment now;
    double weight;
    uint64_t from = uv_hrtime();
    double most = pace_most(&s->pace, lanes_want_brief(s->lanes));
    struct command *fresh = lanes_take(s->lanes, most, &weight);
    int64_t heard_ms = lanes_heard_ms(s->lanes);
    if (told) { /* first: what the engine decides in this round, it decides with them */
        told->next = fresh;
        fresh = told;
    }
    os_now(&now);
    int64_t clock_ms = now.mono_ms;
    if (now.mono_ms > heard_ms + LEASE_DEAF_MS) now.mono_ms = heard_ms + LEASE_DEAF_MS;
    size_t bytes = rounds_run(s->rounds, &now, clock_ms, fresh, out);
    pace_note(&s->pace, weight, (double)(uv_hrtime() - from) / 1000);
    return bytes;
}

/* When a renewal is due; INT64_MAX: none is. */
static int64_t next_renewal_ms(const struct spine *s)
{
    if (!s->handler.tenure) return INT64_MAX;
    int64_t next = tenure_next_ms(s->handler.tenure);
    return next > s->renewal_ms ? next : s->renewal_ms;
}

/* Behind the effects of the round, which need not wait for it. */
static void renew_when_due(struct spine *s)
{
    if (!s->handler.tenure || !tenure_wants_renewal(s->handler.tenure)) return;
    if (os_mono_ms() < s->renewal_ms) return;
    s->renewal_ms = os_mono_ms() + RENEW_AGAIN_MS;
    rounds_renew(s->rounds);
}

/* What is over does not begin a round. */
static bool is_lost(const struct spine *s)
{
    return s->handler.tenure && (rounds_are_fenced(s->rounds) || tenure_is_lost(s->handler.tenure));
}

/* How long the thread may sleep for the engine, in ms; 0: something is due. */
static int64_t engine_sleep_ms(const struct spine *s, int64_t now)
{
    int64_t next = rounds_next_ms(s->rounds);
    /* While the loop does not look, nothing is due; it wakes us when it does again. But a store
     * that fails is tried again: it may be why the loop pauses what it looks at. */
    bool deaf = now > s->heard_ms + LEASE_DEAF_MS;
    if (next == INT64_MAX || (deaf && !rounds_are_stuck(s->rounds))) return WAIT_MAX_MS;
    int64_t wait = next - now;
    if (wait < 0) wait = 0;
    return wait < WAIT_MAX_MS ? wait : WAIT_MAX_MS;
}

/* ... for anything. */
static int64_t sleep_ms(const struct spine *s)
{
    int64_t now = os_mono_ms();
    int64_t wait = engine_sleep_ms(s, now), renewal = next_renewal_ms(s);
    if (renewal == INT64_MAX || renewal - now >= wait) return wait;
    return renewal > now ? renewal - now : 0;
}

/* Waits for commands, for the time that the engine asked for, or for the end. Called and returns
 * with the lock held. */
static void wait_for_work(struct spine *s)
{
    while (!s->queue.first && lanes_are_empty(s->lanes) && !s->stop && !s->drop) {
        int64_t ms = sleep_ms(s);
        if (ms == 0) return;
        bool whole = ms < WAIT_MAX_MS;
        bool late = uv_cond_timedwait(&s->wake, &s->lock, (uint64_t)ms * 1000000u) == UV_ETIMEDOUT;
        if (late && (whole || s->heard.count > 0)) return;
    }
}

/* Is there something to tell the loop? It is told without the lock, which it takes at once. */
static bool give(struct spine *s, struct effects *out, size_t bytes)
{
    uv_mutex_lock(&s->lock);
    effects_move(&s->yield.effects, out);
    s->yield.bytes += bytes;
    bool stuck = rounds_are_stuck(s->rounds), news = stuck != s->yield.stuck;
    s->yield.stuck = stuck;
    s->commits = *rounds_commits(s->rounds);
    news = news || s->yield.effects.first || s->yield.bytes;
    uv_mutex_unlock(&s->lock);
    return news;
}

/* A round with what waits, and what comes behind it. */
static void work(struct spine *s, struct command *told)
{
    struct effects out;
    effects_init(&out);
    size_t bytes = run_round(s, told, &out);
    if (give(s, &out, bytes)) uv_async_send(&s->async);
    renew_when_due(s);
    rounds_settle(s->rounds);
}

/* Of a tenure that is lost: the loop is told, who stops the thread then. */
static void leave(struct spine *s)
{
    tenure_lose(s->handler.tenure);
    uv_mutex_lock(&s->lock);
    s->ended = true;
    s->busy_from_ms = 0;
    uv_mutex_unlock(&s->lock);
    uv_async_send(&s->async);
}

static void store_thread(void *arg)
{
    struct spine *s = arg;
    for (;;) {
        uv_mutex_lock(&s->lock);
        s->busy_from_ms = 0;
        wait_for_work(s);
        s->busy_from_ms = os_mono_ms();
        bool last = s->stop && !s->queue.first && lanes_are_empty(s->lanes), drop = s->drop;
        struct command *fresh = s->queue.first;
        list_init(&s->queue);
        struct command *told = last ? NULL : heard_take(&s->heard);
        int64_t heard_ms = s->heard_ms;
        uv_mutex_unlock(&s->lock);
        if (last) return;

        lanes_add(s->lanes, fresh, heard_ms);
        if (drop || is_lost(s)) {
            if (told) command_free(told);
            leave(s);
            return;
        }
        work(s, told);
    }
}

/* ---- loop thread ---- */

/* heard_ms: the new value for the struct, with these commands; 0: unchanged. Who was heard does not
 * wake the store thread: it takes them along with what comes next, or after WAIT_MAX_MS. */
static void move_fresh(struct spine *s, int64_t heard_ms)
{
    if (!s->fresh.first && s->fresh_heard.count == 0 && heard_ms == 0) return;
    uv_mutex_lock(&s->lock);
    bool wake = s->fresh.first && !s->queue.first;
    list_move(&s->queue, &s->fresh);
    heard_move(&s->heard, &s->fresh_heard);
    if (heard_ms > 0) s->heard_ms = heard_ms;
    uv_mutex_unlock(&s->lock);
    if (wake) uv_cond_signal(&s->wake); /* the thread that wakes takes the lock at once */
}

/* At the end of a turn. */
static void hand_over(struct spine *s, int64_t heard_ms)
{
    s->said = false;
    move_fresh(s, heard_ms);
}

/* Has the loop looked lately? If not, the engine has to hear of that before anything else. */
static bool looks_often(const struct spine *s)
{
    return os_mono_ms() - s->looked_ms < PULSE_MS / 2;
}

void spine_pass_on(struct spine *s)
{
    if (!s->said) return;
    s->said = false;
    if (s->alone < ALONE)
        s->alone++;
    else if (!s->was_full && looks_often(s))
        move_fresh(s, 0);
}

static void on_prepare(uv_prepare_t *h)
{
    hand_over(h->data, 0);
}

/* Behind a poll: all that was in the sockets has been read, unless they are paused. After a long
 * time in which nobody did so, the engine hears of that first. */
static void on_check(uv_check_t *h)
{
    struct spine *s = h->data;
    int64_t now = os_mono_ms(), deaf = now - s->looked_ms;
    if (s->was_full || deaf < PULSE_MS / 2) {
        hand_over(s, 0);
        return;
    }
    s->looked_ms = now;
    if (deaf > LEASE_DEAF_MS) {
        struct command *c = command_new(CMD_AWAKE);
        c->u.n = deaf;
        c->next = s->fresh.first;
        if (!s->fresh.first) s->fresh.last = &c->next;
        s->fresh.first = c;
    }
    hand_over(s, now);
}

/* Effects are dropped from the moment on in which another coordinator may own the queue. */
static bool may_tell(struct spine *s)
{
    if (s->lost || s->dropping) return false;
    /* one that is over stays so: the next renewal must not bring back what is dropped here */
    return !s->handler.tenure || !tenure_is_lost(s->handler.tenure);
}

/* false: the tenure is over, and the handler has been told. */
static bool look_at_tenure(struct spine *s)
{
    if (!s->handler.tenure || s->stopping) return !s->dropping;
    if (!s->lost && tenure_is_lost(s->handler.tenure)) {
        s->lost = true;
        s->handler.on_lost(s->user);
    }
    return !s->lost;
}

/* It wakes the loop, which looks at its sockets; and an end of the tenure wakes nobody else. */
static void on_pulse(uv_timer_t *t)
{
    (void)look_at_tenure(t->data);
}

static void deliver(struct spine *s)
{
    struct yield y = {0};
    effects_init(&y.effects);
    uv_mutex_lock(&s->lock);
    effects_move(&y.effects, &s->yield.effects);
    y.bytes = s->yield.bytes;
    s->yield.bytes = 0;
    y.stuck = s->yield.stuck;
    uv_mutex_unlock(&s->lock);

    bool closed = !spine_takes_requests(s);
    s->waiting_bytes -= y.bytes;
    s->stuck = y.stuck;
    if (y.effects.first && may_tell(s)) s->handler.on_effects(&y.effects, s->user);
    effects_clear(&y.effects);
    if (!look_at_tenure(s)) return;
    bool relief = s->was_full && s->waiting_bytes < SPINE_LOW_BYTES;
    if (relief) s->was_full = false;
    if (relief || (closed && spine_takes_requests(s))) s->handler.on_relief(s->user);
}

static void free_list(struct command_list *l)
{
    for (struct command *c = l->first, *next; c; c = next) {
        next = c->next;
        command_free(c);
    }
}

static void spine_free(struct spine *s)
{
    effects_clear(&s->yield.effects);
    free_list(&s->fresh);
    free_list(&s->queue);
    uv_cond_destroy(&s->wake);
    uv_mutex_destroy(&s->lock);
    rounds_free(s->rounds);
    lanes_free(s->lanes);
    heard_fini(&s->heard);
    heard_fini(&s->fresh_heard);
    mem_free(s);
}

static void on_handle_closed(uv_handle_t *h)
{
    struct spine *s = h->data;
    if (--s->open_handles == 0) spine_free(s);
}

static void close_handles(struct spine *s)
{
    uv_close((uv_handle_t *)&s->prepare, on_handle_closed);
    uv_close((uv_handle_t *)&s->check, on_handle_closed);
    uv_close((uv_handle_t *)&s->pulse, on_handle_closed);
    uv_close((uv_handle_t *)&s->async, on_handle_closed);
}

/* The thread may have ended before the drop, or after it. */
static void finish_drop(struct spine *s)
{
    uv_mutex_lock(&s->lock);
    bool ended = s->ended;
    uv_mutex_unlock(&s->lock);
    if (!ended) return;
    uv_thread_join(&s->thread);
    close_handles(s);
    s->handler.on_dropped(s->user);
}

static void on_async(uv_async_t *h)
{
    struct spine *s = h->data;
    bool dropping = s->dropping; /* not from inside on_lost */
    deliver(s);
    if (dropping) finish_drop(s);
}

int spine_start(struct uv_loop_s *loop, struct engine *engine, const struct spine_handler *handler,
                void *user, struct spine **out, struct err *e)
{
    struct spine *s = mem_alloc(sizeof *s);
    s->rounds = rounds_new(engine);
    s->handler = *handler;
    s->user = user;
    list_init(&s->fresh);
    list_init(&s->queue);
    effects_init(&s->yield.effects);
    if (uv_mutex_init(&s->lock) || uv_cond_init(&s->wake)) mem_exhausted();
    if (uv_async_init(loop, &s->async, on_async)) mem_exhausted();
    uv_prepare_init(loop, &s->prepare);
    uv_check_init(loop, &s->check);
    uv_timer_init(loop, &s->pulse);
    s->open_handles = 4;
    s->prepare.data = s->check.data = s->pulse.data = s->async.data = s;
    s->looked_ms = s->heard_ms = os_mono_ms();
    s->lanes = lanes_new(s->heard_ms);
    int rc = uv_thread_create(&s->thread, store_thread, s);
    if (rc) {
        close_handles(s);
        return err_set(e, ERR_IO, "the store thread cannot be started: %s", uv_strerror(rc));
    }
    uv_prepare_start(&s->prepare, on_prepare);
    uv_check_start(&s->check, on_check);
    uv_timer_start(&s->pulse, on_pulse, PULSE_MS, PULSE_MS);
    uv_unref((uv_handle_t *)&s->prepare);
    uv_unref((uv_handle_t *)&s->check);
    uv_unref((uv_handle_t *)&s->pulse);
    *out = s;
    return 0;
}

void spine_push(struct spine *s, struct command *c)
{
    c->bytes = command_bytes(c);
    if (s->stopping) { /* no thread is left to work on the command */
        command_free(c);
        return;
    }
    c->next = NULL;
    *s->fresh.last = c;
    s->fresh.last = &c->next;
    if (c->session) {
        if (c->session != s->speaker) s->alone = 0;
        s->speaker = c->session;
        s->said = true;
    }
    s->waiting_bytes += c->bytes;
    if (s->waiting_bytes >= SPINE_HIGH_BYTES) s->was_full = true;
}

void spine_heard(struct spine *s, int64_t agent)
{
    heard_add(&s->fresh_heard, agent);
}

int64_t spine_busy_ms(struct spine *s)
{
    uv_mutex_lock(&s->lock);
    int64_t from_ms = s->busy_from_ms;
    uv_mutex_unlock(&s->lock);
    return from_ms > 0 ? os_mono_ms() - from_ms : 0;
}

void spine_commits(struct spine *s, struct round_commits *out)
{
    uv_mutex_lock(&s->lock);
    *out = s->commits;
    uv_mutex_unlock(&s->lock);
}

bool spine_owns_queue(const struct spine *s)
{
    return !s->handler.tenure || (!s->lost && !s->stopping && tenure_may_send(s->handler.tenure));
}

bool spine_is_full(const struct spine *s)
{
    return s->was_full;
}

bool spine_takes_requests(const struct spine *s)
{
    return !s->was_full || (s->stuck && s->waiting_bytes < SPINE_MOST_BYTES);
}

void spine_stop(struct spine *s)
{
    hand_over(s, 0);
    s->stopping = true;
    uv_mutex_lock(&s->lock);
    s->stop = true;
    uv_cond_signal(&s->wake);
    uv_mutex_unlock(&s->lock);
    uv_thread_join(&s->thread);
    deliver(s);
    close_handles(s);
}

void spine_drop(struct spine *s)
{
    if (s->dropping) return;
    s->stopping = s->dropping = s->lost = true;
    uv_mutex_lock(&s->lock);
    s->drop = true;
    uv_cond_signal(&s->wake);
    uv_mutex_unlock(&s->lock);
    uv_async_send(&s->async); /* in case the thread has ended already */
}

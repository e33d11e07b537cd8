/* One question under one lock. */
#include "coordinator/watching.h"

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/tenure.h"
#include "platform/os.h"
#include "wire/lease.h"

#include <uv.h>

#define OWNER_NOTE_MS 2000 /* how often the list of coordinators is written */

enum question { ASK_NOTHING, ASK_LOOK, ASK_TAKE, ASK_RENEW, ASK_NOTE };

struct watching {
    const struct owner_place *place;
    const char *addresses;
    struct watching_handler handler;

    /* loop thread */
    struct ownership machine; /* until it takes over: then the tenure has it */
    char *owner;              /* JSON list of addresses or NULL */
    struct tenure *tenure;    /* to be renewed; NULL: none */
    bool owns;                /* from on_taken to watching_again */
    bool giving;              /* on_given is owed */
    char *all;                /* where all coordinators are, JSON list; NULL: not known */
    int64_t said_epoch;       /* of the owner that was logged last; 0: none was */
    bool failing;             /* the last question had no answer: it was logged */
    bool unfit;               /* the tables are of a version that this program does not know */
    bool stopped;
    uv_timer_t timer;
    uv_async_t async;
    int open_handles;

    uv_thread_t thread;
    uv_mutex_t lock; /* guards `asked` and `end` */
    uv_cond_t wake;
    enum question asked;
    bool end;
    /* The question's and its answer's: the thread's while `asked`, else the loop's. */
    enum question question;
    bool answered; /* under the lock */
    struct owner_row row;
    char *found; /* addresses */
    int rc;
    struct err err;
    int64_t answered_ms; /* mono */
    /* The same, of the list of coordinators, to which each question adds when it is time. */
    bool noted;
    int64_t noted_ms; /* mono */
    char *noted_all;
    int note_rc;
    struct err note_err;
};

/* ---- the thread ---- */

static void note(struct watching *w)
{
    int64_t now_ms = os_mono_ms();
    const struct owner_place *p = w->place;
    bool due = w->noted_ms == 0 || now_ms - w->noted_ms >= OWNER_NOTE_MS;
    w->noted = p->note && (due || w->question == ASK_NOTE);
    if (!w->noted) return;
    w->note_err = (struct err){0};
    w->noted_ms = now_ms;
    w->note_rc = p->note(p->user, &w->noted_all, &w->note_err);
}

static void ask(struct watching *w)
{
    const struct owner_place *p = w->place;
    w->err = (struct err){0};
    if (w->question == ASK_LOOK)
        w->rc = p->look(p->user, &w->row, &w->found, &w->err);
    else if (w->question == ASK_TAKE)
        w->rc = p->take(p->user, &w->row, w->addresses, &w->err);
    else if (w->question == ASK_RENEW)
        w->rc = tenure_renew(w->tenure, &w->err);
    w->answered_ms = os_mono_ms();
    /* while a queue is loaded, nothing holds up the next renewal; a database that does not answer
     * is asked once */
    bool free = w->question == ASK_LOOK && w->rc == 0;
    if (free || w->question == ASK_NOTE) note(w);
}

static void watch_thread(void *arg)
{
    struct watching *w = arg;
    uv_mutex_lock(&w->lock);
    for (;;) {
        while (w->asked == ASK_NOTHING && !w->end)
            uv_cond_wait(&w->wake, &w->lock);
        if (w->end) break;
        uv_mutex_unlock(&w->lock);
        ask(w);
        uv_mutex_lock(&w->lock);
        w->asked = ASK_NOTHING;
        w->answered = true;
        uv_async_send(&w->async);
    }
    uv_mutex_unlock(&w->lock);
}

/* ---- the loop decides ---- */

static bool is_asking(struct watching *w)
{
    uv_mutex_lock(&w->lock);
    bool asking = w->asked != ASK_NOTHING || w->answered;
    uv_mutex_unlock(&w->lock);
    return asking;
}

static void put(struct watching *w, enum question q)
{
    w->question = q;
    uv_mutex_lock(&w->lock);
    w->asked = q;
    uv_cond_signal(&w->wake);
    uv_mutex_unlock(&w->lock);
}

static void on_timer(uv_timer_t *t);

static void wait(struct watching *w, int64_t ms)
{
    uv_timer_start(&w->timer, on_timer, (uint64_t)(ms > 0 ? ms : 0), 0);
}

static void take(struct watching *w)
{
    ownership_taking(&w->machine, os_mono_ms());
    w->row = w->machine.row;
    put(w, ASK_TAKE);
}

static void on_timer(uv_timer_t *t)
{
    struct watching *w = t->data;
    if (w->stopped || is_asking(w)) return; /* the answer goes on */
    if (w->tenure)
        put(w, ASK_RENEW);
    else if (!w->owns && ownership_wants_to_take(&w->machine, os_mono_ms()))
        take(w);
    else
        put(w, w->owns ? ASK_NOTE : ASK_LOOK);
}

/* After a look: the next one, or the take-over when its time has come before. */
static void wait_for_next(struct watching *w)
{
    int64_t now_ms = os_mono_ms(), next_ms = ownership_next_ms(&w->machine);
    int64_t ms = OWNER_LOOK_MS;
    if (next_ms != INT64_MAX && next_ms - now_ms < ms) ms = next_ms - now_ms;
    wait(w, ms);
}

static void forget_owner(struct watching *w)
{
    mem_free(w->owner);
    w->owner = NULL;
}

/* Whoever upgraded the tables has not stopped this one. What it saw before leads to no take-over.
 * The version may be known again: of a database that was restored. */
static void judge_tables(struct watching *w)
{
    bool unfit = w->rc == ERR_UNSUPPORTED;
    if (unfit == w->unfit || (w->rc && !unfit)) return;
    w->unfit = unfit;
    if (unfit) {
        ownership_init(&w->machine);
        forget_owner(w);
        log_error("owner: this coordinator serves nothing any more and cannot own the queue: %s",
                  err_text(&w->err));
    } else {
        log_info("owner: this coordinator knows the version of the database again and serves");
    }
    if (w->handler.on_unfit) w->handler.on_unfit(unfit ? err_text(&w->err) : NULL, w->handler.user);
}

static void complain(struct watching *w, const char *what)
{
    bool unfit = w->question == ASK_LOOK && w->rc == ERR_UNSUPPORTED;
    if (w->rc == 0 || w->rc == ERR_FENCED || unfit) {
        if (w->failing) log_info("owner: the database answers again");
        w->failing = false;
    } else if (!w->failing) {
        log_warn("owner: %s: %s", what, err_text(&w->err));
        w->failing = true;
    }
}

/* Where the owner is, in the log of a standby: when it is known, and again with each epoch. */
static void say_owner(struct watching *w)
{
    if (!w->owner || w->row.epoch == w->said_epoch) return;
    w->said_epoch = w->row.epoch;
    char *where = json_texts(w->owner);
    log_info("owner: the queue is of the coordinator at %s, epoch %lld; this one is a standby",
             where, (long long)w->row.epoch);
    mem_free(where);
}

static void on_look(struct watching *w)
{
    complain(w, "the database does not say who owns the queue");
    judge_tables(w);
    if (w->rc == 0) {
        ownership_saw(&w->machine, &w->row, w->answered_ms);
        forget_owner(w);
        /* one that lost it may still be the last that the row names */
        bool other = w->row.held && w->found && !str_eq(w->found, w->addresses);
        if (other) w->owner = mem_strdup(w->found);
        say_owner(w);
    } else {
        ownership_unseen(&w->machine);
    }
    mem_free(w->found);
    w->found = NULL;
    wait_for_next(w);
}

static void on_take(struct watching *w)
{
    complain(w, "the queue was not taken over");
    ownership_taken(&w->machine, w->rc == 0);
    if (w->rc) {
        wait(w, OWNER_LOOK_MS);
        return;
    }
    log_info("owner: this coordinator takes over the queue, epoch %lld", (long long)w->row.epoch);
    w->owns = true;
    w->tenure = tenure_new(w->place, &w->machine, &w->row);
    mem_free(w->owner);
    w->owner = mem_strdup(w->addresses);
    wait(w, OWNER_RENEW_MS);
    w->handler.on_taken(w->tenure, w->handler.user);
}

static void on_renewed(struct watching *w)
{
    complain(w, "the row was not renewed");
    wait(w, OWNER_RENEW_MS);
}

/* The list alone, of an owner whose store renews. The timer may be at work for watching_again. */
static void on_note(struct watching *w)
{
    if (!uv_is_active((uv_handle_t *)&w->timer)) wait(w, w->owns ? OWNER_NOTE_MS : 0);
}

static void tell_all(struct watching *w)
{
    if (!w->noted) return;
    w->noted = false;
    if (w->note_rc)
        log_debug("owner: the list of coordinators was not written: %s", err_text(&w->note_err));
    char *all = w->noted_all;
    w->noted_all = NULL;
    if (!all || str_eq(all, w->all)) {
        mem_free(all);
        return;
    }
    mem_free(w->all);
    w->all = all;
    if (w->handler.on_all) w->handler.on_all(w->all, w->handler.user);
}

static void give(struct watching *w)
{
    w->giving = false;
    w->tenure = NULL;
    uv_timer_stop(&w->timer);
    if (w->place->note) wait(w, OWNER_NOTE_MS);
    w->handler.on_given(w->handler.user);
}

static void on_answer(uv_async_t *a)
{
    struct watching *w = a->data;
    uv_mutex_lock(&w->lock);
    bool answered = w->answered;
    w->answered = false;
    uv_mutex_unlock(&w->lock);
    if (w->stopped) return;
    if (answered) tell_all(w);
    if (answered && w->question == ASK_LOOK)
        on_look(w);
    else if (answered && w->question == ASK_TAKE)
        on_take(w);
    else if (answered && w->question == ASK_NOTE)
        on_note(w);
    else if (answered)
        on_renewed(w);
    if (w->giving && !is_asking(w)) give(w);
}

/* ---- start and end ---- */

static void watching_free(struct watching *w)
{
    uv_cond_destroy(&w->wake);
    uv_mutex_destroy(&w->lock);
    mem_free(w->owner);
    mem_free(w->found);
    mem_free(w->all);
    mem_free(w->noted_all);
    mem_free(w);
}

static void on_closed(uv_handle_t *h)
{
    struct watching *w = h->data;
    if (--w->open_handles == 0) watching_free(w);
}

static void close_handles(struct watching *w)
{
    uv_close((uv_handle_t *)&w->timer, on_closed);
    uv_close((uv_handle_t *)&w->async, on_closed);
}

int watching_start(struct uv_loop_s *loop, const struct owner_place *place, const char *addresses,
                   const struct watching_handler *handler, struct watching **out, struct err *e)
{
    struct watching *w = mem_alloc(sizeof *w);
    w->place = place;
    w->addresses = addresses;
    w->handler = *handler;
    ownership_init(&w->machine);
    if (uv_mutex_init(&w->lock) || uv_cond_init(&w->wake)) mem_exhausted();
    if (uv_async_init(loop, &w->async, on_answer)) mem_exhausted();
    uv_timer_init(loop, &w->timer);
    w->open_handles = 2;
    w->timer.data = w->async.data = w;
    int rc = uv_thread_create(&w->thread, watch_thread, w);
    if (rc) {
        close_handles(w);
        return err_set(e, ERR_IO, "the watch thread cannot be started: %s", uv_strerror(rc));
    }
    wait(w, 0);
    *out = w;
    return 0;
}

const char *watching_owner(const struct watching *w)
{
    return w->owner;
}

int64_t watching_epoch(const struct watching *w)
{
    return w->machine.row.epoch;
}

void watching_give(struct watching *w)
{
    w->giving = true;
    uv_async_send(&w->async);
}

void watching_again(struct watching *w, int64_t pause_ms)
{
    if (w->stopped) return;
    ownership_init(&w->machine);
    w->owns = false;
    forget_owner(w);
    wait(w, pause_ms);
}

/* Nobody will load what was taken over in the last moment. */
static void give_back(struct watching *w)
{
    struct err e = {0};
    if (!w->answered || w->question != ASK_TAKE || w->rc) return;
    if (w->place->release(w->place->user, &w->row, &e))
        log_warn("owner: the queue was not given back: %s", err_text(&e));
}

void watching_stop(struct watching *w)
{
    if (!w || w->stopped) return;
    w->stopped = true;
    uv_mutex_lock(&w->lock);
    w->end = true;
    uv_cond_signal(&w->wake);
    uv_mutex_unlock(&w->lock);
    uv_thread_join(&w->thread);
    give_back(w);
    close_handles(w);
}

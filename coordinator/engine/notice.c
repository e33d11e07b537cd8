/* A notice is found by what it is of; its timer says when the next message is due, or when it is
 * forgotten. */
#include "coordinator/engine/notice.h"
#include "coordinator/engine/facts.h"
#include "coordinator/engine/quiet.h"
#include "coordinator/engine/sent.h"

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/duration.h"

#include <string.h>

#define KEY_SIZE 800

struct notice {
    struct timer timer;
    struct notice_row row;
    bool lasts;          /* it is a state: it is not forgotten */
    bool idle;           /* counted in notices_idle */
    uint64_t pass;       /* notice_mark */
    struct notice *same; /* the next one of its event and subject */
    struct notice *older, *newer;
};

/* ---- in memory ------------------------------------------------------------------------------- */

static uint64_t place_of(const char *event, const char *subject)
{
    char key[KEY_SIZE];
    (void)str_format(key, sizeof key, "%s %s", event, subject);
    return map_text_key(key);
}

static bool is_of(const struct notice *n, const char *event, const char *subject)
{
    return str_eq(n->row.event, event) && str_eq(n->row.subject, subject);
}

static struct notice *first_of(const struct engine *g, const char *event, const char *subject)
{
    return g->notices.count ? map_find(&g->notices_of, place_of(event, subject)) : NULL;
}

static struct notice *find(const struct engine *g, const char *channel, const char *event,
                           const char *subject)
{
    struct notice *n = first_of(g, event, subject);
    while (n && !(is_of(n, event, subject) && str_eq(n->row.channel, channel)))
        n = n->same;
    return n;
}

/* Takes the texts of the row. */
static struct notice *add(struct engine *g, struct notice_row *row)
{
    struct notice *n = mem_alloc(sizeof *n);
    uint64_t place = place_of(row->event, row->subject);
    n->row = *row;
    *row = (struct notice_row){0};
    n->lasts = rule_event_lasts(n->row.event);
    timer_init(&n->timer, TIMER_NOTICE, n);
    n->same = map_find(&g->notices_of, place);
    map_put(&g->notices_of, place, n);
    map_put(&g->notices, (uint64_t)n->row.id, n);
    n->older = g->notice_newest;
    if (n->older)
        n->older->newer = n;
    else
        g->notice_oldest = n;
    g->notice_newest = n;
    return n;
}

static void set_idle(struct engine *g, struct notice *n, bool idle)
{
    if (n->idle && !idle) g->notices_idle--;
    if (!n->idle && idle) g->notices_idle++;
    n->idle = idle;
}

static void forget(struct engine *g, struct notice *n)
{
    set_idle(g, n, false);
    uint64_t place = place_of(n->row.event, n->row.subject);
    struct notice *first = map_remove(&g->notices_of, place), **at = &first;
    while (*at != n)
        at = &(*at)->same;
    *at = n->same;
    if (first) map_put(&g->notices_of, place, first);
    map_remove(&g->notices, (uint64_t)n->row.id);
    *(n->older ? &n->older->newer : &g->notice_oldest) = n->newer;
    *(n->newer ? &n->newer->older : &g->notice_newest) = n->older;
    timer_clear(g, &n->timer);
    notice_row_fini(&n->row);
    mem_free(n);
}

/* ---- when ------------------------------------------------------------------------------------ */

/* How long it is kept when it happens no more. */
static int64_t quiet_ms(const struct notice *n)
{
    return quiet_ends(&n->row) ? NOTICE_QUIET_MS : NOTICE_FORGET_MS;
}

/* A clock that was set moves it by no more than the time that it was to wait. */
static void plan(struct engine *g, struct notice *n)
{
    int64_t at_ms = n->row.due_ms ? n->row.due_ms : n->row.last_ms + quiet_ms(n);
    int64_t most_ms = n->row.due_ms ? NOTICE_PAUSE_MS : quiet_ms(n);
    int64_t wait_ms = at_ms - g->now.wall_ms;
    set_idle(g, n, !n->lasts && !n->row.due_ms);
    if (sent_is_on_its_way(g, n->row.id) || (n->lasts && !n->row.due_ms)) {
        timer_clear(g, &n->timer);
        return;
    }
    if (wait_ms < 0) wait_ms = 0;
    timer_set(g, &n->timer, g->now.mono_ms + (wait_ms < most_ms ? wait_ms : most_ms));
}

static void write_row(struct engine *g, struct notice *n)
{
    if (store_ok(g, store_notice_update(g->store, &n->row, &g->err))) plan(g, n);
}

/* The next message about something that goes on. */
static int64_t pause_end(const struct engine *g, const struct notice *n)
{
    int64_t end_ms = n->row.delivered_ms + NOTICE_PAUSE_MS;
    return n->row.delivered_ms && end_ms > g->now.wall_ms ? end_ms : g->now.wall_ms;
}

static int64_t backoff_ms(int64_t tries)
{
    int64_t ms = NOTICE_RETRY_FIRST_MS;
    while (--tries > 0 && ms < NOTICE_RETRY_MOST_MS)
        ms *= 2;
    return ms < NOTICE_RETRY_MOST_MS ? ms : NOTICE_RETRY_MOST_MS;
}

/* ---- what was over a moment ago -------------------------------------------------------------- */

static int64_t ended_key(const char *channel, const char *event, const char *subject)
{
    char key[KEY_SIZE];
    (void)str_format(key, sizeof key, "%s %s %s", channel, event, subject);
    return (int64_t)map_text_key(key);
}

static void note_end(struct engine *g, const struct notice_row *row)
{
    const struct watched *first;
    watch_put(&g->notices_ended, ended_key(row->channel, row->event, row->subject),
              g->now.mono_ms + NOTICE_PAUSE_MS);
    while ((first = watch_first(&g->notices_ended)) != NULL &&
           (first->at_ms <= g->now.mono_ms || g->notices_ended.count > NOTICES_MOST))
        watch_remove(&g->notices_ended, first->id);
}

/* For how long a message about its new beginning is to wait. */
static int64_t rest_ms(const struct engine *g, const char *channel, const char *event,
                       const char *subject)
{
    const struct watched *w = watch_find(&g->notices_ended, ended_key(channel, event, subject));
    return w && w->at_ms > g->now.mono_ms ? w->at_ms - g->now.mono_ms : 0;
}

/* Nobody heard of it, and nothing is on its way. */
static bool is_unheard(const struct engine *g, const struct notice *n)
{
    return n->row.messages == 0 && n->row.tries == 0 && !sent_is_on_its_way(g, n->row.id) &&
           n->row.due_ms > g->now.wall_ms;
}

/* ---- it happens, and is over ----------------------------------------------------------------- */

/* A state that goes on: the rules have a bound of their own for these. Its end is a message. */
static bool is_standing(const struct notice *n)
{
    return n->lasts && n->row.state == NOTICE_OPEN;
}

static struct notice *least_needed(const struct engine *g)
{
    struct notice *n = g->notice_oldest;
    while (n && (is_standing(n) || (g->notices_idle > 0 && !n->idle)))
        n = n->newer;
    return n;
}

/* For one more. */
static bool make_room(struct engine *g)
{
    struct notice *n = g->notices.count < NOTICES_MOST ? NULL : least_needed(g);
    if (!n) return true;
    if (!store_ok(g, store_notice_delete(g->store, n->row.id, &g->err))) return false;
    if (!n->idle) {
        if (g->notices_dropped++ % NOTICES_MOST == 0)
            log_warn("notify: %d messages wait; the oldest are dropped", NOTICES_MOST);
        struct effect *x = effects_add(g->out, EFFECT_NOTICE_DROPPED);
        x->u.notice.id = n->row.id;
        x->u.notice.channel = mem_strdup(n->row.channel);
    }
    forget(g, n);
    return true;
}

void notice_raise(struct engine *g, const char *channel, const char *event, const char *subject,
                  const char *facts)
{
    notice_raise_times(g, channel, event, subject, facts, 1);
}

void notice_raise_times(struct engine *g, const char *channel, const char *event,
                        const char *subject, const char *facts, int64_t times)
{
    struct notice *n = find(g, channel, event, subject);
    int64_t now_ms = g->now.wall_ms;
    if (!n) {
        if (!make_room(g)) return;
        struct notice_row row = {.id = engine_new_id(g),
                                 .channel = mem_strdup(channel),
                                 .event = mem_strdup(event),
                                 .subject = mem_strdup(subject),
                                 .first_ms = now_ms,
                                 .last_ms = now_ms,
                                 .count = times,
                                 .total = times,
                                 .due_ms = now_ms + rest_ms(g, channel, event, subject),
                                 .facts = mem_strdup(facts)};
        if (store_ok(g, store_notice_insert(g->store, &row, &g->err)))
            plan(g, add(g, &row));
        else
            notice_row_fini(&row);
        return;
    }
    n->row.last_ms = now_ms;
    n->row.count += times;
    n->row.total += times;
    text_set(&n->row.facts, facts);
    if (n->row.state == NOTICE_OVER || !n->row.due_ms) n->row.due_ms = pause_end(g, n);
    n->row.state = NOTICE_OPEN;
    write_row(g, n);
}

void notice_end(struct engine *g, struct notice *n, const char *facts)
{
    if (is_unheard(g, n)) {
        notice_drop(g, n);
        return;
    }
    n->row.state = NOTICE_OVER;
    n->row.last_ms = g->now.wall_ms;
    n->row.due_ms = g->now.wall_ms;
    n->row.tries = 0;
    text_set(&n->row.facts, facts);
    write_row(g, n);
}

void notice_over(struct engine *g, const char *event, const char *subject, const char *facts)
{
    for (struct notice *n = first_of(g, event, subject), *next; n && g->rc == 0; n = next) {
        next = n->same;
        if (is_of(n, event, subject) && n->row.state == NOTICE_OPEN) notice_end(g, n, facts);
    }
}

bool notice_any(const struct engine *g, const char *event, const char *subject)
{
    return first_of(g, event, subject) != NULL;
}

/* ---- states that last ------------------------------------------------------------------------ */

struct notice *notice_open(const struct engine *g, const char *channel, const char *event,
                           const char *subject)
{
    struct notice *n = find(g, channel, event, subject);
    return n && n->row.state == NOTICE_OPEN ? n : NULL;
}

struct notice *notice_next_lasting(const struct engine *g, const struct notice *after)
{
    struct notice *n = after ? after->newer : g->notice_oldest;
    while (n && !n->lasts)
        n = n->newer;
    return n;
}

const struct notice_row *notice_row(const struct notice *n)
{
    return &n->row;
}

bool notice_may_repeat(const struct engine *g, const struct notice *n, int64_t repeat_ms)
{
    int64_t passed_ms = g->now.wall_ms - n->row.delivered_ms;
    if (n->row.state != NOTICE_OPEN || n->row.due_ms || n->row.messages == 0) return false;
    return passed_ms >= repeat_ms || passed_ms < 0; /* the clock was set back */
}

void notice_repeat(struct engine *g, struct notice *n, const char *facts)
{
    n->row.last_ms = g->now.wall_ms;
    n->row.count = n->row.total = n->row.messages + 1;
    n->row.due_ms = g->now.wall_ms;
    text_set(&n->row.facts, facts);
    write_row(g, n);
}

void notice_drop(struct engine *g, struct notice *n)
{
    n->row.state = NOTICE_DONE;
    n->row.due_ms = 0;
    if (store_ok(g, store_notice_update(g->store, &n->row, &g->err))) forget(g, n);
}

void notice_mark(struct notice *n, uint64_t pass)
{
    n->pass = pass;
}

bool notice_is_marked(const struct notice *n, uint64_t pass)
{
    return n->pass == pass;
}

/* ---- messages -------------------------------------------------------------------------------- */

static void put_time(struct json *object, const char *key, int64_t wall_ms)
{
    char text[TIME_TEXT_SIZE];
    time_format(wall_ms, text);
    json_put(object, key, json_new_str(text));
}

/* JSON text of the event; mem_free. */
static char *event_of(const struct notice_row *row)
{
    struct json *event = NULL;
    char id[ID_TEXT_SIZE];
    if (json_parse(row->facts, strlen(row->facts), &event, NULL)) event = json_new(JSON_OBJECT);
    facts_hide(event);
    id_format(row->id, id);
    json_put(event, "id", json_new_str(id));
    json_put(event, "event", json_new_str(row->event));
    json_put(event, "state",
             json_new_str(row->state == NOTICE_OVER ? "over"
                          : row->messages           ? "again"
                                                    : "raised"));
    facts_put_number(event, "count", row->count);
    put_time(event, "firstAt", row->first_ms);
    put_time(event, "lastAt", row->last_ms);
    char *text = json_text(event);
    json_free(event);
    return text;
}

/* It happened no more. Of what nobody heard of the end is not told. */
static void end_by_quiet(struct engine *g, struct notice *n)
{
    char *facts = n->row.messages > 0 ? quiet_facts(g, &n->row) : NULL;
    if (facts)
        notice_end(g, n, facts);
    else
        notice_drop(g, n);
    mem_free(facts);
}

void notice_on_timer(struct engine *g, struct notice *n)
{
    if (!n->row.due_ms && n->row.last_ms + quiet_ms(n) <= g->now.wall_ms) {
        end_by_quiet(g, n);
        return;
    }
    if (!n->row.due_ms) {
        plan(g, n);
        return;
    }
    if (sent_has_just_ended(g, n->row.id)) { /* should this batch fail, that did not happen */
        timer_set(g, &n->timer, g->now.mono_ms + 1);
        return;
    }
    struct effect *x = effects_add(g->out, EFFECT_NOTICE);
    x->u.notice.id = n->row.id;
    x->u.notice.channel = mem_strdup(n->row.channel);
    x->u.notice.event = event_of(&n->row);
    sent_begin(g, n->row.id, n->row.count, n->row.state == NOTICE_OVER);
}

const char *notice_name(const struct notice *n)
{
    return n->row.channel;
}

int64_t notice_id(const struct notice *n)
{
    return n->row.id;
}

static void on_delivered(struct engine *g, struct notice *n, const struct sent *s)
{
    n->row.delivered_ms = g->now.wall_ms;
    n->row.messages++;
    n->row.tries = 0;
    text_set(&n->row.reason, NULL);
    n->row.count -= s->count;
    if (n->row.state == NOTICE_OPEN) {
        n->row.due_ms = n->row.count > 0 ? pause_end(g, n) : 0;
        return;
    }
    n->row.due_ms = s->over ? 0 : g->now.wall_ms;
    if (s->over) n->row.state = NOTICE_DONE;
}

static void on_failed(struct engine *g, struct notice *n, const char *reason)
{
    n->row.tries++;
    text_set(&n->row.reason, reason);
    if (n->row.tries < NOTICE_TRIES || is_standing(n)) {
        n->row.due_ms = g->now.wall_ms + backoff_ms(n->row.tries);
        return;
    }
    log_warn("notify: a message to '%s' is given up after %d tries: %s", n->row.channel,
             NOTICE_TRIES, reason);
    n->row.due_ms = n->row.tries = 0;
    if (n->row.state == NOTICE_OVER) n->row.state = NOTICE_DONE;
}

void apply_noticed(struct engine *g, const struct command *c)
{
    const struct sent *s = sent_end(g, c->u.id);
    struct notice *n = map_find(&g->notices, (uint64_t)c->u.id);
    if (!n || !s) return; /* dropped meanwhile, or said twice */
    if (c->flag)
        on_delivered(g, n, s);
    else
        on_failed(g, n, c->text ? c->text : "");
    write_row(g, n);
    if (g->rc || n->row.state != NOTICE_DONE) return;
    if (c->flag) note_end(g, &n->row);
    forget(g, n);
}

/* ---- load ------------------------------------------------------------------------------------ */

static int load(const struct notice_row *row, void *user)
{
    struct engine *g = user;
    struct notice_row copy = *row;
    copy.channel = mem_strdup(row->channel);
    copy.event = mem_strdup(row->event);
    copy.subject = mem_strdup(row->subject);
    copy.reason = mem_strdup(row->reason);
    copy.facts = mem_strdup(row->facts);
    if (row->id > g->last_id) g->last_id = row->id;
    plan(g, add(g, &copy));
    return 0;
}

int notices_load(struct engine *g, struct err *e)
{
    return store_each_notice(g->store, load, g, e);
}

void notices_clear(struct engine *g)
{
    for (struct notice *n = g->notice_oldest, *next; n; n = next) {
        next = n->newer;
        timer_clear(g, &n->timer);
        notice_row_fini(&n->row);
        mem_free(n);
    }
    map_clear(&g->notices);
    map_clear(&g->notices_of);
    g->notice_oldest = g->notice_newest = NULL;
    g->notices_idle = 0;
}

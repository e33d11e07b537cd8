/* The simulation ring of schedules: a year in virtual time, over six zones.
 *
 * The coordinator is stopped and killed, its clock is set forward and back, and for a month it is
 * away. Which moments are planned is found by a scan of every minute, which knows nothing of cron
 * or of the engine. After each step the trigger's row and its history have to agree with that scan:
 * each planned moment up to the cursor was fired or missed, or waits, none twice, and none is left
 * behind the clock. When it comes back from its month, what was missed is filled in, over crashes:
 * each moment of the month that did not fire gets one execution, and none that did. Later the last
 * thirty days of some are filled in altogether, beside what fires. Then the clock is set three days
 * forward and back, and back and forward: what was decided of the time that comes once more is
 * dropped, and it is accounted for anew. One plan's execution outlasts its interval, so that every
 * other moment has to be skipped, with its reason; one has conditions, minutes to leave out and
 * jitter.
 *
 *   sim_schedule                    a year, then each sabotage has to be noticed; CADRE_SEED=N
 *                                   repeats a year
 */
#include "tests/unit/coordinator/engine_world.h"

#include "base/clock.h"
#include "base/duration.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/flow/schedule.h"
#include "coordinator/schedule/civil.h"
#include "coordinator/schedule/zones.h"
#include "coordinator/store/reader.h"
#include "coordinator/store/reader_trigger.h"
#include "wire/lease.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MINUTE_MS INT64_C(60000)
#define HOUR_MS (60 * MINUTE_MS)
#define DAY_MS (24 * HOUR_MS)
#define BEGIN_MS INT64_C(1767225600000) /* 2026-01-01T00:00:00Z */
#define DAYS 365
#define STEP_MS (30 * MINUTE_MS)
#define MINUTES ((DAYS + 10) * 24 * 60)

/* Rules of zones, far apart, with both halves of the world and half an hour. */
static const struct {
    const char *name, *rule;
} places[] = {
    {"Europe/Berlin", "CET-1CEST,M3.5.0,M10.5.0/3"},
    {"America/New_York", "EST5EDT,M3.2.0,M11.1.0"},
    {"Australia/Lord_Howe", "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0"},
    {"America/Santiago", "<-04>4<-03>,M9.1.6/24,M4.1.6/24"},
    {"Asia/Kolkata", "IST-5:30"},
    {"Pacific/Auckland", "NZST-12NZDT,M9.5.0,M4.1.0/3"},
};
#define PLACES ((int)(sizeof places / sizeof *places))

/* What is caught up with takes its time. */
#define SLEEPS "{id: t, type: io.kestra.plugin.core.flow.Sleep, duration: PT0.01S}"
#define ENDS "{id: t, command: [x], disabled: true}"

#define OUTLASTS "{id: t, type: io.kestra.plugin.core.flow.Sleep, duration: PT80M}"
#define JITTER_MIN 20
#define CONDITIONS ", when: {weekend: false}, notAt: ['* * 13 * *'], jitter: 20m"

/* What is scanned for: a minute of the day, or of every hour. */
static const struct plan {
    const char *cron, *recover, *task;
    int places; /* few are enough for what fires often */
    int hour;   /* -1: every one */
    int minute;
    bool outlasts;    /* its execution its interval: it is skipped, and not filled in */
    const char *keys; /* CONDITIONS: on working days, but not on the 13th; NULL: none */
} plans[] = {
    {"30 2 * * *", "ALL", SLEEPS, PLACES, 2, 30, false, NULL},
    {"0 3 * * *", "LAST", ENDS, PLACES, 3, 0, false, NULL},
    {"30 * * * *", "NONE", ENDS, 1, -1, 30, false, NULL},
    {"0 * * * *", "LAST", OUTLASTS, 1, -1, 0, true, NULL},
    {"0 4 * * *", "LAST", ENDS, 3, 4, 0, false, CONDITIONS},
};
#define PLANS ((int)(sizeof plans / sizeof *plans))
#define TRIGGERS (PLACES + PLACES + 1 + 1 + 3)

enum sabotage {
    SOUND,
    LOSES_CURSOR, /* what fired is not written down */
    FIRES_AGAIN,  /* what was caught up with stays in the list */
    SKIPS_MOMENT, /* one moment in a hundred is not found */
    WRONG_HOUR,   /* an hour too late */
    LOSES_BACKFILL_CURSOR,
    FORGETS_FIRED,   /* that a moment fired is not written down */
    FORGETS_WAITING, /* one that is to be caught up with is filled in as well */
    PASSES_TOO_MUCH, /* the moment behind those that fired is passed, too */
    FORGETS_WHEN,    /* conditions hold at any time */
    FORGETS_NOT_AT,  /* no minutes are left out */
    TELLS_LESS,      /* of moments that were skipped one fewer is told */
    TELLS_NO_REASON, /* what was skipped is told without its reason */
    SABOTAGES
};
static const char *const sabotage_names[SABOTAGES] = {"nothing",         "loses-cursor",
                                                      "fires-again",     "skips-moment",
                                                      "wrong-hour",      "loses-backfill-cursor",
                                                      "forgets-fired",   "forgets-waiting",
                                                      "passes-too-much", "forgets-when",
                                                      "forgets-not-at",  "tells-less",
                                                      "tells-no-reason"};

/* What is broken in the program at hand; the linker leads its calls here. */
static enum sabotage broken;
static int calls;

int __real_store_trigger_update(struct store *s, const struct trigger_row *t, struct err *e);
int __wrap_store_trigger_update(struct store *s, const struct trigger_row *t, struct err *e);
int __wrap_store_trigger_update(struct store *s, const struct trigger_row *t, struct err *e)
{
    if (broken == LOSES_CURSOR && ++calls % 100 == 0) return 0;
    return __real_store_trigger_update(s, t, e);
}

int __real_store_missed_remove(struct store *s, int64_t trigger, int64_t planned_ms, struct err *e);
int __wrap_store_missed_remove(struct store *s, int64_t trigger, int64_t planned_ms, struct err *e);
int __wrap_store_missed_remove(struct store *s, int64_t trigger, int64_t planned_ms, struct err *e)
{
    if (broken == FIRES_AGAIN) return 0;
    return __real_store_missed_remove(s, trigger, planned_ms, e);
}

int __real_store_backfill_update(struct store *s, const struct backfill_row *b, struct err *e);
int __wrap_store_backfill_update(struct store *s, const struct backfill_row *b, struct err *e);
int __wrap_store_backfill_update(struct store *s, const struct backfill_row *b, struct err *e)
{
    if (broken == LOSES_BACKFILL_CURSOR) return 0;
    return __real_store_backfill_update(s, b, e);
}

int __real_store_fired_put(struct store *s, int64_t trigger, const struct fired_range *f,
                           struct err *e);
int __wrap_store_fired_put(struct store *s, int64_t trigger, const struct fired_range *f,
                           struct err *e);
int __wrap_store_fired_put(struct store *s, int64_t trigger, const struct fired_range *f,
                           struct err *e)
{
    if (broken == FORGETS_FIRED && ++calls % 5 == 0) return 0;
    return __real_store_fired_put(s, trigger, f, e);
}

int __real_store_fired_find(struct store *s, int64_t trigger, int64_t at_ms,
                            struct fired_range *out, struct err *e);
int __wrap_store_fired_find(struct store *s, int64_t trigger, int64_t at_ms,
                            struct fired_range *out, struct err *e);
int __wrap_store_fired_find(struct store *s, int64_t trigger, int64_t at_ms,
                            struct fired_range *out, struct err *e)
{
    int rc = __real_store_fired_find(s, trigger, at_ms, out, e);
    if (rc == 1 && broken == PASSES_TOO_MUCH) out->last_ms += DAY_MS;
    return rc;
}

int __real_store_missed_has(struct store *s, int64_t trigger, int64_t planned_ms, struct err *e);
int __wrap_store_missed_has(struct store *s, int64_t trigger, int64_t planned_ms, struct err *e);
int __wrap_store_missed_has(struct store *s, int64_t trigger, int64_t planned_ms, struct err *e)
{
    if (broken == FORGETS_WAITING) return 0;
    return __real_store_missed_has(s, trigger, planned_ms, e);
}

int __real_store_evaluation_add(struct store *s, const struct evaluation_row *v, struct err *e);
int __wrap_store_evaluation_add(struct store *s, const struct evaluation_row *v, struct err *e);
int __wrap_store_evaluation_add(struct store *s, const struct evaluation_row *v, struct err *e)
{
    struct evaluation_row other = *v;
    if (v->result == EVALUATION_SKIPPED && broken == TELLS_LESS && v->moments > 0) other.moments--;
    if (v->result == EVALUATION_SKIPPED && broken == TELLS_NO_REASON) other.message = NULL;
    return __real_store_evaluation_add(s, &other, e);
}

enum schedule_found __real_flow_schedule_next(const struct flow_schedule *s, const struct zone *z,
                                              int64_t after_s, int64_t *out_s);
enum schedule_found __wrap_flow_schedule_next(const struct flow_schedule *s, const struct zone *z,
                                              int64_t after_s, int64_t *out_s);
enum schedule_found __wrap_flow_schedule_next(const struct flow_schedule *s, const struct zone *z,
                                              int64_t after_s, int64_t *out_s)
{
    struct flow_schedule other = *s;
    if (broken == FORGETS_WHEN) other.when = (struct condition){.kind = CONDITION_ALL_OF};
    if (broken == FORGETS_NOT_AT) other.not_at_count = 0;
    enum schedule_found found = __real_flow_schedule_next(&other, z, after_s, out_s);
    if (broken == SKIPS_MOMENT && found == SCHEDULE_FOUND && *out_s / 60 % 97 == 0)
        found = __real_flow_schedule_next(s, z, *out_s, out_s);
    if (broken == WRONG_HOUR) *out_s += 3600;
    return found;
}

/* ---- the scan ---- */

struct schedule_seen {
    int place, plan;
    char flow[16];
    unsigned char *planned;        /* by minute since BEGIN_MS: 1 planned, 2 fired as well */
    int64_t counted_min, expected; /* planned moments before that minute */
    int64_t lines;                 /* of the history that were looked at */
    int64_t line_moments;          /* of the last of them, which may grow */
    int64_t told_skipped, told_missed, dropped; /* by its lines, each with its reason */
};

struct year {
    struct world w;
    struct rng rng;
    struct zone *zones[PLACES];
    struct zones *table;
    struct schedule_seen watched[TRIGGERS];
    int64_t top_ms; /* the latest wall time so far */
    uint64_t fired, missed, skipped, filled, faults;
    char violation[256];
};

/* A time of a day fires at the first minute at which the zone's clocks have come to it, however
 * they do; a minute of every hour whenever the clocks show it. */
static bool is_left_out(const struct plan *p, int64_t local_min)
{
    if (!p->keys) return false;
    struct civil_time c = civil_time_of(local_min * 60);
    return c.weekday == 0 || c.weekday == 6 || c.day == 13;
}

static void scan(struct year *y, struct schedule_seen *k)
{
    const struct zone *z = y->zones[k->place];
    int hour = plans[k->plan].hour, minute = plans[k->plan].minute;
    int64_t highest = INT64_MIN, start_min = BEGIN_MS / MINUTE_MS;
    struct zone_span span = {.ends_s = INT64_MIN};
    k->planned = mem_alloc(MINUTES);
    for (int64_t m = -2 * 24 * 60; m < MINUTES; m++) {
        int64_t utc_s = (start_min + m) * 60;
        if (utc_s >= span.ends_s) span = zone_span(z, utc_s);
        int64_t local = (utc_s + span.offset_s) / 60;
        bool fires = false;
        if (hour < 0) {
            fires = local % 60 == minute;
        } else {
            int64_t target = local / 1440 * 1440 + hour * 60 + minute;
            fires = local >= target && highest < target && highest != INT64_MIN;
        }
        if (local > highest) highest = local;
        if (m >= 0) k->planned[m] = fires && !is_left_out(&plans[k->plan], local);
    }
}

static void violate(struct year *y, const struct schedule_seen *k, int64_t ms, const char *what)
{
    char at[TIME_TEXT_SIZE];
    if (*y->violation) return;
    time_format(ms, at);
    str_format(y->violation, sizeof y->violation, "%s %s in %s: %s: %s", k->flow,
               plans[k->plan].cron, places[k->place].name, at, what);
}

/* ---- what is looked at ---- */

struct look {
    struct year *y;
    struct schedule_seen *k;
    int64_t newest, newest_moments;
};

/* What did not fire has one of these reasons; a line may have grown since it was looked at. */
static void look_at_reason(struct year *y, struct schedule_seen *k, const struct evaluation_row *v)
{
    const char *why = v->message ? v->message : "";
    int64_t moments = v->moments - (v->number == k->lines ? k->line_moments : 0);
    if (strstr(why, "is still under way (allowConcurrent: false)"))
        k->told_skipped += moments;
    else if (str_starts(why, "missed: "))
        k->told_missed += moments;
    else if (strstr(why, "lies more than a day in the future: the clock was wrong"))
        k->dropped += v->number > k->lines;
    else
        violate(y, k, v->planned_ms, "is skipped without a reason");
}

static int look_at_line(const struct evaluation_row *v, void *user)
{
    struct look *l = user;
    struct year *y = l->y;
    if (v->number < l->k->lines) return 1;
    if (v->result == EVALUATION_SKIPPED) look_at_reason(y, l->k, v);
    if (v->number > l->newest) {
        l->newest = v->number;
        l->newest_moments = v->moments;
    }
    if (v->number == l->k->lines) return 1;
    if (v->result != EVALUATION_FIRED) return 0;
    int64_t m = (v->planned_ms - BEGIN_MS) / MINUTE_MS;
    if (m < 0 || m >= MINUTES || v->planned_ms % MINUTE_MS || !l->k->planned[m])
        violate(y, l->k, v->planned_ms, "fired, and it is not planned");
    else if (l->k->planned[m] == 2)
        violate(y, l->k, v->planned_ms, "fired twice");
    else
        l->k->planned[m] = 2;
    if (v->started_ms < v->planned_ms) violate(y, l->k, v->planned_ms, "fired before its time");
    return 0;
}

static void look_at(struct year *y, struct reader *r, struct schedule_seen *k)
{
    struct trigger_row t = {0};
    struct err e = {0};
    if (reader_trigger(r, "a", k->flow, "t", &t, &e)) fail_msg("%s: %s", k->flow, err_text(&e));
    struct look l = {y, k, 0, 0};
    if (reader_evaluations(r, t.id, look_at_line, &l, &e)) fail_msg("%s", err_text(&e));
    k->lines = l.newest;
    k->line_moments = l.newest_moments;
    if (k->told_skipped != t.skipped || k->told_missed != t.missed)
        violate(y, k, t.planned_ms, "the history has not told all that did not fire");
    int64_t cursor_min = (t.planned_ms - BEGIN_MS) / MINUTE_MS;
    for (; k->counted_min <= cursor_min && k->counted_min < MINUTES; k->counted_min++)
        k->expected += k->planned[k->counted_min] != 0;
    int64_t told = t.fired + t.skipped + t.missed + t.backlog;
    if (told != k->expected)
        violate(y, k, t.planned_ms, "moments up to there are not all accounted for");
    /* behind the cursor nothing may be left that the clock has passed */
    int64_t now_min = (y->w.now.wall_ms - BEGIN_MS) / MINUTE_MS;
    if (plans[k->plan].keys) now_min -= JITTER_MIN;
    for (int64_t m = cursor_min + 1; m <= now_min && m < MINUTES; m++)
        if (k->planned[m]) violate(y, k, BEGIN_MS + m * MINUTE_MS, "was passed over");
    trigger_row_fini(&t);
}

static void look(struct year *y)
{
    struct reader *r;
    struct err e = {0};
    if (reader_open(y->w.folder, &r, &e)) fail_msg("%s", err_text(&e));
    for (int i = 0; i < TRIGGERS && !*y->violation; i++)
        look_at(y, r, &y->watched[i]);
    reader_close(r);
}

/* ---- backfills ---- */

#define FILLED_DAYS 30
#define FILLED_MOST 1000

struct filled {
    struct year *y;
    struct schedule_seen *k;
    int64_t backfill, first_min, end_min;
    bool missed; /* those alone that did not fire */
    unsigned char had[(FILLED_DAYS + 2) * 24 * 60];
    int count;
};

/* An execution of the backfill, by the moment that it was told. */
static int look_at_filled(const struct execution_row *x, void *user)
{
    struct filled *f = user;
    struct json *vars = NULL;
    int64_t ms = 0;
    if (x->backfill != f->backfill) return 0;
    if (!x->trigger_vars || json_parse(x->trigger_vars, strlen(x->trigger_vars), &vars, NULL) ||
        time_parse(json_get_str(vars, "date", ""), &ms))
        fail_msg("%s: an execution without a date", f->k->flow);
    json_free(vars);
    int64_t m = (ms - BEGIN_MS) / MINUTE_MS;
    if (m < f->first_min || m >= f->end_min || !f->k->planned[m])
        violate(f->y, f->k, ms, "filled in, and it is not planned");
    else if (f->had[m - f->first_min]++)
        violate(f->y, f->k, ms, "filled in twice");
    else if (f->missed && f->k->planned[m] == 2)
        violate(f->y, f->k, ms, "filled in, and it was not missed");
    f->count++;
    return 0;
}

static void look_at_backfill(struct filled *f, struct reader *r)
{
    struct year *y = f->y;
    struct execution_filter of = {.ns = "a", .flow = f->k->flow, .limit = FILLED_MOST};
    struct err e = {0};
    int64_t more;
    if (reader_executions(r, &of, look_at_filled, f, &more, &e)) fail_msg("%s", err_text(&e));
    for (int64_t m = f->first_min; m < f->end_min; m++) {
        int had = f->had[m - f->first_min], planned = f->k->planned[m];
        if (planned && !had && !(f->missed && planned == 2))
            violate(y, f->k, BEGIN_MS + m * MINUTE_MS, "was not filled in");
    }
    y->filled += (uint64_t)f->count;
    mem_free(f);
}

/* NULL: refused, because there is nothing. */
static struct filled *begin_backfill(struct year *y, struct schedule_seen *k, int64_t first_min,
                                     int64_t end_min, bool missed)
{
    struct command *c = command_new(CMD_TRIGGER_BACKFILL);
    char time[TIME_TEXT_SIZE];
    c->request = ++y->w.requests;
    c->u.place.ns = mem_strdup("a");
    c->u.place.flow = mem_strdup(k->flow);
    c->u.place.trigger = mem_strdup("t");
    c->u.backfill.parallel = 3;
    c->u.backfill.missed = missed;
    time_format(BEGIN_MS + first_min * MINUTE_MS, time);
    c->u.backfill.start = mem_strdup(time);
    time_format(BEGIN_MS + end_min * MINUTE_MS - 1000, time);
    c->u.backfill.end = mem_strdup(time);
    assert_int_equal(world_do(&y->w, c), 0);
    const struct reply *x = world_reply(&y->w);
    if (missed && x->rc == ERR_INVALID && strstr(err_text(&x->err), "nothing was missed"))
        return NULL;
    if (x->rc) fail_msg("%s", err_text(&x->err));
    struct filled *f = mem_alloc(sizeof *f);
    *f = (struct filled){.y = y,
                         .k = k,
                         .backfill = x->id,
                         .first_min = first_min,
                         .end_min = end_min,
                         .missed = missed};
    return f;
}

static void go_on_over_crashes(struct year *y)
{
    for (int n = 0; n < 6; n++) {
        world_pass(&y->w, 2);
        world_tick(&y->w);
        world_pass(&y->w, 2);
        world_begin(&y->w);
        world_crash(&y->w);
    }
    world_live(&y->w, MINUTE_MS);
}

/* One of each plan, all at once; the coordinator dies in the middle of it. */
static void fill_in(struct year *y)
{
    int64_t end_min = (y->w.now.wall_ms - BEGIN_MS) / MINUTE_MS - 24 * 60;
    int64_t first_min = end_min - FILLED_DAYS * 24 * 60;
    struct filled *begun[PLANS];
    struct reader *r;
    struct err e = {0};
    for (int i = 0, first = 0; i < PLANS; first += plans[i++].places)
        begun[i] = plans[i].outlasts
                       ? NULL
                       : begin_backfill(y, &y->watched[first], first_min, end_min, false);
    go_on_over_crashes(y);
    if (reader_open(y->w.folder, &r, &e)) fail_msg("%s", err_text(&e));
    for (int i = 0; i < PLANS; i++)
        if (begun[i]) look_at_backfill(begun[i], r);
    reader_close(r);
}

/* What nobody could fire while the coordinator was away, and what waits to be caught up with. */
static void fill_in_missed(struct year *y, int64_t from_ms)
{
    int64_t first_min = (from_ms - BEGIN_MS) / MINUTE_MS - 12 * 60;
    int64_t end_min = (y->w.now.wall_ms - BEGIN_MS) / MINUTE_MS;
    struct filled *begun[TRIGGERS];
    struct reader *r;
    struct err e = {0};
    world_pass(&y->w, 1);
    world_tick(&y->w); /* all is decided; one of those that wait fired */
    for (int i = 0; i < TRIGGERS; i++)
        begun[i] = plans[y->watched[i].plan].outlasts
                       ? NULL
                       : begin_backfill(y, &y->watched[i], first_min, end_min, true);
    go_on_over_crashes(y);
    for (int n = 0; n < 60; n++)
        world_live(&y->w, 10);
    look(y); /* what was caught up with */
    if (reader_open(y->w.folder, &r, &e)) fail_msg("%s", err_text(&e));
    for (int i = 0; i < TRIGGERS; i++)
        if (begun[i]) look_at_backfill(begun[i], r);
    reader_close(r);
    for (int i = 0; i < TRIGGERS && !*y->violation; i++) {
        if (plans[y->watched[i].plan].outlasts) continue;
        struct filled *again = begin_backfill(y, &y->watched[i], first_min, end_min, true);
        if (again) violate(y, &y->watched[i], y->w.now.wall_ms, "something was missed still");
        mem_free(again);
    }
}

/* ---- the year ---- */

static int64_t chance(struct year *y, int64_t below)
{
    return (int64_t)rng_below(&y->rng, (uint64_t)below);
}

/* To the next half hour of the clock on the wall, as the engine's timers would have it. */
static void step(struct year *y)
{
    int64_t ms = STEP_MS - y->w.now.wall_ms % STEP_MS;
    world_pass(&y->w, ms);
    for (int n = 0; n < 2; n++) { /* what is bounded goes on, and what is caught up with */
        world_tick(&y->w);
        world_pass(&y->w, 1);
    }
}

static void settle(struct year *y)
{
    for (int n = 0; n < 40; n++) {
        world_pass(&y->w, 2);
        world_tick(&y->w);
    }
}

static void away(struct year *y, int64_t ms, bool fills)
{
    int64_t from_ms = y->w.now.wall_ms;
    world_die(&y->w);
    world_pass(&y->w, ms);
    world_rise(&y->w);
    if (fills) fill_in_missed(y, from_ms);
    settle(y);
}

static void something_happens(struct year *y)
{
    y->faults++;
    switch (chance(y, 5)) {
    case 0:
        world_crash(&y->w);
        break;
    case 1:
        world_restart(&y->w);
        break;
    case 2:
        y->w.now.wall_ms += 1500 + chance(y, 5 * HOUR_MS);
        break;
    case 3: /* back, by less than a day */
        y->w.now.wall_ms -= 1500 + chance(y, 5 * HOUR_MS);
        break;
    default:
        away(y, chance(y, 9 * HOUR_MS), false);
        break;
    }
    settle(y);
}

#define FAR_MS (3 * DAY_MS)

/* What was decided of the time that comes once more counts no longer: each says so, and all of that
 * time is accounted for anew. */
static void set_far_back(struct year *y)
{
    look(y);
    y->w.now.wall_ms -= FAR_MS;
    int64_t now_min = (y->w.now.wall_ms - BEGIN_MS) / MINUTE_MS, dropped[TRIGGERS];
    for (int i = 0; i < TRIGGERS; i++) {
        struct schedule_seen *k = &y->watched[i];
        dropped[i] = k->dropped;
        k->counted_min = now_min + 1;
        for (int64_t m = now_min + 1; m < MINUTES; m++)
            k->planned[m] = k->planned[m] != 0;
    }
    settle(y);
    look(y);
    for (int i = 0; i < TRIGGERS; i++)
        if (y->watched[i].dropped != dropped[i] + 1)
            violate(y, &y->watched[i], y->w.now.wall_ms, "is not planned anew");
}

static void set_far_forward(struct year *y)
{
    y->w.now.wall_ms += FAR_MS;
    settle(y);
    look(y);
}

static void set_far_and_back(struct year *y)
{
    void (*const sets[])(struct year *) = {set_far_forward, set_far_back, set_far_back,
                                           set_far_forward};
    for (int i = 0; i < 4; i++) {
        sets[i](y);
        for (int n = 0; n < 96; n++)
            step(y);
        look(y);
    }
}

static void begin(struct year *y, uint64_t seed)
{
    static const char source[] =
        "id: %s\nnamespace: a\ntasks: [%s]\n"
        "triggers: [{id: t, cron: '%s', timezone: %s, recoverMissedSchedules: %s%s}]\n";
    rng_init(&y->rng, seed);
    y->table = zones_new(NULL);
    for (int i = 0; i < PLACES; i++) {
        struct err e = {0};
        if (zone_parse_rule(places[i].rule, &y->zones[i], &e)) fail_msg("%s", err_text(&e));
        zones_put(y->table, places[i].name, zone_share(y->zones[i]));
    }
    y->w.seed = seed;
    y->w.base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : NULL;
    y->w.now = (struct moment){.mono_ms = 1000000, .wall_ms = BEGIN_MS + MINUTE_MS / 2};
    y->w.config = (struct engine_config){.lease_ms = 60000,
                                         .heartbeat_ms = 10000,
                                         .retention_ms = DAY_MS,
                                         .output_limit_bytes = 1 << 20,
                                         .payload_limit_bytes = 65536,
                                         .max_agents = 100,
                                         .kill_time_ms = lease_kill_time_ms(0),
                                         .zones = y->table};
    world_open(&y->w);
    for (int i = 0, plan = 0, nth = 0; i < TRIGGERS; i++) {
        struct schedule_seen *k = &y->watched[i];
        k->place = (nth + plan) % PLACES;
        k->plan = plan;
        if (++nth == plans[plan].places) nth = 0, plan++;
        str_format(k->flow, sizeof k->flow, "f%d", i);
        k->counted_min = 1;
        scan(y, k);
        struct command *c = command_new(CMD_FLOW_APPLY);
        c->request = ++y->w.requests;
        c->u.apply.files = mem_array(1, sizeof *c->u.apply.files);
        c->u.apply.count = 1;
        c->u.apply.files[0].name = mem_strdup("f.yaml");
        c->u.apply.files[0].source =
            str_dupf(source, k->flow, plans[k->plan].task, plans[k->plan].cron,
                     places[k->place].name, plans[k->plan].recover,
                     plans[k->plan].keys ? plans[k->plan].keys : "");
        assert_int_equal(world_do(&y->w, c), 0);
        if (world_reply(&y->w)->rc) fail_msg("%s", err_text(&world_reply(&y->w)->err));
    }
}

static void end(struct year *y)
{
    struct reader *r;
    struct err e = {0};
    if (reader_open(y->w.folder, &r, &e)) fail_msg("%s", err_text(&e));
    for (int i = 0; i < TRIGGERS; i++) {
        struct trigger_row t = {0};
        if (reader_trigger(r, "a", y->watched[i].flow, "t", &t, &e) == 0) {
            y->fired += (uint64_t)t.fired;
            y->missed += (uint64_t)t.missed;
            y->skipped += (uint64_t)t.skipped;
        }
        trigger_row_fini(&t);
        mem_free(y->watched[i].planned);
    }
    reader_close(r);
    world_close(&y->w);
    zones_free(y->table);
    for (int i = 0; i < PLACES; i++)
        zone_free(y->zones[i]);
}

static bool run(uint64_t seed, int days, enum sabotage sabotage, struct year *y)
{
    *y = (struct year){0};
    broken = SOUND;
    calls = 0;
    begin(y, seed);
    broken = sabotage;
    bool was_away = false, was_filled = false, was_far = false;
    int64_t end_ms = BEGIN_MS + days * DAY_MS;
    for (int64_t n = 1; y->w.now.wall_ms < end_ms && !*y->violation; n++) {
        step(y);
        if (!was_away && y->w.now.wall_ms > BEGIN_MS + days * DAY_MS / 2) {
            was_away = true;
            away(y, days > 60 ? 30 * DAY_MS : 5 * DAY_MS, true);
            look(y);
        } else if (was_away && !was_filled &&
                   y->w.now.wall_ms > BEGIN_MS + (FILLED_DAYS + 2) * DAY_MS) {
            was_filled = true;
            fill_in(y);
            look(y);
        } else if (was_filled && !was_far && y->w.now.wall_ms > BEGIN_MS + days * DAY_MS * 3 / 4) {
            was_far = true;
            set_far_and_back(y);
        } else if (chance(y, 200) == 0) {
            something_happens(y);
            look(y);
        } else if (n % 48 == 0) {
            look(y);
        }
    }
    broken = SOUND;
    end(y);
    return !*y->violation;
}

static uint64_t base_seed(void)
{
    const char *given = getenv("CADRE_SEED");
    int64_t seed;
    if (given && str_int64(given, &seed) == 0) return (uint64_t)seed;
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return ((uint64_t)t.tv_sec * 1000003u + (uint64_t)t.tv_nsec) % 1000000000u;
}

/* Where time is short (CADRE_SIM_SECONDS): two months, and no sabotage. */
static bool is_short(void)
{
    const char *given = getenv("CADRE_SIM_SECONDS");
    return given && *given;
}

static void a_year__each_planned_moment_is_accounted_for(void **state)
{
    (void)state;
    struct year *y = mem_alloc(sizeof *y);
    uint64_t seed = base_seed();
    bool kept = run(seed, is_short() ? DAYS / 6 : DAYS, SOUND, y);
    printf("# seed %llu: %llu moments fired, %llu missed, %llu skipped, %llu filled in, "
           "%llu faults\n",
           (unsigned long long)seed, (unsigned long long)y->fired, (unsigned long long)y->missed,
           (unsigned long long)y->skipped, (unsigned long long)y->filled,
           (unsigned long long)y->faults);
    if (!kept) fail_msg("seed %llu: %s", (unsigned long long)seed, y->violation);
    if (y->skipped == 0) fail_msg("nothing was skipped");
    mem_free(y);
}

static void each_sabotage__is_noticed(void **state)
{
    (void)state;
    if (is_short()) skip();
    struct year *y = mem_alloc(sizeof *y);
    for (enum sabotage k = SOUND + 1; k < SABOTAGES; k++) {
        uint64_t seed = 1;
        while (seed <= 10 && run(seed, 40, k, y))
            seed++;
        if (seed > 10) fail_msg("sabotage %s was not noticed", sabotage_names[k]);
        printf("# sabotage %s, seed %llu: %s\n", sabotage_names[k], (unsigned long long)seed,
               y->violation);
    }
    mem_free(y);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_year__each_planned_moment_is_accounted_for),
        cmocka_unit_test(each_sabotage__is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Triggers that are schedules.
 *
 * A schedule has a cursor, row.planned_ms: all its planned moments up to there are decided, each as
 * fired, skipped or missed, and none is decided twice, because the cursor is written in the
 * transaction that starts the execution. The next moment is looked for from the cursor, never from
 * the clock. So neither a restart nor a clock that is set can make a moment fire twice or vanish.
 *
 *   planned moment --due--> on time, nothing of it runs     fired
 *                           on time, its execution runs     skipped
 *                           nobody could fire: NONE         missed
 *                                              LAST         missed, but for the last one
 *                                              ALL          waits; fired one after the other
 *
 * Nobody could fire what was due before the coordinator started, and what is later than
 * SCHEDULE_LATE_MS: the machine slept, the disk was full, the clock was set forward.
 *
 * What a turn decides is bounded, and the batch's turns together, too: a second in which thousands
 * of schedules are due, or a month of missed seconds, takes several batches. Nor does each of these
 * look at all that are due: those that a batch has no room for come back one after the other. */
#include "coordinator/engine/schedule.h"

#include "base/duration.h"
#include "base/id.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/engine/fired.h"
#include "coordinator/engine/firing.h"
#include "coordinator/engine/news.h"
#include "coordinator/engine/notice_flow.h"
#include "coordinator/schedule/zones.h"

#define LOOK_MOST 10000 /* moments decided in a batch */
#define LOOK_PLANNED 20 /* and one that is planned anew: its flow may have to be parsed */
#define FIRE_MOST 200   /* executions begun in a batch, evaluations included */
#define TURN_MS 20 /* those that a batch has no room for come back, FIRE_MOST in so much time */
#define APART_MS 1000
#define CLOCK_MS 10000 /* an idle coordinator looks at its clocks that often */
#define DAY_MS (INT64_C(24) * 60 * 60 * 1000)

#define WHY_NONE "missed: nobody could fire then (recoverMissedSchedules: NONE)"
#define WHY_LAST "missed: the last one is fired alone (recoverMissedSchedules: LAST)"
#define WHY_FULL "missed: 1000 wait already, as many as may (recoverMissedSchedules: ALL)"

/* What is decided in one go; moments that come out alike are one line of the history. */
struct turn {
    struct engine *g;
    struct trigger *t;
    const struct flow *flow;
    const struct flow_trigger *def;
    int64_t count; /* of moments that are not in the history yet, all with the same result */
    int64_t last_s;
    bool missed; /* else skipped */
    char why[ERR_MSG_MAX];
    bool changed, more;
};

/* ---- the history ---- */

static int64_t *counter_of(struct trigger_row *row, enum evaluation_result result, bool missed)
{
    if (missed) return &row->missed;
    return result == EVALUATION_FIRED     ? &row->fired
           : result == EVALUATION_SKIPPED ? &row->skipped
                                          : &row->errors;
}

static void write_line(struct engine *g, struct trigger *t, const struct evaluation_row *v)
{
    struct trigger_row *row = &t->row;
    char *message = mem_strdup(v->message); /* may be the row's own */
    row->result = v->result;
    text_take(&row->message, &message);
    row->ended_ms = g->now.wall_ms;
    struct evaluation_row line = *v;
    line.trigger = row->id;
    line.number = row->evaluations;
    line.message = row->message;
    line.ended_ms = g->now.wall_ms;
    store_ok(g, store_evaluation_add(g->store, &line, &g->err));
}

/* A line of its own. */
static void add_line(struct engine *g, struct trigger *t, struct evaluation_row *v)
{
    t->row.evaluations++;
    t->line_moments = 0;
    v->started_ms = g->now.wall_ms;
    write_line(g, t, v);
}

void schedule_note(struct engine *g, struct trigger *t, int64_t at_ms, const char *text)
{
    t->row.evaluations++;
    t->line_moments = 0;
    struct evaluation_row line = {.trigger = t->row.id,
                                  .number = t->row.evaluations,
                                  .result = EVALUATION_NOT_FIRED,
                                  .message = (char *)(uintptr_t)text,
                                  .planned_ms = at_ms,
                                  .started_ms = g->now.wall_ms,
                                  .ended_ms = g->now.wall_ms};
    if (store_ok(g, store_evaluation_add(g->store, &line, &g->err))) news_trigger(g, &t->row);
}

static void tell_passed(const struct turn *u)
{
    char name[FLOW_NAME_SIZE], at[TIME_TEXT_SIZE];
    time_format(u->last_s * 1000, at);
    log_write(u->missed ? LOG_WARN : LOG_INFO,
              "trigger %s of %s: %lld planned moment%s up to %s: %s", u->t->row.name,
              flow_name(u->t->flow, name), (long long)u->count, u->count == 1 ? "" : "s", at,
              u->why);
}

/* Moments up to at_s passed by, and nothing will make up for them. */
static void tell_missed(struct engine *g, const struct trigger *t, int64_t at_s, int64_t moments,
                        const char *why)
{
    char name[FLOW_NAME_SIZE], subject[FLOW_NAME_SIZE + 128], at[TIME_TEXT_SIZE];
    time_format(at_s * 1000, at);
    (void)str_format(subject, sizeof subject, "%s/%s", flow_name(t->flow, name), t->row.name);
    struct facts f = {.title = str_dupf("schedule %s of flow %s was missed", t->row.name, name),
                      .text = str_dupf("%lld planned moment%s up to %s: %s", (long long)moments,
                                       moments > 1 ? "s" : "", at, why),
                      .ns = t->flow->ns,
                      .flow = t->flow->id,
                      .trigger = t->row.name};
    struct occasion o = {.event = RULE_SCHEDULE_MISSED, .subject = subject, .times = moments};
    notice_of_flow(g, flow_present(g, t->flow), &o, &f);
}

/* What was skipped or missed becomes a line, or the line before grows. */
static void flush(struct turn *u)
{
    struct trigger *t = u->t;
    struct trigger_row *row = &t->row;
    if (u->count == 0 || u->g->rc) return;
    bool grows =
        t->line_moments > 0 && row->result == EVALUATION_SKIPPED && str_eq(row->message, u->why);
    if (!grows) {
        row->evaluations++;
        t->line_moments = 0;
        t->line_since_ms = u->g->now.wall_ms;
        tell_passed(u);
    }
    t->line_moments += u->count;
    *counter_of(row, EVALUATION_SKIPPED, u->missed) += u->count;
    struct evaluation_row v = {.result = EVALUATION_SKIPPED,
                               .message = u->why,
                               .started_ms = t->line_since_ms,
                               .planned_ms = u->last_s * 1000,
                               .moments = t->line_moments};
    write_line(u->g, t, &v);
    if (u->g->rc == 0 && u->missed) tell_missed(u->g, t, u->last_s, u->count, u->why);
    u->count = 0;
    u->changed = true;
}

static void pass(struct turn *u, int64_t at_s, bool missed, const char *why)
{
    if (u->count > 0 && (missed != u->missed || !str_eq(u->why, why))) flush(u);
    str_copy(u->why, sizeof u->why, why);
    u->missed = missed;
    u->last_s = at_s;
    u->count++;
}

void schedule_drop_backlog(struct engine *g, struct trigger *t, const char *why)
{
    if (t->row.backlog == 0) return;
    struct evaluation_row v = {.result = EVALUATION_SKIPPED,
                               .message = (char *)(uintptr_t)why,
                               .planned_ms = t->row.planned_ms,
                               .moments = t->row.backlog};
    t->row.missed += t->row.backlog;
    t->row.backlog = 0;
    add_line(g, t, &v);
    if (g->rc == 0) tell_missed(g, t, t->row.planned_ms / 1000, v.moments, why);
    if (g->rc == 0 && store_ok(g, store_missed_clear(g->store, t->row.id, &g->err)))
        news_trigger(g, &t->row);
}

/* ---- what is planned ---- */

static int64_t jitter_ms(const struct trigger *t, const struct flow_schedule *s, int64_t at_s)
{
    struct rng r;
    if (s->jitter_ms == 0) return 0;
    rng_init(&r, (uint64_t)t->row.id * UINT64_C(0x9E3779B97F4A7C15) ^ (uint64_t)at_s);
    return (int64_t)rng_below(&r, (uint64_t)s->jitter_ms + 1);
}

int64_t schedule_fire_ms(const struct trigger *t, const struct flow_schedule *s, int64_t at_s)
{
    return at_s * 1000 + jitter_ms(t, s, at_s);
}

/* Looks for the moment that follows the cursor. */
static void find_next(struct trigger *t, const struct flow_schedule *s)
{
    int64_t after_s = t->row.planned_ms / 1000, at_s = 0;
    enum schedule_found found = flow_schedule_next(s, t->zone, after_s, &at_s);
    t->left_out = found == SCHEDULE_LEFT_OUT;
    t->next_s = at_s;
    t->fire_ms = found == SCHEDULE_NONE       ? NEVER
                 : found == SCHEDULE_LEFT_OUT ? at_s * 1000
                                              : schedule_fire_ms(t, s, at_s);
    t->row.next_ms = found == SCHEDULE_FOUND ? t->fire_ms : 0;
}

/* Moments are decided in their order: one that jitter delays by much delays those behind it. */
static void wait_for_turn(struct trigger *t, int64_t least_ms)
{
    if (t->fire_ms >= least_ms) return;
    t->fire_ms = least_ms;
    if (t->row.next_ms) t->row.next_ms = least_ms;
}

/* The clock was wrong when it fired last. What waits was missed by that clock, and will come. */
static void drop_future(struct engine *g, struct trigger *t)
{
    schedule_drop_backlog(g, t, "missed: by a clock that was wrong");
    if (g->rc) return;
    char name[FLOW_NAME_SIZE], at[TIME_TEXT_SIZE], why[160];
    time_format(t->row.planned_ms, at);
    str_format(why, sizeof why,
               "its last moment, %s, lies more than a day in the future: the clock was wrong, and "
               "it is planned from now on",
               at);
    log_warn("trigger %s of %s: %s", t->row.name, flow_name(t->flow, name), why);
    struct evaluation_row v = {.result = EVALUATION_SKIPPED,
                               .message = why,
                               .planned_ms = t->row.planned_ms};
    add_line(g, t, &v);
    t->row.planned_ms = g->now.wall_ms;
}

static void plan(struct turn *u)
{
    struct engine *g = u->g;
    struct trigger *t = u->t;
    int64_t before_ms = t->row.next_ms;
    char name[FLOW_NAME_SIZE], was[TIME_TEXT_SIZE], is[TIME_TEXT_SIZE] = "never";
    bool future = t->row.planned_ms > g->now.wall_ms + DAY_MS;
    if (future) drop_future(g, t);
    find_next(t, u->def->schedule);
    t->planned = true;
    g->looked += LOOK_PLANNED;
    if (t->row.next_ms == before_ms && !future) return;
    u->changed = true;
    if (before_ms == 0 || future) return;
    time_format(before_ms, was);
    if (t->row.next_ms) time_format(t->row.next_ms, is);
    log_info("trigger %s of %s: its next firing moved from %s to %s (time zone %s)", t->row.name,
             flow_name(t->flow, name), was, is, t->row.zone);
}

void schedule_begin(struct engine *g, struct trigger *t)
{
    /* the clock may have been set back; see also drop_future() */
    int64_t ahead_ms = t->row.planned_ms - g->now.wall_ms;
    if (ahead_ms < 0 || ahead_ms > DAY_MS) t->row.planned_ms = g->now.wall_ms;
    t->row.next_ms = 0;
    t->planned = false;
    zone_free(t->zone);
    t->zone = NULL;
}

/* ---- firing ---- */

void schedule_format(const char *name, const struct zone *z, int64_t at_s,
                     char out[CIVIL_TEXT_SIZE])
{
    bool zulu = str_eq(name, "UTC") || str_eq(name, "Z");
    civil_format(at_s, zone_offset(z, at_s), zulu, out);
}

static void put_time(struct json *vars, const char *key, const struct trigger *t, int64_t at_s)
{
    char text[CIVIL_TEXT_SIZE];
    schedule_format(t->row.zone, t->zone, at_s, text);
    json_put(vars, key, json_new_str(text));
}

struct json *schedule_vars(const struct trigger *t, const struct flow_schedule *s, int64_t at_s)
{
    struct json *vars = json_new(JSON_OBJECT);
    int64_t other_s;
    put_time(vars, "date", t, at_s);
    if (flow_schedule_next(s, t->zone, at_s, &other_s) == SCHEDULE_FOUND)
        put_time(vars, "next", t, other_s);
    if (flow_schedule_previous(s, t->zone, at_s, &other_s)) put_time(vars, "previous", t, other_s);
    return vars;
}

static void fire(struct turn *u, int64_t at_s, const char *remark)
{
    struct engine *g = u->g;
    struct trigger *t = u->t;
    struct err e = {0};
    flush(u);
    if (g->rc) return;
    char name[FLOW_NAME_SIZE];
    struct json *vars = schedule_vars(t, u->def->schedule, at_s);
    const struct firing x = {.flow = u->flow, .def = u->def, .vars = vars};
    int64_t id = trigger_start(g, t, &x, &e);
    json_free(vars);
    if (g->rc) return;
    struct evaluation_row v = {.result = id ? EVALUATION_FIRED : EVALUATION_ERROR,
                               .message = (char *)(uintptr_t)(id ? remark : err_text(&e)),
                               .execution = id,
                               .planned_ms = at_s * 1000,
                               .moments = 1};
    if (id == 0)
        log_warn("trigger %s of %s: %s", t->row.name, flow_name(t->flow, name), err_text(&e));
    else
        t->row.execution = id;
    if (id) fired_add(g, t, u->def->schedule, at_s);
    if (g->rc) return;
    ++*counter_of(&t->row, v.result, false);
    add_line(g, t, &v);
    g->begun++;
    u->changed = true;
}

/* ---- deciding ---- */

static bool is_missed(const struct engine *g, int64_t fire_ms)
{
    return fire_ms <= g->able_from_ms || g->now.wall_ms - fire_ms > SCHEDULE_LATE_MS;
}

static void fire_or_skip(struct turn *u, int64_t at_s)
{
    struct trigger *t = u->t;
    char id[ID_TEXT_SIZE], why[128];
    if (t->row.concurrent || t->executions == 0) {
        fire(u, at_s, NULL);
        return;
    }
    id_format(t->row.execution, id);
    str_format(why, sizeof why,
               "the execution %s that it started is still under way (allowConcurrent: false)", id);
    pass(u, at_s, false, why);
}

static void miss(struct turn *u, int64_t at_s)
{
    struct engine *g = u->g;
    struct trigger *t = u->t;
    switch (u->def->schedule->recover) {
    case RECOVER_NONE:
        pass(u, at_s, true, WHY_NONE);
        return;
    case RECOVER_LAST:
        /* the cursor is past it: t->fire_ms is of the one that follows */
        if (t->fire_ms <= g->now.wall_ms && is_missed(g, t->fire_ms))
            pass(u, at_s, true, WHY_LAST);
        else
            fire_or_skip(u, at_s);
        return;
    default:
        break;
    }
    if (t->row.backlog >= SCHEDULE_BACKLOG_MOST) {
        pass(u, at_s, true, WHY_FULL);
    } else if (store_ok(g, store_missed_add(g->store, t->row.id, at_s * 1000, &g->err))) {
        t->row.backlog++;
        u->changed = true;
    }
}

static bool is_spent(const struct engine *g)
{
    return g->looked >= LOOK_MOST || g->begun >= FIRE_MOST;
}

static void decide(struct turn *u)
{
    struct engine *g = u->g;
    struct trigger *t = u->t;
    while (g->rc == 0 && t->fire_ms <= g->now.wall_ms) {
        if (is_spent(g)) {
            u->more = true;
            return;
        }
        g->looked++;
        int64_t at_s = t->next_s, fire_ms = t->fire_ms;
        bool moment = !t->left_out, missed = is_missed(g, t->fire_ms);
        t->row.planned_ms = at_s * 1000;
        u->changed = true;
        find_next(t, u->def->schedule);
        if (t->left_out) g->looked += SCHEDULE_LEFT_OUT_COST;
        wait_for_turn(t, fire_ms);
        if (moment && missed)
            miss(u, at_s);
        else if (moment)
            fire_or_skip(u, at_s);
    }
}

/* The oldest of those that wait. */
static void catch_up(struct turn *u)
{
    struct engine *g = u->g;
    struct trigger *t = u->t;
    int64_t planned_ms;
    char remark[80];
    if (g->begun >= FIRE_MOST) {
        u->more = true;
        return;
    }
    int rc = store_missed_find(g->store, t->row.id, &planned_ms, &g->err);
    if (!store_ok(g, rc)) return;
    if (rc == 0) {
        engine_broken(g, "a schedule counts missed moments that are not there");
        return;
    }
    t->row.backlog--;
    str_format(remark, sizeof remark, "was missed, and is caught up with; %lld wait",
               (long long)t->row.backlog);
    if (store_ok(g, store_missed_remove(g->store, t->row.id, planned_ms, &g->err)))
        fire(u, planned_ms / 1000, remark);
}

/* ---- its timer ---- */

void schedule_arm(struct engine *g, struct trigger *t)
{
    if (t->row.disabled || t->flow->deleted) {
        timer_clear(g, &t->timer);
    } else if (!t->planned || (t->row.backlog > 0 && t->executions == 0)) {
        timer_set(g, &t->timer, g->now.mono_ms);
    } else if (t->fire_ms == NEVER) {
        timer_clear(g, &t->timer);
    } else {
        int64_t in_ms = t->fire_ms - g->now.wall_ms;
        timer_set(g, &t->timer, g->now.mono_ms + (in_ms > 0 ? in_ms : 0));
    }
}

/* It cannot be planned: told once. */
static void note_error(struct turn *u, const char *why)
{
    struct trigger_row *row = &u->t->row;
    char name[FLOW_NAME_SIZE];
    if (row->result == EVALUATION_ERROR && str_eq(row->message, why)) return;
    log_error("trigger %s of %s: %s", row->name, flow_name(u->t->flow, name), why);
    struct evaluation_row v = {.result = EVALUATION_ERROR, .message = (char *)(uintptr_t)why};
    row->next_ms = 0;
    add_line(u->g, u->t, &v);
    u->changed = true;
}

/* False: told why it does not fire. */
static bool is_ready(struct turn *u)
{
    struct engine *g = u->g;
    struct trigger *t = u->t;
    struct err e = {0};
    u->flow = flow_present(g, t->flow);
    if (g->rc) return false;
    u->def = u->flow ? flow_find_trigger(u->flow, t->row.name) : NULL;
    if (!u->def || !u->def->schedule) {
        note_error(u, u->flow ? "the flow has no such schedule"
                              : revision_get(t->flow, t->flow->revision)->broken);
        return false;
    }
    if (!t->zone && zones_open(g->zones, t->row.zone, &t->zone, &e)) {
        note_error(u, err_text(&e));
        return false;
    }
    return true;
}

void schedule_on_timer(struct engine *g, struct trigger *t)
{
    struct turn u = {.g = g, .t = t};
    timer_clear(g, &t->timer);
    if (t->row.disabled || t->flow->deleted) return;
    if (is_spent(g)) {
        timer_set(g, &t->timer, g->now.mono_ms + 1 + g->turned_away++ / FIRE_MOST * TURN_MS);
        return;
    }
    bool ready = is_ready(&u);
    if (ready) {
        if (!t->planned) plan(&u);
        if (t->row.backlog > 0 && t->executions == 0)
            catch_up(&u);
        else
            decide(&u);
        flush(&u);
    }
    if (g->rc) return;
    if (u.changed && !news_trigger(g, &t->row)) return;
    if (u.more)
        timer_set(g, &t->timer, g->now.mono_ms + 1);
    else if (ready)
        schedule_arm(g, t);
}

/* ---- clocks and zones ---- */

typedef void each_fn(struct engine *g, struct trigger *t);

static void each(struct engine *g, each_fn *fn)
{
    size_t place = 0;
    for (struct flow_entry *f; (f = map_next(&g->flows, &place)) != NULL;) {
        for (; f; f = f->next_same) {
            for (struct trigger *t = f->triggers; t; t = t->next)
                if (t->row.kind == TRIGGER_SCHEDULE) fn(g, t);
        }
    }
}

static void rearm(struct engine *g, struct trigger *t)
{
    if (t->row.planned_ms > g->now.wall_ms + DAY_MS) t->planned = false;
    schedule_arm(g, t);
}

void schedules_watch_clock(struct engine *g)
{
    int64_t ahead_ms = g->now.wall_ms - g->now.mono_ms, apart_ms = ahead_ms - g->clock_ahead_ms;
    if (apart_ms >= -APART_MS && apart_ms <= APART_MS) return;
    g->clock_ahead_ms = ahead_ms;
    if (apart_ms < 0) g->able_from_ms += apart_ms; /* the same moment, on the clock as it is now */
    if (g->loaded) each(g, rearm);
}

void schedules_on_clock_timer(struct engine *g)
{
    if (g->schedules > 0) timer_set(g, &g->clock, g->now.mono_ms + CLOCK_MS);
}

/* A zone that is not there any more stays as it was. */
static void take_zone(struct engine *g, struct trigger *t)
{
    struct zone *z = NULL;
    struct err e = {0};
    char name[FLOW_NAME_SIZE];
    if (zones_open(g->zones, t->row.zone, &z, &e)) {
        log_warn("trigger %s of %s: %s%s", t->row.name, flow_name(t->flow, name), err_text(&e),
                 t->zone ? "; what was known of it is kept until the coordinator stops" : "");
        return;
    }
    zone_free(t->zone);
    t->zone = z;
    t->planned = false;
    schedule_arm(g, t);
}

void schedules_on_zones(struct engine *g)
{
    if (g->loaded) each(g, take_zone);
}

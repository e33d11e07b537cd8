/* Backfills: an operator wants executions for planned moments of a schedule that lie in the past.
 *
 * A backfill has a cursor of its own. All its moments up to there have their execution, and the
 * cursor moves in the transaction that starts one, so that no moment has two and none is left out,
 * whenever the coordinator dies. The trigger's own cursor and its counts stand apart: the schedule
 * goes on beside it, and its executions do not count for allowConcurrent and stopAfter.
 *
 *   timer --fewer than `parallel` open--> the next moment's execution, the cursor is there
 *     ^                                          |
 *     +------------ an execution ended ----------+    no moment is left: the backfill ends
 *
 * One of missed moments passes over those that have an execution already, and those that will have
 * one because they wait to be caught up with. What the schedule itself still decides it waits for.
 *
 * What a backfill begins in a batch is bounded, and leaves room for schedules that are due. */
#include "coordinator/engine/backfill.h"

#include "base/duration.h"
#include "base/id.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/engine/fired.h"
#include "coordinator/engine/firing.h"
#include "coordinator/engine/schedule.h"
#include "coordinator/schedule/zones.h"

#include <string.h>

#define BEGUN_MOST 100   /* no more when so much began in the batch already */
#define LOOKS_MOST 3     /* searches of a turn that end in what notAt and conditions leave out */
#define LOOKED_UP_COST 5 /* of a moment that is looked up in the store */
#define LOOKED_MOST 5000
/* Until it is looked again whether the flow has room or is enabled, or the schedule has decided. */
#define WAIT_MS 1000

struct backfill *backfill_add(struct trigger *t, struct backfill_row *row)
{
    struct backfill *b = mem_alloc(sizeof *b), **at = &t->backfills;
    b->row = *row;
    *row = (struct backfill_row){0};
    b->trigger = t;
    timer_init(&b->timer, TIMER_BACKFILL, b);
    while (*at)
        at = &(*at)->next;
    *at = b;
    return b;
}

static void unlink_free(struct engine *g, struct backfill *b)
{
    struct backfill **at = &b->trigger->backfills;
    while (*at != b)
        at = &(*at)->next;
    *at = b->next;
    timer_clear(g, &b->timer);
    backfill_row_fini(&b->row);
    mem_free(b);
}

void backfills_clear(struct engine *g, struct trigger *t)
{
    while (t->backfills)
        unlink_free(g, t->backfills);
}

void backfills_arm(struct engine *g, struct trigger *t)
{
    for (struct backfill *b = t->backfills; b; b = b->next)
        timer_set(g, &b->timer, g->now.mono_ms);
}

static void forget(const struct backfill *b, const struct execution_list *l)
{
    for (struct execution *x = l->first; x; x = x->next)
        if (x->backfill == b) x->backfill = NULL;
}

void backfill_end(struct engine *g, struct backfill *b, const char *why)
{
    struct trigger *t = b->trigger;
    char id[ID_TEXT_SIZE], name[FLOW_NAME_SIZE], text[ERR_MSG_MAX + 100];
    if (!store_ok(g, store_backfill_delete(g->store, b->row.id, &g->err))) return;
    id_format(b->row.id, id);
    if (str_format(text, sizeof text, "backfill %s, %lld executions: %s", id,
                   (long long)b->row.started, why))
        str_format(text, sizeof text, "backfill %s ended", id);
    log_info("trigger %s of %s: %s", t->row.name, flow_name(t->flow, name), text);
    forget(b, &t->flow->running);
    forget(b, &t->flow->queued);
    int64_t at_ms = b->row.started > 0 ? b->row.cursor_ms : b->row.end_ms;
    unlink_free(g, b);
    schedule_note(g, t, at_ms, text);
}

void backfills_end(struct engine *g, struct trigger *t, const char *why)
{
    while (t->backfills && g->rc == 0)
        backfill_end(g, t->backfills, why);
}

/* ---- what is planned ---- */

const struct flow_trigger *backfill_plan(struct engine *g, struct trigger *t, const struct flow **f,
                                         struct err *e)
{
    *f = flow_present(g, t->flow);
    const struct flow_trigger *def = *f ? flow_find_trigger(*f, t->row.name) : NULL;
    if (g->rc) return NULL;
    if (!def || !def->schedule) {
        err_set(e, ERR_CONFLICT, "%s",
                *f ? "the flow has no such schedule"
                   : revision_get(t->flow, t->flow->revision)->broken);
        return NULL;
    }
    if (!t->zone && zones_open(g->zones, t->row.zone, &t->zone, e)) return NULL;
    return def;
}

/* The inputs given stand in the place of the trigger's. json_free */
static struct json *lay_over(const struct json *of_trigger, const struct json *given)
{
    struct json *all = of_trigger ? json_copy(of_trigger) : json_new(JSON_OBJECT);
    for (const struct json *j = json_first(given); j; j = json_next(j)) {
        json_remove(all, json_key(j));
        json_put(all, json_key(j), json_copy(j));
    }
    return all;
}

int backfill_try(const struct engine *g, struct trigger *t, const struct flow *f,
                 const struct json *inputs, int64_t at_s, struct err *e)
{
    const struct flow_trigger *def = flow_find_trigger(f, t->row.name);
    struct json *vars = schedule_vars(t, def->schedule, at_s), *resolved = NULL;
    struct json *labels = NULL;
    struct flow_trigger with = *def;
    struct expr_values values = {.trigger = vars, .now_ms = g->now.wall_ms, .zones = g->zones};
    with.inputs = lay_over(def->inputs, inputs);
    flow_values(f, &values);
    int rc = flow_trigger_inputs(f, &with, &values, &resolved, e);
    if (!rc) rc = flow_trigger_labels(f, &with, &values, &labels, e);
    json_free(labels);
    json_free(resolved);
    json_free(with.inputs);
    json_free(vars);
    return rc;
}

enum backfill_moment backfill_moment(struct engine *g, const struct trigger *t, int64_t at_s,
                                     int64_t *to_s)
{
    *to_s = at_s;
    if (!t->row.disabled && at_s * 1000 > t->row.planned_ms) return MOMENT_UNDECIDED;
    if (fired_has(g, t, at_s, to_s)) return MOMENT_PASSED;
    if (g->rc || t->row.backlog == 0) return MOMENT_MISSED;
    int rc = store_missed_has(g->store, t->row.id, at_s * 1000, &g->err);
    return store_ok(g, rc) && rc == 1 ? MOMENT_PASSED : MOMENT_MISSED;
}

/* ---- its turn ---- */

/* 0: e says why not, or a failure was noted. */
static int64_t start(struct engine *g, struct backfill *b, const struct flow *f,
                     const struct flow_trigger *def, int64_t at_s, struct err *e)
{
    struct trigger *t = b->trigger;
    struct json *vars = schedule_vars(t, def->schedule, at_s), *given = NULL;
    struct flow_trigger with = *def;
    if (b->row.inputs) (void)json_parse(b->row.inputs, strlen(b->row.inputs), &given, NULL);
    with.inputs = lay_over(def->inputs, given);
    const struct firing x = {
        .flow = f, .def = &with, .vars = vars, .by = b->row.created_by, .backfill = b->row.id};
    int64_t id = trigger_start(g, t, &x, e);
    json_free(with.inputs);
    json_free(given);
    json_free(vars);
    if (id) fired_add(g, t, def->schedule, at_s);
    g->begun++;
    return id;
}

/* A flow that refuses executions beyond its limit would refuse those of the backfill. */
static bool has_room(const struct flow *f, const struct flow_entry *e)
{
    return f->concurrency_limit == 0 || f->concurrency_behavior == FLOW_QUEUE ||
           (e->running.count < f->concurrency_limit && e->queued.count == 0);
}

enum step { STEP_MORE, STEP_WAITS, STEP_LATER, STEP_ENDED };

/* Whether the moment gets no execution now; then *how says how it goes on. */
static bool leaves_out(struct engine *g, struct backfill *b, int64_t at_s, enum step *how)
{
    int64_t to_s;
    if (!b->row.missed) return false;
    g->looked += LOOKED_UP_COST;
    enum backfill_moment m = backfill_moment(g, b->trigger, at_s, &to_s);
    *how = m == MOMENT_UNDECIDED ? STEP_LATER : STEP_MORE;
    if (m == MOMENT_PASSED) b->row.cursor_ms = to_s * 1000;
    return m != MOMENT_MISSED || g->rc;
}

/* One moment. why: of STEP_ENDED. */
static enum step step(struct engine *g, struct backfill *b, const struct flow *f,
                      const struct flow_trigger *def, struct err *why)
{
    int64_t at_s = 0, after_s = b->row.cursor_ms / 1000;
    struct err e = {0};
    char at[TIME_TEXT_SIZE];
    enum step how;
    if (b->open >= b->row.parallel) return STEP_WAITS;
    if (!has_room(f, b->trigger->flow)) return STEP_LATER;
    enum schedule_found found = flow_schedule_next(def->schedule, b->trigger->zone, after_s, &at_s);
    g->looked += found == SCHEDULE_LEFT_OUT ? SCHEDULE_LEFT_OUT_COST : 1;
    if (found == SCHEDULE_NONE || at_s * 1000 > b->row.end_ms) {
        if (b->open > 0) return STEP_WAITS;
        err_set(why, ERR_CONFLICT, "it has come to its end");
        return STEP_ENDED;
    }
    if (found == SCHEDULE_FOUND && leaves_out(g, b, at_s, &how)) return how;
    b->row.cursor_ms = at_s * 1000;
    if (found == SCHEDULE_LEFT_OUT) return STEP_MORE;
    b->row.started++;
    if (start(g, b, f, def, at_s, &e) || g->rc) return STEP_MORE;
    b->row.started--;
    time_format(at_s * 1000, at);
    err_set(why, ERR_CONFLICT, "it ended before %s, whose inputs cannot be made: %s", at,
            err_text(&e));
    return STEP_ENDED;
}

void backfill_on_timer(struct engine *g, struct backfill *b)
{
    const struct flow *f;
    struct err why = {0};
    enum step made = STEP_MORE;
    int64_t cursor_ms = b->row.cursor_ms, begun = b->row.started;
    int left_out = g->looked + LOOKS_MOST * SCHEDULE_LEFT_OUT_COST;
    timer_clear(g, &b->timer);
    const struct flow_trigger *def = backfill_plan(g, b->trigger, &f, &why);
    if (g->rc) return;
    if (!def) {
        backfill_end(g, b, err_text(&why));
        return;
    }
    if (f->disabled) {
        timer_set(g, &b->timer, g->now.mono_ms + WAIT_MS);
        return;
    }
    while (g->rc == 0 && made == STEP_MORE && b->row.started - begun < BACKFILL_BEGIN_MOST &&
           g->begun < BEGUN_MOST && g->looked < LOOKED_MOST && g->looked < left_out)
        made = step(g, b, f, def, &why);
    if (g->rc) return;
    if (made == STEP_ENDED) {
        backfill_end(g, b, err_text(&why));
        return;
    }
    if (b->row.cursor_ms != cursor_ms &&
        !store_ok(g, store_backfill_update(g->store, &b->row, &g->err)))
        return;
    if (made == STEP_MORE) timer_set(g, &b->timer, g->now.mono_ms + 1);
    if (made == STEP_LATER) timer_set(g, &b->timer, g->now.mono_ms + WAIT_MS);
}

#include "coordinator/engine/backfill_commands.h"

#include "base/buf.h"
#include "base/duration.h"
#include "base/id.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/engine/backfill.h"
#include "coordinator/engine/fired.h"
#include "coordinator/engine/reply.h"
#include "coordinator/engine/schedule.h"
#include "coordinator/engine/trigger_follow.h"
#include "coordinator/flow/schedule.h"

#include <string.h>

/* How much is searched: a moment that is left out or passed costs one, a search in vain
 * SCHEDULE_LEFT_OUT_COST. */
#define LOOKED_MOST 5000

/* The trigger, when it is a schedule. NULL: answered. */
static struct trigger *schedule_named(const struct engine *g, const struct command *c,
                                      struct reply *r)
{
    struct trigger *t = trigger_named(g, c, r);
    char name[FLOW_NAME_SIZE];
    if (!t || t->row.kind == TRIGGER_SCHEDULE) return t;
    reply_error(r, ERR_CONFLICT, NULL, "a schedule has 'cron'",
                "the trigger %s of %s is no schedule: no moments are planned for it", t->row.name,
                flow_name(t->flow, name));
    return NULL;
}

/* What is asked for, and what of it is known of the flow. */
struct wish {
    struct engine *g;
    struct trigger *t;
    const struct flow *flow;
    const struct flow_trigger *def;
    int64_t start_s, end_s;
    bool missed;
    int looked; /* the cost so far */
};

static bool read_time(const struct wish *x, const char *key, const char *text, int64_t *out_s,
                      struct reply *r)
{
    struct schedule_limit l = {0};
    char shown[STR_QUOTE_SIZE];
    bool last = str_eq(key, "end");
    if (!schedule_limit_read(text, last, &l)) {
        reply_error(r, ERR_INVALID, NULL, NULL, "%s: %s is " SCHEDULE_LIMIT_FORM, key,
                    str_quote(shown, text));
        return false;
    }
    *out_s = schedule_limit_s(&l, x->t->zone, last);
    return true;
}

/* What is not known may have fired. */
static bool is_known(struct wish *x, struct reply *r)
{
    char text[TIME_TEXT_SIZE], name[FLOW_NAME_SIZE];
    int64_t unknown_ms = x->missed ? fired_unknown_ms(x->g, x->t) : -1;
    if (x->g->rc) return false;
    if (x->start_s * 1000 > unknown_ms) return true;
    time_format(unknown_ms, text);
    reply_error(r, ERR_INVALID, NULL, "let start lie behind it, or leave out 'missed'",
                "which moments of the trigger %s of %s fired is not known up to %s", x->t->row.name,
                flow_name(x->t->flow, name), text);
    return false;
}

static bool read_times(struct wish *x, const struct cmd_backfill *b, struct reply *r)
{
    char end[TIME_TEXT_SIZE];
    if (!read_time(x, "start", b->start, &x->start_s, r) ||
        !read_time(x, "end", b->end, &x->end_s, r))
        return false;
    time_format(x->end_s * 1000, end);
    if (x->start_s > x->end_s)
        reply_error(r, ERR_INVALID, NULL, "exchange them", "end lies before start");
    else if (x->end_s * 1000 > x->g->now.wall_ms)
        reply_error(r, ERR_INVALID, NULL, "what is to come fires by itself; end it in the past",
                    "end, %s, lies in the future", end);
    else
        return is_known(x, r);
    return false;
}

/* The next moment of those asked for. SCHEDULE_NONE: there is none; SCHEDULE_LEFT_OUT: none up to
 * there. */
static enum schedule_found next(struct wish *x, int64_t *at_s)
{
    enum schedule_found found = flow_schedule_next(x->def->schedule, x->t->zone, *at_s, at_s);
    x->looked += found == SCHEDULE_LEFT_OUT ? SCHEDULE_LEFT_OUT_COST : 1;
    if (found == SCHEDULE_NONE || *at_s > x->end_s) return SCHEDULE_NONE;
    if (found == SCHEDULE_LEFT_OUT || !x->missed) return found;
    switch (backfill_moment(x->g, x->t, *at_s, at_s)) {
    case MOMENT_MISSED:
        return SCHEDULE_FOUND;
    case MOMENT_PASSED:
        return SCHEDULE_LEFT_OUT;
    default:
        return SCHEDULE_NONE;
    }
}

static enum schedule_found first_of(struct wish *x, int64_t *at_s)
{
    enum schedule_found found = SCHEDULE_LEFT_OUT;
    *at_s = x->start_s - 1;
    while (x->looked < LOOKED_MOST && found == SCHEDULE_LEFT_OUT && x->g->rc == 0)
        found = next(x, at_s);
    return found;
}

static void put_moment(struct jw *w, const struct trigger *t, int64_t at_s)
{
    char text[CIVIL_TEXT_SIZE];
    schedule_format(t->row.zone, t->zone, at_s, text);
    jw_object(w, NULL);
    jw_str(w, "planned", text);
    jw_time(w, "plannedAt", at_s * 1000);
    jw_end(w);
}

static void dry_run(struct wish *x, struct reply *r)
{
    struct buf b;
    struct jw w;
    int64_t at_s = x->start_s - 1, searched_s = 0;
    int count = 0;
    buf_init(&b, 65536);
    jw_init(&w, &b);
    jw_object(&w, NULL);
    jw_array(&w, "firings");
    while (count < BACKFILL_COUNTED && x->g->rc == 0) {
        enum schedule_found found = next(x, &at_s);
        if (found == SCHEDULE_NONE) break;
        if (found == SCHEDULE_FOUND && count++ < BACKFILL_SHOWN) put_moment(&w, x->t, at_s);
        if (found == SCHEDULE_FOUND || x->looked < LOOKED_MOST + count) continue;
        searched_s = at_s;
        break;
    }
    jw_end(&w);
    jw_int(&w, "count", count);
    jw_bool(&w, "more", count > BACKFILL_SHOWN);
    jw_time(&w, "searchedTo", searched_s * 1000);
    jw_end(&w);
    jw_finish(&w);
    if (x->g->rc == 0) reply_json(r, &b);
    buf_fini(&b);
}

static void begin(const struct wish *x, const struct cmd_backfill *c, struct reply *r)
{
    struct engine *g = x->g;
    struct trigger *t = x->t;
    char name[FLOW_NAME_SIZE], start[TIME_TEXT_SIZE], end[TIME_TEXT_SIZE];
    struct backfill_row row = {.id = engine_new_id(g),
                               .trigger = t->row.id,
                               .start_ms = x->start_s * 1000,
                               .end_ms = x->end_s * 1000,
                               .cursor_ms = (x->start_s - 1) * 1000,
                               .parallel = c->parallel,
                               .missed = c->missed,
                               .created_ms = g->now.wall_ms,
                               .inputs = c->inputs ? json_text(c->inputs) : NULL,
                               .created_by = mem_strdup(g->by)};
    if (!store_ok(g, store_backfill_insert(g->store, &row, &g->err))) {
        backfill_row_fini(&row);
        return;
    }
    struct backfill *b = backfill_add(t, &row);
    timer_set(g, &b->timer, g->now.mono_ms);
    time_format(b->row.start_ms, start);
    time_format(b->row.end_ms, end);
    log_info("trigger %s of %s: a backfill from %s to %s begins", t->row.name,
             flow_name(t->flow, name), start, end);
    r->id = b->row.id;
}

/* Whether it may begin. False: answered. */
static bool may_begin(struct wish *x, const struct cmd_backfill *b, struct reply *r)
{
    size_t open = 0;
    int64_t at_s;
    struct err e = {0};
    char name[FLOW_NAME_SIZE];
    for (const struct backfill *o = x->t->backfills; o; o = o->next)
        open++;
    if (x->flow->disabled) {
        reply_error(r, ERR_CONFLICT, NULL, "apply it without 'disabled'", "the flow %s is disabled",
                    flow_name(x->t->flow, name));
    } else if (open >= BACKFILLS_MOST) {
        reply_error(r, ERR_CONFLICT, NULL, "wait for one to end, or cancel it",
                    "the trigger %s of %s has %zu backfills under way, as many as it may",
                    x->t->row.name, flow_name(x->t->flow, name), open);
    } else {
        enum schedule_found found = first_of(x, &at_s);
        if (x->g->rc) return false;
        if (found == SCHEDULE_NONE)
            reply_error(r, ERR_INVALID, NULL, NULL,
                        x->missed ? "nothing was missed from start to end"
                                  : "nothing is planned from start to end");
        else if (found == SCHEDULE_FOUND && backfill_try(x->g, x->t, x->flow, b->inputs, at_s, &e))
            reply_err(r, &e, NULL, NULL);
        else
            return true;
    }
    return false;
}

void apply_trigger_backfill(struct engine *g, const struct command *c, struct reply *r)
{
    const struct cmd_backfill *b = &c->u.backfill;
    struct wish x = {.g = g, .t = schedule_named(g, c, r), .missed = b->missed};
    struct err e = {0};
    char name[FLOW_NAME_SIZE];
    if (!x.t) return;
    x.def = backfill_plan(g, x.t, &x.flow, &e);
    if (g->rc) return;
    if (!x.def) {
        reply_error(r, ERR_CONFLICT, NULL, "apply the flow again",
                    "the trigger %s of %s cannot be planned: %s", x.t->row.name,
                    flow_name(x.t->flow, name), err_text(&e));
        return;
    }
    if (!read_times(&x, b, r)) return;
    if (b->dry_run)
        dry_run(&x, r);
    else if (may_begin(&x, b, r))
        begin(&x, b, r);
}

/* ---- those under way ---- */

static void put(struct jw *w, const struct backfill *b)
{
    const struct backfill_row *row = &b->row;
    jw_object(w, NULL);
    jw_id(w, "id", row->id);
    jw_time(w, "start", row->start_ms);
    jw_time(w, "end", row->end_ms);
    jw_time(w, "cursor", row->started > 0 ? row->cursor_ms : 0);
    jw_int(w, "parallel", row->parallel);
    jw_bool(w, "missed", row->missed);
    jw_int(w, "started", row->started);
    jw_int(w, "open", b->open);
    jw_raw(w, "inputs", row->inputs);
    jw_time(w, "createdAt", row->created_ms);
    jw_str(w, "createdBy", row->created_by);
    jw_end(w);
}

void apply_trigger_backfills(struct engine *g, const struct command *c, struct reply *r)
{
    const struct trigger *t = schedule_named(g, c, r);
    struct buf b;
    struct jw w;
    if (!t) return;
    buf_init(&b, 4u << 20);
    jw_init(&w, &b);
    jw_object(&w, NULL);
    jw_array(&w, "backfills");
    for (const struct backfill *x = t->backfills; x; x = x->next)
        put(&w, x);
    jw_end(&w);
    jw_end(&w);
    jw_finish(&w);
    reply_json(r, &b);
    buf_fini(&b);
}

void apply_trigger_backfill_cancel(struct engine *g, const struct command *c, struct reply *r)
{
    struct trigger *t = schedule_named(g, c, r);
    char why[200], name[FLOW_NAME_SIZE];
    if (!t) return;
    struct backfill *b = t->backfills;
    while (b && b->row.id != c->u.place.backfill)
        b = b->next;
    if (!b) {
        reply_error(r, ERR_NOT_FOUND, NULL, "cadre trigger backfills shows those under way",
                    "the trigger %s of %s has no such backfill under way", t->row.name,
                    flow_name(t->flow, name));
        return;
    }
    if (str_format(why, sizeof why, "cancelled by %s", g->by ? g->by : "the coordinator"))
        str_copy(why, sizeof why, "cancelled");
    r->id = b->row.id;
    backfill_end(g, b, why);
}

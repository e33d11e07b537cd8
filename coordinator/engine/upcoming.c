#include "coordinator/engine/upcoming.h"

#include "base/buf.h"
#include "coordinator/engine/reply.h"
#include "coordinator/engine/schedule.h"
#include "coordinator/engine/trigger_follow.h"
#include "coordinator/schedule/zones.h"

/* The store thread does this work: how far it searches, and how often a search may end because
 * notAt or conditions leave out many. */
#define HORIZON_S (INT64_C(400) * 366 * CIVIL_DAY)
#define LEFT_OUT_SEARCHES 10

/* Where the search begins. What is planned already comes first, as `nextAt` has it. */
static int64_t begin_s(const struct engine *g, const struct trigger *t)
{
    bool planned = !t->row.disabled && t->planned && t->fire_ms != NEVER &&
                   t->fire_ms > g->now.wall_ms - SCHEDULE_LATE_MS;
    return planned ? t->next_s - 1 : g->now.wall_ms / 1000;
}

static void put_firing(struct jw *w, const struct trigger *t, const struct flow_schedule *s,
                       const struct zone *z, int64_t at_s)
{
    char text[CIVIL_TEXT_SIZE];
    schedule_format(t->row.zone, z, at_s, text);
    jw_object(w, NULL);
    jw_str(w, "planned", text);
    jw_time(w, "plannedAt", at_s * 1000);
    jw_time(w, "firesAt", schedule_fire_ms(t, s, at_s));
    jw_end(w);
}

/* Returns how far was searched in vain, 0: to the end. */
static int64_t put_firings(struct jw *w, const struct engine *g, const struct trigger *t,
                           const struct flow_schedule *s, const struct zone *z, int64_t count)
{
    int64_t at_s = begin_s(g, t), horizon_s = at_s + HORIZON_S;
    int searches = 0;
    while (count > 0) {
        if (at_s > horizon_s || searches == LEFT_OUT_SEARCHES) return at_s;
        enum schedule_found found = flow_schedule_next(s, z, at_s, &at_s);
        if (found == SCHEDULE_NONE) return 0;
        if (found == SCHEDULE_FOUND) {
            put_firing(w, t, s, z, at_s);
            count--;
        } else {
            searches++;
        }
    }
    return 0;
}

static void tell(const struct engine *g, const struct trigger *t, const struct flow_schedule *s,
                 const struct zone *z, int64_t count, struct reply *r)
{
    struct buf b;
    struct jw w;
    buf_init(&b, 65536);
    jw_init(&w, &b);
    jw_object(&w, NULL);
    jw_str(&w, "namespace", t->row.ns);
    jw_str(&w, "flow", t->row.flow);
    jw_str(&w, "id", t->row.name);
    jw_str(&w, "cron", t->row.cron);
    jw_str(&w, "timezone", t->row.zone);
    jw_bool(&w, "disabled", t->row.disabled);
    jw_str(&w, "reason", t->row.why);
    jw_array(&w, "firings");
    int64_t searched_s = put_firings(&w, g, t, s, z, count);
    jw_end(&w);
    jw_time(&w, "searchedTo", searched_s * 1000);
    jw_end(&w);
    jw_finish(&w);
    reply_json(r, &b);
    buf_fini(&b);
}

void apply_trigger_next(struct engine *g, const struct command *c, struct reply *r)
{
    struct trigger *t = trigger_named(g, c, r);
    char name[FLOW_NAME_SIZE];
    if (!t) return;
    if (t->row.kind != TRIGGER_SCHEDULE) {
        reply_error(r, ERR_CONFLICT, NULL, "a schedule has 'cron'",
                    "the trigger %s of %s is no schedule: no moments are planned for it",
                    t->row.name, flow_name(t->flow, name));
        return;
    }
    const struct flow *f = flow_present(g, t->flow);
    const struct flow_trigger *def = f ? flow_find_trigger(f, t->row.name) : NULL;
    if (g->rc) return;
    struct zone *z = NULL;
    struct err e = {0};
    if (!def || !def->schedule)
        err_set(&e, ERR_CONFLICT, "the flow has no such schedule");
    else if (t->zone)
        z = zone_share(t->zone);
    else
        (void)zones_open(g->zones, t->row.zone, &z, &e);
    if (z)
        tell(g, t, def->schedule, z, c->u.place.count, r);
    else
        reply_error(r, ERR_CONFLICT, NULL, "apply the flow again",
                    "the trigger %s of %s cannot be planned: %s", t->row.name,
                    flow_name(t->flow, name), err_text(&e));
    zone_free(z);
}

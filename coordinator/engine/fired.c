/* A moment joins the range before it when no other moment is planned between them, and the one
 * behind it likewise. So the ranges are as many as the times at which a schedule did not fire. When
 * they become too many, the oldest become one that says "not known": nothing is started twice
 * because something was forgotten. */
#include "coordinator/engine/fired.h"

static bool find(struct engine *g, const struct trigger *t, int64_t at_ms, struct fired_range *out)
{
    int rc = store_fired_find(g->store, t->row.id, at_ms, out, &g->err);
    return store_ok(g, rc) && rc == 1;
}

static bool find_after(struct engine *g, const struct trigger *t, int64_t at_ms,
                       struct fired_range *out)
{
    int rc = store_fired_after(g->store, t->row.id, at_ms, out, &g->err);
    return store_ok(g, rc) && rc == 1;
}

static bool put(struct engine *g, const struct trigger *t, const struct fired_range *f)
{
    return store_ok(g, store_fired_put(g->store, t->row.id, f, &g->err));
}

static bool take(struct engine *g, struct trigger *t, const struct fired_range *f)
{
    if (!store_ok(g, store_fired_remove(g->store, t->row.id, f->first_ms, &g->err))) return false;
    t->fired_ranges--;
    return true;
}

/* The two oldest become one of which nothing is known, until they are few enough. */
static void limit(struct engine *g, struct trigger *t)
{
    struct fired_range unknown, oldest;
    while (t->fired_ranges > FIRED_RANGES_MOST) {
        bool had = find(g, t, 0, &unknown);
        if (g->rc || !find_after(g, t, 0, &oldest) || !take(g, t, &oldest)) return;
        unknown = (struct fired_range){.last_ms = oldest.last_ms};
        if (!put(g, t, &unknown)) return;
        if (!had) t->fired_ranges++;
    }
}

static bool count(struct engine *g, struct trigger *t)
{
    if (t->fired_ranges > 0) return true;
    return store_ok(g, store_fired_count(g->store, t->row.id, &t->fired_ranges, &g->err));
}

void fired_add(struct engine *g, struct trigger *t, const struct flow_schedule *s, int64_t at_s)
{
    int64_t at_ms = at_s * 1000, other_s;
    struct fired_range own = {at_ms, at_ms}, other;
    bool joins = false;
    if (!count(g, t)) return;
    if (find(g, t, at_ms, &other)) {
        if (other.last_ms >= at_ms) return;
        joins = other.first_ms > 0 && /* what is not known does not grow */
                flow_schedule_previous(s, t->zone, at_s, &other_s) &&
                other.last_ms >= other_s * 1000;
        if (joins) own.first_ms = other.first_ms;
    }
    if (!joins) t->fired_ranges++;
    if (g->rc == 0 && find_after(g, t, at_ms, &other) &&
        flow_schedule_next(s, t->zone, at_s, &other_s) == SCHEDULE_FOUND &&
        other.first_ms <= other_s * 1000) {
        if (!take(g, t, &other)) return;
        own.last_ms = other.last_ms;
    }
    if (g->rc == 0 && put(g, t, &own)) limit(g, t);
}

bool fired_has(struct engine *g, const struct trigger *t, int64_t at_s, int64_t *to_s)
{
    struct fired_range f;
    if (!find(g, t, at_s * 1000, &f) || f.last_ms < at_s * 1000) return false;
    *to_s = f.last_ms / 1000;
    return true;
}

int64_t fired_unknown_ms(struct engine *g, const struct trigger *t)
{
    struct fired_range f;
    return find(g, t, 0, &f) ? f.last_ms : -1;
}

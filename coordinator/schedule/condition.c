#include "coordinator/schedule/condition.h"

#include "base/mem.h"
#include "coordinator/schedule/civil.h"

#include <string.h>

void condition_fini(struct condition *c)
{
    for (size_t i = 0; i < c->count; i++)
        condition_fini(&c->items[i]);
    mem_free(c->items);
    *c = (struct condition){.kind = CONDITION_ALL_OF};
}

static int64_t of_day(int64_t civil_s)
{
    int64_t s = civil_s % CIVIL_DAY;
    return s < 0 ? s + CIVIL_DAY : s;
}

static bool is_after(const struct condition_limit *l, int64_t planned_s, int32_t offset_s)
{
    return of_day(planned_s + (l->local ? offset_s : l->offset_s)) > l->s;
}

static bool is_before(const struct condition_limit *l, int64_t planned_s, int32_t offset_s)
{
    return of_day(planned_s + (l->local ? offset_s : l->offset_s)) < l->s;
}

static bool time_holds(const struct condition *c, int64_t planned_s, int32_t offset_s)
{
    bool after = !c->after.given || is_after(&c->after, planned_s, offset_s);
    bool before = !c->before.given || is_before(&c->before, planned_s, offset_s);
    if (!c->after.given || !c->before.given) return after && before;
    int64_t from = c->after.s - (c->after.local ? offset_s : c->after.offset_s);
    int64_t to = c->before.s - (c->before.local ? offset_s : c->before.offset_s);
    return from < to ? after && before : after || before;
}

static bool moment_holds(const struct condition *c, int64_t planned_s, int32_t offset_s)
{
    int64_t civil_s = planned_s + offset_s;
    if (c->after.given && (c->after.local ? civil_s : planned_s) <= c->after.s) return false;
    return !c->before.given || (c->before.local ? civil_s : planned_s) < c->before.s;
}

static bool day_holds(const struct condition *c, int64_t civil_s)
{
    struct civil_time t = civil_time_of(civil_s);
    if ((c->weekdays >> t.weekday & 1) == 0) return false;
    if (c->kind == CONDITION_DAYS) return true;
    if (c->week == CONDITION_LAST_WEEK) return t.day + 7 > civil_days_in_month(t.year, t.month);
    return (t.day + 6) / 7 == c->week;
}

bool condition_holds(const struct condition *c, int64_t planned_s, const struct zone *z)
{
    int32_t offset_s = zone_offset(z, planned_s);
    switch (c->kind) {
    case CONDITION_DAYS:
    case CONDITION_DAY_IN_MONTH:
        return day_holds(c, planned_s + offset_s);
    case CONDITION_TIME:
        return time_holds(c, planned_s, offset_s);
    case CONDITION_MOMENT:
        return moment_holds(c, planned_s, offset_s);
    default:
        break;
    }
    for (size_t i = 0; i < c->count; i++) {
        bool holds = condition_holds(&c->items[i], planned_s, z);
        if (c->kind == CONDITION_ALL_OF && !holds) return false;
        if (c->kind != CONDITION_ALL_OF && holds) return c->kind == CONDITION_ANY_OF;
    }
    return c->kind != CONDITION_ANY_OF;
}

int condition_weekday(const char *name)
{
    static const char *const days[] = {"SUNDAY",   "MONDAY", "TUESDAY", "WEDNESDAY",
                                       "THURSDAY", "FRIDAY", "SATURDAY"};
    for (int d = 0; d < 7; d++) {
        size_t i = 0;
        for (; name[i] != '\0'; i++) {
            char c = name[i] >= 'a' && name[i] <= 'z' ? (char)(name[i] - 'a' + 'A') : name[i];
            if (days[d][i] != c) break;
        }
        if (name[i] == '\0' && (i == 3 || days[d][i] == '\0')) return d;
    }
    return -1;
}

#include "coordinator/schedule/civil.h"
#include "coordinator/schedule/cron.h"
#include "coordinator/schedule/cron_set.h"

#define SEARCH_S (INT64_C(2923) * CIVIL_DAY) /* CRON_YEARS years with two leap days, and one */
#define FAR_S (INT64_C(1) << 40)             /* moments beyond (36,000 years) are not planned */
/* Clocks that were set back once cannot show the same again later than that: offsets lie between
 * -25 and 26 hours. */
#define LOOK_BACK_S (52 * CIVIL_HOUR)

/* ---- On the calendar, without a zone ---- */

static bool has(uint64_t set, int n)
{
    return (set >> n & 1) != 0;
}

static bool day_matches(const struct cron *c, const struct civil_time *t)
{
    if (!has(c->months, t->month)) return false;
    bool day =
        has(c->days, t->day) || (c->last_day && t->day == civil_days_in_month(t->year, t->month));
    bool weekday = has(c->weekdays, t->weekday);
    if (c->day_any) return weekday;
    if (c->weekday_any) return day;
    return day || weekday;
}

/* The first member from n on; -1: there is none. */
static int next_in(uint64_t set, int n)
{
    for (uint64_t left = n < 64 ? set >> n : 0; left != 0; left >>= 1, n++)
        if ((left & 1) != 0) return n;
    return -1;
}

/* The first time of day that matches, from the given one on, in seconds; -1: none is left. */
static int next_in_day(const struct cron *c, int from)
{
    int hour = from / CIVIL_HOUR, minute = from % CIVIL_HOUR / CIVIL_MINUTE,
        second = from % CIVIL_MINUTE;
    int h = next_in(c->hours, hour);
    if (h < 0) return -1;
    if (h == hour) {
        int m = next_in(c->minutes, minute);
        int s = m == minute ? next_in(c->seconds, second) : -1;
        if (s >= 0) return h * CIVIL_HOUR + m * CIVIL_MINUTE + s;
        m = next_in(c->minutes, minute + 1);
        if (m >= 0) return h * CIVIL_HOUR + m * CIVIL_MINUTE + next_in(c->seconds, 0);
        h = next_in(c->hours, hour + 1);
        if (h < 0) return -1;
    }
    return h * CIVIL_HOUR + next_in(c->minutes, 0) * CIVIL_MINUTE + next_in(c->seconds, 0);
}

/* The first civil time that matches in [from, until). */
static bool next_civil(const struct cron *c, int64_t from, int64_t until, int64_t *out)
{
    while (from < until) {
        struct civil_time t = civil_time_of(from);
        int of_day = t.hour * CIVIL_HOUR + t.minute * CIVIL_MINUTE + t.second;
        int64_t midnight = from - of_day;
        int found = day_matches(c, &t) ? next_in_day(c, of_day) : -1;
        if (found >= 0) {
            *out = midnight + found;
            return *out < until;
        }
        from = midnight + CIVIL_DAY;
    }
    return false;
}

/* ---- On the clocks of a zone ---- */

/* The civil time up to which the zone's clocks had shown, or had left out, everything when the span
 * began; INT64_MIN when they had shown nothing before. */
static int64_t shown_before(const struct zone *z, const struct zone_span *span)
{
    int64_t shown = INT64_MIN;
    for (int64_t t = span->begins_s; t > INT64_MIN && t > span->begins_s - LOOK_BACK_S;) {
        struct zone_span before = zone_span(z, t - 1);
        if (t + before.offset_s > shown) shown = t + before.offset_s;
        t = before.begins_s;
    }
    return shown;
}

/* The first firing of a span in [from_s, until_s). A time that clocks showed before does not fire
 * again; what they left out when the span began fires as it begins. */
static bool next_in_span(const struct cron *c, const struct zone *z, const struct zone_span *span,
                         int64_t from_s, int64_t until_s, int64_t *out_s)
{
    int64_t civil = from_s + span->offset_s, found;
    if (!c->is_real_time) {
        int64_t shown = shown_before(z, span);
        if (from_s == span->begins_s && shown > INT64_MIN && next_civil(c, shown, civil, &found)) {
            *out_s = from_s;
            return true;
        }
        if (shown > civil) civil = shown;
    }
    if (!next_civil(c, civil, until_s + span->offset_s, &found)) return false;
    *out_s = found - span->offset_s;
    return true;
}

bool cron_next(const struct cron *c, const struct zone *z, int64_t after_s, int64_t *out_s)
{
    if (after_s < -FAR_S || after_s > FAR_S) return false;
    int64_t limit_s = after_s + SEARCH_S;
    for (int64_t t = after_s + 1; t <= limit_s;) {
        struct zone_span span = zone_span(z, t);
        int64_t until_s = span.ends_s < limit_s ? span.ends_s : limit_s + 1;
        if (next_in_span(c, z, &span, t, until_s, out_s)) return true;
        t = until_s;
    }
    return false;
}

bool cron_previous(const struct cron *c, const struct zone *z, int64_t before_s, int64_t *out_s)
{
    if (before_s < -FAR_S || before_s > FAR_S) return false;
    /* cron_next() never falls as its moment rises: first a step back that is large enough, each
     * twice the one before, then halves of the last. */
    int64_t found, step = 1;
    while (!cron_next(c, z, before_s - step, &found) || found >= before_s) {
        if (step > SEARCH_S) return false;
        step *= 2;
    }
    int64_t low = before_s - step, high = before_s - step / 2;
    *out_s = found;
    while (high - low > 1) {
        int64_t middle = low + (high - low) / 2;
        if (cron_next(c, z, middle, &found) && found < before_s) {
            low = middle;
            *out_s = found;
        } else {
            high = middle;
        }
    }
    return true;
}

bool cron_matches(const struct cron *c, const struct zone *z, int64_t utc_s)
{
    int64_t civil = utc_s + zone_offset(z, utc_s), found;
    int64_t from =
        c->has_seconds ? civil : civil - (civil % CIVIL_MINUTE + CIVIL_MINUTE) % CIVIL_MINUTE;
    return next_civil(c, from, from + 1, &found);
}

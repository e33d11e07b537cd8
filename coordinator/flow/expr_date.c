/* Functions of dates. A date is a text (docs/expressions.md), or seconds since 1970; now() gives
 * such a text. Without a zone all is in UTC. */
#include "coordinator/flow/expr_functions.h"
#include "coordinator/flow/expr_moment.h"

#include "base/mem.h"
#include "base/str.h"
#include "coordinator/flow/checks.h"
#include "coordinator/schedule/zones.h"

#include <string.h>

#define SECONDS_MAX INT64_C(253402300799) /* the end of the year 9999 */
#define SECONDS_MIN INT64_C(-62167219200) /* the begin of the year 0 */

/* The arguments that date, dateAdd and now share, as they stand in params. */
struct date_args {
    const struct json *format, *zone, *existing, *locale;
};

/* ---- checks ---------------------------------------------------------------------------------- */

static int check_text_arg(const char *name, const struct json *j, struct err *e)
{
    if (!j || json_type(j) == JSON_STRING) return 0;
    return err_set(e, ERR_INVALID, "%s must be a text", name);
}

static int check_zone(const struct json *j, const struct expr_scope *scope, struct err *e)
{
    const struct flow_checks *c = scope ? scope->checks : NULL;
    const char *name = json_str(j, NULL);
    if (!name || !c || !c->zone || c->stored) return 0;
    return c->zone(name, c->user, e);
}

static int check_args(const struct date_args *a, const struct expr_scope *scope, struct err *e)
{
    int rc = check_text_arg("format", a->format, e);
    if (rc == 0) rc = check_text_arg("timeZone", a->zone, e);
    if (rc == 0) rc = check_text_arg("existingFormat", a->existing, e);
    if (rc == 0 && a->format) rc = moment_pattern_check(json_str(a->format, ""), e);
    if (rc == 0 && a->existing) rc = moment_pattern_check(json_str(a->existing, ""), e);
    if (rc == 0) rc = check_zone(a->zone, scope, e);
    if (rc == 0 && a->locale && !str_starts(json_str(a->locale, ""), "en"))
        rc = err_set(e, ERR_INVALID,
                     "names of months and days are English: locale 'en' alone is "
                     "supported");
    return rc;
}

int check_date(const struct json *const *args, const struct expr_scope *scope, struct err *e)
{
    const struct date_args a = {args[1], args[2], args[3], args[4]};
    return check_args(&a, scope, e);
}

int check_now(const struct json *const *args, const struct expr_scope *scope, struct err *e)
{
    const struct date_args a = {args[0], args[1], args[2], args[3]};
    return check_args(&a, scope, e);
}

int check_timestamp(const struct json *const *args, const struct expr_scope *scope, struct err *e)
{
    const struct date_args a = {NULL, args[1], args[2], NULL};
    return check_args(&a, scope, e);
}

/* ---- zones ----------------------------------------------------------------------------------- */

/* *out: zone_free. */
static int open_zone(struct eval *ev, const struct json *arg, struct zone **out)
{
    const char *name = arg ? json_str(arg, NULL) : "UTC";
    struct err e = {0};
    if (!name) return eval_fail(ev, "timeZone must be a text");
    if (str_eq(name, "UTC")) return zone_parse_rule("UTC0", out, &ev->err);
    struct zones *none = ev->v->zones ? NULL : zones_new(NULL);
    int rc = zones_open(none ? none : ev->v->zones, name, out, &e);
    zones_free(none);
    return rc ? eval_fail(ev, "%s", err_text(&e)) : 0;
}

/* ---- moments --------------------------------------------------------------------------------- */

static int check_year(struct eval *ev, const struct instant *m)
{
    if (m->utc_s >= SECONDS_MIN && m->utc_s <= SECONDS_MAX) return 0;
    return eval_fail(ev, "the date is not within the years 0 to 9999");
}

static int moment_of(struct eval *ev, const struct json *j, const struct json *existing,
                     const struct zone *z, struct instant *out)
{
    struct err e = {0};
    if (value_is_int(j)) {
        *out = (struct instant){.utc_s = json_int(j, 0)};
        return check_year(ev, out);
    }
    if (json_type(j) != JSON_STRING)
        return eval_fail(ev, "needs a date as a text or as seconds, and not %s", value_name(j));
    if (existing && json_type(existing) != JSON_STRING)
        return eval_fail(ev, "existingFormat must be a text");
    if (moment_parse(json_str(j, ""), json_str(existing, NULL), z, out, &e))
        return eval_fail(ev, "%s", err_text(&e));
    return check_year(ev, out);
}

static int give_moment(struct eval *ev, const struct instant *m, const struct zone *z,
                       const struct json *format, const struct json **out)
{
    const char *pattern = format ? json_str(format, NULL) : "iso";
    struct moment_civil c = moment_civil(m, z);
    struct err e = {0};
    struct buf text;
    if (!pattern) return eval_fail(ev, "format must be a text");
    buf_init(&text, EXPR_RESULT_MAX);
    int rc = moment_pattern_check(pattern, &e);
    if (rc == 0) rc = moment_format(&c, pattern, &text, &e);
    if (rc == 0) return eval_give_buf(ev, &text, out);
    buf_fini(&text);
    return rc == ERR_TOO_LARGE ? eval_too_large(ev) : eval_fail(ev, "%s", err_text(&e));
}

static int check_values(struct eval *ev, const struct date_args *a)
{
    struct err e = {0};
    return check_args(a, NULL, &e) ? eval_fail(ev, "%s", err_text(&e)) : 0;
}

int fn_date(struct eval *ev, const struct json *const *args, const struct json **out)
{
    const struct date_args a = {args[1], args[2], args[3], args[4]};
    struct instant m;
    struct zone *z = NULL;
    int rc = check_values(ev, &a);
    if (rc == 0) rc = open_zone(ev, a.zone, &z);
    if (rc == 0) rc = moment_of(ev, args[0], a.existing, z, &m);
    if (rc == 0) rc = give_moment(ev, &m, z, a.format, out);
    zone_free(z);
    return rc;
}

int fn_now(struct eval *ev, const struct json *const *args, const struct json **out)
{
    const struct date_args a = {args[0], args[1], args[2], args[3]};
    int64_t ms = ev->v->now_ms;
    if (ms <= 0) return eval_fail(ev, "the time is not known here");
    struct instant m = {.utc_s = ms / 1000, .nanos = (int32_t)(ms % 1000) * 1000000};
    struct zone *z = NULL;
    int rc = check_values(ev, &a);
    if (rc == 0) rc = open_zone(ev, a.zone, &z);
    if (rc == 0) rc = give_moment(ev, &m, z, a.format, out);
    zone_free(z);
    return rc;
}

static int timestamp(struct eval *ev, const struct json *const *args, bool milli,
                     const struct json **out)
{
    const struct date_args a = {NULL, args[1], args[2], NULL};
    struct instant m;
    struct zone *z = NULL;
    int rc = check_values(ev, &a);
    if (rc == 0) rc = open_zone(ev, a.zone, &z);
    if (rc == 0) rc = moment_of(ev, args[0], a.existing, z, &m);
    zone_free(z);
    if (rc) return rc;
    return eval_give_int(ev, milli ? m.utc_s * 1000 + m.nanos / 1000000 : m.utc_s, out);
}

int fn_timestamp(struct eval *ev, const struct json *const *args, const struct json **out)
{
    return timestamp(ev, args, false, out);
}

int fn_timestamp_milli(struct eval *ev, const struct json *const *args, const struct json **out)
{
    return timestamp(ev, args, true, out);
}

/* ---- dateAdd --------------------------------------------------------------------------------- */

/* Java's ChronoUnit: time that passes, in seconds or parts of one; or days and months of the
 * calendar. */
static const struct unit {
    const char *name;
    int64_t parts, seconds, days, months;
} units[] = {
    {"NANOS", 1000000000, 0, 0, 0}, {"MICROS", 1000000, 0, 0, 0}, {"MILLIS", 1000, 0, 0, 0},
    {"SECONDS", 0, 1, 0, 0},        {"MINUTES", 0, 60, 0, 0},     {"HOURS", 0, 3600, 0, 0},
    {"HALF_DAYS", 0, 43200, 0, 0},  {"DAYS", 0, 0, 1, 0},         {"WEEKS", 0, 0, 7, 0},
    {"MONTHS", 0, 0, 0, 1},         {"YEARS", 0, 0, 0, 12},       {"DECADES", 0, 0, 0, 120},
};
#define UNITS (sizeof units / sizeof *units)

static const struct unit *find_unit(const char *name, struct err *e)
{
    const char *names[UNITS];
    char suggestion[STR_SUGGEST_SIZE], shown[STR_QUOTE_SIZE];
    for (size_t i = 0; i < UNITS; i++) {
        names[i] = units[i].name;
        if (str_eq(name, names[i])) return &units[i];
    }
    str_suggest_nearest(suggestion, name, names, UNITS);
    err_set(e, ERR_INVALID, "there is no unit %s%s", str_quote(shown, name),
            *suggestion ? suggestion : ": DAYS, HOURS, MINUTES and others are");
    return NULL;
}

int check_date_add(const struct json *const *args, const struct expr_scope *scope, struct err *e)
{
    const struct date_args a = {args[3], args[4], args[5], args[6]};
    if (args[1] && !value_is_int(args[1]))
        return err_set(e, ERR_INVALID, "amount must be an integer");
    if (args[2] && !find_unit(json_str(args[2], ""), e)) return ERR_INVALID;
    return check_args(&a, scope, e);
}

static void add_parts(struct instant *m, int64_t parts, int64_t amount)
{
    int64_t nanos = m->nanos + amount % parts * (1000000000 / parts);
    m->utc_s += amount / parts + nanos / 1000000000;
    nanos %= 1000000000;
    if (nanos < 0) {
        nanos += 1000000000;
        m->utc_s--;
    }
    m->nanos = (int32_t)nanos;
}

/* On the clocks that the moment has: of two moments that they show alike, the one that keeps its
 * offset. */
static void add_calendar(struct instant *m, const struct zone *z, int64_t days, int64_t months)
{
    int64_t at[2], offset = m->fixed ? m->offset_s : zone_offset(z, m->utc_s);
    struct civil_time c = civil_time_of(m->utc_s + offset);
    int64_t month = c.year * 12 + c.month - 1 + months;
    if (months) {
        c.year = month / 12;
        c.month = (int)(month % 12) + 1;
        int last = civil_days_in_month(c.year, c.month);
        if (c.day > last) c.day = last;
    }
    int64_t civil_s = civil_seconds(&c) + days * CIVIL_DAY;
    if (m->fixed)
        m->utc_s = civil_s - offset;
    else if (zone_moments(z, civil_s, at) == 2 && civil_s - at[1] == offset)
        m->utc_s = at[1];
    else
        m->utc_s = moment_of_civil(z, civil_s);
}

static int add(struct eval *ev, struct instant *m, const struct zone *z, const struct unit *u,
               int64_t amount)
{
    int64_t least = u->seconds ? SECONDS_MAX / u->seconds : u->months ? 10000 * 12 : 4000000;
    if (!u->parts && (amount > least || amount < -least))
        return eval_fail(ev, "the date is not within the years 0 to 9999");
    if (u->months && (civil_time_of(m->utc_s).year * 12 + amount * u->months < 24 ||
                      civil_time_of(m->utc_s).year * 12 + amount * u->months > 9998 * 12))
        return eval_fail(ev, "the date is not within the years 0 to 9999");
    if (u->parts)
        add_parts(m, u->parts, amount);
    else if (u->seconds)
        m->utc_s += amount * u->seconds;
    else
        add_calendar(m, z, amount * u->days, amount * u->months);
    return check_year(ev, m);
}

int fn_date_add(struct eval *ev, const struct json *const *args, const struct json **out)
{
    const struct date_args a = {args[3], args[4], args[5], args[6]};
    struct instant m;
    struct zone *z = NULL;
    struct err e = {0};
    const struct unit *u = find_unit(json_str(args[2], ""), &e);
    if (!u) return eval_fail(ev, "%s", err_text(&e));
    if (!value_is_int(args[1])) return eval_fail(ev, "amount must be an integer");
    int rc = check_values(ev, &a);
    if (rc == 0) rc = open_zone(ev, a.zone, &z);
    if (rc == 0) rc = moment_of(ev, args[0], a.existing, z, &m);
    if (rc == 0) rc = add(ev, &m, z, u, json_int(args[1], 0));
    if (rc == 0) rc = give_moment(ev, &m, z, a.format, out);
    zone_free(z);
    return rc;
}

/* Triggers that are schedules: their keys, and when they fire. */
#include "coordinator/flow/schedule.h"

#include "base/duration.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/flow/read.h"
#include "coordinator/flow/when.h"
#include "coordinator/schedule/civil.h"
#include "coordinator/schedule/zones.h"

#include <string.h>

/* Moments that notAt leaves out in one search: a schedule of every minute may pause for three
 * days. */
#define LEFT_OUT_MOST 5000
/* What fires once a year or less would be searched through for thousands of years. In forty years
 * 29 February is each day of the week, also around 2100, which has none. */
#define SEARCH_S (INT64_C(40) * 366 * CIVIL_DAY)
#define REFERENCE_S                                                                                \
    INT64_C(1767225600) /* 2026: a schedule that fires at all does so from then on */

void flow_schedule_free(struct flow_schedule *s)
{
    if (!s) return;
    for (size_t i = 0; i < s->not_at_count; i++)
        cron_free(s->not_at[i]);
    condition_fini(&s->when);
    cron_free(s->cron);
    mem_free(s->text);
    mem_free(s->zone);
    mem_free(s->plan);
    mem_free(s);
}

/* ---- when it fires --------------------------------------------------------------------------- */

/* The end of the minute that the zone's clocks show: its last second. */
static int64_t minute_end(const struct zone *z, int64_t utc_s)
{
    int64_t in_minute = (utc_s + zone_offset(z, utc_s)) % CIVIL_MINUTE;
    if (in_minute < 0) in_minute += CIVIL_MINUTE;
    return utc_s + CIVIL_MINUTE - 1 - in_minute;
}

static bool is_left_out(const struct flow_schedule *s, const struct zone *z, int64_t utc_s)
{
    for (size_t i = 0; i < s->not_at_count; i++)
        if (cron_matches(s->not_at[i], z, utc_s)) return true;
    return false;
}

int64_t schedule_limit_s(const struct schedule_limit *l, const struct zone *z, bool last)
{
    int64_t at[2];
    if (!l->local) return l->s;
    return zone_moments(z, l->s, at) == 2 && last ? at[1] : at[0];
}

enum schedule_found flow_schedule_next(const struct flow_schedule *s, const struct zone *z,
                                       int64_t after_s, int64_t *out_s)
{
    int64_t at = after_s;
    if (s->start.given) {
        int64_t start = schedule_limit_s(&s->start, z, false);
        if (at < start) at = start - 1;
    }
    int64_t limit = at + SEARCH_S;
    for (int n = 0; n < LEFT_OUT_MOST && at < limit; n++) {
        if (!cron_next(s->cron, z, at, &at)) return SCHEDULE_NONE;
        if (s->end.given && at > schedule_limit_s(&s->end, z, true)) return SCHEDULE_NONE;
        bool left_out = is_left_out(s, z, at);
        if (!left_out && condition_holds(&s->when, at, z)) {
            *out_s = at;
            return SCHEDULE_FOUND;
        }
        if (left_out) at = minute_end(z, at);
    }
    *out_s = at;
    return SCHEDULE_LEFT_OUT;
}

bool flow_schedule_previous(const struct flow_schedule *s, const struct zone *z, int64_t before_s,
                            int64_t *out_s)
{
    int64_t at = before_s;
    if (s->end.given) {
        int64_t end = schedule_limit_s(&s->end, z, true);
        if (at > end) at = end + 1;
    }
    int64_t limit = at - SEARCH_S;
    for (int n = 0; n < LEFT_OUT_MOST && at > limit; n++) {
        if (!cron_previous(s->cron, z, at, &at)) return false;
        if (s->start.given && at < schedule_limit_s(&s->start, z, false)) return false;
        bool left_out = is_left_out(s, z, at);
        if (!left_out && condition_holds(&s->when, at, z)) {
            *out_s = at;
            return true;
        }
        if (left_out) at = minute_end(z, at) - (CIVIL_MINUTE - 1);
    }
    return false;
}

/* ---- read ------------------------------------------------------------------------------------ */

static void read_cron(const struct node *n, struct flow_schedule *s)
{
    bool kestra = node_has(n, "type");
    enum cron_form form = node_bool(n, "withSeconds", false) ? CRON_SIX
                          : kestra                           ? CRON_FIVE
                                                             : CRON_FIVE_OR_SIX;
    struct err e = {0};
    s->text = node_text(n, "cron", CRON_TEXT_MAX);
    if (!s->text) {
        if (!node_has(n, "cron"))
            node_fail(n, "cron", "is missing: when it fires, such as \"0 3 * * *\"");
        return;
    }
    size_t problems = n->r->problems->count;
    read_plain(n, json_get(n->j, "cron"), "cron", s->text);
    if (n->r->problems->count == problems && cron_parse(s->text, form, &s->cron, &e))
        node_fail(n, "cron", "%s", err_text(&e));
}

static void read_zone(const struct node *n, struct flow_schedule *s)
{
    const struct flow_checks *checks = n->r->checks;
    struct err e = {0};
    s->zone = node_text(n, "timezone", ZONE_NAME_MAX);
    s->zone_line = yaml_line(&n->r->doc, json_get(n->j, "timezone"));
    if (!s->zone) return;
    if (!*s->zone) {
        node_fail(n, "timezone", "is empty; leave it out for the coordinator's");
        return;
    }
    size_t problems = n->r->problems->count;
    read_plain(n, json_get(n->j, "timezone"), "timezone", s->zone);
    if (n->r->problems->count == problems && checks && checks->zone &&
        checks->zone(s->zone, checks->user, &e))
        node_fail(n, "timezone", "%s", err_text(&e));
}

bool schedule_limit_read(const char *text, bool last, struct schedule_limit *out)
{
    static const char *const rests[] = {"", "Z", ":00Z", "T00:00:00Z"};
    char whole[80];
    int64_t ms;
    for (size_t i = 0; i < 4; i++) {
        if (str_format(whole, sizeof whole, "%s%s", text, rests[i]) || time_parse(whole, &ms))
            continue;
        /* the last second of the day when it is a day */
        out->s = ms / 1000 + (i == 3 && last ? CIVIL_DAY - 1 : 0);
        out->local = i > 0;
        out->given = true;
        return true;
    }
    return false;
}

static void read_limit(const struct node *n, const char *key, bool last, struct schedule_limit *out)
{
    char *text = node_text(n, key, 64);
    char shown[STR_QUOTE_SIZE];
    if (!text) return;
    if (!schedule_limit_read(text, last, out))
        node_fail(n, key, "%s is " SCHEDULE_LIMIT_FORM, str_quote(shown, text));
    mem_free(text);
}

static void read_not_at(const struct node *n, struct flow_schedule *s)
{
    const struct json *list = node_list(n, "notAt", SCHEDULE_NOT_AT_MAX);
    for (const struct json *j = json_first(list); j; j = json_next(j)) {
        struct err e = {0};
        char *text = item_text(n, j, "notAt", CRON_TEXT_MAX);
        if (text && cron_parse(text, CRON_FIVE, &s->not_at[s->not_at_count], &e) == 0)
            s->not_at_count++;
        else if (text)
            read_fail(n->r, j, "%snotAt: %s", n->at, err_text(&e));
        mem_free(text);
    }
}

static char *plan_text(const struct node *n, const struct flow_schedule *s)
{
    static const char *const when_keys[] = {"when", "conditions", "scheduleConditions"};
    char *not_at = json_text(json_get(n->j, "notAt")), *when[3];
    for (size_t i = 0; i < 3; i++)
        when[i] = node_has(n, when_keys[i]) ? json_text(json_get(n->j, when_keys[i])) : NULL;
    char *text = str_dupf("%s|%s|%d%d%lld|%d%d%lld|%s%s%s%s", s->text, s->zone ? s->zone : "",
                          s->start.given, s->start.local, (long long)s->start.s, s->end.given,
                          s->end.local, (long long)s->end.s, not_at, when[0] ? when[0] : "",
                          when[1] ? when[1] : "", when[2] ? when[2] : "");
    for (size_t i = 0; i < 3; i++)
        mem_free(when[i]);
    mem_free(not_at);
    return text;
}

/* Is there a moment at all? The zone does not matter for that, but that of limits that are local
 * does, by a day. */
static void check_fires(const struct node *n, const struct flow_schedule *s)
{
    struct flow_schedule open = *s;
    struct zone *utc = zone_fixed(0);
    int64_t at = REFERENCE_S;
    char shown[STR_QUOTE_SIZE];
    open.start.given = open.end.given = false;
    open.when = (struct condition){.kind = CONDITION_ALL_OF};
    enum schedule_found found = flow_schedule_next(&open, utc, REFERENCE_S, &at);
    if (s->start.given && s->end.given && s->start.s > s->end.s + 2 * CIVIL_DAY)
        node_fail(n, "endDate", "lies before startDate: it would never fire");
    else if (found == SCHEDULE_LEFT_OUT && at - REFERENCE_S >= SEARCH_S)
        node_fail(n, "notAt", "leaves out all that cron %s names: it would never fire",
                  str_quote(shown, s->text));
    else if (found != SCHEDULE_FOUND)
        node_fail(n, "notAt",
                  "leaves out %d moments and more in a row; write the times into cron instead",
                  LEFT_OUT_MOST);
    zone_free(utc);
}

/* A zone that is named UTC or an offset has one offset; what others have is not known here. */
static void check_conditions(const struct node *n, const struct flow_schedule *s)
{
    struct zones *none = zones_new(NULL);
    struct zone *z = NULL;
    if (s->zone && zones_open(none, s->zone, &z, NULL)) z = NULL;
    check_when(n, &s->when, s->cron, s->text, z);
    zone_free(z);
    zones_free(none);
}

void read_schedule(const struct node *n, struct flow_trigger *t)
{
    static const char *const recover[] = {"NONE", "LAST", "ALL"};
    struct flow_schedule *s = mem_alloc(sizeof *s);
    size_t before = n->r->problems->count;
    t->schedule = s;
    node_known(n, schedule_keys, schedule_refused);
    read_cron(n, s);
    read_zone(n, s);
    s->recover =
        (enum schedule_recover)node_choice(n, "recoverMissedSchedules", recover, 3, RECOVER_LAST);
    read_limit(n, "startDate", false, &s->start);
    read_limit(n, "endDate", true, &s->end);
    read_not_at(n, s);
    read_when(n, &s->when);
    s->jitter_ms = node_duration(n, "jitter", 1, SCHEDULE_JITTER_MAX_MS, 0);
    if (n->r->problems->count > before || !s->cron) return;
    check_fires(n, s);
    if (!n->r->stored) check_conditions(n, s);
    s->plan = plan_text(n, s);
}

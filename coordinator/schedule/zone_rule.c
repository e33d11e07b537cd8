#include "coordinator/schedule/zone_rule.h"

#include "base/str.h"
#include "coordinator/schedule/civil.h"

#include <stddef.h>
#include <string.h>

/* ---- Reading ---- */

/* What is left of the text; the functions below move `at` over what they understood and return
 * false, with nothing promised about `at`, where the text is no such thing. */
struct rule_text {
    const char *at;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool take(struct rule_text *t, char c)
{
    if (*t->at != c) return false;
    t->at++;
    return true;
}

static bool read_number(struct rule_text *t, int least, int most, int *out)
{
    int n = 0, digits = 0;
    for (; is_digit(*t->at) && digits < 4; digits++)
        n = n * 10 + (*t->at++ - '0');
    if (digits == 0 || is_digit(*t->at) || n < least || n > most) return false;
    *out = n;
    return true;
}

/* "CET", or "<+0330>". */
static bool read_name(struct rule_text *t, char out[ZONE_SHORT_SIZE])
{
    bool quoted = take(t, '<');
    const char *from = t->at;
    while (is_letter(*t->at) || (quoted && (is_digit(*t->at) || *t->at == '+' || *t->at == '-')))
        t->at++;
    size_t len = (size_t)(t->at - from);
    if (len < ZONE_SHORT_SIZE) memcpy(out, from, len); /* all of it was zeroed */
    return len >= 3 && (!quoted || take(t, '>'));
}

/* [+|-]hh[:mm[:ss]] */
static bool read_time(struct rule_text *t, int most_hours, int32_t *out)
{
    bool minus = *t->at == '-';
    if (minus || *t->at == '+') t->at++;
    int hours, minutes = 0, seconds = 0;
    if (!read_number(t, 0, most_hours, &hours)) return false;
    if (take(t, ':')) {
        if (!read_number(t, 0, 59, &minutes)) return false;
        if (take(t, ':') && !read_number(t, 0, 59, &seconds)) return false;
    }
    int32_t total = hours * CIVIL_HOUR + minutes * CIVIL_MINUTE + seconds;
    *out = minus ? -total : total;
    return true;
}

static bool read_weekday(struct rule_text *t, struct rule_change *c)
{
    c->kind = RULE_WEEKDAY;
    return read_number(t, 1, 12, &c->month) && take(t, '.') && read_number(t, 1, 5, &c->week) &&
           take(t, '.') && read_number(t, 0, 6, &c->day);
}

/* ",M3.5.0/2" */
static bool read_change(struct rule_text *t, struct rule_change *c)
{
    *c = (struct rule_change){.kind = RULE_YEARDAY, .time_s = 2 * CIVIL_HOUR};
    if (!take(t, ',')) return false;
    bool good;
    if (take(t, 'M')) {
        good = read_weekday(t, c);
    } else if (take(t, 'J')) {
        c->kind = RULE_JULIAN;
        good = read_number(t, 1, 365, &c->day);
    } else {
        good = read_number(t, 0, 365, &c->day);
    }
    return good && (!take(t, '/') || read_time(t, 167, &c->time_s));
}

static bool read_rule(struct rule_text *t, struct zone_rule *r)
{
    int32_t west;
    if (!read_name(t, r->standard_name) || !read_time(t, 24, &west)) return false;
    r->standard_s = r->summer_s = -west;
    if (*t->at == '\0') return true;
    if (!read_name(t, r->summer_name)) return false;
    r->has_summer = true;
    r->summer_s += CIVIL_HOUR;
    if (*t->at != ',') {
        if (!read_time(t, 24, &west)) return false;
        r->summer_s = -west;
    }
    return read_change(t, &r->to_summer) && read_change(t, &r->to_standard) && *t->at == '\0';
}

int zone_rule_parse(const char *text, struct zone_rule *out, struct err *e)
{
    struct zone_rule r = {0};
    struct rule_text t = {text};
    char quote[STR_QUOTE_SIZE];
    if (!read_rule(&t, &r))
        return err_set(e, ERR_INVALID, "%s is no rule of a time zone as CET-1CEST,M3.5.0,M10.5.0/3",
                       str_quote(quote, text));
    *out = r;
    return 0;
}

/* ---- What the rule says ---- */

static int64_t change_day(const struct rule_change *c, int64_t year)
{
    if (c->kind == RULE_YEARDAY) return civil_days(year, 1, 1) + c->day;
    if (c->kind == RULE_JULIAN)
        return civil_days(year, 1, 1) + c->day - 1 + (c->day >= 60 && civil_is_leap(year));
    int64_t first = civil_days(year, c->month, 1);
    int64_t weekday = civil_weekday(first);
    int64_t day = first + (c->day - weekday + 7) % 7 + (c->week - 1) * 7;
    return day < first + civil_days_in_month(year, c->month) ? day : day - 7;
}

struct change {
    int64_t at_s;
    int32_t offset_s;
    const char *name;
};

static const char *name_or_none(const char *name)
{
    return *name ? name : NULL;
}

static void insert(struct change *list, size_t count, struct change c)
{
    size_t i = count;
    for (; i > 0 && list[i - 1].at_s > c.at_s; i--)
        list[i] = list[i - 1];
    list[i] = c;
}

#define YEARS_AROUND 2 /* hours up to 167 may carry a change into the next year */

struct zone_span zone_rule_span(const struct zone_rule *r, int64_t utc_s)
{
    const char *standard = name_or_none(r->standard_name), *summer = name_or_none(r->summer_name);
    struct zone_span span = {INT64_MIN, INT64_MAX, r->standard_s, standard};
    if (!r->has_summer) return span;
    struct change list[2 * (2 * YEARS_AROUND + 1)];
    size_t count = 0;
    int64_t year = civil_time_of(utc_s).year;
    for (int64_t y = year - YEARS_AROUND; y <= year + YEARS_AROUND; y++) {
        struct change to_standard = {change_day(&r->to_standard, y) * CIVIL_DAY +
                                         r->to_standard.time_s - r->summer_s,
                                     r->standard_s, standard};
        struct change to_summer = {change_day(&r->to_summer, y) * CIVIL_DAY + r->to_summer.time_s -
                                       r->standard_s,
                                   r->summer_s, summer};
        /* Summer time all the year ends and begins in the same moment: it goes on. */
        insert(list, count++, to_standard);
        insert(list, count++, to_summer);
    }
    for (size_t i = 0; i < count; i++) {
        if (list[i].at_s > utc_s) {
            span.ends_s = list[i].at_s;
            break;
        }
        span.begins_s = list[i].at_s;
        span.offset_s = list[i].offset_s;
        span.name = list[i].name;
    }
    return span;
}

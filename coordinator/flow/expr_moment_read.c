/* Reads moments: ISO 8601, and by a pattern. */
#include "coordinator/flow/expr_moment.h"

#include "base/str.h"
#include "coordinator/flow/expr_pattern.h"

#include <string.h>

/* What was found so far; -1: not said. */
struct found {
    int64_t year;
    int month, day, hour, half_hour, minute, second, afternoon;
    int32_t nanos, offset_s;
    bool offset, time;
};

/* Exactly so many digits. */
static bool take_digits(const char **s, size_t least, size_t most, int64_t *out)
{
    size_t len = 0;
    *out = 0;
    for (; len < most && (*s)[len] >= '0' && (*s)[len] <= '9'; len++)
        *out = *out * 10 + ((*s)[len] - '0');
    *s += len;
    return len >= least;
}

static bool take_int(const char **s, size_t least, size_t most, int *out)
{
    int64_t n;
    if (!take_digits(s, least, most, &n)) return false;
    *out = (int)n;
    return true;
}

static bool take_char(const char **s, char c)
{
    if (**s != c) return false;
    ++*s;
    return true;
}

/* Digits behind the point, as nanoseconds. */
static bool take_fraction(const char **s, size_t least, size_t most, int32_t *out)
{
    const char *from = *s;
    int64_t n;
    if (!take_digits(s, least, most, &n)) return false;
    for (size_t digits = (size_t)(*s - from); digits < 9; digits++)
        n *= 10;
    *out = (int32_t)n;
    return true;
}

/* "Z", "+02", "+0200", "+02:00", "+02:00:30". */
static bool take_offset(const char **s, struct found *f)
{
    int hours, minutes = 0, seconds = 0;
    f->offset = true;
    f->offset_s = 0;
    if (take_char(s, 'Z')) return true;
    bool minus = **s == '-';
    if (!take_char(s, '+') && !take_char(s, '-')) return false;
    if (!take_int(s, 2, 2, &hours)) return false;
    bool colon = take_char(s, ':');
    if ((colon || (**s >= '0' && **s <= '9')) && !take_int(s, 2, 2, &minutes)) return false;
    if (colon && take_char(s, ':') && !take_int(s, 2, 2, &seconds)) return false;
    if (hours > 18 || minutes > 59 || seconds > 59) return false;
    f->offset_s = hours * CIVIL_HOUR + minutes * CIVIL_MINUTE + seconds;
    if (minus) f->offset_s = -f->offset_s;
    return true;
}

static bool read_iso(const char *s, struct found *f)
{
    if (!take_digits(&s, 4, 4, &f->year) || !take_char(&s, '-') || !take_int(&s, 2, 2, &f->month) ||
        !take_char(&s, '-') || !take_int(&s, 2, 2, &f->day))
        return false;
    if (!*s) return true;
    f->time = true;
    f->second = 0;
    if (!take_char(&s, 'T') || !take_int(&s, 2, 2, &f->hour) || !take_char(&s, ':') ||
        !take_int(&s, 2, 2, &f->minute))
        return false;
    if (take_char(&s, ':') && !take_int(&s, 2, 2, &f->second)) return false;
    if (take_char(&s, '.') && !take_fraction(&s, 1, 9, &f->nanos)) return false;
    if (*s && !take_offset(&s, f)) return false;
    if (f->offset && *s == '[') /* the zone's name, behind its offset */
        s += strcspn(s, "]") + (strchr(s, ']') != NULL);
    return !*s;
}

/* ---- by a pattern ---------------------------------------------------------------------------- */

/* One of some names, at full length or its first three letters. */
static bool take_name(const char **s, const char *const *names, int count, size_t letters, int *out)
{
    for (int i = 0; i < count; i++) {
        size_t len = letters > 3 ? strlen(names[i]) : 3;
        if (strncmp(*s, names[i], len) != 0) continue;
        *s += len;
        *out = i;
        return true;
    }
    return false;
}

static bool take_year(const char **s, size_t count, struct found *f)
{
    if (count != 2) return take_digits(s, count == 1 ? 1 : count, count < 4 ? 9 : count, &f->year);
    if (!take_digits(s, 2, 2, &f->year)) return false;
    f->year += 2000;
    return true;
}

static bool take_part(const char **s, const struct pattern_part *p, struct found *f)
{
    int ignored;
    size_t n = p->count, most = n == 1 ? 2 : n;
    if (p->letter && strchr("HhmsSa", p->letter)) f->time = true;
    switch (p->letter) {
    case 'y':
        return take_year(s, n, f);
    case 'M':
        if (n < 3) return take_int(s, n, most, &f->month);
        if (!take_name(s, moment_months, 12, n, &f->month)) return false;
        f->month++;
        return true;
    case 'd':
        return take_int(s, n, most, &f->day);
    case 'H':
        return take_int(s, n, most, &f->hour);
    case 'h':
        return take_int(s, n, most, &f->half_hour);
    case 'm':
        return take_int(s, n, most, &f->minute);
    case 's':
        return take_int(s, n, most, &f->second);
    case 'S':
        return take_fraction(s, n, n, &f->nanos);
    case 'a':
        f->afternoon = str_starts(*s, "PM");
        if (!str_starts(*s, "AM") && !f->afternoon) return false;
        *s += 2;
        return true;
    case 'E':
        return take_name(s, moment_days, 7, n, &ignored);
    case 'X':
        return take_offset(s, f);
    default:
        if (p->letter || strncmp(*s, p->text, p->len) != 0) return false;
        *s += p->len;
        return true;
    }
}

static int no_such_date(const char *text, const char *pattern, struct err *e)
{
    char shown[STR_QUOTE_SIZE], form[STR_QUOTE_SIZE];
    return err_set(e, ERR_INVALID, "%s is no date of the form %s", str_quote(shown, text),
                   str_quote(form, pattern));
}

static int read_pattern(const char *text, const char *pattern, struct found *f, struct err *e)
{
    char shown[STR_QUOTE_SIZE];
    const char *s = text;
    for (const char *p = moment_pattern(pattern); *p;) {
        struct pattern_part part;
        int rc = pattern_next(&p, &part, e);
        if (rc) return rc;
        if (part.letter == 'z' || (part.len == 1 && *part.text > 0 && *part.text < ' '))
            return err_set(e, ERR_INVALID, "%s writes dates, and cannot read them",
                           str_quote(shown, pattern));
        if (!take_part(&s, &part, f)) return no_such_date(text, pattern, e);
    }
    return *s ? no_such_date(text, pattern, e) : 0;
}

/* ---- moments --------------------------------------------------------------------------------- */

int64_t moment_of_civil(const struct zone *z, int64_t civil_s)
{
    int64_t at[2];
    if (zone_moments(z, civil_s, at) > 0) return at[0];
    return civil_s - zone_offset(z, at[0] - 1);
}

static bool is_possible(const struct found *f)
{
    return f->year >= 0 && f->year <= 9999 && f->month >= 1 && f->month <= 12 && f->day >= 1 &&
           f->day <= civil_days_in_month(f->year, f->month) && f->hour >= 0 && f->hour <= 23 &&
           f->minute >= 0 && f->minute <= 59 && f->second >= 0 && f->second <= 59;
}

static void use_half_day(struct found *f)
{
    if (f->half_hour >= 1 && f->half_hour <= 12)
        f->hour = f->half_hour % 12 + (f->afternoon > 0 ? 12 : 0);
    else if (f->half_hour != -1)
        f->hour = -1;
}

int moment_parse(const char *text, const char *pattern, const struct zone *z, struct instant *out,
                 struct err *e)
{
    char shown[STR_QUOTE_SIZE];
    struct found f = {.month = 1, .day = 1, .half_hour = -1, .year = -1};
    int rc = pattern ? read_pattern(text, pattern, &f, e) : 0;
    if (rc) return rc;
    bool good = pattern || read_iso(text, &f);
    use_half_day(&f);
    if (!good || !is_possible(&f))
        return err_set(e, ERR_INVALID, "%s is no date such as 2026-03-29 or 2026-03-29T03:00:00Z",
                       str_quote(shown, text));
    struct civil_time c = {.year = f.year,
                           .month = f.month,
                           .day = f.day,
                           .hour = f.hour,
                           .minute = f.minute,
                           .second = f.second};
    int64_t civil_s = civil_seconds(&c);
    *out = (struct instant){.nanos = f.nanos, .fixed = f.offset, .offset_s = f.offset_s};
    out->utc_s = f.offset ? civil_s - f.offset_s : moment_of_civil(z, civil_s);
    return 0;
}

struct moment_civil moment_civil(const struct instant *m, const struct zone *z)
{
    struct zone_span span = zone_span(z, m->utc_s);
    return (struct moment_civil){.time = civil_time_of(m->utc_s + span.offset_s),
                                 .nanos = m->nanos,
                                 .offset_s = span.offset_s,
                                 .zone = span.name};
}

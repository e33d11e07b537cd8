/* Formats moments by Java's patterns. Reading them stands in expr_moment_read.c. */
#include "coordinator/flow/expr_moment.h"

#include "base/str.h"
#include "coordinator/flow/expr_pattern.h"

#include <stdio.h>
#include <string.h>

const char *const moment_months[12] = {"January",   "February", "March",    "April",
                                       "May",       "June",     "July",     "August",
                                       "September", "October",  "November", "December"};
const char *const moment_days[7] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                    "Thursday", "Friday", "Saturday"};

static const struct named {
    const char *name, *pattern;
} names[] = {
    {"iso", "yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX"},
    {"iso_sec", "yyyy-MM-dd'T'HH:mm:ssXXX"},
    {"sql", "yyyy-MM-dd HH:mm:ss.SSSSSS"},
    {"sql_seq", "yyyy-MM-dd HH:mm:ss"},
    {"iso_local_date", "yyyy-MM-dd"},
    {"iso_date", "yyyy-MM-ddXXX"},
    {"iso_local_time", "HH:mm:ss\1"},
    {"iso_time", "HH:mm:ss\1XXX"},
    {"iso_offset_time", "HH:mm:ss\1XXX"},
    {"iso_local_date_time", "yyyy-MM-dd'T'HH:mm:ss\1"},
    {"iso_instant", "yyyy-MM-dd'T'HH:mm:ss\2'Z'"},
    {"rfc_1123_date_time", "EEE, d MMM yyyy HH:mm:ss \3"},
};

/* Marks of ours in named patterns: a fraction without zeros at its end, one of three, six or nine
 * digits (both may be absent), and an offset that is GMT when it is none. */
#define SHORT_FRACTION '\1'
#define FRACTION_OF_THREES '\2'
#define GMT_OFFSET '\3'

static const char *pattern_of(const char *given)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (str_eq(names[i].name, given)) return names[i].pattern;
    return given;
}

/* ---- patterns -------------------------------------------------------------------------------- */

/* What Java has besides, and what to write here. */
static const struct {
    char letter;
    const char *instead;
} other_letters[] = {
    {'u', ": write y for the year"},
    {'Y', ": the year is y"},
    {'D', ": the day of the month is d"},
    {'L', ": write M for the month"},
    {'e', ": write E for the day of the week"},
    {'c', ": write E for the day of the week"},
    {'Z', ": write XX for an offset such as +0200"},
    {'x', ": write X for an offset"},
    {'O', ": write X for an offset"},
    {'V', ": write z for the zone"},
    {'v', ": write z for the zone"},
    {'k', ": write H for the hour"},
    {'K', ": write h for the hour"},
    {'n', ": write S for the fraction"},
    {'N', ": write S for the fraction"},
};

static int unknown_letter(char letter, struct err *e)
{
    const char *instead = "";
    for (size_t i = 0; i < sizeof other_letters / sizeof *other_letters; i++)
        if (other_letters[i].letter == letter) instead = other_letters[i].instead;
    return err_set(
        e, ERR_INVALID,
        "the letter '%c' is not supported in a date's pattern, only y M d H h m s S a E z "
        "X%s; text stands in quotes",
        letter, instead);
}

static int check_count(const struct pattern_part *p, struct err *e)
{
    static const struct {
        char letter;
        size_t most;
    } counts[] = {{'y', 9}, {'M', 5}, {'d', 2}, {'H', 2}, {'h', 2}, {'m', 2},
                  {'s', 2}, {'S', 9}, {'a', 1}, {'E', 5}, {'z', 3}, {'X', 5}};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        if (counts[i].letter != p->letter) continue;
        if (p->count <= counts[i].most) return 0;
        return err_set(e, ERR_INVALID, "'%c' stands at most %zu times in a row in a date's pattern",
                       p->letter, counts[i].most);
    }
    return unknown_letter(p->letter, e);
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* 'text', or '' for a quote. */
static int take_quoted(const char **s, struct pattern_part *out, struct err *e)
{
    const char *at = *s + 1;
    if (*at == '\'') {
        *out = (struct pattern_part){.text = at, .len = 1};
        *s = at + 1;
        return 0;
    }
    const char *end = strchr(at, '\'');
    if (!end) return err_set(e, ERR_INVALID, "a quote is never closed in the date's pattern");
    *out = (struct pattern_part){.text = at, .len = (size_t)(end - at)};
    *s = end + 1;
    return 0;
}

int pattern_next(const char **s, struct pattern_part *out, struct err *e)
{
    char c = **s;
    if (c == '\'') return take_quoted(s, out, e);
    if (strchr("[]{}#", c))
        return err_set(e, ERR_INVALID,
                       "'%c' is not supported in a date's pattern: text stands in "
                       "quotes",
                       c);
    *out = (struct pattern_part){.text = *s, .len = 1};
    if (!is_letter(c)) {
        ++*s;
        return 0;
    }
    out->letter = c;
    while (**s == c) {
        out->count++;
        ++*s;
    }
    return check_count(out, e);
}

/* ---- formatting ------------------------------------------------------------------------------ */

static bool add_number(struct buf *out, int64_t n, size_t digits)
{
    return buf_addf(out, "%0*lld", (int)digits, (long long)n) != 0;
}

/* The full name, its first three letters, or the first alone. */
static bool add_name(struct buf *out, const char *name, size_t count)
{
    return buf_add(out, name, count == 5 ? 1 : count == 4 ? strlen(name) : 3) != 0;
}

static bool add_offset(struct buf *out, int32_t offset, size_t count)
{
    int32_t s = offset < 0 ? -offset : offset;
    bool colon = count == 3 || count == 5;
    if (offset == 0) return buf_addc(out, 'Z') != 0;
    bool full = buf_addf(out, "%c%02d", offset < 0 ? '-' : '+', (int)(s / 3600)) != 0;
    if (count > 1 || s / 60 % 60 > 0)
        full = full || buf_addf(out, "%s%02d", colon ? ":" : "", (int)(s / 60 % 60)) != 0;
    if (count > 3 && s % 60 > 0)
        full = full || buf_addf(out, "%s%02d", colon ? ":" : "", (int)(s % 60)) != 0;
    return full;
}

static bool is_short_name(const char *name)
{
    static const char signs[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+-";
    return name && *name && strspn(name, signs) == strlen(name);
}

static bool add_zone(struct buf *out, const struct moment_civil *m)
{
    if (is_short_name(m->zone)) return buf_adds(out, m->zone) != 0;
    return add_offset(out, m->offset_s, 5);
}

/* So many digits of the fraction. */
static bool add_fraction(struct buf *out, int32_t nanos, size_t digits)
{
    char text[16];
    (void)str_format(text, sizeof text, "%09d", (int)nanos);
    return buf_add(out, text, digits) != 0;
}

static bool add_mark(struct buf *out, const struct moment_civil *m, char mark)
{
    size_t digits = 9;
    int32_t rest = m->nanos;
    if (mark == GMT_OFFSET)
        return m->offset_s == 0 ? buf_adds(out, "GMT") != 0 : add_offset(out, m->offset_s, 2);
    if (rest == 0) return false;
    for (; rest % 10 == 0; rest /= 10)
        digits--;
    if (mark == FRACTION_OF_THREES) digits = (digits + 2) / 3 * 3;
    return buf_addc(out, '.') || add_fraction(out, m->nanos, digits);
}

static bool add_part(struct buf *out, const struct moment_civil *m, const struct pattern_part *p)
{
    const struct civil_time *t = &m->time;
    switch (p->letter) {
    case 'y':
        return p->count == 2 ? add_number(out, (t->year % 100 + 100) % 100, 2)
                             : add_number(out, t->year, p->count);
    case 'M':
        return p->count > 2 ? add_name(out, moment_months[t->month - 1], p->count)
                            : add_number(out, t->month, p->count);
    case 'd':
        return add_number(out, t->day, p->count);
    case 'H':
        return add_number(out, t->hour, p->count);
    case 'h':
        return add_number(out, t->hour % 12 == 0 ? 12 : t->hour % 12, p->count);
    case 'm':
        return add_number(out, t->minute, p->count);
    case 's':
        return add_number(out, t->second, p->count);
    case 'S':
        return add_fraction(out, m->nanos, p->count);
    case 'a':
        return buf_adds(out, t->hour < 12 ? "AM" : "PM") != 0;
    case 'E':
        return add_name(out, moment_days[t->weekday], p->count < 3 ? 3 : p->count);
    case 'z':
        return add_zone(out, m);
    case 'X':
        return add_offset(out, m->offset_s, p->count);
    default:
        if (p->len == 1 && *p->text > 0 && *p->text <= GMT_OFFSET)
            return add_mark(out, m, *p->text);
        return buf_add(out, p->text, p->len) != 0;
    }
}

int moment_format(const struct moment_civil *m, const char *pattern, struct buf *out, struct err *e)
{
    for (const char *s = pattern_of(pattern); *s;) {
        struct pattern_part part;
        int rc = pattern_next(&s, &part, e);
        if (rc) return rc;
        if (add_part(out, m, &part))
            return err_set(e, ERR_TOO_LARGE, "the date has more than %zu bytes", out->max);
    }
    return 0;
}

int moment_pattern_check(const char *pattern, struct err *e)
{
    static const char *const known[] = {"iso_date_time", "iso_zoned_date_time",
                                        "iso_week_date", "iso_ordinal_date",
                                        "full",          "long",
                                        "medium",        "short"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (str_eq(known[i], pattern))
            return err_set(e, ERR_INVALID, "the format '%s' is not supported: write a pattern",
                           pattern);
    for (const char *s = pattern_of(pattern); *s;) {
        struct pattern_part part;
        int rc = pattern_next(&s, &part, e);
        if (rc) return rc;
    }
    return 0;
}

const char *moment_pattern(const char *name)
{
    return pattern_of(name);
}

/* Times as text (declared in duration.h), without the C library's calendar: it has no thread-safe
 * one on every platform. */
#include "base/duration.h"

#include <stdbool.h>
#include <string.h>

#define DAY_MS INT64_C(86400000)
#define LAST_MS INT64_C(253402300799999) /* 9999-12-31T23:59:59.999Z */

struct civil {
    int year, month, day;
};

static bool is_leap(int year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static int days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return month == 2 && is_leap(year) ? 29 : days[month - 1];
}

/* Days from 1970-01-01 to January 1st of the year (1970 or later). */
static int64_t days_before_year(int year)
{
    int64_t y = year - 1;
    return 365 * (y - 1969) + (y / 4 - 492) - (y / 100 - 19) + (y / 400 - 4);
}

static struct civil from_days(int64_t days)
{
    struct civil c = {.year = 1970 + (int)(days / 366), .month = 1, .day = 1};
    while (days_before_year(c.year + 1) <= days)
        c.year++;
    days -= days_before_year(c.year);
    while (days >= days_in_month(c.year, c.month))
        days -= days_in_month(c.year, c.month++);
    c.day += (int)days;
    return c;
}

static char *put(char *out, int64_t n, int width, char behind)
{
    for (int i = width - 1; i >= 0; i--) {
        out[i] = (char)('0' + n % 10);
        n /= 10;
    }
    out[width] = behind;
    return out + width + 1;
}

void time_format(int64_t wall_ms, char out[TIME_TEXT_SIZE])
{
    if (wall_ms < 0) wall_ms = 0;
    if (wall_ms > LAST_MS) wall_ms = LAST_MS;
    struct civil c = from_days(wall_ms / DAY_MS);
    int64_t ms = wall_ms % DAY_MS;
    out = put(out, c.year, 4, '-');
    out = put(out, c.month, 2, '-');
    out = put(out, c.day, 2, 'T');
    out = put(out, ms / 3600000, 2, ':');
    out = put(out, ms / 60000 % 60, 2, ':');
    out = put(out, ms / 1000 % 60, 2, '.');
    out = put(out, ms % 1000, 3, 'Z');
    *out = '\0';
}

/* Exactly `width` digits, in [low, high], and then `behind` (0: not looked at). */
static bool take(const char **s, int width, int low, int high, char behind, int *out)
{
    int n = 0;
    for (int i = 0; i < width; i++) {
        char c = (*s)[i];
        if (c < '0' || c > '9') return false;
        n = n * 10 + (c - '0');
    }
    if (n < low || n > high) return false;
    *s += width;
    if (behind) {
        if (**s != behind) return false;
        (*s)++;
    }
    *out = n;
    return true;
}

static bool take_fraction(const char **s, int *ms)
{
    *ms = 0;
    if (**s != '.') return true;
    (*s)++;
    const char *start = *s;
    for (int weight = 100; **s >= '0' && **s <= '9'; (*s)++, weight /= 10) {
        *ms += weight * (**s - '0');
    }
    return *s > start;
}

/* Z or +hh:mm. */
static bool take_offset(const char **s, int64_t *offset_ms)
{
    char sign = *(*s)++;
    *offset_ms = 0;
    if (sign == 'Z' || sign == 'z') return true;
    if (sign != '+' && sign != '-') return false;
    int hours, minutes;
    if (!take(s, 2, 0, 23, ':', &hours) || !take(s, 2, 0, 59, '\0', &minutes)) return false;
    *offset_ms = (hours * 60 + minutes) * INT64_C(60000);
    if (sign == '-') *offset_ms = -*offset_ms;
    return true;
}

int time_parse(const char *s, int64_t *wall_ms)
{
    struct civil c;
    int hour, minute, second, ms;
    int64_t offset_ms;
    if (!take(&s, 4, 1969, 9999, '-', &c.year) || !take(&s, 2, 1, 12, '-', &c.month) ||
        !take(&s, 2, 1, days_in_month(c.year, c.month), '\0', &c.day)) {
        return ERR_INVALID;
    }
    if (*s != 'T' && *s != 't') return ERR_INVALID;
    s++;
    if (!take(&s, 2, 0, 23, ':', &hour) || !take(&s, 2, 0, 59, ':', &minute) ||
        !take(&s, 2, 0, 59, '\0', &second) || !take_fraction(&s, &ms) ||
        !take_offset(&s, &offset_ms) || *s) {
        return ERR_INVALID;
    }
    int64_t days = days_before_year(c.year) + c.day - 1;
    for (int month = 1; month < c.month; month++)
        days += days_in_month(c.year, month);
    int64_t t =
        days * DAY_MS + hour * INT64_C(3600000) + minute * 60000 + second * 1000 + ms - offset_ms;
    if (t < 0 || t > LAST_MS) return ERR_INVALID;
    *wall_ms = t;
    return 0;
}

/* Durations and sizes as text. Times are in time.c. */
#include "base/duration.h"

#include "base/mem.h"
#include "base/str.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define SECOND_MS INT64_C(1000)
#define MINUTE_MS (60 * SECOND_MS)
#define HOUR_MS (60 * MINUTE_MS)
#define DAY_MS (24 * HOUR_MS)
#define WEEK_MS (7 * DAY_MS)

#define EXAMPLES "write it like 30s, 5m, 1h30m or PT1H30M"

static int refuse(struct err *e, const char *text, const char *fmt, ...) CADRE_PRINTF(3, 4);

/* "'text'", followed directly by the fault. */
static int refuse(struct err *e, const char *text, const char *fmt, ...)
{
    char shown[STR_QUOTE_SIZE], why[256];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(why, sizeof why, fmt, ap);
    va_end(ap);
    if (n < 0) why[0] = '\0';
    return err_set(e, ERR_INVALID, "%s%s", str_quote(shown, text), why);
}

/* ---- durations ------------------------------------------------------------------------------- */

struct unit {
    const char *name;
    int64_t ms;
};

/* Largest first, which is the required order. */
static const struct unit short_units[] = {{"w", WEEK_MS},   {"d", DAY_MS},    {"h", HOUR_MS},
                                          {"m", MINUTE_MS}, {"s", SECOND_MS}, {"ms", 1}};
static const struct unit iso_units[] = {
    {"W", WEEK_MS}, {"D", DAY_MS}, {"H", HOUR_MS}, {"M", MINUTE_MS}, {"S", SECOND_MS}};
#define ISO_FIRST_TIME_UNIT 2 /* these and the following units come after the T */

struct amount {
    int64_t whole;
    int64_t milli; /* of a fraction */
    bool fraction;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Moves *s past the number. The whole part stops growing far above every limit. */
static int read_amount(const char **s, struct amount *a, const char *all, struct err *e)
{
    const char *p = *s;
    *a = (struct amount){0, 0, false};
    if (!is_digit(*p)) return refuse(e, all, " is not a duration: " EXAMPLES);
    for (; is_digit(*p); p++) {
        if (a->whole < INT64_C(1000000000000)) a->whole = a->whole * 10 + (*p - '0');
    }
    if (*p == '.') {
        a->fraction = true;
        if (!is_digit(*++p)) {
            return refuse(e, all, " has no digit after the point");
        }
        for (int64_t weight = 100; is_digit(*p); p++, weight /= 10) {
            if (weight == 0 && *p != '0') {
                return refuse(e, all, " is finer than a millisecond");
            }
            a->milli += weight * (*p - '0');
        }
    }
    *s = p;
    return 0;
}

static int add_amount(int64_t *sum, const struct amount *a, const struct unit *u, const char *all,
                      struct err *e)
{
    if (a->fraction && u->ms != SECOND_MS) {
        return refuse(e, all, ": only seconds may have a fraction");
    }
    if (a->whole > DURATION_MAX_MS / u->ms) {
        return refuse(e, all, " is longer than 10 years");
    }
    *sum += a->whole * u->ms + a->milli;
    if (*sum > DURATION_MAX_MS) {
        return refuse(e, all, " is longer than 10 years");
    }
    return 0;
}

/* The unit at s among units[from..count); -1 when no unit matches. */
static int find_unit(const char *s, size_t len, const struct unit *units, int from, int count)
{
    for (int i = from; i < count; i++) {
        if (strlen(units[i].name) == len && memcmp(units[i].name, s, len) == 0) return i;
    }
    return -1;
}

static int parse_short(const char *s, int64_t *ms, struct err *e)
{
    const int count = (int)(sizeof short_units / sizeof *short_units);
    const char *p = s;
    int64_t sum = 0;
    int from = 0;
    do {
        struct amount a;
        int rc = read_amount(&p, &a, s, e);
        if (rc != 0) return rc;
        size_t len = strcspn(p, "0123456789.");
        if (len == 0) {
            return refuse(e, s, " has no unit: " EXAMPLES);
        }
        int unit = find_unit(p, len, short_units, from, count);
        if (unit < 0 && find_unit(p, len, short_units, 0, from) >= 0) {
            return refuse(e, s, ": units go from large to small, each once");
        }
        if (unit < 0) {
            char *name = mem_strndup(p, len), shown[STR_QUOTE_SIZE];
            str_quote(shown, name);
            mem_free(name);
            return refuse(e, s, ": %s is not a unit of time (w, d, h, m, s, ms): " EXAMPLES, shown);
        }
        rc = add_amount(&sum, &a, &short_units[unit], s, e);
        if (rc != 0) return rc;
        p += len;
        from = unit + 1;
    } while (*p);
    *ms = sum;
    return 0;
}

static int iso_unit_error(const char *s, const char *p, bool in_time, struct err *e)
{
    if (!*p) return refuse(e, s, " has no unit behind the last number");
    if ((*p == 'Y' || *p == 'M') && !in_time) {
        return refuse(e, s, ": years and months differ in length, use days%s",
                      *p == 'M' ? " (minutes come after a T: PT5M)" : "");
    }
    if (find_unit(p, 1, iso_units, ISO_FIRST_TIME_UNIT, 5) >= 0 && !in_time) {
        return refuse(e, s, ": a T is missing before hours, minutes, seconds");
    }
    if (find_unit(p, 1, iso_units, 0, 5) >= 0) {
        return refuse(e, s, ": units go from large to small, each once");
    }
    return refuse(e, s, " is not a duration: " EXAMPLES);
}

#define ISO_TEXT_MAX 63

static int parse_iso(const char *s, int64_t *ms, struct err *e)
{
    const char *p = s + 1;
    int64_t sum = 0;
    int from = 0;
    bool in_time = false, any = false;
    while (*p) {
        if (*p == 'T' && !in_time) {
            in_time = true;
            any = false; /* a unit has to follow */
            from = from > ISO_FIRST_TIME_UNIT ? from : ISO_FIRST_TIME_UNIT;
            p++;
            continue;
        }
        struct amount a;
        int rc = read_amount(&p, &a, s, e);
        if (rc != 0) return rc;
        int unit = find_unit(p, 1, iso_units, from, in_time ? 5 : ISO_FIRST_TIME_UNIT);
        if (!*p || unit < 0) return iso_unit_error(s, p, in_time, e);
        rc = add_amount(&sum, &a, &iso_units[unit], s, e);
        if (rc != 0) return rc;
        from = unit + 1;
        any = true;
        p++;
    }
    if (!any) return refuse(e, s, " is not a duration: " EXAMPLES);
    *ms = sum;
    return 0;
}

static char upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

int duration_parse(const char *s, int64_t *ms, struct err *e)
{
    if (!*s) return err_set(e, ERR_INVALID, "a duration is missing: " EXAMPLES);
    if (*s == '-' || (*s == 'P' && strchr(s, '-'))) {
        return refuse(e, s, ": a duration is not negative");
    }
    if (strcmp(s, "0") == 0) {
        *ms = 0;
        return 0;
    }
    if (*s != 'P') return parse_short(s, ms, e);
    char upper_case[ISO_TEXT_MAX + 1]; /* PT0.25s is as good, also to java.time */
    size_t len = strlen(s);
    for (size_t i = 0; i <= len && len <= ISO_TEXT_MAX; i++)
        upper_case[i] = upper(s[i]);
    return parse_iso(len <= ISO_TEXT_MAX ? upper_case : s, ms, e);
}

/* Appends "<n><unit>"; out has room for every int64_t. */
static void append(char out[DURATION_TEXT_SIZE], int64_t n, const char *unit)
{
    size_t len = strlen(out);
    snprintf(out + len, DURATION_TEXT_SIZE - len, "%lld%s", (long long)n, unit);
}

/* Seconds with as many digits after the point as needed. */
static void append_seconds(char out[DURATION_TEXT_SIZE], int64_t ms)
{
    char fraction[8];
    snprintf(fraction, sizeof fraction, ".%03d", (int)(ms % SECOND_MS));
    size_t len = strlen(fraction);
    while (len > 0 && (fraction[len - 1] == '0' || fraction[len - 1] == '.'))
        len--;
    fraction[len] = 's';
    fraction[len + 1] = '\0';
    append(out, ms / SECOND_MS, fraction);
}

void duration_format(int64_t ms, char out[DURATION_TEXT_SIZE])
{
    size_t sign = ms < 0 ? 1 : 0;
    out[0] = '-';
    out[sign] = '\0';
    if (ms < 0) ms = ms == INT64_MIN ? INT64_MAX : -ms;
    if (ms < SECOND_MS) {
        append(out, ms, ms == 0 ? "s" : "ms");
        return;
    }
    if (ms >= DAY_MS) append(out, ms / DAY_MS, "d");
    ms %= DAY_MS;
    if (ms >= HOUR_MS) append(out, ms / HOUR_MS, "h");
    ms %= HOUR_MS;
    if (ms >= MINUTE_MS) append(out, ms / MINUTE_MS, "m");
    ms %= MINUTE_MS;
    if (ms > 0) append_seconds(out, ms);
}

/* ---- sizes ----------------------------------------------------------------------------------- */

static const struct unit size_units[] = {
    {"TiB", INT64_C(1) << 40},
    {"GiB", 1 << 30},
    {"MiB", 1 << 20},
    {"KiB", 1 << 10},
    {"TB", INT64_C(1000000000000)},
    {"GB", 1000000000},
    {"MB", 1000000},
    {"kB", 1000},
    {"B", 1},
};
#define SIZE_UNITS ((int)(sizeof size_units / sizeof *size_units))

static int size_unit_error(const char *s, const char *unit, struct err *e)
{
    char letter = upper(unit[0]);
    if (letter && strchr("KMGT", letter)) {
        char shown[STR_QUOTE_SIZE];
        return refuse(e, s, ": %s could mean two sizes, write %ciB or %cB", str_quote(shown, unit),
                      letter, letter == 'K' ? 'k' : letter);
    }
    return refuse(e, s, " is not a size: write it like 512, 64KiB, 64MiB, 1GB");
}

int size_parse(const char *s, int64_t *bytes, struct err *e)
{
    const char *p = s;
    int64_t n = 0;
    bool over = false;
    if (*s == '-') return refuse(e, s, ": a size is not negative");
    if (!is_digit(*s)) return size_unit_error(s, "", e);
    for (; is_digit(*p); p++) {
        over = over || n > (INT64_MAX - (*p - '0')) / 10;
        if (!over) n = n * 10 + (*p - '0');
    }
    if (*p == '.') return refuse(e, s, ": a size is a whole number");
    while (*p == ' ')
        p++;
    int64_t factor = 1;
    if (*p) {
        int unit = find_unit(p, strlen(p), size_units, 0, SIZE_UNITS);
        if (unit < 0) return size_unit_error(s, p, e);
        factor = size_units[unit].ms;
    }
    if (over || n > INT64_MAX / factor) return refuse(e, s, " is too large");
    *bytes = n * factor;
    return 0;
}

void size_format(int64_t bytes, char out[DURATION_TEXT_SIZE])
{
    out[0] = '\0';
    for (int i = 0; i < SIZE_UNITS - 1 && bytes != 0; i++) {
        if (bytes % size_units[i].ms != 0) continue;
        append(out, bytes / size_units[i].ms, size_units[i].name);
        return;
    }
    append(out, bytes, "");
}

void size_round(int64_t bytes, char out[DURATION_TEXT_SIZE])
{
    static const char *const names[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    double n = (double)bytes;
    size_t unit = 0;
    while (n >= 1023.95 && unit + 1 < sizeof names / sizeof *names) { /* 1024.0 is the next 1 */
        n /= 1024;
        unit++;
    }
    double off = n - (double)(int64_t)(n + 0.5);
    bool whole = unit == 0 || n >= 99.95 || (off < 0.05 && off > -0.05);
    (void)str_format(out, DURATION_TEXT_SIZE, whole ? "%.0f%s" : "%.1f%s", n, names[unit]);
}

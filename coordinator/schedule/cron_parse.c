#include "coordinator/schedule/cron_set.h"

#include "base/mem.h"
#include "base/str.h"
#include "coordinator/schedule/civil.h"
#include "coordinator/schedule/cron.h"

#include <string.h>

/* ---- The fields ---- */

struct field {
    const char *name;   /* for messages */
    int least, most;    /* of what is written */
    const char *values; /* what may be written, for messages */
    const char *const *names;
    int name_count;
    int first_name; /* the number of the first name */
    bool may_be_last;
};

static const char *const month_names[] = {"JAN", "FEB", "MAR", "APR", "MAY", "JUN",
                                          "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"};
static const char *const day_names[] = {"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"};

static const struct field fields[] = {
    {.name = "second", .least = 0, .most = 59, .values = "0 to 59"},
    {.name = "minute", .least = 0, .most = 59, .values = "0 to 59"},
    {.name = "hour", .least = 0, .most = 23, .values = "0 to 23"},
    {.name = "day of month",
     .least = 1,
     .most = 31,
     .values = "1 to 31, or L for the last day",
     .may_be_last = true},
    {.name = "month",
     .least = 1,
     .most = 12,
     .values = "1 to 12, or JAN to DEC",
     .names = month_names,
     .name_count = 12,
     .first_name = 1},
    {.name = "day of week",
     .least = 0,
     .most = 7,
     .values = "0 to 7 (0 and 7 are Sunday), or SUN to SAT",
     .names = day_names,
     .name_count = 7},
};
enum { SECOND, MINUTE, HOUR, DAY, MONTH, WEEKDAY, FIELDS };

/* A field as it is read: its text and how far it was understood. */
struct reading {
    const struct field *field;
    const char *text;
    const char *at;
    struct err *e;
};

/* What a field says. */
struct set {
    uint64_t bits;
    bool any;     /* all values, written as "*" */
    bool is_star; /* "*" or "*" with a step: an hour like that follows real time */
    bool has_last;
};

static int refuse(const struct reading *r, const char *why)
{
    char quote[STR_QUOTE_SIZE];
    return err_set(r->e, ERR_INVALID, "%s %s: %s", r->field->name, str_quote(quote, r->text), why);
}

static int refuse_value(const struct reading *r)
{
    char why[128];
    str_format(why, sizeof why, "the values are %s", r->field->values);
    return refuse(r, why);
}

static char upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

static bool is_letter(char c)
{
    return upper(c) >= 'A' && upper(c) <= 'Z';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* ---- One field ---- */

static int read_digits(struct reading *r, int *out)
{
    int n = 0, digits = 0;
    for (; is_digit(*r->at) && digits < 4; digits++)
        n = n * 10 + (*r->at++ - '0');
    if (digits == 0 || is_digit(*r->at)) return refuse_value(r);
    *out = n;
    return 0;
}

static int read_name(struct reading *r, int *out)
{
    size_t len = 0;
    while (is_letter(r->at[len]))
        len++;
    for (int i = 0; len == 3 && i < r->field->name_count; i++) {
        const char *name = r->field->names[i];
        if (upper(r->at[0]) != name[0] || upper(r->at[1]) != name[1] || upper(r->at[2]) != name[2])
            continue;
        r->at += len;
        *out = r->field->first_name + i;
        return 0;
    }
    return refuse_value(r);
}

static int read_value(struct reading *r, int *out)
{
    if (is_letter(*r->at)) return read_name(r, out);
    int n, rc = read_digits(r, &n);
    if (rc != 0) return rc;
    if (n < r->field->least || n > r->field->most) return refuse_value(r);
    *out = n;
    return 0;
}

static int read_step(struct reading *r, int *out)
{
    int values = r->field->most - r->field->least + 1;
    if (r->field == &fields[WEEKDAY]) values = 7;
    int n, rc = read_digits(r, &n);
    if (rc != 0) return rc;
    char why[128];
    str_format(why, sizeof why, "a step is 1 to %d", values);
    if (n < 1 || n > values) return refuse(r, why);
    *out = n;
    return 0;
}

static void add_value(struct set *s, const struct field *f, int value)
{
    s->bits |= UINT64_C(1) << (f == &fields[WEEKDAY] ? value % 7 : value);
}

/* "1-5": the end; what begins is in *low already. */
static int read_range_end(struct reading *r, int low, int *high)
{
    int rc = read_value(r, high);
    if (rc != 0) return rc;
    if (r->field == &fields[WEEKDAY] && *high < low) *high += 7; /* FRI-MON */
    if (*high < low) return refuse(r, "a range goes up; write two, such as 22-23,0-4 for 22-4");
    return 0;
}

/* One element of a list: "*", "7", "1-5", each maybe with "/2". */
static int read_element(struct reading *r, struct set *s)
{
    const struct field *f = r->field;
    if (f->may_be_last && upper(*r->at) == 'L' && !is_letter(r->at[1])) {
        r->at++;
        s->has_last = true;
        return 0;
    }
    int low = f->least, high = f == &fields[WEEKDAY] ? 6 : f->most, step = 1, rc = 0;
    bool star = *r->at == '*', range = star;
    if (star) {
        r->at++;
    } else {
        rc = read_value(r, &low);
        if (rc == 0 && *r->at == '-') {
            r->at++;
            range = true;
            rc = read_range_end(r, low, &high);
        }
    }
    if (rc != 0) return rc;
    if (*r->at == '/') {
        r->at++;
        rc = read_step(r, &step);
        if (rc != 0) return rc;
        if (high < low) high = low; /* 7/2 in days of the week */
    } else if (!range) {
        high = low;
    }
    for (int n = low; n <= high; n += step)
        add_value(s, f, n);
    s->is_star |= star;
    s->any |= star && step == 1;
    return 0;
}

/* What other programs know and this one does not, by name. */
static int refuse_foreign(const struct reading *r)
{
    if (strchr(r->text, '?') != NULL) return refuse(r, "'?' is not supported; write '*'");
    if (strchr(r->text, '#') != NULL)
        return refuse(r, "'#' is not supported; the condition DayWeekInMonth does that");
    const struct field *f = r->field;
    if (f != &fields[DAY] && f != &fields[WEEKDAY]) return 0;
    for (const char *p = r->text; *p != '\0'; p++)
        if (upper(*p) == 'W' && (p == r->text || !is_letter(p[-1])) && !is_letter(p[1]))
            return refuse(r, "'W' (the nearest working day) is not supported; name the days");
    if (str_eq(r->text, "LW") || str_eq(r->text, "lw"))
        return refuse(r, "'W' (the nearest working day) is not supported; name the days");
    return 0;
}

static int read_field(const struct field *f, const char *text, struct set *out, struct err *e)
{
    struct reading r = {f, text, text, e};
    *out = (struct set){0};
    int rc = refuse_foreign(&r);
    while (rc == 0) {
        rc = read_element(&r, out);
        if (rc != 0 || *r.at == '\0') return rc;
        if (*r.at != ',') return refuse_value(&r);
        r.at++;
    }
    return rc;
}

/* ---- The expression ---- */

static const struct {
    const char *word, *text;
} words[] = {
    {"@yearly", "0 0 1 1 *"}, {"@annually", "0 0 1 1 *"}, {"@monthly", "0 0 1 * *"},
    {"@weekly", "0 0 * * 0"}, {"@daily", "0 0 * * *"},    {"@midnight", "0 0 * * *"},
    {"@hourly", "0 * * * *"},
};

static int expand_word(const char *word, const char **out, struct err *e)
{
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (!str_eq(word, words[i].word)) continue;
        *out = words[i].text;
        return 0;
    }
    char quote[STR_QUOTE_SIZE];
    if (str_eq(word, "@reboot"))
        return err_set(e, ERR_INVALID,
                       "@reboot is not supported: a coordinator that starts again goes on with its "
                       "schedules; name a time");
    return err_set(e, ERR_INVALID,
                   "%s is not known; there are @yearly, @annually, @monthly, @weekly, @daily, "
                   "@midnight and @hourly",
                   str_quote(quote, word));
}

static int refuse_count(int count, enum cron_form form, const char *text, struct err *e)
{
    char quote[STR_QUOTE_SIZE];
    str_quote(quote, text);
    static const char five[] = "minute, hour, day of month, month, day of week";
    if (form == CRON_FIVE && count == 6)
        return err_set(e, ERR_INVALID,
                       "%s has six fields; that takes withSeconds: true, five are %s", quote, five);
    if (form == CRON_SIX)
        return err_set(e, ERR_INVALID, "%s has %d fields; with seconds there are six: second, %s",
                       quote, count, five);
    return err_set(e, ERR_INVALID, "%s has %d field%s; there are five: %s%s", quote, count,
                   count == 1 ? "" : "s", five,
                   form == CRON_FIVE ? "" : "; or six, with the second first");
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Cuts the text at its blanks; returns how many pieces there are; at most `max` are kept. */
static int split(char *text, char *pieces[], int max)
{
    int count = 0;
    for (char *p = text; *p != '\0';) {
        while (is_blank(*p))
            *p++ = '\0';
        if (*p == '\0') break;
        if (count < max) pieces[count] = p;
        count++;
        while (*p != '\0' && !is_blank(*p))
            p++;
    }
    return count;
}

static bool ever_fires(const struct cron *c)
{
    if (c->last_day || c->day_any || !c->weekday_any) return true;
    for (int month = 1; month <= 12; month++) {
        int days = civil_days_in_month(2000, month); /* a leap year */
        if ((c->months >> month & 1) != 0 && (c->days & ((UINT64_C(2) << days) - 1)) != 0)
            return true;
    }
    return false;
}

static int read_fields(char *pieces[], int first, struct cron *c, struct err *e)
{
    struct set sets[FIELDS] = {[SECOND] = {.bits = 1}};
    for (int f = first; f < FIELDS; f++) {
        int rc = read_field(&fields[f], pieces[f - first], &sets[f], e);
        if (rc != 0) return rc;
    }
    *c = (struct cron){
        .seconds = sets[SECOND].bits,
        .minutes = sets[MINUTE].bits,
        .hours = sets[HOUR].bits,
        .days = sets[DAY].bits,
        .months = sets[MONTH].bits,
        .weekdays = sets[WEEKDAY].bits,
        .last_day = sets[DAY].has_last,
        .day_any = sets[DAY].any,
        .weekday_any = sets[WEEKDAY].any,
        .is_real_time = sets[HOUR].is_star,
        .has_seconds = first == SECOND,
    };
    return 0;
}

int cron_parse(const char *text, enum cron_form form, struct cron **out, struct err *e)
{
    char quote[STR_QUOTE_SIZE];
    if (strlen(text) > CRON_TEXT_MAX)
        return err_set(e, ERR_INVALID, "%s is longer than %d bytes", str_quote(quote, text),
                       CRON_TEXT_MAX);
    char copy[CRON_TEXT_MAX + 1], *pieces[FIELDS] = {0};
    str_copy(copy, sizeof copy, text);
    int count = split(copy, pieces, FIELDS);
    if (count > 0 && pieces[0][0] == '@') {
        const char *meant = NULL;
        int rc = expand_word(count == 1 ? pieces[0] : text, &meant, e); /* "@every 5m" */
        if (rc != 0) return rc;
        str_copy(copy, sizeof copy, meant);
        count = split(copy, pieces, FIELDS);
    } else if ((count != 5 && count != 6) || (count == 6 && form == CRON_FIVE) ||
               (count == 5 && form == CRON_SIX)) {
        return refuse_count(count, form, text, e);
    }
    struct cron c;
    int rc = read_fields(pieces, FIELDS - count, &c, e);
    if (rc != 0) return rc;
    if (!ever_fires(&c))
        return err_set(e, ERR_INVALID,
                       "%s never fires: none of its months has such a day; L is the last day of a "
                       "month",
                       str_quote(quote, text));
    *out = mem_dup(&c, sizeof c);
    return 0;
}

void cron_free(struct cron *c)
{
    mem_free(c);
}

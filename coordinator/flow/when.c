#include "coordinator/flow/when.h"

#include "base/duration.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/schedule/civil.h"
#include "coordinator/schedule/ever.h"

#include <string.h>

#define DAYS_MAX 7

static void read_list(const struct node *n, const char *key, int depth, struct condition *out);

/* ---- days ---- */

static void add_day(const struct node *n, const struct json *j, const char *key, unsigned *days)
{
    char quote[STR_QUOTE_SIZE], *text = item_text(n, j, key, 16);
    if (!text) return;
    int day = condition_weekday(text);
    if (day < 0)
        read_fail(n->r, j, "%s%s: %s is no day of the week; they are MONDAY to SUNDAY", n->at, key,
                  str_quote(quote, text));
    else
        *days |= 1u << day;
    mem_free(text);
}

/* One day, or a list of them. */
static void read_days(const struct node *n, const char *key, unsigned *days)
{
    const struct json *j = json_get(n->j, key);
    if (!node_has(n, key)) {
        node_fail(n, key, "is missing: a day of the week, such as MONDAY");
    } else if (json_type(j) != JSON_ARRAY) {
        add_day(n, j, key, days);
    } else {
        const struct json *list = node_list(n, key, DAYS_MAX);
        if (list && !json_first(list)) node_fail(n, key, "is empty; name a day");
        for (const struct json *x = json_first(list); x; x = json_next(x))
            add_day(n, x, key, days);
    }
}

static int read_week(const struct node *n, const char *key)
{
    static const char *const weeks[] = {"FIRST", "SECOND", "THIRD", "FOURTH", "LAST"};
    if (!node_has(n, key)) node_fail(n, key, "is missing: FIRST, SECOND, THIRD, FOURTH or LAST");
    return node_choice(n, key, weeks, 5, 0) + 1;
}

/* ---- times ---- */

/* "08:00", "08:00:00", "16:00:00+02:00", "16:00Z"; read with a date in front. */
static bool parse_time(const char *text, struct condition_limit *out)
{
    static const struct {
        const char *behind; /* what is put behind to make it whole */
        bool local;
    } tries[] = {{"", false}, {"Z", true}, {":00Z", true}};
    char whole[64], more[64];
    int64_t ms;
    for (size_t i = 0; i < sizeof tries / sizeof *tries; i++) {
        if (str_format(whole, sizeof whole, "2000-01-02T%s%s", text, tries[i].behind) ||
            time_parse(whole, &ms))
            continue;
        int64_t midnight_s = civil_days(2000, 1, 2) * CIVIL_DAY;
        out->given = true;
        out->local = tries[i].local;
        out->s = ms / 1000 - midnight_s;
        return true;
    }
    /* without seconds, with an offset: "16:00Z", "16:00+02:00" */
    if (strlen(text) < 6 || str_format(more, sizeof more, "%.5s:00%s", text, text + 5))
        return false;
    return text[5] != ':' && text[5] != '.' && parse_time(more, out);
}

/* The offset of "16:00:00+02:00" in seconds, and the time on the clocks that have it. */
static void split_offset(const char *text, struct condition_limit *l)
{
    const char *sign = strpbrk(text, "+-");
    if (l->local || !sign) return;
    l->offset_s = ((sign[1] - '0') * 10 + sign[2] - '0') * CIVIL_HOUR +
                  ((sign[4] - '0') * 10 + sign[5] - '0') * CIVIL_MINUTE;
    if (*sign == '-') l->offset_s = -l->offset_s;
    l->s += l->offset_s;
}

/* A date, or a date and a time, with or without an offset. */
static bool parse_moment(const char *text, struct condition_limit *out)
{
    static const char *const behind[] = {"", "Z", ":00Z", "T00:00:00Z"};
    char whole[64];
    int64_t ms;
    for (size_t i = 0; i < 4; i++) {
        if (str_format(whole, sizeof whole, "%s%s", text, behind[i]) || time_parse(whole, &ms))
            continue;
        *out = (struct condition_limit){.given = true, .local = i > 0, .s = ms / 1000};
        return true;
    }
    return false;
}

static void read_limit(const struct node *n, const char *key, bool is_time,
                       struct condition_limit *out)
{
    char quote[STR_QUOTE_SIZE], *text = node_text(n, key, 40);
    if (!text) return;
    bool good = is_time ? parse_time(text, out) : parse_moment(text, out);
    if (!good)
        node_fail(n, key, "%s is no %s", str_quote(quote, text),
                  is_time ? "time such as 08:00, or 16:00:00+02:00"
                          : "date such as 2026-01-31, or time such as 2026-01-31T08:00:00+01:00");
    else if (is_time)
        split_offset(text, out);
    mem_free(text);
}

static void read_limits(const struct node *n, bool is_time, struct condition *out)
{
    out->kind = is_time ? CONDITION_TIME : CONDITION_MOMENT;
    if (!node_has(n, "after") && !node_has(n, "before"))
        node_say(n, n->j, "has neither after nor before");
    read_limit(n, "after", is_time, &out->after);
    read_limit(n, "before", is_time, &out->before);
}

/* ---- one condition ---- */

/* Kestra's own moment; only that of the firing is known here. */
static void check_date(const struct node *n)
{
    char *text = node_has(n, "date") ? node_text(n, "date", 200) : NULL;
    if (!text) return;
    char *inside = text;
    if (str_starts(text, "{{") && str_ends(text, "}}")) {
        text[strlen(text) - 2] = '\0';
        inside = str_trim(text + 2);
    }
    if (!str_eq(inside, "trigger.date"))
        node_fail(n, "date", "is always {{ trigger.date }}; leave it out");
    mem_free(text);
}

enum kestra_condition {
    DAY_WEEK,
    WEEKEND,
    DAY_IN_MONTH,
    TIME_BETWEEN,
    DATE_BETWEEN,
    NOT,
    OR,
    KESTRA_CONDITIONS
};

static const char *const kestra_names[KESTRA_CONDITIONS] = {
    "DayWeek", "Weekend", "DayWeekInMonth", "TimeBetween", "DateTimeBetween", "Not", "Or"};

/* "io.kestra.plugin.core.condition.DayWeek", "io.kestra.core.models.conditions.types.
 * DayWeekCondition"; KESTRA_CONDITIONS: neither. */
static enum kestra_condition find_type(const char *type)
{
    static const char *const places[] = {"io.kestra.plugin.core.condition.",
                                         "io.kestra.core.models.conditions.types."};
    for (size_t p = 0; p < 2; p++) {
        if (!str_starts(type, places[p])) continue;
        const char *name = type + strlen(places[p]);
        size_t len = strlen(name);
        if (str_ends(name, "Condition")) len -= strlen("Condition");
        for (int k = 0; k < KESTRA_CONDITIONS; k++)
            if (strlen(kestra_names[k]) == len && strncmp(kestra_names[k], name, len) == 0)
                return (enum kestra_condition)k;
    }
    return KESTRA_CONDITIONS;
}

static struct key_list kestra_keys_of(enum kestra_condition k)
{
    static const char *const day[] = {"type", "date", "dayOfWeek"};
    static const char *const weekend[] = {"type", "date"};
    static const char *const in_month[] = {"type", "date", "dayOfWeek", "dayInMonth"};
    static const char *const between[] = {"type", "date", "after", "before"};
    static const char *const list[] = {"type", "conditions"};
    switch (k) {
    case DAY_WEEK:
        return (struct key_list){day, 3};
    case WEEKEND:
        return (struct key_list){weekend, 2};
    case DAY_IN_MONTH:
        return (struct key_list){in_month, 4};
    case TIME_BETWEEN:
    case DATE_BETWEEN:
        return (struct key_list){between, 4};
    default:
        return (struct key_list){list, 2};
    }
}

#define WEEKEND_DAYS (1u << 0 | 1u << 6)
#define ALL_DAYS 0x7fu

static void read_kestra_condition(const struct node *n, int depth, struct condition *out)
{
    char quote[STR_QUOTE_SIZE], *type = node_text(n, "type", 200);
    if (!type) return;
    enum kestra_condition k = find_type(type);
    if (k == KESTRA_CONDITIONS) {
        node_fail(n, "type",
                  "%s is not supported; the conditions are DayWeek, Weekend, DayWeekInMonth, "
                  "TimeBetween, DateTimeBetween, Not and Or of io.kestra.plugin.core.condition",
                  str_quote(quote, type));
        mem_free(type);
        return;
    }
    mem_free(type);
    node_known(n, kestra_keys_of(k), NULL);
    check_date(n);
    out->kind = k == DAY_IN_MONTH ? CONDITION_DAY_IN_MONTH : CONDITION_DAYS;
    if (k == DAY_WEEK || k == DAY_IN_MONTH) read_days(n, "dayOfWeek", &out->weekdays);
    if (k == DAY_IN_MONTH) out->week = read_week(n, "dayInMonth");
    if (k == WEEKEND) out->weekdays = WEEKEND_DAYS;
    if (k == TIME_BETWEEN || k == DATE_BETWEEN) read_limits(n, k == TIME_BETWEEN, out);
    if (k != NOT && k != OR) return;
    out->kind = k == NOT ? CONDITION_NONE_OF : CONDITION_ANY_OF;
    if (!node_has(n, "conditions")) node_fail(n, "conditions", "is missing");
    read_list(n, "conditions", depth, out);
}

static struct condition *add(struct condition *list)
{
    list->items = mem_resize(list->items, list->count + 1, sizeof *list->items);
    list->items[list->count] = (struct condition){.kind = CONDITION_ALL_OF};
    return &list->items[list->count++];
}

/* Our own: a mapping of conditions, all of which have to hold. */
static void read_own(const struct node *n, int depth, struct condition *out)
{
    static const char *const keys[] = {"dayOfWeek", "weekend", "timeBetween", "dateTimeBetween",
                                       "day",       "not",     "or"};
    struct node below;
    node_known(n, (struct key_list){keys, 7}, NULL);
    if (!json_first(n->j)) node_say(n, n->j, "says nothing: name a condition, such as dayOfWeek");
    if (node_has(n, "dayOfWeek")) {
        struct condition *c = add(out);
        c->kind = CONDITION_DAYS;
        read_days(n, "dayOfWeek", &c->weekdays);
    }
    if (node_has(n, "weekend")) {
        bool weekend = node_bool(n, "weekend", true);
        *add(out) =
            (struct condition){.kind = CONDITION_DAYS,
                               .weekdays = weekend ? WEEKEND_DAYS : ALL_DAYS & ~WEEKEND_DAYS};
    }
    static const char *const between[] = {"after", "before"};
    if (node_object(n, "timeBetween", &below)) {
        node_known(&below, (struct key_list){between, 2}, NULL);
        read_limits(&below, true, add(out));
    }
    if (node_object(n, "dateTimeBetween", &below)) {
        node_known(&below, (struct key_list){between, 2}, NULL);
        read_limits(&below, false, add(out));
    }
    static const char *const day[] = {"dayOfWeek", "inMonth"};
    if (node_object(n, "day", &below)) {
        struct condition *c = add(out);
        node_known(&below, (struct key_list){day, 2}, NULL);
        c->kind = CONDITION_DAY_IN_MONTH;
        read_days(&below, "dayOfWeek", &c->weekdays);
        c->week = read_week(&below, "inMonth");
    }
    if (node_has(n, "not")) {
        struct condition *c = add(out);
        c->kind = CONDITION_NONE_OF;
        read_list(n, "not", depth, c);
    }
    if (node_has(n, "or")) {
        struct condition *c = add(out);
        c->kind = CONDITION_ANY_OF;
        read_list(n, "or", depth, c);
    }
}

static void read_item(const struct node *n, int depth, struct condition *out)
{
    if (depth > CONDITIONS_DEPTH)
        node_say(n, n->j, "lies more than %d lists deep", CONDITIONS_DEPTH);
    else if (node_has(n, "type"))
        read_kestra_condition(n, depth, out);
    else
        read_own(n, depth, out);
}

/* A list of conditions, or the one mapping in its place. */
static void read_list(const struct node *n, const char *key, int depth, struct condition *out)
{
    struct node below;
    if (json_type(json_get(n->j, key)) == JSON_OBJECT) {
        if (node_object(n, key, &below)) read_item(&below, depth + 1, add(out));
        return;
    }
    const struct json *list = node_list(n, key, CONDITIONS_MAX);
    if (list && !json_first(list)) node_fail(n, key, "is empty; name a condition or leave it out");
    size_t index = 0;
    for (const struct json *j = json_first(list); j; j = json_next(j), index++) {
        below = (struct node){.r = n->r, .j = j};
        if (json_type(j) != JSON_OBJECT)
            read_fail(n->r, j, "%s%s: a condition is a mapping, such as {dayOfWeek: MONDAY}", n->at,
                      key);
        else if (str_format(below.at, sizeof below.at, "%s%s[%zu].", n->at, key, index) == 0)
            read_item(&below, depth + 1, add(out));
        else
            read_fail(n->r, j, "%s: lies too deep", key);
    }
}

static const char *const list_keys[] = {"when", "conditions", "scheduleConditions"};
#define LIST_KEYS 3

/* Is there a list to be read? An export may have empty ones. */
static bool has_list(const struct node *n, size_t key)
{
    return node_has(n, list_keys[key]) &&
           (key == 0 || !key_says_nothing(list_keys[key], json_get(n->j, list_keys[key])));
}

void read_when(const struct node *n, struct condition *out)
{
    *out = (struct condition){.kind = CONDITION_ALL_OF};
    for (size_t i = 0; i < LIST_KEYS; i++)
        if (has_list(n, i)) read_list(n, list_keys[i], 0, out);
}

/* ---- conditions that never hold ---- */

/* Where the condition of that index stands, which read_when made of it. */
static const struct json *find_item(const struct node *n, size_t index, char *at, size_t size)
{
    for (size_t i = 0; i < LIST_KEYS; i++) {
        if (!has_list(n, i)) continue;
        const struct json *j = json_get(n->j, list_keys[i]);
        bool list = json_type(j) == JSON_ARRAY;
        size_t count = list ? json_count(j) : 1;
        if (index >= count) {
            index -= count;
            continue;
        }
        (void)str_format(at, size, list ? "%s[%zu]" : "%s", list_keys[i], index);
        for (j = list ? json_first(j) : j; list && index > 0; index--)
            j = json_next(j);
        return j;
    }
    return n->j;
}

static void fail_never(const struct node *n, size_t index, const char *cron_text)
{
    char at[80] = "", shown[STR_QUOTE_SIZE];
    const struct json *j = find_item(n, index, at, sizeof at);
    const char *type = json_get_str(j, "type", NULL), *dot = type ? strrchr(type, '.') : NULL;
    read_fail(n->r, j, "%s%s: %s holds at no time of cron %s: it would never fire", n->at, at,
              dot ? dot + 1 : "the condition", str_quote(shown, cron_text));
}

void check_when(const struct node *n, const struct condition *when, const struct cron *cron,
                const char *cron_text, const struct zone *z)
{
    char at[80] = "", shown[STR_QUOTE_SIZE];
    size_t *left = &n->r->never_steps, i = 0;
    if (when->count == 0 || condition_ever(when, cron, z, left)) return;
    while (i < when->count && when->count > 1 && condition_ever(&when->items[i], cron, z, left))
        i++;
    if (i < when->count) {
        fail_never(n, i, cron_text);
        return;
    }
    const struct json *j = find_item(n, 0, at, sizeof at);
    at[strcspn(at, "[")] = '\0';
    read_fail(n->r, j, "%s%s: at no time of cron %s all of them hold: it would never fire", n->at,
              at, str_quote(shown, cron_text));
}

/* coordinator/schedule/cron: what is accepted, what is refused and how, and when it fires. */
#include "base/buf.h"
#include "base/clock.h"
#include "base/duration.h"
#include "base/str.h"
#include "coordinator/schedule/civil.h"
#include "coordinator/schedule/cron.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct cron *cron(const char *text)
{
    struct cron *c = NULL;
    struct err e = {0};
    int rc = cron_parse(text, CRON_FIVE_OR_SIX, &c, &e);
    if (rc != 0) print_error("%s: %s\n", text, e.msg);
    assert_int_equal(rc, 0);
    return c;
}

static struct zone *zone(const char *text)
{
    struct zone *z = NULL;
    struct err e = {0};
    assert_int_equal(zone_parse_rule(text, &z, &e), 0);
    return z;
}

/* The firings after a moment are exactly these, as clocks and offset show them. */
static void fires(const char *text, const char *rule, const char *after, const char *const *want)
{
    struct cron *c = cron(text);
    struct zone *z = zone(rule);
    int64_t wall_ms, t;
    assert_int_equal(time_parse(after, &wall_ms), 0);
    t = wall_ms / 1000;
    for (; *want != NULL; want++) {
        char got[CIVIL_TEXT_SIZE];
        int64_t before, previous;
        assert_true(cron_next(c, z, t, &before));
        civil_format(before, zone_offset(z, before), false, got);
        assert_string_equal(got, *want);
        if (cron_previous(c, z, before + 1, &previous)) assert_int_equal(previous, before);
        t = before;
    }
    cron_free(c);
    zone_free(z);
}

#define BERLIN "CET-1CEST,M3.5.0,M10.5.0/3"
#define FIRES(text, rule, after, ...) fires(text, rule, after, (const char *[]){__VA_ARGS__, NULL})

static void next__of_ordinary_days__is_what_people_expect(void **state)
{
    (void)state;
    FIRES("*/20 8-9 * * MON-FRI", "UTC0", "2026-01-02T09:40:00Z", "2026-01-05T08:00:00+00:00",
          "2026-01-05T08:20:00+00:00", "2026-01-05T08:40:00+00:00", "2026-01-05T09:00:00+00:00");
    FIRES("0 9 L * *", "UTC0", "2027-12-31T09:00:00Z", "2028-01-31T09:00:00+00:00",
          "2028-02-29T09:00:00+00:00", "2028-03-31T09:00:00+00:00");
    FIRES("0 0 29 2 *", "UTC0", "2096-02-29T00:00:00Z", "2104-02-29T00:00:00+00:00");
    FIRES("30 5 13 * fri", "UTC0", "2026-01-01T00:00:00Z", "2026-01-02T05:30:00+00:00",
          "2026-01-09T05:30:00+00:00", "2026-01-13T05:30:00+00:00");
    FIRES("0 12 * * 7", "UTC0", "2026-01-01T00:00:00Z", "2026-01-04T12:00:00+00:00");
    FIRES("0 12 * * sat-sun", "UTC0", "2026-01-01T00:00:00Z", "2026-01-03T12:00:00+00:00",
          "2026-01-04T12:00:00+00:00", "2026-01-10T12:00:00+00:00");
    FIRES("10-59/20 0 1 JAN,Jul *", "UTC0", "2026-01-01T00:00:00Z", "2026-01-01T00:10:00+00:00",
          "2026-01-01T00:30:00+00:00", "2026-01-01T00:50:00+00:00", "2026-07-01T00:10:00+00:00");
    FIRES("50/5 * * * *", "UTC0", "2026-01-01T00:00:00Z", "2026-01-01T00:50:00+00:00",
          "2026-01-01T00:55:00+00:00", "2026-01-01T01:50:00+00:00");
    FIRES("15,45 0 0 1 1 *", "UTC0", "2026-01-01T00:00:15Z", "2026-01-01T00:00:45+00:00",
          "2027-01-01T00:00:15+00:00");
    FIRES("@weekly", "UTC0", "2026-01-01T00:00:00Z", "2026-01-04T00:00:00+00:00");
}

static void next__where_clocks_are_set_forward__fires_once_after_the_gap(void **state)
{
    (void)state;
    FIRES("30 2 * * *", BERLIN, "2026-03-28T12:00:00Z", "2026-03-29T03:00:00+02:00",
          "2026-03-30T02:30:00+02:00");
    FIRES("*/15 2 * * *", BERLIN, "2026-03-28T12:00:00Z", "2026-03-29T03:00:00+02:00",
          "2026-03-30T02:00:00+02:00");
    FIRES("0 2,3 * * *", BERLIN, "2026-03-28T12:00:00Z", "2026-03-29T03:00:00+02:00",
          "2026-03-30T02:00:00+02:00");
    FIRES("30 * * * *", BERLIN, "2026-03-29T00:00:00Z", "2026-03-29T01:30:00+01:00",
          "2026-03-29T03:30:00+02:00");
    FIRES("0 */2 * * *", BERLIN, "2026-03-28T23:00:00Z", "2026-03-29T04:00:00+02:00");
    FIRES("0 0-22/2 * * *", BERLIN, "2026-03-28T23:00:00Z", "2026-03-29T03:00:00+02:00",
          "2026-03-29T04:00:00+02:00");
}

static void next__where_clocks_are_set_back__fires_the_first_time_only(void **state)
{
    (void)state;
    FIRES("30 2 * * *", BERLIN, "2026-10-24T12:00:00Z", "2026-10-25T02:30:00+02:00",
          "2026-10-26T02:30:00+01:00");
    FIRES("*/30 2-3 * * *", BERLIN, "2026-10-24T12:00:00Z", "2026-10-25T02:00:00+02:00",
          "2026-10-25T02:30:00+02:00", "2026-10-25T03:00:00+01:00", "2026-10-25T03:30:00+01:00");
    FIRES("30 * * * *", BERLIN, "2026-10-25T00:00:00Z", "2026-10-25T02:30:00+02:00",
          "2026-10-25T02:30:00+01:00", "2026-10-25T03:30:00+01:00");
    FIRES("0 */2 * * *", BERLIN, "2026-10-24T22:00:00Z", "2026-10-25T02:00:00+02:00",
          "2026-10-25T02:00:00+01:00", "2026-10-25T04:00:00+01:00");
}

/* ---- against a scan of every minute ---- */

struct scanned {
    char text[CRON_TEXT_MAX];
    uint64_t minutes, hours, days, months, weekdays;
    bool last, day_any, weekday_any, real_time;
    struct cron *cron;
    int64_t next_s; /* what cron_next says comes next */
    size_t fired;
};

/* Writes a field of random elements, and notes what they mean. */
static void random_field(struct rng *r, struct buf *b, int least, int most, uint64_t *set)
{
    size_t elements = 1 + rng_below(r, 3);
    for (size_t i = 0; i < elements; i++) {
        int low = least + (int)rng_below(r, (uint64_t)(most - least + 1));
        int high = low + (int)rng_below(r, (uint64_t)(most - low + 1));
        int step = 1 + (int)rng_below(r, (uint64_t)(most - least + 1) / 2);
        const char *comma = i > 0 ? "," : "";
        switch (rng_below(r, 4)) {
        case 0:
            buf_addf(b, "%s%d", comma, low);
            high = low;
            break;
        case 1:
            buf_addf(b, "%s%d-%d", comma, low, high);
            step = 1;
            break;
        case 2:
            buf_addf(b, "%s%d-%d/%d", comma, low, high, step);
            break;
        default:
            buf_addf(b, "%s%d/%d", comma, low, step);
            high = most;
            break;
        }
        for (int n = low; n <= high; n += step)
            *set |= UINT64_C(1) << n;
    }
    buf_addc(b, ' ');
}

static void star_or_field(struct rng *r, struct buf *b, int least, int most, uint64_t *set)
{
    if (rng_below(r, 2) == 0) {
        random_field(r, b, least, most, set);
        return;
    }
    buf_adds(b, "* ");
    *set = ~UINT64_C(0);
}

static void random_text(struct rng *r, struct scanned *x)
{
    struct buf b;
    *x = (struct scanned){.next_s = 0};
    buf_init(&b, sizeof x->text);
    random_field(r, &b, 0, 59, &x->minutes);
    if (rng_below(r, 3) == 0) {
        int step = 1 + (int)rng_below(r, 12);
        buf_addf(&b, "*/%d ", step);
        for (int n = 0; n < 24; n += step)
            x->hours |= UINT64_C(1) << n;
        x->real_time = true;
    } else {
        random_field(r, &b, 0, 23, &x->hours);
    }
    x->last = rng_below(r, 8) == 0;
    if (x->last)
        buf_adds(&b, "L ");
    else
        star_or_field(r, &b, 1, 31, &x->days);
    x->day_any = x->days == ~UINT64_C(0);
    if (rng_below(r, 2) == 0)
        random_field(r, &b, 1, 12, &x->months);
    else
        buf_adds(&b, "* ");
    if (x->months == 0) x->months = ~UINT64_C(0);
    star_or_field(r, &b, 0, 6, &x->weekdays);
    x->weekday_any = x->weekdays == ~UINT64_C(0);
    assert_int_equal(str_copy(x->text, sizeof x->text, b.data), 0);
    buf_fini(&b);
}

/* One that fires. */
static void random_expression(struct rng *r, struct scanned *x)
{
    struct cron *c = NULL;
    struct err e = {0};
    do {
        random_text(r, x);
        if (cron_parse(x->text, CRON_FIVE, &c, &e))
            assert_true(strstr(e.msg, "never fires") != NULL);
    } while (c == NULL);
    cron_free(c);
}

static bool names(const struct scanned *x, const struct civil_time *t)
{
    bool day = (x->days >> t->day & 1) != 0 ||
               (x->last && t->day == civil_days_in_month(t->year, t->month));
    bool weekday = (x->weekdays >> t->weekday & 1) != 0;
    bool date = x->day_any ? weekday : x->weekday_any ? day : day || weekday;
    return date && (x->months >> t->month & 1) != 0 && (x->hours >> t->hour & 1) != 0 &&
           (x->minutes >> t->minute & 1) != 0;
}

static void expect(struct scanned *x, const struct zone *z, int64_t t)
{
    int64_t previous;
    if (x->next_s != t)
        fail_msg("'%s': a firing at %lld, cron_next says %lld", x->text, (long long)t,
                 (long long)x->next_s);
    if (x->fired++ % 64 == 1) {
        assert_true(cron_previous(x->cron, z, t + 1, &previous));
        assert_int_equal(previous, t);
    }
    assert_true(cron_next(x->cron, z, t, &x->next_s));
}

#define SCANNED 8

/* Every minute of the time, with what clocks show in it; `shown` is the first minute that they have
 * not shown yet. */
static void scan(const char *rule, int64_t from_s, int64_t until_s, struct scanned *all)
{
    struct zone *z = zone(rule);
    int64_t shown = from_s + zone_offset(z, from_s);
    for (size_t i = 0; i < SCANNED; i++) {
        all[i].cron = cron(all[i].text);
        assert_true(cron_next(all[i].cron, z, from_s - 1, &all[i].next_s));
    }
    int32_t offset_s = 0;
    for (int64_t t = from_s; t < until_s; t += 60) {
        if (t % 1800 == 0) offset_s = zone_offset(z, t); /* no rule changes in between */
        int64_t clock = t + offset_s;
        struct civil_time now = civil_time_of(clock);
        for (size_t i = 0; i < SCANNED; i++) {
            bool fires = names(&all[i], &now);
            if (!all[i].real_time) {
                fires = fires && clock >= shown;
                for (int64_t lost = shown; lost < clock && !fires; lost += 60) {
                    struct civil_time left_out = civil_time_of(lost);
                    fires = names(&all[i], &left_out);
                }
            }
            if (fires)
                expect(&all[i], z, t);
            else if (all[i].next_s == t)
                fail_msg("'%s': none at %lld", all[i].text, (long long)t);
        }
        if (clock + 60 > shown) shown = clock + 60;
    }
    for (size_t i = 0; i < SCANNED; i++)
        cron_free(all[i].cron);
    zone_free(z);
}

static void next__random_expressions__are_those_of_a_scan_of_every_minute(void **state)
{
    (void)state;
    static const char *const rules[] = {
        "UTC0",
        BERLIN,
        "EST5EDT,M3.2.0,M11.1.0",
        "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", /* half an hour */
        "<-02>2<-01>,M3.5.0/-1,M10.5.0/0",      /* over midnight */
        "AAA-1BBB-4,J100/0,J200/0",             /* three hours at once */
        "AAA1BBB-24,J365/23,J3/2",              /* more than a day, over the year's end */
    };
    struct scanned all[SCANNED];
    struct rng r;
    rng_init(&r, 20260329);
    size_t fired = 0;
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        for (size_t k = 0; k < SCANNED; k++)
            random_expression(&r, &all[k]);
        /* a year and the last of a February that has 29 days */
        int64_t from_s = civil_days(2028, 2, 20) * CIVIL_DAY;
        scan(rules[i], from_s, civil_days(2029, 2, 20) * CIVIL_DAY, all);
        for (size_t k = 0; k < SCANNED; k++)
            fired += all[k].fired;
    }
    assert_true(fired > 5000);
}

static void next__of_six_fields__goes_by_seconds(void **state)
{
    (void)state;
    FIRES("*/25 59 23 * * *", "UTC0", "2026-12-31T23:58:59Z", "2026-12-31T23:59:00+00:00",
          "2026-12-31T23:59:25+00:00", "2026-12-31T23:59:50+00:00", "2027-01-01T23:59:00+00:00");
    FIRES("30 30 2 * * *", BERLIN, "2026-03-28T12:00:00Z", "2026-03-29T03:00:00+02:00",
          "2026-03-30T02:30:30+02:00");
}

static void matches__of_a_moment__tells_its_minute(void **state)
{
    (void)state;
    struct cron *c = cron("0-29 2 * * SUN"), *s = cron("15 0 0 * * *");
    struct zone *z = zone(BERLIN);
    int64_t sunday = civil_days(2026, 10, 25) * CIVIL_DAY;
    assert_true(cron_matches(c, z, sunday)); /* 02:00 summer time */
    assert_true(cron_matches(c, z, sunday + 29 * 60 + 59));
    assert_false(cron_matches(c, z, sunday + 30 * 60));
    assert_true(cron_matches(c, z, sunday + 3600)); /* 02:00 again */
    assert_false(cron_matches(c, z, sunday + CIVIL_DAY));
    assert_true(cron_matches(c, z, -CIVIL_DAY * 4 + 3600 + 59)); /* 1969-12-28 was a Sunday */
    assert_true(cron_matches(s, z, sunday - 2 * 3600 + 15));
    assert_false(cron_matches(s, z, sunday - 2 * 3600 + 16));
    cron_free(c);
    cron_free(s);
    zone_free(z);
}

static void previous__before_everything__is_none(void **state)
{
    (void)state;
    struct cron *c = cron("0 0 29 2 *");
    struct zone *z = zone("UTC0");
    int64_t t;
    assert_true(cron_previous(c, z, civil_days(2104, 2, 29) * CIVIL_DAY, &t));
    assert_int_equal(t, civil_days(2096, 2, 29) * CIVIL_DAY);
    assert_false(cron_next(c, z, INT64_MAX, &t));
    assert_false(cron_next(c, z, INT64_MIN, &t));
    assert_false(cron_previous(c, z, INT64_MAX, &t));
    assert_false(cron_previous(c, z, INT64_MIN, &t));
    cron_free(c);
    zone_free(z);
}

/* ---- what is refused ---- */

static void expression__not_understood__is_refused_with_the_way_out(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum cron_form form;
        const char *says;
    } bad[] = {
        {"", CRON_FIVE, "'' has 0 fields; there are five: minute, hour, day of month, month, day"},
        {"* * * *", CRON_FIVE, "has 4 fields; there are five"},
        {"* * * * * *", CRON_FIVE, "six fields; that takes withSeconds: true"},
        {"* * * * *", CRON_SIX, "has 5 fields; with seconds there are six: second, minute"},
        {"* * * * * * *", CRON_FIVE_OR_SIX, "has 7 fields"},
        {"60 * * * *", CRON_FIVE, "minute '60': the values are 0 to 59"},
        {"60 * * * * *", CRON_FIVE_OR_SIX, "second '60': the values are 0 to 59"},
        {"* 24 * * *", CRON_FIVE, "hour '24': the values are 0 to 23"},
        {"* * 0 * *", CRON_FIVE, "day of month '0': the values are 1 to 31, or L"},
        {"* * 32 * *", CRON_FIVE, "day of month '32'"},
        {"* * * 13 *", CRON_FIVE, "month '13': the values are 1 to 12, or JAN to DEC"},
        {"* * * 0 *", CRON_FIVE, "month '0'"},
        {"* * * JANUARY *", CRON_FIVE, "month 'JANUARY'"},
        {"* * * * 8", CRON_FIVE, "day of week '8': the values are 0 to 7 (0 and 7 are Sunday)"},
        {"* * * * MONDAY", CRON_FIVE, "day of week 'MONDAY'"},
        {"* * * * JAN", CRON_FIVE, "day of week 'JAN'"},
        {"JAN * * * *", CRON_FIVE, "minute 'JAN'"},
        {"*/0 * * * *", CRON_FIVE, "minute '*/0': a step is 1 to 60"},
        {"*/61 * * * *", CRON_FIVE, "a step is 1 to 60"},
        {"* */25 * * *", CRON_FIVE, "hour '*/25': a step is 1 to 24"},
        {"*/ * * * *", CRON_FIVE, "minute '*/'"},
        {"*/-5 * * * *", CRON_FIVE, "minute '*/-5'"},
        {"5- * * * *", CRON_FIVE, "minute '5-'"},
        {"-5 * * * *", CRON_FIVE, "minute '-5'"},
        {"30-10 * * * *", CRON_FIVE, "minute '30-10': a range goes up"},
        {"* 22-4 * * *", CRON_FIVE, "hour '22-4': a range goes up; write two, such as 22-23,0-4"},
        {"* * * NOV-FEB *", CRON_FIVE, "month 'NOV-FEB': a range goes up"},
        {"1,,2 * * * *", CRON_FIVE, "minute '1,,2'"},
        {"1, * * * *", CRON_FIVE, "minute '1,'"},
        {",1 * * * *", CRON_FIVE, "minute ',1'"},
        {"1.5 * * * *", CRON_FIVE, "minute '1.5'"},
        {"1x * * * *", CRON_FIVE, "minute '1x'"},
        {"** * * * *", CRON_FIVE, "minute '**'"},
        {"*5 * * * *", CRON_FIVE, "minute '*5'"},
        {"1-2-3 * * * *", CRON_FIVE, "minute '1-2-3'"},
        {"00000000001 * * * *", CRON_FIVE, "minute '00000000001'"},
        {"99999999999999999999 * * * *", CRON_FIVE, "minute '99999999999999999999'"},
        {"L * * * *", CRON_FIVE, "minute 'L'"},
        {"* * * * 5L", CRON_FIVE, "day of week '5L'"},
        {"* * L-3 * *", CRON_FIVE, "day of month 'L-3'"},
        {"* * 15W * *", CRON_FIVE, "'W' (the nearest working day) is not supported"},
        {"* * LW * *", CRON_FIVE, "'W' (the nearest working day) is not supported"},
        {"* * W * *", CRON_FIVE, "day of month 'W': 'W' (the nearest"},
        {"* * * * 5#2", CRON_FIVE, "day of week '5#2': '#' is not supported"},
        {"* * ? * *", CRON_FIVE, "day of month '?': '?' is not supported; write '*'"},
        {"0 0 12 ? * MON", CRON_SIX, "'?' is not supported; write '*'"},
        {"@reboot", CRON_FIVE, "@reboot is not supported"},
        {"@every 5m", CRON_FIVE, "'@every 5m' is not known; there are @yearly"},
        {"@fortnightly", CRON_FIVE, "'@fortnightly' is not known; there are @yearly"},
        {"@daily 5", CRON_FIVE, "'@daily 5' is not known"},
        {"0 0 30 2 *", CRON_FIVE, "'0 0 30 2 *' never fires: none of its months has such a day"},
        {"0 0 31 2,4,6,9,11 *", CRON_FIVE, "never fires"},
        {"0 0 0 31 2-2 *", CRON_FIVE_OR_SIX, "never fires"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct cron *c = NULL;
        struct err e = {0};
        if (cron_parse(bad[i].text, bad[i].form, &c, &e) != ERR_INVALID)
            fail_msg("'%s' was taken", bad[i].text);
        assert_null(c);
        if (strstr(e.msg, bad[i].says) == NULL) fail_msg("'%s': %s", bad[i].text, e.msg);
    }
    char longer[CRON_TEXT_MAX + 2];
    memset(longer, ' ', sizeof longer);
    longer[sizeof longer - 1] = '\0';
    struct cron *c = NULL;
    assert_int_equal(cron_parse(longer, CRON_FIVE, &c, NULL), ERR_INVALID);
}

static void expression__of_every_spelling__is_taken(void **state)
{
    (void)state;
    static const char *const same[][2] = {
        {"0 0 * * 0", "0 0 * * 7"},
        {"0 0 * * sun", "0 0 * * 0"},
        {"0 0 1 jan,FEB *", "0 0 1 1-2 *"},
        {"  0\t0  1 1 *  ", "0 0 1 1 *"},
        {"@yearly", "0 0 1 1 *"},
        {"@annually", "@yearly"},
        {"@monthly", "0 0 1 * *"},
        {"@weekly", "0 0 * * 0"},
        {"@daily", "@midnight"},
        {"@hourly", "0 * * * *"},
        {"0 0 * * 5-7", "0 0 * * 5,6,0"},
        {"0 0 * * FRI-MON", "0 0 * * 5,6,0,1"},
        {"0 0 * * */2", "0 0 * * 0,2,4,6"},
        {"*/60 * * * *", "0 * * * *"},
        {"0 0 */1 * 1", "0 0 * * 1"},
        {"0 0 l * *", "0 0 L * *"},
        {"0 0 30 2 1", "0 0 * 2 1"},
        {"0 0 */2 * 1", "0 0 1-31/2 * 1"},
        {"0 5 * * * *", "5 * * * *"},
        {"0 0 * * 0-7", "0 0 * * *"},
    };
    struct zone *z = zone(BERLIN);
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        struct cron *a = cron(same[i][0]), *b = cron(same[i][1]);
        int64_t at = civil_days(2026, 1, 1) * CIVIL_DAY, other = at;
        for (int n = 0; n < 400; n++) {
            assert_true(cron_next(a, z, at, &at));
            assert_true(cron_next(b, z, other, &other));
            if (at != other) fail_msg("%s and %s differ", same[i][0], same[i][1]);
        }
        cron_free(a);
        cron_free(b);
    }
    zone_free(z);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(next__of_ordinary_days__is_what_people_expect),
        cmocka_unit_test(next__where_clocks_are_set_forward__fires_once_after_the_gap),
        cmocka_unit_test(next__where_clocks_are_set_back__fires_the_first_time_only),
        cmocka_unit_test(next__random_expressions__are_those_of_a_scan_of_every_minute),
        cmocka_unit_test(next__of_six_fields__goes_by_seconds),
        cmocka_unit_test(matches__of_a_moment__tells_its_minute),
        cmocka_unit_test(previous__before_everything__is_none),
        cmocka_unit_test(expression__not_understood__is_refused_with_the_way_out),
        cmocka_unit_test(expression__of_every_spelling__is_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

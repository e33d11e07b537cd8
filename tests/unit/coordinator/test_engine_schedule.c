/* Schedules: each planned moment is decided once, whatever happens to the coordinator and to its
 * clocks. */
#include "flow_world.h"

#include "base/duration.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/engine/schedule.h"
#include "coordinator/schedule/zones.h"
#include "coordinator/store/reader.h"
#include "coordinator/store/reader_trigger.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#define MINUTE INT64_C(60000)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

/* A flow that is over as it begins, and one that an agent has to work on. */
#define QUICK                                                                                      \
    "tasks: [{id: say, type: io.kestra.plugin.core.log.Log, message: \"{{ trigger.date }}\"}]\n"
#define SLOW "tasks: [{id: work, command: [work]}]\n"

static int64_t time_of(const char *text)
{
    int64_t ms;
    if (time_parse(text, &ms)) fail_msg("%s is no time", text);
    return ms;
}

static void at(struct world *w, const char *text)
{
    w->now.wall_ms = time_of(text);
    world_restart(w); /* the clocks agree from here on */
}

static struct zones *zones_with(const char *name, const char *rule)
{
    struct zones *all = zones_new(NULL);
    struct zone *z;
    struct err e = {0};
    if (zone_parse_rule(rule, &z, &e)) fail_msg("%s: %s", rule, err_text(&e));
    zones_put(all, name, z);
    return all;
}

static void use_zones(struct world *w, const char *name, const char *rule)
{
    struct command *c = command_new(CMD_ZONES);
    c->u.zones = zones_with(name, rule);
    assert_int_equal(world_do(w, c), 0);
}

static void apply(struct world *w, const char *tasks, const char *keys)
{
    char *source = str_dupf("id: f\nnamespace: a.b\n%striggers: [{id: t, %s}]\n", tasks, keys);
    world_apply_flow(w, source);
    mem_free(source);
    world_live(w, 0);
}

static void refused(struct world *w, const char *keys, const char *expected)
{
    char *source = str_dupf("id: f\nnamespace: a.b\n" QUICK "triggers: [{id: t, %s}]\n", keys);
    assert_int_equal(world_do(w, cmd_apply(w, source)), 0);
    const struct reply *x = world_reply(w);
    if (!x->rc) fail_msg("accepted: %s", keys);
    if (!x->json || !strstr(x->json, expected))
        fail_msg("'%s' is not in '%s'", expected, x->json ? x->json : "");
    mem_free(source);
}

/* ---- looking ---- */

#define LINES 100

struct history {
    struct evaluation_row lines[LINES]; /* newest first */
    int count;
};

static int keep_line(const struct evaluation_row *v, void *user)
{
    struct history *h = user;
    h->lines[h->count] = *v;
    h->lines[h->count++].message = mem_strdup(v->message);
    return h->count == LINES;
}

static struct history history_of(struct world *w)
{
    struct history h = {.count = 0};
    struct trigger_row t = world_trigger(w, "f", "t");
    struct reader *r;
    struct err e = {0};
    assert_int_equal(world_reader(w, &r, &e), 0);
    assert_int_equal(reader_evaluations(r, t.id, keep_line, &h, &e), 0);
    reader_close(r);
    trigger_row_fini(&t);
    return h;
}

static void history_free(struct history *h)
{
    for (int i = 0; i < h->count; i++)
        mem_free(h->lines[i].message);
}

/* "fired 2026-01-01T00:01:00.000Z 1, skipped ... 3", oldest first, the last `most` lines. */
static void assert_history(struct world *w, int most, const char *expected)
{
    struct history h = history_of(w);
    char text[2000] = "", one[120], time[TIME_TEXT_SIZE];
    for (int i = (h.count < most ? h.count : most) - 1; i >= 0; i--) {
        const struct evaluation_row *v = &h.lines[i];
        time_format(v->planned_ms, time);
        time[19] = '\0';
        str_format(one, sizeof one, "%s%s %s %lld", *text ? ", " : "", evaluation_names[v->result],
                   time, (long long)v->moments);
        assert_int_equal(str_copy(text + strlen(text), sizeof text - strlen(text), one), 0);
    }
    history_free(&h);
    assert_string_equal(text, expected);
}

static void assert_message(struct world *w, const char *expected)
{
    struct trigger_row t = world_trigger(w, "f", "t");
    if (!t.message || !strstr(t.message, expected))
        fail_msg("'%s' is not in '%s'", expected, t.message ? t.message : "(none)");
    trigger_row_fini(&t);
}

static void assert_counts(struct world *w, int64_t fired, int64_t skipped, int64_t missed)
{
    struct trigger_row t = world_trigger(w, "f", "t");
    if (t.fired != fired || t.skipped != skipped || t.missed != missed)
        fail_msg("fired %lld, skipped %lld, missed %lld", (long long)t.fired, (long long)t.skipped,
                 (long long)t.missed);
    trigger_row_fini(&t);
}

static void assert_next(struct world *w, const char *expected)
{
    struct trigger_row t = world_trigger(w, "f", "t");
    char time[TIME_TEXT_SIZE] = "never";
    if (t.next_ms) time_format(t.next_ms, time);
    if (t.next_ms) time[19] = '\0';
    trigger_row_fini(&t);
    assert_string_equal(time, expected);
}

static void assert_zone(struct world *w, const char *expected)
{
    struct trigger_row t = world_trigger(w, "f", "t");
    char zone[40];
    assert_int_equal(str_copy(zone, sizeof zone, t.zone), 0);
    trigger_row_fini(&t);
    assert_string_equal(zone, expected);
}

/* Lines of the log from hear() on. */
struct heard {
    enum log_level level;
    char lines[1000];
};

static void keep_heard(enum log_level level, const char *line, void *user)
{
    struct heard *h = user;
    size_t len = strlen(h->lines);
    if (level != h->level) return;
    (void)str_format(h->lines + len, sizeof h->lines - len, "%s\n", line);
}

static void hear(struct heard *h, enum log_level level)
{
    *h = (struct heard){.level = level};
    log_set_sink(keep_heard, h);
}

static void assert_heard(struct heard *h, const char *expected)
{
    log_set_sink(NULL, NULL);
    assert_string_equal(h->lines, expected);
}

static char *vars_of(struct world *w)
{
    int64_t id = 0;
    world_executions(w, "f", &id);
    struct execution_row x = world_execution(w, id);
    char *vars = mem_strdup(x.trigger_vars);
    execution_row_fini(&x);
    return vars;
}

/* ---- firing ---- */

static void moments_are_fired_one_by_one(void **state)
{
    struct world *w = *state;
    at(w, "2026-01-01T00:00:30Z");
    apply(w, QUICK, "cron: '* * * * *'");
    assert_next(w, "2026-01-01T00:01:00");
    world_live(w, 2 * MINUTE);
    assert_history(w, 9, "fired 2026-01-01T00:01:00 1, fired 2026-01-01T00:02:00 1");
    assert_int_equal(world_executions(w, "f", NULL), 2);
    char *vars = vars_of(w);
    assert_string_equal(vars,
                        "{\"date\":\"2026-01-01T00:02:00Z\",\"next\":\"2026-01-01T00:03:00Z\","
                        "\"previous\":\"2026-01-01T00:01:00Z\"}");
    mem_free(vars);
    assert_next(w, "2026-01-01T00:03:00");
}

static void times_are_those_of_the_zone(void **state)
{
    struct world *w = *state;
    use_zones(w, "Europe/Berlin", "CET-1CEST,M3.5.0,M10.5.0/3");
    at(w, "2026-03-28T12:00:00Z");
    use_zones(w, "Europe/Berlin", "CET-1CEST,M3.5.0,M10.5.0/3");
    apply(w, QUICK, "cron: '30 2 * * *', timezone: Europe/Berlin");
    assert_next(w, "2026-03-29T01:00:00"); /* the hour of the night is missing: once, after it */
    world_live(w, 2 * DAY);
    assert_history(w, 9, "fired 2026-03-29T01:00:00 1, fired 2026-03-30T00:30:00 1");
    char *vars = vars_of(w);
    assert_non_null(strstr(vars, "\"date\":\"2026-03-30T02:30:00+02:00\""));
    mem_free(vars);
}

static void a_moment_is_not_fired_twice__whenever_it_dies(void **state)
{
    struct world *w = *state;
    at(w, "2026-01-01T00:00:30Z");
    apply(w, QUICK, "cron: '* * * * *', recoverMissedSchedules: ALL");
    w->now.wall_ms += MINUTE;
    w->now.mono_ms += MINUTE;
    world_begin(w);
    world_crash(w); /* in the batch that would have fired */
    world_live(w, 0);
    assert_int_equal(world_executions(w, "f", NULL), 1);
    world_crash(w); /* behind it */
    world_live(w, 0);
    assert_int_equal(world_executions(w, "f", NULL), 1);
    assert_history(w, 9, "fired 2026-01-01T00:01:00 1");
}

static void what_is_due_while_its_execution_runs__is_skipped(void **state)
{
    struct world *w = *state;
    at(w, "2026-01-01T00:00:30Z");
    struct hand h = hand_open(w, "a", NULL, 4);
    apply(w, SLOW, "cron: '* * * * *'");
    world_live(w, 3 * MINUTE);
    assert_history(w, 9, "fired 2026-01-01T00:01:00 1, skipped 2026-01-01T00:03:00 2");
    assert_message(w, "is still under way (allowConcurrent: false)");
    assert_counts(w, 1, 2, 0);
    int64_t id = 0;
    world_executions(w, "f", &id);
    hand_reopen(&h);
    int64_t job = world_execution_job(w, id);
    hand_start(&h, job);
    hand_success(&h, job, NULL);
    world_live(w, MINUTE);
    assert_history(w, 1, "fired 2026-01-01T00:04:00 1");
}

static void allow_concurrent__fires_beside(void **state)
{
    struct world *w = *state;
    at(w, "2026-01-01T00:00:30Z");
    apply(w, SLOW, "cron: '* * * * *', allowConcurrent: true");
    world_live(w, 3 * MINUTE);
    assert_counts(w, 3, 0, 0);
}

static void six_fields_have_seconds(void **state)
{
    struct world *w = *state;
    at(w, "2026-01-01T00:00:30Z");
    apply(w, QUICK, "cron: '*/20 * * * * *'");
    world_live(w, MINUTE);
    assert_counts(w, 3, 0, 0);
}

static void kestras_type_is_taken(void **state)
{
    struct world *w = *state;
    at(w, "2026-01-01T00:00:30Z");
    apply(w, QUICK, "type: io.kestra.plugin.core.trigger.Schedule, cron: '0 3 * * *'");
    assert_next(w, "2026-01-01T03:00:00");
    apply(w, QUICK,
          "type: io.kestra.core.models.triggers.types.Schedule, cron: '*/10 * * * * *', "
          "withSeconds: true");
    assert_next(w, "2026-01-01T00:00:40");
}

/* ---- nobody could fire ---- */

static void away(struct world *w, const char *recover, int64_t ms)
{
    char keys[120];
    str_format(keys, sizeof keys, "cron: '* * * * *', recoverMissedSchedules: %s", recover);
    at(w, "2026-01-01T00:00:30Z");
    apply(w, QUICK, keys);
    world_die(w);
    world_pass(w, ms);
    world_rise(w);
    world_live(w, 0);
}

static void missed__none__are_counted(void **state)
{
    struct world *w = *state;
    away(w, "NONE", 10 * MINUTE);
    assert_history(w, 9, "skipped 2026-01-01T00:10:00 10");
    assert_counts(w, 0, 0, 10);
    world_live(w, MINUTE);
    assert_history(w, 1, "fired 2026-01-01T00:11:00 1");
}

static void missed__is_told_in_the_log(void **state)
{
    struct world *w = *state;
    struct heard h;
    hear(&h, LOG_WARN);
    away(w, "NONE", MINUTE);
    assert_heard(&h, "trigger t of a.b/f: 1 planned moment up to 2026-01-01T00:01:00.000Z: missed: "
                     "nobody could fire then (recoverMissedSchedules: NONE)\n");
    hear(&h, LOG_WARN);
    world_die(w);
    world_pass(w, 2 * MINUTE);
    world_rise(w);
    world_live(w, 0);
    assert_heard(&h, "trigger t of a.b/f: 2 planned moments up to 2026-01-01T00:03:00.000Z: "
                     "missed: nobody could fire then (recoverMissedSchedules: NONE)\n");
}

static void missed__last__is_fired_and_the_others_are_counted(void **state)
{
    struct world *w = *state;
    away(w, "LAST", 10 * MINUTE);
    assert_history(w, 9, "skipped 2026-01-01T00:09:00 9, fired 2026-01-01T00:10:00 1");
    assert_counts(w, 1, 0, 9);
}

static void missed__all__are_fired_oldest_first(void **state)
{
    struct world *w = *state;
    away(w, "ALL", 3 * MINUTE);
    world_live(w, 1000);
    assert_history(w, 9,
                   "fired 2026-01-01T00:01:00 1, fired 2026-01-01T00:02:00 1, fired "
                   "2026-01-01T00:03:00 1");
    assert_counts(w, 3, 0, 0);
}

static void missed__all__one_after_the_other_and_the_schedule_goes_on_beside(void **state)
{
    struct world *w = *state;
    at(w, "2026-01-01T00:00:30Z");
    struct hand h = hand_open(w, "a", NULL, 4);
    apply(w, SLOW, "cron: '* * * * *', recoverMissedSchedules: ALL");
    world_die(w);
    world_pass(w, 2 * MINUTE);
    world_rise(w);
    hand_reopen(&h);
    world_live(w, 0);
    assert_int_equal(world_executions(w, "f", NULL), 1);
    world_live(w, MINUTE); /* 00:03 is due while it runs */
    assert_history(w, 9, "fired 2026-01-01T00:01:00 1, skipped 2026-01-01T00:03:00 1");
    int64_t id = 0;
    world_executions(w, "f", &id);
    int64_t job = world_execution_job(w, id);
    hand_reopen(&h);
    hand_start(&h, job);
    hand_success(&h, job, NULL);
    world_live(w, 0);
    assert_history(w, 1, "fired 2026-01-01T00:02:00 1");
    assert_message(w, "caught up with; 0 wait");
}

static void missed__all__a_thousand_at_most(void **state)
{
    struct world *w = *state;
    away(w, "ALL", 1010 * MINUTE);
    struct trigger_row t = world_trigger(w, "f", "t");
    assert_int_equal(t.missed, 10);
    trigger_row_fini(&t);
    world_live(w, 20000);
    assert_counts(w, 1000, 0, 10);
}

static void missed__all__beyond_a_thousand__is_in_the_history(void **state)
{
    struct world *w = *state;
    at(w, "2026-01-01T00:00:30Z");
    apply(w, SLOW, "cron: '* * * * *', recoverMissedSchedules: ALL"); /* the first one waits */
    world_die(w);
    world_pass(w, 1010 * MINUTE);
    world_rise(w);
    world_live(w, 0);
    assert_history(w, 9, "skipped 2026-01-01T16:50:00 10, fired 2026-01-01T00:01:00 1");
    struct history h = history_of(w);
    char message[200];
    assert_int_equal(str_copy(message, sizeof message, h.lines[1].message), 0);
    history_free(&h);
    assert_string_equal(message, "missed: 1000 wait already, as many as may "
                                 "(recoverMissedSchedules: ALL)");
    assert_counts(w, 1, 0, 10);
}

static void a_month_of_seconds__does_not_stop_a_batch(void **state)
{
    struct world *w = *state;
    at(w, "2026-01-01T00:00:30Z");
    apply(w, QUICK, "cron: '* * * * * *', recoverMissedSchedules: LAST");
    world_die(w);
    world_pass(w, HOUR * 12);
    world_rise(w);
    world_tick(w);
    struct trigger_row t = world_trigger(w, "f", "t");
    assert_true(t.missed > 0 && t.missed <= 20000);
    trigger_row_fini(&t);
    world_live(w, 500);
    assert_counts(w, 1, 0, 12 * 3600 - 1);
}

/* A search that finds nothing looks at thousands of moments. */
static void a_month_left_out__does_not_stop_a_batch(void **state)
{
    struct world *w = *state;
    at(w, "2026-01-01T00:00:30Z");
    apply(w, QUICK, "cron: '* * * * * *', when: {dateTimeBetween: {after: '2027-01-01'}}");
    world_die(w);
    world_pass(w, 30 * DAY);
    world_rise(w);
    world_tick(w);
    struct trigger_row t = world_trigger(w, "f", "t");
    assert_true(t.planned_ms < time_of("2026-01-04T00:00:00Z"));
    trigger_row_fini(&t);
    world_live(w, 100);
    t = world_trigger(w, "f", "t");
    assert_true(t.planned_ms > time_of("2026-01-30T20:00:00Z"));
    trigger_row_fini(&t);
}

static void a_busy_moment__is_not_missed(void **state)
{
    struct world *w = *state;
    at(w, "2026-01-01T00:00:30Z");
    apply(w, QUICK, "cron: '* * * * *', recoverMissedSchedules: NONE");
    world_pass(w, 40000); /* ten seconds late */
    world_tick(w);
    assert_counts(w, 1, 0, 0);
    world_pass(w, 3 * MINUTE); /* a machine that slept; the last one is ten seconds late again */
    world_tick(w);
    assert_counts(w, 2, 0, 2);
}

/* ---- clocks ---- */

static void a_clock_set_forward__plans_anew(void **state)
{
    struct world *w = *state;
    at(w, "2026-01-01T00:00:30Z");
    apply(w, QUICK, "cron: '0 3 * * *'");
    w->now.wall_ms += 2 * HOUR + 59 * MINUTE; /* 02:59:30 */
    world_live(w, 40000);
    assert_history(w, 9, "fired 2026-01-01T03:00:00 1");
}

static void a_clock_set_back__fires_no_moment_twice(void **state)
{
    struct world *w = *state;
    at(w, "2026-01-01T02:59:30Z");
    apply(w, QUICK, "cron: '0 * * * *'");
    world_live(w, MINUTE);
    w->now.wall_ms -= HOUR; /* 02:00:30 */
    world_live(w, 90 * MINUTE);
    assert_history(w, 9, "fired 2026-01-01T03:00:00 1");
    world_live(w, 31 * MINUTE);
    assert_history(w, 9, "fired 2026-01-01T03:00:00 1, fired 2026-01-01T04:00:00 1");
}

static void a_last_moment_far_in_the_future__is_dropped(void **state)
{
    struct world *w = *state;
    at(w, "2036-01-01T00:00:30Z");
    apply(w, QUICK, "cron: '* * * * *'");
    world_live(w, MINUTE);
    struct heard h;
    w->now.wall_ms = time_of("2026-01-01T00:00:30Z");
    hear(&h, LOG_WARN);
    world_live(w, MINUTE);
    assert_heard(&h, "trigger t of a.b/f: its last moment, 2036-01-01T00:01:00.000Z, lies more "
                     "than a day in the future: the clock was wrong, and it is planned from now "
                     "on\n");
    assert_history(w, 9,
                   "fired 2036-01-01T00:01:00 1, skipped 2036-01-01T00:01:00 0, fired "
                   "2026-01-01T00:01:00 1");
    at(w, "2025-06-01T00:00:30Z"); /* and after a restart */
    world_live(w, MINUTE);
    assert_history(w, 1, "fired 2025-06-01T00:01:00 1");
}

static void a_clock_set_back_and_enabled__fires_no_moment_twice(void **state)
{
    struct world *w = *state;
    at(w, "2026-01-01T00:00:30Z");
    apply(w, QUICK, "cron: '* * * * *'");
    world_live(w, 40000);
    w->now.wall_ms -= 20000; /* 00:00:50 */
    assert_int_equal(world_do(w, cmd_place(w, CMD_TRIGGER_DISABLE, "f", "t")), 0);
    assert_int_equal(world_do(w, cmd_place(w, CMD_TRIGGER_ENABLE, "f", "t")), 0);
    world_live(w, 30000);
    assert_history(w, 9, "fired 2026-01-01T00:01:00 1");
    world_live(w, MINUTE);
    assert_history(w, 9, "fired 2026-01-01T00:01:00 1, fired 2026-01-01T00:02:00 1");
}

/* What is due after the clock was set back can be fired, though the coordinator started "later". */
static void a_clock_set_back__misses_nothing(void **state)
{
    struct world *w = *state;
    at(w, "2026-01-01T05:00:30Z");
    w->now.wall_ms -= 5 * HOUR;
    apply(w, QUICK, "cron: '* * * * *', recoverMissedSchedules: NONE");
    world_live(w, 2 * MINUTE);
    assert_counts(w, 2, 0, 0);
}

/* What waits was missed by a wrong clock, and comes again. */
static void a_last_moment_far_in_the_future__takes_what_waits_along(void **state)
{
    struct world *w = *state;
    at(w, "2026-01-01T00:00:30Z");
    apply(w, SLOW, "cron: '0 0 * * *', recoverMissedSchedules: ALL");
    world_die(w);
    w->now.wall_ms += 4 * DAY;
    world_rise(w);
    world_live(w, 0);
    assert_counts(w, 1, 0, 0);
    w->now.wall_ms -= 4 * DAY;
    world_live(w, MINUTE);
    assert_counts(w, 1, 0, 3);
    world_die(w);
    world_pass(w, 2 * DAY); /* the same moments once more */
    world_rise(w);
    world_live(w, 0);
    struct trigger_row t = world_trigger(w, "f", "t");
    assert_int_equal(t.backlog, 2);
    trigger_row_fini(&t);
}

/* ---- zones ---- */

static void a_zone_that_changes__moves_the_next_firing(void **state)
{
    struct world *w = *state;
    at(w, "2026-01-01T00:00:30Z");
    use_zones(w, "X/Y", "AAA-1");
    apply(w, QUICK, "cron: '0 3 * * *', timezone: X/Y");
    assert_next(w, "2026-01-01T02:00:00");
    struct heard h;
    hear(&h, LOG_INFO);
    use_zones(w, "X/Y", "AAA-1"); /* read anew, and the same */
    world_live(w, 0);
    use_zones(w, "X/Y", "AAA-2");
    world_live(w, 0);
    assert_heard(&h, "trigger t of a.b/f: its next firing moved from 2026-01-01T02:00:00.000Z to "
                     "2026-01-01T01:00:00.000Z (time zone X/Y)\n");
    assert_next(w, "2026-01-01T01:00:00");
    use_zones(w, "Z/Z", "AAA-3"); /* the zone is gone: what was known of it holds */
    world_live(w, 0);
    assert_next(w, "2026-01-01T01:00:00");
    world_restart(w);
    world_live(w, 0);
    assert_message(w, "time zone 'X/Y' is not known");
    use_zones(w, "X/Y", "AAA-2");
    world_live(w, 0);
    assert_next(w, "2026-01-01T01:00:00");
}

static void a_schedule_without_a_zone__keeps_the_default_that_it_was_applied_with(void **state)
{
    struct world *w = *state;
    struct zones *all = zones_with("X/Y", "AAA-1");
    struct zone *other;
    assert_int_equal(zone_parse_rule("BBB-5", &other, NULL), 0);
    zones_put(all, "Z/Z", other);
    w->config.zones = all;
    w->config.timezone = "X/Y";
    at(w, "2026-01-01T00:00:30Z");
    apply(w, QUICK, "cron: '0 3 * * *'");
    assert_zone(w, "X/Y");
    assert_next(w, "2026-01-01T02:00:00");

    w->config.timezone = "Z/Z";
    world_restart(w);
    world_live(w, 0);
    assert_next(w, "2026-01-01T02:00:00");
    apply(w, QUICK "description: other\n", "cron: '0 3 * * *'");
    assert_zone(w, "X/Y");
    world_live(w, 3 * HOUR);
    assert_history(w, 9, "fired 2026-01-01T02:00:00 1");
    apply(w, QUICK, "cron: '0 4 * * *'"); /* another schedule: by the default of today */
    assert_zone(w, "Z/Z");
    assert_next(w, "2026-01-01T23:00:00");

    w->config.timezone = NULL;
    world_restart(w);
    apply(w, QUICK, "cron: '0 5 * * *'");
    assert_zone(w, "UTC");
    w->config.zones = NULL;
    world_restart(w);
    zones_free(all);
}

/* ---- applying ---- */

static void what_did_not_change__does_not_move(void **state)
{
    struct world *w = *state;
    at(w, "2026-01-01T00:00:30Z");
    apply(w, QUICK, "cron: '* * * * *'");
    world_pass(w, MINUTE); /* 00:01 is due, and the flow comes first */
    apply(w, QUICK "description: other\n", "cron: '* * * * *', allowConcurrent: true");
    assert_history(w, 9, "fired 2026-01-01T00:01:00 1");
    apply(w, QUICK, "cron: '*/2 * * * *'");
    world_live(w, MINUTE);
    assert_history(w, 1, "fired 2026-01-01T00:02:00 1");
    assert_next(w, "2026-01-01T00:04:00");
}

/* What is caught up with belongs to the schedule that missed it; jitter and inputs are no part of
 * that. */
static void a_schedule_is_another__by_its_conditions_too(void **state)
{
    struct world *w = *state;
    at(w, "2026-01-01T00:00:30Z");
    apply(w, SLOW, "cron: '* * * * *', recoverMissedSchedules: ALL");
    world_die(w);
    world_pass(w, 5 * MINUTE);
    world_rise(w);
    world_live(w, 0);
    apply(w, SLOW, "cron: '* * * * *', recoverMissedSchedules: ALL, jitter: 1s, inputs: {}");
    assert_counts(w, 1, 0, 0);
    apply(w, SLOW, "cron: '* * * * *', recoverMissedSchedules: ALL, when: {weekend: false}");
    assert_counts(w, 1, 0, 4);
    assert_message(w, "the schedule was changed meanwhile");
}

static void disabled__fires_nothing_and_catches_up_with_nothing(void **state)
{
    struct world *w = *state;
    at(w, "2026-01-01T00:00:30Z");
    apply(w, QUICK, "cron: '* * * * *', recoverMissedSchedules: ALL, disabled: true");
    world_live(w, 2 * MINUTE);
    assert_int_equal(world_do(w, cmd_place(w, CMD_TRIGGER_ENABLE, "f", "t")), 0);
    assert_int_equal(world_executions(w, "f", NULL), 0);
    world_live(w, MINUTE);
    assert_history(w, 9, "fired 2026-01-01T00:03:00 1");
    assert_int_equal(world_do(w, cmd_place(w, CMD_TRIGGER_DISABLE, "f", "t")), 0);
    world_live(w, 5 * MINUTE);
    assert_counts(w, 1, 0, 0);
}

static void disabling__ends_what_is_caught_up_with(void **state)
{
    struct world *w = *state;
    at(w, "2026-01-01T00:00:30Z");
    apply(w, SLOW, "cron: '* * * * *', recoverMissedSchedules: ALL");
    world_die(w);
    world_pass(w, 5 * MINUTE);
    world_rise(w);
    world_live(w, 0);
    assert_int_equal(world_do(w, cmd_place(w, CMD_TRIGGER_DISABLE, "f", "t")), 0);
    assert_counts(w, 1, 0, 4);
    assert_message(w, "the trigger was disabled meanwhile");
}

static void stop_after__disables(void **state)
{
    struct world *w = *state;
    at(w, "2026-01-01T00:00:30Z");
    apply(w, QUICK, "cron: '* * * * *', stopAfter: [SUCCESS]");
    world_live(w, 3 * MINUTE);
    assert_counts(w, 1, 0, 0);
}

static void limits_are_kept(void **state)
{
    struct world *w = *state;
    at(w, "2026-01-01T00:00:30Z");
    apply(w, QUICK,
          "cron: '0 * * * *', startDate: '2026-01-01T02:00:00Z', endDate: '2026-01-01T03:00:00Z'");
    world_live(w, 6 * HOUR);
    assert_history(w, 9, "fired 2026-01-01T02:00:00 1, fired 2026-01-01T03:00:00 1");
    assert_next(w, "never");
}

static void not_at__leaves_minutes_out(void **state)
{
    struct world *w = *state;
    at(w, "2026-01-01T00:00:30Z");
    apply(w, QUICK, "cron: '*/20 * * * * *', notAt: ['1-2 * * * *']");
    world_live(w, 3 * MINUTE);
    assert_history(w, 9,
                   "fired 2026-01-01T00:00:40 1, fired 2026-01-01T00:03:00 1, fired "
                   "2026-01-01T00:03:20 1");
}

static void jitter__delays_the_same_moment_by_the_same(void **state)
{
    struct world *w = *state;
    at(w, "2026-01-01T00:00:30Z");
    apply(w, QUICK, "cron: '0 * * * *', jitter: 10m");
    struct trigger_row t = world_trigger(w, "f", "t");
    int64_t first = t.next_ms - time_of("2026-01-01T01:00:00Z");
    trigger_row_fini(&t);
    assert_true(first > 0 && first <= 10 * MINUTE);
    world_restart(w);
    world_live(w, 0);
    t = world_trigger(w, "f", "t");
    assert_int_equal(t.next_ms - time_of("2026-01-01T01:00:00Z"), first);
    trigger_row_fini(&t);
    world_live(w, 70 * MINUTE);
    assert_history(w, 9, "fired 2026-01-01T01:00:00 1");
}

/* A moment may be delayed beyond those behind it: they are late by design, and not missed. */
static void jitter__longer_than_the_interval__misses_nothing(void **state)
{
    struct world *w = *state;
    at(w, "2026-01-01T00:00:30Z");
    apply(w, QUICK, "cron: '* * * * *', jitter: 1h");
    world_live(w, 3 * HOUR);
    struct trigger_row t = world_trigger(w, "f", "t");
    assert_true(t.fired + t.skipped >= 120);
    assert_int_equal(t.missed, 0);
    trigger_row_fini(&t);
}

static void a_crowd_in_one_second__takes_several_batches(void **state)
{
    struct world *w = *state;
    struct buf text;
    at(w, "2026-01-01T00:00:30Z");
    for (int f = 0; f < 12; f++) {
        buf_init(&text, 64 * 1024);
        buf_addf(&text, "id: f%d\nnamespace: a.b\n" QUICK "triggers:\n", f);
        for (int i = 0; i < 100; i++)
            buf_addf(&text, "  - {id: t%d, cron: '0 * * * *', allowConcurrent: true}\n", i);
        world_apply_flow(w, text.data);
        buf_fini(&text);
    }
    world_live(w, 0);
    world_pass(w, HOUR);
    int count[2] = {0};
    for (int batch = 0; batch < 2; batch++) {
        world_pass(w, 1);
        world_tick(w);
        for (int f = 0; f < 12; f++) {
            char id[8];
            str_format(id, sizeof id, "f%d", f);
            count[batch] += world_executions(w, id, NULL);
        }
    }
    assert_int_equal(count[0], 200);
    assert_int_equal(count[1], 400);
}

/* ---- what is wrong ---- */

static void what_is_wrong_is_told(void **state)
{
    struct world *w = *state;
    refused(w, "cron: '0 25 * * *'", "trigger t: cron: ");
    refused(w, "cron: '0 0 30 2 *'", "trigger t: cron: ");
    refused(w, "cron: '@reboot'", "trigger t: cron: ");
    refused(w, "type: io.kestra.plugin.core.trigger.Schedule", "trigger t: cron: is missing");
    refused(w, "type: io.kestra.plugin.core.trigger.Schedule, cron: '0 0 3 * * *'",
            "trigger t: cron: ");
    refused(w, "type: io.kestra.plugin.core.trigger.Scedule, cron: '0 3 * * *'",
            "is not supported");
    refused(w, "cron: '* * * * *', timezone: Europe/Berln", "timezone: time zone 'Europe/Berln'");
    refused(w, "cron: '* * * * *', recoverMissedSchedules: SOME", "recoverMissedSchedules");
    refused(w, "cron: '* * * * *', startDate: yesterday", "startDate: 'yesterday' is neither");
    refused(w, "cron: '* * * * *', startDate: 2026-05-01, endDate: 2026-01-01",
            "lies before startDate");
    refused(w, "cron: '* * * * *', notAt: ['* * * * *']", "notAt: leaves out 5000 moments");
    refused(w, "cron: '@yearly', notAt: ['* * 1 1 *']",
            "notAt: leaves out all that cron '@yearly' names: it would never fire");
    refused(w, "cron: '* * * * *', notAt: ['99 * * * *']", "notAt: ");
    refused(w, "cron: '* * * * *', jitter: 2d", "jitter: ");
    refused(w, "cron: '* * * * *', interval: 1m", "interval: is for triggers that poll");
    refused(w, "cron: '* * * * *', command: [x]", "command: is for triggers that poll");
    refused(w, "cron: '* * * * *', workerGroup: {key: a}", "they need no agent");
    refused(w, "cron: '* * * * *', jiter: 1m", "did you mean");
}

static void a_schedule_is_not_evaluated(void **state)
{
    struct world *w = *state;
    apply(w, QUICK, "cron: '* * * * *'");
    assert_int_equal(world_do(w, cmd_place(w, CMD_TRIGGER_RUN, "f", "t")), 0);
    assert_int_equal(world_reply(w)->rc, ERR_CONFLICT);
}

static void a_kind_that_changes__is_another_trigger(void **state)
{
    struct world *w = *state;
    at(w, "2026-01-01T00:00:30Z");
    apply(w, QUICK, "cron: '* * * * *'");
    world_live(w, MINUTE);
    apply(w, QUICK, "interval: 1m, command: [x]");
    struct trigger_row t = world_trigger(w, "f", "t");
    assert_int_equal(t.kind, TRIGGER_POLLING);
    assert_int_equal(t.fired, 0);
    assert_null(t.cron);
    trigger_row_fini(&t);
}

/* "2026-03-29T03:00:00+02:00 ...", and " until TIME" when the search ended. */
static void assert_upcoming(struct world *w, int64_t count, const char *expected)
{
    struct command *c = cmd_place(w, CMD_TRIGGER_NEXT, "f", "t");
    struct json *j;
    char text[2000] = "";
    c->u.place.count = count;
    assert_int_equal(world_do(w, c), 0);
    assert_false(engine_wrote(w->engine));
    const struct reply *x = world_reply(w);
    if (x->rc) fail_msg("%s", err_text(&x->err));
    assert_int_equal(json_parse(x->json, strlen(x->json), &j, NULL), 0);
    for (const struct json *f = json_first(json_get(j, "firings")); f; f = json_next(f)) {
        size_t len = strlen(text);
        str_format(text + len, sizeof text - len, "%s%s", len ? " " : "",
                   json_get_str(f, "planned", "?"));
    }
    const char *searched = json_get_str(j, "searchedTo", NULL);
    size_t len = strlen(text);
    if (searched) str_format(text + len, sizeof text - len, "%suntil %s", len ? " " : "", searched);
    json_free(j);
    assert_string_equal(text, expected);
}

static void the_next_firings__are_those_that_come(void **state)
{
    struct world *w = *state;
    use_zones(w, "Europe/Berlin", "CET-1CEST,M3.5.0,M10.5.0/3");
    at(w, "2026-03-27T00:00:30Z");
    use_zones(w, "Europe/Berlin", "CET-1CEST,M3.5.0,M10.5.0/3");
    apply(w, QUICK, "cron: '30 2 * * *', timezone: Europe/Berlin");
    assert_upcoming(
        w, 3, "2026-03-27T02:30:00+01:00 2026-03-28T02:30:00+01:00 2026-03-29T03:00:00+02:00");
    world_live(w, DAY);
    assert_upcoming(w, 1, "2026-03-28T02:30:00+01:00");
    assert_history(w, 1, "fired 2026-03-27T01:30:00 1");
    /* disabled: as if it were enabled now */
    assert_int_equal(world_do(w, cmd_place(w, CMD_TRIGGER_DISABLE, "f", "t")), 0);
    world_live(w, 2 * DAY);
    assert_upcoming(w, 2, "2026-03-30T02:30:00+02:00 2026-03-31T02:30:00+02:00");
    world_restart(w);
    use_zones(w, "Europe/Berlin", "CET-1CEST,M3.5.0,M10.5.0/3");
    assert_upcoming(w, 1, "2026-03-30T02:30:00+02:00");
}

static void the_next_firings__end_where_the_schedule_does(void **state)
{
    struct world *w = *state;
    at(w, "2026-01-01T00:00:30Z");
    apply(w, QUICK, "cron: '0 3 * * *', endDate: 2026-01-02");
    assert_upcoming(w, 10, "2026-01-01T03:00:00Z 2026-01-02T03:00:00Z");
    apply(w, QUICK, "cron: '0 3 * * *', endDate: 2025-01-02");
    assert_upcoming(w, 10, "");
    apply(w, QUICK, "cron: '0 0 29 2 *'");
    assert_upcoming(w, 2, "2028-02-29T00:00:00Z 2032-02-29T00:00:00Z");
}

/* What leaves nearly all out is searched so far and no further: all seconds until Saturday. */
static void the_next_firings__are_searched_within_limits(void **state)
{
    struct world *w = *state;
    at(w, "2026-01-05T00:00:00Z");
    apply(w, QUICK, "cron: '* * * * * *', when: {weekend: true}");
    assert_upcoming(w, 10, "until 2026-01-05T15:16:39.000Z");
    apply(w, QUICK, "cron: '0 * * * *', when: {weekend: true}");
    assert_upcoming(w, 1, "2026-01-10T00:00:00Z");
    apply(w, QUICK, "cron: '@yearly', when: {dateTimeBetween: {after: '9000-01-01'}}");
    assert_upcoming(w, 1, "until 2477-01-01T00:00:00.000Z");
}

static void the_next_firings__of_another_kind__are_refused(void **state)
{
    struct world *w = *state;
    apply(w, QUICK, "interval: 1m, command: [x]");
    assert_int_equal(world_do(w, cmd_place(w, CMD_TRIGGER_NEXT, "f", "t")), 0);
    assert_int_equal(world_reply(w)->rc, ERR_CONFLICT);
    assert_int_equal(world_do(w, cmd_place(w, CMD_TRIGGER_NEXT, "f", "tt")), 0);
    assert_int_equal(world_reply(w)->rc, ERR_NOT_FOUND);
    assert_int_equal(world_do(w, cmd_place(w, CMD_TRIGGER_NEXT, "ff", "t")), 0);
    assert_int_equal(world_reply(w)->rc, ERR_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(moments_are_fired_one_by_one),
        WORLD_TEST(times_are_those_of_the_zone),
        WORLD_TEST(a_moment_is_not_fired_twice__whenever_it_dies),
        WORLD_TEST(what_is_due_while_its_execution_runs__is_skipped),
        WORLD_TEST(allow_concurrent__fires_beside),
        WORLD_TEST(six_fields_have_seconds),
        WORLD_TEST(kestras_type_is_taken),
        WORLD_TEST(missed__none__are_counted),
        WORLD_TEST(missed__is_told_in_the_log),
        WORLD_TEST(missed__last__is_fired_and_the_others_are_counted),
        WORLD_TEST(missed__all__are_fired_oldest_first),
        WORLD_TEST(missed__all__one_after_the_other_and_the_schedule_goes_on_beside),
        WORLD_TEST(missed__all__a_thousand_at_most),
        WORLD_TEST(missed__all__beyond_a_thousand__is_in_the_history),
        WORLD_TEST(a_month_of_seconds__does_not_stop_a_batch),
        WORLD_TEST(a_month_left_out__does_not_stop_a_batch),
        WORLD_TEST(a_busy_moment__is_not_missed),
        WORLD_TEST(a_clock_set_forward__plans_anew),
        WORLD_TEST(a_clock_set_back__fires_no_moment_twice),
        WORLD_TEST(a_clock_set_back_and_enabled__fires_no_moment_twice),
        WORLD_TEST(a_clock_set_back__misses_nothing),
        WORLD_TEST(a_last_moment_far_in_the_future__is_dropped),
        WORLD_TEST(a_last_moment_far_in_the_future__takes_what_waits_along),
        WORLD_TEST(a_zone_that_changes__moves_the_next_firing),
        WORLD_TEST(a_schedule_without_a_zone__keeps_the_default_that_it_was_applied_with),
        WORLD_TEST(what_did_not_change__does_not_move),
        WORLD_TEST(a_schedule_is_another__by_its_conditions_too),
        WORLD_TEST(disabled__fires_nothing_and_catches_up_with_nothing),
        WORLD_TEST(disabling__ends_what_is_caught_up_with),
        WORLD_TEST(stop_after__disables),
        WORLD_TEST(limits_are_kept),
        WORLD_TEST(not_at__leaves_minutes_out),
        WORLD_TEST(jitter__delays_the_same_moment_by_the_same),
        WORLD_TEST(jitter__longer_than_the_interval__misses_nothing),
        WORLD_TEST(a_crowd_in_one_second__takes_several_batches),
        WORLD_TEST(what_is_wrong_is_told),
        WORLD_TEST(a_schedule_is_not_evaluated),
        WORLD_TEST(a_kind_that_changes__is_another_trigger),
        WORLD_TEST(the_next_firings__are_those_that_come),
        WORLD_TEST(the_next_firings__end_where_the_schedule_does),
        WORLD_TEST(the_next_firings__are_searched_within_limits),
        WORLD_TEST(the_next_firings__of_another_kind__are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

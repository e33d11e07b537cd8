/* Backfills of schedules: each planned moment of a time that has passed gets one execution,
 * whatever happens to the coordinator, and the schedule goes on beside them. */
#include "flow_world.h"

#include "base/duration.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/engine/backfill.h"
#include "coordinator/engine/backfill_commands.h"
#include "coordinator/engine/fired.h"
#include "coordinator/store/reader.h"
#include "coordinator/store/reader_trigger.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#define MINUTE INT64_C(60000)
#define QUICK                                                                                      \
    "tasks: [{id: say, type: io.kestra.plugin.core.log.Log, message: \"{{ trigger.date }}\"}]\n"
#define SLOW "tasks: [{id: work, command: [work]}]\n"
#define DAILY "cron: '0 3 * * *'"

static void at(struct world *w, const char *text)
{
    if (time_parse(text, &w->now.wall_ms)) fail_msg("%s is no time", text);
    world_restart(w); /* the clocks agree from here on */
}

static void apply(struct world *w, const char *head, const char *keys)
{
    char *source = str_dupf("id: f\nnamespace: a.b\n%striggers: [{id: t, %s}]\n", head, keys);
    world_apply_flow(w, source);
    mem_free(source);
    world_live(w, 0);
}

static struct command *wish(struct world *w, const char *start, const char *end)
{
    struct command *c = cmd_place(w, CMD_TRIGGER_BACKFILL, "f", "t");
    c->u.backfill.start = mem_strdup(start);
    c->u.backfill.end = mem_strdup(end);
    c->u.backfill.parallel = 1;
    return c;
}

/* Its id. */
static int64_t begin(struct world *w, struct command *c)
{
    assert_int_equal(world_do(w, c), 0);
    const struct reply *x = world_reply(w);
    if (x->rc) fail_msg("%s", err_text(&x->err));
    assert_true(x->id > 0);
    return x->id;
}

static void refused(struct world *w, struct command *c, int rc, const char *expected)
{
    assert_int_equal(world_do(w, c), 0);
    const struct reply *x = world_reply(w);
    assert_int_equal(x->rc, rc);
    if (!strstr(err_text(&x->err), expected))
        fail_msg("'%s' is not in '%s'", expected, err_text(&x->err));
    assert_false(engine_wrote(w->engine));
}

static struct json *told(struct world *w, struct command *c)
{
    struct json *j;
    assert_int_equal(world_do(w, c), 0);
    const struct reply *x = world_reply(w);
    if (x->rc) fail_msg("%s", err_text(&x->err));
    assert_int_equal(json_parse(x->json, strlen(x->json), &j, NULL), 0);
    return j;
}

/* "started/open" of each that is under way. */
static void assert_open(struct world *w, const char *expected)
{
    struct json *j = told(w, cmd_place(w, CMD_TRIGGER_BACKFILLS, "f", "t"));
    char text[200] = "";
    for (const struct json *b = json_first(json_get(j, "backfills")); b; b = json_next(b)) {
        size_t len = strlen(text);
        str_format(text + len, sizeof text - len, "%s%lld/%lld", len ? " " : "",
                   (long long)json_get_int(b, "started", -1),
                   (long long)json_get_int(b, "open", -1));
    }
    json_free(j);
    assert_string_equal(text, expected);
}

#define DAYS_MOST 400

struct dates {
    char *vars[DAYS_MOST];
    int count;
};

static int keep_vars(const struct execution_row *x, void *user)
{
    struct dates *d = user;
    assert_true(d->count < DAYS_MOST);
    d->vars[d->count++] = mem_strdup(x->trigger_vars);
    return 0;
}

/* So many executions, none for the moment of another. */
static void assert_each_once(struct world *w, int count)
{
    struct dates d = {.count = 0};
    struct execution_filter f = {.ns = "a.b", .flow = "f", .limit = DAYS_MOST};
    struct reader *r;
    struct err e = {0};
    int64_t more;
    assert_int_equal(world_reader(w, &r, &e), 0);
    assert_int_equal(reader_executions(r, &f, keep_vars, &d, &more, &e), 0);
    reader_close(r);
    for (int i = 0; i < d.count; i++)
        for (int k = 0; k < i; k++)
            if (str_eq(d.vars[i], d.vars[k])) fail_msg("twice: %s", d.vars[i]);
    for (int i = 0; i < d.count; i++)
        mem_free(d.vars[i]);
    assert_int_equal(d.count, count);
}

static char *last_line;

static int keep_line(const struct evaluation_row *v, void *user)
{
    (void)user;
    mem_free(last_line);
    last_line = mem_strdup(v->message);
    return 1;
}

static void assert_line(struct world *w, const char *expected)
{
    struct trigger_row t = world_trigger(w, "f", "t");
    struct reader *r;
    struct err e = {0};
    assert_int_equal(world_reader(w, &r, &e), 0);
    assert_int_equal(reader_evaluations(r, t.id, keep_line, NULL, &e), 0);
    reader_close(r);
    trigger_row_fini(&t);
    if (!last_line || !strstr(last_line, expected))
        fail_msg("'%s' is not in '%s'", expected, last_line ? last_line : "(none)");
    mem_free(last_line);
    last_line = NULL;
}

static void end_last(struct world *w, struct hand *h)
{
    int64_t id = 0;
    world_executions(w, "f", &id);
    int64_t job = world_execution_job(w, id);
    hand_reopen(h);
    hand_start(h, job);
    hand_success(h, job, NULL);
    world_live(w, 10);
}

/* ---- what it starts ---- */

static void each_moment__has_an_execution(void **state)
{
    struct world *w = *state;
    at(w, "2026-02-01T12:00:00Z");
    apply(w, QUICK, DAILY);
    begin(w, wish(w, "2026-01-01", "2026-01-05"));
    world_live(w, 100);
    assert_each_once(w, 5);
    assert_open(w, "");
    int64_t id = 0;
    world_executions(w, "f", &id);
    struct execution_row x = world_execution(w, id);
    assert_string_equal(x.trigger_vars,
                        "{\"date\":\"2026-01-05T03:00:00Z\",\"next\":\"2026-01-06T03:00:00Z\","
                        "\"previous\":\"2026-01-04T03:00:00Z\"}");
    assert_string_equal(x.trigger, "t");
    assert_true(x.backfill > 0);
    execution_row_fini(&x);
    assert_line(w, "5 executions: it has come to its end");
    struct trigger_row t = world_trigger(w, "f", "t");
    assert_int_equal(t.fired, 0); /* none of its own */
    assert_int_equal(t.execution, 0);
    trigger_row_fini(&t);
}

static void both_ends__are_within(void **state)
{
    struct world *w = *state;
    at(w, "2026-02-01T12:00:00Z");
    apply(w, QUICK, DAILY);
    begin(w, wish(w, "2026-01-01T03:00:00Z", "2026-01-02T03:00:00Z"));
    begin(w, wish(w, "2026-01-01T03:00:01Z", "2026-01-03T02:59:59Z"));
    world_live(w, 100);
    assert_int_equal(world_executions(w, "f", NULL), 3);
}

static void one_at_a_time(void **state)
{
    struct world *w = *state;
    at(w, "2026-02-01T12:00:00Z");
    struct hand h = hand_open(w, "a", NULL, 4);
    apply(w, SLOW, DAILY);
    begin(w, wish(w, "2026-01-01", "2026-01-03"));
    world_live(w, 1000);
    assert_open(w, "1/1");
    for (int n = 0; n < 2; n++)
        end_last(w, &h);
    assert_open(w, "3/1");
    world_restart(w);
    assert_open(w, "3/1"); /* what is open is counted again */
    end_last(w, &h);
    assert_open(w, "");
    assert_each_once(w, 3);
}

static void parallel__so_many_at_a_time(void **state)
{
    struct world *w = *state;
    at(w, "2026-02-01T12:00:00Z");
    apply(w, SLOW, DAILY);
    struct command *c = wish(w, "2026-01-01", "2026-01-20");
    c->u.backfill.parallel = 12;
    begin(w, c);
    world_live(w, 1000);
    assert_open(w, "12/12");
}

static void the_schedule__goes_on_beside(void **state)
{
    struct world *w = *state;
    at(w, "2026-02-01T12:00:30Z");
    apply(w, SLOW, "cron: '* * * * *'");
    begin(w, wish(w, "2026-01-01T00:00", "2026-01-01T01:00"));
    world_live(w, 2 * MINUTE);
    struct trigger_row t = world_trigger(w, "f", "t");
    assert_int_equal(t.fired, 1); /* that one is under way */
    assert_int_equal(t.skipped, 1);
    trigger_row_fini(&t);
    assert_open(w, "1/1");
    world_restart(w);
    world_live(w, MINUTE);
    t = world_trigger(w, "f", "t");
    assert_int_equal(t.skipped, 2);
    trigger_row_fini(&t);
}

static void stop_after__does_not_look_at_them(void **state)
{
    struct world *w = *state;
    at(w, "2026-02-01T12:00:00Z");
    apply(w, QUICK, DAILY ", stopAfter: [SUCCESS]");
    begin(w, wish(w, "2026-01-01", "2026-01-05"));
    world_live(w, 100);
    assert_int_equal(world_executions(w, "f", NULL), 5);
    struct trigger_row t = world_trigger(w, "f", "t");
    assert_false(t.disabled);
    trigger_row_fini(&t);
}

static void inputs__lie_over_those_of_the_trigger(void **state)
{
    struct world *w = *state;
    at(w, "2026-02-01T12:00:00Z");
    apply(w,
          "inputs: [{id: a, type: STRING}, {id: b, type: STRING}, {id: n, type: INT, "
          "defaults: 1}]\n" QUICK,
          DAILY ", inputs: {a: one, b: two}");
    struct command *c = wish(w, "2026-01-01", "2026-01-01");
    assert_int_equal(json_parse("{\"b\":\"{{ trigger.date }}\"}", 26, &c->u.backfill.inputs, NULL),
                     0);
    begin(w, c);
    world_live(w, 100);
    int64_t id = 0;
    world_executions(w, "f", &id);
    struct execution_row x = world_execution(w, id);
    assert_string_equal(x.inputs, "{\"a\":\"one\",\"b\":\"2026-01-01T03:00:00Z\",\"n\":1}");
    execution_row_fini(&x);
    c = wish(w, "2026-01-01", "2026-01-01");
    assert_int_equal(json_parse("{\"n\":\"many\"}", 12, &c->u.backfill.inputs, NULL), 0);
    refused(w, c, ERR_INVALID, "n");
    c = wish(w, "2026-01-01", "2026-01-01");
    assert_int_equal(json_parse("{\"c\":\"x\"}", 9, &c->u.backfill.inputs, NULL), 0);
    refused(w, c, ERR_INVALID, "c");
}

/* ---- whatever happens ---- */

static void no_moment_twice_and_none_lost__whenever_it_dies(void **state)
{
    struct world *w = *state;
    at(w, "2026-02-01T12:00:00Z");
    apply(w, QUICK, DAILY);
    begin(w, wish(w, "2025-12-01", "2026-01-31"));
    for (int n = 0; n < 12; n++) {
        world_pass(w, 2);
        world_begin(w);
        world_crash(w); /* in the batch that goes on */
        world_pass(w, 2);
        world_tick(w);
        world_crash(w); /* behind it */
    }
    world_live(w, 1000);
    assert_open(w, "");
    assert_each_once(w, 62);
}

static void a_long_one__leaves_room_in_each_batch(void **state)
{
    struct world *w = *state;
    at(w, "2026-02-01T12:00:00Z");
    apply(w, QUICK, "cron: '* * * * * *', disabled: true");
    struct command *c = wish(w, "2000-01-01", "2025-12-31");
    c->u.backfill.parallel = BACKFILL_PARALLEL;
    begin(w, c);
    for (int n = 1; n <= 10; n++) {
        int before = world_executions(w, "f", NULL);
        world_pass(w, 1);
        world_tick(w);
        int now = world_executions(w, "f", NULL);
        assert_in_range(now - before, 0, BACKFILL_BEGIN_MOST);
    }
    assert_true(world_executions(w, "f", NULL) > BACKFILL_BEGIN_MOST);
}

static void a_flow_that_refuses_more__is_waited_for(void **state)
{
    struct world *w = *state;
    at(w, "2026-02-01T12:00:00Z");
    apply(w, "concurrency: {limit: 1, behavior: FAIL}\n" SLOW, DAILY);
    struct command *c = wish(w, "2026-01-01", "2026-01-20");
    c->u.backfill.parallel = 5;
    begin(w, c);
    world_live(w, 5000);
    assert_open(w, "1/1");
    assert_int_equal(world_executions(w, "f", NULL), 1);
}

static void a_flow_that_is_disabled__is_waited_for(void **state)
{
    struct world *w = *state;
    at(w, "2026-02-01T12:00:00Z");
    struct hand h = hand_open(w, "a", NULL, 4);
    apply(w, SLOW, DAILY);
    begin(w, wish(w, "2026-01-01", "2026-01-03"));
    world_live(w, 10);
    apply(w, "disabled: true\n" SLOW, DAILY);
    end_last(w, &h);
    world_live(w, 5000);
    assert_open(w, "1/0");
    apply(w, SLOW, DAILY);
    world_live(w, 5000);
    assert_open(w, "2/1");
}

static void a_schedule_that_changes__is_followed(void **state)
{
    struct world *w = *state;
    at(w, "2026-02-01T12:00:00Z");
    struct hand h = hand_open(w, "a", NULL, 4);
    apply(w, SLOW, DAILY);
    begin(w, wish(w, "2026-01-01", "2026-01-03"));
    world_live(w, 10);
    apply(w, QUICK, "cron: '0 */6 * * *'");
    end_last(w, &h);
    world_live(w, 1000);
    assert_open(w, "");
    assert_each_once(w, 1 + 11);
}

static void a_trigger_that_is_removed__ends_it(void **state)
{
    struct world *w = *state;
    at(w, "2026-02-01T12:00:00Z");
    struct hand h = hand_open(w, "a", NULL, 4);
    apply(w, SLOW, DAILY);
    begin(w, wish(w, "2026-01-01", "2026-01-03"));
    world_live(w, 10);
    apply(w, SLOW, "interval: 1h, command: [x]");
    apply(w, SLOW, "cron: '* * * * *'"); /* another of the same name */
    assert_open(w, "");
    world_live(w, MINUTE); /* the execution of the backfill holds back none of it */
    struct trigger_row t = world_trigger(w, "f", "t");
    assert_int_equal(t.fired, 1);
    trigger_row_fini(&t);
    world_restart(w);
    assert_open(w, "");
    end_last(w, &h);
    world_live(w, 1000);
    assert_each_once(w, 2);
    begin(w, wish(w, "2026-01-01", "2026-01-03"));
    world_live(w, 10);
    assert_int_equal(world_do(w, cmd_place(w, CMD_FLOW_DELETE, "f", NULL)), 0);
    world_live(w, 1000);
    world_restart(w);
    world_live(w, 1000);
    assert_int_equal(world_executions(w, "f", NULL), 3);
}

static void cancelled__it_starts_none_any_more(void **state)
{
    struct world *w = *state;
    at(w, "2026-02-01T12:00:00Z");
    struct hand h = hand_open(w, "a", NULL, 4);
    apply(w, SLOW, DAILY);
    int64_t id = begin(w, wish(w, "2026-01-01", "2026-01-03"));
    world_live(w, 10);
    struct command *c = cmd_place(w, CMD_TRIGGER_BACKFILL_CANCEL, "f", "t");
    c->u.place.backfill = id;
    begin(w, c);
    assert_open(w, "");
    assert_line(w, "1 executions: cancelled by ");
    end_last(w, &h);
    world_live(w, 1000);
    assert_each_once(w, 1);
    c = cmd_place(w, CMD_TRIGGER_BACKFILL_CANCEL, "f", "t");
    c->u.place.backfill = id;
    refused(w, c, ERR_NOT_FOUND, "has no such backfill under way");
}

/* ---- those that were missed ---- */

static struct command *missed(struct world *w, const char *start, const char *end)
{
    struct command *c = wish(w, start, end);
    c->u.backfill.missed = true;
    c->u.backfill.parallel = 5;
    return c;
}

static void away(struct world *w, int64_t ms)
{
    world_die(w);
    world_pass(w, ms);
    world_rise(w);
    world_live(w, 100);
}

struct open_jobs {
    int64_t jobs[50];
    int count;
};

static int keep_job(const struct execution_row *x, void *user)
{
    struct open_jobs *o = user;
    if (!execution_is_final(x->state) && o->count < 50) o->jobs[o->count++] = x->id;
    return 0;
}

static void end_all(struct world *w, struct hand *h)
{
    struct open_jobs o = {.count = 0};
    struct execution_filter f = {.ns = "a.b", .flow = "f", .limit = DAYS_MOST};
    struct reader *r;
    struct err e = {0};
    int64_t more;
    assert_int_equal(world_reader(w, &r, &e), 0);
    assert_int_equal(reader_executions(r, &f, keep_job, &o, &more, &e), 0);
    reader_close(r);
    for (int i = 0; i < o.count; i++)
        o.jobs[i] = world_execution_job(w, o.jobs[i]);
    hand_reopen(h);
    for (int i = 0; i < o.count; i++) {
        if (o.jobs[i] == 0) continue;
        hand_start(h, o.jobs[i]);
        hand_success(h, o.jobs[i], NULL);
    }
    world_live(w, 10);
}

static int64_t ranges(struct world *w)
{
    struct trigger_row t = world_trigger(w, "f", "t");
    int64_t count = -1;
    assert_int_equal(store_fired_count(w->store, t.id, &count, NULL), 0);
    trigger_row_fini(&t);
    return count;
}

/* Two days on time, two weeks away with the last one caught up with, two days on time. */
static void live_with_a_gap(struct world *w)
{
    w->config.retention_ms = 365 * 1440 * MINUTE;
    at(w, "2026-01-01T12:00:00Z");
    apply(w, QUICK, DAILY);
    for (int n = 0; n < 2; n++)
        world_live(w, 1440 * MINUTE);
    away(w, 14 * 1440 * MINUTE);
    for (int n = 0; n < 2; n++)
        world_live(w, 1440 * MINUTE);
    assert_each_once(w, 5);
    assert_int_equal(ranges(w), 2);
}

static void missed__those_alone_that_have_no_execution(void **state)
{
    struct world *w = *state;
    live_with_a_gap(w);
    begin(w, missed(w, "2025-12-30", "2026-01-18"));
    world_live(w, 100);
    assert_open(w, "");
    assert_line(w, "16 executions: it has come to its end");
    assert_each_once(w, 5 + 16);
    assert_int_equal(ranges(w), 1); /* from 2025-12-30 on it has no gap */
    refused(w, missed(w, "2025-12-30", "2026-01-18"), ERR_INVALID, "nothing was missed");
    begin(w, wish(w, "2026-01-03", "2026-01-03")); /* one that asks for all gets all */
    world_live(w, 100);
    assert_int_equal(world_executions(w, "f", NULL), 5 + 16 + 1);
}

static void missed__a_dry_run_counts_them(void **state)
{
    struct world *w = *state;
    live_with_a_gap(w);
    struct command *c = missed(w, "2026-01-01", "2026-01-18");
    c->u.backfill.dry_run = true;
    struct json *j = told(w, c);
    assert_false(engine_wrote(w->engine));
    assert_int_equal(json_get_int(j, "count", -1), 14); /* the first lies before it was there */
    assert_int_equal(json_count(json_get(j, "firings")), 14);
    assert_string_equal(json_get_str(json_first(json_get(j, "firings")), "planned", "?"),
                        "2026-01-01T03:00:00Z");
    json_free(j);
    c = missed(w, "2026-01-02", "2026-01-03");
    c->u.backfill.dry_run = true;
    j = told(w, c);
    assert_int_equal(json_get_int(j, "count", -1), 0);
    json_free(j);
}

static void missed__whenever_it_dies__each_once(void **state)
{
    struct world *w = *state;
    live_with_a_gap(w);
    begin(w, missed(w, "2025-12-01", "2026-01-18"));
    begin(w, missed(w, "2025-12-10", "2026-01-10")); /* another beside it has others */
    for (int n = 0; n < 12; n++) {
        world_pass(w, 2);
        world_begin(w);
        world_crash(w);
        world_pass(w, 2);
        world_tick(w);
        world_crash(w);
    }
    world_live(w, 1000);
    assert_open(w, "");
    assert_each_once(w, 31 + 19);
    assert_int_equal(ranges(w), 1);
}

static void missed__those_that_wait_are_caught_up_with_and_not_filled_in(void **state)
{
    struct world *w = *state;
    at(w, "2026-01-01T12:00:00Z");
    struct hand h = hand_open(w, "a", NULL, 20);
    apply(w, SLOW, DAILY ", recoverMissedSchedules: ALL");
    away(w, 10 * 1440 * MINUTE); /* one of ten is under way, and nine wait */
    begin(w, missed(w, "2025-12-31", "2026-01-11T04:00"));
    world_live(w, 1000);
    assert_open(w, "2/2"); /* the two before it was there */
    for (int n = 0; n < 12; n++)
        end_all(w, &h);
    world_live(w, 1000);
    assert_open(w, "");
    assert_each_once(w, 10 + 2);
}

static void missed__what_is_not_decided_yet_is_waited_for(void **state)
{
    struct world *w = *state;
    at(w, "2026-01-01T12:00:00Z");
    apply(w, QUICK, DAILY ", jitter: 12h");
    struct trigger_row t = world_trigger(w, "f", "t");
    int64_t due_ms = t.next_ms; /* of the 2nd, at 3:00 and later */
    trigger_row_fini(&t);
    world_live(w, due_ms - w->now.wall_ms - MINUTE);
    char now[TIME_TEXT_SIZE];
    time_format(w->now.wall_ms, now);
    refused(w, missed(w, "2026-01-01T12:00", now), ERR_INVALID, "nothing was missed");
    begin(w, missed(w, "2025-12-31", now));
    world_live(w, 100);
    assert_int_equal(world_executions(w, "f", NULL), 2);
    world_live(w, 2 * MINUTE);
    assert_open(w, "");
    assert_each_once(w, 3); /* it fired at its own time */
}

static void missed__a_disabled_trigger_decides_nothing_any_more(void **state)
{
    struct world *w = *state;
    at(w, "2026-01-01T12:00:00Z");
    apply(w, QUICK, DAILY);
    world_live(w, 1440 * MINUTE);
    assert_int_equal(world_do(w, cmd_place(w, CMD_TRIGGER_DISABLE, "f", "t")), 0);
    world_live(w, 3 * 1440 * MINUTE);
    begin(w, missed(w, "2026-01-01T12:00", "2026-01-05T04:00"));
    world_live(w, 10);
    assert_each_once(w, 4);
    assert_int_equal(world_do(w, cmd_place(w, CMD_TRIGGER_ENABLE, "f", "t")), 0);
    world_live(w, 1440 * MINUTE);
    assert_each_once(w, 5);
}

static void missed__a_moment_that_was_skipped_has_none(void **state)
{
    struct world *w = *state;
    at(w, "2026-01-01T12:00:00Z");
    apply(w, SLOW, DAILY);
    world_live(w, 3 * 1440 * MINUTE); /* the first one waits for an agent */
    assert_int_equal(world_executions(w, "f", NULL), 1);
    begin(w, missed(w, "2026-01-01T12:00", "2026-01-04T04:00"));
    world_live(w, 100);
    assert_open(w, "2/2");
    assert_each_once(w, 3);
}

static void missed__a_long_one_that_fired_is_passed_at_once(void **state)
{
    struct world *w = *state;
    at(w, "2026-01-01T12:00:00Z");
    apply(w, QUICK, "cron: '0 * * * * *'");
    struct trigger_row t = world_trigger(w, "f", "t");
    struct fired_range year = {w->now.wall_ms - 365 * 1440 * MINUTE, w->now.wall_ms};
    world_begin(w);
    assert_int_equal(store_fired_put(w->store, t.id, &year, NULL), 0);
    assert_int_equal(store_commit(w->store, NULL), 0);
    trigger_row_fini(&t);
    world_restart(w);
    world_live(w, MINUTE);
    begin(w, missed(w, "2025-01-01T11:50", "2026-01-01T12:00"));
    world_live(w, 50); /* half a million moments */
    assert_open(w, "");
    assert_int_equal(world_executions(w, "f", NULL), 10 + 1);
}

static void missed__what_is_not_known_is_not_started_again(void **state)
{
    struct world *w = *state;
    at(w, "2026-02-01T00:00:30Z");
    apply(w, SLOW, "cron: '0 * * * * *'");
    struct trigger_row t = world_trigger(w, "f", "t");
    world_begin(w);
    for (int64_t n = 0; n <= FIRED_RANGES_MOST; n++) {
        int64_t ms = w->now.wall_ms - 30000 - (1000 + 2 * n) * MINUTE;
        assert_int_equal(store_fired_put(w->store, t.id, &(struct fired_range){ms, ms}, NULL), 0);
    }
    assert_int_equal(store_commit(w->store, NULL), 0);
    trigger_row_fini(&t);
    world_restart(w);
    world_live(w, MINUTE); /* one more is too many */
    assert_int_equal(ranges(w), FIRED_RANGES_MOST);
    refused(w, missed(w, "2026-01-01", "2026-01-31"), ERR_INVALID,
            "fired is not known up to 2026-01-24T08:");
    begin(w, missed(w, "2026-01-25", "2026-01-31"));
    begin(w, wish(w, "2026-01-01", "2026-01-31"));
}

static void missed__what_is_not_known__does_not_grow(void **state)
{
    struct world *w = *state;
    at(w, "2026-02-01T00:00:30Z");
    apply(w, QUICK, "cron: '0 * * * * *'");
    struct trigger_row t = world_trigger(w, "f", "t");
    world_begin(w);
    assert_int_equal(store_fired_put(w->store, t.id,
                                     &(struct fired_range){0, w->now.wall_ms - 30000}, NULL),
                     0);
    assert_int_equal(store_commit(w->store, NULL), 0);
    trigger_row_fini(&t);
    world_restart(w);
    world_live(w, 10 * MINUTE); /* the first of these follows what is not known */
    assert_int_equal(ranges(w), 2);
    refused(w, missed(w, "2026-01-01", "2026-02-01T00:05"), ERR_INVALID,
            "fired is not known up to 2026-02-01T00:00:00");
}

/* ---- what is told ---- */

static void a_dry_run__tells_and_does_nothing(void **state)
{
    struct world *w = *state;
    at(w, "2026-02-01T12:00:00Z");
    apply(w, QUICK, DAILY);
    struct command *c = wish(w, "2026-01-01", "2026-01-03");
    c->u.backfill.dry_run = true;
    struct json *j = told(w, c);
    assert_false(engine_wrote(w->engine));
    assert_int_equal(json_count(json_get(j, "firings")), 3);
    assert_string_equal(json_get_str(json_first(json_get(j, "firings")), "planned", "?"),
                        "2026-01-01T03:00:00Z");
    assert_false(json_get_bool(j, "more", true));
    json_free(j);
    c = wish(w, "2025-01-01", "2026-01-03");
    c->u.backfill.dry_run = true;
    j = told(w, c);
    assert_int_equal(json_count(json_get(j, "firings")), BACKFILL_SHOWN);
    assert_true(json_get_bool(j, "more", false));
    json_free(j);
    world_live(w, 1000);
    assert_int_equal(world_executions(w, "f", NULL), 0);
    assert_open(w, "");
}

static void what_is_wrong__is_told(void **state)
{
    struct world *w = *state;
    at(w, "2026-02-01T12:00:00Z");
    apply(w, SLOW, DAILY);
    refused(w, wish(w, "yesterday", "2026-01-03"), ERR_INVALID, "start: 'yesterday' is neither");
    refused(w, wish(w, "2026-01-01", "2026-02-30"), ERR_INVALID, "end: '2026-02-30' is neither");
    refused(w, wish(w, "2026-01-04", "2026-01-03"), ERR_INVALID, "end lies before start");
    refused(w, wish(w, "2026-01-04", "2026-02-01"), ERR_INVALID, "lies in the future");
    refused(w, wish(w, "2026-01-04T04:00", "2026-01-04T05:00"), ERR_INVALID, "nothing is planned");
    for (int n = 0; n < BACKFILLS_MOST; n++)
        begin(w, wish(w, "2026-01-01", "2026-01-03"));
    refused(w, wish(w, "2026-01-01", "2026-01-03"), ERR_CONFLICT, "20 backfills under way");
    apply(w, "disabled: true\n" SLOW, DAILY);
    refused(w, wish(w, "2026-01-01", "2026-01-03"), ERR_CONFLICT, "is disabled");
    apply(w, SLOW, "interval: 1h, command: [x]");
    refused(w, wish(w, "2026-01-01", "2026-01-03"), ERR_CONFLICT, "is no schedule");
    refused(w, cmd_place(w, CMD_TRIGGER_BACKFILLS, "f", "tt"), ERR_NOT_FOUND, "no trigger");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(each_moment__has_an_execution),
        WORLD_TEST(both_ends__are_within),
        WORLD_TEST(one_at_a_time),
        WORLD_TEST(parallel__so_many_at_a_time),
        WORLD_TEST(the_schedule__goes_on_beside),
        WORLD_TEST(stop_after__does_not_look_at_them),
        WORLD_TEST(inputs__lie_over_those_of_the_trigger),
        WORLD_TEST(no_moment_twice_and_none_lost__whenever_it_dies),
        WORLD_TEST(a_long_one__leaves_room_in_each_batch),
        WORLD_TEST(a_flow_that_refuses_more__is_waited_for),
        WORLD_TEST(a_flow_that_is_disabled__is_waited_for),
        WORLD_TEST(a_schedule_that_changes__is_followed),
        WORLD_TEST(a_trigger_that_is_removed__ends_it),
        WORLD_TEST(cancelled__it_starts_none_any_more),
        WORLD_TEST(missed__those_alone_that_have_no_execution),
        WORLD_TEST(missed__a_dry_run_counts_them),
        WORLD_TEST(missed__whenever_it_dies__each_once),
        WORLD_TEST(missed__those_that_wait_are_caught_up_with_and_not_filled_in),
        WORLD_TEST(missed__what_is_not_decided_yet_is_waited_for),
        WORLD_TEST(missed__a_disabled_trigger_decides_nothing_any_more),
        WORLD_TEST(missed__a_moment_that_was_skipped_has_none),
        WORLD_TEST(missed__a_long_one_that_fired_is_passed_at_once),
        WORLD_TEST(missed__what_is_not_known_is_not_started_again),
        WORLD_TEST(missed__what_is_not_known__does_not_grow),
        WORLD_TEST(a_dry_run__tells_and_does_nothing),
        WORLD_TEST(what_is_wrong__is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Leases, in mono time. */
#include "engine_world.h"

#include "base/mem.h"
#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define LEASE 300000
#define KILL_TIME 15000

static void lease_expires__while_offline__lost(void **state)
{
    struct world *w = *state;
    uint64_t s = world_connect(w, world_agent(w, "a", NULL), NULL, 1);
    int64_t id = world_running(w, s, NULL, 1);
    world_do(w, cmd_gone(s));
    world_live(w, LEASE + KILL_TIME - 1);
    assert_int_equal(world_state(w, id), JOB_RUNNING);
    world_live(w, 1);
    assert_int_equal(world_state(w, id), JOB_FAILED);
    assert_int_equal(world_reason(w, id), REASON_LOST);
    struct job_row j = world_job(w, id);
    assert_string_equal(j.message, "agent a was out of touch longer than the lease of 5m");
    job_row_fini(&j);
}

static void lease_expires__with_retry__requeues_once(void **state)
{
    struct world *w = *state;
    uint64_t s = world_connect(w, world_agent(w, "a", NULL), NULL, 1);
    struct command *c = cmd_submit(w, NULL, NULL);
    c->u.submit.job.retry = (struct retry){.type = RETRY_CONSTANT, .max_attempts = 2};
    world_do(w, c);
    int64_t id = world_reply(w)->id;
    world_do(w, cmd_started(s, 1, id, 1));
    world_do(w, cmd_gone(s));
    world_live(w, LEASE + KILL_TIME);
    assert_int_equal(world_state(w, id), JOB_CREATED);
    uint64_t b = world_connect(w, world_agent(w, "b", NULL), NULL, 1);
    assert_int_equal(world_effect(w, EFFECT_JOB)->u.job.attempt, 2);
    world_do(w, cmd_gone(b));
    world_live(w, LEASE + KILL_TIME);
    assert_int_equal(world_state(w, id), JOB_FAILED);
}

static void any_message__renews_it(void **state)
{
    struct world *w = *state;
    uint64_t s = world_connect(w, world_agent(w, "a", NULL), NULL, 2);
    int64_t id = world_running(w, s, NULL, 1);
    world_live(w, 200000);
    world_do(w, cmd_heard_on(w, s));
    world_live(w, 200000);
    world_do(w, cmd_output(s, 2, id, 1, 0, "x"));
    world_live(w, 200000);
    world_do(w, cmd_output(s, 2, id, 1, 0, "x")); /* a duplicate is a sign of life, too */
    world_live(w, 200000);
    world_do(w, cmd_ready(s));
    world_live(w, LEASE + KILL_TIME - 1);
    assert_int_equal(world_state(w, id), JOB_RUNNING);
    world_live(w, 1);
    assert_int_equal(world_reason(w, id), REASON_LOST);
}

static void silent_on_an_open_link__lost_and_the_link_is_closed(void **state)
{
    struct world *w = *state;
    uint64_t s = world_connect(w, world_agent(w, "a", NULL), NULL, 2);
    int64_t id = world_running(w, s, NULL, 1);
    world_live(w, LEASE + KILL_TIME);
    assert_int_equal(world_reason(w, id), REASON_LOST);
    assert_int_equal(world_effect(w, EFFECT_CLOSE)->session, s);
    world_submit(w, NULL, NULL);
    assert_null(world_effect(w, EFFECT_JOB));
    world_do(w, cmd_gone(s));
    assert_int_equal(w->effects.count, 0);
}

static void own_lease_and_grace__count(void **state)
{
    struct world *w = *state;
    uint64_t s = world_connect(w, world_agent(w, "a", NULL), NULL, 2);
    int64_t slow = world_running(w, s, NULL, 1);
    struct command *c = cmd_submit(w, NULL, NULL);
    c->u.submit.job.lease_ms = 20000;
    c->u.submit.job.kill_grace_ms = 60000;
    world_do(w, c);
    int64_t id = world_reply(w)->id;
    assert_int_equal(world_effect(w, EFFECT_JOB)->u.job.lease_ms, 20000);
    world_do(w, cmd_gone(s));
    world_live(w, 84999);
    assert_int_equal(world_state(w, id), JOB_SUBMITTED);
    world_live(w, 1);
    assert_int_equal(world_reason(w, id), REASON_LOST);
    assert_int_equal(world_state(w, slow), JOB_RUNNING);
    world_live(w, LEASE + KILL_TIME);
    assert_int_equal(world_reason(w, slow), REASON_LOST);
}

static void handed_out_long_after_the_last_word__has_a_whole_lease(void **state)
{
    struct world *w = *state;
    uint64_t s = world_connect(w, world_agent(w, "a", NULL), NULL, 1);
    world_live(w, 200000); /* silent, and nothing to lose */
    int64_t id = world_submit(w, NULL, NULL);
    assert_non_null(world_effect(w, EFFECT_JOB));
    (void)s;
    world_live(w, LEASE + KILL_TIME - 1);
    assert_int_equal(world_state(w, id), JOB_SUBMITTED);
    world_live(w, 1);
    assert_int_equal(world_reason(w, id), REASON_LOST);
}

static void coordinator_starts_anew__every_lease_does(void **state)
{
    struct world *w = *state;
    uint64_t s = world_connect(w, world_agent(w, "a", NULL), NULL, 1);
    int64_t id = world_running(w, s, NULL, 1);
    world_pass(w, LEASE + KILL_TIME - 1000);
    world_die(w);
    world_pass(w, 3600000);
    world_rise(w);
    world_live(w, LEASE + KILL_TIME - 1);
    assert_int_equal(world_state(w, id), JOB_RUNNING);
    world_live(w, 1);
    assert_int_equal(world_reason(w, id), REASON_LOST);
}

static void coordinator_stood_still__every_lease_begins_afresh(void **state)
{
    struct world *w = *state;
    uint64_t s = world_connect(w, world_agent(w, "a", NULL), NULL, 1);
    int64_t id = world_running(w, s, NULL, 1);
    world_pass(w, 10 * LEASE);
    world_do(w, cmd_awake(10 * LEASE));
    assert_int_equal(world_state(w, id), JOB_RUNNING);
    world_do(w, cmd_gone(s)); /* it had enough of waiting; its result comes when it is back */
    world_live(w, LEASE + KILL_TIME - 1);
    assert_int_equal(world_state(w, id), JOB_RUNNING);
    world_live(w, 1);
    assert_int_equal(world_reason(w, id), REASON_LOST);
}

static void coordinator_stood_still__counts_for_no_timeout(void **state)
{
    struct world *w = *state;
    uint64_t s = world_connect(w, world_agent(w, "a", NULL), NULL, 2);
    struct command *c = cmd_submit(w, NULL, NULL);
    c->u.submit.job.timeout_ms = 60000;
    world_do(w, c);
    int64_t timed = world_reply(w)->id, killed = world_submit(w, NULL, NULL);
    world_do(w, cmd_started(s, 1, timed, 1));
    world_do(w, cmd_started(s, 2, killed, 1));
    c = command_new(CMD_CANCEL);
    c->request = 99;
    c->u.id = killed;
    world_do(w, c);
    world_pass(w, 10 * LEASE);
    world_do(w, cmd_awake(10 * LEASE));
    assert_int_equal(world_state(w, timed), JOB_RUNNING);
    assert_int_equal(world_state(w, killed), JOB_KILLING);
    world_live(w, 60000 + 10000 + 30000 - 1); /* timeout, grace, slack of the backstop */
    assert_int_equal(world_state(w, timed), JOB_RUNNING);
    world_live(w, 1);
    assert_int_equal(world_state(w, timed), JOB_KILLING);
}

static void coordinator_stood_still__agents_are_expected_back(void **state)
{
    struct world *w = *state;
    uint64_t s = world_connect(w, world_agent(w, "a", NULL), NULL, 1);
    world_pass(w, 10 * LEASE);
    world_do(w, cmd_awake(10 * LEASE));
    world_do(w, cmd_gone(s));
    struct command *c = cmd_submit(w, NULL, NULL);
    c->u.submit.job.fallback = FALLBACK_FAIL;
    world_do(w, c);
    int64_t id = world_reply(w)->id;
    assert_int_equal(world_state(w, id), JOB_CREATED);
    world_live(w, LEASE);
    assert_int_equal(world_reason(w, id), REASON_NO_AGENT);
}

static void wall_clock_jumps__change_nothing(void **state)
{
    struct world *w = *state;
    uint64_t s = world_connect(w, world_agent(w, "a", NULL), NULL, 1);
    int64_t id = world_running(w, s, NULL, 1);
    world_do(w, cmd_gone(s));
    w->now.wall_ms += 86400000;
    world_tick(w);
    assert_int_equal(world_state(w, id), JOB_RUNNING);
    w->now.wall_ms -= 2 * 86400000;
    world_live(w, LEASE + KILL_TIME - 1);
    assert_int_equal(world_state(w, id), JOB_RUNNING);
    world_live(w, 1);
    assert_int_equal(world_reason(w, id), REASON_LOST);
}

static void mono_clock_that_goes_back__is_not_believed(void **state)
{
    struct world *w = *state;
    uint64_t s = world_connect(w, world_agent(w, "a", NULL), NULL, 1);
    int64_t id = world_running(w, s, NULL, 1);
    w->now.mono_ms -= 500000;
    world_do(w, cmd_heard_on(w, s));
    assert_int_equal(world_state(w, id), JOB_RUNNING);
    w->now.mono_ms += 500000;
    world_tick(w);
    assert_int_equal(world_state(w, id), JOB_RUNNING);
}

static void cancelled_while_away__killed_at_lease_end(void **state)
{
    struct world *w = *state;
    uint64_t s = world_connect(w, world_agent(w, "a", NULL), NULL, 1);
    struct command *c = cmd_submit(w, NULL, NULL);
    c->u.submit.job.retry = (struct retry){.type = RETRY_CONSTANT, .max_attempts = 9};
    world_do(w, c);
    int64_t id = world_reply(w)->id;
    world_do(w, cmd_started(s, 1, id, 1));
    world_do(w, cmd_gone(s));
    world_live(w, 100000);
    world_do(w, cmd_id(w, CMD_CANCEL, id));
    assert_int_equal(world_state(w, id), JOB_KILLING);
    world_live(w, LEASE + KILL_TIME - 100000);
    assert_int_equal(world_state(w, id), JOB_KILLED);
    assert_int_equal(world_reason(w, id), REASON_CANCELLED);
}

static void idle__no_timer_but_the_upkeep(void **state)
{
    struct world *w = *state;
    uint64_t s = world_connect(w, world_agent(w, "a", NULL), NULL, 1);
    int64_t id = world_running(w, s, NULL, 1);
    world_do(w, cmd_finished(s, 2, id, 1, JOB_SUCCESS, REASON_NONE));
    world_live(w, 1000000);
    assert_true(engine_next_ms(w->engine) - w->now.mono_ms > 60000);
    int64_t next = engine_next_ms(w->engine);
    world_do(w, cmd_heard_on(w, s)); /* the first of this minute */
    world_pass(w, 1000);
    world_begin(w);
    world_apply(w, cmd_heard_on(w, s));
    assert_false(store_dirty(w->store));
    world_commit(w);
    assert_int_equal(engine_next_ms(w->engine), next);
}

/* ---- upkeep ---- */

static void upkeep__old_jobs_and_keys_are_forgotten(void **state)
{
    struct world *w = *state;
    struct command *c = cmd_submit(w, NULL, NULL);
    c->u.submit.job.unique_key = mem_strdup("k");
    world_do(w, c);
    int64_t id = world_reply(w)->id, open_one = world_submit(w, NULL, NULL), again;
    world_do(w, cmd_id(w, CMD_CANCEL, id));
    assert_int_equal(store_job_find_key(w->store, "-/k", &again, NULL), 1);
    world_live(w, INT64_C(25) * 3600 * 1000);
    assert_int_equal(store_job_find_key(w->store, "-/k", &again, NULL), 0);
    assert_int_equal(world_state(w, id), JOB_CANCELLED);
    world_live(w, INT64_C(7) * 24 * 3600 * 1000);
    struct job_row row;
    assert_int_equal(store_job_get(w->store, id, &row, NULL), ERR_NOT_FOUND);
    assert_int_equal(world_state(w, open_one), JOB_CREATED);
}

/* What the housekeeping asks of a store with days of output. */
static struct {
    int calls, unpurged, more; /* how often there is more to do */
} days;

int __wrap_store_output_days(struct store *s, int64_t now_ms, int64_t retention_ms, bool purged,
                             bool *more, struct err *e);
int __wrap_store_output_days(struct store *s, int64_t now_ms, int64_t retention_ms, bool purged,
                             bool *more, struct err *e)
{
    (void)s;
    (void)e;
    assert_int_equal(retention_ms, INT64_C(7) * 24 * 3600 * 1000);
    assert_true(now_ms > retention_ms);
    days.calls++;
    days.unpurged += !purged;
    *more = days.more > 0 && days.more--;
    return 0;
}

static void upkeep__days_of_output_go_on_while_there_is_more(void **state)
{
    struct world *w = *state;
    world_live(w, 1000000);
    int before = days.calls;
    days.more = 5;
    world_live(w, 610000);
    assert_in_range(days.calls - before, 6, 7);
    assert_int_equal(days.unpurged, 0);
}

static void upkeep__days_of_output_do_not_end_before_their_jobs(void **state)
{
    struct world *w = *state;
    for (int i = 0; i < 700; i++)
        world_do(w, cmd_id(w, CMD_CANCEL, world_submit(w, NULL, NULL)));
    days.unpurged = 0;
    world_live(w, INT64_C(8) * 24 * 3600 * 1000);
    assert_int_equal(days.unpurged, 1); /* 500 go in a step */
}

static void upkeep__requires_of_jobs_that_are_gone__make_room(void **state)
{
    struct world *w = *state;
    enum { N = 5000 };
    world_begin(w);
    for (int i = 0; i < N; i++) {
        char *requires = str_dupf("{\"cpus\":\">= %d\"}", i);
        world_apply(w, cmd_submit(w, NULL, requires));
        mem_free(requires);
    }
    world_commit(w);
    int64_t agent = world_agent(w, "a", NULL);
    world_connect_caps(w, agent, NULL, N - 2, "{\"cpus\":100000}");
    assert_int_equal(world_effects(w, EFFECT_JOB), N - 2);
    world_live(w, 100000);
    world_submit(w, NULL, "{\"cpus\":\">= 7\"}"); /* forgotten, and learnt anew */
    world_connect_caps(w, world_agent(w, "b", NULL), NULL, 9, "{\"cpus\":4999}");
    assert_int_equal(world_effects(w, EFFECT_JOB), 3);
}

static void upkeep__requires_that_the_store_forgot__are_learnt_anew(void **state)
{
    struct world *w = *state;
    int64_t first = world_submit(w, NULL, "{\"cpus\":\">= 7\"}");
    world_submit(w, NULL, "{\"cpus\":\">= 8\"}");
    world_do(w, cmd_id(w, CMD_CANCEL, first));
    world_live(w, INT64_C(8) * 24 * 3600 * 1000);
    struct job_row row;
    assert_int_equal(store_job_find(w->store, first, &row, NULL), 0);
    char *text;
    assert_int_equal(store_requires_text(w->store, 1, &text, NULL), ERR_NOT_FOUND);
    int64_t again = world_submit(w, NULL, "{\"cpus\":\">= 7\"}");
    world_restart(w); /* the number that the job has is one that the store knows */
    world_connect_caps(w, world_agent(w, "a", NULL), NULL, 9, "{\"cpus\":7}");
    assert_int_equal(world_effects(w, EFFECT_JOB), 1);
    assert_int_equal(world_state(w, again), JOB_SUBMITTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(lease_expires__while_offline__lost),
        WORLD_TEST(lease_expires__with_retry__requeues_once),
        WORLD_TEST(any_message__renews_it),
        WORLD_TEST(silent_on_an_open_link__lost_and_the_link_is_closed),
        WORLD_TEST(own_lease_and_grace__count),
        WORLD_TEST(handed_out_long_after_the_last_word__has_a_whole_lease),
        WORLD_TEST(coordinator_starts_anew__every_lease_does),
        WORLD_TEST(coordinator_stood_still__every_lease_begins_afresh),
        WORLD_TEST(coordinator_stood_still__counts_for_no_timeout),
        WORLD_TEST(coordinator_stood_still__agents_are_expected_back),
        WORLD_TEST(wall_clock_jumps__change_nothing),
        WORLD_TEST(mono_clock_that_goes_back__is_not_believed),
        WORLD_TEST(cancelled_while_away__killed_at_lease_end),
        WORLD_TEST(idle__no_timer_but_the_upkeep),
        WORLD_TEST(upkeep__old_jobs_and_keys_are_forgotten),
        WORLD_TEST(upkeep__days_of_output_go_on_while_there_is_more),
        WORLD_TEST(upkeep__days_of_output_do_not_end_before_their_jobs),
        WORLD_TEST(upkeep__requires_of_jobs_that_are_gone__make_room),
        WORLD_TEST(upkeep__requires_that_the_store_forgot__are_learnt_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

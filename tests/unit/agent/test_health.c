/* agent/health_logic, by itself and in the life of attempts: a machine that cannot start jobs is no
 * job's fault. */
#include "agent/health_logic.h"
#include "tests/unit/agent/logic_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* ---- the state machine alone ---- */

static void is_due(const struct health *h, enum health_state state, int64_t due_ms)
{
    assert_int_equal(h->state, state);
    assert_int_equal(h->due_ms, due_ms);
}

static struct err words(const char *text)
{
    struct err e;
    err_set(&e, ERR_IO, "%s", text);
    return e;
}

static void a_doubt__is_cleared_by_a_good_trial(void **state)
{
    struct health h;
    (void)state;
    health_init(&h);
    is_due(&h, HEALTH_WELL, INT64_MAX);
    assert_int_equal(health_wake(&h, 1000, ""), HEALTH_NO_NEWS);
    assert_int_equal(health_doubt(&h, 1000), HEALTH_TRY);
    is_due(&h, HEALTH_DOUBTED, 1000 + HEALTH_TRIAL_MS);
    assert_int_equal(health_doubt(&h, 1001), HEALTH_NO_NEWS); /* one trial tells for all */
    assert_int_equal(health_tried(&h, 1002, NULL), HEALTH_CLEARED);
    is_due(&h, HEALTH_WELL, INT64_MAX);
}

static void an_unwell_machine__is_tried_after_1_s_then_twice_as_long_up_to_60_s(void **state)
{
    static const int64_t pauses[] = {1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000, 60000};
    struct err full = words("no space");
    struct health h;
    int64_t now = 5000;
    (void)state;
    health_init(&h);
    assert_int_equal(health_doubt(&h, now), HEALTH_TRY);
    assert_int_equal(health_tried(&h, now, &full), HEALTH_FELL_ILL);
    assert_string_equal(err_text(&h.reason), "no space");
    for (size_t i = 0; i < sizeof pauses / sizeof *pauses; i++) {
        is_due(&h, HEALTH_UNWELL, now + pauses[i]);
        assert_int_equal(health_wake(&h, now + pauses[i] - 1, ""), HEALTH_NO_NEWS);
        now += pauses[i];
        assert_int_equal(health_wake(&h, now, ""), HEALTH_TRY);
        assert_int_equal(health_doubt(&h, now), HEALTH_NO_NEWS);
        assert_int_equal(health_tried(&h, now, &full), HEALTH_NO_NEWS); /* nothing new is told */
    }
    now += 60000;
    assert_int_equal(health_wake(&h, now, ""), HEALTH_TRY);
    assert_int_equal(health_tried(&h, now, NULL), HEALTH_RECOVERED);
    is_due(&h, HEALTH_WELL, INT64_MAX);
    /* the next illness begins from the start */
    assert_int_equal(health_doubt(&h, now), HEALTH_TRY);
    assert_int_equal(health_tried(&h, now, &full), HEALTH_FELL_ILL);
    is_due(&h, HEALTH_UNWELL, now + 1000);
}

static void another_reason__is_news(void **state)
{
    struct err full = words("no space"), only = words("read-only");
    struct health h;
    (void)state;
    health_init(&h);
    health_doubt(&h, 0);
    health_tried(&h, 0, &full);
    assert_int_equal(health_wake(&h, 1000, ""), HEALTH_TRY);
    assert_int_equal(health_tried(&h, 1000, &only), HEALTH_CHANGED);
    assert_string_equal(err_text(&h.reason), "read-only");
}

static void a_trial_without_an_answer__is_a_bad_one_after_10_s(void **state)
{
    struct health h;
    (void)state;
    health_init(&h);
    health_doubt(&h, 0);
    assert_int_equal(health_wake(&h, HEALTH_TRIAL_MS - 1, "slow"), HEALTH_NO_NEWS);
    assert_int_equal(health_wake(&h, HEALTH_TRIAL_MS, "slow"), HEALTH_FELL_ILL);
    assert_string_equal(err_text(&h.reason), "slow");
    is_due(&h, HEALTH_UNWELL, HEALTH_TRIAL_MS + 1000);
}

static void an_answer_that_comes_too_late__makes_nothing_well_but_is_a_hint(void **state)
{
    struct err full = words("no space");
    struct health h;
    (void)state;
    health_init(&h);
    health_hang(&h, 0, "slow");
    for (int i = 0; i < 8; i++) { /* until the pauses are long */
        assert_int_equal(health_wake(&h, h.due_ms, "slow"), HEALTH_TRY);
        assert_int_equal(health_wake(&h, h.due_ms, "slow"), HEALTH_NO_NEWS);
    }
    int64_t now = h.due_ms - 50000;
    assert_int_equal(health_tried(&h, now, &full), HEALTH_NO_NEWS);
    is_due(&h, HEALTH_UNWELL, now + 50000);
    assert_int_equal(health_tried(&h, now, NULL), HEALTH_NO_NEWS);
    is_due(&h, HEALTH_UNWELL, now + 1000);
}

static void an_own_file_that_hangs__needs_no_trial_to_be_a_fault(void **state)
{
    struct health h;
    (void)state;
    health_init(&h);
    assert_int_equal(health_hang(&h, 0, "slow"), HEALTH_FELL_ILL);
    assert_int_equal(health_hang(&h, 1, "slower"), HEALTH_NO_NEWS);
    assert_string_equal(err_text(&h.reason), "slow");
    /* also while a trial is under way */
    health_init(&h);
    health_doubt(&h, 0);
    assert_int_equal(health_hang(&h, 1, "slow"), HEALTH_FELL_ILL);
    is_due(&h, HEALTH_UNWELL, 1001);
    assert_int_equal(health_tried(&h, 2, NULL), HEALTH_NO_NEWS);
}

static void a_very_long_reason__is_cut(void **state)
{
    char text[4096];
    struct health h;
    (void)state;
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    health_init(&h);
    assert_int_equal(health_hang(&h, 0, text), HEALTH_FELL_ILL);
    assert_int_equal(strlen(err_text(&h.reason)), ERR_MSG_MAX - 1);
}

/* ---- attempts ---- */

/* A job of which a trial tells. */
static void doubted(struct world *w, int64_t job)
{
    runner_logic_renew(w->runner, w->now.mono_ms);
    take_job(w, job, 1);
    world_turn(w);
    prepared(w, job, ERR_MACHINE);
    w->did[0] = '\0';
}

static void fall_ill(struct world *w)
{
    doubted(w, 1);
    tried(w, "no space");
    did(w, "forget 1-1");
    said(w, "declined 1-1 unwell: no space");
    assert_string_equal(runner_logic_unwell(w->runner), "no space");
}

static void faults_of_the_machine__are_never_the_jobs_failure(void **state)
{
    static const struct {
        int prepare_rc, start_rc;
    } rows[] = {{ERR_MACHINE, 0}, {0, ERR_MACHINE}, {0, ERR_UNAVAILABLE}, {0, ERR_FULL}};
    struct world *w = *state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        runner_logic_renew(w->runner, w->now.mono_ms);
        w->did[0] = '\0';
        w->start_rc = rows[i].start_rc;
        take_job(w, 1, 1);
        world_turn(w);
        prepared(w, 1, rows[i].prepare_rc);
        world_turn(w);
        did(w, rows[i].prepare_rc != 0 ? "prepare 1-1, try" : "prepare 1-1, start 1-1, try");
        said(w, "");
        assert_int_equal(runner_logic_count(w->runner), 1); /* it holds its slot */
        tried(w, NULL);
        if (rows[i].start_rc != 0) { /* what ran out may be there again */
            did(w, "");
            world_turn(w);
            did(w, "start 1-1, try");
            tried(w, NULL);
        }
        did(w, "forget 1-1");
        said(w, "declined 1-1 could-not-start: as the test wants it");
        assert_null(runner_logic_unwell(w->runner));
        assert_int_equal(w->runner_wake_ms, INT64_MAX);
    }
}

static void what_ran_out_for_a_moment__costs_one_more_start(void **state)
{
    struct world *w = *state;
    runner_logic_renew(w->runner, w->now.mono_ms);
    take_job(w, 1, 1);
    world_turn(w);
    prepared(w, 1, 0);
    w->start_rc = ERR_MACHINE;
    world_turn(w);
    w->start_rc = 0;
    w->did[0] = '\0';
    w->tells_commits = true;
    tried(w, NULL);
    world_turn(w);
    did(w, "commit, start 1-1, commit"); /* the journal knows of it before */
    said(w, "started 1-1");
}

static void a_bad_trial__gives_back_all_that_has_no_process(void **state)
{
    struct world *w = *state;
    running(w, 4);
    runner_logic_renew(w->runner, w->now.mono_ms);
    take_job(w, 1, 1);
    take_job(w, 2, 1);
    world_turn(w);
    prepared(w, 1, ERR_MACHINE);
    prepared(w, 2, 0);
    take_job(w, 3, 1);
    w->did[0] = '\0';
    tried(w, "no space");
    did(w, "forget 1-1, forget 2-1, forget 3-1");
    said(w, "declined 1-1 unwell: no space, declined 2-1 unwell: no space, "
            "declined 3-1 unwell: no space");
    assert_int_equal(runner_logic_count(w->runner), 1);
    ended(w, 4, 0); /* what runs, runs on */
    said(w, "finished 4-1 SUCCESS -");
}

static void while_a_trial_runs__nothing_begins(void **state)
{
    struct world *w = *state;
    runner_logic_renew(w->runner, w->now.mono_ms);
    for (int i = 1; i <= 3; i++)
        take_job(w, i, 1);
    world_turn(w);
    prepared(w, 1, 0);
    prepared(w, 2, ERR_MACHINE);
    prepared(w, 3, ERR_MACHINE); /* waits for the same trial */
    take_job(w, 4, 1);
    world_turn(w);
    did(w, "renew 1000000, prepare 1-1, prepare 2-1, prepare 3-1, try");
    tried(w, NULL);
    did(w, "forget 2-1, forget 3-1");
    world_turn(w);
    did(w, "prepare 4-1, start 1-1");
}

static void a_start_that_fails__begins_no_further_process(void **state)
{
    struct world *w = *state;
    runner_logic_renew(w->runner, w->now.mono_ms);
    for (int i = 1; i <= 3; i++)
        take_job(w, i, 1);
    world_turn(w);
    for (int i = 1; i <= 3; i++)
        prepared(w, i, 0);
    w->did[0] = '\0';
    w->start_rc = ERR_MACHINE;
    world_turn(w);
    did(w, "start 1-1, try");
    world_turn(w);
    did(w, "");
}

static void a_job_for_an_unwell_machine__goes_back_at_once(void **state)
{
    struct world *w = *state;
    fall_ill(w);
    take_job(w, 2, 1);
    world_turn(w);
    did(w, "forget 2-1");
    said(w, "declined 2-1 unwell: no space");
    world_pass(w, 1000);
    wake_runner(w);
    did(w, "try");
    take_job(w, 3, 1);
    did(w, "forget 3-1");
    said(w, "declined 3-1 unwell: no space");
    tried(w, NULL);
    take_job(w, 2, 1);
    world_turn(w);
    did(w, "prepare 2-1");
}

static void a_doubted_attempt__obeys_all_orders(void **state)
{
    struct world *w = *state;
    doubted(w, 1);
    kill_job(w, 1, "cancelled", 1000);
    did(w, "forget 1-1");
    said(w, "finished 1-1 KILLED cancelled");
    tried(w, NULL);
    doubted(w, 2);
    runner_logic_discard(w->runner, 2, 1);
    did(w, "forget 2-1");
    said(w, "");
    tried(w, NULL);
    doubted(w, 3);
    runner_logic_give_back(w->runner, "never-started"); /* the session is lost */
    did(w, "forget 3-1");
    said(w, "declined 3-1 never-started");
    tried(w, NULL);
    doubted(w, 4);
    world_pass(w, WORLD_LEASE_MS * 2);
    runner_logic_expire(w->runner, w->now.mono_ms); /* without process, nothing is to be ended */
    did(w, "");
    tried(w, NULL);
    said(w, "declined 4-1 could-not-start: as the test wants it");
    doubted(w, 5);
    runner_logic_drain(w->runner, w->now.mono_ms, 0);
    did(w, "forget 5-1");
    said(w, "declined 5-1 draining");
    tried(w, NULL);
    said(w, "");
}

static void an_agent_that_dies_meanwhile__proves_that_nothing_started(void **state)
{
    struct world *w = *state;
    struct err e = {0};
    runner_logic_renew(w->runner, w->now.mono_ms);
    take_job(w, 1, 1);
    world_turn(w);
    prepared(w, 1, 0);
    w->start_rc = ERR_MACHINE;
    world_turn(w); /* commits that it was starting, and then that it was not */
    world_again(w);
    did(w, "");
    assert_int_equal(runner_logic_report_leftovers(w->runner, &e), 0);
    said(w, "declined 1-1 never-started");
}

static void a_trial_that_hangs__makes_unwell_and_the_next_one_tells(void **state)
{
    struct world *w = *state;
    doubted(w, 1);
    assert_int_equal(w->runner_wake_ms, w->now.mono_ms + HEALTH_TRIAL_MS);
    world_pass(w, HEALTH_TRIAL_MS);
    wake_runner(w);
    did(w, "late, forget 1-1");
    said(w, "declined 1-1 unwell: a trial takes too long");
    world_pass(w, 1000);
    wake_runner(w);
    did(w, "try");
    tried(w, NULL);
    assert_null(runner_logic_unwell(w->runner));
}

static void what_the_job_named_and_hangs__makes_no_machine_unwell(void **state)
{
    struct world *w = *state;
    w->late_is_named = true;
    runner_logic_renew(w->runner, w->now.mono_ms);
    take_job(w, 1, 1);
    world_turn(w);
    world_pass(w, RUNNER_PREPARE_MS);
    wake_runner(w);
    did(w, "renew 1000000, prepare 1-1, late 1-1, try");
    prepared(w, 1, 0); /* it comes back after all: too late to be started */
    world_turn(w);
    did(w, "");
    tried(w, NULL);
    did(w, "forget 1-1");
    said(w, "declined 1-1 could-not-start: it takes too long");
}

static void an_own_folder_that_hangs__gives_back_the_others_too(void **state)
{
    struct world *w = *state;
    runner_logic_renew(w->runner, w->now.mono_ms);
    take_job(w, 1, 1);
    world_turn(w);
    world_pass(w, RUNNER_PREPARE_MS - 1);
    runner_logic_renew(w->runner, w->now.mono_ms);
    take_job(w, 2, 1);
    world_turn(w);
    world_pass(w, 1);
    w->did[0] = '\0';
    wake_runner(w);
    did(w, "late 1-1, forget 1-1, forget 2-1");
    said(w, "declined 1-1 unwell: it takes too long, declined 2-1 unwell: it takes too long");
}

static void a_guard_that_does_not_come__is_a_doubt_after_10_s(void **state)
{
    struct world *w = *state;
    w->may_start = false;
    runner_logic_renew(w->runner, w->now.mono_ms);
    take_job(w, 1, 1);
    world_turn(w);
    assert_int_equal(w->runner_wake_ms, w->now.mono_ms + RUNNER_GUARD_MS);
    world_pass(w, RUNNER_GUARD_MS);
    wake_runner(w);
    did(w, "renew 1000000, try");
    tried(w, "no guard");
    did(w, "forget 1-1");
    said(w, "declined 1-1 unwell: no guard");
}

static void a_guard_that_comes_in_time__is_none(void **state)
{
    struct world *w = *state;
    w->may_start = false;
    runner_logic_renew(w->runner, w->now.mono_ms);
    take_job(w, 1, 1);
    world_turn(w);
    w->may_start = true;
    world_turn(w);
    did(w, "renew 1000000, prepare 1-1");
    assert_int_equal(w->runner_wake_ms, w->now.mono_ms + RUNNER_PREPARE_MS);
}

/* ---- what the coordinator is told ---- */

static void ready_tells__before_the_attempts_are_declined(void **state)
{
    struct world *w = *state;
    be_live(w);
    doubted(w, 1);
    world_turn(w);
    did(w, "");
    tried(w, "no space");
    world_turn(w);
    did(w, "forget 1-1, ready 4/4 unwell: no space, declined 1-1 unwell: no space");
    world_turn(w);
    did(w, "");
    world_pass(w, 1000);
    wake_runner(w);
    tried(w, "no space"); /* the same again: nothing is said */
    world_turn(w);
    did(w, "try");
    world_pass(w, 2000);
    wake_runner(w);
    tried(w, "read-only");
    world_turn(w);
    did(w, "try, ready 4/4 unwell: read-only");
    world_pass(w, 4000);
    wake_runner(w);
    tried(w, NULL);
    world_turn(w);
    did(w, "try, ready 4/4");
}

static void hello_tells__when_it_comes_back_unwell(void **state)
{
    struct world *w = *state;
    be_live(w);
    fall_ill(w);
    world_turn(w);
    lose_link(w);
    w->did[0] = '\0';
    world_pass(w, 500);
    world_pass(w, w->uplink_wake_ms - w->now.mono_ms);
    uplink_logic_wake(w->uplink, &w->now);
    uplink_logic_opened(w->uplink, &w->now);
    did(w, "connect, hello seq 1, 1 attempts unwell: no space");
    welcome(w, 1);
    assert_non_null(strstr(w->did, ", ready 4/4 unwell: no space, "));
}

static void an_old_coordinator__is_told_in_words_that_it_knows(void **state)
{
    struct world *w = *state;
    w->minor = 1;
    be_live(w);
    fall_ill(w);
    world_turn(w);
    did(w, "ready 4/4 draining: no space, declined 1-1 unwell: no space");
    world_pass(w, 1000);
    wake_runner(w);
    tried(w, NULL);
    world_turn(w);
    did(w, "try, ready 4/4");
}

static void a_full_disk_and_an_unwell_machine__are_both_told(void **state)
{
    struct world *w = *state;
    be_live(w);
    uplink_logic_rest(w->uplink, "full");
    did(w, "ready 4/4 draining: full");
    fall_ill(w);
    world_turn(w);
    did(w, "ready 4/4 draining: full unwell: no space, declined 1-1 unwell: no space");
    uplink_logic_rest(w->uplink, NULL);
    did(w, "ready 4/4 unwell: no space");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_doubt__is_cleared_by_a_good_trial),
        cmocka_unit_test(an_unwell_machine__is_tried_after_1_s_then_twice_as_long_up_to_60_s),
        cmocka_unit_test(another_reason__is_news),
        cmocka_unit_test(a_trial_without_an_answer__is_a_bad_one_after_10_s),
        cmocka_unit_test(an_answer_that_comes_too_late__makes_nothing_well_but_is_a_hint),
        cmocka_unit_test(an_own_file_that_hangs__needs_no_trial_to_be_a_fault),
        cmocka_unit_test(a_very_long_reason__is_cut),
        WORLD_CASE(faults_of_the_machine__are_never_the_jobs_failure),
        WORLD_CASE(what_ran_out_for_a_moment__costs_one_more_start),
        WORLD_CASE(a_bad_trial__gives_back_all_that_has_no_process),
        WORLD_CASE(while_a_trial_runs__nothing_begins),
        WORLD_CASE(a_start_that_fails__begins_no_further_process),
        WORLD_CASE(a_job_for_an_unwell_machine__goes_back_at_once),
        WORLD_CASE(a_doubted_attempt__obeys_all_orders),
        WORLD_CASE(an_agent_that_dies_meanwhile__proves_that_nothing_started),
        WORLD_CASE(a_trial_that_hangs__makes_unwell_and_the_next_one_tells),
        WORLD_CASE(what_the_job_named_and_hangs__makes_no_machine_unwell),
        WORLD_CASE(an_own_folder_that_hangs__gives_back_the_others_too),
        WORLD_CASE(a_guard_that_does_not_come__is_a_doubt_after_10_s),
        WORLD_CASE(a_guard_that_comes_in_time__is_none),
        WORLD_CASE(ready_tells__before_the_attempts_are_declined),
        WORLD_CASE(hello_tells__when_it_comes_back_unwell),
        WORLD_CASE(an_old_coordinator__is_told_in_words_that_it_knows),
        WORLD_CASE(a_full_disk_and_an_unwell_machine__are_both_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

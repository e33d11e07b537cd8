/* agent/runner_logic: what becomes of attempts, whatever comes in whatever order. */
#include "tests/unit/agent/logic_world.h"

#include "base/mem.h"
#include "wire/lease.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* ---- from job to result ---- */

static void a_job__is_prepared_behind_the_commit_and_started_when_prepared(void **state)
{
    struct world *w = *state;
    runner_logic_renew(w->runner, w->now.mono_ms);
    did(w, "renew 1000000");
    take_job(w, 1, 1);
    did(w, "");
    assert_true(w->changed);
    world_turn(w);
    did(w, "prepare 1-1");
    world_turn(w);
    did(w, "");
    prepared(w, 1, 0);
    did(w, "");
    world_turn(w);
    did(w, "start 1-1");
    said(w, "started 1-1");
    runner_logic_output(w->runner, w->attempts[1], PROCESS_STDOUT, "one\n", 4);
    said(w, "");
    world_turn(w);
    said(w, "output 1-1 0+4");
    ended(w, 1, 0);
    did(w, "forget 1-1");
    said(w, "finished 1-1 SUCCESS -");
    assert_int_equal(runner_logic_count(w->runner), 0);
}

static void nothing_is_started__before_the_commit_that_knows_of_it(void **state)
{
    struct world *w = *state;
    w->tells_commits = true;
    runner_logic_renew(w->runner, w->now.mono_ms);
    take_job(w, 1, 1);
    world_turn(w);
    prepared(w, 1, 0);
    world_turn(w);
    did(w, "renew 1000000, prepare 1-1, commit, commit, commit, start 1-1, commit");
}

static void a_job_that_is_prepared_at_once__starts_in_the_same_turn_behind_its_commit(void **state)
{
    struct world *w = *state;
    w->tells_commits = w->prepares_at_once = true;
    runner_logic_renew(w->runner, w->now.mono_ms);
    take_job(w, 1, 1);
    int64_t before = journal_commits(w->journal);
    world_turn(w);
    did(w, "renew 1000000, prepare 1-1, commit, start 1-1, commit");
    said(w, "started 1-1");
    assert_int_equal(journal_commits(w->journal), before + 2);
    assert_int_equal(w->runner_wake_ms, INT64_MAX); /* no deadline of a preparation is left */
}

static void a_job_that_is_prepared_at_once__and_whose_commit_fails__does_not_start(void **state)
{
    struct world *w = *state;
    w->prepares_at_once = w->commits_fail = true;
    runner_logic_renew(w->runner, w->now.mono_ms);
    take_job(w, 1, 1);
    world_turn(w);
    did(w, "renew 1000000, prepare 1-1");
    w->commits_fail = false;
}

static void output_that_is_held__comes_before_the_result(void **state)
{
    struct world *w = *state;
    running(w, 1);
    runner_logic_output(w->runner, w->attempts[1], PROCESS_STDERR, "oops", 4);
    ended(w, 1, 3);
    said(w, "output 1-1 0+4, finished 1-1 FAILED exit-code");
}

static void one_turn__starts_no_more_than_its_bound(void **state)
{
    struct world *w = *state;
    w->slots = WORLD_JOBS;
    runner_logic_renew(w->runner, w->now.mono_ms);
    for (int i = 1; i <= RUNNER_TURN_STARTS + 2; i++)
        take_job(w, i, 1);
    world_turn(w);
    for (int i = 1; i <= RUNNER_TURN_STARTS + 2; i++)
        prepared(w, i, 0);
    w->did[0] = '\0';
    world_turn(w);
    did(w,
        "start 1-1, start 2-1, start 3-1, start 4-1, start 5-1, start 6-1, start 7-1, start 8-1");
    assert_true(w->changed);
    world_turn(w);
    did(w, "start 9-1, start 10-1");
}

/* ---- a beginning that is none ---- */

static void beginnings_that_fail(void **state)
{
    static const struct {
        int prepare_rc, start_rc;
        const char *said, *did;
    } rows[] = {
        {ERR_NOT_FOUND, 0, "finished 1-1 FAILED not-started", "prepare 1-1, forget 1-1"},
        {ERR_INVALID, 0, "finished 1-1 FAILED not-started", "prepare 1-1, forget 1-1"},
        {0, ERR_NOT_FOUND, "finished 1-1 FAILED not-started", "prepare 1-1, start 1-1, forget 1-1"},
        {0, ERR_DENIED, "finished 1-1 FAILED not-started", "prepare 1-1, start 1-1, forget 1-1"},
        {0, ERR_TIMEOUT, "declined 1-1 never-started", "prepare 1-1, start 1-1, forget 1-1"},
    };
    struct world *w = *state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        runner_logic_renew(w->runner, w->now.mono_ms);
        w->did[0] = '\0';
        w->start_rc = rows[i].start_rc;
        take_job(w, 1, 1);
        world_turn(w);
        prepared(w, 1, rows[i].prepare_rc);
        world_turn(w);
        did(w, rows[i].did);
        said(w, rows[i].said);
        assert_int_equal(runner_logic_count(w->runner), 0);
    }
}

/* An unwell machine is tried when it is time, and can start jobs again. */
static void tried_and_well(struct world *w)
{
    world_pass(w, w->runner_wake_ms - w->now.mono_ms);
    wake_runner(w);
    did(w, "try");
    tried(w, NULL);
    assert_null(runner_logic_unwell(w->runner));
}

static void a_preparation_that_hangs__is_given_up_and_its_late_result_is_late(void **state)
{
    struct world *w = *state;
    runner_logic_renew(w->runner, w->now.mono_ms);
    take_job(w, 1, 1);
    world_turn(w);
    assert_int_equal(w->runner_wake_ms, w->now.mono_ms + RUNNER_PREPARE_MS);
    world_pass(w, RUNNER_PREPARE_MS - 1);
    wake_runner(w); /* too early */
    did(w, "renew 1000000, prepare 1-1");
    assert_int_equal(w->runner_wake_ms, w->now.mono_ms + 1);
    world_pass(w, 1);
    wake_runner(w);
    did(w, "late 1-1, forget 1-1");
    said(w, "declined 1-1 unwell: it takes too long");
    tried_and_well(w);
    assert_int_equal(w->runner_wake_ms, INT64_MAX);
    /* the same, but the result comes in the turn in which it is late: a trial tells */
    take_job(w, 2, 1);
    world_turn(w);
    struct err none = {0};
    runner_logic_prepared(w->runner, w->now.mono_ms, w->attempts[2], 0, true, &none);
    world_turn(w);
    did(w, "prepare 2-1, try");
    tried(w, NULL);
    did(w, "forget 2-1");
    said(w, "declined 2-1 could-not-start: its preparation took longer than 10 s");
}

static void without_a_guard__nothing_starts_until_it_is_there(void **state)
{
    struct world *w = *state;
    w->may_start = false;
    runner_logic_renew(w->runner, w->now.mono_ms);
    take_job(w, 1, 1);
    world_turn(w);
    did(w, "renew 1000000");
    w->may_start = true;
    world_turn(w);
    prepared(w, 1, 0);
    w->may_start = false;
    world_turn(w);
    did(w, "prepare 1-1");
    w->may_start = true;
    world_turn(w);
    did(w, "start 1-1");
}

static void a_lease_that_is_mostly_over__starts_nothing_before_the_next_heartbeat(void **state)
{
    struct world *w = *state;
    runner_logic_renew(w->runner, w->now.mono_ms);
    take_job(w, 1, 1);
    world_pass(w, lease_start_ms(WORLD_LEASE_MS) + 1);
    world_turn(w);
    did(w, "renew 1000000");
    runner_logic_renew(w->runner, w->now.mono_ms);
    world_turn(w);
    did(w, "renew 1040001, prepare 1-1");
    prepared(w, 1, 0);
    world_pass(w, lease_start_ms(WORLD_LEASE_MS) + 1);
    world_turn(w);
    did(w, "");
    runner_logic_renew(w->runner, w->now.mono_ms);
    world_turn(w);
    did(w, "renew 1080002, start 1-1");
}

/* ---- what comes twice, wrong or late ---- */

static void a_doubled_job__is_one_job(void **state)
{
    struct world *w = *state;
    running(w, 1);
    take_job(w, 1, 1);
    world_turn(w);
    did(w, "");
    said(w, "");
    assert_int_equal(runner_logic_count(w->runner), 1);
    take_job(w, 1, 2); /* another attempt is another one */
    world_turn(w);
    did(w, "prepare 1-2");
}

static void orders_for_nobody__change_nothing(void **state)
{
    struct world *w = *state;
    running(w, 1);
    kill_job(w, 2, "cancelled", 1000);
    struct msg_kill wrong = {.job = 1, .attempt = 2, .reason = (char[]){"cancelled"}};
    runner_logic_kill(w->runner, w->now.mono_ms, &wrong);
    runner_logic_discard(w->runner, 1, 2);
    runner_logic_discard(w->runner, 2, 1);
    did(w, "");
    said(w, "");
    assert_int_equal(runner_logic_count(w->runner), 1);
}

static void more_jobs_than_slots__are_declined(void **state)
{
    struct world *w = *state;
    for (int i = 1; i <= WORLD_SLOTS + 1; i++)
        take_job(w, i, 1);
    said(w, "declined 5-1 no-slot");
    runner_logic_drain(w->runner, w->now.mono_ms, 1000);
    take_job(w, 6, 1);
    said(w, "declined 6-1 draining");
    assert_int_equal(runner_logic_count(w->runner), WORLD_SLOTS);
}

static void a_kill_before_the_start__starts_nothing(void **state)
{
    struct world *w = *state;
    runner_logic_renew(w->runner, w->now.mono_ms);
    take_job(w, 1, 1); /* accepted */
    take_job(w, 2, 1);
    kill_job(w, 1, "cancelled", 1000);
    said(w, "finished 1-1 KILLED cancelled");
    world_turn(w); /* preparing */
    kill_job(w, 2, "cancelled", 1000);
    said(w, "finished 2-1 KILLED cancelled");
    take_job(w, 3, 1);
    world_turn(w);
    prepared(w, 3, 0); /* prepared */
    kill_job(w, 3, "timeout", 1000);
    said(w, "declined 3-1 draining");
    world_turn(w);
    did(w, "renew 1000000, forget 1-1, prepare 2-1, forget 2-1, prepare 3-1, forget 3-1");
}

static void a_discard__says_nothing_more_and_drops_what_was_said(void **state)
{
    struct world *w = *state;
    running(w, 1);
    runner_logic_discard(w->runner, 1, 1);
    did(w, "kill 1-1");
    runner_logic_output(w->runner, w->attempts[1], PROCESS_STDOUT, "late\n", 5);
    ended(w, 1, 0);
    did(w, "forget 1-1");
    w->sent_seq = 0;
    said(w, "");
}

/* Attempts in a hello. */
static size_t listed(struct world *w)
{
    struct msg_attempts list;
    runner_logic_attempts(w->runner, &list);
    mem_free(list.items);
    return list.count;
}

/* By a coordinator that was put back from a backup: it knows nothing of what it handed out. */
static void a_discarded_job_that_comes_again_before_its_end__goes_back(void **state)
{
    struct world *w = *state;
    running(w, 1);
    runner_logic_discard(w->runner, 1, 1);
    w->sent_seq = journal_seq(w->journal);
    assert_int_equal(listed(w), 0); /* should its hand-out get lost */
    struct runner_attempt *dying = w->attempts[1];
    take_job(w, 1, 1);
    said(w, "declined 1-1 no-slot");
    assert_int_equal(listed(w), 1);
    did(w, "kill 1-1, forget 1-1");
    w->attempts[1] = dying;
    ended(w, 1, 0);
    did(w, "forget 1-1");
    take_job(w, 1, 1);
    world_turn(w);
    did(w, "prepare 1-1");
    said(w, "");
}

/* ---- the ladder ---- */

static void a_kill__asks_and_kills_after_the_grace(void **state)
{
    struct world *w = *state;
    running(w, 1);
    kill_job(w, 1, "cancelled", 700);
    did(w, "terminate 1-1");
    assert_int_equal(w->runner_wake_ms, w->now.mono_ms + 700);
    kill_job(w, 1, "cancelled", 9000); /* a second one does not lengthen it */
    world_pass(w, 700);
    wake_runner(w);
    did(w, "kill 1-1");
    assert_true(runner_logic_only_killed(w->runner));
    ended(w, 1, 137);
    said(w, "finished 1-1 KILLED cancelled");
    assert_false(runner_logic_only_killed(w->runner));
}

static void a_process_that_obeys__is_not_killed_later(void **state)
{
    struct world *w = *state;
    running(w, 1);
    kill_job(w, 1, "timeout", 700);
    ended(w, 1, 143);
    did(w, "terminate 1-1, forget 1-1");
    assert_int_equal(w->runner_wake_ms, INT64_MAX);
    world_pass(w, 700);
    wake_runner(w);
    did(w, "");
    said(w, "finished 1-1 FAILED timeout");
}

static void the_longest_grace__counts_for_a_stop(void **state)
{
    struct world *w = *state;
    assert_int_equal(runner_logic_longest_grace_ms(w->runner), 0);
    running(w, 1);
    assert_int_equal(runner_logic_longest_grace_ms(w->runner), KILL_GRACE_DEFAULT_MS);
    running(w, 2);
    kill_job(w, 2, "cancelled", 70000);
    assert_int_equal(runner_logic_longest_grace_ms(w->runner), 70000);
    ended(w, 2, 143);
    assert_int_equal(runner_logic_longest_grace_ms(w->runner), KILL_GRACE_DEFAULT_MS);
}

static void its_timeout__ends_it_with_the_grace_of_its_spec(void **state)
{
    struct world *w = *state;
    struct msg_job m = {.job = 1,
                        .attempt = 1,
                        .lease_ms = WORLD_LEASE_MS,
                        .timeout_ms = 5000,
                        .spec = (char[]){"{\"command\":[\"true\"],\"killGraceMs\":300}"}};
    runner_logic_renew(w->runner, w->now.mono_ms);
    take_job_of(w, &m);
    world_turn(w);
    prepared(w, 1, 0);
    world_turn(w);
    assert_int_equal(w->runner_wake_ms, w->now.mono_ms + 5000);
    world_pass(w, 5000);
    wake_runner(w);
    assert_int_equal(w->runner_wake_ms, w->now.mono_ms + 300);
    world_pass(w, 300);
    wake_runner(w);
    did(w, "renew 1000000, prepare 1-1, start 1-1, terminate 1-1, kill 1-1");
}

/* ---- leases ---- */

static void a_lease_that_is_over__kills_what_runs_and_nothing_else(void **state)
{
    struct world *w = *state;
    running(w, 1);
    take_job(w, 2, 1);
    world_pass(w, WORLD_LEASE_MS - 1);
    runner_logic_expire(w->runner, w->now.mono_ms);
    did(w, "");
    world_pass(w, 1);
    runner_logic_expire(w->runner, w->now.mono_ms);
    did(w, "kill 1-1");
    runner_logic_expire(w->runner, w->now.mono_ms);
    did(w, "");
    assert_int_equal(runner_logic_running_lease(w->runner), INT64_MAX);
    ended(w, 1, 137);
    said(w, "finished 1-1 FAILED lost");
}

static void a_success_after_the_lease__is_lost(void **state)
{
    struct world *w = *state;
    running(w, 1);
    world_pass(w, WORLD_LEASE_MS);
    ended(w, 1, 0);
    said(w, "finished 1-1 FAILED lost");
}

static void a_success_that_the_guard_saw_expire__is_lost_though_the_lease_was_renewed(void **state)
{
    struct world *w = *state;
    struct process_end end = {.exit_code = 0, .expired = true};
    running(w, 1);
    runner_logic_renew(w->runner, w->now.mono_ms);
    runner_logic_ended(w->runner, w->now.mono_ms, w->attempts[1], &end);
    said(w, "finished 1-1 FAILED lost");
}

static void a_cancel_after_the_lease__is_lost_all_the_same(void **state)
{
    struct world *w = *state;
    running(w, 1);
    world_pass(w, WORLD_LEASE_MS);
    kill_job(w, 1, "cancelled", 100);
    ended(w, 1, 143);
    said(w, "finished 1-1 FAILED lost");
}

static void the_shortest_lease__counts_what_is_held_and_what_runs(void **state)
{
    struct world *w = *state;
    assert_int_equal(runner_logic_shortest_lease(w->runner), INT64_MAX);
    running(w, 1);
    struct msg_job m = {.job = 2, .attempt = 1, .lease_ms = 5000};
    take_job_of(w, &m);
    assert_int_equal(runner_logic_shortest_lease(w->runner), 5000);
    assert_int_equal(runner_logic_running_lease(w->runner), WORLD_LEASE_MS);
}

/* ---- draining, giving back, back-pressure ---- */

static void a_drain__lets_jobs_finish_until_its_time_is_over(void **state)
{
    struct world *w = *state;
    running(w, 1);
    running(w, 2);
    runner_logic_drain(w->runner, w->now.mono_ms, 5000);
    did(w, "");
    ended(w, 2, 0);
    said(w, "finished 2-1 SUCCESS -");
    world_pass(w, 5000);
    wake_runner(w);
    did(w, "forget 2-1, terminate 1-1");
    ended(w, 1, 143);
    said(w, "finished 1-1 FAILED drain");
}

static void a_second_stop__kills_at_once(void **state)
{
    struct world *w = *state;
    running(w, 1);
    running(w, 2);
    kill_job(w, 2, "cancelled", 5000);
    runner_logic_drain(w->runner, w->now.mono_ms, 5000);
    runner_logic_drain_now(w->runner);
    did(w, "terminate 2-1, kill 1-1, kill 2-1");
    assert_int_equal(w->runner_wake_ms, INT64_MAX);
    ended(w, 1, 137);
    ended(w, 2, 137);
    said(w, "finished 1-1 FAILED drain, finished 2-1 KILLED cancelled");
}

static void what_has_no_process__is_given_back_with_the_reason(void **state)
{
    struct world *w = *state;
    running(w, 1);
    take_job(w, 2, 1);
    runner_logic_give_back(w->runner, "disk-full");
    did(w, "forget 2-1");
    said(w, "declined 2-1 disk-full");
    assert_int_equal(runner_logic_count(w->runner), 1);
}

static void back_pressure__holds_for_what_is_started_later(void **state)
{
    struct world *w = *state;
    running(w, 1);
    runner_logic_pause(w->runner, true);
    runner_logic_pause(w->runner, true);
    did(w, "pause 1-1");
    take_job(w, 2, 1);
    world_turn(w);
    prepared(w, 2, 0);
    world_turn(w);
    did(w, "prepare 2-1, start 2-1, pause 2-1");
    runner_logic_pause(w->runner, false);
    did(w, "resume 1-1, resume 2-1");
}

/* ---- another life ---- */

static void what_an_earlier_life_left__is_ended_at_once_and_told_after_the_welcome(void **state)
{
    struct world *w = *state;
    struct err e;
    running(w, 1);
    take_job(w, 2, 1);
    world_turn(w);
    world_again(w);
    /* the second one was being prepared: it never had a process */
    did(w, "leftover 0000000000001-1");
    said(w, "");
    take_job(w, 1, 1); /* as a doubled hand-out would */
    did(w, "");
    assert_int_equal(runner_logic_report_leftovers(w->runner, &e), 0);
    said(w, "declined 2-1 never-started, finished 1-1 FAILED interrupted");
    assert_int_equal(runner_logic_report_leftovers(w->runner, &e), 0);
    said(w, "");
}

static void what_was_prepared_before_the_agent_died__may_have_been_started(void **state)
{
    struct world *w = *state;
    struct err e;
    runner_logic_renew(w->runner, w->now.mono_ms);
    take_job(w, 1, 1);
    world_turn(w);
    prepared(w, 1, 0);
    w->may_start = false; /* committed, but not started */
    world_turn(w);
    did(w, "renew 1000000, prepare 1-1");
    world_again(w);
    did(w, "leftover 0000000000001-1");
    assert_int_equal(runner_logic_report_leftovers(w->runner, &e), 0);
    said(w, "finished 1-1 FAILED interrupted");
}

static void a_leftover_that_is_discarded__is_not_told(void **state)
{
    struct world *w = *state;
    struct err e;
    running(w, 1);
    world_again(w);
    runner_logic_discard(w->runner, 1, 1);
    assert_int_equal(runner_logic_report_leftovers(w->runner, &e), 0);
    w->sent_seq = 0;
    said(w, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_CASE(a_job__is_prepared_behind_the_commit_and_started_when_prepared),
        WORLD_CASE(nothing_is_started__before_the_commit_that_knows_of_it),
        WORLD_CASE(a_job_that_is_prepared_at_once__starts_in_the_same_turn_behind_its_commit),
        WORLD_CASE(a_job_that_is_prepared_at_once__and_whose_commit_fails__does_not_start),
        WORLD_CASE(output_that_is_held__comes_before_the_result),
        WORLD_CASE(one_turn__starts_no_more_than_its_bound),
        WORLD_CASE(beginnings_that_fail),
        WORLD_CASE(a_preparation_that_hangs__is_given_up_and_its_late_result_is_late),
        WORLD_CASE(without_a_guard__nothing_starts_until_it_is_there),
        WORLD_CASE(a_lease_that_is_mostly_over__starts_nothing_before_the_next_heartbeat),
        WORLD_CASE(a_doubled_job__is_one_job),
        WORLD_CASE(orders_for_nobody__change_nothing),
        WORLD_CASE(more_jobs_than_slots__are_declined),
        WORLD_CASE(a_kill_before_the_start__starts_nothing),
        WORLD_CASE(a_discard__says_nothing_more_and_drops_what_was_said),
        WORLD_CASE(a_discarded_job_that_comes_again_before_its_end__goes_back),
        WORLD_CASE(a_kill__asks_and_kills_after_the_grace),
        WORLD_CASE(a_process_that_obeys__is_not_killed_later),
        WORLD_CASE(the_longest_grace__counts_for_a_stop),
        WORLD_CASE(its_timeout__ends_it_with_the_grace_of_its_spec),
        WORLD_CASE(a_lease_that_is_over__kills_what_runs_and_nothing_else),
        WORLD_CASE(a_success_after_the_lease__is_lost),
        WORLD_CASE(a_success_that_the_guard_saw_expire__is_lost_though_the_lease_was_renewed),
        WORLD_CASE(a_cancel_after_the_lease__is_lost_all_the_same),
        WORLD_CASE(the_shortest_lease__counts_what_is_held_and_what_runs),
        WORLD_CASE(a_drain__lets_jobs_finish_until_its_time_is_over),
        WORLD_CASE(a_second_stop__kills_at_once),
        WORLD_CASE(what_has_no_process__is_given_back_with_the_reason),
        WORLD_CASE(back_pressure__holds_for_what_is_started_later),
        WORLD_CASE(what_an_earlier_life_left__is_ended_at_once_and_told_after_the_welcome),
        WORLD_CASE(what_was_prepared_before_the_agent_died__may_have_been_started),
        WORLD_CASE(a_leftover_that_is_discarded__is_not_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

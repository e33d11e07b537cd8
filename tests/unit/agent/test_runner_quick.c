/* agent/runner_logic: jobs that end about as soon as they have started, several at once. */
#include "base/str.h"
#include "tests/unit/agent/logic_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define QUICK_MS 4 /* as in runner_logic.c */

static int see_state(const struct journal_attempt *a, void *user)
{
    int *states = user;
    states[a->job] = (int)a->state;
    return 0;
}

static int state_of(struct world *w, int64_t job)
{
    int states[WORLD_JOBS];
    for (int i = 0; i < WORLD_JOBS; i++)
        states[i] = -1;
    assert_int_equal(journal_each_attempt(w->journal, see_state, states, NULL), 0);
    return states[job];
}

/* Job 1 runs for long, job 2 was quick, and job 3 has just got its process. */
static void begin(struct world *w)
{
    w->prepares_at_once = true;
    running(w, 1);
    running(w, 2);
    ended(w, 2, 0);
    said(w, "finished 2-1 SUCCESS -");
    take_job(w, 3, 1);
    w->did[0] = '\0';
    world_turn(w);
    did(w, "prepare 3-1, start 3-1");
}

static void start_and_end_of_a_quick_job__are_told_together(void **state)
{
    struct world *w = *state;
    begin(w);
    said(w, "");
    int64_t before = journal_commits(w->journal);
    ended(w, 3, 0);
    world_turn(w);
    said(w, "started 3-1, finished 3-1 SUCCESS -");
    assert_int_equal(journal_commits(w->journal), before + 1);
    assert_int_equal(state_of(w, 3), JOURNAL_ENDED);
    assert_int_equal(w->runner_wake_ms, INT64_MAX); /* nothing is held any more */
}

static void a_job_that_goes_on__has_its_start_told_soon(void **state)
{
    struct world *w = *state;
    begin(w);
    assert_int_equal(state_of(w, 3), JOURNAL_STARTING);
    assert_int_equal(w->runner_wake_ms, w->now.mono_ms + QUICK_MS);
    world_pass(w, QUICK_MS);
    wake_runner(w);
    world_turn(w);
    said(w, "started 3-1");
    assert_int_equal(state_of(w, 3), JOURNAL_RUNNING);
    ended(w, 3, 0);
    said(w, "finished 3-1 SUCCESS -");
}

static void output__comes_behind_the_start(void **state)
{
    struct world *w = *state;
    begin(w);
    runner_logic_output(w->runner, w->attempts[3], PROCESS_STDOUT, "one\n", 4);
    world_turn(w);
    said(w, "started 3-1, output 3-1 0+4");
    assert_int_equal(state_of(w, 3), JOURNAL_RUNNING);
    assert_int_equal(w->runner_wake_ms, INT64_MAX);
}

/* Job 2 was quick, and job 3 comes so many milliseconds later. */
static void one_behind_another(struct world *w, int64_t pause_ms)
{
    w->prepares_at_once = true;
    running(w, 2);
    ended(w, 2, 0);
    said(w, "finished 2-1 SUCCESS -");
    world_pass(w, pause_ms);
    take_job(w, 3, 1);
    world_turn(w);
}

static void a_job_behind_a_quick_one__has_start_and_end_told_together(void **state)
{
    struct world *w = *state;
    one_behind_another(w, 1);
    said(w, "");
    assert_int_equal(state_of(w, 3), JOURNAL_STARTING);
    int64_t before = journal_commits(w->journal);
    ended(w, 3, 0);
    world_turn(w);
    said(w, "started 3-1, finished 3-1 SUCCESS -");
    assert_int_equal(journal_commits(w->journal), before + 1);
}

static void a_job_a_while_behind_a_quick_one__has_its_start_told_at_once(void **state)
{
    struct world *w = *state;
    one_behind_another(w, 51);
    said(w, "started 3-1");
    assert_int_equal(state_of(w, 3), JOURNAL_RUNNING);
}

static void jobs_beside_such_as_run_for_long__have_their_start_told_at_once(void **state)
{
    struct world *w = *state;
    w->prepares_at_once = true;
    running(w, 1);
    running(w, 2);
    said(w, "");
    take_job(w, 3, 1);
    world_turn(w);
    said(w, "started 3-1");
    /* one was quick, some time ago */
    ended(w, 3, 0);
    said(w, "finished 3-1 SUCCESS -");
    world_pass(w, 51);
    take_job(w, 4, 1);
    world_turn(w);
    said(w, "started 4-1");
}

static void a_kill__tells_of_the_start_before_the_end(void **state)
{
    struct world *w = *state;
    begin(w);
    kill_job(w, 3, "cancelled", 1000);
    ended(w, 3, 143);
    said(w, "started 3-1, finished 3-1 KILLED cancelled");
}

static void a_discard__tells_neither(void **state)
{
    struct world *w = *state;
    begin(w);
    runner_logic_discard(w->runner, 3, 1);
    world_pass(w, QUICK_MS);
    wake_runner(w);
    world_turn(w);
    assert_int_equal(state_of(w, 3), -1);
    ended(w, 3, 137);
    world_turn(w);
    said(w, "");
    assert_int_equal(state_of(w, 3), -1);
}

static void a_lease_that_ends_meanwhile__tells_both(void **state)
{
    struct world *w = *state;
    begin(w);
    world_pass(w, 3600000);
    runner_logic_expire(w->runner, w->now.mono_ms);
    ended(w, 3, 137);
    said(w, "started 3-1, finished 3-1 FAILED lost");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_CASE(start_and_end_of_a_quick_job__are_told_together),
        WORLD_CASE(a_job_that_goes_on__has_its_start_told_soon),
        WORLD_CASE(output__comes_behind_the_start),
        WORLD_CASE(a_job_behind_a_quick_one__has_start_and_end_told_together),
        WORLD_CASE(a_job_a_while_behind_a_quick_one__has_its_start_told_at_once),
        WORLD_CASE(jobs_beside_such_as_run_for_long__have_their_start_told_at_once),
        WORLD_CASE(a_kill__tells_of_the_start_before_the_end),
        WORLD_CASE(a_discard__tells_neither),
        WORLD_CASE(a_lease_that_ends_meanwhile__tells_both),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* agent/runner_logic after the end of a job that wrote more than its output limit: the end of its
 * output is passed on over some turns, before the result. */
#include "agent/runner_logic.h"
#include "tests/unit/agent/logic_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define LIMIT 1000
#define MIB (1024 * 1024)

static void running_with_limit(struct world *w, int64_t job, int64_t limit)
{
    struct msg_job m = {.job = job,
                        .attempt = 1,
                        .lease_ms = WORLD_LEASE_MS,
                        .output_limit = limit};
    runner_logic_renew(w->runner, w->now.mono_ms);
    take_job_of(w, &m);
    world_turn(w);
    prepared(w, job, 0);
    world_turn(w);
    w->did[0] = '\0';
}

static void write_out(struct world *w, int64_t job, int64_t bytes)
{
    static char block[4096];
    memset(block, 'x', sizeof block);
    while (bytes > 0) {
        size_t n = bytes < (int64_t)sizeof block ? (size_t)bytes : sizeof block;
        runner_logic_output(w->runner, w->attempts[job], PROCESS_STDOUT, block, n);
        bytes -= (int64_t)n;
    }
}

/* A job that wrote too much has ended with 5. */
static void ended_loud(struct world *w, int64_t job)
{
    running_with_limit(w, job, LIMIT);
    write_out(w, job, 3000);
    ended(w, job, 5);
}

static void what_it_wrote_at_the_end__comes_before_its_result(void **state)
{
    struct world *w = *state;
    ended_loud(w, 1);
    did(w, "");
    said(w, "started 1-1, output 1-1 0+375");
    assert_int_equal(runner_logic_count(w->runner), 1);
    assert_true(w->changed);
    world_turn(w);
    did(w, "forget 1-1");
    said(w, "output 1-1 0+71, output 1-1 2375+625, finished 1-1 FAILED exit-code");
    assert_int_equal(runner_logic_count(w->runner), 0);
}

static void output_within_the_limit__comes_before_its_result_whole(void **state)
{
    struct world *w = *state;
    running_with_limit(w, 1, LIMIT);
    write_out(w, 1, LIMIT);
    ended(w, 1, 0);
    world_turn(w);
    said(w, "started 1-1, output 1-1 0+375, output 1-1 375+625, finished 1-1 SUCCESS -");
}

/* However many jobs end at once. */
static void one_turn__passes_on_a_bounded_amount(void **state)
{
    struct world *w = *state;
    int turns = 0;
    for (int64_t job = 1; job <= 2; job++) {
        running_with_limit(w, job, 8 * MIB);
        write_out(w, job, 20 * MIB);
        ended(w, job, 0);
    }
    while (runner_logic_count(w->runner) > 0) {
        int64_t before = journal_pending_bytes(w->journal);
        assert_true(w->changed); /* nobody has to be waited for */
        world_turn(w);
        assert_true(journal_pending_bytes(w->journal) - before <= RUNNER_TURN_BYTES + 8192);
        turns++;
    }
    assert_in_range(turns, 10, 20);
    assert_in_range(journal_pending_bytes(w->journal), 16 * MIB, 16 * MIB + 65536);
}

/* The end of each job's output begins within a character, which is left out. */
static void a_character_that_was_cut__does_not_lift_the_bound(void **state)
{
    static const char two[] = "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9";
    struct world *w = *state;
    for (int64_t job = 1; job <= 2; job++)
        running_with_limit(w, job, 8 * MIB);
    for (int64_t job = 1; job <= 2; job++) {
        runner_logic_output(w->runner, w->attempts[job], PROCESS_STDOUT, "x", 1);
        for (int i = 0; i < 2 * MIB; i++)
            runner_logic_output(w->runner, w->attempts[job], PROCESS_STDOUT, two, sizeof two - 1);
        ended(w, job, 0);
    }
    while (runner_logic_count(w->runner) > 0) {
        int64_t before = journal_pending_bytes(w->journal);
        world_turn(w);
        assert_true(journal_pending_bytes(w->journal) - before <= RUNNER_TURN_BYTES + 8192);
    }
}

static void while_output_waits__the_end_waits_with_the_result(void **state)
{
    struct world *w = *state;
    ended_loud(w, 1);
    said(w, "started 1-1, output 1-1 0+375");
    runner_logic_pause(w->runner, true);
    world_turn(w);
    did(w, ""); /* there is no process that could be paused */
    said(w, "");
    assert_false(w->changed);
    runner_logic_pause(w->runner, false);
    assert_true(w->changed);
    world_turn(w);
    said(w, "output 1-1 0+71, output 1-1 2375+625, finished 1-1 FAILED exit-code");
    did(w, "forget 1-1");
}

static void a_kill_or_a_timeout_that_comes_too_late__changes_nothing(void **state)
{
    struct world *w = *state;
    struct msg_job m = {.job = 1,
                        .attempt = 1,
                        .lease_ms = WORLD_LEASE_MS,
                        .timeout_ms = 500,
                        .output_limit = LIMIT};
    runner_logic_renew(w->runner, w->now.mono_ms);
    take_job_of(w, &m);
    world_turn(w);
    prepared(w, 1, 0);
    world_turn(w);
    write_out(w, 1, 3000);
    ended(w, 1, 5);
    w->did[0] = '\0';
    assert_int_equal(w->runner_wake_ms, INT64_MAX);
    kill_job(w, 1, "cancelled", 700);
    world_pass(w, 1000);
    wake_runner(w);
    runner_logic_give_back(w->runner, "disk-full");
    runner_logic_drain(w->runner, w->now.mono_ms, 0);
    runner_logic_drain_now(w->runner);
    did(w, "");
    assert_false(runner_logic_only_killed(w->runner));
    world_turn(w);
    did(w, "forget 1-1");
    said(w, "started 1-1, output 1-1 0+375, output 1-1 0+71, output 1-1 2375+625, "
            "finished 1-1 FAILED exit-code");
}

static void a_discard__drops_the_end_too(void **state)
{
    struct world *w = *state;
    ended_loud(w, 1);
    runner_logic_discard(w->runner, 1, 1);
    did(w, "forget 1-1");
    world_turn(w);
    w->sent_seq = 0;
    said(w, "");
}

static void a_lease_that_ends_while_output_waits__loses_the_job(void **state)
{
    struct world *w = *state;
    for (int by_alarm = 0; by_alarm < 2; by_alarm++) {
        ended_loud(w, 1);
        said(w, "started 1-1, output 1-1 0+375");
        runner_logic_pause(w->runner, true);
        assert_int_equal(runner_logic_running_lease(w->runner), WORLD_LEASE_MS);
        world_pass(w, WORLD_LEASE_MS - 1);
        world_turn(w);
        runner_logic_expire(w->runner, w->now.mono_ms);
        did(w, "");
        world_pass(w, 1);
        if (by_alarm) runner_logic_expire(w->runner, w->now.mono_ms);
        world_turn(w);
        did(w, "forget 1-1");
        said(w, "output 1-1 0+71, finished 1-1 FAILED lost");
        runner_logic_pause(w->runner, false);
    }
}

static void an_agent_that_is_to_end_at_once__leaves_out_what_has_to_wait(void **state)
{
    struct world *w = *state;
    ended_loud(w, 1);
    runner_logic_pause(w->runner, true);
    world_turn(w);
    did(w, "");
    said(w, "started 1-1, output 1-1 0+375");
    runner_logic_drain_now(w->runner);
    assert_true(w->changed);
    world_turn(w);
    did(w, "forget 1-1");
    said(w, "output 1-1 0+71, finished 1-1 FAILED exit-code");
}

static void a_drain_whose_time_is_over__leaves_out_what_has_to_wait(void **state)
{
    struct world *w = *state;
    ended_loud(w, 1);
    runner_logic_pause(w->runner, true);
    runner_logic_drain(w->runner, w->now.mono_ms, 1000);
    world_turn(w);
    said(w, "started 1-1, output 1-1 0+375");
    w->changed = false;
    w->now.mono_ms += 1000;
    runner_logic_wake(w->runner, w->now.mono_ms);
    assert_true(w->changed);
    world_turn(w);
    said(w, "output 1-1 0+71, finished 1-1 FAILED exit-code");
    assert_int_equal(runner_logic_count(w->runner), 0);
}

/* What was kept in memory is lost; nothing else is. */
static void an_agent_that_dies_meanwhile__has_the_beginning(void **state)
{
    struct world *w = *state;
    struct err e = {0};
    running_with_limit(w, 1, LIMIT);
    write_out(w, 1, 3000);
    world_turn(w);
    world_again(w);
    assert_int_equal(runner_logic_report_leftovers(w->runner, &e), 0);
    said(w, "started 1-1, output 1-1 0+375, finished 1-1 FAILED interrupted");
}

/* ---- outputs ---- */

static int find_text(int64_t seq, const void *frame, size_t len, void *user)
{
    (void)seq;
    const char **text = user;
    const char *bytes = frame;
    size_t wanted = strlen(*text);
    for (size_t i = 0; i + wanted <= len; i++) {
        if (memcmp(bytes + i, *text, wanted) != 0) continue;
        *text = NULL;
        return 1;
    }
    return 0;
}

static bool in_journal(struct world *w, const char *text)
{
    assert_int_equal(journal_each_event(w->journal, 0, find_text, &text, NULL), 0);
    return text == NULL;
}

static void say(struct world *w, const char *text)
{
    runner_logic_output(w->runner, w->attempts[1], PROCESS_STDOUT, text, strlen(text));
}

static void outputs_that_were_dropped__are_told_in_log_and_message(void **state)
{
    struct world *w = *state;
    running(w, 1);
    say(w, "::{\"outputs\":[1]}::\n");
    say(w, "::{\"outputs\":{\"a\":1}}::\n");
    ended(w, 1, 0);
    assert_true(in_journal(w, "outputs were dropped: \"outputs\" of a line is not an object\n"));
    assert_true(in_journal(w, "\"state\":\"SUCCESS\""));
    assert_true(in_journal(w, "\"message\":\"outputs were dropped: \\\"outputs\\\" of a line is "
                              "not an object\""));
    assert_true(in_journal(w, "\"outputs\":{\"a\":1}"));
}

static void outputs_that_were_dropped__come_behind_what_failed(void **state)
{
    struct world *w = *state;
    running(w, 1);
    for (int i = 0; i < 3; i++)
        say(w, "::{\"outputs\":[1]}::\n");
    kill_job(w, 1, "timeout", 100);
    ended(w, 1, 137);
    assert_true(in_journal(w, "timeout of 0s; outputs were dropped: "));
    assert_true(in_journal(w, " (and 2 more lines)\""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_CASE(what_it_wrote_at_the_end__comes_before_its_result),
        WORLD_CASE(output_within_the_limit__comes_before_its_result_whole),
        WORLD_CASE(one_turn__passes_on_a_bounded_amount),
        WORLD_CASE(a_character_that_was_cut__does_not_lift_the_bound),
        WORLD_CASE(while_output_waits__the_end_waits_with_the_result),
        WORLD_CASE(a_kill_or_a_timeout_that_comes_too_late__changes_nothing),
        WORLD_CASE(a_discard__drops_the_end_too),
        WORLD_CASE(a_lease_that_ends_while_output_waits__loses_the_job),
        WORLD_CASE(an_agent_that_is_to_end_at_once__leaves_out_what_has_to_wait),
        WORLD_CASE(a_drain_whose_time_is_over__leaves_out_what_has_to_wait),
        WORLD_CASE(an_agent_that_dies_meanwhile__has_the_beginning),
        WORLD_CASE(outputs_that_were_dropped__are_told_in_log_and_message),
        WORLD_CASE(outputs_that_were_dropped__come_behind_what_failed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Attempts that end though a process of theirs lives on. */
#include "tests/unit/agent/logic_world.h"

#include "agent/remnants.h"
#include "base/mem.h"
#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* The attempt of a job that runs ends, and sleep (4711, root) lives on. */
static void ends_with_rest(struct world *w, int64_t job)
{
    struct process_list alive = {0};
    process_list_add(&alive, (struct process_id){4711, 7}, "sleep", "root");
    struct process_end end = {.exit_code = 137,
                              .signal = 9,
                              .run_ms = 1,
                              .alive = &alive,
                              .remnant = "4710 6 boot 500 4711:7"};
    assert_non_null(w->attempts[job]);
    w->tough = true;
    runner_logic_ended(w->runner, w->now.mono_ms, w->attempts[job], &end);
}

static void look_again(struct world *w, int64_t after_ms)
{
    assert_int_equal(w->runner_wake_ms, w->now.mono_ms + after_ms);
    world_pass(w, after_ms - 1);
    wake_runner(w);
    did(w, "");
    world_pass(w, 1);
    wake_runner(w);
}

#define LOOK "remnant 0000000000001-1 4710 6 boot 500 4711:7"

static void an_attempt_with_a_rest__is_told_with_it_and_looked_at_until_it_is_gone(void **state)
{
    static const int64_t waits[] = {1000, 2000, 4000, 8000, 10000, 10000};
    struct world *w = *state;
    running(w, 1);
    kill_job(w, 1, "cancelled", 10000);
    ends_with_rest(w, 1);
    said(w, "output 1-1 0+73, finished 1-1 KILLED cancelled alive sleep (4711, root)");
    did(w, "terminate 1-1, forget 1-1");
    assert_int_equal(runner_logic_count(w->runner), 0);
    assert_int_equal(runner_logic_slots_taken(w->runner), 1);
    wake_runner(w); /* the first look comes at once */
    did(w, LOOK);
    for (size_t i = 0; i < sizeof waits / sizeof *waits; i++) {
        look_again(w, waits[i]);
        did(w, LOOK);
    }
    said(w, "");
    w->tough = false;
    look_again(w, 10000);
    did(w, LOOK);
    said(w, "cleared 1-1");
    assert_int_equal(w->runner_wake_ms, INT64_MAX);
    assert_int_equal(runner_logic_slots_taken(w->runner), 0);
}

static void its_slot__is_taken(void **state)
{
    struct world *w = *state;
    be_live(w);
    running(w, 1);
    ends_with_rest(w, 1);
    said(w, "output 1-1 0+73, finished 1-1 FAILED exit-code alive sleep (4711, root)");
    w->did[0] = '\0';
    uplink_logic_announce(w->uplink, WORLD_SLOTS);
    did(w, "ready 3/4");
    for (int i = 2; i <= WORLD_SLOTS; i++)
        take_job(w, i, 1);
    said(w, "");
    take_job(w, 9, 1);
    said(w, "declined 9-1 no-slot");
    w->tough = false;
    wake_runner(w);
    said(w, "cleared 1-1");
    take_job(w, 10, 1);
    said(w, "");
}

static void another_life__goes_on_watching(void **state)
{
    struct world *w = *state;
    running(w, 1);
    ends_with_rest(w, 1);
    world_turn(w);
    for (int life = 0; life < 3; life++) {
        world_again(w);
        assert_int_equal(runner_logic_slots_taken(w->runner), 1);
        world_turn(w);
        assert_true(w->runner_wake_ms <= w->now.mono_ms);
        w->did[0] = '\0';
        wake_runner(w);
        did(w, LOOK);
    }
    w->tough = false;
    look_again(w, 1000);
    did(w, LOOK);
    world_turn(w);
    world_again(w);
    assert_int_equal(runner_logic_slots_taken(w->runner), 0);
    said(w, "output 1-1 0+73, finished 1-1 FAILED exit-code alive sleep (4711, root), cleared 1-1");
}

static void what_an_agent_that_died_left__may_be_a_rest(void **state)
{
    struct world *w = *state;
    running(w, 1);
    w->tough = true;
    world_again(w);
    assert_int_equal(runner_logic_report_leftovers(w->runner, NULL), 0);
    said(w, "finished 1-1 FAILED interrupted alive sleep (4711, root)");
    assert_int_equal(runner_logic_slots_taken(w->runner), 1);
    world_turn(w);
    w->did[0] = '\0';
    wake_runner(w);
    did(w, "remnant 0000000000001-1 101 7 boot 500 4711:7");
    w->tough = false;
    look_again(w, 1000);
    said(w, "cleared 1-1");
}

static void a_discard__gives_the_slot_free_and_says_nothing(void **state)
{
    struct world *w = *state;
    running(w, 1);
    running(w, 2);
    assert_int_equal(runner_logic_slots_taken(w->runner), 2);
    runner_logic_discard(w->runner, 1, 1);
    assert_int_equal(runner_logic_slots_taken(w->runner), 1);
    ends_with_rest(w, 1);
    ends_with_rest(w, 2);
    said(w, "output 2-1 0+73, finished 2-1 FAILED exit-code alive sleep (4711, root)");
    assert_int_equal(runner_logic_slots_taken(w->runner), 1);
    runner_logic_discard(w->runner, 2, 1);
    assert_int_equal(runner_logic_slots_taken(w->runner), 0);
    for (int i = 3; i < 3 + WORLD_SLOTS; i++)
        take_job(w, i, 1);
    w->tough = false;
    wake_runner(w);
    assert_int_equal(runner_logic_slots_taken(w->runner), WORLD_SLOTS);
    said(w, "");
}

static void a_lost_attempt__tells_its_rest_too(void **state)
{
    struct world *w = *state;
    running(w, 1);
    world_pass(w, WORLD_LEASE_MS + 1);
    runner_logic_expire(w->runner, w->now.mono_ms);
    ends_with_rest(w, 1);
    said(w, "output 1-1 0+73, finished 1-1 FAILED lost alive sleep (4711, root)");
}

static void a_stop__does_not_wait_for_it(void **state)
{
    struct world *w = *state;
    running(w, 1);
    ends_with_rest(w, 1);
    runner_logic_drain(w->runner, w->now.mono_ms, 1000);
    assert_int_equal(runner_logic_count(w->runner), 0);
}

static bool sends_cleared(struct world *w)
{
    w->did[0] = '\0';
    world_turn(w);
    bool found = strstr(w->did, "cleared 1-1") != NULL;
    w->did[0] = '\0';
    return found;
}

static void a_coordinator_of_minor_1__does_not_get_what_it_does_not_know(void **state)
{
    struct world *w = *state;
    w->minor = 1;
    be_live(w);
    running(w, 1);
    ends_with_rest(w, 1);
    w->tough = false;
    wake_runner(w);
    said(w, "output 1-1 0+73, finished 1-1 FAILED exit-code alive sleep (4711, root), cleared 1-1");
    assert_false(sends_cleared(w));
    lose_link(w);
    w->minor = 2;
    be_live(w);
    assert_true(sends_cleared(w));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_CASE(an_attempt_with_a_rest__is_told_with_it_and_looked_at_until_it_is_gone),
        WORLD_CASE(its_slot__is_taken),
        WORLD_CASE(another_life__goes_on_watching),
        WORLD_CASE(what_an_agent_that_died_left__may_be_a_rest),
        WORLD_CASE(a_discard__gives_the_slot_free_and_says_nothing),
        WORLD_CASE(a_lost_attempt__tells_its_rest_too),
        WORLD_CASE(a_stop__does_not_wait_for_it),
        WORLD_CASE(a_coordinator_of_minor_1__does_not_get_what_it_does_not_know),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

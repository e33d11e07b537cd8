/* The agent's leases: they count in mono time alone, and what ends after its lease is lost. Real
 * journal, real processes, a clock whose two hands the test can move. */
#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "platform/files.h"
#include "platform/guard.h"
#include "platform/os.h"
#include "tests/unit/agent/runner_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <uv.h>

#include <cmocka.h>

#define DAY_MS INT64_C(86400000)

/* Stands before the true one (CMakeLists.txt): every call in this program comes here. */
static _Atomic int64_t mono_shift_ms, wall_shift_ms; /* threads for file work read it, too */
void __real_os_now(struct moment *out);
void __wrap_os_now(struct moment *out);
void __wrap_os_now(struct moment *out)
{
    __real_os_now(out);
    out->mono_ms += mono_shift_ms;
    out->wall_ms += wall_shift_ms;
}

static int clock_up(void **state)
{
    mono_shift_ms = wall_shift_ms = 0;
    return world_up(state);
}

static int clock_down(void **state)
{
    mono_shift_ms = wall_shift_ms = 0;
    return world_down(state);
}

static void go(const struct world *w)
{
    char *path = str_dupf("%s/go", w->folder);
    assert_int_equal(file_write_atomic(path, "x", 1, FILE_SECRET, NULL), 0);
    mem_free(path);
}

static const char *waits_for_go(const struct world *w, char *out, size_t size)
{
    char cwd[512];
    size_t len = sizeof cwd;
    assert_int_equal(uv_cwd(cwd, &len), 0);
    assert_int_equal(str_format(out, size, "until [ -e %s/%s/go ]; do sleep 0.02; done; exit 6",
                                cwd, w->folder),
                     0);
    return out;
}

static void wall_clock_jumps_by_a_day__change_no_lease(void **state)
{
    struct world *w = *state;
    char script[700];
    take_job(w, 1, waits_for_go(w, script, sizeof script));
    until_said(w, "\"started\"");
    static const int64_t jumps[] = {DAY_MS, -DAY_MS, -DAY_MS, DAY_MS};
    for (size_t i = 0; i < sizeof jumps / sizeof *jumps; i++) {
        wall_shift_ms += jumps[i];
        runner_logic_expire(w->logic, os_mono_ms());
        for (int k = 0; k < 5; k++)
            turn(w);
        assert_int_equal(runner_logic_count(w->logic), 1);
        assert_false(said(w, "lost"));
    }
    /* one that starts while the clock is wrong */
    wall_shift_ms = -DAY_MS;
    take_job(w, 2, "exit 0");
    until_said(w, "SUCCESS");
    wall_shift_ms = DAY_MS;
    go(w);
    until_said(w, "exit-code");
    assert_false(said(w, "lost"));
}

static void a_lease_that_is_over__ends_the_attempt_whatever_the_wall_says(void **state)
{
    struct world *w = *state;
    take_job(w, 1, "sleep 1000");
    until_said(w, "\"started\"");
    wall_shift_ms = -DAY_MS;
    mono_shift_ms = LEASE_MS - 5000;
    runner_logic_expire(w->logic, os_mono_ms());
    turn(w);
    assert_false(said(w, "lost"));
    assert_false(runner_logic_only_killed(w->logic));
    mono_shift_ms = LEASE_MS;
    runner_logic_expire(w->logic, os_mono_ms());
    assert_true(runner_logic_only_killed(w->logic));
    until_said(w, "\"lost\"");
    assert_false(runner_logic_only_killed(w->logic));
    assert_int_equal(runner_logic_count(w->logic), 0);
}

static void a_success_after_the_lease__is_lost(void **state)
{
    struct world *w = *state;
    char script[700];
    take_job(w, 1, waits_for_go(w, script, sizeof script));
    until_said(w, "\"started\"");
    /* the agent was held up, and comes to itself when the process has ended */
    go(w);
    mono_shift_ms = LEASE_MS;
    until_said(w, "\"lost\"");
    assert_false(said(w, "exit-code"));
}

static void what_was_accepted__does_not_start_late_but_after_the_next_heartbeat(void **state)
{
    struct world *w = *state;
    take_job(w, 1, "exit 0");
    mono_shift_ms = LEASE_MS;
    for (int i = 0; i < 20; i++)
        turn(w);
    assert_false(said(w, "\"started\""));
    runner_logic_renew(w->logic, os_mono_ms());
    until_said(w, "SUCCESS");
}

int main(int argc, char **argv)
{
    if (guard_is_asked_for(argc, argv)) return guard_main(argc, argv);
#define CASE(name) cmocka_unit_test_setup_teardown(name, clock_up, clock_down)
    const struct CMUnitTest tests[] = {
        CASE(wall_clock_jumps_by_a_day__change_no_lease),
        CASE(a_lease_that_is_over__ends_the_attempt_whatever_the_wall_says),
        CASE(a_success_after_the_lease__is_lost),
        CASE(what_was_accepted__does_not_start_late_but_after_the_next_heartbeat),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

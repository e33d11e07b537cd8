/* The time between the soft stop and the hard one belongs to the whole tree of a job, however soon
 * its main process ends. All shells here have the 50 ms for strays that a normal end gives; what
 * they started saves its work for much longer. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "platform/paths.h"
#include "proc_fixture.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LIMIT_MS 30000
#define SHORT_MS 300 /* for what is to be ended */

/* What a saver does: ten lines of work after the SIGTERM, then "saved". */
#define SAVER                                                                                      \
    "trap 'for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0.05; echo saving $i; done; echo saved; "       \
    "exit 0' TERM; echo ready; while :; do sleep 0.02; done"

static void start(struct fixture *f, struct run *r, const char *shell, const char *script)
{
    const char *const argv[] = {shell, "-c", script, NULL};
    struct process_options o = run_options(argv);
    struct err e = {0};
    o.drain_ms = 50;
    o.cwd = f->dir;
    int rc = run_start_with(f, r, &o, &e);
    if (rc != 0) print_error("%s\n", e.msg);
    assert_int_equal(rc, 0);
}

static bool is_there(const struct fixture *f, const char *name)
{
    char *path = paths_join(f->dir, name);
    bool found = access(path, F_OK) == 0;
    mem_free(path);
    return found;
}

static void stop_when(struct fixture *f, struct run *r, const char *text)
{
    run_wait_output(f, r, text);
    process_terminate(r->process);
    run_wait(f, r, LIMIT_MS);
}

static void what_a_shell_started__may_save_its_work(void **state)
{
    static const char *const shells[] = {"sh", "bash"};
    for (size_t i = 0; i < 2; i++) {
        struct run r = {0};
        /* the shell dies of the signal at once */
        start(*state, &r, shells[i], "(" SAVER ") & wait");
        stop_when(*state, &r, "ready");
        assert_int_equal(r.end.signal, SIGTERM);
        assert_int_equal(r.end.exit_code, 128 + SIGTERM);
        assert_non_null(strstr(r.out.data, "saving 10\nsaved\n"));
        assert_false(r.end.stray);
        run_fini(&r);
    }
}

static void a_saver_without_pipes__has_its_time_too(void **state)
{
    struct run r = {0};
    start(*state, &r, "sh",
          "(trap 'exec >saving 2>&1; sleep 0.5; echo >saved; exit 0' TERM; echo ready; "
          "exec >/dev/null 2>&1; while :; do sleep 0.02; done) & wait");
    stop_when(*state, &r, "ready");
    assert_true(is_there(*state, "saved"));
    assert_false(r.end.stray);
    run_fini(&r);
}

static void a_session_of_its_own__is_asked_and_waited_for(void **state)
{
    struct run r = {0};
    start(*state, &r, "sh", "cat >saver <<'X'\n" SAVER "\nX\nsetsid sh saver & wait");
    stop_when(*state, &r, "ready");
    assert_non_null(strstr(r.out.data, "saved\n"));
    run_fini(&r);
}

static void what_outlived_the_main_process__has_its_time_when_asked(void **state)
{
    struct fixture *f = *state;
    struct run r = {0};
    const char *const argv[] = {"sh", "-c", "(" SAVER ") & until [ -e go ]; do sleep 0.01; done",
                                NULL};
    struct process_options o = run_options(argv);
    o.cwd = f->dir;
    o.drain_ms = 10000; /* so that the stop comes within it */
    assert_int_equal(run_start_with(f, &r, &o, NULL), 0);
    run_wait_output(f, &r, "ready");
    char *go = paths_join(f->dir, "go");
    assert_int_equal(symlink("x", go), 0);
    mem_free(go);
    assert_int_equal(kill((pid_t)process_pid(r.process), SIGKILL), 0);
    uv_run(&f->loop, UV_RUN_ONCE);
    process_terminate(r.process);
    run_wait(f, &r, LIMIT_MS);
    assert_non_null(strstr(r.out.data, "saved\n"));
    run_fini(&r);
}

static void a_tree_that_is_empty__ends_at_once(void **state)
{
    struct fixture *f = *state;
    struct run r = {0};
    /* nothing but the end of the tree ends this: there is no hard kill here */
    start(f, &r, "sh", "sleep 1000 & echo ready; wait");
    stop_when(f, &r, "ready");
    assert_int_equal(r.end.signal, SIGTERM);
    assert_false(r.end.stray);
    run_fini(&r);
}

static void what_does_not_end__is_killed_with_the_tree(void **state)
{
    struct fixture *f = *state;
    struct run r = {0};
    start(f, &r, "sh",
          "(trap '' TERM; echo ready; while :; do sleep 0.02; [ ! -e /proc/$$/exe ] && echo "
          "alone; done) & wait");
    run_wait_output(f, &r, "ready");
    process_terminate(r.process);
    run_wait_output(f, &r, "alone\nalone\nalone\nalone\nalone\n"); /* more than 50 ms */
    assert_false(r.ended);
    process_terminate(r.process); /* a second wish changes nothing */
    process_kill(r.process);
    run_wait(f, &r, LIMIT_MS);
    assert_int_equal(r.end.signal, SIGTERM); /* of the shell */
    assert_false(r.end.stray);
    run_fini(&r);
}

static void a_pause__does_not_shorten_the_time(void **state)
{
    struct fixture *f = *state;
    struct run r = {0};
    start(f, &r, "sh", "(" SAVER ") & wait");
    run_wait_output(f, &r, "ready");
    process_pause(r.process);
    process_terminate(r.process);
    for (int i = 0; i < 20; i++) {
        uv_run(&f->loop, UV_RUN_NOWAIT);
        usleep(10000);
    }
    process_resume(r.process);
    run_wait(f, &r, LIMIT_MS);
    assert_non_null(strstr(r.out.data, "saved\n"));
    run_fini(&r);
}

static void without_a_soft_stop__strays_have_their_2_seconds_and_no_more(void **state)
{
    struct run r = {0};
    start(*state, &r, "sh", "(" SAVER ") & sleep 0.1; exit 4");
    run_wait(*state, &r, LIMIT_MS);
    assert_int_equal(r.end.exit_code, 4);
    assert_true(r.end.stray);
    assert_null(strstr(r.out.data, "saved"));
    run_fini(&r);
}

static void giving_up__ends_a_tree_that_has_its_time(void **state)
{
    struct fixture *f = *state;
    struct run r = {0};
    start(f, &r, "sh",
          "(trap '' TERM; echo $$; while :; do sleep 0.02; [ ! -e /proc/$$/exe ] && echo "
          "alone; done) & wait");
    run_wait_output(f, &r, "\n");
    process_terminate(r.process);
    run_wait_output(f, &r, "alone");
    process_free(r.process);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    assert_int_equal(r.ends, 0);
    run_fini(&r);
}

/* The names are the test's to look at while the process is there. */
static struct process_list named;

static void take_names(struct process *p, const struct process_end *end, void *user)
{
    struct run *r = user;
    named = end->strays ? *end->strays : (struct process_list){0};
    r->end = *end;
    r->ended = true;
    r->ends++;
    process_free(p);
    r->process = NULL;
}

static void run_named(struct fixture *f, struct run *r, const char *script, int64_t drain_ms)
{
    static const struct process_handler handler = {.on_end = take_names};
    const char *const argv[] = {"bash", "-c", script, NULL};
    struct process_options o = run_options(argv);
    o.drain_ms = drain_ms;
    o.cwd = f->dir;
    buf_init(&r->out, 1);
    buf_init(&r->err, 1);
    assert_int_equal(process_start(f->host, &o, &handler, r, &r->process, NULL), 0);
    run_wait(f, r, LIMIT_MS);
}

static void what_was_ended_behind_the_job__is_named(void **state)
{
    struct run r = {0};
    char text[PROCESS_LIST_TEXT_SIZE], expected[64];
    run_named(*state, &r, "nohup sleep 400 >/dev/null 2>&1 & echo $! >pid", SHORT_MS);
    assert_int_equal(named.count, 1);
    snprintf(expected, sizeof expected, "sleep (%d)", (int)named.ids[0].pid);
    assert_string_equal(process_list_format(&named, false, text), expected);
    assert_false(r.end.held);
    run_fini(&r);

    run_named(*state, &r, "exec > >(while read -r l; do sleep 1000; done); echo 1", SHORT_MS);
    assert_int_equal(named.count, 2);
    process_list_format(&named, false, text);
    assert_non_null(strstr(text, "bash ("));
    assert_non_null(strstr(text, "sleep ("));
    assert_true(r.end.held);
    run_fini(&r);

    run_named(*state, &r,
              "for i in 1 2 3 4 5 6 7; do setsid sleep 400 >/dev/null 2>&1 & done; "
              "sleep 0.2",
              SHORT_MS);
    assert_int_equal(named.count, 7);
    assert_non_null(strstr(process_list_format(&named, false, text), " and 3 more"));
    run_fini(&r);
}

/* Who holds the pipe is waited for; who has let go of it is on the way out. */
static void what_ends_by_itself__is_not_named(void **state)
{
    static const char *const scripts[] = {
        "true",
        "exec > >(cat); echo 1",
        "(sleep 0.05; echo late) & true",
        "exec > >(tee copy) 2>&1; seq 1000",
        "seq 1000 | sort | tail -n 1",
    };
    for (int round = 0; round < 10; round++) {
        for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++) {
            struct run r = {0};
            run_named(*state, &r, scripts[i], LIMIT_MS);
            if (named.count > 0) fail_msg("%s: %s", scripts[i], named.names[0]);
            assert_false(r.end.held);
            run_fini(&r);
        }
    }
}

/* As a program that has closed its output, and that a busy machine gives no processor. */
static void who_is_still_at_work__is_waited_for(void **state)
{
    static const char count[] = "(exec >/dev/null 2>&1; i=0; while [ $i -lt 200000 ]; do "
                                "i=$((i + 1)); done; : >counted) & true";
    struct run r = {0};
    run_named(*state, &r, count, LIMIT_MS);
    assert_int_equal(named.count, 0);
    assert_true(is_there(*state, "counted"));
    run_fini(&r);
}

static void who_works_for_ever__is_ended_when_the_time_is_over(void **state)
{
    struct run r = {0};
    run_named(*state, &r, "(exec >/dev/null 2>&1; while :; do :; done) & true", SHORT_MS);
    assert_int_equal(named.count, 1);
    run_fini(&r);
}

static void a_kill__does_not_wait_for_who_is_at_work(void **state)
{
    struct fixture *f = *state;
    struct run r = {0};
    const char *const argv[] = {"bash", "-c",
                                "(exec >/dev/null 2>&1; while :; do :; done) & echo end", NULL};
    struct process_options o = run_options(argv);
    o.cwd = f->dir;
    o.drain_ms = 100 * LIMIT_MS;
    assert_int_equal(run_start_with(f, &r, &o, NULL), 0);
    run_wait_output(f, &r, "end");
    for (int i = 0; i < 20; i++) {
        uv_run(&f->loop, UV_RUN_NOWAIT);
        usleep(10000);
    }
    process_kill(r.process);
    run_wait(f, &r, LIMIT_MS);
    run_fini(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
        CASE(what_a_shell_started__may_save_its_work),
        CASE(a_saver_without_pipes__has_its_time_too),
        CASE(a_session_of_its_own__is_asked_and_waited_for),
        CASE(what_outlived_the_main_process__has_its_time_when_asked),
        CASE(a_tree_that_is_empty__ends_at_once),
        CASE(what_does_not_end__is_killed_with_the_tree),
        CASE(a_pause__does_not_shorten_the_time),
        CASE(without_a_soft_stop__strays_have_their_2_seconds_and_no_more),
        CASE(giving_up__ends_a_tree_that_has_its_time),
        CASE(what_was_ended_behind_the_job__is_named),
        CASE(what_ends_by_itself__is_not_named),
        CASE(who_is_still_at_work__is_waited_for),
        CASE(who_works_for_ever__is_ended_when_the_time_is_over),
        CASE(a_kill__does_not_wait_for_who_is_at_work),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

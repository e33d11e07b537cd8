/* One job's processes: start, streams, ends. What a job leaves behind: process_tree.c. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "platform/files.h"
#include "platform/linux/process_impl.h"
#include "platform/os.h"
#include "platform/paths.h"
#include "proc_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LIMIT_MS 30000

static void write_file(struct fixture *f, const char *name, const char *text, mode_t mode,
                       char **path)
{
    *path = paths_join(f->dir, name);
    assert_int_equal(file_write_atomic(*path, text, strlen(text), FILE_PUBLIC, NULL), 0);
    assert_int_equal(chmod(*path, mode), 0);
}

static void both_streams__are_told_apart(void **state)
{
    struct run r = {0};
    run_script(*state, &r, "echo out; echo err >&2; exit 7");
    assert_string_equal(r.out.data, "out\n");
    assert_string_equal(r.err.data, "err\n");
    assert_int_equal(r.end.exit_code, 7);
    assert_int_equal(r.end.signal, 0);
    assert_false(r.end.stray);
    run_fini(&r);
}

static void exit_codes__come_through(void **state)
{
    for (int code = 0; code < 256; code += 51) {
        struct run r = {0};
        char script[32];
        snprintf(script, sizeof script, "exit %d", code);
        run_script(*state, &r, script);
        assert_int_equal(r.end.exit_code, (uint32_t)code);
        run_fini(&r);
    }
}

static void a_signal__is_128_and_its_number(void **state)
{
    struct run r = {0};
    run_script(*state, &r, "kill -SEGV $$");
    assert_int_equal(r.end.signal, SIGSEGV);
    assert_int_equal(r.end.exit_code, 128 + SIGSEGV);
    run_fini(&r);
}

static void a_missing_command__is_not_found(void **state)
{
    static const char *const absolute[] = {"/nonexistent/program", NULL};
    static const char *const plain[] = {"cadre-no-such-command", NULL};
    static const char *const relative[] = {"./no-such-command", NULL};
    static const char *const empty[] = {"", NULL};
    const char *const *const all[] = {absolute, plain, relative, empty};
    for (size_t i = 0; i < 4; i++) {
        struct run r = {0};
        struct err e = {0};
        assert_int_equal(run_start(*state, &r, all[i], &e), ERR_NOT_FOUND);
        assert_int_equal(e.code, ERR_NOT_FOUND);
        assert_non_null(strstr(e.msg, i < 3 ? all[i][0] : "empty"));
        assert_null(r.process);
        run_fini(&r);
    }
}

static void a_file_without_x__is_denied(void **state)
{
    struct run r = {0};
    struct err e = {0};
    char *path;
    write_file(*state, "plain", "#!/bin/sh\n", 0644, &path);
    const char *const argv[] = {path, NULL};
    assert_int_equal(run_start(*state, &r, argv, &e), ERR_DENIED);
    assert_non_null(strstr(e.msg, path));
    mem_free(path);
    run_fini(&r);
}

static void a_folder_as_command__is_denied(void **state)
{
    static const char *const argv[] = {"/tmp", NULL};
    struct run r = {0};
    struct err e = {0};
    assert_int_equal(run_start(*state, &r, argv, &e), ERR_DENIED);
    assert_non_null(strstr(e.msg, "folder"));
    run_fini(&r);
}

static void a_text_without_interpreter__is_denied(void **state)
{
    struct run r = {0};
    struct err e = {0};
    char *path;
    write_file(*state, "text", "echo hello\n", 0755, &path);
    const char *const argv[] = {path, NULL};
    assert_int_equal(run_start(*state, &r, argv, &e), ERR_DENIED);
    assert_non_null(strstr(e.msg, "#!"));
    mem_free(path);
    run_fini(&r);
}

static void a_missing_interpreter__is_named_as_such(void **state)
{
    struct run r = {0};
    struct err e = {0};
    char *path;
    write_file(*state, "script", "#!/nonexistent/shell\n", 0755, &path);
    const char *const argv[] = {path, NULL};
    assert_int_equal(run_start(*state, &r, argv, &e), ERR_NOT_FOUND);
    assert_non_null(strstr(e.msg, "interpreter"));
    mem_free(path);
    run_fini(&r);
}

static void a_missing_folder__is_not_found_and_named(void **state)
{
    static const char *const argv[] = {"true", NULL};
    struct run r = {0};
    struct err e = {0};
    struct process_options o = run_options(argv);
    o.cwd = "/nonexistent/folder";
    assert_int_equal(run_start_with(*state, &r, &o, &e), ERR_NOT_FOUND);
    assert_non_null(strstr(e.msg, "/nonexistent/folder"));
    run_fini(&r);
}

static void a_missing_stdin_file__is_the_machines_fault(void **state)
{
    static const char *const argv[] = {"true", NULL};
    struct run r = {0};
    struct err e = {0};
    struct process_options o = run_options(argv);
    o.stdin_path = "/nonexistent/input";
    assert_int_equal(run_start_with(*state, &r, &o, &e), ERR_MACHINE);
    assert_non_null(strstr(e.msg, "/nonexistent/input"));
    run_fini(&r);
}

static void no_descriptors_left__is_the_machines_fault(void **state)
{
    static const char *const argv[] = {"true", NULL};
    struct rlimit before, none;
    struct run r = {0};
    struct err e = {0};
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = before;
    none.rlim_cur = 4;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    int rc = run_start(*state, &r, argv, &e);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(rc, ERR_MACHINE);
    assert_non_null(strstr(e.msg, strerror(EMFILE)));
    run_fini(&r);
    run_script(*state, &r, "exit 3"); /* nothing is left of the failure */
    assert_int_equal(r.end.exit_code, 3);
    run_fini(&r);
}

static void a_folder_of_the_callers_that_is_gone__is_the_machines_fault(void **state)
{
    static const char *const argv[] = {"true", NULL};
    struct run r = {0};
    struct err e = {0};
    struct process_options o = run_options(argv);
    o.cwd = o.own_folder = "/nonexistent/folder";
    assert_int_equal(run_start_with(*state, &r, &o, &e), ERR_MACHINE);
    assert_non_null(strstr(e.msg, "/nonexistent/folder"));
    run_fini(&r);
}

static void arguments_too_long__are_an_error(void **state)
{
    struct run r = {0};
    struct err e = {0};
    size_t len = 256 * 1024; /* one argument may have 128 KiB */
    char *big = mem_alloc(len + 1);
    memset(big, 'x', len);
    const char *const argv[] = {"true", big, NULL};
    assert_int_equal(run_start(*state, &r, argv, &e), ERR_IO);
    assert_non_null(strstr(e.msg, "too long"));
    mem_free(big);
    run_fini(&r);
}

static void path_of_the_job__decides_which_program(void **state)
{
    struct fixture *f = *state;
    struct run r = {0};
    char *path;
    write_file(f, "tool", "#!/bin/sh\necho mine\n", 0755, &path);
    char *entry = str_dupf("PATH=relative::%s:/usr/bin:/bin", f->dir);
    const char *const env[] = {entry, NULL};
    static const char *const argv[] = {"tool", NULL};
    struct process_options o = run_options(argv);
    o.env = env;
    assert_int_equal(run_start_with(f, &r, &o, NULL), 0);
    run_wait(f, &r, LIMIT_MS);
    assert_string_equal(r.out.data, "mine\n");
    mem_free(entry);
    mem_free(path);
    run_fini(&r);
}

static void a_relative_command__is_sought_in_the_jobs_folder(void **state)
{
    struct fixture *f = *state;
    struct run r = {0};
    char *path;
    write_file(f, "local", "#!/bin/sh\npwd\n", 0755, &path);
    static const char *const argv[] = {"./local", NULL};
    struct process_options o = run_options(argv);
    o.cwd = f->dir;
    assert_int_equal(run_start_with(f, &r, &o, NULL), 0);
    run_wait(f, &r, LIMIT_MS);
    assert_true(str_starts(r.out.data, f->dir));
    mem_free(path);
    run_fini(&r);
}

static void environment__is_exactly_what_was_given(void **state)
{
    static const char *const argv[] = {"/usr/bin/env", NULL};
    static const char *const env[] = {"A=1", "EMPTY=", "WITH SPACE=x y", NULL};
    struct run r = {0};
    struct process_options o = run_options(argv);
    o.env = env;
    setenv("CADRE_TEST_SECRET", "leak", 1);
    assert_int_equal(run_start_with(*state, &r, &o, NULL), 0);
    run_wait(*state, &r, LIMIT_MS);
    assert_string_equal(r.out.data, "A=1\nEMPTY=\nWITH SPACE=x y\n");
    run_fini(&r);
}

static void descriptors__none_but_three_are_inherited(void **state)
{
    struct run r = {0};
    /* on purpose without close-on-exec, as a careless library would; one far up */
    int leak = open("/etc/passwd", O_RDONLY);
    int far = dup2(leak, 700);
    assert_true(leak > 2 && far == 700);
    static const char *const argv[] = {"ls", "/proc/self/fd", NULL};
    assert_int_equal(run_start(*state, &r, argv, NULL), 0);
    run_wait(*state, &r, LIMIT_MS);
    /* 3 is the folder that ls itself reads */
    assert_string_equal(r.out.data, "0\n1\n2\n3\n");
    close(leak);
    close(far);
    run_fini(&r);
}

/* As an agent that was started so: before its host is made. */
static int ignoring_setup(void **state)
{
    signal(SIGPIPE, SIG_IGN);
    signal(SIGUSR1, SIG_IGN);
    signal(64, SIG_IGN);
    return fixture_setup(state);
}

static int ignoring_teardown(void **state)
{
    signal(SIGPIPE, SIG_DFL);
    signal(SIGUSR1, SIG_DFL);
    signal(64, SIG_DFL);
    return fixture_teardown(state);
}

static void signals__are_as_in_a_new_process(void **state)
{
    struct run r = {0};
    sigset_t blocked, before;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGUSR2);
    sigaddset(&blocked, SIGTERM);
    sigprocmask(SIG_BLOCK, &blocked, &before);
    static const char *const argv[] = {"cat", "/proc/self/status", NULL};
    assert_int_equal(run_start(*state, &r, argv, NULL), 0);
    sigprocmask(SIG_SETMASK, &before, NULL);
    run_wait(*state, &r, LIMIT_MS);
    assert_non_null(strstr(r.out.data, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n"
                                       "SigCgt:\t0000000000000000\n"));
    run_fini(&r);
}

static void a_job__has_a_session_of_its_own_and_dies_first(void **state)
{
    struct run r = {0};
    run_script(*state, &r,
               "set -- $(cat /proc/self/stat); cut -d' ' -f6 /proc/$$/stat; echo $$; "
               "cat /proc/self/oom_score_adj; nice");
    char *end = r.out.data;
    long session = strtol(end, &end, 10), pid = strtol(end, &end, 10);
    long oom = strtol(end, &end, 10), niceness = strtol(end, &end, 10);
    assert_int_equal(*end, '\n');
    assert_int_equal(session, pid);
    assert_true(oom >= 500);
    assert_int_equal(niceness, getpriority(PRIO_PROCESS, 0)); /* as the test itself */
    run_fini(&r);
}

static void stdin__is_empty_without_a_file(void **state)
{
    struct run r = {0};
    run_script(*state, &r, "cat; readlink /proc/self/fd/0");
    assert_string_equal(r.out.data, "/dev/null\n");
    run_fini(&r);
}

static void stdin__comes_from_the_file(void **state)
{
    struct fixture *f = *state;
    struct run r = {0};
    char *path;
    write_file(f, "input", "one\ntwo\n", 0600, &path);
    static const char *const argv[] = {"cat", NULL};
    struct process_options o = run_options(argv);
    o.stdin_path = path;
    assert_int_equal(run_start_with(f, &r, &o, NULL), 0);
    run_wait(f, &r, LIMIT_MS);
    assert_string_equal(r.out.data, "one\ntwo\n");
    mem_free(path);
    run_fini(&r);
}

static void binary_output__comes_byte_for_byte(void **state)
{
    struct run r = {0};
    run_script(*state, &r, "printf '\\000\\377\\200a\\n\\000'");
    assert_int_equal(r.out.len, 6);
    assert_memory_equal(r.out.data, "\0\377\200a\n\0", 6);
    run_fini(&r);
}

/* Every hundredth chunk stops the flow until the loop comes round again. */
static int pauses;

static void on_idle(uv_idle_t *idle)
{
    struct run *r = idle->data;
    if (r->process) process_resume(r->process);
}

static void pause_often(struct run *r)
{
    if (r->process && pauses++ % 10 == 0) process_pause(r->process);
}

static void twenty_megabytes__arrive_with_pauses(void **state)
{
    struct fixture *f = *state;
    struct run r = {.on_output = pause_often};
    static const char *const argv[] = {"sh", "-c", "head -c 20971520 /dev/zero; echo end >&2",
                                       NULL};
    uv_idle_t idle;
    pauses = 0;
    assert_int_equal(run_start(f, &r, argv, NULL), 0);
    r.keep = false;
    uv_idle_init(&f->loop, &idle);
    idle.data = &r;
    uv_idle_start(&idle, on_idle);
    run_wait(f, &r, LIMIT_MS);
    uv_close((uv_handle_t *)&idle, NULL);
    uv_run(&f->loop, UV_RUN_NOWAIT);
    assert_int_equal(r.out_bytes, 20971520);
    assert_true(pauses > 10);
    assert_int_equal(r.end.exit_code, 0);
    run_fini(&r);
}

static void paused_output__waits_for_its_reader_beyond_the_end(void **state)
{
    struct fixture *f = *state;
    struct run r = {0};
    static const char *const argv[] = {"sh", "-c", "echo first; echo second", NULL};
    struct process_options o = run_options(argv);
    o.drain_ms = 1;
    assert_int_equal(run_start_with(f, &r, &o, NULL), 0);
    process_pause(r.process);
    /* the main process ends; nothing may be reported or cut off meanwhile */
    char identity[PROCESS_IDENTITY_SIZE];
    assert_int_equal(process_identity(r.process, identity), 0);
    int64_t pid = process_pid(r.process);
    while (kill((pid_t)pid, 0) == 0)
        uv_run(&f->loop, UV_RUN_ONCE);
    for (int i = 0; i < 10; i++)
        uv_run(&f->loop, UV_RUN_NOWAIT);
    assert_false(r.ended);
    assert_int_equal(r.out.len, 0);
    process_resume(r.process);
    run_wait(f, &r, LIMIT_MS);
    assert_string_equal(r.out.data, "first\nsecond\n");
    assert_false(r.end.stray);
    run_fini(&r);
}

/* Until a pipe is full again; or nobody fills one any more. */
static void await_full_pipe(struct run *r)
{
    (void)r;
    for (int tries = 0; tries < 20000; tries++) {
        for (int fd = 3, bytes; fd < 64; fd++)
            if (ioctl(fd, FIONREAD, &bytes) == 0 && bytes >= 65536) return;
        sched_yield();
    }
}

static void pause_at_once(struct run *r)
{
    process_pause(r->process);
}

/* What ended before the loop began to read is paused by the first piece of its output, whatever
 * writes on. */
static void output_of_a_quick_process__waits_for_its_reader_too(void **state)
{
    struct fixture *f = *state;
    struct run r = {.on_output = pause_at_once};
    static const char *const argv[] = {"sh", "-c", "yes & exit 5", NULL};
    struct process_options o = run_options(argv);
    o.drain_ms = 1;
    siginfo_t info;
    f->host->quick_ns = uv_hrtime(); /* as if another one had just ended */
    assert_int_equal(run_start_with(f, &r, &o, NULL), 0);
    r.keep = false;
    if (!r.process->reading) uv_timer_stop(&r.process->timer); /* it ends before that */
    assert_int_equal(waitid(P_PID, (id_t)process_pid(r.process), &info, WEXITED | WNOWAIT), 0);
    while (r.out_bytes == 0) {
        await_full_pipe(&r);
        uv_run(&f->loop, UV_RUN_ONCE);
    }
    size_t before = r.out_bytes;
    for (int i = 0; i < 3; i++) {
        await_full_pipe(&r);
        uv_run(&f->loop, UV_RUN_NOWAIT);
    }
    assert_int_equal(r.out_bytes, before);
    assert_false(r.ended);
    r.on_output = await_full_pipe;
    process_resume(r.process);
    run_wait(f, &r, LIMIT_MS);
    assert_true(r.out_bytes > before);
    assert_int_equal(r.end.exit_code, 5);
    assert_true(r.end.stray);
    run_fini(&r);
}

static void a_stray_that_writes_without_end__is_ended(void **state)
{
    struct fixture *f = *state;
    struct run r = {.on_output = await_full_pipe};
    static const char *const argv[] = {"sh", "-c", "yes & exit 5", NULL};
    struct process_options o = run_options(argv);
    o.drain_ms = 50;
    assert_int_equal(run_start_with(f, &r, &o, NULL), 0);
    r.keep = false;
    run_wait(f, &r, LIMIT_MS);
    assert_int_equal(r.end.exit_code, 5);
    assert_true(r.end.stray);
    run_fini(&r);
}

static void terminate__reaches_the_whole_session(void **state)
{
    struct fixture *f = *state;
    struct run r = {0};
    static const char *const argv[] = {
        "sh", "-c",
        /* a child that has not executed yet would still have the trap, and swallow the signal */
        "trap 'echo got; exit 3' TERM; sh -c 'echo ready; exec sleep 1000' & wait; echo no", NULL};
    assert_int_equal(run_start(f, &r, argv, NULL), 0);
    run_wait_output(f, &r, "ready");
    process_terminate(r.process);
    run_wait(f, &r, LIMIT_MS);
    assert_string_equal(r.out.data, "ready\ngot\n");
    assert_int_equal(r.end.exit_code, 3);
    run_fini(&r);
}

static void terminate__wakes_a_stopped_job(void **state)
{
    struct fixture *f = *state;
    struct run r = {0};
    static const char *const argv[] = {"sh", "-c", "echo ready; kill -STOP $$; echo no", NULL};
    assert_int_equal(run_start(f, &r, argv, NULL), 0);
    run_wait_output(f, &r, "ready");
    process_terminate(r.process);
    run_wait(f, &r, LIMIT_MS);
    assert_int_equal(r.end.signal, SIGTERM);
    run_fini(&r);
}

static void kill__ends_what_ignores_term(void **state)
{
    struct fixture *f = *state;
    struct run r = {0};
    static const char *const argv[] = {"sh", "-c",
                                       "trap '' TERM; echo ready; while :; do sleep 1000; done",
                                       NULL};
    assert_int_equal(run_start(f, &r, argv, NULL), 0);
    run_wait_output(f, &r, "ready");
    process_terminate(r.process);
    process_kill(r.process);
    process_kill(r.process);
    run_wait(f, &r, LIMIT_MS);
    assert_int_equal(r.end.signal, SIGKILL);
    assert_int_equal(r.end.exit_code, 137);
    run_fini(&r);
}

static void free__before_the_end_ends_it(void **state)
{
    struct fixture *f = *state;
    struct run r = {0};
    static const char *const argv[] = {"sleep", "1000", NULL};
    assert_int_equal(run_start(f, &r, argv, NULL), 0);
    pid_t pid = (pid_t)process_pid(r.process);
    process_free(r.process);
    assert_int_equal(kill(pid, 0), -1);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    assert_int_equal(r.ends, 0);
    run_fini(&r);
}

static void five_hundred_in_a_row__all_end(void **state)
{
    struct fixture *f = *state;
    static const char *const argv[] = {"true", NULL};
    for (int i = 0; i < 500; i++) {
        struct run r = {0};
        assert_int_equal(run_start(f, &r, argv, NULL), 0);
        run_wait(f, &r, LIMIT_MS);
        assert_int_equal(r.end.exit_code, 0);
        assert_false(r.end.stray);
        run_fini(&r);
    }
}

static void thirty_two_at_once__do_not_mix(void **state)
{
    struct fixture *f = *state;
    struct run r[32];
    memset(r, 0, sizeof r);
    for (int i = 0; i < 32; i++) {
        char script[64], mark[32];
        snprintf(script, sizeof script, "echo %d; read x </dev/null; exit %d", i, i);
        snprintf(mark, sizeof mark, "many-%d", i);
        const char *const argv[] = {"sh", "-c", script, NULL};
        struct process_options o = run_options(argv);
        o.mark = mark;
        assert_int_equal(run_start_with(f, &r[i], &o, NULL), 0);
    }
    for (int i = 0; i < 32; i++) {
        char text[16];
        run_wait(f, &r[i], LIMIT_MS);
        snprintf(text, sizeof text, "%d\n", i);
        assert_string_equal(r[i].out.data, text);
        assert_int_equal(r[i].end.exit_code, (uint32_t)i);
        run_fini(&r[i]);
    }
}

static void base_environment__has_the_accounts_and_nothing_else(void **state)
{
    (void)state;
    static const char *const names[] = {"PATH=",  "HOME=", "USER=", "LOGNAME=",
                                        "SHELL=", "LANG=", "TZ=",   "TERM=dumb"};
    setenv("CADRE_TEST_SECRET", "leak", 1);
    setenv("HOME", "/elsewhere", 1);
    char **env = process_env_base();
    bool path = false, terminal = false;
    for (char **v = env; *v; v++) {
        bool known = false;
        for (size_t i = 0; i < sizeof names / sizeof *names; i++)
            known = known || str_starts(*v, names[i]);
        assert_true(known);
        assert_string_not_equal(*v, "HOME=/elsewhere");
        path = path || str_starts(*v, "PATH=/");
        terminal = terminal || str_eq(*v, "TERM=dumb");
    }
    assert_true(path);
    assert_true(terminal);
    process_env_free(env);
    process_env_free(NULL);
}

static void find_program__wants_an_executable_file(void **state)
{
    struct fixture *f = *state;
    char *plain, *program;
    write_file(f, "plain", "x", 0644, &plain);
    write_file(f, "program", "x", 0755, &program);
    assert_null(process_find_program("plain", f->dir));
    assert_null(process_find_program("nothing", f->dir));
    assert_null(process_find_program("", f->dir));
    assert_null(process_find_program("program", NULL));
    assert_null(process_find_program("program", ""));
    char *parent = paths_dir(f->dir);
    char *list = str_dupf("%s:::%s", parent, f->dir);
    char *found = process_find_program("program", list);
    assert_string_equal(found, program);
    mem_free(found);
    mem_free(list);
    mem_free(parent);
    mem_free(plain);
    mem_free(program);
}

static void ask_mask(void *mask)
{
    os_thread_leave_signals();
    pthread_sigmask(SIG_SETMASK, NULL, mask);
}

static void the_end_of_a_child__does_not_wake_threads_that_left_signals(void **state)
{
    (void)state;
    uv_thread_t thread;
    sigset_t there, here;
    sigemptyset(&there);
    assert_int_equal(uv_thread_create(&thread, ask_mask, &there), 0);
    uv_thread_join(&thread);
    assert_int_equal(sigismember(&there, SIGCHLD), 1);
    assert_int_equal(sigismember(&there, SIGTERM), 1);
    pthread_sigmask(SIG_SETMASK, NULL, &here);
    assert_int_equal(sigismember(&here, SIGCHLD), 0);
}

static void detached__lives_until_ended(void **state)
{
    struct fixture *f = *state;
    char *log = paths_join(f->dir, "log");
    int64_t pid = 0;
    static const char *const argv[] = {"sh", "-c", "echo started; echo oops >&2; exec sleep 1000",
                                       NULL};
    static const char *const none[] = {"cadre-no-such-command", NULL};
    assert_int_equal(process_start_detached(none, log, &pid, NULL), ERR_NOT_FOUND);
    assert_int_equal(pid, 0);
    assert_int_equal(process_start_detached(argv, log, &pid, NULL), 0);
    assert_true(process_is_alive(pid));
    assert_int_equal(process_end_detached(pid, true, NULL), 0);
    while (process_is_alive(pid))
        continue;
    assert_int_equal(process_end_detached(pid, false, NULL), ERR_NOT_FOUND);
    assert_int_equal(process_end_detached(0, true, NULL), ERR_INVALID);
    assert_int_equal(process_end_detached(-1, true, NULL), ERR_INVALID);
    assert_false(process_is_alive(0));
    mem_free(log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
        CASE(both_streams__are_told_apart),
        CASE(exit_codes__come_through),
        CASE(a_signal__is_128_and_its_number),
        CASE(a_missing_command__is_not_found),
        CASE(a_file_without_x__is_denied),
        CASE(a_folder_as_command__is_denied),
        CASE(a_text_without_interpreter__is_denied),
        CASE(a_missing_interpreter__is_named_as_such),
        CASE(a_missing_folder__is_not_found_and_named),
        CASE(a_missing_stdin_file__is_the_machines_fault),
        CASE(no_descriptors_left__is_the_machines_fault),
        CASE(a_folder_of_the_callers_that_is_gone__is_the_machines_fault),
        CASE(arguments_too_long__are_an_error),
        CASE(path_of_the_job__decides_which_program),
        CASE(a_relative_command__is_sought_in_the_jobs_folder),
        CASE(environment__is_exactly_what_was_given),
        CASE(descriptors__none_but_three_are_inherited),
        cmocka_unit_test_setup_teardown(signals__are_as_in_a_new_process, ignoring_setup,
                                        ignoring_teardown),
        CASE(a_job__has_a_session_of_its_own_and_dies_first),
        CASE(stdin__is_empty_without_a_file),
        CASE(stdin__comes_from_the_file),
        CASE(binary_output__comes_byte_for_byte),
        CASE(twenty_megabytes__arrive_with_pauses),
        CASE(paused_output__waits_for_its_reader_beyond_the_end),
        CASE(output_of_a_quick_process__waits_for_its_reader_too),
        CASE(a_stray_that_writes_without_end__is_ended),
        CASE(terminate__reaches_the_whole_session),
        CASE(terminate__wakes_a_stopped_job),
        CASE(kill__ends_what_ignores_term),
        CASE(free__before_the_end_ends_it),
        CASE(five_hundred_in_a_row__all_end),
        CASE(thirty_two_at_once__do_not_mix),
        CASE(base_environment__has_the_accounts_and_nothing_else),
        CASE(find_program__wants_an_executable_file),
        CASE(the_end_of_a_child__does_not_wake_threads_that_left_signals),
        CASE(detached__lives_until_ended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

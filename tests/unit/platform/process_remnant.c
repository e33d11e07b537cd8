/* Processes that cannot be ended. Who may not be killed is the test's to say: the calls that would
 * kill them find them another account's. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "platform/linux/proc_table.h"
#include "proc_fixture.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#define LIMIT_MS 30000

/* ---- what may not be killed ---- */

static const char *immune; /* a name; NULL: nobody is */

static bool is_immune(pid_t pid)
{
    struct proc p;
    return immune && pid > 0 && proc_read(pid, &p) == 0 && str_eq(p.name, immune);
}

int __real_proc_kill(const struct proc *p);
int __wrap_proc_kill(const struct proc *p);
int __wrap_proc_kill(const struct proc *p)
{
    return is_immune(p->pid) ? ERR_DENIED : __real_proc_kill(p);
}

/* A signal to a group reaches those of it that may be killed: here, each by itself. */
int __real_kill(pid_t pid, int number);
int __wrap_kill(pid_t pid, int number);
int __wrap_kill(pid_t pid, int number)
{
    struct proc_table t = {.items = NULL};
    if (pid >= 0 || !immune || number == 0) return __real_kill(pid, number);
    assert_int_equal(proc_table_scan(&t), 0);
    for (size_t i = 0; i < t.count; i++) {
        if (t.items[i].group == -pid && !is_immune(t.items[i].pid))
            __real_kill(t.items[i].pid, number);
    }
    proc_table_fini(&t);
    return 0;
}

/* ---- jobs ---- */

static struct {
    struct process_list strays, alive;
    bool has_alive;
    char remnant[PROCESS_REMNANT_SIZE];
} seen;

static void on_output(struct process *p, enum process_stream stream, const void *data, size_t len,
                      void *user)
{
    struct run *r = user;
    (void)p;
    if (stream == PROCESS_STDOUT) buf_add(&r->out, data, len);
}

static void on_end(struct process *p, const struct process_end *end, void *user)
{
    static const struct process_list none;
    struct run *r = user;
    seen.strays = end->strays ? *end->strays : none;
    seen.alive = end->alive ? *end->alive : none;
    seen.has_alive = end->alive != NULL;
    assert_int_equal(process_remnant(p, seen.remnant), 0);
    r->end = *end;
    r->ended = true;
    r->ends++;
    process_free(p);
    r->process = NULL;
}

static const char *mark_of(const char *name, char out[FIXTURE_MARK_SIZE])
{
    return fixture_mark(out, name);
}

static void start(struct fixture *f, struct run *r, const char *name, const char *script)
{
    static const struct process_handler handler = {on_output, on_end};
    char mark[FIXTURE_MARK_SIZE];
    const char *const argv[] = {"bash", "-c", script, NULL};
    struct process_options o = run_options(argv);
    o.mark = mark_of(name, mark);
    o.drain_ms = 50;
    o.cwd = f->dir;
    buf_init(&r->out, 65536);
    buf_init(&r->err, 1);
    assert_int_equal(process_start(f->host, &o, &handler, r, &r->process, NULL), 0);
}

/* Looks as the agent does, with turns of the loop between the looks, until nothing is left. */
static void until_cleared(struct fixture *f, const char *name)
{
    char mark[FIXTURE_MARK_SIZE];
    struct process_list left = {.count = 1};
    for (int i = 0; i < 2000 && left.count > 0; i++) {
        uv_run(&f->loop, UV_RUN_NOWAIT);
        process_watch_remnant(f->host, seen.remnant, mark_of(name, mark), &left);
        usleep(5000);
    }
    assert_int_equal(left.count, 0);
}

static int still_left(struct process_host *h, const char *name)
{
    char mark[FIXTURE_MARK_SIZE];
    struct process_list left;
    process_watch_remnant(h, seen.remnant, mark_of(name, mark), &left);
    return left.count;
}

/* From then on its name is the program's. */
static void until_executed(int pid, const char *name)
{
    struct proc now = {.name = ""};
    while (!str_eq(now.name, name))
        assert_int_equal(proc_read(pid, &now), 0);
}

/* A program of its own name, so that it can be told from others. */
static void make_program(struct fixture *f, const char *name)
{
    struct run r = {0};
    char *command = str_dupf("cp /bin/sleep %s/%s", f->dir, name);
    run_script(f, &r, command);
    assert_int_equal(r.end.exit_code, 0);
    run_fini(&r);
    mem_free(command);
}

static void a_child_that_cannot_be_killed__is_named_and_the_attempt_ends(void **state)
{
    struct fixture *f = *state;
    struct run r = {0};
    char text[PROCESS_LIST_TEXT_SIZE], expected[64];
    make_program(f, "tough");
    immune = "tough";
    start(f, &r, "tough-1", "./tough 1000 & echo $!; wait");
    run_wait_output(f, &r, "\n");
    int pid = (int)strtol(r.out.data, NULL, 10);
    until_executed(pid, "tough");
    process_kill(r.process);
    run_wait(f, &r, LIMIT_MS);
    assert_true(seen.has_alive);
    assert_false(r.end.unended);
    assert_int_equal(r.end.signal, SIGKILL);
    snprintf(expected, sizeof expected, "tough (%d, %s)", pid, getuid() == 0 ? "root" : "");
    process_list_format(&seen.alive, true, text);
    assert_memory_equal(text, expected, strlen(expected) - 1);
    assert_int_equal(seen.strays.count, 0);
    snprintf(expected, sizeof expected, " %d:", pid);
    assert_non_null(strstr(seen.remnant, expected));

    assert_int_equal(still_left(f->host, "tough-1"), 1);
    assert_int_equal(still_left(NULL, "tough-1"), 1); /* as another life would find it */
    immune = NULL;
    until_cleared(f, "tough-1");
    struct proc now;
    assert_true(proc_read(pid, &now) != 0 || now.dead);
    run_fini(&r);
}

static void a_main_process_that_cannot_be_killed__ends_the_attempt_without_a_code(void **state)
{
    struct fixture *f = *state;
    struct run r = {0};
    make_program(f, "tough");
    immune = "tough";
    start(f, &r, "tough-2", "echo $$; exec ./tough 1000");
    run_wait_output(f, &r, "\n");
    int pid = (int)strtol(r.out.data, NULL, 10);
    until_executed(pid, "tough");
    process_terminate(r.process);
    process_kill(r.process);
    run_wait(f, &r, LIMIT_MS);
    assert_true(r.end.unended);
    assert_int_equal(seen.alive.count, 1);
    assert_int_equal(seen.alive.ids[0].pid, pid);
    assert_int_equal(still_left(f->host, "tough-2"), 1);
    immune = NULL;
    until_cleared(f, "tough-2");
    run_fini(&r);
}

static void of_strays__only_those_that_were_ended_count_as_ended(void **state)
{
    struct fixture *f = *state;
    struct run r = {0};
    make_program(f, "tough");
    make_program(f, "meek");
    immune = "tough";
    start(f, &r, "tough-3", "setsid ./tough 1000 >/dev/null & ./meek 1000 >/dev/null & sleep 0.2");
    run_wait(f, &r, LIMIT_MS);
    assert_int_equal(r.end.exit_code, 0);
    assert_int_equal(seen.alive.count, 1);
    assert_string_equal(seen.alive.names[0], "tough");
    assert_int_equal(seen.strays.count, 1);
    assert_string_equal(seen.strays.names[0], "meek");
    immune = NULL;
    until_cleared(f, "tough-3");
    run_fini(&r);
}

static void what_lives_on__is_no_other_jobs(void **state)
{
    struct fixture *f = *state;
    struct run r = {0}, other = {0};
    make_program(f, "tough");
    immune = "tough";
    /* without any sign of its origin but that it is a child of ours */
    start(f, &r, "tough-4",
          "echo 1000 >/proc/self/oom_score_adj; env -i setsid ./tough 1000 >/dev/null & sleep 0.2");
    run_wait(f, &r, LIMIT_MS);
    assert_int_equal(seen.alive.count, 1);
    char remnant[PROCESS_REMNANT_SIZE];
    memcpy(remnant, seen.remnant, sizeof remnant);
    for (int i = 0; i < 3; i++) {
        start(f, &other, "other-1", "sleep 400 >/dev/null & exit 3");
        run_wait(f, &other, LIMIT_MS);
        assert_int_equal(other.end.exit_code, 3);
        assert_false(seen.has_alive);
        assert_int_equal(seen.strays.count, 1);
        run_fini(&other);
    }
    memcpy(seen.remnant, remnant, sizeof remnant);
    assert_int_equal(still_left(f->host, "tough-4"), 1);
    immune = NULL;
    until_cleared(f, "tough-4");
    run_fini(&r);
}

static void of_another_boot_or_another_process__nothing_is_left(void **state)
{
    struct fixture *f = *state;
    struct run r = {0};
    make_program(f, "tough");
    immune = "tough";
    start(f, &r, "tough-6", "./tough 1000 >/dev/null & sleep 0.2");
    run_wait(f, &r, LIMIT_MS);
    assert_int_equal(seen.alive.count, 1);
    struct process_list left;
    char boot[PROCESS_REMNANT_SIZE], *at;
    memcpy(boot, seen.remnant, sizeof boot);
    at = strchr(strchr(boot, ' ') + 1, ' ') + 1;
    *at = *at == '0' ? '1' : '0';
    process_watch_remnant(NULL, boot, "nobody-1", &left);
    assert_int_equal(left.count, 0);
    process_watch_remnant(NULL, "no identity", "nobody-1", &left);
    assert_int_equal(left.count, 0);
    process_watch_remnant(NULL, "", "nobody-1", &left);
    assert_int_equal(left.count, 0);
    /* the same number with another start is a stranger */
    char *stranger = str_dupf("%d 1 - 1000 %d:%lld", 1 << 22, (int)seen.alive.ids[0].pid,
                              (long long)seen.alive.ids[0].start + 1);
    process_watch_remnant(NULL, stranger, "nobody-1", &left);
    assert_int_equal(left.count, 0);
    mem_free(stranger);
    immune = NULL;
    until_cleared(f, "tough-6");
    run_fini(&r);
}

static void a_host_that_ends__forgets_what_lives_on(void **state)
{
    struct fixture *f = *state;
    struct run r = {0};
    make_program(f, "tough");
    immune = "tough";
    start(f, &r, "tough-7", "./tough 1000 >/dev/null & sleep 0.2");
    run_wait(f, &r, LIMIT_MS);
    assert_int_equal(seen.alive.count, 1);
    assert_int_equal(__real_kill((pid_t)seen.alive.ids[0].pid, SIGKILL), 0);
    immune = NULL;
    run_fini(&r); /* the teardown ends the host, and looks whether all handles are closed */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
        CASE(a_child_that_cannot_be_killed__is_named_and_the_attempt_ends),
        CASE(a_main_process_that_cannot_be_killed__ends_the_attempt_without_a_code),
        CASE(of_strays__only_those_that_were_ended_count_as_ended),
        CASE(what_lives_on__is_no_other_jobs),
        CASE(of_another_boot_or_another_process__nothing_is_left),
        CASE(a_host_that_ends__forgets_what_lives_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The guard with real processes. An agent that hangs is this program while it does not run its
 * loop. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "platform/guard.h"
#include "platform/guard_table.h"
#include "platform/linux/spawn.h"
#include "platform/os.h"
#include "platform/paths.h"
#include "proc_fixture.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <linux/magic.h>
#include <time.h>
#include <unistd.h>

#define LIMIT_MS 60000
#define SHORT_MS 200
#define LONG_MS 3600000
#define CAPACITY 3

struct house {
    struct fixture *f;
    struct guard *guard;
    int changes;
};

/* Ended, whether somebody waited for it or not. */
static bool gone(pid_t pid)
{
    char path[64], text[256];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return true;
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    if (n <= 0) return true;
    text[n] = '\0';
    const char *end = strrchr(text, ')');
    return end && end[1] == ' ' && end[2] == 'Z';
}

/* What a job printed: a pid on each line, behind an "h" where the process hides where it comes
 * from. */
static size_t alive_in(const char *out, bool hidden_too)
{
    size_t alive = 0;
    for (const char *line = out; *line;) {
        bool hidden = *line == 'h';
        int pid = (int)strtol(line + hidden, NULL, 10);
        if (pid > 1 && (!hidden || hidden_too)) alive += !gone(pid);
        const char *end = strchr(line, '\n');
        line = end ? end + 1 : "";
    }
    return alive;
}

static size_t alive_of(const char *out)
{
    return alive_in(out, true);
}

static void rest(void)
{
    struct timespec pause = {.tv_nsec = 5000000};
    nanosleep(&pause, NULL);
}

/* Without the loop. */
static void wait_gone_in(const char *out, bool hidden_too)
{
    int64_t end = os_mono_ms() + LIMIT_MS;
    while (alive_in(out, hidden_too) > 0 && os_mono_ms() < end)
        rest();
    assert_int_equal(alive_in(out, hidden_too), 0);
}

static void wait_gone(const char *out)
{
    wait_gone_in(out, true);
}

static void on_change(void *user)
{
    struct house *h = user;
    h->changes++;
}

static void wait_ready(struct house *h)
{
    int64_t end = os_mono_ms() + LIMIT_MS;
    while (!guard_ready(h->guard) && os_mono_ms() < end) {
        uv_run(&h->f->loop, UV_RUN_NOWAIT);
        rest();
    }
    assert_true(guard_ready(h->guard));
}

/* late: the guard watches before the agent tells what it has to know of it. */
static void house_make(void **state, bool late)
{
    struct house *h = mem_alloc(sizeof *h);
    struct err e = {0};
    void *f;
    fixture_setup(&f);
    h->f = f;
    struct guard_options o = {.loop = &h->f->loop,
                              .capacity = CAPACITY,
                              .on_change = on_change,
                              .user = h};
    int rc = guard_new(&o, &h->guard, &e);
    if (rc != 0) print_error("%s\n", e.msg);
    assert_int_equal(rc, 0);
    if (late) wait_ready(h);
    process_host_set_guard(h->f->host, h->guard);
    guard_renew(h->guard, os_mono_ms());
    wait_ready(h);
    *state = h;
}

static int house_up(void **state)
{
    house_make(state, false);
    return 0;
}

static int house_up_late(void **state)
{
    house_make(state, true);
    return 0;
}

static int house_down(void **state)
{
    struct house *h = *state;
    void *f = h->f;
    guard_free(h->guard);
    fixture_teardown(&f);
    mem_free(h);
    return 0;
}

/* A main process, a child, a daemon, and one in a session of its own without a trace of where it
 * came from. */
static const char tree[] =
    "echo $$; sh -c 'echo $$; sleep 1000; :' & "
    "setsid sh -c 'echo $$; sleep 1000; :' & "
    "setsid sh -c 'setsid env -i PATH=/usr/bin:/bin sh -c \"echo h\\$\\$; sleep 1000; :\" & :' & "
    "sleep 1000; :";

static bool four(const char *out)
{
    int lines = 0;
    for (const char *p = out; *p; p++)
        lines += *p == '\n';
    return lines >= 4;
}

static int start(struct house *h, struct run *r, const char *script, const char *name,
                 int64_t lease_ms)
{
    char mark[FIXTURE_MARK_SIZE];
    fixture_mark(mark, name);
    const char *const argv[] = {"sh", "-c", script, NULL};
    struct process_options o = run_options(argv);
    char job[FIXTURE_MARK_SIZE + 16], attempt[32];
    const char *dash = strrchr(mark, '-');
    snprintf(job, sizeof job, "CADRE_JOB_ID=%.*s", (int)(dash - mark), mark);
    snprintf(attempt, sizeof attempt, "CADRE_ATTEMPT=%s", dash + 1);
    const char *const env[] = {"PATH=/usr/bin:/bin", job, attempt, NULL};
    o.env = env;
    o.mark = mark;
    o.lease_ms = lease_ms;
    return run_start_with(h->f, r, &o, NULL);
}

static void start_tree(struct house *h, struct run *r, const char *mark, int64_t lease_ms)
{
    /* nothing is over before all are there */
    guard_renew(h->guard, os_mono_ms() + LONG_MS);
    assert_int_equal(start(h, r, tree, mark, lease_ms), 0);
    int64_t end = os_mono_ms() + LIMIT_MS;
    while (!four(r->out.data) && os_mono_ms() < end)
        uv_run(&h->f->loop, UV_RUN_ONCE);
    assert_int_equal(alive_of(r->out.data), 4);
}

/* A guard that sleeps does not see that leases are moved back; an attempt that has less than it
 * sleeps wakes it. */
static void let_short_leases_end(struct house *h)
{
    struct guard_hold hold;
    guard_renew(h->guard, os_mono_ms() - SHORT_MS - GUARD_MARGIN_MS);
    static const struct guard_claim claim = {.mark = "wake-1", .container = "", .lease_ms = 1};
    assert_int_equal(guard_hold(h->guard, &claim, &hold, NULL), 0);
    guard_release(h->guard, &hold);
}

static void end_run(struct house *h, struct run *r)
{
    process_kill(r->process);
    run_wait(h->f, r, LIMIT_MS);
    assert_int_equal(alive_of(r->out.data), 0);
    run_fini(r);
}

static void an_agent_that_hangs__its_job_is_ended_and_lost(void **state)
{
    struct house *h = *state;
    struct run r = {0};
    guard_renew(h->guard, os_mono_ms());
    assert_int_equal(start(h, &r, "echo $$; sleep 1000; :", "hung-1", 2000), 0);
    run_wait_output(h->f, &r, "\n");
    wait_gone(r.out.data);
    run_wait(h->f, &r, LIMIT_MS);
    assert_true(r.end.expired);
    assert_int_equal(r.end.signal, SIGKILL);
    run_fini(&r);
}

static void the_whole_tree__and_nothing_of_another_job(void **state)
{
    struct house *h = *state;
    struct run a = {0}, b = {0};
    start_tree(h, &a, "one-1", SHORT_MS);
    start_tree(h, &b, "other-1", LONG_MS);
    let_short_leases_end(h);
    wait_gone(a.out.data);
    assert_int_equal(alive_of(b.out.data), 4);
    run_wait(h->f, &a, LIMIT_MS);
    assert_true(a.end.expired);
    assert_int_equal(alive_of(b.out.data), 4);
    end_run(h, &b);
    run_fini(&a);
}

/* The hidden process is younger than both jobs: only its score tells whose it is. */
static void a_guard_that_was_up_first__knows_whose_a_hidden_process_is(void **state)
{
    struct house *h = *state;
    struct run a = {0}, b = {0};
    start_tree(h, &b, "other-1", LONG_MS);
    start_tree(h, &a, "one-1", SHORT_MS);
    let_short_leases_end(h);
    wait_gone(a.out.data);
    run_wait(h->f, &a, LIMIT_MS);
    assert_true(a.end.expired);
    assert_int_equal(alive_of(b.out.data), 4);
    end_run(h, &b);
    run_fini(&a);
}

static void what_ends_within_its_lease__counts(void **state)
{
    struct house *h = *state;
    struct run r = {0};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(start(h, &r, "exit 3", "short-1", LONG_MS), 0);
        run_wait(h->f, &r, LIMIT_MS);
        assert_int_equal(r.end.exit_code, 3);
        assert_false(r.end.expired);
        assert_false(r.end.stray); /* the guard is a child of ours, too */
        run_fini(&r);
    }
    assert_false(gone((pid_t)guard_pid(h->guard)));
}

static void a_job_that_ended_by_itself__is_lost_when_its_lease_is_over_first(void **state)
{
    struct house *h = *state;
    struct run r = {0};
    guard_renew(h->guard, os_mono_ms() + LONG_MS);
    assert_int_equal(start(h, &r, "echo $$", "late-1", SHORT_MS), 0);
    run_wait_output(h->f, &r, "\n");
    if (!r.ended) { /* else the loop was quicker, and that is the case above */
        wait_gone(r.out.data);
        let_short_leases_end(h);
        const struct guard_slot *slot = &guard_table_of(h->guard)->slots[0];
        int64_t end = os_mono_ms() + LIMIT_MS;
        while (guard_state_of(atomic_load(&slot->state)) != GUARD_EXPIRED && os_mono_ms() < end)
            rest();
        run_wait(h->f, &r, LIMIT_MS);
        assert_int_equal(r.end.exit_code, 0);
        assert_true(r.end.expired);
    }
    run_fini(&r);
}

static void a_lease_that_was_over_before__nothing_is_executed(void **state)
{
    struct house *h = *state;
    struct spawn_stack stack;
    const char *const argv[] = {"sh", "-c", "exit 5", NULL}, *const env[] = {NULL};
    _Atomic uint64_t permit = 7;
    int null = open("/dev/null", O_RDWR | O_CLOEXEC), status, pid = 0;
    struct spawn s = {.path = "/bin/sh",
                      .argv = argv,
                      .env = env,
                      .fds = {null, null, null},
                      .cgroup = -1,
                      .pid = &pid,
                      .permit = &permit,
                      .permitted = 6};
    (void)h;
    assert_int_equal(spawn_stack_init(&stack), 0);
    assert_int_equal(spawn_process(&s, &stack), -1);
    assert_int_equal(s.step, SPAWN_REVOKED);
    assert_true(pid > 0);
    s.permitted = 7;
    pid_t child = spawn_process(&s, &stack);
    assert_true(child > 0);
    assert_int_equal(pid, child);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(WEXITSTATUS(status), 5);
    spawn_stack_fini(&stack);
    close(null);
}

static void a_guard_that_is_killed__is_replaced_and_knows_the_jobs(void **state)
{
    struct house *h = *state;
    struct run r = {0}, other = {0};
    start_tree(h, &r, "kept-1", SHORT_MS);
    pid_t first = (pid_t)guard_pid(h->guard);
    int changes = h->changes;
    kill(first, SIGKILL);
    int64_t end = os_mono_ms() + LIMIT_MS;
    while (guard_pid(h->guard) == first && os_mono_ms() < end)
        uv_run(&h->f->loop, UV_RUN_ONCE);
    assert_true(h->changes > changes);
    assert_false(guard_ready(h->guard));
    assert_int_equal(start(h, &other, "exit 0", "other-1", LONG_MS), ERR_UNAVAILABLE);
    run_fini(&other);
    assert_int_equal(alive_of(r.out.data), 4);
    wait_ready(h);
    assert_int_not_equal(guard_pid(h->guard), first);
    assert_int_equal(start(h, &other, "exit 0", "other-1", LONG_MS), 0);
    run_wait(h->f, &other, LIMIT_MS);
    run_fini(&other);
    let_short_leases_end(h);
    wait_gone(r.out.data);
    run_wait(h->f, &r, LIMIT_MS);
    assert_true(r.end.expired);
    run_fini(&r);
}

static void more_attempts_than_slots__are_refused_until_one_ends(void **state)
{
    struct house *h = *state;
    struct run r[CAPACITY] = {0}, more = {0};
    for (int i = 0; i < CAPACITY; i++) {
        char mark[32];
        snprintf(mark, sizeof mark, "many%d-1", i);
        assert_true(guard_ready(h->guard));
        assert_int_equal(start(h, &r[i], "sleep 1000", mark, LONG_MS), 0);
    }
    assert_false(guard_ready(h->guard));
    assert_int_equal(start(h, &more, "exit 0", "more-1", LONG_MS), ERR_FULL);
    run_fini(&more);
    int changes = h->changes;
    end_run(h, &r[1]);
    assert_true(h->changes > changes);
    assert_int_equal(start(h, &more, "exit 0", "more-1", LONG_MS), 0);
    run_wait(h->f, &more, LIMIT_MS);
    run_fini(&more);
    end_run(h, &r[0]);
    end_run(h, &r[2]);
}

static void signals__do_not_end_the_guard_but_its_agent_does(void **state)
{
    struct house *h = *state;
    pid_t pid = (pid_t)guard_pid(h->guard);
    static const int numbers[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGPIPE, SIGUSR1, SIGALRM};
    assert_int_equal(getsid(pid), pid);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        kill(pid, numbers[i]);
    for (int i = 0; i < 20; i++)
        rest();
    assert_false(gone(pid));
    guard_free(h->guard);
    h->guard = NULL;
    assert_true(gone(pid));
}

/* ---- the death of an agent ----------------------------------------------------------------- */

/* A process that hangs past the lease of one tree, tells the pids of another one, and is killed. In
 * a cgroup, if there is one. */
static void short_life(int tell, const char *cgroup)
{
    void *state;
    struct run r = {0}, hung = {0};
    if (cgroup) {
        char *procs = paths_join(cgroup, "cgroup.procs");
        int fd = open(procs, O_WRONLY | O_CLOEXEC);
        if (fd < 0 || write(fd, "0", 1) != 1) _exit(80);
        close(fd);
        mem_free(procs);
    }
    house_up(&state);
    struct house *h = state;
    start_tree(h, &hung, "hung-1", SHORT_MS);
    start_tree(h, &r, "death-1", LONG_MS);
    let_short_leases_end(h);
    wait_gone(hung.out.data);
    run_wait(h->f, &hung, LIMIT_MS);
    if (!hung.end.expired || alive_of(r.out.data) != 4) _exit(81);
    dprintf(tell, "%d\n%s", (int)guard_pid(h->guard), r.out.data);
    close(tell);
    kill(getpid(), SIGKILL);
}

static char *pids_of_life(const char *cgroup)
{
    int tell[2];
    char text[1024];
    size_t len = 0;
    ssize_t n;
    assert_int_equal(pipe2(tell, O_CLOEXEC), 0);
    char mark[FIXTURE_MARK_SIZE];
    fixture_mark(mark, "death-1"); /* the agent's marks are to be this program's */
    pid_t agent = fork();
    if (agent == 0) short_life(tell[1], cgroup);
    close(tell[1]);
    while ((n = read(tell[0], text + len, sizeof text - 1 - len)) > 0)
        len += (size_t)n;
    close(tell[0]);
    waitpid(agent, NULL, 0);
    text[len] = '\0';
    return mem_strdup(text);
}

static void an_agent_that_is_killed__its_jobs_go_and_then_its_guard(void **state)
{
    (void)state;
    char *pids = pids_of_life(NULL);
    assert_true(four(pids));
    wait_gone_in(pids, false);
    /* what shows no mark is anybody's when its parent is dead; only a cgroup holds it */
    const char *hidden = strchr(pids, 'h');
    assert_non_null(hidden);
    kill((pid_t)strtol(hidden + 1, NULL, 10), SIGKILL);
    wait_gone(pids);
    mem_free(pids);
}

/* A delegated cgroup, as a service manager makes it; NULL where we may not. */
static char *make_delegated(void)
{
    static const char *const mounts[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"};
    for (size_t i = 0; i < 2; i++) {
        struct statfs fs;
        if (statfs(mounts[i], &fs) != 0 || fs.f_type != CGROUP2_SUPER_MAGIC) continue;
        char *path = str_dupf("%s/cadre-test-%" PRIx64, mounts[i], os_seed());
        if (mkdir(path, 0755) == 0) {
            if (setxattr(path, "user.delegate", "1", 1, 0) == 0) return path;
            if (setxattr(path, "trusted.delegate", "1", 1, 0) == 0) return path;
            rmdir(path);
        }
        mem_free(path);
    }
    return NULL;
}

static void remove_below(const char *cgroup, const char *name)
{
    char *path = paths_join(cgroup, name);
    rmdir(path);
    mem_free(path);
}

static void an_agent_that_is_killed_in_a_cgroup__nothing_is_left(void **state)
{
    (void)state;
    char *cgroup = make_delegated();
    if (!cgroup) skip();
    char *pids = pids_of_life(cgroup);
    bool all = four(pids);
    int64_t end = os_mono_ms() + LIMIT_MS;
    while (alive_of(pids) > 0 && os_mono_ms() < end)
        rest();
    size_t left = alive_of(pids);
    char mark[FIXTURE_MARK_SIZE], job[FIXTURE_MARK_SIZE + 8];
    snprintf(job, sizeof job, "job-%s", fixture_mark(mark, "death-1"));
    for (int removed = -1; removed != 0 && os_mono_ms() < end; rest()) {
        remove_below(cgroup, job);
        remove_below(cgroup, "agent");
        removed = rmdir(cgroup);
    }
    mem_free(pids);
    mem_free(cgroup);
    assert_true(all);
    assert_int_equal(left, 0);
}

int main(int argc, char **argv)
{
    if (guard_is_asked_for(argc, argv)) return guard_main(argc, argv);
    const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, house_up, house_down)
        CASE(an_agent_that_hangs__its_job_is_ended_and_lost),
        CASE(the_whole_tree__and_nothing_of_another_job),
        cmocka_unit_test_setup_teardown(a_guard_that_was_up_first__knows_whose_a_hidden_process_is,
                                        house_up_late, house_down),
        CASE(what_ends_within_its_lease__counts),
        CASE(a_job_that_ended_by_itself__is_lost_when_its_lease_is_over_first),
        CASE(a_lease_that_was_over_before__nothing_is_executed),
        CASE(a_guard_that_is_killed__is_replaced_and_knows_the_jobs),
        CASE(more_attempts_than_slots__are_refused_until_one_ends),
        CASE(signals__do_not_end_the_guard_but_its_agent_does),
        cmocka_unit_test(an_agent_that_is_killed__its_jobs_go_and_then_its_guard),
        cmocka_unit_test(an_agent_that_is_killed_in_a_cgroup__nothing_is_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

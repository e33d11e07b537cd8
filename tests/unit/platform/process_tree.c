/* What a job leaves behind is ended, and nothing else. The program is its own job: started again
 * with a role as argument it forks, hides and lingers. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "platform/files.h"
#include "platform/os.h"
#include "platform/paths.h"
#include "proc_fixture.h"

#include <errno.h>
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
#include <unistd.h>

#define LIMIT_MS 30000

/* ---- the job's side ------------------------------------------------------------------------ */

extern char **environ;

static void say_pid(void)
{
    dprintf(1, "%d\n", (int)getpid());
}

static void linger(void)
{
    for (;;)
        pause();
}

static void close_streams(void)
{
    for (int i = 0; i < 3; i++)
        close(i);
}

/* fork, and be the child; the parent returns when `ready` was closed by it. */
static bool be_child(void)
{
    int ready[2];
    char c;
    if (pipe(ready) != 0) _exit(90);
    pid_t pid = fork();
    if (pid < 0) _exit(91);
    if (pid == 0) {
        close(ready[0]);
        say_pid();
        close(ready[1]);
        return true;
    }
    close(ready[1]);
    while (read(ready[0], &c, 1) < 0 && errno == EINTR)
        continue;
    close(ready[0]);
    return false;
}

#define FIRST_SCORE "500" /* of the first job of a host that is started with a usual score */

/* What keeps a daemon from being known as ours, step by step. */
static void daemonise(const char *role)
{
    signal(SIGTERM, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    if (!be_child()) _exit(0);
    setsid();
    if (!be_child()) _exit(0);
    if (str_eq(role, "daemon-holds-stdout")) linger();
    if (strstr(role, "hides-score") || strstr(role, "takes-score")) {
        const char *score = strstr(role, "takes-score") ? FIRST_SCORE : "1000";
        ssize_t len = (ssize_t)strlen(score);
        int fd = open("/proc/self/oom_score_adj", O_WRONLY);
        if (fd < 0 || write(fd, score, (size_t)len) != len) _exit(92);
        close(fd);
    }
    dprintf(1, "settled\n");
    if (!strstr(role, "keeps-stdout")) close_streams();
    if (strstr(role, "hides")) {
        static char *const none[] = {NULL};
        execle("/proc/self/exe", "process_tree", "linger", (char *)NULL, none);
        _exit(93);
    }
    linger();
}

/* 1 + 2 + 4 + ... processes, each of which waits for ever. */
static void spread(int depth)
{
    for (int i = 0; i < 2 && depth > 0; i++) {
        if (be_child()) {
            depth--;
            i = -1;
        }
    }
}

/* Forks and ends, again and again: never there when one looks. */
static void run_away(int hops)
{
    while (hops-- > 0) {
        if (fork() != 0) _exit(0);
    }
}

static void play(const char *role)
{
    if (str_starts(role, "daemon")) {
        if (be_child()) daemonise(role);
        int status;
        wait(&status);
        if (str_ends(role, "-main-waits")) linger();
        _exit(0);
    }
    if (str_eq(role, "three-levels")) {
        say_pid();
        if (be_child() && be_child()) dprintf(1, "up\n");
        linger();
    }
    if (str_eq(role, "spread")) {
        spread(4);
        dprintf(1, "up\n");
        linger();
    }
    if (str_eq(role, "run-away")) {
        if (fork() == 0) {
            close_streams();
            run_away(20000);
            linger();
        }
        _exit(0);
    }
    if (str_eq(role, "linger")) linger();
    _exit(99);
}

/* ---- the test's side ----------------------------------------------------------------------- */

static char *own_program(void)
{
    return paths_self();
}

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

/* The pids that the job printed; the number of them. */
static size_t pids_of(const struct run *r, pid_t *pids, size_t max)
{
    size_t n = 0;
    for (const char *line = r->out.data; line && *line; line = strchr(line, '\n')) {
        if (*line == '\n') line++;
        int pid = (int)strtol(line, NULL, 10);
        if (pid > 1 && n < max) pids[n++] = pid;
        if (!*line) break;
    }
    return n;
}

static size_t alive_of(const struct run *r)
{
    pid_t pids[128];
    size_t n = pids_of(r, pids, 128), alive = 0;
    for (size_t i = 0; i < n; i++)
        alive += !gone(pids[i]);
    return alive;
}

/* The third that is born is the one that stays. */
static bool daemon_lives(const struct run *r)
{
    pid_t pids[8];
    assert_int_equal(pids_of(r, pids, 8), 3);
    return !gone(pids[2]);
}

static void start_role_in(struct fixture *f, struct run *r, const char *role, const char *name,
                          const char *folder)
{
    char mark[FIXTURE_MARK_SIZE];
    fixture_mark(mark, name);
    char *self = own_program();
    const char *const argv[] = {self, role, NULL};
    struct process_options o = run_options(argv);
    struct err e = {0};
    char job[FIXTURE_MARK_SIZE + 16], attempt[32];
    const char *dash = strrchr(mark, '-');
    snprintf(job, sizeof job, "CADRE_JOB_ID=%.*s", (int)(dash - mark), mark);
    snprintf(attempt, sizeof attempt, "CADRE_ATTEMPT=%s", dash + 1);
    const char *const env[] = {"PATH=/usr/bin:/bin", job, attempt, NULL};
    o.env = env;
    o.cwd = folder;
    o.mark = mark;
    o.drain_ms = 50;
    int rc = run_start_with(f, r, &o, &e);
    if (rc != 0) print_error("%s\n", e.msg);
    assert_int_equal(rc, 0);
    mem_free(self);
}

static void start_role(struct fixture *f, struct run *r, const char *role, const char *name)
{
    start_role_in(f, r, role, name, "/");
}

static int kill_leftover(const char *identity, const char *name)
{
    char mark[FIXTURE_MARK_SIZE];
    int killed = -1;
    assert_int_equal(process_kill_leftover(identity, fixture_mark(mark, name), &killed, NULL), 0);
    return killed;
}

static void a_daemon_that_holds_stdout__is_drained_and_ended(void **state)
{
    struct run r = {0};
    start_role(*state, &r, "daemon-holds-stdout", "hold-1");
    run_wait(*state, &r, LIMIT_MS);
    assert_true(r.end.stray);
    assert_int_equal(r.end.exit_code, 0);
    pid_t pids[8];
    assert_int_equal(pids_of(&r, pids, 8), 3);
    assert_int_equal(alive_of(&r), 0);
    run_fini(&r);
}

static void a_daemon_of_its_own_session__is_ended_after_the_job(void **state)
{
    static const char *const roles[] = {"daemon", "daemon-hides-env", "daemon-hides-score"};
    for (size_t i = 0; i < 3; i++) {
        struct run r = {0};
        start_role(*state, &r, roles[i], "daemon-1");
        run_wait(*state, &r, LIMIT_MS);
        pid_t pids[8];
        assert_int_equal(pids_of(&r, pids, 8), 3);
        assert_int_equal(alive_of(&r), 0);
        assert_true(r.end.stray);
        run_fini(&r);
    }
}

static void a_daemon_of_its_own_session__is_ended_by_kill(void **state)
{
    struct run r = {0};
    start_role(*state, &r, "daemon-main-waits", "daemon-2");
    run_wait_output(*state, &r, "settled");
    process_terminate(r.process);
    process_kill(r.process);
    run_wait(*state, &r, LIMIT_MS);
    assert_int_equal(alive_of(&r), 0);
    run_fini(&r);
}

static void three_levels__are_ended_by_kill(void **state)
{
    struct run r = {0};
    start_role(*state, &r, "three-levels", "tree-1");
    run_wait_output(*state, &r, "up\n");
    assert_int_equal(alive_of(&r), 3);
    process_kill(r.process);
    run_wait(*state, &r, LIMIT_MS);
    assert_int_equal(alive_of(&r), 0);
    assert_int_equal(r.end.signal, SIGKILL);
    run_fini(&r);
}

static void a_spreading_job__is_ended_by_kill(void **state)
{
    struct run r = {0};
    start_role(*state, &r, "spread", "spread-1");
    run_wait_output(*state, &r, "up\n");
    process_kill(r.process);
    run_wait(*state, &r, LIMIT_MS);
    assert_int_equal(alive_of(&r), 0);
    run_fini(&r);
}

/* Everything of the job's carries its mark; so what is left could be found. */
static void a_job_that_runs_away__is_caught(void **state)
{
    struct fixture *f = *state;
    struct run r = {0};
    start_role(f, &r, "run-away", "away-1");
    char identity[PROCESS_IDENTITY_SIZE];
    assert_int_equal(process_identity(r.process, identity), 0);
    run_wait(f, &r, LIMIT_MS);
    assert_int_equal(kill_leftover(identity, "away-1"), 0);
    run_fini(&r);
}

static void the_end_of_one_job__leaves_the_others_daemon_alone(void **state)
{
    static const char *const roles[] = {"daemon-main-waits", "daemon-hides-env-main-waits",
                                        "daemon-hides-score-main-waits"};
    struct fixture *f = *state;
    for (size_t i = 0; i < 3; i++) {
        struct run a = {0}, b = {0};
        start_role(f, &a, roles[i], "first-1");
        run_wait_output(f, &a, "settled");
        assert_true(daemon_lives(&a));
        static const char *const argv[] = {"true", NULL};
        for (int k = 0; k < 3; k++) {
            assert_int_equal(run_start(f, &b, argv, NULL), 0);
            run_wait(f, &b, LIMIT_MS);
            assert_false(b.end.stray);
            run_fini(&b);
        }
        assert_true(daemon_lives(&a));
        process_kill(a.process);
        run_wait(f, &a, LIMIT_MS);
        assert_int_equal(alive_of(&a), 0);
        run_fini(&a);
    }
}

/* Session, environment and score tell nothing, and it may be the older job's: what is left is the
 * folder that it works in, or the output that it holds. */
static void a_daemon_that_hides__beside_an_older_job__is_ended_with_its_own(void **state)
{
    /* "takes": the older job's */
    static const char *const roles[] = {"daemon-hides-score", "daemon-hides-takes-score",
                                        "daemon-hides-score-keeps-stdout", "daemon-takes-score"};
    struct fixture *f = *state;
    static const char *const older_argv[] = {"sleep", "1000", NULL};
    struct run older = {0};
    assert_int_equal(run_start(f, &older, older_argv, NULL), 0);
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++) {
        struct run r = {0};
        start_role_in(f, &r, roles[i], "hidden-1", i < 2 ? f->dir : "/");
        run_wait(f, &r, LIMIT_MS);
        assert_int_equal(alive_of(&r), 0);
        assert_true(r.end.stray);
        run_fini(&r);
    }
    assert_false(older.ended);
    process_kill(older.process);
    run_wait(f, &older, LIMIT_MS);
    run_fini(&older);
}

/* Two jobs that share a folder: nothing tells which of them it is from. */
static void a_daemon_that_hides__in_a_shared_folder__ends_with_the_last_of_them(void **state)
{
    struct fixture *f = *state;
    struct run a = {0}, b = {0};
    start_role_in(f, &a, "linger", "first-2", f->dir);
    start_role_in(f, &b, "daemon-hides-score", "second-2", f->dir);
    run_wait(f, &b, LIMIT_MS);
    assert_true(daemon_lives(&b));
    process_kill(a.process);
    run_wait(f, &a, LIMIT_MS);
    assert_int_equal(alive_of(&b), 0);
    run_fini(&b);
    run_fini(&a);
}

static void children_of_our_own__are_left_alone(void **state)
{
    struct run r = {0};
    pid_t own = fork();
    if (own == 0) linger();
    run_script(*state, &r, "sleep 1000 >/dev/null 2>&1 &");
    assert_true(r.end.stray);
    assert_int_equal(kill(own, 0), 0);
    assert_int_equal(waitpid(own, NULL, WNOHANG), 0);
    kill(own, SIGKILL);
    waitpid(own, NULL, 0);
    run_fini(&r);
}

/* ---- after the death of the agent ---------------------------------------------------------- */

/* "pid start boot oom" */
static void take_identity(const char *text, int *pid, uint64_t *start, char boot[64])
{
    char *end;
    *pid = (int)strtol(text, &end, 10);
    *start = strtoull(end, &end, 10);
    assert_int_equal(*end, ' ');
    size_t n = strcspn(end + 1, " ");
    assert_in_range(n, 1, 63);
    memcpy(boot, end + 1, n);
    boot[n] = 0;
}

/* A process that starts a role through a host of its own, tells the identity, and is then
 * killed. */
static void earlier_life(const char *role, const char *mark, char identity[PROCESS_IDENTITY_SIZE],
                         struct run *said)
{
    int tell[2];
    assert_int_equal(pipe(tell), 0);
    pid_t agent = fork();
    if (agent == 0) {
        void *state;
        struct run r = {0};
        char own[PROCESS_IDENTITY_SIZE];
        fixture_setup(&state);
        start_role(state, &r, role, mark);
        run_wait_output(state, &r, str_starts(role, "daemon") ? "settled" : "up\n");
        process_identity(r.process, own);
        dprintf(tell[1], "%s\n%s", own, r.out.data);
        close(tell[1]);
        kill(getpid(), SIGKILL);
    }
    close(tell[1]);
    char text[4096];
    size_t len = 0;
    ssize_t n;
    while ((n = read(tell[0], text + len, sizeof text - 1 - len)) > 0)
        len += (size_t)n;
    close(tell[0]);
    waitpid(agent, NULL, 0);
    text[len] = '\0';
    char *end = strchr(text, '\n');
    assert_non_null(end);
    *end = '\0';
    assert_int_equal(str_copy(identity, PROCESS_IDENTITY_SIZE, text), 0);
    buf_init(&said->out, 65536);
    buf_init(&said->err, 65536);
    buf_adds(&said->out, end + 1);
}

/* The fixture is the subreaper: the orphans are its children now. */
static void reap_all(const struct run *said)
{
    pid_t pids[128];
    size_t n = pids_of(said, pids, 128);
    for (size_t i = 0; i < n; i++)
        waitpid(pids[i], NULL, 0);
}

static void the_death_of_the_agent__ends_the_main_process(void **state)
{
    (void)state;
    struct run said = {0};
    char identity[PROCESS_IDENTITY_SIZE];
    earlier_life("three-levels", "death-1", identity, &said);
    pid_t main_pid = (pid_t)strtol(identity, NULL, 10);
    int status;
    assert_int_equal(waitpid(main_pid, &status, 0), main_pid);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(kill_leftover(identity, "death-1"), 2);
    reap_all(&said);
    assert_int_equal(alive_of(&said), 0);
    run_fini(&said);
}

static void leftovers__are_known_by_their_mark(void **state)
{
    (void)state;
    struct run said = {0};
    char identity[PROCESS_IDENTITY_SIZE];
    earlier_life("daemon-main-waits", "left-7", identity, &said);
    waitpid((pid_t)strtol(identity, NULL, 10), NULL, 0);
    assert_true(daemon_lives(&said));
    assert_true(kill_leftover(identity, "left-7") >= 1); /* one between may not have ended yet */
    reap_all(&said);
    assert_int_equal(alive_of(&said), 0);
    run_fini(&said);
}

/* The agent died between starting the process and noting which it is. */
static void leftovers__without_an_identity_are_known_by_their_mark(void **state)
{
    (void)state;
    struct run said = {0};
    char identity[PROCESS_IDENTITY_SIZE];
    earlier_life("daemon-main-waits", "left-6", identity, &said);
    waitpid((pid_t)strtol(identity, NULL, 10), NULL, 0);
    assert_int_equal(kill_leftover("", "left-60"), 0);
    assert_true(daemon_lives(&said));
    assert_true(kill_leftover("", "left-6") >= 1);
    reap_all(&said);
    assert_int_equal(alive_of(&said), 0);
    run_fini(&said);
}

static void leftovers__of_another_mark_or_boot_are_left_alone(void **state)
{
    (void)state;
    struct run said = {0};
    char identity[PROCESS_IDENTITY_SIZE], other[PROCESS_IDENTITY_SIZE];
    int killed = -1, pid;
    uint64_t start;
    char boot[64];
    earlier_life("daemon-main-waits", "left-8", identity, &said);
    waitpid((pid_t)strtol(identity, NULL, 10), NULL, 0);
    static const char *const names[] = {"left-9", "left-80", "lef-8", "left-", "-8"};
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(kill_leftover(identity, names[i]), 0);
    static const char *const marks[] = {"left-", "-8", "left8", ""};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(process_kill_leftover(identity, marks[i], &killed, NULL), 0);
        assert_int_equal(killed, 0);
    }
    take_identity(identity, &pid, &start, boot);
    snprintf(other, sizeof other, "%d %" PRIu64 " 00000000-0000-0000-0000-000000000000 500", pid,
             start);
    assert_int_equal(kill_leftover(other, "left-8"), 0);
    static const char *const nonsense[] = {"x", "1", "1 2", "1 2 3", "-1 0 x 0"};
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(kill_leftover(nonsense[i], "left-8"), 0);
    assert_true(daemon_lives(&said));
    kill_leftover(identity, "left-8");
    reap_all(&said);
    run_fini(&said);
}

static void a_stranger_with_the_same_pid__is_left_alone(void **state)
{
    struct fixture *f = *state;
    struct run r = {0};
    static const char *const argv[] = {"sleep", "1000", NULL};
    static const char *const env[] = {"PATH=/usr/bin:/bin", NULL};
    struct process_options o = run_options(argv);
    o.env = env;
    assert_int_equal(run_start_with(f, &r, &o, NULL), 0);
    char identity[PROCESS_IDENTITY_SIZE], other[PROCESS_IDENTITY_SIZE], boot[64];
    int pid, killed = -1;
    uint64_t start;
    assert_int_equal(process_identity(r.process, identity), 0);
    take_identity(identity, &pid, &start, boot);
    assert_true(start > 0);
    snprintf(other, sizeof other, "%d %" PRIu64 " %s 500", pid, start - 1, boot);
    assert_int_equal(process_kill_leftover(other, "x-1", &killed, NULL), 0);
    assert_int_equal(killed, 0);
    assert_int_equal(kill(pid, 0), 0);
    assert_int_equal(process_kill_leftover(identity, "x-1", &killed, NULL), 0);
    assert_int_equal(killed, 1);
    run_wait(f, &r, LIMIT_MS);
    run_fini(&r);
}

/* ---- cgroups ------------------------------------------------------------------------------- */

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

static void enter(const char *cgroup)
{
    char *procs = paths_join(cgroup, "cgroup.procs");
    int fd = open(procs, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, "0", 1) != 1) _exit(80);
    close(fd);
    mem_free(procs);
}

/* The life of an agent in a delegated cgroup; what fails is its exit code. */
static void life_in_cgroup(const char *cgroup)
{
    void *state;
    enter(cgroup);
    fixture_setup(&state);
    struct fixture *f = state;
    if (!str_starts(process_host_kind(f->host), "cgroup v2 at ")) _exit(81);
    struct run r = {0};
    run_script(f, &r, "sed -n 's/^0:://p' /proc/self/cgroup");
    char mark[FIXTURE_MARK_SIZE], folder[FIXTURE_MARK_SIZE + 8];
    snprintf(folder, sizeof folder, "/job-%s\n", fixture_mark(mark, "06f3k9x2m1c7a-1"));
    if (!str_ends(r.out.data, folder)) _exit(82);
    run_fini(&r);
    static const char *const roles[] = {"daemon", "daemon-hides-score", "daemon-holds-stdout"};
    for (size_t i = 0; i < 3; i++) {
        start_role(f, &r, roles[i], "grouped-1");
        run_wait(f, &r, LIMIT_MS);
        if (alive_of(&r) != 0 || !r.end.stray) _exit(83);
        run_fini(&r);
    }
    start_role(f, &r, "three-levels", "grouped-2");
    run_wait_output(f, &r, "up\n");
    process_kill(r.process);
    run_wait(f, &r, LIMIT_MS);
    if (alive_of(&r) != 0) _exit(84);
    run_fini(&r);
    char *left = str_dupf("%s/job-%s", cgroup, fixture_mark(mark, "grouped-2"));
    if (access(left, F_OK) == 0) _exit(85);
    mem_free(left);
    fixture_teardown(&state);
    _exit(0);
}

static void a_delegated_cgroup__contains_each_job(void **state)
{
    (void)state;
    char *cgroup = make_delegated();
    if (!cgroup) skip();
    pid_t agent = fork();
    if (agent == 0) life_in_cgroup(cgroup);
    int status;
    assert_int_equal(waitpid(agent, &status, 0), agent);
    char *leaf = paths_join(cgroup, "agent");
    rmdir(leaf);
    mem_free(leaf);
    int removed = rmdir(cgroup);
    mem_free(cgroup);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_int_equal(removed, 0);
}

int main(int argc, char **argv)
{
    if (argc > 1) play(argv[1]);
    const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
        CASE(a_daemon_that_holds_stdout__is_drained_and_ended),
        CASE(a_daemon_of_its_own_session__is_ended_after_the_job),
        CASE(a_daemon_of_its_own_session__is_ended_by_kill),
        CASE(three_levels__are_ended_by_kill),
        CASE(a_spreading_job__is_ended_by_kill),
        CASE(a_job_that_runs_away__is_caught),
        CASE(the_end_of_one_job__leaves_the_others_daemon_alone),
        CASE(a_daemon_that_hides__beside_an_older_job__is_ended_with_its_own),
        CASE(a_daemon_that_hides__in_a_shared_folder__ends_with_the_last_of_them),
        CASE(children_of_our_own__are_left_alone),
        CASE(the_death_of_the_agent__ends_the_main_process),
        CASE(leftovers__are_known_by_their_mark),
        CASE(leftovers__without_an_identity_are_known_by_their_mark),
        CASE(leftovers__of_another_mark_or_boot_are_left_alone),
        CASE(a_stranger_with_the_same_pid__is_left_alone),
        CASE(a_delegated_cgroup__contains_each_job),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Real jobs: `true` through a real coordinator and a real agent, beside a loop that spawns and
 * waits. Usage: README.md. */
#include "tests/bench/load.h"

#include "base/json.h"
#include "base/str.h"
#include "wire/pki.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define BOUND_S 600
#define END_S 300
#define POLL_LEAST_US 2000 /* what is left is asked for more often towards the end */
#define POLL_MOST_US 50000
#define POLL_JOB_US 200
#define CONNECTIONS 32

extern char **environ;

struct options {
    int jobs, slots, idle_s;
    const char *dir;
};

static const char job[] = "{\"command\":[\"true\"]}";

/* ---- the bare loop ---- */

static void start_one(void)
{
    pid_t pid;
    char program[] = "true";
    char *argv[] = {program, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    for (int fd = 0; fd < 3; fd++)
        posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_RDWR, 0);
    int rc = posix_spawnp(&pid, program, &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (rc != 0) bench_die("true cannot be started: %s", strerror(rc));
}

static double bare_loop(int jobs, int at_once)
{
    int started = 0, ended = 0;
    struct usage before, after;
    bench_usage(getpid(), &before);
    int64_t from = bench_now_ns();
    while (ended < jobs) {
        while (started < jobs && started - ended < at_once) {
            start_one();
            started++;
        }
        if (wait(NULL) < 0) bench_die("wait: %s", strerror(errno));
        ended++;
    }
    double took_s = (double)(bench_now_ns() - from) / 1e9;
    bench_usage(getpid(), &after);
    printf("CPU per process of the bare loop: %.0f us, and %.0f of the loop\n",
           (after.children_cpu_s - before.children_cpu_s) / jobs * 1e6,
           (after.cpu_s - before.cpu_s) / jobs * 1e6);
    return (double)jobs / took_s;
}

/* ---- the agent ---- */

static int64_t unfinished(struct target *t)
{
    int64_t n = 0;
    struct json *status = target_ask_json(t, "GET", "/api/v1/status", NULL);
    const struct json *jobs = json_get(status, "jobs");
    for (const struct json *j = json_first(jobs); j; j = json_next(j))
        n += json_int(j, 0);
    json_free(status);
    return n;
}

static void say_idle(int pid, int seconds)
{
    struct usage before, after;
    if (!seconds) return;
    sleep(2); /* what was just done may come to rest */
    bench_usage(pid, &before);
    sleep((unsigned)seconds);
    bench_usage(pid, &after);
    printf("idle agent: RSS %.1f MiB (anonymous %.1f), %.1f wake-ups/s, %.2f %% of a core\n",
           (double)after.rss_kib / 1024, (double)after.anon_kib / 1024,
           (double)(after.switches - before.switches) / seconds,
           (after.cpu_s - before.cpu_s) / seconds * 100);
}

/* Half of what the jobs that are left take at least, so that the end is seen in time. */
static void wait_for(int64_t left)
{
    int64_t us = left * POLL_JOB_US;
    usleep((useconds_t)(us < POLL_LEAST_US  ? POLL_LEAST_US
                        : us > POLL_MOST_US ? POLL_MOST_US
                                            : us));
}

/* Jobs are submitted while others run, faster than these end. */
static double through_agent(struct target *t, int pid, int jobs)
{
    struct usage server0, server1, agent0, agent1;
    double own0;
    struct pump *pump =
        pump_new(t,
                 &(struct pump_options){.connections = CONNECTIONS, .body = job, .minimal = true});
    pump_open(pump);
    target_keep_line(t, true);
    (void)unfinished(t);
    own0 = bench_own_cpu_s();
    bench_usage(t->pid, &server0);
    bench_usage(pid, &agent0);
    int64_t from = bench_now_ns(), end = from + (int64_t)END_S * 1000000000;
    pump_run(pump, (uint64_t)jobs, 0);
    while (!pump_idle(pump) && bench_now_ns() < end)
        uv_run(t->loop, UV_RUN_ONCE);
    for (int64_t left; (left = unfinished(t)) > 0;) {
        wait_for(left);
        if (bench_now_ns() > end) bench_die("the jobs do not end");
    }
    double took = (double)(bench_now_ns() - from) / 1e9;
    bench_usage(t->pid, &server1);
    bench_usage(pid, &agent1);
    printf("CPU per job: agent %.0f us, its processes %.0f, coordinator %.0f, submitters %.0f\n",
           (agent1.cpu_s - agent0.cpu_s) / jobs * 1e6,
           (agent1.children_cpu_s - agent0.children_cpu_s) / jobs * 1e6,
           (server1.cpu_s - server0.cpu_s) / jobs * 1e6, (bench_own_cpu_s() - own0) / jobs * 1e6);
    target_keep_line(t, false);
    pump_free(pump);
    return (double)jobs / took;
}

/* ---- the program ---- */

static int number(const char *flag, const char *value, int least, int most)
{
    char *end = NULL;
    long n = value ? strtol(value, &end, 10) : 0;
    if (value && *value && !*end && n >= least && n <= most) return (int)n;
    fprintf(stderr, "bench_spawn: %s takes a number from %d to %d\n", flag, least, most);
    exit(2);
}

static void read_options(struct options *o, int argc, char **argv)
{
    const char *tmp = getenv("TMPDIR");
    *o = (struct options){.jobs = 2000,
                          .slots = 4,
                          .idle_s = 10,
                          .dir = tmp && *tmp ? tmp : "/var/tmp"};
    for (int i = 1; i < argc; i += 2) {
        if (str_eq(argv[i], "--results")) {
            bench_results_on();
            i--; /* takes no value */
        } else if (str_eq(argv[i], "--jobs")) {
            o->jobs = number(argv[i], argv[i + 1], 1, 1000000);
        } else if (str_eq(argv[i], "--slots")) {
            o->slots = number(argv[i], argv[i + 1], 1, 1024);
        } else if (str_eq(argv[i], "--idle-seconds")) {
            o->idle_s = number(argv[i], argv[i + 1], 0, 600);
        } else if (str_eq(argv[i], "--dir") && argv[i + 1]) {
            o->dir = argv[i + 1];
        } else {
            fputs("Usage: bench_spawn [--jobs N] [--slots N] [--idle-seconds S] [--dir D] "
                  "[--results]\n",
                  stderr);
            exit(2);
        }
    }
}

int main(int argc, char **argv)
{
    struct options o;
    struct target t = {0};
    struct err e = {0};
    uv_loop_t loop;
    read_options(&o, argc, argv);
    setvbuf(stdout, NULL, _IOLBF, 0);
    bench_must(pki_init(&e), &e, "the random source");
    uv_loop_init(&loop);
    bench_bound(BOUND_S);
    target_start(&t, &loop, bench_folder(o.dir, 0));
    int pid = target_agent(&t, o.slots, "default");
    target_await_agent(&t);
    say_idle(pid, o.idle_s);
    double bare = bare_loop(o.jobs, o.slots);
    double ours = through_agent(&t, pid, o.jobs);
    double bare_again = bare_loop(o.jobs, o.slots);
    bare = (bare + bare_again) / 2;
    printf("%d jobs 'true', %d at once: agent %.0f/s, bare spawn and wait %.0f/s: %.0f %%\n",
           o.jobs, o.slots, ours, bare, ours / bare * 100);
    bench_result(ours, "/s", "spawn.%d", o.slots);
    bench_result(ours / bare * 100, "%", "spawn.%d.ratio", o.slots);
    say_idle(pid, o.idle_s);
    bench_end(pid);
    bench_end(t.pid);
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
    pki_fini();
    return 0;
}

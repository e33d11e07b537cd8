/* A lone real job: from submit to the first instruction of its process, through a real coordinator
 * and a real agent, beside the same program started by posix_spawn. Usage: README.md. */
#include "tests/bench/load.h"

#include "base/mem.h"
#include "base/str.h"
#include "wire/pki.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define BOUND_S 600
#define START_MS 20000

extern char **environ;

struct bench {
    double jobs;
    struct target target;
    char pipe_path[600];
    int pipe;
    uv_poll_t poll;
    int64_t began_ns; /* by the last job; 0: none yet */
};

static char stamp_program[] = CADRE_BIN_DIR "/../tests/support/stamp";

static void on_stamp(uv_poll_t *poll, int status, int events)
{
    struct bench *b = poll->data;
    (void)status;
    (void)events;
    if (read(b->pipe, &b->began_ns, sizeof b->began_ns) != sizeof b->began_ns) b->began_ns = 0;
}

/* Kept open for writing, too, so that it never ends. */
static void open_pipe(struct bench *b)
{
    snprintf(b->pipe_path, sizeof b->pipe_path, "%s/stamps", b->target.folder);
    if (mkfifo(b->pipe_path, 0666) != 0) bench_die("%s: %s", b->pipe_path, strerror(errno));
    b->pipe = open(b->pipe_path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (b->pipe < 0) bench_die("%s: %s", b->pipe_path, strerror(errno));
    uv_poll_init(b->target.loop, &b->poll, b->pipe);
    b->poll.data = b;
}

static double bare(struct bench *b)
{
    struct samples took = {0};
    char *argv[] = {stamp_program, b->pipe_path, NULL};
    for (int i = 0; i < (int)b->jobs; i++) {
        pid_t pid;
        int64_t began = 0, from = bench_now_ns();
        struct pollfd p = {.fd = b->pipe, .events = POLLIN};
        int rc = posix_spawn(&pid, stamp_program, NULL, NULL, argv, environ);
        if (rc != 0) bench_die("%s: %s", stamp_program, strerror(rc));
        if (poll(&p, 1, START_MS) != 1 || read(b->pipe, &began, sizeof began) != sizeof began)
            bench_die("%s said nothing", stamp_program);
        samples_add(&took, began - from);
        waitpid(pid, NULL, 0);
    }
    double p50 = samples_ms(&took, 0.5);
    samples_fini(&took);
    return p50;
}

static void measure(struct bench *b, struct clients *clients)
{
    struct samples took = {0};
    size_t warm_up = (size_t)b->jobs / 20;
    uv_poll_start(&b->poll, UV_READABLE, on_stamp);
    for (size_t i = 0; i < (size_t)b->jobs + warm_up; i++) {
        uint64_t answers = clients_answered(clients) + 1;
        int64_t from = bench_now_ns();
        b->began_ns = 0;
        clients_one(clients);
        while (b->began_ns == 0 || clients_answered(clients) < answers)
            uv_run(b->target.loop, UV_RUN_ONCE);
        if (i >= warm_up) samples_add(&took, b->began_ns - from);
        load_run(b->target.loop, 0.02, NULL, NULL); /* the job ends, its agent is idle again */
    }
    double p50 = samples_ms(&took, 0.5), p99 = samples_ms(&took, 0.99);
    printf("a lone job, submit -> its process runs: p50 %.2f ms  p99 %.2f  most %.2f  (%zu jobs)\n",
           p50, p99, samples_ms(&took, 1), took.count);
    bench_result(p50, "ms", "lone.p50");
    bench_result(p99, "ms", "lone.p99");
    samples_fini(&took);
}

int main(int argc, char **argv)
{
    struct bench b = {.jobs = 300};
    const struct bench_option options[] = {{"--jobs", &b.jobs, 1, 100000, "one after the other"}};
    const char *dir = bench_options(argc, argv, options, 1);
    struct err e = {0};
    uv_loop_t loop;
    bench_must(pki_init(&e), &e, "the random source");
    uv_loop_init(&loop);
    bench_bound(BOUND_S);
    target_start(&b.target, &loop, bench_folder(dir, 0));
    open_pipe(&b);
    int agent = target_agent(&b.target, 1, "default");
    target_await_agent(&b.target);
    char *body = str_dupf("{\"command\":[\"%s\",\"%s\"]}", stamp_program, b.pipe_path);
    struct clients *clients =
        clients_new(&b.target, &(struct clients_options){.connections = 1, .body = body});
    double alone = bare(&b);
    measure(&b, clients);
    printf("the same program by posix_spawn: p50 %.2f ms\n", alone);
    bench_result(alone, "ms", "lone.bare.p50");
    clients_free(clients);
    uv_close((uv_handle_t *)&b.poll, NULL);
    uv_run(&loop, UV_RUN_NOWAIT);
    bench_end(agent);
    bench_end(b.target.pid);
    close(b.pipe);
    mem_free(body);
    uv_loop_close(&loop);
    pki_fini();
    return 0;
}

/* The output of one job, end to end, beside openssl. Usage: README.md. */
#include "tests/bench/load.h"
#include "tests/bench/openssl.h"

#include "base/mem.h"
#include "base/str.h"
#include "wire/pki.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BOUND_S 900
#define END_S 300
#define ROUNDS_MOST 20
#define CHACHA "TLS_CHACHA20_POLY1305_SHA256"

struct options {
    int mib, rounds;
    const char *dir;
};

/* What a process took so far. */
struct cost {
    double cpu_s, thread_s[8]; /* main first */
    double calls;              /* reads and writes */
    double disk_mib;           /* written to block devices */
};

/* ---- the bytes ---- */

/* Lines of a log: 100 bytes or so each, none like another. */
static void write_log(const char *path, int mib)
{
    FILE *f = fopen(path, "w");
    long left = (long)mib << 20, number = 0;
    while (f && left > 0) {
        char line[200];
        int n = snprintf(line, sizeof line,
                         "2026-11-28T13:%02ld:%02ld.%03ldZ INFO  worker-%02ld request %08lx took "
                         "%ld us and answered %ld bytes to the client\n",
                         number / 60 % 60, number % 60, number % 1000, number % 17,
                         number * 2654435761L & 0xffffffffL, number % 9973, number * 31 % 65521);
        if (n > left) n = (int)left;
        if (fwrite(line, 1, (size_t)n, f) != (size_t)n) break;
        left -= n;
        number++;
    }
    if (!f || fclose(f) != 0 || left > 0) bench_die("%s: %s", path, strerror(errno));
}

/* ---- costs ---- */

static double read_io(int pid, const char *key)
{
    char path[64], line[128];
    double value = 0;
    snprintf(path, sizeof path, "/proc/%d/io", pid);
    FILE *f = fopen(path, "r");
    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, key, strlen(key)) == 0) value = strtod(line + strlen(key), NULL);
    if (f) fclose(f);
    return value;
}

static struct cost cost_of(int pid)
{
    struct usage u;
    bench_usage(pid, &u);
    struct cost c = {.cpu_s = u.cpu_s,
                     .calls = read_io(pid, "syscr:") + read_io(pid, "syscw:"),
                     .disk_mib = read_io(pid, "write_bytes:") / (1 << 20)};
    memcpy(c.thread_s, u.thread_cpu_s, sizeof c.thread_s);
    return c;
}

static void add_difference(struct cost *sum, const struct cost *from, const struct cost *to)
{
    sum->cpu_s += to->cpu_s - from->cpu_s;
    for (int i = 0; i < 8; i++)
        sum->thread_s[i] += to->thread_s[i] - from->thread_s[i];
    sum->calls += to->calls - from->calls;
    sum->disk_mib += to->disk_mib - from->disk_mib;
}

/* Of a coordinator, this is the store thread. */
static double busiest_other_thread_s(const struct cost *c)
{
    double most = 0;
    for (int i = 1; i < 8; i++)
        if (c->thread_s[i] > most) most = c->thread_s[i];
    return most;
}

/* The agent's only child while no job runs. */
static int guard_of(int agent)
{
    char path[64], text[64] = "";
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", agent, agent);
    FILE *f = fopen(path, "r");
    if (f && !fgets(text, sizeof text, f)) text[0] = 0;
    if (f) fclose(f);
    return (int)strtol(text, NULL, 10);
}

/* ---- one job ---- */

static void await_word(int fifo)
{
    struct pollfd p = {.fd = fifo, .events = POLLIN};
    char byte;
    if (poll(&p, 1, END_S * 1000) != 1 || read(fifo, &byte, 1) != 1)
        bench_die("waited %d s in vain for a job", END_S);
}

static void submit(struct target *t, const char *script)
{
    char body[2000];
    snprintf(body, sizeof body, "{\"script\":\"%s\"}", script);
    json_free(target_ask_json(t, "POST", "/api/v1/jobs", body));
}

/* The agent has one slot, so that the second job begins when the first one's result, and all of its
 * output before that, is durable. Each says so when it begins. */
static double pass_job(struct target *t, const char *fifo_path, int fifo, const char *file)
{
    char script[1500];
    snprintf(script, sizeof script, "echo -n . >%s; exec cat %s", fifo_path, file);
    submit(t, script);
    snprintf(script, sizeof script, "echo -n . >%s", fifo_path);
    submit(t, script);
    await_word(fifo);
    int64_t from = bench_now_ns();
    await_word(fifo);
    return (double)(bench_now_ns() - from) / 1e9;
}

/* ---- options ---- */

static int number(const char *flag, const char *value, int least, int most)
{
    char *end = NULL;
    long n = value ? strtol(value, &end, 10) : 0;
    if (value && *value && !*end && n >= least && n <= most) return (int)n;
    fprintf(stderr, "bench_output: %s takes a number from %d to %d\n", flag, least, most);
    exit(2);
}

static void read_options(struct options *o, int argc, char **argv)
{
    const char *tmp = getenv("TMPDIR");
    *o = (struct options){.mib = 256, .rounds = 3, .dir = tmp && *tmp ? tmp : "/var/tmp"};
    for (int i = 1; i < argc; i += 2) {
        if (str_eq(argv[i], "--results")) {
            bench_results_on();
            i--; /* takes no value */
        } else if (str_eq(argv[i], "--mib")) {
            o->mib = number(argv[i], argv[i + 1], 1, 16384);
        } else if (str_eq(argv[i], "--rounds")) {
            o->rounds = number(argv[i], argv[i + 1], 1, ROUNDS_MOST);
        } else if (str_eq(argv[i], "--dir") && argv[i + 1]) {
            o->dir = argv[i + 1];
        } else {
            fputs("Usage: bench_output [--mib N] [--rounds N] [--dir D] [--results]\n", stderr);
            exit(2);
        }
    }
}

/* ---- the measurement ---- */

enum { AGENT, GUARD, SERVER, PROCESSES };

struct bench {
    struct options o;
    struct target t;
    char file[600], fifo_path[600];
    int fifo;
    int pid[PROCESSES];
    struct cost cost[PROCESSES];
    struct samples ours, theirs[2]; /* by openssl: with ChaCha20, with what it takes by itself */
    double peer_cpu_s[2];
    bool peer;
};

static void start(struct bench *b, uv_loop_t *loop)
{
    const char *folder = bench_folder(b->o.dir, 0);
    printf("fdatasync of 512 bytes: %.2f ms (median)\n", bench_sync_ms(folder));
    snprintf(b->file, sizeof b->file, "%s/log", folder);
    snprintf(b->fifo_path, sizeof b->fifo_path, "%s/fifo", folder);
    write_log(b->file, b->o.mib);
    if (mkfifo(b->fifo_path, 0600) != 0) bench_die("%s: %s", b->fifo_path, strerror(errno));
    b->fifo = open(b->fifo_path, O_RDWR | O_CLOEXEC);
    b->peer = openssl_prepare(folder);
    if (!b->peer) puts("there is no openssl to compare with");
    setenv("CADRE_LIMITS_OUTPUT", "64GiB", 1);
    target_start(&b->t, loop, folder);
    b->pid[SERVER] = b->t.pid;
    b->pid[AGENT] = target_agent(&b->t, 1, "default");
    target_await_agent(&b->t);
    b->pid[GUARD] = guard_of(b->pid[AGENT]);
}

static void one_round(struct bench *b)
{
    struct cost from[PROCESSES], to;
    struct openssl_result r = {0};
    for (int i = 0; i < PROCESSES; i++)
        from[i] = cost_of(b->pid[i]);
    double took = pass_job(&b->t, b->fifo_path, b->fifo, b->file);
    samples_add(&b->ours, (int64_t)(took * 1e9));
    for (int i = 0; i < PROCESSES; i++) {
        to = cost_of(b->pid[i]);
        add_difference(&b->cost[i], &from[i], &to);
    }
    for (int i = 0; b->peer && i < 2; i++) {
        b->peer = openssl_pass(b->t.folder, b->file, i == 0 ? CHACHA : NULL, &r);
        if (!b->peer) puts("openssl cannot be measured: its log is beside the databases");
        samples_add(&b->theirs[i], (int64_t)(r.seconds * 1e9));
        b->peer_cpu_s[i] += r.cpu_s;
    }
}

static void say_cost(const char *who, const struct cost *c, double mib)
{
    printf("%s, per MiB: %.2f ms of CPU, %.1f reads and writes, %.2f MiB to the disk\n", who,
           c->cpu_s / mib * 1e3, c->calls / mib, c->disk_mib / mib);
    bench_result(c->cpu_s / mib * 1e3, "ms", "output.cpu.%s", who);
    bench_result(c->calls / mib, "calls", "output.calls.%s", who);
    bench_result(c->disk_mib / mib, "MiB", "output.disk.%s", who);
}

static void say_rate(const char *what, struct samples *s, const char *name, double mib)
{
    double median = mib / (samples_ms(s, 0.5) / 1e3);
    printf("%s: %.1f MiB/s (median of %zu; %.1f to %.1f)\n", what, median, s->count,
           mib / (samples_ms(s, 0.9999) / 1e3), mib / (samples_ms(s, 0) / 1e3));
    bench_result(median, "MiB/s", "%s", name);
}

static void say_ratio(const char *what, struct bench *b, struct samples *theirs, const char *name)
{
    double ratio = samples_ms(theirs, 0.5) / samples_ms(&b->ours, 0.5);
    printf("output of one job, by %s: %.2fx\n", what, ratio);
    bench_result(ratio, "x", "%s", name);
}

static void say_all(struct bench *b)
{
    static const char *const who[PROCESSES] = {"agent", "guard", "coordinator"};
    double mib = b->o.mib, all = mib * b->o.rounds;
    const struct cost *server = &b->cost[SERVER];
    say_rate("the output of one job, durable", &b->ours, "output.rate", mib);
    for (int i = 0; i < PROCESSES; i++)
        say_cost(who[i], &b->cost[i], all);
    double loop = server->thread_s[0] / all * 1e3;
    double store = busiest_other_thread_s(server) / all * 1e3;
    printf("of the coordinator's: loop thread %.2f ms, store thread %.2f ms\n", loop, store);
    bench_result(loop, "ms", "output.cpu.loop");
    bench_result(store, "ms", "output.cpu.store");
    if (!b->peer) return;
    say_rate("openssl with ChaCha20", &b->theirs[0], "output.openssl.chacha20", mib);
    say_rate("openssl with its own choice", &b->theirs[1], "output.openssl.default", mib);
    printf("openssl, per MiB: %.2f ms of CPU with ChaCha20, %.2f ms with its own choice\n",
           b->peer_cpu_s[0] / all * 1e3, b->peer_cpu_s[1] / all * 1e3);
    say_ratio("openssl with ChaCha20", b, &b->theirs[0], "output.ratio.chacha20");
    say_ratio("openssl with its own choice", b, &b->theirs[1], "output.ratio.default");
}

int main(int argc, char **argv)
{
    struct bench b = {0};
    struct err e = {0};
    uv_loop_t loop;
    read_options(&b.o, argc, argv);
    setvbuf(stdout, NULL, _IOLBF, 0);
    bench_must(pki_init(&e), &e, "the random source");
    uv_loop_init(&loop);
    bench_bound(BOUND_S);
    start(&b, &loop);
    for (int i = 0; i < b.o.rounds; i++)
        one_round(&b);
    say_all(&b);
    bench_end(b.pid[AGENT]);
    bench_end(b.t.pid);
    close(b.fifo);
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
    pki_fini();
    samples_fini(&b.ours);
    samples_fini(&b.theirs[0]);
    samples_fini(&b.theirs[1]);
    return 0;
}

/* Lifecycles per second and latency of the real coordinator under a load of agents that run
 * nothing. Usage and what the figures mean: README.md. */
#include "tests/bench/load.h"

#include "base/mem.h"
#include "base/str.h"
#include "wire/pki.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BYTES 200
#define WARM_UP_S 1.0
#define DRAIN_S 60
#define SAMPLES 2000
#define SAMPLES_S 30 /* the idle queue is measured no longer than this */
#define FLEET_MAX 10000
#define SIEGES 3    /* with and without strangers; the best pair counts */
#define BOUND_S 900 /* and 1 s more for each 500 jobs to queue */

struct options {
    size_t connections, pipeline, batch, queued, samples, ahead;
    int slots, keep;
    double seconds, idle_seconds;
    bool idle, minimal, random_keys, throughput, latency;
    const char *dir, *crowd;
    size_t only; /* this many agents and no others */
};

struct bench {
    struct options o;
    struct target target;
    struct fleet *fleet;
    struct pump *pump;
    double rate; /* the last measured */
    /* one job at a time */
    int64_t arrived_ns;
    bool one_submitted, one_acked, lone;
    struct samples submits; /* request to answer */
    bool sampling;
};

static void usage(FILE *to)
{
    fputs("Usage: bench_lifecycle [OPTION]...\n"
          "  --seconds S       of each throughput measurement (5)\n"
          "  --connections N   submitters (32)\n"
          "  --pipeline N      requests on the way on each connection (1)\n"
          "  --batch N         submit arrays of N jobs\n"
          "  --random-keys     idempotency keys that do not begin with the time\n"
          "  --slots N         of each agent (16)\n"
          "  --ahead N         submitters wait when so many jobs are not done (500)\n"
          "  --samples N       of the idle queue's latency (2000)\n"
          "  --agents N        measure with N agents only (else 1, 4 and 16)\n"
          "  --queued N        queue N jobs first, then measure with 16 agents (or --agents)\n"
          "  --idle            N agents, no jobs: memory and CPU over --idle-seconds (20)\n"
          "  --crowd PROGRAM   with and without 2000 connections that PROGRAM (crowd) makes, in "
          "turns\n"
          "  --no-latency, --no-throughput\n"
          "  --dir D           where databases and logs go (TMPDIR or /var/tmp)\n"
          "  --keep            leave them there\n"
          "  --results         figures as lines RESULT NAME=VALUE UNIT, too\n",
          to);
}

/* ---- hooks ---- */

static void on_job(int64_t job, void *user)
{
    struct bench *b = user;
    (void)job;
    if (b->lone) b->arrived_ns = bench_now_ns();
}

static void on_acked(uint64_t more, void *user)
{
    struct bench *b = user;
    b->one_acked = true;
    if (b->pump) pump_ended(b->pump, more);
}

static void on_submitted(int64_t took_ns, void *user)
{
    struct bench *b = user;
    b->one_submitted = true;
    if (b->sampling) samples_add(&b->submits, took_ns);
}

/* ---- the load ---- */

static bool all_done(void *user)
{
    struct bench *b = user;
    return pump_idle(b->pump) && fleet_lifecycles(b->fleet) >= pump_submitted(b->pump);
}

static void run_for(struct bench *b, double seconds)
{
    load_run(b->target.loop, seconds, NULL, NULL);
}

static void measure(struct bench *b, size_t agents)
{
    struct usage before, after;
    fleet_grow(b->fleet, agents);
    pump_run(b->pump, UINT32_MAX, b->o.queued ? 0 : b->o.ahead);
    run_for(b, WARM_UP_S);
    bench_usage(b->target.pid, &before);
    double own = bench_own_cpu_s();
    int64_t from = bench_now_ns();
    uint64_t done = fleet_lifecycles(b->fleet), submitted = pump_submitted(b->pump);
    b->sampling = true;
    run_for(b, b->o.seconds);
    b->sampling = false;
    double took = (double)(bench_now_ns() - from) / 1e9;
    own = bench_own_cpu_s() - own;
    bench_usage(b->target.pid, &after);
    done = fleet_lifecycles(b->fleet) - done;
    submitted = pump_submitted(b->pump) - submitted;
    b->rate = (double)done / took;
    printf("%3zu agents: %8.0f lifecycles/s   submits %8.0f/s   answer p50 %.2f ms p99 %.2f ms\n",
           agents, b->rate, (double)submitted / took, samples_ms(&b->submits, 0.5),
           samples_ms(&b->submits, 0.99));
    printf(
        "            CPU per lifecycle: coordinator %.1f us (loop %.1f, store %.1f, reader %.1f), "
        "driver %.1f us; RSS %.1f MiB\n",
        (after.cpu_s - before.cpu_s) / (double)done * 1e6,
        (after.thread_cpu_s[0] - before.thread_cpu_s[0]) / (double)done * 1e6,
        (after.thread_cpu_s[2] - before.thread_cpu_s[2]) / (double)done * 1e6,
        (after.thread_cpu_s[1] - before.thread_cpu_s[1]) / (double)done * 1e6,
        own / (double)done * 1e6, (double)after.rss_kib / 1024);
    samples_fini(&b->submits);
    pump_stop(b->pump);
    if (!b->o.queued) load_run(b->target.loop, DRAIN_S, all_done, b);
}

/* Submit to hand-out with nothing else going on: the next job waits for the last one's end. */
static void measure_latency(struct bench *b)
{
    struct samples handed = {0}, answered = {0};
    int64_t end = bench_now_ns() + (int64_t)SAMPLES_S * 1000000000;
    b->lone = true;
    b->sampling = true;
    for (size_t i = 0; i < b->o.samples && bench_now_ns() < end; i++) {
        b->one_submitted = b->one_acked = false;
        b->arrived_ns = 0;
        int64_t from = bench_now_ns();
        pump_run(b->pump, 1, 0);
        while (!b->one_submitted || !b->one_acked)
            uv_run(b->target.loop, UV_RUN_ONCE);
        if (i >= b->o.samples / 20) samples_add(&handed, b->arrived_ns - from);
    }
    b->lone = b->sampling = false;
    answered = b->submits;
    b->submits = (struct samples){0};
    printf("idle queue: submit -> agent has the job: p50 %.2f ms  p90 %.2f  p99 %.2f  most %.2f"
           "   (answer p50 %.2f p99 %.2f; %zu jobs)\n",
           samples_ms(&handed, 0.5), samples_ms(&handed, 0.9), samples_ms(&handed, 0.99),
           samples_ms(&handed, 1), samples_ms(&answered, 0.5), samples_ms(&answered, 0.99),
           handed.count);
    bench_result(samples_ms(&handed, 0.5), "ms", "latency.idle.p50");
    bench_result(samples_ms(&handed, 0.99), "ms", "latency.idle.p99");
    samples_fini(&handed);
    samples_fini(&answered);
}

static void preload(struct bench *b)
{
    int64_t from = bench_now_ns(), told = from;
    uint64_t wanted = pump_submitted(b->pump) + b->o.queued;
    pump_run(b->pump, b->o.queued, 0);
    while (pump_submitted(b->pump) < wanted) {
        uv_run(b->target.loop, UV_RUN_ONCE);
        if (bench_now_ns() - told < 10000000000) continue;
        told = bench_now_ns();
        printf("  %llu queued\n", (unsigned long long)pump_submitted(b->pump));
        fflush(stdout);
    }
    double took = (double)(bench_now_ns() - from) / 1e9;
    printf("queued %zu jobs in %.1f s: %.0f/s\n", b->o.queued, took, (double)b->o.queued / took);
}

static void measure_idle(struct bench *b)
{
    struct usage before, after;
    size_t agents = b->o.only ? b->o.only : 1000;
    int64_t from = bench_now_ns();
    fleet_grow(b->fleet, agents);
    printf("%zu agents enrolled and connected in %.1f s\n", agents,
           (double)(bench_now_ns() - from) / 1e9);
    run_for(b, 12); /* heartbeats in their rhythm, buffers let go */
    bench_usage(b->target.pid, &before);
    run_for(b, b->o.idle_seconds);
    bench_usage(b->target.pid, &after);
    printf("%zu idle agents: coordinator RSS %.1f MiB (anonymous %.1f), %.2f %% of a core, %.1f "
           "wake-ups/s\n",
           agents, (double)after.rss_kib / 1024, (double)after.anon_kib / 1024,
           (after.cpu_s - before.cpu_s) / b->o.idle_seconds * 100,
           (double)(after.switches - before.switches) / b->o.idle_seconds);
}

/* The same load with strangers at the door and without, in turns: what they cost. */
static void measure_besieged(struct bench *b, const char *addresses)
{
    char port[8], line[64] = "";
    double alone = 0, besieged = 0;
    str_format(port, sizeof port, "%u", b->target.port);
    char *argv[] = {(char *)(uintptr_t)b->o.crowd, port,        "2000",
                    (char *)(uintptr_t)addresses,  "elsewhere", NULL};
    for (int i = 0; i < SIEGES; i++) {
        int out;
        measure(b, b->o.only ? b->o.only : 16);
        alone += b->rate;
        int crowd = bench_spawn(b->target.folder, "crowd", argv, &out);
        if (read(out, line, sizeof line - 1) <= 0) bench_die("the crowd did not gather");
        measure(b, b->o.only ? b->o.only : 16);
        bench_end(crowd);
        close(out);
        besieged += b->rate;
    }
    printf("ratio %s: 2000 connections of %s addresses leave %.2f of the rate without them\n",
           addresses, addresses, besieged / alone);
}

static void measure_all(struct bench *b)
{
    static const size_t usual[] = {1, 4, 16};
    if (b->o.latency) {
        fleet_grow(b->fleet, 1);
        measure_latency(b);
    }
    if (!b->o.throughput) return;
    if (b->o.crowd) {
        measure_besieged(b, "200");
        measure_besieged(b, "1");
    } else if (b->o.queued) {
        preload(b);
        measure(b, b->o.only ? b->o.only : 16);
    } else if (b->o.only) {
        measure(b, b->o.only);
    } else {
        for (size_t i = 0; i < sizeof usual / sizeof *usual; i++)
            measure(b, usual[i]);
    }
}

/* ---- options ---- */

static double number(const char *flag, const char *value, double least, double most)
{
    char *end = NULL;
    double n = value ? strtod(value, &end) : 0;
    if (!value || *end || !(n >= least && n <= most)) {
        fprintf(stderr, "bench_lifecycle: %s takes a number from %.0f to %.0f\n", flag, least,
                most);
        exit(2);
    }
    return n;
}

static bool read_flag(struct options *o, const char *flag)
{
    if (str_eq(flag, "--idle"))
        o->idle = true;
    else if (str_eq(flag, "--minimal"))
        o->minimal = true;
    else if (str_eq(flag, "--random-keys"))
        o->random_keys = true;
    else if (str_eq(flag, "--keep"))
        o->keep = 1;
    else if (str_eq(flag, "--no-latency"))
        o->latency = false;
    else if (str_eq(flag, "--no-throughput"))
        o->throughput = false;
    else if (str_eq(flag, "--results"))
        bench_results_on();
    else
        return false;
    return true;
}

static bool read_value(struct options *o, const char *flag, const char *value)
{
    if (str_eq(flag, "--seconds"))
        o->seconds = number(flag, value, 1, 600);
    else if (str_eq(flag, "--connections"))
        o->connections = (size_t)number(flag, value, 1, 1000);
    else if (str_eq(flag, "--pipeline"))
        o->pipeline = (size_t)number(flag, value, 1, 1000);
    else if (str_eq(flag, "--batch"))
        o->batch = (size_t)number(flag, value, 1, 1000);
    else if (str_eq(flag, "--slots"))
        o->slots = (int)number(flag, value, 1, 1024);
    else if (str_eq(flag, "--ahead"))
        o->ahead = (size_t)number(flag, value, 1, 10000000);
    else if (str_eq(flag, "--samples"))
        o->samples = (size_t)number(flag, value, 20, 1000000);
    else if (str_eq(flag, "--agents"))
        o->only = (size_t)number(flag, value, 1, FLEET_MAX);
    else if (str_eq(flag, "--queued"))
        o->queued = (size_t)number(flag, value, 1, 10000000);
    else if (str_eq(flag, "--idle-seconds"))
        o->idle_seconds = number(flag, value, 1, 600);
    else if (str_eq(flag, "--dir"))
        o->dir = value;
    else if (str_eq(flag, "--crowd"))
        o->crowd = value;
    else
        return false;
    return true;
}

static void read_options(struct options *o, int argc, char **argv)
{
    const char *tmp = getenv("TMPDIR");
    *o = (struct options){.connections = 32,
                          .slots = 16,
                          .seconds = 5,
                          .idle_seconds = 20,
                          .samples = SAMPLES,
                          .ahead = 500,
                          .throughput = true,
                          .latency = true,
                          .dir = tmp && *tmp ? tmp : "/var/tmp"};
    for (int i = 1; i < argc; i++) {
        if (str_eq(argv[i], "-h") || str_eq(argv[i], "--help")) {
            usage(stdout);
            exit(0);
        }
        if (read_flag(o, argv[i])) continue;
        if (i + 1 < argc && read_value(o, argv[i], argv[i + 1])) {
            i++;
            continue;
        }
        fprintf(stderr, "bench_lifecycle: '%s' is not understood\n", argv[i]);
        usage(stderr);
        exit(2);
    }
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
    bench_bound(BOUND_S + (unsigned)(b.o.queued / 500));
    const char *folder = bench_folder(b.o.dir, b.o.keep);
    printf("fdatasync of 512 bytes here: p50 %.2f ms; %ld processors\n", bench_sync_ms(folder),
           sysconf(_SC_NPROCESSORS_ONLN));

    target_start(&b.target, &loop, folder);
    struct fleet_hooks hooks = {.on_job = on_job, .on_acked = on_acked, .user = &b};
    char *token = target_join_token(&b.target), *body = load_job(BYTES);
    b.fleet = fleet_new(&b.target, token, b.o.slots, &hooks);
    if (b.o.idle) {
        measure_idle(&b);
    } else {
        struct pump_options pump = {.connections = b.o.connections,
                                    .pipeline = b.o.pipeline,
                                    .batch = b.o.batch,
                                    .body = body,
                                    .minimal = b.o.minimal,
                                    .random_keys = b.o.random_keys,
                                    .on_submitted = on_submitted,
                                    .user = &b};
        b.pump = pump_new(&b.target, &pump);
        pump_open(b.pump);
        measure_all(&b);
        pump_free(b.pump);
    }
    fleet_free(b.fleet);
    bench_end(b.target.pid);
    mem_free(token);
    mem_free(body);
    uv_loop_close(&loop);
    pki_fini();
    return 0;
}

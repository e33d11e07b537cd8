/* What a loud neighbour costs a group with few jobs: the latency of the small group with and
 * without each of them, in turns. Neighbours: a group with a long queue and busy agents; a client
 * with many requests on the way on one connection; an agent with a job that writes a loud log.
 * Usage: README.md. */
#include "tests/bench/fill.h"
#include "tests/bench/load.h"

#include "base/mem.h"
#include "base/str.h"
#include "wire/pki.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define BOUND_S 1800
/* Neighbours have machines of their own: what they compute here is not to delay those who
 * measure. */
#define LOUD_NICE 10
#define SLOTS 16
#define CONNECTIONS 16
#define GROUP "g1"     /* the small one; the loud one is g0 */
#define LOG_GROUP "g2" /* of the agent with the loud log */

struct bench {
    double jobs, workers, rate, seconds, rounds, depth, log_mib;
    struct target target;
    struct samples *into; /* NULL: nothing is measured */
};

static void on_spec(const char *spec, void *user)
{
    struct bench *b = user;
    if (b->into) samples_add(b->into, bench_now_ns() - clients_due_ns(spec));
}

static void measure(struct bench *b, struct clients *few, struct samples *into)
{
    clients_rate(few, b->rate);
    load_run(b->target.loop, b->seconds / 8, NULL, NULL);
    b->into = into;
    load_run(b->target.loop, b->seconds, NULL, NULL);
    b->into = NULL;
    clients_rate(few, 0);
    load_run(b->target.loop, b->seconds / 8, NULL, NULL);
}

static void say(const char *what, const char *name, struct samples *alone, struct samples *beside)
{
    double quiet = samples_ms(alone, 0.99), loud = samples_ms(beside, 0.99);
    printf("%s: p50 %.2f ms beside it, %.2f alone; p99 %.2f beside it, %.2f alone: %.2f times\n",
           what, samples_ms(beside, 0.5), samples_ms(alone, 0.5), loud, quiet, loud / quiet);
    bench_result(loud / quiet, "x", "fair.%s.p99", name);
    samples_fini(alone);
    samples_fini(beside);
}

/* The agents of g0 take from its long queue all the time, or the group is paused. */
static void beside_group(struct bench *b, const struct fleet *loud, struct clients *few)
{
    struct samples alone = {0}, beside = {0};
    for (int i = 0; i < (int)b->rounds; i++) {
        measure(b, few, &alone);
        uint64_t before = fleet_lifecycles(loud);
        int64_t from = bench_now_ns();
        mem_free(target_ask(&b->target, "POST", "/api/v1/groups/g0/resume", ""));
        measure(b, few, &beside);
        mem_free(target_ask(&b->target, "POST", "/api/v1/groups/g0/pause", ""));
        printf("  beside %.0f lifecycles/s\n",
               (double)(fleet_lifecycles(loud) - before) * 1e9 / (double)(bench_now_ns() - from));
        load_run(b->target.loop, b->seconds / 8, NULL, NULL);
    }
    say("a group with a long queue and busy agents", "queue", &alone, &beside);
}

/* ---- a loud client, which lives on a thread and a loop of its own ---- */

enum order { ORDER_REST, ORDER_FLOOD, ORDER_END };

struct caller {
    uv_thread_t thread;
    uv_loop_t loop;
    uv_async_t wake;
    struct target target;
    size_t depth;
    atomic_int order, obeyed; /* enum order; obeyed: -1 before it is connected */
    _Atomic uint64_t answered;
};

static void on_wake(uv_async_t *wake)
{
    (void)wake;
}

/* Submits to g0, which is paused. */
static void caller_run(void *user)
{
    struct caller *c = user;
    setpriority(PRIO_PROCESS, 0, LOUD_NICE);
    struct clients *loud =
        clients_new(&c->target,
                    &(struct clients_options){.connections = 1,
                                              .depth = c->depth,
                                              .body = "{\"command\":[\"true\"],\"group\":\"g0\"}"});
    for (int order; (order = atomic_load(&c->order)) != ORDER_END;) {
        if (order != atomic_load(&c->obeyed)) clients_flood(loud, order == ORDER_FLOOD);
        atomic_store(&c->obeyed, order);
        uv_run(&c->loop, UV_RUN_ONCE);
        atomic_store(&c->answered, clients_answered(loud));
    }
    clients_free(loud);
}

static bool has_obeyed(void *user)
{
    struct caller *c = user;
    return atomic_load(&c->obeyed) == atomic_load(&c->order);
}

static void tell_caller(struct bench *b, struct caller *c, enum order order)
{
    atomic_store(&c->order, (int)order);
    uv_async_send(&c->wake);
    if (order != ORDER_END) load_run(b->target.loop, BOUND_S, has_obeyed, c);
}

static void caller_begin(struct bench *b, struct caller *c)
{
    uv_loop_init(&c->loop);
    uv_async_init(&c->loop, &c->wake, on_wake);
    c->target = b->target;
    c->target.loop = &c->loop;
    c->depth = (size_t)b->depth;
    atomic_store(&c->obeyed, -1);
    if (uv_thread_create(&c->thread, caller_run, c)) bench_die("no thread for the loud client");
    tell_caller(b, c, ORDER_REST);
}

static void caller_end(struct bench *b, struct caller *c)
{
    tell_caller(b, c, ORDER_END);
    uv_thread_join(&c->thread);
    uv_close((uv_handle_t *)&c->wake, NULL);
    uv_run(&c->loop, UV_RUN_DEFAULT);
    uv_loop_close(&c->loop);
}

static void beside_client(struct bench *b, struct clients *few)
{
    struct samples alone = {0}, beside = {0};
    struct caller loud = {0};
    caller_begin(b, &loud);
    for (int i = 0; i < (int)b->rounds; i++) {
        measure(b, few, &alone);
        uint64_t before = atomic_load(&loud.answered);
        int64_t from = bench_now_ns();
        tell_caller(b, &loud, ORDER_FLOOD);
        measure(b, few, &beside);
        tell_caller(b, &loud, ORDER_REST);
        printf("  beside %.0f submits/s\n", (double)(atomic_load(&loud.answered) - before) * 1e9 /
                                                (double)(bench_now_ns() - from));
        load_run(b->target.loop, b->seconds / 8, NULL, NULL);
    }
    caller_end(b, &loud);
    say("a client with many requests on the way", "client", &alone, &beside);
}

/* MiB that the process has read. */
static double has_read(int pid)
{
    char path[64], line[128];
    double bytes = 0;
    snprintf(path, sizeof path, "/proc/%d/io", pid);
    FILE *f = fopen(path, "r");
    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, "rchar:", 6) == 0) bytes = strtod(line + 6, NULL);
    if (f) fclose(f);
    return bytes / (1 << 20);
}

static char *start_log(struct bench *b, int agent)
{
    char body[800];
    double before = has_read(agent);
    snprintf(body, sizeof body, "{\"command\":[\"%s\",\"%.0f\"],\"group\":\"" LOG_GROUP "\"}",
             CADRE_BIN_DIR "/../tests/support/writer", b->log_mib);
    struct json *job = target_ask_json(&b->target, "POST", "/api/v1/jobs", body);
    char *path = str_dupf("/api/v1/jobs/%s/cancel", json_get_str(job, "id", ""));
    json_free(job);
    for (int i = 0; has_read(agent) < before + 1; i++) {
        if (i == 300) bench_die("the job with the loud log does not start");
        load_run(b->target.loop, 0.1, NULL, NULL);
    }
    return path;
}

static void beside_log(struct bench *b, struct clients *few)
{
    struct samples alone = {0}, beside = {0};
    mem_free(target_ask(&b->target, "POST", "/api/v1/groups", "{\"key\":\"" LOG_GROUP "\"}"));
    int agent = target_agent(&b->target, 1, LOG_GROUP);
    setpriority(PRIO_PROCESS, (id_t)agent, LOUD_NICE); /* its jobs have it from the agent */
    for (int i = 0; i < (int)b->rounds; i++) {
        measure(b, few, &alone);
        char *cancel = start_log(b, agent);
        double before = has_read(agent);
        int64_t from = bench_now_ns();
        measure(b, few, &beside);
        printf("  beside %.1f MiB/s of log\n",
               (has_read(agent) - before) * 1e9 / (double)(bench_now_ns() - from));
        mem_free(target_ask(&b->target, "POST", cancel, ""));
        mem_free(cancel);
        load_run(b->target.loop, b->seconds / 2, NULL, NULL); /* what waits may arrive */
    }
    bench_end(agent);
    say("an agent with a loud log", "log", &alone, &beside);
}

int main(int argc, char **argv)
{
    struct bench b = {.jobs = 1000000,
                      .workers = 16,
                      .rate = 200,
                      .seconds = 5,
                      .rounds = 3,
                      .depth = 256,
                      .log_mib = 64};
    const struct bench_option options[] = {
        {"--jobs", &b.jobs, 0, 10000000, "queued in the loud group"},
        {"--workers", &b.workers, 1, 1000, "agents of the loud group"},
        {"--rate", &b.rate, 1, 10000, "jobs a second in the small group"},
        {"--seconds", &b.seconds, 0.1, 600, "of each measurement"},
        {"--rounds", &b.rounds, 1, 20, "with and without, in turns"},
        {"--depth", &b.depth, 1, 100000, "requests on the way of the loud client"},
        {"--log", &b.log_mib, 1, 100, "MiB/s of the loud log"},
    };
    const char *dir = bench_options(argc, argv, options, sizeof options / sizeof *options);
    struct err e = {0};
    uv_loop_t loop;
    bench_must(pki_init(&e), &e, "the random source");
    uv_loop_init(&loop);
    bench_bound(BOUND_S);
    target_init(&b.target, &loop, bench_folder(dir, 0));
    setenv("CADRE_LIMITS_OUTPUT", "64GiB", 1);
    fill_queues(b.target.folder, 1, (size_t)b.jobs);
    target_run(&b.target);
    mem_free(target_ask(&b.target, "POST", "/api/v1/groups", "{\"key\":\"" GROUP "\"}"));
    mem_free(target_ask(&b.target, "POST", "/api/v1/groups/g0/pause", ""));
    char *token = target_join_token(&b.target);
    struct fleet *loud = fleet_new(&b.target, token, SLOTS, &(struct fleet_hooks){0});
    fleet_join(loud, "g0");
    fleet_grow(loud, (size_t)b.workers);
    struct fleet *fleet =
        fleet_new(&b.target, token, SLOTS, &(struct fleet_hooks){.on_spec = on_spec, .user = &b});
    fleet_join(fleet, GROUP);
    fleet_grow(fleet, 1);
    char *body = str_dupf("{\"command\":[\"true\",\"%s\"],\"group\":\"" GROUP "\"}", clients_stamp);
    struct clients *few =
        clients_new(&b.target, &(struct clients_options){.connections = CONNECTIONS, .body = body});
    beside_group(&b, loud, few);
    beside_client(&b, few);
    beside_log(&b, few);
    clients_free(few);
    fleet_free(fleet);
    fleet_free(loud);
    bench_end(b.target.pid);
    mem_free(body);
    mem_free(token);
    uv_loop_close(&loop);
    pki_fini();
    return 0;
}

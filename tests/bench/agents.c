/* Many agents: what they cost while they are idle, and what it costs to take all of them back after
 * a restart while others get jobs. Usage: README.md. */
#include "tests/bench/fill.h"
#include "tests/bench/load.h"

#include "base/mem.h"
#include "base/str.h"
#include "wire/pki.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/resource.h>

#define BOUND_S 3600
#define BUSY_GROUP "busy" /* its agents are connected before the crowd comes */
#define BUSY_AGENTS 16
#define SLOTS 16
#define CONNECTIONS 16
#define CALM_S 12 /* heartbeats in their rhythm, buffers let go */

#define CROWD_NICE 10 /* what it computes is not to delay those who measure */

/* The crowd lives on a thread and a loop of its own. */
enum task { TASK_NONE, TASK_COME, TASK_DESERT, TASK_EMPTY, TASK_END };
struct crowd {
    uv_thread_t thread;
    uv_loop_t loop;
    uv_async_t wake;
    struct target target;
    struct fill_agents made;
    const char *token;
    size_t at_once;
    struct fleet *fleet;
    atomic_int task; /* back to TASK_NONE when it is done */
};

struct bench {
    double agents, seconds, rate, at_once;
    struct target target;
    struct fleet *busy;
    struct crowd crowd;
    struct samples *into; /* NULL: nothing is measured */
};

/* ---- the crowd ---- */

static void on_wake(uv_async_t *wake)
{
    (void)wake;
}

static void crowd_run(void *user)
{
    struct crowd *c = user;
    enum task task;
    setpriority(PRIO_PROCESS, 0, CROWD_NICE);
    c->fleet = fleet_new(&c->target, c->token, 1, &(struct fleet_hooks){0});
    fleet_adopt(c->fleet, c->made.key, c->made.ca, c->made.certificates, c->made.count);
    fleet_rush(c->fleet, c->at_once);
    do {
        while ((task = (enum task)atomic_load(&c->task)) == TASK_NONE)
            uv_run(&c->loop, UV_RUN_ONCE);
        if (task == TASK_COME) fleet_grow(c->fleet, c->made.count);
        if (task == TASK_DESERT) fleet_desert(c->fleet);
        if (task == TASK_EMPTY) fleet_empty(c->fleet);
        if (task == TASK_END) fleet_free(c->fleet);
        atomic_store(&c->task, TASK_NONE);
    } while (task != TASK_END);
}

static void crowd_begin(struct bench *b, const char *token)
{
    struct crowd *c = &b->crowd;
    uv_loop_init(&c->loop);
    uv_async_init(&c->loop, &c->wake, on_wake);
    c->token = token;
    c->at_once = (size_t)b->at_once;
    c->target = b->target;
    c->target.loop = &c->loop;
    if (uv_thread_create(&c->thread, crowd_run, c)) bench_die("no thread for the crowd");
}

static bool crowd_is_done(void *user)
{
    struct bench *b = user;
    return atomic_load(&b->crowd.task) == TASK_NONE;
}

static void crowd_do(struct bench *b, enum task task)
{
    b->crowd.target.port = b->target.port;
    atomic_store(&b->crowd.task, (int)task);
    uv_async_send(&b->crowd.wake);
    load_run(b->target.loop, BOUND_S, crowd_is_done, b);
}

static void crowd_end(struct bench *b)
{
    crowd_do(b, TASK_END);
    uv_thread_join(&b->crowd.thread);
    uv_close((uv_handle_t *)&b->crowd.wake, NULL);
    uv_run(&b->crowd.loop, UV_RUN_DEFAULT);
    uv_loop_close(&b->crowd.loop);
    fill_agents_free(&b->crowd.made);
}

/* ---- the others ---- */

static void on_spec(const char *spec, void *user)
{
    struct bench *b = user;
    if (b->into) samples_add(b->into, bench_now_ns() - clients_due_ns(spec));
}

static double cpu_s(const struct bench *b)
{
    struct usage u;
    bench_usage(b->target.pid, &u);
    return u.cpu_s;
}

/* All of the crowd connect; the busy agents get jobs meanwhile. */
static void measure_back(struct bench *b, const char *what, const char *name)
{
    struct samples alone = {0}, beside = {0};
    char *body =
        str_dupf("{\"command\":[\"true\",\"%s\"],\"group\":\"" BUSY_GROUP "\"}", clients_stamp);
    struct clients *few =
        clients_new(&b->target,
                    &(struct clients_options){.connections = CONNECTIONS, .body = body});
    clients_rate(few, b->rate);
    load_run(b->target.loop, b->seconds / 8, NULL, NULL);
    b->into = &alone;
    double before = cpu_s(b);
    load_run(b->target.loop, b->seconds, NULL, NULL);
    double jobs_cpu = (cpu_s(b) - before) / b->seconds;
    b->into = &beside;
    int64_t from = bench_now_ns();
    before = cpu_s(b);
    double own = bench_own_cpu_s();
    crowd_do(b, TASK_COME);
    double took = (double)(bench_now_ns() - from) / 1e9;
    double cpu = cpu_s(b) - before - jobs_cpu * took;
    b->into = NULL;
    clients_rate(few, 0);
    load_run(b->target.loop, b->seconds / 8, NULL, NULL);
    clients_free(few);
    mem_free(body);
    printf("%s: %.0f agents in %.1f s: coordinator %.2f s of CPU, %.2f ms each (driver %.2f); jobs "
           "of connected agents: p99 %.2f ms, most %.2f; without the crowd %.2f\n",
           what, b->agents, took, cpu, cpu / b->agents * 1e3,
           (bench_own_cpu_s() - own) / b->agents * 1e3, samples_ms(&beside, 0.99),
           samples_ms(&beside, 1), samples_ms(&alone, 0.99));
    bench_result(cpu, "s", "agents.%s.cpu", name);
    bench_result(cpu / b->agents * 1e3, "ms", "agents.%s.each", name);
    bench_result(samples_ms(&beside, 0.99), "ms", "agents.%s.p99", name);
    if (fleet_again(b->crowd.fleet) > 0)
        printf("  %zu connections were cut under way\n", fleet_again(b->crowd.fleet));
    samples_fini(&alone);
    samples_fini(&beside);
}

static void measure_idle(struct bench *b, const struct usage *empty)
{
    struct usage before, after;
    load_run(b->target.loop, b->seconds < CALM_S ? b->seconds : CALM_S, NULL, NULL);
    bench_usage(b->target.pid, &before);
    load_run(b->target.loop, b->seconds, NULL, NULL);
    bench_usage(b->target.pid, &after);
    double cpu = (after.cpu_s - before.cpu_s) / b->seconds * 100;
    printf("idle: coordinator RSS %.1f MiB (anonymous %.1f, %.2f KiB for each agent), %.2f %% of a "
           "core, %.1f wake-ups/s\n",
           (double)after.rss_kib / 1024, (double)after.anon_kib / 1024,
           (double)(after.anon_kib - empty->anon_kib) / b->agents, cpu,
           (double)(after.switches - before.switches) / b->seconds);
    bench_result((double)after.rss_kib / 1024, "MiB", "agents.idle.memory");
    bench_result(cpu, "%", "agents.idle.cpu");
}

static void restart(struct bench *b)
{
    fleet_desert(b->busy);
    crowd_do(b, TASK_DESERT);
    bench_end(b->target.pid);
    fleet_empty(b->busy);
    crowd_do(b, TASK_EMPTY);
    target_run(&b->target);
    fleet_grow(b->busy, BUSY_AGENTS);
}

int main(int argc, char **argv)
{
    struct bench b = {.agents = 10000, .seconds = 20, .rate = 100, .at_once = 128};
    const struct bench_option options[] = {
        {"--agents", &b.agents, 1, 19000, "agents beside those that get jobs"},
        {"--seconds", &b.seconds, 0.1, 600, "of the measurements without arrivals"},
        {"--rate", &b.rate, 1, 10000, "jobs a second meanwhile"},
        {"--at-once", &b.at_once, 1, 10000, "agents on their way in at any moment"},
    };
    const char *dir = bench_options(argc, argv, options, sizeof options / sizeof *options);
    struct err e = {0};
    struct usage empty;
    uv_loop_t loop;
    bench_must(pki_init(&e), &e, "the random source");
    uv_loop_init(&loop);
    signal(SIGPIPE, SIG_IGN); /* a link that was cut is told by its end */
    bench_bound(BOUND_S);
    target_init(&b.target, &loop, bench_folder(dir, 0));
    fill_agents(b.target.folder, (size_t)b.agents, &b.crowd.made);
    target_run(&b.target);
    mem_free(target_ask(&b.target, "POST", "/api/v1/groups", "{\"key\":\"" BUSY_GROUP "\"}"));
    char *token = target_join_token(&b.target);
    b.busy =
        fleet_new(&b.target, token, SLOTS, &(struct fleet_hooks){.on_spec = on_spec, .user = &b});
    fleet_join(b.busy, BUSY_GROUP);
    fleet_grow(b.busy, BUSY_AGENTS);
    crowd_begin(&b, token);
    bench_usage(b.target.pid, &empty);
    measure_back(&b, "all come", "come");
    measure_idle(&b, &empty);
    restart(&b);
    measure_back(&b, "all come back", "back");
    crowd_end(&b);
    fleet_free(b.busy);
    bench_end(b.target.pid);
    mem_free(token);
    uv_loop_close(&loop);
    pki_fini();
    return 0;
}

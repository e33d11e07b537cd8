/* From submit to the agent, at a fixed rate: p50, p99. The clock of a job starts when it is due,
 * not when a connection is free for it. Usage: README.md. */
#include "tests/bench/load.h"

#include "base/mem.h"
#include "base/str.h"
#include "wire/pki.h"

#include <stdio.h>

#define BOUND_S 900
#define WARM_UP 0.1 /* of the time */
#define SLOTS 16

struct bench {
    double rate, seconds, agents, connections;
    struct target target;
    struct samples handed;
    bool sampling;
};

static void on_spec(const char *spec, void *user)
{
    struct bench *b = user;
    if (b->sampling) samples_add(&b->handed, bench_now_ns() - clients_due_ns(spec));
}

static void measure(struct bench *b, struct fleet *fleet, struct clients *clients)
{
    struct usage before, after;
    clients_rate(clients, b->rate);
    load_run(b->target.loop, b->seconds * WARM_UP, NULL, NULL);
    bench_usage(b->target.pid, &before);
    uint64_t done = fleet_lifecycles(fleet);
    b->sampling = true;
    load_run(b->target.loop, b->seconds, NULL, NULL);
    b->sampling = false;
    done = fleet_lifecycles(fleet) - done;
    bench_usage(b->target.pid, &after);
    clients_rate(clients, 0);
    double p50 = samples_ms(&b->handed, 0.5), p99 = samples_ms(&b->handed, 0.99);
    printf("%.0f jobs/s due, %.0f lifecycles/s done: submit -> agent has the job: p50 %.2f ms  p99 "
           "%.2f  most %.2f; coordinator %.1f us of CPU each\n",
           b->rate, (double)done / b->seconds, p50, p99, samples_ms(&b->handed, 1),
           done ? (after.cpu_s - before.cpu_s) / (double)done * 1e6 : 0.0);
    bench_result(p50, "ms", "latency.rate.p50");
    bench_result(p99, "ms", "latency.rate.p99");
}

int main(int argc, char **argv)
{
    struct bench b = {.rate = 5000, .seconds = 10, .agents = 16, .connections = 64};
    const struct bench_option options[] = {
        {"--rate", &b.rate, 1, 100000, "jobs due in a second"},
        {"--seconds", &b.seconds, 0.1, 600, "how long"},
        {"--agents", &b.agents, 1, 10000, "agents that run nothing"},
        {"--connections", &b.connections, 1, 1000, "clients, one request at a time each"},
    };
    const char *dir = bench_options(argc, argv, options, sizeof options / sizeof *options);
    struct err e = {0};
    uv_loop_t loop;
    bench_must(pki_init(&e), &e, "the random source");
    uv_loop_init(&loop);
    bench_bound(BOUND_S);
    target_start(&b.target, &loop, bench_folder(dir, 0));
    char *token = target_join_token(&b.target);
    char *body = str_dupf("{\"command\":[\"true\",\"%s\"]}", clients_stamp);
    struct fleet *fleet =
        fleet_new(&b.target, token, SLOTS, &(struct fleet_hooks){.on_spec = on_spec, .user = &b});
    fleet_grow(fleet, (size_t)b.agents);
    struct clients *clients =
        clients_new(&b.target, &(struct clients_options){.connections = (size_t)b.connections,
                                                         .depth = 1,
                                                         .body = body});
    measure(&b, fleet, clients);
    clients_free(clients);
    fleet_free(fleet);
    bench_end(b.target.pid);
    samples_fini(&b.handed);
    mem_free(token);
    mem_free(body);
    uv_loop_close(&loop);
    pki_fini();
    return 0;
}

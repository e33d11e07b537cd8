/* A flow of two tasks from start to end, one at a time, with an agent that runs nothing. Its end is
 * when the result of the second task is acknowledged: the execution ends in the same commit. Usage:
 * README.md. */
#include "tests/bench/load.h"

#include "base/mem.h"
#include "wire/pki.h"

#include <stdio.h>

#define BOUND_S 600

static const char flow[] =
    "id: two\\nnamespace: bench\\ntasks:\\n"
    "  - {id: first, command: [\\\"true\\\"]}\\n  - {id: second, command: [\\\"true\\\"]}\\n";

struct bench {
    double runs;
    struct target target;
    uint64_t ended; /* tasks */
};

static void on_acked(uint64_t more, void *user)
{
    struct bench *b = user;
    b->ended += more;
}

static void apply(struct target *t)
{
    char body[512];
    snprintf(body, sizeof body, "{\"files\":[{\"name\":\"two.yaml\",\"text\":\"%s\"}]}", flow);
    mem_free(target_ask(t, "POST", "/api/v1/flows", body));
}

static void measure(struct bench *b, struct clients *clients)
{
    struct samples took = {0};
    size_t warm_up = (size_t)b->runs / 20;
    for (size_t i = 0; i < (size_t)b->runs + warm_up; i++) {
        uint64_t tasks = b->ended + 2, answers = clients_answered(clients) + 1;
        int64_t from = bench_now_ns();
        clients_one(clients);
        while (b->ended < tasks)
            uv_run(b->target.loop, UV_RUN_ONCE);
        if (i >= warm_up) samples_add(&took, bench_now_ns() - from);
        while (clients_answered(clients) < answers)
            uv_run(b->target.loop, UV_RUN_ONCE);
    }
    double p50 = samples_ms(&took, 0.5), p99 = samples_ms(&took, 0.99);
    printf("flow of two tasks, start to end: p50 %.2f ms  p99 %.2f  most %.2f  (%zu runs)\n", p50,
           p99, samples_ms(&took, 1), took.count);
    bench_result(p50, "ms", "flow.two.p50");
    bench_result(p99, "ms", "flow.two.p99");
    samples_fini(&took);
}

int main(int argc, char **argv)
{
    struct bench b = {.runs = 500};
    const struct bench_option options[] = {{"--runs", &b.runs, 1, 100000, "executions"}};
    const char *dir = bench_options(argc, argv, options, 1);
    struct err e = {0};
    uv_loop_t loop;
    bench_must(pki_init(&e), &e, "the random source");
    uv_loop_init(&loop);
    bench_bound(BOUND_S);
    target_start(&b.target, &loop, bench_folder(dir, 0));
    apply(&b.target);
    char *token = target_join_token(&b.target);
    struct fleet *fleet =
        fleet_new(&b.target, token, 1, &(struct fleet_hooks){.on_acked = on_acked, .user = &b});
    fleet_grow(fleet, 1);
    struct clients *clients =
        clients_new(&b.target,
                    &(struct clients_options){.connections = 1,
                                              .path = "/api/v1/flows/bench/two/executions",
                                              .body = "{}"});
    measure(&b, clients);
    clients_free(clients);
    fleet_free(fleet);
    bench_end(b.target.pid);
    mem_free(token);
    uv_loop_close(&loop);
    pki_fini();
    return 0;
}

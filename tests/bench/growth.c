/* Does a long queue, do many groups or many agents make a lifecycle dearer? Two coordinators, one
 * small and one large, take the same load in turns. Usage: README.md. */
#include "tests/bench/fill.h"
#include "tests/bench/load.h"

#include "base/mem.h"
#include "base/str.h"
#include "platform/files.h"
#include "wire/pki.h"

#include <stdio.h>

#define BOUND_S 1800
#define SLOTS 16
#define CONNECTIONS 16
#define AHEAD 500
#define ROUNDS_MOST 20

struct side {
    const char *name;
    char folder[600], group[FILL_GROUP_SIZE];
    struct target target;
    struct fleet *fleet, *idle;
    struct pump *pump;
    char *token;
    struct samples took; /* ns for 1000 lifecycles, a round each */
    struct samples cpu;  /* ns of the coordinator's CPU for one */
};

struct bench {
    double groups, jobs, agents, workers, seconds, rounds;
};

static void on_acked(uint64_t more, void *user)
{
    struct side *s = user;
    if (s->pump) pump_ended(s->pump, more);
}

/* The agents with work and the submits are of the first group. */
static void open_side(struct side *s, uv_loop_t *loop, const char *folder, const struct bench *b)
{
    size_t workers = (size_t)b->workers, agents = (size_t)b->agents;
    struct err e = {0};
    snprintf(s->folder, sizeof s->folder, "%s/%s", folder, s->name);
    bench_must(dir_make(s->folder, FILE_PUBLIC, &e), &e, "making the folder");
    target_init(&s->target, loop, s->folder);
    fill_queues(s->folder, (size_t)b->groups, (size_t)b->jobs);
    target_run(&s->target);
    s->token = target_join_token(&s->target);
    s->fleet = fleet_new(&s->target, s->token, SLOTS,
                         &(struct fleet_hooks){.on_acked = on_acked, .user = s});
    fleet_join(s->fleet, fill_group(0, s->group));
    fleet_grow(s->fleet, workers);
    if (agents > workers) {
        s->idle = fleet_new(&s->target, s->token, SLOTS, &(struct fleet_hooks){0});
        fleet_grow(s->idle, agents - workers); /* of the default group */
    }
    char *body = str_dupf("{\"command\":[\"true\",\"submitted\"],\"group\":\"%s\"}", s->group);
    s->pump =
        pump_new(&s->target,
                 &(struct pump_options){.connections = CONNECTIONS, .body = body, .minimal = true});
    pump_open(s->pump);
    mem_free(body);
}

static void measure(struct side *s, double seconds)
{
    struct usage before, after;
    pump_run(s->pump, UINT32_MAX, AHEAD);
    load_run(s->target.loop, seconds / 4, NULL, NULL);
    bench_usage(s->target.pid, &before);
    uint64_t done = fleet_lifecycles(s->fleet);
    int64_t from = bench_now_ns();
    load_run(s->target.loop, seconds, NULL, NULL);
    double took = (double)(bench_now_ns() - from);
    done = fleet_lifecycles(s->fleet) - done;
    bench_usage(s->target.pid, &after);
    pump_stop(s->pump);
    load_run(s->target.loop, seconds / 4, NULL, NULL);
    if (done == 0) bench_die("%s: no job ended", s->name);
    double cpu = (after.cpu_s - before.cpu_s) * 1e9 / (double)done;
    samples_add(&s->took, (int64_t)(took / (double)done * 1000));
    samples_add(&s->cpu, (int64_t)cpu);
    printf("%-6s %8.0f lifecycles/s, coordinator %.1f us of CPU each, RSS %.1f MiB\n", s->name,
           (double)done / took * 1e9, cpu / 1e3, (double)after.rss_kib / 1024);
}

static void close_side(struct side *s)
{
    pump_free(s->pump);
    fleet_free(s->fleet);
    if (s->idle) fleet_free(s->idle);
    bench_end(s->target.pid);
    samples_fini(&s->took);
    samples_fini(&s->cpu);
    mem_free(s->token);
}

static const char *name_of(const struct bench *b)
{
    if (b->agents > b->workers) return "agents";
    if (b->groups == 1) return "queue";
    return b->jobs < 100 ? "short-groups" : "groups";
}

static void compare(struct bench *b, struct side *few, struct side *many)
{
    for (int i = 0; i < (int)b->rounds; i++) {
        measure(few, b->seconds);
        measure(many, b->seconds);
    }
    double rate = samples_ms(&few->took, 0.5) / samples_ms(&many->took, 0.5);
    double cpu = samples_ms(&many->cpu, 0.5) / samples_ms(&few->cpu, 0.5);
    printf("%.0f groups x %.0f jobs, %.0f agents: %.2f of the small case's rate, %.2f of its CPU\n",
           b->groups, b->jobs, b->agents, rate, cpu);
    bench_result(rate, "x", "growth.%s", name_of(b));
    bench_result(cpu, "x", "growth.%s.cpu", name_of(b));
}

int main(int argc, char **argv)
{
    struct bench b = {
        .groups = 1, .jobs = 1000000, .agents = 16, .workers = 16, .seconds = 4, .rounds = 3};
    const struct bench_option options[] = {
        {"--groups", &b.groups, 1, 100000, "groups of the large case; the small one has 1"},
        {"--jobs", &b.jobs, 0, 10000000, "queued in each; in the small case 1000"},
        {"--agents", &b.agents, 1, 10000, "agents; in the small case as many as workers"},
        {"--workers", &b.workers, 1, 1000, "those of them with work"},
        {"--seconds", &b.seconds, 0.1, 600, "of each measurement"},
        {"--rounds", &b.rounds, 1, ROUNDS_MOST, "small and large in turns"},
    };
    const char *dir = bench_options(argc, argv, options, sizeof options / sizeof *options);
    struct side few = {.name = "small"}, many = {.name = "large"};
    struct err e = {0};
    uv_loop_t loop;
    bench_must(pki_init(&e), &e, "the random source");
    uv_loop_init(&loop);
    bench_bound(BOUND_S);
    const char *folder = bench_folder(dir, 0);
    struct bench small = {.groups = 1, .jobs = 1000, .workers = b.workers};
    if (b.jobs < small.jobs) small.jobs = b.jobs;
    open_side(&few, &loop, folder, &small);
    open_side(&many, &loop, folder, &b);
    compare(&b, &few, &many);
    close_side(&few);
    close_side(&many);
    uv_loop_close(&loop);
    pki_fini();
    return 0;
}

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
#define TIME_S 300
#define SETTLE_S 0.1
#define ROUNDS_MOST 20

/* What one kind of work took, a value for each round; ns for 1000 jobs, so that they are whole. */
struct took {
    struct samples wall, cpu;
};

struct side {
    const char *name;
    char folder[600], group[FILL_GROUP_SIZE];
    struct target target;
    struct fleet *fleet, *idle;
    struct pump *pump;
    char *token;
    struct took submits, hand_outs;
    uint64_t until; /* lifecycles that are waited for */
};

struct bench {
    double groups, jobs, agents, workers, count, rounds;
};

/* Before any of them has agents, which would be silent while it lasts. */
static void prepare(struct side *s, uv_loop_t *loop, const char *folder, const struct bench *b)
{
    struct err e = {0};
    snprintf(s->folder, sizeof s->folder, "%s/%s", folder, s->name);
    bench_must(dir_make(s->folder, FILE_PUBLIC, &e), &e, "making the folder");
    target_init(&s->target, loop, s->folder);
    fill_queues(s->folder, (size_t)b->groups, (size_t)b->jobs);
}

static void switch_group(struct side *s, const char *to)
{
    char path[96];
    snprintf(path, sizeof path, "/api/v1/groups/%s/%s", s->group, to);
    mem_free(target_ask(&s->target, "POST", path, ""));
}

/* The agents with work and the submits are of the first group. */
static void open_side(struct side *s, const struct bench *b)
{
    size_t workers = (size_t)b->workers, agents = (size_t)b->agents;
    fill_group(0, s->group);
    target_run(&s->target);
    s->token = target_join_token(&s->target);
    switch_group(s, "pause");
    s->fleet = fleet_new(&s->target, s->token, SLOTS, &(struct fleet_hooks){0});
    fleet_join(s->fleet, s->group);
    fleet_grow(s->fleet, workers);
    if (agents > workers) {
        s->idle = fleet_new(&s->target, s->token, SLOTS, &(struct fleet_hooks){0});
        fleet_grow(s->idle, agents - workers); /* of the default group */
    }
}

/* Last, since a connection that says nothing for a minute is closed. */
static void open_pump(struct side *s)
{
    char *body = str_dupf("{\"command\":[\"true\",\"submitted\"],\"group\":\"%s\"}", s->group);
    s->pump =
        pump_new(&s->target,
                 &(struct pump_options){.connections = CONNECTIONS, .body = body, .minimal = true});
    pump_open(s->pump);
    mem_free(body);
}

static bool submitted(void *user)
{
    return pump_idle(((struct side *)user)->pump);
}

static bool handed_out(void *user)
{
    struct side *s = user;
    return fleet_lifecycles(s->fleet) >= s->until;
}

/* Turns the loop until that is done `count` times, and notes what one took. */
static void time_it(struct side *s, bool (*done)(void *user), double count, struct took *into)
{
    struct usage before, after;
    int64_t from = bench_now_ns();
    bench_usage(s->target.pid, &before);
    load_run(s->target.loop, TIME_S, done, s);
    if (!done(s)) bench_die("%s: %.0f jobs took more than %d s", s->name, count, TIME_S);
    bench_usage(s->target.pid, &after);
    samples_add(&into->wall, (int64_t)((double)(bench_now_ns() - from) / count * 1000));
    samples_add(&into->cpu, (int64_t)((after.cpu_s - before.cpu_s) * 1e12 / count));
}

/* Submits while the group is paused, then hands out as many from the front of the queue. */
static void measure(struct side *s, double count)
{
    pump_run(s->pump, (uint64_t)count, 0);
    time_it(s, submitted, count, &s->submits);
    s->until = fleet_lifecycles(s->fleet) + (uint64_t)count;
    switch_group(s, "resume");
    time_it(s, handed_out, count, &s->hand_outs);
    switch_group(s, "pause");
    load_run(s->target.loop, SETTLE_S, NULL, NULL);
}

static void took_fini(struct took *t)
{
    samples_fini(&t->wall);
    samples_fini(&t->cpu);
}

static void close_side(struct side *s)
{
    pump_free(s->pump);
    fleet_free(s->fleet);
    if (s->idle) fleet_free(s->idle);
    bench_end(s->target.pid);
    took_fini(&s->submits);
    took_fini(&s->hand_outs);
    mem_free(s->token);
}

static const char *name_of(const struct bench *b)
{
    if (b->agents > b->workers) return "agents";
    if (b->groups == 1) return "queue";
    return b->jobs < 100 ? "short-groups" : "groups";
}

/* Samples are in ns for 1000 jobs: 1e6 divided by ms of them is jobs a second. */
static void say(const struct bench *b, const char *what, struct took *few, struct took *many)
{
    double rate = samples_ms(&few->wall, 0.5) / samples_ms(&many->wall, 0.5);
    double cpu = samples_ms(&many->cpu, 0.5) / samples_ms(&few->cpu, 0.5);
    printf("%s: small %.0f/s, %.1f us of CPU each; large %.0f/s, %.1f us: rate %.2f, CPU %.2f of "
           "the small case\n",
           what, 1e6 / samples_ms(&few->wall, 0.5), samples_ms(&few->cpu, 0.5),
           1e6 / samples_ms(&many->wall, 0.5), samples_ms(&many->cpu, 0.5), rate, cpu);
    bench_result(rate, "x", "growth.%s.%s", name_of(b), what);
    bench_result(cpu, "x", "growth.%s.%s.cpu", name_of(b), what);
}

static void compare(const struct bench *b, struct side *few, struct side *many)
{
    for (int i = 0; i < (int)b->rounds; i++) {
        measure(few, b->count);
        measure(many, b->count);
    }
    printf("%.0f groups x %.0f jobs, %.0f agents\n", b->groups, b->jobs, b->agents);
    say(b, "submit", &few->submits, &many->submits);
    say(b, "hand-out", &few->hand_outs, &many->hand_outs);
}

int main(int argc, char **argv)
{
    struct bench b = {
        .groups = 1, .jobs = 1000000, .agents = 16, .workers = 16, .count = 20000, .rounds = 3};
    const struct bench_option options[] = {
        {"--groups", &b.groups, 1, 100000, "groups of the large case; the small one has 1"},
        {"--jobs", &b.jobs, 0, 10000000, "queued in each; in the small case 1000"},
        {"--agents", &b.agents, 1, 10000, "agents; in the small case as many as workers"},
        {"--workers", &b.workers, 1, 1000, "those of them with work"},
        {"--count", &b.count, 1, 1000000, "submitted, then handed out, in each round"},
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
    prepare(&few, &loop, folder, &small);
    prepare(&many, &loop, folder, &b);
    open_side(&few, &small);
    open_side(&many, &b);
    open_pump(&few);
    open_pump(&many);
    compare(&b, &few, &many);
    close_side(&few);
    close_side(&many);
    uv_loop_close(&loop);
    pki_fini();
    return 0;
}

/* The simulation ring of the engine.
 *
 *   sim_engine                      random seeds for some 15 seconds, then each sabotage has to be caught
 *   sim_engine --seed N             that run alone; says what was wrong with it
 *   sim_engine --seeds K            K of them, from CADRE_SEED or a seed that is printed
 *   sim_engine ... --sabotage NAME  with the house broken on purpose; --list names the ways
 *   sim_engine ... --trace          prints what happens
 */
#include "tests/sim/sim.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DEFAULT_SECONDS 15
#define SABOTAGE_SEEDS 400 /* a sabotage has to be caught within these */

struct figures {
    uint64_t seeds, jobs, agents, batches, crashes, failed_commits, cuts, agent_crashes, freezes,
        hand_outs;
    uint64_t processes, retries, lost, duplicates;
};

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static uint64_t base_seed(void)
{
    const char *given = getenv("CADRE_SEED");
    int64_t seed;
    if (given && str_int64(given, &seed) == 0) return (uint64_t)seed;
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return ((uint64_t)t.tv_sec * 1000003u + (uint64_t)t.tv_nsec) % 1000000000u;
}

static void add(struct figures *f, const struct sim *s)
{
    f->seeds++;
    f->jobs += (uint64_t)s->job_count;
    f->agents += (uint64_t)s->agent_count;
    f->batches += s->batches;
    f->crashes += s->crashes;
    f->failed_commits += s->failed_commits;
    f->cuts += s->cuts;
    f->agent_crashes += s->agent_crashes;
    f->freezes += s->freezes;
    f->hand_outs += s->hand_outs;
    f->processes += s->processes;
    f->retries += s->retries;
    f->lost += s->lost;
    f->duplicates += s->duplicates;
}

static void print_figures(const struct figures *f, double took)
{
    printf("# %llu seeds in %.1f s: %llu jobs, %llu agents, %llu batches, %llu hand-outs, %llu "
           "processes, %llu retries, "
           "%llu lost, %llu submits repeated; faults: %llu coordinator crashes, %llu failed "
           "commits, %llu cuts, %llu "
           "agent crashes, %llu freezes\n",
           (unsigned long long)f->seeds, took, (unsigned long long)f->jobs,
           (unsigned long long)f->agents, (unsigned long long)f->batches,
           (unsigned long long)f->hand_outs, (unsigned long long)f->processes,
           (unsigned long long)f->retries, (unsigned long long)f->lost,
           (unsigned long long)f->duplicates, (unsigned long long)f->crashes,
           (unsigned long long)f->failed_commits, (unsigned long long)f->cuts,
           (unsigned long long)f->agent_crashes, (unsigned long long)f->freezes);
}

/* true: the promises were kept. `violation` gets what was not. */
static bool run_seed(uint64_t seed, enum sabotage sabotage, struct figures *f, char violation[256])
{
    struct sim *s = mem_alloc(sizeof *s);
    sim_init(s, seed, sabotage);
    bool kept = sim_run(s);
    memcpy(violation, s->violation, sizeof s->violation);
    add(f, s);
    sim_fini(s);
    mem_free(s);
    return kept;
}

/* Runs until `count` seeds are done or `limit` seconds over. 0: all was well. */
static int run_many(uint64_t first, uint64_t count, double limit, enum sabotage sabotage)
{
    struct figures f = {0};
    char violation[256];
    double begin = seconds();
    printf("# seeds from %llu on\n", (unsigned long long)first);
    for (uint64_t i = 0; i < count && seconds() - begin < limit; i++) {
        if (run_seed(first + i, sabotage, &f, violation)) continue;
        printf("# seed %llu (sabotage %s): %s\n", (unsigned long long)(first + i),
               sabotage_names[sabotage], violation);
        print_figures(&f, seconds() - begin);
        return 1;
    }
    print_figures(&f, seconds() - begin);
    return 0;
}

static void random_faults__every_promise_is_kept(void **state)
{
    (void)state;
    if (run_many(base_seed(), UINT64_MAX, DEFAULT_SECONDS, SABOTAGE_NONE))
        fail_msg("run sim_engine --seed N with the seed above");
}

static void one_seed_twice__the_same_history(void **state)
{
    (void)state;
    struct figures a = {0}, b = {0};
    char violation[256];
    assert_true(run_seed(4711, SABOTAGE_NONE, &a, violation));
    assert_true(run_seed(4711, SABOTAGE_NONE, &b, violation));
    assert_memory_equal(&a, &b, sizeof a);
}

/* A checker that never finds anything proves nothing: every way to break the house has to be noticed. */
static void each_sabotage__is_caught(void **state)
{
    (void)state;
    char violation[256];
    for (enum sabotage k = SABOTAGE_NONE + 1; k < SABOTAGES; k++) {
        struct figures f = {0};
        uint64_t seed = 1;
        while (seed <= SABOTAGE_SEEDS && run_seed(seed, k, &f, violation))
            seed++;
        if (seed > SABOTAGE_SEEDS)
            fail_msg("sabotage %s was not noticed in %d seeds", sabotage_names[k], SABOTAGE_SEEDS);
        printf("# sabotage %s, seed %llu: %s\n", sabotage_names[k], (unsigned long long)seed,
               violation);
    }
}

static int find_sabotage(const char *name)
{
    for (int i = 0; i < SABOTAGES; i++) {
        if (str_eq(name, sabotage_names[i])) return i;
    }
    return -1;
}

static void print_line(enum log_level level, const char *line, void *user)
{
    (void)level;
    (void)user;
    puts(line);
}

static int run_by_hand(int argc, char **argv)
{
    int64_t seed = -1, count = 1;
    int sabotage = SABOTAGE_NONE;
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (str_eq(argv[i], "--list")) {
            for (int k = 0; k < SABOTAGES; k++)
                puts(sabotage_names[k]);
            return 0;
        }
        if (str_eq(argv[i], "--trace")) {
            log_set_level(LOG_DEBUG);
            log_set_sink(print_line, NULL);
            continue;
        }
        bool good = value != NULL;
        if (good && str_eq(argv[i], "--seed"))
            good = str_int64(value, &seed) == 0;
        else if (good && str_eq(argv[i], "--seeds"))
            good = str_int64(value, &count) == 0;
        else if (good && str_eq(argv[i], "--sabotage"))
            good = (sabotage = find_sabotage(value)) >= 0;
        else
            good = false;
        if (!good) {
            fprintf(
                stderr,
                "usage: sim_engine [--seed N] [--seeds K] [--sabotage NAME] [--trace] | --list\n");
            return 2;
        }
        i++;
    }
    uint64_t first = seed >= 0 ? (uint64_t)seed : base_seed();
    return run_many(first, (uint64_t)count, 1e9, (enum sabotage)sabotage);
}

int main(int argc, char **argv)
{
    if (argc > 1) return run_by_hand(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_seed_twice__the_same_history),
        cmocka_unit_test(random_faults__every_promise_is_kept),
        cmocka_unit_test(each_sabotage__is_caught),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

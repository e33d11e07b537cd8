/* The simulation ring of flows and triggers.
 *
 *   sim_flow random seeds for some 10 seconds, then each sabotage has to be caught
 *   sim_flow --seed N               that run alone; says what was wrong with it
 *   sim_flow --seeds K              K of them, from CADRE_SEED or a seed that is printed
 *   sim_flow ... --sabotage NAME    with the house broken on purpose; --list names the ways
 *   sim_flow ... --trace            prints what happens
 */
#include "tests/sim/flow_sim.h"

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

#define DEFAULT_SECONDS 10
#define SABOTAGE_SEEDS 200 /* a sabotage has to be caught within these */

struct figures {
    uint64_t seeds, batches, crashes, failed, fired, ended, tasks, cancelled, left, followed, deep;
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

static void print_figures(const struct figures *f, double took)
{
    printf("# %llu seeds in %.1f s: %llu executions, %llu task runs, %llu firings, %llu started "
           "by ends (%llu of depth 32), %llu cancelled, "
           "%llu batches; faults: %llu coordinator crashes, %llu failed commits, "
           "%llu processes that could not be ended\n",
           (unsigned long long)f->seeds, took, (unsigned long long)f->ended,
           (unsigned long long)f->tasks, (unsigned long long)f->fired,
           (unsigned long long)f->followed, (unsigned long long)f->deep,
           (unsigned long long)f->cancelled, (unsigned long long)f->batches,
           (unsigned long long)f->crashes, (unsigned long long)f->failed,
           (unsigned long long)f->left);
}

/* true: the promises were kept. `violation` gets what was not. */
static bool run_seed(uint64_t seed, enum flow_sabotage sabotage, struct figures *f,
                     char violation[256])
{
    struct flow_sim *s = mem_alloc(sizeof *s);
    bool kept = flow_sim_run(s, seed, sabotage);
    memcpy(violation, s->violation, sizeof s->violation);
    f->seeds++;
    f->batches += s->batches;
    f->crashes += s->crashes;
    f->failed += s->failed;
    f->fired += s->fired;
    f->ended += s->ended;
    f->tasks += s->tasks;
    f->cancelled += s->cancelled;
    f->left += s->left;
    f->followed += s->followed;
    f->deep += s->deep;
    flow_sim_fini(s);
    mem_free(s);
    return kept;
}

/* Runs until `count` seeds are done or `limit` seconds over. 0: all was well. */
static int run_many(uint64_t first, uint64_t count, double limit, enum flow_sabotage sabotage)
{
    struct figures f = {0};
    char violation[256];
    double begin = seconds();
    printf("# seeds from %llu on\n", (unsigned long long)first);
    for (uint64_t i = 0; i < count && seconds() - begin < limit; i++) {
        if (run_seed(first + i, sabotage, &f, violation)) continue;
        printf("# seed %llu (sabotage %s): %s\n", (unsigned long long)(first + i),
               flow_sabotage_names[sabotage], violation);
        print_figures(&f, seconds() - begin);
        return 1;
    }
    print_figures(&f, seconds() - begin);
    return 0;
}

/* 0: not set. */
static int64_t seconds_wanted(void)
{
    const char *given = getenv("CADRE_SIM_SECONDS");
    int64_t n = 0;
    if (given && *given && (str_int64(given, &n) != 0 || n < 1))
        fail_msg("CADRE_SIM_SECONDS: '%s' is not a number from 1 on", given);
    return n;
}

static void random_faults__every_promise_is_kept(void **state)
{
    (void)state;
    int64_t limit = seconds_wanted();
    if (run_many(base_seed(), UINT64_MAX, limit > 0 ? (double)limit : DEFAULT_SECONDS,
                 BREAK_NOTHING))
        fail_msg("run sim_flow --seed N with the seed above");
}

static void one_seed_twice__the_same_history(void **state)
{
    (void)state;
    struct figures a = {0}, b = {0};
    char violation[256];
    assert_true(run_seed(4711, BREAK_NOTHING, &a, violation));
    assert_true(run_seed(4711, BREAK_NOTHING, &b, violation));
    assert_memory_equal(&a, &b, sizeof a);
}

/* A checker that never finds anything proves nothing: every way to break the house has to be
 * noticed. */
static void each_sabotage__is_caught(void **state)
{
    (void)state;
    if (seconds_wanted() > 0) skip();
    char violation[256];
    for (enum flow_sabotage k = BREAK_NOTHING + 1; k < FLOW_SABOTAGES; k++) {
        struct figures f = {0};
        uint64_t seed = 1;
        while (seed <= SABOTAGE_SEEDS && run_seed(seed, k, &f, violation))
            seed++;
        if (seed > SABOTAGE_SEEDS)
            fail_msg("sabotage %s was not noticed in %d seeds", flow_sabotage_names[k],
                     SABOTAGE_SEEDS);
        printf("# sabotage %s, seed %llu: %s\n", flow_sabotage_names[k], (unsigned long long)seed,
               violation);
    }
}

static int find_sabotage(const char *name)
{
    for (int i = 0; i < FLOW_SABOTAGES; i++) {
        if (str_eq(name, flow_sabotage_names[i])) return i;
    }
    return -1;
}

static void print_line(enum log_level level, const char *line, void *user)
{
    (void)level;
    (void)user;
    puts(line);
}

static int usage(void)
{
    fprintf(stderr,
            "usage: sim_flow [--seed N] [--seeds K] [--sabotage NAME] [--trace] | --list\n");
    return 2;
}

static int run_by_hand(int argc, char **argv)
{
    int64_t seed = -1, count = 1;
    int sabotage = BREAK_NOTHING;
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (str_eq(argv[i], "--list")) {
            for (int k = 0; k < FLOW_SABOTAGES; k++)
                puts(flow_sabotage_names[k]);
            return 0;
        }
        if (str_eq(argv[i], "--trace")) {
            log_set_level(LOG_DEBUG);
            log_set_sink(print_line, NULL);
            continue;
        }
        if (!value) return usage();
        if (str_eq(argv[i], "--seed")) {
            if (str_int64(value, &seed)) return usage();
        } else if (str_eq(argv[i], "--seeds")) {
            if (str_int64(value, &count)) return usage();
        } else if (!str_eq(argv[i], "--sabotage") || (sabotage = find_sabotage(value)) < 0) {
            return usage();
        }
        i++;
    }
    uint64_t first = seed >= 0 ? (uint64_t)seed : base_seed();
    return run_many(first, (uint64_t)count, 1e9, (enum flow_sabotage)sabotage);
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

/* The simulation ring of the engine.
 *
 *   sim_engine                      random seeds for 60 seconds, then each sabotage is to be caught
 *   CADRE_SIM_SEEDS=N sim_engine    N seeds, however long they take
 *   CADRE_SIM_SECONDS=N sim_engine  N seconds of seeds, and no sabotage: for the loop of editing
 *   sim_engine --seed N             that run alone; says what was wrong with it
 *   sim_engine --seeds K            K of them, from CADRE_SEED or a seed that is printed
 *   sim_engine ... --coordinators N  that many over one database; else one seed in three has some
 *   sim_engine ... --sabotage NAME  with the house broken on purpose; --list names the ways
 *   sim_engine ... --trace          prints what happens
 *
 * As many processes as there are processors share the seeds. */
#include "tests/sim/sim.h"
#include "tests/sim/sim_older.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define DEFAULT_SECONDS 60
#define WORKERS_MOST 64
#define SABOTAGE_SEEDS 400 /* a sabotage has to be caught within these */

struct figures {
    uint64_t seeds, jobs, agents, batches, crashes, io_crashes, power_losses, failed_commits, cuts,
        agent_crashes, step_crashes, journal_crashes, freezes, hand_outs, processes, retries, lost,
        duplicates, repeats, wall_jumps, told_late, take_overs, step_downs, orderly_stops,
        house_freezes, lost_answers, resolved, ended_transactions, returns, losses_named, strays;
};

/* A process that runs seeds, as the others see it. */
struct agent_figures {
    struct figures f;
    uint64_t seed; /* at hand */
    bool failed;
    char violation[256];
};

/* Between the processes. */
struct shared {
    atomic_uint_fast64_t next;
    atomic_bool stop;
    struct agent_figures agents[WORKERS_MOST];
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
    f->io_crashes += s->io_crashes;
    f->power_losses += s->power_losses;
    f->failed_commits += s->failed_commits;
    f->cuts += s->cuts;
    f->agent_crashes += s->agent_crashes;
    f->step_crashes += s->step_crashes;
    f->journal_crashes += s->journal_crashes;
    f->freezes += s->freezes;
    f->hand_outs += s->hand_outs;
    f->processes += s->processes;
    f->retries += s->retries;
    f->lost += s->lost;
    f->duplicates += s->duplicates;
    f->repeats += s->repeats;
    f->wall_jumps += s->wall_jumps;
    f->told_late += s->told_late;
    f->take_overs += s->take_overs;
    f->step_downs += s->step_downs;
    f->orderly_stops += s->orderly_stops;
    f->house_freezes += s->house_freezes;
    f->lost_answers += s->lost_answers;
    f->resolved += s->resolved;
    f->ended_transactions += s->ended_transactions;
    f->returns += s->returns;
    f->losses_named += s->losses_named;
    f->strays += s->strays;
}

static void print_figure(const char *name, uint64_t n, const char *end)
{
    printf("%llu %s%s", (unsigned long long)n, name, end);
}

static void print_figures(const struct figures *f, double took)
{
    printf("# %llu seeds in %.1f s: ", (unsigned long long)f->seeds, took);
    print_figure("jobs", f->jobs, ", ");
    print_figure("agents", f->agents, ", ");
    print_figure("batches", f->batches, ", ");
    print_figure("hand-outs", f->hand_outs, ", ");
    print_figure("processes", f->processes, ", ");
    print_figure("retries", f->retries, ", ");
    print_figure("lost", f->lost, ", ");
    print_figure("heartbeats acknowledged before a job", f->told_late, "\n#   faults: ");
    print_figure("coordinator crashes", f->crashes, " (");
    print_figure("within a commit", f->io_crashes, ", ");
    print_figure("power losses", f->power_losses, "), ");
    print_figure("failed commits", f->failed_commits, ", ");
    print_figure("cuts", f->cuts, ", ");
    print_figure("agent crashes", f->agent_crashes, " (");
    print_figure("at a step", f->step_crashes, ", ");
    print_figure("within a write of the journal", f->journal_crashes, "), ");
    print_figure("freezes", f->freezes, ", ");
    print_figure("messages doubled", f->repeats, ", ");
    print_figure("submits repeated", f->duplicates, ", ");
    print_figure("jumps of the wall clock", f->wall_jumps, "\n#   several coordinators: ");
    print_figure("take-overs", f->take_overs, ", ");
    print_figure("stopped in order", f->orderly_stops, ", ");
    print_figure("former owners", f->step_downs, ", ");
    print_figure("freezes", f->house_freezes, ", ");
    print_figure("answers lost", f->lost_answers, " (");
    print_figure("found out", f->resolved, "), ");
    print_figure("transactions ended by the server", f->ended_transactions, ", ");
    print_figure("returns to an older state", f->returns, " (");
    print_figure("losses named", f->losses_named, ", ");
    print_figure("runs of lost hand-outs", f->strays, ")\n");
    fflush(stdout);
}

static bool tracing;

static void on_line(enum log_level level, const char *line, void *user)
{
    (void)level;
    if (tracing) puts(line);
    older_hear(user, line);
}

/* true: the promises were kept. `violation` gets what was not. */
static bool run_seed(uint64_t seed, enum sabotage sabotage, struct figures *f, char violation[256])
{
    struct sim *s = mem_alloc(sizeof *s);
    log_set_level(tracing ? LOG_DEBUG : LOG_WARN);
    log_set_sink(on_line, s);
    sim_init(s, seed, sabotage);
    bool kept = sim_run(s);
    memcpy(violation, s->violation, sizeof s->violation);
    add(f, s);
    sim_fini(s);
    log_set_sink(NULL, NULL);
    mem_free(s);
    return kept;
}

/* ---- many processes ---- */

static int agent_count(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : n > WORKERS_MOST ? WORKERS_MOST : (int)n;
}

static struct shared *shared_new(void)
{
    void *p = mmap(NULL, sizeof(struct shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                   -1, 0);
    if (p == MAP_FAILED) abort();
    return p;
}

static void print_again(uint64_t seed, enum sabotage sabotage)
{
    char path[512];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    path[n > 0 ? n : 0] = '\0';
    printf("# run it again: %s --seed %llu%s%s --trace\n", n > 0 ? path : "sim_engine",
           (unsigned long long)seed, sabotage ? " --sabotage " : "",
           sabotage ? sabotage_names[sabotage] : "");
}

/* Starts the agents and waits for them; `work` is what each of them does. How many died. */
static int run_workers(int count, void (*work)(struct shared *sh, int worker, void *user),
                       struct shared *sh, void *user)
{
    pid_t pids[WORKERS_MOST];
    int died = 0;
    fflush(stdout);
    for (int i = 0; i < count; i++) {
        pids[i] = fork();
        if (pids[i] < 0) abort();
        if (pids[i] > 0) continue;
        work(sh, i, user);
        fflush(stdout);
        _exit(0);
    }
    for (int i = 0; i < count; i++) {
        int status;
        if (waitpid(pids[i], &status, 0) < 0 || status == 0) continue;
        died++;
        sh->agents[i].failed = true;
        str_format(sh->agents[i].violation, sizeof sh->agents[i].violation,
                   "the simulation died (status %d), see above", status);
        atomic_store(&sh->stop, true);
    }
    return died;
}

struct plan {
    uint64_t first, count;
    double begin, limit;
    enum sabotage sabotage;
};

static void run_share(struct shared *sh, int worker, void *user)
{
    const struct plan *p = user;
    struct agent_figures *w = &sh->agents[worker];
    while (!atomic_load(&sh->stop) && seconds() - p->begin < p->limit) {
        uint64_t i = atomic_fetch_add(&sh->next, 1);
        if (i >= p->count) break;
        w->seed = p->first + i;
        if (run_seed(w->seed, p->sabotage, &w->f, w->violation)) continue;
        w->failed = true;
        atomic_store(&sh->stop, true);
    }
}

static void sum(struct figures *to, const struct figures *f)
{
    uint64_t *a = (uint64_t *)to;
    const uint64_t *b = (const uint64_t *)f;
    for (size_t i = 0; i < sizeof *to / sizeof *a; i++)
        a[i] += b[i];
}

/* Runs until `count` seeds are done or `limit` seconds over. 0: all was well. */
static int run_many(uint64_t first, uint64_t count, double limit, enum sabotage sabotage)
{
    struct plan p = {first, count, seconds(), limit, sabotage};
    struct shared *sh = shared_new();
    struct figures f = {0};
    int failed = 0, agents = count == 1 ? 1 : agent_count();
    printf("# seeds from %llu on\n", (unsigned long long)first);
    if (count == 1)
        run_share(sh, 0, &p); /* for a debugger, and for --trace */
    else
        run_workers(agents, run_share, sh, &p);
    for (int i = 0; i < agents; i++) {
        struct agent_figures *w = &sh->agents[i];
        sum(&f, &w->f);
        if (!w->failed) continue;
        failed = 1;
        printf("# seed %llu (sabotage %s): %s\n", (unsigned long long)w->seed,
               sabotage_names[sabotage], w->violation);
        print_again(w->seed, sabotage);
    }
    print_figures(&f, seconds() - p.begin);
    munmap(sh, sizeof *sh);
    return failed;
}

/* ---- the tests ---- */

/* 0: not set. */
static int64_t setting(const char *name)
{
    const char *given = getenv(name);
    int64_t n = 0;
    if (given && *given && (str_int64(given, &n) != 0 || n < 1))
        fail_msg("%s: '%s' is not a number from 1 on", name, given);
    return n;
}

static void random_faults__every_promise_is_kept(void **state)
{
    (void)state;
    int64_t count = setting("CADRE_SIM_SEEDS"), limit = setting("CADRE_SIM_SECONDS");
    if (limit == 0) limit = DEFAULT_SECONDS;
    if (run_many(base_seed(), count > 0 ? (uint64_t)count : UINT64_MAX,
                 count > 0 ? 1e9 : (double)limit, SABOTAGE_NONE))
        fail_msg("a promise was broken: the seed is above");
}

static void one_seed_twice__the_same_history(void **state)
{
    (void)state;
    struct figures a = {0}, b = {0};
    char violation[256];
    for (uint64_t seed = 4711; seed <= 4713; seed++) { /* the last has several coordinators */
        a = b = (struct figures){0};
        assert_true(run_seed(seed, SABOTAGE_NONE, &a, violation));
        assert_true(run_seed(seed, SABOTAGE_NONE, &b, violation));
        assert_memory_equal(&a, &b, sizeof a);
    }
}

/* The first seed with which the checker notices; 0: none. */
static void find_first(struct shared *sh, int worker, void *user)
{
    struct agent_figures *found = user;
    struct figures f = {0};
    (void)worker;
    for (;;) {
        uint64_t k = atomic_fetch_add(&sh->next, 1) + SABOTAGE_NONE + 1;
        if (k >= SABOTAGES) return;
        for (uint64_t seed = 1; seed <= SABOTAGE_SEEDS && !found[k].failed; seed++) {
            found[k].seed = seed;
            found[k].failed = !run_seed(seed, (enum sabotage)k, &f, found[k].violation);
        }
    }
}

/* A checker that never finds anything proves nothing: every way to break the house has to be
 * noticed. */
static void each_sabotage__is_caught(void **state)
{
    (void)state;
    if (setting("CADRE_SIM_SECONDS") > 0) skip();
    struct shared *sh = shared_new(), *results = shared_new();
    struct agent_figures *found = results->agents;
    assert_true((int)SABOTAGES <= WORKERS_MOST);
    int died = run_workers(agent_count(), find_first, sh, found);
    for (int k = SABOTAGE_NONE + 1; k < SABOTAGES; k++) {
        printf("# sabotage %s, seed %llu: %s\n", sabotage_names[k],
               (unsigned long long)found[k].seed, found[k].violation);
    }
    for (int k = SABOTAGE_NONE + 1; k < SABOTAGES; k++) {
        if (!found[k].failed)
            fail_msg("sabotage %s was not noticed in %d seeds", sabotage_names[k], SABOTAGE_SEEDS);
    }
    assert_int_equal(died, 0);
    munmap(sh, sizeof *sh);
    munmap(results, sizeof *results);
}

static int find_sabotage(const char *name)
{
    for (int i = 0; i < SABOTAGES; i++) {
        if (str_eq(name, sabotage_names[i])) return i;
    }
    return -1;
}

static int run_by_hand(int argc, char **argv)
{
    int64_t seed = -1, count = 1, coordinators = 0;
    int sabotage = SABOTAGE_NONE;
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (str_eq(argv[i], "--list")) {
            for (int k = 0; k < SABOTAGES; k++)
                puts(sabotage_names[k]);
            return 0;
        }
        if (str_eq(argv[i], "--trace")) {
            setvbuf(stdout, NULL, _IOLBF, 0);
            tracing = true;
            continue;
        }
        bool good = value != NULL;
        if (good && str_eq(argv[i], "--seed"))
            good = str_int64(value, &seed) == 0;
        else if (good && str_eq(argv[i], "--seeds"))
            good = str_int64(value, &count) == 0;
        else if (good && str_eq(argv[i], "--coordinators"))
            good = str_int64(value, &coordinators) == 0 && coordinators >= 1 && coordinators <= 5;
        else if (good && str_eq(argv[i], "--sabotage"))
            good = (sabotage = find_sabotage(value)) >= 0;
        else
            good = false;
        if (!good) {
            fprintf(stderr,
                    "usage: sim_engine [--seed N] [--seeds K] [--coordinators N] [--sabotage NAME] "
                    "[--trace] | --list\n");
            return 2;
        }
        i++;
    }
    sim_coordinators = (int)coordinators;
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

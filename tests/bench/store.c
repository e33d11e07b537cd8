/* Lifecycles per second of the store alone: insert, hand out, running, finish, each step of a batch
 * in one transaction, as the engine does it. Figures for orientation, on the disk of the folder
 * given.
 *
 *   bench_store FOLDER [SECONDS] [BACKLOG] [BATCH]
 *
 * FOLDER must be empty or missing; BACKLOG jobs are queued in another group before; BATCH: only
 * this size. */
#include "base/id.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/store/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define MOST 200

struct bench {
    struct store *store;
    int64_t wall_ms;
    uint32_t serial;
    bool keys;
    char spec[201];
};

static void must(int rc, const struct err *e)
{
    if (rc == 0) return;
    fprintf(stderr, "bench_store: %s\n", err_text(e));
    exit(1);
}

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int64_t insert(struct bench *b, const char *group)
{
    char key[40];
    struct err e = {0};
    struct job_row j = {.id = id_make(b->wall_ms, b->serial * 2654435761u),
                        .attempt = 1,
                        .group = (char *)group,
                        .ns = "company.team",
                        .created_ms = b->wall_ms,
                        .submitter = 7,
                        .retry = {.delay_factor = 2}};
    b->serial++;
    if (b->keys) {
        must(str_format(key, sizeof key, "7:%08x%08x%08x", b->serial * 2654435761u,
                        b->serial * 40503u, b->serial),
             &e);
        j.unique_key = key;
    }
    must(store_job_insert(b->store, &j, b->spec, &e), &e);
    return j.id;
}

static void fill(struct bench *b, int64_t backlog)
{
    struct err e = {0};
    for (int64_t i = 0; i < backlog; i++) {
        if (i % 1000 == 0) must(store_begin(b->store, &e), &e);
        insert(b, "other");
        if (i % 10 == 0) b->wall_ms++;
        if (i % 1000 == 999 || i == backlog - 1) must(store_commit(b->store, &e), &e);
    }
}

/* As the engine does it: what a batch brings is handed out from memory. */
static void hand_out(struct bench *b, int64_t id)
{
    struct err e = {0};
    must(store_job_submitted(b->store, id, 11, 1, b->wall_ms, &e), &e);
}

static void finish(struct bench *b, int64_t id)
{
    struct err e = {0};
    struct job_end end = {.state = JOB_SUCCESS,
                          .reason = REASON_EXIT_CODE,
                          .exited = true,
                          .ended_ms = b->wall_ms};
    must(store_job_running(b->store, id, b->wall_ms, &e), &e);
    must(store_job_finish(b->store, id, &end, &e), &e);
}

/* Submit and hand out in one transaction, running and finish in the next. */
static void lifecycle(struct bench *b, int batch)
{
    struct err e = {0};
    int64_t ids[MOST];
    b->wall_ms++;
    must(store_begin(b->store, &e), &e);
    for (int i = 0; i < batch; i++)
        ids[i] = insert(b, "windows");
    for (int i = 0; i < batch; i++)
        hand_out(b, ids[i]);
    must(store_commit(b->store, &e), &e);
    must(store_begin(b->store, &e), &e);
    for (int i = 0; i < batch; i++)
        finish(b, ids[i]);
    must(store_agent_seq(b->store, 11, b->wall_ms, &e), &e);
    must(store_commit(b->store, &e), &e);
}

static double cpu_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void measure(struct bench *b, int batch, double seconds)
{
    double cpu = cpu_s(), start = now_s(), worst = 0, last = start;
    long done = 0;
    while (last - start < seconds) {
        lifecycle(b, batch);
        double t = now_s();
        if (t - last > worst) worst = t - last;
        last = t;
        done += batch;
    }
    printf("batch %3d%s: %8.0f lifecycles/s, %5.1f us of CPU each, slowest two commits %5.1f ms\n",
           batch, b->keys ? " with keys" : "", (double)done / (last - start),
           (cpu_s() - cpu) * 1e6 / (double)done, worst * 1000);
}

static int64_t number(int argc, char **argv, int at, int64_t fallback)
{
    if (at >= argc) return fallback;
    int64_t n = 0;
    must(str_int64(argv[at], &n), NULL);
    return n;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: bench_store FOLDER [SECONDS] [BACKLOG]\n");
        return 2;
    }
    double seconds = (double)number(argc, argv, 2, 3);
    int64_t backlog = number(argc, argv, 3, 0);
    mkdir(argv[1], 0700);
    struct bench b = {.wall_ms = INT64_C(1790000000000)};
    struct err e = {0};
    memset(b.spec, 'x', sizeof b.spec - 1);
    must(store_open(argv[1], &b.store, &e), &e);
    struct agent_row agent = {.id = 11, .name = "bench", .capabilities = "{}", .slots = MOST};
    must(store_begin(b.store, &e), &e);
    must(store_agent_insert(b.store, &agent, &e), &e);
    must(store_commit(b.store, &e), &e);
    double start = now_s();
    fill(&b, backlog);
    if (backlog) printf("backlog of %lld in %.1f s\n", (long long)backlog, now_s() - start);
    static const int batches[] = {1, 10, 50, 100};
    int64_t only = number(argc, argv, 4, 0);
    for (size_t i = 0; i < sizeof batches / sizeof *batches; i++) {
        if (only == 0) measure(&b, batches[i], seconds);
    }
    if (only > 0 && only <= MOST) measure(&b, (int)only, seconds);
    b.keys = true;
    measure(&b, only ? (int)only : 100, seconds);
    store_close(b.store);
    return 0;
}

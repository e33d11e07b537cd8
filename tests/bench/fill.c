/* See fill.h. */
#include "tests/bench/fill.h"

#include "base/clock.h"
#include "base/id.h"
#include "coordinator/store/store.h"
#include "platform/os.h"
#include "tests/bench/bench.h"

#include <stdio.h>

#define BATCH 1000

static const char spec[] = "{\"command\":[\"true\",\"queued\"]}";

const char *fill_group(size_t number, char name[FILL_GROUP_SIZE])
{
    snprintf(name, FILL_GROUP_SIZE, "g%zu", number);
    return name;
}

struct filler {
    struct store *store;
    struct rng rng;
    int64_t wall_ms;
    size_t rows;
};

/* Ends the transaction now and then. */
static void counted(struct filler *f)
{
    struct err e = {0};
    if (++f->rows % BATCH != 0) return;
    f->wall_ms++;
    bench_must(store_commit(f->store, &e), &e, "filling the store");
    store_settle(f->store);
    bench_must(store_begin(f->store, &e), &e, "filling the store");
}

static void add_group(struct filler *f, size_t number)
{
    char key[FILL_GROUP_SIZE];
    struct err e = {0};
    fill_group(number, key);
    struct group_row g = {.key = key, .created_ms = f->wall_ms};
    bench_must(store_group_put(f->store, &g, &e), &e, "making a group");
    counted(f);
}

static void add_job(struct filler *f, size_t group)
{
    char key[FILL_GROUP_SIZE];
    struct err e = {0};
    fill_group(group, key);
    struct job_row j = {.id = id_make(f->wall_ms, (uint32_t)rng_next(&f->rng)),
                        .attempt = 1,
                        .group = key,
                        .created_ms = f->wall_ms,
                        .retry = {.delay_factor = 2}};
    int rc;
    while ((rc = store_job_insert(f->store, &j, spec, &e)) == ERR_EXISTS)
        j.id = id_make(f->wall_ms, (uint32_t)rng_next(&f->rng));
    bench_must(rc, &e, "queueing a job");
    counted(f);
}

void fill_queues(const char *folder, size_t groups, size_t jobs_each)
{
    char state[600];
    struct filler f = {0};
    struct moment now;
    struct err e = {0};
    int64_t from = bench_now_ns();
    snprintf(state, sizeof state, "%s/server", folder);
    os_now(&now);
    rng_init(&f.rng, os_seed());
    f.wall_ms = now.wall_ms - (int64_t)(groups * (jobs_each + 1) / BATCH) - 1000;
    bench_must(store_open(state, &f.store, &e), &e, "opening the store");
    bench_must(store_begin(f.store, &e), &e, "filling the store");
    for (size_t i = 0; i < groups; i++)
        add_group(&f, i);
    for (size_t n = 0; n < jobs_each; n++)
        for (size_t i = 0; i < groups; i++)
            add_job(&f, i);
    bench_must(store_commit(f.store, &e), &e, "filling the store");
    store_close(f.store);
    printf("%zu groups with %zu jobs each queued in %.1f s\n", groups, jobs_each,
           (double)(bench_now_ns() - from) / 1e9);
}

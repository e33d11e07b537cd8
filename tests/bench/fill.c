/* See fill.h. */
#include "tests/bench/fill.h"

#include "base/clock.h"
#include "base/id.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/store/store.h"
#include "platform/files.h"
#include "platform/os.h"
#include "tests/bench/bench.h"
#include "wire/pki.h"

#include <stdio.h>

#define BATCH 1000
#define PEM_MAX 16384
#define DAY_MS INT64_C(86400000)

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

static void filler_open(struct filler *f, const char *folder)
{
    char state[600];
    struct moment now;
    struct err e = {0};
    snprintf(state, sizeof state, "%s/server", folder);
    os_now(&now);
    rng_init(&f->rng, os_seed());
    f->wall_ms = now.wall_ms;
    bench_must(store_open(state, &f->store, &e), &e, "opening the store");
    bench_must(store_begin(f->store, &e), &e, "filling the store");
}

static void filler_close(struct filler *f)
{
    struct err e = {0};
    bench_must(store_commit(f->store, &e), &e, "filling the store");
    store_close(f->store);
}

void fill_queues(const char *folder, size_t groups, size_t jobs_each)
{
    struct filler f = {0};
    int64_t from = bench_now_ns();
    filler_open(&f, folder);
    f.wall_ms -= (int64_t)(groups * (jobs_each + 1) / BATCH) + 1000;
    for (size_t i = 0; i < groups; i++)
        add_group(&f, i);
    for (size_t n = 0; n < jobs_each; n++)
        for (size_t i = 0; i < groups; i++)
            add_job(&f, i);
    filler_close(&f);
    printf("%zu groups with %zu jobs each queued in %.1f s\n", groups, jobs_each,
           (double)(bench_now_ns() - from) / 1e9);
}

/* ---- agents ---- */

static char *read_pem(const char *folder, const char *name)
{
    char path[640];
    struct buf text;
    struct err e = {0};
    snprintf(path, sizeof path, "%s/server/%s", folder, name);
    buf_init(&text, PEM_MAX);
    bench_must(file_read(path, PEM_MAX - 1, &text, &e), &e, name);
    return buf_detach(&text);
}

static void add_agent(struct filler *f, size_t number, int64_t id)
{
    char name[64], none[] = "{}", version[] = "bench", group[] = STR_DEFAULT_GROUP;
    struct err e = {0};
    snprintf(name, sizeof name, "bench-default-%zu", number);
    struct agent_row a = {.id = id,
                          .name = name,
                          .group = group,
                          .capabilities = none,
                          .version = version,
                          .slots = 1,
                          .created_ms = f->wall_ms};
    bench_must(store_agent_insert(f->store, &a, &e), &e, "an agent");
    counted(f);
}

void fill_agents(const char *folder, size_t count, struct fill_agents *out)
{
    struct filler f = {0};
    struct pki_key *ca_key, *key;
    struct err e = {0};
    char *ca_key_pem = read_pem(folder, "ca.key");
    *out = (struct fill_agents){.ca = read_pem(folder, "ca.pem"), .count = count};
    out->certificates = mem_array(count, sizeof *out->certificates);
    bench_must(pki_key_parse(ca_key_pem, &ca_key, &e), &e, "the CA's key");
    bench_must(pki_key_generate(&key, &e), &e, "a key");
    bench_must(pki_key_format(key, &out->key, &e), &e, "a key");
    filler_open(&f, folder);
    for (size_t i = 0; i < count; i++) {
        char text[ID_TEXT_SIZE];
        int64_t id = id_make(f.wall_ms + (int64_t)i, (uint32_t)rng_next(&f.rng));
        struct pki_issue what = {.usage = PKI_CLIENT,
                                 .common_name = text,
                                 .not_before_ms = f.wall_ms - DAY_MS / 24,
                                 .not_after_ms = f.wall_ms + 30 * DAY_MS};
        id_format(id, text);
        add_agent(&f, i, id);
        bench_must(pki_issue(&what, &(struct pki_issuer){ca_key, out->ca}, key, NULL,
                             &out->certificates[i], &e),
                   &e, "a certificate");
    }
    filler_close(&f);
    pki_key_free(ca_key);
    pki_key_free(key);
    mem_free(ca_key_pem);
}

void fill_agents_free(struct fill_agents *a)
{
    for (size_t i = 0; i < a->count; i++)
        mem_free(a->certificates[i]);
    mem_free(a->certificates);
    mem_free(a->key);
    mem_free(a->ca);
}

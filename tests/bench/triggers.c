/* What many polling triggers cost the store thread: the engine on a store on disk, with agents that
 * answer at once. Time is real while the engine works and skipped while it would sleep, so that
 * minutes pass in seconds and a batch gathers what arrives during the commit before it, as in the
 * coordinator. Network and TLS are not in it.
 *
 *   bench_triggers FOLDER [TRIGGERS] [INTERVAL_S] [MINUTES]
 *
 * FOLDER must be empty or missing. Defaults: 10000 triggers, every 30 s, 10 minutes after the first
 * round. */
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/engine/engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

#define AGENTS 16
#define SLOTS 64
#define PER_FLOW 100
#define STARTED_MS 2 /* from the hand-out until the agent's event arrives */
#define CHECK_MS 20
#define HEARTBEAT_MS 10000

struct due { /* an event on its way */
    int64_t at_ms, job, attempt;
    uint64_t session;
};
struct line { /* all take the same time: first in, first out */
    struct due *items;
    size_t first, count, cap;
};

struct bench {
    struct store *store;
    struct engine *engine;
    struct engine_config config;
    struct effects effects;
    double skipped_s; /* by which the bench's time is ahead of the clock */
    int64_t wall_ms;
    struct line started, finished;
    int64_t seq[AGENTS + 1], agents[AGENTS + 1];
    int64_t heartbeat_ms;
    uint64_t requests, batches, commands, evaluations;
    char *folder;
};

static void must(int rc, const struct err *e)
{
    if (rc == 0) return;
    fprintf(stderr, "bench_triggers: %s\n", err_text(e));
    exit(1);
}

static double clock_s(clockid_t which)
{
    struct timespec t;
    clock_gettime(which, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static struct moment now(const struct bench *b)
{
    int64_t ms = (int64_t)((clock_s(CLOCK_MONOTONIC) + b->skipped_s) * 1000);
    return (struct moment){.mono_ms = ms, .wall_ms = b->wall_ms + ms};
}

/* ---- the agents ---- */

static void line_add(struct line *l, struct due d)
{
    if (l->first + l->count == l->cap) {
        if (l->count) memmove(l->items, l->items + l->first, l->count * sizeof *l->items);
        l->first = 0;
        if (2 * l->count >= l->cap) {
            l->cap = l->cap ? 2 * l->cap : 1024;
            l->items = mem_resize(l->items, l->cap, sizeof *l->items);
        }
    }
    l->items[l->first + l->count++] = d;
}

static const struct due *line_take(struct line *l, int64_t until_ms)
{
    if (l->count == 0 || l->items[l->first].at_ms > until_ms) return NULL;
    l->count--;
    return &l->items[l->first++];
}

static int64_t line_next(const struct line *l)
{
    return l->count ? l->items[l->first].at_ms : INT64_MAX;
}

static void apply(struct bench *b, struct command *c)
{
    b->commands++;
    engine_apply(b->engine, c, &b->effects);
    command_free(c);
}

static void send_event(struct bench *b, enum command_type type, const struct due *d)
{
    struct command *c = command_new(type);
    c->session = d->session;
    c->u.event.seq = ++b->seq[d->session];
    c->u.event.job = d->job;
    c->u.event.attempt = d->attempt;
    c->u.event.state = JOB_FAILED;
    c->u.event.reason = REASON_EXIT_CODE;
    c->u.event.exited = true;
    c->u.event.exit_code = 1;
    apply(b, c);
}

static void send_heartbeats(struct bench *b)
{
    struct command *c = command_new(CMD_HEARD);
    c->u.heard.agents = mem_dup(b->agents + 1, AGENTS * sizeof *b->agents);
    c->u.heard.count = AGENTS;
    apply(b, c);
}

/* ---- a batch ---- */

static void begin(struct bench *b)
{
    struct moment t = now(b);
    struct err e = {0};
    effects_clear(&b->effects);
    must(engine_begin(b->engine, &t, &e), &e);
}

static void commit(struct bench *b)
{
    struct err e = {0};
    must(engine_commit(b->engine, &b->effects, &e), &e);
    b->batches++;
    int64_t ms = now(b).mono_ms;
    for (const struct effect *x = b->effects.first; x; x = x->next) {
        if (x->type == EFFECT_REPLY && x->u.reply.reply.rc)
            must(x->u.reply.reply.rc, &x->u.reply.reply.err);
        if (x->type != EFFECT_JOB) continue;
        struct due d = {.at_ms = ms + STARTED_MS,
                        .job = x->u.job.job,
                        .attempt = x->u.job.attempt,
                        .session = x->session};
        line_add(&b->started, d);
        d.at_ms += CHECK_MS;
        line_add(&b->finished, d);
    }
}

static void do_one(struct bench *b, struct command *c)
{
    begin(b);
    apply(b, c);
    commit(b);
}

static int64_t earlier(int64_t x, int64_t y)
{
    return x < y ? x : y;
}

/* Until that time; what has arrived by now goes into one batch. */
static void run_until(struct bench *b, int64_t end_ms)
{
    for (;;) {
        int64_t next = earlier(engine_next_ms(b->engine), b->heartbeat_ms);
        next = earlier(next, earlier(line_next(&b->started), line_next(&b->finished)));
        int64_t ms = now(b).mono_ms;
        if (ms >= end_ms || next >= end_ms) return;
        if (next > ms) b->skipped_s += (double)(next - ms) / 1000;
        ms = now(b).mono_ms;
        begin(b);
        for (const struct due *d; (d = line_take(&b->started, ms)) != NULL;)
            send_event(b, CMD_STARTED, d);
        for (const struct due *d; (d = line_take(&b->finished, ms)) != NULL; b->evaluations++)
            send_event(b, CMD_FINISHED, d);
        if (ms >= b->heartbeat_ms) {
            send_heartbeats(b);
            b->heartbeat_ms = ms + HEARTBEAT_MS;
        }
        commit(b);
    }
}

/* ---- setting up ---- */

static void open_engine(struct bench *b)
{
    struct moment t = now(b);
    struct err e = {0};
    must(store_open(b->folder, &b->store, &e), &e);
    must(engine_new(b->store, &b->config, 1, &t, &b->engine, &e), &e);
}

static void enrol(struct bench *b)
{
    struct command *c = command_new(CMD_TOKEN_CREATE);
    c->request = ++b->requests;
    c->u.token.role = ROLE_JOIN;
    c->u.token.uses_left = -1;
    do_one(b, c);
    int64_t token = b->effects.first->u.reply.reply.id;
    for (uint64_t i = 1; i <= AGENTS; i++) {
        c = command_new(CMD_ENROL);
        c->session = i;
        c->u.enrol.token_id = token;
        c->u.enrol.name = str_dupf("agent-%d", (int)i);
        c->u.enrol.host_id = mem_strdup("host");
        c->u.enrol.version = mem_strdup("1");
        snprintf(c->u.enrol.spki, sizeof c->u.enrol.spki, "%d", (int)i);
        do_one(b, c);
        b->agents[i] = b->effects.first->u.enrolled.agent;
    }
}

static void connect(struct bench *b)
{
    for (uint64_t i = 1; i <= AGENTS; i++) {
        struct command *c = command_new(CMD_HELLO);
        c->session = i;
        c->u.hello.agent = b->agents[i];
        c->u.hello.slots = SLOTS;
        c->u.hello.seq = b->seq[i];
        c->u.hello.version = mem_strdup("1");
        c->u.hello.name = str_dupf("agent-%d", (int)i);
        c->u.hello.capabilities = mem_strdup("{\"os\":\"linux\"}");
        c->u.hello.host_id = mem_strdup("host");
        c->u.hello.boot_id = mem_strdup("boot");
        c->u.hello.journal_id = mem_strdup("journal");
        do_one(b, c);
        c = command_new(CMD_READY);
        c->session = i;
        do_one(b, c);
    }
}

static void apply_flows(struct bench *b, int triggers, int interval_s)
{
    struct command *c = command_new(CMD_FLOW_APPLY);
    c->request = ++b->requests;
    c->u.apply.count = (size_t)((triggers + PER_FLOW - 1) / PER_FLOW);
    c->u.apply.files = mem_array(c->u.apply.count, sizeof *c->u.apply.files);
    for (size_t i = 0; i < c->u.apply.count; i++) {
        struct buf text;
        buf_init(&text, 1 << 20);
        buf_addf(&text, "id: flow-%zu\nnamespace: company.team\n", i);
        buf_adds(&text, "tasks:\n  - {id: one, command: [\"true\"]}\ntriggers:\n");
        for (int k = 0; k < PER_FLOW && (int)i * PER_FLOW + k < triggers; k++)
            buf_addf(&text,
                     "  - {id: t%d, interval: PT%dS, command: [test, -e, /data/in/ready-%d]}\n", k,
                     interval_s, k);
        c->u.apply.files[i].source = buf_detach(&text);
    }
    do_one(b, c);
}

/* ---- figures ---- */

static long long file_size(const struct bench *b, const char *name)
{
    struct stat st = {0};
    char *path = str_dupf("%s/%s", b->folder, name);
    if (stat(path, &st)) st.st_size = 0;
    mem_free(path);
    return st.st_size;
}

static void measure(struct bench *b, const char *what, int64_t ms)
{
    uint64_t batches = b->batches, commands = b->commands, evaluations = b->evaluations;
    int64_t from = now(b).mono_ms;
    double cpu = clock_s(CLOCK_PROCESS_CPUTIME_ID), busy = clock_s(CLOCK_MONOTONIC);
    run_until(b, from + ms);
    double took = (double)(now(b).mono_ms - from) / 1000;
    cpu = clock_s(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    busy = clock_s(CLOCK_MONOTONIC) - busy;
    printf("%s, %.0f s: %.1f evaluations/s, %.1f commits/s, %.1f commands/s; CPU %.2f %%, at work "
           "(with the disk) %.2f %%, %.0f us of CPU per evaluation\n",
           what, took, (double)(b->evaluations - evaluations) / took,
           (double)(b->batches - batches) / took, (double)(b->commands - commands) / took,
           100 * cpu / took, 100 * busy / took,
           1e6 * cpu / (double)(b->evaluations - evaluations + (b->evaluations == evaluations)));
}

static int64_t number(int argc, char **argv, int at, int64_t fallback)
{
    int64_t n = fallback;
    if (at < argc) must(str_int64(argv[at], &n), NULL);
    return n;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: bench_triggers FOLDER [TRIGGERS] [INTERVAL_S] [MINUTES]\n");
        return 2;
    }
    int triggers = (int)number(argc, argv, 2, 10000), interval = (int)number(argc, argv, 3, 30);
    int64_t minutes = number(argc, argv, 4, 10);
    struct bench b = {.folder = argv[1],
                      .wall_ms = INT64_C(1790000000000),
                      .config = {.lease_ms = 300000,
                                 .heartbeat_ms = HEARTBEAT_MS,
                                 .retention_ms = INT64_C(7) * 24 * 3600 * 1000,
                                 .output_limit_bytes = 1 << 20,
                                 .payload_limit_bytes = 512 * 1024,
                                 .max_agents = 100,
                                 .kill_time_ms = 15000}};
    mkdir(b.folder, 0700);
    effects_init(&b.effects);
    open_engine(&b);
    b.heartbeat_ms = now(&b).mono_ms + HEARTBEAT_MS;
    enrol(&b);
    connect(&b);
    double start = clock_s(CLOCK_MONOTONIC);
    apply_flows(&b, triggers, interval);
    printf("%d triggers applied in %.2f s\n", triggers, clock_s(CLOCK_MONOTONIC) - start);
    measure(&b, "the first round, all at once", interval * 1000);
    measure(&b, "going on", minutes * 60000);
    printf("cadre.db %.1f MiB\n", (double)file_size(&b, "cadre.db") / (1 << 20));

    run_until(&b, now(&b).mono_ms); /* what is under way is answered after the start */
    engine_free(b.engine);
    store_close(b.store);
    b.started.count = b.finished.count = 0;
    b.skipped_s += 3600;
    start = clock_s(CLOCK_MONOTONIC);
    open_engine(&b);
    printf("started again after an hour in %.2f s\n", clock_s(CLOCK_MONOTONIC) - start);
    b.heartbeat_ms = now(&b).mono_ms;
    connect(&b);
    uint64_t before = b.evaluations;
    run_until(&b, now(&b).mono_ms + 1000);
    printf("evaluations in the first second: %llu of %d overdue\n",
           (unsigned long long)(b.evaluations - before), triggers);
    measure(&b, "after the start", interval * 1000);
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
    printf("%.1f MiB resident at most\n", (double)use.ru_maxrss / 1024);
    effects_clear(&b.effects);
    engine_free(b.engine);
    store_close(b.store);
    mem_free(b.started.items);
    mem_free(b.finished.items);
    return 0;
}

/* Lifecycles per second of the coordinator and of other queues under one load, in turns: each round
 * measures all of them with each number of agents. Usage and what the figures mean: README.md. */
#include "tests/bench/load.h"
#include "tests/bench/peer.h"
#include "tests/bench/pg_server.h"

#include "base/mem.h"
#include "base/str.h"
#include "wire/pki.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DRAIN_S 60       /* Cadre's agents leave when they have nothing to do */
#define PEER_DRAIN_S 0.5 /* what a peer has not done by then is its next load's first */
#define JOBS_S 300       /* --jobs end within this time, and a first job in any case */
#define BOUND_S 7200
#define COUNTS 8

/* What is measured: the coordinator with one way of submitting, or a peer. */
struct subject {
    const char *name, *title;
    enum {
        SINGLE,        /* 32 submitters with one request each */
        BATCHED,       /* 4 with one array each */
        PIPELINED,     /* 4 with as many requests */
    } way;             /* of Cadre */
    const char *kind;  /* of the peer; NULL: Cadre */
    bool wide;         /* as many jobs on the way as with arrays and pipelined requests */
    bool on_pg;        /* on PostgreSQL: measured with --postgresql, and then alone */
    bool out;          /* it is not measured after all */
    struct peer *peer; /* subjects may share one */
};
static const struct subject all[] = {
    {.name = "cadre", .title = "Cadre"},
    {.name = "cadre-batch", .title = "Cadre, batched submits", .way = BATCHED},
    {.name = "cadre-pipeline", .title = "Cadre, pipelined requests", .way = PIPELINED},
    {.name = "rabbitmq", .title = "RabbitMQ", .kind = "rabbitmq"},
    {.name = "rabbitmq-wide", .title = "RabbitMQ, wide window", .kind = "rabbitmq", .wide = true},
    {.name = "beanstalkd", .title = "beanstalkd -f0", .kind = "beanstalkd"},
    {.name = "beanstalkd-memory", .title = "beanstalkd in memory", .kind = "beanstalkd-memory"},
    {.name = "gearmand", .title = "gearmand with SQLite", .kind = "gearmand"},
    {.name = "cadre-postgresql", .title = "Cadre on PostgreSQL", .on_pg = true},
    {.name = "cadre-postgresql-batch",
     .title = "Cadre on PostgreSQL, batched submits",
     .way = BATCHED,
     .on_pg = true},
    {.name = "cadre-postgresql-pipeline",
     .title = "Cadre on PostgreSQL, pipelined requests",
     .way = PIPELINED,
     .on_pg = true},
    {.name = "graphile-worker",
     .title = "graphile-worker",
     .kind = "graphile-worker",
     .on_pg = true},
    {.name = "graphile-worker-batch",
     .title = "graphile-worker, batches",
     .kind = "graphile-worker",
     .wide = true,
     .on_pg = true},
    {.name = "pg-boss", .title = "pg-boss", .kind = "pg-boss", .on_pg = true},
    {.name = "pg-boss-batch",
     .title = "pg-boss, batches",
     .kind = "pg-boss",
     .wide = true,
     .on_pg = true},
    {.name = "skip-locked", .title = "SKIP LOCKED in C", .kind = "skip-locked", .on_pg = true},
    {.name = "skip-locked-batch",
     .title = "SKIP LOCKED in C, batches",
     .kind = "skip-locked",
     .wide = true,
     .on_pg = true},
};
#define SUBJECTS (sizeof all / sizeof *all)

struct options {
    size_t rounds, connections, slots, wide_slots, ahead, bytes, jobs, few, many, window;
    double seconds, warm_up, limit;
    size_t agents[COUNTS], agent_counts;
    const char *with, *dir;
    int keep;
    bool postgresql;
};

struct bench {
    struct options o;
    struct pg_server pg;
    struct target target;
    struct fleet *fleet; /* NULL: Cadre is not measured */
    struct pump *pump;   /* while Cadre is measured */
    uv_loop_t *loop;
    char *body, *token, store[128];
    struct subject subjects[SUBJECTS];
    size_t count;
    struct subject *current;
    uint64_t at_start; /* jobs that had ended when the load began */
    uint64_t wanted;   /* the load goes on until so many jobs have ended */
};

static void usage(FILE *to)
{
    fputs("Usage: bench_peers [OPTION]...\n"
          "  --with A,B,...   what is measured; all that there is without it\n"
          "  --postgresql     those on PostgreSQL, which is started for them; else the others\n"
          "  --agents N,...   numbers of agents, and of the peers' workers (1,4,16)\n"
          "  --rounds N       how often each is measured, in turns (3)\n"
          "  --seconds S      of each measurement (5), after --warm-up S (1)\n"
          "  --limit S        begin no round that would probably not be over after S seconds\n"
          "  --jobs N         each measurement is of N jobs instead\n"
          "  --connections N  submitters of Cadre, producers of beanstalkd and gearmand (32)\n"
          "  --slots N        of each agent; what a worker of RabbitMQ may hold (16)\n"
          "  --wide-slots N   the same with arrays, pipelined requests, the wide window (256)\n"
          "  --ahead N        submitters wait when so many jobs are not done (500)\n"
          "  --bytes N        payload of a job (200)\n"
          "  --few N          producers of RabbitMQ, submitters of arrays and pipelined requests "
          "(4)\n"
          "  --window N       messages that each of RabbitMQ's may have without a confirm (8)\n"
          "  --many N         the same with the wide window; jobs of an array; requests on the "
          "way (64)\n"
          "  --results        figures as lines RESULT NAME=VALUE UNIT, too\n"
          "  --dir D          where databases and logs go (TMPDIR or /var/tmp)\n"
          "  --keep           leave them there\n"
          "There are:",
          to);
    for (size_t i = 0; i < SUBJECTS; i++)
        fprintf(to, " %s", all[i].name);
    fputc('\n', to);
}

/* ---- one load on one of them ---- */

static uint64_t ended(const struct bench *b)
{
    struct peer *p = b->current->peer;
    return p ? p->ended : fleet_lifecycles(b->fleet);
}

/* The server and its database. */
static double server_cpu_s(const struct bench *b)
{
    struct peer *p = b->current->peer;
    double database = pg_server_cpu_s(&b->pg);
    if (p && p->pg) return database;
    return database + bench_group_cpu_s(p ? p->pid : b->target.pid);
}

/* Whoever submits jobs and runs them. */
static double driver_cpu_s(const struct bench *b)
{
    struct peer *p = b->current->peer;
    return bench_own_cpu_s() + (p && p->pg && p->pid ? bench_group_cpu_s(p->pid) : 0);
}

static bool has_enough(void *user)
{
    struct bench *b = user;
    return ended(b) >= b->wanted || (b->current->peer && b->current->peer->why[0]);
}

static bool is_drained(void *user)
{
    struct bench *b = user;
    struct subject *s = b->current;
    if (s->peer) return peer_is_drained(s->peer);
    return pump_idle(b->pump) && ended(b) >= b->at_start + pump_submitted(b->pump);
}

/* What one worker may hold: as many jobs as may be on the way to the server, where these are many,
 * so that a single worker is no narrower than the submitters. */
static size_t slots_of(const struct bench *b)
{
    const struct subject *s = b->current;
    return s->wide || s->way != SINGLE ? b->o.wide_slots : b->o.slots;
}

/* Submitters connect for each load: the coordinator ends connections that nobody uses. */
static void begin_cadre(struct bench *b, size_t agents)
{
    const struct options *o = &b->o;
    int way = b->current->way;
    struct pump_options pump = {.connections = way == SINGLE ? o->connections : o->few,
                                .batch = way == BATCHED ? o->many : 0,
                                .pipeline = way == PIPELINED ? o->many : 0,
                                .body = b->body,
                                .minimal = true}; /* a confirm shows no job either */
    fleet_shrink(b->fleet, agents);
    fleet_slots(b->fleet, (int)slots_of(b));
    fleet_grow(b->fleet, agents);
    b->pump = pump_new(&b->target, &pump);
    pump_open(b->pump);
    pump_run(b->pump, UINT32_MAX, o->ahead);
}

static bool begin(struct bench *b, size_t agents)
{
    struct subject *s = b->current;
    const struct options *o = &b->o;
    if (!s->peer) {
        begin_cadre(b, agents);
        return true;
    }
    bool rabbit = str_eq(s->kind, "rabbitmq");
    struct peer_load load = {.producers = rabbit || s->wide ? o->few : o->connections,
                             .window = s->wide  ? o->many
                                       : rabbit ? o->window
                                                : 1,
                             .workers = agents,
                             .prefetch = slots_of(b),
                             .bytes = o->bytes,
                             .wide = s->wide,
                             .ahead = o->ahead};
    return peer_open(s->peer, &load);
}

static void end(struct bench *b)
{
    struct subject *s = b->current;
    if (s->peer)
        peer_rest(s->peer);
    else
        pump_stop(b->pump);
    load_run(b->loop, s->peer ? PEER_DRAIN_S : DRAIN_S, is_drained, b);
    if (s->peer) {
        peer_close(s->peer);
        return;
    }
    if (!is_drained(b)) bench_die("jobs are left after %d s", DRAIN_S);
    pump_free(b->pump);
    b->pump = NULL;
}

static void tell(const struct bench *b, size_t agents, double rate, double server_us,
                 double driver_us)
{
    const struct subject *s = b->current;
    printf("%3zu agents: %-39s %8.0f lifecycles/s, CPU of each: server %.1f us, driver %.1f us\n",
           agents, s->title, rate, server_us, driver_us);
    bench_result(rate, "/s", "lifecycles.%zu.%s", agents, s->name);
    bench_result(server_us, "us", "cpu.%zu.%s", agents, s->name);
    bench_result(driver_us, "us", "driver.%zu.%s", agents, s->name);
}

/* With all that are measured on the same peer. */
static void leave_out(struct bench *b, struct peer *p, const char *why)
{
    for (size_t i = 0; i < b->count; i++) {
        struct subject *s = &b->subjects[i];
        if (s->peer != p || !s->kind) continue;
        if (!s->out) printf("LEFT OUT %s: %s\n", s->name, why);
        s->out = true;
        s->peer = NULL;
    }
    peer_free(p);
}

static void warm_up(struct bench *b)
{
    uint64_t before = ended(b);
    load_run(b->loop, b->o.warm_up, has_enough, b);
    b->wanted = before + 1;
    load_run(b->loop, JOBS_S, has_enough, b);
    b->wanted = UINT64_MAX;
}

static void measure(struct bench *b, size_t agents)
{
    struct subject *s = b->current;
    uv_loop_t *loop = b->loop;
    b->wanted = UINT64_MAX;
    b->at_start = ended(b);
    if (begin(b, agents) && !b->o.jobs) warm_up(b);
    double server = server_cpu_s(b), driver = driver_cpu_s(b);
    int64_t from = bench_now_ns();
    uint64_t done = b->o.jobs ? b->at_start : ended(b);
    if (b->o.jobs) b->wanted = b->at_start + b->o.jobs;
    load_run(loop, b->o.jobs ? JOBS_S : b->o.seconds, has_enough, b);
    if (ended(b) == done) { /* a slow one: until it has a rate at all */
        b->wanted = done + 1;
        load_run(loop, JOBS_S, has_enough, b);
    }
    double took = (double)(bench_now_ns() - from) / 1e9;
    driver = driver_cpu_s(b) - driver;
    server = server_cpu_s(b) - server;
    done = ended(b) - done;
    end(b);
    if (s->peer && s->peer->why[0]) {
        leave_out(b, s->peer, s->peer->why);
        return;
    }
    if (!done) bench_die("%s ended no job", s->title);
    tell(b, agents, (double)done / took, server / (double)done * 1e6, driver / (double)done * 1e6);
}

/* ---- all of them ---- */

static void on_acked(uint64_t more, void *user)
{
    struct bench *b = user;
    if (b->pump) pump_ended(b->pump, more);
}

static bool wanted(const struct options *o, const struct subject *s)
{
    const char *name = s->name;
    size_t len = strlen(name);
    if (s->on_pg != o->postgresql) return false;
    if (!o->with) return true;
    for (const char *p = o->with; *p;) {
        size_t n = strcspn(p, ",");
        if (n == len && strncmp(p, name, n) == 0) return true;
        p += n + (p[n] == ',');
    }
    return false;
}

/* The peer that an earlier subject started, or a new one. */
static void add_peer(struct bench *b, struct subject *s, const char *folder)
{
    const struct peer_kind *kind = peer_find(s->kind);
    for (struct subject *o = b->subjects; o < s; o++) {
        if (!o->kind || !str_eq(o->kind, s->kind)) continue;
        s->peer = o->peer;
        s->out = o->out;
        if (s->out) printf("LEFT OUT %s: as %s\n", s->name, o->name);
        return;
    }
    if (!kind) {
        leave_out(b, NULL, "bench_peers was built without its client library");
        return;
    }
    s->peer = peer_new(kind, b->loop, folder);
    if (s->on_pg) {
        s->peer->pg = &b->pg;
        if (!pg_server_database(&b->pg, kind->name)) peer_fail(s->peer, "%.250s", b->pg.why);
    }
    if (s->peer->why[0] || !peer_start(s->peer)) leave_out(b, s->peer, s->peer->why);
}

/* The coordinator and its agents, for all ways of submitting. */
static void start_cadre(struct bench *b, const char *folder)
{
    if (b->fleet) return;
    if (b->o.postgresql) {
        if (!pg_server_database(&b->pg, "cadre")) bench_die("%s", b->pg.why);
        pg_server_uri(&b->pg, "cadre", b->store, sizeof b->store);
        b->target.store = b->store;
    }
    target_start(&b->target, b->loop, folder);
    b->token = target_join_token(&b->target);
    b->fleet = fleet_new(&b->target, b->token, (int)b->o.slots,
                         &(struct fleet_hooks){.on_acked = on_acked, .user = b});
}

static void end_cadre(struct bench *b)
{
    if (!b->fleet) return;
    fleet_free(b->fleet);
    bench_end(b->target.pid);
    mem_free(b->token);
}

/* Once for all; what it does not run for has been said. */
static bool has_database(struct bench *b, const char *folder)
{
    if (b->pg.pid || b->pg.why[0]) return b->pg.pid > 0;
#ifdef CADRE_BENCH_POSTGRESQL
    return pg_server_start(&b->pg, folder);
#else
    (void)folder;
    snprintf(b->pg.why, sizeof b->pg.why, "the build has no libpq (libpq-dev)");
    return false;
#endif
}

static void add_all(struct bench *b, const char *folder)
{
    for (size_t i = 0; i < SUBJECTS; i++) {
        if (!wanted(&b->o, &all[i])) continue;
        if (all[i].on_pg && !has_database(b, folder)) {
            printf("LEFT OUT %s: %s\n", all[i].name, b->pg.why);
            continue;
        }
        struct subject *s = &b->subjects[b->count++];
        *s = all[i];
        if (s->kind)
            add_peer(b, s, folder);
        else
            start_cadre(b, folder);
    }
}

static void measure_all(struct bench *b)
{
    int64_t began = bench_now_ns();
    for (size_t round = 0; round < b->o.rounds; round++) {
        double gone = (double)(bench_now_ns() - began) / 1e9;
        if (b->o.limit > 0 && round && gone / (double)round * (double)(round + 1) > b->o.limit) {
            printf("no time is left for round %zu\n", round + 1);
            return;
        }
        printf("round %zu of %zu\n", round + 1, b->o.rounds);
        for (size_t k = 0; k < b->o.agent_counts; k++) {
            for (size_t i = 0; i < b->count; i++) {
                b->current = &b->subjects[i];
                if (!b->current->out) measure(b, b->o.agents[k]);
            }
        }
    }
}

static void end_peer(struct bench *b, struct peer *p)
{
    for (size_t i = 0; i < b->count; i++)
        if (b->subjects[i].peer == p) b->subjects[i].peer = NULL;
    peer_free(p);
}

/* ---- options ---- */

static double number(const char *flag, const char *value, double least, double most)
{
    char *rest = NULL;
    double n = value ? strtod(value, &rest) : 0;
    if (!value || !*value || *rest || !(n >= least && n <= most)) {
        fprintf(stderr, "bench_peers: %s takes a number from %.0f to %.0f\n", flag, least, most);
        exit(2);
    }
    return n;
}

static void read_agents(struct options *o, const char *value)
{
    o->agent_counts = 0;
    for (const char *p = value; *p;) {
        size_t n = strcspn(p, ",");
        char *one = mem_strndup(p, n);
        if (o->agent_counts == COUNTS) {
            fprintf(stderr, "bench_peers: --agents takes %d numbers at most\n", COUNTS);
            exit(2);
        }
        o->agents[o->agent_counts++] = (size_t)number("--agents", one, 1, 1000);
        mem_free(one);
        p += n + (p[n] == ',');
    }
}

static void read_with(struct options *o, const char *value)
{
    for (const char *p = value; *p;) {
        size_t n = strcspn(p, ",");
        char *one = mem_strndup(p, n);
        bool known = false;
        for (size_t i = 0; i < SUBJECTS; i++)
            known |= str_eq(one, all[i].name);
        if (!known) {
            fprintf(stderr, "bench_peers: there is no '%s'\n", one);
            exit(2);
        }
        mem_free(one);
        p += n + (p[n] == ',');
    }
    o->with = value;
}

static bool read_value(struct options *o, const char *flag, const char *value)
{
    if (str_eq(flag, "--with"))
        read_with(o, value);
    else if (str_eq(flag, "--agents"))
        read_agents(o, value);
    else if (str_eq(flag, "--rounds"))
        o->rounds = (size_t)number(flag, value, 1, 100);
    else if (str_eq(flag, "--seconds"))
        o->seconds = number(flag, value, 0.1, 600);
    else if (str_eq(flag, "--warm-up"))
        o->warm_up = number(flag, value, 0, 600);
    else if (str_eq(flag, "--limit"))
        o->limit = number(flag, value, 1, BOUND_S);
    else if (str_eq(flag, "--jobs"))
        o->jobs = (size_t)number(flag, value, 1, 10000000);
    else if (str_eq(flag, "--connections"))
        o->connections = (size_t)number(flag, value, 1, 1000);
    else if (str_eq(flag, "--slots"))
        o->slots = (size_t)number(flag, value, 1, 1024);
    else if (str_eq(flag, "--wide-slots"))
        o->wide_slots = (size_t)number(flag, value, 1, 1024);
    else if (str_eq(flag, "--ahead"))
        o->ahead = (size_t)number(flag, value, 1, 10000000);
    else if (str_eq(flag, "--bytes"))
        o->bytes = (size_t)number(flag, value, 5, 4000);
    else if (str_eq(flag, "--few"))
        o->few = (size_t)number(flag, value, 1, 1000);
    else if (str_eq(flag, "--many"))
        o->many = (size_t)number(flag, value, 1, 1000);
    else if (str_eq(flag, "--window"))
        o->window = (size_t)number(flag, value, 1, 10000);
    else if (str_eq(flag, "--dir"))
        o->dir = value;
    else
        return false;
    return true;
}

static void read_options(struct options *o, int argc, char **argv)
{
    const char *tmp = getenv("TMPDIR");
    *o = (struct options){.rounds = 3,
                          .connections = 32,
                          .slots = 16,
                          .wide_slots = 256,
                          .ahead = 500,
                          .bytes = 200,
                          .few = 4,
                          .window = 8,
                          .many = 64,
                          .seconds = 5,
                          .warm_up = 1,
                          .agents = {1, 4, 16},
                          .agent_counts = 3,
                          .dir = tmp && *tmp ? tmp : "/var/tmp"};
    for (int i = 1; i < argc; i++) {
        if (str_eq(argv[i], "-h") || str_eq(argv[i], "--help")) {
            usage(stdout);
            exit(0);
        }
        if (str_eq(argv[i], "--results")) {
            bench_results_on();
        } else if (str_eq(argv[i], "--postgresql")) {
            o->postgresql = true;
        } else if (str_eq(argv[i], "--keep")) {
            o->keep = 1;
        } else if (i + 1 < argc && read_value(o, argv[i], argv[i + 1])) {
            i++;
        } else {
            fprintf(stderr, "bench_peers: '%s' is not understood, or lacks its value\n", argv[i]);
            usage(stderr);
            exit(2);
        }
    }
}

int main(int argc, char **argv)
{
    struct bench b = {0};
    struct err e = {0};
    uv_loop_t loop;
    read_options(&b.o, argc, argv);
    setvbuf(stdout, NULL, _IOLBF, 0);
    bench_must(pki_init(&e), &e, "the random source");
    uv_loop_init(&loop);
    b.loop = &loop;
    bench_bound(BOUND_S);
    const char *folder = bench_folder(b.o.dir, b.o.keep);
    printf("fdatasync of 512 bytes here: p50 %.2f ms; %ld processors\n", bench_sync_ms(folder),
           sysconf(_SC_NPROCESSORS_ONLN));
    b.body = load_job(b.o.bytes);
    add_all(&b, folder);
    measure_all(&b);
    for (size_t i = 0; i < b.count; i++)
        if (b.subjects[i].peer) end_peer(&b, b.subjects[i].peer);
    end_cadre(&b);
    pg_server_stop(&b.pg);
    mem_free(b.body);
    uv_loop_close(&loop);
    pki_fini();
    return 0;
}

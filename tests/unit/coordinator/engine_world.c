#include "engine_world.h"

#include "base/json.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/engine/agent.h"
#include "coordinator/store/reader.h"

#ifdef CADRE_TEST_PG
#include "pg_fixture.h"

#include "coordinator/store/pg_store.h"
#endif

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const files[] = {"cadre.db",  "cadre.db-wal",  "cadre.db-shm",
                                    "output.db", "output.db-wal", "output.db-shm"};

static char *make_folder(const struct world *w)
{
    if (w->disk.make_folder) return w->disk.make_folder(w->disk.user);
    const char *base = w->base ? w->base : getenv("TMPDIR");
    char *folder = str_dupf("%s/cadre-engine-XXXXXX", base && *base ? base : "/tmp");
    if (!mkdtemp(folder)) {
        perror(folder);
        abort();
    }
    return folder;
}

static void remove_folder(const struct world *w, const char *folder)
{
    if (w->disk.remove_folder) {
        w->disk.remove_folder(w->disk.user, folder);
        return;
    }
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char *path = str_dupf("%s/%s", folder, files[i]);
        unlink(path);
        mem_free(path);
    }
    rmdir(folder);
}

static void copy_file(const char *from, const char *to)
{
    char block[65536];
    FILE *in = fopen(from, "rb");
    if (!in) return;
    FILE *out = fopen(to, "wb");
    if (!out) abort();
    for (size_t n; (n = fread(block, 1, sizeof block, in)) > 0;) {
        if (fwrite(block, 1, n, out) != n) abort();
    }
    fclose(in);
    if (fclose(out) != 0) abort();
}

#ifdef CADRE_TEST_PG
static struct pg_server server; /* ends with the program */
static int databases;

static void stop_server(void)
{
    pg_server_stop(&server);
}

static void make_database(struct world *w)
{
    if (server.pid == 0) {
        if (!pg_server_start(&server)) exit(0);
        atexit(stop_server);
    }
    w->database = ++databases;
    char *sql = str_dupf("CREATE DATABASE world%d;", w->database);
    mem_free(pg_server_psql(&server, sql));
    mem_free(sql);
}

/* mem_free */
static char *uri_of(const struct world *w)
{
    return str_dupf("postgresql:///world%d%s", w->database, strchr(server.uri, '?'));
}

static int open_pg(struct world *w, struct err *e)
{
    struct store_parts parts = {.make = true};
    if (w->database == 0) make_database(w);
    char *uri = uri_of(w);
    const struct pg_place place = {.uri = uri, .folder = CADRE_BIN_DIR};
    int rc = store_open_pg(&place, NULL, &parts, &w->store, e);
    mem_free(uri);
    return rc;
}

static int read_pg(const struct world *w, struct reader **out, struct err *e)
{
    char *uri = uri_of(w);
    const struct pg_place place = {.uri = uri, .folder = CADRE_BIN_DIR};
    int rc = reader_open_pg(&place, out, e);
    mem_free(uri);
    return rc;
}

static bool is_on_pg(void)
{
    return str_eq(getenv("CADRE_TEST_STORE"), "postgresql");
}
#else
static int open_pg(struct world *w, struct err *e)
{
    (void)w;
    (void)e;
    abort();
}

static int read_pg(const struct world *w, struct reader **out, struct err *e)
{
    (void)w;
    (void)out;
    (void)e;
    abort();
}

static bool is_on_pg(void)
{
    return false;
}
#endif

static int open_store(struct world *w, struct err *e)
{
    if (w->open_store) return w->open_store(w, &w->store, e);
    if (is_on_pg()) return open_pg(w, e);
    return store_open(w->folder, &w->store, e);
}

static void start(struct world *w)
{
    struct err e = {0};
    if (open_store(w, &e) != 0 ||
        engine_new(w->store, &w->config, ++w->seed, &w->now, &w->engine, &e) != 0) {
        log_error("the world does not begin: %s", err_text(&e));
        if (w->outlives_bugs) return;
        fprintf(stderr, "the world does not begin: %s\n", err_text(&e));
        abort();
    }
}

/* No hash, but another text for another key. */
static void key_hash(const char *key, char out[65])
{
    snprintf(out, 65, "%064llx", (unsigned long long)map_text_key(key));
}

/* Every commit takes 100 us. */
static int64_t stopwatch_us(void)
{
    static int64_t us;
    return us += 100;
}

void world_open(struct world *w)
{
    if (w->config.lease_ms == 0) {
        w->config = (struct engine_config){.lease_ms = 300000,
                                           .heartbeat_ms = 10000,
                                           .retention_ms = INT64_C(7) * 24 * 3600 * 1000,
                                           .output_limit_bytes = 64 * 1024 * 1024,
                                           .payload_limit_bytes = 512 * 1024,
                                           .max_agents = 20000,
                                           .kill_time_ms = 15000,
                                           .key_hash = key_hash,
                                           .stopwatch_us = stopwatch_us};
    }
    if (w->now.wall_ms == 0)
        w->now = (struct moment){.mono_ms = 1000000, .wall_ms = INT64_C(1790000000000)};
    w->folder = make_folder(w);
    effects_init(&w->effects);
    w->applied_end = &w->applied;
    start(w);
    struct command *c = command_new(CMD_TOKEN_CREATE);
    c->request = ++w->requests;
    c->u.token.role = ROLE_JOIN;
    c->u.token.uses_left = -1;
    memset(c->u.token.secret_hash, 7, sizeof c->u.token.secret_hash);
    if (world_do(w, c) != 0) abort();
    w->token = world_reply(w)->id;
}

static void drop_applied(struct world *w)
{
    struct command *next;
    for (struct command *c = w->applied; c; c = next) {
        next = c->next;
        command_free(c);
    }
    w->applied = NULL;
    w->applied_end = &w->applied;
}

void world_close(struct world *w)
{
    effects_clear(&w->effects);
    drop_applied(w);
    engine_free(w->engine);
    store_close(w->store);
    if (w->folder) remove_folder(w, w->folder);
    mem_free(w->folder);
}

static char *keep_folder(const struct world *w)
{
    if (w->disk.keep_folder) return w->disk.keep_folder(w->disk.user, w->folder);
    char *copy = make_folder(w);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        if (str_ends(files[i], "-shm")) continue; /* lives in memory: no crash leaves it readable */
        char *from = str_dupf("%s/%s", w->folder, files[i]),
             *to = str_dupf("%s/%s", copy, files[i]);
        copy_file(from, to);
        mem_free(from);
        mem_free(to);
    }
    return copy;
}

void world_die(struct world *w)
{
    char *copy = keep_folder(w);
    effects_clear(&w->effects);
    drop_applied(w);
    engine_free(w->engine);
    store_rollback(w->store);
    store_close(w->store);
    w->engine = NULL;
    w->store = NULL;
    remove_folder(w, w->folder);
    mem_free(w->folder);
    w->folder = copy;
}

void world_rise(struct world *w)
{
    start(w);
}

void world_crash(struct world *w)
{
    world_die(w);
    world_rise(w);
}

void world_restart(struct world *w)
{
    effects_clear(&w->effects);
    drop_applied(w);
    engine_free(w->engine);
    store_close(w->store);
    start(w);
}

/* ---- batches ---- */

void world_begin(struct world *w)
{
    effects_clear(&w->effects);
    drop_applied(w);
    engine_begin(w->engine, &w->now, NULL);
}

/* Looks up for the first command of a batch, so that both ways are gone. */
void world_apply(struct world *w, struct command *c)
{
    c->next = NULL;
    if (!w->applied) engine_look_up(w->engine, c);
    engine_apply(w->engine, c, &w->effects);
    *w->applied_end = c;
    w->applied_end = &c->next;
}

/* A failed batch: what does not wait is told, as the rounds of the store thread do. */
static struct command *tell_failure(struct world *w, const struct err *e)
{
    struct command *kept = NULL, **end = &kept, *next;
    for (struct command *c = w->applied; c; c = next) {
        next = c->next;
        c->next = NULL;
        if (engine_waits(c)) {
            *end = c;
            end = &c->next;
        } else {
            engine_fail(c, e, &w->effects);
            command_free(c);
        }
    }
    w->applied = NULL;
    w->applied_end = &w->applied;
    return kept;
}

int world_commit(struct world *w)
{
    struct command *kept = NULL;
    int rc = world_commit_or_keep(w, &kept);
    w->applied = kept;
    drop_applied(w);
    return rc;
}

int world_commit_or_keep(struct world *w, struct command **kept)
{
    struct err e = {0};
    w->rc = engine_commit(w->engine, &w->effects, &e);
    if (w->rc == ERR_INTERNAL && !w->outlives_bugs) {
        fprintf(stderr, "engine: %s\n", err_text(&e));
        abort();
    }
    *kept = w->rc ? tell_failure(w, &e) : NULL;
    if (w->rc == 0) drop_applied(w);
    return w->rc;
}

int world_do(struct world *w, struct command *c)
{
    world_begin(w);
    world_apply(w, c);
    return world_commit(w);
}

void world_pass(struct world *w, int64_t ms)
{
    w->now.mono_ms += ms;
    w->now.wall_ms += ms;
}

void world_tick(struct world *w)
{
    world_do(w, command_new(CMD_TICK));
}

void world_live(struct world *w, int64_t ms)
{
    int64_t end = w->now.mono_ms + ms;
    while (engine_next_ms(w->engine) <= end) {
        int64_t next = engine_next_ms(w->engine);
        if (next > w->now.mono_ms) world_pass(w, next - w->now.mono_ms);
        world_tick(w);
    }
    world_pass(w, end - w->now.mono_ms);
}

/* ---- commands ---- */

struct command *cmd_hello(struct world *w, uint64_t session, int64_t agent, const char *group,
                          int64_t slots)
{
    (void)w;
    struct command *c = command_new(CMD_HELLO);
    c->session = session;
    c->u.hello.agent = agent;
    c->u.hello.group = mem_strdup(group);
    c->u.hello.slots = slots;
    c->u.hello.version = mem_strdup("1.0.0");
    c->u.hello.capabilities = mem_strdup("{\"os\":\"linux\"}");
    c->u.hello.boot_id = mem_strdup("boot-1");
    c->u.hello.host_id = str_dupf("host-%lld", (long long)agent);
    c->u.hello.journal_id = mem_strdup("journal-1");
    return c;
}

void cmd_hello_attempt(struct command *hello, int64_t job, int64_t attempt, bool ended)
{
    struct cmd_hello *h = &hello->u.hello;
    h->attempts = mem_resize(h->attempts, h->attempt_count + 1, sizeof *h->attempts);
    h->attempts[h->attempt_count++] = (struct hello_attempt){job, attempt, ended};
}

static struct command *of_session(enum command_type type, uint64_t session)
{
    struct command *c = command_new(type);
    c->session = session;
    return c;
}

struct command *cmd_ready(uint64_t session)
{
    return of_session(CMD_READY, session);
}

struct command *cmd_gone(uint64_t session)
{
    return of_session(CMD_GONE, session);
}

struct command *cmd_heard(int64_t agent)
{
    struct command *c = command_new(CMD_HEARD);
    c->u.heard.agents = mem_dup(&agent, sizeof agent);
    c->u.heard.count = 1;
    return c;
}

struct command *cmd_heard_on(const struct world *w, uint64_t session)
{
    const struct agent *a = agent_of_session(w->engine, session);
    return cmd_heard(a ? a->id : -1);
}

struct command *cmd_awake(int64_t ms)
{
    struct command *c = command_new(CMD_AWAKE);
    c->u.n = ms;
    return c;
}

static struct command *event(enum command_type type, uint64_t session, int64_t seq, int64_t job,
                             int64_t attempt)
{
    struct command *c = of_session(type, session);
    c->u.event.seq = seq;
    c->u.event.job = job;
    c->u.event.attempt = attempt;
    return c;
}

struct command *cmd_started(uint64_t session, int64_t seq, int64_t job, int64_t attempt)
{
    return event(CMD_STARTED, session, seq, job, attempt);
}

struct command *cmd_finished(uint64_t session, int64_t seq, int64_t job, int64_t attempt,
                             enum job_state state, enum reason reason)
{
    struct command *c = event(CMD_FINISHED, session, seq, job, attempt);
    c->u.event.state = state;
    c->u.event.reason = reason;
    if (state == JOB_SUCCESS || reason == REASON_EXIT_CODE) {
        c->u.event.exited = true;
        c->u.event.exit_code = state == JOB_SUCCESS ? 0 : 7;
    }
    return c;
}

struct command *cmd_declined(uint64_t session, int64_t seq, int64_t job, int64_t attempt)
{
    return event(CMD_DECLINED, session, seq, job, attempt);
}

struct command *cmd_output(uint64_t session, int64_t seq, int64_t job, int64_t attempt,
                           int64_t offset, const char *data)
{
    struct command *c = of_session(CMD_OUTPUT, session);
    c->u.output = (struct cmd_output){.seq = seq,
                                      .job = job,
                                      .attempt = attempt,
                                      .offset = offset,
                                      .stream = 1,
                                      .data = mem_dup(data, strlen(data)),
                                      .len = strlen(data)};
    return c;
}

struct command *cmd_submit(struct world *w, const char *group, const char *requires)
{
    struct command *c = command_new(CMD_SUBMIT);
    struct err e = {0};
    c->request = ++w->requests;
    c->u.submit.job.group = mem_strdup(group);
    c->u.submit.spec = mem_strdup("{\"command\":[\"true\"]}");
    if (requires && json_parse(requires, strlen(requires), &c->u.submit.require, &e) != 0) {
        fprintf(stderr, "%s: %s\n", requires, err_text(&e));
        abort();
    }
    return c;
}

struct command *cmd_id(struct world *w, enum command_type type, int64_t id)
{
    struct command *c = command_new(type);
    c->request = ++w->requests;
    c->u.id = id;
    return c;
}

struct command *cmd_text(struct world *w, enum command_type type, const char *text)
{
    struct command *c = command_new(type);
    c->request = ++w->requests;
    c->text = mem_strdup(text);
    return c;
}

struct command *cmd_group(struct world *w, const char *key, const char *requires)
{
    struct command *c = command_new(CMD_GROUP_CREATE);
    c->request = ++w->requests;
    c->u.group.key = mem_strdup(key);
    c->u.group.require = mem_strdup(requires);
    return c;
}

struct command *cmd_enrol(struct world *w, int64_t token, const char *name, const char *group,
                          const char *key)
{
    (void)w;
    struct command *c = command_new(CMD_ENROL);
    c->session = ++w->sessions;
    c->u.enrol.token_id = token;
    memset(c->u.enrol.secret_hash, 7, sizeof c->u.enrol.secret_hash);
    c->u.enrol.name = mem_strdup(name);
    c->u.enrol.group = mem_strdup(group);
    c->u.enrol.host_id = mem_strdup("host");
    c->u.enrol.version = mem_strdup("1.0.0");
    snprintf(c->u.enrol.spki, sizeof c->u.enrol.spki, "%s", key);
    return c;
}

/* ---- steps ---- */

int64_t world_agent(struct world *w, const char *name, const char *group)
{
    assert_int_equal(world_do(w, cmd_enrol(w, w->token, name, group, name)), 0);
    const struct effect *x = world_effect(w, EFFECT_ENROLLED);
    assert_non_null(x);
    return x->u.enrolled.agent;
}

uint64_t world_connect_caps(struct world *w, int64_t agent, const char *group, int64_t slots,
                            const char *caps)
{
    uint64_t session = ++w->sessions;
    struct command *c = cmd_hello(w, session, agent, group, slots);
    mem_free(c->u.hello.capabilities);
    c->u.hello.capabilities = mem_strdup(caps);
    assert_int_equal(world_do(w, c), 0);
    const struct effect *x = world_effect(w, EFFECT_REFUSED);
    if (x) fail_msg("refused: %s: %s", x->u.refused.code, x->u.refused.sentence);
    assert_non_null(world_effect(w, EFFECT_WELCOME));
    assert_int_equal(world_do(w, cmd_ready(session)), 0);
    return session;
}

uint64_t world_connect(struct world *w, int64_t agent, const char *group, int64_t slots)
{
    return world_connect_caps(w, agent, group, slots, "{\"os\":\"linux\"}");
}

int64_t world_submit(struct world *w, const char *group, const char *requires)
{
    assert_int_equal(world_do(w, cmd_submit(w, group, requires)), 0);
    const struct reply *x = world_reply(w);
    assert_non_null(x);
    if (x->rc) fail_msg("submit: %s", err_text(&x->err));
    return x->id;
}

void world_group(struct world *w, const char *key, const char *requires)
{
    assert_int_equal(world_do(w, cmd_group(w, key, requires)), 0);
    assert_int_equal(world_reply(w)->rc, 0);
}

int64_t world_running(struct world *w, uint64_t session, const char *group, int64_t seq)
{
    int64_t id = world_submit(w, group, NULL);
    const struct effect *x = world_effect_for(w, EFFECT_JOB, id);
    assert_non_null(x);
    assert_int_equal(x->session, session);
    assert_int_equal(world_do(w, cmd_started(session, seq, id, x->u.job.attempt)), 0);
    assert_int_equal(world_state(w, id), JOB_RUNNING);
    return id;
}

/* ---- looking ---- */

int world_reader(const struct world *w, struct reader **out, struct err *e)
{
    return is_on_pg() ? read_pg(w, out, e) : reader_open(w->folder, out, e);
}

const struct effect *world_effect(const struct world *w, enum effect_type type)
{
    for (const struct effect *x = w->effects.first; x; x = x->next) {
        if (x->type == type) return x;
    }
    return NULL;
}

/* The job that an effect is about; 0: about none. */
static int64_t effect_job_of(const struct effect *x)
{
    switch (x->type) {
    case EFFECT_JOB:
        return x->u.job.job;
    case EFFECT_KILL:
        return x->u.kill.job;
    case EFFECT_DISCARD:
        return x->u.discard.job;
    case EFFECT_JOB_CHANGED:
        return x->u.changed.id;
    case EFFECT_OUTPUT:
        return x->u.output.job;
    default:
        return 0;
    }
}

const struct effect *world_effect_for(const struct world *w, enum effect_type type, int64_t job)
{
    for (const struct effect *x = w->effects.first; x; x = x->next) {
        if (x->type == type && effect_job_of(x) == job) return x;
    }
    return NULL;
}

size_t world_effects(const struct world *w, enum effect_type type)
{
    size_t n = 0;
    for (const struct effect *x = w->effects.first; x; x = x->next)
        n += x->type == type;
    return n;
}

const struct reply *world_reply(const struct world *w)
{
    const struct reply *last = NULL;
    for (const struct effect *x = w->effects.first; x; x = x->next) {
        if (x->type == EFFECT_REPLY) last = &x->u.reply.reply;
    }
    return last;
}

struct job_row world_job(struct world *w, int64_t id)
{
    struct job_row j = {0};
    struct err e = {0};
    if (store_job_get(w->store, id, &j, &e) != 0) fail_msg("job: %s", err_text(&e));
    return j;
}

enum job_state world_state(struct world *w, int64_t id)
{
    struct job_row j = world_job(w, id);
    enum job_state s = j.state;
    job_row_fini(&j);
    return s;
}

enum reason world_reason(struct world *w, int64_t id)
{
    struct job_row j = world_job(w, id);
    enum reason r = j.reason;
    job_row_fini(&j);
    return r;
}

/* ---- cmocka ---- */

int world_setup(void **state)
{
    struct world *w = mem_alloc(sizeof *w);
    world_open(w);
    *state = w;
    return 0;
}

int world_teardown(void **state)
{
    world_close(*state);
    mem_free(*state);
    return 0;
}

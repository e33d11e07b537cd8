/* How often a batch waits for PostgreSQL: once for all that it looks up, once for all that it
 * changes. The engine is a real one, the server too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "flow_world.h"
#include "pg_fixture.h"

#include "base/mem.h"
#include "base/str.h"
#include "coordinator/engine/again.h"
#include "coordinator/store/pg_load.h"
#include "coordinator/store/pg_store.h"

#include <stdio.h>
#include <string.h>

#define MANY 50

static struct pg_server server;
static bool there;
static int databases;

/* ---- a world on PostgreSQL ------------------------------------------------------------------ */

static int group_set_up(void **state)
{
    (void)state;
    there = pg_server_start(&server);
    return 0;
}

static int group_tear_down(void **state)
{
    (void)state;
    pg_server_stop(&server);
    return 0;
}

static int open_pg(const struct world *w, struct store **out, struct err *e)
{
    char uri[500];
    struct store_parts parts = {.make = true};
    struct pg_place place = {.uri = uri, .folder = CADRE_BIN_DIR};
    (void)w;
    snprintf(uri, sizeof uri, "postgresql:///trips%d%s", databases, strchr(server.uri, '?'));
    return store_open_pg(&place, NULL, &parts, out, e);
}

static int set_up(void **state)
{
    struct world *w = mem_alloc(sizeof *w);
    *state = w;
    if (!there) return 0;
    char *sql = str_dupf("CREATE DATABASE trips%d;", ++databases);
    mem_free(pg_server_psql(&server, sql));
    mem_free(sql);
    w->open_store = open_pg;
    world_open(w);
    return 0;
}

static int tear_down(void **state)
{
    if (there) world_close(*state);
    mem_free(*state);
    return 0;
}

static struct world *world_of(void **state)
{
    if (!there) skip();
    return *state;
}

/* ---- batches -------------------------------------------------------------------------------- */

struct list {
    struct command *first, **last;
};

static void add(struct list *l, struct command *c)
{
    if (!l->first) l->last = &l->first;
    *l->last = c;
    l->last = &c->next;
    c->next = NULL;
}

/* As the store thread does it; how often the database was waited for. The commands are freed, the
 * effects are the world's. */
static uint64_t run(struct world *w, struct list *l)
{
    struct err e = {0};
    uint64_t before = store_trips(w->store);
    effects_clear(&w->effects);
    if (engine_begin(w->engine, &w->now, &e) != 0) fail_msg("%s", err_text(&e));
    engine_look_up(w->engine, l->first);
    for (const struct command *c = l->first; c; c = c->next)
        engine_apply(w->engine, c, &w->effects);
    if (engine_commit(w->engine, &w->effects, &e) != 0) fail_msg("%s", err_text(&e));
    for (struct command *c = l->first, *next; c; c = next) {
        next = c->next;
        command_free(c);
    }
    l->first = NULL;
    return store_trips(w->store) - before;
}

static struct command *submit_keyed(struct world *w, const char *prefix, int n)
{
    struct command *c = cmd_submit(w, "pool", NULL);
    c->u.submit.job.unique_key = str_dupf("%s-%d", prefix, n);
    return c;
}

static void submit_many(struct world *w, const char *prefix, int count)
{
    struct list l = {0};
    for (int i = 0; i < count; i++)
        add(&l, submit_keyed(w, prefix, i));
    (void)run(w, &l);
}

/* The jobs that the last batch handed out; how many. */
static size_t handed_out(const struct world *w, int64_t *jobs)
{
    size_t n = 0;
    for (const struct effect *x = w->effects.first; x; x = x->next)
        if (x->type == EFFECT_JOB && n < MANY) jobs[n++] = x->u.job.job;
    return n;
}

/* An agent with MANY jobs of the group that run. */
static uint64_t start_many(struct world *w, int64_t *jobs)
{
    struct list l = {0};
    world_group(w, "pool", NULL);
    uint64_t session = world_connect(w, world_agent(w, "one", "pool"), "pool", MANY);
    submit_many(w, "first", MANY);
    assert_int_equal(handed_out(w, jobs), MANY);
    for (int i = 0; i < MANY; i++)
        add(&l, cmd_started(session, i + 1, jobs[i], 1));
    (void)run(w, &l);
    return session;
}

static void add_results(struct list *l, uint64_t session, const int64_t *jobs, int64_t seq)
{
    for (int i = 0; i < MANY; i++) {
        add(l, cmd_output(session, seq + 3 * i, jobs[i], 1, 0, "hello\n"));
        add(l, cmd_output(session, seq + 3 * i + 1, jobs[i], 1, 6, "world\n"));
        add(l, cmd_finished(session, seq + 3 * i + 2, jobs[i], 1, JOB_SUCCESS, REASON_NONE));
    }
}

static void output_is(struct world *w, int64_t job, int64_t wanted)
{
    struct err e = {0};
    int64_t bytes = -1, remarks = -1;
    assert_int_equal(store_output_bytes(w->store, job, 1, &bytes, &remarks, &e), 0);
    assert_int_equal(bytes, wanted);
    assert_int_equal(remarks, 0);
}

/* ---- two round trips ------------------------------------------------------------------------ */

static void a_batch_of_everything_takes_two_round_trips(void **state)
{
    struct world *w = world_of(state);
    int64_t ended[MANY], running[MANY];
    struct list l = {0};
    uint64_t session = start_many(w, ended);
    add_results(&l, session, ended, 100);
    (void)run(w, &l);
    submit_many(w, "second", MANY);
    assert_int_equal(handed_out(w, running), MANY);
    world_pass(w, 1000);

    for (int i = 0; i < MANY; i++)
        add(&l, submit_keyed(w, "third", i));
    add_results(&l, session, running, 1000);
    for (int i = 0; i < MANY; i++)
        add(&l, cmd_id(w, CMD_CANCEL, ended[i]));
    uint64_t trips = run(w, &l);
    assert_in_range(trips, 1, 2);

    size_t conflicts = 0;
    for (const struct effect *x = w->effects.first; x; x = x->next)
        if (x->type == EFFECT_REPLY) conflicts += x->u.reply.reply.rc == ERR_CONFLICT;
    assert_int_equal(conflicts, MANY);
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(world_state(w, running[i]), JOB_SUCCESS);
        output_is(w, running[i], 12);
    }
}

/* Ids of one millisecond come in any order. */
static void submits_of_one_moment_take_two_round_trips(void **state)
{
    struct world *w = world_of(state);
    struct list l = {0};
    world_group(w, "pool", NULL);
    submit_many(w, "warm", 3);
    world_pass(w, 1000);
    for (int i = 0; i < 4 * MANY; i++)
        add(&l, submit_keyed(w, "key", i));
    assert_in_range(run(w, &l), 1, 2);
}

static void a_start_with_many_queued_hands_out_in_two_round_trips(void **state)
{
    struct world *w = world_of(state);
    int64_t jobs[MANY], next[MANY];
    struct list l = {0};
    world_group(w, "pool", NULL);
    int64_t agent = world_agent(w, "one", "pool");
    submit_many(w, "queued", 6 * MANY);
    world_restart(w); /* memory is empty */
    uint64_t session = ++w->sessions;
    assert_int_equal(world_do(w, cmd_hello(w, session, agent, "pool", MANY)), 0);
    add(&l, cmd_ready(session));
    (void)run(w, &l);
    assert_int_equal(handed_out(w, jobs), MANY);
    add_results(&l, session, jobs, 100);
    uint64_t trips = run(w, &l);
    assert_int_equal(handed_out(w, next), MANY);
    assert_in_range(trips, 1, 2);
    world_pass(w, 1000);
    add_results(&l, session, next, 1000);
    assert_in_range(run(w, &l), 1, 2);
}

static void jobs_run_again_in_two_round_trips(void **state)
{
    struct world *w = world_of(state);
    int64_t jobs[MANY];
    struct list l = {0};
    uint64_t session = start_many(w, jobs);
    for (int i = 0; i < MANY; i++)
        add(&l, cmd_finished(session, 100 + i, jobs[i], 1, JOB_FAILED, REASON_EXIT_CODE));
    (void)run(w, &l);
    world_pass(w, 1000);
    struct command *c = command_new(CMD_RETRY_ALL);
    c->request = ++w->requests;
    c->u.several.jobs = mem_dup(jobs, sizeof jobs);
    c->u.several.count = MANY;
    c->u.several.unique_key = mem_strdup("again");
    add(&l, c);
    assert_in_range(run(w, &l), 1, 2);
    const struct reply *r = world_reply(w);
    assert_int_equal(r->rc, 0);
    for (int i = 0; i < MANY; i++) {
        struct err e = {0};
        int64_t of = 0;
        assert_null(r->items[i].refused);
        assert_int_equal(store_job_retry_of(w->store, r->items[i].id, &of, &e), 0);
        assert_true(of == jobs[i]);
    }
}

#define FLOW                                                                                       \
    "id: two\nnamespace: a.b\nlabels: {team: one}\ntasks:\n"                                       \
    "  - {id: first, workerGroup: {key: pool}, command: ['true']}\n"                               \
    "  - {id: then, workerGroup: {key: pool}, command: [echo, '{{ execution.id }}']}\n"

static void executions_go_on_in_two_round_trips(void **state)
{
    struct world *w = world_of(state);
    int64_t jobs[MANY];
    struct list l = {0};
    world_group(w, "pool", NULL);
    world_apply_flow(w, FLOW);
    uint64_t session = world_connect(w, world_agent(w, "one", "pool"), "pool", MANY);
    for (int i = 0; i < MANY; i++)
        add(&l, cmd_start(w, "two", NULL));
    (void)run(w, &l);
    assert_int_equal(handed_out(w, jobs), MANY);
    for (int task = 0; task < 2; task++) {
        world_pass(w, 1000);
        add_results(&l, session, jobs, 1000 * (task + 1));
        assert_in_range(run(w, &l), 1, 2);
        assert_int_equal(handed_out(w, jobs), task == 0 ? MANY : 0);
    }
}

#define OUTPUTS_FLOW                                                                               \
    "id: three\nnamespace: a.b\ntasks:\n"                                                          \
    "  - {id: first, workerGroup: {key: pool}, command: ['true']}\n"                               \
    "  - {id: then, workerGroup: {key: pool}, command: [echo, '{{ outputs.first.n }}']}\n"         \
    "  - {id: held, type: io.kestra.plugin.core.flow.Sequential, tasks:"                           \
    " [{id: last, workerGroup: {key: pool},"                                                       \
    " command: [echo, '{{ outputs.first.n }}', '{{ outputs.then.n }}']}]}\n"                       \
    "errors:\n  - {id: sorry, workerGroup: {key: pool}, command: ['false']}\n"                     \
    "outputs:\n  - {id: n, type: STRING, value: '{{ outputs.then.n }}'}\n"

/* The outputs of the task: whose they are. mem_free */
static char *outputs_of(struct world *w, int64_t job, int task)
{
    struct job_row row;
    struct err e = {0};
    assert_int_equal(store_job_find(w->store, job, &row, &e), 1);
    char *text = str_dupf("%s-%d", row.execution, task);
    job_row_fini(&row);
    return text;
}

/* The job has outputs of its own execution alone. */
static void uses_outputs_of(struct world *w, int64_t job, int tasks)
{
    char *spec = NULL;
    struct err e = {0};
    assert_int_equal(store_job_spec(w->store, job, &spec, &e), 0);
    for (int i = 0; i < tasks; i++) {
        char *wanted = outputs_of(w, job, i);
        if (!strstr(spec, wanted)) fail_msg("%s is not in %s", wanted, spec);
        mem_free(wanted);
    }
    mem_free(spec);
}

static void end_with_outputs(struct world *w, struct list *l, uint64_t session, const int64_t *jobs,
                             int task)
{
    world_pass(w, 1000);
    for (int i = 0; i < MANY; i++) {
        int64_t seq = 1000 * (task + 1) + i;
        struct command *c = cmd_finished(session, seq, jobs[i], 1, JOB_SUCCESS, REASON_NONE);
        char *n = outputs_of(w, jobs[i], task);
        c->u.event.outputs = str_dupf("{\"n\": \"%s\"}", n);
        mem_free(n);
        add(l, c);
    }
}

static void executions_whose_tasks_use_outputs_go_on_in_two_round_trips(void **state)
{
    struct world *w = world_of(state);
    int64_t jobs[MANY];
    struct list l = {0};
    world_group(w, "pool", NULL);
    world_apply_flow(w, OUTPUTS_FLOW);
    uint64_t session = world_connect(w, world_agent(w, "one", "pool"), "pool", MANY);
    for (int i = 0; i < MANY; i++)
        add(&l, cmd_start(w, "three", NULL));
    (void)run(w, &l);
    assert_int_equal(handed_out(w, jobs), MANY);
    for (int task = 0; task < 3; task++) {
        end_with_outputs(w, &l, session, jobs, task);
        assert_in_range(run(w, &l), 1, 2);
        assert_int_equal(handed_out(w, jobs), task < 2 ? MANY : 0);
        for (int i = 0; i < MANY && task < 2; i++)
            uses_outputs_of(w, jobs[i], task + 1);
    }
}

/* As after a take-over. */
static void agents_that_come_back_together_take_two_round_trips(void **state)
{
    struct world *w = world_of(state);
    int64_t agents[MANY];
    uint64_t first = 0;
    struct list l = {0};
    world_group(w, "pool", NULL);
    for (int i = 0; i < MANY; i++) {
        char name[20];
        snprintf(name, sizeof name, "agent-%d", i);
        agents[i] = world_agent(w, name, "pool");
        first = world_connect(w, agents[i], "pool", 2);
    }
    world_restart(w);
    add(&l, command_new(CMD_TICK)); /* all of them are marked as away */
    assert_in_range(run(w, &l), 1, 2);
    for (int round = 0; round < 2; round++) {
        world_pass(w, 1000);
        for (int i = 0; i < MANY; i++)
            add(&l, cmd_hello(w, ++w->sessions, agents[i], "pool", 2));
        assert_in_range(run(w, &l), 1, 2);
        assert_int_equal(world_effects(w, EFFECT_WELCOME), MANY);
        for (int i = 0; i < MANY; i++)
            add(&l, cmd_ready(w->sessions - MANY + 1 + (uint64_t)i));
        assert_in_range(run(w, &l), 0, 2);
        for (int i = 0; i < MANY; i++)
            add(&l, cmd_gone(w->sessions - MANY + 1 + (uint64_t)i));
        assert_in_range(run(w, &l), 1, 2);
    }
    assert_true(first > 0);
}

static void attempts_that_failed_are_kept_in_two_round_trips(void **state)
{
    struct world *w = world_of(state);
    int64_t jobs[MANY];
    struct list l = {0};
    world_group(w, "pool", NULL);
    uint64_t session = world_connect(w, world_agent(w, "one", "pool"), "pool", MANY);
    for (int i = 0; i < MANY; i++) {
        struct command *c = submit_keyed(w, "retried", i);
        c->u.submit.job.retry = (struct retry){.type = RETRY_CONSTANT,
                                               .interval_ms = 5000,
                                               .delay_factor = 2,
                                               .max_attempts = 3};
        add(&l, c);
    }
    (void)run(w, &l);
    assert_int_equal(handed_out(w, jobs), MANY);
    for (int i = 0; i < MANY; i++)
        add(&l, cmd_finished(session, 100 + i, jobs[i], 1, JOB_FAILED, REASON_EXIT_CODE));
    assert_in_range(run(w, &l), 1, 2);
    for (int i = 0; i < MANY; i++)
        assert_int_equal(world_state(w, jobs[i]), JOB_RETRYING);
}

static void a_batch_that_changes_nothing_waits_once(void **state)
{
    struct world *w = world_of(state);
    struct list l = {0};
    for (int round = 0; round < 2; round++) { /* the answers to the first are not kept */
        for (int i = 0; i < MANY; i++)
            add(&l, cmd_id(w, CMD_CANCEL, 1000 + i));
        assert_int_equal(run(w, &l), 1);
        assert_int_equal(world_reply(w)->rc, ERR_NOT_FOUND);
    }
    add(&l, command_new(CMD_TICK));
    assert_int_equal(run(w, &l), 0);
}

/* ---- what was not looked up, or is not true any more ---------------------------------------- */

static int64_t id_of_reply(const struct world *w, size_t at)
{
    for (const struct effect *x = w->effects.first; x; x = x->next)
        if (x->type == EFFECT_REPLY && at-- == 0) return x->u.reply.reply.id;
    fail_msg("there are fewer replies");
    return 0;
}

static void a_key_that_is_known_is_found_in_its_batch_and_later(void **state)
{
    struct world *w = world_of(state);
    struct list l = {0};
    world_group(w, "pool", NULL);
    add(&l, submit_keyed(w, "same", 1));
    add(&l, submit_keyed(w, "same", 1));
    (void)run(w, &l);
    int64_t id = id_of_reply(w, 0);
    assert_true(id_of_reply(w, 1) == id);
    world_pass(w, 10);
    for (int i = 0; i < 3; i++)
        add(&l, submit_keyed(w, "same", i));
    (void)run(w, &l);
    assert_true(id_of_reply(w, 1) == id);
    assert_true(id_of_reply(w, 0) != id);
}

/* The second batch has nothing in memory of what the first one asked. */
static void answers_are_true_for_one_batch(void **state)
{
    struct world *w = world_of(state);
    int64_t jobs[MANY];
    struct list l = {0};
    uint64_t session = start_many(w, jobs);
    add(&l, cmd_id(w, CMD_CANCEL, 77)); /* a batch without a transaction */
    (void)run(w, &l);
    add(&l, cmd_output(session, 100, jobs[0], 1, 0, "one"));
    (void)run(w, &l);
    output_is(w, jobs[0], 3);
    add(&l, cmd_output(session, 101, jobs[0], 1, 0, "one"));     /* sent again */
    add(&l, cmd_output(session, 102, jobs[0], 1, 1, "ne, two")); /* the half of it */
    add(&l, cmd_output(session, 103, jobs[0], 1, 8, ", three"));
    assert_in_range(run(w, &l), 1, 2);
    output_is(w, jobs[0], 15);
}

static void output_that_nobody_asked_for_ahead_goes_on_where_it_was(void **state)
{
    struct world *w = world_of(state);
    struct err e = {0};
    struct chunk c = {.job = 5, .attempt = 1, .stream = 1, .data = "abc", .len = 3, .at_ms = 1};
    struct chunk d = {.job = 5, .attempt = 1, .stream = 2, .data = "xy", .len = 2, .at_ms = 1};
    struct store_wanted nothing = {0};
    if (!there) skip();
    for (int asked = 0; asked < 2; asked++) {
        assert_int_equal(store_begin(w->store, &e), 0);
        if (asked) assert_int_equal(store_ask_output(w->store, 5, 1, &e), 0);
        assert_int_equal(store_look_up(w->store, &nothing, &e), 0);
        uint64_t before = store_trips(w->store);
        assert_int_equal(store_output_add(w->store, &c, &e), 0);
        assert_int_equal(store_output_added(w->store), 3);
        assert_int_equal(store_output_add(w->store, &d, &e), 0);
        assert_int_equal(store_output_add(w->store, &c, &e), 0);
        assert_int_equal(store_output_added(w->store), 0);
        output_is(w, 5, asked ? 10 : 5);
        assert_int_equal(store_trips(w->store) - before, asked ? 0 : 4);
        assert_int_equal(store_commit(w->store, &e), 0);
        output_is(w, 5, asked ? 10 : 5);
        c.offset = 3;
        d.offset = 2;
    }
}

/* What a rollback leaves is what the database has. */
static void a_rollback_takes_what_was_known(void **state)
{
    struct world *w = world_of(state);
    struct err e = {0};
    struct chunk c = {.job = 5, .attempt = 1, .stream = 1, .data = "abc", .len = 3, .at_ms = 1};
    struct store_wanted nothing = {0};
    if (!there) skip();
    for (int i = 0; i < 2; i++) {
        assert_int_equal(store_begin(w->store, &e), 0);
        assert_int_equal(store_ask_output(w->store, 5, 1, &e), 0);
        assert_int_equal(store_look_up(w->store, &nothing, &e), 0);
        assert_int_equal(store_output_add(w->store, &c, &e), 0);
        assert_int_equal(store_output_added(w->store), 3);
        store_rollback(w->store);
        output_is(w, 5, 0);
    }
}

/* A job that was asked for is changed and written within the batch: the row is read anew. */
static void a_row_that_was_written_is_read_anew(void **state)
{
    struct world *w = world_of(state);
    struct err e = {0};
    struct job_row j;
    struct store_wanted nothing = {0};
    if (!there) skip();
    world_group(w, "pool", NULL);
    int64_t id = world_submit(w, "pool", NULL);
    assert_int_equal(store_begin(w->store, &e), 0);
    assert_int_equal(store_ask_job(w->store, id, &e), 0);
    assert_int_equal(store_look_up(w->store, &nothing, &e), 0);
    assert_int_equal(store_job_find(w->store, id, &j, &e), 1);
    assert_int_equal(j.state, JOB_CREATED);
    job_row_fini(&j);
    assert_int_equal(store_job_submitted(w->store, id, 1, 1, 5, &e), 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(store_job_find(w->store, id, &j, &e), 1);
        assert_int_equal(j.state, JOB_SUBMITTED);
        job_row_fini(&j);
    }
    store_rollback(w->store);
    assert_int_equal(store_job_find(w->store, id, &j, &e), 1);
    assert_int_equal(j.state, JOB_CREATED);
    job_row_fini(&j);
}

#define TRIPS_TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TRIPS_TEST(a_batch_of_everything_takes_two_round_trips),
        TRIPS_TEST(submits_of_one_moment_take_two_round_trips),
        TRIPS_TEST(a_start_with_many_queued_hands_out_in_two_round_trips),
        TRIPS_TEST(jobs_run_again_in_two_round_trips),
        TRIPS_TEST(executions_go_on_in_two_round_trips),
        TRIPS_TEST(executions_whose_tasks_use_outputs_go_on_in_two_round_trips),
        TRIPS_TEST(agents_that_come_back_together_take_two_round_trips),
        TRIPS_TEST(attempts_that_failed_are_kept_in_two_round_trips),
        TRIPS_TEST(a_batch_that_changes_nothing_waits_once),
        TRIPS_TEST(a_key_that_is_known_is_found_in_its_batch_and_later),
        TRIPS_TEST(answers_are_true_for_one_batch),
        TRIPS_TEST(output_that_nobody_asked_for_ahead_goes_on_where_it_was),
        TRIPS_TEST(a_rollback_takes_what_was_known),
        TRIPS_TEST(a_row_that_was_written_is_read_anew),
    };
    return cmocka_run_group_tests(tests, group_set_up, group_tear_down);
}

/* Batches of flows that fail: every call of the store fails once, and then all goes on as if
 * nothing had been. The linker puts the functions below in front of the store's (--wrap). */
#include "flow_world.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>
#include <unistd.h>

static struct {
    int from_now; /* counts store calls down; the one at 0 fails */
    bool counting;
} faults;

static bool its_turn(struct err *e)
{
    if (!faults.counting || faults.from_now-- != 0) return false;
    err_set(e, ERR_IO, "the disk is broken (test)");
    return true;
}

#define WRAP(name, parameters, arguments)                                                          \
    int __real_##name parameters;                                                                  \
    int __wrap_##name parameters;                                                                  \
    int __wrap_##name parameters                                                                   \
    {                                                                                              \
        return its_turn(e) ? ERR_IO : __real_##name arguments;                                     \
    }

WRAP(store_flow_put, (struct store * s, const struct flow_row *f, struct err *e), (s, f, e))
WRAP(store_flow_deleted,
     (struct store * s, const char *ns, const char *id, int64_t now_ms, const char *by,
      struct err *e),
     (s, ns, id, now_ms, by, e))
WRAP(store_flow_source,
     (struct store * s, const char *ns, const char *id, int64_t revision, char **source,
      struct err *e),
     (s, ns, id, revision, source, e))
WRAP(store_execution_insert, (struct store * s, const struct execution_row *x, struct err *e),
     (s, x, e))
WRAP(store_execution_find, (struct store * s, int64_t id, struct execution_row *out, struct err *e),
     (s, id, out, e))
WRAP(store_execution_get, (struct store * s, int64_t id, struct execution_row *out, struct err *e),
     (s, id, out, e))
WRAP(store_execution_find_key, (struct store * s, const char *key, int64_t *id, struct err *e),
     (s, key, id, e))
WRAP(store_execution_update, (struct store * s, const struct execution_row *x, struct err *e),
     (s, x, e))
static int outputs_read, runs_listed;

int __real_store_each_run(struct store *s, int64_t execution,
                          int (*fn)(const struct run_row *r, void *user), void *user,
                          struct err *e);
int __wrap_store_each_run(struct store *s, int64_t execution,
                          int (*fn)(const struct run_row *r, void *user), void *user,
                          struct err *e);
int __wrap_store_each_run(struct store *s, int64_t execution,
                          int (*fn)(const struct run_row *r, void *user), void *user, struct err *e)
{
    runs_listed++;
    return its_turn(e) ? ERR_IO : __real_store_each_run(s, execution, fn, user, e);
}

int __real_store_job_outputs(struct store *s, int64_t id, struct job_left *out, struct err *e);
int __wrap_store_job_outputs(struct store *s, int64_t id, struct job_left *out, struct err *e);
int __wrap_store_job_outputs(struct store *s, int64_t id, struct job_left *out, struct err *e)
{
    outputs_read++;
    return its_turn(e) ? ERR_IO : __real_store_job_outputs(s, id, out, e);
}

WRAP(store_trigger_insert,
     (struct store * s, const struct trigger_row *t, int64_t *id, struct err *e), (s, t, id, e))
WRAP(store_trigger_update, (struct store * s, const struct trigger_row *t, struct err *e),
     (s, t, e))
WRAP(store_trigger_job, (struct store * s, int64_t id, int64_t job, struct err *e), (s, id, job, e))
WRAP(store_trigger_delete, (struct store * s, int64_t id, struct err *e), (s, id, e))
WRAP(store_evaluation_add, (struct store * s, const struct evaluation_row *v, struct err *e),
     (s, v, e))
WRAP(store_job_insert, (struct store * s, const struct job_row *j, const char *spec, struct err *e),
     (s, j, spec, e))
WRAP(store_job_find, (struct store * s, int64_t id, struct job_row *out, struct err *e),
     (s, id, out, e))
WRAP(store_job_get, (struct store * s, int64_t id, struct job_row *out, struct err *e),
     (s, id, out, e))
WRAP(store_job_finish, (struct store * s, int64_t id, const struct job_end *end, struct err *e),
     (s, id, end, e))
WRAP(store_requires_intern, (struct store * s, const char *text, int64_t *id, struct err *e),
     (s, text, id, e))
WRAP(store_output_add, (struct store * s, const struct chunk *c, struct err *e), (s, c, e))
WRAP(store_commit, (struct store * s, struct err *e), (s, e))

#define FLOW                                                                                       \
    "id: f\nnamespace: a.b\nconcurrency: {limit: 1}\n"                                             \
    "tasks:\n"                                                                                     \
    "  - {id: say, type: io.kestra.plugin.core.log.Log, message: hello}\n"                         \
    "  - {id: one, command: [\"true\"], requires: {os: linux}}\n"                                  \
    "  - {id: two, command: [say, \"{{ outputs.one.file }}\"]}\n"
#define TRIGGER                                                                                    \
    "triggers:\n"                                                                                  \
    "  - {id: t, interval: PT30S, command: [check]}\n"                                             \
    "  - {id: off, interval: PT30S, command: [check], disabled: true}\n"

/* ---- whatever fails is done again ---- */

/* A batch in which calls are counted; looking at the store is not. */
static int shaky(struct world *w, struct command *c)
{
    faults.counting = true;
    int rc = world_do(w, c);
    faults.counting = false;
    return rc;
}

/* Back in touch, with the attempt that the agent has. */
static void reopen(struct hand *h, int64_t job, bool ended)
{
    struct command *c = cmd_hello(h->w, ++h->w->sessions, h->agent, NULL, 4);
    h->session = c->session;
    c->u.hello.seq = h->seq;
    if (job) cmd_hello_attempt(c, job, 1, ended);
    assert_int_equal(world_do(h->w, c), 0);
    assert_int_equal(world_do(h->w, cmd_ready(h->session)), 0);
}

/* Until nothing is due any more, for `ms`. */
static void live(struct hand *h, int64_t ms)
{
    struct world *w = h->w;
    int64_t end = w->now.mono_ms + ms;
    for (int64_t next; (next = engine_next_ms(w->engine)) <= end;) {
        if (next > w->now.mono_ms) world_pass(w, next - w->now.mono_ms);
        if (shaky(w, command_new(CMD_TICK))) reopen(h, 0, false);
    }
    world_pass(w, end - w->now.mono_ms);
}

static void event(struct hand *h, enum command_type type, int64_t job, enum job_state state,
                  const char *outputs)
{
    h->seq++;
    for (int tries = 0;; tries++) {
        struct command *c = cmd_finished(h->session, h->seq, job, 1, state, REASON_NONE);
        c->type = type;
        if (type == CMD_FINISHED) c->u.event.outputs = mem_strdup(outputs);
        if (shaky(h->w, c) == 0) break;
        assert_int_equal(tries, 0);
        reopen(h, job, type == CMD_FINISHED);
    }
}

static void run(struct hand *h, int64_t job, const char *outputs)
{
    event(h, CMD_STARTED, job, JOB_CREATED, NULL);
    event(h, CMD_FINISHED, job, JOB_SUCCESS, outputs);
}

static int64_t ask(struct hand *h, struct command *(*make)(struct world *w), int64_t running)
{
    if (shaky(h->w, make(h->w)) != 0) {
        assert_int_equal(world_reply(h->w)->rc, h->w->rc);
        reopen(h, running, false);
        assert_int_equal(world_do(h->w, make(h->w)), 0);
    }
    const struct reply *x = world_reply(h->w);
    if (x->rc) fail_msg("refused: %s", err_text(&x->err));
    return x->id;
}

static struct command *make_flow(struct world *w)
{
    return cmd_apply(w, FLOW TRIGGER);
}

static struct command *make_change(struct world *w)
{
    return cmd_apply(w, FLOW "# without triggers\n");
}

static struct command *make_start(struct world *w)
{
    struct command *c = cmd_start(w, "f", NULL);
    c->u.start.unique_key = mem_strdup("k");
    return c;
}

static struct command *make_second(struct world *w)
{
    return cmd_start(w, "f", NULL);
}

static struct command *make_disable(struct world *w)
{
    return cmd_place(w, CMD_TRIGGER_DISABLE, "f", "t");
}

static struct command *make_run(struct world *w)
{
    return cmd_place(w, CMD_TRIGGER_RUN, "f", "t");
}

static struct command *make_enable(struct world *w)
{
    return cmd_place(w, CMD_TRIGGER_ENABLE, "f", "t");
}

static struct command *make_delete(struct world *w)
{
    return cmd_place(w, CMD_FLOW_DELETE, "f", NULL);
}

/* A life of a flow, from the apply to the end. */
static void live_through(struct hand *h)
{
    struct world *w = h->w;
    ask(h, make_flow, 0);
    ask(h, make_run, 0);
    run(h, world_evaluation(w, "f", "t"), "{\"a\":1}");
    int64_t fired = 0;
    assert_int_equal(world_executions(w, "f", &fired), 1);
    int64_t started = ask(h, make_start, world_execution_job(w, fired));
    assert_int_equal(ask(h, make_start, 0), started);
    assert_string_equal(world_execution_state(w, started), "QUEUED");
    run(h, world_execution_job(w, fired), "{\"file\":\"x\"}");
    run(h, world_execution_job(w, fired), NULL);
    assert_string_equal(world_execution_state(w, fired), "SUCCESS");
    live(h, 10);
    assert_string_equal(world_execution_state(w, started), "RUNNING");
    ask(h, make_disable, 0);
    ask(h, make_enable, 0);
    live(h, 61000);
    assert_true(world_evaluation(w, "f", "t") > 0);
    int64_t queued = ask(h, make_second, 0);
    ask(h, make_change, 0);
    ask(h, make_delete, 0);
    assert_string_equal(world_execution_state(w, queued), "CANCELLED");
    assert_string_equal(world_execution_state(w, started), "RUNNING");
    world_crash(w);
    reopen(h, 0, false);
    int64_t job = world_execution_job(w, started);
    world_cancel(w, started);
    assert_string_equal(world_execution_state(w, started), "KILLING");
    event(h, CMD_FINISHED, job, JOB_KILLED, NULL);
    assert_string_equal(world_execution_state(w, started), "KILLED");
}

static void each_store_call_fails_once__and_all_goes_on(void **state)
{
    (void)state;
    int n = 0;
    for (bool reached = true; reached; n++) {
        struct world w = {.base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : NULL};
        world_open(&w);
        struct hand h = hand_open(&w, "a", NULL, 4);
        faults.from_now = n;
        live_through(&h);
        reached = faults.from_now < 0;
        world_close(&w);
        assert_true(n < 1000);
    }
    assert_true(n > 50); /* so many calls there were at least */
}

/* A task reads the outputs that it names, not those of all tasks before it. */
static void outputs__only_those_are_read_that_a_task_names(void **state)
{
    struct world *w = *state;
    struct buf b;
    buf_init(&b, 1 << 20);
    buf_adds(&b, "id: many\nnamespace: a.b\ntasks:\n  - {id: t0, command: [\"true\"]}\n");
    for (int i = 1; i < 12; i++)
        buf_addf(&b, "  - {id: t%d, command: [\"x\", \"{{ outputs.t%d.k }}\"]}\n", i, i - 1);
    buf_adds(&b, "  - {id: last, command: [\"true\"]}\n");
    world_apply_flow(w, b.data);
    buf_fini(&b);
    struct hand h = hand_open(w, "a", NULL, 1);
    outputs_read = runs_listed = 0;
    int64_t id = world_start(w, "many", NULL);
    for (int i = 0; i <= 12; i++) {
        int64_t job = hand_job(&h);
        hand_start(&h, job);
        hand_success(&h, job, "{\"k\":\"v\"}");
    }
    assert_string_equal(world_execution_state(w, id), "SUCCESS");
    assert_int_equal(outputs_read, 11);
    assert_int_equal(runs_listed, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(outputs__only_those_are_read_that_a_task_names),
        cmocka_unit_test(each_store_call_fails_once__and_all_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

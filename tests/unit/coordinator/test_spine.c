/* The two threads and what passes between them. */
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/engine/round.h"
#include "coordinator/spine.h"
#include "platform/files.h"
#include "platform/os.h"
#include "wire/lease.h"
#include "platform/paths.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdatomic.h>
#include <string.h>
#include <uv.h>

/* The store thread's commits fail while it is set; the linker puts the function below in front of
 * the store's. */
static atomic_bool disk_is_full;
/* They do not return while this is set. */
static atomic_bool disk_hangs, in_commit;

int __real_store_commit(struct store *s, struct err *e);
int __wrap_store_commit(struct store *s, struct err *e);

int __wrap_store_commit(struct store *s, struct err *e)
{
    while (atomic_load(&disk_hangs)) {
        atomic_store(&in_commit, true);
        uv_sleep(1);
    }
    if (!atomic_load(&disk_is_full)) return __real_store_commit(s, e);
    store_rollback(s);
    return err_set(e, ERR_FULL, "no space left (test)");
}

/* Sessions' commands, and the rounds that they came in. */
static atomic_int said, said_rounds;
static atomic_int said_before_awake; /* when the engine last heard of a stall */
/* What came in rounds with somebody who was heard. */
static atomic_int heard_rounds, heard_agents, first_of_them, commands_behind;
static atomic_llong behind_ms; /* the engine's clock in the last one */

/* How often the store thread was told that there is work. */
static atomic_int wakes;

void __real_uv_cond_signal(uv_cond_t *c);
void __wrap_uv_cond_signal(uv_cond_t *c);

void __wrap_uv_cond_signal(uv_cond_t *c)
{
    atomic_fetch_add(&wakes, 1);
    __real_uv_cond_signal(c);
}

/* The clock of the test goes ahead of the machine's. */
static atomic_llong ahead_ms;
/* Where it stands still, so that no machine is too slow for a test; 0: it goes. */
static atomic_llong stands_ms;

void __real_os_now(struct moment *out);
void __wrap_os_now(struct moment *out);

void __wrap_os_now(struct moment *out)
{
    int64_t stands = atomic_load(&stands_ms);
    __real_os_now(out);
    out->mono_ms = (stands > 0 ? stands : out->mono_ms) + atomic_load(&ahead_ms);
}

static int64_t real_mono_ms(void)
{
    struct moment now;
    __real_os_now(&now);
    return now.mono_ms;
}

size_t __real_rounds_run(struct rounds *r, const struct moment *now, int64_t clock_ms,
                         struct command *fresh, struct effects *out);
size_t __wrap_rounds_run(struct rounds *r, const struct moment *now, int64_t clock_ms,
                         struct command *fresh, struct effects *out);

size_t __wrap_rounds_run(struct rounds *r, const struct moment *now, int64_t clock_ms,
                         struct command *fresh, struct effects *out)
{
    int count = 0;
    for (struct command *c = fresh; c; c = c->next) {
        if (c->session) count++;
        if (c->type == CMD_AWAKE) atomic_store(&said_before_awake, atomic_load(&said) + count);
        if (c->type != CMD_HEARD) continue;
        atomic_store(&first_of_them, c == fresh);
        atomic_store(&commands_behind, c->next != NULL);
        atomic_fetch_add(&heard_agents, (int)c->u.heard.count);
        atomic_store(&behind_ms, clock_ms - now->mono_ms);
        atomic_fetch_add(&heard_rounds, 1);
    }
    if (count > 0) atomic_fetch_add(&said_rounds, 1);
    atomic_fetch_add(&said, count);
    return __real_rounds_run(r, now, clock_ms, fresh, out);
}

struct rig {
    char *folder;
    uv_loop_t loop;
    struct store *store;
    struct engine *engine;
    struct spine *spine;
    uint64_t last_reply; /* request */
    size_t replies, failures, reliefs, lists;
    bool in_order;
};

static void on_effects(struct effects *list, void *user)
{
    struct rig *r = user;
    r->lists++;
    for (struct effect *x = list->first; x; x = x->next) {
        if (x->type != EFFECT_REPLY) continue;
        r->replies++;
        r->failures += x->u.reply.reply.rc != 0;
        r->in_order = r->in_order && x->u.reply.request > r->last_reply;
        r->last_reply = x->u.reply.request;
    }
}

static void on_relief(void *user)
{
    struct rig *r = user;
    r->reliefs++;
}

static const struct spine_handler handler = {.on_effects = on_effects, .on_relief = on_relief};

static int setup(void **state)
{
    struct rig *r = mem_alloc(sizeof *r);
    struct err e = {0};
    struct moment now;
    struct engine_config config = {.lease_ms = 60000,
                                   .heartbeat_ms = 10000,
                                   .retention_ms = 3600000,
                                   .output_limit_bytes = 1 << 20,
                                   .payload_limit_bytes = 1 << 20,
                                   .max_agents = 10,
                                   .kill_time_ms = 15000};
    char *temp = paths_temp();
    r->folder = str_dupf("%s/cadre-spine-%016llx", temp, (unsigned long long)os_seed());
    r->in_order = true;
    mem_free(temp);
    os_now(&now);
    assert_int_equal(dir_make(r->folder, FILE_SECRET, &e), 0);
    assert_int_equal(uv_loop_init(&r->loop), 0);
    if (store_open(r->folder, &r->store, &e) ||
        engine_new(r->store, &config, 1, &now, &r->engine, &e) ||
        spine_start(&r->loop, r->engine, &handler, r, &r->spine, &e))
        fail_msg("%s", e.msg);
    *state = r;
    return 0;
}

static int teardown(void **state)
{
    struct rig *r = *state;
    struct err e;
    if (r->spine) spine_stop(r->spine);
    uv_run(&r->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&r->loop), 0);
    engine_free(r->engine);
    store_close(r->store);
    assert_int_equal(dir_remove_tree(r->folder, &e), 0);
    mem_free(r->folder);
    mem_free(r);
    return 0;
}

static void push_submit(struct rig *r, uint64_t request, size_t spec_bytes)
{
    struct command *c = command_new(CMD_SUBMIT);
    struct buf spec;
    buf_init(&spec, 2 << 20);
    buf_adds(&spec, "{\"command\":[\"true\"],\"x\":\"");
    for (size_t i = 0; i < spec_bytes; i++)
        buf_addc(&spec, 'x');
    buf_adds(&spec, "\"}");
    c->request = request;
    c->u.submit.spec = buf_detach(&spec);
    c->u.submit.job.attempt = 1;
    spine_push(r->spine, c);
}

static void run_until(struct rig *r, const size_t *what, size_t count)
{
    while (*what < count)
        uv_run(&r->loop, UV_RUN_ONCE);
}

static void spine__many_pushes_of_one_turn__share_commits(void **state)
{
    struct rig *r = *state;
    for (uint64_t i = 1; i <= 500; i++)
        push_submit(r, i, 10);
    run_until(r, &r->replies, 500);
    assert_int_equal(r->failures, 0);
    assert_true(r->in_order);
    assert_int_equal(r->lists, 1); /* handed over together, committed together */
}

static void spine__stop__answers_everything_that_was_pushed(void **state)
{
    struct rig *r = *state;
    for (uint64_t i = 1; i <= 300; i++)
        push_submit(r, i, 10);
    spine_stop(r->spine);
    assert_int_equal(r->replies, 300);
    assert_int_equal(r->failures, 0);
    push_submit(r, 301, 10); /* nobody is left: it is dropped, not leaked */
    r->spine = NULL;
    uv_run(&r->loop, UV_RUN_DEFAULT);
    assert_int_equal(r->replies, 300);
}

static void spine__more_than_it_should_hold__says_full_and_then_relieved(void **state)
{
    struct rig *r = *state;
    uint64_t n = 0;
    while (!spine_is_full(r->spine))
        push_submit(r, ++n, 900000);
    assert_in_range(n, SPINE_HIGH_BYTES / 1000000, SPINE_HIGH_BYTES / 900000 + 1);
    run_until(r, &r->reliefs, 1);
    assert_false(spine_is_full(r->spine));
    assert_int_equal(r->reliefs, 1);
    run_until(r, &r->replies, n);
    assert_int_equal(r->failures, 0);
}

/* What others choose the size of is counted, whatever command brings it. */
static void spine__large_inputs_of_executions__fill_it_too(void **state)
{
    struct rig *r = *state;
    uint64_t n = 0;
    while (!spine_is_full(r->spine)) {
        struct command *c = command_new(CMD_EXECUTION_START);
        c->request = ++n;
        c->u.start.ns = mem_strdup("a");
        c->u.start.flow = mem_strdup("b");
        c->u.start.bytes = 1000000;
        spine_push(r->spine, c);
        assert_true(n <= SPINE_HIGH_BYTES / 1000000 + 1);
    }
    run_until(r, &r->reliefs, 1);
    run_until(r, &r->replies, n);
    assert_int_equal(r->failures, n); /* there is no such flow */
}

static void spine__jobs_of_an_array__fill_it_all_together(void **state)
{
    struct rig *r = *state;
    uint64_t n = 0;
    while (!spine_is_full(r->spine)) {
        struct command *c = command_new(CMD_SUBMIT_ALL);
        c->request = ++n;
        c->u.submits.count = 8;
        c->u.submits.items = mem_array(8, sizeof *c->u.submits.items);
        for (size_t i = 0; i < 8; i++)
            c->u.submits.items[i].spec = str_dupf("{\"script\":\"%0900000d\"}", 1);
        spine_push(r->spine, c);
        assert_true(n <= SPINE_HIGH_BYTES / 7200000 + 1);
    }
    assert_in_range(n, SPINE_HIGH_BYTES / 8000000, SPINE_HIGH_BYTES / 7200000 + 1);
    run_until(r, &r->reliefs, 1);
    run_until(r, &r->replies, n);
    assert_int_equal(r->failures, 0);
}

/* What agents say waits for the disk, and fills the queue. Requests do not wait: they are told. */
static void spine__full_because_the_disk_is__takes_requests(void **state)
{
    struct rig *r = *state;
    atomic_store(&disk_is_full, true);
    while (!spine_is_full(r->spine)) {
        struct command *c = command_new(CMD_OUTPUT);
        c->session = 1;
        c->u.output.len = 1000000;
        spine_push(r->spine, c);
    }
    assert_false(spine_takes_requests(r->spine));
    run_until(r, &r->reliefs, 1);
    assert_true(spine_is_full(r->spine));
    assert_true(spine_takes_requests(r->spine));
    push_submit(r, 1, 10);
    run_until(r, &r->replies, 1);
    assert_int_equal(r->failures, 1);
    atomic_store(&disk_is_full, false);
    run_until(r, &r->reliefs, 2);
    assert_false(spine_is_full(r->spine));
    push_submit(r, 2, 10);
    run_until(r, &r->replies, 2);
    assert_int_equal(r->failures, 1);
}

/* A job with a queue timeout ends without any command: the store thread wakes by itself. */
static void spine__time_passes__deadlines_are_kept(void **state)
{
    struct rig *r = *state;
    struct command *c = command_new(CMD_SUBMIT);
    c->request = 1;
    c->u.submit.spec = mem_strdup("{\"command\":[\"true\"]}");
    c->u.submit.job.attempt = 1;
    c->u.submit.job.queue_timeout_ms = 30;
    spine_push(r->spine, c);
    run_until(r, &r->replies, 1);
    size_t lists = r->lists;
    run_until(r, &r->lists, lists + 1); /* EFFECT_JOB_CHANGED of its end */
    assert_int_equal(r->replies, 1);
}

/* As a session does whose agent went away; nobody knows of any. */
static void say(struct rig *r, uint64_t session)
{
    struct command *c = command_new(CMD_GONE);
    c->session = session;
    spine_push(r->spine, c);
    spine_pass_on(r->spine);
}

/* By the store thread alone: the loop does not run. */
static void wait_until_said(int count)
{
    int64_t until = real_mono_ms() + 60000;
    while (atomic_load(&said) < count && real_mono_ms() < until)
        uv_sleep(1);
    assert_int_equal(atomic_load(&said), count);
}

static void settle(struct rig *r, uint64_t request)
{
    size_t replies = r->replies;
    push_submit(r, request, 10);
    run_until(r, &r->replies, replies + 1);
}

/* So often that a session counts as the only one. */
#define OFTEN 20

/* Of the one that works alone. Then the loop has looked just now, until clock_goes. */
static void say_often(struct rig *r)
{
    atomic_store(&said, 0);
    atomic_store(&stands_ms, real_mono_ms());
    for (int n = 0; n < OFTEN; n++)
        say(r, 5);
    uv_run(&r->loop, UV_RUN_NOWAIT);
    wait_until_said(OFTEN);
}

static void clock_goes(void)
{
    atomic_store(&stands_ms, 0);
}

static void spine__one_agent_works__store_begins_within_the_turn(void **state)
{
    struct rig *r = *state;
    say_often(r);
    for (int n = 1; n <= 20; n++) {
        say(r, 5);
        wait_until_said(OFTEN + n);
    }
    clock_goes();
    settle(r, 1);
}

static void spine__several_agents_work__they_share_a_round(void **state)
{
    struct rig *r = *state;
    atomic_store(&said, 0);
    for (int n = 1; n <= OFTEN; n++) {
        atomic_store(&said_rounds, 0);
        for (uint64_t session = 5; session < 9; session++)
            say(r, session);
        uv_run(&r->loop, UV_RUN_NOWAIT);
        wait_until_said(4 * n);
        assert_int_equal(atomic_load(&said_rounds), 1);
    }
    settle(r, 1);
}

static void spine__another_agent_speaks_up__they_share_a_round(void **state)
{
    struct rig *r = *state;
    atomic_store(&said, 0);
    for (int n = 0; n < OFTEN; n++)
        say(r, 5);
    uv_run(&r->loop, UV_RUN_NOWAIT);
    wait_until_said(OFTEN);
    atomic_store(&said_rounds, 0);
    say(r, 6);
    say(r, 5);
    uv_run(&r->loop, UV_RUN_NOWAIT);
    wait_until_said(OFTEN + 2);
    assert_int_equal(atomic_load(&said_rounds), 1);
}

struct talk {
    struct rig *rig;
    int wakes; /* of the store thread while the agent spoke */
};

/* As a session does: while the loop reads. */
static void on_talk(uv_async_t *a)
{
    struct talk *t = a->data;
    int before = atomic_load(&wakes);
    say(t->rig, 5);
    t->wakes = atomic_load(&wakes) - before;
}

/* Agents that were heard after a stall kept their leases: the engine has to know of the stall
 * before it learns what they say. */
static void spine__one_agent_works__stall_is_told_before_what_it_says(void **state)
{
    struct rig *r = *state;
    say_often(r);
    say(r, 5);
    wait_until_said(OFTEN + 1);
    struct talk talk = {r, -1};
    uv_async_t agent;
    assert_int_equal(uv_async_init(&r->loop, &agent, on_talk), 0);
    agent.data = &talk;
    atomic_store(&said_before_awake, -1);
    atomic_fetch_add(&ahead_ms, LEASE_DEAF_MS + 1000);
    uv_async_send(&agent);
    uv_run(&r->loop, UV_RUN_NOWAIT);
    assert_int_equal(talk.wakes, 0); /* it waits for the end of the turn */
    wait_until_said(OFTEN + 2);
    assert_int_equal(atomic_load(&said_before_awake), OFTEN + 1);
    clock_goes();
    uv_close((uv_handle_t *)&agent, NULL);
    settle(r, 1);
}

static void spine__nothing_was_said__passes_on_nothing(void **state)
{
    struct rig *r = *state;
    atomic_store(&said_rounds, 0);
    push_submit(r, 1, 10);
    spine_pass_on(r->spine);
    push_submit(r, 2, 10);
    run_until(r, &r->replies, 2);
    assert_int_equal(r->lists, 1);
    assert_int_equal(atomic_load(&said_rounds), 0);
}

/* Whatever is decided with the command is decided with the heartbeat, too. */
static void spine__heard_and_command_of_one_turn__heard_is_first(void **state)
{
    struct rig *r = *state;
    atomic_store(&heard_rounds, 0);
    atomic_store(&heard_agents, 0);
    push_submit(r, 1, 10);
    spine_heard(r->spine, 7);
    spine_heard(r->spine, 8);
    run_until(r, &r->replies, 1);
    assert_int_equal(atomic_load(&heard_rounds), 1);
    assert_int_equal(atomic_load(&heard_agents), 2);
    assert_true(atomic_load(&first_of_them));
    assert_true(atomic_load(&commands_behind));
}

static void spine__heard_alone__reaches_the_engine_without_a_command(void **state)
{
    struct rig *r = *state;
    atomic_store(&heard_rounds, 0);
    spine_heard(r->spine, 7);
    while (atomic_load(&heard_rounds) == 0)
        uv_run(&r->loop, UV_RUN_ONCE);
    assert_int_equal(r->lists, 0); /* and nobody is answered */
}

/* More output has gathered than one batch takes. Who was acknowledged just now counts on a whole
 * lease all the same: the engine's clock may not stay behind for what waits. */
static void spine__disk_hung__what_waited_does_not_hold_the_clock_back(void **state)
{
    struct rig *r = *state;
    atomic_store(&heard_rounds, 0);
    atomic_store(&in_commit, false);
    atomic_store(&disk_hangs, true);
    push_submit(r, 1, 10);
    while (!atomic_load(&in_commit))
        uv_run(&r->loop, UV_RUN_NOWAIT);
    for (int i = 0; i < 4; i++) {
        struct command *c = command_new(CMD_OUTPUT);
        c->session = 1;
        c->u.output.len = 200000;
        c->u.output.data = mem_alloc(200000);
        spine_push(r->spine, c);
    }
    for (int i = 0; i < 30; i++) { /* the loop goes on */
        atomic_fetch_add(&ahead_ms, 1000);
        uv_run(&r->loop, UV_RUN_NOWAIT);
    }
    spine_heard(r->spine, 7);
    uv_run(&r->loop, UV_RUN_NOWAIT);
    atomic_store(&disk_hangs, false);
    while (atomic_load(&heard_rounds) == 0)
        uv_run(&r->loop, UV_RUN_ONCE);
    assert_true(atomic_load(&behind_ms) < LEASE_DEAF_MS);
}

static void spine__stop__with_somebody_heard__forgets_them(void **state)
{
    struct rig *r = *state;
    spine_heard(r->spine, 7);
    spine_stop(r->spine);
    r->spine = NULL;
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(spine__many_pushes_of_one_turn__share_commits),
        CASE(spine__stop__answers_everything_that_was_pushed),
        CASE(spine__more_than_it_should_hold__says_full_and_then_relieved),
        CASE(spine__large_inputs_of_executions__fill_it_too),
        CASE(spine__jobs_of_an_array__fill_it_all_together),
        CASE(spine__full_because_the_disk_is__takes_requests),
        CASE(spine__time_passes__deadlines_are_kept),
        CASE(spine__heard_and_command_of_one_turn__heard_is_first),
        CASE(spine__heard_alone__reaches_the_engine_without_a_command),
        CASE(spine__disk_hung__what_waited_does_not_hold_the_clock_back),
        CASE(spine__stop__with_somebody_heard__forgets_them),
        CASE(spine__one_agent_works__store_begins_within_the_turn),
        CASE(spine__several_agents_work__they_share_a_round),
        CASE(spine__another_agent_speaks_up__they_share_a_round),
        CASE(spine__one_agent_works__stall_is_told_before_what_it_says),
        CASE(spine__nothing_was_said__passes_on_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

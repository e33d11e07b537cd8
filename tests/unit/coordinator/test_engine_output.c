/* The account of a job's output: what is stored, and when the job is told to be truncated. */
#include "engine_world.h"

#include "base/mem.h"
#include "base/str.h"
#include "wire/frame.h"
#include "wire/limits.h"
#include "wire/output_account.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>

#define KIB 1024

struct writer {
    struct world *w;
    uint64_t session;
    int64_t job, seq;
    int64_t offset[4]; /* by stream */
};

static void begin(struct writer *out, struct world *w, int64_t limit)
{
    *out = (struct writer){.w = w};
    out->session = world_connect(w, world_agent(w, "a", NULL), NULL, 1);
    struct command *c = cmd_submit(w, NULL, NULL);
    c->u.submit.job.output_limit = limit;
    world_do(w, c);
    out->job = world_reply(w)->id;
    world_do(w, cmd_started(out->session, ++out->seq, out->job, 1));
}

/* In the batch at hand. */
static void apply_chunk(struct writer *o, int stream, size_t len)
{
    char *text = mem_alloc(len + 1);
    memset(text, 'x', len);
    struct command *c = cmd_output(o->session, ++o->seq, o->job, 1, o->offset[stream], text);
    c->u.output.stream = stream;
    world_apply(o->w, c);
    o->offset[stream] += (int64_t)len;
    mem_free(text);
}

static void write_chunk(struct writer *o, int stream, size_t len)
{
    world_begin(o->w);
    apply_chunk(o, stream, len);
    assert_int_equal(world_commit(o->w), 0);
}

static void expect_stored(const struct writer *o, int64_t written, int64_t remarks)
{
    int64_t bytes = -1, of_cadre = -1;
    assert_int_equal(store_output_bytes(o->w->store, o->job, 1, &bytes, &of_cadre, NULL), 0);
    assert_int_equal(bytes - of_cadre, written);
    assert_int_equal(of_cadre, remarks);
}

/* The agent says that so many bytes were written. */
static void expect_end(struct writer *o, int64_t written, bool truncated)
{
    struct command *c = cmd_finished(o->session, ++o->seq, o->job, 1, JOB_SUCCESS, REASON_NONE);
    c->u.event.written = written;
    assert_int_equal(world_do(o->w, c), 0);
    struct job_row j = world_job(o->w, o->job);
    assert_int_equal(j.state, JOB_SUCCESS);
    assert_int_equal(j.truncated, truncated);
    job_row_fini(&j);
}

static void output__up_to_its_limit__is_stored(void **state)
{
    struct writer o;
    begin(&o, *state, 100);
    write_chunk(&o, STREAM_STDOUT, 60);
    write_chunk(&o, STREAM_STDERR, 40);
    expect_stored(&o, 100, 0);
    expect_end(&o, 100, false);
}

static void output__beyond_its_limit__is_dropped_and_told(void **state)
{
    struct writer o;
    begin(&o, *state, 100);
    write_chunk(&o, STREAM_STDOUT, 60);
    write_chunk(&o, STREAM_STDERR, 41);
    expect_stored(&o, 60, 0);
    write_chunk(&o, STREAM_STDOUT, 40);
    expect_stored(&o, 100, 0);
    expect_end(&o, 141, true);
}

/* The agent left out what stood between. */
static void output__behind_a_gap__counts_by_its_bytes(void **state)
{
    struct writer o;
    begin(&o, *state, 100);
    write_chunk(&o, STREAM_STDOUT, 5);
    o.offset[STREAM_STDOUT] = INT64_C(1) << 45;
    write_chunk(&o, STREAM_STDOUT, 4);
    expect_stored(&o, 9, 0);
}

/* As agents wrote that remarked upon each wrong line. */
static void remarks__take_nothing_of_the_jobs_limit(void **state)
{
    struct writer o;
    begin(&o, *state, 256 * KIB);
    world_begin(o.w);
    for (int i = 0; i < 40; i++) {
        apply_chunk(&o, STREAM_STDOUT, 6000);
        apply_chunk(&o, STREAM_SYSTEM, 2000);
    }
    assert_int_equal(world_commit(o.w), 0);
    expect_stored(&o, 240000, 32 * 2000);
    write_chunk(&o, STREAM_STDERR, 11);
    expect_stored(&o, 240011, 32 * 2000);
    expect_end(&o, 240011, false);
}

static int64_t agent_of(const struct writer *o)
{
    struct job_row j = world_job(o->w, o->job);
    int64_t agent = j.agent;
    job_row_fini(&j);
    return agent;
}

static void the_account__outlives_a_restart(void **state)
{
    struct writer o;
    begin(&o, *state, 100);
    write_chunk(&o, STREAM_STDOUT, 90);
    write_chunk(&o, STREAM_SYSTEM, 50);
    int64_t agent = agent_of(&o);
    world_restart(o.w);
    struct command *hello = cmd_hello(o.w, ++o.w->sessions, agent, NULL, 1);
    o.session = o.w->sessions;
    cmd_hello_attempt(hello, o.job, 1, false);
    world_do(o.w, hello);
    world_do(o.w, cmd_ready(o.session));
    write_chunk(&o, STREAM_STDOUT, 11);
    write_chunk(&o, STREAM_STDERR, 10);
    expect_stored(&o, 100, 50);
    expect_end(&o, 111, true);
}

static void what_was_stored_before_a_restart__is_not_missing_at_the_end(void **state)
{
    struct writer o;
    begin(&o, *state, 100);
    write_chunk(&o, STREAM_STDOUT, 90);
    int64_t agent = agent_of(&o);
    world_restart(o.w);
    struct command *hello = cmd_hello(o.w, ++o.w->sessions, agent, NULL, 1);
    o.session = o.w->sessions;
    cmd_hello_attempt(hello, o.job, 1, true);
    world_do(o.w, hello);
    world_do(o.w, cmd_ready(o.session));
    expect_end(&o, 90, false);
}

/* An agent that does not count what it writes is believed. */
static void truncation__is_the_agents_word_where_it_gives_no_number(void **state)
{
    struct writer o;
    begin(&o, *state, 100);
    write_chunk(&o, STREAM_STDOUT, 90);
    expect_end(&o, 0, false);
}

static void any_sequence__is_stored_by_the_account(void **state)
{
    struct rng r;
    rng_init(&r, 13);
    for (int round = 0; round < 10; round++) {
        struct writer o;
        struct output_account account = {0};
        int64_t limit = 1 + (int64_t)rng_below(&r, 300 * KIB), sent = 0;
        begin(&o, *state, limit);
        world_begin(o.w);
        for (int i = 0; i < 25; i++) {
            int stream = 1 + (int)rng_below(&r, 3);
            size_t len = 1 + rng_below(&r, 20 * KIB);
            (void)output_account_add(&account, limit, stream, len);
            if (stream != STREAM_SYSTEM) sent += (int64_t)len;
            apply_chunk(&o, stream, len);
        }
        assert_int_equal(world_commit(o.w), 0);
        expect_stored(&o, account.written, account.remarks);
        expect_end(&o, sent, account.written < sent);
        world_teardown(state);
        world_setup(state);
    }
}

static void an_account__ends_at_its_limits_to_the_byte(void **state)
{
    (void)state;
    struct output_account a = {0};
    assert_true(output_account_add(&a, 10, STREAM_STDOUT, 10));
    assert_false(output_account_add(&a, 10, STREAM_STDERR, 1));
    assert_true(output_account_add(&a, 10, STREAM_SYSTEM, LIMIT_OUTPUT_REMARKS));
    assert_false(output_account_add(&a, 10, STREAM_SYSTEM, 1));
    assert_false(output_account_add(&a, 5, STREAM_STDOUT, 1)); /* a limit that was lowered */
    assert_false(output_account_add(&a, 10, STREAM_STDOUT, SIZE_MAX));
    assert_int_equal(a.written, 10);
    assert_true(output_account_add(&a, 0, STREAM_STDOUT, SIZE_MAX / 4)); /* no limit */
}

/* The store's number of the last event of the agent. */
static int64_t stored_seq(const struct writer *o, int64_t agent)
{
    struct agent_row row;
    assert_int_equal(store_agent_find(o->w->store, agent, &row, NULL), 1);
    int64_t seq = row.last_seq;
    agent_row_fini(&row);
    return seq;
}

static void output_alone__is_acknowledged_and_does_not_touch_the_queue(void **state)
{
    struct writer o;
    begin(&o, *state, 100);
    int64_t agent = agent_of(&o);
    assert_int_equal(stored_seq(&o, agent), 1); /* that it has started */
    for (int i = 0; i < 3; i++) {
        write_chunk(&o, STREAM_STDOUT, 10);
        assert_int_equal(world_effect(o.w, EFFECT_ACK)->u.ack.seq, o.seq);
        assert_int_equal(stored_seq(&o, agent), 1);
    }
    expect_end(&o, 30, false);
    assert_int_equal(stored_seq(&o, agent), 5);
}

static void output_in_a_batch_with_the_end__is_numbered_with_it(void **state)
{
    struct writer o;
    begin(&o, *state, 100);
    int64_t agent = agent_of(&o);
    world_begin(o.w);
    apply_chunk(&o, STREAM_STDOUT, 10);
    world_apply(o.w, cmd_finished(o.session, ++o.seq, o.job, 1, JOB_SUCCESS, REASON_NONE));
    assert_int_equal(world_commit(o.w), 0);
    assert_int_equal(world_effect(o.w, EFFECT_ACK)->u.ack.seq, 3);
    assert_int_equal(stored_seq(&o, agent), 3);
}

/* The agent of the writer comes back to a coordinator that was killed. */
static void come_back(struct writer *o)
{
    struct command *hello = cmd_hello(o->w, ++o->w->sessions, agent_of(o), NULL, 1);
    o->session = o->w->sessions;
    cmd_hello_attempt(hello, o->job, 1, false);
    assert_int_equal(world_do(o->w, hello), 0);
}

static void output_that_is_sent_again_after_a_crash__is_counted_once(void **state)
{
    struct writer o;
    begin(&o, *state, 100);
    write_chunk(&o, STREAM_STDOUT, 30);
    write_chunk(&o, STREAM_STDOUT, 30);
    world_crash(o.w);
    come_back(&o);
    int64_t known = world_effect(o.w, EFFECT_WELCOME)->u.welcome.seq;
    assert_int_equal(known, 1); /* so both come again */
    o.seq = known;
    o.offset[STREAM_STDOUT] = 0;
    write_chunk(&o, STREAM_STDOUT, 30);
    write_chunk(&o, STREAM_STDOUT, 30);
    expect_stored(&o, 60, 0);
    write_chunk(&o, STREAM_STDOUT, 40); /* all that the limit allows */
    expect_stored(&o, 100, 0);
    expect_end(&o, 100, false);
}

static void output_behind_what_was_acknowledged_before_a_crash__goes_on(void **state)
{
    struct writer o;
    begin(&o, *state, 100);
    write_chunk(&o, STREAM_STDOUT, 30);
    write_chunk(&o, STREAM_STDERR, 20); /* both are acknowledged, and the agent forgot them */
    world_crash(o.w);
    come_back(&o);
    write_chunk(&o, STREAM_STDOUT, 30);
    write_chunk(&o, STREAM_STDERR, 20);
    expect_stored(&o, 100, 0);
    expect_end(&o, 100, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(output__up_to_its_limit__is_stored),
        WORLD_TEST(output__beyond_its_limit__is_dropped_and_told),
        WORLD_TEST(output__behind_a_gap__counts_by_its_bytes),
        WORLD_TEST(remarks__take_nothing_of_the_jobs_limit),
        WORLD_TEST(the_account__outlives_a_restart),
        WORLD_TEST(what_was_stored_before_a_restart__is_not_missing_at_the_end),
        WORLD_TEST(truncation__is_the_agents_word_where_it_gives_no_number),
        WORLD_TEST(any_sequence__is_stored_by_the_account),
        WORLD_TEST(output_alone__is_acknowledged_and_does_not_touch_the_queue),
        WORLD_TEST(output_in_a_batch_with_the_end__is_numbered_with_it),
        WORLD_TEST(output_that_is_sent_again_after_a_crash__is_counted_once),
        WORLD_TEST(output_behind_what_was_acknowledged_before_a_crash__goes_on),
        cmocka_unit_test(an_account__ends_at_its_limits_to_the_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

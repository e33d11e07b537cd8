/* Agents that know more than the database, which has lost commits. */
#include "engine_world.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

struct parted {
    struct world *w;
    int64_t agent, job;
    uint64_t session;
};

/* An agent with one job, parted from the coordinator. */
static struct parted part(struct world *w, bool started, struct retry retry)
{
    struct parted p = {.w = w, .agent = world_agent(w, "a", NULL)};
    p.session = world_connect(w, p.agent, NULL, 1);
    struct command *c = cmd_submit(w, NULL, NULL);
    c->u.submit.job.retry = retry;
    world_do(w, c);
    p.job = world_reply(w)->id;
    if (started) world_do(w, cmd_started(p.session, 1, p.job, 1));
    world_do(w, cmd_gone(p.session));
    return p;
}

static struct command *hello_that_knows(struct parted p, int64_t acked)
{
    struct command *c = cmd_hello(p.w, 90, p.agent, NULL, 1);
    c->u.hello.seq = 9;
    c->u.hello.acked = acked;
    return c;
}

static void lost_commits__not_listed_may_have_run_and_does_not_go_back(void **state)
{
    struct world *w = *state;
    struct parted p = part(w, false, (struct retry){0});
    world_do(w, hello_that_knows(p, 7));
    assert_int_equal(world_effect(w, EFFECT_WELCOME)->u.welcome.seq, 7); /* none comes again */
    assert_int_equal(world_state(w, p.job), JOB_FAILED);
    assert_int_equal(world_reason(w, p.job), REASON_INTERRUPTED);
    world_do(w, cmd_gone(90));
    world_crash(w); /* it is told once */
    struct command *c = cmd_hello(w, ++w->sessions, p.agent, NULL, 1);
    world_do(w, c);
    assert_int_equal(world_effect(w, EFFECT_WELCOME)->u.welcome.seq, 7);
}

static void lost_commits__with_a_retry_it_is_tried_again_as_another_attempt(void **state)
{
    struct world *w = *state;
    struct parted p =
        part(w, false,
             (struct retry){.type = RETRY_CONSTANT, .interval_ms = 1000, .max_attempts = 3});
    world_do(w, hello_that_knows(p, 7));
    assert_int_equal(world_state(w, p.job), JOB_RETRYING);
}

static void nothing_lost__what_is_not_listed_goes_back(void **state)
{
    struct world *w = *state;
    struct parted p = part(w, false, (struct retry){0});
    world_do(w, hello_that_knows(p, 0)); /* an agent that does not say */
    assert_int_equal(world_state(w, p.job), JOB_CREATED);
}

static void another_journal__tells_nothing_of_lost_commits(void **state)
{
    struct world *w = *state;
    struct parted p = part(w, false, (struct retry){0});
    struct command *c = hello_that_knows(p, 7);
    mem_free(c->u.hello.journal_id);
    c->u.hello.journal_id = mem_strdup("another");
    world_do(w, c);
    assert_int_equal(world_effect(w, EFFECT_WELCOME)->u.welcome.seq, 0);
}

/* The job waits, and an agent has its very attempt. */
static void forgotten(struct world *w, bool ended, struct retry retry, enum job_state expected)
{
    int64_t agent = world_agent(w, "a", NULL);
    world_do(w, cmd_gone(world_connect(w, agent, NULL, 1)));
    struct command *c = cmd_submit(w, NULL, NULL);
    c->u.submit.job.retry = retry;
    world_do(w, c);
    int64_t job = world_reply(w)->id;
    c = cmd_hello(w, ++w->sessions, agent, NULL, 1);
    cmd_hello_attempt(c, job, 1, ended);
    world_do(w, c);
    assert_int_equal(world_effect(w, EFFECT_DISCARD)->u.discard.job, job);
    assert_int_equal(world_state(w, job), expected);
    world_do(w, cmd_ready(w->sessions));
    const struct effect *x = world_effect(w, EFFECT_JOB);
    assert_int_equal(x != NULL, expected == JOB_CREATED);
}

static void forgotten_hand_out__is_not_handed_out_again(void **state)
{
    forgotten(*state, false, (struct retry){0}, JOB_FAILED);
}

static void forgotten_hand_out_with_a_retry__is_another_attempt(void **state)
{
    forgotten(*state, false,
              (struct retry){.type = RETRY_CONSTANT, .interval_ms = 60000, .max_attempts = 3},
              JOB_RETRYING);
}

static void forgotten_hand_out_that_was_declined__is_handed_out(void **state)
{
    forgotten(*state, true, (struct retry){0}, JOB_CREATED);
}

static void forgotten_hand_out_that_ended__is_not_handed_out_again_when_commits_are_lost(
    void **state)
{
    struct world *w = *state;
    int64_t agent = world_agent(w, "a", NULL);
    world_do(w, cmd_gone(world_connect(w, agent, NULL, 1)));
    int64_t job = world_submit(w, NULL, NULL);
    struct command *c = cmd_hello(w, ++w->sessions, agent, NULL, 1);
    c->u.hello.seq = 9; /* the last of them ended it, and was not acknowledged */
    c->u.hello.acked = 7;
    cmd_hello_attempt(c, job, 1, true);
    world_do(w, c);
    assert_int_equal(world_effect(w, EFFECT_DISCARD)->u.discard.job, job);
    assert_int_equal(world_state(w, job), JOB_FAILED);
    assert_int_equal(world_reason(w, job), REASON_INTERRUPTED);
}

static void forgotten_hand_out_that_ended__its_end_is_not_that_of_the_next_one(void **state)
{
    struct world *w = *state;
    int64_t agent = world_agent(w, "a", NULL);
    world_do(w, cmd_gone(world_connect(w, agent, NULL, 1)));
    int64_t job = world_submit(w, NULL, NULL);
    struct command *c = cmd_hello(w, ++w->sessions, agent, NULL, 1);
    uint64_t session = w->sessions;
    c->u.hello.seq = 3; /* none was acknowledged, so that the loss is not seen */
    cmd_hello_attempt(c, job, 1, true);
    world_do(w, c);
    world_do(w, cmd_ready(session));
    assert_int_equal(world_effect(w, EFFECT_JOB)->u.job.attempt, 1);
    world_do(w, cmd_started(session, 1, job, 1));
    world_do(w, cmd_output(session, 2, job, 1, 0, "of the former one"));
    world_do(w, cmd_finished(session, 3, job, 1, JOB_SUCCESS, REASON_NONE));
    assert_int_equal(world_effect(w, EFFECT_ACK)->u.ack.seq, 3);
    assert_null(world_effect(w, EFFECT_DISCARD)); /* the agent would drop the one that it has */
    assert_int_equal(world_state(w, job), JOB_SUBMITTED);
    world_do(w, cmd_started(session, 4, job, 1));
    world_do(w, cmd_output(session, 5, job, 1, 0, "mine"));
    world_do(w, cmd_finished(session, 6, job, 1, JOB_SUCCESS, REASON_NONE));
    assert_int_equal(world_state(w, job), JOB_SUCCESS);
    int64_t bytes, remarks;
    assert_int_equal(store_output_bytes(w->store, job, 1, &bytes, &remarks, NULL), 0);
    assert_int_equal(bytes, 4);
}

static void attempt_of_a_journal_whose_hello_is_lost__is_not_handed_out_again(void **state)
{
    struct world *w = *state;
    int64_t agent = world_agent(w, "a", NULL);
    world_do(w, cmd_gone(world_connect(w, agent, NULL, 1)));
    int64_t job = world_submit(w, NULL, NULL), ended = world_submit(w, NULL, NULL);
    struct command *c = cmd_hello(w, ++w->sessions, agent, NULL, 1);
    mem_free(c->u.hello.journal_id);
    c->u.hello.journal_id = mem_strdup("another");
    cmd_hello_attempt(c, job, 1, false);
    cmd_hello_attempt(c, ended, 1, true);
    world_do(w, c);
    assert_int_equal(world_state(w, job), JOB_FAILED);
    assert_int_equal(world_reason(w, job), REASON_INTERRUPTED);
    assert_int_equal(world_state(w, ended), JOB_FAILED);
}

static void attempt_of_an_agent_whose_first_hello_is_lost__is_not_handed_out_again(void **state)
{
    struct world *w = *state;
    int64_t agent = world_agent(w, "a", NULL), job = world_submit(w, NULL, NULL);
    struct command *c = cmd_hello(w, ++w->sessions, agent, NULL, 1);
    cmd_hello_attempt(c, job, 1, false);
    world_do(w, c);
    assert_int_equal(world_state(w, job), JOB_FAILED);
}

static void attempt_of_a_copied_journal__fences_nothing(void **state)
{
    struct world *w = *state;
    int64_t agent = world_agent(w, "a", NULL);
    world_do(w, cmd_gone(world_connect(w, agent, NULL, 1)));
    int64_t job = world_submit(w, NULL, NULL);
    struct command *c = cmd_hello(w, ++w->sessions, agent, NULL, 1);
    mem_free(c->u.hello.host_id);
    c->u.hello.host_id = mem_strdup("another machine");
    c->u.hello.acked = 7;
    cmd_hello_attempt(c, job, 1, false);
    world_do(w, c);
    assert_int_equal(world_effect(w, EFFECT_WELCOME)->u.welcome.seq, 0);
    assert_int_equal(world_state(w, job), JOB_CREATED);
}

static void attempt_of_a_journal_that_lost_entries__fences_nothing(void **state)
{
    struct world *w = *state;
    struct parted p = part(w, false, (struct retry){0});
    struct command *c = cmd_hello(w, 90, p.agent, NULL, 1);
    cmd_hello_attempt(c, p.job, 1, false);
    world_do(w, c);
    world_do(w, cmd_declined(90, 5, p.job, 1));
    assert_int_equal(world_state(w, p.job), JOB_CREATED);
    world_do(w, cmd_gone(90));
    c = cmd_hello(w, 91, p.agent, NULL, 1);
    c->u.hello.seq = 4; /* its machine lost power, and the end that it told of is lost */
    cmd_hello_attempt(c, p.job, 1, false);
    world_do(w, c);
    assert_int_equal(world_state(w, p.job), JOB_CREATED);
}

static void forgotten_retry__does_not_begin_again(void **state)
{
    struct world *w = *state;
    struct retry retry = {.type = RETRY_CONSTANT, .interval_ms = 60000, .max_attempts = 3};
    struct parted p = part(w, true, retry);
    world_do(w, cmd_hello(w, 90, p.agent, NULL, 1)); /* without it */
    assert_int_equal(world_state(w, p.job), JOB_RETRYING);
    world_do(w, cmd_gone(90));
    struct command *c = cmd_hello(w, 91, p.agent, NULL, 1);
    c->u.hello.seq = 2;
    cmd_hello_attempt(c, p.job, 2, false);
    world_do(w, c);
    assert_int_equal(world_effect(w, EFFECT_DISCARD)->u.discard.attempt, 2);
    assert_int_equal(world_state(w, p.job), JOB_FAILED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(lost_commits__not_listed_may_have_run_and_does_not_go_back),
        WORLD_TEST(lost_commits__with_a_retry_it_is_tried_again_as_another_attempt),
        WORLD_TEST(nothing_lost__what_is_not_listed_goes_back),
        WORLD_TEST(another_journal__tells_nothing_of_lost_commits),
        WORLD_TEST(forgotten_hand_out__is_not_handed_out_again),
        WORLD_TEST(forgotten_hand_out_with_a_retry__is_another_attempt),
        WORLD_TEST(forgotten_hand_out_that_was_declined__is_handed_out),
        WORLD_TEST(forgotten_hand_out_that_ended__is_not_handed_out_again_when_commits_are_lost),
        WORLD_TEST(forgotten_hand_out_that_ended__its_end_is_not_that_of_the_next_one),
        WORLD_TEST(attempt_of_a_journal_whose_hello_is_lost__is_not_handed_out_again),
        WORLD_TEST(attempt_of_an_agent_whose_first_hello_is_lost__is_not_handed_out_again),
        WORLD_TEST(attempt_of_a_copied_journal__fences_nothing),
        WORLD_TEST(attempt_of_a_journal_that_lost_entries__fences_nothing),
        WORLD_TEST(forgotten_retry__does_not_begin_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

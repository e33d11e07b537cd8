/* Removing agents: not while they run jobs, unless it is by force. */
#include "engine_world.h"

#include "base/id.h"
#include "base/mem.h"
#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>

static void drain_or_remove__no_such_agent(void **state)
{
    struct world *w = *state;
    static const enum command_type types[] = {CMD_AGENT_DRAIN, CMD_AGENT_RESUME, CMD_AGENT_REMOVE};
    for (size_t i = 0; i < 3; i++) {
        world_do(w, cmd_id(w, types[i], 99));
        assert_int_equal(world_reply(w)->rc, ERR_NOT_FOUND);
    }
    int64_t a = world_agent(w, "a", NULL);
    world_do(w, cmd_id(w, CMD_AGENT_REMOVE, a));
    world_do(w, cmd_id(w, CMD_AGENT_REMOVE, a));
    assert_int_equal(world_reply(w)->rc, ERR_NOT_FOUND);
}

static void removed__idle__its_session_ends(void **state)
{
    struct world *w = *state;
    int64_t a = world_agent(w, "a", NULL);
    uint64_t s = world_connect(w, a, NULL, 1);
    world_do(w, cmd_id(w, CMD_AGENT_REMOVE, a));
    assert_int_equal(world_effect(w, EFFECT_CLOSE)->session, s);
    world_submit(w, NULL, NULL);
    assert_null(world_effect(w, EFFECT_JOB));
}

/* Refused, with this sentence. */
static void assert_busy(struct world *w, int64_t agent, const char *sentence)
{
    world_do(w, cmd_id(w, CMD_AGENT_REMOVE, agent));
    const struct reply *x = world_reply(w);
    assert_int_equal(x->rc, ERR_CONFLICT);
    assert_string_equal(x->code, "agent-busy");
    assert_string_equal(err_text(&x->err), sentence);
    assert_non_null(strstr(x->hint, "drain"));
    assert_non_null(strstr(x->hint, "--force"));
    assert_null(world_effect(w, EFFECT_KILL));
    assert_null(world_effect(w, EFFECT_CLOSE));
}

static void removed__holding_jobs__is_refused_and_nothing_changes(void **state)
{
    struct world *w = *state;
    int64_t a = world_agent(w, "a", NULL), jobs[5];
    char ids[5][ID_TEXT_SIZE];
    uint64_t s = world_connect(w, a, NULL, 9);
    jobs[0] = world_running(w, s, NULL, 1);
    id_format(jobs[0], ids[0]);
    char *sentence = str_dupf("the agent 'a' runs 1 job: %s", ids[0]);
    assert_busy(w, a, sentence);
    mem_free(sentence);
    for (int i = 1; i < 5; i++) {
        jobs[i] = world_submit(w, NULL, NULL); /* handed out, not begun: these count as well */
        id_format(jobs[i], ids[i]);
    }
    sentence = str_dupf("the agent 'a' runs 5 jobs: %s, %s, %s and 2 more", ids[4], ids[3], ids[2]);
    assert_busy(w, a, sentence);
    mem_free(sentence);
    for (int i = 0; i < 5; i++)
        assert_int_equal(world_state(w, jobs[i]), i == 0 ? JOB_RUNNING : JOB_SUBMITTED);
    world_do(w, cmd_finished(s, 2, jobs[0], 1, JOB_SUCCESS, REASON_NONE));
    assert_int_equal(world_state(w, jobs[0]), JOB_SUCCESS); /* its results count */
}

static void removed__drained_before__is_gone_at_once(void **state)
{
    struct world *w = *state;
    int64_t a = world_agent(w, "a", NULL);
    uint64_t s = world_connect(w, a, NULL, 2);
    int64_t job = world_running(w, s, NULL, 1);
    world_do(w, cmd_id(w, CMD_AGENT_DRAIN, a));
    world_do(w, cmd_finished(s, 2, job, 1, JOB_SUCCESS, REASON_NONE));
    world_do(w, cmd_id(w, CMD_AGENT_REMOVE, a));
    assert_int_equal(world_reply(w)->rc, 0);
    assert_int_equal(world_effect(w, EFFECT_CLOSE)->session, s);
}

static void removed__away_or_after_a_restart__its_jobs_count_as_running(void **state)
{
    struct world *w = *state;
    int64_t a = world_agent(w, "a", NULL);
    char id[ID_TEXT_SIZE];
    uint64_t s = world_connect(w, a, NULL, 1);
    int64_t job = world_running(w, s, NULL, 1);
    id_format(job, id);
    char *sentence = str_dupf("the agent 'a' is offline and may still run 1 job: %s", id);
    world_do(w, cmd_gone(s));
    assert_busy(w, a, sentence);
    world_crash(w);
    assert_busy(w, a, sentence);
    mem_free(sentence);
    world_live(w, 315000); /* the lease is over: the job is lost, and nothing stands against it */
    assert_int_equal(world_state(w, job), JOB_FAILED);
    world_do(w, cmd_id(w, CMD_AGENT_REMOVE, a));
    assert_int_equal(world_reply(w)->rc, 0);
}

static struct command *cmd_remove_by_force(struct world *w, int64_t agent)
{
    struct command *c = cmd_id(w, CMD_AGENT_REMOVE, agent);
    c->flag = true;
    return c;
}

static void removed__holding_jobs__kills_them_first_and_no_result_counts(void **state)
{
    struct world *w = *state;
    int64_t a = world_agent(w, "a", NULL);
    uint64_t s = world_connect(w, a, NULL, 2);
    int64_t one = world_running(w, s, NULL, 1);
    struct command *c = cmd_submit(w, NULL, NULL);
    c->u.submit.job.retry = (struct retry){.type = RETRY_CONSTANT, .max_attempts = 2};
    world_do(w, c);
    int64_t two = world_reply(w)->id;
    world_do(w, cmd_remove_by_force(w, a));
    assert_int_equal(world_reply(w)->rc, 0);
    assert_int_equal(world_effects(w, EFFECT_KILL), 2);
    assert_string_equal(world_effect_for(w, EFFECT_KILL, one)->u.kill.reason, "cancelled");
    assert_null(world_effect(w, EFFECT_CLOSE));
    /* It may be alive: no second attempt before its end is told. */
    assert_int_equal(world_state(w, two), JOB_KILLING);
    int64_t waits = world_submit(w, NULL, NULL);
    assert_int_equal(world_state(w, waits), JOB_CREATED);
    world_do(w, cmd_finished(s, 2, one, 1, JOB_SUCCESS, REASON_NONE));
    assert_int_equal(world_state(w, one), JOB_FAILED);
    assert_int_equal(world_reason(w, one), REASON_LOST);
    world_do(w, cmd_finished(s, 3, two, 1, JOB_KILLED, REASON_CANCELLED));
    assert_int_equal(world_effect(w, EFFECT_CLOSE)->session, s);
    world_live(w, 1000);
    int64_t b = world_agent(w, "b", NULL);
    world_connect(w, b, NULL, 2);
    assert_non_null(world_effect_for(w, EFFECT_JOB, two));
    assert_int_equal(world_effect_for(w, EFFECT_JOB, two)->u.job.attempt, 2);
    world_do(w, cmd_hello(w, ++w->sessions, a, NULL, 1));
    assert_string_equal(world_effect(w, EFFECT_REFUSED)->u.refused.code, "revoked");
}

static void removed__holding_a_job_that_does_not_end__the_kill_has_a_deadline(void **state)
{
    struct world *w = *state;
    int64_t a = world_agent(w, "a", NULL);
    uint64_t s = world_connect(w, a, NULL, 1);
    int64_t id = world_running(w, s, NULL, 1);
    world_do(w, cmd_remove_by_force(w, a));
    for (int i = 0; i < 33; i++) {
        world_live(w, 10000);
        world_do(w, cmd_heard_on(w, s));
    }
    assert_int_equal(world_state(w, id), JOB_FAILED);
    assert_int_equal(world_reason(w, id), REASON_LOST);
}

static void removed__away__its_jobs_are_lost_at_lease_end(void **state)
{
    struct world *w = *state;
    int64_t a = world_agent(w, "a", NULL);
    uint64_t s = world_connect(w, a, NULL, 1);
    int64_t id = world_running(w, s, NULL, 1);
    world_do(w, cmd_gone(s));
    world_do(w, cmd_remove_by_force(w, a));
    assert_int_equal(world_state(w, id),
                     JOB_RUNNING); /* it may be alive: the lease says when it is not */
    world_live(w, 315000);
    assert_int_equal(world_state(w, id), JOB_FAILED);
    assert_int_equal(world_reason(w, id), REASON_LOST);
}

static void removed__by_force_and_not_reported__is_not_lost_before_the_lease_is_over(void **state)
{
    struct world *w = *state;
    int64_t a = world_agent(w, "a", NULL);
    uint64_t s = world_connect(w, a, NULL, 1);
    struct command *c = cmd_submit(w, NULL, NULL);
    c->u.submit.job.retry = (struct retry){.type = RETRY_CONSTANT, .max_attempts = 2};
    world_do(w, c);
    int64_t id = world_reply(w)->id;
    world_do(w, cmd_started(s, 1, id, 1));
    world_do(w, cmd_remove_by_force(w, a));
    assert_int_equal(world_state(w, id), JOB_KILLING);
    world_live(w, 1000);
    world_do(w, cmd_gone(s)); /* it goes without a word of the job */
    world_connect(w, world_agent(w, "b", NULL), NULL, 1);
    world_live(w, 298000);
    assert_int_equal(world_state(w, id), JOB_KILLING);
    world_crash(w); /* every lease begins afresh */
    world_live(w, 299000);
    assert_int_equal(world_state(w, id), JOB_KILLING);
    world_live(w, 16000);
    assert_int_equal(world_state(w, id), JOB_CREATED); /* the next attempt may begin elsewhere */
    struct job_row row = world_job(w, id);
    assert_int_equal(row.attempt, 2);
    job_row_fini(&row);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(drain_or_remove__no_such_agent),
        WORLD_TEST(removed__idle__its_session_ends),
        WORLD_TEST(removed__holding_jobs__is_refused_and_nothing_changes),
        WORLD_TEST(removed__drained_before__is_gone_at_once),
        WORLD_TEST(removed__away_or_after_a_restart__its_jobs_count_as_running),
        WORLD_TEST(removed__holding_jobs__kills_them_first_and_no_result_counts),
        WORLD_TEST(removed__by_force_and_not_reported__is_not_lost_before_the_lease_is_over),
        WORLD_TEST(removed__holding_a_job_that_does_not_end__the_kill_has_a_deadline),
        WORLD_TEST(removed__away__its_jobs_are_lost_at_lease_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

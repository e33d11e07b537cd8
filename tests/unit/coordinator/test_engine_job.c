/* The life of a job, from submit to its end. */
#include "engine_world.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>

static int open_world(void **state)
{
    struct world *w = mem_alloc(sizeof *w);
    world_open(w);
    *state = w;
    return 0;
}

static int close_world(void **state)
{
    world_close(*state);
    mem_free(*state);
    return 0;
}

static void submit__agent_ready__handed_out_in_the_same_batch(void **state)
{
    struct world *w = *state;
    uint64_t s = world_connect(w, world_agent(w, "a", NULL), NULL, 2);
    struct command *c = cmd_submit(w, NULL, NULL);
    c->u.submit.job.ns = mem_strdup("company.team");
    c->u.submit.job.name = mem_strdup("say \"hi\"");
    c->u.submit.job.timeout_ms = 60000;
    assert_int_equal(world_do(w, c), 0);
    int64_t id = world_reply(w)->id;
    assert_true(id > 0);
    const struct effect *x = world_effect(w, EFFECT_JOB);
    assert_non_null(x);
    assert_int_equal(x->session, s);
    assert_int_equal(x->job, id);
    assert_int_equal(x->attempt, 1);
    assert_int_equal(x->ms, 300000);
    assert_int_equal(x->ms2, 60000);
    assert_int_equal(x->seq, 64 * 1024 * 1024);
    assert_string_equal(
        x->json,
        "{\"namespace\":\"company.team\",\"name\":\"say \\\"hi\\\"\",\"command\":[\"true\"]}");
    assert_int_equal(world_state(w, id), JOB_SUBMITTED);
}

static void life__submit_start_finish__success_and_acknowledged(void **state)
{
    struct world *w = *state;
    uint64_t s = world_connect(w, world_agent(w, "a", NULL), NULL, 1);
    int64_t id = world_running(w, s, NULL, 1);
    assert_int_equal(world_effect(w, EFFECT_ACK)->seq, 1);
    struct command *c = cmd_finished(s, 2, id, 1, JOB_SUCCESS, REASON_NONE);
    c->u.event.outputs = mem_strdup("{\"k\":\"v\"}");
    assert_int_equal(world_do(w, c), 0);
    assert_int_equal(world_effect(w, EFFECT_ACK)->seq, 2);
    assert_true(world_effect_for(w, EFFECT_JOB_CHANGED, id)->flag);
    struct job j = world_job(w, id);
    assert_int_equal(j.state, JOB_SUCCESS);
    assert_true(j.exited);
    assert_int_equal(j.exit_code, 0);
    job_fini(&j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(submit__agent_ready__handed_out_in_the_same_batch,
                                        open_world, close_world),
        cmocka_unit_test_setup_teardown(life__submit_start_finish__success_and_acknowledged,
                                        open_world, close_world),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

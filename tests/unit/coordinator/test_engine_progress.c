/* What the metrics are told of jobs: each step once, of the right group, and nothing of a batch
 * that failed. */
#include "engine_world.h"

#include "base/mem.h"
#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define LEASE 300000
#define KILL_TIME 15000
#define AT(state) ((state)-JOB_SUCCESS)

static bool no_commit; /* commits fail: the disk is full */

int __real_store_commit(struct store *s, struct err *e);
int __wrap_store_commit(struct store *s, struct err *e);
int __wrap_store_commit(struct store *s, struct err *e)
{
    if (!no_commit) return __real_store_commit(s, e);
    store_rollback(s);
    return err_set(e, ERR_FULL, "no space left (test)");
}

/* Of the group, NULL: nothing was told of it in the last batch. */
static const struct effect_progress *of(const struct world *w, const char *group)
{
    const struct effect_progress *found = NULL;
    for (const struct effect *x = w->effects.first; x; x = x->next) {
        if (x->type != EFFECT_PROGRESS || !str_eq(x->u.progress.group, group)) continue;
        assert_null(found); /* one for a batch */
        assert_int_equal(x->session, 0);
        found = &x->u.progress;
    }
    return found;
}

static uint64_t count(const struct effect_times *t)
{
    uint64_t all = 0;
    for (int i = 0; i < HISTOGRAM_STEPS; i++)
        all += t->counts[i];
    return all;
}

static void life_of_a_job__is_told_step_by_step(void **state)
{
    struct world *w = *state;
    world_group(w, "gpu", NULL);
    int64_t id = world_submit(w, "gpu", NULL);
    assert_int_equal(of(w, "gpu")->created, 1);
    assert_int_equal(of(w, "gpu")->handed_out, 0);
    assert_null(of(w, "default"));
    world_pass(w, 5000);
    uint64_t s = world_connect(w, world_agent(w, "a", "gpu"), "gpu", 1);
    const struct effect_progress *p = of(w, "gpu");
    assert_int_equal(p->created, 0);
    assert_int_equal(p->handed_out, 1);
    assert_int_equal(count(&p->waits), 1);
    assert_int_equal(p->waits.sum_ms, 5000);
    assert_int_equal(p->waits.counts[histogram_step(5000)], 1);
    world_do(w, cmd_started(s, 1, id, 1));
    assert_null(of(w, "gpu")); /* a start is no number */
    world_pass(w, 700);
    world_do(w, cmd_finished(s, 2, id, 1, JOB_SUCCESS, REASON_NONE));
    p = of(w, "gpu");
    assert_int_equal(p->ended[AT(JOB_SUCCESS)], 1);
    assert_int_equal(p->ended[AT(JOB_FAILED)] + p->retried + p->lost + p->created, 0);
    assert_int_equal(count(&p->runs), 1);
    assert_int_equal(p->runs.sum_ms, 700);
    assert_int_equal(count(&p->waits), 0);
}

static void batch__tells_of_each_group_once(void **state)
{
    struct world *w = *state;
    world_group(w, "gpu", NULL);
    uint64_t s = world_connect(w, world_agent(w, "a", NULL), NULL, 3);
    (void)s;
    world_begin(w);
    for (int i = 0; i < 5; i++)
        world_apply(w, cmd_submit(w, i < 3 ? NULL : "gpu", NULL));
    assert_int_equal(world_commit(w), 0);
    assert_int_equal(of(w, "default")->created, 3);
    assert_int_equal(of(w, "default")->handed_out, 3);
    assert_int_equal(of(w, "gpu")->created, 2);
    assert_int_equal(of(w, "gpu")->handed_out, 0);
    assert_int_equal(world_effects(w, EFFECT_PROGRESS), 2);
}

static void retry__counts_each_run_and_the_first_wait(void **state)
{
    struct world *w = *state;
    uint64_t s = world_connect(w, world_agent(w, "a", NULL), NULL, 1);
    struct command *c = cmd_submit(w, NULL, NULL);
    c->u.submit.job.retry =
        (struct retry){.type = RETRY_CONSTANT, .interval_ms = 1000, .max_attempts = 2};
    world_do(w, c);
    int64_t id = world_reply(w)->id;
    world_do(w, cmd_started(s, 1, id, 1));
    world_pass(w, 40);
    world_do(w, cmd_finished(s, 2, id, 1, JOB_FAILED, REASON_EXIT_CODE));
    const struct effect_progress *p = of(w, "default");
    assert_int_equal(p->retried, 1);
    assert_int_equal(p->runs.sum_ms, 40);
    assert_int_equal(p->ended[AT(JOB_FAILED)], 0);
    world_live(w, 1000);
    p = of(w, "default");
    assert_int_equal(p->handed_out, 1);
    assert_int_equal(count(&p->waits), 0);
    assert_int_equal(p->created, 0);
    world_do(w, cmd_started(s, 3, id, 2));
    world_pass(w, 50);
    world_do(w, cmd_finished(s, 4, id, 2, JOB_FAILED, REASON_EXIT_CODE));
    p = of(w, "default");
    assert_int_equal(p->retried, 0);
    assert_int_equal(p->ended[AT(JOB_FAILED)], 1);
    assert_int_equal(p->runs.sum_ms, 50);
}

static void lease_that_is_over__is_lost_and_ended(void **state)
{
    struct world *w = *state;
    uint64_t s = world_connect(w, world_agent(w, "a", NULL), NULL, 1);
    (void)world_running(w, s, NULL, 1);
    world_do(w, cmd_gone(s));
    assert_null(of(w, "default"));
    world_live(w, LEASE + KILL_TIME);
    const struct effect_progress *p = of(w, "default");
    assert_int_equal(p->lost, 1);
    assert_int_equal(p->ended[AT(JOB_FAILED)], 1);
    assert_int_equal(count(&p->runs), 1);
}

static void job_that_never_ran__has_no_run(void **state)
{
    struct world *w = *state;
    int64_t queued = world_submit(w, NULL, NULL);
    world_do(w, cmd_id(w, CMD_CANCEL, queued));
    assert_int_equal(of(w, "default")->ended[AT(JOB_CANCELLED)], 1);
    assert_int_equal(count(&of(w, "default")->runs), 0);
    uint64_t s = world_connect(w, world_agent(w, "a", NULL), NULL, 1);
    int64_t id = world_submit(w, NULL, NULL);
    world_do(w, cmd_declined(s, 1, id, 1)); /* goes back, and out again */
    assert_int_equal(count(&of(w, "default")->runs), 0);
    assert_int_equal(of(w, "default")->ended[AT(JOB_FAILED)], 0);
}

static void job_of_a_group_that_is_deleted__is_of_that_group(void **state)
{
    struct world *w = *state;
    world_group(w, "gpu", NULL);
    (void)world_submit(w, "gpu", NULL);
    struct command *c = cmd_text(w, CMD_GROUP_DELETE, "gpu");
    c->flag = true;
    world_do(w, c);
    world_live(w, 1000);
    uint64_t ended = 0;
    for (const struct effect *x = w->effects.first; x; x = x->next)
        if (x->type == EFFECT_PROGRESS && str_eq(x->u.progress.group, "gpu"))
            ended += x->u.progress.ended[AT(JOB_FAILED)];
    if (ended == 0) assert_int_equal(of(w, "gpu")->ended[AT(JOB_FAILED)], 1);
}

static void evaluation__counts_among_evaluations_alone(void **state)
{
    struct world *w = *state;
    uint64_t s = world_connect(w, world_agent(w, "a", NULL), NULL, 1);
    struct command *c = cmd_submit(w, NULL, NULL);
    c->u.submit.job.kind = JOB_TRIGGER;
    world_do(w, c);
    int64_t id = world_reply(w)->id;
    assert_non_null(world_effect_for(w, EFFECT_JOB, id));
    assert_null(of(w, "default"));
    world_do(w, cmd_started(s, 1, id, 1));
    world_pass(w, 700);
    world_do(w, cmd_finished(s, 2, id, 1, JOB_SUCCESS, REASON_NONE));
    const struct effect_progress *p = of(w, "default");
    assert_int_equal(p->evaluations[AT(shown_state(JOB_TRIGGER, JOB_SUCCESS, 0))], 1);
    assert_int_equal(p->ended[AT(JOB_SUCCESS)], 0);
    assert_int_equal(count(&p->runs), 0);
}

static void clock_that_was_set_back__makes_no_negative_wait(void **state)
{
    struct world *w = *state;
    (void)world_submit(w, NULL, NULL);
    w->now.wall_ms -= 3600000;
    (void)world_connect(w, world_agent(w, "a", NULL), NULL, 1);
    assert_int_equal(count(&of(w, "default")->waits), 1);
    assert_int_equal(of(w, "default")->waits.sum_ms, 0);
    assert_int_equal(of(w, "default")->waits.counts[0], 1);
}

static void batch_that_fails__tells_nothing(void **state)
{
    struct world *w = *state;
    world_do(w, cmd_submit(w, NULL, NULL));
    assert_int_equal(of(w, "default")->created, 1);
    no_commit = true;
    world_begin(w);
    world_apply(w, cmd_submit(w, NULL, NULL));
    assert_int_equal(world_commit(w), ERR_FULL);
    no_commit = false;
    assert_int_equal(world_effects(w, EFFECT_PROGRESS), 0);
    world_do(w, cmd_submit(w, NULL, NULL));
    assert_int_equal(of(w, "default")->created, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(life_of_a_job__is_told_step_by_step),
        WORLD_TEST(batch__tells_of_each_group_once),
        WORLD_TEST(retry__counts_each_run_and_the_first_wait),
        WORLD_TEST(lease_that_is_over__is_lost_and_ended),
        WORLD_TEST(job_that_never_ran__has_no_run),
        WORLD_TEST(job_of_a_group_that_is_deleted__is_of_that_group),
        WORLD_TEST(evaluation__counts_among_evaluations_alone),
        WORLD_TEST(clock_that_was_set_back__makes_no_negative_wait),
        WORLD_TEST(batch_that_fails__tells_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

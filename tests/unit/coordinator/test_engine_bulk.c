/* Many jobs in one command: cancelled or run again, each as it is by then. */
#include "engine_world.h"

#include "base/mem.h"
#include "base/str.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#define OPEN ((UINT32_C(1) << (JOB_RETRYING + 1)) - 1)

static struct command *several(struct world *w, enum command_type type, const int64_t *jobs,
                               size_t count)
{
    struct command *c = command_new(type);
    c->request = ++w->requests;
    c->u.several.jobs = mem_dup(jobs, count * sizeof *jobs);
    c->u.several.count = count;
    c->u.several.states = OPEN;
    return c;
}

static const struct reply *ask(struct world *w, struct command *c)
{
    assert_int_equal(world_do(w, c), 0);
    const struct reply *r = world_reply(w);
    assert_int_equal(r->rc, 0);
    return r;
}

static void passed_over(const struct reply *r, size_t i, enum job_state state)
{
    assert_true(i < r->item_count);
    assert_true(r->items[i].known);
    assert_int_equal(r->items[i].state, state);
}

static void done(const struct reply *r, size_t i, enum job_state state)
{
    assert_true(i < r->item_count);
    assert_false(r->items[i].known);
    assert_null(r->items[i].refused);
    assert_int_equal(r->items[i].state, state);
}

static void cancel__ends_what_waits_and_kills_what_runs(void **state)
{
    struct world *w = *state;
    uint64_t s = world_connect(w, world_agent(w, "a", NULL), NULL, 1);
    int64_t runs = world_running(w, s, NULL, 1), waits = world_submit(w, NULL, NULL);
    const int64_t jobs[] = {waits, runs};
    const struct reply *r = ask(w, several(w, CMD_CANCEL_ALL, jobs, 2));
    assert_int_equal(r->item_count, 2);
    done(r, 0, JOB_CANCELLED);
    done(r, 1, JOB_KILLING);
    assert_false(r->known);
    assert_non_null(world_effect(w, EFFECT_KILL));
    assert_int_equal(world_state(w, waits), JOB_CANCELLED);
    assert_int_equal(world_state(w, runs), JOB_KILLING);
    r = ask(w, several(w, CMD_CANCEL_ALL, jobs, 2)); /* nothing is cancelled twice */
    passed_over(r, 0, JOB_CANCELLED);
    passed_over(r, 1, JOB_KILLING);
    assert_true(r->known);
    assert_null(world_effect(w, EFFECT_KILL));
}

static void cancel__of_jobs_that_are_only_in_the_store__survives_a_crash(void **state)
{
    struct world *w = *state;
    int64_t jobs[200];
    for (size_t i = 0; i < 200; i++)
        jobs[i] = world_submit(w, NULL, NULL);
    world_crash(w);
    const struct reply *r = ask(w, several(w, CMD_CANCEL_ALL, jobs, 100));
    for (size_t i = 0; i < 100; i++)
        done(r, i, JOB_CANCELLED);
    world_crash(w);
    r = ask(w, several(w, CMD_CANCEL_ALL, jobs, 200));
    for (size_t i = 0; i < 100; i++)
        passed_over(r, i, JOB_CANCELLED);
    for (size_t i = 100; i < 200; i++)
        done(r, i, JOB_CANCELLED);
    for (size_t i = 0; i < 200; i++)
        assert_int_equal(world_state(w, jobs[i]), JOB_CANCELLED);
}

static void cancel__passes_over_what_has_ended_or_is_not_there(void **state)
{
    struct world *w = *state;
    uint64_t s = world_connect(w, world_agent(w, "a", NULL), NULL, 1);
    int64_t ended = world_running(w, s, NULL, 1);
    assert_int_equal(world_do(w, cmd_finished(s, 2, ended, 1, JOB_SUCCESS, REASON_NONE)), 0);
    const int64_t jobs[] = {ended, 77};
    const struct reply *r = ask(w, several(w, CMD_CANCEL_ALL, jobs, 2));
    passed_over(r, 0, JOB_SUCCESS);
    passed_over(r, 1, JOB_CANCELLED);
    assert_true(r->known);
    assert_int_equal(world_state(w, ended), JOB_SUCCESS);
}

/* The list was read before the batch: a job that was waiting then may run by now. */
static void cancel__passes_over_what_no_longer_fits_the_filter(void **state)
{
    struct world *w = *state;
    world_group(w, "g", NULL);
    uint64_t s = world_connect(w, world_agent(w, "a", NULL), NULL, 1);
    int64_t runs = world_running(w, s, NULL, 1), other = world_submit(w, "g", NULL);
    const int64_t jobs[] = {runs, other};
    struct command *c = several(w, CMD_CANCEL_ALL, jobs, 2);
    c->u.several.states = UINT32_C(1) << JOB_CREATED;
    c->u.several.group = mem_strdup("default");
    const struct reply *r = ask(w, c);
    passed_over(r, 0, JOB_RUNNING);
    passed_over(r, 1, JOB_CREATED);
    c = several(w, CMD_CANCEL_ALL, jobs, 2);
    c->u.several.agent = 12345;
    r = ask(w, c);
    passed_over(r, 0, JOB_RUNNING);
    passed_over(r, 1, JOB_CREATED);
    world_crash(w); /* the same of one that is in the store alone */
    c = several(w, CMD_CANCEL_ALL, &other, 1);
    c->u.several.group = mem_strdup("default");
    passed_over(ask(w, c), 0, JOB_CREATED);
    c = several(w, CMD_CANCEL_ALL, &other, 1);
    c->u.several.group = mem_strdup("g");
    done(ask(w, c), 0, JOB_CANCELLED);
    assert_int_equal(world_state(w, runs), JOB_RUNNING);
}

static void retry__makes_a_job_for_each_that_has_ended(void **state)
{
    struct world *w = *state;
    int64_t jobs[4];
    for (size_t i = 0; i < 3; i++)
        jobs[i] = world_submit(w, NULL, NULL);
    (void)ask(w, several(w, CMD_CANCEL_ALL, jobs, 2)); /* the third one still waits */
    jobs[3] = 77;
    const struct reply *r = ask(w, several(w, CMD_RETRY_ALL, jobs, 4));
    assert_int_equal(r->item_count, 4);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(r->items[i].of, jobs[i]);
        assert_int_equal(r->items[i].refused == NULL, i < 2);
        assert_int_equal(r->items[i].id != 0, i < 2);
    }
    assert_int_equal(r->items[2].refused->rc, ERR_CONFLICT);
    assert_int_equal(r->items[3].refused->rc, ERR_NOT_FOUND);
    assert_true(r->items[0].id != r->items[1].id);
    assert_int_equal(world_state(w, r->items[0].id), JOB_CREATED);
}

static void retry__with_a_key__makes_each_job_once(void **state)
{
    struct world *w = *state;
    int64_t jobs[3], made[3];
    for (size_t i = 0; i < 3; i++)
        jobs[i] = world_submit(w, NULL, NULL);
    (void)ask(w, several(w, CMD_CANCEL_ALL, jobs, 3));
    struct command *c = several(w, CMD_RETRY_ALL, jobs, 2);
    c->u.several.unique_key = mem_strdup("k");
    const struct reply *r = ask(w, c);
    for (size_t i = 0; i < 2; i++) {
        made[i] = r->items[i].id;
        assert_false(r->items[i].known);
    }
    world_crash(w);
    c = several(w, CMD_RETRY_ALL, jobs, 3); /* a page may have more by then */
    c->u.several.unique_key = mem_strdup("k");
    r = ask(w, c);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(r->items[i].known, i < 2);
    assert_int_equal(r->items[0].id, made[0]);
    assert_int_equal(r->items[1].id, made[1]);
    assert_false(r->known);
    c = several(w, CMD_RETRY_ALL, jobs, 3);
    c->u.several.unique_key = mem_strdup("k");
    assert_true(ask(w, c)->known); /* nothing was done */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(cancel__ends_what_waits_and_kills_what_runs),
        WORLD_TEST(cancel__of_jobs_that_are_only_in_the_store__survives_a_crash),
        WORLD_TEST(cancel__passes_over_what_has_ended_or_is_not_there),
        WORLD_TEST(cancel__passes_over_what_no_longer_fits_the_filter),
        WORLD_TEST(retry__makes_a_job_for_each_that_has_ended),
        WORLD_TEST(retry__with_a_key__makes_each_job_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

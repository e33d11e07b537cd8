/* What a job costs the engine's store, counted and not timed: a group with a long queue must not
 * make another one dearer. */
#include "coordinator/store/sqlite_db.h"
#include "coordinator/store/sql_store.h"
#include "base/mem.h"
#include "coordinator/engine/group.h"
#include "engine_world.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>

#define SOME 10
#define MANY 20000

static int64_t take_steps(struct world *w)
{
    int64_t sum = 0;
    for (int i = 0; i < w->store->queue.count; i++)
        sum += sqlite3_stmt_status(sqlite_statement(w->store->queue.statements[i]),
                                   SQLITE_STMTSTATUS_VM_STEP, 1);
    return sum;
}

static void queue_up(struct world *w, int count)
{
    for (int done = 0; done < count;) {
        world_begin(w);
        for (int i = 0; i < 500 && done < count; i++, done++)
            world_apply(w, cmd_submit(w, "long", done % 2 ? "{\"gpu.count\":\">= 1\"}" : NULL));
        assert_int_equal(world_commit(w), 0);
    }
}

/* Steps of SQLite's machine in a job's way through the group "short". */
static int64_t life(struct world *w, uint64_t session, int64_t *seq)
{
    take_steps(w);
    int64_t id = world_running(w, session, "short", ++*seq);
    world_do(w, cmd_finished(session, ++*seq, id, 1, JOB_SUCCESS, REASON_NONE));
    assert_int_equal(world_state(w, id), JOB_SUCCESS);
    return take_steps(w);
}

static void long_queue_of_one_group__costs_another_nothing(void **state)
{
    struct world *w = *state;
    int64_t seq = 0;
    world_group(w, "long", NULL);
    world_group(w, "short", NULL);
    uint64_t s = world_connect(w, world_agent(w, "a", "short"), "short", 1);
    queue_up(w, SOME);
    life(w, s, &seq);
    int64_t few = life(w, s, &seq);
    queue_up(w, MANY);
    life(w, s, &seq);
    int64_t many = life(w, s, &seq);
    printf("a job's steps: %lld beside %d queued ones, %lld beside %d\n", (long long)few, SOME,
           (long long)many, SOME + MANY);
    assert_true(many <= few + few / 10);
}

static void long_queue__is_not_read_at_the_start(void **state)
{
    struct world *w = *state;
    world_group(w, "long", NULL);
    queue_up(w, SOME);
    world_restart(w);
    int64_t few = take_steps(w);
    queue_up(w, MANY);
    world_restart(w);
    int64_t many = take_steps(w);
    printf("the start's steps: %lld with %d queued ones, %lld with %d\n", (long long)few, SOME,
           (long long)many, SOME + MANY);
    assert_true(many <= few + few / 10);
}

/* ---- jobs that something is due for ---- */

static size_t watch_bytes(const struct watch *x)
{
    return x->cap * sizeof *x->items + x->places.cap * sizeof *x->places.slots;
}

/* With a queue timeout and a fallback, in a group whose only agent is busy. */
static void queue_up_watched(struct world *w, int count)
{
    for (int done = 0; done < count;) {
        world_begin(w);
        for (int i = 0; i < 500 && done < count; i++, done++) {
            struct command *c = cmd_submit(w, "g", NULL);
            c->u.submit.job.queue_timeout_ms = 3600000;
            c->u.submit.job.fallback = FALLBACK_FAIL;
            c->u.submit.fallback_given = true;
            world_apply(w, c);
        }
        assert_int_equal(world_commit(w), 0);
    }
}

static int64_t queued(struct world *w)
{
    return group_find(w->engine, "g")->queued;
}

static uint64_t busy_group(struct world *w)
{
    world_group(w, "g", NULL);
    uint64_t s = world_connect(w, world_agent(w, "a", "g"), "g", 1);
    world_running(w, s, "g", 1);
    return s;
}

static int setup_without_cache(void **state)
{
    struct world *w = mem_alloc(sizeof *w);
    w->config = (struct engine_config){.lease_ms = 300000,
                                       .heartbeat_ms = 10000,
                                       .output_limit_bytes = 1000,
                                       .kill_time_ms = 15000,
                                       .cache_bytes = 1};
    world_open(w);
    *state = w;
    return 0;
}

/* Only the id and the moment stay in memory, as long as the queue may be. */
static void jobs_with_a_queue_timeout__are_not_kept_in_memory(void **state)
{
    struct world *w = *state;
    busy_group(w);
    queue_up_watched(w, MANY);
    const struct engine *g = w->engine;
    const struct watch *fallbacks = &group_find(g, "g")->fallbacks;
    size_t each = (watch_bytes(&g->due) + watch_bytes(fallbacks)) / MANY;
    printf("%zu of %d queued jobs in memory, %zu bytes for each of the rest\n", g->jobs.count - 1,
           MANY, each);
    assert_int_equal(g->due.count, MANY);
    assert_int_equal(fallbacks->count, MANY);
    assert_int_equal(g->jobs.count, 1); /* the running one */
    assert_true(each <= 160);
    /* and the same after a start */
    world_restart(w);
    g = w->engine;
    assert_int_equal(g->due.count, MANY);
    assert_int_equal(group_find(g, "g")->fallbacks.count, MANY);
    assert_int_equal(g->jobs.count, 1);
}

static void jobs_with_a_queue_timeout__end_when_it_is_over(void **state)
{
    struct world *w = *state;
    uint64_t s = busy_group(w);
    queue_up_watched(w, SOME);
    world_pass(w, 1000);
    queue_up_watched(w, SOME);
    for (int64_t left = 3600000 - 2000; left > 0; left -= 10000) {
        world_pass(w, left < 10000 ? left : 10000);
        world_do(w, cmd_heard_on(w, s));
    }
    assert_int_equal(queued(w), 2 * SOME);
    world_pass(w, 1000);
    world_do(w, cmd_heard_on(w, s));
    assert_int_equal(queued(w), SOME);
    world_pass(w, 1000);
    world_do(w, cmd_heard_on(w, s));
    assert_int_equal(queued(w), 0);
    assert_int_equal(w->engine->due.count, 0);
}

/* The last agent leaves: what falls back does so, a bounded number in one go. */
static void jobs_with_a_fallback__end_in_steps_when_the_group_is_empty(void **state)
{
    struct world *w = *state;
    uint64_t s = busy_group(w);
    int count = 1200, most = 0;
    queue_up_watched(w, count);
    world_do(w, cmd_gone(s));
    world_pass(w, 60000);
    for (int64_t left = queued(w); left > 0; left = queued(w)) {
        world_tick(w);
        int ended = (int)(left - queued(w));
        assert_true(ended > 0);
        if (ended > most) most = ended;
        world_pass(w, 1);
    }
    assert_true(most <= 500);
    assert_int_equal(w->engine->due.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(jobs_with_a_queue_timeout__are_not_kept_in_memory,
                                        setup_without_cache, world_teardown),
        WORLD_TEST(jobs_with_a_queue_timeout__end_when_it_is_over),
        WORLD_TEST(jobs_with_a_fallback__end_in_steps_when_the_group_is_empty),
        WORLD_TEST(long_queue_of_one_group__costs_another_nothing),
        WORLD_TEST(long_queue__is_not_read_at_the_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* What a job costs the engine's store, counted and not timed: a group with a long queue must not
 * make another one dearer. */
#include "coordinator/store/sqlite_store.h"
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
        sum += sqlite3_stmt_status(w->store->queue.statements[i], SQLITE_STMTSTATUS_VM_STEP, 1);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(long_queue_of_one_group__costs_another_nothing),
        WORLD_TEST(long_queue__is_not_read_at_the_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Where a job goes that failed before. */
#include "fleet.h"

#include "base/mem.h"
#include "base/str.h"
#include "coordinator/store/sqlite_db.h"
#include "coordinator/store/sql_store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>

static struct command *submit_retried(struct world *w, const char *requires, int64_t attempts,
                                      int64_t interval_ms)
{
    struct command *c = cmd_submit(w, NULL, requires);
    c->u.submit.job.retry = (struct retry){.type = RETRY_CONSTANT,
                                           .interval_ms = interval_ms,
                                           .max_attempts = attempts};
    return c;
}

static int64_t submit(struct world *w, int64_t attempts)
{
    assert_int_equal(world_do(w, submit_retried(w, NULL, attempts, 1000)), 0);
    assert_int_equal(world_reply(w)->rc, 0);
    return world_reply(w)->id;
}

/* It fails there, and its next attempt comes due. */
static void fails(struct fleet *f, int agent, int64_t job, int64_t attempt, enum reason reason)
{
    world_do(f->w, cmd_started(f->sessions[agent], ++f->seq, job, attempt));
    world_do(f->w, cmd_finished(f->sessions[agent], ++f->seq, job, attempt, JOB_FAILED, reason));
    assert_int_equal(world_state(f->w, job), JOB_RETRYING);
    world_pass(f->w, 1000);
    world_tick(f->w);
}

static void retry__goes_where_it_did_not_fail(void **state)
{
    struct world *w = *state;
    static const enum reason reasons[] = {REASON_EXIT_CODE, REASON_NOT_STARTED, REASON_TIMEOUT,
                                          REASON_INTERRUPTED};
    static const int64_t slots[] = {3, 2};
    struct fleet f;
    fleet_open(&f, w, slots, 2);
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++) {
        int64_t id = submit(w, 4);
        assert_int_equal(fleet_got(&f, id), 0);
        fails(&f, 0, id, 1, reasons[i]);
        assert_int_equal(fleet_got(&f, id), 1);
        world_do(w, cmd_finished(f.sessions[1], ++f.seq, id, 2, JOB_SUCCESS, REASON_NONE));
        assert_int_equal(world_state(w, id), JOB_SUCCESS);
    }
}

static void retry__of_a_lost_attempt__goes_elsewhere(void **state)
{
    struct world *w = *state;
    static const int64_t slots[] = {3, 2};
    struct fleet f;
    fleet_open(&f, w, slots, 2);
    int64_t id = submit(w, 4);
    assert_int_equal(fleet_got(&f, id), 0);
    world_do(w, cmd_started(f.sessions[0], 1, id, 1));
    world_do(w, cmd_gone(f.sessions[0]));
    f.sessions[0] = world_connect(w, f.ids[0], NULL, 3); /* without it */
    assert_int_equal(world_state(w, id), JOB_RETRYING);
    world_live(w, 1000);
    assert_int_equal(fleet_got(&f, id), 1);
}

/* As if it had not failed there: nothing waits for another agent. */
static void retry__others_are_busy__goes_back_at_once(void **state)
{
    struct world *w = *state;
    static const int64_t slots[] = {3, 1};
    struct fleet f;
    fleet_open(&f, w, slots, 2);
    int64_t id = submit(w, 4);
    world_running(w, f.sessions[0], NULL, ++f.seq);
    int64_t other = world_submit(w, NULL, NULL);
    assert_int_equal(fleet_got(&f, other), 1);
    fails(&f, 0, id, 1, REASON_EXIT_CODE);
    assert_int_equal(fleet_got(&f, id), 0);
    fails(&f, 0, id, 2, REASON_EXIT_CODE);
    assert_int_equal(fleet_got(&f, id), 0);
}

static void retry__others_may_not__goes_back_at_once(void **state)
{
    struct world *w = *state;
    static const int64_t slots[] = {4, 2, 2};
    struct fleet f;
    fleet_open(&f, w, slots, 3);
    fleet_add(&f, 2, "{\"os\":\"windows\"}");
    fleet_unwell(&f, 1, "no inodes");
    world_do(w, cmd_id(w, CMD_AGENT_DRAIN, f.ids[2]));
    assert_int_equal(world_do(w, submit_retried(w, "{\"os\":\"linux\"}", 4, 1000)), 0);
    int64_t id = world_reply(w)->id;
    fails(&f, 0, id, 1, REASON_EXIT_CODE);
    assert_int_equal(fleet_got(&f, id), 0);
}

static void retry__failed_everywhere__goes_to_the_usual_one(void **state)
{
    struct world *w = *state;
    static const int64_t slots[] = {5, 3, 2};
    struct fleet f;
    fleet_open(&f, w, slots, 3);
    int64_t id = submit(w, 9);
    for (int attempt = 1; attempt <= 3; attempt++) {
        assert_int_equal(fleet_got(&f, id), attempt - 1);
        fails(&f, attempt - 1, id, attempt, REASON_EXIT_CODE);
    }
    assert_int_equal(fleet_got(&f, id), 0);
}

/* Nine agents failed it: the first of them is among those that did not of late. */
static void retry__the_last_eight_attempts_count(void **state)
{
    struct world *w = *state;
    int64_t slots[9];
    struct fleet f;
    for (int i = 0; i < 9; i++)
        slots[i] = 20 - i;
    fleet_open(&f, w, slots, 9);
    int64_t id = submit(w, 20);
    for (int attempt = 1; attempt <= 12; attempt++) {
        assert_int_equal(fleet_got(&f, id), (attempt - 1) % 9);
        fails(&f, (attempt - 1) % 9, id, attempt, REASON_EXIT_CODE);
    }
    world_do(w, cmd_finished(f.sessions[3], ++f.seq, id, 13, JOB_FAILED, REASON_EXIT_CODE));
    world_restart(w);
    fleet_reconnect(&f);
    world_pass(w, 1000);
    world_tick(w);
    assert_int_equal(fleet_got(&f, id), 4);
}

static void retry__after_a_restart__goes_elsewhere(void **state)
{
    struct world *w = *state;
    static const int64_t slots[] = {3, 2, 1};
    struct fleet f;
    fleet_open(&f, w, slots, 3);
    int64_t id = submit(w, 4);
    fails(&f, 0, id, 1, REASON_EXIT_CODE);
    assert_int_equal(fleet_got(&f, id), 1);
    world_do(w, cmd_finished(f.sessions[1], ++f.seq, id, 2, JOB_FAILED, REASON_EXIT_CODE));
    assert_int_equal(world_state(w, id), JOB_RETRYING);
    world_restart(w);
    fleet_reconnect(&f);
    world_pass(w, 1000);
    world_tick(w);
    assert_int_equal(fleet_got(&f, id), 2);
}

/* An agent that is gone from the table of agents stands in nobody's way. */
static void retry__its_agent_was_removed__goes_elsewhere(void **state)
{
    struct world *w = *state;
    static const int64_t slots[] = {3, 2, 1};
    struct fleet f;
    fleet_open(&f, w, slots, 3);
    int64_t id = submit(w, 4);
    world_do(w, cmd_finished(f.sessions[0], ++f.seq, id, 1, JOB_FAILED, REASON_EXIT_CODE));
    world_do(w, cmd_id(w, CMD_AGENT_REMOVE, f.ids[0]));
    world_pass(w, 1000);
    world_tick(w);
    assert_int_equal(fleet_got(&f, id), 1);
}

/* Given back is not failed. */
static void declined__may_come_back_to_the_same_agent(void **state)
{
    struct world *w = *state;
    static const int64_t slots[] = {3, 1};
    struct fleet f;
    fleet_open(&f, w, slots, 2);
    int64_t id = submit(w, 4);
    world_do(w, cmd_declined(f.sessions[0], ++f.seq, id, 1));
    assert_int_equal(fleet_got(&f, id), 0);
}

/* What another agent does first is not held up by a retry, nor is the order changed. */
static void retry__the_other_agent_has_a_better_job__gets_both_in_order(void **state)
{
    struct world *w = *state;
    struct fleet f;
    static const int64_t slots[] = {4};
    fleet_open(&f, w, slots, 1);
    int64_t id = submit(w, 4);
    world_do(w, cmd_finished(f.sessions[0], ++f.seq, id, 1, JOB_FAILED, REASON_EXIT_CODE));
    fleet_add(&f, 1, "{\"os\":\"windows\"}");
    world_pass(w, 1000);
    struct command *c = cmd_submit(w, NULL, "{\"os\":\"windows\"}");
    c->u.submit.job.priority = 5;
    world_do(w, c);
    int64_t better = world_reply(w)->id;
    assert_int_equal(fleet_got(&f, better), 1);
    assert_int_equal(fleet_got(&f, id), 0); /* no slot is left there */
}

static int64_t attempt_reads(struct world *w)
{
    struct stmt *q = store_queue(w->store, Q_ATTEMPT_AGENTS);
    return sqlite3_stmt_status(sqlite_statement(q), SQLITE_STMTSTATUS_RUN, 1);
}

/* First attempts ask nobody where they failed, and later ones only after a restart. */
static void burst__reads_nothing_unless_it_was_forgotten(void **state)
{
    struct world *w = *state;
    enum { JOBS = 200 };
    static const int64_t slots[] = {2 * JOBS, JOBS};
    struct fleet f;
    int64_t ids[JOBS];
    fleet_open(&f, w, slots, 2);
    for (int i = 0; i < JOBS; i++)
        ids[i] = submit(w, 4);
    assert_int_equal(attempt_reads(w), 0);
    world_begin(w);
    for (int i = 0; i < JOBS; i++)
        world_apply(w,
                    cmd_finished(f.sessions[0], ++f.seq, ids[i], 1, JOB_FAILED, REASON_EXIT_CODE));
    assert_int_equal(world_commit(w), 0);
    world_pass(w, 1000);
    world_tick(w);
    assert_int_equal(world_effects(w, EFFECT_JOB), JOBS);
    for (int i = 0; i < JOBS; i++)
        assert_int_equal(fleet_got(&f, ids[i]), 1);
    assert_int_equal(attempt_reads(w), 0);
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

/* In the store alone: read once, and handed out by what is read. */
static void not_at_hand__is_read_once_and_goes_elsewhere(void **state)
{
    struct world *w = *state;
    static const int64_t slots[] = {3, 2};
    struct fleet f;
    fleet_open(&f, w, slots, 2);
    int64_t id = submit(w, 4);
    world_do(w, cmd_id(w, CMD_AGENT_DRAIN, f.ids[0]));
    world_do(w, cmd_id(w, CMD_AGENT_DRAIN, f.ids[1]));
    fails(&f, 0, id, 1, REASON_EXIT_CODE);
    assert_int_equal(world_state(w, id), JOB_CREATED);
    assert_int_equal(attempt_reads(w), 0);
    world_begin(w);
    world_apply(w, cmd_id(w, CMD_AGENT_RESUME, f.ids[0]));
    world_apply(w, cmd_id(w, CMD_AGENT_RESUME, f.ids[1]));
    assert_int_equal(world_commit(w), 0);
    assert_int_equal(fleet_got(&f, id), 1);
    assert_int_equal(attempt_reads(w), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(retry__goes_where_it_did_not_fail),
        WORLD_TEST(retry__of_a_lost_attempt__goes_elsewhere),
        WORLD_TEST(retry__others_are_busy__goes_back_at_once),
        WORLD_TEST(retry__others_may_not__goes_back_at_once),
        WORLD_TEST(retry__failed_everywhere__goes_to_the_usual_one),
        WORLD_TEST(retry__the_last_eight_attempts_count),
        WORLD_TEST(retry__after_a_restart__goes_elsewhere),
        WORLD_TEST(retry__its_agent_was_removed__goes_elsewhere),
        WORLD_TEST(declined__may_come_back_to_the_same_agent),
        WORLD_TEST(retry__the_other_agent_has_a_better_job__gets_both_in_order),
        WORLD_TEST(burst__reads_nothing_unless_it_was_forgotten),
        cmocka_unit_test_setup_teardown(not_at_hand__is_read_once_and_goes_elsewhere,
                                        setup_without_cache, world_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Of a job that is retried for ever, the first attempts and the last are kept, and a new one costs
 * the same however many there were. */
#include "store_fixture.h"

#include "coordinator/store/sqlite_db.h"
#include "coordinator/store/sql_store.h"

#include <string.h>

static struct attempt_row attempt_of(int64_t job, int64_t number)
{
    return (struct attempt_row){
        .job = job, .attempt = number, .agent = 1, .state = JOB_FAILED, .reason = REASON_EXIT_CODE};
}

static void add_chunks(struct fixture *f, int64_t job, int64_t attempt, int count)
{
    for (int i = 0; i < count; i++) {
        struct chunk c = {
            .job = job, .attempt = attempt, .stream = 1 + i % 2, .offset = i / 2, .data = "x"};
        c.len = 1;
        OK(store_output_add(f->store, &c, &e));
    }
}

/* Attempts from..to, each with its output and in a transaction of its own. */
static void add_attempts(struct fixture *f, int64_t job, int from, int to, int chunks)
{
    for (int i = from; i <= to; i++) {
        struct attempt_row a = attempt_of(job, i);
        begin(f);
        add_chunks(f, job, i, chunks);
        OK(store_attempt_add(f->store, &a, &e));
        commit(f);
    }
}

static void tidy(struct fixture *f, size_t most, bool *more)
{
    begin(f);
    OK(store_tidy(f->store, most, NULL, more, &e));
    commit(f);
}

static void first_and_last_attempts_stay_with_their_output(void **state)
{
    struct fixture *f = *state;
    add_attempts(f, 5, 1, 150, 3);
    begin(f);
    add_chunks(f, 6, 1, 4); /* another job's */
    commit(f);
    assert_int_equal(sql_int(f, "cadre.db", "SELECT count(*) FROM attempts"), 110);
    assert_int_equal(sql_int(f, "cadre.db",
                             "SELECT count(*) FROM attempts WHERE attempt BETWEEN 11 AND 50"),
                     0);
    assert_int_equal(sql_int(f, "output.db",
                             "SELECT count(DISTINCT attempt) FROM chunks WHERE job = 5"),
                     110);
    assert_int_equal(sql_int(f, "output.db",
                             "SELECT count(*) FROM chunks WHERE attempt BETWEEN 11 AND 50"),
                     0);
    assert_int_equal(sql_int(f, "output.db", "SELECT count(*) FROM chunks WHERE job = 5"), 330);
    assert_int_equal(sql_int(f, "output.db", "SELECT count(*) FROM chunks WHERE job = 6"), 4);
    assert_int_equal(sql_int(f, "output.db", "SELECT count(*) FROM streams WHERE job = 5"), 220);
    assert_int_equal(sql_int(f, "output.db", "SELECT count(*) FROM dropped"), 0);
}

/* Steps of SQLite's machine and rows changed, to add one attempt. */
struct cost {
    int64_t steps, rows;
};

static int64_t steps_so_far(struct db *d)
{
    int64_t sum = 0;
    for (int i = 0; i < d->count; i++)
        sum +=
            sqlite3_stmt_status(sqlite_statement(d->statements[i]), SQLITE_STMTSTATUS_VM_STEP, 1);
    return sum;
}

static struct cost cost_of_attempt(struct fixture *f, int64_t job, int number)
{
    struct db *queue = &f->store->queue, *output = &f->store->output;
    struct attempt_row a = attempt_of(job, number);
    steps_so_far(queue);
    steps_so_far(output);
    int64_t rows =
        sqlite3_total_changes(sqlite_handle(queue)) + sqlite3_total_changes(sqlite_handle(output));
    begin(f);
    OK(store_attempt_add(f->store, &a, &e));
    commit(f);
    struct cost c = {.steps = steps_so_far(queue) + steps_so_far(output)};
    c.rows = sqlite3_total_changes(sqlite_handle(queue)) +
             sqlite3_total_changes(sqlite_handle(output)) - rows;
    return c;
}

static void many_attempts_cost_no_more_than_a_few(void **state)
{
    SQLITE_ALONE;
    struct fixture *f = *state;
    add_attempts(f, 5, 1, 199, 2);
    struct cost few = cost_of_attempt(f, 5, 200);
    add_attempts(f, 5, 201, 1999, 2);
    struct cost many = cost_of_attempt(f, 5, 2000);
    assert_int_equal(many.rows, few.rows);
    assert_true(few.rows <= 8);
    assert_true(many.steps < few.steps + few.steps / 10);
}

static void agents_of_the_last_attempts_come_in_order(void **state)
{
    struct fixture *f = *state;
    begin(f);
    for (int n = 1; n <= 12; n++) {
        struct attempt_row a = attempt_of(5, n);
        a.agent = 100 + n;
        OK(store_attempt_add(f->store, &a, &e));
    }
    commit(f);
    struct attempt_agents agents = {.count = 9};
    OK(store_attempt_agents(f->store, 5, 5, &agents, &e));
    assert_int_equal(agents.count, 8);
    for (int i = 0; i < 8; i++)
        assert_int_equal(agents.ids[i], 105 + i);
    OK(store_attempt_agents(f->store, 5, 11, &agents, &e));
    assert_int_equal(agents.count, 2);
    assert_int_equal(agents.ids[1], 112);
    OK(store_attempt_agents(f->store, 5, -6, &agents, &e));
    assert_int_equal(agents.ids[7], 108);
    OK(store_attempt_agents(f->store, 5, 13, &agents, &e));
    assert_int_equal(agents.count, 0);
    OK(store_attempt_agents(f->store, 6, 1, &agents, &e));
    assert_int_equal(agents.count, 0);
}

static void much_output_of_one_attempt_goes_in_steps(void **state)
{
    struct fixture *f = *state;
    add_attempts(f, 5, 1, 10, 1);
    add_attempts(f, 5, 11, 11, 1000);
    add_attempts(f, 5, 12, 110, 1);
    assert_int_equal(sql_int(f, "output.db", "SELECT count(*) FROM chunks"), 1109);
    add_attempts(f, 5, 111, 111, 1);
    int64_t left = sql_int(f, "output.db", "SELECT count(*) FROM chunks WHERE attempt = 11");
    assert_true(left > 0 && left < 1000);
    assert_int_equal(sql_int(f, "output.db", "SELECT count(*) FROM dropped"), 1);
    bool more = true;
    int steps = 0;
    while (more) {
        tidy(f, 100, &more);
        int64_t now = sql_int(f, "output.db", "SELECT count(*) FROM chunks WHERE attempt = 11");
        assert_true(left - now <= 100);
        left = now;
        assert_true(++steps < 20);
    }
    assert_int_equal(left, 0);
    assert_int_equal(sql_int(f, "output.db", "SELECT count(*) FROM chunks"), 110);
    assert_int_equal(sql_int(f, "output.db", "SELECT count(*) FROM streams WHERE attempt = 11"), 0);
    assert_int_equal(sql_int(f, "output.db", "SELECT count(*) FROM dropped"), 0);
}

/* As a version wrote it that kept all: streams do not tell where their chunks are. */
static void job_with_more_attempts_than_are_kept_catches_up(void **state)
{
    SQLITE_ALONE;
    struct fixture *f = *state;
    store_close(f->store);
    sql_exec(f, "cadre.db",
             "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 140)"
             " INSERT INTO attempts SELECT 5, i, 1, 7, 1, NULL, 0, 0, 0, NULL FROM n");
    sql_exec(f, "output.db",
             "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 140)"
             " INSERT INTO chunks (job, attempt, stream, offset, data)"
             " SELECT 5, i, 1, 0, x'41' FROM n");
    sql_exec(f, "output.db",
             "INSERT INTO streams (job, attempt, stream, next_offset, bytes)"
             " SELECT job, attempt, stream, 1, 1 FROM chunks");
    open_again(f);
    add_attempts(f, 5, 141, 141, 1);
    assert_int_equal(sql_int(f, "cadre.db", "SELECT count(*) FROM attempts"), 139);
    add_attempts(f, 5, 142, 180, 1);
    assert_int_equal(sql_int(f, "cadre.db", "SELECT count(*) FROM attempts"), 110);
    assert_int_equal(sql_int(f, "output.db", "SELECT count(*) FROM chunks"), 110);
    assert_int_equal(sql_int(f, "output.db", "SELECT count(*) FROM streams"), 110);
    assert_int_equal(sql_int(f, "output.db", "SELECT max(attempt) FROM chunks WHERE attempt < 81"),
                     10);
}

static void purge_forgets_what_was_still_to_be_dropped(void **state)
{
    struct fixture *f = *state;
    begin(f);
    add_plain(f, 1, "g");
    commit(f);
    add_attempts(f, job_id(1), 1, 10, 1);
    add_attempts(f, job_id(1), 11, 11, 1000);
    add_attempts(f, job_id(1), 12, 111, 1);
    assert_int_equal(sql_int(f, "output.db", "SELECT count(*) FROM dropped"), 1);
    struct job_end end = {.state = JOB_FAILED, .ended_ms = T0};
    bool more = true;
    begin(f);
    OK(store_job_finish(f->store, job_id(1), &end, &e));
    commit(f);
    while (more) {
        begin(f);
        OK(store_purge(f->store, T0 + 1, 100, &more, &e));
        commit(f);
    }
    assert_int_equal(sql_int(f, "output.db", "SELECT count(*) FROM chunks"), 0);
    assert_int_equal(sql_int(f, "output.db", "SELECT count(*) FROM streams"), 0);
    assert_int_equal(sql_int(f, "output.db", "SELECT count(*) FROM dropped"), 0);
    tidy(f, 100, &more);
    assert_false(more);
}

static void attempt_that_is_rolled_back_leaves_the_old_ones(void **state)
{
    struct fixture *f = *state;
    add_attempts(f, 5, 1, 110, 2);
    struct attempt_row a = attempt_of(5, 111);
    begin(f);
    OK(store_attempt_add(f->store, &a, &e));
    store_rollback(f->store);
    assert_int_equal(sql_int(f, "cadre.db", "SELECT count(*) FROM attempts"), 110);
    assert_int_equal(sql_int(f, "output.db", "SELECT count(*) FROM chunks"), 220);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(first_and_last_attempts_stay_with_their_output,
                                        fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(many_attempts_cost_no_more_than_a_few, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(agents_of_the_last_attempts_come_in_order, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(much_output_of_one_attempt_goes_in_steps, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(job_with_more_attempts_than_are_kept_catches_up,
                                        fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(purge_forgets_what_was_still_to_be_dropped, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(attempt_that_is_rolled_back_leaves_the_old_ones,
                                        fixture_setup, fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

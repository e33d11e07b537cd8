/* A disk that fills up at any moment: what was committed stays as it was, reading goes on, and a
 * store that is opened anew has it all. */
#include "store_fixture.h"

#include "coordinator/store/sql_store.h"

#include <string.h>

#define FIRST_NEW 100

/* Job n + 1 is in state n. */
static void add_jobs_in_every_state(struct fixture *f)
{
    begin(f);
    for (int n = 0; n < JOB_STATES; n++) {
        struct job_row j = plain_job(n + 1, "g");
        OK(store_requires_intern(f->store, n % 2 ? "{\"os\":\"linux\"}" : "{}", &j.requires_id,
                                 &e));
        add_job(f, &j);
        if (n == JOB_CREATED) continue;
        OK(store_job_submitted(f->store, j.id, 1, 1, T0, &e));
        if (n == JOB_SUBMITTED) continue;
        OK(store_job_running(f->store, j.id, T0, &e));
        if (n == JOB_KILLING) OK(store_job_killing(f->store, j.id, REASON_CANCELLED, &e));
        if (n == JOB_RETRYING) OK(store_job_retrying(f->store, j.id, 2, T0 + 9, &e));
        struct job_end end = {.state = (enum job_state)n, .ended_ms = T0 + n};
        if (n >= JOB_SUCCESS) OK(store_job_finish(f->store, j.id, &end, &e));
    }
    commit(f);
}

static void all_is_as_it_was(struct fixture *f)
{
    for (int n = 0; n < JOB_STATES; n++)
        assert_int_equal(state_of(f, job_id(n + 1)), n);
    struct job_row k;
    assert_int_equal(store_job_find(f->store, job_id(FIRST_NEW), &k, NULL), 0);
    assert_int_equal(sql_int(f, "cadre.db", "SELECT count(*) FROM attempts"), 0);
    assert_int_equal(sql_int(f, "output.db", "SELECT count(*) FROM chunks"), 0);
    assert_int_equal(head_of(f, "g", 1), job_id(1));
    check_counts(f);
}

static int change_what_is_there(struct store *s, struct err *e)
{
    struct job_end end = {.state = JOB_FAILED, .message = "lost", .ended_ms = T0 + 50};
    struct attempt_row a = {.job = job_id(3), .attempt = 1, .state = JOB_FAILED};
    struct chunk c = {.job = job_id(3), .attempt = 1, .stream = 1, .data = "x", .len = 1};
    int rc = store_job_finish(s, job_id(2), &end, e);
    if (rc == 0) rc = store_output_add(s, &c, e);
    if (rc == 0) rc = store_attempt_add(s, &a, e);
    if (rc == 0) rc = store_job_retrying(s, job_id(3), 2, T0, e);
    return rc == 0 ? store_job_requeue(s, job_id(5), 2, e) : rc;
}

/* Steps of every kind, then jobs until the disk is full. Returns how many of them were taken. */
static int write_until_full(struct fixture *f)
{
    static char spec[3000];
    memset(spec, 'x', sizeof spec - 1);
    struct err e = {0};
    begin(f);
    int rc = change_what_is_there(f->store, &e);
    int taken = 0;
    for (; rc == 0 && taken < 1000; taken++) {
        struct job_row j = plain_job(FIRST_NEW + taken, "g");
        rc = store_job_insert(f->store, &j, spec, &e);
        struct job_row k; /* what is read is written first */
        if (rc == 0) rc = store_job_get(f->store, j.id, &k, &e);
        if (rc == 0) job_row_fini(&k);
    }
    assert_int_equal(rc, ERR_FULL);
    assert_non_null(strstr(e.msg, "no space"));
    store_rollback(f->store);
    return taken;
}

/* The file may grow by so many pages. */
static void leave_room(struct fixture *f, struct db *d, int pages)
{
    char sql[60];
    int64_t now;
    (void)f;
    OK(db_int(d, "PRAGMA page_count", &now, &e));
    sqlite3_snprintf(sizeof sql, sql, "PRAGMA max_page_count=%d", (int)now + pages);
    OK(db_exec(d, sql, &e));
}

static void reopen_store(struct fixture *f)
{
    store_close(f->store);
    f->store = NULL;
    OK(store_open(f->folder, &f->store, &e));
}

static void disk_that_is_full_at_any_page__leaves_every_state(void **state)
{
    struct fixture *f = *state;
    add_jobs_in_every_state(f);
    int last = 0;
    for (int room = 0; room < 24; room++) {
        leave_room(f, &f->store->queue, room);
        int taken = write_until_full(f);
        assert_true(taken >= last);
        last = taken;
        all_is_as_it_was(f);
        reopen_store(f);
        all_is_as_it_was(f);
    }
    assert_true(last > 10);
}

static void disk_that_is_full_for_output__leaves_every_state(void **state)
{
    struct fixture *f = *state;
    static char data[20000];
    add_jobs_in_every_state(f);
    for (int room = 0; room < 8; room++) {
        leave_room(f, &f->store->output, room);
        struct err e = {0};
        struct chunk c = {
            .job = job_id(3), .attempt = 1, .stream = 1, .data = data, .len = sizeof data};
        begin(f);
        int rc = change_what_is_there(f->store, &e);
        for (c.offset = 1; rc == 0 && c.offset < 10000000; c.offset += (int64_t)c.len)
            rc = store_output_add(f->store, &c, &e);
        assert_int_equal(rc, ERR_FULL);
        store_rollback(f->store);
        all_is_as_it_was(f);
        reopen_store(f);
        all_is_as_it_was(f);
    }
}

static void with_room_again__writing_goes_on(void **state)
{
    struct fixture *f = *state;
    struct err e = {0};
    add_jobs_in_every_state(f);
    leave_room(f, &f->store->queue, 2);
    write_until_full(f);
    leave_room(f, &f->store->queue, 1000);
    begin(f);
    assert_int_equal(change_what_is_there(f->store, &e), 0);
    add_plain(f, FIRST_NEW, "g");
    commit(f);
    reopen_store(f);
    assert_int_equal(state_of(f, job_id(2)), JOB_FAILED);
    assert_int_equal(state_of(f, job_id(3)), JOB_RETRYING);
    assert_int_equal(state_of(f, job_id(5)), JOB_CREATED);
    assert_int_equal(state_of(f, job_id(FIRST_NEW)), JOB_CREATED);
    check_counts(f);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(disk_that_is_full_at_any_page__leaves_every_state,
                                        fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(disk_that_is_full_for_output__leaves_every_state,
                                        fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(with_room_again__writing_goes_on, fixture_setup,
                                        fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

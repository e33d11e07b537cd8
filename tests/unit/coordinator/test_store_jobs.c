/* A job's life in the store. */
#include "store_fixture.h"

#include "base/mem.h"

/* ---- insert and get -------------------------------------------------------------------------- */

static void job_comes_back_as_it_was_inserted(void **state)
{
    struct fixture *f = *state;
    struct job_row j = {.id = job_id(1),
                        .kind = JOB_TRIGGER,
                        .ns = "company.team",
                        .name = "n\xc3\xa4me",
                        .flow = "flow",
                        .execution = "exec",
                        .task = "task",
                        .group = "windows",
                        .fallback = FALLBACK_IGNORE,
                        .requires_id = 7,
                        .priority = -3,
                        .attempt = 1,
                        .created_ms = T0 + 1,
                        .queue_timeout_ms = 2,
                        .timeout_ms = 3,
                        .lease_ms = 4,
                        .kill_grace_ms = 5,
                        .retry = {RETRY_EXPONENTIAL, 10, 20, 1.5, 3, 40},
                        .unique_key = "7:abc",
                        .submitter = 99,
                        .allow_failure = true,
                        .output_limit = 6};
    begin(f);
    OK(store_job_insert(f->store, &j, "{\"a\":1}", &e));
    commit(f);
    struct job_row k;
    OK(store_job_get(f->store, j.id, &k, &e));
    assert_int_equal(k.id, j.id);
    assert_int_equal(k.kind, JOB_TRIGGER);
    assert_string_equal(k.ns, "company.team");
    assert_string_equal(k.name, j.name);
    assert_string_equal(k.flow, "flow");
    assert_string_equal(k.execution, "exec");
    assert_string_equal(k.task, "task");
    assert_string_equal(k.group, "windows");
    assert_int_equal(k.fallback, FALLBACK_IGNORE);
    assert_int_equal(k.requires_id, 7);
    assert_int_equal(k.priority, -3);
    assert_int_equal(k.state, JOB_CREATED);
    assert_int_equal(k.reason, REASON_NONE);
    assert_null(k.message);
    assert_false(k.exited);
    assert_int_equal(k.agent, 0);
    assert_int_equal(k.attempt, 1);
    assert_int_equal(k.created_ms, T0 + 1);
    assert_int_equal(k.queue_timeout_ms, 2);
    assert_int_equal(k.timeout_ms, 3);
    assert_int_equal(k.lease_ms, 4);
    assert_int_equal(k.kill_grace_ms, 5);
    assert_memory_equal(&k.retry, &j.retry, sizeof k.retry);
    assert_string_equal(k.unique_key, "7:abc");
    assert_int_equal(k.submitter, 99);
    assert_true(k.allow_failure);
    assert_int_equal(k.output_limit, 6);
    job_row_fini(&k);
    char *spec;
    OK(store_job_spec(f->store, j.id, &spec, &e));
    assert_string_equal(spec, "{\"a\":1}");
    mem_free(spec);
}

static void absent_texts_come_back_as_null(void **state)
{
    struct fixture *f = *state;
    begin(f);
    add_plain(f, 1, NULL);
    commit(f);
    struct job_row k;
    OK(store_job_get(f->store, job_id(1), &k, &e));
    assert_string_equal(k.group, "default");
    assert_null(k.ns);
    assert_null(k.name);
    assert_null(k.flow);
    assert_null(k.execution);
    assert_null(k.task);
    assert_null(k.unique_key);
    job_row_fini(&k);
}

static void large_spec_comes_back_whole(void **state)
{
    struct fixture *f = *state;
    size_t len = 512 * 1024;
    char *big = mem_alloc(len + 1);
    for (size_t i = 0; i < len; i++)
        big[i] = (char)('a' + i % 26);
    struct job_row j = plain_job(1, "g");
    begin(f);
    OK(store_job_insert(f->store, &j, big, &e));
    commit(f);
    char *spec;
    OK(store_job_spec(f->store, j.id, &spec, &e));
    assert_string_equal(spec, big);
    mem_free(spec);
    mem_free(big);
}

static void taken_id_is_refused_and_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    begin(f);
    add_plain(f, 1, "g");
    struct job_row j = plain_job(1, "other");
    j.unique_key = "k1";
    FAILS(ERR_EXISTS, store_job_insert(f->store, &j, "{}", &e));
    int64_t id;
    assert_int_equal(store_job_find_key(f->store, "k1", &id, NULL), 0);
    commit(f);
    assert_int_equal(head_of(f, "g", 0), job_id(1));
    assert_int_equal(head_of(f, "other", 0), 0);
}

static void taken_key_is_refused_and_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    begin(f);
    struct job_row j = plain_job(1, "g");
    j.unique_key = "k1";
    add_job(f, &j);
    j = plain_job(2, "g");
    j.unique_key = "k1";
    FAILS(ERR_EXISTS, store_job_insert(f->store, &j, "{}", &e));
    commit(f);
    int64_t id;
    assert_int_equal(store_job_find_key(f->store, "k1", &id, NULL), 1);
    assert_int_equal(id, job_id(1));
    struct job_row k;
    FAILS(ERR_NOT_FOUND, store_job_get(f->store, job_id(2), &k, &e));
    assert_int_equal(sql_int(f, "cadre.db", "SELECT count(*) FROM jobs"), 1);
}

static void last_id_is_the_greatest_there_is(void **state)
{
    struct fixture *f = *state;
    int64_t id = -1;
    OK(store_job_last_id(f->store, &id, &e));
    assert_int_equal(id, 0);
    begin(f);
    add_plain(f, 9, "g");
    add_plain(f, 3, "g");
    OK(store_job_last_id(f->store, &id, &e));
    assert_int_equal(id, job_id(9));
    commit(f);
}

/* The set of changes is refused as a whole, and the next one is taken. */
static void is_refused(struct fixture *f)
{
    add_plain(f, 7, "g");
    FAILS(ERR_NOT_FOUND, store_commit(f->store, &e));
    assert_int_equal(sql_int(f, "cadre.db", "SELECT count(*) FROM jobs"), 0);
}

static void unknown_job_is_not_found_by_anything(void **state)
{
    struct fixture *f = *state;
    struct store *s = f->store;
    struct job_row k;
    char *spec;
    struct job_end end = {.state = JOB_FAILED, .ended_ms = T0};
    begin(f);
    FAILS(ERR_NOT_FOUND, store_job_get(s, 5, &k, &e));
    FAILS(ERR_NOT_FOUND, store_job_spec(s, 5, &spec, &e));
    OK(store_job_submitted(s, 5, 1, 1, T0, &e));
    is_refused(f);
    begin(f);
    OK(store_job_running(s, 5, T0, &e));
    is_refused(f);
    begin(f);
    OK(store_job_killing(s, 5, REASON_CANCELLED, &e));
    is_refused(f);
    begin(f);
    OK(store_job_requeue(s, 5, 1, &e));
    is_refused(f);
    begin(f);
    OK(store_job_retrying(s, 5, 2, T0, &e));
    is_refused(f);
    begin(f);
    OK(store_job_finish(s, 5, &end, &e));
    is_refused(f);
    begin(f);
    OK(store_job_set_group(s, 5, "g", &e));
    is_refused(f);
    begin(f);
    OK(store_job_cancelled_by(s, 5, "ann", &e));
    is_refused(f);
}

/* ---- steps ----------------------------------------------------------------------------------- */

static void life_of_a_job_is_recorded_step_by_step(void **state)
{
    struct fixture *f = *state;
    int64_t id = job_id(1);
    struct job_row k;
    begin(f);
    add_plain(f, 1, "g");
    OK(store_job_submitted(f->store, id, 42, 1, T0 + 10, &e));
    OK(store_job_get(f->store, id, &k, &e));
    assert_int_equal(k.state, JOB_SUBMITTED);
    assert_int_equal(k.agent, 42);
    assert_int_equal(k.submitted_ms, T0 + 10);
    job_row_fini(&k);
    OK(store_job_running(f->store, id, T0 + 20, &e));
    OK(store_job_get(f->store, id, &k, &e));
    assert_int_equal(k.state, JOB_RUNNING);
    assert_int_equal(k.started_ms, T0 + 20);
    assert_int_equal(k.first_started_ms, T0 + 20);
    job_row_fini(&k);
    struct job_end end = {.state = JOB_SUCCESS,
                          .reason = REASON_EXIT_CODE,
                          .message = "fine",
                          .exited = true,
                          .exit_code = 4294967295,
                          .truncated = true,
                          .outputs = "{\"k\":1}",
                          .ended_ms = T0 + 30};
    OK(store_job_finish(f->store, id, &end, &e));
    commit(f);
    OK(store_job_get(f->store, id, &k, &e));
    assert_int_equal(k.state, JOB_SUCCESS);
    assert_int_equal(k.reason, REASON_EXIT_CODE);
    assert_string_equal(k.message, "fine");
    assert_true(k.exited);
    assert_int_equal(k.exit_code, 4294967295);
    assert_true(k.truncated);
    assert_int_equal(k.ended_ms, T0 + 30);
    assert_int_equal(k.agent, 42);
    job_row_fini(&k);
}

static void killing_keeps_the_agent_and_notes_why(void **state)
{
    struct fixture *f = *state;
    int64_t id = job_id(1);
    begin(f);
    add_plain(f, 1, "g");
    OK(store_job_submitted(f->store, id, 42, 1, T0, &e));
    OK(store_job_killing(f->store, id, REASON_CANCELLED, &e));
    commit(f);
    struct job_row k;
    OK(store_job_get(f->store, id, &k, &e));
    assert_int_equal(k.state, JOB_KILLING);
    assert_int_equal(k.reason, REASON_CANCELLED);
    assert_int_equal(k.agent, 42);
    job_row_fini(&k);
}

static void requeued_job_stands_in_its_old_place(void **state)
{
    struct fixture *f = *state;
    begin(f);
    for (int i = 1; i <= 3; i++)
        add_plain(f, i, "g");
    OK(store_job_submitted(f->store, job_id(1), 42, 1, T0, &e));
    OK(store_job_running(f->store, job_id(1), T0 + 5, &e));
    assert_int_equal(head_of(f, "g", 0), job_id(2));
    OK(store_job_requeue(f->store, job_id(1), 1, &e));
    commit(f);
    assert_int_equal(head_of(f, "g", 0), job_id(1));
    struct job_row k;
    OK(store_job_get(f->store, job_id(1), &k, &e));
    assert_int_equal(k.agent, 0);
    assert_int_equal(k.submitted_ms, 0);
    assert_int_equal(k.started_ms, 0);
    assert_int_equal(k.first_started_ms, T0 + 5);
    job_row_fini(&k);
}

static void retry_waits_outside_the_queue_and_keeps_the_first_start(void **state)
{
    struct fixture *f = *state;
    int64_t id = job_id(1);
    begin(f);
    add_plain(f, 1, "g");
    OK(store_job_submitted(f->store, id, 42, 1, T0, &e));
    OK(store_job_running(f->store, id, T0 + 5, &e));
    OK(store_job_retrying(f->store, id, 2, T0 + 100, &e));
    assert_int_equal(head_of(f, "g", 0), 0);
    struct job_row k;
    OK(store_job_get(f->store, id, &k, &e));
    assert_int_equal(k.state, JOB_RETRYING);
    assert_int_equal(k.attempt, 2);
    assert_int_equal(k.retry_at_ms, T0 + 100);
    assert_int_equal(k.agent, 0);
    job_row_fini(&k);
    OK(store_job_requeue(f->store, id, 2, &e));
    assert_int_equal(head_of(f, "g", 0), id);
    OK(store_job_submitted(f->store, id, 43, 2, T0 + 200, &e));
    OK(store_job_running(f->store, id, T0 + 205, &e));
    commit(f);
    OK(store_job_get(f->store, id, &k, &e));
    assert_int_equal(k.retry_at_ms, 0);
    assert_int_equal(k.started_ms, T0 + 205);
    assert_int_equal(k.first_started_ms, T0 + 5);
    job_row_fini(&k);
}

static void job_ends_from_any_state_and_only_in_a_final_one(void **state)
{
    struct fixture *f = *state;
    begin(f);
    for (int i = 0; i < 6; i++)
        add_plain(f, i + 1, "g");
    OK(store_job_submitted(f->store, job_id(2), 1, 1, T0, &e));
    OK(store_job_submitted(f->store, job_id(3), 1, 1, T0, &e));
    OK(store_job_running(f->store, job_id(3), T0, &e));
    OK(store_job_submitted(f->store, job_id(4), 1, 1, T0, &e));
    OK(store_job_killing(f->store, job_id(4), REASON_TIMEOUT, &e));
    OK(store_job_submitted(f->store, job_id(5), 1, 1, T0, &e));
    OK(store_job_retrying(f->store, job_id(5), 2, T0, &e));
    for (int i = 0; i < 6; i++) {
        struct job_end end = {.state = (enum job_state)(JOB_SUCCESS + i % 5), .ended_ms = T0};
        OK(store_job_finish(f->store, job_id(i + 1), &end, &e));
        assert_int_equal(state_of(f, job_id(i + 1)), end.state);
    }
    struct job_end no_end = {.state = JOB_RUNNING, .ended_ms = T0};
    FAILS(ERR_INTERNAL, store_job_finish(f->store, job_id(1), &no_end, &e));
    commit(f);
    assert_int_equal(head_of(f, "g", 0), 0);
}

static void attempt_is_kept_once(void **state)
{
    struct fixture *f = *state;
    struct attempt_row a = {.job = job_id(1),
                            .attempt = 1,
                            .agent = 42,
                            .state = JOB_FAILED,
                            .reason = REASON_LOST,
                            .message = "gone",
                            .submitted_ms = 1,
                            .started_ms = 2,
                            .ended_ms = 3};
    begin(f);
    OK(store_attempt_add(f->store, &a, &e));
    commit(f);
    begin(f);
    struct err why = {0};
    int rc = store_attempt_add(f->store, &a, &why); /* it may be told later */
    if (rc == 0) rc = store_commit(f->store, &why);
    assert_int_equal(rc, ERR_EXISTS);
    store_rollback(f->store);
    begin(f);
    a.attempt = 2;
    OK(store_attempt_add(f->store, &a, &e));
    commit(f);
    assert_int_equal(sql_int(f, "cadre.db", "SELECT count(*) FROM attempts"), 2);
}

/* ---- transactions ---------------------------------------------------------------------------- */

static void nothing_changes_outside_of_a_transaction(void **state)
{
    struct fixture *f = *state;
    struct job_row j = plain_job(1, "g");
    FAILS(ERR_INTERNAL, store_job_insert(f->store, &j, "{}", &e));
    FAILS(ERR_INTERNAL, store_commit(f->store, &e));
    struct chunk c = {.job = 1, .attempt = 1, .stream = 1, .data = "x", .len = 1};
    FAILS(ERR_INTERNAL, store_output_add(f->store, &c, &e));
    begin(f);
    FAILS(ERR_INTERNAL, store_begin(f->store, &e));
    commit(f);
}

static void rollback_forgets_everything_counts_included(void **state)
{
    struct fixture *f = *state;
    begin(f);
    add_plain(f, 1, "g");
    commit(f);
    begin(f);
    assert_false(store_dirty(f->store));
    add_plain(f, 2, "g");
    assert_true(store_dirty(f->store));
    OK(store_job_submitted(f->store, job_id(1), 42, 1, T0, &e));
    struct chunk c = {.job = 1, .attempt = 1, .stream = 1, .data = "x", .len = 1};
    OK(store_output_add(f->store, &c, &e));
    store_rollback(f->store);
    assert_false(store_dirty(f->store));
    assert_int_equal(state_of(f, job_id(1)), JOB_CREATED);
    struct job_row k;
    FAILS(ERR_NOT_FOUND, store_job_get(f->store, job_id(2), &k, &e));
    int64_t remarks, bytes;
    OK(store_output_bytes(f->store, 1, 1, &bytes, &remarks, &e));
    assert_int_equal(bytes, 0);
    check_counts(f);
}

static void empty_transaction_writes_nothing(void **state)
{
    SQLITE_ALONE;
    struct fixture *f = *state;
    int64_t before = sql_int(f, "cadre.db", "PRAGMA data_version");
    begin(f);
    assert_int_equal(head_of(f, "g", 0), 0);
    assert_false(store_dirty(f->store));
    commit(f);
    assert_int_equal(sql_int(f, "cadre.db", "PRAGMA data_version"), before);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(job_comes_back_as_it_was_inserted),
        CASE(absent_texts_come_back_as_null),
        CASE(large_spec_comes_back_whole),
        CASE(taken_id_is_refused_and_leaves_nothing),
        CASE(taken_key_is_refused_and_leaves_nothing),
        CASE(last_id_is_the_greatest_there_is),
        CASE(unknown_job_is_not_found_by_anything),
        CASE(life_of_a_job_is_recorded_step_by_step),
        CASE(killing_keeps_the_agent_and_notes_why),
        CASE(requeued_job_stands_in_its_old_place),
        CASE(retry_waits_outside_the_queue_and_keeps_the_first_start),
        CASE(job_ends_from_any_state_and_only_in_a_final_one),
        CASE(attempt_is_kept_once),
        CASE(nothing_changes_outside_of_a_transaction),
        CASE(rollback_forgets_everything_counts_included),
        CASE(empty_transaction_writes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

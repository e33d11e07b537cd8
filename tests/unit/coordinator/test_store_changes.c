/* The steps of a batch are written as one set: what comes out is what one step after the other
 * leaves, and a row is written once. */
#include "store_fixture.h"

#include "base/clock.h"
#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/store/sqlite_db.h"
#include "coordinator/store/sql_store.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define JOBS 100
#define STEPS 300

/* All that is kept of a job's state, and the counts beside it. */
#define ALL_STATES                                                                                 \
    "SELECT id || ',' || state || ',' || queued || ',' || open || ',' || bad"                      \
    " || ',' || watched || ',' || reason || ',' || truncated"                                      \
    " || ',' || group_key || ',' || requires_id || ',' || priority"                                \
    " || ',' || attempt || ',' || agent || ',' || submitted_ms"                                    \
    " || ',' || started_ms || ',' || ended_ms || ',' || first_started_ms"                          \
    " || ',' || retry_at_ms || ',' || allow_failure"                                               \
    " || ',' || coalesce(CAST(exit_code AS TEXT), 'none') || ',' || coalesce(message, 'none')"     \
    " || ',' || coalesce(outputs, 'none') || ',' || coalesce(cancelled_by, 'none')"                \
    " FROM job_states ORDER BY id"

/* The rows of a query, a line each. */
static char *text_of(struct fixture *f, const char *sql)
{
    struct stmt *q = NULL;
    struct buf b;
    int rc;
    buf_init(&b, (size_t)1 << 20);
    OK(db_prepare_one(&f->store->queue, sql, &q, NULL));
    while ((rc = db_step(&f->store->queue, q, NULL)) == 1)
        buf_addf(&b, "%s\n", column_str(q, 0));
    assert_int_equal(rc, 0);
    stmt_finish(q);
    return buf_detach(&b);
}

struct step {
    int kind, job;
    int64_t a, b;
};

/* Any step of a job that has not ended, legal or not: the store writes what it is given. */
static void apply(struct fixture *f, const struct step *t)
{
    struct store *s = f->store;
    int64_t id = job_id(t->job + 1);
    char text[40];
    OK(str_format(text, sizeof text, "text %d", (int)t->a));
    struct job_end end = {.state = (enum job_state)(JOB_SUCCESS + t->a % 5),
                          .reason = (enum reason)(t->b % REASONS),
                          .message = t->a % 2 ? text : NULL,
                          .exited = t->a % 3 == 0,
                          .exit_code = t->b,
                          .truncated = t->b % 2,
                          .outputs = t->b % 3 ? NULL : "{\"a\":1}",
                          .ended_ms = T0 + t->a};
    switch (t->kind) {
    case 0:
        OK(store_job_submitted(s, id, 1 + t->a % 4, 1 + t->b % 3, T0 + t->a, &e));
        break;
    case 1:
        OK(store_job_running(s, id, T0 + t->b, &e));
        break;
    case 2:
        OK(store_job_killing(s, id, (enum reason)(t->a % REASONS), &e));
        break;
    case 3:
        OK(store_job_requeue(s, id, 1 + t->a % 3, &e));
        break;
    case 4:
        OK(store_job_retrying(s, id, 1 + t->a % 3, T0 + t->b, &e));
        break;
    case 5:
        OK(store_job_finish(s, id, &end, &e));
        break;
    case 6:
        OK(store_job_cancelled_by(s, id, text, &e));
        break;
    default:
        OK(store_job_set_group(s, id, t->a % 3 ? "other" : "default", &e));
        break;
    }
}

static void insert(struct fixture *f, int n)
{
    struct job_row j = plain_job(n + 1, n % 3 ? "g" : "default");
    j.queue_timeout_ms = n % 2 ? 1000 : 0;
    j.requires_id = 0;
    add_job(f, &j);
}

static void random_steps__leave_what_one_after_the_other_leaves(void **state)
{
    struct fixture *together = *state;
    struct fixture *alone;
    struct rng r;
    const char *given = getenv("CADRE_SEED");
    int64_t seed = time(NULL);
    if (given) OK(str_int64(given, &seed));
    printf("seed %lld\n", (long long)seed);
    for (int round = 0; round < 6; round++) {
        bool there[JOBS] = {false};
        assert_int_equal(fixture_setup((void **)&alone), 0);
        const char *fast =
            fixture_is_pg() ? "SET synchronous_commit = off" : "PRAGMA synchronous=OFF";
        OK(db_exec(&alone->store->queue, fast, &e));
        OK(db_exec(&together->store->queue, fast, &e));
        rng_init(&r, (uint64_t)(seed + round));
        begin(together);
        for (int i = 0; i < STEPS; i++) {
            struct step t = {.kind = (int)rng_below(&r, 8),
                             .job = (int)rng_below(&r, JOBS),
                             .a = (int64_t)rng_below(&r, 1000),
                             .b = (int64_t)rng_below(&r, 1000)};
            bool fresh = !there[t.job];
            begin(alone);
            if (fresh) {
                insert(alone, t.job);
                insert(together, t.job);
                there[t.job] = true;
            }
            commit(alone);
            struct job_row now;
            OK(store_job_get(alone->store, job_id(t.job + 1), &now, &e));
            if (rng_below(&r, 2)) store_job_is(together->store, &now);
            bool over = job_is_final(now.state);
            job_row_fini(&now);
            if (over) continue;
            begin(alone);
            apply(alone, &t);
            commit(alone);
            apply(together, &t);
            if (rng_below(&r, 6) > 0) continue;
            commit(together);
            char *one = text_of(alone, ALL_STATES), *other = text_of(together, ALL_STATES);
            size_t same = 0;
            while (one[same] && one[same] == other[same])
                same++;
            while (same > 0 && one[same - 1] != '\n')
                same--;
            if (!str_eq(one, other))
                fail_msg("seed %lld, step %d:\n%.200s\n%.200s", (long long)seed, i, one + same,
                         other + same);
            mem_free(one);
            mem_free(other);
            check_counts(together);
            begin(together);
        }
        store_rollback(together->store);
        assert_int_equal(fixture_teardown((void **)&alone), 0);
        /* the next round begins with empty tables */
        assert_int_equal(fixture_teardown(state), 0);
        assert_int_equal(fixture_setup(state), 0);
        together = *state;
    }
}

/* ---- how often ------------------------------------------------------------------------------- */

static int runs(struct fixture *f, enum queue_statement which)
{
    return sqlite3_stmt_status(sqlite_statement(f->store->queue.statements[which]),
                               SQLITE_STMTSTATUS_RUN, 1);
}

static void reset_runs(struct fixture *f)
{
    for (int i = 0; i < f->store->queue.count; i++)
        sqlite3_stmt_status(sqlite_statement(f->store->queue.statements[i]), SQLITE_STMTSTATUS_RUN,
                            1);
}

/* As the engine does it: a look at the keys, then the steps, each job's row known. */
static void hand_out(struct fixture *f, int first, int count)
{
    begin(f);
    for (int n = first; n < first + count; n++) {
        add_plain(f, n, "g");
        OK(store_job_submitted(f->store, job_id(n), 7, 1, T0 + n, &e));
    }
    commit(f);
}

static void finish(struct fixture *f, int first, int count)
{
    struct job_end end = {.state = JOB_SUCCESS, .exited = true, .ended_ms = T0 + 50};
    begin(f);
    for (int n = first; n < first + count; n++) {
        struct job_row j = plain_job(n, "g");
        j.state = JOB_SUBMITTED;
        store_job_is(f->store, &j);
        OK(store_job_running(f->store, job_id(n), T0 + 40, &e));
        OK(store_job_finish(f->store, job_id(n), &end, &e));
    }
    commit(f);
}

static void life_of_a_job__writes_each_row_once_a_batch(void **state)
{
    SQLITE_ALONE;
    struct fixture *f = *state;
    hand_out(f, 1, 1);
    reset_runs(f);
    hand_out(f, 2, 30);
    assert_int_equal(runs(f, Q_JOB_INSERT), 30);
    assert_int_equal(runs(f, Q_STATE_INSERT), 30);
    assert_int_equal(runs(f, Q_JOB_SUBMITTED) + runs(f, Q_JOB_CHANGE), 0);
    assert_int_equal(runs(f, Q_JOB_CLASS), 0);
    finish(f, 2, 30);
    assert_int_equal(runs(f, Q_JOB_SUCCESS), 30);
    assert_int_equal(runs(f, Q_JOB_RUNNING) + runs(f, Q_JOB_CHANGE), 0);
    assert_int_equal(runs(f, Q_JOB_CLASS), 0); /* its state was known */
    assert_int_equal(state_of(f, job_id(31)), JOB_SUCCESS);
}

/* What is said of a row does not count when the batch has changed it already. */
static void known_row__is_what_it_was_before_the_batch(void **state)
{
    struct fixture *f = *state;
    hand_out(f, 1, 1);
    begin(f);
    OK(store_job_requeue(f->store, job_id(1), 1, &e));
    struct job_row j = plain_job(1, "g");
    j.state = JOB_CREATED;
    store_job_is(f->store, &j);
    OK(store_job_submitted(f->store, job_id(1), 8, 1, T0, &e));
    commit(f);
    check_counts(f);
    assert_int_equal(state_of(f, job_id(1)), JOB_SUBMITTED);
}

static void known_row_that_is_not_there__fails_the_set(void **state)
{
    struct fixture *f = *state;
    struct job_row j = plain_job(5, "g");
    begin(f);
    store_job_is(f->store, &j);
    OK(store_job_submitted(f->store, j.id, 8, 1, T0, &e));
    FAILS(ERR_NOT_FOUND, store_commit(f->store, &e));
}

static void rolled_back__leaves_nothing_of_the_set(void **state)
{
    struct fixture *f = *state;
    int64_t id;
    begin(f);
    struct job_row j = plain_job(1, "g");
    j.unique_key = "k";
    add_job(f, &j);
    assert_int_equal(store_job_find_key(f->store, "k", &id, NULL), 1);
    store_rollback(f->store);
    begin(f);
    assert_int_equal(store_job_find_key(f->store, "k", &id, NULL), 0);
    assert_false(store_dirty(f->store));
    add_job(f, &j);
    commit(f);
    assert_int_equal(state_of(f, job_id(1)), JOB_CREATED);
}

/* ---- looked up together ---------------------------------------------------------------------- */

static void keys_that_were_looked_up__are_not_asked_for_again(void **state)
{
    SQLITE_ALONE;
    struct fixture *f = *state;
    const char *keys[] = {"k1", "k2", "k3"};
    const struct store_wanted w = {.job_keys = keys, .job_key_count = 3};
    int64_t id = 0;
    begin(f);
    struct job_row j = plain_job(1, "g");
    j.unique_key = "k2";
    add_job(f, &j);
    commit(f);
    reset_runs(f);
    begin(f);
    OK(store_look_up(f->store, &w, &e));
    assert_int_equal(runs(f, Q_KEY_FIND), 3);
    assert_int_equal(store_job_find_key(f->store, "k1", &id, NULL), 0);
    assert_int_equal(store_job_find_key(f->store, "k2", &id, NULL), 1);
    assert_int_equal(id, job_id(1));
    j = plain_job(2, "g");
    j.unique_key = "k3";
    add_job(f, &j);
    j = plain_job(3, "g");
    j.unique_key = "k2";
    FAILS(ERR_EXISTS, store_job_insert(f->store, &j, "{}", &e));
    j.unique_key = "k3"; /* of this batch */
    FAILS(ERR_EXISTS, store_job_insert(f->store, &j, "{}", &e));
    assert_int_equal(runs(f, Q_KEY_FIND), 0);
    commit(f);
    begin(f); /* what was known is forgotten with the batch */
    assert_int_equal(store_job_find_key(f->store, "k3", &id, NULL), 1);
    assert_int_equal(runs(f, Q_KEY_FIND), 1);
    store_rollback(f->store);
}

struct seen {
    int count;
    int64_t last;
};

static int see(struct job_row *j, const char *spec, void *user)
{
    struct seen *seen = user;
    assert_string_equal(spec, "{\"command\":[\"true\"]}");
    assert_true(j->id > seen->last);
    seen->last = j->id;
    seen->count++;
    return 0;
}

static void jobs_are_read_together__those_that_are_there(void **state)
{
    struct fixture *f = *state;
    struct seen seen = {0};
    begin(f);
    for (int n = 1; n <= 3; n++)
        add_plain(f, n, "g");
    commit(f);
    const int64_t ids[] = {job_id(1), job_id(2), 77, job_id(3)};
    OK(store_jobs_read(f->store, ids, 4, see, &seen, &e));
    assert_int_equal(seen.count, 3);
    OK(store_jobs_read(f->store, ids, 0, see, &seen, &e));
    assert_int_equal(seen.count, 3);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(random_steps__leave_what_one_after_the_other_leaves),
        TEST(life_of_a_job__writes_each_row_once_a_batch),
        TEST(known_row__is_what_it_was_before_the_batch),
        TEST(known_row_that_is_not_there__fails_the_set),
        TEST(rolled_back__leaves_nothing_of_the_set),
        TEST(keys_that_were_looked_up__are_not_asked_for_again),
        TEST(jobs_are_read_together__those_that_are_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

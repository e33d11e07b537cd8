/* What a step costs: which indexes it takes, and that a long queue does not make it dearer. */
#include "store_fixture.h"

#include "base/mem.h"
#include "base/str.h"
#include "coordinator/store/sqlite_db.h"
#include "coordinator/store/sql_store.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define X(number, sql) sql,
static const char *const statements[] = {QUEUE_STATEMENTS(X) OUTPUT_STATEMENTS(X)};
#undef X

static void check_plan(sqlite3 *db, const char *sql, int *seen)
{
    sqlite3_stmt *q;
    char *explain = str_dupf("EXPLAIN QUERY PLAN %s", sql);
    if (sqlite3_prepare_v2(db, explain, -1, &q, NULL) == SQLITE_OK) {
        while (sqlite3_step(q) == SQLITE_ROW) {
            const char *step = (const char *)sqlite3_column_text(q, 3);
            static const char *const big[] = {"job_states", "jobs",    "job_keys", "attempts",
                                              "chunks",     "streams", "s",        "j"};
            ++*seen;
            if (strstr(step, "TEMP B-TREE")) fail_msg("%s\n%s", sql, step);
            for (size_t i = 0; i < sizeof big / sizeof *big; i++) {
                char scan[40];
                OK(str_format(scan, sizeof scan, "SCAN %s", big[i]));
                if (str_eq(step, scan)) fail_msg("%s\n%s", sql, step);
            }
        }
    }
    sqlite3_finalize(q);
    mem_free(explain);
}

static void no_statement_scans_or_sorts_a_large_table(void **state)
{
    struct fixture *f = *state;
    int seen = 0;
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++) {
        sqlite3 *db = i < QUEUE_STATEMENT_COUNT ? sqlite_handle(&f->store->queue)
                                                : sqlite_handle(&f->store->output);
        check_plan(db, statements[i], &seen);
    }
    assert_true(seen > 40);
}

/* Steps of SQLite's machine in one more life of a job. */
static int64_t steps_of_a_life(struct fixture *f, int n)
{
    struct store *s = f->store;
    for (int i = 0; i < s->queue.count; i++) {
        sqlite3_stmt_status(sqlite_statement(s->queue.statements[i]), SQLITE_STMTSTATUS_VM_STEP, 1);
    }
    struct timespec start, end;
    clock_gettime(CLOCK_MONOTONIC, &start);
    begin(f);
    add_plain(f, n, "g");
    int64_t before;
    struct job_row j = {.id = head_of(f, "g", 0), .group = "g"};
    int64_t id = j.id;
    OK(store_queue_position(s, &j, 100, &before, &e));
    OK(store_job_submitted(s, id, 1, 1, T0, &e));
    OK(store_job_running(s, id, T0, &e));
    struct job_end finished = {.state = JOB_SUCCESS, .ended_ms = T0};
    OK(store_job_finish(s, id, &finished, &e));
    commit(f);
    clock_gettime(CLOCK_MONOTONIC, &end);
    int64_t sum = 0;
    for (int i = 0; i < s->queue.count; i++) {
        sum += sqlite3_stmt_status(sqlite_statement(s->queue.statements[i]),
                                   SQLITE_STMTSTATUS_VM_STEP, 1);
    }
    printf("a life beside job %d: %lld steps, %ld us\n", n, (long long)sum,
           (end.tv_sec - start.tv_sec) * 1000000 + (end.tv_nsec - start.tv_nsec) / 1000);
    return sum;
}

static void long_queue_costs_no_more_than_a_short_one(void **state)
{
    struct fixture *f = *state;
    begin(f);
    for (int i = 1; i < 10; i++)
        add_plain(f, i, "g");
    commit(f);
    steps_of_a_life(f, 10);
    int64_t few = steps_of_a_life(f, 11);
    for (int from = 12; from < 60000; from += 1000) {
        begin(f);
        for (int i = from; i < from + 1000; i++)
            add_plain(f, i, "g");
        commit(f);
    }
    int64_t many = steps_of_a_life(f, 70000);
    assert_true(many < few + few / 10);
}

static int64_t size_of(const struct fixture *f, const char *name)
{
    struct stat st;
    char *path = str_dupf("%s/%s", f->folder, name);
    assert_int_equal(stat(path, &st), 0);
    mem_free(path);
    return st.st_size;
}

/* Commits 40 MB; the greatest size of the log. */
static int64_t longest_log(struct fixture *f, bool settle)
{
    static char spec[20000];
    int64_t longest = 0;
    memset(spec, 'x', sizeof spec - 1);
    for (int n = 2000; n < 4000; n += 10) {
        begin(f);
        for (int i = n; i < n + 10; i++) {
            struct job_row j = plain_job(i, "g");
            OK(store_job_insert(f->store, &j, spec, &e));
        }
        commit(f);
        int64_t before = size_of(f, "cadre.db-wal");
        if (settle) store_settle(f->store);
        int64_t size = size_of(f, "cadre.db-wal");
        assert_in_range(size - before, 0, 1 << 20); /* the next commit syncs it */
        if (size > longest) longest = size;
    }
    return longest;
}

static void log_is_lengthened_ahead_folded_in_and_used_again(void **state)
{
    struct fixture *f = *state;
    begin(f);
    add_plain(f, 1, "g");
    commit(f);
    store_settle(f->store);
    assert_int_equal(size_of(f, "cadre.db-wal"), 1 << 20);
    assert_in_range(longest_log(f, true), 8 << 20, 18 << 20);
    assert_true(size_of(f, "cadre.db") > 20 << 20);
}

static void commit_leaves_the_log_to_settle_and_folds_it_when_nobody_does(void **state)
{
    struct fixture *f = *state;
    begin(f);
    for (int i = 1; i < 1000; i++) {
        static char spec[20000];
        memset(spec, 'x', sizeof spec - 1);
        struct job_row j = plain_job(i, "g");
        OK(store_job_insert(f->store, &j, spec, &e));
    }
    commit(f); /* 20 MB */
    assert_true(size_of(f, "cadre.db") < 2 << 20);
    store_settle(f->store);
    assert_true(size_of(f, "cadre.db") > 18 << 20);
    assert_in_range(longest_log(f, false), 20 << 20, 36 << 20);
}

/* Output is folded in small steps, each of which holds up a batch for a moment only. */
static void log_of_output_is_folded_early(void **state)
{
    static char text[64 << 10];
    struct fixture *f = *state;
    int64_t most = 0, before = size_of(f, "output.db");
    memset(text, 'x', sizeof text);
    for (int i = 0; i < 320; i++) { /* 20 MB */
        struct chunk c = {.job = 1,
                          .attempt = 1,
                          .stream = 1,
                          .offset = i * (int64_t)sizeof text,
                          .data = text,
                          .len = sizeof text};
        begin(f);
        OK(store_output_add(f->store, &c, &e));
        commit(f);
        store_settle(f->store);
        int64_t now = size_of(f, "output.db");
        if (now - before > most) most = now - before;
        before = now;
    }
    assert_true(before > 14 << 20);
    assert_in_range(most, 3 << 20, 6 << 20);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(no_statement_scans_or_sorts_a_large_table),
        CASE(long_queue_costs_no_more_than_a_short_one),
        CASE(log_is_lengthened_ahead_folded_in_and_used_again),
        CASE(log_of_output_is_folded_early),
        CASE(commit_leaves_the_log_to_settle_and_folds_it_when_nobody_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

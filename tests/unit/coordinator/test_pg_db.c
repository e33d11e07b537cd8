/* The driver of PostgreSQL, on a real server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pg_fixture.h"

#include "base/mem.h"
#include "base/str.h"
#include "coordinator/store/pg_load.h"

#include <signal.h>
#include <string.h>
#include <time.h>
#include <uv.h>

static struct pg_server server;
static const struct pg_module *module;
static bool there;

#define OK(call)                                                                                   \
    do {                                                                                           \
        struct err e = {0};                                                                        \
        int rc_ = (call);                                                                          \
        if (rc_ != 0) fail_msg("%s: %d: %s", #call, rc_, e.msg);                                   \
    } while (0)
#define FAILS(wanted, call)                                                                        \
    do {                                                                                           \
        struct err e = {0};                                                                        \
        int rc_ = (call);                                                                          \
        if (rc_ != (wanted)) fail_msg("%s: %d: %s", #call, rc_, e.msg);                            \
        assert_int_equal(e.code, wanted);                                                          \
        assert_string_not_equal(e.msg, "");                                                        \
    } while (0)

#define TABLES                                                                                     \
    "DROP SCHEMA IF EXISTS cadre CASCADE; DROP SCHEMA IF EXISTS cadre_output CASCADE;"             \
    "CREATE SCHEMA cadre; CREATE SCHEMA cadre_output;"                                             \
    "CREATE TABLE cadre.parts (id text); CREATE TABLE cadre_output.parts (id text);"               \
    "CREATE TABLE cadre.owner (part bigint, epoch bigint, batch bigint);"                          \
    "INSERT INTO cadre.owner VALUES (0, 1, 7);"                                                    \
    "CREATE TABLE cadre.t (id bigint PRIMARY KEY, name text, body bytea, n double precision)"

static int set_up(void **state)
{
    (void)state;
    there = pg_server_start(&server);
    if (there) OK(pg_load(CADRE_BIN_DIR, &module, &e));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    pg_server_stop(&server);
    return 0;
}

static void reach(struct db *queue, struct db *output, enum pg_use use)
{
    struct pg_place p = {.uri = server.uri};
    if (!there) skip();
    OK(module->open(queue, output, &p, use, &e));
}

static void fresh(struct db *d)
{
    reach(d, NULL, PG_WRITER);
    OK(db_exec(d, TABLES, &e));
}

static struct stmt *make(struct db *d, const char *sql)
{
    struct stmt *q = NULL;
    OK(db_prepare_one(d, sql, &q, &e));
    return q;
}

static void do_text(struct db *d, const char *sql)
{
    struct stmt *q = make(d, sql);
    OK(db_run(d, q, &e));
    stmt_finish(q);
}

static int64_t number(struct db *d, const char *sql)
{
    int64_t n = -1;
    OK(db_int(d, sql, &n, &e));
    return n;
}

static void fill(struct db *d, int rows)
{
    struct stmt *q = make(d, "INSERT INTO t SELECT i, 'row ' || i FROM generate_series(1, ?1) i");
    bind_int(q, 1, rows);
    OK(db_run(d, q, &e));
    stmt_finish(q);
}

static void values_come_back_as_they_went_in(void **state)
{
    (void)state;
    struct db d;
    fresh(&d);
    struct stmt *add = make(&d, "INSERT INTO t VALUES (?1, ?2, ?3, ?4)");
    struct stmt *get = make(&d, "SELECT id, name, body, n, n IS NULL, count(*) OVER (), sum(id)"
                                " OVER () FROM t WHERE id = ?1");
    bind_int(add, 1, INT64_MIN);
    bind_text(add, 2, "wörds");
    bind_blob(add, 3, "a\0b", 3);
    bind_real(add, 4, 0.1);
    OK(db_change(&d, add, &e));
    bind_int(get, 1, INT64_MIN);
    struct err why = {0};
    assert_int_equal(db_step(&d, get, &why), 1);
    assert_true(column_int(get, 0) == INT64_MIN);
    assert_string_equal(column_str(get, 1), "wörds");
    assert_int_equal(column_bytes(get, 2), 3);
    assert_memory_equal(column_blob(get, 2), "a\0b", 3);
    assert_true(column_real(get, 3) == 0.1);
    assert_int_equal(column_int(get, 4), 0);
    assert_int_equal(column_int(get, 5), 1);
    assert_true(column_real(get, 6) < -9.2e18);
    assert_int_equal(db_step(&d, get, &why), 0);
    bind_int(add, 1, 2);
    bind_text(add, 2, NULL);
    bind_blob(add, 3, "", 0);
    OK(db_run(&d, add, &e));
    bind_int(get, 1, 2);
    assert_int_equal(db_step(&d, get, &why), 1);
    assert_true(column_is_null(get, 1));
    assert_null(column_str(get, 1));
    assert_false(column_is_null(get, 2));
    assert_int_equal(column_bytes(get, 2), 0);
    db_reset(get);
    stmt_finish(add);
    stmt_finish(get);
    db_close(&d);
}

/* What PostgreSQL cannot store would take the batch with it. */
static void text_that_is_not_utf8_is_mended(void **state)
{
    (void)state;
    struct db d;
    fresh(&d);
    struct stmt *add = make(&d, "INSERT INTO t VALUES (1, ?1)");
    bind_text(add, 1, "a\xff\xfe z \xc3");
    OK(db_run(&d, add, &e));
    struct stmt *get = make(&d, "SELECT name FROM t");
    struct err why = {0};
    assert_int_equal(db_step(&d, get, &why), 1);
    assert_string_equal(column_str(get, 0), "a\xef\xbf\xbd\xef\xbf\xbd z \xef\xbf\xbd");
    stmt_finish(add);
    stmt_finish(get);
    db_close(&d);
}

static void statements_are_read_within_each_other(void **state)
{
    (void)state;
    for (int use = PG_WRITER; use <= PG_READER; use++) {
        struct db maker, d;
        fresh(&maker);
        fill(&maker, 700);
        reach(&d, NULL, (enum pg_use)use);
        struct stmt *list = make(&d, "SELECT id FROM t ORDER BY id");
        struct stmt *other = make(&d, "SELECT id FROM t WHERE id > ?1 ORDER BY id DESC");
        struct stmt *one = make(&d, "SELECT name FROM t WHERE id = ?1");
        struct err why = {0};
        int n = 0;
        for (int rc = 1; (rc = db_step(&d, list, &why)) == 1; n++) {
            bind_int(one, 1, column_int(list, 0));
            assert_int_equal(db_step(&d, one, &why), 1);
            char *name = str_dupf("row %d", n + 1);
            assert_string_equal(column_str(one, 0), name);
            mem_free(name);
            db_reset(one);
            if (n % 100 != 0) continue;
            bind_int(other, 1, n);
            assert_int_equal(db_step(&d, other, &why), 1);
            assert_int_equal(column_int(other, 0), 700);
            db_reset(other);
        }
        assert_string_equal(why.msg, "");
        assert_int_equal(n, 700);
        stmt_finish(list);
        stmt_finish(other);
        stmt_finish(one);
        db_close(&d);
        db_close(&maker);
    }
}

/* A list that is left early holds no transaction, and has the server do little. */
static void list_that_is_left_leaves_nothing_open(void **state)
{
    (void)state;
    struct db maker, d;
    fresh(&maker);
    fill(&maker, 5000);
    reach(&d, NULL, PG_READER);
    struct stmt *list = make(&d, "SELECT id, pg_backend_pid() FROM t ORDER BY id");
    struct err why = {0};
    assert_int_equal(db_step(&d, list, &why), 1);
    int64_t pid = column_int(list, 1);
    db_reset(list);
    char *sql =
        str_dupf("SELECT count(*) FROM pg_stat_activity WHERE pid = %lld AND state = 'idle'",
                 (long long)pid);
    for (int i = 0; number(&maker, sql) != 1; i++)
        assert_true(i < 1000);
    mem_free(sql);
    assert_int_equal(db_step(&d, list, &why), 1); /* and it can be read again */
    assert_int_equal(column_int(list, 0), 1);
    assert_false(db_in_transaction(&d));
    stmt_finish(list);
    db_close(&d);
    db_close(&maker);
}

static void reader_changes_nothing(void **state)
{
    (void)state;
    struct db maker, d;
    fresh(&maker);
    reach(&d, NULL, PG_READER);
    FAILS(ERR_UNAVAILABLE, db_run_text(&d, "INSERT INTO t VALUES (1)", &e));
    db_close(&d);
    db_close(&maker);
}

static void error_of_a_change_comes_at_the_commit_at_the_latest(void **state)
{
    (void)state;
    struct db d;
    fresh(&d);
    struct stmt *add = make(&d, "INSERT INTO t VALUES (?1)");
    struct stmt *begin = make(&d, "BEGIN IMMEDIATE"), *end = make(&d, "COMMIT");
    struct stmt *back = make(&d, "ROLLBACK");
    OK(db_run(&d, begin, &e));
    assert_true(db_in_transaction(&d));
    for (int i = 1; i <= 3; i++) {
        bind_int(add, 1, i < 3 ? 1 : i);
        OK(db_run(&d, add, &e)); /* nothing was answered yet */
    }
    FAILS(ERR_EXISTS, db_run(&d, end, &e));
    FAILS(ERR_EXISTS, db_run(&d, add, &e)); /* the first error, again */
    assert_true(db_in_transaction(&d));
    OK(db_run(&d, back, &e));
    assert_false(db_in_transaction(&d));
    assert_int_equal(number(&d, "SELECT count(*) FROM t"), 0);
    OK(db_run(&d, begin, &e));
    bind_int(add, 1, 5);
    OK(db_run(&d, add, &e));
    OK(db_run(&d, end, &e));
    assert_int_equal(number(&d, "SELECT count(*) FROM t"), 1);
    stmt_finish(add);
    stmt_finish(begin);
    stmt_finish(end);
    stmt_finish(back);
    db_close(&d);
}

static void row_that_is_taken_leaves_the_transaction_as_it_was(void **state)
{
    (void)state;
    struct db d;
    fresh(&d);
    struct stmt *add = make(&d, "INSERT INTO t VALUES (?1)");
    do_text(&d, "BEGIN");
    bind_int(add, 1, 1);
    OK(db_change(&d, add, &e));
    FAILS(ERR_EXISTS, db_change(&d, add, &e));
    bind_int(add, 1, 2);
    OK(db_run(&d, add, &e));
    FAILS(ERR_EXISTS, db_change(&d, add, &e));
    bind_int(add, 1, 3);
    OK(db_change(&d, add, &e));
    int64_t rows = -1;
    struct stmt *del = make(&d, "DELETE FROM t WHERE id > ?1");
    bind_int(del, 1, 1);
    OK(db_count(&d, del, &rows, &e));
    assert_int_equal(rows, 2);
    FAILS(ERR_NOT_FOUND, db_change(&d, del, &e));
    do_text(&d, "COMMIT");
    assert_int_equal(number(&d, "SELECT sum(id) FROM t"), 1);
    FAILS(ERR_EXISTS, (bind_int(add, 1, 1), db_change(&d, add, &e))); /* outside, too */
    stmt_finish(add);
    stmt_finish(del);
    db_close(&d);
}

static void two_share_one_transaction(void **state)
{
    (void)state;
    struct db maker, queue, output;
    fresh(&maker);
    reach(&queue, &output, PG_WRITER);
    do_text(&queue, "BEGIN");
    assert_true(db_in_transaction(&output));
    do_text(&queue, "INSERT INTO cadre.parts VALUES ('queue')");
    do_text(&output, "INSERT INTO cadre_output.parts VALUES ('output')");
    assert_int_equal(number(&maker, "SELECT count(*) FROM cadre_output.parts"), 0);
    do_text(&output, "COMMIT");
    assert_int_equal(number(&maker, "SELECT count(*) FROM cadre.parts WHERE id = 'queue'"), 1);
    assert_int_equal(number(&maker, "SELECT count(*) FROM cadre_output.parts WHERE id = 'output'"),
                     1);
    int64_t bytes = 0;
    OK(db_size(&output, &bytes, &e));
    assert_true(bytes > 0);
    db_close(&queue);
    assert_int_equal(number(&output, "SELECT count(*) FROM cadre_output.parts WHERE id = 'output'"),
                     1);
    db_close(&output);
    db_close(&maker);
}

static void large_rows_come_whole(void **state)
{
    (void)state;
    struct db d;
    fresh(&d);
    enum { SIZE = 3 << 20 };
    char *big = mem_alloc(SIZE);
    for (int i = 0; i < SIZE; i++)
        big[i] = (char)(i * 31 >> 3);
    struct stmt *add = make(&d, "INSERT INTO t (id, body) VALUES (?1, ?2)");
    do_text(&d, "BEGIN");
    for (int i = 0; i < 8; i++) {
        bind_int(add, 1, i);
        bind_blob(add, 2, big, SIZE);
        OK(db_run(&d, add, &e));
    }
    do_text(&d, "COMMIT");
    struct stmt *get = make(&d, "SELECT body FROM t ORDER BY id");
    struct err why = {0};
    int n = 0;
    while (db_step(&d, get, &why) == 1) {
        assert_int_equal(column_bytes(get, 0), SIZE);
        assert_memory_equal(column_blob(get, 0), big, SIZE);
        n++;
    }
    assert_int_equal(n, 8);
    stmt_finish(add);
    stmt_finish(get);
    mem_free(big);
    db_close(&d);
}

static void kill_backend(struct db *by, struct db *whose)
{
    int64_t pid = number(whose, "SELECT pg_backend_pid()");
    char *sql =
        str_dupf("SELECT CAST(pg_terminate_backend(%lld, 5000) AS integer)", (long long)pid);
    assert_int_equal(number(by, sql), 1);
    mem_free(sql);
}

/* Tries until it is connected again: not more often than twice a second. */
static void begin_again(struct db *d)
{
    int rc;
    do
        rc = db_run_text(d, "BEGIN", NULL);
    while (rc == ERR_UNAVAILABLE);
    assert_int_equal(rc, 0);
}

static void writer_that_lost_a_transaction_runs_nothing_of_it_in_the_next(void **state)
{
    (void)state;
    struct db maker, d;
    fresh(&maker);
    reach(&d, NULL, PG_WRITER);
    struct stmt *add = make(&d, "INSERT INTO t VALUES (1)"), *end = make(&d, "COMMIT");
    struct stmt *back = make(&d, "ROLLBACK");
    do_text(&d, "BEGIN");
    OK(db_run(&d, add, &e));
    kill_backend(&maker, &d);
    FAILS(ERR_UNAVAILABLE, db_run(&d, end, &e));
    assert_true(db_in_transaction(&d));
    FAILS(ERR_UNAVAILABLE, db_run(&d, add, &e));
    FAILS(ERR_UNAVAILABLE, db_run_text(&d, "BEGIN", &e));
    FAILS(ERR_UNAVAILABLE, db_run(&d, end, &e));
    OK(db_run(&d, back, &e));
    assert_false(db_in_transaction(&d));
    assert_int_equal(number(&maker, "SELECT count(*) FROM t"), 0);
    begin_again(&d);
    OK(db_run(&d, add, &e));
    OK(db_run(&d, end, &e));
    assert_int_equal(number(&maker, "SELECT count(*) FROM t"), 1);
    stmt_finish(add);
    stmt_finish(end);
    stmt_finish(back);
    db_close(&d);
    reach(&d, NULL, PG_WRITER); /* outside of a transaction */
    kill_backend(&maker, &d);
    FAILS(ERR_UNAVAILABLE, db_run_text(&d, "INSERT INTO t VALUES (1)", &e));
    assert_false(db_in_transaction(&d));
    begin_again(&d);
    do_text(&d, "ROLLBACK");
    db_close(&d);
    db_close(&maker);
}

/* A server that was started anew, or a firewall, closes what nobody uses; that costs no request. */
static void connection_that_was_closed_in_between_is_made_anew_unseen(void **state)
{
    (void)state;
    struct db maker;
    fresh(&maker);
    for (int use = PG_WRITER; use <= PG_READER; use++) {
        struct db d;
        reach(&d, NULL, (enum pg_use)use);
        struct stmt *one = make(&d, "SELECT id FROM t WHERE id = ?1");
        bind_int(one, 1, 5);
        OK(db_step(&d, one, &e));
        kill_backend(&maker, &d);
        /* it is not made anew more often than twice a second */
        assert_int_equal(number(&maker, "SELECT 1 FROM pg_sleep(0.6)"), 1);
        OK(db_step(&d, one, &e));
        stmt_finish(one);
        db_close(&d);
    }
    db_close(&maker);
}

/* The server counted a table while it was empty. */
static void plan_does_not_wait_for_the_server_to_count(void **state)
{
    (void)state;
    struct db maker;
    fresh(&maker);
    OK(db_exec(&maker, "VACUUM ANALYZE t", &e));
    for (int use = PG_WRITER; use <= PG_LIST; use++) {
        struct db d;
        reach(&d, NULL, (enum pg_use)use);
        struct stmt *plan = make(&d, "EXPLAIN SELECT name FROM t WHERE id = 7");
        struct err why = {0};
        assert_int_equal(db_step(&d, plan, &why), 1);
        assert_non_null(strstr(column_str(plan, 0), "Index Scan"));
        stmt_finish(plan);
        db_close(&d);
    }
    db_close(&maker);
}

static void statement_that_was_not_prepared_behind_an_error_is_prepared_later(void **state)
{
    (void)state;
    struct db d;
    fresh(&d);
    assert_int_equal(number(&d, "SELECT 4"), 4); /* leaves a name, which the next one takes */
    struct stmt *add = make(&d, "INSERT INTO t VALUES (1)");
    struct stmt *end = make(&d, "COMMIT"), *back = make(&d, "ROLLBACK");
    do_text(&d, "INSERT INTO t VALUES (1)");
    for (int i = 0; i < 3; i++) {
        do_text(&d, "BEGIN");
        OK(db_run(&d, add, &e));
        struct stmt *five = make(&d, "SELECT 5"), *six = make(&d, "SELECT 6");
        FAILS(ERR_EXISTS, db_run(&d, end, &e));
        OK(db_run(&d, back, &e));
        struct err why = {0};
        assert_int_equal(db_step(&d, six, &why), 1);
        assert_int_equal(db_step(&d, five, &why), 1);
        assert_int_equal(column_int(five, 0), 5);
        stmt_finish(five);
        stmt_finish(six);
    }
    stmt_finish(add);
    stmt_finish(end);
    stmt_finish(back);
    db_close(&d);
}

static void rollback_that_is_prepared_behind_an_error_is_done(void **state)
{
    (void)state;
    struct db d;
    fresh(&d);
    int64_t pid = number(&d, "SELECT pg_backend_pid()");
    do_text(&d, "BEGIN");
    FAILS(ERR_INTERNAL, db_exec(&d, "SELECT 1 / 0", &e));
    assert_true(db_in_transaction(&d));
    do_text(&d, "ROLLBACK");
    assert_false(db_in_transaction(&d));
    assert_true(number(&d, "SELECT pg_backend_pid()") == pid);
    db_close(&d);
}

static void change_of_no_row_fails_the_commit(void **state)
{
    (void)state;
    struct db d;
    fresh(&d);
    fill(&d, 3);
    struct stmt *set = make(&d, "UPDATE t SET name = ?2 WHERE id = ?1");
    struct stmt *end = make(&d, "COMMIT"), *back = make(&d, "ROLLBACK");
    for (int64_t last = 3; last <= 4; last++) {
        do_text(&d, "BEGIN");
        for (int64_t id = 2; id <= last; id++) {
            bind_int(set, 1, id);
            bind_text(set, 2, last == 3 ? "set" : "not set");
            OK(db_alter(&d, set, &e));
        }
        if (last == 3)
            OK(db_run(&d, end, &e));
        else
            FAILS(ERR_NOT_FOUND, db_run(&d, end, &e));
        OK(db_run(&d, back, &e));
    }
    assert_int_equal(number(&d, "SELECT count(*) FROM t WHERE name = 'set'"), 2);
    stmt_finish(set);
    stmt_finish(end);
    stmt_finish(back);
    db_close(&d);
}

/* As with a standby that has to confirm and is gone: the server itself would wait for ever. */
static void commit_without_an_answer_is_given_up(void **state)
{
    (void)state;
    struct db d;
    fresh(&d);
    struct stmt *end = make(&d, "COMMIT"), *back = make(&d, "ROLLBACK");
    pid_t pid = (pid_t)number(&d, "SELECT pg_backend_pid()");
    do_text(&d, "BEGIN");
    do_text(&d, "INSERT INTO t VALUES (1)");
    assert_int_equal(kill(pid, SIGSTOP), 0);
    struct err why = {0};
    int rc = db_run(&d, end, &why);
    assert_int_equal(kill(pid, SIGCONT), 0);
    assert_int_equal(rc, ERR_UNAVAILABLE);
    assert_non_null(strstr(why.msg, "is not known"));
    FAILS(ERR_UNAVAILABLE, db_run_text(&d, "INSERT INTO t VALUES (2)", &e));
    OK(db_run(&d, back, &e));
    assert_false(db_in_transaction(&d));
    stmt_finish(back);
    stmt_finish(end);
    db_close(&d);
}

static void end_wait_for_standby(void *arg)
{
    bool *over = arg;
    while (!*over) {
        char *said = pg_server_psql(&server, "SELECT pg_cancel_backend(pid) FROM pg_stat_activity"
                                             " WHERE wait_event = 'SyncRep'");
        *over = str_starts(said, "t");
        mem_free(said);
    }
}

/* The server says that it was done, and a failover would lose it. */
static void commit_whose_wait_for_a_standby_was_ended_is_not_known(void **state)
{
    (void)state;
    struct db d;
    fresh(&d);
    mem_free(pg_server_psql(&server, "ALTER SYSTEM SET synchronous_standby_names = 'nobody';"
                                     "SELECT pg_reload_conf();"));
    struct stmt *end = make(&d, "COMMIT"), *back = make(&d, "ROLLBACK");
    bool over = false;
    uv_thread_t thread;
    assert_int_equal(uv_thread_create(&thread, end_wait_for_standby, &over), 0);
    struct err why = {0};
    int rc;
    do { /* the server reads its settings a moment later */
        do_text(&d, "BEGIN");
        do_text(&d, "INSERT INTO t SELECT coalesce(max(id), 0) + 1 FROM t");
        rc = db_run(&d, end, &why);
    } while (rc == 0);
    uv_thread_join(&thread);
    mem_free(pg_server_psql(&server, "ALTER SYSTEM RESET synchronous_standby_names;"
                                     "SELECT pg_reload_conf();"));
    assert_int_equal(rc, ERR_UNAVAILABLE);
    assert_non_null(strstr(why.msg, "standby was ended"));
    OK(db_run(&d, back, &e));
    stmt_finish(end);
    stmt_finish(back);
    db_close(&d);
}

/* The watch on the owner's row, for which a stop waits. */
static void question_for_the_owner_is_given_up_early(void **state)
{
    (void)state;
    struct db maker, d;
    fresh(&maker);
    reach(&d, NULL, PG_OWNER);
    pid_t pid = (pid_t)number(&d, "SELECT pg_backend_pid()");
    assert_int_equal(kill(pid, SIGSTOP), 0);
    struct timespec from, to;
    int64_t n;
    clock_gettime(CLOCK_MONOTONIC, &from);
    struct err why = {0};
    int rc = db_int(&d, "SELECT epoch FROM cadre.owner", &n, &why);
    clock_gettime(CLOCK_MONOTONIC, &to);
    assert_int_equal(kill(pid, SIGCONT), 0);
    assert_int_equal(rc, ERR_UNAVAILABLE);
    assert_in_range(to.tv_sec - from.tv_sec, 4, 10);
    db_close(&d);
    db_close(&maker);
}

static char *session(struct db *d)
{
    static const char sql[] = "SELECT current_setting('statement_timeout') || ' ' ||"
                              " current_setting('lock_timeout') || ' ' ||"
                              " current_setting('synchronous_commit') || ' ' ||"
                              " current_setting('default_transaction_read_only')";
    struct stmt *q = NULL;
    char *all = NULL;
    int rc;
    do { /* a connection is made anew after a moment */
        rc = db_prepare_one(d, sql, &q, NULL);
        if (rc == 0) rc = db_step(d, q, NULL);
        if (rc == 1) all = column_text(q, 0);
        stmt_finish(q);
        q = NULL;
    } while (rc == ERR_UNAVAILABLE);
    assert_int_equal(rc, 1);
    return all;
}

static void session_is_the_same_when_it_connects_again(void **state)
{
    static const char *const sessions[] = {[PG_WRITER] = "15s 0 on off",
                                           [PG_READER] = "30s 0 on on",
                                           [PG_OWNER] = "15s 1s on off",
                                           [PG_LIST] = "3s 1s off off"};
    (void)state;
    struct db maker, d;
    fresh(&maker);
    for (int use = PG_WRITER; use <= PG_LIST; use++) {
        reach(&d, NULL, (enum pg_use)use);
        for (int i = 0; i < 2; i++) {
            char *all = session(&d);
            assert_string_equal(all, sessions[use]);
            mem_free(all);
            if (i == 0) kill_backend(&maker, &d);
        }
        db_close(&d);
    }
    db_close(&maker);
}

/* Its lock is gone. */
static void move_does_not_connect_again(void **state)
{
    (void)state;
    struct db maker, d;
    int64_t n;
    fresh(&maker);
    reach(&d, NULL, PG_MOVE);
    assert_int_equal(number(&d, "SELECT CASE WHEN current_setting("
                                "'idle_in_transaction_session_timeout') = '0' THEN 7 END"),
                     7);
    kill_backend(&maker, &d);
    struct timespec from, now;
    clock_gettime(CLOCK_MONOTONIC, &from);
    do { /* others would by then */
        FAILS(ERR_UNAVAILABLE, db_int(&d, "SELECT 1", &n, &e));
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while (now.tv_sec - from.tv_sec < 2);
    db_close(&d);
    db_close(&maker);
}

static void reader_connects_again(void **state)
{
    (void)state;
    struct db maker, d;
    fresh(&maker);
    fill(&maker, 1000);
    reach(&d, NULL, PG_READER);
    struct stmt *list = make(&d, "SELECT id FROM t ORDER BY id");
    struct stmt *one = make(&d, "SELECT id FROM t WHERE id = ?1");
    struct err why = {0};
    bind_int(one, 1, 5);
    assert_int_equal(db_step(&d, one, &why), 1);
    db_reset(one);
    kill_backend(&maker, &d);
    assert_int_equal(db_step(&d, one, &why), ERR_UNAVAILABLE);
    int rc;
    for (rc = 0; rc != 1;) /* not more often than twice a second */
        rc = db_step(&d, one, &why);
    assert_int_equal(column_int(one, 0), 5);
    db_reset(one);
    assert_int_equal(db_step(&d, list, &why), 1);
    kill_backend(&maker, &d); /* within a list */
    while ((rc = db_step(&d, list, &why)) == 1)
        continue;
    assert_int_equal(rc, ERR_UNAVAILABLE);
    for (rc = 0; rc != 1;)
        rc = db_step(&d, list, &why);
    assert_int_equal(column_int(list, 0), 1);
    stmt_finish(list);
    stmt_finish(one);
    db_close(&d);
    db_close(&maker);
}

#define OWN                                                                                        \
    "WITH mine AS (UPDATE cadre.owner SET batch = batch + 1 WHERE part = 0 AND epoch = ?1"         \
    " AND batch = ?2 RETURNING 1) SELECT 1 / count(*) FROM mine"

/* Nothing of the batch lands, although its commit was sent with all the rest. */
static void owner_that_is_none_any_more_is_fenced_for_good(void **state)
{
    (void)state;
    struct db maker, d;
    fresh(&maker);
    reach(&d, NULL, PG_WRITER);
    struct stmt *own = make(&d, OWN), *add = make(&d, "INSERT INTO t VALUES (?1)");
    struct stmt *begin = make(&d, "BEGIN"), *end = make(&d, "COMMIT"), *back = make(&d, "ROLLBACK");
    for (int batch = 7; batch < 9; batch++) {
        if (batch == 8) do_text(&maker, "UPDATE cadre.owner SET epoch = 2");
        OK(db_run(&d, begin, &e));
        bind_int(own, 1, 1);
        bind_int(own, 2, batch);
        OK(db_run(&d, own, &e));
        bind_int(add, 1, batch);
        OK(db_run(&d, add, &e));
        if (batch == 7) OK(db_run(&d, end, &e));
    }
    FAILS(ERR_FENCED, db_run(&d, end, &e));
    OK(db_run(&d, back, &e));
    FAILS(ERR_FENCED, db_run(&d, begin, &e));
    assert_int_equal(number(&maker, "SELECT sum(id) FROM t"), 7);
    stmt_finish(own);
    stmt_finish(add);
    stmt_finish(begin);
    stmt_finish(end);
    stmt_finish(back);
    db_close(&d);
    db_close(&maker);
}

static void lost_server_is_named_and_the_password_is_not(void **state)
{
    (void)state;
    struct db maker, d;
    fresh(&maker);
    reach(&d, NULL, PG_WRITER);
    struct stmt *add = make(&d, "INSERT INTO t VALUES (1)"), *end = make(&d, "COMMIT");
    do_text(&d, "BEGIN");
    OK(db_run(&d, add, &e));
    pg_server_end(&server, SIGQUIT);
    struct err why = {0};
    assert_int_equal(db_run(&d, end, &why), ERR_UNAVAILABLE);
    assert_non_null(strstr(why.msg, "database postgres on "));
    stmt_finish(add);
    stmt_finish(end);
    db_close(&d);
    db_close(&maker);
    char *uri = str_dupf("%s&password=opensesame", server.uri);
    struct pg_place p = {.uri = uri};
    assert_int_equal(module->open(&d, NULL, &p, PG_WRITER, &why), ERR_UNAVAILABLE);
    assert_non_null(strstr(why.msg, "database postgres on "));
    assert_null(strstr(why.msg, "opensesame"));
    db_close(&d);
    mem_free(uri);
    p.uri = "postgresql://u:open%sesame@h/";
    assert_int_equal(module->open(&d, NULL, &p, PG_WRITER, &why), ERR_INVALID);
    assert_null(strstr(why.msg, "sesame"));
    db_close(&d);
    pg_server_again(&server);
}

static void bad_statement_is_told_with_its_text(void **state)
{
    (void)state;
    struct db d;
    fresh(&d);
    struct err why = {0};
    assert_int_equal(db_run_text(&d, "SELECT nothing FROM nowhere", &why), ERR_INTERNAL);
    assert_non_null(strstr(why.msg, "nowhere"));
    assert_int_equal(number(&d, "SELECT 5"), 5);
    db_close(&d);
}

static void missing_module_names_the_package(void **state)
{
    (void)state;
    const struct pg_module *m = NULL;
    struct err why = {0};
    assert_int_equal(pg_load("/nowhere", &m, &why), ERR_NOT_FOUND);
    assert_non_null(strstr(why.msg, "package cadre-coordinator-postgresql"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_come_back_as_they_went_in),
        cmocka_unit_test(text_that_is_not_utf8_is_mended),
        cmocka_unit_test(statements_are_read_within_each_other),
        cmocka_unit_test(list_that_is_left_leaves_nothing_open),
        cmocka_unit_test(reader_changes_nothing),
        cmocka_unit_test(error_of_a_change_comes_at_the_commit_at_the_latest),
        cmocka_unit_test(row_that_is_taken_leaves_the_transaction_as_it_was),
        cmocka_unit_test(two_share_one_transaction),
        cmocka_unit_test(large_rows_come_whole),
        cmocka_unit_test(writer_that_lost_a_transaction_runs_nothing_of_it_in_the_next),
        cmocka_unit_test(connection_that_was_closed_in_between_is_made_anew_unseen),
        cmocka_unit_test(plan_does_not_wait_for_the_server_to_count),
        cmocka_unit_test(statement_that_was_not_prepared_behind_an_error_is_prepared_later),
        cmocka_unit_test(rollback_that_is_prepared_behind_an_error_is_done),
        cmocka_unit_test(change_of_no_row_fails_the_commit),
        cmocka_unit_test(commit_without_an_answer_is_given_up),
        cmocka_unit_test(commit_whose_wait_for_a_standby_was_ended_is_not_known),
        cmocka_unit_test(question_for_the_owner_is_given_up_early),
        cmocka_unit_test(session_is_the_same_when_it_connects_again),
        cmocka_unit_test(move_does_not_connect_again),
        cmocka_unit_test(reader_connects_again),
        cmocka_unit_test(owner_that_is_none_any_more_is_fenced_for_good),
        cmocka_unit_test(lost_server_is_named_and_the_password_is_not),
        cmocka_unit_test(bad_statement_is_told_with_its_text),
        cmocka_unit_test(missing_module_names_the_package),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

/* The driver of PostgreSQL: questions that are asked ahead, on a real server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pg_fixture.h"

#include "coordinator/store/pg_load.h"

#include <signal.h>

static struct pg_server server;
static const struct pg_module *module;
static bool there;

#define OK(call)                                                                                   \
    do {                                                                                           \
        struct err e = {0};                                                                        \
        int rc_ = (call);                                                                          \
        if (rc_ != 0) fail_msg("%s: %d: %s", #call, rc_, e.msg);                                   \
    } while (0)

/* Ten rows whose n is their id. */
#define TABLES                                                                                     \
    "DROP SCHEMA IF EXISTS cadre CASCADE; DROP SCHEMA IF EXISTS cadre_output CASCADE;"             \
    "CREATE SCHEMA cadre; CREATE SCHEMA cadre_output; CREATE TABLE cadre.other (id text);"         \
    "CREATE TABLE cadre.t (id bigint PRIMARY KEY, n double precision);"                            \
    "INSERT INTO cadre.t SELECT i, i FROM generate_series(1, 10) i"

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

static struct stmt *make(struct db *d, const char *sql)
{
    struct stmt *q = NULL;
    OK(db_prepare_one(d, sql, &q, &e));
    return q;
}

/* The n of the row, by a question that may have been asked ahead; *trips: what that cost. */
static double asked(struct db *d, struct stmt *q, int id, uint64_t *trips)
{
    uint64_t before = db_trips(d);
    bind_int(q, 1, id);
    struct err e = {0};
    int rc = db_step(d, q, &e);
    if (rc < 0) fail_msg("%s", e.msg);
    double n = rc == 1 ? column_real(q, 0) : -1;
    db_reset(q);
    *trips = db_trips(d) - before;
    return n;
}

static void ask(struct db *d, struct stmt *q, int id)
{
    bind_int(q, 1, id);
    OK(db_ask(d, q, &e));
}

static void is(struct db *d, struct stmt *q, int id, double n, uint64_t trips)
{
    uint64_t cost;
    double found = asked(d, q, id, &cost);
    if (found != n || cost != trips) fail_msg("row %d: %g (%d trips)", id, found, (int)cost);
}

static void text(struct db *d, const char *sql)
{
    OK(db_run_text(d, sql, &e));
}

struct asking {
    struct db d;
    struct stmt *get, *all, *set;
};

static void asking_open(struct asking *a)
{
    struct pg_place p = {.uri = server.uri};
    if (!there) skip();
    OK(module->open(&a->d, NULL, &p, PG_WRITER, &e));
    OK(db_exec(&a->d, TABLES, &e));
    a->get = make(&a->d, "SELECT n FROM t WHERE id = ?1");
    a->all = make(&a->d, "SELECT sum(n) FROM t WHERE id > ?1");
    a->set = make(&a->d, "UPDATE t SET n = n + 100 WHERE id = ?1");
}

static void asking_close(struct asking *a)
{
    stmt_finish(a->get);
    stmt_finish(a->all);
    stmt_finish(a->set);
    db_close(&a->d);
}

static void set(struct asking *a, int id)
{
    bind_int(a->set, 1, id);
    OK(db_run(&a->d, a->set, &e));
}

static void what_was_asked_ahead_is_answered_in_one_trip(void **state)
{
    (void)state;
    struct asking a;
    asking_open(&a);
    assert_true(db_is_far(&a.d));
    text(&a.d, "BEGIN");
    for (int i = 1; i <= 11; i++)
        ask(&a.d, a.get, i);
    ask(&a.d, a.get, 3); /* once is enough */
    ask(&a.d, a.all, 5);
    is(&a.d, a.get, 7, 7, 1);
    for (int i = 10; i > 0; i--)
        is(&a.d, a.get, i, i, 0);
    is(&a.d, a.get, 11, -1, 0); /* that there is no row is an answer */
    is(&a.d, a.all, 5, 40, 0);
    is(&a.d, a.all, 6, 34, 1); /* other values */
    text(&a.d, "COMMIT");
    is(&a.d, a.get, 7, 7, 1); /* the answers were of that transaction */
    asking_close(&a);
}

static void a_change_takes_the_answers_of_its_table(void **state)
{
    (void)state;
    struct asking a;
    asking_open(&a);
    text(&a.d, "BEGIN");
    for (int i = 1; i <= 3; i++)
        ask(&a.d, a.get, i);
    ask(&a.d, a.all, 0);
    text(&a.d, "UPDATE other SET id = 'x'"); /* of another table */
    is(&a.d, a.get, 1, 1, 0);                /* its end took the answers */
    set(&a, 2);                              /* nobody said that it is of one row */
    is(&a.d, a.get, 2, 102, 1);
    is(&a.d, a.get, 3, 3, 1);
    is(&a.d, a.all, 0, 155, 1);
    ask(&a.d, a.get, 3); /* an old answer is not heard again */
    is(&a.d, a.get, 3, 3, 1);
    text(&a.d, "ROLLBACK");
    is(&a.d, a.get, 2, 2, 1);
    asking_close(&a);
}

/* Each of them takes row 4 away, or makes its n another. */
static void however_a_table_is_changed_its_answers_go(void **state)
{
    (void)state;
    static const char *const changes[] = {
        "DELETE FROM t WHERE id IN (SELECT id FROM t WHERE n = 4)",
        "DELETE FROM cadre.t WHERE id = 4",
        "DELETE FROM ONLY t WHERE id = 4",
        "DELETE FROM ONLY cadre.t x USING other o WHERE x.id = 4",
        "UPDATE ONLY t SET n = 44 WHERE id = 4",
        "UPDATE t AS x SET n = 44 WHERE x.id = 4",
        "INSERT INTO t VALUES (4, 1) ON CONFLICT (id) DO UPDATE SET n = 44",
        "WITH gone AS (DELETE FROM t WHERE id = 4 RETURNING 1) SELECT count(*) FROM gone",
        "WITH a AS (UPDATE other SET id = 'y'), b AS (UPDATE t SET n = 44 WHERE id = 4) SELECT 1",
        "DO $$BEGIN UPDATE other SET id = 'y'; DELETE FROM t WHERE id = 4; END$$",
        "DO $$BEGIN UPDATE other SET id = 'y'; EXECUTE 'DELETE' || ' FROM t WHERE id = 4'; END$$",
        "TRUNCATE t",
    };
    struct asking a;
    asking_open(&a);
    db_of_one(a.get);
    text(&a.d, "INSERT INTO other VALUES ('x')");
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        uint64_t trips;
        text(&a.d, "BEGIN");
        ask(&a.d, a.get, 4);
        is(&a.d, a.get, 4, 4, 1);
        text(&a.d, changes[i]);
        if (asked(&a.d, a.get, 4, &trips) == 4) fail_msg("not seen: %s", changes[i]);
        text(&a.d, "ROLLBACK");
    }
    asking_close(&a);
}

static void a_change_of_one_row_leaves_the_answers_of_others(void **state)
{
    (void)state;
    struct asking a;
    asking_open(&a);
    db_of_one(a.get);
    db_of_one(a.set);
    text(&a.d, "BEGIN");
    for (int i = 1; i <= 12; i++)
        ask(&a.d, a.get, i);
    ask(&a.d, a.all, 0);
    set(&a, 1); /* before the answers are there */
    is(&a.d, a.get, 2, 2, 1);
    set(&a, 2);
    set(&a, 11); /* there is no such row */
    is(&a.d, a.get, 1, 101, 1);
    is(&a.d, a.get, 2, 102, 1);
    is(&a.d, a.get, 12, -1, 0);
    is(&a.d, a.get, 3, 3, 0);
    is(&a.d, a.all, 0, 255, 1); /* it is of all rows */
    text(&a.d, "DELETE FROM t");
    is(&a.d, a.get, 4, -1, 1);
    text(&a.d, "ROLLBACK");
    asking_close(&a);
}

static void answers_end_with_the_batch(void **state)
{
    (void)state;
    struct asking a;
    asking_open(&a);
    ask(&a.d, a.get, 1); /* outside of a transaction */
    db_forget(&a.d);
    is(&a.d, a.get, 1, 1, 1); /* the answer that was on its way is nobody's */
    ask(&a.d, a.get, 1);
    is(&a.d, a.get, 1, 1, 1);
    OK(db_exec(&a.d, "UPDATE cadre.t SET n = 55 WHERE id = 1", &e));
    is(&a.d, a.get, 1, 55, 1);
    ask(&a.d, a.get, 1);
    bind_int(a.get, 1, 1);
    OK(db_step(&a.d, a.get, &e) == 1 ? 0 : ERR_INTERNAL); /* it is being read ... */
    db_forget(&a.d);
    assert_true(column_real(a.get, 0) == 55); /* ... to its end */
    struct err e = {0};
    assert_int_equal(db_step(&a.d, a.get, &e), 0);
    ask(&a.d, a.get, 2);
    stmt_finish(a.get); /* which waits for what names it */
    a.get = make(&a.d, "SELECT n FROM t WHERE id = ?1");
    is(&a.d, a.get, 2, 2, 1);
    asking_close(&a);
}

static void a_question_that_fails_fails_whoever_asks(void **state)
{
    (void)state;
    struct asking a;
    asking_open(&a);
    struct stmt *wrong = make(&a.d, "SELECT 1 / (id - ?1) FROM t WHERE id = 1");
    text(&a.d, "BEGIN");
    ask(&a.d, a.get, 1);
    ask(&a.d, wrong, 1);
    ask(&a.d, a.get, 2);
    bind_int(a.get, 1, 1);
    struct err why = {0};
    assert_true(db_step(&a.d, a.get, &why) < 0);
    assert_true(db_step(&a.d, a.get, &why) < 0); /* and all that follows */
    text(&a.d, "ROLLBACK");
    is(&a.d, a.get, 1, 1, 1);
    stmt_finish(wrong);
    asking_close(&a);
}

static void one_that_fails_outside_of_a_transaction_fails_nobody_else(void **state)
{
    (void)state;
    struct asking a;
    asking_open(&a);
    struct stmt *wrong = make(&a.d, "SELECT 1 / (id - ?1) FROM t WHERE id = 1");
    ask(&a.d, a.get, 1);
    ask(&a.d, wrong, 1);
    ask(&a.d, a.get, 2);
    text(&a.d, "BEGIN");
    set(&a, 3);
    text(&a.d, "COMMIT");
    is(&a.d, a.get, 3, 103, 1);
    ask(&a.d, wrong, 1);
    ask(&a.d, a.get, 2);
    is(&a.d, a.get, 2, 2, 2); /* it was passed over, and is asked again */
    struct err why = {0};
    bind_int(wrong, 1, 1);
    assert_true(db_step(&a.d, wrong, &why) < 0);
    assert_string_not_equal(why.msg, "");
    stmt_finish(wrong);
    asking_close(&a);
}

static void answers_of_a_lost_connection_are_lost(void **state)
{
    (void)state;
    struct asking a;
    asking_open(&a);
    ask(&a.d, a.get, 1);
    is(&a.d, a.get, 1, 1, 1);
    pg_server_end(&server, SIGINT);
    pg_server_again(&server);
    struct err why = {0};
    bind_int(a.get, 1, 1);
    int rc = db_ask(&a.d, a.get, &why);
    if (rc == 0) rc = db_step(&a.d, a.get, &why);
    if (rc > 0) fail_msg("an answer of a connection that is gone");
    assert_int_equal(rc, ERR_UNAVAILABLE);
    asking_close(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_asked_ahead_is_answered_in_one_trip),
        cmocka_unit_test(a_change_takes_the_answers_of_its_table),
        cmocka_unit_test(however_a_table_is_changed_its_answers_go),
        cmocka_unit_test(a_change_of_one_row_leaves_the_answers_of_others),
        cmocka_unit_test(answers_end_with_the_batch),
        cmocka_unit_test(a_question_that_fails_fails_whoever_asks),
        cmocka_unit_test(one_that_fails_outside_of_a_transaction_fails_nobody_else),
        cmocka_unit_test(answers_of_a_lost_connection_are_lost),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

/* Opening on PostgreSQL, and whose the queue is, on a real server. */
#include "store_fixture.h"

#include "pg_fixture.h"

#include "base/mem.h"
#include "base/str.h"
#include "coordinator/store/pg_store.h"
#include "coordinator/store/sql_reader.h"
#include "coordinator/store/sql_schema.h"
#include "coordinator/store/sql_store.h"
#include "coordinator/store/store_owner.h"

#include <signal.h>
#include <string.h>
#include <uv.h>

static struct pg_server server;
static bool there;

/* A step behind the last one, as a later version of Cadre has it. */
static bool later; /* this program is that version */

int __real_schema_newest(void);
int __wrap_schema_newest(void);
const struct schema_step *__real_schema_step_from(int version);
const struct schema_step *__wrap_schema_step_from(int version);

int __wrap_schema_newest(void)
{
    return __real_schema_newest() + later;
}

const struct schema_step *__wrap_schema_step_from(int version)
{
    static const struct schema_step step = {.sqlite = "SELECT 1;",
                                            .pg = "CREATE TABLE cadre.later (a bigint);"};
    if (later && version == __real_schema_newest()) return &step;
    return __real_schema_step_from(version);
}

/* A commit of the owner's row alone. */
static int renew(struct store *s, struct err *e)
{
    int rc = store_begin(s, e);
    if (rc == 0) rc = store_write_queue(s, e);
    if (rc == 0) return store_commit(s, e);
    store_rollback(s);
    return rc;
}

static struct pg_place place(void)
{
    return (struct pg_place){.uri = server.uri, .folder = CADRE_BIN_DIR};
}

static void psql(const char *sql)
{
    mem_free(pg_server_psql(&server, sql));
}

static int set_up(void **state)
{
    (void)state;
    there = pg_server_start(&server);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    pg_server_stop(&server);
    return 0;
}

static struct store *open_with(const struct pg_reign *own)
{
    struct pg_place p = place();
    struct store_parts parts = {.make = true};
    struct store *s = NULL;
    OK(store_open_pg(&p, own, &parts, &s, &e));
    return s;
}

/* A database without anything in it. */
static void fresh(void)
{
    if (!there) skip();
    psql("DROP SCHEMA IF EXISTS cadre CASCADE; DROP SCHEMA IF EXISTS cadre_output CASCADE;");
}

static void add(struct store *s, int n)
{
    struct job_row j = plain_job(n, "g");
    OK(store_job_insert(s, &j, "{\"command\":[\"true\"]}", &e));
}

static void add_and_commit(struct store *s, int n)
{
    OK(store_begin(s, &e));
    add(s, n);
    OK(store_commit(s, &e));
}

static bool has_job(struct store *s, int n)
{
    struct job_row j = {0};
    struct err e = {0};
    int rc = store_job_find(s, job_id(n), &j, &e);
    if (rc < 0) fail_msg("%s", e.msg);
    job_row_fini(&j);
    return rc == 1;
}

struct maker {
    const char *ca;
    int rc;
    struct err err;
};

static void make_it(void *arg)
{
    struct maker *m = arg;
    struct pg_place p = place();
    struct store_parts parts = {.make = true, .ca = m->ca};
    struct store *s = NULL;
    m->rc = store_open_pg(&p, NULL, &parts, &s, &m->err);
    store_close(s);
}

/* Two times `init` at once, each with a CA of its own: the second one finds the first one's. */
static void database_is_made_by_one_of_two(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++) {
        fresh();
        uv_thread_t threads[2];
        struct maker m[2] = {{.ca = "aa"}, {.ca = "bb"}};
        for (int t = 0; t < 2; t++)
            assert_int_equal(uv_thread_create(&threads[t], make_it, &m[t]), 0);
        for (int t = 0; t < 2; t++)
            uv_thread_join(&threads[t]);
        int second = m[0].rc == 0;
        if (m[!second].rc) fail_msg("%s", m[!second].err.msg);
        if (m[second].rc != ERR_CONFLICT) fail_msg("%d: %s", m[second].rc, m[second].err.msg);
        char *rows = pg_server_psql(&server, "SELECT count(*), count(ca) FROM cadre.parts");
        assert_non_null(strstr(rows, "1|1"));
        mem_free(rows);
    }
}

static void jobs_and_output_are_there_for_the_next_one(void **state)
{
    (void)state;
    fresh();
    struct store *s = open_with(NULL);
    OK(store_begin(s, &e));
    for (int i = 1; i <= 200; i++)
        add(s, i);
    struct chunk c = {.job = job_id(1), .attempt = 1, .stream = 1, .data = "a\0b", .len = 3};
    OK(store_output_add(s, &c, &e));
    OK(store_commit(s, &e));
    store_close(s);
    s = open_with(NULL);
    assert_true(has_job(s, 200));
    assert_false(has_job(s, 201));
    int64_t bytes, remarks;
    OK(store_output_bytes(s, job_id(1), 1, &bytes, &remarks, &e));
    assert_int_equal(bytes, 3);
    store_close(s);
}

static int count_job(const struct job_view *v, void *user)
{
    assert_string_equal(v->job.group, "g");
    ++*(int *)user;
    return 0;
}

static void reader_sees_what_was_committed(void **state)
{
    (void)state;
    fresh();
    struct store *s = open_with(NULL);
    add_and_commit(s, 1);
    struct pg_place p = place();
    struct reader *r = NULL;
    OK(reader_open_pg(&p, &r, &e));
    struct job_filter f = {.limit = 10};
    int64_t next;
    int n = 0;
    OK(reader_jobs(r, &f, count_job, &n, &next, &e));
    assert_int_equal(n, 1);
    OK(store_begin(s, &e));
    add(s, 2);
    n = 0;
    OK(reader_jobs(r, &f, count_job, &n, &next, &e));
    assert_int_equal(n, 1);
    OK(store_commit(s, &e));
    n = 0;
    OK(reader_jobs(r, &f, count_job, &n, &next, &e));
    assert_int_equal(n, 2);
    reader_close(r);
    store_close(s);
}

static void database_without_tables_is_refused_but_by_init(void **state)
{
    (void)state;
    fresh();
    struct pg_place p = place();
    struct store_parts parts = {.make = false};
    struct store *s = NULL;
    struct reader *r = NULL;
    FAILS(ERR_NOT_FOUND, store_open_pg(&p, NULL, &parts, &s, &e));
    FAILS(ERR_NOT_FOUND, reader_open_pg(&p, &r, &e));
    struct db d;
    struct pg_owner o;
    OK(pg_owner_open(&p, &d, &e));
    FAILS(ERR_NOT_FOUND, pg_owner_look(&d, &o, &e));
    db_close(&d);
}

static void database_of_another_ca_is_refused(void **state)
{
    (void)state;
    fresh();
    struct pg_place p = place();
    struct store_parts parts = {.make = true, .ca = "aaaa"}, others = {.ca = "bbbb"};
    struct store *s = NULL;
    OK(store_open_pg(&p, NULL, &parts, &s, &e));
    store_close(s);
    FAILS(ERR_CONFLICT, store_open_pg(&p, NULL, &others, &s, &e));
    parts.make = false;
    OK(store_open_pg(&p, NULL, &parts, &s, &e));
    store_close(s);
}

static void newer_tables_are_refused(void **state)
{
    (void)state;
    fresh();
    store_close(open_with(NULL));
    psql("UPDATE cadre.owner SET schema = schema + 1");
    struct pg_place p = place();
    struct store_parts parts = {.make = true};
    struct store *s = NULL;
    struct reader *r = NULL;
    FAILS(ERR_UNSUPPORTED, store_open_pg(&p, NULL, &parts, &s, &e));
    FAILS(ERR_UNSUPPORTED, reader_open_pg(&p, &r, &e));
}

static void expect(const char *sql, const char *wanted)
{
    char *out = pg_server_psql(&server, sql);
    assert_string_equal(out, wanted);
    mem_free(out);
}

#define HAS_STEP "SELECT to_regclass('cadre.later') IS NOT NULL, schema - %d FROM cadre.owner"

static void expect_step(bool is_there)
{
    char *sql = str_dupf(HAS_STEP, __real_schema_newest());
    expect(sql, is_there ? "t|1\n" : "f|0\n");
    mem_free(sql);
}

/* `init` and the target of a move do not own the queue. */
static void older_tables_are_not_changed_without_the_row(void **state)
{
    (void)state;
    fresh();
    store_close(open_with(NULL));
    struct pg_place p = place();
    struct store_parts parts = {.make = true}, target = {.make = true, .end = MOVE_TARGET};
    struct store *s = NULL;
    later = true;
    FAILS(ERR_UNSUPPORTED, store_open_pg(&p, NULL, &parts, &s, &e));
    FAILS(ERR_UNSUPPORTED, store_open_pg(&p, NULL, &target, &s, &e));
    later = false;
    expect_step(false);
}

static void new_tables_have_all_steps(void **state)
{
    (void)state;
    fresh();
    later = true;
    store_close(open_with(NULL));
    store_close(open_with(NULL));
    later = false;
    expect_step(true);
}

/* The owner's row is another's by the time that it writes what is missing. */
static void opening_that_is_fenced_ends_there(void **state)
{
    (void)state;
    fresh();
    store_close(open_with(NULL));
    struct pg_place p = place();
    struct store_parts parts = {.make = false};
    struct pg_reign other = {.epoch = 77, .batch = 1};
    struct store *s = NULL;
    later = true;
    FAILS(ERR_FENCED, store_open_pg(&p, &other, &parts, &s, &e));
    later = false;
    assert_null(s);
    expect_step(false);
}

static void server_that_may_lose_commits_is_refused(void **state)
{
    (void)state;
    fresh();
    struct pg_place p = place();
    struct store_parts parts = {.make = true};
    struct store *s = NULL;
    psql("ALTER DATABASE postgres SET synchronous_commit = off");
    struct err why = {0};
    assert_int_equal(store_open_pg(&p, NULL, &parts, &s, &why), ERR_UNSUPPORTED);
    assert_non_null(strstr(why.msg, "synchronous_commit"));
    psql("ALTER DATABASE postgres RESET synchronous_commit");
    store_close(open_with(NULL));
}

/* "local" does not wait for a synchronous standby; "remote_apply" waits for more than "on". */
static void commits_wait_for_a_standby_whatever_the_server_has_set(void **state)
{
    (void)state;
    static const char *const set[] = {"local", "remote_apply"}, *const has[] = {"on",
                                                                                "remote_apply"};
    fresh();
    for (int i = 0; i < 2; i++) {
        char *sql = str_dupf("ALTER DATABASE postgres SET synchronous_commit = %s", set[i]);
        psql(sql);
        mem_free(sql);
        struct store *s = open_with(NULL);
        int64_t same = 0;
        sql =
            str_dupf("SELECT CAST((current_setting('synchronous_commit') = '%s') AS int)", has[i]);
        OK(db_int(&s->queue, sql, &same, &e));
        assert_int_equal(same, 1);
        mem_free(sql);
        store_close(s);
    }
    psql("ALTER DATABASE postgres RESET synchronous_commit");
}

static int small_parameters(struct db *d)
{
    struct stmt *q = NULL;
    struct err why = {0};
    int n = 0;
    OK(db_prepare_one(d,
                      "SELECT statement, CAST(parameter_types AS text) FROM pg_prepared_statements"
                      " WHERE 'integer' = ANY (CAST(parameter_types AS text[]))",
                      &q, &e));
    while (db_step(d, q, &why) == 1) {
        print_error("%s: %s\n", column_str(q, 1), column_str(q, 0));
        n++;
    }
    stmt_finish(q);
    return n;
}

/* A wrong type costs at the first value that does not fit it: ids are greater than an integer. */
static void no_parameter_is_taken_for_a_small_number(void **state)
{
    (void)state;
    fresh();
    struct store *s = open_with(NULL);
    struct pg_place p = place();
    struct reader *r = NULL;
    OK(reader_open_pg(&p, &r, &e));
    assert_int_equal(small_parameters(&s->queue) + small_parameters(&r->queue), 0);
    reader_close(r);
    store_close(s);
}

/* ---- the owner ------------------------------------------------------------------------------ */

static struct pg_reign take_over(struct db *d)
{
    struct pg_owner o;
    struct pg_reign now;
    OK(pg_owner_look(d, &o, &e));
    OK(pg_owner_take(d, &o.reign, "here", "a:1,b:2", &now, &e));
    assert_int_equal(now.epoch, o.reign.epoch + 1);
    assert_int_equal(now.batch, o.reign.batch);
    pg_owner_fini(&o);
    return now;
}

static void owner_commits_until_another_takes_over(void **state)
{
    (void)state;
    fresh();
    store_close(open_with(NULL));
    struct pg_place p = place();
    struct db d;
    OK(pg_owner_open(&p, &d, &e));
    struct pg_reign first = take_over(&d);
    struct store *s = open_with(&first);
    add_and_commit(s, 1);
    OK(renew(s, &e));
    assert_int_equal(store_reign(s).batch, first.batch + 2);
    struct pg_owner o;
    OK(pg_owner_look(&d, &o, &e));
    assert_int_equal(o.reign.batch, first.batch + 2);
    assert_string_equal(o.holder, "here");
    assert_string_equal(o.addresses, "a:1,b:2");
    pg_owner_fini(&o);
    /* one that looked too early */
    struct pg_reign now;
    FAILS(ERR_FENCED, pg_owner_take(&d, &first, "there", "", &now, &e));
    OK(store_begin(s, &e)); /* in the midst of a batch */
    add(s, 2);
    struct pg_reign second = take_over(&d);
    FAILS(ERR_FENCED, store_commit(s, &e));
    OK(store_begin(s, &e));
    add(s, 3);
    FAILS(ERR_FENCED, store_commit(s, &e));
    FAILS(ERR_FENCED, renew(s, &e));
    store_close(s);
    s = open_with(&second);
    assert_true(has_job(s, 1));
    assert_false(has_job(s, 2));
    assert_false(has_job(s, 3));
    add_and_commit(s, 4);
    store_close(s);
    db_close(&d);
}

/* Whoever renews the row meanwhile would be fenced by its own side. */
static void owner_writes_nothing_that_init_left_out(void **state)
{
    (void)state;
    fresh();
    store_close(open_with(NULL));
    struct pg_place p = place();
    struct store_parts parts = {.ca = "aa"};
    struct store *s = NULL;
    struct db d;
    OK(pg_owner_open(&p, &d, &e));
    struct pg_reign own = take_over(&d);
    FAILS(ERR_CONFLICT, store_open_pg(&p, &own, &parts, &s, &e)); /* no CA */
    psql("DELETE FROM cadre.parts; DELETE FROM cadre_output.parts;");
    FAILS(ERR_CONFLICT, store_open_pg(&p, &own, &parts, &s, &e)); /* no row */
    OK(pg_owner_write(&d, &own, &e));
    OK(store_open_pg(&p, NULL, &parts, &s, &e)); /* `init` */
    store_close(s);
    OK(store_open_pg(&p, &own, &parts, &s, &e));
    assert_int_equal(store_reign(s).batch, own.batch);
    store_close(s);
    db_close(&d);
}

static void owner_upgrades_older_tables(void **state)
{
    (void)state;
    fresh();
    store_close(open_with(NULL));
    struct pg_place p = place();
    struct db d;
    OK(pg_owner_open(&p, &d, &e));
    struct pg_reign own = take_over(&d);
    later = true;
    struct store *s = open_with(&own);
    assert_int_equal(store_reign(s).batch, own.batch + 1);
    add_and_commit(s, 1);
    store_close(s);
    db_close(&d);
    later = false;
    expect_step(true);
}

/* A commit of which it does not know, or a database that lost some. */
static void row_with_another_batch_number_fences_its_own_epoch(void **state)
{
    (void)state;
    for (int by = -1; by <= 1; by += 2) {
        fresh();
        store_close(open_with(NULL));
        struct pg_place p = place();
        struct db d;
        OK(pg_owner_open(&p, &d, &e));
        struct pg_reign own = take_over(&d);
        struct store *s = open_with(&own);
        add_and_commit(s, 1);
        char *sql = str_dupf("UPDATE cadre.owner SET batch = batch + %d", by);
        psql(sql);
        mem_free(sql);
        OK(store_begin(s, &e));
        add(s, 2);
        FAILS(ERR_FENCED, store_commit(s, &e));
        assert_false(has_job(s, 2));
        store_close(s);
        db_close(&d);
    }
}

static void transaction_that_holds_the_row_is_ended(void **state)
{
    (void)state;
    fresh();
    store_close(open_with(NULL));
    struct pg_place p = place();
    struct db d, held;
    OK(pg_owner_open(&p, &d, &e));
    OK(pg_owner_open(&p, &held, &e));
    OK(db_exec(&held, "SET idle_in_transaction_session_timeout = 0", &e));
    OK(db_exec(&held, "BEGIN; UPDATE cadre.owner SET batch = batch", &e));
    take_over(&d);
    FAILS(ERR_UNAVAILABLE, db_exec(&held, "COMMIT", &e));
    db_close(&held);
    db_close(&d);
}

/* The server ends in the midst of a commit: only the database can say whether it is there. */
static void lost_answer_is_looked_up(void **state)
{
    (void)state;
    for (int landed = 0; landed < 2; landed++) {
        fresh();
        store_close(open_with(NULL));
        struct pg_place p = place();
        struct db d;
        OK(pg_owner_open(&p, &d, &e));
        struct pg_reign own = take_over(&d);
        struct store *s = open_with(&own);
        add_and_commit(s, 1);
        struct pg_reign mine = store_reign(s), now;
        if (landed) {
            add_and_commit(s, 2);
        } else {
            OK(store_begin(s, &e));
            add(s, 2);
            pg_server_end(&server, SIGQUIT);
            FAILS(ERR_UNAVAILABLE, store_commit(s, &e));
            pg_server_again(&server);
            db_close(&d);
            OK(pg_owner_open(&p, &d, &e));
        }
        bool is_there;
        OK(pg_owner_resolve(&d, &mine, &now, &is_there, &e));
        assert_int_equal(is_there, landed);
        assert_int_equal(now.epoch, mine.epoch + 1);
        assert_int_equal(now.batch, mine.batch + landed);
        FAILS(ERR_FENCED, pg_owner_resolve(&d, &mine, &now, &is_there, &e));
        store_close(s);
        s = open_with(&now);
        assert_int_equal(has_job(s, 2), landed);
        add_and_commit(s, 3);
        store_close(s);
        db_close(&d);
    }
}

/* What the owner's side was told of a commit. */
struct told {
    struct owner_row mine;
    int sent, answers, asked, rc;
};

static void on_send(void *user)
{
    ((struct told *)user)->sent++;
}

static void on_answer(void *user, int rc)
{
    struct told *t = user;
    t->answers++;
    t->rc = rc;
}

static int on_ask(void *user, struct err *e)
{
    ((struct told *)user)->asked++;
    return err_set(e, ERR_UNAVAILABLE, "not there");
}

static struct store *open_owned(struct db *d, struct told *t)
{
    struct pg_reign own = take_over(d);
    struct store *s = open_with(&own);
    *t = (struct told){.mine = {.epoch = own.epoch, .batch = own.batch, .held = true}};
    store_set_owner(s, &(struct store_owner){.mine = &t->mine,
                                             .on_send = on_send,
                                             .on_answer = on_answer,
                                             .ask = on_ask,
                                             .user = t});
    add_and_commit(s, 1);
    assert_int_equal(t->answers, 1);
    return s;
}

#define END_WRITER                                                                                 \
    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"                                 \
    " WHERE application_name = 'cadre-coordinator' AND state = 'idle in transaction'"

static void expect_told(const struct told *t, int answers, int asked)
{
    assert_int_equal(t->answers, answers);
    assert_int_equal(t->asked, asked);
    assert_int_equal(t->rc, answers > 1 ? ERR_UNAVAILABLE : 0);
}

/* A commit that was never sent cannot have landed: nobody is asked, and the row stays. */
static void connection_is_lost_before_the_commit__nobody_is_asked(void **state)
{
    (void)state;
    fresh();
    store_close(open_with(NULL));
    struct pg_place p = place();
    struct told t;
    struct db d;
    struct job_row j = {0};
    OK(pg_owner_open(&p, &d, &e));
    struct store *s = open_owned(&d, &t);
    OK(store_begin(s, &e));
    OK(store_write_queue(s, &e));
    assert_false(has_job(s, 2)); /* the server has the BEGIN */
    psql(END_WRITER);
    FAILS(ERR_UNAVAILABLE, store_job_find(s, job_id(2), &j, &e));
    FAILS(ERR_UNAVAILABLE, store_commit(s, &e));
    expect_told(&t, 2, 0);
    store_close(s);
    struct pg_reign mine = {.epoch = t.mine.epoch, .batch = t.mine.batch};
    s = open_with(&mine);
    add_and_commit(s, 3);
    store_close(s);
    db_close(&d);
}

/* It was sent behind a statement that failed: the transaction is still there, and did nothing. */
static void row_is_not_to_be_had__nobody_is_asked(void **state)
{
    (void)state;
    fresh();
    store_close(open_with(NULL));
    struct pg_place p = place();
    struct told t;
    struct db d, held;
    OK(pg_owner_open(&p, &d, &e));
    OK(pg_owner_open(&p, &held, &e));
    struct store *s = open_owned(&d, &t);
    OK(db_exec(&held, "SET idle_in_transaction_session_timeout = 0", &e));
    OK(db_exec(&held, "BEGIN; SELECT FROM cadre.owner FOR UPDATE", &e));
    OK(db_exec(&s->queue, "SET lock_timeout = 100", &e));
    FAILS(ERR_UNAVAILABLE, renew(s, &e));
    expect_told(&t, 2, 0);
    OK(db_exec(&held, "COMMIT", &e));
    add_and_commit(s, 2);
    assert_int_equal(t.rc, 0);
    store_close(s);
    db_close(&held);
    db_close(&d);
}

/* It may have been sent: only the row can say. */
static void connection_is_lost_with_the_commit__is_asked(void **state)
{
    (void)state;
    fresh();
    store_close(open_with(NULL));
    struct pg_place p = place();
    struct told t;
    struct db d;
    OK(pg_owner_open(&p, &d, &e));
    struct store *s = open_owned(&d, &t);
    OK(store_begin(s, &e));
    OK(store_write_queue(s, &e));
    assert_false(has_job(s, 2));
    psql(END_WRITER);
    FAILS(ERR_UNAVAILABLE, store_commit(s, &e));
    expect_told(&t, 1, 1);
    store_close(s);
    db_close(&d);
}

/* ---- a commit that landed without an answer ---- */

struct breaker {
    struct owner_row mine;
    int64_t backend; /* of the store; 0: it is left alone */
    int asked;
};

static void end_backend(void *user)
{
    struct breaker *b = user;
    if (b->backend == 0) return;
    char *sql = str_dupf("SELECT pg_terminate_backend(%lld, 10000)", (long long)b->backend);
    psql(sql);
    mem_free(sql);
    b->backend = 0;
}

static void note_answer(void *user, int rc)
{
    (void)user;
    assert_int_equal(rc, 0);
}

static int say_it_landed(void *user, struct err *e)
{
    struct breaker *b = user;
    (void)e;
    b->asked++;
    return 0;
}

/* Nothing of its transaction is left, which the next batch would be taken for a part of, and fail
 * with it. */
static void commit_that_landed_unanswered_leaves_nothing_open(void **state)
{
    (void)state;
    fresh();
    store_close(open_with(NULL));
    struct pg_place p = place();
    struct db d;
    OK(pg_owner_open(&p, &d, &e));
    struct pg_reign own = take_over(&d);
    db_close(&d);
    struct store *s = open_with(&own);
    struct breaker b = {.mine = {.epoch = own.epoch, .batch = own.batch, .held = true}};
    OK(db_int(&s->queue, "SELECT pg_backend_pid()", &b.backend, &e));
    store_set_owner(s, &(struct store_owner){.mine = &b.mine,
                                             .on_send = end_backend,
                                             .on_answer = note_answer,
                                             .ask = say_it_landed,
                                             .user = &b});
    OK(store_begin(s, &e));
    OK(store_write_queue(s, &e)); /* all else would fail before the COMMIT */
    OK(store_commit(s, &e));
    assert_int_equal(b.asked, 1);
    assert_false(store_dirty(s));
    store_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jobs_and_output_are_there_for_the_next_one),
        cmocka_unit_test(database_is_made_by_one_of_two),
        cmocka_unit_test(opening_that_is_fenced_ends_there),
        cmocka_unit_test(reader_sees_what_was_committed),
        cmocka_unit_test(database_without_tables_is_refused_but_by_init),
        cmocka_unit_test(database_of_another_ca_is_refused),
        cmocka_unit_test(newer_tables_are_refused),
        cmocka_unit_test(older_tables_are_not_changed_without_the_row),
        cmocka_unit_test(new_tables_have_all_steps),
        cmocka_unit_test(server_that_may_lose_commits_is_refused),
        cmocka_unit_test(commits_wait_for_a_standby_whatever_the_server_has_set),
        cmocka_unit_test(no_parameter_is_taken_for_a_small_number),
        cmocka_unit_test(owner_commits_until_another_takes_over),
        cmocka_unit_test(owner_writes_nothing_that_init_left_out),
        cmocka_unit_test(owner_upgrades_older_tables),
        cmocka_unit_test(row_with_another_batch_number_fences_its_own_epoch),
        cmocka_unit_test(transaction_that_holds_the_row_is_ended),
        cmocka_unit_test(lost_answer_is_looked_up),
        cmocka_unit_test(connection_is_lost_before_the_commit__nobody_is_asked),
        cmocka_unit_test(row_is_not_to_be_had__nobody_is_asked),
        cmocka_unit_test(connection_is_lost_with_the_commit__is_asked),
        cmocka_unit_test(commit_that_landed_unanswered_leaves_nothing_open),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

/* The start of a coordinator on tables of an older version, on a real server. */
#include "store_fixture.h"

#include "pg_fixture.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/shared.h"
#include "coordinator/store/pg_schema.h"
#include "coordinator/store/pg_store.h"
#include "coordinator/store/sql_schema.h"
#include "coordinator/watching.h"
#include "platform/paths.h"

#include <stdatomic.h>
#include <string.h>
#include <uv.h>

static struct pg_server server;
static bool there;
static atomic_bool later; /* this program has a step behind the last one */
static struct config config;
static struct shared *shared;

int __real_schema_newest(void);
int __wrap_schema_newest(void);
const struct schema_step *__real_schema_step_from(int version);
const struct schema_step *__wrap_schema_step_from(int version);
char *__wrap_paths_self(void);

int __wrap_schema_newest(void)
{
    return __real_schema_newest() + atomic_load(&later);
}

/* Readers need what it makes. */
const struct schema_step *__wrap_schema_step_from(int version)
{
    static const struct schema_step step = {
        .sqlite = "SELECT 1;",
        .pg = "ALTER TABLE cadre.groups RENAME max_queued_old TO max_queued;"};
    if (atomic_load(&later) && version == __real_schema_newest()) return &step;
    return __real_schema_step_from(version);
}

/* The module is beside the programs. */
char *__wrap_paths_self(void)
{
    return mem_strdup(CADRE_BIN_DIR "/cadre-coordinator");
}

static void psql(const char *sql)
{
    mem_free(pg_server_psql(&server, sql));
}

static void expect(const char *sql, const char *wanted)
{
    char *out = pg_server_psql(&server, sql);
    assert_string_equal(out, wanted);
    mem_free(out);
}

static struct pg_place place(void)
{
    return (struct pg_place){.uri = server.uri, .folder = CADRE_BIN_DIR};
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

/* Tables of the former version, of a coordinator that stopped. */
static int older(void **state)
{
    (void)state;
    if (!there) return 0;
    psql("DROP SCHEMA IF EXISTS cadre CASCADE; DROP SCHEMA IF EXISTS cadre_output CASCADE;");
    atomic_store(&later, false);
    struct pg_place p = place();
    struct store_parts parts = {.make = true, .ca = "aa"};
    struct store *s = NULL;
    OK(store_open_pg(&p, NULL, &parts, &s, &e));
    store_close(s);
    psql("ALTER TABLE cadre.groups RENAME max_queued TO max_queued_old;"
         "UPDATE cadre.owner SET epoch = 4, batch = 7;");
    config = (struct config){.store = server.uri};
    OK(shared_new(&config, &shared, &e));
    atomic_store(&later, true);
    return 0;
}

static int close_it(void **state)
{
    (void)state;
    shared_free(shared);
    shared = NULL;
    atomic_store(&later, false);
    return 0;
}

/* As a coordinator does. */
static int start(struct reader **r, struct err *e)
{
    int rc = shared_check(shared, "aa", e);
    if (!rc) rc = shared_upgrade(shared, e);
    return rc ? rc : shared_open_reader(shared, r, e);
}

static void expect_version(bool upgraded)
{
    char wanted[40];
    OK(str_format(wanted, sizeof wanted, "%d\n", __real_schema_newest() + upgraded));
    expect("SELECT schema FROM cadre.owner", wanted);
}

static void older_tables_are_upgraded_at_the_start(void **state)
{
    (void)state;
    if (!there) skip();
    struct reader *r = NULL;
    FAILS(ERR_UNSUPPORTED, shared_open_reader(shared, &r, &e));
    OK(start(&r, &e));
    reader_close(r);
    expect_version(true);
    /* taken once, a commit for the step, given back: the next one takes it at once */
    expect("SELECT epoch, batch, holder FROM cadre.owner", "5|9|\n");
    OK(start(&r, &e));
    reader_close(r);
    expect("SELECT epoch, batch FROM cadre.owner", "5|9\n");
}

static void make_oldest(void)
{
    psql("DROP SCHEMA cadre CASCADE; DROP SCHEMA cadre_output CASCADE;");
    int base = 0;
    char *sql = pg_schema_step(0, &base);
    assert_int_equal(base, SCHEMA_BASE);
    psql(sql);
    mem_free(sql);
}

/* Of the version without tables by day, with output. */
static void output_of_before_is_day_0(void **state)
{
    (void)state;
    if (!there) skip();
    atomic_store(&later, false);
    make_oldest();
    psql("INSERT INTO cadre.parts VALUES ('a', 'aa', 0);"
         "INSERT INTO cadre_output.parts (id, output_mark) VALUES ('a', 0);"
         "INSERT INTO cadre_output.chunks VALUES (1, 1, 1, 1, 0, 'abc', 1, NULL);"
         "INSERT INTO cadre_output.streams VALUES (1, 1, 1, 3, 3, 1, 1);"
         "UPDATE cadre.owner SET epoch = 4, batch = 7;");
    struct reader *r = NULL;
    FAILS(ERR_UNSUPPORTED, shared_open_reader(shared, &r, &e));
    OK(start(&r, &e));
    reader_close(r);
    expect_version(false);
    expect("SELECT * FROM cadre_output.days", "0|0|0\n");
    expect("SELECT count(*) FROM ONLY cadre_output.chunks", "1\n");
}

static void tables_of_this_version_are_left_alone(void **state)
{
    (void)state;
    if (!there) skip();
    atomic_store(&later, false);
    OK(shared_upgrade(shared, &e));
    expect_version(false);
    expect("SELECT epoch, batch FROM cadre.owner", "4|7\n");
}

/* ---- an owner of the former version ---- */

struct owner {
    uv_thread_t thread;
    atomic_bool end;
    struct pg_reign reign;
    int rc;
};

static void renew_always(void *arg)
{
    struct owner *o = arg;
    struct pg_place p = place();
    struct db d;
    struct err e = {0};
    o->rc = pg_owner_open(&p, &d, &e);
    while (o->rc == 0 && !atomic_load(&o->end)) {
        o->rc = pg_owner_write(&d, &o->reign, &e);
        uv_sleep(50); /* its beat */
    }
    db_close(&d);
}

static void owner_of_the_former_version_is_not_disturbed(void **state)
{
    (void)state;
    if (!there) skip();
    psql("UPDATE cadre.owner SET holder = 'former'");
    struct owner o = {.reign = {.epoch = 4, .batch = 7}};
    assert_int_equal(uv_thread_create(&o.thread, renew_always, &o), 0);
    struct reader *r = NULL;
    struct err why = {0};
    int rc = start(&r, &why);
    atomic_store(&o.end, true);
    uv_thread_join(&o.thread);
    assert_int_equal(o.rc, 0);
    assert_int_equal(rc, ERR_CONFLICT);
    assert_non_null(strstr(why.msg, "stop the coordinators of the former version first"));
    assert_null(r);
    expect_version(false);
    expect("SELECT epoch, holder FROM cadre.owner", "4|former\n");
}

/* It did not give the queue back. */
static void owner_that_died_is_waited_for(void **state)
{
    (void)state;
    if (!there) skip();
    psql("UPDATE cadre.owner SET holder = 'former'");
    struct reader *r = NULL;
    OK(start(&r, &e));
    reader_close(r);
    expect_version(true);
}

/* The owner's row is nobody's again, and the tables are as they were. */
static void step_that_fails_gives_the_queue_back(void **state)
{
    (void)state;
    if (!there) skip();
    psql("ALTER TABLE cadre.groups RENAME max_queued_old TO elsewhere");
    struct reader *r = NULL;
    struct err why = {0};
    assert_int_not_equal(start(&r, &why), 0);
    assert_non_null(strstr(why.msg, "max_queued_old"));
    assert_null(r);
    expect_version(false);
    expect("SELECT epoch, batch, holder FROM cadre.owner", "5|8|\n");
    psql("ALTER TABLE cadre.groups RENAME elsewhere TO max_queued_old");
    OK(start(&r, &e));
    reader_close(r);
    expect_version(true);
    expect("SELECT epoch, batch, holder FROM cadre.owner", "6|10|\n");
}

static void steps_before_one_that_fails_stay(void **state)
{
    (void)state;
    if (!there) skip();
    make_oldest();
    struct reader *r = NULL;
    struct err why = {0};
    for (int i = 0; i < 2; i++) {
        assert_int_not_equal(start(&r, &why), 0);
        assert_non_null(strstr(why.msg, "max_queued_old"));
        expect_version(false);
        expect("SELECT epoch, holder FROM cadre.owner", i == 0 ? "1|\n" : "2|\n");
    }
}

/* A copy that is not complete is not touched, nor is a queue that is elsewhere. */
static void marked_database_is_not_upgraded(void **state)
{
    (void)state;
    if (!there) skip();
    struct reader *r = NULL;
    psql("INSERT INTO cadre.moves (mark, place, source) VALUES ('moved-to', 'there', '')");
    FAILS(ERR_CONFLICT, start(&r, &e));
    expect_version(false);
    expect("SELECT epoch, batch FROM cadre.owner", "4|7\n");
}

/* ---- a standby of the former version ---- */

struct heard {
    uv_mutex_t lock;
    int warnings, unfit;
};

static void hear(enum log_level level, const char *line, void *user)
{
    struct heard *h = user;
    uv_mutex_lock(&h->lock);
    h->warnings += level == LOG_WARN || level == LOG_ERROR;
    h->unfit += strstr(line, "serves nothing any more") && strstr(line, "newer Cadre");
    uv_mutex_unlock(&h->lock);
}

static atomic_int looks;

static int counted_look(void *user, struct owner_row *row, char **addresses, struct err *e)
{
    const struct owner_place *of = shared_owner_place(shared);
    (void)user;
    int rc = of->look(of->user, row, addresses, e);
    atomic_fetch_add(&looks, 1);
    return rc;
}

static void nobody(struct tenure *t, void *user)
{
    (void)t;
    (void)user;
    fail_msg("it took the queue");
}

static void standby_says_once_that_the_tables_are_newer(void **state)
{
    (void)state;
    if (!there) skip();
    psql("UPDATE cadre.owner SET schema = schema + 2");
    struct heard h = {.warnings = 0};
    struct owner_place p = *shared_owner_place(shared);
    struct watching_handler handler = {.on_taken = nobody};
    struct watching *w = NULL;
    uv_loop_t loop;
    p.look = counted_look;
    p.note = NULL;
    atomic_store(&looks, 0);
    assert_int_equal(uv_mutex_init(&h.lock), 0);
    assert_int_equal(uv_loop_init(&loop), 0);
    log_set_sink(hear, &h);
    OK(watching_start(&loop, &p, NULL, &handler, &w, &e));
    while (atomic_load(&looks) < 3)
        uv_run(&loop, UV_RUN_ONCE);
    watching_stop(w);
    uv_run(&loop, UV_RUN_DEFAULT);
    log_set_sink(NULL, NULL);
    assert_int_equal(uv_loop_close(&loop), 0);
    uv_mutex_destroy(&h.lock);
    assert_int_equal(h.unfit, 1);
    assert_int_equal(h.warnings, 1);
}

#define T(name) cmocka_unit_test_setup_teardown(name, older, close_it)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(older_tables_are_upgraded_at_the_start),
        T(output_of_before_is_day_0),
        T(tables_of_this_version_are_left_alone),
        T(owner_of_the_former_version_is_not_disturbed),
        T(owner_that_died_is_waited_for),
        T(step_that_fails_gives_the_queue_back),
        T(steps_before_one_that_fails_stay),
        T(marked_database_is_not_upgraded),
        T(standby_says_once_that_the_tables_are_newer),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

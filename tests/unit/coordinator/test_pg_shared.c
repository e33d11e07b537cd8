/* The owner's row as the coordinator asks for it, on a real server. */
#include "store_fixture.h"

#include "pg_fixture.h"

#include "base/mem.h"
#include "base/str.h"
#include "coordinator/config.h"
#include "coordinator/shared.h"
#include "coordinator/store/owner_place.h"
#include "coordinator/store/parts.h"
#include "coordinator/store/store.h"

#include <string.h>
#include <uv.h>

static struct pg_server server;
static bool there;
static struct config config;
static struct shared *shared;
static const struct owner_place *place;

/* The module is not beside this program. */
char *__wrap_paths_self(void);
char *__wrap_paths_self(void)
{
    return mem_strdup(CADRE_BIN_DIR "/cadre-coordinator");
}

static void psql(const char *sql)
{
    mem_free(pg_server_psql(&server, sql));
}

static int set_up(void **state)
{
    (void)state;
    there = pg_server_start(&server);
    if (!there) return 0;
    struct store_parts parts = {.make = true};
    struct store *s = NULL;
    config.store = server.uri;
    OK(shared_new(&config, &shared, &e));
    OK(shared_open_store(shared, NULL, &parts, &s, &e));
    store_close(s);
    place = shared_owner_place(shared);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    shared_free(shared);
    pg_server_stop(&server);
    return 0;
}

static struct owner_row take_over(void)
{
    struct owner_row row;
    char *addresses = NULL;
    if (!there) skip();
    OK(place->look(place->user, &row, &addresses, &e));
    mem_free(addresses);
    OK(place->take(place->user, &row, "[\"a:1\"]", &e));
    return row;
}

/* A commit raises the number by one. Anything else is of a database that lost commits, or that
 * somebody else wrote to. */
static void row_that_is_neither_mine_nor_my_next_is_lost(void **state)
{
    (void)state;
    for (int by = -1; by <= 2; by++) {
        struct owner_row mine = take_over();
        OK(place->renew(place->user, &mine, &e));
        const struct owner_row was = mine;
        char *sql = str_dupf("UPDATE cadre.owner SET batch = batch + %d", by);
        psql(sql);
        mem_free(sql);
        bool landed = false;
        if (by < 0 || by > 1) {
            FAILS(ERR_FENCED, place->resolve(place->user, &mine, &landed, &e));
            continue;
        }
        OK(place->resolve(place->user, &mine, &landed, &e));
        assert_int_equal(landed, by);
        assert_int_equal(mine.epoch, was.epoch + 1);
        assert_int_equal(mine.batch, was.batch + by);
    }
}

static int connections(void)
{
    char *said = pg_server_psql(&server, "SELECT count(*) FROM pg_stat_activity"
                                         " WHERE application_name = 'cadre-coordinator'");
    int n = said[0] - '0';
    mem_free(said);
    return n;
}

/* What was begun there may be under way still. */
static void connection_that_failed_is_not_used_again(void **state)
{
    (void)state;
    struct owner_row mine = take_over();
    assert_int_equal(connections(), 1);
    psql("ALTER TABLE cadre.owner RENAME TO elsewhere");
    struct err why = {0};
    assert_true(place->renew(place->user, &mine, &why) < 0);
    for (int i = 0; connections() > 0; i++) /* the server's end of it goes a moment later */
        if (i == 200) fail_msg("the connection is still there");
    psql("ALTER TABLE cadre.elsewhere RENAME TO owner");
    OK(place->renew(place->user, &mine, &e));
}

static void newer_tables_are_not_taken_over(void **state)
{
    (void)state;
    struct owner_row row = take_over();
    char *addresses = NULL;
    psql("UPDATE cadre.owner SET schema = schema + 1000");
    FAILS(ERR_UNSUPPORTED, place->look(place->user, &row, &addresses, &e));
    psql("UPDATE cadre.owner SET schema = schema - 1000");
    OK(place->look(place->user, &row, &addresses, &e));
    assert_string_equal(addresses, "[\"a:1\"]");
    mem_free(addresses);
}

struct other {
    uv_mutex_t lock;
    bool over;
};

static void commit_on(void *arg)
{
    struct other *o = arg;
    for (bool over = false; !over;) {
        psql("UPDATE cadre.owner SET batch = batch + 1");
        uv_mutex_lock(&o->lock);
        over = o->over;
        uv_mutex_unlock(&o->lock);
    }
}

static void queue_of_one_that_runs_is_not_seized(void **state)
{
    (void)state;
    struct other o = {.over = false};
    uv_thread_t thread;
    struct owner_row own = take_over();
    assert_int_equal(uv_mutex_init(&o.lock), 0);
    assert_int_equal(uv_thread_create(&thread, commit_on, &o), 0);
    struct err why = {0};
    int rc = shared_seize(shared, &own, &why);
    uv_mutex_lock(&o.lock);
    o.over = true;
    uv_mutex_unlock(&o.lock);
    uv_thread_join(&thread);
    uv_mutex_destroy(&o.lock);
    assert_int_equal(rc, ERR_CONFLICT);
    assert_non_null(strstr(why.msg, "a coordinator runs on"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(row_that_is_neither_mine_nor_my_next_is_lost),
        cmocka_unit_test(connection_that_failed_is_not_used_again),
        cmocka_unit_test(newer_tables_are_not_taken_over),
        cmocka_unit_test(queue_of_one_that_runs_is_not_seized),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

/* The list of coordinators, on a real server. */
#include "store_fixture.h"

#include "pg_fixture.h"

#include "base/mem.h"
#include "base/str.h"
#include "coordinator/store/pg_coordinators.h"
#include "coordinator/store/pg_store.h"
#include "coordinator/store/reader_coordinator.h"

#include <string.h>

static struct pg_server server;
static bool there;
static struct db d;
static struct reader *reader;

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
    if (!there) return 0;
    struct pg_place p = place();
    struct store_parts parts = {.make = true};
    struct store *s = NULL;
    OK(store_open_pg(&p, NULL, &parts, &s, &e));
    store_close(s);
    OK(pg_coordinators_open(&p, &d, &e));
    OK(reader_open_pg(&p, &reader, &e));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    if (there) {
        reader_close(reader);
        db_close(&d);
    }
    pg_server_stop(&server);
    return 0;
}

static struct pg_coordinator coordinator(int64_t id, const char *name, const char *addresses)
{
    return (struct pg_coordinator){
        .id = id, .name = name, .addresses = addresses, .version = "1.0", .started_ms = 1000 + id};
}

static void fresh(void)
{
    if (!there) skip();
    psql("DELETE FROM cadre.coordinators; UPDATE cadre.owner SET epoch = 0, batch = 0,"
         " holder = ''");
}

static void note(const struct pg_coordinator *c)
{
    OK(pg_coordinators_write(&d, c, &e));
}

struct seen {
    char text[400];
};

static int on_row(const struct coordinator_row *c, void *user)
{
    struct seen *s = user;
    size_t n = strlen(s->text);
    return str_format(s->text + n, sizeof s->text - n, "%lld %s %s %s %lld%s%s;", (long long)c->id,
                      c->name, c->addresses, c->version, (long long)c->started_ms,
                      c->alive ? " alive" : "", c->owner ? " owner" : "");
}

static void expect_list(int64_t after, size_t limit, bool and_more, const char *wanted)
{
    struct id_filter f = {.after = after, .limit = limit};
    struct seen s = {.text = ""};
    bool more = false;
    OK(reader_coordinators(reader, &f, on_row, &s, &more, &e));
    assert_string_equal(s.text, wanted);
    assert_int_equal(more, and_more);
}

static void expect_addresses(const struct pg_coordinator *c, const char *wanted)
{
    char *all = NULL;
    OK(pg_coordinators_addresses(&d, c, &all, &e));
    assert_string_equal(all, wanted);
    mem_free(all);
}

static void each_has_a_row_while_it_says_that_it_is_there(void **state)
{
    (void)state;
    fresh();
    struct pg_coordinator a = coordinator(5000000001, "a:1", "[\"a:1\"]");
    struct pg_coordinator b = coordinator(5000000002, "b:1", "[\"b:1\"]");
    note(&a);
    note(&b);
    note(&a);
    expect_list(0, 10, false,
                "5000000001 a:1 [\"a:1\"] 1.0 5000001001 alive;"
                "5000000002 b:1 [\"b:1\"] 1.0 5000001002 alive;");
    expect_list(0, 1, true, "5000000001 a:1 [\"a:1\"] 1.0 5000001001 alive;");
    expect_list(5000000001, 1, false, "5000000002 b:1 [\"b:1\"] 1.0 5000001002 alive;");
    OK(pg_coordinators_remove(&d, a.id, &e));
    expect_list(0, 10, false, "5000000002 b:1 [\"b:1\"] 1.0 5000001002 alive;");
}

static void one_that_says_nothing_is_gone__and_forgotten_after_a_day(void **state)
{
    (void)state;
    fresh();
    struct pg_coordinator a = coordinator(1, "a:1", "[\"a:1\"]"), b = coordinator(2, "b:1", "[]");
    int64_t alive, gone;
    note(&a);
    note(&b);
    psql("UPDATE cadre.coordinators SET seen_ms = seen_ms - 15000 WHERE id = 1");
    expect_list(0, 10, false, "1 a:1 [\"a:1\"] 1.0 1001;2 b:1 [] 1.0 1002 alive;");
    OK(reader_coordinator_counts(reader, &alive, &gone, &e));
    assert_int_equal(alive, 1);
    assert_int_equal(gone, 1);
    psql("UPDATE cadre.coordinators SET seen_ms = seen_ms - 87000000");
    note(&b);
    expect_list(0, 10, false, "2 b:1 [] 1.0 1002 alive;");
}

/* Killed, and started again: it is in the list once. */
static void one_that_is_back__is_not_gone(void **state)
{
    (void)state;
    fresh();
    struct pg_coordinator a = coordinator(1, "a:1", "[\"a:1\"]"),
                          b = coordinator(2, "b:1", "[\"b:1\"]"),
                          again = coordinator(3, "a:1", "[\"a:1\"]");
    note(&a);
    note(&b);
    note(&again);
    expect_list(0, 10, false,
                "1 a:1 [\"a:1\"] 1.0 1001 alive;2 b:1 [\"b:1\"] 1.0 1002 alive;"
                "3 a:1 [\"a:1\"] 1.0 1003 alive;");
    psql("UPDATE cadre.coordinators SET seen_ms = seen_ms - 15000 WHERE id < 3");
    note(&again);
    expect_list(0, 10, false, "2 b:1 [\"b:1\"] 1.0 1002;3 a:1 [\"a:1\"] 1.0 1003 alive;");
}

static void owner_is_the_one_that_the_row_names(void **state)
{
    (void)state;
    fresh();
    struct pg_coordinator a = coordinator(1, "a:1", "[]"), b = coordinator(2, "a:1", "[]");
    struct pg_owner o;
    struct pg_reign now;
    char *holder = pg_coordinator_holder(&b);
    note(&a);
    note(&b);
    OK(pg_owner_look(&d, &o, &e));
    OK(pg_owner_take(&d, &o.reign, holder, "[]", &now, &e));
    pg_owner_fini(&o);
    mem_free(holder);
    expect_list(0, 10, false, "1 a:1 [] 1.0 1001 alive;2 a:1 [] 1.0 1002 alive owner;");
    psql("UPDATE cadre.coordinators SET seen_ms = seen_ms - 15000");
    expect_list(1, 10, false, "2 a:1 [] 1.0 1002;");
}

static void addresses_are_of_all_that_are_alive__its_own_first(void **state)
{
    (void)state;
    fresh();
    struct pg_coordinator a = coordinator(1, "a:1", "[\"a:1\",\"a:2\",\"a:3\"]"),
                          b = coordinator(2, "b:1", "[\"b:1\",\"a:2\",\"b:3\"]"),
                          c = coordinator(3, "c:1", "[\"c:1\"]"),
                          gone = coordinator(4, "d:1", "[\"d:1\"]");
    expect_addresses(&a, "[\"a:1\",\"a:2\",\"a:3\"]");
    note(&gone);
    psql("UPDATE cadre.coordinators SET seen_ms = seen_ms - 15000");
    note(&a);
    note(&b);
    note(&c);
    expect_addresses(&b, "[\"b:1\",\"a:1\",\"c:1\",\"a:2\",\"b:3\",\"a:3\"]");
    struct pg_coordinator many =
        coordinator(5, "e:1", "[\"e:1\",\"e:2\",\"e:3\",\"e:4\",\"e:5\",\"e:6\",\"e:7\",\"e:8\"]");
    expect_addresses(&many, "[\"e:1\",\"a:1\",\"b:1\",\"c:1\",\"e:2\",\"a:2\",\"e:3\",\"a:3\"]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_has_a_row_while_it_says_that_it_is_there),
        cmocka_unit_test(one_that_says_nothing_is_gone__and_forgotten_after_a_day),
        cmocka_unit_test(one_that_is_back__is_not_gone),
        cmocka_unit_test(owner_is_the_one_that_the_row_names),
        cmocka_unit_test(addresses_are_of_all_that_are_alive__its_own_first),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

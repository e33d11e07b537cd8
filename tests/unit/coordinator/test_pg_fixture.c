/* The server that other tests use: it is there, and gone when it has been stopped. */
#include "pg_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

static void expect(const struct pg_server *s, const char *sql, const char *wanted)
{
    char *out = pg_server_psql(s, sql);
    assert_string_equal(out, wanted);
    mem_free(out);
}

static void server__ends_and_starts_again__keeps_what_was_committed(void **state)
{
    (void)state;
    struct pg_server s;
    if (!pg_server_start(&s)) skip();
    expect(&s, "SHOW fsync; CREATE TABLE t (a bigint); INSERT INTO t VALUES (7);", "on\n");
    pid_t first = s.pid;
    pg_server_end(&s, SIGKILL);
    assert_int_equal(kill(first, 0), -1);
    pg_server_again(&s);
    expect(&s, "SELECT a, a + 1 FROM t", "7|8\n");
    char folder[sizeof s.folder];
    snprintf(folder, sizeof folder, "%s", s.folder);
    pid_t last = s.pid;
    pg_server_stop(&s);
    assert_int_equal(kill(last, 0), -1);
    assert_int_equal(access(folder, F_OK), -1);
    pg_server_stop(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(server__ends_and_starts_again__keeps_what_was_committed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* What PostgreSQL is told instead of what SQLite is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "coordinator/store/pg_rewrite.h"

static void becomes(const char *sql, const char *wanted)
{
    char *got = pg_rewrite(sql);
    assert_string_equal(got, wanted);
    mem_free(got);
}

static void stays(const char *sql)
{
    becomes(sql, sql);
}

static void parameters_get_a_dollar(void **state)
{
    (void)state;
    becomes("SELECT ?1, ?27 + ?2", "SELECT $1, $27 + $2");
    becomes("?1", "$1");
    becomes("a=?1AND b", "a=$1AND b");
    stays("");
    stays("SELECT 1 WHERE a ? b");
    stays("SELECT ?");
    stays("SELECT ?a, ??");
}

static void hints_to_the_planner_go(void **state)
{
    (void)state;
    becomes("FROM t INDEXED BY t_a WHERE a = ?1", "FROM t WHERE a = $1");
    becomes("FROM t x INDEXED BY t_a", "FROM t x ");
    becomes("(SELECT a FROM t INDEXED  BY\tt_2) x", "(SELECT a FROM t ) x");
    becomes("t INDEXED BY i, json_each(l) x", "t , json_each(l) x");
    becomes("FROM s INDEXED BY i CROSS JOIN j ON j.id = s.id", "FROM s JOIN j ON j.id = s.id");
    becomes("BEGIN IMMEDIATE", "BEGIN");
    stays("FROM t INDEXED");
    stays("FROM t INDEXED BY");
    stays("FROM t INDEXED BY (a)");
    stays("FROM t INDEXED BYE t_a");
    stays("FROM t UNINDEXED BY t_a");
    stays("SELECT INDEXED_BY, CROSS, x.CROSS_JOIN, CROSS JOINED");
    stays("ACROSS JOIN t");
    stays("t LEFT JOIN u JOIN v");
    stays("BEGIN; BEGIN IMMEDIATELY");
}

static void what_stands_in_quotes_stays(void **state)
{
    (void)state;
    becomes("SELECT '?1 INDEXED BY i', ?1", "SELECT '?1 INDEXED BY i', $1");
    becomes("'it''s ?1' = ?2", "'it''s ?1' = $2");
    becomes("\"CROSS JOIN ?1\" = ?1", "\"CROSS JOIN ?1\" = $1");
    becomes("'\"' || ?1 || '\"?2'", "'\"' || $1 || '\"?2'");
    becomes("\"'\" || ?1", "\"'\" || $1");
    becomes("'' || ?1", "'' || $1");
    stays("'never closed ?1");
    stays("\"never closed ?1");
    stays("'''?1'''");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parameters_get_a_dollar),
        cmocka_unit_test(hints_to_the_planner_go),
        cmocka_unit_test(what_stands_in_quotes_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

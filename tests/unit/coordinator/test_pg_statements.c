/* PostgreSQL understands each statement of the store and of the reader, and takes and gives numbers
 * and texts of the types that the store binds and reads. */
#include "pg_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/store/pg_rewrite.h"
#include "coordinator/store/pg_schema.h"
#include "coordinator/store/pg_statements.h"
#include "coordinator/store/sql_block_jobs.h"
#include "coordinator/store/sql_reader_sql.h"
#include "coordinator/store/sql_store.h"

#include <string.h>

struct text {
    const char *name, *sql;
};

#define X(number, sql) {#number, sql},
static const struct text texts[] = {
    QUEUE_STATEMENTS(X) QUEUE_READS(X) OUTPUT_STATEMENTS(X) OUTPUT_READS(X)
    /* prepared by themselves */
    X(BLOCK_JOBS, BLOCK_JOBS) X(BLOCK_LABELS, BLOCK_LABELS) X(BLOCKS_WANTED, BLOCKS_WANTED)};
/* Those of `texts` that PostgreSQL is told in other words. */
static const struct text others[] = {PG_QUEUE_STATEMENTS(X) PG_QUEUE_READS(X)
                                         PG_OUTPUT_STATEMENTS(X) PG_OUTPUT_READS(X)};
#undef X
#define COUNT(array) (sizeof(array) / sizeof *(array))

static bool starts_with(const char *s, const char *head)
{
    return strncmp(s, head, strlen(head)) == 0;
}

/* What is told instead. */
static const char *words_of(const struct text *t)
{
    for (size_t i = 0; i < COUNT(others); i++)
        if (str_eq(others[i].name, t->name)) return others[i].sql;
    return t->sql;
}

/* What begins and ends a transaction is not for SQL's PREPARE. */
static bool is_left_out(const char *sql)
{
    return starts_with(sql, "BEGIN") || starts_with(sql, "COMMIT") || starts_with(sql, "ROLLBACK");
}

/* Each on a line, to be prepared or to be described. */
static char *all(bool prepare, const char *then)
{
    struct buf b;
    buf_init(&b, 1 << 20);
    buf_adds(&b, "SET search_path = " PG_SEARCH_PATH ";\n");
    for (size_t i = 0; i < COUNT(texts); i++) {
        const char *words = words_of(&texts[i]);
        if (is_left_out(words)) continue;
        char *sql = pg_rewrite(words);
        if (prepare)
            buf_addf(&b, "PREPARE \"%s\" AS %s;\n", texts[i].name, sql);
        else
            buf_addf(&b, "\\echo ## %s\n%s \\gdesc\n", texts[i].name, sql);
        mem_free(sql);
    }
    buf_adds(&b, then);
    return buf_detach(&b);
}

static int set_up(void **state)
{
    struct pg_server *s = mem_alloc(sizeof *s);
    *state = s;
    if (!pg_server_start(s)) return 0;
    int next;
    char *text;
    for (int from = 0; (text = pg_schema_step(from, &next)); from = next) {
        mem_free(pg_server_psql(s, text));
        mem_free(text);
    }
    return 0;
}

static int tear_down(void **state)
{
    pg_server_stop(*state);
    mem_free(*state);
    return 0;
}

static struct pg_server *server(void **state)
{
    struct pg_server *s = *state;
    if (s->pid == 0) skip();
    return s;
}

/* Fails with what psql had to say. */
static void expect_nothing(void **state, const char *then)
{
    char *sql = all(true, then), *out = pg_server_psql(server(state), sql);
    if (out[0]) print_error("%s", out);
    assert_string_equal(out, "");
    mem_free(out);
    mem_free(sql);
}

static void each_statement_is_understood(void **state)
{
    expect_nothing(state, "");
}

/* Left to PostgreSQL to find out: it may take a number for a short one. */
static void parameters_are_of_the_types_that_are_bound(void **state)
{
    expect_nothing(state, "SELECT name, t, statement FROM pg_prepared_statements,"
                          " unnest(parameter_types) t WHERE t::text NOT IN"
                          " ('bigint', 'text', 'bytea', 'double precision');\n");
}

/* A line of \gdesc: column|type. */
static bool is_readable(const char *line)
{
    static const char *const types[] = {"bigint", "integer", "text", "bytea", "double precision"};
    const char *type = strrchr(line, '|');
    if (!type) return starts_with(line, "The command has no result");
    for (size_t i = 0; i < COUNT(types); i++)
        if (str_eq(type + 1, types[i])) return true;
    return false;
}

static void columns_are_of_the_types_that_are_read(void **state)
{
    char *sql = all(false, ""), *out = pg_server_psql(server(state), sql), *rest = out, *line;
    const char *name = "";
    size_t seen = 0, wrong = 0;
    while ((line = strtok_r(rest, "\n", &rest))) {
        if (starts_with(line, "## ")) {
            name = line + 3;
            seen++;
        } else if (!is_readable(line)) {
            print_error("%s: %s\n", name, line);
            wrong++;
        }
    }
    assert_int_equal(wrong, 0);
    assert_in_range(seen, 240, 1000);
    mem_free(out);
    mem_free(sql);
}

/* Each table but that one is in one schema alone. */
static void table_of_both_schemas_is_named_with_its_own(void **state)
{
    (void)state;
    size_t seen = 0;
    for (size_t i = 0; i < COUNT(texts); i++) {
        const char *words = words_of(&texts[i]);
        assert_null(strstr(words, "FROM parts"));
        assert_null(strstr(words, "INTO parts"));
        assert_null(strstr(words, "UPDATE parts"));
        seen += strstr(words, "cadre.parts ") || strstr(words, "cadre_output.parts ");
    }
    assert_int_equal(seen, 7);
}

static void only_one_table_is_in_both_schemas(void **state)
{
    char *out = pg_server_psql(server(state), "SELECT relname FROM pg_class c JOIN pg_namespace n"
                                              " ON n.oid = c.relnamespace AND n.nspname LIKE"
                                              " 'cadre%' WHERE c.relkind = 'r' GROUP BY relname"
                                              " HAVING count(*) > 1");
    assert_string_equal(out, "parts\n");
    mem_free(out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table_of_both_schemas_is_named_with_its_own),
        cmocka_unit_test(only_one_table_is_in_both_schemas),
        cmocka_unit_test(each_statement_is_understood),
        cmocka_unit_test(parameters_are_of_the_types_that_are_bound),
        cmocka_unit_test(columns_are_of_the_types_that_are_read),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

/* PostgreSQL's tables are those of SQLite. */
#include "pg_fixture.h"
#include "store_fixture.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/store/pg_schema.h"
#include "coordinator/store/sqlite_schema.h"

#include <string.h>

struct pair {
    struct pg_server server;
    void *files; /* struct fixture */
    bool there;
};

static void make(const struct pg_server *s)
{
    int version = 0;
    char *text;
    for (int from = 0; (text = pg_schema_step(from, &version)); from = version) {
        char *sql = str_dupf("BEGIN;%s COMMIT;", text);
        char *out = pg_server_psql(s, sql);
        assert_string_equal(out, "");
        mem_free(out);
        mem_free(sql);
        mem_free(text);
    }
    assert_int_equal(version, schema_newest());
}

static int set_up(void **state)
{
    struct pair *p = mem_alloc(sizeof *p);
    *state = p;
    p->there = pg_server_start(&p->server);
    if (!p->there) return 0;
    make(&p->server);
    return fixture_setup(&p->files);
}

static int tear_down(void **state)
{
    struct pair *p = *state;
    if (p->there) fixture_teardown(&p->files);
    pg_server_stop(&p->server);
    mem_free(p);
    return 0;
}

static struct pg_server *server(void **state)
{
    struct pair *p = *state;
    if (!p->there) skip();
    return &p->server;
}

/* table|column|type|must be there, in the order of the columns. */
#define SQLITE_COLUMNS                                                                             \
    "SELECT m.name || '|' || c.name || '|' || c.type || '|' ||"                                    \
    " CASE WHEN c.\"notnull\" OR c.pk THEN 't' ELSE 'f' END"                                       \
    " FROM sqlite_schema m JOIN pragma_table_info(m.name) c"                                       \
    " WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite%' ORDER BY m.name, c.cid"
#define PG_COLUMNS                                                                                 \
    "SELECT c.relname, a.attname, CASE format_type(a.atttypid, NULL) WHEN 'bigint' THEN 'INTEGER'" \
    " WHEN 'double precision' THEN 'REAL' WHEN 'bytea' THEN 'BLOB' WHEN 'text' THEN 'TEXT'"        \
    " ELSE 'another' END, a.attnotnull FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid"  \
    " JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = '%s' AND c.relkind = 'r'"    \
    " AND a.attnum > 0 AND c.relname NOT IN ('owner', 'coordinators', 'moves', 'days') ORDER BY "  \
    "c.relname COLLATE "                                                                           \
    "\"C\", a.attnum;"

static char *columns_of_file(void **state, const char *name)
{
    struct pair *p = *state;
    struct fixture *f = p->files;
    char *path = str_dupf("%s/%s", f->folder, name);
    sqlite3 *db;
    sqlite3_stmt *q;
    struct buf b;
    buf_init(&b, 1 << 20);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, SQLITE_COLUMNS, -1, &q, NULL), SQLITE_OK);
    while (sqlite3_step(q) == SQLITE_ROW)
        buf_addf(&b, "%s\n", (const char *)sqlite3_column_text(q, 0));
    sqlite3_finalize(q);
    sqlite3_close(db);
    mem_free(path);
    return buf_detach(&b);
}

static void same_columns(void **state, const char *file, const char *schema)
{
    char *sql = str_dupf(PG_COLUMNS, schema);
    char *here = columns_of_file(state, file), *there = pg_server_psql(server(state), sql);
    assert_true(strlen(here) > 100);
    assert_string_equal(there, here);
    mem_free(here);
    mem_free(there);
    mem_free(sql);
}

static void columns_are_those_of_sqlite__in_the_same_order(void **state)
{
    server(state);
    same_columns(state, QUEUE_FILE, "cadre");
    same_columns(state, OUTPUT_FILE, "cadre_output");
}

static void expect(const struct pg_server *s, const char *sql, const char *wanted)
{
    char *out = pg_server_psql(s, sql);
    assert_string_equal(out, wanted);
    mem_free(out);
}

static void indexes_are_those_of_sqlite(void **state)
{
    const struct pg_server *s = server(state);
    const struct fixture *f = ((struct pair *)*state)->files;
    char wanted[40];
    int64_t queue = sql_int(f, QUEUE_FILE,
                            "SELECT count(*) FROM sqlite_schema WHERE type = 'index'"
                            " AND sql IS NOT NULL");
    OK(str_format(wanted, sizeof wanted, "%lld\n", (long long)queue));
    /* those that stand for a key apart */
    expect(s,
           "SELECT count(*) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
           " JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_constraint k"
           " ON k.conindid = c.oid WHERE n.nspname = 'cadre' AND k.oid IS NULL",
           wanted);
}

static void new_database_has_one_owner_and_the_default_group(void **state)
{
    const struct pg_server *s = server(state);
    char wanted[40];
    OK(str_format(wanted, sizeof wanted, "0|0|0|||%d\n", schema_newest()));
    expect(s, "SELECT * FROM cadre.owner", wanted);
    expect(s, "SELECT key = '', paused, max_queued FROM cadre.groups", "t|0|0\n");
    expect(s, PG_SCHEMA_LOOK, "1\n");
    OK(str_format(wanted, sizeof wanted, "%d\n", schema_version(SCHEMA_QUEUE)));
    expect(s, PG_SCHEMA_VERSION, wanted);
}

static void json_each_tells_places_and_texts(void **state)
{
    const struct pg_server *s = server(state);
    expect(s, "SET search_path = cadre; SELECT key, value FROM json_each('[\"a\",\"it\\u0027s\"]')",
           "0|a\n1|it's\n");
    expect(s, "SET search_path = cadre; SELECT count(*) FROM json_each(CAST(NULL AS text))", "0\n");
}

/* Random, so that it cannot be made shorter. */
static void long_requirements_are_taken__but_once(void **state)
{
    const struct pg_server *s = server(state);
    expect(s,
           "CREATE TABLE public.long AS SELECT string_agg(md5(n::text), '') AS t"
           " FROM generate_series(1, 500) n;"
           "INSERT INTO cadre.requires SELECT 1, t FROM public.long;"
           "SELECT id FROM cadre.requires JOIN public.long ON text = t",
           "1\n");
    char *out = pg_server_psql(s, "INSERT INTO cadre.requires SELECT 2, t FROM public.long");
    assert_non_null(strstr(out, "ERROR"));
    mem_free(out);
}

static void later_step_and_its_number_come_together(void **state)
{
    const struct pg_server *s = server(state);
    const struct schema_step good = {"CREATE TABLE cadre.more (a bigint);", NULL},
                             bad = {"SELECT 1;", "DROP TABLE cadre.more; DROP TABLE cadre.none;"};
    char *text = pg_schema_text(&good, 1001), *sql = str_dupf("BEGIN;%s COMMIT;", text);
    expect(s, sql, "");
    mem_free(sql);
    mem_free(text);
    expect(s, "SELECT schema, to_regclass('cadre.more') FROM cadre.owner", "1001|cadre.more\n");
    text = pg_schema_text(&bad, 1002);
    sql = str_dupf("BEGIN;%s COMMIT;", text);
    mem_free(pg_server_psql(s, sql));
    mem_free(sql);
    mem_free(text);
    expect(s, "SELECT schema, to_regclass('cadre.more') FROM cadre.owner", "1001|cadre.more\n");
}

static void other_versions_are_refused(void **state)
{
    (void)state;
    OK(pg_schema_check(schema_newest(), &e));
    FAILS(ERR_UNSUPPORTED, pg_schema_check(schema_newest() + 1, &e));
    FAILS(ERR_UNSUPPORTED, pg_schema_check(schema_newest() - 1, &e));
    FAILS(ERR_UNSUPPORTED, pg_schema_check(0, &e));
    int next = 7;
    assert_null(pg_schema_step(schema_newest(), &next));
    assert_null(pg_schema_step(1, &next));
    assert_null(pg_schema_step(schema_newest() + 1, &next));
    assert_null(pg_schema_step(-1, &next));
    assert_int_equal(next, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_are_those_of_sqlite__in_the_same_order),
        cmocka_unit_test(indexes_are_those_of_sqlite),
        cmocka_unit_test(new_database_has_one_owner_and_the_default_group),
        cmocka_unit_test(json_each_tells_places_and_texts),
        cmocka_unit_test(long_requirements_are_taken__but_once),
        cmocka_unit_test(later_step_and_its_number_come_together),
        cmocka_unit_test(other_versions_are_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

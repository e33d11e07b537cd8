/* A queue goes from files to PostgreSQL and back, on a real server; every table has rows. */
#include "store_fixture.h"

#include "pg_fixture.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/store/marks.h"
#include "coordinator/store/move.h"
#include "coordinator/store/move_tables.h"
#include "coordinator/store/pg_store.h"
#include "coordinator/store/sql_store.h"
#include "coordinator/store/sqlite_schema.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ROWS 1200 /* of each table: two transactions */

static struct pg_server server;
static bool there;
static char root[200];
static int folders;

struct side {
    char *folder;
    const char *fails_at; /* this mark is not written */
    char said[8192];
};

/* ---- what is moved -------------------------------------------------------------------------- */

/* Of a row r: the first part of the key tells rows apart, and so do texts. Each chunk is of a job
 * that has a stream. */
static void add_value(struct buf *b, const struct move_table *t, int at)
{
    bool first = t->key[0] == at || str_eq(t->columns[at], "job"), key = first;
    for (int i = 1; i < t->key_count; i++)
        key = key || t->key[i] == at;
    if (t->types[at] == MOVE_INTEGER)
        buf_adds(b, first ? "5000000000 + r" : "1");
    else if (t->types[at] == MOVE_REAL)
        buf_adds(b, "r / 3.0");
    else if (t->types[at] == MOVE_BLOB)
        buf_adds(b, str_eq(t->name, "chunks") ? "zeroblob(r % 100)" : "randomblob(32)");
    else
        buf_adds(b, key && !first ? "'ä'" : "'ü ' || r");
}

static void fill(struct db *d, const struct move_table *t)
{
    struct buf b;
    buf_init(&b, 65536);
    buf_addf(&b,
             "WITH RECURSIVE c (r) AS (SELECT 1 UNION ALL SELECT r + 1 FROM c WHERE r < %d)"
             " INSERT INTO \"%s\" SELECT ",
             ROWS, t->name);
    for (int i = 0; i < t->count; i++) {
        buf_adds(&b, i ? ", " : "");
        add_value(&b, t, i);
    }
    buf_adds(&b, " FROM c");
    OK(db_exec(d, b.data, &e));
    buf_fini(&b);
}

static char *new_folder(void)
{
    char *folder = str_dupf("%s/%d", root, ++folders);
    assert_int_equal(mkdir(folder, 0700), 0);
    return folder;
}

static char *full_folder(void)
{
    struct store *s = NULL;
    struct move_tables tables;
    char *folder = new_folder();
    OK(store_open(folder, &s, &e));
    OK(move_tables_list(&s->queue, &s->output, &tables, &e));
    assert_true(tables.count > 30);
    for (size_t i = 0; i < tables.count; i++)
        fill(tables.items[i].output ? &s->output : &s->queue, &tables.items[i]);
    OK(db_exec(&s->queue,
               "UPDATE jobs SET ns = NULL, name = '' WHERE id % 3 = 0;"
               "UPDATE attempts SET exit_code = NULL WHERE job % 2 = 0;"
               "UPDATE job_states SET exit_code = -9223372036854775808 WHERE id % 5 = 0;"
               "UPDATE jobs SET retry_delay_factor = 1e300 WHERE id % 7 = 0",
               &e));
    move_tables_fini(&tables);
    store_close(s);
    return folder;
}

static void dump_table(struct db *d, const struct move_table *t, struct buf *out)
{
    struct stmt *q = NULL;
    struct err why = {0};
    struct buf b;
    buf_init(&b, 65536);
    for (int i = 0; i < t->count; i++)
        buf_addf(&b, "%s quote(\"%s\")", i ? " || ',' ||" : "SELECT", t->columns[i]);
    buf_addf(&b, " FROM \"%s\" ORDER BY 1", t->name);
    OK(db_prepare_one(d, b.data, &q, &e));
    while (db_step(d, q, &why) == 1)
        buf_addf(out, "%s %s\n", t->name, column_str(q, 0));
    stmt_finish(q);
    buf_fini(&b);
}

/* Without a coordinator's look at it: that one refuses what was moved. */
static char *dump(const char *folder)
{
    struct db queue = {0}, output = {0};
    struct move_tables tables;
    struct buf b;
    char *a = db_path(folder, QUEUE_FILE), *o = db_path(folder, OUTPUT_FILE);
    buf_init(&b, (size_t)200 << 20);
    OK(db_open(&queue, a, DB_READER, &e));
    OK(db_open(&output, o, DB_READER, &e));
    OK(move_tables_list(&queue, &output, &tables, &e));
    for (size_t i = 0; i < tables.count; i++)
        dump_table(tables.items[i].output ? &output : &queue, &tables.items[i], &b);
    move_tables_fini(&tables);
    db_close(&queue);
    db_close(&output);
    mem_free(a);
    mem_free(o);
    return buf_detach(&b);
}

/* ---- moving --------------------------------------------------------------------------------- */

static int mark(void *user, const char *name, const char *text, struct err *e)
{
    const struct side *s = user;
    if (str_eq(s->fails_at, name)) return err_set(e, ERR_IO, "no such mark (test)");
    char *path = str_dupf("%s/%s", s->folder, name);
    if (text) {
        FILE *f = fopen(path, "w");
        assert_non_null(f);
        fputs(text, f);
        fclose(f);
    } else {
        remove(path);
    }
    mem_free(path);
    return 0;
}

static void say(void *user, const char *line)
{
    struct side *s = user;
    size_t n = strlen(s->said);
    (void)str_format(s->said + n, sizeof s->said - n, "%s\n", line);
}

static struct pg_place place(void)
{
    return (struct pg_place){.uri = server.uri, .folder = CADRE_BIN_DIR};
}

static int move(struct side *s, bool to_pg, struct store_move *m, struct err *why)
{
    static struct pg_place p;
    p = place();
    s->said[0] = '\0';
    *m = (struct store_move){.to_pg = to_pg,
                             .folder = s->folder,
                             .place = &p,
                             .pg_name = "postgresql://there",
                             .mark = mark,
                             .say = say,
                             .user = s};
    if (!to_pg) {
        struct db d;
        struct pg_owner o = {0};
        OK(pg_owner_open(&p, &d, &e));
        OK(pg_owner_look(&d, &o, &e));
        OK(pg_owner_take(&d, &o.reign, "a test", "[]", &m->reign, &e));
        pg_owner_fini(&o);
        db_close(&d);
    }
    return store_move(m, why);
}

static void psql(const char *sql)
{
    mem_free(pg_server_psql(&server, sql));
}

static void fresh(void)
{
    if (!there) skip();
    psql("DROP SCHEMA IF EXISTS cadre CASCADE; DROP SCHEMA IF EXISTS cadre_output CASCADE;");
}

static void refused_by_a_coordinator(const char *folder)
{
    struct store *s = NULL;
    FAILS(ERR_CONFLICT, store_open(folder, &s, &e));
}

static void refused_in_pg(void)
{
    struct pg_place p = place();
    struct store_parts parts = {.make = true};
    struct store *s = NULL;
    struct reader *r = NULL;
    FAILS(ERR_CONFLICT, store_open_pg(&p, NULL, &parts, &s, &e));
    FAILS(ERR_CONFLICT, reader_open_pg(&p, &r, &e));
}

static void opens_in_pg(void)
{
    struct pg_place p = place();
    struct reader *r = NULL;
    OK(reader_open_pg(&p, &r, &e));
    reader_close(r);
}

/* ---- tests ---------------------------------------------------------------------------------- */

static void back_is_what_was_moved_there(const char *wanted)
{
    struct side back = {.folder = new_folder()};
    struct store *s = NULL;
    struct store_move m;
    OK(move(&back, false, &m, &e));
    assert_false(m.resumed);
    char *all = dump(back.folder);
    assert_true(strlen(all) > 1000000);
    assert_true(str_eq(all, wanted));
    mem_free(all);
    OK(store_open(back.folder, &s, &e)); /* its parts fit */
    store_close(s);
    refused_in_pg();
    FAILS(ERR_EXISTS, move(&back, false, &m, &e));
    mem_free(back.folder);
}

static void there_and_back__each_row_is_the_same(void **state)
{
    (void)state;
    fresh();
    struct side s = {.folder = full_folder()};
    struct store_move m;
    char *before = dump(s.folder);
    OK(move(&s, true, &m, &e));
    assert_true(m.rows > 30 * ROWS);
    opens_in_pg();
    refused_by_a_coordinator(s.folder);
    FAILS(ERR_EXISTS, move(&s, true, &m, &e));
    back_is_what_was_moved_there(before);
    mem_free(before);
    mem_free(s.folder);
}

/* As a coordinator has it some days later. One chunk is of a job that was purged. */
static void make_days(void)
{
    psql("CREATE TABLE cadre_output.chunks_1 (LIKE cadre_output.chunks INCLUDING ALL)"
         " INHERITS (cadre_output.chunks); INSERT INTO cadre_output.days VALUES (1, 5, 0);"
         "WITH m AS (DELETE FROM ONLY cadre_output.chunks WHERE cursor % 3 = 0 RETURNING *)"
         " INSERT INTO cadre_output.chunks_1 SELECT * FROM m;"
         "INSERT INTO cadre_output.chunks_1 VALUES (2, 3, 1, 1, 0, 'gone', 0, 0);");
}

static void there_and_back__output_of_all_days_comes(void **state)
{
    (void)state;
    fresh();
    struct side s = {.folder = full_folder()};
    struct store_move m;
    char *before = dump(s.folder);
    OK(move(&s, true, &m, &e));
    make_days();
    back_is_what_was_moved_there(before);
    mem_free(before);
    mem_free(s.folder);
}

/* As if it had been killed: what is there is a beginning of each table. */
static void cut(void)
{
    psql("INSERT INTO cadre.moves SELECT 'moving-from', 'a folder', id FROM cadre.parts;"
         "DELETE FROM cadre.parts; DELETE FROM cadre_output.parts;"
         "DELETE FROM cadre.jobs WHERE id > 5000000700; DELETE FROM cadre.tokens;"
         "DELETE FROM cadre.flows WHERE ns > 'ü 3'; DELETE FROM cadre.attempts WHERE job > "
         "5000001001;"
         "DELETE FROM cadre_output.chunks WHERE cursor > 5000001000;");
}

static void interrupted__goes_on(void **state)
{
    (void)state;
    fresh();
    struct side s = {.folder = full_folder()};
    struct store_move m;
    char *before = dump(s.folder);
    OK(move(&s, true, &m, &e));
    int64_t rows = m.rows;
    cut();
    refused_in_pg();
    refused_by_a_coordinator(s.folder);
    OK(move(&s, true, &m, &e));
    assert_true(m.resumed);
    assert_int_equal(m.rows, rows);
    assert_non_null(strstr(s.said, "jobs: 500 rows copied"));
    assert_null(strstr(s.said, "job_states:"));
    back_is_what_was_moved_there(before);
    mem_free(before);
    mem_free(s.folder);
}

/* The source may have been changed since. */
static void interrupted__and_the_source_used_again__begins_anew(void **state)
{
    (void)state;
    fresh();
    struct side s = {.folder = full_folder(), .fails_at = MARK_MOVED};
    struct store *used = NULL;
    struct store_move m;
    FAILS(ERR_IO, move(&s, true, &m, &e));
    refused_in_pg();
    s.fails_at = NULL;
    OK(move(&s, true, &m, &e));
    cut();
    psql("UPDATE cadre_output.days SET emptied = 1");
    OK(mark(&s, MARK_MOVED, NULL, &e));
    OK(store_open(s.folder, &used, &e));
    OK(db_exec(&used->queue, "UPDATE jobs SET name = 'changed'; DELETE FROM notices", &e));
    store_close(used);
    char *before = dump(s.folder);
    OK(move(&s, true, &m, &e));
    assert_false(m.resumed);
    char *days = pg_server_psql(&server, "SELECT * FROM cadre_output.days");
    assert_string_equal(days, "0|0|0\n"); /* its rows are there again */
    mem_free(days);
    back_is_what_was_moved_there(before);
    mem_free(before);
    mem_free(s.folder);
}

static void target_with_something_in_it__is_refused(void **state)
{
    (void)state;
    fresh();
    struct side s = {.folder = full_folder()}, other = {.folder = full_folder()};
    struct store_move m;
    OK(move(&s, true, &m, &e));
    FAILS(ERR_CONFLICT, move(&other, true, &m, &e)); /* over another queue */
    FAILS(ERR_CONFLICT, move(&other, false, &m, &e));
    opens_in_pg();
    cut();
    FAILS(ERR_CONFLICT, move(&other, true, &m, &e)); /* over the beginning of another copy */
    struct store *untouched = NULL;
    OK(store_open(other.folder, &untouched, &e));
    store_close(untouched);
    mem_free(other.folder);
    mem_free(s.folder);
}

/* The files of before make room, and the database of before does not. */
static void back_to_the_folder_of_before__keeps_its_files_aside(void **state)
{
    (void)state;
    fresh();
    struct side s = {.folder = full_folder()};
    struct store_move m;
    struct store *served = NULL;
    char *before = dump(s.folder), *aside = str_dupf("%s/cadre.db.aside", s.folder);
    OK(move(&s, true, &m, &e));
    OK(move(&s, false, &m, &e));
    char *after = dump(s.folder);
    assert_true(str_eq(after, before));
    assert_true(db_file_exists(aside));
    OK(store_open(s.folder, &served, &e));
    store_close(served);
    FAILS(ERR_CONFLICT, move(&s, true, &m, &e));
    OK(store_open(s.folder, &served, &e));
    store_close(served);
    mem_free(after);
    mem_free(aside);
    mem_free(before);
    mem_free(s.folder);
}

static int set_up(void **state)
{
    (void)state;
    there = pg_server_start(&server);
    (void)str_copy(root, sizeof root, "/tmp/cadre-move-XXXXXX");
    return mkdtemp(root) ? 0 : -1;
}

static void remove_folder(const char *folder)
{
    DIR *d = opendir(folder);
    assert_non_null(d);
    for (const struct dirent *x; (x = readdir(d));) {
        char *path = str_dupf("%s/%s", folder, x->d_name);
        unlink(path); /* neither "." nor ".." */
        mem_free(path);
    }
    closedir(d);
    assert_int_equal(rmdir(folder), 0);
}

static int tear_down(void **state)
{
    (void)state;
    for (; folders > 0; folders--) {
        char *folder = str_dupf("%s/%d", root, folders);
        remove_folder(folder);
        mem_free(folder);
    }
    remove_folder(root);
    pg_server_stop(&server);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_and_back__each_row_is_the_same),
        cmocka_unit_test(there_and_back__output_of_all_days_comes),
        cmocka_unit_test(interrupted__goes_on),
        cmocka_unit_test(interrupted__and_the_source_used_again__begins_anew),
        cmocka_unit_test(target_with_something_in_it__is_refused),
        cmocka_unit_test(back_to_the_folder_of_before__keeps_its_files_aside),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

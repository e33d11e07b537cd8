#include "store_fixture.h"

#include "base/id.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/store/sqlite_check.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int fixture_setup(void **state)
{
    struct fixture *f = mem_alloc(sizeof *f);
    const char *tmp = getenv("TMPDIR");
    OK(str_format(f->folder, sizeof f->folder, "%s/store.XXXXXX", tmp ? tmp : "/tmp"));
    assert_non_null(mkdtemp(f->folder));
    OK(store_open(f->folder, &f->store, &e));
    *state = f;
    return 0;
}

static void remove_folder(const char *folder)
{
    DIR *d = opendir(folder);
    assert_non_null(d);
    struct dirent *entry;
    while ((entry = readdir(d))) {
        char *path = str_dupf("%s/%s", folder, entry->d_name);
        unlink(path);
        mem_free(path);
    }
    closedir(d);
    rmdir(folder);
}

int fixture_teardown(void **state)
{
    struct fixture *f = *state;
    if (f->store) {
        store_close(f->store);
        check_counts(f);
    }
    remove_folder(f->folder);
    mem_free(f);
    return 0;
}

struct reader *open_reader(struct fixture *f)
{
    struct reader *r = NULL;
    OK(reader_open(f->folder, &r, &e));
    return r;
}

void begin(struct fixture *f)
{
    OK(store_begin(f->store, &e));
}

void commit(struct fixture *f)
{
    OK(store_commit(f->store, &e));
}

int64_t job_id(int n)
{
    return id_make(T0 + n, (uint32_t)n * 7919u);
}

struct job_row plain_job(int n, const char *group)
{
    return (struct job_row){.id = job_id(n),
                            .group = (char *)group,
                            .attempt = 1,
                            .created_ms = T0 + n,
                            .retry = {.delay_factor = 2}};
}

void add_job(struct fixture *f, const struct job_row *j)
{
    OK(store_job_insert(f->store, j, "{\"command\":[\"true\"]}", &e));
}

void add_plain(struct fixture *f, int n, const char *group)
{
    struct job_row j = plain_job(n, group);
    add_job(f, &j);
}

enum job_state state_of(struct fixture *f, int64_t id)
{
    struct job_row j;
    OK(store_job_get(f->store, id, &j, &e));
    enum job_state state = j.state;
    job_row_fini(&j);
    return state;
}

int64_t head_of(struct fixture *f, const char *group, int64_t requires_id)
{
    struct queue_key k = {.group = group, .requires_id = requires_id};
    struct queue_head head;
    size_t count;
    OK(store_queue_heads(f->store, &k, &head, 1, &count, &e));
    return count ? head.id : 0;
}

static sqlite3 *open_file(const struct fixture *f, const char *file)
{
    sqlite3 *db;
    char *path = str_dupf("%s/%s", f->folder, file);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    mem_free(path);
    sqlite3_busy_timeout(db, 5000);
    return db;
}

int64_t sql_int(const struct fixture *f, const char *file, const char *sql)
{
    sqlite3 *db = open_file(f, file);
    sqlite3_stmt *q;
    if (sqlite3_prepare_v2(db, sql, -1, &q, NULL) != SQLITE_OK) {
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    }
    assert_int_equal(sqlite3_step(q), SQLITE_ROW);
    int64_t n = sqlite3_column_int64(q, 0);
    sqlite3_finalize(q);
    sqlite3_close(db);
    return n;
}

void sql_exec(const struct fixture *f, const char *file, const char *sql)
{
    sqlite3 *db = open_file(f, file);
    char *message = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK) {
        fail_msg("%s: %s", sql, message);
    }
    sqlite3_close(db);
}

static void on_fault(const char *fault, void *user)
{
    (void)user;
    print_error("%s\n", fault);
}

/* The index of jobs has all jobs, and no block without. */
static void check_index(const struct fixture *f)
{
    struct db d = {0};
    struct store_check c = {.say = on_fault};
    char *path = str_dupf("%s/cadre.db", f->folder);
    OK(db_open(&d, path, DB_READER, &e));
    OK(check_blocks(&c, &d, &e));
    assert_int_equal(c.faults + c.index_faults, 0);
    db_close(&d);
    mem_free(path);
}

void check_counts(const struct fixture *f)
{
    check_index(f);
    /* both ways, so that nothing is on one side only; a kept row of zeros says nothing */
    static const char real[] =
        "SELECT group_key, requires_id, total(state = 0), total(state = 1), total(state = 2),"
        " total(state = 3), total(state = 4) FROM job_states WHERE state < 5 GROUP BY 1, 2";
    static const char kept[] =
        "SELECT * FROM job_counts WHERE created OR submitted OR running OR killing OR retrying";
    char *sql = str_dupf("SELECT count(*) FROM (SELECT * FROM (%s EXCEPT %s) UNION ALL"
                         " SELECT * FROM (%s EXCEPT %s))",
                         real, kept, kept, real);
    assert_int_equal(sql_int(f, "cadre.db", sql), 0);
    mem_free(sql);
    assert_int_equal(sql_int(f, "cadre.db",
                             "SELECT count(*) FROM requires r WHERE jobs <> (SELECT count(*)"
                             " FROM job_states s WHERE s.requires_id = r.id)"),
                     0);
    /* and the columns of the partial indexes follow the state */
    assert_int_equal(sql_int(f, "cadre.db",
                             "SELECT count(*) FROM job_states WHERE queued <> (state = 0)"
                             " OR bad <> (state > 5) OR open <> CASE WHEN state = 0 THEN watched"
                             " WHEN state < 4 THEN 2 WHEN state = 4 THEN 3 ELSE 0 END"
                             " OR (ended_ms > 0) <> (state > 4)"),
                     0);
}

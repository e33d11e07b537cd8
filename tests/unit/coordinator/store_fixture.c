#include "store_fixture.h"

#include "base/id.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/store/sqlite_check.h"

#ifdef CADRE_TEST_PG
#include "pg_fixture.h"

#include "coordinator/store/pg_load.h"
#include "coordinator/store/pg_store.h"
#endif

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- PostgreSQL ----------------------------------------------------------------------------- */

#ifdef CADRE_TEST_PG
static struct pg_server server;
static pid_t server_of; /* a child of a test leaves the server alone */

bool fixture_is_pg(void)
{
    const char *which = getenv("CADRE_TEST_STORE");
    return which && strcmp(which, "postgresql") == 0;
}

static void stop_server(void)
{
    if (getpid() == server_of) pg_server_stop(&server);
}

/* Each fixture has a database of the name of its folder, which goes with the server. */
struct pg_at {
    char uri[500];
    struct pg_place place;
};

static void pg_find(const struct fixture *f, struct pg_at *at)
{
    const char *name = f ? strrchr(f->folder, '/') + 1 : "postgres";
    OK(str_format(at->uri, sizeof at->uri, "postgresql:///%s%s", name, strchr(server.uri, '?')));
    at->place = (struct pg_place){.uri = at->uri, .folder = CADRE_BIN_DIR};
}

/* A connection of the test's own. f NULL: of the server. */
static void pg_reach(const struct fixture *f, struct db *queue, struct db *output)
{
    const struct pg_module *m;
    struct pg_at at;
    pg_find(f, &at);
    OK(pg_load(CADRE_BIN_DIR, &m, &e));
    OK(m->open(queue, output, &at.place, PG_OWNER, &e));
}

static void pg_fresh(const struct fixture *f)
{
    if (server.pid == 0) {
        if (!pg_server_start(&server)) exit(0);
        server_of = getpid();
        atexit(stop_server);
    }
    struct db d;
    char *sql = str_dupf("CREATE DATABASE \"%s\"", strrchr(f->folder, '/') + 1);
    pg_reach(NULL, &d, NULL);
    OK(db_exec(&d, sql, &e));
    db_close(&d);
    mem_free(sql);
}

static void pg_open(struct fixture *f)
{
    struct pg_at at;
    struct store_parts parts = {.make = true};
    pg_find(f, &at);
    OK(store_open_pg(&at.place, NULL, &parts, &f->store, &e));
}

static struct reader *pg_open_reader(const struct fixture *f)
{
    struct pg_at at;
    struct reader *r = NULL;
    pg_find(f, &at);
    OK(reader_open_pg(&at.place, &r, &e));
    return r;
}
#else
bool fixture_is_pg(void)
{
    return false;
}

static void pg_fresh(const struct fixture *f)
{
    (void)f;
}

static void pg_open(struct fixture *f)
{
    (void)f;
}

static struct reader *pg_open_reader(const struct fixture *f)
{
    (void)f;
    return NULL;
}

static void pg_reach(const struct fixture *f, struct db *queue, struct db *output)
{
    (void)f;
    (void)queue;
    (void)output;
}
#endif

/* ---- opening and closing -------------------------------------------------------------------- */

void open_again(struct fixture *f)
{
    if (fixture_is_pg())
        pg_open(f);
    else
        OK(store_open(f->folder, &f->store, &e));
}

int fixture_setup(void **state)
{
    struct fixture *f = mem_alloc(sizeof *f);
    const char *tmp = getenv("TMPDIR");
    OK(str_format(f->folder, sizeof f->folder, "%s/store.XXXXXX", tmp ? tmp : "/tmp"));
    assert_non_null(mkdtemp(f->folder));
    if (fixture_is_pg()) pg_fresh(f);
    open_again(f);
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
    if (fixture_is_pg()) return pg_open_reader(f);
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

/* One connection for both, which speaks of the tables of one file. */
struct straight {
    struct db queue, output, *d;
};

static void go_straight(struct straight *x, const struct fixture *f, const char *file)
{
    pg_reach(f, &x->queue, &x->output);
    x->d = strcmp(file, "output.db") == 0 ? &x->output : &x->queue;
}

static void straight_end(struct straight *x)
{
    db_close(&x->queue);
    db_close(&x->output);
}

int64_t sql_int(const struct fixture *f, const char *file, const char *sql)
{
    if (fixture_is_pg()) {
        struct straight x;
        int64_t found = 0;
        go_straight(&x, f, file);
        OK(db_int(x.d, sql, &found, &e));
        straight_end(&x);
        return found;
    }
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
    if (fixture_is_pg()) {
        struct straight x;
        go_straight(&x, f, file);
        OK(db_exec(x.d, sql, &e));
        straight_end(&x);
        return;
    }
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
    struct straight x = {0};
    struct store_check c = {.say = on_fault};
    if (fixture_is_pg()) {
        go_straight(&x, f, "cadre.db");
        OK(check_blocks(&c, x.d, &e));
    } else {
        char *path = str_dupf("%s/cadre.db", f->folder);
        OK(db_open(&x.queue, path, DB_READER, &e));
        OK(check_blocks(&c, &x.queue, &e));
        mem_free(path);
    }
    assert_int_equal(c.faults + c.index_faults, 0);
    straight_end(&x);
}

#define COUNT(condition) "sum(CASE WHEN " condition " THEN 1 ELSE 0 END)"

void check_counts(const struct fixture *f)
{
    check_index(f);
    /* both ways, so that nothing is on one side only; a kept row of zeros says nothing */
    static const char real[] =
        "SELECT group_key, requires_id, " COUNT("state = 0") ", " COUNT("state = 1") ", " COUNT(
            "state = 2") ", " COUNT("state = 3") ", " COUNT("state = 4") " FROM job_states"
                                                                         " WHERE state < 5"
                                                                         " GROUP BY 1, 2";
    static const char kept[] = "SELECT group_key, requires_id, created, submitted, running,"
                               " killing, retrying FROM job_counts WHERE created <> 0"
                               " OR submitted <> 0 OR running <> 0 OR killing <> 0"
                               " OR retrying <> 0";
    char *sql = str_dupf("SELECT count(*) FROM (SELECT * FROM (%s EXCEPT %s) a UNION ALL"
                         " SELECT * FROM (%s EXCEPT %s) b) c",
                         real, kept, kept, real);
    assert_int_equal(sql_int(f, "cadre.db", sql), 0);
    mem_free(sql);
    assert_int_equal(sql_int(f, "cadre.db",
                             "SELECT count(*) FROM requires r WHERE jobs <> (SELECT count(*)"
                             " FROM job_states s WHERE s.requires_id = r.id)"),
                     0);
    /* and the columns of the partial indexes follow the state */
    assert_int_equal(sql_int(f, "cadre.db",
                             "SELECT count(*) FROM job_states"
                             " WHERE queued <> CASE WHEN state = 0 THEN 1 ELSE 0 END"
                             " OR bad <> CASE WHEN state > 5 THEN 1 ELSE 0 END"
                             " OR open <> CASE WHEN state = 0 THEN watched"
                             " WHEN state < 4 THEN 2 WHEN state = 4 THEN 3 ELSE 0 END"
                             " OR (ended_ms > 0) <> (state > 4)"),
                     0);
}

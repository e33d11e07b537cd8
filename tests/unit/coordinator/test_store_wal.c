/* The log of the writer: how often its file is written to, and that nothing but that is different
 * from a log that is written frame by frame. */
#include "store_fixture.h"

#include "base/mem.h"
#include "base/str.h"
#include "coordinator/store/sql_store.h"
#include "coordinator/store/sqlite_wal.h"

#include <stdio.h>
#include <string.h>

#define FRAME 4120

/* ---- a disk that counts, and that fails when it is told to ---------------------------------- */

struct counts {
    sqlite3_vfs vfs;
    sqlite3_vfs *below;
    int writes, syncs, after_sync; /* to logs; after_sync: writes that were not synced */
    int sizes;                     /* how often the size of a log was asked for */
    sqlite3_int64 bytes;
    int fail_after; /* writes to logs; negative: it does not fail */
};

struct counted {
    sqlite3_file base;
    struct counts *counts;
    sqlite3_file *below;
};

static struct counted *counted(sqlite3_file *f)
{
    return (struct counted *)(void *)f;
}

static int c_close(sqlite3_file *f)
{
    return counted(f)->below->pMethods->xClose(counted(f)->below);
}

static int c_read(sqlite3_file *f, void *out, int n, sqlite3_int64 at)
{
    return counted(f)->below->pMethods->xRead(counted(f)->below, out, n, at);
}

static int c_write(sqlite3_file *f, const void *data, int n, sqlite3_int64 at)
{
    struct counts *c = counted(f)->counts;
    if (c->fail_after >= 0 && c->fail_after-- == 0) {
        c->fail_after = 0;
        return SQLITE_FULL;
    }
    c->writes++;
    c->after_sync++;
    c->bytes += n;
    return counted(f)->below->pMethods->xWrite(counted(f)->below, data, n, at);
}

static int c_truncate(sqlite3_file *f, sqlite3_int64 size)
{
    return counted(f)->below->pMethods->xTruncate(counted(f)->below, size);
}

static int c_sync(sqlite3_file *f, int flags)
{
    struct counts *c = counted(f)->counts;
    c->syncs++;
    c->after_sync = 0;
    return counted(f)->below->pMethods->xSync(counted(f)->below, flags);
}

static int c_size(sqlite3_file *f, sqlite3_int64 *size)
{
    counted(f)->counts->sizes++;
    return counted(f)->below->pMethods->xFileSize(counted(f)->below, size);
}

static int c_lock(sqlite3_file *f, int level)
{
    (void)f;
    (void)level;
    return SQLITE_OK;
}

static int c_check(sqlite3_file *f, int *out)
{
    (void)f;
    *out = 0;
    return SQLITE_OK;
}

static int c_control(sqlite3_file *f, int op, void *arg)
{
    return counted(f)->below->pMethods->xFileControl(counted(f)->below, op, arg);
}

static int c_sector(sqlite3_file *f)
{
    return counted(f)->below->pMethods->xSectorSize(counted(f)->below);
}

static int c_characteristics(sqlite3_file *f)
{
    return counted(f)->below->pMethods->xDeviceCharacteristics(counted(f)->below);
}

static const sqlite3_io_methods methods = {.iVersion = 1,
                                           .xClose = c_close,
                                           .xRead = c_read,
                                           .xWrite = c_write,
                                           .xTruncate = c_truncate,
                                           .xSync = c_sync,
                                           .xFileSize = c_size,
                                           .xLock = c_lock,
                                           .xUnlock = c_lock,
                                           .xCheckReservedLock = c_check,
                                           .xFileControl = c_control,
                                           .xSectorSize = c_sector,
                                           .xDeviceCharacteristics = c_characteristics};

static int c_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *f, int flags, int *out)
{
    struct counts *c = (struct counts *)(void *)vfs;
    if (!(flags & SQLITE_OPEN_WAL)) return c->below->xOpen(c->below, path, f, flags, out);
    struct counted *x = counted(f);
    *x = (struct counted){.counts = c, .below = (sqlite3_file *)(void *)(x + 1)};
    int rc = c->below->xOpen(c->below, path, x->below, flags, out);
    if (rc == SQLITE_OK) x->base.pMethods = &methods;
    return rc;
}

struct world {
    struct fixture *f;
    struct counts counts;
};

static void reopen(struct world *w)
{
    store_close(w->f->store);
    w->f->store = NULL;
    OK(store_open(w->f->folder, &w->f->store, &e));
}

static int setup(void **state)
{
    struct world *w = mem_alloc(sizeof *w);
    void *f;
    struct counts *c = &w->counts;
    assert_int_equal(fixture_setup(&f), 0);
    w->f = f;
    c->below = sqlite3_vfs_find(NULL);
    c->vfs = *c->below;
    c->vfs.zName = "counts";
    c->vfs.szOsFile = c->below->szOsFile + (int)sizeof(struct counted);
    c->vfs.xOpen = c_open;
    c->fail_after = -1;
    sqlite3_vfs_register(&c->vfs, 1);
    reopen(w);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    void *f = w->f;
    store_close(w->f->store);
    w->f->store = NULL;
    sqlite3_vfs_unregister(&w->counts.vfs);
    check_counts(w->f);
    mem_free(w);
    return fixture_teardown(&f);
}

static void add_jobs(struct world *w, int from, int count)
{
    for (int n = from; n < from + count; n++)
        add_plain(w->f, n, "g");
}

static int64_t jobs_in_file(const struct world *w)
{
    return sql_int(w->f, "cadre.db", "SELECT count(*) FROM jobs");
}

/* So few pages in memory that a transaction writes some of them to the log before its end. */
static void keep_few_pages(struct world *w)
{
    OK(db_exec(&w->f->store->queue, "PRAGMA cache_size=8", &e));
}

/* ---- how often ------------------------------------------------------------------------------ */

static void commit_writes_its_frames_at_once_and_syncs_them(void **state)
{
    struct world *w = *state;
    struct counts *c = &w->counts;
    begin(w->f); /* the first one begins the log with a head */
    add_jobs(w, 1, 1);
    commit(w->f);
    for (int n = 0; n < 5; n++) {
        c->writes = c->syncs = 0;
        c->bytes = 0;
        begin(w->f);
        add_jobs(w, 2 + n * 20, 20);
        assert_int_equal(c->writes, 0);
        commit(w->f);
        assert_int_equal(c->writes, 1);
        assert_int_equal(c->syncs, 1);
        assert_int_equal(c->after_sync, 0);
        assert_int_equal(c->bytes % FRAME, 0);
        assert_true(c->bytes >= 3 * FRAME);
        assert_int_equal(jobs_in_file(w), 21 + n * 20); /* by another connection */
    }
}

/* Linux (6.13) syncs the inode with a file whose times were asked for since it was written to. */
static void commits_do_not_ask_for_the_size_of_the_log(void **state)
{
    struct world *w = *state;
    begin(w->f);
    add_jobs(w, 1, 1);
    commit(w->f);
    store_settle(w->f->store); /* lengthens it by a MiB */
    w->counts.sizes = 0;
    for (int n = 2; n < 12; n++) {
        begin(w->f);
        add_jobs(w, n, 1);
        commit(w->f);
        store_settle(w->f->store);
    }
    assert_int_equal(w->counts.sizes, 0);
}

static void commit_that_is_not_synced_is_in_the_file_as_well(void **state)
{
    struct world *w = *state;
    static const char *const settings[] = {"PRAGMA synchronous=OFF", "PRAGMA synchronous=NORMAL"};
    for (int n = 0; n < 20; n++) {
        OK(db_exec(&w->f->store->queue, settings[n % 2], &e));
        if (n == 10) keep_few_pages(w);
        begin(w->f);
        add_jobs(w, 1 + n * 300, 300);
        commit(w->f);
        assert_int_equal(jobs_in_file(w), 300 + n * 300);
    }
}

static void large_transaction_takes_few_writes(void **state)
{
    struct world *w = *state;
    struct counts *c = &w->counts;
    c->writes = c->syncs = 0;
    c->bytes = 0;
    begin(w->f);
    add_jobs(w, 1, 5000);
    commit(w->f);
    assert_true(c->bytes > 4 * WAL_GATHER_BYTES);
    assert_true(c->writes <= 2 + c->bytes / (WAL_GATHER_BYTES - FRAME));
    assert_int_equal(c->after_sync, 0);
    assert_int_equal(jobs_in_file(w), 5000);
}

/* ---- what is in memory ---------------------------------------------------------------------- */

static void frames_of_an_open_transaction_are_read_by_their_own_connection_only(void **state)
{
    struct world *w = *state;
    keep_few_pages(w);
    begin(w->f);
    add_jobs(w, 1, 2000);
    assert_int_equal(state_of(w->f, job_id(1)), JOB_CREATED); /* of a page that is long gone */
    assert_int_equal(state_of(w->f, job_id(1999)), JOB_CREATED);
    int64_t n = 0;
    OK(db_int(&w->f->store->queue, "SELECT count(*) FROM job_states NOT INDEXED", &n, &e));
    assert_int_equal(n, 2000);
    assert_int_equal(jobs_in_file(w), 0);
    add_jobs(w, 2001, 1000); /* pages that are in the log already change again */
    commit(w->f);
    assert_int_equal(jobs_in_file(w), 3000);
    assert_int_equal(w->counts.after_sync, 0);
    reopen(w); /* checks the file */
    assert_int_equal(state_of(w->f, job_id(2999)), JOB_CREATED);
}

static void frames_of_a_transaction_that_was_rolled_back_do_not_count(void **state)
{
    struct world *w = *state;
    keep_few_pages(w);
    begin(w->f);
    add_jobs(w, 1, 2000);
    OK(store_write_changes(w->f->store, &e));
    store_rollback(w->f->store);
    begin(w->f);
    add_jobs(w, 5000, 3);
    commit(w->f);
    assert_int_equal(jobs_in_file(w), 3);
    reopen(w);
    assert_int_equal(state_of(w->f, job_id(5002)), JOB_CREATED);
    assert_int_equal(jobs_in_file(w), 3);
}

static void log_is_folded_with_all_its_frames_and_begun_anew(void **state)
{
    struct world *w = *state;
    for (int n = 0; n < 3; n++) {
        begin(w->f);
        add_jobs(w, 1 + n * 100, 100);
        commit(w->f);
        OK(db_exec(&w->f->store->queue,
                   n == 1 ? "PRAGMA wal_checkpoint(TRUNCATE)" : "PRAGMA wal_checkpoint(RESTART)",
                   &e));
        assert_int_equal(jobs_in_file(w), 100 + n * 100);
    }
}

/* ---- a disk that fails ---------------------------------------------------------------------- */

static void write_that_fails_at_any_moment_fails_the_commit(void **state)
{
    struct world *w = *state;
    keep_few_pages(w);
    int failures = 0, n = 1;
    for (int after = 0; after < 40; after++) {
        struct err e = {0};
        int64_t before = jobs_in_file(w);
        begin(w->f);
        w->counts.fail_after = after;
        int rc = 0;
        for (int i = 0; rc == 0 && i < 700; i++) {
            struct job_row j = plain_job(n++, "g");
            rc = store_job_insert(w->f->store, &j, "{}", &e);
        }
        if (rc == 0)
            rc = store_commit(w->f->store, &e);
        else
            store_rollback(w->f->store);
        w->counts.fail_after = -1;
        if (rc != 0) {
            failures++;
            assert_int_equal(rc, ERR_FULL);
            assert_int_equal(jobs_in_file(w), before);
        } else {
            assert_int_equal(jobs_in_file(w), before + 700);
        }
        begin(w->f); /* and it goes on */
        add_jobs(w, n++, 1);
        commit(w->f);
    }
    assert_true(failures > 2);
    reopen(w);
}

static int run_sql(sqlite3 *db, const char *sql)
{
    return sqlite3_exec(db, sql, NULL, NULL, NULL);
}

/* A statement that changes several rows reads a page that is in memory, and is told that the disk
 * is full: SQLite undoes the statement alone. */
static void frames_that_were_lost_by_a_read_fail_the_commit(void **state)
{
    struct world *w = *state;
    struct wal_vfs *v;
    sqlite3 *db;
    char *path = str_dupf("%s/lost.db", w->f->folder);
    assert_int_equal(wal_open(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, &db, &v), 0);
    assert_int_equal(run_sql(db, "PRAGMA journal_mode=WAL; PRAGMA cache_size=8;"
                                 "CREATE TABLE t(a INTEGER PRIMARY KEY, b UNIQUE, c)"),
                     SQLITE_OK);
    w->counts.writes = 0;
    assert_int_equal(run_sql(db, "BEGIN; WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL"
                                 " SELECT i + 1 FROM n WHERE i < 140)"
                                 " INSERT INTO t SELECT i, i, randomblob(600) FROM n"),
                     SQLITE_OK);
    assert_int_equal(w->counts.writes, 0); /* some were spilled, into memory */
    w->counts.fail_after = 0;
    assert_int_equal(run_sql(db, "UPDATE t SET b = b + 1000"), SQLITE_FULL);
    w->counts.fail_after = -1;
    assert_int_equal(sqlite3_get_autocommit(db), 0);
    assert_int_equal(run_sql(db, "COMMIT"), SQLITE_FULL);
    assert_int_equal(sql_int(w->f, "lost.db", "SELECT count(*) FROM t"), 0);
    assert_int_equal(run_sql(db, "INSERT INTO t VALUES(1, 1, 'x')"), SQLITE_OK);
    assert_int_equal(sql_int(w->f, "lost.db", "SELECT count(*) FROM t"), 1);
    sqlite3_close(db);
    wal_free(v);
    mem_free(path);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    static const struct CMUnitTest tests[] = {
        TEST(commit_writes_its_frames_at_once_and_syncs_them),
        TEST(commits_do_not_ask_for_the_size_of_the_log),
        TEST(commit_that_is_not_synced_is_in_the_file_as_well),
        TEST(large_transaction_takes_few_writes),
        TEST(frames_of_an_open_transaction_are_read_by_their_own_connection_only),
        TEST(frames_of_a_transaction_that_was_rolled_back_do_not_count),
        TEST(log_is_folded_with_all_its_frames_and_begun_anew),
        TEST(write_that_fails_at_any_moment_fails_the_commit),
        TEST(frames_that_were_lost_by_a_read_fail_the_commit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The logs of both files are folded beside the writer: they stay short, the writer hardly folds,
 * and nothing is lost or damaged. */
#include "store_fixture.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/store/check.h"
#include "coordinator/store/fold.h"
#include "coordinator/store/sql_store.h"
#include "coordinator/store/sqlite_db.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PIECE (64 << 10)
#define MIB (INT64_C(1) << 20)

static char text[PIECE];

static int64_t size_of(const struct fixture *f, const char *name)
{
    struct stat st;
    char *path = str_dupf("%s/%s", f->folder, name);
    assert_int_equal(stat(path, &st), 0);
    mem_free(path);
    return st.st_size;
}

/* fold: runs within the transaction; NULL: none does. */
static void add_piece(struct store *s, int64_t n, struct fold *fold)
{
    struct chunk c = {
        .job = 1, .attempt = 1, .stream = 1, .offset = n * PIECE, .data = text, .len = sizeof text};
    memset(text, 'a' + (char)(n % 26), sizeof text);
    OK(store_begin(s, &e));
    OK(store_output_add(s, &c, &e));
    if (fold) fold_run(fold);
    OK(store_commit(s, &e));
}

/* All pieces are there, none is damaged, and no page is. */
static void has_pieces(const struct fixture *f, int64_t pieces)
{
    struct store_check c = {0};
    OK(store_check(f->folder, &c, &e));
    assert_int_equal(c.faults + c.index_faults, 0);
    assert_int_equal(c.damaged_chunks, 0);
    assert_int_equal(sql_int(f, "output.db", "SELECT count(*) FROM chunks"), pieces);
    assert_int_equal(sql_int(f, "output.db", "SELECT sum(length(data)) FROM chunks"),
                     pieces * PIECE);
}

static void count(void *user)
{
    ++*(int *)user;
}

/* What store_settle alone wrote to the file at most. */
struct seen {
    int64_t settled, longest_log;
    int asked;
    int64_t committed; /* the same in a commit while nobody else folded */
};

/* Writes `pieces` from `from` on. `every`: fold_run comes so many commits after it was asked for,
 * and while the writer writes, so that the log never is folded whole by it; 0: never. */
static struct seen write_pieces(struct fixture *f, struct fold *fold, const int *wakes,
                                int64_t from, int64_t pieces, int every)
{
    struct seen seen = {0};
    int ran = 0, late = 0; /* what was asked for before is done, too */
    for (int64_t n = from; n < from + pieces; n++) {
        bool now = *wakes > ran && every > 0 && ++late >= every;
        int64_t begun = size_of(f, "output.db");
        add_piece(f->store, n, now ? fold : NULL);
        int64_t committed = size_of(f, "output.db") - begun;
        if (!now && committed > seen.committed) seen.committed = committed;
        if (now) {
            ran = *wakes;
            late = 0;
        }
        int64_t before = size_of(f, "output.db");
        store_settle(f->store);
        int64_t settled = size_of(f, "output.db") - before, log = size_of(f, "output.db-wal");
        if (settled > seen.settled) seen.settled = settled;
        if (log > seen.longest_log) seen.longest_log = log;
    }
    seen.asked = *wakes;
    return seen;
}

static void log_is_folded_beside_the_writer_and_begins_anew(void **state)
{
    struct fixture *f = *state;
    struct fold *fold;
    int wakes = 0;
    OK(fold_open(f->folder, count, &wakes, &fold, &e));
    store_fold_apart(f->store, fold);
    struct seen seen = write_pieces(f, fold, &wakes, 0, 512, 3); /* 32 MiB */
    assert_in_range(seen.longest_log, 8 * MIB, 20 * MIB);
    assert_in_range(seen.settled, 0, MIB);
    assert_in_range(seen.asked, 8, 40);
    assert_true(size_of(f, "output.db") > 22 * MIB);
    store_fold_apart(f->store, NULL);
    fold_close(fold);
    has_pieces(f, 512);
}

static void without_one_that_folds__the_writer_does_as_before(void **state)
{
    struct fixture *f = *state;
    struct fold *fold;
    int wakes = 0;
    OK(fold_open(f->folder, count, &wakes, &fold, &e));
    store_fold_apart(f->store, fold);
    store_fold_apart(f->store, NULL);
    struct seen seen = write_pieces(f, fold, &wakes, 0, 320, 1);
    assert_int_equal(seen.asked, 0);
    assert_in_range(seen.settled, 3 * MIB, 6 * MIB);
    fold_close(fold);
    has_pieces(f, 320);
}

/* It hangs, or its disk does. */
static void one_that_does_not_fold__is_not_waited_for(void **state)
{
    struct fixture *f = *state;
    struct fold *fold;
    int wakes = 0;
    OK(fold_open(f->folder, count, &wakes, &fold, &e));
    store_fold_apart(f->store, fold);
    struct seen seen = write_pieces(f, fold, &wakes, 0, 640, 0);
    assert_in_range(seen.asked, 1, 2); /* again once the writer has folded the log */
    assert_in_range(seen.longest_log, 30 * MIB, 40 * MIB);
    fold_run(fold);
    seen = write_pieces(f, fold, &wakes, 640, 128, 3);
    assert_true(seen.asked > 1);
    store_fold_apart(f->store, NULL);
    fold_close(fold);
    has_pieces(f, 768);
}

/* Somebody reads what was there when `before` pieces were: no page that came later may go to the
 * file. late: fold_run comes so many commits after it was asked for. */
static void read_long(struct fixture *f, int64_t before, int late)
{
    struct fold *fold;
    int wakes = 0;
    sqlite3 *reader;
    sqlite3_stmt *q;
    char *path = str_dupf("%s/output.db", f->folder);
    OK(fold_open(f->folder, count, &wakes, &fold, &e));
    store_fold_apart(f->store, fold);
    write_pieces(f, fold, &wakes, 0, before, late);
    assert_int_equal(sqlite3_open(path, &reader), SQLITE_OK);
    assert_int_equal(sqlite3_exec(reader, "BEGIN", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(reader, "SELECT sum(length(data)) FROM chunks", -1, &q,
                                        NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(q), SQLITE_ROW);
    sqlite3_reset(q);
    int asked = wakes;
    struct seen seen = write_pieces(f, fold, &wakes, before, 641 - before, late); /* 40 MiB */
    assert_in_range(seen.asked - asked, 1, 60);
    assert_in_range(seen.settled, 0, MIB);
    assert_int_equal(sqlite3_step(q), SQLITE_ROW);
    assert_int_equal(sqlite3_column_int64(q, 0), before * PIECE);
    sqlite3_finalize(q);
    sqlite3_close(reader);
    seen = write_pieces(f, fold, &wakes, 641, 64, late);
    assert_in_range(seen.settled, 0, MIB); /* what the reader held back is the other's, too */
    assert_in_range(seen.committed, 0, MIB);
    seen = write_pieces(f, fold, &wakes, 705, 256, late);
    assert_in_range(seen.settled, 0, MIB);
    assert_true(size_of(f, "output.db") > 40 * MIB);
    store_fold_apart(f->store, NULL);
    fold_close(fold);
    mem_free(path);
    has_pieces(f, 961);
}

static void long_reader__is_not_disturbed_and_nobody_tries_at_each_commit(void **state)
{
    read_long(*state, 1, 1);
}

/* ... and the other thread is busy with the other log when it is asked. */
static void long_reader__whose_log_is_folded_late__leaves_it_to_the_other(void **state)
{
    read_long(*state, 1, 3);
}

static sqlite3 *reader_of_now(const struct fixture *f)
{
    sqlite3 *reader;
    char *path = str_dupf("%s/output.db", f->folder);
    assert_int_equal(sqlite3_open(path, &reader), SQLITE_OK);
    assert_int_equal(sqlite3_exec(reader, "BEGIN; SELECT count(*) FROM chunks", NULL, NULL, NULL),
                     SQLITE_OK);
    mem_free(path);
    return reader;
}

/* When the one in the middle of a long log goes, what it held back is no work for the writer. */
static void readers_one_after_the_other__leave_it_to_the_other(void **state)
{
    struct fixture *f = *state;
    struct fold *fold;
    int wakes = 0;
    add_piece(f->store, 0, NULL);
    sqlite3 *first = reader_of_now(f);
    OK(fold_open(f->folder, count, &wakes, &fold, &e));
    store_fold_apart(f->store, fold);
    write_pieces(f, fold, &wakes, 1, 235, 1); /* 5,000 pages */
    sqlite3 *second = reader_of_now(f);
    sqlite3_close(first);
    write_pieces(f, fold, &wakes, 236, 170, 1); /* 8,900 */
    assert_in_range(size_of(f, "output.db-wal"), 32 * MIB, 38 * MIB);
    sqlite3_close(second);
    struct seen seen = write_pieces(f, fold, &wakes, 406, 64, 1);
    assert_in_range(seen.settled, 0, MIB);
    store_fold_apart(f->store, NULL);
    fold_close(fold);
    has_pieces(f, 470);
}

static void file_that_is_missing__is_told(void **state)
{
    struct fixture *f = *state;
    struct fold *fold = NULL;
    char *folder = str_dupf("%s/nowhere", f->folder);
    FAILS(ERR_NOT_FOUND, fold_open(folder, count, NULL, &fold, &e));
    assert_null(fold);
    mem_free(folder);
    fold_close(NULL);
}

/* ---- the queue ---- */

#define LONG_LOG 9000 /* pages */

/* Is the writer to fold the log of output.db? */
static bool asks(const struct store *s)
{
    const struct sqlite *output = sqlite_of(&s->output);
    return output->ask_fold(output->apart, LONG_LOG);
}
#define JOBS 128 /* in a commit */
#define LARGE_COMMIT (8 * 1024 * 1024)

static void insert_jobs(struct store *s, int n, size_t spec_bytes)
{
    char *spec = mem_alloc(spec_bytes + 1);
    memset(spec, 'x', spec_bytes);
    for (int i = n * JOBS; i < (n + 1) * JOBS; i++) {
        struct job_row j = plain_job(i, "g");
        OK(store_job_insert(s, &j, spec, &e));
    }
    mem_free(spec);
}

static void add_jobs(struct store *s, int n, size_t spec_bytes, struct fold *fold)
{
    OK(store_begin(s, &e));
    OK(store_agents_all_offline(s, &e)); /* begins the transaction */
    insert_jobs(s, n, spec_bytes);
    if (fold) fold_run(fold);
    OK(store_commit(s, &e));
}

static void has_jobs(const struct fixture *f, int64_t jobs)
{
    struct store_check c = {0};
    OK(store_check(f->folder, &c, &e));
    assert_int_equal(c.faults + c.index_faults, 0);
    assert_int_equal(sql_int(f, "cadre.db", "SELECT count(*) FROM jobs"), jobs);
    check_counts(f);
}

/* What store_settle alone wrote to cadre.db at most, and the longest log. */
static struct seen write_jobs(struct fixture *f, struct fold *fold, int commits)
{
    struct seen seen = {0};
    for (int n = 0; n < commits; n++) {
        add_jobs(f->store, n, 2000, n % 3 ? NULL : fold);
        int64_t before = size_of(f, "cadre.db");
        store_settle(f->store);
        int64_t settled = size_of(f, "cadre.db") - before, log = size_of(f, "cadre.db-wal");
        if (settled > seen.settled) seen.settled = settled;
        if (log > seen.longest_log) seen.longest_log = log;
    }
    return seen;
}

static void log_of_the_queue_is_folded_beside_the_writer_too(void **state)
{
    struct fixture *f = *state;
    struct fold *fold;
    int wakes = 0;
    OK(fold_open(f->folder, count, &wakes, &fold, &e));
    store_fold_apart(f->store, fold);
    struct seen seen = write_jobs(f, fold, 160); /* 40 MiB */
    assert_in_range(seen.settled, 0, MIB);
    assert_in_range(seen.longest_log, 8 * MIB, 20 * MIB);
    assert_in_range(wakes, 8, 80);
    assert_true(size_of(f, "cadre.db") > 30 * MIB);
    store_fold_apart(f->store, NULL);
    fold_close(fold);
    has_jobs(f, 160 * JOBS);
}

static void queue_that_nobody_folds_beside__is_folded_by_the_writer(void **state)
{
    struct fixture *f = *state;
    struct fold *fold;
    int wakes = 0;
    OK(fold_open(f->folder, count, &wakes, &fold, &e));
    store_fold_apart(f->store, fold);
    struct seen hung = write_jobs(f, NULL, 160);
    assert_in_range(wakes, 1, 4); /* once for each log */
    assert_in_range(hung.longest_log, 30 * MIB, 40 * MIB);
    store_fold_apart(f->store, NULL);
    fold_close(fold);
    has_jobs(f, 160 * JOBS);
}

/* Each is more than the writer folds itself, and comes while the one before is folded. */
static void log_of_large_commits__has_a_bound(void **state)
{
    struct fixture *f = *state;
    struct fold *fold;
    int wakes = 0;
    int64_t longest = 0;
    OK(fold_open(f->folder, count, &wakes, &fold, &e));
    store_fold_apart(f->store, fold);
    for (int n = 0; n < 9; n++) {
        add_jobs(f->store, n, LARGE_COMMIT / JOBS, fold);
        store_settle(f->store);
        int64_t log = size_of(f, "cadre.db-wal");
        if (log > longest) longest = log;
    }
    assert_in_range(longest, 20 * MIB, 56 * MIB);
    store_fold_apart(f->store, NULL);
    fold_close(fold);
    has_jobs(f, 9 * JOBS);
}

/* It was asked, and the writer has done it meanwhile: then it does nothing. */
static void one_that_comes_too_late__folds_nothing(void **state)
{
    struct fixture *f = *state;
    struct fold *fold;
    int wakes = 0, n = 0;
    OK(fold_open(f->folder, count, &wakes, &fold, &e));
    store_fold_apart(f->store, fold);
    int64_t jobs = 0;
    do { /* until the writer begins the log anew itself */
        add_jobs(f->store, n++, 2000, NULL);
        store_settle(f->store);
        jobs = sql_int(f, "cadre.db", "SELECT count(*) FROM jobs");
    } while (size_of(f, "cadre.db") < 30 * MIB && n < 400);
    assert_in_range(size_of(f, "cadre.db"), 30 * MIB, 60 * MIB);
    assert_int_equal(jobs, (int64_t)n * JOBS);
    add_jobs(f->store, n++, 10, NULL);
    int64_t before = size_of(f, "cadre.db");
    fold_run(fold); /* nothing is asked of it */
    assert_int_equal(size_of(f, "cadre.db"), before);
    store_fold_apart(f->store, NULL);
    fold_close(fold);
    has_jobs(f, (int64_t)n * JOBS);
}

/* ---- what is left to the disk ---- */

static sqlite3_vfs watching, *plain;
static const sqlite3_io_methods *below;
static sqlite3_io_methods methods;
static int64_t unsynced;         /* bytes of output.db */
static struct store *commits_to; /* in the middle of a fold; NULL: nothing is committed */
static bool disk_fails, page_fails;

static int on_page(sqlite3_file *f, const void *data, int n, sqlite3_int64 at)
{
    struct store *s = commits_to;
    commits_to = NULL;
    if (s) {
        add_piece(s, 64, NULL);
        /* it is at work: the writer leaves it alone, however long the log is */
        assert_false(asks(s));
    }
    if (page_fails) return SQLITE_FULL;
    unsynced += n;
    return below->xWrite(f, data, n, at);
}

static int on_sync(sqlite3_file *f, int flags)
{
    unsynced = 0;
    return disk_fails ? SQLITE_IOERR_FSYNC : below->xSync(f, flags);
}

static int on_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *f, int flags, int *out)
{
    int rc = plain->xOpen(vfs, path, f, flags, out);
    if (rc != SQLITE_OK || !path || !strstr(path, "/output.db") || !(flags & SQLITE_OPEN_MAIN_DB))
        return rc;
    below = f->pMethods;
    methods = *below;
    methods.xWrite = on_page;
    methods.xSync = on_sync;
    f->pMethods = &methods;
    return rc;
}

/* Pieces of 64 commits stand in the log, of which folding is asked for; another one is committed
 * while they are folded. */
static struct fold *open_watched(struct fixture *f)
{
    struct fold *fold;
    static int wakes;
    wakes = 0;
    page_fails = false;
    plain = sqlite3_vfs_find(NULL);
    watching = *plain;
    watching.zName = "watching";
    watching.xOpen = on_open;
    sqlite3_vfs_register(&watching, 1);
    OK(fold_open(f->folder, count, &wakes, &fold, &e));
    sqlite3_vfs_unregister(&watching);
    store_fold_apart(f->store, fold);
    for (int64_t n = 0; n < 64; n++) {
        add_piece(f->store, n, NULL);
        store_settle(f->store);
    }
    assert_int_equal(wakes, 1);
    commits_to = f->store;
    return fold;
}

/* SQLite leaves the file unsynced when a commit comes in between, as is the rule beside a loud job:
 * a disk would get many MiB at once, later, and commits wait for that. */
static void pages_that_were_folded__are_synced_at_once(void **state)
{
    struct fixture *f = *state;
    struct fold *fold = open_watched(f);
    int64_t before = size_of(f, "output.db");
    fold_run(fold);
    assert_null(commits_to);
    assert_true(size_of(f, "output.db") > before + MIB);
    assert_int_equal(unsynced, 0);
    store_fold_apart(f->store, NULL);
    fold_close(fold);
    has_pieces(f, 65);
}

struct heard {
    char last[500];
    int lines;
};

static void hear(enum log_level level, const char *line, void *user)
{
    struct heard *h = user;
    (void)level;
    h->lines++;
    (void)str_copy(h->last, sizeof h->last, line);
}

/* So many lines since it was asked last, the last of them with these words. */
static void heard_is(struct heard *h, int lines, const char *words)
{
    if (h->lines != lines || !strstr(h->last, words))
        fail_msg("%d lines, the last is \"%s\"", h->lines, h->last);
    *h = (struct heard){0};
}

/* As much as has to come before it is asked to try again. */
static void add_until_asked_again(struct fixture *f, int64_t from)
{
    for (int64_t n = from; n < from + 20; n++) { /* 320 pages and more */
        add_piece(f->store, n, NULL);
        store_settle(f->store);
    }
}

static void pages_that_the_disk_does_not_take__are_told_and_tried_again(void **state)
{
    struct fixture *f = *state;
    static struct heard h;
    struct fold *fold = open_watched(f);
    int64_t before = size_of(f, "output.db");
    commits_to = NULL;
    log_set_sink(hear, &h);
    page_fails = true;
    fold_run(fold);
    heard_is(&h, 1,
             "/output.db: its log cannot be copied into it, and grows: database or disk is "
             "full; look at the disk: nothing is lost, and it is tried again");
    add_until_asked_again(f, 64);
    fold_run(fold);
    heard_is(&h, 0, ""); /* that is known */
    assert_int_equal(size_of(f, "output.db"), before);
    page_fails = false;
    add_until_asked_again(f, 84);
    fold_run(fold);
    heard_is(&h, 1, "/output.db: its log is copied into it again");
    assert_true(size_of(f, "output.db") > before + 4 * MIB);
    add_until_asked_again(f, 104);
    fold_run(fold);
    heard_is(&h, 0, "");
    log_set_sink(NULL, NULL);
    store_fold_apart(f->store, NULL);
    fold_close(fold);
    has_pieces(f, 124);
}

/* What the disk did not take is forgotten by the system: nobody may go on as if it were there. */
static void pages_that_cannot_be_synced__end_the_process(void **state)
{
    struct fixture *f = *state;
    int status;
    store_close(f->store);
    f->store = NULL;
    pid_t child = fork();
    if (child == 0) {
        signal(SIGABRT, SIG_DFL); /* cmocka takes it for a failure */
        OK(store_open(f->folder, &f->store, &e));
        struct fold *fold = open_watched(f);
        disk_fails = true;
        fold_run(fold);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
    OK(store_open(f->folder, &f->store, &e));
    has_pieces(f, 65);
}

/* The writer has taken the work back from one that did not begin in time. */
static void one_that_was_asked_and_is_late__leaves_the_log_to_the_writer(void **state)
{
    struct fixture *f = *state;
    struct fold *fold;
    int wakes = 0;
    OK(fold_open(f->folder, count, &wakes, &fold, &e));
    store_fold_apart(f->store, fold);
    for (int64_t n = 0; n < 64; n++) {
        add_piece(f->store, n, NULL);
        store_settle(f->store);
    }
    assert_int_equal(wakes, 1);
    int64_t before = size_of(f, "output.db");
    assert_true(asks(f->store));
    fold_run(fold);
    assert_int_equal(size_of(f, "output.db"), before);
    store_fold_apart(f->store, NULL);
    fold_close(fold);
    has_pieces(f, 64);
}

/* ---- on two threads ---- */

struct beside {
    struct fold *fold;
    _Atomic int wanted;
    _Atomic bool stop;
};

static void want(void *user)
{
    struct beside *b = user;
    atomic_fetch_add(&b->wanted, 1);
}

static void *fold_beside(void *user)
{
    struct beside *b = user;
    while (!b->stop) {
        if (atomic_exchange(&b->wanted, 0)) fold_run(b->fold);
        sched_yield();
    }
    return NULL;
}

static void begin_beside(struct fixture *f, struct beside *b, pthread_t *thread)
{
    OK(fold_open(f->folder, want, b, &b->fold, &e));
    store_fold_apart(f->store, b->fold);
    assert_int_equal(pthread_create(thread, NULL, fold_beside, b), 0);
}

static void end_beside(struct fixture *f, struct beside *b, pthread_t thread)
{
    b->stop = true;
    pthread_join(thread, NULL);
    store_fold_apart(f->store, NULL);
    fold_close(b->fold);
}

/* With rollbacks, deletes and a reader that comes and goes. */
static void writer_goes_on_while_another_thread_folds(void **state)
{
    struct fixture *f = *state;
    struct beside b = {0};
    pthread_t thread;
    int64_t longest = 0;
    begin_beside(f, &b, &thread);
    for (int64_t n = 0; n < 384; n++) {
        add_piece(f->store, n, NULL);
        store_settle(f->store);
        if (n % 4 == 0) add_jobs(f->store, (int)n / 4, 2000, NULL);
        store_settle(f->store);
        struct chunk c = {.job = 2, .attempt = 1, .stream = 1, .data = text, .len = sizeof text};
        begin(f);
        OK(store_output_add(f->store, &c, &e));
        insert_jobs(f->store, 1000, 500);
        store_rollback(f->store);
        if (n % 64 == 0)
            assert_int_equal(sql_int(f, "output.db", "SELECT count(*) FROM chunks"), n + 1);
        int64_t log = size_of(f, "output.db-wal");
        if (log > longest) longest = log;
    }
    end_beside(f, &b, thread);
    assert_in_range(longest, MIB, 40 * MIB);
    has_pieces(f, 384);
    has_jobs(f, 96 * JOBS);
}

/* The process ends while both threads are at work: what was committed is there. */
static void what_was_committed__is_there_after_a_death_on_the_way(void **state)
{
    struct fixture *f = *state;
    int64_t told = 0, n;
    int out[2];
    store_close(f->store);
    f->store = NULL;
    assert_int_equal(pipe(out), 0);
    pid_t child = fork();
    if (child == 0) {
        struct beside b = {0};
        pthread_t thread;
        close(out[0]);
        OK(store_open(f->folder, &f->store, &e));
        begin_beside(f, &b, &thread);
        for (n = 0;; n++) {
            add_jobs(f->store, (int)n, 500, NULL);
            add_piece(f->store, n, NULL);
            if (write(out[1], &n, sizeof n) != sizeof n) _exit(1);
            store_settle(f->store);
        }
    }
    assert_true(child > 0);
    close(out[1]);
    while (told < 150 && read(out[0], &n, sizeof n) == sizeof n)
        told++;
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
    while (read(out[0], &n, sizeof n) == sizeof n)
        told++;
    close(out[0]);
    OK(store_open(f->folder, &f->store, &e));
    n = sql_int(f, "output.db", "SELECT count(*) FROM chunks");
    assert_in_range(n, told, told + 1); /* one was committed and not told */
    has_pieces(f, n);
    int64_t jobs = sql_int(f, "cadre.db", "SELECT count(*) FROM jobs");
    assert_in_range(jobs, n * JOBS, (n + 1) * JOBS);
    assert_int_equal(jobs % JOBS, 0);
    has_jobs(f, jobs);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(log_is_folded_beside_the_writer_and_begins_anew),
        CASE(without_one_that_folds__the_writer_does_as_before),
        CASE(one_that_does_not_fold__is_not_waited_for),
        CASE(long_reader__is_not_disturbed_and_nobody_tries_at_each_commit),
        CASE(long_reader__whose_log_is_folded_late__leaves_it_to_the_other),
        CASE(readers_one_after_the_other__leave_it_to_the_other),
        CASE(file_that_is_missing__is_told),
        CASE(log_of_the_queue_is_folded_beside_the_writer_too),
        CASE(queue_that_nobody_folds_beside__is_folded_by_the_writer),
        CASE(log_of_large_commits__has_a_bound),
        CASE(one_that_comes_too_late__folds_nothing),
        CASE(pages_that_were_folded__are_synced_at_once),
        CASE(pages_that_the_disk_does_not_take__are_told_and_tried_again),
        CASE(pages_that_cannot_be_synced__end_the_process),
        CASE(one_that_was_asked_and_is_late__leaves_the_log_to_the_writer),
        CASE(writer_goes_on_while_another_thread_folds),
        CASE(what_was_committed__is_there_after_a_death_on_the_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The log of output.db is folded beside the writer: it stays short, the writer hardly folds, and
 * nothing is lost or damaged. */
#include "store_fixture.h"

#include "base/mem.h"
#include "base/str.h"
#include "coordinator/store/check.h"
#include "coordinator/store/fold.h"

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
    assert_int_equal(c.faults, 0);
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
    int ran = *wakes, late = 0;
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
    assert_int_equal(seen.asked, 1);
    assert_in_range(seen.longest_log, 30 * MIB, 40 * MIB);
    fold_run(fold);
    seen = write_pieces(f, fold, &wakes, 640, 128, 3);
    assert_true(seen.asked > 1);
    store_fold_apart(f->store, NULL);
    fold_close(fold);
    has_pieces(f, 768);
}

/* Somebody reads what was there at the start: no page that came later may go to the file. */
static void long_reader__is_not_disturbed_and_nobody_tries_at_each_commit(void **state)
{
    struct fixture *f = *state;
    struct fold *fold;
    int wakes = 0;
    sqlite3 *reader;
    sqlite3_stmt *q;
    char *path = str_dupf("%s/output.db", f->folder);
    add_piece(f->store, 0, NULL);
    assert_int_equal(sqlite3_open(path, &reader), SQLITE_OK);
    assert_int_equal(sqlite3_exec(reader, "BEGIN", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(reader, "SELECT sum(length(data)) FROM chunks", -1, &q,
                                        NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(q), SQLITE_ROW);
    sqlite3_reset(q);
    OK(fold_open(f->folder, count, &wakes, &fold, &e));
    store_fold_apart(f->store, fold);
    struct seen seen = write_pieces(f, fold, &wakes, 1, 640, 1); /* 40 MiB, 10,000 pages */
    assert_in_range(seen.asked, 1, 60);
    assert_in_range(seen.settled, 0, MIB);
    assert_int_equal(sqlite3_step(q), SQLITE_ROW);
    assert_int_equal(sqlite3_column_int64(q, 0), PIECE);
    sqlite3_finalize(q);
    sqlite3_close(reader);
    seen = write_pieces(f, fold, &wakes, 641, 64, 1);
    assert_in_range(seen.settled, 0, MIB); /* what the reader held back is the other's, too */
    assert_in_range(seen.committed, 0, MIB);
    seen = write_pieces(f, fold, &wakes, 705, 256, 1);
    assert_in_range(seen.settled, 0, MIB);
    assert_true(size_of(f, "output.db") > 40 * MIB);
    store_fold_apart(f->store, NULL);
    fold_close(fold);
    mem_free(path);
    has_pieces(f, 961);
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
        struct chunk c = {.job = 2, .attempt = 1, .stream = 1, .data = text, .len = sizeof text};
        begin(f);
        OK(store_output_add(f->store, &c, &e));
        store_rollback(f->store);
        if (n % 64 == 0)
            assert_int_equal(sql_int(f, "output.db", "SELECT count(*) FROM chunks"), n + 1);
        int64_t log = size_of(f, "output.db-wal");
        if (log > longest) longest = log;
    }
    end_beside(f, &b, thread);
    assert_in_range(longest, MIB, 40 * MIB);
    has_pieces(f, 384);
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
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(log_is_folded_beside_the_writer_and_begins_anew),
        CASE(without_one_that_folds__the_writer_does_as_before),
        CASE(one_that_does_not_fold__is_not_waited_for),
        CASE(long_reader__is_not_disturbed_and_nobody_tries_at_each_commit),
        CASE(file_that_is_missing__is_told),
        CASE(writer_goes_on_while_another_thread_folds),
        CASE(what_was_committed__is_there_after_a_death_on_the_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

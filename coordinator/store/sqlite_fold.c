/* Folding beside the writer. The writer asks, this folds, and says how far it came.
 *
 *   log:  | folded | came since |      at_once pages came: fold_run
 *         0                     pages  ANEW pages, at most rest() came: the writer folds these, and
 *                                      begins the log anew with its next commit */
#include "coordinator/store/fold.h"

#include "coordinator/store/sqlite_db.h"
#include "coordinator/store/sqlite_schema.h"
#include "coordinator/store/sql_store.h"

#include "base/log.h"
#include "base/mem.h"

#include <stdatomic.h>
#include <stdlib.h>

/* Pages. Commits wait for what a disk is given at once: 1 MiB of output. The pages of the queue
 * change often, and each is written once for all of its changes. */
#define OUTPUT_AT_ONCE 256
#define QUEUE_AT_ONCE 1024
#define ANEW 3072 /* a log of this length begins anew */
#define LATE 64   /* at once from there on, so that little is left */
#define REST 32   /* so few the writer folds itself, ... */
#define MORE 256  /* ... twice as many for each MORE that the log is longer, ... */
#define MOST 512  /* ... and so many at most */
/* A log of this length the writer folds, when fold_run was asked LARGE pages ago and did not begin,
 * or when it goes on and commits are so large that it never catches up: then LARGE is left. */
#define HUNG 8000
#define LARGE 4096
#define AGAIN 256 /* pages later it is tried again, when a reader was in the way */

/* Two connections that fold a log, while a commit begins it anew, may damage the file: in SQLite
 * before 3.51.3 (sqlite.org/wal.html, "The WAL-Reset Bug"). So the writer folds only while the
 * folding thread is not about to: whoever takes the state from ASKED has it to do. */
enum fold_state { FOLD_IDLE, FOLD_ASKED, FOLD_RUNS };

/* Of one log. */
struct fold_log {
    struct fold *fold;
    struct db db; /* of the folding thread */
    int at_once;
    _Atomic int state; /* enum fold_state; when not FOLD_IDLE, `folded` is the folding thread's */
    int folded;        /* pages of the log, as far as is known */
    int failed;        /* of SQLite: why the last fold failed, which was told; 0: it did not */

    /* store thread */
    int pages;      /* in the log, at the last question */
    int asked_from; /* `folded` when fold_run was called last; not more since: */
    int next_ask;   /* with fewer pages in the log it is not called again */
    int next_rest;  /* ... and the writer does not fold again */
    bool by_writer; /* it folded all that there was: the log may have begun anew since */
};

struct fold {
    struct fold_log queue, output;
    void (*wake)(void *user);
    void *user;
};

static int open_log(struct fold *f, struct fold_log *l, const char *folder, const char *name,
                    struct err *e)
{
    char *path = db_path(folder, name);
    int64_t tables;
    l->fold = f;
    int rc = db_open(&l->db, path, DB_READER, e);
    /* the log is on disk before its pages come to the file */
    if (rc == 0) rc = db_exec(&l->db, "PRAGMA synchronous=FULL", e);
    /* before the first read, a connection does not know that there is a log */
    if (rc == 0) rc = db_int(&l->db, "SELECT count(*) FROM sqlite_schema", &tables, e);
    mem_free(path);
    return rc;
}

int fold_open(const char *state_folder, void (*wake)(void *user), void *user, struct fold **out,
              struct err *e)
{
    struct fold *f = mem_alloc(sizeof *f);
    f->wake = wake;
    f->user = user;
    f->queue.at_once = QUEUE_AT_ONCE;
    f->output.at_once = OUTPUT_AT_ONCE;
    int rc = open_log(f, &f->queue, state_folder, QUEUE_FILE, e);
    if (rc == 0) rc = open_log(f, &f->output, state_folder, OUTPUT_FILE, e);
    if (rc != 0) {
        fold_close(f);
        return rc;
    }
    *out = f;
    return 0;
}

void fold_close(struct fold *f)
{
    if (!f) return;
    db_close(&f->queue.db);
    db_close(&f->output.db);
    mem_free(f);
}

/* From FOLD_ASKED; false: it was another one. */
static bool take_state(struct fold_log *l, int next)
{
    int asked = FOLD_ASKED;
    return atomic_compare_exchange_strong(&l->state, &asked, next);
}

/* What a disk did not take may never reach it, though the next sync succeeds: the system forgets
 * that it was to be written. The log has it all, and who opens the files next copies it anew. */
static _Noreturn void give_up(const struct fold_log *l, int rc)
{
    log_error("%s: what was copied from its log did not reach the disk (%s). The coordinator ends, "
              "so that its next start copies the log anew: nothing is lost, but look at the disk",
              l->db.path, sqlite3_errstr(rc));
    abort();
}

/* Nothing is lost meanwhile, but the log grows, and a commit would be the first to say so. */
static void tell(struct fold_log *l, int rc)
{
    if (rc == SQLITE_BUSY || rc == l->failed) return;
    if (rc != SQLITE_OK)
        log_error("%s: its log cannot be copied into it, and grows: %s; look at the disk: nothing "
                  "is lost, and it is tried again",
                  l->db.path, sqlite3_errstr(rc));
    else
        log_info("%s: its log is copied into it again", l->db.path);
    l->failed = rc;
}

static void run(struct fold_log *l)
{
    int in_log = 0, folded = 0;
    if (!take_state(l, FOLD_RUNS)) return;
    int rc = sqlite3_wal_checkpoint_v2(sqlite_handle(&l->db), "main", SQLITE_CHECKPOINT_PASSIVE,
                                       &in_log, &folded);
    if (rc == SQLITE_OK) {
        l->folded = folded;
        /* SQLite syncs the file only when nothing came to the log meanwhile. What it left unsynced
         * would grow, and be a disk's work at once. */
        int sync_rc = db_sync(&l->db);
        if (sync_rc != SQLITE_OK) give_up(l, sync_rc);
    }
    tell(l, rc);
    atomic_store_explicit(&l->state, FOLD_IDLE, memory_order_release);
}

void fold_run(struct fold *f)
{
    run(&f->queue);
    run(&f->output);
}

/* The log began anew: what is known is of the one before. */
static void forget(struct fold_log *l)
{
    l->folded = l->asked_from = l->next_ask = l->next_rest = 0;
}

/* So few pages of a log of this length the writer folds itself. The store thread waits for that, so
 * it is little where the folding thread keeps up, and more where commits are large. */
static int rest(int pages)
{
    int most = REST;
    for (int n = ANEW + MORE; n <= pages && most < MOST; n += MORE)
        most *= 2;
    return pages < ANEW ? 0 : most;
}

static bool fold_run_is_due(const struct fold_log *l, int left)
{
    if (left < (l->pages < ANEW ? l->at_once : LATE)) return false;
    return l->folded > l->asked_from || l->pages >= l->next_ask;
}

/* The folding thread goes on, and what comes is always more than it folded. */
static bool never_catches_up(const struct fold_log *l, int left)
{
    return l->pages >= HUNG && left <= LARGE && l->folded > l->asked_from;
}

/* The writer has it to do, now. */
static bool by_writer(struct fold_log *l, int pages)
{
    l->pages = pages;
    l->by_writer = true;
    return true;
}

/* Of struct sqlite. */
static bool ask(struct fold_log *l, int pages)
{
    if (atomic_load_explicit(&l->state, memory_order_acquire) != FOLD_IDLE)
        return pages >= HUNG && pages - l->pages >= LARGE && take_state(l, FOLD_IDLE) &&
               by_writer(l, pages);
    if (pages < l->pages || pages < l->folded || (l->by_writer && pages == l->pages)) forget(l);
    l->pages = pages;
    l->by_writer = false;
    int left = pages - l->folded;
    if (left <= rest(pages) || never_catches_up(l, left)) {
        if (pages < l->next_rest) return false;
        l->next_rest = pages + AGAIN;
        return by_writer(l, pages);
    }
    if (!fold_run_is_due(l, left)) return false;
    l->next_ask = pages + AGAIN;
    l->asked_from = l->folded;
    atomic_store_explicit(&l->state, FOLD_ASKED, memory_order_release);
    l->fold->wake(l->fold->user);
    return false;
}

void store_fold_apart(struct store *s, struct fold *f)
{
    struct sqlite *queue = sqlite_of(&s->queue), *output = sqlite_of(&s->output);
    queue->apart = f ? &f->queue : NULL;
    output->apart = f ? &f->output : NULL;
    queue->ask_fold = output->ask_fold = ask;
}

/* Folding beside the writer. The writer asks, this folds, and says how far it came.
 *
 *   log:  | folded | came since |      AT_ONCE pages came: fold_run
 *         0                     pages  ANEW pages, at most REST came: the writer folds these, and
 *                                      begins the log anew with its next commit */
#include "coordinator/store/fold.h"

#include "coordinator/store/sqlite_store.h"

#include "base/mem.h"

#include <stdatomic.h>

/* Pages. Commits wait for what a disk is given at once, so that is 1 MiB. */
#define AT_ONCE 256
#define ANEW 3072     /* a log of this length begins anew */
#define HUNG 8000     /* so long when fold_run was asked and did not end: the writer folds */
#define REST 128      /* so few the writer folds itself */
#define AGAIN 256     /* pages later it is tried again, when a reader was in the way */
#define PASSES_MOST 4 /* of one run: each leaves what came while it went on */

struct fold {
    struct db db; /* of the folding thread */
    void (*wake)(void *user);
    void *user;
    _Atomic bool asked; /* fold_run has it to do; the members below are its own then */
    int folded;         /* pages of the log, as far as is known */

    /* store thread */
    int pages;     /* in the log, at the last question */
    int next_ask;  /* with fewer pages in the log fold_run is not called again */
    int next_rest; /* ... and the writer does not fold again */
};

int fold_open(const char *state_folder, void (*wake)(void *user), void *user, struct fold **out,
              struct err *e)
{
    struct fold *f = mem_alloc(sizeof *f);
    char *path = db_path(state_folder, OUTPUT_FILE);
    int64_t tables;
    f->wake = wake;
    f->user = user;
    int rc = db_open(&f->db, path, DB_READER, e);
    /* before the first read, a connection does not know that there is a log */
    if (rc == 0) rc = db_int(&f->db, "SELECT count(*) FROM sqlite_schema", &tables, e);
    mem_free(path);
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
    db_close(&f->db);
    mem_free(f);
}

void fold_run(struct fold *f)
{
    int in_log = 0, folded = 0;
    bool whole = false;
    for (int i = 0; i < PASSES_MOST; i++) {
        int rc = sqlite3_wal_checkpoint_v2(f->db.handle, "main", SQLITE_CHECKPOINT_PASSIVE, &in_log,
                                           &folded);
        if (rc != SQLITE_OK) break;
        f->folded = folded;
        whole = folded == in_log;
        if (in_log - folded <= REST / 2) break;
    }
    /* SQLite syncs the file only when all of the log is in it: the writer would wait for it all. */
    if (!whole) db_sync(&f->db);
    atomic_store_explicit(&f->asked, false, memory_order_release);
}

/* The log began anew: what is known is of the one before. */
static void forget(struct fold *f)
{
    f->folded = f->next_ask = f->next_rest = 0;
}

/* Of struct db. */
static bool ask(struct fold *f, int pages)
{
    if (atomic_load_explicit(&f->asked, memory_order_acquire)) return pages >= HUNG;
    if (pages < f->pages || pages < f->folded) forget(f);
    f->pages = pages;
    int left = pages - f->folded;
    if (left >= AT_ONCE && pages >= f->next_ask) {
        f->next_ask = pages + AGAIN;
        atomic_store_explicit(&f->asked, true, memory_order_release);
        f->wake(f->user);
        return false;
    }
    if (pages < ANEW || left > REST || pages < f->next_rest) return false;
    f->next_rest = pages + AGAIN;
    return true;
}

void store_fold_apart(struct store *s, struct fold *f)
{
    s->output.apart = f;
    s->output.ask_fold = ask;
}

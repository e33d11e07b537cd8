/* One flag under a lock. */
#include "coordinator/folding.h"

#include "base/mem.h"
#include "coordinator/store/fold.h"

#include <stdbool.h>
#include <uv.h>

struct folding {
    struct store *store;
    struct fold *fold;
    uv_thread_t thread;
    uv_mutex_t lock; /* guards what follows */
    uv_cond_t wake;
    bool wanted, stop;
};

static void folding_thread(void *arg)
{
    struct folding *f = arg;
    uv_mutex_lock(&f->lock);
    for (;;) {
        while (!f->wanted && !f->stop)
            uv_cond_wait(&f->wake, &f->lock);
        if (f->stop) break;
        f->wanted = false;
        uv_mutex_unlock(&f->lock);
        fold_run(f->fold);
        uv_mutex_lock(&f->lock);
    }
    uv_mutex_unlock(&f->lock);
}

/* On the store thread. */
static void on_wake(void *user)
{
    struct folding *f = user;
    uv_mutex_lock(&f->lock);
    f->wanted = true;
    uv_cond_signal(&f->wake);
    uv_mutex_unlock(&f->lock);
}

static void folding_free(struct folding *f)
{
    fold_close(f->fold);
    uv_cond_destroy(&f->wake);
    uv_mutex_destroy(&f->lock);
    mem_free(f);
}

int folding_start(const char *state_folder, struct store *store, struct folding **out,
                  struct err *e)
{
    struct folding *f = mem_alloc(sizeof *f);
    f->store = store;
    if (uv_mutex_init(&f->lock) || uv_cond_init(&f->wake)) mem_exhausted();
    int rc = fold_open(state_folder, on_wake, f, &f->fold, e);
    if (!rc) {
        int status = uv_thread_create(&f->thread, folding_thread, f);
        if (status)
            rc =
                err_set(e, ERR_IO, "the folding thread cannot be started: %s", uv_strerror(status));
    }
    if (rc) {
        folding_free(f);
        return rc;
    }
    store_fold_apart(store, f->fold);
    *out = f;
    return 0;
}

void folding_stop(struct folding *f)
{
    if (!f) return;
    store_fold_apart(f->store, NULL);
    uv_mutex_lock(&f->lock);
    f->stop = true;
    uv_cond_signal(&f->wake);
    uv_mutex_unlock(&f->lock);
    uv_thread_join(&f->thread);
    folding_free(f);
}

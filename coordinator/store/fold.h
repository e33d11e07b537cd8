/* SQLite alone: folding the logs of cadre.db and output.db into their files beside the writer, on a
 * thread and connections of its own. Jobs fill the log with megabytes a second, and to fold 4 MiB
 * takes a disk as long as many commits: on the store thread, all commands would wait for it.
 *
 * The writer keeps a log short together with this: a log begins anew when all of it is folded,
 * which never is the case while the writer goes on. So when this has caught up, the writer folds
 * the few pages that came meanwhile itself (store_settle); of a log of 32 MiB it folds up to 16 MiB
 * when commits are too large for that, and all when this was asked long ago and did not begin. */
#ifndef CADRE_COORDINATOR_STORE_FOLD_H
#define CADRE_COORDINATOR_STORE_FOLD_H

#include "base/err.h"

struct fold;
struct store;

/* Opens connections to both files of an open store. wake: called on the store thread, from
 * store_settle, when fold_run is to be called; maybe again before it was. Errors as in store.h. */
int fold_open(const char *state_folder, void (*wake)(void *user), void *user, struct fold **out,
              struct err *e);
void fold_close(struct fold *f); /* NULL is fine */
/* Folds what is in the logs for which it was called and syncs their files. On one thread, which may
 * be another than the store's; takes as long as the disk does. What fails is tried again at the
 * next call: the log has it all. */
void fold_run(struct fold *f);
/* store_settle leaves the logs to `f`, which lives until this is called with NULL. On the store
 * thread, or while there is none. */
void store_fold_apart(struct store *s, struct fold *f);

#endif

/* What a connection asks of the one that folds its log beside it (fold.h). */
#ifndef CADRE_COORDINATOR_STORE_SQLITE_FOLD_H
#define CADRE_COORDINATOR_STORE_SQLITE_FOLD_H

#include <stdbool.h>

struct fold;

/* After a commit, on the writer's thread: its log has so many pages. True: the writer is to fold
 * the log, of which little is left to fold. */
bool fold_ask(struct fold *f, int pages);

#endif
